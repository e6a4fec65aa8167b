//! Each mistake, its place, and the value that was probably meant.

use super::{BASE, diagnostics, problems, rendered};

/// Every problem of the line shows, each in one line: the exact text of most messages.
#[test]
fn each_mistake_has_its_place_and_the_value_probably_meant() {
    for (line, problem) in [
        (
            "START=Yes",
            "3:7: error: START: \"Yes\" is neither yes nor no; expected yes or no; probably meant: START=yes",
        ),
        (
            "PERSIST=yes",
            "3:9: error: PERSIST: \"yes\" is neither 1 nor 0; expected 1 or 0; probably meant: PERSIST=1",
        ),
        (
            "HOLDOFF=5s",
            "3:9: error: HOLDOFF: \"5s\" is not a whole number; expected 0 to 86400 (seconds); probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF=-1",
            "3:9: error: HOLDOFF: \"-1\" is not a whole number; expected 0 to 86400 (seconds)",
        ),
        (
            "HOLDOFF=86401",
            "3:9: error: HOLDOFF: the number is too large; expected 0 to 86400 (seconds)",
        ),
        (
            "HOLDOFF='5",
            "3:9: error: the quote ' is not closed on its line; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF=5 # note",
            "3:11: warning: a note behind the value of HOLDOFF; it is ignored; put it on a line of its own",
        ),
        (
            "HOLDOFF=\u{ff15}",
            "3:9: error: HOLDOFF: \"\u{ff15}\" is not a whole number; expected 0 to 86400 (seconds); probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF=5\u{3000}# note",
            "3:10: error: a blank that is not an ASCII blank behind the value of HOLDOFF; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF = 5",
            "3:8: error: a blank beside the equals sign; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF =5",
            "3:8: error: a blank beside the equals sign; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF= 5",
            "3:9: error: a blank beside the equals sign; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF: 5",
            "3:1: error: this is neither a setting nor a comment; expected KEY=VALUE; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF+=5",
            "3:8: error: nothing can be appended to a value; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF",
            "3:1: error: this is neither a setting nor a comment; expected KEY=VALUE, e.g. HOLDOFF=5",
        ),
        (
            "HOLDOFF=5; RETRY=3",
            "3:10: error: ; ends the value of HOLDOFF unless it is quoted; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF=5 RETRY=3",
            "3:11: error: a second setting behind the value of HOLDOFF; expected one setting on a line; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF=5\\",
            "3:10: error: a value cannot go on on the next line; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF=5\u{7}",
            "3:10: error: the control character 0x07 in the value of HOLDOFF; probably meant: HOLDOFF=5",
        ),
        (
            "HOLDOFF=$WAIT",
            "3:9: error: \"$WAIT\" is not replaced by a value here; probably meant: HOLDOFF='$WAIT'",
        ),
        (
            "ACCOUNT=user@$APN",
            "3:14: error: \"$APN\" is not replaced by a value here; probably meant: ACCOUNT=user@dream.jp",
        ),
        (
            "ACCOUNT=\"${APN}x\"",
            "3:10: error: \"${APN}\" is not replaced by a value here; probably meant: ACCOUNT=dream.jpx",
        ),
        (
            "ACCOUNT=a$b",
            "3:10: error: \"$b\" is not replaced by a value here; probably meant: ACCOUNT='a$b'",
        ),
        (
            "RETRY=$(cat x)",
            "3:7: error: \"$(cat x)\" is not executed here; expected the value itself, e.g. RETRY=3",
        ),
        (
            "RETRY=`cat x`",
            "3:7: error: \"`cat x`\" is not executed here; expected the value itself, e.g. RETRY=3",
        ),
        (
            "ACCOUNT=$'a'",
            "3:9: error: a dollar sign before a quote has no meaning here; probably meant: ACCOUNT=a",
        ),
        (
            "ACCOUNT=John Smith",
            "3:14: error: text behind the value of ACCOUNT; probably meant: ACCOUNT='John Smith'",
        ),
        (
            "ACCOUNT=a&b",
            "3:10: error: & ends the value of ACCOUNT unless it is quoted; probably meant: ACCOUNT='a&b'",
        ),
        (
            "ACCOUNT=sora <--- note",
            "3:14: error: text behind the value of ACCOUNT; probably meant: ACCOUNT=sora",
        ),
        (
            "ACCOUNT='a\"b'",
            "3:9: error: ACCOUNT: the quote \" does not belong into the account's name; expected a name without control characters and quotes, at most 255 bytes",
        ),
        (
            "CARRIERID=44020 <--- note",
            "3:17: error: text behind the value of CARRIERID; probably meant: CARRIERID=44020",
        ),
        (
            "CARRIERID=44020<--- note",
            "3:16: error: < ends the value of CARRIERID unless it is quoted; probably meant: CARRIERID=44020",
        ),
        (
            "CARRIERID=7",
            "3:11: error: CARRIERID: \"7\" is not a carrier; expected 1 to 5, or the five digits of a network, e.g. 44010",
        ),
        (
            "PDPTYPE=IPV4V6",
            "3:9: error: PDPTYPE: IPV4V6 does not act yet: IPv6 comes later; expected IP or PPP",
        ),
        (
            "PDPTYPE=ip",
            "3:9: error: PDPTYPE: \"ip\" is not one of its values; expected IP or PPP; probably meant: PDPTYPE=IP",
        ),
        (
            "AUTH=MSCHAP",
            "3:6: error: AUTH: \"MSCHAP\" is not one of its values; expected CHAP, PAP or NOAUTH",
        ),
        (
            "LOCALADDR=10.0.0.300",
            "3:11: error: LOCALADDR: \"10.0.0.300\" is not an IPv4 address; expected the address of a host, e.g. 192.0.2.1, or nothing to have it negotiated",
        ),
        (
            "NETMASK=255.0.255.0",
            "3:9: error: NETMASK: the ones of 255.0.255.0 are not in one piece; expected a netmask, e.g. 255.255.255.0",
        ),
        (
            "RESET_AT=25:00",
            "3:10: error: RESET_AT: \"25:00\" is not a time of day; expected hh:mm, 00:00 to 23:59; probably meant: RESET_AT=23:59",
        ),
        (
            "RESET_ALWAYS=no",
            "3:14: error: RESET_ALWAYS: \"no\" is neither 1 nor 0; expected 1 or 0; probably meant: RESET_ALWAYS=0",
        ),
        (
            "NETMODE=3G",
            "3:9: error: NETMODE: \"3G\" is not one of its values; expected AUTO, WCDMA, LTE or NONE; probably meant: NETMODE=WCDMA",
        ),
        (
            "MONITOR_INTERVAL=0",
            "3:18: error: MONITOR_INTERVAL: the number is too small; expected 1 to 86400 (seconds)",
        ),
        (
            "MONITOR_TARGET='a b'",
            "3:16: error: MONITOR_TARGET: \"a b\" is neither a host name nor an IPv4 address; expected e.g. www.example.jp or 192.0.2.1",
        ),
        (
            "CONNECT_OK=0",
            "3:12: error: CONNECT_OK: \"0\" is not one of its values; expected 1, or no such line",
        ),
        (
            "PIN=123",
            "3:5: error: PIN: the value is not a PIN; expected 4 to 8 digits",
        ),
        (
            "PASSWORD=a b",
            "3:12: error: text behind the value of PASSWORD; in single quotes it is taken as it stands: PASSWORD='...'",
        ),
        (
            "PASSWORD=a$b",
            "3:11: error: what begins with $ or ` in PASSWORD is not replaced by a value here; in single quotes it is taken as it stands: PASSWORD='...'",
        ),
        (
            "persist=0",
            "3:1: warning: the key persist is not known; did you mean PERSIST?",
        ),
        (
            "HOLD_OFF=0",
            "3:1: warning: the key HOLD_OFF is not known; did you mean HOLDOFF?",
        ),
        (
            "UNHEARD=$(of) it",
            "3:1: warning: the key UNHEARD is not known",
        ),
        (
            "if true; then",
            "3:1: error: this is neither a setting nor a comment; expected KEY=VALUE, or # before a comment",
        ),
        (
            "HOLDOFF=5 # \u{0}\u{fffd}",
            "3:11: warning: a note behind the value of HOLDOFF; it is ignored; put it on a line of its own",
        ),
    ] {
        assert_eq!(problems(&format!("{BASE}{line}\n")), [problem], "{line}");
    }
    assert_eq!(
        problems("DEVICE=LISA-U20\nAPN=a\n"),
        [
            "1:8: error: DEVICE: \"LISA-U20\" is not a model that is known; expected AUTO, a model such as LISA-U200, or \
             the modem's tty, e.g. /dev/ttyUSB3; a tty of that name is written /dev/LISA-U20; probably meant: \
             DEVICE=LISA-U200"
        ]
    );
}

#[test]
fn a_bad_value_is_shown_with_its_line() {
    assert_eq!(
        rendered(&format!(
            "{BASE}\n\n\n\n\n\n\nCARRIERID=44020 <--- 接続するキャリア\n"
        )),
        "error: text behind the value of CARRIERID
  --> /etc/default/ppp:10:17
   |
10 | CARRIERID=44020 <--- 接続するキャリア
   |                 ^^^^^^^^^^^^^^^^^^^^^
   |
   = help: probably meant: CARRIERID=44020"
    );
    assert_eq!(
        rendered(&format!("{BASE}PASSWORD=geheim $x\n")),
        "error: text behind the value of PASSWORD
 --> /etc/default/ppp:3:17
  |
3 | PASSWORD=<hidden>
  |          ^^^^^^^^
  |
  = help: in single quotes it is taken as it stands: PASSWORD='...'"
    );
    assert_eq!(
        rendered(&format!("{BASE}PRESIST=0\n")),
        "warning: the key PRESIST is not known
 --> /etc/default/ppp:3:1
  |
3 | PRESIST=0
  | ^^^^^^^
  |
  = help: did you mean PERSIST?"
    );
    assert_eq!(
        rendered(&format!("{BASE}RESET_AT=3:00\n")),
        "error: RESET_AT: \"3:00\" is not a time of day
 --> /etc/default/ppp:3:10
  |
3 | RESET_AT=3:00
  |          ^^^^
  |
  = help: expected hh:mm, 00:00 to 23:59; probably meant: RESET_AT=03:00"
    );
    assert_eq!(
        rendered(&format!("{BASE}MONITOR_TARGET=http://www.example.jp/\n")),
        "error: MONITOR_TARGET: \"http://www.example.jp/\" is neither a host name nor an IPv4 address
 --> /etc/default/ppp:3:16
  |
3 | MONITOR_TARGET=http://www.example.jp/
  |                ^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: expected e.g. www.example.jp or 192.0.2.1; probably meant: MONITOR_TARGET=www.example.jp"
    );
}

#[test]
fn all_problems_are_found_in_the_order_of_the_file() {
    let text = "HOLDOFF=x\nPERSIST=x\nBOGUS=1\nDEVICE=auto\nAUTH=x\nAPN=a b\nACCOUNT=$x\n";
    let lines: Vec<usize> = diagnostics(text).iter().map(|found| found.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn the_rest_of_a_broken_value_is_not_shown() {
    let text = format!("{BASE}PASSWORD=\"geheim\nnoch geheimer\"\nHOLDOFF=x\n");
    assert_eq!(
        problems(&text),
        [
            "3:10: error: the quote \" is not closed on its line; \
             in single quotes it is taken as it stands: PASSWORD='...'",
            "5:9: error: HOLDOFF: \"x\" is not a whole number; expected 0 to 86400 (seconds)",
        ]
    );
}

/// A secret may stand behind the value of another key, where a shell would take it for a command of its own.
#[test]
fn a_secret_behind_another_value_is_not_shown() {
    for behind in [
        ";PASSWORD=geheim",
        "&PASSWD=geheim;X=y",
        "|PIN=geheim",
        "<PASSWORD=geheim",
    ] {
        let text = format!("{BASE}ACCOUNT=u{behind}\nHOLDOFF='5{behind}'\n");
        let found = diagnostics(&text);
        assert_eq!(found.len(), 2, "{text}");
        for found in found {
            let shown = format!("{} {found}", found.render());
            assert!(
                !shown.contains("geheim") && shown.contains("<hidden>"),
                "{shown}"
            );
        }
    }
}

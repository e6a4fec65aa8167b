use std::net::Ipv4Addr;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::config::{Auth, Config, Device, Diagnostic, PdpType, Severity, read};

const FILE: &str = "/etc/default/ppp";

/// What every file needs to be dialed with.
const BASE: &str = "DEVICE=ttyUSB0\nAPN=dream.jp\n";

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    read(FILE, text.as_bytes()).1
}

/// One line for each problem of `text`, `FILE:` left out.
fn problems(text: &str) -> Vec<String> {
    let lines = diagnostics(text).into_iter().map(|found| found.to_string());
    lines
        .map(|line| line.replacen("/etc/default/ppp:", "", 1).trim().to_owned())
        .collect()
}

/// The only problem of `text`, in full.
fn rendered(text: &str) -> String {
    match diagnostics(text).as_slice() {
        [only] => only.render(),
        other => panic!("{text}: {other:#?}"),
    }
}

/// The configuration of a file without errors.
fn config(text: &str) -> Config {
    let (config, problems) = read(FILE, text.as_bytes());
    config.unwrap_or_else(|| panic!("{text}: {problems:#?}"))
}

/// The keys of which `text` says that they do not act yet; there must be no other problem.
fn not_yet(text: &str) -> Vec<String> {
    let (_, found) = read(FILE, text.as_bytes());
    let key = |found: &Diagnostic| {
        assert_eq!(found.severity, Severity::Warning, "{found}");
        let key = found.message.strip_suffix(" does not act yet");
        key.unwrap_or_else(|| panic!("{found}")).to_owned()
    };
    found.iter().map(key).collect()
}

/// The document's generated example.
const EXAMPLE: &str = "START=yes
PROVIDER=
PERSIST=1
RESET_ON_FAIL=1
RESET_ALWAYS=0
RESET_WAIT=30
HOLDOFF=5

# PPP config
APN=dream.jp
PDPTYPE=IP
DEMAND=1
IDLE=60
DEVICE=LISA-U200
DEFAULTROUTE=1
AUTH=CHAP
ACCOUNT=user@dream.jp
PASSWORD=dti
";

#[test]
fn reads_the_documents_example_without_demand() {
    let text = EXAMPLE.replace("DEMAND=1\nIDLE=60\n", "DEMAND=0\n");
    let config = config(&text);
    assert!(config.start && config.persist && config.default_route);
    assert_eq!(config.holdoff.as_secs(), 5);
    assert_eq!(config.apn.as_deref(), Some("dream.jp"));
    assert_eq!(config.pdp_type, PdpType::Ip);
    assert_eq!(config.device, Device::Tty(PathBuf::from("/dev/ttyLISA0")));
    assert_eq!(config.auth, Auth::Chap);
    assert_eq!(config.account, "user@dream.jp");
    assert_eq!(config.password.expose(), b"dti");
    assert_eq!(
        not_yet(&text),
        ["RESET_ON_FAIL", "RESET_ALWAYS", "RESET_WAIT"]
    );
}

#[test]
fn does_not_dial_something_else_than_on_demand() {
    let (config, found) = read(FILE, EXAMPLE.as_bytes());
    assert!(config.is_none());
    let errors: Vec<&Diagnostic> = found
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .collect();
    let [only] = errors.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!(
        only.render(),
        "error: DEMAND: dialing on demand does not act yet, and nothing is dialed instead
  --> /etc/default/ppp:12:8
   |
12 | DEMAND=1
   |        ^
   |
   = help: expected DEMAND=0 to stay connected"
    );
}

#[test]
fn does_not_dial_something_else_than_the_provider() {
    let text = "START=yes\nPROVIDER=DTI\nPERSIST=1\nRESET_ON_FAIL=1\nRESET_ALWAYS=0\n\
                RESET_AT=03:00\nRESET_WAIT=30\nHOLDOFF=5\nRETRY=3\n";
    let (config, found) = read(FILE, text.as_bytes());
    assert!(config.is_none());
    // With a peers file the keys of "PPP config" are not missing.
    assert_eq!(
        found.iter().find(|found| found.severity == Severity::Error).map(Diagnostic::render),
        Some(
            "error: PROVIDER: files in /etc/ppp/peers are not read yet, and nothing else is dialed instead
 --> /etc/default/ppp:2:10
  |
2 | PROVIDER=DTI
  |          ^^^
  |
  = help: expected PROVIDER= and the keys of \"PPP config\", e.g. APN=dream.jp"
                .to_owned()
        )
    );
    assert_eq!(found.len(), 6);
}

#[test]
fn reads_the_documents_sample_with_the_monitor() {
    let text = "START=yes\nPROVIDER=\nPERSIST=1\nRESET_ON_FAIL=1\nRESET_ALWAYS=0\nRESET_WAIT=30\n\
                HOLDOFF=5\nRETRY=3\n\n# PPP config\nAPN=dream.jp\nPDPTYPE=IP\nDEMAND=\nIDLE=\n\
                DEVICE=KYM11\nDEFAULTROUTE=1\nAUTH=CHAP\nACCOUNT=user@dream.jp\nPASSWORD=dti\n\
                NETMODE=\n\n# monitor\nMONITOR=yes\nMONITOR_TARGET=www.centurysys.jp\n\
                MONITOR_INTERVAL=30\nMONITOR_FAIL=2\nMONITOR_LOG=yes\n";
    assert_eq!(
        not_yet(text),
        [
            "RESET_ON_FAIL",
            "RESET_ALWAYS",
            "RESET_WAIT",
            "RETRY",
            "MONITOR",
            "MONITOR_TARGET",
            "MONITOR_INTERVAL",
            "MONITOR_FAIL",
            "MONITOR_LOG",
        ]
    );
    assert_eq!(
        config(text).device,
        Device::Tty(PathBuf::from("/dev/ttyKYM11"))
    );
}

/// The document's five providers. DEMAND=1 and DEVICE=AUTO do not act yet and are errors, which another test shows; here
/// the rest of each sample is read.
#[test]
fn reads_the_documents_samples_for_providers() {
    let open =
        "DEMAND=\nIDLE=\nDEVICE=ttyLISA0\nLOCALADDR=\nREMOTEADDR=\nNETMASK=\nDEFAULTROUTE=1\n";
    for (apn, device, auth, account, password, rest) in [
        (
            "soracom.io",
            open,
            "CHAP",
            "sora",
            "sora",
            "NETMODE=\nCARRIERID=5\n",
        ),
        (
            "au.au-net.ne.jp",
            "DEMAND=\nIDLE=30\nDEVICE=KYM11\nDEFAULTROUTE=1\n",
            "CHAP",
            "user@au.au-net.ne.jp",
            "au",
            "",
        ),
        (
            "dream.jp",
            "DEMAND=\nIDLE=30\nDEVICE=LISA-U200\nDEFAULTROUTE=1\n",
            "CHAP",
            "user@dream.jp",
            "dti",
            "",
        ),
        (
            "iijmobile.biz",
            open,
            "CHAP",
            "mobile@iij",
            "iij",
            "NETMODE=\nCARRIERID=4\n",
        ),
        (
            "sakura",
            open,
            "NOAUTH",
            "",
            "",
            "NETMODE=\nCARRIERID=44020\n",
        ),
    ] {
        let text = format!(
            "# PPP config\nAPN={apn}\nPDPTYPE=IP\n{device}AUTH={auth}\nACCOUNT={account}\n\
             PASSWORD={password}\n{rest}"
        );
        let config = config(&text);
        assert_eq!(config.apn.as_deref(), Some(apn));
        assert_eq!(
            config.auth,
            if auth == "CHAP" {
                Auth::Chap
            } else {
                Auth::NoAuth
            }
        );
        assert_eq!(
            (config.account.as_str(), config.password.expose()),
            (account, password.as_bytes())
        );
        assert!(config.default_route);
        let later = if rest.is_empty() { "IDLE" } else { "CARRIERID" };
        assert_eq!(not_yet(&text), [later], "{apn}");
    }
}

#[test]
fn the_modem_has_to_be_named_for_now() {
    for (line, column, what) in [
        (
            "DEVICE=AUTO",
            8,
            "DEVICE: finding the modem does not act yet",
        ),
        (
            "DEVICE=AMM570",
            8,
            "DEVICE: finding the AMM570 does not act yet",
        ),
        (
            "DEVICE=LN940A",
            8,
            "DEVICE: finding the LN940A does not act yet",
        ),
        (
            "DEVICE=AMM5220",
            8,
            "DEVICE: finding the AMM5220 does not act yet",
        ),
        (
            "DEVICE=",
            1,
            "DEVICE is not set, and finding the modem does not act yet",
        ),
    ] {
        assert_eq!(
            problems(&format!("APN=a\n{line}\n")),
            [format!(
                "2:{column}: error: {what}; expected the modem's tty, e.g. /dev/ttyUSB0"
            )]
        );
    }
    assert_eq!(
        rendered("APN=a\n"),
        "error: DEVICE is not set, and finding the modem does not act yet
--> /etc/default/ppp
 = help: expected the modem's tty, e.g. /dev/ttyUSB0"
    );
}

#[test]
fn an_empty_file_is_the_default_without_a_modem() {
    let (config, found) = read(FILE, b"");
    assert!(config.is_none());
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "/etc/default/ppp: error: DEVICE is not set, and finding the modem does not act yet; \
             expected the modem's tty, e.g. /dev/ttyUSB0",
            "/etc/default/ppp: warning: APN is not set: no AT+CGDCONT is sent, and the modem dials with the context it has; \
             expected the provider's access point name, e.g. dream.jp",
        ]
    );
}

#[test]
fn a_byte_order_mark_and_dos_line_ends_do_not_matter() {
    let text = format!(
        "\u{feff}{}HOLDOFF=7\r\n# x\r\n\r\nACCOUNT=\r\n",
        BASE.replace('\n', "\r\n")
    );
    assert_eq!(config(&text).holdoff.as_secs(), 7);
    assert_eq!(problems(&text), Vec::<String>::new());
}

#[test]
fn the_last_line_may_lack_its_end_and_exports_are_taken() {
    let text = format!("{BASE}  export HOLDOFF='1'\"2\"\nexport APN\n\tDEFAULTROUTE=1");
    let config = config(&text);
    assert_eq!((config.holdoff.as_secs(), config.default_route), (12, true));
    assert_eq!(problems(&text), Vec::<String>::new());
}

#[test]
fn a_later_line_wins_even_an_empty_one() {
    let text =
        format!("PROVIDER=DTI\nHOLDOFF=9\nPERSIST=0\n{BASE}PROVIDER=\nHOLDOFF=3\nPERSIST=\n");
    let config = config(&text);
    assert_eq!((config.holdoff.as_secs(), config.persist), (3, true));
    // What the former line says is told, and does not stop the start.
    assert_eq!(
        problems(&text),
        [
            "1:10: warning: PROVIDER: files in /etc/ppp/peers are not read yet, and nothing else is \
          dialed instead; expected PROVIDER= and the keys of \"PPP config\", e.g. APN=dream.jp"
        ]
    );
}

#[test]
fn the_account_decides_on_authentication_unless_told() {
    for (text, auth) in [
        ("", Auth::NoAuth),
        ("ACCOUNT=a\nPASSWORD=b\n", Auth::Chap),
        ("ACCOUNT=a\nAUTH=PAP\n", Auth::Pap),
        ("ACCOUNT=a\nAUTH=\n", Auth::Chap),
        ("AUTH=NOAUTH\n", Auth::NoAuth),
    ] {
        let text = format!("{BASE}{text}");
        assert_eq!(config(&text).auth, auth, "{text}");
        assert_eq!(problems(&text), Vec::<String>::new());
    }
}

#[test]
fn keys_that_do_not_fit_together_are_told() {
    for (text, problem) in [
        (
            "AUTH=CHAP\n",
            "3:6: warning: AUTH is set and ACCOUNT is not: an empty name is sent; \
             expected a name in ACCOUNT, or NOAUTH",
        ),
        (
            "AUTH=NOAUTH\nACCOUNT=sora\n",
            "4:9: warning: ACCOUNT is not used, because AUTH is NOAUTH; \
             expected CHAP or PAP in AUTH, or no ACCOUNT",
        ),
        (
            "PASSWORD=sora\n",
            "3:10: warning: PASSWORD is not used, because ACCOUNT is not set; \
             expected a name in ACCOUNT, or no PASSWORD",
        ),
        (
            "LOCALADDR=192.0.2.1\nREMOTEADDR=192.0.2.1\n",
            "4:12: error: REMOTEADDR and LOCALADDR are the same; \
             expected the addresses of the two ends of the link",
        ),
    ] {
        assert_eq!(problems(&format!("{BASE}{text}")), [problem]);
    }
}

#[test]
fn fixed_addresses_are_taken() {
    let config = config(&format!(
        "{BASE}LOCALADDR=10.1.2.3\nREMOTEADDR=10.1.2.4\nNETMASK=255.255.0.0\n"
    ));
    assert_eq!(config.local_address, Some(Ipv4Addr::new(10, 1, 2, 3)));
    assert_eq!(config.remote_address, Some(Ipv4Addr::new(10, 1, 2, 4)));
    assert_eq!(config.netmask, Some(Ipv4Addr::new(255, 255, 0, 0)));
}

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
            "3:10: error: RESET_AT: \"25:00\" is not a time of day; expected hh:mm, 00:00 to 23:59",
        ),
        (
            "RESET_ALWAYS=no",
            "3:14: error: RESET_ALWAYS: \"no\" is neither 1 nor 0; expected 1 or 0; probably meant: RESET_ALWAYS=0",
        ),
        (
            "NETMODE=3G",
            "3:9: error: NETMODE: \"3G\" is not one of its values; expected AUTO, WCDMA, LTE or NONE",
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
    let near = "DEVICE=LISA-U20\nAPN=a\n";
    assert_eq!(
        problems(near),
        [
            "1:8: warning: DEVICE: \"LISA-U20\" is taken as the name of a tty; did you mean LISA-U200?"
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
        rendered(&format!("{BASE}RESET_AT=03:00\n")),
        "warning: RESET_AT does not act yet
 --> /etc/default/ppp:3:10
  |
3 | RESET_AT=03:00
  |          ^^^^^
  |
  = help: it is ignored; in a later version it disconnects at that time of the day"
    );
}

#[test]
fn all_problems_are_found_in_the_order_of_the_file() {
    let text = "HOLDOFF=x\nPERSIST=x\nBOGUS=1\nDEVICE=AUTO\nAUTH=x\nAPN=a b\nACCOUNT=$x\n";
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

#[test]
fn bytes_that_are_not_utf8_matter_only_in_values() {
    let mut text = BASE.as_bytes().to_vec();
    text.extend(b"# \x93\xfa\x96{\nHOLDOFF=5 # \x93\xfa\n");
    let (config, found) = read(FILE, &text);
    assert!(config.is_some());
    assert_eq!(found.len(), 1, "{found:#?}");

    text.extend(b"ACCOUNT=a\xff\xfe\n");
    let (config, found) = read(FILE, &text);
    assert!(config.is_none());
    assert_eq!(
        found.last().map(ToString::to_string).as_deref(),
        Some(
            "/etc/default/ppp:5:10: error: bytes that are not UTF-8 in the value of ACCOUNT; \
             save the file as UTF-8"
        )
    );
}

#[test]
fn huge_files_and_lines_are_refused() {
    let huge = vec![b'\n'; (1 << 20) + 1];
    let (config, found) = read(FILE, &huge);
    assert!(config.is_none());
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "/etc/default/ppp: error: the file is larger than 1048576 bytes; \
          expected a file of KEY=VALUE lines"
        ]
    );

    let text = format!(
        "{BASE}# {}\nACCOUNT={}\n",
        "x".repeat(5_000),
        "x".repeat(5_000)
    );
    assert_eq!(
        problems(&text),
        ["4:1025: error: the line is longer than 1024 characters; expected KEY=VALUE"]
    );

    for nonsense in ["x\n", "X=1\n", "APN=$x\n", "APN=\"\n", "HOLDOFF=x\n"] {
        let text = nonsense.repeat(20_000);
        assert_eq!(diagnostics(&text).len(), 101, "{nonsense}");
    }
}

#[test]
fn utf16_is_named() {
    let bytes: Vec<u8> = "\u{feff}APN=a\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let found = read(FILE, &bytes).1;
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["/etc/default/ppp: error: the file is UTF-16; save it as UTF-8 or ASCII"]
    );
}

/// Lines that look like settings, and anything else.
fn any_line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("PASSWORD"),
        Just("PIN"),
        Just("ACCOUNT"),
        Just("HOLDOFF"),
        Just("DEVICE"),
        Just("RESET_AT"),
        Just("LOCALADDR"),
        Just("export APN"),
    ];
    prop_oneof![
        (key, "[ =:+]{0,2}=[ ]?", "\\PC{0,20}")
            .prop_map(|(key, sign, value)| key.to_owned() + &sign + &value),
        ".*",
        "[A-Z_]{1,8}=.*",
    ]
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes: Vec<u8>) {
        let (config, found) = read(FILE, &bytes);
        let failed = found.iter().any(|found| found.severity == Severity::Error);
        prop_assert_eq!(config.is_none(), failed);
        for found in found {
            prop_assert!(!found.render().is_empty());
        }
    }

    #[test]
    fn any_lines_can_be_read_and_told(lines in proptest::collection::vec(any_line(), 0..20)) {
        for found in read(FILE, lines.join("\n").as_bytes()).1 {
            prop_assert!(found.line <= lines.len());
            prop_assert!(!found.render().is_empty() && !found.to_string().is_empty());
        }
    }

    /// Whatever is wrong with its line, nobody reads the password in a log.
    #[test]
    fn no_problem_tells_a_secret(
        before in "[ \t]{0,2}(export )?",
        key in "PASSWORD|PIN|PASSWD|password|PASWORD",
        sign in "=| = |= |: | |\\+=|=\"|='|=\\$|=`|=\u{3000}",
        after in "( #| \\$x|\"|'|;|\\\\|\u{7}| ACCOUNT=x| PIN=y)?",
        secret in "[a-z]{3}Q[0-9]{4}",
        rest in "(\nQ[0-9]+)?",
    ) {
        let text = format!("{before}{key}{sign}{secret}{after}{rest}\n{BASE}");
        let (config, found) = read(FILE, text.as_bytes());
        for found in found {
            let shown = format!("{} {found}", found.render());
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
        let shown = format!("{config:?}");
        prop_assert!(!shown.contains(&secret), "{shown}");
    }
}

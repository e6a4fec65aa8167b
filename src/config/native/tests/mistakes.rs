//! What is wrong with a file is told with its place, all of it, and without its secrets, whatever the bytes are.

use proptest::prelude::*;

use super::{BASE, FILE, problems};
use crate::config::native::schema::KEYS;
use crate::config::{Severity, read};

#[test]
fn each_mistake_has_its_place() {
    for (text, problem) in [
        (
            "speeed = 9600",
            "4:1: error: the key speeed is not known here; did you mean speed?",
        ),
        (
            "holdoff = 5",
            "4:1: error: the key holdoff is not known here; did you mean supervision.holdoff?",
        ),
        (
            "zzzzzz = 5",
            "4:1: error: the key zzzzzz is not known here; expected one of `device`, `profile`, `profile_dir`, `netmode`, `carrier`, `pin`, `connect_ok`, `registration_timeout`, `provisioning_limit`, `query_interval`, `speed`, `rtscts`, `modem_lines`, `apn`, `pdp_type`, `dial`, `command_timeout`, `dial_timeout`, `direct`",
        ),
        (
            "speed = 9601",
            "4:9: error: modem.speed: a tty cannot have the speed 9601; expected a rate of serial lines, e.g. 115200 or 460800; probably meant: speed = 9600",
        ),
        (
            "speed = \"9600\"",
            "4:9: error: modem.speed: this is not a whole number; expected 1 to 4000000 (bits per second); probably meant: speed = 9600",
        ),
        (
            "speed = -1",
            "4:9: error: modem.speed: the number is negative; expected 1 to 4000000 (bits per second)",
        ),
        (
            "speed = 99999999999999999999",
            "4:9: error: modem.speed: the number is too large; expected 1 to 4000000 (bits per second)",
        ),
        (
            "rtscts = \"yes\"",
            "4:10: error: modem.rtscts: this is neither true nor false; expected true or false; probably meant: rtscts = true",
        ),
        (
            "dial = \"AT\"",
            "4:8: error: modem.dial: \"AT\" does not begin with ATD; expected an AT command, e.g. ATDT*99***1#",
        ),
        (
            "dial_timeout = 0",
            "4:16: error: modem.dial_timeout: the time is too short; expected 0.1 to 600 seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
        ),
        (
            "dial_timeout = inf",
            "4:16: error: modem.dial_timeout: the time is too long; expected 0.1 to 600 seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
        ),
        (
            "dial_timeout = \"5 weeks\"",
            "4:16: error: modem.dial_timeout: this is not a time; expected 0.1 to 600 seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
        ),
        (
            "dial_timeout = [1]",
            "4:16: error: modem.dial_timeout: this is not a time; expected 0.1 to 600 seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
        ),
        (
            "pdp_type = 1979-05-27",
            "4:12: error: modem.pdp_type: this is not a text; expected a text in quotes",
        ),
        (
            "[ppp]\nauth = \"chap\"\n",
            "5:8: error: ppp.auth: \"chap\" is not one of its values; expected CHAP, PAP or NOAUTH; probably meant: auth = \"CHAP\"",
        ),
        (
            "[ppp]\npassword = 1234\n",
            "5:12: error: ppp.password: this is not a text; expected a text in quotes",
        ),
        (
            "[ppp]\nlcp = 5\n",
            "5:7: error: this is not of the right type; expected a section, e.g. [modem]",
        ),
        (
            "[ppp.lcp]\nmru = 127\n",
            "5:7: error: ppp.lcp.mru: the number is too small; expected 128 to 16384 (octets)",
        ),
        (
            "[network]\ninterface = \"a b\"\n",
            "5:13: error: network.interface: \"a b\" cannot name an interface; expected 1 to 15 characters without blanks and / : %, e.g. ppp0",
        ),
        (
            "[network]\nlocal_address = \"10.0.0.2\"\nremote_address = \"10.0.0.2\"\n",
            "6:18: error: network.remote_address and network.local_address are the same; expected the addresses of the two ends of the link",
        ),
        (
            "[ppp]\nauth = \"CHAP\"\n",
            "5:8: warning: ppp.auth is set and ppp.account is not: an empty name is sent; expected a name in ppp.account, or NOAUTH",
        ),
        (
            "[monitor]\nenabled = true\n[supervision]\ndemand = true\n",
            "5:11: warning: monitor.enabled is not used, because supervision.demand is set: pings would keep the link up for ever; expected monitor.enabled or supervision.demand, not both",
        ),
        (
            "[monitor]\nenabled = true\ntarget = \"192.0.2.300\"\n",
            "6:10: error: monitor.target: \"192.0.2.300\" is neither a host name nor an IPv4 address; expected e.g. www.example.jp or 192.0.2.1",
        ),
        (
            "[monitor]\ntimeout = 10\ninterval = 6\n",
            "5:11: warning: monitor.timeout is longer than monitor.interval: an answer may take 6 s; expected at most 6 s",
        ),
        (
            "[supervision.backoff]\nconfiguration_max = 60\nconfiguration_min = 90\n",
            "6:21: error: supervision.backoff.configuration_min is longer than supervision.backoff.configuration_max (60 s); expected at most 60 s",
        ),
        (
            "[supervision]\nholdoff = 60\nbackoff.network_max = 30\n",
            "6:23: warning: supervision.backoff.network_max is shorter than supervision.holdoff (60 s): the waits do not grow; expected at least 60 s",
        ),
        (
            "[supervision.reset]\non_fail = false\nany = true\n",
            "6:7: warning: supervision.reset.any does nothing, because supervision.reset.on_fail is off: no failure leads to a reset; expected supervision.reset.on_fail too",
        ),
        (
            "[supervision.reset]\nsteps = []\n",
            "5:9: error: supervision.reset.steps is empty, and nothing else says how to reset; expected a step, or supervision.reset.command, or no supervision.reset.steps: then the modem's profile says how",
        ),
        (
            "[supervision.reset]\nsteps = [{ att = \"AT\" }]\n",
            "5:12: error: the key att is not known here; did you mean at?",
        ),
        (
            "[supervision.reset]\nsteps = [{ usb = \"authorised\" }]\n",
            "5:18: error: \"authorised\" is no way to reset a USB device; expected authorized, rebind or port-power",
        ),
        (
            "[supervision.reset]\nsteps = [{ write = \"/sys/x\" }]\n",
            "5:10: error: it is not said what to write; expected value = \"...\" too",
        ),
        (
            "[supervision.reset]\nsteps = \"AT+CFUN=1,1\"\n",
            "5:9: error: this is not of the right type; expected a sequence",
        ),
        (
            "[supervision.reset]\nsteps = [\"AT+CFUN=1,1\"]\n",
            "5:10: error: this is not of the right type; expected a step in braces, e.g. { at = \"AT+CFUN=16\" }",
        ),
        (
            "[supervision.reset]\ncommand = [\"reboot\"]\n",
            "5:11: error: supervision.reset.command: \"reboot\" is not the full path of a program; expected a program by its full path and its arguments, e.g. [\"/usr/local/sbin/reset-modem\", \"fast\"]",
        ),
        (
            "[supervision.reset]\nat = \"3:00\"\n",
            "5:6: error: supervision.reset.at: \"3:00\" is not a time of day; expected hh:mm, 00:00 to 23:59; probably meant: at = \"03:00\"",
        ),
        (
            "query_interval = 1",
            "4:18: error: modem.query_interval: the time is too short; expected 5 to 86400 seconds, or a text such as \"500ms\", \"30s\" or \"5min\", or 0 for never",
        ),
        (
            "carrier = 7",
            "4:11: error: modem.carrier: \"7\" is not a carrier; expected 1 to 5, or the five digits of a network, e.g. 44010",
        ),
        (
            "pin = 1234",
            "4:7: error: modem.pin: this is not a text; expected a text in quotes",
        ),
        ("apn = \"a\"", "4:1: error: duplicate key"),
        (
            "dial = ATD",
            "4:8: error: string values must be quoted; expected literal string",
        ),
        (
            "[supervison]\n",
            "4:2: error: the key supervison is not known here; did you mean supervision?",
        ),
    ] {
        let found = problems(&format!("{BASE}{text}\n"));
        assert_eq!(found, [format!("{FILE}:{problem}")], "{text}");
    }
}

#[test]
fn all_problems_are_found() {
    let text = "[modem]\nspeeed = 1\nspeed = 2\napn = 3\n[ppp.lcp]\nx = 4\nmru = 5\n[foo]\n[network]\nnetmask = \"6\"\n";
    let found = read(FILE, text.as_bytes()).1;
    assert_eq!(
        found
            .iter()
            .map(|found| (found.line, found.severity))
            .collect::<Vec<_>>(),
        [
            (2, Severity::Error),
            (3, Severity::Error),
            (4, Severity::Error),
            (6, Severity::Error),
            (7, Severity::Error),
            (8, Severity::Error),
            (10, Severity::Error),
        ]
    );
}

#[test]
fn shows_the_line_and_hides_secrets() {
    let render = |text: &str| match read(FILE, format!("{BASE}{text}").as_bytes()).1.as_slice() {
        [only] => only.render(),
        other => panic!("{other:#?}"),
    };
    assert_eq!(
        render("[supervision]\npersist = 1\n"),
        "error: supervision.persist: this is neither true nor false
 --> uplinkd.toml:5:11
  |
5 | persist = 1
  |           ^
  |
  = help: expected true or false; probably meant: persist = true"
    );
    assert_eq!(
        render("[ppp]\naccount = \"a\"\npassword = 1234\n"),
        "error: ppp.password: this is not a text
 --> uplinkd.toml:6:12
  |
6 | password = <hidden>
  |            ^^^^^^^^
  |
  = help: expected a text in quotes"
    );
    assert_eq!(
        render("[ppp]\naccount = \"a\"\npassword = \"\"\"\ngeheim\n"),
        "error: invalid multi-line basic string
 --> uplinkd.toml:8:1
  |
8 | <hidden>
  | ^^^^^^^^
  |
  = help: expected `\"`"
    );
}

#[test]
fn bytes_that_are_not_utf8_have_a_place() {
    let found = read(FILE, b"[modem]\napn = \"\xff\"\n").1;
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["uplinkd.toml:2:8: error: the file is not UTF-8 from here on; save the file as UTF-8"]
    );
    assert_eq!(
        read(FILE, &vec![b' '; (1 << 20) + 1])
            .1
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["uplinkd.toml: error: the file is larger than 1048576 bytes; expected a TOML file"]
    );
}

#[test]
fn a_byte_order_mark_and_dos_line_ends_do_not_matter() {
    let text = format!("\u{feff}{BASE}").replace('\n', "\r\n");
    assert_eq!(problems(&text), Vec::<String>::new());
    let text = format!("\u{feff}{BASE}speed = 1\n").replace('\n', "\r\n");
    assert_eq!(
        read(FILE, text.as_bytes())
            .1
            .first()
            .map(|d| (d.line, d.column)),
        Some((4, 9))
    );
}

/// A file full of problems is told in a hundred lines, and soon.
#[test]
fn nonsense_is_bounded() {
    let unknown: String = (0..5_000).map(|n| format!("key{n} = 1\n")).collect();
    let lists = "[".repeat(1 << 16);
    let words = "a ".repeat(1 << 16);
    let lines = "a b\n".repeat(1 << 15);
    for text in [unknown, lists, words, lines] {
        let (config, found) = read(FILE, text.as_bytes());
        assert!(config.is_none());
        assert!((1..=101).contains(&found.len()), "{}", found.len());
    }
}

fn any_line() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "[0-9.\"'a-z\\[\\]{}=,-]{0,12}",
        Just("true".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("{ a = 1 }".to_owned()),
    ];
    prop_oneof![
        (0..KEYS.len(), value).prop_map(|(index, value)| format!("{} = {value}", KEYS[index])),
        (0..KEYS.len()).prop_map(|index| format!("[{}]", KEYS[index])),
        ".*",
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
    fn any_lines_can_be_read_and_told(lines in proptest::collection::vec(any_line(), 0..12)) {
        for found in read(FILE, lines.join("\n").as_bytes()).1 {
            prop_assert!(found.line <= lines.len().max(1));
            prop_assert!(!found.render().is_empty());
        }
    }

    #[test]
    fn no_problem_tells_a_secret(
        sign in " = | =| = \"| = '| = \"\"\"\n| = \\[| = \\{ a = ",
        secret in "[a-z]{3}Q[0-9]{4}|[1-9][0-9]{7}",
        after in "\"|'|\"\"\"| x|\u{7}||\n\"\"\"",
    ) {
        let text = format!("{BASE}[ppp]\npassword{sign}{secret}{after}\n");
        let (config, found) = read(FILE, text.as_bytes());
        for found in found {
            let shown = format!("{} {found}", found.render());
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
        let shown = format!("{config:?}");
        prop_assert!(!shown.contains(&secret), "{shown}");
    }
}

mod problems;
mod samples;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::known_keys;
use crate::config::{
    Auth, Config, Device, Diagnostic, MonitorConfig, PdpType, Severity, TimeOfDay, read,
    read_with_models,
};
use crate::modem::{Carrier, NetMode};
use crate::secret::Secret;

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

#[test]
fn every_key_reaches_its_field() {
    let text = "START=yes\nPERSIST=1\nRESET_ON_FAIL=0\nRESET_ALWAYS=1\nRESET_AT=23:05\nRESET_WAIT=63\nHOLDOFF=9\n\
                RETRY=7\nAPN=a\nPDPTYPE=PPP\nDEMAND=1\nIDLE=120\nDEVICE=UM03-KO\nDEFAULTROUTE=1\nAUTH=PAP\n\
                ACCOUNT=b\nPASSWORD=c\nNETMODE=LTE\nCARRIERID=44010\nLOCALADDR=10.0.0.2\nREMOTEADDR=10.0.0.1\n\
                NETMASK=255.255.255.0\nMONITOR=no\nMONITOR_TARGET=192.0.2.1\nMONITOR_INTERVAL=20\nMONITOR_FAIL=5\n\
                MONITOR_LOG=no\nCONNECT_OK=1\nPIN=0123\n";
    assert_eq!(problems(text), Vec::<String>::new());
    let seconds = Duration::from_secs;
    let wanted = Config {
        start: true,
        persist: true,
        reset_on_fail: false,
        reset_always: true,
        reset_at: Some(TimeOfDay {
            hour: 23,
            minute: 5,
        }),
        reset_wait: Some(seconds(63)),
        holdoff: seconds(9),
        retry: 7,
        apn: Some("a".to_owned()),
        pdp_type: PdpType::Ppp,
        demand: true,
        idle: Some(seconds(120)),
        device: Device::Model("UM03-KO".to_owned()),
        default_route: true,
        auth: Auth::Pap,
        account: "b".to_owned(),
        password: Secret::new("c"),
        netmode: Some(NetMode::Lte),
        carrier: Some(Carrier::Plmn("44010".to_owned())),
        local_address: Some(Ipv4Addr::new(10, 0, 0, 2)),
        remote_address: Some(Ipv4Addr::new(10, 0, 0, 1)),
        netmask: Some(Ipv4Addr::new(255, 255, 255, 0)),
        monitor: MonitorConfig {
            enabled: false,
            target: Some("192.0.2.1".to_owned()),
            interval: seconds(20),
            fail: 5,
            log: false,
            ..MonitorConfig::default()
        },
        connect_ok: true,
        pin: Some(Secret::new("0123")),
        ..Config::default()
    };
    let found = config(text);
    assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
    let pin = found.pin.as_ref().map(|pin| pin.expose().to_vec());
    assert_eq!(pin.as_deref(), Some(&b"0123"[..]));
    assert_eq!(found.password.expose(), b"c");
}

/// An empty value, and no line at all, mean the same; so do values that say so.
#[test]
fn what_is_empty_is_the_default() {
    let unset = format!("{:?}", config("APN=a\n"));
    for key in known_keys().filter(|key| *key != "APN") {
        assert_eq!(
            format!("{:?}", config(&format!("APN=a\n{key}=\n"))),
            unset,
            "{key}"
        );
    }
    for line in ["IDLE=0", "NETMODE=NONE", "DEVICE=AUTO"] {
        assert_eq!(
            format!("{:?}", config(&format!("APN=a\n{line}\n"))),
            unset,
            "{line}"
        );
    }
}

#[test]
fn an_empty_file_is_the_default() {
    let (config, found) = read(FILE, b"");
    assert_eq!(
        format!("{config:?}"),
        format!("{:?}", Some(Config::default()))
    );
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
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
        format!("PROVIDER=../DTI\nHOLDOFF=9\nPERSIST=0\n{BASE}PROVIDER=\nHOLDOFF=3\nPERSIST=\n");
    let config = config(&text);
    assert_eq!((config.holdoff.as_secs(), config.persist), (3, true));
    // What the former line says is told, and does not stop the start.
    assert_eq!(
        problems(&text),
        [
            "1:10: warning: PROVIDER: \"../DTI\" leads out of the folder of peers; expected the name of a file in \
             /etc/ppp/peers; probably meant: PROVIDER=DTI"
        ]
    );
}

/// C16.
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
        (
            "MONITOR=yes\nPERSIST=0\n",
            "3:9: warning: MONITOR is not used, because PERSIST is off: a link that is cut would not be dialed \
             again; expected PERSIST too, or no MONITOR",
        ),
        (
            "DEMAND=1\nMONITOR=yes\nPERSIST=0\n",
            "4:9: warning: MONITOR is not used, because DEMAND is set: pings would keep the link up for ever; \
             expected MONITOR or DEMAND, not both",
        ),
        (
            "IDLE=60\n",
            "3:6: warning: IDLE without DEMAND: after 60 s without traffic the link is hung up and dialed again, \
             which is probably not meant; expected DEMAND too, or no IDLE: then the link stays up",
        ),
        (
            "RESET_ALWAYS=1\nPERSIST=0\n",
            "3:14: warning: RESET_ALWAYS does nothing, because PERSIST is off: the service ends with its link; \
             expected PERSIST too, or no RESET_ALWAYS",
        ),
        (
            "RETRY=0\nRESET_ON_FAIL=1\n",
            "4:15: warning: RESET_ON_FAIL does nothing, because RETRY is 0: the link is never judged abnormal; \
             expected RETRY of at least 1",
        ),
        (
            "MONITOR=yes\nMONITOR_INTERVAL=3600\nMONITOR_FAIL=36\n",
            "5:14: warning: MONITOR_INTERVAL times MONITOR_FAIL is 1.5 days: a dead link is noticed only then; \
             expected less than a day, e.g. 60 s and 3 pings",
        ),
    ] {
        assert_eq!(problems(&format!("{BASE}{text}")), [problem]);
    }
}

#[test]
fn what_fits_together_is_not_warned_of() {
    for text in [
        "IDLE=60\nPERSIST=0\n",
        "IDLE=60\nDEMAND=1\n",
        "IDLE=0\n",
        "DEMAND=1\nPERSIST=0\n",
        "RETRY=0\n",
        "RETRY=0\nRESET_ON_FAIL=0\n",
        "RESET_AT=03:00\nRESET_ALWAYS=1\n",
        "MONITOR=yes\n",
        "MONITOR=no\nDEMAND=1\n",
        "MONITOR=no\nMONITOR_INTERVAL=86400\nMONITOR_FAIL=1000\n",
        "MONITOR=yes\nMONITOR_INTERVAL=1\n",
        "HOLDOFF=3600\n",
    ] {
        assert_eq!(
            problems(&format!("{BASE}{text}")),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

/// Spec C21: only while PERSIST=1 and DEMAND is off; and a ping is answered before the next one.
#[test]
fn the_monitor_is_on_only_where_it_makes_sense() {
    for (text, enabled) in [
        ("MONITOR=yes\n", true),
        ("MONITOR=yes\nDEMAND=1\n", false),
        ("MONITOR=yes\nPERSIST=0\n", false),
        ("MONITOR=no\n", false),
    ] {
        assert_eq!(
            config(&format!("{BASE}{text}")).monitor.enabled,
            enabled,
            "{text}"
        );
    }
    let timeout = |text: &str| config(&format!("{BASE}{text}")).monitor.timeout.as_secs();
    assert_eq!(timeout("MONITOR_INTERVAL=2\n"), 2);
    assert_eq!(timeout("MONITOR_INTERVAL=30\n"), 5);
}

#[test]
fn the_users_own_profiles_can_be_named() {
    let text = b"DEVICE=EC25-J\nAPN=a\n";
    let (config, found) = read(FILE, text);
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "/etc/default/ppp:1:8: warning: DEVICE: \"EC25-J\" is no model that is known, and is taken as the name of a \
             tty; expected AUTO, a model such as LISA-U200, one of the user's own profiles, or the modem's tty, e.g. \
             /dev/ttyUSB3"
        ]
    );
    assert_eq!(
        config.map(|config| config.device),
        Some(Device::Tty(PathBuf::from("/dev/EC25-J")))
    );
    let (config, found) = read_with_models(FILE, text, &["LISA-U200", "EC25-J"]);
    assert_eq!(found, []);
    assert_eq!(
        config.map(|config| config.device),
        Some(Device::Model("EC25-J".to_owned()))
    );
    let (_, found) = read_with_models(FILE, b"DEVICE=EC25J\nAPN=a\n", &["LISA-U200", "EC25-J"]);
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "/etc/default/ppp:1:8: error: DEVICE: \"EC25J\" is not a model that is known; expected AUTO, a model such as \
             LISA-U200, or the modem's tty, e.g. /dev/ttyUSB3; a tty of that name is written /dev/EC25J; probably \
             meant: DEVICE=EC25-J"
        ]
    );
}

/// C20.
#[test]
fn fixed_addresses_are_taken() {
    let config = config(&format!(
        "{BASE}LOCALADDR=10.1.2.3\nREMOTEADDR=10.1.2.4\nNETMASK=255.255.0.0\n"
    ));
    assert_eq!(config.local_address, Some(Ipv4Addr::new(10, 1, 2, 3)));
    assert_eq!(config.remote_address, Some(Ipv4Addr::new(10, 1, 2, 4)));
    assert_eq!(config.netmask, Some(Ipv4Addr::new(255, 255, 0, 0)));
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

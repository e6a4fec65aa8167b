mod back;

use std::time::Duration;

use super::*;
use crate::chat as calls;
use crate::config::{Severity, read};
use crate::secret::Secret;

const DOCUMENT: &str = include_str!("../../../protocol-tests/fixtures/generated/default-ppp");
const PEERS: &str = include_str!("../../../protocol-tests/fixtures/generated/after/peers-ppp0");
const CHAT: &str =
    include_str!("../../../protocol-tests/fixtures/generated/after/chatscripts-ppp0");
const CHAP_BEFORE: &[u8] =
    include_bytes!("../../../protocol-tests/fixtures/generated/before/chap-secrets");
const CHAP_AFTER: &[u8] =
    include_bytes!("../../../protocol-tests/fixtures/generated/after/chap-secrets");
const PAP_BEFORE: &[u8] =
    include_bytes!("../../../protocol-tests/fixtures/generated/before/pap-secrets");
const PAP_AFTER: &[u8] =
    include_bytes!("../../../protocol-tests/fixtures/generated/after/pap-secrets");

fn exported(config: &Config) -> Result<Export, ExportProblem> {
    let profiles = Profiles::built_in();
    match tty(config, &profiles) {
        Tty::Known(path) => export(config, &profiles, &path),
        Tty::OneOf(_) => export(config, &profiles, Path::new("/dev/ttyUSB0")),
    }
}

/// The document's file, with other lines behind it, which win.
fn document_with(lines: &str) -> Config {
    let (config, found) = read("ppp", format!("{DOCUMENT}{lines}").as_bytes());
    let errors = found
        .iter()
        .filter(|found| found.severity == Severity::Error);
    assert_eq!(errors.count(), 0, "{found:?}");
    config.unwrap()
}

/// The lines of peers and chat script that are not in the document's, and those of the document's that are missing.
fn differences(config: &Config) -> (Vec<String>, Vec<String>) {
    let export = exported(config).unwrap();
    let text = format!(
        "{}{}",
        export.peers,
        export.chat.map(|chat| chat.text).unwrap_or_default()
    );
    let document = format!("{PEERS}{CHAT}");
    let only = |one: &str, other: &str| {
        let other: Vec<&str> = other.lines().collect();
        one.lines()
            .filter(|line| !other.contains(line))
            .map(str::to_owned)
            .collect()
    };
    (only(&text, &document), only(&document, &text))
}

/// Spec F3, byte for byte.
#[test]
fn the_documents_example_comes_out_as_the_document_shows_it() {
    let export = exported(&document_with("")).unwrap();
    assert_eq!(export.name, "ppp0");
    assert_eq!(export.peers, PEERS);
    assert_eq!(
        export.chat,
        Some(Script {
            text: CHAT.to_owned(),
            is_public: true
        })
    );
    let entry = export.entry.unwrap();
    assert_eq!(
        secrets::with_entry(Some(CHAP_BEFORE), &entry).unwrap(),
        CHAP_AFTER
    );
    assert_eq!(
        secrets::with_entry(Some(PAP_BEFORE), &entry).unwrap(),
        PAP_AFTER
    );
    assert_eq!((export.disconnect, export.left_out), (None, vec![]));
}

#[test]
fn each_key_of_the_old_file_changes_its_lines() {
    for (lines, added, missing) in [
        ("DEMAND=\nIDLE=\n", &[][..], &["demand", "idle 60"][..]),
        ("DEMAND=0\nIDLE=90\n", &["idle 90"], &["demand", "idle 60"]),
        ("IDLE=0\n", &[], &["idle 60"]),
        ("PERSIST=0\n", &[], &[]),
        (
            "DEFAULTROUTE=0\n",
            &[],
            &["defaultroute", "replacedefaultroute"],
        ),
        (
            "LOCALADDR=10.0.0.2\nREMOTEADDR=10.0.0.1\nNETMASK=255.255.255.252\n",
            &["10.0.0.2:10.0.0.1", "netmask 255.255.255.252"],
            &["noipdefault"],
        ),
        ("LOCALADDR=10.0.0.2\n", &["10.0.0.2:"], &["noipdefault"]),
        ("REMOTEADDR=10.0.0.1\n", &[":10.0.0.1"], &[]),
        (
            "AUTH=PAP\n",
            &[
                "refuse-chap",
                "refuse-mschap",
                "refuse-mschap-v2",
                "refuse-eap",
                "OK AT+CGDCONT=1,\"IP\",\"PAP:dream.jp\"",
            ],
            &["OK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\""],
        ),
        (
            "AUTH=NOAUTH\nACCOUNT=\n",
            &["OK AT+CGDCONT=1,\"IP\",\"dream.jp\""],
            &[
                "user \"user@dream.jp\"",
                "OK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"",
            ],
        ),
        (
            "PDPTYPE=PPP\n",
            &["OK AT+CGDCONT=1,\"PPP\",\"CHAP:dream.jp\""],
            &["OK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\""],
        ),
        ("APN=\n", &[], &["OK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\""]),
        (
            "ACCOUNT='a b\\'\n",
            &["user \"a b\\\\\""],
            &["user \"user@dream.jp\""],
        ),
        ("DEVICE=ttyLISA0\n", &[], &[]),
        (
            "DEVICE=KYM11\n",
            &["/dev/ttyKYM11", "OK AT+CGDCONT=1,\"IP\",\"dream.jp\""],
            &["/dev/ttyLISA0", "OK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\""],
        ),
        (
            "DEVICE=AMP520\n",
            &["/dev/ttyAMP0", "OK AT+CGDCONT=1,\"IP\",\"dream.jp\""],
            &["/dev/ttyLISA0", "OK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\""],
        ),
        // The rest is the wrapper's.
        (
            "START=no\nRESET_AT=03:00\nRETRY=9\nHOLDOFF=1\nNETMODE=LTE\nCARRIERID=4\nPIN=1234\nCONNECT_OK=1\nMONITOR=yes\n",
            &[],
            &[],
        ),
    ] {
        let (found, lost) = differences(&document_with(lines));
        assert_eq!(
            (found, lost),
            (
                added.iter().map(|line| (*line).to_owned()).collect(),
                missing.iter().map(|line| (*line).to_owned()).collect(),
            ),
            "{lines}"
        );
    }
}

#[test]
fn um03_ko_has_its_tty_and_models_without_one_have_none() {
    let profiles = Profiles::built_in();
    let of = |device: &str| tty(&document_with(&format!("DEVICE={device}\n")), &profiles);
    assert_eq!(of("UM03-KO"), Tty::Known(PathBuf::from("/dev/ttyUM03KO0")));
    assert_eq!(
        of("/dev/ttyUSB3"),
        Tty::Known(PathBuf::from("/dev/ttyUSB3"))
    );
    for device in ["AUTO", "AMM570", "LN940A", "AMM5220"] {
        let Tty::OneOf(mut names) = of(device) else {
            panic!("{device}");
        };
        names.sort();
        assert_eq!(
            names,
            [
                "/dev/ttyAMP0",
                "/dev/ttyKYM11",
                "/dev/ttyLISA0",
                "/dev/ttyUM03KO0"
            ]
            .map(PathBuf::from)
        );
    }
    // Which modem AUTO is the tty tells.
    let auto = document_with("DEVICE=AUTO\n");
    let export = |tty: &str| {
        export(&auto, &profiles, Path::new(tty))
            .unwrap()
            .chat
            .unwrap()
            .text
    };
    assert_eq!(export("/dev/ttyLISA0"), CHAT);
    assert!(export("/dev/ttyUSB0").contains("\"IP\",\"dream.jp\""));
}

#[test]
fn without_authentication_the_secrets_stay() {
    let export = exported(&document_with("AUTH=NOAUTH\n")).unwrap();
    assert_eq!(export.entry, None);
}

#[test]
fn what_uplinkd_toml_adds_has_pppds_words() {
    let text = "modem.device = \"/dev/ttyUSB2\"\nmodem.apn = \"a\"\nmodem.speed = 115200\nmodem.rtscts = false\n\
        modem.modem_lines = false\nmodem.dial = \"ATD *99#\"\nmodem.command_timeout = 10\nmodem.dial_timeout = 60.5\n\
        ppp.max_connect = \"1h\"\nppp.echo.interval = 0\nppp.lcp.mru = 1492\nppp.lcp.accm = 0x000a0000\n\
        ppp.lcp.magic = false\nppp.lcp.pfc = false\nppp.lcp.acfc = false\nppp.lcp.silent = true\nppp.lcp.restart = 2.5\n\
        ppp.ipcp.max_failure = 7\nppp.pap.restart = 5\nppp.chap.timeout = 20\nppp.ipcp.accept_local = true\n\
        network.interface = \"wwan9\"\nnetwork.default_route = true\nnetwork.route_metric = 700\n\
        scripts.ipparam = \"site 42\"\nscripts.linkname = \"backup\"\nscripts.ip_up = \"/x/up\"\n\
        scripts.environment = [\"A=b c\"]\ndns.use_peer = false\nnetwork.hold = true\nppp.lcp.max_loopback = 3\n\
        scripts.ip_pre_up = \"/x/pre\"\n";
    let (config, _) = read("x.toml", text.as_bytes());
    let export = exported(&config.unwrap()).unwrap();
    assert_eq!(
        export.peers,
        "# This optionfile was generated by gen_pppconfig.\n#\n#\nifname wwan9\nhide-password\nnoauth\n\
         connect \"/usr/sbin/chat -v -f /etc/chatscripts/wwan9\"\ndebug\nlocal\nlock\n/dev/ttyUSB2\n115200\nnocrtscts\n\
         defaultroute\ndefaultroute-metric 700\nnoipdefault\nipcp-accept-local\nremotename wwan9\nipparam \"site 42\"\n\
         nopersist\nmaxconnect 3600\nlcp-echo-interval 0\nlcp-echo-failure 4\nmru 1492\nasyncmap a0000\nnomagic\n\
         nopcomp\nnoaccomp\nsilent\nlcp-restart 3\nipcp-max-failure 7\npap-restart 5\nchap-timeout 20\n\
         ip-up-script /x/up\nlinkname backup\nset \"A=b c\"\n"
    );
    let chat = export.chat.unwrap().text;
    assert!(chat.ends_with(
        "TIMEOUT 10\nOK AT+CGDCONT=1,\"IP\",\"a\"\nOK AT\nOK 'ATD *99#'\nTIMEOUT 61\nCONNECT \\d\\c\n"
    ), "{chat}");
    assert_eq!(
        export.left_out,
        ["ppp.lcp.max_loopback", "network.hold", "scripts.ip_pre_up"]
    );
}

#[test]
fn scripts_of_the_users_own_are_written_word_by_word() {
    let call = |words: &[&str]| {
        std::sync::Arc::new(calls::Call {
            script: calls::Script::from_words(
                words.iter().map(|word| (*word).to_owned()).collect(),
            ),
            options: calls::Options {
                timeout: Duration::from_secs(45),
                ..calls::Options::default()
            },
        })
    };
    let config = Config {
        device: Device::Tty(PathBuf::from("/dev/ttyS1")),
        dialer: Dialer::Chat(call(&["ABORT", "NO CARRIER", "", "ATZ", "OK"])),
        disconnect: Some(call(&["", "\\d+++\\d\\c"])),
        ..Config::default()
    };
    let export = exported(&config).unwrap();
    let text = |script: Option<Script>| script.map(|script| (script.text, script.is_public));
    assert_eq!(
        text(export.chat),
        Some((
            "# This chatfile was generated by uplinkd.\n#\nABORT 'NO CARRIER'\n'' ATZ\nOK\n"
                .to_owned(),
            false
        ))
    );
    assert_eq!(
        text(export.disconnect),
        Some((
            "# This chatfile was generated by uplinkd.\n#\n'' \\d+++\\d\\c\n".to_owned(),
            false
        ))
    );
    assert!(
        export.peers.contains(
            "connect \"/usr/sbin/chat -f /etc/chatscripts/ppp0\"\n\
         disconnect \"/usr/sbin/chat -f /etc/chatscripts/ppp0-disconnect\"\n"
        ),
        "{}",
        export.peers
    );
    let direct = Config {
        dialer: Dialer::Direct,
        ..config
    };
    let export = exported(&direct).unwrap();
    assert!(export.chat.is_none() && !export.peers.contains("\nconnect "));
}

#[test]
fn what_pppd_could_not_be_given_is_an_error() {
    let config = document_with("");
    let of = |config: Config| exported(&config).unwrap_err().to_string();
    let mut provider = config.clone();
    provider.scripts.call_file = Some("DTI".to_owned());
    assert_eq!(
        of(provider),
        "PROVIDER=DTI: pppd's own files are in use, and none is generated (as in the existing system)"
    );
    let file = Config {
        password: Secret::new("@/etc/shadow"),
        ..config.clone()
    };
    assert_eq!(
        of(file),
        "a PASSWORD that begins with @/ would be taken by pppd for the name of a file"
    );
    let shell = Config {
        interface: "a;b".to_owned(),
        ..config
    };
    assert_eq!(
        of(shell),
        "network.interface: the interface's name \"a;b\" cannot name pppd's files"
    );
}

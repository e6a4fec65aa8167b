use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::{OPTIONS, clean, peers, pppconfig, problems, problems_of, read};
use crate::config::files::MapFiles;
use crate::config::{Auth, Config, Device, Dialer, DnsConfig, ScriptsConfig};
use crate::ppp::config::{AuthTimers, EchoConfig, FsmConfig, IpcpConfig, LcpConfig};
use crate::secret::Secret;

const SECOND: Duration = Duration::from_secs(1);

/// What a bare peers file means.
fn bare() -> Config {
    Config {
        device: Device::Tty(PathBuf::from("/dev/ttyS1")),
        speed: 115_200,
        rtscts: false,
        replace_default_route: false,
        dialer: Dialer::Direct,
        echo: EchoConfig {
            interval: Duration::ZERO,
            failure: 0,
        },
        ipcp: IpcpConfig {
            request_dns: false,
            ..Config::default().ipcp
        },
        dns: DnsConfig {
            use_peer: false,
            ..DnsConfig::default()
        },
        scripts: ScriptsConfig {
            call_file: Some("DTI".to_owned()),
            ..ScriptsConfig::default()
        },
        ..Config::default()
    }
}

fn assert_same(found: &Config, wanted: &Config) {
    assert_eq!(format!("{found:#?}"), format!("{wanted:#?}"));
    assert_eq!(found.password.expose(), wanted.password.expose());
    let pap = |config: &Config| {
        config
            .pap_password
            .as_ref()
            .map(|one| one.expose().to_vec())
    };
    assert_eq!(pap(found), pap(wanted));
}

/// Spec C2, F1: what pppconfig writes is read without a word.
#[test]
fn c2_a_provider_of_pppconfigs_is_read_without_a_warning() {
    let main = "START=yes\nPROVIDER=DTI\nPERSIST=1\nRESET_ON_FAIL=1\nRESET_ALWAYS=0\nRESET_AT=03:00\nRESET_WAIT=30\n\
                HOLDOFF=5\nRETRY=3\n";
    let found = clean(main, &pppconfig());
    let Dialer::Chat(call) = &found.dialer else {
        panic!("{:?}", found.dialer);
    };
    assert!(call.options.verbose);
    assert_eq!(call.script.words().len(), 20);
    assert!(!found.dialer.sets_context());
    let wanted = Config {
        start: true,
        reset_at: Some(crate::config::TimeOfDay { hour: 3, minute: 0 }),
        reset_wait: Some(30 * SECOND),
        rtscts: true,
        dialer: found.dialer.clone(),
        default_route: true,
        echo: EchoConfig {
            interval: 30 * SECOND,
            failure: 4,
        },
        ipcp: IpcpConfig {
            request_dns: true,
            ..Config::default().ipcp
        },
        dns: DnsConfig::default(),
        auth: Auth::Chap,
        account: "sora".to_owned(),
        password: Secret::new("geheim"),
        scripts: ScriptsConfig {
            ipparam: Some("DTI".to_owned()),
            ..bare().scripts
        },
        ..bare()
    };
    assert_same(&found, &wanted);
    // The same by the native format.
    let text = "[ppp]\nprovider = \"DTI\"\n[supervision]\nstart = true\nreset.at = \"03:00\"\nreset.wait = 30\n";
    let files = pppconfig();
    let sources = crate::config::Sources {
        files: &files,
        ppp_dir: std::path::Path::new("/etc/ppp"),
        models: None,
    };
    let (native, found) = crate::config::read_with("uplinkd.toml", text.as_bytes(), &sources);
    assert_eq!(found, []);
    assert_same(&native.unwrap(), &wanted);
}

/// The peers file that the existing system generates, as somebody's own.
#[test]
fn c2_a_file_of_the_existing_system_is_read() {
    let text = "unit 0\nhide-password\nnoauth\nconnect \"/usr/sbin/chat -v -f /etc/chatscripts/ppp0\"\ndebug\nmodem\nlock\n\
                /dev/ttyLISA0\n460800\ndefaultroute\nreplacedefaultroute\nnoipdefault\nuser \"user@dream.jp\"\n\
                remotename ppp0\nipparam ppp0\ndemand\nnopersist\nidle 60\nusepeerdns\n";
    let files = MapFiles::new()
        .with("/etc/ppp/peers/ppp0", text)
        .with("/etc/ppp/options", OPTIONS)
        .with(
            "/etc/chatscripts/ppp0",
            "'' ATZ\nOK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"\nOK ATDT*99***1#\nCONNECT \\d\\c\n",
        )
        .with(
            "/etc/ppp/chap-secrets",
            "\"mopera\" * \"mopera\"\n\"user@dream.jp\" ppp0 \"dti\"\n",
        );
    let config = clean("PROVIDER=ppp0\n", &files);
    assert_eq!(
        (
            config.demand,
            config.idle,
            config.persist,
            config.replace_default_route
        ),
        (true, Some(60 * SECOND), true, true)
    );
    assert_eq!(
        (config.auth, config.password.expose()),
        (Auth::Chap, &b"dti"[..])
    );
    assert!(config.dialer.sets_context());
}

#[test]
fn every_option_reaches_its_field() {
    let text = "unit 3 mtu 1400 mru 1492 asyncmap a0000 asyncmap 1 escape 11,0x13,ff nomagic noaccomp nopcomp silent\n\
                lcp-echo-interval 20 lcp-echo-failure 3 lcp-echo-adaptive receive-all\n\
                lcp-restart 4 lcp-max-terminate 3 lcp-max-configure 11 lcp-max-failure 6\n\
                ipcp-restart 5 ipcp-max-terminate 4 ipcp-max-configure 12 ipcp-max-failure 7\n\
                pap-restart 6 pap-max-authreq 5 pap-timeout 7 chap-timeout 8\n\
                192.0.2.1:192.0.2.2 netmask 0xffffff00 ipcp-accept-local ipcp-accept-remote\n\
                defaultroute defaultroute-metric 7 replacedefaultroute usepeerdns\n\
                connect 'chat AT' demand holdoff 9 idle 0x20 maxconnect 3600 crtscts local\n\
                ipparam x linkname wan set ROLE=backup set A=b unset A\n\
                ip-up-script /a ip-down-script /b ip-pre-up-script /c password geheim user sora\n";
    let found = clean("PROVIDER=DTI\n", &peers(text));
    let wanted = Config {
        interface: "ppp3".to_owned(),
        lcp: LcpConfig {
            fsm: FsmConfig {
                restart: 4 * SECOND,
                max_terminate: 3,
                max_configure: 11,
                max_failure: 6,
            },
            mru: 1492,
            mtu: Some(1400),
            accm: Some(0xa_0001),
            magic: false,
            pfc: false,
            acfc: false,
            silent: true,
            escape: [1 << 17 | 1 << 19, 0, 0, 0, 0, 0, 0, 1 << 31],
            receive_all: true,
            echo_adaptive: true,
            ..LcpConfig::default()
        },
        ipcp: IpcpConfig {
            fsm: FsmConfig {
                restart: 5 * SECOND,
                max_terminate: 4,
                max_configure: 12,
                max_failure: 7,
            },
            accept_local: true,
            accept_remote: true,
            ..IpcpConfig::default()
        },
        echo: EchoConfig {
            interval: 20 * SECOND,
            failure: 3,
        },
        auth_timers: AuthTimers {
            pap_restart: 6 * SECOND,
            pap_max_requests: 5,
            pap_timeout: 7 * SECOND,
            chap_timeout: 8 * SECOND,
            ..AuthTimers::default()
        },
        local_address: Some(Ipv4Addr::new(192, 0, 2, 1)),
        remote_address: Some(Ipv4Addr::new(192, 0, 2, 2)),
        netmask: Some(Ipv4Addr::new(255, 255, 255, 0)),
        default_route: true,
        replace_default_route: true,
        route_metric: Some(7),
        dns: DnsConfig::default(),
        dialer: found.dialer.clone(),
        demand: true,
        holdoff: 9 * SECOND,
        idle: Some(32 * SECOND),
        max_connect: Some(3600 * SECOND),
        rtscts: true,
        modem_lines: false,
        auth: Auth::Chap,
        allow_pap: true,
        account: "sora".to_owned(),
        password: Secret::new("geheim"),
        scripts: ScriptsConfig {
            ip_pre_up: Some(PathBuf::from("/c")),
            ip_up: Some(PathBuf::from("/a")),
            ip_down: Some(PathBuf::from("/b")),
            ipparam: Some("x".to_owned()),
            linkname: Some("wan".to_owned()),
            environment: vec![("ROLE".to_owned(), "backup".to_owned())],
            ..bare().scripts
        },
        ..bare()
    };
    assert_same(&found, &wanted);
}

#[test]
fn a_later_option_wins_over_an_earlier_one_and_the_peers_file_over_options() {
    let files = peers("mtu 1400\nlcp-max-failure 7 ifname wan unit 4\n")
        .with(
            "/etc/ppp/options",
            "mtu 1000 mru 1000 unit 9 lcp-restart 9\n",
        )
        .with(
            "/etc/ppp/options.ttyS1",
            "mru 1200 mtu 1200 lcp-max-failure 9\n",
        );
    let found = clean("PROVIDER=DTI\n", &files);
    let wanted = Config {
        interface: "wan".to_owned(),
        lcp: LcpConfig {
            mtu: Some(1400),
            mru: 1200,
            fsm: FsmConfig {
                restart: 9 * SECOND,
                max_failure: 7,
                ..FsmConfig::default()
            },
            ..LcpConfig::default()
        },
        ..bare()
    };
    assert_same(&found, &wanted);
    let text = "asyncmap 0 default-asyncmap -all\n";
    assert_eq!(clean("PROVIDER=DTI\n", &peers(text)).lcp.accm, None);
}

#[test]
fn a_call_is_read_where_it_stands_and_is_the_scripts_call_file() {
    let files = MapFiles::new()
        .with("/etc/ppp/peers/a/b", "mtu 1000 call c mru 1000\n")
        .with(
            "/etc/ppp/peers/c",
            "ttyS1 115200 mtu 1200 mru 1200 file /etc/more\n",
        )
        .with("/etc/more", "noauth\n");
    let found = clean("PROVIDER=a/b\n", &files);
    assert_eq!((found.lcp.mtu, found.lcp.mru), (Some(1200), 1000));
    assert_eq!(found.device, Device::Tty(PathBuf::from("/dev/ttyS1")));
    assert_eq!(found.scripts.call_file.as_deref(), Some("c"));
}

/// Debian's own /etc/ppp/options has `auth`; every peers file there has `noauth`.
#[test]
fn f1_auth_is_refused_only_while_it_is_in_force() {
    let files = |peers: &str| {
        MapFiles::new()
            .with("/etc/ppp/options", OPTIONS)
            .with("/etc/ppp/peers/DTI", format!("ttyS1 115200 {peers}\n"))
    };
    assert_eq!(problems(&files("noauth")), Vec::<String>::new());
    assert_eq!(
        problems(&files("")),
        [
            "options:2:1: error: auth is in force: a modem cannot prove who it is; noauth takes it back; expected noauth \
             behind it, in the peers file"
        ]
    );
    assert_eq!(
        problems(&files("noauth require-chap")),
        [
            "peers/DTI:1:21: error: require-chap is in force: a modem cannot prove who it is; noauth takes it back; expected \
             noauth behind it, in the peers file"
        ]
    );
}

/// Spec C2: the main file's supervision keys win, and a clash warns.
#[test]
fn c2_supervision_keys_of_the_main_file_win() {
    let files = peers("connect 'chat \"\" AT' persist holdoff 30 maxfail 10 demand idle 60\n");
    assert_eq!(
        problems_of(
            "PROVIDER=DTI\nPERSIST=0\nHOLDOFF=7\nDEMAND=0\nIDLE=90\n",
            &files
        ),
        [
            "peers/DTI:2:22: warning: persist is not used: PERSIST says otherwise (off); expected PERSIST alone, or the same \
             in both",
            "peers/DTI:2:30: warning: holdoff is not used: HOLDOFF says otherwise (7 s); expected HOLDOFF alone, or the same \
             in both",
            "peers/DTI:2:41: warning: maxfail 10 is not used: the service does not give up; expected RETRY, after which the \
             modem is reset",
            "peers/DTI:2:52: warning: demand is not used: DEMAND says otherwise (off); expected DEMAND alone, or the same in \
             both",
            "peers/DTI:2:59: warning: idle is not used: IDLE says otherwise (90 s); expected IDLE alone, or the same in both",
        ]
    );
    let (config, _) = read("PROVIDER=DTI\nHOLDOFF=7\n", &files);
    let config = config.unwrap();
    assert_eq!(
        (config.persist, config.holdoff, config.demand, config.idle),
        (true, 7 * SECOND, true, Some(60 * SECOND))
    );
    let agreed = "PROVIDER=DTI\nPERSIST=1\nHOLDOFF=30\nDEMAND=1\nIDLE=60\n";
    let quiet = peers("connect 'chat \"\" AT' persist holdoff 30 maxfail 0 demand idle 60\n");
    clean(agreed, &quiet);
}

/// Spec C2: what the peers file says instead is named, once.
#[test]
fn c2_keys_that_provider_makes_meaningless_are_named_once() {
    let main = "PROVIDER=DTI\nAPN=dream.jp\nDEVICE=LISA-U200\nAUTH=nonsense\nACCOUNT=a\nPASSWORD=b\nPIN=1234\nNETMODE=\n\
                CONNECT_OK=1\n";
    assert_eq!(
        problems_of(main, &pppconfig()),
        [
            "/etc/default/ppp:1:10: warning: PROVIDER is set, so that nothing is made of APN, DEVICE, AUTH, ACCOUNT, PASSWORD, \
             PIN; expected what they say in the peers file DTI, or an empty PROVIDER"
        ]
    );
    // Without a tty in the peers file DEVICE says where the modem is.
    let files = MapFiles::new().with("/etc/ppp/peers/DTI", "noauth 115200\n");
    let found = clean("PROVIDER=DTI\nDEVICE=LISA-U200\n", &files);
    assert_eq!(found.device, Device::Model("LISA-U200".to_owned()));
}

#[test]
fn values_that_make_no_sense_are_told_at_their_place() {
    for (text, problem) in [
        (
            "mtu 9000000",
            "2:1: error: mtu: 9000000 is out of range; expected 128 to 16384",
        ),
        (
            "mtu -1",
            "2:1: error: mtu: -1 is out of range; expected 128 to 16384",
        ),
        (
            "idle x",
            "2:1: error: idle: \"x\" is not a number; expected a whole number",
        ),
        (
            "holdoff 60s",
            "2:1: warning: holdoff: only 60 of \"60s\" is a number, and counts; expected a number and nothing behind it",
        ),
        (
            "asyncmap xx",
            "2:1: error: asyncmap: \"xx\" is not a number; expected a hexadecimal number",
        ),
        (
            "idle",
            "2:1: error: idle needs something behind it; expected a whole number",
        ),
        (
            "escape 11,5e",
            "2:1: error: escape: not all of \"11,5e\" can be escaped; expected hexadecimal numbers from 0 to ff, but not 5e, with commas between",
        ),
        (
            "isp.example:",
            "2:1: error: the local address in \"isp.example:\" is none, and names are not looked up here; expected LOCAL:REMOTE, e.g. 192.0.2.1:192.0.2.2",
        ),
        (
            ":127.0.0.1",
            "2:1: error: the remote address 127.0.0.1 cannot be that of a link; expected LOCAL:REMOTE, e.g. 192.0.2.1:192.0.2.2",
        ),
        (
            "192.0.2.1:192.0.2.1",
            "2:1: error: both ends of the link are to be 192.0.2.1; expected two addresses",
        ),
        (
            "nodefaultroute defaultroute",
            "2:16: error: defaultroute is refused by a nodefaultroute before it; expected only one of them",
        ),
        (
            "presist",
            "2:1: error: \"presist\" is no option of pppd's; did you mean persist?",
        ),
        (
            "xyzzy 5",
            "2:1: error: \"xyzzy\" is no option of pppd's; expected an option, a tty, a speed or LOCAL:REMOTE",
        ),
        (
            "stop-bits 2",
            "2:1: error: stop-bits 2 cannot be done: characters have one stop bit here; expected no such option: a modem on USB has none",
        ),
        (
            "maxoctets 1000",
            "2:1: error: maxoctets cannot be done: the traffic of a link has no limit here; expected no such option, or 0",
        ),
        (
            "set X",
            "2:1: error: set: this is not NAME=VALUE; expected e.g. set ROLE=backup",
        ),
        (
            "unset A=b",
            "2:1: error: unset: \"A=b\" is no name of a variable; expected a name",
        ),
        (
            "linkname ../x",
            "2:1: error: linkname: \"../x\" cannot be part of a file's name; expected up to 64 characters, no slash among them",
        ),
        (
            "ip-up-script up",
            "2:1: error: ip-up-script: \"up\" is not a full path; expected one that begins with /",
        ),
        (
            "demand",
            "2:1: error: demand needs connect: nothing says how to dial; expected connect, or no demand",
        ),
        (
            "plugin rp-pppoe.so",
            "2:1: error: plugin cannot be done: pppd's plugins cannot be loaded; expected no such option",
        ),
        (
            "call ../x",
            "2:6: error: call: \"../x\" leads out of the folder of peers; expected the name of a file in it, without .. and without / at its beginning",
        ),
        (
            "call none",
            "2:6: error: peers/none cannot be read: there is no such file; expected a file of pppd's options",
        ),
        (
            "file x",
            "2:6: error: file: \"x\" is not a full path; expected one that begins with /: the service runs in no folder of its own",
        ),
        (
            "connect 'chat -f /etc/none'",
            "2:9: error: connect: the chat script /etc/none cannot be read: there is no such file; expected a chat script, as in /etc/chatscripts",
        ),
        (
            "connect 'chat -f none'",
            "2:9: error: connect: chat -f: the file is not given by its full path; expected one that begins with /",
        ),
        (
            "connect 'chat -x'",
            "2:9: error: connect: chat: there is no option -x; expected what chat(8) takes: options, and then -f FILE or the script itself",
        ),
        (
            "connect 'chat -r /tmp/x \"\" AT'",
            "2:9: warning: connect: chat -r: what REPORT finds goes to the log, not to that file; expected no -r",
        ),
        (
            "connect 'chat \"$PW\"'",
            "2:9: error: connect: what begins with $ would be replaced by a shell, and none is run here; expected the value itself, or the sign in single quotes",
        ),
        (
            "init 'chat OK' connect 'chat \"\" AT'",
            "2:1: error: init and connect cannot be run as one script: init has other options than connect, or ends with an expect; expected what it does at the beginning of connect's script",
        ),
    ] {
        let line = format!("peers/DTI:{problem}");
        assert_eq!(problems(&peers(&format!("{text}\n"))), [line], "{text}");
    }
}

#[test]
fn only_chat_is_run() {
    const HELP: &str = "expected chat, e.g. \"/usr/sbin/chat -v -f /etc/chatscripts/NAME\"; or leave PROVIDER empty, and \
                        uplinkd dials itself";
    for (command, what) in [
        (
            "/usr/bin/wvdial geheim",
            "\"/usr/bin/wvdial\" is not chat, and no other command is run here",
        ),
        (
            "PW=geheim chat",
            "this is not chat, and no other command is run here",
        ),
        (
            "chat -v; geheim",
            "; is work for a shell, and no shell is run here",
        ),
        (
            "chat \\'geheim",
            "the quote ' within the command is not closed",
        ),
    ] {
        let found = problems(&peers(&format!("connect \"{command}\"\n")));
        let line = format!("peers/DTI:2:9: error: connect: {what}; {HELP}");
        assert_eq!(found, [line]);
    }
    for nothing in ["", "true", "/bin/true", "  "] {
        let found = clean("PROVIDER=DTI\n", &peers(&format!("connect '{nothing}'\n")));
        assert_eq!(found.dialer, Dialer::Direct, "{nothing}");
    }
    let text = "init 'chat -v \"\" ATZ OK AT' connect 'exec /usr/sbin/chat -v OK \"ATD*99#\" CONNECT'\n\
                disconnect 'chat \"\" +++'\n";
    let found = clean("PROVIDER=DTI\n", &peers(text));
    let Dialer::Chat(call) = found.dialer else {
        panic!("{:?}", found.dialer)
    };
    assert_eq!(
        call.script.words(),
        ["", "ATZ", "OK", "AT", "OK", "ATD*99#", "CONNECT"]
    );
    assert_eq!(found.disconnect.unwrap().script.words(), ["", "+++"]);
}

/// Words, and bytes between them.
fn pieces(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => proptest::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Spec F1: nothing that stands in the files stops the reader, and no password is shown.
    #[test]
    fn f1_any_bytes_are_read(
        peers in pieces(&[
            "call DTI", "call x", "connect", "user", "password", "noauth", "auth", "mtu", "set", "'", "\"", "\\", "#", " ",
            "\n", "-f /etc/x", "chat", "/", ":", "60", "escape", "+ua /etc/x", "unit",
        ]),
        secrets in pieces(&["sora", "gateway", "*", "@/etc/x", "'", "\"", "\\", "#", " ", "\n"]),
        script in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let files = MapFiles::new()
            .with("/etc/ppp/peers/DTI", &peers)
            .with("/etc/ppp/peers/x", &secrets)
            .with("/etc/ppp/chap-secrets", &secrets)
            .with("/etc/x", script);
        let (config, found) = read("PROVIDER=DTI\n", &files);
        prop_assert!(config.is_some() || found.iter().any(|one| one.severity == crate::config::Severity::Error));
        for problem in &found {
            prop_assert!(!problem.render().is_empty() && problem.width > 0);
        }
    }

    /// Wherever it stands, and whatever is wrong around it.
    #[test]
    fn no_password_is_ever_shown(
        before in "(noauth|xyzzy|mtu|user|'| |\n){0,5}",
        option in "(password|pasword|PASSWORD|connect|disconnect|set|init)",
        gap in "( |\n|\\\\\n|  # x\n)",
        quote in "('|\"|)",
        behind in "(xyzzy|'| |\n|#|password|idle){0,5}",
    ) {
        let peers = format!("{before} {option}{gap}{quote}ge-heim-{quote} {behind}\n");
        let files = MapFiles::new()
            .with("/etc/ppp/peers/DTI", &peers)
            .with("/etc/ppp/chap-secrets", format!("sora * {quote}ge-heim-{quote} {before}\n{behind}"));
        for problem in read("PROVIDER=DTI\n", &files).1 {
            let shown = format!("{}{problem}{problem:?}", problem.render());
            prop_assert!(!shown.contains("ge-heim-"), "{peers}\n{shown}");
        }
    }
}

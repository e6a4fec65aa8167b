//! What is exported is read by our own reader of pppd's files, and means the same: the way to pppd and back.

use super::*;
use crate::config::files::MapFiles;
use crate::config::{Sources, read_with};
use crate::ppp::SessionConfig;
use crate::ppp::config::{AllowedAuth, AuthTimers, EchoConfig, IpcpConfig, LcpConfig};

/// Debian's own, which stand below every peers file.
const OPTIONS: &str = "asyncmap 0\nauth\ncrtscts\nlock\nhide-password\nmodem\nlcp-echo-interval 30\nlcp-echo-failure 4\nnoipx\n";

/// The configuration that the exported files make, beside other people's secrets.
fn back(config: &Config) -> Config {
    let export = exported(config).unwrap();
    let name = &export.name;
    let mut files = MapFiles::new()
        .with("/etc/ppp/options", OPTIONS)
        .with(&format!("/etc/ppp/peers/{name}"), &export.peers);
    if let Some(chat) = &export.chat {
        files = files.with(&format!("/etc/chatscripts/{name}"), &chat.text);
    }
    if let Some(chat) = &export.disconnect {
        files = files.with(&format!("/etc/chatscripts/{name}-disconnect"), &chat.text);
    }
    let pap = export.pap_entry.as_ref().or(export.entry.as_ref());
    for (file, before, entry) in [
        ("chap-secrets", CHAP_BEFORE, export.entry.as_ref()),
        ("pap-secrets", PAP_BEFORE, pap),
    ] {
        let text = match entry {
            Some(entry) => secrets::with_entry(Some(before), entry).unwrap(),
            None => before.to_vec(),
        };
        files = files.with(&format!("/etc/ppp/{file}"), text);
    }
    let sources = Sources {
        files: &files,
        ppp_dir: Path::new("/etc/ppp"),
        models: None,
    };
    let main = format!("PROVIDER={name}\n");
    let (found, problems) = read_with("/etc/default/ppp", main.as_bytes(), &sources);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    found.unwrap()
}

/// All that a session is told.
type Told = (
    LcpConfig,
    IpcpConfig,
    EchoConfig,
    AuthTimers,
    (String, Secret, Option<Secret>, AllowedAuth),
);

fn told(session: SessionConfig) -> Told {
    let SessionConfig {
        lcp,
        credentials,
        demand,
        auth,
        ipcp,
        echo,
    } = session;
    assert!(demand.is_none());
    let credentials = (
        credentials.user,
        credentials.secret,
        credentials.pap_secret,
        credentials.allow,
    );
    (lcp, ipcp, echo, auth, credentials)
}

/// Session, line, routes and scripts are the same. Only that pppd's files have no word for "CHAP, and not PAP" that the
/// existing system would write: with them pppd agrees to both.
fn assert_comes_back(config: &Config) -> Config {
    let found = back(config);
    let mut wanted = told(config.session(false));
    wanted.4.3.pap |= config.auth == Auth::Chap;
    assert_eq!(told(found.session(false)), wanted, "{config:?}");
    let line = |config: &Config| (config.speed, config.rtscts, config.modem_lines);
    assert_eq!(line(&found), line(config));
    let network = |config: &Config| {
        let route = (config.default_route, config.route_metric);
        let replaces = config.default_route
            && config.replace_default_route
            && config.route_metric.is_none_or(|metric| metric == 0);
        (config.interface.clone(), route, replaces, config.netmask)
    };
    assert_eq!(network(&found), network(config));
    let limits = |config: &Config| (config.demand, config.idle, config.max_connect);
    assert_eq!(limits(&found), limits(config));
    let (theirs, ours) = (&found.scripts, &config.scripts);
    assert_eq!(
        (
            &theirs.ip_up,
            &theirs.ip_down,
            &theirs.linkname,
            &theirs.environment
        ),
        (
            &ours.ip_up,
            &ours.ip_down,
            &ours.linkname,
            &ours.environment
        )
    );
    let ipparam = ours.ipparam.as_ref().or(Some(&config.interface));
    assert_eq!(theirs.ipparam.as_ref(), ipparam);
    found
}

#[test]
fn the_documents_example_comes_back() {
    for lines in [
        "",
        "AUTH=PAP\n",
        "AUTH=NOAUTH\nACCOUNT=\nPASSWORD=\n",
        "DEMAND=0\nIDLE=\n",
        "DEFAULTROUTE=0\n",
        "LOCALADDR=10.0.0.2\nREMOTEADDR=10.0.0.1\nNETMASK=255.255.255.252\n",
        "LOCALADDR=10.0.0.2\n",
        "ACCOUNT='a b\\'\nPASSWORD='x \"#y'\n",
    ] {
        let config = document_with(lines);
        let found = assert_comes_back(&config);
        assert_eq!(found.device, Device::Tty(PathBuf::from("/dev/ttyLISA0")));
        let Dialer::Chat(call) = &found.dialer else {
            panic!("{:?}", found.dialer);
        };
        assert!(call.script.words().contains(&"ATDT*99***1#".to_owned()));
        assert!(found.dialer.sets_context());
    }
}

#[test]
fn what_uplinkd_toml_adds_comes_back() {
    let base = "modem.device = \"/dev/ttyUSB2\"\nppp.account = \"me\"\nppp.password = \"x\"\n";
    for text in [
        "",
        "modem.speed = 115200\nmodem.rtscts = false\nmodem.modem_lines = false\n",
        "ppp.max_connect = \"1h\"\nppp.echo.interval = 0\nppp.lcp.mru = 1492\nppp.lcp.accm = 0x000a0000\n",
        "ppp.lcp.magic = false\nppp.lcp.pfc = false\nppp.lcp.acfc = false\nppp.lcp.silent = true\nppp.lcp.restart = 2\n",
        "ppp.lcp.mtu = 1400\nppp.lcp.escape = \"11,0x13,ff\"\nppp.lcp.receive_all = true\nppp.echo.adaptive = true\n",
        "ppp.ipcp.max_failure = 7\nppp.pap.restart = 5\nppp.pap.max_requests = 3\nppp.chap.timeout = 20\n",
        "ppp.lcp.max_configure = 4\nppp.lcp.max_terminate = 3\nppp.ipcp.restart = 9\nppp.ipcp.max_configure = 20\n",
        "ppp.echo.interval = 10\nppp.echo.failure = 6\n",
        "ppp.allow_pap = true\nppp.pap.password = \"an other\"\n",
        "ppp.auth = \"PAP\"\n",
        "network.interface = \"wwan9\"\nnetwork.default_route = true\nnetwork.route_metric = 700\n",
        "network.default_route = true\nnetwork.replace_default_route = false\n",
        "network.default_route = true\n",
        "network.local_address = \"10.0.0.2\"\nppp.ipcp.accept_local = true\n",
        "scripts.ipparam = \"site 42\"\nscripts.linkname = \"backup\"\nscripts.ip_up = \"/x/up\"\nscripts.ip_down = \"/x/down\"\n",
        "scripts.environment = [\"A=b c\", \"D=\"]\n",
        "dns.use_peer = false\n",
        "ppp.ipcp.request_dns = false\ndns.use_peer = false\n",
        "modem.direct = true\n",
    ] {
        let (config, found) = read("x.toml", format!("{base}{text}").as_bytes());
        assert_comes_back(&config.unwrap_or_else(|| panic!("{text}: {found:?}")));
    }
}

/// Word by word, with their options.
#[test]
fn scripts_of_the_users_own_come_back() {
    let call = |words: &[&str], options| {
        std::sync::Arc::new(calls::Call {
            script: calls::Script::from_words(
                words.iter().map(|word| (*word).to_owned()).collect(),
            ),
            options,
        })
    };
    let config = Config {
        device: Device::Tty(PathBuf::from("/dev/ttyS1")),
        dialer: Dialer::Chat(call(
            &["ABORT", "NO CARRIER", "", "ATZ", "OK", "ATDT\\T", "#x", "'"],
            calls::Options {
                timeout: Duration::from_secs(7),
                phone: Some("*99#'s".to_owned()),
                phone2: Some("a b".to_owned()),
                verbose: true,
                echo: true,
                expand: true,
                show: true,
                ..calls::Options::default()
            },
        )),
        disconnect: Some(call(&["", "\\d+++\\d\\c"], calls::Options::default())),
        ..Config::default()
    };
    let found = assert_comes_back(&config);
    assert_eq!(found.dialer, config.dialer);
    assert_eq!(found.disconnect, config.disconnect);
}

/// An option is written, or the setting is named.
#[test]
fn every_setting_is_exported_or_named_as_left_out() {
    let text = "modem.device = \"/dev/ttyUSB2\"\nnetwork.default_route = true\nnetwork.replace_default_route = false\n\
        ppp.lcp.mtu = 1400\nppp.lcp.escape = \"11\"\nppp.lcp.receive_all = true\nppp.echo.adaptive = true\n\
        ppp.pap.password = \"x\"\nppp.account = \"me\"\nppp.password = \"y\"\n\
        connect.script = [\"\", \"ATD\"]\nconnect.show = true\nconnect.char_delay = 0.01\n\
        ppp.lcp.max_loopback = 3\ndns.fallback = [\"9.9.9.9\"]\nscripts.timeout = 9\n";
    let (config, found) = read("x.toml", text.as_bytes());
    let export = exported(&config.unwrap_or_else(|| panic!("{found:?}"))).unwrap();
    assert_eq!(
        export.left_out,
        [
            "connect.char_delay",
            "ppp.lcp.max_loopback",
            "scripts.timeout",
            "dns.fallback"
        ]
    );
    for line in [
        "mtu 1400",
        "escape 11",
        "receive-all",
        "lcp-echo-adaptive",
        "defaultroute",
    ] {
        assert!(export.peers.lines().any(|found| found == line), "{line}");
    }
    assert!(!export.peers.contains("replacedefaultroute"));
    assert!(export.peers.contains("chat -V -f "), "{}", export.peers);
    let [chap, pap] = [export.entry, export.pap_entry].map(|entry| {
        let text = secrets::with_entry(None, &entry.unwrap()).unwrap();
        String::from_utf8(text)
            .unwrap()
            .lines()
            .last()
            .unwrap()
            .to_owned()
    });
    assert_eq!(
        (chap.as_str(), pap.as_str()),
        ("\"me\" ppp0 \"y\"", "\"me\" ppp0 \"x\"")
    );
}

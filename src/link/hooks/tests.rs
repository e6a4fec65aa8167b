use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::find::{Found, Invocation, Look, Plan, plan};
use super::wording::{self, ScriptEnd};
use super::{HookEvent, Hooks, HooksSetup, LinkFacts, LinkTotals, Run, Script};
use crate::ppp::Ipv4Settings;

const ISP: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 1);
const DNS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

fn setup() -> HooksSetup {
    HooksSetup {
        enabled: true,
        ppp_dir: PathBuf::from("/etc/ppp"),
        ip_pre_up: None,
        ip_up: None,
        ip_down: None,
        interface: "ppp0".to_owned(),
        unit: 0,
        ipparam: None,
        linkname: None,
        call_file: None,
        environment: Vec::new(),
        use_peer_dns: true,
        pid: 523,
        uid: 0,
        login: "root".to_owned(),
    }
}

fn settings(last: u8) -> Ipv4Settings {
    Ipv4Settings {
        local: Ipv4Addr::new(10, 64, 64, last),
        remote: Some(ISP),
        dns: [Some(DNS), None],
        mtu: 1500,
    }
}

fn link(last: u8) -> LinkFacts {
    LinkFacts {
        tty: "/dev/ttyUSB0".to_owned(),
        speed: 460_800,
        settings: settings(last),
        former: None,
        peer: None,
    }
}

const TOTALS: LinkTotals = LinkTotals {
    connected: Duration::from_millis(138_900),
    sent: 5_000_000_000,
    received: 7,
};

/// What the machine wants, in short: `up 2` for the DNS servers of the link whose address ends so, `ip-up 2`, `down`.
fn wants(hooks: &mut Hooks) -> Vec<String> {
    let mut wants = Vec::new();
    while let Some(event) = hooks.poll_event() {
        wants.push(match event {
            HookEvent::LinkUp(settings) => format!("up {}", settings.local.octets()[3]),
            HookEvent::LinkDown => "down".to_owned(),
            HookEvent::Run(run) => {
                let local = run.arguments.get(3).map_or("", String::as_str);
                let last = local.rsplit('.').next().unwrap_or_default();
                format!("{} {last}", run.script.name())
            }
        });
    }
    wants
}

fn map(environment: &[(String, String)]) -> BTreeMap<&str, &str> {
    let map: BTreeMap<&str, &str> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(map.len(), environment.len(), "a name stands there twice");
    map
}

fn next_run(hooks: &mut Hooks) -> Run {
    loop {
        if let HookEvent::Run(run) = hooks.poll_event().unwrap() {
            return run;
        }
    }
}

#[test]
fn a_link_comes_and_goes() {
    let mut hooks = Hooks::new(setup());
    assert!(hooks.is_idle());
    hooks.handle_before_up(link(2));
    assert!(hooks.pre_up_pending());
    assert_eq!(wants(&mut hooks), ["ip-pre-up 2"]);
    hooks.handle_finished(Script::IpPreUp);
    assert!(!hooks.pre_up_pending());
    hooks.handle_up(link(2));
    assert!(hooks.is_told());
    assert_eq!(wants(&mut hooks), ["up 2", "ip-up 2"]);
    assert!(!hooks.is_idle());
    hooks.handle_finished(Script::IpUp);
    assert!(hooks.is_idle());
    assert_eq!(wants(&mut hooks), [""; 0]);
    hooks.handle_down(Some(TOTALS));
    assert!(!hooks.is_told());
    assert_eq!(wants(&mut hooks), ["ip-down 2"]);
    hooks.handle_finished(Script::IpDown);
    assert_eq!(wants(&mut hooks), ["down"]);
    assert!(hooks.is_idle());
    assert_eq!(hooks.owed(), None);
}

#[test]
fn up_and_down_never_run_at_once() {
    let mut hooks = Hooks::new(setup());
    hooks.handle_up(link(2));
    assert_eq!(wants(&mut hooks), ["up 2", "ip-up 2"]);
    // Ten redials while ip-up runs.
    for _ in 0..10 {
        hooks.handle_down(Some(TOTALS));
        assert_eq!(wants(&mut hooks), [""; 0]);
        hooks.handle_up(link(2));
        assert_eq!(wants(&mut hooks), [""; 0]);
    }
    // The link is as the script knows it.
    hooks.handle_finished(Script::IpUp);
    assert_eq!(wants(&mut hooks), [""; 0]);
    // Down while ip-down runs, up again: ip-up follows.
    hooks.handle_down(Some(TOTALS));
    assert_eq!(wants(&mut hooks), ["ip-down 2"]);
    hooks.handle_up(link(2));
    hooks.handle_down(Some(TOTALS));
    hooks.handle_up(link(3));
    assert_eq!(wants(&mut hooks), [""; 0]);
    hooks.handle_finished(Script::IpDown);
    assert_eq!(wants(&mut hooks), ["down", "up 3", "ip-up 3"]);
    // Down while ip-up runs: ip-down follows, with the totals of the end.
    hooks.handle_down(Some(TOTALS));
    assert_eq!(wants(&mut hooks), [""; 0]);
    hooks.handle_finished(Script::IpUp);
    let run = next_run(&mut hooks);
    assert_eq!(run.script, Script::IpDown);
    assert_eq!(map(&run.environment)["CONNECT_TIME"], "138");
    hooks.handle_finished(Script::IpDown);
    assert_eq!(wants(&mut hooks), ["down"]);
}

#[test]
fn another_address_is_told_even_if_a_script_was_running() {
    let mut hooks = Hooks::new(setup());
    hooks.handle_up(link(2));
    assert_eq!(wants(&mut hooks), ["up 2", "ip-up 2"]);
    hooks.handle_down(Some(TOTALS));
    hooks.handle_up(link(3));
    assert!(!hooks.is_told());
    hooks.handle_finished(Script::IpUp);
    assert_eq!(wants(&mut hooks), ["ip-down 2"]);
    hooks.handle_finished(Script::IpDown);
    assert_eq!(wants(&mut hooks), ["down", "up 3", "ip-up 3"]);
    assert!(hooks.is_told());
    hooks.handle_finished(Script::IpUp);
    // A renegotiation that changes nothing, and one that does.
    hooks.handle_renegotiation(TOTALS);
    hooks.handle_up(link(3));
    assert_eq!(wants(&mut hooks), [""; 0]);
    hooks.handle_renegotiation(TOTALS);
    hooks.handle_up(link(4));
    assert_eq!(wants(&mut hooks), ["ip-down 3"]);
    hooks.handle_finished(Script::IpDown);
    assert_eq!(wants(&mut hooks), ["down", "up 4", "ip-up 4"]);
}

#[test]
fn a_slow_pre_up_is_followed_by_that_of_the_newest_link() {
    let mut hooks = Hooks::new(setup());
    hooks.handle_before_up(link(2));
    hooks.handle_before_up(link(3));
    hooks.handle_before_up(link(4));
    assert_eq!(wants(&mut hooks), ["ip-pre-up 2"]);
    hooks.handle_finished(Script::IpPreUp);
    assert!(hooks.pre_up_pending());
    assert_eq!(wants(&mut hooks), ["ip-pre-up 4"]);
    hooks.handle_finished(Script::IpPreUp);
    assert!(!hooks.pre_up_pending());
}

#[test]
fn what_a_killed_daemon_owes_goes_first() {
    let mut dead = Hooks::new(HooksSetup { pid: 99, ..setup() });
    assert_eq!(dead.owed(), None);
    dead.handle_up(link(2));
    let owed = dead.owed().unwrap();
    assert_eq!(owed.script, Script::IpDown);
    let mut hooks = Hooks::new(setup());
    hooks.handle_owed(owed.clone());
    hooks.handle_up(link(3));
    let run = next_run(&mut hooks);
    assert_eq!(run.arguments, owed.arguments);
    assert_eq!(map(&run.environment)["PPPD_PID"], "523");
    assert_eq!(wants(&mut hooks), [""; 0]);
    hooks.handle_finished(Script::IpDown);
    assert_eq!(wants(&mut hooks), ["up 3", "ip-up 3"]);
}

#[test]
fn auth_scripts_run_when_the_peer_has_proved_who_it_is() {
    let mut hooks = Hooks::new(setup());
    let peer = LinkFacts {
        peer: Some("isp".to_owned()),
        ..link(2)
    };
    hooks.handle_authenticated(peer);
    let run = next_run(&mut hooks);
    assert_eq!(run.script, Script::AuthUp);
    assert_eq!(
        run.arguments,
        ["ppp0", "isp", "root", "/dev/ttyUSB0", "460800"]
    );
    assert_eq!(map(&run.environment)["PEERNAME"], "isp");
    hooks.handle_unauthenticated(Some(TOTALS));
    assert_eq!(hooks.poll_event(), None);
    hooks.handle_finished(Script::AuthUp);
    assert_eq!(next_run(&mut hooks).script, Script::AuthDown);
    hooks.handle_finished(Script::AuthDown);
    assert!(hooks.is_idle());
}

#[test]
fn arguments_and_environment_are_pppds() {
    let mut hooks = Hooks::new(setup());
    hooks.handle_up(link(2));
    let run = next_run(&mut hooks);
    assert_eq!(
        run.arguments,
        ["ppp0", "/dev/ttyUSB0", "460800", "10.64.64.2", "10.64.64.1"]
    );
    let common = [
        ("DEVICE", "/dev/ttyUSB0"),
        ("DNS1", "192.0.2.53"),
        ("IFNAME", "ppp0"),
        ("IPLOCAL", "10.64.64.2"),
        ("IPREMOTE", "10.64.64.1"),
        ("ORIG_UID", "0"),
        ("PPPD_PID", "523"),
        ("PPPLOGNAME", "root"),
        ("SPEED", "460800"),
        ("UNIT", "0"),
        ("USEPEERDNS", "1"),
    ];
    assert_eq!(map(&run.environment), BTreeMap::from(common));
    hooks.handle_finished(Script::IpUp);
    hooks.handle_down(Some(TOTALS));
    let run = next_run(&mut hooks);
    let mut expected = BTreeMap::from(common);
    expected.extend([
        ("CONNECT_TIME", "138"),
        ("BYTES_SENT", "5000000000"),
        ("BYTES_RCVD", "7"),
    ]);
    assert_eq!(map(&run.environment), expected);
}

#[test]
fn what_is_configured_shows_in_arguments_and_environment() {
    let mut hooks = Hooks::new(HooksSetup {
        ipparam: Some("dti".to_owned()),
        linkname: Some("wan".to_owned()),
        call_file: Some("DTI".to_owned()),
        environment: vec![
            ("SITE".to_owned(), "plum".to_owned()),
            ("IFNAME".to_owned(), "mine".to_owned()),
        ],
        use_peer_dns: false,
        ..setup()
    });
    // The interface has stayed, as with pppd's demand; the peer has named no address of its own.
    let changed = LinkFacts {
        former: Some(settings(9)),
        settings: Ipv4Settings {
            remote: None,
            ..settings(2)
        },
        ..link(2)
    };
    hooks.handle_up(changed);
    let run = next_run(&mut hooks);
    assert_eq!(
        run.arguments,
        [
            "ppp0",
            "/dev/ttyUSB0",
            "460800",
            "10.64.64.2",
            "0.0.0.0",
            "dti"
        ]
    );
    let expected = BTreeMap::from([
        ("CALL_FILE", "DTI"),
        ("DEVICE", "/dev/ttyUSB0"),
        ("DNS1", "192.0.2.53"),
        ("IFNAME", "mine"),
        ("IPLOCAL", "10.64.64.2"),
        ("LINKNAME", "wan"),
        ("OLDIPLOCAL", "10.64.64.9"),
        ("OLDIPREMOTE", "10.64.64.1"),
        ("ORIG_UID", "0"),
        ("PPPD_PID", "523"),
        ("PPPLOGNAME", "root"),
        ("SITE", "plum"),
        ("SPEED", "460800"),
        ("UNIT", "0"),
    ]);
    assert_eq!(map(&run.environment), expected);
    // The same addresses as before are no news.
    let mut hooks = Hooks::new(setup());
    hooks.handle_up(LinkFacts {
        former: Some(settings(2)),
        ..link(2)
    });
    let run = next_run(&mut hooks);
    let environment = map(&run.environment);
    assert!(!environment.contains_key("OLDIPLOCAL"));
    assert!(!environment.contains_key("OLDIPREMOTE"));
}

#[test]
fn addresses_that_are_not_known_are_not_told() {
    let mut hooks = Hooks::new(setup());
    let nothing = Ipv4Settings {
        local: Ipv4Addr::UNSPECIFIED,
        remote: None,
        dns: [None, None],
        mtu: 1500,
    };
    hooks.handle_before_up(LinkFacts {
        tty: String::new(),
        settings: nothing,
        ..link(0)
    });
    let run = next_run(&mut hooks);
    assert_eq!(run.arguments, ["ppp0", "", "460800", "0.0.0.0", "0.0.0.0"]);
    let names: Vec<&str> = map(&run.environment).into_keys().collect();
    let expected = [
        "IFNAME",
        "ORIG_UID",
        "PPPD_PID",
        "PPPLOGNAME",
        "SPEED",
        "UNIT",
    ];
    assert_eq!(names, expected);
}

/// A file system.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, Found>);

impl Files {
    fn new(programs: &[&str]) -> Self {
        let found = programs.iter().map(|path| (path.into(), Found::Program));
        Self(found.collect())
    }

    fn with(mut self, path: &str, found: Found) -> Self {
        self.0.insert(path.into(), found);
        self
    }
}

impl Look for Files {
    fn look(&self, path: &Path) -> Found {
        self.0.get(path).cloned().unwrap_or(Found::Absent)
    }

    fn list(&self, folder: &Path) -> Option<Vec<String>> {
        // Backwards: the order is not the file system's business.
        let names: Vec<String> = self
            .0
            .keys()
            .rev()
            .filter(|path| path.parent() == Some(folder))
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        (!names.is_empty()).then_some(names)
    }
}

fn run_of(script: Script) -> Run {
    let mut hooks = Hooks::new(setup());
    hooks.handle_up(link(2));
    Run {
        script,
        ..next_run(&mut hooks)
    }
}

fn programs(plan: &Plan) -> Vec<String> {
    let shown = |command: &Invocation| command.program.display().to_string();
    plan.commands.iter().map(shown).collect()
}

fn problems(plan: &Plan) -> Vec<&str> {
    plan.problems
        .iter()
        .map(|line| line.text.as_str())
        .collect()
}

const ALL: [&str; 6] = [
    "/etc/ppp/ip-up",
    "/etc/ppp/ip-up.local",
    "/etc/ppp/ip-up.d/0000usepeerdns",
    "/etc/ppp/ip-up.d/ddclient",
    "/etc/ppp/ip-up.d/000resolvconf",
    "/etc/ppp/ip-down.d/0000usepeerdns",
];

#[test]
fn the_script_is_run_or_the_folder_never_both() {
    let run = run_of(Script::IpUp);
    let whole = plan(&setup(), &run, &Files::new(&ALL));
    assert_eq!(
        whole,
        Plan {
            commands: vec![Invocation {
                program: "/etc/ppp/ip-up".into(),
                arguments: run.arguments.clone(),
                environment: run.environment.clone(),
            }],
            problems: Vec::new(),
        }
    );
    // Without the package ppp: what Debian's ip-up would run.
    let local = plan(&setup(), &run, &Files::new(&ALL[1..]));
    assert_eq!(programs(&local), ["/etc/ppp/ip-up.local"]);
    assert_eq!(local.commands[0].arguments, run.arguments);
    let folder = plan(&setup(), &run, &Files::new(&ALL[2..]));
    assert_eq!(
        programs(&folder),
        [
            "/etc/ppp/ip-up.d/0000usepeerdns",
            "/etc/ppp/ip-up.d/000resolvconf",
            "/etc/ppp/ip-up.d/ddclient"
        ]
    );
    let none = plan(&setup(), &run, &Files::new(&ALL[5..]));
    assert_eq!(none, Plan::default());
    let off = HooksSetup {
        enabled: false,
        ..setup()
    };
    assert_eq!(plan(&off, &run, &Files::new(&ALL)), Plan::default());
}

#[test]
fn a_configured_script_is_run_and_nothing_else() {
    let mine = HooksSetup {
        ip_up: Some("/opt/up".into()),
        ..setup()
    };
    let run = run_of(Script::IpUp);
    let files = Files::new(&ALL).with("/opt/up", Found::Program);
    assert_eq!(programs(&plan(&mine, &run, &files)), ["/opt/up"]);
    let missing = plan(&mine, &run, &Files::new(&ALL));
    assert_eq!(programs(&missing), [""; 0]);
    assert_eq!(
        problems(&missing),
        ["Can't execute /opt/up: No such file or directory"]
    );
}

#[test]
fn what_cannot_or_must_not_be_run_is_said() {
    let run = run_of(Script::IpUp);
    let why = "its mode is 0644".to_owned();
    let files = Files::new(&ALL[1..]).with("/etc/ppp/ip-up", Found::NoProgram(why));
    let plain = plan(&setup(), &run, &files);
    assert_eq!(programs(&plain), [""; 0], "the folder is ip-up's business");
    assert_eq!(
        problems(&plain),
        ["Can't execute /etc/ppp/ip-up: its mode is 0644"]
    );
    // In the folder: a script that was switched off, what dpkg has left, a hidden file, one that anybody can write.
    let files = Files::new(&["/etc/ppp/ip-up.d/good"])
        .with("/etc/ppp/ip-up.d/off", Found::NoProgram(String::new()))
        .with("/etc/ppp/ip-up.d/good.dpkg-old", Found::Program)
        .with("/etc/ppp/ip-up.d/good~", Found::Program)
        .with("/etc/ppp/ip-up.d/.hidden", Found::Program)
        .with("/etc/ppp/ip-up.d/open", Found::Unsafe("mode".to_owned()));
    let folder = plan(&setup(), &run, &files);
    assert_eq!(programs(&folder), ["/etc/ppp/ip-up.d/good"]);
    assert_eq!(
        problems(&folder),
        ["Can't execute /etc/ppp/ip-up.d/open: mode"]
    );
}

#[test]
fn the_folder_gets_debians_names_too() {
    let run = run_of(Script::IpUp);
    let folder = plan(&setup(), &run, &Files::new(&ALL[2..]));
    let command = &folder.commands[0];
    assert_eq!(
        command.arguments,
        [
            "ppp0",
            "/dev/ttyUSB0",
            "460800",
            "10.64.64.2",
            "10.64.64.1",
            ""
        ]
    );
    let mut expected = map(&run.environment);
    expected.extend([
        (
            "PATH",
            "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
        ),
        ("PPP_IFACE", "ppp0"),
        ("PPP_TTY", "/dev/ttyUSB0"),
        ("PPP_SPEED", "460800"),
        ("PPP_LOCAL", "10.64.64.2"),
        ("PPP_REMOTE", "10.64.64.1"),
        ("PPP_IPPARAM", ""),
        ("PPP_TTYNAME", "ttyUSB0"),
    ]);
    assert_eq!(map(&command.environment), expected);
}

#[test]
fn a_folder_that_is_no_end_of_files_is_cut() {
    let mut files = Files::default();
    for number in 0..1000 {
        files = files.with(&format!("/etc/ppp/ip-up.d/{number:04}"), Found::Program);
    }
    let folder = plan(&setup(), &run_of(Script::IpUp), &files);
    assert_eq!(folder.commands.len(), 256);
}

#[test]
fn the_lines_are_pppds() {
    let ip_up = Path::new("/etc/ppp/ip-up");
    for (line, expected) in [
        (
            wording::started(ip_up, 1266),
            "pppd: Script /etc/ppp/ip-up started (pid 1266)",
        ),
        (
            wording::finished(ip_up, 1266, ScriptEnd::Exited(0)),
            "pppd: Script /etc/ppp/ip-up finished (pid 1266), status = 0x0",
        ),
        (
            wording::finished(ip_up, 1266, ScriptEnd::Exited(127)),
            "pppd: Script /etc/ppp/ip-up finished (pid 1266), status = 0x7f",
        ),
        (
            wording::finished(ip_up, 1266, ScriptEnd::Killed(15)),
            "pppd: Child process /etc/ppp/ip-up (pid 1266) terminated with signal 15",
        ),
    ] {
        assert_eq!(line.to_string(), expected);
    }
}

#[test]
fn what_is_owed_survives_as_text() {
    let run = run_of(Script::IpDown);
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
}

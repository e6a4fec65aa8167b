use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::*;
use crate::config::DnsManager;
use crate::io::testing::{TestDir, in_mount_namespace, in_network_namespace, ip};

const FORMER: &str = "nameserver 192.168.1.1\nsearch lan\n";

/// Where the tests put programs: it is on nobody's PATH before the usual ones.
const PROGRAMS: &str = "/usr/local/sbin";

struct Rig {
    dir: TestDir,
    setup: DnsSetup,
    lines: Rc<RefCell<Vec<String>>>,
    status: Rc<RefCell<Option<Resolver>>>,
}

impl Rig {
    fn new(manager: DnsManager) -> Self {
        let dir = TestDir::new();
        fs::create_dir(dir.join("ppp")).unwrap();
        fs::write(dir.join("resolv.conf"), FORMER).unwrap();
        let config = Config {
            interface: "ppp7".to_owned(),
            dns: DnsConfig {
                manager,
                ..DnsConfig::default()
            },
            ..Config::default()
        };
        let (ppp, file) = (dir.join("ppp"), dir.join("resolv.conf"));
        let setup = DnsSetup::new(&config, &ppp, &file, &dir.join("state"));
        Self {
            dir,
            setup,
            lines: Rc::default(),
            status: Rc::default(),
        }
    }

    fn dns(&self) -> Dns {
        let (lines, status) = (Rc::clone(&self.lines), Rc::clone(&self.status));
        Dns::with(
            self.setup.clone(),
            Box::new(move |line| lines.borrow_mut().push(line.to_string())),
            Box::new(move |resolver| drop(status.replace(resolver))),
        )
    }

    /// As after a reload.
    fn config(&self) -> Config {
        let mut config = Config {
            interface: "ppp9".to_owned(),
            dns: self.setup.config.clone(),
            ..Config::default()
        };
        config.scripts.enabled = self.setup.scripts.is_some();
        config
    }

    fn file(&self) -> String {
        fs::read_to_string(self.dir.join("resolv.conf")).unwrap()
    }

    fn pppds(&self) -> String {
        fs::read_to_string(self.dir.join("ppp/resolv.conf")).unwrap()
    }

    /// Since the last call.
    fn said(&self) -> Vec<String> {
        self.lines.take()
    }

    /// A program that writes its name, its arguments and its input to `calls`, and then runs `more`.
    fn program(&self, name: &str, more: &str) {
        let calls = self.dir.join("calls");
        let text = format!(
            "#!/bin/sh\n{{ echo \"$(basename \"$0\") $*\"; if [ \"$1\" = -a ]; then cat; fi; }} >>{}\n{more}\n",
            calls.display()
        );
        let path = Path::new(PROGRAMS).join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Since the last call.
    fn calls(&self) -> Vec<String> {
        let path = self.dir.join("calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(str::to_owned).collect()
    }
}

fn settings(dns: [Option<[u8; 4]>; 2]) -> Ipv4Settings {
    Ipv4Settings {
        local: Ipv4Addr::new(100, 64, 0, 7),
        remote: None,
        dns: dns.map(|server| server.map(Ipv4Addr::from)),
        mtu: 1500,
    }
}

const FIRST: [Option<[u8; 4]>; 2] = [Some([192, 0, 2, 53]), None];
const SECOND: [Option<[u8; 4]>; 2] = [Some([198, 51, 100, 53]), Some([192, 0, 2, 53])];

fn run(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test());
}

/// With [`PROGRAMS`] empty, so that a test can put its own there.
fn with_programs(test: impl AsyncFnOnce() + Send + 'static) {
    in_mount_namespace(move |mounts| {
        mounts.tmpfs(Path::new(PROGRAMS), "size=1m");
        run(test);
    });
}

#[test]
fn n3_the_file_has_the_links_servers_while_it_is_up() {
    run(async || {
        let rig = Rig::new(DnsManager::Auto);
        let dns = rig.dns();
        dns.recover().await;
        assert_eq!(rig.said(), [""; 0]);
        let told = dns.before_up(&settings(SECOND));
        assert_eq!(told, settings(SECOND));
        assert_eq!(
            rig.pppds(),
            "nameserver 198.51.100.53\nnameserver 192.0.2.53\n"
        );
        assert_eq!(rig.file(), FORMER, "not yet");
        dns.up(&told).await;
        assert_eq!(
            rig.file(),
            "# uplinkd: name servers of ppp7. The former file comes back when the link ends.\n\
             nameserver 198.51.100.53\nnameserver 192.0.2.53\nsearch lan\n"
        );
        let said = "uplinkd: DNS servers of the link: 198.51.100.53, 192.0.2.53; no other program manages \
                    /etc/resolv.conf";
        assert_eq!(rig.said(), [said]);
        let status = rig.status.borrow().clone().unwrap();
        assert_eq!((status.manager.as_str(), status.problem), ("file", None));
        // A renegotiation without news, then one with.
        dns.up(&settings(SECOND)).await;
        assert_eq!(rig.said(), [""; 0]);
        dns.up(&settings(FIRST)).await;
        assert!(
            rig.file().contains("\nnameserver 192.0.2.53\nsearch"),
            "{}",
            rig.file()
        );
        dns.down().await;
        assert_eq!(rig.file(), FORMER);
        assert_eq!(*rig.status.borrow(), None);
        // pppd leaves its own.
        assert_eq!(rig.pppds(), "nameserver 192.0.2.53\n");
    });
}

#[test]
fn n3_a_killed_daemon_is_mended_by_the_next() {
    run(async || {
        let rig = Rig::new(DnsManager::File);
        let dns = rig.dns();
        dns.up(&settings(FIRST)).await;
        drop(dns);
        assert_ne!(rig.file(), FORMER);
        rig.said();
        rig.dns().recover().await;
        assert_eq!(rig.file(), FORMER);
        assert_eq!(rig.said().len(), 1);
    });
}

#[test]
fn n3_bogus_servers_and_the_fallback_as_scripts_see_them() {
    run(async || {
        let mut rig = Rig::new(DnsManager::File);
        rig.setup.config.fallback =
            vec!["9.9.9.9".parse().unwrap(), "2620:fe::fe".parse().unwrap()];
        let dns = rig.dns();
        let told = dns.before_up(&settings([Some([10, 11, 12, 13]), Some([127, 0, 0, 1])]));
        assert_eq!(told.dns, [Some(Ipv4Addr::new(9, 9, 9, 9)), None]);
        assert_eq!(rig.pppds(), "nameserver 9.9.9.9\nnameserver 2620:fe::fe\n");
        assert_eq!(rig.said().len(), 3);
        // With the settings as scripts are told of them, as the hooks hand them on.
        dns.up(&told).await;
        assert!(
            rig.file()
                .contains("\nnameserver 9.9.9.9\nnameserver 2620:fe::fe\n"),
            "{}",
            rig.file()
        );
    });
}

#[test]
fn n3_a_link_without_servers_leaves_the_file_alone() {
    run(async || {
        let rig = Rig::new(DnsManager::File);
        let dns = rig.dns();
        dns.up(&settings([None, None])).await;
        assert_eq!(rig.file(), FORMER);
        assert!(!rig.dir.join("ppp/resolv.conf").exists());
        assert_eq!(rig.said().len(), 1);
        // A renegotiation that takes the servers away.
        dns.up(&settings(FIRST)).await;
        dns.up(&settings([None, None])).await;
        assert_eq!(
            (rig.file().as_str(), rig.status.borrow().is_none()),
            (FORMER, true)
        );
    });
}

#[test]
fn n3_without_use_peer_pppds_file_is_not_written() {
    run(async || {
        let mut rig = Rig::new(DnsManager::Auto);
        rig.setup.config.use_peer = false;
        rig.setup.config.fallback = vec!["9.9.9.9".parse().unwrap()];
        // It is not told any servers, and so is no writer.
        debians_script(&rig);
        let dns = rig.dns();
        dns.up(&settings(FIRST)).await;
        assert!(!rig.dir.join("ppp/resolv.conf").exists());
        assert!(
            rig.file().contains("\nnameserver 9.9.9.9\nsearch"),
            "{}",
            rig.file()
        );
    });
}

#[test]
fn n3_a_script_of_the_operators_is_the_one_writer() {
    run(async || {
        let mut rig = Rig::new(DnsManager::Auto);
        debians_script(&rig);
        let dns = rig.dns();
        dns.up(&settings(FIRST)).await;
        assert_eq!(rig.file(), FORMER, "that is the script's work");
        assert_eq!(rig.pppds(), "nameserver 192.0.2.53\n");
        let status = rig.status.borrow().clone().unwrap();
        assert_eq!(status.manager, "script");
        assert!(
            status.why.ends_with("/dns writes /etc/resolv.conf"),
            "{status:?}"
        );
        dns.down().await;
        assert_eq!(rig.file(), FORMER);
        // Against it, the configuration wins, and says so.
        rig.said();
        rig.setup.config.manager = DnsManager::File;
        dns.reconfigure(&rig.config());
        dns.up(&settings(FIRST)).await;
        assert_ne!(rig.file(), FORMER);
        assert!(rig.said()[0].contains("two writers undo each other's work"));
        // Scripts that are switched off are no writers.
        dns.down().await;
        rig.setup.config.manager = DnsManager::Auto;
        rig.setup.scripts = None;
        dns.reconfigure(&rig.config());
        dns.up(&settings(FIRST)).await;
        assert_eq!(rig.status.borrow().clone().unwrap().manager, "file");
    });
}

fn debians_script(rig: &Rig) {
    let folder = rig.dir.join("ppp/ip-up.d");
    fs::create_dir(&folder).unwrap();
    let script = folder.join("dns");
    fs::write(
        &script,
        "#!/bin/sh\ncat /etc/ppp/resolv.conf > /etc/resolv.conf\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn n3_nobody_is_told_where_nobody_shall_be() {
    run(async || {
        let rig = Rig::new(DnsManager::None);
        let dns = rig.dns();
        dns.up(&settings(FIRST)).await;
        assert_eq!((rig.file().as_str(), rig.said().len()), (FORMER, 0));
        assert_eq!(rig.pppds(), "nameserver 192.0.2.53\n");
        assert_eq!(rig.status.borrow().clone().unwrap().manager, "none");
    });
}

#[test]
fn n3_what_cannot_be_written_is_said_and_the_link_goes_on() {
    run(async || {
        let rig = Rig::new(DnsManager::File);
        fs::write(rig.dir.join("state"), "no folder").unwrap();
        fs::remove_dir(rig.dir.join("ppp")).unwrap();
        let dns = rig.dns();
        dns.up(&settings(FIRST)).await;
        let said = rig.said();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("pppd: Failed to create "), "{said:?}");
        assert!(
            said[1].contains("the system is not told the DNS servers of the link: "),
            "{said:?}"
        );
        let problem = rig.status.borrow().clone().unwrap().problem.unwrap();
        assert!(problem.contains("stays as it is"), "{problem}");
        dns.down().await;
        assert_eq!((rig.file().as_str(), rig.said().len()), (FORMER, 0));
    });
}

/// Nobody reads or writes at the other end: the loop must not wait for it.
#[test]
fn n3_a_fifo_in_the_place_of_pppds_file_stops_nothing() {
    run(async || {
        let rig = Rig::new(DnsManager::File);
        let fifo = rig.dir.join("ppp/resolv.conf");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let told = rig.dns().before_up(&settings(FIRST));
        assert_eq!(told, settings(FIRST));
        let text = format!(
            "pppd: Failed to create {}: it is not a regular file",
            fifo.display()
        );
        assert_eq!(rig.said(), [text]);
    });
}

#[test]
fn n3_resolvectl_is_told_and_reverted() {
    with_programs(async || {
        let rig = Rig::new(DnsManager::Resolved);
        rig.program("resolvectl", "");
        let dns = rig.dns();
        dns.up(&settings(SECOND)).await;
        assert_eq!(
            rig.calls(),
            [
                "resolvectl dns ppp7 198.51.100.53 192.0.2.53",
                "resolvectl domain ppp7 ",
                "resolvectl default-route ppp7 no",
            ]
        );
        dns.down().await;
        // The interface is gone: resolved has forgotten it.
        assert_eq!(rig.calls(), [""; 0]);
        assert_eq!(rig.file(), FORMER);
    });
}

#[test]
fn n3_resolvectl_forgets_an_interface_that_stays() {
    in_network_namespace(async || {
        ip("tuntap add dev ppp7 mode tun");
        with_programs_here(async || {
            let mut rig = Rig::new(DnsManager::Resolved);
            rig.setup.scope = Scope::All;
            rig.program("resolvectl", "");
            let dns = rig.dns();
            dns.up(&settings(FIRST)).await;
            dns.down().await;
            dns.down().await;
            assert_eq!(
                rig.calls(),
                [
                    "resolvectl dns ppp7 192.0.2.53",
                    "resolvectl domain ppp7 ~.",
                    "resolvectl default-route ppp7 yes",
                    "resolvectl revert ppp7",
                ]
            );
        })
        .await;
    });
}

/// As [`with_programs`], on the thread that is in a network namespace already.
async fn with_programs_here(test: impl AsyncFnOnce()) {
    // SAFETY: CLONE_NEWNS does not touch the file descriptor table, which is what makes unshare unsafe.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.unwrap();
    for arguments in [
        vec!["--make-rprivate", "/"],
        vec!["-t", "tmpfs", "tmpfs", PROGRAMS],
    ] {
        let done = std::process::Command::new("mount").args(arguments).status();
        assert!(done.unwrap().success());
    }
    test().await;
}

#[test]
fn n3_a_program_that_fails_or_is_missing_is_said() {
    with_programs(async || {
        let rig = Rig::new(DnsManager::Resolved);
        let dns = rig.dns();
        dns.up(&settings(FIRST)).await;
        let said = rig.said();
        assert!(
            said[0].ends_with("of the link: there is no resolvectl"),
            "{said:?}"
        );
        dns.down().await;
        rig.program(
            "resolvectl",
            "echo 'Failed to set DNS configuration: Link ppp7 is busy' >&2; exit 1",
        );
        dns.up(&settings(FIRST)).await;
        let said = rig.said();
        assert!(
            said[0].ends_with(
                "ended with exit status: 1: Failed to set DNS configuration: Link ppp7 is busy"
            ),
            "{said:?}"
        );
        assert_eq!(rig.calls().len(), 1, "the others are not tried");
    });
}

#[test]
fn n3_resolvconf_is_told_and_told_again_after_a_crash() {
    with_programs(async || {
        let rig = Rig::new(DnsManager::Resolvconf);
        rig.program("resolvconf", "");
        let dns = rig.dns();
        dns.up(&settings(SECOND)).await;
        let added = [
            "resolvconf -a ppp7.uplinkd",
            "nameserver 198.51.100.53",
            "nameserver 192.0.2.53",
        ];
        assert_eq!(rig.calls(), added);
        dns.down().await;
        assert_eq!(rig.calls(), ["resolvconf -d ppp7.uplinkd"]);
        // Killed: resolvconf has the servers still.
        dns.up(&settings(SECOND)).await;
        drop(dns);
        rig.calls();
        let next = rig.dns();
        next.recover().await;
        assert_eq!(rig.calls(), ["resolvconf -d ppp7.uplinkd"]);
        next.recover().await;
        assert_eq!(rig.calls(), [""; 0]);
    });
}

#[test]
fn n3_a_program_of_our_own_writes_the_file_where_we_may_not() {
    with_programs(async || {
        let mut rig = Rig::new(DnsManager::File);
        rig.program(
            "uplinkd",
            "test \"$2\" != set || { echo 'it cannot be' >&2; exit 1; }",
        );
        rig.setup.file_program = Some(Path::new(PROGRAMS).join("uplinkd"));
        let dns = rig.dns();
        dns.recover().await;
        dns.up(&settings(FIRST)).await;
        dns.down().await;
        let places = format!(
            "--path {} --state-dir {} --interface ppp7",
            rig.dir.join("resolv.conf").display(),
            rig.dir.join("state").display()
        );
        assert_eq!(
            rig.calls(),
            [
                format!("uplinkd resolv-conf set {places} 192.0.2.53"),
                format!("uplinkd resolv-conf restore {places}"),
            ]
        );
        let said = rig.said();
        assert!(said[0].ends_with("of the link: it cannot be"), "{said:?}");
    });
}

//! The real packages resolvconf and openresolv, and a systemd-resolved that only listens, in a mount namespace of the
//! daemon's own: `/etc` and `/usr` have the packages' files over the host's, `/run` is empty.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site, binary, status};
use protocol_tests::debian::unpack;
use protocol_tests::namespace::Namespace;
use protocol_tests::process::{Process, run};
use protocol_tests::require::{self, Need};
use rustix::process::Signal;

use super::{HOST, REST, SERVERS, with_links};

const PACKAGES: &[Need] = &[
    Need::Program("dpkg-deb", "dpkg"),
    Need::Program("perl", "perl-base"),
    Need::Package("resolvconf"),
    Need::Package("openresolv"),
];

/// Mounts the tree `$1/tree` over the host's files, runs `$2`, and stays. What is written lies in memory.
const MOUNT: &str = r#"
set -e
site=$1
mkdir -p "$site/memory"
mount -t tmpfs none "$site/memory"
for d in etc usr; do
    mkdir -p "$site/memory/$d/up" "$site/memory/$d/work" "$site/tree/$d"
    mount -t overlay overlay \
        -o "lowerdir=$site/tree/$d:/$d,upperdir=$site/memory/$d/up,workdir=$site/memory/$d/work" "/$d"
done
mount -t tmpfs none /run
eval "$2"
echo ready
exec sleep 1000
"#;

/// What the packages' own start scripts do.
const RESOLVCONF: &str = "mkdir -p /run/resolvconf/interface; touch /run/resolvconf/enable-updates; \
                          ln -sf /run/resolvconf/resolv.conf /etc/resolv.conf; resolvconf -u";
const OPENRESOLV: &str = "mkdir -p /run/resolvconf; resolvconf -a eth0 </host.conf";

/// systemd-resolved's files and its socket; somebody has to accept.
const RESOLVED: &str = r#"
mkdir -p /run/systemd/resolve
echo nameserver 127.0.0.53 > /run/systemd/resolve/stub-resolv.conf
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
perl -MIO::Socket::UNIX -e '
    my $s = IO::Socket::UNIX->new(Local => "/run/systemd/resolve/io.systemd.Resolve", Listen => 9) or die;
    print "listening\n"; close STDOUT; close STDERR;
    while (my $c = $s->accept) { close $c }
' &
while [ ! -S /run/systemd/resolve/io.systemd.Resolve ]; do sleep 0.1; done
"#;

struct System {
    site: Site,
    namespace: Namespace,
    holder: Process,
    simulator: Option<Simulator>,
}

impl System {
    fn new(packages: &[&str], setup: &str, more: impl FnOnce(&Site, &Path)) -> Self {
        let site = Site::new();
        let tree = site.path("tree");
        fs::create_dir_all(tree.join("etc")).unwrap();
        for package in packages {
            unpack(package, &tree);
        }
        fs::write(tree.join("etc/resolv.conf"), HOST).unwrap();
        let base = tree.join("etc/resolvconf/resolv.conf.d");
        if base.is_dir() {
            fs::write(base.join("base"), HOST).unwrap();
        }
        more(&site, &tree);
        site.write("host.conf", HOST);
        let simulator = Simulator::start(&site.tty(), &[]);
        let namespace = Namespace::new();
        site.configure(&[("APN", "internet"), ("HOLDOFF", "0"), ("DEFAULTROUTE", "1")]);
        let setup = setup.replace("/host.conf", &site.path("host.conf").display().to_string());
        let mut command = namespace.command("unshare");
        command
            .args(["--mount", "sh", "-c", MOUNT, "sh"])
            .arg(site.path(""))
            .arg(setup);
        let holder = Process::start("the mounts", command);
        holder.wait_for_line("ready", PATIENCE);
        Self {
            site,
            namespace,
            holder,
            simulator: Some(simulator),
        }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--net", "--target"])
            .arg(self.holder.pid().to_string())
            .arg("--")
            .arg(program);
        command
    }

    /// One whose file is `/etc/resolv.conf`.
    fn daemon(&self) -> Daemon {
        let mut command = self.command(binary());
        self.site.arguments(&mut command, &[]);
        let mut arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let at = arguments
            .iter()
            .position(|word| word == "--resolv-conf")
            .unwrap();
        arguments[at + 1] = "/etc/resolv.conf".into();
        let mut command = Command::new("nsenter");
        command.args(arguments).env_remove("JOURNAL_STREAM");
        Daemon {
            process: Process::start("uplinkd", command),
        }
    }

    fn read(&self, path: &str) -> String {
        let mut command = self.command("cat");
        command.arg(path);
        run("cat", command, PATIENCE).1
    }

    fn wait_for_servers(&self, expected: &[&str]) {
        wait_until(&format!("the servers {expected:?}"), PATIENCE, || {
            let text = self.read("/etc/resolv.conf");
            let servers: Vec<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix("nameserver "))
                .collect();
            (servers == expected).then_some(())
        });
    }
}

#[test]
fn n3_the_real_resolvconf_has_the_links_servers_as_long_as_it_is_up() {
    protocol_tests::require!(require::DAEMON, PACKAGES);
    for (package, setup) in [("resolvconf", RESOLVCONF), ("openresolv", OPENRESOLV)] {
        let mut system = System::new(&[package], setup, |_, _| {});
        system.wait_for_servers(&["172.31.0.53"]);
        let before = system.read("/etc/resolv.conf");
        let mut daemon = system.daemon();
        daemon
            .process
            .wait_for_line("resolvconf is installed", PATIENCE);
        // Both put interfaces called ppp in front.
        let servers = [&SERVERS[..], &["172.31.0.53"]].concat();
        system.wait_for_servers(&servers);
        assert_eq!(status(&system.site)["resolver"]["manager"], "resolvconf");
        // Killed: resolvconf keeps them until the next start, which has no modem to bring them again.
        daemon.process.signal(Signal::KILL);
        daemon.wait_exit(PATIENCE);
        system.wait_for_servers(&servers);
        system.simulator = None;
        let mut daemon = system.daemon();
        daemon.process.wait_for_line("resolvconf forgets", PATIENCE);
        assert_eq!(system.read("/etc/resolv.conf"), before, "{package}");
        system.simulator = Some(Simulator::start(
            &system.site.tty(),
            &["--fault", "data-mode"],
        ));
        system.wait_for_servers(&servers);
        daemon.process.signal(Signal::TERM);
        assert_eq!(daemon.wait_exit(Duration::from_secs(10)), 5);
        assert_eq!(system.read("/etc/resolv.conf"), before, "{package}");
    }
}

#[test]
fn n3_systemd_resolved_is_told_by_resolvectl() {
    protocol_tests::require!(require::DAEMON, PACKAGES);
    let system = System::new(&[], RESOLVED, |site, tree| {
        let program = tree.join("usr/bin/resolvectl");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let text = format!(
            "#!/bin/sh\necho \"$*\" >> {}\n",
            site.path("calls").display()
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    });
    let mut daemon = system.daemon();
    daemon
        .process
        .wait_for_line("/etc/resolv.conf is systemd-resolved's", PATIENCE);
    let calls = || fs::read_to_string(system.site.path("calls")).unwrap();
    assert_eq!(
        calls(),
        "dns ppp0 192.0.2.53 198.51.100.53\ndomain ppp0 ~.\ndefault-route ppp0 yes\n"
    );
    assert_eq!(status(&system.site)["resolver"]["manager"], "resolved");
    assert_eq!(daemon.terminate(), 5);
    // What was told of an interface goes with it; as long as that is there, it is taken back.
    let after: Vec<String> = calls().lines().skip(3).map(str::to_owned).collect();
    assert!(after.is_empty() || after == ["revert ppp0"], "{after:?}");
    assert_eq!(system.read("/etc/resolv.conf"), "nameserver 127.0.0.53\n");
    assert!(!system.namespace.has_interface("ppp0"));
}

#[test]
fn n3_the_hosts_own_file_is_replaced_where_nobody_manages_it() {
    protocol_tests::require!(require::DAEMON, PACKAGES);
    let system = System::new(&[], "true", |_, _| {});
    let mut daemon = system.daemon();
    daemon
        .process
        .wait_for_line("no other program manages /etc/resolv.conf", PATIENCE);
    assert_eq!(
        system.read("/etc/resolv.conf"),
        with_links("ppp0", &SERVERS)
    );
    assert!(system.read("/etc/resolv.conf").ends_with(REST));
    daemon.process.signal(Signal::KILL);
    daemon.wait_exit(PATIENCE);
    let mut daemon = system.daemon();
    daemon
        .process
        .wait_for_line("/etc/resolv.conf is as it was before the link", PATIENCE);
    daemon
        .process
        .wait_for_line("DNS servers of the link", PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(system.read("/etc/resolv.conf"), HOST);
}

//! Debian's own scripts, of the packages ppp, resolvconf and ddclient, unchanged: spec N3, N4.
//!
//! The packages are unpacked into a tree, which lies over `/etc` and `/usr` in a mount namespace of the daemon's own; `/run`
//! is empty there. The host notices nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site, binary};
use protocol_tests::debian::unpack;
use protocol_tests::namespace::Namespace;
use protocol_tests::process::{Process, run};
use protocol_tests::require::{self, Need};
use rustix::process::Signal;

use super::{RECORD, expect_in_order, record, script};

const PACKAGES: &[Need] = &[
    Need::Program("dpkg-deb", "dpkg"),
    Need::Program("perl", "perl-base"),
    Need::Package("ppp"),
    Need::Package("resolvconf"),
    Need::Package("ddclient"),
];

/// Mounts the tree `$1/tree` and becomes the rest of the line. What is written to lies in memory, and a second daemon of
/// the site finds it again.
const MOUNT: &str = r#"
set -e
site=$1
shift
mkdir -p "$site/memory"
if [ ! -e "$site/memory/etc" ]; then
    mount -t tmpfs none "$site/memory"
    for d in etc usr; do
        mkdir -p "$site/memory/$d/up" "$site/memory/$d/work" "$site/tree/$d"
        mount -t overlay overlay \
            -o "lowerdir=$site/tree/$d:/$d,upperdir=$site/memory/$d/up,workdir=$site/memory/$d/work" "/$d"
    done
    mount -t tmpfs none /run
    mkdir -p /run/resolvconf/interface /run/lock
    touch /run/resolvconf/enable-updates
fi
exec "$@"
"#;

/// What the host had before.
const HOST: &str = "search example.jp\nnameserver 172.31.0.53\noptions timeout:1\n";

struct System {
    site: Site,
    namespace: Namespace,
    /// Lives in the mount namespace, so that it lasts.
    holder: Process,
    _simulator: Simulator,
}

impl System {
    /// One with these packages. `without`: files that go.
    fn new(packages: &[&str], without: &[&str], more: impl FnOnce(&Site, &Path)) -> Self {
        let site = Site::new();
        let tree = site.path("tree");
        fs::create_dir(&tree).unwrap();
        for package in packages {
            unpack(package, &tree);
        }
        for path in without {
            fs::remove_file(tree.join(path)).unwrap();
        }
        // In the place of the packages' postinst.
        let resolv_conf = tree.join("etc/resolv.conf");
        if packages.contains(&"resolvconf") {
            std::os::unix::fs::symlink("/run/resolvconf/resolv.conf", &resolv_conf).unwrap();
            fs::write(tree.join("etc/resolvconf/resolv.conf.d/base"), HOST).unwrap();
        } else {
            fs::write(&resolv_conf, HOST).unwrap();
        }
        if packages.contains(&"ddclient") {
            // As in the reference document: a login that is not filled in.
            let config = "protocol=dyndns2\nuse=if, if=ppp0\nserver=www.example.jp\nlogin=\n\
                          password='x'\nexample.warplink.ne.jp\n";
            let path = tree.join("etc/ddclient.conf");
            fs::write(&path, config).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::create_dir_all(tree.join("etc/default")).unwrap();
            fs::write(tree.join("etc/default/ddclient"), "run_ipup=\"true\"\n").unwrap();
        }
        more(&site, &tree);
        let simulator = Simulator::start(&site.tty(), &[]);
        let namespace = Namespace::new();
        site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
        let mut command = namespace.command("unshare");
        command
            .args(["--mount", "sh", "-c", MOUNT, "sh"])
            .arg(site.path(""))
            .args(["sh", "-c", "echo ready; exec sleep 1000"]);
        let holder = Process::start("the mounts", command);
        holder.wait_for_line("ready", PATIENCE);
        Self {
            site,
            namespace,
            holder,
            _simulator: simulator,
        }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> std::process::Command {
        let mut command = std::process::Command::new("nsenter");
        command
            .args(["--mount", "--net", "--target"])
            .arg(self.holder.pid().to_string())
            .arg("--")
            .arg(program);
        command
    }

    fn daemon(&self) -> Daemon {
        let mut command = self.command(binary());
        self.site.arguments(&mut command, &[]);
        // The last one counts.
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let mut command = std::process::Command::new("nsenter");
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            command.arg(&argument);
            if argument == "--ppp-dir" {
                arguments.next();
                command.arg("/etc/ppp");
            }
        }
        command.env_remove("JOURNAL_STREAM");
        Daemon {
            process: Process::start("uplinkd", command),
        }
    }

    fn resolv_conf(&self) -> String {
        let mut command = self.command("cat");
        command.arg("/etc/resolv.conf");
        run("cat", command, PATIENCE).1
    }

    fn names(&self) -> Vec<String> {
        let text = self.resolv_conf();
        let servers = text
            .lines()
            .filter_map(|line| line.strip_prefix("nameserver "));
        servers.map(str::to_owned).collect()
    }
}

const LINK: [&str; 2] = ["192.0.2.53", "198.51.100.53"];

#[test]
fn n4_debians_scripts_of_ppp_resolvconf_and_ddclient_run_unchanged_once() {
    protocol_tests::require!(require::DAEMON, PACKAGES);
    let system = System::new(&["ppp", "resolvconf", "ddclient"], &[], |_, _| {});
    let mut daemon = system.daemon();
    daemon.process.wait_for_line("ip-up finished", PATIENCE);
    // resolvconf has it; the link's servers go first.
    wait_until("the link's servers", PATIENCE, || {
        let names = system.names();
        names.starts_with(&LINK.map(str::to_owned)).then_some(())
    });
    // What ddclient has to say goes to the log, as in the reference document.
    let login = "WARNING:  skipping host: example.warplink.ne.jp: 'login=' is an invalid login.";
    daemon.process.wait_for_line(login, PATIENCE);
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.wait_exit(Duration::from_secs(10)), 5);
    expect_in_order(
        &daemon,
        &[
            "Script /etc/ppp/ip-pre-up started",
            "Script /etc/ppp/ip-up started",
            "status = 0x0",
            "Script /etc/ppp/ip-down started",
            "status = 0x0",
            "Exit.",
        ],
    );
    let names = system.names();
    assert!(!names.contains(&LINK[0].to_owned()), "{names:?}");
    for script in ["ip-pre-up", "ip-up", "ip-down"] {
        let started = format!("Script /etc/ppp/{script} started");
        assert_eq!(daemon.process.count(&started), 1, "{script}");
    }
    // ddclient says each line twice by itself.
    assert_eq!(daemon.process.count(login), 2);
    assert_eq!(
        daemon.process.count("Script /etc/ppp/ip-up.d"),
        0,
        "ip-up runs its folder itself"
    );
}

#[test]
fn n3_debians_usepeerdns_puts_resolv_conf_back_even_after_sigkill() {
    protocol_tests::require!(require::DAEMON, PACKAGES);
    let system = System::new(&["ppp"], &[], |_, tree| {
        // As pppd writes it with usepeerdns.
        let text = "nameserver 192.0.2.53\nnameserver 198.51.100.53\n";
        fs::write(tree.join("etc/ppp/resolv.conf"), text).unwrap();
    });
    let with_link =
        "nameserver 192.0.2.53\nnameserver 198.51.100.53\nsearch example.jp\noptions timeout:1\n";
    let mut killed = system.daemon();
    killed.process.wait_for_line("ip-up finished", PATIENCE);
    assert_eq!(system.resolv_conf(), with_link);
    killed.process.signal(Signal::KILL);
    killed.wait_exit(PATIENCE);
    assert_eq!(system.resolv_conf(), with_link);
    // The next one puts it back before its own ip-up takes a backup.
    let mut daemon = system.daemon();
    daemon.process.wait_for_line("ip-down finished", PATIENCE);
    daemon.process.wait_for_line("ip-up finished", PATIENCE);
    assert_eq!(system.resolv_conf(), with_link);
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(system.resolv_conf(), HOST);
}

#[test]
fn n4_the_folder_alone_gets_what_debians_ip_up_gives_it() {
    protocol_tests::require!(require::DAEMON, PACKAGES);
    let mut seen = Vec::new();
    for without in [&[][..], &["etc/ppp/ip-up", "etc/ppp/ip-down"]] {
        let system = System::new(&["ppp"], without, |site, tree| {
            for name in ["ip-up", "ip-down"] {
                let folder = format!("{name}.d");
                let text = RECORD.replace(
                    "out=$(dirname \"$0\")/../record.$(basename \"$0\")",
                    &format!("out={}", site.path(&format!("record.{name}")).display()),
                );
                let from = script(site, &format!("{folder}/record"), &text);
                fs::copy(from, tree.join("etc/ppp").join(&folder).join("zrecord")).unwrap();
            }
        });
        let mut daemon = system.daemon();
        let up = record(&system.site, "ip-up");
        assert_eq!(daemon.terminate(), 5);
        let down = record(&system.site, "ip-down");
        let site = system.site.path("").display().to_string();
        let site = site.trim_end_matches('/').to_owned();
        seen.push([up, down].map(|mut record| {
            // Those of the shell that runs the folder, and what is not the same twice.
            for name in ["PWD", "OLDPWD", "SHLVL", "_", "PPPD_PID", "CONNECT_TIME"] {
                record.environment.remove(name);
            }
            for name in ["BYTES_SENT", "BYTES_RCVD"] {
                record.environment.remove(name);
            }
            for value in record.environment.values_mut() {
                *value = value.replace(&site, "SITE");
            }
            for argument in &mut record.arguments {
                *argument = argument.replace(&site, "SITE");
            }
            record
        }));
        drop(system.namespace);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0][0].arguments.len(), 6);
}

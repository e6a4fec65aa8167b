//! A machine with a systemd of its own: a small Debian in a container (`systemd-nspawn`), with uplinkd installed by
//! `scripts/install` and the simulator as its modem.
//!
//! The Debian is built once and kept in the target folder. A machine boots in about a second on an overlay over it, so
//! nothing that happens in one is seen by the next. It has its own network, with nothing in it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::clock::wait_until;
use crate::daemon::{PATIENCE, binary};
use crate::process::{Process, run, succeed};
use crate::require::Need;
use crate::temp::TempDir;

/// What the Debian has beside the bare minimum.
const PACKAGES: &str =
    "dbus,iproute2,iputils-ping,libpam-systemd,ppp,procps,systemd,systemd-sysv,udev";

/// What a machine needs of the host.
pub const MACHINE: &[Need] = &[
    Need::Root,
    Need::Tun,
    Need::Program("mmdebstrap", "mmdebstrap"),
    Need::Program("systemd-nspawn", "systemd-container"),
    Need::Program("nsenter", "util-linux"),
];

/// The simulated modem as a unit: its tty is /dev/ttyUSB0.
const MODEM: &str = "[Unit]\nDescription=Simulated modem\n[Service]\n\
                     ExecStart=/usr/local/bin/uplinkd sim --link /dev/ttyUSB0\n";

/// Starts systemd-nspawn on an overlay over the layers, in memory.
const START: &str = r#"
    set -e
    mkdir "$1/memory"
    mount -t tmpfs none "$1/memory"
    cd "$1/memory"
    mkdir upper work root
    mount -t overlay overlay -o "lowerdir=$2:$3,upperdir=upper,workdir=work" root
    shift 3
    exec systemd-nspawn -D root "$@"
"#;

/// How long the Debian may take to be built: some packages come from the network.
const BUILD: Duration = Duration::from_secs(600);

/// A running machine.
#[derive(Debug)]
pub struct Machine {
    process: Process,
    /// Its process number 1, as the host sees it.
    leader: u32,
    /// `/etc/default` of the machine, and what else a test puts there.
    dir: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// One machine at a time: without a systemd on the host, all would be in the same control group.
static ONE: Mutex<()> = Mutex::new(());

/// What differs from machine to machine.
#[derive(Clone, Debug, Default)]
pub struct Setup<'a> {
    /// `/etc/default/ppp`; without it the one that the installation makes.
    pub config: Option<&'a str>,
    /// More options of `systemd-nspawn`.
    pub options: Vec<String>,
}

impl Machine {
    /// Boots one with this `/etc/default/ppp`.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn boot(config: &str) -> Self {
        Self::with(&Setup {
            config: Some(config),
            ..Setup::default()
        })
    }

    /// Boots one.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn with(setup: &Setup<'_>) -> Self {
        // A test that has failed has left nothing behind.
        let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = tree();
        let dir = TempDir::new("machine");
        let defaults = dir.join("default");
        succeed(
            "copy /etc/default",
            command(
                "cp",
                &["-a".as_ref(), &tree.debian.join("etc/default"), &defaults],
            ),
            PATIENCE,
        );
        if let Some(config) = setup.config {
            fs::write(defaults.join("ppp"), config).expect("write a configuration");
        }
        // In namespaces of its own: systemd-nspawn leaves its machine alive when it is killed itself, and its mounts.
        let mut nspawn = Command::new("unshare");
        nspawn
            .args(["--mount", "--pid", "--fork", "--mount-proc"])
            .args(["--kill-child=KILL", "sh", "-c", START, "sh"])
            .args([dir.path(), &tree.installed, &tree.debian])
            .args(["--quiet", "--boot", "--register=no", "--keep-unit"])
            .args(["--console=pipe", "--private-network", "--resolv-conf=off"])
            .args(["--link-journal=no", "--timezone=off", "--bind=/dev/net/tun"])
            .arg(format!("--bind={}:/etc/default", defaults.display()))
            .arg(format!("--machine={}", machine_name(&dir)))
            .args(&setup.options);
        let process = Process::start("systemd-nspawn", nspawn);
        let mut machine = Self {
            process,
            leader: 0,
            dir,
            _alone: alone,
        };
        wait_until("the boot of the machine", PATIENCE, || {
            // Of unshare, of systemd-nspawn. The first child of that is only there to make the last one.
            machine.leader = child_of(child_of(machine.process.pid())?)?;
            let (_, state) = machine.run("systemctl is-system-running");
            matches!(state.trim(), "running" | "degraded").then_some(())
        });
        machine
    }

    /// Runs a command line of the shell in the machine; whether it succeeded, and its output.
    ///
    /// # Panics
    /// If it takes too long.
    pub fn run(&self, line: &str) -> (bool, String) {
        let (status, text) = run(line, self.command(line), PATIENCE);
        (status.success(), text)
    }

    /// Runs a command line of the shell in the machine, which has to succeed, and gives its output.
    ///
    /// # Panics
    /// If it does not.
    pub fn succeed(&self, line: &str) -> String {
        succeed(line, self.command(line), PATIENCE)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.leader))
            .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"])
            .args(["--root", "--wd", "--"])
            .args([
                "env",
                "-i",
                "LANG=C.UTF-8",
                "SYSTEMD_COLORS=0",
                "SYSTEMD_PAGER=cat",
            ])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["sh", "-c", line]);
        command
    }

    /// The path of one of its files, from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.leader))
    }

    /// A folder of the host that this machine has for itself.
    pub fn dir(&self) -> &TempDir {
        &self.dir
    }

    /// Writes a file of the machine.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        let parent = path.parent().expect("a file has a folder");
        fs::create_dir_all(parent).expect("make a folder in the machine");
        fs::write(path, text).expect("write a file of the machine");
    }

    /// Writes an executable file of the machine.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write_script(&self, inside: &str, text: &str) {
        self.write(inside, text);
        self.succeed(&format!("chmod 755 {inside}"));
    }

    /// Switches the simulated modem on.
    ///
    /// # Panics
    /// If its tty does not come.
    pub fn plug_in(&self) {
        self.succeed("systemctl start modem.service");
        self.wait_for("the modem's tty", "test -e /dev/ttyUSB0");
    }

    /// Waits until a command line succeeds; gives its output.
    ///
    /// # Panics
    /// If it does not, for too long.
    pub fn wait_for(&self, what: &str, line: &str) -> String {
        wait_until(what, PATIENCE, || {
            let (good, text) = self.run(line);
            good.then_some(text)
        })
    }

    /// Waits until the link is up.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn wait_for_link(&self) {
        self.wait_for("the link", "ip -4 addr show dev ppp0 | grep -q inet");
    }

    /// `systemctl is-active` of a unit.
    pub fn state(&self, unit: &str) -> String {
        self.run(&format!("systemctl is-active '{unit}'"))
            .1
            .trim()
            .to_owned()
    }

    /// A property of a unit, as `systemctl show` has it.
    pub fn property(&self, unit: &str, name: &str) -> String {
        let line = format!("systemctl show '{unit}' --property={name} --value");
        self.succeed(&line).trim().to_owned()
    }

    /// What the journal has, one message a line: `IDENTIFIER: MESSAGE`. `filter` is `-u ppp`, `-t pppd`.
    pub fn journal(&self, filter: &str) -> Vec<String> {
        self.succeed("journalctl --sync");
        let line = format!("journalctl --no-pager --no-hostname -o short {filter}");
        let text = self.run(&line).1;
        text.lines()
            // Month, day, time.
            .map(|line| line.splitn(4, ' ').nth(3).unwrap_or(line).trim().to_owned())
            .collect()
    }

    /// How many times a line with `pattern` is in what `journal` gives.
    pub fn count(&self, filter: &str, pattern: &str) -> usize {
        let lines = self.journal(filter);
        lines.iter().filter(|line| line.contains(pattern)).count()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking() {
            let (_, text) = self.run("systemctl --no-pager status 'ppp*' 'uplinkd*'; journalctl -b --no-pager | tail -200");
            eprintln!("{text}");
        }
        // At once, and systemd-nspawn puts its own things away.
        let _ = self.run("systemctl --force --force poweroff");
        if self
            .process
            .try_wait_exit(Duration::from_secs(10))
            .is_none()
        {
            self.process.kill();
        }
    }
}

/// The first child of a process, once there is one.
fn child_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn machine_name(dir: &TempDir) -> String {
    let name = dir.path().file_name().expect("a folder has a name");
    name.to_string_lossy().into_owned()
}

fn command(program: &str, arguments: &[&Path]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The project's folder.
pub fn project() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the project's folder").to_owned()
}

/// `scripts/install` with the binary that is tested.
pub fn install(root: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(project().join("scripts/install"));
    command.env("DESTDIR", root).args(arguments);
    if !arguments.contains(&"--uninstall") {
        command.arg("--binary").arg(binary());
    }
    succeed("scripts/install", command, PATIENCE)
}

/// The layers of a machine.
#[derive(Clone, Debug)]
struct Tree {
    /// What the installation has put there.
    installed: PathBuf,
    /// Below it.
    debian: PathBuf,
}

/// The Debian, and uplinkd as this run of the tests has built it.
fn tree() -> Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| {
        let target = binary();
        let target = target
            .ancestors()
            .nth(2)
            .expect("the binary lies in a target folder")
            .join("systemd-machine");
        fs::create_dir_all(&target).expect("make a folder");
        let lock = File::create(target.join("lock")).expect("make a lock file");
        // Held until they are made; another run of the tests on the same folder waits.
        flock(&lock, FlockOperation::LockExclusive).expect("lock a file");
        let debian = debian(&target);
        let installed = target.join("installed");
        let _ = fs::remove_dir_all(&installed);
        fs::create_dir(&installed).expect("make a folder");
        install(&installed, &["--enable"]);
        let modem = installed.join("etc/systemd/system/modem.service");
        fs::write(modem, MODEM).expect("write a unit");
        Tree { installed, debian }
    })
    .clone()
}

/// The Debian as it comes out of its packages.
fn debian(target: &Path) -> PathBuf {
    let tree = target.join("debian");
    let mark = target.join("debian.packages");
    if fs::read_to_string(&mark).is_ok_and(|known| known == PACKAGES) && tree.exists() {
        return tree;
    }
    let _ = fs::remove_file(&mark);
    succeed(
        "rm",
        command("rm", &["-rf".as_ref(), &tree]),
        Duration::from_secs(60),
    );
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap
        .arg("--variant=minbase")
        .arg(format!("--include={PACKAGES}"))
        .args(
            ["doc", "man", "locale"]
                .map(|part| format!("--dpkgopt=path-exclude=/usr/share/{part}/*")),
        )
        .arg(codename())
        .arg(&tree);
    // Where this machine's own packages come from.
    let process = match sources() {
        Some(sources) => {
            mmdebstrap.stdin(Stdio::from(sources));
            Process::start_with_stdin("mmdebstrap", mmdebstrap)
        }
        None => Process::start("mmdebstrap", mmdebstrap),
    };
    let mut process = process;
    let status = process.wait_exit(BUILD);
    assert!(
        status.success(),
        "the Debian for the tests of systemd cannot be built\n{}",
        process.transcript()
    );
    fs::write(&mark, PACKAGES).expect("write a mark");
    tree
}

fn sources() -> Option<File> {
    [
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/sources.list",
    ]
    .iter()
    .filter_map(|path| {
        let mut text = String::new();
        File::open(path).ok()?.read_to_string(&mut text).ok()?;
        text.contains("debian.org").then(|| File::open(path).ok())?
    })
    .next()
}

fn codename() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .unwrap_or("bookworm");
    name.trim_matches('"').to_owned()
}

/// A configuration: what every test has, and `keys`, which come later and win.
pub fn config(keys: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let common = [
        ("START", "yes"),
        ("APN", "internet"),
        ("DEVICE", "/dev/ttyUSB0"),
        ("AUTH", "NOAUTH"),
        ("HOLDOFF", "1"),
    ];
    for (key, value) in common.iter().chain(keys) {
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

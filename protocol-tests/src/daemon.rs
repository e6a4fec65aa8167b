//! The daemon's binary as a child process.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::clock::wait_until;
use crate::namespace::Namespace;
use crate::process::{Process, run};
use crate::temp::TempDir;

/// How long anything that should be quick may take on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The `uplinkd` binary: `UPLINKD_BIN`, or the one beside the test's own folder (`target/debug`).
///
/// # Panics
/// If there is none, or if it is older than the sources: the test would prove nothing.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("UPLINKD_BIN") {
        let path = PathBuf::from(path);
        assert!(
            path.is_file(),
            "UPLINKD_BIN={}: there is no such file",
            path.display()
        );
        return path;
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/debug/deps/NAME-HASH or target/debug/examples/NAME
    let path = test
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join("uplinkd"))
        .expect("a test lies two folders deep");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build` first (scripts/test does), or set UPLINKD_BIN",
        path.display()
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the project's folder");
    let (source, changed) = newest(&root.join("src"));
    let built = fs::metadata(&path)
        .and_then(|data| data.modified())
        .expect("read a file's time");
    assert!(
        built >= changed,
        "{} is older than {}: run `cargo build` first (scripts/test does), or set UPLINKD_BIN",
        path.display(),
        source.display()
    );
    path
}

fn newest(folder: &Path) -> (PathBuf, SystemTime) {
    let mut newest = (folder.to_owned(), SystemTime::UNIX_EPOCH);
    for entry in fs::read_dir(folder).expect("read the source folder") {
        let entry = entry.expect("read the source folder");
        let data = entry.metadata().expect("read a file's time");
        let found = if data.is_dir() {
            self::newest(&entry.path())
        } else {
            (entry.path(), data.modified().expect("read a file's time"))
        };
        if found.1 > newest.1 {
            newest = found;
        }
    }
    newest
}

/// Folders and the configuration file of one daemon: several runs can share them, one after the other.
#[derive(Debug)]
pub struct Site {
    dir: TempDir,
}

impl Site {
    /// A fresh one.
    pub fn new() -> Self {
        let dir = TempDir::new("site");
        for name in ["run", "state", "ppp", "lock", "pid"] {
            fs::create_dir(dir.join(name)).expect("make a folder");
        }
        Self { dir }
    }

    /// The path of `name` in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where the tests put the modem's tty.
    pub fn tty(&self) -> PathBuf {
        self.path("tty0")
    }

    /// Writes the configuration file: `DEVICE` set to [`Site::tty`], and `keys`.
    pub fn configure(&self, keys: &[(&str, &str)]) -> PathBuf {
        let mut text = String::new();
        if !keys.iter().any(|(key, _)| *key == "DEVICE") {
            let _ = writeln!(text, "DEVICE={}", self.tty().display());
        }
        for (key, value) in keys {
            let _ = writeln!(text, "{key}={value}");
        }
        self.dir.write("config", text)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        self.dir.write(name, text)
    }

    /// Starts `uplinkd run` in a namespace with this site's folders and its configuration file: `config.toml` if there
    /// is one, else `config`.
    pub fn run(&self, namespace: &Namespace, arguments: &[&str]) -> Daemon {
        let mut command = namespace.command(binary());
        self.arguments(&mut command, arguments);
        Daemon {
            process: Process::start("uplinkd", command),
        }
    }

    /// The arguments of `uplinkd run` for this site.
    pub fn arguments(&self, command: &mut Command, more: &[&str]) {
        let native = self.path("config.toml");
        let config = if native.exists() {
            native
        } else {
            self.path("config")
        };
        command
            .args(["run", "--config"])
            .arg(config)
            .arg("--run-dir")
            .arg(self.path("run"))
            .arg("--state-dir")
            .arg(self.path("state"))
            .arg("--ppp-dir")
            .arg(self.path("ppp"))
            .arg("--lock-dir")
            .arg(self.path("lock"))
            .arg("--resolv-conf")
            .arg(self.path("resolv.conf"))
            .arg("--pid-dir")
            .arg(self.path("pid"))
            .args(more)
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET");
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// A running `uplinkd run`.
#[derive(Debug)]
pub struct Daemon {
    /// The process, and what it has logged.
    pub process: Process,
}

impl Daemon {
    /// Waits for the exit status; a death by a signal is -1.
    ///
    /// # Panics
    /// When it still runs after `limit`: its log is shown.
    pub fn wait_exit(&mut self, limit: Duration) -> i32 {
        self.process.wait_exit(limit).code().unwrap_or(-1)
    }

    /// Sends SIGTERM and waits for the end, which spec S5 wants within 5 s (a little more is granted to a busy
    /// machine).
    ///
    /// # Panics
    /// When it takes longer.
    pub fn terminate(&mut self) -> i32 {
        self.process.signal(rustix::process::Signal::TERM);
        self.wait_exit(Duration::from_secs(6))
    }

    /// Waits until `ppp0` is up with an address; the address.
    pub fn wait_for_address(&mut self, namespace: &Namespace, limit: Duration) -> String {
        let transcript = || self.process.transcript();
        let mut last = String::new();
        let deadline = crate::clock::Deadline::after(limit);
        loop {
            if let Some(address) = address(namespace, "ppp0", &mut last) {
                return address;
            }
            assert!(
                !deadline.passed(),
                "ppp0 has no address after {limit:?}: {last}\n{}",
                transcript()
            );
            crate::clock::pause(Duration::from_millis(20));
        }
    }
}

/// The IPv4 address of an interface that is up.
fn address(namespace: &Namespace, interface: &str, last: &mut String) -> Option<String> {
    let line = format!("ip -4 -o addr show dev {interface} up");
    let (found, text) = namespace.try_run(&line, PATIENCE);
    *last = text;
    if !found {
        return None;
    }
    let address = last
        .split_whitespace()
        .skip_while(|word| *word != "inet")
        .nth(1)?;
    Some(address.split('/').next().unwrap_or(address).to_owned())
}

/// `uplinkd ARGUMENTS --run-dir ...` for the site's daemon: its exit status and its output, stdout and stderr together.
pub fn uplinkd(site: &Site, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .arg("--run-dir")
        .arg(site.path("run"));
    let (status, text) = run(&arguments.join(" "), command, PATIENCE);
    (status.code().unwrap_or(-1), text)
}

/// What the site's daemon says to `uplinkd status --json`.
///
/// # Panics
/// If it does not answer.
pub fn status(site: &Site) -> Value {
    let (code, text) = uplinkd(site, &["status", "--json"]);
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).expect("the status is JSON")
}

/// Waits for the state, and for the daemon itself.
pub fn wait_for_state(site: &Site, state: &str) -> Value {
    wait_until(&format!("the state {state}"), PATIENCE, || {
        if !socket(site).exists() {
            return None;
        }
        let told = status(site);
        (told["state"] == state).then_some(told)
    })
}

/// The control socket of the site's daemon.
pub fn socket(site: &Site) -> PathBuf {
    site.path("run").join("ppp0.sock")
}

/// A running `uplinkd sim`.
#[derive(Debug)]
pub struct Simulator {
    /// The process, and what it has logged.
    pub process: Process,
    link: PathBuf,
}

impl Simulator {
    /// Starts it with its tty at `link`, and waits until that is there.
    pub fn start(link: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command
            .arg("sim")
            .arg("--link")
            .arg(link)
            .args(["--seed", "1"])
            .args(arguments);
        let process = Process::start("uplinkd sim", command);
        let this = Self {
            process,
            link: link.to_owned(),
        };
        wait_until("the simulator's tty", PATIENCE, || {
            fs::metadata(link).is_ok().then_some(())
        });
        this
    }
}

impl Drop for Simulator {
    /// The link goes first of all: the kernel gives the number of its pty to the next one, which may be another test's,
    /// and a daemon that still follows the link would dial that.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.link);
        self.process.kill();
    }
}

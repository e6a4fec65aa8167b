//! A program on a pty, and a peer that answers by a list.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use protocol_tests::clock::Deadline;
use protocol_tests::daemon::binary;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// One script with its peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Behind `-S -s -v -t 1`.
    pub(crate) words: Vec<Vec<u8>>,
    /// The text of a file for `-f`.
    pub(crate) file: Option<Vec<u8>>,
    /// What the peer says by itself.
    pub(crate) greeting: Vec<u8>,
    /// What it says to each carriage return, in turn.
    pub(crate) answers: Vec<Vec<u8>>,
}

/// What a program did.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) sent: Vec<u8>,
    pub(crate) status: String,
    /// What the peer said and the program did not read.
    pub(crate) left: Vec<u8>,
    pub(crate) said: String,
}

/// Whose program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Debians,
    Ours,
}

/// Looked for once: it is held against the age of the sources.
static OURS: OnceLock<PathBuf> = OnceLock::new();

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(20);
/// Between an end and what still comes of it.
const SETTLE: Duration = Duration::from_millis(30);

impl Whose {
    pub(crate) fn command(self) -> Command {
        let mut command = match self {
            Self::Debians => Command::new("/usr/sbin/chat"),
            Self::Ours => {
                let mut command = Command::new(OURS.get_or_init(binary));
                command.arg("chat");
                command
            }
        };
        command.env("V", "a\\sb").env("LONG", "x".repeat(30));
        command
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, sent {:?}, left {:?}, said:\n{}",
            self.status,
            String::from_utf8_lossy(&self.sent),
            String::from_utf8_lossy(&self.left),
            self.said
        )
    }
}

/// A pty in raw mode: the peer's side, and the program's.
pub(crate) fn pty() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
    let mut termios = tcgetattr(&slave).unwrap();
    termios.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &termios).unwrap();
    fcntl_setfl(&master, fcntl_getfl(&master).unwrap() | OFlags::NONBLOCK).unwrap();
    (master, slave)
}

/// The program on the tty, with its standard error in a pipe.
pub(crate) fn start(mut command: Command, slave: &OwnedFd) -> Child {
    command
        .stdin(Stdio::from(slave.try_clone().unwrap()))
        .stdout(Stdio::from(slave.try_clone().unwrap()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Its status in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "?".to_owned(),
    }
}

/// Runs a case.
pub(crate) fn run(whose: Whose, case: &Case, script: &OsStr) -> Outcome {
    let (master, slave) = pty();
    let mut command = whose.command();
    command.args(["-S", "-s", "-v", "-t", "1"]);
    command.args(case.words.iter().map(|word| OsStr::from_bytes(word)));
    if case.file.is_some() {
        command.arg("-f").arg(script);
    }
    let mut peer = Peer {
        master: File::from(master),
        answers: case.answers.iter(),
        sent: vec![],
    };
    peer.say(&case.greeting);
    let mut child = start(command, &slave);
    let deadline = Deadline::after(LIMIT);
    let status = loop {
        peer.listen(Duration::from_millis(5));
        if let Some(status) = child.try_wait().unwrap() {
            break describe(status);
        }
        if deadline.passed() {
            child.kill().unwrap();
            child.wait().unwrap();
            break "does not end".to_owned();
        }
    };
    while peer.listen(SETTLE) {}
    let mut said = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut said).unwrap();
    let flags = fcntl_getfl(&slave).unwrap();
    fcntl_setfl(&slave, flags | OFlags::NONBLOCK).unwrap();
    let mut left = Vec::new();
    let _ = File::from(slave).read_to_end(&mut left);
    Outcome {
        sent: peer.sent,
        status,
        left,
        said: normalise(&said),
    }
}

struct Peer<'a> {
    master: File,
    answers: std::slice::Iter<'a, Vec<u8>>,
    sent: Vec<u8>,
}

impl Peer<'_> {
    fn say(&mut self, text: &[u8]) {
        self.master.write_all(text).unwrap();
    }

    /// Whether anything came.
    fn listen(&mut self, wait: Duration) -> bool {
        let timeout = rustix::event::Timespec::try_from(wait).unwrap();
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut fds, Some(&timeout)).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        let n = self.master.read(&mut buffer).unwrap();
        self.sent.extend_from_slice(&buffer[..n]);
        for _ in buffer[..n].iter().filter(|byte| **byte == b'\r') {
            if let Some(answer) = self.answers.next() {
                self.master.write_all(answer).unwrap();
            }
        }
        n > 0
    }
}

/// What is said, without what depends on the clock and the library: times, how often an alarm was rung, blank lines. The
/// usage is worded differently; control characters are `^M` in our log everywhere.
fn normalise(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said).replace("alarm", "");
    if said.starts_with("Usage:") || said.contains("uplinkd chat --help") {
        return "usage\n".to_owned();
    }
    let mut out = String::new();
    for line in said.split('\n').filter(|line| !line.is_empty()) {
        let line = match line.split_once("chat:  ") {
            Some((before, behind)) => {
                format!(
                    "{before}chat: TIME {}",
                    behind.get(16..).unwrap_or_default()
                )
            }
            None => match line.split_once(" (os error") {
                Some((before, _)) => before.to_owned(),
                None => line.to_owned(),
            },
        };
        for c in line.chars() {
            match u8::try_from(c) {
                Ok(byte) if byte.is_ascii_control() => {
                    out.push('^');
                    out.push(char::from(byte ^ 0x40));
                }
                Ok(_) | Err(_) => out.push(c),
            }
        }
        out.push('\n');
    }
    out
}

/// Words as a command takes them.
pub(crate) fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// The path of a case's script.
pub(crate) fn script_path(
    dir: &protocol_tests::temp::TempDir,
    case: &Case,
    index: usize,
) -> OsString {
    match &case.file {
        Some(text) => dir.write(&format!("script{index}"), text).into_os_string(),
        None => OsString::new(),
    }
}

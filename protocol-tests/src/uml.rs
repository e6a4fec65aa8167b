//! A real Linux kernel with a real pppd as the ISP: User-Mode Linux, an ordinary process (Debian packages
//! user-mode-linux, ppp, busybox-static). It needs no privileges, and the host's kernel needs no PPP.
//!
//! The guest's serial lines are socket pairs. [`Uml::line`] gives the near end of the next unused one: a test uses a
//! fresh line for each call, so that nothing of the last call is left on it, and closing it hangs up.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};

use crate::clock::{Deadline, wait_until};
use crate::process::Process;
use crate::temp::TempDir;

const INIT: &str = include_str!("uml-init.sh");
const READY: &str = "__ready";
const STATUS: &str = "\n__status=";

/// How long the guest may take to boot. Ordinarily 1.5 s.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
/// How long a command in the guest may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Options of pppd that every test wants: no modem control lines, wait for the client's first packet (what is sent
/// before it listens is lost), and short restart timers, so that an end does not linger.
pub const PPPD_BASE: &[&str] = &["local", "silent", "lcp-restart", "1", "noipv6"];

/// The guest.
#[derive(Debug)]
pub struct Uml {
    process: Process,
    control: Mutex<UnixStream>,
    lines: Mutex<Lines>,
    _dir: TempDir,
}

#[derive(Debug)]
struct Lines {
    free: std::vec::IntoIter<UnixStream>,
    next: usize,
}

/// A serial line into the guest: `/dev/ttyS<number>` there, `stream` here.
#[derive(Debug)]
pub struct SerialLine {
    /// The guest's number for it.
    pub number: usize,
    /// The near end. Closing it is a hang-up for the guest.
    pub stream: UnixStream,
}

impl Uml {
    /// Boots a guest with `lines` serial lines, at most 60.
    ///
    /// # Panics
    /// If it does not boot: the console is shown.
    pub fn start(lines: usize) -> Self {
        assert!(lines <= 60, "the guest's kernel has 64 serial lines");
        let dir = TempDir::new("uml");
        let init = dir.write("init", INIT);
        make_executable(&init);
        let (near, far): (Vec<_>, Vec<OwnedFd>) = (0..=lines)
            .map(|_| UnixStream::pair().expect("make a socket pair"))
            .map(|(near, far)| (near, OwnedFd::from(far)))
            .unzip();
        let mut near = near.into_iter();
        let mut control = near.next().expect("there is one more than lines");

        let mut command = Command::new("linux.uml");
        command
            .args(["rootfstype=hostfs", "rootflags=/", "ro", "mem=64M", "quiet"])
            .args(["con=null", "con0=fd:0,fd:1", "ssl=null"])
            .arg(format!("init={}", init.display()))
            .arg(format!("uml_dir={}", dir.path().display()))
            .arg("umid=isp")
            .current_dir("/")
            .stdin(Stdio::null());
        if std::path::Path::new("/dev/shm").is_dir() {
            // The guest's memory is a file that has to be mapped executable.
            command.env("TMPDIR", "/dev/shm");
        }
        for (number, fd) in far.iter().enumerate() {
            command.arg(format!("ssl{number}=fd:{}", fd.as_raw_fd()));
        }
        inherit(&mut command, far);
        let mut process = Process::start_with_stdin("User-Mode Linux", command);

        control
            .set_read_timeout(Some(Duration::from_millis(200)))
            .expect("set a time-out");
        let deadline = Deadline::after(BOOT_LIMIT);
        let mut answer = Vec::new();
        while !contains(&answer, READY.as_bytes()) {
            let ended = !read_some(&mut control, &mut answer) || !process.is_running();
            assert!(
                !ended && !deadline.passed(),
                "the guest did not boot: {:?}\n{}",
                String::from_utf8_lossy(&answer),
                process.transcript()
            );
        }
        Self {
            process,
            control: Mutex::new(control),
            lines: Mutex::new(Lines {
                free: near.collect::<Vec<_>>().into_iter(),
                next: 1,
            }),
            _dir: dir,
        }
    }

    /// The next unused serial line.
    ///
    /// # Panics
    /// If there is none left.
    pub fn line(&self) -> SerialLine {
        let mut lines = self.lines.lock().expect("no holder panics");
        let stream = lines
            .free
            .next()
            .expect("the guest was started with enough lines");
        let number = lines.next;
        lines.next += 1;
        SerialLine { number, stream }
    }

    /// Runs a shell command in the guest; its exit status and output.
    ///
    /// # Panics
    /// If the guest does not answer.
    pub fn try_run(&self, command: &str) -> (i32, String) {
        assert!(
            !command.contains('\n'),
            "a command is one line: {command:?}"
        );
        let mut control = self
            .control
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        control
            .write_all(format!("{command}\n").as_bytes())
            .expect("write to the guest");
        let deadline = Deadline::after(COMMAND_LIMIT);
        let mut answer = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&answer);
            if let Some((output, status)) = text.rsplit_once(STATUS)
                && let Some(status) = status.strip_suffix('\n')
            {
                let status = status.trim().parse().expect("the status is a number");
                return (status, output.to_owned());
            }
            let open = read_some(&mut control, &mut answer);
            assert!(
                open && !deadline.passed(),
                "the guest did not finish `{command}`: {:?}\n{}",
                String::from_utf8_lossy(&answer),
                self.process.transcript()
            );
        }
    }

    /// Runs a shell command in the guest, which has to succeed; its output.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, command: &str) -> String {
        let (status, output) = self.try_run(command);
        assert_eq!(status, 0, "`{command}` failed in the guest: {output}");
        output
    }

    /// Writes the guest's chap-secrets and pap-secrets: one account.
    pub fn account(&self, user: &str, password: &str) {
        for file in ["chap-secrets", "pap-secrets"] {
            self.run(&format!(
                "(umask 077; echo '\"{user}\" * \"{password}\" *' >/etc/ppp/{file})"
            ));
        }
    }

    /// Starts pppd on a line, with [`PPPD_BASE`], `nodetach debug` and `options`.
    pub fn pppd(&self, line: usize, options: &[&str]) {
        let options: Vec<String> = PPPD_BASE
            .iter()
            .chain(options)
            .map(|option| quote(option))
            .collect();
        self.pppd_exactly(line, &options.join(" "));
    }

    /// Starts pppd on a line with these options (shell words) and `nodetach debug` only.
    pub fn pppd_exactly(&self, line: usize, options: &str) {
        self.run(&format!(
            ": >/tmp/pppd.{line}; \
             pppd /dev/ttyS{line} {options} nodetach debug </dev/null >>/tmp/pppd.{line} 2>&1 & \
             echo $! >/tmp/pid.{line}"
        ));
    }

    /// What the pppd on a line has logged.
    pub fn pppd_log(&self, line: usize) -> String {
        self.run(&format!("cat /tmp/pppd.{line}"))
    }

    /// Waits until the pppd on a line has logged `pattern`.
    ///
    /// # Panics
    /// If it does not: its log is shown.
    pub fn wait_for_pppd_log(&self, line: usize, pattern: &str, limit: Duration) {
        let deadline = Deadline::after(limit);
        loop {
            let log = self.pppd_log(line);
            if log.contains(pattern) {
                return;
            }
            assert!(
                !deadline.passed(),
                "pppd did not say \"{pattern}\" in {limit:?}:\n{log}"
            );
            crate::clock::pause(Duration::from_millis(10));
        }
    }

    /// Sends a signal (`TERM`, `KILL`, `HUP`, ...) to the pppd on a line.
    pub fn kill(&self, line: usize, signal: &str) {
        self.run(&format!("kill -{signal} $(cat /tmp/pid.{line})"));
    }

    /// Whether the pppd on a line runs.
    pub fn pppd_runs(&self, line: usize) -> bool {
        self.try_run(&format!("kill -0 $(cat /tmp/pid.{line}) 2>/dev/null"))
            .0
            == 0
    }

    /// Waits until the pppd on a line has ended.
    ///
    /// # Panics
    /// If it has not after `limit`.
    pub fn wait_for_pppd_exit(&self, line: usize, limit: Duration) {
        wait_until("the end of the guest's pppd", limit, || {
            (!self.pppd_runs(line)).then_some(())
        });
    }

    /// The guest's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends the guest in order, and waits for it.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(mut self) {
        let mut control = self.control.lock().expect("no holder panics");
        control
            .write_all(b"busybox poweroff -f\n")
            .expect("write to the guest");
        drop(control);
        self.process.wait_exit(Duration::from_secs(20));
    }
}

/// Lets a child inherit `fds` under their numbers, and this child only: everything else stays close-on-exec, whatever
/// other threads start meanwhile. They are closed here when the command is dropped.
fn inherit(command: &mut Command, fds: Vec<OwnedFd>) {
    let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let clear = move || {
        // The closure owns the descriptors, so they are open for as long as it can be called.
        let _owned = &fds;
        for number in &numbers {
            // SAFETY: `fds` owns the descriptor `number`, and lives as long as this closure.
            let fd = unsafe { BorrowedFd::borrow_raw(*number) };
            fcntl_setfd(fd, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls only: it does not allocate, lock or panic.
    unsafe { command.pre_exec(clear) };
}

/// Adds what can be read now, within the read time-out, to `into`; false at the end of the stream.
fn read_some(stream: &mut UnixStream, into: &mut Vec<u8>) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            into.extend_from_slice(&buffer[..count]);
            true
        }
        Err(error) => matches!(error.kind(), Interrupted | TimedOut | WouldBlock),
    }
}

fn contains(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.windows(pattern.len()).any(|window| window == pattern)
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(path, permissions).expect("make a file executable");
}

/// `word` for a shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

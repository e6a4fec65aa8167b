//! A child process whose output is kept line by line, with times, and which never outlives its owner.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open,
    set_parent_process_death_signal,
};

use crate::clock::{Deadline, now, timespec};

/// A running child.
///
/// Standard output and standard error are read into one list of lines. When it is dropped, the process and whatever
/// it started in its process group are killed; when the test is failing at that moment, its output is shown first.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    pidfd: OwnedFd,
    pid: Pid,
    output: Arc<Output>,
    started: Instant,
    status: Option<ExitStatus>,
}

/// One line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was read, counted from the start of the process.
    pub at: Duration,
    /// What it says, without the line's end.
    pub text: String,
}

/// A position in the output, to look only at what comes after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(usize);

#[derive(Debug)]
struct Output {
    state: Mutex<OutputState>,
    changed: Condvar,
}

#[derive(Debug)]
struct OutputState {
    lines: Vec<Line>,
    open_streams: u32,
}

impl Process {
    /// Starts `command` in a process group of its own, its standard input empty. It ends with the thread that has
    /// started it, even if the whole test is killed.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null());
        // A test that is killed cannot clean up behind itself, and a daemon would wait for its tty for ever.
        // SAFETY: between fork and exec this is one system call; it does not allocate, lock or panic.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        Self::start_with_stdin(name, command)
    }

    /// Starts `command` with the standard input that it was given. What is started so has to end by itself when its
    /// lines are closed.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_with_stdin(name: &str, mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::start_with_stdio(name, command)
    }

    /// Starts `command` with the standard input and output that it was given; what is a pipe is read. What is
    /// started so has to end by itself when its lines are closed.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_with_stdio(name: &str, mut command: Command) -> Self {
        let started = now();
        let mut child = command
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        // The command holds the child's ends of what it was given; a line is only closed when they are.
        drop(command);
        let pid = Pid::from_child(&child);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("open a pidfd of a child");
        let output = Arc::new(Output {
            state: Mutex::new(OutputState {
                lines: Vec::new(),
                open_streams: 0,
            }),
            changed: Condvar::new(),
        });
        if let Some(stream) = child.stdout.take() {
            Output::follow(&output, stream, started);
        }
        if let Some(stream) = child.stderr.take() {
            Output::follow(&output, stream, started);
        }
        Self {
            name: name.to_owned(),
            child,
            pidfd,
            pid,
            output,
            started,
            status: None,
        }
    }

    /// Sends a signal to the process itself.
    pub fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            kill_process(self.pid, signal).expect("send a signal to a child");
        }
    }

    /// Waits for the end of the process and of its output.
    ///
    /// # Panics
    /// When it still runs after `limit`: its output is shown.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        match self.try_wait_exit(limit) {
            Some(status) => status,
            None => panic!(
                "{} still runs after {limit:?}\n{}",
                self.name,
                self.transcript()
            ),
        }
    }

    /// Waits for the end of the process and of its output; nothing if it still runs after `limit`.
    pub fn try_wait_exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Deadline::after(limit);
        while self.status.is_none() {
            let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
            // Interrupted or timed out: the status below tells.
            let _ = poll(&mut fds, Some(&timespec(deadline.left())));
            self.status = self.child.try_wait().expect("wait for a child");
            if self.status.is_none() && deadline.passed() {
                return None;
            }
        }
        let mut state = self.output.lock();
        while state.open_streams > 0 {
            // Its own children may hold the pipe for longer than the process lives: no reason to wait long.
            let (next, result) = self
                .output
                .changed
                .wait_timeout(state, deadline.left().min(Duration::from_millis(500)))
                .expect("no reader panics");
            state = next;
            if result.timed_out() {
                break;
            }
        }
        self.status
    }

    /// Waits for a line that contains `pattern`, from the start of the output.
    ///
    /// # Panics
    /// When none has come after `limit`, or the output has ended without one: the output is shown.
    pub fn wait_for_line(&self, pattern: &str, limit: Duration) -> Line {
        self.wait_for_line_after(Mark(0), pattern, limit).0
    }

    /// Waits for a line that contains `pattern` behind `mark`; gives the position behind it, too.
    ///
    /// # Panics
    /// When none has come after `limit`, or the output has ended without one: the output is shown.
    pub fn wait_for_line_after(&self, mark: Mark, pattern: &str, limit: Duration) -> (Line, Mark) {
        let deadline = Deadline::after(limit);
        let mut state = self.output.lock();
        let mut seen = mark.0;
        loop {
            if let Some((index, line)) = state
                .lines
                .iter()
                .enumerate()
                .skip(seen)
                .find(|(_, line)| line.text.contains(pattern))
            {
                return (line.clone(), Mark(index + 1));
            }
            seen = state.lines.len().max(seen);
            let why = if state.open_streams == 0 {
                "its output has ended".to_owned()
            } else if deadline.passed() {
                format!("{limit:?} have passed")
            } else {
                let waited = self.output.changed.wait_timeout(state, deadline.left());
                state = waited.expect("no reader panics").0;
                continue;
            };
            drop(state);
            panic!(
                "{} did not say \"{pattern}\": {why}\n{}",
                self.name,
                self.transcript()
            );
        }
    }

    /// The end of what has been read so far.
    pub fn mark(&self) -> Mark {
        Mark(self.output.lock().lines.len())
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.output.lock().lines.clone()
    }

    /// All lines so far, as one text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.output.lock().lines {
            let _ = writeln!(text, "{}", line.text);
        }
        text
    }

    /// How many lines so far contain `pattern`.
    pub fn count(&self, pattern: &str) -> usize {
        self.output
            .lock()
            .lines
            .iter()
            .filter(|line| line.text.contains(pattern))
            .count()
    }

    /// The output with its times, to be shown when something failed.
    pub fn transcript(&self) -> String {
        let mut text = format!("---- output of {}\n", self.name);
        for line in &self.output.lock().lines {
            let _ = writeln!(text, "{:9.3} {}", line.at.as_secs_f64(), line.text);
        }
        text.push_str("----");
        text
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.try_wait_exit(Duration::ZERO).is_none()
    }

    /// Kills the process and its process group, and waits for the end.
    pub fn kill(&mut self) {
        if self.status.is_none() {
            // The child has not been waited for, so the number is still its own.
            let _ = kill_process_group(self.pid, Signal::KILL);
            let _ = kill_process(self.pid, Signal::KILL);
            self.status = self.child.wait().ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.transcript());
        }
        self.kill();
    }
}

impl Output {
    fn follow(output: &Arc<Self>, stream: impl Read + Send + 'static, started: Instant) {
        output.lock().open_streams += 1;
        let output = Arc::clone(output);
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut bytes = Vec::new();
            loop {
                bytes.clear();
                let ended = !matches!(stream.read_until(b'\n', &mut bytes), Ok(1..));
                let mut state = output.lock();
                if ended {
                    state.open_streams -= 1;
                } else {
                    let text = String::from_utf8_lossy(&bytes);
                    let text = text.trim_end_matches(['\n', '\r']).to_owned();
                    state.lines.push(Line {
                        at: now() - started,
                        text,
                    });
                }
                drop(state);
                output.changed.notify_all();
                if ended {
                    return;
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, OutputState> {
        self.state.lock().expect("no reader panics")
    }
}

/// Runs `command` to its end and gives its status and output.
///
/// # Panics
/// When it cannot be started or still runs after `limit`.
pub fn run(name: &str, command: Command, limit: Duration) -> (ExitStatus, String) {
    let mut process = Process::start(name, command);
    let status = process.wait_exit(limit);
    (status, process.text())
}

/// Runs `command`, which has to succeed, and gives its output.
///
/// # Panics
/// When it cannot be started, fails, or still runs after `limit`.
pub fn succeed(name: &str, command: Command, limit: Duration) -> String {
    let shown = format!("{command:?}");
    let (status, text) = run(name, command, limit);
    assert!(
        status.success(),
        "{name} ended with {status}\n{shown}\n{text}"
    );
    text
}

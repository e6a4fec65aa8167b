//! A command as a child process.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::output::Output;
use super::{GRACE, Job, Log};
use crate::io::script_host::RunningScript;
use crate::link::hooks::wording::ScriptEnd;
use crate::log::{Level, LogLine};

/// So many outputs of processes that were left behind are read at most. Each costs a file descriptor; a script that
/// leaves one behind at every dial has a problem of its own.
const MAX_LEFT_BEHIND: usize = 16;

/// A file that is being written cannot be executed for that moment.
const BUSY_RETRIES: u32 = 5;
const BUSY_WAIT: Duration = Duration::from_millis(20);

/// Child processes.
#[derive(Clone, Debug)]
pub struct DirectRunner {
    log: Log,
    left_behind: Arc<AtomicUsize>,
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    worker: Worker,
    pid: u32,
    output: Option<Output>,
    left_behind: Arc<AtomicUsize>,
}

/// What runs it.
#[derive(Debug)]
pub(super) enum Worker {
    /// Our own child.
    Child(Child),
    /// The script host's.
    Hosted(RunningScript),
}

impl DirectRunner {
    pub(super) fn new(log: Log) -> Self {
        Self {
            log,
            left_behind: Arc::default(),
        }
    }

    pub(super) async fn start(&self, job: &Job) -> Result<Running, String> {
        let (pipe, output) = self.output(job);
        let (stdout, stderr) = match pipe {
            Some((stdout, stderr)) => (stdout.into(), stderr.into()),
            None => (Stdio::null(), Stdio::null()),
        };
        let mut command = Command::new(&job.program);
        command
            .args(&job.arguments)
            .env_clear()
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(false);
        // SAFETY: both are plain system calls, which are allowed between fork and exec, and touch no memory of ours.
        unsafe {
            command.pre_exec(|| {
                libc::umask(0o077);
                // It cannot fail: a child that was just forked leads no process group.
                libc::setsid();
                Ok(())
            });
        }
        let mut tries = 0;
        let child = loop {
            match command.spawn() {
                Err(error)
                    if error.raw_os_error() == Some(libc::ETXTBSY) && tries < BUSY_RETRIES =>
                {
                    tries += 1;
                    sleep(BUSY_WAIT).await;
                }
                Err(error) => return Err(error.to_string()),
                Ok(child) => break child,
            }
        };
        // Ours goes with the command: only the child and its children hold the pipe's other end.
        drop(command);
        let pid = child.id().unwrap_or_default();
        Ok(self.running(Worker::Child(child), pid, output))
    }

    /// What runs from now on, and is heard.
    pub(super) fn running(&self, worker: Worker, pid: u32, output: Option<Output>) -> Running {
        Running {
            worker,
            pid,
            output,
            left_behind: Arc::clone(&self.left_behind),
        }
    }

    /// Where its output goes: the same pipe twice; nothing, if there is none.
    pub(super) fn output(&self, job: &Job) -> (Option<(OwnedFd, OwnedFd)>, Option<Output>) {
        let problem = if self.left_behind.load(Ordering::Relaxed) >= MAX_LEFT_BEHIND {
            format!(
                "{MAX_LEFT_BEHIND} processes that former scripts have left behind still hold their output open"
            )
        } else {
            match pipe() {
                Ok((receiver, stdout, stderr)) => {
                    let output = Output::new(receiver, job.identifier, self.log);
                    return (Some((stdout, stderr)), Some(output));
                }
                Err(error) => format!("there is no pipe to be had: {error}"),
            }
        };
        (self.log)(&LogLine::uplinkd(
            Level::Warning,
            format!("the output of {} is lost: {problem}", job.program.display()),
        ));
        (None, None)
    }
}

fn pipe() -> io::Result<(pipe::Receiver, OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    let second = writer.try_clone()?;
    let receiver = pipe::Receiver::from_owned_fd(reader.into())?;
    Ok((receiver, writer.into(), second.into()))
}

impl Running {
    /// Its process, which leads a group of its own.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end. When `enough` ends before, its whole process group gets SIGTERM, and SIGKILL after [`GRACE`].
    pub async fn ended(mut self, enough: impl Future<Output = ()>) -> ScriptEnd {
        let mut enough = pin!(enough);
        let mut end = self.wait(enough.as_mut()).await;
        for signal in [Signal::TERM, Signal::KILL] {
            if end.is_some() {
                break;
            }
            self.signal(signal);
            end = self.wait(sleep(GRACE)).await;
        }
        if let Some(output) = self.output.take() {
            let left_behind = self.left_behind;
            let open = output.finish();
            if let Some(mut output) = open {
                left_behind.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    while output.next().await {}
                    left_behind.fetch_sub(1, Ordering::Relaxed);
                });
            }
        }
        match end {
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ScriptEnd::Exited(code),
                (None, Some(signal)) => ScriptEnd::Killed(signal),
                (None, None) => ScriptEnd::Unknown,
            },
            None => ScriptEnd::Unknown,
        }
    }

    /// Its status; `None` if `enough` was there first.
    async fn wait(&mut self, enough: impl Future<Output = ()>) -> Option<ExitStatus> {
        let mut enough = pin!(enough);
        loop {
            tokio::select! {
                biased;
                // An error would mean that it is not our child.
                status = self.worker.wait() => return status,
                () = &mut enough => return None,
                open = next(&mut self.output) => if !open {
                    self.output = None;
                },
            }
        }
    }

    fn signal(&self, signal: Signal) {
        self.worker.signal(signal);
    }
}

impl Worker {
    /// Its status; `None` if that is not known, and it has ended all the same. Safe to cancel.
    async fn wait(&mut self) -> Option<ExitStatus> {
        match self {
            Self::Child(child) => child.wait().await.ok(),
            Self::Hosted(script) => script.ended().await.ok().map(ExitStatus::from_raw),
        }
    }

    /// To all of its group. It has not been waited for, so the number is still its own.
    fn signal(&self, signal: Signal) {
        match self {
            Self::Child(child) => {
                let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
                if let Some(pid) = pid.and_then(Pid::from_raw) {
                    let _ = kill_process_group(pid, signal);
                }
            }
            Self::Hosted(script) => script.signal(signal.as_raw()),
        }
    }
}

/// Reads on; never ends, if there is nothing to read.
async fn next(output: &mut Option<Output>) -> bool {
    match output {
        Some(output) => output.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use tokio::time::Instant;

    use super::super::Runner;
    use super::*;
    use crate::log::Identifier;

    /// The log of the one test that runs.
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn log(line: &LogLine) {
        lines().push(line.to_string());
    }

    fn lines() -> MutexGuard<'static, Vec<String>> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    struct Bench {
        dir: PathBuf,
        _alone: MutexGuard<'static, ()>,
    }

    impl Bench {
        fn new(name: &str) -> Self {
            let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            lines().clear();
            let dir =
                std::env::temp_dir().join(format!("uplinkd-runner-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).unwrap();
            Self { dir, _alone: alone }
        }

        fn script(&self, text: &str) -> Job {
            let program = self.dir.join("script");
            fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            Job {
                program,
                arguments: vec!["one".to_owned(), "two words".to_owned()],
                environment: vec![("DIR".to_owned(), self.dir.display().to_string())],
                identifier: Identifier::IpUp,
            }
        }

        /// Runs it, for `limit` at most.
        fn run(&self, text: &str, limit: Duration) -> (ScriptEnd, Duration) {
            let job = self.script(text);
            runtime().block_on(async {
                let runner = Runner::direct(log);
                let started = Instant::now();
                let running = runner.start(&job).await.unwrap();
                let end = running.ended(sleep(limit)).await;
                (end, started.elapsed())
            })
        }
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.dir).unwrap();
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn it_gets_what_it_is_given_and_nothing_else() {
        let bench = Bench::new("given");
        let text = r#"echo "$# <$1> <$2>"; pwd; umask; readlink /proc/self/fd/0; tr '\0' '\n' < /proc/$$/environ
            cut -d' ' -f1,5,6 /proc/$$/stat; exit 3"#;
        let (end, _) = bench.run(text, LONG);
        assert_eq!(end, ScriptEnd::Exited(3));
        let said = lines().clone();
        let dir = bench.dir.display();
        assert_eq!(
            said[..5],
            [
                "ip-up: 2 <one> <two words>".to_owned(),
                "ip-up: /".to_owned(),
                "ip-up: 0077".to_owned(),
                "ip-up: /dev/null".to_owned(),
                format!("ip-up: DIR={dir}"),
            ]
        );
        // Its own group and session.
        let last = said.last().unwrap().trim_start_matches("ip-up: ");
        let numbers: Vec<&str> = last.split(' ').collect();
        assert_eq!(said.len(), 6, "{said:?}");
        assert_eq!(numbers[0], numbers[1]);
        assert_eq!(numbers[0], numbers[2]);
    }

    #[test]
    fn output_is_made_harmless_and_both_streams_are_heard() {
        let bench = Bench::new("output");
        let text = r#"printf 'a\033[2Jb\r\n\n\377\nno end' ; echo oops >&2; printf '%03000d' 7"#;
        let (end, _) = bench.run(text, LONG);
        assert_eq!(end, ScriptEnd::Exited(0));
        let said = lines().clone();
        assert_eq!(
            said[..3],
            [
                "ip-up: a\\033[2Jb".to_owned(),
                "ip-up: \u{fffd}".to_owned(),
                "ip-up: no endoops".to_owned(),
            ]
        );
        let lengths: Vec<usize> = said[3..].iter().map(String::len).collect();
        assert_eq!(lengths, [1031, 1031, 7 + 3000 - 2048]);
    }

    #[test]
    fn one_that_takes_too_long_is_ended_with_its_children() {
        let bench = Bench::new("slow");
        let text = "sleep 1000 & echo $! > $DIR/child; wait";
        let (end, took) = bench.run(text, Duration::from_millis(300));
        assert_eq!(end, ScriptEnd::Killed(15));
        assert!(took < GRACE, "{took:?}");
        assert!(is_gone(&bench.dir.join("child")));
        // One that does not listen.
        let text = "trap '' TERM; echo $$ > $DIR/child; while :; do sleep 0.1; done";
        let (end, took) = bench.run(text, Duration::from_millis(300));
        assert_eq!(end, ScriptEnd::Killed(9));
        assert!(took > GRACE && took < 2 * GRACE, "{took:?}");
        assert!(is_gone(&bench.dir.join("child")));
    }

    /// Whether the process whose number stands in the file ends soon.
    fn is_gone(path: &Path) -> bool {
        let pid: i32 = fs::read_to_string(path).unwrap().trim().parse().unwrap();
        let deadline = Instant::now() + LONG;
        while Instant::now() < deadline {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
            // Nobody may reap it here: a zombie is gone as well.
            if stat.map_or(true, |stat| stat.contains(") Z ")) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    #[test]
    fn a_process_that_is_left_behind_keeps_nobody_waiting_and_is_heard() {
        let bench = Bench::new("behind");
        let job = bench.script(
            "(for i in 1 2 3; do sleep 0.3; echo later $i; done; touch $DIR/done) & echo now",
        );
        runtime().block_on(async {
            let started = Instant::now();
            let running = Runner::direct(log).start(&job).await.unwrap();
            assert_eq!(running.ended(sleep(LONG)).await, ScriptEnd::Exited(0));
            assert!(started.elapsed() < Duration::from_millis(280));
            assert_eq!(lines().clone(), ["ip-up: now"]);
            while !bench.dir.join("done").exists() || lines().len() < 4 {
                assert!(started.elapsed() < LONG, "it was ended: {:?}", lines());
                sleep(Duration::from_millis(20)).await;
            }
        });
        let expected =
            ["now", "later 1", "later 2", "later 3"].map(|text| format!("ip-up: {text}"));
        assert_eq!(lines().clone(), expected);
    }

    #[test]
    fn a_flood_is_cut_and_does_not_stop_the_script() {
        let bench = Bench::new("flood");
        let text = "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; echo end >&2";
        let (end, _) = bench.run(text, LONG);
        assert_eq!(end, ScriptEnd::Exited(0));
        let said = lines().clone();
        assert!(said.len() < 400, "{}", said.len());
        let left_out = "uplinkd: too many lines of ip-up: some are left out";
        assert!(said.iter().any(|line| line == left_out), "{said:?}");
    }

    #[test]
    fn what_cannot_be_started_says_why() {
        let bench = Bench::new("bad");
        let job = Job {
            program: bench.dir.join("missing"),
            ..bench.script("true")
        };
        let nul = Job {
            arguments: vec!["a\0b".to_owned()],
            ..bench.script("true")
        };
        runtime().block_on(async {
            let runner = Runner::direct(log);
            let missing = runner.start(&job).await.map(|running| running.pid());
            assert_eq!(
                missing,
                Err("No such file or directory (os error 2)".to_owned())
            );
            assert!(runner.start(&nul).await.is_err());
        });
    }

    #[test]
    fn outputs_that_are_held_open_are_not_collected_without_end() {
        let bench = Bench::new("many");
        let job = bench.script("exec 3>&1; sleep 1000 & echo $! >> $DIR/left");
        runtime().block_on(async {
            let runner = Runner::direct(log);
            for _ in 0..MAX_LEFT_BEHIND + 2 {
                let running = runner.start(&job).await.unwrap();
                assert_eq!(running.ended(sleep(LONG)).await, ScriptEnd::Exited(0));
            }
        });
        let lost = lines()
            .iter()
            .filter(|line| line.contains("is lost"))
            .count();
        assert_eq!(lost, 2, "{:?}", lines());
        for pid in fs::read_to_string(bench.dir.join("left")).unwrap().lines() {
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            rustix::process::kill_process(pid, Signal::KILL).unwrap();
        }
    }
}

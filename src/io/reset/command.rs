//! The user's command (RESET_COMMAND): without a shell, with a time limit, its output in the log as far as it is short.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::log::{Level, LogLine};

/// No more of its output is logged: lines, and bytes. The rest is read and dropped, so that the command is not stopped
/// by a full pipe.
const MAX_LINES: usize = 20;
const MAX_BYTES: usize = 4096;

/// Output that comes when the command has ended already, from a child of its, is waited for so long.
const LATE: Duration = Duration::from_millis(200);

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Nothing to run.
    #[error("the command is empty")]
    Empty,
    /// It could not be started.
    #[error("{program} could not be started: {error}")]
    Start {
        /// Which.
        program: String,
        /// The system's words.
        error: io::Error,
    },
    /// It said that it failed.
    #[error("{program} ended with {how}")]
    Failed {
        /// Which.
        program: String,
        /// Status or signal.
        how: String,
    },
    /// It took too long, and was killed with all its children.
    #[error("{program} did not end within {} s and was killed", .limit.as_secs_f64())]
    TimedOut {
        /// Which.
        program: String,
        /// The limit.
        limit: Duration,
    },
}

/// Runs `words` and gives what it printed to `log`. `environment` is added to ours.
///
/// # Errors
/// [`CommandError`] unless it ends with status 0 within `limit`. It is killed, with its process group, when the limit is
/// over or the future dropped.
pub async fn run(
    words: &[String],
    environment: &[(&str, String)],
    limit: Duration,
    log: impl Fn(&LogLine),
) -> Result<(), CommandError> {
    let (name, arguments) = words.split_first().ok_or(CommandError::Empty)?;
    let program = || name.clone();
    let start = |error| CommandError::Start {
        program: program(),
        error,
    };
    let mut child = Command::new(name)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut output = Vec::new();
    let mut errors = Vec::new();
    let status = {
        let mut reading = std::pin::pin!(async {
            tokio::join!(read(out, &mut output), read(err, &mut errors));
        });
        let mut read_all = false;
        let ended = tokio::time::timeout(limit, async {
            loop {
                tokio::select! {
                    status = child.wait() => return status,
                    () = &mut reading, if !read_all => read_all = true,
                }
            }
        })
        .await;
        if !read_all && ended.is_ok() {
            let _ = tokio::time::timeout(LATE, &mut reading).await;
        }
        ended
    };
    for line in lines(&output).chain(lines(&errors)).take(MAX_LINES) {
        log(&LogLine::uplinkd(Level::Info, format!("{name}: {line}")));
    }
    match status {
        Ok(Ok(status)) => {
            // Its children may go on: a program that starts a daemon is no error.
            group.0 = None;
            if status.success() {
                return Ok(());
            }
            Err(CommandError::Failed {
                program: program(),
                how: status.to_string(),
            })
        }
        Ok(Err(error)) => Err(start(error)),
        Err(_) => Err(CommandError::TimedOut {
            program: program(),
            limit,
        }),
    }
}

/// A process group that is killed when dropped.
struct Group(Option<i32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads all, keeps the beginning.
async fn read(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 1024];
    while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
        let room = MAX_BYTES.saturating_sub(kept.len());
        kept.extend(buffer.iter().take(n.min(room)));
    }
}

fn lines(output: &[u8]) -> impl Iterator<Item = String> {
    output
        .split(|byte| *byte == b'\n')
        .map(|line| String::from_utf8_lossy(line).trim().to_owned())
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::super::testing::TestDir;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn sh(script: &str, limit: Duration) -> (Result<(), String>, Vec<String>) {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        let log = RefCell::new(Vec::new());
        let environment = [("UPLINKD_TTY", "/dev/ttyUSB0".to_owned())];
        let result = run(&words, &environment, limit, |line| {
            log.borrow_mut().push(line.text.clone());
        })
        .await;
        let result = result.map_err(|error| error.to_string());
        (result, log.into_inner())
    }

    #[tokio::test]
    async fn what_it_prints_is_logged() {
        let (result, log) = sh("echo one; echo $UPLINKD_TTY; echo bad >&2; pwd", LIMIT).await;
        assert_eq!(result, Ok(()));
        assert_eq!(
            log,
            [
                "/bin/sh: one",
                "/bin/sh: /dev/ttyUSB0",
                "/bin/sh: /",
                "/bin/sh: bad"
            ]
        );
    }

    #[tokio::test]
    async fn a_flood_is_read_and_cut() {
        let script = "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done";
        let (result, log) = sh(script, LIMIT).await;
        assert_eq!((result, log.len()), (Ok(()), MAX_LINES));
    }

    #[tokio::test]
    async fn a_failure_is_told_with_its_status() {
        let (result, _) = sh("exit 3", LIMIT).await;
        assert_eq!(result, Err("/bin/sh ended with exit status: 3".to_owned()));
        let nothing = run(&["/no/such".to_owned()], &[], LIMIT, |_| {}).await;
        let error = nothing.unwrap_err().to_string();
        assert!(
            error.starts_with("/no/such could not be started: "),
            "{error}"
        );
        let empty = run(&[], &[], LIMIT, |_| {}).await.unwrap_err();
        assert_eq!(empty.to_string(), "the command is empty");
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_its_children() {
        let dir = TestDir::new();
        let alive = dir.join("alive");
        let script = format!("(sleep 1; touch {}) & sleep 60", alive.display());
        let (result, _) = sh(&script, Duration::from_millis(300)).await;
        assert_eq!(
            result,
            Err("/bin/sh did not end within 0.3 s and was killed".to_owned())
        );
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(!alive.exists(), "the child lives on");
    }

    #[tokio::test]
    async fn one_that_leaves_a_daemon_behind_is_not_waited_for() {
        let start = tokio::time::Instant::now();
        let (result, log) = sh("sleep 5 & echo started", LIMIT).await;
        assert_eq!((result, log), (Ok(()), vec!["/bin/sh: started".to_owned()]));
        assert!(start.elapsed() < Duration::from_secs(3));
    }
}

//! What is said of a script, in pppd's words where it has any (spec U3).

use std::path::Path;
use std::time::Duration;

use crate::log::{Level, LogLine};

/// How a script has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptEnd {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// Nobody knows: it is not ours to ask, or even SIGKILL has not ended it.
    Unknown,
}

/// It runs.
pub fn started(program: &Path, pid: u32) -> LogLine {
    let text = format!("Script {} started (pid {pid})", program.display());
    LogLine::pppd(Level::Debug, text)
}

/// It has ended. pppd prints the status of an exit, not that of wait(2).
pub fn finished(program: &Path, pid: u32, end: ScriptEnd) -> LogLine {
    let program = program.display();
    match end {
        ScriptEnd::Exited(status) => LogLine::pppd(
            Level::Debug,
            format!("Script {program} finished (pid {pid}), status = {status:#x}"),
        ),
        ScriptEnd::Killed(signal) => LogLine::pppd(
            Level::Warning,
            format!("Child process {program} (pid {pid}) terminated with signal {signal}"),
        ),
        ScriptEnd::Unknown => LogLine::uplinkd(
            Level::Error,
            format!(
                "the script {program} (pid {pid}) cannot be ended, not even by SIGKILL; it is left alone"
            ),
        ),
    }
}

/// It cannot be run.
pub fn cannot_execute(program: &Path, why: &str) -> LogLine {
    let text = format!("Can't execute {}: {why}", program.display());
    LogLine::pppd(Level::Warning, text)
}

/// It takes too long.
pub fn timed_out(program: &Path, pid: u32, after: Duration) -> LogLine {
    LogLine::uplinkd(
        Level::Warning,
        format!(
            "the script {} (pid {pid}) has not ended after {:.0} s (scripts.timeout): it is ended",
            program.display(),
            after.as_secs_f64()
        ),
    )
}

/// We want to end, and it runs on. pppd's line, behind its `child-timeout`.
pub fn ending(pid: u32) -> LogLine {
    LogLine::pppd(Level::Debug, format!("sending SIGTERM to process {pid}"))
}

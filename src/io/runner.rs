//! Runs one command of the system's: a script of pppd's (spec N4).
//!
//! As pppd's `run_program`: standard input is /dev/null, the folder is /, the umask 077, the process leads a session of its
//! own, and its environment is what it is given and nothing else. Other than with pppd, its output is not lost: it goes to
//! the log, line by line, no more than a log can bear.
//!
//! A script may leave processes behind that hold its output open, as `ip-up` does that starts a monitor. Nobody waits for
//! those; but what they say goes to the log as long as they live, and they are not ended by a pipe that nobody reads.
//!
//! What runs it is a [`Runner`]; there may be more kinds than our own child processes.

mod direct;
mod output;
mod unit;

use std::path::PathBuf;
use std::time::Duration;

pub use self::direct::{DirectRunner, Running};
pub use self::unit::UnitRunner;
use crate::io::script_host::ScriptHost;
use crate::log::{Identifier, LogLine};

/// Between SIGTERM and SIGKILL, and after that until a process is given up.
pub const GRACE: Duration = Duration::from_secs(2);

/// Where lines go.
pub type Log = fn(&LogLine);

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The file; an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Whose lines its output is.
    pub identifier: Identifier,
}

/// What runs commands.
#[derive(Clone, Debug)]
pub enum Runner {
    /// Child processes.
    Direct(DirectRunner),
    /// A unit of its own, outside of our sandbox.
    Unit(UnitRunner),
}

impl Runner {
    /// One whose commands are our child processes; what they say goes to `log`.
    pub fn direct(log: Log) -> Self {
        Self::Direct(DirectRunner::new(log))
    }

    /// One whose commands are started by the script host; what they say goes to `log`.
    pub fn unit(host: ScriptHost, log: Log) -> Self {
        Self::Unit(UnitRunner::new(host, DirectRunner::new(log)))
    }

    /// Starts it, within a tokio runtime.
    ///
    /// # Errors
    /// Why not, in the system's words.
    pub async fn start(&self, job: &Job) -> Result<Running, String> {
        match self {
            Self::Direct(runner) => runner.start(job).await,
            Self::Unit(runner) => runner.start(job).await,
        }
    }
}

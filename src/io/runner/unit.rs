//! A command in a unit of its own, outside of the daemon's sandbox: the script host starts it
//! ([`script_host`](crate::io::script_host)).

use std::fs::File;
use std::os::fd::OwnedFd;

use super::Job;
use super::direct::{DirectRunner, Running, Worker};
use crate::io::script_host::{Script, ScriptHost};

/// The script host, and what hears its scripts.
#[derive(Clone, Debug)]
pub struct UnitRunner {
    host: ScriptHost,
    hears: DirectRunner,
}

impl UnitRunner {
    pub(super) fn new(host: ScriptHost, hears: DirectRunner) -> Self {
        Self { host, hears }
    }

    pub(super) async fn start(&self, job: &Job) -> Result<Running, String> {
        let (pipe, output) = self.hears.output(job);
        let writer = match pipe {
            Some((stdout, _)) => stdout,
            None => nowhere()?,
        };
        let script = Script {
            program: job.program.clone(),
            arguments: job.arguments.clone(),
            environment: job.environment.clone(),
        };
        let running = self
            .host
            .start(&script, writer, None)
            .await
            .map_err(|problem| problem.to_string())?;
        let pid = u32::try_from(running.pid()).unwrap_or_default();
        Ok(self.hears.running(Worker::Hosted(running), pid, output))
    }
}

fn nowhere() -> Result<OwnedFd, String> {
    let file = File::options().write(true).open("/dev/null");
    file.map(OwnedFd::from).map_err(|error| error.to_string())
}

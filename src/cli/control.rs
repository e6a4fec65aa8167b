//! `uplinkd reconnect`, `disconnect`, `connect`, `reset`, `reload`: a word to the running daemon (spec I4).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::SocketArguments;
use super::{fail, say};
use crate::control::{ReplyView, Request};
use crate::io::control_socket;
use crate::link::ExitStatus;

/// The daemon answers at once; what takes longer is a machine that is too busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the daemon for something and says what it answers.
pub(crate) fn run(arguments: &SocketArguments, request: &Request) -> ExitStatus {
    let line = match ask(arguments, request, PATIENCE) {
        Ok(line) => line,
        Err(status) => return status,
    };
    match accepted(&line) {
        Ok(reply) => {
            say(reply.message.as_deref().unwrap_or("accepted"));
            ExitStatus::DONE
        }
        Err(status) => status,
    }
}

/// The daemon's reply, if it is not a refusal; that is said.
pub(crate) fn accepted(line: &[u8]) -> Result<ReplyView<'_>, ExitStatus> {
    match ReplyView::parse(line) {
        Some(reply) if reply.ok => Ok(reply),
        Some(reply) => Err(fail(
            ExitStatus::FATAL,
            &printable(reply.error.as_deref().unwrap_or("the daemon refuses")),
        )),
        None => Err(fail(
            ExitStatus::FATAL,
            "the daemon's reply cannot be read: is it of another version?",
        )),
    }
}

/// The line that the daemon replies; what prevents one is said.
pub(crate) fn ask(
    arguments: &SocketArguments,
    request: &Request,
    patience: Duration,
) -> Result<Vec<u8>, ExitStatus> {
    let path = find(arguments)?;
    control_socket::ask(&path, &request.to_line(), patience).map_err(|error| {
        let path = path.display();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                no_daemon(&format!("nobody serves {path}"))
            }
            ErrorKind::PermissionDenied => fail(
                ExitStatus::NO_PERMISSION,
                &format!(
                    "no permission for {path}; run as root, or as a member of the group that the configuration lets in"
                ),
            ),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => fail(
                ExitStatus::OPEN_FAILED,
                &format!(
                    "the daemon at {path} does not answer within {} s; look at its log, and restart it if it hangs",
                    patience.as_secs()
                ),
            ),
            _ => fail(
                ExitStatus::OPEN_FAILED,
                &format!("the daemon at {path} has hung up: {error}; try again in a moment"),
            ),
        }
    })
}

/// The socket of the daemon that is meant.
fn find(arguments: &SocketArguments) -> Result<PathBuf, ExitStatus> {
    let run_dir = &arguments.run_dir;
    if let Some(interface) = &arguments.interface {
        return Ok(control_socket::path(run_dir, interface));
    }
    let found = control_socket::find(run_dir)
        .or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(Vec::new()),
            _ => Err(error),
        })
        .map_err(|error: io::Error| {
            fail(
                ExitStatus::NO_PERMISSION,
                &format!(
                    "{} cannot be read: {error}; run as root, or name the daemon's --run-dir",
                    run_dir.display()
                ),
            )
        })?;
    let found: Vec<_> = match arguments.pid {
        Some(pid) => found
            .into_iter()
            .filter(|(name, _)| owner(run_dir, name) == Some(pid))
            .collect(),
        None => found,
    };
    match found.as_slice() {
        [(_, path)] => Ok(path.clone()),
        [] => Err(no_daemon(&format!(
            "no daemon runs with --run-dir {}",
            run_dir.display()
        ))),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            Err(fail(
                ExitStatus::CONFIGURATION,
                &format!(
                    "several daemons run: name one with --interface: {}",
                    names.join(", ")
                ),
            ))
        }
    }
}

/// The process number of the daemon that serves `interface`, as its pid file has it.
fn owner(run_dir: &Path, interface: &str) -> Option<u32> {
    let text = fs::read_to_string(run_dir.join(format!("{interface}.pid"))).ok()?;
    text.trim().parse().ok()
}

fn no_daemon(what: &str) -> ExitStatus {
    fail(
        ExitStatus::OPEN_FAILED,
        &format!("{what}; start it with `systemctl start ppp.service` or `uplinkd run`"),
    )
}

/// What came over a socket, without what could disturb a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

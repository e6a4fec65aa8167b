//! `uplinkd status` (spec S7, I4).

use std::io::{self, IsTerminal};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::args::StatusArguments;
use super::control::{accepted, ask};
use super::{fail, say};
use crate::control::text::{Style, render};
use crate::control::{Request, Status};
use crate::link::ExitStatus;

const PATIENCE: Duration = Duration::from_secs(10);

/// Shows the status of the running daemon.
pub(crate) fn run(arguments: &StatusArguments) -> ExitStatus {
    let line = match ask(&arguments.socket, &Request::Status, PATIENCE) {
        Ok(line) => line,
        Err(status) => return status,
    };
    let reply = match accepted(&line) {
        Ok(reply) => reply,
        Err(status) => return status,
    };
    let Some(json) = reply.status else {
        return fail(ExitStatus::FATAL, "the daemon told no status");
    };
    if arguments.json {
        say(json.get());
        return ExitStatus::DONE;
    }
    match serde_json::from_str::<Status>(json.get()) {
        Ok(status) => {
            say(render(&status, &style()).trim_end());
            ExitStatus::DONE
        }
        Err(error) => fail(
            ExitStatus::FATAL,
            &format!(
                "the status of this daemon, which is of another version, cannot be read ({error}); use --json"
            ),
        ),
    }
}

fn style() -> Style {
    Style {
        // https://no-color.org
        color: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        zone: TimeZone::system(),
    }
}

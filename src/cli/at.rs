//! `uplinkd at`: one AT command, through the running daemon or on a tty (spec I9).

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::LocalSet;

use super::args::AtArguments;
use super::control::{accepted, ask, printable};
use super::{fail, runtime, say};
use crate::at::{Answer, check_command};
use crate::config::Config;
use crate::control::Request;
use crate::daemon::exchange::exchange;
use crate::daemon::logging;
use crate::io::clock::Clock;
use crate::io::serial::{Port, PortSettings};
use crate::link::{ExitStatus, LinkEnd};
use crate::log::Level;

/// The daemon gives an AT command 60 s.
const PATIENCE: Duration = Duration::from_secs(75);

/// On a tty of our own a command may take longer: the search for networks is one.
const LIMIT: Duration = Duration::from_secs(180);

/// Sends the command and prints the answer.
pub(crate) fn run(arguments: AtArguments) -> ExitStatus {
    if let Err(error) = check_command(&arguments.command) {
        return fail(
            ExitStatus::CONFIGURATION,
            &format!("{error}, such as AT+CSQ"),
        );
    }
    match &arguments.device {
        Some(device) => on_tty(device, &arguments),
        None => through_daemon(arguments),
    }
}

fn through_daemon(arguments: AtArguments) -> ExitStatus {
    let request = Request::At {
        line: arguments.command,
        force: arguments.force,
    };
    let line = match ask(&arguments.socket, &request, PATIENCE) {
        Ok(line) => line,
        Err(status) => return status,
    };
    match accepted(&line) {
        Ok(reply) => show(&Answer {
            lines: reply.lines.unwrap_or_default(),
            result: reply.result.unwrap_or_default(),
        }),
        Err(status) => status,
    }
}

fn on_tty(device: &Path, arguments: &AtArguments) -> ExitStatus {
    logging::init(Level::Warning);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(ExitStatus::FATAL, &format!("cannot start: {error}")),
    };
    LocalSet::new().block_on(&runtime, async {
        let defaults = Config::default();
        let settings = PortSettings {
            speed: arguments.speed,
            rtscts: defaults.rtscts,
            modem_lines: defaults.modem_lines,
        };
        let port = match Port::open(&tty(device), &settings, &arguments.lock_dir) {
            Ok(port) => port,
            Err(problem) => {
                let end = LinkEnd::Line(problem);
                return fail(end.exit_status(), &format!("{end}; {}", end.advice()));
            }
        };
        port.log().iter().for_each(logging::emit);
        // What came in while nobody had the tty open is no answer to us.
        let _ = port.discard_input();
        match exchange(&port, &arguments.command, LIMIT, &Clock::new()).await {
            Ok(answer) => show(&answer),
            Err(why) => fail(ExitStatus::FATAL, &why),
        }
    })
}

/// `ttyUSB2` is `/dev/ttyUSB2`, as in DEVICE.
fn tty(device: &Path) -> PathBuf {
    if device.components().count() == 1 {
        Path::new("/dev").join(device)
    } else {
        device.to_owned()
    }
}

fn show(answer: &Answer) -> ExitStatus {
    for line in answer.lines.iter().chain([&answer.result]) {
        say(printable(line));
    }
    if answer.is_ok() {
        ExitStatus::DONE
    } else {
        ExitStatus::FATAL
    }
}

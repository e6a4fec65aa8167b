//! `uplinkd resolv-conf`: what [`io::resolv_conf`](crate::io::resolv_conf) does, as a program of its own. The service runs
//! it where it may not write `/etc` itself.

use super::args::{ResolvConfArguments, ResolvConfCommand};
use super::complain;
use crate::io::{resolv_conf, tun};
use crate::link::ExitStatus;

/// Does it. What there is to say, and why it could not be done, goes to stderr.
pub(crate) fn run(command: &ResolvConfCommand) -> ExitStatus {
    let outcome = match command {
        ResolvConfCommand::Set { at, server } => {
            resolv_conf::set(&at.path, &at.state_dir, &at.interface, server)
        }
        ResolvConfCommand::Restore { at } => {
            resolv_conf::restore(&at.path, &at.state_dir, &at.interface)
        }
        ResolvConfCommand::Recover {
            at:
                ResolvConfArguments {
                    path,
                    state_dir,
                    interface,
                },
        } => resolv_conf::recover(path, state_dir, interface, |name| {
            tun::index_of(name).is_some()
        }),
    };
    match outcome {
        Ok(lines) => {
            for line in lines {
                complain(line.text);
            }
            ExitStatus::DONE
        }
        Err(error) => {
            complain(error);
            ExitStatus::FATAL
        }
    }
}

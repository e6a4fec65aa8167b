//! `uplinkd script-host`: runs scripts for a daemon that is in its sandbox (spec U2).

use tokio::task::LocalSet;

use super::args::ScriptHostArguments;
use super::{fail, runtime};
use crate::io::notify::Notifier;
use crate::io::script_host::server::{Allowed, passed_socket, serve};
use crate::io::signals::Signals;
use crate::link::ExitStatus;

/// Commands of our own program that are made to be run so: what they may change is theirs to limit.
const OWN_COMMANDS: &[&str] = &["resolv-conf"];

/// Serves until it is ended.
pub(crate) fn run(arguments: &ScriptHostArguments) -> ExitStatus {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(ExitStatus::FATAL, &format!("cannot start: {error}")),
    };
    LocalSet::new().block_on(&runtime, async {
        let opened = passed_socket().and_then(|listener| Ok((listener, Signals::new()?)));
        let (listener, mut signals) = match opened {
            Ok(opened) => opened,
            Err(error) => return fail(ExitStatus::FATAL, &format!("no scripts are run: {error}")),
        };
        let allowed = Allowed {
            folders: arguments.allow.clone(),
            own: std::env::current_exe().ok().map(|own| (own, OWN_COMMANDS)),
        };
        Notifier::from_environment().ready();
        tokio::select! {
            () = serve(listener, allowed) => {}
            () = signals.terminated() => {}
        }
        ExitStatus::DONE
    })
}

//! `uplinkd demo`: the real daemon against the built-in modem and ISP, in a network namespace of its own (spec I2).

mod packets;
mod stage;
mod story;

use std::time::Duration;

use tokio::task::LocalSet;

use super::args::DemoArguments;
use super::{fail, runtime, say};
use crate::daemon::logging;
use crate::io::netns::{self, Isolation};
use crate::io::signals::Signals;
use crate::link::{ExitStatus, LinkEnd};
use stage::{ScratchDir, Stage};

/// Without `--fault`: where the line is cut, counted from CONNECT.
const CUT: &str = "no-carrier@3s";

/// Nothing new is waited for after this: the demo ends in under 15 s, stopping included.
const LIMIT: Duration = Duration::from_millis(9200);

/// Shows the main job.
pub(crate) fn run(arguments: &DemoArguments) -> ExitStatus {
    for fault in &arguments.fault {
        if fault.time() >= LIMIT {
            return fail(
                ExitStatus::CONFIGURATION,
                &format!(
                    "the demo is over before {} happens; give an earlier @TIME, such as @3s",
                    fault.fault.name()
                ),
            );
        }
    }
    let isolation = match netns::isolate() {
        Ok(isolation) => isolation,
        Err(problem) => {
            let end = LinkEnd::Network(problem);
            return fail(
                end.exit_status(),
                &format!("the demo needs a network of its own: {end}"),
            );
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(ExitStatus::FATAL, &format!("cannot start: {error}")),
    };
    say("uplinkd demo: a gateway without a modem, so a simulated one answers, with an ISP and a");
    say(
        "small internet behind it. The daemon is the real one: AT dialog, PPP, TUN device, routes.",
    );
    let place = match isolation {
        Isolation::Privileged => "in a network namespace of its own",
        Isolation::UserNamespace => "in user and network namespaces of its own, without privileges",
    };
    say(format_args!(
        "It all happens {place}: nothing on this machine changes."
    ));
    say(
        "The waits are short here: HOLDOFF 1 s, RETRY 2, RESET_WAIT 1 s, an LCP echo every second, 5 tries a",
    );
    say(
        "second apart in the negotiation, and the modem restarts in a second. On a site they are 5 s, 3, 30 s,",
    );
    say("30 s, 10 tries 3 s apart, and half a minute.");
    let status = LocalSet::new().block_on(&runtime, show(arguments));
    runtime.shutdown_background();
    status
}

/// The show, unless somebody stops it: then all of it goes, with its namespace.
async fn show(arguments: &DemoArguments) -> ExitStatus {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(
                ExitStatus::FATAL,
                &format!("signals cannot be received: {error}"),
            );
        }
    };
    tokio::select! {
        status = play(arguments) => status,
        () = signals.terminated() => ExitStatus::USER,
    }
}

async fn play(arguments: &DemoArguments) -> ExitStatus {
    let faults = if arguments.fault.is_empty() {
        match CUT.parse() {
            Ok(fault) => vec![fault],
            Err(error) => return fail(ExitStatus::FATAL, &format!("{CUT}: {error}")),
        }
    } else {
        arguments.fault.clone()
    };
    let dir = match ScratchDir::new() {
        Ok(dir) => dir,
        Err(error) => {
            return fail(
                ExitStatus::FATAL,
                &format!("no temporary directory can be made: {error}"),
            );
        }
    };
    let stage = match Stage::set(&dir, faults).await {
        Ok(stage) => stage,
        Err(status) => return status,
    };
    logging::init_demo(stage.clock.clone(), arguments.verbose);
    if arguments.fault.is_empty() {
        stage.cut_and_recovery().await
    } else {
        stage.fault().await
    }
}

//! `uplinkd sim`: the simulated modem on a pty (spec I3).

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::args::{Demand, SimArguments};
use super::{fail, runtime, say};
use crate::daemon::logging;
use crate::daemon::simulator::{self, Links, Order};
use crate::io::clock::Clock;
use crate::io::signals::{Signal, Signals};
use crate::link::ExitStatus;
use crate::log::Level;
use crate::ppp::config::{Account, AllowedAuth, AuthDemand, AuthMethod};
use crate::secret::Secret;
use crate::sim::SimConfig;

/// Runs the simulator until SIGTERM or SIGINT. SIGUSR1 switches the modem's power off and on, SIGHUP lifts all faults.
pub(crate) fn run(arguments: SimArguments) -> ExitStatus {
    logging::init(Level::Debug);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(ExitStatus::FATAL, &format!("cannot start: {error}")),
    };
    LocalSet::new().block_on(&runtime, serve(arguments))
}

async fn serve(arguments: SimArguments) -> ExitStatus {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(
                ExitStatus::FATAL,
                &format!("signals cannot be received: {error}"),
            );
        }
    };
    let config = SimConfig {
        seed: arguments.seed,
        faults: arguments.fault,
        demand: demand(arguments.auth, arguments.user, arguments.password),
        personality: arguments.personality,
        pin: arguments.pin.map(Secret::new),
        iccid: arguments.iccid,
        apns: (!arguments.apn.is_empty()).then_some(arguments.apn),
        ..SimConfig::default()
    };
    let shown = arguments.link.clone();
    let links = Links {
        dial: arguments.link,
        at: arguments.at_link,
    };
    let (orders, receiver) = mpsc::channel(8);
    let simulator = simulator::run_with(config, links, receiver, Clock::new(), |pty| {
        let path = shown.as_deref().unwrap_or_else(|| pty.path());
        // Whoever started us waits for this line.
        say(path.display());
    });
    let signals = async {
        loop {
            let order = match signals.next().await {
                Signal::Terminate(_) => Order::Stop,
                Signal::Reconnect => Order::PowerCycle,
                Signal::Reload => Order::LiftFaults,
            };
            // A simulator that does not listen any more has ended.
            let _ = orders.send(order).await;
        }
    };
    tokio::select! {
        ended = simulator => match ended {
            // By a signal: nothing else ends it well.
            Ok(()) => {
                logging::flush();
                ExitStatus::USER
            }
            Err(error) => fail(ExitStatus::OPEN_FAILED, &format!("the pty: {error}")),
        },
        status = signals => status,
    }
}

/// The ISP's demand in its common form.
pub(crate) fn demand(auth: Demand, user: String, password: String) -> Option<AuthDemand> {
    let (method, acceptable) = match auth {
        Demand::None => return None,
        Demand::Pap => (
            AuthMethod::Pap,
            AllowedAuth {
                pap: true,
                chap_md5: false,
            },
        ),
        Demand::Chap => (
            AuthMethod::ChapMd5,
            AllowedAuth {
                pap: false,
                chap_md5: true,
            },
        ),
    };
    Some(AuthDemand {
        method,
        acceptable,
        name: "UMTS_CHAP_SRVR".to_owned(),
        accounts: vec![Account {
            user,
            secret: Secret::new(password),
        }],
        accept_any: false,
        rechallenge: None,
        messages: Default::default(),
    })
}

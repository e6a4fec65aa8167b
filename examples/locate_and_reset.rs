//! Finds the modem as DEVICE=AUTO does, resets it by the steps that are named, and finds it again: for trying a gateway's
//! reset lines by hand, without a link.
//!
//! ```text
//! cargo run --example locate_and_reset -- STEP...
//! ```
//!
//! A STEP is `at=COMMAND`, `led=NAME`, `gpio=LINE`, `write=FILE=VALUE`, `command=PROGRAM`, `authorized`, `rebind` or
//! `port-power`. It needs root. The host is never restarted.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "not a part of the program"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use uplinkd::config::Config;
use uplinkd::daemon::locate::Locator;
use uplinkd::daemon::reset::{ResetContext, run};
use uplinkd::daemon::{logging, reset};
use uplinkd::io::clock::Clock;
use uplinkd::io::reset::reboot::Reboot;
use uplinkd::io::reset::{Roots, undo};
use uplinkd::io::serial::PortSettings;
use uplinkd::log::Level;
use uplinkd::modem::{Profiles, ResetStep};

/// What its notes are called after.
const INTERFACE: &str = "locate_and_reset";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    logging::init(Level::Debug);
    let named: Vec<ResetStep> = std::env::args().skip(1).map(|word| step(&word)).collect();
    let config = Config {
        reset_steps: (!named.is_empty()).then_some(named.clone()),
        ..Config::default()
    };
    let state_dir = PathBuf::from("/var/lib/uplinkd");
    if let Some(line) = undo::recover(&Roots::default().sys, &state_dir, INTERFACE) {
        logging::emit(&line);
        // The kernel needs a moment to make the tty.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let profiles = Profiles::built_in();
    let lock_dir = Path::new("/var/lock");
    let clock = Clock::new();
    let locator = Locator::new(Roots::default(), lock_dir, clock.clone());
    let located = match locator.locate(&config, &profiles, None).await {
        Ok(located) => located,
        Err(problem) => panic!("{problem}"),
    };
    println!(
        "located: {} ({:?})",
        located.dial.display(),
        located.identity
    );
    let profile = located
        .profile
        .clone()
        .unwrap_or_else(|| profiles.generic());
    let context = ResetContext {
        interface: INTERFACE.to_owned(),
        roots: Roots::default(),
        lock_dir: lock_dir.to_owned(),
        state_dir,
        port: PortSettings {
            speed: config.speed,
            rtscts: false,
            modem_lines: true,
        },
        clock,
        reboot: Reboot::Forbidden,
    };
    let steps = if named.is_empty() {
        reset::steps_of(&config, &profile.reset, &located)
    } else {
        named
    };
    let outcome = run(
        &context,
        &located,
        &profile.reset,
        steps,
        std::future::pending(),
    )
    .await;
    println!("outcome: {outcome:?}");
    let again = locator
        .locate(&config, &profiles, located.identity.as_ref())
        .await;
    println!("located again: {again:?}");
    logging::flush();
}

fn step(word: &str) -> ResetStep {
    let (kind, rest) = word.split_once('=').unwrap_or((word, ""));
    match kind {
        "at" => ResetStep::At(rest.to_owned()),
        "led" => ResetStep::Led {
            name: rest.to_owned(),
            on: Some(Duration::from_millis(600)),
        },
        "gpio" => ResetStep::Gpio {
            chip: None,
            line: rest.to_owned(),
            active_low: true,
            pulse: Duration::from_secs(1),
        },
        "write" => {
            let (path, value) = rest.split_once('=').expect("write=FILE=VALUE");
            ResetStep::Write {
                path: path.to_owned(),
                value: value.to_owned(),
                then: None,
            }
        }
        "command" => ResetStep::Command(vec![rest.to_owned()]),
        "authorized" => ResetStep::UsbAuthorized,
        "rebind" => ResetStep::UsbRebind,
        "port-power" => ResetStep::UsbPortPower {
            off: Duration::from_secs(3),
        },
        _ => panic!("unknown step {word}"),
    }
}

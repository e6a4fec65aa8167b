//! uplinkd under a real systemd (spec U1, U2, U3, C1): a small Debian boots in a container, with uplinkd put there by
//! `scripts/install` and the simulator as its modem (`protocol_tests::machine`).
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod crash;
mod ends;
mod install;
mod sandbox;
mod scripts;
mod session;
mod units;
mod upstart;

use protocol_tests::machine::Machine;

/// `systemctl stop 'ppp.*'` as the document has it, and what has to hold after it.
fn stop(machine: &Machine) {
    machine.succeed("systemctl stop 'ppp.*'");
    for unit in ["ppp.path", "ppp.service"] {
        let state = machine.property(unit, "ActiveState");
        let sub_state = machine.property(unit, "SubState");
        assert_eq!(
            (state.as_str(), sub_state.as_str()),
            ("inactive", "dead"),
            "{unit}"
        );
    }
}

/// How often the service was started since the boot.
fn starts(machine: &Machine) -> usize {
    machine.count("-u ppp.service", "Starting ppp.service")
}

/// Waits until the service has ended, a moment longer than a path unit needs to start it again, and says how often it was
/// started.
fn starts_until_it_rests(machine: &Machine) -> usize {
    machine.wait_for(
        "the end of the service",
        "case $(systemctl is-active ppp.service) in inactive|failed) ;; *) false ;; esac",
    );
    machine.succeed("sleep 1.5");
    starts(machine)
}

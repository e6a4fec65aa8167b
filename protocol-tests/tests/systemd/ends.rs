//! A service that ends in order is started once, says why, and can be started again (spec U1, C1).

use protocol_tests::machine::{MACHINE, Machine, config};

use super::{starts, starts_until_it_rests, stop};

/// The path unit has not failed, and is ready for the next `systemctl start ppp.path`.
fn path_rests(machine: &Machine) {
    assert_eq!(machine.state("ppp.path"), "inactive");
    assert_eq!(machine.property("ppp.path", "Result"), "success");
}

fn status(machine: &Machine) -> String {
    machine.run("systemctl status ppp -l").1
}

#[test]
fn c1_start_no_is_one_start_and_by_hand_it_works() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("START", "no")]));
    machine.plug_in();
    assert_eq!(starts_until_it_rests(&machine), 1);
    path_rests(&machine);
    assert_eq!(machine.property("ppp.service", "Result"), "success");
    let text = status(&machine);
    assert!(text.contains("Active: inactive (dead)"), "{text}");
    assert!(text.contains("START=no in /etc/default/ppp"), "{text}");

    machine.succeed("systemctl start ppp.path");
    assert_eq!(starts_until_it_rests(&machine), 2);
    path_rests(&machine);

    machine.succeed("systemctl start ppp.service");
    machine.wait_for_link();
    stop(&machine);
    assert_eq!(starts(&machine), 3);
}

#[test]
fn u1_by_hand_while_the_path_unit_waits() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("START", "no"), ("DEVICE", "/dev/ttyX0")]));
    assert_eq!(machine.property("ppp.path", "SubState"), "waiting");
    machine.succeed("systemctl start ppp.service");
    assert_eq!(machine.state("ppp.service"), "active");
    stop(&machine);
}

#[test]
fn u1_a_bad_configuration_is_one_start_and_names_the_mistake() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("HOLDOFF", "soon")]));
    machine.plug_in();
    assert_eq!(starts_until_it_rests(&machine), 1);
    path_rests(&machine);
    let text = status(&machine);
    assert!(
        text.contains("Active: failed (Result: exit-code)"),
        "{text}"
    );
    assert!(text.contains("HOLDOFF=soon"), "{text}");
    assert!(text.contains("expected 0 to 86400"), "{text}");
    // By hand, the one who types it is told at once.
    assert!(!machine.run("systemctl start ppp.service").0);
    assert_eq!(machine.property("ppp.service", "ExecMainStatus"), "2");

    machine.write("/etc/default/ppp", &config(&[]));
    machine.succeed("systemctl start ppp.path");
    machine.wait_for_link();
    stop(&machine);
}

#[test]
fn u1_persist_0_ends_after_its_link_and_stays_down() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("PERSIST", "0")]));
    machine.plug_in();
    machine.wait_for_link();
    machine.succeed("uplinkd disconnect");
    assert_eq!(starts_until_it_rests(&machine), 1);
    path_rests(&machine);
    assert_eq!(machine.property("ppp.service", "Result"), "success");
    let text = status(&machine);
    assert!(text.contains("Active: inactive (dead)"), "{text}");
    assert!(text.contains("Status: \"ppp0: ended"), "{text}");

    // Idle (12) is no failure either.
    let idle = config(&[("PERSIST", "0"), ("IDLE", "1")]);
    machine.write("/etc/default/ppp", &idle);
    machine.succeed("systemctl start ppp.path");
    assert_eq!(starts_until_it_rests(&machine), 2);
    path_rests(&machine);
    assert_eq!(machine.property("ppp.service", "Result"), "success");

    // A failure is one, and one start as well.
    let failing = config(&[("PERSIST", "0"), ("DEVICE", "/dev/ttyX0")]);
    machine.write("/etc/default/ppp", &failing);
    machine.succeed("systemctl start ppp.path");
    assert_eq!(starts_until_it_rests(&machine), 3);
    path_rests(&machine);
    assert_eq!(machine.property("ppp.service", "Result"), "exit-code");
    let text = status(&machine);
    assert!(text.contains("/dev/ttyX0"), "{text}");
}

/// Many short links by hand must not run into a limit of starts.
#[test]
fn u1_ten_starts_in_a_row_are_ten_starts() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("START", "no")]));
    machine.plug_in();
    starts_until_it_rests(&machine);
    for _ in 0..10 {
        machine.succeed("systemctl start ppp.path");
        machine.wait_for(
            "the end of the service",
            "test $(systemctl is-active ppp.path) = inactive",
        );
    }
    assert_eq!(starts_until_it_rests(&machine), 11);
    path_rests(&machine);
}

//! The session that the document shows: start by the path unit, status, stop (spec U1, U3).

use protocol_tests::machine::{MACHINE, Machine, config};

use super::{starts, stop};

/// Each pattern in one of the lines, in this order.
fn in_order(lines: &[String], patterns: &[&str]) {
    let mut rest = lines.iter();
    for pattern in patterns {
        assert!(
            rest.any(|line| line.contains(pattern)),
            "\"{pattern}\" is not there, or too early:\n{}",
            lines.join("\n")
        );
    }
}

#[test]
fn u1_the_documents_session_start_status_stop() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("MONITOR", "no")]));
    // No modem yet: the path unit was enabled by the installation, and waits.
    assert_eq!(machine.property("ppp.path", "SubState"), "waiting");
    assert_eq!(machine.property("ppp.path", "UnitFileState"), "enabled");
    assert_eq!(machine.property("ppp.service", "UnitFileState"), "disabled");
    assert_eq!(
        machine.property("ppp.service", "Description"),
        "PPP wrapper"
    );
    assert_eq!(starts(&machine), 0);
    stop(&machine);

    machine.plug_in();
    machine.succeed("systemctl start ppp.path");
    machine.wait_for_link();
    let status = machine.wait_for(
        "the link in the status",
        "systemctl status ppp | grep -q 'Status: \"ppp0: the link is up, 10\\.64\\.64\\.2 on /dev/ttyUSB0\"' && systemctl status ppp",
    );
    assert!(status.contains("ppp.service - PPP wrapper"), "{status}");
    assert!(status.contains("Active: active (running)"), "{status}");
    assert!(status.contains("(uplinkd)"), "{status}");
    // The lines that the people on site look for, under their identifiers.
    in_order(
        &machine.journal("-t pppd"),
        &[
            "sent [LCP ConfReq",
            "rcvd [IPCP ConfAck",
            "local  IP address 10.64.64.2",
            "primary   DNS address",
        ],
    );
    assert_eq!(
        machine.count("-t ppp_monitor", "ping monitoring is disabled."),
        1
    );
    assert_eq!(machine.count("-t ip-up", "Execute PPP monitor."), 1);
    assert_eq!(
        machine.count("-t chat", "CONNECT"),
        machine.count("-u ppp -t chat", "CONNECT")
    );
    assert!(machine.count("-t chat", "CONNECT") > 0);

    machine.succeed("systemctl stop 'ppp.*'");
    let lines = machine.journal("-u ppp.service");
    in_order(
        &lines,
        &[
            "Script /etc/ppp/ip-down started (pid ",
            "sent [LCP TermReq id=0x2 \"User request\"]",
            "Terminating on signal 15",
            "rcvd [LCP TermAck id=0x2]",
            "Connection terminated.",
            "Exit.",
            "Stopped ppp.service - PPP wrapper.",
        ],
    );
    assert_eq!(
        machine.count("-t pppd", "Script /etc/ppp/ip-down finished (pid "),
        1
    );
    // The journal has it from two programs at once.
    in_order(&lines, &["Stopping ppp.service - PPP wrapper..."]);
    assert_eq!(machine.count("-t ip-down", "Terminate PPP monitor."), 1);
    stop(&machine);
    assert_eq!(machine.property("ppp.service", "Result"), "success");
    let status = machine.run("systemctl status ppp ppp.path").1;
    assert_eq!(
        status.matches("Active: inactive (dead)").count(),
        2,
        "{status}"
    );
    assert_eq!(starts(&machine), 1);
    machine.succeed("! ip link show ppp0");

    // And again.
    machine.succeed("systemctl start ppp.path");
    machine.wait_for_link();
    stop(&machine);
    assert_eq!(starts(&machine), 2);
}

/// The boot of a gateway: the modem comes late, goes, and comes back, and the path unit and the daemon do not get in each
/// other's way.
#[test]
fn u1_a_modem_that_comes_late_and_goes_is_one_start() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[]));
    machine.plug_in();
    machine.wait_for_link();
    machine.succeed("systemctl stop modem.service");
    machine.wait_for(
        "the wait for the modem",
        "systemctl show -P StatusText ppp | grep -q 'waiting for the modem'",
    );
    machine.plug_in();
    machine.wait_for_link();
    assert_eq!(starts(&machine), 1);
    assert_eq!(machine.property("ppp.path", "SubState"), "running");
    stop(&machine);
}

/// `systemctl reload ppp` takes another configuration, and one with a mistake changes nothing (spec S5, C0).
#[test]
fn s5_a_reload_keeps_the_link_and_a_mistake_keeps_the_configuration() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("HOLDOFF", "1"), ("CONNECT_OK", "1")]));
    machine.plug_in();
    machine.wait_for_link();
    let set = |value: &str| {
        machine.succeed(&format!(
            "sed -i 's/^HOLDOFF=.*/HOLDOFF={value}/' /etc/default/ppp"
        ));
    };
    set("7");
    machine.succeed("systemctl reload ppp");
    let said = "HOLDOFF (supervision.holdoff): 7 instead of 1, at once";
    assert_eq!(machine.count("-u ppp -t uplinkd", said), 1);
    set("soon");
    machine.succeed("! systemctl reload ppp");
    // In the daemon's log, and in what the client says.
    let said = "error: HOLDOFF: \"soon\" is not a";
    assert_eq!(machine.count("-u ppp -t uplinkd", said), 2);
    assert_eq!(machine.state("ppp.service"), "active");
    let text = machine.property("ppp.service", "StatusText");
    assert!(text.contains("the link is up"), "{text}");
    machine.succeed("systemctl kill --kill-whom=main -s HUP ppp");
    machine.wait_for(
        "the answer to SIGHUP",
        "journalctl -u ppp -t uplinkd -o cat | grep -q 'SIGHUP: the configuration has an error'",
    );
    assert_eq!(starts(&machine), 1);
    assert_eq!(machine.count("-t pppd", "Connection terminated."), 0);
    stop(&machine);
}

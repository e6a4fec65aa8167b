//! A daemon that is killed or hangs is started again, and puts right what its predecessor has left (spec U1, N2).

use protocol_tests::machine::{MACHINE, Machine, config};

use super::{starts, stop};

/// Another network of the machine, with a default route.
fn add_lan(machine: &Machine) {
    for line in [
        "ip tuntap add dev lan0 mode tap",
        "ip addr add 172.31.0.2/24 dev lan0",
        "ip link set lan0 up",
        "ip route add default via 172.31.0.1 dev lan0",
    ] {
        machine.succeed(line);
    }
}

fn default_route(machine: &Machine) -> String {
    let text = machine.succeed("ip -4 route show default");
    // Nobody is at the other end of the tap.
    text.trim().trim_end_matches(" linkdown").to_owned()
}

fn wait_for_default_route(machine: &Machine, interface: &str) {
    machine.wait_for(
        "the default route",
        &format!("ip -4 route show default | grep -q 'dev {interface}'"),
    );
}

/// Kills it and waits for the next one. The simulator's tty still is marked as in exclusive use after that (a pty lives on,
/// other than the tty of a modem), so the modem is switched off and on.
fn kill(machine: &Machine) {
    let killed = machine.property("ppp.service", "MainPID");
    machine.succeed(&format!("kill -KILL {killed}"));
    machine.succeed("systemctl restart modem.service");
    // Without a process it is still called active for a moment.
    machine.wait_for(
        "the restart",
        &format!(
            "test $(systemctl is-active ppp.service) = active && \
             ! systemctl show -P MainPID ppp.service | grep -qx -e 0 -e {killed}"
        ),
    );
}

#[test]
fn u1_a_daemon_that_is_killed_comes_back_and_puts_routes_right() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("DEFAULTROUTE", "1")]));
    add_lan(&machine);
    machine.plug_in();
    machine.wait_for_link();
    wait_for_default_route(&machine, "ppp0");

    kill(&machine);
    assert_eq!(machine.property("ppp.service", "NRestarts"), "1");
    assert_eq!(machine.state("ppp.path"), "active");
    machine.wait_for_link();
    wait_for_default_route(&machine, "ppp0");
    // Two starts, and no more: systemd's restart and the path unit do not both start it.
    assert_eq!(starts(&machine), 2);
    stop(&machine);
    assert_eq!(default_route(&machine), "default via 172.31.0.1 dev lan0");
}

#[test]
fn u1_a_daemon_that_was_killed_has_its_routes_put_back_by_the_next_start() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[("DEFAULTROUTE", "1")]));
    add_lan(&machine);
    machine.plug_in();
    machine.wait_for_link();
    wait_for_default_route(&machine, "ppp0");
    let killed = machine.property("ppp.service", "MainPID");
    machine.succeed(&format!(
        "systemctl stop modem.service; kill -KILL {killed}"
    ));
    machine.wait_for(
        "the restart",
        "test $(systemctl show -P StatusText ppp | grep -c 'waiting for the modem') = 1",
    );
    // It waits for the modem now; the route is back already.
    wait_for_default_route(&machine, "lan0");
    stop(&machine);
    assert_eq!(default_route(&machine), "default via 172.31.0.1 dev lan0");
}

#[test]
fn u1_a_loop_that_hangs_is_ended_by_the_watchdog() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[]));
    machine.write(
        "/etc/systemd/system/ppp.service.d/quick.conf",
        "[Service]\nWatchdogSec=2\nTimeoutStopSec=1\nRestartSec=1\n",
    );
    machine.succeed("systemctl daemon-reload");
    machine.plug_in();
    machine.wait_for_link();
    // It is fed for longer than it takes.
    machine.succeed("sleep 5");
    assert_eq!(starts(&machine), 1);

    let hung = machine.property("ppp.service", "MainPID");
    machine.succeed(&format!("kill -STOP {hung}"));
    machine.wait_for(
        "the watchdog",
        "test $(systemctl show -P NRestarts ppp) = 1",
    );
    assert!(machine.count("-u ppp.service", "Watchdog timeout") > 0);
    machine.succeed("systemctl restart modem.service");
    machine.wait_for_link();
    assert_ne!(machine.property("ppp.service", "MainPID"), hung);
    stop(&machine);
}

//! A tty that vanishes at each phase, a hundred times in a row.

use std::fs;
use std::time::Duration;

use protocol_tests::clock::{now, pause};
use protocol_tests::daemon::{Daemon, PATIENCE, Site, uplinkd, wait_for_state};
use protocol_tests::fragile::{live, live_until};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;

use super::{follow, never};

const ROUNDS: usize = 100;
/// The first of them come back without anybody's help, a second after the attempt before.
const ALONE: usize = 5;
/// In the last of them the link is up when the tty goes.
const UP: usize = 5;

fn descriptors(daemon: &Daemon) -> usize {
    let folder = format!("/proc/{}/fd", daemon.process.pid());
    fs::read_dir(folder).unwrap().count()
}

/// Resident memory, in bytes.
fn resident(daemon: &Daemon) -> usize {
    let text = fs::read_to_string(format!("/proc/{}/statm", daemon.process.pid())).unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn a_tty_that_vanishes_a_hundred_times_at_each_phase_leaves_nothing_behind() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let tty = site.tty();
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {tty:?}\nprofile = \"generic\"\napn = \"internet\"\n[network]\ndefault_route = true\n\
             [supervision]\nholdoff = 0\n[supervision.backoff]\nnetwork_max = 1\n[supervision.reset]\non_fail = false\n"
        ),
    );
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    daemon
        .process
        .wait_for_line("Waiting for the tty", PATIENCE);
    // How many bytes it takes until the link is up.
    let up = || daemon.process.count("local  IP address");
    let transcript = || daemon.process.transcript();
    let whole = live_until(&tty, PATIENCE, transcript, || {}, |_| up() > 0);
    daemon
        .process
        .wait_for_line("Waiting for the tty", PATIENCE);

    wait_for_state(&site, "waiting-for-modem");
    // What ends with the link, such as the monitor's sockets, has gone by then.
    pause(Duration::from_millis(500));
    let waiting = descriptors(&daemon);

    let began = now();
    let mut memory = 0;
    for round in 0..ROUNDS {
        let bytes = 1 + whole * round / (ROUNDS - UP);
        let transcript = || format!("round {round}\n{}", daemon.process.transcript());
        let nudge = || {
            if round >= ALONE {
                let (code, text) = uplinkd(&site, &["connect"]);
                assert_eq!(code, 0, "round {round}: {text}");
            }
        };
        if round < ROUNDS - UP {
            live(&tty, bytes, PATIENCE, transcript, nudge);
        } else {
            let links = up();
            live_until(&tty, PATIENCE, transcript, nudge, |_| up() > links);
        }
        if round == ROUNDS / 4 {
            memory = resident(&daemon);
        }
    }
    let took = now() - began;
    let per_round = took / u32::try_from(ROUNDS).unwrap();
    assert!(per_round < Duration::from_millis(1500), "{took:?}");

    // Each phase was met.
    for phase in [
        "send (AT",
        "Connect: ppp0",
        "rcvd [LCP ConfAck",
        "rcvd [IPCP ConfNak",
        "local  IP address",
    ] {
        let times = daemon.process.count(phase);
        assert!(times > UP, "{phase}: {times} times");
    }

    // It is as it was.
    let mark = daemon.process.mark();
    wait_for_state(&site, "waiting-for-modem");
    assert!(!namespace.has_interface("ppp0"));
    assert_eq!(namespace.routes(), Vec::<String>::new());
    pause(Duration::from_millis(500));
    let left = descriptors(&daemon);
    assert!(left <= waiting, "{left} descriptors, {waiting} before");
    let grown = resident(&daemon).saturating_sub(memory);
    assert!(grown < 2 << 20, "{grown} bytes more");
    // And works.
    let links = up();
    live_until(&tty, PATIENCE, transcript, || {}, |_| up() > links);
    follow(&daemon, mark, &["local  IP address"]);
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "panicked");
}

//! Ttys that are absent, come, go, or are held by another program.

use std::io;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{PATIENCE, Simulator, Site};
use protocol_tests::modem::{Modem, ModemConfig};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;

use super::configure_impatient;

#[test]
fn an_absent_tty_is_waited_for_and_taken_up() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    configure_impatient(&site, "internet");
    let mut daemon = site.run(&namespace, &[]);
    let waiting = daemon
        .process
        .wait_for_line("Waiting for the tty", PATIENCE);
    assert!(
        waiting.text.contains(site.tty().to_str().unwrap()),
        "{waiting:?}"
    );
    for _ in 0..3 {
        let mark = daemon.process.mark();
        let simulator = Simulator::start(&site.tty(), &[]);
        daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
        daemon.wait_for_address(&namespace, PATIENCE);
        let mark = daemon.process.mark();
        // Killed: the pty is gone under the daemon, without a word of the modem.
        drop(simulator);
        daemon
            .process
            .wait_for_line_after(mark, "Waiting for the tty", PATIENCE);
        assert!(!namespace.has_interface("ppp0"));
    }
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn an_absent_tty_ends_a_single_link_with_status_7() {
    protocol_tests::require!(require::DAEMON);
    for (persist, arguments) in [("1", &["--once"][..]), ("0", &[])] {
        let site = Site::new();
        let namespace = Namespace::new();
        site.configure(&[("PERSIST", persist)]);
        let mut daemon = site.run(&namespace, arguments);
        assert_eq!(
            daemon.wait_exit(PATIENCE),
            7,
            "{}",
            daemon.process.transcript()
        );
        assert!(daemon.process.text().contains(site.tty().to_str().unwrap()));
    }
}

#[test]
fn a_tty_is_pulled_and_plugged_in_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    configure_impatient(&site, "internet");
    // A modem without anybody behind it: it is pulled in the middle of the dialog.
    let modem = Modem::start(
        &site.tty(),
        ModemConfig::default(),
        Box::new(|| Err(io::ErrorKind::NotFound.into())),
    );
    let mut daemon = site.run(&namespace, &[]);
    for _ in 0..3 {
        let mark = daemon.process.mark();
        let commands = modem.commands().len();
        wait_until("a command", PATIENCE, || {
            (modem.commands().len() > commands).then_some(())
        });
        modem.unplug();
        daemon
            .process
            .wait_for_line_after(mark, "Waiting for the tty", PATIENCE);
        modem.plug();
    }
    let commands = modem.commands().len();
    wait_until("a command", PATIENCE, || {
        (modem.commands().len() > commands).then_some(())
    });
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn a_locked_tty_is_waited_for_and_its_holder_is_named() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let (namespace, other) = (Namespace::new(), Namespace::new());
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
    let mut first = site.run(&namespace, &[]);
    first.wait_for_address(&namespace, PATIENCE);

    let mut once = site.run(&other, &["--once"]);
    assert_eq!(once.wait_exit(PATIENCE), 6, "{}", once.process.transcript());
    let mut second = site.run(&other, &[]);
    let waiting = second.process.wait_for_line("is locked by", PATIENCE);
    assert!(
        waiting
            .text
            .contains(&format!("pid {}", first.process.pid())),
        "{waiting:?}"
    );
    assert_eq!(first.terminate(), 5);
    second.wait_for_address(&other, PATIENCE);
    assert_eq!(second.terminate(), 5);
}

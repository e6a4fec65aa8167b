//! The ways out, and what scripts are owed: spec N4, S5.

use std::fs;
use std::time::Duration;

use protocol_tests::daemon::{PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;
use rustix::process::Signal;

use super::{RECORD, expect_in_order, record, script};

#[test]
fn s5_sigterm_while_ip_up_runs_waits_for_it_and_then_for_ip_down() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    script(&site, "ip-up", "sleep 2; echo up is done\n");
    script(&site, "ip-down", "sleep 1; echo down is done\n");
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("ip-up started", PATIENCE);
    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
    expect_in_order(
        &daemon,
        &[
            "ip-up started",
            "Connection terminated.",
            "up is done",
            "ip-up finished",
            "ip-down started",
            "down is done",
            "ip-down finished",
            "Exit.",
        ],
    );
}

#[test]
fn s5_a_second_sigterm_ends_what_runs() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    script(&site, "ip-down", "sleep 1000\n");
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    daemon.process.signal(Signal::TERM);
    daemon
        .process
        .wait_for_line("Terminate PPP monitor.", PATIENCE);
    // The attempt is over when the tty is free.
    protocol_tests::clock::wait_until("the tty's lock to go", PATIENCE, || {
        (fs::read_dir(site.path("lock")).unwrap().count() == 0).then_some(())
    });
    assert!(daemon.process.is_running(), "ip-down has its time");
    daemon.process.signal(Signal::TERM);
    assert_eq!(daemon.wait_exit(Duration::from_secs(3)), 5);
    daemon
        .process
        .wait_for_line("terminated with signal 15", PATIENCE);
}

#[test]
fn n4_the_ip_down_that_a_killed_daemon_owes_is_run_by_the_next() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "new-address"]);
    let namespace = Namespace::new();
    script(&site, "ip-up", RECORD);
    script(&site, "ip-down", RECORD);
    site.configure(&[("APN", "internet")]);
    let mut killed = site.run(&namespace, &[]);
    let up = record(&site, "ip-up");
    killed.process.signal(Signal::KILL);
    killed.wait_exit(PATIENCE);
    assert!(!site.path("record.ip-down").exists());

    let mut daemon = site.run(&namespace, &[]);
    let mut down = record(&site, "ip-down");
    assert_eq!(down.arguments, up.arguments);
    assert_eq!(
        down.environment["PPPD_PID"],
        daemon.process.pid().to_string()
    );
    down.environment
        .insert("PPPD_PID".to_owned(), killed.process.pid().to_string());
    assert_eq!(down.environment, up.environment);
    let second = record(&site, "ip-up");
    assert_ne!(second.arguments, up.arguments);
    expect_in_order(&daemon, &["ip-down finished", "ip-up started"]);
    assert_eq!(daemon.terminate(), 5);
    record(&site, "ip-down");
    // Nothing is owed any more.
    let state = fs::read_dir(site.path("state")).unwrap();
    let left: Vec<_> = state
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("scripts-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn n4_once_runs_scripts_and_a_modem_that_vanishes_runs_ip_down() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    script(&site, "ip-up", RECORD);
    script(&site, "ip-down", RECORD);
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &["--once"]);
    record(&site, "ip-up");
    drop(simulator);
    assert_eq!(
        daemon.wait_exit(PATIENCE),
        16,
        "{}",
        daemon.process.transcript()
    );
    let down = record(&site, "ip-down");
    assert!(down.environment.contains_key("CONNECT_TIME"), "{down:?}");
    assert_eq!(down.has, "");
    daemon
        .process
        .wait_for_line_after(Mark::default(), "Terminate PPP monitor.", PATIENCE);
}

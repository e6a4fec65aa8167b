//! pppd's pid files: spec N6.

use std::fs;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;
use rustix::process::Signal;

#[test]
fn n6_the_pid_file_is_there_as_long_as_pppd_has_an_interface() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("HOLDOFF", "30")]);
    let path = site.path("pid").join("ppp0.pid");
    // Left behind by one that was killed.
    fs::write(&path, "4194304\n").unwrap();
    let mut daemon = site.run(&namespace, &[]);
    let own = format!("{}\n", daemon.process.pid());
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(fs::read_to_string(&path).unwrap(), own);
    daemon.process.signal(Signal::USR1);
    wait_until("the pid file to go", PATIENCE, || {
        (!path.exists()).then_some(())
    });
    assert_eq!(daemon.terminate(), 5);
    let left = fs::read_dir(site.path("pid")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn n6_the_pid_file_of_another_that_lives_is_left_to_it() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let path = site.path("pid").join("ppp0.pid");
    let other = format!("{}\n", std::process::id());
    fs::write(&path, &other).unwrap();
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("is left to pid", PATIENCE);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(fs::read_to_string(&path).unwrap(), other);
}

#[test]
fn n6_with_demand_it_stays_until_the_end() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("DEMAND", "1"), ("DEFAULTROUTE", "1")]);
    let path = site.path("pid").join("ppp0.pid");
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.64.64.64");
    wait_until("the pid file", PATIENCE, || path.exists().then_some(()));
    assert_eq!(daemon.terminate(), 5);
    assert!(!path.exists());
}

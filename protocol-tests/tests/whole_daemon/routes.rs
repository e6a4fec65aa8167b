//! The former default route comes back, and an interface that others delete is made again.

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;
use rustix::process::Signal;

use super::WEB;

/// C15, N2.
#[test]
fn the_former_default_route_comes_back_on_every_way_out() {
    protocol_tests::require!(require::DAEMON);
    for (fault, metric) in [
        ("", ""),
        ("", "metric 100"),
        ("term-req@1s", ""),
        ("no-carrier@1s", ""),
        ("unplug=1@1s", ""),
    ] {
        let site = Site::new();
        let namespace = Namespace::with_lan(metric);
        let before = namespace.routes();
        let arguments: &[&str] = if fault.is_empty() {
            &[]
        } else {
            &["--fault", fault]
        };
        let _simulator = Simulator::start(&site.tty(), arguments);
        site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
        let once: &[&str] = if fault.is_empty() { &[] } else { &["--once"] };
        let mut daemon = site.run(&namespace, once);
        daemon.wait_for_address(&namespace, PATIENCE);
        if fault.is_empty() {
            namespace.wait_for_default_route("ppp0");
            let taken = namespace.run(&format!("ip -4 route get {WEB}"));
            assert!(taken.contains("dev ppp0"), "{taken}");
            namespace.run(&format!("ping -q -c 1 -W 5 {WEB}"));
            assert_eq!(daemon.terminate(), 5);
        } else {
            daemon.wait_exit(PATIENCE);
        }
        let after = namespace.routes();
        assert_eq!(after, before, "{fault}: {}", daemon.process.transcript());
    }
}

#[test]
fn the_former_default_route_is_there_while_the_link_is_down() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::with_lan("");
    let before = namespace.routes();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "no-carrier@1s"]);
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1"), ("HOLDOFF", "3")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("Modem hangup", PATIENCE);
    wait_until("the former routes", PATIENCE, || {
        (namespace.routes() == before).then_some(())
    });
    namespace.wait_for_default_route("ppp0");
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(namespace.routes(), before);
}

#[test]
fn the_former_default_route_comes_back_at_the_next_start_after_a_kill() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::with_lan("");
    let before = namespace.routes();
    let simulator = Simulator::start(&site.tty(), &[]);
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    namespace.wait_for_default_route("ppp0");
    daemon.process.signal(Signal::KILL);
    assert_eq!(daemon.wait_exit(PATIENCE), -1);
    wait_until("the end of ppp0", PATIENCE, || {
        (!namespace.has_interface("ppp0")).then_some(())
    });
    assert_ne!(namespace.routes(), before, "nothing was left to restore");

    // The next start finds no modem, so nothing but the restoring happens.
    drop(simulator);
    let mut daemon = site.run(&namespace, &[]);
    daemon
        .process
        .wait_for_line("Waiting for the tty", PATIENCE);
    assert_eq!(namespace.routes(), before);
    // The modem, still in data mode from the killed run, is taken up again.
    let _simulator = Simulator::start(&site.tty(), &["--fault", "data-mode"]);
    namespace.wait_for_default_route("ppp0");
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(namespace.routes(), before);
}

#[test]
fn an_interface_deleted_under_it_is_noticed_and_made_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::with_lan("");
    let before = namespace.routes();
    let _simulator = Simulator::start(&site.tty(), &[]);
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1"), ("HOLDOFF", "0")]);
    let mut daemon = site.run(&namespace, &[]);
    for _ in 0..2 {
        daemon.wait_for_address(&namespace, PATIENCE);
        let mark = daemon.process.mark();
        namespace.run("ip link del ppp0");
        let (_, mark) = daemon
            .process
            .wait_for_line_after(mark, "deleted", PATIENCE);
        daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
    }
    daemon.wait_for_address(&namespace, PATIENCE);
    namespace.wait_for_default_route("ppp0");
    namespace.run(&format!("ping -q -c 1 -W 5 {WEB}"));
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(namespace.routes(), before);
}

//! The ping monitor against the simulated internet (spec M1 to M3).

use std::time::Duration;

use protocol_tests::clock::pause;
use protocol_tests::daemon::{PATIENCE, Simulator, Site, status};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;

use super::{follow, never};

const NAME: &str = "www.example.jp";

fn configure(site: &Site) {
    site.configure(&[
        ("APN", "internet"),
        ("HOLDOFF", "0"),
        ("MONITOR", "yes"),
        ("MONITOR_TARGET", NAME),
        ("MONITOR_INTERVAL", "1"),
        ("MONITOR_FAIL", "2"),
        ("MONITOR_LOG", "yes"),
    ]);
}

/// What a daemon has logged under the identifiers that the existing system's users grep for.
fn lines_of_the_monitor(daemon: &protocol_tests::daemon::Daemon) -> Vec<String> {
    let identifiers = ["ip-up", "ip-down", "ppp_manager", "ppp_monitor"];
    let pid = daemon.process.pid();
    let lines = daemon.process.lines().into_iter().filter_map(|line| {
        identifiers.iter().find_map(|name| {
            let (_, text) = line.text.split_once(&format!(" {name}[{pid}]: "))?;
            Some(format!("{name}: {text}"))
        })
    });
    lines.collect()
}

#[test]
fn the_lines_are_those_of_the_existing_system_in_their_order() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    configure(&site);
    let mut daemon = site.run(&namespace, &[]);
    let pid = daemon.process.pid();
    let mut mark = Mark::default();
    let succeeded = format!("ping to {NAME} succeeded.");
    for _ in 0..3 {
        mark = follow(&daemon, mark, &[&succeeded]);
    }
    assert_eq!(daemon.terminate(), 5);
    let mut lines = lines_of_the_monitor(&daemon);
    // How many came before the end does not matter.
    lines.dedup();
    assert_eq!(
        lines,
        [
            "ip-up: Execute PPP monitor.".to_owned(),
            format!("ppp_manager: PPP Manager[{pid}]: (8) PPP connected."),
            format!(
                "ppp_monitor: ppp monitor started, PPP I/F: ppp0, TARGET: {NAME}, INTERVAL: 1, MAXFAIL: 2"
            ),
            format!(
                "ppp_manager: PPP Manager[{pid}]: check_with_icmp: responding hosts found in the route: address: 192.0.2.1, hops: 1."
            ),
            format!("ppp_manager: PPP Manager[{pid}]: LTE: host in the route: 192.0.2.1"),
            format!("ppp_monitor: {succeeded}"),
            "ip-down: Terminate PPP monitor.".to_owned(),
        ],
        "{}",
        daemon.process.transcript()
    );
    // The first ping comes one interval after the link.
    let up = daemon.process.wait_for_line("local  IP address", PATIENCE);
    let first = daemon.process.wait_for_line(&succeeded, PATIENCE);
    let after = first.at - up.at;
    assert!(after >= Duration::from_millis(900), "{after:?}");
}

#[test]
fn without_it_nothing_is_pinged() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("MONITOR", "no")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon
        .process
        .wait_for_line("ping monitoring is disabled.", PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "ping to ");
}

#[test]
fn a_link_that_carries_nothing_is_cut_and_dialed_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "net-silent=1@3s"]);
    let namespace = Namespace::new();
    configure(&site);
    let mut daemon = site.run(&namespace, &[]);
    let up = [
        "ping to www.example.jp succeeded.",
        "ping to www.example.jp failed (1/2).",
        "ping to www.example.jp failed (2/2).",
        "\"No answer to ping\"]",
        "rcvd [LCP TermAck",
        "Terminate PPP monitor.",
        "The link ended: ",
        "local  IP address",
        "ping to www.example.jp succeeded.",
    ];
    follow(&daemon, Mark::default(), &up);
    let sent = daemon
        .process
        .wait_for_line("\"No answer to ping\"]", PATIENCE);
    assert!(sent.text.contains("sent [LCP TermReq id=0x"), "{sent:?}");
    daemon.wait_for_address(&namespace, PATIENCE);
    let told = status(&site);
    assert_eq!(told["attempts"]["links"], 2, "{told}");
    assert_eq!(told["failures"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn a_name_that_cannot_be_resolved_is_no_dead_link() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "dns-silent"]);
    let namespace = Namespace::new();
    configure(&site);
    let mut daemon = site.run(&namespace, &[]);
    let mark = follow(
        &daemon,
        Mark::default(),
        &[
            "cannot resolve www.example.jp",
            "ping to www.example.jp succeeded.",
            "ping to www.example.jp succeeded.",
        ],
    );
    pause(Duration::from_secs(2));
    follow(&daemon, mark, &["ping to www.example.jp succeeded."]);
    assert_eq!(daemon.process.count("local  IP address"), 1);
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "failed (");
    never(&daemon, "No answer to ping");
}

//! ip-up and ip-down never run at once, and nothing waits for them but each other: spec N4.

use std::fs;
use std::time::Duration;

use protocol_tests::clock::pause;
use protocol_tests::daemon::{PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;
use rustix::process::Signal;

use super::{expect_in_order, record, script};

/// Writes down when it begins and ends; takes a while.
const SLOW: &str = "echo \"begin $(basename $0) $4\" >> $(dirname $0)/../story\nsleep 0.7\n\
                    echo \"end $(basename $0) $4\" >> $(dirname $0)/../story\n";

#[test]
fn n4_ten_redials_with_slow_scripts_never_run_two_at_once() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "new-address"]);
    let namespace = Namespace::new();
    script(&site, "ip-up", SLOW);
    script(&site, "ip-down", SLOW);
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
    let mut daemon = site.run(&namespace, &[]);
    let mut mark = Mark::default();
    for _ in 0..10 {
        mark = daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE)
            .1;
        daemon.process.signal(Signal::USR1);
    }
    daemon
        .process
        .wait_for_line_after(mark, "local  IP address", PATIENCE);
    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());

    let story = fs::read_to_string(site.path("story")).unwrap();
    let lines: Vec<&str> = story.lines().collect();
    assert!(lines.len() >= 8, "{story}");
    let (pairs, rest) = lines.as_chunks::<4>();
    assert!(rest.is_empty(), "it ends with ip-down: {story}");
    for [up, up_end, down, down_end] in pairs {
        let address = up.strip_prefix("begin ip-up ").expect(&story);
        assert_eq!(*up_end, format!("end ip-up {address}"), "{story}");
        assert_eq!(*down, format!("begin ip-down {address}"), "{story}");
        assert_eq!(*down_end, format!("end ip-down {address}"), "{story}");
    }
}

#[test]
fn n4_the_line_is_served_while_ip_pre_up_takes_its_time() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    script(&site, "ip-pre-up", "sleep 3\n");
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {:?}\n[ppp.echo]\ninterval = 1\nfailure = 2\n",
            site.tty()
        ),
    );
    let mut daemon = site.run(&namespace, &["--verbose"]);
    let (_, started) =
        daemon
            .process
            .wait_for_line_after(Mark::default(), "ip-pre-up started", PATIENCE);
    let up = namespace
        .try_run("ip -4 -o addr show dev ppp0 up", PATIENCE)
        .1;
    assert!(!up.contains("inet"), "{up}");
    // Echoes go on, both ways.
    let (_, mark) = daemon
        .process
        .wait_for_line_after(started, "sent [LCP EchoReq", PATIENCE);
    daemon
        .process
        .wait_for_line_after(mark, "rcvd [LCP EchoRep", PATIENCE);
    assert_eq!(daemon.process.count("ip-pre-up finished"), 0);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn s5_sigterm_during_ip_pre_up_ends_in_time_and_runs_no_ip_down() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    script(&site, "ip-pre-up", "sleep 1000\n");
    script(&site, "ip-down", "echo trap\n");
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("ip-pre-up started", PATIENCE);
    daemon.process.signal(Signal::TERM);
    // 5 s for the link, then pppd's child-timeout of 5 s.
    assert_eq!(daemon.wait_exit(Duration::from_secs(12)), 5);
    expect_in_order(
        &daemon,
        &[
            "sending SIGTERM to process",
            "terminated with signal 15",
            "Exit.",
        ],
    );
    assert_eq!(daemon.process.count("trap"), 0);
    assert!(!namespace.has_interface("ppp0"));
}

#[test]
fn a_process_that_ip_up_leaves_behind_holds_up_nobody_and_is_heard() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    // As the existing system's ip-up does it with ppp_monitor.
    script(
        &site,
        "ip-up",
        "(while :; do echo ping; sleep 0.2; done) & echo $! > $(dirname $0)/../monitor\n",
    );
    script(
        &site,
        "ip-down",
        &format!("kill $(cat $(dirname $0)/../monitor)\n{}", super::RECORD),
    );
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    let (_, mark) = daemon
        .process
        .wait_for_line_after(Mark::default(), "ip-up finished", PATIENCE);
    let (_, mark) = daemon
        .process
        .wait_for_line_after(mark, "]: ping", PATIENCE);
    daemon
        .process
        .wait_for_line_after(mark, "]: ping", PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    record(&site, "ip-down");
    pause(Duration::from_millis(300));
    let monitor = fs::read_to_string(site.path("monitor")).unwrap();
    // Nobody may reap it here: then it is a zombie.
    let stat = fs::read_to_string(format!("/proc/{}/stat", monitor.trim()));
    let ended = stat.map_or(true, |stat| stat.contains(") Z "));
    assert!(ended, "ip-down has ended it");
}

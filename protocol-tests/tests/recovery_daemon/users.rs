//! What a user wants, over the control socket (spec I4).

use std::process::Command;
use std::time::Duration;

use protocol_tests::clock::{pause, wait_until};
use protocol_tests::daemon::{PATIENCE, Simulator, Site, status, uplinkd, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::succeed;
use protocol_tests::require;

use super::{follow, follow_within, never};

fn accepted(site: &Site, command: &str) {
    let (code, text) = uplinkd(site, &[command]);
    assert_eq!(code, 0, "{command}: {text}");
}

#[test]
fn a_user_disconnects_connects_reconnects_and_resets() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("RESET_WAIT", "2")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    wait_for_state(&site, "up");

    let mark = daemon.process.mark();
    accepted(&site, "disconnect");
    let told = wait_for_state(&site, "disconnected");
    assert_eq!(told["link"], serde_json::Value::Null, "{told}");
    assert_eq!(
        told["next"]["in_seconds"],
        serde_json::Value::Null,
        "{told}"
    );
    assert_eq!(
        told["next"]["what"], "nothing until a user connects",
        "{told}"
    );
    follow(
        &daemon,
        mark,
        &["sent [LCP TermReq", "Connection terminated."],
    );
    wait_until("the end of ppp0", PATIENCE, || {
        (!namespace.has_interface("ppp0")).then_some(())
    });
    let dials = daemon.process.count("send (ATD");
    pause(Duration::from_secs(7));
    assert_eq!(daemon.process.count("send (ATD"), dials, "it dials");
    assert_eq!(status(&site)["state"], "disconnected");

    accepted(&site, "connect");
    daemon.wait_for_address(&namespace, PATIENCE);
    let told = wait_for_state(&site, "up");
    assert_eq!(told["attempts"]["links"], 2, "{told}");

    let mark = daemon.process.mark();
    accepted(&site, "reconnect");
    follow(&daemon, mark, &["sent [LCP TermReq", "local  IP address"]);
    daemon.wait_for_address(&namespace, PATIENCE);
    let told = wait_until("the third link", PATIENCE, || {
        let told = status(&site);
        (told["attempts"]["links"] == 3).then_some(told)
    });
    assert_eq!(told["state"], "up", "{told}");
    assert_eq!(told["failures"], serde_json::json!([]), "{told}");

    let mark = daemon.process.mark();
    accepted(&site, "reset");
    wait_for_state(&site, "resetting");
    let told = wait_for_state(&site, "waiting-after-reset");
    assert_eq!(told["resets"]["count"], 1, "{told}");
    assert!(
        told["next"]["in_seconds"].as_u64().is_some_and(|s| s <= 2),
        "{told}"
    );
    follow(
        &daemon,
        mark,
        &[
            "sent [LCP TermReq",
            "Resetting the modem, step 1 of 1: AT+CFUN=1,1",
            "Reset step 1 (AT+CFUN=1,1) worked",
            "local  IP address",
        ],
    );
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "panicked");
}

#[test]
fn connect_ends_a_wait_and_disconnect_ends_a_reset() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "busy=1"]);
    let namespace = Namespace::new();
    site.configure(&[
        ("APN", "internet"),
        ("HOLDOFF", "300"),
        ("RESET_WAIT", "300"),
    ]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "holding-off");
    accepted(&site, "connect");
    daemon.wait_for_address(&namespace, PATIENCE);

    accepted(&site, "reset");
    wait_for_state(&site, "waiting-after-reset");
    accepted(&site, "connect");
    daemon.wait_for_address(&namespace, PATIENCE);

    accepted(&site, "reset");
    wait_for_state(&site, "resetting");
    accepted(&site, "disconnect");
    wait_for_state(&site, "disconnected");
    pause(Duration::from_secs(2));
    assert_eq!(status(&site)["state"], "disconnected");
    accepted(&site, "connect");
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
}

/// The wall clock has no namespace, so this takes up to a minute. What the clock can do is in the tests of the schedule.
#[test]
fn reset_at_ends_the_link_at_its_minute_and_dials_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    // In the daemon's own time zone, and not just now.
    let mut date = Command::new("date");
    date.args(["+%H:%M", "--date", "20 seconds"]);
    let soon = succeed("date", date, PATIENCE);
    let mut date = Command::new("date");
    date.args(["+%H:%M", "--date", "80 seconds"]);
    let next = succeed("date", date, PATIENCE);
    assert_ne!(soon, next);
    site.configure(&[
        ("APN", "internet"),
        ("HOLDOFF", "0"),
        ("RESET_AT", next.trim()),
    ]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    let first = daemon.process.mark();
    let mark = follow_within(
        &daemon,
        first,
        &["sent [LCP TermReq id=0x2 \"Scheduled disconnect\"]"],
        Duration::from_secs(90),
    );
    follow(
        &daemon,
        mark,
        &[
            "The link ended: the time of RESET_AT has come.",
            "local  IP address",
        ],
    );
    daemon.wait_for_address(&namespace, PATIENCE);
    let mut date = Command::new("date");
    date.arg("+%H:%M");
    assert_eq!(succeed("date", date, PATIENCE), next);
    assert_eq!(daemon.terminate(), 5);
    // Without RESET_ALWAYS the modem is left alone, and it fires once.
    never(&daemon, "Resetting the modem");
    assert_eq!(daemon.process.count("Scheduled disconnect"), 1);
}

//! `reload` and SIGHUP (spec S5, C0): the configuration is read again while the daemon runs.

use protocol_tests::daemon::{PATIENCE, Simulator, Site, status, uplinkd, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;

const MONITORED: [(&str, &str); 6] = [
    ("APN", "internet"),
    ("HOLDOFF", "0"),
    ("MONITOR", "yes"),
    ("MONITOR_TARGET", super::WEB),
    ("MONITOR_INTERVAL", "3600"),
    // The daemon adds it by itself; without it a file that is written anew would say that it is to go.
    ("CONNECT_OK", "1"),
];

#[test]
fn s5_a_reload_changes_what_it_can_without_touching_the_link() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&MONITORED);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "up");
    let (code, text) = uplinkd(&site, &["reload"]);
    assert_eq!(
        (code, text.as_str()),
        (
            0,
            "the configuration was read again, and nothing in it has changed\n"
        )
    );

    let mut keys = MONITORED;
    keys[0].1 = "other";
    keys[4].1 = "5";
    site.configure(&keys);
    let (code, text) = uplinkd(&site, &["reload"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        text,
        "the configuration was read again; at once: MONITOR_INTERVAL (monitor.interval); with the next dial: APN (modem.apn)\n"
    );
    // The monitor pings every five seconds from now on; the link is the same.
    daemon
        .process
        .wait_for_line(&format!("ping to {} succeeded.", super::WEB), PATIENCE);
    let told = status(&site);
    assert_eq!(told["attempts"]["links"], 1, "{told}");
    assert!(
        !daemon
            .process
            .text()
            .contains("AT+CGDCONT=1,\"IP\",\"other\"")
    );
    // The next dial takes the APN.
    assert_eq!(uplinkd(&site, &["reconnect"]).0, 0);
    daemon
        .process
        .wait_for_line("send (AT+CGDCONT=1,\"IP\",\"other\"^M)", PATIENCE);
    wait_for_state(&site, "up");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn s5_a_configuration_with_errors_changes_nothing() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let path = site.configure(&MONITORED);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "up");
    let mut keys = MONITORED;
    keys[1].1 = "soon";
    keys[4].1 = "never";
    site.configure(&keys);
    let (code, text) = uplinkd(&site, &["reload"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.starts_with(
            "uplinkd: the configuration has 2 errors and was not taken over; the former one goes on: "
        ),
        "{text}"
    );
    for key in ["HOLDOFF", "MONITOR_INTERVAL"] {
        let line = format!("error: {key}: ");
        daemon.process.wait_for_line(&line, PATIENCE);
    }
    // Nor does one that is gone.
    std::fs::remove_file(&path).unwrap();
    let (code, text) = uplinkd(&site, &["reload"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("cannot be read"), "{text}");
    let told = status(&site);
    assert_eq!(told["state"], "up");
    assert_eq!(told["attempts"]["links"], 1);
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn s5_sighup_after_a_mended_apn_dials_at_once() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--apn", "internet"]);
    let namespace = Namespace::new();
    let mut keys = [("APN", "internte"), ("HOLDOFF", "3600")];
    site.configure(&keys);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "holding-off");
    keys[0].1 = "internet";
    site.configure(&keys);
    daemon.process.signal(rustix::process::Signal::HUP);
    daemon.process.wait_for_line(
        "SIGHUP: the configuration was read again; with the next dial: APN (modem.apn)",
        PATIENCE,
    );
    wait_for_state(&site, "up");
    assert_eq!(daemon.terminate(), 5);
}

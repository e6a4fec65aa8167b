//! What `uplinkd status` tells.

use std::path::Path;

use protocol_tests::daemon::{PATIENCE, Simulator, Site, socket, uplinkd, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;
use serde_json::Value;

const PASSWORD: &str = "s3cr3t-Pa55";

#[test]
fn the_status_tells_the_link() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(
        &site.tty(),
        &[
            "--auth",
            "chap",
            "--user",
            "user@example.jp",
            "--password",
            PASSWORD,
        ],
    );
    let namespace = Namespace::new();
    site.configure(&[
        ("APN", "internet"),
        ("AUTH", "CHAP"),
        ("ACCOUNT", "user@example.jp"),
        ("PASSWORD", PASSWORD),
    ]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    let told = wait_for_state(&site, "up");
    let link = &told["link"];
    assert_eq!(link["local"], "10.64.64.2");
    assert_eq!(link["remote"], "10.64.64.1");
    assert_eq!(link["dns"][0], "192.0.2.53");
    assert_eq!(link["interface"], "ppp0");
    assert_eq!(told["interface"], "ppp0");
    assert_eq!(told["attempts"]["number"], 1);
    assert_eq!(told["attempts"]["links"], 1);
    assert_eq!(told["failures"], serde_json::json!([]));
    assert_eq!(
        told["modem"]["tty"].as_str().map(Path::new),
        Some(site.tty().as_path())
    );
    assert_eq!(
        told["pid"].as_u64(),
        Some(u64::from(daemon.process.pid())),
        "{told}"
    );

    let (code, text) = uplinkd(&site, &["status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("ppp0: the link is up ("), "{text}");
    assert!(
        text.contains("link      10.64.64.2, peer 10.64.64.1"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "colours in a pipe: {text:?}");
    for secret in [PASSWORD, "user@example.jp"] {
        assert!(!text.contains(secret), "{text}");
        assert!(!told.to_string().contains(secret), "{told}");
    }

    assert_eq!(daemon.terminate(), 5);
    assert!(!socket(&site).exists());
    let (code, text) = uplinkd(&site, &["status"]);
    assert_eq!(code, 7, "{text}");
    assert!(
        text.starts_with("uplinkd: no daemon runs with --run-dir "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn the_status_tells_what_is_waited_for_and_why() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("HOLDOFF", "60")]);
    let mut daemon = site.run(&namespace, &[]);
    let told = wait_for_state(&site, "waiting-for-modem");
    let why = told["why"].as_str().unwrap();
    let tty = site.tty().display().to_string();
    assert!(
        why.starts_with(&format!("{tty} is not there; check")),
        "{why}"
    );
    assert_eq!(told["link"], Value::Null);

    let _simulator = Simulator::start(&site.tty(), &["--fault", "busy=always"]);
    let told = wait_for_state(&site, "holding-off");
    let next = &told["next"];
    let wait = next["in_seconds"].as_u64().unwrap();
    assert!((30..=61).contains(&wait), "{next}");
    assert_eq!(next["what"], "the next attempt");
    let failure = &told["failures"][0];
    assert_eq!(
        failure["reason"],
        "dialing failed: the modem answered BUSY to the call"
    );
    assert_eq!(failure["class"], "network");
    assert_eq!(failure["after_up"], false);
    let (_, text) = uplinkd(&site, &["status"]);
    assert!(
        text.starts_with("ppp0: the link is down, waiting before the next attempt ("),
        "{text}"
    );
    assert!(text.contains("\nnext      the next attempt in "), "{text}");
    assert!(text.contains("\nLast failures\n"), "{text}");
    assert!(
        text.lines()
            .all(|line| line.chars().count() <= 80 || line.contains(&tty))
    );

    // The wait ends when somebody wants it.
    let mark = daemon.process.mark();
    let (code, text) = uplinkd(&site, &["reconnect"]);
    assert_eq!((code, text.lines().count()), (0, 1), "{text}");
    daemon.process.wait_for_line_after(
        mark,
        "Control socket: reconnect (asked for by pid ",
        PATIENCE,
    );
    daemon
        .process
        .wait_for_line_after(mark, "send (ATZ^M)", PATIENCE);
    assert_eq!(daemon.terminate(), 5);
}

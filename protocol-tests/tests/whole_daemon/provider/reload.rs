//! Peers file, secrets and chat script are read again by `reload` and SIGHUP (spec S5).

use std::fs;

use protocol_tests::daemon::{PATIENCE, Site, uplinkd, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;
use rustix::process::Signal;

use super::{CHAP, DIALOG, file, peers, pppconfig, secrets, simulator};

#[test]
fn s5_a_corrected_secret_ends_the_wait_after_a_refusal() {
    protocol_tests::require!(require::DAEMON);
    for by_signal in [false, true] {
        let site = Site::new();
        pppconfig(&site, "");
        secrets(&site, "\"sora\" DTI \"falsch\"\n");
        site.write("config", "PROVIDER=DTI\nHOLDOFF=600\n");
        let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
        let namespace = Namespace::new();
        let mut daemon = site.run(&namespace, &[]);
        wait_for_state(&site, "holding-off");
        secrets(&site, "\"sora\" DTI \"geheim\"\n");
        if by_signal {
            daemon.process.signal(Signal::HUP);
        } else {
            let (code, text) = uplinkd(&site, &["reload"]);
            assert_eq!(code, 0, "{text}");
        }
        daemon.wait_for_address(&namespace, PATIENCE);
        assert_eq!(daemon.terminate(), 5);
        let log = daemon.process.text();
        assert!(!log.contains("geheim") && !log.contains("falsch"), "{log}");
    }
}

#[test]
fn s5_peers_file_and_chat_script_are_read_again_and_the_link_stays() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    pppconfig(&site, "");
    site.write("config", "PROVIDER=DTI\nHOLDOFF=0\n");
    let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    wait_for_state(&site, "up");
    let changed = DIALOG.replace("OK-AT-OK", "OK ATE0 OK-AT-OK");
    file(&site, "DTI.chat", &changed, 0o640);
    let text = fs::read_to_string(site.path("ppp/peers/DTI")).unwrap();
    peers(&site, "DTI", &format!("{text}idle 3600\nipparam other\n"));
    let (code, answer) = uplinkd(&site, &["reload"]);
    assert_eq!(code, 0, "{answer}");
    // What acts now and what acts at the next dial are told apart, and the link is still that of before.
    for (key, when) in [
        ("supervision.idle", "at once"),
        ("connect.script", "next dial"),
    ] {
        let line = daemon.process.wait_for_line(key, PATIENCE);
        assert!(line.text.contains(when), "{line:?}");
    }
    assert_eq!(daemon.process.count("Connection terminated."), 0);
    assert_eq!(daemon.process.count("send (ATE0^M)"), 0);
    assert_eq!(uplinkd(&site, &["reconnect"]).0, 0);
    daemon.process.wait_for_line("send (ATE0^M)", PATIENCE);
    wait_for_state(&site, "up");

    // One that is wrong changes nothing.
    peers(&site, "DTI", "no-such-option\n");
    let (code, answer) = uplinkd(&site, &["reload"]);
    assert_ne!(code, 0, "{answer}");
    assert!(answer.contains("no-such-option"), "{answer}");
    assert_eq!(wait_for_state(&site, "up")["state"], "up");
    assert_eq!(daemon.terminate(), 5);
}

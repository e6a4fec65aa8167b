//! How a provider's link ends.

use std::fs;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{PATIENCE, Site, status, uplinkd, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;
use protocol_tests::usb::{FakeUsb, UsbModem};
use uplinkd::sim::Personality;

use super::{CHAP, DIALOG, file, peers, pppconfig, pppconfig_peers, secrets, simulator};

/// F2: the reason in the log and in the status, pppd's exit status.
#[test]
fn f2_an_abort_string_is_the_reason_and_status_8() {
    protocol_tests::require!(require::DAEMON);
    const WHY: &str =
        "chat script failed: ABORT string BUSY seen waiting for CONNECT after ATDT*99***1#";
    let site = Site::new();
    pppconfig(&site, "");
    let _simulator = simulator(&site, &CHAP, &["busy=always", "slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &["--once"]);
    assert_eq!(daemon.wait_exit(PATIENCE), 8, "{}", daemon.process.text());
    let mut mark = Mark::default();
    for line in ["Failed (BUSY)", "Connect script failed", WHY] {
        mark = daemon.process.wait_for_line_after(mark, line, PATIENCE).1;
    }

    let mut daemon = site.run(&namespace, &[]);
    let told = wait_for_state(&site, "holding-off");
    assert!(
        told["why"].as_str().is_some_and(|why| why.starts_with(WHY)),
        "{told}"
    );
    let failure = &told["failures"][0];
    assert_eq!(failure["reason"], WHY, "{told}");
    assert_eq!(failure["class"], "network", "{told}");
    assert_eq!(daemon.terminate(), 5);
}

/// P4.
#[test]
fn f1_a_wrong_secret_is_status_19() {
    protocol_tests::require!(require::DAEMON);
    for auth in ["chap", "pap"] {
        let site = Site::new();
        pppconfig(&site, "");
        secrets(&site, "\"sora\" DTI \"falsch\"\n");
        let arguments = ["--auth", auth, "--user", "sora", "--password", "geheim"];
        let _simulator = simulator(&site, &arguments, &["slow-registration=0s"]);
        let namespace = Namespace::new();
        let mut daemon = site.run(&namespace, &["--once"]);
        assert_eq!(
            daemon.wait_exit(PATIENCE),
            19,
            "{}",
            daemon.process.transcript()
        );
        assert!(!daemon.process.text().contains("falsch"));
    }
}

/// F1: pppd's `maxconnect`, its words and its number; with PERSIST it is dialed again.
#[test]
fn f1_maxconnect_ends_the_link_and_is_no_failure() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    pppconfig(&site, "maxconnect 1\n");
    site.write("config", "PROVIDER=DTI\nHOLDOFF=0\n");
    let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &["--once"]);
    assert_eq!(daemon.wait_exit(PATIENCE), 13, "{}", daemon.process.text());
    let mut mark = Mark::default();
    for line in [
        "local  IP address",
        " pppd[",
        "Connect time expired",
        "sent [LCP TermReq id=0x2 \"Connect time expired\"]",
        "Connection terminated.",
        "up for 1 s, the longest allowed",
    ] {
        mark = daemon.process.wait_for_line_after(mark, line, PATIENCE).1;
    }

    let mut daemon = site.run(&namespace, &[]);
    let mut mark = Mark::default();
    for _ in 0..4 {
        let again = "The link ended: up for 1 s, the longest allowed.";
        mark = daemon.process.wait_for_line_after(mark, again, PATIENCE).1;
    }
    let told = status(&site);
    assert_eq!(told["resets"]["count"], 0, "{told}");
    assert_eq!(told["attempts"]["failures_in_a_row"], 0, "{told}");
    assert_eq!(daemon.terminate(), 5);

    site.write("config", "PROVIDER=DTI\nPERSIST=0\n");
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_exit(PATIENCE), 0, "{}", daemon.process.text());
}

/// C2: /etc/default/ppp is above the peers file, and the clash is said once, at the start.
#[test]
fn c2_the_supervision_keys_win_with_a_warning() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    pppconfig(&site, "holdoff 600\nmaxfail 1\n");
    site.write("config", "PROVIDER=DTI\nHOLDOFF=0\nRETRY=0\n");
    let _simulator = simulator(&site, &CHAP, &["busy=3", "slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    let log = daemon.process.text();
    for warning in [
        "holdoff is not used: HOLDOFF says otherwise (0 s)",
        "maxfail 1 is not used: the service does not give up",
    ] {
        assert_eq!(log.matches(warning).count(), 1, "{warning}: {log}");
    }
    assert_eq!(daemon.process.count("Connect script failed"), 3);
}

/// D5: the modem is known by its USB ids, since a script does not ask it.
#[test]
fn d5_a_script_that_sets_the_apn_of_a_modem_whose_flash_wears_out_is_warned_of() {
    protocol_tests::require!(require::DAEMON);
    const WARNING: &str = "the connect script sets APN or account, and this modem (AMP5200";
    for (personality, wears) in [(Personality::Amp5200, true), (Personality::LisaU200, false)] {
        let site = Site::new();
        let dialog = DIALOG.replace("OK-AT-OK", "OK AT+CGDCONT=1,\"IP\",\"dream.jp\" OK-AT-OK");
        let dialog = file(&site, "DTI.chat", &dialog, 0o640);
        let pty = site.path("pty");
        let mut arguments = CHAP.to_vec();
        arguments.extend(["--personality", personality.name()]);
        arguments.extend(["--fault", "slow-registration=0s"]);
        let _simulator = protocol_tests::daemon::Simulator::start(&pty, &arguments);
        let usb = FakeUsb::new(&site);
        let _attached = usb.attach(UsbModem::new(personality, "1-1.2", &pty, None), 0);
        let tty = usb
            .names(&UsbModem::new(personality, "1-1.2", &pty, None))
            .into_iter()
            .flatten()
            .next()
            .unwrap();
        peers(&site, "DTI", &pppconfig_peers(&dialog, &usb.tty(&tty), ""));
        secrets(&site, "\"sora\" DTI \"geheim\"\n");
        site.write("config", "PROVIDER=DTI\nHOLDOFF=0\n");
        let namespace = Namespace::new();
        let mut daemon = site.run(&namespace, &usb.arguments());
        daemon.wait_for_address(&namespace, PATIENCE);
        wait_for_state(&site, "up");
        let mark = daemon.process.mark();
        assert_eq!(uplinkd(&site, &["reconnect"]).0, 0);
        daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
        let told = status(&site);
        let warnings = told["warnings"].as_array().unwrap();
        let found = warnings
            .iter()
            .filter(|text| text.as_str().is_some_and(|text| text.starts_with(WARNING)));
        assert_eq!(found.count(), usize::from(wears), "{told}");
        assert_eq!(daemon.terminate(), 5);
        assert_eq!(
            daemon.process.count(WARNING),
            usize::from(wears),
            "{}",
            daemon.process.text()
        );
    }
}

/// D5: by the document the line is added after every first success, whoever has dialed.
#[test]
fn d5_connect_ok_is_written_after_a_link_by_a_script_too() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    pppconfig(&site, "");
    let before = fs::read_to_string(site.path("config")).unwrap();
    let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    let after = wait_until("CONNECT_OK", PATIENCE, || {
        let text = fs::read_to_string(site.path("config")).unwrap();
        (text != before).then_some(text)
    });
    assert_eq!(after, format!("{before}CONNECT_OK=1\n"));
    assert_eq!(daemon.terminate(), 5);
    // It is no clash with the peers file: the next start has nothing to say of it.
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.process.count("CONNECT_OK"), 0);
    assert_eq!(daemon.terminate(), 5);
}

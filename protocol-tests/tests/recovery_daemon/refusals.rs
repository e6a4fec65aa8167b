//! What neither a retry nor a reset mends: accounts, APNs, SIMs. And a registration that only takes its time.

use std::time::Duration;

use protocol_tests::clock::{pause, wait_until};
use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site, status, uplinkd, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;
use rustix::process::Signal;

use super::{follow, never};

/// The wait that is announced, in seconds.
fn announced(line: &str) -> f64 {
    let rest = line.split("Next attempt in ").nth(1).unwrap_or_default();
    rest.split(' ').next().unwrap_or_default().parse().unwrap()
}

/// Three failures, then a long wait without a reset; `connect` ends it, and the link comes up once the fault is lifted.
fn is_held_back(fault: &str, auth: bool, diagnosis: &str) {
    let site = Site::new();
    let chap = ["--auth", "chap", "--user", "joe", "--password", "right"];
    let mut arguments = vec!["--fault", fault];
    if auth {
        arguments.extend(chap);
    }
    let simulator = Simulator::start(&site.tty(), &arguments);
    let namespace = Namespace::new();
    let mut keys = vec![("APN", "internet"), ("HOLDOFF", "0")];
    if auth {
        keys.extend([("AUTH", "CHAP"), ("ACCOUNT", "joe"), ("PASSWORD", "right")]);
    }
    site.configure(&keys);
    let mut daemon = site.run(&namespace, &[]);
    let mark = follow(
        &daemon,
        Mark::default(),
        &[
            "Attempt 1 failed: ",
            "Attempt 2 failed: ",
            "Attempt 3 failed: ",
        ],
    );
    let (line, mark) = daemon
        .process
        .wait_for_line_after(mark, "Attempt 4 failed: ", PATIENCE);
    assert!(line.text.contains(diagnosis), "{line:?}");
    assert!(
        line.text
            .contains("Neither a retry nor a reset mends this."),
        "{line:?}"
    );
    let wait = announced(&line.text);
    assert!((299.0..=331.0).contains(&wait), "{line:?}");
    let told = wait_for_state(&site, "holding-off");
    let next = told["next"]["in_seconds"].as_u64().unwrap();
    assert!((280..=331).contains(&next), "{told}");
    assert_eq!(told["resets"]["count"], 0, "{told}");
    pause(Duration::from_millis(1500));
    assert_eq!(daemon.process.count("Attempt 5"), 0);

    simulator.process.signal(Signal::HUP);
    pause(Duration::from_millis(200));
    let (code, text) = uplinkd(&site, &["connect"]);
    assert_eq!(code, 0, "{text}");
    follow(&daemon, mark, &["local  IP address"]);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "Resetting the modem");
}

#[test]
fn a_refused_account_never_resets_the_modem() {
    protocol_tests::require!(require::DAEMON);
    is_held_back(
        "auth-reject",
        true,
        "the peer refused our CHAP credentials (Authentication failed); check ACCOUNT, PASSWORD and AUTH",
    );
}

#[test]
fn a_refused_apn_never_resets_the_modem() {
    protocol_tests::require!(require::DAEMON);
    is_held_back(
        "wrong-apn=cme",
        false,
        "(requested service option not subscribed); check APN, ACCOUNT and PASSWORD",
    );
}

fn configure_pin(site: &Site, pin: &str) {
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0"), ("PIN", pin)]);
}

fn ended(simulator: &mut Simulator) -> String {
    simulator.process.signal(Signal::TERM);
    simulator.process.wait_exit(PATIENCE);
    simulator.process.wait_for_line("counted: ", PATIENCE).text
}

#[test]
fn the_pin_of_the_configuration_opens_the_sim() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let mut simulator = Simulator::start(&site.tty(), &["--pin", "4711"]);
    let namespace = Namespace::new();
    configure_pin(&site, "4711");
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    follow(
        &daemon,
        Mark::default(),
        &["sending the PIN to the SIM", "local  IP address"],
    );
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "4711");
    let counted = ended(&mut simulator);
    assert!(counted.contains("PIN tries 1, wrong PINs 0"), "{counted}");
}

#[test]
fn a_wrong_pin_is_sent_once_whatever_comes() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let mut simulator = Simulator::start(&site.tty(), &["--pin", "4711"]);
    let namespace = Namespace::new();
    configure_pin(&site, "1234");
    let mut daemon = site.run(&namespace, &[]);
    follow(
        &daemon,
        Mark::default(),
        &[
            "sending the PIN to the SIM",
            "Attempt 1 failed: the SIM refused the PIN, 2 tries are left; set the right PIN",
            "Attempt 2 failed: the PIN was not sent: this SIM has refused this PIN before",
            "Attempt 4 failed: ",
        ],
    );
    wait_for_state(&site, "holding-off");
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "Resetting the modem");
    never(&daemon, "1234");
    // A restart of the daemon, and a modem that has lost its power, forget nothing.
    let mark = simulator.process.mark();
    simulator.process.signal(Signal::USR1);
    simulator
        .process
        .wait_for_line_after(mark, "modem: ", PATIENCE);
    let again = |daemon: &Daemon| {
        follow(
            daemon,
            Mark::default(),
            &["the PIN was not sent: this SIM has refused this PIN before; set the right PIN"],
        );
        never(daemon, "sending the PIN");
    };
    let mut daemon = site.run(&namespace, &[]);
    again(&daemon);
    daemon.process.signal(Signal::KILL);
    daemon.wait_exit(PATIENCE);
    let mut daemon = site.run(&namespace, &[]);
    again(&daemon);
    assert_eq!(daemon.terminate(), 5);
    // The right one is another one.
    configure_pin(&site, "4711");
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    let counted = ended(&mut simulator);
    assert!(counted.contains("PIN tries 2, wrong PINs 1"), "{counted}");
}

#[test]
fn a_sim_that_asks_for_its_puk_is_left_alone() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let mut simulator = Simulator::start(&site.tty(), &["--fault", "puk"]);
    let namespace = Namespace::new();
    configure_pin(&site, "4711");
    let mut daemon = site.run(&namespace, &[]);
    follow(
        &daemon,
        Mark::default(),
        &[
            "Attempt 1 failed: the SIM is locked and asks for its PUK; unlock the SIM in a phone with the PUK",
            "Attempt 4 failed: the SIM is locked and asks for its PUK; ",
        ],
    );
    let told = wait_for_state(&site, "holding-off");
    assert_eq!(told["modem"]["sim"], "puk", "{told}");
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "sending the PIN");
    never(&daemon, "Resetting the modem");
    let counted = ended(&mut simulator);
    assert!(counted.contains("PIN tries 0, wrong PINs 0"), "{counted}");
}

#[test]
fn a_registration_that_takes_its_time_is_waited_for_and_told() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "slow-registration=10"]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line(
        "the modem is searching for a network: waiting for the network",
        PATIENCE,
    );
    let told = wait_until("the registration in the status", PATIENCE, || {
        let told = status(&site);
        (told["modem"]["registration"]["value"] == "searching").then_some(told)
    });
    assert_eq!(told["state"], "dialing", "{told}");
    never(&daemon, "send (ATD");
    daemon.wait_for_address(&namespace, PATIENCE);
    let up = daemon.process.wait_for_line("local  IP address", PATIENCE);
    assert!(up.at >= Duration::from_secs(9), "{up:?}");
    let told = wait_for_state(&site, "up");
    assert_eq!(told["modem"]["registration"]["value"], "home", "{told}");
    assert_eq!(told["attempts"]["number"], 1, "{told}");
    assert_eq!(daemon.terminate(), 5);
}

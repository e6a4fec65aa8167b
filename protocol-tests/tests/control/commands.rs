//! Commands for the link, and AT commands for the modem: through a second port of it, or a tty without a daemon.

use std::fs;
use std::process::Command;
use std::time::Duration;

use protocol_tests::clock::{pause, wait_until};
use protocol_tests::daemon::{
    PATIENCE, Simulator, Site, binary, socket, status, uplinkd, wait_for_state,
};
use protocol_tests::modem::silent_tty;
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::process::run;
use protocol_tests::require;
use protocol_tests::usb::{FakeUsb, UsbModem};
use serde_json::Value;
use uplinkd::sim::Personality;

use super::WEB;

#[test]
fn reconnect_and_reset_dial_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "new-address"]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.64.64.2");
    wait_for_state(&site, "up");
    assert_eq!(uplinkd(&site, &["reconnect"]).0, 0);
    daemon
        .process
        .wait_for_line("sent [LCP TermReq id=0x2 \"User request\"]", PATIENCE);
    let told = wait_until("the second link", PATIENCE, || {
        let told = status(&site);
        (told["attempts"]["links"] == 2).then_some(told)
    });
    assert_eq!(told["link"]["local"], "10.64.64.3");
    // A reconnect is no failure.
    assert_eq!(told["failures"], serde_json::json!([]));

    let (code, text) = uplinkd(&site, &["at", "AT+CFUN=1,1"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("uplinkd: AT+CFUN restarts"), "{text}");
    assert_eq!(status(&site)["state"], "up");

    let (code, text) = uplinkd(&site, &["reset"]);
    assert_eq!(code, 0, "{text}");
    let told = wait_until("the reset", PATIENCE, || {
        let told = status(&site);
        (told["resets"]["count"] == 1).then_some(told)
    });
    assert!(told["resets"]["last"]["worked"].is_boolean(), "{told}");
    assert_eq!(told["link"], Value::Null);
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn disconnect_holds_until_connect() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "up");
    assert_eq!(uplinkd(&site, &["disconnect"]).0, 0);
    let told = wait_for_state(&site, "disconnected");
    assert_eq!(told["next"]["what"], "nothing until a user connects");
    let mark = daemon.process.mark();
    pause(Duration::from_secs(2));
    assert_eq!(status(&site)["state"], "disconnected");
    assert_eq!(uplinkd(&site, &["connect"]).0, 0);
    daemon
        .process
        .wait_for_line_after(mark, "local  IP address", PATIENCE);
    wait_for_state(&site, "up");
    assert_eq!(daemon.terminate(), 5);
}

/// A gateway with a LISA-U200 on its USB, of which the second AT port is there too.
fn site_with_two_ports() -> (Site, Simulator, FakeUsb, UsbModem) {
    let site = Site::new();
    let at = site.path("at0");
    let simulator = Simulator::start(
        &site.tty(),
        &[
            "--personality",
            "LISA-U200",
            "--at-link",
            at.to_str().unwrap(),
        ],
    );
    let usb = FakeUsb::new(&site);
    let modem = UsbModem::new(Personality::LisaU200, "1-1.2", &site.tty(), Some(&at));
    site.write(
        "config.toml",
        "[modem]\ndevice = \"AUTO\"\nquery_interval = 5\nnetmode = \"LTE\"\napn = \"internet\"\n\
         [supervision]\nholdoff = 0\n[network]\ndefault_route = true\n[monitor]\nenabled = true\n\
         target = \"198.51.100.10\"\ninterval = 2\n",
    );
    (site, simulator, usb, modem)
}

#[test]
fn the_second_port_is_asked_while_the_link_is_up_and_by_users() {
    protocol_tests::require!(require::DAEMON);
    let (site, _simulator, usb, modem) = site_with_two_ports();
    let namespace = Namespace::new();
    usb.plug(&modem, 0);
    let mut daemon = site.run(&namespace, &usb.arguments());
    let told = wait_until("the step", PATIENCE, || {
        let told = socket(&site).exists().then(|| status(&site))?;
        (told["step"]["what"] == "waiting for the registration").then_some(told)
    });
    assert_eq!(told["state"], "dialing");
    daemon.wait_for_address(&namespace, PATIENCE);
    let told = wait_for_state(&site, "up");
    assert_eq!(told["modem"]["usb_path"], "1-1.2");
    assert_eq!(told["step"], Value::Null);
    assert_eq!(
        told["warnings"],
        serde_json::json!(["NETMODE=LTE is not set: profile LISA-U200 has no command for it"])
    );
    // Each round says it anew: the age goes back.
    let age = |told: &Value, what: &str| told["modem"][what]["seconds_ago"].as_u64();
    for what in ["signal_dbm", "registration", "operator"] {
        assert!(age(&told, what).is_some(), "{what} in {told}");
    }
    pause(Duration::from_secs(8));
    let told = status(&site);
    for what in ["signal_dbm", "registration", "operator"] {
        let age = age(&told, what);
        assert!(age.is_some_and(|age| age <= 6), "{what} in {told}");
    }
    let monitor = &told["monitor"];
    assert_eq!(monitor["target"], WEB);
    assert_eq!(monitor["last"]["answered"], true, "{told}");
    let age = monitor["last"]["when"]["seconds_ago"].as_u64();
    assert!(age.is_some_and(|age| age <= 4), "{told}");
    assert_eq!(monitor["lost_in_a_row"], 0);
    let (code, text) = uplinkd(&site, &["at", "AT+CSQ"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("+CSQ: "), "{text}");
    assert!(text.ends_with("\nOK\n"), "{text}");
    assert_eq!(
        ping(&namespace, WEB.parse().unwrap(), 56, 20, PATIENCE),
        20,
        "{}",
        daemon.process.transcript()
    );

    // No link is needed for it, and no attempt is made.
    assert_eq!(uplinkd(&site, &["disconnect"]).0, 0);
    wait_for_state(&site, "disconnected");
    let locks = || fs::read_dir(site.path("lock")).unwrap().count();
    wait_until("the locks to go", PATIENCE, || (locks() == 0).then_some(()));
    let (code, text) = uplinkd(&site, &["at", "AT+CPIN?"]);
    assert_eq!((code, text.as_str()), (0, "+CPIN: READY\nOK\n"));
    assert_eq!(locks(), 0, "the port is still held");
    let told = status(&site);
    assert_eq!(told["state"], "disconnected");
    assert_eq!(told["attempts"]["number"], 1);

    // Another modem has got the number of the port meanwhile.
    usb.remove_ttys(&modem);
    let other = UsbModem {
        path: "1-1.3".to_owned(),
        ..modem.clone()
    };
    usb.plug(&other, 0);
    let (code, text) = uplinkd(&site, &["at", "AT+CSQ"]);
    assert_eq!(
        (code, text.as_str()),
        (1, "uplinkd: the modem is not where it was found last\n")
    );
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn a_second_port_that_is_held_or_silent_is_said_once_and_costs_the_link_nothing() {
    protocol_tests::require!(require::DAEMON);
    let (site, _simulator, usb, modem) = site_with_two_ports();
    // A port that nobody serves in the place of the modem's.
    let silent = site.path("silent");
    let _line = silent_tty(&silent);
    let modem = UsbModem {
        ports: vec![modem.ports[0].clone(), (modem.ports[1].0, silent.clone())],
        ..modem
    };
    let namespace = Namespace::new();
    usb.plug(&modem, 0);
    // By pppd's rule: the path below /dev, with _ for /.
    let pty = fs::canonicalize(&silent).unwrap();
    let pty = pty.strip_prefix("/dev").unwrap().to_str().unwrap();
    let lock = site
        .path("lock")
        .join(format!("LCK..{}", pty.replace('/', "_")));
    fs::write(&lock, format!("{:10}\n", std::process::id())).unwrap();
    let mut daemon = site.run(&namespace, &usb.arguments());
    daemon.wait_for_address(&namespace, PATIENCE);
    wait_for_state(&site, "up");
    daemon
        .process
        .wait_for_line("The modem's second port is not used: ", PATIENCE);
    let (code, text) = uplinkd(&site, &["at", "AT+CSQ"]);
    assert_eq!(code, 1, "{text}");
    let holder = format!("ttyUSB1 is locked by pid {} ", std::process::id());
    assert!(text.contains(&holder), "{text}");
    fs::remove_file(&lock).unwrap();
    let (code, text) = uplinkd(&site, &["at", "AT+CSQ"]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(
        text,
        "uplinkd: the modem does not answer AT commands on this port\n"
    );
    let said = "The modem's second port is not used: ";
    let count = daemon.process.count(said);
    assert!(count <= 2, "{}", daemon.process.transcript());
    for _ in 0..3 {
        assert_eq!(uplinkd(&site, &["at", "AT+CSQ"]).0, 1);
    }
    assert!(daemon.process.count(said) <= 2);
    let told = status(&site);
    assert_eq!(told["attempts"]["links"], 1);
    assert_eq!(told["failures"], serde_json::json!([]));
    assert_eq!(daemon.terminate(), 5);
}

/// On a tty, without a daemon.
#[test]
fn at_talks_to_a_tty() {
    let site = Site::new();
    let simulator = Simulator::start(&site.tty(), &[]);
    let at = |command: &str| {
        let mut line = Command::new(binary());
        line.args(["at", "--device"])
            .arg(site.tty())
            .arg("--lock-dir")
            .arg(site.path("lock"))
            .arg(command);
        let (status, text) = run(command, line, PATIENCE);
        (status.code().unwrap_or(-1), text)
    };
    assert_eq!(at("AT"), (0, "OK\n".to_owned()));
    let (code, text) = at("AT+NONSENSE");
    assert_eq!(code, 1, "{text}");
    assert!(text.ends_with("ERROR\n"), "{text}");
    let (code, text) = at("hello");
    assert_eq!(code, 2, "{text}");
    assert_eq!(
        text,
        "uplinkd: an AT command must begin with AT, such as AT+CSQ\n"
    );
    drop(simulator);
    let (code, text) = at("AT");
    assert_eq!(code, 7, "{text}");
}

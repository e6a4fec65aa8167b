//! The control socket of the whole daemon: status, commands, permissions, and clients that misbehave.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use protocol_tests::clock::{pause, wait_until};
use protocol_tests::daemon::{
    PATIENCE, Simulator, Site, binary, socket, status, uplinkd, wait_for_state,
};
use protocol_tests::modem::silent_tty;
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::process::{Process, run, succeed};
use protocol_tests::require;
use protocol_tests::usb::{FakeUsb, UsbModem};
use serde_json::Value;
use uplinkd::control::{Board, StateView, StateWord};
use uplinkd::link::{LineProblem, LinkEnd, ResetOutcome};
use uplinkd::modem::{ModemInfo, Registration, Signal, SimState};
use uplinkd::ppp::Ipv4Settings;
use uplinkd::sim::Personality;
use uplinkd::time::Instant;

const PASSWORD: &str = "s3cr3t-Pa55";
const WEB: &str = "198.51.100.10";

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

#[test]
fn reconnect_dials_again_and_reload_says_what_it_cannot() {
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

    let (code, text) = uplinkd(&site, &["reload"]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(
        text,
        "uplinkd: the configuration is read at the start only; restart to change it\n"
    );
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
        assert!(age(&told, what) <= Some(6), "{what} in {told}");
    }
    let monitor = &told["monitor"];
    assert_eq!(monitor["target"], WEB);
    assert_eq!(monitor["last"]["answered"], true, "{told}");
    assert!(monitor["last"]["when"]["seconds_ago"].as_u64() <= Some(4));
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

/// A hundred clients hang, others send a megabyte of nonsense, others ask and do not listen: the link loses no packet,
/// and whoever asks gets an answer.
#[test]
fn clients_that_misbehave_do_not_disturb_the_link() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    wait_for_state(&site, "up");
    let memory = resident(daemon.process.pid());
    let path = socket(&site);
    let connect = || UnixStream::connect(&path).unwrap();
    thread::scope(|scope| {
        let mut hanging = Vec::new();
        for _ in 0..100 {
            hanging.push(connect());
        }
        for request in [
            b"x".as_slice(),
            b"{\"command\":",
            b"\n",
            b"{\"command\":\"status\"}\n",
            b"\x00\xff\n",
        ] {
            scope.spawn(move || {
                for _ in 0..5 {
                    let mut client = connect();
                    client
                        .set_write_timeout(Some(Duration::from_secs(1)))
                        .unwrap();
                    // Cut off, or stuck because nobody reads: both are meant.
                    let _ = client.write_all(&request.repeat(1_000_000 / request.len()));
                }
            });
        }
        assert_eq!(
            ping(&namespace, WEB.parse().unwrap(), 56, 300, PATIENCE),
            300,
            "{}",
            daemon.process.transcript()
        );
        assert_eq!(status(&site)["state"], "up");
    });
    let told = status(&site);
    assert_eq!(told["attempts"]["links"], 1);
    assert_eq!(told["failures"], serde_json::json!([]));
    for traffic in [&told["traffic"], &told["link"]["traffic"]] {
        assert!(traffic["received_packets"].as_u64() >= Some(300), "{told}");
        assert!(traffic["sent_bytes"].as_u64() >= Some(300 * 84), "{told}");
    }
    let grown = resident(daemon.process.pid()).saturating_sub(memory);
    assert!(grown < 4096, "the daemon has grown by {grown} KiB");
    assert_eq!(daemon.process.count("local  IP address"), 1);
    assert_eq!(daemon.terminate(), 5);
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn without_a_group_the_socket_is_roots() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    let data = fs::metadata(socket(&site)).unwrap();
    assert_eq!((data.mode() & 0o7777, data.uid()), (0o600, 0));

    let (code, text) = as_nobody(&site, &["status"]);
    assert_eq!(code, 33, "{text}");
    assert!(text.starts_with("uplinkd: no permission for "), "{text}");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn members_of_the_group_may_ask() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {:?}\napn = \"a\"\n[control]\ngroup = \"65534\"\n",
            site.tty()
        ),
    );
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    let data = fs::metadata(socket(&site)).unwrap();
    assert_eq!((data.mode() & 0o7777, data.gid()), (0o660, 65_534));
    let (code, text) = as_nobody(&site, &["status"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = as_nobody(&site, &["reconnect"]);
    assert_eq!(code, 0, "{text}");
    daemon.process.wait_for_line(", uid 65534).", PATIENCE);
    assert_eq!(daemon.terminate(), 5);
}

/// `uplinkd COMMAND` by user and group 65534, who may look into the folder and run the program.
fn as_nobody(site: &Site, arguments: &[&str]) -> (i32, String) {
    for (name, mode) in [("run", 0o755), (".", 0o711)] {
        fs::set_permissions(site.path(name), Permissions::from_mode(mode)).unwrap();
    }
    let program = site.path("uplinkd");
    // By another process: while this one has the copy open for writing, a child of another test may hold that too, and a
    // file that is open for writing cannot be run.
    let mut copy = Command::new("cp");
    copy.arg(binary()).arg(&program);
    succeed("cp", copy, PATIENCE);
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .arg("--run-dir")
        .arg(site.path("run"))
        .uid(65_534)
        .gid(65_534);
    let (status, text) = run("uplinkd as nobody", command, PATIENCE);
    (status.code().unwrap_or(-1), text)
}

/// A daemon that was killed leaves its socket; the next one takes its place.
#[test]
fn a_dead_daemons_socket_is_no_daemon() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    daemon.process.kill();
    assert!(socket(&site).exists());
    for arguments in [&["status"][..], &["reconnect", "--interface", "ppp0"]] {
        let (code, text) = uplinkd(&site, arguments);
        assert_eq!(code, 7, "{text}");
        assert!(
            text.contains("; start it with `systemctl start ppp.service`"),
            "{text}"
        );
    }
    let mut daemon = site.run(&namespace, &[]);
    let told = wait_until("the new daemon", PATIENCE, || {
        let (code, text) = uplinkd(&site, &["status", "--json"]);
        (code == 0).then_some(text)
    });
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["pid"].as_u64(), Some(u64::from(daemon.process.pid())));
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn several_daemons_in_one_folder_are_told_apart() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    let mut daemons: Vec<Process> = ["ppp0", "ppp1"]
        .into_iter()
        .map(|interface| {
            let config = site.write(
                &format!("{interface}.toml"),
                &format!(
                    "[modem]\ndevice = {:?}\napn = \"a\"\n[network]\ninterface = {interface:?}\n",
                    site.tty()
                ),
            );
            let mut command = namespace.command(binary());
            command.args(["run", "--config"]).arg(config);
            for (option, folder) in [
                ("--run-dir", "run"),
                ("--state-dir", "state"),
                ("--lock-dir", "lock"),
            ] {
                command.arg(option).arg(site.path(folder));
            }
            Process::start(interface, command)
        })
        .collect();
    wait_until("two sockets", PATIENCE, || {
        let both = ["ppp0.sock", "ppp1.sock"].map(|name| site.path("run").join(name).exists());
        (both == [true, true]).then_some(())
    });
    let (code, text) = uplinkd(&site, &["status"]);
    assert_eq!(code, 2, "{text}");
    assert_eq!(
        text,
        "uplinkd: several daemons run: name one with --interface: ppp0, ppp1\n"
    );
    let (code, text) = uplinkd(&site, &["status", "--json", "--interface", "ppp1"]);
    assert_eq!(code, 0, "{text}");
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["interface"], "ppp1");
    for daemon in &mut daemons {
        daemon.signal(rustix::process::Signal::TERM);
        daemon.wait_exit(PATIENCE);
    }
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

/// The documented protocol, by hand.
#[test]
fn the_examples_of_the_page_work() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    let ask = |request: &str| {
        let mut stream = UnixStream::connect(socket(&site)).unwrap();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).unwrap();
        reply
    };
    let page = page();
    let mut checked = 0;
    for (request, reply) in examples(&page) {
        // Those that need a link, or a second port, are other tests' matter.
        if request.contains("\"stauts\"") || request.contains("\"reconnect\"") {
            assert_eq!(ask(&request), format!("{reply}\n"));
            checked += 1;
        }
        if request.contains("\"status\"") {
            let told: Value = serde_json::from_str(&ask(&request)).unwrap();
            assert_eq!(told["status"]["state"], "waiting-for-modem");
            checked += 1;
        }
    }
    assert_eq!(checked, 3);
    // Half a request, and the client shuts its side: nothing to answer.
    let mut stream = UnixStream::connect(socket(&site)).unwrap();
    stream.write_all(b"{\"command\":\"status\"}").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "");
    assert_eq!(daemon.terminate(), 5);
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/control-protocol.md");
    fs::read_to_string(path).unwrap()
}

/// `$ echo 'REQUEST' | socat ...` and the line below it.
fn examples(page: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = page.lines().collect();
    lines
        .windows(2)
        .filter_map(|pair| {
            let request = pair[0].strip_prefix("$ echo '")?.split('\'').next()?;
            Some((request.to_owned(), pair[1].to_owned()))
        })
        .collect()
}

/// Everything that a status can hold.
fn full() -> Value {
    let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
    let mut board = Board::new(at(0), "0.1.0", 1, "ppp0", Duration::from_secs(60));
    let absent = LinkEnd::Line(LineProblem::Absent {
        path: PathBuf::from("/dev/ttyUSB0"),
    });
    board.note_end(at(1), &absent, false);
    board.note_reset(
        at(2),
        &ResetOutcome::Done {
            step: "AT+CFUN=16".to_owned(),
        },
    );
    board.note_state(StateView {
        word: StateWord::Up,
        sentence: None,
        since: at(3),
        why: Some("x".to_owned()),
        next: Some(("x".to_owned(), Some(at(9)))),
        attempt: 1,
        failures: Some(0),
    });
    board.note_up(
        at(3),
        "ppp0",
        &Ipv4Settings {
            local: [10, 0, 0, 2].into(),
            remote: Some([10, 0, 0, 1].into()),
            dns: [Some([192, 0, 2, 53].into()), None],
            mtu: 1500,
        },
    );
    board.note_step(at(3), "x");
    board.note_place("/dev/ttyUSB0", Some("1-1"));
    let text = || Some("x".to_owned());
    board.note_modem(
        at(3),
        &ModemInfo {
            profile: text(),
            manufacturer: text(),
            model: text(),
            revision: text(),
            imei: text(),
            iccid: text(),
            sim: Some(SimState::Ready),
            registration: Some(Registration::Home),
            signal: Some(Signal { dbm: -77 }),
            operator: text(),
            plmn: text(),
            technology: text(),
        },
    );
    board.note_monitor("x", Some("y"));
    board.note_ping(at(4), true, 0);
    board.note_queue(0, 0);
    board.note_provisioning(0);
    board.note_warning("x");
    let status = board.snapshot(at(5), "2026-11-24T00:00:00Z".parse().unwrap());
    serde_json::to_value(status).unwrap()
}

/// `link.up` and so on. Moments, aged values and traffic are described once.
fn keys(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(map) = value else {
        if let Value::Array(list) = value {
            list.iter().for_each(|value| keys(prefix, value, found));
        }
        return;
    };
    for (key, value) in map {
        if matches!(key.as_str(), "seconds_ago" | "value") || (key == "at" && prefix != "next.") {
            continue;
        }
        let path = format!("{prefix}{key}");
        if path != "link.traffic" {
            keys(&format!("{path}."), value, found);
        }
        found.insert(path);
    }
}

#[test]
fn every_key_and_every_state_is_documented_and_nothing_else_is() {
    let page = page();
    let (_, status) = page.split_once("## The status").unwrap();
    let (table, states) = status.split_once("### States").unwrap();
    let names = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
            .collect()
    };
    let mut told = BTreeSet::new();
    keys("", &full(), &mut told);
    // Objects that are always there have rows for their keys only.
    for group in ["attempts", "resets", "modem"] {
        assert!(told.remove(group), "{group}");
    }
    assert_eq!(names(table), told);
    let words: BTreeSet<String> = StateWord::ALL
        .into_iter()
        .map(|word| word.as_str().to_owned())
        .collect();
    assert_eq!(names(states), words);
    for word in StateWord::ALL {
        assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
    }
}

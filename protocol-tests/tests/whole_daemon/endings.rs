//! How it ends: by a signal at any moment, with its only link, by input that is refused.

use std::fs;
use std::io;
use std::process::Command;
use std::time::Duration;

use protocol_tests::daemon::{PATIENCE, Simulator, Site, binary};
use protocol_tests::modem::{Modem, ModemConfig};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::{Process, run};
use protocol_tests::require;
use rustix::process::Signal;

#[test]
fn a_signal_at_any_moment_ends_it_within_5_seconds() {
    protocol_tests::require!(require::DAEMON);
    // While it waits for CONNECT, in LCP, in IPCP, with a peer that does not answer the Terminate-Request, in
    // command mode without an answer, in HOLDOFF.
    for (fault, line) in [
        ("late-connect=60", "expect (CONNECT)"),
        ("lcp-silent", "sent [LCP ConfReq"),
        ("ipcp-silent", "sent [IPCP ConfReq"),
        ("no-term-ack", "local  IP address"),
        ("peer-silent@1s", "local  IP address"),
        ("at-silent", "send (ATZ^M)"),
        ("busy=always", "Connect script failed"),
    ] {
        for signal in [Signal::TERM, Signal::INT] {
            let site = Site::new();
            let _simulator = Simulator::start(&site.tty(), &["--fault", fault]);
            let namespace = Namespace::new();
            site.configure(&[("APN", "internet"), ("HOLDOFF", "60")]);
            let mut daemon = site.run(&namespace, &[]);
            daemon.process.wait_for_line(line, PATIENCE);
            daemon.process.signal(signal);
            let status = daemon.wait_exit(Duration::from_secs(6));
            assert_eq!(status, 5, "{fault}: {}", daemon.process.transcript());
            assert!(!namespace.has_interface("ppp0"), "{fault}");
        }
    }
}

#[test]
fn one_link_ends_with_the_status_of_its_end() {
    protocol_tests::require!(require::DAEMON);
    for (fault, status) in [
        ("term-req@1s", 0),
        ("no-carrier@1s", 16),
        ("unplug=1@1s", 16),
    ] {
        for (persist, arguments) in [("1", &["--once"][..]), ("0", &[])] {
            let site = Site::new();
            let _simulator = Simulator::start(&site.tty(), &["--fault", fault]);
            let namespace = Namespace::new();
            site.configure(&[("APN", "internet"), ("PERSIST", persist)]);
            let mut daemon = site.run(&namespace, arguments);
            let ended = daemon.wait_exit(PATIENCE);
            assert_eq!(
                ended,
                status,
                "{fault} PERSIST={persist}: {}",
                daemon.process.transcript()
            );
            assert_eq!(daemon.process.count("local  IP address"), 1, "{fault}");
        }
    }
}

#[test]
fn a_dead_peer_ends_one_link_with_status_15() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "peer-silent@1s"]);
    let namespace = Namespace::new();
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {:?}\n[ppp.echo]\ninterval = 0.5\nfailure = 2\n[supervision]\npersist = false\n",
            site.tty()
        ),
    );
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(
        daemon.wait_exit(PATIENCE),
        15,
        "{}",
        daemon.process.transcript()
    );
}

#[test]
fn bad_input_ends_the_start_with_one_sentence_and_leaves_the_modem_alone() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    let never = Box::new(|| Err(io::ErrorKind::NotFound.into()));
    let modem = Modem::start(&site.tty(), ModemConfig::default(), never);
    let path = |name: &str| site.path(name).display().to_string();
    let plain = site.write("no-tty", "");
    let plain = plain.to_str().unwrap();
    let config = path("config");

    let cases: &[Case<'_>] = &[
        (
            &[("HOLDOFF", "soon")],
            2,
            &["HOLDOFF", "soon", &format!("{config}:2:9")],
        ),
        (
            &[("AUTH", "KERBEROS")],
            2,
            &["AUTH", "CHAP, PAP", &format!("{config}:2:6")],
        ),
        (&[("APN", "$NAME")], 2, &["APN", &format!("{config}:2:")]),
        (
            &[("LOCALADDR", "300.1.1.1")],
            2,
            &["LOCALADDR", &format!("{config}:2:11")],
        ),
        (&[("PROVIDER", "dream")], 2, &["PROVIDER"]),
        (&[("DEVICE", plain)], 7, &[plain, "not a tty"]),
        (&[("DEVICE", "/")], 2, &["not a tty"]),
        (&[("DEVICE", "/dev/null")], 7, &["/dev/null", "not a tty"]),
    ];
    for (keys, status, words) in cases {
        site.configure(keys);
        let mut daemon = site.run(&namespace, &[]);
        let ended = daemon.wait_exit(PATIENCE);
        check_refusal(&daemon.process, ended, *status, words);
    }

    fs::remove_file(site.path("config")).unwrap();
    let mut daemon = site.run(&namespace, &[]);
    let ended = daemon.wait_exit(PATIENCE);
    check_refusal(&daemon.process, ended, 2, &[&config, "--config"]);

    assert_eq!(modem.commands(), Vec::<String>::new());
    assert!(!namespace.has_interface("ppp0"));
}

#[test]
fn without_permission_for_tun_it_ends_with_status_33_and_leaves_the_modem_alone() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    let never = Box::new(|| Err(io::ErrorKind::NotFound.into()));
    let modem = Modem::start(&site.tty(), ModemConfig::default(), never);
    site.configure(&[("APN", "internet")]);

    // Root, but without the capability.
    let mut command = namespace.command("setpriv");
    command
        .args([
            "--bounding-set",
            "-net_admin",
            "--inh-caps",
            "-net_admin",
            "--",
        ])
        .arg(binary());
    site.arguments(&mut command, &[]);
    let mut process = Process::start("uplinkd", command);
    let ended = process.wait_exit(PATIENCE).code().unwrap_or(-1);
    check_refusal(&process, ended, 33, &["CAP_NET_ADMIN"]);

    // No device: its folder is hidden.
    let mut command = namespace.command("unshare");
    command.args([
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs none /dev/net && exec \"$@\"",
        "sh",
    ]);
    command.arg(binary());
    site.arguments(&mut command, &[]);
    let mut process = Process::start("uplinkd", command);
    let ended = process.wait_exit(PATIENCE).code().unwrap_or(-1);
    check_refusal(&process, ended, 33, &["TUN"]);

    assert_eq!(modem.commands(), Vec::<String>::new());
}

/// The configuration's lines, the status, and what has to be in the output.
type Case<'a> = (&'a [(&'a str, &'a str)], i32, &'a [&'a str]);

/// The status, and something on standard error that has all the words.
fn check_refusal(process: &Process, ended: i32, status: i32, words: &[&str]) {
    let text = process.text();
    assert_eq!(ended, status, "{text}");
    for word in words {
        assert!(text.contains(word), "{word} is not in:\n{text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn arguments_that_are_not_understood_end_with_status_2() {
    for arguments in [
        &["run", "--no-such-option"][..],
        &["dial"],
        &["sim", "--fault", "no-carier"],
        &["sim", "--seed", "x"],
    ] {
        let mut command = Command::new(binary());
        command.args(arguments);
        let (status, text) = run("uplinkd", command, PATIENCE);
        assert_eq!(status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.starts_with("error: ") || text.starts_with("uplinkd: "),
            "{text}"
        );
    }
    let mut command = Command::new(binary());
    command.args(["sim", "--fault", "no-carier"]);
    assert!(
        run("uplinkd", command, PATIENCE).1.contains("no-carrier"),
        "the nearest fault is named"
    );
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["sim", "--help"],
        &["demo", "--help"],
    ] {
        let mut command = Command::new(binary());
        command.args(arguments);
        let (status, text) = run("uplinkd", command, PATIENCE);
        assert!(status.success(), "{arguments:?}: {text}");
        assert!(
            text.contains("Example"),
            "{arguments:?} shows no example: {text}"
        );
    }
}

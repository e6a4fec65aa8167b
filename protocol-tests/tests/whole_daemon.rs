//! The daemon's binary, from the outside: configuration, signals, ttys that come and go, routes, exit statuses. The modem
//! is the project's own simulator or the tests' small one.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{PATIENCE, Simulator, Site, binary};
use protocol_tests::modem::{Modem, ModemConfig};
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::process::{Mark, Process, run};
use protocol_tests::require;
use rustix::process::Signal;

const PASSWORD: &str = "s3cr3t-Pa55";
const WEB: &str = "198.51.100.10";

#[test]
fn comes_up_with_address_route_and_internet_and_ends_on_sigterm() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.64.64.2");
    let shown = namespace.run("ip -4 -o addr show dev ppp0");
    assert!(
        shown.contains("inet 10.64.64.2 peer 10.64.64.1/32"),
        "{shown}"
    );
    wait_for_default(&namespace, "dev ppp0");
    daemon
        .process
        .wait_for_line("primary   DNS address 192.0.2.53", PATIENCE);
    assert_eq!(ping(&namespace, WEB.parse().unwrap(), 56, 3, PATIENCE), 3);
    let page = namespace.run(&format!("busybox wget -q -O - http://{WEB}/"));
    assert!(!page.is_empty());
    let name = namespace.run("busybox nslookup -type=a www.example.jp 192.0.2.53");
    assert!(name.contains(WEB), "{name}");

    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
    let mut mark = Mark::default();
    for line in [
        "Serial connection established.",
        "Using interface ppp0",
        "Connect: ppp0 <--> ",
        "local  IP address 10.64.64.2",
        "remote IP address 10.64.64.1",
        "Terminating on signal 15",
        "sent [LCP TermReq id=0x2 \"User request\"]",
        "rcvd [LCP TermAck id=0x2]",
        "Connection terminated.",
        "Exit.",
    ] {
        mark = daemon.process.wait_for_line_after(mark, line, PATIENCE).1;
    }
    daemon.process.wait_for_line("Connect time 0.", PATIENCE);
    assert!(!namespace.has_interface("ppp0"));
    assert_eq!(namespace.routes(), Vec::<String>::new());
}

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
fn sigusr1_reconnects() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "new-address"]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.64.64.2");
    daemon.process.signal(Signal::USR1);
    daemon
        .process
        .wait_for_line("local  IP address 10.64.64.3", PATIENCE);
    daemon.process.wait_for_line("sent [LCP TermReq", PATIENCE);
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn an_absent_tty_is_waited_for_and_taken_up() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    configure_impatient(&site, "internet");
    let mut daemon = site.run(&namespace, &[]);
    let waiting = daemon
        .process
        .wait_for_line("Waiting for the tty", PATIENCE);
    assert!(
        waiting.text.contains(site.tty().to_str().unwrap()),
        "{waiting:?}"
    );
    for _ in 0..3 {
        let mark = daemon.process.mark();
        let simulator = Simulator::start(&site.tty(), &[]);
        daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
        daemon.wait_for_address(&namespace, PATIENCE);
        let mark = daemon.process.mark();
        // Killed: the pty is gone under the daemon, without a word of the modem.
        drop(simulator);
        daemon
            .process
            .wait_for_line_after(mark, "Waiting for the tty", PATIENCE);
        assert!(!namespace.has_interface("ppp0"));
    }
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn an_absent_tty_ends_a_single_link_with_status_7() {
    protocol_tests::require!(require::DAEMON);
    for (persist, arguments) in [("1", &["--once"][..]), ("0", &[])] {
        let site = Site::new();
        let namespace = Namespace::new();
        site.configure(&[("PERSIST", persist)]);
        let mut daemon = site.run(&namespace, arguments);
        assert_eq!(
            daemon.wait_exit(PATIENCE),
            7,
            "{}",
            daemon.process.transcript()
        );
        assert!(daemon.process.text().contains(site.tty().to_str().unwrap()));
    }
}

#[test]
fn a_tty_is_pulled_and_plugged_in_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    configure_impatient(&site, "internet");
    // A modem without anybody behind it: it is pulled in the middle of the dialog.
    let modem = Modem::start(
        &site.tty(),
        ModemConfig::default(),
        Box::new(|| Err(io::ErrorKind::NotFound.into())),
    );
    let mut daemon = site.run(&namespace, &[]);
    for _ in 0..3 {
        let mark = daemon.process.mark();
        let commands = modem.commands().len();
        wait_until("a command", PATIENCE, || {
            (modem.commands().len() > commands).then_some(())
        });
        modem.unplug();
        daemon
            .process
            .wait_for_line_after(mark, "Waiting for the tty", PATIENCE);
        modem.plug();
    }
    let commands = modem.commands().len();
    wait_until("a command", PATIENCE, || {
        (modem.commands().len() > commands).then_some(())
    });
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn a_locked_tty_is_waited_for_and_its_holder_is_named() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let (namespace, other) = (Namespace::new(), Namespace::new());
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
    let mut first = site.run(&namespace, &[]);
    first.wait_for_address(&namespace, PATIENCE);

    let mut once = site.run(&other, &["--once"]);
    assert_eq!(once.wait_exit(PATIENCE), 6, "{}", once.process.transcript());
    let mut second = site.run(&other, &[]);
    let waiting = second.process.wait_for_line("is locked by", PATIENCE);
    assert!(
        waiting
            .text
            .contains(&format!("pid {}", first.process.pid())),
        "{waiting:?}"
    );
    assert_eq!(first.terminate(), 5);
    second.wait_for_address(&other, PATIENCE);
    assert_eq!(second.terminate(), 5);
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

#[test]
fn the_former_default_route_comes_back_on_every_way_out() {
    protocol_tests::require!(require::DAEMON);
    for (fault, metric) in [
        ("", ""),
        ("", " metric 100"),
        ("term-req@1s", ""),
        ("no-carrier@1s", ""),
        ("unplug=1@1s", ""),
    ] {
        let site = Site::new();
        let namespace = lan(metric);
        let before = namespace.routes();
        let arguments: &[&str] = if fault.is_empty() {
            &[]
        } else {
            &["--fault", fault]
        };
        let _simulator = Simulator::start(&site.tty(), arguments);
        site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
        let once: &[&str] = if fault.is_empty() { &[] } else { &["--once"] };
        let mut daemon = site.run(&namespace, once);
        daemon.wait_for_address(&namespace, PATIENCE);
        if fault.is_empty() {
            wait_for_default(&namespace, "dev ppp0");
            let taken = namespace.run(&format!("ip -4 route get {WEB}"));
            assert!(taken.contains("dev ppp0"), "{taken}");
            namespace.run(&format!("ping -q -c 1 -W 5 {WEB}"));
            assert_eq!(daemon.terminate(), 5);
        } else {
            daemon.wait_exit(PATIENCE);
        }
        let after = namespace.routes();
        assert_eq!(after, before, "{fault}: {}", daemon.process.transcript());
    }
}

#[test]
fn the_former_default_route_is_there_while_the_link_is_down() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = lan("");
    let before = namespace.routes();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "no-carrier@1s"]);
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1"), ("HOLDOFF", "3")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("Modem hangup", PATIENCE);
    wait_until("the former routes", PATIENCE, || {
        (namespace.routes() == before).then_some(())
    });
    wait_for_default(&namespace, "dev ppp0");
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(namespace.routes(), before);
}

#[test]
fn the_former_default_route_comes_back_at_the_next_start_after_a_kill() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = lan("");
    let before = namespace.routes();
    let simulator = Simulator::start(&site.tty(), &[]);
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    wait_for_default(&namespace, "dev ppp0");
    daemon.process.signal(Signal::KILL);
    assert_eq!(daemon.wait_exit(PATIENCE), -1);
    wait_until("the end of ppp0", PATIENCE, || {
        (!namespace.has_interface("ppp0")).then_some(())
    });
    assert_ne!(namespace.routes(), before, "nothing was left to restore");

    // The next start finds no modem, so nothing but the restoring happens.
    drop(simulator);
    let mut daemon = site.run(&namespace, &[]);
    daemon
        .process
        .wait_for_line("Waiting for the tty", PATIENCE);
    assert_eq!(namespace.routes(), before);
    // The modem, still in data mode from the killed run, is taken up again.
    let _simulator = Simulator::start(&site.tty(), &["--fault", "data-mode"]);
    wait_for_default(&namespace, "dev ppp0");
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(namespace.routes(), before);
}

#[test]
fn an_interface_deleted_under_it_is_noticed_and_made_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = lan("");
    let before = namespace.routes();
    let _simulator = Simulator::start(&site.tty(), &[]);
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1"), ("HOLDOFF", "0")]);
    let mut daemon = site.run(&namespace, &[]);
    for _ in 0..2 {
        daemon.wait_for_address(&namespace, PATIENCE);
        let mark = daemon.process.mark();
        namespace.run("ip link del ppp0");
        let (_, mark) = daemon
            .process
            .wait_for_line_after(mark, "deleted", PATIENCE);
        daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
    }
    daemon.wait_for_address(&namespace, PATIENCE);
    wait_for_default(&namespace, "dev ppp0");
    namespace.run(&format!("ping -q -c 1 -W 5 {WEB}"));
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(namespace.routes(), before);
}

#[test]
fn the_password_shows_nowhere() {
    protocol_tests::require!(require::DAEMON);
    for auth in ["pap", "chap"] {
        let site = Site::new();
        let arguments = ["--auth", auth, "--user", "joe", "--password", PASSWORD];
        let _simulator = Simulator::start(&site.tty(), &arguments);
        let namespace = Namespace::new();
        let method = auth.to_uppercase();
        site.configure(&[
            ("AUTH", &method),
            ("ACCOUNT", "joe"),
            ("PASSWORD", PASSWORD),
        ]);
        let mut daemon = site.run(&namespace, &["--verbose"]);
        daemon.wait_for_address(&namespace, PATIENCE);
        let process = format!("/proc/{}", daemon.process.pid());
        for name in ["cmdline", "environ"] {
            let text = fs::read(Path::new(&process).join(name)).unwrap();
            assert!(!contains(&text, PASSWORD), "{name}");
        }
        let limits = fs::read_to_string(Path::new(&process).join("limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        assert_eq!(daemon.terminate(), 5);
        assert!(
            !daemon.process.text().contains(PASSWORD),
            "{}",
            daemon.process.text()
        );
        for folder in ["run", "state", "ppp", "lock"] {
            for entry in fs::read_dir(site.path(folder)).unwrap() {
                let path = entry.unwrap().path();
                assert!(
                    !contains(&fs::read(&path).unwrap(), PASSWORD),
                    "{}",
                    path.display()
                );
            }
        }
    }
    // Where the file is wrong, the line is shown, but not what it says.
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("PASSWORD", &format!("{PASSWORD} `x`"))]);
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_exit(PATIENCE), 2);
    assert!(
        !daemon.process.text().contains(PASSWORD),
        "{}",
        daemon.process.text()
    );
}

#[test]
fn a_modem_that_is_busy_or_slow_to_answer_is_dialed_until_it_connects() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let simulator = Simulator::start(&site.tty(), &["--fault", "busy=3"]);
    let namespace = Namespace::new();
    configure_impatient(&site, "dream.jp");
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.process.count("Connect script failed"), 3);
    for command in [
        "ATZ",
        "ATE0",
        "AT+CGDCONT=1,\"IP\",\"dream.jp\"",
        "AT",
        "ATDT*99***1#",
    ] {
        daemon
            .process
            .wait_for_line(&format!("send ({command}^M)"), PATIENCE);
    }
    drop(simulator);
}

/// Short waits. The third failure in a row leads to a reset, which a pty that is gone cannot have.
fn configure_impatient(site: &Site, apn: &str) {
    site.configure(&[("APN", apn), ("HOLDOFF", "0"), ("RESET_WAIT", "1")]);
}

/// A namespace with another network and a default route through it.
fn lan(metric: &str) -> Namespace {
    let namespace = Namespace::new();
    namespace.run("ip tuntap add dev lan0 mode tap");
    namespace.run("ip addr add 172.31.0.2/24 dev lan0");
    namespace.run("ip link set lan0 up");
    namespace.run(&format!(
        "ip route add default via 172.31.0.1 dev lan0{metric}"
    ));
    namespace
}

fn wait_for_default(namespace: &Namespace, pattern: &str) {
    wait_until("a default route", PATIENCE, || {
        let defaults = namespace.run("ip -4 route show default");
        defaults.contains(pattern).then_some(())
    });
}

fn contains(bytes: &[u8], pattern: &str) -> bool {
    bytes
        .windows(pattern.len())
        .any(|window| window == pattern.as_bytes())
}

//! The link: it comes up with all that belongs to it, is dialed again, and tells nobody the password.

use std::fs;
use std::path::Path;

use protocol_tests::daemon::{PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::process::Mark;
use protocol_tests::require;
use rustix::process::Signal;

use super::{WEB, configure_impatient};

const PASSWORD: &str = "s3cr3t-Pa55";

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
    namespace.wait_for_default_route("ppp0");
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
        "sent [LCP TermReq id=0x2 \"User request\"]",
        "Terminating on signal 15",
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
        assert!(
            files_without_the_password(&site) > 0,
            "no file was looked at"
        );
        assert_eq!(daemon.terminate(), 5);
        assert!(
            !daemon.process.text().contains(PASSWORD),
            "{}",
            daemon.process.text()
        );
        files_without_the_password(&site);
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

/// Looks for the password in whatever the daemon has written; how many files that are.
fn files_without_the_password(site: &Site) -> usize {
    let mut looked_at = 0;
    for folder in ["run", "state", "ppp", "lock"] {
        for entry in fs::read_dir(site.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            // The control socket is not one.
            if path.is_file() {
                let text = fs::read(&path).unwrap();
                assert!(!contains(&text, PASSWORD), "{}", path.display());
                looked_at += 1;
            }
        }
    }
    looked_at
}

fn contains(bytes: &[u8], pattern: &str) -> bool {
    bytes
        .windows(pattern.len())
        .any(|window| window == pattern.as_bytes())
}

//! The daemon against a real pppd on a real Linux kernel, behind a modem: nothing of the peer is ours.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use protocol_tests::clock::{Deadline, pause, wait_until};
use protocol_tests::daemon::{Daemon, PATIENCE, Site};
use protocol_tests::isp::{CLIENT_ADDRESS, ISP_ADDRESS, Isp, PASSWORD, USER};
use protocol_tests::modem::{Modem, ModemConfig};
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::require;
use uplinkd::random::Random;

const AUTH_REFUSED: i32 = 19;

#[test]
fn comes_up_without_authentication_and_ends_on_sigterm() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let options = ["noauth", "ms-dns", "192.0.2.53", "ms-dns", "192.0.2.54"];
    let mut link = Link::start(1, &options, &[("AUTH", "NOAUTH")], &[]);
    link.wait_up();
    for line in [
        &format!("local  IP address {CLIENT_ADDRESS}"),
        &format!("remote IP address {ISP_ADDRESS}"),
        "primary   DNS address 192.0.2.53",
        "secondary DNS address 192.0.2.54",
    ] {
        link.daemon.process.wait_for_line(line, PATIENCE);
    }
    link.ping(56, 3);
    assert_eq!(
        link.daemon.terminate(),
        5,
        "{}",
        link.daemon.process.transcript()
    );
    for line in [
        "sent [LCP TermReq id=0x2 \"User request\"]",
        "Terminating on signal 15",
        "Connection terminated.",
        "Exit.",
    ] {
        link.daemon.process.wait_for_line(line, PATIENCE);
    }
    let log = link.isp.log();
    assert!(
        log.contains("LCP terminated by peer (User request)"),
        "{log}"
    );
    assert!(!link.namespace.has_interface("ppp0"));
    assert!(!link.modem.is_online());
}

#[test]
fn authenticates_by_pap() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let keys = [("AUTH", "PAP"), ("ACCOUNT", USER), ("PASSWORD", PASSWORD)];
    let mut link = Link::start(1, &["auth", "require-pap"], &keys, &[]);
    link.wait_up();
    link.daemon
        .process
        .wait_for_line("PAP authentication succeeded", PATIENCE);
    link.daemon.process.wait_for_line(
        &format!("sent [PAP AuthReq id=0x1 user=\"{USER}\" password=<hidden>]"),
        PATIENCE,
    );
    link.ping(56, 3);
    assert_eq!(link.daemon.terminate(), 5);
    assert!(!link.daemon.process.text().contains(PASSWORD));
}

#[test]
fn authenticates_by_chap() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let keys = [("AUTH", "CHAP"), ("ACCOUNT", USER), ("PASSWORD", PASSWORD)];
    // Challenged again every second while the link is up.
    let options = ["auth", "require-chap", "chap-interval", "1"];
    let mut link = Link::start(1, &options, &keys, &[]);
    link.wait_up();
    let mark = link.daemon.process.wait_for_line_after(
        Default::default(),
        "CHAP authentication succeeded",
        PATIENCE,
    );
    let (_, mark) =
        link.daemon
            .process
            .wait_for_line_after(mark.1, "rcvd [CHAP Challenge", PATIENCE);
    link.daemon
        .process
        .wait_for_line_after(mark, "rcvd [CHAP Success", PATIENCE);
    link.ping(56, 3);
    assert_eq!(link.daemon.terminate(), 5);
    assert!(!link.daemon.process.text().contains(PASSWORD));
}

#[test]
fn a_wrong_pap_password_ends_with_its_status() {
    refused("PAP", "require-pap", "PAP authentication failed");
}

#[test]
fn a_wrong_chap_password_ends_with_its_status() {
    refused("CHAP", "require-chap", "CHAP authentication failed");
}

fn refused(method: &str, option: &str, line: &str) {
    protocol_tests::require!(require::UML, require::DAEMON);
    let wrong = "wr0ng-Pa55";
    let keys = [("AUTH", method), ("ACCOUNT", USER), ("PASSWORD", wrong)];
    let mut link = Link::start(1, &["auth", option], &keys, &["--once"]);
    let status = link.daemon.wait_exit(PATIENCE);
    assert_eq!(status, AUTH_REFUSED, "{}", link.daemon.process.transcript());
    link.daemon.process.wait_for_line(line, PATIENCE);
    let text = link.daemon.process.text();
    assert!(!text.contains(wrong), "{text}");
    assert!(!link.namespace.has_interface("ppp0"));
}

#[test]
fn carries_everything_with_every_compression_and_escape() {
    protocol_tests::require!(require::UML, require::DAEMON);
    // Each call with other options; the daemon stays the same.
    let cases: &[(&[&str], u16)] = &[
        (&["noauth", "asyncmap", "0"], 1500),
        (&["noauth", "asyncmap", "ffffffff"], 1500),
        (&["noauth", "nopcomp", "noaccomp"], 1500),
        (&["noauth", "mru", "576"], 576),
        (
            &["noauth", "nomagic", "default-asyncmap", "default-mru"],
            1500,
        ),
    ];
    let mut link = Link::start_toml(cases.len(), cases[0].0, ANY_NUMBER_OF_CUTS);
    for (index, (_, mtu)) in cases.iter().enumerate() {
        link.wait_up();
        let shown = link.namespace.run("ip -o link show ppp0");
        assert!(
            shown.contains(&format!(" mtu {mtu} ")),
            "{:?}: {shown}",
            cases[index].0
        );
        link.ping(1472, 10);
        link.echo_tcp(100_000);
        if let Some((options, _)) = cases.get(index + 1) {
            link.isp.set_options(options);
            link.cut();
        }
    }
    assert_eq!(link.daemon.terminate(), 5);
}

#[test]
fn loses_none_of_100_large_pings() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let mut link = Link::start(1, &["noauth"], &[("AUTH", "NOAUTH")], &[]);
    link.wait_up();
    link.ping(1472, 100);
}

#[test]
fn carries_10_megabytes_of_tcp_both_ways() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let mut link = Link::start(1, &["noauth"], &[("AUTH", "NOAUTH")], &[]);
    link.wait_up();
    link.echo_tcp(10 * 1024 * 1024);
    assert_eq!(link.daemon.terminate(), 5);
}

#[test]
fn a_terminate_request_of_the_peer_is_answered_and_redialed() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let mut link = Link::start(2, &["noauth"], &[("AUTH", "NOAUTH"), ("HOLDOFF", "0")], &[]);
    link.wait_up();
    let mark = link.daemon.process.mark();
    link.isp.kill("TERM");
    let (_, mark) = link
        .daemon
        .process
        .wait_for_line_after(mark, "rcvd [LCP TermReq", PATIENCE);
    link.daemon
        .process
        .wait_for_line_after(mark, "sent [LCP TermAck", PATIENCE);
    link.modem.wait_for_call(2, PATIENCE);
    link.wait_up();
    link.ping(56, 3);
    link.isp
        .uml()
        .wait_for_pppd_log(1, "rcvd [LCP TermAck", PATIENCE);
    assert_eq!(link.daemon.terminate(), 5);
}

#[test]
fn a_terminate_request_of_the_peer_ends_a_single_link_with_status_0() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let keys = [("AUTH", "NOAUTH"), ("PERSIST", "0")];
    let mut link = Link::start(1, &["noauth"], &keys, &[]);
    link.wait_up();
    link.isp.kill("TERM");
    assert_eq!(
        link.daemon.wait_exit(PATIENCE),
        0,
        "{}",
        link.daemon.process.transcript()
    );
}

#[test]
fn a_silent_peer_is_noticed_by_echo_requests_and_redialed() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let mut link = Link::start_toml(
        2,
        &["noauth"],
        "[supervision]\nholdoff = 0\n[ppp.echo]\ninterval = 1\nfailure = 2\n",
    );
    link.wait_up();
    let mark = link.daemon.process.mark();
    link.isp.kill("KILL");
    link.daemon
        .process
        .wait_for_line_after(mark, "No response to 2 echo-requests", PATIENCE);
    link.modem.wait_for_call(2, PATIENCE);
    link.wait_up();
    link.ping(56, 3);
    assert_eq!(link.daemon.terminate(), 5);
}

#[test]
fn a_peer_that_was_restarted_negotiates_anew_on_the_same_call() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let mut link = Link::start(1, &["noauth"], &[("AUTH", "NOAUTH")], &[]);
    link.wait_up();
    let mark = link.daemon.process.mark();
    link.isp.kill("KILL");
    link.isp.uml().wait_for_pppd_exit(1, PATIENCE);
    // Not silent: it speaks first, to a client that believes the link to be up.
    let options = format!("local noipv6 noauth {ISP_ADDRESS}:10.64.64.9");
    link.isp.uml().pppd_exactly(1, &options);
    link.daemon
        .process
        .wait_for_line_after(mark, "local  IP address 10.64.64.9", PATIENCE);
    wait_until("the new address", PATIENCE, || {
        link.namespace
            .run("ip -4 -o addr show")
            .contains("10.64.64.9")
            .then_some(())
    });
    link.wait_up();
    link.ping(56, 3);
    assert_eq!(link.modem.calls(), 1);
    assert_eq!(link.daemon.terminate(), 5);
}

#[test]
fn a_line_cut_20_times_comes_back_20_times() {
    protocol_tests::require!(require::UML, require::DAEMON);
    let mut link = Link::start_toml(21, &["noauth"], ANY_NUMBER_OF_CUTS);
    link.wait_up();
    for cut in 1..=20 {
        link.cut();
        assert_eq!(link.modem.calls(), cut + 1);
        link.ping(56, 1);
    }
    assert_eq!(link.daemon.process.count("Modem hangup"), 20);
    assert_eq!(link.daemon.terminate(), 5);
}

/// A daemon in a namespace, a modem, and the ISP. Dropped in this order.
struct Link {
    daemon: Daemon,
    modem: Modem,
    isp: Isp,
    namespace: Namespace,
    _site: Site,
}

/// Links that are cut before they were good are neither waited for longer and longer, nor do they reset the modem.
const ANY_NUMBER_OF_CUTS: &str = "\
apn = \"internet\"
[ppp]
auth = \"NOAUTH\"
[supervision]
holdoff = 0
[supervision.backoff]
network_max = 1
[supervision.reset]
on_fail = false
";

impl Link {
    fn start(calls: usize, options: &[&str], keys: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::start_with(calls, options, arguments, |site| {
            site.configure(&[&[("APN", "internet")], keys].concat());
        })
    }

    fn start_toml(calls: usize, options: &[&str], toml: &str) -> Self {
        Self::start_with(calls, options, &[], |site| {
            let device = format!("[modem]\ndevice = {:?}\n", site.tty());
            site.write("config.toml", &format!("{device}{toml}"));
        })
    }

    fn start_with(
        calls: usize,
        options: &[&str],
        arguments: &[&str],
        configure: impl FnOnce(&Site),
    ) -> Self {
        let isp = Isp::start(calls, options);
        let site = Site::new();
        configure(&site);
        let modem = Modem::start(&site.tty(), ModemConfig::default(), isp.peer());
        let namespace = Namespace::new();
        let daemon = site.run(&namespace, arguments);
        Self {
            daemon,
            modem,
            isp,
            namespace,
            _site: site,
        }
    }

    /// Waits until packets flow. pppd acknowledges IPCP some milliseconds before its interface is up, so the first ping
    /// after an address may be lost and proves nothing.
    fn wait_up(&mut self) {
        self.daemon.wait_for_address(&self.namespace, PATIENCE);
        let deadline = Deadline::after(PATIENCE);
        let ping = format!("ping -c 1 -W 1 {ISP_ADDRESS}");
        while !self.namespace.try_run(&ping, PATIENCE).0 {
            assert!(
                !deadline.passed(),
                "no answer to a ping\n{}\n{}",
                self.daemon.process.transcript(),
                self.isp.log()
            );
            pause(Duration::from_millis(20));
        }
    }

    /// `count` pings of `size` octets, none of which may be lost.
    fn ping(&self, size: usize, count: u16) {
        let isp = ISP_ADDRESS.parse().unwrap();
        let answered = ping(&self.namespace, isp, size, count, PATIENCE);
        assert_eq!(answered, count, "{}", self.daemon.process.transcript());
    }

    /// Sends `count` octets to the guest, which sends them back meanwhile: none may be lost or changed.
    fn echo_tcp(&self, count: usize) {
        // Only one at a time, so the port can be the same.
        self.isp
            .uml()
            .run("busybox nc -l -p 5001 -e busybox cat </dev/null >/dev/null 2>&1 &");
        let mut sent = vec![0; count];
        Random::new(count as u64).fill(&mut sent);
        let received = self.namespace.enter(|| {
            let deadline = Deadline::after(PATIENCE);
            let mut stream = loop {
                match TcpStream::connect((ISP_ADDRESS, 5001)) {
                    Ok(stream) => break stream,
                    Err(error) => {
                        assert!(!deadline.passed(), "no connection to the guest: {error}")
                    }
                }
                pause(Duration::from_millis(20));
            };
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            let mut sender = stream.try_clone().unwrap();
            thread::scope(|scope| {
                scope.spawn(|| {
                    sender.write_all(&sent).expect("send to the guest");
                    sender.shutdown(Shutdown::Write).unwrap();
                });
                let mut received = Vec::new();
                stream
                    .read_to_end(&mut received)
                    .expect("receive from the guest");
                received
            })
        });
        assert_eq!(received.len(), sent.len(), "octets were lost");
        assert!(received == sent, "octets were changed");
    }

    /// Lets the network drop the call, and waits until the link is up again.
    fn cut(&mut self) {
        let mark = self.daemon.process.mark();
        let calls = self.modem.calls();
        self.modem.drop_carrier();
        let (_, mark) = self
            .daemon
            .process
            .wait_for_line_after(mark, "Modem hangup", PATIENCE);
        self.modem.wait_for_call(calls + 1, PATIENCE);
        self.daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
        self.wait_up();
    }
}

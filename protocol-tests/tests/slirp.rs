//! The daemon against slirp, a second independent peer: a PPP implementation in user space that shares no line with
//! pppd's, and carries real TCP to the loopback interface of the host.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use protocol_tests::daemon::{PATIENCE, Site};
use protocol_tests::modem::{Modem, ModemConfig};
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::require;
use protocol_tests::slirp::{Slirp, SlirpAuth};
use uplinkd::random::Random;

const USER: &str = "joe";
const PASSWORD: &str = "s3cr3t-Pa55";
/// slirp's own address as the client sees it; TCP to it reaches the host's loopback.
const SLIRP: &str = "10.0.2.2";

#[test]
fn comes_up_without_authentication() {
    check(SlirpAuth::None, "NOAUTH", "remote IP address 10.0.2.2");
}

#[test]
fn comes_up_by_pap() {
    check(SlirpAuth::Pap, "PAP", "PAP authentication succeeded");
}

#[test]
fn comes_up_by_chap() {
    check(SlirpAuth::Chap, "CHAP", "CHAP authentication succeeded");
}

#[test]
fn a_wrong_password_ends_with_status_19() {
    protocol_tests::require!(require::SLIRP, require::DAEMON);
    for (auth, method) in [(SlirpAuth::Pap, "PAP"), (SlirpAuth::Chap, "CHAP")] {
        let slirp = Slirp::new(auth, USER, PASSWORD);
        let site = Site::new();
        site.configure(&[
            ("AUTH", method),
            ("ACCOUNT", USER),
            ("PASSWORD", "wr0ng-Pa55"),
        ]);
        let modem = Modem::start(&site.tty(), ModemConfig::default(), slirp.peer());
        let namespace = Namespace::new();
        let mut daemon = site.run(&namespace, &["--once"]);
        assert_eq!(
            daemon.wait_exit(PATIENCE),
            19,
            "{}",
            daemon.process.transcript()
        );
        assert!(!daemon.process.text().contains("wr0ng-Pa55"));
        drop(modem);
    }
}

fn check(auth: SlirpAuth, method: &str, line: &str) {
    protocol_tests::require!(require::SLIRP, require::DAEMON);
    let slirp = Slirp::new(auth, USER, PASSWORD);
    let site = Site::new();
    // slirp asks for its own address, as 0.0.0.0, and ends IPCP if it gets none.
    let mut keys = vec![
        ("REMOTEADDR", SLIRP),
        ("DEFAULTROUTE", "1"),
        ("AUTH", method),
    ];
    if auth != SlirpAuth::None {
        keys.extend([("ACCOUNT", USER), ("PASSWORD", PASSWORD)]);
    }
    site.configure(&keys);
    let _modem = Modem::start(&site.tty(), ModemConfig::default(), slirp.peer());
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.0.2.15");
    daemon.process.wait_for_line(line, PATIENCE);
    assert_eq!(
        ping(&namespace, SLIRP.parse().unwrap(), 1472, 5, PATIENCE),
        5
    );
    echo_through_slirp(&namespace, 1_000_000);
    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
    assert!(!daemon.process.text().contains(PASSWORD));
}

/// Sends `count` octets to a service on the host's loopback, which sends them back.
fn echo_through_slirp(namespace: &Namespace, count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = stream.try_clone().unwrap();
        std::io::copy(&mut reader, &mut stream).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
    });
    let mut sent = vec![0; count];
    Random::new(7).fill(&mut sent);
    let received = namespace.enter(|| {
        let mut stream = TcpStream::connect((SLIRP, port)).expect("connect through slirp");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut sender = stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                sender.write_all(&sent).expect("send through slirp");
                sender.shutdown(Shutdown::Write).unwrap();
            });
            let mut received = vec![0; count];
            stream
                .read_exact(&mut received)
                .expect("receive through slirp");
            received
        })
    });
    assert!(received == sent, "octets were changed");
    service.join().unwrap();
}

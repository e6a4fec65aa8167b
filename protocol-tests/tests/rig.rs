//! The rigs themselves, proved with clients that are not ours: a real pppd with chat(8) dials the modem, and a real
//! pppd or slirp answers. What fails here is a mistake of the tests, not of uplinkd.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

use std::io::{Read, Write};
use std::time::Duration;

use protocol_tests::bridge;
use protocol_tests::clock::pause;
use protocol_tests::modem::{Modem, ModemConfig, Peer};
use protocol_tests::require::{self, Need};
use protocol_tests::slirp::{Slirp, SlirpAuth};
use protocol_tests::temp::TempDir;
use protocol_tests::uml::Uml;
use rustix::fs::{Mode, OFlags, open};

const LIMIT: Duration = Duration::from_secs(30);
const CHAT: &str = r#"/usr/sbin/chat -v -t 10 ABORT BUSY ABORT "NO CARRIER" "" ATZ OK ATE0 OK AT+CGDCONT=1,\"IP\",\"test\" OK ATDT*99# CONNECT \d"#;

#[test]
fn guests_run_side_by_side_and_stop() {
    protocol_tests::require!(require::UML);
    let guests = [Uml::start(1), Uml::start(2)];
    assert_eq!(
        guests[0].try_run("echo one; false"),
        (1, "one\n".to_owned())
    );
    assert_eq!(guests[1].run("echo two"), "two\n");
    for guest in guests {
        guest.stop();
    }
}

#[test]
fn a_real_pppd_reaches_a_real_pppd_through_the_modem() {
    protocol_tests::require!(require::UML);
    let isp = std::sync::Arc::new(Uml::start(2));
    isp.account("joe", "secret");
    let peer: Peer = Box::new({
        let isp = isp.clone();
        move || {
            let line = isp.line();
            let options = [
                "auth",
                "require-chap",
                "ms-dns",
                "192.0.2.53",
                "10.64.64.1:10.64.64.2",
            ];
            isp.pppd(line.number, &options);
            Ok(line.stream)
        }
    });
    let client = Uml::start(1);
    let (log, _modem, _dir) = dial_with_pppd(&client, peer, "user joe");
    assert!(log.contains("CHAP authentication succeeded"), "{log}");
    assert!(log.contains("local  IP address 10.64.64.2"), "{log}");
    assert!(log.contains("primary   DNS address 192.0.2.53"), "{log}");
    let ping = client.run("busybox ping -c 20 -i 0.01 -W 10 -s 1472 10.64.64.1");
    assert!(ping.contains("20 packets received"), "{ping}");
    client.kill(1, "TERM");
    isp.wait_for_pppd_log(1, "LCP terminated by peer", LIMIT);
    isp.wait_for_pppd_exit(1, LIMIT);
}

#[test]
fn a_real_pppd_reaches_slirp_through_the_modem() {
    protocol_tests::require!(require::UML, require::SLIRP);
    for (auth, success) in [
        (SlirpAuth::None, "local  IP address"),
        (SlirpAuth::Pap, "PAP authentication succeeded"),
        (SlirpAuth::Chap, "CHAP authentication succeeded"),
    ] {
        let slirp = Slirp::new(auth, "joe", "secret");
        let client = Uml::start(1);
        let (log, _modem, _dir) =
            dial_with_pppd(&client, slirp.peer(), "user joe 10.0.2.15:10.0.2.2");
        assert!(
            log.contains(success),
            "{auth:?}: {log}\n{}",
            slirp.transcript()
        );
        let ping = client.run("busybox ping -c 3 -i 0.05 -W 10 10.0.2.2");
        assert!(ping.contains("3 packets received"), "{auth:?}: {ping}");
    }
}

#[test]
fn closing_the_line_hangs_up_the_pppd() {
    protocol_tests::require!(require::UML);
    let isp = Uml::start(1);
    let line = isp.line();
    isp.pppd(line.number, &["noauth", "10.64.64.1:10.64.64.2"]);
    isp.wait_for_pppd_log(line.number, "using channel", LIMIT);
    drop(line.stream);
    isp.wait_for_pppd_exit(line.number, LIMIT);
}

#[test]
fn the_modem_answers_and_escapes_and_hangs_up() {
    protocol_tests::require!(&[Need::Program("sh", "dash")]);
    let dir = TempDir::new("modem");
    let path = dir.join("tty0");
    let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut near = Some(near);
    let peer: Peer = Box::new(move || Ok(near.take().unwrap()));
    let config = ModemConfig {
        busy: 1,
        echo: false,
        guard: Duration::from_millis(100),
        ..ModemConfig::default()
    };
    let modem = Modem::start(&path, config, peer);
    let tty = open(
        &path,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .unwrap();
    let mut tty = std::fs::File::from(tty);
    let mut say = |text: &str, answer: &str| {
        tty.write_all(text.as_bytes()).unwrap();
        let mut heard = vec![0; answer.len()];
        tty.read_exact(&mut heard).unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), answer);
    };
    say("ATZ\r", "\r\nOK\r\n");
    say("ATX9\r", "\r\nERROR\r\n");
    say("ATD*99#\r", "\r\nBUSY\r\n");
    say("ATD*99#\r", "\r\nCONNECT 115200\r\n");
    far.write_all(b"hello").unwrap();
    say("there", "hello");
    let mut heard = [0; 5];
    far.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"there");
    pause(Duration::from_millis(150));
    say("+++", "\r\nOK\r\n");
    say("ATO\r", "\r\nCONNECT 115200\r\n");
    pause(Duration::from_millis(150));
    say("+++", "\r\nOK\r\n");
    say("ATH\r", "\r\nOK\r\n");
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"++++++", "hung up, and the escapes passed through");
    assert_eq!(modem.commands().len(), 6);
    modem.unplug();
    assert!(std::fs::metadata(&path).is_err());
    modem.plug();
    assert!(std::fs::metadata(&path).is_ok());
}

/// Lets a real pppd in `client` dial a modem with chat(8), and waits until it has an address; its log.
fn dial_with_pppd(client: &Uml, peer: Peer, options: &str) -> (String, Modem, TempDir) {
    let dir = TempDir::new("rig");
    let modem = Modem::start(&dir.join("tty0"), ModemConfig::default(), peer);
    let line = client.line();
    bridge::join(modem.path(), line.stream);
    client.account("joe", "secret");
    client.pppd_exactly(
        line.number,
        &format!(
            "connect '{}' local noauth usepeerdns {options}",
            CHAT.replace('\'', "")
        ),
    );
    client.wait_for_pppd_log(line.number, "remote IP address", LIMIT);
    (client.pppd_log(line.number), modem, dir)
}

//! A line without a modem: a peers file without `connect` (spec F1).

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::BytesMut;
use protocol_tests::clock::{self, pause};
use protocol_tests::daemon::{PATIENCE, Site, wait_for_state};
use protocol_tests::modem::silent_tty;
use protocol_tests::namespace::Namespace;
use protocol_tests::require;
use uplinkd::ppp::config::{Assign, IpcpConfig, LcpConfig};
use uplinkd::ppp::{Endpoint, SessionConfig};
use uplinkd::time::Instant;

use super::{OPTIONS, file, peers};

/// Another PPP at the far end of a tty, which waits to be spoken to.
struct FarEnd {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<u8>>>,
}

impl FarEnd {
    fn start(path: &Path) -> Self {
        let tty = silent_tty(path);
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let begun = clock::now();
            let now = || Instant::from_millis(begun.elapsed().as_millis() as u64);
            let config = SessionConfig {
                lcp: LcpConfig {
                    silent: true,
                    ..LcpConfig::default()
                },
                ipcp: IpcpConfig {
                    local: Some(Ipv4Addr::new(10, 0, 0, 1)),
                    request_dns: false,
                    assign: Some(Assign {
                        address: Ipv4Addr::new(10, 0, 0, 2),
                        dns: [None, None],
                    }),
                    ..IpcpConfig::default()
                },
                ..SessionConfig::default()
            };
            let mut endpoint = Endpoint::new(config, 5);
            endpoint.line_up(now());
            let (mut seen, mut wire, mut buffer) = (Vec::new(), BytesMut::new(), [0; 4096]);
            while !told.load(Ordering::Relaxed) {
                // EIO while nobody has it open, EAGAIN while nothing comes.
                if let Ok(n) = rustix::io::read(&tty, &mut buffer) {
                    seen.extend_from_slice(&buffer[..n]);
                    endpoint.handle_bytes(now(), &buffer[..n], |_| {});
                }
                endpoint.handle_timeout(now());
                while endpoint.poll_event().is_some() {}
                if endpoint.poll_transmit(&mut wire) {
                    let _ = rustix::io::write(&tty, &wire);
                    wire.clear();
                }
                pause(Duration::from_millis(2));
            }
            seen
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// All that has come in.
    fn end(mut self) -> Vec<u8> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

#[test]
fn f1_without_connect_ppp_begins_at_once_and_nothing_else_is_sent() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let far = FarEnd::start(&site.tty());
    file(&site, "ppp/options", OPTIONS, 0o640);
    let text = format!(
        "{}\n115200\nnoauth\nlocal\nusepeerdns\n",
        site.tty().display()
    );
    peers(&site, "leased", &text);
    site.write("config", "PROVIDER=leased\n");
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.0.0.2");
    wait_for_state(&site, "up");
    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
    assert_eq!(daemon.process.count("send ("), 0);
    assert_eq!(daemon.process.count("Serial connection established."), 0);
    let seen = far.end();
    assert_eq!(seen.first(), Some(&0x7e));
    let has = |word: &[u8]| seen.windows(word.len()).any(|part| part == word);
    assert!(!has(b"AT") && !has(b"+++"), "{seen:02x?}");
}

//! Sessions in virtual time, packet by packet. What is sent is compared as pppd would print it.

mod auth;
mod ipcp;
mod lcp;
mod link;
mod malformed;
mod random;
mod rejects;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::ppp::config::AllowedAuth;
use crate::ppp::event::Layer;
use crate::ppp::print;
use crate::ppp::wire::code::*;
use crate::ppp::wire::{ControlPacket, RawOption};
use crate::secret::Secret;

const SEED: u64 = 7;

const ACCM_0: &[u8] = &[2, 6, 0, 0, 0, 0];
const CHAP_MD5: &[u8] = &[3, 5, 0xc2, 0x23, 5];
const PAP: &[u8] = &[3, 4, 0xc0, 0x23];
const PFC: &[u8] = &[7, 2];
const ACFC: &[u8] = &[8, 2];
const VJ: &[u8] = &[2, 6, 0, 0x2d, 0x0f, 1];

/// A session on a bench: the test plays the peer.
struct Bench {
    session: Session,
    now: Instant,
    sent: Vec<String>,
    /// The same as bytes: protocol and information field.
    raw: Vec<(Protocol, Vec<u8>)>,
    events: Vec<Event>,
}

impl Bench {
    /// A session whose line has just come up.
    fn new(config: SessionConfig) -> Self {
        let mut bench = Self::before_line_up(config);
        bench.session.line_up(bench.now);
        bench.drain();
        bench
    }

    fn before_line_up(config: SessionConfig) -> Self {
        let session = Session::new(config, SEED);
        let now = Instant::ZERO;
        Self {
            session,
            now,
            sent: Vec::new(),
            raw: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A session with LCP open and nobody to prove anything; what was sent and told so far is taken
    /// away.
    fn networking(config: SessionConfig) -> Self {
        let mut bench = Self::new(config);
        bench.open_lcp(&[]);
        assert_eq!(bench.session.phase(), Phase::Network);
        bench.sent.retain(|line| line.contains("IPCP"));
        bench.events.clear();
        bench
    }

    /// As [`networking`](Self::networking), with IPCP open as well: we are 10.0.0.2, the peer is
    /// 10.0.0.1.
    fn online(config: SessionConfig) -> Self {
        let mut bench = Self::networking(config);
        bench.open_ipcp();
        bench.take_sent();
        bench.take_events();
        bench
    }

    /// Acknowledges our LCP request and sends one with `options`, which has to be acknowledged.
    fn open_lcp(&mut self, options: &[u8]) {
        let request = self.last_request(Protocol::LCP);
        self.lcp(CONFIGURE_ACK, request.0, &request.1);
        self.lcp(CONFIGURE_REQUEST, 0x21, options);
        assert!(self.session.lcp.is_opened());
    }

    fn open_ipcp(&mut self) {
        let nak = addresses(&[(3, [10, 0, 0, 2]), (129, [9, 9, 9, 1]), (131, [9, 9, 9, 2])]);
        let id = self.last_request(Protocol::IPCP).0;
        self.ipcp(CONFIGURE_NAK, id, &nak);
        self.ipcp(CONFIGURE_REQUEST, 0x31, &addresses(&[(3, [10, 0, 0, 1])]));
        let request = self.last_request(Protocol::IPCP);
        self.ipcp(CONFIGURE_ACK, request.0, &request.1);
        assert!(self.session.network().is_some());
    }

    /// Identifier and options of the request that waits for an answer.
    fn last_request(&self, protocol: Protocol) -> (u8, Vec<u8>) {
        match protocol {
            Protocol::LCP => self.session.lcp.last_request(),
            _ => self.session.ipcp.last_request(),
        }
    }

    fn lcp(&mut self, code: u8, id: u8, data: &[u8]) {
        self.receive(Protocol::LCP, code, id, data);
    }

    fn ipcp(&mut self, code: u8, id: u8, data: &[u8]) {
        self.receive(Protocol::IPCP, code, id, data);
    }

    fn receive(&mut self, protocol: Protocol, code: u8, id: u8, data: &[u8]) {
        let mut info = Vec::new();
        ControlPacket::write(code, id, data, &mut info);
        self.receive_raw(protocol, &info);
    }

    fn receive_raw(&mut self, protocol: Protocol, info: &[u8]) {
        let mut frame = vec![0xff, 0x03];
        frame.extend_from_slice(&protocol.0.to_be_bytes());
        frame.extend_from_slice(info);
        assert_eq!(
            self.session.handle_frame(self.now, &frame),
            Received::Handled
        );
        self.drain();
    }

    /// Lets time go on to `ms` after the start; everything that is due on the way happens at its
    /// moment.
    fn at(&mut self, ms: u64) {
        let end = Instant::from_millis(ms);
        for _ in 0..10_000 {
            let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        panic!("the session does not come to rest before {end:?}");
    }

    fn drain(&mut self) {
        while let Some(Transmit { frame, .. }) = self.session.poll_transmit() {
            let (protocol, info) = parse_frame(&frame).unwrap();
            let mut line = String::new();
            print::packet(protocol, info, &mut line);
            self.sent.push(line);
            self.raw.push((protocol, info.to_vec()));
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    fn take_sent(&mut self) -> Vec<String> {
        self.raw.clear();
        std::mem::take(&mut self.sent)
    }

    fn take_raw(&mut self) -> Vec<(Protocol, Vec<u8>)> {
        self.sent.clear();
        std::mem::take(&mut self.raw)
    }

    /// The events since the last call, log lines and phases left out.
    fn take_events(&mut self) -> Vec<Event> {
        let events = std::mem::take(&mut self.events);
        let kept = |event: &Event| !matches!(event, Event::Log(_) | Event::Phase(_));
        events.into_iter().filter(kept).collect()
    }

    /// The texts of log lines since the last call, packets left out.
    fn take_logs(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        let lines = events.into_iter().filter_map(|event| match event {
            Event::Log(line) => Some(line.text),
            _ => None,
        });
        lines
            .filter(|line| !line.starts_with("sent ") && !line.starts_with("rcvd "))
            .collect()
    }

    #[track_caller]
    fn expect_sent(&mut self, lines: &[&str]) {
        assert_eq!(self.take_sent(), lines);
    }

    /// Protocol, code, identifier and data of everything that was sent.
    #[track_caller]
    fn expect_raw(&mut self, packets: &[(Protocol, u8, u8, &[u8])]) {
        let expected = packets.iter().map(|(protocol, code, id, data)| {
            let mut info = Vec::new();
            ControlPacket::write(*code, *id, data, &mut info);
            (*protocol, info)
        });
        assert_eq!(self.take_raw(), expected.collect::<Vec<_>>());
    }

    #[track_caller]
    fn expect_down(&mut self, reason: DownReason) {
        assert_eq!(self.take_events(), [Event::Down(reason)]);
    }
}

/// A client without magic number and echo, so that what it sends is short and the same each time.
fn plain() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.lcp.magic = false;
    config.lcp.accm = None;
    config.lcp.pfc = false;
    config.lcp.acfc = false;
    config.echo.interval = Duration::ZERO;
    config
}

/// [`plain`], with a name and a password.
fn with_credentials(pap: bool, chap_md5: bool) -> SessionConfig {
    let mut config = plain();
    config.credentials.user = "sora".to_owned();
    config.credentials.secret = Secret::new("sora");
    config.credentials.allow = AllowedAuth { pap, chap_md5 };
    config
}

fn magic(number: u32) -> Vec<u8> {
    option(5, &number.to_be_bytes())
}

fn option(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    RawOption { kind, data }.write(&mut out);
    out
}

fn addresses(list: &[(u8, [u8; 4])]) -> Vec<u8> {
    list.iter()
        .flat_map(|(kind, address)| option(*kind, address))
        .collect()
}

//! Two endpoints, the gateway's and the ISP's, over a line in virtual time. Everything is bounded:
//! two peers that never stop talking fail the test.

use std::collections::VecDeque;

use super::*;
use crate::ppp::config::{
    Account, AllowedAuth, Assign, AuthDemand, AuthMessages, AuthMethod, EchoConfig,
};
use crate::random::Random;
use crate::secret::Secret;

mod escaping;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 12, 58, 70);
const ISP: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);
const DNS: [Option<Ipv4Addr>; 2] = [
    Some(Ipv4Addr::new(9, 9, 9, 9)),
    Some(Ipv4Addr::new(149, 112, 112, 112)),
];

/// How good a line is.
#[derive(Clone, Copy, Debug, Default)]
struct Quality {
    latency: Duration,
    /// Writes in a thousand that are lost whole.
    lost: u64,
    /// Writes in a thousand that come with one bit turned over.
    flipped: u64,
    /// Writes in a thousand that come twice.
    doubled: u64,
    /// Octets per read at most; 0: no limit.
    chunk: usize,
    /// The line puts an XON behind every so many octets for the gateway; 0: none.
    xon_every: usize,
}

struct Side {
    endpoint: Endpoint,
    /// Bytes on their way to this side.
    inbound: VecDeque<(Instant, Vec<u8>)>,
    received: Vec<Vec<u8>>,
    ups: Vec<Ipv4Settings>,
    down: Option<DownReason>,
}

struct Pair {
    gateway: Side,
    isp: Side,
    now: Instant,
    quality: Quality,
    random: Random,
    steps: u32,
}

impl Side {
    fn new(config: SessionConfig, seed: u64) -> Self {
        Self {
            endpoint: Endpoint::new(config, seed),
            inbound: VecDeque::new(),
            received: Vec::new(),
            ups: Vec::new(),
            down: None,
        }
    }

    fn is_up(&self) -> bool {
        self.endpoint.network().is_some()
    }

    fn next_event(&self) -> Option<Instant> {
        let inbound = self.inbound.front().map(|(due, _)| *due);
        inbound
            .into_iter()
            .chain(self.endpoint.poll_timeout())
            .min()
    }

    /// Takes what has arrived, then what is due.
    fn run(&mut self, now: Instant, chunk: usize) {
        while let Some((_, bytes)) = self.inbound.pop_front_if(|(due, _)| *due <= now) {
            let received = &mut self.received;
            for piece in bytes.chunks(if chunk == 0 { bytes.len() } else { chunk }) {
                self.endpoint
                    .handle_bytes(now, piece, |packet| received.push(packet.to_vec()));
            }
        }
        if self.endpoint.poll_timeout().is_some_and(|due| due <= now) {
            self.endpoint.handle_timeout(now);
        }
    }

    fn drain(&mut self) -> Vec<u8> {
        let mut wire = BytesMut::new();
        let _ = self.endpoint.poll_transmit(&mut wire);
        while let Some(event) = self.endpoint.poll_event() {
            assert_eq!(self.down, None, "{event:?} after the end");
            match event {
                Event::NetworkUp(settings) => self.ups.push(settings),
                Event::Down(reason) => self.down = Some(reason),
                Event::Log(_) | Event::Phase(_) | Event::NetworkDown => {}
            }
        }
        wire.to_vec()
    }
}

impl Pair {
    fn new(gateway: SessionConfig, isp: SessionConfig, quality: Quality, seed: u64) -> Self {
        let mut pair = Self {
            gateway: Side::new(gateway, seed),
            isp: Side::new(isp, seed ^ 0xffff),
            now: Instant::ZERO,
            quality,
            random: Random::new(seed),
            steps: 0,
        };
        pair.gateway.endpoint.line_up(pair.now);
        pair.isp.endpoint.line_up(pair.now);
        pair.carry();
        pair
    }

    /// Runs until `done`, or for `limit` of virtual time. True if `done`.
    fn drive(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            let next = [self.gateway.next_event(), self.isp.next_event()]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return done(self);
            };
            self.now = self.now.max(next);
            self.steps += 1;
            assert!(self.steps < 5000, "the two do not come to rest");
            self.gateway.run(self.now, self.quality.chunk);
            self.isp.run(self.now, self.quality.chunk);
            self.carry();
        }
    }

    /// Puts what both have to say on the line.
    fn carry(&mut self) {
        let (out, back) = (self.gateway.drain(), self.isp.drain());
        self.put(out, true);
        self.put(back, false);
    }

    fn put(&mut self, mut bytes: Vec<u8>, to_isp: bool) {
        let Quality {
            latency,
            lost,
            flipped,
            doubled,
            ..
        } = self.quality;
        if bytes.is_empty() || self.random.below(1000) < lost {
            return;
        }
        if self.random.below(1000) < flipped {
            let at = self.random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.random.below(8);
        }
        if self.quality.xon_every > 0 && !to_isp {
            let pieces: Vec<_> = bytes.chunks(self.quality.xon_every).collect();
            bytes = pieces.join(&0x11);
        }
        let copies = if self.random.below(1000) < doubled {
            2
        } else {
            1
        };
        let side = if to_isp {
            &mut self.isp
        } else {
            &mut self.gateway
        };
        for _ in 0..copies {
            side.inbound.push_back((self.now + latency, bytes.clone()));
        }
    }

    fn both_up(&self) -> bool {
        self.gateway.is_up() && self.isp.is_up()
    }

    /// Sends a packet of every size up to the MTU each way, and compares what arrives.
    fn exchange(&mut self) {
        for (from_gateway, sizes) in [(true, [20, 21, 575, 576]), (false, [20, 100, 300, 576])] {
            for size in sizes {
                let mut packet: Vec<u8> = (0..size).map(|n| (n * 7 % 256) as u8).collect();
                packet[0] = 0x45;
                let source = if from_gateway { GATEWAY } else { ISP };
                packet[12..16].copy_from_slice(&source.octets());
                let mut wire = BytesMut::new();
                let (from, to) = if from_gateway {
                    (&mut self.gateway, &mut self.isp)
                } else {
                    (&mut self.isp, &mut self.gateway)
                };
                assert!(from.endpoint.send_ipv4(&packet, &mut wire));
                to.received.clear();
                to.inbound.push_back((self.now, wire.to_vec()));
                to.run(self.now, self.quality.chunk);
                assert_eq!(to.received, [packet]);
            }
        }
    }
}

fn gateway() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.credentials.user = "sora".to_owned();
    config.credentials.secret = Secret::new("sora");
    config.credentials.allow = AllowedAuth {
        pap: true,
        chap_md5: true,
    };
    config
}

fn isp() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.ipcp.local = Some(ISP);
    config.ipcp.accept_local = false;
    config.ipcp.request_dns = false;
    config.ipcp.assign = Some(Assign {
        address: GATEWAY,
        dns: DNS,
    });
    config
}

fn demand(method: AuthMethod, acceptable: AllowedAuth) -> AuthDemand {
    AuthDemand {
        method,
        acceptable,
        name: "UMTS_CHAP_SRVR".to_owned(),
        accounts: vec![Account {
            user: "sora".to_owned(),
            secret: Secret::new("sora"),
        }],
        accept_any: false,
        rechallenge: None,
        messages: AuthMessages::default(),
    }
}

fn allowed(pap: bool, chap_md5: bool) -> AllowedAuth {
    AllowedAuth { pap, chap_md5 }
}

fn expected(mtu: u16) -> (Ipv4Settings, Ipv4Settings) {
    (
        Ipv4Settings {
            local: GATEWAY,
            remote: Some(ISP),
            dns: DNS,
            mtu,
        },
        Ipv4Settings {
            local: ISP,
            remote: Some(GATEWAY),
            dns: [None; 2],
            mtu,
        },
    )
}

#[test]
fn every_combination_of_options_comes_up_at_once_and_carries_packets() {
    for bits in 0..512_u32 {
        let bit = |n: u32| bits >> n & 1 == 1;
        let (mut one, mut other) = (gateway(), isp());
        one.lcp.magic = bit(0);
        one.lcp.pfc = bit(1);
        one.lcp.acfc = bit(2);
        one.lcp.accm = if bit(3) { Some(0) } else { Some(u32::MAX) };
        one.lcp.mru = if bit(4) { 1500 } else { 576 };
        other.lcp.magic = bit(0) != bit(5);
        other.lcp.pfc = bit(5);
        other.lcp.acfc = bit(6);
        other.lcp.accm = if bit(7) { None } else { Some(0x000a_0000) };
        other.lcp.silent = bit(8);
        other.lcp.mru = 1600;
        let mut pair = Pair::new(one, other, Quality::default(), u64::from(bits));
        assert!(pair.drive(Duration::ZERO, Pair::both_up), "{bits:#b}");
        let (here, there) = expected(if bit(4) { 1500 } else { 576 });
        assert_eq!(
            (&pair.gateway.ups[..], &pair.isp.ups[..]),
            (&[here][..], &[there][..])
        );
        pair.exchange();
    }
}

#[test]
fn every_combination_of_authentication_ends_as_it_should() {
    use AuthMethod::{ChapMd5, Pap};
    for method in [Pap, ChapMd5] {
        for acceptable in [
            allowed(true, false),
            allowed(false, true),
            allowed(true, true),
        ] {
            for allow in [
                allowed(false, false),
                allowed(true, false),
                allowed(false, true),
                allowed(true, true),
            ] {
                let (mut one, mut other) = (gateway(), isp());
                one.credentials.allow = allow;
                other.demand = Some(demand(method, acceptable));
                let mut pair = Pair::new(one, other, Quality::default(), 1);
                let up = pair.drive(Duration::from_secs(20), Pair::both_up);
                let asked = match method {
                    Pap => allow.pap,
                    ChapMd5 => allow.chap_md5,
                };
                let other = match method {
                    Pap => allow.chap_md5 && acceptable.chap_md5,
                    ChapMd5 => allow.pap && acceptable.pap,
                };
                assert_eq!(up, asked || other, "{method:?} {acceptable:?} {allow:?}");
                if !up {
                    assert_eq!(pair.isp.down, Some(DownReason::PeerRefusedToAuthenticate));
                }
            }
        }
    }
}

#[test]
fn a_wrong_password_has_a_typed_reason_on_both_sides() {
    for method in [AuthMethod::Pap, AuthMethod::ChapMd5] {
        let (mut one, mut other) = (gateway(), isp());
        one.credentials.secret = Secret::new("wrong");
        other.demand = Some(demand(method, allowed(true, true)));
        let mut pair = Pair::new(one, other, Quality::default(), 1);
        assert!(!pair.drive(Duration::from_secs(5), Pair::both_up));
        let text = "Authentication failed".to_owned();
        assert_eq!(
            pair.gateway.down,
            Some(DownReason::AuthenticationRefused { method, text })
        );
        assert_eq!(pair.isp.down, Some(DownReason::PeerAuthenticationFailed));
    }
}

#[test]
fn both_sides_may_demand_at_once() {
    let (mut one, mut other) = (gateway(), isp());
    other.demand = Some(demand(AuthMethod::ChapMd5, allowed(false, true)));
    other.credentials = one.credentials.clone();
    one.demand = Some(demand(AuthMethod::Pap, allowed(true, false)));
    let mut pair = Pair::new(one, other, Quality::default(), 1);
    assert!(pair.drive(Duration::from_secs(10), Pair::both_up));
}

#[test]
fn rechallenges_and_echoes_keep_a_link_up_for_an_hour() {
    let (mut one, mut other) = (gateway(), isp());
    let mut chap = demand(AuthMethod::ChapMd5, allowed(false, true));
    chap.rechallenge = Some(Duration::from_secs(60));
    other.demand = Some(chap);
    one.echo = EchoConfig {
        interval: Duration::from_secs(10),
        failure: 2,
    };
    let quality = Quality {
        latency: Duration::from_millis(300),
        ..Quality::default()
    };
    let mut pair = Pair::new(one, other, quality, 1);
    assert!(pair.drive(Duration::from_secs(10), Pair::both_up));
    pair.drive(Duration::from_secs(3600), |_| false);
    assert!(pair.both_up());
    assert_eq!((pair.gateway.ups.len(), pair.isp.ups.len()), (1, 1));
    assert_eq!(
        pair.gateway.endpoint.stats().echo_rtt,
        Some(Duration::from_millis(600))
    );
}

#[test]
fn either_side_can_end_it_cleanly() {
    for gateway_closes in [true, false] {
        let mut pair = Pair::new(gateway(), isp(), Quality::default(), 1);
        assert!(pair.drive(Duration::ZERO, Pair::both_up));
        let now = pair.now;
        let (closer, other) = if gateway_closes {
            (&mut pair.gateway, &mut pair.isp)
        } else {
            (&mut pair.isp, &mut pair.gateway)
        };
        closer.endpoint.close(now, "User request");
        let _ = other;
        pair.carry();
        assert!(pair.drive(Duration::from_secs(1), |pair| {
            pair.gateway.down.is_some() && pair.isp.down.is_some()
        }));
        let closed = DownReason::Closed {
            why: "User request".to_owned(),
        };
        let terminated = DownReason::PeerTerminated {
            layer: crate::ppp::Layer::Lcp,
            text: "User request".to_owned(),
            auth_rejected: false,
        };
        let both = (pair.gateway.down.unwrap(), pair.isp.down.unwrap());
        assert_eq!(
            both,
            if gateway_closes {
                (closed, terminated)
            } else {
                (terminated, closed)
            }
        );
    }
}

#[test]
fn both_may_end_it_at_the_same_moment() {
    let mut pair = Pair::new(gateway(), isp(), Quality::default(), 1);
    assert!(pair.drive(Duration::ZERO, Pair::both_up));
    pair.gateway.endpoint.close(pair.now, "one");
    pair.isp.endpoint.close(pair.now, "other");
    pair.carry();
    assert!(
        pair.drive(Duration::ZERO, |pair| pair.gateway.down.is_some()
            && pair.isp.down.is_some())
    );
}

#[test]
fn a_line_that_hands_out_bytes_one_by_one_is_as_good() {
    for chunk in [1, 2, 3, 7] {
        let quality = Quality {
            chunk,
            ..Quality::default()
        };
        let (one, mut other) = (gateway(), isp());
        other.demand = Some(demand(AuthMethod::ChapMd5, allowed(true, true)));
        let mut pair = Pair::new(one, other, quality, 1);
        assert!(pair.drive(Duration::ZERO, Pair::both_up));
        pair.exchange();
    }
}

#[test]
fn every_frame_twice_changes_nothing() {
    for seed in 0..20 {
        let quality = Quality {
            doubled: 1000,
            latency: Duration::from_millis(50),
            ..Quality::default()
        };
        let (one, mut other) = (gateway(), isp());
        other.demand = Some(demand(AuthMethod::ChapMd5, allowed(true, true)));
        let mut pair = Pair::new(one, other, quality, seed);
        assert!(pair.drive(Duration::from_secs(1), Pair::both_up), "{seed}");
        pair.drive(Duration::from_secs(60), |_| false);
        assert_eq!(
            (pair.gateway.ups.len(), pair.isp.ups.len()),
            (1, 1),
            "{seed}"
        );
    }
}

/// Round trips longer than the restart timer (ppp#434): retransmissions cross their answers.
#[test]
fn a_very_slow_line_comes_up_too() {
    for latency in [1000, 1600, 2000, 2900, 4500] {
        let quality = Quality {
            latency: Duration::from_millis(latency),
            ..Quality::default()
        };
        let (one, mut other) = (gateway(), isp());
        other.demand = Some(demand(AuthMethod::ChapMd5, allowed(true, true)));
        let mut pair = Pair::new(one, other, quality, 3);
        let up = pair.drive(Duration::from_secs(120), Pair::both_up);
        assert!(up, "{latency}: {:?} {:?}", pair.gateway.down, pair.isp.down);
    }
}

/// Bit errors and losses of a bad line: it comes up in the end, and both agree.
#[test]
fn a_bad_line_comes_up_within_two_minutes_or_says_why_not() {
    let mut failures = 0;
    for seed in 0..300 {
        let quality = Quality {
            latency: Duration::from_millis(40),
            lost: 100,
            flipped: 100,
            doubled: 100,
            chunk: (seed % 5) as usize * 3,
            xon_every: 0,
        };
        let (one, mut other) = (gateway(), isp());
        other.demand = Some(demand(AuthMethod::ChapMd5, allowed(true, true)));
        let mut pair = Pair::new(one, other, quality, seed);
        if pair.drive(Duration::from_secs(120), Pair::both_up) {
            let (here, there) = expected(1500);
            assert_eq!(pair.gateway.ups.last(), Some(&here), "{seed}");
            assert_eq!(pair.isp.ups.last(), Some(&there), "{seed}");
        } else {
            failures += 1;
            assert!(
                pair.gateway.down.is_some() || pair.isp.down.is_some(),
                "{seed}"
            );
        }
    }
    // A fifth of all writes is lost or broken.
    assert!(failures <= 3, "{failures}");
}

/// The peer was killed and started again: its new session meets our old one.
#[test]
fn a_peer_that_starts_again_is_negotiated_with_again() {
    for magic in [true, false] {
        let (mut one, mut other) = (gateway(), isp());
        one.lcp.magic = magic;
        other.lcp.magic = magic;
        let mut pair = Pair::new(one, other.clone(), Quality::default(), 1);
        assert!(pair.drive(Duration::ZERO, Pair::both_up));
        pair.isp = Side::new(other, 99);
        pair.isp.endpoint.line_up(pair.now);
        pair.carry();
        assert!(
            pair.drive(Duration::from_secs(15), Pair::both_up),
            "{magic}"
        );
        pair.exchange();
    }
}

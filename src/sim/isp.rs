//! The ISP's end of one call: the gateway's own PPP code in the server's role, and the faults on
//! the level of PPP.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use bytes::BytesMut;

use super::fault::Fault;
use super::schedule::CallFault;
use super::tamper::Tamper;
use crate::hdlc::Deframer;
use crate::log::LogLine;
use crate::ppp::config::{
    AllowedAuth, Assign, AuthDemand, AuthMessages, AuthMethod, EchoConfig, FsmConfig, IpcpConfig,
    LcpConfig,
};
use crate::ppp::wire::{Protocol, code, parse_frame};
use crate::ppp::{DownReason, Endpoint, Event, Ipv4Settings, Phase, SessionConfig};
use crate::time::{Instant, earliest};

/// Octets of IP packets that wait for the line at most.
const MAX_QUEUE: usize = 256 * 1024;

/// What the ISP hands out and demands.
#[derive(Clone, Debug)]
pub(super) struct IspConfig {
    pub(super) address: Ipv4Addr,
    pub(super) client: Ipv4Addr,
    pub(super) dns: [Option<Ipv4Addr>; 2],
    pub(super) demand: Option<AuthDemand>,
    pub(super) echo: EchoConfig,
}

/// What the ISP tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IspEvent {
    /// A line of its log, as pppd would have it.
    Log(LogLine),
    /// Packets may flow.
    Up(Ipv4Settings),
    /// The session is over: the call ends once everything sent has arrived.
    Down(DownReason),
    /// The gateway has ended the session, and its Terminate-Request is acknowledged: likewise. RFC
    /// 1661 section 4.4 (zrc) has the automaton wait a while after it, modems do not.
    TerminateAcknowledged,
}

/// Counters of the ISP's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IspStats {
    /// Packets dropped because the line was too slow, or the link not up.
    pub(super) dropped: u64,
    /// Packets whose source is not the address that was assigned (RFC 2827).
    pub(super) spoofed: u64,
}

/// The ISP's end.
pub(super) struct Isp {
    endpoint: Endpoint,
    tamper: Option<Tamper>,
    client: Ipv4Addr,
    queue: VecDeque<Vec<u8>>,
    queued: usize,
    /// From when on it is as good as dead.
    silent_from: Option<Instant>,
    silent: bool,
    up: bool,
    wire: BytesMut,
    events: VecDeque<IspEvent>,
    stats: IspStats,
}

impl Isp {
    pub(super) fn new(config: &IspConfig, faults: &[CallFault], seed: u64) -> Self {
        let silent_from = faults.iter().filter_map(silence).min();
        Self {
            endpoint: Endpoint::new(session_config(config, faults), seed),
            tamper: Tamper::new(faults, seed.rotate_left(32)),
            client: config.client,
            queue: VecDeque::new(),
            queued: 0,
            silent_from,
            silent: false,
            up: false,
            wire: BytesMut::new(),
            events: VecDeque::new(),
            stats: IspStats::default(),
        }
    }

    /// A fault that begins during the call: only falling silent can come then.
    pub(super) fn inject(&mut self, fault: &CallFault) {
        self.silent_from = self.silent_from.into_iter().chain(silence(fault)).min();
    }

    pub(super) fn line_up(&mut self, now: Instant) {
        self.look_whether_silent(now);
        self.endpoint.line_up(now);
        self.after(now);
    }

    /// Bytes of the gateway; `deliver` gets its packets.
    pub(super) fn handle_bytes(
        &mut self,
        now: Instant,
        bytes: &[u8],
        mut deliver: impl FnMut(&[u8]),
    ) {
        self.look_whether_silent(now);
        if self.silent {
            return;
        }
        let (client, stats) = (self.client, &mut self.stats);
        let take = |packet: &[u8]| match packet.get(12..16) {
            Some(source) if source == client.octets() => deliver(packet),
            Some(_) | None => stats.spoofed += 1,
        };
        match &mut self.tamper {
            Some(tamper) => {
                let bytes = tamper.handle_up(now, bytes);
                self.endpoint.handle_bytes(now, &bytes, take);
            }
            None => self.endpoint.handle_bytes(now, bytes, take),
        }
        self.after(now);
    }

    /// A packet for the gateway. It waits for the line; beyond a limit it is dropped.
    pub(super) fn handle_packet(&mut self, packet: Vec<u8>) {
        if !self.up || self.silent || self.queued + packet.len() > MAX_QUEUE {
            self.stats.dropped += 1;
            return;
        }
        self.queued += packet.len();
        self.queue.push_back(packet);
    }

    /// Ends the session by a Terminate-Request.
    pub(super) fn terminate(&mut self, now: Instant, why: &str) {
        self.endpoint.close(now, why);
        self.after(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.look_whether_silent(now);
        if self.silent {
            return;
        }
        self.endpoint.handle_timeout(now);
        if let Some(tamper) = &mut self.tamper {
            tamper.handle_timeout(now);
        }
        self.after(now);
    }

    /// What goes on the line: all control frames, and packets until `room` octets are reached.
    pub(super) fn poll_transmit(&mut self, now: Instant, room: usize) -> BytesMut {
        while self.up && !self.silent && self.wire.len() < room {
            let Some(packet) = self.queue.pop_front() else {
                break;
            };
            self.queued -= packet.len();
            let mut wire = BytesMut::new();
            if !self.endpoint.send_ipv4(&packet, &mut wire) {
                self.stats.dropped += 1;
            }
            self.put_on_wire(now, &wire);
        }
        std::mem::take(&mut self.wire)
    }

    pub(super) fn poll_event(&mut self) -> Option<IspEvent> {
        self.events.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.silent {
            return None;
        }
        let tamper = self.tamper.as_ref().and_then(Tamper::poll_timeout);
        earliest([self.endpoint.poll_timeout(), tamper, self.silent_from])
    }

    /// Whether packets wait for the line.
    pub(super) fn has_packets(&self) -> bool {
        !self.queue.is_empty() && self.up && !self.silent
    }

    pub(super) fn stats(&self) -> IspStats {
        self.stats
    }

    fn look_whether_silent(&mut self, now: Instant) {
        if self.silent_from.is_some_and(|from| from <= now) {
            self.silent_from = None;
            self.silent = true;
            self.wire.clear();
            self.queue.clear();
            self.queued = 0;
        }
    }

    /// What the endpoint's contract asks for after every call.
    fn after(&mut self, now: Instant) {
        let mut wire = BytesMut::new();
        while self.endpoint.poll_transmit(&mut wire) {}
        self.put_on_wire(now, &wire);
        let mut acknowledged = false;
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Log(line) => self.events.push_back(IspEvent::Log(line)),
                Event::Phase(Phase::Terminate) => acknowledged = holds_terminate_ack(&wire),
                Event::Phase(
                    Phase::Dead | Phase::Establish | Phase::Authenticate | Phase::Network,
                ) => {}
                Event::NetworkUp(settings) => {
                    self.up = true;
                    self.events.push_back(IspEvent::Up(settings));
                }
                Event::NetworkDown => self.up = false,
                Event::Down(reason) => {
                    self.up = false;
                    self.events.push_back(IspEvent::Down(reason));
                }
            }
        }
        if acknowledged {
            self.events.push_back(IspEvent::TerminateAcknowledged);
        }
    }

    fn put_on_wire(&mut self, now: Instant, bytes: &[u8]) {
        if self.silent {
            return;
        }
        match &mut self.tamper {
            Some(tamper) => {
                tamper.handle_down(now, bytes);
                let bytes = tamper.poll_transmit();
                self.wire.extend_from_slice(&bytes);
            }
            None => self.wire.extend_from_slice(bytes),
        }
    }
}

fn holds_terminate_ack(mut wire: &[u8]) -> bool {
    let mut deframer = Deframer::new(2000);
    while let Some(result) = deframer.next(&mut wire) {
        let frame = result.ok().and_then(|frame| parse_frame(frame).ok());
        if frame.is_some_and(|(protocol, info)| {
            protocol == Protocol::LCP && info.first() == Some(&code::TERMINATE_ACK)
        }) {
            return true;
        }
    }
    false
}

/// From when on this fault makes the ISP as good as dead.
fn silence(fault: &CallFault) -> Option<Instant> {
    matches!(fault.fault, Fault::LcpSilent(_) | Fault::PeerSilent(_)).then_some(fault.from)
}

/// The server's role, and what faults change of it.
fn session_config(config: &IspConfig, faults: &[CallFault]) -> SessionConfig {
    let mut lcp = LcpConfig::default();
    let mut dns = config.dns;
    let mut demand = config.demand.clone();
    for fault in faults.iter().map(|fault| &fault.fault) {
        if let Fault::Mru(mru) = fault {
            lcp.mru = *mru;
        }
        if let Fault::AsyncMap(map) = fault {
            lcp.accm = Some(*map);
        }
        if matches!(fault, Fault::NoDns) {
            dns = [None; 2];
        }
        if matches!(fault, Fault::AuthReject(_)) {
            let asked = demand.take().unwrap_or_else(chap_from_anybody);
            demand = Some(AuthDemand {
                accounts: Vec::new(),
                accept_any: false,
                ..asked
            });
        }
        if matches!(fault, Fault::Rechallenge(_) | Fault::PapOnly) {
            let asked = demand.take().unwrap_or_else(chap_from_anybody);
            demand = Some(AuthDemand {
                method: AuthMethod::ChapMd5,
                acceptable: AllowedAuth {
                    pap: true,
                    chap_md5: true,
                },
                ..asked
            });
        }
    }
    SessionConfig {
        lcp,
        demand,
        ipcp: IpcpConfig {
            // While a fault keeps IPCP from the ISP, the ISP goes on asking.
            fsm: FsmConfig {
                max_configure: 100_000,
                max_failure: 100,
                ..FsmConfig::default()
            },
            local: Some(config.address),
            accept_local: false,
            remote: Some(config.client),
            accept_remote: false,
            request_dns: false,
            assign: Some(Assign {
                address: config.client,
                dns,
            }),
            ..IpcpConfig::default()
        },
        echo: config.echo,
        ..SessionConfig::default()
    }
}

/// What most modems do: demand CHAP and take whatever comes.
fn chap_from_anybody() -> AuthDemand {
    AuthDemand {
        method: AuthMethod::ChapMd5,
        acceptable: AllowedAuth {
            pap: true,
            chap_md5: true,
        },
        name: "UMTS_CHAP_SRVR".to_owned(),
        accounts: Vec::new(),
        accept_any: true,
        rechallenge: None,
        messages: AuthMessages::default(),
    }
}

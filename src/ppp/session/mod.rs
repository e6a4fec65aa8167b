//! One attempt at a PPP link: the phases of RFC 1661 section 3.2, and the layers in them.
//!
//! Frames come in without flags, escapes and FCS, and go out so; [`super::endpoint`] adds those.
//! The same code is the gateway's side and the ISP's: what differs is in [`SessionConfig`].
//!
//! The session never waits for a peer without a limit: requests have Max-Configure, authentication
//! its timers, a termination `LINGER`, and a negotiation that makes no headway is ended.

mod link;
mod log;
mod network;
mod proofs;
mod stats;

use std::collections::VecDeque;
use std::time::Duration;

pub use stats::DropStats;

use super::automaton::State;
use super::config::{AuthDemand, AuthTimers, Credentials, SessionConfig};
use super::echo::Keepalive;
use super::event::{DownReason, Event, Ipv4Settings, Phase};
use super::fsm::{Dropped, Fsm, Pacing, Settings, Signal};
use super::ipcp::Ipcp;
use super::lcp::Lcp;
use super::wire::{ControlPacket, Protocol, code, parse_frame};
use crate::log::{BudgetSize, LogBudget};
use crate::random::Random;
use crate::time::{Instant, Timer, earliest};
use proofs::Proofs;

/// How long an answer to our Terminate-Request is waited for, whatever Max-Terminate says: peers
/// often do not answer, and whoever stops the program wants it to end within seconds.
const LINGER: Duration = Duration::from_secs(4);

/// How long the answer is waited for once the peer has terminated as well.
const LINGER_BOTH: Duration = Duration::from_secs(1);

/// Control frames that wait to be sent, at most. A negotiation needs a handful; the rest is a
/// flood.
const MAX_QUEUE: usize = 64;

/// Configure-Requests of IPCP that make a lost CHAP Success certain: one may have crossed it.
const MIN_EARLY_REQUESTS: u32 = 2;

/// An IPv4 header without options.
const MIN_IPV4: usize = 20;

/// A PPP session, without I/O.
///
/// # Contract
/// After every call that takes `&mut self`: drain [`poll_transmit`](Self::poll_transmit), then
/// [`poll_event`](Self::poll_event), then read [`poll_timeout`](Self::poll_timeout), and call
/// [`handle_timeout`](Self::handle_timeout) when that moment has come. Extra calls do no harm.
/// After [`Event::Down`], which comes exactly once, the session does nothing more.
pub struct Session {
    lcp: Fsm<Lcp>,
    ipcp: Fsm<Ipcp>,
    proofs: Proofs,
    keepalive: Keepalive,
    random: Random,
    credentials: Credentials,
    demand: Option<AuthDemand>,
    auth_timers: AuthTimers,
    identification: Option<String>,
    mru: u16,
    /// The limit that is set; else the largest there is.
    mtu: u16,
    receive_all: bool,
    phase: Phase,
    /// What holds while IPCP is up.
    network: Option<Ipv4Settings>,
    /// IPCP has been up in this session.
    was_up: bool,
    /// Why the session is ending, once it is.
    ending: Option<DownReason>,
    linger: Timer,
    over: bool,
    outbox: VecDeque<Transmit>,
    events: VecDeque<Event>,
    drops: DropStats,
    log_budget: LogBudget,
    warned_protocols: u32,
    /// IPCP requests that came while the verdict on our CHAP Response was waited for.
    early_requests: u32,
}

/// A control frame to send, without flags, escapes and FCS. It may hold a password: it is not for a
/// log.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Address, control (unless compressed), protocol and information field.
    pub frame: Vec<u8>,
    /// LCP codes 1 to 7 must be readable for a peer in any state: all control characters escaped,
    /// nothing compressed (RFC 1661 section 6.5 and RFC 1662 section 7.1).
    pub plain: bool,
}

/// What a received frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// An IPv4 packet for the network.
    Ipv4(&'a [u8]),
    /// Something for the session, or nothing.
    Handled,
}

impl Session {
    /// `seed` feeds magic numbers and challenges.
    pub fn new(config: SessionConfig, seed: u64) -> Self {
        let SessionConfig {
            lcp,
            credentials,
            demand,
            auth,
            ipcp,
            echo,
        } = config;
        let mut random = Random::new(seed);
        let lcp_settings = Settings {
            fsm: lcp.fsm,
            silent: lcp.silent,
            ack_in_place: lcp.ack_in_place,
            pacing: None,
        };
        let pacing = Pacing {
            interval: ipcp.pending_interval,
            max_rounds: ipcp.max_pending,
        };
        let ipcp_settings = Settings {
            fsm: ipcp.fsm,
            silent: false,
            ack_in_place: lcp.ack_in_place,
            pacing: Some(pacing),
        };
        let identification = lcp.identification.clone();
        let mru = lcp.mru;
        let mtu = lcp.mtu.unwrap_or(u16::MAX);
        let receive_all = lcp.receive_all;
        let adaptive = lcp.echo_adaptive;
        let options = Lcp::new(
            lcp,
            credentials.allow,
            demand.as_ref(),
            Random::new(random.u64()),
        );
        Self {
            lcp: Fsm::new(lcp_settings, options),
            ipcp: Fsm::new(ipcp_settings, Ipcp::new(ipcp)),
            proofs: Proofs::default(),
            keepalive: Keepalive::new(echo).adaptive(adaptive),
            random,
            credentials,
            demand,
            auth_timers: auth,
            identification,
            mru,
            mtu,
            receive_all,
            phase: Phase::Dead,
            network: None,
            was_up: false,
            ending: None,
            linger: Timer::default(),
            over: false,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            drops: DropStats::default(),
            log_budget: LogBudget::new(BudgetSize::PEER),
            warned_protocols: 0,
            early_requests: 0,
        }
    }

    /// The line is up: negotiation begins at once.
    pub fn line_up(&mut self, now: Instant) {
        if self.over || self.phase != Phase::Dead {
            return;
        }
        self.enter(Phase::Establish);
        // Both layers wait for the one below them.
        for signal in [self.lcp.open(now), self.ipcp.open(now), self.lcp.up(now)] {
            self.handle_lcp_signal(now, signal);
        }
        self.flush();
    }

    /// The line is gone.
    pub fn line_down(&mut self, now: Instant) {
        if self.over {
            return;
        }
        if self.ending.is_none() {
            self.note_hangup();
        }
        self.outbox.clear();
        self.finish(now, DownReason::CarrierLost);
    }

    /// Asks for a clean end: a Terminate-Request with the text `why`.
    pub fn close(&mut self, now: Instant, why: &str) {
        self.end(
            now,
            DownReason::Closed {
                why: why.to_owned(),
            },
            why,
        );
        self.flush();
    }

    /// Takes a received frame without its FCS.
    pub fn handle_frame<'a>(&mut self, now: Instant, frame: &'a [u8]) -> Received<'a> {
        self.log_budget.refill(now);
        if self.over || self.phase == Phase::Dead {
            self.drops.out_of_phase += 1;
            return Received::Handled;
        }
        let Ok((protocol, info)) = parse_frame(frame) else {
            self.drops.bad_header += 1;
            return Received::Handled;
        };
        if protocol == Protocol::IPV4 {
            return self.receive_ipv4(info);
        }
        self.handle_control(now, protocol, info);
        self.flush();
        Received::Handled
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.log_budget.refill(now);
        if self.over {
            return;
        }
        let signal = self.lcp.handle_timeout(now);
        self.handle_lcp_signal(now, signal);
        self.proofs.handle_timeout(now);
        self.handle_proofs(now);
        let signal = self.ipcp.handle_timeout(now);
        self.handle_ipcp_signal(now, signal);
        self.run_keepalive(now);
        if self.linger.expired(now) {
            self.finish(now, DownReason::CarrierLost);
        }
        self.flush();
    }

    /// The next control frame to send.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        earliest([
            self.lcp.poll_timeout(),
            self.proofs.poll_timeout(),
            self.ipcp.poll_timeout(),
            self.keepalive.poll_timeout(),
            self.linger.deadline(),
        ])
    }

    /// The phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What IPCP has agreed on, while it is up.
    pub fn network(&self) -> Option<&Ipv4Settings> {
        self.network.as_ref()
    }

    /// The control characters that have to be escaped in every frame that is not `plain`.
    pub fn transmit_accm(&self) -> u32 {
        if self.lcp.is_opened() {
            self.lcp.protocol().peer().accm
        } else {
            u32::MAX
        }
    }

    /// The control characters that are dropped when they arrive without an escape.
    pub fn receive_accm(&self) -> u32 {
        if self.receive_all {
            return 0;
        }
        self.lcp.protocol().receive_accm(self.lcp.is_opened())
    }

    /// Address, control and protocol field in front of an IPv4 packet, as negotiated.
    pub fn ipv4_header(&self) -> &'static [u8] {
        let peer = self.lcp.protocol().peer();
        match (
            self.lcp.is_opened() && peer.acfc,
            self.lcp.is_opened() && peer.pfc,
        ) {
            (false, false) => &[0xff, 0x03, 0x00, 0x21],
            (false, true) => &[0xff, 0x03, 0x21],
            (true, false) => &[0x00, 0x21],
            (true, true) => &[0x21],
        }
    }

    /// What was dropped, by reason.
    pub fn drops(&self) -> &DropStats {
        &self.drops
    }

    /// Time from the last answered Echo-Request to its reply.
    pub fn echo_rtt(&self) -> Option<Duration> {
        self.keepalive.rtt()
    }

    /// Counts an IPv4 packet that the owner could not send; see [`DropStats`].
    pub(super) fn count_unsent(&mut self) {
        if self.network.is_some() {
            self.drops.send_bad_size += 1;
        } else {
            self.drops.send_not_up += 1;
        }
    }

    fn receive_ipv4<'a>(&mut self, packet: &'a [u8]) -> Received<'a> {
        let Some(network) = &self.network else {
            self.keepalive.heard();
            self.drops.ip_not_up += 1;
            return Received::Handled;
        };
        if packet.len() < MIN_IPV4 || packet.first().is_none_or(|first| first >> 4 != 4) {
            self.drops.bad_ip += 1;
            return Received::Handled;
        }
        // A modem that has fallen back to command mode echoes our packets: that is no sign of life.
        if packet.get(12..16) == Some(network.local.octets().as_slice()) {
            self.drops.looped += 1;
            return Received::Handled;
        }
        self.keepalive.heard();
        Received::Ipv4(packet)
    }

    fn handle_control(&mut self, now: Instant, protocol: Protocol, info: &[u8]) {
        self.log_packet("rcvd", protocol, info);
        if protocol == Protocol::LCP {
            self.handle_lcp(now, info);
            return;
        }
        self.keepalive.heard();
        if !self.lcp.is_opened() {
            self.note_early_packet();
            self.drops.out_of_phase += 1;
            return;
        }
        match protocol {
            Protocol::PAP | Protocol::CHAP => self.handle_auth(now, protocol, info),
            Protocol::IPCP => self.handle_ipcp(now, info),
            _ if self.phase == Phase::Network => self.reject_protocol(protocol, info),
            // RFC 1661 section 3.5: what comes too early is "silently discarded". A Protocol-Reject
            // would say that we never speak it.
            _ => self.drops.out_of_phase += 1,
        }
    }

    fn handle_auth(&mut self, now: Instant, protocol: Protocol, info: &[u8]) {
        let Ok(packet) = ControlPacket::parse(info) else {
            self.drops.bad_packet += 1;
            return;
        };
        if !self.proofs.handle_packet(now, protocol, packet) {
            self.drops.out_of_phase += 1;
            return;
        }
        self.handle_proofs(now);
    }

    fn handle_ipcp(&mut self, now: Instant, info: &[u8]) {
        let Ok(packet) = ControlPacket::parse(info) else {
            self.drops.bad_packet += 1;
            return;
        };
        if self.phase == Phase::Authenticate && packet.code == code::CONFIGURE_REQUEST {
            self.presume_success(now);
        }
        if self.phase != Phase::Network {
            // RFC 1661 section 3.5: no NCP before authentication. The peer's restart timer brings
            // it again.
            self.drops.out_of_phase += 1;
            return;
        }
        self.note_code_reject("IPCP", packet);
        match self.ipcp.handle_packet(now, packet) {
            Ok(signal) => self.handle_ipcp_signal(now, signal),
            Err(dropped) => self.count_dropped(dropped),
        }
    }

    /// A peer that asks for IPCP twice has let us in, and its CHAP Success is lost: without this,
    /// both would wait until they give up. We lose nothing: CHAP does not prove the peer to us.
    fn presume_success(&mut self, now: Instant) {
        if !self.proofs.awaits_only_a_verdict() {
            return;
        }
        self.early_requests = self.early_requests.saturating_add(1);
        if self.early_requests >= MIN_EARLY_REQUESTS {
            self.note_presumed_success();
            self.proofs.presume_success();
            self.handle_proofs(now);
        }
    }

    fn count_dropped(&mut self, dropped: Dropped) {
        match dropped {
            Dropped::NotUp => self.drops.out_of_phase += 1,
            Dropped::BadOptions | Dropped::TooLong => self.drops.bad_packet += 1,
            Dropped::Stale | Dropped::BadAck => self.drops.stale += 1,
        }
        self.note_dropped(dropped);
    }

    /// Begins to end the session: the first reason counts.
    fn end(&mut self, now: Instant, reason: DownReason, text: &str) {
        if self.over || self.ending.is_some() {
            return;
        }
        self.ending = Some(reason);
        self.stop_network(now);
        self.enter(Phase::Terminate);
        self.lcp.close(now, text);
        self.flush();
        if self.lcp.state() == State::Closing {
            self.linger.arm(now + LINGER);
        } else {
            // There is nobody to say it to.
            self.finish(now, DownReason::CarrierLost);
        }
    }

    /// The end. `otherwise` is the reason if none was there before.
    fn finish(&mut self, now: Instant, otherwise: DownReason) {
        if self.over {
            return;
        }
        self.stop_network(now);
        self.over = true;
        let reason = self.ending.take().unwrap_or(otherwise);
        self.note_end();
        self.enter(Phase::Dead);
        self.events.push_back(Event::Down(reason));
    }

    /// Takes everything above LCP down.
    fn stop_network(&mut self, now: Instant) {
        let signal = self.ipcp.down(now);
        self.take_ipcp_down(signal);
        self.proofs.clear();
        self.keepalive.stop();
    }

    fn take_ipcp_down(&mut self, signal: Option<Signal>) {
        if signal == Some(Signal::Down) && self.network.take().is_some() {
            self.events.push_back(Event::NetworkDown);
        }
    }

    /// The one writer of the phase.
    fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            self.events.push_back(Event::Phase(phase));
        }
    }

    /// Moves what the layers have to say into the outbox. Called after each of them, so that the
    /// order is kept.
    fn flush(&mut self) {
        while let Some(info) = self.lcp.poll_transmit() {
            self.queue(Protocol::LCP, &info);
        }
        while let Some((protocol, info)) = self.proofs.poll_transmit() {
            self.queue(protocol, &info);
        }
        while let Some(info) = self.ipcp.poll_transmit() {
            self.queue(Protocol::IPCP, &info);
        }
    }

    fn queue(&mut self, protocol: Protocol, info: &[u8]) {
        if self.over || self.outbox.len() >= MAX_QUEUE {
            self.drops.send_queue_full += 1;
            return;
        }
        self.log_packet("sent", protocol, info);
        let plain = protocol == Protocol::LCP && matches!(info.first(), Some(1..=7));
        let mut frame = Vec::with_capacity(info.len() + 4);
        if plain || !self.lcp.is_opened() || !self.lcp.protocol().peer().acfc {
            frame.extend_from_slice(&[0xff, 0x03]);
        }
        frame.extend_from_slice(&protocol.0.to_be_bytes());
        frame.extend_from_slice(info);
        self.outbox.push_back(Transmit { frame, plain });
    }
}

#[cfg(test)]
mod tests;

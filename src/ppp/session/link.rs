//! LCP in a session: the layer's ups and downs, and the packets that only an open LCP has (RFC 1661
//! sections 5.7 to 5.9, RFC 1570).

use super::proofs::Prover;
use super::{LINGER_BOTH, Session};
use crate::ppp::auth::AuthEvent;
use crate::ppp::automaton::State;
use crate::ppp::config::AuthMethod;
use crate::ppp::echo::Due;
use crate::ppp::event::{DownReason, Layer, Phase};
use crate::ppp::fsm::{DEFAULT_LIMIT, Signal};
use crate::ppp::wire::{ControlPacket, Protocol, Reader, code};
use crate::random::Random;
use crate::time::Instant;

impl Session {
    pub(super) fn handle_lcp(&mut self, now: Instant, info: &[u8]) {
        let Ok(packet) = ControlPacket::parse(info) else {
            self.drops.bad_packet += 1;
            return;
        };
        if self.is_our_own_echo(packet) {
            self.note_own_echo();
            self.drops.looped += 1;
            return;
        }
        self.keepalive.heard();
        match packet.code {
            code::PROTOCOL_REJECT => self.handle_protocol_reject(now, packet),
            code::ECHO_REQUEST => self.answer_echo(packet),
            code::ECHO_REPLY => self.keepalive.handle_reply(now, packet.id),
            code::DISCARD_REQUEST => {}
            code::IDENTIFICATION => self.note_identification(packet.data.get(4..).unwrap_or(&[])),
            code::TIME_REMAINING => self.note_time_remaining(packet.data),
            _ => self.handle_lcp_negotiation(now, packet),
        }
    }

    pub(super) fn handle_lcp_signal(&mut self, now: Instant, signal: Option<Signal>) {
        self.flush();
        match signal {
            None => {}
            Some(Signal::Up) => self.lcp_is_up(now),
            Some(Signal::Down) => self.lcp_is_down(now),
            Some(Signal::Finished) => {
                let reason = self.gave_up(Layer::Lcp);
                self.finish(now, reason);
            }
            Some(Signal::Failed(reason)) => {
                self.note_failure(&reason);
                if reason == DownReason::Loopback {
                    // Nobody listens: the modem is in command mode, or the line is a loop.
                    self.finish(now, reason);
                } else {
                    self.end(now, reason, "Failed to negotiate");
                }
            }
            Some(Signal::PeerClosed) => {
                let reason = self.terminated(Layer::Lcp);
                self.finish(now, reason);
            }
        }
    }

    pub(super) fn run_keepalive(&mut self, now: Instant) {
        match self.keepalive.handle_timeout(now) {
            None => {}
            Some(Due::Send { id }) => {
                let magic = self.lcp.protocol().magic().to_be_bytes();
                self.lcp.reply(code::ECHO_REQUEST, id, &magic);
                self.flush();
            }
            Some(Due::Dead { lost }) => {
                self.note_dead_peer(lost);
                self.end(now, DownReason::EchoTimeout { lost }, "Peer not responding");
                // It does not answer: the Terminate-Request is a courtesy.
                self.finish(now, DownReason::EchoTimeout { lost });
            }
        }
    }

    /// Does what the authentication exchanges have come to.
    pub(super) fn handle_proofs(&mut self, now: Instant) {
        self.flush();
        while let Some((prover, method, event)) = self.proofs.poll_event() {
            match event {
                AuthEvent::Log(line) => self.push_log(line),
                AuthEvent::Succeeded { .. } | AuthEvent::PeerAccepted { .. } => {}
                AuthEvent::Refused { text } => self.fail_ours(now, method, Some(text)),
                AuthEvent::PeerRefused { .. } => self.fail_peers(now),
                AuthEvent::TimedOut => match prover {
                    Prover::Us => self.fail_ours(now, method, None),
                    Prover::Peer => self.fail_peers(now),
                },
            }
        }
        if self.phase == Phase::Authenticate && self.proofs.complete() {
            self.start_network(now);
        }
    }

    /// RFC 1661 section 5.7: the rejected packet, cut to what the peer receives.
    pub(super) fn reject_protocol(&mut self, protocol: Protocol, info: &[u8]) {
        self.drops.unknown_protocol += 1;
        self.note_unknown_protocol(protocol);
        let room = usize::from(self.lcp.protocol().peer().mru.min(1500)).saturating_sub(6);
        let mut data = protocol.0.to_be_bytes().to_vec();
        data.extend(info.iter().take(room));
        self.lcp.send(code::PROTOCOL_REJECT, &data);
    }

    /// Why a layer has run out of requests, or of patience with a peer that terminates.
    pub(super) fn gave_up(&mut self, layer: Layer) -> DownReason {
        let terminated = match layer {
            Layer::Ipcp => self.ipcp.terminated_by_peer(),
            Layer::Lcp | Layer::Auth => self.lcp.terminated_by_peer(),
        };
        if terminated.is_some() && self.ending.is_none() {
            return self.terminated(layer);
        }
        if self.ending.is_none() {
            self.note_timeout(layer);
        }
        DownReason::NegotiationTimeout { layer }
    }

    /// Why the peer has terminated `layer`, in its own words.
    pub(super) fn terminated(&mut self, layer: Layer) -> DownReason {
        let words = match layer {
            Layer::Ipcp => self.ipcp.terminated_by_peer(),
            Layer::Lcp | Layer::Auth => self.lcp.terminated_by_peer(),
        };
        let text = self.quote(words.unwrap_or(&[]));
        self.note_terminated(layer, &text);
        // pppd as the ISP drops its demand after some Naks, lets LCP open, and ends it then.
        if layer == Layer::Lcp && !self.was_up && self.lcp.protocol().auth_unmet() {
            return DownReason::AuthenticationNotAgreed { text };
        }
        let auth_rejected = self.lcp.protocol().auth_rejected();
        DownReason::PeerTerminated {
            layer,
            text,
            auth_rejected,
        }
    }

    fn handle_lcp_negotiation(&mut self, now: Instant, packet: ControlPacket<'_>) {
        self.note_code_reject("LCP", packet);
        match self.lcp.handle_packet(now, packet) {
            Ok(signal) => self.handle_lcp_signal(now, signal),
            Err(dropped) => self.count_dropped(dropped),
        }
        if packet.code == code::TERMINATE_REQUEST && self.lcp.state() == State::Closing {
            // Both want to end: what is left is the answer to ours, if it comes at all.
            let soon = now + LINGER_BOTH;
            if self
                .linger
                .deadline()
                .is_some_and(|deadline| soon < deadline)
            {
                self.linger.arm(soon);
            }
        }
    }

    fn lcp_is_up(&mut self, now: Instant) {
        let peer = self.lcp.protocol().peer();
        let (limit, method) = (usize::from(peer.mru), peer.auth);
        self.lcp.set_limit(limit);
        self.ipcp.set_limit(limit);
        self.keepalive.start(now);
        self.run_keepalive(now);
        if let Some(text) = &self.identification {
            let mut data = self.lcp.protocol().magic().to_be_bytes().to_vec();
            data.extend(text.bytes().take(limit.saturating_sub(8).min(255)));
            self.lcp.send(code::IDENTIFICATION, &data);
        }
        if self.lcp.protocol().peer_refuses_auth() {
            self.note_peer_refuses_auth();
            self.end(
                now,
                DownReason::PeerRefusedToAuthenticate,
                "peer refused to authenticate",
            );
            return;
        }
        self.enter(Phase::Authenticate);
        self.early_requests = 0;
        if let Some(method) = method {
            self.proofs
                .start_ours(now, method, &self.credentials, self.auth_timers);
        }
        if let (Some(method), Some(demand)) = (self.lcp.protocol().demanded(), &self.demand) {
            let random = Random::new(self.random.u64());
            self.proofs
                .start_peers(now, method, demand, self.auth_timers, random);
        }
        self.handle_proofs(now);
    }

    fn lcp_is_down(&mut self, now: Instant) {
        self.stop_network(now);
        self.lcp.set_limit(DEFAULT_LIMIT);
        if self.ending.is_some() {
            return;
        }
        if self.lcp.terminated_by_peer().is_some() {
            self.ending = Some(self.terminated(Layer::Lcp));
            self.enter(Phase::Terminate);
        } else {
            self.enter(Phase::Establish);
        }
    }

    fn fail_ours(&mut self, now: Instant, method: AuthMethod, text: Option<String>) {
        let reason = match text {
            Some(text) => DownReason::AuthenticationRefused { method, text },
            None => DownReason::AuthenticationTimeout { method },
        };
        self.end(now, reason, "Failed to authenticate ourselves to peer");
    }

    fn fail_peers(&mut self, now: Instant) {
        self.end(
            now,
            DownReason::PeerAuthenticationFailed,
            "Authentication failed",
        );
    }

    /// Whether an Echo-Request is one that we sent. An Echo-Reply never is, since we do not answer
    /// ourselves: there is firmware that replies with the magic number of the request.
    fn is_our_own_echo(&self, packet: ControlPacket<'_>) -> bool {
        let magic = self.lcp.protocol().magic();
        packet.code == code::ECHO_REQUEST
            && self.lcp.is_opened()
            && magic != 0
            && Reader::new(packet.data).u32() == Some(magic)
    }

    fn answer_echo(&mut self, packet: ControlPacket<'_>) {
        let Some((_, extra)) = packet.data.split_at_checked(4) else {
            self.drops.bad_packet += 1;
            return;
        };
        if !self.lcp.answers_echo() {
            self.drops.out_of_phase += 1;
            return;
        }
        let room = usize::from(self.lcp.protocol().peer().mru.min(1500)).saturating_sub(8);
        let mut data = self.lcp.protocol().magic().to_be_bytes().to_vec();
        data.extend(extra.iter().take(room));
        self.lcp.reply(code::ECHO_REPLY, packet.id, &data);
    }

    fn handle_protocol_reject(&mut self, now: Instant, packet: ControlPacket<'_>) {
        let Some(rejected) = Reader::new(packet.data).u16().map(Protocol) else {
            self.drops.bad_packet += 1;
            return;
        };
        if !self.lcp.is_opened() {
            self.drops.out_of_phase += 1;
            return;
        }
        self.note_protocol_reject(rejected);
        match rejected {
            Protocol::LCP => {
                let reason = DownReason::ProtocolRejected { layer: Layer::Lcp };
                self.end(now, reason, "LCP rejected");
            }
            // Before the network phase it can only be about an IPCP of long ago.
            Protocol::IPCP if self.phase == Phase::Network => {
                let reason = DownReason::ProtocolRejected { layer: Layer::Ipcp };
                self.end(now, reason, "No network protocols running");
            }
            Protocol::PAP | Protocol::CHAP => match self.proofs.prover(rejected) {
                Some((Prover::Us, method)) => {
                    self.fail_ours(now, method, Some("protocol rejected".to_owned()));
                }
                Some((Prover::Peer, _)) => {
                    let reason = DownReason::PeerRefusedToAuthenticate;
                    self.end(now, reason, "peer refused to authenticate");
                }
                None => {}
            },
            _ => {}
        }
    }
}

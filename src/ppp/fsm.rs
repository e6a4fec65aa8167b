//! The option negotiation automaton at work: identifiers, restart timer, counters, and the packets
//! of codes 1 to 7 that LCP and the NCPs share (RFC 1661 sections 4 and 5).
//!
//! One implementation for every control protocol: what the options mean is behind
//! [`ControlProtocol`]. Of the footnotes in the table, `[x]` is met by dropping a second answer to
//! the same request, so that those cells are only reached by what the table says; the restart
//! option `[r]` and the passive option `[p]` are not taken: an Open in an open state does nothing,
//! and a layer that runs out of requests is finished.

mod answer;
mod contract;
mod record;

use std::collections::VecDeque;
use std::time::Duration;

pub(crate) use answer::{Answer, Distinct};
pub(crate) use contract::{ControlProtocol, Dropped, Effect, Pacing, Settings, Signal};

use super::automaton::{self, Actions, Event, State};
use super::config::FsmConfig;
use super::event::DownReason;
use super::wire::{ControlPacket, Options, code};
use crate::time::{Instant, Timer, earliest};
use record::{Reply, Request, Tally, Termination};

/// How many Configure-Requests that change nothing are acknowledged in place within
/// [`IN_PLACE_WINDOW`]. One more, and the peer is taken at its word: it has restarted, and waits
/// for a Configure-Request of ours.
const MAX_IN_PLACE: u32 = 2;

/// Longest information field of what we send, whatever the peer could receive.
pub(crate) const DEFAULT_LIMIT: usize = 1500;

/// See [`MAX_IN_PLACE`].
const IN_PLACE_WINDOW: Duration = Duration::from_secs(30);

/// How long the layer stays in Stopping, at most, after the peer has terminated it: the
/// Terminate-Ack goes out, and nobody waits for the peer to hang up (RFC 1661 section 4.4,
/// Zero-Restart-Count, leaves the time to us).
const STOPPING_TIME: Duration = Duration::from_secs(1);

/// No negotiation of sane peers needs more than this many times Max-Configure requests.
const CONVERGENCE_FACTOR: u32 = 3;

/// One layer: the automaton with its counters, timers and the options of `P`.
pub(crate) struct Fsm<P> {
    settings: Settings,
    protocol: P,
    state: State,
    /// The Identifier used last.
    id: u8,
    request: Request,
    /// The peer's Configure-Request that was acknowledged last.
    acknowledged: Option<Vec<u8>>,
    restart: Timer,
    /// RFC 1661 section 4.6's restart counter.
    restart_count: u32,
    /// Runs while an unchanged request is held back.
    paced: Timer,
    tally: Tally,
    termination: Termination,
    /// Whether an empty Configure-Request counts as one that changes nothing.
    empty_in_place: bool,
    /// Longest information field that the peer takes.
    limit: usize,
    out: VecDeque<Vec<u8>>,
}

impl<P: ControlProtocol> Fsm<P> {
    pub(crate) fn new(settings: Settings, protocol: P) -> Self {
        Self {
            settings,
            protocol,
            state: State::Initial,
            id: 0,
            request: Request::default(),
            acknowledged: None,
            restart: Timer::default(),
            restart_count: 0,
            paced: Timer::default(),
            tally: Tally::default(),
            termination: Termination::default(),
            empty_in_place: false,
            limit: DEFAULT_LIMIT,
            out: VecDeque::new(),
        }
    }

    /// Administrative Open.
    pub(crate) fn open(&mut self, now: Instant) -> Option<Signal> {
        self.step(now, Event::Open, None)
    }

    /// Administrative Close; `text` goes into the Terminate-Request.
    pub(crate) fn close(&mut self, now: Instant, text: &str) -> Option<Signal> {
        self.termination.id = None;
        self.termination.text = text.as_bytes().iter().take(255).copied().collect();
        self.step(now, Event::Close, None)
    }

    /// The lower layer is up.
    pub(crate) fn up(&mut self, now: Instant) -> Option<Signal> {
        if self.settings.silent && self.state == State::Starting {
            // The peer speaks first: this is Stopped, where a Configure-Request starts the
            // negotiation.
            self.enter(State::Stopped);
            return None;
        }
        self.step(now, Event::Up, None)
    }

    /// The lower layer is down.
    pub(crate) fn down(&mut self, now: Instant) -> Option<Signal> {
        self.step(now, Event::Down, None)
    }

    /// A packet of codes 1 to 7, or of a code that the protocol does not have.
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        packet: ControlPacket<'_>,
    ) -> Result<Option<Signal>, Dropped> {
        if matches!(self.state, State::Initial | State::Starting) {
            return Err(Dropped::NotUp);
        }
        match packet.code {
            code::CONFIGURE_REQUEST => self.handle_request(now, packet),
            code::CONFIGURE_ACK => self.handle_ack(now, packet),
            code::CONFIGURE_NAK | code::CONFIGURE_REJECT => self.handle_refusal(now, packet),
            code::TERMINATE_REQUEST => {
                self.termination.by_peer = Some(packet.data.iter().take(255).copied().collect());
                Ok(self.step(now, Event::Rtr, Some(Reply::to(packet.id))))
            }
            code::TERMINATE_ACK => Ok(self.handle_terminate_ack(now)),
            // Real peers reject codes that they then keep using: no reason to end a link (pppd only
            // warns, too).
            code::CODE_REJECT => Ok(self.step(now, Event::RxjPlus, None)),
            _ => {
                let mut copy = Vec::new();
                ControlPacket::write(packet.code, packet.id, packet.data, &mut copy);
                copy.truncate(self.room());
                let id = self.next_id();
                let reply = Reply {
                    code: code::CODE_REJECT,
                    id,
                    data: copy,
                };
                Ok(self.step(now, Event::Ruc, Some(reply)))
            }
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Signal> {
        if self.paced.expired(now) {
            self.repeat_request(now);
        }
        if !self.restart.expired(now) {
            return None;
        }
        if self.restart_count > 0 {
            self.step(now, Event::TimeoutPlus, None)
        } else {
            self.step(now, Event::TimeoutMinus, None)
        }
    }

    /// Sends a packet of a code that is the protocol's own, under a new Identifier, which is
    /// returned.
    pub(crate) fn send(&mut self, code: u8, data: &[u8]) -> u8 {
        let id = self.next_id();
        self.push(code, id, data);
        id
    }

    /// Sends a packet as an answer to one with that Identifier.
    pub(crate) fn reply(&mut self, code: u8, id: u8, data: &[u8]) {
        self.push(code, id, data);
    }

    /// The next information field to send.
    #[must_use]
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// Sets the longest information field that the peer takes.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(DEFAULT_LIMIT);
    }

    /// From now on, and until the next negotiation, an empty Configure-Request is acknowledged in
    /// place: some firmware sends one when everything is up. (Before that it is a peer that
    /// negotiates anew.)
    pub(crate) fn take_empty_in_place(&mut self) {
        self.empty_in_place = true;
    }

    #[must_use]
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.restart.deadline(), self.paced.deadline()])
    }

    /// The protocol's own state.
    pub(crate) fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The automaton's state.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Identifier and options of our Configure-Request.
    #[cfg(test)]
    pub(crate) fn last_request(&self) -> (u8, Vec<u8>) {
        (self.request.id, self.request.options.clone())
    }

    /// Whether the layer is up.
    pub(crate) fn is_opened(&self) -> bool {
        self.state == State::Opened
    }

    /// Whether the table has an Echo-Reply as the answer to an Echo-Request.
    pub(crate) fn answers_echo(&self) -> bool {
        automaton::step(self.state, Event::Rxr)
            .is_some_and(|(actions, _)| actions.contains(Actions::SER))
    }

    /// The Data field of the peer's last Terminate-Request, if one came.
    pub(crate) fn terminated_by_peer(&self) -> Option<&[u8]> {
        self.termination.by_peer.as_deref()
    }

    fn handle_request(
        &mut self,
        now: Instant,
        packet: ControlPacket<'_>,
    ) -> Result<Option<Signal>, Dropped> {
        let options = Options::parse(packet.data).map_err(|_| Dropped::BadOptions)?;
        if packet.data.len() > self.room() {
            return Err(Dropped::TooLong);
        }
        if self.is_repetition(packet.data) && self.take_in_place(now) {
            self.push(code::CONFIGURE_ACK, packet.id, packet.data);
            return Ok(None);
        }
        if !self.negotiates() {
            // Closed, Closing, Stopping: what the options say does not matter.
            return Ok(self.step(now, Event::RcrPlus, Some(Reply::to(packet.id))));
        }
        if matches!(self.state, State::Stopped | State::Opened) {
            self.begin();
        }
        let last_word = self.tally.naks_sent >= self.settings.fsm.max_failure;
        let mut answer = Answer::new(self.room(), last_word);
        let proposal = self.protocol.judge(Distinct::new(options), &mut answer);
        if let Some(reason) = self.protocol.failure() {
            return Ok(Some(Signal::Failed(reason)));
        }
        let Some((code, data)) = answer.finish() else {
            let reply = Reply {
                code: code::CONFIGURE_ACK,
                id: packet.id,
                data: packet.data.to_vec(),
            };
            self.tally.naks_sent = 0;
            self.acknowledged = Some(packet.data.to_vec());
            self.protocol.commit(proposal);
            return Ok(self.step(now, Event::RcrPlus, Some(reply)));
        };
        if code == code::CONFIGURE_NAK {
            self.tally.naks_sent = self.tally.naks_sent.saturating_add(1);
        }
        self.tally.refusals = self.tally.refusals.saturating_add(1);
        if self.tally.refusals
            > self
                .request_cap()
                .saturating_add(self.settings.fsm.max_failure)
        {
            return Ok(Some(Signal::Failed(Self::no_convergence())));
        }
        Ok(self.step(
            now,
            Event::RcrMinus,
            Some(Reply {
                code,
                id: packet.id,
                data,
            }),
        ))
    }

    fn handle_ack(
        &mut self,
        now: Instant,
        packet: ControlPacket<'_>,
    ) -> Result<Option<Signal>, Dropped> {
        if self.negotiates() && self.state != State::Stopped {
            self.check_answer(packet)?;
            if packet.data != self.request.options {
                return Err(Dropped::BadAck);
            }
            self.request.unanswered = false;
            self.tally.naks_received = 0;
            self.tally.stalled = 0;
            self.protocol.handle_ack();
            if let Some(reason) = self.protocol.failure() {
                return Ok(Some(Signal::Failed(reason)));
            }
        }
        Ok(self.step(now, Event::Rca, Some(Reply::to(packet.id))))
    }

    fn handle_refusal(
        &mut self,
        now: Instant,
        packet: ControlPacket<'_>,
    ) -> Result<Option<Signal>, Dropped> {
        if !self.negotiates() || self.state == State::Stopped {
            return Ok(self.step(now, Event::Rcn, Some(Reply::to(packet.id))));
        }
        self.check_answer(packet)?;
        let options = Options::parse(packet.data).map_err(|_| Dropped::BadOptions)?;
        let is_nak = packet.code == code::CONFIGURE_NAK;
        // RFC 1661 section 5.4: only what we have sent can be rejected, and it is not sent again.
        if !is_nak && !self.request.holds(options) {
            return Err(Dropped::BadOptions);
        }
        self.request.unanswered = false;
        let effect = if is_nak {
            let as_reject =
                self.tally.naks_received.saturating_add(1) >= self.settings.fsm.max_failure;
            let options = Distinct::except(options, self.tally.rejected);
            self.protocol.handle_nak(options, as_reject)
        } else {
            for option in options {
                self.tally.rejected.insert(option.kind);
            }
            self.protocol.handle_reject(Distinct::new(options))
        };
        if let Some(reason) = self.protocol.failure() {
            return Ok(Some(Signal::Failed(reason)));
        }
        if let (Effect::Unchanged, Some(pacing)) = (effect, self.settings.pacing) {
            return Ok(self.stall(now, pacing));
        }
        self.tally.stalled = 0;
        self.tally.naks_received = if is_nak {
            self.tally.naks_received.saturating_add(1)
        } else {
            0
        };
        Ok(self.step(now, Event::Rcn, Some(Reply::to(packet.id))))
    }

    /// The RFC's `irc,scr`, with the request held back until it is due.
    fn stall(&mut self, now: Instant, pacing: Pacing) -> Option<Signal> {
        self.tally.stalled = self.tally.stalled.saturating_add(1);
        if self.tally.stalled >= pacing.max_rounds {
            return Some(Signal::Failed(DownReason::NetworkPending {
                rounds: self.tally.stalled,
            }));
        }
        self.restart.cancel();
        let due = self.request.sent_at + pacing.interval;
        if due <= now {
            self.repeat_request(now);
        } else {
            self.paced.arm(due);
        }
        None
    }

    fn handle_terminate_ack(&mut self, now: Instant) -> Option<Signal> {
        let negotiating = matches!(self.state, State::ReqSent | State::AckRcvd | State::AckSent);
        let signal = self.step(now, Event::Rta, None);
        // RFC 1661 stays here until the requests run out. But a peer that said Terminate-Request,
        // and answers a Configure-Request with a Terminate-Ack, is Closed.
        if negotiating && self.termination.by_peer.is_some() {
            return Some(Signal::PeerClosed);
        }
        signal
    }

    /// Only the first answer to the last request counts; everything else is late or crossed.
    fn check_answer(&self, packet: ControlPacket<'_>) -> Result<(), Dropped> {
        if self.request.unanswered && packet.id == self.request.id {
            Ok(())
        } else {
            Err(Dropped::Stale)
        }
    }

    /// Whether a Configure-Request is judged in this state.
    fn negotiates(&self) -> bool {
        automaton::step(self.state, Event::RcrPlus)
            .is_some_and(|(actions, _)| actions.contains(Actions::SCA))
    }

    fn is_repetition(&self, options: &[u8]) -> bool {
        self.settings.ack_in_place
            && self.is_opened()
            && ((options.is_empty() && self.empty_in_place)
                || self.acknowledged.as_deref() == Some(options))
    }

    fn take_in_place(&mut self, now: Instant) -> bool {
        if now.since(self.tally.in_place_at) > IN_PLACE_WINDOW {
            self.tally.in_place = 0;
        }
        self.tally.in_place = self.tally.in_place.saturating_add(1);
        self.tally.in_place_at = now;
        self.tally.in_place <= MAX_IN_PLACE
    }

    fn step(&mut self, now: Instant, event: Event, reply: Option<Reply>) -> Option<Signal> {
        let (actions, next) = automaton::step(self.state, event)?;
        let from = self.state;
        if actions.contains(Actions::IRC) {
            let FsmConfig {
                max_configure,
                max_terminate,
                ..
            } = self.settings.fsm;
            let closes = matches!(next, State::Closing | State::Stopping);
            self.restart_count = if closes { max_terminate } else { max_configure };
        }
        self.enter(next);
        if actions.contains(Actions::ZRC) {
            self.restart_count = 0;
            self.restart
                .arm(now + self.settings.fsm.restart.min(STOPPING_TIME));
        }
        let mut failed = None;
        if actions.contains(Actions::SCR) {
            let judged = matches!(event, Event::RcrPlus | Event::RcrMinus);
            if !judged && matches!(from, State::Starting | State::Closed | State::Opened) {
                self.begin();
            }
            failed = self.send_configure_request(now, event);
        }
        if actions.contains(Actions::STR) {
            self.send_terminate_request(now);
        }
        if let Some(Reply { code, id, data }) = reply {
            if actions.contains(Actions::SCA) || actions.contains(Actions::SCN) {
                self.push(code, id, &data);
            } else if actions.contains(Actions::STA) {
                self.push(code::TERMINATE_ACK, id, &[]);
            } else if actions.contains(Actions::SCJ) {
                self.push(code::CODE_REJECT, id, &data);
            }
        }
        if failed.is_some() {
            failed
        } else if actions.contains(Actions::TLU) {
            self.termination.by_peer = None;
            Some(Signal::Up)
        } else if actions.contains(Actions::TLD) {
            Some(Signal::Down)
        } else if actions.contains(Actions::TLF) {
            Some(Signal::Finished)
        } else {
            None
        }
    }

    /// The one writer of the state.
    fn enter(&mut self, next: State) {
        self.state = next;
        if !automaton::timer_runs(next) {
            self.restart.cancel();
        }
        if !matches!(next, State::ReqSent | State::AckSent) {
            self.paced.cancel();
        }
    }

    /// Everything that was agreed, and every counter, is void.
    fn begin(&mut self) {
        self.protocol.restart();
        self.tally = Tally::default();
        self.acknowledged = None;
        self.termination.by_peer = None;
        self.request.unanswered = false;
        self.empty_in_place = false;
    }

    fn send_configure_request(&mut self, now: Instant, event: Event) -> Option<Signal> {
        self.tally.requests = self.tally.requests.saturating_add(1);
        if self.tally.requests > self.request_cap() {
            return Some(Signal::Failed(Self::no_convergence()));
        }
        // RFC 1661 section 5.1: a retransmission keeps its Identifier unless a valid answer has
        // come.
        if event != Event::TimeoutPlus || !self.request.unanswered {
            self.new_request();
        }
        self.send_request(now);
        None
    }

    /// The held-back request. The peer is there and answers, so it gets the whole budget again.
    fn repeat_request(&mut self, now: Instant) {
        self.restart_count = self.settings.fsm.max_configure;
        self.new_request();
        self.send_request(now);
    }

    fn new_request(&mut self) {
        let mut options = Vec::new();
        self.protocol.write_request(&mut options);
        let id = self.next_id();
        self.request = Request {
            id,
            options,
            ..Request::default()
        };
    }

    fn send_request(&mut self, now: Instant) {
        let mut packet = Vec::new();
        ControlPacket::write(
            code::CONFIGURE_REQUEST,
            self.request.id,
            &self.request.options,
            &mut packet,
        );
        self.out.push_back(packet);
        self.request.unanswered = true;
        self.request.sent_at = now;
        self.count_down(now);
    }

    fn send_terminate_request(&mut self, now: Instant) {
        let id = match self.termination.id {
            Some(id) => id,
            None => self.next_id(),
        };
        self.termination.id = Some(id);
        let mut packet = Vec::new();
        let text = self
            .termination
            .text
            .get(..self.room())
            .unwrap_or(self.termination.text.as_slice());
        ControlPacket::write(code::TERMINATE_REQUEST, id, text, &mut packet);
        self.out.push_back(packet);
        self.count_down(now);
    }

    /// A request has gone out (RFC 1661 section 4.6).
    fn count_down(&mut self, now: Instant) {
        self.restart_count = self.restart_count.saturating_sub(1);
        self.restart.arm(now + self.settings.fsm.restart);
    }

    fn push(&mut self, code: u8, id: u8, data: &[u8]) {
        let mut packet = Vec::new();
        ControlPacket::write(code, id, data, &mut packet);
        self.out.push_back(packet);
    }

    fn next_id(&mut self) -> u8 {
        self.id = self.id.wrapping_add(1);
        self.id
    }

    /// Octets of data that fit into a control packet.
    fn room(&self) -> usize {
        self.limit.saturating_sub(4)
    }

    fn request_cap(&self) -> u32 {
        self.settings
            .fsm
            .max_configure
            .max(1)
            .saturating_mul(CONVERGENCE_FACTOR)
    }

    fn no_convergence() -> DownReason {
        let why = "the peer's wishes and ours do not converge".to_owned();
        DownReason::NegotiationFailed {
            layer: P::LAYER,
            why,
        }
    }
}

#[cfg(test)]
mod tests;

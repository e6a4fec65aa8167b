//! The search for the nearest host on the route that answers pings (spec M2).
//!
//! Echo requests towards the target with a hop limit of 1, 2, 3 and so on, three at once; each host that says Time
//! Exceeded is pinged itself at once, and the one with the fewest hops that answers is found. The target is on the
//! route as well. At the same time the target is pinged as usual, and so is the host that was found before: where no
//! router says anything, these are left.
//!
//! It is bounded: 30 hops, three batches in a row without a word from anybody, 15 s.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::outbox::{Outbox, Wait};
use super::{EchoAnswer, is_host};
use crate::time::{Instant, earliest};

/// The longest way that is looked at, as with traceroute.
const MOST_HOPS: u8 = 30;

/// So many hops are asked at once.
const AT_ONCE: usize = 3;

/// After so many hops in a row of which none said anything, the rest is not asked either: the line is dead, the
/// network hides its routers, or this is the target, which is silent.
const SILENT_HOPS: u8 = 9;

/// No hop is asked later than this.
const LIMIT: Duration = Duration::from_secs(15);

/// How long an answer of a hop may take, if pings may take as long. On a slow network that has to wake up first, 2 s
/// are not enough.
const HOP_TIMEOUT: Duration = Duration::from_secs(3);

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This host answers, and none with fewer hops does.
    Nearest {
        /// Its address.
        host: Ipv4Addr,
        /// So far away: 1 is the next.
        hops: u8,
    },
    /// No hop that could be found answers, but the target does, or else the host that was watched before.
    Known(Ipv4Addr),
    /// Nobody answers.
    Nobody,
}

/// A search that runs.
#[derive(Debug)]
pub(super) struct Search {
    target: Ipv4Addr,
    hop_timeout: Duration,
    /// No further batch begins then.
    limit: Instant,
    /// The running batch, by hops.
    hops: Vec<Hop>,
    next_ttl: u8,
    /// The target, or somebody who cannot reach it, has answered a request with a hop limit: there is nothing behind.
    at_the_end: bool,
    /// The furthest hop that has said something; 0: none.
    heard: u8,
    /// Hosts that have been pinged. At most one for each hop.
    asked: Vec<Ipv4Addr>,
    /// The target and the host that was watched before.
    known: Vec<Ping>,
    waited_in_vain: bool,
}

#[derive(Debug)]
struct Hop {
    ttl: u8,
    state: HopState,
}

#[derive(Debug)]
enum HopState {
    /// The request with the hop limit is under way.
    Probing(Wait),
    /// The host there is pinged.
    Asking(Ping),
    /// It answers.
    Answers(Ipv4Addr),
    /// It does not, or there is none.
    Silent,
}

#[derive(Debug)]
struct Ping {
    host: Ipv4Addr,
    state: PingState,
}

#[derive(Debug)]
enum PingState {
    Waiting(Wait),
    Answered,
    Lost,
}

impl Search {
    /// Begins. `former` is the host that was found before; a ping may take `timeout`.
    pub(super) fn new(
        now: Instant,
        target: Ipv4Addr,
        former: Option<Ipv4Addr>,
        timeout: Duration,
        out: &mut Outbox,
    ) -> Self {
        let known = std::iter::once(target)
            .chain(former.filter(|former| *former != target))
            .map(|host| Ping::send(now, host, timeout, out))
            .collect();
        Self {
            target,
            hop_timeout: timeout.min(HOP_TIMEOUT),
            limit: now + LIMIT,
            hops: Vec::new(),
            next_ttl: 1,
            at_the_end: false,
            heard: 0,
            asked: Vec::new(),
            known,
            waited_in_vain: false,
        }
    }

    /// Takes in an answer to one of our requests; another is ignored.
    pub(super) fn handle_answer(
        &mut self,
        now: Instant,
        sequence: u16,
        answer: &EchoAnswer,
        out: &mut Outbox,
    ) {
        for ping in &mut self.known {
            ping.handle_answer(sequence, answer);
        }
        let Some(hop) = self.hops.iter_mut().find(|hop| hop.waits_for(sequence)) else {
            return;
        };
        match &mut hop.state {
            HopState::Probing(_) => {
                let host = match answer {
                    EchoAnswer::Reply { from } if *from == self.target => {
                        self.at_the_end = true;
                        hop.state = HopState::Answers(*from);
                        return;
                    }
                    EchoAnswer::TimeExceeded { from } => Some(*from),
                    EchoAnswer::Unreachable { from } => {
                        self.at_the_end = true;
                        Some(*from)
                    }
                    EchoAnswer::Reply { .. } | EchoAnswer::NotSent { .. } => None,
                };
                if host.is_some() {
                    self.heard = self.heard.max(hop.ttl);
                }
                let new = host.filter(|host| is_host(*host) && !self.asked.contains(host));
                hop.state = match new {
                    Some(host) => {
                        self.asked.push(host);
                        HopState::Asking(Ping::send(now, host, self.hop_timeout, out))
                    }
                    None => HopState::Silent,
                };
            }
            HopState::Asking(ping) => ping.handle_answer(sequence, answer),
            HopState::Answers(_) | HopState::Silent => {}
        }
    }

    /// Goes on as far as it can: to be called after each answer, and when [`poll_timeout`](Self::poll_timeout) has
    /// come.
    pub(super) fn step(&mut self, now: Instant, out: &mut Outbox) -> Option<Outcome> {
        self.expire(now);
        for hop in &self.hops {
            match hop.state {
                HopState::Answers(host) => {
                    let hops = hop.ttl;
                    return Some(Outcome::Nearest { host, hops });
                }
                // One with fewer hops than those that may answer already.
                HopState::Probing(_) | HopState::Asking(_) => return None,
                HopState::Silent => {}
            }
        }
        let given_up = self.next_ttl > self.heard.saturating_add(SILENT_HOPS);
        if self.next_ttl <= MOST_HOPS && !self.at_the_end && !given_up && now < self.limit {
            self.next_batch(now, out);
            return None;
        }
        for ping in &self.known {
            match ping.state {
                PingState::Answered => return Some(Outcome::Known(ping.host)),
                PingState::Waiting(_) => return None,
                PingState::Lost => {}
            }
        }
        Some(Outcome::Nobody)
    }

    /// When [`step`](Self::step) is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let hops = self.hops.iter().map(|hop| match &hop.state {
            HopState::Probing(wait) => Some(wait.until),
            HopState::Asking(ping) => ping.deadline(),
            HopState::Answers(_) | HopState::Silent => None,
        });
        earliest(hops.chain(self.known.iter().map(Ping::deadline)))
    }

    /// Whether a request that was sent was never answered.
    pub(super) fn waited_in_vain(&self) -> bool {
        self.waited_in_vain
    }

    fn next_batch(&mut self, now: Instant, out: &mut Outbox) {
        let (target, timeout) = (self.target, self.hop_timeout);
        self.hops = (self.next_ttl..=MOST_HOPS)
            .take(AT_ONCE)
            .map(|ttl| Hop {
                ttl,
                state: HopState::Probing(out.echo(now, target, Some(ttl), timeout)),
            })
            .collect();
        self.next_ttl = self.next_ttl.saturating_add(AT_ONCE as u8);
    }

    fn expire(&mut self, now: Instant) {
        for ping in &mut self.known {
            self.waited_in_vain |= ping.expire(now);
        }
        for hop in &mut self.hops {
            match &mut hop.state {
                HopState::Probing(wait) => {
                    if wait.until <= now {
                        self.waited_in_vain = true;
                        hop.state = HopState::Silent;
                    }
                }
                HopState::Asking(ping) => self.waited_in_vain |= ping.expire(now),
                HopState::Answers(_) | HopState::Silent => {}
            }
            if let HopState::Asking(ping) = &hop.state {
                match ping.state {
                    PingState::Answered => hop.state = HopState::Answers(ping.host),
                    PingState::Lost => hop.state = HopState::Silent,
                    PingState::Waiting(_) => {}
                }
            }
        }
    }
}

impl Hop {
    fn waits_for(&self, sequence: u16) -> bool {
        match &self.state {
            HopState::Probing(wait) => wait.sequence == sequence,
            HopState::Asking(ping) => ping.waits_for(sequence),
            HopState::Answers(_) | HopState::Silent => false,
        }
    }
}

impl Ping {
    fn send(now: Instant, host: Ipv4Addr, timeout: Duration, out: &mut Outbox) -> Self {
        let state = PingState::Waiting(out.echo(now, host, None, timeout));
        Self { host, state }
    }

    fn waits_for(&self, sequence: u16) -> bool {
        match &self.state {
            PingState::Waiting(wait) => wait.sequence == sequence,
            PingState::Answered | PingState::Lost => false,
        }
    }

    fn handle_answer(&mut self, sequence: u16, answer: &EchoAnswer) {
        if self.waits_for(sequence) {
            self.state = if answer.is_reply_of(self.host) {
                PingState::Answered
            } else {
                PingState::Lost
            };
        }
    }

    /// Whether it has just been lost because its time is over.
    fn expire(&mut self, now: Instant) -> bool {
        let expired = self.deadline().is_some_and(|until| until <= now);
        if expired {
            self.state = PingState::Lost;
        }
        expired
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            PingState::Waiting(wait) => Some(wait.until),
            PingState::Answered | PingState::Lost => None,
        }
    }
}

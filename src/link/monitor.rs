//! The ping monitor (spec M1 to M3, C21 to C25): does the link carry anything, or does it only look up?
//!
//! LCP echo cannot tell: many modems answer it themselves. So every MONITOR_INTERVAL an ICMP echo request goes through
//! the interface, the first one interval after the link came up, and MONITOR_FAIL rounds in a row without an answer
//! cut the link.
//!
//! # Who is pinged
//!
//! MONITOR_TARGET; if it is empty the first DNS server of the link, else the peer; if there is neither, nobody, and
//! that is an error in the log. But a target that is itself down must not cut a good link. So, unless `fixed_target`
//! says otherwise, the first round looks for the nearest host on the way to the target that answers pings
//! (`search`), and from then on that host is pinged. The log goes on naming the target.
//!
//! # When a round is lost
//!
//! When nobody answers who may: any answer in a round is a sign of life.
//!
//! - If the nearest host is silent, the target is pinged in the same round. If that one answers, the round is good,
//!   and the next one searches anew.
//! - The round after a lost one searches anew: hosts on the way come and go while the link is good. The target and
//!   the former nearest host are pinged along with it.
//! - With `payload_is_life`, a round in whose time packets came in is good, and nothing is sent.
//! - What could not be sent is no evidence: it is said, and neither counts nor ends a row of lost rounds.
//!
//! # Names
//!
//! A name is resolved in the first round and again after each lost one, with the link's own DNS servers. A failed
//! lookup is not a dead link: the last known address is used; as long as none has ever been known, the first DNS
//! server or the peer takes the target's place, which is said once.
//!
//! # Time
//!
//! Rounds begin at multiples of the interval since the link came up. One that takes longer than the interval (on a
//! dead link a search takes 9 s and a lookup 5 s) is followed by the next at once; what was missed is not made up
//! for.

pub mod dns;
pub mod icmp;

mod outbox;
mod search;
mod vocabulary;
mod wording;

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::log::LogLine;
use crate::time::Instant;

pub use dns::LookupError;
use outbox::{Outbox, Wait};
use search::{Outcome, Search};
pub use vocabulary::{EchoAnswer, MonitorCommand, MonitorInput, MonitorPlan, MonitorReport};

/// The least interval, and the least time for an answer.
const LEAST: Duration = Duration::from_secs(1);

/// A lookup is over then, whatever the shell says: two servers, two seconds each, and some.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// The monitor of one link, from its coming up to its going down. The contract of all machines here: after each `&mut`
/// call take all of [`poll_command`](Self::poll_command), then read [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Monitor {
    plan: MonitorPlan,
    /// The target as the log names it.
    label: String,
    target: Target,
    state: State,
    out: Outbox,
    next_round: Instant,
    /// The host that was found; `None`: the target itself is watched.
    nearest: Option<Ipv4Addr>,
    search_due: bool,
    /// Rounds in a row.
    lost: u32,
    /// Whether the last round was good, and when that showed.
    last: Option<(bool, Instant)>,
    /// What this round's requests came to.
    round: Round,
    /// Packets in all, and as many as there were when the last round ended.
    received: Option<u64>,
    received_before: u64,
    /// Said already, not to be said each round.
    said_unresolved: bool,
    said_not_sent: Option<String>,
    down: bool,
}

#[derive(Debug)]
enum Target {
    Address(Ipv4Addr),
    Name {
        /// The last address.
        known: Option<Ipv4Addr>,
        /// To be asked for again.
        stale: bool,
    },
}

#[derive(Debug)]
enum State {
    /// Until the next round.
    Waiting,
    /// For an address of the target.
    Resolving { until: Instant },
    /// For the nearest host.
    Searching(Search),
    /// For an answer.
    Pinging { to: Ipv4Addr, wait: Wait },
    /// Nothing is watched: not wanted, not possible, or not any more.
    Off,
}

#[derive(Debug, Default)]
struct Round {
    /// A request went out.
    sent: bool,
    /// Why one did not.
    not_sent: Option<String>,
}

impl Monitor {
    /// The link has come up `now`.
    pub fn new(now: Instant, plan: MonitorPlan) -> Self {
        let mut plan = plan;
        plan.interval = plan.interval.max(LEAST);
        plan.timeout = plan.timeout.max(LEAST).min(plan.interval);
        plan.fail = plan.fail.max(1);
        let stand_in = stand_in(&plan);
        let chosen = match &plan.target {
            Some(text) => Some(match text.parse() {
                Ok(address) => (text.clone(), Target::Address(address)),
                Err(_) => {
                    let (known, stale) = (None, true);
                    (text.clone(), Target::Name { known, stale })
                }
            }),
            None => stand_in.map(|address| (address.to_string(), Target::Address(address))),
        };
        let mut out = Outbox::default();
        let mut log = |line| out.push(MonitorCommand::Log(line));
        log(wording::executed());
        log(wording::connected(plan.pid));
        let state = match (&chosen, plan.enabled) {
            (_, false) => {
                log(wording::disabled());
                State::Off
            }
            (None, true) => {
                log(wording::no_target());
                State::Off
            }
            (Some((label, _)), true) => {
                log(wording::started(&plan, label));
                State::Waiting
            }
        };
        let (label, target) = chosen.unwrap_or_else(|| {
            let nobody = Target::Address(Ipv4Addr::UNSPECIFIED);
            (String::new(), nobody)
        });
        Self {
            label,
            target,
            state,
            out,
            next_round: now + plan.interval,
            nearest: None,
            search_due: !plan.fixed_target,
            lost: 0,
            last: None,
            round: Round::default(),
            received: None,
            received_before: 0,
            said_unresolved: false,
            said_not_sent: None,
            down: false,
            plan,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: MonitorInput) {
        match input {
            MonitorInput::Received(total) => {
                if self.received.is_none() {
                    self.received_before = total;
                }
                self.received = Some(total);
            }
            MonitorInput::Resolved(result) => {
                if matches!(self.state, State::Resolving { .. }) {
                    self.resolved(now, result);
                }
            }
            MonitorInput::Echo { sequence, answer } => self.echo_answered(now, sequence, &answer),
            MonitorInput::Down => {
                if !self.down {
                    self.down = true;
                    self.state = State::Off;
                    self.log(wording::terminated());
                }
            }
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &self.state {
            State::Waiting => {
                if self.next_round <= now {
                    self.begin_round(now);
                }
            }
            State::Resolving { until } => {
                if *until <= now {
                    self.resolved(now, Err(LookupError::NoAnswer));
                }
            }
            State::Searching(_) => self.search_on(now, None),
            State::Pinging { to, wait } => {
                if wait.until <= now {
                    let to = *to;
                    self.round.sent = true;
                    self.silent(now, to);
                }
            }
            State::Off => {}
        }
    }

    /// What is to be done next.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<MonitorCommand> {
        self.out.pop()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting => Some(self.next_round),
            State::Resolving { until } => Some(*until),
            State::Searching(search) => search.poll_timeout(),
            State::Pinging { wait, .. } => Some(wait.until),
            State::Off => None,
        }
    }

    /// What is watched, and how it stands with it; `None` where nothing is.
    pub fn report(&self) -> Option<MonitorReport> {
        (self.plan.enabled && !self.label.is_empty()).then(|| MonitorReport {
            target: self.label.clone(),
            nearest: self.nearest,
            last: self.last,
            lost: self.lost,
        })
    }

    fn begin_round(&mut self, now: Instant) {
        self.next_round = next_after(self.next_round, self.plan.interval, now);
        self.round = Round::default();
        if self.payload_came() {
            return self.alive(now, wording::not_needed(&self.label));
        }
        match &self.target {
            Target::Name { stale: true, .. } => {
                let servers = self.plan.dns;
                if servers.iter().flatten().next().is_none() {
                    return self.resolved(now, Err(LookupError::NoServer));
                }
                let name = self.label.clone();
                self.out.push(MonitorCommand::Resolve { name, servers });
                let until = now + LOOKUP_LIMIT;
                self.state = State::Resolving { until };
            }
            Target::Name { stale: false, .. } | Target::Address(_) => self.ask(now),
        }
    }

    fn resolved(&mut self, now: Instant, result: Result<Ipv4Addr, LookupError>) {
        if let Target::Name { known, stale } = &mut self.target {
            match result {
                Ok(address) => {
                    *known = Some(address);
                    *stale = false;
                    self.said_unresolved = false;
                }
                Err(why) => {
                    let instead = known.or(stand_in(&self.plan));
                    if !self.said_unresolved {
                        self.said_unresolved = true;
                        self.log(wording::unresolved(&self.label, why, instead));
                    }
                }
            }
        }
        self.ask(now);
    }

    /// Where the target is, or who stands in for it.
    fn aim(&self) -> Option<Ipv4Addr> {
        match &self.target {
            Target::Address(address) => Some(*address),
            Target::Name { known, .. } => known.or(stand_in(&self.plan)),
        }
    }

    fn ask(&mut self, now: Instant) {
        let Some(aim) = self.aim() else {
            // It has been said that there is nobody to ask.
            self.state = State::Waiting;
            return;
        };
        if self.search_due {
            let timeout = self.plan.timeout;
            let search = Search::new(now, aim, self.nearest, timeout, &mut self.out);
            self.state = State::Searching(search);
            return self.search_on(now, None);
        }
        self.ping(now, self.nearest.unwrap_or(aim));
    }

    fn ping(&mut self, now: Instant, to: Ipv4Addr) {
        let wait = self.out.echo(now, to, None, self.plan.timeout);
        self.state = State::Pinging { to, wait };
    }

    fn echo_answered(&mut self, now: Instant, sequence: u16, answer: &EchoAnswer) {
        match &self.state {
            State::Pinging { to, wait } if wait.sequence == sequence => {
                let to = *to;
                self.note(answer);
                if !answer.is_reply_of(to) {
                    return self.silent(now, to);
                }
                // The nearest host is silent: perhaps the way has changed.
                self.search_due |= self.nearest.is_some_and(|nearest| nearest != to);
                self.alive(now, wording::succeeded(&self.label));
            }
            State::Searching(_) => {
                self.note(answer);
                self.search_on(now, Some((sequence, answer)));
            }
            State::Pinging { .. } | State::Waiting | State::Resolving { .. } | State::Off => {}
        }
    }

    fn search_on(&mut self, now: Instant, answer: Option<(u16, &EchoAnswer)>) {
        let State::Searching(search) = &mut self.state else {
            return;
        };
        if let Some((sequence, answer)) = answer {
            search.handle_answer(now, sequence, answer, &mut self.out);
        }
        let Some(outcome) = search.step(now, &mut self.out) else {
            return;
        };
        self.round.sent |= search.waited_in_vain();
        let former = self.nearest;
        match outcome {
            Outcome::Nearest { host, hops } => {
                if former != Some(host) {
                    self.log(wording::responding_host(self.plan.pid, host, hops));
                    self.log(wording::host_in_the_route(self.plan.pid, host));
                }
                self.nearest = Some(host);
            }
            // The former nearest host stays what it was.
            Outcome::Known(host) if former == Some(host) => {}
            Outcome::Known(_) => {
                self.log(wording::no_responding_host(self.plan.pid, &self.label));
                self.nearest = None;
            }
            Outcome::Nobody => return self.nobody_answered(now),
        }
        self.search_due = false;
        self.alive(now, wording::succeeded(&self.label));
    }

    /// What an answer says about whether requests go out at all.
    fn note(&mut self, answer: &EchoAnswer) {
        match answer {
            EchoAnswer::NotSent { why } => {
                self.round.not_sent.get_or_insert_with(|| why.clone());
            }
            EchoAnswer::Reply { .. }
            | EchoAnswer::TimeExceeded { .. }
            | EchoAnswer::Unreachable { .. } => self.round.sent = true,
        }
    }

    /// Who was pinged does not answer.
    fn silent(&mut self, now: Instant, who: Ipv4Addr) {
        match self.aim() {
            Some(aim) if aim != who && self.nearest == Some(who) => self.ping(now, aim),
            Some(_) | None => self.nobody_answered(now),
        }
    }

    fn nobody_answered(&mut self, now: Instant) {
        if self.payload_came() {
            return self.alive(now, wording::not_needed(&self.label));
        }
        self.say_what_was_not_sent();
        if !self.round.sent {
            self.state = State::Waiting;
            return;
        }
        if let Target::Name { stale, .. } = &mut self.target {
            *stale = true;
        }
        self.search_due = !self.plan.fixed_target;
        self.lost = self.lost.saturating_add(1);
        self.last = Some((false, now));
        let (lost, fail) = (self.lost, self.plan.fail);
        self.result(wording::failed(&self.label, lost, fail));
        if lost < fail {
            self.state = State::Waiting;
            return;
        }
        self.log(wording::cut(&self.label, lost));
        let target = self.label.clone();
        self.out.push(MonitorCommand::Cut { target, lost });
        self.state = State::Off;
    }

    fn alive(&mut self, now: Instant, line: LogLine) {
        self.lost = 0;
        self.last = Some((true, now));
        self.say_what_was_not_sent();
        self.received_before = self.received.unwrap_or_default();
        self.result(line);
        self.out.push(MonitorCommand::Answered);
        self.state = State::Waiting;
    }

    fn say_what_was_not_sent(&mut self) {
        let why = self.round.not_sent.take();
        if let Some(why) = &why
            && self.said_not_sent.as_ref() != Some(why)
        {
            self.log(wording::not_sent(&self.label, why));
        }
        self.said_not_sent = why;
    }

    /// Whether packets that count have come since the last good round.
    fn payload_came(&self) -> bool {
        self.plan.payload_is_life && self.received.unwrap_or_default() > self.received_before
    }

    /// The result of a round, if results are logged.
    fn result(&mut self, line: LogLine) {
        if self.plan.log {
            self.log(line);
        }
    }

    fn log(&mut self, line: LogLine) {
        self.out.push(MonitorCommand::Log(line));
    }
}

/// Whom to watch where the target is not known.
fn stand_in(plan: &MonitorPlan) -> Option<Ipv4Addr> {
    let [first, second] = plan.dns;
    first.or(second).or(plan.peer)
}

/// Whether it can be the address of one host on the network: not 0.0.0.0/8, loop-back, multicast or above
/// (RFC 1122 section 3.2.1.3).
fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    (1..224).contains(&first) && first != 127
}

/// The first moment after `now` that is some intervals after `round`.
fn next_after(round: Instant, interval: Duration, now: Instant) -> Instant {
    let late = now.since(round).as_nanos();
    let interval = interval.as_nanos();
    let whole = (late / interval.max(1) + 1).saturating_mul(interval);
    round + Duration::from_nanos(u64::try_from(whole).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;

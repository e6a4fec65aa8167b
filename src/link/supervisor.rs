//! What is done next: the state machine over attempts and links (spec S, first cut).
//!
//! It decides and waits; it opens, dials and routes nothing. Rules:
//!
//! - PERSIST=1: whatever ends, the next attempt comes, for ever. HOLDOFF is always waited, except that a user's reconnect
//!   dials at once, and that a tty which vanished under a good link is looked for after a second.
//! - An absent or locked tty is waited for ([`Command::WatchLine`]); as a safety net it is also looked at every 30 s.
//! - PERSIST=0 or `--once`: the first attempt or link that ends is the end of the program, with its exit status. One
//!   exception: the second attempt of [`AttemptPlan::empty_credentials`]. A user's reconnect is no end: the link that
//!   follows counts.
//! - What no retry can mend ends the program whatever PERSIST says: a tty that is not one; and before the first link, no
//!   permission for the tty or the network, and no TUN device. Once a link has been up these are taken for passing
//!   trouble, such as a device node that udev has not set up yet.
//! - Two attempts never begin within a second of each other unless a user asks for it.

use std::collections::VecDeque;
use std::time::Duration;

use super::reason::{ExitStatus, LineProblem, LinkEnd, NetworkProblem, UserStop};
use crate::log::{Level, LogLine};
use crate::ppp::{DownReason, Ipv4Settings};
use crate::time::{Instant, Timer};

/// A tty that is waited for is looked at this often even if the watch says nothing.
const RECHECK: Duration = Duration::from_secs(30);

/// The least time between the beginnings of two attempts, and the wait for a tty that vanished under a good link.
const SETTLE: Duration = Duration::from_secs(1);

/// What the configuration says about persistence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// C3 PERSIST: redial for ever; otherwise one link, then the end.
    pub persist: bool,
    /// `--once`: one link, then its exit status.
    pub once: bool,
    /// C8 HOLDOFF.
    pub holdoff: Duration,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The daemon starts.
    Start,
    /// A tty that was waited for may be there again.
    LineChanged,
    /// The link is up.
    Up(Ipv4Settings),
    /// The attempt or the link has ended, and everything has been put back.
    Ended(LinkEnd),
    /// Somebody asks for the end, or for a reconnect.
    User(UserStop),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Open the tty, dial, negotiate, bring up the interface: answered by [`Input::Up`] and [`Input::Ended`].
    Attempt(AttemptPlan),
    /// End the running attempt or link cleanly; it answers with [`Input::Ended`].
    EndAttempt(UserStop),
    /// Watch for the tty and say [`Input::LineChanged`]. Holds until the next [`Command::Attempt`].
    WatchLine(LineProblem),
    /// A line for the log.
    Log(LogLine),
    /// End the program.
    Exit(ExitStatus),
}

/// How an attempt differs from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptPlan {
    /// Counts from 1.
    pub number: u32,
    /// NOAUTH only: agree to authentication with an empty name and secret, because the peer ended the last session
    /// after we had rejected its demand.
    pub empty_credentials: bool,
}

/// What the supervisor is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Not started.
    Idle,
    /// An attempt runs.
    Attempting,
    /// The link is up.
    Up(Ipv4Settings),
    /// The tty is absent or locked.
    WaitingForLine(LineProblem),
    /// HOLDOFF runs.
    HoldingOff {
        /// The next attempt.
        until: Instant,
    },
    /// The running attempt is being ended.
    Ending(UserStop),
    /// Over.
    Ended(ExitStatus),
}

/// The state machine. Same contract as the others: after each `&mut` call drain
/// [`poll_command`](Self::poll_command), then read [`poll_timeout`](Self::poll_timeout).
///
/// An input that does not fit the state is ignored: a late [`Input::LineChanged`], a second signal.
pub struct Supervisor {
    policy: Policy,
    state: State,
    since: Instant,
    /// Runs while holding off or waiting for the line.
    timer: Timer,
    commands: VecDeque<Command>,
    plan: AttemptPlan,
    attempt_began: Instant,
    /// Whether the running attempt's link has been up.
    was_up: bool,
    /// Whether any link has been up.
    ever_up: bool,
    /// The last end, so that an advice is not given twice in a row, and waiting not told twice.
    last_end: Option<LinkEnd>,
}

impl Supervisor {
    /// One that waits for [`Input::Start`].
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            state: State::Idle,
            since: Instant::ZERO,
            timer: Timer::default(),
            commands: VecDeque::new(),
            plan: AttemptPlan::default(),
            attempt_began: Instant::ZERO,
            was_up: false,
            ever_up: false,
            last_end: None,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Start => {
                if self.state == State::Idle {
                    self.attempt(now);
                }
            }
            Input::LineChanged => self.line_changed(now),
            Input::Up(settings) => self.up(now, settings),
            Input::Ended(end) => self.ended(now, end),
            Input::User(stop) => self.user(now, stop),
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timer.expired(now) {
            self.attempt(now);
        }
    }

    /// What is to be done next.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timer.deadline()
    }

    /// What it is doing.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Since when the state holds.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The attempt that runs, or ran last; its number is 0 before the first.
    pub fn plan(&self) -> AttemptPlan {
        self.plan
    }

    /// Why the last attempt or link ended.
    pub fn last_end(&self) -> Option<&LinkEnd> {
        self.last_end.as_ref()
    }

    /// The only writer of the state.
    fn enter(&mut self, now: Instant, state: State) {
        match &state {
            State::HoldingOff { until } => self.timer.arm(*until),
            State::WaitingForLine(_) => self.timer.arm(now + RECHECK),
            State::Idle | State::Attempting | State::Up(_) | State::Ending(_) | State::Ended(_) => {
                self.timer.cancel()
            }
        }
        self.state = state;
        self.since = now;
    }

    fn attempt(&mut self, now: Instant) {
        self.plan.number = self.plan.number.saturating_add(1);
        self.attempt_began = now;
        self.was_up = false;
        self.enter(now, State::Attempting);
        self.commands.push_back(Command::Attempt(self.plan));
    }

    fn line_changed(&mut self, now: Instant) {
        let State::WaitingForLine(_) = self.state else {
            return;
        };
        let earliest = self.attempt_began + SETTLE;
        if now >= earliest {
            self.attempt(now);
        } else if self
            .timer
            .deadline()
            .is_none_or(|deadline| deadline > earliest)
        {
            self.timer.arm(earliest);
        }
    }

    fn up(&mut self, now: Instant, settings: Ipv4Settings) {
        match self.state {
            State::Attempting => {
                self.was_up = true;
                self.ever_up = true;
                self.last_end = None;
                self.enter(now, State::Up(settings));
            }
            // Renegotiated: it is up since before.
            State::Up(_) => self.state = State::Up(settings),
            State::Idle
            | State::WaitingForLine(_)
            | State::HoldingOff { .. }
            | State::Ending(_)
            | State::Ended(_) => {}
        }
    }

    fn user(&mut self, now: Instant, stop: UserStop) {
        match (&self.state, stop) {
            (State::Attempting | State::Up(_), _) => {
                self.enter(now, State::Ending(stop));
                self.commands.push_back(Command::EndAttempt(stop));
            }
            // The attempt is ending already; only what comes after it changes.
            (State::Ending(UserStop::Reconnect), UserStop::Signal(_)) => {
                self.enter(now, State::Ending(stop));
            }
            (
                State::Idle | State::WaitingForLine(_) | State::HoldingOff { .. },
                UserStop::Signal(_),
            ) => self.exit(now, ExitStatus::USER),
            (State::WaitingForLine(_) | State::HoldingOff { .. }, UserStop::Reconnect) => {
                self.attempt(now);
            }
            (State::Idle, UserStop::Reconnect)
            | (State::Ending(_), UserStop::Signal(_) | UserStop::Reconnect)
            | (State::Ended(_), UserStop::Signal(_) | UserStop::Reconnect) => {}
        }
    }

    fn ended(&mut self, now: Instant, end: LinkEnd) {
        let asked = match self.state {
            State::Attempting | State::Up(_) => match end {
                LinkEnd::User(stop) => Some(stop),
                LinkEnd::Line(_) | LinkEnd::Dial(_) | LinkEnd::Ppp(_) | LinkEnd::Network(_) => None,
            },
            State::Ending(stop) => Some(stop),
            State::Idle | State::WaitingForLine(_) | State::HoldingOff { .. } | State::Ended(_) => {
                return;
            }
        };
        match asked {
            Some(UserStop::Signal(_)) => self.exit(now, ExitStatus::USER),
            Some(UserStop::Reconnect) => {
                self.last_end = None;
                self.attempt(now);
            }
            None => self.decide(now, end),
        }
    }

    /// An attempt or a link has ended, and no user wanted that.
    fn decide(&mut self, now: Instant, end: LinkEnd) {
        let retry_empty = self.learn_credentials(&end);
        let last_link = self.policy.once || !self.policy.persist;
        if self.is_fatal(&end) || (last_link && !retry_empty) {
            let status = if self.was_up {
                end.exit_status_after_up()
            } else {
                end.exit_status()
            };
            let level = if status == ExitStatus::DONE {
                Level::Notice
            } else {
                Level::Error
            };
            self.log(level, sentence(&end));
            self.last_end = Some(end);
            return self.exit(now, status);
        }
        let known = self.last_end.as_ref() == Some(&end);
        match &end {
            LinkEnd::Line(problem @ (LineProblem::Absent { .. } | LineProblem::Locked { .. })) => {
                if !known {
                    self.log(
                        Level::Notice,
                        format!("Waiting for the tty: {}", sentence(&end)),
                    );
                }
                self.commands.push_back(Command::WatchLine(problem.clone()));
                self.enter(now, State::WaitingForLine(problem.clone()));
            }
            LinkEnd::Line(_)
            | LinkEnd::Dial(_)
            | LinkEnd::Ppp(_)
            | LinkEnd::Network(_)
            | LinkEnd::User(_) => {
                let vanished = matches!(end, LinkEnd::Line(LineProblem::Vanished { .. }));
                let wait = if vanished && self.was_up {
                    self.policy.holdoff.min(SETTLE)
                } else {
                    self.policy.holdoff
                };
                let until = (now + wait).max(self.attempt_began + SETTLE);
                let what = match (self.was_up, retry_empty) {
                    (true, _) => "The link ended".to_owned(),
                    (false, _) => format!("Attempt {} failed", self.plan.number),
                };
                let why = if known {
                    format!("{end}.")
                } else {
                    sentence(&end)
                };
                let next = seconds(until.since(now));
                let how = if retry_empty {
                    ", with an empty account"
                } else {
                    ""
                };
                self.log(
                    Level::Notice,
                    format!("{what}: {why} Next attempt in {next}{how}."),
                );
                self.enter(now, State::HoldingOff { until });
            }
        }
        self.last_end = Some(end);
    }

    /// Whether no retry can mend it.
    fn is_fatal(&self, end: &LinkEnd) -> bool {
        match end {
            LinkEnd::Line(LineProblem::NotATty { .. }) => true,
            LinkEnd::Line(LineProblem::OpenFailed { permission, .. }) => {
                *permission && !self.ever_up
            }
            LinkEnd::Network(
                NetworkProblem::NoPermission { .. } | NetworkProblem::NoTun { .. },
            ) => !self.ever_up,
            LinkEnd::Line(
                LineProblem::Absent { .. }
                | LineProblem::Locked { .. }
                | LineProblem::Vanished { .. },
            )
            | LinkEnd::Network(
                NetworkProblem::NameTaken { .. }
                | NetworkProblem::InterfaceDeleted { .. }
                | NetworkProblem::SetDown { .. }
                | NetworkProblem::Failed { .. },
            )
            | LinkEnd::Dial(_)
            | LinkEnd::Ppp(_)
            | LinkEnd::User(_) => false,
        }
    }

    /// Decides whether the next attempt agrees to authentication with an empty name; true if this end calls for it.
    /// A peer that took it is met so from then on; one that refused it is not.
    fn learn_credentials(&mut self, end: &LinkEnd) -> bool {
        if self.was_up {
            return false;
        }
        match end {
            LinkEnd::Ppp(DownReason::PeerTerminated {
                auth_rejected: true,
                ..
            }) => {
                let first = !self.plan.empty_credentials;
                self.plan.empty_credentials = true;
                first
            }
            LinkEnd::Ppp(DownReason::AuthenticationRefused { .. }) => {
                self.plan.empty_credentials = false;
                false
            }
            LinkEnd::Line(_)
            | LinkEnd::Dial(_)
            | LinkEnd::Ppp(_)
            | LinkEnd::Network(_)
            | LinkEnd::User(_) => false,
        }
    }

    fn exit(&mut self, now: Instant, status: ExitStatus) {
        self.enter(now, State::Ended(status));
        self.commands.push_back(Command::Exit(status));
    }

    fn log(&mut self, level: Level, text: String) {
        self.commands
            .push_back(Command::Log(LogLine::uplinkd(level, text)));
    }
}

/// The end and what can be done about it.
fn sentence(end: &LinkEnd) -> String {
    match end.advice() {
        "" => format!("{end}."),
        advice => format!("{end}; {advice}."),
    }
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests;

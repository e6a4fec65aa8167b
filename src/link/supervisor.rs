//! What is done next: the state machine over attempts and links (spec S).
//!
//! It decides and waits; it opens, dials and routes nothing. `docs/supervision.md` has the picture and every rule with
//! its test. In short:
//!
//! - PERSIST=1: whatever ends, the next attempt comes, for ever. HOLDOFF is waited, and after RETRY failures in a row
//!   more and more (`link::backoff`); a user's connect or reconnect dials at once.
//! - RETRY failures in a row without a good link: the modem is reset, if RESET_ON_FAIL is set. Only failures that a reset
//!   can mend count: not the configuration, not the SIM, not this host.
//! - An absent or locked tty is waited for ([`Command::WatchLine`]); as a safety net it is also looked at every 30 s. If
//!   it had been there in this run and is away for minutes, the modem is reset.
//! - PERSIST=0 or `--once`: the first attempt or link that ends is the end of the program, with its exit status. One
//!   exception: the second attempt of [`AttemptPlan::empty_credentials`]. A user's reconnect is no end: the link that
//!   follows counts.
//! - What no retry can mend ends the program whatever PERSIST says: a tty that is not one; and before the first link, no
//!   permission for the tty or the network, and no TUN device. Once a link has been up these are taken for passing
//!   trouble, such as a device node that udev has not set up yet.
//! - DEMAND: instead of dialing it waits for a packet, at the start and after every wait.
//! - Two attempts never begin within a second of each other, whoever asks for it.

mod ends;
mod resets;
mod status;
mod users;
mod vocabulary;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::Backoff;
use super::reason::{ExitStatus, LineProblem, LinkEnd};
use crate::log::{Level, LogLine};
use crate::ppp::Ipv4Settings;
use crate::time::{Instant, Timer};

use resets::AfterReset;

pub use vocabulary::{
    AttemptPlan, BackoffPolicy, Command, Input, Policy, ResetOutcome, ResetReason, State, Upcoming,
};

/// A tty that is waited for is looked at this often even if the watch says nothing.
const RECHECK: Duration = Duration::from_secs(30);

/// The least time between the beginnings of two attempts, and the wait for a tty that vanished under a link.
const SETTLE: Duration = Duration::from_secs(1);

/// The dialog with the modem is logged for so many attempts in a row that end alike.
const SHOWN: u32 = 3;

/// The state machine. Same contract as the others: after each `&mut` call drain
/// [`poll_command`](Self::poll_command), then read [`poll_timeout`](Self::poll_timeout).
///
/// An input that does not fit the state is ignored: a late [`Input::LineChanged`], a second signal.
pub struct Supervisor {
    policy: Policy,
    state: State,
    since: Instant,
    why: Cow<'static, str>,
    /// Runs while holding off, after a reset, or while waiting for the line.
    timer: Timer,
    /// What that wait is for.
    then: Then,
    /// What the running reset is for.
    after_reset: AfterReset,
    /// The wait after the running reset is not shorter than this.
    reset_floor: Duration,
    commands: VecDeque<Command>,
    plan: AttemptPlan,
    attempt_began: Instant,
    /// The running attempt's link, if it has been up.
    link: Option<Link>,
    /// Whether any link has been up.
    ever_up: bool,
    /// Whether the modem was there in this run.
    seen: bool,
    /// Since when its tty is away.
    absent_since: Option<Instant>,
    /// RESET_WAIT that the modem needs.
    modem_wait: Option<Duration>,
    /// The last end, so that an advice is not given twice in a row, and waiting not told twice.
    last_end: Option<LinkEnd>,
    /// So many attempts in a row have ended alike, without a link.
    alike: u32,
    row: Row,
    backoff: Backoff,
    /// Resets since a link was good.
    resets_in_row: u32,
}

/// What comes after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// An attempt.
    Dial,
    /// DEMAND: waiting for a packet.
    Packet,
}

/// A link that is up.
#[derive(Clone, Copy, Debug)]
struct Link {
    since: Instant,
    /// A ping of the monitor was answered.
    answered: bool,
}

/// Failures since the last good link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    /// All of them.
    failures: u32,
    /// Those since the last reset that count towards the next.
    towards_reset: u32,
    /// Those of these in which the modem did what it should, and the network did not: perhaps for want of the right
    /// APN.
    refused: u32,
}

impl Row {
    fn count(&mut self, towards_reset: bool, refused: bool) {
        self.failures = self.failures.saturating_add(1);
        if towards_reset {
            self.towards_reset = self.towards_reset.saturating_add(1);
            self.refused = self.refused.saturating_add(u32::from(refused));
        }
    }
}

impl Supervisor {
    /// One that waits for [`Input::Start`]. `seed` is for the jitter of the waits.
    pub fn new(policy: Policy, seed: u64) -> Self {
        let backoff = Backoff::new(&policy, seed);
        Self {
            policy,
            state: State::Idle,
            since: Instant::ZERO,
            why: Cow::Borrowed(""),
            timer: Timer::default(),
            then: Then::Dial,
            after_reset: AfterReset::Wait(Then::Dial),
            reset_floor: Duration::ZERO,
            commands: VecDeque::new(),
            plan: AttemptPlan::default(),
            attempt_began: Instant::ZERO,
            link: None,
            ever_up: false,
            seen: false,
            absent_since: None,
            modem_wait: None,
            last_end: None,
            alike: 0,
            row: Row::default(),
            backoff,
            resets_in_row: 0,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Start => {
                if self.state == State::Idle {
                    self.go_on(now, self.rest(), "the daemon has started");
                }
            }
            Input::LineChanged => self.line_changed(now),
            Input::Up(settings) => self.up(now, settings),
            Input::Ended(end) => self.ended(now, end),
            Input::User(stop) => self.user(now, stop),
            Input::Connect => self.connect(now),
            Input::Answered => self.answered(),
            Input::PacketWaiting => self.packet_waiting(now),
            Input::ResetAt => self.reset_at(now),
            Input::Modem { reset_wait } => {
                self.seen = true;
                self.modem_wait = Some(reset_wait);
            }
            Input::ResetDone(outcome) => self.reset_done(now, outcome),
            Input::Configured { policy, dial } => self.configure(now, policy, dial),
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.timer.expired(now) {
            return;
        }
        match self.state {
            State::HoldingOff { .. } => self.go_on(now, self.then, "the wait is over"),
            State::ResetWait { .. } => self.go_on(now, self.then, "RESET_WAIT is over"),
            State::WaitingForLine(_) => {
                self.go_on(now, self.rest(), "the tty is looked at again");
            }
            // No timer runs.
            State::Idle
            | State::Attempting
            | State::Up(_)
            | State::WaitingForPacket
            | State::Ending(_)
            | State::EndingOnSchedule
            | State::Resetting(_)
            | State::Disconnected
            | State::Ended(_) => {}
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

    /// The only writer of the state. Every way out of a state with a timer stops it.
    fn enter(&mut self, now: Instant, state: State, why: impl Into<Cow<'static, str>>) {
        match &state {
            State::HoldingOff { until } | State::ResetWait { until } => self.timer.arm(*until),
            State::WaitingForLine(_) => self.timer.arm(now + RECHECK),
            State::Idle
            | State::Attempting
            | State::Up(_)
            | State::WaitingForPacket
            | State::Ending(_)
            | State::EndingOnSchedule
            | State::Resetting(_)
            | State::Disconnected
            | State::Ended(_) => self.timer.cancel(),
        }
        self.state = state;
        self.since = now;
        self.why = why.into();
    }

    /// What comes when there is nothing special to do: an attempt, or with DEMAND a packet must come first.
    fn rest(&self) -> Then {
        if self.policy.demand {
            Then::Packet
        } else {
            Then::Dial
        }
    }

    fn go_on(&mut self, now: Instant, then: Then, why: &'static str) {
        match then {
            Then::Dial => self.attempt(now, why),
            Then::Packet => self.wait_for_packet(now, why),
        }
    }

    fn attempt(&mut self, now: Instant, why: &'static str) {
        self.plan.number = self.plan.number.saturating_add(1);
        self.attempt_began = now;
        self.link = None;
        let quiet = self.alike >= SHOWN;
        if quiet && !self.plan.quiet {
            let text = "The dialog with the modem is not logged again while attempts end like this; -v shows it.";
            self.log(Level::Notice, text.to_owned());
        }
        self.plan.quiet = quiet;
        self.enter(now, State::Attempting, why);
        self.commands.push_back(Command::Attempt(self.plan));
    }

    /// Two attempts do not begin within a second of each other.
    fn earliest_attempt(&self) -> Instant {
        if self.plan.number == 0 {
            Instant::ZERO
        } else {
            self.attempt_began + SETTLE
        }
    }

    fn wait_for_packet(&mut self, now: Instant, why: impl Into<Cow<'static, str>>) {
        self.enter(now, State::WaitingForPacket, why);
        self.commands.push_back(Command::WatchPackets);
    }

    fn packet_waiting(&mut self, now: Instant) {
        if self.state != State::WaitingForPacket {
            return;
        }
        self.attempt_soon(now, "a packet wants out");
    }

    /// An attempt, at once or as soon as it may be.
    fn attempt_soon(&mut self, now: Instant, why: &'static str) {
        let until = self.earliest_attempt();
        if now >= until {
            self.attempt(now, why);
        } else {
            self.then = Then::Dial;
            self.enter(now, State::HoldingOff { until }, why);
        }
    }

    fn wait_for_line(&mut self, now: Instant, problem: LineProblem, why: String) {
        self.commands.push_back(Command::WatchLine(problem.clone()));
        self.enter(now, State::WaitingForLine(problem), why);
        // The look that decides about a reset is not later than it has to be.
        if let Some(deadline) = self.absence_deadline()
            && deadline < now + RECHECK
        {
            self.timer.arm(deadline.max(self.earliest_attempt()));
        }
    }

    fn line_changed(&mut self, now: Instant) {
        let State::WaitingForLine(_) = self.state else {
            return;
        };
        let earliest = self.earliest_attempt();
        if now >= earliest {
            self.go_on(now, self.rest(), "the tty may be there again");
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
                self.link = Some(Link {
                    since: now,
                    answered: false,
                });
                self.ever_up = true;
                self.seen = true;
                self.absent_since = None;
                self.last_end = None;
                self.enter(now, State::Up(settings), "the attempt succeeded");
            }
            // Renegotiated: it is up since before.
            State::Up(_) => self.state = State::Up(settings),
            State::Idle
            | State::WaitingForLine(_)
            | State::WaitingForPacket
            | State::HoldingOff { .. }
            | State::Ending(_)
            | State::EndingOnSchedule
            | State::Resetting(_)
            | State::ResetWait { .. }
            | State::Disconnected
            | State::Ended(_) => {}
        }
    }

    fn answered(&mut self) {
        if let (State::Up(_), Some(link)) = (&self.state, &mut self.link) {
            link.answered = true;
            self.start_counting_anew();
        }
    }

    /// Whether the link has been up for long enough, or has answered.
    fn is_good(&self, now: Instant, link: Link) -> bool {
        link.answered || now.since(link.since) >= self.policy.good_after
    }

    /// The link was good.
    fn start_counting_anew(&mut self) {
        self.resets_in_row = 0;
        self.row = Row::default();
        self.backoff.restart();
        self.backoff.restart_absence();
    }

    /// Whether the first end is the end of the program.
    fn is_last_link(&self) -> bool {
        self.policy.once || !self.policy.persist
    }

    fn exit(&mut self, now: Instant, status: ExitStatus) {
        let why = match &self.last_end {
            Some(end) if status != ExitStatus::USER => end.to_string().into(),
            Some(_) | None => Cow::Borrowed("a user ended it"),
        };
        self.enter(now, State::Ended(status), why);
        self.commands.push_back(Command::Exit(status));
    }

    fn log(&mut self, level: Level, text: String) {
        self.commands
            .push_back(Command::Log(LogLine::uplinkd(level, text)));
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

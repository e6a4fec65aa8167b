//! Resetting a modem, step by step, until one works (spec S2).
//!
//! A step counts only if the modem was seen to restart: its tty went away and came back. One that does nothing, fails,
//! or loses the modem for good is followed by the next. The machine runs no step itself and looks at no tty: the shell
//! does what [`LadderCommand`] says and tells what it sees by [`LadderInput`].
//!
//! How a step is judged:
//!
//! - The tty must go within `gone_within` of the step's end (it may go before), and be back within `back_within` of its
//!   going. Then it must stay for [`SETTLE`]: some modems show a boot loader first, and go again.
//! - A tty that is away when the ladder begins, or that a step before has lost, must only come back.
//! - A step that fails although the tty went is judged by what the tty does: a modem may restart before its OK is out.
//! - A modem on a UART (`vanishes: false`) is judged by an answer to AT ([`LadderCommand::Probe`]) within `back_within`.
//!
//! A step that has worked and after which there was no good link is not enough: the next ladder begins behind it, see
//! [`Escalation`].
//!
//! Everything is bounded: see [`longest`]. Which failures lead to a reset at all is the supervisor's business.

mod escalation;
mod plan;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use super::supervisor::ResetOutcome;
use crate::log::{Level, LogLine};
use crate::modem::ResetStep;
use crate::time::{Instant, Timer};

pub use escalation::Escalation;
pub use plan::{COMMAND_LIMIT, StepSources, describe, step_limit, steps};

/// Between two steps, so that a modem that is just slow is not met by the next one.
pub const PAUSE: Duration = Duration::from_secs(5);

/// So long a tty that is back must stay to count. For a UART: from the step's end to the first question.
pub const SETTLE: Duration = Duration::from_secs(3);

/// Between two questions to a modem on a UART.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A question is taken for unanswered after this, whatever the shell says.
const ASK_LIMIT: Duration = Duration::from_secs(20);

/// So long a host that was told to restart may go on.
const REBOOT_LIMIT: Duration = Duration::from_secs(120);

/// What a ladder is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LadderConfig {
    /// Tried in this order: see [`steps`].
    pub steps: Vec<ResetStep>,
    /// So long after a step the tty must have gone.
    pub gone_within: Duration,
    /// So long after its going it must be back.
    pub back_within: Duration,
    /// Whether the tty goes when the modem restarts.
    pub vanishes: bool,
    /// Whether the tty is there now.
    pub present: bool,
}

/// What the shell sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LadderInput {
    /// The tty went away.
    Gone,
    /// It is there again, under whatever number.
    Back,
    /// The step of the last [`LadderCommand::Run`] has ended, well or with these words.
    StepDone(Result<(), String>),
    /// Answer to [`LadderCommand::Probe`]: whether the modem answers.
    Probed(bool),
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LadderCommand {
    /// Begin this step; a former one that has not ended is given up.
    Run(ResetStep),
    /// Ask the modem whether it answers AT.
    Probe,
    /// A line for the log.
    Log(LogLine),
    /// It is over. Nothing follows.
    Done(ResetOutcome),
}

/// The ladder. Same contract as the other machines: after each `&mut` call drain
/// [`poll_command`](Self::poll_command), then read [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Ladder {
    config: LadderConfig,
    phase: Phase,
    timer: Timer,
    /// The step at hand: its place in the list.
    number: usize,
    /// When the step at hand began.
    began: Instant,
    /// Whether the tty is there.
    present: bool,
    /// When the tty went first since the step began.
    went: Option<Instant>,
    /// The step at hand has been judged once more already, because the tty came back late.
    judged_again: bool,
    commands: VecDeque<LadderCommand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not started.
    Idle,
    /// A step runs.
    Running,
    /// The tty is to go.
    WaitingForGone,
    /// The tty is to come back before `end`.
    WaitingForBack { end: Instant },
    /// It is back, and is to stay; if it goes again it still has until `end`.
    Settling { end: Instant },
    /// A UART: the modem is given time, or between two questions.
    Resting { end: Instant },
    /// A UART: a question is under way.
    Asking { end: Instant },
    /// The host is restarting.
    Rebooting,
    /// Before the next step.
    Pausing,
    /// Over.
    Done,
}

impl Ladder {
    /// One that has not begun.
    pub fn new(config: LadderConfig) -> Self {
        Self {
            present: config.present,
            config,
            phase: Phase::Idle,
            timer: Timer::default(),
            number: 0,
            began: Instant::ZERO,
            went: None,
            judged_again: false,
            commands: VecDeque::new(),
        }
    }

    /// Begins with the first step.
    pub fn start(&mut self, now: Instant) {
        if self.phase != Phase::Idle {
            return;
        }
        if self.config.steps.is_empty() {
            return self.fail("no way to reset this modem is known or configured".to_owned());
        }
        self.run(now);
    }

    /// Takes in what the shell sees. What does not fit the phase is taken note of, or ignored.
    pub fn handle(&mut self, now: Instant, input: LadderInput) {
        match input {
            LadderInput::Gone => self.gone(now),
            LadderInput::Back => self.back(now),
            LadderInput::StepDone(result) => {
                if self.phase == Phase::Running {
                    self.step_done(now, result);
                }
            }
            LadderInput::Probed(answers) => self.probed(now, answers),
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.timer.expired(now) {
            return;
        }
        match self.phase {
            Phase::Running => {
                let limit = self.step().map_or(Duration::ZERO, step_limit);
                self.step_done(
                    now,
                    Err(format!("it did not end within {}", seconds(limit))),
                );
            }
            Phase::WaitingForGone => {
                let within = seconds(self.config.gone_within);
                self.next(
                    now,
                    &format!("did nothing: the tty did not go within {within}"),
                );
            }
            Phase::WaitingForBack { .. } => self.lost(now),
            Phase::Settling { .. } => {
                let after = seconds(now.since(self.began).saturating_sub(SETTLE));
                self.succeed(&format!("the modem is back, {after} after its beginning"));
            }
            Phase::Resting { end } => {
                if now >= end {
                    return self.unanswered(now);
                }
                self.commands.push_back(LadderCommand::Probe);
                self.enter(Phase::Asking { end }, now + ASK_LIMIT);
            }
            Phase::Asking { .. } => self.probed(now, false),
            Phase::Rebooting => self.next(
                now,
                &format!(
                    "did nothing: the host still runs after {}",
                    seconds(REBOOT_LIMIT)
                ),
            ),
            Phase::Pausing => self.run(now),
            Phase::Idle | Phase::Done => {}
        }
    }

    /// What is to be done next.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<LadderCommand> {
        self.commands.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timer.deadline()
    }

    /// The step at hand, in words, and its place: the first is 1.
    pub fn current(&self) -> Option<(usize, String)> {
        Some((self.number + 1, describe(self.step()?)))
    }

    fn step(&self) -> Option<&ResetStep> {
        self.config.steps.get(self.number)
    }

    /// The only writer of the phase, but for the end.
    fn enter(&mut self, phase: Phase, until: Instant) {
        self.phase = phase;
        self.timer.arm(until);
    }

    fn run(&mut self, now: Instant) {
        let Some(step) = self.step().cloned() else {
            return self.fail("no step made the modem restart".to_owned());
        };
        let (number, count) = (self.number + 1, self.config.steps.len());
        self.log(
            Level::Notice,
            format!(
                "Resetting the modem, step {number} of {count}: {}",
                describe(&step)
            ),
        );
        self.began = now;
        self.went = None;
        self.judged_again = false;
        let limit = step_limit(&step);
        self.commands.push_back(LadderCommand::Run(step));
        self.enter(Phase::Running, now + limit);
    }

    fn step_done(&mut self, now: Instant, result: Result<(), String>) {
        let restarts_host = matches!(self.step(), Some(ResetStep::Reboot));
        if let (Err(why), Some(_)) = (&result, self.went) {
            let (number, step) = self.current().unwrap_or_default();
            self.log(
                Level::Warning,
                format!(
                    "Reset step {number} ({step}) failed, although the modem went away: {why}."
                ),
            );
        }
        match result {
            Err(why) if self.went.is_none() => self.next(now, &format!("failed: {why}")),
            Ok(()) if restarts_host => self.enter(Phase::Rebooting, now + REBOOT_LIMIT),
            Ok(()) | Err(_) if !self.config.vanishes => {
                let end = now + SETTLE + self.config.back_within;
                self.enter(Phase::Resting { end }, now + SETTLE);
            }
            Ok(()) | Err(_) => match (self.went, self.present) {
                (Some(went), true) => {
                    let end = went + self.config.back_within;
                    self.enter(Phase::Settling { end }, now + SETTLE);
                }
                (Some(_), false) | (None, false) => {
                    // A step may hold the modem down for a while: its time to come back runs from the step's end.
                    let end = now + self.config.back_within;
                    self.enter(Phase::WaitingForBack { end }, end);
                }
                (None, true) => {
                    self.enter(Phase::WaitingForGone, now + self.config.gone_within);
                }
            },
        }
    }

    fn gone(&mut self, now: Instant) {
        if !self.present {
            return;
        }
        self.present = false;
        if self.went.is_none() {
            self.went = Some(now);
            if matches!(self.phase, Phase::Running | Phase::WaitingForGone) {
                let after = seconds(now.since(self.began));
                self.log(
                    Level::Info,
                    format!("The modem went away {after} after the step's beginning."),
                );
            }
        }
        match self.phase {
            Phase::WaitingForGone => {
                let end = now + self.config.back_within;
                self.enter(Phase::WaitingForBack { end }, end);
            }
            Phase::Settling { end } => {
                if now >= end {
                    self.lost(now);
                } else {
                    self.enter(Phase::WaitingForBack { end }, end);
                }
            }
            Phase::Idle
            | Phase::Running
            | Phase::WaitingForBack { .. }
            | Phase::Resting { .. }
            | Phase::Asking { .. }
            | Phase::Rebooting
            | Phase::Pausing
            | Phase::Done => {}
        }
    }

    fn back(&mut self, now: Instant) {
        if self.present {
            return;
        }
        self.present = true;
        match self.phase {
            Phase::WaitingForBack { end } => self.enter(Phase::Settling { end }, now + SETTLE),
            // Late, but back: the step before has worked.
            Phase::Pausing if !self.judged_again => {
                self.judged_again = true;
                self.number = self.number.saturating_sub(1);
                let end = now + self.config.back_within;
                self.enter(Phase::Settling { end }, now + SETTLE);
            }
            Phase::Idle
            | Phase::Running
            | Phase::WaitingForGone
            | Phase::Settling { .. }
            | Phase::Resting { .. }
            | Phase::Asking { .. }
            | Phase::Rebooting
            | Phase::Pausing
            | Phase::Done => {}
        }
    }

    fn probed(&mut self, now: Instant, answers: bool) {
        let Phase::Asking { end } = self.phase else {
            return;
        };
        if answers {
            let after = seconds(now.since(self.began));
            self.succeed(&format!("the modem answers, {after} after its beginning"));
        } else if now >= end {
            self.unanswered(now);
        } else {
            self.enter(Phase::Resting { end }, (now + ASK_EVERY).min(end));
        }
    }

    fn lost(&mut self, now: Instant) {
        let within = seconds(self.config.back_within);
        self.next(now, &format!("did not bring the tty back within {within}"));
    }

    fn unanswered(&mut self, now: Instant) {
        let within = seconds(self.config.back_within);
        self.next(now, &format!("brought no answer to AT within {within}"));
    }

    /// The step at hand has not worked.
    fn next(&mut self, now: Instant, why: &str) {
        let (number, step) = self.current().unwrap_or_default();
        self.log(
            Level::Warning,
            format!("Reset step {number} ({step}) {why}."),
        );
        self.number += 1;
        if self.step().is_some() {
            self.enter(Phase::Pausing, now + PAUSE);
        } else {
            let count = self.config.steps.len();
            let steps = if count == 1 { "step" } else { "steps" };
            self.fail(format!("none of {count} {steps} made the modem restart"));
        }
    }

    fn succeed(&mut self, how: &str) {
        let (number, step) = self.current().unwrap_or_default();
        self.log(
            Level::Notice,
            format!("Reset step {number} ({step}) worked: {how}."),
        );
        self.finish(ResetOutcome::Done { step });
    }

    /// The supervisor says so in the log.
    fn fail(&mut self, why: String) {
        self.finish(ResetOutcome::Failed { why });
    }

    fn finish(&mut self, outcome: ResetOutcome) {
        self.phase = Phase::Done;
        self.timer.cancel();
        self.commands.push_back(LadderCommand::Done(outcome));
    }

    fn log(&mut self, level: Level, text: String) {
        self.commands
            .push_back(LadderCommand::Log(LogLine::uplinkd(level, text)));
    }
}

/// The longest that a ladder of this configuration can take, whatever the modem does.
pub fn longest(config: &LadderConfig) -> Duration {
    config
        .steps
        .iter()
        .map(|step| {
            let judged = if matches!(step, ResetStep::Reboot) {
                REBOOT_LIMIT.max(longest_judgement(config))
            } else {
                longest_judgement(config)
            };
            step_limit(step)
                .saturating_add(judged)
                .saturating_add(PAUSE)
        })
        .fold(Duration::ZERO, Duration::saturating_add)
}

/// From a step's end to its judgement. A tty that comes back in the pause behind its time has its settling again, once
/// for each step.
fn longest_judgement(config: &LadderConfig) -> Duration {
    let tty = config
        .gone_within
        .saturating_add(config.back_within)
        .saturating_add(config.back_within)
        .saturating_add(SETTLE)
        .saturating_add(SETTLE)
        .saturating_add(PAUSE);
    let uart = config
        .back_within
        .saturating_add(SETTLE)
        .saturating_add(ASK_LIMIT);
    if config.vanishes { tty } else { uart }
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

//! Resets of the modem: when, and what follows.

use std::time::Duration;

use super::{Command, ResetOutcome, ResetReason, State, Supervisor, Then, seconds};
use crate::link::reason::{ExitStatus, LineProblem, LinkEnd, Stop, UserStop};
use crate::log::Level;
use crate::time::Instant;

/// RESET_WAIT where neither the configuration nor the modem says more (spec C7).
const RESET_WAIT: Duration = Duration::from_secs(30);

/// At 300 s an attempt, a reset for a refusing network comes about every 16 hours in the end.
const MOST_DOUBLINGS: u32 = 6;

/// What follows a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterReset {
    /// RESET_WAIT, and then this.
    Wait(Then),
    /// Nothing: a user has disconnected.
    Disconnected,
    /// The end of the program.
    Exit(ExitStatus),
}

impl Supervisor {
    /// Begins a reset. The wait after it is RESET_WAIT, and `floor` at least.
    pub(super) fn reset(
        &mut self,
        now: Instant,
        reason: ResetReason,
        after: AfterReset,
        floor: Duration,
    ) {
        self.after_reset = after;
        self.reset_floor = floor;
        self.row.towards_reset = 0;
        self.row.refused = 0;
        self.absent_since = None;
        self.resets_in_row = self.resets_in_row.saturating_add(1);
        let why = reason.to_string();
        self.enter(now, State::Resetting(reason), why);
        self.commands.push_back(Command::Reset);
    }

    pub(super) fn reset_done(&mut self, now: Instant, outcome: ResetOutcome) {
        let State::Resetting(why) = &self.state else {
            return;
        };
        let why = why.clone();
        let (level, went, details) = match &outcome {
            ResetOutcome::Done { step } => (Level::Notice, "the modem was reset", step),
            ResetOutcome::Failed { why } => (Level::Warning, "the modem could not be reset", why),
        };
        let mut text = format!("{went}: {details}.");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        // Nothing was reset: only the tty is waited for, and it may have come during the reset.
        let looks = matches!(
            (&why, &outcome),
            (ResetReason::Absent(_), ResetOutcome::Failed { .. })
        );
        match self.after_reset {
            AfterReset::Exit(status) => {
                self.log(level, text);
                self.exit(now, status);
            }
            AfterReset::Disconnected => {
                self.log(level, text);
                self.disconnect(now);
            }
            AfterReset::Wait(then) if looks && now >= self.earliest_attempt() => {
                self.log(level, text);
                self.go_on(now, then, "the tty is looked at again");
            }
            AfterReset::Wait(then) => {
                let wait = self.reset_wait().max(self.reset_floor);
                let until = (now + wait).max(self.earliest_attempt());
                text.push_str(&match then {
                    Then::Dial => format!(" Next attempt in {}.", seconds(until.since(now))),
                    Then::Packet => format!(
                        " Next attempt in {}, if a packet wants out.",
                        seconds(until.since(now))
                    ),
                });
                self.log(level, text);
                self.then = then;
                self.enter(now, State::ResetWait { until }, went);
            }
        }
    }

    /// RESET_AT has come (spec C6, S4): a link is ended, and with RESET_ALWAYS the modem reset even without one.
    pub(super) fn reset_at(&mut self, now: Instant) {
        let always = self.policy.reset_always;
        let ends = match &self.state {
            State::Up(_) => true,
            // An attempt is no link, but it must not run into a reset.
            State::Attempting => always,
            State::Ending(UserStop::Reconnect) if always => {
                return self.enter(now, State::EndingOnSchedule, scheduled());
            }
            // Another process is working with the modem.
            State::WaitingForLine(LineProblem::Locked { .. }) => return,
            State::WaitingForLine(_) | State::WaitingForPacket | State::HoldingOff { .. } => {
                if always {
                    let reason = ResetReason::Scheduled;
                    self.log(Level::Notice, format!("The modem is reset: {reason}."));
                    let after = AfterReset::Wait(self.rest());
                    self.reset(now, reason, after, Duration::ZERO);
                }
                return;
            }
            // Just reset or about to be, given away by a user, or over.
            State::Idle
            | State::Ending(_)
            | State::EndingOnSchedule
            | State::Resetting(_)
            | State::ResetWait { .. }
            | State::Disconnected
            | State::Ended(_) => return,
        };
        if ends {
            self.enter(now, State::EndingOnSchedule, scheduled());
            self.commands
                .push_back(Command::EndAttempt(Stop::Scheduled));
        }
    }

    /// A modem that was there in this run and is away for so long that it will not come back by itself.
    pub(super) fn reset_for_absence(&mut self, now: Instant, end: LinkEnd) {
        let away = now.since(self.absent_since.unwrap_or(now));
        let reason = ResetReason::Absent(away);
        self.log(
            Level::Warning,
            format!("{end}. The modem is reset: {reason}."),
        );
        self.backoff.note_absence();
        self.last_end = Some(end);
        let after = AfterReset::Wait(self.rest());
        self.reset(now, reason, after, Duration::ZERO);
    }

    /// When an absent tty becomes a reason for a reset. A modem that was never there is none, and a locked one is not
    /// absent.
    pub(super) fn absence_deadline(&self) -> Option<Instant> {
        if !self.seen || !self.resets_on_fail() || self.is_last_link() {
            return None;
        }
        let since = self.absent_since?;
        Some(since + self.backoff.absence(self.reset_wait()))
    }

    /// How many failures since the last reset lead to the next one: RETRY. But a network that refuses a modem which does
    /// what it should is often a wrong APN that no reset mends: while that is all that is wrong, and resets have not
    /// helped, each comes after twice as many failures as the one before.
    pub(super) fn reset_threshold(&self) -> u32 {
        let only_refused = self.row.refused == self.row.towards_reset;
        let doublings = if only_refused && !self.policy.reset_any {
            self.resets_in_row.saturating_sub(1).min(MOST_DOUBLINGS)
        } else {
            0
        };
        self.policy.retry.saturating_mul(1 << doublings)
    }

    pub(super) fn resets_on_fail(&self) -> bool {
        self.policy.reset_on_fail && self.policy.retry > 0
    }

    fn reset_wait(&self) -> Duration {
        self.policy
            .reset_wait
            .unwrap_or_else(|| self.modem_wait.unwrap_or_default().max(RESET_WAIT))
    }
}

fn scheduled() -> &'static str {
    "the time of RESET_AT has come"
}

//! What users ask for.

use std::time::Duration;

use super::resets::AfterReset;
use super::{Command, Policy, ResetReason, Row, State, Supervisor, Then};
use crate::link::reason::{ExitStatus, Stop, UserStop};
use crate::log::Level;
use crate::time::Instant;

impl Supervisor {
    pub(super) fn user(&mut self, now: Instant, stop: UserStop) {
        let over = matches!(self.state, State::Ended(_));
        if stop == UserStop::Reset && self.policy.once && !over {
            let text = "The modem is not reset: `--once` never does that.";
            return self.log(Level::Warning, text.to_owned());
        }
        match self.state {
            State::Idle => {
                if let UserStop::Signal(_) = stop {
                    self.exit(now, ExitStatus::USER);
                }
            }
            State::Attempting | State::Up(_) => {
                self.enter(now, State::Ending(stop), stop_text(stop));
                self.commands
                    .push_back(Command::EndAttempt(Stop::User(stop)));
            }
            State::Ending(_) | State::EndingOnSchedule => self.change_ending(now, stop),
            State::Resetting(_) => self.change_reset(stop),
            State::WaitingForLine(_)
            | State::WaitingForPacket
            | State::HoldingOff { .. }
            | State::ResetWait { .. }
            | State::Disconnected => match stop {
                UserStop::Signal(_) => self.exit(now, ExitStatus::USER),
                UserStop::Reconnect => self.dial_for_user(now),
                UserStop::Disconnect => self.disconnect(now),
                UserStop::Reset => self.reset_for_user(now),
            },
            State::Ended(_) => {}
        }
    }

    /// The command `connect`.
    pub(super) fn connect(&mut self, now: Instant) {
        match self.state {
            State::WaitingForLine(_)
            | State::WaitingForPacket
            | State::HoldingOff { .. }
            | State::ResetWait { .. }
            | State::Disconnected => self.dial_for_user(now),
            State::Ending(_) | State::EndingOnSchedule => {
                self.change_ending(now, UserStop::Reconnect);
            }
            State::Resetting(_) => self.change_reset(UserStop::Reconnect),
            // It is connected, or about to be.
            State::Idle | State::Attempting | State::Up(_) | State::Ended(_) => {}
        }
    }

    /// The configuration was read anew. A link that is up stays, and so does an attempt that runs; a wait that may be for
    /// a mistake in the old configuration ends.
    pub(super) fn configure(&mut self, now: Instant, policy: Policy, dial: bool) {
        self.backoff.set_policy(&policy);
        self.policy = policy;
        if !dial {
            return;
        }
        self.backoff.restart();
        self.row = Row::default();
        self.alike = 0;
        match self.state {
            State::HoldingOff { .. } if self.then == Then::Dial => {
                self.attempt_soon(now, "the configuration has changed");
            }
            State::WaitingForLine(_) => self.line_changed(now),
            State::Idle
            | State::Attempting
            | State::Up(_)
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

    /// Dials at once, or a second after the last attempt began: a script that asks and asks is no reason to flood the
    /// network. Somebody is looking after it, so the waits begin anew, and the dialog is logged; the failures still count.
    pub(super) fn dial_for_user(&mut self, now: Instant) {
        self.backoff.restart();
        self.alike = 0;
        self.attempt_soon(now, "a user asked for it");
    }

    pub(super) fn reset_for_user(&mut self, now: Instant) {
        let reason = ResetReason::User;
        self.log(Level::Notice, format!("The modem is reset: {reason}."));
        self.backoff.restart();
        self.reset(now, reason, AfterReset::Wait(Then::Dial), Duration::ZERO);
    }

    /// Stays disconnected; with PERSIST=0 and `--once` the one link is over, and so is the program (spec C3).
    pub(super) fn disconnect(&mut self, now: Instant) {
        match self.status_of_disconnect() {
            Some(status) => self.exit(now, status),
            None => {
                let why = stop_text(UserStop::Disconnect);
                self.enter(now, State::Disconnected, why);
            }
        }
    }

    fn status_of_disconnect(&self) -> Option<ExitStatus> {
        if self.policy.once {
            Some(ExitStatus::USER)
        } else if self.policy.persist {
            None
        } else {
            Some(ExitStatus::DONE)
        }
    }

    /// The attempt is ending already; only what comes after it changes. The newest wish counts, except that nothing
    /// undoes a signal, and that a reset, which dials afterwards, is not undone by the wish to dial.
    fn change_ending(&mut self, now: Instant, stop: UserStop) {
        let ignored = match &self.state {
            State::Ending(UserStop::Signal(_)) => true,
            State::Ending(UserStop::Reset) => stop == UserStop::Reconnect,
            State::EndingOnSchedule => stop == UserStop::Reconnect && self.policy.reset_always,
            State::Ending(UserStop::Reconnect | UserStop::Disconnect) => false,
            State::Idle
            | State::Attempting
            | State::Up(_)
            | State::WaitingForLine(_)
            | State::WaitingForPacket
            | State::HoldingOff { .. }
            | State::Resetting(_)
            | State::ResetWait { .. }
            | State::Disconnected
            | State::Ended(_) => true,
        };
        if !ignored {
            self.enter(now, State::Ending(stop), stop_text(stop));
        }
    }

    /// A reset runs; only what comes after it changes.
    fn change_reset(&mut self, stop: UserStop) {
        let gone = AfterReset::Exit(ExitStatus::USER);
        self.after_reset = match (&self.after_reset, stop) {
            (AfterReset::Exit(ExitStatus::USER), _) => return,
            (_, UserStop::Signal(_)) => {
                self.commands.push_back(Command::EndReset);
                gone
            }
            // PERSIST=0: the one link is over.
            (AfterReset::Exit(_), _) => return,
            (_, UserStop::Reconnect | UserStop::Reset) => AfterReset::Wait(Then::Dial),
            (_, UserStop::Disconnect) => match self.status_of_disconnect() {
                Some(status) => AfterReset::Exit(status),
                None => AfterReset::Disconnected,
            },
        };
    }
}

fn stop_text(stop: UserStop) -> &'static str {
    match stop {
        UserStop::Signal(_) => "a signal asked for the end",
        UserStop::Reconnect => "a reconnect was asked for",
        UserStop::Disconnect => "a disconnect was asked for",
        UserStop::Reset => "a reset of the modem was asked for",
    }
}

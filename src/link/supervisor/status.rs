//! What the status shows of the supervisor (spec S7).

use super::resets::AfterReset;
use super::{AttemptPlan, State, Supervisor, Then, Upcoming};
use crate::link::reason::{LinkEnd, UserStop};
use crate::time::Instant;

impl Supervisor {
    /// What it is doing.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Since when the state holds.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Why the state holds, in words that begin in lower case and have no full stop.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What comes next by itself; when, if that is known, says [`poll_timeout`](Self::poll_timeout).
    pub fn upcoming(&self) -> Upcoming {
        match &self.state {
            State::Idle | State::Up(_) | State::Ended(_) => Upcoming::Nothing,
            State::Attempting => Upcoming::Link,
            State::WaitingForLine(_) => Upcoming::LookAtLine,
            State::WaitingForPacket => Upcoming::Packet,
            State::HoldingOff { .. } | State::ResetWait { .. } => self.then.into(),
            State::Ending(UserStop::Signal(_)) => Upcoming::Exit,
            State::Ending(UserStop::Reconnect) => Upcoming::Attempt,
            State::Ending(UserStop::Disconnect) if self.is_last_link() => Upcoming::Exit,
            State::Ending(UserStop::Disconnect) | State::Disconnected => Upcoming::Connect,
            State::Ending(UserStop::Reset) => Upcoming::Reset,
            State::EndingOnSchedule if self.policy.reset_always => Upcoming::Reset,
            State::EndingOnSchedule if self.is_last_link() => Upcoming::Exit,
            State::EndingOnSchedule => self.rest().into(),
            State::Resetting(_) => match self.after_reset {
                AfterReset::Wait(_) => Upcoming::ResetWait,
                AfterReset::Disconnected => Upcoming::Connect,
                AfterReset::Exit(_) => Upcoming::Exit,
            },
        }
    }

    /// The attempt that runs, or ran last; its number is 0 before the first.
    pub fn plan(&self) -> AttemptPlan {
        self.plan
    }

    /// Failures in a row without a good link.
    pub fn failures(&self, now: Instant) -> u32 {
        if self.link.is_some_and(|link| self.is_good(now, link)) {
            0
        } else {
            self.row.failures
        }
    }

    /// Resets since a link was good, the running one included: with the first of them the ladder begins at its first step,
    /// see [`Escalation`](crate::link::ladder::Escalation).
    pub fn resets_in_row(&self) -> u32 {
        self.resets_in_row
    }

    /// Why the last attempt or link ended; `None` once a link is up again, and after an end that a user wanted.
    pub fn last_end(&self) -> Option<&LinkEnd> {
        self.last_end.as_ref()
    }
}

impl From<Then> for Upcoming {
    fn from(then: Then) -> Self {
        match then {
            Then::Dial => Self::Attempt,
            Then::Packet => Self::Packet,
        }
    }
}

//! What the supervisor keeps count of: failures in a row, resets, and the last ends.

use std::collections::VecDeque;
use std::time::Duration;

use super::{ResetOutcome, ResetReason};
use crate::link::reason::{FailureClass, LinkEnd};
use crate::time::Instant;

/// How many ends are remembered.
const HISTORY: usize = 10;

/// How an attempt or a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEnd {
    /// Why.
    pub end: LinkEnd,
    /// What kind of failure that is.
    pub class: FailureClass,
    /// How long the link was up; `None`: it never was.
    pub up_for: Option<Duration>,
    /// The number of the attempt, the last one if it happened several times.
    pub attempt: u32,
    /// When.
    pub at: Instant,
    /// So many attempts in a row ended so; the others are not in the history.
    pub times: u32,
    /// When the first of them did.
    pub since: Instant,
}

/// The last ends, the newest last; attempts that end alike in a row are one entry.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<PastEnd>);

impl History {
    pub(super) fn note(&mut self, past: PastEnd) {
        if let Some(last) = self.0.back_mut()
            && last.end == past.end
            && last.up_for.is_none()
            && past.up_for.is_none()
        {
            last.attempt = past.attempt;
            last.at = past.at;
            last.times = last.times.saturating_add(1);
            return;
        }
        if self.0.len() >= HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(past);
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &PastEnd> {
        self.0.iter()
    }
}

/// How a reset went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastReset {
    /// When it was over.
    pub at: Instant,
    /// Why it was done.
    pub why: ResetReason,
    /// What it did.
    pub outcome: ResetOutcome,
}

/// The resets of this run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resets {
    /// How many were begun.
    pub begun: u32,
    /// How many of them did not work.
    pub failed: u32,
    /// The last that is over.
    pub last: Option<PastReset>,
}

impl Resets {
    pub(super) fn note(&mut self, past: PastReset) {
        if matches!(past.outcome, ResetOutcome::Failed { .. }) {
            self.failed = self.failed.saturating_add(1);
        }
        self.last = Some(past);
    }
}

/// Failures since the last good link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// All of them.
    pub(super) failures: u32,
    /// Those since the last reset that count towards the next.
    pub(super) towards_reset: u32,
    /// Those of these in which the modem did what it should, and the network did not: perhaps for want of the right
    /// APN.
    pub(super) refused: u32,
}

impl Row {
    pub(super) fn count(&mut self, towards_reset: bool, refused: bool) {
        self.failures = self.failures.saturating_add(1);
        if towards_reset {
            self.towards_reset = self.towards_reset.saturating_add(1);
            self.refused = self.refused.saturating_add(u32::from(refused));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(seconds: u64, end: LinkEnd, up_for: Option<Duration>) -> PastEnd {
        let at = Instant::from_millis(seconds * 1000);
        PastEnd {
            class: end.class(),
            end,
            up_for,
            attempt: u32::try_from(seconds).unwrap(),
            at,
            times: 1,
            since: at,
        }
    }

    fn idle(seconds: u64) -> LinkEnd {
        LinkEnd::Idle {
            after: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn attempts_that_end_alike_are_one_entry() {
        let mut history = History::default();
        history.note(past(1, idle(1), None));
        for at in 2..100 {
            history.note(past(at, LinkEnd::Scheduled, None));
        }
        let merged = PastEnd {
            times: 98,
            since: Instant::from_millis(2000),
            ..past(99, LinkEnd::Scheduled, None)
        };
        assert!(history.iter().eq([&past(1, idle(1), None), &merged]));
    }

    #[test]
    fn links_that_were_up_are_each_an_entry_and_ten_are_kept() {
        let mut history = History::default();
        let up = Some(Duration::from_secs(7));
        for at in 1..100 {
            history.note(past(at, LinkEnd::Scheduled, up));
        }
        let kept: Vec<PastEnd> = (90..100)
            .map(|at| past(at, LinkEnd::Scheduled, up))
            .collect();
        assert!(history.iter().eq(&kept));
    }
}

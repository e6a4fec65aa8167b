//! How many log lines a peer or a modem may cause: a hostile or broken one must not fill a disk.

use std::time::Duration;

use super::Level;
use crate::time::Instant;

/// A token bucket of log lines.
#[derive(Debug)]
pub(crate) struct LogBudget {
    size: BudgetSize,
    left: u32,
    refilled: Instant,
    /// A line was refused since the bucket was last full.
    exhausted: bool,
}

/// How much is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BudgetSize {
    /// Lines that may come at once.
    pub(crate) burst: u32,
    /// Of these, so many are kept back for lines that an operator wants to see.
    pub(crate) reserve: u32,
    /// One more line is allowed each time this has passed. Not zero.
    pub(crate) refill: Duration,
}

impl BudgetSize {
    /// What one peer, or one modem, may cause. Two whole negotiations with a peer that stalls fit in.
    pub(crate) const PEER: Self = Self {
        burst: 400,
        reserve: 100,
        refill: Duration::from_millis(50),
    };
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is written.
    Write,
    /// It is left out, and the log has to say so.
    RefuseAndTell,
    /// It is left out.
    Refuse,
}

impl LogBudget {
    pub(crate) const fn new(size: BudgetSize) -> Self {
        Self {
            size,
            left: size.burst,
            refilled: Instant::ZERO,
            exhausted: false,
        }
    }

    /// Time has gone on.
    pub(crate) fn refill(&mut self, now: Instant) {
        let BudgetSize { burst, refill, .. } = self.size;
        let lines = now.since(self.refilled).as_millis() / refill.as_millis().max(1);
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(lines).min(burst);
        if self.left == burst {
            self.refilled = self.refilled.max(now);
            self.exhausted = false;
        } else {
            self.refilled = self.refilled + refill.saturating_mul(lines);
        }
    }

    /// Whether a line may be written.
    pub(crate) fn take(&mut self, level: Level) -> Verdict {
        let floor = if level < Level::Notice {
            self.size.reserve
        } else {
            0
        };
        if self.left > floor {
            self.left -= 1;
            Verdict::Write
        } else if std::mem::replace(&mut self.exhausted, true) {
            Verdict::Refuse
        } else {
            Verdict::RefuseAndTell
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn written(budget: &mut LogBudget, level: Level) -> usize {
        (0..1000)
            .filter(|_| budget.take(level) == Verdict::Write)
            .count()
    }

    #[test]
    fn what_matters_is_still_written_when_packets_are_not() {
        let mut budget = LogBudget::new(BudgetSize::PEER);
        assert_eq!(written(&mut budget, Level::Debug), 300);
        assert_eq!(written(&mut budget, Level::Notice), 100);
    }

    #[test]
    fn its_size_is_its_owners() {
        let mut budget = LogBudget::new(BudgetSize {
            burst: 500,
            reserve: 0,
            refill: Duration::from_millis(5),
        });
        assert_eq!(written(&mut budget, Level::Debug), 500);
        budget.refill(at(1000));
        assert_eq!(written(&mut budget, Level::Debug), 200);
    }

    #[test]
    fn twenty_lines_a_second_are_borne_for_ever() {
        let mut budget = LogBudget::new(BudgetSize::PEER);
        for n in 0..10_000 {
            budget.refill(at(n * 50));
            assert_eq!(budget.take(Level::Debug), Verdict::Write);
        }
    }

    #[test]
    fn a_flood_gets_twenty_lines_a_second_and_one_word_about_it() {
        let mut budget = LogBudget::new(BudgetSize::PEER);
        budget.refill(at(1_000_000));
        let mut told = 0;
        let mut lines = 0;
        for n in 0..10_000 {
            budget.refill(at(1_000_000 + n));
            match budget.take(Level::Debug) {
                Verdict::Write => lines += 1,
                Verdict::RefuseAndTell => told += 1,
                Verdict::Refuse => {}
            }
        }
        assert_eq!((lines, told), (300 + 199, 1));
        budget.refill(at(2_000_000));
        assert_eq!(written(&mut budget, Level::Debug), 300);
    }

    #[test]
    fn a_clock_that_goes_back_changes_nothing() {
        let mut budget = LogBudget::new(BudgetSize::PEER);
        budget.refill(at(1000));
        assert_eq!(written(&mut budget, Level::Error), 400);
        budget.refill(at(0));
        assert_eq!(budget.take(Level::Error), Verdict::Refuse);
    }
}

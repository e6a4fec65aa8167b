//! Time as the core sees it: a number that the caller passes in.
//!
//! Every state machine of this crate takes `now` as an argument and gives back a deadline. It never reads a clock, so
//! a test (or the simulator) can run a month of faults in a second. The daemon takes its `now` from the monotonic
//! clock in `io::clock`.
#![forbid(unsafe_code)]

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A moment on a monotonic clock with an arbitrary origin, in nanoseconds.
///
/// Arithmetic saturates: no input can make it panic.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The clock's origin.
    pub const ZERO: Self = Self(0);

    /// The moment `since_origin` after the origin (saturating after 584 years).
    pub fn from_origin(since_origin: Duration) -> Self {
        Self(u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The moment `ms` milliseconds after the origin.
    pub fn from_millis(ms: u64) -> Self {
        Self::from_origin(Duration::from_millis(ms))
    }

    /// How long after the origin this is.
    pub fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.since_origin())
    }
}

/// The seconds of a text with a unit, as configuration and profiles have it: `500ms`, `30s`, `1.5 min`, `1h`. `None` for
/// anything else; what a number without a unit means is the caller's business.
pub fn seconds_of(text: &str) -> Option<f64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let factor = match unit.trim() {
        "ms" => 0.001,
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    let number = number.trim();
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain {
        number.parse::<f64>().ok().map(|number| number * factor)
    } else {
        None
    }
}

/// A deadline that disarms itself when it expires.
///
/// Not `Copy`, so that a running timer is never duplicated by accident.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Timer {
    deadline: Option<Instant>,
}

impl Timer {
    /// Runs until `deadline`; a former deadline is forgotten.
    pub fn arm(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Stops the timer.
    pub fn cancel(&mut self) {
        self.deadline = None;
    }

    /// The moment at which it expires, if it runs.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// True once when the deadline has come; the timer is stopped by it.
    #[must_use]
    pub fn expired(&mut self, now: Instant) -> bool {
        let due = self.deadline.is_some_and(|deadline| deadline <= now);
        if due {
            self.deadline = None;
        }
        due
    }
}

/// The earliest of some deadlines.
pub fn earliest(deadlines: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    deadlines.into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let end = Instant::from_origin(Duration::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Instant::ZERO.since(end), Duration::ZERO);
    }

    #[test]
    fn a_timer_expires_once() {
        let mut timer = Timer::default();
        timer.arm(Instant::from_millis(10));
        assert!(!timer.expired(Instant::from_millis(9)));
        assert!(timer.expired(Instant::from_millis(10)));
        assert!(!timer.expired(Instant::from_millis(11)));
        assert_eq!(timer.deadline(), None);
    }

    #[test]
    fn earliest_ignores_stopped_timers() {
        let at = Instant::from_millis;
        assert_eq!(earliest([None, Some(at(5)), Some(at(3))]), Some(at(3)));
        assert_eq!(earliest([None, None]), None);
    }
}

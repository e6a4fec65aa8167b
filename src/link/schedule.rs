//! RESET_AT: a time of the day on the wall clock, once a day (spec C6, S4).
//!
//! The wall clock can be set at any moment, and the system can be suspended: both look alike on it. A second clock that
//! runs on through a suspend and is never set (Linux's CLOCK_BOOTTIME) tells them apart. Between two calls of
//! [`Schedule::handle_wall`] that clock says how much time has really passed:
//!
//! - If the wall clock has advanced by as much, the time in between was lived through, asleep or awake, and a moment in
//!   it fires, late if it must be.
//! - If not, the wall clock was set. Only what was really passed before that fires; what the step jumped over does not.
//!
//! So the caller must call at the moment itself, as soon as the clock was set, and after a resume; and, since clocks are
//! also slewed, at least about once a minute.
//!
//! It opens no time zone and reads no clock.

use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::time::Instant;

/// What the two clocks may differ between two calls without one of them having been set: reading them takes time.
const TOLERANCE: Duration = Duration::from_secs(2);

/// How much of the time that has passed the wall clock may be slewed by: time daemons go up to 8.3 per cent.
const SLEW: u32 = 10;

/// The most that is taken for slewing.
const MAX_SLEW: Duration = Duration::from_secs(30);

/// While less time than this has passed since it fired, a wall clock that was set back does not make it fire again. The
/// shortest day, with the beginning of summer time, has 23 hours.
const SAME_DAY: Duration = Duration::from_secs(22 * 3600);

/// C6: a time of the day in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// Tells when RESET_AT has come.
#[derive(Debug)]
pub struct Schedule {
    at: TimeOfDay,
    zone: TimeZone,
    /// Both clocks at the last call.
    last: Option<(Instant, Timestamp)>,
    /// When it fired last on the never-set clock, and for which moment.
    fired: Option<(Instant, Timestamp)>,
}

impl Schedule {
    /// A schedule for `at` in `zone`, which begins with the first call of [`handle_wall`](Self::handle_wall): what was
    /// before that, or is at that very moment, does not fire.
    pub fn new(at: TimeOfDay, zone: TimeZone) -> Self {
        Self {
            at,
            zone,
            last: None,
            fired: None,
        }
    }

    /// Takes in the time on both clocks, and says whether RESET_AT has come since the last call. `boot` counts through a
    /// suspend and is never set; `wall` is the wall clock.
    #[must_use]
    pub fn handle_wall(&mut self, boot: Instant, wall: Timestamp) -> bool {
        let Some((last_boot, last_wall)) = self.last.replace((boot, wall)) else {
            return false;
        };
        let passed = boot.since(last_boot);
        let lived = last_wall
            .checked_add(SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX);
        let slack = TOLERANCE + (passed / SLEW).min(MAX_SLEW);
        let until = if wall.duration_since(lived).unsigned_abs() <= slack {
            wall
        } else {
            lived
        };
        let Some(moment) = self.latest(until).filter(|moment| *moment > last_wall) else {
            return false;
        };
        if self.is_again(boot, moment) {
            return false;
        }
        self.fired = Some((boot, moment));
        true
    }

    /// The next moment by the wall clock of the last call; `None` before the first.
    pub fn next_wall(&self) -> Option<Timestamp> {
        let (_, wall) = self.last?;
        let yesterday = self.date(wall).yesterday().ok()?;
        yesterday
            .series(jiff::Span::new().days(1))
            .take(4)
            .filter_map(|date| self.on(date))
            .find(|moment| *moment > wall)
    }

    /// The last moment up to `until`.
    fn latest(&self, until: Timestamp) -> Option<Timestamp> {
        let tomorrow = self.date(until).tomorrow().ok()?;
        tomorrow
            .series(jiff::Span::new().days(-1))
            .take(4)
            .filter_map(|date| self.on(date))
            .find(|moment| *moment <= until)
    }

    /// Whether the clock was set back and this is the same day, or an earlier one, once more.
    fn is_again(&self, boot: Instant, moment: Timestamp) -> bool {
        self.fired.is_some_and(|(at, last)| {
            boot.since(at) < SAME_DAY && (moment <= last || self.date(moment) == self.date(last))
        })
    }

    fn date(&self, wall: Timestamp) -> Date {
        self.zone.to_datetime(wall).date()
    }

    /// The moment on that day. Of two, the first; in a gap, the end of the gap. `None` only at the ends of time.
    fn on(&self, date: Date) -> Option<Timestamp> {
        let hour = i8::try_from(self.at.hour).ok()?;
        let minute = i8::try_from(self.at.minute).ok()?;
        let local = date.to_datetime(Time::new(hour, minute, 0, 0).ok()?);
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
            // Taken with the offset of after the gap it lies before the gap, which begins and ends at the next change.
            AmbiguousOffset::Gap { after, .. } => {
                let before = after.to_timestamp(local).ok()?;
                let change = self.zone.following(before).next()?;
                Some(change.timestamp())
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The wall clock, and waiting for a moment on it (spec S4).
//!
//! A timer of the kernel on CLOCK_REALTIME that is cancelled when the clock is set: so
//! [`WallClock::wait`] returns at the moment itself, and at once when somebody sets the clock or the
//! system wakes from a suspend. What that means for RESET_AT is decided by
//! [`Schedule`](crate::link::Schedule), which wants both clocks of [`WallTime`].

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::watched;
use crate::time::Instant;

/// [`WallClock::wait`] returns after this long in any case: between two calls of
/// [`Schedule::handle_wall`](crate::link::Schedule::handle_wall) a clock that is slewed must not
/// drift away by much.
const TICK: SignedDuration = SignedDuration::from_secs(60);

/// When the two clocks drift apart by more than this, one was set; or it is slewed hard, and then all that this costs
/// is an early return.
const SET: SignedDuration = SignedDuration::from_secs(1);

/// A moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime {
    /// CLOCK_BOOTTIME: since the system's start, suspends included; nobody can set it. Its origin is
    /// not that of [`Clock`](super::clock::Clock).
    pub boot: Instant,
    /// CLOCK_REALTIME.
    pub wall: Timestamp,
}

impl WallTime {
    /// Both clocks now.
    pub fn now() -> Self {
        let boot = clock_gettime(ClockId::Boottime);
        let wall = clock_gettime(ClockId::Realtime);
        Self {
            boot: Instant::from_origin(since_origin(boot)),
            wall: timestamp(wall),
        }
    }

    /// Whether the wall clock has been set between this moment and a later one.
    fn is_apart_from(self, later: Self) -> bool {
        let wall = later.wall.duration_since(self.wall);
        let boot = later.boot.since(self.boot);
        let apart = SignedDuration::try_from(boot)
            .is_ok_and(|boot| wall.checked_sub(boot).is_none_or(|apart| apart.abs() > SET));
        apart && later.boot >= self.boot
    }
}

/// Waits for moments on the wall clock.
#[derive(Debug)]
pub struct WallClock {
    timer: AsyncFd<OwnedFd>,
    /// What was returned last.
    last: WallTime,
}

impl WallClock {
    /// A timer of its own, and the time to begin with.
    ///
    /// # Errors
    ///
    /// When the kernel has no timer to give.
    pub fn new() -> io::Result<(Self, WallTime)> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        let last = WallTime::now();
        let timer = watched(timer)?;
        Ok((Self { timer, last }, last))
    }

    /// Returns when the wall clock shows `until` or more, when it was set since this returned last,
    /// after a suspend, and after a minute in any case. Safe to cancel.
    pub async fn wait(&mut self, until: Option<Timestamp>) -> WallTime {
        self.wait_for_timer(until).await;
        self.last = WallTime::now();
        self.last
    }

    async fn wait_for_timer(&self, until: Option<Timestamp>) {
        let tick = self.last.wall.saturating_add(TICK);
        let tick = tick.unwrap_or(Timestamp::MAX);
        let armed = self.arm(until.map_or(tick, |until| until.min(tick)));
        // Set before the timer was armed, which so could not tell.
        if self.last.is_apart_from(WallTime::now()) {
            return;
        }
        if armed.is_err() || self.expired().await.is_err() {
            // Without the kernel's timer the minute is what is left.
            tokio::time::sleep(TICK.unsigned_abs()).await;
        }
    }

    /// Returns when the timer has expired or was cancelled.
    async fn expired(&self) -> io::Result<()> {
        loop {
            let mut guard = self.timer.readable().await?;
            let mut count = [0; 8];
            match rustix::io::read(self.timer.get_ref(), &mut count) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                Ok(_) | Err(Errno::CANCELED) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn arm(&self, until: Timestamp) -> io::Result<()> {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // All zero would disarm it; a moment before 1970 has passed.
        let at = Timespec {
            tv_sec: until.as_second().max(0),
            tv_nsec: until.subsec_nanosecond().max(1).into(),
        };
        let spec = Itimerspec {
            it_interval: zero,
            it_value: at,
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        match timerfd_settime(self.timer.get_ref(), flags, &spec) {
            // The clock was set since the timer was armed last; it is armed all the same.
            Ok(_) | Err(Errno::CANCELED) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn since_origin(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

fn timestamp(time: Timespec) -> Timestamp {
    let nanoseconds = i32::try_from(time.tv_nsec).unwrap_or_default();
    Timestamp::new(time.tv_sec, nanoseconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(milliseconds: i64) -> Timestamp {
        let by = SignedDuration::from_millis(milliseconds);
        WallTime::now().wall.checked_add(by).unwrap()
    }

    #[test]
    fn both_clocks_run() {
        let first = WallTime::now();
        // 2020-01-01: a machine that runs these tests knows the time.
        assert!(first.wall.as_second() > 1_577_836_800);
        assert!(first.boot > Instant::ZERO);
        let second = WallTime::now();
        assert!(second.boot >= first.boot);
    }

    #[tokio::test]
    async fn returns_at_the_moment_and_not_before() {
        let (mut clock, _) = WallClock::new().unwrap();
        let until = after(120);
        let began = WallTime::now();
        let time = clock.wait(Some(until)).await;
        assert!(time.wall >= until, "{time:?}");
        assert!(time.boot.since(began.boot) < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn returns_at_once_for_a_moment_that_has_passed() {
        let (mut clock, _) = WallClock::new().unwrap();
        for until in [after(-5_000), Timestamp::UNIX_EPOCH, Timestamp::MIN] {
            let began = WallTime::now();
            let time = clock.wait(Some(until)).await;
            assert!(time.boot.since(began.boot) < Duration::from_secs(10));
        }
    }

    #[test]
    fn a_clock_that_was_set_is_told_from_one_that_ran() {
        let at = |boot, wall| WallTime {
            boot: Instant::from_millis(boot),
            wall: Timestamp::from_millisecond(wall).unwrap(),
        };
        let began = at(10_000, 1_000_000);
        for (later, set) in [
            (at(20_000, 1_010_000), false),
            (at(20_000, 1_010_900), false),
            (at(20_000, 1_009_100), false),
            // A suspend: both have run on.
            (at(90_010_000, 91_000_000), false),
            (at(20_000, 1_012_000), true),
            (at(20_000, 1_008_000), true),
            (at(20_000, 1_700_000_000_000), true),
            (at(20_000, 0), true),
        ] {
            assert_eq!(began.is_apart_from(later), set, "{later:?}");
        }
    }

    #[tokio::test]
    async fn returns_at_once_when_the_clock_was_set_before_the_wait() {
        let (mut clock, began) = WallClock::new().unwrap();
        clock.last.wall = after(-7_000_000);
        let time = clock.wait(Some(after(3_600_000))).await;
        assert!(time.boot.since(began.boot) < Duration::from_secs(10));
        assert_eq!(clock.last, time);
    }

    #[tokio::test]
    async fn can_be_cancelled_and_waits_anew() {
        let (mut clock, _) = WallClock::new().unwrap();
        for until in [None, Some(after(3_600_000)), Some(Timestamp::MAX)] {
            let wait = tokio::time::timeout(Duration::from_millis(30), clock.wait(until));
            assert!(wait.await.is_err());
        }
        let until = after(40);
        assert!(clock.wait(Some(until)).await.wall >= until);
    }
}

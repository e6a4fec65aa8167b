//! RESET_AT on the clocks of this machine (spec S4): [`Schedule`] decides, [`WallClock`] waits.

use jiff::tz::TimeZone;

use crate::config::{Config, TimeOfDay};
use crate::daemon::logging::emit;
use crate::io::wall_clock::WallClock;
use crate::link::Schedule;
use crate::log::{Level, LogLine};

/// RESET_AT: the schedule and its clock (spec S4).
pub(crate) struct Daily {
    at: Option<TimeOfDay>,
    running: Option<(Schedule, WallClock)>,
}

impl Daily {
    pub(crate) fn new(config: &Config) -> Self {
        let Some(at) = config.reset_at else {
            return Self {
                at: None,
                running: None,
            };
        };
        let mut schedule = Schedule::new(at, TimeZone::system());
        let running = match WallClock::new() {
            Ok((clock, first)) => {
                let _ = schedule.handle_wall(first.boot, first.wall);
                Some((schedule, clock))
            }
            Err(error) => {
                emit(&LogLine::uplinkd(
                    Level::Error,
                    format!("RESET_AT does not act: the wall clock cannot be watched: {error}"),
                ));
                None
            }
        };
        Self {
            at: config.reset_at,
            running,
        }
    }

    /// The time of day.
    pub(crate) fn at(&self) -> Option<TimeOfDay> {
        self.at
    }

    /// Ends when the time has come; never without RESET_AT.
    pub(crate) async fn come(&mut self) {
        let Some((schedule, clock)) = &mut self.running else {
            return std::future::pending().await;
        };
        loop {
            let time = clock.wait(schedule.next_wall()).await;
            if schedule.handle_wall(time.boot, time.wall) {
                return;
            }
        }
    }
}

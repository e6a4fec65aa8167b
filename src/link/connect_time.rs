//! pppd's `maxconnect`: the link is hung up after a time, whatever it carries (spec F1).
//!
//! It counts from the moment the link is up for the first time, as pppd's manual has it; a renegotiation does not begin it
//! anew. What follows is the supervisor's: it is no failure.

use std::time::Duration;

use super::reason::Stop;
use crate::time::{Instant, Timer};

/// The clock of one link, from the moment it is up.
///
/// Contract as everywhere: after each call drain [`poll_stop`](Self::poll_stop), then read
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct ConnectTime {
    most: Duration,
    timer: Timer,
    stop: Option<Stop>,
}

impl ConnectTime {
    /// Runs from `now`; `most` is how long the link may be up.
    pub fn new(now: Instant, most: Duration) -> Self {
        let mut timer = Timer::default();
        timer.arm(now + most);
        Self {
            most,
            timer,
            stop: None,
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timer.expired(now) {
            self.stop = Some(Stop::ConnectTime(self.most));
        }
    }

    /// Once, when the link is to be hung up.
    #[must_use]
    pub fn poll_stop(&mut self) -> Option<Stop> {
        self.stop.take()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` once it has given its word.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timer.deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hangs_up_once_when_the_time_is_over() {
        let at = |seconds: u64| Instant::from_millis(seconds * 1000);
        let most = Duration::from_secs(3600);
        let mut clock = ConnectTime::new(at(10), most);
        assert_eq!(clock.poll_timeout(), Some(at(3610)));
        clock.handle_timeout(at(3609));
        assert_eq!(clock.poll_stop(), None);
        clock.handle_timeout(at(3610));
        assert_eq!(clock.poll_stop(), Some(Stop::ConnectTime(most)));
        clock.handle_timeout(at(9999));
        assert_eq!((clock.poll_stop(), clock.poll_timeout()), (None, None));
    }
}

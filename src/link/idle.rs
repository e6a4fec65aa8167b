//! IDLE: the link is hung up after a time without traffic (spec C13).
//!
//! What counts is told by [`Packet::is_traffic`](super::packet::Packet::is_traffic): IPv4 packets of programs, in
//! either direction, as pppd counts them. LCP echoes are no IP packets; pings of our own monitor are left out by whoever
//! calls [`Idle::handle_traffic`], who knows their identifier.
//!
//! It does not decide what follows: with DEMAND the supervisor waits for the next packet, else it redials or ends.

use std::time::Duration;

use super::reason::Stop;
use crate::time::{Instant, Timer};

/// The idle clock of one link, from the moment it is up.
///
/// Contract as everywhere: after each call drain [`poll_stop`](Self::poll_stop), then read
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Idle {
    after: Duration,
    timer: Timer,
    stop: Option<Stop>,
}

impl Idle {
    /// Runs from `now`; `after` is the time without traffic that is too long.
    pub fn new(now: Instant, after: Duration) -> Self {
        let mut timer = Timer::default();
        timer.arm(now + after);
        Self {
            after,
            timer,
            stop: None,
        }
    }

    /// The time without traffic that is too long.
    pub fn after(&self) -> Duration {
        self.after
    }

    /// A packet of a program came or went.
    pub fn handle_traffic(&mut self, now: Instant) {
        if self.stop.is_none() && self.timer.deadline().is_some() {
            self.timer.arm(now + self.after);
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timer.expired(now) {
            self.stop = Some(Stop::Idle(self.after));
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

    const AFTER: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn hangs_up_once_when_nothing_comes() {
        let mut idle = Idle::new(at(10), AFTER);
        assert_eq!(idle.poll_timeout(), Some(at(70)));
        idle.handle_timeout(at(69));
        assert_eq!(idle.poll_stop(), None);
        idle.handle_timeout(at(70));
        assert_eq!(idle.poll_stop(), Some(Stop::Idle(AFTER)));
        assert_eq!((idle.poll_stop(), idle.poll_timeout()), (None, None));
        // Too late: the link is ending.
        idle.handle_traffic(at(71));
        idle.handle_timeout(at(1000));
        assert_eq!((idle.poll_stop(), idle.poll_timeout()), (None, None));
    }

    #[test]
    fn each_packet_puts_the_end_off() {
        let mut idle = Idle::new(at(0), AFTER);
        for second in 1..1000 {
            idle.handle_timeout(at(second));
            idle.handle_traffic(at(second));
            assert_eq!(idle.poll_stop(), None);
        }
        assert_eq!(idle.poll_timeout(), Some(at(999 + 60)));
        idle.handle_timeout(at(1059));
        assert_eq!(idle.poll_stop(), Some(Stop::Idle(AFTER)));
    }
}

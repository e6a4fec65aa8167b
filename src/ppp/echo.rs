//! LCP echo keepalive: whether the modem is still there (spec P3; RFC 1661 section 5.8).
//!
//! A modem answers echoes itself, so this says nothing about the network behind it. An Echo-Request
//! counts as lost only while nothing else is received: a busy link is alive.

use std::time::Duration;

use super::config::EchoConfig;
use crate::time::{Instant, Timer};

/// Decides when an Echo-Request goes out, and when the peer is dead.
#[derive(Debug)]
pub(crate) struct Keepalive {
    config: EchoConfig,
    /// Nothing is asked while something is heard.
    adaptive: bool,
    /// Something was received since the last deadline.
    heard: bool,
    timer: Timer,
    unanswered: u32,
    next_id: u8,
    last_sent: Option<(u8, Instant)>,
    rtt: Option<Duration>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send an Echo-Request with this Identifier.
    Send {
        /// The Identifier: a count of its own, from 0.
        id: u8,
    },
    /// The peer is dead.
    Dead {
        /// Requests in a row that were lost.
        lost: u32,
    },
}

impl Keepalive {
    pub(crate) fn new(config: EchoConfig) -> Self {
        Self {
            config,
            adaptive: false,
            heard: false,
            timer: Timer::default(),
            unanswered: 0,
            next_id: 0,
            last_sent: None,
            rtt: None,
        }
    }

    /// With pppd's `lcp-echo-adaptive`, or without.
    pub(crate) fn adaptive(self, adaptive: bool) -> Self {
        Self { adaptive, ..self }
    }

    /// LCP is up: the first request is due at once.
    pub(crate) fn start(&mut self, now: Instant) {
        self.unanswered = 0;
        self.heard = false;
        self.last_sent = None;
        if !self.config.interval.is_zero() {
            self.timer.arm(now);
        }
    }

    /// LCP is down.
    pub(crate) fn stop(&mut self) {
        self.timer.cancel();
    }

    /// Something was received, whatever it was.
    pub(crate) fn heard(&mut self) {
        self.heard = true;
        self.unanswered = 0;
    }

    /// An Echo-Reply came. Its Identifier is only used to take the time: peers answer with what
    /// they like.
    pub(crate) fn handle_reply(&mut self, now: Instant, id: u8) {
        if let Some((_, sent)) = self.last_sent.take_if(|(sent_id, _)| *sent_id == id) {
            self.rtt = Some(now.since(sent));
        }
    }

    #[must_use]
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if !self.timer.expired(now) {
            return None;
        }
        if self.adaptive && std::mem::take(&mut self.heard) {
            self.timer.arm(now + self.config.interval);
            return None;
        }
        if self.config.failure > 0 && self.unanswered >= self.config.failure {
            return Some(Due::Dead {
                lost: self.unanswered,
            });
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.unanswered = self.unanswered.saturating_add(1);
        self.last_sent = Some((id, now));
        self.timer.arm(now + self.config.interval);
        Some(Due::Send { id })
    }

    #[must_use]
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timer.deadline()
    }

    /// Time from the last answered Echo-Request to its reply.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn keepalive() -> Keepalive {
        let mut keepalive = Keepalive::new(EchoConfig::default());
        keepalive.start(at(0));
        keepalive
    }

    #[test]
    fn a_silent_peer_is_dead_after_four_lost_requests() {
        let mut keepalive = keepalive();
        for (id, seconds) in [(0, 0), (1, 30), (2, 60), (3, 90)] {
            assert_eq!(keepalive.poll_timeout(), Some(at(seconds)));
            assert_eq!(
                keepalive.handle_timeout(at(seconds)),
                Some(Due::Send { id })
            );
            assert_eq!(keepalive.handle_timeout(at(seconds)), None);
        }
        assert_eq!(keepalive.handle_timeout(at(119)), None);
        assert_eq!(
            keepalive.handle_timeout(at(120)),
            Some(Due::Dead { lost: 4 })
        );
        assert_eq!(keepalive.poll_timeout(), None);
    }

    #[test]
    fn anything_received_starts_the_count_again() {
        let mut keepalive = keepalive();
        for n in 0..10 {
            assert!(
                matches!(keepalive.handle_timeout(at(n * 30)), Some(Due::Send { .. })),
                "{n}"
            );
            if n == 3 {
                keepalive.heard();
            }
            if n == 7 {
                assert_eq!(
                    keepalive.handle_timeout(at(240)),
                    Some(Due::Dead { lost: 4 })
                );
                return;
            }
        }
        panic!("the peer never died");
    }

    #[test]
    fn no_interval_means_no_wakeup() {
        let mut keepalive = Keepalive::new(EchoConfig {
            interval: Duration::ZERO,
            failure: 4,
        });
        keepalive.start(at(0));
        assert_eq!(keepalive.poll_timeout(), None);
        assert_eq!(keepalive.handle_timeout(at(1000)), None);
    }

    #[test]
    fn a_failure_count_of_zero_never_ends_the_link() {
        let mut keepalive = Keepalive::new(EchoConfig {
            interval: Duration::from_secs(1),
            failure: 0,
        });
        keepalive.start(at(0));
        for n in 0..100 {
            assert!(
                matches!(keepalive.handle_timeout(at(n)), Some(Due::Send { .. })),
                "{n}"
            );
        }
    }

    #[test]
    fn the_round_trip_is_taken_from_the_matching_reply() {
        let mut keepalive = keepalive();
        assert_eq!(keepalive.handle_timeout(at(0)), Some(Due::Send { id: 0 }));
        keepalive.handle_reply(at(1), 7);
        assert_eq!(keepalive.rtt(), None);
        keepalive.handle_reply(at(2), 0);
        keepalive.handle_reply(at(9), 0);
        assert_eq!(keepalive.rtt(), Some(Duration::from_secs(2)));
    }

    /// pppd's `lcp-echo-adaptive`.
    #[test]
    fn adaptive_nothing_is_asked_while_something_is_heard() {
        let config = EchoConfig {
            interval: Duration::from_secs(10),
            failure: 2,
        };
        let mut keepalive = Keepalive::new(config).adaptive(true);
        keepalive.start(at(0));
        assert_eq!(keepalive.handle_timeout(at(0)), Some(Due::Send { id: 0 }));
        keepalive.heard();
        assert_eq!(keepalive.handle_timeout(at(10)), None);
        assert_eq!(keepalive.poll_timeout(), Some(at(20)));
        // Silence is asked about, and ends the link as ever.
        assert_eq!(keepalive.handle_timeout(at(20)), Some(Due::Send { id: 1 }));
        assert_eq!(keepalive.handle_timeout(at(30)), Some(Due::Send { id: 2 }));
        assert_eq!(
            keepalive.handle_timeout(at(40)),
            Some(Due::Dead { lost: 2 })
        );
    }
}

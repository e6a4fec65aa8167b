//! `+++` between two silences in what the gateway sends.

use std::time::Duration;

use crate::time::{Instant, Timer};

/// The silence before and after.
const GUARD: Duration = Duration::from_secs(1);

/// Looks for it.
#[derive(Debug)]
pub(super) struct Escape {
    last_byte: Instant,
    pluses: usize,
    confirm: Timer,
}

impl Escape {
    /// Data mode begins: the first silence is counted from here.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last_byte: now,
            pluses: 0,
            confirm: Timer::default(),
        }
    }

    pub(super) fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let silent = now.since(self.last_byte) >= GUARD;
        let may_go_on = silent || self.pluses > 0;
        let before = if silent { 0 } else { self.pluses };
        self.confirm.cancel();
        self.last_byte = now;
        self.pluses = match before.saturating_add(bytes.len()) {
            count if may_go_on && count <= 3 && bytes.iter().all(|byte| *byte == b'+') => count,
            _ => 0,
        };
        if self.pluses == 3 {
            self.confirm.arm(now + GUARD);
        }
    }

    /// True once, when the second silence is complete.
    #[must_use]
    pub(super) fn expired(&mut self, now: Instant) -> bool {
        self.confirm.expired(now)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.confirm.deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When it is found, if these pieces come at these milliseconds.
    fn found(pieces: &[(u64, &str)]) -> Option<u64> {
        let mut escape = Escape::new(Instant::ZERO);
        for (at, piece) in pieces {
            let now = Instant::from_millis(*at);
            if escape.expired(now) {
                return Some(*at);
            }
            escape.handle_bytes(now, piece.as_bytes());
        }
        escape
            .poll_timeout()
            .map(|at| at.since_origin().as_millis() as u64)
    }

    #[test]
    fn finds_three_pluses_however_they_are_cut() {
        assert_eq!(found(&[(1000, "+++")]), Some(2000));
        assert_eq!(found(&[(5000, "+"), (5300, "+"), (5900, "+")]), Some(6900));
        assert_eq!(found(&[(0, "data"), (1000, "++"), (1001, "+")]), Some(2001));
        assert_eq!(
            found(&[(0, "data"), (1500, "+"), (3000, "+++")]),
            Some(4000)
        );
    }

    #[test]
    fn pluses_without_silence_or_in_the_wrong_number_are_data() {
        assert_eq!(found(&[(999, "+++")]), None);
        assert_eq!(found(&[(0, "x"), (500, "+++")]), None);
        assert_eq!(found(&[(2000, "++++")]), None);
        assert_eq!(found(&[(2000, "+++"), (2500, "+")]), None);
        assert_eq!(found(&[(2000, "+++"), (2999, "x")]), None);
        assert_eq!(found(&[(2000, "++"), (3500, "+")]), None);
        assert_eq!(found(&[(2000, "+x+")]), None);
    }
}

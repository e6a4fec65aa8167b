//! Registration with a network (3GPP TS 27.007 section 7.2): it takes its time, is refused, and is
//! lost.

use std::time::Duration;

use crate::time::Instant;

/// Registration states of `+CREG`.
const OFF: u8 = 0;
const HOME: u8 = 1;
const SEARCHING: u8 = 2;
const DENIED: u8 = 3;
const ROAMING: u8 = 5;

/// Japan's country codes: the networks of the reference document's CARRIERID are all there.
const JAPAN: [&str; 2] = ["440", "441"];

/// What the air is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Air {
    /// There is no network.
    pub(super) lost: bool,
    /// The network refuses the SIM.
    pub(super) denied: bool,
    /// The network is not the SIM's own.
    pub(super) roaming: bool,
    /// How long it takes to register.
    pub(super) delay: Duration,
}

/// The modem's radio.
#[derive(Debug)]
pub(super) struct Radio {
    air: Air,
    /// The network that is there without being asked for.
    home: String,
    /// `+COPS=1`: this one and no other.
    manual: Option<String>,
    /// `+COPS=2`.
    detached: bool,
    /// It searches since then.
    since: Option<Instant>,
    registered: bool,
    state: u8,
}

impl Radio {
    pub(super) fn new(home: String) -> Self {
        Self {
            air: Air::default(),
            home,
            manual: None,
            detached: false,
            since: None,
            registered: false,
            state: OFF,
        }
    }

    /// `usable`: the modem's radio is on, and there is a SIM to register. True if the state has
    /// changed.
    pub(super) fn update(&mut self, now: Instant, usable: bool, air: Air) -> bool {
        self.air = air;
        let before = self.state;
        let usable = usable && !self.detached;
        if !usable || air.lost || air.denied || !self.finds(self.plmn()) {
            self.since = None;
            self.registered = false;
        } else {
            let since = *self.since.get_or_insert(now);
            self.registered |= since + air.delay <= now;
        }
        self.state = if !usable {
            OFF
        } else if self.registered {
            if air.roaming { ROAMING } else { HOME }
        } else if air.denied && !air.lost {
            DENIED
        } else {
            SEARCHING
        };
        before != self.state
    }

    /// When it will be registered, if nothing happens.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.registered)?;
        Some(since + self.air.delay)
    }

    /// The modem has started: `+COPS` of before is kept.
    pub(super) fn power_on(&mut self) {
        self.since = None;
        self.registered = false;
        self.state = OFF;
    }

    pub(super) fn state(&self) -> u8 {
        self.state
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    /// The network that it is in, or looks for.
    pub(super) fn plmn(&self) -> &str {
        self.manual.as_deref().unwrap_or(&self.home)
    }

    pub(super) fn is_manual(&self) -> bool {
        self.manual.is_some()
    }

    /// `+COPS=0`, `+COPS=1` with a network, `+COPS=2` (`detach`). Gives how long it takes until it is
    /// known whether that has led to anything, and whether it will.
    pub(super) fn select(&mut self, plmn: Option<&str>, detach: bool) -> (Duration, bool) {
        let before = (self.plmn().to_owned(), self.detached);
        self.manual = plmn.map(str::to_owned);
        self.detached = detach;
        if before == (self.plmn().to_owned(), detach) {
            return (Duration::ZERO, true);
        }
        self.since = None;
        self.registered = false;
        let there = detach || (!self.air.lost && !self.air.denied && self.finds(self.plmn()));
        let time = if detach {
            Duration::ZERO
        } else {
            self.air.delay
        };
        (time, there)
    }

    fn finds(&self, plmn: &str) -> bool {
        plmn == self.home || JAPAN.iter().any(|country| plmn.starts_with(country))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn air() -> Air {
        Air {
            delay: Duration::from_secs(5),
            ..Air::default()
        }
    }

    fn states(radio: &mut Radio, steps: &[(u64, bool, Air, u8)]) {
        for (index, (seconds, usable, air, state)) in steps.iter().enumerate() {
            let before = radio.state();
            let changed = radio.update(at(*seconds), *usable, *air);
            assert_eq!(radio.state(), *state, "step {index}");
            assert_eq!(changed, before != *state, "step {index}");
            assert_eq!(
                radio.is_registered(),
                [1, 5].contains(state),
                "step {index}"
            );
        }
    }

    #[test]
    fn registers_after_its_time_and_again_after_a_loss() {
        let mut radio = Radio::new("00101".to_owned());
        let lost = Air {
            lost: true,
            ..air()
        };
        let steps = [
            (0, false, air(), 0),
            (1, true, air(), 2),
            (5, true, air(), 2),
            (6, true, air(), 1),
            (100, true, lost, 2),
            (200, true, lost, 2),
            (201, true, air(), 2),
            (206, true, air(), 1),
            (207, false, air(), 0),
        ];
        states(&mut radio, &steps);
    }

    #[test]
    fn says_when_it_will_be_registered() {
        let mut radio = Radio::new("00101".to_owned());
        assert_eq!(radio.poll_timeout(), None);
        radio.update(at(1), true, air());
        assert_eq!(radio.poll_timeout(), Some(at(6)));
        radio.update(at(6), true, air());
        assert_eq!(radio.poll_timeout(), None);
    }

    #[test]
    fn is_denied_and_is_a_guest() {
        let mut radio = Radio::new("00101".to_owned());
        let denied = Air {
            denied: true,
            ..air()
        };
        let guest = Air {
            roaming: true,
            ..air()
        };
        let steps = [
            (0, true, denied, 3),
            (60, true, denied, 3),
            (61, true, guest, 2),
            (66, true, guest, 5),
        ];
        states(&mut radio, &steps);
    }

    #[test]
    fn goes_to_another_network_when_told() {
        let mut radio = Radio::new("00101".to_owned());
        states(&mut radio, &[(0, true, air(), 2), (5, true, air(), 1)]);
        assert_eq!(radio.select(Some("44020"), false), (air().delay, true));
        states(&mut radio, &[(5, true, air(), 2), (10, true, air(), 1)]);
        assert_eq!((radio.plmn(), radio.is_manual()), ("44020", true));
        // Once more is nothing new.
        assert_eq!(radio.select(Some("44020"), false), (Duration::ZERO, true));
        assert_eq!(radio.select(Some("99999"), false), (air().delay, false));
        states(&mut radio, &[(11, true, air(), 2), (99, true, air(), 2)]);
        assert_eq!(radio.select(None, true), (Duration::ZERO, true));
        states(&mut radio, &[(100, true, air(), 0)]);
        assert_eq!(radio.select(None, false), (air().delay, true));
        states(&mut radio, &[(101, true, air(), 2), (106, true, air(), 1)]);
        assert_eq!((radio.plmn(), radio.is_manual()), ("00101", false));
    }
}

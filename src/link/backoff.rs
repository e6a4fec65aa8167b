//! How long to wait after a failure (spec S1).
//!
//! The first round, RETRY failures, waits HOLDOFF each time. Beyond it the wait grows: for network, modem and line from
//! HOLDOFF to some minutes, for configuration and SIM, where only a human can help, from minutes to an hour. The two
//! kinds grow each for itself, so that failures which alternate do not begin anew each time. A grown wait is made a
//! little longer or shorter at random: after a power cut or a fault of the network all gateways would dial at once.

use std::time::Duration;

use super::reason::FailureClass;
use super::supervisor::{BackoffPolicy, Policy};
use crate::random::Random;

/// The first round where RETRY=0 says that there is no end of it: the default of RETRY.
const DEFAULT_ROUND: u32 = 3;

/// What doubles where HOLDOFF is shorter than this.
const LEAST_BASE: Duration = Duration::from_secs(1);

/// How long an absent tty is waited for until a reset is tried: what a modem takes at most to restart.
const ABSENCE: Duration = Duration::from_secs(120);

/// A wait after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) time: Duration,
    /// Whether it is beyond the first round.
    pub(super) grown: bool,
}

/// Counts failures and gives waits.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: BackoffPolicy,
    holdoff: Duration,
    round: u32,
    /// The existing system's behaviour: HOLDOFF for ever.
    fixed: bool,
    random: Random,
    /// Failures since it began anew.
    failures: u32,
    /// How often the waits of each kind have been doubled.
    network_steps: u32,
    configuration_steps: u32,
    absences: u32,
}

impl Backoff {
    pub(super) fn new(policy: &Policy, seed: u64) -> Self {
        Self {
            policy: policy.backoff,
            holdoff: policy.holdoff,
            round: round_of(policy),
            fixed: policy.reset_any,
            random: Random::new(seed),
            failures: 0,
            network_steps: 0,
            configuration_steps: 0,
            absences: 0,
        }
    }

    /// Goes on by another policy; what was counted stays.
    pub(super) fn set_policy(&mut self, policy: &Policy) {
        self.policy = policy.backoff;
        self.holdoff = policy.holdoff;
        self.round = round_of(policy);
        self.fixed = policy.reset_any;
    }

    /// Begins anew: the link was good, or somebody looks after it.
    pub(super) fn restart(&mut self) {
        self.failures = 0;
        self.network_steps = 0;
        self.configuration_steps = 0;
    }

    /// The waits for an absent tty begin anew: a link was good.
    pub(super) fn restart_absence(&mut self) {
        self.absences = 0;
    }

    /// Counts a failure, and says how long to wait after it.
    pub(super) fn fail(&mut self, class: FailureClass) -> Wait {
        self.failures = self.failures.saturating_add(1);
        if self.fixed || self.failures <= self.round {
            return Wait {
                time: self.holdoff,
                grown: false,
            };
        }
        let time = match class {
            FailureClass::Configuration | FailureClass::Sim => {
                let least = self.policy.configuration_min;
                let most = self.policy.configuration_max.max(least);
                let time = doubled(least, self.configuration_steps, most);
                self.configuration_steps = self.configuration_steps.saturating_add(1);
                self.jittered(time, least, most)
            }
            FailureClass::None
            | FailureClass::Network
            | FailureClass::Modem
            | FailureClass::Line
            | FailureClass::Host => {
                self.network_steps = self.network_steps.saturating_add(1);
                let least = self.holdoff;
                let most = self.policy.network_max.max(least);
                let time = doubled(least.max(LEAST_BASE), self.network_steps, most);
                self.jittered(time, least, most)
            }
        };
        Wait { time, grown: true }
    }

    /// How long a tty must have been absent until the modem is reset for it; `reset_wait` is what the modem takes.
    pub(super) fn absence(&self, reset_wait: Duration) -> Duration {
        let least = ABSENCE.max(reset_wait);
        doubled(least, self.absences, self.policy.network_max.max(least))
    }

    /// The modem has been reset for its absence.
    pub(super) fn note_absence(&mut self) {
        self.absences = self.absences.saturating_add(1);
    }

    /// `time`, a little longer or shorter, within the two bounds.
    fn jittered(&mut self, time: Duration, least: Duration, most: Duration) -> Duration {
        let span = time / 100 * self.policy.jitter.min(100);
        let low = time.saturating_sub(span).max(least);
        let high = time.saturating_add(span).min(most);
        let room = high.saturating_sub(low);
        let drawn = self
            .random
            .below(u64::try_from(room.as_millis()).unwrap_or(u64::MAX));
        low.saturating_add(Duration::from_millis(drawn)).min(most)
    }
}

/// How many failures wait HOLDOFF.
fn round_of(policy: &Policy) -> u32 {
    match policy.retry {
        0 => DEFAULT_ROUND,
        retry => retry,
    }
}

/// `base`, doubled so often, `most` at most.
fn doubled(base: Duration, times: u32, most: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    base.checked_mul(factor).unwrap_or(most).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn policy(jitter: u32) -> Policy {
        Policy {
            persist: true,
            once: false,
            holdoff: s(5),
            retry: 3,
            reset_on_fail: true,
            reset_always: false,
            reset_wait: None,
            reset_any: false,
            good_after: s(60),
            backoff: BackoffPolicy {
                jitter,
                ..BackoffPolicy::default()
            },
            demand: false,
        }
    }

    fn waits(backoff: &mut Backoff, class: FailureClass, count: usize) -> Vec<u64> {
        (0..count)
            .map(|_| backoff.fail(class).time.as_secs())
            .collect()
    }

    #[test]
    fn network_faults_wait_from_holdoff_to_five_minutes() {
        let mut backoff = Backoff::new(&policy(0), 1);
        assert_eq!(
            waits(&mut backoff, FailureClass::Network, 11),
            [5, 5, 5, 10, 20, 40, 80, 160, 300, 300, 300]
        );
    }

    #[test]
    fn configuration_faults_wait_from_five_minutes_to_an_hour() {
        for class in [FailureClass::Configuration, FailureClass::Sim] {
            let mut backoff = Backoff::new(&policy(0), 1);
            assert_eq!(
                waits(&mut backoff, class, 9),
                [5, 5, 5, 300, 600, 1200, 2400, 3600, 3600]
            );
        }
    }

    #[test]
    fn failures_that_alternate_grow_each_for_itself() {
        let mut backoff = Backoff::new(&policy(0), 1);
        waits(&mut backoff, FailureClass::Network, 3);
        let mut both = Vec::new();
        for _ in 0..3 {
            both.extend(waits(&mut backoff, FailureClass::Configuration, 1));
            both.extend(waits(&mut backoff, FailureClass::Modem, 1));
        }
        assert_eq!(both, [300, 10, 600, 20, 1200, 40]);
    }

    #[test]
    fn begins_anew_after_a_restart() {
        let mut backoff = Backoff::new(&policy(0), 1);
        waits(&mut backoff, FailureClass::Network, 10);
        backoff.restart();
        assert_eq!(waits(&mut backoff, FailureClass::Network, 4), [5, 5, 5, 10]);
    }

    #[test]
    fn jitter_stays_within_its_share_and_the_bounds_and_depends_on_the_seed() {
        let mut all = Vec::new();
        for seed in 0..50 {
            let mut backoff = Backoff::new(&policy(10), seed);
            for _ in 0..3 {
                assert_eq!(backoff.fail(FailureClass::Network).time, s(5));
            }
            for base in [10, 20, 40, 80, 160, 300, 300] {
                let Wait { time, grown } = backoff.fail(FailureClass::Network);
                assert!(grown);
                assert!(time >= s(base) * 9 / 10, "{time:?}");
                assert!(time <= (s(base) * 11 / 10).min(s(300)), "{time:?}");
                all.push(time);
            }
            for base in [300, 600, 1200, 2400, 3600, 3600] {
                let time = backoff.fail(FailureClass::Configuration).time;
                assert!(time >= (s(base) * 9 / 10).max(s(300)), "{time:?}");
                assert!(time <= (s(base) * 11 / 10).min(s(3600)), "{time:?}");
                all.push(time);
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert!(all.len() > count / 2, "{} of {count} differ", all.len());
    }

    #[test]
    fn a_holdoff_of_zero_grows_and_one_beyond_the_maximum_stays() {
        let zero = Policy {
            holdoff: Duration::ZERO,
            ..policy(0)
        };
        let mut backoff = Backoff::new(&zero, 1);
        assert_eq!(
            waits(&mut backoff, FailureClass::Network, 6),
            [0, 0, 0, 2, 4, 8]
        );
        let long = Policy {
            holdoff: s(900),
            ..policy(10)
        };
        let mut backoff = Backoff::new(&long, 1);
        assert_eq!(waits(&mut backoff, FailureClass::Network, 8), [900; 8]);
    }

    #[test]
    fn a_maximum_of_zero_never_grows() {
        let mut policy = policy(10);
        policy.backoff.network_max = Duration::ZERO;
        let mut backoff = Backoff::new(&policy, 1);
        assert_eq!(waits(&mut backoff, FailureClass::Network, 9), [5; 9]);
        policy.holdoff = Duration::ZERO;
        let mut backoff = Backoff::new(&policy, 1);
        assert_eq!(waits(&mut backoff, FailureClass::Network, 9), [0; 9]);
    }

    #[test]
    fn the_round_is_retry_and_three_without_one() {
        for (retry, expected) in [(0, [5, 5, 5, 10]), (1, [5, 10, 20, 40])] {
            let policy = Policy { retry, ..policy(0) };
            let mut backoff = Backoff::new(&policy, 1);
            assert_eq!(waits(&mut backoff, FailureClass::Network, 4), expected);
        }
    }

    #[test]
    fn the_existing_systems_waits_never_grow() {
        let literal = Policy {
            reset_any: true,
            ..policy(10)
        };
        let mut backoff = Backoff::new(&literal, 1);
        assert_eq!(waits(&mut backoff, FailureClass::Sim, 20), [5; 20]);
    }

    #[test]
    fn an_absent_tty_is_waited_for_longer_after_each_reset() {
        let mut backoff = Backoff::new(&policy(10), 1);
        let mut waits = Vec::new();
        for _ in 0..4 {
            waits.push(backoff.absence(s(30)).as_secs());
            backoff.note_absence();
        }
        assert_eq!(waits, [120, 240, 300, 300]);
        backoff.restart_absence();
        assert_eq!(backoff.absence(s(150)), s(150));
    }

    #[test]
    fn no_number_of_failures_and_no_setting_overflows() {
        let wild = Policy {
            holdoff: Duration::MAX,
            backoff: BackoffPolicy {
                network_max: Duration::MAX,
                configuration_min: s(10),
                configuration_max: Duration::MAX,
                jitter: u32::MAX,
            },
            ..policy(0)
        };
        let mut backoff = Backoff::new(&wild, 1);
        for class in [FailureClass::Network, FailureClass::Configuration] {
            for _ in 0..200 {
                assert!(backoff.fail(class).time >= s(10));
            }
        }
    }
}

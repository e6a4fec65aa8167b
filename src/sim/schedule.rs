//! Which faults hold or are due: [`FaultSpec`]s with their counts of calls.

use std::time::Duration;

use super::fault::{Fault, FaultSpec, When};
use crate::time::Instant;

/// The faults of one simulator.
#[derive(Debug)]
pub(super) struct Schedule {
    started: Instant,
    entries: Vec<Entry>,
}

/// A fault that holds in a call from a moment on.
#[derive(Clone, Debug)]
pub(super) struct CallFault {
    pub(super) fault: Fault,
    pub(super) from: Instant,
}

#[derive(Debug)]
struct Entry {
    spec: FaultSpec,
    /// In how many more calls.
    left: u32,
    /// An event: when it is due in this call.
    due: Option<Instant>,
}

impl Schedule {
    pub(super) fn new(specs: Vec<FaultSpec>, now: Instant) -> Self {
        let entries = specs
            .into_iter()
            .map(|spec| Entry {
                left: spec.fault.calls(),
                spec,
                due: None,
            })
            .collect();
        Self {
            started: now,
            entries,
        }
    }

    /// A call is connected: events are armed. Gives what holds in this call.
    pub(super) fn start_call(&mut self, now: Instant) -> Vec<CallFault> {
        let mut faults = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| entry.left > 0) {
            let from = now + entry.spec.time();
            match entry.spec.info().when {
                When::Event => entry.due = Some(from),
                When::Call => {
                    entry.count();
                    faults.push(CallFault {
                        fault: entry.spec.fault.clone(),
                        from,
                    });
                }
                When::Modem => {}
            }
        }
        faults
    }

    /// The call is over: events that have not come wait for the next.
    pub(super) fn end_call(&mut self) {
        for entry in &mut self.entries {
            entry.due = None;
        }
    }

    /// An event that is due, counted.
    pub(super) fn take_event(&mut self, now: Instant) -> Option<Fault> {
        let entry = self
            .entries
            .iter_mut()
            .find(|e| e.due.is_some_and(|due| due <= now))?;
        entry.due = None;
        entry.count();
        Some(entry.spec.fault.clone())
    }

    /// What `pick` finds among the modem's faults that hold now, counted as one call.
    pub(super) fn take_modem<T>(
        &mut self,
        now: Instant,
        pick: impl Fn(&Fault) -> Option<T>,
    ) -> Option<T> {
        let started = self.started;
        let mut holding = self
            .entries
            .iter_mut()
            .filter(|entry| entry.holds(started, now));
        holding.find_map(|entry| {
            let found = pick(&entry.spec.fault)?;
            entry.count();
            Some(found)
        })
    }

    /// What `pick` finds among the modem's faults that hold now; it gets the time since when they
    /// do.
    pub(super) fn modem<T>(
        &self,
        now: Instant,
        pick: impl Fn(&Fault, Duration) -> Option<T>,
    ) -> Option<T> {
        let holding = self
            .entries
            .iter()
            .filter(|entry| entry.holds(self.started, now));
        holding
            .filter_map(|entry| {
                let since = now.since(self.started + entry.spec.time());
                pick(&entry.spec.fault, since)
            })
            .next()
    }

    /// The next event of this call.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| entry.due).min()
    }
}

impl Entry {
    fn count(&mut self) {
        if self.left != super::fault::ALWAYS {
            self.left = self.left.saturating_sub(1);
        }
    }

    fn holds(&self, started: Instant, now: Instant) -> bool {
        self.spec.info().when == When::Modem && self.left > 0 && started + self.spec.time() <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(specs: &[&str]) -> Schedule {
        Schedule::new(
            specs.iter().map(|s| s.parse().unwrap()).collect(),
            Instant::ZERO,
        )
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn an_event_happens_in_as_many_calls_as_its_value_says() {
        let mut faults = schedule(&["no-carrier=2@3s"]);
        for call in 0..3 {
            let start = at(call * 100);
            assert!(faults.start_call(start).is_empty());
            assert_eq!(faults.take_event(start), None);
            let due = (call < 2).then_some(start + Duration::from_secs(3));
            assert_eq!(faults.poll_timeout(), due);
            let event = faults.take_event(at(call * 100 + 3));
            assert_eq!(event, (call < 2).then_some(Fault::NoCarrier(2)));
            faults.end_call();
        }
    }

    #[test]
    fn an_event_that_did_not_come_is_not_counted() {
        let mut faults = schedule(&["hangup@10s"]);
        faults.start_call(at(0));
        faults.end_call();
        assert_eq!(faults.poll_timeout(), None);
        faults.start_call(at(20));
        assert_eq!(faults.take_event(at(30)), Some(Fault::HangUp(1)));
    }

    #[test]
    fn a_condition_holds_in_its_calls_from_its_time_on() {
        let mut faults = schedule(&["echo-silent=1@30s", "no-dns"]);
        let from: Vec<_> = faults.start_call(at(5)).iter().map(|f| f.from).collect();
        assert_eq!(from, [at(35), at(5)]);
        let second: Vec<_> = faults
            .start_call(at(50))
            .iter()
            .map(|f| f.fault.clone())
            .collect();
        assert_eq!(second, [Fault::NoDns]);
    }

    #[test]
    fn faults_of_the_modem_are_counted_by_dials_and_hold_from_the_start_of_the_simulator() {
        let mut faults = schedule(&["busy=2@10s", "slow=500"]);
        let busy = |f: &Fault| matches!(f, Fault::Busy(_)).then_some(());
        assert_eq!(faults.take_modem(at(9), busy), None);
        assert_eq!(faults.take_modem(at(10), busy), Some(()));
        assert_eq!(faults.take_modem(at(11), busy), Some(()));
        assert_eq!(faults.take_modem(at(12), busy), None);
        let slow = |f: &Fault, since| {
            if let Fault::Slow(n) = f {
                Some((*n, since))
            } else {
                None
            }
        };
        assert_eq!(
            faults.modem(at(12), slow),
            Some((500, Duration::from_secs(12)))
        );
    }
}

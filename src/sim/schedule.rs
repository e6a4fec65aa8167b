//! Which faults hold or are due: [`FaultSpec`]s with their counts of calls.

use super::fault::{Fault, FaultSpec, When};
use crate::time::Instant;

/// The faults of one simulator.
#[derive(Debug)]
pub(super) struct Schedule {
    entries: Vec<Entry>,
    /// Beginnings and ends up to here have been acted on.
    seen: Instant,
    in_call: bool,
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
    /// A fault of the modem: from when on it holds.
    from: Instant,
    /// And until when, if it ends by itself.
    end: Option<Instant>,
}

impl Schedule {
    pub(super) fn new(specs: Vec<FaultSpec>, now: Instant) -> Self {
        Self {
            entries: specs
                .into_iter()
                .map(|spec| Entry::new(spec, now))
                .collect(),
            seen: now,
            in_call: false,
        }
    }

    /// One more fault; its time counts from now. Gives what holds in the call that is up.
    pub(super) fn add(&mut self, now: Instant, spec: FaultSpec) -> Option<CallFault> {
        self.entries.retain(|entry| entry.left > 0);
        let mut entry = Entry::new(spec, now);
        let mut holds = None;
        if self.in_call {
            match entry.spec.info().when {
                When::Event => entry.due = Some(entry.from),
                When::Call => {
                    entry.count();
                    holds = Some(CallFault {
                        fault: entry.spec.fault.clone(),
                        from: entry.from,
                    });
                }
                When::Modem => {}
            }
        }
        self.entries.push(entry);
        holds
    }

    /// One less: the same that was added last.
    pub(super) fn lift(&mut self, spec: &FaultSpec) {
        if let Some(index) = self.entries.iter().rposition(|entry| entry.spec == *spec) {
            self.entries.remove(index);
        }
    }

    /// No fault is left. What holds in the running call goes on until its end.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The modem has restarted: what that ends is over.
    pub(super) fn restarted(&mut self) {
        self.entries
            .retain(|entry| !matches!(entry.spec.fault, Fault::DataMode | Fault::StuckDataMode));
    }

    /// A call is connected: events are armed. Gives what holds in this call.
    pub(super) fn start_call(&mut self, now: Instant) -> Vec<CallFault> {
        self.in_call = true;
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
        self.in_call = false;
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
        let mut holding = self.entries.iter_mut().filter(|entry| entry.holds(now));
        holding.find_map(|entry| {
            let found = pick(&entry.spec.fault)?;
            entry.count();
            Some(found)
        })
    }

    /// What `pick` finds among the modem's faults that hold now.
    pub(super) fn modem<T>(&self, now: Instant, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let mut holding = self.entries.iter().filter(|entry| entry.holds(now));
        holding.find_map(|entry| pick(&entry.spec.fault))
    }

    /// Whatever begins or ends up to `now` has been looked at.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.seen = self.seen.max(now);
    }

    /// The next event of this call, the next beginning or end of a fault of the modem.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let events = self.entries.iter().filter_map(|entry| entry.due);
        let edges = self.entries.iter().flat_map(Entry::edges).flatten();
        events.chain(edges.filter(|at| *at > self.seen)).min()
    }
}

impl Entry {
    fn new(spec: FaultSpec, now: Instant) -> Self {
        let from = now + spec.time();
        Self {
            left: spec.fault.calls(),
            end: spec.fault.lasts().map(|time| from + time),
            from,
            spec,
            due: None,
        }
    }

    fn count(&mut self) {
        if self.left != super::fault::ALWAYS {
            self.left = self.left.saturating_sub(1);
        }
    }

    fn holds(&self, now: Instant) -> bool {
        let ended = self.end.is_some_and(|end| end <= now);
        self.spec.info().when == When::Modem && self.left > 0 && self.from <= now && !ended
    }

    /// When something changes without anybody doing something.
    fn edges(&self) -> [Option<Instant>; 2] {
        if self.spec.info().when == When::Modem && self.left > 0 {
            [Some(self.from), self.end]
        } else {
            [None; 2]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let slow = |f: &Fault| {
            if let Fault::Slow(n) = f {
                Some(*n)
            } else {
                None
            }
        };
        assert_eq!(faults.modem(at(12), slow), Some(500));
    }

    #[test]
    fn a_fault_of_the_modem_that_ends_by_itself_wakes_at_both_edges() {
        let mut faults = schedule(&["at-silent=5@10s", "sim-absent@10m"]);
        let silent = |f: &Fault| matches!(f, Fault::AtSilent(_)).then_some(());
        for (now, next, holds) in [
            (0, Some(10), false),
            (10, Some(15), true),
            (14, Some(15), true),
            (15, Some(600), false),
            (600, None, false),
        ] {
            faults.handle_timeout(at(now));
            assert_eq!(faults.poll_timeout(), next.map(at), "{now}");
            assert_eq!(faults.modem(at(now), silent).is_some(), holds, "{now}");
        }
    }

    #[test]
    fn a_fault_that_is_added_counts_its_time_from_then() {
        let mut faults = schedule(&[]);
        faults.start_call(at(100));
        faults.add(at(110), "no-carrier@5s".parse().unwrap());
        faults.add(at(110), "busy@5s".parse().unwrap());
        assert_eq!(faults.poll_timeout(), Some(at(115)));
        let busy = |f: &Fault| matches!(f, Fault::Busy(_)).then_some(());
        assert_eq!(faults.modem(at(114), busy), None);
        assert_eq!(faults.modem(at(115), busy), Some(()));
        assert_eq!(faults.take_event(at(115)), Some(Fault::NoCarrier(1)));
        faults.clear();
        assert_eq!(faults.modem(at(116), busy), None);
    }
}

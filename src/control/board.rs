//! Collects what the parts of the daemon tell, and makes a [`Status`] of it.
//!
//! Only monotonic time is kept. Wall times are worked out in [`Board::snapshot`] from the wall clock of that moment, so
//! that they are right even if a gateway booted in 1970 and learnt the time later.

mod clocks;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::status::{
    Attempts, Class, MAX_FAILURES, MAX_TEXT, MAX_WARNINGS, Monitor, Ping, Queue, Resets, Resolver,
    StateWord, Status, Step, Traffic,
};
use crate::link::{FailureClass, LinkEnd, ResetOutcome};
use crate::modem::ModemInfo;
use crate::ppp::Ipv4Settings;
use crate::time::Instant;
use clocks::{Clocks, rfc3339};

/// Failures that come again count as the same one only within this time.
const SAME_WITHIN: Duration = Duration::from_secs(2 * 3600);

/// What the supervisor is doing, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateView {
    /// What.
    pub word: StateWord,
    /// In words, without a full stop; `None`: [`StateWord::sentence`].
    pub sentence: Option<String>,
    /// Since when.
    pub since: Instant,
    /// Why.
    pub why: Option<String>,
    /// What comes next by itself, and when, if that is known.
    pub next: Option<(String, Option<Instant>)>,
    /// The attempt that runs, or ran last.
    pub attempt: u32,
    /// Failures in a row; `None`: not known.
    pub failures: Option<u32>,
}

/// Holds what was told. Nothing in it grows without bound.
#[derive(Debug)]
pub struct Board {
    version: String,
    pid: u32,
    interface: String,
    good_after: Duration,
    started: Instant,
    state: StateView,
    step: Option<(String, Instant)>,
    links: u32,
    resets: u32,
    last_reset: Option<(ResetOutcome, Instant)>,
    failures: VecDeque<PastFailure>,
    link: Option<UpLink>,
    /// Of the links that are over.
    past_traffic: Traffic,
    place: Place,
    modem: KnownModem,
    queue: Option<Queue>,
    provisioning_writes: Option<u32>,
    monitor: Option<Watch>,
    resolver: Option<Resolver>,
    warnings: VecDeque<String>,
}

#[derive(Debug)]
struct PastFailure {
    at: Instant,
    reason: String,
    class: Class,
    advice: &'static str,
    after_up: bool,
    times: u32,
}

#[derive(Debug)]
struct UpLink {
    interface: String,
    since: Instant,
    /// A ping has been answered.
    answered: bool,
    settings: Ipv4Settings,
    traffic: Traffic,
}

#[derive(Debug, Default)]
struct Place {
    tty: Option<String>,
    usb_path: Option<String>,
}

/// What the modem has told, and when it told what changes.
#[derive(Debug, Default)]
struct KnownModem {
    info: ModemInfo,
    registration_at: Instant,
    signal_at: Instant,
    operator_at: Instant,
    plmn_at: Instant,
    technology_at: Instant,
}

#[derive(Debug)]
struct Watch {
    target: String,
    watched: Option<String>,
    last: Option<(bool, Instant)>,
    lost: u32,
}

impl Board {
    /// The board of a daemon that starts now, for the interface as configured. A link is good once it has been up for
    /// `good_after` (spec S1).
    pub fn new(
        now: Instant,
        version: &str,
        pid: u32,
        interface: &str,
        good_after: Duration,
    ) -> Self {
        Self {
            version: clean(version),
            pid,
            interface: clean(interface),
            good_after,
            started: now,
            state: StateView {
                word: StateWord::Starting,
                sentence: None,
                since: now,
                why: None,
                next: None,
                attempt: 0,
                failures: None,
            },
            step: None,
            links: 0,
            resets: 0,
            last_reset: None,
            failures: VecDeque::new(),
            link: None,
            past_traffic: Traffic::default(),
            place: Place::default(),
            modem: KnownModem::default(),
            queue: None,
            provisioning_writes: None,
            monitor: None,
            resolver: None,
            warnings: VecDeque::new(),
        }
    }

    /// What the supervisor does; may be told at every turn.
    pub fn note_state(&mut self, view: StateView) {
        if (view.word, view.attempt, view.since)
            != (self.state.word, self.state.attempt, self.state.since)
        {
            self.step = None;
        }
        self.state = view;
    }

    /// What is being done within the state, such as `waiting for the registration`. Holds until the next state.
    pub fn note_step(&mut self, now: Instant, what: &str) {
        let what = clean(what);
        if self.step.as_ref().is_none_or(|(known, _)| *known != what) {
            self.step = Some((what, now));
        }
    }

    /// An attempt, or a link that was up, has ended. What is no failure is not remembered.
    pub fn note_end(&mut self, now: Instant, end: &LinkEnd, was_up: bool) {
        let class = if was_up {
            end.class_after_up()
        } else {
            end.class()
        };
        let Some(class) = class_of(class) else {
            return;
        };
        let reason = clean(&end.to_string());
        if let Some(last) = self.failures.front_mut()
            && last.reason == reason
            && last.after_up == was_up
            && now.since(last.at) <= SAME_WITHIN
        {
            last.at = now;
            last.times = last.times.saturating_add(1);
            return;
        }
        self.failures.push_front(PastFailure {
            at: now,
            reason,
            class,
            advice: end.advice(),
            after_up: was_up,
            times: 1,
        });
        self.failures.truncate(MAX_FAILURES);
    }

    /// A reset has ended.
    pub fn note_reset(&mut self, now: Instant, outcome: &ResetOutcome) {
        self.resets = self.resets.saturating_add(1);
        self.last_reset = Some((outcome.clone(), now));
    }

    /// The link is up; again after a renegotiation, which may have changed its addresses.
    pub fn note_up(&mut self, now: Instant, interface: &str, settings: &Ipv4Settings) {
        // What was negotiated is.
        self.step = None;
        if let Some(link) = &mut self.link {
            link.settings = *settings;
            return;
        }
        self.links = self.links.saturating_add(1);
        self.link = Some(UpLink {
            interface: clean(interface),
            since: now,
            answered: false,
            settings: *settings,
            traffic: Traffic::default(),
        });
    }

    /// A ping through the link was answered: it is good before its time (spec S1).
    pub fn note_good(&mut self) {
        if let Some(link) = &mut self.link {
            link.answered = true;
        }
    }

    /// The link is down.
    pub fn note_down(&mut self) {
        if let Some(link) = self.link.take() {
            self.past_traffic = self.past_traffic.plus(link.traffic);
        }
        self.monitor = None;
    }

    /// Who has been told the DNS servers of the link; `None`: nobody has any of it.
    pub fn note_resolver(&mut self, resolver: Option<Resolver>) {
        self.resolver = resolver.map(|resolver| Resolver {
            manager: clean(&resolver.manager),
            why: clean(&resolver.why),
            problem: resolver.problem.as_deref().map(clean),
            servers: resolver.servers,
        });
    }

    /// Packets of the link that is up, since it came up.
    pub fn note_traffic(&mut self, traffic: Traffic) {
        if let Some(link) = &mut self.link {
            link.traffic = traffic;
        }
    }

    /// Where the modem is. What another one has told is forgotten.
    pub fn note_place(&mut self, tty: &str, usb_path: Option<&str>) {
        let place = Place {
            tty: Some(clean(tty)),
            usb_path: usb_path.map(clean),
        };
        // The same socket, or the same tty where there is none, is the same modem until it says otherwise.
        let same = match (&place.usb_path, &self.place.usb_path) {
            (Some(new), Some(old)) => new == old,
            (None, None) => place.tty == self.place.tty,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !same {
            self.modem = KnownModem::default();
        }
        self.place = place;
    }

    /// What the modem has told; what it has not told this time stays as it was.
    pub fn note_modem(&mut self, now: Instant, info: &ModemInfo) {
        let known = &mut self.modem;
        // Another serial number: another modem.
        if info.imei.is_some() && known.info.imei.is_some() && info.imei != known.info.imei {
            *known = KnownModem::default();
        }
        let ModemInfo {
            profile,
            manufacturer,
            model,
            revision,
            imei,
            iccid,
            sim,
            registration,
            signal,
            operator,
            plmn,
            technology,
        } = info;
        for (new, old) in [
            (profile, &mut known.info.profile),
            (manufacturer, &mut known.info.manufacturer),
            (model, &mut known.info.model),
            (revision, &mut known.info.revision),
            (imei, &mut known.info.imei),
            (iccid, &mut known.info.iccid),
        ] {
            if let Some(text) = new {
                *old = Some(clean(text));
            }
        }
        for (new, old, at) in [
            (operator, &mut known.info.operator, &mut known.operator_at),
            (plmn, &mut known.info.plmn, &mut known.plmn_at),
            (
                technology,
                &mut known.info.technology,
                &mut known.technology_at,
            ),
        ] {
            if let Some(text) = new {
                *old = Some(clean(text));
                *at = now;
            }
        }
        known.info.sim = sim.or(known.info.sim);
        if registration.is_some() {
            known.info.registration = *registration;
            known.registration_at = now;
        }
        if signal.is_some() {
            known.info.signal = *signal;
            known.signal_at = now;
        }
    }

    /// Packets that wait for the link.
    pub fn note_queue(&mut self, waiting: u64, dropped: u64) {
        self.queue = Some(Queue { waiting, dropped });
    }

    /// APN and account commands sent since the start to modems whose flash memory wears out (spec D5).
    pub fn note_provisioning(&mut self, writes: u32) {
        self.provisioning_writes = Some(writes);
    }

    /// The monitor watches `target`; `watched` is the host in its place, once one is found.
    pub fn note_monitor(&mut self, target: &str, watched: Option<&str>) {
        let target = clean(target);
        let watched = watched.map(clean);
        match &mut self.monitor {
            Some(watch) if watch.target == target => watch.watched = watched,
            Some(_) | None => {
                self.monitor = Some(Watch {
                    target,
                    watched,
                    last: None,
                    lost: 0,
                });
            }
        }
    }

    /// A ping of the monitor has its result; `lost` in a row now.
    pub fn note_ping(&mut self, now: Instant, answered: bool, lost: u32) {
        if let Some(watch) = &mut self.monitor {
            watch.last = Some((answered, now));
            watch.lost = lost;
        }
    }

    /// Something is not as it should be, although the link works. The same text again is one warning.
    pub fn note_warning(&mut self, text: &str) {
        let text = clean(text);
        if self.warnings.contains(&text) {
            return;
        }
        if self.warnings.len() >= MAX_WARNINGS {
            self.warnings.pop_front();
        }
        self.warnings.push_back(text);
    }

    /// The warnings that hold no more, as after a reload, go.
    pub fn forget_warnings(&mut self) {
        self.warnings.clear();
    }

    /// Whether a link is up.
    pub fn is_up(&self) -> bool {
        self.link.is_some()
    }

    /// What the supervisor does.
    pub fn state(&self) -> StateWord {
        self.state.word
    }

    /// The status at this moment of the wall clock.
    pub fn snapshot(&self, now: Instant, wall: Timestamp) -> Status {
        let clock = Clocks { now, wall };
        let state = &self.state;
        let link = self
            .link
            .as_ref()
            .map(|link| clock.link(link, self.good_after));
        let is_good = link.as_ref().is_some_and(|link| link.good);
        Status {
            version: self.version.clone(),
            pid: self.pid,
            interface: self.interface.clone(),
            now: rfc3339(wall, 0),
            started: clock.moment(self.started),
            state: state.word,
            sentence: state
                .sentence
                .as_deref()
                .map_or_else(|| state.word.sentence().to_owned(), clean),
            since: clock.moment(state.since),
            step: self.step.as_ref().map(|(what, since)| Step {
                what: what.clone(),
                since: clock.moment(*since),
            }),
            why: state.why.as_deref().map(clean),
            next: state
                .next
                .as_ref()
                .map(|(what, at)| clock.planned(what, *at)),
            attempts: Attempts {
                number: state.attempt,
                failures_in_a_row: if is_good { Some(0) } else { state.failures },
                links: self.links,
            },
            resets: Resets {
                count: self.resets,
                last: self
                    .last_reset
                    .as_ref()
                    .map(|(outcome, at)| clock.reset(outcome, *at)),
            },
            failures: self
                .failures
                .iter()
                .map(|past| clock.failure(past))
                .collect(),
            link,
            resolver: self.resolver.clone(),
            traffic: match &self.link {
                Some(link) => self.past_traffic.plus(link.traffic),
                None => self.past_traffic,
            },
            modem: clock.modem(&self.place, &self.modem),
            queue: self.queue,
            provisioning_writes: self.provisioning_writes,
            monitor: self.monitor.as_ref().map(|watch| Monitor {
                target: watch.target.clone(),
                watched: watch.watched.clone(),
                last: watch.last.map(|(answered, at)| Ping {
                    when: clock.moment(at),
                    answered,
                }),
                lost_in_a_row: watch.lost,
            }),
            warnings: self.warnings.iter().cloned().collect(),
        }
    }
}

fn class_of(class: FailureClass) -> Option<Class> {
    match class {
        FailureClass::None => None,
        FailureClass::Configuration => Some(Class::Configuration),
        FailureClass::Sim => Some(Class::Sim),
        FailureClass::Network => Some(Class::Network),
        FailureClass::Modem => Some(Class::Modem),
        FailureClass::Line => Some(Class::Line),
        FailureClass::Host => Some(Class::Host),
    }
}

/// Printable and not too long: texts come from modems, peers and files.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(MAX_TEXT)
        .collect()
}

#[cfg(test)]
mod tests;

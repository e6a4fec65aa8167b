//! Monotonic moments as the status says them: by the wall clock of the moment it is asked for.

use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;

use super::{KnownModem, PastFailure, Place, UpLink, clean};
use crate::control::status::{Aged, Failure, Link, Modem, Moment, Planned, Reset};
use crate::link::ResetOutcome;
use crate::ppp::Ipv4Settings;
use crate::time::Instant;

/// A moment on both clocks: turns the one's moments into the other's.
pub(super) struct Clocks {
    pub(super) now: Instant,
    pub(super) wall: Timestamp,
}

impl Clocks {
    pub(super) fn moment(&self, at: Instant) -> Moment {
        let ago = self.now.since(at);
        Moment {
            at: rfc3339(self.wall, -nanoseconds(ago)),
            seconds_ago: ago.as_secs(),
        }
    }

    pub(super) fn planned(&self, what: &str, at: Option<Instant>) -> Planned {
        let wait = at.map(|at| at.since(self.now));
        Planned {
            what: clean(what),
            at: wait.map(|wait| rfc3339(self.wall, nanoseconds(wait))),
            in_seconds: wait.map(|wait| {
                let begun = u64::from(wait.subsec_nanos() > 0);
                wait.as_secs().saturating_add(begun)
            }),
        }
    }

    pub(super) fn aged<T>(&self, value: Option<T>, at: Instant) -> Option<Aged<T>> {
        value.map(|value| Aged {
            value,
            seconds_ago: self.now.since(at).as_secs(),
        })
    }

    pub(super) fn reset(&self, outcome: &ResetOutcome, at: Instant) -> Reset {
        let (worked, step, why) = match outcome {
            ResetOutcome::Done { step } => (true, Some(clean(step)), None),
            ResetOutcome::Failed { why } => (false, None, Some(clean(why))),
        };
        Reset {
            when: self.moment(at),
            worked,
            step,
            why,
        }
    }

    pub(super) fn failure(&self, past: &PastFailure) -> Failure {
        Failure {
            when: self.moment(past.at),
            reason: past.reason.clone(),
            class: past.class,
            advice: (!past.advice.is_empty()).then(|| past.advice.to_owned()),
            after_up: past.after_up,
            times: past.times,
        }
    }

    pub(super) fn link(&self, link: &UpLink, good_after: Duration) -> Link {
        let Ipv4Settings {
            local,
            remote,
            dns,
            mtu,
        } = link.settings;
        let dns: Vec<Ipv4Addr> = dns.into_iter().flatten().collect();
        Link {
            interface: link.interface.clone(),
            up: self.moment(link.since),
            good: link.answered || self.now.since(link.since) >= good_after,
            local,
            remote,
            dns,
            mtu,
            traffic: link.traffic,
        }
    }

    pub(super) fn modem(&self, place: &Place, known: &KnownModem) -> Modem {
        let info = known.info.clone();
        Modem {
            tty: place.tty.clone(),
            usb_path: place.usb_path.clone(),
            profile: info.profile,
            manufacturer: info.manufacturer,
            model: info.model,
            revision: info.revision,
            imei: info.imei,
            iccid: info.iccid,
            sim: info.sim,
            registration: self.aged(info.registration, known.registration_at),
            signal_dbm: self.aged(info.signal.map(|signal| signal.dbm), known.signal_at),
            operator: self.aged(info.operator, known.operator_at),
            plmn: self.aged(info.plmn, known.plmn_at),
            technology: self.aged(info.technology, known.technology_at),
        }
    }
}

fn nanoseconds(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

/// `wall` and some nanoseconds, whole seconds, as `2026-11-24T23:26:18Z`.
pub(super) fn rfc3339(wall: Timestamp, nanoseconds: i128) -> String {
    let at = wall.as_nanosecond().saturating_add(nanoseconds);
    let second = i64::try_from(at.div_euclid(1_000_000_000)).ok();
    second
        .and_then(|second| Timestamp::from_second(second).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

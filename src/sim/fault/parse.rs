//! `NAME[=VALUE][@TIME]` as text: read and written.

use std::fmt;
use std::str::FromStr;

use super::value::{duration, write_duration};
use super::{Fault, FaultSpec};

/// Why a `--fault` is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no such fault.
    #[error("unknown fault {name:?}, did you mean {}?", suggestion(.nearest))]
    Unknown {
        /// As given.
        name: String,
        /// A fault that is meant, perhaps: its name with VALUE and TIME as given.
        nearest: String,
    },
    /// VALUE is not what the fault wants.
    #[error("fault {name}: {value:?} is not {expected}")]
    Value {
        /// The fault.
        name: &'static str,
        /// As given.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// The fault has no VALUE.
    #[error("fault {name} takes no value, got {value:?}")]
    NoValue {
        /// The fault.
        name: &'static str,
        /// As given.
        value: String,
    },
    /// TIME is not a time.
    #[error("fault {name}: {time:?} is not a time such as 30s, 500ms or 2m")]
    Time {
        /// The fault.
        name: &'static str,
        /// As given.
        time: String,
    },
}

impl FromStr for FaultSpec {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (head, time) = match text.split_once('@') {
            Some((head, time)) => (head, Some(time)),
            None => (text, None),
        };
        let (name, value) = match head.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (head, None),
        };
        let Some(info) = Fault::all()
            .iter()
            .find(|info| info.name == name || info.alias == name)
        else {
            return Err(FaultError::Unknown {
                name: name.to_owned(),
                nearest: nearest(name),
            });
        };
        let fault = match value {
            Some(value) if info.value.is_empty() => {
                return Err(FaultError::NoValue {
                    name: info.name,
                    value: value.to_owned(),
                });
            }
            _ => {
                let value = value.unwrap_or(info.default);
                (info.build)(value).ok_or_else(|| FaultError::Value {
                    name: info.name,
                    value: value.to_owned(),
                    expected: info.value,
                })?
            }
        };
        let at = match time {
            Some(time) => Some(duration(time).ok_or_else(|| FaultError::Time {
                name: info.name,
                time: time.to_owned(),
            })?),
            None => None,
        };
        Ok(Self { fault, at })
    }
}

impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)?;
        if !self.info().value.is_empty() {
            write!(f, "={}", self.fault.value())?;
        }
        match self.at {
            Some(at) => write!(f, "@{}", write_duration(at)),
            None => Ok(()),
        }
    }
}

fn suggestion(nearest: &str) -> String {
    format!("{nearest:?}")
}

fn nearest(name: &str) -> String {
    let names = Fault::all()
        .iter()
        .flat_map(|info| [info.name, info.alias])
        .filter(|n| !n.is_empty());
    names
        .max_by(|a, b| {
            let (a, b) = (strsim::jaro_winkler(a, name), strsim::jaro_winkler(b, name));
            a.total_cmp(&b)
        })
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{ALWAYS, ApnRefusal, list};
    use super::*;

    fn parse(text: &str) -> Result<FaultSpec, FaultError> {
        text.parse()
    }

    #[test]
    fn every_fault_of_the_list_parses_by_its_name_alone_and_says_its_name() {
        for info in Fault::all() {
            let spec = parse(info.name).unwrap();
            assert_eq!(spec.fault.name(), info.name);
            assert_eq!(spec.info().about, info.about);
            assert_eq!(parse(&spec.to_string()), Ok(spec.clone()), "{spec}");
            assert!(
                info.about.len() < 80 && info.about.ends_with('.'),
                "{}",
                info.about
            );
            assert_eq!(
                info.value.is_empty(),
                info.default.is_empty(),
                "{}",
                info.name
            );
        }
    }

    #[test]
    fn the_list_shows_values_and_times_as_they_are_written() {
        let list = list();
        assert_eq!(list.len(), Fault::all().len());
        let find = |name: &str| {
            list.iter()
                .find(|(syntax, _)| syntax.starts_with(name))
                .unwrap()
        };
        assert_eq!(
            find("unplug"),
            &(
                "unplug=3s@5s".to_owned(),
                "The tty vanishes, and comes back later. VALUE: seconds until it is back."
                    .to_owned()
            )
        );
        for (syntax, _) in &list {
            assert!(parse(syntax).is_ok(), "{syntax}");
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Fault::all().iter().map(|info| info.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Fault::all().len());
    }

    #[test]
    fn takes_value_and_time() {
        let at = |s| Some(Duration::from_secs(s));
        for (text, fault, at) in [
            ("no-carrier@30s", Fault::NoCarrier(1), at(30)),
            ("no-carrier=always", Fault::NoCarrier(ALWAYS), None),
            ("dummy-dns=25@2m", Fault::DummyDns(25), at(120)),
            ("bitflip=1e-5", Fault::BitFlip(1e-5), None),
            (
                "slow=9600@500ms",
                Fault::Slow(9600),
                Some(Duration::from_millis(500)),
            ),
            (
                "latency=40",
                Fault::Latency(Duration::from_millis(40)),
                None,
            ),
            (
                "late-connect=2",
                Fault::LateConnect(Duration::from_secs(2)),
                None,
            ),
            (
                "unplug=500ms@1h",
                Fault::Unplug(Duration::from_millis(500)),
                at(3600),
            ),
            ("asyncmap=ffffffff", Fault::AsyncMap(u32::MAX), None),
            ("silence", Fault::EchoSilent(ALWAYS), None),
            ("half-open@1s", Fault::PeerSilent(ALWAYS), at(1)),
            ("pin=0042", Fault::Pin("0042".to_owned()), None),
            ("wrong-apn=cme", Fault::WrongApn(ApnRefusal::Cme), None),
            ("sim-absent", Fault::SimAbsent(Duration::MAX), None),
            (
                "registration-lost=3h@1h",
                Fault::RegistrationLost(Duration::from_secs(10_800)),
                at(3600),
            ),
        ] {
            assert_eq!(parse(text), Ok(FaultSpec { fault, at }), "{text}");
        }
    }

    #[test]
    fn errors_name_what_is_wrong_and_what_is_near() {
        for (text, message) in [
            (
                "no-carier@3s",
                "unknown fault \"no-carier\", did you mean \"no-carrier\"?",
            ),
            (
                "dumy-dns=5",
                "unknown fault \"dumy-dns\", did you mean \"dummy-dns\"?",
            ),
            (
                "busy=many",
                "fault busy: \"many\" is not in how many calls, or always",
            ),
            (
                "busy=0",
                "fault busy: \"0\" is not in how many calls, or always",
            ),
            ("drop=2", "fault drop: \"2\" is not probability per byte"),
            ("mru=20", "fault mru: \"20\" is not 128 to 16384"),
            ("chunk=0", "fault chunk: \"0\" is not bytes"),
            (
                "pin=12a4",
                "fault pin: \"12a4\" is not the PIN, 4 to 8 digits",
            ),
            ("urc=1", "fault urc takes no value, got \"1\""),
            (
                "busy@soon",
                "fault busy: \"soon\" is not a time such as 30s, 500ms or 2m",
            ),
            (
                "busy@30",
                "fault busy: \"30\" is not a time such as 30s, 500ms or 2m",
            ),
            (
                "busy@1e30s",
                "fault busy: \"1e30s\" is not a time such as 30s, 500ms or 2m",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}

//! What the VALUE of a fault stands for: read, written, and what follows from it.

use std::fmt;
use std::time::Duration;

use super::{ALWAYS, ApnRefusal};

/// A kind of VALUE.
pub(super) struct Kind<T> {
    /// What it stands for, for people.
    pub(super) about: &'static str,
    /// From text.
    pub(super) read: fn(&str) -> Option<T>,
    /// What it means.
    pub(super) value: fn(&T) -> Value,
}

/// A VALUE by its meaning.
#[derive(Debug)]
pub(super) enum Value {
    /// There is none.
    None,
    /// In so many calls, or for so many resets.
    Calls(u32),
    /// In so many rounds of each call.
    Rounds(u32),
    /// A time that means something to this fault.
    Time(Duration),
    /// The fault ends by itself after that.
    Lasts(Duration),
    /// Anything else, as it is written.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Calls(ALWAYS)
            | Self::Rounds(ALWAYS)
            | Self::Time(Duration::MAX)
            | Self::Lasts(Duration::MAX) => f.write_str("always"),
            Self::Calls(n) | Self::Rounds(n) => write!(f, "{n}"),
            Self::Time(time) | Self::Lasts(time) => f.write_str(&write_duration(*time)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

pub(super) const CALLS: Kind<u32> = Kind {
    about: "in how many calls, or always",
    read: count,
    value: |n| Value::Calls(*n),
};

pub(super) const RESETS: Kind<u32> = Kind {
    about: "for how many resets, or always",
    ..CALLS
};

pub(super) const ROUNDS: Kind<u32> = Kind {
    about: "how many rounds, or always",
    read: count,
    value: |n| Value::Rounds(*n),
};

pub(super) const FOR_SECONDS: Kind<Duration> = Kind {
    about: "for how many seconds, or always",
    read: seconds_or_always,
    value: |time| Value::Lasts(*time),
};

pub(super) const SECONDS: Kind<Duration> = Kind {
    about: "seconds",
    read: seconds,
    value: |time| Value::Time(*time),
};

pub(super) const SECONDS_AWAY: Kind<Duration> = Kind {
    about: "seconds until it is back",
    ..SECONDS
};

pub(super) const MILLISECONDS: Kind<Duration> = Kind {
    about: "milliseconds",
    read: milliseconds,
    value: |time| Value::Time(*time),
};

pub(super) const PER_FRAME: Kind<f64> = Kind {
    about: "probability per frame",
    read: probability,
    value: |p| Value::Text(format!("{p:e}")),
};

pub(super) const PER_BIT: Kind<f64> = Kind {
    about: "probability per bit",
    ..PER_FRAME
};

pub(super) const PER_BYTE: Kind<f64> = Kind {
    about: "probability per byte",
    ..PER_FRAME
};

pub(super) const BYTES: Kind<usize> = Kind {
    about: "bytes",
    read: |text| text.parse().ok().filter(|n| *n > 0),
    value: |n| Value::Text(n.to_string()),
};

pub(super) const PACE: Kind<u32> = Kind {
    about: "bytes per second",
    read: |text| text.parse().ok().filter(|n| *n > 0),
    value: |n| Value::Text(n.to_string()),
};

pub(super) const MAP: Kind<u32> = Kind {
    about: "a map in hexadecimal",
    read: |text| u32::from_str_radix(text, 16).ok(),
    value: |map| Value::Text(format!("{map:x}")),
};

pub(super) const LENGTH: Kind<u16> = Kind {
    about: "128 to 16384",
    read: |text| text.parse().ok().filter(|n| (128..=16384).contains(n)),
    value: |n| Value::Text(n.to_string()),
};

pub(super) const CME: Kind<u16> = Kind {
    about: "a number of 3GPP TS 27.007",
    read: |text| text.parse().ok(),
    value: |n| Value::Text(n.to_string()),
};

pub(super) const PIN: Kind<String> = Kind {
    about: "the PIN, 4 to 8 digits",
    read: pin,
    value: |pin| Value::Text(pin.clone()),
};

pub(super) const REFUSAL: Kind<ApnRefusal> = Kind {
    about: "nocarrier, dummy or cme: how calls are refused",
    read: ApnRefusal::parse,
    value: |refusal| Value::Text(refusal.name().to_owned()),
};

/// `30s`, `500ms`, `2m`, `1h`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

pub(super) fn write_duration(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{}s", time.as_secs())
    } else {
        format!("{}ms", time.as_millis())
    }
}

/// A number of calls or rounds, or `always`.
fn count(text: &str) -> Option<u32> {
    if text == "always" {
        Some(ALWAYS)
    } else {
        text.parse().ok().filter(|n| *n > 0)
    }
}

/// A time, or a number of seconds.
fn seconds(text: &str) -> Option<Duration> {
    match text.parse::<u32>() {
        Ok(n) => Some(Duration::from_secs(u64::from(n))),
        Err(_) => duration(text),
    }
}

/// A time, or a number of milliseconds.
fn milliseconds(text: &str) -> Option<Duration> {
    match text.parse::<u32>() {
        Ok(n) => Some(Duration::from_millis(u64::from(n))),
        Err(_) => duration(text),
    }
}

fn seconds_or_always(text: &str) -> Option<Duration> {
    if text == "always" {
        Some(Duration::MAX)
    } else {
        seconds(text)
    }
}

/// A PIN (3GPP TS 31.101 section 9.4: 4 to 8 digits).
fn pin(text: &str) -> Option<String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (4..=8).contains(&text.len())).then(|| text.to_owned())
}

fn probability(text: &str) -> Option<f64> {
    text.parse().ok().filter(|p| (0.0..=1.0).contains(p))
}

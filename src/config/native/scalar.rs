//! A value of uplinkd.toml before it is known what it should be.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::config::value::{self, Refusal};
use crate::modem::Carrier;
use crate::time::seconds_of;

/// A value of any type. Not `Debug`: it may be a password.
pub(super) enum Scalar {
    Truth(bool),
    Whole(i64),
    Fraction(f64),
    Text(String),
    /// A date, a list, a table.
    Other,
}

impl Scalar {
    pub(super) fn text(&self) -> Result<&str, Refusal> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Truth(_) | Self::Whole(_) | Self::Fraction(_) | Self::Other => {
                Err(Refusal::new("this is not a text", "a text in quotes"))
            }
        }
    }

    /// The judged text, or nothing if it is empty.
    pub(super) fn unless_empty<T>(
        &self,
        check: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        match self.text()? {
            "" => Ok(None),
            text => check(text).map(Some),
        }
    }

    pub(super) fn truth(&self) -> Result<bool, Refusal> {
        let meant = match self {
            Self::Truth(truth) => return Ok(*truth),
            Self::Whole(number) => match number {
                0 => Some("false"),
                1 => Some("true"),
                _ => None,
            },
            Self::Text(text) => {
                value::truth(text).map(|truth| if truth { "true" } else { "false" })
            }
            Self::Fraction(_) | Self::Other => None,
        };
        let refusal = Refusal::new("this is neither true nor false", "true or false");
        Err(Refusal {
            meant: meant.map(str::to_owned),
            ..refusal
        })
    }

    pub(super) fn whole(&self, range: &RangeInclusive<u64>, unit: &str) -> Result<u64, Refusal> {
        match self {
            Self::Whole(number) => match u64::try_from(*number) {
                Ok(number) => value::in_range(number, range, unit),
                Err(_) => Err(Refusal::new(
                    "the number is negative",
                    format!("{} to {} ({unit})", range.start(), range.end()),
                )),
            },
            Self::Text(text) => {
                let meant = value::whole(text, range, unit)
                    .ok()
                    .map(|number| number.to_string());
                Err(Refusal {
                    meant,
                    ..Self::not_whole(range, unit)
                })
            }
            Self::Truth(_) | Self::Fraction(_) | Self::Other => Err(Self::not_whole(range, unit)),
        }
    }

    fn not_whole(range: &RangeInclusive<u64>, unit: &str) -> Refusal {
        Refusal::new(
            "this is not a whole number",
            format!("{} to {} ({unit})", range.start(), range.end()),
        )
    }

    pub(super) fn count(&self, range: RangeInclusive<u32>, unit: &str) -> Result<u32, Refusal> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.whole(&range, unit)
            .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// As [`count`](Self::count), for what lies in memory.
    pub(super) fn size(&self, range: RangeInclusive<u32>, unit: &str) -> Result<usize, Refusal> {
        self.count(range, unit)
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// `CARRIERID`, which may stand here as a number too. Nothing if it is empty.
    pub(super) fn carrier(&self) -> Result<Option<Carrier>, Refusal> {
        match self {
            Self::Whole(number) => value::carrier(&number.to_string()).map(Some),
            Self::Truth(_) | Self::Fraction(_) | Self::Text(_) | Self::Other => {
                self.unless_empty(value::carrier)
            }
        }
    }

    /// A time in `range`, or 0 for never.
    pub(super) fn time_or_zero(&self, range: &RangeInclusive<f64>) -> Result<Duration, Refusal> {
        if let Self::Whole(0) = self {
            return Ok(Duration::ZERO);
        }
        self.time(range).map_err(|refusal| Refusal {
            expected: format!("{}, or 0 for never", refusal.expected),
            ..refusal
        })
    }

    /// Seconds, whole or not, or a text with a unit: `"500ms"`, `"30s"`, `"5min"`, `"1h"`.
    pub(super) fn time(&self, range: &RangeInclusive<f64>) -> Result<Duration, Refusal> {
        let seconds = match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Fraction(number) => Some(*number),
            Self::Text(text) => seconds_of(text),
            Self::Truth(_) | Self::Other => None,
        };
        let expected = format!(
            "{} to {} seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
            range.start(),
            range.end()
        );
        match seconds {
            None => Err(Refusal::new("this is not a time", expected)),
            Some(seconds) if !range.contains(&seconds) => {
                let size = if seconds > *range.end() {
                    "long"
                } else {
                    "short"
                };
                Err(Refusal::new(format!("the time is too {size}"), expected))
            }
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|_| Refusal::new("this is not a time", expected)),
        }
    }

    /// An Async-Control-Character-Map, or `"off"`.
    pub(super) fn accm(&self) -> Result<Option<u32>, Refusal> {
        if let Self::Text(text) = self
            && text == "off"
        {
            return Ok(None);
        }
        let unit = "bit n: character n, e.g. 0x000a0000, or \"off\"";
        self.count(0..=u32::MAX, unit).map(Some)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Whole(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Whole(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Scalar, E> {
        Ok(Scalar::Whole(if value < 0 { i64::MIN } else { i64::MAX }))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Scalar, E> {
        Ok(Scalar::Whole(i64::MAX))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Fraction(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

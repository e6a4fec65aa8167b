//! What an option's argument is, if it is one that the option takes; else it is said why not.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::apply::Import;
use crate::config::diagnostic::Severity;
use crate::config::pppd::numbers;
use crate::config::pppd::options::{self, Setting};
use crate::config::pppd::table::Row;
use crate::config::value::Refusal;

impl Import<'_, '_> {
    pub(super) fn octets(&mut self, setting: &Setting) -> Option<u16> {
        let octets = self.count(setting, 128..=16_384)?;
        u16::try_from(octets).ok()
    }

    pub(super) fn seconds(
        &mut self,
        setting: &Setting,
        range: RangeInclusive<i64>,
    ) -> Option<Duration> {
        let seconds = self.whole(setting, range)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }

    pub(super) fn count(&mut self, setting: &Setting, range: RangeInclusive<i64>) -> Option<u32> {
        self.whole(setting, range)
            .and_then(|count| u32::try_from(count).ok())
    }

    /// A whole number within a range. pppd takes any, and what follows from a senseless one.
    pub(super) fn whole(&mut self, setting: &Setting, range: RangeInclusive<i64>) -> Option<i64> {
        let number = i64::from(self.number(setting, None)?.cast_signed());
        if range.contains(&number) {
            return Some(number);
        }
        let message = format!("{}: {number} is out of range", setting.row.name);
        let help = format!("expected {} to {}", range.start(), range.end());
        self.error(setting, message, &help);
        None
    }

    /// As pppd reads one: what stands behind it is ignored.
    pub(super) fn number(&mut self, setting: &Setting, radix: Option<u32>) -> Option<u32> {
        let Row { name, .. } = setting.row;
        let text = self.text(setting)?;
        let Some((number, used)) = numbers::unsigned(&text, radix) else {
            let message = format!("{name}: {} is not a number", self.told(setting));
            let help = format!("expected {}", options::expected(setting.row));
            self.error(setting, message, &help);
            return None;
        };
        if used < text.len() {
            let taken = text.get(..used).unwrap_or_default();
            let message = format!(
                "{name}: only {taken} of {} is a number, and counts",
                self.told(setting)
            );
            self.add(
                Severity::Warning,
                setting,
                message,
                "expected a number and nothing behind it",
            );
        }
        Some(number)
    }

    pub(super) fn judged<T>(&mut self, setting: &Setting, judged: Result<T, Refusal>) -> Option<T> {
        match judged {
            Ok(value) => Some(value),
            Err(refusal) => {
                let told = self.is_shown(setting).then_some(refusal.what);
                let told = told.unwrap_or_else(|| "this is not one".to_owned());
                let message = format!("{}: {told}", setting.row.name);
                let help = format!("expected {}", refusal.expected);
                self.error(setting, message, &help);
                None
            }
        }
    }
}

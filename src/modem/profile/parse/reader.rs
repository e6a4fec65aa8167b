//! Takes values out of the table of a TOML file and says what is wrong with them, and where.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use toml::de::{DeInteger, DeTable, DeValue, ValueDeserializer};

use super::check::{TemplateProblem, check_command};
use super::{LONGEST, ProfileDiagnostic, ResetStep};

/// How many problems are told.
const MAX_PROBLEMS: usize = 20;
/// Reset steps: a ladder that is climbed for days is none.
const MAX_STEPS: usize = 16;
/// Longest list.
const MAX_LIST: usize = 32;

type Span = Range<usize>;

/// Every key of a profile that can be a guess.
const KEYS: &[&str] = &[
    "recognise.usb",
    "recognise.models",
    "recognise.manufacturers",
    "ports.dial",
    "ports.at",
    "ports.ignore",
    "dial.setup",
    "dial.context",
    "dial.apn_prefix",
    "dial.account",
    "dial.before_dial",
    "dial.dial",
    "dial.dial_timeout",
    "dial.registration_timeout",
    "netmode.AUTO",
    "netmode.WCDMA",
    "netmode.LTE",
    "netmode.read",
    "carrier.1",
    "carrier.2",
    "carrier.3",
    "carrier.5",
    "sim.tries",
    "sim.iccid",
    "reset.steps",
    "reset.gone_within",
    "reset.back_within",
    "reset.vanishes",
    "reset.wait",
    "flash_wear",
];

/// A table of the file, and its name with a dot behind it.
pub(super) struct Table<'t> {
    path: String,
    table: &'t DeTable<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn new(path: &str, table: &'t DeTable<'t>) -> Self {
        Self {
            path: path.to_owned(),
            table,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t toml::Spanned<DeValue<'t>>> {
        self.table
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }
}

/// Collects the problems.
pub(super) struct Reader<'t> {
    file: String,
    text: &'t str,
    problems: Vec<ProfileDiagnostic>,
    read: BTreeSet<String>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            problems: Vec::new(),
            read: BTreeSet::new(),
        }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn finish(self) -> Vec<ProfileDiagnostic> {
        let mut problems = self.problems;
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }

    // ---- problems

    pub(super) fn file_error(&mut self, message: String) {
        let problem = ProfileDiagnostic {
            file: self.file.clone(),
            ..ProfileDiagnostic::of_file(message)
        };
        self.problems.push(problem);
    }

    pub(super) fn syntax_error(&mut self, message: &str, span: Option<Span>) {
        let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
        let expected = Some(expected.to_owned()).filter(|text| !text.is_empty());
        match span {
            Some(span) => self.error(span, what.to_owned(), expected, None),
            None => self.file_error(what.to_owned()),
        }
    }

    pub(super) fn error(
        &mut self,
        span: Span,
        message: String,
        expected: Option<String>,
        nearest: Option<String>,
    ) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let last = before.rsplit('\n').next().unwrap_or_default();
        self.problems.push(ProfileDiagnostic {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: last.chars().count() + 1,
            message,
            expected,
            nearest,
        });
    }

    pub(super) fn value_error(&mut self, span: Span, name: &str, value: &str, expected: &str) {
        let value: String = value.chars().take(60).collect();
        let what = format!("{name}: {value:?} cannot be used");
        self.error(span, what, Some(expected.to_owned()), None);
    }

    pub(super) fn template_error(
        &mut self,
        span: Span,
        name: &str,
        value: &str,
        problem: TemplateProblem,
    ) {
        match problem {
            TemplateProblem::Command(expected) => self.value_error(span, name, value, expected),
            TemplateProblem::Placeholder(wrong, all) => {
                let near = nearest(&format!("{{{wrong}}}"), all.iter().map(String::as_str));
                let what = format!("{name}: the placeholder {{{wrong}}} is not known here");
                self.error(span, what, Some(all.join(", ")), near);
            }
        }
    }

    fn type_error(&mut self, span: Span, name: &str, expected: &str) {
        let what = format!("{name}: this is not of the right type");
        self.error(span, what, Some(expected.to_owned()), None);
    }

    // ---- keys

    /// Reports the keys of `table` that are not among `known`.
    pub(super) fn keys(&mut self, table: &Table<'_>, known: &[&str]) {
        for (key, _) in table.table {
            let name = key.get_ref();
            if !known.contains(&name.as_ref()) {
                let near = nearest(name, known.iter().copied()).or_else(|| {
                    let elsewhere = |full: &&&str| full.rsplit('.').next() == Some(name.as_ref());
                    KEYS.iter().find(elsewhere).map(|full| (*full).to_owned())
                });
                let shown: String = name.chars().take(60).collect();
                let what = format!("the key {} is not known", table.name(&shown));
                self.error(key.span(), what, Some(known.join(", ")), near);
            }
        }
    }

    pub(super) fn is_key(&self, name: &str) -> bool {
        KEYS.contains(&name)
    }

    pub(super) fn nearest_key(&self, name: &str) -> Option<String> {
        nearest(name, KEYS.iter().copied())
    }

    /// Whether the file itself has a value for this key.
    pub(super) fn has_read(&self, name: &str) -> bool {
        self.read.contains(name)
    }

    fn take<'v>(
        &mut self,
        table: &Table<'v>,
        key: &str,
    ) -> Option<(String, &'v DeValue<'v>, Span)> {
        let value = table.get(key)?;
        let name = table.name(key);
        self.read.insert(name.clone());
        Some((name, value.get_ref(), value.span()))
    }

    // ---- values

    pub(super) fn string(&mut self, table: &Table<'_>, key: &str) -> Option<(String, Span)> {
        let (name, value, span) = self.take(table, key)?;
        match value {
            DeValue::String(text) => Some((text.to_string(), span)),
            _ => {
                self.type_error(span, &name, "a text in quotes");
                None
            }
        }
    }

    pub(super) fn strings(&mut self, table: &Table<'_>, key: &str) -> Option<Vec<(String, Span)>> {
        let (name, value, span) = self.take(table, key)?;
        let DeValue::Array(list) = value else {
            self.type_error(span, &name, "a list of texts, e.g. [\"..\"]");
            return None;
        };
        if list.len() > MAX_LIST {
            let what = format!("{name}: the list is too long");
            self.error(span, what, Some(format!("at most {MAX_LIST} texts")), None);
            return None;
        }
        let mut out = Vec::with_capacity(list.len());
        for value in list.iter() {
            match value.get_ref() {
                DeValue::String(text) => out.push((text.to_string(), value.span())),
                _ => self.type_error(value.span(), &name, "a text in quotes"),
            }
        }
        Some(out)
    }

    pub(super) fn commands(&mut self, table: &Table<'_>, key: &str) -> Option<Vec<String>> {
        let name = table.name(key);
        let list = self.strings(table, key)?;
        let mut out = Vec::with_capacity(list.len());
        for (text, span) in list {
            match check_command(&text) {
                Ok(()) => out.push(text),
                Err(expected) => self.value_error(span, &name, &text, expected),
            }
        }
        Some(out)
    }

    pub(super) fn set_commands(&mut self, table: &Table<'_>, key: &str, to: &mut Vec<String>) {
        if let Some(commands) = self.commands(table, key) {
            *to = commands;
        }
    }

    pub(super) fn set_strings(&mut self, table: &Table<'_>, key: &str, to: &mut Vec<String>) {
        if let Some(list) = self.strings(table, key) {
            *to = list.into_iter().map(|(text, _)| text).collect();
        }
    }

    pub(super) fn set_checked(
        &mut self,
        table: &Table<'_>,
        key: &str,
        to: &mut Vec<String>,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) {
        let Some(list) = self.strings(table, key) else {
            return;
        };
        to.clear();
        for (text, span) in list {
            match check(&text) {
                Ok(()) => to.push(text),
                Err(expected) => self.value_error(span, &table.name(key), &text, expected),
            }
        }
    }

    pub(super) fn set_boolean(&mut self, table: &Table<'_>, key: &str, to: &mut bool) {
        match self.take(table, key) {
            Some((_, DeValue::Boolean(truth), _)) => *to = *truth,
            Some((name, _, span)) => self.type_error(span, &name, "true or false"),
            None => {}
        }
    }

    pub(super) fn byte(&mut self, table: &Table<'_>, key: &str) -> Option<u8> {
        let (name, value, span) = self.take(table, key)?;
        let number = byte_of(value);
        if number.is_none() {
            self.type_error(span, &name, "the number of a USB interface, 0 to 255");
        }
        number
    }

    pub(super) fn set_bytes(&mut self, table: &Table<'_>, key: &str, to: &mut Vec<u8>) {
        let Some((name, value, span)) = self.take(table, key) else {
            return;
        };
        const EXPECTED: &str = "a list of numbers of USB interfaces, e.g. [2, 4]";
        let DeValue::Array(list) = value else {
            self.type_error(span, &name, EXPECTED);
            return;
        };
        to.clear();
        for value in list.iter().take(MAX_LIST) {
            match byte_of(value.get_ref()) {
                Some(number) => to.push(number),
                None => self.type_error(value.span(), &name, EXPECTED),
            }
        }
    }

    /// A time of at least `least` seconds.
    pub(super) fn seconds(&mut self, table: &Table<'_>, key: &str, least: f64) -> Option<Duration> {
        let (name, value, span) = self.take(table, key)?;
        let number = match value {
            DeValue::Integer(number) => whole(number).map(|number| number as f64),
            DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (least..=LONGEST).contains(&number) => {
                Duration::try_from_secs_f64(number).ok()
            }
            _ => {
                let expected = format!("seconds as a number, {least} to {LONGEST}");
                self.type_error(span, &name, &expected);
                None
            }
        }
    }

    pub(super) fn set_seconds(
        &mut self,
        table: &Table<'_>,
        key: &str,
        least: f64,
        to: &mut Duration,
    ) {
        if let Some(time) = self.seconds(table, key, least) {
            *to = time;
        }
    }

    pub(super) fn table<'v>(&mut self, table: &Table<'v>, key: &str) -> Option<Table<'v>> {
        let (name, value, span) = self.take(table, key)?;
        match value {
            DeValue::Table(inner) => Some(Table::new(&format!("{name}."), inner)),
            _ => {
                self.type_error(span, &name, &format!("a section, e.g. [{name}]"));
                None
            }
        }
    }

    /// Steps of a reset, each a table: [`ResetStep`] says what is right.
    pub(super) fn steps(&mut self, table: &Table<'_>, key: &str) -> Option<Vec<ResetStep>> {
        let (name, value, span) = self.take(table, key)?;
        let DeValue::Array(list) = value else {
            self.type_error(span, &name, &format!("tables, e.g. [[{name}]]"));
            return None;
        };
        let mut steps = Vec::new();
        if let Some(beyond) = list.get(MAX_STEPS) {
            let what = format!("{name} has too many steps");
            let expected = Some(format!("at most {MAX_STEPS} steps"));
            self.error(beyond.span(), what, expected, None);
        }
        for value in list.iter().take(MAX_STEPS) {
            match ResetStep::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(step) => steps.push(step),
                Err(error) => {
                    let span = error.span().unwrap_or_else(|| value.span());
                    self.step_error(error.message(), span);
                }
            }
        }
        Some(steps)
    }

    /// What serde says of a step: `unknown field X, expected one of A, B`, or in our own words.
    fn step_error(&mut self, message: &str, span: Span) {
        let message = message.replace('`', "");
        let (what, expected) = message.split_once(", expected ").unwrap_or((&message, ""));
        let wrong = what.strip_prefix("unknown field ").map(str::to_owned);
        let wrong = wrong.or_else(|| Some(what.split('"').nth(1)?.to_owned()));
        let words = expected
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .filter(|word| word.len() > 2);
        let near = wrong.and_then(|wrong| nearest(&wrong, words));
        let expected = Some(expected.to_owned()).filter(|text| !text.is_empty());
        self.error(span, format!("reset.steps: {what}"), expected, near);
    }
}

fn byte_of(value: &DeValue<'_>) -> Option<u8> {
    match value {
        DeValue::Integer(number) => whole(number).and_then(|number| u8::try_from(number).ok()),
        _ => None,
    }
}

fn whole(number: &DeInteger<'_>) -> Option<u32> {
    u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

/// The candidate that `word` was probably meant to be.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let folded: String = word.to_lowercase().chars().take(64).collect();
    let allowed = (folded.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&folded, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

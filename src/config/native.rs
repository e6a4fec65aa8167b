//! The native format, uplinkd.toml: everything the old file says and the settings it has no key for (spec C27).
//!
//! serde takes the file apart and knows the keys; a value is taken as it comes (`Scalar`) and judged by the checks
//! that the old format uses too, so that each is reported at its own place and in the same words.

mod apply;
mod scalar;
mod schema;
mod supervision;
mod system;

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, ValueDeserializer};

use self::scalar::Scalar;
use self::schema::File;
use super::device::Models;
use super::diagnostic::HIDDEN;
use super::draft::{Draft, Field};
use super::keyvalue::FILE_LIMIT;
use super::pppd::{self, Imported};
use super::report::{Place, Report, is_secret_name, mask, nearest};
use super::value::{self, Refusal};
use super::{Config, Peers};

/// Every key that the format knows, with its sections: `ppp.echo.interval`.
pub fn known_keys() -> impl Iterator<Item = &'static str> {
    schema::KEYS.iter().copied()
}

/// Reads `text` into a configuration; the problems go to `report`.
pub(super) fn read(
    text: &[u8],
    models: Models<'_>,
    peers: Peers<'_>,
    report: &mut Report,
) -> Config {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.len() > FILE_LIMIT {
        report.error(
            Place::FILE,
            format!("the file is larger than {FILE_LIMIT} bytes"),
            Some("expected a TOML file".to_owned()),
        );
        return Config::default();
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let text = String::from_utf8_lossy(text);
            let mut reader = Reader::new(&text, report);
            let at = error.valid_up_to();
            reader.error(
                at..at,
                "the file is not UTF-8 from here on".to_owned(),
                Some("save the file as UTF-8".to_owned()),
            );
            return Config::default();
        }
    };
    Reader::new(text, report).read(models, peers)
}

/// What turns bytes into places, and collects.
struct Reader<'a, 'r> {
    text: &'a str,
    lines: Vec<SourceLine<'a>>,
    report: &'r mut Report,
    /// Fields that take part in clashes: where they stand, if they do.
    spans: Vec<(Field, Range<usize>)>,
    /// Fields whose values were refused.
    broken: Vec<Field>,
}

struct SourceLine<'a> {
    /// Byte offset of its start.
    start: usize,
    text: &'a str,
    /// Within a secret that began on a line before.
    secret: bool,
}

impl<'a, 'r> Reader<'a, 'r> {
    fn new(text: &'a str, report: &'r mut Report) -> Self {
        let lines = source_lines(text);
        Self {
            text,
            lines,
            report,
            spans: Vec::new(),
            broken: Vec::new(),
        }
    }

    fn read(mut self, models: Models<'_>, peers: Peers<'_>) -> Config {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            for error in errors {
                self.explain(error.message(), error.span());
            }
            return Config::default();
        }
        let span = table.span();
        let mut file = self.file(table.into_inner(), &span);
        let mut draft = Draft::new(models);
        let imported = self.provider(&mut draft, file.ppp.provider.take(), peers);
        apply::apply(&mut self, &mut draft, file);
        let spans = &self.spans;
        let is_set = |field| spans.iter().any(|(set, _)| *set == field);
        for clash in draft.clashes(field_name, is_set) {
            if !clash
                .involved
                .iter()
                .any(|field| self.broken.contains(field))
            {
                let span = self.spans.iter().find(|(field, _)| *field == clash.about);
                let place = span.map_or(Place::FILE, |(_, span)| self.place(span));
                self.report
                    .add(clash.severity, place, clash.message, Some(clash.help));
            }
        }
        if let Some(imported) = &imported {
            imported.compare(&draft.config, field_name, is_set, self.report);
        }
        draft.finish(is_set)
    }

    /// C2: makes what the peers file says the ground that the other keys build upon. Unlike in the old format, each of them
    /// stands above it.
    fn provider(
        &mut self,
        draft: &mut Draft<'_>,
        value: Option<Spanned<Scalar>>,
        peers: Peers<'_>,
    ) -> Option<Imported> {
        let value = value?;
        let judged = match value.get_ref().unless_empty(value::provider) {
            Ok(None) => return None,
            Ok(Some(name)) => {
                let provided = pppd::provided(&name, peers, self.report);
                draft.provider = Some(name);
                provided
            }
            Err(refusal) => Err(refusal),
        };
        match judged {
            Ok(imported) => {
                let imported = imported?;
                draft.config = imported.config.clone();
                draft.auth = Some(imported.auth);
                Some(imported)
            }
            Err(refusal) => {
                let message = format!("ppp.provider: {}", refusal.what);
                let help = Some(format!("expected {}", refusal.expected));
                self.error(value.span(), message, help);
                None
            }
        }
    }

    /// Lets serde take the table apart. What it refuses (unknown keys, sections that are none) is reported and taken
    /// out, so that the next problem shows too.
    fn file(&mut self, mut table: DeTable<'a>, span: &Range<usize>) -> File {
        loop {
            let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match File::deserialize(ValueDeserializer::from(value)) {
                Ok(file) => return file,
                Err(error) => error,
            };
            self.explain(error.message(), error.span());
            // A problem without a place, or with one that is nowhere in the table, cannot be taken out.
            let taken = error.span().is_some_and(|at| take_out(&mut table, &at));
            if !taken || self.report.is_full() {
                return File::default();
            }
        }
    }

    /// Reports a problem that the TOML parser or serde found.
    fn explain(&mut self, message: &str, span: Option<Range<usize>>) {
        let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
        let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let help = Some(expected).filter(|text| !text.is_empty());
        let (message, help) = if let [unknown, known @ ..] = names.as_slice()
            && what.starts_with("unknown field")
        {
            let near = nearest(unknown, known.iter().copied());
            let elsewhere = || {
                let keys = schema::KEYS.iter().copied();
                let last = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
                let name = nearest(unknown, keys.clone().map(last))?;
                keys.clone().find(|key| last(key) == name)
            };
            let help = match near.or_else(elsewhere) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("expected {expected}"),
            };
            (format!("the key {unknown} is not known here"), Some(help))
        } else if what.starts_with("invalid type") || what.starts_with("invalid value") {
            let section = expected.starts_with("struct ");
            let expected = if section {
                "a section, e.g. [modem]"
            } else {
                expected
            };
            (
                "this is not of the right type".to_owned(),
                Some(format!("expected {expected}")),
            )
        } else {
            (what.to_owned(), help.map(|text| format!("expected {text}")))
        };
        match span {
            Some(span) => self.error(span, message, help),
            None => self.report.error(Place::FILE, message, help),
        }
    }

    /// Judges a value and puts it where it belongs; nothing happens if it is not in the file.
    fn set<V, T>(
        &mut self,
        name: &'static str,
        value: Option<Spanned<V>>,
        target: &mut T,
        check: impl FnOnce(&V) -> Result<T, Refusal>,
    ) {
        let Some(value) = value else { return };
        let span = value.span();
        let line = self.lines.partition_point(|line| line.start <= span.start);
        self.report.said(name, line);
        let field = FIELDS
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(field, _)| *field);
        self.spans.extend(field.map(|field| (field, span.clone())));
        match check(value.get_ref()) {
            Ok(value) => *target = value,
            Err(refusal) => {
                self.broken.extend(field);
                let mut help = format!("expected {}", refusal.expected);
                if let Some(meant) = refusal.meant.filter(|_| !is_secret_name(name)) {
                    let key = name.rsplit('.').next().unwrap_or(name);
                    help.push_str(&format!("; probably meant: {key} = {}", written(&meant)));
                }
                self.error(span, format!("{name}: {}", refusal.what), Some(help));
            }
        }
    }

    fn error(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        let place = self.place(&span);
        self.report.error(place, message, help);
    }

    fn warning(&mut self, span: Range<usize>, message: String, help: String) {
        let place = self.place(&span);
        self.report.warning(place, message, Some(help));
    }

    fn place(&self, span: &Range<usize>) -> Place<'a> {
        if self.report.is_full() {
            return Place::FILE;
        }
        let index = self.lines.partition_point(|line| line.start <= span.start);
        let Some(line) = index.checked_sub(1).and_then(|index| self.lines.get(index)) else {
            return Place::FILE;
        };
        let characters = |from: usize, to: usize| {
            let to = to.min(line.start + line.text.len());
            self.text
                .get(from..to)
                .map_or(0, |text| text.chars().count())
        };
        Place {
            line: index,
            column: characters(line.start, span.start) + 1,
            width: characters(span.start, span.end),
            source: if line.secret { HIDDEN } else { line.text },
        }
    }
}

/// Takes the entry out whose key or value is at `span`; false if there is none.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let mut emptied = None;
    for (key, value) in table.iter_mut() {
        match value.get_mut() {
            DeValue::Table(inner) => {
                if take_out(inner, span) {
                    return true;
                }
            }
            DeValue::Array(list) => {
                if take_out_of_list(list, span) {
                    // An empty list would have a meaning.
                    if !list.is_empty() {
                        return true;
                    }
                    emptied = Some(key.get_ref().to_string());
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
    let found = emptied.or_else(|| {
        let is_at = |(key, value): &(&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
            touches(&key.span(), span) || touches(&value.span(), span)
        };
        let (key, _) = table.iter().find(is_at)?;
        Some(key.get_ref().to_string())
    });
    found.is_some_and(|name| table.remove(name.as_str()).is_some())
}

/// Takes the whole item out at `span`: a reset step without one of its keys is another problem, not a step.
fn take_out_of_list(list: &mut DeArray<'_>, span: &Range<usize>) -> bool {
    let items = std::mem::replace(list, DeArray::new());
    let before = items.len();
    for item in items {
        if !touches(&item.span(), span) {
            list.push(item);
        }
    }
    list.len() < before
}

/// Whether `span` lies within `other`.
fn touches(other: &Range<usize>, span: &Range<usize>) -> bool {
    other.start <= span.start && span.end <= other.end && other.start < other.end
}

fn source_lines(text: &str) -> Vec<SourceLine<'_>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut open: Option<&str> = None;
    let mut in_list = false;
    for line in text.split('\n') {
        // Words of chat scripts and variables for hooks may hold a password. Where such a list ends is not known in a
        // file with errors.
        let begins_list = ["script", "environment"].iter().any(|name| {
            line.trim_start()
                .strip_prefix(name)
                .is_some_and(|behind| behind.trim_start().starts_with('='))
        });
        let secret = open.is_some() || in_list || begins_list;
        in_list = (in_list || begins_list) && !line.trim_end().ends_with(']');
        if let Some(quotes) = open {
            if line.contains(quotes) {
                open = None;
            }
        } else if mask(line) != line {
            open = ["\"\"\"", "'''"]
                .into_iter()
                .find(|quotes| line.matches(quotes).count() == 1);
        }
        lines.push(SourceLine {
            start,
            text: line.strip_suffix('\r').unwrap_or(line),
            secret,
        });
        start += line.len() + 1;
    }
    lines
}

/// A value as it can stand in the file.
fn written(value: &str) -> String {
    let bare = matches!(value, "true" | "false") || value.parse::<f64>().is_ok();
    if bare {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}

/// What the fields that take part in clashes are called here.
const FIELDS: [(Field, &str); 25] = [
    (Field::Apn, "modem.apn"),
    (Field::Device, "modem.device"),
    (Field::Auth, "ppp.auth"),
    (Field::Account, "ppp.account"),
    (Field::Password, "ppp.password"),
    (Field::LocalAddress, "network.local_address"),
    (Field::RemoteAddress, "network.remote_address"),
    (Field::Persist, "supervision.persist"),
    (Field::Holdoff, "supervision.holdoff"),
    (Field::Retry, "supervision.retry"),
    (Field::Demand, "supervision.demand"),
    (Field::Idle, "supervision.idle"),
    (Field::NetworkMax, "supervision.backoff.network_max"),
    (
        Field::ConfigurationMin,
        "supervision.backoff.configuration_min",
    ),
    (
        Field::ConfigurationMax,
        "supervision.backoff.configuration_max",
    ),
    (Field::ResetOnFail, "supervision.reset.on_fail"),
    (Field::ResetAlways, "supervision.reset.always"),
    (Field::ResetAny, "supervision.reset.any"),
    (Field::ResetSteps, "supervision.reset.steps"),
    (Field::ResetCommand, "supervision.reset.command"),
    (Field::ResetReboot, "supervision.reset.reboot"),
    (Field::Monitor, "monitor.enabled"),
    (Field::MonitorInterval, "monitor.interval"),
    (Field::MonitorFail, "monitor.fail"),
    (Field::MonitorTimeout, "monitor.timeout"),
];

fn field_name(field: Field) -> &'static str {
    FIELDS
        .iter()
        .find(|(known, _)| *known == field)
        .map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests;

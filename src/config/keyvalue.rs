//! The `KEY=VALUE` format of /etc/default/ppp (spec C0 to C26a).
//!
//! A shell used to read this file. It is read here as that shell would have read it as long as nothing has to be
//! expanded or executed; that is refused at its column, with the value that was probably meant. Values are judged only
//! once the whole file is read, because a later line wins over an earlier one.

mod apply;
mod key;

use std::collections::{BTreeMap, BTreeSet};

use self::apply::apply;
use self::key::{KEYS, Key};
use super::device::{self, Models, looks_like_a_model};
use super::diagnostic::Severity;
use super::draft::Draft;
use super::lexer::{self, Assignment, FlawKind, Line, quoted};
use super::pppd::{self, Imported};
use super::report::{LINE_LIMIT, Place, Report, is_secret_name, nearest};
use super::value::{self, Refusal, shown};
use super::{Config, Device, Peers};

/// The key for a setting that uplinkd.toml calls `setting`.
pub(super) fn key_of_setting(setting: &str) -> Option<&'static str> {
    let (_, name, _) = KEYS.iter().find(|(key, ..)| key.setting() == setting)?;
    Some(name)
}

/// A file larger than this is not a configuration.
pub(super) const FILE_LIMIT: usize = 1 << 20;

/// Every key that the format knows, whether it acts yet or not, in the order of the document.
pub fn known_keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(_, name, _)| *name)
}

/// The winning line of a key. Not `Debug`: it may hold a password.
#[derive(Clone)]
struct Setting<'a> {
    key: Key,
    name: &'static str,
    value: String,
    place: Place<'a>,
}

impl<'a> Setting<'a> {
    /// The value, or the whole line where the value is empty and a caret has nothing to point at.
    fn place(&self) -> Place<'a> {
        if self.place.width > 0 {
            return self.place;
        }
        Place {
            column: 1,
            width: self.place.source.chars().count(),
            ..self.place
        }
    }
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
            Some("expected a file of KEY=VALUE lines".to_owned()),
        );
        return Config::default();
    }
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        report.error(
            Place::FILE,
            "the file is UTF-16".to_owned(),
            Some("save it as UTF-8 or ASCII".to_owned()),
        );
        return Config::default();
    }
    // As a power cut may leave a file, or somebody a program in its place. A single NUL is a slip with a place of its own.
    let nuls = text.iter().filter(|byte| **byte == 0).count();
    if nuls > 3 && nuls > text.len() / 50 {
        report.error(
            Place::FILE,
            format!("the file has {nuls} NUL bytes: it is not text"),
            Some("expected a file of KEY=VALUE lines".to_owned()),
        );
        return Config::default();
    }
    let text = String::from_utf8_lossy(text);
    let mut reader = Reader {
        report,
        models,
        peers,
        settings: BTreeMap::new(),
        broken: BTreeSet::new(),
        open: false,
    };
    for (index, line) in text.split('\n').enumerate() {
        reader.line(index + 1, line.strip_suffix('\r').unwrap_or(line));
    }
    reader.finish()
}

struct Reader<'a, 'r> {
    report: &'r mut Report,
    models: Models<'r>,
    peers: Peers<'r>,
    settings: BTreeMap<Key, Setting<'a>>,
    /// Keys of lines that could not be read: they are not missing.
    broken: BTreeSet<Key>,
    /// The line before this one ended within quotes or with a backslash: what comes next may be its rest.
    open: bool,
}

impl<'a> Reader<'a, '_> {
    fn line(&mut self, number: usize, text: &'a str) {
        let continued = std::mem::take(&mut self.open);
        let place = |column, width| Place {
            line: number,
            column,
            width,
            source: text,
        };
        if text.chars().nth(LINE_LIMIT).is_some() && !text.trim_start().starts_with('#') {
            self.report.error(
                place(LINE_LIMIT + 1, 1),
                format!("the line is longer than {LINE_LIMIT} characters"),
                Some("expected KEY=VALUE".to_owned()),
            );
            return;
        }
        match lexer::line(text) {
            Line::Blank => {}
            Line::Assignment(assignment) => self.assignment(number, text, assignment),
            // The rest of a value that was broken by a line end has been told, and might be half a password.
            Line::Other { .. } if continued => self.open = true,
            Line::Other {
                word,
                rest,
                column,
                width,
            } => {
                let key = word.as_deref().and_then(Key::find);
                let help = match key {
                    Some((key, name, _)) if !rest.is_empty() && !is_secret_name(name) => {
                        self.broken.insert(key);
                        format!(
                            "expected KEY=VALUE; probably meant: {name}={}",
                            quoted(&rest)
                        )
                    }
                    Some((_, name, example)) => {
                        format!("expected KEY=VALUE, e.g. {name}={example}")
                    }
                    None => "expected KEY=VALUE, or # before a comment".to_owned(),
                };
                let message = "this is neither a setting nor a comment".to_owned();
                self.report.error(place(column, width), message, Some(help));
            }
        }
    }

    fn assignment(&mut self, number: usize, text: &'a str, found: Assignment) {
        let place = |column, width| Place {
            line: number,
            column,
            width,
            source: text,
        };
        if found.flaws.iter().any(|flaw| {
            matches!(
                flaw.kind,
                FlawKind::UnclosedQuote(_) | FlawKind::Continuation
            )
        }) {
            self.open = true;
        }
        let Some((key, name, example)) = Key::find(&found.key) else {
            let names = KEYS.iter().map(|(_, name, _)| *name);
            let known = if self.report.is_full() {
                None
            } else {
                nearest(&found.key, names)
            };
            self.report.warning(
                place(found.key_column, found.key.chars().count()),
                format!("the key {} is not known", found.key),
                known.map(|known| format!("did you mean {known}?")),
            );
            // A quote that is left open changes what the lines behind mean; the rest of an unknown key's value is
            // nobody's business.
            for flaw in &found.flaws {
                if let FlawKind::UnclosedQuote(quote) = flaw.kind {
                    let message = format!("the quote {quote} is not closed on its line");
                    self.report
                        .error(place(flaw.column, flaw.width), message, None);
                }
            }
            return;
        };
        let mut broken = false;
        for flaw in &found.flaws {
            let (message, help) = self.explain(key, name, example, &found, &flaw.kind);
            let harmless = flaw.kind.is_harmless();
            broken |= !harmless;
            let severity = if harmless {
                Severity::Warning
            } else {
                Severity::Error
            };
            self.report.add(
                severity,
                place(flaw.column, flaw.width),
                message,
                Some(help),
            );
        }
        if broken {
            self.broken.insert(key);
            self.settings.remove(&key);
            return;
        }
        let setting = Setting {
            key,
            name,
            value: found.value,
            place: place(found.column, found.width),
        };
        if let Some(former) = self.settings.insert(key, setting) {
            // It does not count any more, so it does not stop the start.
            let refused = apply(&mut Draft::new(self.models), former.key, &former.value);
            if let Err(refusal) = refused {
                refuse(self.report, Severity::Warning, &former, refusal);
            }
        }
    }

    /// The message for a flaw, and the line that was probably meant.
    fn explain(
        &self,
        key: Key,
        name: &str,
        example: &str,
        found: &Assignment,
        kind: &FlawKind,
    ) -> (String, String) {
        let write = |value: &str| {
            if is_secret_name(name) {
                return format!("in single quotes it is taken as it stands: {name}='...'");
            }
            format!("probably meant: {name}={}", quoted(value))
        };
        // Whether text behind the value may belong to it.
        let belongs = key.is_text()
            && found.whole.get(found.value.len()..).is_some_and(|behind| {
                behind
                    .trim_start()
                    .starts_with(|c: char| c.is_alphanumeric())
                    || behind.starts_with(['&', ';', '|', '(', ')'])
            });
        let with_text = write(if belongs { &found.whole } else { &found.value });
        match kind {
            FlawKind::Note => (
                format!("a note behind the value of {name}"),
                "it is ignored; put it on a line of its own".to_owned(),
            ),
            FlawKind::Variable {
                text,
                name: variable,
            } => {
                let known = variable
                    .as_deref()
                    .and_then(Key::find)
                    .and_then(|(key, name, _)| {
                        self.settings.get(&key).filter(|_| !is_secret_name(name))
                    });
                let meant = match known {
                    Some(setting) => write(&found.value.replace(text.as_str(), &setting.value)),
                    None => write(&found.value),
                };
                (
                    format!("{} is not replaced by a value here", told(name, text)),
                    meant,
                )
            }
            FlawKind::Command { text } => {
                let meant = if key.is_text() {
                    write(&found.value)
                } else {
                    format!("expected the value itself, e.g. {name}={example}")
                };
                (format!("{} is not executed here", told(name, text)), meant)
            }
            FlawKind::DollarQuote => (
                "a dollar sign before a quote has no meaning here".to_owned(),
                write(&found.value),
            ),
            FlawKind::SecondAssignment => (
                format!("a second setting behind the value of {name}"),
                format!("expected one setting on a line; {}", write(&found.value)),
            ),
            FlawKind::TextAfter => (format!("text behind the value of {name}"), with_text),
            FlawKind::ForeignSpace => (
                format!("a blank that is not an ASCII blank behind the value of {name}"),
                with_text,
            ),
            FlawKind::Operator(c) => (
                format!("{c} ends the value of {name} unless it is quoted"),
                with_text,
            ),
            FlawKind::SpaceRoundEquals => (
                "a blank beside the equals sign".to_owned(),
                write(&found.value),
            ),
            FlawKind::Append => (
                "nothing can be appended to a value".to_owned(),
                write(&found.value),
            ),
            FlawKind::UnclosedQuote(quote) => (
                format!("the quote {quote} is not closed on its line"),
                write(found.value.trim()),
            ),
            FlawKind::Continuation => (
                "a value cannot go on on the next line".to_owned(),
                write(&found.value),
            ),
            FlawKind::Control(c) => {
                let clean: String = found.value.chars().filter(|c| !c.is_control()).collect();
                (
                    format!("{} in the value of {name}", value::character(*c)),
                    write(&clean),
                )
            }
            FlawKind::NotUtf8 => (
                format!("bytes that are not UTF-8 in the value of {name}"),
                "save the file as UTF-8".to_owned(),
            ),
        }
    }

    /// C2: makes what the peers file says the ground that the other keys build upon.
    fn provider(&mut self, draft: &mut Draft<'_>) -> Option<Imported> {
        let setting = self.settings.get(&Key::Provider)?;
        if let Err(refusal) = apply(draft, Key::Provider, &setting.value) {
            self.broken.insert(Key::Provider);
            refuse(self.report, Severity::Error, setting, refusal);
            return None;
        }
        let name = draft.provider.as_deref()?;
        let imported = match pppd::provided(name, self.peers, self.report) {
            Ok(imported) => imported?,
            Err(refusal) => {
                self.broken.insert(Key::Provider);
                refuse(self.report, Severity::Error, setting, refusal);
                return None;
            }
        };
        let unused: Vec<&str> = self
            .settings
            .values()
            .filter(|setting| !setting.value.is_empty())
            .filter(|setting| is_unused(setting.key, draft, Some(&imported)))
            .map(|setting| setting.name)
            .collect();
        if !unused.is_empty() {
            let message = format!(
                "PROVIDER is set, so that nothing is made of {}",
                unused.join(", ")
            );
            let help =
                format!("expected what they say in the peers file {name}, or an empty PROVIDER");
            self.report.warning(setting.place(), message, Some(help));
        }
        draft.config = imported.config.clone();
        draft.auth = Some(imported.auth);
        Some(imported)
    }

    /// Judges the winning values, then what they mean together.
    fn finish(mut self) -> Config {
        let mut draft = Draft::new(self.models);
        let imported = self.provider(&mut draft);
        for setting in self.settings.values() {
            if !setting.value.is_empty() {
                let line = setting.place.line;
                self.report.said(setting.key.setting(), line);
            }
            if setting.key == Key::Provider || is_unused(setting.key, &draft, imported.as_ref()) {
                continue;
            }
            if let Err(refusal) = apply(&mut draft, setting.key, &setting.value) {
                self.broken.insert(setting.key);
                refuse(self.report, Severity::Error, setting, refusal);
            }
        }
        let name = |field| Key::of(field).map_or("", |(_, name)| name);
        let is_set = |field| {
            Key::of(field)
                .and_then(|(key, _)| self.settings.get(&key))
                .is_some_and(|setting| !setting.value.is_empty())
        };
        for clash in draft.clashes(name, is_set) {
            // With PROVIDER the other keys would come from its file; what could not be read is not missing.
            let broken = self.broken.contains(&Key::Provider)
                || clash.involved.iter().any(|field| {
                    Key::of(*field).is_some_and(|(key, _)| self.broken.contains(&key))
                });
            if !broken {
                let key = Key::of(clash.about).map(|(key, _)| key);
                let setting = key.and_then(|key| self.settings.get(&key));
                let place = setting.map_or(Place::FILE, Setting::place);
                self.report
                    .add(clash.severity, place, clash.message, Some(clash.help));
            }
        }
        if let Some(setting) = self.settings.get(&Key::Device)
            && !is_unused(Key::Device, &draft, imported.as_ref())
            && !self.broken.contains(&Key::Device)
            && matches!(draft.config.device, Device::Tty(_))
            && looks_like_a_model(&setting.value)
        {
            self.report.warning(
                setting.place,
                format!(
                    "DEVICE: {} is no model that is known, and is taken as the name of a tty",
                    shown(&setting.value)
                ),
                Some(device::EXPECTED_IF_UNKNOWN.to_owned()),
            );
        }
        if let Some(imported) = &imported {
            imported.compare(&draft.config, name, is_set, self.report);
        }
        // This format has no key for what `finish` asks about.
        draft.finish(|_| false)
    }
}

/// Whether a peers file says instead what the key says.
fn is_unused(key: Key, draft: &Draft<'_>, imported: Option<&Imported>) -> bool {
    let names_device = imported.is_some_and(|imported| imported.has_device);
    draft.provider.is_some() && (key.is_of_link() || (key == Key::Device && names_device))
}

/// What is said of a piece of a value: not the piece if the value is a secret.
fn told(name: &str, text: &str) -> String {
    if is_secret_name(name) {
        format!("what begins with $ or ` in {name}")
    } else {
        shown(text)
    }
}

fn refuse(report: &mut Report, severity: Severity, setting: &Setting<'_>, refusal: Refusal) {
    let name = setting.name;
    let mut help = format!("expected {}", refusal.expected);
    if let Some(meant) = refusal.meant.filter(|_| !is_secret_name(name)) {
        help.push_str(&format!("; probably meant: {name}={}", quoted(&meant)));
    }
    report.add(
        severity,
        setting.place(),
        format!("{name}: {}", refusal.what),
        Some(help),
    );
}

#[cfg(test)]
mod tests;

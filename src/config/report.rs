//! Collects the problems of one file: bounded, in the order of the file, secrets hidden.

use std::collections::BTreeMap;

use super::diagnostic::{Diagnostic, HIDDEN, Severity};

/// More problems than this are counted and not kept: a file of nonsense must not fill the memory or the log.
const LIMIT: usize = 100;

/// How many characters of a line are kept.
pub(super) const LINE_LIMIT: usize = 1024;

/// Where a problem is. Not `Debug`: the line may hold a password.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// From 1; 0: the file as a whole.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    /// In characters.
    pub(super) width: usize,
    /// The line's text, secrets included.
    pub(super) source: &'a str,
}

impl Place<'_> {
    /// The file as a whole.
    pub(super) const FILE: Self = Self {
        line: 0,
        column: 0,
        width: 1,
        source: "",
    };
}

/// The problems of one file.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    found: Vec<Diagnostic>,
    /// How many were not kept, and the worst of them.
    more: Option<(usize, Severity)>,
    failed: bool,
    /// Settings that the file has, by their names in uplinkd.toml, and the line of each.
    said: BTreeMap<&'static str, usize>,
}

impl Report {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
            more: None,
            failed: false,
            said: BTreeMap::new(),
        }
    }

    /// The file has a value for a setting.
    pub(super) fn said(&mut self, setting: &'static str, line: usize) {
        self.said.insert(setting, line);
    }

    /// The settings that the file has, and the line of each.
    pub(super) fn origins(self) -> BTreeMap<&'static str, usize> {
        self.said
    }

    pub(super) fn error(&mut self, place: Place<'_>, message: String, help: Option<String>) {
        self.add(Severity::Error, place, message, help);
    }

    pub(super) fn warning(&mut self, place: Place<'_>, message: String, help: Option<String>) {
        self.add(Severity::Warning, place, message, help);
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        place: Place<'_>,
        message: String,
        help: Option<String>,
    ) {
        let file = self.file.clone();
        self.add_in(&file, severity, place, message, help);
    }

    /// A problem of another file than the report's own, such as one that it names.
    pub(super) fn add_in(
        &mut self,
        file: &str,
        severity: Severity,
        place: Place<'_>,
        message: String,
        help: Option<String>,
    ) {
        self.failed |= severity == Severity::Error;
        if self.is_full() {
            let (count, worst) = self.more.unwrap_or((0, severity));
            self.more = Some((count + 1, worst.max(severity)));
            return;
        }
        let source = mask(place.source);
        // What is said of a line that holds a secret may quote more of it than one key's value.
        let has_secret = source != place.source;
        let told = |text: String| if has_secret { mask_quoted(&text) } else { text };
        self.found.push(Diagnostic {
            severity,
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            width: place.width.max(1),
            source: source.chars().take(LINE_LIMIT).collect(),
            message: told(message),
            help: help.map(told),
        });
    }

    /// Whether further problems are only counted: no need to work out where they are.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= LIMIT
    }

    /// Whether an error is among them.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// All of them: by file, its own first, then by line, those of the file as a whole last.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let mut files = vec![self.file.clone()];
        for found in &self.found {
            if !files.contains(&found.file) {
                files.push(found.file.clone());
            }
        }
        let rank = |file: &str| files.iter().position(|known| known == file);
        self.found
            .sort_by_key(|d| (rank(&d.file), d.line == 0, d.line, d.column));
        if let Some((count, severity)) = self.more {
            self.found.push(Diagnostic {
                severity,
                file: self.file,
                line: 0,
                column: 0,
                width: 1,
                source: String::new(),
                message: format!("{count} more problems are not shown"),
                help: Some("mend those above first".to_owned()),
            });
        }
        self.found
    }
}

/// Replaces what may be a password or a PIN in a line of a configuration file, whatever else is wrong with the line.
pub(super) fn mask(line: &str) -> String {
    let mut before = 0;
    let mut first = true;
    while let Some((start, end)) = next_word(line, before) {
        let word = line.get(start..end).unwrap_or_default();
        let rest = line.get(end..).unwrap_or_default();
        let value = rest.trim_start_matches([' ', '\t', '=', ':', '+']);
        let separators = rest.get(..rest.len() - value.len()).unwrap_or_default();
        let assigned = first || separators.contains(['=', ':']);
        if assigned && !value.is_empty() && is_secret_name(word) {
            return format!(
                "{}{separators}{HIDDEN}",
                line.get(..end).unwrap_or_default()
            );
        }
        first &= word == "export";
        before = end;
    }
    line.to_owned()
}

/// Replaces what stands behind `PASSWORD=` in a sentence, to its end.
fn mask_quoted(text: &str) -> String {
    let mut before = 0;
    while let Some((start, end)) = next_word(text, before) {
        let word = text.get(start..end).unwrap_or_default();
        let (said, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let is_example = rest.starts_with("='...'");
        if rest.len() > 1 && rest.starts_with('=') && !is_example && is_secret_name(word) {
            return format!("{said}={HIDDEN}");
        }
        before = end;
    }
    text.to_owned()
}

/// The next word of letters, digits and underscores at or behind byte `from`.
fn next_word(line: &str, from: usize) -> Option<(usize, usize)> {
    let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let tail = line.get(from..)?;
    let start = from + tail.find(is_word)?;
    let word = line.get(start..)?;
    let end = start + word.find(|c| !is_word(c)).unwrap_or(word.len());
    Some((start, end))
}

/// Whether a key of this name, perhaps misspelt, holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASS", "SECRET", "PWD", "PSW"]
        .iter()
        .any(|part| name.contains(part))
        || name.ends_with("PIN")
        || ["PW", "PUK", "PIN1", "SIMPIN1"].contains(&name.as_str())
        || (name.len() >= 5 && strsim::osa_distance(&name, "PASSWORD") <= 3)
}

/// The candidate that `word` was probably meant to be, whatever its case.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded: String = word.to_uppercase().chars().take(64).collect();
    let allowed = (folded.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::osa_distance(&folded, &candidate.to_uppercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_secrets_however_the_line_is_spelt() {
        for (line, shown) in [
            ("PASSWORD=dti", "PASSWORD=<hidden>"),
            (
                "  export PASSWORD='d t i' # x",
                "  export PASSWORD=<hidden>",
            ),
            ("PASSWORD = dti", "PASSWORD = <hidden>"),
            ("PASSWORD dti", "PASSWORD <hidden>"),
            ("PASSWORD: dti", "PASSWORD: <hidden>"),
            ("PASSWORD+=dti", "PASSWORD+=<hidden>"),
            ("passwd=dti", "passwd=<hidden>"),
            ("PASWORD=dti", "PASWORD=<hidden>"),
            ("PIN=1234", "PIN=<hidden>"),
            ("SIM_PIN=1234", "SIM_PIN=<hidden>"),
            (
                "ACCOUNT=sora PASSWORD=sora",
                "ACCOUNT=sora PASSWORD=<hidden>",
            ),
            (
                "ppp = { account = \"a\", password = \"b\" }",
                "ppp = { account = \"a\", password = <hidden>",
            ),
            ("PASSWORD=", "PASSWORD="),
            ("ACCOUNT=sora", "ACCOUNT=sora"),
            ("APN=pin-point", "APN=pin-point"),
            ("", ""),
            ("日本 PASSWORD=語", "日本 PASSWORD=<hidden>"),
        ] {
            assert_eq!(mask(line), shown);
        }
    }

    #[test]
    fn finds_the_nearest_name() {
        let keys = ["PERSIST", "HOLDOFF", "APN", "PIN"];
        assert_eq!(nearest("persist", keys), Some("PERSIST"));
        assert_eq!(nearest("HOLD_OFF", keys), Some("HOLDOFF"));
        assert_eq!(nearest("PRESIST", keys), Some("PERSIST"));
        assert_eq!(nearest("ANP", keys), Some("APN"));
        assert_eq!(nearest("UNRELATED", keys), None);
    }

    #[test]
    fn the_number_of_problems_is_bounded_and_an_error_among_the_rest_is_told() {
        let mut report = Report::new("x");
        for line in 1..=LIMIT {
            let place = Place {
                line,
                column: 1,
                width: 1,
                source: "a",
            };
            report.warning(place, "w".to_owned(), None);
        }
        assert!(!report.failed());
        report.warning(Place::FILE, "w".to_owned(), None);
        report.error(Place::FILE, "e".to_owned(), None);
        assert!(report.failed());
        let found = report.finish();
        assert_eq!(found.len(), LIMIT + 1);
        assert_eq!(
            found.last().map(ToString::to_string).as_deref(),
            Some("x: error: 2 more problems are not shown; mend those above first")
        );
    }
}

//! A file that has been read: its words, and its lines as they may be shown.

use std::path::Path;

use super::table;
use super::words::{Flaw, Word, Words};
use crate::config::diagnostic::{HIDDEN, Severity};
use crate::config::files::FileText;
use crate::config::report::{LINE_LIMIT, Place, Report, is_secret_name};
use crate::config::value::shown;

/// A file with its name, and the lines without their secrets.
pub(super) struct Source {
    name: String,
    lines: Vec<String>,
}

impl Source {
    /// An options file and its words. Nothing of an argument that may hold a password is kept for a diagnostic, nor of what
    /// stands behind a word like `pasword` on its line.
    pub(super) fn options(path: &Path, text: &FileText) -> (Self, Vec<Word>) {
        let bytes = text
            .bytes
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&text.bytes);
        let words: Vec<Word> = Words::new(bytes).collect();
        let mut lines: Vec<String> = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| {
                let line = line.get(..LINE_LIMIT * 4).unwrap_or(line);
                let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
                hide_in_line(&line)
            })
            .collect();
        let mut secret = false;
        for word in &words {
            if secret || !word.is_on_one_line() {
                for number in word.line..=word.end_line {
                    let column = if number == word.line { word.column } else { 1 };
                    if let Some(line) = lines.get_mut(number - 1) {
                        hide_from(line, column);
                    }
                }
            }
            secret = leads_to_a_secret(&word.bytes);
        }
        let name = path.display().to_string();
        (Self { name, lines }, words)
    }

    /// A secrets file, of which no line is ever shown.
    pub(super) fn secrets(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            lines: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reports a problem at a word.
    pub(super) fn add(
        &self,
        report: &mut Report,
        severity: Severity,
        word: &Word,
        message: String,
        help: Option<String>,
    ) {
        let place = Place {
            line: word.line,
            column: word.column,
            width: word.width,
            source: self.line(word.line),
        };
        report.add_in(&self.name, severity, place, message, help);
    }

    /// Reports a problem of the file as a whole.
    pub(super) fn add_whole(
        &self,
        report: &mut Report,
        severity: Severity,
        message: String,
        help: Option<String>,
    ) {
        report.add_in(&self.name, severity, Place::FILE, message, help);
    }

    /// Whoever can write to the file decides what root does.
    pub(super) fn complain_of_writers(&self, report: &mut Report, text: &FileText) {
        if text.mode & 0o022 != 0 {
            self.add_whole(
                report,
                Severity::Warning,
                "others than its owner can change this file, and with it what root dials and runs"
                    .to_owned(),
                Some("expected chmod go-w".to_owned()),
            );
        }
    }

    /// Says that another file than the one of that name is read.
    pub(super) fn complain_of_link(&self, report: &mut Report, text: &FileText) {
        if text.is_link {
            self.add_whole(
                report,
                Severity::Warning,
                "this is a symbolic link; the file that it leads to is read".to_owned(),
                Some("expected the file itself".to_owned()),
            );
        }
    }

    /// Reports what is wrong with a word in itself. False: it cannot be used.
    pub(super) fn check(&self, report: &mut Report, word: &Word) -> bool {
        let (severity, message, help) = match word.flaw {
            None => return true,
            Some(Flaw::Unclosed(quote)) => (
                Severity::Error,
                format!("the quote {quote} is open to the end of the file"),
                "expected another one behind the value".to_owned(),
            ),
            Some(Flaw::TooLong) => (
                Severity::Error,
                "the word is longer than 1023 characters, and pppd would cut it".to_owned(),
                "expected a shorter one".to_owned(),
            ),
            Some(Flaw::Zero) => (
                Severity::Error,
                "a zero byte in a word: this is not a text file, or not in UTF-8".to_owned(),
                "expected a text file".to_owned(),
            ),
        };
        self.add(report, severity, word, message, Some(help));
        false
    }

    /// What a message may say of a word: itself in quotes, but nothing of one that may be, hold or be behind a secret.
    pub(super) fn told(&self, word: &Word) -> String {
        self.text(word).map_or_else(|| "this".to_owned(), shown)
    }

    /// The word, if it may be shown.
    pub(super) fn text<'w>(&self, word: &'w Word) -> Option<&'w str> {
        let line = self.lines.get(word.line.checked_sub(1)?)?;
        let open = line
            .split(HIDDEN)
            .next()
            .unwrap_or_default()
            .chars()
            .count();
        let is_hidden = line.contains(HIDDEN) && word.column + word.width > open + 1;
        let text = std::str::from_utf8(&word.bytes).ok()?;
        Some(text).filter(|_| !is_hidden && word.is_on_one_line())
    }

    pub(super) fn line(&self, number: usize) -> &str {
        let line = number
            .checked_sub(1)
            .and_then(|index| self.lines.get(index));
        line.map_or(HIDDEN, String::as_str)
    }
}

/// Whether the word behind this one may be a password, or hold one.
fn leads_to_a_secret(word: &[u8]) -> bool {
    match table::find(word) {
        Some(row) => row.hides_argument(),
        None => is_secret_name(&String::from_utf8_lossy(word)),
    }
}

/// The line without what stands behind a word that looks like `password`, in a comment too.
fn hide_in_line(line: &str) -> String {
    let mut text = line.to_owned();
    let is_word = |c: char| matches!(c, '_' | '-' | '+') || c.is_ascii_alphanumeric();
    let mut at = 0;
    while let Some(found) = line.get(at..).and_then(|rest| rest.find(is_word)) {
        let start = at + found;
        let rest = line.get(start..).unwrap_or_default();
        let end = start + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = line.get(start..end).unwrap_or_default();
        let behind = line.get(end..).unwrap_or_default();
        if leads_to_a_secret(word.as_bytes()) && !behind.trim().is_empty() {
            text.truncate(end);
            text.push(' ');
            text.push_str(HIDDEN);
            return text;
        }
        at = end;
    }
    text
}

/// Hides what stands at or behind a column.
fn hide_from(line: &mut String, column: usize) {
    let at = line.char_indices().nth(column.saturating_sub(1));
    let Some((at, _)) = at else { return };
    if line.find(HIDDEN).is_some_and(|hidden| hidden < at) {
        return;
    }
    line.truncate(at);
    line.push_str(HIDDEN);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let text = FileText {
            bytes: text.as_bytes().to_vec().into(),
            ..FileText::default()
        };
        Source::options(Path::new("x"), &text).0.lines
    }

    #[test]
    fn no_line_is_shown_with_a_secret() {
        for (text, shown) in [
            (
                "noauth password geheim x",
                &["noauth password <hidden>"][..],
            ),
            ("pasword geheim # y", &["pasword <hidden>"]),
            ("noauth # password geheim", &["noauth # password <hidden>"]),
            (
                "password\n'geheim' noauth\nnoauth",
                &["password", "<hidden>", "noauth"],
            ),
            ("password\\\n geheim", &["<hidden>", "<hidden>"]),
            (
                "connect 'chat ogin: ich\nword: \\qgeheim' x\nmtu 9",
                &["connect <hidden>", "<hidden>", "mtu 9"],
            ),
            ("set PW=geheim", &["set <hidden>"]),
            ("user 'a\ngeheim", &["user <hidden>", "<hidden>"]),
            (
                "hide-password noauth pap-secrets /x",
                &["hide-password noauth pap-secrets /x"],
            ),
            ("\u{e9} password 'x y'", &["\u{e9} password <hidden>"]),
            ("p'assw'ord geheim", &["p'assw'ord <hidden>"]),
        ] {
            assert_eq!(lines(text), shown, "{text:?}");
        }
    }
}

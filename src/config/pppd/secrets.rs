//! chap-secrets and pap-secrets, searched as pppd does for a client (pppd 2.4.9, auth.c, `scan_authfile`).
//!
//! Entries are lines of words: client, server, secret, and the addresses the client may use, which concern a server. An entry
//! fits if client and server are the wanted ones or `*`; a client in so many words counts 2, a server 1, and the first of
//! those that count most is taken. A secret of the form `@/path` is the first word of that file.

use std::iter::Peekable;
use std::path::Path;

use super::Reading;
use super::source::Source;
use super::words::{Flaw, Word, Words};
use crate::config::diagnostic::Severity;
use crate::config::files::{FileProblem, FileText};
use crate::config::report::Report;
use crate::secret::Secret;

/// More than this pppd does not use of a secret.
const SECRET_LIMIT: usize = 256;

/// Whose secret is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Our name.
    pub(super) client: &'a str,
    /// The peer's; `None`: whatever it is.
    pub(super) server: Option<&'a str>,
}

/// What a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Found(Secret),
    /// No entry fits.
    Missing,
    /// There is no such file.
    Absent,
}

/// Searches a file. What is wrong with it is reported; it never ends the search, as in pppd.
pub(super) fn find(
    path: &Path,
    wanted: Wanted<'_>,
    reading: &Reading<'_>,
    report: &mut Report,
) -> Outcome {
    let source = Source::secrets(path);
    let text = match reading.files.read(path) {
        Ok(text) => text,
        Err(FileProblem::Absent) => return Outcome::Absent,
        Err(problem) => {
            source.add_whole(
                report,
                Severity::Error,
                format!("the file cannot be read: {problem}"),
                Some("expected a file of lines: client server secret".to_owned()),
            );
            return Outcome::Absent;
        }
    };
    complain_of_access(&source, &text, report);
    let mut search = Search {
        source: &source,
        reading,
        report,
        wanted,
        best: None,
        score: 0,
    };
    search.run(&text.bytes);
    let best = search.best.take();
    best.map_or(Outcome::Missing, Outcome::Found)
}

/// The first two lines of a file for `+ua`: a name and a password.
pub(super) fn user_file(text: &FileText) -> Option<(Vec<u8>, Secret)> {
    let mut lines = text.bytes.split(|byte| *byte == b'\n');
    let name = lines.next().filter(|name| !name.is_empty())?;
    let password = lines.next()?;
    Some((name.to_vec(), Secret::new(password)))
}

/// pppd's warning.
pub(super) fn complain_of_access(source: &Source, text: &FileText, report: &mut Report) {
    if text.mode & 0o077 != 0 {
        source.add_whole(
            report,
            Severity::Warning,
            format!(
                "the secret file {} has world and/or group access: others can read the passwords in it",
                source.name()
            ),
            Some("expected chmod 600".to_owned()),
        );
    }
    source.complain_of_link(report, text);
}

struct Search<'a, 'r> {
    source: &'a Source,
    reading: &'a Reading<'a>,
    report: &'r mut Report,
    wanted: Wanted<'a>,
    best: Option<Secret>,
    /// Of the best; one more than pppd's, so that 0 is none.
    score: u8,
}

impl Search<'_, '_> {
    fn run(&mut self, text: &[u8]) {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut words = Words::new(text).peekable();
        while let Some(client) = words.next() {
            self.check(&client);
            self.entry(&client, &mut words);
            // The addresses, and what is left of an entry that does not fit.
            while let Some(word) = words.next_if(|word| !word.begins_line) {
                self.check(&word);
            }
        }
    }

    /// The rest of an entry that begins with `client`.
    fn entry(&mut self, client: &Word, words: &mut Peekable<Words<'_>>) {
        let mut next = || words.next_if(|word| !word.begins_line);
        let (server, secret) = match (next(), next()) {
            (Some(server), Some(secret)) => (server, secret),
            (Some(word), None) => {
                self.check(&word);
                return;
            }
            (None, _) => return,
        };
        self.check(&server);
        self.check(&secret);
        let is_wild = |word: &Word| word.bytes.as_slice() == b"*";
        let fits =
            |word: &Word, name: &str| is_wild(word) || word.bytes.as_slice() == name.as_bytes();
        if !fits(client, self.wanted.client)
            || !self.wanted.server.is_none_or(|name| fits(&server, name))
        {
            return;
        }
        let score = 1 + 2 * u8::from(!is_wild(client)) + u8::from(!is_wild(&server));
        if score <= self.score {
            return;
        }
        let Some(found) = self.secret(&secret) else {
            return;
        };
        self.score = score;
        self.best = Some(found);
    }

    /// The secret itself, which may be in a file of its own.
    fn secret(&mut self, word: &Word) -> Option<Secret> {
        let mut secret = Secret::new(word.until_zero());
        if let Some(path) = word
            .bytes
            .strip_prefix(b"@")
            .filter(|path| path.starts_with(b"/"))
        {
            let path = Path::new(std::str::from_utf8(path).ok()?).to_owned();
            let own = Source::secrets(&path);
            let found = self.reading.files.read(&path).and_then(|text| {
                complain_of_access(&own, &text, self.report);
                let word = Words::new(&text.bytes)
                    .next()
                    .map(|word| Secret::new(word.until_zero()));
                word.ok_or_else(|| FileProblem::Failed("it has no word in it".to_owned()))
            });
            secret = match found {
                Ok(secret) => secret,
                Err(problem) => {
                    let message = format!(
                        "the secret is to be in {}: {problem}; the entry is skipped",
                        path.display()
                    );
                    let help = Some("expected a file with the secret as its first word".to_owned());
                    self.source
                        .add(self.report, Severity::Warning, word, message, help);
                    return None;
                }
            };
        }
        if secret.expose().len() > SECRET_LIMIT {
            self.source.add(
                self.report,
                Severity::Error,
                word,
                format!("the secret is longer than {SECRET_LIMIT} bytes, and pppd would cut it"),
                Some("expected a shorter one".to_owned()),
            );
        }
        Some(secret)
    }

    /// The file is not ours alone: what is wrong in it is said, and pppd's reading of it counts.
    fn check(&mut self, word: &Word) {
        let message = match word.flaw {
            None => return,
            Some(Flaw::Unclosed(quote)) => {
                format!(
                    "the quote {quote} is open to the end of the file: no entry behind it is found"
                )
            }
            Some(Flaw::TooLong) => "the word is longer than 1023 characters, and is cut".to_owned(),
            Some(Flaw::Zero) => {
                "a zero byte in a word: what stands behind it in the word is lost".to_owned()
            }
        };
        let help = Some("expected lines: client server secret".to_owned());
        self.source
            .add(self.report, Severity::Warning, word, message, help);
    }
}

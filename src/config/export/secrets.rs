//! Our entry in the text of a chap-secrets or pap-secrets file: replaced where it stands, else appended; everything else
//! stays as it is, byte for byte (spec F3).
//!
//! A line is an entry: client, server, secret, and perhaps addresses. Words are taken apart as the reader of these files
//! does it (`Words`).

use zeroize::Zeroizing;

use super::ExportProblem;
use super::peers::{quoted, word};
use crate::config::pppd::{Flaw, Word, Words};
use crate::secret::Secret;

/// A secrets file larger than this is none, in bytes.
pub const LIMIT: u64 = 1 << 20;

/// What a new file begins with.
const HEAD: &str =
    "# Secrets for authentication using CHAP/PAP\n# client server secret IP addresses\n";

/// pppd's limit, in bytes.
const MAX_SECRET: usize = 255;

/// Who we are, and to whom. `Debug` does not show the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    client: String,
    server: String,
    secret: Secret,
}

/// Why an entry cannot be put into a file's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsProblem {
    /// It would be taken for another file and spoiled.
    #[error("line {line} has the byte {byte:#04x}: this is not a text file")]
    Binary {
        /// From 1.
        line: usize,
        /// The byte.
        byte: u8,
    },
    /// All that follows would be part of the word.
    #[error("the word that begins in line {line} has a quote that is not closed")]
    Quote {
        /// From 1.
        line: usize,
    },
}

impl Entry {
    /// The entry of `client` for `server`.
    pub(super) fn new(client: &str, server: &str, secret: Secret) -> Result<Self, ExportProblem> {
        let unwritable = |what: &str| Err(ExportProblem::Unwritable(what.to_owned()));
        if secret.expose().starts_with(b"@/") {
            return unwritable(
                "a PASSWORD that begins with @/ would be taken by pppd for the name of a file",
            );
        }
        if secret.expose().len() > MAX_SECRET {
            return unwritable("the PASSWORD is longer than pppd can read");
        }
        if std::str::from_utf8(secret.expose()).is_err() {
            return unwritable("the PASSWORD has bytes that are not UTF-8");
        }
        Ok(Self {
            client: client.to_owned(),
            server: server.to_owned(),
            secret,
        })
    }

    /// The client's name.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// As it stands in the file.
    fn text(&self) -> String {
        let secret = String::from_utf8_lossy(self.secret.expose());
        format!("{} {}", self.names(), quoted(&secret))
    }

    /// Without its secret: for people.
    pub fn names(&self) -> String {
        format!("{} {}", quoted(&self.client), word(&self.server))
    }

    fn is(&self, words: &[Word]) -> bool {
        let values: Vec<&[u8]> = words.iter().take(3).map(Word::until_zero).collect();
        let own = [
            self.client.as_bytes(),
            self.server.as_bytes(),
            self.secret.expose(),
        ];
        values == own
    }
}

/// `text` (`None`: there is no such file) with `entry` in it. An entry of the same client is replaced if it is for our
/// server, or else if it is for any (`*`); an entry of the same client for another server is another connection's. What
/// stands behind its secret stays.
///
/// # Errors
///
/// [`SecretsProblem`]: the text is none that pppd could read.
pub fn with_entry(text: Option<&[u8]>, entry: &Entry) -> Result<Vec<u8>, SecretsProblem> {
    let Some(text) = text else {
        return Ok(format!("{HEAD}{}\n", entry.text()).into_bytes());
    };
    let lines = scan(text)?;
    let of_server = |server: &[u8]| {
        lines.iter().find(|words| match words.as_slice() {
            [client, found, ..] => {
                client.until_zero() == entry.client.as_bytes() && found.until_zero() == server
            }
            [] | [_] => false,
        })
    };
    let found = of_server(entry.server.as_bytes()).or_else(|| of_server(b"*"));
    let Some(words) = found else {
        let mut new = text.to_vec();
        if !text.is_empty() && !text.ends_with(b"\n") {
            new.push(b'\n');
        }
        // A line end behind a backslash ends nothing: our entry would be a part of that line.
        let body = text.strip_suffix(b"\n").unwrap_or(text);
        let backslashes = body.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 1 {
            new.push(b'\n');
        }
        new.extend(entry.text().bytes());
        new.push(b'\n');
        return Ok(new);
    };
    if entry.is(words) {
        return Ok(text.to_vec());
    }
    let mut ends = words.iter().take(3).map(|word| &word.at);
    let start = ends.next().map_or(0, |at| at.start);
    // A backslash at the end of the file takes one of the line ends that `scan` has put there.
    let end = ends.next_back().map_or(start, |at| at.end).min(text.len());
    let mut new = Vec::with_capacity(text.len() + 64);
    new.extend(text.get(..start).unwrap_or_default());
    new.extend(entry.text().bytes());
    new.extend(text.get(end..).unwrap_or_default());
    Ok(new)
}

/// The words of each line that has any.
fn scan(text: &[u8]) -> Result<Vec<Vec<Word>>, SecretsProblem> {
    let bad = text
        .iter()
        .position(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && *byte != 0x0b);
    if let Some(at) = bad {
        return Err(SecretsProblem::Binary {
            line: line_of(text, at),
            byte: text.get(at).copied().unwrap_or_default(),
        });
    }
    // pppd loses an empty word, and a quote that is still open, at the very end of a file; but our entry would stand behind
    // it. Two line ends, because a backslash there takes one.
    let text = Zeroizing::new([text, b"\n\n"].concat());
    let mut lines: Vec<Vec<Word>> = Vec::new();
    for word in Words::new(&text) {
        if matches!(word.flaw, Some(Flaw::Unclosed(_))) {
            return Err(SecretsProblem::Quote { line: word.line });
        }
        match lines.last_mut() {
            Some(line) if !word.begins_line => line.push(word),
            Some(_) | None => lines.push(vec![word]),
        }
    }
    Ok(lines)
}

fn line_of(text: &[u8], at: usize) -> usize {
    let before = text.iter().take(at);
    before.filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> Entry {
        Entry::new("user@dream.jp", "ppp0", Secret::new("dti")).unwrap()
    }

    fn new_text(text: &str) -> String {
        let new = with_entry(Some(text.as_bytes()), &entry()).unwrap();
        String::from_utf8(new).unwrap()
    }

    const OURS: &str = "\"user@dream.jp\" ppp0 \"dti\"\n";

    #[test]
    fn an_entry_of_the_same_client_is_replaced_where_it_stands() {
        for (before, after) in [
            (
                "a * b\n\"user@dream.jp\" ppp0 \"old\"\nc * d\n",
                format!("a * b\n{OURS}c * d\n"),
            ),
            // However it is spelt.
            ("user@dream.jp ppp0 old\n", OURS.to_owned()),
            ("'user@dream.jp'\tppp0  o\"l d\"'x'\n", OURS.to_owned()),
            ("us\\145r@dream.jp \\x70pp0 old\n", OURS.to_owned()),
            (
                "  user@dream.jp * old  # note\n",
                format!("  {}  # note\n", OURS.trim_end()),
            ),
            (
                "user@dream.jp ppp0 old 10.0.0.1\n",
                format!("{} 10.0.0.1\n", OURS.trim_end()),
            ),
            // Over two lines, and without a secret.
            (
                "user@dream.jp \\\n ppp0 old\nx * y\n",
                format!("{OURS}x * y\n"),
            ),
            ("user@dream.jp ppp0\nx * y\n", format!("{OURS}x * y\n")),
            // Our server before any.
            (
                "user@dream.jp * any\nuser@dream.jp ppp0 own\n",
                format!("user@dream.jp * any\n{OURS}"),
            ),
            ("user@dream.jp ppp0 old", OURS.trim_end().to_owned()),
            ("user@dream.jp ppp0 old\\", OURS.trim_end().to_owned()),
            ("user@dream.jp ppp0 ''", OURS.trim_end().to_owned()),
        ] {
            assert_eq!(new_text(before), after, "{before:?}");
        }
    }

    #[test]
    fn without_one_it_is_appended() {
        for (before, after) in [
            ("", OURS.to_owned()),
            ("# only this", format!("# only this\n{OURS}")),
            ("mopera * mopera\r\n", format!("mopera * mopera\r\n{OURS}")),
            // The last line goes on.
            ("a * b\\", format!("a * b\\\n\n{OURS}")),
            ("a * b \\\n", format!("a * b \\\n\n{OURS}")),
            ("a * b\\\\", format!("a * b\\\\\n{OURS}")),
            // Another connection's, another client's, a comment, a client alone.
            (
                "user@dream.jp DTI x\n",
                format!("user@dream.jp DTI x\n{OURS}"),
            ),
            (
                "USER@dream.jp ppp0 x\n",
                format!("USER@dream.jp ppp0 x\n{OURS}"),
            ),
            (
                "#user@dream.jp ppp0 x\n",
                format!("#user@dream.jp ppp0 x\n{OURS}"),
            ),
            ("user@dream.jp\n", format!("user@dream.jp\n{OURS}")),
            (
                "x ppp0 \"a\nuser@dream.jp ppp0 b\"\n",
                format!("x ppp0 \"a\nuser@dream.jp ppp0 b\"\n{OURS}"),
            ),
        ] {
            assert_eq!(new_text(before), after, "{before:?}");
        }
    }

    #[test]
    fn what_is_right_already_stays_as_it_is() {
        let text = "user@dream.jp   'ppp0' dti 10.0.0.0/8 # mine\n";
        assert_eq!(new_text(text), text);
        let new = with_entry(None, &entry()).unwrap();
        assert_eq!(String::from_utf8(new).unwrap(), format!("{HEAD}{OURS}"));
    }

    #[test]
    fn secrets_that_pppd_would_take_apart_are_escaped() {
        let entry = Entry::new("a b", "ppp0", Secret::new("x\"y\\z #ü")).unwrap();
        let text = with_entry(Some(b""), &entry).unwrap();
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            "\"a b\" ppp0 \"x\\\"y\\\\z #ü\"\n"
        );
        assert!(entry.is(&scan(&text).unwrap()[0]));
        assert!(Entry::new("a", "b", Secret::new("@/etc/shadow")).is_err());
        assert!(Entry::new("a", "b", Secret::new("@x")).is_ok());
        assert!(Entry::new("a", "b", Secret::new(vec![0xff])).is_err());
        assert!(!format!("{entry:?}{}", entry.names()).contains("\\z"));
    }

    #[test]
    fn what_is_no_secrets_file_is_told_with_its_line() {
        let refused = |text: &[u8]| with_entry(Some(text), &entry()).unwrap_err().to_string();
        assert_eq!(
            refused(b"a * b\n\x7fELF\0"),
            "line 2 has the byte 0x7f: this is not a text file"
        );
        assert_eq!(
            refused(b"a * b\nc * \"d\n\n"),
            "the word that begins in line 2 has a quote that is not closed"
        );
        // Nothing behind it: pppd sees no word there, but our entry would become one.
        for text in [&b"a * b\nc * \""[..], b"a * b\nc * d'", b"a * b\n\"\\"] {
            assert_eq!(
                refused(text),
                "the word that begins in line 2 has a quote that is not closed"
            );
        }
    }

    fn any_line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("user@dream.jp ppp0 old".to_owned()),
            Just("user@dream.jp * old".to_owned()),
            "[a-z\"'\\\\# *]{0,12}",
            "# .{0,5}",
            Just(String::new()),
        ]
    }

    proptest! {
        /// Twice is as once, and no other entry is touched.
        #[test]
        fn the_second_time_changes_nothing(lines in proptest::collection::vec(any_line(), 0..8), end in "\n|") {
            let text = lines.join("\n") + &end;
            if let Ok(new) = with_entry(Some(text.as_bytes()), &entry()) {
                prop_assert_eq!(with_entry(Some(&new), &entry()), Ok(new.clone()));
                let values = |text: &[u8]| -> Vec<Vec<Vec<u8>>> {
                    scan(text).unwrap().into_iter().map(|words| {
                        words.into_iter().map(|word| word.bytes.to_vec()).collect()
                    }).collect()
                };
                let others = |text: &[u8]| -> Vec<Vec<Vec<u8>>> {
                    let other = |words: &Vec<Vec<u8>>| words[0] != b"user@dream.jp";
                    values(text).into_iter().filter(other).collect()
                };
                prop_assert_eq!(others(text.as_bytes()), others(&new));
                let ours = [&b"user@dream.jp"[..], b"ppp0", b"dti"];
                let has_it = values(&new).iter().any(|words| words.len() >= 3 && words[..3] == ours);
                prop_assert!(has_it);
            }
        }

        #[test]
        fn any_bytes_can_be_read(text: Vec<u8>) {
            let _ = with_entry(Some(&text), &entry());
        }
    }
}

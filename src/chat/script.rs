//! A script: the words that are expected and sent in turn, and how a file is cut into them.

use std::fmt;

/// The words of a script, as they stand: escapes are decoded when a word is used, because they mean different things in
/// an expect and in a send. Whether it may hold a password is not known, so `Debug` shows no words.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Script {
    words: Vec<Vec<u8>>,
    /// chat(8) finds a quote that is never closed when it gets there: the words before it are run.
    fault: Option<ScriptProblem>,
}

/// What is wrong with the text of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptProblem {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// A sentence.
    pub message: String,
}

impl Script {
    /// The script of these words, each an argument of chat's command line.
    pub fn from_words(words: Vec<String>) -> Self {
        Self::from_bytes(words.into_iter().map(String::into_bytes).collect())
    }

    /// Likewise, of any bytes. A zero ends a word, as everywhere in chat.
    pub fn from_bytes(words: Vec<Vec<u8>>) -> Self {
        let words = words
            .into_iter()
            .map(|word| until_zero(&word).to_vec())
            .collect();
        Self { words, fault: None }
    }

    /// The script in a file, for the daemon: a quote that is never closed is an error, the carriage returns of a file
    /// with CR LF line ends are taken off, and that is a warning.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn parse(text: &[u8]) -> Result<(Self, Vec<ScriptProblem>), ScriptProblem> {
        let mut clean = Vec::with_capacity(text.len());
        let mut warnings = Vec::new();
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match line.strip_suffix(b"\r\n") {
                Some(line) => {
                    if warnings.is_empty() {
                        warnings.push(ScriptProblem {
                            line: index + 1,
                            column: count(line) + 1,
                            message: "the lines end in CR LF: chat would take the CR for a part of the last word; it is \
                                      left out"
                                .to_owned(),
                        });
                    }
                    clean.extend_from_slice(line);
                    clean.push(b'\n');
                }
                None => clean.extend_from_slice(line),
            }
        }
        let script = Self::parse_as_chat(&clean);
        match script.fault {
            Some(problem) => Err(problem),
            None => Ok((script, warnings)),
        }
    }

    /// The script in a file, as chat(8) reads it: a carriage return belongs to its word, and a quote that is never
    /// closed is a fault that is found when the script has come so far.
    pub fn parse_as_chat(text: &[u8]) -> Self {
        let mut this = Self::default();
        // chat counts what it reads at once, so that a very long line counts as several.
        let mut line_number = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            for piece in line.chunks(LINE_LIMIT) {
                line_number += 1;
                let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
                if let Err(column) = cut(until_zero(piece), &mut this.words) {
                    this.fault = Some(ScriptProblem {
                        line: line_number,
                        column,
                        message: "a quote begins here and does not end in this line".to_owned(),
                    });
                    return this;
                }
            }
        }
        this
    }

    /// Its words, as text.
    pub fn words(&self) -> Vec<String> {
        let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
        self.words.iter().map(text).collect()
    }

    /// The word with this index, from 0: an expect if it is even, else a send.
    pub(super) fn word(&self, index: usize) -> Option<&[u8]> {
        self.words.get(index).map(Vec::as_slice)
    }

    /// What is wrong behind the last word.
    pub(super) fn fault(&self) -> Option<&ScriptProblem> {
        self.fault.as_ref()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} words)", self.words.len())
    }
}

impl fmt::Display for ScriptProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )
    }
}

/// What chat reads at once; a longer line is cut there, even inside a word.
const LINE_LIMIT: usize = 1023;

/// Cuts a line into words; the column of a quote that does not end.
fn cut(line: &[u8], words: &mut Vec<Vec<u8>>) -> Result<(), usize> {
    if line.starts_with(b"#") {
        return Ok(());
    }
    let mut rest = line;
    while let Some((&first, behind)) = rest.split_first() {
        match first {
            b' ' | b'\t' => rest = behind,
            b'"' | b'\'' => {
                let Some(end) = quote_end(behind, first) else {
                    let before = line.len() - rest.len();
                    return Err(count(line.get(..before).unwrap_or_default()) + 1);
                };
                let (word, after) = behind.split_at_checked(end).unwrap_or((behind, &[]));
                words.push(word.to_vec());
                // Whatever is glued behind the quote is the next word.
                rest = after.get(1..).unwrap_or_default();
            }
            _ => {
                let blank = rest.iter().position(|byte| matches!(byte, b' ' | b'\t'));
                let end = blank.unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                words.push(word.to_vec());
                rest = after;
            }
        }
    }
    Ok(())
}

/// Where the quote ends: a backslash protects what stands behind it.
fn quote_end(text: &[u8], quote: u8) -> Option<usize> {
    let mut protected = false;
    text.iter().position(|&byte| {
        if protected {
            protected = false;
            false
        } else {
            protected = byte == b'\\';
            byte == quote
        }
    })
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn count(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).chars().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        Script::parse_as_chat(text.as_bytes()).words()
    }

    #[test]
    fn quotes_count_at_the_start_of_a_word_only() {
        assert_eq!(
            words("OK AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\""),
            ["OK", "AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\""]
        );
        assert_eq!(words("'a'b \"c d\"'e'"), ["a", "b", "c d", "e"]);
        assert_eq!(words(r#"'it\'s' "" 'a\\'x"#), [r"it\'s", "", r"a\\", "x"]);
    }

    #[test]
    fn a_comment_begins_in_the_first_column() {
        assert_eq!(words("# no\n #yes\nx #z\n#"), ["#yes", "x", "#z"]);
    }

    #[test]
    fn words_go_on_over_the_ends_of_lines() {
        assert_eq!(
            words("ABORT\n\n\tBUSY\n''\nATZ"),
            ["ABORT", "BUSY", "", "ATZ"]
        );
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = "a".repeat(1022) + "bcd e";
        assert_eq!(
            words(&long),
            ["a".repeat(1022) + "b", "cd".into(), "e".into()]
        );
        // The comment ends there, too.
        let comment = format!("#{}X Y\n", "x".repeat(1022));
        assert_eq!(words(&comment), ["X", "Y"]);
    }

    #[test]
    fn a_quote_without_an_end_is_found_behind_the_words_before_it() {
        let script = Script::parse_as_chat(b"'' ATZ\nOK 'ATD");
        assert_eq!(script.words(), ["", "ATZ", "OK"]);
        let problem = ScriptProblem {
            line: 2,
            column: 4,
            message: "a quote begins here and does not end in this line".to_owned(),
        };
        assert_eq!(script.fault(), Some(&problem));
        assert_eq!(Script::parse(b"'' ATZ\nOK 'ATD"), Err(problem));
        // The backslash protects the last quote.
        assert!(Script::parse(br"'AT\'").is_err());
    }

    #[test]
    fn the_daemon_takes_carriage_returns_off_and_says_so() {
        let (script, warnings) = Script::parse(b"'' ATZ\r\nOK AT\r\n").unwrap();
        assert_eq!(script.words(), ["", "ATZ", "OK", "AT"]);
        assert_eq!(warnings.len(), 1);
        assert_eq!((warnings[0].line, warnings[0].column), (1, 7));
        assert_eq!(words("'' ATZ\r\n"), ["", "ATZ\r"]);
    }

    #[test]
    fn debug_shows_no_word() {
        let script = Script::from_words(vec!["ssword:".into(), "geheim".into()]);
        assert_eq!(format!("{script:?}"), "Script(2 words)");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let script = Script::parse_as_chat(&text);
            for word in &script.words {
                prop_assert!(word.len() <= LINE_LIMIT && !word.contains(&0));
            }
            let _ = Script::parse(&text);
        }
    }
}

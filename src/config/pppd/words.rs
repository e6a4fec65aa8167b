//! Words of an options or secrets file, as pppd's `getword` takes them apart (pppd 2.4.9, options.c), each with its place.
//!
//! White space separates; `#` begins a comment wherever it is not quoted or escaped; quotes of both kinds may open within a
//! word, and backslash escapes act inside of them too. What pppd only warns of, or does not see at all, is a [`Flaw`].

use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

/// pppd keeps one less than this of a word (`MAXWORDLEN`).
pub(in crate::config) const WORD_LIMIT: usize = 1024;

/// One word. It may be a password, or hold one.
#[derive(Clone, Default, PartialEq, Eq)]
pub(in crate::config) struct Word {
    /// Escapes decoded, quotes gone.
    pub(in crate::config) bytes: Zeroizing<Vec<u8>>,
    /// A line end stands between it and the word before: in a secrets file an entry begins.
    pub(in crate::config) begins_line: bool,
    /// Where it begins, from 1.
    pub(in crate::config) line: usize,
    /// In characters, from 1.
    pub(in crate::config) column: usize,
    /// In characters, as it stands in its first line.
    pub(in crate::config) width: usize,
    /// The line in which it ends.
    pub(in crate::config) end_line: usize,
    /// The column behind its last character.
    pub(in crate::config) end_column: usize,
    /// Its bytes in the text, quotes and escapes included.
    pub(in crate::config) at: Range<usize>,
    /// What is wrong with it.
    pub(in crate::config) flaw: Option<Flaw>,
}

/// What is wrong with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Flaw {
    /// This quote is still open at the end of the file.
    Unclosed(char),
    /// It was cut.
    TooLong,
    /// It holds a zero byte, where pppd's word ends.
    Zero,
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word({}:{})", self.line, self.column)
    }
}

impl Word {
    /// What pppd sees of it, whose words end at a zero byte.
    pub(in crate::config) fn until_zero(&self) -> &[u8] {
        self.bytes
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default()
    }

    /// Whether it stands on one line, as all words do that are not the victim of a missing quote.
    pub(in crate::config) fn is_on_one_line(&self) -> bool {
        self.line == self.end_line && !matches!(self.flaw, Some(Flaw::Unclosed(_)))
    }
}

/// Takes the words of a file one by one.
pub(in crate::config) struct Words<'a> {
    rest: &'a [u8],
    /// So many bytes stand before the rest.
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> Words<'a> {
    pub(in crate::config) fn new(text: &'a [u8]) -> Self {
        Self {
            rest: text,
            offset: 0,
            line: 1,
            column: 1,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// One byte further.
    fn advance(&mut self) {
        let Some((byte, rest)) = self.rest.split_first() else {
            return;
        };
        self.rest = rest;
        self.offset += 1;
        if *byte == b'\n' {
            self.line += 1;
            self.column = 1;
        } else if self.peek().is_none_or(|next| next & 0xc0 != 0x80) {
            // The next byte begins a character, as UTF-8 has it.
            self.column += 1;
        }
    }

    /// Skips white space, comments and joined line ends; whether a line end that counts was among them.
    fn skip(&mut self) -> bool {
        let mut line_end = false;
        loop {
            match (self.peek(), self.rest.get(1)) {
                (Some(b'\n'), _) => line_end = true,
                (Some(b'\\'), Some(b'\n')) => self.advance(),
                (Some(b'#'), _) => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.advance();
                    }
                    continue;
                }
                (Some(byte), _) if is_space(byte) => {}
                (Some(_) | None, _) => return line_end,
            }
            self.advance();
        }
    }

    /// Behind a backslash; `None`: a line end, which is left out with it.
    fn escaped(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        let value = match byte {
            b'\n' => {
                self.advance();
                return None;
            }
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b's' => b' ',
            b't' => b'\t',
            b'0'..=b'7' => return Some(self.digits(3, 8)),
            b'x' => {
                self.advance();
                return Some(self.digits(2, 16));
            }
            other => other,
        };
        self.advance();
        Some(value)
    }

    /// At most `count` digits; what does not fit into a byte is lost, as in C.
    fn digits(&mut self, count: usize, radix: u32) -> u8 {
        let mut value = 0u32;
        for _ in 0..count {
            let Some(digit) = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(radix))
            else {
                break;
            };
            value = value * radix + digit;
            self.advance();
        }
        value.to_le_bytes().first().copied().unwrap_or_default()
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let begins_line = self.skip();
        self.peek()?;
        let mut word = Word {
            // Never moved while it grows: that would leave copies behind.
            bytes: Zeroizing::new(Vec::with_capacity(self.rest.len().min(WORD_LIMIT))),
            begins_line,
            line: self.line,
            column: self.column,
            at: self.offset..self.offset,
            ..Word::default()
        };
        let mut quoted = None;
        let mut length = 0;
        let mut last_of_first_line = self.column;
        while let Some(byte) = self.peek() {
            let value = match byte {
                b'\\' => {
                    self.advance();
                    self.escaped()
                }
                _ if quoted == Some(byte) => {
                    quoted = None;
                    self.advance();
                    None
                }
                b'"' | b'\'' if quoted.is_none() => {
                    quoted = Some(byte);
                    self.advance();
                    None
                }
                _ if quoted.is_none() && (is_space(byte) || byte == b'#') => break,
                _ => {
                    self.advance();
                    Some(byte)
                }
            };
            if self.line == word.line {
                last_of_first_line = self.column;
            }
            let Some(value) = value else { continue };
            length += 1;
            if value == 0 {
                word.flaw = Some(Flaw::Zero);
            }
            if word.bytes.len() < WORD_LIMIT - 1 {
                word.bytes.push(value);
            }
        }
        word.end_line = self.line;
        word.end_column = self.column;
        word.at.end = self.offset;
        word.width = last_of_first_line.saturating_sub(word.column).max(1);
        if self.peek().is_none() && length == 0 {
            // As in pppd, where nothing before the end of the file is no word, even in quotes.
            return None;
        }
        if length >= WORD_LIMIT {
            word.flaw = Some(Flaw::TooLong);
        }
        if let Some(quote) = quoted {
            word.flaw = Some(Flaw::Unclosed(char::from(quote)));
        }
        Some(word)
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: impl AsRef<[u8]>) -> Vec<String> {
        Words::new(text.as_ref())
            .map(|word| String::from_utf8_lossy(&word.bytes).into_owned())
            .collect()
    }

    #[test]
    fn white_space_and_comments_separate() {
        for (text, expected) in [
            (
                "a b\tc\x0bd\x0ce\r\nf\n",
                &["a", "b", "c", "d", "e", "f"][..],
            ),
            ("a#b c\nd", &["a", "d"]),
            ("# a\n  # b\n", &[]),
            ("a\\#b '#' \"#\"c", &["a#b", "#", "#c"]),
            // A backslash at the end of a comment joins nothing.
            ("# a \\\nb", &["b"]),
            ("", &[]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn quotes_open_anywhere_and_escapes_act_within_them() {
        for (text, expected) in [
            ("a'b c'd \"e 'f\"", &["ab cd", "e 'f"][..]),
            (r#"'\'' "\"" '\\'"#, &["'", "\"", "\\"]),
            (r"\s\t\a\b\f\n\r", &[" \t\x07\x08\x0c\n\r"]),
            (
                r"\101\60x '\x41' \x4g \q\d\c",
                &["A0x", "A", "\x04g", "qdc"],
            ),
            (r"\x2 \7 \18", &["\x02", "\x07", "\x018"]),
            ("a\\\nb '\\\nc' \\\n d", &["ab", "c", "d"]),
            ("'two\nlines' x", &["two\nlines", "x"]),
            ("'' \"\" a", &["", "", "a"]),
            // Nothing at the end of the file is nothing.
            ("a ''", &["a"]),
            ("a ''\n", &["a", ""]),
            ("a\\", &["a"]),
            ("\\", &[]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
        // What does not fit is lost.
        assert_eq!(
            Words::new(br"\777").next().unwrap().bytes.as_slice(),
            [0xff]
        );
    }

    #[test]
    fn each_word_knows_its_place() {
        let text = "noauth  'd\u{e9}j\u{e0} vu' x\nconnect \"a\nb\" y\\\nz end\n";
        let places: Vec<_> = Words::new(text.as_bytes())
            .map(|word| {
                (
                    (word.line, word.column, word.width),
                    (word.end_line, word.end_column),
                    word.begins_line,
                )
            })
            .collect();
        assert_eq!(
            places,
            [
                ((1, 1, 6), (1, 7), false),
                ((1, 9, 9), (1, 18), false),
                ((1, 19, 1), (1, 20), false),
                ((2, 1, 7), (2, 8), true),
                ((2, 9, 2), (3, 3), false),
                ((3, 4, 1), (4, 2), false),
                ((4, 3, 3), (4, 6), false),
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_word_is_told() {
        let flaw = |text: &[u8]| Words::new(text).last().unwrap().flaw;
        assert_eq!(flaw(b"user 'a b\n"), Some(Flaw::Unclosed('\'')));
        assert_eq!(flaw(b"user a\0b\n"), Some(Flaw::Zero));
        assert_eq!(flaw(b"user a\\0b\n"), Some(Flaw::Zero));
        let long = |count| "x".repeat(count);
        assert_eq!(flaw(long(1023).as_bytes()), None);
        assert_eq!(flaw(long(1024).as_bytes()), Some(Flaw::TooLong));
        assert_eq!(words(long(5000)), [long(1023)]);
        assert_eq!(
            format!("{:?}", Words::new(b" geheim").next()),
            "Some(Word(1:2))"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_words_whose_places_lie_in_the_file(
            text in proptest::collection::vec(
                prop_oneof![Just(b' '), Just(b'\n'), Just(b'"'), Just(b'\''), Just(b'\\'), Just(b'#'), any::<u8>()], 0..200
            )
        ) {
            let lines = text.split(|byte| *byte == b'\n').count();
            let mut last = (1, 1);
            for word in Words::new(&text) {
                prop_assert!((word.line, word.column) >= last);
                last = (word.end_line, word.end_column);
                prop_assert!((word.line, word.column) < last && word.end_line <= lines);
                prop_assert!(word.bytes.len() < WORD_LIMIT);
            }
        }

        /// Words in quotes are read back whatever they hold.
        #[test]
        fn a_quoted_word_is_read_back(text in "[^\0]{1,40}") {
            let quoted: String = text.chars().flat_map(|c| {
                let escape = matches!(c, '"' | '\\').then_some('\\');
                escape.into_iter().chain([c])
            }).collect();
            prop_assert_eq!(words(format!("\"{quoted}\"\n")), [text]);
        }
    }
}

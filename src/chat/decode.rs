//! Escapes: what a word means in a send and in an expect, and how the log shows it.

use super::{Lookup, Options};

/// A word with its escapes decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    /// In a send, a backslash still stands before what has a meaning there; see [`acts`]. A zero stands only behind one.
    pub(super) text: Vec<u8>,
    /// `\q`: it is not shown.
    pub(super) quiet: bool,
}

/// One thing that a send does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Sends this.
    Byte(u8),
    /// `\d`: a second.
    Long,
    /// `\p`: a tenth of a second.
    Short,
    /// `\K`: a break.
    Break,
}

/// No variable makes a word longer than this.
const DECODED_LIMIT: usize = 64 * 1024;

/// Decodes `word`.
pub(super) fn decode(
    word: &[u8],
    sending: bool,
    options: &Options,
    lookup: &dyn Lookup,
) -> Decoded {
    let mut text = Vec::with_capacity(word.len() + 1);
    let mut quiet = false;
    let mut ends_line = sending;
    let mut rest = word;
    while let Some(byte) = next(&mut rest) {
        if byte == b'^' {
            match next(&mut rest) {
                None => text.push(b'^'),
                Some(letter) if letter & 0x1f != 0 => text.push(letter & 0x1f),
                Some(_) => {}
            }
            continue;
        }
        if byte == b'$' && options.expand {
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let length = rest.iter().take_while(|byte| is_name(byte)).count();
            let (name, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = behind;
            if let Some(value) = lookup.variable(name) {
                insert(&mut text, &value);
            }
            continue;
        }
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let Some(letter) = next(&mut rest) else {
            if sending {
                text.extend_from_slice(b"\\\\");
            }
            break;
        };
        match letter {
            b'b' => text.push(0x08),
            b'c' if sending && rest.is_empty() => ends_line = false,
            b'c' => text.push(b'c'),
            b'T' | b'U' => {
                let phone = if letter == b'T' {
                    options.phone.as_deref()
                } else {
                    options.phone2.as_deref()
                };
                match phone {
                    Some(phone) if sending => insert(&mut text, phone.as_bytes()),
                    _ => text.extend_from_slice(&[b'\\', letter]),
                }
            }
            b'q' => quiet = true,
            b'r' => text.push(b'\r'),
            b'n' => text.push(b'\n'),
            b's' => text.push(b' '),
            b't' => text.push(b'\t'),
            b'N' if sending => text.extend_from_slice(b"\\\0"),
            b'N' => text.push(b'N'),
            b'$' if options.expand => text.push(b'$'),
            b'0'..=b'7' => {
                let code = octal(letter, &mut rest);
                if sending && matches!(code, 0 | b'\\') {
                    text.push(b'\\');
                }
                if code != 0 || sending {
                    text.push(code);
                }
            }
            _ => {
                if sending {
                    text.push(b'\\');
                }
                text.push(letter);
            }
        }
    }
    if ends_line {
        text.push(b'\r');
    }
    Decoded { text, quiet }
}

/// What a decoded send does, one after the other.
pub(super) fn acts(decoded: &[u8]) -> Vec<Act> {
    let mut acts = Vec::with_capacity(decoded.len());
    let mut rest = decoded;
    while let Some(byte) = next(&mut rest) {
        let act = match (byte, rest.first()) {
            (b'\\', Some(b'd')) => Act::Long,
            (b'\\', Some(b'p')) => Act::Short,
            (b'\\', Some(b'K')) => Act::Break,
            (b'\\', Some(&protected)) => Act::Byte(protected),
            // A backslash at the end of a variable, and no carriage return behind it: chat reads on behind its memory.
            (b'\\', None) => break,
            _ => {
                acts.push(Act::Byte(byte));
                continue;
            }
        };
        acts.push(act);
        let _ = next(&mut rest);
    }
    acts
}

/// `bytes` as chat's log shows them: `^M` for a carriage return, `M-a` for an a with its eighth bit set.
pub fn visible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte >= 0x80 {
            out.push_str("M-");
        }
        let byte = byte & 0x7f;
        if byte < 0x20 || byte == 0x7f {
            out.push('^');
            out.push(char::from(byte ^ 0x40));
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

/// A decoded send as the log shows it: up to a zero.
pub(super) fn until_zero(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn insert(text: &mut Vec<u8>, value: &[u8]) {
    let room = DECODED_LIMIT.saturating_sub(text.len());
    text.extend(until_zero(value).iter().take(room));
}

/// One to three octal digits; what does not fit is cut off.
fn octal(first: u8, rest: &mut &[u8]) -> u8 {
    let mut code = first & 0x07;
    for _ in 0..2 {
        match rest.split_first() {
            Some((&digit @ b'0'..=b'7', behind)) => {
                code = (code << 3) | (digit - b'0');
                *rest = behind;
            }
            _ => break,
        }
    }
    code
}

fn next(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::super::Nothing;
    use super::*;

    /// `NAME` is `a\db`.
    #[derive(Debug)]
    struct One;

    impl Lookup for One {
        fn read_file(&self, _path: &[u8]) -> Result<Vec<u8>, String> {
            Err(String::new())
        }

        fn variable(&self, name: &[u8]) -> Option<Vec<u8>> {
            (name == b"NAME").then(|| b"a\\db".to_vec())
        }
    }

    fn send(word: &str) -> Vec<Act> {
        acts(&decode(word.as_bytes(), true, &Options::default(), &Nothing).text)
    }

    fn bytes(text: &[u8]) -> Vec<Act> {
        text.iter().map(|byte| Act::Byte(*byte)).collect()
    }

    fn expect(word: &str) -> Vec<u8> {
        decode(word.as_bytes(), false, &Options::default(), &Nothing).text
    }

    #[test]
    fn a_send_decodes_each_escape() {
        let cases: [(&str, &[u8]); 24] = [
            ("AT", b"AT\r"),
            (r"AT\c", b"AT"),
            (r"A\cT", b"AcT\r"),
            (r"A\c\c", b"Ac"),
            (r"\b\n\r\s\t\\", b"\x08\n\r \t\\\r"),
            (r"a\Nb\0c", b"a\0b\0c\r"),
            (r"\101\60\7\1234\c", b"A0\x07S4"),
            (r"\134d", b"\\d\r"),
            (r"\144", b"d\r"),
            (r"\777\400\c", b"\xff\0"),
            ("^C^c^@^[", b"\x03\x03\x1b\r"),
            ("a^", b"a^\r"),
            (r"^\d", b"\x1cd\r"),
            (r"\^C", b"^C\r"),
            (r"\T\U", b"TU\r"),
            (r"\$\x\-", b"$x-\r"),
            ("$NAME", b"$NAME\r"),
            ("a\\", b"a\\\r"),
            (r"\q\c", b""),
            ("", b"\r"),
            (r"\c", b""),
            ("\u{e4}", b"\xc3\xa4\r"),
            (r"\f\v", b"fv\r"),
            (r"\8", b"8\r"),
        ];
        for (word, sent) in cases {
            assert_eq!(send(word), bytes(sent), "{word}");
        }
        assert_eq!(
            send(r"a\d\p\Kb\c"),
            [
                Act::Byte(b'a'),
                Act::Long,
                Act::Short,
                Act::Break,
                Act::Byte(b'b')
            ]
        );
    }

    #[test]
    fn an_expect_decodes_fewer() {
        let cases: [(&str, &[u8]); 12] = [
            (r"a\db", b"adb"),
            (r"\K\p\d\c\N", b"KpdcN"),
            (r"\T\U", b"\\T\\U"),
            (r"\b\n\r\s\t\\", b"\x08\n\r \t\\"),
            (r"a\000b\0c", b"abc"),
            (r"\101^C", b"A\x03"),
            (r"\$\-", b"$-"),
            ("a\\", b"a"),
            ("a^", b"a^"),
            (r"x\q", b"x"),
            (r"\134", b"\\"),
            ("^@", b""),
        ];
        for (word, wanted) in cases {
            assert_eq!(expect(word), wanted, "{word}");
        }
        assert!(decode(br"\q", false, &Options::default(), &Nothing).quiet);
    }

    #[test]
    fn phone_numbers_and_variables_are_decoded_once_more_when_they_are_sent() {
        let options = Options {
            phone: Some(r"1\p2\".to_owned()),
            phone2: Some("3".to_owned()),
            expand: true,
            ..Options::default()
        };
        let send = |word: &str| acts(&decode(word.as_bytes(), true, &options, &One).text);
        assert_eq!(
            send(r"\T\U\c"),
            [
                Act::Byte(b'1'),
                Act::Short,
                Act::Byte(b'2'),
                // Protected by the number's own backslash.
                Act::Byte(b'3'),
            ]
        );
        assert_eq!(
            send(r"$NAME-\$NAME$no$\c"),
            [bytes(b"a"), vec![Act::Long], bytes(b"b-$NAME")].concat()
        );
        assert_eq!(send(r"\T\c").last(), Some(&Act::Byte(b'2')));
        let expect = decode(b"$NAME", false, &options, &One);
        assert_eq!(expect.text, b"a\\db");
    }

    #[test]
    fn the_log_shows_every_byte() {
        assert_eq!(visible(b"AT\r\0\x7f\xe1\x8d~"), "AT^M^@^?M-aM-^M~");
    }
}

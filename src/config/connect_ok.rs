//! Adds `CONNECT_OK=1` to the text of a configuration file (spec C26, D5).
//!
//! The existing system appends the line after the first success, and so do we: nothing else in the file changes, not a
//! byte. What comes out is read again before it is given back: if it does not mean the same file with the mark set, there
//! is no new text, and the mark belongs into the state directory instead. Writing the file is the caller's business
//! (`io::state_file::replace_keeping_mode`).

use super::{Config, Diagnostic, Peers, device, is_native, read_any};

/// The line of the `KEY=VALUE` format.
const KEYVALUE: &[u8] = b"CONNECT_OK=1";

/// The line of uplinkd.toml, in its section.
const NATIVE: &[u8] = b"connect_ok = true";

const SECTION: &[u8] = b"[modem]";

/// Why the mark cannot stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectOkError {
    /// Somebody is at work on it.
    #[error("the configuration file has errors")]
    Unreadable,
    /// Such as a uplinkd.toml whose `modem` is an inline table, or a file that would become too large.
    #[error("there is no place for it in the configuration file")]
    NoPlace,
}

/// The text of the file with the mark; `None` if it has it already. `name` chooses the format as in [`read`](super::read).
///
/// A comment that has the line does not count, nor a line that a later one overrides.
///
/// # Errors
///
/// [`ConnectOkError`]: the file stays as it is.
pub fn add(name: &str, text: &[u8]) -> Result<Option<Vec<u8>>, ConnectOkError> {
    let (Some(config), _) = read(name, text) else {
        return Err(ConnectOkError::Unreadable);
    };
    if config.connect_ok {
        return Ok(None);
    }
    let marked = if is_native(name) {
        in_section(text)
    } else {
        appended(text, &[KEYVALUE])
    };
    let wanted = Config {
        connect_ok: true,
        ..config
    };
    let (found, _) = read(name, &marked);
    match found {
        Some(found) if found == wanted => Ok(Some(marked)),
        Some(_) | None => Err(ConnectOkError::NoPlace),
    }
}

/// The mark stands in the main file, whatever a peers file that it names says.
fn read(name: &str, text: &[u8]) -> (Option<Config>, Vec<Diagnostic>) {
    read_any(name, text, device::Models::default(), Peers::Skip)
}

/// `text` with `lines` at its end, in the manner of its line ends.
fn appended(text: &[u8], lines: &[&[u8]]) -> Vec<u8> {
    let end = line_end(text);
    let mut marked = text.to_vec();
    let is_whole = text.is_empty() || text.ends_with(b"\n") || text == b"\xef\xbb\xbf";
    if !is_whole {
        marked.extend(end);
    }
    for line in lines {
        marked.extend(*line);
        marked.extend(end);
    }
    marked
}

/// `text` with the mark right behind the head of its section, or with a section of its own at the end. An existing
/// `connect_ok = false` is replaced where it stands.
fn in_section(text: &[u8]) -> Vec<u8> {
    let end = line_end(text);
    let mut marked = Vec::with_capacity(text.len() + NATIVE.len() + end.len());
    let mut in_modem = false;
    let mut done = false;
    let former = text.split_inclusive(|byte| *byte == b'\n').any(is_former);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let words = line.trim_ascii();
        if words.starts_with(b"[") {
            in_modem = head_is_modem(words);
        }
        if in_modem && !done && is_former(line) {
            let kept = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            let indent = kept.len() - kept.trim_ascii_start().len();
            marked.extend(kept.get(..indent).unwrap_or_default());
            marked.extend(NATIVE);
            let trimmed = line.trim_ascii_end().len();
            marked.extend(line.get(trimmed..).unwrap_or_default());
            done = true;
            continue;
        }
        marked.extend(line);
        if in_modem && !done && !former && head_is_modem(words) {
            if !line.ends_with(b"\n") {
                marked.extend(end);
            }
            marked.extend(NATIVE);
            marked.extend(end);
            done = true;
        }
    }
    if done {
        marked
    } else {
        appended(text, &[b"", SECTION, NATIVE])
    }
}

/// Whether a line is the head of the section, perhaps with a comment behind.
fn head_is_modem(words: &[u8]) -> bool {
    let words = words.strip_prefix(b"\xef\xbb\xbf").unwrap_or(words);
    words.strip_prefix(SECTION).is_some_and(|behind| {
        let behind = behind.trim_ascii_start();
        behind.is_empty() || behind.starts_with(b"#")
    })
}

/// Whether a line says `connect_ok = false`.
fn is_former(line: &[u8]) -> bool {
    let Some(behind) = line.trim_ascii().strip_prefix(b"connect_ok") else {
        return false;
    };
    behind
        .trim_ascii_start()
        .strip_prefix(b"=")
        .is_some_and(|value| value.trim_ascii_start() == b"false")
}

/// As the file's first line ends.
fn line_end(text: &[u8]) -> &'static [u8] {
    let first = text.split_inclusive(|byte| *byte == b'\n').next();
    if first.is_some_and(|line| line.ends_with(b"\r\n")) {
        b"\r\n"
    } else {
        b"\n"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn added(name: &str, text: &str) -> Result<Option<String>, ConnectOkError> {
        let marked = add(name, text.as_bytes())?;
        Ok(marked.map(|text| String::from_utf8(text).unwrap()))
    }

    #[test]
    fn the_line_is_appended_as_the_existing_system_appends_it() {
        for (text, marked) in [
            ("APN=dream.jp\n", "APN=dream.jp\nCONNECT_OK=1\n"),
            ("APN=dream.jp", "APN=dream.jp\nCONNECT_OK=1\n"),
            (
                "APN=a\r\nHOLDOFF=5",
                "APN=a\r\nHOLDOFF=5\r\nCONNECT_OK=1\r\n",
            ),
            ("", "CONNECT_OK=1\n"),
            ("\u{feff}", "\u{feff}CONNECT_OK=1\n"),
            ("\n", "\nCONNECT_OK=1\n"),
            ("APN=a\n# end", "APN=a\n# end\nCONNECT_OK=1\n"),
            // None of these is the mark.
            ("# CONNECT_OK=1\n", "# CONNECT_OK=1\nCONNECT_OK=1\n"),
            ("CONNECT_OK=\n", "CONNECT_OK=\nCONNECT_OK=1\n"),
            (
                "CONNECT_OK=1\nCONNECT_OK=\n",
                "CONNECT_OK=1\nCONNECT_OK=\nCONNECT_OK=1\n",
            ),
        ] {
            assert_eq!(added("ppp", text), Ok(Some(marked.to_owned())), "{text:?}");
            assert_eq!(added("ppp", marked), Ok(None), "{marked:?}");
        }
    }

    #[test]
    fn a_file_that_has_it_is_left_alone() {
        for text in [
            "CONNECT_OK=1",
            "export CONNECT_OK='1'\nAPN=a\n",
            "CONNECT_OK=\nCONNECT_OK=1\n",
        ] {
            assert_eq!(added("ppp", text), Ok(None), "{text:?}");
        }
        let text = "[modem]\nconnect_ok = true\n";
        assert_eq!(added("x.toml", text), Ok(None));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept() {
        let text = b"# \x93\xfa\x96{\nAPN=a\n";
        let marked = add("ppp", text).unwrap().unwrap();
        assert_eq!(marked, [&text[..], b"CONNECT_OK=1\n"].concat());
    }

    #[test]
    fn a_file_with_errors_is_not_touched() {
        for text in ["HOLDOFF=x\n", "APN=\"a\n", "APN=a\\", "CONNECT_OK=0\n"] {
            assert_eq!(
                added("ppp", text),
                Err(ConnectOkError::Unreadable),
                "{text:?}"
            );
        }
        let full = format!("#{}\n", "x".repeat((1 << 20) - 2));
        assert_eq!(added("ppp", &full), Err(ConnectOkError::NoPlace));
        assert_eq!(added("x.toml", "[modem\n"), Err(ConnectOkError::Unreadable));
    }

    #[test]
    fn the_native_format_has_it_in_its_section() {
        for (text, marked) in [
            (
                "[modem]\napn = \"a\"\n[ppp]\nauth = \"PAP\"\n",
                "[modem]\nconnect_ok = true\napn = \"a\"\n[ppp]\nauth = \"PAP\"\n",
            ),
            (
                "[ppp]\r\n [modem] # mine",
                "[ppp]\r\n [modem] # mine\r\nconnect_ok = true\r\n",
            ),
            ("", "\n[modem]\nconnect_ok = true\n"),
            (
                "[supervision]\nholdoff = 7",
                "[supervision]\nholdoff = 7\n\n[modem]\nconnect_ok = true\n",
            ),
            (
                "[modem]\napn = \"a\"\n  connect_ok = false\n",
                "[modem]\napn = \"a\"\n  connect_ok = true\n",
            ),
            (
                "[modem]\n# connect_ok = true\n",
                "[modem]\nconnect_ok = true\n# connect_ok = true\n",
            ),
        ] {
            assert_eq!(
                added("x.toml", text),
                Ok(Some(marked.to_owned())),
                "{text:?}"
            );
        }
    }

    #[test]
    fn where_the_native_format_has_no_place_the_file_stays() {
        for text in [
            "modem = { apn = \"a\" }\n",
            "modem.apn = \"a\"\n",
            "[modem]\nconnect_ok = false # not yet\n",
        ] {
            assert_eq!(
                added("x.toml", text),
                Err(ConnectOkError::NoPlace),
                "{text:?}"
            );
        }
    }

    proptest! {
        /// The former text is still there, whole, and the mark is set once.
        #[test]
        fn nothing_else_changes(lines in proptest::collection::vec(
            "APN=[a-z]{1,5}|HOLDOFF=[0-9]|#.*|CONNECT_OK=1?| *|MONITOR=yes|\\PC*", 0..12
        ), end in "\n|\r\n|") {
            let text = lines.join("\n") + &end;
            if let Ok(Some(marked)) = add("ppp", text.as_bytes()) {
                prop_assert!(marked.starts_with(text.as_bytes()));
                prop_assert_eq!(add("ppp", &marked), Ok(None));
            }
        }

        #[test]
        fn any_native_file_keeps_its_meaning(lines in proptest::collection::vec(
            "\\[modem\\]|\\[ppp\\]|apn = \"[a-z]\"|connect_ok = false|account = \"\"\"|\"\"\"|auth = \"PAP\"|#.*", 0..8
        )) {
            let text = lines.join("\n");
            if let Ok(Some(marked)) = add("x.toml", text.as_bytes()) {
                let (before, _) = read("x.toml", text.as_bytes());
                let (after, _) = read("x.toml", &marked);
                let unmarked = after.map(|config| Config { connect_ok: false, ..config });
                prop_assert_eq!(format!("{before:?}"), format!("{unmarked:?}"));
                prop_assert_eq!(add("x.toml", &marked), Ok(None));
            }
        }
    }
}

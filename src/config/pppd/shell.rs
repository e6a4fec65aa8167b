//! A command line as pppd hands it to `/bin/sh -c`: taken apart into words as long as a shell would do nothing else with it.

/// What a shell would do with a command besides splitting it into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beyond {
    /// A pipe, a list, a redirection, a subshell.
    Operator(char),
    /// A variable or a command is replaced by its value.
    Expansion(char),
    /// A quote is never closed.
    Quote(char),
}

/// The words of a simple command.
///
/// Patterns (`*99#`) stay as they are, as in a folder where nothing matches: pppd's is `/`.
pub(super) fn split(command: &str) -> Result<Vec<String>, Beyond> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '#' if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err(Beyond::Quote('\'')),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some(c @ ('$' | '`')) => return Err(Beyond::Expansion(c)),
                        Some('\\') => match chars.next() {
                            Some('\n') => {}
                            Some(c @ ('$' | '`' | '"' | '\\')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err(Beyond::Quote('"')),
                        },
                        Some(c) => word.push(c),
                        None => return Err(Beyond::Quote('"')),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().push(c),
                None => word.get_or_insert_default().push('\\'),
            },
            // A dollar sign before a blank is one.
            '$' if chars.peek().is_none_or(|next| next.is_whitespace()) => {
                word.get_or_insert_default().push('$');
            }
            '$' | '`' => return Err(Beyond::Expansion(c)),
            ';' | '&' | '|' | '<' | '>' | '(' | ')' => return Err(Beyond::Operator(c)),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (command, expected) in [
            (
                "/usr/sbin/chat -v '' ATZ OK \"AT+X=\\\"a\\\"\" CONNECT '\\d\\c'",
                &[
                    "/usr/sbin/chat",
                    "-v",
                    "",
                    "ATZ",
                    "OK",
                    "AT+X=\"a\"",
                    "CONNECT",
                    "\\d\\c",
                ][..],
            ),
            (
                "chat ATDT*99***1# a'b'\"c\"\\ d \"x\\y\" $ # no",
                &["chat", "ATDT*99***1#", "abc d", "x\\y", "$"],
            ),
            ("  \n", &[]),
            ("a\\\nb \"c\\\nd\"", &["ab", "cd"]),
            ("x 'a\nb'", &["x", "a\nb"]),
        ] {
            assert_eq!(split(command).unwrap(), expected, "{command}");
        }
    }

    #[test]
    fn what_only_a_shell_can_do_is_told() {
        for (command, beyond) in [
            ("a; b", Beyond::Operator(';')),
            ("a && b", Beyond::Operator('&')),
            ("a 2>/dev/null", Beyond::Operator('>')),
            ("a $B", Beyond::Expansion('$')),
            ("a \"$B\"", Beyond::Expansion('$')),
            ("a `b`", Beyond::Expansion('`')),
            ("a 'b", Beyond::Quote('\'')),
            ("a \"b\\", Beyond::Quote('"')),
        ] {
            assert_eq!(split(command), Err(beyond), "{command}");
        }
    }
}

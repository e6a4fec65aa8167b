//! One line of a shell-style `KEY=VALUE` file, taken apart as the shell that used to read it would.
//!
//! Quotes, quoting backslashes and concatenation are done as the shell does them. What the shell would have expanded or
//! executed is not: it is pointed out as a [`Flaw`]. A value ends with its line.

/// What a line is.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Line {
    /// Blank, a comment, or an `export` without a value.
    Blank,
    /// `KEY=VALUE`, perhaps with flaws.
    Assignment(Assignment),
    /// Anything else.
    Other {
        /// The word it starts with, if it could be a key.
        word: Option<String>,
        /// What follows the word and a separator.
        rest: String,
        /// Where the text starts, from 1.
        column: usize,
        /// How many characters it has.
        width: usize,
    },
}

/// `KEY=VALUE`. `Debug` in tests only: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Assignment {
    pub(super) key: String,
    /// From 1.
    pub(super) key_column: usize,
    /// Without its quotes. What would have been expanded stands there as it is.
    pub(super) value: String,
    /// The value together with the text behind it, as if it had been quoted.
    pub(super) whole: String,
    /// Where the value starts, from 1.
    pub(super) column: usize,
    /// How many characters it has in the file.
    pub(super) width: usize,
    pub(super) flaws: Vec<Flaw>,
}

/// Something in a line that is not as it should be.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Flaw {
    pub(super) kind: FlawKind,
    /// From 1.
    pub(super) column: usize,
    /// In characters.
    pub(super) width: usize,
}

#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum FlawKind {
    /// A `#` note behind the value: let pass.
    Note,
    /// `$NAME`, `${NAME}`: the text, and the name if it is one.
    Variable { text: String, name: Option<String> },
    /// `$(...)` or backticks.
    Command { text: String },
    /// `$'...'` or `$"..."`.
    DollarQuote,
    /// A second `KEY=` behind the value.
    SecondAssignment,
    /// Other text behind the value.
    TextAfter,
    /// White space that the shell does not know as such, such as the full-width one.
    ForeignSpace,
    /// `;`, `&`, `|`, `<`, `>` or a parenthesis: ends the value in the shell.
    Operator(char),
    /// White space before or behind the equals sign.
    SpaceRoundEquals,
    /// `KEY+=VALUE`.
    Append,
    /// The line ends within quotes.
    UnclosedQuote(char),
    /// The line ends with a backslash.
    Continuation,
    /// A control character.
    Control(char),
    /// Bytes that are not UTF-8 (replaced before).
    NotUtf8,
}

impl FlawKind {
    /// Whether the start may go on with it.
    pub(super) fn is_harmless(&self) -> bool {
        *self == Self::Note
    }
}

/// Takes `text`, a line without its end, apart.
pub(super) fn line(text: &str) -> Line {
    let mut cursor = Cursor {
        chars: text.chars().collect(),
        at: 0,
    };
    cursor.skip_blanks();
    if matches!(cursor.peek(), None | Some('#')) {
        return Line::Blank;
    }
    let start = cursor.at;
    let mut key_at = cursor.at;
    let mut key = cursor.word();
    if key == "export" && cursor.peek().is_some_and(is_blank) {
        cursor.skip_blanks();
        key_at = cursor.at;
        key = cursor.word();
        let rest = cursor.clone().rest();
        if !key.is_empty() && (rest.is_empty() || rest.starts_with('#')) {
            return Line::Blank;
        }
    }
    let behind_key = cursor.at;
    let append = cursor.peek() == Some('+') && cursor.peek_at(1) == Some('=');
    if append {
        cursor.at += 1;
    }
    cursor.skip_blanks();
    if key.is_empty() || cursor.peek() != Some('=') {
        cursor.at = behind_key;
        let rest = cursor.rest();
        return Line::Other {
            word: Some(key).filter(|key| !key.is_empty()),
            rest: rest
                .trim_start_matches(':')
                .trim_matches([' ', '\t'])
                .to_owned(),
            column: start + 1,
            width: text.chars().count() - start,
        };
    }
    let space_before = !append && cursor.at > behind_key;
    cursor.at += 1;
    let behind_equals = cursor.at;

    let mut lexer = Lexer {
        cursor,
        value: String::new(),
        flaws: Vec::new(),
        stopped: false,
    };
    if append {
        lexer.flaw(FlawKind::Append, behind_key, behind_key + 2);
    }
    if space_before {
        lexer.flaw(FlawKind::SpaceRoundEquals, behind_key, behind_equals);
    }
    if lexer.cursor.peek().is_some_and(is_blank) {
        lexer.cursor.skip_blanks();
        // `KEY= # note` is an empty value with a note, `KEY= <--- note` one with other text.
        let value_follows = lexer.cursor.peek().is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '"' | '\'' | '/' | '-' | '.' | '$' | '`' | '\\')
        });
        if value_follows && !space_before {
            let at = lexer.cursor.at;
            lexer.flaw(FlawKind::SpaceRoundEquals, behind_equals, at);
        }
        if !value_follows {
            lexer.cursor.at = behind_equals;
        }
    }
    let value_at = lexer.cursor.at;
    lexer.value();
    let width = lexer.cursor.at - value_at;
    let value = lexer.value.clone();
    lexer.trailing();
    Line::Assignment(Assignment {
        key,
        key_column: key_at + 1,
        value,
        whole: lexer.value,
        column: value_at + 1,
        width,
        flaws: lexer.flaws,
    })
}

/// `value` as it can stand in the file.
pub(super) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.@:/,+%=-#~*?!^[]{}".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else if !value.contains('\'') {
        format!("'{value}'")
    } else {
        let mut text = String::from("\"");
        for c in value.chars() {
            if matches!(c, '"' | '\\' | '$' | '`') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
        text
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[derive(Clone)]
struct Cursor {
    chars: Vec<char>,
    at: usize,
}

impl Cursor {
    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// A name of the shell: letters, digits, underscores, no digit first; empty if there is none.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| *c == '_' || c.is_ascii_alphanumeric())
        {
            if word.is_empty() && c.is_ascii_digit() {
                break;
            }
            word.push(c);
            self.at += 1;
        }
        word
    }

    /// What is left, without blanks round it.
    fn rest(self) -> String {
        let rest: String = self.chars.into_iter().skip(self.at).collect();
        rest.trim_matches([' ', '\t']).to_owned()
    }

    fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at.checked_add(ahead)?).copied()
    }
}

struct Lexer {
    cursor: Cursor,
    value: String,
    flaws: Vec<Flaw>,
    /// Nothing behind is to be looked at any more: what was found explains it.
    stopped: bool,
}

impl Lexer {
    /// Reads the value up to its end.
    fn value(&mut self) {
        while let Some(c) = self.cursor.peek() {
            let at = self.cursor.at;
            match c {
                ' ' | '\t' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => return,
                c if is_foreign_space(c) => return,
                '\'' => self.single_quoted(),
                '"' => self.double_quoted(),
                '$' | '`' => self.expansion(false),
                '\\' => {
                    self.cursor.at += 1;
                    match self.cursor.next() {
                        Some(escaped) => self.push(escaped, at + 1),
                        None => {
                            self.flaw(FlawKind::Continuation, at, at + 1);
                            self.stopped = true;
                        }
                    }
                }
                c => {
                    self.cursor.at += 1;
                    self.push(c, at);
                }
            }
        }
    }

    fn single_quoted(&mut self) {
        let open = self.cursor.at;
        self.cursor.at += 1;
        loop {
            let at = self.cursor.at;
            match self.cursor.next() {
                Some('\'') => return,
                Some(c) => self.push(c, at),
                None => return self.unclosed('\'', open),
            }
        }
    }

    fn double_quoted(&mut self) {
        let open = self.cursor.at;
        self.cursor.at += 1;
        loop {
            let at = self.cursor.at;
            match self.cursor.peek() {
                Some('$' | '`') => {
                    self.expansion(true);
                    continue;
                }
                Some('\\') => {
                    let next = self.cursor.peek_at(1);
                    if let Some(escaped @ ('$' | '`' | '"' | '\\')) = next {
                        self.cursor.at += 2;
                        self.push(escaped, at + 1);
                        continue;
                    }
                }
                Some(_) | None => {}
            }
            match self.cursor.next() {
                Some('"') => return,
                Some(c) => self.push(c, at),
                None => return self.unclosed('"', open),
            }
        }
    }

    fn unclosed(&mut self, quote: char, open: usize) {
        self.flaw(FlawKind::UnclosedQuote(quote), open, open + 1);
        self.stopped = true;
    }

    /// At a dollar sign or a backtick: what the shell would have expanded becomes a flaw; a dollar sign that it would
    /// have left alone is a character.
    fn expansion(&mut self, in_quotes: bool) {
        let at = self.cursor.at;
        let Some(first) = self.cursor.next() else {
            return;
        };
        if first == '`' {
            let text = self.take_to('`');
            return self.expanded(
                at,
                FlawKind::Command {
                    text: format!("`{text}"),
                },
            );
        }
        match self.cursor.peek() {
            Some('(') => {
                let text = self.take_to(')');
                self.expanded(
                    at,
                    FlawKind::Command {
                        text: format!("${text}"),
                    },
                );
            }
            Some('{') => {
                let text = self.take_to('}');
                let name = text
                    .strip_prefix('{')
                    .and_then(|text| text.strip_suffix('}'));
                let name = name.filter(|name| is_name(name)).map(str::to_owned);
                self.expanded(
                    at,
                    FlawKind::Variable {
                        text: format!("${text}"),
                        name,
                    },
                );
            }
            Some('\'' | '"') if !in_quotes => {
                self.flaw(FlawKind::DollarQuote, at, at + 1);
            }
            Some(c) if c == '_' || c.is_ascii_alphabetic() => {
                let name = self.cursor.word();
                let text = format!("${name}");
                self.expanded(
                    at,
                    FlawKind::Variable {
                        text,
                        name: Some(name),
                    },
                );
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.cursor.at += 1;
                self.expanded(
                    at,
                    FlawKind::Variable {
                        text: format!("${c}"),
                        name: None,
                    },
                );
            }
            Some(_) | None => self.push('$', at),
        }
    }

    fn expanded(&mut self, from: usize, kind: FlawKind) {
        if let FlawKind::Variable { text, .. } | FlawKind::Command { text } = &kind {
            self.value.push_str(text);
        }
        let to = self.cursor.at;
        self.flaw(kind, from, to);
    }

    /// The text up to and with `end`, or up to the line's end.
    fn take_to(&mut self, end: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.cursor.next() {
            text.push(c);
            if c == end {
                break;
            }
        }
        text
    }

    /// Looks at what stands behind the value.
    fn trailing(&mut self) {
        if self.stopped {
            return;
        }
        let value_end = self.cursor.at;
        let space = self.cursor.peek().is_some_and(is_blank);
        self.cursor.skip_blanks();
        let at = self.cursor.at;
        let Some(c) = self.cursor.peek() else { return };
        let end = self
            .cursor
            .chars
            .iter()
            .rposition(|c| !is_blank(*c))
            .map_or(at, |last| last + 1);
        let behind: String = self.cursor.chars.iter().take(end).skip(value_end).collect();
        if c == '#' && space {
            return self.flaw(FlawKind::Note, at, end);
        }
        let mut ahead = self.cursor.clone();
        if !ahead.word().is_empty() && ahead.peek() == Some('=') {
            return self.flaw(FlawKind::SecondAssignment, at, end);
        }
        match c {
            ';' | '&' | '|' | '<' | '>' | '(' | ')' if !space => {
                self.flaw(FlawKind::Operator(c), at, at + 1);
            }
            c if is_foreign_space(c) => self.flaw(FlawKind::ForeignSpace, at, at + 1),
            _ => self.flaw(FlawKind::TextAfter, at, end),
        }
        self.value.push_str(&behind);
    }

    /// Adds a character of the value that stands at `at`.
    fn push(&mut self, c: char, at: usize) {
        if c == char::REPLACEMENT_CHARACTER {
            self.flaw(FlawKind::NotUtf8, at, at + 1);
        } else if c.is_control() {
            self.flaw(FlawKind::Control(c), at, at + 1);
        }
        self.value.push(c);
    }

    fn flaw(&mut self, kind: FlawKind, from: usize, to: usize) {
        // One mention of unreadable bytes in a row is enough.
        if let (FlawKind::NotUtf8, Some(last)) = (&kind, self.flaws.last_mut())
            && last.kind == kind
            && last.column + last.width == from + 1
        {
            last.width += to.saturating_sub(from);
            return;
        }
        self.flaws.push(Flaw {
            kind,
            column: from + 1,
            width: to.saturating_sub(from).max(1),
        });
    }
}

fn is_foreign_space(c: char) -> bool {
    c.is_whitespace() && !c.is_ascii()
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;

//! Problems in a configuration file, as a person wants to see them: file, line, column, caret, what was expected.

use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// What stands in a line of the file where a secret stood.
pub(super) const HIDDEN: &str = "<hidden>";

/// How many characters of a long line are shown.
const SHOWN: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The start goes on.
    Warning,
    /// The start is refused.
    Error,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1; 0 for a problem of the file as a whole, such as a setting that is missing.
    pub line: usize,
    /// Column in characters, from 1; 0 where the line is 0.
    pub column: usize,
    /// How many characters it spans (at least 1).
    pub width: usize,
    /// The text of the line. Secrets are replaced, so that a column may lie behind its end.
    pub source: String,
    /// What is wrong.
    pub message: String,
    /// What was expected, the nearest right thing.
    pub help: Option<String>,
}

impl Diagnostic {
    /// The problem with its line and a caret, over several lines, without a line end at the end. No colour.
    pub fn render(&self) -> String {
        let level = match self.severity {
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let group = Group::with_title(level.primary_title(printable(&self.message)));
        let origin = Origin::path(printable(&self.file));
        let mut group = if self.line == 0 {
            group.element(origin)
        } else {
            let excerpt = self.excerpt();
            let annotation = AnnotationKind::Primary.span(excerpt.start..excerpt.end);
            group
                .element(origin.line(self.line).char_column(self.column))
                .element(
                    Snippet::source(excerpt.text)
                        .line_start(self.line)
                        .annotation(annotation),
                )
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(printable(help)));
        }
        let text = Renderer::plain()
            .decor_style(DecorStyle::Ascii)
            .render(&[group]);
        // The place is given apart from the excerpt, which may be cut or hold a replaced secret; the renderer then
        // draws a mark between the two as if they were two places.
        let lines: Vec<&str> = text.lines().filter(|line| line.trim() != ":::").collect();
        lines.join("\n")
    }

    /// The line as it is shown, and the bytes of it that the caret marks.
    fn excerpt(&self) -> Excerpt {
        let chars: Vec<char> = self.source.chars().map(printable_char).collect();
        let mut from = self.column.saturating_sub(1).min(chars.len());
        let mut to = from.saturating_add(self.width.max(1)).min(chars.len());
        if let Some(at) = self.source.find(HIDDEN) {
            let hidden = self
                .source
                .get(..at)
                .map_or(0, |before| before.chars().count());
            if self.column > hidden {
                (from, to) = (hidden, hidden + HIDDEN.len());
            }
        }
        let first = if chars.len() <= SHOWN {
            0
        } else {
            from.saturating_sub(SHOWN / 2)
        };
        let last = if chars.len() <= SHOWN {
            chars.len()
        } else {
            first.saturating_add(SHOWN)
        };

        let mut excerpt = Excerpt {
            text: String::new(),
            start: 0,
            end: 0,
        };
        if first > 0 {
            excerpt.text.push_str("...");
        }
        excerpt.start = excerpt.text.len();
        excerpt.end = excerpt.text.len();
        for (index, c) in chars.iter().enumerate().take(last).skip(first) {
            if index == from {
                excerpt.start = excerpt.text.len();
            }
            excerpt.text.push(*c);
            if index < to {
                excerpt.end = excerpt.text.len();
            }
        }
        if from >= chars.len() {
            (excerpt.start, excerpt.end) = (excerpt.text.len(), excerpt.text.len());
        }
        if last < chars.len() {
            excerpt.text.push_str("...");
        }
        excerpt
    }
}

/// One line, for a log: `FILE:LINE:COLUMN: error: what is wrong; expected this`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        f.write_str(&printable(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {severity}: {}", printable(&self.message))?;
        if let Some(help) = &self.help {
            write!(f, "; {}", printable(help))?;
        }
        Ok(())
    }
}

struct Excerpt {
    text: String,
    start: usize,
    end: usize,
}

/// The text of a file must not move the cursor of whoever reads the problem, nor turn the direction of his text.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(printable_char).collect()
}

fn printable_char(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn diagnostic() -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: "/etc/default/ppp".to_owned(),
            line: 12,
            column: 9,
            width: 2,
            source: "HOLDOFF=5s".to_owned(),
            message: "HOLDOFF: \"5s\" is not a whole number".to_owned(),
            help: Some("expected 0 to 86400 (seconds)".to_owned()),
        }
    }

    #[test]
    fn shows_line_caret_and_help() {
        assert_eq!(
            diagnostic().render(),
            "error: HOLDOFF: \"5s\" is not a whole number
  --> /etc/default/ppp:12:9
   |
12 | HOLDOFF=5s
   |         ^^
   |
   = help: expected 0 to 86400 (seconds)"
        );
        assert_eq!(
            diagnostic().to_string(),
            "/etc/default/ppp:12:9: error: HOLDOFF: \"5s\" is not a whole number; expected 0 to 86400 (seconds)"
        );
    }

    #[test]
    fn shows_a_problem_of_the_whole_file_without_a_line() {
        let whole = Diagnostic {
            severity: Severity::Warning,
            line: 0,
            column: 0,
            message: "APN is not set".to_owned(),
            help: None,
            ..diagnostic()
        };
        assert_eq!(
            whole.render(),
            "warning: APN is not set\n--> /etc/default/ppp"
        );
        assert_eq!(
            whole.to_string(),
            "/etc/default/ppp: warning: APN is not set"
        );
    }

    #[test]
    fn marks_a_hidden_secret_as_a_whole() {
        let secret = Diagnostic {
            line: 3,
            column: 40,
            width: 1,
            source: "PASSWORD=<hidden>".to_owned(),
            message: "no".to_owned(),
            help: None,
            ..diagnostic()
        };
        assert_eq!(
            secret.render(),
            "error: no
 --> /etc/default/ppp:3:40
  |
3 | PASSWORD=<hidden>
  |          ^^^^^^^^"
        );
    }

    #[test]
    fn cuts_a_long_line_round_the_caret() {
        let long = Diagnostic {
            line: 1,
            column: 301,
            width: 1,
            source: format!("{}!{}", "a".repeat(300), "b".repeat(300)),
            message: "no".to_owned(),
            help: None,
            ..diagnostic()
        };
        let shown = format!("...{}!{}...", "a".repeat(50), "b".repeat(49));
        assert_eq!(
            long.render(),
            format!(
                "error: no\n --> /etc/default/ppp:1:301\n  |\n1 | {shown}\n  | {}^",
                " ".repeat(53)
            )
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let hostile = Diagnostic {
            line: 1,
            column: 5,
            width: 1,
            source: "APN=\u{1b}[2J\u{202e}".to_owned(),
            message: "a\nb".to_owned(),
            help: Some("\u{7}".to_owned()),
            file: "x\u{1b}[0m".to_owned(),
            ..diagnostic()
        };
        let shown = format!("{}{hostile}", hostile.render().replace('\n', ""));
        assert!(
            !shown.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{shown:?}"
        );
    }

    proptest! {
        #[test]
        fn any_diagnostic_can_be_shown(
            source in "\\PC*|.*",
            message in ".*",
            line in 0usize..100_000,
            column in 0usize..2_000,
            width in 0usize..2_000,
        ) {
            let any = Diagnostic { line, column, width, source, message, ..diagnostic() };
            prop_assert!(any.render().lines().count() >= 2);
            prop_assert_eq!(any.to_string().lines().count(), 1);
        }
    }
}

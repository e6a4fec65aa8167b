use proptest::prelude::*;

use super::*;

fn value(text: &str) -> String {
    match line(text) {
        Line::Assignment(Assignment { value, flaws, .. }) if flaws.is_empty() => value,
        other => panic!("{text}: {other:?}"),
    }
}

fn flaws(text: &str) -> Vec<(FlawKind, usize, usize)> {
    match line(text) {
        Line::Assignment(Assignment { flaws, .. }) => flaws
            .into_iter()
            .map(|flaw| (flaw.kind, flaw.column, flaw.width))
            .collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn reads_values_as_the_shell_does() {
    for (text, expected) in [
        ("K=", ""),
        ("K=   ", ""),
        ("K=v", "v"),
        ("  K=v \t", "v"),
        ("export K=v", "v"),
        ("K='a b'", "a b"),
        ("K=\"a b\"", "a b"),
        ("K=a'b c'\"d e\"f", "ab cd ef"),
        ("K=''", ""),
        ("K=\"a\\\"b\\$c\\\\d\\e\"", "a\"b$c\\d\\e"),
        ("K='a\\b'", "a\\b"),
        ("K=a\\ b\\$c", "a b$c"),
        ("K=a#b", "a#b"),
        ("K=#b", "#b"),
        ("K=a=b", "a=b"),
        ("K=a$", "a$"),
        ("K=\"a$ b\"", "a$ b"),
        ("K='$x `y` $(z)'", "$x `y` $(z)"),
        ("K=*99***1#", "*99***1#"),
        ("K=日本", "日本"),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn blank_lines_comments_and_bare_exports_are_nothing() {
    for text in [
        "",
        "  \t",
        "# PPP config",
        "   # x=`y`",
        "export APN",
        "export APN # x",
    ] {
        assert_eq!(line(text), Line::Blank, "{text}");
    }
}

#[test]
fn points_at_what_is_wrong() {
    let variable = |text: &str, name: Option<&str>| FlawKind::Variable {
        text: text.to_owned(),
        name: name.map(str::to_owned),
    };
    let command = |text: &str| FlawKind::Command {
        text: text.to_owned(),
    };
    for (text, expected) in [
        ("K=a$b", vec![(variable("$b", Some("b")), 4, 2)]),
        ("K=\"${b}\"", vec![(variable("${b}", Some("b")), 4, 4)]),
        ("K=${b:-c}", vec![(variable("${b:-c}", None), 3, 7)]),
        ("K=$$", vec![(variable("$$", None), 3, 2)]),
        ("K=$(cat x)y", vec![(command("$(cat x)"), 3, 8)]),
        ("K=`cat x`", vec![(command("`cat x`"), 3, 7)]),
        ("K=$'x'", vec![(FlawKind::DollarQuote, 3, 1)]),
        ("K=5 # note", vec![(FlawKind::Note, 5, 6)]),
        ("K= # note", vec![(FlawKind::Note, 4, 6)]),
        ("K=44020 <--- note  ", vec![(FlawKind::TextAfter, 9, 9)]),
        ("K= <--- note", vec![(FlawKind::TextAfter, 4, 9)]),
        ("K=a; L=b", vec![(FlawKind::Operator(';'), 4, 1)]),
        ("K=a L=b", vec![(FlawKind::SecondAssignment, 5, 3)]),
        ("K=5\u{3000}# x", vec![(FlawKind::ForeignSpace, 4, 1)]),
        ("K = v", vec![(FlawKind::SpaceRoundEquals, 2, 2)]),
        ("K =v", vec![(FlawKind::SpaceRoundEquals, 2, 2)]),
        ("K= v", vec![(FlawKind::SpaceRoundEquals, 3, 1)]),
        ("K+=v", vec![(FlawKind::Append, 2, 2)]),
        ("K='v", vec![(FlawKind::UnclosedQuote('\''), 3, 1)]),
        ("K=a\"v", vec![(FlawKind::UnclosedQuote('"'), 4, 1)]),
        ("K=v\\", vec![(FlawKind::Continuation, 4, 1)]),
        ("K=a\u{0}b", vec![(FlawKind::Control('\u{0}'), 4, 1)]),
        ("K=a\u{fffd}\u{fffd}b", vec![(FlawKind::NotUtf8, 4, 2)]),
    ] {
        assert_eq!(flaws(text), expected, "{text}");
    }
}

#[test]
fn other_lines_tell_the_key_that_was_perhaps_meant() {
    assert_eq!(
        line(" HOLDOFF: 5"),
        Line::Other {
            word: Some("HOLDOFF".to_owned()),
            rest: "5".to_owned(),
            column: 2,
            width: 10
        }
    );
    assert_eq!(
        line("=5"),
        Line::Other {
            word: None,
            rest: "=5".to_owned(),
            column: 1,
            width: 2
        }
    );
}

#[test]
fn quotes_only_what_needs_it() {
    assert_eq!(quoted("user@dream.jp"), "user@dream.jp");
    assert_eq!(quoted("a b$c"), "'a b$c'");
    assert_eq!(quoted("it's $5"), "\"it's \\$5\"");
}

proptest! {
    #[test]
    fn any_line_can_be_read_and_columns_lie_in_it(text in "[^\\n]*") {
        let length = text.chars().count();
        match line(&text) {
            Line::Blank => {}
            Line::Other { column, width, .. } => prop_assert!(column + width <= length + 1),
            Line::Assignment(found) => {
                prop_assert!(found.column + found.width <= length + 1);
                for flaw in found.flaws {
                    prop_assert!(flaw.column >= 1 && flaw.column <= length + 1, "{:?}", flaw);
                }
            }
        }
    }

    #[test]
    fn what_is_quoted_reads_back(text in "\\PC*") {
        prop_assume!(!text.contains(char::REPLACEMENT_CHARACTER));
        prop_assume!(!text.chars().any(is_foreign_space) || quoted(&text) != text);
        let written = format!("K={}", quoted(&text));
        prop_assert_eq!(value(&written), text);
    }
}

//! The lines in which two texts differ, for `export-pppd --check`: no context, and no secret.

/// More lines than this are only counted.
const LIMIT: usize = 100;

/// `-` before each line of `old` that `new` has not, `+` before each that is new. Lines that are alike at both ends are left
/// out; what lies between is shown as a whole.
pub fn lines(old: &str, new: &str) -> Vec<String> {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let shortest = old.len().min(new.len());
    let before = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    let behind = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(shortest - before)
        .take_while(|(old, new)| old == new)
        .count();
    let part = |lines: &[&str], sign: char| -> Vec<String> {
        let count = lines.len() - before - behind;
        lines
            .iter()
            .skip(before)
            .take(count)
            .map(|line| format!("{sign}{}", shown(line)))
            .collect()
    };
    let mut lines = part(&old, '-');
    lines.extend(part(&new, '+'));
    let count = lines.len();
    if count > LIMIT {
        lines.truncate(LIMIT);
        lines.push(format!("... and {} lines more", count - LIMIT));
    }
    lines
}

/// What may be a password is not shown, nor what would move the cursor.
fn shown(line: &str) -> String {
    let masked = crate::config::report::mask(line);
    crate::config::diagnostic::printable(&masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(lines("a\nb\nc\n", "a\nb\nc\n"), Vec::<String>::new());
        assert_eq!(lines("a\nb\nc\n", "a\nx\nc\n"), ["-b", "+x"]);
        assert_eq!(lines("", "a\nb\n"), ["+a", "+b"]);
        assert_eq!(lines("a\na\n", "a\n"), ["-a"]);
        assert_eq!(lines("password geheim\n", ""), ["-password <hidden>"]);
        assert_eq!(lines("", "\u{1b}[2J\n"), ["+\u{fffd}[2J"]);
        assert_eq!(lines("", &"x\n".repeat(200)).len(), 101);
    }
}

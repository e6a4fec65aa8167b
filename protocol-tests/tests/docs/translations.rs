//! The Japanese pages: that each follows the English page it was made from, and says nothing that the program does not have.
//!
//! What is compared is what an operator copies and what the translation is built on: headings, commands, log lines, keys,
//! the first cells of tables. A word that is changed in an English sentence disturbs nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use uplinkd::config::{keyvalue, native};

use super::{page, root, rows};

/// A Japanese page and the line at its top that names the original.
struct Translation {
    path: String,
    text: String,
    original: String,
    digest: String,
    /// Only a part of the original is translated.
    in_part: bool,
}

/// `<!-- of: docs/recovery.md sha256: 0123abcd -->`, or with `in part` behind the digest.
fn mark(line: &str) -> Option<(String, String, bool)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [
            "<!--",
            "of:",
            original,
            "sha256:",
            digest,
            ref rest @ ..,
            "-->",
        ] => Some((
            original.to_owned(),
            digest.to_owned(),
            rest == ["in", "part"],
        )),
        _ => None,
    }
}

fn translations() -> Vec<Translation> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("docs/ja")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("docs/ja/{name}");
        let text = page(&path);
        let (original, digest, in_part) = text.lines().find_map(mark).unwrap_or_else(|| {
            panic!("{path}: no line `<!-- of: PAGE sha256: DIGEST -->` names its original")
        });
        found.push(Translation {
            path,
            text,
            original,
            digest,
            in_part,
        });
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// What a translation has to follow.
#[derive(Debug, Default, PartialEq)]
struct Outline {
    /// The levels of the headings, in their order.
    headings: Vec<usize>,
    /// The code blocks with what stands behind the opening fence; one line each for code that is indented.
    blocks: Vec<(String, String)>,
    /// The first cells of table rows.
    cells: Vec<String>,
}

fn outline(page: &str) -> Outline {
    let mut found = Outline::default();
    let mut open: Option<(String, Vec<&str>)> = None;
    for line in page.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(kind)) => open = Some((kind.to_owned(), Vec::new())),
            (Some(_), Some(_)) => {
                let (kind, lines) = open.take().unwrap();
                found.blocks.push((kind, lines.join("\n")));
            }
            (Some((_, lines)), None) => lines.push(line.trim_start()),
            (None, None) => {
                let title = line.trim_start_matches('#');
                if title.len() < line.len() && title.starts_with(' ') {
                    found.headings.push(line.len() - title.len());
                } else if let Some(code) = line.strip_prefix("    ") {
                    found.blocks.push((String::new(), code.to_owned()));
                } else if let Some(row) = line.strip_prefix("| ") {
                    let cell = row.split('|').next().unwrap();
                    found.cells.push(cell.trim().to_owned());
                }
            }
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// The first 8 digits of the SHA-256 of an outline.
fn digest(outline: &Outline) -> String {
    let mut program = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum, of Debian's package coreutils");
    let text = format!("{outline:?}");
    let mut input = program.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = program.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..8].to_owned()
}

/// A block without its comments, which may be in another language.
fn without_comments((kind, text): &(String, String)) -> (String, String) {
    let kept = text.lines().filter(|line| {
        let a_comment = matches!(kind.as_str(), "ini" | "toml" | "sh") && line.starts_with('#');
        !a_comment
    });
    (kind.clone(), kept.collect::<Vec<_>>().join("\n"))
}

/// What stands between single backquotes, code blocks left out.
fn spans(page: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// A specification's row, such as C26a.
fn ids(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| {
            let number = word.strip_prefix(|c: char| "CDFIMNPSU".contains(c));
            let number = number.map(|number| number.trim_end_matches('a'));
            number.is_some_and(|number| {
                !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
            })
        })
        .collect()
}

/// A page whose original has changed is found, and what to do is said.
#[test]
fn no_japanese_page_is_behind_its_original() {
    let mut behind = Vec::new();
    let all = translations();
    assert!(all.len() >= 4, "{}", all.len());
    for told in &all {
        assert!(
            root().join(&told.original).is_file(),
            "{}: its original {} is not there",
            told.path,
            told.original
        );
        let now = digest(&outline(&page(&told.original)));
        if now != told.digest {
            behind.push(format!(
                "{}: headings, code blocks or tables of {} have changed since it was translated. Compare \
                 the two pages, translate what is new, then write `sha256: {now}` into its first lines.",
                told.path, told.original
            ));
        }
    }
    assert!(behind.is_empty(), "{}", behind.join("\n"));
}

/// Where the whole page is translated, nothing is left out: as many headings and rows, and the same blocks in the same order.
#[test]
fn a_translation_of_a_whole_page_has_all_of_it() {
    for told in translations().iter().filter(|told| !told.in_part) {
        let original = outline(&page(&told.original));
        let japanese = outline(&told.text);
        assert_eq!(japanese.headings, original.headings, "{}", told.path);
        assert_eq!(
            japanese.cells.len(),
            original.cells.len(),
            "{}: rows of tables",
            told.path
        );
        let bare = |blocks: &[(String, String)]| -> Vec<_> {
            blocks.iter().map(without_comments).collect()
        };
        assert_eq!(
            bare(&japanese.blocks),
            bare(&original.blocks),
            "{}",
            told.path
        );
    }
}

/// What is copied to a shell, a file or `grep` is what the English page has.
#[test]
fn each_block_of_a_japanese_page_is_in_its_original() {
    let mut strange = Vec::new();
    let mut checked = 0;
    for told in translations() {
        let original: Vec<_> = outline(&page(&told.original))
            .blocks
            .iter()
            .map(without_comments)
            .collect();
        for block in outline(&told.text).blocks {
            let block = without_comments(&block);
            if !original.contains(&block) {
                strange.push(format!(
                    "{}, not in {}:\n{}",
                    told.path, told.original, block.1
                ));
            }
            checked += 1;
        }
    }
    assert!(strange.is_empty(), "{}", strange.join("\n"));
    assert!(checked >= 30, "blocks are not recognised: {checked}");
}

/// Keys of both formats, in any Japanese page, are keys of the program.
#[test]
fn each_key_that_a_japanese_page_names_exists() {
    let keys: Vec<&str> = keyvalue::known_keys().collect();
    let settings: Vec<&str> = native::known_keys().collect();
    let sections: BTreeSet<&str> = settings
        .iter()
        .filter_map(|key| key.split('.').next())
        .collect();
    let mut unknown = Vec::new();
    let mut checked = 0;
    for told in translations() {
        for span in spans(&told.text) {
            if let Some((key, value)) = span.split_once('=')
                && (key, value) != ("KEY", "VALUE")
                && key.len() > 1
                && key.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            {
                checked += 1;
                if !keys.contains(&key) {
                    unknown.push(format!("{}: {span}", told.path));
                }
            }
            let setting = span.split([' ', '=']).next().unwrap();
            if let Some((section, rest)) = setting.split_once('.')
                && sections.contains(section)
                && rest
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || "._".contains(c))
                && !["service", "path", "toml", "md"]
                    .iter()
                    .any(|ending| rest.starts_with(ending))
            {
                checked += 1;
                let named = settings
                    .iter()
                    .any(|key| *key == setting || key.starts_with(&format!("{setting}.")));
                if !named {
                    unknown.push(format!("{}: {span}", told.path));
                }
            }
        }
    }
    assert_eq!(unknown, Vec::<String>::new());
    assert!(checked >= 40, "keys are not recognised: {checked}");
}

/// Each key of `/etc/default/ppp` has its row, with the default, the example and the specification's id of the English one.
#[test]
fn the_japanese_page_has_every_key_of_keyvalue_as_the_english_one() {
    let by_key = |path: &str| -> BTreeMap<String, Vec<String>> {
        rows(&page(path))
            .into_iter()
            .filter(|row| row.len() >= 5)
            .map(|row| (row[0].trim_matches('`').to_owned(), row))
            .collect()
    };
    let english = by_key("docs/configuration.md");
    let japanese = by_key("docs/ja/configuration.md");
    for key in keyvalue::known_keys() {
        let row = japanese
            .get(key)
            .unwrap_or_else(|| panic!("{key} has no row"));
        let original = &english[key];
        assert_eq!(row.len(), original.len(), "{key}");
        for (cell, original) in row.iter().zip(original) {
            let told: BTreeSet<_> = spans(original);
            let code = original
                .strip_prefix('`')
                .is_some_and(|rest| rest.find('`').is_some_and(|end| end + 1 == rest.len()));
            if code {
                assert_eq!(cell, original, "{key}");
            }
            // Values and commands in a sentence are kept, whatever the sentence is.
            let missing: Vec<_> = told.difference(&spans(cell)).cloned().collect();
            assert_eq!(missing, Vec::<String>::new(), "{key}: {cell}");
            assert_eq!(ids(cell), ids(original), "{key}: {cell}");
        }
    }
}

#[test]
fn an_outline_has_what_a_translation_has_to_follow() {
    let text = "# Title\n\nText.\n\n```sh\nls\n```\n\n## Part\n\n| a | b |\n|---|---|\n| `c` | d |\n\n    cat x\n";
    assert_eq!(
        outline(text),
        Outline {
            headings: vec![1, 2],
            blocks: vec![
                ("sh".to_owned(), "ls".to_owned()),
                (String::new(), "cat x".to_owned()),
            ],
            cells: vec!["a".to_owned(), "`c`".to_owned()],
        }
    );
    let reworded = text.replace("Text.", "Words.").replace("Title", "Name");
    assert_eq!(outline(&reworded), outline(text));
    let another = outline(&text.replace("ls", "ls -l"));
    assert_ne!(digest(&another), digest(&outline(text)));
}

//! The table of the specification's rows: that each has its place, its state, and tests that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{page, root, rows};

const PAGE: &str = "docs/compatibility.md";

/// A row of the tables: id, what, state, tests, built by.
struct Row {
    id: String,
    state: String,
    tests: Vec<String>,
    built: String,
}

fn table() -> Vec<Row> {
    rows(&page(PAGE))
        .into_iter()
        .filter(|row| row.len() == 5 && row[0] != "id")
        .map(|row| Row {
            id: row[0].clone(),
            state: row[2].clone(),
            tests: row[3]
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect(),
            built: row[4].clone(),
        })
        .collect()
}

/// Rows that have to be there, with a test each: what the users of the existing system have.
fn of_the_users() -> BTreeSet<String> {
    let numbered = |letter: char, range: std::ops::RangeInclusive<u8>| {
        range.map(move |number| format!("{letter}{number}"))
    };
    numbered('C', 0..=28)
        .chain(["C26a".to_owned()])
        .chain(numbered('N', 1..=6))
        .chain(numbered('U', 1..=3))
        .chain(numbered('F', 1..=3))
        .collect()
}

/// The other rows.
fn of_the_rest() -> BTreeSet<String> {
    [('D', 7), ('P', 7), ('S', 7), ('M', 3), ('I', 11)]
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |number| format!("{letter}{number}")))
        .chain(["F4".to_owned()])
        .collect()
}

/// Test functions by their names, with what stands about each: its name, its doc comment, that of its file and of the
/// `main.rs` beside it.
type Tests = BTreeMap<String, String>;

/// Those in the sources of the project.
fn tests() -> Tests {
    let mut found = Tests::new();
    for folder in ["src", "protocol-tests/src", "protocol-tests/tests"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() >= 1000, "{}", found.len());
    found
}

fn collect(folder: &Path, found: &mut Tests) {
    let main = fs::read_to_string(folder.join("main.rs")).unwrap_or_default();
    let main = of_the_file(&main);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            for (name, about) in tests_in(&source) {
                // The same name in two files is one entry with what stands about both.
                let entry = found.entry(name).or_default();
                entry.push_str(&about);
                entry.push_str(&main);
            }
        }
    }
}

/// The documentation of a file.
fn of_the_file(source: &str) -> String {
    source
        .lines()
        .filter(|line| line.starts_with("//!"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The functions behind `#[test]`, whatever other attributes stand between, with what stands about them.
fn tests_in(source: &str) -> Vec<(String, String)> {
    let of_the_file = of_the_file(source);
    let mut found = Vec::new();
    let mut doc = String::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        let name = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ");
        if line.starts_with("///") {
            doc.push_str(line);
            doc.push('\n');
            continue;
        }
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        if line.starts_with("#[") {
            continue;
        }
        if let Some(name) = name.filter(|_| is_test) {
            let end = name.find(['(', '<']).unwrap_or(name.len());
            let name = &name[..end];
            found.push((name.to_owned(), format!("{name}\n{doc}{of_the_file}")));
        }
        is_test = false;
        doc.clear();
    }
    found
}

/// Whether a text has an id as a word, or as the beginning of a test's name.
fn names(about: &str, id: &str) -> bool {
    let prefix = format!("{}_", id.to_lowercase());
    about.lines().any(|line| line.starts_with(&prefix))
        || about
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == id)
}

/// The tests of a row: a name that ends in `*` stands for all that begin so.
fn named<'a>(tests: &'a Tests, name: &str) -> Vec<&'a String> {
    match name.strip_suffix('*') {
        Some(start) => tests
            .range(start.to_owned()..)
            .take_while(|(name, _)| name.starts_with(start))
            .map(|(_, about)| about)
            .collect(),
        None => tests.get(name).into_iter().collect(),
    }
}

#[test]
fn every_row_of_the_specification_has_its_place_once() {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for row in table() {
        *told.entry(row.id).or_default() += 1;
    }
    let twice: Vec<_> = told.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let wanted: BTreeSet<String> = of_the_users().union(&of_the_rest()).cloned().collect();
    let told: BTreeSet<String> = told.into_keys().collect();
    assert_eq!(told, wanted);
}

#[test]
fn every_row_has_a_state_and_says_who_built_it() {
    for row in table() {
        assert!(
            ["same", "better", "differs", "not yet"].contains(&row.state.as_str()),
            "{}: {}",
            row.id,
            row.state
        );
        let names = ["LINK", "RECOVERY", "DROP-IN", "EVIDENCE", "SPEED", "PPPD"];
        assert!(
            row.built.split(", ").all(|name| names.contains(&name)),
            "{}: {}",
            row.id,
            row.built
        );
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let tests = tests();
    let mut missing = Vec::new();
    for row in table() {
        for test in row
            .tests
            .iter()
            .filter(|test| named(&tests, test).is_empty())
        {
            missing.push(format!("{}: {test}", row.id));
        }
    }
    assert!(
        missing.is_empty(),
        "{PAGE} names tests that are not there:\n{}",
        missing.join("\n")
    );
}

/// Each row is built, and has a test whose name or documentation has the row's id.
#[test]
fn every_row_of_the_users_is_built_and_has_a_test_with_its_id() {
    let tests = tests();
    let wanted = of_the_users();
    let mut lacking = Vec::new();
    for row in table().iter().filter(|row| wanted.contains(&row.id)) {
        let id = &row.id;
        if row.state == "not yet" {
            lacking.push(format!("{id}: not yet"));
        } else if row.tests.is_empty() {
            lacking.push(format!("{id}: no test is named"));
        } else if !row
            .tests
            .iter()
            .flat_map(|test| named(&tests, test))
            .any(|about| names(about, id))
        {
            lacking.push(format!(
                "{id}: none of its tests has {id} in its name or documentation"
            ));
        }
    }
    assert!(lacking.is_empty(), "{PAGE}:\n{}", lacking.join("\n"));
}

#[test]
fn finds_tests_and_what_stands_about_them() {
    let source = "//! N4.\n\n/// C8.\n#[test]\n#[ignore]\nfn one() {\n}\n/// C9.\nfn helper() {}\n#[tokio::test]\nasync fn f2_two() {}\n";
    let found = tests_in(source);
    let about: Vec<&str> = found.iter().map(|(_, about)| about.as_str()).collect();
    assert_eq!(about, ["one\n/// C8.\n//! N4.\n", "f2_two\n//! N4.\n"]);
    let tests: Tests = found.into_iter().collect();
    assert_eq!(named(&tests, "f2_*").len(), 1);
    assert_eq!(
        named(&tests, "f3_*").len() + named(&tests, "helper").len(),
        0
    );
    let has = |name: &str, id| names(&tests[name], id);
    assert!(has("one", "C8") && has("one", "N4") && has("f2_two", "F2"));
    assert!(!has("one", "C9") && !has("one", "C") && !has("f2_two", "C8"));
}

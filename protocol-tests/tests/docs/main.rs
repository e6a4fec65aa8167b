//! Holds the documentation against the program: keys, defaults, ranges, examples, exit statuses, reasons, faults, links.
//!
//! What can be looked up is looked up in the tables of the pages, so a row that is wrong fails, not only one that is
//! missing. The prose is not checked.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "test code: a page that cannot be read fails the test"
)]

mod compatibility;
mod configuration;
mod modems;
mod project;
mod reasons;
mod translations;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of the table rows of a page.
fn rows(page: &str) -> Vec<Vec<String>> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'))
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The fenced blocks of a page with the given info string.
fn blocks(page: &str, info: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in page.lines() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open.take(), fence) {
            (None, Some(kind)) => Some((kind, Vec::new())),
            (None, None) => None,
            (Some((kind, lines)), Some(_)) => {
                if kind == info {
                    found.push(lines.join("\n"));
                }
                None
            }
            (Some((kind, mut lines)), None) => {
                lines.push(line);
                Some((kind, lines))
            }
        };
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

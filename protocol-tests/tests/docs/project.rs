//! What holds for the project as a whole: each dependency is explained, each link between the pages leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{page, root};

/// Each crate has its line that says why it is there.
#[test]
fn every_dependency_is_explained() {
    let told = page("docs/dependencies.md");
    let told: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .collect();
    let mut used = BTreeSet::new();
    for manifest in ["Cargo.toml", "protocol-tests/Cargo.toml", "fuzz/Cargo.toml"] {
        let mut listed = false;
        for line in page(manifest).lines() {
            if line.starts_with('[') {
                listed = line.ends_with("dependencies]");
            } else if listed && let Some((name, _)) = line.split_once(" = ") {
                used.insert(name.to_owned());
            }
        }
    }
    used.remove("uplinkd");
    assert!(used.len() >= 25, "{used:?}");
    let missing: Vec<&String> = used
        .iter()
        .filter(|name| !told.contains(&name.as_str()))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}

/// Every Markdown page of the project, in the folders that have some.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in ["", "docs", "docs/ja", "protocol-tests"] {
        for entry in fs::read_dir(root().join(dir)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What GitHub makes of the headings of a page.
fn anchors(page: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in page.lines() {
        in_code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if in_code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let heading = heading.trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor: String = heading.chars().filter(kept).collect();
        found.push(anchor.replace(' ', "-"));
    }
    found
}

#[test]
fn relative_links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        let links = text.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let has_anchor = |text: String| anchors(&text).iter().any(|known| known == anchor);
            let leads = match anchor {
                "" => target.exists(),
                _ => fs::read_to_string(&target).is_ok_and(has_anchor),
            };
            if !leads {
                broken.push(format!("{}: {link}", path.display()));
            }
            checked += 1;
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(checked >= 30, "links are not recognised: {checked}");
}

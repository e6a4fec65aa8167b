//! The direction of dependencies inside the library, held against a table. `cargo check --no-default-features` proves
//! that the core builds without the daemon's crates; this proves the arrows inside the core, and that it stays pure.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module of the core may use. Everything else is forbidden to it.
const CORE: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("random", &[]),
    ("secret", &[]),
    // `time`: how many lines a second are too many.
    ("log", &["time"]),
    ("hdlc", &[]),
    ("ppp", &["hdlc", "log", "random", "secret", "time"]),
    ("at", &["log", "secret", "time"]),
    ("chat", &["log", "secret", "time"]),
    ("modem", &["at", "log", "random", "secret", "time"]),
    (
        "link",
        &["at", "chat", "log", "modem", "ppp", "random", "time"],
    ),
    (
        "config",
        &["chat", "link", "log", "modem", "ppp", "secret", "time"],
    ),
    ("dns", &["config", "log", "ppp"]),
    ("control", &["at", "link", "log", "modem", "ppp", "time"]),
    // All but `hdlc`: sim::world and sim::site run the gateway's own code against the simulator, in virtual time.
    (
        "sim",
        &[
            "at", "chat", "config", "hdlc", "link", "log", "modem", "ppp", "random", "secret",
            "time",
        ],
    ),
];

/// What only the feature `daemon` builds: `io` knows the core, `daemon` knows `io`, `cli` knows both.
const SHELL: &[(&str, &[&str])] = &[
    ("io", &["daemon", "cli"]),
    ("daemon", &["cli"]),
    ("cli", &[]),
];

/// What the core never names: clocks, file descriptors, threads, the system.
const IMPURE: &[&str] = &[
    "tokio",
    "libc::",
    "rustix",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::io",
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "HashMap",
    "HashSet",
    "static mut",
    "thread_local",
    "unsafe ",
    "async ",
    ".await",
    "println!",
    "eprintln!",
    "dbg!",
];

#[test]
fn the_core_uses_only_what_lies_below_it() {
    let modules = modules();
    for (name, allowed) in CORE {
        for file in files(name) {
            for used in uses(&file, name, &modules) {
                assert!(
                    used == *name || allowed.contains(&used.as_str()),
                    "{} uses crate::{used}, but `{name}` may use only {allowed:?}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_shell_does_not_look_upwards() {
    let modules = modules();
    for (name, forbidden) in SHELL {
        for file in files(name) {
            for used in uses(&file, name, &modules) {
                assert!(
                    !forbidden.contains(&used.as_str()),
                    "{} uses crate::{used}: `{name}` lies below it",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_core_is_pure() {
    for (name, _) in CORE {
        for file in files(name) {
            let code = code(&file);
            for (index, line) in code.lines().enumerate() {
                // `forbid(unsafe_code)` is welcome, and so are words that merely contain one of these.
                if let Some(word) = IMPURE.iter().find(|word| names(line, word)) {
                    panic!(
                        "{}:{} names `{}`: {}",
                        file.display(),
                        index + 1,
                        word.trim(),
                        line.trim()
                    );
                }
            }
        }
    }
}

#[test]
fn the_core_forbids_unsafe_code() {
    for (name, _) in CORE {
        let root = root_of(name);
        let text = fs::read_to_string(&root).unwrap();
        assert!(
            text.contains("#![forbid(unsafe_code)]"),
            "{} lacks #![forbid(unsafe_code)]",
            root.display()
        );
    }
}

#[test]
fn every_module_has_its_place_in_the_tables() {
    let known: BTreeSet<String> = CORE
        .iter()
        .chain(SHELL)
        .map(|(name, _)| (*name).to_owned())
        .chain(["fuzzing".to_owned()])
        .collect();
    assert_eq!(modules(), known);
}

#[test]
fn imports_are_found_in_every_form() {
    let modules: BTreeSet<String> = ["at", "ppp", "time", "hdlc"].map(str::to_owned).into();
    let text = "use crate::at::Dialer;\nuse crate::{\n    ppp::{Event, Layer},\n    time,\n};\n\
                fn f() { crate::hdlc::g() } // crate::link\n/// [`crate::io`]\n";
    let found = used_modules(&strip(text), "ppp", &modules);
    assert_eq!(
        found,
        ["at", "ppp", "time", "hdlc"].map(str::to_owned).into()
    );
    assert_eq!(
        used_modules("use super::super::time::Timer;", "ppp", &modules),
        ["time".to_owned()].into()
    );
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("src")
}

/// The modules at the top of the library.
fn modules() -> BTreeSet<String> {
    let text = fs::read_to_string(source().join("lib.rs")).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    names
        .map(|rest| rest.trim_end_matches(';').to_owned())
        .collect()
}

fn root_of(module: &str) -> PathBuf {
    let folder = source().join(module).join("mod.rs");
    if folder.is_file() {
        folder
    } else {
        source().join(format!("{module}.rs"))
    }
}

fn files(module: &str) -> Vec<PathBuf> {
    let mut list = Vec::new();
    let folder = source().join(module);
    if folder.is_dir() {
        collect(&folder, &mut list);
    } else {
        list.push(source().join(format!("{module}.rs")));
    }
    assert!(!list.is_empty(), "module {module} has no files");
    list
}

fn collect(folder: &Path, list: &mut Vec<PathBuf>) {
    let test_only = test_modules(folder);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if test_only.contains(path.file_stem().unwrap().to_str().unwrap()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, list);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            list.push(path);
        }
    }
}

/// Modules in files of their own that only tests have: tests may use what they like.
fn test_modules(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
    let mut names = BTreeSet::new();
    for (start, found) in text.match_indices("#[cfg(test)]\n") {
        let line = text[start + found.len()..]
            .lines()
            .next()
            .unwrap_or_default();
        let name = line
            .rsplit_once("mod ")
            .and_then(|(_, rest)| rest.strip_suffix(';'));
        names.extend(name.map(str::to_owned));
    }
    names
}

/// A file without its comments and without its unit tests, which stand at its end.
fn code(file: &Path) -> String {
    strip(&fs::read_to_string(file).unwrap())
}

fn strip(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = text.lines().map(|line| match line.find("//") {
        // `//` in a string is rare enough, and cutting there only hides the rest of one line.
        Some(start) => &line[..start],
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn uses(file: &Path, module: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    used_modules(&code(file), module, modules)
}

fn used_modules(code: &str, module: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            found.extend(heads(list));
        } else {
            found.insert(identifier(rest).to_owned());
        }
    }
    // `super::super::time` leaves a module just as well.
    for (start, _) in code.match_indices("super::") {
        let name = identifier(&code[start + "super::".len()..]);
        if modules.contains(name) && !source().join(module).join(format!("{name}.rs")).exists() {
            found.insert(name.to_owned());
        }
    }
    found
}

/// The first names in `a::{b, c}, d}`: `a` and `d`.
fn heads(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut fresh = true;
    for (index, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && depth == 0 && (c.is_alphanumeric() || c == '_') => {
                names.push(identifier(&list[index..]).to_owned());
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// Whether `line` has `word` as a word of its own.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

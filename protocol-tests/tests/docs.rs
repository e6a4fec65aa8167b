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

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uplinkd::at::DialError;
use uplinkd::config::{self, Config, Diagnostic, Severity, keyvalue, native};
use uplinkd::link::ladder::describe;
use uplinkd::link::{LineProblem, LinkEnd, NetworkProblem, UserStop};
use uplinkd::modem::profile::NetMode;
use uplinkd::modem::{ModemProblem, PinGuard, Profile, Profiles, Registration};
use uplinkd::ppp::config::AuthMethod;
use uplinkd::ppp::{DownReason, Layer};
use uplinkd::sim::fault;

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

/// The rows whose first cell is one of `keys`, by key: each key exactly once, with `columns` cells.
fn key_rows(
    keys: impl Iterator<Item = &'static str>,
    columns: usize,
) -> BTreeMap<&'static str, Vec<String>> {
    let rows = rows(&page("docs/configuration.md"));
    keys.map(|key| {
        let found: Vec<_> = rows
            .iter()
            .filter(|row| row[0] == format!("`{key}`") && row.len() == columns)
            .collect();
        assert_eq!(found.len(), 1, "{key} has its row in a table exactly once");
        (key, found[0].clone())
    })
    .collect()
}

fn keyvalue_rows() -> BTreeMap<&'static str, Vec<String>> {
    key_rows(keyvalue::known_keys(), 6)
}

fn native_rows() -> BTreeMap<&'static str, Vec<String>> {
    key_rows(native::known_keys(), 5)
}

/// `text` if the cell is nothing but `` `text` ``.
fn code(cell: &str) -> Option<&str> {
    let text = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!text.contains('`')).then_some(text)
}

/// `A to B` at the start of a cell.
fn range(cell: &str) -> Option<(f64, f64)> {
    let mut words = cell.split(' ');
    let from = words.next()?.parse().ok()?;
    if words.next()? != "to" {
        return None;
    }
    Some((from, words.next()?.parse().ok()?))
}

/// A file with `line` behind what each needs.
fn keyvalue(line: &str) -> (Option<Config>, Vec<Diagnostic>) {
    config::read("ppp", format!("APN=a\n{line}\n").as_bytes())
}

/// The same for the native format; a key replaces the one that each file needs.
fn native(key: &str, value: &str) -> (Option<Config>, Vec<Diagnostic>) {
    let needed = if key == "modem.apn" {
        ""
    } else {
        "modem.apn = \"a\"\n"
    };
    config::read(
        "uplinkd.toml",
        format!("{needed}{key} = {value}\n").as_bytes(),
    )
}

/// What a file means, to be compared. `Debug` hides the password.
fn meaning((config, found): (Option<Config>, Vec<Diagnostic>)) -> String {
    let config = config.unwrap_or_else(|| panic!("{found:?}"));
    format!("{config:?} {:?}", config.password.expose())
}

#[test]
fn every_key_of_both_formats_is_documented() {
    assert!(keyvalue_rows().len() >= 30);
    assert!(native_rows().len() >= 88);
}

/// A default in code style is written into a file, which must then mean what the file without it means.
#[test]
fn documented_defaults_of_keyvalue_are_the_programs() {
    let mut checked = Vec::new();
    for (key, row) in keyvalue_rows() {
        if let Some(default) = code(&row[2]) {
            let line = format!("{key}={default}");
            assert_eq!(meaning(keyvalue(&line)), meaning(keyvalue("")), "{line}");
            checked.push(key);
        }
    }
    let expected = [
        "DEFAULTROUTE",
        "DEMAND",
        "DEVICE",
        "HOLDOFF",
        "MONITOR",
        "MONITOR_FAIL",
        "MONITOR_INTERVAL",
        "MONITOR_LOG",
        "NETMODE",
        "PDPTYPE",
        "PERSIST",
        "RESET_ALWAYS",
        "RESET_ON_FAIL",
        "RETRY",
        "START",
    ];
    assert_eq!(checked, expected);
}

#[test]
fn documented_defaults_of_the_native_format_are_the_programs() {
    let mut in_words = Vec::new();
    for (key, row) in native_rows() {
        let Some(value) = code(&row[3]) else {
            in_words.push(key);
            continue;
        };
        let expected = match key {
            "modem.apn" => {
                let (config, _) = config::read("ppp", b"");
                meaning((config, Vec::new()))
            }
            _ => meaning(keyvalue("")),
        };
        assert_eq!(meaning(native(key, value)), expected, "{key} = {value}");
    }
    // What the modem's profile says, one that is not set, one that follows the account.
    assert_eq!(
        in_words,
        [
            "modem.dial",
            "modem.dial_timeout",
            "modem.registration_timeout",
            "network.route_metric",
            "ppp.auth",
            "supervision.reset.steps",
            "supervision.reset.wait",
        ]
    );
    let unset = Config::default();
    assert_eq!(
        (
            unset.dial,
            unset.dial_timeout,
            unset.registration_timeout,
            unset.route_metric,
            unset.reset_steps,
            unset.reset_wait
        ),
        (None, None, None, None, None, None)
    );
}

#[test]
fn documented_ranges_are_the_programs() {
    let mut checked = 0;
    for (key, row) in native_rows() {
        let whole = row[1].starts_with("number");
        let Some((least, most)) = range(&row[2]).filter(|_| whole || row[1] == "time") else {
            continue;
        };
        let below = match least {
            0.0 => -1.0,
            least if whole => least - 1.0,
            least => least / 2.0,
        };
        for (value, good) in [
            (least, true),
            (most, true),
            (below, false),
            (most + 1.0, false),
        ] {
            let found = native(key, &value.to_string()).0;
            assert_eq!(found.is_some(), good, "{key} = {value}");
        }
        checked += 1;
    }
    for (key, row) in keyvalue_rows() {
        let Some((least, most)) = range(&row[1]) else {
            continue;
        };
        for (value, good) in [(least, true), (most, true), (most + 1.0, false)] {
            let found = keyvalue(&format!("{key}={value}")).0;
            assert_eq!(found.is_some(), good, "{key}={value}");
        }
        checked += 1;
    }
    assert!(
        checked >= 30,
        "the tables have lost their ranges: {checked}"
    );
}

#[test]
fn what_acts_today_is_told_truly() {
    for (key, row) in keyvalue_rows() {
        let example = code(&row[3]).unwrap_or_else(|| panic!("{key} has no example"));
        assert!(example.starts_with(&format!("{key}=")), "{example}");
        let (config, found) = keyvalue(example);
        let today = if config.is_some() { "acts" } else { "refuses" };
        assert_eq!(row[4], today, "{example}: {found:?}");
        assert!(
            !found.iter().any(|found| found.message.contains("not act")),
            "{example}: {found:?}"
        );
    }
}

/// The ranges of what belongs to a reset step, tried in a step of that kind.
#[test]
fn documented_ranges_of_reset_steps_are_the_programs() {
    let rows = rows(&page("docs/configuration.md"));
    let mut checked = 0;
    for (key, step) in [
        ("on", "led = \"x\""),
        ("pulse", "gpio = \"x\""),
        ("off", "usb = \"port-power\""),
        ("after", "write = \"/x\", value = \"0\", then = \"1\""),
    ] {
        let name = format!("`{key}`");
        let row = rows.iter().find(|row| row[0] == name && row.len() == 4);
        let (least, most) = range(&row.unwrap()[2]).unwrap();
        for (value, good) in [
            (least, true),
            (most, true),
            (least - 0.005, false),
            (most + 1.0, false),
        ] {
            let steps = format!("[{{ {step}, {key} = {value} }}]");
            let found = native("supervision.reset.steps", &steps).0;
            assert_eq!(found.is_some(), good, "{steps}");
        }
        checked += 1;
    }
    assert_eq!(checked, 4);
}

/// What does not fit together, and how bad that is.
#[test]
fn documented_clashes_are_the_programs() {
    let text = page("docs/configuration.md");
    let (_, section) = text
        .split_once("### Keys that do not fit together")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let told: Vec<(String, String)> = rows(section)
        .into_iter()
        .skip(1)
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let files = [
        "MONITOR=yes\nDEMAND=1",
        "MONITOR=yes\nPERSIST=0",
        "IDLE=60",
        "RESET_ON_FAIL=1\nRETRY=0",
        "RESET_ALWAYS=1\nPERSIST=0",
        "MONITOR=yes\nMONITOR_INTERVAL=3600\nMONITOR_FAIL=25",
        "AUTH=PAP",
        "AUTH=NOAUTH\nACCOUNT=a",
        "APN=",
        "LOCALADDR=10.0.0.1\nREMOTEADDR=10.0.0.1",
    ];
    assert_eq!(told.len(), files.len());
    for ((keys, severity), file) in told.iter().zip(files) {
        let first = file.split('=').next().unwrap();
        assert!(keys.contains(first), "{keys}: {file}");
        let (config, found) = keyvalue(file);
        let [only] = found.as_slice() else {
            panic!("{file}: {found:?}");
        };
        let is = match only.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        assert_eq!(
            (severity.as_str(), config.is_some()),
            (is, is == "warning"),
            "{keys}"
        );
    }
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

/// Examples are copied: they bring no error, and no warning either.
#[test]
fn examples_of_configurations_are_without_a_problem() {
    let mut checked = 0;
    for path in ["docs/configuration.md", "docs/testing-without-a-modem.md"] {
        for (info, name) in [("ini", "ppp"), ("toml", "uplinkd.toml")] {
            for text in blocks(&page(path), info) {
                let (_, found) = config::read(name, text.as_bytes());
                assert!(found.is_empty(), "{path}:\n{text}\n{found:?}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 9, "the examples are not recognised: {checked}");
    // Here only what is talked about is shown.
    let parts = blocks(&page("docs/recovery.md"), "toml");
    assert!(parts.len() >= 2, "{parts:?}");
    for part in parts {
        let text = format!("modem.apn = \"a\"\n{part}\n");
        let (_, found) = config::read("uplinkd.toml", text.as_bytes());
        assert!(found.is_empty(), "docs/recovery.md:\n{part}\n{found:?}");
    }
}

/// A diagnostic that is shown is what the program says to a file with that line in that place.
#[test]
fn diagnostics_are_shown_as_the_program_prints_them() {
    let shown: Vec<_> = blocks(&page("docs/configuration.md"), "text")
        .into_iter()
        .filter(|block| block.contains("--> "))
        .collect();
    assert!(shown.len() >= 3, "{shown:?}");
    for block in shown {
        let place = block
            .split("--> ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        let [_, line, name] = place.unwrap().rsplitn(3, ':').collect::<Vec<_>>()[..] else {
            panic!("{place:?}");
        };
        let line: usize = line.parse().unwrap();
        let source = block
            .lines()
            .find_map(|text| text.strip_prefix(&format!("{line} | ")))
            .unwrap();
        // Of `error: modem.speed: ...` the section is `modem`.
        let key = block.split(": ").nth(1).unwrap();
        let section = match key.rsplit_once('.') {
            Some((section, _)) if name.ends_with(".toml") => format!("[{section}]"),
            Some(_) | None => String::new(),
        };
        let text = format!("{section}{}{source}\n", "\n".repeat(line - 1));
        let (_, found) = config::read(name, text.as_bytes());
        let rendered: Vec<_> = found.iter().map(Diagnostic::render).collect();
        assert!(
            rendered.contains(&block),
            "{block}\nis not among\n{}",
            rendered.join("\n")
        );
    }
}

#[test]
fn every_exit_status_is_in_the_manual_page_and_in_troubleshooting() {
    let source = page("src/link/reason.rs");
    let statuses: Vec<u8> = source
        .lines()
        .filter_map(|line| {
            let (_, number) = line
                .trim()
                .strip_prefix("pub const ")?
                .split_once(": Self = Self(")?;
            number.trim_end_matches(");").parse().ok()
        })
        .collect();
    assert!(statuses.len() >= 18, "{statuses:?}");
    let manual = page("docs/man/uplinkd.8");
    let (_, manual) = manual.split_once(".SH EXIT STATUS").unwrap();
    let (manual, _) = manual.split_once(".SH FILES").unwrap();
    let troubleshooting = page("docs/troubleshooting.md");
    let (_, table) = troubleshooting.split_once("## Exit statuses").unwrap();
    let told: Vec<u8> = rows(table)
        .iter()
        .filter_map(|row| row[0].parse().ok())
        .collect();
    assert_eq!(told, statuses);
    let manual: Vec<u8> = manual
        .lines()
        .filter_map(|line| line.strip_prefix(".B ")?.parse().ok())
        .collect();
    assert_eq!(manual, statuses);
}

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

/// The profiles that are shown can be copied into a file.
#[test]
fn example_profiles_can_be_read() {
    let mut checked = 0;
    for path in ["docs/configuration.md", "docs/modems.md"] {
        for text in blocks(&page(path), "toml profile") {
            let mut profiles = Profiles::built_in();
            let before = profiles.names().count();
            let added = profiles.add("example.toml", &text);
            assert_eq!(added, Ok(()), "{path}:\n{text}");
            assert!(profiles.names().count() >= before);
            checked += 1;
        }
    }
    assert!(checked >= 4, "the examples are not recognised: {checked}");
}

/// What is said of a file with a mistake is what the program says.
#[test]
fn mistakes_in_a_profile_are_shown_as_the_program_tells_them() {
    let page = page("docs/modems.md");
    let files = blocks(&page, "toml mistake");
    let told = blocks(&page, "text mistake");
    assert_eq!((files.len(), told.len()), (1, 1));
    let found = Profiles::built_in().add("/etc/uplinkd/modems/ec25.toml", &files[0]);
    let found: Vec<String> = found.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(found.join("\n"), told[0]);
}

/// The two tables of built-in profiles are made of the profiles themselves.
#[test]
fn built_in_profiles_are_listed_as_they_are() {
    let profiles = Profiles::built_in();
    let names: Vec<String> = profiles.names().map(str::to_owned).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| profiles.get(name).unwrap())
        .collect();
    let page = page("docs/modems.md");
    for (what, row) in [
        ("ports", port_row as fn(&Profile) -> String),
        ("ways", way_row),
    ] {
        let table: Vec<String> = all.iter().map(|profile| row(profile)).collect();
        let table = table.join("\n");
        assert!(
            page.contains(&table),
            "docs/modems.md must show these {what}:\n{table}"
        );
    }
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let texts: Vec<String> = items.iter().map(text).collect();
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join(", ")
    }
}

fn port_row(profile: &Profile) -> String {
    let usb = list(&profile.recognise.usb, |(vendor, product)| match product {
        Some(product) => format!("{vendor:04x}:{product:04x}"),
        None => format!("{vendor:04x}:*"),
    });
    let number = |port: &u8| port.to_string();
    let ports = &profile.ports;
    let dial = ports
        .dial
        .map_or_else(|| "asked".to_owned(), |port| port.to_string());
    let at = list(&ports.at, number);
    let ignore = list(&ports.ignore, number);
    let aliases = list(&profile.aliases, String::clone);
    let name = &profile.name;
    format!("| `{name}` | {usb} | {dial} | {at} | {ignore} | {aliases} |")
}

fn way_row(profile: &Profile) -> String {
    let modes: Vec<NetMode> = profile.netmode.keys().copied().collect();
    let modes = list(&modes, |mode| mode.as_str().to_owned());
    let reset = &profile.reset;
    let steps = list(&reset.steps, describe);
    let [gone, back, wait] =
        [reset.gone_within, reset.back_within, reset.wait].map(|time| time.as_secs());
    let guesses = list(&profile.guesses, String::clone);
    let (name, dial) = (&profile.name, &profile.dial);
    format!(
        "| `{name}` | `{}`, {} s | {modes} | {} | {steps} | {gone}, {back} | {wait} | {guesses} |",
        dial.dial,
        dial.dial_timeout.as_secs(),
        if profile.flash_wear { "yes" } else { "no" },
    )
}

#[test]
fn faults_are_listed_as_the_help_lists_them() {
    let shown = blocks(&page("docs/testing-without-a-modem.md"), "text");
    let list: String = fault::list()
        .iter()
        .map(|(syntax, about)| format!("{syntax:<26} {about}\n"))
        .collect();
    assert!(
        shown.iter().any(|block| block == list.trim_end()),
        "docs/testing-without-a-modem.md must show this:\n{list}"
    );
}

/// What an operator reads in the log, he finds on the page.
#[test]
fn every_end_and_its_advice_is_in_troubleshooting() {
    let page = page("docs/troubleshooting.md");
    let mut missing = Vec::new();
    for (end, words) in ends() {
        assert!(end.to_string().contains(words), "{end}");
        for text in [words, end.advice()] {
            if !page.contains(text) {
                missing.push(format!("{end:?}: {text}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// One of each, and what its sentence always has.
fn ends() -> Vec<(LinkEnd, &'static str)> {
    let lines = line_problems().map(|(problem, words)| (LinkEnd::Line(problem), words));
    let dials = dial_errors().map(|(error, words)| (LinkEnd::Dial(error), words));
    let reasons = down_reasons().map(|(reason, words)| (LinkEnd::Ppp(reason), words));
    let networks = network_problems().map(|(problem, words)| (LinkEnd::Network(problem), words));
    let modems = modem_problems().map(|(problem, words)| (LinkEnd::Modem(problem), words));
    let all = lines.into_iter().chain(modems).chain(dials).chain(reasons);
    all.chain(networks).chain(on_purpose()).collect()
}

/// Ends by the monitor, the clock and users.
fn on_purpose() -> [(LinkEnd, &'static str); 8] {
    let monitor = LinkEnd::Monitor {
        target: "www.example.jp".to_owned(),
        lost: 3,
    };
    let idle = LinkEnd::Idle {
        after: Duration::from_secs(60),
    };
    [
        (
            monitor,
            "3 pings in a row to www.example.jp were not answered",
        ),
        (idle, "no traffic for 60 s"),
        (LinkEnd::Scheduled, "the time of RESET_AT has come"),
        (LinkEnd::User(UserStop::Signal(15)), "ended by SIGTERM"),
        (LinkEnd::User(UserStop::Signal(2)), "ended by SIGINT"),
        (
            LinkEnd::User(UserStop::Reconnect),
            "a reconnect was asked for",
        ),
        (
            LinkEnd::User(UserStop::Disconnect),
            "a disconnect was asked for",
        ),
        (
            LinkEnd::User(UserStop::Reset),
            "a reset of the modem was asked for",
        ),
    ]
}

fn modem_problems() -> [(ModemProblem, &'static str); 15] {
    let held = |why| ModemProblem::PinHeldBack { why };
    let searching = ModemProblem::NotRegistered {
        registration: Registration::Searching,
        waited: Duration::from_secs(120),
    };
    let failure = ModemProblem::SimFailure {
        text: "+CME ERROR: 13".to_owned(),
    };
    let busy = ModemProblem::SimBusy {
        waited: Duration::from_secs(60),
    };
    [
        (ModemProblem::SimAbsent, "there is no SIM in the modem"),
        (failure, "the SIM cannot be used:"),
        (busy, "the SIM is still busy after 60 s"),
        (
            ModemProblem::PinNeeded,
            "the SIM asks for a PIN and none is configured",
        ),
        (
            ModemProblem::PinRefused { left: Some(2) },
            "the SIM refused the PIN, 2 tries are left",
        ),
        (
            ModemProblem::PinRefused { left: None },
            "the SIM refused the PIN",
        ),
        (
            held(PinGuard::Refused),
            "the PIN was not sent: this SIM has refused this PIN before",
        ),
        (
            held(PinGuard::Unanswered),
            "it was sent before, and what the SIM said of it is not known",
        ),
        (
            held(PinGuard::Forgotten),
            "what was noted of former tries is lost",
        ),
        (
            held(PinGuard::FewTries { left: 1 }),
            "the SIM has only 1 try left",
        ),
        (
            held(PinGuard::NotNoted),
            "the try could not be noted in the state directory",
        ),
        (
            held(PinGuard::Blind),
            "the modem tells neither the SIM's number nor how many tries are left",
        ),
        (
            ModemProblem::PukNeeded,
            "the SIM is locked and asks for its PUK",
        ),
        (
            searching,
            "the modem is searching for a network after 120 s",
        ),
        (
            ModemProblem::RegistrationDenied,
            "the network refuses the registration of this SIM",
        ),
    ]
}

fn line_problems() -> [(LineProblem, &'static str); 8] {
    let path = || PathBuf::from("/dev/ttyUSB3");
    let failed = |permission| LineProblem::OpenFailed {
        path: path(),
        error: "x".to_owned(),
        permission,
    };
    let locked = LineProblem::Locked {
        path: path(),
        holder: None,
    };
    let vanished = LineProblem::Vanished {
        path: path(),
        error: None,
    };
    let missing = |seen: Option<&str>| LineProblem::NotFound {
        wanted: "a modem".to_owned(),
        seen: seen.map(str::to_owned),
    };
    [
        (LineProblem::Absent { path: path() }, "is not there"),
        (missing(None), "a modem is not there"),
        (missing(Some("a disk")), "a modem is not there, only"),
        (locked, "is locked by"),
        (LineProblem::NotATty { path: path() }, "is not a tty"),
        (failed(true), "cannot be opened"),
        (failed(false), "cannot be opened"),
        (vanished, "vanished while in use"),
    ]
}

fn dial_errors() -> [(DialError, &'static str); 14] {
    let error = |command: &str| DialError::Error {
        command: command.to_owned(),
    };
    let timeout = |command: &str| DialError::Timeout {
        command: command.to_owned(),
        after: Duration::from_secs(30),
    };
    let extended = |command: &str, code| DialError::Extended {
        command: command.to_owned(),
        code: Some(code),
        text: format!("+CME ERROR: {code}"),
    };
    let refused = DialError::Refused {
        result: "BUSY".to_owned(),
    };
    [
        (DialError::NoAnswer, "the modem does not answer AT commands"),
        (timeout("ATDT*99***1#"), "within 30 s"),
        (timeout("ATE0"), "within 30 s"),
        (error("AT+CGDCONT=1"), "the modem answered ERROR to"),
        (error("ATDT*99***1#"), "the modem answered ERROR to"),
        (error("ATE0"), "the modem answered ERROR to"),
        (extended("AT+CGDCONT=1", 50), "+CME ERROR"),
        (extended("ATD", 10), "+CME ERROR"),
        (extended("ATD", 30), "+CME ERROR"),
        (extended("ATD", 107), "+CME ERROR"),
        (extended("ATD", 129), "+CME ERROR"),
        (extended("ATD", 100), "+CME ERROR"),
        (refused, "the modem answered BUSY to the call"),
        (
            DialError::StuckInDataMode,
            "the modem is still in data mode and does not leave it",
        ),
    ]
}

fn down_reasons() -> [(DownReason, &'static str); 16] {
    let method = AuthMethod::ChapMd5;
    let refused = DownReason::AuthenticationRefused {
        method,
        text: String::new(),
    };
    let terminated = |auth_rejected| DownReason::PeerTerminated {
        layer: Layer::Lcp,
        text: String::new(),
        auth_rejected,
    };
    let timeout = |layer| DownReason::NegotiationTimeout { layer };
    let failed = DownReason::NegotiationFailed {
        layer: Layer::Ipcp,
        why: "x".to_owned(),
    };
    let closed = DownReason::Closed {
        why: "User request".to_owned(),
    };
    let rejected = DownReason::ProtocolRejected { layer: Layer::Ipcp };
    let unjudged = DownReason::AuthenticationTimeout { method };
    [
        (refused, "the peer refused our CHAP credentials"),
        (unjudged, "no answer to our CHAP credentials"),
        (
            DownReason::PeerAuthenticationFailed,
            "the peer did not authenticate itself",
        ),
        (
            DownReason::PeerRefusedToAuthenticate,
            "the peer refuses to authenticate itself",
        ),
        (
            DownReason::AuthenticationNotAgreed {
                text: String::new(),
            },
            "the peer demands another authentication protocol than we have, and ended it",
        ),
        (terminated(false), "LCP terminated by the peer"),
        (
            terminated(true),
            "we had rejected its authentication demand",
        ),
        (timeout(Layer::Lcp), "LCP: timeout sending Config-Requests"),
        (
            timeout(Layer::Ipcp),
            "IPCP: timeout sending Config-Requests",
        ),
        (failed, "IPCP negotiation failed:"),
        (
            DownReason::NetworkPending { rounds: 60 },
            "the modem stalled 60 times",
        ),
        (rejected, "the peer rejects IPCP"),
        (
            DownReason::EchoTimeout { lost: 4 },
            "no response to 4 echo-requests",
        ),
        (DownReason::Loopback, "serial line is looped back"),
        (DownReason::CarrierLost, "carrier lost"),
        (closed, "closed: User request"),
    ]
}

fn network_problems() -> [(NetworkProblem, &'static str); 6] {
    let text = || "ppp0".to_owned();
    [
        (
            NetworkProblem::NoPermission { what: text() },
            "no permission for the network:",
        ),
        (
            NetworkProblem::NoTun { error: text() },
            "this system has no TUN device:",
        ),
        (
            NetworkProblem::NameTaken { name: text() },
            "the interface name ppp0 is taken by another program",
        ),
        (
            NetworkProblem::InterfaceDeleted { name: text() },
            "the interface ppp0 was deleted by another program",
        ),
        (
            NetworkProblem::SetDown { name: text() },
            "the interface ppp0 was set down by another program",
        ),
        (
            NetworkProblem::Failed { what: text() },
            "the network interface could not be set up:",
        ),
    ]
}

/// Every Markdown page of the project, in the folders that have some.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in ["", "docs", "protocol-tests"] {
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

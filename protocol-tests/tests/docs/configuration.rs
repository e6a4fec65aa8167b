//! The keys of both formats: that each is documented, its default, range and example, and what is said of mistakes.

use std::collections::BTreeMap;
use std::path::Path;

use uplinkd::config::files::MapFiles;
use uplinkd::config::{
    self, Config, Diagnostic, Effect, Severity, Sources, change, keyvalue, native,
};

use super::{blocks, page, rows};

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

/// A file with `line` behind what each needs, on a system with the peers file of the example.
fn keyvalue(line: &str) -> (Option<Config>, Vec<Diagnostic>) {
    let files = MapFiles::new().with("/etc/ppp/peers/DTI", "/dev/ttyUSB0 noauth\n");
    let sources = Sources {
        files: &files,
        ppp_dir: Path::new("/etc/ppp"),
        models: None,
    };
    config::read_with("ppp", format!("APN=a\n{line}\n").as_bytes(), &sources)
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
    assert!(native_rows().len() >= 117);
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
    // What the modem's profile says, two that are not set, one that follows the account.
    assert_eq!(
        in_words,
        [
            "modem.dial",
            "modem.dial_timeout",
            "modem.registration_timeout",
            "network.route_metric",
            "ppp.auth",
            "ppp.lcp.mtu",
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
            unset.lcp.mtu,
            unset.reset_steps,
            unset.reset_wait
        ),
        (None, None, None, None, None, None, None)
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

/// Spec S5: when the change of a setting acts.
#[test]
fn documented_times_of_changes_are_the_programs() {
    let rows = rows(&page("docs/configuration.md"));
    let words = [Effect::Now, Effect::NextDial, Effect::Restart].map(|effect| effect.to_string());
    let told: Vec<&Vec<String>> = rows
        .iter()
        .filter(|row| row.len() == 2 && words.contains(&row[1]))
        .collect();
    assert_eq!(told.len(), 3);
    let effects = change::effects();
    assert!(effects.len() >= 117);
    for (key, effect) in effects {
        let is_told = |row: &&&Vec<String>| {
            row[0]
                .split(", ")
                .filter_map(code)
                .any(|name| match name.strip_suffix('*') {
                    Some(section) => key.starts_with(section),
                    None => key == name,
                })
        };
        let row = told
            .iter()
            .find(is_told)
            .or_else(|| told.iter().find(|row| row[0] == "all others"));
        assert_eq!(
            row.map(|row| row[1].as_str()),
            Some(effect.to_string().as_str()),
            "{key}"
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

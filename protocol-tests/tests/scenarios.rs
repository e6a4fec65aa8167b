//! Plays `scenarios/*.ppp` against [`uplinkd::ppp::Endpoint`] in virtual time. See README.md for the format.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

use std::fs;
use std::path::Path;

use protocol_tests::scenario::Scenario;

/// Public logs and byte vectors that have to be there: a file that goes missing is a test that goes missing.
const REQUIRED: &[&str] = &[
    "t01", "t03", "t05", "t06b", "t12", "t17", "t18", "t26", "r1", "r2", "r3", "r4", "r5", "r6",
    "r7", "r8",
];

#[test]
fn every_scenario_comes_true() {
    let mut failures = Vec::new();
    let mut names = Vec::new();
    for (name, text) in files() {
        let played = Scenario::parse(&format!("scenarios/{name}"), &text).and_then(|s| s.play());
        if let Err(failure) = played {
            failures.push(failure.to_string());
        }
        names.push(name);
    }
    assert!(
        failures.is_empty(),
        "{} of {} scenarios:\n\n{}",
        failures.len(),
        names.len(),
        failures.join("\n\n")
    );
    for required in REQUIRED {
        assert!(
            names
                .iter()
                .any(|name| name.starts_with(&format!("{required}-"))),
            "no file for {required}"
        );
    }
}

#[test]
fn a_scenario_that_asks_for_too_much_fails_at_its_line() {
    let begin = "client echo=off\n0.000 line up\n";
    let sent = "> LCP ConfReq id=* <asyncmap 0x0> <magic *> <pcomp> <accomp>\n";
    for (text, place, message) in [
        (
            format!("{begin}> LCP ConfReq id=* <magic *>\n"),
            "x:3",
            "sent instead: LCP ConfReq id=1",
        ),
        (
            format!("{begin}1.000 quiet\n"),
            "x:3",
            "not in the scenario: 0ns > LCP ConfReq",
        ),
        (format!("{begin}1.000 {sent}"), "x:3", "sent at 0ns instead"),
        (
            format!("{begin}{sent}! up local=10.0.0.2\n"),
            "x:4",
            "no event came",
        ),
        (
            format!("{begin}{sent}! log \"no such line\"\n"),
            "x:4",
            "no log line contains it",
        ),
        (
            format!("{begin}{sent}< LCP EchoReq id=1 magic=$unknown\n"),
            "x:4",
            "$unknown has not been seen",
        ),
        (
            begin.to_owned(),
            "x: at its end",
            "not in the scenario: 0ns > LCP ConfReq",
        ),
    ] {
        let failure = Scenario::parse("x", &text)
            .unwrap()
            .play()
            .unwrap_err()
            .to_string();
        assert!(
            failure.starts_with(&format!("{place}: ")),
            "{text}\n{failure}"
        );
        assert!(failure.contains(message), "{text}\n{failure}");
    }
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    for (text, failure) in [
        (
            "",
            "x: the first line has to be `client ...` or `server ...`",
        ),
        (
            "modem\n",
            "x:1: the first line has to be `client ...` or `server ...`, not `modem`",
        ),
        ("client mru=many\n", "x:1: mru=many: not a value for it"),
        (
            "# a comment\nclient\n1.0 line sideways\n",
            "x:3: `line sideways` is none of",
        ),
        (
            "client\n2.0 line up\n1.0 quiet\n",
            "x:3: time runs backwards",
        ),
        ("client\n> LCP Hello id=1\n", "x:2: Hello is not a code"),
        (
            "client\n> LCP ConfReq id=1 <mru>\n",
            "x:2: <mru> is not understood",
        ),
        (
            "client\n> LCP ConfReq id=1 <mru 70000>\n",
            "x:2: 70000 does not fit into 2 octets",
        ),
        ("client\n! log \"open\n", "x:2: a \" is missing"),
    ] {
        let found = Scenario::parse("x", text).unwrap_err().to_string();
        assert!(found.starts_with(failure), "{text}\n{found}");
    }
}

fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read_to_string(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

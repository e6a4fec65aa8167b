//! The protocol against its page: the examples, and every key and state.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol_tests::daemon::{Site, socket, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;
use serde_json::Value;
use uplinkd::control::{Board, Resolver, StateView, StateWord};
use uplinkd::link::{LineProblem, LinkEnd, ResetOutcome};
use uplinkd::modem::{ModemInfo, Registration, Signal, SimState};
use uplinkd::ppp::Ipv4Settings;
use uplinkd::time::Instant;

/// The documented protocol, by hand.
#[test]
fn the_examples_of_the_page_work() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    let ask = |request: &str| {
        let mut stream = UnixStream::connect(socket(&site)).unwrap();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).unwrap();
        reply
    };
    let page = page();
    let mut checked = 0;
    for (request, reply) in examples(&page) {
        // Those that need a link, or a second port, are other tests' matter.
        if request.contains("\"stauts\"") || request.contains("\"reconnect\"") {
            assert_eq!(ask(&request), format!("{reply}\n"));
            checked += 1;
        }
        if request.contains("\"status\"") {
            let told: Value = serde_json::from_str(&ask(&request)).unwrap();
            assert_eq!(told["status"]["state"], "waiting-for-modem");
            checked += 1;
        }
    }
    assert_eq!(checked, 3);
    // Half a request, and the client shuts its side: nothing to answer.
    let mut stream = UnixStream::connect(socket(&site)).unwrap();
    stream.write_all(b"{\"command\":\"status\"}").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "");
    assert_eq!(daemon.terminate(), 5);
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/control-protocol.md");
    fs::read_to_string(path).unwrap()
}

/// `$ echo 'REQUEST' | socat ...` and the line below it.
fn examples(page: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = page.lines().collect();
    lines
        .windows(2)
        .filter_map(|pair| {
            let request = pair[0].strip_prefix("$ echo '")?.split('\'').next()?;
            Some((request.to_owned(), pair[1].to_owned()))
        })
        .collect()
}

/// Everything that a status can hold.
fn full() -> Value {
    let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
    let mut board = Board::new(at(0), "0.1.0", 1, "ppp0", Duration::from_secs(60));
    let absent = LinkEnd::Line(LineProblem::Absent {
        path: PathBuf::from("/dev/ttyUSB0"),
    });
    board.note_end(at(1), &absent, false);
    board.note_reset(
        at(2),
        &ResetOutcome::Done {
            step: "AT+CFUN=16".to_owned(),
        },
    );
    board.note_state(StateView {
        word: StateWord::Up,
        sentence: None,
        since: at(3),
        why: Some("x".to_owned()),
        next: Some(("x".to_owned(), Some(at(9)))),
        attempt: 1,
        failures: Some(0),
    });
    board.note_up(
        at(3),
        "ppp0",
        &Ipv4Settings {
            local: [10, 0, 0, 2].into(),
            remote: Some([10, 0, 0, 1].into()),
            dns: [Some([192, 0, 2, 53].into()), None],
            mtu: 1500,
        },
    );
    board.note_step(at(3), "x");
    board.note_place("/dev/ttyUSB0", Some("1-1"));
    let text = || Some("x".to_owned());
    board.note_modem(
        at(3),
        &ModemInfo {
            profile: text(),
            manufacturer: text(),
            model: text(),
            revision: text(),
            imei: text(),
            iccid: text(),
            sim: Some(SimState::Ready),
            registration: Some(Registration::Home),
            signal: Some(Signal { dbm: -77 }),
            operator: text(),
            plmn: text(),
            technology: text(),
        },
    );
    board.note_monitor("x", Some("y"));
    board.note_ping(at(4), true, 0);
    board.note_queue(0, 0);
    board.note_provisioning(0);
    board.note_resolver(Some(Resolver {
        servers: vec![[192, 0, 2, 53].into()],
        manager: "file".to_owned(),
        why: "x".to_owned(),
        problem: text(),
    }));
    board.note_warning("x");
    let status = board.snapshot(at(5), "2026-11-24T00:00:00Z".parse().unwrap());
    serde_json::to_value(status).unwrap()
}

/// `link.up` and so on. Moments, aged values and traffic are described once.
fn keys(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(map) = value else {
        if let Value::Array(list) = value {
            list.iter().for_each(|value| keys(prefix, value, found));
        }
        return;
    };
    for (key, value) in map {
        if matches!(key.as_str(), "seconds_ago" | "value") || (key == "at" && prefix != "next.") {
            continue;
        }
        let path = format!("{prefix}{key}");
        if path != "link.traffic" {
            keys(&format!("{path}."), value, found);
        }
        found.insert(path);
    }
}

#[test]
fn every_key_and_every_state_is_documented_and_nothing_else_is() {
    let page = page();
    let (_, status) = page.split_once("## The status").unwrap();
    let (table, states) = status.split_once("### States").unwrap();
    let names = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
            .collect()
    };
    let mut told = BTreeSet::new();
    keys("", &full(), &mut told);
    // Objects that are always there have rows for their keys only.
    for group in ["attempts", "resets", "modem"] {
        assert!(told.remove(group), "{group}");
    }
    assert_eq!(names(table), told);
    let words: BTreeSet<String> = StateWord::ALL
        .into_iter()
        .map(|word| word.as_str().to_owned())
        .collect();
    assert_eq!(names(states), words);
    for word in StateWord::ALL {
        assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
    }
}

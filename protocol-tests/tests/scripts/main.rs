//! pppd's scripts and pid files (spec N4, N6), with the daemon's binary against the simulated modem.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod contract;
mod debian;
mod endings;
mod overlap;
mod pids;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{Daemon, PATIENCE, Site};
use protocol_tests::process::Mark;

/// Writes down its name, its arguments and its environment, and what the kernel knows of the interface; says a line.
const RECORD: &str = r#"
out=$(dirname "$0")/../record.$(basename "$0")
{
    echo "name $(basename "$0")"
    for a; do echo "arg $a"; done
    tr '\0' '\n' < /proc/$$/environ | sort | sed 's/^/env /'
    echo "link $(ip -4 -o addr show dev ppp0 up 2>/dev/null | sed 's/.*inet \([^ ]*\) peer \([^ ]*\).*/\1 \2/')"
    echo "has $(ip -4 -o addr show dev ppp0 2>/dev/null | sed 's/.*inet \([^ ]*\) peer \([^ ]*\).*/\1 \2/')"
    echo "route $(ip -4 route show default | sed "s/ linkdown//; s/ *$//")"
} > $out.new
mv $out.new $out
echo "$(basename "$0") was here"
"#;

/// Puts a shell script into the ppp directory.
fn script(site: &Site, name: &str, text: &str) -> PathBuf {
    let path = site.path("ppp").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let beside = path.with_extension("new");
    fs::write(&beside, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&beside, &path).unwrap();
    path
}

/// What a script has written down.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    /// The interface's addresses, if it was up.
    link: String,
    /// The same, up or not.
    has: String,
    route: String,
}

/// Waits for the record of that script, and takes it away.
fn record(site: &Site, name: &str) -> Record {
    let path = site.path(&format!("record.{name}"));
    let text = wait_until(&format!("{name} to run"), PATIENCE, || {
        fs::read_to_string(&path).ok()
    });
    fs::remove_file(&path).unwrap();
    let all = |key: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(key));
        lines.map(|rest| rest.trim_start().to_owned()).collect()
    };
    let environment = all("env ").into_iter().map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    Record {
        arguments: all("arg "),
        environment: environment.collect(),
        link: all("link")[0].clone(),
        has: all("has")[0].clone(),
        route: all("route")[0].clone(),
    }
}

/// Takes a variable out whose value is not the same in each run.
fn take(record: &mut Record, name: &str) -> String {
    let value = record.environment.remove(name);
    value.unwrap_or_else(|| panic!("{name} is not set: {record:?}"))
}

/// Waits for these lines, one after the other.
fn expect_in_order(daemon: &Daemon, lines: &[&str]) {
    let mut mark = Mark::default();
    for line in lines {
        mark = daemon.process.wait_for_line_after(mark, line, PATIENCE).1;
    }
}

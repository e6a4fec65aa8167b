//! Recovery with the whole daemon: resets, modems that come and go, SIM and PIN, the monitor, a user's commands.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod modems;
mod monitor;
mod notes;
mod refusals;
mod reset;
mod users;
mod vanishing;

use std::time::Duration;

use protocol_tests::daemon::{Daemon, PATIENCE};
use protocol_tests::process::Mark;

/// Waits for these lines in this order, and gives the place behind the last.
fn follow(daemon: &Daemon, from: Mark, lines: &[&str]) -> Mark {
    follow_within(daemon, from, lines, PATIENCE)
}

fn follow_within(daemon: &Daemon, from: Mark, lines: &[&str], limit: Duration) -> Mark {
    let mut mark = from;
    for line in lines {
        mark = daemon.process.wait_for_line_after(mark, line, limit).1;
    }
    mark
}

/// Asserts that no line so far contains the pattern.
fn never(daemon: &Daemon, pattern: &str) {
    assert_eq!(
        daemon.process.count(pattern),
        0,
        "{pattern}: {}",
        daemon.process.transcript()
    );
}

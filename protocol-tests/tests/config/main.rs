//! `uplinkd config` and `uplinkd export-pppd` as a person calls them: statuses, stdout, stderr, and what lies on the disk
//! afterwards (spec C0, C27, C28, F3, I5, I6).
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod bad_input;
mod check;
mod convert;
mod export;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use protocol_tests::daemon::binary;
use protocol_tests::process::run;

/// What a call gave.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: i32,
    out: String,
    err: String,
}

fn uplinkd<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Outcome {
    let output = Command::new(binary()).args(arguments).output().unwrap();
    Outcome {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A call that must end soon, whatever it is given: its status, stdout and stderr together.
fn soon(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(binary());
    command.args(arguments);
    let (status, text) = run("uplinkd", command, Duration::from_secs(20));
    (status.code().unwrap(), text)
}

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

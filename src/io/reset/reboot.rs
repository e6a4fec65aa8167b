//! Restarting this host: the last step, off by default (spec S2).
//!
//! A modem that no restart of the host can mend must not keep the host restarting. So it is done at most once an hour and
//! never in the first half hour after the boot, which leaves time for somebody to log in and switch it off; and each time
//! is noted in the state directory before it is done. What cannot be noted is not done.
//!
//! It is done by `systemctl reboot`, which stops the other services first; reboot(2) would not. What is run is a parameter
//! ([`Reboot::Command`]), so that no test can restart the machine that it runs on by accident.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use super::command::{self, CommandError};
use crate::log::LogLine;

/// Never before the host has been up for so long.
pub const LEAST_UPTIME: Duration = Duration::from_secs(30 * 60);

/// Never twice within this time.
pub const LEAST_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// In the state directory: one line for each restart, the time in seconds of the Unix epoch, the latest last.
pub const FILE: &str = "reboots";

/// So many lines are kept.
const MAX_LINES: usize = 100;

/// So long `systemctl reboot` may take to say yes.
const LIMIT: Duration = Duration::from_secs(30);

/// Whether the host can be restarted, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reboot {
    /// Not at all.
    Forbidden,
    /// By this command.
    Command(Vec<String>),
}

impl Reboot {
    /// As systemd does it.
    pub fn by_systemd() -> Self {
        Self::Command(["systemctl", "reboot"].map(str::to_owned).to_vec())
    }
}

/// Why the host is not restarted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebootError {
    /// It was not allowed.
    #[error("restarting this host is not allowed")]
    Forbidden,
    /// It has just booted.
    #[error("this host has been up for only {} min, and is not restarted before {} min", .uptime.as_secs() / 60, LEAST_UPTIME.as_secs() / 60)]
    TooYoung {
        /// So long it has been up.
        uptime: Duration,
    },
    /// It was done a short while ago.
    #[error("this host was restarted less than {} min ago", LEAST_INTERVAL.as_secs() / 60)]
    TooSoon,
    /// It could not be noted.
    #[error("the restart could not be noted in {path}: {error}")]
    NotNoted {
        /// The file.
        path: String,
        /// The system's words.
        error: io::Error,
    },
    /// How long the host has been up is not known.
    #[error("it is not known how long this host has been up: {0}")]
    NoUptime(io::Error),
    /// The command did not work.
    #[error("{0}")]
    Command(#[from] CommandError),
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the boot.
    pub uptime: Duration,
    /// Seconds of the Unix epoch, as far as the clock can be trusted.
    pub wall: i64,
}

/// How long the host has been up.
///
/// # Errors
/// [`RebootError::NoUptime`].
pub fn uptime() -> Result<Duration, RebootError> {
    let text = fs::read_to_string("/proc/uptime").map_err(RebootError::NoUptime)?;
    text.split_ascii_whitespace()
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| RebootError::NoUptime(io::ErrorKind::InvalidData.into()))
}

/// Restarts the host if that is allowed at `moment`, and notes it in `state_dir`.
///
/// # Errors
/// [`RebootError`]: then it is not restarted.
pub async fn restart(
    how: &Reboot,
    state_dir: &Path,
    moment: Moment,
    log: impl Fn(&LogLine),
) -> Result<(), RebootError> {
    let Reboot::Command(words) = how else {
        return Err(RebootError::Forbidden);
    };
    let file = state_dir.join(FILE);
    let mut times = read(&file);
    judge(moment, &times)?;
    times.push(moment.wall);
    note(state_dir, &file, &times).map_err(|error| RebootError::NotNoted {
        path: file.display().to_string(),
        error,
    })?;
    Ok(command::run(words, &[], LIMIT, log).await?)
}

/// The uptime needs no clock: a host that has been up for an hour was not restarted in it. The noted times only matter in
/// the half hour before that, and a time in the future is that of a clock that has been set back since.
fn judge(moment: Moment, times: &[i64]) -> Result<(), RebootError> {
    if moment.uptime < LEAST_UPTIME {
        return Err(RebootError::TooYoung {
            uptime: moment.uptime,
        });
    }
    if moment.uptime >= LEAST_INTERVAL {
        return Ok(());
    }
    let interval = i64::try_from(LEAST_INTERVAL.as_secs()).unwrap_or(i64::MAX);
    match times.last() {
        Some(last) if moment.wall.saturating_sub(*last) < interval => Err(RebootError::TooSoon),
        Some(_) | None => Ok(()),
    }
}

fn read(file: &Path) -> Vec<i64> {
    let mut text = String::new();
    if let Ok(file) = File::open(file) {
        let _ = file.take(64 * 1024).read_to_string(&mut text);
    }
    let mut times: Vec<i64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    times.drain(..times.len().saturating_sub(MAX_LINES));
    times
}

/// Whole or not at all, and on the disk before the host goes down.
fn note(dir: &Path, file: &Path, times: &[i64]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let aside = file.with_extension("new");
    let mut text = String::new();
    for time in times.iter().skip(times.len().saturating_sub(MAX_LINES)) {
        text.push_str(&format!("{time}\n"));
    }
    let mut new = File::create(&aside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&aside, file)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestDir;
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn minutes(uptime: u64) -> Moment {
        Moment {
            uptime: Duration::from_secs(60 * uptime),
            wall: NOW,
        }
    }

    /// A restart that leaves a mark instead.
    fn mark(dir: &TestDir) -> Reboot {
        Reboot::Command(vec![
            "touch".to_owned(),
            dir.join("restarted").display().to_string(),
        ])
    }

    #[tokio::test]
    async fn is_noted_and_then_done() {
        let dir = TestDir::new();
        let state = dir.join("state/deep");
        let how = mark(&dir);
        restart(&how, &state, minutes(31), |_| {}).await.unwrap();
        assert!(dir.join("restarted").exists());
        assert_eq!(
            fs::read_to_string(state.join(FILE)).unwrap(),
            format!("{NOW}\n")
        );
        fs::remove_file(dir.join("restarted")).unwrap();
        let again = restart(&how, &state, minutes(31), |_| {}).await;
        assert!(matches!(again, Err(RebootError::TooSoon)));
        assert!(!dir.join("restarted").exists());
        assert_eq!(read(&state.join(FILE)).len(), 1);
        restart(&how, &state, minutes(60), |_| {}).await.unwrap();
        assert_eq!(read(&state.join(FILE)).len(), 2);
    }

    #[tokio::test]
    async fn is_not_done_when_forbidden_or_too_early_or_not_noted() {
        let dir = TestDir::new();
        let how = mark(&dir);
        let forbidden = restart(&Reboot::Forbidden, dir.path(), minutes(99), |_| {}).await;
        assert!(matches!(forbidden, Err(RebootError::Forbidden)));
        let early = restart(&how, dir.path(), minutes(29), |_| {}).await;
        assert_eq!(
            early.unwrap_err().to_string(),
            "this host has been up for only 29 min, and is not restarted before 30 min"
        );
        fs::write(dir.join("file"), "").unwrap();
        let not_noted = restart(&how, &dir.join("file"), minutes(99), |_| {}).await;
        assert!(matches!(not_noted, Err(RebootError::NotNoted { .. })));
        assert!(!dir.join("restarted").exists());
    }

    #[test]
    fn a_clock_that_jumps_allows_no_more() {
        let ago = |seconds: i64| judge(minutes(45), &[NOW - seconds]);
        assert!(ago(3600).is_ok());
        assert!(matches!(ago(3599), Err(RebootError::TooSoon)));
        assert!(
            matches!(ago(-1_000_000), Err(RebootError::TooSoon)),
            "set back to 1970"
        );
        assert!(judge(minutes(60), &[NOW + 1_000_000]).is_ok());
        assert!(matches!(
            judge(minutes(0), &[]),
            Err(RebootError::TooYoung { .. })
        ));
    }

    #[test]
    fn garbage_in_the_file_is_left_out_and_it_does_not_grow() {
        let dir = TestDir::new();
        let file = dir.join(FILE);
        fs::write(&file, "x\n\n12\n-5\n99999999999999999999\n\u{1f600}\n").unwrap();
        assert_eq!(read(&file), [12, -5]);
        let many: Vec<i64> = (0..1000).collect();
        note(dir.path(), &file, &many).unwrap();
        assert_eq!(read(&file), (900..1000).collect::<Vec<_>>());
    }
}

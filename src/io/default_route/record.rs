//! The files that say what was replaced, and the lock that guards them.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::io::process::own_pid;
use crate::io::saved_route::SavedRoute;
use crate::log::{Level, LogLine};

/// What follows the interface's name in the name of its file.
const SUFFIX: &str = ".default-route";

/// More than this in a file is not believed.
const MAX_FILE: u64 = 65_536;

/// More routes than this in a file are not believed.
const MAX_ROUTES: usize = 64;

/// How long and how often the lock of the files is tried. It is held for milliseconds.
const LOCK_PATIENCE: u32 = 100;
const LOCK_STEP: Duration = Duration::from_millis(20);

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) epoch: String,
    pub(super) routes: Vec<SavedRoute>,
}

impl Record {
    /// Reads a file; lines that are not ours are left out, and that is said.
    pub(super) fn read(file: &Path, log: &mut Vec<LogLine>) -> Option<Self> {
        let mut complain = |why: &dyn std::fmt::Display| {
            let text = format!("{}: {why}", file.display());
            log.push(LogLine::uplinkd(Level::Warning, text));
        };
        match fs::metadata(file) {
            Ok(metadata) if metadata.len() > MAX_FILE => {
                complain(&"too large to be ours");
                return None;
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                complain(&error);
                return None;
            }
        }
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                complain(&error);
                return None;
            }
        };
        let mut record = Self {
            epoch: String::new(),
            routes: Vec::new(),
        };
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some(epoch) = line.strip_prefix("since ") {
                record.epoch = epoch.to_owned();
                continue;
            }
            match line.parse::<SavedRoute>() {
                Ok(route) if record.routes.len() < MAX_ROUTES && route.metric() == 0 => {
                    record.routes.push(route);
                }
                Ok(_) | Err(_) => complain(&"a line is not ours, and left out"),
            }
        }
        Some(record)
    }

    /// Replaces a file in one step.
    pub(super) fn write(&self, file: &Path) -> io::Result<()> {
        let mut text = String::from(
            "# uplinkd: the default routes that this interface has replaced. They come back when\n\
             # its link ends; after a crash, when uplinkd starts again.\n",
        );
        text.push_str(&format!("since {}\n", self.epoch));
        for route in &self.routes {
            text.push_str(&format!("{route}\n"));
        }
        let mut temporary = file.as_os_str().to_owned();
        temporary.push(format!(".{}.new", own_pid()));
        let temporary = PathBuf::from(temporary);
        let result = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, file));
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    /// Whether it was written since this kernel has booted and in this network namespace.
    pub(super) fn is_ours(&self) -> bool {
        self.epoch == epoch()
    }
}

/// This boot of the kernel and this network namespace, in a word or two.
pub(super) fn epoch() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/thread-self/ns/net").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

pub(super) fn file_of(state_dir: &Path, name: &str) -> PathBuf {
    state_dir.join(format!("{name}{SUFFIX}"))
}

/// The interfaces that have a file.
pub(super) fn names_with_files(state_dir: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(state_dir)?
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(SUFFIX)?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

pub(super) fn remove_file(file: &Path, log: &mut Vec<LogLine>) {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let text = format!("cannot remove {}: {error}", file.display());
            log.push(LogLine::uplinkd(Level::Warning, text));
        }
        Ok(()) | Err(_) => {}
    }
}

pub(super) fn unwritable(state_dir: &Path, error: &io::Error) -> LogLine {
    LogLine::uplinkd(
        Level::Warning,
        format!(
            "cannot write to {}: {error}; after a crash the replaced default route would not \
             come back",
            state_dir.display(),
        ),
    )
}

/// Keeps other links from the files while we change routes by them.
pub(super) struct FilesLock {
    _file: Option<fs::File>,
}

impl FilesLock {
    /// Waits for it, and goes on without it if there is none to be had: the routes matter more.
    pub(super) async fn acquire(state_dir: &Path, log: &mut Vec<LogLine>) -> Self {
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(state_dir.join("default-route.lock"));
        // Not writable: complained of where it matters.
        let Ok(file) = file else {
            return Self { _file: None };
        };
        for _ in 0..LOCK_PATIENCE {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Self { _file: Some(file) },
                Err(Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_STEP).await,
                Err(_) => break,
            }
        }
        log.push(LogLine::uplinkd(
            Level::Warning,
            format!(
                "the lock of the files in {} cannot be had; going on",
                state_dir.display()
            ),
        ));
        Self { _file: None }
    }
}

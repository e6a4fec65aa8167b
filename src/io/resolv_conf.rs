//! `/etc/resolv.conf` as the link's servers need it, and as it was before (spec N3).
//!
//! [`set`] puts the servers of a link in, [`restore`] takes them out, [`recover`] does that for links that were killed.
//! Each is one call with plain arguments and everything it needs to know lies in the state folder, so that it can also be
//! run as a program of its own, outside of a sandbox (`uplinkd resolv-conf`).
//!
//! The file is replaced by another that is renamed over it, with its owner and mode; where that cannot be (a file that is
//! a mount point, as in containers, or a folder that cannot be written), its text is replaced. Before that, its bytes and
//! a [`Record`] are brought to the disk. A lock keeps several links apart.
//!
//! A symbolic link is followed only where its target is nobody's, as on systems with a read-only `/etc`, and where nobody
//! but its owner can change the folder it is in. A link to a file of systemd-resolved, resolvconf or NetworkManager is
//! replaced itself, and comes back: the file behind it is theirs. They go on writing it, and nothing of that is lost.
//!
//! What somebody else has written since is left alone, and said.

mod place;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::state_file::{self, StateFileError};
use crate::dns::text::{MOST_ASKED, is_ours, merged, servers_of};
use crate::dns::{Former, Found, LinkServers, Record, Verdict};
use crate::log::{Level, LogLine};
use place::{Now, Target};

pub use place::place_of;

/// The record in the state folder: there as long as servers of links are in the file.
pub const RECORD: &str = "resolv.conf.record";

/// The former file and the lock beside it.
const BACKUP: &str = "resolv.conf.backup";
const LOCK: &str = "resolv.conf.lock";

/// A larger record is not believed, a larger `resolv.conf` not touched.
const MAX_RECORD: u64 = 65_536;
const MAX_FILE: u64 = 65_536;

/// How long and how often the lock is tried. It is held for milliseconds; on a tired flash, for seconds.
const LOCK_PATIENCE: u32 = 250;
const LOCK_STEP: Duration = Duration::from_millis(20);

/// Why it could not be done. The link goes on without.
#[derive(Debug, thiserror::Error)]
pub enum ResolvConfError {
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    File(#[from] StateFileError),
    /// It is a folder, a device, or not readable as text of a path.
    #[error("{} is neither a file nor a link to one", .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// The file system cannot be written.
    #[error(
        "{} cannot be replaced, its file system is read-only: make it a link to a file that can be written, \
         or set dns.manager", .path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Nothing can be remembered.
    #[error(
        "{} stays as it is: what is in it could not be put back later, because {} cannot be written: {error}",
        .path.display(), .state_dir.display()
    )]
    NoState {
        /// The file.
        path: PathBuf,
        /// The state folder.
        state_dir: PathBuf,
        /// The system's words.
        error: String,
    },
    /// Another link keeps the lock.
    #[error("another link has kept the lock {} for too long", .path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The links of this host do not agree on the file.
    #[error("another link has its servers in {other}, not in {}", .path.display())]
    TwoFiles {
        /// The file.
        path: PathBuf,
        /// The other's.
        other: String,
    },
}

/// Puts the servers of the link `interface` into the file `path`, for the first time or in place of those that it had.
/// What has been there is remembered in `state_dir`. Blocks for as long as the disk takes.
///
/// Returns what there is to say.
///
/// # Errors
///
/// [`ResolvConfError`]; the file is as it was then.
pub fn set(
    path: &Path,
    state_dir: &Path,
    interface: &str,
    servers: &[IpAddr],
) -> Result<Vec<LogLine>, ResolvConfError> {
    let mut store = Store::open(path, state_dir)?;
    let mut log = Vec::new();
    let mut record = store.record_for_set(path, &mut log)?;
    record.put(interface, servers);
    store.write(&mut record)?;
    let all = servers_of(&record.links);
    let unheard: Vec<IpAddr> = all.iter().copied().skip(MOST_ASKED).collect();
    if !unheard.is_empty() {
        let text = format!(
            "{} has more than {MOST_ASKED} servers; programs do not ask {}",
            record.path,
            crate::dns::servers::list(&unheard)
        );
        log.push(LogLine::uplinkd(Level::Info, text));
    }
    Ok(log)
}

/// Takes the servers of the link `interface` out of the file that [`set`] has put them into. After the last link the
/// former file comes back. Does nothing if they are not there.
///
/// Returns what there is to say.
///
/// # Errors
///
/// [`ResolvConfError`]; [`recover`] tries again.
pub fn restore(
    path: &Path,
    state_dir: &Path,
    interface: &str,
) -> Result<Vec<LogLine>, ResolvConfError> {
    take_out(path, state_dir, |name| name == interface)
}

/// At a start: takes out what former runs have left that were killed: the servers of `interface`, which is about to be
/// made, and of all interfaces that do not exist any more.
///
/// # Errors
///
/// As [`restore`].
pub fn recover(
    path: &Path,
    state_dir: &Path,
    interface: &str,
    exists: impl Fn(&str) -> bool,
) -> Result<Vec<LogLine>, ResolvConfError> {
    take_out(path, state_dir, |name| name == interface || !exists(name))
}

/// Takes out the links that `goes` names.
fn take_out(
    path: &Path,
    state_dir: &Path,
    goes: impl Fn(&str) -> bool,
) -> Result<Vec<LogLine>, ResolvConfError> {
    let mut log = Vec::new();
    if !state_dir.join(RECORD).exists() {
        log.extend(orphan(path, state_dir));
        return Ok(log);
    }
    let store = Store::open(path, state_dir)?;
    let Some(mut record) = store.record(&mut log)? else {
        return Ok(log);
    };
    let gone: Vec<String> = record
        .links
        .iter()
        .filter(|link| goes(&link.interface))
        .map(|link| link.interface.clone())
        .collect();
    for name in &gone {
        record.take(name);
    }
    if gone.is_empty() && !record.links.is_empty() {
        return Ok(log);
    }
    let now = Now::read(Path::new(&record.real));
    let verdict = record.judge(now.found(), store.backup.as_deref());
    if verdict == Verdict::Foreign {
        log.push(LogLine::uplinkd(
            Level::Notice,
            format!(
                "{} has been changed by somebody else since the link came up, and is left alone",
                record.real
            ),
        ));
    }
    if record.links.is_empty() {
        if verdict == Verdict::Ours {
            store.put_back(&record)?;
            let text = format!("{} is as it was before the link", record.path);
            log.push(LogLine::uplinkd(Level::Info, text));
        }
        store.forget()?;
    } else if verdict == Verdict::Foreign {
        store.keep(&record)?;
    } else {
        store.write(&mut record)?;
    }
    Ok(log)
}

/// Our text without a record, such as when the state folder was emptied meanwhile: it is said, for nobody knows what was
/// there before.
fn orphan(path: &Path, state_dir: &Path) -> Option<LogLine> {
    let text = state_file::read_limited(path, MAX_FILE).ok()?;
    is_ours(&text).then(|| {
        let text = format!(
            "{} still has name servers of a link, and what was there before is not known: {} is gone; put it right by \
             hand",
            path.display(),
            state_dir.join(RECORD).display()
        );
        LogLine::uplinkd(Level::Warning, text)
    })
}

/// The state folder, locked, and what is in it.
struct Store {
    path: PathBuf,
    state_dir: PathBuf,
    /// The bytes of the former file, if it was one.
    backup: Option<Vec<u8>>,
    _lock: File,
}

impl Store {
    fn open(path: &Path, state_dir: &Path) -> Result<Self, ResolvConfError> {
        let no_state = |error: &dyn std::fmt::Display| ResolvConfError::NoState {
            path: path.to_owned(),
            state_dir: state_dir.to_owned(),
            error: error.to_string(),
        };
        fs::create_dir_all(state_dir).map_err(|error| no_state(&error))?;
        let lock_path = state_dir.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| no_state(&error))?;
        let mut tries = 0;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if tries < LOCK_PATIENCE => tries += 1,
                Err(Errno::WOULDBLOCK) => return Err(ResolvConfError::Locked { path: lock_path }),
                Err(error) => return Err(no_state(&error)),
            }
            pause(LOCK_STEP);
        }
        let backup = state_file::read_limited(&state_dir.join(BACKUP), MAX_FILE).ok();
        Ok(Self {
            path: path.to_owned(),
            state_dir: state_dir.to_owned(),
            backup,
            _lock: lock,
        })
    }

    /// The record, if there is one.
    fn record(&self, log: &mut Vec<LogLine>) -> Result<Option<Record>, ResolvConfError> {
        let file = self.state_dir.join(RECORD);
        let bytes = match state_file::read_limited(&file, MAX_RECORD) {
            Ok(bytes) => bytes,
            Err(StateFileError::Absent { .. }) => return Ok(None),
            Err(StateFileError::TooLarge { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let record = Record::parse(&bytes);
        if record.is_none() {
            let text = format!(
                "{} is not a record of ours: what was in {} before the last crash is not known",
                file.display(),
                self.path.display()
            );
            log.push(LogLine::uplinkd(Level::Warning, text));
        }
        Ok(record)
    }

    /// The record that a link's servers are put into: the one that is there, or a new one for the file as it is now.
    fn record_for_set(
        &mut self,
        path: &Path,
        log: &mut Vec<LogLine>,
    ) -> Result<Record, ResolvConfError> {
        let Some(record) = self.record(log)? else {
            return self.begin(path, Vec::new());
        };
        if Path::new(&record.path) != path {
            if !record.links.is_empty() {
                return Err(ResolvConfError::TwoFiles {
                    path: path.to_owned(),
                    other: record.path,
                });
            }
            return self.begin(path, Vec::new());
        }
        let now = Now::read(Path::new(&record.real));
        if record.judge(now.found(), self.backup.as_deref()) != Verdict::Foreign {
            return Ok(record);
        }
        log.push(LogLine::uplinkd(
            Level::Notice,
            format!(
                "{} has been changed by somebody else since a link came up; that is what comes back later",
                record.real
            ),
        ));
        self.begin(path, record.links)
    }

    /// A new record for the file as it is; its bytes are brought to the disk.
    fn begin(&mut self, path: &Path, links: Vec<LinkServers>) -> Result<Record, ResolvConfError> {
        let not_a_file = || ResolvConfError::NotAFile {
            path: path.to_owned(),
        };
        let Target { real, former, now } = place::target(path)?;
        let (Some(text), Some(real)) = (path.to_str(), real.to_str()) else {
            return Err(not_a_file());
        };
        self.backup = match now {
            Now::File(bytes) => Some(bytes),
            Now::Absent | Now::Link(_) => None,
            Now::Other => return Err(not_a_file()),
        };
        let mut record = Record::new(text, real, former);
        record.links = links;
        if let Some(backup) = &self.backup {
            let file = self.state_dir.join(BACKUP);
            self.remembered(state_file::write_atomic(&file, backup, 0o600))?;
        }
        Ok(record)
    }

    /// Writes the record, then the file.
    fn write(&self, record: &mut Record) -> Result<(), ResolvConfError> {
        let real = PathBuf::from(&record.real);
        // What is behind a link that was replaced is what programs have read until now.
        let former = match &record.former {
            Former::File => self.backup.clone().unwrap_or_default(),
            Former::Link { .. } => {
                state_file::read_limited(&place::behind(record), MAX_FILE).unwrap_or_default()
            }
            Former::Absent => Vec::new(),
        };
        let text = merged(&former, &record.links);
        record.note_writing(&text);
        self.keep(record)?;
        let now = Now::read(&real);
        if now.found() == Found::File(&text) {
            return Ok(());
        }
        let result = match now {
            Now::File(_) => replace(&real, &text),
            Now::Absent | Now::Link(_) | Now::Other => {
                synced(state_file::write_atomic(&real, &text, 0o644)).map_err(unwritable)
            }
        };
        if result.is_err() && record.judge(now.found(), self.backup.as_deref()) == Verdict::Former {
            // Nothing has changed: there is nothing to remember.
            let _ = self.forget();
        }
        result
    }

    /// Puts back what was there before.
    fn put_back(&self, record: &Record) -> Result<(), ResolvConfError> {
        let real = Path::new(&record.real);
        let failed = |error: io::Error| {
            unwritable(StateFileError::Write {
                path: real.to_owned(),
                error,
            })
        };
        match &record.former {
            Former::Absent => match fs::remove_file(real) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
                Ok(()) | Err(_) => Ok(()),
            },
            Former::File => replace(real, self.backup.as_deref().unwrap_or_default()),
            Former::Link { to } => {
                let beside = place::beside(real);
                match fs::remove_file(&beside) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
                    Ok(()) | Err(_) => {}
                }
                symlink(to, &beside).map_err(failed)?;
                fs::rename(&beside, real).map_err(failed)
            }
        }
    }

    /// Stores the record.
    fn keep(&self, record: &Record) -> Result<(), ResolvConfError> {
        let file = self.state_dir.join(RECORD);
        self.remembered(state_file::write_atomic(&file, &record.to_bytes(), 0o600))
    }

    /// Removes the record, then the backup: without a record it means nothing.
    fn forget(&self) -> Result<(), ResolvConfError> {
        for name in [RECORD, BACKUP] {
            let path = self.state_dir.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(StateFileError::Write { path, error }.into());
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn remembered(&self, result: Result<(), StateFileError>) -> Result<(), ResolvConfError> {
        synced(result).map_err(|error| ResolvConfError::NoState {
            path: self.path.clone(),
            state_dir: self.state_dir.clone(),
            error: error.to_string(),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever calls this module waits for disks, and is not the loop"
)]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// Replaces the text of the file `real`; owner and mode stay.
fn replace(real: &Path, text: &[u8]) -> Result<(), ResolvConfError> {
    match synced(state_file::replace_keeping_mode(real, text)) {
        Err(StateFileError::Write { path, error }) if needs_its_place(&error) => {
            // A mount point, or a folder that cannot be written. Without the atom it is still better than not at all.
            match overwrite(real, text) {
                Ok(()) => Ok(()),
                Err(_) => Err(unwritable(StateFileError::Write { path, error })),
            }
        }
        result => result.map_err(unwritable),
    }
}

/// Whether an error says that no other file can be put in the place of one.
fn needs_its_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy | ErrorKind::PermissionDenied
    )
}

/// Writes into the file that is there.
fn overwrite(real: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NOCTTY | libc::O_CLOEXEC)
        .open(real)?;
    file.write_all(text)?;
    file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX))?;
    file.sync_all()
}

/// A file that is in place, and perhaps not on the disk yet, is in place.
fn synced(result: Result<(), StateFileError>) -> Result<(), StateFileError> {
    match result {
        Err(StateFileError::NotSynced { .. }) => Ok(()),
        other => other,
    }
}

fn unwritable(error: StateFileError) -> ResolvConfError {
    match error {
        StateFileError::Write { path, error } if error.kind() == ErrorKind::ReadOnlyFilesystem => {
            ResolvConfError::ReadOnly { path }
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests;

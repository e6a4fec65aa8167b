//! What the daemon knows of its modem across attempts: where it is, its profile, what was remembered on disk, and what the
//! log has been told already.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::{Config, connect_ok};
use crate::daemon::locate::{Located, Locator};
use crate::daemon::logging::emit;
use crate::io::state_file::{StateFileError, read_limited, replace_keeping_mode, write_atomic};
use crate::link::ladder::Escalation;
use crate::link::{LineProblem, ResetOutcome};
use crate::log::{Level, LogLine};
use crate::modem::profile::ResetSettings;
use crate::modem::{BringupPlan, Memory, ModemIdentity, Profile, Profiles, ResetStep};

/// What must not be forgotten, in the state directory: PINs that were refused, what was written to the modem.
const MEMORY: &str = ".modem.json";
/// Where CONNECT_OK is noted if the configuration cannot be written.
const CONNECT_OK: &str = ".connect-ok";
/// More than [`Memory::encode`] ever writes.
const MEMORY_LIMIT: u64 = 256 * 1024;
/// As much as the configuration's reader takes.
const CONFIG_LIMIT: u64 = 1 << 20;

/// What is known of the modem.
pub(crate) struct Modem {
    locator: Locator,
    profiles: RefCell<Arc<Profiles>>,
    /// In the state directory, each under the interface's name: daemons may share the folder.
    memory_file: PathBuf,
    connect_ok_file: PathBuf,
    /// The modem that was opened last.
    last: RefCell<Option<ModemIdentity>>,
    /// Where it was.
    located: RefCell<Option<Located>>,
    profile: RefCell<Option<Arc<Profile>>>,
    memory: RefCell<Memory>,
    /// The writes that were counted before the start.
    writes_before: u64,
    /// How it got to the disk.
    stored: Arc<Stored>,
    /// What is said once in a program's life has been said.
    said: Cell<bool>,
    /// The log has the warning of a script that wears out a modem's flash.
    flash_said: Cell<bool>,
    /// APN and account are in the modem, by the user's word or ours.
    connect_ok: Cell<bool>,
    /// With which step the next reset begins.
    escalation: RefCell<Escalation>,
}

impl Modem {
    /// Reads what was remembered. A file that cannot be read is said, and makes careful with PINs.
    pub(crate) fn new(
        locator: Locator,
        profiles: Arc<Profiles>,
        state_dir: &Path,
        config: &Config,
    ) -> Self {
        let file = |name| state_dir.join(format!("{}{name}", config.interface));
        let (path, connect_ok_file) = (file(MEMORY), file(CONNECT_OK));
        let memory = match read_limited(&path, MEMORY_LIMIT) {
            Ok(bytes) => Memory::decode(&bytes).unwrap_or_else(|error| {
                warn(format!("{} is not used: {error}", path.display()));
                Memory::lost()
            }),
            Err(StateFileError::Absent { .. }) => Memory::default(),
            Err(error) => {
                warn(format!("what was remembered of the modem is lost: {error}"));
                Memory::lost()
            }
        };
        let noted = connect_ok_file.exists();
        Self {
            locator,
            profiles: RefCell::new(profiles),
            memory_file: path,
            connect_ok_file,
            last: RefCell::default(),
            located: RefCell::default(),
            profile: RefCell::default(),
            writes_before: memory.total_writes(),
            memory: RefCell::new(memory),
            stored: Arc::default(),
            said: Cell::new(false),
            flash_said: Cell::new(false),
            connect_ok: Cell::new(config.connect_ok || noted),
            escalation: RefCell::default(),
        }
    }

    /// Whether APN and account are in the modem (spec D5).
    pub(crate) fn connect_ok(&self) -> bool {
        self.connect_ok.get()
    }

    /// The profiles and CONNECT_OK have been read anew.
    pub(crate) fn reconfigure(&self, config: &Config, profiles: Arc<Profiles>) {
        *self.profiles.borrow_mut() = profiles;
        self.flash_said.set(false);
        self.connect_ok
            .set(config.connect_ok || self.connect_ok_file.exists());
    }

    /// Looks for the modem.
    pub(crate) async fn locate(&self, config: &Config) -> Result<Located, LineProblem> {
        let last = self.last.borrow().clone();
        let profiles = Arc::clone(&self.profiles.borrow());
        self.locator.locate(config, &profiles, last.as_ref()).await
    }

    /// Finds modems.
    pub(crate) fn locator(&self) -> &Locator {
        &self.locator
    }

    /// The tty is open: the modem is ours.
    pub(crate) fn note_opened(&self, located: &Located) {
        if let Some(identity) = &located.identity {
            *self.last.borrow_mut() = Some(identity.clone());
        }
        *self.located.borrow_mut() = Some(located.clone());
        if let Some(profile) = &located.profile {
            self.note_profile(profile);
        }
    }

    /// What it is.
    pub(crate) fn note_profile(&self, profile: &Arc<Profile>) {
        *self.profile.borrow_mut() = Some(Arc::clone(profile));
    }

    /// Where it was when it was opened last; `None`: it never was.
    pub(crate) fn located(&self) -> Option<Located> {
        self.located.borrow().clone()
    }

    /// How it is reset.
    pub(crate) fn reset_settings(&self) -> ResetSettings {
        let profile = self.profile.borrow();
        profile.as_ref().map_or_else(
            || self.profiles.borrow().generic().reset.clone(),
            |profile| profile.reset.clone(),
        )
    }

    /// How many APN and account commands have been sent since the start to modems whose flash wears out (spec D5).
    pub(crate) fn provisioning_writes(&self) -> u32 {
        let total = self.memory.borrow().total_writes();
        u32::try_from(total.saturating_sub(self.writes_before)).unwrap_or(u32::MAX)
    }

    /// The steps of a reset in the order in which they are to be tried now.
    pub(crate) fn order_steps(&self, steps: Vec<ResetStep>) -> Vec<ResetStep> {
        self.escalation.borrow().order(steps)
    }

    /// A reset is over.
    pub(crate) fn note_reset(&self, outcome: &ResetOutcome) {
        self.escalation.borrow_mut().handle_done(outcome);
    }

    /// There was a good link since the last reset.
    pub(crate) fn note_good(&self) {
        self.escalation.borrow_mut().handle_good();
    }

    /// What was remembered.
    pub(crate) fn memory(&self) -> Memory {
        self.memory.borrow().clone()
    }

    /// What is to be said to it in this attempt. `wall` is the wall clock in seconds since 1970.
    pub(crate) fn bringup(&self, config: &Config, located: &Located, wall: i64) -> BringupPlan {
        self.store_the_rest();
        let profile = located.profile.clone();
        BringupPlan {
            connect_ok: self.connect_ok.get(),
            ..config.bringup(
                profile,
                Arc::clone(&self.profiles.borrow()),
                self.memory(),
                wall,
                self.said.replace(true),
            )
        }
    }

    /// Whether the log is to have the warning of a script that wears out a modem's flash: once for each reading of the
    /// configuration.
    pub(crate) fn warns_of_flash(&self) -> bool {
        !self.flash_said.replace(true)
    }

    /// Remembers `memory`, at once here, and on disk in the background: whether it is stored there.
    pub(crate) fn save(&self, memory: Memory) -> JoinHandle<bool> {
        *self.memory.borrow_mut() = memory;
        self.store()
    }

    /// Stores what could not be stored before, in the background.
    fn store_the_rest(&self) {
        if self.stored.is_behind() {
            drop(self.store());
        }
    }

    fn store(&self) -> JoinHandle<bool> {
        let bytes = self.memory.borrow().encode();
        let path = self.memory_file.clone();
        let stored = Arc::clone(&self.stored);
        let number = stored.begin();
        spawn_blocking(move || {
            stored.write(number, || {
                write_atomic(&path, &bytes, 0o600)
                    .map_err(|error| {
                        warn(format!(
                            "what must be remembered of the modem is not: {error}"
                        ));
                    })
                    .is_ok()
            })
        })
    }

    /// Spec D5: the first link is up. CONNECT_OK=1 is added to the configuration, in the background.
    pub(crate) fn note_connected(&self, config_file: Option<&Path>) {
        if self.connect_ok.replace(true) {
            return;
        }
        let note = self.connect_ok_file.clone();
        let Some(path) = config_file.map(Path::to_owned) else {
            return;
        };
        spawn_blocking(move || match add_connect_ok(&path) {
            Ok(true) => say(format!("CONNECT_OK=1 was added to {}", path.display())),
            Ok(false) => {}
            Err(why) => {
                warn(format!(
                    "CONNECT_OK=1 cannot be added to {}, it is noted in {} instead: {why}",
                    path.display(),
                    note.display()
                ));
                if let Err(error) = write_atomic(&note, b"1\n", 0o600) {
                    warn(format!("nor can it be noted there: {error}"));
                }
            }
        });
    }
}

/// Which version of the memory is on disk. Two that are written at the same time must not overtake each other: an older
/// one over a newer one would forget that a PIN was sent.
#[derive(Debug, Default)]
struct Stored {
    newest: AtomicU64,
    /// The last that was written. Held while one is.
    written: Mutex<u64>,
}

impl Stored {
    /// There is a new version.
    fn begin(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The disk has not the newest. False while one is being written.
    fn is_behind(&self) -> bool {
        let newest = self.newest.load(Ordering::SeqCst);
        self.written
            .try_lock()
            .is_ok_and(|written| *written < newest)
    }

    /// Writes it, unless a newer one is there already: what that says counts then.
    fn write(&self, number: u64, write: impl FnOnce() -> bool) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written > number {
            return true;
        }
        let ok = write();
        if ok {
            *written = number;
        }
        ok
    }
}

/// Adds it; false if it is there already.
fn add_connect_ok(path: &Path) -> Result<bool, String> {
    let text = read_limited(path, CONFIG_LIMIT).map_err(|error| error.to_string())?;
    let name = path.display().to_string();
    let Some(text) = connect_ok::add(&name, &text).map_err(|error| error.to_string())? else {
        return Ok(false);
    };
    match replace_keeping_mode(path, &text) {
        Ok(()) => Ok(true),
        // It is written; only a power cut just now could lose it.
        Err(StateFileError::NotSynced { .. }) => Ok(true),
        Err(error) => Err(error.to_string()),
    }
}

fn warn(text: String) {
    emit(&LogLine::uplinkd(Level::Warning, text));
}

fn say(text: String) {
    emit(&LogLine::uplinkd(Level::Notice, text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_does_not_overwrite_a_newer_one() {
        let stored = Stored::default();
        assert!(!stored.is_behind());
        let (first, second) = (stored.begin(), stored.begin());
        assert!(stored.is_behind());
        let mut disk = Vec::new();
        assert!(stored.write(second, || {
            disk.push(second);
            true
        }));
        assert!(!stored.is_behind());
        assert!(stored.write(first, || {
            disk.push(first);
            true
        }));
        assert_eq!(disk, [second]);
    }

    #[test]
    fn what_could_not_be_written_is_behind() {
        let stored = Stored::default();
        let number = stored.begin();
        assert!(!stored.write(number, || false));
        assert!(stored.is_behind());
        assert!(stored.write(number, || true));
        assert!(!stored.is_behind());
    }
}

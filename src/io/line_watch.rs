//! Waits for a tty without polling it (spec S3).
//!
//! The kernel tells (inotify) when something changes in the folders that matter; then the state of
//! the tty is compared with the last one seen, by looking only: opening a tty to see whether it is
//! free would raise its DTR. The state is what the path leads to, who may open it, its UUCP lock
//! files, and the flocks on it as `/proc/locks` lists them.
//!
//! With DEVICE=AUTO or a model the tty has no name yet: then all ttys that can be a modem's are
//! watched, and so are they beside a named one, which may come back under another number.
//!
//! Comparing states rather than counting events means that our own attempts, which lock and open
//! and close the tty, do not wake us, and that a watch made before an attempt misses nothing that
//! happens during it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

use super::process::{is_alive, own_pid};
use super::{lock, watched};

/// After this long [`LineWatch::changed`] returns in any case: some ways to free a tty tell nobody
/// (TIOCEXCL given up, a folder on a file system without inotify, a process that died with its lock
/// file left).
const SAFETY_TICK: Duration = Duration::from_secs(30);

/// An event may come a moment before what it tells can be seen, as the close of a tty before the
/// end of its flock.
const SETTLE: Duration = Duration::from_millis(100);

/// What the kernel calls ttys on the USB. UARTs are always named by the user.
const USB_TTYS: [&str; 3] = ["ttyUSB", "ttyACM", "ttyHS"];

/// No more ttys are watched.
const MAX_TTYS: usize = 64;

/// How many symbolic links are followed on the way to the tty.
const MAX_LINKS: usize = 16;

/// Watches one tty, or all that can be a modem's.
#[derive(Debug)]
pub struct LineWatch {
    /// The one that the user has named.
    named: Option<PathBuf>,
    /// Where the others are.
    dev: PathBuf,
    lock_dir: PathBuf,
    inotify: Option<AsyncFd<OwnedFd>>,
    watches: BTreeSet<i32>,
    seen: BTreeMap<PathBuf, LineState>,
}

impl LineWatch {
    /// Starts to watch all ttys in the folder `dev` that can be a modem's, and `named` if there is
    /// one; their UUCP locks are in `lock_dir`. Best made before the first attempt to open a tty and
    /// kept: then it knows of everything that has changed since.
    pub fn new(named: Option<&Path>, dev: &Path, lock_dir: &Path) -> Self {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        // Without inotify (the limit of instances is reached) the safety tick is what is left.
        let inotify = inotify::init(flags).ok().and_then(|fd| watched(fd).ok());
        let mut watch = Self {
            named: named.map(Path::to_owned),
            dev: dev.to_owned(),
            lock_dir: lock_dir.to_owned(),
            inotify,
            watches: BTreeSet::new(),
            seen: BTreeMap::new(),
        };
        watch.renew_watches();
        watch.seen = watch.look();
        watch
    }

    /// Takes note that the named tty was not there a moment ago. If it is there again already,
    /// [`changed`](Self::changed) returns at once: between two looks a pty can go and come back with
    /// the same number, and nobody would see a difference.
    pub fn note_absent(&mut self) {
        if let Some(named) = &self.named {
            self.seen.remove(named);
        }
    }

    /// Returns when a watched tty has appeared, vanished, been replaced, been unlocked or locked, or
    /// changed its owner or mode since the watch was made or this returned last; and after 30 s in
    /// any case. Safe to cancel.
    pub async fn changed(&mut self) {
        let end = tokio::time::Instant::now() + SAFETY_TICK;
        while !self.has_changed() {
            if tokio::time::timeout_at(end, self.woken()).await.is_err() {
                self.has_changed();
                return;
            }
            if self.has_changed() {
                return;
            }
            tokio::time::sleep(SETTLE).await;
        }
    }

    /// Compares the state with the one last seen, and takes note of it.
    fn has_changed(&mut self) -> bool {
        self.renew_watches();
        let now = self.look();
        let changed = now != self.seen;
        self.seen = now;
        changed
    }

    /// The ttys that are there, and their states.
    fn look(&self) -> BTreeMap<PathBuf, LineState> {
        self.ttys()
            .into_iter()
            .filter_map(|path| {
                let state = LineState::of(&path, &self.lock_dir)?;
                Some((path, state))
            })
            .collect()
    }

    /// The ttys to be looked at, whether they are there or not.
    fn ttys(&self) -> BTreeSet<PathBuf> {
        let can_be_a_modem = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| USB_TTYS.iter().any(|prefix| name.starts_with(prefix)))
        };
        let others = fs::read_dir(&self.dev)
            .into_iter()
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .filter(can_be_a_modem)
            .take(MAX_TTYS);
        self.named.iter().cloned().chain(others).collect()
    }

    /// Waits for any event.
    async fn woken(&self) {
        let Some(inotify) = &self.inotify else {
            return std::future::pending().await;
        };
        let mut buf = [MaybeUninit::<u8>::uninit(); 4096];
        loop {
            let Ok(mut guard) = inotify.readable().await else {
                return std::future::pending().await;
            };
            let mut events = 0;
            let mut reader = inotify::Reader::new(inotify.get_ref(), &mut buf);
            // What they say does not matter. A bound, so that a flood of them cannot hold us here.
            while events < 1000 && reader.next().is_ok() {
                events += 1;
            }
            if events < 1000 {
                guard.clear_ready();
            }
            if events > 0 {
                return;
            }
        }
    }

    /// Watches the folders on the way to the tty as they are now, and the tty itself for being
    /// closed by somebody.
    fn renew_watches(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        let fd = inotify.get_ref();
        let in_folder = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let on_tty = WatchFlags::CLOSE_WRITE | WatchFlags::CLOSE_NOWRITE | WatchFlags::ATTRIB;
        let mut watches = BTreeSet::new();
        // A folder may appear between our looking for it and the watch on its parent: look again
        // until nothing is new. The rounds are bounded; what then is missed is left to the safety
        // tick.
        for _ in 0..8 {
            let mut grown = false;
            let ttys = self.ttys();
            let mut folders =
                BTreeSet::from([nearest_folder(&self.lock_dir), nearest_folder(&self.dev)]);
            for path in &ttys {
                add_folders(&mut folders, path);
            }
            for folder in &folders {
                if let Ok(watch) = inotify::add_watch(fd, folder, in_folder) {
                    grown |= watches.insert(watch);
                }
            }
            for path in &ttys {
                if let Ok(watch) = inotify::add_watch(fd, path, on_tty) {
                    grown |= watches.insert(watch);
                }
            }
            if !grown {
                break;
            }
        }
        for &old in self.watches.difference(&watches) {
            // Fails for what has been deleted: the kernel was faster.
            let _ = inotify::remove_watch(fd, old);
        }
        self.watches = watches;
    }
}

/// Who else holds a tty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// Another program, which may be done soon.
    Other,
    /// Another instance of this program, which keeps it.
    Instance,
}

/// Whether another process holds the tty `path`, as far as that can be seen without opening it:
/// a UUCP lock file, an flock.
pub fn holder(path: &Path, lock_dir: &Path) -> Holder {
    let Some(state) = LineState::of(path, lock_dir) else {
        return Holder::Nobody;
    };
    let name_of = |process: &str| fs::read(format!("/proc/{process}/comm")).ok();
    let ours = name_of("self");
    state
        .lockers
        .iter()
        .chain(&state.flocks)
        .map(|pid| {
            let is_instance = ours.is_some() && name_of(&pid.to_string()) == ours;
            if is_instance {
                Holder::Instance
            } else {
                Holder::Other
            }
        })
        .max()
        .unwrap_or(Holder::Nobody)
}

/// What can be seen of a tty and its locks.
#[derive(Debug, PartialEq, Eq)]
struct LineState {
    /// Device, inode, what it is, owner and group of what the path leads to.
    node: (u64, u64, u64, u32, u32, u32),
    /// The process in each UUCP lock file, if it is another's and lives.
    lockers: Vec<i32>,
    /// Processes other than us with an flock on it.
    flocks: Vec<i32>,
}

impl LineState {
    /// `None` if there is nothing at `path`.
    fn of(path: &Path, lock_dir: &Path) -> Option<Self> {
        let node = fs::metadata(path).ok()?;
        let lockers = lock::names(path)
            .into_iter()
            .filter_map(|name| lock::owner(&lock::read(&lock_dir.join(name)).ok()?))
            .filter(|&pid| pid != own_pid() && is_alive(pid))
            .collect();
        let mut flocks = fs::read_to_string("/proc/locks")
            .map(|table| flock_holders(&table, node.dev(), node.ino()))
            .unwrap_or_default();
        flocks.retain(|&pid| pid != own_pid());
        Some(Self {
            node: (
                node.dev(),
                node.ino(),
                node.rdev(),
                node.mode(),
                node.uid(),
                node.gid(),
            ),
            lockers,
            flocks,
        })
    }
}

/// The processes that hold an flock on a file, from the text of `/proc/locks`:
/// `1: FLOCK  ADVISORY  WRITE 1234 00:05:89 0 EOF`.
fn flock_holders(table: &str, device: u64, inode: u64) -> Vec<i32> {
    let file = format!(
        "{:02x}:{:02x}:{inode}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (kind, pid, on) = (fields.next()?, fields.nth(2)?, fields.next()?);
            (kind == "FLOCK" && on == file)
                .then(|| pid.parse().ok())
                .flatten()
        })
        .collect()
}

/// The folders in which something may happen to the tty: that of the path and of whatever it links
/// to; for one that does not exist the nearest one above.
fn add_folders(folders: &mut BTreeSet<PathBuf>, path: &Path) {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        let Ok(to) = fs::read_link(&path) else {
            folders.insert(nearest_folder(&parent));
            break;
        };
        folders.insert(nearest_folder(&parent));
        path = parent.join(to);
    }
}

/// `path` if it is a folder, else the nearest folder above it.
fn nearest_folder(path: &Path) -> PathBuf {
    path.ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| Path::new("/"))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::{Command, Stdio};

    use rustix::fs::{FlockOperation, flock};

    use super::super::pty::Pty;
    use super::super::testing::TestDir;
    use super::*;

    /// The modem was unplugged and plugged in again between two looks.
    #[tokio::test]
    async fn a_tty_that_came_back_before_anybody_looked_is_noticed() {
        let dir = TestDir::new();
        let tty = dir.path().join("tty");
        fs::write(&tty, "").unwrap();
        let mut watch = watch_one(&tty, dir.path());
        watch.note_absent();
        tokio::time::timeout(SOON, watch.changed()).await.unwrap();
        // Noticed once.
        assert!(tokio::time::timeout(QUIET, watch.changed()).await.is_err());
    }

    /// Of one tty, and no others.
    fn watch_one(path: &Path, lock_dir: &Path) -> LineWatch {
        LineWatch::new(Some(path), &lock_dir.join("nowhere"), lock_dir)
    }

    const SOON: Duration = Duration::from_secs(2);
    const QUIET: Duration = Duration::from_millis(400);

    async fn assert_changes(watch: &mut LineWatch, what: &str) {
        assert!(
            tokio::time::timeout(SOON, watch.changed()).await.is_ok(),
            "{what} is noticed"
        );
    }

    async fn assert_quiet(watch: &mut LineWatch, what: &str) {
        assert!(
            tokio::time::timeout(QUIET, watch.changed()).await.is_err(),
            "{what}"
        );
    }

    #[tokio::test]
    async fn a_tty_that_comes_and_goes_is_noticed_once_each() {
        let dir = TestDir::new();
        let path = dir.join("ttyUSB0");
        let mut watch = watch_one(&path, dir.path());
        assert_quiet(&mut watch, "nothing has happened").await;
        fs::write(&path, "").unwrap();
        assert_changes(&mut watch, "its coming").await;
        assert_quiet(&mut watch, "it has come once").await;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_changes(&mut watch, "its mode").await;
        fs::remove_file(&path).unwrap();
        assert_changes(&mut watch, "its going").await;
        fs::write(dir.join("ttyUSB1"), "").unwrap();
        assert_quiet(&mut watch, "another tty does not matter").await;
    }

    #[tokio::test]
    async fn what_changes_before_the_wait_is_not_missed() {
        let dir = TestDir::new();
        let path = dir.join("ttyUSB0");
        let mut watch = watch_one(&path, dir.path());
        fs::write(&path, "").unwrap();
        assert_changes(&mut watch, "a change before the wait").await;
    }

    #[tokio::test]
    async fn a_folder_that_does_not_exist_yet_is_waited_for() {
        let dir = TestDir::new();
        let path = dir.join("serial/by-id/usb-modem");
        let mut watch = watch_one(&path, &dir.join("lock"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert_quiet(&mut watch, "only the folders have come").await;
        symlink("../../ttyUSB0", &path).unwrap();
        assert_quiet(&mut watch, "the link leads nowhere").await;
        fs::write(dir.join("ttyUSB0"), "").unwrap();
        assert_changes(&mut watch, "the tty behind the link").await;
        fs::remove_dir_all(dir.join("serial")).unwrap();
        assert_changes(&mut watch, "the end of the folders").await;
    }

    #[tokio::test]
    async fn the_end_of_a_uucp_lock_is_noticed() {
        let dir = TestDir::new();
        let pty = Pty::open().unwrap();
        let file = dir.join(&lock::names(pty.path())[0]);
        fs::write(&file, "         1\n").unwrap();
        let mut watch = watch_one(pty.path(), dir.path());
        assert_quiet(&mut watch, "it is still locked").await;
        fs::remove_file(&file).unwrap();
        assert_changes(&mut watch, "the end of the lock").await;
    }

    #[tokio::test]
    async fn the_end_of_an_flock_is_noticed() {
        let dir = TestDir::new();
        let pty = Pty::open().unwrap();
        let tty = fs::File::options()
            .read(true)
            .write(true)
            .open(pty.path())
            .unwrap();
        flock(&tty, FlockOperation::NonBlockingLockExclusive).unwrap();
        // The table names the process that locked: it must be another than us.
        drop(tty);
        let mut holder = Command::new("flock")
            .arg(pty.path())
            .args(["cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        io::Write::write_all(holder.stdin.as_mut().unwrap(), b"ready").unwrap();
        let mut ready = [0; 5];
        io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let mut watch = watch_one(pty.path(), dir.path());
        assert_quiet(&mut watch, "it is still locked").await;
        drop(holder.stdin.take());
        holder.wait().unwrap();
        assert_changes(&mut watch, "the end of the flock").await;
    }

    #[tokio::test]
    async fn our_own_attempts_do_not_wake_us() {
        let dir = TestDir::new();
        let pty = Pty::open().unwrap();
        let mut watch = watch_one(pty.path(), dir.path());
        let settings = super::super::serial::PortSettings {
            speed: 115_200,
            rtscts: false,
            modem_lines: true,
        };
        drop(super::super::serial::Port::open(pty.path(), &settings, dir.path()).unwrap());
        assert_quiet(&mut watch, "an attempt of ours").await;
    }

    #[tokio::test]
    async fn any_tty_that_can_be_a_modem_wakes_and_no_other() {
        let dir = TestDir::new();
        let locks = TestDir::new();
        fs::write(dir.join("ttyACM0"), "").unwrap();
        let mut watch = LineWatch::new(None, dir.path(), locks.path());
        watch.note_absent();
        assert_quiet(&mut watch, "what is there already").await;
        fs::write(dir.join("ttyUSB3"), "").unwrap();
        assert_changes(&mut watch, "a new tty").await;
        fs::write(dir.join("ttyS7"), "").unwrap();
        fs::write(dir.join("null"), "").unwrap();
        assert_quiet(&mut watch, "these are no modems").await;
        fs::write(locks.join("LCK..ttyACM0"), "         1\n").unwrap();
        assert_changes(&mut watch, "a lock").await;
        assert_eq!(holder(&dir.join("ttyACM0"), locks.path()), Holder::Other);
        assert_eq!(holder(&dir.join("ttyUSB3"), locks.path()), Holder::Nobody);

        fs::remove_file(dir.join("ttyACM0")).unwrap();
        assert_changes(&mut watch, "its going").await;
    }

    #[tokio::test]
    async fn beside_a_named_tty_the_others_wake_too() {
        let dir = TestDir::new();
        let named = dir.join("ttyUSB0");
        let mut watch = LineWatch::new(Some(&named), dir.path(), dir.path());
        fs::write(dir.join("ttyUSB1"), "").unwrap();
        assert_changes(&mut watch, "it may be the same modem").await;
        fs::write(&named, "").unwrap();
        watch.note_absent();
        assert_changes(&mut watch, "the named one").await;
        watch.note_absent();
        assert_changes(&mut watch, "the named one, which was away").await;
        assert_quiet(&mut watch, "nothing more").await;
    }

    #[tokio::test(start_paused = true)]
    async fn looks_again_after_half_a_minute_in_any_case() {
        let dir = TestDir::new();
        let mut watch = watch_one(&dir.join("ttyUSB0"), dir.path());
        let start = tokio::time::Instant::now();
        watch.changed().await;
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[test]
    fn reads_the_table_of_locks() {
        let table = "1: FLOCK  ADVISORY  WRITE 1234 00:05:89 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 99 00:05:89 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 7 00:05:89 0 EOF\n\
                     3: FLOCK  ADVISORY  READ 8 fd:01:89 0 EOF\n\
                     4: FLOCK\n";
        assert_eq!(flock_holders(table, rustix::fs::makedev(0, 5), 89), [1234]);
        assert_eq!(flock_holders(table, rustix::fs::makedev(0xfd, 1), 89), [8]);
    }
}

//! UUCP lock files: `/var/lock/LCK..ttyUSB0` (spec D6), by which pppd, minicom, wvdial and we keep
//! off each other's ttys.
//!
//! Files are named as pppd 2.4.9 names them: what follows `/dev/`, with `/` as `_`, so `/dev/pts/3`
//! is `LCK..pts_3`. Other programs know a modem by the name they were given, so a symbolic link
//! such as `/dev/modem` is locked under both names, the real one first. The lock is advisory; the
//! kernel's own locks (TIOCEXCL, flock) are [`serial`](super::serial)'s.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::OFlags;

use super::process::{describe, is_alive, own_pid};
use crate::link::reason::LineProblem;
use crate::log::{Level, LogLine};

/// A lock file without a readable process number that is younger than this (seconds) may be one
/// that its owner is just writing: pppd creates it first and fills it then.
const YOUNG: i64 = 10;

/// No more of a lock file is read: `%10d\n`, and the names that some programs add.
const MAX_CONTENT: u64 = 256;

/// How often a lock file may change under us before we call it locked.
const ATTEMPTS: u32 = 8;

/// A held lock; given back when dropped.
#[derive(Debug)]
pub struct UucpLock {
    held: Vec<PathBuf>,
    log: Vec<LogLine>,
}

impl UucpLock {
    /// Locks `tty` in `dir`.
    ///
    /// A lock of a process that is gone is replaced. One with our own number is taken over: it is
    /// left from a former run under the same number (in a container we are often 1), or our starter
    /// made it for us. Where `dir` does not exist or cannot be written, the lock is held in name
    /// only, and [`log`](Self::log) says so.
    ///
    /// # Errors
    ///
    /// [`LineProblem::Locked`] with the holder's number and name.
    pub fn acquire(dir: &Path, tty: &Path) -> Result<Self, LineProblem> {
        Self::acquire_all(dir, tty, names(tty))
    }

    fn acquire_all(dir: &Path, tty: &Path, names: Vec<String>) -> Result<Self, LineProblem> {
        let mut lock = Self {
            held: Vec::new(),
            log: Vec::new(),
        };
        for name in names {
            let path = dir.join(&name);
            match take(dir, &path, tty, &mut lock.log) {
                Ok(()) => lock.held.push(path),
                Err(Refusal::Locked(holder)) => {
                    return Err(LineProblem::Locked {
                        path: tty.to_owned(),
                        holder,
                    });
                }
                Err(Refusal::Io(error)) => {
                    lock.log.push(LogLine::uplinkd(
                        Level::Warning,
                        format!(
                            "no lock file {}: {error}; other programs may open {} at the same time",
                            path.display(),
                            tty.display(),
                        ),
                    ));
                    break;
                }
            }
        }
        Ok(lock)
    }

    /// What happened on the way: a stale lock was removed, or there is no lock file.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }
}

impl Drop for UucpLock {
    fn drop(&mut self) {
        for path in self.held.iter().rev() {
            // Whoever thought us dead may have replaced it: then it is not ours to remove.
            if read(path).is_ok_and(|content| owner(&content) == Some(own_pid())) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The names of the lock files of `tty`: of what it really is, then of what it is called.
pub(super) fn names(tty: &Path) -> Vec<String> {
    names_of(fs::canonicalize(tty).ok().as_deref(), tty)
}

fn names_of(real: Option<&Path>, called: &Path) -> Vec<String> {
    let mut names: Vec<String> = real.map(file_name).into_iter().collect();
    // Only names in /dev are known to others. Elsewhere two links `modem` in two folders, to two
    // ttys, would lock each other out.
    if real.is_none() || called.starts_with("/dev") {
        let name = file_name(called);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The lock file's name for a path, by pppd's rule.
fn file_name(tty: &Path) -> String {
    let rest = match tty.strip_prefix("/dev") {
        Ok(rest) => rest.to_string_lossy().into_owned(),
        Err(_) => tty
            .file_name()
            .unwrap_or(tty.as_os_str())
            .to_string_lossy()
            .into_owned(),
    };
    format!("LCK..{}", rest.replace('/', "_"))
}

/// What a lock file says. The folder may be writable for everybody: a link is not followed, a pipe
/// not waited for, and no more is read than a lock file has.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let mut content = Vec::new();
    file.take(MAX_CONTENT).read_to_end(&mut content)?;
    Ok(content)
}

/// The process number in a lock file: text (`%10d\n`, also followed by names), or four bytes of a
/// number as very old programs write it. `None` if there is none.
pub(super) fn owner(content: &[u8]) -> Option<i32> {
    let text = content.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match text.get(..digits) {
        Some(digits) if !digits.is_empty() => std::str::from_utf8(digits).ok()?.parse().ok()?,
        Some(_) | None => i32::from_ne_bytes(content.try_into().ok()?),
    };
    (number > 0).then_some(number)
}

/// Why a lock could not be had.
enum Refusal {
    Locked(Option<String>),
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Creates the lock file at `path`, replacing a stale one.
fn take(dir: &Path, path: &Path, tty: &Path, log: &mut Vec<LogLine>) -> Result<(), Refusal> {
    // Look before writing: where we may not write, a lock can still be respected.
    if let Ok(content) = read(path) {
        respect(&content)?;
    }
    // The file appears with its content in one step: written aside, then linked to its name, which
    // fails if the name is taken.
    let own = Scratch::new(dir)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&own.0)?;
    file.write_all(format!("{:10}\n", own_pid()).as_bytes())?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    for _ in 0..ATTEMPTS {
        match fs::hard_link(&own.0, path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        let content = match read(path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        respect(&content)?;
        if owner(&content).is_none() && is_young(path, &own.0) {
            return Err(Refusal::Locked(None));
        }
        if remove_stale(dir, path, &content)? && owner(&content) != Some(own_pid()) {
            // pppd's words.
            log.push(LogLine::pppd(
                Level::Notice,
                format!(
                    "Removed stale lock on {} (pid {})",
                    tty.file_name().unwrap_or(tty.as_os_str()).to_string_lossy(),
                    owner(&content).unwrap_or(0),
                ),
            ));
        }
    }
    Err(Refusal::Locked(None))
}

/// Refuses if the process named in a lock file lives and is not us.
fn respect(content: &[u8]) -> Result<(), Refusal> {
    match owner(content) {
        Some(pid) if pid != own_pid() && is_alive(pid) => Err(Refusal::Locked(Some(describe(pid)))),
        Some(_) | None => Ok(()),
    }
}

/// Whether the lock file was changed a moment ago. The file that we have just written shows what
/// time it is there.
fn is_young(path: &Path, own: &Path) -> bool {
    match (fs::metadata(path), fs::metadata(own)) {
        (Ok(lock), Ok(now)) => now.mtime().saturating_sub(lock.mtime()) < YOUNG,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// Removes a lock file that held `stale`; false if it was another by then. It is moved aside first
/// and looked at again: of two programs that find the same stale lock, the slower must not remove
/// the fresh lock of the faster.
fn remove_stale(dir: &Path, path: &Path, stale: &[u8]) -> io::Result<bool> {
    let aside = Scratch::new(dir)?;
    match fs::rename(path, &aside.0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    if read(&aside.0)? == stale {
        return Ok(true);
    }
    // If its name is taken again already, somebody else has won anyway.
    let _ = fs::hard_link(&aside.0, path);
    Ok(false)
}

/// A file name of our own in the lock directory; the file is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(dir: &Path) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let scratch = Self(dir.join(format!("LTMP..uplinkd.{}.{number}", own_pid())));
        match fs::remove_file(&scratch.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(scratch),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::super::testing::TestDir;
    use super::*;

    const TTY: &str = "/dev/ttyTEST0";

    fn dead_pid() -> i32 {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        i32::try_from(child.id()).unwrap()
    }

    /// Makes a file look `seconds` old.
    fn age(path: &Path, seconds: u64) {
        let now = fs::metadata(path).unwrap().modified().unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(now - std::time::Duration::from_secs(seconds))
            .unwrap();
    }

    fn entries(dir: &TestDir) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writes_what_pppd_writes_and_removes_it() {
        let dir = TestDir::new();
        let lock = UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap();
        assert_eq!(entries(&dir), ["LCK..ttyTEST0"]);
        assert_eq!(
            fs::read_to_string(dir.join("LCK..ttyTEST0")).unwrap(),
            format!("{:10}\n", own_pid())
        );
        assert_eq!(
            fs::metadata(dir.join("LCK..ttyTEST0")).unwrap().mode() & 0o777,
            0o644
        );
        assert_eq!(lock.log(), []);
        drop(lock);
        assert_eq!(entries(&dir), [""; 0]);
    }

    #[test]
    fn names_files_as_pppd_does() {
        assert_eq!(file_name(Path::new("/dev/ttyUSB0")), "LCK..ttyUSB0");
        assert_eq!(file_name(Path::new("/dev/pts/3")), "LCK..pts_3");
        assert_eq!(
            file_name(Path::new("/dev/serial/by-id/usb-x")),
            "LCK..serial_by-id_usb-x"
        );
        assert_eq!(file_name(Path::new("/tmp/modem")), "LCK..modem");
    }

    #[test]
    fn names_a_living_holder() {
        let dir = TestDir::new();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(dir.join("LCK..ttyTEST0"), format!("{:10}\n", child.id())).unwrap();
        let problem = UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap_err();
        let LineProblem::Locked { path, holder } = problem else {
            panic!("{problem:?}")
        };
        assert_eq!(path, Path::new(TTY));
        let holder = holder.unwrap();
        assert!(
            holder.starts_with(&format!("pid {} (", child.id())),
            "{holder}"
        );
        assert_eq!(
            entries(&dir),
            ["LCK..ttyTEST0"],
            "the holder's lock is untouched"
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn understands_the_lock_of_an_old_program() {
        let dir = TestDir::new();
        fs::write(dir.join("LCK..ttyTEST0"), 1_i32.to_ne_bytes()).unwrap();
        let problem = UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap_err();
        let LineProblem::Locked { holder, .. } = problem else {
            panic!("{problem:?}")
        };
        assert!(holder.unwrap().starts_with("pid 1"));
    }

    #[test]
    fn replaces_a_stale_lock_and_says_so() {
        let dir = TestDir::new();
        let dead = dead_pid();
        fs::write(dir.join("LCK..ttyTEST0"), format!("{dead:10}\n")).unwrap();
        let lock = UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap();
        assert_eq!(
            lock.log(),
            [LogLine::pppd(
                Level::Notice,
                format!("Removed stale lock on ttyTEST0 (pid {dead})")
            )]
        );
        assert_eq!(
            owner(&fs::read(dir.join("LCK..ttyTEST0")).unwrap()),
            Some(own_pid())
        );
    }

    #[test]
    fn replaces_old_garbage_but_respects_a_file_that_is_being_written() {
        let dir = TestDir::new();
        let file = dir.join("LCK..ttyTEST0");
        for garbage in [
            &b""[..],
            b"hello\n",
            b"\xff\xff\xff\xff",
            b"99999999999999999999\n",
        ] {
            fs::write(&file, garbage).unwrap();
            assert_eq!(
                UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap_err(),
                LineProblem::Locked {
                    path: TTY.into(),
                    holder: None
                }
            );
            age(&file, 60);
            UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap();
            assert_eq!(entries(&dir), [""; 0]);
        }
    }

    #[test]
    fn takes_over_a_lock_with_our_own_number() {
        let dir = TestDir::new();
        fs::write(dir.join("LCK..ttyTEST0"), format!("{:10}\n", own_pid())).unwrap();
        drop(UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap());
        assert_eq!(entries(&dir), [""; 0]);
    }

    #[test]
    fn leaves_a_lock_that_has_become_anothers() {
        let dir = TestDir::new();
        let lock = UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap();
        fs::write(dir.join("LCK..ttyTEST0"), "         1\n").unwrap();
        drop(lock);
        assert_eq!(
            fs::read(dir.join("LCK..ttyTEST0")).unwrap(),
            b"         1\n"
        );
    }

    #[test]
    fn a_link_in_dev_is_locked_under_both_names() {
        let tty = Path::new("/dev/ttyUSB0");
        assert_eq!(
            names_of(Some(tty), Path::new("/dev/modem")),
            ["LCK..ttyUSB0", "LCK..modem"]
        );
        assert_eq!(
            names_of(Some(tty), Path::new("/tmp/modem")),
            ["LCK..ttyUSB0"]
        );
        assert_eq!(names_of(Some(tty), tty), ["LCK..ttyUSB0"]);
        assert_eq!(names_of(None, Path::new("/tmp/modem")), ["LCK..modem"]);
    }

    #[test]
    fn a_link_is_locked_under_its_real_name() {
        let dir = TestDir::new();
        let alias = dir.join("modem");
        fs::write(dir.join("ttyREAL"), "").unwrap();
        symlink("ttyREAL", &alias).unwrap();
        let locks = TestDir::new();
        let _lock = UucpLock::acquire(locks.path(), &alias).unwrap();
        assert_eq!(entries(&locks), ["LCK..ttyREAL"]);
    }

    #[test]
    fn a_second_name_that_is_locked_gives_the_first_back() {
        let locks = TestDir::new();
        fs::write(locks.join("LCK..modem"), "         1\n").unwrap();
        let names = vec!["LCK..ttyUSB0".to_owned(), "LCK..modem".to_owned()];
        assert!(UucpLock::acquire_all(locks.path(), Path::new("/dev/modem"), names).is_err());
        assert_eq!(entries(&locks), ["LCK..modem"]);
    }

    #[test]
    fn a_trap_in_a_folder_that_all_may_write_does_not_catch_us() {
        let dir = TestDir::new();
        let precious = TestDir::new();
        fs::write(precious.join("file"), "precious").unwrap();
        let file = dir.join("LCK..ttyTEST0");
        // A pipe would be read from for ever; it says nothing, so it is like an empty file.
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &file,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        assert!(UucpLock::acquire(dir.path(), Path::new(TTY)).is_err());
        fs::remove_file(&file).unwrap();
        symlink(precious.join("file"), &file).unwrap();
        let lock = UucpLock::acquire(dir.path(), Path::new(TTY)).unwrap();
        assert_eq!(lock.log().len(), 1, "{:?}", lock.log());
        drop(lock);
        assert_eq!(fs::read(precious.join("file")).unwrap(), b"precious");
    }

    #[test]
    fn goes_on_with_a_warning_where_there_is_no_directory() {
        let dir = TestDir::new();
        let lock = UucpLock::acquire(&dir.join("missing"), Path::new(TTY)).unwrap();
        assert_eq!(lock.held, [""; 0].map(PathBuf::from));
        assert_eq!(lock.log().len(), 1);
        assert_eq!(lock.log()[0].level, Level::Warning);
    }
}

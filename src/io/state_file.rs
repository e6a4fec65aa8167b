//! Small files that must survive a power cut: whole, the old one or the new one (spec D5).
//!
//! A file is written under another name in the same folder, brought to the disk, and renamed over the old one; then the
//! folder is brought to the disk too. Whatever happens in between, the name leads to a whole file. The other name is always
//! the same for one file, so that a crash leaves at most one such file behind, which the next write takes over.
//!
//! `fsync` waits for the disk, on a tired flash for seconds: call these from `spawn_blocking`, not from the loop. Two
//! writers of one file are the caller's business. Extended attributes and access control lists are not kept, and of several
//! names of a file (hard links) only the one that is written gets the new text.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// What failed, and with which file.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// There is no such file.
    #[error("{} is not there", .path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// It is larger than a file of its kind can be.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size, in bytes.
        limit: u64,
    },
    /// A folder, a device, a pipe.
    #[error("{} is not a regular file", .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It could not be read.
    #[error("{} cannot be read: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Nothing has changed: the disk is full, the file system is read-only, owner and mode cannot be kept.
    #[error("{} cannot be written: {error}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The new file is in place and might not survive a power cut yet.
    #[error("{} is written, and may not have reached the disk: {error}", .path.display())]
    NotSynced {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
///
/// [`StateFileError::Absent`], [`NotAFile`](StateFileError::NotAFile), [`TooLarge`](StateFileError::TooLarge) or
/// [`Read`](StateFileError::Read).
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, StateFileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StateFileError::Absent {
            path: path.to_owned(),
        },
        _ => StateFileError::Read {
            path: path.to_owned(),
            error,
        },
    };
    // A pipe without a writer must not stop us.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)
        .open(path)
        .map_err(failed)?;
    regular(path, &file.metadata().map_err(failed)?)?;
    let mut bytes = Vec::new();
    // One byte more tells a file that is too large, also one that grows while it is read.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(StateFileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// Writes `bytes` to `path`, whole or not at all, with the permission bits `mode`. What stood there is replaced, also where
/// it is a symbolic link. The folder must be there.
///
/// # Errors
///
/// [`StateFileError::Write`]: the old file, or none, is still there. [`StateFileError::NotSynced`]: the new one is.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StateFileError> {
    stage(path, bytes, mode, None)?.commit()
}

/// Replaces the text of a file that is there; owner, group and mode are kept. A symbolic link is followed: it still leads to
/// the file, whose text is the new one.
///
/// # Errors
///
/// [`StateFileError`]: but for [`NotSynced`](StateFileError::NotSynced) the old text is still there.
pub fn replace_keeping_mode(path: &Path, bytes: &[u8]) -> Result<(), StateFileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StateFileError::Absent {
            path: path.to_owned(),
        },
        _ => write_error(path, error),
    };
    let real = path.canonicalize().map_err(failed)?;
    let before = fs::metadata(&real).map_err(failed)?;
    regular(&real, &before)?;
    stage(&real, bytes, before.mode() & 0o7777, Some(&before))?.commit()
}

/// A new text that lies beside the old one, on the disk.
struct Staged {
    path: PathBuf,
    beside: PathBuf,
}

/// Brings `bytes` to the disk beside `path`, with the owner of `like`.
fn stage(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    like: Option<&Metadata>,
) -> Result<Staged, StateFileError> {
    let failed = |error| write_error(path, error);
    let beside =
        name_beside(path).ok_or_else(|| failed(io::Error::from(io::ErrorKind::InvalidFilename)))?;
    let written = write_beside(&beside, bytes, mode, like);
    if let Err(error) = written {
        // What was begun would only take room on a full disk.
        let _ = fs::remove_file(&beside);
        return Err(failed(error));
    }
    Ok(Staged {
        path: path.to_owned(),
        beside,
    })
}

fn write_beside(beside: &Path, bytes: &[u8], mode: u32, like: Option<&Metadata>) -> io::Result<()> {
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Nobody else's yet: it may hold a password. And new: not a link that somebody has put there.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    if let Some(like) = like {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (like.uid(), like.gid()) {
            fchown(&file, Some(like.uid()), Some(like.gid()))?;
        }
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl Staged {
    fn commit(self) -> Result<(), StateFileError> {
        if let Err(error) = fs::rename(&self.beside, &self.path) {
            let _ = fs::remove_file(&self.beside);
            return Err(write_error(&self.path, error));
        }
        let folder = folder_of(&self.path);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| StateFileError::NotSynced {
                path: self.path,
                error,
            })
    }
}

/// `.NAME.new` in the same folder; `None` for a path without a name.
fn name_beside(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(".new");
    Some(folder_of(path).join(name))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

fn regular(path: &Path, metadata: &Metadata) -> Result<(), StateFileError> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(StateFileError::NotAFile {
        path: path.to_owned(),
    })
}

fn write_error(path: &Path, error: io::Error) -> StateFileError {
    StateFileError::Write {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;
    use crate::io::testing::{TestDir, in_mount_namespace};

    const OLD: &[u8] = b"APN=old\n";
    const NEW: &[u8] = b"APN=new\nCONNECT_OK=1\n";

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    /// The names in a folder.
    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn words(result: Result<(), StateFileError>) -> String {
        result.expect_err("must fail").to_string()
    }

    #[test]
    fn a_new_file_has_its_text_and_mode_and_nothing_lies_beside_it() {
        let dir = TestDir::new();
        let path = dir.join("memory");
        for (text, wanted) in [(OLD, 0o600), (NEW, 0o644), (b"", 0o600)] {
            write_atomic(&path, text, wanted).unwrap();
            assert_eq!(
                (read_limited(&path, 100).unwrap(), mode(&path)),
                (text.to_vec(), wanted)
            );
        }
        assert_eq!(names(dir.path()), ["memory"]);
    }

    #[test]
    fn a_replaced_file_keeps_owner_group_and_mode() {
        let dir = TestDir::new();
        let path = dir.join("ppp");
        write_atomic(&path, OLD, 0o640).unwrap();
        let root = fs::metadata(&path).unwrap().uid() == 0;
        if root {
            chown(&path, Some(1234), Some(5678)).unwrap();
        }
        let before = fs::metadata(&path).unwrap();
        replace_keeping_mode(&path, NEW).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(
            (after.uid(), after.gid(), after.mode()),
            (before.uid(), before.gid(), before.mode())
        );
        assert_ne!(after.ino(), before.ino());
        assert_eq!(read_limited(&path, 100).unwrap(), NEW);
        assert_eq!(names(dir.path()), ["ppp"]);
    }

    #[test]
    fn a_link_still_leads_to_the_file() {
        let dir = TestDir::new();
        let (real, link) = (dir.join("real"), dir.join("link"));
        write_atomic(&real, OLD, 0o644).unwrap();
        symlink("real", &link).unwrap();
        replace_keeping_mode(&link, NEW).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("real"));
        assert_eq!(read_limited(&real, 100).unwrap(), NEW);
        assert_eq!(names(dir.path()), ["link", "real"]);
        // A state file is ours, and no link is followed out of its folder.
        write_atomic(&link, OLD, 0o600).unwrap();
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read_limited(&real, 100).unwrap(), NEW);
    }

    /// Power fails after the new text was brought to the disk and before the rename; or while it is written.
    #[test]
    fn a_crash_in_between_leaves_the_old_text_whole_and_does_not_stop_the_next_write() {
        let dir = TestDir::new();
        let path = dir.join("ppp");
        write_atomic(&path, OLD, 0o644).unwrap();
        drop(stage(&path, NEW, 0o644, None).unwrap());
        assert_eq!(read_limited(&path, 100).unwrap(), OLD);
        assert_eq!(names(dir.path()), [".ppp.new", "ppp"]);

        fs::write(dir.join(".ppp.new"), &NEW[..5]).unwrap();
        assert_eq!(read_limited(&path, 100).unwrap(), OLD);
        replace_keeping_mode(&path, NEW).unwrap();
        assert_eq!(read_limited(&path, 100).unwrap(), NEW);
        assert_eq!(names(dir.path()), ["ppp"]);
    }

    #[test]
    fn what_somebody_has_put_beside_it_is_not_written_to() {
        let dir = TestDir::new();
        let (path, other) = (dir.join("ppp"), dir.join("other"));
        fs::write(&other, OLD).unwrap();
        symlink(&other, dir.join(".ppp.new")).unwrap();
        write_atomic(&path, NEW, 0o600).unwrap();
        assert_eq!(read_limited(&other, 100).unwrap(), OLD);
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());

        fs::create_dir(dir.join(".ppp.new")).unwrap();
        let failed = write_atomic(&path, OLD, 0o600);
        assert!(
            matches!(failed, Err(StateFileError::Write { .. })),
            "{failed:?}"
        );
        assert_eq!(read_limited(&path, 100).unwrap(), NEW);
    }

    #[test]
    fn what_is_absent_or_no_file_is_told() {
        let dir = TestDir::new();
        let absent = dir.join("absent");
        let shown = absent.display();
        assert_eq!(
            words(read_limited(&absent, 1).map(drop)),
            format!("{shown} is not there")
        );
        assert_eq!(
            words(replace_keeping_mode(&absent, NEW)),
            format!("{shown} is not there")
        );
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let folder = dir.path();
        for failed in [
            read_limited(folder, 1).map(drop),
            replace_keeping_mode(folder, NEW),
        ] {
            assert!(
                matches!(failed, Err(StateFileError::NotAFile { .. })),
                "{failed:?}"
            );
        }
        assert!(write_atomic(folder, NEW, 0o600).is_err());
        assert!(write_atomic(&dir.join("no/folder"), NEW, 0o600).is_err());
        let zero = read_limited(Path::new("/dev/zero"), 10);
        assert!(matches!(zero, Err(StateFileError::NotAFile { .. })));
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = TestDir::new();
        let path = dir.join("x");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_limited(&path, 5).unwrap(), b"12345");
        assert_eq!(
            words(read_limited(&path, 4).map(drop)),
            format!("{} is larger than 4 bytes", path.display())
        );
    }

    #[test]
    fn a_full_disk_leaves_the_old_text_and_no_rest() {
        let dir = TestDir::new();
        let folder = dir.path().to_owned();
        in_mount_namespace(move |mounts| {
            mounts.tmpfs(&folder, "size=16k");
            let path = folder.join("ppp");
            write_atomic(&path, OLD, 0o644).unwrap();
            let large = vec![b'x'; 64 * 1024];
            let failed = replace_keeping_mode(&path, &large);
            let Err(StateFileError::Write { error, .. }) = failed else {
                panic!("{failed:?}");
            };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert_eq!(read_limited(&path, 100).unwrap(), OLD);
            assert_eq!(names(&folder), ["ppp"]);
            replace_keeping_mode(&path, NEW).unwrap();
            assert_eq!(read_limited(&path, 100).unwrap(), NEW);
        });
    }

    #[test]
    fn a_read_only_file_system_leaves_the_old_text() {
        let dir = TestDir::new();
        let folder = dir.path().to_owned();
        in_mount_namespace(move |mounts| {
            mounts.tmpfs(&folder, "size=16k");
            let path = folder.join("ppp");
            write_atomic(&path, OLD, 0o644).unwrap();
            mounts.make_read_only(&folder);
            for failed in [
                replace_keeping_mode(&path, NEW),
                write_atomic(&path, NEW, 0o600),
            ] {
                let Err(StateFileError::Write { error, .. }) = failed else {
                    panic!("{failed:?}");
                };
                assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem);
            }
            assert_eq!(read_limited(&path, 100).unwrap(), OLD);
        });
    }
}

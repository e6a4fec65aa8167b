//! What `/etc/resolv.conf` is, and which file is to be replaced.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::{MAX_FILE, ResolvConfError};
use crate::dns::writer::{place_of_link, place_of_text};
use crate::dns::{Former, Found, Place, Record};
use crate::io::state_file;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Now {
    Absent,
    File(Vec<u8>),
    Link(String),
    Other,
}

impl Now {
    pub(super) fn read(path: &Path) -> Self {
        let Ok(metadata) = fs::symlink_metadata(path) else {
            return if path.symlink_metadata().is_err_and(|e| is_absent(&e)) {
                Self::Absent
            } else {
                Self::Other
            };
        };
        if metadata.is_symlink() {
            let to = fs::read_link(path).ok();
            return match to.as_deref().and_then(Path::to_str) {
                Some(to) => Self::Link(to.to_owned()),
                None => Self::Other,
            };
        }
        match state_file::read_limited(path, MAX_FILE) {
            Ok(bytes) => Self::File(bytes),
            Err(_) => Self::Other,
        }
    }

    pub(super) fn found(&self) -> Found<'_> {
        match self {
            Self::Absent => Found::Absent,
            Self::File(bytes) => Found::File(bytes),
            Self::Link(to) => Found::Link(to),
            Self::Other => Found::Other,
        }
    }
}

/// What is to be replaced.
pub(super) struct Target {
    pub(super) real: PathBuf,
    pub(super) former: Former,
    /// What is at `real`.
    pub(super) now: Now,
}

/// Follows `path` as far as that is right.
pub(super) fn target(path: &Path) -> Result<Target, ResolvConfError> {
    let now = Now::read(path);
    match &now {
        Now::Absent => Ok(Target {
            real: path.to_owned(),
            former: Former::Absent,
            now,
        }),
        // An error of reading is told, with its words.
        Now::File(_) | Now::Other => {
            let bytes = state_file::read_limited(path, MAX_FILE)?;
            Ok(Target {
                real: path.to_owned(),
                former: Former::File,
                now: Now::File(bytes),
            })
        }
        Now::Link(to) => {
            let (to, link) = (to.clone(), now.clone());
            let itself = Target {
                real: path.to_owned(),
                former: Former::Link { to },
                now: link,
            };
            let Some(real) = end_of(path) else {
                return Ok(itself);
            };
            if whose(path, &real) != Place::Link || !is_safe(&real) {
                return Ok(itself);
            }
            let now = Now::read(&real);
            let former = match &now {
                Now::Absent => Former::Absent,
                Now::File(_) => Former::File,
                Now::Link(_) | Now::Other => return Ok(itself),
            };
            Ok(Target { real, former, now })
        }
    }
}

/// What `/etc/resolv.conf` is, for the choice of the writer.
pub fn place_of(path: &Path) -> Place {
    match Now::read(path) {
        Now::Absent => Place::Absent,
        Now::File(bytes) => place_of_text(&bytes),
        Now::Other => Place::File,
        Now::Link(to) => match end_of(path) {
            Some(real) => whose(path, &real),
            None => place_of_link(&to),
        },
    }
}

/// Where the text comes from that programs read through a link that was replaced.
pub(super) fn behind(record: &Record) -> PathBuf {
    let Former::Link { to } = &record.former else {
        return PathBuf::from(&record.real);
    };
    // An absolute target takes the place of the folder.
    Path::new(&record.real)
        .parent()
        .unwrap_or_else(|| Path::new("/"))
        .join(to)
}

/// The name under which a new link lies beside `path` before it takes its place.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// The file at the end of a link, which need not be there; its folder must be.
fn end_of(path: &Path) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Some(real);
    }
    let to = fs::read_link(path).ok()?;
    let to = path.parent()?.join(to);
    let folder = to.parent()?.canonicalize().ok()?;
    let real = folder.join(to.file_name()?);
    // Of links that lead to links that lead nowhere, the first is replaced.
    matches!(Now::read(&real), Now::Absent).then_some(real)
}

/// Whose file a link leads to, by what it says and by where it ends.
fn whose(path: &Path, real: &Path) -> Place {
    let said = fs::read_link(path).map(|to| place_of_link(&to.to_string_lossy()));
    match said {
        Ok(Place::Link) | Err(_) => place_of_link(&real.to_string_lossy()),
        Ok(place) => place,
    }
}

/// Whether nobody but root and us can exchange the file: a link to a file of any user would make us write it.
fn is_safe(real: &Path) -> bool {
    let us = geteuid().as_raw();
    let mut folders = real.ancestors().skip(1);
    let last_is_closed = real
        .parent()
        .and_then(|folder| fs::metadata(folder).ok())
        .is_some_and(|metadata| metadata.mode() & 0o022 == 0);
    last_is_closed
        && folders.all(|folder| {
            fs::metadata(folder).is_ok_and(|metadata| {
                let closed = metadata.mode() & 0o022 == 0 || metadata.mode() & 0o1000 != 0;
                closed && (metadata.uid() == 0 || metadata.uid() == us)
            })
        })
}

fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

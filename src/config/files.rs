//! The files that a configuration names, as the readers see them: text or a problem. Nothing is opened here.
//!
//! The real ones are `io::files::SystemFiles`; [`MapFiles`] is for tests and for what has no system.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A file larger than this is not a configuration, and is not read.
pub const SIZE_LIMIT: usize = 1 << 20;

/// What a reader may ask of the file system.
pub trait Files {
    /// The text of a file, links followed.
    ///
    /// # Errors
    ///
    /// [`FileProblem`]; never waits, whatever stands at `path`.
    fn read(&self, path: &Path) -> Result<FileText, FileProblem>;

    /// What stands at `path`, links followed.
    fn kind(&self, path: &Path) -> FileKind;

    /// The name of this host, as pppd takes it where no `name` is given.
    fn host_name(&self) -> String;
}

/// The text of a file, and who may read it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FileText {
    /// At most [`SIZE_LIMIT`] of them.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Permission bits, e.g. 0o600.
    pub mode: u32,
    /// The number of the owner.
    pub owner: u32,
    /// The path is a symbolic link to the file.
    pub is_link: bool,
}

/// It may hold passwords.
impl fmt::Debug for FileText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileText")
            .field("bytes", &self.bytes.len())
            .field("mode", &self.mode)
            .field("owner", &self.owner)
            .field("is_link", &self.is_link)
            .finish()
    }
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing (yet), or it cannot be told.
    Absent,
    /// A character device, such as a tty.
    Device,
    /// Anything else.
    Other,
}

/// Why there is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// Nothing stands there.
    #[error("there is no such file")]
    Absent,
    /// A symbolic link to nothing.
    #[error("it is a symbolic link to a file that is not there")]
    DanglingLink,
    /// Symbolic links that lead to each other.
    #[error("symbolic links lead in a circle")]
    LinkCircle,
    /// A folder, a FIFO, a device, a socket.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// More than [`SIZE_LIMIT`] bytes.
    #[error("it is larger than {SIZE_LIMIT} bytes")]
    TooLarge,
    /// We may not read it.
    #[error("permission denied")]
    Denied,
    /// Another error, in the system's words.
    #[error("{0}")]
    Failed(String),
}

/// Files that exist only in memory.
#[derive(Clone, Debug, Default)]
pub struct MapFiles {
    files: BTreeMap<PathBuf, Result<FileText, FileProblem>>,
    devices: Vec<PathBuf>,
}

impl MapFiles {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a file of root's that only root may read.
    #[must_use]
    pub fn with(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.with_mode(path, text, 0o600)
    }

    /// With a file of root's of that mode.
    #[must_use]
    pub fn with_mode(self, path: &str, text: impl AsRef<[u8]>, mode: u32) -> Self {
        let bytes = Zeroizing::new(text.as_ref().to_vec());
        self.with_text(
            path,
            Ok(FileText {
                bytes,
                mode,
                owner: 0,
                is_link: false,
            }),
        )
    }

    /// With anything at all at `path`.
    #[must_use]
    pub fn with_text(mut self, path: &str, text: Result<FileText, FileProblem>) -> Self {
        self.files.insert(PathBuf::from(path), text);
        self
    }

    /// With a character device.
    #[must_use]
    pub fn with_device(mut self, path: &str) -> Self {
        self.devices.push(PathBuf::from(path));
        self
    }
}

impl Files for MapFiles {
    fn read(&self, path: &Path) -> Result<FileText, FileProblem> {
        match self.files.get(path) {
            Some(Ok(text)) if text.bytes.len() > SIZE_LIMIT => Err(FileProblem::TooLarge),
            Some(text) => text.clone(),
            None if self.devices.iter().any(|device| device == path) => {
                Err(FileProblem::NotAFile("a device"))
            }
            None => Err(FileProblem::Absent),
        }
    }

    fn kind(&self, path: &Path) -> FileKind {
        if self.devices.iter().any(|device| device == path) {
            FileKind::Device
        } else if self.files.contains_key(path) {
            FileKind::Other
        } else {
            FileKind::Absent
        }
    }

    fn host_name(&self) -> String {
        "gateway".to_owned()
    }
}

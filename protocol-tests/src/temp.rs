//! A directory that is removed with the test.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A fresh directory, readable by its owner only.
#[derive(Debug)]
pub struct TempDir(PathBuf);

static COUNT: AtomicU32 = AtomicU32::new(0);

impl TempDir {
    /// Makes one; `name` is for whoever looks into the folder of temporary files.
    pub fn new(name: &str) -> Self {
        let parent = std::env::temp_dir();
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("uplinkd-{name}-{}-{count}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Self(path),
                // Left behind by a killed test that had the same process id.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => panic!("cannot make {}: {error}", path.display()),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of `name` in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file that only its owner can read.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.join(name);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        file.write_all(text.as_ref()).expect("write a file");
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // What cannot be removed stays behind in the folder of temporary files and disturbs nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

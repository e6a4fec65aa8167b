//! What a chat script may ask of the system: files and variables of the environment.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use crate::chat::{FILE_LIMIT, Lookup};

/// This process's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn read_file(&self, path: &[u8]) -> Result<Vec<u8>, String> {
        // A FIFO without a writer must not stop us.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
            .open(OsStr::from_bytes(path))
            .map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        file.take(FILE_LIMIT as u64)
            .read_to_end(&mut text)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }

    fn variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name.is_empty() {
            return None;
        }
        std::env::var_os(OsStr::from_bytes(name)).map(OsStringExt::into_vec)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::TestDir;
    use super::*;

    #[test]
    fn the_beginning_of_a_file_is_read() {
        let dir = TestDir::new();
        let path = dir.join("word");
        fs::write(&path, [b'x'; 3000]).unwrap();
        let read = SystemLookup.read_file(path.as_os_str().as_bytes());
        assert_eq!(read, Ok(vec![b'x'; FILE_LIMIT]));
        let error = SystemLookup.read_file(b"/no/such/file").unwrap_err();
        assert!(error.starts_with("No such file or directory"), "{error}");
        assert!(
            SystemLookup
                .read_file(dir.path().as_os_str().as_bytes())
                .is_err()
        );
    }

    #[test]
    fn a_variable_is_there_or_is_not() {
        let path = std::env::var_os("PATH").map(OsStringExt::into_vec);
        assert_eq!(SystemLookup.variable(b"PATH"), path);
        assert_eq!(SystemLookup.variable(b""), None);
        assert_eq!(SystemLookup.variable(b"UPLINKD_NO_SUCH_VARIABLE"), None);
    }
}

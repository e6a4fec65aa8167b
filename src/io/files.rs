//! The files of the system for the readers of [`config`](crate::config): bounded, and never waiting.
//!
//! A FIFO without a writer, a tty or a network file system's device must not hold up the start: what is no regular file is
//! refused before it is opened, and once more by its descriptor, should it have been exchanged in between.

use std::fs::{self, FileType, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::config::files::{FileKind, FileProblem, FileText, Files, SIZE_LIMIT};

/// What stands on the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn read(&self, path: &Path) -> Result<FileText, FileProblem> {
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        let told = |error: std::io::Error| problem(&error, is_link);
        refuse_others(fs::metadata(path).map_err(told)?.file_type())?;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
            .open(path)
            .map_err(told)?;
        let found = file.metadata().map_err(told)?;
        refuse_others(found.file_type())?;
        let limit = SIZE_LIMIT + 1;
        // Of its final size at once: a buffer that grows leaves copies of passwords behind.
        let size = usize::try_from(found.len()).unwrap_or(limit).min(limit);
        let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).map_err(told)?;
        if bytes.len() > SIZE_LIMIT {
            return Err(FileProblem::TooLarge);
        }
        Ok(FileText {
            bytes,
            mode: found.mode() & 0o7777,
            owner: found.uid(),
            is_link,
        })
    }

    fn kind(&self, path: &Path) -> FileKind {
        match fs::metadata(path) {
            Ok(found) if found.file_type().is_char_device() => FileKind::Device,
            Ok(_) => FileKind::Other,
            Err(_) => FileKind::Absent,
        }
    }

    fn host_name(&self) -> String {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        name.trim_end().to_owned()
    }
}

fn refuse_others(kind: FileType) -> Result<(), FileProblem> {
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(FileProblem::NotAFile(what))
}

fn problem(error: &std::io::Error, is_link: bool) -> FileProblem {
    match error.kind() {
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => FileProblem::LinkCircle,
        ErrorKind::NotFound | ErrorKind::NotADirectory if is_link => FileProblem::DanglingLink,
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileProblem::Absent,
        ErrorKind::PermissionDenied => FileProblem::Denied,
        _ => FileProblem::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("uplinkd-files-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_comes_with_its_mode_and_says_whether_a_link_led_to_it() {
        let dir = Dir::new("mode");
        let (file, link) = (dir.0.join("file"), dir.0.join("link"));
        fs::write(&file, "noauth\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        let text = |is_link| FileText {
            bytes: Zeroizing::new(b"noauth\n".to_vec()),
            mode: 0o640,
            owner: fs::metadata(&file).unwrap().uid(),
            is_link,
        };
        assert_eq!(SystemFiles.read(&file), Ok(text(false)));
        assert_eq!(SystemFiles.read(&link), Ok(text(true)));
        assert!(!format!("{:?}", text(true)).contains("noauth"));
        assert_eq!(SystemFiles.kind(&file), FileKind::Other);
        assert_eq!(SystemFiles.kind(Path::new("/dev/null")), FileKind::Device);
    }

    /// Spec F1: what is no file is refused, and nothing hangs on a FIFO.
    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let dir = Dir::new("others");
        let at = |name: &str| dir.0.join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(made.unwrap().success());
        symlink("nothing", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        fs::write(at("large"), vec![b'#'; SIZE_LIMIT + 1]).unwrap();
        fs::write(at("full"), vec![b'#'; SIZE_LIMIT]).unwrap();
        for (path, problem) in [
            (at("fifo"), FileProblem::NotAFile("a FIFO")),
            (dir.0.clone(), FileProblem::NotAFile("a folder")),
            (
                PathBuf::from("/dev/zero"),
                FileProblem::NotAFile("a device"),
            ),
            (at("dangling"), FileProblem::DanglingLink),
            (at("circle"), FileProblem::LinkCircle),
            (at("absent"), FileProblem::Absent),
            (at("full").join("x"), FileProblem::Absent),
            (at("large"), FileProblem::TooLarge),
        ] {
            assert_eq!(SystemFiles.read(&path), Err(problem), "{}", path.display());
        }
        assert_eq!(
            SystemFiles.read(&at("full")).unwrap().bytes.len(),
            SIZE_LIMIT
        );
        assert_eq!(SystemFiles.kind(&at("absent")), FileKind::Absent);
    }
}

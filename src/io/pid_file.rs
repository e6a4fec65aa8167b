//! The pid files that pppd writes (spec N6): `/run/ppp0.pid` and `/run/ppp-LINKNAME.pid`.
//!
//! pppd overwrites whatever stands there. Here a file that names another process that lives is left to it: a pppd of the
//! same name would be stopped by `poff` in our place, or we in its.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::process::{describe, is_alive, own_pid};

/// A pid file that is ours; [`remove`](Self::remove) takes it away.
#[derive(Debug)]
pub struct LinkPidFile {
    path: PathBuf,
}

impl LinkPidFile {
    /// Writes our number, and the name of the interface behind it if one is given.
    ///
    /// # Errors
    /// A sentence: another process has it, or the system's words.
    pub fn write(path: &Path, interface: Option<&str>) -> Result<Self, String> {
        let failed =
            |error: io::Error| format!("Failed to create pid file {}: {error}", path.display());
        if let Some(pid) = written_pid(path)
            && pid != own_pid()
            && is_alive(pid)
        {
            return Err(format!(
                "the pid file {} is left to {}",
                path.display(),
                describe(pid)
            ));
        }
        let mut text = format!("{}\n", own_pid());
        if let Some(interface) = interface {
            text.push_str(interface);
            text.push('\n');
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Removes it, unless somebody else has written to it since.
    pub fn remove(self) {
        if written_pid(&self.path) == Some(own_pid()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The number in a pid file.
fn written_pid(path: &Path) -> Option<i32> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .ok()?;
    let mut text = String::new();
    file.take(64).read_to_string(&mut text).ok()?;
    text.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn it_is_pppds_and_nobody_elses_is_touched() {
        let dir = std::env::temp_dir().join(format!("uplinkd-pid-file-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("ppp0.pid");
        let own = own_pid();
        let read = || fs::read_to_string(&path).unwrap();
        LinkPidFile::write(&path, None).unwrap().remove();
        assert!(!path.exists());
        // Left behind by one that was killed, or by nobody.
        for old in ["4194304\n", "nonsense", "", "-1\n", "0\n"] {
            fs::write(&path, old).unwrap();
            let file = LinkPidFile::write(&path, Some("ppp0")).unwrap();
            assert_eq!(read(), format!("{own}\nppp0\n"));
            file.remove();
            assert!(!path.exists());
        }
        // Of a process that lives.
        fs::write(&path, "1\n").unwrap();
        let problem = LinkPidFile::write(&path, None).unwrap_err();
        assert!(problem.contains("is left to pid 1 ("), "{problem}");
        assert_eq!(read(), "1\n");
        // Somebody has taken it from us.
        fs::remove_file(&path).unwrap();
        let file = LinkPidFile::write(&path, None).unwrap();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert_eq!(read(), "1\n");
        // A link leads us nowhere.
        fs::remove_file(&path).unwrap();
        symlink(dir.join("elsewhere"), &path).unwrap();
        assert!(LinkPidFile::write(&path, None).is_err());
        assert!(!dir.join("elsewhere").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}

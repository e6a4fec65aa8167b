//! A look at scripts before they are run (spec N4): is there one, and who may have written it.
//!
//! pppd 2.4.9 runs whatever stands there, as root. Whoever can write to such a file is root, so one that others can write
//! to is refused, as pppd 2.5 does.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::link::hooks::find::{Found, Look};

/// More names than this in a folder are not looked at: their order is the file system's, so it must be enough for all.
const MAX_NAMES: usize = 100_000;

/// The file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookFiles {
    own: u32,
}

impl HookFiles {
    /// Root's files and those of our own user are trusted.
    pub fn new() -> Self {
        Self {
            own: rustix::process::geteuid().as_raw(),
        }
    }

    /// Who else could have written it, if anybody.
    fn others(self, meta: &Metadata) -> Option<String> {
        let (mode, uid, gid) = (meta.mode(), meta.uid(), meta.gid());
        if uid != 0 && uid != self.own {
            return Some(format!("belongs to uid {uid}, not to root"));
        }
        let group = mode & 0o020 != 0 && gid != 0;
        (group || mode & 0o002 != 0).then(|| {
            let mode = mode & 0o7777;
            format!("can be written by others than root (mode {mode:04o}, group {gid})")
        })
    }
}

impl Default for HookFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl Look for HookFiles {
    fn look(&self, path: &Path) -> Found {
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return Found::Absent,
                _ => return Found::NoProgram(error.to_string()),
            },
        };
        if !meta.is_file() {
            return Found::NoProgram("it is not a file".to_owned());
        }
        if meta.mode() & 0o111 == 0 {
            let mode = meta.mode() & 0o7777;
            return Found::NoProgram(format!("it is not executable (mode {mode:04o})"));
        }
        if let Some(how) = self.others(&meta) {
            return Found::Unsafe(format!("it {how}"));
        }
        // Where others can write to the folder, they can put another file in its place; with the sticky bit they cannot.
        let folder = path.parent().unwrap_or_else(|| Path::new("/"));
        match fs::metadata(folder) {
            Ok(meta) if meta.mode() & 0o1000 == 0 => match self.others(&meta) {
                Some(how) => Found::Unsafe(format!("its folder {how}")),
                None => Found::Program,
            },
            Ok(_) => Found::Program,
            Err(error) => Found::NoProgram(error.to_string()),
        }
    }

    fn list(&self, folder: &Path) -> Option<Vec<String>> {
        let entries = fs::read_dir(folder).ok()?;
        let names = entries
            .flatten()
            .take(MAX_NAMES)
            .filter_map(|entry| entry.file_name().into_string().ok());
        Some(names.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn tells_scripts_from_what_must_not_be_run() {
        let dir = std::env::temp_dir().join(format!("uplinkd-hook-files-{}", std::process::id()));
        let folder = dir.join("d");
        fs::create_dir_all(&folder).unwrap();
        set_mode(&folder, 0o755);
        let script = folder.join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        symlink(&script, folder.join("link")).unwrap();
        symlink("nowhere", folder.join("broken")).unwrap();
        let files = HookFiles::new();
        for (mode, expected) in [
            (0o755, Found::Program),
            (0o100, Found::Program),
            (
                0o644,
                Found::NoProgram("it is not executable (mode 0644)".to_owned()),
            ),
        ] {
            set_mode(&script, mode);
            assert_eq!(files.look(&script), expected, "{mode:o}");
            assert_eq!(files.look(&folder.join("link")), expected, "{mode:o}");
        }
        set_mode(&script, 0o757);
        assert!(matches!(files.look(&script), Found::Unsafe(how) if how.contains("mode 0757")));
        set_mode(&script, 0o755);
        set_mode(&folder, 0o777);
        assert!(matches!(files.look(&script), Found::Unsafe(how) if how.contains("its folder")));
        set_mode(&folder, 0o1777);
        assert_eq!(files.look(&script), Found::Program);
        assert_eq!(files.look(&folder.join("broken")), Found::Absent);
        assert_eq!(files.look(&script.join("x")), Found::Absent);
        assert_eq!(
            files.look(&folder),
            Found::NoProgram("it is not a file".to_owned())
        );
        let mut names = files.list(&folder).unwrap();
        names.sort_unstable();
        assert_eq!(names, ["broken", "link", "script"]);
        assert_eq!(files.list(&dir.join("missing")), None);
        if files.own == 0 {
            rustix::fs::chown(&script, Some(rustix::fs::Uid::from_raw(1234)), None).unwrap();
            assert_eq!(
                files.look(&script),
                Found::Unsafe("it belongs to uid 1234, not to root".to_owned())
            );
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}

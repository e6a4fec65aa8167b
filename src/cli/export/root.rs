//! Paths below a folder that stands for `/`: links are followed as a system with that root would follow them, so none leads
//! out of it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows.
const MAX_LINKS: usize = 40;

/// The folder.
pub(super) struct Root {
    shown: PathBuf,
    real: PathBuf,
}

impl Root {
    pub(super) fn open(dir: &Path) -> Result<Self, String> {
        let refused = |what: &str| Err(format!("--root {}: {what}", dir.display()));
        match dir.canonicalize() {
            Ok(real) if real.is_dir() => Ok(Self {
                shown: dir.to_owned(),
                real,
            }),
            Ok(_) => refused("this is not a folder"),
            Err(error) => refused(&error.to_string()),
        }
    }

    /// As the user would name `inside`.
    pub(super) fn shown(&self, inside: &str) -> PathBuf {
        self.shown.join(inside)
    }

    /// Whether something has the name `path`, a full one.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.resolve(path).is_ok_and(|path| path.exists())
    }

    /// Where `inside` leads. What is not there yet has the name that it would get.
    pub(super) fn resolve(&self, inside: &Path) -> Result<PathBuf, String> {
        let mut pending = parts(inside);
        let mut found: Vec<OsString> = Vec::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            if part == ".." {
                found.pop();
                continue;
            }
            let candidate = self
                .real
                .join(found.iter().collect::<PathBuf>())
                .join(&part);
            match fs::symlink_metadata(&candidate) {
                Ok(metadata) if metadata.is_symlink() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err("the symbolic links go round in a circle".to_owned());
                    }
                    let target = fs::read_link(&candidate).map_err(|error| error.to_string())?;
                    if target.is_absolute() {
                        found.clear();
                    }
                    pending.extend(parts(&target));
                }
                Ok(metadata) if !pending.is_empty() && !metadata.is_dir() => {
                    return Err(format!("{} is not a folder", candidate.display()));
                }
                Ok(_) => found.push(part),
                Err(error) if error.kind() == io::ErrorKind::NotFound => found.push(part),
                Err(error) => return Err(format!("{}: {error}", candidate.display())),
            }
        }
        Ok(self.real.join(found.iter().collect::<PathBuf>()))
    }
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_do_not_lead_out_of_the_root() {
        let dir = std::env::temp_dir().join(format!("uplinkd-root-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("etc/real")).unwrap();
        symlink("/etc/real", dir.join("etc/absolute")).unwrap();
        symlink("../../../../etc/real", dir.join("etc/climbing")).unwrap();
        symlink("real/file", dir.join("etc/relative")).unwrap();
        symlink("circle", dir.join("etc/circle")).unwrap();
        fs::write(dir.join("etc/plain"), "x").unwrap();
        let root = Root::open(&dir).unwrap();
        let real = dir.canonicalize().unwrap();
        let resolve = |path: &str| root.resolve(Path::new(path));
        assert_eq!(resolve("etc/absolute/x"), Ok(real.join("etc/real/x")));
        assert_eq!(resolve("etc/climbing/x"), Ok(real.join("etc/real/x")));
        assert_eq!(resolve("etc/relative"), Ok(real.join("etc/real/file")));
        assert_eq!(resolve("new/folder/x"), Ok(real.join("new/folder/x")));
        assert_eq!(resolve("/etc/plain"), Ok(real.join("etc/plain")));
        assert!(resolve("etc/circle").is_err());
        assert_eq!(
            resolve("etc/plain/x"),
            Err(format!(
                "{} is not a folder",
                real.join("etc/plain").display()
            ))
        );
        assert!(root.has(Path::new("/etc/real")) && !root.has(Path::new("/dev/ttyLISA0")));
        assert!(Root::open(&dir.join("none")).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}

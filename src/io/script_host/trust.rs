//! Which files the host runs: those that only root can have put there.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::process::geteuid;

/// The file that `program` leads to, if it may be run.
///
/// # Errors
/// A sentence that says why not, for the operator.
pub(super) fn check(program: &Path, folders: &[PathBuf]) -> Result<PathBuf, String> {
    let name = program.display();
    let plain = program
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !program.is_absolute() || !plain || !folders.iter().any(|dir| program.starts_with(dir)) {
        let folders: Vec<String> = folders
            .iter()
            .map(|dir| dir.display().to_string())
            .collect();
        return Err(format!(
            "{name} is not in {}, and the script host runs nothing else; allow its folder with \
             `systemctl edit uplinkd-scripts@.service`",
            folders.join(" or ")
        ));
    }
    // A script may be a link to where a package has put it.
    let file = fs::canonicalize(program).map_err(|error| format!("{name}: {error}"))?;
    for path in file.ancestors() {
        let data = fs::symlink_metadata(path).map_err(|error| format!("{name}: {error}"))?;
        if let Some(why) = distrust(&data) {
            return Err(format!(
                "{name} is not run: {} {why}, so others than root could change what runs",
                path.display()
            ));
        }
    }
    let data = fs::metadata(&file).map_err(|error| format!("{name}: {error}"))?;
    if !data.is_file() {
        return Err(format!("{name} is not a file"));
    }
    Ok(file)
}

/// Why others could change what is there.
fn distrust(data: &Metadata) -> Option<String> {
    let own = geteuid().as_raw();
    if data.uid() != 0 && data.uid() != own {
        return Some(format!("belongs to user {}", data.uid()));
    }
    let mode = data.permissions().mode();
    // In a folder like /tmp nobody can rename or remove what is root's.
    let sticky = data.is_dir() && mode & 0o1000 != 0;
    (mode & 0o022 != 0 && !sticky).then(|| format!("has mode {:o}", mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{chown, symlink};

    use super::*;
    use crate::io::testing::TestDir;

    fn write(path: &Path, mode: u32) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn runs_only_what_only_root_can_change() {
        let dir = TestDir::new();
        let (ppp, other) = (dir.join("ppp"), dir.join("other"));
        fs::create_dir(&ppp).unwrap();
        fs::create_dir(&other).unwrap();
        let folders = [ppp.clone()];
        let judge = |path: &Path| check(path, &folders);

        let good = ppp.join("ip-up");
        write(&good, 0o755);
        assert_eq!(judge(&good), Ok(fs::canonicalize(&good).unwrap()));

        let outside = other.join("script");
        write(&outside, 0o755);
        assert!(judge(&outside).unwrap_err().contains("is not in"));
        let dots = ppp.join("../other/script");
        assert!(judge(&dots).unwrap_err().contains("is not in"));
        assert!(judge(Path::new("ip-up")).unwrap_err().contains("is not in"));
        // A sister folder whose name begins alike.
        let sister = dir.join("ppp-other/x");
        assert!(judge(&sister).unwrap_err().contains("is not in"));

        // A link to elsewhere is the operator's own decision.
        symlink(&outside, ppp.join("ip-down")).unwrap();
        assert!(judge(&ppp.join("ip-down")).is_ok());
        fs::set_permissions(&other, Permissions::from_mode(0o777)).unwrap();
        let why = judge(&ppp.join("ip-down")).unwrap_err();
        assert!(why.contains("has mode 777"), "{why}");

        write(&ppp.join("open"), 0o775);
        let why = judge(&ppp.join("open")).unwrap_err();
        assert!(why.contains("has mode 775"), "{why}");
        assert!(
            judge(&ppp.join("absent"))
                .unwrap_err()
                .contains("No such file")
        );
        assert!(judge(&ppp).unwrap_err().contains("is not a file"));
        if geteuid().is_root() {
            chown(&good, Some(1234), None).unwrap();
            let why = judge(&good).unwrap_err();
            assert!(why.contains("belongs to user 1234"), "{why}");
        }
    }
}

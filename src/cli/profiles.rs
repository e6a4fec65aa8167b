//! The user's modem profiles: `*.toml` in the folder that the configuration names (spec D2).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::io::state_file::read_limited;
use crate::modem::Profiles;

/// Larger than any profile: what is behind it is refused by the reader of profiles.
const LIMIT: u64 = 256 * 1024;

/// The built-in profiles and those of `dir`, in the order of the files' names, so that one may extend those before it; and
/// each problem. A folder that is not there is a problem only if `must_exist`.
pub(crate) fn load(dir: &Path, must_exist: bool) -> (Profiles, Vec<String>) {
    let mut profiles = Profiles::built_in();
    let files = match files(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => Vec::new(),
        Err(error) => {
            let problem = format!(
                "{}: the folder of modem profiles cannot be read: {error}",
                dir.display()
            );
            return (profiles, vec![problem]);
        }
    };
    let mut problems = Vec::new();
    for path in files {
        let name = path.display().to_string();
        match read_limited(&path, LIMIT) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                if let Err(diagnostics) = profiles.add(&name, &text) {
                    problems.extend(diagnostics.iter().map(ToString::to_string));
                }
            }
            Err(error) => problems.push(error.to_string()),
        }
    }
    (profiles, problems)
}

fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_order_and_problems_are_counted() {
        let dir = std::env::temp_dir().join(format!("uplinkd-profiles-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        assert!(load(&dir, false).1.is_empty());
        assert_eq!(load(&dir, true).1.len(), 1);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("b.toml"), "name = \"B\"\nextends = \"A\"\n").unwrap();
        fs::write(
            dir.join("a.toml"),
            "name = \"A\"\nextends = \"LISA-U200\"\n",
        )
        .unwrap();
        fs::write(dir.join("c.toml"), "name = \"C\"\nnonsense = 1\n").unwrap();
        fs::write(dir.join("notes.txt"), "no profile").unwrap();
        let (profiles, problems) = load(&dir, true);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(profiles.get("A").is_some() && profiles.get("B").is_some());
        assert!(profiles.get("C").is_none());
        fs::remove_dir_all(&dir).unwrap();
    }
}

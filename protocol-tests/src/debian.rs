//! Debian packages whose files a test wants to have, without installing them: resolvconf would take the host's
//! `/etc/resolv.conf` over.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::process::run;

/// One download at a time.
static LOCK: Mutex<()> = Mutex::new(());

const LIMIT: Duration = Duration::from_secs(60);

/// The package's file, which is downloaded once and kept beside the test.
///
/// # Errors
/// What to do, in a sentence.
pub fn package(name: &str) -> Result<PathBuf, String> {
    let _alone = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = cache()?;
    if let Some(path) = find(&folder, name) {
        return Ok(path);
    }
    let mut command = Command::new("apt-get");
    // As whoever runs the test: the user _apt may not write there.
    command
        .args(["download", "-q", "-o", "APT::Sandbox::User=root", name])
        .current_dir(&folder);
    let (status, text) = run("apt-get download", command, LIMIT);
    match find(&folder, name) {
        Some(path) if status.success() => Ok(path),
        Some(_) | None => Err(format!(
            "the Debian package {name} cannot be downloaded (apt-get update; apt-get download {name}): {}",
            text.lines().last().unwrap_or_default()
        )),
    }
}

/// Unpacks the package into a folder. What belongs to `/sbin`, `/bin` and `/lib` goes to `/usr`, as on a system where
/// those are links.
///
/// # Panics
/// If it cannot be unpacked.
pub fn unpack(name: &str, tree: &Path) {
    let file = package(name).expect("it was asked for before");
    let mut command = Command::new("sh");
    command.args([
        "-ec",
        "dpkg-deb -x \"$1\" \"$2\"; cd \"$2\"; for d in bin sbin lib; do \
         if [ -d $d ]; then mkdir -p usr/$d; cp -a $d/. usr/$d/; rm -r $d; fi; done",
        "sh",
    ]);
    command.arg(&file).arg(tree);
    let (status, text) = run("dpkg-deb", command, LIMIT);
    assert!(status.success(), "{text}");
}

fn cache() -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    // target/debug/deps/NAME-HASH
    let target = test.ancestors().nth(3).ok_or("a test lies in target")?;
    let folder = target.join("debian-packages");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(folder)
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let prefix = format!("{name}_");
    let entries = fs::read_dir(folder).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| {
        let file = path.file_name().and_then(|file| file.to_str());
        file.is_some_and(|file| file.starts_with(&prefix) && file.ends_with(".deb"))
    })
}

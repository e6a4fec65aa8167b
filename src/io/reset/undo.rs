//! What has to be put back if the program is killed in the middle of a step.
//!
//! A port that is left without power, or a device that is left unauthorized, has no tty: the next start would wait for the
//! modem for ever. So before such a step its undoing is noted in the state directory, and the next start does it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::super::sysfs::is_device_path;
use super::put_now;
use crate::log::{Level, LogLine};

/// In the state directory, behind the interface's name: a file of sysfs and the value for it, with a tab between them.
pub const FILE: &str = ".reset-undo";

/// A step that is under way. Dropped, it is over, and the note goes.
#[derive(Debug)]
pub struct Noted(PathBuf);

/// Notes that `value` has to be written to `file`. A state directory that cannot be written is no reason not to reset.
pub fn note(state_dir: &Path, interface: &str, file: &Path, value: &str) -> Noted {
    let path = path(state_dir, interface);
    let _ = fs::create_dir_all(state_dir);
    let _ = fs::write(&path, format!("{}\t{value}\n", file.display()));
    Noted(path)
}

fn path(state_dir: &Path, interface: &str) -> PathBuf {
    state_dir.join(format!("{interface}{FILE}"))
}

impl Drop for Noted {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// To be called when the program starts: undoes what a predecessor has left, if it was killed in the middle of a step.
/// Only files below `sys` are written to, and only what a step could have noted.
pub fn recover(sys: &Path, state_dir: &Path, interface: &str) -> Option<LogLine> {
    let path = path(state_dir, interface);
    let mut text = String::new();
    File::open(&path)
        .ok()?
        .take(4096)
        .read_to_string(&mut text)
        .ok()?;
    let _ = fs::remove_file(&path);
    let (file, value) = text.trim_end_matches('\n').split_once('\t')?;
    let file = Path::new(file);
    let stays_below = file.starts_with(sys)
        && file
            .components()
            .all(|part| !matches!(part, Component::ParentDir));
    if !stays_below || !(matches!(value, "0" | "1") || is_device_path(value)) {
        return None;
    }
    let what = format!(
        "the reset that was under way when the program ended: {value} to {}",
        file.display()
    );
    Some(match put_now(file, value) {
        Ok(()) => LogLine::uplinkd(Level::Notice, format!("Undid {what}.")),
        Err(error) => LogLine::uplinkd(Level::Warning, format!("Could not undo {what}: {error}.")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestDir;
    use super::*;

    #[test]
    fn what_a_killed_program_has_left_is_undone_once() {
        let dir = TestDir::new();
        let file = dir.join("sys/authorized");
        fs::create_dir(dir.join("sys")).unwrap();
        fs::write(&file, "0").unwrap();
        let state = dir.join("state");
        // Killed: nothing is dropped.
        std::mem::forget(note(&state, "ppp0", &file, "1"));
        let line = recover(&dir.join("sys"), &state, "ppp0").unwrap();
        assert_eq!(
            line.text,
            format!(
                "Undid the reset that was under way when the program ended: 1 to {}.",
                file.display()
            )
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "1");
        assert_eq!(recover(&dir.join("sys"), &state, "ppp0"), None);
    }

    #[test]
    fn a_step_that_is_over_leaves_no_note() {
        let dir = TestDir::new();
        drop(note(dir.path(), "ppp0", &dir.join("x"), "1"));
        assert_eq!(recover(dir.path(), dir.path(), "ppp0"), None);
    }

    #[test]
    fn a_forged_note_writes_nowhere_else() {
        let dir = TestDir::new();
        let (sys, outside) = (dir.join("sys"), dir.join("outside"));
        fs::create_dir(&sys).unwrap();
        fs::write(&outside, "x").unwrap();
        fs::write(sys.join("file"), "x").unwrap();
        let inside = sys.join("file");
        let around = sys.join("../outside");
        for text in [
            format!("{}\t1\n", outside.display()),
            format!("{}\t1\n", around.display()),
            format!("{}\trm -rf\n", inside.display()),
            "\u{0}".to_owned(),
        ] {
            fs::write(dir.join("ppp0.reset-undo"), text).unwrap();
            assert_eq!(recover(&sys, dir.path(), "ppp0"), None);
        }
        assert_eq!(fs::read_to_string(&outside).unwrap(), "x");
        assert_eq!(fs::read_to_string(&inside).unwrap(), "x");
    }
}

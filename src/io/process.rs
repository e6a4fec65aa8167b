//! Who else runs here, as far as `/proc` tells: names of processes for messages, and who holds a
//! file.

use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, getpid, getuid, test_kill_process};

/// Whether a process of this number exists. Numbers below 1 are nobody's.
pub fn is_alive(pid: i32) -> bool {
    if pid < 1 {
        return false;
    }
    let Some(pid) = Pid::from_raw(pid) else {
        return false;
    };
    // EPERM: it exists, and belongs to somebody else.
    !matches!(test_kill_process(pid), Err(Errno::SRCH))
}

/// Our own number.
pub fn own_pid() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// The number of the user who has started us.
pub fn own_uid() -> u32 {
    getuid().as_raw()
}

/// The name of who has logged in to start us (getlogin(3)), else of the user we run as: what pppd calls PPPLOGNAME. Only
/// `/etc/passwd` is asked.
pub fn login_name() -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let login = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    // 4294967295: nobody has logged in, as under systemd. No user has that number.
    let login = login.trim().parse().ok();
    login
        .and_then(|uid| user_name(&passwd, uid))
        .or_else(|| user_name(&passwd, own_uid()))
        .unwrap_or_else(|| "(unknown)".to_owned())
}

fn user_name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

/// A process in words: `pid 123 (minicom)`, without the name if that cannot be read.
pub fn describe(pid: i32) -> String {
    match fs::read(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("pid {pid} ({})", printable(&name)),
        Err(_) => format!("pid {pid}"),
    }
}

/// Another process that has `path` (a resolved path) open, in words, as far as we may look.
pub fn holder_of(path: &Path) -> Option<String> {
    let own = own_pid();
    let mut pids: Vec<i32> = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| pid != own)
        .collect();
    pids.sort_unstable();
    let pid = pids.into_iter().find(|pid| {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        descriptors
            .flatten()
            .any(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == path))
    })?;
    Some(describe(pid))
}

/// The name of a process without what could disturb a terminal or a log.
fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(name.trim_ascii())
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn knows_the_living_from_the_dead() {
        assert!(is_alive(own_pid()));
        assert!(is_alive(1));
        assert!(!is_alive(0));
        assert!(!is_alive(-1));
        let mut child = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        assert!(!is_alive(pid));
    }

    #[test]
    fn a_user_has_the_name_of_his_number() {
        let passwd = "broken\nroot:x:0:0:root:/root:/bin/bash\n:x:7:\njoe:x:1000:1000::/:\n";
        for (uid, name) in [(0, Some("root")), (1000, Some("joe")), (7, None), (1, None)] {
            assert_eq!(user_name(passwd, uid).as_deref(), name, "{uid}");
        }
        assert!(!login_name().is_empty());
    }

    #[test]
    fn names_who_has_a_file_open() {
        let path = std::env::temp_dir().join(format!("uplinkd-holder-{}", own_pid()));
        let file = fs::File::create(&path).unwrap();
        // A child of another test may have it open, too, until its exec.
        let nobody = (0..500).any(|_| {
            std::thread::yield_now();
            holder_of(&path).is_none()
        });
        assert!(nobody, "we ourselves do not count");
        let mut child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::from(file))
            .spawn()
            .unwrap();
        // The child keeps the parent's name until it has become `sleep`.
        let expected = format!("pid {} (sleep)", child.id());
        let found = (0..500).find_map(|_| {
            std::thread::yield_now();
            holder_of(&path).filter(|holder| *holder == expected)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(printable(b"evil\x1b[2J\n"), "evil?[2J");
    }
}

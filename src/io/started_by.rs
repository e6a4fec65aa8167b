//! Whether a path unit of systemd has started this process, or a person (spec C1: START is for the former).
//!
//! systemd 252 and later say so, in `TRIGGER_UNIT`; but they may say so still of a later start by hand. So the path unit has to
//! be active as well, which alone decides before 252: that is right at the boot and after `systemctl start ppp.path`, and
//! wrong for who starts the service by hand there while the path unit still waits for the modem.

use std::env;
use std::process::{Command, Stdio};

/// The first version that sets `TRIGGER_UNIT`.
const TELLS: u32 = 252;

/// Whether `unit` has started this process.
pub fn path_unit(unit: &str) -> bool {
    judge(
        unit,
        env::var("TRIGGER_UNIT").ok().as_deref(),
        env::var_os("INVOCATION_ID").is_some(),
        || version(&output(&["--version"])?),
        || is_active(unit),
    )
}

fn judge(
    unit: &str,
    trigger: Option<&str>,
    under_systemd: bool,
    version: impl FnOnce() -> Option<u32>,
    is_active: impl FnOnce() -> bool,
) -> bool {
    let triggered = match trigger {
        Some(trigger) => trigger == unit,
        None => under_systemd && version().is_none_or(|version| version < TELLS),
    };
    triggered && is_active()
}

/// `systemd 252 (252.39-1~deb12u2)` and more lines.
fn version(text: &str) -> Option<u32> {
    let word = text.split_ascii_whitespace().nth(1)?;
    let digits = word.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn output(arguments: &[&str]) -> Option<String> {
    let output = Command::new("systemctl")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()
}

fn is_active(unit: &str) -> bool {
    Command::new("systemctl")
        .args(["is-active", "--quiet", unit])
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trigger_decides_where_it_is_told() {
        let at = |trigger, is_active| judge("ppp.path", Some(trigger), true, || None, || is_active);
        assert!(at("ppp.path", true));
        assert!(!at("my.timer", true));
        // Of a former start, and the path unit has been stopped since.
        assert!(!at("ppp.path", false));
        // By hand, although the path unit is active.
        assert!(!judge("ppp.path", None, true, || Some(252), || true));
        assert!(!judge("ppp.path", None, true, || Some(257), || true));
    }

    #[test]
    fn before_252_an_active_path_unit_has_done_it() {
        assert!(judge("ppp.path", None, true, || Some(237), || true));
        assert!(!judge("ppp.path", None, true, || Some(237), || false));
        assert!(judge("ppp.path", None, true, || None, || true));
        // From a shell.
        assert!(!judge("ppp.path", None, false, || Some(237), || true));
    }

    #[test]
    fn reads_the_version() {
        assert_eq!(version("systemd 252 (252.39-1~deb12u2)\n+PAM"), Some(252));
        assert_eq!(version("systemd 257.4-1\n"), Some(257));
        assert_eq!(version("systemd 254~rc1"), Some(254));
        assert_eq!(version("busybox"), None);
        assert_eq!(version(""), None);
    }
}

//! What a test needs of the machine. What is missing fails the test with a sentence that says what to install.
//!
//! With `UPLINKD_TESTS_SKIP_MISSING=1` such a test is skipped instead. That is never silent: a line that begins with
//! `SKIPPED:` goes to the real standard error, `scripts/test` counts those lines, and with `CI=true` one of them fails
//! the run.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Something that a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To be root: network namespaces and TUN devices.
    Root,
    /// `/dev/net/tun`.
    Tun,
    /// A program, and the Debian package it comes in.
    Program(&'static str, &'static str),
    /// The files of a Debian package, which is not installed: see [`debian`](crate::debian).
    Package(&'static str),
}

/// A real pppd on a kernel of its own.
pub const UML: &[Need] = &[
    Need::Program("linux.uml", "user-mode-linux"),
    Need::Program("pppd", "ppp"),
    Need::Program("busybox", "busybox-static"),
];

/// slirp as a PPP peer.
pub const SLIRP: &[Need] = &[Need::Program("slirp-fullbolt", "slirp")];

/// The daemon in a network namespace.
pub const DAEMON: &[Need] = &[
    Need::Root,
    Need::Tun,
    Need::Program("unshare", "util-linux"),
    Need::Program("nsenter", "util-linux"),
    Need::Program("ip", "iproute2"),
    Need::Program("ping", "iputils-ping"),
    Need::Program("busybox", "busybox-static"),
];

/// Whether everything is there, otherwise why the test is skipped.
///
/// # Panics
/// If something is missing and skipping was not asked for.
pub fn met(test: &str, needs: &[&[Need]]) -> bool {
    let missing: Vec<String> = needs
        .iter()
        .flat_map(|list| list.iter())
        .filter_map(|need| need.missing())
        .collect();
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join("; ");
    assert!(
        std::env::var("UPLINKD_TESTS_SKIP_MISSING").is_ok_and(|value| value == "1"),
        "{test} cannot run here: {missing}. (UPLINKD_TESTS_SKIP_MISSING=1 skips such tests, and says so.)"
    );
    // Not eprintln!, which the test harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {missing}");
    false
}

/// Returns from the test if something it needs is missing and skipping was asked for; fails it if skipping was not.
#[macro_export]
macro_rules! require {
    ($($needs:expr),+ $(,)?) => {
        if !$crate::require::met(
            ::std::thread::current().name().unwrap_or("a test"),
            &[$($needs),+],
        ) {
            return;
        }
    };
}

impl Need {
    fn missing(self) -> Option<String> {
        match self {
            Self::Root if rustix::process::geteuid().is_root() => None,
            Self::Root => Some("it has to be run by root".to_owned()),
            Self::Tun => {
                let opened = OpenOptions::new()
                    .read(true)
                    .write(true)
                    .open("/dev/net/tun");
                Some(format!("/dev/net/tun cannot be opened: {}", opened.err()?))
            }
            Self::Program(name, package) if find(name).is_none() => {
                Some(format!("{name} is missing: apt-get install {package}"))
            }
            Self::Program(..) => None,
            Self::Package(name) => crate::debian::package(name).err(),
        }
    }
}

fn find(program: &str) -> Option<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    // /usr/sbin is not in everybody's PATH, and pppd and ip live there.
    path.split(':')
        .chain(["/usr/sbin", "/sbin"])
        .any(|folder| Path::new(folder).join(program).is_file())
        .then_some(())
}

//! What the tests of this module share: directories, and network namespaces of their own.

use std::ffi::CString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, process, ptr, thread};

use rustix::thread::{UnshareFlags, unshare_unsafe};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::tun::{Tun, index_of};

pub(crate) mod route;

/// A directory of a test's own, removed at its end.
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("uplinkd-io-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs `test` on a thread of its own in a new, empty network namespace: nothing it does can reach
/// the host's interfaces or routes.
///
/// It needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and `/dev/net/tun`, and fails where it has not: a
/// test that skips in silence proves nothing. `UPLINKD_TESTS_WITHOUT_ROOT=1` allows the skip, and
/// says so.
pub(crate) fn in_network_namespace<F: AsyncFnOnce() + Send + 'static>(test: F) {
    let outcome = thread::spawn(move || {
        // SAFETY: CLONE_NEWNET does not touch the file descriptor table, which is what makes
        // unshare unsafe.
        if let Err(error) = unsafe { unshare_unsafe(UnshareFlags::NEWNET) } {
            if may_skip() {
                return skipped(&format!("no network namespace ({error})"));
            }
            panic!(
                "this test needs a network namespace of its own ({error}): run it as root \
                 (sudo -E cargo test), or set UPLINKD_TESTS_WITHOUT_ROOT=1 to skip it"
            );
        }
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, test());
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// What a test may mount in its own mount namespace; nothing of it is seen outside, and all of it goes with the thread.
pub(crate) struct Mounts(());

impl Mounts {
    /// An empty file system in memory on `folder`, with mount options such as `size=16k`.
    pub(crate) fn tmpfs(&self, folder: &Path, options: &str) {
        mount(Some("tmpfs"), folder, 0, Some(options));
    }

    /// Nothing below the mount point `folder` can be written any more.
    pub(super) fn make_read_only(&self, folder: &Path) {
        mount(None, folder, libc::MS_REMOUNT | libc::MS_RDONLY, None);
    }
}

fn mount(kind: Option<&str>, target: &Path, flags: libc::c_ulong, options: Option<&str>) {
    let text = |text: &str| CString::new(text).unwrap();
    let (kind, options) = (kind.map(text), options.map(text));
    let target = text(target.to_str().unwrap());
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: the strings end in NUL and live until the call returns; the kernel takes null for the others.
    let done = unsafe {
        libc::mount(
            pointer(&kind),
            target.as_ptr(),
            pointer(&kind),
            flags,
            pointer(&options).cast(),
        )
    };
    assert_eq!(done, 0, "{target:?}: {}", io::Error::last_os_error());
}

/// Runs `test` on a thread of its own in a new mount namespace. Needs root as [`in_network_namespace`] does.
pub(crate) fn in_mount_namespace(test: impl FnOnce(&Mounts) + Send + 'static) {
    let outcome = thread::spawn(move || {
        // SAFETY: CLONE_NEWNS does not touch the file descriptor table, which is what makes
        // unshare unsafe.
        if let Err(error) = unsafe { unshare_unsafe(UnshareFlags::NEWNS) } {
            if may_skip() {
                return skipped(&format!("no mount namespace ({error})"));
            }
            panic!(
                "this test needs a mount namespace of its own ({error}): run it as root \
                 (sudo -E cargo test), or set UPLINKD_TESTS_WITHOUT_ROOT=1 to skip it"
            );
        }
        // What is mounted here must not appear in the host's namespace.
        mount(None, Path::new("/"), libc::MS_REC | libc::MS_PRIVATE, None);
        test(&Mounts(()));
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Whether tests that need more rights than there are may be skipped.
pub(super) fn may_skip() -> bool {
    env::var_os("UPLINKD_TESTS_WITHOUT_ROOT").is_some_and(|value| value == "1")
}

/// Says that a test is skipped, past the test runner, which would swallow what a test that passes
/// prints.
pub(super) fn skipped(why: &str) {
    let text = format!("SKIPPED: {why}, and UPLINKD_TESTS_WITHOUT_ROOT=1\n");
    io::stderr().write_all(text.as_bytes()).unwrap();
}

/// Drops an interface and waits until the kernel has removed it. That is at once in the daemon;
/// here other tests start programs all the time, and between fork and exec each holds all our
/// descriptors.
pub(super) async fn gone(tun: Tun) {
    let name = tun.name().to_owned();
    drop(tun);
    for _ in 0..500 {
        if index_of(&name).is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} does not go");
}

/// Runs `ip` with `arguments` in the namespace of the calling thread and returns what it prints.
pub(crate) fn ip(arguments: &str) -> String {
    let output = process::Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

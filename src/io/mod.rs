//! Everything that touches the machine: file descriptors, clocks, signals, namespaces, the kernel's
//! network tables.
//!
//! The core computes; this module is its hands. It is the only place with `unsafe`, with tokio's
//! I/O types and with a clock, and it decides nothing: each part opens, moves bytes, puts back, and
//! says in the core's own types what was wrong ([`LineProblem`](crate::link::reason::LineProblem),
//! [`NetworkProblem`](crate::link::reason::NetworkProblem)). Log lines that it has to say are
//! handed out as [`LogLine`](crate::log::LogLine)s, never printed from here.
//!
//! All of it wants one `current_thread` runtime and never blocks it: no `tcdrain`, no waiting for
//! locks, no close that waits for output.

pub mod chat_lookup;
pub mod clock;
pub mod control_socket;
pub mod default_route;
pub mod dns_command;
pub mod dns_facts;
pub mod dynamic_address;
pub mod files;
pub mod harden;
pub mod hook_files;
pub mod hops;
pub mod line_watch;
pub mod link_monitor;
pub mod lock;
pub mod log_sink;
pub mod net;
pub mod netns;
pub mod notify;
pub mod pid_file;
pub mod ping;
pub mod process;
pub mod pty;
pub mod rand;
pub mod reset;
pub mod resolv_conf;
pub mod resolvconf;
pub mod resolve;
pub mod resolved;
pub mod runner;
pub mod saved_route;
pub mod script_host;
pub mod serial;
pub mod signals;
pub mod started_by;
pub mod state_file;
pub mod std_line;
pub mod sysfs;
pub mod tun;
pub mod wall_clock;

#[cfg(test)]
pub(crate) mod testing;

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Has the runtime watch `fd`, which must be non-blocking already.
fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is an open descriptor for as long as it lives, always the same one, and
    // the `AsyncFd` owns it from here on.
    unsafe { AsyncFd::register(fd) }.map_err(|error| io::Error::other(error.to_string()))
}

/// Runs `work`, which may block (a write to sysfs waits until the kernel is done), on a thread of its own: dropping the
/// future, or the end of the program, does not wait for it. `None` if no thread can be had.
pub(crate) async fn off_loop<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("uplinkd-io".to_owned())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(work());
        })
        .ok()?;
    receiver.await.ok()
}

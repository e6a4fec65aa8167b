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

pub mod clock;
pub mod default_route;
pub mod harden;
pub mod line_watch;
pub mod link_monitor;
pub mod lock;
pub mod log_sink;
pub mod net;
pub mod netns;
pub mod process;
pub mod pty;
pub mod rand;
pub mod saved_route;
pub mod serial;
pub mod signals;
pub mod tun;

#[cfg(test)]
mod testing;

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Has the runtime watch `fd`, which must be non-blocking already.
fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is an open descriptor for as long as it lives, always the same one, and
    // the `AsyncFd` owns it from here on.
    unsafe { AsyncFd::register(fd) }.map_err(|error| io::Error::other(error.to_string()))
}

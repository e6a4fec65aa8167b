//! A modem that is pulled out when so many bytes have passed its tty: the project's simulator on a pty of the test's own.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use uplinkd::sim::{Sim, SimConfig};
use uplinkd::time::Instant;

use crate::clock::{Deadline, now, pause, timespec};
use crate::modem::plug;

/// How often a tty that nobody has open is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Lets a modem live at `path` until `bytes` bytes have passed, both ways together; then its tty is gone, and so is the
/// link to it. `plugged` is called once it is there. Gives the bytes that have passed.
///
/// # Panics
/// If there is no pty, or the bytes have not passed after `limit`: the message is `what`.
pub fn live(
    path: &Path,
    bytes: usize,
    limit: Duration,
    what: impl Fn() -> String,
    plugged: impl FnOnce(),
) -> usize {
    live_until(path, limit, what, plugged, |passed| passed >= bytes)
}

/// The same until `over` says that it is; that is asked again and again, at least every 20 ms.
///
/// # Panics
/// If there is no pty, or it is not over after `limit`: the message is `what`.
pub fn live_until(
    path: &Path,
    limit: Duration,
    what: impl Fn() -> String,
    plugged: impl FnOnce(),
    mut over: impl FnMut(usize) -> bool,
) -> usize {
    let started = now();
    let clock = || Instant::from_origin(now() - started);
    let deadline = Deadline::after(limit);
    let pty = plug(path);
    let mut file = fs::File::from(pty);
    plugged();
    let config = SimConfig {
        latency: Duration::from_millis(1),
        connect_delay: Duration::from_millis(5),
        ..SimConfig::default()
    };
    let mut sim = Sim::new(config, clock());
    let mut out = Vec::new();
    let mut passed = 0;
    let mut buffer = [0; 4096];
    while !over(passed) {
        assert!(!deadline.passed(), "{passed} bytes: {}", what());
        sim.handle_timeout(clock());
        while sim.poll_event().is_some() {}
        // In small pieces, so that it can be over between any two.
        sim.poll_transmit(clock(), 64_usize.saturating_sub(out.len()), &mut out);
        let mut want = PollFlags::IN;
        want.set(PollFlags::OUT, !out.is_empty());
        let due = sim
            .poll_timeout()
            .map_or(Duration::MAX, |at| at.since(clock()));
        let wait = due.min(Duration::from_millis(20));
        let mut fds = [PollFd::new(&file, want)];
        // Interrupted: everything is simply tried again.
        let _ = poll(&mut fds, Some(&timespec(wait)));
        let ready = fds[0].revents();
        if ready.contains(PollFlags::HUP) {
            // Nobody has it open.
            out.clear();
            pause(LOOK);
            continue;
        }
        if ready.contains(PollFlags::IN) {
            match file.read(&mut buffer) {
                Ok(n) => {
                    passed += n;
                    sim.handle_bytes(clock(), &buffer[..n]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It was closed just now.
                Err(_) => continue,
            }
        }
        if ready.contains(PollFlags::OUT)
            && let Ok(n) = file.write(&out)
        {
            passed += n;
            drop(out.drain(..n));
        }
    }
    let _ = fs::remove_file(path);
    passed
}

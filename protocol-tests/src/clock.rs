//! Real time for the rigs: deadlines, and waiting for something that cannot be waited for in another way.

use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "the rigs deal with real processes, in real time"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// A moment by which something has to have happened.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self(now() + limit)
    }

    /// The time that is left; zero when it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        self.left().is_zero()
    }
}

/// Asks `probe` again and again, every 5 ms, until it gives something.
///
/// # Panics
/// When `limit` has passed: the test fails with `what` in the message.
pub fn wait_until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(!deadline.passed(), "waited {limit:?} in vain for {what}");
        pause(Duration::from_millis(5));
    }
}

/// Lets `time` pass. For what has no event to wait for, such as silence on a line.
pub fn pause(time: Duration) {
    let deadline = Deadline::after(time);
    while !deadline.passed() {
        // An early return (a signal) only means another round.
        let _ = poll(&mut [], Some(&timespec(deadline.left())));
    }
}

/// `time` as the system calls want it.
pub fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).expect("a test never waits for centuries")
}

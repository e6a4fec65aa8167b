//! The clock that drives the core.
//!
//! It is tokio's, not the standard library's, so that a test with a paused clock drives the state
//! machines as well.

use std::future;
use std::time::Duration;

use tokio::time::Instant as TokioInstant;

use crate::time::Instant;

/// A monotonic clock whose origin is the moment it was made. Clones share the origin.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: TokioInstant,
}

impl Clock {
    /// A clock that shows [`Instant::ZERO`] now.
    pub fn new() -> Self {
        Self {
            origin: TokioInstant::now(),
        }
    }

    /// The time.
    ///
    /// Decide by this whether a deadline has passed, not by which branch of a `select!` was ready:
    /// tokio's timers obey the cooperative budget of a task and may be late under load.
    pub fn now(&self) -> Instant {
        Instant::from_origin(self.origin.elapsed())
    }

    /// Waits until [`now`](Self::now) is at or after `deadline`; for ever if there is none.
    pub async fn sleep_until(&self, deadline: Option<Instant>) {
        let Some(at) = deadline.and_then(|deadline| self.at(deadline.since_origin())) else {
            return future::pending().await;
        };
        tokio::time::sleep_until(at).await;
    }

    /// A moment as tokio has it; `None` if it lies beyond what tokio's clock can say.
    fn at(&self, since_origin: Duration) -> Option<TokioInstant> {
        self.origin.checked_add(since_origin)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn follows_a_paused_clock_and_never_wakes_early() {
        let clock = Clock::new();
        assert_eq!(clock.now(), Instant::ZERO);
        let deadline = Instant::from_millis(86_400_000);
        clock.clone().sleep_until(Some(deadline)).await;
        assert!(clock.now() >= deadline);
        assert!(clock.now().since(deadline) < Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn returns_at_once_for_a_deadline_that_has_passed() {
        let clock = Clock::new();
        clock.sleep_until(Some(Instant::from_millis(50))).await;
        let before = clock.now();
        clock.sleep_until(Some(Instant::from_millis(10))).await;
        assert!(clock.now().since(before) < Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn no_deadline_means_for_ever() {
        let clock = Clock::new();
        let year = Duration::from_secs(365 * 86_400);
        assert!(
            tokio::time::timeout(year, clock.sleep_until(None))
                .await
                .is_err()
        );
    }
}

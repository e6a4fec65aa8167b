//! How long the link may take to come back, and how soon attempts may follow one another: what the documents promise,
//! not how the supervisor does it.

use std::time::Duration;

use super::kinds::{Class, Kind};
use crate::config::Config;
use crate::link::{FailureClass, State};
use crate::time::Instant;

/// The longest attempt: SIM, registration, dial, negotiation, each to its own limit.
pub(super) const ATTEMPT: Duration = Duration::from_secs(180);
/// The longest ladder: each step fails as late as it can.
pub(super) const LADDER: Duration = Duration::from_secs(900);
/// One step of it, and the pause behind it.
const STEP: Duration = Duration::from_secs(180);
/// Steps that restart a modem on the USB and leave its power on, and the one that switches it: a reset for each, after
/// RETRY failures.
const RUNGS: u32 = 3;
/// For the attempt that succeeds.
const SPARE: Duration = Duration::from_secs(60);
/// RESET_WAIT where neither configuration nor modem say more (spec C7).
const RESET_WAIT: Duration = Duration::from_secs(30);
/// Least time between the beginnings of two attempts.
const SETTLE: Duration = Duration::from_secs(1);

/// What is promised for one site.
#[derive(Debug)]
pub(super) struct Bounds {
    network: Duration,
    configuration: Duration,
    pub(super) reset_wait: Duration,
    start_time: Duration,
    /// How long a dead link may look up.
    detection: Duration,
    retry: u32,
    pub(super) holdoff: Duration,
    /// Waits do not grow.
    fixed: bool,
}

impl Bounds {
    pub(super) fn new(config: &Config, start_time: Duration) -> Self {
        let echo = config.echo.interval * (config.echo.failure + 1);
        let monitor = &config.monitor;
        let ping = if monitor.enabled {
            monitor.interval * (monitor.fail + 1) + monitor.timeout
        } else {
            Duration::ZERO
        };
        Self {
            network: config.backoff.network_max,
            configuration: config.backoff.configuration_max,
            reset_wait: config.reset_wait.unwrap_or(RESET_WAIT),
            start_time,
            detection: echo.max(ping),
            retry: config.retry,
            holdoff: config.holdoff,
            fixed: config.reset_any,
        }
    }

    /// RESET_WAIT of the modem's profile.
    pub(super) fn note_reset_wait(&mut self, config: &Config, profile: Duration) {
        if config.reset_wait.is_none() {
            self.reset_wait = profile.max(RESET_WAIT);
        }
    }

    /// From the end of all trouble, in this state, until a packet has come back.
    ///
    /// The back-off of the slowest class that there was, RESET_WAIT, the modem's start, and a minute; before that what
    /// was under way: an attempt that may still fail, a step of a reset, a dead link that looks up. A modem that hangs
    /// until its power is switched: for each step up to that, RETRY failures with their waits, and the ladder.
    pub(super) fn recovery<'a>(
        &self,
        causes: impl Iterator<Item = &'a Kind> + Clone,
        state: &State,
    ) -> Duration {
        let slow = causes
            .clone()
            .any(|kind| kind.class == Class::Configuration);
        let wait = if slow {
            self.configuration
        } else {
            self.network
        };
        let under_way = match state {
            State::Attempting | State::Ending(_) | State::EndingOnSchedule => ATTEMPT,
            State::Up(_) => self.detection,
            State::Resetting(_) => STEP,
            _ => Duration::ZERO,
        };
        let hanging = if causes.clone().any(|kind| kind.until_reset) {
            self.detection + (ATTEMPT + self.network) * self.retry * RUNGS + LADDER
        } else {
            Duration::ZERO
        };
        wait.max(self.holdoff) + self.reset_wait + self.start_time + SPARE + under_way + hanging
    }
}

/// Holds attempts to their distance.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: Option<Instant>,
    /// Of the last attempt, and whether the next may come before HOLDOFF is over.
    ended: Option<(Instant, Next)>,
    /// Failures in a row of one family, without a link or a wish of a user's.
    row: u32,
    family: Option<Family>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    AfterHoldoff,
    /// There was a reason: a user, a tty that came, a link that was idle.
    Sooner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Network,
    Configuration,
}

impl Pace {
    /// Something happened after which an attempt may come at once.
    pub(super) fn excuse(&mut self) {
        if let Some((_, next)) = &mut self.ended {
            *next = Next::Sooner;
        }
        self.row = 0;
    }

    /// A user wants it now, whatever was before.
    pub(super) fn user(&mut self) {
        self.excuse();
        self.begun = None;
    }

    pub(super) fn up(&mut self) {
        self.row = 0;
    }

    pub(super) fn ended(&mut self, now: Instant, class: FailureClass, next_at_once: bool) {
        let family = match class {
            FailureClass::None | FailureClass::Line | FailureClass::Host => None,
            FailureClass::Network | FailureClass::Modem => Some(Family::Network),
            FailureClass::Configuration | FailureClass::Sim => Some(Family::Configuration),
        };
        self.row = if family.is_some() && family == self.family {
            self.row + 1
        } else {
            u32::from(family.is_some())
        };
        self.family = family;
        let next = if next_at_once {
            Next::Sooner
        } else {
            Next::AfterHoldoff
        };
        self.ended = Some((now, next));
    }

    /// What is wrong with an attempt now, if anything.
    pub(super) fn begin(&mut self, now: Instant, bounds: &Bounds) -> Option<String> {
        let since = self.begun.replace(now).map(|begun| now.since(begun));
        if since.is_some_and(|since| since < SETTLE) {
            return Some("two attempts began within a second".to_owned());
        }
        let (end, Next::AfterHoldoff) = self.ended? else {
            return None;
        };
        let waited = now.since(end);
        if waited < bounds.holdoff {
            return Some(format!(
                "an attempt {:.3} s after the last one, HOLDOFF is not over",
                waited.as_secs_f64()
            ));
        }
        // Ten doublings are enough for any HOLDOFF to reach the maximum; a wait may be 10 per cent shorter.
        let (grown, most) = match self.family? {
            Family::Network => (bounds.retry + 10, bounds.network),
            Family::Configuration => (bounds.retry + 5, bounds.configuration),
        };
        if !bounds.fixed && self.row > grown && waited < most * 9 / 10 {
            return Some(format!(
                "an attempt {} s after failure {} in a row, the wait has not grown",
                waited.as_secs(),
                self.row
            ));
        }
        None
    }
}

//! The words of the supervisor: what it is told, what it says, and what it can be doing.

use std::fmt;
use std::time::Duration;

use crate::link::reason::{ExitStatus, LineProblem, LinkEnd, Stop, UserStop};
use crate::log::LogLine;
use crate::ppp::Ipv4Settings;
use crate::time::Instant;

/// What the configuration says about persistence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// C3 PERSIST: redial for ever; otherwise one link, then the end.
    pub persist: bool,
    /// `--once`: one link, then its exit status.
    pub once: bool,
    /// C8 HOLDOFF.
    pub holdoff: Duration,
    /// C9 RETRY: failures in a row until the link is judged abnormal. 0: it never is.
    pub retry: u32,
    /// C4 RESET_ON_FAIL.
    pub reset_on_fail: bool,
    /// C5 RESET_ALWAYS.
    pub reset_always: bool,
    /// C7 RESET_WAIT; `None`: 30 s, or what the modem's profile needs.
    pub reset_wait: Option<Duration>,
    /// The existing system's behaviour to the letter: every failure counts towards a reset, wrong credentials too.
    pub reset_any: bool,
    /// S1: a link is good once it has been up for this long, or a monitor's ping has been answered.
    pub good_after: Duration,
    /// The growth of the waits.
    pub backoff: BackoffPolicy,
    /// C12 DEMAND.
    pub demand: bool,
}

/// How the waits grow beyond the first round of RETRY attempts (spec S1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// Network, modem and line faults: from HOLDOFF, doubled, to this. 300 s.
    pub network_max: Duration,
    /// Configuration and SIM faults: from this... 300 s.
    pub configuration_min: Duration,
    /// ... doubled, to this. 3600 s.
    pub configuration_max: Duration,
    /// Per cent by which a wait that has grown is made longer or shorter at random. 10.
    pub jitter: u32,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self {
            network_max: Duration::from_secs(300),
            configuration_min: Duration::from_secs(300),
            configuration_max: Duration::from_secs(3600),
            jitter: 10,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The daemon starts.
    Start,
    /// A tty that was waited for may be there again.
    LineChanged,
    /// The link is up.
    Up(Ipv4Settings),
    /// The attempt or the link has ended, and everything has been put back.
    Ended(LinkEnd),
    /// Somebody asks for the end, a reconnect, a disconnect, or a reset.
    User(UserStop),
    /// The command `connect`: a wait ends now, a disconnect by the user is over.
    Connect,
    /// A ping of the monitor was answered: the link is good.
    Answered,
    /// DEMAND: a packet wants out.
    PacketWaiting,
    /// RESET_AT has come.
    ResetAt,
    /// The modem that is served, as soon as it is known: what a reset of it takes.
    Modem {
        /// RESET_WAIT that it needs.
        reset_wait: Duration,
    },
    /// The ladder of [`Command::Reset`] has ended.
    ResetDone(ResetOutcome),
    /// The configuration was read anew.
    Configured {
        /// What it says now. DEMAND and `--once` are those of the start.
        policy: Policy,
        /// Whether something has changed that the next dial uses: somebody has mended what may have been wrong.
        dial: bool,
    },
}

/// How a reset went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetOutcome {
    /// A step worked: the modem went away and came back, or answers again.
    Done {
        /// Which one, in words.
        step: String,
    },
    /// None did.
    Failed {
        /// Why, in words.
        why: String,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Open the tty, dial, negotiate, bring up the interface: answered by [`Input::Up`] and [`Input::Ended`].
    Attempt(AttemptPlan),
    /// End the running attempt or link cleanly; it answers with [`Input::Ended`].
    EndAttempt(Stop),
    /// Reset the modem: the ladder runs, and answers with [`Input::ResetDone`]. No attempt runs meanwhile.
    Reset,
    /// End the running reset: it puts back what it has switched off and answers with [`Input::ResetDone`] within 3 s.
    EndReset,
    /// DEMAND: say [`Input::PacketWaiting`] when a packet wants out, at once if one waits already. Holds until the next
    /// [`Command::Attempt`].
    WatchPackets,
    /// Watch for the tty and say [`Input::LineChanged`]. Holds until the next [`Command::Attempt`].
    WatchLine(LineProblem),
    /// A line for the log.
    Log(LogLine),
    /// End the program.
    Exit(ExitStatus),
}

/// How an attempt differs from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptPlan {
    /// Counts from 1.
    pub number: u32,
    /// NOAUTH only: agree to authentication with an empty name and secret, because the peer ended the last session
    /// after we had rejected its demand.
    pub empty_credentials: bool,
    /// Attempts have ended alike so often that the dialog with the modem is not worth logging again.
    pub quiet: bool,
}

/// What the supervisor is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Not started.
    Idle,
    /// An attempt runs.
    Attempting,
    /// The link is up.
    Up(Ipv4Settings),
    /// The tty is absent or locked.
    WaitingForLine(LineProblem),
    /// DEMAND: the first packet out starts the dial.
    WaitingForPacket,
    /// HOLDOFF runs, or a longer wait after failures.
    HoldingOff {
        /// Its end.
        until: Instant,
    },
    /// The running attempt or link is being ended for a user.
    Ending(UserStop),
    /// The running attempt or link is being ended because the time of RESET_AT has come.
    EndingOnSchedule,
    /// The modem is being reset.
    Resetting(ResetReason),
    /// RESET_WAIT runs.
    ResetWait {
        /// Its end.
        until: Instant,
    },
    /// A user has disconnected; only a user connects again.
    Disconnected,
    /// Over.
    Ended(ExitStatus),
}

/// Why the modem is reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// RESET_ON_FAIL: so many failures in a row.
    Failures(u32),
    /// RESET_ON_FAIL: the tty has been away for so long.
    Absent(Duration),
    /// RESET_ALWAYS: a link has ended.
    Always,
    /// RESET_ALWAYS, and the time of RESET_AT has come.
    Scheduled,
    /// A user asked for it.
    User,
}

impl fmt::Display for ResetReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures(1) => f.write_str("a failure"),
            Self::Failures(count) => write!(f, "{count} failures in a row"),
            Self::Absent(time) => write!(f, "its tty has been away for {} s", time.as_secs()),
            Self::Always => f.write_str("the link ended, and RESET_ALWAYS is set"),
            Self::Scheduled => f.write_str("the time of RESET_AT has come"),
            Self::User => f.write_str("a user asked for it"),
        }
    }
}

/// What comes after the present state by itself, for the status (spec S7). Where it comes at a known time, that is
/// [`Supervisor::poll_timeout`](super::Supervisor::poll_timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upcoming {
    /// Nothing, as long as nothing happens.
    Nothing,
    /// The link, or the end of the attempt.
    Link,
    /// An attempt.
    Attempt,
    /// Another look at the tty.
    LookAtLine,
    /// Waiting for a packet, and then an attempt.
    Packet,
    /// A reset of the modem.
    Reset,
    /// RESET_WAIT.
    ResetWait,
    /// Waiting for a user's `connect`.
    Connect,
    /// The end of the program.
    Exit,
}

impl fmt::Display for Upcoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing by itself",
            Self::Link => "the link, or the end of the attempt",
            Self::Attempt => "the next attempt",
            Self::LookAtLine => "another look at the tty",
            Self::Packet => "an attempt as soon as a packet wants out",
            Self::Reset => "a reset of the modem",
            Self::ResetWait => "RESET_WAIT, then the next attempt",
            Self::Connect => "nothing until a user connects",
            Self::Exit => "the end of the program",
        })
    }
}

//! What the monitor is told, and what it says.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::LookupError;
use crate::log::LogLine;
use crate::time::Instant;

/// What is watched, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorPlan {
    /// C21, and that the monitor may run: with PERSIST=1 and without DEMAND. Otherwise it only says that it does not.
    pub enabled: bool,
    /// The interface, for the log.
    pub interface: String,
    /// C22: a name or an IPv4 address; `None`: the first DNS server, else the peer.
    pub target: Option<String>,
    /// C23. At least 1 s.
    pub interval: Duration,
    /// C24: lost in a row until the link is cut. At least 1.
    pub fail: u32,
    /// C25: each result is logged, good or bad. The cut is logged in any case.
    pub log: bool,
    /// How long an answer may take: at least 1 s, and at most the interval.
    pub timeout: Duration,
    /// M2: ping the target itself, not the nearest host on the way to it.
    pub fixed_target: bool,
    /// Packets received since the last round count as an answer.
    pub payload_is_life: bool,
    /// The link's DNS servers.
    pub dns: [Option<Ipv4Addr>; 2],
    /// The peer's address.
    pub peer: Option<Ipv4Addr>,
    /// The number of this process, for the log.
    pub pid: u32,
}

/// What came of an echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EchoAnswer {
    /// An echo reply.
    Reply {
        /// Its sender.
        from: Ipv4Addr,
    },
    /// The hop limit ended there.
    TimeExceeded {
        /// The router.
        from: Ipv4Addr,
    },
    /// It cannot be delivered.
    Unreachable {
        /// Who says so.
        from: Ipv4Addr,
    },
    /// It could not be sent.
    NotSent {
        /// The kernel's words.
        why: String,
    },
}

/// What happened. An answer that comes too late, or to nothing that was asked, is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorInput {
    /// So many packets have been received through the interface in all: to be told before anything else, and again
    /// before [`Monitor::handle_timeout`](super::Monitor::handle_timeout).
    Received(u64),
    /// What came of [`MonitorCommand::Resolve`].
    Resolved(Result<Ipv4Addr, LookupError>),
    /// What came of [`MonitorCommand::Echo`]. Nothing is to be said where nothing came.
    Echo {
        /// The request's number.
        sequence: u16,
        /// What came.
        answer: EchoAnswer,
    },
    /// The link is down: the monitor says so and does nothing more.
    Down,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorCommand {
    /// Find the IPv4 address of a name: answered by [`MonitorInput::Resolved`].
    Resolve {
        /// The name.
        name: String,
        /// Whom to ask through the interface, in this order.
        servers: [Option<Ipv4Addr>; 2],
    },
    /// Send an echo request through the interface: answered by [`MonitorInput::Echo`], if by anything.
    Echo {
        /// Whither.
        to: Ipv4Addr,
        /// With this hop limit; `None`: the system's.
        ttl: Option<u8>,
        /// Its number.
        sequence: u16,
        /// An answer that takes longer is of no use.
        timeout: Duration,
    },
    /// A line for the log.
    Log(LogLine),
    /// A ping was answered: the link is good.
    Answered,
    /// Cut the link. Comes once, and is the last but for a line at [`MonitorInput::Down`].
    Cut {
        /// The target, as configured.
        target: String,
        /// So many pings in a row were lost.
        lost: u32,
    },
}

/// What is watched, and how it stands with it: for the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorReport {
    /// The target, as configured; the address that is taken where none is.
    pub target: String,
    /// The host that is watched in its place.
    pub nearest: Option<Ipv4Addr>,
    /// Whether the last round was good, and when that showed.
    pub last: Option<(bool, Instant)>,
    /// Rounds in a row that were not.
    pub lost: u32,
}

impl EchoAnswer {
    /// Whether it is the answer of the host that was asked. One with another sender proves nothing.
    pub(super) fn is_reply_of(&self, host: Ipv4Addr) -> bool {
        match self {
            Self::Reply { from } => *from == host,
            Self::TimeExceeded { .. } | Self::Unreachable { .. } | Self::NotSent { .. } => false,
        }
    }
}

//! Why an attempt or a link ended: typed, with a sentence for a human, what he can do, and the exit status (spec P7,
//! I10).
//!
//! What an end means depends on whether the link had been up: a peer that terminates a link has ended it cleanly, one
//! that terminates the negotiation has refused us. So [`LinkEnd::class`] and [`LinkEnd::exit_status`] each have a twin
//! for a link that was up.

mod advice;
mod classify;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::at::DialError;
use crate::chat::ChatEnd;
use crate::modem::ModemProblem;
use crate::ppp::DownReason;

/// Exit statuses of the program (spec I10): pppd's numbers where it has one, above 32 ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(pub u8);

impl ExitStatus {
    /// Done.
    pub const DONE: Self = Self(0);
    /// An error that has no number of its own.
    pub const FATAL: Self = Self(1);
    /// Options or configuration.
    pub const CONFIGURATION: Self = Self(2);
    /// Ended by the user: SIGTERM, SIGINT.
    pub const USER: Self = Self(5);
    /// The tty is locked by somebody else.
    pub const LOCKED: Self = Self(6);
    /// The tty cannot be opened.
    pub const OPEN_FAILED: Self = Self(7);
    /// Dialing failed.
    pub const DIAL_FAILED: Self = Self(8);
    /// PPP negotiation failed.
    pub const NEGOTIATION_FAILED: Self = Self(10);
    /// The peer did not prove who it is (the ISP's side).
    pub const PEER_AUTHENTICATION: Self = Self(11);
    /// No traffic for IDLE seconds.
    pub const IDLE: Self = Self(12);
    /// The link was up for `max_connect`.
    pub const CONNECT_TIME: Self = Self(13);
    /// The peer is dead: no answer to echo or monitor.
    pub const PEER_DEAD: Self = Self(15);
    /// The modem hung up.
    pub const HANGUP: Self = Self(16);
    /// The line is looped back.
    pub const LOOPBACK: Self = Self(17);
    /// Our authentication was refused.
    pub const AUTHENTICATION: Self = Self(19);
    /// No permission, or no TUN device.
    pub const NO_PERMISSION: Self = Self(33);
    /// SIM missing, locked or broken.
    pub const SIM: Self = Self(34);
    /// Not registered with a network.
    pub const NO_REGISTRATION: Self = Self(35);
    /// The network interface could not be set up, or was deleted under us.
    pub const INTERFACE: Self = Self(36);
}

/// What kind of failure an end is: decides what can mend it (spec S1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Not a failure: the user, or the peer's clean Terminate of a link that was up.
    None,
    /// APN or credentials: a reset cannot mend it.
    Configuration,
    /// The SIM: a reset cannot mend it.
    Sim,
    /// The mobile network, or the peer.
    Network,
    /// The modem does not do what it should.
    Modem,
    /// The tty, the cable.
    Line,
    /// This host: permissions, the interface.
    Host,
}

/// What ended an attempt or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEnd {
    /// The tty is not there, locked, or went away.
    Line(LineProblem),
    /// The modem is not ready to dial: SIM, registration.
    Modem(ModemProblem),
    /// The modem did not connect.
    Dial(DialError),
    /// The connect script failed.
    Chat(ChatEnd),
    /// PPP ended.
    Ppp(DownReason),
    /// The interface or its routes.
    Network(NetworkProblem),
    /// The monitor's pings were not answered (spec M1).
    Monitor {
        /// As configured.
        target: String,
        /// How many in a row.
        lost: u32,
    },
    /// No traffic for IDLE (spec C13).
    Idle {
        /// That long.
        after: Duration,
    },
    /// The link has been up for as long as `max_connect` lets it (spec F1).
    ConnectTime {
        /// That long.
        most: Duration,
    },
    /// RESET_AT (spec S4).
    Scheduled,
    /// Somebody asked for it.
    User(UserStop),
}

/// What was wrong with the tty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineProblem {
    /// It is not there. Waited for with PERSIST=1 (spec S3).
    Absent {
        /// The path.
        path: PathBuf,
    },
    /// DEVICE=AUTO or a model: no such modem is there. Waited for like an absent tty.
    NotFound {
        /// What was looked for: `a modem`, `a LISA-U200`.
        wanted: String,
        /// What is there instead and may be a hint, e.g. a device in storage mode.
        seen: Option<String>,
    },
    /// Another process holds it. Waited for with PERSIST=1.
    Locked {
        /// The path.
        path: PathBuf,
        /// Who holds it, if that can be said: `pid 123 (minicom)`.
        holder: Option<String>,
    },
    /// It is not a tty: always ends the start.
    NotATty {
        /// The path.
        path: PathBuf,
    },
    /// It cannot be opened for another reason (permissions, an I/O error).
    OpenFailed {
        /// The path.
        path: PathBuf,
        /// The system's words.
        error: String,
        /// Whether it is a matter of permissions.
        permission: bool,
    },
    /// It vanished while in use: end of file or an I/O error.
    Vanished {
        /// The path.
        path: PathBuf,
        /// The system's words, if there were any.
        error: Option<String>,
    },
}

/// What was wrong with the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkProblem {
    /// No permission for TUN or for changing the network.
    NoPermission {
        /// What was tried, and the system's words.
        what: String,
    },
    /// The kernel has no TUN device.
    NoTun {
        /// The system's words.
        error: String,
    },
    /// The name is taken by an interface that is not ours.
    NameTaken {
        /// The name.
        name: String,
    },
    /// Somebody deleted the interface under us.
    InterfaceDeleted {
        /// The name.
        name: String,
    },
    /// Somebody set the interface down under us.
    SetDown {
        /// The name.
        name: String,
    },
    /// Something else did not work.
    Failed {
        /// What was tried, and the system's words.
        what: String,
    },
}

/// Who asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserStop {
    /// SIGTERM (15), SIGINT (2).
    Signal(i32),
    /// SIGUSR1 or the command `reconnect`.
    Reconnect,
    /// The command `disconnect`: down until `connect`.
    Disconnect,
    /// The command `reset`: the modem is reset, then dialed again.
    Reset,
}

/// Why we end an attempt or a link that the peer would keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for it.
    User(UserStop),
    /// RESET_AT.
    Scheduled,
    /// No traffic for that long.
    Idle(Duration),
    /// The link has been up for that long.
    ConnectTime(Duration),
    /// The monitor's pings were not answered.
    Monitor {
        /// As configured.
        target: String,
        /// How many in a row.
        lost: u32,
    },
}

impl From<Stop> for LinkEnd {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::User(stop) => Self::User(stop),
            Stop::Scheduled => Self::Scheduled,
            Stop::Idle(after) => Self::Idle { after },
            Stop::ConnectTime(most) => Self::ConnectTime { most },
            Stop::Monitor { target, lost } => Self::Monitor { target, lost },
        }
    }
}

impl Stop {
    /// What the LCP Terminate-Request says.
    pub fn terminate_text(&self) -> &'static str {
        match self {
            Self::User(_) => "User request",
            Self::Scheduled => "Scheduled disconnect",
            Self::Idle(_) => "Link inactive",
            Self::ConnectTime(_) => "Connect time expired",
            Self::Monitor { .. } => "No answer to ping",
        }
    }
}

impl LinkEnd {
    /// What kind of failure this is if it ended an attempt before the link was up.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Line(_) => FailureClass::Line,
            Self::Modem(problem) => classify::modem_class(problem),
            Self::Dial(error) => classify::dial_class(error),
            Self::Chat(end) => classify::chat_class(end),
            Self::Ppp(reason) => classify::ppp_class(reason),
            Self::Network(_) => FailureClass::Host,
            Self::Monitor { .. } => FailureClass::Network,
            Self::Idle { .. } | Self::ConnectTime { .. } | Self::Scheduled | Self::User(_) => {
                FailureClass::None
            }
        }
    }

    /// What kind of failure this is if it ended a link that was up.
    pub fn class_after_up(&self) -> FailureClass {
        if self.is_clean_terminate() {
            FailureClass::None
        } else {
            self.class()
        }
    }

    /// The exit status if the program ends with it before the link was up.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Line(problem) => match problem {
                LineProblem::Locked { .. } => ExitStatus::LOCKED,
                LineProblem::Vanished { .. } => ExitStatus::HANGUP,
                LineProblem::Absent { .. }
                | LineProblem::NotFound { .. }
                | LineProblem::NotATty { .. }
                | LineProblem::OpenFailed { .. } => ExitStatus::OPEN_FAILED,
            },
            Self::Modem(problem) => classify::modem_status(problem),
            Self::Dial(error) => classify::dial_status(error),
            Self::Chat(_) => ExitStatus::DIAL_FAILED,
            Self::Ppp(reason) => classify::ppp_status(reason),
            Self::Network(problem) => match problem {
                NetworkProblem::NoPermission { .. } | NetworkProblem::NoTun { .. } => {
                    ExitStatus::NO_PERMISSION
                }
                NetworkProblem::NameTaken { .. }
                | NetworkProblem::InterfaceDeleted { .. }
                | NetworkProblem::SetDown { .. }
                | NetworkProblem::Failed { .. } => ExitStatus::INTERFACE,
            },
            Self::Monitor { .. } => ExitStatus::PEER_DEAD,
            Self::Idle { .. } => ExitStatus::IDLE,
            Self::ConnectTime { .. } => ExitStatus::CONNECT_TIME,
            Self::Scheduled => ExitStatus::DONE,
            Self::User(
                UserStop::Signal(_) | UserStop::Reconnect | UserStop::Disconnect | UserStop::Reset,
            ) => ExitStatus::USER,
        }
    }

    /// The exit status if the program ends with it after the link was up: 0 for the peer's clean Terminate, with
    /// PERSIST=0 (spec C3) as with `--once`. A stop by signal is 5 here too: the unit takes 5 as success.
    pub fn exit_status_after_up(&self) -> ExitStatus {
        if self.is_clean_terminate() {
            ExitStatus::DONE
        } else {
            self.exit_status()
        }
    }

    /// What the operator can do about it, to be put behind a semicolon; nothing where there is nothing to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Line(problem) => advice::line(problem),
            Self::Modem(problem) => advice::modem(problem),
            Self::Dial(error) => advice::dial(error),
            Self::Chat(end) => advice::chat(end),
            Self::Ppp(reason) => advice::ppp(reason),
            Self::Network(problem) => advice::network(problem),
            Self::Monitor { .. } => {
                "the network carries nothing although PPP is up: if it happens often, check MONITOR_TARGET and the coverage"
            }
            Self::Idle { .. } | Self::ConnectTime { .. } | Self::Scheduled | Self::User(_) => "",
        }
    }

    /// A Terminate-Request of the peer: with a link that was up this is no failure.
    fn is_clean_terminate(&self) -> bool {
        matches!(self, Self::Ppp(DownReason::PeerTerminated { .. }))
    }
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(problem) => problem.fmt(f),
            Self::Modem(problem) => problem.fmt(f),
            Self::Dial(error) => write!(f, "dialing failed: {error}"),
            Self::Chat(end) => end.fmt(f),
            Self::Ppp(reason) => reason.fmt(f),
            Self::Network(problem) => problem.fmt(f),
            Self::Monitor { target, lost } => {
                write!(f, "{lost} pings in a row to {target} were not answered")
            }
            Self::Idle { after } => write!(f, "no traffic for {} s", after.as_secs()),
            Self::ConnectTime { most } => {
                write!(f, "up for {} s, the longest allowed", most.as_secs())
            }
            Self::Scheduled => f.write_str("the time of RESET_AT has come"),
            Self::User(stop) => stop.fmt(f),
        }
    }
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { path } => write!(f, "{} is not there", path.display()),
            Self::NotFound { wanted, seen: None } => write!(f, "{wanted} is not there"),
            Self::NotFound {
                wanted,
                seen: Some(seen),
            } => write!(f, "{wanted} is not there, only {seen}"),
            Self::Locked { path, holder } => {
                let holder = holder.as_deref().unwrap_or("another process");
                write!(f, "{} is locked by {holder}", path.display())
            }
            Self::NotATty { path } => write!(f, "{} is not a tty", path.display()),
            Self::OpenFailed { path, error, .. } => {
                write!(f, "{} cannot be opened: {error}", path.display())
            }
            Self::Vanished { path, error } => {
                write!(f, "{} vanished while in use", path.display())?;
                error
                    .as_ref()
                    .map_or(Ok(()), |error| write!(f, ": {error}"))
            }
        }
    }
}

impl fmt::Display for NetworkProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermission { what } => write!(f, "no permission for the network: {what}"),
            Self::NoTun { error } => write!(f, "this system has no TUN device: {error}"),
            Self::NameTaken { name } => {
                write!(f, "the interface name {name} is taken by another program")
            }
            Self::InterfaceDeleted { name } => {
                write!(f, "the interface {name} was deleted by another program")
            }
            Self::SetDown { name } => {
                write!(f, "the interface {name} was set down by another program")
            }
            Self::Failed { what } => write!(f, "the network interface could not be set up: {what}"),
        }
    }
}

impl fmt::Display for UserStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(15) => f.write_str("ended by SIGTERM"),
            Self::Signal(2) => f.write_str("ended by SIGINT"),
            Self::Signal(number) => write!(f, "ended by signal {number}"),
            Self::Reconnect => f.write_str("a reconnect was asked for"),
            Self::Disconnect => f.write_str("a disconnect was asked for"),
            Self::Reset => f.write_str("a reset of the modem was asked for"),
        }
    }
}

#[cfg(test)]
mod tests;

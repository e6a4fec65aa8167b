//! The status: what the daemon does, since when, why, and what comes next (spec S7).
//!
//! This is the `status` object of the control socket and of `uplinkd status --json`, so its keys are a contract:
//! keys may be added, and none is renamed or taken away (`docs/control-protocol.md`). What is not known is `null`. It
//! never holds a secret: no account, no password, no PIN. Every text in it is printable and bounded, every list too.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::modem::{Registration, SimState};

/// Failures that are remembered.
pub const MAX_FAILURES: usize = 10;

/// Warnings that are remembered.
pub const MAX_WARNINGS: usize = 16;

/// Longest text, in characters.
pub const MAX_TEXT: usize = 400;

/// Everything that can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Of the daemon.
    pub version: String,
    /// Of the daemon's process.
    pub pid: u32,
    /// The network interface as configured.
    pub interface: String,
    /// Wall time of this status, RFC 3339 in UTC.
    pub now: String,
    /// The daemon's start.
    pub started: Moment,
    /// What it is doing.
    pub state: StateWord,
    /// The same in words, without a full stop.
    pub sentence: String,
    /// Since when the state holds.
    pub since: Moment,
    /// What is being done within it, such as waiting for the registration.
    pub step: Option<Step>,
    /// Why it is in this state.
    pub why: Option<String>,
    /// What comes next by itself.
    pub next: Option<Planned>,
    /// Counts.
    pub attempts: Attempts,
    /// Resets of the modem.
    pub resets: Resets,
    /// The last failures, the latest first; at most [`MAX_FAILURES`].
    pub failures: Vec<Failure>,
    /// The link that is up.
    pub link: Option<Link>,
    /// Who has been told the DNS servers of the link (spec N3).
    pub resolver: Option<Resolver>,
    /// Packets of all links since the start.
    pub traffic: Traffic,
    /// The modem.
    pub modem: Modem,
    /// Packets that wait for the link.
    pub queue: Option<Queue>,
    /// APN or account written to the modem since the start (spec D5).
    pub provisioning_writes: Option<u32>,
    /// The watch over the link (spec M).
    pub monitor: Option<Monitor>,
    /// What is not as it should be although the link works; at most [`MAX_WARNINGS`].
    pub warnings: Vec<String>,
}

/// What the daemon is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StateWord {
    /// Not yet at work.
    Starting,
    /// An attempt runs: from opening the tty to the agreed addresses.
    Dialing,
    /// The link is up.
    Up,
    /// The modem or its tty is not there, or somebody else has it.
    WaitingForModem,
    /// The wait before the next attempt.
    HoldingOff,
    /// The modem is being reset.
    Resetting,
    /// RESET_WAIT after a reset.
    WaitingAfterReset,
    /// DEMAND: nobody has anything to send.
    WaitingForTraffic,
    /// Down because the user said so.
    Disconnected,
    /// The attempt or the link is being ended.
    Ending,
    /// Over: the program ends.
    Ended,
}

impl StateWord {
    /// All of them, for the documentation and the tests.
    pub const ALL: [Self; 11] = [
        Self::Starting,
        Self::Dialing,
        Self::Up,
        Self::WaitingForModem,
        Self::HoldingOff,
        Self::Resetting,
        Self::WaitingAfterReset,
        Self::WaitingForTraffic,
        Self::Disconnected,
        Self::Ending,
        Self::Ended,
    ];

    /// As the JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Dialing => "dialing",
            Self::Up => "up",
            Self::WaitingForModem => "waiting-for-modem",
            Self::HoldingOff => "holding-off",
            Self::Resetting => "resetting",
            Self::WaitingAfterReset => "waiting-after-reset",
            Self::WaitingForTraffic => "waiting-for-traffic",
            Self::Disconnected => "disconnected",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }

    /// In words, without a full stop.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Dialing => "dialing",
            Self::Up => "the link is up",
            Self::WaitingForModem => "waiting for the modem",
            Self::HoldingOff => "the link is down, waiting before the next attempt",
            Self::Resetting => "the modem is being reset",
            Self::WaitingAfterReset => "waiting for the modem to start after a reset",
            Self::WaitingForTraffic => "the link is down until a packet wants out",
            Self::Disconnected => "disconnected by the user, until `uplinkd connect`",
            Self::Ending => "hanging up",
            Self::Ended => "ended",
        }
    }
}

/// A moment in the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Wall time, RFC 3339 in UTC, worked out from the age: right even if the clock was set since.
    pub at: String,
    /// Seconds ago.
    pub seconds_ago: u64,
}

/// Something that will happen by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// What, such as `the next attempt`.
    pub what: String,
    /// Wall time, RFC 3339 in UTC, if it comes at a known time.
    pub at: Option<String>,
    /// In so many seconds, rounded up.
    pub in_seconds: Option<u64>,
}

/// What is being done within a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// In words.
    pub what: String,
    /// Since when.
    pub since: Moment,
}

/// Attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// The attempt that runs, or ran last; counts from 1.
    pub number: u32,
    /// Failures in a row that count towards RETRY.
    pub failures_in_a_row: Option<u32>,
    /// Links that have been up since the start.
    pub links: u32,
}

/// Resets since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resets {
    /// How many.
    pub count: u32,
    /// The last one.
    pub last: Option<Reset>,
}

/// A reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// When it was over.
    pub when: Moment,
    /// Whether the modem restarted.
    pub worked: bool,
    /// The step that worked.
    pub step: Option<String>,
    /// Why none did.
    pub why: Option<String>,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub when: Moment,
    /// In a sentence, without a full stop.
    pub reason: String,
    /// What kind, which decides what can mend it.
    pub class: Class,
    /// What the operator can do.
    pub advice: Option<String>,
    /// Whether it ended a link that was up; otherwise an attempt.
    pub after_up: bool,
    /// So often in a row, this being the last time.
    pub times: u32,
}

/// Kind of a failure: [`FailureClass`](crate::link::FailureClass) as the JSON has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Class {
    /// APN or credentials.
    Configuration,
    /// The SIM.
    Sim,
    /// The mobile network, or the peer.
    Network,
    /// The modem.
    Modem,
    /// The tty, the cable.
    Line,
    /// This host.
    Host,
}

impl Class {
    /// As the JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Sim => "sim",
            Self::Network => "network",
            Self::Modem => "modem",
            Self::Line => "line",
            Self::Host => "host",
        }
    }
}

/// A link that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Name of the network interface.
    pub interface: String,
    /// Since when.
    pub up: Moment,
    /// It has been up for long enough, or a ping has been answered (spec S1).
    pub good: bool,
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's.
    pub remote: Option<Ipv4Addr>,
    /// DNS servers, in order.
    pub dns: Vec<Ipv4Addr>,
    /// MTU of the interface.
    pub mtu: u16,
    /// Packets of this link.
    pub traffic: Traffic,
}

/// The DNS servers that the system uses for the link, and who tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolver {
    /// In order.
    pub servers: Vec<IpAddr>,
    /// `file`, `resolved`, `resolvconf`, `script` or `none`: [`Writer`](crate::dns::Writer) as the JSON has it.
    pub manager: String,
    /// Why it is that one.
    pub why: String,
    /// What went wrong.
    pub problem: Option<String>,
}

/// IP packets and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets from the network.
    pub received_packets: u64,
    /// Octets of them.
    pub received_bytes: u64,
    /// Packets to the network.
    pub sent_packets: u64,
    /// Octets of them.
    pub sent_bytes: u64,
}

impl Traffic {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            received_packets: self.received_packets.saturating_add(other.received_packets),
            received_bytes: self.received_bytes.saturating_add(other.received_bytes),
            sent_packets: self.sent_packets.saturating_add(other.sent_packets),
            sent_bytes: self.sent_bytes.saturating_add(other.sent_bytes),
        }
    }
}

/// What is known of the modem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modem {
    /// The tty that dials.
    pub tty: Option<String>,
    /// Where it is plugged in: `1-1.2`.
    pub usb_path: Option<String>,
    /// Name of the profile that is used.
    pub profile: Option<String>,
    /// As it names its maker.
    pub manufacturer: Option<String>,
    /// As it names its model.
    pub model: Option<String>,
    /// Of its firmware.
    pub revision: Option<String>,
    /// Its serial number.
    pub imei: Option<String>,
    /// The SIM's number.
    pub iccid: Option<String>,
    /// What the SIM says.
    pub sim: Option<SimState>,
    /// With the packet network.
    pub registration: Option<Aged<Registration>>,
    /// In dBm.
    pub signal_dbm: Option<Aged<i16>>,
    /// Name of the operator.
    pub operator: Option<Aged<String>>,
    /// Country and network code of the operator.
    pub plmn: Option<Aged<String>>,
    /// `GSM`, `UTRAN`, `E-UTRAN`.
    pub technology: Option<Aged<String>>,
}

/// A value that changes, and when it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aged<T> {
    /// It.
    pub value: T,
    /// Told so many seconds ago.
    pub seconds_ago: u64,
}

/// Packets that wait for the link (spec N5, S6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Now.
    pub waiting: u64,
    /// Dropped since the start, because too many waited or their address was gone.
    pub dropped: u64,
}

/// The watch over the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitor {
    /// As configured.
    pub target: String,
    /// The host that is watched in its place: the nearest on the way to it.
    pub watched: Option<String>,
    /// The last ping.
    pub last: Option<Ping>,
    /// Lost in a row.
    pub lost_in_a_row: u32,
}

/// A ping of the monitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// When its result was known.
    pub when: Moment,
    /// Whether it was answered.
    pub answered: bool,
}

//! How dialing goes and ends, for the owner of a [`Dialer`](super::Dialer).

use std::time::Duration;

use crate::log::LogLine;

/// The modem is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The result line, e.g. `CONNECT 150000000`.
    pub text: String,
    /// Bytes that came behind the line's end: the first PPP frames.
    pub rest: Vec<u8>,
}

/// What a [`Dialer`](super::Dialer) tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialEvent {
    /// A line for the log, as `chat -v` has it.
    Log(LogLine),
    /// Done: the line carries data now.
    Connected(Connected),
    /// Done: it did not work.
    Failed(DialError),
}

/// Why dialing failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The modem did not answer at all.
    #[error("the modem does not answer AT commands")]
    NoAnswer,
    /// A command was not answered in time.
    #[error("no answer to {command} within {} s", .after.as_secs())]
    Timeout {
        /// The command, secrets hidden.
        command: String,
        /// How long was waited.
        after: Duration,
    },
    /// A command was answered by ERROR.
    #[error("the modem answered ERROR to {command}")]
    Error {
        /// The command, secrets hidden.
        command: String,
    },
    /// A command was answered by `+CME ERROR` or `+CMS ERROR`.
    #[error("the modem answered {command} with {text}")]
    Extended {
        /// The command, secrets hidden.
        command: String,
        /// The number of a `+CME ERROR` (3GPP TS 27.007 section 9.2), given by the modem or found
        /// by its words.
        code: Option<u16>,
        /// In words, e.g. `+CME ERROR: 30 (no network service)`.
        text: String,
    },
    /// The call was answered by a final result other than CONNECT.
    #[error("the modem answered {result} to the call")]
    Refused {
        /// `NO CARRIER`, `BUSY`, `NO DIALTONE`, `NO DIAL TONE`, `NO ANSWER`, `VOICE` or `DELAYED`.
        result: String,
        /// What the modem said to `AT+CEER`, in its own words, if it said anything. The log has it; whoever judges the
        /// failure reads it.
        report: Option<String>,
    },
    /// The modem could not be brought back into command mode.
    #[error("the modem is still in data mode and does not leave it")]
    StuckInDataMode,
}

//! Log lines as the core hands them out: text with a level, no I/O.
//!
//! State machines collect [`LogLine`]s and the daemon passes them to `tracing`; tests compare them. Their wording is
//! pppd's and chat's wherever those programs have a line for the event (spec U3): scripts grep for it.
#![forbid(unsafe_code)]

mod budget;

use std::fmt;

pub(crate) use budget::{BudgetSize, LogBudget, Verdict};

/// How much a line matters, as syslog has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What only a second `debug` of pppd shows, such as echo requests on a link that is up.
    Trace,
    /// pppd's `debug`: every control packet, every AT line.
    Debug,
    /// Milestones: addresses, connect time.
    Info,
    /// Something an operator wants to know: the link went up or down.
    Notice,
    /// Something is not as it should be, and the link goes on.
    Warning,
    /// The link or the start failed.
    Error,
}

/// The program whose lines these are, for those who filter by identifier (`journalctl -t pppd`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// PPP and the link: pppd's lines.
    Pppd,
    /// The AT dialog: chat's lines.
    Chat,
    /// Our own words, for which neither has any.
    Uplinkd,
    /// The built-in simulator.
    Sim,
    /// What the existing system's ip-up script says (spec M3).
    IpUp,
    /// What its ip-down script says.
    IpDown,
    /// The same of pppd's other scripts (spec N4).
    IpPreUp,
    /// auth-up.
    AuthUp,
    /// auth-down.
    AuthDown,
    /// Its ping monitor.
    PppMonitor,
    /// The manager of its later versions.
    PppManager,
}

impl Identifier {
    /// The identifier as syslog and the journal show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pppd => "pppd",
            Self::Chat => "chat",
            Self::Uplinkd => "uplinkd",
            Self::Sim => "sim",
            Self::IpUp => "ip-up",
            Self::IpDown => "ip-down",
            Self::IpPreUp => "ip-pre-up",
            Self::AuthUp => "auth-up",
            Self::AuthDown => "auth-down",
            Self::PppMonitor => "ppp_monitor",
            Self::PppManager => "ppp_manager",
        }
    }
}

/// One line for the log. It never holds a secret, and never a control character: see [`LogLine::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// Whose line it is.
    pub identifier: Identifier,
    /// The text, without a line end.
    pub text: String,
}

impl LogLine {
    /// A line with `text`, in which control characters are replaced by `\ooo` (octal) as a safety net: text of the
    /// peer or the modem must not forge lines or move the cursor of whoever reads the log.
    pub fn new(level: Level, identifier: Identifier, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.chars().any(char::is_control) {
            let mut clean = String::with_capacity(text.len());
            for c in text.chars() {
                if c.is_control() {
                    clean.push_str(&format!("\\{:03o}", u32::from(c)));
                } else {
                    clean.push(c);
                }
            }
            text = clean;
        }
        Self {
            level,
            identifier,
            text,
        }
    }

    /// A line of pppd's.
    pub fn pppd(level: Level, text: impl Into<String>) -> Self {
        Self::new(level, Identifier::Pppd, text)
    }

    /// A line of chat's.
    pub fn chat(level: Level, text: impl Into<String>) -> Self {
        Self::new(level, Identifier::Chat, text)
    }

    /// A line in our own words.
    pub fn uplinkd(level: Level, text: impl Into<String>) -> Self {
        Self::new(level, Identifier::Uplinkd, text)
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.identifier.as_str(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_forge_a_line() {
        let line = LogLine::pppd(Level::Info, "Remote message: \u{0}ok\nExit.");
        assert_eq!(line.text, "Remote message: \\000ok\\012Exit.");
    }
}

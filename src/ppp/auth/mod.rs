//! Authentication: PAP (RFC 1334) and CHAP with MD5 (RFC 1994), as the one who proves and as the
//! one who demands.
//!
//! The four exchanges ([`pap::Client`], [`pap::Server`], [`chap::Client`], [`chap::Server`]) have
//! the same methods: `start(now)`, `handle_packet(now, ControlPacket)`, `handle_timeout(now)`,
//! `poll_transmit() -> Option<Vec<u8>>` (the information field of one packet of the protocol),
//! `poll_event() -> Option<AuthEvent>`, `poll_timeout()`.
//!
//! After each call drain `poll_transmit`, then `poll_event`, then read `poll_timeout`. Packets that
//! make no sense in the exchange's state are dropped. An exchange lives for one authentication
//! phase; a link that goes back to LCP takes a new one.
//!
//! Texts of the peer (names, messages) leave this module with control characters escaped. Not here:
//! MS-CHAP, EAP, and which protocol is used (LCP agrees on that).

#![forbid(unsafe_code)]

pub mod chap;
pub mod pap;

use std::collections::VecDeque;
use std::fmt;

use super::config::AuthDemand;
use super::print;
use super::wire::ControlPacket;
use crate::log::{Level, LogLine};
use crate::secret::Secret;

/// What an exchange tells the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthEvent {
    /// A line for the log.
    Log(LogLine),
    /// Client: the peer accepted us (this time: a re-challenge brings it again). Text with control
    /// characters escaped.
    Succeeded {
        /// What the peer said.
        text: String,
    },
    /// Client: the peer refused us.
    Refused {
        /// What the peer said.
        text: String,
    },
    /// Client: no verdict in time. Server: no request or response in time.
    TimedOut,
    /// Server: the peer proved to be `name`.
    PeerAccepted {
        /// The peer's name.
        name: String,
    },
    /// Server: the peer did not.
    PeerRefused {
        /// The name it gave.
        name: String,
    },
}

/// What an exchange has to hand out. Bounded, whatever the peer sends between two drains.
#[derive(Default)]
struct Output {
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<AuthEvent>,
}

/// A PAP request holds the password: packets are not shown.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("transmit", &self.transmit.len())
            .field("events", &self.events)
            .finish()
    }
}

impl Output {
    /// Packets beyond the bound are dropped: whoever misses one repeats its own.
    fn send(&mut self, code: u8, id: u8, data: &[u8]) {
        if self.transmit.len() < MAX_PENDING {
            let mut packet = Vec::with_capacity(4 + data.len());
            ControlPacket::write(code, id, data, &mut packet);
            self.transmit.push_back(packet);
        }
    }

    /// Log lines beyond the bound are dropped.
    fn log(&mut self, level: Level, text: impl Into<String>) {
        if self.events.len() < MAX_PENDING {
            self.events
                .push_back(AuthEvent::Log(LogLine::pppd(level, text)));
        }
    }

    /// The last verdicts are never dropped; beyond the bound the oldest are.
    fn event(&mut self, event: AuthEvent) {
        if self.events.len() == 2 * MAX_PENDING {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

const MAX_PENDING: usize = 16;

/// What the peer said, fit for a log. There are peers that repeat our password.
pub(super) fn quote(text: &[u8], secret: &Secret) -> String {
    if secret.occurs_in(text) {
        "<hidden>".to_owned()
    } else {
        print::sanitise(text)
    }
}

/// The secrets of the accounts of that name.
fn secrets<'a>(demand: &'a AuthDemand, name: &'a [u8]) -> impl Iterator<Item = &'a Secret> {
    let accounts = demand
        .accounts
        .iter()
        .filter(move |account| account.user.as_bytes() == name);
    accounts.map(|account| &account.secret)
}

/// Compares in a time that depends on the lengths alone.
fn equal(left: &[u8], right: &[u8]) -> bool {
    let difference = left
        .iter()
        .zip(right)
        .fold(0, |sum, (left, right)| sum | (left ^ right));
    left.len() == right.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_whole_values() {
        assert!(equal(b"", b""));
        assert!(equal(b"sora", b"sora"));
        assert!(!equal(b"sora", b"sorb"));
        assert!(!equal(b"sora", b"sor"));
        assert!(!equal(b"", b"s"));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut output = Output::default();
        for id in 0..=u8::MAX {
            output.send(2, id, &[]);
            output.log(Level::Info, "CHAP authentication succeeded");
            output.event(AuthEvent::TimedOut);
        }
        assert_eq!(output.transmit.len(), MAX_PENDING);
        assert_eq!(output.events.len(), 2 * MAX_PENDING);
    }
}

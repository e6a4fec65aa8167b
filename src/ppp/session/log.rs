//! What a session says in the log, in pppd's words where pppd has some (spec U3).

use super::Session;
use crate::log::{Level, LogLine, Verdict};
use crate::ppp::auth::quote;
use crate::ppp::config::Credentials;
use crate::ppp::event::{DownReason, Event, Ipv4Settings, Layer, Phase};
use crate::ppp::fsm::Dropped;
use crate::ppp::ipcp::NO_LOCAL_ADDRESS;
use crate::ppp::print;
use crate::ppp::wire::{ControlPacket, Protocol, Reader, code};
use crate::secret::Secret;

/// Events that may wait before log lines are dropped, should the owner not fetch them.
const MAX_EVENTS: usize = 1024;

/// Unknown protocols that are warned about, per session. A noisy line must not fill the log.
const MAX_PROTOCOL_WARNINGS: u32 = 8;

impl Session {
    /// One line for a control packet. Echo packets on a link that is up are for those who asked for
    /// more.
    pub(super) fn log_packet(&mut self, direction: &str, protocol: Protocol, info: &[u8]) {
        let echo = matches!(info.first(), Some(&(code::ECHO_REQUEST | code::ECHO_REPLY)));
        let quiet = protocol == Protocol::LCP && echo && self.phase == Phase::Network;
        let mut text = String::with_capacity(80);
        text.push_str(direction);
        text.push(' ');
        if self.shows_our_password(protocol, info) {
            text.push_str(&format!("[{protocol:?} <hidden>]"));
        } else {
            print::packet(protocol, info, &mut text);
        }
        self.log(if quiet { Level::Trace } else { Level::Debug }, text);
    }

    /// Whether somebody repeats our password: a peer in what it rejects or says, or we in what we
    /// reject of such a peer. Requests of PAP are printed without it, and CHAP's challenges and
    /// responses never hold it.
    fn shows_our_password(&self, protocol: Protocol, info: &[u8]) -> bool {
        let request = match protocol {
            Protocol::PAP => matches!(info.first(), Some(1)),
            Protocol::CHAP => matches!(info.first(), Some(1 | 2)),
            _ => false,
        };
        let Credentials {
            secret, pap_secret, ..
        } = &self.credentials;
        let occurs = |secret: &Secret| secret.occurs_in(info);
        !request && (occurs(secret) || pap_secret.as_ref().is_some_and(occurs))
    }

    /// What the peer said, fit for a log.
    pub(super) fn quote(&self, text: &[u8]) -> String {
        match &self.credentials.pap_secret {
            Some(secret) if secret.occurs_in(text) => quote(text, secret),
            Some(_) | None => quote(text, &self.credentials.secret),
        }
    }

    pub(super) fn push_log(&mut self, line: LogLine) {
        let verdict = if self.events.len() < MAX_EVENTS {
            self.log_budget.take(line.level)
        } else {
            Verdict::Refuse
        };
        if verdict == Verdict::Write {
            self.events.push_back(Event::Log(line));
            return;
        }
        self.drops.log_lines += 1;
        if verdict == Verdict::RefuseAndTell {
            let text = "the peer causes too many log lines: some are left out";
            let line = LogLine::uplinkd(Level::Warning, text);
            self.events.push_back(Event::Log(line));
        }
    }

    pub(super) fn note_hangup(&mut self) {
        self.milestone("Modem hangup");
    }

    pub(super) fn note_end(&mut self) {
        self.milestone("Connection terminated.");
    }

    pub(super) fn note_early_packet(&mut self) {
        self.log(Level::Debug, "Discarded non-LCP packet when LCP not open");
    }

    pub(super) fn note_dropped(&mut self, dropped: Dropped) {
        let text = match dropped {
            Dropped::NotUp | Dropped::Stale => return,
            Dropped::BadOptions => "Received bad configure-request, nak or reject",
            Dropped::BadAck => "Received bad configure-ack",
            Dropped::TooLong => "Received configure-request that is too long to acknowledge",
        };
        self.log(Level::Debug, text);
    }

    pub(super) fn note_code_reject(&mut self, name: &str, packet: ControlPacket<'_>) {
        if packet.code != code::CODE_REJECT {
            return;
        }
        if let Some([code, id]) = Reader::new(packet.data).array() {
            self.log(
                Level::Warning,
                format!("{name}: Rcvd Code-Reject for code {code}, id {id}"),
            );
        }
    }

    pub(super) fn note_own_echo(&mut self) {
        self.log(
            Level::Warning,
            "appear to have received our own echo-request!",
        );
    }

    pub(super) fn note_identification(&mut self, text: &[u8]) {
        let text = self.quote(text);
        self.push_log(LogLine::uplinkd(
            Level::Info,
            format!("peer identifies itself: {text}"),
        ));
    }

    /// RFC 1570 section 2.2: magic number, seconds, message.
    pub(super) fn note_time_remaining(&mut self, data: &[u8]) {
        let mut reader = Reader::new(data);
        if let (Some(_), Some(seconds)) = (reader.u32(), reader.u32()) {
            let text = self.quote(reader.rest());
            let line = format!("peer leaves us {seconds} seconds: {text}");
            self.push_log(LogLine::uplinkd(Level::Notice, line));
        }
    }

    pub(super) fn note_unknown_protocol(&mut self, protocol: Protocol) {
        self.warned_protocols = self.warned_protocols.saturating_add(1);
        let level = if self.warned_protocols <= MAX_PROTOCOL_WARNINGS {
            Level::Warning
        } else {
            Level::Debug
        };
        let text = match long_name(protocol) {
            Some(name) => format!("Unsupported protocol '{name}' ({:#x}) received", protocol.0),
            None => format!("Unsupported protocol {:#x} received", protocol.0),
        };
        self.log(level, text);
    }

    pub(super) fn note_protocol_reject(&mut self, protocol: Protocol) {
        let text = match long_name(protocol) {
            Some(name) => format!("Protocol-Reject for '{name}' ({:#x}) received", protocol.0),
            None => format!("Protocol-Reject for {:#x} received", protocol.0),
        };
        self.log(Level::Warning, text);
    }

    pub(super) fn note_timeout(&mut self, layer: Layer) {
        self.log(
            Level::Warning,
            format!("{layer}: timeout sending Config-Requests"),
        );
    }

    pub(super) fn note_terminated(&mut self, layer: Layer, text: &str) {
        let text = if text.is_empty() {
            String::new()
        } else {
            format!(" ({text})")
        };
        self.log(Level::Info, format!("{layer} terminated by peer{text}"));
    }

    pub(super) fn note_dead_peer(&mut self, lost: u32) {
        self.log(Level::Info, format!("No response to {lost} echo-requests"));
        self.log(Level::Notice, "Serial link appears to be disconnected.");
    }

    pub(super) fn note_presumed_success(&mut self) {
        let text = "the peer goes on to IPCP: its CHAP Success must have been lost";
        self.push_log(LogLine::uplinkd(Level::Warning, text));
    }

    pub(super) fn note_peer_refuses_auth(&mut self) {
        self.log(
            Level::Error,
            "peer refused to authenticate: terminating link",
        );
    }

    /// A negotiation that cannot succeed.
    pub(super) fn note_failure(&mut self, reason: &DownReason) {
        match reason {
            DownReason::Loopback => self.log(Level::Notice, "Serial line is looped back."),
            DownReason::NegotiationFailed { why, .. } if why == NO_LOCAL_ADDRESS => {
                self.log(Level::Error, NO_LOCAL_ADDRESS);
            }
            other => self.push_log(LogLine::uplinkd(Level::Error, other.to_string())),
        }
    }

    pub(super) fn note_addresses(&mut self, settings: &Ipv4Settings) {
        self.log(
            Level::Notice,
            format!("local  IP address {}", settings.local),
        );
        match settings.remote {
            Some(remote) => self.log(Level::Notice, format!("remote IP address {remote}")),
            // pppd goes on: "defaulting to 10.64.64.64". A TUN device needs no such address.
            None => self.log(
                Level::Warning,
                "Could not determine remote IP address: using none",
            ),
        }
        for (name, server) in ["primary  ", "secondary"].into_iter().zip(settings.dns) {
            if let Some(server) = server {
                self.log(Level::Notice, format!("{name} DNS address {server}"));
            }
        }
    }

    /// A line that comes once in a session, whatever there was before.
    fn milestone(&mut self, text: &str) {
        let line = LogLine::pppd(Level::Notice, text);
        self.events.push_back(Event::Log(line));
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.push_log(LogLine::pppd(level, text));
    }
}

/// Names as pppd's messages have them, of the protocols that peers try on us.
fn long_name(protocol: Protocol) -> Option<&'static str> {
    Some(match protocol {
        Protocol::IPV4 => "Internet Protocol",
        Protocol::VJ_COMPRESSED => "Van Jacobson Compressed TCP/IP",
        Protocol::VJ_UNCOMPRESSED => "Van Jacobson Uncompressed TCP/IP",
        Protocol::IPV6 => "Internet Protocol version 6",
        Protocol::COMPRESSED => "Compressed Datagram",
        Protocol::IPCP => "Internet Protocol Control Protocol",
        Protocol::IPV6CP => "IPv6 Control Protocol",
        Protocol::CCP => "Compression Control Protocol",
        Protocol::LCP => "Link Control Protocol",
        Protocol::PAP => "Password Authentication Protocol",
        Protocol::LQR => "Link Quality Report",
        Protocol::CHAP => "Challenge Handshake Authentication Protocol",
        Protocol::EAP => "Extensible Authentication Protocol",
        Protocol(0x8053) => "Encryption Control Protocol",
        Protocol(0x00fb) => "Single Link Compressed Datagram",
        Protocol(0x80fb) => "Single Link Compression Control Protocol",
        _ => return None,
    })
}

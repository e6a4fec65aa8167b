//! One end of a PPP line: a session and its framing. Bytes in and out on one side, IP packets on
//! the other.

use std::time::Duration;

use bytes::BytesMut;

use super::config::SessionConfig;
use super::event::{Event, Ipv4Settings, Phase};
pub use super::session::DropStats;
use super::session::{Received, Session, Transmit};
use crate::hdlc::{Deframer, FrameStats, Framer, TransmitMap};
use crate::time::Instant;

/// Octets of a frame besides its information field: address, control, protocol, FCS.
const FRAME_OVERHEAD: usize = 6;

/// A receiver takes frames of the default MRU whatever it has asked for (RFC 1661 section 6.1).
const MIN_RECEIVE: usize = 1500;

/// Octets that wait to be written, from which on control frames are kept back: a peer that only asks
/// and never reads cannot fill the memory.
const MAX_WAITING: usize = 256 * 1024;

/// A session with its framer and deframer.
///
/// # Contract
/// After every call that takes `&mut self`: drain [`poll_transmit`](Self::poll_transmit), then
/// [`poll_event`](Self::poll_event), then read [`poll_timeout`](Self::poll_timeout). An endpoint
/// lives for one attempt.
pub struct Endpoint {
    session: Session,
    framer: Framer,
    deframer: Deframer,
    /// What the peer wants escaped, as of the last frame.
    map: TransmitMap,
    /// What is escaped in any case.
    escape: TransmitMap,
    traffic: Traffic,
}

/// Traffic counters of an [`Endpoint`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointStats {
    /// IP octets and packets received and delivered.
    pub received_bytes: u64,
    /// Packets received and delivered.
    pub received_packets: u64,
    /// IP octets sent.
    pub sent_bytes: u64,
    /// IP packets sent.
    pub sent_packets: u64,
    /// Frames received, and frames dropped by the framing, by reason.
    pub frames: FrameStats,
    /// Frames and packets dropped by the session, by reason.
    pub dropped: DropStats,
    /// Time from the last answered Echo-Request to its reply.
    pub echo_rtt: Option<Duration>,
}

#[derive(Default)]
struct Traffic {
    received_bytes: u64,
    received_packets: u64,
    sent_bytes: u64,
    sent_packets: u64,
}

impl Endpoint {
    /// `seed` feeds magic numbers and challenges: from the operating system in the daemon, fixed in
    /// tests.
    pub fn new(config: SessionConfig, seed: u64) -> Self {
        let receive = usize::from(config.lcp.mru).max(MIN_RECEIVE);
        let escape = config.lcp.escape;
        let mut endpoint = Self {
            session: Session::new(config, seed),
            framer: Framer::new(),
            deframer: Deframer::new(receive + FRAME_OVERHEAD),
            map: TransmitMap::ALL_CONTROL,
            escape: TransmitMap(escape),
            traffic: Traffic::default(),
        };
        endpoint.refresh();
        endpoint
    }

    /// The line is up: negotiation begins, the first Configure-Request goes out at once.
    pub fn line_up(&mut self, now: Instant) {
        self.session.line_up(now);
    }

    /// The line is gone (NO CARRIER, read of zero bytes): ends with `CarrierLost`.
    pub fn line_down(&mut self, now: Instant) {
        self.session.line_down(now);
        self.refresh();
    }

    /// Asks for a clean end: Terminate-Request with the text `why`. Ends with `Closed`.
    pub fn close(&mut self, now: Instant, why: &str) {
        self.session.close(now, why);
        self.refresh();
    }

    /// Takes received bytes; `deliver` gets each IPv4 packet, borrowed.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8], mut deliver: impl FnMut(&[u8])) {
        let mut input = bytes;
        while let Some(result) = self.deframer.next(&mut input) {
            // Bad frames are counted by the deframer.
            let Ok(frame) = result else { continue };
            match self.session.handle_frame(now, frame) {
                Received::Ipv4(packet) => {
                    self.traffic.received_bytes += packet.len() as u64;
                    self.traffic.received_packets += 1;
                    deliver(packet);
                }
                // Options take effect between two frames of one read.
                Received::Handled => {
                    self.deframer.set_receive_accm(self.session.receive_accm());
                }
            }
        }
        self.refresh();
    }

    /// Frames an IPv4 packet into `wire`. False (and counted) unless IPCP is Opened and the packet
    /// fits.
    pub fn send_ipv4(&mut self, packet: &[u8], wire: &mut BytesMut) -> bool {
        let mtu = self
            .session
            .network()
            .map_or(0, |network| usize::from(network.mtu));
        if packet.is_empty() || packet.len() > mtu {
            self.session.count_unsent();
            return false;
        }
        self.framer
            .encode(&self.map, self.session.ipv4_header(), packet, wire);
        self.traffic.sent_bytes += packet.len() as u64;
        self.traffic.sent_packets += 1;
        true
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        self.refresh();
    }

    /// Appends pending control frames to `wire`, the octets that wait to be written; false if there
    /// were none, or there is no room: then they wait (a few; the rest is dropped and counted).
    pub fn poll_transmit(&mut self, wire: &mut BytesMut) -> bool {
        let plain_map = TransmitMap::ALL_CONTROL.with(&self.escape);
        let mut any = false;
        while wire.len() < MAX_WAITING
            && let Some(Transmit { frame, plain }) = self.session.poll_transmit()
        {
            let map = if plain { &plain_map } else { &self.map };
            self.framer.encode(map, &[], &frame, wire);
            any = true;
        }
        any
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.session.poll_event()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    /// The phase of the session.
    pub fn phase(&self) -> Phase {
        self.session.phase()
    }

    /// What IPCP has agreed on, while it is up.
    pub fn network(&self) -> Option<&Ipv4Settings> {
        self.session.network()
    }

    /// Counters since the start.
    pub fn stats(&self) -> EndpointStats {
        let Traffic {
            received_bytes,
            received_packets,
            sent_bytes,
            sent_packets,
        } = self.traffic;
        EndpointStats {
            received_bytes,
            received_packets,
            sent_bytes,
            sent_packets,
            frames: *self.deframer.stats(),
            dropped: *self.session.drops(),
            echo_rtt: self.session.echo_rtt(),
        }
    }

    fn refresh(&mut self) {
        self.map = TransmitMap::from_accm(self.session.transmit_accm()).with(&self.escape);
        self.deframer.set_receive_accm(self.session.receive_accm());
    }
}

#[cfg(test)]
mod tests;

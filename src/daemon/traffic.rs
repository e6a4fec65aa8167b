//! Counters of the packets that the link carries, shared with whoever wants to see them: the status, the monitor.

use std::cell::Cell;

use crate::link::QueueStats;
use crate::link::packet::Packet;

/// Packets and their IP octets, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets to the peer.
    pub sent_packets: u64,
    /// Their octets.
    pub sent_bytes: u64,
    /// Packets from the peer.
    pub received_packets: u64,
    /// Their octets.
    pub received_bytes: u64,
}

/// What waits for the link, and what has become of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Packets that wait now.
    pub packets: usize,
    /// Counters since the interface was made.
    pub stats: QueueStats,
}

/// One writer, the data phase and the interface; any number of readers on the same thread, through an `Rc`.
///
/// Only the pings of the monitor are to be told from the traffic of programs: [`set_own_echo`](Self::set_own_echo).
#[derive(Debug, Default)]
pub struct Traffic {
    carried: Cell<Counts>,
    payload: Cell<Counts>,
    waiting: Cell<Waiting>,
    own_echo: Cell<Option<u16>>,
}

impl Traffic {
    /// All IPv4 packets of this link, or of the last one: what pppd's closing line adds up.
    pub fn carried(&self) -> Counts {
        self.carried.get()
    }

    /// Those of them that are traffic of programs, as IDLE counts it: neither multicast nor pings of our own.
    pub fn payload(&self) -> Counts {
        self.payload.get()
    }

    /// What waits for the link.
    pub fn waiting(&self) -> Waiting {
        self.waiting.get()
    }

    /// ICMP echoes with this identifier, replies to them and errors about them are not traffic: they are the
    /// monitor's, which must not keep the link from being idle. `None`: there is no monitor.
    pub fn set_own_echo(&self, identifier: Option<u16>) {
        self.own_echo.set(identifier);
    }

    /// A new link begins to count.
    pub(crate) fn start(&self) {
        self.carried.set(Counts::default());
        self.payload.set(Counts::default());
    }

    /// A packet went to the peer; whether it is traffic.
    pub(crate) fn note_sent(&self, packet: &[u8]) -> bool {
        self.count(packet, |counts, bytes| {
            counts.sent_packets += 1;
            counts.sent_bytes += bytes;
        })
    }

    /// A packet came from the peer; whether it is traffic.
    pub(crate) fn note_received(&self, packet: &[u8]) -> bool {
        self.count(packet, |counts, bytes| {
            counts.received_packets += 1;
            counts.received_bytes += bytes;
        })
    }

    pub(crate) fn note_waiting(&self, packets: usize, stats: QueueStats) {
        self.waiting.set(Waiting { packets, stats });
    }

    fn count(&self, packet: &[u8], add: impl Fn(&mut Counts, u64)) -> bool {
        let bump = |cell: &Cell<Counts>| {
            let mut counts = cell.get();
            add(&mut counts, packet.len() as u64);
            cell.set(counts);
        };
        bump(&self.carried);
        let own = self.own_echo.get();
        let is_payload = Packet::parse(packet).is_some_and(|packet| {
            packet.is_traffic() && (own.is_none() || packet.echo_identifier() != own)
        });
        if is_payload {
            bump(&self.payload);
        }
        is_payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ICMP echo request with an identifier.
    fn echo(identifier: u16) -> Vec<u8> {
        let [a, b] = identifier.to_be_bytes();
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0];
        packet.extend([10, 0, 0, 1, 198, 51, 100, 1, 8, 0, 0, 0, a, b, 0, 1]);
        packet
    }

    #[test]
    fn pings_of_our_own_are_carried_but_no_traffic() {
        let traffic = Traffic::default();
        assert!(traffic.note_sent(&echo(7)), "no monitor runs");
        traffic.set_own_echo(Some(7));
        assert!(!traffic.note_sent(&echo(7)));
        assert!(!traffic.note_received(&echo(7)));
        assert!(traffic.note_received(&echo(8)));
        let expected = Counts {
            sent_packets: 2,
            sent_bytes: 56,
            received_packets: 2,
            received_bytes: 56,
        };
        assert_eq!(traffic.carried(), expected);
        let expected = Counts {
            sent_packets: 1,
            sent_bytes: 28,
            received_packets: 1,
            received_bytes: 28,
        };
        assert_eq!(traffic.payload(), expected);
        traffic.start();
        assert_eq!(traffic.carried(), Counts::default());
        assert_eq!(traffic.payload(), Counts::default());
    }
}

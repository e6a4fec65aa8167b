//! Packets of programs that wait while the link is down (spec N5, S6).
//!
//! A queue in a fixed piece of memory: bounded by packets and by octets, the oldest dropped to make room, each drop
//! counted by its reason; nothing is allocated per packet. Packets older than [`MAX_AGE`] are not sent any more: whoever
//! sent them has given up or has sent them again, and a gateway that was down for an hour should not open with an
//! hour's retries.
//!
//! Only traffic waits ([`Packet::is_traffic`]). What the host says to every interface by itself is of no use later and
//! would push out what is.
//!
//! # A former address
//!
//! The link may come back with another address of ours; with DEMAND it usually does, since the one before the first
//! link is made up. Packets that were sent from the former address cannot stay as they are: networks drop a
//! foreign source, and no answer could come back. [`PacketQueue::change_source`] does for each what serves the program:
//!
//! - A TCP segment of a connection (with ACK) is answered by a reset, as if from the far end, before the address goes:
//!   the connection cannot live on, and the program learns it now, not after the 15 minutes for which the kernel would
//!   go on trying. The segment's age does not matter for that.
//! - A first TCP segment (SYN) is dropped. With `net.ipv4.ip_dynaddr` set to 1 the kernel itself moves a connection that
//!   is still being opened to the new address and sends the SYN again, a second or three later; a reset would tell the
//!   program that it was refused, and the SYN under another address would be answered to a socket that does not exist.
//!   Without that setting the program has to try again: this is why the daemon turns it on with DEMAND.
//! - UDP, ICMP and all others go out with the new address, checksums corrected, as pppd does it. A socket that is not
//!   connected, such as a DNS forwarder's or ping's, gets its answer.
//!
//! Forwarded packets have the address of a host behind us, or that of the former link if they are masqueraded; the
//! latter are ours by their look and are treated so: the reset finds its way back through the kernel's table of
//! connections, which is emptied only with the address.
//!
//! What is deliberately not done: no packet is answered while the link is down, none is reordered or merged, and no table of
//! flows is kept that could translate for a connection for longer.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::packet::{Packet, RESET_LENGTH, is_tcp, replace_source, reset_for};
use crate::time::Instant;

/// A packet that has waited longer is not sent any more.
pub const MAX_AGE: Duration = Duration::from_secs(30);

/// The queue.
#[derive(Debug)]
pub struct PacketQueue {
    max_packets: usize,
    max_bytes: usize,
    /// The packets, one behind the other.
    bytes: VecDeque<u8>,
    entries: VecDeque<Entry>,
    stats: QueueStats,
}

/// What has become of the packets that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Taken in.
    pub queued: u64,
    /// Gone out.
    pub sent: u64,
    /// Of those taken in, given the new address.
    pub readdressed: u64,
    /// Dropped: the oldest, to make room.
    pub overflowed: u64,
    /// Dropped: too old.
    pub stale: u64,
    /// Dropped: TCP from the former address.
    pub former: u64,
    /// Of those, answered by a reset.
    pub reset: u64,
    /// Not taken in: larger than all the room there is.
    pub too_large: u64,
    /// Not taken in: no traffic, such as multicast and what is not IPv4.
    pub no_traffic: u64,
}

#[derive(Debug)]
struct Entry {
    length: usize,
    since: Instant,
    /// False: dropped already, its octets still stand among the others.
    live: bool,
}

impl PacketQueue {
    /// Room for `max_packets` packets of `max_bytes` octets in all.
    pub fn new(max_packets: usize, max_bytes: usize) -> Self {
        Self {
            max_packets,
            max_bytes,
            bytes: VecDeque::with_capacity(max_bytes),
            entries: VecDeque::with_capacity(max_packets),
            stats: QueueStats::default(),
        }
    }

    /// Takes in a packet at the end; false (and counted) if it does not wait.
    pub fn push(&mut self, now: Instant, packet: &[u8]) -> bool {
        if !Packet::parse(packet).is_some_and(|packet| packet.is_traffic()) {
            self.stats.no_traffic += 1;
            return false;
        }
        if packet.len() > self.max_bytes || self.max_packets == 0 {
            self.stats.too_large += 1;
            return false;
        }
        while self.entries.len() >= self.max_packets
            || self.bytes.len() + packet.len() > self.max_bytes
        {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes.drain(..oldest.length.min(self.bytes.len()));
            if oldest.live {
                if oldest.is_stale(now) {
                    self.stats.stale += 1;
                } else {
                    self.stats.overflowed += 1;
                }
            }
        }
        self.bytes.extend(packet);
        self.entries.push_back(Entry {
            length: packet.len(),
            since: now,
            live: true,
        });
        self.stats.queued += 1;
        true
    }

    /// Moves the oldest packet that may still go out into `out`, and gives its length; what does not fit there is
    /// dropped.
    pub fn pop(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        while let Some(entry) = self.entries.pop_front() {
            let length = entry.length.min(self.bytes.len());
            let mut octets = self.bytes.drain(..length);
            if !entry.live {
                continue;
            }
            if entry.is_stale(now) {
                self.stats.stale += 1;
                continue;
            }
            let Some(place) = out.get_mut(..length) else {
                self.stats.too_large += 1;
                continue;
            };
            place.fill_with(|| octets.next().unwrap_or_default());
            self.stats.sent += 1;
            return Some(length);
        }
        None
    }

    /// Our address is `local` now, no longer `former`: see the module's text. `answer` gets each reset for a program of
    /// this host; call this while `former` is still an address of the interface.
    pub fn change_source(
        &mut self,
        former: Ipv4Addr,
        local: Ipv4Addr,
        mut answer: impl FnMut(&[u8; RESET_LENGTH]),
    ) {
        let mut rest = self.bytes.make_contiguous();
        for entry in &mut self.entries {
            let Some((packet, behind)) = rest.split_at_mut_checked(entry.length) else {
                return;
            };
            rest = behind;
            let is_former = Packet::parse(packet).is_some_and(|packet| packet.source() == former);
            if !entry.live || !is_former {
                continue;
            }
            if is_tcp(packet) {
                entry.live = false;
                self.stats.former += 1;
                if let Some(reset) = reset_for(packet) {
                    self.stats.reset += 1;
                    answer(&reset);
                }
            } else if replace_source(packet, local) {
                self.stats.readdressed += 1;
            }
        }
    }

    /// Drops what is too old already.
    pub fn expire(&mut self, now: Instant) {
        for entry in &mut self.entries {
            if entry.live && entry.is_stale(now) {
                entry.live = false;
                self.stats.stale += 1;
            }
        }
    }

    /// Whether a packet waits that may still go out.
    pub fn is_waiting(&self, now: Instant) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.live && !entry.is_stale(now))
    }

    /// Packets that wait, those that have become too old included.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.live).count()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counters since the start.
    pub fn stats(&self) -> &QueueStats {
        &self.stats
    }
}

impl QueueStats {
    /// The drops by reason, for people; empty if there were none.
    pub fn drops(&self) -> String {
        let counters = [
            (self.overflowed, "to make room"),
            (self.stale, "too old"),
            (self.former, "of the former address"),
            (self.too_large, "too large"),
        ];
        let texts: Vec<String> = counters
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        texts.join(", ")
    }

    /// What has been counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let (now, then) = (self, earlier);
        Self {
            queued: now.queued.saturating_sub(then.queued),
            sent: now.sent.saturating_sub(then.sent),
            readdressed: now.readdressed.saturating_sub(then.readdressed),
            overflowed: now.overflowed.saturating_sub(then.overflowed),
            stale: now.stale.saturating_sub(then.stale),
            former: now.former.saturating_sub(then.former),
            reset: now.reset.saturating_sub(then.reset),
            too_large: now.too_large.saturating_sub(then.too_large),
            no_traffic: now.no_traffic.saturating_sub(then.no_traffic),
        }
    }
}

impl Entry {
    fn is_stale(&self, now: Instant) -> bool {
        now.since(self.since) > MAX_AGE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::packet::tests::{NEW, OWN, echo, tcp, udp};
    use super::*;

    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 20);

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    /// All that still goes out.
    fn drain(queue: &mut PacketQueue, now: Instant) -> Vec<Vec<u8>> {
        let mut out = [0; 1500];
        let mut packets = Vec::new();
        while let Some(length) = queue.pop(now, &mut out) {
            packets.push(out[..length].to_vec());
        }
        packets
    }

    #[test]
    fn packets_go_out_in_their_order() {
        let mut queue = PacketQueue::new(64, 65536);
        let packets: Vec<_> = (0..10).map(|n| udp(OWN, &[n; 100])).collect();
        for packet in &packets {
            assert!(queue.push(at(0), packet));
        }
        assert_eq!(queue.len(), 10);
        assert_eq!(drain(&mut queue, at(1)), packets);
        assert!(queue.is_empty());
        let expected = QueueStats {
            queued: 10,
            sent: 10,
            ..QueueStats::default()
        };
        assert_eq!(*queue.stats(), expected);
    }

    #[test]
    fn the_oldest_makes_room_by_number_and_by_size() {
        let packets: Vec<_> = (0..5).map(|n| udp(OWN, &[n; 100])).collect();
        for mut queue in [
            PacketQueue::new(3, 65536),
            PacketQueue::new(64, 3 * 128 + 5),
        ] {
            for packet in &packets {
                assert!(queue.push(at(0), packet));
            }
            assert_eq!(queue.stats().overflowed, 2);
            assert_eq!(drain(&mut queue, at(1)), packets[2..]);
            assert_eq!(queue.stats().drops(), "2 to make room");
        }
    }

    #[test]
    fn what_is_too_large_or_no_traffic_does_not_wait() {
        let mut queue = PacketQueue::new(3, 100);
        assert!(!queue.push(at(0), &udp(OWN, &[0; 100])));
        assert!(!queue.push(at(0), &[0x60; 60]));
        assert!(!queue.push(at(0), &[]));
        assert!(!PacketQueue::new(0, 100).push(at(0), &udp(OWN, b"x")));
        let expected = QueueStats {
            too_large: 1,
            no_traffic: 2,
            ..QueueStats::default()
        };
        assert_eq!(*queue.stats(), expected);
        assert!(!queue.is_waiting(at(0)));
    }

    #[test]
    fn old_packets_are_not_sent() {
        let mut queue = PacketQueue::new(3, 65536);
        let (old, new) = (udp(OWN, b"old"), udp(OWN, b"new"));
        queue.push(at(0), &old);
        assert!(queue.is_waiting(at(30)));
        assert!(!queue.is_waiting(at(31)));
        queue.push(at(5), &new);
        let mut expired = PacketQueue::new(3, 65536);
        expired.push(at(0), &old);
        expired.push(at(5), &new);
        expired.expire(at(31));
        assert_eq!((expired.len(), expired.stats().stale), (1, 1));
        for mut queue in [queue, expired] {
            assert_eq!(drain(&mut queue, at(31)), std::slice::from_ref(&new));
            assert_eq!(queue.stats().drops(), "1 too old");
        }
        let mut queue = PacketQueue::new(3, 65536);
        // One that makes room is counted by what it was.
        for _ in 0..3 {
            queue.push(at(100), &old);
        }
        queue.push(at(200), &old);
        assert_eq!((queue.stats().stale, queue.stats().overflowed), (1, 0));
    }

    #[test]
    fn after_a_change_of_address_each_packet_gets_what_serves_its_program() {
        let mut queue = PacketQueue::new(64, 65536);
        let forwarded = udp(OTHER, b"from behind");
        for packet in [
            udp(OWN, b"query"),
            tcp(OWN, 0x02),
            forwarded.clone(),
            tcp(OWN, 0x10),
            tcp(OWN, 0x18),
            echo(8, 5),
        ] {
            assert!(queue.push(at(0), &packet));
        }
        let mut answers = Vec::new();
        // Long after: a reset is right whatever the age of what it answers.
        queue.change_source(OWN, NEW, |reset| answers.push(*reset));
        let expected = reset_for(&tcp(OWN, 0x10)).unwrap();
        assert_eq!(answers, [expected, expected]);
        let mut pinged = echo(8, 5);
        replace_source(&mut pinged, NEW);
        assert_eq!(queue.len(), 3);
        assert_eq!(
            drain(&mut queue, at(1)),
            [udp(NEW, b"query"), forwarded, pinged]
        );
        let expected = QueueStats {
            queued: 6,
            sent: 3,
            readdressed: 2,
            former: 3,
            reset: 2,
            ..QueueStats::default()
        };
        assert_eq!(*queue.stats(), expected);
    }

    #[test]
    fn a_change_of_address_finds_packets_that_wrap_around() {
        let mut queue = PacketQueue::new(4, 4 * 150);
        for round in 0..50_u8 {
            let data = vec![round; 60 + usize::from(round) % 40];
            queue.push(at(0), &udp(OWN, &data));
            queue.push(at(0), &tcp(OWN, 0x10));
            let mut resets = 0;
            queue.change_source(OWN, NEW, |_| resets += 1);
            assert_eq!(resets, 1);
            assert_eq!(drain(&mut queue, at(0)), [udp(NEW, &data)]);
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_costs_the_packet() {
        let mut queue = PacketQueue::new(4, 4000);
        queue.push(at(0), &udp(OWN, &[1; 200]));
        queue.push(at(0), &udp(OWN, b"x"));
        let mut out = [0; 100];
        assert_eq!(queue.pop(at(0), &mut out), Some(29));
        assert_eq!(queue.stats().too_large, 1);
    }

    #[test]
    fn counters_can_be_taken_from_a_moment_on() {
        let mut queue = PacketQueue::new(1, 1000);
        queue.push(at(0), &udp(OWN, b"a"));
        let before = *queue.stats();
        queue.push(at(0), &udp(OWN, b"b"));
        let expected = QueueStats {
            queued: 1,
            overflowed: 1,
            ..QueueStats::default()
        };
        assert_eq!(queue.stats().since(&before), expected);
    }

    proptest! {
        /// Against a queue that is simply a list.
        #[test]
        fn holds_what_a_list_would(
            steps in proptest::collection::vec((0_u8..4, 0_usize..300, 0_u64..20), 1..200),
        ) {
            let (max_packets, max_bytes) = (5, 700);
            let mut queue = PacketQueue::new(max_packets, max_bytes);
            let mut model: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
            let mut now = at(0);
            let mut out = [0; 1500];
            for (step, (what, size, later)) in steps.into_iter().enumerate() {
                now = now + Duration::from_secs(later);
                if what > 0 {
                    let packet = udp(OWN, &vec![u8::try_from(step % 256).unwrap(); size]);
                    queue.push(now, &packet);
                    model.push_back((now, packet));
                    while model.len() > max_packets
                        || model.iter().map(|(_, p)| p.len()).sum::<usize>() > max_bytes
                    {
                        model.pop_front();
                    }
                } else {
                    let mut expected = None;
                    while let Some((since, packet)) = model.pop_front() {
                        if now.since(since) <= MAX_AGE {
                            expected = Some(packet);
                            break;
                        }
                    }
                    let got = queue.pop(now, &mut out).map(|length| out[..length].to_vec());
                    prop_assert_eq!(got, expected);
                }
                prop_assert_eq!(queue.len(), model.len());
                let stats = queue.stats();
                prop_assert_eq!(
                    stats.queued,
                    stats.sent + stats.overflowed + stats.stale + queue.len() as u64
                );
            }
        }
    }
}

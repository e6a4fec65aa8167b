//! What the queue, the idle clock and the monitor have to know of an IPv4 packet (RFC 791), and the little they change in
//! one.
//!
//! It reads the headers of our own programs' packets and of received ones, and trusts neither. It does not check
//! checksums: a packet whose checksum is wrong is the receiver's matter.

use std::net::Ipv4Addr;

/// Protocol numbers (RFC 790, RFC 792, RFC 793, RFC 768, RFC 1112).
const ICMP: u8 = 1;
const IGMP: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Where the checksum stands in an IPv4 header, and the source address.
const HEADER_CHECKSUM: usize = 10;
const SOURCE: usize = 12;

/// Flags of a TCP header (RFC 793 section 3.1).
const TCP_RST: u8 = 0x04;
const TCP_ACK: u8 = 0x10;

/// Length of the answer of `reset_for`: both headers, no option.
pub const RESET_LENGTH: usize = 40;

/// An IPv4 packet whose header is whole.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    /// In units of 8 octets; the payload begins with the protocol's header only at 0.
    fragment_offset: u16,
    /// More fragments follow.
    has_more: bool,
    header_length: usize,
    /// As much of it as there is.
    payload: &'a [u8],
    /// The header says that there is more.
    is_cut: bool,
}

impl<'a> Packet<'a> {
    /// Reads the header; `None` for what is no IPv4 packet.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header: &[u8; 20] = bytes.first_chunk()?;
        let [
            first,
            _,
            l1,
            l2,
            _,
            _,
            f1,
            f2,
            _,
            protocol,
            _,
            _,
            s1,
            s2,
            s3,
            s4,
            d1,
            d2,
            d3,
            d4,
        ] = *header;
        let header_length = usize::from(first & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([l1, l2]));
        if first >> 4 != 4 || header_length < header.len() || total < header_length {
            return None;
        }
        // A packet that was cut is judged by what is there of it.
        let payload = bytes.get(header_length..total.min(bytes.len()))?;
        Some(Self {
            protocol,
            source: Ipv4Addr::new(s1, s2, s3, s4),
            destination: Ipv4Addr::new(d1, d2, d3, d4),
            fragment_offset: u16::from_be_bytes([f1, f2]) & 0x1fff,
            has_more: f1 & 0x20 != 0,
            header_length,
            payload,
            is_cut: total > bytes.len(),
        })
    }

    /// The address it comes from.
    pub fn source(&self) -> Ipv4Addr {
        self.source
    }

    /// The address it goes to.
    pub(super) fn destination(&self) -> Ipv4Addr {
        self.destination
    }

    /// The ICMP message in it, if it is one in one piece.
    pub(super) fn icmp_message(&self) -> Option<&'a [u8]> {
        let whole = self.protocol == ICMP && self.fragment_offset == 0 && !self.has_more;
        whole.then_some(self.payload)
    }

    /// Whether its end is missing, as of the packet that an ICMP error quotes.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether it is traffic: what starts a dial with DEMAND, waits in the queue and keeps IDLE from hanging up.
    ///
    /// Like pppd without `active-filter` this is all of IPv4, but for what nobody beyond the peer could ever take up
    /// and what the host says to every new interface by itself: IGMP, and everything to a multicast address or to
    /// 255.255.255.255 (mDNS, SSDP, DHCP, routing daemons). Otherwise the interface's coming up would dial, and a
    /// host with an mDNS responder would never be idle. The same goes for a packet without a source address.
    pub fn is_traffic(&self) -> bool {
        self.protocol != IGMP
            && !self.destination.is_multicast()
            && !self.destination.is_broadcast()
            && !self.source.is_unspecified()
    }

    /// The identifier of an ICMP echo, its reply, or an ICMP error about one: how pings of our own are told from those
    /// of programs (RFC 792).
    pub fn echo_identifier(&self) -> Option<u16> {
        let (icmp_type, rest) = self.icmp()?;
        match icmp_type {
            // Echo reply, echo request.
            0 | 8 => identifier(rest),
            // Unreachable, source quench, time exceeded, parameter problem: they carry the head of what they are about.
            3 | 4 | 11 | 12 => {
                let inner = Packet::parse(rest.get(4..)?)?;
                let (8, rest) = inner.icmp()? else {
                    return None;
                };
                identifier(rest)
            }
            _ => None,
        }
    }

    /// Whether a program on this host gets to know of the end of its connection by [`reset_for`].
    fn is_tcp_segment(&self) -> bool {
        self.protocol == TCP
    }

    /// The type of an ICMP message and what follows the checksum.
    fn icmp(&self) -> Option<(u8, &'a [u8])> {
        if self.protocol != ICMP || self.fragment_offset != 0 {
            return None;
        }
        let ([icmp_type, _code, _, _], rest) = self.payload.split_first_chunk()?;
        Some((*icmp_type, rest))
    }
}

fn identifier(rest: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*rest.first_chunk()?))
}

/// Whether a packet is TCP, and so belongs to a connection that a change of our address ends.
pub(super) fn is_tcp(bytes: &[u8]) -> bool {
    Packet::parse(bytes).is_some_and(|packet| packet.is_tcp_segment())
}

/// Gives a packet another source address and corrects the checksums that cover it: the header's, and of a first
/// fragment UDP's (RFC 768; 0 there means none). Only for UDP, ICMP and others whose checksum does not cover the
/// addresses. False, and nothing is changed, for what is no IPv4 packet.
pub(super) fn replace_source(bytes: &mut [u8], source: Ipv4Addr) -> bool {
    let Some(packet) = Packet::parse(bytes) else {
        return false;
    };
    let (old, new) = (packet.source.octets(), source.octets());
    let udp =
        (packet.protocol == UDP && packet.fragment_offset == 0).then_some(packet.header_length + 6);
    if let Some(place) = chunk_mut::<4>(bytes, SOURCE) {
        *place = new;
    }
    if let Some(sum) = chunk_mut(bytes, HEADER_CHECKSUM) {
        *sum = adjusted(*sum, old, new);
    }
    if let Some(sum) = udp.and_then(|at| chunk_mut(bytes, at))
        && *sum != [0, 0]
    {
        *sum = match adjusted(*sum, old, new) {
            [0, 0] => [0xff, 0xff],
            sum => sum,
        };
    }
    true
}

/// The segment with which the far end would refuse a TCP segment of ours (RFC 793 section 3.4, RFC 5961 section 3.2:
/// the sequence number is the one that our side expects next). `None` for a segment that must not be answered (a reset),
/// or cannot be: no ACK in it, as in the first SYN.
pub(super) fn reset_for(bytes: &[u8]) -> Option<[u8; RESET_LENGTH]> {
    let packet = Packet::parse(bytes)?;
    if !packet.is_tcp_segment() || packet.fragment_offset != 0 {
        return None;
    }
    let [p1, p2, p3, p4, _, _, _, _, a1, a2, a3, a4, _, flags] = *packet.payload.first_chunk()?;
    if flags & TCP_ACK == 0 || flags & TCP_RST != 0 {
        return None;
    }
    let [s1, s2, s3, s4] = packet.destination.octets();
    let [d1, d2, d3, d4] = packet.source.octets();
    let length = 40;
    let ip = [
        0x45, 0, 0, length, 0, 0, 0, 0, 64, TCP, 0, 0, s1, s2, s3, s4, d1, d2, d3, d4,
    ];
    let tcp = [
        p3, p4, p1, p2, a1, a2, a3, a4, 0, 0, 0, 0, 0x50, TCP_RST, 0, 0, 0, 0, 0, 0,
    ];
    // The pseudo-header: addresses, protocol, length of the segment.
    let pseudo = [0, TCP, 0, 20, s1, s2, s3, s4, d1, d2, d3, d4];
    let mut answer = [0; RESET_LENGTH];
    let mut octets = ip.iter().chain(&tcp);
    answer.fill_with(|| octets.next().copied().unwrap_or_default());
    let sums = [
        (HEADER_CHECKSUM, checksum(ip.iter())),
        (20 + 16, checksum(tcp.iter().chain(&pseudo))),
    ];
    for (at, sum) in sums {
        if let Some(place) = chunk_mut(&mut answer, at) {
            *place = sum;
        }
    }
    Some(answer)
}

fn chunk_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

/// A checksum after a change of what it covers: RFC 1624 equation 3, HC' = ~(~HC + ~m + m').
fn adjusted(sum: [u8; 2], old: [u8; 4], new: [u8; 4]) -> [u8; 2] {
    let words = |[a, b, c, d]: [u8; 4]| [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    let total = words(old)
        .into_iter()
        .map(|word| !word)
        .chain(words(new))
        .fold(u32::from(!u16::from_be_bytes(sum)), |total, word| {
            total + u32::from(word)
        });
    (!folded(total)).to_be_bytes()
}

/// The internet checksum of at most 65535 octets (RFC 1071).
pub(super) fn checksum<'a>(octets: impl Iterator<Item = &'a u8>) -> [u8; 2] {
    let mut total = 0;
    for (index, octet) in octets.enumerate() {
        total += u32::from(*octet) << if index % 2 == 0 { 8 } else { 0 };
    }
    (!folded(total)).to_be_bytes()
}

/// The sum in ones' complement: the carries come back in. Two rounds are enough for 32 bits.
fn folded(total: u32) -> u16 {
    let once = (total & 0xffff) + (total >> 16);
    ((once & 0xffff) + (once >> 16)) as u16
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::link) const OWN: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);
    pub(in crate::link) const NEW: Ipv4Addr = Ipv4Addr::new(100, 70, 3, 9);
    pub(in crate::link) const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

    /// A packet with right checksums; `payload` begins with the protocol's header, its checksum zero.
    pub(in crate::link) fn packet(
        protocol: u8,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        payload: &[u8],
    ) -> Vec<u8> {
        let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
        let mut packet = vec![0x45, 0, total[0], total[1], 0, 7, 0, 0, 64, protocol, 0, 0];
        packet.extend(source.octets());
        packet.extend(destination.octets());
        let sum = checksum(packet.iter());
        packet[10..12].copy_from_slice(&sum);
        packet.extend(payload);
        let at = match protocol {
            UDP => 26,
            TCP => 36,
            _ => return packet,
        };
        let sum = transport_sum(&packet);
        packet[at..at + 2].copy_from_slice(&sum);
        packet
    }

    /// What a receiver computes over pseudo-header and payload: zero for a right checksum.
    fn transport_sum(packet: &[u8]) -> [u8; 2] {
        let payload = &packet[20..];
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let pad = [0];
        let pad = &pad[..payload.len() % 2];
        checksum(
            [0, packet[9], length[0], length[1]]
                .iter()
                .chain(&packet[12..20])
                .chain(payload)
                .chain(pad),
        )
    }

    pub(in crate::link) fn udp(source: Ipv4Addr, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(8 + data.len()).unwrap().to_be_bytes();
        let mut payload = vec![0x80, 0, 0, 53, length[0], length[1], 0, 0];
        payload.extend(data);
        packet(UDP, source, FAR, &payload)
    }

    pub(in crate::link) fn tcp(source: Ipv4Addr, flags: u8) -> Vec<u8> {
        let payload = [
            0x80, 1, 0, 80, 1, 2, 3, 4, 0xa, 0xb, 0xc, 0xd, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0,
        ];
        packet(TCP, source, FAR, &payload)
    }

    pub(in crate::link) fn echo(icmp_type: u8, identifier: u16) -> Vec<u8> {
        let [a, b] = identifier.to_be_bytes();
        packet(ICMP, OWN, FAR, &[icmp_type, 0, 0, 0, a, b, 0, 1])
    }

    #[test]
    fn what_is_no_ipv4_packet_is_not_read() {
        let good = udp(OWN, b"x");
        assert!(Packet::parse(&good).is_some());
        for length in 0..20 {
            assert!(Packet::parse(&good[..length]).is_none(), "{length}");
        }
        for (at, value) in [(0, 0x65), (0, 0x44), (0, 0x4f), (3, 19)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(
                Packet::parse(&bad).is_none() || (at, value) == (0, 0x4f) && bad.len() < 60,
                "{at} {value:#x}"
            );
        }
    }

    #[test]
    fn noise_of_the_host_is_no_traffic() {
        let to = |protocol, destination: [u8; 4]| {
            packet(protocol, OWN, Ipv4Addr::from(destination), &[0; 8])
        };
        for (bytes, traffic) in [
            (udp(OWN, b"query"), true),
            (tcp(OWN, 2), true),
            (echo(8, 1), true),
            (to(47, [198, 51, 100, 1]), true),
            (to(IGMP, [224, 0, 0, 22]), false),
            (to(IGMP, [198, 51, 100, 1]), false),
            (to(UDP, [224, 0, 0, 251]), false),
            (to(UDP, [239, 255, 255, 250]), false),
            (to(UDP, [255, 255, 255, 255]), false),
            (packet(UDP, Ipv4Addr::UNSPECIFIED, FAR, &[0; 8]), false),
        ] {
            assert_eq!(
                Packet::parse(&bytes).unwrap().is_traffic(),
                traffic,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn an_echo_is_known_by_its_identifier_also_in_an_error() {
        let of = |bytes: &[u8]| Packet::parse(bytes).unwrap().echo_identifier();
        assert_eq!(of(&echo(8, 0x1234)), Some(0x1234));
        assert_eq!(of(&echo(0, 0x1234)), Some(0x1234));
        for kind in [3, 11] {
            let mut error = vec![kind, 0, 0, 0, 0, 0, 0, 0];
            error.extend(echo(8, 0x1234));
            assert_eq!(of(&packet(ICMP, FAR, OWN, &error)), Some(0x1234));
            let mut error = vec![kind, 0, 0, 0, 0, 0, 0, 0];
            error.extend(udp(OWN, b"x"));
            assert_eq!(of(&packet(ICMP, FAR, OWN, &error)), None);
        }
        assert_eq!(of(&echo(13, 0x1234)), None, "a timestamp is no echo");
        assert_eq!(of(&udp(OWN, b"x")), None);
        assert_eq!(of(&packet(ICMP, FAR, OWN, &[8, 0, 0, 0, 1])), None, "cut");
    }

    #[test]
    fn a_new_source_address_keeps_the_checksums_right() {
        for data in [&b""[..], b"a", b"some data"] {
            let mut bytes = udp(OWN, data);
            assert!(replace_source(&mut bytes, NEW));
            assert_eq!(bytes, udp(NEW, data));
        }
        let mut bytes = packet(ICMP, OWN, FAR, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
        assert!(replace_source(&mut bytes, NEW));
        assert_eq!(
            bytes,
            packet(ICMP, NEW, FAR, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0])
        );
    }

    #[test]
    fn a_datagram_without_a_checksum_stays_without() {
        let mut bytes = udp(OWN, b"data");
        bytes[26..28].copy_from_slice(&[0, 0]);
        assert!(replace_source(&mut bytes, NEW));
        assert_eq!(bytes[26..28], [0, 0]);
        // A later fragment has no UDP header, only data where it would stand.
        let mut bytes = udp(OWN, b"data");
        bytes[7] = 5;
        let payload = bytes[20..].to_vec();
        assert!(replace_source(&mut bytes, NEW));
        assert_eq!(bytes[20..], payload);
    }

    #[test]
    fn a_segment_is_refused_as_the_far_end_would() {
        let answer = reset_for(&tcp(OWN, TCP_ACK)).unwrap();
        let expected = packet(
            TCP,
            FAR,
            OWN,
            &[
                0, 80, 0x80, 1, 0xa, 0xb, 0xc, 0xd, 0, 0, 0, 0, 0x50, TCP_RST, 0, 0, 0, 0, 0, 0,
            ],
        );
        let mut identified = answer.to_vec();
        // The helper numbers its packets.
        identified[4..6].copy_from_slice(&[0, 7]);
        identified[10..12].copy_from_slice(&expected[10..12]);
        assert_eq!(identified, expected);
        assert_eq!(checksum(answer[..20].iter()), [0, 0], "the header's sum");
        assert_eq!(transport_sum(&answer), [0, 0], "the segment's sum");
    }

    #[test]
    fn what_cannot_be_refused_is_not() {
        assert_eq!(reset_for(&tcp(OWN, 0x02)), None, "a SYN has no ACK");
        assert_eq!(reset_for(&tcp(OWN, TCP_ACK | TCP_RST)), None, "a reset");
        assert_eq!(reset_for(&udp(OWN, b"x")), None);
        let mut later = tcp(OWN, TCP_ACK);
        later[7] = 1;
        assert_eq!(reset_for(&later), None, "a later fragment");
        assert_eq!(reset_for(&tcp(OWN, TCP_ACK)[..30]), None, "cut");
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(first) = bytes.first_mut() {
                *first = 0x40 | (*first & 0x0f);
            }
            if let Some(packet) = Packet::parse(&bytes) {
                let _ = (packet.is_traffic(), packet.echo_identifier());
            }
            let _ = (is_tcp(&bytes), reset_for(&bytes));
            let length = bytes.len();
            replace_source(&mut bytes, NEW);
            prop_assert_eq!(bytes.len(), length);
        }
    }
}

//! IPv4, ICMP and UDP as far as the simulated internet needs them: read with checks, written with
//! checksums (RFC 791, 792, 768).

use std::net::Ipv4Addr;

use crate::ppp::wire::Reader;

/// Protocol numbers of IPv4.
pub(in crate::sim) const ICMP: u8 = 1;
pub(in crate::sim) const TCP: u8 = 6;
pub(in crate::sim) const UDP: u8 = 17;

/// Hop limit of what the hosts send.
const TTL: u8 = 64;

/// A packet whose header is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Ipv4<'a> {
    pub(in crate::sim) source: Ipv4Addr,
    pub(in crate::sim) destination: Ipv4Addr,
    pub(in crate::sim) ttl: u8,
    pub(in crate::sim) protocol: u8,
    /// One of several pieces of a packet.
    pub(in crate::sim) fragment: bool,
    pub(in crate::sim) payload: &'a [u8],
    /// The header and what an ICMP error quotes of the payload.
    pub(in crate::sim) quote: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// Reads a packet. `None` if its header is not whole, not version 4, or its checksum is wrong.
    pub(in crate::sim) fn parse(packet: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(packet);
        let version = reader.u8()?;
        reader.u8()?;
        let total = usize::from(reader.u16()?);
        reader.u16()?;
        let fragment = reader.u16()? & 0x3fff != 0;
        let ttl = reader.u8()?;
        let protocol = reader.u8()?;
        reader.u16()?;
        let source = Ipv4Addr::from(reader.u32()?);
        let destination = Ipv4Addr::from(reader.u32()?);
        let header = usize::from(version & 0x0f) * 4;
        if version >> 4 != 4 || header < 20 {
            return None;
        }
        let packet = packet.get(..total)?;
        let (head, payload) = packet.split_at_checked(header)?;
        if checksum([head]) != 0 {
            return None;
        }
        let quote = packet.get(..packet.len().min(header + 8))?;
        Some(Self {
            source,
            destination,
            ttl,
            protocol,
            fragment,
            payload,
            quote,
        })
    }

    /// Writes a packet.
    pub(in crate::sim) fn write(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: u8,
        id: u16,
        payload: &[u8],
    ) -> Vec<u8> {
        Self::write_with_ttl(source, destination, protocol, id, TTL, payload)
    }

    /// Writes a packet with this hop limit.
    pub(in crate::sim) fn write_with_ttl(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: u8,
        id: u16,
        ttl: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let total = u16::try_from(payload.len() + 20).unwrap_or(u16::MAX);
        let mut header = Vec::with_capacity(usize::from(total));
        header.extend_from_slice(&[0x45, 0]);
        header.extend_from_slice(&total.to_be_bytes());
        header.extend_from_slice(&id.to_be_bytes());
        header.extend_from_slice(&[0, 0, ttl, protocol, 0, 0]);
        header.extend_from_slice(&source.octets());
        header.extend_from_slice(&destination.octets());
        let sum = checksum([&header]);
        put(&mut header, 10, sum);
        header.extend(payload.iter().take(usize::from(total) - 20));
        header
    }

    /// Whether an ICMP error may answer this packet (RFC 1122 section 3.2.2): never another error,
    /// a fragment, or what was not sent from or to one host.
    pub(in crate::sim) fn may_be_answered_by_an_error(&self) -> bool {
        let error = self.protocol == ICMP && !matches!(self.payload.first(), Some(0 | 8 | 13..=18));
        let single = |a: Ipv4Addr| !a.is_broadcast() && !a.is_multicast() && !a.is_unspecified();
        !error && !self.fragment && single(self.source) && single(self.destination)
    }
}

/// An ICMP message: type, code, the four bytes behind the checksum, and the rest.
pub(in crate::sim) fn icmp(kind: u8, code: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend_from_slice(&rest);
    message.extend_from_slice(data);
    let sum = checksum([&message]);
    put(&mut message, 2, sum);
    message
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Udp<'a> {
    pub(in crate::sim) source: u16,
    pub(in crate::sim) destination: u16,
    pub(in crate::sim) payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Reads the payload of `packet`. `None` if it is not whole or its checksum is wrong.
    pub(in crate::sim) fn parse(packet: &Ipv4<'a>) -> Option<Self> {
        let mut reader = Reader::new(packet.payload);
        let source = reader.u16()?;
        let destination = reader.u16()?;
        let length = usize::from(reader.u16()?);
        let sum = reader.u16()?;
        let datagram = packet.payload.get(..length)?;
        let pseudo = pseudo_header(packet.source, packet.destination, length);
        if sum != 0 && checksum([&pseudo[..], datagram]) != 0 {
            return None;
        }
        Some(Self {
            source,
            destination,
            payload: datagram.get(8..)?,
        })
    }

    /// Writes the datagram that goes from `source` to `destination`.
    pub(in crate::sim) fn write(self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let length = self.payload.len() + 8;
        let mut datagram = Vec::with_capacity(length);
        datagram.extend_from_slice(&self.source.to_be_bytes());
        datagram.extend_from_slice(&self.destination.to_be_bytes());
        datagram.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        datagram.extend_from_slice(&[0, 0]);
        datagram.extend_from_slice(self.payload);
        let pseudo = pseudo_header(source, destination, length);
        // RFC 768: a sum of zero is sent as all ones.
        let sum = match checksum([&pseudo[..], &datagram]) {
            0 => 0xffff,
            sum => sum,
        };
        put(&mut datagram, 6, sum);
        datagram
    }
}

fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, length: usize) -> [u8; 12] {
    let [a, b, c, d] = source.octets();
    let [e, f, g, h] = destination.octets();
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    [a, b, c, d, e, f, g, h, 0, UDP, high, low]
}

/// The internet checksum (RFC 1071) over parts of which all but the last have an even length.
pub(in crate::sim) fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        let mut pairs = part.chunks_exact(2);
        for pair in &mut pairs {
            if let [high, low] = pair {
                sum += u64::from(u16::from_be_bytes([*high, *low]));
            }
        }
        if let [last] = pairs.remainder() {
            sum += u64::from(*last) << 8;
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr};

    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 2);
    const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    #[test]
    fn what_is_written_is_sound_to_another_stack() {
        for payload in [&b"ab"[..], b"odd"] {
            let udp = Udp {
                source: 1234,
                destination: 53,
                payload,
            }
            .write(A, B);
            let packet = Ipv4::write(A, B, UDP, 7, &udp);
            let checks = ChecksumCapabilities::default();
            let view = Ipv4Packet::new_checked(&packet).unwrap();
            Ipv4Repr::parse(&view, &checks).unwrap();
            let view = UdpPacket::new_checked(view.payload()).unwrap();
            UdpRepr::parse(&view, &A.into(), &B.into(), &checks).unwrap();
            assert_eq!(view.payload(), payload);
            let packet = Ipv4::parse(&packet).unwrap();
            assert_eq!(Udp::parse(&packet).unwrap().payload, payload);
        }
        let echo = icmp(8, 0, [0, 1, 0, 2], b"data!");
        let view = Icmpv4Packet::new_checked(&echo).unwrap();
        Icmpv4Repr::parse(&view, &ChecksumCapabilities::default()).unwrap();
    }

    #[test]
    fn refuses_damaged_packets() {
        let udp = Udp {
            source: 1,
            destination: 2,
            payload: b"x",
        }
        .write(A, B);
        let good = Ipv4::write(A, B, UDP, 7, &udp);
        assert!(Ipv4::parse(&good).is_some());
        for length in 0..good.len() {
            assert_eq!(Ipv4::parse(&good[..length]), None, "{length}");
        }
        for bit in 0..20 * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Ipv4::parse(&bad), None, "{bit}");
        }
        let mut bad = good.clone();
        bad[28] ^= 1;
        assert_eq!(Udp::parse(&Ipv4::parse(&bad).unwrap()), None);
        let short = Ipv4::write(A, B, UDP, 7, &udp[..6]);
        assert_eq!(Udp::parse(&Ipv4::parse(&short).unwrap()), None);
    }
}

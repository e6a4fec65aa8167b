//! IP packets of the gateway itself: pings and lookups, as the kernel would send them.

use std::net::Ipv4Addr;

use crate::link::monitor::icmp;
use crate::sim::internet::packet::{ICMP, Ipv4, UDP, Udp};

/// The monitor's identifier.
pub(super) const MONITOR: u16 = 0x7570;
/// That of a program which wants to reach a host.
pub(super) const PROGRAM: u16 = 0x0b57;
/// The port that lookups come from.
const PORT: u16 = 40_053;
/// The hop limit of the system.
const TTL: u8 = 64;

/// An echo request.
pub(super) fn echo(
    identifier: u16,
    source: Ipv4Addr,
    to: Ipv4Addr,
    ttl: Option<u8>,
    sequence: u16,
) -> Vec<u8> {
    let request = icmp::echo_request(identifier, sequence);
    Ipv4::write_with_ttl(source, to, ICMP, sequence, ttl.unwrap_or(TTL), &request)
}

/// What a received packet says about an echo request with this identifier.
pub(super) fn read_echo(identifier: u16, packet: &[u8]) -> Option<icmp::Received> {
    icmp::read(packet, identifier)
}

/// A question to a DNS server.
pub(super) fn query(source: Ipv4Addr, server: Ipv4Addr, id: u16, question: &[u8]) -> Vec<u8> {
    let datagram = Udp {
        source: PORT,
        destination: 53,
        payload: question,
    }
    .write(source, server);
    Ipv4::write(source, server, UDP, id, &datagram)
}

/// The payload of a DNS server's answer.
pub(super) fn read_answer(packet: &[u8]) -> Option<Vec<u8>> {
    let packet = Ipv4::parse(packet)?;
    if packet.protocol != UDP {
        return None;
    }
    let udp = Udp::parse(&packet)?;
    (udp.source == 53 && udp.destination == PORT).then(|| udp.payload.to_vec())
}

//! ICMP echo as the search for hosts on the route needs it (RFC 791, RFC 792): requests written, answers and errors
//! about them read.
//!
//! Whatever comes in gives a value or nothing. Not here: IPv6, options, fragments.

use std::net::Ipv4Addr;

use super::EchoAnswer;
use crate::link::packet::{Packet, checksum};
use crate::ppp::wire::Reader;

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;

/// What a request carries. Eight bytes, so that an error can quote all of it: RFC 792 promises no more than the
/// header and eight bytes, which is the header of the echo, and data only costs the customer money.
const DATA: [u8; 8] = *b"uplinkd\0";

/// The length of a request: the header, and the data.
pub const REQUEST_LENGTH: usize = 8 + DATA.len();

/// Something that came in about an echo request of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The request's number.
    pub sequence: u16,
    /// Where the request went, as far as the packet says it: for a reply that is its sender.
    pub to: Ipv4Addr,
    /// What it means.
    pub answer: EchoAnswer,
}

/// An echo request, without the IP header.
pub fn echo_request(identifier: u16, sequence: u16) -> [u8; REQUEST_LENGTH] {
    let write = |sum: [u8; 2]| {
        let mut message = [0; REQUEST_LENGTH];
        let bytes = [ECHO_REQUEST, 0]
            .into_iter()
            .chain(sum)
            .chain(identifier.to_be_bytes())
            .chain(sequence.to_be_bytes())
            .chain(DATA);
        for (to, from) in message.iter_mut().zip(bytes) {
            *to = from;
        }
        message
    };
    write(checksum(write([0, 0]).iter()))
}

/// Reads a whole IPv4 packet, as a raw socket hands it over. Nothing, if it is not about an echo request with our
/// `identifier`, or damaged: a raw socket gets every ICMP packet, and before the kernel has looked at its checksum.
pub fn read(packet: &[u8], identifier: u16) -> Option<Received> {
    let packet = Packet::parse(packet)?;
    let message = packet.icmp_message()?;
    if packet.is_cut() || checksum(message.iter()) != [0, 0] {
        return None;
    }
    let mut reader = Reader::new(message);
    let (kind, code) = (reader.u8()?, reader.u8()?);
    reader.u16()?;
    let from = packet.source();
    match (kind, code) {
        (ECHO_REPLY, 0) => {
            let ours = reader.u16()? == identifier;
            let sequence = reader.u16()?;
            ours.then_some(Received {
                sequence,
                to: from,
                answer: EchoAnswer::Reply { from },
            })
        }
        // Code 1 is a fragment that was never whole: we send none.
        (TIME_EXCEEDED, 0) => {
            let answer = EchoAnswer::TimeExceeded { from };
            read_quote(reader, identifier, answer)
        }
        (UNREACHABLE, _) => read_quote(reader, identifier, EchoAnswer::Unreachable { from }),
        _ => None,
    }
}

/// Reads on behind the checksum of an error: which of our requests it is about.
fn read_quote(mut reader: Reader<'_>, identifier: u16, answer: EchoAnswer) -> Option<Received> {
    reader.u32()?;
    // It ends early, and its checksum may be one of before a router changed the header.
    let quoted = Packet::parse(reader.rest())?;
    let mut reader = Reader::new(quoted.icmp_message()?);
    let (kind, code) = (reader.u8()?, reader.u8()?);
    reader.u16()?;
    let ours = (kind, code) == (ECHO_REQUEST, 0) && reader.u16()? == identifier;
    let sequence = reader.u16()?;
    ours.then_some(Received {
        sequence,
        to: quoted.destination(),
        answer,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, Icmpv4TimeExceeded, IpProtocol, Ipv4Packet,
        Ipv4Repr,
    };

    use super::*;

    const US: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 2);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const TARGET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

    fn header(from: Ipv4Addr, to: Ipv4Addr, payload: usize) -> Ipv4Repr {
        Ipv4Repr {
            src_addr: from,
            dst_addr: to,
            next_header: IpProtocol::Icmp,
            payload_len: payload,
            hop_limit: 60,
        }
    }

    /// A packet as another stack writes it.
    fn packet(from: Ipv4Addr, message: &Icmpv4Repr<'_>) -> Vec<u8> {
        let checks = ChecksumCapabilities::default();
        let header = header(from, US, message.buffer_len());
        let mut bytes = vec![0; 20 + message.buffer_len()];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
        header.emit(&mut packet, &checks);
        message.emit(
            &mut Icmpv4Packet::new_unchecked(packet.payload_mut()),
            &checks,
        );
        bytes
    }

    fn reply() -> Vec<u8> {
        packet(
            TARGET,
            &Icmpv4Repr::EchoReply {
                ident: 0x1234,
                seq_no: 7,
                data: &DATA,
            },
        )
    }

    fn time_exceeded(quoted: &[u8]) -> Vec<u8> {
        packet(
            ROUTER,
            &Icmpv4Repr::TimeExceeded {
                reason: Icmpv4TimeExceeded::TtlExpired,
                header: header(US, TARGET, REQUEST_LENGTH),
                data: quoted,
            },
        )
    }

    #[test]
    fn a_request_is_sound_to_another_stack() {
        let request = echo_request(0x1234, 7);
        let packet = Icmpv4Packet::new_checked(&request).unwrap();
        assert_eq!(
            Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()),
            Ok(Icmpv4Repr::EchoRequest {
                ident: 0x1234,
                seq_no: 7,
                data: &DATA
            })
        );
    }

    #[test]
    fn reads_a_reply() {
        assert_eq!(
            read(&reply(), 0x1234),
            Some(Received {
                sequence: 7,
                to: TARGET,
                answer: EchoAnswer::Reply { from: TARGET }
            })
        );
        assert_eq!(read(&reply(), 0x1235), None);
    }

    #[test]
    fn reads_who_let_a_request_expire_with_as_little_as_rfc_792_promises() {
        let request = echo_request(0x1234, 7);
        let expected = Received {
            sequence: 7,
            to: TARGET,
            answer: EchoAnswer::TimeExceeded { from: ROUTER },
        };
        for quoted in [&request[..], &request[..8]] {
            assert_eq!(read(&time_exceeded(quoted), 0x1234), Some(expected.clone()));
        }
        assert_eq!(read(&time_exceeded(&request[..7]), 0x1234), None);
        assert_eq!(read(&time_exceeded(&request), 0x1235), None);
        let mut reply = request;
        reply[0] = ECHO_REPLY;
        assert_eq!(read(&time_exceeded(&reply), 0x1234), None);
    }

    #[test]
    fn reads_who_cannot_reach_the_target() {
        let message = Icmpv4Repr::DstUnreachable {
            reason: Icmpv4DstUnreachable::HostUnreachable,
            header: header(US, TARGET, REQUEST_LENGTH),
            data: &echo_request(1, 2),
        };
        assert_eq!(
            read(&packet(ROUTER, &message), 1),
            Some(Received {
                sequence: 2,
                to: TARGET,
                answer: EchoAnswer::Unreachable { from: ROUTER }
            })
        );
    }

    #[test]
    fn reads_past_options_and_padding() {
        let mut bytes = reply();
        bytes.splice(20..20, [1, 1, 1, 0]);
        bytes[0] = 0x46;
        bytes[3] += 4;
        bytes.extend_from_slice(&[0xff; 9]);
        assert_eq!(read(&bytes, 0x1234).unwrap().sequence, 7);
    }

    #[test]
    fn refuses_what_is_damaged_cut_or_a_fragment() {
        for good in [reply(), time_exceeded(&echo_request(0x1234, 7))] {
            for length in 0..good.len() {
                assert_eq!(read(&good[..length], 0x1234), None, "{length}");
            }
            // The kernel has checked the IP header.
            for bit in 20 * 8..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(read(&bad, 0x1234), None, "{bit}");
            }
            for (at, value) in [(0, 0x65), (0, 0x44), (6, 0x20), (7, 1), (9, 17)] {
                let mut bad = good.clone();
                bad[at] = value;
                assert_eq!(read(&bad, 0x1234), None, "{at}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = read(&bytes, 1);
        }

        #[test]
        fn a_sound_error_may_quote_anything(
            kind in prop_oneof![Just(TIME_EXCEEDED), Just(UNREACHABLE), any::<u8>()],
            quote in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0];
            bytes.extend_from_slice(&ROUTER.octets());
            bytes.extend_from_slice(&US.octets());
            bytes.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
            bytes.extend_from_slice(&quote);
            let total = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            bytes[2..4].copy_from_slice(&total);
            let sum = checksum(bytes[20..].iter());
            bytes[22..24].copy_from_slice(&sum);
            let _ = read(&bytes, 1);
        }
    }
}

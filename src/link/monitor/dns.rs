//! The address of a name, as a stub resolver asks for it (RFC 1035): one question, and what a name server makes of it.
//!
//! Nothing that comes in is trusted further than needed: an answer must carry the question and its number, only
//! records that lead from the question's name to an address count, and an address that cannot be a host on the
//! network is none. Not here: recursion, caching, TCP, IPv6, DNSSEC.

use std::net::Ipv4Addr;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use super::is_host;

/// More records than this in a part of an answer are refused before any memory is reserved for them.
const MOST_RECORDS: u16 = 64;

/// So many aliases in a row are followed.
const MOST_ALIASES: usize = 8;

/// Longest name in text (RFC 1035 section 2.3.4, without the root's dot).
const LONGEST_NAME: usize = 253;

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The text cannot be a name.
    #[error("it is no host name")]
    BadName,
    /// There is nobody to ask.
    #[error("the network named no DNS server")]
    NoServer,
    /// No DNS server has answered.
    #[error("no DNS server answers")]
    NoAnswer,
    /// There is no such name.
    #[error("there is no such name")]
    NoSuchName,
    /// The name has no IPv4 address.
    #[error("it has no IPv4 address")]
    NoAddress,
    /// Its address cannot be one of a host out there: some networks answer so what they block.
    #[error("its address would be {address}")]
    NoHost {
        /// The address.
        address: Ipv4Addr,
    },
    /// A DNS server does not want to, or cannot.
    #[error("the DNS server answers with error {code}")]
    Refused {
        /// The response code (RFC 1035 section 4.1.1).
        code: u16,
    },
    /// The question could not be sent.
    #[error("the question cannot be sent: {error}")]
    NotSent {
        /// The kernel's words.
        error: String,
    },
}

impl LookupError {
    /// Whether another name server may know better.
    pub fn another_may_know(&self) -> bool {
        match self {
            Self::NoAnswer | Self::Refused { .. } | Self::NotSent { .. } | Self::NoHost { .. } => {
                true
            }
            Self::BadName | Self::NoServer | Self::NoSuchName | Self::NoAddress => false,
        }
    }
}

/// The question for the address of `name`.
///
/// # Errors
///
/// [`LookupError::BadName`].
pub fn query(id: u16, name: &str) -> Result<Vec<u8>, LookupError> {
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query.questions.push(question(name)?);
    query.build_bytes_vec().map_err(|_| LookupError::BadName)
}

/// What `datagram` says to [`query`]'s question. `None`: it is no answer to it at all, and is to be ignored.
pub fn read(id: u16, name: &str, datagram: &[u8]) -> Option<Result<Ipv4Addr, LookupError>> {
    let asked = question(name).ok()?;
    let counts = datagram.get(4..12)?;
    for count in counts.chunks_exact(2) {
        let [high, low] = count else { return None };
        if u16::from_be_bytes([*high, *low]) > MOST_RECORDS {
            return None;
        }
    }
    let packet = Packet::parse(datagram).ok()?;
    let [question] = packet.questions.as_slice() else {
        return None;
    };
    if packet.id() != id
        || !packet.has_flags(PacketFlag::RESPONSE)
        || question.qname != asked.qname
        || question.qtype != asked.qtype
        || question.qclass != asked.qclass
    {
        return None;
    }
    Some(match packet.rcode() {
        RCODE::NoError => address(&packet, &asked.qname),
        RCODE::NameError => Err(LookupError::NoSuchName),
        other => Err(LookupError::Refused { code: other as u16 }),
    })
}

/// The name's first address, by way of its aliases.
fn address(packet: &Packet<'_>, name: &Name<'_>) -> Result<Ipv4Addr, LookupError> {
    let mut name = name.clone();
    let mut refused = None;
    for _ in 0..=MOST_ALIASES {
        let mut alias = None;
        for record in &packet.answers {
            if record.class != CLASS::IN || record.name != name {
                continue;
            }
            match &record.rdata {
                RData::A(a) => {
                    let address = Ipv4Addr::from(a.address);
                    if is_host(address) {
                        return Ok(address);
                    }
                    refused.get_or_insert(address);
                }
                RData::CNAME(to) => alias = Some(to.0.clone()),
                _ => {}
            }
        }
        match alias {
            Some(to) => name = to,
            None => break,
        }
    }
    Err(match refused {
        Some(address) => LookupError::NoHost { address },
        None => LookupError::NoAddress,
    })
}

fn question(name: &str) -> Result<Question<'_>, LookupError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    // The library takes escapes and empty labels.
    if name.len() > LONGEST_NAME || name.contains('\\') || name.split('.').any(str::is_empty) {
        return Err(LookupError::BadName);
    }
    let name = Name::new(name).map_err(|_| LookupError::BadName)?;
    let (kind, class) = (QTYPE::TYPE(TYPE::A), QCLASS::CLASS(CLASS::IN));
    Ok(Question::new(name, kind, class, false))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, CNAME};

    use super::*;

    const NAME: &str = "www.example.jp";
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

    fn a(name: &'static str, address: Ipv4Addr) -> ResourceRecord<'static> {
        let name = Name::new(name).unwrap();
        ResourceRecord::new(name, CLASS::IN, 60, RData::A(A::from(address)))
    }

    fn alias(name: &'static str, to: &'static str) -> ResourceRecord<'static> {
        let (name, to) = (Name::new(name).unwrap(), Name::new(to).unwrap());
        ResourceRecord::new(name, CLASS::IN, 60, RData::CNAME(CNAME(to)))
    }

    fn answer(id: u16, records: Vec<ResourceRecord<'static>>) -> Packet<'static> {
        let mut packet = Packet::new_reply(id);
        packet.questions.push(question(NAME).unwrap());
        packet.answers = records;
        packet
    }

    fn read_packet(packet: &Packet<'_>) -> Option<Result<Ipv4Addr, LookupError>> {
        read(7, NAME, &packet.build_bytes_vec_compressed().unwrap())
    }

    #[test]
    fn asks_one_question() {
        let bytes = query(0x1234, "www.example.jp.").unwrap();
        let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\
            \x03www\x07example\x02jp\x00\x00\x01\x00\x01";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn knows_what_is_no_name() {
        let (long, label) = ("a.".repeat(130), "a".repeat(64));
        for bad in ["", ".", "a..b", ".a", "a\\.b", &long, &label] {
            assert_eq!(query(1, bad), Err(LookupError::BadName), "{bad}");
            assert_eq!(read(1, bad, &[0; 12]), None, "{bad}");
        }
    }

    #[test]
    fn reads_an_address() {
        let packet = answer(7, vec![a("WWW.Example.jp", ADDRESS)]);
        assert_eq!(read_packet(&packet), Some(Ok(ADDRESS)));
    }

    #[test]
    fn follows_aliases_in_any_order_but_not_in_circles() {
        let packet = answer(
            7,
            vec![
                a("host.example.net", ADDRESS),
                alias("cdn.example.net", "host.example.net"),
                alias(NAME, "cdn.example.net"),
            ],
        );
        assert_eq!(read_packet(&packet), Some(Ok(ADDRESS)));
        let packet = answer(7, vec![alias(NAME, "a.example"), alias("a.example", NAME)]);
        assert_eq!(read_packet(&packet), Some(Err(LookupError::NoAddress)));
    }

    #[test]
    fn an_address_of_another_name_does_not_count() {
        let packet = answer(7, vec![a("www.example.net", ADDRESS)]);
        assert_eq!(read_packet(&packet), Some(Err(LookupError::NoAddress)));
    }

    #[test]
    fn an_address_that_is_no_host_is_refused_and_the_next_taken() {
        let nowhere = Ipv4Addr::UNSPECIFIED;
        let packet = answer(7, vec![a(NAME, nowhere)]);
        let refused = LookupError::NoHost { address: nowhere };
        assert_eq!(read_packet(&packet), Some(Err(refused)));
        let packet = answer(7, vec![a(NAME, Ipv4Addr::LOCALHOST), a(NAME, ADDRESS)]);
        assert_eq!(read_packet(&packet), Some(Ok(ADDRESS)));
    }

    #[test]
    fn tells_a_missing_name_from_a_server_that_cannot() {
        let mut packet = answer(7, vec![]);
        *packet.rcode_mut() = RCODE::NameError;
        assert_eq!(read_packet(&packet), Some(Err(LookupError::NoSuchName)));
        *packet.rcode_mut() = RCODE::ServerFailure;
        let refused = LookupError::Refused { code: 2 };
        assert!(refused.another_may_know());
        assert_eq!(read_packet(&packet), Some(Err(refused)));
    }

    #[test]
    fn ignores_what_does_not_answer_the_question() {
        let good = answer(7, vec![a(NAME, ADDRESS)]);
        assert_eq!(read_packet(&answer(8, vec![a(NAME, ADDRESS)])), None);
        let mut other = good.clone();
        other.questions = vec![question("www.example.net").unwrap()];
        assert_eq!(read_packet(&other), None);
        other.questions = vec![];
        assert_eq!(read_packet(&other), None);
        let query = query(7, NAME).unwrap();
        assert_eq!(read(7, NAME, &query), None);
        let bytes = good.build_bytes_vec().unwrap();
        for length in 0..bytes.len() {
            assert_eq!(read(7, NAME, &bytes[..length]), None, "{length}");
        }
        let mut many = bytes;
        many[6] = 0xff;
        assert_eq!(read(7, NAME, &many), None);
    }

    proptest! {
        #[test]
        fn any_datagram_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(7, NAME, &bytes);
        }

        /// A right head, so that the records are looked at.
        #[test]
        fn anything_may_follow_the_question(
            counts in proptest::collection::vec(0_u8..4, 3),
            rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = query(7, NAME).unwrap();
            bytes[2] |= 0x80;
            for (at, count) in [7, 9, 11].into_iter().zip(counts) {
                bytes[at] = count;
            }
            bytes.extend_from_slice(&rest);
            let _ = read(7, NAME, &bytes);
        }

        /// Records whose names are pointers to anywhere.
        #[test]
        fn names_may_point_anywhere(
            records in proptest::collection::vec((any::<u16>(), prop_oneof![Just(1_u16), Just(5), any::<u16>()],
                proptest::collection::vec(any::<u8>(), 0..8)), 1..5),
        ) {
            let mut bytes = query(7, NAME).unwrap();
            bytes[2] |= 0x80;
            bytes[7] = u8::try_from(records.len()).unwrap();
            for (pointer, kind, data) in records {
                bytes.extend_from_slice(&(0xc000 | (pointer % 300)).to_be_bytes());
                bytes.extend_from_slice(&kind.to_be_bytes());
                bytes.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
                bytes.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
                bytes.extend_from_slice(&data);
            }
            let _ = read(7, NAME, &bytes);
        }
    }
}

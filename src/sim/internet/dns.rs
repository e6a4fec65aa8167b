//! The simulated internet's name servers (RFC 1035): a fixed zone, everything else NXDOMAIN.

use simple_dns::rdata::{A, PTR, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use super::zone;

/// Seconds for which an answer may be kept.
const TTL: u32 = 60;

/// The answer to a query; `None`: it is not one that deserves any.
pub(super) fn answer(query: &[u8]) -> Option<Vec<u8>> {
    // Counts of more records than a query has would only make the parser reserve memory.
    let counts = query.get(4..12)?;
    let [flags, ..] = query.get(2..4)? else {
        return None;
    };
    let count = |at: usize| Some(u16::from_be_bytes([*counts.get(at)?, *counts.get(at + 1)?]));
    if flags & 0x80 != 0 || count(0)? != 1 || count(2)? > 0 || count(4)? > 0 || count(6)? > 2 {
        return None;
    }
    let query = Packet::parse(query).ok()?;
    let question = query.questions.first()?.clone();
    let name = question.qname.to_string().to_ascii_lowercase();
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER | PacketFlag::RECURSION_AVAILABLE);
    if query.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    let address = zone::resolve(&name);
    let reverse = zone::reverse(&name);
    let record = match question.qtype {
        QTYPE::ANY | QTYPE::TYPE(TYPE::A) if address.is_some() => {
            address.map(|a| RData::A(A::from(a)))
        }
        QTYPE::ANY | QTYPE::TYPE(TYPE::PTR) => {
            reverse.map(|name| RData::PTR(PTR(Name::new_unchecked(name))))
        }
        _ => None,
    };
    if let Some(data) = record {
        reply.answers.push(ResourceRecord::new(
            question.qname.clone(),
            CLASS::IN,
            TTL,
            data,
        ));
    } else if address.is_none() && reverse.is_none() {
        *reply.rcode_mut() = RCODE::NameError;
    }
    reply.questions.push(question);
    reply.build_bytes_vec_compressed().ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use simple_dns::{QCLASS, Question};

    use super::*;

    fn ask(name: &str, kind: TYPE) -> (RCODE, Vec<RData<'static>>) {
        let mut query = Packet::new_query(0x1234);
        query.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new_unchecked(name);
        let class = QCLASS::CLASS(CLASS::IN);
        query
            .questions
            .push(Question::new(name, QTYPE::TYPE(kind), class, false));
        let reply = answer(&query.build_bytes_vec().unwrap()).unwrap();
        let reply = Packet::parse(&reply).unwrap();
        assert_eq!(reply.id(), 0x1234);
        assert_eq!(reply.questions.len(), 1);
        assert!(reply.has_flags(PacketFlag::RESPONSE | PacketFlag::RECURSION_DESIRED));
        let data = reply
            .answers
            .iter()
            .map(|record| record.rdata.clone().into_owned())
            .collect();
        (reply.rcode(), data)
    }

    #[test]
    fn knows_its_zone_and_nothing_else() {
        let web = RData::A(A::from(Ipv4Addr::new(198, 51, 100, 10)));
        assert_eq!(
            ask("www.example.jp", TYPE::A),
            (RCODE::NoError, vec![web.clone()])
        );
        assert_eq!(ask("WWW.Example.JP", TYPE::A), (RCODE::NoError, vec![web]));
        assert_eq!(ask("www.example.jp", TYPE::AAAA), (RCODE::NoError, vec![]));
        assert_eq!(
            ask("nosuch.example.jp", TYPE::A),
            (RCODE::NameError, vec![])
        );
        let name = RData::PTR(PTR(Name::new_unchecked("gw.example.jp")));
        assert_eq!(
            ask("1.2.0.192.in-addr.arpa", TYPE::PTR),
            (RCODE::NoError, vec![name])
        );
    }

    #[test]
    fn ignores_what_is_no_query() {
        assert_eq!(answer(b""), None);
        assert_eq!(answer(&[0; 12]), None);
        let mut random = crate::random::Random::new(1);
        for _ in 0..2000 {
            let mut bytes = vec![0; random.below(60) as usize];
            random.fill(&mut bytes);
            if let Some(count) = bytes.get_mut(4..12) {
                count.copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 1]);
            }
            let _ = answer(&bytes);
        }
    }
}

//! Who is where in the simulated internet: hosts with their names, and the routers on the way to
//! them. Addresses are those of RFC 5737, names those of RFC 2606 and the `example.jp` of JPRS.

use std::net::Ipv4Addr;

/// A host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) address: Ipv4Addr,
    pub(super) name: &'static str,
    /// The routers before it; `None`: one that never answers.
    pub(super) hops: &'static [Option<Ipv4Addr>],
    /// It answers a ping.
    pub(super) ping: bool,
}

/// The first router behind the ISP: it says what cannot be reached.
pub(super) const EDGE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CORE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 5);
const EXCHANGE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const WEB_EDGE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const FAR_EDGE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// What the ISP hands out as DNS servers.
pub(crate) const DNS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(192, 0, 2, 53),
    Ipv4Addr::new(198, 51, 100, 53),
];

/// Nobody answers from here, and no router says so.
const BLACK_HOLE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 128);

/// All hosts but the ISP's own address; the ones that people see first come first.
pub(super) static HOSTS: [Host; 10] = [
    host(EDGE, "gw.example.jp", &[]),
    host(
        Ipv4Addr::new(198, 51, 100, 10),
        "www.example.jp",
        &[Some(EDGE), Some(CORE), Some(WEB_EDGE)],
    ),
    host(
        Ipv4Addr::new(203, 0, 113, 7),
        "far.example.net",
        &[Some(EDGE), None, Some(EXCHANGE), Some(FAR_EDGE), None],
    ),
    Host {
        ping: false,
        ..host(
            Ipv4Addr::new(203, 0, 113, 66),
            "quiet.example.net",
            &[Some(EDGE), Some(EXCHANGE)],
        )
    },
    host(DNS[0], "ns1.example.jp", &[Some(EDGE)]),
    host(DNS[1], "ns2.example.jp", &[Some(EDGE), Some(CORE)]),
    host(CORE, "core.example.jp", &[Some(EDGE)]),
    host(EXCHANGE, "exchange.example.net", &[Some(EDGE), None]),
    host(WEB_EDGE, "edge.example.jp", &[Some(EDGE), Some(CORE)]),
    host(
        FAR_EDGE,
        "edge.example.net",
        &[Some(EDGE), None, Some(EXCHANGE)],
    ),
];

const fn host(address: Ipv4Addr, name: &'static str, hops: &'static [Option<Ipv4Addr>]) -> Host {
    Host {
        address,
        name,
        hops,
        ping: true,
    }
}

/// The host with this address.
pub(super) fn find(address: Ipv4Addr) -> Option<&'static Host> {
    HOSTS.iter().find(|host| host.address == address)
}

/// Whether packets to this address vanish without a word.
pub(super) fn is_black_hole(address: Ipv4Addr) -> bool {
    u32::from(address) & !0x7f == u32::from(BLACK_HOLE)
}

/// The address of a name, without a final dot, in lower case.
pub(super) fn resolve(name: &str) -> Option<Ipv4Addr> {
    if name == "example.jp" {
        return resolve("www.example.jp");
    }
    HOSTS
        .iter()
        .find(|host| host.name == name)
        .map(|host| host.address)
}

/// The name of an address given as `10.100.51.198.in-addr.arpa`.
pub(super) fn reverse(name: &str) -> Option<&'static str> {
    let address: Ipv4Addr = name.strip_suffix(".in-addr.arpa")?.parse().ok()?;
    let [d, c, b, a] = address.octets();
    find(Ipv4Addr::new(a, b, c, d)).map(|host| host.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_fit_together() {
        for host in &HOSTS {
            for (index, hop) in host.hops.iter().enumerate() {
                let Some(hop) = hop else { continue };
                let router = find(*hop).unwrap_or_else(|| panic!("{hop} is no host"));
                // Two ways may lead to a router; a packet to it takes its own.
                assert!(
                    router.hops.len() <= index + 1,
                    "{} on the way to {}",
                    hop,
                    host.name
                );
            }
        }
    }

    #[test]
    fn names_and_addresses_find_each_other() {
        for host in &HOSTS {
            assert_eq!(resolve(host.name), Some(host.address));
            let [a, b, c, d] = host.address.octets();
            assert_eq!(
                reverse(&format!("{d}.{c}.{b}.{a}.in-addr.arpa")),
                Some(host.name)
            );
        }
        assert_eq!(resolve("nosuch.example.jp"), None);
        assert!(is_black_hole(Ipv4Addr::new(203, 0, 113, 200)));
        assert!(!is_black_hole(Ipv4Addr::new(203, 0, 113, 7)));
    }
}

//! Which servers may reach the system.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::config::DnsConfig;
use crate::log::{Level, LogLine};
use crate::ppp::Ipv4Settings;

/// As many servers as can be in a choice: more are never asked by anybody.
const MOST: usize = 8;

/// The address that pppd makes up for a peer that names none, to which it adds the number of the interface; some modems
/// have it built in.
const MADE_UP_REMOTE: u32 = u32::from_be_bytes([10, 64, 64, 64]);

/// What it makes up with `demand`.
const MADE_UP_DEMAND: u32 = u32::from_be_bytes([10, 112, 112, 112]);

/// So many interfaces have such an address. Networks of operators are numbered from 10.0.0.0/8 as well, so not more of it
/// is taken for made up than has been seen.
const MADE_UP_COUNT: u32 = 16;

/// The servers for the system, and where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// In order, each once.
    pub servers: Vec<IpAddr>,
    /// Whose they are.
    pub source: Source,
    /// What the peer has named in vain.
    pub left_out: Vec<(Ipv4Addr, Unfit)>,
    /// For `/etc/ppp/resolv.conf`: as the peer has named them, twice if he has.
    listed: Vec<IpAddr>,
}

/// Whose servers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The peer's.
    Peer,
    /// `dns.fallback`.
    Fallback,
    /// There are none.
    Nobody,
}

/// Why an address cannot be a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unfit {
    /// Modems name it while the network has not answered.
    Dummy,
    /// 0.0.0.0/8.
    ThisNetwork,
    /// 127.0.0.0/8: it would be this host.
    Loopback,
    /// 224.0.0.0 and above: not the address of one host.
    NoHost,
    /// It is our own.
    OurOwn,
    /// pppd makes such addresses up for peers that have none.
    MadeUp,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dummy => "modems name it while they have none",
            Self::ThisNetwork => "0.0.0.0/8 is no host",
            Self::Loopback => "it would be this host",
            Self::NoHost => "it is no address of one host",
            Self::OurOwn => "it is our own address",
            Self::MadeUp => "it is an address that is made up for peers without one",
        })
    }
}

/// Why `address`, named by the peer of a link with `settings`, cannot be a server; `None`: it can be one.
///
/// The peer's own address is good: many modems and routers answer questions themselves.
pub fn unfit(address: Ipv4Addr, settings: &Ipv4Settings) -> Option<Unfit> {
    let bits = address.to_bits();
    let made_up = |base: u32| (base..base.saturating_add(MADE_UP_COUNT)).contains(&bits);
    match address.octets() {
        [10, 11, 12, 13 | 14] => Some(Unfit::Dummy),
        [0, ..] => Some(Unfit::ThisNetwork),
        [127, ..] => Some(Unfit::Loopback),
        [224..=255, ..] => Some(Unfit::NoHost),
        _ if address == settings.local => Some(Unfit::OurOwn),
        _ if made_up(MADE_UP_REMOTE) || made_up(MADE_UP_DEMAND) => Some(Unfit::MadeUp),
        _ => None,
    }
}

/// The servers of a link that has come up with `settings`: the peer's that are good, else the configured ones. Without
/// `use_peer` only the configured ones count.
pub fn choose(config: &DnsConfig, settings: &Ipv4Settings) -> Choice {
    let mut choice = Choice {
        servers: Vec::new(),
        source: Source::Nobody,
        left_out: Vec::new(),
        listed: Vec::new(),
    };
    if config.use_peer {
        for address in settings.dns.into_iter().flatten() {
            match unfit(address, settings) {
                Some(why) => choice.left_out.push((address, why)),
                None => choice.listed.push(address.into()),
            }
        }
    }
    choice.source = Source::Peer;
    if choice.listed.is_empty() {
        choice.listed = config.fallback.iter().copied().take(MOST).collect();
        choice.source = Source::Fallback;
    }
    if choice.listed.is_empty() {
        choice.source = Source::Nobody;
    }
    for server in &choice.listed {
        if !choice.servers.contains(server) {
            choice.servers.push(*server);
        }
    }
    choice
}

impl Choice {
    /// What pppd would write to `/etc/ppp/resolv.conf`; `None`: it would not write. (2.4.9 writes a server twice that the
    /// peer has named twice.)
    #[must_use]
    pub fn pppd_text(&self) -> Option<String> {
        if self.listed.is_empty() {
            return None;
        }
        Some(super::text::nameserver_lines(&self.listed))
    }

    /// The settings as scripts (DNS1, DNS2) and the monitor are told of them: with the servers that are used.
    #[must_use]
    pub fn settings(&self, settings: &Ipv4Settings) -> Ipv4Settings {
        let mut servers = self.servers.iter().filter_map(|server| match server {
            IpAddr::V4(server) => Some(*server),
            IpAddr::V6(_) => None,
        });
        Ipv4Settings {
            dns: [servers.next(), servers.next()],
            ..*settings
        }
    }

    /// What there is to say.
    #[must_use]
    pub fn log(&self, config: &DnsConfig) -> Vec<LogLine> {
        let mut log: Vec<LogLine> = self
            .left_out
            .iter()
            .map(|(address, why)| {
                let text = format!("the peer's DNS server {address} is left out: {why}");
                LogLine::uplinkd(Level::Notice, text)
            })
            .collect();
        match self.source {
            Source::Peer => {}
            Source::Fallback if config.use_peer => log.push(LogLine::uplinkd(
                Level::Notice,
                format!(
                    "the peer names no DNS server that is good; those of dns.fallback are used: {}",
                    list(&self.servers)
                ),
            )),
            Source::Fallback => {}
            Source::Nobody if config.use_peer => log.push(LogLine::uplinkd(
                Level::Warning,
                "the link has no DNS server: the peer names none that is good, and dns.fallback is empty",
            )),
            Source::Nobody => {}
        }
        log
    }
}

/// `192.0.2.53, 198.51.100.53`.
#[must_use]
pub fn list(servers: &[IpAddr]) -> String {
    let words: Vec<String> = servers.iter().map(ToString::to_string).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings(dns: [Option<Ipv4Addr>; 2]) -> Ipv4Settings {
        Ipv4Settings {
            local: Ipv4Addr::new(100, 64, 0, 7),
            remote: Some(Ipv4Addr::new(100, 64, 0, 1)),
            dns,
            mtu: 1500,
        }
    }

    fn address(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    fn config(fallback: &[&str]) -> DnsConfig {
        DnsConfig {
            fallback: fallback.iter().map(|text| text.parse().unwrap()).collect(),
            ..DnsConfig::default()
        }
    }

    #[test]
    fn n3_bogus_servers_never_reach_the_system() {
        for (text, why) in [
            ("10.11.12.13", Unfit::Dummy),
            ("10.11.12.14", Unfit::Dummy),
            ("10.64.64.64", Unfit::MadeUp),
            ("10.64.64.65", Unfit::MadeUp),
            ("10.112.112.112", Unfit::MadeUp),
            ("0.0.0.0", Unfit::ThisNetwork),
            ("0.1.2.3", Unfit::ThisNetwork),
            ("255.255.255.255", Unfit::NoHost),
            ("127.0.0.1", Unfit::Loopback),
            ("127.0.0.53", Unfit::Loopback),
            ("224.0.0.251", Unfit::NoHost),
            ("100.64.0.7", Unfit::OurOwn),
        ] {
            let settings = settings([Some(address(text)), None]);
            let choice = choose(&config(&[]), &settings);
            assert_eq!(choice.left_out, [(address(text), why)], "{text}");
            assert_eq!((choice.servers.len(), choice.source), (0, Source::Nobody));
            assert_eq!(choice.pppd_text(), None);
        }
    }

    #[test]
    fn n3_good_servers_reach_it_the_peers_own_address_too() {
        for text in [
            "100.64.0.1",
            "10.64.63.1",
            "10.11.12.15",
            "192.0.2.53",
            "10.64.65.1",
        ] {
            assert_eq!(
                unfit(address(text), &settings([None, None])),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn n3_a_server_named_twice_is_used_once_and_listed_as_pppd_lists_it() {
        let settings = settings([Some(address("192.0.2.53")); 2]);
        let choice = choose(&config(&["9.9.9.9"]), &settings);
        assert_eq!(list(&choice.servers), "192.0.2.53");
        assert_eq!(choice.source, Source::Peer);
        let text = choice.pppd_text().unwrap();
        assert_eq!(text, "nameserver 192.0.2.53\nnameserver 192.0.2.53\n");
        assert_eq!(choice.log(&config(&[])), []);
    }

    #[test]
    fn n3_the_fallback_stands_in_where_none_is_good() {
        let config = config(&["9.9.9.9", "2620:fe::fe", "9.9.9.9"]);
        let settings = settings([Some(address("10.11.12.13")), None]);
        let choice = choose(&config, &settings);
        assert_eq!(list(&choice.servers), "9.9.9.9, 2620:fe::fe");
        assert_eq!(choice.source, Source::Fallback);
        let log: Vec<String> = choice
            .log(&config)
            .into_iter()
            .map(|line| line.text)
            .collect();
        assert_eq!(
            log,
            [
                "the peer's DNS server 10.11.12.13 is left out: modems name it while they have none",
                "the peer names no DNS server that is good; those of dns.fallback are used: 9.9.9.9, 2620:fe::fe",
            ]
        );
    }

    #[test]
    fn n3_scripts_and_the_monitor_are_told_what_is_used() {
        let settings = settings([Some(address("10.11.12.13")), Some(address("192.0.2.53"))]);
        let told = choose(&config(&[]), &settings).settings(&settings);
        assert_eq!(told.dns, [Some(address("192.0.2.53")), None]);
        assert_eq!(
            (told.local, told.remote, told.mtu),
            (settings.local, settings.remote, settings.mtu)
        );
        let mut nothing = settings;
        nothing.dns = [None, None];
        let told = choose(&config(&["2620:fe::fe", "9.9.9.9"]), &nothing).settings(&nothing);
        assert_eq!(told.dns, [Some(address("9.9.9.9")), None]);
    }

    #[test]
    fn n3_one_good_server_needs_no_fallback() {
        let settings = settings([Some(address("10.11.12.13")), Some(address("192.0.2.53"))]);
        let choice = choose(&config(&["9.9.9.9"]), &settings);
        assert_eq!(choice.pppd_text().unwrap(), "nameserver 192.0.2.53\n");
    }

    #[test]
    fn n3_without_use_peer_the_peer_is_not_heard() {
        let settings = settings([Some(address("192.0.2.53")), None]);
        let mut config = config(&[]);
        config.use_peer = false;
        let choice = choose(&config, &settings);
        assert_eq!((choice.servers.len(), choice.source), (0, Source::Nobody));
        assert_eq!(choice.log(&config), []);
        config.fallback = vec!["9.9.9.9".parse().unwrap()];
        let choice = choose(&config, &settings);
        assert_eq!(
            (list(&choice.servers).as_str(), choice.source),
            ("9.9.9.9", Source::Fallback)
        );
        assert_eq!(choice.log(&config), []);
    }

    proptest! {
        #[test]
        fn n3_whatever_the_peer_names_a_server_can_be_one(first: u32, second: u32, local: u32) {
            let mut settings = settings([Some(first.into()), Some(second.into())]);
            settings.local = local.into();
            let choice = choose(&DnsConfig::default(), &settings);
            prop_assert_eq!(choice.left_out.len() + choice.listed.len(), 2);
            for server in choice.servers {
                let IpAddr::V4(server) = server else { panic!("an IPv6 server") };
                prop_assert!(!server.is_loopback() && !server.is_multicast() && !server.is_broadcast());
                prop_assert!(!server.is_unspecified() && server != settings.local);
            }
        }
    }
}

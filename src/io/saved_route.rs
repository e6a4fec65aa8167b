//! A default route as data: taken from the kernel, written to a file, and given back to the kernel
//! (spec N2).
//!
//! In a file it is a line of words in the manner of `ip route`, numbers where `ip` has tables of
//! names: `route type 1 protocol 16 scope 0 metric 0 src 192.0.2.2 nexthop via 192.0.2.1 dev eth0
//! index 2 weight 0`. A line is taken whole or not at all, and an attribute that cannot be kept
//! makes the route unfit to be saved: a route that would come back as another must not be replaced
//! in the first place.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags, RouteRealm, RouteVia,
};
use rtnetlink::packet_core::{DefaultNla, Nla};

/// More next hops than this in one route are not believed.
const MAX_HOPS: usize = 64;

/// More TCP metrics than the kernel knows are not believed.
const MAX_METRICS: usize = 32;

/// An IPv4 default route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRoute {
    kind: u8,
    protocol: u8,
    scope: u8,
    metric: u32,
    source: Option<Ipv4Addr>,
    realm: Option<(u16, u16)>,
    /// An object of `ip nexthop`; the hops are only its description then.
    nexthop_id: Option<u32>,
    /// RTAX_* and its value: `mtu`, `advmss` and so on.
    metrics: Vec<(u16, u32)>,
    /// None for a route such as `unreachable default`, several for a multipath route.
    hops: Vec<Hop>,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hop {
    via: Option<Gateway>,
    name: String,
    index: u32,
    /// The kernel's count, one less than what `ip` shows as the weight.
    weight: u8,
    onlink: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gateway {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl SavedRoute {
    /// Takes a route from the kernel; `names` are the interfaces there are.
    ///
    /// # Errors
    ///
    /// What it has that cannot be kept.
    pub fn take(message: &RouteMessage, names: &[(u32, String)]) -> Result<Self, String> {
        let header = &message.header;
        let mut route = Self {
            kind: header.kind.into(),
            protocol: header.protocol.into(),
            scope: header.scope.into(),
            metric: 0,
            source: None,
            realm: None,
            nexthop_id: None,
            metrics: Vec::new(),
            hops: Vec::new(),
        };
        if header.tos != 0 {
            return Err("a type of service".to_owned());
        }
        let mut oif = None;
        let mut via = None;
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Priority(metric) => route.metric = *metric,
                RouteAttribute::PrefSource(RouteAddress::Inet(source)) => {
                    route.source = Some(*source);
                }
                RouteAttribute::Oif(index) => oif = Some(*index),
                RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => {
                    via = Some(Gateway::V4(*gateway));
                }
                RouteAttribute::Via(RouteVia::Inet6(gateway)) => via = Some(Gateway::V6(*gateway)),
                RouteAttribute::Realm(realm) => {
                    route.realm = Some((realm.source, realm.destination));
                }
                RouteAttribute::NhId(id) => route.nexthop_id = Some(*id),
                RouteAttribute::Metrics(metrics) => {
                    for metric in metrics {
                        route.metrics.push(metric_value(metric)?);
                    }
                }
                RouteAttribute::MultiPath(hops) => {
                    for hop in hops {
                        route.hops.push(Hop::take(hop, names)?);
                    }
                }
                // Known already, or of no account when a route is added.
                RouteAttribute::Table(_)
                | RouteAttribute::Destination(_)
                | RouteAttribute::CacheInfo(_) => {}
                other => return Err(format!("an attribute of kind {}", other.kind())),
            }
        }
        if let Some(index) = oif {
            route.hops.push(Hop {
                via,
                name: name_of(index, names),
                index,
                weight: 0,
                onlink: header.flags.contains(RouteFlags::Onlink),
            });
        }
        Ok(route)
    }

    /// Its metric.
    pub fn metric(&self) -> u32 {
        self.metric
    }

    /// For people: `via 192.0.2.1 dev eth0`.
    pub fn brief(&self) -> String {
        if self.hops.is_empty() {
            return "without an interface".to_owned();
        }
        let hops: Vec<String> = self.hops.iter().map(Hop::brief).collect();
        hops.join(" and ")
    }

    /// Whether it leads through the interface `name` and nowhere else.
    pub fn is_only_through(&self, name: &str) -> bool {
        !self.hops.is_empty() && self.hops.iter().all(|hop| hop.name == name)
    }

    /// The message that gives it back to the kernel; `None` if an interface it needs is gone. An
    /// interface is looked up by its name, since one that was unplugged comes back with another
    /// number, and by its number if none has the name.
    pub fn message(&self, names: &[(u32, String)]) -> Option<RouteMessage> {
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = AddressFamily::Inet;
        header.table = RouteHeader::RT_TABLE_MAIN;
        header.kind = self.kind.into();
        header.protocol = self.protocol.into();
        header.scope = self.scope.into();
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Priority(self.metric));
        if let Some(source) = self.source {
            attributes.push(RouteAttribute::PrefSource(RouteAddress::Inet(source)));
        }
        if let Some((source, destination)) = self.realm {
            attributes.push(RouteAttribute::Realm(RouteRealm {
                source,
                destination,
            }));
        }
        if !self.metrics.is_empty() {
            let metrics = self.metrics.iter().map(|&(kind, value)| {
                RouteMetric::Other(DefaultNla::new(kind, value.to_ne_bytes().to_vec()))
            });
            attributes.push(RouteAttribute::Metrics(metrics.collect()));
        }
        if let Some(id) = self.nexthop_id {
            attributes.push(RouteAttribute::NhId(id));
            return Some(message);
        }
        match self.hops.as_slice() {
            [] => {}
            [hop] => {
                attributes.push(RouteAttribute::Oif(hop.index_now(names)?));
                attributes.extend(hop.gateway());
                if hop.onlink {
                    message.header.flags = RouteFlags::Onlink;
                }
            }
            hops => {
                let hops = hops
                    .iter()
                    .map(|hop| hop.message(names))
                    .collect::<Option<_>>()?;
                attributes.push(RouteAttribute::MultiPath(hops));
            }
        }
        Some(message)
    }
}

impl fmt::Display for SavedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            protocol,
            scope,
            metric,
            ..
        } = self;
        write!(
            f,
            "route type {kind} protocol {protocol} scope {scope} metric {metric}"
        )?;
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        if let Some((source, destination)) = self.realm {
            write!(f, " realm {source}/{destination}")?;
        }
        if let Some(id) = self.nexthop_id {
            write!(f, " nhid {id}")?;
        }
        for (kind, value) in &self.metrics {
            write!(f, " rtax {kind}={value}")?;
        }
        for hop in &self.hops {
            f.write_str(" nexthop")?;
            match hop.via {
                Some(Gateway::V4(gateway)) => write!(f, " via {gateway}")?,
                Some(Gateway::V6(gateway)) => write!(f, " via {gateway}")?,
                None => {}
            }
            write!(
                f,
                " dev {} index {} weight {}",
                hop.name, hop.index, hop.weight
            )?;
            if hop.onlink {
                f.write_str(" onlink")?;
            }
        }
        Ok(())
    }
}

/// The line is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARoute;

impl FromStr for SavedRoute {
    type Err = NotARoute;

    fn from_str(line: &str) -> Result<Self, NotARoute> {
        let mut words = line.split_ascii_whitespace();
        let mut route = Self {
            kind: 0,
            protocol: 0,
            scope: 0,
            metric: 0,
            source: None,
            realm: None,
            nexthop_id: None,
            metrics: Vec::new(),
            hops: Vec::new(),
        };
        if words.next() != Some("route") {
            return Err(NotARoute);
        }
        while let Some(word) = words.next() {
            match word {
                "nexthop" if route.hops.len() < MAX_HOPS => {
                    route.hops.push(Hop {
                        via: None,
                        name: String::new(),
                        index: 0,
                        weight: 0,
                        onlink: false,
                    });
                    continue;
                }
                "onlink" => {
                    route.hops.last_mut().ok_or(NotARoute)?.onlink = true;
                    continue;
                }
                _ => {}
            }
            let value = words.next().ok_or(NotARoute)?;
            match (word, route.hops.last_mut()) {
                ("type", None) => route.kind = number(value)?,
                ("protocol", None) => route.protocol = number(value)?,
                ("scope", None) => route.scope = number(value)?,
                ("metric", None) => route.metric = number(value)?,
                ("src", None) => route.source = Some(number(value)?),
                ("nhid", None) => route.nexthop_id = Some(number(value)?),
                ("realm", None) => {
                    let (source, destination) = value.split_once('/').ok_or(NotARoute)?;
                    route.realm = Some((number(source)?, number(destination)?));
                }
                ("rtax", None) if route.metrics.len() < MAX_METRICS => {
                    let (kind, value) = value.split_once('=').ok_or(NotARoute)?;
                    route.metrics.push((number(kind)?, number(value)?));
                }
                ("via", Some(hop)) => {
                    hop.via = Some(match value.parse() {
                        Ok(gateway) => Gateway::V4(gateway),
                        Err(_) => Gateway::V6(number(value)?),
                    });
                }
                ("dev", Some(hop)) => hop.name = value.to_owned(),
                ("index", Some(hop)) => hop.index = number(value)?,
                ("weight", Some(hop)) => hop.weight = number(value)?,
                (_, _) => return Err(NotARoute),
            }
        }
        Ok(route)
    }
}

impl Hop {
    fn take(hop: &RouteNextHop, names: &[(u32, String)]) -> Result<Self, String> {
        let mut via = None;
        for attribute in &hop.attributes {
            match attribute {
                RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => {
                    via = Some(Gateway::V4(*gateway));
                }
                RouteAttribute::Via(RouteVia::Inet6(gateway)) => via = Some(Gateway::V6(*gateway)),
                other => {
                    return Err(format!(
                        "a next hop with an attribute of kind {}",
                        other.kind()
                    ));
                }
            }
        }
        Ok(Self {
            via,
            name: name_of(hop.interface_index, names),
            index: hop.interface_index,
            weight: hop.hops,
            onlink: hop.flags.contains(RouteNextHopFlags::Onlink),
        })
    }

    fn brief(&self) -> String {
        match self.via {
            Some(Gateway::V4(via)) => format!("via {via} dev {}", self.name),
            Some(Gateway::V6(via)) => format!("via {via} dev {}", self.name),
            None => format!("dev {}", self.name),
        }
    }

    fn index_now(&self, names: &[(u32, String)]) -> Option<u32> {
        let by_name = names.iter().find(|(_, name)| *name == self.name);
        by_name
            .or_else(|| names.iter().find(|(index, _)| *index == self.index))
            .map(|(i, _)| *i)
    }

    fn gateway(&self) -> Option<RouteAttribute> {
        self.via.map(|via| match via {
            Gateway::V4(gateway) => RouteAttribute::Gateway(RouteAddress::Inet(gateway)),
            Gateway::V6(gateway) => RouteAttribute::Via(RouteVia::Inet6(gateway)),
        })
    }

    fn message(&self, names: &[(u32, String)]) -> Option<RouteNextHop> {
        let mut hop = RouteNextHop::default();
        hop.interface_index = self.index_now(names)?;
        hop.hops = self.weight;
        if self.onlink {
            hop.flags = RouteNextHopFlags::Onlink;
        }
        hop.attributes.extend(self.gateway());
        Some(hop)
    }
}

fn name_of(index: u32, names: &[(u32, String)]) -> String {
    // A name that cannot be written down as one word is looked up by its number later.
    names
        .iter()
        .find(|(i, name)| *i == index && !name.is_empty() && !name.contains(char::is_whitespace))
        .map_or_else(|| "?".to_owned(), |(_, name)| name.clone())
}

/// The kind and the value of a TCP metric.
fn metric_value(metric: &RouteMetric) -> Result<(u16, u32), String> {
    let mut value = [0; 4];
    if metric.value_len() != value.len() {
        return Err(format!("a TCP metric of kind {}", metric.kind()));
    }
    metric.emit_value(&mut value);
    Ok((metric.kind(), u32::from_ne_bytes(value)))
}

fn number<T: FromStr>(text: &str) -> Result<T, NotARoute> {
    text.parse().map_err(|_| NotARoute)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 5] = [
        "route type 1 protocol 16 scope 0 metric 0 src 192.0.2.2 \
         nexthop via 192.0.2.1 dev eth0 index 2 weight 0",
        "route type 1 protocol 4 scope 253 metric 7 nexthop dev wwan0 index 5 weight 0",
        "route type 1 protocol 3 scope 0 metric 0 rtax 2=1400 rtax 8=1360 \
         nexthop via fe80::1 dev eth0 index 2 weight 0 onlink",
        "route type 1 protocol 3 scope 0 metric 0 realm 1/2 nexthop via 192.0.2.1 dev eth0 index 2 \
         weight 3 nexthop via 198.51.100.1 dev eth1 index 3 weight 0 onlink",
        "route type 7 protocol 3 scope 0 metric 0 nhid 9",
    ];

    fn names() -> Vec<(u32, String)> {
        vec![
            (2, "eth0".to_owned()),
            (3, "eth1".to_owned()),
            (5, "wwan0".to_owned()),
        ]
    }

    #[test]
    fn a_line_and_a_message_say_the_same() {
        for line in LINES {
            let route: SavedRoute = line.parse().unwrap();
            assert_eq!(route.to_string(), line);
            let message = route.message(&names()).unwrap();
            assert_eq!(
                SavedRoute::take(&message, &names()).unwrap(),
                route,
                "{line}"
            );
        }
    }

    #[test]
    fn people_are_told_where_it_leads() {
        let brief: Vec<String> = LINES
            .iter()
            .map(|line| line.parse::<SavedRoute>().unwrap().brief())
            .collect();
        assert_eq!(
            brief,
            [
                "via 192.0.2.1 dev eth0",
                "dev wwan0",
                "via fe80::1 dev eth0",
                "via 192.0.2.1 dev eth0 and via 198.51.100.1 dev eth1",
                "without an interface",
            ]
        );
    }

    #[test]
    fn an_interface_is_found_by_name_then_by_number() {
        let route: SavedRoute = LINES[1].parse().unwrap();
        let oif = |names: &[(u32, String)]| {
            let message = route.message(names)?;
            message
                .attributes
                .into_iter()
                .find_map(|attribute| match attribute {
                    RouteAttribute::Oif(index) => Some(index),
                    _ => None,
                })
        };
        assert_eq!(
            oif(&[(9, "wwan0".to_owned()), (5, "other".to_owned())]),
            Some(9)
        );
        assert_eq!(oif(&[(5, "renamed".to_owned())]), Some(5));
        assert_eq!(oif(&[(2, "eth0".to_owned())]), None);
    }

    #[test]
    fn what_is_not_one_of_our_lines_is_refused() {
        for line in [
            "",
            "route type",
            "route type x",
            "route type 256",
            "route via 192.0.2.1",
            "route onlink",
            "route nexthop via nowhere",
            "route nexthop dev eth0 metric 1",
            "route rtax 2",
            "route src 300.0.0.1",
            "route frobnicate 1",
            "rm -rf /",
        ] {
            assert_eq!(line.parse::<SavedRoute>(), Err(NotARoute), "{line}");
        }
        let many = format!("route{}", " nexthop".repeat(MAX_HOPS + 1));
        assert_eq!(many.parse::<SavedRoute>(), Err(NotARoute));
    }

    #[test]
    fn a_route_that_cannot_be_kept_is_not_taken() {
        let mut message = LINES[0]
            .parse::<SavedRoute>()
            .unwrap()
            .message(&names())
            .unwrap();
        message.attributes.push(RouteAttribute::Mark(1));
        assert_eq!(
            SavedRoute::take(&message, &names()),
            Err("an attribute of kind 16".to_owned())
        );
    }

    #[test]
    fn knows_whose_route_it_is() {
        let route: SavedRoute = LINES[0].parse().unwrap();
        assert!(route.is_only_through("eth0"));
        assert!(!route.is_only_through("eth1"));
        let several: SavedRoute = LINES[3].parse().unwrap();
        assert!(!several.is_only_through("eth0"));
    }
}

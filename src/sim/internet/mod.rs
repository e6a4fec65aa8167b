//! A small internet: hosts that answer ping and traceroute, name servers, and TCP services.
//!
//! - Hosts and the routers before them are in a table (`zone`). A packet whose hop limit ends on
//!   the way is answered by the router there with Time Exceeded (RFC 792), or not at all: some
//!   routers are silent, as in life.
//! - Every host answers ping (one does not: `quiet.example.net`), UDP on ports 7 and 53 (the latter
//!   on name servers only) and TCP on ports 7, 9, 19 and 80; other UDP ports are Port Unreachable,
//!   other TCP ports a reset.
//! - Any other address is Network Unreachable, said by the first router, except 203.0.113.128/25:
//!   silence.
//! - Not there: IPv6, fragments (dropped and counted), routing loops, other clients.

pub(super) mod device;
mod dns;
pub(super) mod packet;
mod services;
mod zone;

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use packet::{ICMP, Ipv4, TCP, UDP, Udp, icmp};
use services::Services;

use crate::time::Instant;

pub use services::pattern;

/// Packets that wait to be taken at most.
const MAX_QUEUE: usize = 1024;
const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;

/// Name and address of each host; the first three answer a ping.
pub fn hosts() -> Vec<(&'static str, Ipv4Addr)> {
    zone::HOSTS
        .iter()
        .map(|host| (host.name, host.address))
        .collect()
}

/// Name and address of a host whose `http://NAME/` is worth looking at.
pub fn web_server() -> Option<(&'static str, Ipv4Addr)> {
    let name = "www.example.jp";
    zone::resolve(name).map(|address| (name, address))
}

/// The name servers that the ISP hands out.
pub fn name_servers() -> [Ipv4Addr; 2] {
    zone::DNS
}

/// What the internet does wrong just now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InternetFaults {
    /// Nothing comes from it.
    pub(super) silent: bool,
    /// No host answers a ping.
    pub(super) no_ping: bool,
    /// No name server answers.
    pub(super) no_dns: bool,
}

/// Counters of the simulated internet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InternetStats {
    /// Packets received from the ISP.
    pub received: u64,
    /// Packets that were not sound, or fragments.
    pub malformed: u64,
    /// Packets for the ISP.
    pub sent: u64,
    /// Packets dropped because nobody took them.
    pub dropped: u64,
}

/// The internet, as the ISP's router sees it.
pub(super) struct Internet {
    isp: Ipv4Addr,
    dns: [Option<Ipv4Addr>; 2],
    services: Services,
    /// ICMP and UDP for the ISP.
    queue: VecDeque<Vec<u8>>,
    next_id: u16,
    stats: InternetStats,
}

impl Internet {
    /// `isp` is the ISP's own address, `dns` what it hands out as name servers.
    pub(super) fn new(now: Instant, seed: u64, isp: Ipv4Addr, dns: [Option<Ipv4Addr>; 2]) -> Self {
        Self {
            isp,
            dns,
            services: Services::new(now, seed),
            queue: VecDeque::new(),
            next_id: 0,
            stats: InternetStats::default(),
        }
    }

    /// Takes a packet of the gateway.
    pub(super) fn handle_packet(&mut self, now: Instant, bytes: &[u8], faults: InternetFaults) {
        self.stats.received += 1;
        if faults.silent {
            return;
        }
        let Some(packet) = Ipv4::parse(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let to = packet.destination;
        let Some((hops, ping)) = self.route(to) else {
            if packet.ttl <= 1 {
                self.error(TIME_EXCEEDED, 0, zone::EDGE, &packet);
            } else if !zone::is_black_hole(to) {
                self.error(UNREACHABLE, 0, zone::EDGE, &packet);
            }
            return;
        };
        if let Some(hop) = usize::from(packet.ttl.max(1))
            .checked_sub(1)
            .and_then(|n| hops.get(n))
        {
            if let Some(router) = hop {
                self.error(TIME_EXCEEDED, 0, *router, &packet);
            }
            return;
        }
        if packet.fragment {
            self.stats.malformed += 1;
            return;
        }
        match packet.protocol {
            ICMP if ping && !faults.no_ping => self.answer_ping(&packet),
            ICMP => {}
            UDP => self.answer_udp(&packet, faults),
            TCP => self.services.handle_packet(now, bytes),
            _ => self.error(UNREACHABLE, 2, to, &packet),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.services.handle_timeout(now);
    }

    /// The next packet for the gateway.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let packet = self
            .queue
            .pop_front()
            .or_else(|| self.services.poll_transmit())?;
        self.stats.sent += 1;
        Some(packet)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.services.poll_timeout()
    }

    pub(super) fn stats(&self) -> InternetStats {
        self.stats
    }

    /// TCP connections that are open.
    pub(super) fn connections(&self) -> usize {
        self.services.connections()
    }

    /// The routers before a host, and whether it answers a ping. `None`: there is no such host.
    fn route(&self, to: Ipv4Addr) -> Option<(&'static [Option<Ipv4Addr>], bool)> {
        if to == self.isp {
            return Some((&[], true));
        }
        match zone::find(to) {
            Some(host) => Some((host.hops, host.ping)),
            None if self.dns.contains(&Some(to)) => Some((&[Some(zone::EDGE)], true)),
            None => None,
        }
    }

    fn answer_ping(&mut self, packet: &Ipv4<'_>) {
        let Some(([kind, code, _, _, rest @ ..], data)) = packet.payload.split_first_chunk::<8>()
        else {
            self.stats.malformed += 1;
            return;
        };
        if packet::checksum([packet.payload]) != 0 {
            self.stats.malformed += 1;
        } else if (*kind, *code) == (ECHO_REQUEST, 0) {
            let reply = icmp(ECHO_REPLY, 0, *rest, data);
            self.send(packet.destination, packet.source, ICMP, &reply);
        }
    }

    fn answer_udp(&mut self, packet: &Ipv4<'_>, faults: InternetFaults) {
        let Some(udp) = Udp::parse(packet) else {
            self.stats.malformed += 1;
            return;
        };
        let to = packet.destination;
        let is_dns = self.dns.contains(&Some(to)) || zone::DNS.contains(&to);
        let answer = match udp.destination {
            7 => udp.payload.to_vec(),
            53 if is_dns => match dns::answer(udp.payload) {
                Some(answer) if !faults.no_dns => answer,
                Some(_) | None => return,
            },
            _ => return self.error(UNREACHABLE, 3, to, packet),
        };
        let reply = Udp {
            source: udp.destination,
            destination: udp.source,
            payload: &answer,
        };
        let reply = reply.write(to, packet.source);
        self.send(to, packet.source, UDP, &reply);
    }

    fn error(&mut self, kind: u8, code: u8, from: Ipv4Addr, about: &Ipv4<'_>) {
        if about.may_be_answered_by_an_error() {
            let message = icmp(kind, code, [0; 4], about.quote);
            self.send(from, about.source, ICMP, &message);
        }
    }

    fn send(&mut self, from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) {
        if self.queue.len() >= MAX_QUEUE {
            self.stats.dropped += 1;
            return;
        }
        self.next_id = self.next_id.wrapping_add(1);
        self.queue
            .push_back(Ipv4::write(from, to, protocol, self.next_id, payload));
    }
}

#[cfg(test)]
pub(super) mod tests;

//! Echo requests with a hop limit through one interface, and who answers them (spec M2).
//!
//! surge-ping does not say who let a request expire, so this is a raw socket of our own. It needs
//! CAP_NET_RAW. What comes in is read by [`icmp`].

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket as StdSocket};

use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with,
};
use tokio::net::UdpSocket;

use crate::link::monitor::{EchoAnswer, icmp};

/// As many requests are remembered: more than a search has under way, and some that were given up.
const MOST_REQUESTS: usize = 16;

/// No answer to our requests is longer: an IP header with options, an ICMP error that quotes one
/// more, and the request. What is longer is cut.
const LONGEST_ANSWER: usize = 512;

/// A raw ICMP socket bound to an interface.
#[derive(Debug)]
pub struct HopSocket {
    socket: UdpSocket,
    identifier: u16,
    /// Number and destination of the requests under way, the oldest first.
    requests: VecDeque<(u16, Ipv4Addr)>,
}

impl HopSocket {
    /// Opens it, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// The kernel's: without CAP_NET_RAW, or if there is no such interface.
    pub fn open(interface: &str, identifier: u16) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (family, kind) = (AddressFamily::INET, SocketType::RAW);
        let raw = socket_with(family, kind, flags, Some(ipproto::ICMP))?;
        // The types for UDP do no more than the calls that all sockets with IPv4 addresses have.
        let socket = UdpSocket::from_std(StdSocket::from(raw))?;
        socket.bind_device(Some(interface.as_bytes()))?;
        Ok(Self {
            socket,
            identifier,
            requests: VecDeque::new(),
        })
    }

    /// Sends a request that ends at hop `ttl`. It never waits.
    ///
    /// # Errors
    ///
    /// When it cannot be sent.
    pub fn send(&mut self, to: Ipv4Addr, ttl: u8, sequence: u16) -> io::Result<()> {
        self.socket.set_ttl(u32::from(ttl))?;
        let request = icmp::echo_request(self.identifier, sequence);
        // Not by tokio, which would first have to learn that the socket takes something.
        let address = SocketAddrV4::new(to, 0);
        sendto(&self.socket, &request, SendFlags::DONTWAIT, &address)?;
        if self.requests.len() == MOST_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back((sequence, to));
        Ok(())
    }

    /// Waits for an answer to one of the requests and gives its number. Safe to cancel.
    ///
    /// # Errors
    ///
    /// The kernel's, such as an interface that went down.
    pub async fn recv(&mut self) -> io::Result<(u16, EchoAnswer)> {
        let mut packet = [0; LONGEST_ANSWER];
        loop {
            let (length, _) = self.socket.recv_from(&mut packet).await?;
            let packet = packet.get(..length).unwrap_or_default();
            let Some(received) = icmp::read(packet, self.identifier) else {
                continue;
            };
            let key = (received.sequence, received.to);
            if let Some(at) = self.requests.iter().position(|request| *request == key) {
                self.requests.remove(at);
                return Ok((received.sequence, received.answer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::super::testing::in_network_namespace;
    use super::super::testing::route::{INTERFACE, ROUTER_1, ROUTER_2, Route, TARGET};
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn finds_the_hosts_on_the_way() {
        in_network_namespace(async || {
            let _route = Route::new();
            let mut socket = HopSocket::open(INTERFACE, 7).unwrap();
            let mut other = HopSocket::open(INTERFACE, 8).unwrap();
            for ttl in 1..=3 {
                socket.send(TARGET, ttl, 100 + u16::from(ttl)).unwrap();
            }
            let mut answers = vec![];
            for _ in 0..3 {
                answers.push(timeout(SOON, socket.recv()).await.unwrap().unwrap());
            }
            answers.sort_by_key(|(sequence, _)| *sequence);
            assert_eq!(
                answers,
                [
                    (101, EchoAnswer::TimeExceeded { from: ROUTER_1 }),
                    (102, EchoAnswer::TimeExceeded { from: ROUTER_2 }),
                    (103, EchoAnswer::Reply { from: TARGET }),
                ]
            );
            // Another program's socket gets the same packets, and nothing out of them.
            let quiet = timeout(Duration::from_millis(200), other.recv()).await;
            assert!(quiet.is_err(), "{quiet:?}");
        });
    }

    #[test]
    fn remembers_no_more_requests_than_it_may() {
        in_network_namespace(async || {
            let _route = Route::new();
            let mut socket = HopSocket::open(INTERFACE, 7).unwrap();
            for sequence in 0..1000 {
                socket.send(TARGET, 1, sequence).unwrap();
            }
            assert_eq!(socket.requests.len(), MOST_REQUESTS);
        });
    }

    #[test]
    fn there_is_no_socket_without_an_interface() {
        in_network_namespace(async || {
            assert!(HopSocket::open("ppp9", 7).is_err());
        });
    }
}

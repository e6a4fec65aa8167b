//! ICMP echo through one interface (spec M1), by the surge-ping crate.
//!
//! Its socket is bound to the interface: other routes do not matter, and without a route through the
//! interface packets go out of it all the same. A socket of the kind that needs no privileges is
//! taken where the sysctl `net.ipv4.ping_group_range` allows it, else a raw one (CAP_NET_RAW). One
//! task of the crate's reads the socket; it ends when the [`Pinger`] is dropped.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

use crate::link::monitor::EchoAnswer;

/// ICMP type of an echo reply, of an error about what cannot be delivered, and of an expired hop
/// limit (RFC 792).
const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;

/// As much as [`hops`](super::hops) sends: the customer pays for each byte.
const DATA: [u8; 8] = *b"uplinkd\0";

/// Sends echo requests through an interface. Clones share the socket.
#[derive(Clone)]
pub struct Pinger {
    client: Client,
    identifier: PingIdentifier,
}

impl Pinger {
    /// Opens a socket bound to `interface`, within a tokio runtime. `identifier` tells our requests
    /// from those of other programs.
    ///
    /// # Errors
    ///
    /// The kernel's: without CAP_NET_RAW, or if there is no such interface.
    pub fn open(interface: &str, identifier: u16) -> io::Result<Self> {
        let config = Config::builder()
            .kind(ICMP::V4)
            .interface(interface)
            .build();
        Ok(Self {
            client: Client::new(&config)?,
            identifier: PingIdentifier(identifier),
        })
    }

    /// Sends one request and waits for what comes of it; `None`: nothing did in `timeout`. A
    /// `sequence` must not be used again while its request is under way.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent.
    pub async fn ping(
        &self,
        to: Ipv4Addr,
        sequence: u16,
        timeout: Duration,
    ) -> io::Result<Option<EchoAnswer>> {
        let mut pinger = self.client.pinger(IpAddr::V4(to), self.identifier).await;
        pinger.timeout(timeout);
        match pinger.ping(PingSequence(sequence), &DATA).await {
            Ok((IcmpPacket::V4(packet), _)) => {
                let from = packet.get_source();
                Ok(match packet.get_icmp_type().0 {
                    ECHO_REPLY => Some(EchoAnswer::Reply { from }),
                    UNREACHABLE => Some(EchoAnswer::Unreachable { from }),
                    TIME_EXCEEDED => Some(EchoAnswer::TimeExceeded { from }),
                    _ => None,
                })
            }
            Ok((IcmpPacket::V6(_), _)) | Err(SurgeError::Timeout { .. }) => Ok(None),
            Err(SurgeError::IOError(error)) => Err(error),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::hops::HopSocket;
    use super::super::testing::route::{INTERFACE, ROUTER_1, Route, TARGET, no_ping};
    use super::super::testing::{in_network_namespace, ip};
    use super::super::tun::Tun;
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn pings_through_the_interface_whatever_the_routes_say() {
        in_network_namespace(async || {
            let route = Route::new();
            let pinger = Pinger::open(INTERFACE, 7).unwrap();
            let reply = |from| Some(EchoAnswer::Reply { from });
            let ping = |to, sequence, timeout| pinger.ping(to, sequence, timeout);
            assert_eq!(ping(TARGET, 1, TIMEOUT).await.unwrap(), reply(TARGET));
            let (near, far) = tokio::join!(ping(ROUTER_1, 2, TIMEOUT), ping(TARGET, 3, TIMEOUT));
            assert_eq!(
                (near.unwrap(), far.unwrap()),
                (reply(ROUTER_1), reply(TARGET))
            );
            route.target.run(no_ping);
            let short = Duration::from_millis(300);
            assert_eq!(ping(TARGET, 4, short).await.unwrap(), None);
            // Where the routes lead, nobody is.
            let elsewhere = Pinger::open("lo", 7).unwrap();
            let nobody = elsewhere.ping(TARGET, 5, short).await;
            assert!(!matches!(nobody, Ok(Some(EchoAnswer::Reply { .. }))));
        });
    }

    #[test]
    fn pings_without_privileges_where_the_system_allows_it() {
        in_network_namespace(async || {
            let _route = Route::new();
            let range = "/proc/sys/net/ipv4/ping_group_range";
            fs::write(range, "0 2147483647").unwrap();
            let pinger = Pinger::open(INTERFACE, 7).unwrap();
            for to in [TARGET, ROUTER_1] {
                let answer = pinger.ping(to, 1, TIMEOUT).await.unwrap();
                assert_eq!(answer, Some(EchoAnswer::Reply { from: to }));
            }
        });
    }

    /// A link without the default route (DEFAULTROUTE=0) is watched all the same.
    #[test]
    fn without_a_route_requests_go_out_with_our_address() {
        in_network_namespace(async || {
            let tun = Tun::create("ppp7").unwrap();
            ip("addr add 10.9.0.1 peer 10.9.0.2 dev ppp7");
            ip("link set ppp7 up");
            let mut hops = HopSocket::open("ppp7", 7).unwrap();
            hops.send(TARGET, 3, 1).unwrap();
            let mut buf = [0; 1500];
            let n = tokio::time::timeout(TIMEOUT, tun.recv(&mut buf)).await;
            let n = n.unwrap().unwrap();
            let packet = &buf[..n];
            // The hop limit, ICMP, our address, the target.
            assert_eq!((packet[8], packet[9], n), (3, 1, 36));
            assert_eq!(packet[12..20], [10, 9, 0, 1, 10, 3, 0, 2]);

            let pinger = Pinger::open("ppp7", 7).unwrap();
            let answer = async {
                let n = tun.recv(&mut buf).await.unwrap();
                let request = &mut buf[..n];
                // Only the direction and the type change; the sum of the header stays what it was.
                let (us, them) = ([10, 9, 0, 1], [10, 3, 0, 2]);
                assert_eq!(request[12..20], [us, them].concat());
                request[12..20].copy_from_slice(&[them, us].concat());
                assert_eq!(request[20], 8);
                request[20] = 0;
                // RFC 1624: the type was 0x0800 of the sum.
                let sum = u32::from(u16::from_be_bytes([request[22], request[23]])) + 0x0800;
                let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
                request[22..24].copy_from_slice(&sum.to_be_bytes());
                tun.try_send(request).unwrap();
            };
            let (answer, ()) = tokio::join!(pinger.ping(TARGET, 2, TIMEOUT), answer);
            assert_eq!(answer.unwrap(), Some(EchoAnswer::Reply { from: TARGET }));
        });
    }

    #[test]
    fn an_interface_that_is_missing_or_down_is_an_error() {
        in_network_namespace(async || {
            assert!(Pinger::open("ppp9", 7).is_err());
            let _route = Route::new();
            let pinger = Pinger::open(INTERFACE, 7).unwrap();
            ip("link set ppp7 down");
            assert!(pinger.ping(TARGET, 1, TIMEOUT).await.is_err());
        });
    }
}

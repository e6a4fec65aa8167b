//! The address of a name by the link's own DNS servers, through the link's interface (spec M2).
//!
//! The system's resolver would ask whom `/etc/resolv.conf` names, by whatever route. Each server is
//! asked once, by UDP; what it says is read by [`dns`].

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::rand;
use crate::link::monitor::{LookupError, dns};

/// How long a server may take.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);

/// Datagrams of a server that do not answer the question: so many are looked at.
const MOST_DATAGRAMS: usize = 64;

/// Without EDNS, which we do not offer, no answer is longer than 512 bytes (RFC 1035 section
/// 4.2.1). What is longer is cut and cannot be read then.
const LONGEST_ANSWER: usize = 1500;

const DNS_PORT: u16 = 53;

/// Asks the servers in turn until one knows.
///
/// # Errors
///
/// What the first said that has an opinion: another is asked only where it may know better. Else
/// that nobody could be asked, or nobody answered.
pub async fn resolve(
    interface: &str,
    name: &str,
    servers: [Option<Ipv4Addr>; 2],
) -> Result<Ipv4Addr, LookupError> {
    resolve_at(interface, name, servers, DNS_PORT).await
}

async fn resolve_at(
    interface: &str,
    name: &str,
    servers: [Option<Ipv4Addr>; 2],
    port: u16,
) -> Result<Ipv4Addr, LookupError> {
    let mut last = LookupError::NoServer;
    for server in servers.into_iter().flatten() {
        let server = SocketAddrV4::new(server, port);
        let asked = match timeout(SERVER_TIMEOUT, ask(interface, name, server)).await {
            Ok(Ok(said)) => said,
            Ok(Err(error)) if is_refusal(&error) => Err(LookupError::NoAnswer),
            Ok(Err(error)) => Err(LookupError::NotSent {
                error: error.to_string(),
            }),
            Err(_) => Err(LookupError::NoAnswer),
        };
        match asked {
            Err(error) if error.another_may_know() => last = error,
            known => return known,
        }
    }
    Err(last)
}

async fn ask(
    interface: &str,
    name: &str,
    server: SocketAddrV4,
) -> io::Result<Result<Ipv4Addr, LookupError>> {
    // Port and number are drawn anew each time, so that nobody who cannot see the question can
    // forge an answer.
    let id = rand::seed()? as u16;
    let query = match dns::query(id, name) {
        Ok(query) => query,
        Err(error) => return Ok(Err(error)),
    };
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.bind_device(Some(interface.as_bytes()))?;
    // The kernel drops what comes from elsewhere then.
    socket.connect(server).await?;
    socket.send(&query).await?;
    let mut datagram = [0; LONGEST_ANSWER];
    for _ in 0..MOST_DATAGRAMS {
        let length = socket.recv(&mut datagram).await?;
        if let Some(said) = dns::read(id, name, datagram.get(..length).unwrap_or_default()) {
            return Ok(said);
        }
    }
    Ok(Err(LookupError::NoAnswer))
}

/// Whether an error came from the network, as an answer: Port or Host Unreachable.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::testing::in_network_namespace;
    use super::super::testing::route::{INTERFACE, NAME, ROUTER_1, Route, TARGET, dns_answer};
    use super::*;

    #[test]
    fn asks_the_links_servers_through_the_interface() {
        in_network_namespace(async || {
            let route = Route::new();
            route.serve(2, |query| vec![dns_answer(query)]);
            // The first refuses: nothing listens there.
            let servers = [Some(ROUTER_1), Some(TARGET)];
            assert_eq!(resolve(INTERFACE, NAME, servers).await, Ok(TARGET));
            assert_eq!(
                resolve(INTERFACE, "nosuch.example.jp", servers).await,
                Err(LookupError::NoSuchName)
            );
            let nobody = resolve(INTERFACE, NAME, [None, None]).await;
            assert_eq!(nobody, Err(LookupError::NoServer));
            let bad = resolve(INTERFACE, "a..b", servers).await;
            assert_eq!(bad, Err(LookupError::BadName));
        });
    }

    #[test]
    fn reads_past_what_does_not_answer_the_question() {
        in_network_namespace(async || {
            let route = Route::new();
            route.serve(1, |query| {
                let good = dns_answer(query);
                let mut forged = good.clone();
                forged[1] ^= 1;
                let mut refusal = good.clone();
                refusal[0] ^= 1;
                refusal[3] |= 2;
                vec![vec![], vec![0xff; 1400], forged, refusal, good]
            });
            let servers = [Some(TARGET), None];
            assert_eq!(resolve(INTERFACE, NAME, servers).await, Ok(TARGET));
        });
    }

    #[test]
    fn a_server_that_floods_or_says_nothing_is_given_up() {
        in_network_namespace(async || {
            let route = Route::new();
            route.serve(1, |_| vec![vec![0; 12]; 2 * MOST_DATAGRAMS]);
            let servers = [Some(TARGET), None];
            let nothing = Err(LookupError::NoAnswer);
            assert_eq!(resolve(INTERFACE, NAME, servers).await, nothing);
            let began = Instant::now();
            let silent = [Some(Ipv4Addr::new(10, 3, 0, 99)), None];
            assert_eq!(resolve(INTERFACE, NAME, silent).await, nothing);
            assert!(began.elapsed() < SERVER_TIMEOUT + Duration::from_secs(1));
        });
    }

    #[test]
    fn an_interface_that_is_missing_is_told() {
        in_network_namespace(async || {
            let asked = resolve("ppp9", NAME, [Some(TARGET), None]).await;
            assert!(
                matches!(asked, Err(LookupError::NotSent { .. })),
                "{asked:?}"
            );
        });
    }
}

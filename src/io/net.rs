//! Addresses, MTU and routes by rtnetlink (spec N1, N2).
//!
//! [`Net`] is the connection to the kernel and sets up the interface; what it takes to borrow the
//! host's default route and give it back is [`DefaultRoute`]; [`LinkMonitor`] tells when somebody
//! takes the interface from us.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use futures_util::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteMessage};
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::{Error, Handle, LinkUnspec, RouteMessageBuilder, new_connection};
use rustix::io::Errno;
use tokio::task::JoinHandle;

pub use super::default_route::DefaultRoute;
pub use super::link_monitor::{LinkGone, LinkMonitor};
use super::tun::Tun;
use crate::link::reason::NetworkProblem;
use crate::ppp::Ipv4Settings;

/// The least MTU with which IPv4 works on an interface (RFC 791: every host must forward 68 bytes
/// unfragmented).
const MIN_MTU: u16 = 68;

/// A connection to the kernel's network tables, those of the network namespace in which it was
/// made.
#[derive(Debug)]
pub struct Net {
    pub(super) handle: Handle,
    connection: JoinHandle<()>,
}

impl Net {
    /// Connects, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When there is no netlink socket to be had.
    pub fn connect() -> io::Result<Self> {
        let (connection, handle, _messages) = new_connection()?;
        Ok(Self {
            handle,
            connection: tokio::spawn(connection),
        })
    }

    /// Gives the interface its MTU and address and takes it up; on a renegotiation, exchanges what
    /// has changed and leaves alone what has not, with the sockets that use it.
    ///
    /// The address is `settings.local` with the peer's at the other end. `netmask` makes a network
    /// of the peer's side (or, without a peer's address, of ours), as pppd's option of that name
    /// does; without it the far end is one host.
    ///
    /// # Errors
    ///
    /// [`NetworkProblem::NoPermission`], [`NetworkProblem::InterfaceDeleted`], or
    /// [`NetworkProblem::Failed`].
    pub async fn configure(
        &self,
        tun: &Tun,
        settings: &Ipv4Settings,
        netmask: Option<Ipv4Addr>,
    ) -> Result<(), NetworkProblem> {
        self.prepare(tun, settings, netmask).await?;
        let name = tun.name();
        let what = format!("taking {name} up");
        let link = LinkUnspec::new_with_index(tun.index()).up().build();
        self.handle
            .link()
            .set(link)
            .execute()
            .await
            .map_err(|e| problem(name, &what, &e))
    }

    /// All of [`configure`](Self::configure) but taking the interface up.
    ///
    /// # Errors
    ///
    /// Those of [`configure`](Self::configure).
    pub async fn prepare(
        &self,
        tun: &Tun,
        settings: &Ipv4Settings,
        netmask: Option<Ipv4Addr>,
    ) -> Result<(), NetworkProblem> {
        let name = tun.name();
        let prefix_len = netmask.map_or(Ok(32), prefix_length)?;
        let mtu = settings.mtu.max(MIN_MTU);
        let link = LinkUnspec::new_with_index(tun.index())
            .mtu(u32::from(mtu))
            .build();
        let what = format!("setting the MTU of {name} to {mtu}");
        self.handle
            .link()
            .set(link)
            .execute()
            .await
            .map_err(|e| problem(name, &what, &e))?;

        let wanted = Address {
            local: settings.local,
            peer: settings.remote.unwrap_or(settings.local),
            prefix_len,
        };
        let what = format!("setting the address of {name} to {}", settings.local);
        let failed = |error| problem(name, &what, &error);
        // The new one comes before the old ones go: an interface that loses its last address loses
        // all its routes, too. A second round is needed where the kernel made the new address a
        // secondary one of an old one's (the same peer) and removed both.
        for _ in 0..2 {
            let present = self.addresses(tun.index()).await.map_err(failed)?;
            if !present
                .iter()
                .any(|address| Address::of(address) == Some(wanted))
            {
                self.add_address(tun.index(), wanted)
                    .await
                    .map_err(failed)?;
            }
            for address in present {
                if Address::of(&address) != Some(wanted) {
                    self.remove_address(address).await.map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the interface down and its addresses away.
    ///
    /// # Errors
    ///
    /// As [`configure`](Self::configure). An interface that is gone is one of them.
    pub async fn deconfigure(&self, tun: &Tun) -> Result<(), NetworkProblem> {
        let name = tun.name();
        let what = format!("taking {name} down");
        let failed = |error| problem(name, &what, &error);
        let link = LinkUnspec::new_with_index(tun.index()).down().build();
        self.handle
            .link()
            .set(link)
            .execute()
            .await
            .map_err(failed)?;
        for address in self.addresses(tun.index()).await.map_err(failed)? {
            self.remove_address(address).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn add_address(&self, index: u32, address: Address) -> Result<(), Error> {
        let local = IpAddr::V4(address.local);
        let mut request = self.handle.address().add(index, local, address.prefix_len);
        // rtnetlink knows broadcast networks only, where both are our own address, and a
        // broadcast address.
        request.message_mut().attributes = vec![
            AddressAttribute::Local(local),
            AddressAttribute::Address(IpAddr::V4(address.peer)),
        ];
        request.execute().await
    }

    async fn remove_address(&self, address: AddressMessage) -> Result<(), Error> {
        match self.handle.address().del(address).execute().await {
            // Gone already is as good.
            Err(error) if errno(&error) != Some(Errno::ADDRNOTAVAIL) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The IPv4 addresses of an interface.
    async fn addresses(&self, index: u32) -> Result<Vec<AddressMessage>, Error> {
        let mut request = self.handle.address().get().set_link_index_filter(index);
        request.message_mut().header.family = AddressFamily::Inet;
        let all: Vec<AddressMessage> = request.execute().try_collect().await?;
        Ok(all
            .into_iter()
            .filter(|a| a.header.family == AddressFamily::Inet)
            .collect())
    }

    /// The IPv4 default routes of the main table.
    pub(super) async fn default_routes(&self) -> Result<Vec<RouteMessage>, Error> {
        let filter = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let all: Vec<RouteMessage> = self
            .handle
            .route()
            .get(filter)
            .execute()
            .try_collect()
            .await?;
        let main = u32::from(RouteHeader::RT_TABLE_MAIN);
        Ok(all
            .into_iter()
            .filter(|route| {
                let table = route
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        RouteAttribute::Table(table) => Some(*table),
                        _ => None,
                    });
                route.header.address_family == AddressFamily::Inet
                    && route.header.destination_prefix_length == 0
                    && table.unwrap_or_else(|| u32::from(route.header.table)) == main
            })
            .collect())
    }

    /// The names and numbers of all interfaces.
    pub(super) async fn interfaces(&self) -> Result<Vec<(u32, String)>, Error> {
        let all: Vec<_> = self.handle.link().get().execute().try_collect().await?;
        Ok(all
            .into_iter()
            .filter_map(|link| {
                let name = link
                    .attributes
                    .into_iter()
                    .find_map(|attribute| match attribute {
                        LinkAttribute::IfName(name) => Some(name),
                        _ => None,
                    })?;
                Some((link.header.index, name))
            })
            .collect())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// An address of a point-to-point interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    local: Ipv4Addr,
    peer: Ipv4Addr,
    prefix_len: u8,
}

impl Address {
    fn of(message: &AddressMessage) -> Option<Self> {
        let (mut local, mut peer) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(IpAddr::V4(address)) => local = Some(*address),
                AddressAttribute::Address(IpAddr::V4(address)) => peer = Some(*address),
                _ => {}
            }
        }
        Some(Self {
            local: local?,
            peer: peer?,
            prefix_len: message.header.prefix_len,
        })
    }
}

/// The length of a netmask's row of ones.
fn prefix_length(netmask: Ipv4Addr) -> Result<u8, NetworkProblem> {
    let bits = netmask.to_bits();
    let ones = bits.leading_ones();
    match u8::try_from(ones) {
        Ok(length) if length > 0 && bits.count_ones() == ones => Ok(length),
        Ok(_) | Err(_) => Err(NetworkProblem::Failed {
            what: format!("{netmask} cannot be a netmask"),
        }),
    }
}

/// The kernel's error number behind an error of rtnetlink's.
pub(super) fn errno(error: &Error) -> Option<Errno> {
    match error {
        Error::NetlinkError(message) => {
            message.to_io().raw_os_error().map(Errno::from_raw_os_error)
        }
        _ => None,
    }
}

/// The kernel's words for an error.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::NetlinkError(message) => message.to_io().to_string(),
        other => other.to_string(),
    }
}

/// What an error means that came while doing `what` to the interface `name`.
pub(super) fn problem(name: &str, what: &str, error: &Error) -> NetworkProblem {
    match errno(error) {
        Some(Errno::PERM | Errno::ACCESS) => NetworkProblem::NoPermission {
            what: format!("{what}: {}", words(error)),
        },
        Some(Errno::NODEV | Errno::NXIO) => NetworkProblem::InterfaceDeleted {
            name: name.to_owned(),
        },
        Some(_) | None => NetworkProblem::Failed {
            what: format!("{what}: {}", words(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{in_network_namespace, ip};
    use super::*;

    const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
    const PEER: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);

    fn settings(local: Ipv4Addr, remote: Option<Ipv4Addr>) -> Ipv4Settings {
        Ipv4Settings {
            local,
            remote,
            dns: [None, None],
            mtu: 1400,
        }
    }

    /// The address lines of `ip addr` for ppp7.
    fn addresses() -> Vec<String> {
        ip("-4 -o addr show dev ppp7")
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let end = words.iter().position(|word| *word == "scope").unwrap();
                words[3..end].join(" ")
            })
            .collect()
    }

    #[test]
    fn sets_up_a_point_to_point_interface_and_takes_it_down() {
        in_network_namespace(async || {
            let net = Net::connect().unwrap();
            let tun = Tun::create("ppp7").unwrap();
            net.configure(&tun, &settings(LOCAL, Some(PEER)), None)
                .await
                .unwrap();
            assert_eq!(addresses(), ["10.1.0.1 peer 10.1.0.2/32"]);
            let link = ip("-o link show dev ppp7");
            assert!(link.contains("mtu 1400") && link.contains(",UP"), "{link}");
            assert_eq!(
                ip("route").trim(),
                "10.1.0.2 dev ppp7 proto kernel scope link src 10.1.0.1"
            );
            net.deconfigure(&tun).await.unwrap();
            assert_eq!(addresses(), [""; 0]);
            assert!(!ip("-o link show dev ppp7").contains(",UP"));
        });
    }

    #[test]
    fn a_renegotiation_exchanges_what_has_changed() {
        in_network_namespace(async || {
            let net = Net::connect().unwrap();
            let tun = Tun::create("ppp7").unwrap();
            net.configure(&tun, &settings(LOCAL, Some(PEER)), None)
                .await
                .unwrap();
            // A route of somebody's through it survives a renegotiation that changes nothing.
            ip("route add 192.0.2.0/24 via 10.1.0.2");
            net.configure(&tun, &settings(LOCAL, Some(PEER)), None)
                .await
                .unwrap();
            assert!(ip("route").contains("192.0.2.0/24 via 10.1.0.2"));
            let other = Ipv4Addr::new(10, 1, 0, 9);
            net.configure(&tun, &settings(other, Some(PEER)), None)
                .await
                .unwrap();
            assert_eq!(addresses(), ["10.1.0.9 peer 10.1.0.2/32"]);
            let same = settings(other, None);
            net.configure(&tun, &same, Some(Ipv4Addr::new(255, 255, 255, 0)))
                .await
                .unwrap();
            assert_eq!(addresses(), ["10.1.0.9/24"]);
        });
    }

    #[test]
    fn an_mtu_below_what_ipv4_needs_is_raised() {
        in_network_namespace(async || {
            let net = Net::connect().unwrap();
            let tun = Tun::create("ppp7").unwrap();
            let tiny = Ipv4Settings {
                mtu: 1,
                ..settings(LOCAL, Some(PEER))
            };
            net.configure(&tun, &tiny, None).await.unwrap();
            assert!(ip("-o link show dev ppp7").contains("mtu 68 "));
        });
    }

    #[test]
    fn says_that_the_interface_is_gone() {
        in_network_namespace(async || {
            let net = Net::connect().unwrap();
            let tun = Tun::create("ppp7").unwrap();
            ip("link del ppp7");
            assert_eq!(
                net.configure(&tun, &settings(LOCAL, Some(PEER)), None)
                    .await,
                Err(NetworkProblem::InterfaceDeleted {
                    name: "ppp7".to_owned()
                })
            );
        });
    }

    #[test]
    fn a_netmask_must_be_a_row_of_ones() {
        assert_eq!(prefix_length(Ipv4Addr::new(255, 255, 255, 255)), Ok(32));
        assert_eq!(prefix_length(Ipv4Addr::new(255, 255, 240, 0)), Ok(20));
        for bad in [Ipv4Addr::new(255, 0, 255, 0), Ipv4Addr::UNSPECIFIED, PEER] {
            assert!(prefix_length(bad).is_err(), "{bad}");
        }
    }
}

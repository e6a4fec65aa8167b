//! The network interface: a TUN device (spec N1).
//!
//! Made by the tun-tap crate, watched by tokio. Its traps are dealt with here: a name that is too
//! long is cut without a word, so names are checked first; the deletion of the interface wakes
//! nobody who waits for readability, only who waits for an error as well; and a write to an
//! interface that is down fails rather than waits.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, UdpSocket};

use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tun_tap::{Iface, Mode};

use crate::link::reason::NetworkProblem;

/// Room for a name and the zero at its end.
const IFNAMSIZ: usize = 16;

/// A TUN interface; it goes when this is dropped (a child process that is just being started keeps
/// it until its exec, some milliseconds). Packets are bare IP, without the header that TUN can put
/// before.
#[derive(Debug)]
pub struct Tun {
    iface: AsyncFd<Iface>,
    name: String,
    index: u32,
}

impl Tun {
    /// Makes the interface `name`; it is down and has no address.
    ///
    /// The kernel would give it an IPv6 address at once and send router solicitations through it,
    /// so IPv6 is turned off for it where that can be done.
    ///
    /// # Errors
    ///
    /// - [`NetworkProblem::NoTun`] if the kernel has no TUN,
    /// - [`NetworkProblem::NoPermission`] if we may not use it,
    /// - [`NetworkProblem::NameTaken`] if the name belongs to another interface or program,
    /// - [`NetworkProblem::Failed`] otherwise, a name that cannot be one among it.
    pub fn create(name: &str) -> Result<Self, NetworkProblem> {
        check_name(name)?;
        let failed = |error: io::Error| NetworkProblem::Failed {
            what: format!("cannot create the interface {name}: {error}"),
        };
        let iface = Iface::without_packet_info(name, Mode::Tun)
            .map_err(|error| create_problem(name, &error))?;
        iface.set_non_blocking().map_err(failed)?;
        let name = iface.name().to_owned();
        let index = index_of(&name)
            .ok_or_else(|| NetworkProblem::InterfaceDeleted { name: name.clone() })?;
        let interest = Interest::READABLE | Interest::ERROR;
        // SAFETY: an `Iface` owns its descriptor, always the same one, and closes it only when
        // dropped; the `AsyncFd` owns the `Iface`, of which we use shared references only.
        let iface = unsafe { AsyncFd::register_with_interest(iface, interest) }
            .map_err(|error| failed(io::Error::other(error.to_string())))?;
        // Where /proc/sys is not writable, the caller drops the packets that come of it.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
        Ok(Self { iface, name, index })
    }

    /// Whether this system has TUN at all, and we may open it. No interface is made.
    ///
    /// # Errors
    ///
    /// [`NetworkProblem::NoTun`] or [`NetworkProblem::NoPermission`].
    pub fn check() -> Result<(), NetworkProblem> {
        let opened = fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/net/tun");
        opened
            .map(drop)
            .map_err(|error| create_problem("ppp0", &error))
    }

    /// Waits for a packet that goes out through the interface and puts it into `buf`, which must
    /// hold the MTU: what is longer is cut. Safe to cancel. One reader at a time.
    ///
    /// # Errors
    ///
    /// One that [`is_deleted`](Self::is_deleted) knows when the interface is gone.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut guard = self
                .iface
                .ready(Interest::READABLE | Interest::ERROR)
                .await?;
            match guard.get_inner().recv(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => guard.clear_ready(),
                result => return result,
            }
        }
    }

    /// As [`recv`](Self::recv), for a packet that is there already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WouldBlock`] if there is none, and as [`recv`](Self::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.iface.get_ref().recv(buf)
    }

    /// Hands a packet that came in to the kernel. It never waits.
    ///
    /// # Errors
    ///
    /// EIO while the interface is down, EINVAL for what is no IP packet; one that
    /// [`is_deleted`](Self::is_deleted) knows when the interface is gone. The packet is lost then.
    pub fn try_send(&self, packet: &[u8]) -> io::Result<()> {
        let sent = self.iface.get_ref().send(packet)?;
        if sent == packet.len() {
            Ok(())
        } else {
            Err(ErrorKind::WriteZero.into())
        }
    }

    /// Whether an error means that somebody has deleted the interface.
    pub fn is_deleted(error: &io::Error) -> bool {
        error.raw_os_error() == Some(Errno::BADFD.raw_os_error())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    pub fn index(&self) -> u32 {
        self.index
    }
}

/// The number of the interface called `name`.
pub(crate) fn index_of(name: &str) -> Option<u32> {
    // Any socket will do to ask.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    name_to_index(&socket, name).ok()
}

/// Refuses what the kernel would cut, number (`%d`) or refuse without a reason.
fn check_name(name: &str) -> Result<(), NetworkProblem> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() >= IFNAMSIZ {
        "it is longer than 15 bytes"
    } else if name == "." || name == ".." || name.contains(['/', ':', '%']) {
        "it must not be a dot or two, nor contain one of / : %"
    } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "it contains white space"
    } else {
        return Ok(());
    };
    Err(NetworkProblem::Failed {
        what: format!("{name:?} cannot be an interface's name: {why}"),
    })
}

/// What an error of the creation means: of opening `/dev/net/tun`, or of TUNSETIFF.
fn create_problem(name: &str, error: &io::Error) -> NetworkProblem {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => NetworkProblem::NoTun {
            error: format!("/dev/net/tun: {error}"),
        },
        Some(Errno::PERM | Errno::ACCESS) => NetworkProblem::NoPermission {
            what: format!("creating the interface {name} through /dev/net/tun: {error}"),
        },
        Some(Errno::BUSY | Errno::EXIST) => NetworkProblem::NameTaken {
            name: name.to_owned(),
        },
        // An interface of that name which is no TUN.
        Some(Errno::INVAL) if index_of(name).is_some() => NetworkProblem::NameTaken {
            name: name.to_owned(),
        },
        Some(_) | None => NetworkProblem::Failed {
            what: format!("cannot create the interface {name}: {error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{gone, in_network_namespace, ip};
    use super::*;

    #[test]
    fn makes_an_interface_that_goes_with_it() {
        in_network_namespace(async || {
            let tun = Tun::create("ppp7").unwrap();
            assert_eq!(tun.name(), "ppp7");
            assert_eq!(index_of("ppp7"), Some(tun.index()));
            gone(tun).await;
            assert_eq!(index_of("ppp7"), None);
        });
    }

    #[test]
    fn carries_packets_both_ways_without_a_header() {
        in_network_namespace(async || {
            let tun = Tun::create("ppp7").unwrap();
            let down = tun.try_send(&[0x45; 20]).unwrap_err();
            assert!(!Tun::is_deleted(&down), "down is not deleted: {down}");
            ip("addr add 10.9.0.1 peer 10.9.0.2 dev ppp7");
            ip("link set ppp7 up");
            let socket = UdpSocket::bind("10.9.0.1:5000").unwrap();
            socket.set_nonblocking(true).unwrap();
            let mut buf = [0; 1500];
            let nothing = tun.try_recv(&mut buf).unwrap_err();
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            socket.send_to(b"early", "10.9.0.2:7").unwrap();
            assert_eq!(tun.try_recv(&mut buf).unwrap(), 20 + 8 + 5);
            socket.send_to(b"out", "10.9.0.2:7").unwrap();
            let n = tokio::time::timeout(Duration::from_secs(5), tun.recv(&mut buf))
                .await
                .unwrap()
                .unwrap();
            let packet = &mut buf[..n];
            assert_eq!(
                (packet[0], &packet[28..]),
                (0x45, &b"out"[..]),
                "IPv4 comes first"
            );
            // Sent back with addresses and ports exchanged, it arrives at the socket that sent it.
            let (source, destination) = (packet[12..16].to_vec(), packet[16..20].to_vec());
            packet[12..16].copy_from_slice(&destination);
            packet[16..20].copy_from_slice(&source);
            packet.copy_within(20..22, 24);
            let port = [packet[22], packet[23]];
            let own = [packet[24], packet[25]];
            packet[20..22].copy_from_slice(&port);
            packet[22..24].copy_from_slice(&own);
            let length = u16::try_from(n - 20).unwrap().to_be_bytes();
            packet[24..26].copy_from_slice(&length);
            packet[26..28].copy_from_slice(&[0, 0]);
            tun.try_send(packet).unwrap();
            let mut got = [0; 16];
            assert_eq!(
                socket.recv_from(&mut got).unwrap(),
                (3, "10.9.0.2:7".parse().unwrap())
            );
        });
    }

    #[test]
    fn a_deleted_interface_is_noticed_while_waiting() {
        in_network_namespace(async || {
            let tun = Tun::create("ppp7").unwrap();
            ip("link set ppp7 up");
            let mut buf = [0; 1500];
            let waiting =
                tokio::time::timeout(Duration::from_millis(100), tun.recv(&mut buf)).await;
            assert!(
                waiting.is_err(),
                "nothing comes, not even IPv6's first words: {waiting:?}"
            );
            let (gone, ()) = tokio::join!(
                tokio::time::timeout(Duration::from_secs(1), tun.recv(&mut buf)),
                async { drop(ip("link del ppp7")) },
            );
            assert!(Tun::is_deleted(&gone.unwrap().unwrap_err()));
            assert!(Tun::is_deleted(&tun.try_send(&[0x45; 20]).unwrap_err()));
        });
    }

    #[test]
    fn a_name_that_is_anothers_is_refused() {
        in_network_namespace(async || {
            let _first = Tun::create("ppp7").unwrap();
            let taken = |name: &str| NetworkProblem::NameTaken {
                name: name.to_owned(),
            };
            assert_eq!(Tun::create("ppp7").unwrap_err(), taken("ppp7"));
            assert_eq!(Tun::create("lo").unwrap_err(), taken("lo"));
        });
    }

    #[test]
    fn a_name_that_cannot_be_one_is_refused() {
        for name in [
            "",
            "averyveryverylongname",
            "a/b",
            "a b",
            "ppp%d",
            "..",
            "a\n",
        ] {
            assert!(
                matches!(check_name(name), Err(NetworkProblem::Failed { .. })),
                "{name:?} must be refused"
            );
        }
        assert_eq!(check_name("exactly15bytes_"), Ok(()));
    }

    #[test]
    fn errors_of_the_creation_are_told_apart() {
        let problem = |errno: Errno| create_problem("ppp7", &errno.into());
        assert!(matches!(
            problem(Errno::NOENT),
            NetworkProblem::NoTun { .. }
        ));
        assert!(matches!(
            problem(Errno::NODEV),
            NetworkProblem::NoTun { .. }
        ));
        assert!(matches!(
            problem(Errno::PERM),
            NetworkProblem::NoPermission { .. }
        ));
        assert!(matches!(
            problem(Errno::ACCESS),
            NetworkProblem::NoPermission { .. }
        ));
        assert!(matches!(
            problem(Errno::BUSY),
            NetworkProblem::NameTaken { .. }
        ));
        assert!(matches!(
            problem(Errno::NOMEM),
            NetworkProblem::Failed { .. }
        ));
    }
}

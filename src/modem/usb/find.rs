//! [`find`]: which ttys may be the wanted modem, the best first.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::rank::{self, Likelihood};
use super::{ModemIdentity, Snapshot, TtyDevice, UsbDevice, UsbPort};
use crate::modem::profile::{Ports, Profile, Profiles};

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// DEVICE=AUTO: any modem.
    Auto,
    /// DEVICE=LISA-U200: a modem of this model. Of a model whose USB ids nobody knows any device may be one that no other
    /// profile knows.
    Model(&'a Arc<Profile>),
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Which devices may be the modem, the best first.
    pub candidates: Vec<Candidate>,
    /// What else may be a reason why there is none, to be put behind "only": a modem in storage mode, one without ttys.
    pub hint: Option<String>,
}

/// A device that may be the modem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The USB path.
    pub path: String,
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// The device's name for itself.
    pub product_name: Option<String>,
    /// The profile, if the USB ids leave no doubt.
    pub profile: Option<Arc<Profile>>,
    /// The port that dials.
    pub dial: Dial,
    /// Further ports that answer AT commands, as far as the profile knows.
    pub at: Vec<TtyDevice>,
    /// It was the modem before.
    pub was_last: bool,
    /// It is a modem beyond doubt, even if it answers nothing: a profile or its driver says so.
    pub is_modem: bool,
}

/// Which port of a candidate dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dial {
    /// This one.
    Port(TtyDevice),
    /// One of these: the first that answers. Never empty.
    Ask(Vec<TtyDevice>),
    /// The one of this interface, which is not there (yet).
    Missing {
        /// bInterfaceNumber.
        interface: u8,
    },
}

/// Looks for `wanted`. `last` is the modem that was used before: it is preferred, wherever its ttys are now.
///
/// The order: the last one; then by likelihood (a profile knows it, its driver serves modems, a CDC-ACM device); then by
/// USB path. Plain USB-to-serial adapters are only asked where there is nothing better, and no longer once a modem was
/// found: what hangs on them might be disturbed by being asked. UARTs (ttyS) are never found: they must be named.
pub fn find(
    wanted: Wanted<'_>,
    profiles: &Profiles,
    seen: &Snapshot,
    last: Option<&ModemIdentity>,
) -> Found {
    let home = last.and_then(|last| last.tty(seen)?.usb.as_ref());
    let mut ranked: Vec<(Rank<'_>, Candidate)> = devices(seen)
        .into_iter()
        .filter_map(|ports| candidate(wanted, profiles, &ports, home))
        .collect();
    let adapters_too = last.is_none()
        && ranked
            .iter()
            .all(|(rank, _)| rank.likelihood == Likelihood::Adapter);
    ranked.retain(|(rank, _)| {
        rank.likelihood != Likelihood::Adapter || !rank.is_other || adapters_too
    });
    ranked.sort_by(|(left, _), (right, _)| left.compare(right));
    Found {
        hint: hint(wanted, profiles, seen),
        candidates: ranked.into_iter().map(|(_, candidate)| candidate).collect(),
    }
}

/// The tty that a user has named by its kernel name (`ttyUSB0`), as it is now.
///
/// He meant the modem that it was then. So where it was seen before (`last`), it is looked for at the same place first,
/// whatever number its tty has now; a tty of the old name that belongs to another device is taken only if that place is
/// empty. The first time, and for a tty that is not on the USB, it is the one of this name.
pub fn find_tty<'a>(
    name: &str,
    seen: &'a Snapshot,
    last: Option<&ModemIdentity>,
) -> Option<&'a TtyDevice> {
    last.and_then(|last| last.tty(seen))
        .or_else(|| seen.ttys.iter().find(|tty| tty.name == name))
}

impl Candidate {
    /// The identity of the modem with `tty` as the port that dials.
    pub fn identity(tty: &TtyDevice) -> Option<ModemIdentity> {
        tty.usb.as_ref().map(ModemIdentity::of)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (&self.profile, &self.product_name) {
            (Some(profile), _) => profile.name.as_str(),
            (None, Some(name)) => name.as_str(),
            (None, None) => "USB device",
        };
        let (vendor, product, path) = (self.vendor, self.product, &self.path);
        write!(f, "{name} ({vendor:04x}:{product:04x}) at USB {path}")
    }
}

/// What the order of candidates depends on.
struct Rank<'a> {
    /// Not the last modem.
    is_other: bool,
    likelihood: Likelihood,
    path: &'a str,
}

impl Rank<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        (self.is_other, self.likelihood)
            .cmp(&(other.is_other, other.likelihood))
            .then_with(|| rank::by_path(self.path, other.path))
    }
}

/// A tty and its place.
type Port<'a> = (&'a TtyDevice, &'a UsbPort);

/// The ttys by device, each in the order of interfaces.
fn devices(seen: &Snapshot) -> Vec<Vec<Port<'_>>> {
    let mut ports: Vec<Port<'_>> = seen
        .ttys
        .iter()
        .filter_map(|tty| Some((tty, tty.usb.as_ref()?)))
        .collect();
    ports.sort_by(|(_, left), (_, right)| {
        rank::by_path(&left.path, &right.path)
            .then_with(|| (left.interface, left.port).cmp(&(right.interface, right.port)))
    });
    ports
        .chunk_by(|(_, left), (_, right)| left.path == right.path)
        .map(<[Port<'_>]>::to_vec)
        .collect()
}

fn candidate<'a>(
    wanted: Wanted<'_>,
    profiles: &Profiles,
    ports: &[Port<'a>],
    home: Option<&UsbPort>,
) -> Option<(Rank<'a>, Candidate)> {
    let &(_, first) = ports.first()?;
    let known = profiles.by_usb(first.vendor, first.product);
    let (fitting, is_known) = match wanted {
        Wanted::Auto => {
            let is_known = !known.is_empty();
            (known, is_known)
        }
        Wanted::Model(profile) if profile.recognise.usb.is_empty() => {
            // Nobody knows its ids: whatever is not known to be something else.
            if !known.is_empty() {
                return None;
            }
            (vec![Arc::clone(profile)], false)
        }
        Wanted::Model(profile) => {
            if !names(profile, first.vendor, first.product) {
                return None;
            }
            (vec![Arc::clone(profile)], true)
        }
    };
    let likelihood = if is_known {
        Likelihood::Known
    } else {
        Likelihood::by_driver(first.driver.as_deref())
    };
    let home = home.filter(|home| home.path == first.path);
    let layout = layout(&fitting);
    let rank = Rank {
        is_other: home.is_none(),
        likelihood,
        path: &first.path,
    };
    let dial = dial(ports, layout.as_ref(), home)?;
    let profile = match fitting.as_slice() {
        [only] => Some(Arc::clone(only)),
        // Several models of one maker have these ids: what the modem says of itself decides.
        _ => None,
    };
    let at = match (&dial, layout) {
        (Dial::Port(dial), Some(layout)) => ports
            .iter()
            .filter(|(tty, port)| layout.at.contains(&port.interface) && tty.name != dial.name)
            .map(|(tty, _)| (*tty).clone())
            .collect(),
        (Dial::Port(_) | Dial::Ask(_) | Dial::Missing { .. }, _) => Vec::new(),
    };
    let candidate = Candidate {
        path: first.path.clone(),
        vendor: first.vendor,
        product: first.product,
        product_name: first.product_name.clone(),
        profile,
        dial,
        at,
        was_last: home.is_some(),
        is_modem: likelihood <= Likelihood::ModemDriver,
    };
    Some((rank, candidate))
}

/// The port that dials; `None` if all ports are to be left alone.
fn dial(ports: &[Port<'_>], layout: Option<&Ports>, home: Option<&UsbPort>) -> Option<Dial> {
    let find = |interface, number| {
        ports
            .iter()
            .find(|(_, port)| port.interface == interface && port.port == number)
            .map(|(tty, _)| Dial::Port((*tty).clone()))
    };
    if let Some(interface) = layout.and_then(|layout| layout.dial) {
        return Some(find(interface, 0).unwrap_or(Dial::Missing { interface }));
    }
    // Asked before.
    if let Some(home) = home {
        return find(home.interface, home.port);
    }
    let ignored = |port: &UsbPort| layout.is_some_and(|l| l.ignore.contains(&port.interface));
    let mut ports: Vec<Port<'_>> = ports
        .iter()
        .copied()
        .filter(|(_, port)| !ignored(port))
        .collect();
    ports.sort_by(|(_, left), (_, right)| rank::by_port(left, right));
    let ttys: Vec<TtyDevice> = ports.into_iter().map(|(tty, _)| tty.clone()).collect();
    (!ttys.is_empty()).then_some(Dial::Ask(ttys))
}

/// Whether a profile knows the ids, with the product or by the vendor alone.
fn names(profile: &Profile, vendor: u16, product: u16) -> bool {
    let known = &profile.recognise.usb;
    known.contains(&(vendor, Some(product))) || known.contains(&(vendor, None))
}

/// The common layout of the ports: of several profiles only what they agree on, and nothing that one of them says must
/// be left alone.
fn layout(profiles: &[Arc<Profile>]) -> Option<Ports> {
    let (first, rest) = profiles.split_first()?;
    let mut common = first.ports.clone();
    for profile in rest {
        let ports = &profile.ports;
        if ports.dial != common.dial {
            common.dial = None;
        }
        common.at.retain(|at| ports.at.contains(at));
        common.ignore.extend(&ports.ignore);
    }
    Some(common)
}

/// Why there may be none.
fn hint(wanted: Wanted<'_>, profiles: &Profiles, seen: &Snapshot) -> Option<String> {
    let without_tty = |device: &&UsbDevice| {
        !seen
            .ttys
            .iter()
            .filter_map(|tty| tty.usb.as_ref())
            .any(|port| port.path == device.path)
    };
    let is_wanted = |device: &UsbDevice| match wanted {
        Wanted::Auto => !profiles.by_usb(device.vendor, device.product).is_empty(),
        Wanted::Model(profile) => names(profile, device.vendor, device.product),
    };
    let mut silent: Vec<&UsbDevice> = seen.devices.iter().filter(without_tty).collect();
    silent.sort_by(|left, right| rank::by_path(&left.path, &right.path));
    let name = |device: &UsbDevice| {
        let name = device.product_name.as_deref().unwrap_or("USB device");
        let (vendor, product) = (device.vendor, device.product);
        format!("{name} ({vendor:04x}:{product:04x}) at USB {}", device.path)
    };
    if let Some(device) = silent
        .iter()
        .find(|device| rank::is_in_storage_mode(device))
    {
        return Some(format!(
            "{} in storage mode, to be switched by usb_modeswitch",
            name(device)
        ));
    }
    let device = silent.into_iter().find(|device| is_wanted(device))?;
    let why = if device.unauthorized {
        "which the kernel was told not to use (authorized is 0)"
    } else {
        "which has no tty: is its driver there?"
    };
    Some(format!("{}, {why}", name(device)))
}

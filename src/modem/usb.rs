//! Finding a modem among the ttys that the kernel shows (spec D3, C14, S3).
//!
//! A modem is known by its place, the USB path (`1-1.2`) and the number of the interface, not by the number of its tty:
//! ttyUSB0 comes back as ttyUSB3 when somebody still held the old one, or when another modem was quicker. Serial
//! numbers are only the second choice, since many modems have none and some all have the same one.
//!
//! The shell reads a [`Snapshot`] from sysfs; [`find`] says which ttys may be the wanted modem, the best first, and for
//! each the port to dial on or the ports to be asked. Asking (`AT`), opening and locking are not done here.

mod find;
mod rank;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub use find::{Candidate, Dial, Found, Wanted, find, find_tty};

/// What the kernel shows at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The ttys that have a device behind them.
    pub ttys: Vec<TtyDevice>,
    /// The USB devices, without hubs.
    pub devices: Vec<UsbDevice>,
}

impl Snapshot {
    /// One in a stable order: ttys by name, devices by path, numbers as people count them.
    pub fn new(mut ttys: Vec<TtyDevice>, mut devices: Vec<UsbDevice>) -> Self {
        ttys.sort_by(rank::by_name);
        devices.sort_by(|left, right| rank::by_path(&left.path, &right.path));
        Self { ttys, devices }
    }
}

/// A tty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtyDevice {
    /// The kernel's name, without `/dev/`: `ttyUSB0`.
    pub name: String,
    /// Where it is on the USB; `None` for a UART.
    pub usb: Option<UsbPort>,
}

/// The USB side of a tty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbPort {
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// The device's serial number, if it has one. Printable.
    pub serial: Option<String>,
    /// The kernel's name of the device: bus, and ports on the way: `1-1.2`.
    pub path: String,
    /// bInterfaceNumber.
    pub interface: u8,
    /// Counts the ttys of one interface, of which there is one except on multi-port adapters.
    pub port: u8,
    /// bInterfaceProtocol: what Huawei's modems tell their ports apart by.
    pub protocol: u8,
    /// The kernel's driver: `option`, `cdc_acm`.
    pub driver: Option<String>,
    /// The device's name for itself. Printable.
    pub product_name: Option<String>,
}

/// A USB device, with or without ttys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbDevice {
    /// As [`UsbPort::path`].
    pub path: String,
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// The device's name for itself. Printable.
    pub product_name: Option<String>,
    /// All its interfaces are mass storage: a modem that is like this shows its drivers for Windows, and waits to be
    /// switched (`ZeroCD`).
    pub storage_only: bool,
    /// `authorized` is 0: the kernel does not use it.
    pub unauthorized: bool,
}

/// Which modem, and which port of it, over restarts of the modem and renumbering of its ttys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModemIdentity {
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// The device's serial number, if it has one.
    pub serial: Option<String>,
    /// The USB path: `1-1.2`.
    pub path: String,
    /// bInterfaceNumber of the port that dials.
    pub interface: u8,
    /// As [`UsbPort::port`].
    pub port: u8,
}

impl ModemIdentity {
    /// The identity of the modem that has this port.
    pub fn of(port: &UsbPort) -> Self {
        Self {
            vendor: port.vendor,
            product: port.product,
            serial: port.serial.clone(),
            path: port.path.clone(),
            interface: port.interface,
            port: port.port,
        }
    }

    /// Its tty, whatever its number: the one at its place; else, for a modem that was plugged in elsewhere, the one of
    /// the same maker, serial number and interface.
    pub fn tty<'a>(&self, seen: &'a Snapshot) -> Option<&'a TtyDevice> {
        let usable = |port: &UsbPort| {
            port.vendor == self.vendor && port.interface == self.interface && port.port == self.port
        };
        let at_place = |port: &UsbPort| usable(port) && port.path == self.path;
        let by_serial =
            |port: &UsbPort| usable(port) && port.serial.is_some() && port.serial == self.serial;
        let first = |wanted: &dyn Fn(&UsbPort) -> bool| {
            seen.ttys
                .iter()
                .find(|tty| tty.usb.as_ref().is_some_and(wanted))
        };
        first(&at_place).or_else(|| first(&by_serial))
    }
}

impl ModemIdentity {
    /// Its tty after a reset: the place counts alone, since some modems come back with other USB ids.
    pub fn returned<'a>(&self, seen: &'a Snapshot) -> Option<&'a TtyDevice> {
        let at_place = |port: &UsbPort| {
            port.path == self.path && port.interface == self.interface && port.port == self.port
        };
        seen.ttys
            .iter()
            .find(|tty| tty.usb.as_ref().is_some_and(at_place))
            .or_else(|| self.tty(seen))
    }
}

impl fmt::Display for ModemIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}:{:04x} at USB {} interface {}",
            self.vendor, self.product, self.path, self.interface
        )
    }
}

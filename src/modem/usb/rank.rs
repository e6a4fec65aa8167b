//! Which devices and which of their ports are more likely to be a modem's.

use std::cmp::Ordering;

use super::{TtyDevice, UsbDevice, UsbPort};

/// How likely a device is a modem. The first is the likeliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Likelihood {
    /// A profile knows its USB ids.
    Known,
    /// Its driver serves modems only.
    ModemDriver,
    /// A CDC-ACM device: modems are, and so are many other things.
    Acm,
    /// A USB-to-serial adapter, with anything at its other end.
    Adapter,
}

/// Drivers of the Linux kernel that serve modems (and phones) only.
const MODEM_DRIVERS: &[&str] = &[
    "option", "option1", "sierra", "qcserial", "qcaux", "hso", "ipw", "zte_ev", "navman", "nozomi",
];

impl Likelihood {
    /// Of a device of which no profile knows.
    pub(super) fn by_driver(driver: Option<&str>) -> Self {
        match driver {
            Some("cdc_acm") => Self::Acm,
            Some(driver) if MODEM_DRIVERS.contains(&driver) => Self::ModemDriver,
            Some(_) | None => Self::Adapter,
        }
    }
}

/// The vendor of which the interface protocol tells what a port is for.
const HUAWEI: u16 = 0x12d1;

/// Vendors of modems that show themselves as a CD drive first.
const STORAGE_MODE_VENDORS: &[u16] = &[
    HUAWEI, 0x19d2, // ZTE
    0x0af0, // Option
    0x1199, // Sierra
    0x1410, // Novatel
    0x1004, // LG
    0x1bbb, // Alcatel
    0x1c9e, // Longcheer
    0x2001, // D-Link
    0x05c6, // Qualcomm
    0x1e0e, // SIMCom
    0x1ecb, // AM Telecom
    0x0421, // Nokia
    0x20a6, // Dell and others, by Strong Rising
];

/// Whether it is a modem that shows its CD drive.
pub(super) fn is_in_storage_mode(device: &UsbDevice) -> bool {
    device.storage_only && STORAGE_MODE_VENDORS.contains(&device.vendor)
}

/// In which order the ports of a device without a known layout are asked: as the maker's protocol numbers say, then by
/// interface.
pub(super) fn by_port(left: &UsbPort, right: &UsbPort) -> Ordering {
    let key = |port: &UsbPort| (purpose(port), port.interface, port.port);
    key(left).cmp(&key(right))
}

/// 0: a modem's data port; 1: a port for commands; 2: anything.
fn purpose(port: &UsbPort) -> u8 {
    match (port.vendor, port.protocol) {
        (HUAWEI, 0x01 | 0x10) => 0,
        (HUAWEI, 0x02 | 0x12) => 1,
        (_, _) => 2,
    }
}

/// Orders USB paths as people count: `1-1.2` before `1-1.10`.
pub(super) fn by_path(left: &str, right: &str) -> Ordering {
    numbers(left)
        .cmp(numbers(right))
        .then_with(|| left.cmp(right))
}

/// Orders ttys as people count: ttyUSB2 before ttyUSB10.
pub(super) fn by_name(left: &TtyDevice, right: &TtyDevice) -> Ordering {
    let stem = |tty: &TtyDevice| {
        tty.name
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned()
    };
    (stem(left).cmp(&stem(right)))
        .then_with(|| numbers(&left.name).cmp(numbers(&right.name)))
        .then_with(|| left.name.cmp(&right.name))
}

fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_counted_as_people_do() {
        let mut paths = ["2-1", "1-1.10", "1-1.2", "1-1", "10-1", "1-10", "1-2"];
        paths.sort_by(|left, right| by_path(left, right));
        assert_eq!(
            paths,
            ["1-1", "1-1.2", "1-1.10", "1-2", "1-10", "2-1", "10-1"]
        );
        assert_eq!(by_path("99999999999999999999999-1", "1"), Ordering::Greater);
    }

    #[test]
    fn drivers_tell_how_likely_a_modem_is() {
        let likelihood = Likelihood::by_driver;
        assert_eq!(likelihood(Some("option")), Likelihood::ModemDriver);
        assert_eq!(likelihood(Some("cdc_acm")), Likelihood::Acm);
        assert_eq!(likelihood(Some("ftdi_sio")), Likelihood::Adapter);
        assert_eq!(likelihood(None), Likelihood::Adapter);
    }
}

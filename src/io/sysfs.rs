//! What sysfs shows of ttys and the USB devices behind them (spec D3).
//!
//! Only looked at, never written to, and without libudev. A tty's `device` leads into the USB interface (cdc_acm) or one
//! level below it (USB serial drivers); from there the folders above are the interface and the device. Whatever cannot be
//! read, leads out of the root, or makes no sense is left out: devices go away while they are looked at.
//!
//! Some attributes (`serial`, `product`) wait for the device's lock, which the kernel holds while it resets the device.
//! So [`snapshot`] may take seconds, and [`look`] does it on a thread of its own.

#[cfg(test)]
pub(crate) mod fake;

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::off_loop;
use crate::modem::usb::{Snapshot, TtyDevice, UsbDevice, UsbPort};

/// Where it is.
pub const ROOT: &str = "/sys";

/// No more entries of a folder are looked at.
const MAX_ENTRIES: usize = 1024;

/// No more of an attribute is read.
const MAX_ATTRIBUTE: u64 = 256;

/// Longest text that is taken over, in characters.
const MAX_TEXT: usize = 64;

/// How far above a tty's `device` its interface may be.
const MAX_DEPTH: usize = 8;

/// Looks, without holding up the runtime.
pub async fn look(root: &Path) -> Snapshot {
    let root = root.to_owned();
    off_loop(move || snapshot(&root)).await.unwrap_or_default()
}

/// What `root` (`/sys`) shows now. Empty where there is no sysfs.
pub fn snapshot(root: &Path) -> Snapshot {
    let Ok(root) = root.canonicalize() else {
        return Snapshot::default();
    };
    let ttys = entries(&root.join("class/tty"))
        .into_iter()
        .filter_map(|(name, path)| tty(&root, name, &path))
        .collect();
    let devices = entries(&root.join("bus/usb/devices"))
        .into_iter()
        .filter(|(name, _)| is_device_path(name))
        .filter_map(|(name, path)| device(&root, name, &path))
        .collect();
    Snapshot::new(ttys, devices)
}

/// Whether `name` is the kernel's name of a USB device that is no root hub: `1-1.2`. Such a name can be put into a path.
pub fn is_device_path(name: &str) -> bool {
    let is_number = |text: &str| {
        (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    name.len() <= 32
        && name
            .split_once('-')
            .is_some_and(|(bus, ports)| is_number(bus) && ports.split('.').all(is_number))
}

/// An attribute's text, without blanks around it; `None` if it cannot be read or is no text.
pub(super) fn attribute(folder: &Path, name: &str) -> Option<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(folder.join(name))
        .ok()?;
    let mut text = String::new();
    file.take(MAX_ATTRIBUTE).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// The folder that an entry leads to, if it is inside `root`.
pub(super) fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    path.canonicalize()
        .ok()
        .filter(|real| real.starts_with(root) && real != root)
}

/// The entries of a folder, by name.
fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(folder) = fs::read_dir(folder) else {
        return Vec::new();
    };
    folder
        .take(MAX_ENTRIES)
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect()
}

/// A tty that has a device behind it; terminals of the console and ptys have none.
fn tty(root: &Path, name: String, path: &Path) -> Option<TtyDevice> {
    let device = inside(root, &path.join("device"))?;
    let usb = usb_port(root, &device);
    Some(TtyDevice { name, usb })
}

fn usb_port(root: &Path, device: &Path) -> Option<UsbPort> {
    let above = |path: &Path| -> Vec<PathBuf> {
        path.ancestors()
            .take(MAX_DEPTH)
            .take_while(|folder| folder.starts_with(root))
            .map(Path::to_owned)
            .collect()
    };
    let interface = above(device)
        .into_iter()
        .find(|folder| folder.join("bInterfaceNumber").exists())?;
    let usb = above(interface.parent()?)
        .into_iter()
        .find(|folder| folder.join("idVendor").exists())?;
    let path = usb.file_name()?.to_str()?.to_owned();
    if !is_device_path(&path) {
        return None;
    }
    let driver = fs::read_link(interface.join("driver"))
        .ok()
        .and_then(|to| Some(to.file_name()?.to_str()?.to_owned()));
    Some(UsbPort {
        vendor: hex(&usb, "idVendor")?,
        product: hex(&usb, "idProduct")?,
        serial: text(&usb, "serial"),
        path,
        interface: u8::try_from(hex(&interface, "bInterfaceNumber")?).ok()?,
        // Of an adapter with several ports on one interface; other drivers have no such file.
        port: attribute(device, "port_number")
            .and_then(|number| number.parse().ok())
            .unwrap_or(0),
        protocol: hex(&interface, "bInterfaceProtocol")
            .and_then(|protocol| u8::try_from(protocol).ok())
            .unwrap_or(0),
        driver,
        product_name: text(&usb, "product"),
    })
}

fn device(root: &Path, path: String, entry: &Path) -> Option<UsbDevice> {
    const HUB: u16 = 0x09;
    const MASS_STORAGE: u16 = 0x08;
    let folder = inside(root, entry)?;
    if hex(&folder, "bDeviceClass") == Some(HUB) {
        return None;
    }
    let interfaces: Vec<u16> = entries(&folder)
        .into_iter()
        .filter(|(name, _)| name.contains(':'))
        .filter_map(|(_, interface)| hex(&interface, "bInterfaceClass"))
        .collect();
    Some(UsbDevice {
        vendor: hex(&folder, "idVendor")?,
        product: hex(&folder, "idProduct")?,
        product_name: text(&folder, "product"),
        storage_only: !interfaces.is_empty()
            && interfaces.iter().all(|class| *class == MASS_STORAGE),
        unauthorized: attribute(&folder, "authorized").as_deref() == Some("0"),
        path,
    })
}

/// A number as these files have it: up to four hexadecimal digits.
fn hex(folder: &Path, name: &str) -> Option<u16> {
    let text = attribute(folder, name)?;
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(&text, 16).ok())?
}

/// A text that a device has for itself: what is printable of it.
fn text(folder: &Path, name: &str) -> Option<String> {
    let text: String = attribute(folder, name)?
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::testing::TestDir;
    use super::fake::{FakeDevice, FakeSysfs};
    use super::*;

    fn port(path: &str, interface: u8, driver: &str) -> UsbPort {
        UsbPort {
            vendor: 0x1546,
            product: 0x1102,
            serial: Some("S1".to_owned()),
            path: path.to_owned(),
            interface,
            port: 0,
            protocol: 1,
            driver: Some(driver.to_owned()),
            product_name: Some("LISA".to_owned()),
        }
    }

    const LISA: FakeDevice = FakeDevice {
        path: "1-1.2",
        vendor: 0x1546,
        product: 0x1102,
        serial: "S1",
        name: "LISA",
    };

    #[test]
    fn finds_the_device_behind_ttys_of_both_depths() {
        let dir = TestDir::new();
        let sys = FakeSysfs::new(dir.path());
        sys.plug(&LISA);
        sys.tty(&LISA, 0, "cdc_acm", "ttyACM0");
        sys.tty(&LISA, 2, "option", "ttyUSB10");
        sys.tty(&LISA, 4, "option", "ttyUSB9");
        sys.uart("ttyS0");
        sys.virtual_tty("tty1");
        let usb = |name: &str, interface, driver| TtyDevice {
            name: name.to_owned(),
            usb: Some(port("1-1.2", interface, driver)),
        };
        let uart = TtyDevice {
            name: "ttyS0".to_owned(),
            usb: None,
        };
        let device = UsbDevice {
            path: "1-1.2".to_owned(),
            vendor: 0x1546,
            product: 0x1102,
            product_name: Some("LISA".to_owned()),
            storage_only: false,
            unauthorized: false,
        };
        assert_eq!(
            snapshot(dir.path()),
            Snapshot {
                ttys: vec![
                    usb("ttyACM0", 0, "cdc_acm"),
                    uart,
                    usb("ttyUSB9", 4, "option"),
                    usb("ttyUSB10", 2, "option"),
                ],
                devices: vec![device],
            }
        );
    }

    #[test]
    fn knows_a_modem_in_storage_mode_and_one_that_is_switched_off() {
        let dir = TestDir::new();
        let sys = FakeSysfs::new(dir.path());
        let huawei = FakeDevice {
            path: "1-1",
            vendor: 0x12d1,
            product: 0x1446,
            serial: "",
            name: "HUAWEI\x1b[2J Mobile",
        };
        sys.plug(&huawei);
        sys.interface(&huawei, 0, 0x08);
        sys.interface(&huawei, 1, 0x08);
        sys.plug(&LISA);
        fs::write(sys.device(&LISA).join("authorized"), "0\n").unwrap();
        let seen = snapshot(dir.path());
        let short: Vec<(&str, Option<&str>, bool, bool)> = seen
            .devices
            .iter()
            .map(|device| {
                (
                    device.path.as_str(),
                    device.product_name.as_deref(),
                    device.storage_only,
                    device.unauthorized,
                )
            })
            .collect();
        assert_eq!(
            short,
            [
                ("1-1", Some("HUAWEI[2J Mobile"), true, false),
                ("1-1.2", Some("LISA"), false, true)
            ],
            "the hub between is none"
        );
    }

    #[test]
    fn loops_garbage_and_ways_out_of_the_root_are_left_out() {
        let dir = TestDir::new();
        let outside = TestDir::new();
        let elsewhere = FakeSysfs::new(outside.path());
        elsewhere.plug(&LISA);
        elsewhere.tty(&LISA, 0, "option", "ttyUSB0");
        let sys = FakeSysfs::new(dir.path());
        sys.plug(&LISA);
        for (interface, name) in [(0, "ttyUSB1"), (1, "ttyUSB2"), (2, "ttyUSB3")] {
            sys.tty(&LISA, interface, "option", name);
        }
        let tty = dir.join("class/tty");
        symlink("loop", tty.join("loop")).unwrap();
        symlink(outside.join("class/tty/ttyUSB0"), tty.join("ttyUSB0")).unwrap();
        fs::create_dir_all(tty.join("ttyX/deep")).unwrap();
        symlink("..", tty.join("ttyX/device")).unwrap();
        fs::write(tty.join("uevent"), "x").unwrap();
        let device = sys.device(&LISA);
        fs::write(device.join("1-1.2:1.0/bInterfaceNumber"), "zz\n").unwrap();
        fs::write(device.join("1-1.2:1.1/bInterfaceNumber"), vec![b'0'; 5000]).unwrap();
        fs::write(device.join("serial"), [0xff, 0xfe]).unwrap();
        let seen = snapshot(dir.path());
        let names: Vec<(&str, bool)> = seen
            .ttys
            .iter()
            .map(|tty| (tty.name.as_str(), tty.usb.is_some()))
            .collect();
        assert_eq!(
            names,
            [
                ("ttyUSB1", false),
                ("ttyUSB2", true),
                ("ttyUSB3", true),
                ("ttyX", false)
            ]
        );
        assert_eq!(
            seen.ttys[2].usb.as_ref().map(|usb| usb.serial.clone()),
            Some(None)
        );
        fs::write(device.join("idVendor"), "").unwrap();
        assert!(snapshot(dir.path()).ttys.iter().all(|t| t.usb.is_none()));
        assert_eq!(snapshot(&dir.join("missing")), Snapshot::default());
    }

    #[test]
    fn only_names_of_devices_are_put_into_paths() {
        for good in ["1-1", "1-1.2", "12-3.4.5.6.7"] {
            assert!(is_device_path(good), "{good}");
        }
        for bad in [
            "", "usb1", "1-0:1.0", "1-1:1.0", "1", "1-", "-1", "1-1.", "1-1/..", "../1-1", "1-1-1",
            "1-100000", "a-1",
        ] {
            assert!(!is_device_path(bad), "{bad}");
        }
    }
}

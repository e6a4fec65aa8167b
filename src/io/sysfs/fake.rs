//! A sysfs for tests, laid out as the kernel does it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A tree like `/sys`.
pub(crate) struct FakeSysfs(PathBuf);

/// A USB device in it.
#[derive(Clone, Copy)]
pub(crate) struct FakeDevice {
    pub(crate) path: &'static str,
    pub(crate) vendor: u16,
    pub(crate) product: u16,
    /// Empty: none.
    pub(crate) serial: &'static str,
    pub(crate) name: &'static str,
}

const HOST: &str = "devices/pci0000:00/0000:00:04.0";

impl FakeSysfs {
    /// One without devices, in `root`.
    pub(crate) fn new(root: &Path) -> Self {
        for folder in ["class/tty", "bus/usb/devices", "bus/usb/drivers/usb"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["bind", "unbind"] {
            fs::write(root.join("bus/usb/drivers/usb").join(file), "").unwrap();
        }
        Self(root.to_owned())
    }

    /// The folder of a device.
    pub(crate) fn device(&self, device: &FakeDevice) -> PathBuf {
        self.folder(device.path)
    }

    fn folder(&self, path: &str) -> PathBuf {
        let (bus, _) = path.split_once('-').unwrap();
        let mut folder = self.0.join(HOST).join(format!("usb{bus}"));
        // 1-1.2.3 lies in 1-1.2, which lies in 1-1.
        for (end, _) in path.match_indices('.').chain([(path.len(), "")]) {
            folder.push(path.get(..end).unwrap());
        }
        folder
    }

    /// The switch of the port that a device hangs on.
    pub(crate) fn port_switch(&self, path: &str) -> PathBuf {
        let (hub, hub_interface, port) = match path.rsplit_once('.') {
            Some((hub, port)) => (hub.to_owned(), format!("{hub}:1.0"), port),
            None => {
                let (bus, port) = path.split_once('-').unwrap();
                (format!("usb{bus}"), format!("{bus}-0:1.0"), port)
            }
        };
        let folder = match path.rsplit_once('.') {
            Some((hub, _)) => self.folder(hub),
            None => self.0.join(HOST).join(&hub),
        };
        folder
            .join(hub_interface)
            .join(format!("{hub}-port{port}"))
            .join("disable")
    }

    /// Plugs a device in, and the hubs on its way.
    pub(crate) fn plug(&self, device: &FakeDevice) {
        for (end, _) in device.path.match_indices('.') {
            let hub = device.path.get(..end).unwrap();
            if self.folder(hub).exists() {
                continue;
            }
            let folder = self.node(hub, (0x1d6b, 0x0002), "", "hub");
            fs::write(folder.join("bDeviceClass"), "09\n").unwrap();
        }
        let ids = (device.vendor, device.product);
        let folder = self.node(device.path, ids, device.serial, device.name);
        fs::write(folder.join("bDeviceClass"), "00\n").unwrap();
        fs::write(folder.join("authorized"), "1\n").unwrap();
        let switch = self.port_switch(device.path);
        fs::create_dir_all(switch.parent().unwrap()).unwrap();
        fs::write(&switch, "0\n").unwrap();
        let _ = symlink(switch.parent().unwrap(), folder.join("port"));
    }

    fn node(&self, path: &str, ids: (u16, u16), serial: &str, name: &str) -> PathBuf {
        let folder = self.folder(path);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("idVendor"), format!("{:04x}\n", ids.0)).unwrap();
        fs::write(folder.join("idProduct"), format!("{:04x}\n", ids.1)).unwrap();
        fs::write(folder.join("product"), format!("{name}\n")).unwrap();
        if !serial.is_empty() {
            fs::write(folder.join("serial"), format!("{serial}\n")).unwrap();
        }
        let _ = symlink(&folder, self.0.join("bus/usb/devices").join(path));
        folder
    }

    /// Adds an interface of this class.
    pub(crate) fn interface(&self, device: &FakeDevice, number: u8, class: u8) -> PathBuf {
        let folder = self
            .device(device)
            .join(format!("{}:1.{number}", device.path));
        fs::create_dir_all(&folder).unwrap();
        for (name, value) in [
            ("bInterfaceNumber", number),
            ("bInterfaceClass", class),
            ("bInterfaceProtocol", 1),
        ] {
            fs::write(folder.join(name), format!("{value:02x}\n")).unwrap();
        }
        folder
    }

    /// Adds a tty on an interface.
    pub(crate) fn tty(&self, device: &FakeDevice, interface: u8, driver: &str, name: &str) {
        let folder = self.interface(device, interface, 0xff);
        let _ = symlink(
            Path::new("/nowhere/bus/usb/drivers").join(driver),
            folder.join("driver"),
        );
        // cdc_acm hangs its tty on the interface, USB serial drivers on a device below it.
        let device = if driver == "cdc_acm" {
            folder
        } else {
            folder.join(name)
        };
        let tty = device.join("tty").join(name);
        fs::create_dir_all(&tty).unwrap();
        symlink("../..", tty.join("device")).unwrap();
        symlink(&tty, self.0.join("class/tty").join(name)).unwrap();
    }

    /// Adds a UART.
    pub(crate) fn uart(&self, name: &str) {
        let tty = self.0.join("devices/platform/serial8250/tty").join(name);
        fs::create_dir_all(&tty).unwrap();
        symlink("../..", tty.join("device")).unwrap();
        symlink(&tty, self.0.join("class/tty").join(name)).unwrap();
    }

    /// Adds a terminal of the console.
    pub(crate) fn virtual_tty(&self, name: &str) {
        let tty = self.0.join("devices/virtual/tty").join(name);
        fs::create_dir_all(&tty).unwrap();
        symlink(&tty, self.0.join("class/tty").join(name)).unwrap();
    }

    /// Removes the ttys and interfaces of a device, as `authorized` = 0 does.
    pub(crate) fn drop_interfaces(&self, device: &FakeDevice) {
        for entry in fs::read_dir(self.0.join("class/tty")).unwrap().flatten() {
            let to = fs::read_link(entry.path()).unwrap();
            if to.starts_with(self.device(device)) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        for entry in fs::read_dir(self.device(device)).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.contains(':') {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
    }
}

//! A USB with modems on it that is only files: a tree like `/sys` and a folder like `/dev`, for `uplinkd run --sys-dir DIR
//! --dev-dir DIR`. The ttys of a modem lead to the ptys of simulators.
//!
//! [`FakeUsb::plug`] and its counterparts change the tree once. [`FakeUsb::attach`] keeps a modem alive: its ttys go when
//! its simulator takes the ptys away or somebody writes 0 to `authorized`, and come back under other numbers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use uplinkd::sim::Personality;

use crate::clock::pause;
use crate::daemon::Site;

/// Where the first bus lies.
const HOST: &str = "devices/pci0000:00/0000:00:04.0";

/// How often an attached modem is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A modem, and where it is plugged in.
#[derive(Clone, Debug)]
pub struct UsbModem {
    /// The kernel's name of its place: `1-1.2`.
    pub path: String,
    /// `idVendor`.
    pub vendor: u16,
    /// `idProduct`.
    pub product: u16,
    /// Empty: none.
    pub serial: String,
    /// `product`.
    pub name: String,
    /// Its kernel driver, such as `option`.
    pub driver: String,
    /// Number of each interface with a tty, and where the pty behind it is found. A simulator that comes back under
    /// another name puts `.1`, `.2` behind it: that is followed.
    pub ports: Vec<(u8, PathBuf)>,
}

impl UsbModem {
    /// A model as the simulator plays it, with the ports that it has: the pty of the port that dials, and one for the
    /// first of its further AT ports.
    ///
    /// # Panics
    /// If nothing is known of the model's ports, or a second port is given to one that has none.
    pub fn new(personality: Personality, path: &str, dial: &Path, at: Option<&Path>) -> Self {
        let usb = personality.usb().expect("the model's USB ports are known");
        let mut ports = vec![(usb.dial, dial.to_owned())];
        if let Some(at) = at {
            let interface = usb.at.first().expect("the model has a second AT port");
            ports.push((*interface, at.to_owned()));
        }
        Self {
            path: path.to_owned(),
            vendor: usb.vendor,
            product: usb.product,
            serial: String::new(),
            name: personality.name().to_owned(),
            driver: "option".to_owned(),
            ports,
        }
    }
}

/// The tree and the folder.
#[derive(Clone, Debug)]
pub struct FakeUsb {
    sys: PathBuf,
    dev: PathBuf,
}

impl FakeUsb {
    /// A USB without devices, in folders of the site's own.
    pub fn new(site: &Site) -> Self {
        let this = Self {
            sys: site.path("sys"),
            dev: site.path("dev"),
        };
        for folder in ["class/tty", "bus/usb/devices", "bus/usb/drivers/usb"] {
            fs::create_dir_all(this.sys.join(folder)).expect("make a folder");
        }
        for file in ["bind", "unbind"] {
            let file = this.sys.join("bus/usb/drivers/usb").join(file);
            fs::write(file, "").expect("write a file");
        }
        fs::create_dir(&this.dev).expect("make a folder");
        this
    }

    /// What `uplinkd run` is told of it.
    pub fn arguments(&self) -> [&str; 4] {
        [
            "--sys-dir",
            self.sys.to_str().expect("a path in UTF-8"),
            "--dev-dir",
            self.dev.to_str().expect("a path in UTF-8"),
        ]
    }

    /// The path of a tty: `ttyUSB0`.
    pub fn tty(&self, name: &str) -> PathBuf {
        self.dev.join(name)
    }

    /// The file that switches a modem off and on.
    pub fn authorized(&self, modem: &UsbModem) -> PathBuf {
        self.folder(&modem.path).join("authorized")
    }

    /// The names of a modem's ttys, in the order of its ports; `None` for one that is not there.
    pub fn names(&self, modem: &UsbModem) -> Vec<Option<String>> {
        let folder = self.folder(&modem.path);
        let name = |interface: u8| {
            let entries =
                fs::read_dir(folder.join(format!("{}:1.{interface}", modem.path))).ok()?;
            entries.flatten().find_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                name.starts_with("tty").then_some(name)
            })
        };
        modem.ports.iter().map(|(port, _)| name(*port)).collect()
    }

    /// Plugs a modem in, and the hubs on its way, with ttys from `ttyUSB` and this number on.
    pub fn plug(&self, modem: &UsbModem, first: u32) {
        for (end, _) in modem.path.match_indices('.') {
            let hub = &modem.path[..end];
            if !self.folder(hub).exists() {
                self.node(hub, (0x1d6b, 0x0002), "", "hub", "09");
            }
        }
        let ids = (modem.vendor, modem.product);
        let folder = self.node(&modem.path, ids, &modem.serial, &modem.name, "00");
        write(&folder.join("authorized"), "1\n");
        let switch = self.port_switch(&modem.path);
        fs::create_dir_all(switch.parent().expect("a folder")).expect("make a folder");
        write(&switch, "0\n");
        self.add_ttys(modem, first);
    }

    /// Removes a modem as a whole.
    pub fn unplug(&self, modem: &UsbModem) {
        self.remove_ttys(modem);
        let _ = fs::remove_file(self.sys.join("bus/usb/devices").join(&modem.path));
        let _ = fs::remove_dir_all(self.folder(&modem.path));
    }

    /// Adds the interfaces of a modem that is plugged in and their ttys, from `ttyUSB` and this number on.
    ///
    /// The tty comes in `/dev` last, as with udev: whoever sees it finds it in sysfs.
    pub fn add_ttys(&self, modem: &UsbModem, first: u32) {
        for (count, (interface, pty)) in modem.ports.iter().enumerate() {
            let folder = self
                .folder(&modem.path)
                .join(format!("{}:1.{interface}", modem.path));
            let name = format!("ttyUSB{}", first as usize + count);
            let tty = folder.join(&name).join("tty").join(&name);
            fs::create_dir_all(&tty).expect("make a folder");
            write(
                &folder.join("bInterfaceNumber"),
                &format!("{interface:02x}\n"),
            );
            write(&folder.join("bInterfaceClass"), "ff\n");
            write(&folder.join("bInterfaceProtocol"), "01\n");
            let driver = Path::new("/nowhere/bus/usb/drivers").join(&modem.driver);
            let _ = symlink(driver, folder.join("driver"));
            symlink("../..", tty.join("device")).expect("make a link");
            symlink(&tty, self.sys.join("class/tty").join(&name)).expect("make a link");
            let pty = current(pty).unwrap_or_else(|| pty.clone());
            symlink(pty, self.dev.join(&name)).expect("make a link");
        }
    }

    /// Removes the interfaces of a modem and their ttys.
    pub fn remove_ttys(&self, modem: &UsbModem) {
        for name in self.names(modem).into_iter().flatten() {
            let _ = fs::remove_file(self.dev.join(&name));
            let _ = fs::remove_file(self.sys.join("class/tty").join(&name));
        }
        for (interface, _) in &modem.ports {
            let folder = format!("{}:1.{interface}", modem.path);
            let _ = fs::remove_dir_all(self.folder(&modem.path).join(folder));
        }
    }

    /// Plugs a modem in and keeps it alive until the value is dropped: see the module. Each time it comes back, its
    /// ttys have the next free numbers, from `first` on.
    pub fn attach(&self, modem: UsbModem, first: u32) -> Attached {
        self.plug(&modem, first);
        let stop = Arc::new(AtomicBool::new(false));
        let (usb, told) = (self.clone(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut next = first + modem.ports.len() as u32;
            let mut there = true;
            while !told.load(Ordering::Relaxed) {
                pause(LOOK);
                let authorized = fs::read_to_string(usb.authorized(&modem));
                // Between its truncation and its writing the file is empty.
                let powered = match authorized.as_deref().map(str::trim) {
                    Ok("0") => false,
                    Ok("1") => true,
                    Ok(_) | Err(_) => there,
                };
                let wanted = powered && modem.ports.iter().all(|(_, pty)| current(pty).is_some());
                if wanted && !there {
                    usb.add_ttys(&modem, next);
                    next += modem.ports.len() as u32;
                } else if there && !wanted {
                    usb.remove_ttys(&modem);
                }
                there = wanted;
            }
            usb.unplug(&modem);
        });
        Attached {
            stop,
            thread: Some(thread),
        }
    }

    fn folder(&self, path: &str) -> PathBuf {
        let (bus, _) = path.split_once('-').expect("a USB path such as 1-1.2");
        let mut folder = self.sys.join(HOST).join(format!("usb{bus}"));
        // 1-1.2.3 lies in 1-1.2, which lies in 1-1.
        for (end, _) in path.match_indices('.').chain([(path.len(), "")]) {
            folder.push(&path[..end]);
        }
        folder
    }

    fn port_switch(&self, path: &str) -> PathBuf {
        match path.rsplit_once('.') {
            Some((hub, port)) => self
                .folder(hub)
                .join(format!("{hub}:1.0"))
                .join(format!("{hub}-port{port}")),
            None => {
                let (bus, port) = path.split_once('-').expect("a USB path such as 1-1.2");
                self.sys
                    .join(HOST)
                    .join(format!("usb{bus}/{bus}-0:1.0/usb{bus}-port{port}"))
            }
        }
        .join("disable")
    }

    fn node(&self, path: &str, ids: (u16, u16), serial: &str, name: &str, class: &str) -> PathBuf {
        let folder = self.folder(path);
        fs::create_dir_all(&folder).expect("make a folder");
        write(&folder.join("idVendor"), &format!("{:04x}\n", ids.0));
        write(&folder.join("idProduct"), &format!("{:04x}\n", ids.1));
        write(&folder.join("product"), &format!("{name}\n"));
        write(&folder.join("bDeviceClass"), &format!("{class}\n"));
        if !serial.is_empty() {
            write(&folder.join("serial"), &format!("{serial}\n"));
        }
        let _ = symlink(&folder, self.sys.join("bus/usb/devices").join(path));
        folder
    }
}

/// A modem that is kept alive.
#[derive(Debug)]
pub struct Attached {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(file: &Path, text: &str) {
    fs::write(file, text)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}

/// The pty behind `link`, or behind `link.1`, `link.2`, ... where the simulator has given it another name.
fn current(link: &Path) -> Option<PathBuf> {
    let name = link.file_name()?.to_str()?;
    let entries = fs::read_dir(link.parent()?).ok()?;
    entries.flatten().find_map(|entry| {
        let found = entry.file_name().into_string().ok()?;
        let rest = found.strip_prefix(name)?;
        let is_it = rest.is_empty()
            || rest
                .strip_prefix('.')
                .is_some_and(|count| count.parse::<u32>().is_ok());
        (is_it && fs::metadata(entry.path()).is_ok()).then(|| entry.path())
    })
}

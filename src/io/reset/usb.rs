//! What the kernel can do to a USB device: let go of it, unbind it, cut the power of its port.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::sysfs::is_device_path;
use super::put_back::PutBack;
use super::{ResetError, pause, put};
use crate::modem::ResetStep;

/// Between `authorized` 0 and 1: time for drivers and for whoever holds the tty to let go.
pub const AUTHORIZED_PAUSE: Duration = Duration::from_secs(2);

/// Between unbinding and binding.
pub const REBIND_PAUSE: Duration = Duration::from_secs(1);

/// 0 and then 1 to the device's `authorized`. The kernel takes its configuration away and gives it anew; the modem's
/// power stays on.
///
/// # Errors
/// [`ResetError`] if there is no such device, or the kernel refuses.
pub async fn authorized(sys: &Path, path: &str) -> Result<(), ResetError> {
    let file = device(sys, path)?.join("authorized");
    // Before the write: one that is interrupted may have worked.
    let back = PutBack::new(&file, "1");
    put(&file, "0").await?;
    pause(AUTHORIZED_PAUSE).await;
    back.now().await
}

/// Unbinds the device from the kernel's USB driver and binds it again.
///
/// # Errors
/// [`ResetError`] if there is no such device, or the kernel refuses.
pub async fn rebind(sys: &Path, path: &str) -> Result<(), ResetError> {
    device(sys, path)?;
    let driver = sys.join("bus/usb/drivers/usb");
    let back = PutBack::new(&driver.join("bind"), path);
    put(&driver.join("unbind"), path).await?;
    pause(REBIND_PAUSE).await;
    back.now().await
}

/// Disables the port that the device hangs on, for `off`, and enables it again. The hub cuts the port's power if it can;
/// many cannot, and then this only looks like unplugging to the kernel. The device need not be there.
///
/// # Errors
/// [`ResetError`] if the kernel has no such switch, or refuses.
pub async fn port_power(sys: &Path, path: &str, off: Duration) -> Result<(), ResetError> {
    let switch = switch(sys, path)?;
    let back = PutBack::new(&switch, "0");
    put(&switch, "1").await?;
    pause(off).await;
    back.now().await
}

/// What undoes the first half of a step: a file, and the value for it. `None` if the step needs none, or cannot be done.
pub fn undoing(sys: &Path, path: &str, step: &ResetStep) -> Option<(PathBuf, String)> {
    checked(path).ok()?;
    match step {
        ResetStep::UsbAuthorized => {
            Some((device(sys, path).ok()?.join("authorized"), "1".to_owned()))
        }
        ResetStep::UsbRebind => Some((sys.join("bus/usb/drivers/usb/bind"), path.to_owned())),
        ResetStep::UsbPortPower { .. } => Some((switch(sys, path).ok()?, "0".to_owned())),
        ResetStep::At(_)
        | ResetStep::Led { .. }
        | ResetStep::Gpio { .. }
        | ResetStep::Write { .. }
        | ResetStep::Command(_)
        | ResetStep::Reboot => None,
    }
}

fn checked(path: &str) -> Result<&str, ResetError> {
    if is_device_path(path) {
        Ok(path)
    } else {
        Err(ResetError::BadUsbPath {
            path: path.to_owned(),
        })
    }
}

fn device(sys: &Path, path: &str) -> Result<PathBuf, ResetError> {
    Ok(sys.join("bus/usb/devices").join(checked(path)?))
}

/// `disable` of the port: `1-1:1.0/1-1-port2` for 1-1.2, and `1-0:1.0/usb1-port1` for 1-1.
fn switch(sys: &Path, path: &str) -> Result<PathBuf, ResetError> {
    let (interface, port) = match checked(path)?.rsplit_once('.') {
        Some((hub, port)) => (format!("{hub}:1.0"), format!("{hub}-port{port}")),
        None => {
            let (bus, port) = path.split_once('-').unwrap_or_default();
            (format!("{bus}-0:1.0"), format!("usb{bus}-port{port}"))
        }
    };
    let devices = sys.join("bus/usb/devices");
    [
        // The kernel's own link, while the device is there.
        devices.join(path).join("port/disable"),
        devices.join(interface).join(port).join("disable"),
    ]
    .into_iter()
    // The real path: the device's own folder goes with the device, and its link with it.
    .find_map(|switch| switch.canonicalize().ok())
    .ok_or_else(|| ResetError::NoPortSwitch {
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::super::sysfs::fake::{FakeDevice, FakeSysfs};
    use super::super::super::testing::TestDir;
    use super::super::testing::Kernel;
    use super::*;

    const MODEM: FakeDevice = FakeDevice {
        path: "1-1.2",
        vendor: 0x1546,
        product: 0x1102,
        serial: "",
        name: "LISA",
    };

    #[tokio::test]
    async fn authorized_goes_to_0_and_then_to_1() {
        let dir = TestDir::new();
        let sys = FakeSysfs::new(dir.path());
        sys.plug(&MODEM);
        let file = sys.device(&MODEM).join("authorized");
        let kernel = Kernel::watch(&file, |_| {});
        let start = tokio::time::Instant::now();
        authorized(dir.path(), "1-1.2").await.unwrap();
        assert!(start.elapsed() >= AUTHORIZED_PAUSE);
        assert_eq!(kernel.seen(), ["0", "1"]);
    }

    #[tokio::test]
    async fn a_step_that_is_given_up_leaves_the_device_usable() {
        let dir = TestDir::new();
        let sys = FakeSysfs::new(dir.path());
        sys.plug(&MODEM);
        let file = sys.device(&MODEM).join("authorized");
        let kernel = Kernel::watch(&file, |_| {});
        let limit = Duration::from_millis(300);
        let step = tokio::time::timeout(limit, authorized(dir.path(), "1-1.2")).await;
        assert!(step.is_err());
        assert_eq!(kernel.seen(), ["0", "1"]);
    }

    #[tokio::test]
    async fn rebinding_names_the_device_to_the_driver_twice() {
        let dir = TestDir::new();
        let sys = FakeSysfs::new(dir.path());
        sys.plug(&MODEM);
        let driver = dir.join("bus/usb/drivers/usb");
        let unbind = Kernel::watch(&driver.join("unbind"), |_| {});
        rebind(dir.path(), "1-1.2").await.unwrap();
        assert_eq!(unbind.seen(), ["1-1.2"]);
        assert_eq!(fs::read_to_string(driver.join("bind")).unwrap(), "1-1.2");
    }

    #[tokio::test]
    async fn the_port_is_switched_on_a_hub_and_on_a_root_hub() {
        for path in ["1-1.2", "1-1"] {
            let dir = TestDir::new();
            let sys = FakeSysfs::new(dir.path());
            let modem = FakeDevice { path, ..MODEM };
            sys.plug(&modem);
            // The device goes with the power, and its way to the switch with it.
            let device = dir.join("bus/usb/devices").join(path);
            let kernel = Kernel::watch(&sys.port_switch(path), move |_| {
                let _ = fs::remove_file(&device);
            });
            let off = Duration::from_millis(200);
            port_power(dir.path(), path, off).await.unwrap();
            assert_eq!(kernel.seen(), ["1", "0"], "{path}");
        }
    }

    #[tokio::test]
    async fn the_port_of_a_device_that_is_gone_is_found_by_its_hub() {
        for (path, interface, folder) in [
            ("1-1.2", "1-1:1.0", "1-1-port2"),
            ("1-2", "1-0:1.0", "usb1-port2"),
            ("2-1.4.3", "2-1.4:1.0", "2-1.4-port3"),
        ] {
            let dir = TestDir::new();
            let port = dir.join("bus/usb/devices").join(interface).join(folder);
            fs::create_dir_all(&port).unwrap();
            fs::write(port.join("disable"), "0\n").unwrap();
            let off = Duration::from_millis(1);
            port_power(dir.path(), path, off).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        let dir = TestDir::new();
        FakeSysfs::new(dir.path());
        let error = authorized(dir.path(), "1-1.2").await.unwrap_err();
        assert!(
            error.to_string().ends_with(
                "1-1.2/authorized could not be written: No such file or directory (os error 2)"
            ),
            "{error}"
        );
        let error = authorized(dir.path(), "../../etc").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"../../etc\" is no USB path such as 1-1.2"
        );
        let error = port_power(dir.path(), "1-1.2", Duration::ZERO)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the kernel has no switch for the USB port of 1-1.2 (it needs Linux 6.0 or newer)"
        );
    }
}

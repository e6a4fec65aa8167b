//! `net.ipv4.ip_dynaddr`: whether TCP connections that are still being opened follow a change of our address.
//!
//! With it the kernel gives a connection whose SYN was not answered, and whose address has gone, the new address, and
//! sends the SYN again. That is what lets the very packet that starts a dial on demand succeed. It concerns no
//! connection that is open, and none that a program has bound to an address. pppd sets it for `demand` with its option
//! `ktune`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The setting of the network namespace we are in.
const FILE: &str = "/proc/sys/net/ipv4/ip_dynaddr";

/// The setting, turned on by us; put back when this is dropped, unless somebody has changed it meanwhile.
#[derive(Debug)]
pub struct DynamicAddress {
    file: PathBuf,
    former: String,
}

impl DynamicAddress {
    /// Turns it on; `None` if it is on already.
    ///
    /// # Errors
    ///
    /// When the setting cannot be read or written, such as in a container.
    pub fn enable() -> io::Result<Option<Self>> {
        Self::enable_in(Path::new(FILE))
    }

    fn enable_in(file: &Path) -> io::Result<Option<Self>> {
        let former = fs::read_to_string(file)?.trim().to_owned();
        if former != "0" {
            return Ok(None);
        }
        fs::write(file, "1\n")?;
        Ok(Some(Self {
            file: file.to_owned(),
            former,
        }))
    }
}

impl Drop for DynamicAddress {
    fn drop(&mut self) {
        // Where it cannot be written any more it stays on, which harms nobody.
        if fs::read_to_string(&self.file).is_ok_and(|now| now.trim() == "1") {
            let _ = fs::write(&self.file, format!("{}\n", self.former));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TestDir, in_network_namespace};
    use super::*;

    #[test]
    fn the_kernels_setting_is_turned_on_and_put_back() {
        in_network_namespace(async || {
            let now = || fs::read_to_string(FILE).unwrap().trim().to_owned();
            fs::write(FILE, "0").unwrap();
            let on = DynamicAddress::enable().unwrap();
            assert_eq!(now(), "1");
            assert!(DynamicAddress::enable().unwrap().is_none(), "it is on");
            drop(on);
            assert_eq!(now(), "0");
        });
    }

    #[test]
    fn what_others_have_set_stays() {
        let dir = TestDir::new();
        let file = dir.join("ip_dynaddr");
        let now = || fs::read_to_string(&file).unwrap();
        fs::write(&file, "3\n").unwrap();
        assert!(DynamicAddress::enable_in(&file).unwrap().is_none());
        assert_eq!(now(), "3\n");
        fs::write(&file, "0\n").unwrap();
        let on = DynamicAddress::enable_in(&file).unwrap().unwrap();
        fs::write(&file, "2\n").unwrap();
        drop(on);
        assert_eq!(now(), "2\n");
        assert!(DynamicAddress::enable_in(&dir.join("nothing")).is_err());
    }
}

//! The ways of making a modem restart (spec S2), each under a root that is a parameter: tests give a tree of their own.
//!
//! Each is a future that may be dropped at any moment: what must not stay as it is (a port without power, a line that is
//! held low) is put back then. Whether the modem did restart is not judged here: see
//! [`Ladder`](crate::link::ladder::Ladder). The AT reset is the daemon's, which has the port.

pub mod command;
pub mod gpio;
pub mod led;
pub mod reboot;
pub mod undo;
pub mod usb;
pub mod write;

mod put_back;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::{off_loop, sysfs};

/// Where the kernel's file systems are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            sys: PathBuf::from(sysfs::ROOT),
            dev: PathBuf::from("/dev"),
        }
    }
}

/// Why a step could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// A file of the kernel, or of the user's.
    #[error("{} could not be {action}: {error}", .path.display())]
    File {
        /// `read` or `written`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A LED's name that would lead elsewhere, or that the kernel does not know.
    #[error("there is no LED {name:?} in {}", .folder.display())]
    NoLed {
        /// As configured.
        name: String,
        /// Where LEDs are.
        folder: PathBuf,
    },
    /// The kernel has no trigger `oneshot`.
    #[error("the LED {name} has no trigger oneshot (the kernel's ledtrig-oneshot)")]
    NoOneShot {
        /// The LED.
        name: String,
    },
    /// The modem hangs on something else than the USB, or it is not known where.
    #[error("it is not known at which USB port the modem is")]
    NotOnUsb,
    /// Not a name of a USB device.
    #[error("{path:?} is no USB path such as 1-1.2")]
    BadUsbPath {
        /// As given.
        path: String,
    },
    /// The kernel cannot switch this port.
    #[error("the kernel has no switch for the USB port of {path} (it needs Linux 6.0 or newer)")]
    NoPortSwitch {
        /// The USB path.
        path: String,
    },
    /// GPIO.
    #[error("{0}")]
    Gpio(#[from] gpio::GpioError),
    /// The user's command.
    #[error("{0}")]
    Command(#[from] command::CommandError),
    /// The host is not restarted (now).
    #[error("{0}")]
    Reboot(#[from] reboot::RebootError),
}

/// Writes to a file that is there, as a shell's `echo -n` does, without holding up the runtime.
async fn put(path: &Path, value: &str) -> Result<(), ResetError> {
    let (file, text) = (path.to_owned(), value.to_owned());
    off_loop(move || put_now(&file, &text))
        .await
        .unwrap_or_else(|| Err(io::Error::other("no thread for it")))
        .map_err(|error| ResetError::File {
            action: "written",
            path: path.to_owned(),
            error,
        })
}

/// Reads a file of the kernel's.
fn get(path: &Path) -> Result<String, ResetError> {
    let error = |error| ResetError::File {
        action: "read",
        path: path.to_owned(),
        error,
    };
    let (folder, name) = path
        .parent()
        .zip(path.file_name().and_then(|name| name.to_str()))
        .ok_or_else(|| error(io::ErrorKind::InvalidInput.into()))?;
    sysfs::attribute(folder, name).ok_or_else(|| error(io::ErrorKind::NotFound.into()))
}

fn put_now(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    // In one piece: each write is a command of its own to the kernel.
    let written = file.write(value.as_bytes())?;
    if written == value.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// What tests share.
#[cfg(test)]
mod testing {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::{self, RecvTimeoutError, Sender};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    /// How often it looks.
    const TICK: Duration = Duration::from_millis(5);

    /// A thread that notes what is written to a file: the kernel's part.
    pub(super) struct Kernel {
        /// Dropped: the thread ends after one more look.
        stop: Option<Sender<()>>,
        thread: Option<JoinHandle<Vec<String>>>,
    }

    impl Kernel {
        /// Watches `file`, and answers each change of its text.
        pub(super) fn watch(file: &Path, mut answer: impl FnMut(&str) + Send + 'static) -> Self {
            let (stop, stopped) = mpsc::channel::<()>();
            let file = file.to_owned();
            let mut last = fs::read_to_string(&file).unwrap_or_default();
            let thread = thread::spawn(move || {
                let mut seen = Vec::new();
                loop {
                    let ending = stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Disconnected);
                    let now = fs::read_to_string(&file).unwrap_or_default();
                    if now != last {
                        last.clone_from(&now);
                        // Our writes do not truncate, as nobody does with sysfs.
                        let text = now.lines().next().unwrap_or_default().to_owned();
                        answer(&text);
                        seen.push(text);
                    }
                    if ending {
                        return seen;
                    }
                }
            });
            Self {
                stop: Some(stop),
                thread: Some(thread),
            }
        }

        /// What was written, in order.
        pub(super) fn seen(mut self) -> Vec<String> {
            drop(self.stop.take());
            self.thread.take().unwrap().join().unwrap()
        }
    }
}

//! The tty of the modem (spec D6, D7).
//!
//! Bytes go through tokio-serial, which knows every speed. What it does not do right for a daemon
//! is done here:
//!
//! - Its `flush` and `shutdown` are `tcdrain`, which blocks the whole runtime while the modem stops
//!   us by CTS. Neither is ever called, and output that nobody takes is thrown away before the
//!   close, which would wait for it, too.
//! - It does not put the settings back. We open the tty first, by a descriptor of our own, remember
//!   the settings and restore them on every way out.
//! - It forces CLOCAL on, so a lost carrier is not noticed. [`Port::watch_carrier`] turns it off
//!   once the modem is connected; before that, a modem without carrier could not even be dialed.
//! - Its reads and writes want `&mut`, and its `readable()` never clears a readiness. So the stream
//!   lies in a `RefCell` that is borrowed only inside a poll, which lets one task read and write in
//!   one `select!`.
//!
//! A pty has no modem lines: what asks for them is told so, and everything else works.

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::ready;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::termios::{ControlModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_serial::{
    ClearBuffer, DataBits, FlowControl, Parity, SerialPort, SerialPortBuilder, SerialStream,
    StopBits,
};

use super::lock::UucpLock;
use super::process::holder_of;
use crate::link::reason::LineProblem;
use crate::log::LogLine;

/// How often [`Port::drain`] looks.
const DRAIN_STEP: Duration = Duration::from_millis(10);

/// How the tty is set: 8N1 raw, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortSettings {
    /// Bits per second, not zero. Any rate that the driver can make.
    pub speed: u32,
    /// RTS/CTS flow control.
    pub rtscts: bool,
    /// pppd's `modem` (true) or `local`: whether DTR and DCD mean something.
    pub modem_lines: bool,
}

/// An open, locked tty. Dropping it puts the settings back, closes it, and gives the locks back.
///
/// At most one reader and one writer may wait at a time.
#[derive(Debug)]
pub struct Port {
    stream: RefCell<SerialStream>,
    settings: SavedSettings,
    path: PathBuf,
    modem_lines: bool,
    lock: UucpLock,
}

impl Port {
    /// Locks `path` in `lock_dir`, opens it and sets it.
    ///
    /// # Errors
    ///
    /// - [`LineProblem::Absent`] if there is no such file or no device behind it,
    /// - [`LineProblem::NotATty`] if it is something else,
    /// - [`LineProblem::Locked`] if another program holds its UUCP lock, has it open for itself
    ///   alone (TIOCEXCL) or has locked it (flock); with the holder where that can be found out,
    /// - [`LineProblem::OpenFailed`] otherwise.
    pub fn open(
        path: &Path,
        settings: &PortSettings,
        lock_dir: &Path,
    ) -> Result<Self, LineProblem> {
        let failed = |error: &dyn ToString, permission| LineProblem::OpenFailed {
            path: path.to_owned(),
            error: error.to_string(),
            permission,
        };
        if settings.speed == 0 {
            // B0 would mean: hang up.
            return Err(failed(&"a speed of 0 bit/s is none", false));
        }
        let name = path
            .to_str()
            .ok_or_else(|| failed(&"its name is not UTF-8", false))?;
        // Before the lock, so that a wrong path leaves no lock file behind, not even for a moment.
        let kind = fs::metadata(path)
            .map_err(|error| open_problem(path, &error))?
            .file_type();
        if !kind.is_char_device() {
            return Err(LineProblem::NotATty {
                path: path.to_owned(),
            });
        }
        let lock = UucpLock::acquire(lock_dir, path)?;
        let saved = SavedSettings::open(path)?;
        let builder = builder(name, settings);
        let stream = match SerialStream::open(&builder) {
            Ok(stream) => stream,
            Err(error) => {
                // `Absent` or `Locked` if that is what it comes from; tokio-serial says `NoDevice`
                // for a lock.
                return Err(match error.kind() {
                    tokio_serial::ErrorKind::NoDevice => locked(path),
                    tokio_serial::ErrorKind::Io(kind) => open_problem(path, &kind.into()),
                    tokio_serial::ErrorKind::InvalidInput | tokio_serial::ErrorKind::Unknown => {
                        failed(&error, false)
                    }
                });
            }
        };
        let port = Self {
            stream: RefCell::new(stream),
            settings: saved,
            path: path.to_owned(),
            modem_lines: settings.modem_lines,
            lock,
        };
        // If we are killed, the closing of the tty lowers DTR, and the modem hangs up.
        port.change_control_modes(|modes| modes.set(ControlModes::HUPCL, settings.modem_lines))
            .map_err(|error| failed(&error, false))?;
        Ok(port)
    }

    /// Reads at least one byte into `buf`; 0 means that the line is gone. Safe to cancel.
    ///
    /// # Errors
    ///
    /// What the kernel says; on many ways in which a device can go this is EIO rather than 0.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut buf = ReadBuf::new(buf);
            let mut stream = self.stream.borrow_mut();
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf))?;
            Ok(buf.filled().len()).into()
        })
        .await
    }

    /// Writes some of `buf`, at least one byte, as soon as the driver has room. Safe to cancel.
    ///
    /// # Errors
    ///
    /// What the kernel says: EIO when the line is gone.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, buf)).await
    }

    /// Writes what fits now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing does; what the kernel says otherwise.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.stream.borrow_mut().try_write(buf)
    }

    /// Raises or lowers DTR. Lowered for a second, it makes a modem hang up. Does nothing with pppd's `local`.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the line has none, such as a pty; what the kernel says otherwise.
    pub fn set_dtr(&self, on: bool) -> io::Result<()> {
        if !self.modem_lines {
            return Ok(());
        }
        let result = self.stream.borrow_mut().write_data_terminal_ready(on);
        match result {
            Ok(()) => Ok(()),
            Err(_) if self.carrier().is_none() => Err(io::Error::new(
                ErrorKind::Unsupported,
                "the line has no DTR",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins or ends a break.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn set_break(&self, on: bool) -> io::Result<()> {
        let stream = self.stream.borrow();
        let result = if on {
            stream.set_break()
        } else {
            stream.clear_break()
        };
        Ok(result?)
    }

    /// Whether the modem signals a carrier (DCD); `None` if the line has no such signal.
    ///
    /// Some USB modems never raise it: only its fall, seen after it was up, means something.
    pub fn carrier(&self) -> Option<bool> {
        // Without the modem lines TIOCMGET fails: ENOTTY, EINVAL.
        self.stream.borrow_mut().read_carrier_detect().ok()
    }

    /// Once the modem is connected (`on`): lets the kernel hang the line up when the carrier falls,
    /// so that [`read`](Self::read) gives 0. Before a dial (`!on`): ignores it. Does nothing with
    /// pppd's `local`.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn watch_carrier(&self, on: bool) -> io::Result<()> {
        if !self.modem_lines {
            return Ok(());
        }
        self.change_control_modes(|modes| modes.set(ControlModes::CLOCAL, !on))
    }

    /// Throws away what has come in and was not read.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn discard_input(&self) -> io::Result<()> {
        Ok(self.stream.borrow().clear(ClearBuffer::Input)?)
    }

    /// How many bytes the driver still has to send.
    pub fn pending_output(&self) -> usize {
        let pending = self.stream.borrow().bytes_to_write().unwrap_or(0);
        usize::try_from(pending).unwrap_or(usize::MAX)
    }

    /// Waits until everything is sent, `limit` at most, without blocking the runtime. True if it
    /// is.
    ///
    /// Before the port is dropped: what is still unsent then is lost.
    pub async fn drain(&self, limit: Duration) -> bool {
        let all = async {
            while self.pending_output() > 0 {
                tokio::time::sleep(DRAIN_STEP).await;
            }
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }

    /// The path under which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What happened at the opening that somebody may want to know.
    pub fn log(&self) -> &[LogLine] {
        self.lock.log()
    }

    fn change_control_modes(&self, change: impl FnOnce(&mut ControlModes)) -> io::Result<()> {
        let mut termios = tcgetattr(&self.settings.fd)?;
        change(&mut termios.control_modes);
        // Now, not when the output has been sent: that might be never.
        Ok(tcsetattr(
            &self.settings.fd,
            OptionalActions::Now,
            &termios,
        )?)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // The last close of a tty waits up to 30 s for its output. On a pty nothing is ever
        // pending.
        if self.pending_output() > 0 {
            let _ = self.stream.borrow().clear(ClearBuffer::Output);
        }
        // Not left to the close: a child process that is just being started shares the lock until
        // its exec. SAFETY: the stream is open, and stays so while it is borrowed.
        let fd = unsafe { BorrowedFd::borrow_raw(self.stream.borrow().as_raw_fd()) };
        let _ = flock(fd, FlockOperation::Unlock);
        self.settings.restore();
    }
}

/// The settings that the tty had before us, and the descriptor by which they are put back.
#[derive(Debug)]
struct SavedSettings {
    fd: OwnedFd,
    termios: Termios,
    path: PathBuf,
    device: u64,
}

impl SavedSettings {
    fn open(path: &Path) -> Result<Self, LineProblem> {
        let fd = open_tty(path).map_err(|error| open_problem(path, &error))?;
        let failed = |error: io::Error| open_problem(path, &error);
        let termios = match tcgetattr(&fd) {
            Ok(termios) => termios,
            // Only these mean that it is none. A tty that is pulled at this moment gives EIO, as
            // does a ttyS without a UART behind it.
            Err(Errno::NOTTY | Errno::INVAL) => {
                return Err(LineProblem::NotATty {
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(failed(error.into())),
        };
        let device = device(&fd).map_err(failed)?;
        Ok(Self {
            fd,
            termios,
            path: path.to_owned(),
            device,
        })
    }

    fn restore(&self) {
        if tcsetattr(&self.fd, OptionalActions::Now, &self.termios).is_ok() {
            return;
        }
        // A tty that was hung up (the carrier fell with CLOCAL off) is dead for every open
        // descriptor, but not for a new one. It must be the same device: another may have its name
        // by now.
        if let Ok(fd) = open_tty(&self.path)
            && device(&fd).is_ok_and(|device| device == self.device)
        {
            let _ = tcsetattr(&fd, OptionalActions::Now, &self.termios);
        }
    }
}

/// Opens without waiting for a carrier and without getting it as our controlling terminal.
fn open_tty(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    Ok(file.into())
}

/// The device number of an open device file.
fn device(fd: impl AsFd) -> io::Result<u64> {
    Ok(fs::File::from(fd.as_fd().try_clone_to_owned()?)
        .metadata()?
        .rdev())
}

fn builder(name: &str, settings: &PortSettings) -> SerialPortBuilder {
    let flow = if settings.rtscts {
        FlowControl::Hardware
    } else {
        FlowControl::None
    };
    let builder = tokio_serial::new(name, settings.speed)
        .data_bits(DataBits::Eight)
        .parity(Parity::None)
        .stop_bits(StopBits::One)
        .flow_control(flow);
    // Opening raises DTR in any case; with `local` it is left as it is.
    if settings.modem_lines {
        builder.dtr_on_open(true)
    } else {
        builder
    }
}

/// What an error of `open`, or of the first steps after it, means.
fn open_problem(path: &Path, error: &io::Error) -> LineProblem {
    let absent = || LineProblem::Absent {
        path: path.to_owned(),
    };
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NXIO | Errno::NODEV | Errno::NOTDIR) => return absent(),
        // Gone between two steps, or never there: a ttyS without a UART.
        Some(Errno::IO) => return absent(),
        Some(Errno::BUSY | Errno::AGAIN) => return locked(path),
        Some(Errno::ISDIR) => {
            return LineProblem::NotATty {
                path: path.to_owned(),
            };
        }
        Some(_) | None => {}
    }
    match error.kind() {
        ErrorKind::NotFound => absent(),
        ErrorKind::WouldBlock => locked(path),
        kind => LineProblem::OpenFailed {
            path: path.to_owned(),
            error: error.to_string(),
            permission: kind == ErrorKind::PermissionDenied,
        },
    }
}

fn locked(path: &Path) -> LineProblem {
    let holder = fs::canonicalize(path)
        .ok()
        .and_then(|path| holder_of(&path));
    LineProblem::Locked {
        path: path.to_owned(),
        holder,
    }
}

#[cfg(test)]
mod tests;

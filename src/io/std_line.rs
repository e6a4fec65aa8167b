//! Standard input and output as a line to a modem, for `uplinkd chat`: a tty, a pipe or a socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{fcntl_dupfd_cloexec, retry_on_intr};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr,
    tcsetattr,
};
use tokio::io::unix::AsyncFd;

use super::watched;

/// The line. What it changes is put back by [`restore`](Self::restore), or when it is dropped.
#[derive(Debug)]
pub struct StdLine {
    input: Half,
    output: Half,
    /// The settings of a tty, as they were.
    saved: Option<Termios>,
}

#[derive(Debug)]
struct Half {
    end: End,
    flags: OFlags,
}

#[derive(Debug)]
enum End {
    Watched(AsyncFd<OwnedFd>),
    /// A file, `/dev/null`: always ready.
    Plain(OwnedFd),
}

impl StdLine {
    /// Takes standard input and output. If the input is a tty, it is set as chat(8) sets it: raw, seven bits, no change
    /// of the speed or of the flow control.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open() -> io::Result<Self> {
        // Both before the first is changed: often they are one.
        let flags = [
            fcntl_getfl(rustix::stdio::stdin())?,
            fcntl_getfl(rustix::stdio::stdout())?,
        ];
        let input = Half::new(rustix::stdio::stdin(), flags[0])?;
        let output = Half::new(rustix::stdio::stdout(), flags[1])?;
        let saved = tcgetattr(input.fd()).ok();
        let line = Self {
            input,
            output,
            saved,
        };
        if let Some(saved) = &line.saved {
            let mut termios = saved.clone();
            termios.input_modes |= InputModes::IGNBRK | InputModes::ISTRIP | InputModes::IGNPAR;
            termios.output_modes = OutputModes::empty();
            termios.local_modes = LocalModes::empty();
            termios.special_codes[SpecialCodeIndex::VERASE] = 0;
            termios.special_codes[SpecialCodeIndex::VKILL] = 0;
            termios.special_codes[SpecialCodeIndex::VMIN] = 1;
            termios.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(line.input.fd(), OptionalActions::Now, &termios)?;
        }
        Ok(line)
    }

    /// One byte, so that whoever reads the line next finds what stands behind it. `None`: there is nothing more. Safe to
    /// cancel.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn read(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let read = |fd: &OwnedFd, byte: &mut [u8; 1]| {
            retry_on_intr(|| rustix::io::read(fd, &mut *byte)).map_err(io::Error::from)
        };
        let n = match &self.input.end {
            End::Plain(fd) => read(fd, &mut byte)?,
            End::Watched(fd) => loop {
                let mut guard = fd.readable().await?;
                if let Ok(result) = guard.try_io(|fd| read(fd.get_ref(), &mut byte)) {
                    break result?;
                }
            },
        };
        Ok((n > 0).then_some(byte[0]))
    }

    /// Writes some of `bytes`. Safe to cancel.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let write =
            |fd: &OwnedFd| retry_on_intr(|| rustix::io::write(fd, bytes)).map_err(io::Error::from);
        match &self.output.end {
            End::Plain(fd) => write(fd),
            End::Watched(fd) => loop {
                let mut guard = fd.writable().await?;
                if let Ok(result) = guard.try_io(|fd| write(fd.get_ref())) {
                    return result;
                }
            },
        }
    }

    /// Begins or ends a break, if it is a tty.
    pub fn set_break(&self, on: bool) {
        let request = if on { libc::TIOCSBRK } else { libc::TIOCCBRK };
        // SAFETY: the descriptor is open as long as `self` lives, and these requests take no argument.
        let _ = unsafe { libc::ioctl(self.input.fd().as_raw_fd(), request) };
    }

    /// Puts the settings of the tty back.
    ///
    /// # Errors
    ///
    /// What the system says, for instance because the modem is gone.
    pub fn restore(&mut self) -> io::Result<()> {
        match self.saved.take() {
            Some(saved) => Ok(tcsetattr(self.input.fd(), OptionalActions::Now, &saved)?),
            None => Ok(()),
        }
    }
}

impl Drop for StdLine {
    fn drop(&mut self) {
        let _ = self.restore();
        for half in [&self.input, &self.output] {
            let _ = fcntl_setfl(half.fd(), half.flags);
        }
    }
}

impl Half {
    fn new(fd: BorrowedFd<'_>, flags: OFlags) -> io::Result<Self> {
        // A number of our own: standard input and output stay open whatever happens here.
        let own = fcntl_dupfd_cloexec(fd, 3)?;
        let second = fcntl_dupfd_cloexec(&own, 3)?;
        let end = match watched(own) {
            Ok(watched) => {
                fcntl_setfl(watched.get_ref(), flags | OFlags::NONBLOCK)?;
                End::Watched(watched)
            }
            // epoll watches no files.
            Err(_) => End::Plain(second),
        };
        Ok(Self { end, flags })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.end {
            End::Watched(fd) => fd.get_ref().as_fd(),
            End::Plain(fd) => fd.as_fd(),
        }
    }
}

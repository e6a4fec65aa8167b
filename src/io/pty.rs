//! A pseudo terminal whose far side looks like a modem's tty: for the simulator, the demo and the
//! tests.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;

use super::watched;

/// The master side of a pty.
///
/// It keeps its slave side open too, so the line outlives whoever uses it: a daemon may close and
/// open the tty as often as it likes. The price is that the closing of the far side is not seen.
#[derive(Debug)]
pub struct Pty {
    master: AsyncFd<OwnedFd>,
    path: PathBuf,
    links: Vec<PathBuf>,
    /// Kept open, never used.
    _slave: OwnedFd,
}

impl Pty {
    /// A new pty in raw mode.
    ///
    /// # Errors
    ///
    /// When the system has none left, or no `/dev/ptmx`.
    pub fn open() -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = PathBuf::from(OsStr::from_bytes(ptsname(&master, Vec::new())?.as_bytes()));
        let slave = ioctl_tiocgptpeer(
            &master,
            OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
        )?;
        // Raw from the start: an echo of the modem's words back to it would be read as commands.
        let mut termios = tcgetattr(&slave)?;
        termios.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &termios)?;
        fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
        Ok(Self {
            master: watched(master)?,
            path,
            links: Vec::new(),
            _slave: slave,
        })
    }

    /// The path of the tty, such as `/dev/pts/3`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes `link` a symbolic link to the tty, in one step, in place of a symbolic link that may
    /// be there. It is removed with the pty unless it points elsewhere by then.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if something that is not a symbolic link is there; what the system says
    /// otherwise.
    pub fn link(&mut self, link: &Path) -> io::Result<()> {
        match fs::symlink_metadata(link) {
            Ok(there) if !there.file_type().is_symlink() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("{} exists and is not a symbolic link", link.display()),
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut temporary = link.as_os_str().to_owned();
        temporary.push(format!(".{}.new", super::process::own_pid()));
        let temporary = PathBuf::from(temporary);
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(&self.path, &temporary).map_err(|error| {
            let text = format!("{} cannot be made: {error}", link.display());
            io::Error::new(error.kind(), text)
        })?;
        if let Err(error) = fs::rename(&temporary, link) {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        self.links.push(link.to_owned());
        Ok(())
    }

    /// Reads what the far side has written: at least one byte. One reader at a time. Safe to
    /// cancel.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut guard = self.master.readable().await?;
            if let Ok(result) = guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut *buf)?)) {
                return result;
            }
        }
    }

    /// Writes some of `buf`, at least one byte, as soon as the far side has room. One writer at a
    /// time. Safe to cancel.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        loop {
            let mut guard = self.master.writable().await?;
            if let Ok(result) = guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), buf)?)) {
                return result;
            }
        }
    }

    /// Pulls the cable: the tty vanishes under whoever uses it, and so do the links to it.
    pub fn hangup(self) {
        drop(self);
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        for link in &self.links {
            if fs::read_link(link).is_ok_and(|to| to == self.path) {
                let _ = fs::remove_file(link);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::{Read, Write};

    use super::super::testing::TestDir;
    use super::*;

    fn open(path: &Path) -> fs::File {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap()
    }

    #[tokio::test]
    async fn carries_every_byte_unchanged_both_ways() {
        let pty = Pty::open().unwrap();
        let mut far = open(pty.path());
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(pty.write(&all).await.unwrap(), 256);
        let mut got = vec![0; 256];
        far.read_exact(&mut got).unwrap();
        assert_eq!(got, all);
        far.write_all(&all).unwrap();
        let mut got = Vec::new();
        let mut buf = [0; 100];
        while got.len() < 256 {
            let n = pty.read(&mut buf).await.unwrap();
            got.extend_from_slice(&buf[..n]);
        }
        assert_eq!(got, all);
    }

    #[tokio::test]
    async fn outlives_its_user() {
        let pty = Pty::open().unwrap();
        for _ in 0..3 {
            let mut far = open(pty.path());
            far.write_all(b"x").unwrap();
            let mut buf = [0; 8];
            assert_eq!(pty.read(&mut buf).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn a_hangup_ends_the_far_side() {
        let dir = TestDir::new();
        let link = dir.join("modem");
        let mut pty = Pty::open().unwrap();
        pty.link(&link).unwrap();
        let mut far = open(&link);
        pty.hangup();
        assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
        assert!(
            fs::symlink_metadata(&link).is_err(),
            "the link goes with the pty"
        );
    }

    #[tokio::test]
    async fn a_link_replaces_only_links() {
        let dir = TestDir::new();
        let link = dir.join("modem");
        fs::write(&link, "precious").unwrap();
        let mut pty = Pty::open().unwrap();
        assert_eq!(
            pty.link(&link).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&link).unwrap(), b"precious");
        fs::remove_file(&link).unwrap();
        symlink("/nowhere", &link).unwrap();
        pty.link(&link).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), pty.path());
        // Somebody else's by now: it stays.
        fs::remove_file(&link).unwrap();
        symlink("/nowhere", &link).unwrap();
        drop(pty);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("/nowhere"));
    }

    #[tokio::test]
    async fn a_far_side_that_does_not_read_makes_the_writer_wait_not_block() {
        let pty = Pty::open().unwrap();
        let _far = open(pty.path());
        let stuffing = [0; 4096];
        let stuck = tokio::time::timeout(std::time::Duration::from_millis(200), async {
            loop {
                pty.write(&stuffing).await.unwrap();
            }
        })
        .await;
        assert!(stuck.is_err());
    }
}

//! slirp (Debian package slirp) as a PPP peer: a second implementation, in user space, from another family than
//! pppd's. It carries TCP to the loopback interface of the host under 10.0.2.2.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::modem::Peer;
use crate::process::Process;
use crate::temp::TempDir;

/// What slirp asks of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlirpAuth {
    /// Nothing.
    None,
    /// PAP.
    Pap,
    /// CHAP with MD5.
    Chap,
}

/// Starts a slirp for each call. All are killed when this is dropped.
#[derive(Debug)]
pub struct Slirp {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    home: TempDir,
    auth: SlirpAuth,
    running: Mutex<Vec<Process>>,
}

impl Slirp {
    /// A slirp that knows one account.
    pub fn new(auth: SlirpAuth, user: &str, password: &str) -> Self {
        let home = TempDir::new("slirp");
        let line = format!("{user} * {password}\n");
        home.write(".pap-secrets", &line);
        home.write(".chap-secrets", &line);
        Self {
            shared: Arc::new(Shared {
                home,
                auth,
                running: Mutex::new(Vec::new()),
            }),
        }
    }

    /// For [`Modem::start`](crate::modem::Modem::start).
    pub fn peer(&self) -> Peer {
        let shared = Arc::clone(&self.shared);
        Box::new(move || shared.call())
    }

    /// What the slirps so far have said.
    pub fn transcript(&self) -> String {
        let running = self.shared.running.lock().expect("no holder panics");
        running.iter().map(Process::transcript).collect()
    }
}

impl Shared {
    fn call(&self) -> io::Result<UnixStream> {
        let (near, far) = UnixStream::pair()?;
        let far = OwnedFd::from(far);
        let mut command = Command::new("slirp-fullbolt");
        // Without `-P` it would speak SLIP; `nozeros` keeps it from asking for an answer from the terminal first.
        command.arg("-P");
        match self.auth {
            SlirpAuth::None => {}
            SlirpAuth::Pap => drop(command.arg("+pap")),
            SlirpAuth::Chap => drop(command.arg("+chap")),
        }
        command
            .args(["dns 192.0.2.53", "nozeros"])
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .stdin(Stdio::from(far.try_clone()?))
            .stdout(Stdio::from(far))
            .stderr(Stdio::piped());
        let process = Process::start_with_stdio("slirp", command);
        self.running.lock().expect("no holder panics").push(process);
        Ok(near)
    }
}

//! The control socket of the daemon: a Unix stream socket `RUN_DIR/IFNAME.sock` (spec I4), and the client's end of one.
//!
//! - Who may use it is a matter of its file mode: root alone (0600), or the members of a group (0660). The file is never
//!   there with another mode: it is made under another name, set, and renamed, and nobody can connect before that.
//!   What the kernel says of a peer (SO_PEERCRED) is checked besides.
//! - The socket of a daemon that died is replaced, one that somebody serves is not.
//! - It goes with its owner; a socket that another daemon has put in its place stays.
//!
//! What is said over it is not known here.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

use super::process::describe;

/// Connections that wait to be accepted; more are refused by the kernel.
const BACKLOG: i32 = 16;

/// Where groups are.
const GROUPS: &str = "/etc/group";

/// The end of a socket's name.
const SUFFIX: &str = ".sock";

/// Longest reply that a client reads.
const MAX_REPLY: u64 = 1024 * 1024;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketProblem {
    /// Another daemon serves it.
    #[error("another uplinkd serves {}", .path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket has its name.
    #[error("{} is there and is not a socket", .path.display())]
    NotASocket {
        /// It.
        path: PathBuf,
    },
    /// There is no such group.
    #[error("there is no group {name} in {GROUPS}")]
    NoGroup {
        /// As configured.
        name: String,
    },
    /// The system refused.
    #[error("{}: {error}", .path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

/// A socket that clients can connect to.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, to know it again.
    identity: (u64, u64),
    for_group: bool,
}

/// A client.
#[derive(Debug)]
pub struct Peer {
    /// To talk to it.
    pub stream: UnixStream,
    /// Who it is: `pid 123 (uplinkd), uid 0`.
    pub who: String,
}

/// Where the socket for an interface is.
pub fn path(run_dir: &Path, interface: &str) -> PathBuf {
    run_dir.join(format!("{interface}{SUFFIX}"))
}

impl ControlSocket {
    /// Makes the socket, for root alone or for `group` (a name of `/etc/group`, or a number).
    ///
    /// # Errors
    /// [`SocketProblem`]; what was there before is untouched then.
    pub fn open(path: &Path, group: Option<&str>) -> Result<Self, SocketProblem> {
        let group = group
            .map(|name| {
                group_id(name).ok_or_else(|| SocketProblem::NoGroup {
                    name: name.to_owned(),
                })
            })
            .transpose()?;
        match fs::symlink_metadata(path) {
            Ok(data) if !data.file_type().is_socket() => {
                return Err(SocketProblem::NotASocket {
                    path: path.to_owned(),
                });
            }
            Ok(_) if is_served(path) => {
                return Err(SocketProblem::Taken {
                    path: path.to_owned(),
                });
            }
            Ok(_) | Err(_) => {}
        }
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        let made = Self::make(&aside, path, group);
        if made.is_err() {
            let _ = fs::remove_file(&aside);
        }
        made.map_err(|error| SocketProblem::Failed {
            path: path.to_owned(),
            error,
        })
    }

    fn make(aside: &Path, path: &Path, group: Option<u32>) -> io::Result<Self> {
        match fs::remove_file(aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let socket = new_socket()?;
        bind(&socket, &SocketAddrUnix::new(aside)?)?;
        fs::set_permissions(aside, Permissions::from_mode(0o600))?;
        if let Some(group) = group {
            chown(aside, None, Some(group))?;
            fs::set_permissions(aside, Permissions::from_mode(0o660))?;
        }
        // Only now does a connect succeed.
        listen(&socket, BACKLOG)?;
        let data = fs::symlink_metadata(aside)?;
        fs::rename(aside, path)?;
        Ok(Self {
            listener: UnixListener::from_std(StdListener::from(socket))?,
            path: path.to_owned(),
            identity: (data.dev(), data.ino()),
            for_group: group.is_some(),
        })
    }

    /// The next client; `None`: one that may not be here, and is gone already. Safe to cancel.
    ///
    /// # Errors
    /// When no descriptor is left, or something like it: it may work again later.
    pub async fn accept(&self) -> io::Result<Option<Peer>> {
        let (stream, _) = self.listener.accept().await?;
        let Ok(credentials) = stream.peer_cred() else {
            return Ok(None);
        };
        let uid = credentials.uid();
        // With a group the file mode has let it in, and only that knows of all its groups.
        if uid != 0 && uid != geteuid().as_raw() && !self.for_group {
            return Ok(None);
        }
        let process = match credentials.pid() {
            Some(pid) => describe(pid),
            None => "a process elsewhere".to_owned(),
        };
        Ok(Some(Peer {
            stream,
            who: format!("{process}, uid {uid}"),
        }))
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|data| (data.dev(), data.ino()) == self.identity);
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The sockets in `run_dir` that somebody serves, by the name of the interface.
///
/// # Errors
/// When the folder cannot be read.
pub fn find(run_dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(run_dir)?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let interface = name.to_str()?.strip_suffix(SUFFIX)?;
            let path = entry.path();
            // One that we may not use is there all the same: the caller says so.
            let is_socket = entry.file_type().is_ok_and(|kind| kind.is_socket());
            (is_socket && is_served(&path)).then(|| (interface.to_owned(), path))
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Sends one line and reads one, for a client. Blocks, each step for `patience` at most.
///
/// # Errors
/// What the system says: [`ErrorKind::NotFound`] and [`ErrorKind::ConnectionRefused`] mean that no daemon is there,
/// [`ErrorKind::WouldBlock`] that it does not answer.
pub fn ask(path: &Path, line: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    for direction in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, direction, Some(patience))?;
    }
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let mut stream = StdStream::from(socket);
    stream.write_all(line)?;
    let mut reply = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part)?;
        let part = part.get(..count).unwrap_or_default();
        reply.extend_from_slice(part);
        if part.contains(&b'\n') {
            return Ok(reply);
        }
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if reply.len() as u64 > MAX_REPLY {
            return Err(io::Error::other("the reply has no end"));
        }
    }
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// Whether somebody listens. When that cannot be told, it is taken for true: nothing is replaced then.
fn is_served(path: &Path) -> bool {
    let Ok(address) = SocketAddrUnix::new(path) else {
        return true;
    };
    let Ok(socket) = new_socket() else {
        return true;
    };
    !matches!(
        connect(&socket, &address),
        Err(Errno::CONNREFUSED | Errno::NOENT)
    )
}

/// The number of a group.
fn group_id(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let text = fs::read_to_string(GROUPS).ok()?;
    group_in(&text, name)
}

fn group_in(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name)
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::testing::TestDir;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    fn names(dir: &TestDir) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn is_for_its_owner_and_goes_with_it() {
        let dir = TestDir::new();
        let path = path(dir.path(), "ppp0");
        let socket = ControlSocket::open(&path, None).unwrap();
        assert_eq!(names(&dir), ["ppp0.sock"]);
        assert_eq!(mode(&path), 0o600);
        drop(socket);
        assert_eq!(names(&dir), [""; 0]);
    }

    #[tokio::test]
    async fn is_for_a_group_if_one_is_named() {
        let dir = TestDir::new();
        let path = path(dir.path(), "ppp0");
        let group = rustix::process::getegid().as_raw();
        let socket = ControlSocket::open(&path, Some(&group.to_string())).unwrap();
        assert_eq!(mode(&path), 0o660);
        assert_eq!(fs::symlink_metadata(&path).unwrap().gid(), group);
        drop(socket);
        let problem = ControlSocket::open(&path, Some("no-such-group")).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "there is no group no-such-group in /etc/group"
        );
        assert_eq!(names(&dir), [""; 0]);
    }

    #[tokio::test]
    async fn asks_and_answers() {
        let dir = TestDir::new();
        let path = path(dir.path(), "ppp0");
        let socket = ControlSocket::open(&path, None).unwrap();
        let client = tokio::task::spawn_blocking(move || ask(&path, b"question\n", PATIENCE));
        let mut peer = socket.accept().await.unwrap().unwrap();
        let own = format!("pid {} (", std::process::id());
        assert!(peer.who.starts_with(&own), "{}", peer.who);
        let mut question = [0; 9];
        peer.stream.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"question\n");
        peer.stream.write_all(b"ans").await.unwrap();
        peer.stream.write_all(b"wer\n").await.unwrap();
        assert_eq!(client.await.unwrap().unwrap(), b"answer\n");
    }

    #[tokio::test]
    async fn a_living_socket_is_left_alone() {
        let dir = TestDir::new();
        let path = path(dir.path(), "ppp0");
        let first = ControlSocket::open(&path, None).unwrap();
        let problem = ControlSocket::open(&path, None).unwrap_err();
        assert!(
            matches!(problem, SocketProblem::Taken { .. }),
            "{problem:?}"
        );
        assert_eq!(names(&dir), ["ppp0.sock"]);
        drop(first);
    }

    #[tokio::test]
    async fn the_socket_of_a_dead_daemon_is_replaced_and_only_our_own_is_removed() {
        let dir = TestDir::new();
        let path = path(dir.path(), "ppp0");
        drop(StdListener::bind(&path).unwrap());
        // What a start that was killed has left.
        fs::write(dir.join("ppp0.sock.new"), "x").unwrap();
        assert_eq!(find(dir.path()).unwrap(), []);
        let first = ControlSocket::open(&path, None).unwrap();
        assert_eq!(names(&dir), ["ppp0.sock"]);
        assert_eq!(
            find(dir.path()).unwrap(),
            [("ppp0".to_owned(), path.clone())]
        );
        fs::remove_file(&path).unwrap();
        let second = ControlSocket::open(&path, None).unwrap();
        drop(first);
        assert_eq!(names(&dir), ["ppp0.sock"]);
        drop(second);
        assert_eq!(names(&dir), [""; 0]);
    }

    #[tokio::test]
    async fn a_file_of_somebody_else_is_not_touched() {
        let dir = TestDir::new();
        let path = path(dir.path(), "ppp0");
        fs::write(&path, "mine").unwrap();
        let problem = ControlSocket::open(&path, None).unwrap_err();
        assert!(
            matches!(problem, SocketProblem::NotASocket { .. }),
            "{problem:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let long = dir.join(&"x".repeat(120));
        let problem = ControlSocket::open(&long, None).unwrap_err();
        assert!(
            matches!(problem, SocketProblem::Failed { .. }),
            "{problem:?}"
        );
    }

    #[test]
    fn a_daemon_that_does_not_answer_is_not_waited_for_for_ever() {
        let dir = TestDir::new();
        let path = path(dir.path(), "ppp0");
        assert_eq!(
            ask(&path, b"x\n", PATIENCE).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        let _listener = StdListener::bind(&path).unwrap();
        let error = ask(&path, b"x\n", Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn groups_are_found() {
        let text = "root:x:0:\nbroken\ndialout:x:20:a,b\nx:y\nz:x:no:\n";
        assert_eq!(group_in(text, "dialout"), Some(20));
        assert_eq!(group_in(text, "root"), Some(0));
        for name in ["x", "z", "broken", "a", ""] {
            assert_eq!(group_in(text, name), None);
        }
        assert_eq!(group_id("123"), Some(123));
        assert_eq!(group_id("root"), Some(0));
    }
}

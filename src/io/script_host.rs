//! Scripts outside of the daemon's sandbox (spec U2, N4).
//!
//! What an operator's `ip-up` needs is not known: it may write to `/etc`, start a daemon, load a firewall. The daemon's own
//! unit allows none of that. So its scripts run in a unit of their own, `uplinkd-scripts@.service`, where a small process
//! of ours (the script host) waits at a Unix socket, starts what the daemon asks for, and tells it the process number and
//! how it ended. What a script leaves behind (`ddclient`) lives in that unit, and ends when the daemon's unit does.
//!
//! The host trusts the daemon only so far: it runs files below the folders that it was started with (`/etc/ppp`), which
//! nobody but root can change; and for the daemon's own program, the few commands that are made for it.
//!
//! - [`ScriptHost`]: the daemon's end.
//! - [`server`]: the host.
//!
//! On the socket are lines of JSON: a [`Script`] with the descriptors of its output and input from the daemon; then from the host
//! `Answer`s; `Order`s from the daemon. When the daemon closes the connection, the script is ended.

pub mod server;
mod trust;

use std::io::{self, ErrorKind, IoSlice};
use std::iter;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// No longer line is read or sent. Ten pieces of information and an operator's own variables are some hundred octets.
const MAX_LINE: usize = 32 * 1024;

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// An absolute path.
    pub program: PathBuf,
    /// Its arguments, without its name.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
}

/// What the host says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// It runs, and this is its process number.
    Started(i32),
    /// It does not, and why.
    Refused(String),
    /// It has ended, with this status of wait(2).
    Ended(i32),
}

/// What the daemon wants while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    /// A signal for its process group.
    Signal(i32),
}

/// Why a script did not run, or its end is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostProblem {
    /// The host says no.
    #[error("{0}")]
    Refused(String),
    /// It is not there, or has gone.
    #[error("the script host at {}: {error}", .socket.display())]
    Unreachable {
        /// Where it should be.
        socket: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

/// Where scripts are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptHost {
    socket: PathBuf,
}

/// A script that runs. It is ended (SIGTERM, then SIGKILL) when this is dropped before its end is known.
#[derive(Debug)]
pub struct RunningScript {
    socket: PathBuf,
    pid: i32,
    lines: Lines,
    orders: OwnedWriteHalf,
}

impl ScriptHost {
    /// The host at this socket.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Starts a script. Its standard output and standard error are `output`, its standard input is `input` or empty.
    ///
    /// # Errors
    /// [`HostProblem`]: then it does not run.
    pub async fn start(
        &self,
        script: &Script,
        output: OwnedFd,
        input: Option<OwnedFd>,
    ) -> Result<RunningScript, HostProblem> {
        let unreachable = |error| self.unreachable(error);
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(unreachable)?;
        send_script(&stream, script, &output, input.as_ref())
            .await
            .map_err(unreachable)?;
        let (lines, orders) = stream.into_split();
        let mut lines = Lines::new(lines);
        match lines.next().await.map_err(unreachable)? {
            Answer::Started(pid) => Ok(RunningScript {
                socket: self.socket.clone(),
                pid,
                lines,
                orders,
            }),
            Answer::Refused(why) => Err(HostProblem::Refused(why)),
            Answer::Ended(_) => Err(self.unreachable(ErrorKind::InvalidData.into())),
        }
    }

    fn unreachable(&self, error: io::Error) -> HostProblem {
        HostProblem::Unreachable {
            socket: self.socket.clone(),
            error,
        }
    }
}

impl RunningScript {
    /// Its process number.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end and gives the status as wait(2) has it. Safe to cancel.
    ///
    /// # Errors
    /// [`HostProblem::Unreachable`] when the host has gone, and the script with it.
    pub async fn ended(&mut self) -> Result<i32, HostProblem> {
        let answer = self.lines.next().await;
        let error = match answer {
            Ok(Answer::Ended(status)) => return Ok(status),
            Ok(Answer::Started(_) | Answer::Refused(_)) => ErrorKind::InvalidData.into(),
            Err(error) => error,
        };
        Err(HostProblem::Unreachable {
            socket: self.socket.clone(),
            error,
        })
    }

    /// Sends a signal to it and its children, by its number. It may have ended in the meantime.
    pub fn signal(&self, number: i32) {
        if let Ok(line) = to_line(&Order::Signal(number)) {
            // Some octets on a connection that is empty: they fit, or nobody is there.
            let _ = self.orders.try_write(&line);
        }
    }
}

async fn send_script(
    stream: &UnixStream,
    script: &Script,
    output: &OwnedFd,
    input: Option<&OwnedFd>,
) -> io::Result<()> {
    let line = to_line(script)?;
    let descriptors: Vec<BorrowedFd<'_>> =
        iter::once(output).chain(input).map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    loop {
        stream.writable().await?;
        let sent = stream.try_io(Interest::WRITABLE, || {
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
            let sent = sendmsg(
                stream,
                &[IoSlice::new(&line)],
                &mut control,
                SendFlags::NOSIGNAL,
            )?;
            Ok(sent)
        });
        match sent {
            // The buffer of a new connection has room for more than MAX_LINE.
            Ok(sent) if sent == line.len() => return Ok(()),
            Ok(_) => return Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// A value as a line, unless it is too long.
fn to_line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    if line.len() > MAX_LINE {
        let what = "the arguments and the environment of a script are too long";
        return Err(io::Error::new(ErrorKind::InvalidInput, what));
    }
    Ok(line)
}

/// Lines of JSON from the other end.
#[derive(Debug)]
struct Lines {
    stream: BufReader<OwnedReadHalf>,
    /// What has been read of the next one.
    line: Vec<u8>,
}

impl Lines {
    fn new(stream: OwnedReadHalf) -> Self {
        Self {
            stream: BufReader::new(stream),
            line: Vec::new(),
        }
    }

    /// The next one. Safe to cancel: what has been read is kept.
    async fn next<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let room = MAX_LINE.saturating_sub(self.line.len()) as u64;
        let mut limited = (&mut self.stream).take(room);
        limited.read_until(b'\n', &mut self.line).await?;
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&line)?)
    }
}

//! Serves the control socket: status, and commands for the running daemon (spec S7, I4, I9).
//!
//! A client must not disturb the link, whatever it does. So there are at most [`MAX_CLIENTS`] of them, each with small
//! buffers and one request at a time, paced; whoever says nothing, reads nothing or sends nonsense is dropped; and a
//! newcomer that finds all places taken displaces the oldest one that is not being served just now.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::at::{Answer, risk};
use crate::control::{
    self, Board, Reply, Request, RequestError, RequestReader, StateView, StateWord, Status,
};
use crate::daemon::connection::Control;
use crate::daemon::logging::emit;
use crate::daemon::traffic::{Counts, Traffic, Waiting};
use crate::io::clock::Clock;
use crate::io::control_socket::{ControlSocket, Peer};
use crate::link::{LinkEnd, State, Supervisor, Upcoming};
use crate::log::{BudgetSize, Level, LogBudget, LogLine, Verdict};
use crate::time::Instant;

/// Clients at a time.
pub const MAX_CLIENTS: usize = 8;

/// A request must be whole within this time, and a reply be taken.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// An AT command may take this long.
const AT_LIMIT: Duration = Duration::from_secs(60);

/// From one request of a client to its next one.
const PACE: Duration = Duration::from_millis(50);

/// From one client to the next one.
const ACCEPT_PACE: Duration = Duration::from_millis(2);

/// After an error of accept: there are no descriptors, and there will not be any at once.
const ACCEPT_ERROR_PAUSE: Duration = Duration::from_secs(1);

/// What clients may cause in the log.
const LOG: BudgetSize = BudgetSize {
    burst: 30,
    reserve: 0,
    refill: Duration::from_secs(10),
};

/// What `reload` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// The configuration was read, and this changes.
    Done(String),
    /// It was not, and why.
    Refused(String),
}

/// Reads the configuration again. It must not block for long.
pub trait Reload {
    /// Does it.
    fn reload(&self) -> ReloadOutcome;
}

/// A command for the modem's second port.
#[derive(Debug)]
pub struct AtRequest {
    /// The command, checked.
    pub line: String,
    /// How long it may take.
    pub limit: Duration,
    /// For the answer, or a sentence that says why there is none.
    pub reply: oneshot::Sender<Result<Answer, String>>,
}

/// Where the status comes from.
pub struct Sources {
    /// What the parts of the daemon have told.
    pub board: Rc<RefCell<Board>>,
    /// Counters, which are read when they are asked for.
    pub traffic: Rc<Traffic>,
    /// The clock of the board's moments.
    pub clock: Clock,
}

impl Sources {
    /// The status now.
    pub fn status(&self) -> Status {
        let mut board = self.board.borrow_mut();
        self.count(&mut board);
        board.snapshot(self.clock.now(), Timestamp::now())
    }

    /// An attempt, or a link that was up, has ended.
    pub(crate) fn note_end(&self, end: &LinkEnd) {
        let mut board = self.board.borrow_mut();
        self.count(&mut board);
        let was_up = board.is_up();
        board.note_end(self.clock.now(), end, was_up);
        board.note_down();
    }

    fn count(&self, board: &mut Board) {
        let Counts {
            sent_packets,
            sent_bytes,
            received_packets,
            received_bytes,
        } = self.traffic.carried();
        board.note_traffic(control::Traffic {
            received_packets,
            received_bytes,
            sent_packets,
            sent_bytes,
        });
        let Waiting { packets, stats } = self.traffic.waiting();
        let dropped = stats.overflowed + stats.stale + stats.former;
        board.note_queue(packets as u64, dropped);
    }
}

/// What the server needs of the daemon.
pub struct Handles {
    /// The status.
    pub sources: Sources,
    /// Commands for the connection.
    pub controls: mpsc::Sender<Control>,
    /// `reload`.
    pub reload: Rc<dyn Reload>,
    /// The modem's second port; the channel holds one command.
    pub at: mpsc::Sender<AtRequest>,
}

/// Serves clients, until it is dropped.
pub async fn serve(socket: ControlSocket, handles: Handles) {
    let server = Rc::new(Server {
        handles,
        log: RefCell::new(LogBudget::new(LOG)),
    });
    let mut tasks = JoinSet::new();
    let mut places: Vec<Place> = Vec::new();
    loop {
        match socket.accept().await {
            Ok(None) => {}
            Ok(Some(peer)) => {
                while tasks.try_join_next().is_some() {}
                places.retain(|place| !place.task.is_finished());
                if places.len() >= MAX_CLIENTS && !displace(&mut places) {
                    refuse(&peer.stream);
                } else {
                    let busy = Rc::new(Cell::new(false));
                    let client = Rc::clone(&server).talk(peer, Rc::clone(&busy));
                    let task = tasks.spawn_local(client);
                    places.push(Place { task, busy });
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_ERROR_PAUSE).await,
        }
        tokio::time::sleep(ACCEPT_PACE).await;
    }
}

struct Place {
    task: AbortHandle,
    /// Whether its request is being carried out.
    busy: Rc<Cell<bool>>,
}

/// Ends the client that came first of those that are not being served just now; false if all are.
fn displace(places: &mut Vec<Place>) -> bool {
    let Some(index) = places.iter().position(|place| !place.busy.get()) else {
        return false;
    };
    places.remove(index).task.abort();
    true
}

/// A word to a client that finds no place. What its buffer does not take is lost.
fn refuse(stream: &UnixStream) {
    let line = Reply::Error("too many clients; try again in a moment".to_owned()).to_line();
    let _ = stream.try_write(&line);
}

struct Server {
    handles: Handles,
    log: RefCell<LogBudget>,
}

impl Server {
    /// Answers one client until it leaves, or breaks the rules.
    async fn talk(self: Rc<Self>, mut peer: Peer, busy: Rc<Cell<bool>>) {
        let mut reader = RequestReader::new();
        let mut buffer = [0; 1024];
        let mut rest: &[u8] = &[];
        let mut answered = None;
        loop {
            let begun = tokio::time::Instant::now();
            let line = loop {
                if let Some(line) = reader.next(&mut rest) {
                    break line;
                }
                let deadline = begun + REQUEST_LIMIT;
                let read = tokio::time::timeout_at(deadline, peer.stream.read(&mut buffer)).await;
                match read {
                    Ok(Ok(count @ 1..)) => rest = buffer.get(..count).unwrap_or_default(),
                    // Gone, broken, or silent for too long.
                    Ok(Ok(0) | Err(_)) | Err(_) => return,
                }
            };
            let request = line.and_then(|line| Request::parse(&line));
            // Whoever sends nonsense has lost its place, and gets no second try on this connection.
            let is_last = matches!(
                request,
                Err(RequestError::NotJson(_) | RequestError::TooLong)
            );
            // Only now, so that a client that has left is noticed at once and gives its place back.
            if let Some(last) = answered {
                tokio::time::sleep_until(last + PACE).await;
            }
            let begun = tokio::time::Instant::now();
            busy.set(true);
            let reply = match request {
                Ok(request) => self.answer(request, &peer.who).await,
                Err(error) => Reply::Error(error.to_string()),
            };
            busy.set(false);
            let written = timeout(REQUEST_LIMIT, peer.stream.write_all(&reply.to_line())).await;
            if is_last || !matches!(written, Ok(Ok(()))) {
                return;
            }
            answered = Some(begun);
        }
    }

    async fn answer(&self, request: Request, who: &str) -> Reply {
        match request {
            Request::Status => Reply::Status(Box::new(self.handles.sources.status())),
            Request::Reconnect => self.command(
                Control::Reconnect,
                who,
                "reconnect",
                "the link is ended, if there is one, and dialed again",
            ),
            Request::Disconnect => self.command(
                Control::Disconnect,
                who,
                "disconnect",
                "the link is ended; nothing is dialed until `uplinkd connect`",
            ),
            Request::Connect => self.command(
                Control::Connect,
                who,
                "connect",
                "the link is dialed, unless it is up",
            ),
            Request::Reset => self.command(
                Control::Reset,
                who,
                "reset",
                "the modem is reset, then the link is dialed again",
            ),
            Request::Reload => {
                self.note(who, "reload");
                match self.handles.reload.reload() {
                    ReloadOutcome::Done(message) => Reply::Accepted(message),
                    ReloadOutcome::Refused(why) => Reply::Error(why),
                }
            }
            Request::At { line, force } => self.at(line, force, who).await,
        }
    }

    fn command(&self, control: Control, who: &str, name: &str, message: &str) -> Reply {
        match self.handles.controls.try_send(control) {
            Ok(()) => {
                self.note(who, name);
                Reply::Accepted(message.to_owned())
            }
            Err(mpsc::error::TrySendError::Full(_)) => Reply::Error(
                "the daemon is busy with earlier commands; try again in a moment".to_owned(),
            ),
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Reply::Error("the daemon is ending".to_owned())
            }
        }
    }

    async fn at(&self, line: String, force: bool, who: &str) -> Reply {
        if let Some(why) = risk(&line).filter(|_| !force) {
            return Reply::Error(format!(
                "{} {why}: it may end the link; --force sends it all the same",
                command_name(&line)
            ));
        }
        let (reply, answer) = oneshot::channel();
        self.note(who, &format!("at {}", command_name(&line)));
        let request = AtRequest {
            line,
            limit: AT_LIMIT,
            reply,
        };
        match self.handles.at.try_send(request) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return Reply::Error("another AT command is under way".to_owned());
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                return Reply::Error("the daemon is ending".to_owned());
            }
        }
        // The port has its own limits; this one is for a port that hangs.
        match timeout(AT_LIMIT + REQUEST_LIMIT, answer).await {
            Ok(Ok(Ok(answer))) => Reply::At(answer),
            Ok(Ok(Err(why))) => Reply::Error(why),
            Ok(Err(_)) => Reply::Error("the second AT port went away meanwhile".to_owned()),
            Err(_) => Reply::Error("the second AT port does not answer".to_owned()),
        }
    }

    fn note(&self, who: &str, what: &str) {
        let mut log = self.log.borrow_mut();
        log.refill(self.handles.sources.clock.now());
        let text = match log.take(Level::Notice) {
            Verdict::Write => format!("Control socket: {what} (asked for by {who})."),
            Verdict::RefuseAndTell => {
                "Control socket: too many commands; some are not logged".to_owned()
            }
            Verdict::Refuse => return,
        };
        emit(&LogLine::uplinkd(Level::Notice, text));
    }
}

/// An AT command without its values, which may be a PIN or a password.
fn command_name(line: &str) -> &str {
    line.split_once('=').map_or(line, |(name, _)| name)
}

/// What the supervisor does, for the board.
pub(crate) fn view(supervisor: &Supervisor, now: Instant) -> StateView {
    let word = match supervisor.state() {
        State::Idle => StateWord::Starting,
        State::Attempting => StateWord::Dialing,
        State::Up(_) => StateWord::Up,
        State::WaitingForLine(_) => StateWord::WaitingForModem,
        State::WaitingForPacket => StateWord::WaitingForTraffic,
        State::HoldingOff { .. } => StateWord::HoldingOff,
        State::Ending(_) | State::EndingOnSchedule => StateWord::Ending,
        State::Resetting(_) => StateWord::Resetting,
        State::ResetWait { .. } => StateWord::WaitingAfterReset,
        State::Disconnected => StateWord::Disconnected,
        State::Ended(_) => StateWord::Ended,
    };
    let next = match supervisor.upcoming() {
        Upcoming::Nothing => None,
        upcoming @ (Upcoming::Link
        | Upcoming::Attempt
        | Upcoming::LookAtLine
        | Upcoming::Packet
        | Upcoming::Reset
        | Upcoming::ResetWait
        | Upcoming::Connect
        | Upcoming::Exit) => Some((upcoming.to_string(), supervisor.poll_timeout())),
    };
    StateView {
        word,
        sentence: None,
        since: supervisor.since(),
        why: why(supervisor),
        next,
        attempt: supervisor.plan().number,
        failures: Some(supervisor.failures(now)),
    }
}

/// Why the state holds, and what the operator can do about it.
fn why(supervisor: &Supervisor) -> Option<String> {
    let why = supervisor.why();
    let advice = supervisor
        .last_end()
        .filter(|end| why.contains(&end.to_string()))
        .map_or("", LinkEnd::advice);
    match (why, advice) {
        ("", _) => None,
        (why, "") => Some(why.to_owned()),
        (why, advice) => Some(format!("{why}; {advice}")),
    }
}

#[cfg(test)]
mod tests;

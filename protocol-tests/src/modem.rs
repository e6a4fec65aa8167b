//! A small modem on a pseudo terminal: enough AT commands to dial, then the line is handed to a peer. Written for the
//! tests and on purpose not the simulator of `uplinkd`, so that the two do not share a mistake.
//!
//! As on a real modem, closing the tty drops DTR and thereby the call ([`ModemConfig::dtr_hangs_up`]).

use std::fmt::Debug;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::clock::{now, timespec, wait_until};

/// No more than this waits in one direction: what is behind it is not read before.
const QUEUE: usize = 16 * 1024;
/// How often a tty that nobody has open is looked at. There is no event for its being opened.
const LOOK: Duration = Duration::from_millis(5);

/// How the modem behaves.
#[derive(Clone, Debug)]
pub struct ModemConfig {
    /// Echo of commands after power-up and `ATZ`.
    pub echo: bool,
    /// How many calls are answered by `BUSY` before one succeeds.
    pub busy: u32,
    /// The result of a successful call.
    pub connect: String,
    /// Silence that `+++` needs before and behind it.
    pub guard: Duration,
    /// Whether closing the tty ends the call.
    pub dtr_hangs_up: bool,
}

impl Default for ModemConfig {
    fn default() -> Self {
        Self {
            echo: true,
            busy: 0,
            connect: "CONNECT 115200".to_owned(),
            guard: Duration::from_millis(900),
            dtr_hangs_up: true,
        }
    }
}

/// Who is called: gives the line to the peer for one call. An error becomes `NO CARRIER`.
pub type Peer = Box<dyn FnMut() -> io::Result<UnixStream> + Send>;

/// The modem. It ends when this value is dropped.
#[derive(Debug)]
pub struct Modem {
    path: PathBuf,
    orders: Sender<(Order, Sender<()>)>,
    wake: UnixStream,
    record: Arc<Mutex<Record>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Record {
    commands: Vec<String>,
    calls: u32,
    connected_at: Option<Instant>,
    online: bool,
}

#[derive(Debug)]
enum Order {
    DropCarrier,
    Text(Vec<u8>),
    Mute(bool),
    Unplug,
    Plug,
    Stop,
}

impl Modem {
    /// Makes a modem whose tty is found under `path`, a symbolic link.
    ///
    /// # Panics
    /// If the pseudo terminal or the link cannot be made.
    pub fn start(path: &Path, config: ModemConfig, peer: Peer) -> Self {
        let (orders, inbox) = channel();
        let (wake, woken) = UnixStream::pair().expect("make a socket pair");
        woken
            .set_nonblocking(true)
            .expect("make a socket non-blocking");
        let record = Arc::new(Mutex::new(Record::default()));
        let mut works = Works {
            echo: config.echo,
            config,
            peer,
            path: path.to_owned(),
            pty: Some(plug(path)),
            tty_open: false,
            call: None,
            muted: false,
            online: false,
            to_tty: Vec::new(),
            to_peer: Vec::new(),
            typed: Vec::new(),
            pluses: 0,
            last_heard: now(),
            inbox,
            woken,
            record: Arc::clone(&record),
        };
        let thread = Some(thread::spawn(move || works.run()));
        Self {
            path: path.to_owned(),
            orders,
            wake,
            record,
            thread,
        }
    }

    /// The path of the tty.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Commands received so far, without the line's end.
    pub fn commands(&self) -> Vec<String> {
        self.record().commands.clone()
    }

    /// How many calls were connected so far.
    pub fn calls(&self) -> u32 {
        self.record().calls
    }

    /// When the last call was connected: the moment at which the result was written.
    pub fn connected_at(&self) -> Option<Instant> {
        self.record().connected_at
    }

    /// Whether the line is in data mode.
    pub fn is_online(&self) -> bool {
        self.record().online
    }

    /// Waits until `calls` calls have been connected in sum.
    pub fn wait_for_call(&self, calls: u32, limit: Duration) {
        wait_until("a call", limit, || (self.calls() >= calls).then_some(()));
    }

    /// Ends the call from the network's side: the modem says `NO CARRIER`.
    pub fn drop_carrier(&self) {
        self.order(Order::DropCarrier);
    }

    /// Lets the modem say something unasked.
    pub fn say(&self, text: &[u8]) {
        self.order(Order::Text(text.to_vec()));
    }

    /// From now on, what either side sends while online is lost (or, with `false`, passed on again).
    pub fn mute(&self, muted: bool) {
        self.order(Order::Mute(muted));
    }

    /// Pulls the cable: the tty vanishes, with its link.
    pub fn unplug(&self) {
        self.order(Order::Unplug);
    }

    /// Plugs it in again: another tty under the same link, the modem freshly started.
    pub fn plug(&self) {
        self.order(Order::Plug);
    }

    fn order(&self, order: Order) {
        let (done, wait) = channel();
        self.orders
            .send((order, done))
            .expect("the modem's thread runs");
        (&self.wake)
            .write_all(&[0])
            .expect("wake the modem's thread");
        wait.recv()
            .expect("the modem's thread carries out its orders");
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record
            .lock()
            .expect("the modem's thread does not panic")
    }
}

impl Drop for Modem {
    fn drop(&mut self) {
        let (done, _) = channel();
        let _ = self.orders.send((Order::Stop, done));
        let _ = (&self.wake).write_all(&[0]);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Works {
    config: ModemConfig,
    peer: Peer,
    path: PathBuf,
    pty: Option<OwnedFd>,
    /// False while nobody has the tty open, as far as can be known.
    tty_open: bool,
    call: Option<UnixStream>,
    muted: bool,
    online: bool,
    echo: bool,
    to_tty: Vec<u8>,
    to_peer: Vec<u8>,
    typed: Vec<u8>,
    pluses: u32,
    last_heard: Instant,
    inbox: Receiver<(Order, Sender<()>)>,
    woken: UnixStream,
    record: Arc<Mutex<Record>>,
}

impl Works {
    fn run(&mut self) {
        loop {
            let ready = self.wait();
            if ready.order {
                let _ = (&self.woken).read(&mut [0; 64]);
                while let Ok((order, done)) = self.inbox.try_recv() {
                    if matches!(order, Order::Stop) {
                        self.unplug();
                        return;
                    }
                    self.obey(order);
                    let _ = done.send(());
                }
            }
            if ready.tty {
                self.read_tty();
            }
            if ready.call {
                self.read_call();
            }
            self.check_escape();
            self.write_out();
            let online = self.online;
            self.record(|record| record.online = online);
        }
    }

    /// Waits for something to do.
    fn wait(&mut self) -> Ready {
        let mut timeout = None;
        let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
        let mut tty_index = None;
        if let Some(pty) = &self.pty {
            if !self.tty_open {
                // Only HUP can be seen; it ends when somebody opens the tty.
                let mut look = [PollFd::new(pty, PollFlags::IN)];
                let _ = poll(&mut look, Some(&timespec(Duration::ZERO)));
                self.tty_open = !look[0].revents().contains(PollFlags::HUP);
                timeout = Some(LOOK);
            }
            if self.tty_open {
                let mut want = PollFlags::empty();
                want.set(PollFlags::IN, !self.online || self.to_peer.len() < QUEUE);
                want.set(PollFlags::OUT, !self.to_tty.is_empty());
                tty_index = Some(fds.len());
                fds.push(PollFd::new(pty, want));
                if self.pluses == 3 {
                    timeout = Some(self.config.guard.saturating_sub(now() - self.last_heard));
                }
            }
        }
        let mut call_index = None;
        if let Some(call) = self.call.as_ref().filter(|_| self.online) {
            let mut want = PollFlags::empty();
            want.set(PollFlags::IN, self.to_tty.len() < QUEUE);
            want.set(PollFlags::OUT, !self.to_peer.is_empty());
            call_index = Some(fds.len());
            fds.push(PollFd::new(call, want));
        }
        let timeout = timeout.map(timespec);
        // Interrupted: everything is simply tried again.
        let _ = poll(&mut fds, timeout.as_ref());
        let input = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        let is_ready =
            |index: Option<usize>| index.is_some_and(|i| fds[i].revents().intersects(input));
        Ready {
            order: is_ready(Some(0)),
            tty: is_ready(tty_index),
            call: is_ready(call_index),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::DropCarrier => self.lose_carrier(),
            Order::Text(text) => self.to_tty.extend_from_slice(&text),
            Order::Mute(muted) => self.muted = muted,
            Order::Unplug => self.unplug(),
            Order::Plug => {
                if self.pty.is_none() {
                    self.pty = Some(plug(&self.path));
                    self.tty_open = false;
                    self.power_up();
                }
            }
            Order::Stop => {}
        }
    }

    fn unplug(&mut self) {
        if self.pty.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
        self.hang_up();
        self.power_up();
    }

    fn power_up(&mut self) {
        self.echo = self.config.echo;
        self.to_tty.clear();
        self.typed.clear();
        self.pluses = 0;
        self.muted = false;
    }

    fn hang_up(&mut self) {
        self.call = None;
        self.online = false;
        self.to_peer.clear();
    }

    fn lose_carrier(&mut self) {
        if self.call.is_some() {
            self.hang_up();
            self.say("NO CARRIER");
        }
    }

    fn say(&mut self, result: &str) {
        self.to_tty
            .extend_from_slice(format!("\r\n{result}\r\n").as_bytes());
    }

    fn read_tty(&mut self) {
        let Some(pty) = &self.pty else { return };
        let mut buffer = [0; 4096];
        match rustix::io::read(pty, &mut buffer) {
            Ok(count) if count > 0 => self.heard(&buffer[..count]),
            Err(error) if again(error.kind()) => {}
            Ok(_) | Err(_) => {
                // Nobody has the tty open any longer.
                self.tty_open = false;
                self.to_tty.clear();
                self.typed.clear();
                if self.config.dtr_hangs_up {
                    self.hang_up();
                }
            }
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        let silence = now() - self.last_heard;
        self.last_heard = now();
        if self.online {
            let is_plus = bytes.iter().all(|byte| *byte == b'+');
            let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let is_escape = is_plus
                && self.pluses.saturating_add(count) <= 3
                && (self.pluses > 0 || silence >= self.config.guard);
            self.pluses = if is_escape { self.pluses + count } else { 0 };
            if !self.muted {
                self.to_peer.extend_from_slice(bytes);
            }
            return;
        }
        for byte in bytes {
            if self.echo {
                self.to_tty.push(*byte);
            }
            match byte {
                b'\r' => {
                    let line = String::from_utf8_lossy(&self.typed).trim().to_owned();
                    self.typed.clear();
                    self.command(&line);
                }
                b'\n' => {}
                _ if self.typed.len() < 256 => self.typed.push(*byte),
                _ => {}
            }
        }
    }

    fn check_escape(&mut self) {
        if self.online && self.pluses == 3 && now() - self.last_heard >= self.config.guard {
            self.pluses = 0;
            self.online = false;
            self.say("OK");
        }
    }

    fn command(&mut self, line: &str) {
        // Frames of a session that believes to be online end here, too: not commands, and a modem is silent on them.
        let upper = line.to_ascii_uppercase();
        let Some(at) = upper.find("AT") else { return };
        let shown = line.get(at..).unwrap_or_default().to_owned();
        self.record(|record| record.commands.push(shown));
        let rest = upper.get(at + 2..).unwrap_or_default();
        match rest {
            "Z" => {
                self.hang_up();
                self.echo = self.config.echo;
                self.say("OK");
            }
            "E0" | "E1" => {
                self.echo = rest == "E1";
                self.say("OK");
            }
            "H" | "H0" => {
                self.hang_up();
                self.say("OK");
            }
            "O" | "O0" => {
                if self.call.is_some() {
                    let connect = self.config.connect.clone();
                    self.say(&connect);
                    self.online = true;
                } else {
                    self.say("NO CARRIER");
                }
            }
            "" => self.say("OK"),
            _ if rest.starts_with('D') => self.dial(),
            _ if rest.starts_with("+CGDCONT=") || rest.starts_with('&') => self.say("OK"),
            _ => self.say("ERROR"),
        }
    }

    fn dial(&mut self) {
        if self.config.busy > 0 {
            self.config.busy -= 1;
            self.say("BUSY");
            return;
        }
        self.hang_up();
        let call = (self.peer)().and_then(|call| call.set_nonblocking(true).map(|()| call));
        let Ok(call) = call else {
            self.say("NO CARRIER");
            return;
        };
        let connect = self.config.connect.clone();
        self.say(&connect);
        self.call = Some(call);
        self.online = true;
        self.pluses = 0;
        self.write_out();
        self.record(|record| {
            record.calls += 1;
            record.connected_at = Some(now());
        });
    }

    fn read_call(&mut self) {
        let Some(call) = &mut self.call else { return };
        let mut buffer = [0; 4096];
        match call.read(&mut buffer) {
            Ok(0) => self.lose_carrier(),
            Ok(count) if !self.muted => self.to_tty.extend_from_slice(&buffer[..count]),
            Ok(_) => {}
            Err(error) if again(error.kind()) => {}
            Err(_) => self.lose_carrier(),
        }
    }

    fn write_out(&mut self) {
        if let Some(pty) = self.pty.as_ref().filter(|_| self.tty_open)
            && !self.to_tty.is_empty()
            && let Ok(count) = rustix::io::write(pty, &self.to_tty)
        {
            self.to_tty.drain(..count);
        }
        if !self.tty_open {
            self.to_tty.clear();
        }
        let Some(call) = &mut self.call else { return };
        if self.to_peer.is_empty() {
            return;
        }
        match call.write(&self.to_peer) {
            Ok(count) => drop(self.to_peer.drain(..count)),
            Err(error) if again(error.kind()) => {}
            Err(_) => self.lose_carrier(),
        }
    }

    fn record(&self, change: impl FnOnce(&mut Record)) {
        change(&mut self.record.lock().expect("nobody panics with the record"));
    }
}

#[derive(Clone, Copy, Debug)]
struct Ready {
    order: bool,
    tty: bool,
    call: bool,
}

/// A tty at `path` on which nobody ever answers, as long as the value is kept.
pub fn silent_tty(path: &Path) -> OwnedFd {
    plug(path)
}

/// A fresh pseudo terminal in raw mode, its slave linked to `path`.
pub(crate) fn plug(path: &Path) -> OwnedFd {
    let pty = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .expect("open a pseudo terminal");
    grantpt(&pty).expect("grant a pseudo terminal");
    unlockpt(&pty).expect("unlock a pseudo terminal");
    let name = ptsname(&pty, Vec::new()).expect("name a pseudo terminal");
    let name = name.to_str().expect("its name is ASCII").to_owned();
    make_raw(&pty);
    fcntl_setfl(&pty, OFlags::NONBLOCK).expect("make a pseudo terminal non-blocking");
    // Opened and closed once, so that from the start HUP says whether somebody has it open.
    drop(open(
        &*name,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    ));
    let _ = fs::remove_file(path);
    symlink(&name, path)
        .unwrap_or_else(|error| panic!("cannot link {} to {name}: {error}", path.display()));
    pty
}

/// Sets the terminal to raw mode: eight bits, no echo, nothing translated.
pub fn make_raw(terminal: impl AsFd) {
    let mut settings = tcgetattr(&terminal).expect("read the settings of a terminal");
    settings.make_raw();
    tcsetattr(&terminal, OptionalActions::Now, &settings).expect("set a terminal");
}

fn again(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

//! TCP services of the simulated internet's hosts, on smoltcp: echo (RFC 862), discard (RFC 863),
//! chargen (RFC 864) and a small HTTP server.

use std::collections::VecDeque;
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::device::{Wire, smol};
use super::zone;
use crate::time::Instant;

/// Connections and listening sockets at once; beyond that the one that has been silent longest is
/// cut.
const MAX_SOCKETS: usize = 20;
/// Bytes that a connection holds each way: what is under way at most.
const BUFFER: usize = 128 * 1024;
/// A peer that does not answer is given up.
const TIMEOUT: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(60);
/// Longest head of an HTTP request.
const LONGEST_REQUEST: usize = 4096;
/// Most that `/bytes/N` sends.
const MOST_BYTES: u64 = 1 << 30;

const PAGE: &str =
    "<!doctype html>\n<title>It works</title>\n<p>A page from the simulated internet.\n";

/// The services of all hosts.
pub(super) struct Services {
    interface: Interface,
    device: Wire,
    sockets: SocketSet<'static>,
    slots: Vec<Slot>,
    deadline: Option<Instant>,
}

/// One socket and what it serves.
struct Slot {
    handle: SocketHandle,
    service: Service,
    active: Instant,
    state: Conversation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Echo,
    Discard,
    Chargen,
    Http,
}

/// How far a connection is.
#[derive(Debug)]
enum Conversation {
    /// Bytes sent by chargen.
    Sent(u64),
    /// The head of an HTTP request so far.
    Request(Vec<u8>),
    /// What is left of the answer: text, then bytes `.0` to `.1` of the pattern.
    Reply(VecDeque<u8>, u64, u64),
}

impl Service {
    const ALL: [Self; 4] = [Self::Echo, Self::Discard, Self::Chargen, Self::Http];

    fn port(self) -> u16 {
        match self {
            Self::Echo => 7,
            Self::Discard => 9,
            Self::Chargen => 19,
            Self::Http => 80,
        }
    }
}

impl Services {
    pub(super) fn new(now: Instant, seed: u64) -> Self {
        let mut device = Wire::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, smol(now));
        // Every host is this one interface: it takes any address, and a connection keeps the one it
        // was opened to.
        interface.set_any_ip(true);
        interface.update_ip_addrs(|addresses| {
            // The list is empty and holds at least one.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(zone::EDGE), 32));
        });
        // Likewise.
        let _ = interface.routes_mut().add_default_ipv4_route(zone::EDGE);
        let mut services = Self {
            interface,
            device,
            sockets: SocketSet::new(Vec::new()),
            slots: Vec::new(),
            deadline: None,
        };
        services.listen(now);
        services
    }

    /// Takes a TCP segment in an IPv4 packet.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.device.received = Some(packet.to_vec());
        let Self {
            interface,
            device,
            sockets,
            ..
        } = self;
        let _ = interface.poll_ingress_single(smol(now), device, sockets);
        self.device.received = None;
        // The next packet may open another connection: somebody has to listen by then.
        self.listen(now);
        self.run(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.run(now);
        }
    }

    /// The next packet of a service.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.device.sent.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Connections, without the sockets that wait for one.
    pub(super) fn connections(&self) -> usize {
        let is_open = |slot: &&Slot| self.sockets.get::<Socket<'_>>(slot.handle).is_active();
        self.slots.iter().filter(is_open).count()
    }

    fn run(&mut self, now: Instant) {
        for slot in &mut self.slots {
            slot.serve(now, self.sockets.get_mut(slot.handle));
        }
        let Self {
            interface,
            device,
            sockets,
            ..
        } = self;
        let _ = interface.poll(smol(now), device, sockets);
        self.drop_closed();
        self.listen(now);
        // smoltcp says "now" by a moment in the past. All that could be done now has been done, so
        // come back soon.
        let soon = now + Duration::from_millis(1);
        self.deadline = self.interface.poll_at(smol(now), &self.sockets).map(|at| {
            let micros = u64::try_from(at.total_micros()).unwrap_or_default();
            Instant::from_origin(Duration::from_micros(micros)).max(soon)
        });
    }

    /// Forgets connections that are over. Those in TIME-WAIT too: their addresses are not used
    /// again here.
    fn drop_closed(&mut self) {
        let Self { sockets, slots, .. } = self;
        slots.retain(|slot| {
            let socket = sockets.get::<Socket<'_>>(slot.handle);
            // A socket that was aborted has a reset to send as long as it knows its peer.
            let over = match socket.state() {
                State::Closed => socket.remote_endpoint().is_none(),
                State::TimeWait => true,
                State::Listen
                | State::SynSent
                | State::SynReceived
                | State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck => false,
            };
            if over {
                sockets.remove(slot.handle);
            }
            !over
        });
    }

    /// Sees to it that each service has a socket that listens.
    fn listen(&mut self, now: Instant) {
        for service in Service::ALL {
            let waits = |slot: &Slot| {
                let socket = self.sockets.get::<Socket<'_>>(slot.handle);
                slot.service == service && socket.state() == State::Listen
            };
            if self.slots.iter().any(waits) {
                continue;
            }
            if self.slots.len() >= MAX_SOCKETS {
                self.cut_the_idlest();
            }
            let buffer = || SocketBuffer::new(vec![0; BUFFER]);
            let mut socket = Socket::new(buffer(), buffer());
            socket.set_timeout(Some(TIMEOUT));
            // A new socket that listens on a port other than 0 cannot fail.
            if socket.listen(service.port()).is_ok() {
                let state = match service {
                    Service::Http => Conversation::Request(Vec::new()),
                    Service::Echo | Service::Discard | Service::Chargen => Conversation::Sent(0),
                };
                let handle = self.sockets.add(socket);
                self.slots.push(Slot {
                    handle,
                    service,
                    active: now,
                    state,
                });
            }
        }
    }

    fn cut_the_idlest(&mut self) {
        let open = self.slots.iter().enumerate().filter(|(_, slot)| {
            self.sockets.get::<Socket<'_>>(slot.handle).state() != State::Listen
        });
        if let Some((index, _)) = open.min_by_key(|(_, slot)| slot.active) {
            let slot = self.slots.swap_remove(index);
            self.sockets.remove(slot.handle);
        }
    }
}

impl Slot {
    /// Moves bytes between the socket and the service.
    fn serve(&mut self, now: Instant, socket: &mut Socket<'_>) {
        if !socket.is_active() {
            return;
        }
        let before = (socket.recv_queue(), socket.send_queue());
        match (&mut self.state, self.service) {
            (_, Service::Echo) => echo(socket),
            (_, Service::Discard) => discard(socket),
            (Conversation::Sent(sent), _) => {
                discard(socket);
                send_pattern(socket, sent, u64::MAX, chargen);
            }
            (Conversation::Request(head), _) => {
                if let Some(reply) = read_request(socket, head) {
                    self.state = reply;
                    return self.serve(now, socket);
                }
            }
            (Conversation::Reply(text, position, end), _) => {
                discard(socket);
                let (head, _) = text.as_slices();
                let sent = socket.send_slice(head).unwrap_or_default();
                text.drain(..sent);
                if text.is_empty() {
                    send_pattern(socket, position, *end, pattern);
                    if *position == *end {
                        socket.close();
                    }
                }
            }
        }
        // What the peer still waits for is sent, then our side closes too.
        let reply_is_under_way = matches!(self.state, Conversation::Reply(..));
        if socket.state() == State::CloseWait && socket.recv_queue() == 0 && !reply_is_under_way {
            socket.close();
        }
        if before != (socket.recv_queue(), socket.send_queue()) {
            self.active = now;
        }
    }
}

/// Byte `position` of what `/bytes/N` sends: made so that a lost, doubled or moved piece shows.
pub fn pattern(position: u64) -> u8 {
    (position ^ (position >> 8) ^ (position >> 16)) as u8
}

/// RFC 864: lines of 72 printable characters, each beginning one character later.
fn chargen(position: u64) -> u8 {
    let (line, column) = (position / 74, position % 74);
    match column {
        72 => b'\r',
        73 => b'\n',
        column => b' ' + ((line + column) % 95) as u8,
    }
}

fn echo(socket: &mut Socket<'_>) {
    let mut piece = [0; 4096];
    loop {
        let room = socket
            .send_capacity()
            .saturating_sub(socket.send_queue())
            .min(piece.len());
        let Some(room) = piece.get_mut(..room) else {
            return;
        };
        match socket.recv_slice(room) {
            Ok(length) if length > 0 => {
                // There is room for it.
                let _ = socket.send_slice(room.get(..length).unwrap_or_default());
            }
            Ok(_) | Err(_) => return,
        }
    }
}

fn discard(socket: &mut Socket<'_>) {
    while socket.can_recv() {
        if socket.recv(|bytes| (bytes.len(), ())).is_err() {
            return;
        }
    }
}

fn send_pattern(socket: &mut Socket<'_>, position: &mut u64, end: u64, byte: fn(u64) -> u8) {
    while socket.can_send() && *position < end {
        let filled = socket.send(|room| {
            let left = usize::try_from(end - *position).unwrap_or(usize::MAX);
            let mut filled = 0;
            for (to, at) in room.iter_mut().take(left).zip(*position..) {
                *to = byte(at);
                filled += 1;
            }
            (filled, filled)
        });
        match filled {
            Ok(filled) => *position += u64::try_from(filled).unwrap_or_default(),
            Err(_) => return,
        }
    }
}

/// Reads on in an HTTP request; the reply, once its head is whole or it cannot become one.
fn read_request(socket: &mut Socket<'_>, head: &mut Vec<u8>) -> Option<Conversation> {
    let mut piece = [0; 512];
    loop {
        match socket.recv_slice(&mut piece) {
            Ok(length) if length > 0 => {
                head.extend_from_slice(piece.get(..length).unwrap_or_default());
            }
            Ok(_) | Err(_) => return None,
        }
        if memchr::memmem::find(head, b"\r\n\r\n").is_some() {
            return Some(reply(head));
        }
        if head.len() > LONGEST_REQUEST {
            return Some(text_reply(
                "431 Request Header Fields Too Large",
                "Too long.\n",
                true,
            ));
        }
    }
}

fn reply(head: &[u8]) -> Conversation {
    let head = String::from_utf8_lossy(head);
    let mut words = head.split_ascii_whitespace();
    let body = match words.next() {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return text_reply("405 Method Not Allowed", "GET or HEAD.\n", true),
    };
    let path = words.next().unwrap_or_default();
    let count = path
        .strip_prefix("/bytes/")
        .and_then(|count| count.parse().ok());
    if let Some(count) = count.filter(|count| *count <= MOST_BYTES) {
        let head = header("200 OK", "application/octet-stream", count);
        return Conversation::Reply(head.into(), 0, if body { count } else { 0 });
    }
    match path {
        "/" => text_reply("200 OK", PAGE, body),
        _ => text_reply("404 Not Found", "There are / and /bytes/N.\n", body),
    }
}

fn text_reply(status: &str, text: &str, body: bool) -> Conversation {
    let kind = if text.starts_with('<') {
        "text/html"
    } else {
        "text/plain"
    };
    let mut bytes = header(status, kind, u64::try_from(text.len()).unwrap_or_default());
    if body {
        bytes.extend_from_slice(text.as_bytes());
    }
    Conversation::Reply(bytes.into(), 0, 0)
}

fn header(status: &str, kind: &str, length: u64) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nServer: uplinkd-sim\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    head.into_bytes()
}

//! Password Authentication Protocol (RFC 1334 section 2): name and password in the clear.
//!
//! As pppd, and as the modems need it: identifiers of answers are not checked, and an answer
//! without the octet that gives the length of its message is accepted.

use super::{AuthEvent, Output, equal, quote, secrets};
use crate::log::Level;
use crate::ppp::config::{AuthDemand, AuthTimers};
use crate::ppp::print;
use crate::ppp::wire::{ControlPacket, Reader};
use crate::secret::Secret;
use crate::time::{Instant, Timer};

/// The one who proves who it is.
#[derive(Debug)]
pub struct Client {
    user: String,
    secret: Secret,
    timers: AuthTimers,
    state: ClientState,
    /// Identifier of the last request.
    id: u8,
    /// Requests sent without an answer.
    requests: u32,
    restart: Timer,
    output: Output,
}

impl Client {
    /// Will ask to be let in as `user`. Of both name and password 255 octets at most are sent: the
    /// protocol has no room for more.
    pub fn new(user: String, secret: Secret, timers: AuthTimers) -> Self {
        Self {
            user,
            secret,
            timers,
            state: ClientState::Idle,
            id: 0,
            requests: 0,
            restart: Timer::default(),
            output: Output::default(),
        }
    }

    /// Sends the first request.
    pub fn start(&mut self, now: Instant) {
        self.state = ClientState::Requesting;
        self.requests = 0;
        self.request(now);
    }

    /// Takes a packet from the peer.
    pub fn handle_packet(&mut self, _now: Instant, packet: ControlPacket<'_>) {
        if self.state != ClientState::Requesting {
            return;
        }
        let accepted = match packet.code {
            AUTHENTICATE_ACK => true,
            AUTHENTICATE_NAK => false,
            _ => return,
        };
        self.state = ClientState::Done;
        self.restart.cancel();
        let text = quote(message(packet.data), &self.secret);
        if !text.is_empty() {
            self.output
                .log(Level::Info, format!("Remote message: {text}"));
        }
        if accepted {
            self.output
                .log(Level::Notice, "PAP authentication succeeded");
            self.output.event(AuthEvent::Succeeded { text });
        } else {
            self.output.log(Level::Error, "PAP authentication failed");
            self.output.event(AuthEvent::Refused { text });
        }
    }

    /// Repeats the request, or gives up.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.restart.expired(now) {
            return;
        }
        if self.requests < self.timers.pap_max_requests {
            self.request(now);
        } else {
            self.state = ClientState::Done;
            self.output
                .log(Level::Error, "No response to PAP authenticate-requests");
            self.output.event(AuthEvent::TimedOut);
        }
    }

    /// The next packet to send.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.output.transmit.pop_front()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<AuthEvent> {
        self.output.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.restart.deadline()
    }

    fn request(&mut self, now: Instant) {
        // RFC 1334 section 2.2.1: "The Identifier field MUST be changed each time an
        // Authenticate-Request packet is issued."
        self.id = self.id.wrapping_add(1);
        self.requests = self.requests.saturating_add(1);
        let mut data = Vec::new();
        write_string(self.user.as_bytes(), &mut data);
        write_string(self.secret.expose(), &mut data);
        self.output.send(AUTHENTICATE_REQUEST, self.id, &data);
        self.restart.arm(now + self.timers.pap_restart);
    }
}

/// The one who demands a proof.
#[derive(Debug)]
pub struct Server {
    demand: AuthDemand,
    timers: AuthTimers,
    state: ServerState,
    patience: Timer,
    output: Output,
}

impl Server {
    /// Will let in whom `demand` names.
    pub fn new(demand: AuthDemand, timers: AuthTimers) -> Self {
        Self {
            demand,
            timers,
            state: ServerState::Idle,
            patience: Timer::default(),
            output: Output::default(),
        }
    }

    /// Waits for a request.
    pub fn start(&mut self, now: Instant) {
        self.state = ServerState::Waiting;
        self.patience.arm(now + self.timers.pap_timeout);
    }

    /// Takes a packet from the peer.
    pub fn handle_packet(&mut self, _now: Instant, packet: ControlPacket<'_>) {
        if packet.code != AUTHENTICATE_REQUEST {
            return;
        }
        let accepted = match self.state {
            ServerState::Idle => return,
            // RFC 1334 section 2.2.1: an answer may have been lost, so a repeated request is
            // answered as the first one was, whatever is in it.
            ServerState::Judged { accepted } => accepted,
            ServerState::Waiting => {
                let Some((name, password)) = parse_request(packet.data) else {
                    return;
                };
                let accepted = self.judge(name, password);
                self.state = ServerState::Judged { accepted };
                self.patience.cancel();
                self.report(name, accepted);
                accepted
            }
        };
        let mut data = Vec::new();
        let (code, text) = if accepted {
            (AUTHENTICATE_ACK, &self.demand.messages.success)
        } else {
            (AUTHENTICATE_NAK, &self.demand.messages.failure)
        };
        write_string(text.as_bytes(), &mut data);
        self.output.send(code, packet.id, &data);
    }

    /// Gives up waiting.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.patience.expired(now) {
            self.state = ServerState::Judged { accepted: false };
            self.output.event(AuthEvent::TimedOut);
        }
    }

    /// The next packet to send.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.output.transmit.pop_front()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<AuthEvent> {
        self.output.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.patience.deadline()
    }

    fn judge(&self, name: &[u8], password: &[u8]) -> bool {
        let mut known = secrets(&self.demand, name);
        self.demand.accept_any || known.any(|secret| equal(secret.expose(), password))
    }

    fn report(&mut self, name: &[u8], accepted: bool) {
        let mut quoted = String::new();
        print::quoted(name, &mut quoted);
        let name = print::sanitise(name);
        if accepted {
            let line = format!("PAP peer authentication succeeded for {quoted}");
            self.output.log(Level::Notice, line);
            self.output.event(AuthEvent::PeerAccepted { name });
        } else {
            let line = format!("PAP peer authentication failed for {quoted}");
            self.output.log(Level::Warning, line);
            self.output.event(AuthEvent::PeerRefused { name });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientState {
    Idle,
    Requesting,
    /// There is a verdict, or there will be none.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerState {
    Idle,
    Waiting,
    Judged { accepted: bool },
}

/// Name and password of an Authenticate-Request.
fn parse_request(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(data);
    let mut string = || {
        let length = reader.u8()?;
        reader.take(usize::from(length))
    };
    Some((string()?, string()?))
}

/// The message of an Ack or Nak: what is there of it. The verdict is in the code; a peer that
/// counts its message wrong has still given it.
fn message(data: &[u8]) -> &[u8] {
    let Some((length, text)) = data.split_first() else {
        return &[];
    };
    text.get(..usize::from(*length)).unwrap_or(text)
}

/// Appends a length octet and as much of `text` as it can count.
fn write_string(text: &[u8], out: &mut Vec<u8>) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend(text.iter().take(usize::from(length)));
}

const AUTHENTICATE_REQUEST: u8 = 1;
const AUTHENTICATE_ACK: u8 = 2;
const AUTHENTICATE_NAK: u8 = 3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::LogLine;
    use crate::ppp::config::{Account, AllowedAuth, AuthMessages, AuthMethod};

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    fn packet(code: u8, id: u8, data: &[u8]) -> ControlPacket<'_> {
        ControlPacket { code, id, data }
    }

    fn log(level: Level, text: &str) -> AuthEvent {
        AuthEvent::Log(LogLine::pppd(level, text))
    }

    fn client() -> Client {
        let mut client = Client::new("web".into(), Secret::new("dti"), AuthTimers::default());
        client.start(at(0));
        client
    }

    fn demand() -> AuthDemand {
        AuthDemand {
            method: AuthMethod::Pap,
            acceptable: AllowedAuth {
                pap: true,
                chap_md5: false,
            },
            name: "isp".into(),
            accounts: vec![
                Account {
                    user: "sora".into(),
                    secret: Secret::new("sora"),
                },
                Account {
                    user: "web".into(),
                    secret: Secret::new("dti"),
                },
            ],
            accept_any: false,
            rechallenge: None,
            messages: AuthMessages {
                success: "Welcome".into(),
                failure: "Invalid Login".into(),
            },
        }
    }

    fn server(demand: AuthDemand) -> Server {
        let mut server = Server::new(demand, AuthTimers::default());
        server.start(at(0));
        server
    }

    macro_rules! drain {
        ($poll:expr) => {
            std::iter::from_fn(|| $poll).collect::<Vec<_>>()
        };
    }

    const REQUEST: &[u8] = b"\x03web\x03dti";

    #[test]
    fn asks_at_once_and_is_accepted() {
        let mut client = client();
        assert_eq!(
            drain!(client.poll_transmit()),
            [b"\x01\x01\x00\x0c\x03web\x03dti"]
        );
        assert_eq!(client.poll_timeout(), Some(at(3)));
        client.handle_packet(at(1), packet(2, 1, b"\x10Congratulations!"));
        assert_eq!(
            drain!(client.poll_event()),
            [
                log(Level::Info, "Remote message: Congratulations!"),
                log(Level::Notice, "PAP authentication succeeded"),
                AuthEvent::Succeeded {
                    text: "Congratulations!".into()
                },
            ]
        );
        assert_eq!(client.poll_timeout(), None);
    }

    /// As the modems and pppd have it: the identifier is not checked, the length octet may be
    /// absent, and a message that is shorter than its length does not spoil the verdict.
    #[test]
    fn accepts_sloppy_answers() {
        for (id, data, text) in [
            (9, &b""[..], ""),
            (1, b"\0", ""),
            (0, b"\x05ok", "ok"),
            (1, b"\x02okpadding", "ok"),
            (1, b"\x01\0", "\\000"),
        ] {
            let mut client = client();
            client.handle_packet(at(1), packet(2, id, data));
            let events = drain!(client.poll_event());
            assert_eq!(
                events.last(),
                Some(&AuthEvent::Succeeded { text: text.into() })
            );
        }
    }

    /// Requests 1 to 3, and the refusal of the third.
    #[test]
    fn is_refused_after_repeating_itself() {
        let mut client = client();
        client.handle_timeout(at(3));
        client.handle_timeout(at(6));
        let ids: Vec<u8> = drain!(client.poll_transmit())
            .iter()
            .map(|sent| sent[1])
            .collect();
        assert_eq!(ids, [1, 2, 3]);
        client.handle_packet(at(7), packet(3, 3, b"\x15Authentication failed"));
        assert_eq!(
            drain!(client.poll_event()),
            [
                log(Level::Info, "Remote message: Authentication failed"),
                log(Level::Error, "PAP authentication failed"),
                AuthEvent::Refused {
                    text: "Authentication failed".into()
                },
            ]
        );
        client.handle_timeout(at(100));
        client.handle_packet(at(100), packet(2, 3, b""));
        assert_eq!(drain!(client.poll_transmit()), [[0; 0]; 0]);
        assert_eq!(drain!(client.poll_event()), []);
    }

    #[test]
    fn gives_up_after_ten_requests_three_seconds_apart() {
        let mut client = client();
        let mut sent = Vec::new();
        while let Some(deadline) = client.poll_timeout() {
            sent.extend(
                drain!(client.poll_transmit())
                    .iter()
                    .map(|packet| packet[1]),
            );
            client.handle_timeout(deadline);
            if sent.len() == 10 {
                assert_eq!(deadline, at(30));
            }
        }
        assert_eq!(sent, (1..=10).collect::<Vec<u8>>());
        assert_eq!(
            drain!(client.poll_event()),
            [
                log(Level::Error, "No response to PAP authenticate-requests"),
                AuthEvent::TimedOut
            ]
        );
    }

    #[test]
    fn a_call_before_the_deadline_does_nothing() {
        let mut client = client();
        let _ = client.poll_transmit();
        client.handle_timeout(at(2));
        assert_eq!(client.poll_transmit(), None);
        assert_eq!(client.poll_timeout(), Some(at(3)));
    }

    #[test]
    fn says_nothing_before_it_is_started() {
        let mut client = Client::new("web".into(), Secret::new("dti"), AuthTimers::default());
        client.handle_packet(at(0), packet(2, 1, b""));
        assert_eq!((client.poll_event(), client.poll_transmit()), (None, None));
        let mut server = Server::new(demand(), AuthTimers::default());
        server.handle_packet(at(0), packet(1, 1, REQUEST));
        assert_eq!((server.poll_event(), server.poll_transmit()), (None, None));
    }

    #[test]
    fn cuts_what_the_protocol_cannot_carry() {
        let mut client = Client::new(
            "u".repeat(300),
            Secret::new("p".repeat(256)),
            AuthTimers::default(),
        );
        client.start(at(0));
        let sent = client.poll_transmit().unwrap();
        assert_eq!(sent.len(), 4 + 1 + 255 + 1 + 255);
        assert_eq!(sent[..5], [1, 1, 2, 4, 255]);
    }

    #[test]
    fn does_not_show_the_password() {
        // Neither as text nor as the octets of the request that waits to be sent.
        let shown = format!("{:?} {:?}", client(), server(demand()));
        assert!(
            !shown.contains("dti") && !shown.contains("100, 116, 105"),
            "{shown}"
        );
    }

    #[test]
    fn does_not_repeat_a_password_that_the_peer_repeats() {
        let mut client = client();
        let _ = client.poll_transmit();
        client.handle_packet(at(1), packet(3, 1, b"\x0cnot dti, sir"));
        assert!(!format!("{:?}", drain!(client.poll_event())).contains("dti"));
    }

    #[test]
    fn lets_in_who_is_known() {
        let mut server = server(demand());
        server.handle_packet(at(1), packet(1, 7, REQUEST));
        assert_eq!(
            drain!(server.poll_transmit()),
            [b"\x02\x07\x00\x0c\x07Welcome"]
        );
        assert_eq!(
            drain!(server.poll_event()),
            [
                log(
                    Level::Notice,
                    "PAP peer authentication succeeded for \"web\""
                ),
                AuthEvent::PeerAccepted { name: "web".into() },
            ]
        );
        assert_eq!(server.poll_timeout(), None);
        // The Ack got lost.
        server.handle_packet(at(4), packet(1, 8, REQUEST));
        assert_eq!(
            drain!(server.poll_transmit()),
            [b"\x02\x08\x00\x0c\x07Welcome"]
        );
        assert_eq!(server.poll_event(), None);
    }

    #[test]
    fn refuses_a_wrong_name_or_password_for_good() {
        for request in [
            &b"\x03web\x03dtj"[..],
            b"\x04sora\x03dti",
            b"\x03web\0",
            b"\0\0",
        ] {
            let mut server = server(demand());
            server.handle_packet(at(1), packet(1, 1, request));
            server.handle_packet(at(2), packet(1, 2, REQUEST));
            let nak = |id: u8| [&[3, id, 0, 18, 13][..], b"Invalid Login"].concat();
            assert_eq!(drain!(server.poll_transmit()), [nak(1), nak(2)]);
            let events = drain!(server.poll_event());
            assert!(matches!(
                events[..],
                [AuthEvent::Log(_), AuthEvent::PeerRefused { .. }]
            ));
        }
    }

    #[test]
    fn accepts_anybody_if_told_so() {
        let mut server = server(AuthDemand {
            accept_any: true,
            ..demand()
        });
        server.handle_packet(at(1), packet(1, 1, b"\x02\x1b[\0"));
        let events = drain!(server.poll_event());
        assert_eq!(
            events[1],
            AuthEvent::PeerAccepted {
                name: "\\033[".into()
            }
        );
    }

    #[test]
    fn drops_requests_that_are_cut_off() {
        let mut server = server(demand());
        for length in 0..REQUEST.len() {
            server.handle_packet(at(1), packet(1, 1, &REQUEST[..length]));
        }
        server.handle_packet(at(1), packet(2, 1, REQUEST));
        assert_eq!((server.poll_event(), server.poll_transmit()), (None, None));
        server.handle_packet(at(1), packet(1, 1, REQUEST));
        assert!(server.poll_transmit().is_some());
    }

    #[test]
    fn does_not_wait_for_ever_for_a_request() {
        let mut server = server(demand());
        assert_eq!(server.poll_timeout(), Some(at(30)));
        server.handle_timeout(at(29));
        assert_eq!(server.poll_event(), None);
        server.handle_timeout(at(30));
        assert_eq!(drain!(server.poll_event()), [AuthEvent::TimedOut]);
        server.handle_packet(at(31), packet(1, 1, REQUEST));
        assert_eq!(server.poll_transmit().unwrap()[0], AUTHENTICATE_NAK);
        assert_eq!(server.poll_event(), None);
    }
}

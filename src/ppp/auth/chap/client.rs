//! The one who proves who it is.

use super::{CHALLENGE, FAILURE, RESPONSE, SUCCESS, digest, parse_value, write_value};
use crate::log::Level;
use crate::ppp::auth::{AuthEvent, Output, quote};
use crate::ppp::config::AuthTimers;
use crate::ppp::print;
use crate::ppp::wire::ControlPacket;
use crate::secret::Secret;
use crate::time::{Instant, Timer};

/// The one who proves who it is.
///
/// It answers every challenge at once, before and after a verdict: authenticators may challenge
/// again at any time, and some modems challenge several times before they say anything.
#[derive(Debug)]
pub struct Client {
    name: String,
    secret: Secret,
    timers: AuthTimers,
    state: ClientState,
    /// The missing password has been told.
    warned: bool,
    patience: Timer,
    output: Output,
}

impl Client {
    /// Will answer as `name`.
    pub fn new(name: String, secret: Secret, timers: AuthTimers) -> Self {
        Self {
            name,
            secret,
            timers,
            state: ClientState::Idle,
            warned: false,
            patience: Timer::default(),
            output: Output::default(),
        }
    }

    /// Waits for a challenge, and for the first verdict until `chap_timeout` has passed. Challenges
    /// without a verdict do not make that longer.
    pub fn start(&mut self, now: Instant) {
        self.state = ClientState::Waiting;
        self.patience.arm(now + self.timers.chap_timeout);
    }

    /// Takes a packet from the peer.
    pub fn handle_packet(&mut self, _now: Instant, packet: ControlPacket<'_>) {
        match packet.code {
            CHALLENGE => self.respond(packet),
            SUCCESS => self.verdict(true, packet.data),
            FAILURE => self.verdict(false, packet.data),
            _ => {}
        }
    }

    /// The first verdict must have been lost: the peer goes on as one that has accepted us. Should a
    /// Failure come after all, it counts.
    pub fn presume_success(&mut self) {
        if self.state == ClientState::Waiting {
            self.patience.cancel();
            self.state = ClientState::Open { challenged: true };
            let text = String::new();
            self.output.event(AuthEvent::Succeeded { text });
        }
    }

    /// Gives up waiting for the first verdict.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.patience.expired(now) {
            self.state = ClientState::Failed;
            self.output
                .log(Level::Error, "CHAP authentication timed out");
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

    fn respond(&mut self, challenge: ControlPacket<'_>) {
        let Some((value, name)) = parse_value(challenge.data) else {
            return;
        };
        self.state = match self.state {
            ClientState::Idle | ClientState::Failed => return,
            ClientState::Waiting => ClientState::Waiting,
            ClientState::Open { .. } => ClientState::Open { challenged: true },
        };
        if self.secret.is_empty() && !self.warned {
            self.warned = true;
            let mut peer = String::new();
            print::quoted(name, &mut peer);
            let line = format!("No CHAP secret found for authenticating us to {peer}");
            self.output.log(Level::Warning, line);
        }
        let digest = digest(challenge.id, &self.secret, value);
        self.output
            .send(RESPONSE, challenge.id, &write_value(&digest, &self.name));
    }

    /// A verdict counts for whoever waits for one: the first, and after it one for each time that
    /// the peer has challenged again. Others are repetitions.
    fn verdict(&mut self, success: bool, text: &[u8]) {
        match self.state {
            ClientState::Waiting | ClientState::Open { challenged: true } => {}
            ClientState::Idle | ClientState::Open { challenged: false } | ClientState::Failed => {
                return;
            }
        }
        self.patience.cancel();
        let text = quote(text, &self.secret);
        let outcome = if success { "succeeded" } else { "failed" };
        let tail = if text.is_empty() {
            String::new()
        } else {
            format!(": {text}")
        };
        self.output
            .log(Level::Info, format!("CHAP authentication {outcome}{tail}"));
        if success {
            self.state = ClientState::Open { challenged: false };
            self.output
                .log(Level::Notice, "CHAP authentication succeeded");
            self.output.event(AuthEvent::Succeeded { text });
        } else {
            self.state = ClientState::Failed;
            self.output.log(Level::Error, "CHAP authentication failed");
            self.output.event(AuthEvent::Refused { text });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientState {
    Idle,
    /// For the first verdict.
    Waiting,
    /// Accepted; `challenged`: since then challenged again, and without a verdict on that.
    Open {
        challenged: bool,
    },
    Failed,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::log::LogLine;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    fn packet(code: u8, id: u8, data: &[u8]) -> ControlPacket<'_> {
        ControlPacket { code, id, data }
    }

    fn log(level: Level, text: &str) -> AuthEvent {
        AuthEvent::Log(LogLine::pppd(level, text))
    }

    fn client(name: &str, secret: &str) -> Client {
        let mut client = Client::new(name.into(), Secret::new(secret), AuthTimers::default());
        client.start(at(0));
        client
    }

    macro_rules! drain {
        ($poll:expr) => {
            std::iter::from_fn(|| $poll).collect::<Vec<_>>()
        };
    }

    fn succeeded() -> [AuthEvent; 3] {
        [
            log(Level::Info, "CHAP authentication succeeded"),
            log(Level::Notice, "CHAP authentication succeeded"),
            AuthEvent::Succeeded {
                text: String::new(),
            },
        ]
    }

    /// SIM5360 in SORACOM's network (a public log).
    const VALUE: &[u8] = b"\xa2\xc4\x70\xe4\xd8\xdc\x7d\xa7\xd0\x3e\x2e\x38\x80\xe6\x1d\x64";
    const ANSWER: &[u8] = b"\x0a\x3b\xa6\x1c\x40\x29\xc4\xd6\xe9\x19\x71\x4a\xc5\x6e\x00\x49";

    fn challenge() -> Vec<u8> {
        [&[16][..], VALUE, b"UMTS_CHAP_SRVR"].concat()
    }

    #[test]
    fn answers_a_recorded_challenge_as_recorded() {
        let mut client = client("sora", "sora");
        client.handle_packet(at(1), packet(1, 1, &challenge()));
        let expected = [&[2, 1, 0, 25, 16][..], ANSWER, b"sora"].concat();
        assert_eq!(drain!(client.poll_transmit()), [expected]);
        client.handle_packet(at(1), packet(3, 1, b""));
        assert_eq!(drain!(client.poll_event()), succeeded());
        assert_eq!(client.poll_timeout(), None);
    }

    #[test]
    fn makes_the_text_of_a_verdict_harmless() {
        let mut client = client("sora", "sora");
        client.handle_packet(at(1), packet(3, 1, b"\0"));
        assert_eq!(
            drain!(client.poll_event()),
            [
                log(Level::Info, "CHAP authentication succeeded: \\000"),
                log(Level::Notice, "CHAP authentication succeeded"),
                AuthEvent::Succeeded {
                    text: "\\000".into()
                },
            ]
        );
    }

    #[test]
    fn tells_why_it_is_refused() {
        let mut client = client("sora", "wrong");
        client.handle_packet(at(1), packet(1, 1, &challenge()));
        client.handle_packet(at(1), packet(4, 9, b"I don't like you.  Go 'way."));
        assert_eq!(
            drain!(client.poll_event()),
            [
                log(
                    Level::Info,
                    "CHAP authentication failed: I don't like you.  Go 'way."
                ),
                log(Level::Error, "CHAP authentication failed"),
                AuthEvent::Refused {
                    text: "I don't like you.  Go 'way.".into()
                },
            ]
        );
        assert_eq!(client.poll_timeout(), None);
        let _ = client.poll_transmit();
        client.handle_packet(at(2), packet(1, 2, &challenge()));
        client.handle_packet(at(2), packet(3, 2, b""));
        assert_eq!((client.poll_transmit(), client.poll_event()), (None, None));
    }

    /// A Huawei E620 challenged three times, with new identifiers and values, and said nothing in
    /// between.
    #[test]
    fn answers_every_challenge_but_does_not_wait_longer_for_it() {
        let mut client = client("web", "web");
        for (id, value) in [(1, [0xb8; 16]), (2, [0x14; 16]), (3, [0xc4; 16])] {
            let now = at(20 * u64::from(id) - 10);
            client.handle_packet(now, packet(1, id, &[&[16][..], &value].concat()));
            let sent = drain!(client.poll_transmit());
            let hash = digest(id, &Secret::new("web"), &value);
            assert_eq!(sent, [[&[2, id, 0, 24, 16][..], &hash, b"web"].concat()]);
            assert_eq!(client.poll_timeout(), Some(at(60)));
        }
        client.handle_timeout(at(59));
        assert_eq!(client.poll_event(), None);
        client.handle_timeout(at(60));
        assert_eq!(
            drain!(client.poll_event()),
            [
                log(Level::Error, "CHAP authentication timed out"),
                AuthEvent::TimedOut
            ]
        );
    }

    #[test]
    fn answers_challenges_of_any_length() {
        for length in [1, 16, 17, 32, 49, 255] {
            let value = vec![7; usize::from(length)];
            let mut client = client("sora", "sora");
            client.handle_packet(at(1), packet(1, 5, &[&[length][..], &value, b"x"].concat()));
            let hash = digest(5, &Secret::new("sora"), &value);
            let expected = [&[2, 5, 0, 25, 16][..], &hash, b"sora"].concat();
            assert_eq!(drain!(client.poll_transmit()), [expected]);
        }
    }

    #[test]
    fn drops_challenges_that_are_empty_or_cut_off() {
        let mut client = client("sora", "sora");
        for data in [&[][..], &[0], b"\0name", &[16], &challenge()[..16]] {
            client.handle_packet(at(1), packet(1, 1, data));
        }
        client.handle_packet(at(1), packet(9, 1, &challenge()));
        assert_eq!((client.poll_transmit(), client.poll_event()), (None, None));
    }

    #[test]
    fn a_new_challenge_on_an_open_link_brings_a_new_verdict() {
        let mut client = client("sora", "sora");
        client.handle_packet(at(1), packet(1, 1, &challenge()));
        client.handle_packet(at(1), packet(3, 1, b""));
        assert_eq!(drain!(client.poll_event()), succeeded());
        // Repetitions without a challenge are no news, whatever they say.
        client.handle_packet(at(2), packet(3, 1, b""));
        client.handle_packet(at(2), packet(4, 1, b""));
        assert_eq!(client.poll_event(), None);
        client.handle_packet(at(61), packet(1, 2, &challenge()));
        assert_eq!(drain!(client.poll_transmit()).len(), 2);
        // An authenticator that asks and says nothing more leaves the link as it is.
        assert_eq!(client.poll_timeout(), None);
        client.handle_packet(at(62), packet(3, 2, b""));
        assert_eq!(drain!(client.poll_event()), succeeded());
        client.handle_packet(at(121), packet(1, 3, &challenge()));
        client.handle_packet(at(122), packet(4, 3, b""));
        let events = drain!(client.poll_event());
        assert_eq!(
            events.last(),
            Some(&AuthEvent::Refused {
                text: String::new()
            })
        );
    }

    #[test]
    fn answers_without_a_password_and_says_so_once() {
        let mut client = client("", "");
        client.handle_packet(at(1), packet(1, 1, &challenge()));
        client.handle_packet(at(2), packet(1, 2, &challenge()));
        assert_eq!(drain!(client.poll_transmit()).len(), 2);
        let line = "No CHAP secret found for authenticating us to \"UMTS_CHAP_SRVR\"";
        assert_eq!(drain!(client.poll_event()), [log(Level::Warning, line)]);
    }

    #[test]
    fn nothing_happens_before_the_start() {
        let mut client = Client::new("a".into(), Secret::new("b"), AuthTimers::default());
        client.handle_packet(at(0), packet(1, 1, &challenge()));
        client.handle_packet(at(0), packet(3, 1, b""));
        client.handle_timeout(at(100));
        assert_eq!((client.poll_transmit(), client.poll_event()), (None, None));
    }

    #[test]
    fn does_not_show_the_password() {
        assert!(!format!("{:?}", client("a", "hush")).contains("hush"));
    }

    proptest! {
        #[test]
        fn any_packets_leave_it_bounded(
            packets in prop::collection::vec(
                (0..6_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..40), 0..100_u64),
                0..200,
            ),
        ) {
            let mut client = client("sora", "sora");
            for (code, id, data, seconds) in &packets {
                client.handle_packet(at(*seconds), packet(*code, *id, data));
                client.handle_timeout(at(*seconds));
            }
            prop_assert!(client.output.transmit.len() <= 16 && client.output.events.len() <= 32);
        }
    }
}

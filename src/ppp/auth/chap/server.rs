//! The one who demands a proof.

use super::{
    CHALLENGE, FAILURE, RESPONSE, SUCCESS, VALUE_LENGTH, digest, parse_value, write_value,
};
use crate::log::Level;
use crate::ppp::auth::{AuthEvent, Output, equal, secrets};
use crate::ppp::config::{AuthDemand, AuthTimers};
use crate::ppp::print;
use crate::ppp::wire::ControlPacket;
use crate::random::Random;
use crate::secret::Secret;
use crate::time::{Instant, Timer};

/// The one who demands a proof.
#[derive(Debug)]
pub struct Server {
    demand: AuthDemand,
    timers: AuthTimers,
    random: Random,
    state: ServerState,
    /// Challenges of this round, the oldest first. All of them may still be answered: where an
    /// answer takes longer than the restart timer, the last one alone would never be.
    challenges: Vec<Challenge>,
    /// Challenges sent in this round.
    sent: u32,
    id: u8,
    /// Restart timer while a round lasts, and between two rounds the time until the next.
    timer: Timer,
    output: Output,
}

impl Server {
    /// Will let in whom `demand` names. `random` gives the challenges.
    pub fn new(demand: AuthDemand, timers: AuthTimers, random: Random) -> Self {
        Self {
            demand,
            timers,
            random,
            state: ServerState::Idle,
            challenges: Vec::new(),
            sent: 0,
            id: 0,
            timer: Timer::default(),
            output: Output::default(),
        }
    }

    /// Sends the first challenge.
    pub fn start(&mut self, now: Instant) {
        self.begin_round(now, false);
    }

    /// Takes a packet from the peer.
    pub fn handle_packet(&mut self, now: Instant, packet: ControlPacket<'_>) {
        if packet.code != RESPONSE {
            return;
        }
        let Some((value, name)) = parse_value(packet.data) else {
            return;
        };
        match self.state {
            ServerState::Challenging { again } => {
                let Some(challenge) = self.challenges.iter().find(|sent| sent.id == packet.id)
                else {
                    return;
                };
                let accepted = self.judge(challenge, value, name);
                self.challenges.clear();
                self.answer(packet.id, accepted);
                self.conclude(now, packet.id, accepted, again, name);
            }
            // RFC 1994 section 4.1: a repeated Response means that the verdict was lost; it "MUST
            // be answered with the same reply Code".
            ServerState::Judged { id, accepted } if id == packet.id => self.answer(id, accepted),
            ServerState::Idle | ServerState::Judged { .. } | ServerState::Failed => {}
        }
    }

    /// Challenges once more, gives up, or challenges again after the interval.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.timer.expired(now) {
            return;
        }
        match self.state {
            ServerState::Challenging { .. } if self.sent < self.timers.chap_max_challenges => {
                self.challenge(now);
            }
            ServerState::Challenging { .. } => {
                self.state = ServerState::Failed;
                self.challenges.clear();
                self.output.event(AuthEvent::TimedOut);
            }
            ServerState::Judged { .. } => self.begin_round(now, true),
            ServerState::Idle | ServerState::Failed => {}
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
        self.timer.deadline()
    }

    fn begin_round(&mut self, now: Instant, again: bool) {
        self.state = ServerState::Challenging { again };
        self.challenges.clear();
        self.sent = 0;
        self.challenge(now);
    }

    /// RFC 1994 section 4.1: Identifier and Value "MUST be changed each time a Challenge is sent".
    fn challenge(&mut self, now: Instant) {
        self.id = self.id.wrapping_add(1);
        self.sent = self.sent.saturating_add(1);
        let mut value = [0; VALUE_LENGTH];
        self.random.fill(&mut value);
        if self.challenges.len() == MAX_CHALLENGES {
            self.challenges.remove(0);
        }
        self.challenges.push(Challenge { id: self.id, value });
        self.output
            .send(CHALLENGE, self.id, &write_value(&value, &self.demand.name));
        self.timer.arm(now + self.timers.chap_restart);
    }

    fn judge(&self, challenge: &Challenge, value: &[u8], name: &[u8]) -> bool {
        let proves =
            |secret: &Secret| equal(&digest(challenge.id, secret, &challenge.value), value);
        self.demand.accept_any || secrets(&self.demand, name).any(proves)
    }

    fn answer(&mut self, id: u8, accepted: bool) {
        let (code, text) = if accepted {
            (SUCCESS, &self.demand.messages.success)
        } else {
            (FAILURE, &self.demand.messages.failure)
        };
        self.output.send(code, id, text.as_bytes());
    }

    fn conclude(&mut self, now: Instant, id: u8, accepted: bool, again: bool, name: &[u8]) {
        self.state = ServerState::Judged { id, accepted };
        self.timer.cancel();
        if let Some(interval) = self.demand.rechallenge.filter(|_| accepted) {
            self.timer.arm(now + interval);
        }
        let mut quoted = String::new();
        print::quoted(name, &mut quoted);
        let name = print::sanitise(name);
        if !accepted {
            self.output.log(
                Level::Warning,
                format!("Peer {quoted} failed CHAP authentication"),
            );
            self.output.event(AuthEvent::PeerRefused { name });
        } else if !again {
            self.output.log(
                Level::Notice,
                format!("Peer {quoted} authenticated with CHAP"),
            );
            self.output.event(AuthEvent::PeerAccepted { name });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerState {
    Idle,
    /// `again`: the peer has been accepted before.
    Challenging {
        again: bool,
    },
    /// The verdict on the Response with this identifier.
    Judged {
        id: u8,
        accepted: bool,
    },
    /// No Response came.
    Failed,
}

#[derive(Debug)]
struct Challenge {
    id: u8,
    value: [u8; VALUE_LENGTH],
}

/// Challenges of one round that may still be answered.
const MAX_CHALLENGES: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::Client;
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

    fn demand() -> AuthDemand {
        AuthDemand {
            method: AuthMethod::ChapMd5,
            acceptable: AllowedAuth {
                pap: false,
                chap_md5: true,
            },
            name: "UMTS_CHAP_SRVR".into(),
            accounts: vec![
                Account {
                    user: "sora".into(),
                    secret: Secret::new("other"),
                },
                Account {
                    user: "sora".into(),
                    secret: Secret::new("sora"),
                },
            ],
            accept_any: false,
            rechallenge: Some(Duration::from_secs(60)),
            messages: AuthMessages {
                success: String::new(),
                failure: "go".into(),
            },
        }
    }

    fn server(demand: AuthDemand) -> Server {
        let mut server = Server::new(demand, AuthTimers::default(), Random::new(1));
        server.start(at(0));
        server
    }

    fn client(name: &str, secret: &str) -> Client {
        let mut client = Client::new(name.into(), Secret::new(secret), AuthTimers::default());
        client.start(at(0));
        client
    }

    fn succeeded() -> AuthEvent {
        AuthEvent::Succeeded {
            text: String::new(),
        }
    }

    macro_rules! drain {
        ($poll:expr) => {
            std::iter::from_fn(|| $poll).collect::<Vec<_>>()
        };
    }

    /// Hands the client's packets to the server and back until both are silent.
    fn exchange(now: Instant, client: &mut Client, server: &mut Server) {
        loop {
            let asked = server.poll_transmit();
            if let Some(sent) = &asked {
                client.handle_packet(now, ControlPacket::parse(sent).unwrap());
            }
            let answered = client.poll_transmit();
            if let Some(sent) = &answered {
                server.handle_packet(now, ControlPacket::parse(sent).unwrap());
            }
            if asked.is_none() && answered.is_none() {
                return;
            }
        }
    }

    #[test]
    fn lets_in_who_answers_and_asks_again_after_the_interval() {
        let mut client = client("sora", "sora");
        let mut server = server(demand());
        exchange(at(0), &mut client, &mut server);
        assert_eq!(
            drain!(server.poll_event()),
            [
                log(Level::Notice, "Peer \"sora\" authenticated with CHAP"),
                AuthEvent::PeerAccepted {
                    name: "sora".into()
                },
            ]
        );
        assert_eq!(drain!(client.poll_event()).last(), Some(&succeeded()));
        assert_eq!(server.poll_timeout(), Some(at(60)));
        server.handle_timeout(at(60));
        exchange(at(60), &mut client, &mut server);
        assert_eq!(server.poll_event(), None, "the peer is accepted already");
        assert_eq!(drain!(client.poll_event()).last(), Some(&succeeded()));
        assert_eq!(server.poll_timeout(), Some(at(120)));
    }

    #[test]
    fn refuses_who_answers_wrong() {
        for (name, secret) in [("sora", "sorb"), ("nora", "sora"), ("", "")] {
            let mut client = client(name, secret);
            let mut server = server(demand());
            exchange(at(0), &mut client, &mut server);
            let events = drain!(client.poll_event());
            assert_eq!(
                events.last(),
                Some(&AuthEvent::Refused { text: "go".into() })
            );
            assert_eq!(
                drain!(server.poll_event()),
                [
                    log(
                        Level::Warning,
                        &format!("Peer \"{name}\" failed CHAP authentication")
                    ),
                    AuthEvent::PeerRefused { name: name.into() },
                ]
            );
            assert_eq!(server.poll_timeout(), None);
        }
    }

    #[test]
    fn accepts_any_answer_if_told_so() {
        let mut client = client("who", "knows");
        let mut server = server(AuthDemand {
            accept_any: true,
            rechallenge: None,
            ..demand()
        });
        exchange(at(0), &mut client, &mut server);
        assert_eq!(drain!(client.poll_event()).last(), Some(&succeeded()));
        assert_eq!(server.poll_timeout(), None);
    }

    #[test]
    fn repeats_its_verdict_when_a_response_is_repeated() {
        let mut server = server(demand());
        let _ = server.poll_transmit();
        let wrong = [&[16][..], &[0; 16], b"sora"].concat();
        server.handle_packet(at(1), packet(2, 1, &wrong));
        server.handle_packet(at(4), packet(2, 1, &wrong));
        server.handle_packet(at(4), packet(2, 2, &wrong));
        let failure = b"\x04\x01\x00\x06go".to_vec();
        assert_eq!(drain!(server.poll_transmit()), [failure.clone(), failure]);
        assert_eq!(drain!(server.poll_event()).len(), 2);
    }

    #[test]
    fn a_response_of_another_length_is_wrong() {
        for value in [&[0; 1][..], &[0; 17]] {
            let mut server = server(demand());
            let data = [&[value.len() as u8][..], value].concat();
            server.handle_packet(at(1), packet(2, 1, &data));
            let events = drain!(server.poll_event());
            assert_eq!(
                events.last(),
                Some(&AuthEvent::PeerRefused {
                    name: String::new()
                })
            );
        }
    }

    #[test]
    fn gives_up_after_ten_challenges_that_all_differ() {
        let mut server = server(demand());
        let mut sent = Vec::new();
        for round in 1..=10 {
            sent.extend(drain!(server.poll_transmit()));
            assert_eq!(server.poll_timeout(), Some(at(3 * round)));
            server.handle_timeout(at(3 * round));
        }
        assert_eq!(drain!(server.poll_event()), [AuthEvent::TimedOut]);
        assert_eq!(server.poll_timeout(), None);
        let ids: Vec<u8> = sent.iter().map(|packet| packet[1]).collect();
        assert_eq!(ids, (1..=10).collect::<Vec<u8>>());
        let mut values: Vec<&[u8]> = sent.iter().map(|packet| &packet[5..21]).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 10);
    }

    /// On a line whose round trip takes longer than the restart timer the answer belongs to a
    /// challenge that is no longer the last.
    #[test]
    fn takes_the_answer_to_an_earlier_challenge() {
        let mut client = client("sora", "sora");
        let mut server = server(demand());
        let first = server.poll_transmit().unwrap();
        server.handle_timeout(at(3));
        server.handle_timeout(at(6));
        client.handle_packet(at(7), ControlPacket::parse(&first).unwrap());
        let response = client.poll_transmit().unwrap();
        server.handle_packet(at(8), ControlPacket::parse(&response).unwrap());
        let events = drain!(server.poll_event());
        assert_eq!(
            events.last(),
            Some(&AuthEvent::PeerAccepted {
                name: "sora".into()
            })
        );
    }

    #[test]
    fn identifiers_wrap_around() {
        let timers = AuthTimers {
            chap_max_challenges: 1000,
            ..AuthTimers::default()
        };
        let mut server = Server::new(demand(), timers, Random::new(1));
        server.start(at(0));
        for round in 1..=300 {
            let _ = server.poll_transmit();
            server.handle_timeout(at(3 * round));
        }
        assert_eq!(server.id, 45);
        assert_eq!(server.challenges.len(), MAX_CHALLENGES);
    }

    #[test]
    fn nothing_happens_before_the_start() {
        let mut server = Server::new(demand(), AuthTimers::default(), Random::new(1));
        server.handle_packet(at(0), packet(2, 0, &[&[16][..], &[0; 16]].concat()));
        server.handle_timeout(at(100));
        assert_eq!((server.poll_transmit(), server.poll_event()), (None, None));
    }

    #[test]
    fn does_not_show_the_passwords() {
        let shown = format!("{:?}", server(demand()));
        assert!(!shown.contains("other"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_packets_leave_it_bounded(
            packets in prop::collection::vec(
                (0..6_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..40), 0..100_u64),
                0..200,
            ),
        ) {
            let mut server = server(demand());
            for (code, id, data, seconds) in &packets {
                server.handle_packet(at(*seconds), packet(*code, *id, data));
                server.handle_timeout(at(*seconds));
            }
            prop_assert!(server.output.transmit.len() <= 16 && server.output.events.len() <= 32);
            prop_assert!(server.challenges.len() <= MAX_CHALLENGES);
        }
    }
}

//! The authentication exchanges of a session: ours towards the peer, and the peer's towards us.

use crate::ppp::auth::{AuthEvent, chap, pap};
use crate::ppp::config::{AuthDemand, AuthMethod, AuthTimers, Credentials};
use crate::ppp::wire::{ControlPacket, Protocol};
use crate::random::Random;
use crate::time::{Instant, earliest};

/// Who has to prove who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prover {
    /// We, to the peer.
    Us,
    /// The peer, to us.
    Peer,
}

/// Both exchanges, as far as LCP has agreed on them.
#[derive(Default)]
pub(super) struct Proofs {
    ours: Option<Proof>,
    peers: Option<Proof>,
}

struct Proof {
    exchange: Exchange,
    /// Something was sent: a request, a challenge or a response.
    spoken: bool,
    given: bool,
}

enum Exchange {
    PapClient(pap::Client),
    PapServer(pap::Server),
    ChapClient(chap::Client),
    ChapServer(chap::Server),
}

impl Proofs {
    /// Starts our proof by `method`.
    pub(super) fn start_ours(
        &mut self,
        now: Instant,
        method: AuthMethod,
        credentials: &Credentials,
        timers: AuthTimers,
    ) {
        let user = credentials.user.clone();
        let secret = credentials.secret.clone();
        let exchange = match method {
            AuthMethod::Pap => {
                let secret = credentials.pap_secret.clone().unwrap_or(secret);
                Exchange::PapClient(pap::Client::new(user, secret, timers))
            }
            AuthMethod::ChapMd5 => Exchange::ChapClient(chap::Client::new(user, secret, timers)),
        };
        self.ours = Some(Proof::started(exchange, now));
    }

    /// Demands the peer's proof by `method`.
    pub(super) fn start_peers(
        &mut self,
        now: Instant,
        method: AuthMethod,
        demand: &AuthDemand,
        timers: AuthTimers,
        random: Random,
    ) {
        let demand = demand.clone();
        let exchange = match method {
            AuthMethod::Pap => Exchange::PapServer(pap::Server::new(demand, timers)),
            AuthMethod::ChapMd5 => Exchange::ChapServer(chap::Server::new(demand, timers, random)),
        };
        self.peers = Some(Proof::started(exchange, now));
    }

    /// Forgets both.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes a packet. False if nothing that was negotiated takes it: then it was not even looked
    /// at.
    pub(super) fn handle_packet(
        &mut self,
        now: Instant,
        protocol: Protocol,
        packet: ControlPacket<'_>,
    ) -> bool {
        let taker = self
            .all_mut()
            .find(|(_, proof)| proof.exchange.takes(protocol, packet.code));
        let Some((_, proof)) = taker else {
            return false;
        };
        proof.exchange.handle_packet(now, packet);
        true
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.all_mut()
            .for_each(|(_, proof)| proof.exchange.handle_timeout(now));
    }

    /// The next packet to send: its protocol and information field.
    #[must_use]
    pub(super) fn poll_transmit(&mut self) -> Option<(Protocol, Vec<u8>)> {
        self.all_mut().find_map(|(_, proof)| {
            let info = proof.exchange.poll_transmit()?;
            proof.spoken = true;
            Some((proof.exchange.protocol(), info))
        })
    }

    #[must_use]
    pub(super) fn poll_event(&mut self) -> Option<(Prover, AuthMethod, AuthEvent)> {
        self.all_mut().find_map(|(prover, proof)| {
            let event = proof.exchange.poll_event()?;
            proof.given |= matches!(
                event,
                AuthEvent::Succeeded { .. } | AuthEvent::PeerAccepted { .. }
            );
            Some((prover, proof.exchange.method(), event))
        })
    }

    #[must_use]
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest(self.all().map(|proof| proof.exchange.poll_timeout()))
    }

    /// Whether every proof that was agreed on has been given; true if there is none.
    pub(super) fn complete(&self) -> bool {
        self.all().all(|proof| proof.given)
    }

    /// Whether all that is missing is the peer's verdict on a CHAP Response of ours. Nobody repeats
    /// a Success that got lost: the authenticator goes on, and we wait.
    pub(super) fn awaits_only_a_verdict(&self) -> bool {
        let peers_given = self.peers.as_ref().is_none_or(|proof| proof.given);
        peers_given
            && self.ours.as_ref().is_some_and(|proof| {
                matches!(proof.exchange, Exchange::ChapClient(_)) && proof.spoken && !proof.given
            })
    }

    /// Takes it that the peer has accepted our CHAP Response.
    pub(super) fn presume_success(&mut self) {
        if let Some(Proof {
            exchange: Exchange::ChapClient(client),
            ..
        }) = &mut self.ours
        {
            client.presume_success();
        }
    }

    /// Who has yet to prove himself by `protocol`.
    pub(super) fn prover(&self, protocol: Protocol) -> Option<(Prover, AuthMethod)> {
        let ours = self.ours.as_ref().map(|proof| (Prover::Us, proof));
        let peers = self.peers.as_ref().map(|proof| (Prover::Peer, proof));
        let mut both = ours.into_iter().chain(peers);
        let (prover, proof) =
            both.find(|(_, proof)| !proof.given && proof.exchange.protocol() == protocol)?;
        Some((prover, proof.exchange.method()))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = (Prover, &mut Proof)> {
        let ours = self.ours.as_mut().map(|proof| (Prover::Us, proof));
        let peers = self.peers.as_mut().map(|proof| (Prover::Peer, proof));
        ours.into_iter().chain(peers)
    }

    fn all(&self) -> impl Iterator<Item = &Proof> {
        self.ours.iter().chain(&self.peers)
    }
}

impl Proof {
    fn started(mut exchange: Exchange, now: Instant) -> Self {
        exchange.start(now);
        Self {
            exchange,
            spoken: false,
            given: false,
        }
    }
}

impl Exchange {
    fn start(&mut self, now: Instant) {
        match self {
            Self::PapClient(exchange) => exchange.start(now),
            Self::PapServer(exchange) => exchange.start(now),
            Self::ChapClient(exchange) => exchange.start(now),
            Self::ChapServer(exchange) => exchange.start(now),
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: ControlPacket<'_>) {
        match self {
            Self::PapClient(exchange) => exchange.handle_packet(now, packet),
            Self::PapServer(exchange) => exchange.handle_packet(now, packet),
            Self::ChapClient(exchange) => exchange.handle_packet(now, packet),
            Self::ChapServer(exchange) => exchange.handle_packet(now, packet),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::PapClient(exchange) => exchange.handle_timeout(now),
            Self::PapServer(exchange) => exchange.handle_timeout(now),
            Self::ChapClient(exchange) => exchange.handle_timeout(now),
            Self::ChapServer(exchange) => exchange.handle_timeout(now),
        }
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::PapClient(exchange) => exchange.poll_transmit(),
            Self::PapServer(exchange) => exchange.poll_transmit(),
            Self::ChapClient(exchange) => exchange.poll_transmit(),
            Self::ChapServer(exchange) => exchange.poll_transmit(),
        }
    }

    fn poll_event(&mut self) -> Option<AuthEvent> {
        match self {
            Self::PapClient(exchange) => exchange.poll_event(),
            Self::PapServer(exchange) => exchange.poll_event(),
            Self::ChapClient(exchange) => exchange.poll_event(),
            Self::ChapServer(exchange) => exchange.poll_event(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::PapClient(exchange) => exchange.poll_timeout(),
            Self::PapServer(exchange) => exchange.poll_timeout(),
            Self::ChapClient(exchange) => exchange.poll_timeout(),
            Self::ChapServer(exchange) => exchange.poll_timeout(),
        }
    }

    fn method(&self) -> AuthMethod {
        match self {
            Self::PapClient(_) | Self::PapServer(_) => AuthMethod::Pap,
            Self::ChapClient(_) | Self::ChapServer(_) => AuthMethod::ChapMd5,
        }
    }

    fn protocol(&self) -> Protocol {
        match self.method() {
            AuthMethod::Pap => Protocol::PAP,
            AuthMethod::ChapMd5 => Protocol::CHAP,
        }
    }

    /// Which side of an exchange a packet is for: RFC 1334 section 2 and RFC 1994 section 4.
    fn takes(&self, protocol: Protocol, code: u8) -> bool {
        let for_us = match self {
            Self::PapClient(_) => matches!(code, 2 | 3),
            Self::PapServer(_) => code == 1,
            Self::ChapClient(_) => matches!(code, 1 | 3 | 4),
            Self::ChapServer(_) => code == 2,
        };
        protocol == self.protocol() && for_us
    }
}

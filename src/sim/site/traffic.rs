//! A program of the gateway that pings a host of the internet: does anything get through? It asks again until it is
//! answered. Where the daemon keeps packets while the link is down, so does this.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::ping;
use crate::config::Config;
use crate::link::PacketQueue;
use crate::link::monitor::EchoAnswer;
use crate::time::{Instant, Timer, earliest};

/// `www.example.jp`.
const HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// Until it asks again.
const AGAIN: Duration = Duration::from_secs(5);
/// A packet before the first link has this source.
const MADE_UP: Ipv4Addr = Ipv4Addr::new(10, 112, 112, 112);

/// The program, and the packets that wait.
pub(super) struct Traffic {
    every: Option<Duration>,
    /// It begins to ask.
    next: Timer,
    /// It asks again.
    again: Timer,
    sequence: u16,
    source: Ipv4Addr,
    queue: Option<PacketQueue>,
    answered: bool,
}

impl Traffic {
    pub(super) fn new(now: Instant, config: &Config, every: Option<Duration>) -> Self {
        let mut next = Timer::default();
        if let Some(every) = every {
            next.arm(now + every);
        }
        let keeps = config.hold || config.demand;
        Self {
            every,
            next,
            again: Timer::default(),
            sequence: 0,
            source: MADE_UP,
            queue: keeps.then(|| PacketQueue::new(config.queue_packets, config.queue_bytes)),
            answered: false,
        }
    }

    /// Asks from now on until it is answered.
    pub(super) fn ask(&mut self, now: Instant) {
        self.again.arm(now);
    }

    /// The packet that is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next.expired(now) {
            if let Some(every) = self.every {
                self.next.arm(now + every);
            }
            self.again.arm(now);
        }
        if !self.again.expired(now) {
            return None;
        }
        self.again.arm(now + AGAIN);
        self.sequence = self.sequence.wrapping_add(1);
        Some(ping::echo(
            ping::PROGRAM,
            self.source,
            HOST,
            None,
            self.sequence,
        ))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.next.deadline(), self.again.deadline()])
    }

    /// A packet for which there is no link waits, if the daemon keeps any.
    pub(super) fn keep(&mut self, now: Instant, packet: &[u8]) {
        if let Some(queue) = &mut self.queue {
            queue.push(now, packet);
        }
    }

    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.is_waiting(now))
    }

    /// The link is up with this address: what has waited.
    pub(super) fn network_up(&mut self, now: Instant, local: Ipv4Addr) -> Vec<Vec<u8>> {
        let former = std::mem::replace(&mut self.source, local);
        let Some(queue) = &mut self.queue else {
            return Vec::new();
        };
        queue.change_source(former, local, |_| {});
        let mut room = vec![0; 1500];
        let mut packets = Vec::new();
        while let Some(length) = queue.pop(now, &mut room) {
            packets.push(room.get(..length).unwrap_or_default().to_vec());
        }
        packets
    }

    /// A packet from the network; true if it is the program's.
    pub(super) fn handle_packet(&mut self, packet: &[u8]) -> bool {
        let Some(received) = ping::read_echo(ping::PROGRAM, packet) else {
            return false;
        };
        if matches!(received.answer, EchoAnswer::Reply { .. }) && self.again.deadline().is_some() {
            self.again.cancel();
            self.answered = true;
        }
        true
    }

    /// Once, when it has been answered.
    pub(super) fn poll_answered(&mut self) -> bool {
        std::mem::take(&mut self.answered)
    }
}

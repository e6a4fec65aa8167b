//! Runs a gateway against a [`Sim`] in virtual time: dialer, PPP endpoint, hang-up. For tests; an
//! hour takes milliseconds.
//!
//! A [`World`] has no supervisor: whoever uses it says when to dial, to send, to close, to hang up,
//! and sees everything that happens. A livelock is an error, not a hang.

use std::time::Duration;

use bytes::BytesMut;

use super::{Sim, SimConfig, SimEvent};
use crate::at::{
    CarrierWatch, Command, DialError, DialEvent, DialPlan, Dialer, HangUp, HangUpEvent, HangUpPlan,
    LineText,
};
use crate::log::LogLine;
use crate::ppp::{DownReason, Endpoint, Event, Ipv4Settings, SessionConfig};
use crate::random::Random;
use crate::time::{Instant, earliest};

/// Steps without a step of time until the run is called a livelock.
const MAX_STEPS: u32 = 10_000;
/// Bytes that are handed over at once.
const PIECE: usize = 4096;

/// What the gateway is, and what it talks to.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// The other side.
    pub sim: SimConfig,
    /// What is said to the modem.
    pub plan: DialPlan,
    /// The gateway's side of PPP.
    pub session: SessionConfig,
    /// Feeds the gateway's magic numbers.
    pub seed: u64,
}

impl Default for WorldConfig {
    fn default() -> Self {
        let commands = ["ATZ", "ATE0", "AT+CGDCONT=1,\"IP\",\"example.jp\"", "AT"];
        let limit = Duration::from_secs(30);
        Self {
            sim: SimConfig::default(),
            plan: DialPlan {
                commands: commands.map(Command::new).to_vec(),
                dial: "ATDT*99***1#".to_owned(),
                command_timeout: limit,
                dial_timeout: limit,
            },
            session: SessionConfig::default(),
            seed: 1,
        }
    }
}

/// Something that happened, on either side.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// CONNECT: PPP begins.
    Connected(String),
    /// Dialing failed.
    DialFailed(DialError),
    /// IPCP is open.
    NetworkUp(Ipv4Settings),
    /// IPCP is not open any more.
    NetworkDown,
    /// The PPP session is over.
    Down(DownReason),
    /// The modem said something between frames.
    Text(LineText),
    /// A packet came.
    Packet(Vec<u8>),
    /// Hanging up is done.
    HungUp {
        /// Whether the modem confirmed it.
        confirmed: bool,
    },
    /// The tty is gone.
    Unplug,
    /// The tty is back.
    Plug,
    /// A line of the gateway's log.
    Log(LogLine),
    /// A line of the simulator's log.
    SimLog(LogLine),
}

/// The two went on and on without time passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no end of activity at {at:?}")]
pub struct Livelock {
    /// When.
    pub at: Instant,
}

/// A gateway, a simulator, and a clock.
///
/// ```
/// use std::time::Duration;
/// use uplinkd::sim::world::{Happening, World, WorldConfig};
///
/// let mut config = WorldConfig::default();
/// config.sim.faults.push("no-carrier@30s".parse().unwrap());
/// let mut world = World::new(config);
/// world.dial();
/// let minute = Duration::from_secs(60);
/// let up = world.run(minute, |happening| matches!(happening, Happening::NetworkUp(_))).unwrap();
/// assert!(up.is_some());
/// let down = world.run(minute, |happening| matches!(happening, Happening::Down(_))).unwrap();
/// assert_eq!(down, Some(Happening::Down(uplinkd::ppp::DownReason::CarrierLost)));
/// ```
pub struct World {
    config: WorldConfig,
    sim: Sim,
    gateway: Gateway,
    now: Instant,
    random: Random,
    /// Everything that happened, with its time, until it is taken.
    happenings: Vec<(Instant, Happening)>,
    /// Bytes of both directions; `true`: of the gateway.
    transcript: Option<Vec<(Instant, bool, Vec<u8>)>>,
    /// Bytes of the gateway that wait for room in the line.
    outgoing: Vec<u8>,
}

/// What the gateway is at.
enum Gateway {
    Idle,
    Dialing(Box<Dialer>),
    Linked(Box<Endpoint>, CarrierWatch),
    HangingUp(HangUp),
}

impl World {
    /// A world at time zero.
    pub fn new(config: WorldConfig) -> Self {
        Self {
            sim: Sim::new(config.sim.clone(), Instant::ZERO),
            gateway: Gateway::Idle,
            now: Instant::ZERO,
            random: Random::new(config.seed),
            happenings: Vec::new(),
            transcript: None,
            outgoing: Vec::new(),
            config,
        }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The other side.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// The PPP endpoint, while there is one.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match &self.gateway {
            Gateway::Linked(endpoint, _) => Some(endpoint),
            Gateway::Idle | Gateway::Dialing(_) | Gateway::HangingUp(_) => None,
        }
    }

    /// Records all bytes from now on.
    pub fn record(&mut self) {
        self.transcript.get_or_insert_default();
    }

    /// What was recorded: time, whether the gateway sent it, bytes.
    pub fn transcript(&self) -> &[(Instant, bool, Vec<u8>)] {
        self.transcript.as_deref().unwrap_or_default()
    }

    /// Opens the tty and dials.
    pub fn dial(&mut self) {
        self.sim.handle_dtr(self.now, true);
        let mut dialer = Dialer::new(self.config.plan.clone());
        dialer.start(self.now);
        self.gateway = Gateway::Dialing(Box::new(dialer));
    }

    /// Asks PPP for a clean end.
    pub fn close(&mut self, why: &str) {
        if let Gateway::Linked(endpoint, _) = &mut self.gateway {
            endpoint.close(self.now, why);
        }
    }

    /// Hangs up, whatever PPP is at.
    pub fn hang_up(&mut self, carrier_gone: bool) {
        let guard = Duration::from_secs(1);
        let mut hang_up = HangUp::new(HangUpPlan {
            carrier_gone,
            guard,
            limit: Duration::from_secs(5),
        });
        hang_up.start(self.now);
        self.gateway = Gateway::HangingUp(hang_up);
    }

    /// Closes the tty.
    pub fn close_tty(&mut self) {
        self.gateway = Gateway::Idle;
        self.sim.handle_dtr(self.now, false);
    }

    /// Sends an IPv4 packet; false if the link does not take it, or the line is behind.
    pub fn send(&mut self, packet: &[u8]) -> bool {
        let Gateway::Linked(endpoint, _) = &mut self.gateway else {
            return false;
        };
        if self.outgoing.len() > 16 * PIECE {
            return false;
        }
        let mut wire = BytesMut::new();
        let sent = endpoint.send_ipv4(packet, &mut wire);
        self.outgoing.extend_from_slice(&wire);
        sent
    }

    /// Sends bytes as they are, whatever the gateway is at.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
    }

    /// What has happened since this was last called.
    pub fn take_happenings(&mut self) -> Vec<(Instant, Happening)> {
        std::mem::take(&mut self.happenings)
    }

    /// Runs for `time`, or until `stop` says so of something that happens; gives that.
    ///
    /// # Errors
    /// [`Livelock`].
    pub fn run(
        &mut self,
        time: Duration,
        mut stop: impl FnMut(&Happening) -> bool,
    ) -> Result<Option<Happening>, Livelock> {
        let end = self.now + time;
        let mut steps = 0;
        let mut seen = self.happenings.len();
        loop {
            let moved = self.exchange();
            while let Some((_, happening)) = self.happenings.get(seen) {
                seen += 1;
                if stop(happening) {
                    return Ok(Some(happening.clone()));
                }
            }
            let next = self.next_timeout();
            if !moved && next.is_none_or(|next| next > self.now) {
                steps = 0;
                let Some(next) = next.filter(|next| *next <= end) else {
                    self.now = end;
                    return Ok(None);
                };
                self.now = next;
            }
            steps += 1;
            if steps > MAX_STEPS {
                return Err(Livelock { at: self.now });
            }
            self.handle_timeout();
        }
    }

    /// Runs for `time`.
    ///
    /// # Errors
    /// [`Livelock`].
    pub fn pass(&mut self, time: Duration) -> Result<(), Livelock> {
        self.run(time, |_| false).map(drop)
    }

    fn next_timeout(&self) -> Option<Instant> {
        let gateway = match &self.gateway {
            Gateway::Idle => None,
            Gateway::Dialing(dialer) => dialer.poll_timeout(),
            Gateway::Linked(endpoint, watch) => {
                earliest([endpoint.poll_timeout(), watch.poll_timeout()])
            }
            Gateway::HangingUp(hang_up) => hang_up.poll_timeout(),
        };
        earliest([self.sim.poll_timeout(), gateway])
    }

    fn handle_timeout(&mut self) {
        self.sim.handle_timeout(self.now);
        match &mut self.gateway {
            Gateway::Idle => {}
            Gateway::Dialing(dialer) => dialer.handle_timeout(self.now),
            Gateway::Linked(endpoint, watch) => {
                endpoint.handle_timeout(self.now);
                watch.handle_timeout(self.now);
            }
            Gateway::HangingUp(hang_up) => hang_up.handle_timeout(self.now),
        }
    }

    /// Moves what either side has to say; false if neither has anything.
    fn exchange(&mut self) -> bool {
        let mut moved = self.take_from_gateway();
        let room = self.sim.room().min(self.outgoing.len());
        let sent: Vec<u8> = self.outgoing.drain(..room).collect();
        if !sent.is_empty() {
            moved = true;
            self.record_bytes(true, &sent);
            self.sim.handle_bytes(self.now, &sent);
        }
        while let Some(event) = self.sim.poll_event() {
            moved = true;
            let happening = match event {
                SimEvent::Log(line) => Happening::SimLog(line),
                SimEvent::Unplug => Happening::Unplug,
                SimEvent::Plug { .. } => Happening::Plug,
            };
            self.note(happening);
        }
        let mut bytes = Vec::new();
        if self.sim.poll_transmit(self.now, PIECE, &mut bytes) {
            moved = true;
            self.record_bytes(false, &bytes);
            self.give_to_gateway(&bytes);
        }
        moved
    }

    fn give_to_gateway(&mut self, bytes: &[u8]) {
        match &mut self.gateway {
            Gateway::Idle => {}
            Gateway::Dialing(dialer) => dialer.handle_bytes(self.now, bytes),
            Gateway::Linked(endpoint, watch) => {
                let (now, happenings) = (self.now, &mut self.happenings);
                endpoint.handle_bytes(now, bytes, |packet| {
                    happenings.push((now, Happening::Packet(packet.to_vec())));
                });
                watch.handle_bytes(now, bytes);
            }
            Gateway::HangingUp(hang_up) => hang_up.handle_bytes(self.now, bytes),
        }
    }

    /// Drains the gateway's side; false if there was nothing.
    fn take_from_gateway(&mut self) -> bool {
        let before = (self.happenings.len(), self.outgoing.len());
        match &mut self.gateway {
            Gateway::Idle => {}
            Gateway::Dialing(dialer) => {
                while dialer.poll_transmit(&mut self.outgoing) {}
                while let Some(event) = self.poll_dialer() {
                    self.handle_dial_event(event);
                }
            }
            Gateway::Linked(endpoint, watch) => {
                let mut wire = BytesMut::new();
                while endpoint.poll_transmit(&mut wire) {}
                self.outgoing.extend_from_slice(&wire);
                while let Some(event) = endpoint.poll_event() {
                    let happening = match event {
                        Event::Log(line) => Happening::Log(line),
                        Event::Phase(_) => continue,
                        Event::NetworkUp(settings) => Happening::NetworkUp(settings),
                        Event::NetworkDown => Happening::NetworkDown,
                        Event::Down(reason) => Happening::Down(reason),
                    };
                    self.happenings.push((self.now, happening));
                }
                while let Some(text) = watch.poll_event() {
                    if matches!(text, LineText::CarrierLost(_)) {
                        endpoint.line_down(self.now);
                    }
                    self.happenings.push((self.now, Happening::Text(text)));
                }
            }
            Gateway::HangingUp(hang_up) => {
                while hang_up.poll_transmit(&mut self.outgoing) {}
                while let Some(event) = hang_up.poll_event() {
                    match event {
                        HangUpEvent::Log(line) => {
                            self.happenings.push((self.now, Happening::Log(line)));
                        }
                        HangUpEvent::SetDtr(on) => self.sim.handle_dtr(self.now, on),
                        HangUpEvent::Done { confirmed } => {
                            self.happenings
                                .push((self.now, Happening::HungUp { confirmed }));
                        }
                    }
                }
            }
        }
        before != (self.happenings.len(), self.outgoing.len())
    }

    fn poll_dialer(&mut self) -> Option<DialEvent> {
        match &mut self.gateway {
            Gateway::Dialing(dialer) => dialer.poll_event(),
            Gateway::Idle | Gateway::Linked(..) | Gateway::HangingUp(_) => None,
        }
    }

    fn handle_dial_event(&mut self, event: DialEvent) {
        match event {
            DialEvent::Log(line) => self.note(Happening::Log(line)),
            DialEvent::Failed(error) => {
                self.gateway = Gateway::Idle;
                self.note(Happening::DialFailed(error));
            }
            DialEvent::Connected(connected) => {
                let mut endpoint = Endpoint::new(self.config.session.clone(), self.random.u64());
                endpoint.line_up(self.now);
                self.gateway = Gateway::Linked(Box::new(endpoint), CarrierWatch::new());
                self.note(Happening::Connected(connected.text));
                self.give_to_gateway(&connected.rest);
            }
        }
    }

    fn note(&mut self, happening: Happening) {
        self.happenings.push((self.now, happening));
    }

    fn record_bytes(&mut self, of_gateway: bool, bytes: &[u8]) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push((self.now, of_gateway, bytes.to_vec()));
        }
    }
}

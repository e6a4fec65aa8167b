//! One call: the line, the ISP's end of it, and what is wrong with both.

use super::fault::Fault;
use super::internet::{Internet, InternetFaults};
use super::isp::{Isp, IspConfig, IspEvent, IspStats};
use super::line::{Noise, Pace, Pipe};
use super::schedule::CallFault;
use crate::random::Random;
use crate::time::{Instant, earliest};

/// Bytes under way to the gateway until the ISP holds packets back.
const MAX_DOWN: usize = 64 * 1024;
/// Bytes under way to the ISP.
const MAX_UP: usize = 256 * 1024;

/// One call.
pub(super) struct Call {
    isp: Isp,
    up: Pipe,
    down: Pipe,
    noise: [Noise; 2],
    faults: Vec<CallFault>,
    /// The ISP is done: the call ends when `down` is empty.
    ending: bool,
    /// Bytes have arrived that the modem has no room for.
    held_back: bool,
    /// No byte gets through.
    dead: bool,
}

impl Call {
    /// The line is up. The ISP's first frames are appended to `out`: it was there before the modem
    /// said CONNECT, and they follow that in the same breath.
    pub(super) fn new(
        now: Instant,
        config: &IspConfig,
        faults: Vec<CallFault>,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> Self {
        let mut call = Self {
            isp: Isp::new(config, &faults, random.u64()),
            up: Pipe::default(),
            down: Pipe::default(),
            noise: [Noise::new(random.u64()), Noise::new(random.u64())],
            faults,
            ending: false,
            held_back: false,
            dead: false,
        };
        call.isp.line_up(now);
        if !call.is_looped(now) {
            out.extend_from_slice(&call.isp.poll_transmit(now, 0));
        }
        call
    }

    /// A fault that begins during the call. Line and internet feel it, and the ISP falls silent; what is agreed on at
    /// the beginning of a call stays.
    pub(super) fn inject(&mut self, fault: CallFault) {
        self.isp.inject(&fault);
        self.faults.push(fault);
    }

    /// The same fault is over for the line and the internet.
    pub(super) fn lift(&mut self, fault: &Fault) {
        if let Some(index) = self.faults.iter().rposition(|held| held.fault == *fault) {
            self.faults.remove(index);
        }
    }

    /// Bytes of the gateway.
    pub(super) fn handle_data(&mut self, now: Instant, pace: Pace, mut data: Vec<u8>) {
        if self.is_looped(now) {
            self.down.push(now, pace, &data);
            return;
        }
        let (flip, lose) = self.damage(now);
        let [noise, _] = &mut self.noise;
        noise.damage(flip, lose, &mut data);
        self.up.push(now, pace, &data);
    }

    /// Whether bytes get through at all.
    pub(super) fn set_dead(&mut self, dead: bool) {
        self.dead = dead;
    }

    /// The ISP ends the session by a Terminate-Request.
    pub(super) fn terminate(&mut self, now: Instant) {
        self.isp.terminate(now, "Session ended by the network");
    }

    /// Moves bytes and packets that are due, until nothing moves any more. At most `room` bytes for
    /// the gateway are appended to `out`.
    pub(super) fn run(
        &mut self,
        now: Instant,
        pace: Pace,
        internet: &mut Internet,
        room: usize,
        out: &mut Vec<u8>,
    ) {
        let faults = self.internet_faults(now);
        let end = out.len().saturating_add(room);
        let mut buffer = Vec::new();
        loop {
            self.isp.handle_timeout(now);
            buffer.clear();
            self.up.take(now, usize::MAX, &mut buffer);
            if !buffer.is_empty() {
                self.isp.handle_bytes(now, &buffer, |packet| {
                    internet.handle_packet(now, packet, faults);
                });
            }
            while let Some(packet) = internet.poll_transmit() {
                if !faults.silent {
                    self.isp.handle_packet(packet);
                }
            }
            let room = MAX_DOWN.saturating_sub(self.down.len());
            let mut wire = Vec::from(self.isp.poll_transmit(now, room));
            if !self.is_looped(now) {
                let (flip, lose) = self.damage(now);
                let [_, noise] = &mut self.noise;
                noise.damage(flip, lose, &mut wire);
                self.down.push(now, pace, &wire);
            }
            self.down.take(now, end.saturating_sub(out.len()), out);
            self.held_back = self.down.next_due().is_some_and(|due| due <= now);
            // With a line that takes no time there is room again at once.
            if self.held_back || !self.isp.has_packets() || self.down.len() >= MAX_DOWN {
                return;
            }
        }
    }

    /// What the ISP has to tell.
    pub(super) fn poll_event(&mut self) -> Option<IspEvent> {
        let event = self.isp.poll_event()?;
        self.ending |= match event {
            IspEvent::Down(_) | IspEvent::TerminateAcknowledged => true,
            IspEvent::Log(_) | IspEvent::Up(_) => false,
        };
        Some(event)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let down = if self.held_back {
            None
        } else {
            self.down.next_due()
        };
        let isp = if self.ending {
            None
        } else {
            self.isp.poll_timeout()
        };
        earliest([self.up.next_due(), down, isp])
    }

    /// Whether the ISP has ended it, and all it sent has arrived.
    pub(super) fn is_over(&self) -> bool {
        self.ending && self.down.is_empty()
    }

    /// Whether bytes wait until the modem has room.
    pub(super) fn is_held_back(&self) -> bool {
        self.held_back
    }

    /// How many bytes of the gateway have room.
    pub(super) fn room(&self) -> usize {
        MAX_UP.saturating_sub(self.up.len())
    }

    pub(super) fn stats(&self) -> IspStats {
        self.isp.stats()
    }

    /// What `pick` finds among the faults that hold now.
    fn find<T>(&self, now: Instant, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let holding = self.faults.iter().filter(|fault| fault.from <= now);
        holding.map(|fault| &fault.fault).find_map(pick)
    }

    fn holds(&self, now: Instant, pick: impl Fn(&Fault) -> bool) -> bool {
        self.find(now, |fault| pick(fault).then_some(())).is_some()
    }

    fn is_looped(&self, now: Instant) -> bool {
        self.holds(now, |fault| matches!(fault, Fault::Loopback(_)))
    }

    /// Probabilities of flipped bits and lost bytes.
    fn damage(&self, now: Instant) -> (f64, f64) {
        let flip = self.find(now, |f| {
            if let Fault::BitFlip(p) = f {
                Some(*p)
            } else {
                None
            }
        });
        let lose = self.find(now, |f| {
            if let Fault::Drop(p) = f {
                Some(*p)
            } else {
                None
            }
        });
        let lose = if self.dead { Some(1.0) } else { lose };
        (flip.unwrap_or_default(), lose.unwrap_or_default())
    }

    fn internet_faults(&self, now: Instant) -> InternetFaults {
        InternetFaults {
            silent: self.holds(now, |fault| matches!(fault, Fault::NetSilent(_))),
            no_ping: self.holds(now, |fault| matches!(fault, Fault::NoPing(_))),
            no_dns: self.holds(now, |fault| matches!(fault, Fault::DnsSilent(_))),
        }
    }
}

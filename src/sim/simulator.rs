//! [`Sim`]: modem, call, internet and the list of faults put together.

mod dialing;
mod power;

use std::collections::VecDeque;
use std::time::Duration;

use super::at_port::AtPort;
use super::call::Call;
use super::command::without_secrets;
use super::device::Device;
use super::fault::{Fault, FaultSpec};
use super::internet::Internet;
use super::isp::IspEvent;
use super::line::Pace;
use super::modem::{Modem, ModemEvent, ModemFaults};
use super::schedule::Schedule;
use super::{SimConfig, SimEvent, SimStats};
use crate::log::{Identifier, Level, LogLine};
use crate::random::Random;
use crate::time::{Instant, Timer, earliest};

/// Bytes for the gateway that wait to be taken, and how much of the modem's text beyond that.
const MAX_TTY: usize = 64 * 1024;
const MAX_TEXT: usize = 4096;
/// Events that wait to be taken; beyond that log lines are left out.
const MAX_EVENTS: usize = 1000;

/// The whole: modem, line, ISP, internet. `handle_bytes` takes what the gateway sent.
///
/// # Contract
/// After every call that takes `&mut self`: drain [`poll_event`](Self::poll_event), take what is
/// wanted by [`poll_transmit`](Self::poll_transmit), then read
/// [`poll_timeout`](Self::poll_timeout). What is not taken holds the ISP back, as a slow reader
/// does.
pub struct Sim {
    config: SimConfig,
    schedule: Schedule,
    random: Random,
    device: Device,
    modem: Modem,
    at_port: AtPort,
    internet: Internet,
    call: Option<Call>,
    /// The network does not like the call's APN: it ends the call then.
    unwanted: Timer,
    /// The next call is such a call.
    dials_unwanted: bool,
    /// For the gateway.
    tty: VecDeque<u8>,
    /// For the gateway, at the second port.
    at_tty: VecDeque<u8>,
    /// With the fault `chunk`: when the next piece may be taken.
    next_piece: Timer,
    /// The modem was told to restart, and vanishes then.
    restart: Timer,
    /// Whether the tty is there, and until when not.
    presence: Presence,
    /// AT commands are answered from then on.
    boots: Timer,
    /// It hangs until its power is switched.
    crashed: bool,
    /// It will hang once it is back.
    comes_back_dead: bool,
    dtr: bool,
    /// The time of the last call.
    now: Instant,
    events: VecDeque<SimEvent>,
    stats: SimStats,
}

/// Whether the modem's ttys are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Here,
    /// Back at that moment.
    Away(Instant),
    /// Without power.
    Off,
}

impl Sim {
    /// A modem that has just been switched on: it answers, and looks for its network.
    pub fn new(config: SimConfig, now: Instant) -> Self {
        let mut random = Random::new(config.seed);
        let schedule = Schedule::new(config.faults.clone(), now);
        let mut sim = Self {
            modem: Modem::new(random.u64()),
            internet: Internet::new(now, random.u64(), config.isp_address, config.dns),
            at_port: AtPort::new(config.seed),
            device: Device::new(&config, now),
            config,
            schedule,
            random,
            call: None,
            unwanted: Timer::default(),
            dials_unwanted: false,
            tty: VecDeque::new(),
            at_tty: VecDeque::new(),
            next_piece: Timer::default(),
            restart: Timer::default(),
            presence: Presence::Here,
            boots: Timer::default(),
            crashed: false,
            comes_back_dead: false,
            dtr: true,
            now,
            events: VecDeque::new(),
            stats: SimStats::default(),
        };
        sim.refresh(now);
        let in_call = sim.schedule.modem(now, |fault| {
            matches!(fault, Fault::DataMode | Fault::StuckDataMode).then_some(())
        });
        if in_call.is_some() {
            sim.log(Level::Info, "modem: in data mode from a former run");
            sim.modem.start_in_data_mode(now);
            sim.start_call(now);
            sim.run(now);
        }
        sim
    }

    /// Takes what the gateway sent. More than [`Self::room`] is lost, as on a tty without flow
    /// control.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        self.refresh(now);
        if self.presence == Presence::Here && !self.crashed {
            let room = self.room();
            let (bytes, lost) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.stats.overrun_bytes += lost.len() as u64;
            let faults = self.modem_faults(now);
            self.modem
                .handle_bytes(now, bytes, &mut self.device, faults);
        }
        self.run(now);
    }

    /// Takes what the gateway sent to the second port.
    pub fn handle_at_bytes(&mut self, now: Instant, bytes: &[u8]) {
        self.refresh(now);
        if self.presence == Presence::Here && !self.crashed {
            let faults = self.modem_faults(now);
            let busy = self.modem.is_busy();
            self.at_port
                .handle_bytes(now, bytes, &mut self.device, busy, faults);
        }
        self.run(now);
    }

    /// The gateway opened or closed the tty, or changed DTR. What was said while nobody had the tty
    /// open is lost.
    pub fn handle_dtr(&mut self, now: Instant, on: bool) {
        if on && !self.dtr {
            self.tty.clear();
        }
        if !on && self.dtr && self.presence == Presence::Here && !self.crashed {
            let faults = self.modem_faults(now);
            self.modem.handle_dtr_off(faults);
        }
        self.dtr = on;
        self.run(now);
    }

    /// Does what is due. May be called early, and twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    /// Appends at most `limit` bytes for the gateway to `out`; false if there is nothing. What does
    /// not fit waits.
    pub fn poll_transmit(&mut self, now: Instant, limit: usize, out: &mut Vec<u8>) -> bool {
        if self.next_piece.deadline().is_some_and(|due| due > now) {
            return false;
        }
        let piece = self.modem_fault(now, |f| {
            if let Fault::Chunk(size) = f {
                Some(*size)
            } else {
                None
            }
        });
        let count = limit.min(self.tty.len()).min(piece.unwrap_or(usize::MAX));
        if count == 0 {
            return false;
        }
        out.extend(self.tty.drain(..count));
        match piece {
            Some(_) => self.next_piece.arm(now + Duration::from_millis(1)),
            None => self.next_piece.cancel(),
        }
        if self.call.as_ref().is_some_and(Call::is_held_back) {
            self.run(now);
        }
        true
    }

    /// The same for the second port.
    pub fn poll_at_transmit(&mut self, _now: Instant, limit: usize, out: &mut Vec<u8>) -> bool {
        let count = limit.min(self.at_tty.len());
        out.extend(self.at_tty.drain(..count));
        count > 0
    }

    /// One more fault; its TIME counts from now. In the call that is up, the line, the internet and the ISP's silence
    /// can go wrong still; what is agreed on at the beginning of a call goes wrong in the next one.
    pub fn add_fault(&mut self, now: Instant, fault: FaultSpec) {
        let holds = self.schedule.add(now, fault);
        if let (Some(call), Some(fault)) = (&mut self.call, holds) {
            call.inject(fault);
        }
        self.run(now);
    }

    /// Lifts a fault that was added: the line, the modem and new calls are well again. What it has done stays done, as
    /// with [`lift_faults`](Self::lift_faults).
    pub fn lift_fault(&mut self, now: Instant, fault: &FaultSpec) {
        self.schedule.lift(fault);
        if let Some(call) = &mut self.call {
            call.lift(&fault.fault);
        }
        self.run(now);
    }

    /// Lifts all faults. What they have done stays done: a modem that hangs, a SIM that wants its
    /// PIN, what is wrong with the running call.
    pub fn lift_faults(&mut self, now: Instant) {
        self.schedule.clear();
        self.run(now);
    }

    /// The network ends the call that is up, if one is: NO CARRIER.
    pub fn cut(&mut self, now: Instant) {
        self.end_call(true);
        self.run(now);
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<SimEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let piece = if self.tty.is_empty() {
            None
        } else {
            self.next_piece.deadline()
        };
        // A modem that hangs does nothing of what it has begun.
        let ports = if self.crashed {
            None
        } else {
            earliest([self.modem.poll_timeout(), self.at_port.poll_timeout()])
        };
        earliest([
            self.schedule.poll_timeout(),
            ports,
            self.internet.poll_timeout(),
            self.device.poll_timeout(self.now),
            self.restart.deadline(),
            self.boots.deadline(),
            self.unwanted.deadline(),
            self.back_at(),
            piece,
            self.call.as_ref().and_then(Call::poll_timeout),
        ])
    }

    /// How many bytes of the gateway are taken now: whoever reads a pty stops reading when it is 0.
    #[must_use]
    pub fn room(&self) -> usize {
        self.call.as_ref().map_or(usize::MAX, Call::room)
    }

    /// Whether a call is up, as the modem's DCD line would show.
    #[must_use]
    pub fn carrier(&self) -> bool {
        self.modem.has_call()
    }

    /// Whether the ttys are there.
    pub fn is_plugged(&self) -> bool {
        self.presence == Presence::Here
    }

    /// Whether the modem is registered with a network.
    pub fn is_registered(&self) -> bool {
        self.device.radio.is_registered()
    }

    /// Counters since the start.
    pub fn stats(&self) -> SimStats {
        let mut stats = self.stats;
        if let Some(call) = &self.call {
            stats.dropped_packets += call.stats().dropped;
            stats.spoofed_packets += call.stats().spoofed;
        }
        stats.internet = self.internet.stats();
        self.device.count(&mut stats);
        stats
    }

    /// TCP connections that are open to the simulated hosts.
    pub fn connections(&self) -> usize {
        self.internet.connections()
    }

    /// Does everything that is due.
    fn run(&mut self, now: Instant) {
        // A timer that has expired lets `poll_transmit` give the next piece.
        let _ = self.next_piece.expired(now);
        self.handle_power(now);
        self.refresh(now);
        while let Some(fault) = self.schedule.take_event(now) {
            self.break_something(now, &fault);
        }
        if self.unwanted.expired(now) {
            self.end_call(true);
        }
        if !self.crashed {
            let faults = self.modem_faults(now);
            let device = &mut self.device;
            self.modem.handle_timeout(now, device, faults);
            let busy = self.modem.is_busy();
            self.at_port.handle_timeout(now, device, busy, faults);
            // A command may have switched the radio off.
            self.refresh(now);
        }
        self.take_from_modem(now);
        self.internet.handle_timeout(now);
        self.move_bytes(now);
    }

    /// An event of the list of faults.
    fn break_something(&mut self, now: Instant, fault: &Fault) {
        self.log(Level::Notice, &format!("fault: {}", fault.name()));
        if let Fault::Unplug(time) = fault {
            self.unplug(now, *time);
        } else if matches!(fault, Fault::TermReq(_)) {
            if let Some(call) = &mut self.call {
                call.terminate(now);
            }
        } else {
            self.end_call(!matches!(fault, Fault::HangUp(_)));
        }
    }

    fn take_from_modem(&mut self, now: Instant) {
        self.take_text();
        let data = self.modem.poll_data();
        if !data.is_empty() {
            let pace = self.pace(now);
            if let Some(call) = &mut self.call {
                call.handle_data(now, pace, data);
            }
        }
        while let Some(event) = self.modem.poll_event() {
            self.handle_modem_event(now, event, "modem");
        }
        while let Some(event) = self.at_port.poll_event() {
            self.handle_modem_event(now, event, "modem, second port");
        }
    }

    fn handle_modem_event(&mut self, now: Instant, event: ModemEvent, who: &str) {
        match event {
            ModemEvent::Command(line) => {
                self.log(Level::Debug, &format!("{who}: {}", without_secrets(&line)));
            }
            ModemEvent::Dial(number) => self.dial(now, &number),
            ModemEvent::Connected => self.start_call(now),
            ModemEvent::HungUp(by) => {
                self.log(Level::Info, &format!("modem: the gateway hung up ({by})"));
                self.drop_call();
            }
            ModemEvent::Escaped(true) => self.log(Level::Debug, "modem: command mode"),
            ModemEvent::Escaped(false) => self.log(Level::Debug, "modem: data mode"),
            ModemEvent::Restart => self.restart_by_command(now),
            ModemEvent::DialInCall => {
                self.stats.overlapping_dials += 1;
                self.log(Level::Warning, "modem: a second dial, refused");
            }
        }
    }

    fn take_text(&mut self) {
        // Room is kept for what the modem says behind data that nobody reads, such as NO CARRIER.
        if self.tty.len() < MAX_TTY + MAX_TEXT {
            self.modem.poll_text(&mut self.tty);
        } else {
            self.modem.poll_text(&mut Nowhere);
        }
        if self.at_tty.len() < MAX_TEXT {
            self.at_port.poll_text(&mut self.at_tty);
        } else {
            self.at_port.poll_text(&mut Nowhere);
        }
    }

    /// The call ends from the other side, with or without NO CARRIER.
    fn end_call(&mut self, text: bool) {
        if self.call.is_some() {
            self.drop_call();
            self.device.last_failure = "Call ended by the network";
            self.modem.carrier_lost(text && !self.crashed);
            self.take_text();
            self.log(Level::Info, "modem: the call has ended");
        }
    }

    fn drop_call(&mut self) {
        if let Some(call) = self.call.take() {
            self.stats.dropped_packets += call.stats().dropped;
            self.stats.spoofed_packets += call.stats().spoofed;
        }
        self.unwanted.cancel();
        self.schedule.end_call();
    }

    /// Line, ISP and internet.
    fn move_bytes(&mut self, now: Instant) {
        let pace = self.pace(now);
        let room = MAX_TTY.saturating_sub(self.tty.len());
        let mut bytes = Vec::new();
        let mut events = Vec::new();
        let mut over = false;
        if let Some(call) = &mut self.call {
            call.run(now, pace, &mut self.internet, room, &mut bytes);
            events.extend(std::iter::from_fn(|| call.poll_event()));
            over = call.is_over();
        }
        if self.modem.is_in_data_mode() {
            self.tty.extend(bytes);
        }
        for event in events {
            self.tell(event);
        }
        if over {
            self.end_call(true);
        }
        if self.call.is_none() {
            // Nobody takes what the hosts still send.
            while self.internet.poll_transmit().is_some() {
                self.stats.dropped_packets += 1;
            }
        }
    }

    fn tell(&mut self, event: IspEvent) {
        match event {
            IspEvent::Log(line) => self.log(Level::Debug, &format!("isp: {}", line.text)),
            IspEvent::Up(settings) => {
                let peer = settings
                    .remote
                    .map_or_else(|| "nobody".to_owned(), |a| a.to_string());
                self.log(Level::Info, &format!("isp: the link to {peer} is up"));
            }
            IspEvent::Down(reason) => {
                self.log(Level::Info, &format!("isp: the link is down: {reason}"));
            }
            IspEvent::TerminateAcknowledged => {
                self.log(Level::Info, "isp: the gateway has ended the link");
            }
        }
    }

    fn pace(&self, now: Instant) -> Pace {
        let latency = self.modem_fault(now, |f| {
            if let Fault::Latency(time) = f {
                Some(*time)
            } else {
                None
            }
        });
        let rate = self.modem_fault(now, |f| {
            if let Fault::Slow(rate) = f {
                Some(*rate)
            } else {
                None
            }
        });
        Pace {
            latency: latency.unwrap_or(self.config.latency),
            bytes_per_second: rate.or(self.config.bytes_per_second),
        }
    }

    /// What `pick` finds among the modem's faults that hold now.
    fn modem_fault<T>(&self, now: Instant, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.schedule.modem(now, pick)
    }

    fn holds(&self, now: Instant, pick: fn(&Fault) -> bool) -> bool {
        self.modem_fault(now, |fault| pick(fault).then_some(()))
            .is_some()
    }

    fn modem_faults(&self, now: Instant) -> ModemFaults {
        let silent = self.holds(now, |fault| matches!(fault, Fault::AtSilent(_)));
        ModemFaults {
            silent: silent || self.boots.deadline().is_some(),
            stuck: self.holds(now, |fault| matches!(fault, Fault::StuckDataMode)),
            urc: self.holds(now, |fault| matches!(fault, Fault::Urc)),
        }
    }

    fn log(&mut self, level: Level, text: &str) {
        if self.events.len() < MAX_EVENTS {
            self.events
                .push_back(SimEvent::Log(LogLine::new(level, Identifier::Sim, text)));
        }
    }
}

/// Where text goes that nobody reads.
struct Nowhere;

impl Extend<u8> for Nowhere {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        bytes.into_iter().for_each(drop);
    }
}

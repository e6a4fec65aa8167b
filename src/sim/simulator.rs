//! [`Sim`]: modem, call, internet and the list of faults put together.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::call::Call;
use super::command::without_secrets;
use super::fault::Fault;
use super::internet::Internet;
use super::isp::{IspConfig, IspEvent};
use super::line::Pace;
use super::modem::{DialOutcome, Modem, ModemEvent, ModemFaults};
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
/// From the OK to a restart until the modem vanishes.
const RESTART_DELAY: Duration = Duration::from_millis(500);
/// How long it is away then.
const RESTART_TIME: Duration = Duration::from_secs(3);
/// How long the network takes to refuse a call.
const REFUSAL_TIME: Duration = Duration::from_millis(500);
/// What the modem says behind CONNECT.
const CONNECT_SPEED: &str = "150000000";

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
    modem: Modem,
    internet: Internet,
    call: Option<Call>,
    /// For the gateway.
    tty: VecDeque<u8>,
    /// With the fault `chunk`: when the next piece may be taken.
    next_piece: Timer,
    /// The modem was told to restart, and vanishes then.
    restart: Timer,
    /// Unplugged until then.
    back_at: Option<Instant>,
    dtr: bool,
    events: VecDeque<SimEvent>,
    stats: SimStats,
}

impl Sim {
    /// A modem that has just been switched on.
    pub fn new(config: SimConfig, now: Instant) -> Self {
        let mut random = Random::new(config.seed);
        let schedule = Schedule::new(config.faults.clone(), now);
        let mut sim = Self {
            modem: Modem::new(random.u64()),
            internet: Internet::new(now, random.u64(), config.isp_address, config.dns),
            config,
            schedule,
            random,
            call: None,
            tty: VecDeque::new(),
            next_piece: Timer::default(),
            restart: Timer::default(),
            back_at: None,
            dtr: true,
            events: VecDeque::new(),
            stats: SimStats::default(),
        };
        let in_call = sim.schedule.modem(now, |fault, _| {
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
        if self.back_at.is_none() {
            let room = self.room();
            let (bytes, lost) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.stats.overrun_bytes += lost.len() as u64;
            let faults = self.modem_faults(now);
            self.modem.handle_bytes(now, bytes, faults);
        }
        self.run(now);
    }

    /// The gateway opened or closed the tty, or changed DTR. What was said while nobody had the tty
    /// open is lost.
    pub fn handle_dtr(&mut self, now: Instant, on: bool) {
        if on && !self.dtr {
            self.tty.clear();
        }
        if !on && self.dtr && self.back_at.is_none() {
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
        earliest([
            self.schedule.poll_timeout(),
            self.modem.poll_timeout(),
            self.internet.poll_timeout(),
            self.restart.deadline(),
            self.back_at,
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

    /// Counters since the start.
    pub fn stats(&self) -> SimStats {
        let mut stats = self.stats;
        if let Some(call) = &self.call {
            stats.dropped_packets += call.stats().dropped;
            stats.spoofed_packets += call.stats().spoofed;
        }
        stats.internet = self.internet.stats();
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
        if self.back_at.is_some_and(|at| at <= now) {
            self.back_at = None;
            self.log(Level::Info, "modem: plugged in");
            self.events.push_back(SimEvent::Plug);
        }
        if self.restart.expired(now) {
            self.unplug(now, RESTART_TIME);
        }
        while let Some(fault) = self.schedule.take_event(now) {
            self.break_something(now, &fault);
        }
        let faults = self.modem_faults(now);
        self.modem.handle_timeout(now, faults);
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

    fn unplug(&mut self, now: Instant, time: Duration) {
        self.restart.cancel();
        self.drop_call();
        self.modem.power_on();
        self.tty.clear();
        self.back_at = Some(now + time);
        self.log(Level::Info, "modem: unplugged");
        self.events.push_back(SimEvent::Unplug);
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
            match event {
                ModemEvent::Command(line) => {
                    self.log(Level::Debug, &format!("modem: {}", without_secrets(&line)));
                }
                ModemEvent::Dial(number) => self.dial(now, &number),
                ModemEvent::Connected => self.start_call(now),
                ModemEvent::HungUp(by) => {
                    self.log(Level::Info, &format!("modem: the gateway hung up ({by})"));
                    self.drop_call();
                }
                ModemEvent::Escaped(true) => self.log(Level::Debug, "modem: command mode"),
                ModemEvent::Escaped(false) => self.log(Level::Debug, "modem: data mode"),
                ModemEvent::Restart => {
                    self.log(Level::Info, "modem: restarts");
                    self.restart.arm(now + RESTART_DELAY);
                }
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
    }

    fn dial(&mut self, now: Instant, number: &str) {
        let refusal = self.schedule.take_modem(now, refusal);
        let delay = self.modem_fault(now, |fault| {
            if let Fault::LateConnect(time) = fault {
                Some(*time)
            } else {
                None
            }
        });
        let (after, outcome) = match refusal {
            Some(refusal) => (REFUSAL_TIME, refusal),
            None if self.leads_to_the_network(number) => {
                let outcome = DialOutcome::Connect(CONNECT_SPEED.to_owned());
                (delay.unwrap_or(self.config.connect_delay), outcome)
            }
            None => (REFUSAL_TIME, DialOutcome::Refused("NO CARRIER")),
        };
        self.log(Level::Info, &format!("modem: dials {number}"));
        self.modem.answer_dial(now, after, outcome);
    }

    /// 3GPP TS 27.007 section 10.2.1.1: `*99#`, `*99***CID#`.
    fn leads_to_the_network(&self, number: &str) -> bool {
        let number = number
            .trim_start_matches(['T', 't', 'P', 'p', ' '])
            .trim_end();
        let Some(rest) = number
            .strip_prefix("*99")
            .and_then(|rest| rest.strip_suffix('#'))
        else {
            return false;
        };
        let cid = rest.rsplit('*').next().unwrap_or_default();
        match cid {
            "" => true,
            cid => cid.parse().is_ok_and(|cid| self.modem.has_context(cid)),
        }
    }

    fn start_call(&mut self, now: Instant) {
        let number = self.stats.calls;
        self.stats.calls += 1;
        let faults = self.schedule.start_call(now);
        let mut client = self.config.client_address;
        if faults.iter().any(|fault| fault.fault == Fault::NewAddress) {
            client = Ipv4Addr::from(u32::from(client).wrapping_add(number));
        }
        let config = IspConfig {
            address: self.config.isp_address,
            client,
            dns: self.config.dns,
            demand: self.config.demand.clone(),
        };
        self.log(
            Level::Info,
            &format!("modem: call {} is connected", number + 1),
        );
        self.take_text();
        let mut first = Vec::new();
        self.call = Some(Call::new(
            now,
            &config,
            faults,
            &mut self.random,
            &mut first,
        ));
        self.tty.extend(first);
    }

    /// The call ends from the other side, with or without NO CARRIER.
    fn end_call(&mut self, text: bool) {
        if self.call.is_some() {
            self.drop_call();
            self.modem.carrier_lost(text);
            self.take_text();
            self.log(Level::Info, "modem: the call has ended");
        }
    }

    fn drop_call(&mut self) {
        if let Some(call) = self.call.take() {
            self.stats.dropped_packets += call.stats().dropped;
            self.stats.spoofed_packets += call.stats().spoofed;
        }
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
        self.schedule.modem(now, |fault, _| pick(fault))
    }

    fn modem_faults(&self, now: Instant) -> ModemFaults {
        let holds = |pick: fn(&Fault, Duration) -> bool| {
            self.schedule
                .modem(now, |fault, since| pick(fault, since).then_some(()))
                .is_some()
        };
        ModemFaults {
            silent: holds(|fault, since| matches!(fault, Fault::AtSilent(time) if since < *time)),
            stuck: holds(|fault, _| matches!(fault, Fault::StuckDataMode)),
            urc: holds(|fault, _| matches!(fault, Fault::Urc)),
        }
    }

    fn log(&mut self, level: Level, text: &str) {
        if self.events.len() < MAX_EVENTS {
            self.events
                .push_back(SimEvent::Log(LogLine::new(level, Identifier::Sim, text)));
        }
    }
}

/// How a fault refuses a call, if it does.
fn refusal(fault: &Fault) -> Option<DialOutcome> {
    if let Fault::CmeError(code) = fault {
        return Some(DialOutcome::Error(*code));
    }
    let results = [
        (matches!(fault, Fault::Busy(_)), "BUSY"),
        (matches!(fault, Fault::NoDialtone(_)), "NO DIALTONE"),
        (matches!(fault, Fault::NoAnswer(_)), "NO ANSWER"),
    ];
    results
        .into_iter()
        .find(|(holds, _)| *holds)
        .map(|(_, result)| DialOutcome::Refused(result))
}

/// Where text goes that nobody reads.
struct Nowhere;

impl Extend<u8> for Nowhere {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        bytes.into_iter().for_each(drop);
    }
}

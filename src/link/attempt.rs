//! One attempt, from an open tty until the modem is on hook again: bring-up, PPP, hang-up, in one pure machine.
//!
//! The daemon and the simulated site drive the same one. It is given the tty's bytes, the interface's packets and the
//! time; it gives back bytes, packets, events and a deadline. It opens nothing: what the owner has to do is an
//! [`AttemptEvent`].
//!
//! ```text
//!            Connected               PppEnded
//!  BringUp ------------>  Ppp  ------------------->  HangUp ---> Ended
//!     |   failed: Ended    |  the tty is gone: Ended
//!     |   stopped, no answer in time: HangUp
//! ```

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::reason::{LineProblem, LinkEnd, NetworkProblem, Stop};
use crate::at::{CarrierWatch, Connected, DialError, HangUp, HangUpEvent, HangUpPlan, LineText};
use crate::log::{Level, LogLine};
use crate::modem::{Bringup, BringupError, BringupEvent, BringupPlan, Memory, ModemInfo, Profile};
use crate::ppp::{self, Endpoint, EndpointStats, Event, Ipv4Settings, SessionConfig};
use crate::time::{Instant, Timer, earliest};

/// How long a clean Terminate may take when we want the end (spec S5: 5 s in all, hanging up included).
pub const CLOSE_LIMIT: Duration = Duration::from_millis(1800);

/// Hanging up may take this long: enough for every step of it down to ATH (listening, DTR low, `+++` between its
/// silences), and with [`CLOSE_LIMIT`] under the 5 s of spec S5.
pub const HANG_UP_LIMIT: Duration = Duration::from_millis(2800);

/// What an attempt needs.
#[derive(Debug)]
pub struct AttemptSetup {
    /// The tty that is open, for log and reasons.
    pub tty: PathBuf,
    /// Name of the interface, for the log.
    pub interface: String,
    /// What is said to the modem.
    pub bringup: BringupPlan,
    /// How PPP is spoken.
    pub session: SessionConfig,
    /// Feeds magic numbers: from the operating system in the daemon, fixed in tests.
    pub seed: u64,
}

/// What an attempt tells its owner.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptEvent {
    /// A line for the log.
    Log(LogLine),
    /// What is known of the modem has changed.
    Info(ModemInfo),
    /// The modem has this profile.
    Profile(Arc<Profile>),
    /// What is being done or waited for, in a few words: for the status.
    Step(&'static str),
    /// Something is not as it is configured, and the dial goes on: for the status. It is in the log, too, but perhaps only
    /// of the first attempt.
    Warning(String),
    /// To be stored before it goes on; answered by [`Attempt::saved`].
    Save(Memory),
    /// CONNECT, with this text: PPP begins.
    Connected(String),
    /// From now on the fall of DCD is the end of the tty's input, or no longer.
    WatchCarrier(bool),
    /// Set or clear DTR.
    SetDtr(bool),
    /// IPCP is open: configure the interface. A problem with it is answered by [`Attempt::fail`].
    NetworkUp(Ipv4Settings),
    /// IPCP is not open any more, for good or to negotiate again.
    NetworkDown,
    /// PPP is over: what waits to be written is written as far as it goes at once and then dropped, the interface goes
    /// or is held, as this end wants it. Hanging up follows.
    PppEnded(LinkEnd),
    /// Over. Nothing comes behind it.
    Ended(LinkEnd),
}

/// The machine. After every `&mut` call: drain [`poll_event`](Self::poll_event), take
/// [`poll_transmit`](Self::poll_transmit) as there is room, read [`poll_timeout`](Self::poll_timeout).
pub struct Attempt {
    setup: Names,
    session: Option<(SessionConfig, u64)>,
    phase: Phase,
    events: VecDeque<AttemptEvent>,
    /// What was told last.
    step: Option<&'static str>,
    /// Octets of a phase that has ended.
    tail: BytesMut,
    /// Where machines put text that is not framed.
    text: Vec<u8>,
    stats: EndpointStats,
}

struct Names {
    tty: PathBuf,
    interface: String,
}

enum Phase {
    BringUp(Box<Bringup>),
    Ppp(Box<Ppp>),
    HangUp(Box<HangUp>, LinkEnd),
    Done,
}

struct Ppp {
    endpoint: Endpoint,
    watch: CarrierWatch,
    /// Why we end it, if we do.
    closing: Option<LinkEnd>,
    /// The peer has that long to answer our Terminate-Request.
    limit: Timer,
    carrier_gone: bool,
}

impl Attempt {
    /// One that has not begun.
    pub fn new(setup: AttemptSetup) -> Self {
        let AttemptSetup {
            tty,
            interface,
            bringup,
            session,
            seed,
        } = setup;
        Self {
            setup: Names { tty, interface },
            session: Some((session, seed)),
            phase: Phase::BringUp(Box::new(Bringup::new(bringup))),
            events: VecDeque::new(),
            step: None,
            tail: BytesMut::new(),
            text: Vec::new(),
            stats: EndpointStats::default(),
        }
    }

    /// Begins. Once.
    pub fn start(&mut self, now: Instant) {
        if let Phase::BringUp(bringup) = &mut self.phase {
            bringup.start(now);
        }
        self.pump(now);
    }

    /// What the modem sent; `deliver` gets each IPv4 packet.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8], deliver: impl FnMut(&[u8])) {
        match &mut self.phase {
            Phase::BringUp(bringup) => bringup.handle_bytes(now, bytes),
            Phase::Ppp(ppp) => {
                ppp.watch.handle_bytes(now, bytes);
                ppp.endpoint.handle_bytes(now, bytes, deliver);
            }
            Phase::HangUp(hang_up, _) => hang_up.handle_bytes(now, bytes),
            Phase::Done => {}
        }
        self.pump(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::BringUp(bringup) => bringup.handle_timeout(now),
            Phase::Ppp(ppp) => {
                ppp.endpoint.handle_timeout(now);
                ppp.watch.handle_timeout(now);
                if ppp.limit.expired(now) {
                    // The peer has not answered: over all the same.
                    ppp.endpoint.line_down(now);
                }
            }
            Phase::HangUp(hang_up, _) => hang_up.handle_timeout(now),
            Phase::Done => {}
        }
        self.pump(now);
    }

    /// The answer to [`AttemptEvent::Save`]: whether it is stored.
    pub fn saved(&mut self, now: Instant, ok: bool) {
        if let Phase::BringUp(bringup) = &mut self.phase {
            bringup.saved(now, ok);
        }
        self.pump(now);
    }

    /// The tty is gone, with the system's words if there are any.
    pub fn line_gone(&mut self, now: Instant, error: Option<String>) {
        if let Phase::Ppp(ppp) = &mut self.phase {
            ppp.endpoint.line_down(now);
            ppp.closing = None;
            while let Some(event) = ppp.endpoint.poll_event() {
                match event {
                    Event::Log(line) => self.events.push_back(AttemptEvent::Log(line)),
                    Event::NetworkDown => self.events.push_back(AttemptEvent::NetworkDown),
                    Event::Phase(_) | Event::NetworkUp(_) | Event::Down(_) => {}
                }
            }
            self.stats = ppp.endpoint.stats();
        }
        let end = match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Done => return,
            // It was ending for another reason. (One that was closing PPP is not: the line went first.)
            Phase::HangUp(_, end) => end,
            Phase::BringUp(_) | Phase::Ppp(_) => LinkEnd::Line(LineProblem::Vanished {
                path: self.setup.tty.clone(),
                error,
            }),
        };
        self.events.push_back(AttemptEvent::Ended(end));
    }

    /// A clean end is wanted.
    pub fn stop(&mut self, now: Instant, stop: Stop) {
        let text = stop.terminate_text();
        self.close(now, LinkEnd::from(stop), text);
    }

    /// The interface could not be configured, or is gone.
    pub fn fail(&mut self, now: Instant, problem: NetworkProblem) {
        self.close(now, LinkEnd::Network(problem), "No network interface");
    }

    fn close(&mut self, now: Instant, end: LinkEnd, text: &str) {
        match &mut self.phase {
            Phase::BringUp(bringup) => {
                if bringup.may_be_in_call() {
                    self.hang_up(now, end, false);
                } else {
                    self.end(end);
                }
            }
            Phase::Ppp(ppp) => {
                if ppp.closing.is_none() {
                    ppp.closing = Some(end);
                    ppp.limit.arm(now + CLOSE_LIMIT);
                    ppp.endpoint.close(now, text);
                }
            }
            Phase::HangUp(_, why) => {
                // A user's stop is obeyed whatever the attempt was ending for.
                if matches!(end, LinkEnd::User(_)) {
                    *why = end;
                }
            }
            Phase::Done => {}
        }
        self.pump(now);
    }

    /// Frames an IPv4 packet into `wire`; false (and counted) while IPCP is not open, or the packet does not fit.
    pub fn send_ipv4(&mut self, packet: &[u8], wire: &mut BytesMut) -> bool {
        match &mut self.phase {
            Phase::Ppp(ppp) if ppp.closing.is_none() => ppp.endpoint.send_ipv4(packet, wire),
            Phase::Ppp(_) | Phase::BringUp(_) | Phase::HangUp(..) | Phase::Done => false,
        }
    }

    /// Appends what is to be written to the tty; false if there is nothing.
    pub fn poll_transmit(&mut self, wire: &mut BytesMut) -> bool {
        let mut any = !self.tail.is_empty();
        wire.extend_from_slice(&self.tail);
        self.tail.clear();
        match &mut self.phase {
            Phase::BringUp(bringup) => while bringup.poll_transmit(&mut self.text) {},
            Phase::Ppp(ppp) => any |= ppp.endpoint.poll_transmit(wire),
            Phase::HangUp(hang_up, _) => while hang_up.poll_transmit(&mut self.text) {},
            Phase::Done => {}
        }
        any |= !self.text.is_empty();
        wire.extend_from_slice(&self.text);
        self.text.clear();
        any
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<AttemptEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::BringUp(bringup) => bringup.poll_timeout(),
            Phase::Ppp(ppp) => earliest([
                ppp.endpoint.poll_timeout(),
                ppp.watch.poll_timeout(),
                ppp.limit.deadline(),
            ]),
            Phase::HangUp(hang_up, _) => hang_up.poll_timeout(),
            Phase::Done => None,
        }
    }

    /// Whether IPCP is open and nobody wants the end.
    pub fn is_up(&self) -> bool {
        match &self.phase {
            Phase::Ppp(ppp) => ppp.closing.is_none() && ppp.endpoint.network().is_some(),
            Phase::BringUp(_) | Phase::HangUp(..) | Phase::Done => false,
        }
    }

    /// Whether an end is under way already.
    pub fn is_ending(&self) -> bool {
        match &self.phase {
            Phase::Ppp(ppp) => ppp.closing.is_some(),
            Phase::HangUp(..) | Phase::Done => true,
            Phase::BringUp(_) => false,
        }
    }

    /// PPP's counters; those of the end once it is over.
    pub fn stats(&self) -> EndpointStats {
        match &self.phase {
            Phase::Ppp(ppp) => ppp.endpoint.stats(),
            Phase::BringUp(_) | Phase::HangUp(..) | Phase::Done => self.stats,
        }
    }

    // ---- what the phases have to say

    fn pump(&mut self, now: Instant) {
        loop {
            let before = self.events.len();
            match &mut self.phase {
                Phase::BringUp(_) => self.pump_bringup(now),
                Phase::Ppp(_) => self.pump_ppp(now),
                Phase::HangUp(..) => self.pump_hang_up(),
                Phase::Done => return,
            }
            if self.events.len() == before {
                break;
            }
        }
        let step = self.step_now();
        if let Some(step) = step
            && self.step != Some(step)
        {
            self.events.push_back(AttemptEvent::Step(step));
        }
        self.step = step;
    }

    /// What is being done or waited for; `None`: nothing, as while the link is up.
    fn step_now(&self) -> Option<&'static str> {
        match &self.phase {
            Phase::BringUp(bringup) => Some(bringup.step()),
            Phase::Ppp(ppp) if ppp.closing.is_some() => Some("closing PPP"),
            Phase::Ppp(ppp) => match ppp.endpoint.phase() {
                ppp::Phase::Dead | ppp::Phase::Establish => Some("negotiating the line (LCP)"),
                ppp::Phase::Authenticate => Some("proving the account"),
                ppp::Phase::Network if ppp.endpoint.network().is_some() => None,
                ppp::Phase::Network => Some("negotiating the addresses (IPCP)"),
                ppp::Phase::Terminate => Some("closing PPP"),
            },
            Phase::HangUp(..) => Some("hanging up"),
            Phase::Done => None,
        }
    }

    fn pump_bringup(&mut self, now: Instant) {
        let Phase::BringUp(bringup) = &mut self.phase else {
            return;
        };
        while let Some(event) = bringup.poll_event() {
            match event {
                BringupEvent::Log(line) => self.events.push_back(AttemptEvent::Log(line)),
                BringupEvent::Info(info) => self.events.push_back(AttemptEvent::Info(info)),
                BringupEvent::Profile(profile) => {
                    self.events.push_back(AttemptEvent::Profile(profile));
                }
                BringupEvent::Warning(text) => {
                    self.events.push_back(AttemptEvent::Warning(text));
                }
                BringupEvent::Save(memory) => self.events.push_back(AttemptEvent::Save(memory)),
                BringupEvent::Connected(connected) => {
                    while bringup.poll_transmit(&mut self.text) {}
                    self.tail.extend_from_slice(&self.text);
                    self.text.clear();
                    return self.connect(now, connected);
                }
                BringupEvent::Failed(error) => return self.fail_bringup(now, error),
            }
        }
    }

    fn connect(&mut self, now: Instant, connected: Connected) {
        let Some((session, seed)) = self.session.take() else {
            return;
        };
        let Names { tty, interface } = &self.setup;
        let lines = [
            LogLine::pppd(Level::Info, "Serial connection established."),
            LogLine::pppd(Level::Info, format!("Using interface {interface}")),
            LogLine::pppd(
                Level::Notice,
                format!("Connect: {interface} <--> {}", tty.display()),
            ),
        ];
        self.events.extend(lines.map(AttemptEvent::Log));
        self.events.push_back(AttemptEvent::WatchCarrier(true));
        self.events
            .push_back(AttemptEvent::Connected(connected.text));
        let mut endpoint = Endpoint::new(session, seed);
        endpoint.line_up(now);
        self.phase = Phase::Ppp(Box::new(Ppp {
            endpoint,
            watch: CarrierWatch::new(),
            closing: None,
            limit: Timer::default(),
            carrier_gone: false,
        }));
        // Nothing but the peer's first frames can stand there: no packet before IPCP.
        if let Phase::Ppp(ppp) = &mut self.phase {
            ppp.watch.handle_bytes(now, &connected.rest);
            ppp.endpoint.handle_bytes(now, &connected.rest, |_| {});
        }
    }

    fn fail_bringup(&mut self, now: Instant, error: BringupError) {
        let (end, open) = match error {
            BringupError::Modem(problem) => (LinkEnd::Modem(problem), false),
            BringupError::Dial(error) => {
                self.events.push_back(AttemptEvent::Log(LogLine::pppd(
                    Level::Error,
                    "Connect script failed",
                )));
                // After a final result of the modem, the call is over; else it may still come.
                let open = matches!(error, DialError::Timeout { .. });
                (LinkEnd::Dial(error), open)
            }
        };
        if open {
            self.hang_up(now, end, false);
        } else {
            self.end(end);
        }
    }

    fn pump_ppp(&mut self, now: Instant) {
        let Phase::Ppp(ppp) = &mut self.phase else {
            return;
        };
        let mut down = None;
        while let Some(event) = ppp.endpoint.poll_event() {
            match event {
                Event::Log(line) => self.events.push_back(AttemptEvent::Log(line)),
                Event::Phase(_) => {}
                Event::NetworkUp(settings) => {
                    self.events.push_back(AttemptEvent::NetworkUp(settings));
                }
                Event::NetworkDown => self.events.push_back(AttemptEvent::NetworkDown),
                Event::Down(reason) => down = Some(reason),
            }
        }
        // After what the frames before it brought, so that the log has the order of the line.
        let mut lost = false;
        while let Some(text) = ppp.watch.poll_event() {
            let line = match text {
                LineText::CarrierLost(text) => {
                    lost = true;
                    LogLine::chat(Level::Notice, text)
                }
                LineText::Other(text) => LogLine::chat(Level::Debug, text),
            };
            self.events.push_back(AttemptEvent::Log(line));
        }
        ppp.carrier_gone |= lost;
        if let Some(reason) = down {
            // The last frames, such as a Terminate-Ack.
            ppp.endpoint.poll_transmit(&mut self.tail);
            self.stats = ppp.endpoint.stats();
            let end = ppp.closing.take().unwrap_or(LinkEnd::Ppp(reason));
            let carrier_gone = ppp.carrier_gone;
            self.events.push_back(AttemptEvent::PppEnded(end.clone()));
            self.hang_up(now, end, carrier_gone);
        } else if lost {
            ppp.endpoint.line_down(now);
        }
    }

    fn hang_up(&mut self, now: Instant, end: LinkEnd, carrier_gone: bool) {
        self.events.push_back(AttemptEvent::WatchCarrier(false));
        let mut hang_up = HangUp::new(HangUpPlan {
            carrier_gone,
            guard: Duration::from_secs(1),
            limit: HANG_UP_LIMIT,
        });
        hang_up.start(now);
        self.phase = Phase::HangUp(Box::new(hang_up), end);
    }

    fn pump_hang_up(&mut self) {
        let Phase::HangUp(hang_up, end) = &mut self.phase else {
            return;
        };
        while let Some(event) = hang_up.poll_event() {
            match event {
                HangUpEvent::Log(line) => self.events.push_back(AttemptEvent::Log(line)),
                HangUpEvent::SetDtr(on) => self.events.push_back(AttemptEvent::SetDtr(on)),
                HangUpEvent::Done { .. } => {
                    let end = end.clone();
                    return self.end(end);
                }
            }
        }
    }

    fn end(&mut self, end: LinkEnd) {
        self.phase = Phase::Done;
        self.events.push_back(AttemptEvent::Ended(end));
    }
}

// Its tests stand where the simulator is: `sim::tests::attempt`.

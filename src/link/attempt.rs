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
//!
//! In place of BringUp there may be a chat script, or nothing ([`AttemptDialer`]); before HangUp, a chat script too.

mod on_hook;
mod pump;
mod script;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::reason::{LineProblem, LinkEnd, NetworkProblem, Stop};
use crate::at::{CarrierWatch, Connected, HangUp};
use crate::log::{Level, LogLine};
use crate::modem::{Bringup, BringupPlan, Memory, ModemInfo, Profile};
use crate::ppp::{self, Endpoint, EndpointStats, Event, Ipv4Settings, SessionConfig};
use crate::time::{Instant, Timer, earliest};
use script::ScriptRun;

pub use script::ChatPlan;

/// How long a clean Terminate may take when we want the end (spec S5: 5 s in all, hanging up included).
pub const CLOSE_LIMIT: Duration = Duration::from_millis(1800);

/// Hanging up may take this long: enough for every step of it down to ATH (listening, DTR low, `+++` between its
/// silences), and with [`CLOSE_LIMIT`] under the 5 s of spec S5.
pub const HANG_UP_LIMIT: Duration = Duration::from_millis(2800);

/// Of [`HANG_UP_LIMIT`], a disconnect script may have this if somebody waits for the end (spec S5).
pub const DISCONNECT_LIMIT: Duration = Duration::from_millis(1200);

/// How an open tty becomes a line to the peer.
#[derive(Clone, Debug, Default)]
pub enum AttemptDialer {
    /// By the bring-up.
    #[default]
    Modem,
    /// By a chat script.
    Chat(ChatPlan),
    /// It is one. It ends by DTR alone, if by anything: whoever is there need not be a modem.
    Direct,
}

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
    /// Whether all that is said to the modem is said by a script.
    pub dialer: AttemptDialer,
    /// A script that runs before the hang-up of a line that was connected.
    pub disconnect: Option<ChatPlan>,
    /// Whether DTR means anything to whoever is there: pppd's `modem`, or `local`.
    pub modem_lines: bool,
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
    /// Begin or end a break.
    SetBreak(bool),
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
    is_direct: bool,
    modem_lines: bool,
    disconnect: Option<Box<ScriptRun>>,
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
    Chat(Box<ScriptRun>),
    /// A line that needs no dial, before the start.
    Direct,
    Ppp(Box<Ppp>),
    Disconnect(Box<Disconnect>, LinkEnd),
    HangUp(Box<HangUp>, LinkEnd),
    /// DTR is low.
    Drop(Timer, LinkEnd),
    Done,
}

struct Disconnect {
    script: ScriptRun,
    /// It is cut off then.
    limit: Timer,
    begun: Instant,
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
            dialer,
            disconnect,
            modem_lines,
        } = setup;
        let is_direct = matches!(dialer, AttemptDialer::Direct);
        let disconnect = disconnect.map(|plan| Box::new(ScriptRun::new(plan, &bringup)));
        let phase = match dialer {
            AttemptDialer::Modem => Phase::BringUp(Box::new(Bringup::new(bringup))),
            AttemptDialer::Chat(plan) => Phase::Chat(Box::new(ScriptRun::new(plan, &bringup))),
            AttemptDialer::Direct => Phase::Direct,
        };
        Self {
            setup: Names { tty, interface },
            session: Some((session, seed)),
            is_direct,
            modem_lines,
            disconnect,
            phase,
            events: VecDeque::new(),
            step: None,
            tail: BytesMut::new(),
            text: Vec::new(),
            stats: EndpointStats::default(),
        }
    }

    /// Begins. Once.
    pub fn start(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::BringUp(bringup) => bringup.start(now),
            Phase::Chat(script) => script.start(now, self.modem_lines),
            Phase::Direct => {
                let rest = Vec::new();
                let text = "a direct line".to_owned();
                self.connect(now, Connected { text, rest });
            }
            Phase::Ppp(_)
            | Phase::Disconnect(..)
            | Phase::HangUp(..)
            | Phase::Drop(..)
            | Phase::Done => {}
        }
        self.pump(now);
    }

    /// What the modem sent; `deliver` gets each IPv4 packet.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8], deliver: impl FnMut(&[u8])) {
        match &mut self.phase {
            Phase::BringUp(bringup) => bringup.handle_bytes(now, bytes),
            Phase::Chat(script) => script.handle_bytes(now, bytes),
            Phase::Ppp(ppp) => {
                ppp.watch.handle_bytes(now, bytes);
                ppp.endpoint.handle_bytes(now, bytes, deliver);
            }
            Phase::Disconnect(running, _) => running.script.handle_bytes(now, bytes),
            Phase::HangUp(hang_up, _) => hang_up.handle_bytes(now, bytes),
            Phase::Direct | Phase::Drop(..) | Phase::Done => {}
        }
        self.pump(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::BringUp(bringup) => bringup.handle_timeout(now),
            Phase::Chat(script) => script.handle_timeout(now),
            Phase::Ppp(ppp) => {
                ppp.endpoint.handle_timeout(now);
                ppp.watch.handle_timeout(now);
                if ppp.limit.expired(now) {
                    // The peer has not answered: over all the same.
                    ppp.endpoint.line_down(now);
                }
            }
            Phase::Disconnect(running, end) => {
                if running.limit.expired(now) {
                    let end = end.clone();
                    let taken = now.since(running.begun);
                    self.events.push_back(AttemptEvent::Log(LogLine::uplinkd(
                        Level::Warning,
                        "the disconnect script takes too long",
                    )));
                    self.put_on_hook(now, end, taken);
                } else {
                    running.script.handle_timeout(now);
                }
            }
            Phase::HangUp(hang_up, _) => hang_up.handle_timeout(now),
            Phase::Drop(timer, end) => {
                if timer.expired(now) {
                    let end = end.clone();
                    self.events.push_back(AttemptEvent::SetDtr(true));
                    self.end(end);
                }
            }
            Phase::Direct | Phase::Done => {}
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
            Phase::Disconnect(_, end) | Phase::HangUp(_, end) | Phase::Drop(_, end) => end,
            Phase::BringUp(_) | Phase::Chat(_) | Phase::Direct | Phase::Ppp(_) => {
                LinkEnd::Line(LineProblem::Vanished {
                    path: self.setup.tty.clone(),
                    error,
                })
            }
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
            Phase::Chat(script) => {
                if script.is_untouched() {
                    self.end(end);
                } else {
                    self.put_on_hook(now, end, Duration::ZERO);
                }
            }
            Phase::Direct => self.end(end),
            Phase::Ppp(ppp) => {
                if ppp.closing.is_none() {
                    ppp.closing = Some(end);
                    ppp.limit.arm(now + CLOSE_LIMIT);
                    ppp.endpoint.close(now, text);
                }
            }
            Phase::Disconnect(running, why) => {
                if matches!(end, LinkEnd::User(_)) {
                    *why = end;
                    let limit = now + DISCONNECT_LIMIT;
                    if running.limit.deadline().is_none_or(|at| at > limit) {
                        running.limit.arm(limit);
                    }
                }
            }
            Phase::HangUp(_, why) | Phase::Drop(_, why) => {
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
            Phase::Ppp(_)
            | Phase::BringUp(_)
            | Phase::Chat(_)
            | Phase::Direct
            | Phase::Disconnect(..)
            | Phase::HangUp(..)
            | Phase::Drop(..)
            | Phase::Done => false,
        }
    }

    /// Appends what is to be written to the tty; false if there is nothing.
    pub fn poll_transmit(&mut self, wire: &mut BytesMut) -> bool {
        let mut any = !self.tail.is_empty();
        wire.extend_from_slice(&self.tail);
        self.tail.clear();
        match &mut self.phase {
            Phase::BringUp(bringup) => while bringup.poll_transmit(&mut self.text) {},
            Phase::Chat(script) => while script.poll_transmit(&mut self.text) {},
            Phase::Ppp(ppp) => any |= ppp.endpoint.poll_transmit(wire),
            Phase::Disconnect(running, _) => while running.script.poll_transmit(&mut self.text) {},
            Phase::HangUp(hang_up, _) => while hang_up.poll_transmit(&mut self.text) {},
            Phase::Direct | Phase::Drop(..) | Phase::Done => {}
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
            Phase::Chat(script) => script.poll_timeout(),
            Phase::Disconnect(running, _) => {
                earliest([running.script.poll_timeout(), running.limit.deadline()])
            }
            Phase::Drop(timer, _) => timer.deadline(),
            Phase::Ppp(ppp) => earliest([
                ppp.endpoint.poll_timeout(),
                ppp.watch.poll_timeout(),
                ppp.limit.deadline(),
            ]),
            Phase::HangUp(hang_up, _) => hang_up.poll_timeout(),
            Phase::Direct | Phase::Done => None,
        }
    }

    /// Whether IPCP is open and nobody wants the end.
    pub fn is_up(&self) -> bool {
        match &self.phase {
            Phase::Ppp(ppp) => ppp.closing.is_none() && ppp.endpoint.network().is_some(),
            Phase::BringUp(_)
            | Phase::Chat(_)
            | Phase::Direct
            | Phase::Disconnect(..)
            | Phase::HangUp(..)
            | Phase::Drop(..)
            | Phase::Done => false,
        }
    }

    /// Whether an end is under way already.
    pub fn is_ending(&self) -> bool {
        match &self.phase {
            Phase::Ppp(ppp) => ppp.closing.is_some(),
            Phase::Disconnect(..) | Phase::HangUp(..) | Phase::Drop(..) | Phase::Done => true,
            Phase::BringUp(_) | Phase::Chat(_) | Phase::Direct => false,
        }
    }

    /// Whether PPP negotiates again: IPCP is not open, and nobody wants the end.
    pub fn is_renegotiating(&self) -> bool {
        match &self.phase {
            Phase::Ppp(ppp) if ppp.closing.is_none() => match ppp.endpoint.phase() {
                ppp::Phase::Establish | ppp::Phase::Authenticate | ppp::Phase::Network => true,
                ppp::Phase::Dead | ppp::Phase::Terminate => false,
            },
            Phase::Ppp(_)
            | Phase::BringUp(_)
            | Phase::Chat(_)
            | Phase::Direct
            | Phase::Disconnect(..)
            | Phase::HangUp(..)
            | Phase::Drop(..)
            | Phase::Done => false,
        }
    }

    /// How it ends, as soon as that is known.
    pub fn ending(&self) -> Option<&LinkEnd> {
        match &self.phase {
            Phase::Ppp(ppp) => ppp.closing.as_ref(),
            Phase::Disconnect(_, end) | Phase::HangUp(_, end) | Phase::Drop(_, end) => Some(end),
            Phase::BringUp(_) | Phase::Chat(_) | Phase::Direct | Phase::Done => None,
        }
    }

    /// PPP's counters; those of the end once it is over.
    pub fn stats(&self) -> EndpointStats {
        match &self.phase {
            Phase::Ppp(ppp) => ppp.endpoint.stats(),
            Phase::BringUp(_)
            | Phase::Chat(_)
            | Phase::Direct
            | Phase::Disconnect(..)
            | Phase::HangUp(..)
            | Phase::Drop(..)
            | Phase::Done => self.stats,
        }
    }
}

// Its tests stand where the simulator is: `sim::tests::attempt`.

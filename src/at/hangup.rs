//! Bringing the modem back into command mode and on hook (spec D6).
//!
//! In this order, each step only if the one before brought no confirmation: what the modem says by
//! itself after LCP Terminate, DTR low for a second, `+++` between two silences, `ATH`. PPP frames
//! that still flow are skipped; some modems go on sending them behind the OK to `ATH` (SIM7070),
//! others never do as they are told (SARA-R4): hence the limit.

use std::collections::VecDeque;
use std::time::Duration;

use super::lines::{Line, LineReader, Mode, show};
use super::response::Response;
use crate::log::{Level, LogLine};
use crate::time::{Instant, Timer, earliest};

/// How much is done to hang up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HangUpPlan {
    /// Whether the modem has already said NO CARRIER: then nothing is left to do but to read what
    /// it still says.
    pub carrier_gone: bool,
    /// Silence before and after `+++`. 1 s.
    pub guard: Duration,
    /// The whole may take no longer than this: the daemon stops within 5 s (spec S5).
    pub limit: Duration,
}

/// What a [`HangUp`] tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HangUpEvent {
    /// A line for the log.
    Log(LogLine),
    /// Set or clear DTR. A line that has none (a pty) ignores it.
    SetDtr(bool),
    /// The modem is on hook (it said so), or everything was tried.
    Done {
        /// Whether the modem confirmed it.
        confirmed: bool,
    },
}

/// Hanging up as a state machine, after the PPP session has ended. Same contract as
/// [`Dialer`](super::Dialer).
#[derive(Debug)]
pub struct HangUp {
    plan: HangUpPlan,
    phase: Phase,
    reader: LineReader,
    /// The end of the phase, never behind `end`.
    timer: Timer,
    /// Text without a line end counts when this has passed.
    silence: Timer,
    /// When everything has to be over.
    end: Instant,
    transmit: Vec<u8>,
    events: VecDeque<HangUpEvent>,
    log_budget: u32,
    last_sent: Instant,
    dtr_is_low: bool,
    /// When the modem has noticed that DTR is high again.
    dtr_ready: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not started.
    Idle,
    /// The carrier is gone: reads away what still comes.
    Draining { until: Instant },
    /// For what the modem says by itself when the network drops the call.
    Listening,
    /// DTR is low.
    DtrLow,
    /// For the silence before `+++` to be long enough.
    Guarding,
    /// For the answer to `+++`.
    Escaping,
    /// For nothing: `ATH` is sent once the input at hand has been read, so that what came before
    /// cannot answer it.
    Ready {
        /// As in [`HangingUp`](Self::HangingUp).
        again: bool,
    },
    /// For the answer to `ATH`.
    HangingUp {
        /// Whether `ATH` has been sent before. The first one may only have ended a line with
        /// rubbish before it.
        again: bool,
    },
    /// Over.
    Done,
}

impl HangUp {
    /// One that has not begun.
    pub fn new(plan: HangUpPlan) -> Self {
        Self {
            plan,
            phase: Phase::Idle,
            reader: LineReader::new(Mode::Command),
            timer: Timer::default(),
            silence: Timer::default(),
            end: Instant::ZERO,
            transmit: Vec::new(),
            events: VecDeque::new(),
            log_budget: LOG_BUDGET,
            last_sent: Instant::ZERO,
            dtr_is_low: false,
            dtr_ready: Instant::ZERO,
        }
    }

    /// Begins. From now on nothing else may be sent to the modem.
    pub fn start(&mut self, now: Instant) {
        if self.phase != Phase::Idle {
            return;
        }
        self.end = now + self.plan.limit;
        self.last_sent = now;
        if self.plan.carrier_gone {
            let until = (now + DRAIN_LIMIT).min(self.end);
            self.enter(Phase::Draining { until }, now + DRAIN);
        } else {
            self.enter(Phase::Listening, now + LISTEN.min(self.plan.limit / 8));
        }
    }

    /// Late PPP frames are skipped, text is matched.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let mut input = bytes;
        while self.phase != Phase::Done
            && let Some(line) = self.reader.next(&mut input)
        {
            self.handle_line(now, &line);
        }
        self.take_step(now);
        if bytes.is_empty() || self.phase == Phase::Done {
            return;
        }
        if self.reader.is_in_frame() || Response::parse(self.reader.pending()) != Response::Other {
            self.silence.arm(now + SILENCE);
        } else {
            self.silence.cancel();
        }
        if let Phase::Draining { until } = self.phase {
            self.timer.arm((now + DRAIN).min(until));
        }
    }

    /// The clock has reached [`poll_timeout`](Self::poll_timeout), or has not.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.silence.expired(now) {
            let lines = if self.reader.is_in_frame() {
                self.reader.leave_frame()
            } else {
                Vec::from_iter(self.reader.take_pending())
            };
            for line in lines {
                self.handle_line(now, &line);
            }
            self.take_step(now);
        }
        if !self.timer.expired(now) {
            return;
        }
        if now >= self.end && !self.plan.carrier_gone {
            self.give_up(now);
            return;
        }
        match self.phase {
            Phase::Idle | Phase::Done => {}
            Phase::Draining { .. } => self.finish(now, true),
            Phase::Ready { .. } => self.take_step(now),
            Phase::Listening => {
                self.log(LogLine::uplinkd(Level::Debug, "hanging up: DTR low"));
                self.events.push_back(HangUpEvent::SetDtr(false));
                self.dtr_is_low = true;
                self.enter(Phase::DtrLow, now + DTR_LOW.min(self.plan.limit / 4));
            }
            Phase::DtrLow => {
                self.raise_dtr(now);
                let until = (self.last_sent + self.plan.guard).max(self.dtr_ready);
                self.enter(Phase::Guarding, until);
            }
            Phase::Guarding => {
                self.send(now, b"+++");
                self.enter(Phase::Escaping, now + self.plan.guard + ESCAPE_WAIT);
            }
            Phase::Escaping => {
                self.log_chat("alarm");
                // It may be in command mode already and have taken `+++` for the beginning of a
                // line.
                self.enter(Phase::Ready { again: false }, self.end);
                self.take_step(now);
            }
            Phase::HangingUp { .. } => self.give_up(now),
        }
    }

    /// Appends what is to be sent to `out`; false if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.transmit);
        !std::mem::take(&mut self.transmit).is_empty()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<HangUpEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.timer.deadline(), self.silence.deadline()])
    }

    fn handle_line(&mut self, now: Instant, line: &Line) {
        if line.cut || self.phase == Phase::Done {
            return;
        }
        let response = Response::parse(&line.bytes);
        self.log_received(&line.bytes);
        match self.phase {
            Phase::Idle | Phase::Draining { .. } | Phase::Done => {}
            // The call may have ended since; anything else is too early for an answer.
            Phase::Ready { .. } => match response {
                Response::NoCall(_) | Response::Disconnected => self.confirm(now),
                Response::Ok
                | Response::Error
                | Response::Extended { .. }
                | Response::Connect
                | Response::Refused(_)
                | Response::Other => {}
            },
            Phase::Listening | Phase::DtrLow | Phase::Guarding | Phase::Escaping => {
                match response {
                    Response::NoCall(_) | Response::Disconnected => self.confirm(now),
                    // Command mode, with the call still there (V.250 section 6.1.4, &D1) or not:
                    // both take `ATH`.
                    Response::Ok | Response::Error | Response::Extended { .. } => {
                        self.enter(Phase::Ready { again: false }, self.end);
                    }
                    Response::Connect | Response::Refused(_) | Response::Other => {}
                }
            }
            Phase::HangingUp { again } => match response {
                Response::Ok | Response::NoCall(_) | Response::Disconnected => self.confirm(now),
                Response::Error | Response::Extended { .. } if again => self.give_up(now),
                Response::Error | Response::Extended { .. } => {
                    self.enter(Phase::Ready { again: true }, self.end);
                }
                Response::Connect | Response::Refused(_) | Response::Other => {}
            },
        }
    }

    fn take_step(&mut self, now: Instant) {
        let Phase::Ready { again } = self.phase else {
            return;
        };
        self.raise_dtr(now);
        if now < self.dtr_ready {
            self.enter(Phase::Ready { again }, self.dtr_ready);
            return;
        }
        self.send(now, b"ATH\r");
        self.enter(Phase::HangingUp { again }, self.end);
    }

    fn confirm(&mut self, now: Instant) {
        self.log_chat(" -- got it");
        self.finish(now, true);
    }

    fn give_up(&mut self, now: Instant) {
        self.log(LogLine::uplinkd(
            Level::Warning,
            "the modem did not confirm that it hung up",
        ));
        self.finish(now, false);
    }

    fn finish(&mut self, now: Instant, confirmed: bool) {
        self.raise_dtr(now);
        self.events.push_back(HangUpEvent::Done { confirmed });
        self.enter(Phase::Done, self.end);
        self.timer.cancel();
        self.silence.cancel();
    }

    /// Many modems hear no command while DTR is low. The owner sends before it sets DTR, hence the
    /// pause.
    fn raise_dtr(&mut self, now: Instant) {
        if std::mem::take(&mut self.dtr_is_low) {
            self.events.push_back(HangUpEvent::SetDtr(true));
            self.dtr_ready = now + DTR_SETTLE;
        }
    }

    /// The only writer of the phase.
    fn enter(&mut self, phase: Phase, until: Instant) {
        self.phase = phase;
        self.timer.arm(until.min(self.end));
    }

    fn send(&mut self, now: Instant, bytes: &[u8]) {
        self.log_chat(format!("send ({})", show(bytes)));
        self.log_chat("expect (OK)");
        self.transmit.extend_from_slice(bytes);
        self.last_sent = now;
    }

    fn log(&mut self, line: LogLine) {
        self.events.push_back(HangUpEvent::Log(line));
    }

    fn log_chat(&mut self, text: impl Into<String>) {
        self.log(LogLine::chat(Level::Debug, text));
    }

    fn log_received(&mut self, line: &[u8]) {
        if self.log_budget > 0 {
            self.log_budget -= 1;
            self.log_chat(show(line));
        }
    }
}

/// With the carrier gone: the line has to be silent for this long...
const DRAIN: Duration = Duration::from_millis(150);
/// ... and is left after this.
const DRAIN_LIMIT: Duration = Duration::from_millis(500);
/// How long the modem may take to say NO CARRIER by itself, at most an eighth of the limit.
const LISTEN: Duration = Duration::from_millis(500);
/// How long DTR is low, at most a quarter of the limit.
const DTR_LOW: Duration = Duration::from_secs(1);
/// Between raising DTR and the next command.
const DTR_SETTLE: Duration = Duration::from_millis(100);
/// Behind the silence after `+++`: for the OK.
const ESCAPE_WAIT: Duration = Duration::from_millis(500);
/// Text without a line end counts after this.
const SILENCE: Duration = Duration::from_millis(300);
/// Lines of the modem's that are logged.
const LOG_BUDGET: u32 = 100;

#[cfg(test)]
mod tests;

//! From an open tty to CONNECT: the AT dialog of spec D1.
//!
//! The first command is at the same time the probe. If nothing that looks like text answers it, the
//! modem may still be in data mode from a former run: then an LCP Echo-Request asks whether PPP is
//! there, an LCP Terminate-Request ends it, `+++` between two silences leaves data mode, `ATH`
//! hangs up, and the dialog begins again. The log shows each step in the words of `chat -v`.
//!
//! Unlike chat(8), a result counts only at the start of a line and only if it came after its
//! command was sent: the `NO CARRIER` of the former call cannot fail this one.

mod input;
mod outcome;
mod timing;

use std::collections::VecDeque;
use std::time::Duration;

use super::command::{Command, Veil};
use super::lines::{LineReader, Mode, PROBE};
use super::plan::DialPlan;
use crate::log::{Level, LogLine};
use crate::time::{Instant, Timer, earliest};
use timing::{
    ESCAPE_WAIT, FIRST_WAIT, FIRST_WAIT_AGAIN, GUARD, HANGUP_WAIT, LOG_BUDGET, MAX_ESCAPES,
    PROBE_WAIT, REPORT_WAIT, SETTLE, SETTLE_AFTER_ESCAPE, SETTLE_LIMIT, TERMINATE, TERMINATE_WAIT,
};

pub use outcome::{Connected, DialError, DialEvent};

/// The dialog as a state machine. One lives for one attempt.
///
/// # Contract
/// After every call that takes `&mut self`: drain [`poll_transmit`](Self::poll_transmit), then
/// [`poll_event`](Self::poll_event), then read [`poll_timeout`](Self::poll_timeout). Behind
/// [`Connected`](DialEvent::Connected) and [`Failed`](DialEvent::Failed) nothing comes; bytes that
/// arrive after `Connected` belong to PPP and are not to be given to the dialer.
#[derive(Debug)]
pub struct Dialer {
    plan: DialPlan,
    /// Whether the dial command follows the other commands, or [`is_ready`](Self::is_ready) does.
    dials: bool,
    ready: bool,
    veil: Veil,
    phase: Phase,
    reader: LineReader,
    /// The end of the phase.
    timer: Timer,
    /// Text without a line end counts when this has passed.
    silence: Timer,
    transmit: Vec<u8>,
    events: VecDeque<DialEvent>,
    /// Lines of the modem's that are still logged.
    log_budget: u32,
    last_sent: Instant,
    /// What came since the first command or the probe was sent last.
    heard: Heard,
    /// How often the first command was sent, and when for the last time.
    tries: u32,
    tried: Instant,
    escapes: u32,
    /// Frames came where an answer was due, and the modem has not shown since that it left data
    /// mode.
    data_mode: bool,
    report: Option<String>,
}

/// What the dialer waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Not started.
    Idle,
    /// For silence, so that nothing that was on its way already answers the next step.
    Settling {
        next: Step,
        quiet: Duration,
        until: Instant,
    },
    /// For nothing: the next step is taken once the input at hand has been read.
    Ready(Step),
    /// For the answer to a command.
    Command(usize),
    /// For CONNECT.
    Dialing,
    /// For an answer to the LCP Echo-Request.
    Probing,
    /// For the modem to hang up after the LCP Terminate-Request.
    Terminating,
    /// For the silence before `+++` to be long enough.
    Guarding,
    /// For the answer to `+++`.
    Escaping,
    /// For the answer to `ATH`.
    HangingUp,
    /// For the answer to `AT+CEER`. The dial has failed already.
    Reporting(DialError),
    /// Over.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The command with this index; the dial command behind the last one.
    Command(usize),
    Guard,
    HangUp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heard {
    /// The command's echo.
    echo: bool,
    /// A line of text.
    text: bool,
    /// Frames seen before.
    frames_before: u64,
}

impl Dialer {
    /// A dialer that has not begun.
    pub fn new(plan: DialPlan) -> Self {
        let veil = Veil::of(plan.commands.iter());
        Self::with_veil(plan, veil, true)
    }

    /// A dialer for a caller who knows more secrets than the plan does. Without `dials` it ends
    /// behind the other commands: [`is_ready`](Self::is_ready).
    pub(crate) fn with_veil(plan: DialPlan, veil: Veil, dials: bool) -> Self {
        Self {
            plan,
            dials,
            ready: false,
            veil,
            phase: Phase::Idle,
            reader: LineReader::new(Mode::Command),
            timer: Timer::default(),
            silence: Timer::default(),
            transmit: Vec::new(),
            events: VecDeque::new(),
            log_budget: LOG_BUDGET,
            last_sent: Instant::ZERO,
            heard: Heard::default(),
            tries: 0,
            tried: Instant::ZERO,
            escapes: 0,
            data_mode: false,
            report: None,
        }
    }

    /// Begins. The first command goes out after a moment in which old input is read away.
    pub fn start(&mut self, now: Instant) {
        if self.phase == Phase::Idle {
            self.settle(now, SETTLE, Step::Command(0));
        }
    }

    /// What the modem sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let mut input = bytes;
        while self.phase != Phase::Done
            && let Some(line) = self.reader.next(&mut input)
        {
            self.handle_line(now, &line, input);
        }
        if !bytes.is_empty() && self.phase != Phase::Done {
            self.after_input(now);
        }
        self.take_step(now);
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
                self.handle_line(now, &line, &[]);
            }
            self.take_step(now);
        }
        if self.timer.expired(now) {
            self.handle_expiry(now);
            self.take_step(now);
        }
    }

    /// Appends what is to be sent to `out`; false if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.transmit);
        let any = !self.transmit.is_empty();
        // A command may hold a password.
        zeroize::Zeroize::zeroize(&mut self.transmit);
        any
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<DialEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.timer.deadline(), self.silence.deadline()])
    }

    /// Whether the modem is in command mode and has answered each command, and was not to dial.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    // ---- what does not come

    /// The phase's time is over.
    fn handle_expiry(&mut self, now: Instant) {
        match self.phase.clone() {
            Phase::Idle | Phase::Ready(_) | Phase::Done => {}
            Phase::Settling { next, .. } => self.enter(Phase::Ready(next)),
            Phase::Command(0) if !self.heard.echo => self.handle_first_unanswered(now),
            Phase::Command(index) => {
                let command = self.command(index);
                self.fail_by_timeout(
                    now,
                    DialError::Timeout {
                        command,
                        after: self.plan.command_timeout,
                    },
                );
            }
            Phase::Dialing => {
                let command = self.plan.dial.clone();
                self.fail_by_timeout(
                    now,
                    DialError::Timeout {
                        command,
                        after: self.plan.dial_timeout,
                    },
                );
            }
            Phase::Probing => {
                if self.data_mode {
                    self.terminate(now);
                } else {
                    self.enter(Phase::Ready(Step::Guard));
                }
            }
            Phase::Terminating => self.enter(Phase::Ready(Step::Guard)),
            Phase::Guarding => {
                self.send(now, b"+++", "+++");
                self.log_chat("expect (OK)");
                self.enter(Phase::Escaping);
                self.timer.arm(now + ESCAPE_WAIT);
            }
            // `ATH` also ends a line of the modem's input that holds the probe and `+++`.
            Phase::Escaping => {
                self.log_chat("alarm");
                self.enter(Phase::Ready(Step::HangUp));
            }
            Phase::HangingUp => {
                self.log_chat("alarm");
                self.settle(now, SETTLE_AFTER_ESCAPE, Step::Command(0));
            }
            Phase::Reporting(error) => {
                self.log_chat("alarm");
                self.finish(DialEvent::Failed(error));
            }
        }
    }

    /// No answer to the first command, and no echo of it either.
    fn handle_first_unanswered(&mut self, now: Instant) {
        let command = self.command(0);
        self.log_chat("alarm");
        if !self.data_mode && self.heard.text && self.tries <= self.escapes + 1 {
            // Something is there and speaks: it starts, or has lost the first characters.
            self.log(LogLine::uplinkd(
                Level::Notice,
                format!("the modem says something but does not answer {command}: again"),
            ));
            self.enter(Phase::Ready(Step::Command(0)));
        } else if self.escapes >= MAX_ESCAPES {
            let after = now.since(self.tried);
            let error = if self.data_mode {
                DialError::StuckInDataMode
            } else if self.heard.text {
                DialError::Timeout { command, after }
            } else {
                DialError::NoAnswer
            };
            self.log_chat("Failed");
            self.finish(DialEvent::Failed(error));
        } else {
            self.escapes += 1;
            if self.data_mode {
                self.terminate(now);
            } else {
                self.log(LogLine::uplinkd(
                    Level::Notice,
                    format!("no answer to {command}: is the modem in data mode? LCP Echo-Request"),
                ));
                self.heard.frames_before = self.reader.frames();
                self.transmit.extend_from_slice(&PROBE);
                self.transmit.push(0x7e);
                self.last_sent = now;
                self.enter(Phase::Probing);
                self.timer.arm(now + PROBE_WAIT);
            }
        }
    }

    // ---- what goes out

    /// Takes the step that waits for the input to be read.
    fn take_step(&mut self, now: Instant) {
        let Phase::Ready(step) = self.phase else {
            return;
        };
        match step {
            Step::Command(index) => {
                if let Some(command) = self.plan.commands.get(index).cloned() {
                    self.send_command(now, &command, "OK");
                    let wait = if index == 0 {
                        self.begin_first(now)
                    } else {
                        self.plan.command_timeout
                    };
                    self.enter(Phase::Command(index));
                    self.timer.arm(now + wait);
                } else if !self.dials {
                    self.ready = true;
                    self.enter(Phase::Done);
                } else {
                    let dial = Command::new(&self.plan.dial);
                    self.send_command(now, &dial, "CONNECT");
                    self.enter(Phase::Dialing);
                    self.timer.arm(now + self.plan.dial_timeout);
                }
            }
            Step::Guard => {
                self.log(LogLine::uplinkd(
                    Level::Debug,
                    "leaving data mode: silence, +++, silence",
                ));
                self.enter(Phase::Guarding);
                self.timer.arm((self.last_sent + GUARD).max(now));
            }
            Step::HangUp => {
                self.send_command(now, &Command::new("ATH"), "OK");
                self.enter(Phase::HangingUp);
                self.timer.arm(now + HANGUP_WAIT);
            }
        }
    }

    /// The first command has just been sent: how long to wait for a sign of life.
    fn begin_first(&mut self, now: Instant) -> Duration {
        self.heard = Heard {
            echo: false,
            text: false,
            frames_before: self.reader.frames(),
        };
        self.tries += 1;
        self.tried = now;
        let wait = if self.tries == 1 {
            FIRST_WAIT
        } else {
            FIRST_WAIT_AGAIN
        };
        wait.min(self.plan.command_timeout)
    }

    fn terminate(&mut self, now: Instant) {
        self.log(LogLine::uplinkd(
            Level::Notice,
            "the modem is still in data mode: ending that session, LCP Terminate-Request",
        ));
        self.transmit.extend_from_slice(&TERMINATE);
        self.last_sent = now;
        self.enter(Phase::Terminating);
        self.timer.arm(now + TERMINATE_WAIT);
    }

    fn settle(&mut self, now: Instant, quiet: Duration, next: Step) {
        self.enter(Phase::Settling {
            next,
            quiet,
            until: now + SETTLE_LIMIT,
        });
        self.timer.arm(now + quiet);
    }

    fn send_command(&mut self, now: Instant, command: &Command, expect: &str) {
        // DialPlan::check refuses what would be a further command; `wire` leaves it out.
        self.send(now, command.wire().expose(), &command.wire_shown());
        self.log_chat(format!("expect ({expect})"));
    }

    fn send(&mut self, now: Instant, bytes: &[u8], shown: &str) {
        self.log_chat(format!("send ({shown})"));
        self.transmit.extend_from_slice(bytes);
        self.last_sent = now;
    }

    // ---- the end

    fn fail_by_timeout(&mut self, now: Instant, error: DialError) {
        self.log_chat("alarm");
        self.log_chat("Failed");
        self.end_call(now, error);
    }

    fn fail(&mut self, now: Instant, error: DialError, result: &str) {
        self.log_chat(" -- failed");
        self.log_chat(format!("Failed ({result})"));
        self.end_call(now, error);
    }

    /// A failed call is worth a question for its reason; a failed command is not.
    fn end_call(&mut self, now: Instant, error: DialError) {
        if self.phase == Phase::Dialing {
            self.send_command(now, &Command::new("AT+CEER"), "OK");
            self.enter(Phase::Reporting(error));
            self.timer.arm(now + REPORT_WAIT);
        } else {
            self.finish(DialEvent::Failed(error));
        }
    }

    fn finish(&mut self, event: DialEvent) {
        self.events.push_back(match event {
            DialEvent::Failed(DialError::Refused { result, .. }) => {
                let report = self.report.take();
                DialEvent::Failed(DialError::Refused { result, report })
            }
            other => other,
        });
        self.enter(Phase::Done);
    }

    /// The only writer of the phase. Its timer is armed behind it.
    fn enter(&mut self, phase: Phase) {
        self.timer.cancel();
        if phase == Phase::Done {
            self.silence.cancel();
        }
        self.phase = phase;
    }

    /// The command with this index, as it may be shown.
    fn command(&self, index: usize) -> String {
        let command = self.plan.commands.get(index);
        command.map_or_else(String::new, |command| command.shown().to_owned())
    }

    /// A received line as it may be shown.
    fn show(&self, line: &[u8]) -> String {
        match self.phase {
            Phase::Command(index) => match self.plan.commands.get(index) {
                Some(command) => self.veil.show_answer(command, line),
                None => self.veil.show(line),
            },
            _ => self.veil.show(line),
        }
    }

    // ---- the log

    fn log(&mut self, line: LogLine) {
        self.events.push_back(DialEvent::Log(line));
    }

    fn log_chat(&mut self, text: impl Into<String>) {
        self.log(LogLine::chat(Level::Debug, text));
    }

    fn log_received(&mut self, line: &[u8]) {
        match self.log_budget {
            0 => return,
            1 => self.log(LogLine::uplinkd(
                Level::Warning,
                "the modem says too much: further lines are not logged",
            )),
            _ => self.log_chat(self.show(line)),
        }
        self.log_budget -= 1;
    }

    fn log_late(&mut self, line: &[u8]) {
        if self.log_budget > 0 {
            let text = format!("late, not an answer: {}", self.veil.show(line));
            self.log(LogLine::uplinkd(Level::Debug, text));
        }
    }
}

#[cfg(test)]
mod tests;

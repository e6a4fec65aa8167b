//! The simulated modem: command mode with echo, dialing, data mode, and the ways out of it (ITU-T
//! V.250).
//!
//! What a command means is in [`command`](super::command); the call itself is the owner's: the
//! modem says [`ModemEvent::Dial`], and is told how it goes by [`Modem::answer_dial`] and
//! [`Modem::carrier_lost`].

use std::collections::VecDeque;
use std::time::Duration;

use super::command::{Answer, Outcome, Settings};
use super::escape::Escape;
use crate::random::Random;
use crate::time::{Instant, earliest};

/// How long a command takes.
const COMMAND_TIME: Duration = Duration::from_millis(5);
/// How long ATZ takes.
const RESET_TIME: Duration = Duration::from_millis(50);
/// Longest command line, and how much may be typed ahead, in bytes.
const LONGEST_LINE: usize = 512;
const LONGEST_TYPE_AHEAD: usize = 4096;

/// What comes between answers with the fault `urc`.
const URCS: [&str; 4] = [
    "+CREG: 1,\"0166\",\"1808\"",
    "^RSSI:18",
    "+CGREG: 2",
    "+PBREADY",
];

/// What the modem tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModemEvent {
    /// A command line was read.
    Command(String),
    /// A number is dialed, behind `ATD`. The owner says how it goes.
    Dial(String),
    /// CONNECT was said: data mode.
    Connected,
    /// The gateway hung up, in the given way.
    HungUp(&'static str),
    /// The gateway has returned to command mode, or from it to data mode; the call goes on.
    Escaped(bool),
    /// The gateway wants the modem to restart.
    Restart,
}

/// How a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DialOutcome {
    /// CONNECT with this text.
    Connect(String),
    /// Another final result.
    Refused(&'static str),
    /// `+CME ERROR`.
    Error(u16),
}

/// What is wrong with the modem just now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ModemFaults {
    /// Commands are not answered.
    pub(super) silent: bool,
    /// Neither `+++` nor DTR ends data mode.
    pub(super) stuck: bool,
    /// Unsolicited lines come between the answers.
    pub(super) urc: bool,
}

/// The modem.
#[derive(Debug)]
pub(super) struct Modem {
    mode: Mode,
    settings: Settings,
    random: Random,
    /// The command line so far. One more byte than allowed marks it as too long.
    line: Vec<u8>,
    /// Received while a command was running.
    typed_ahead: VecDeque<u8>,
    running: Option<Running>,
    /// In data mode only.
    escape: Option<Escape>,
    /// For the gateway.
    text: Vec<u8>,
    /// For the line.
    data: Vec<u8>,
    events: VecDeque<ModemEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Command,
    Dialing,
    Data,
    /// Command mode with a call that goes on.
    OnlineCommand,
}

#[derive(Debug)]
struct Running {
    due: Instant,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Answer(Answer),
    Dial(DialOutcome),
}

impl Modem {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            mode: Mode::Command,
            settings: Settings::default(),
            random: Random::new(seed),
            line: Vec::new(),
            typed_ahead: VecDeque::new(),
            running: None,
            escape: None,
            text: Vec::new(),
            data: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// As after power-on. A call has to be ended by the owner.
    pub(super) fn power_on(&mut self) {
        self.settings.reset();
        self.mode = Mode::Command;
        self.forget_input();
        self.text.clear();
    }

    /// A call of a former run is there: data mode without a dial.
    pub(super) fn start_in_data_mode(&mut self, now: Instant) {
        self.enter_data_mode(now);
    }

    pub(super) fn handle_bytes(&mut self, now: Instant, bytes: &[u8], faults: ModemFaults) {
        match self.mode {
            Mode::Data => {
                if let Some(escape) = &mut self.escape {
                    escape.handle_bytes(now, bytes);
                }
                self.data.extend_from_slice(bytes);
            }
            Mode::Command | Mode::OnlineCommand if faults.silent => {}
            Mode::Command | Mode::OnlineCommand => {
                let room = LONGEST_TYPE_AHEAD.saturating_sub(self.typed_ahead.len());
                self.typed_ahead.extend(bytes.iter().take(room));
                self.handle_typed(now, faults);
            }
            // V.250 section 5.6.1: any character ends a dial. Line ends are let pass: dialers send
            // CR LF.
            Mode::Dialing if bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) => {}
            Mode::Dialing => self.abort_dial(),
        }
    }

    /// DTR has been dropped.
    pub(super) fn handle_dtr_off(&mut self, faults: ModemFaults) {
        if faults.stuck && self.mode == Mode::Data {
            return;
        }
        match (self.mode, self.settings.dtr) {
            (Mode::Dialing, 1 | 2) => self.abort_dial(),
            (Mode::Data, 1) => self.leave_data_mode(),
            (Mode::Data | Mode::OnlineCommand, 2) => {
                self.end_call("DTR");
                self.result("NO CARRIER");
            }
            (Mode::Command, _) => self.forget_input(),
            (Mode::Dialing | Mode::Data | Mode::OnlineCommand, _) => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, faults: ModemFaults) {
        let escaped = self
            .escape
            .as_mut()
            .is_some_and(|escape| escape.expired(now));
        if escaped && !faults.stuck {
            self.leave_data_mode();
        }
        while self
            .running
            .as_ref()
            .is_some_and(|running| running.due <= now)
        {
            let Some(running) = self.running.take() else {
                break;
            };
            match running.task {
                Task::Answer(answer) => self.finish(now, answer, faults),
                Task::Dial(outcome) => self.finish_dial(now, outcome),
            }
            self.handle_typed(now, faults);
        }
    }

    /// The answer to [`ModemEvent::Dial`]: said after `after`.
    pub(super) fn answer_dial(&mut self, now: Instant, after: Duration, outcome: DialOutcome) {
        if self.mode == Mode::Dialing {
            self.running = Some(Running {
                due: now + after,
                task: Task::Dial(outcome),
            });
        }
    }

    /// The call has ended from the other side. With `text` the modem says so.
    pub(super) fn carrier_lost(&mut self, text: bool) {
        if self.has_call() {
            self.mode = Mode::Command;
            self.settings.last_failure = "Call ended by the network";
            self.forget_input();
            if text {
                self.result("NO CARRIER");
            }
        }
    }

    /// Moves text for the gateway to `out`.
    pub(super) fn poll_text(&mut self, out: &mut impl Extend<u8>) {
        out.extend(self.text.drain(..));
    }

    /// Data for the line, empty if there is none.
    pub(super) fn poll_data(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.data)
    }

    pub(super) fn poll_event(&mut self) -> Option<ModemEvent> {
        self.events.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest([
            self.running.as_ref().map(|r| r.due),
            self.escape.as_ref().and_then(Escape::poll_timeout),
        ])
    }

    /// Whether bytes of the line reach the gateway.
    pub(super) fn is_in_data_mode(&self) -> bool {
        self.mode == Mode::Data
    }

    pub(super) fn has_call(&self) -> bool {
        matches!(self.mode, Mode::Data | Mode::OnlineCommand)
    }

    /// Whether a call can use this context.
    pub(super) fn has_context(&self, cid: u8) -> bool {
        self.settings.has_context(cid)
    }

    fn handle_typed(&mut self, now: Instant, faults: ModemFaults) {
        while self.running.is_none() && matches!(self.mode, Mode::Command | Mode::OnlineCommand) {
            let Some(byte) = self.typed_ahead.pop_front() else {
                break;
            };
            if self.settings.echo {
                self.text.push(byte);
            }
            match byte {
                b'\r' => self.run_line(now, faults),
                b'\n' => {}
                0x08 | 0x7f => {
                    self.line.pop();
                }
                _ if self.line.len() <= LONGEST_LINE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn run_line(&mut self, now: Instant, faults: ModemFaults) {
        let line = std::mem::take(&mut self.line);
        let too_long = line.len() > LONGEST_LINE;
        let line = String::from_utf8_lossy(&line);
        // Characters before AT do not belong to a command (V.250 section 5.2.1).
        let Some((_, command)) = line.split_once("AT").or_else(|| line.split_once("at")) else {
            return;
        };
        self.events
            .push_back(ModemEvent::Command(format!("AT{command}")));
        if faults.urc {
            let which = usize::try_from(self.random.below(URCS.len() as u64)).unwrap_or_default();
            let urc = URCS.get(which).copied().unwrap_or_default();
            self.text
                .extend_from_slice(format!("\r\n{urc}\r\n").as_bytes());
        }
        let answer = if too_long {
            Answer {
                lines: Vec::new(),
                outcome: Outcome::Error("ERROR".to_owned()),
            }
        } else {
            self.settings.execute(command, self.has_call())
        };
        let resets = command.trim().eq_ignore_ascii_case("Z");
        let time = if resets { RESET_TIME } else { COMMAND_TIME };
        self.running = Some(Running {
            due: now + time,
            task: Task::Answer(answer),
        });
    }

    fn finish(&mut self, now: Instant, answer: Answer, faults: ModemFaults) {
        for line in &answer.lines {
            self.text
                .extend_from_slice(format!("\r\n{line}\r\n").as_bytes());
        }
        match answer.outcome {
            Outcome::Ok => self.result("OK"),
            Outcome::Error(text) => self.result(&text),
            Outcome::Dial(number) => {
                self.mode = Mode::Dialing;
                self.events.push_back(ModemEvent::Dial(number));
            }
            Outcome::HangUp => {
                if self.has_call() {
                    self.end_call("ATH");
                }
                self.result("OK");
            }
            Outcome::Online if self.mode == Mode::OnlineCommand => {
                self.connect("150000000");
                self.enter_data_mode(now);
                self.events.push_back(ModemEvent::Escaped(false));
                // What was typed behind ATO is data.
                let rest: Vec<u8> = self.typed_ahead.drain(..).collect();
                if !rest.is_empty() {
                    self.handle_bytes(now, &rest, faults);
                }
            }
            Outcome::Online => self.result("NO CARRIER"),
            Outcome::Restart => {
                self.result("OK");
                self.events.push_back(ModemEvent::Restart);
            }
        }
    }

    fn finish_dial(&mut self, now: Instant, outcome: DialOutcome) {
        match outcome {
            DialOutcome::Connect(speed) => {
                self.connect(&speed);
                self.enter_data_mode(now);
                self.events.push_back(ModemEvent::Connected);
            }
            DialOutcome::Refused(result) => {
                self.settings.last_failure = "Call refused by the network";
                self.mode = Mode::Command;
                self.result(result);
            }
            DialOutcome::Error(code) => {
                self.settings.last_failure = "Call refused by the network";
                self.mode = Mode::Command;
                let text = self.settings.call_error(code);
                self.result(&text);
            }
        }
    }

    fn connect(&mut self, speed: &str) {
        if self.settings.extended_results && self.settings.verbose {
            self.result(&format!("CONNECT {speed}"));
        } else {
            self.result("CONNECT");
        }
    }

    fn abort_dial(&mut self) {
        self.mode = Mode::Command;
        self.forget_input();
        self.result("NO CARRIER");
    }

    fn enter_data_mode(&mut self, now: Instant) {
        self.mode = Mode::Data;
        self.escape = Some(Escape::new(now));
        self.line.clear();
    }

    /// By `+++` or DTR; the call goes on.
    fn leave_data_mode(&mut self) {
        self.mode = Mode::OnlineCommand;
        self.forget_input();
        self.events.push_back(ModemEvent::Escaped(true));
        self.result("OK");
    }

    fn end_call(&mut self, by: &'static str) {
        self.mode = Mode::Command;
        self.data.clear();
        self.escape = None;
        self.events.push_back(ModemEvent::HungUp(by));
    }

    fn forget_input(&mut self) {
        self.line.clear();
        self.typed_ahead.clear();
        self.data.clear();
        self.running = None;
        self.escape = None;
    }

    /// A final result, in words or as a number, or not at all.
    fn result(&mut self, text: &str) {
        if self.settings.quiet {
            return;
        }
        if self.settings.verbose {
            self.text
                .extend_from_slice(format!("\r\n{text}\r\n").as_bytes());
            return;
        }
        let number = match text {
            "OK" => "0",
            "CONNECT" => "1",
            "NO CARRIER" => "3",
            "ERROR" => "4",
            "NO DIALTONE" => "6",
            "BUSY" => "7",
            "NO ANSWER" => "8",
            other => other,
        };
        self.text
            .extend_from_slice(format!("{number}\r").as_bytes());
    }
}

#[cfg(test)]
mod tests;

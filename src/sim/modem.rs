//! The simulated modem: command mode with echo, dialing, data mode, and the ways out of it (ITU-T
//! V.250).
//!
//! What a command means is in [`command`](super::command) and [`device`](super::device); the call itself is the owner's: the
//! modem says [`ModemEvent::Dial`], and is told how it goes by [`Modem::answer_dial`] and
//! [`Modem::carrier_lost`].

use std::collections::VecDeque;
use std::time::Duration;

use super::command::Outcome;
use super::device::Device;
use super::escape::Escape;
use super::terminal::Terminal;
use crate::time::{Instant, earliest};

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
    /// A number is dialed while there is a call, or a dial: ERROR.
    DialInCall,
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
    terminal: Terminal,
    /// How a dial goes, and when that is known.
    dialing: Option<(Instant, DialOutcome)>,
    /// In data mode only.
    escape: Option<Escape>,
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

impl Modem {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            mode: Mode::Command,
            terminal: Terminal::new(seed),
            dialing: None,
            escape: None,
            data: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// As after power-on. A call has to be ended by the owner.
    pub(super) fn power_on(&mut self) {
        self.mode = Mode::Command;
        self.forget_input();
        self.terminal.power_on();
    }

    /// A call of a former run is there: data mode without a dial.
    pub(super) fn start_in_data_mode(&mut self, now: Instant) {
        self.enter_data_mode(now);
    }

    pub(super) fn handle_bytes(
        &mut self,
        now: Instant,
        bytes: &[u8],
        device: &mut Device,
        faults: ModemFaults,
    ) {
        match self.mode {
            Mode::Data => {
                if let Some(escape) = &mut self.escape {
                    escape.handle_bytes(now, bytes);
                }
                self.data.extend_from_slice(bytes);
            }
            Mode::Command | Mode::OnlineCommand if faults.silent => {}
            Mode::Command | Mode::OnlineCommand => {
                self.terminal.handle_bytes(bytes);
                self.handle_typed(now, device, faults);
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
        match (self.mode, self.terminal.settings.dtr) {
            (Mode::Dialing, 1 | 2) => self.abort_dial(),
            (Mode::Data, 1) => self.leave_data_mode(),
            (Mode::Data | Mode::OnlineCommand, 2) => {
                self.end_call("DTR");
                self.terminal.result("NO CARRIER");
            }
            (Mode::Command, _) => self.forget_input(),
            (Mode::Dialing | Mode::Data | Mode::OnlineCommand, _) => {}
        }
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        device: &mut Device,
        faults: ModemFaults,
    ) {
        let escaped = self
            .escape
            .as_mut()
            .is_some_and(|escape| escape.expired(now));
        if escaped && !faults.stuck {
            self.leave_data_mode();
        }
        loop {
            if let Some(outcome) = self.terminal.finished(now) {
                self.finish(now, outcome, device, faults);
            } else if let Some((_, outcome)) = self.dialing.take_if(|(due, _)| *due <= now) {
                self.finish_dial(now, outcome, device);
            } else {
                break;
            }
            self.handle_typed(now, device, faults);
        }
    }

    /// The answer to [`ModemEvent::Dial`]: said after `after`.
    pub(super) fn answer_dial(&mut self, now: Instant, after: Duration, outcome: DialOutcome) {
        if self.mode == Mode::Dialing {
            self.dialing = Some((now + after, outcome));
        }
    }

    /// The call has ended from the other side. With `text` the modem says so.
    pub(super) fn carrier_lost(&mut self, text: bool) {
        if self.has_call() {
            self.mode = Mode::Command;
            self.forget_input();
            if text {
                self.terminal.result("NO CARRIER");
            }
        }
    }

    /// Moves text for the gateway to `out`.
    pub(super) fn poll_text(&mut self, out: &mut impl Extend<u8>) {
        self.terminal.poll_text(out);
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
            self.terminal.poll_timeout(),
            self.dialing.as_ref().map(|(due, _)| *due),
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

    /// Whether there is a call, or a dial.
    pub(super) fn is_busy(&self) -> bool {
        self.mode != Mode::Command
    }

    /// A line that nobody asked for; lost in data mode.
    pub(super) fn say(&mut self, line: &str) {
        if self.is_in_command_mode() {
            self.terminal.say(line);
        }
    }

    /// The registration has changed.
    pub(super) fn registration_changed(&mut self, device: &Device) {
        for line in device.registration_lines(&self.terminal.settings) {
            self.say(&line);
        }
    }

    fn is_in_command_mode(&self) -> bool {
        matches!(self.mode, Mode::Command | Mode::OnlineCommand)
    }

    fn handle_typed(&mut self, now: Instant, device: &mut Device, faults: ModemFaults) {
        while self.is_in_command_mode() {
            let in_call = self.has_call();
            let Some(line) = self.terminal.read(now, device, in_call, faults.urc) else {
                break;
            };
            self.events.push_back(ModemEvent::Command(line));
        }
    }

    fn finish(&mut self, now: Instant, outcome: Outcome, device: &mut Device, faults: ModemFaults) {
        match outcome {
            Outcome::Ok => self.terminal.result("OK"),
            Outcome::Error(text) => self.terminal.result(&text),
            Outcome::Dial(number) => {
                self.mode = Mode::Dialing;
                self.events.push_back(ModemEvent::Dial(number));
            }
            Outcome::DialInCall => {
                self.terminal.result("ERROR");
                self.events.push_back(ModemEvent::DialInCall);
            }
            Outcome::HangUp => {
                if self.has_call() {
                    self.end_call("ATH");
                }
                self.terminal.result("OK");
            }
            Outcome::Online if self.mode == Mode::OnlineCommand => {
                self.connect("150000000");
                self.enter_data_mode(now);
                self.events.push_back(ModemEvent::Escaped(false));
                // What was typed behind ATO is data.
                let rest = self.terminal.take_typed_ahead();
                if !rest.is_empty() {
                    self.handle_bytes(now, &rest, device, faults);
                }
            }
            Outcome::Online => self.terminal.result("NO CARRIER"),
            Outcome::Restart => {
                self.terminal.result("OK");
                self.events.push_back(ModemEvent::Restart);
            }
        }
    }

    fn finish_dial(&mut self, now: Instant, outcome: DialOutcome, device: &mut Device) {
        match outcome {
            DialOutcome::Connect(speed) => {
                self.connect(&speed);
                self.enter_data_mode(now);
                self.events.push_back(ModemEvent::Connected);
            }
            DialOutcome::Refused(result) => {
                device.last_failure = "Call refused by the network";
                self.mode = Mode::Command;
                self.terminal.result(result);
            }
            DialOutcome::Error(code) => {
                device.last_failure = "Call refused by the network";
                self.mode = Mode::Command;
                let text = self.terminal.settings.call_error(code);
                self.terminal.result(&text);
            }
        }
    }

    fn connect(&mut self, speed: &str) {
        let settings = &self.terminal.settings;
        if settings.extended_results && settings.verbose {
            self.terminal.result(&format!("CONNECT {speed}"));
        } else {
            self.terminal.result("CONNECT");
        }
    }

    fn abort_dial(&mut self) {
        self.mode = Mode::Command;
        self.forget_input();
        self.terminal.result("NO CARRIER");
    }

    fn enter_data_mode(&mut self, now: Instant) {
        self.mode = Mode::Data;
        self.escape = Some(Escape::new(now));
        self.terminal.forget_line();
    }

    /// By `+++` or DTR; the call goes on.
    fn leave_data_mode(&mut self) {
        self.mode = Mode::OnlineCommand;
        self.forget_input();
        self.events.push_back(ModemEvent::Escaped(true));
        self.terminal.result("OK");
    }

    fn end_call(&mut self, by: &'static str) {
        self.mode = Mode::Command;
        self.data.clear();
        self.escape = None;
        self.events.push_back(ModemEvent::HungUp(by));
    }

    fn forget_input(&mut self) {
        self.terminal.forget_input();
        self.dialing = None;
        self.data.clear();
        self.escape = None;
    }
}

#[cfg(test)]
mod tests;

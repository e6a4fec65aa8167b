//! The modem's second port: it answers AT commands at all times, and never carries a call.

use std::collections::VecDeque;

use super::command::Outcome;
use super::device::Device;
use super::modem::{ModemEvent, ModemFaults};
use super::terminal::Terminal;
use crate::time::Instant;

/// The port.
#[derive(Debug)]
pub(super) struct AtPort {
    terminal: Terminal,
    events: VecDeque<ModemEvent>,
}

impl AtPort {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            terminal: Terminal::new(seed),
            events: VecDeque::new(),
        }
    }

    /// As after power-on.
    pub(super) fn power_on(&mut self) {
        self.terminal.power_on();
        self.events.clear();
    }

    pub(super) fn handle_bytes(
        &mut self,
        now: Instant,
        bytes: &[u8],
        device: &mut Device,
        in_call: bool,
        faults: ModemFaults,
    ) {
        if !faults.silent {
            self.terminal.handle_bytes(bytes);
            self.read(now, device, in_call, faults);
        }
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        device: &mut Device,
        in_call: bool,
        faults: ModemFaults,
    ) {
        while let Some(outcome) = self.terminal.finished(now) {
            match outcome {
                // ATH and ATZ concern the port alone.
                Outcome::Ok | Outcome::HangUp => self.terminal.result("OK"),
                Outcome::Error(text) => self.terminal.result(&text),
                Outcome::Dial(_) | Outcome::Online => self.terminal.result("NO CARRIER"),
                Outcome::DialInCall => {
                    self.terminal.result("ERROR");
                    self.events.push_back(ModemEvent::DialInCall);
                }
                Outcome::Restart => {
                    self.terminal.result("OK");
                    self.events.push_back(ModemEvent::Restart);
                }
            }
            self.read(now, device, in_call, faults);
        }
    }

    /// A line that nobody asked for.
    pub(super) fn say(&mut self, line: &str) {
        self.terminal.say(line);
    }

    /// The registration has changed.
    pub(super) fn registration_changed(&mut self, device: &Device) {
        for line in device.registration_lines(&self.terminal.settings) {
            self.terminal.say(&line);
        }
    }

    pub(super) fn poll_text(&mut self, out: &mut impl Extend<u8>) {
        self.terminal.poll_text(out);
    }

    pub(super) fn poll_event(&mut self) -> Option<ModemEvent> {
        self.events.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.terminal.poll_timeout()
    }

    fn read(&mut self, now: Instant, device: &mut Device, in_call: bool, faults: ModemFaults) {
        while let Some(line) = self.terminal.read(now, device, in_call, faults.urc) {
            self.events.push_back(ModemEvent::Command(line));
        }
    }
}

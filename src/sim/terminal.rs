//! One port of the modem in command mode: echo, editing, command lines, results (ITU-T V.250).

use std::collections::VecDeque;

use super::command::{Answer, Outcome, Settings};
use super::device::Device;
use crate::random::Random;
use crate::time::Instant;

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

/// A port.
#[derive(Debug)]
pub(super) struct Terminal {
    pub(super) settings: Settings,
    random: Random,
    /// The command line so far. One more byte than allowed marks it as too long.
    line: Vec<u8>,
    /// Received while a command was running.
    typed_ahead: VecDeque<u8>,
    running: Option<(Instant, Answer)>,
    /// For the gateway.
    text: Vec<u8>,
}

impl Terminal {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            settings: Settings::default(),
            random: Random::new(seed),
            line: Vec::new(),
            typed_ahead: VecDeque::new(),
            running: None,
            text: Vec::new(),
        }
    }

    /// As after power-on.
    pub(super) fn power_on(&mut self) {
        self.settings = Settings::default();
        self.forget_input();
        self.text.clear();
    }

    /// Characters of the gateway; [`Self::read`] takes them.
    pub(super) fn handle_bytes(&mut self, bytes: &[u8]) {
        let room = LONGEST_TYPE_AHEAD.saturating_sub(self.typed_ahead.len());
        self.typed_ahead.extend(bytes.iter().take(room));
    }

    /// Starts the next command line that is there, if none is running; gives it for the log.
    #[must_use]
    pub(super) fn read(
        &mut self,
        now: Instant,
        device: &mut Device,
        in_call: bool,
        urc: bool,
    ) -> Option<String> {
        while self.running.is_none() {
            let byte = self.typed_ahead.pop_front()?;
            if self.settings.echo {
                self.text.push(byte);
            }
            match byte {
                b'\r' => {
                    let line = self.run_line(now, device, in_call, urc);
                    if line.is_some() {
                        return line;
                    }
                }
                b'\n' => {}
                0x08 | 0x7f => {
                    self.line.pop();
                }
                _ if self.line.len() <= LONGEST_LINE => self.line.push(byte),
                _ => {}
            }
        }
        None
    }

    fn run_line(
        &mut self,
        now: Instant,
        device: &mut Device,
        in_call: bool,
        urc: bool,
    ) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let too_long = line.len() > LONGEST_LINE;
        let line = String::from_utf8_lossy(&line);
        // Characters before AT do not belong to a command (V.250 section 5.2.1).
        let (_, command) = line.split_once("AT").or_else(|| line.split_once("at"))?;
        if urc {
            let which = usize::try_from(self.random.below(URCS.len() as u64)).unwrap_or_default();
            self.say(URCS.get(which).copied().unwrap_or_default());
        }
        let answer = if too_long {
            Answer::error()
        } else {
            self.settings.execute(device, command, in_call)
        };
        self.running = Some((now + answer.time, answer));
        Some(format!("AT{command}"))
    }

    /// The outcome of the command that is done by now: its lines have been said, the result has not.
    #[must_use]
    pub(super) fn finished(&mut self, now: Instant) -> Option<Outcome> {
        let (_, answer) = self.running.take_if(|(due, _)| *due <= now)?;
        for line in &answer.lines {
            self.say(line);
        }
        Some(answer.outcome)
    }

    /// An information line.
    pub(super) fn say(&mut self, line: &str) {
        self.text
            .extend_from_slice(format!("\r\n{line}\r\n").as_bytes());
    }

    /// A final result, in words or as a number, or not at all.
    pub(super) fn result(&mut self, text: &str) {
        if self.settings.quiet {
            return;
        }
        if self.settings.verbose {
            self.say(text);
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

    /// The command line so far is given up.
    pub(super) fn forget_line(&mut self) {
        self.line.clear();
    }

    pub(super) fn forget_input(&mut self) {
        self.line.clear();
        self.typed_ahead.clear();
        self.running = None;
    }

    /// What was typed behind the last command.
    pub(super) fn take_typed_ahead(&mut self) -> Vec<u8> {
        self.typed_ahead.drain(..).collect()
    }

    /// Moves text for the gateway to `out`.
    pub(super) fn poll_text(&mut self, out: &mut impl Extend<u8>) {
        out.extend(self.text.drain(..));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.running.as_ref().map(|(due, _)| *due)
    }
}

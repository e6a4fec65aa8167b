//! The phases of a chat script: the connect script in place of our own dialog with the modem (spec F2), and the
//! disconnect script before the hang-up.
//!
//! As pppd does, DTR is low for a second before a connect script, unless the line is `local`: whatever call was there is
//! over. What comes in meanwhile is the end of that call, and the script does not see it. If frames of PPP come even then, the modem has not
//! listened to DTR and is brought out of data mode first; else nothing is sent before the script's first word, because
//! whoever listens need not be a modem.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::at::{HangUp, HangUpEvent, HangUpPlan, Veil};
use crate::chat::{Call, ChatEnd, ChatEvent, Dialog, Lookup, Machine, visible};
use crate::log::{Level, LogLine};
use crate::modem::BringupPlan;
use crate::time::{Instant, Timer};

/// A script, and what it may ask for.
#[derive(Clone, Debug)]
pub struct ChatPlan {
    /// The script and its options.
    pub call: Arc<Call>,
    /// Files and variables.
    pub lookup: Rc<dyn Lookup>,
}

/// What a [`ScriptRun`] tells the attempt.
pub(super) enum ScriptEvent {
    Log(LogLine),
    SetDtr(bool),
    SetBreak(bool),
    Ended(ChatEnd),
}

/// One run.
pub(super) struct ScriptRun {
    stage: Stage,
    machine: Machine,
    timer: Timer,
    /// The last byte, to find where a frame begins.
    last: u8,
    framed: bool,
    veil: Veil,
    /// A line for the log that is not complete.
    said: Vec<u8>,
    events: VecDeque<ScriptEvent>,
}

enum Stage {
    Idle,
    /// DTR is low.
    Dropping,
    /// Whether frames come.
    Listening,
    /// They do.
    Leaving(Box<HangUp>),
    Running,
    Done,
}

impl ScriptRun {
    /// One that has not begun. The log hides the password and the PIN of `bringup`, should they stand in the script, and
    /// what `\q` hides, should the modem echo it.
    pub(super) fn new(plan: ChatPlan, bringup: &BringupPlan) -> Self {
        let secrets = [Some(bringup.password.clone()), bringup.pin.clone()];
        let public = [bringup.apn.as_deref(), Some(bringup.account.as_str())];
        Self {
            stage: Stage::Idle,
            machine: Machine::new(plan.call, plan.lookup),
            timer: Timer::default(),
            last: 0,
            framed: false,
            veil: Veil::new(secrets.into_iter().flatten(), public.into_iter().flatten()),
            said: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins with DTR, if it means anything.
    pub(super) fn start(&mut self, now: Instant, modem_lines: bool) {
        if !matches!(self.stage, Stage::Idle) {
            return;
        }
        if modem_lines {
            self.events.push_back(ScriptEvent::SetDtr(false));
            self.timer.arm(now + DTR_LOW);
            self.stage = Stage::Dropping;
        } else {
            self.listen(now);
        }
    }

    /// Begins with the script.
    pub(super) fn start_at_once(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Idle) {
            self.run_script(now);
        }
    }

    pub(super) fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        match &mut self.stage {
            Stage::Listening => {
                for &byte in bytes {
                    // RFC 1662 section 3.1: a flag and an address; with compressed fields the protocol is first.
                    self.framed |= self.last == 0x7e && matches!(byte, 0xff | 0x21 | 0xc0);
                    self.last = byte;
                }
            }
            Stage::Leaving(hang_up) => hang_up.handle_bytes(now, bytes),
            Stage::Running => self.machine.handle_bytes(now, bytes),
            Stage::Idle | Stage::Dropping | Stage::Done => {}
        }
        self.pump(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match &mut self.stage {
            Stage::Dropping if self.timer.expired(now) => {
                self.events.push_back(ScriptEvent::SetDtr(true));
                self.listen(now);
            }
            Stage::Listening if self.timer.expired(now) => {
                if self.framed {
                    self.leave_data_mode(now);
                } else {
                    self.run_script(now);
                }
            }
            Stage::Leaving(hang_up) => hang_up.handle_timeout(now),
            Stage::Running => self.machine.handle_timeout(now),
            Stage::Idle | Stage::Dropping | Stage::Listening | Stage::Done => {}
        }
        self.pump(now);
    }

    pub(super) fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        match &mut self.stage {
            Stage::Leaving(hang_up) => hang_up.poll_transmit(out),
            Stage::Running => self.machine.poll_transmit(out),
            Stage::Idle | Stage::Dropping | Stage::Listening | Stage::Done => false,
        }
    }

    #[must_use]
    pub(super) fn poll_event(&mut self) -> Option<ScriptEvent> {
        self.events.pop_front()
    }

    #[must_use]
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Dropping | Stage::Listening => self.timer.deadline(),
            Stage::Leaving(hang_up) => hang_up.poll_timeout(),
            Stage::Running => self.machine.poll_timeout(),
            Stage::Idle | Stage::Done => None,
        }
    }

    /// Whether nothing has been sent yet, and DTR is as it was found or high.
    pub(super) fn is_untouched(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Listening)
    }

    /// Whether the script runs, or what comes before it.
    pub(super) fn runs_script(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Done)
    }

    /// The result as it may be shown, and what stands behind it: the first frames.
    pub(super) fn take_result(&mut self) -> (String, Vec<u8>) {
        let rest = self.machine.take_rest();
        let mut text = self.machine.dialog().expected.clone();
        // `CONNECT` is what is expected, and ` 150000000` stands behind it.
        let line: Vec<u8> = rest
            .iter()
            .copied()
            .take_while(|byte| (0x20..0x7e).contains(byte))
            .take(RESULT_LIMIT)
            .collect();
        text.push_str(&visible(&line));
        (self.veil.show(text.as_bytes()), rest)
    }

    fn listen(&mut self, now: Instant) {
        self.timer.arm(now + LISTEN);
        self.stage = Stage::Listening;
    }

    fn leave_data_mode(&mut self, now: Instant) {
        self.events.push_back(ScriptEvent::Log(LogLine::uplinkd(
            Level::Notice,
            "the modem is still in data mode: hanging up before the connect script",
        )));
        let mut hang_up = HangUp::new(HangUpPlan {
            carrier_gone: false,
            guard: Duration::from_secs(1),
            limit: LEAVE_LIMIT,
        });
        hang_up.start(now);
        self.stage = Stage::Leaving(Box::new(hang_up));
    }

    fn run_script(&mut self, now: Instant) {
        self.stage = Stage::Running;
        self.machine.start(now);
        self.pump(now);
    }

    fn pump(&mut self, now: Instant) {
        if let Stage::Leaving(hang_up) = &mut self.stage {
            let mut done = false;
            while let Some(event) = hang_up.poll_event() {
                match event {
                    HangUpEvent::Log(line) => self.events.push_back(ScriptEvent::Log(line)),
                    HangUpEvent::SetDtr(on) => self.events.push_back(ScriptEvent::SetDtr(on)),
                    HangUpEvent::Done { .. } => done = true,
                }
            }
            if done {
                self.run_script(now);
            }
        }
        while let Some(secret) = self.machine.poll_hidden() {
            self.veil.add(secret);
        }
        while let Some(event) = self.machine.poll_event() {
            match event {
                ChatEvent::Log(line) => self.log(line.level, line.text.as_bytes()),
                ChatEvent::Stderr(text) => self.say(&text),
                ChatEvent::Report(text) => self.log(Level::Notice, &text),
                ChatEvent::SetBreak(on) => self.events.push_back(ScriptEvent::SetBreak(on)),
                // Its time is the log's; and nobody sends us a signal because of this tty.
                ChatEvent::ReportBegins | ChatEvent::SetHangup(_) => {}
                ChatEvent::Ended(end) => {
                    self.say(b"\n");
                    self.stage = Stage::Done;
                    let end = veiled(end, &self.veil);
                    self.events.push_back(ScriptEvent::Ended(end));
                }
            }
        }
    }

    /// What chat has for stderr, line by line.
    fn say(&mut self, text: &[u8]) {
        for &byte in text {
            if byte != b'\n' && byte != b'\r' {
                self.said.push(byte);
            }
            if byte == b'\n' || self.said.len() >= SAID_LIMIT {
                let line = std::mem::take(&mut self.said);
                if !line.is_empty() {
                    self.log(Level::Info, &line);
                }
            }
        }
    }

    fn log(&mut self, level: Level, text: &[u8]) {
        let line = LogLine::chat(level, self.veil.show(text));
        self.events.push_back(ScriptEvent::Log(line));
    }
}

/// The end without what may not be shown.
fn veiled(end: ChatEnd, veil: &Veil) -> ChatEnd {
    let show = |text: String| veil.show(text.as_bytes());
    let dialog = |dialog: Dialog| Dialog {
        expected: show(dialog.expected),
        sent: dialog.sent.map(show),
    };
    match end {
        ChatEnd::Timeout { dialog: at, after } => ChatEnd::Timeout {
            dialog: dialog(at),
            after,
        },
        ChatEnd::InputEnded(at) => ChatEnd::InputEnded(dialog(at)),
        ChatEnd::Aborted {
            index,
            string,
            dialog: at,
        } => ChatEnd::Aborted {
            index,
            string: show(string),
            dialog: dialog(at),
        },
        ChatEnd::Write { error, sent } => ChatEnd::Write {
            error,
            sent: sent.map(show),
        },
        end @ (ChatEnd::Done
        | ChatEnd::Script(_)
        | ChatEnd::TooLong
        | ChatEnd::File { .. }
        | ChatEnd::Stopped(_)) => end,
    }
}

/// As in pppd.
const DTR_LOW: Duration = Duration::from_secs(1);
/// A peer that is still there has something to say within this.
const LISTEN: Duration = Duration::from_millis(200);
/// For the way out of data mode.
const LEAVE_LIMIT: Duration = Duration::from_secs(8);
/// A longer line is logged in pieces.
const SAID_LIMIT: usize = 200;
/// Of the line in which the last expect ended.
const RESULT_LIMIT: usize = 40;

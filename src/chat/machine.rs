//! Runs a script: what is expected is waited for, what is to be sent is handed out.

mod expect;
mod keyword;
mod send;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::decode::decode;
use super::end::{ChatEnd, Dialog};
use super::{Call, Lookup};
use crate::log::{Level, LogLine};
use crate::secret::Secret;
use crate::time::{Instant, Timer};
use expect::Expect;
use keyword::{Keyword, Strings};
use send::Sending;

/// What a [`Machine`] tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatEvent {
    /// A line for the log.
    Log(LogLine),
    /// For stderr, as it stands: SAY, and what is received with ECHO.
    Stderr(Vec<u8>),
    /// A REPORT string has come. The line that it begins follows as [`Report`](Self::Report); its time is now.
    ReportBegins,
    /// That line, from the string on.
    Report(Vec<u8>),
    /// Begin or end a break.
    SetBreak(bool),
    /// Whether a hang-up signal ends the script. It does until something else is said.
    SetHangup(bool),
    /// Over. Nothing comes behind it.
    Ended(ChatEnd),
}

/// One run of a script.
///
/// # Contract
///
/// After every call that takes `&mut self`: drain [`poll_event`](Self::poll_event), take
/// [`poll_transmit`](Self::poll_transmit), read [`poll_timeout`](Self::poll_timeout). A send is over when what it has to
/// send has been taken: an owner who writes it out himself takes it, writes, and calls nothing meanwhile but
/// [`write_failed`](Self::write_failed), at the latest at [`write_limit`](Self::write_limit).
///
/// Bytes that a script has not read are the next reader's: [`take_rest`](Self::take_rest). An owner who cannot put back
/// what he has read gives one byte at a time, and only while [`wants_input`](Self::wants_input) says so.
#[derive(Debug)]
pub struct Machine {
    call: Arc<Call>,
    lookup: Rc<dyn Lookup>,
    /// Which word is next.
    position: usize,
    state: State,
    /// What the next send is an argument of.
    keyword: Option<Keyword>,
    timeout: Duration,
    timer: Timer,
    aborts: Strings,
    reports: Strings,
    /// A line that begins with a REPORT string.
    report: Option<Vec<u8>>,
    echo: bool,
    /// Whether stderr stands behind something.
    column: bool,
    stderr: Vec<u8>,
    /// What has not been read yet.
    input: VecDeque<u8>,
    input_overflow: bool,
    input_ended: bool,
    transmit: Vec<u8>,
    events: VecDeque<ChatEvent>,
    dialog: Dialog,
    /// What `\q` has hidden, and nobody has asked for yet.
    hidden: VecDeque<Secret>,
    /// The longest of all.
    longest_hidden: usize,
}

#[derive(Debug)]
enum State {
    Idle,
    /// The next word is due.
    Next,
    Expecting(Box<Expect>),
    Sending(Box<Sending>),
    /// It is over but for a line that begins with a REPORT string.
    Reporting(ChatEnd),
    Done(ChatEnd),
}

impl Machine {
    /// One that has not begun.
    pub fn new(call: Arc<Call>, lookup: Rc<dyn Lookup>) -> Self {
        Self {
            timeout: call.options.timeout,
            echo: call.options.echo,
            call,
            lookup,
            position: 0,
            state: State::Idle,
            keyword: None,
            timer: Timer::default(),
            aborts: Strings::default(),
            reports: Strings::default(),
            report: None,
            column: false,
            stderr: Vec::new(),
            input: VecDeque::new(),
            input_overflow: false,
            input_ended: false,
            transmit: Vec::new(),
            events: VecDeque::new(),
            dialog: Dialog::default(),
            hidden: VecDeque::new(),
            longest_hidden: 0,
        }
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            self.state = State::Next;
            self.run(now);
        }
    }

    /// What has come in.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            let room = INPUT_LIMIT.saturating_sub(self.input.len());
            let (head, behind) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.input.extend(head);
            rest = behind;
            self.run(now);
            if rest.is_empty() || self.input.len() >= INPUT_LIMIT {
                break;
            }
        }
        if !rest.is_empty() && !std::mem::replace(&mut self.input_overflow, true) {
            self.log(
                Level::Warning,
                "too much comes in while nothing is read: some is lost",
            );
        }
        self.flush_stderr();
    }

    /// Nothing comes in any more.
    pub fn handle_eof(&mut self, now: Instant) {
        self.input_ended = true;
        self.run(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = self.timer.expired(now);
        match std::mem::replace(&mut self.state, State::Next) {
            State::Expecting(expect) if due => {
                self.log_dialog("alarm");
                self.expect_failed(now, *expect);
            }
            State::Sending(mut sending) => {
                if due {
                    sending.waiting = false;
                }
                self.state = State::Sending(sending);
            }
            State::Reporting(end) if due => self.finish(end),
            state @ (State::Idle
            | State::Next
            | State::Expecting(_)
            | State::Reporting(_)
            | State::Done(_)) => self.state = state,
        }
        self.run(now);
    }

    /// What was taken could not be written; without the system's words: not in time.
    pub fn write_failed(&mut self, now: Instant, error: Option<String>) {
        if matches!(
            self.state,
            State::Idle | State::Reporting(_) | State::Done(_)
        ) {
            return;
        }
        match &error {
            Some(error) => self.log_dialog(format!(" -- write failed: {error}")),
            None => self.log_dialog(" -- write timed out"),
        }
        self.log(Level::Error, "Failed");
        let sent = self.dialog.sent.clone();
        self.end(now, ChatEnd::Write { error, sent });
        self.run(now);
    }

    /// It is over for a reason from outside, such as a signal; `why` goes to the log.
    pub fn stop(&mut self, now: Instant, why: &str) {
        if matches!(self.state, State::Reporting(_) | State::Done(_)) {
            return;
        }
        self.log(Level::Error, why);
        self.end(now, ChatEnd::Stopped(why.to_owned()));
        self.run(now);
    }

    /// Appends what is to be sent to `out`; false if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.transmit.is_empty();
        out.extend_from_slice(&self.transmit);
        // It may be a password.
        zeroize::Zeroize::zeroize(&mut self.transmit);
        any
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ChatEvent> {
        self.events.pop_front()
    }

    /// What a send with `\q` is about to send: it must not be shown either when the modem echoes it. To be asked before
    /// the events are.
    #[must_use]
    pub fn poll_hidden(&mut self) -> Option<Secret> {
        self.hidden.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; it may be in the past.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle | State::Next | State::Done(_) => None,
            State::Sending(sending) if sending.waiting => self.timer.deadline(),
            // What is over when it has been taken, and has.
            State::Sending(_) if self.transmit.is_empty() => Some(Instant::ZERO),
            State::Sending(sending) => Some(sending.limit),
            State::Expecting(_) | State::Reporting(_) => self.timer.deadline(),
        }
    }

    /// When what is being sent has to be written; `None`: nothing is being sent.
    pub fn write_limit(&self) -> Option<Instant> {
        match &self.state {
            State::Sending(sending) => Some(sending.limit),
            State::Idle
            | State::Next
            | State::Expecting(_)
            | State::Reporting(_)
            | State::Done(_) => None,
        }
    }

    /// Whether it reads at the moment.
    pub fn wants_input(&self) -> bool {
        !self.input_ended && matches!(self.state, State::Expecting(_) | State::Reporting(_))
    }

    /// How it ended, if it has.
    pub fn result(&self) -> Option<&ChatEnd> {
        match &self.state {
            State::Done(end) => Some(end),
            State::Idle
            | State::Next
            | State::Expecting(_)
            | State::Sending(_)
            | State::Reporting(_) => None,
        }
    }

    /// What is waited for now or was last, and what was sent last.
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// What came in and was not read, with its eighth bits.
    pub fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.input).into()
    }

    // ---- from word to word

    /// Goes on until there is something to wait for.
    fn run(&mut self, now: Instant) {
        loop {
            match std::mem::replace(&mut self.state, State::Next) {
                State::Next => self.next_word(now),
                State::Expecting(expect) => {
                    if !self.read(now, expect) {
                        break;
                    }
                }
                State::Sending(sending) => {
                    if !self.write(now, sending) {
                        break;
                    }
                }
                State::Reporting(end) => {
                    if !self.read_report(now, end) {
                        break;
                    }
                }
                state @ (State::Idle | State::Done(_)) => {
                    self.state = state;
                    break;
                }
            }
        }
        self.flush_stderr();
    }

    fn next_word(&mut self, now: Instant) {
        let call = Arc::clone(&self.call);
        let position = self.position;
        self.position += 1;
        match call.script.word(position) {
            Some(word) if position.is_multiple_of(2) => self.expect_word(now, word),
            Some(word) => self.send_word(now, word),
            None => match call.script.fault() {
                Some(problem) => {
                    let text = format!("unterminated quote (line {})", problem.line);
                    self.log(Level::Error, text);
                    self.end(now, ChatEnd::Script(problem.clone()));
                }
                None => self.end(now, ChatEnd::Done),
            },
        }
    }

    /// A script that has failed, as chat says it.
    fn fail(&mut self, now: Instant, end: ChatEnd) {
        match &end {
            ChatEnd::Aborted { string, .. } => {
                let text = format!("Failed ({string})");
                self.log(Level::Info, text);
            }
            _ => self.log(Level::Info, "Failed"),
        }
        self.end(now, end);
    }

    /// The end, once the line of a REPORT string has come.
    fn end(&mut self, now: Instant, end: ChatEnd) {
        if self.column {
            self.stderr.push(b'\n');
            self.column = false;
        }
        self.transmit.clear();
        if self.report.is_some() {
            self.timer.arm(now + REPORT_WAIT);
            self.state = State::Reporting(end);
        } else {
            self.finish(end);
        }
    }

    fn finish(&mut self, end: ChatEnd) {
        self.timer.cancel();
        self.tell_report();
        self.flush_stderr();
        self.events.push_back(ChatEvent::Ended(end.clone()));
        self.state = State::Done(end);
    }

    // ---- REPORT

    fn tell_report(&mut self) {
        if let Some(report) = self.report.take() {
            self.tell(ChatEvent::Report(report));
        }
    }

    /// The line goes on until a control character; false: more must come.
    fn report_byte(&mut self, byte: u8) -> bool {
        let Some(report) = &mut self.report else {
            return true;
        };
        if !byte.is_ascii_control() {
            if report.len() < REPORT_LIMIT {
                report.push(byte);
            }
            return false;
        }
        self.tell_report();
        true
    }

    fn read_report(&mut self, now: Instant, end: ChatEnd) -> bool {
        let full = |report: &Option<Vec<u8>>| {
            report
                .as_ref()
                .is_none_or(|report| report.len() >= REPORT_LIMIT)
        };
        while !full(&self.report) {
            let Some(byte) = self.input.pop_front() else {
                if self.input_ended {
                    break;
                }
                self.state = State::Reporting(end);
                return false;
            };
            self.timer.arm(now + REPORT_WAIT);
            if self.report_byte(byte & 0x7f) {
                break;
            }
        }
        self.finish(end);
        true
    }

    // ---- what is said

    fn tell(&mut self, event: ChatEvent) {
        self.flush_stderr();
        self.events.push_back(event);
    }

    fn flush_stderr(&mut self) {
        if !self.stderr.is_empty() {
            let text = std::mem::take(&mut self.stderr);
            self.events.push_back(ChatEvent::Stderr(text));
        }
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        let mut text: String = text.into();
        // All of it is ASCII but the names of files.
        if let Some((at, _)) = text.char_indices().nth(LOG_LIMIT) {
            text.truncate(at);
        }
        self.tell(ChatEvent::Log(LogLine::chat(level, text)));
    }

    /// What only `-v` shows.
    fn log_dialog(&mut self, text: impl Into<String>) {
        if self.call.options.verbose {
            self.log(Level::Debug, text);
        }
    }

    /// A word without its escapes as an expect or an argument of a keyword has it.
    fn clean(&self, word: &[u8]) -> Vec<u8> {
        decode(word, false, &self.call.options, &*self.lookup).text
    }
}

/// What is shown where something is not to be.
const HIDDEN: &str = "??????";
/// What comes in during a send waits: at most this much. A tty keeps less.
const INPUT_LIMIT: usize = 64 * 1024;
/// A line of the log.
const LOG_LIMIT: usize = 1023;
/// Of a line that begins with a REPORT string.
const REPORT_LIMIT: usize = 239;
/// How long the end waits for the next character of that line.
const REPORT_WAIT: Duration = Duration::from_secs(1);

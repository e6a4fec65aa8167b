//! One command and its answer at a time, on a port that is in command mode.
//!
//! For the questions before a dial, for the port that is asked while the link is up, and for finding out whether a port
//! speaks AT at all. The [`Dialer`](super::Dialer) has a dialog of its own, because it has to bring the modem into
//! command mode first.
//!
//! Unsolicited results may stand anywhere: they are handed over among the lines of the answer, and whoever reads them
//! looks for the name of what it asked for. Results of a call (`NO CARRIER`, `CONNECT`) answer no question and are only
//! logged.

use std::collections::VecDeque;
use std::time::Duration;

use super::command::{Command, Veil};
use super::lines::{Line, LineReader, Mode, show};
use super::response::Response;
use crate::log::{Level, LogLine};
use crate::time::{Instant, Timer, earliest};

/// Between an answer and the next command (u-blox asks for 20 ms).
const GAP: Duration = Duration::from_millis(20);
/// The same where an answer may still be on its way because a command was not answered in time.
const LATE_GAP: Duration = Duration::from_secs(1);
/// A modem that never falls silent is spoken to after this.
const GAP_LIMIT: Duration = Duration::from_secs(3);
/// Text without a line end counts after this.
const SILENCE: Duration = Duration::from_millis(500);
/// Lines of an answer that are kept. The longest answer that is known is that to `AT&V`.
const MAX_LINES: usize = 100;
/// Lines of the modem's that are logged.
const LOG_BUDGET: u32 = 1000;

/// How a command was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The command, secrets hidden.
    pub command: String,
    /// What came before the result, without the echo, in chat's way of showing control characters. Not for the log: it
    /// may repeat a secret.
    pub lines: Vec<String>,
    /// The result.
    pub outcome: Outcome,
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `OK`.
    Ok,
    /// `ERROR`.
    Error,
    /// `+CME ERROR` or `+CMS ERROR`.
    Extended {
        /// The number of a `+CME ERROR`, given or found by its words.
        code: Option<u16>,
        /// In words; secrets hidden.
        text: String,
    },
    /// Nothing came within this time.
    Timeout(Duration),
}

/// What an [`Asker`] tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskerEvent {
    /// A line for the log.
    Log(LogLine),
    /// The command's answer, or that there was none.
    Answer(Reply),
}

/// Asking as a state machine; same contract as [`Dialer`](super::Dialer). It has no end.
#[derive(Debug)]
pub struct Asker {
    veil: Veil,
    reader: LineReader,
    state: State,
    timer: Timer,
    silence: Timer,
    transmit: Vec<u8>,
    events: VecDeque<AskerEvent>,
    log_budget: u32,
    /// A command was not answered in time: what comes may be its answer.
    is_late: bool,
}

#[derive(Debug)]
enum State {
    Free,
    /// Waits for silence before the command.
    Queued {
        command: Command,
        timeout: Duration,
        until: Instant,
    },
    Sent {
        command: Command,
        timeout: Duration,
        lines: Vec<String>,
    },
}

impl Asker {
    /// Nothing is asked yet. What the modem says is logged through `veil`.
    pub fn new(veil: Veil) -> Self {
        Self {
            veil,
            reader: LineReader::new(Mode::Command),
            state: State::Free,
            timer: Timer::default(),
            silence: Timer::default(),
            transmit: Vec::new(),
            events: VecDeque::new(),
            log_budget: LOG_BUDGET,
            is_late: false,
        }
    }

    /// Sends a command as soon as the modem is silent. False: one is under way, or this one cannot be sent
    /// ([`Command::check`]).
    #[must_use]
    pub fn send(&mut self, now: Instant, command: Command, timeout: Duration) -> bool {
        if !self.is_free() || command.check().is_err() {
            return false;
        }
        self.timer.arm(now + self.gap());
        self.state = State::Queued {
            command,
            timeout,
            until: now + GAP_LIMIT,
        };
        true
    }

    /// Whether a command can be sent.
    pub fn is_free(&self) -> bool {
        matches!(self.state, State::Free)
    }

    /// What the modem sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(line) = self.reader.next(&mut input) {
            self.handle_line(&line);
        }
        if bytes.is_empty() {
            return;
        }
        if self.reader.is_in_frame() || Response::parse(self.reader.pending()) != Response::Other {
            self.silence.arm(now + SILENCE);
        } else {
            self.silence.cancel();
        }
        if let State::Queued { until, .. } = self.state {
            self.timer.arm((now + self.gap()).min(until));
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
                self.handle_line(&line);
            }
        }
        if !self.timer.expired(now) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Free) {
            State::Free => {}
            State::Queued {
                command, timeout, ..
            } => {
                self.is_late = false;
                self.log_chat(format!("send ({})", command.wire_shown()));
                self.log_chat("expect (OK)");
                self.transmit.extend_from_slice(command.wire().expose());
                self.timer.arm(now + timeout);
                self.state = State::Sent {
                    command,
                    timeout,
                    lines: Vec::new(),
                };
            }
            State::Sent {
                command,
                timeout,
                lines,
            } => {
                self.is_late = true;
                self.log_chat("alarm");
                self.events.push_back(AskerEvent::Answer(Reply {
                    command: command.shown().to_owned(),
                    lines,
                    outcome: Outcome::Timeout(timeout),
                }));
            }
        }
    }

    /// Appends what is to be sent to `out`; false if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.transmit);
        let sent = !self.transmit.is_empty();
        zeroize::Zeroize::zeroize(&mut self.transmit);
        sent
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<AskerEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.timer.deadline(), self.silence.deadline()])
    }

    /// The command that has just been answered had to be repeated: an answer to its first sending may still come.
    pub(crate) fn expect_late_answer(&mut self) {
        self.is_late = true;
    }

    fn gap(&self) -> Duration {
        if self.is_late { LATE_GAP } else { GAP }
    }

    fn handle_line(&mut self, line: &Line) {
        if line.cut {
            return;
        }
        self.log_received(&line.bytes);
        let State::Sent { command, lines, .. } = &mut self.state else {
            return;
        };
        let outcome = match Response::parse(&line.bytes) {
            Response::Ok => Outcome::Ok,
            Response::Error => Outcome::Error,
            Response::Extended { code, text } => Outcome::Extended {
                code,
                text: self.veil.show(text.as_bytes()),
            },
            Response::Connect
            | Response::NoCall(_)
            | Response::Disconnected
            | Response::Refused(_) => return,
            Response::Other => {
                if lines.len() < MAX_LINES && !command.is_echoed_by(&line.bytes) {
                    lines.push(show(line.bytes.trim_ascii()));
                }
                return;
            }
        };
        let answer = Reply {
            command: command.shown().to_owned(),
            lines: std::mem::take(lines),
            outcome,
        };
        self.state = State::Free;
        self.timer.cancel();
        self.log_chat(match answer.outcome {
            Outcome::Ok => " -- got it",
            Outcome::Error | Outcome::Extended { .. } | Outcome::Timeout(_) => " -- failed",
        });
        self.events.push_back(AskerEvent::Answer(answer));
    }

    fn log_received(&mut self, line: &[u8]) {
        let text = match &self.state {
            State::Sent { command, .. } => self.veil.show_answer(command, line),
            State::Free | State::Queued { .. } => self.veil.show(line),
        };
        match self.log_budget {
            0 => return,
            1 => self.log(LogLine::uplinkd(
                Level::Warning,
                "the modem says too much: further lines are not logged",
            )),
            _ => self.log_chat(text),
        }
        self.log_budget -= 1;
    }

    fn log_chat(&mut self, text: impl Into<String>) {
        self.log(LogLine::chat(Level::Debug, text));
    }

    fn log(&mut self, line: LogLine) {
        self.events.push_back(AskerEvent::Log(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at::Part;
    use crate::secret::Secret;

    fn sent(asker: &mut Asker, now: Instant) -> Vec<u8> {
        asker.handle_timeout(now);
        let mut out = Vec::new();
        asker.poll_transmit(&mut out);
        out
    }

    fn answers(asker: &mut Asker) -> (Vec<Reply>, Vec<String>) {
        let (mut answers, mut log) = (Vec::new(), Vec::new());
        while let Some(event) = asker.poll_event() {
            match event {
                AskerEvent::Log(line) => log.push(line.text),
                AskerEvent::Answer(answer) => answers.push(answer),
            }
        }
        (answers, log)
    }

    fn asked(command: Command) -> Asker {
        let mut asker = Asker::new(Veil::default());
        let now = Instant::ZERO;
        assert!(asker.send(now, command, Duration::from_secs(3)));
        assert!(!asker.send(now, "AT".into(), Duration::from_secs(3)));
        assert_eq!(asker.poll_timeout(), Some(now + GAP));
        assert!(!sent(&mut asker, now + GAP).is_empty());
        asker
    }

    #[test]
    fn an_answer_has_its_lines_and_no_echo() {
        let mut asker = asked("AT+CSQ".into());
        let bytes = b"AT+CSQ\r\r\n^RSSI: 12\r\n+CSQ: 18,99\r\n\r\nOK\r\n";
        asker.handle_bytes(Instant::from_millis(50), bytes);
        let (answers, log) = answers(&mut asker);
        assert_eq!(
            answers,
            [Reply {
                command: "AT+CSQ".to_owned(),
                lines: ["^RSSI: 12", "+CSQ: 18,99"].map(str::to_owned).to_vec(),
                outcome: Outcome::Ok,
            }]
        );
        assert_eq!(
            log,
            [
                "send (AT+CSQ^M)",
                "expect (OK)",
                "AT+CSQ",
                "^RSSI: 12",
                "+CSQ: 18,99",
                "OK",
                " -- got it"
            ]
        );
        assert!(asker.is_free() && asker.poll_timeout().is_none());
    }

    #[test]
    fn results_of_a_former_call_answer_nothing() {
        let mut asker = asked("AT+CSQ".into());
        asker.handle_bytes(
            Instant::from_millis(50),
            b"\r\nNO CARRIER\r\n+CME ERROR: SIM busy\r\n",
        );
        let (answers, _) = answers(&mut asker);
        let result = Outcome::Extended {
            code: Some(14),
            text: "+CME ERROR: SIM busy".to_owned(),
        };
        assert_eq!(
            answers.iter().map(|a| &a.outcome).collect::<Vec<_>>(),
            [&result]
        );
    }

    #[test]
    fn silence_is_told_and_a_late_answer_is_waited_out() {
        let mut asker = asked("AT+CSQ".into());
        let end = asker.poll_timeout().unwrap();
        assert_eq!(end, Instant::ZERO + GAP + Duration::from_secs(3));
        asker.handle_timeout(end);
        let (gone, _) = answers(&mut asker);
        assert_eq!(
            gone.first().map(|answer| answer.outcome.clone()),
            Some(Outcome::Timeout(Duration::from_secs(3)))
        );
        assert!(asker.send(end, "AT".into(), Duration::from_secs(3)));
        let late = end + Duration::from_millis(900);
        asker.handle_bytes(late, b"\r\n+CSQ: 1,99\r\nOK\r\n");
        assert_eq!(asker.poll_timeout(), Some(late + LATE_GAP));
        assert_eq!(answers(&mut asker).0, []);
        assert_eq!(sent(&mut asker, late + LATE_GAP), b"AT\r");
    }

    #[test]
    fn a_secret_is_not_logged_in_whatever_pieces_its_echo_comes() {
        let pin = Secret::new("4711");
        let command = Command::of(&[
            Part::Plain("AT+CPIN=\""),
            Part::Hidden(&pin),
            Part::Plain("\""),
        ]);
        let mut asker = asked(command);
        for piece in [
            "AT+CPIN=\"47",
            "11\"\r",
            "\r\n+CREG: 2\r\n",
            "4711\r\nOK\r\n",
        ] {
            asker.handle_bytes(Instant::from_millis(50), piece.as_bytes());
        }
        let (_, log) = answers(&mut asker);
        assert!(!log.join("\n").contains("4711"), "{log:?}");
        assert!(log.contains(&"send (AT+CPIN=\"??????\"^M)".to_owned()));
    }

    #[test]
    fn a_result_without_a_line_end_counts_after_a_while() {
        let mut asker = asked("AT".into());
        asker.handle_bytes(Instant::from_millis(50), b"\r\nOK");
        assert_eq!(answers(&mut asker).0, []);
        asker.handle_timeout(Instant::from_millis(550));
        assert_eq!(answers(&mut asker).0.len(), 1);
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let mut asker = asked("AT&V".into());
        for _ in 0..5000 {
            asker.handle_bytes(Instant::from_millis(50), b"\r\nxxxxxxxx\r\n");
        }
        asker.handle_bytes(Instant::from_millis(50), b"\r\nOK\r\n");
        let (answers, log) = answers(&mut asker);
        assert_eq!(answers.first().map(|a| a.lines.len()), Some(MAX_LINES));
        assert!(log.len() <= LOG_BUDGET as usize + 3);
    }
}

//! One command and its answer, for whoever asks the modem something by hand (spec I9).
//!
//! The modem is woken with `AT` first: a port that was just opened may swallow the first line. No setting is changed,
//! not even the echo. Unsolicited lines that come meanwhile stand among the answer's; nothing tells them apart.

use std::time::Duration;

use super::lines::{Line, LineReader, Mode, show};
use super::plan::{PlanError, check_command};
use super::response::{Response, is_echo};
use crate::time::{Instant, Timer};

/// How long an `AT` may take, and how many are sent.
const PROBE_WAIT: Duration = Duration::from_secs(1);
const PROBES: u32 = 5;

/// After more than one `AT` a late OK may still come: so long is it quiet before the command goes out.
const QUIET: Duration = Duration::from_millis(300);

/// Most lines of an answer, and octets of them.
const MAX_LINES: usize = 200;
const MAX_OCTETS: usize = 16 * 1024;

/// Escape: leaves a modem that waits for a text (3GPP TS 27.005 section 3.5.1).
const ESCAPE: u8 = 0x1b;

/// What the modem answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The lines before the result, printable, without blank ones and without an echo.
    pub lines: Vec<String>,
    /// The result: `OK`, `ERROR`, `+CME ERROR: 10 (SIM not inserted)`, `CONNECT`.
    pub result: String,
}

impl Answer {
    /// Whether the modem did what it was told.
    pub fn is_ok(&self) -> bool {
        self.result == "OK" || self.result.starts_with("CONNECT")
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// Nothing but silence, or nonsense.
    #[error("the modem does not answer AT commands on this port")]
    NoAnswer,
    /// The command had no result in time.
    #[error("the modem did not finish {command} within {} s", .after.as_secs())]
    Timeout {
        /// The command.
        command: String,
        /// So long was waited.
        after: Duration,
    },
    /// The modem wants a text.
    #[error("{command} waits for a text, which cannot be given here; it was left")]
    Prompt {
        /// The command.
        command: String,
    },
    /// The answer has no end.
    #[error("the answer to {command} is longer than {MAX_OCTETS} bytes or {MAX_LINES} lines")]
    TooLong {
        /// The command.
        command: String,
    },
}

/// The exchange. After each `&mut` call drain [`poll_transmit`](Self::poll_transmit), then
/// [`poll_result`](Self::poll_result), then read [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Exchange {
    command: String,
    limit: Duration,
    reader: LineReader,
    state: State,
    timer: Timer,
    transmit: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Idle,
    Probing {
        sent: u32,
    },
    /// It answers; late answers are waited for.
    Quiet,
    Asking {
        lines: Vec<String>,
        octets: usize,
        echoed: bool,
    },
    /// The result waits to be taken.
    Done(Result<Answer, ExchangeError>),
    Over,
}

impl Exchange {
    /// One that waits for [`start`](Self::start); the command may take as long as `limit`.
    ///
    /// # Errors
    /// If the command is no single line that begins with AT.
    pub fn new(command: &str, limit: Duration) -> Result<Self, PlanError> {
        check_command(command)?;
        Ok(Self {
            command: command.to_owned(),
            limit,
            reader: LineReader::new(Mode::Command),
            state: State::Idle,
            timer: Timer::default(),
            transmit: Vec::new(),
        })
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        if let State::Idle = self.state {
            self.probe(now, 1);
        }
    }

    /// Takes in what the modem sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(line) = self.reader.next(&mut input) {
            self.handle_line(now, &line);
        }
        if let State::Asking { .. } = self.state
            && self.reader.pending().trim_ascii() == b">"
        {
            self.transmit.push(ESCAPE);
            self.finish(Err(ExchangeError::Prompt {
                command: self.command.clone(),
            }));
        }
        if let State::Quiet = self.state {
            self.timer.arm(now + QUIET);
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.timer.expired(now) {
            return;
        }
        match self.state {
            State::Probing { sent } if sent < PROBES => self.probe(now, sent + 1),
            State::Probing { .. } => self.finish(Err(ExchangeError::NoAnswer)),
            State::Quiet => self.ask(now),
            State::Asking { .. } => self.finish(Err(ExchangeError::Timeout {
                command: self.command.clone(),
                after: self.limit,
            })),
            State::Idle | State::Done(_) | State::Over => {}
        }
    }

    /// Appends what is to be sent; false if there is nothing.
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.transmit.is_empty();
        out.append(&mut self.transmit);
        any
    }

    /// The answer, once.
    #[must_use]
    pub fn poll_result(&mut self) -> Option<Result<Answer, ExchangeError>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Done(result) => Some(result),
            other @ (State::Idle
            | State::Probing { .. }
            | State::Quiet
            | State::Asking { .. }
            | State::Over) => {
                self.state = other;
                None
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timer.deadline()
    }

    fn probe(&mut self, now: Instant, sent: u32) {
        self.transmit.extend_from_slice(b"AT\r");
        self.timer.arm(now + PROBE_WAIT);
        self.state = State::Probing { sent };
    }

    fn ask(&mut self, now: Instant) {
        self.transmit.extend_from_slice(self.command.as_bytes());
        self.transmit.push(b'\r');
        self.timer.arm(now + self.limit);
        self.state = State::Asking {
            lines: Vec::new(),
            octets: 0,
            echoed: false,
        };
    }

    fn handle_line(&mut self, now: Instant, line: &Line) {
        let response = Response::parse(&line.bytes);
        match &mut self.state {
            State::Probing { sent: 1 } if response == Response::Ok => self.ask(now),
            State::Probing { .. } if response == Response::Ok => {
                self.timer.arm(now + QUIET);
                self.state = State::Quiet;
            }
            State::Asking {
                lines,
                octets,
                echoed,
            } => {
                if !*echoed && is_echo(&line.bytes, self.command.as_bytes()) {
                    *echoed = true;
                    return;
                }
                if let Some(result) = result(&response, &line.bytes) {
                    let lines = std::mem::take(lines);
                    return self.finish(Ok(Answer { lines, result }));
                }
                let text = show(line.bytes.trim_ascii());
                *octets = octets.saturating_add(text.len());
                lines.push(text);
                if lines.len() > MAX_LINES || *octets > MAX_OCTETS {
                    self.finish(Err(ExchangeError::TooLong {
                        command: self.command.clone(),
                    }));
                }
            }
            State::Probing { .. } | State::Idle | State::Quiet | State::Done(_) | State::Over => {}
        }
    }

    fn finish(&mut self, result: Result<Answer, ExchangeError>) {
        self.timer.cancel();
        self.state = State::Done(result);
    }
}

/// The result as it is shown, if the line is one.
fn result(response: &Response, line: &[u8]) -> Option<String> {
    match response {
        Response::Other => None,
        Response::Ok => Some("OK".to_owned()),
        Response::Extended { text, .. } => Some(text.clone()),
        Response::Connect
        | Response::Error
        | Response::NoCall(_)
        | Response::Disconnected
        | Response::Refused(_) => Some(show(line.trim_ascii())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn exchange(command: &str) -> Exchange {
        let mut exchange = Exchange::new(command, LIMIT).unwrap();
        exchange.start(Instant::ZERO);
        assert_eq!(sent(&mut exchange), "AT\r");
        exchange
    }

    fn sent(exchange: &mut Exchange) -> String {
        let mut out = Vec::new();
        let any = exchange.poll_transmit(&mut out);
        assert_eq!(any, !out.is_empty());
        String::from_utf8(out).unwrap()
    }

    fn answer(lines: &[&str], result: &str) -> Option<Result<Answer, ExchangeError>> {
        Some(Ok(Answer {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            result: result.to_owned(),
        }))
    }

    #[test]
    fn a_question_gets_its_lines() {
        let mut exchange = exchange("AT+CSQ");
        exchange.handle_bytes(Instant::ZERO, b"AT\r\r\nOK\r\n");
        assert_eq!(sent(&mut exchange), "AT+CSQ\r");
        exchange.handle_bytes(Instant::ZERO, b"AT+CSQ\r\r\n+CSQ: 18,99\r\n\r\nO");
        assert_eq!(exchange.poll_result(), None);
        exchange.handle_bytes(Instant::ZERO, b"K\r\n");
        assert_eq!(exchange.poll_result(), answer(&["+CSQ: 18,99"], "OK"));
        assert_eq!(exchange.poll_result(), None);
        assert_eq!(exchange.poll_timeout(), None);
    }

    #[test]
    fn chunks_do_not_matter() {
        let input = b"AT+X\r\r\na\x01b\r\nc\r\n+CME ERROR: 10\r\n";
        for size in 1..input.len() {
            let mut exchange = exchange("AT+X");
            exchange.handle_bytes(Instant::ZERO, b"OK\r\n");
            for chunk in input.chunks(size) {
                exchange.handle_bytes(Instant::ZERO, chunk);
            }
            assert_eq!(
                exchange.poll_result(),
                answer(&["a^Ab", "c"], "+CME ERROR: 10 (SIM not inserted)")
            );
        }
    }

    #[test]
    fn a_late_ok_of_the_waking_is_not_the_result() {
        let mut exchange = exchange("AT+CGMM");
        exchange.handle_timeout(Instant::from_millis(1000));
        exchange.handle_timeout(Instant::from_millis(1000));
        assert_eq!(sent(&mut exchange), "AT\r");
        exchange.handle_bytes(Instant::from_millis(1100), b"\r\nOK\r\n");
        exchange.handle_bytes(Instant::from_millis(1300), b"\r\nOK\r\n");
        assert_eq!(sent(&mut exchange), "");
        assert_eq!(exchange.poll_timeout(), Some(Instant::from_millis(1600)));
        exchange.handle_timeout(Instant::from_millis(1600));
        assert_eq!(sent(&mut exchange), "AT+CGMM\r");
        exchange.handle_bytes(Instant::from_millis(1700), b"EC25\r\nOK\r\n");
        assert_eq!(exchange.poll_result(), answer(&["EC25"], "OK"));
    }

    #[test]
    fn silence_ends_it() {
        let mut exchange = exchange("AT+CSQ");
        let mut probes = 1;
        while let Some(at) = exchange.poll_timeout() {
            exchange.handle_timeout(at);
            probes += u32::from(!sent(&mut exchange).is_empty());
        }
        assert_eq!(probes, PROBES);
        assert_eq!(exchange.poll_result(), Some(Err(ExchangeError::NoAnswer)));
    }

    #[test]
    fn a_command_without_a_result_ends_at_its_limit() {
        let mut exchange = exchange("AT+COPS=?");
        exchange.handle_bytes(Instant::ZERO, b"OK\r\nRING\r\n");
        assert_eq!(exchange.poll_timeout(), Some(Instant::from_millis(60_000)));
        exchange.handle_timeout(Instant::from_millis(60_000));
        assert_eq!(
            exchange.poll_result(),
            Some(Err(ExchangeError::Timeout {
                command: "AT+COPS=?".to_owned(),
                after: LIMIT
            }))
        );
    }

    #[test]
    fn a_prompt_is_left_with_escape() {
        let mut exchange = exchange("AT+CMGS=\"1\"");
        exchange.handle_bytes(Instant::ZERO, b"OK\r\n");
        assert_eq!(sent(&mut exchange), "AT+CMGS=\"1\"\r");
        exchange.handle_bytes(Instant::ZERO, b"\r\n> ");
        assert_eq!(sent(&mut exchange), "\u{1b}");
        let result = exchange.poll_result().unwrap().unwrap_err();
        assert_eq!(
            result.to_string(),
            "AT+CMGS=\"1\" waits for a text, which cannot be given here; it was left"
        );
    }

    #[test]
    fn an_answer_without_an_end_is_bounded() {
        let mut exchange = exchange("AT+X");
        exchange.handle_bytes(Instant::ZERO, b"OK\r\n");
        for _ in 0..1000 {
            exchange.handle_bytes(Instant::ZERO, &b"x".repeat(500));
            exchange.handle_bytes(Instant::ZERO, b"\r\n");
        }
        assert_eq!(
            exchange.poll_result(),
            Some(Err(ExchangeError::TooLong {
                command: "AT+X".to_owned()
            }))
        );
    }

    #[test]
    fn refuses_what_is_no_command() {
        assert_eq!(
            Exchange::new("AT\rATH", LIMIT).unwrap_err(),
            PlanError::Command('\r')
        );
        assert_eq!(Exchange::new("+++", LIMIT).unwrap_err(), PlanError::NotAt);
    }
}

//! One question to a port: is a modem there, and what does it answer (spec D3, S2)?
//!
//! For finding a modem the question is `AT`, and any final result is an answer, ERROR too: only a modem says such
//! things. An echo alone is none; consoles and loops echo as well. A modem that a crashed predecessor has left in data
//! mode answers no `AT`: at the end an LCP Echo-Request is sent, and a frame that comes back is an answer of its own.
//!
//! ModemManager asks six times, 3 s each. We ask three times, 1.5 s each: a modem that starts so slowly is found at the
//! next look, half a minute later, and meanwhile other ports are not kept waiting.

use std::collections::VecDeque;
use std::time::Duration;

use super::lines::{LineReader, Mode, PROBE, show};
use super::response::{Response, is_echo};
use crate::log::{Level, LogLine};
use crate::time::{Instant, Timer};

/// How long the answer to the Echo-Request is waited for.
const FRAME_WAIT: Duration = Duration::from_millis(500);

/// A final result without a line end counts after this silence.
const SILENCE: Duration = Duration::from_millis(200);

/// No more lines of one dialog are shown in the log.
const LOG_BUDGET: u32 = 20;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbePlan {
    /// The command, without the carriage return.
    pub command: String,
    /// How often it is sent, at least once.
    pub tries: u32,
    /// How long each try waits for its answer.
    pub wait: Duration,
}

impl ProbePlan {
    /// Whether a modem is there.
    pub fn presence() -> Self {
        Self {
            command: "AT".to_owned(),
            tries: 3,
            wait: Duration::from_millis(1500),
        }
    }

    /// A command whose answer matters, such as a reset: sent once.
    pub fn command(command: &str) -> Self {
        Self {
            command: command.to_owned(),
            tries: 1,
            wait: Duration::from_secs(5),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `OK`.
    Ok,
    /// Another final result, in the modem's words: `ERROR`, `+CME ERROR: 4 (..)`.
    Refused(String),
    /// PPP frames.
    DataMode,
    /// Nothing that a modem would say.
    Silent,
}

impl Answer {
    /// Whether a modem is there.
    pub fn is_modem(&self) -> bool {
        match self {
            Self::Ok | Self::Refused(_) | Self::DataMode => true,
            Self::Silent => false,
        }
    }
}

/// What a [`Probe`] tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeEvent {
    /// A line for the log.
    Log(LogLine),
    /// It is over. Nothing follows.
    Done(Answer),
}

/// The question as a state machine. Same contract as [`Dialer`](super::Dialer).
#[derive(Debug)]
pub struct Probe {
    plan: ProbePlan,
    phase: Phase,
    reader: LineReader,
    /// The end of the phase.
    timer: Timer,
    /// Text without a line end counts when this has passed.
    silence: Timer,
    sent: u32,
    transmit: Vec<u8>,
    events: VecDeque<ProbeEvent>,
    log_budget: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not started.
    Idle,
    /// For a final result.
    Asking,
    /// For a frame.
    Echoing,
    /// Over.
    Done,
}

impl Probe {
    /// One that has not begun.
    pub fn new(plan: ProbePlan) -> Self {
        Self {
            plan,
            phase: Phase::Idle,
            reader: LineReader::new(Mode::Command),
            timer: Timer::default(),
            silence: Timer::default(),
            sent: 0,
            transmit: Vec::new(),
            events: VecDeque::new(),
            log_budget: LOG_BUDGET,
        }
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        if self.phase == Phase::Idle {
            self.ask(now);
        }
    }

    /// What came from the port.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut input = bytes;
        while matches!(self.phase, Phase::Asking | Phase::Echoing)
            && let Some(line) = self.reader.next(&mut input)
        {
            self.handle_line(&line.bytes);
        }
        self.silence.arm(now + SILENCE);
        if self.phase == Phase::Done {
            self.silence.cancel();
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.silence.expired(now)
            && let Some(line) = self.reader.take_pending()
        {
            self.handle_line(&line.bytes);
        }
        if !self.timer.expired(now) {
            return;
        }
        match self.phase {
            Phase::Asking if self.reader.frames() > 0 => self.finish(Answer::DataMode),
            Phase::Asking if self.sent < self.plan.tries => self.ask(now),
            Phase::Asking => {
                self.log("send (LCP Echo-Request)");
                self.transmit.extend_from_slice(&PROBE);
                self.transmit.push(0x7e);
                self.phase = Phase::Echoing;
                self.timer.arm(now + FRAME_WAIT);
            }
            Phase::Echoing if self.reader.frames() > 0 => self.finish(Answer::DataMode),
            Phase::Echoing => self.finish(Answer::Silent),
            Phase::Idle | Phase::Done => {}
        }
    }

    /// Moves what is to be sent behind `out`; false if there is nothing.
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let some = !self.transmit.is_empty();
        out.append(&mut self.transmit);
        some
    }

    /// What happened.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ProbeEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        crate::time::earliest([self.timer.deadline(), self.silence.deadline()])
    }

    fn ask(&mut self, now: Instant) {
        self.sent += 1;
        let command = self.plan.command.clone();
        self.log(&format!("send ({command}^M)"));
        self.transmit.extend_from_slice(command.as_bytes());
        self.transmit.push(b'\r');
        self.phase = Phase::Asking;
        self.timer.arm(now + self.plan.wait);
    }

    fn handle_line(&mut self, line: &[u8]) {
        self.log(&show(line));
        if is_echo(line, self.plan.command.as_bytes()) {
            return;
        }
        match Response::parse(line) {
            Response::Ok => self.finish(Answer::Ok),
            Response::Error => self.finish(Answer::Refused(show(line))),
            Response::Extended { text, .. } => self.finish(Answer::Refused(text)),
            // Whatever call that belongs to: the command at hand has not been answered.
            Response::NoCall(_)
            | Response::Disconnected
            | Response::Connect
            | Response::Refused(_)
            | Response::Other => {}
        }
    }

    fn finish(&mut self, answer: Answer) {
        if self.phase == Phase::Done {
            return;
        }
        self.phase = Phase::Done;
        self.timer.cancel();
        self.silence.cancel();
        self.events.push_back(ProbeEvent::Done(answer));
    }

    fn log(&mut self, text: &str) {
        if self.log_budget > 0 {
            self.log_budget -= 1;
            self.events
                .push_back(ProbeEvent::Log(LogLine::chat(Level::Debug, text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs a probe against `modem`, which answers what is sent; the answer, and after how many milliseconds.
    fn run(plan: ProbePlan, mut modem: impl FnMut(&[u8]) -> Vec<u8>) -> (Answer, u64) {
        let mut probe = Probe::new(plan);
        let mut now = Instant::ZERO;
        probe.start(now);
        for _ in 0..100 {
            let mut out = Vec::new();
            while probe.poll_transmit(&mut out) {}
            if !out.is_empty() {
                let answer = modem(&out);
                probe.handle_bytes(now, &answer);
            }
            while let Some(event) = probe.poll_event() {
                if let ProbeEvent::Done(answer) = event {
                    assert_eq!(probe.poll_timeout(), None);
                    let ms = u64::try_from(now.since_origin().as_millis()).unwrap();
                    return (answer, ms);
                }
            }
            now = probe.poll_timeout().unwrap_or(now);
            probe.handle_timeout(now);
        }
        panic!("it does not end");
    }

    /// The longest that a probe with this plan takes.
    fn longest(plan: &ProbePlan) -> Duration {
        plan.wait * plan.tries.max(1) + FRAME_WAIT + SILENCE
    }

    #[test]
    fn any_final_result_is_a_modem() {
        let ask = |answer: &'static [u8]| run(ProbePlan::presence(), move |_| answer.to_vec());
        assert_eq!(ask(b"AT\r\r\nOK\r\n"), (Answer::Ok, 0));
        assert_eq!(
            ask(b"\r\nERROR\r\n"),
            (Answer::Refused("ERROR".to_owned()), 0)
        );
        assert_eq!(
            ask(b"+CME ERROR: 13\r"),
            (
                Answer::Refused("+CME ERROR: 13 (SIM failure)".to_owned()),
                0
            )
        );
        assert_eq!(
            ask(b"\r\nRDY\r\n\r\n^SYSSTART\r\nOK"),
            (Answer::Ok, 200),
            "without a line end"
        );
    }

    #[test]
    fn what_is_no_answer_is_silence() {
        let silent = (Answer::Silent, 5_000);
        let plan = ProbePlan::presence;
        assert_eq!(run(plan(), |_| Vec::new()), silent);
        assert_eq!(run(plan(), <[u8]>::to_vec), silent, "a loop, or an echo");
        let gnss = |_: &[u8]| b"$GPGGA,,,,,,0,,,,,,,,*66\r\n".to_vec();
        assert_eq!(run(plan(), gnss), silent);
        let console = |_: &[u8]| b"\r\nPassword: ".to_vec();
        assert_eq!(run(plan(), console), silent);
        assert!(Duration::from_millis(silent.1) <= longest(&plan()));
    }

    #[test]
    fn a_modem_that_wakes_up_late_is_found() {
        let mut times = 0;
        let answer = run(ProbePlan::presence(), |_| {
            times += 1;
            if times == 3 {
                b"\r\nOK\r\n".to_vec()
            } else {
                Vec::new()
            }
        });
        assert_eq!(answer, (Answer::Ok, 3_000));
    }

    #[test]
    fn a_modem_in_data_mode_is_a_modem() {
        // It echoes the Echo-Request as a reply.
        let reply = b"\x7e\xff\x03\xc0\x21\x0a\x01\x00\x08\x01\x02\x03\x04\x55\x66\x7e";
        let answers = |sent: &[u8]| {
            if sent.starts_with(b"\x7e\xff") {
                reply.to_vec()
            } else {
                Vec::new()
            }
        };
        assert_eq!(
            run(ProbePlan::presence(), answers),
            (Answer::DataMode, 5_000)
        );
        assert_eq!(
            run(ProbePlan::presence(), |_| reply.to_vec()),
            (Answer::DataMode, 1_500)
        );
    }

    #[test]
    fn a_reset_is_sent_once() {
        let mut sent = Vec::new();
        let answer = run(ProbePlan::command("AT+CFUN=16"), |bytes| {
            sent.push(bytes.to_vec());
            Vec::new()
        });
        assert_eq!(answer, (Answer::Silent, 5_500));
        assert_eq!(sent.first().map(Vec::as_slice), Some(&b"AT+CFUN=16\r"[..]));
        assert_eq!(sent.len(), 2);
    }

    proptest! {
        #[test]
        fn it_always_ends_in_time(chunks in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut chunks = chunks.into_iter();
            let (_, ms) = run(ProbePlan::presence(), |_| chunks.next().unwrap_or_default());
            prop_assert!(Duration::from_millis(ms) <= longest(&ProbePlan::presence()));
        }
    }
}

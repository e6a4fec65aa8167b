//! The second AT port while the link is up: signal, registration, operator (spec D4, S7), and one command of the user's at
//! a time (spec I9).
//!
//! Only questions are asked, and never `+CGACT?`: the Huawei E173 stops answering on the port that carries the call when
//! it is asked for its contexts on the other one.

use std::collections::VecDeque;
use std::time::Duration;

use super::answers;
use super::bringup::overall;
use super::info::{ModemInfo, Registration};
use crate::at::{
    Answer, Asker, AskerEvent, Command, Exchange, ExchangeError, Outcome, PlanError, Reply, Veil,
};
use crate::log::{Level, LogLine};
use crate::time::{Instant, Timer, earliest};

/// How long a question may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Questions in a row without an answer: the port is dead.
const MAX_UNANSWERED: u32 = 3;
/// Before the first question, and between rounds at the least.
const SHORTEST: Duration = Duration::from_secs(1);

/// What a [`Query`] is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryPlan {
    /// Between two rounds of questions; zero: no rounds, only the user's commands.
    pub interval: Duration,
}

/// What a [`Query`] tells its owner.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryEvent {
    /// A line for the log.
    Log(LogLine),
    /// What the modem has told in a round. What it has not told this time is not there, so that nobody takes an old
    /// value for a new one.
    Info(ModemInfo),
    /// The user's command has its answer, or there is none.
    Answer(Result<Answer, ExchangeError>),
    /// Done: the port does not answer.
    Failed,
}

/// Why a command of the user's is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryRefusal {
    /// It is none, or more than one.
    #[error(transparent)]
    Command(#[from] PlanError),
    /// One is under way.
    #[error("another command is under way")]
    Busy,
    /// The port does not answer.
    #[error("the port does not answer AT commands")]
    Dead,
}

/// The queries as a state machine; same contract as [`Dialer`](crate::at::Dialer). It has no end of its own but a port
/// that does not answer.
#[derive(Debug)]
pub struct Query {
    plan: QueryPlan,
    asker: Asker,
    doing: Doing,
    /// The next round, if none is under way.
    timer: Timer,
    /// The user's command: it waits for its turn, or is under way.
    exchange: Option<Box<Exchange>>,
    /// What this round has told.
    info: ModemInfo,
    round: [Option<Registration>; 3],
    unanswered: u32,
    /// The last octets of an exchange that is over, such as the escape that leaves a prompt.
    left: Vec<u8>,
    events: VecDeque<QueryEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Not started.
    Idle,
    /// Between rounds.
    Resting,
    /// The question with this index.
    Asking(usize),
    /// The user's command; the round goes on with this question, or has not begun.
    User(Option<usize>),
    /// Over.
    Dead,
}

/// The questions of a round, in order; the first two once.
const QUESTIONS: [&str; 9] = [
    "ATE0",
    "AT+CMEE=1",
    "AT+CSQ",
    "AT+CREG?",
    "AT+CGREG?",
    "AT+CEREG?",
    "AT+COPS=3,0",
    "AT+COPS?",
    "AT+CPIN?",
];
/// The first question of all rounds but the first.
const FIRST: usize = 2;

impl Query {
    /// Queries that have not begun.
    pub fn new(plan: QueryPlan) -> Self {
        Self {
            plan,
            asker: Asker::new(Veil::default()),
            doing: Doing::Idle,
            timer: Timer::default(),
            exchange: None,
            info: ModemInfo::default(),
            round: [None; 3],
            unanswered: 0,
            left: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins with a round.
    pub fn start(&mut self, now: Instant) {
        if self.doing != Doing::Idle {
            return;
        }
        self.doing = Doing::Resting;
        if !self.plan.interval.is_zero() {
            self.ask(now, 0);
        }
        self.pump(now);
    }

    /// Has a command of the user's sent, before the next question. It may take as long as `limit`.
    ///
    /// # Errors
    /// If it is none, if one is under way, or if the port does not answer.
    pub fn send(
        &mut self,
        now: Instant,
        command: &str,
        limit: Duration,
    ) -> Result<(), QueryRefusal> {
        let exchange = Exchange::new(command, limit)?;
        if self.doing == Doing::Dead {
            return Err(QueryRefusal::Dead);
        }
        if self.exchange.is_some() {
            return Err(QueryRefusal::Busy);
        }
        self.exchange = Some(Box::new(exchange));
        if matches!(self.doing, Doing::Idle | Doing::Resting) {
            self.go_on(now, None);
        }
        self.pump(now);
        Ok(())
    }

    /// What the modem sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        match (self.doing, &mut self.exchange) {
            (Doing::Dead, _) => {}
            (Doing::User(_), Some(exchange)) => exchange.handle_bytes(now, bytes),
            (Doing::User(_) | Doing::Idle | Doing::Resting | Doing::Asking(_), _) => {
                self.asker.handle_bytes(now, bytes);
            }
        }
        self.pump(now);
    }

    /// The clock has reached [`poll_timeout`](Self::poll_timeout), or has not.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.doing == Doing::Dead {
            return;
        }
        self.asker.handle_timeout(now);
        if let (Doing::User(_), Some(exchange)) = (self.doing, &mut self.exchange) {
            exchange.handle_timeout(now);
        }
        if self.doing == Doing::Resting && self.timer.expired(now) {
            self.ask(now, FIRST);
        }
        self.pump(now);
    }

    /// Appends what is to be sent to `out`; false if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let left = !self.left.is_empty();
        out.append(&mut self.left);
        let sent = match (self.doing, &mut self.exchange) {
            (Doing::User(_), Some(exchange)) => exchange.poll_transmit(out),
            (_, _) => self.asker.poll_transmit(out),
        };
        left | sent
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<QueryEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.doing == Doing::Dead {
            return None;
        }
        let exchange = match (self.doing, &self.exchange) {
            (Doing::User(_), Some(exchange)) => exchange.poll_timeout(),
            (_, _) => None,
        };
        earliest([
            self.asker.poll_timeout(),
            exchange,
            self.timer
                .deadline()
                .filter(|_| self.doing == Doing::Resting),
        ])
    }

    fn pump(&mut self, now: Instant) {
        while let Some(event) = self.asker.poll_event() {
            match event {
                AskerEvent::Log(line) => {
                    // What is asked every minute is nothing for the log of every day.
                    let level = match line.level {
                        Level::Debug => Level::Trace,
                        other => other,
                    };
                    self.events
                        .push_back(QueryEvent::Log(LogLine { level, ..line }));
                }
                AskerEvent::Answer(reply) => self.handle_answer(now, &reply),
            }
        }
        let Doing::User(next) = self.doing else {
            return;
        };
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        if let Some(result) = exchange.poll_result() {
            while exchange.poll_transmit(&mut self.left) {}
            self.exchange = None;
            if result.is_err() {
                self.asker.expect_late_answer();
            }
            // A command of the user's may take longer than its limit; that the port is dead, the next question tells.
            self.events.push_back(QueryEvent::Answer(result));
            self.go_on(now, next);
        }
    }

    fn handle_answer(&mut self, now: Instant, reply: &Reply) {
        let Doing::Asking(at) = self.doing else {
            return;
        };
        let silent = matches!(reply.outcome, Outcome::Timeout(_));
        self.unanswered = if silent { self.unanswered + 1 } else { 0 };
        if self.unanswered >= MAX_UNANSWERED {
            self.die();
            return;
        }
        self.read(at, reply);
        self.go_on(now, Some(at + 1));
    }

    /// What comes next: the user's command, the round's next question, or a rest.
    fn go_on(&mut self, now: Instant, next: Option<usize>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.start(now);
            self.doing = Doing::User(next);
        } else if let Some(next) = next {
            self.ask(now, next);
        } else {
            self.doing = Doing::Resting;
        }
    }

    fn ask(&mut self, now: Instant, at: usize) {
        let question = QUESTIONS.get(at).map(|text| Command::new(text));
        if let Some(command) = question
            && self.asker.send(now, command, QUESTION_TIMEOUT)
        {
            self.doing = Doing::Asking(at);
        } else {
            self.rest(now);
        }
    }

    /// The round is over.
    fn rest(&mut self, now: Instant) {
        self.doing = Doing::Resting;
        self.info.registration = overall(self.round);
        self.round = [None; 3];
        if !self.plan.interval.is_zero() {
            self.timer.arm(now + self.plan.interval.max(SHORTEST));
        }
        let told = std::mem::take(&mut self.info);
        if told != ModemInfo::default() {
            self.events.push_back(QueryEvent::Info(told));
        }
    }

    fn die(&mut self) {
        self.doing = Doing::Dead;
        if self.exchange.take().is_some() {
            let nobody = Err(ExchangeError::NoAnswer);
            self.events.push_back(QueryEvent::Answer(nobody));
        }
        self.events.push_back(QueryEvent::Failed);
    }

    fn read(&mut self, at: usize, reply: &Reply) {
        if reply.outcome != Outcome::Ok {
            return;
        }
        let lines = &reply.lines;
        let mut registration = |which: usize, name: &str| {
            let Some((state, technology)) = answers::registration(lines, name) else {
                return;
            };
            if let Some(slot) = self.round.get_mut(which) {
                *slot = Some(state);
            }
            if let Some(technology) = technology.filter(|_| state.is_usable()) {
                self.info.technology = Some(technology.to_owned());
            }
        };
        match QUESTIONS.get(at).copied() {
            Some("AT+CSQ") => self.info.signal = answers::signal(lines),
            Some("AT+CREG?") => registration(0, "+CREG:"),
            Some("AT+CGREG?") => registration(1, "+CGREG:"),
            Some("AT+CEREG?") => registration(2, "+CEREG:"),
            Some("AT+COPS?") => {
                let Some(operator) = answers::operator(lines) else {
                    return;
                };
                if let Some(technology) = operator.technology {
                    self.info.technology = Some(technology.to_owned());
                }
                if operator.numeric {
                    self.info.plmn = operator.name;
                } else {
                    self.info.operator = operator.name;
                }
            }
            Some("AT+CPIN?") => self.info.sim = answers::sim_state(lines),
            Some(_) | None => {}
        }
    }
}

#[cfg(test)]
mod tests;

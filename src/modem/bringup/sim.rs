//! The SIM: whether it is there, its number, and its PIN under the guard of `pin`.

use std::time::Duration;

use super::{Ask, Bringup, BringupEvent, BringupPlan, Save};
use crate::at::{Command, DialError, Outcome, Part, Reply};
use crate::log::Level;
use crate::modem::answers;
use crate::modem::info::SimState;
use crate::modem::pin::{self, Permit, PinKey};
use crate::modem::problem::{ModemProblem, PinGuard};
use crate::time::Instant;

/// How long a SIM may be busy.
const BUSY_LIMIT: Duration = Duration::from_secs(60);
/// A SIM that is not there or does not work may only be slow to start.
const ABSENT_LIMIT: Duration = Duration::from_secs(6);
/// How long a SIM may go on asking for a PIN that it has accepted.
const ACCEPT_LIMIT: Duration = Duration::from_secs(10);
/// Between two questions.
const AGAIN: Duration = Duration::from_secs(2);

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct SimProgress {
    /// Since when it is not there, busy, or asks for a PIN that was accepted.
    waiting_since: Option<Instant>,
    tries: Option<u8>,
    /// How the PIN may be sent.
    permit: Option<Permit>,
    pin: PinProgress,
    /// Under which the PIN was noted.
    key: Option<PinKey>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum PinProgress {
    #[default]
    NotSent,
    /// No answer that says anything.
    Sent,
    /// The modem said `OK`.
    Accepted,
    /// The modem said `ERROR`, which may mean anything.
    Doubtful,
}

impl Bringup {
    pub(super) fn sim_begin(&mut self, now: Instant) {
        self.ask(now, Ask::Sim);
    }

    pub(super) fn sim_answer(&mut self, now: Instant, ask: Ask, answer: &Reply) {
        match ask {
            Ask::SimNumber(at) => self.sim_number(now, at, answer),
            Ask::Tries => {
                let tries = answers::pin_tries(&answer.lines);
                match tries.filter(|_| answer.outcome == Outcome::Ok) {
                    Some(tries) => self.tries_known(now, Some(tries)),
                    None => self.ask(now, Ask::TriesByCard),
                }
            }
            Ask::TriesByCard => {
                let tries = answers::pin_tries(&answer.lines);
                self.tries_known(now, tries.filter(|_| answer.outcome == Outcome::Ok));
            }
            Ask::Unlock => self.unlock_answer(now, answer),
            _ => self.sim_state(now, answer),
        }
    }

    /// Whether it is not ready yet.
    pub(super) fn is_waiting_for_sim(&self) -> bool {
        self.sim.waiting_since.is_some()
    }

    // ---- its state

    fn sim_state(&mut self, now: Instant, answer: &Reply) {
        let state = match &answer.outcome {
            Outcome::Ok => answers::sim_state(&answer.lines),
            Outcome::Extended { code, .. } => {
                if *code == Some(16) && self.sim.pin != PinProgress::NotSent {
                    self.pin_refused(now);
                    return;
                }
                answers::sim_state_of_error(*code)
            }
            Outcome::Error | Outcome::Timeout(_) => None,
        };
        let Some(state) = state else {
            self.log_once(
                Level::Notice,
                "the modem does not tell the state of its SIM: going on".to_owned(),
            );
            self.info.sim = None;
            self.ask(now, Ask::SimNumber(0));
            return;
        };
        self.info.sim = Some(state);
        match state {
            SimState::Ready => {
                self.sim.waiting_since = None;
                self.ask(now, Ask::SimNumber(0));
            }
            SimState::Pin => self.pin_wanted(now, answer),
            SimState::Puk => {
                if self.sim.pin == PinProgress::NotSent {
                    self.fail(ModemProblem::PukNeeded.into());
                } else {
                    self.note_refused(now, ModemProblem::PukNeeded);
                }
            }
            SimState::Locked => {
                let text = answers::sim_words(&answer.lines);
                let text = text.unwrap_or_else(|| words(answer));
                self.fail(ModemProblem::SimFailure { text }.into());
            }
            SimState::Busy => self.wait_for_sim(now, BUSY_LIMIT, answer),
            SimState::Absent | SimState::Failure => self.wait_for_sim(now, ABSENT_LIMIT, answer),
        }
    }

    fn wait_for_sim(&mut self, now: Instant, limit: Duration, answer: &Reply) {
        let since = *self.sim.waiting_since.get_or_insert(now);
        let waited = now.since(since);
        if waited < limit {
            if since == now {
                let text = format!("waiting for the SIM: {}", words(answer));
                self.log(Level::Notice, text);
                self.tell_info();
            }
            self.ask_later(now, AGAIN, Ask::Sim);
            return;
        }
        let problem = match self.info.sim {
            Some(SimState::Absent) => ModemProblem::SimAbsent,
            Some(SimState::Failure) => ModemProblem::SimFailure {
                text: words(answer),
            },
            _ => ModemProblem::SimBusy { waited },
        };
        self.fail(problem.into());
    }

    // ---- its number

    fn sim_number(&mut self, now: Instant, at: usize, answer: &Reply) {
        let number = answers::iccid(&answer.lines).filter(|_| answer.outcome == Outcome::Ok);
        if number.is_none() && at < self.profile.sim.iccid.len() {
            self.ask(now, Ask::SimNumber(at + 1));
            return;
        }
        if number.is_some() {
            self.info.iccid = number;
        }
        self.tell_info();
        if self.info.sim != Some(SimState::Pin) || self.sim.pin != PinProgress::NotSent {
            self.sim_done(now);
        } else if self.sim.tries.is_none() && self.profile.sim.tries.is_some() {
            self.ask(now, Ask::Tries);
        } else {
            self.ask(now, Ask::TriesByCard);
        }
    }

    fn sim_done(&mut self, now: Instant) {
        if self.sim.pin != PinProgress::NotSent
            && self.info.sim == Some(SimState::Ready)
            && let Some(key) = self.pin_key_sent()
        {
            pin::note_accepted(&mut self.plan.memory, &key);
            self.save(now, Save::PinAccepted);
        } else {
            self.network_begin(now);
        }
    }

    // ---- its PIN

    fn pin_wanted(&mut self, now: Instant, answer: &Reply) {
        match self.sim.pin {
            PinProgress::NotSent => match &self.plan.pin {
                None => self.fail(ModemProblem::PinNeeded.into()),
                Some(pin) if !pin::is_pin(pin) => {
                    self.log(
                        Level::Error,
                        "the configured PIN is not made of 4 to 8 digits".to_owned(),
                    );
                    self.fail(ModemProblem::PinNeeded.into());
                }
                Some(_) => self.ask(now, Ask::SimNumber(0)),
            },
            // The modem has not said that it is wrong, and the SIM goes on asking.
            PinProgress::Accepted => {
                let since = *self.sim.waiting_since.get_or_insert(now);
                if now.since(since) < ACCEPT_LIMIT {
                    self.ask_later(now, AGAIN, Ask::Sim);
                } else {
                    self.pin_refused(now);
                }
            }
            PinProgress::Doubtful => self.pin_refused(now),
            PinProgress::Sent => {
                // Noted as sent; whether the SIM has counted it, it tells at the next attempt.
                let after = self.plan.command_timeout.min(super::SLOW_TIMEOUT);
                let command = unlock(&self.plan).map_or_else(
                    || answer.command.clone(),
                    |command| command.shown().to_owned(),
                );
                self.fail(DialError::Timeout { command, after }.into());
            }
        }
    }

    fn tries_known(&mut self, now: Instant, tries: Option<u8>) {
        self.sim.tries = tries;
        let Some(key) = self.pin_key() else {
            self.fail(ModemProblem::PinNeeded.into());
            return;
        };
        let memory = &mut self.plan.memory;
        let news = pin::note_tries(memory, &key, tries);
        match pin::judge(memory, &key, tries) {
            Err(why) => {
                if news {
                    self.keep();
                }
                self.hold_back(why);
            }
            Ok(permit) => {
                self.sim.permit = Some(permit);
                if pin::note_sent(&mut self.plan.memory, &key) {
                    self.save(now, Save::PinSent);
                } else {
                    self.send_unnoted(now);
                }
            }
        }
    }

    /// It is noted that the PIN is about to be sent, or cannot be.
    pub(super) fn pin_noted(&mut self, now: Instant, ok: bool) {
        if ok {
            self.send_pin(now);
            return;
        }
        if self.sim.permit != Some(Permit::Known)
            && let Some(key) = self.pin_key()
        {
            // Nothing is sent; so the owner's copy must not say so either.
            pin::note_not_sent(&mut self.plan.memory, &key);
            self.keep();
        }
        self.send_unnoted(now);
    }

    fn send_unnoted(&mut self, now: Instant) {
        match self.sim.permit {
            Some(Permit::Known) => self.send_pin(now),
            Some(Permit::Noted) | None => self.hold_back(PinGuard::NotNoted),
        }
    }

    /// Has the memory stored without waiting for it.
    fn keep(&mut self) {
        let memory = self.plan.memory.clone();
        self.events.push_back(BringupEvent::Save(memory));
    }

    fn hold_back(&mut self, why: PinGuard) {
        self.fail(ModemProblem::PinHeldBack { why }.into());
    }

    fn send_pin(&mut self, now: Instant) {
        self.sim.pin = PinProgress::Sent;
        self.sim.waiting_since = None;
        self.sim.key = self.pin_key();
        self.log(Level::Info, "sending the PIN to the SIM".to_owned());
        self.ask(now, Ask::Unlock);
    }

    fn unlock_answer(&mut self, now: Instant, answer: &Reply) {
        match &answer.outcome {
            Outcome::Ok => {
                self.sim.pin = PinProgress::Accepted;
                self.ask_later(now, AGAIN, Ask::Sim);
            }
            Outcome::Extended { code: Some(16), .. } => self.pin_refused(now),
            Outcome::Extended { code: Some(12), .. } => {
                self.info.sim = Some(SimState::Puk);
                self.note_refused(now, ModemProblem::PukNeeded);
            }
            Outcome::Extended { code: Some(14), .. } => self.pin_not_taken(),
            Outcome::Extended { .. } | Outcome::Error => {
                self.sim.pin = PinProgress::Doubtful;
                self.ask_later(now, AGAIN, Ask::Sim);
            }
            Outcome::Timeout(_) => self.ask(now, Ask::Sim),
        }
    }

    /// The SIM was busy and has not looked at it.
    fn pin_not_taken(&mut self) {
        if let Some(key) = self.pin_key_sent() {
            pin::note_busy(&mut self.plan.memory, &key, self.sim.tries);
            self.keep();
        }
        self.info.sim = Some(SimState::Busy);
        let waited = Duration::ZERO;
        self.fail(ModemProblem::SimBusy { waited }.into());
    }

    fn pin_refused(&mut self, now: Instant) {
        let left = self.sim.tries.map(|tries| tries.saturating_sub(1));
        self.note_refused(now, ModemProblem::PinRefused { left });
    }

    fn note_refused(&mut self, now: Instant, problem: ModemProblem) {
        if let Some(key) = self.pin_key_sent() {
            pin::note_refused(&mut self.plan.memory, &key);
        }
        self.save(now, Save::PinRefused(problem));
    }

    fn pin_key(&self) -> Option<PinKey> {
        let pin = self.plan.pin.as_ref()?;
        Some(PinKey::new(self.info.iccid.as_deref(), pin))
    }

    /// The key under which the PIN was noted: a SIM may tell its number only once it is open.
    fn pin_key_sent(&self) -> Option<PinKey> {
        self.sim.key.clone()
    }
}

/// The command with the PIN.
pub(super) fn unlock(plan: &BringupPlan) -> Option<Command> {
    let pin = plan.pin.as_ref()?;
    Some(Command::of(&[
        Part::Plain("AT+CPIN=\""),
        Part::Hidden(pin),
        Part::Plain("\""),
    ]))
}

/// The modem's words, for a person.
fn words(answer: &Reply) -> String {
    match &answer.outcome {
        Outcome::Extended { text, .. } => text.clone(),
        Outcome::Ok | Outcome::Error | Outcome::Timeout(_) => {
            let words = answers::sim_words(&answer.lines);
            words.map_or_else(|| "no state".to_owned(), |words| format!("+CPIN: {words}"))
        }
    }
}

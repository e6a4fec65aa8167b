//! From an open tty to CONNECT: identity, SIM and PIN, registration, settings, and then the dial (spec D1 to D5).
//!
//! [`Bringup`] is a state machine around two others: a [`Dialer`] that brings the modem into command
//! mode (and another one that dials at the end), and an [`Asker`] for the questions between. It
//! knows the modem by its [`Profile`]. What a modem does not know is let through where the dial can do without it:
//! spec C18 and C19 want a warning and a dial, and D1's dialog works on every modem.
//!
//! What must outlive the program is in [`Memory`]: it is handed out to be stored *before* what it records is done.

mod ask;
mod identity;
mod network;
mod settings;
mod sim;

pub(super) use network::overall;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::info::ModemInfo;
use super::memory::Memory;
use super::problem::ModemProblem;
use super::profile::{Carrier, NetMode, Profile, Profiles};
use crate::at::{
    Asker, AskerEvent, Command, Connected, DialError, DialEvent, DialPlan, Dialer, Outcome, Reply,
    Veil,
};
use crate::log::{Level, LogLine};
use crate::secret::Secret;
use crate::time::{Instant, Timer, earliest};
use ask::{Ask, OperatorFormat, SLOW_TIMEOUT};

/// What a [`Bringup`] is to do.
#[derive(Clone, Debug)]
pub struct BringupPlan {
    /// The modem's profile; `None`: it is asked who it is, and the generic one is used if it is not known.
    pub profile: Option<Arc<Profile>>,
    /// All that are known.
    pub profiles: Arc<Profiles>,
    /// `None`: no context is defined.
    pub apn: Option<String>,
    /// `IP`, `PPP`: 3GPP TS 27.007 section 10.1.1.
    pub pdp_type: String,
    /// How the account is authenticated.
    pub auth: ContextAuth,
    /// Empty: none.
    pub account: String,
    /// Of the account.
    pub password: Secret,
    /// Of the SIM.
    pub pin: Option<Secret>,
    /// `None`: not set.
    pub netmode: Option<NetMode>,
    /// `None`: not set.
    pub carrier: Option<Carrier>,
    /// The dial command; `None`: the profile's.
    pub dial: Option<String>,
    /// How long a command of the dialog may take. The questions before it have shorter limits of their own.
    pub command_timeout: Duration,
    /// Until CONNECT; `None`: the profile's.
    pub dial_timeout: Option<Duration>,
    /// Until registered; `None`: the profile's. Zero: the modem is not waited for.
    pub registration_timeout: Option<Duration>,
    /// Spec D5: the user's word that APN and account are in the modem.
    pub connect_ok: bool,
    /// Spec D5: how many APN and account commands may be sent in 24 hours to a modem whose flash wears out.
    pub provisioning_limit: u32,
    /// What was remembered.
    pub memory: Memory,
    /// Wall clock, seconds since 1970; it may be wrong.
    pub wall: i64,
    /// False: only spec D1's dialog, nothing else is asked.
    pub prepare: bool,
    /// What is said once in a program's life (guesses that act, settings without a command) has been said.
    pub said: bool,
}

/// How an account is authenticated, as far as the modem wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextAuth {
    /// Not.
    None,
    /// PAP.
    Pap,
    /// CHAP.
    Chap,
}

/// What a [`Bringup`] tells its owner.
#[derive(Clone, Debug, PartialEq)]
pub enum BringupEvent {
    /// A line for the log.
    Log(LogLine),
    /// What is known of the modem, whenever more is.
    Info(ModemInfo),
    /// The profile that is used, once.
    Profile(Arc<Profile>),
    /// Something is not as it is configured, and the dial goes on. Comes in each attempt, its line in the log perhaps
    /// only in the first.
    Warning(String),
    /// Must be stored before it goes on: to be answered by [`Bringup::saved`]. To be kept in memory in any case.
    Save(Memory),
    /// Done: the line carries data now.
    Connected(Connected),
    /// Done: it did not work.
    Failed(BringupError),
}

/// Why a bring-up failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BringupError {
    /// The dialog failed.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The modem, its SIM or the network is not ready for a call.
    #[error(transparent)]
    Modem(#[from] ModemProblem),
}

/// How long it may take until it is stored what must be.
const SAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The bring-up as a state machine, one for an attempt. Same contract as [`Dialer`]: behind
/// [`Connected`](BringupEvent::Connected) and [`Failed`](BringupEvent::Failed) nothing comes.
#[derive(Debug)]
pub struct Bringup {
    plan: BringupPlan,
    profile: Arc<Profile>,
    info: ModemInfo,
    told: Option<ModemInfo>,
    stage: Stage,
    asker: Asker,
    timer: Timer,
    transmit: Vec<u8>,
    events: VecDeque<BringupEvent>,
    /// How often the question at hand was not answered.
    unanswered: u32,
    sim: sim::SimProgress,
    network: network::NetworkProgress,
    settings: settings::SettingsProgress,
}

/// What is being done.
#[derive(Debug)]
enum Stage {
    /// Not started.
    Idle,
    /// Bringing the modem into command mode.
    Waking(Box<Dialer>),
    /// A question is under way.
    Asking(Ask),
    /// A question is due when the timer expires.
    Pausing(Ask),
    /// Something is being stored.
    Saving(Save),
    /// The dial.
    Dialing(Box<Dialer>),
    /// Over.
    Done,
}

/// What is being stored, and so what comes behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Save {
    /// That the PIN is about to be sent.
    PinSent,
    /// That it was accepted.
    PinAccepted,
    /// That it was refused, which ends the attempt.
    PinRefused(ModemProblem),
    /// That APN and account are about to be written.
    Writes,
    /// That they were, or that the user says so.
    Provisioned,
    /// That the plain dialog is about to write the APN.
    PlainDialog,
}

impl Bringup {
    /// A bring-up that has not begun.
    pub fn new(plan: BringupPlan) -> Self {
        let profile = plan
            .profile
            .clone()
            .unwrap_or_else(|| plan.profiles.generic());
        let asker = Asker::new(veil(&plan));
        Self {
            plan,
            profile,
            info: ModemInfo::default(),
            told: None,
            stage: Stage::Idle,
            asker,
            timer: Timer::default(),
            transmit: Vec::new(),
            events: VecDeque::new(),
            unanswered: 0,
            sim: sim::SimProgress::default(),
            network: network::NetworkProgress::default(),
            settings: settings::SettingsProgress::default(),
        }
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        if !matches!(self.stage, Stage::Idle) {
            return;
        }
        if self.plan.profile.is_some() || !self.plan.prepare {
            self.use_profile(self.profile.clone());
        }
        if self.plan.prepare {
            let mut commands = commands(&self.profile.dial.setup);
            if commands.is_empty() {
                // The first command is the question whether a modem is there at all.
                commands.push(Command::new("AT"));
            }
            let plan = DialPlan {
                commands,
                dial: String::new(),
                command_timeout: self.plan.command_timeout,
                dial_timeout: Duration::ZERO,
            };
            let mut dialer = Box::new(Dialer::with_veil(plan, veil(&self.plan), false));
            dialer.start(now);
            self.stage = Stage::Waking(dialer);
            self.pump(now);
        } else {
            self.plain_dialog(now);
        }
    }

    /// What the modem sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        match &mut self.stage {
            Stage::Waking(dialer) | Stage::Dialing(dialer) => dialer.handle_bytes(now, bytes),
            Stage::Asking(_) | Stage::Pausing(_) | Stage::Saving(_) => {
                self.asker.handle_bytes(now, bytes);
            }
            Stage::Idle | Stage::Done => {}
        }
        self.pump(now);
    }

    /// The clock has reached [`poll_timeout`](Self::poll_timeout), or has not.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.stage {
            Stage::Waking(dialer) | Stage::Dialing(dialer) => dialer.handle_timeout(now),
            Stage::Asking(_) => self.asker.handle_timeout(now),
            Stage::Pausing(ask) => {
                let ask = *ask;
                self.asker.handle_timeout(now);
                if self.timer.expired(now) {
                    self.ask(now, ask);
                }
            }
            Stage::Saving(_) => {
                self.asker.handle_timeout(now);
                if self.timer.expired(now) {
                    self.saved(now, false);
                }
            }
            Stage::Idle | Stage::Done => {}
        }
        self.pump(now);
    }

    /// The answer to [`Save`](BringupEvent::Save): whether it is stored, so that a power cut does not lose it.
    pub fn saved(&mut self, now: Instant, ok: bool) {
        let Stage::Saving(save) = &self.stage else {
            return;
        };
        let save = save.clone();
        self.timer.cancel();
        if !ok {
            self.log(
                Level::Warning,
                "the state file could not be written".to_owned(),
            );
        }
        match save {
            Save::PinSent => self.pin_noted(now, ok),
            Save::PinAccepted => self.network_begin(now),
            Save::PinRefused(problem) => self.fail(problem.into()),
            Save::Writes => self.settings_noted(now, ok),
            Save::Provisioned => self.dial(now),
            Save::PlainDialog => self.plain_dialog_noted(now, ok),
        }
        self.pump(now);
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
    pub fn poll_event(&mut self) -> Option<BringupEvent> {
        self.events.pop_front()
    }

    /// Whether the modem may be in a call, so that it has to be hung up when this is given up.
    pub fn may_be_in_call(&self) -> bool {
        matches!(self.stage, Stage::Waking(_) | Stage::Dialing(_))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Waking(dialer) | Stage::Dialing(dialer) => dialer.poll_timeout(),
            Stage::Asking(_) => self.asker.poll_timeout(),
            Stage::Pausing(_) | Stage::Saving(_) => {
                earliest([self.asker.poll_timeout(), self.timer.deadline()])
            }
            Stage::Idle | Stage::Done => None,
        }
    }

    /// What is being done or waited for, in a few words.
    #[must_use]
    pub fn step(&self) -> &'static str {
        match &self.stage {
            Stage::Idle => "about to begin",
            Stage::Waking(_) => "bringing the modem into command mode",
            Stage::Asking(ask) | Stage::Pausing(ask) => self.step_of(*ask),
            Stage::Saving(_) => "storing what must not be forgotten of the modem",
            Stage::Dialing(_) => "dialing",
            Stage::Done => "done",
        }
    }

    /// What is known of the modem.
    pub fn info(&self) -> &ModemInfo {
        &self.info
    }

    // ---- between the machines

    /// Takes what the machine at work has for us, until it has nothing more.
    fn pump(&mut self, now: Instant) {
        loop {
            match &mut self.stage {
                Stage::Waking(dialer) | Stage::Dialing(dialer) => {
                    while dialer.poll_transmit(&mut self.transmit) {}
                    let event = dialer.poll_event();
                    let is_ready = dialer.is_ready();
                    match event {
                        Some(DialEvent::Log(line)) => {
                            self.events.push_back(BringupEvent::Log(line));
                        }
                        Some(DialEvent::Connected(connected)) => {
                            self.stage = Stage::Done;
                            self.events.push_back(BringupEvent::Connected(connected));
                        }
                        Some(DialEvent::Failed(error)) => self.fail(error.into()),
                        None if is_ready => self.ask(now, Ask::Errors),
                        None => return,
                    }
                }
                Stage::Asking(_) | Stage::Pausing(_) | Stage::Saving(_) => {
                    while self.asker.poll_transmit(&mut self.transmit) {}
                    match self.asker.poll_event() {
                        Some(AskerEvent::Log(line)) => {
                            self.events.push_back(BringupEvent::Log(line));
                        }
                        Some(AskerEvent::Answer(answer)) => self.handle_answer(now, answer),
                        None => return,
                    }
                }
                Stage::Idle | Stage::Done => return,
            }
        }
    }

    /// Puts a question; one that does not exist for this modem is passed over.
    fn ask(&mut self, now: Instant, ask: Ask) {
        let Some((command, timeout)) = self.question(ask) else {
            self.pass(now, ask);
            return;
        };
        if self.asker.send(now, command, timeout) {
            self.stage = Stage::Asking(ask);
        } else {
            self.pass(now, ask);
        }
    }

    /// Puts a question later.
    fn ask_later(&mut self, now: Instant, wait: Duration, ask: Ask) {
        self.timer.arm(now + wait);
        self.stage = Stage::Pausing(ask);
    }

    /// Has the memory stored.
    fn save(&mut self, now: Instant, save: Save) {
        self.events
            .push_back(BringupEvent::Save(self.plan.memory.clone()));
        self.timer.arm(now + SAVE_TIMEOUT);
        self.stage = Stage::Saving(save);
    }

    /// What comes where a question does not exist for this modem.
    fn pass(&mut self, now: Instant, ask: Ask) {
        let answer = Reply {
            command: String::new(),
            lines: Vec::new(),
            outcome: Outcome::Error,
        };
        self.take_answer(now, ask, &answer);
    }

    /// An answer, or that there was none.
    fn handle_answer(&mut self, now: Instant, answer: Reply) {
        let Stage::Asking(ask) = self.stage else {
            return;
        };
        if let Outcome::Timeout(after) = answer.outcome {
            self.unanswered += 1;
            match ask {
                // Never again what may cost a try or a write, or takes minutes.
                Ask::Unlock | Ask::CarrierSet if self.unanswered < 2 => {
                    self.take_answer(now, ask, &answer);
                }
                Ask::Context | Ask::Account(_) => self.fail_unanswered(&answer, after),
                _ if self.unanswered < 2 => self.ask(now, ask),
                _ => self.fail_unanswered(&answer, after),
            }
            return;
        }
        if self.unanswered > 0 {
            self.asker.expect_late_answer();
        }
        self.unanswered = 0;
        self.take_answer(now, ask, &answer);
    }

    fn take_answer(&mut self, now: Instant, ask: Ask, answer: &Reply) {
        match ask {
            Ask::Errors
            | Ask::Manufacturer
            | Ask::Model
            | Ask::Identification
            | Ask::Revision
            | Ask::Serial
            | Ask::Setup(_)
            | Ask::Functionality
            | Ask::SwitchOn => self.identity_answer(now, ask, answer),
            Ask::SimNumber(_) | Ask::Sim | Ask::Tries | Ask::TriesByCard | Ask::Unlock => {
                self.sim_answer(now, ask, answer);
            }
            Ask::NetModeNow
            | Ask::NetMode(_)
            | Ask::CarrierFormat
            | Ask::CarrierNow
            | Ask::CarrierSet
            | Ask::CarrierCommand(_)
            | Ask::Registered
            | Ask::RegisteredPacket
            | Ask::RegisteredLte
            | Ask::Signal
            | Ask::OperatorFormat(_)
            | Ask::Operator(_) => self.network_answer(now, ask, answer),
            Ask::ContextNow | Ask::Context | Ask::Account(_) => {
                self.settings_answer(now, ask, answer);
            }
        }
    }

    // ---- the end

    fn fail_unanswered(&mut self, answer: &Reply, after: Duration) {
        self.fail(
            DialError::Timeout {
                command: answer.command.clone(),
                after,
            }
            .into(),
        );
    }

    fn fail(&mut self, error: BringupError) {
        self.tell_info();
        self.timer.cancel();
        self.stage = Stage::Done;
        self.events.push_back(BringupEvent::Failed(error));
    }

    // ---- what is told

    /// Tells what is known of the modem, if that has changed.
    fn tell_info(&mut self) {
        if self.told.as_ref() != Some(&self.info) {
            self.told = Some(self.info.clone());
            self.events.push_back(BringupEvent::Info(self.info.clone()));
        }
    }

    fn log(&mut self, level: Level, text: String) {
        self.events
            .push_back(BringupEvent::Log(LogLine::uplinkd(level, text)));
    }

    /// Warns: in the log, and for the status.
    fn warn(&mut self, text: String) {
        self.log(Level::Warning, text.clone());
        self.events.push_back(BringupEvent::Warning(text));
    }

    /// The same of what is configured and does not change: in the log it is said once in a program's life.
    fn warn_once(&mut self, text: String) {
        self.log_once(Level::Warning, text.clone());
        self.events.push_back(BringupEvent::Warning(text));
    }

    /// What is said once in a program's life.
    fn log_once(&mut self, level: Level, text: String) {
        if !self.plan.said {
            self.log(level, text);
        }
    }

    /// Says of a field of the profile that acts that it is a guess.
    fn say_guess(&mut self, key: &str, value: &str) {
        if self.profile.guesses.iter().any(|guess| guess == key) {
            let name = &self.profile.name;
            let text = format!("profile {name}: {key} is a guess: {value}");
            self.log_once(Level::Notice, text);
        }
    }
}

/// What may not be shown of what the modem repeats.
fn veil(plan: &BringupPlan) -> Veil {
    let secrets = [Some(plan.password.clone()), plan.pin.clone()];
    let public = [plan.apn.as_deref(), Some(plan.account.as_str())];
    Veil::new(
        secrets.into_iter().flatten(),
        public.into_iter().flatten().chain([plan.pdp_type.as_str()]),
    )
}

fn commands(texts: &[String]) -> Vec<Command> {
    texts.iter().map(|text| Command::new(text)).collect()
}

#[cfg(test)]
mod tests;

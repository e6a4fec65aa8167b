//! APN and account into the modem, compared before they are written, and the dial (spec D1, D5).

use std::time::Duration;

use super::{Ask, Bringup, BringupEvent, Save, Stage, commands, veil};
use crate::at::{Command, DialError, DialPlan, Dialer, Outcome, Reply};
use crate::log::Level;
use crate::modem::answers;
use crate::modem::provision::{Fingerprints, Provisioning, Verdict, judge};
use crate::time::Instant;

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct SettingsProgress {
    wanted: Option<Provisioning>,
    /// The commands are sent to a modem whose flash wears out.
    noted: bool,
}

impl SettingsProgress {
    pub(super) fn wanted(&self) -> Option<&Provisioning> {
        self.wanted.as_ref()
    }
}

impl Bringup {
    pub(super) fn settings_begin(&mut self, now: Instant) {
        let wanted = Provisioning::of(&self.plan, &self.profile);
        if wanted.unclean {
            self.warn(
                "account or password hold a character that cannot stand in an AT command: they are not given to the \
                 modem"
                .to_owned(),
            );
        }
        let count = wanted.count();
        self.settings.wanted = Some(wanted);
        if count == 0 {
            self.dial(now);
        } else {
            self.ask(now, Ask::ContextNow);
        }
    }

    pub(super) fn settings_answer(&mut self, now: Instant, ask: Ask, answer: &Reply) {
        match ask {
            Ask::ContextNow => self.compare(now, answer),
            Ask::Context => {
                if self.settings.context_exists() && self.failed(answer) {
                    return;
                }
                self.ask(now, Ask::Account(0));
            }
            Ask::Account(at) => {
                let exists = self.settings.account_exists(at);
                if exists && self.failed(answer) {
                    return;
                }
                if exists {
                    self.ask(now, Ask::Account(at + 1));
                } else {
                    self.settings_done(now);
                }
            }
            _ => {}
        }
    }

    /// What the modem has is known, or not.
    fn compare(&mut self, now: Instant, answer: &Reply) {
        let contexts = match answer.outcome {
            Outcome::Ok => answers::contexts(&answer.lines),
            Outcome::Error | Outcome::Extended { .. } | Outcome::Timeout(_) => Vec::new(),
        };
        let has_context = self.settings.has(&contexts);
        if !self.profile.flash_wear {
            if has_context {
                self.log(
                    Level::Debug,
                    "the modem has the APN already: not sent".to_owned(),
                );
                self.ask(now, Ask::Account(0));
            } else {
                self.say_context_guess();
                self.ask(now, Ask::Context);
            }
            return;
        }
        let place = self.fingerprints();
        let count = self.settings.wanted().map_or(0, Provisioning::count);
        let verdict = judge(&self.plan, &self.plan.memory, &place, count, has_context);
        if self.plan.connect_ok
            && let Some(apn) = self.settings.other_apn(&contexts)
        {
            let text = format!(
                "CONNECT_OK=1 keeps the APN from being sent, but the modem has {apn:?}: remove that line to send it"
            );
            self.warn(text);
        }
        match verdict {
            Verdict::Write => {
                self.say_context_guess();
                self.plan.memory.note_writes(self.plan.wall, count);
                self.save(now, Save::Writes);
            }
            Verdict::Skip => self.dial(now),
            Verdict::SkipAndNote => {
                self.log(
                    Level::Info,
                    "CONNECT_OK=1: APN and account are taken to be in the modem".to_owned(),
                );
                self.plan.memory.note_provisioned(place.record(true));
                self.save(now, Save::Provisioned);
            }
            Verdict::SkipThough => {
                self.warn(
                    "settings, SIM or modem are not those with which CONNECT_OK=1 was set: APN and account are not \
                     sent until it is removed"
                        .to_owned(),
                );
                self.dial(now);
            }
            Verdict::SkipWritten => {
                self.log(
                    Level::Info,
                    "the modem has APN and account from an earlier attempt: not written again"
                        .to_owned(),
                );
                self.dial(now);
            }
            Verdict::SkipOverLimit => {
                let text = format!(
                    "APN and account are NOT written: {} writes in 24 hours, the limit is {}, and the modem's flash \
                     wears out",
                    self.plan.memory.writes_of_today(self.plan.wall),
                    self.plan.provisioning_limit
                );
                self.log(Level::Error, text.clone());
                self.events.push_back(BringupEvent::Warning(text));
                self.dial(now);
            }
        }
    }

    /// It is stored that the flash is about to be written, or cannot be.
    pub(super) fn settings_noted(&mut self, now: Instant, ok: bool) {
        if !ok {
            // The owner keeps the count in memory: this run of the program stays within the limit.
            self.log(
                Level::Warning,
                "writes to the modem's flash are counted only until the program ends".to_owned(),
            );
        }
        self.settings.noted = true;
        self.ask(now, Ask::Context);
    }

    fn settings_done(&mut self, now: Instant) {
        if self.settings.noted {
            let record = self.fingerprints().record(false);
            self.plan.memory.note_provisioned(record);
            self.save(now, Save::Provisioned);
        } else {
            self.dial(now);
        }
    }

    /// A command of the dialog that was refused ends the attempt, as in spec D1's script.
    fn failed(&mut self, answer: &Reply) -> bool {
        let command = answer.command.clone();
        let error = match &answer.outcome {
            Outcome::Ok => return false,
            Outcome::Error => DialError::Error { command },
            Outcome::Extended { code, text } => DialError::Extended {
                command,
                code: *code,
                text: text.clone(),
            },
            Outcome::Timeout(after) => DialError::Timeout {
                command,
                after: *after,
            },
        };
        self.fail(error.into());
        true
    }

    fn fingerprints(&self) -> Fingerprints {
        let iccid = self.info.iccid.as_deref();
        Fingerprints::of(&self.plan, iccid, self.info.imei.as_deref())
    }

    fn say_context_guess(&mut self) {
        let context = self.profile.dial.context.clone();
        self.say_guess("dial.context", &context);
        if self.settings.account_exists(0) {
            let account = self.profile.dial.account.join(" ");
            self.say_guess("dial.account", &account);
        }
    }

    // ---- the dial

    pub(super) fn dial(&mut self, now: Instant) {
        let mut commands = commands(&self.profile.dial.before_dial);
        if commands.is_empty() {
            commands.push(Command::new("AT"));
        }
        self.dial_with(now, commands);
    }

    fn dial_with(&mut self, now: Instant, commands: Vec<Command>) {
        let dial = match &self.plan.dial {
            Some(dial) => dial.clone(),
            None => {
                let dial = self.profile.dial.dial.clone();
                self.say_guess("dial.dial", &dial);
                dial
            }
        };
        let plan = DialPlan {
            commands,
            dial,
            command_timeout: self.plan.command_timeout,
            dial_timeout: self.dial_timeout(),
        };
        let mut dialer = Box::new(Dialer::with_veil(plan, veil(&self.plan), true));
        dialer.start(now);
        self.timer.cancel();
        self.stage = Stage::Dialing(dialer);
        self.pump(now);
    }

    fn dial_timeout(&self) -> Duration {
        self.plan
            .dial_timeout
            .unwrap_or(self.profile.dial.dial_timeout)
    }

    /// Spec D1's dialog and nothing else. Writes to flash count here too.
    pub(super) fn plain_dialog(&mut self, now: Instant) {
        let wanted = Provisioning::of(&self.plan, &self.profile);
        let writes = u32::from(wanted.context.is_some());
        self.settings.wanted = Some(wanted);
        if !self.profile.flash_wear || writes == 0 {
            self.plain_dialog_with(now, true);
            return;
        }
        let place = self.fingerprints();
        match judge(&self.plan, &self.plan.memory, &place, writes, false) {
            Verdict::Write => {
                self.plan.memory.note_writes(self.plan.wall, writes);
                self.save(now, Save::PlainDialog);
            }
            Verdict::SkipOverLimit => {
                let text = "the APN is NOT written: the limit of writes in 24 hours is reached";
                self.log(Level::Error, text.to_owned());
                self.events
                    .push_back(BringupEvent::Warning(text.to_owned()));
                self.plain_dialog_with(now, false);
            }
            Verdict::Skip | Verdict::SkipAndNote | Verdict::SkipThough | Verdict::SkipWritten => {
                self.plain_dialog_with(now, false)
            }
        }
    }

    pub(super) fn plain_dialog_noted(&mut self, now: Instant, ok: bool) {
        if !ok {
            self.log(
                Level::Warning,
                "writes to the modem's flash are counted only until the program ends".to_owned(),
            );
        }
        self.plain_dialog_with(now, true);
    }

    fn plain_dialog_with(&mut self, now: Instant, write: bool) {
        let mut all = commands(&self.profile.dial.setup);
        if write {
            all.extend(
                self.settings
                    .wanted()
                    .and_then(|wanted| wanted.context.clone()),
            );
        }
        all.extend(commands(&self.profile.dial.before_dial));
        self.dial_with(now, all);
    }
}

impl SettingsProgress {
    fn context_exists(&self) -> bool {
        self.wanted().is_some_and(|wanted| wanted.context.is_some())
    }

    fn account_exists(&self, at: usize) -> bool {
        self.wanted()
            .is_some_and(|wanted| at < wanted.account.len())
    }

    /// The APN that the modem has in the context that is wanted, if it is another one.
    fn other_apn(&self, contexts: &[answers::Context]) -> Option<String> {
        let wanted = self.wanted()?.wanted.as_ref()?;
        let found = contexts.iter().find(|context| context.cid == wanted.cid)?;
        let same_type = answers::Context {
            pdp_type: wanted.pdp_type.clone(),
            ..found.clone()
        };
        (!same_type.has(wanted)).then(|| answers::short(&found.apn).unwrap_or_default())
    }

    /// Whether the modem has the context that is wanted.
    fn has(&self, contexts: &[answers::Context]) -> bool {
        let Some(wanted) = self.wanted().and_then(|wanted| wanted.wanted.as_ref()) else {
            return false;
        };
        contexts.iter().any(|context| context.has(wanted))
    }
}

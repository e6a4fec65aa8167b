//! Who the modem is, which profile it has, and whether its radio is on.

use std::sync::Arc;

use super::{Ask, Bringup, BringupEvent};
use crate::at::{Outcome, Reply};
use crate::log::Level;
use crate::modem::answers;
use crate::modem::profile::{DialSettings, Profile};
use crate::time::Instant;

impl Bringup {
    pub(super) fn identity_answer(&mut self, now: Instant, ask: Ask, answer: &Reply) {
        let ok = answer.outcome == Outcome::Ok;
        let text = |name: &str| answers::text(&answer.lines, name).filter(|_| ok);
        match ask {
            // A modem that does not know it tells errors in another way; nothing depends on it.
            Ask::Errors => self.ask(now, Ask::Manufacturer),
            Ask::Manufacturer => {
                self.info.manufacturer = text("+CGMI:");
                self.ask(now, Ask::Model);
            }
            Ask::Model => {
                self.info.model = text("+CGMM:");
                if self.info.model.is_none() {
                    self.ask(now, Ask::Identification);
                } else {
                    self.ask(now, Ask::Revision);
                }
            }
            Ask::Identification => {
                let (manufacturer, model) = answers::identification(&answer.lines);
                self.info.manufacturer = self.info.manufacturer.take().or(manufacturer);
                self.info.model = model;
                self.ask(now, Ask::Revision);
            }
            Ask::Revision => {
                self.info.revision = text("+CGMR:");
                self.ask(now, Ask::Serial);
            }
            Ask::Serial => {
                self.info.imei = answers::imei(&answer.lines).filter(|_| ok);
                if self.plan.profile.is_none() {
                    self.identify();
                }
                self.tell_info();
                self.ask(now, Ask::Setup(0));
            }
            Ask::Setup(at) => {
                if at >= self.setup_left().len() {
                    self.ask(now, Ask::Functionality);
                } else {
                    self.warn_of(answer);
                    self.ask(now, Ask::Setup(at + 1));
                }
            }
            Ask::Functionality => match answers::functionality(&answer.lines).filter(|_| ok) {
                Some(level @ (0 | 4)) => {
                    let text =
                        format!("the modem's radio is off (+CFUN: {level}): switching it on");
                    self.log(Level::Notice, text);
                    self.ask(now, Ask::SwitchOn);
                }
                Some(_) | None => self.sim_begin(now),
            },
            _ => {
                self.warn_of(answer);
                self.sim_begin(now);
            }
        }
    }

    /// The profile by what the modem says of itself.
    fn identify(&mut self) {
        let manufacturer = self.info.manufacturer.clone().unwrap_or_default();
        let model = self.info.model.clone().unwrap_or_default();
        let profile = self.plan.profiles.by_identity(&manufacturer, &model);
        let profile = profile.unwrap_or_else(|| self.plan.profiles.generic());
        self.use_profile(profile);
    }

    pub(super) fn use_profile(&mut self, profile: Arc<Profile>) {
        self.info.profile = Some(profile.name.clone());
        self.profile = profile.clone();
        let text = format!("modem profile: {} ({})", profile.name, profile.about);
        self.log_once(Level::Info, text);
        self.events.push_back(BringupEvent::Profile(profile));
    }

    /// The profile's first commands that have not been sent because it was not known yet.
    pub(super) fn setup_left(&self) -> Vec<String> {
        let sent = match &self.plan.profile {
            Some(profile) => profile.dial.setup.clone(),
            None => self.plan.profiles.generic().dial.setup.clone(),
        };
        let defaults = DialSettings::default().setup;
        let mut left = self.profile.dial.setup.clone();
        left.retain(|command| !sent.contains(command));
        // D1's ATE0 is part of every dialog.
        if !sent.contains(&"ATE0".to_owned()) && !left.contains(&"ATE0".to_owned()) {
            left.extend(defaults.into_iter().filter(|command| command == "ATE0"));
        }
        left
    }

    /// Says that a command was refused without which the dial can do.
    pub(super) fn warn_of(&mut self, answer: &Reply) {
        let what = match &answer.outcome {
            Outcome::Ok => return,
            Outcome::Error => "ERROR".to_owned(),
            Outcome::Extended { text, .. } => text.clone(),
            Outcome::Timeout(after) => format!("nothing within {} s", after.as_secs()),
        };
        if !answer.command.is_empty() {
            let text = format!("the modem answered {what} to {}: going on", answer.command);
            self.warn(text);
        }
    }
}

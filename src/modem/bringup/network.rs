//! NETMODE and CARRIERID, registration, signal and operator (spec C18, C19, D4).

use std::time::Duration;

use super::{Ask, Bringup, OperatorFormat};
use crate::at::{Outcome, Reply};
use crate::log::Level;
use crate::modem::answers;
use crate::modem::info::Registration;
use crate::modem::problem::ModemProblem;
use crate::modem::profile::Carrier;
use crate::time::Instant;

/// Choosing a network by hand (3GPP TS 27.007 section 7.3) takes modems up to this.
pub(super) const SELECTION_TIMEOUT: Duration = Duration::from_secs(180);
/// Between two rounds of questions.
const AGAIN: Duration = Duration::from_secs(3);
/// A refusal may be of the first of several networks.
const DENIED_LIMIT: Duration = Duration::from_secs(30);
/// Commands that ask for the registration: circuits, packets, LTE.
const REGISTRATIONS: usize = 3;

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct NetworkProgress {
    waiting_since: Option<Instant>,
    denied_since: Option<Instant>,
    /// This round's answers.
    round: [Option<Registration>; REGISTRATIONS],
    /// What was said last.
    said: Option<Registration>,
}

impl Bringup {
    pub(super) fn network_begin(&mut self, now: Instant) {
        if let Some(mode) = self.plan.netmode
            && !self.profile.netmode.contains_key(&mode)
        {
            let text = format!(
                "NETMODE={} is not set: profile {} has no command for it",
                mode.as_str(),
                self.profile.name
            );
            self.warn_once(text);
        } else if let Some(mode) = self.plan.netmode {
            let commands = self.profile.netmode.get(&mode).cloned().unwrap_or_default();
            self.say_guess(&format!("netmode.{}", mode.as_str()), &commands.join(" "));
        }
        self.ask(now, Ask::NetModeNow);
    }

    /// The command that sets the mode, if it is a single one.
    pub(super) fn netmode_command(&self) -> Option<&str> {
        let commands = self.profile.netmode.get(&self.plan.netmode?)?;
        match commands.as_slice() {
            [command] => Some(command),
            _ => None,
        }
    }

    /// Modems keep the mode in their flash, which wears out: not again what is there already.
    fn netmode_now(&mut self, now: Instant, answer: &Reply) {
        let is_set = answer.outcome == Outcome::Ok
            && self
                .netmode_command()
                .is_some_and(|command| answers::has_setting(&answer.lines, command));
        if is_set {
            let text = "the modem has this NETMODE already: not sent".to_owned();
            self.log(Level::Debug, text);
            self.carrier_begin(now);
        } else {
            self.ask(now, Ask::NetMode(0));
        }
    }

    fn carrier_begin(&mut self, now: Instant) {
        match self.plan.carrier.clone() {
            None => self.registration_begin(now),
            Some(Carrier::Plmn(_) | Carrier::Number(4)) => self.ask(now, Ask::CarrierFormat),
            Some(Carrier::Number(number)) => {
                if let Some(commands) = self.profile.carrier.get(&number) {
                    let commands = commands.join(" ");
                    self.say_guess(&format!("carrier.{number}"), &commands);
                } else {
                    let text = format!(
                        "CARRIERID={number} is not set: profile {} has no command for it",
                        self.profile.name
                    );
                    self.warn_once(text);
                }
                self.ask(now, Ask::CarrierCommand(0));
            }
        }
    }

    pub(super) fn network_answer(&mut self, now: Instant, ask: Ask, answer: &Reply) {
        match ask {
            Ask::NetModeNow => self.netmode_now(now, answer),
            Ask::NetMode(at) => {
                let commands = self
                    .plan
                    .netmode
                    .and_then(|mode| self.profile.netmode.get(&mode));
                if commands.is_some_and(|commands| at < commands.len()) {
                    self.warn_of(answer);
                    self.ask(now, Ask::NetMode(at + 1));
                } else {
                    self.carrier_begin(now);
                }
            }
            Ask::CarrierCommand(at) => {
                let commands = match &self.plan.carrier {
                    Some(Carrier::Number(number)) => self.profile.carrier.get(number),
                    Some(Carrier::Plmn(_)) | None => None,
                };
                if commands.is_some_and(|commands| at < commands.len()) {
                    self.warn_of(answer);
                    self.ask(now, Ask::CarrierCommand(at + 1));
                } else {
                    self.registration_begin(now);
                }
            }
            Ask::CarrierFormat => self.ask(now, Ask::CarrierNow),
            Ask::CarrierNow => self.carrier_now(now, answer),
            Ask::CarrierSet => {
                self.warn_of(answer);
                self.registration_begin(now);
            }
            Ask::Registered => self.registered(now, 0, "+CREG:", answer),
            Ask::RegisteredPacket => self.registered(now, 1, "+CGREG:", answer),
            Ask::RegisteredLte => self.registered(now, 2, "+CEREG:", answer),
            Ask::Signal => {
                if answer.outcome == Outcome::Ok {
                    self.info.signal = answers::signal(&answer.lines);
                }
                // A modem without a network may take minutes to say that it has no operator.
                if self.info.registration.is_some_and(Registration::is_usable) {
                    self.ask(now, Ask::OperatorFormat(OperatorFormat::Number));
                } else {
                    self.network_done(now);
                }
            }
            Ask::OperatorFormat(format) => self.ask(now, Ask::Operator(format)),
            _ => self.operator(now, ask, answer),
        }
    }

    // ---- the carrier

    /// `+COPS?` before the network is chosen: not again what is there already.
    fn carrier_now(&mut self, now: Instant, answer: &Reply) {
        let operator = answers::operator(&answer.lines)
            .filter(|_| answer.outcome == Outcome::Ok)
            .unwrap_or_default();
        let is_set = match &self.plan.carrier {
            Some(Carrier::Plmn(plmn)) => operator.name.as_ref() == Some(plmn),
            Some(Carrier::Number(_)) | None => operator.mode == Some(0),
        };
        if is_set {
            self.registration_begin(now);
            return;
        }
        let text = match &self.plan.carrier {
            Some(Carrier::Plmn(plmn)) => format!("choosing the network {plmn}, up to 180 s"),
            Some(Carrier::Number(_)) | None => {
                "letting the modem choose the network, up to 180 s".to_owned()
            }
        };
        self.log(Level::Notice, text);
        self.ask(now, Ask::CarrierSet);
    }

    // ---- registration

    fn registration_begin(&mut self, now: Instant) {
        self.network.waiting_since = Some(now);
        self.ask(now, Ask::Registered);
    }

    fn registered(&mut self, now: Instant, which: usize, name: &str, answer: &Reply) {
        let found =
            answers::registration(&answer.lines, name).filter(|_| answer.outcome == Outcome::Ok);
        if let Some(slot) = self.network.round.get_mut(which) {
            *slot = found.map(|(state, _)| state);
        }
        if let Some((state, Some(technology))) = found
            && state.is_usable()
        {
            self.info.technology = Some(technology.to_owned());
        }
        match which {
            0 => self.ask(now, Ask::RegisteredPacket),
            1 => self.ask(now, Ask::RegisteredLte),
            _ => self.round_done(now),
        }
    }

    fn round_done(&mut self, now: Instant) {
        let state = overall(self.network.round);
        self.info.registration = state;
        let Some(state) = state else {
            self.log_once(
                Level::Notice,
                "the modem does not tell whether it is registered: going on".to_owned(),
            );
            self.ask(now, Ask::Signal);
            return;
        };
        let since = *self.network.waiting_since.get_or_insert(now);
        let limit = self
            .plan
            .registration_timeout
            .unwrap_or(self.profile.dial.registration_timeout);
        if state.is_usable() {
            let waited = now.since(since);
            if self.network.said.is_some() {
                let text = format!(
                    "the modem is {} after {} s",
                    state.as_str(),
                    waited.as_secs()
                );
                self.log(Level::Notice, text);
            }
            self.ask(now, Ask::Signal);
            return;
        }
        if limit.is_zero() {
            self.log(
                Level::Warning,
                format!("the modem is {}: not waited for", state.as_str()),
            );
            self.ask(now, Ask::Signal);
            return;
        }
        if self.network.said != Some(state) {
            let text = format!(
                "the modem is {}: waiting for the network, up to {} s",
                state.as_str(),
                limit.saturating_sub(now.since(since)).as_secs()
            );
            self.log(Level::Notice, text);
            self.network.said = Some(state);
            self.tell_info();
        }
        if state == Registration::Denied {
            let denied = *self.network.denied_since.get_or_insert(now);
            if now.since(denied) >= DENIED_LIMIT {
                self.fail(ModemProblem::RegistrationDenied.into());
                return;
            }
        } else {
            self.network.denied_since = None;
        }
        let waited = now.since(since);
        if waited < limit {
            self.ask_later(now, AGAIN, Ask::Registered);
        } else if state == Registration::Denied {
            self.fail(ModemProblem::RegistrationDenied.into());
        } else {
            let registration = state;
            self.fail(
                ModemProblem::NotRegistered {
                    registration,
                    waited,
                }
                .into(),
            );
        }
    }

    // ---- signal and operator

    fn operator(&mut self, now: Instant, ask: Ask, answer: &Reply) {
        if answer.outcome == Outcome::Ok
            && let Some(operator) = answers::operator(&answer.lines)
        {
            if let Some(technology) = operator.technology {
                self.info.technology = Some(technology.to_owned());
            }
            match operator.name {
                Some(name) if operator.numeric => self.info.plmn = Some(name),
                Some(name) => self.info.operator = Some(name),
                None => {}
            }
        }
        if ask == Ask::Operator(OperatorFormat::Number) {
            self.ask(now, Ask::OperatorFormat(OperatorFormat::Name));
        } else {
            self.network_done(now);
        }
    }

    fn network_done(&mut self, now: Instant) {
        self.tell_info();
        let text = self.info.summary();
        self.log(Level::Info, text);
        self.settings_begin(now);
    }
}

/// What the answers to `+CREG?`, `+CGREG?` and `+CEREG?` mean together; `None`: the modem knows none of them.
pub(in crate::modem) fn overall(round: [Option<Registration>; 3]) -> Option<Registration> {
    let [circuits, packets @ ..] = round;
    let packets = || packets.into_iter().flatten();
    if let Some(usable) = packets().find(|state| state.is_usable()) {
        return Some(usable);
    }
    // The network that lets a SIM call but not send data has refused it for our purpose.
    if circuits.is_some_and(Registration::is_usable) && packets().any(is_denied) {
        return Some(Registration::Denied);
    }
    circuits.into_iter().chain(packets()).max_by_key(rank)
}

fn is_denied(state: Registration) -> bool {
    state == Registration::Denied
}

/// How much a state tells of what comes.
fn rank(state: &Registration) -> u8 {
    match state {
        Registration::Home | Registration::Roaming => 7,
        Registration::Searching => 6,
        Registration::Denied => 5,
        Registration::SmsOnly => 4,
        Registration::EmergencyOnly => 3,
        Registration::Unknown => 2,
        Registration::NotSearching => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_count_more_than_circuits() {
        use Registration::{Denied, Home, NotSearching, Roaming, Searching, SmsOnly};
        for (round, state) in [
            ([None, None, None], None),
            ([Some(Home), None, None], Some(Home)),
            ([Some(Home), Some(NotSearching), None], Some(Home)),
            ([Some(Home), Some(Denied), None], Some(Denied)),
            (
                [Some(Denied), Some(NotSearching), Some(Roaming)],
                Some(Roaming),
            ),
            ([Some(Denied), None, Some(Searching)], Some(Searching)),
            ([Some(NotSearching), Some(Denied), None], Some(Denied)),
            ([Some(SmsOnly), Some(NotSearching), None], Some(SmsOnly)),
        ] {
            assert_eq!(overall(round), state, "{round:?}");
        }
    }
}

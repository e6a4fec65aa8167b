//! What all ports of a modem share: SIM, radio, contexts, and the commands that ask for them.

use std::time::Duration;

use super::card::{Card, CardFault};
use super::command::{Form, Outcome, Settings, digit};
use super::context::{Contexts, LAST_CONTEXT, fields};
use super::personality::{Ati, Model, Setting, Technology, Tries};
use super::radio::{Air, Radio};
use super::{SimConfig, SimStats};
use crate::time::{Instant, earliest};

/// Its serial number.
pub(super) const IMEI: &str = "490154203237518";
/// How long a search for networks takes.
const SEARCH_TIME: Duration = Duration::from_secs(10);
/// Longest value of a [`Setting`], in bytes.
const LONGEST_VALUE: usize = 100;

const NOT_ALLOWED: u16 = 3;
const NOT_SUPPORTED: u16 = 4;
const NO_NETWORK: u16 = 30;
const INCORRECT: u16 = 50;

/// Commands that need no SIM, beside the model's own for SIM and restart.
const WITHOUT_CARD: [&str; 20] = [
    "+CPIN", "+CMEE", "+CFUN", "+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CREG", "+CGREG", "+CEREG",
    "+CSQ", "+CESQ", "+CSIM", "+CPAS", "+GCAP", "+FCLASS", "+IFC", "+IPR", "+CRC", "+CEER",
];

/// The modem behind its ports.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) model: &'static Model,
    pub(super) card: Card,
    pub(super) radio: Radio,
    contexts: Contexts,
    /// Until then the SIM is busy with starting.
    card_starts: Instant,
    /// `+CFUN`.
    functionality: u8,
    /// By number in the model's list.
    settings: Vec<String>,
    /// `+CEER`.
    pub(super) last_failure: &'static str,
}

impl Device {
    pub(super) fn new(config: &SimConfig, now: Instant) -> Self {
        let model = config.personality.model();
        let settings = model.settings.iter().map(|s| s.default.to_owned());
        Self {
            model,
            card: Card::new(config.iccid.clone(), config.pin.clone()),
            radio: Radio::new(config.plmn.clone()),
            contexts: Contexts::new(),
            card_starts: now,
            functionality: 1,
            settings: settings.collect(),
            last_failure: "No report available",
        }
    }

    /// The modem has started.
    pub(super) fn power_on(&mut self, now: Instant) {
        self.card.power_on();
        self.card_starts = now + self.model.sim_start;
        self.radio.power_on();
        self.functionality = 1;
        self.last_failure = "No report available";
    }

    /// What it is like outside, now; `on`: the modem has started and works. True if the registration
    /// has changed.
    pub(super) fn update(&mut self, now: Instant, on: bool, card: CardFault, air: Air) -> bool {
        self.card.fault = if card == CardFault::None && now < self.card_starts {
            CardFault::Busy
        } else {
            card
        };
        let usable = on && self.functionality == 1 && self.card.ready().is_ok();
        self.radio.update(now, usable, air)
    }

    /// When something changes by itself.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let card = Some(self.card_starts).filter(|at| *at > now);
        earliest([card, self.radio.poll_timeout()])
    }

    /// The APN of a context, if there is such a context.
    pub(super) fn apn(&self, cid: u8) -> Option<&str> {
        self.contexts.apn(cid)
    }

    /// Adds its counters.
    pub(super) fn count(&self, stats: &mut SimStats) {
        stats.pin_tries = self.card.tries;
        stats.pin_refusals = self.card.refused;
        stats.provisioning_writes = self.contexts.writes;
        stats.flash_writes = if self.model.flash_wear {
            self.contexts.writes
        } else {
            0
        };
    }

    /// ATI.
    pub(super) fn identity(&self) -> Vec<String> {
        let model = self.model;
        match model.ati {
            Ati::Labelled => vec![
                format!("Manufacturer: {}", model.manufacturer),
                format!("Model: {}", model.model),
                format!("Revision: {}", model.revision),
                format!("IMEI: {IMEI}"),
            ],
            Ati::Plain => vec![
                model.manufacturer.to_owned(),
                model.model.to_owned(),
                format!("Revision: {}", model.revision),
            ],
            Ati::ModelOnly => vec![model.model.to_owned()],
        }
    }

    /// Runs a command such as `+CSQ`. Lines of the answer are appended to `lines`, the time that it
    /// takes is added to `time`. An error is a number of `+CME ERROR`.
    pub(super) fn extended(
        &mut self,
        port: &mut Settings,
        (name, form): (&str, Form<'_>),
        in_call: bool,
        lines: &mut Vec<String>,
        time: &mut Duration,
    ) -> Result<Outcome, u16> {
        if self.is_restart(name, form) {
            return Ok(Outcome::Restart);
        }
        if let Some(result) = self.card_number(name, form, lines) {
            return result.map(|()| Outcome::Ok);
        }
        if !WITHOUT_CARD.contains(&name) {
            self.card.ready()?;
        }
        if let Some(result) = self.model_command(name, form, lines) {
            return result.map(|()| Outcome::Ok);
        }
        match (name, form) {
            ("+CGDCONT", form) => self.context(form, lines)?,
            ("+CPIN", form) => self.pin(form, lines)?,
            ("+CSIM", Form::Set(value)) => self.apdu(value, lines)?,
            ("+CLCK", Form::Set(value))
                if fields(value).starts_with(&["SC".into(), "2".into()]) =>
            {
                lines.push(format!("+CLCK: {}", u8::from(self.card.wants_pin())));
            }
            ("+CSQ", Form::Run) => {
                let signal = if self.radio.is_registered() { 18 } else { 99 };
                lines.push(format!("+CSQ: {signal},99"));
            }
            ("+CESQ", Form::Run) if self.model.network == Technology::Lte => {
                let bins = if self.radio.is_registered() {
                    "20,50"
                } else {
                    "255,255"
                };
                lines.push(format!("+CESQ: 99,99,255,255,{bins}"));
            }
            ("+CREG", form) => self.registration(port, 0, form, lines)?,
            ("+CGREG", form) => self.registration(port, 1, form, lines)?,
            ("+CEREG", form) if self.model.network == Technology::Lte => {
                self.registration(port, 2, form, lines)?;
            }
            ("+COPS", form) => self.operator(port, form, lines, time)?,
            ("+CGMI", Form::Run) => lines.push(self.model.manufacturer.to_owned()),
            ("+CGMM", Form::Run) => lines.push(self.model.model.to_owned()),
            ("+CGMR", Form::Run) => lines.push(self.model.revision.to_owned()),
            ("+CGSN", Form::Run) => lines.push(IMEI.to_owned()),
            ("+CIMI", Form::Run) => lines.push("001010123456789".to_owned()),
            ("+CFUN", Form::Read) => lines.push(format!("+CFUN: {}", self.functionality)),
            ("+CFUN", Form::Set(value)) => {
                let value = value.strip_suffix(",0").unwrap_or(value);
                self.functionality = digit(value, 4).ok_or(INCORRECT)?;
            }
            ("+CEER", Form::Run) => lines.push(format!("+CEER: {}", self.last_failure)),
            ("+CGATT", Form::Read) => {
                let attached = u8::from(self.radio.is_registered());
                lines.push(format!("+CGATT: {attached}"));
            }
            ("+CGATT", Form::Set("0" | "1")) | ("+CGACT", Form::Set(_)) => {}
            ("+CGACT", Form::Read) => {
                let active = u8::from(in_call);
                let numbers = self.contexts.numbers();
                lines.extend(numbers.map(|cid| format!("+CGACT: {cid},{active}")));
            }
            ("+CPAS", Form::Run) => lines.push(format!("+CPAS: {}", if in_call { 4 } else { 0 })),
            ("+GCAP", Form::Run) => lines.push("+GCAP: +CGSM".to_owned()),
            ("+FCLASS" | "+IFC" | "+IPR" | "+CRC", Form::Set(_)) => {}
            _ => return Err(NOT_SUPPORTED),
        }
        Ok(Outcome::Ok)
    }

    /// What a port says by itself when the registration has changed.
    pub(super) fn registration_lines(&self, port: &Settings) -> Vec<String> {
        let modes = REGISTRATION.iter().zip(port.registration);
        let wanted = modes.filter(|(_, mode)| *mode > 0);
        wanted
            .map(|(name, mode)| format!("{name}: {}", self.registration_text(mode)))
            .collect()
    }

    fn registration_text(&self, mode: u8) -> String {
        let state = self.radio.state();
        if mode == 2 && self.radio.is_registered() {
            let act = self.model.network.act();
            format!("{state},\"0166\",\"01A2B3C4\",{act}")
        } else {
            state.to_string()
        }
    }

    fn registration(
        &self,
        port: &mut Settings,
        which: usize,
        form: Form<'_>,
        lines: &mut Vec<String>,
    ) -> Result<(), u16> {
        let name = REGISTRATION.get(which).ok_or(NOT_SUPPORTED)?;
        let mode = port.registration.get_mut(which).ok_or(NOT_SUPPORTED)?;
        match form {
            Form::Read => lines.push(format!("{name}: {mode},{}", self.registration_text(*mode))),
            Form::Test => lines.push(format!("{name}: (0-2)")),
            Form::Set(value) => *mode = digit(value, 2).ok_or(INCORRECT)?,
            Form::Run => return Err(INCORRECT),
        }
        Ok(())
    }

    /// `+COPS`.
    fn operator(
        &mut self,
        port: &mut Settings,
        form: Form<'_>,
        lines: &mut Vec<String>,
        time: &mut Duration,
    ) -> Result<(), u16> {
        let act = self.model.network.act();
        let plmn = self.radio.plmn();
        match form {
            Form::Read if !self.radio.is_registered() => {
                lines.push(format!("+COPS: {}", u8::from(self.radio.is_manual())));
            }
            Form::Read => {
                let mode = u8::from(self.radio.is_manual());
                let format = port.operator_format;
                let shown = if format == 2 {
                    plmn
                } else {
                    operator_name(plmn)
                };
                lines.push(format!("+COPS: {mode},{format},\"{shown}\",{act}"));
            }
            Form::Test => {
                let name = operator_name(plmn);
                lines.push(format!("+COPS: (2,\"{name}\",\"{name}\",\"{plmn}\",{act})"));
                *time += SEARCH_TIME;
            }
            Form::Set(value) => {
                let fields = fields(value);
                let field = |index: usize| fields.get(index).map_or("", String::as_str);
                let (wait, found) = match field(0) {
                    "0" => self.radio.select(None, false),
                    "1" | "4" if field(1) == "2" && is_plmn(field(2)) => {
                        self.radio.select(Some(field(2)), false)
                    }
                    "2" => self.radio.select(None, true),
                    "3" => {
                        port.operator_format = digit(field(1), 2).ok_or(INCORRECT)?;
                        (Duration::ZERO, true)
                    }
                    _ => return Err(INCORRECT),
                };
                *time += wait;
                if !found {
                    return Err(NO_NETWORK);
                }
            }
            Form::Run => return Err(INCORRECT),
        }
        Ok(())
    }

    fn context(&mut self, form: Form<'_>, lines: &mut Vec<String>) -> Result<(), u16> {
        match form {
            Form::Read => lines.extend(self.contexts.shown()),
            Form::Test => lines.push(format!("+CGDCONT: (1-{LAST_CONTEXT}),\"IP\",,,(0),(0)")),
            Form::Run => return Err(INCORRECT),
            Form::Set(value) => self.contexts.define(self.model, value)?,
        }
        Ok(())
    }

    fn pin(&mut self, form: Form<'_>, lines: &mut Vec<String>) -> Result<(), u16> {
        match form {
            Form::Read => lines.push(format!("+CPIN: {}", self.card.status()?)),
            Form::Set(value) => {
                let fields = fields(value);
                let code = fields.first().map_or("", String::as_str);
                self.card.enter(code, fields.get(1).map(String::as_str))?;
            }
            Form::Run | Form::Test => return Err(NOT_ALLOWED),
        }
        Ok(())
    }

    /// `+CSIM`: of the card's commands only the empty VERIFY, which tells how many tries are left.
    fn apdu(&self, value: &str, lines: &mut Vec<String>) -> Result<(), u16> {
        let fields = fields(value);
        let status = match fields.get(1).map(String::as_str) {
            Some("0020000100") => self.card.empty_verify()?,
            Some(_) => "6D00".to_owned(),
            None => return Err(INCORRECT),
        };
        lines.push(format!("+CSIM: 4,\"{status}\""));
        Ok(())
    }

    /// Commands for what is on the SIM without a PIN: the model's.
    fn card_number(
        &self,
        name: &str,
        form: Form<'_>,
        lines: &mut Vec<String>,
    ) -> Option<Result<(), u16>> {
        if let Some(line) = self.tries(name, form) {
            return Some(line.map(|line| lines.push(line)));
        }
        let command = self.model.iccid.iter().find(|known| known.name == name)?;
        if !matches!(form, Form::Run | Form::Read) {
            return Some(Err(INCORRECT));
        }
        Some(self.card.iccid().map(|number| {
            let fill = if command.filled && number.len() % 2 == 1 {
                "F"
            } else {
                ""
            };
            lines.push(format!("{}{number}{fill}", command.prefix));
        }))
    }

    /// The model's command for PIN tries.
    fn tries(&self, name: &str, form: Form<'_>) -> Option<Result<String, u16>> {
        let kind = self.model.tries?;
        let known = match kind {
            Tries::Upincnt => ("+UPINCNT", Form::Run),
            Tries::Qpinc => ("+QPINC", Form::Set("\"SC\"")),
            Tries::Spic => ("+SPIC", Form::Run),
            Tries::Cpin => ("^CPIN", Form::Read),
            Tries::Pct => ("#PCT", Form::Run),
            Tries::CaretSpic => ("^SPIC", Form::Run),
            Tries::Cpinc => ("+CPINC", Form::Read),
        };
        if known != (name, form) {
            return None;
        }
        let answer = || {
            let (pin, puk) = self.card.left()?;
            let status = self.card.status()?;
            let asked = if pin == 0 { puk } else { pin };
            Ok(match kind {
                Tries::Upincnt | Tries::Cpinc => format!("{name}: {pin},3,{puk},10"),
                Tries::Qpinc => format!("{name}: \"SC\",{pin},{puk}"),
                Tries::Spic => format!("{name}: {pin},{puk},3,10"),
                Tries::Cpin if status == "READY" => format!("{name}: {status},,{puk},{pin},10,3"),
                Tries::Cpin => format!("{name}: {status},{asked},{puk},{pin},10,3"),
                Tries::Pct | Tries::CaretSpic => format!("{name}: {asked}"),
            })
        };
        Some(answer())
    }

    /// The model's commands for accounts and settings.
    fn model_command(
        &mut self,
        name: &str,
        form: Form<'_>,
        lines: &mut Vec<String>,
    ) -> Option<Result<(), u16>> {
        let model = self.model;
        if let Some(command) = model.accounts.iter().find(|known| known.name == name) {
            return Some(match form {
                Form::Set(value) => self.contexts.set_account(model, command, value),
                Form::Read => {
                    lines.extend(self.contexts.shown_accounts(name));
                    Ok(())
                }
                Form::Run | Form::Test => Err(INCORRECT),
            });
        }
        let known = |setting: &Setting| setting.name == name;
        let which = model.settings.iter().position(known)?;
        let (setting, current) = model
            .settings
            .get(which)
            .zip(self.settings.get_mut(which))?;
        Some(set(setting, current, form, lines))
    }

    fn is_restart(&self, name: &str, form: Form<'_>) -> bool {
        let command = match form {
            Form::Run => name.to_owned(),
            Form::Set(value) => format!("{name}={}", value.to_ascii_uppercase()),
            Form::Read | Form::Test => return false,
        };
        self.model.resets.iter().any(|reset| *reset == command)
    }
}

const REGISTRATION: [&str; 3] = ["+CREG", "+CGREG", "+CEREG"];

fn set(
    setting: &Setting,
    current: &mut String,
    form: Form<'_>,
    lines: &mut Vec<String>,
) -> Result<(), u16> {
    let show = |current: &str| {
        let comma = if setting.key.is_empty() { "" } else { "," };
        format!("{}: {}{comma}{current}", setting.name, setting.key)
    };
    match form {
        Form::Read => lines.push(show(current)),
        Form::Set(value) if !setting.key.is_empty() && value == setting.key => {
            lines.push(show(current));
        }
        Form::Set(value) => {
            let value = if setting.key.is_empty() {
                value
            } else {
                let rest = value.strip_prefix(setting.key);
                rest.and_then(|rest| rest.strip_prefix(','))
                    .ok_or(INCORRECT)?
            };
            let known = setting.values.iter().any(|known| {
                let rest = value.strip_prefix(known);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
            });
            if !known || value.len() > LONGEST_VALUE {
                return Err(INCORRECT);
            }
            value.clone_into(current);
        }
        Form::Test => lines.push(format!("{}: ({})", setting.name, setting.values.join(","))),
        Form::Run => return Err(INCORRECT),
    }
    Ok(())
}

fn is_plmn(text: &str) -> bool {
    matches!(text.len(), 5 | 6) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn operator_name(plmn: &str) -> &str {
    match plmn {
        "00101" => "uplinkd sim",
        "44010" => "NTT DOCOMO",
        "44020" => "SoftBank",
        "44050" | "44051" => "KDDI",
        other => other,
    }
}

#[cfg(test)]
mod tests;

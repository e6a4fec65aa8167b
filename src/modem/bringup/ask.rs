//! The questions to the modem: each one's command, and how long its answer may take.

use std::time::Duration;

use super::{Bringup, network, sim};
use crate::at::Command;
use crate::modem::profile::Carrier;

/// How long a question may take.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(3);
/// The same for those that take modems longer: PIN, context, functionality.
pub(super) const SLOW_TIMEOUT: Duration = Duration::from_secs(10);
/// A question to the modem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Errors,
    Manufacturer,
    Model,
    Identification,
    Revision,
    Serial,
    Setup(usize),
    Functionality,
    SwitchOn,
    SimNumber(usize),
    Sim,
    Tries,
    TriesByCard,
    Unlock,
    NetModeNow,
    NetMode(usize),
    CarrierFormat,
    CarrierNow,
    CarrierSet,
    CarrierCommand(usize),
    Registered,
    RegisteredPacket,
    RegisteredLte,
    Signal,
    OperatorFormat(OperatorFormat),
    Operator(OperatorFormat),
    ContextNow,
    Context,
    Account(usize),
}

/// How the operator is asked for: `AT+COPS=3,n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OperatorFormat {
    Number,
    Name,
}

impl Bringup {
    /// What a question is for, in a few words.
    pub(super) fn step_of(&self, ask: Ask) -> &'static str {
        match ask {
            Ask::Errors
            | Ask::Manufacturer
            | Ask::Model
            | Ask::Identification
            | Ask::Revision
            | Ask::Serial
            | Ask::Setup(_) => "asking the modem who it is",
            Ask::Functionality | Ask::SwitchOn => "switching the modem's radio on",
            Ask::Sim if self.is_waiting_for_sim() => "waiting for the SIM",
            Ask::Sim | Ask::SimNumber(_) => "asking for the SIM",
            Ask::Tries | Ask::TriesByCard | Ask::Unlock => "giving the SIM its PIN",
            Ask::NetModeNow | Ask::NetMode(_) => "setting NETMODE",
            Ask::CarrierFormat | Ask::CarrierNow | Ask::CarrierSet | Ask::CarrierCommand(_) => {
                "choosing the network"
            }
            Ask::Registered | Ask::RegisteredPacket | Ask::RegisteredLte => {
                "waiting for the registration"
            }
            Ask::Signal | Ask::OperatorFormat(_) | Ask::Operator(_) => {
                "asking for signal and operator"
            }
            Ask::ContextNow | Ask::Context | Ask::Account(_) => "giving the modem APN and account",
        }
    }

    /// The command of a question and how long its answer may take.
    pub(super) fn question(&self, ask: Ask) -> Option<(Command, Duration)> {
        let fixed = |text: &str, timeout| Some((Command::new(text), timeout));
        let listed = |list: &[String], at: usize, timeout| {
            list.get(at).map(|text| (Command::new(text), timeout))
        };
        let question = match ask {
            Ask::Errors => fixed("AT+CMEE=1", ASK_TIMEOUT),
            Ask::Manufacturer => fixed("AT+CGMI", ASK_TIMEOUT),
            Ask::Model => fixed("AT+CGMM", ASK_TIMEOUT),
            Ask::Identification => fixed("ATI", ASK_TIMEOUT),
            Ask::Revision => fixed("AT+CGMR", ASK_TIMEOUT),
            Ask::Serial => fixed("AT+CGSN", ASK_TIMEOUT),
            Ask::Setup(at) => listed(&self.setup_left(), at, SLOW_TIMEOUT),
            Ask::Functionality => fixed("AT+CFUN?", ASK_TIMEOUT),
            Ask::SwitchOn => fixed("AT+CFUN=1", SLOW_TIMEOUT),
            Ask::SimNumber(at) => listed(&self.profile.sim.iccid, at, ASK_TIMEOUT),
            Ask::Sim => fixed("AT+CPIN?", SLOW_TIMEOUT),
            Ask::Tries => {
                let command = self.profile.sim.tries.as_deref();
                command.map(|text| (Command::new(text), ASK_TIMEOUT))
            }
            Ask::TriesByCard => fixed("AT+CSIM=10,\"0020000100\"", ASK_TIMEOUT),
            Ask::Unlock => sim::unlock(&self.plan).map(|command| (command, SLOW_TIMEOUT)),
            Ask::NetModeNow => {
                let command = self.profile.netmode_read.as_deref();
                let command = command.filter(|_| self.netmode_command().is_some());
                command.map(|text| (Command::new(text), ASK_TIMEOUT))
            }
            Ask::NetMode(at) => {
                let commands = self
                    .plan
                    .netmode
                    .and_then(|mode| self.profile.netmode.get(&mode));
                commands.and_then(|commands| listed(commands, at, SLOW_TIMEOUT))
            }
            Ask::CarrierCommand(at) => match &self.plan.carrier {
                Some(Carrier::Number(number)) => {
                    let commands = self.profile.carrier.get(number);
                    commands.and_then(|commands| listed(commands, at, SLOW_TIMEOUT))
                }
                Some(Carrier::Plmn(_)) | None => None,
            },
            Ask::CarrierFormat | Ask::OperatorFormat(OperatorFormat::Number) => {
                fixed("AT+COPS=3,2", ASK_TIMEOUT)
            }
            Ask::OperatorFormat(OperatorFormat::Name) => fixed("AT+COPS=3,0", ASK_TIMEOUT),
            Ask::CarrierNow | Ask::Operator(_) => fixed("AT+COPS?", SLOW_TIMEOUT),
            Ask::CarrierSet => match &self.plan.carrier {
                Some(Carrier::Plmn(plmn)) => fixed(
                    &format!("AT+COPS=1,2,\"{plmn}\""),
                    network::SELECTION_TIMEOUT,
                ),
                Some(Carrier::Number(_)) => fixed("AT+COPS=0", network::SELECTION_TIMEOUT),
                None => None,
            },
            Ask::Registered => fixed("AT+CREG?", ASK_TIMEOUT),
            Ask::RegisteredPacket => fixed("AT+CGREG?", ASK_TIMEOUT),
            Ask::RegisteredLte => fixed("AT+CEREG?", ASK_TIMEOUT),
            Ask::Signal => fixed("AT+CSQ", ASK_TIMEOUT),
            Ask::ContextNow => fixed("AT+CGDCONT?", SLOW_TIMEOUT),
            Ask::Context => {
                let command = self.settings.wanted().and_then(|all| all.context.clone());
                command.map(|command| (command, SLOW_TIMEOUT))
            }
            Ask::Account(at) => {
                let command = self.settings.wanted().and_then(|all| all.account.get(at));
                command.map(|command| (command.clone(), SLOW_TIMEOUT))
            }
        };
        // A user who has set a shorter limit means it. Choosing a network takes as long as it takes.
        let limit = match ask {
            Ask::CarrierSet => network::SELECTION_TIMEOUT,
            _ => self.plan.command_timeout,
        };
        question.map(|(command, timeout)| (command, timeout.min(limit)))
    }
}

//! What kind of failure an answer of the modem or an end of PPP is, and its exit status.

use super::{ExitStatus, FailureClass};
use crate::at::DialError;
use crate::chat::{ChatEnd, Dialog};
use crate::modem::{ModemProblem, PinGuard};
use crate::ppp::DownReason;

/// What `+CME ERROR` and `+CMS ERROR` mean for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extended {
    /// The APN, its type, or the account is wrong, or not subscribed to.
    Subscription,
    Sim,
    /// Not registered.
    NoService,
    /// The network refuses or is short of something.
    Network,
    Modem,
}

/// Sorts an extended error by its number (3GPP TS 27.007 section 9.2, 27.005 section 3.2.5), else by its words.
pub(super) fn extended(code: Option<u16>, text: &str) -> Extended {
    let Some(code) = code else {
        return extended_words(text);
    };
    if text.starts_with("+CMS") {
        return match code {
            310..=318 => Extended::Sim,
            331 | 332 => Extended::NoService,
            // Below 128 stand the network's causes of 3GPP TS 24.011, which share their numbers with other things.
            0..=127 => Extended::Network,
            _ => Extended::Modem,
        };
    }
    match code {
        5 | 10..=18 => Extended::Sim,
        30..=32 => Extended::NoService,
        107 | 111..=113 | 119 | 126 | 134 | 148 => Extended::Network,
        127..=130 | 132 | 133 | 149 => Extended::Subscription,
        _ => Extended::Modem,
    }
}

/// Modems with `AT+CMEE=2` say it in words, each in its own spelling.
fn extended_words(text: &str) -> Extended {
    let text: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "apn",
        "authentication",
        "notsubscribed",
        "pdptype",
        "pdpaddress",
        "rejectedbyg",
    ]) {
        Extended::Subscription
    } else if has(&["sim", "incorrectpassword"]) {
        Extended::Sim
    } else if has(&["nonetwork", "networktimeout", "emergency", "limitedservice"]) {
        Extended::NoService
    } else if has(&[
        "network",
        "plmn",
        "roaming",
        "area",
        "insufficientresources",
        "outoforder",
    ]) {
        Extended::Network
    } else {
        Extended::Modem
    }
}

/// Whether the modem's reason for a refused call (`AT+CEER`) is the APN or the account. Of its other reasons none tells more
/// than the refusal itself.
pub(super) fn names_subscription(report: &str) -> bool {
    extended_words(report) == Extended::Subscription
}

/// What a command is for, as far as that tells what its failure means.
pub(super) fn is_call(command: &str) -> bool {
    command
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("ATD"))
}

pub(super) fn is_context(command: &str) -> bool {
    command.to_ascii_uppercase().contains("+CGDCONT")
}

pub(super) fn dial_class(error: &DialError) -> FailureClass {
    match error {
        DialError::Refused {
            report: Some(report),
            ..
        } if names_subscription(report) => FailureClass::Configuration,
        DialError::Refused { .. } => FailureClass::Network,
        DialError::Timeout { command, .. } | DialError::Error { command } if is_call(command) => {
            FailureClass::Network
        }
        DialError::Error { command } if is_context(command) => FailureClass::Configuration,
        DialError::Extended {
            command,
            code: Some(4 | 50),
            ..
        } if is_context(command) => FailureClass::Configuration,
        DialError::Extended { code, text, .. } => match extended(*code, text) {
            Extended::Subscription => FailureClass::Configuration,
            Extended::Sim => FailureClass::Sim,
            Extended::NoService | Extended::Network => FailureClass::Network,
            Extended::Modem => FailureClass::Modem,
        },
        DialError::NoAnswer
        | DialError::Timeout { .. }
        | DialError::Error { .. }
        | DialError::StuckInDataMode => FailureClass::Modem,
    }
}

/// What a failure of the connect script means. An ABORT string is the modem's or the login's word; what it did not say in
/// time is judged by what was asked.
pub(super) fn chat_class(end: &ChatEnd) -> FailureClass {
    match end {
        ChatEnd::Done | ChatEnd::Stopped(_) => FailureClass::None,
        ChatEnd::Script(_) | ChatEnd::TooLong | ChatEnd::File { .. } => FailureClass::Configuration,
        ChatEnd::Write { .. } => FailureClass::Modem,
        ChatEnd::InputEnded(_) => FailureClass::Line,
        ChatEnd::Timeout { dialog, .. } if was_calling(dialog) => FailureClass::Network,
        ChatEnd::Timeout { .. } => FailureClass::Modem,
        ChatEnd::Aborted { string, dialog, .. } => aborted_class(string, dialog),
    }
}

/// Whether the script had dialed and was waiting for the far end.
pub(super) fn was_calling(dialog: &Dialog) -> bool {
    let dialed = dialog.sent.as_deref().is_some_and(is_call);
    // A script that has come to `login:` and the like has its call.
    dialed || dialog.expected.contains("CONNECT") || dialog.expected.contains("ogin")
}

/// Whether an ABORT string is the far end's refusal of the account.
pub(super) fn refuses_account(string: &str) -> bool {
    let string = string.to_ascii_lowercase();
    ["incorrect", "invalid", "denied", "password"]
        .iter()
        .any(|word| string.contains(word))
}

fn aborted_class(string: &str, dialog: &Dialog) -> FailureClass {
    let has = |words: &[&str]| words.iter().any(|word| string.contains(word));
    let sent = dialog.sent.as_deref().unwrap_or_default();
    if has(&[
        "BUSY",
        "NO CARRIER",
        "NO ANSWER",
        "NO DIAL",
        "VOICE",
        "DELAYED",
    ]) {
        return FailureClass::Network;
    }
    match extended_words(string) {
        Extended::Subscription => FailureClass::Configuration,
        Extended::Sim => FailureClass::Sim,
        Extended::NoService | Extended::Network => FailureClass::Network,
        Extended::Modem if refuses_account(string) || is_context(sent) => {
            FailureClass::Configuration
        }
        Extended::Modem if was_calling(dialog) => FailureClass::Network,
        Extended::Modem => FailureClass::Modem,
    }
}

pub(super) fn dial_status(error: &DialError) -> ExitStatus {
    match error {
        DialError::Extended { code, text, .. } => match extended(*code, text) {
            Extended::Sim => ExitStatus::SIM,
            Extended::NoService => ExitStatus::NO_REGISTRATION,
            Extended::Subscription | Extended::Network | Extended::Modem => ExitStatus::DIAL_FAILED,
        },
        DialError::NoAnswer
        | DialError::Timeout { .. }
        | DialError::Error { .. }
        | DialError::Refused { .. }
        | DialError::StuckInDataMode => ExitStatus::DIAL_FAILED,
    }
}

pub(super) fn ppp_class(reason: &DownReason) -> FailureClass {
    match reason {
        DownReason::AuthenticationRefused { .. }
        | DownReason::AuthenticationNotAgreed { .. }
        | DownReason::PeerAuthenticationFailed
        | DownReason::PeerRefusedToAuthenticate
        | DownReason::PeerTerminated {
            auth_rejected: true,
            ..
        } => FailureClass::Configuration,
        DownReason::AuthenticationTimeout { .. }
        | DownReason::PeerTerminated {
            auth_rejected: false,
            ..
        }
        | DownReason::NegotiationTimeout { .. }
        | DownReason::NegotiationFailed { .. }
        | DownReason::NetworkPending { .. }
        | DownReason::ProtocolRejected { .. }
        | DownReason::EchoTimeout { .. }
        | DownReason::CarrierLost => FailureClass::Network,
        DownReason::Loopback => FailureClass::Modem,
        DownReason::Closed { .. } => FailureClass::None,
    }
}

pub(super) fn ppp_status(reason: &DownReason) -> ExitStatus {
    match reason {
        DownReason::AuthenticationRefused { .. } | DownReason::AuthenticationTimeout { .. } => {
            ExitStatus::AUTHENTICATION
        }
        DownReason::PeerAuthenticationFailed | DownReason::PeerRefusedToAuthenticate => {
            ExitStatus::PEER_AUTHENTICATION
        }
        DownReason::AuthenticationNotAgreed { .. }
        | DownReason::PeerTerminated { .. }
        | DownReason::NegotiationTimeout { .. }
        | DownReason::NegotiationFailed { .. }
        | DownReason::NetworkPending { .. }
        | DownReason::ProtocolRejected { .. } => ExitStatus::NEGOTIATION_FAILED,
        DownReason::EchoTimeout { .. } => ExitStatus::PEER_DEAD,
        DownReason::Loopback => ExitStatus::LOOPBACK,
        DownReason::CarrierLost => ExitStatus::HANGUP,
        DownReason::Closed { .. } => ExitStatus::USER,
    }
}

pub(super) fn modem_class(problem: &ModemProblem) -> FailureClass {
    match problem {
        // It goes as soon as our disk takes the note, without anybody looking after the SIM.
        ModemProblem::PinHeldBack {
            why: PinGuard::NotNoted,
        } => FailureClass::Host,
        ModemProblem::SimAbsent
        | ModemProblem::SimFailure { .. }
        | ModemProblem::SimBusy { .. }
        | ModemProblem::PinNeeded
        | ModemProblem::PinRefused { .. }
        | ModemProblem::PinHeldBack { .. }
        | ModemProblem::PukNeeded => FailureClass::Sim,
        ModemProblem::NotRegistered { .. } | ModemProblem::RegistrationDenied => {
            FailureClass::Network
        }
    }
}

pub(super) fn modem_status(problem: &ModemProblem) -> ExitStatus {
    match problem {
        ModemProblem::SimAbsent
        | ModemProblem::SimFailure { .. }
        | ModemProblem::SimBusy { .. }
        | ModemProblem::PinNeeded
        | ModemProblem::PinRefused { .. }
        | ModemProblem::PinHeldBack { .. }
        | ModemProblem::PukNeeded => ExitStatus::SIM,
        ModemProblem::NotRegistered { .. } | ModemProblem::RegistrationDenied => {
            ExitStatus::NO_REGISTRATION
        }
    }
}

//! What is wrong with the modem before the call: typed, with a sentence for a human (spec D4, P7).

use std::time::Duration;

use super::info::Registration;

/// Why the modem was not even told to dial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModemProblem {
    /// `+CME ERROR: 10`.
    #[error("there is no SIM in the modem")]
    SimAbsent,
    /// The SIM does not work, or is locked to another network or phone.
    #[error("the SIM cannot be used: {text}")]
    SimFailure {
        /// The modem's words.
        text: String,
    },
    /// `+CME ERROR: 14` for longer than a SIM takes to start.
    #[error("the SIM is still busy after {} s", .waited.as_secs())]
    SimBusy {
        /// How long was waited.
        waited: Duration,
    },
    /// The SIM asks for a PIN, and none is configured.
    #[error("the SIM asks for a PIN and none is configured")]
    PinNeeded,
    /// The SIM has refused our PIN. It is not sent again until SIM or PIN change.
    #[error("the SIM refused the PIN{}", tries(.left))]
    PinRefused {
        /// Tries that are left, if the modem tells.
        left: Option<u8>,
    },
    /// The PIN was not sent, so that the SIM does not lock itself.
    #[error("the PIN was not sent: {why}")]
    PinHeldBack {
        /// Why.
        why: PinGuard,
    },
    /// The SIM is locked and asks for its PUK, which is never sent.
    #[error("the SIM is locked and asks for its PUK")]
    PukNeeded,
    /// Not registered with a network in time.
    #[error("{} after {} s", .registration.sentence(), .waited.as_secs())]
    NotRegistered {
        /// What the modem said last.
        registration: Registration,
        /// How long was waited.
        waited: Duration,
    },
    /// The network refuses to let the SIM register.
    #[error("the network refuses the registration of this SIM")]
    RegistrationDenied,
}

/// Why a PIN was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PinGuard {
    /// This SIM has refused this PIN before.
    #[error("this SIM has refused this PIN before")]
    Refused,
    /// It was sent before, and neither was it accepted nor does the modem say that it has not cost a try.
    #[error("it was sent before, and what the SIM said of it is not known")]
    Unanswered,
    /// Too few tries are left, by the modem's word or by what is noted.
    #[error("the SIM has only {left} {} left", if *.left == 1 { "try" } else { "tries" })]
    FewTries {
        /// How many.
        left: u8,
    },
    /// It cannot be remembered that the PIN was tried, and this SIM has never accepted it.
    #[error("the try could not be noted in the state directory")]
    NotNoted,
    /// What was remembered cannot be read, and the modem does not say that all tries are left.
    #[error("what was noted of former tries is lost")]
    Forgotten,
    /// Neither the SIM's number nor the tries that are left can be read.
    #[error("the modem tells neither the SIM's number nor how many tries are left")]
    Blind,
}

fn tries(left: &Option<u8>) -> String {
    left.map_or_else(String::new, |left| format!(", {left} tries are left"))
}

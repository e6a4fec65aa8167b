//! What is known of a modem: identity, SIM, registration, signal, operator (spec D4, S7).

use serde::{Deserialize, Serialize};

/// What the modem has told, as far as it has. Texts are printable and short (at most [`MAX_TEXT`] characters).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModemInfo {
    /// Name of the profile that is used.
    pub profile: Option<String>,
    /// `+CGMI`.
    pub manufacturer: Option<String>,
    /// `+CGMM`.
    pub model: Option<String>,
    /// `+CGMR`.
    pub revision: Option<String>,
    /// `+CGSN`: the serial number, 15 digits.
    pub imei: Option<String>,
    /// The SIM's number, up to 20 digits.
    pub iccid: Option<String>,
    /// What the SIM says.
    pub sim: Option<SimState>,
    /// With the packet network.
    pub registration: Option<Registration>,
    /// `+CSQ`.
    pub signal: Option<Signal>,
    /// Name of the operator as the modem has it.
    pub operator: Option<String>,
    /// Country and network code of the operator, 5 or 6 digits.
    pub plmn: Option<String>,
    /// `GSM`, `UTRAN`, `E-UTRAN`: 3GPP TS 27.007 section 7.3.
    pub technology: Option<String>,
}

impl ModemInfo {
    /// One line for the log: who it is, and how it stands with the network.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        let name = [&self.manufacturer, &self.model];
        let name: Vec<&str> = name.into_iter().flatten().map(String::as_str).collect();
        if !name.is_empty() {
            parts.push(name.join(" "));
        }
        if let Some(registration) = self.registration {
            parts.push(registration.as_str().to_owned());
        }
        let operator = self.operator.as_ref().or(self.plmn.as_ref());
        parts.extend(operator.cloned());
        parts.extend(self.technology.clone());
        if let Some(signal) = self.signal {
            parts.push(format!("{} dBm", signal.dbm));
        }
        format!("modem: {}", parts.join(", "))
    }
}

/// Longest text of a [`ModemInfo`], in characters.
pub const MAX_TEXT: usize = 64;

/// `+CPIN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SimState {
    /// It can be used.
    Ready,
    /// It wants its PIN.
    Pin,
    /// It wants its PUK.
    Puk,
    /// It wants something else, such as the code of a network lock.
    Locked,
    /// It is starting.
    Busy,
    /// There is none.
    Absent,
    /// It does not work.
    Failure,
}

/// Registration with a network: `+CREG`, `+CGREG`, `+CEREG` (3GPP TS 27.007 section 7.2). The best of the three counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// 0: not registered, and not searching.
    NotSearching,
    /// 1: at home.
    Home,
    /// 2: searching.
    Searching,
    /// 3: denied.
    Denied,
    /// 4: unknown, e.g. out of coverage.
    Unknown,
    /// 5: roaming.
    Roaming,
    /// 6, 7: for SMS only, which carries no data.
    SmsOnly,
    /// 8: for emergency calls only.
    EmergencyOnly,
}

impl Registration {
    /// Whether data can flow.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Home | Self::Roaming)
    }

    /// In words, to be put behind "the modem is".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSearching => "not registered and does not search",
            Self::Home => "registered",
            Self::Searching => "searching for a network",
            Self::Denied => "refused by the network",
            Self::Unknown => "without coverage",
            Self::Roaming => "registered, roaming",
            Self::SmsOnly => "registered for SMS only",
            Self::EmergencyOnly => "registered for emergency calls only",
        }
    }

    pub(super) fn sentence(self) -> String {
        format!("the modem is {}", self.as_str())
    }
}

/// Strength of the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signal {
    /// In dBm: -113 + 2 n of `+CSQ`'s 0 to 31.
    pub dbm: i16,
}

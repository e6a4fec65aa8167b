//! Which modem is simulated: what it says of itself, which commands it knows, how it restarts.
//!
//! The rows are in the file `table.rs`. They follow what is published of each model; where nothing is, the
//! row says what the common chip sets do, so that the simulator refuses what such a modem refuses.
//! None is a model of a firmware: commands that a dialer has no use for are ERROR.

mod table;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A model of modem that the simulator can play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named as its profile is")]
pub enum Personality {
    /// A modem that takes everything and is registered at once.
    #[default]
    Generic,
    LisaU200,
    Kym11,
    Um03Ko,
    Amp520,
    Amp5200,
    Amm570,
    Amm5220,
    Ln940a,
    Quectel,
    Simcom,
    Huawei,
    Telit,
    Cinterion,
    Sierra,
    Zte,
}

/// How a modem looks on the USB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsbPorts {
    /// `idVendor`.
    pub vendor: u16,
    /// `idProduct`.
    pub product: u16,
    /// `bInterfaceNumber` of the port that dials.
    pub dial: u8,
    /// Those of the further ports that answer AT commands.
    pub at: &'static [u8],
}

/// No model has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown modem {name:?}, did you mean {nearest:?}?")]
pub struct UnknownPersonality {
    /// As given.
    pub name: String,
    /// A name that is meant, perhaps.
    pub nearest: &'static str,
}

impl Personality {
    /// Each of them.
    pub const ALL: [Self; 16] = [
        Self::Generic,
        Self::LisaU200,
        Self::Kym11,
        Self::Um03Ko,
        Self::Amp520,
        Self::Amp5200,
        Self::Amm570,
        Self::Amm5220,
        Self::Ln940a,
        Self::Quectel,
        Self::Simcom,
        Self::Huawei,
        Self::Telit,
        Self::Cinterion,
        Self::Sierra,
        Self::Zte,
    ];

    /// Its name, e.g. `LISA-U200`.
    pub fn name(self) -> &'static str {
        self.model().name
    }

    /// How it looks on the USB; `None` where that is not published.
    pub fn usb(self) -> Option<UsbPorts> {
        self.model().usb
    }

    /// From the OK to a restart until its tty vanishes.
    pub fn vanishes_after(self) -> Duration {
        self.model().vanishes_after
    }

    /// How long the tty is away in a restart.
    pub fn away(self) -> Duration {
        self.model().away
    }

    /// From the tty's coming back until AT commands are answered.
    pub fn boot(self) -> Duration {
        self.model().boot
    }

    /// How long it takes to register.
    pub fn registration(self) -> Duration {
        self.model().registration
    }

    /// Commands that restart it.
    pub fn reset_commands(self) -> &'static [&'static str] {
        self.model().resets
    }

    /// Whether each definition of a context or an account wears its flash memory out (spec D5).
    pub fn wears_flash(self) -> bool {
        self.model().flash_wear
    }

    pub(super) fn model(self) -> &'static Model {
        match self {
            Self::Generic => &table::GENERIC,
            Self::LisaU200 => &table::LISA_U200,
            Self::Kym11 => &table::KYM11,
            Self::Um03Ko => &table::UM03_KO,
            Self::Amp520 => &table::AMP520,
            Self::Amp5200 => &table::AMP5200,
            Self::Amm570 => &table::AMM570,
            Self::Amm5220 => &table::AMM5220,
            Self::Ln940a => &table::LN940A,
            Self::Quectel => &table::QUECTEL,
            Self::Simcom => &table::SIMCOM,
            Self::Huawei => &table::HUAWEI,
            Self::Telit => &table::TELIT,
            Self::Cinterion => &table::CINTERION,
            Self::Sierra => &table::SIERRA,
            Self::Zte => &table::ZTE,
        }
    }
}

impl FromStr for Personality {
    type Err = UnknownPersonality;

    /// The name, in any case, with or without its hyphens.
    fn from_str(text: &str) -> Result<Self, UnknownPersonality> {
        let wanted = folded(text);
        let known = Self::ALL.into_iter().find(|p| folded(p.name()) == wanted);
        known.ok_or_else(|| {
            let names = Self::ALL.iter().map(|p| p.name());
            let distance = |name: &&str| strsim::osa_distance(&folded(name), &wanted);
            UnknownPersonality {
                name: text.to_owned(),
                nearest: names.min_by_key(distance).unwrap_or_default(),
            }
        })
    }
}

impl fmt::Display for Personality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn folded(name: &str) -> String {
    name.replace('-', "").to_ascii_uppercase()
}

/// One model.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) manufacturer: &'static str,
    pub(super) model: &'static str,
    pub(super) revision: &'static str,
    pub(super) ati: Ati,
    pub(super) usb: Option<UsbPorts>,
    pub(super) network: Technology,
    /// Whether `CHAP:apn` is taken as an APN with a demand for CHAP (u-blox), or is an error.
    pub(super) apn_prefix: bool,
    pub(super) context: ContextForm,
    pub(super) accounts: &'static [AccountCommand],
    pub(super) flash_wear: bool,
    /// Commands that set something that does not matter here, such as the radio technology.
    pub(super) settings: &'static [Setting],
    pub(super) iccid: &'static [IccidCommand],
    /// Its command for the PIN tries that are left, beside `+CSIM`, which they know all.
    pub(super) tries: Option<Tries>,
    /// Commands that restart it, as they stand behind `AT`.
    pub(super) resets: &'static [&'static str],
    pub(super) vanishes_after: Duration,
    pub(super) away: Duration,
    pub(super) boot: Duration,
    /// What it says once it has started.
    pub(super) started: &'static [&'static str],
    /// How long the SIM is busy after the start.
    pub(super) sim_start: Duration,
    pub(super) registration: Duration,
    /// How it refuses a dial without a network: NO CARRIER, or this number with `+CME ERROR`.
    pub(super) no_service: Option<u16>,
}

/// What ATI looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ati {
    /// `Manufacturer: X`, `Model: Y`, `Revision: Z`, `IMEI: N`.
    Labelled,
    /// X, Y, `Revision: Z`.
    Plain,
    /// Y alone.
    ModelOnly,
}

/// What the modem's radio is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Technology {
    /// 3G: no `+CEREG`, no `+CESQ`.
    Umts,
    Lte,
}

impl Technology {
    /// AcT of 3GPP TS 27.007 section 7.2.
    pub(super) fn act(self) -> u8 {
        match self {
            Self::Umts => 2,
            Self::Lte => 7,
        }
    }
}

/// How a context is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContextForm {
    /// As it was given.
    AsGiven,
    /// `"TYPE","APN","0.0.0.0"` and this.
    Long(&'static str),
}

/// A command that gives the modem an account: where its fields are.
#[derive(Debug)]
pub(super) struct AccountCommand {
    pub(super) name: &'static str,
    /// Kind of authentication, 0: none. Its field.
    pub(super) auth: usize,
    pub(super) user: usize,
    pub(super) password: usize,
    /// The APN too, in this field.
    pub(super) apn: Option<usize>,
}

/// A command that sets something and reads it back.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// What stands before the value: `"nwscanmode",`. Mostly empty.
    pub(super) key: &'static str,
    /// What the value may begin with.
    pub(super) values: &'static [&'static str],
    pub(super) default: &'static str,
}

/// How a maker lets one ask for the tries of PIN and PUK that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tries {
    /// u-blox, `+UPINCNT`: PIN, PIN2, PUK, PUK2.
    Upincnt,
    /// Quectel, `+QPINC="SC"`: PIN, PUK.
    Qpinc,
    /// SIMCom, `+SPIC`: PIN, PUK, PIN2, PUK2.
    Spic,
    /// Huawei, `^CPIN?`: what is asked for, its tries, PUK, PIN, PUK2, PIN2.
    Cpin,
    /// Telit, `#PCT`: tries of what is asked for.
    Pct,
    /// Cinterion, `^SPIC`: the same.
    CaretSpic,
    /// Sierra, `+CPINC?`: PIN, PIN2, PUK, PUK2.
    Cpinc,
}

/// A command that reads the SIM's number.
#[derive(Debug)]
pub(super) struct IccidCommand {
    pub(super) name: &'static str,
    /// Before the number in the answer; empty: the bare number.
    pub(super) prefix: &'static str,
    /// 19 digits are filled up by F, as the card has them.
    pub(super) filled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        for personality in Personality::ALL {
            assert_eq!(personality.name().parse(), Ok(personality));
            assert_eq!(
                personality.to_string().to_lowercase().parse(),
                Ok(personality)
            );
        }
        assert_eq!("lisau200".parse(), Ok(Personality::LisaU200));
        let error = "LISA-U20".parse::<Personality>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown modem \"LISA-U20\", did you mean \"LISA-U200\"?"
        );
    }

    #[test]
    fn each_restarts_by_some_command_and_has_one_port_that_dials() {
        for personality in Personality::ALL {
            assert!(!personality.reset_commands().is_empty(), "{personality}");
            assert!(!personality.model().iccid.is_empty(), "{personality}");
            if let Some(usb) = personality.usb() {
                assert!(!usb.at.contains(&usb.dial), "{personality}");
            }
        }
    }
}

//! One modem model as data: how it is recognised, spoken to and reset (spec D2).
//!
//! A profile is a TOML file that somebody with only the modem's manual can read and write. The built-in ones lie in
//! `profiles/` beside this file; a user's file of the same form adds a model or replaces one of the same name.

mod parse;
mod set;

use std::collections::BTreeMap;
use std::time::Duration;

pub use parse::ProfileDiagnostic;
pub use set::Profiles;

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// As `DEVICE` names it: `LISA-U200`.
    pub name: String,
    /// One line for people: maker, network.
    pub about: String,
    /// Other names that `DEVICE` may have: udev's tty aliases such as `ttyLISA0`.
    pub aliases: Vec<String>,
    /// How the kernel and the modem name it.
    pub recognise: Recognise,
    /// Ports by `bInterfaceNumber`.
    pub ports: Ports,
    /// Setting up and dialing.
    pub dial: DialSettings,
    /// `NETMODE` (C18).
    pub netmode: BTreeMap<NetMode, Vec<String>>,
    /// Asks for the mode that is set, so that the same one is not written again: `AT+URAT?`. `None`: it is set at each
    /// bring-up.
    pub netmode_read: Option<String>,
    /// `CARRIERID` (C19); 4 and a PLMN are common to all modems.
    pub carrier: BTreeMap<u8, Vec<String>>,
    /// Commands whose answers matter for the SIM.
    pub sim: SimCommands,
    /// Resetting it.
    pub reset: ResetSettings,
    /// D5: its flash memory wears out at every APN or account setting.
    pub flash_wear: bool,
    /// Fields of the file that are guesses or stand on one report only, e.g. `dial.dial`: said in the log when they act.
    pub guesses: Vec<String>,
}

/// How a model is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recognise {
    /// USB vendor and product. An empty list: not by USB.
    pub usb: Vec<(u16, Option<u16>)>,
    /// Beginnings of `+CGMM`'s (or ATI's) model name, compared without regard to case, blanks and hyphens.
    pub models: Vec<String>,
    /// Beginnings of `+CGMI`'s manufacturer.
    pub manufacturers: Vec<String>,
}

/// Which USB interface is what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// The one that dials.
    pub dial: Option<u8>,
    /// Further ones that answer AT commands.
    pub at: Vec<u8>,
    /// Never to be opened: diagnostics, GNSS.
    pub ignore: Vec<u8>,
}

/// Setting up and dialing. In commands `{apn}`, `{type}`, `{account}`, `{password}`, `{auth}` stand for the
/// configuration's values (`{auth}`: 1 for PAP, 2 for CHAP); without an account the commands of `account` are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialSettings {
    /// First commands: `ATZ`, `ATE0`.
    pub setup: Vec<String>,
    /// Defines the context: `AT+CGDCONT=1,"{type}","{apn}"`.
    pub context: String,
    /// With an account and AUTH=CHAP or PAP: what stands before the APN, e.g. `CHAP:`.
    pub apn_prefix: bool,
    /// Gives the account to the modem, where it wants that.
    pub account: Vec<String>,
    /// Last commands before the dial.
    pub before_dial: Vec<String>,
    /// `ATDT*99***1#`.
    pub dial: String,
    /// Until CONNECT.
    pub dial_timeout: Duration,
    /// Until registered.
    pub registration_timeout: Duration,
}

/// What NETMODE may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetMode {
    /// Whatever there is.
    Auto,
    /// 3G only.
    Wcdma,
    /// LTE only.
    Lte,
}

/// What CARRIERID may be (C19).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// 1 docomo, 2 KDDI MNO, 3 SoftBank, 4 SIM free, 5 KDDI MVNO.
    Number(u8),
    /// Five or six digits.
    Plmn(String),
}

/// Commands for the SIM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimCommands {
    /// Answers with the number of PIN tries left: `AT+UPINCNT`; where empty, `AT+CSIM` is asked.
    pub tries: Option<String>,
    /// Answers with the ICCID: `AT+CCID`. Tried in order.
    pub iccid: Vec<String>,
}

/// Resetting it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetSettings {
    /// Tried in order, each verified.
    pub steps: Vec<ResetStep>,
    /// Within this time after a step its tty has gone.
    pub gone_within: Duration,
    /// Within this time after it went it is back.
    pub back_within: Duration,
    /// Whether the tty goes at all: false for a modem on a UART, where only its answers tell.
    pub vanishes: bool,
    /// RESET_WAIT that this modem needs at least, if the user has set none.
    pub wait: Duration,
}

/// One way of making a modem restart (spec S2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetStep {
    /// An AT command, e.g. `AT+CFUN=16`.
    At(String),
    /// One shot of a LED line of the kernel (`/sys/class/leds/NAME/`, trigger `oneshot`): how these gateways name the
    /// modem's reset line.
    Led {
        /// Name of the LED.
        name: String,
        /// How long it is on; what the driver has, if `None`.
        on: Option<Duration>,
    },
    /// A pulse on a GPIO line (character device, v2).
    Gpio {
        /// `/dev/gpiochip0`, or `None`: the chip that has a line of this name.
        chip: Option<String>,
        /// The line's name, or its number.
        line: String,
        /// The pulse is low.
        active_low: bool,
        /// How long.
        pulse: Duration,
    },
    /// 0 and 1 to the USB device's `authorized`.
    UsbAuthorized,
    /// Unbinds the USB device from its driver and binds it again.
    UsbRebind,
    /// Switches the power of the hub's port off and on (`disable` of the port, or the hub's feature).
    UsbPortPower {
        /// How long it is off.
        off: Duration,
    },
    /// Writes to a file, e.g. of sysfs, and after the pause the second value if there is one.
    Write {
        /// The file.
        path: String,
        /// First value.
        value: String,
        /// Second one, this much later.
        then: Option<(Duration, String)>,
    },
    /// The user's command, without a shell.
    Command(Vec<String>),
    /// Restarts this host. Off by default, rarely, and counted over restarts.
    Reboot,
}

impl NetMode {
    /// Each, in order.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Wcdma, Self::Lte];

    /// As `NETMODE` and the profiles have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "AUTO",
            Self::Wcdma => "WCDMA",
            Self::Lte => "LTE",
        }
    }
}

/// Spec D1: what a modem without a profile is spoken to with.
impl Default for DialSettings {
    fn default() -> Self {
        Self {
            setup: vec!["ATZ".to_owned(), "ATE0".to_owned()],
            context: "AT+CGDCONT=1,\"{type}\",\"{apn}\"".to_owned(),
            apn_prefix: false,
            account: Vec::new(),
            before_dial: vec!["AT".to_owned()],
            dial: "ATDT*99***1#".to_owned(),
            dial_timeout: Duration::from_secs(30),
            registration_timeout: Duration::from_secs(120),
        }
    }
}

/// The generic modem: spec D1's dialog, and the reset of 3GPP TS 27.007 section 8.2.
impl Default for Profile {
    fn default() -> Self {
        Self {
            name: Profiles::GENERIC.to_owned(),
            about: "any modem that speaks 3GPP TS 27.007".to_owned(),
            aliases: Vec::new(),
            recognise: Recognise::default(),
            ports: Ports::default(),
            dial: DialSettings::default(),
            netmode: BTreeMap::new(),
            netmode_read: None,
            carrier: BTreeMap::new(),
            sim: SimCommands {
                tries: None,
                iccid: vec!["AT+CCID".to_owned(), "AT+ICCID".to_owned()],
            },
            reset: ResetSettings::default(),
            flash_wear: false,
            guesses: Vec::new(),
        }
    }
}

impl Default for ResetSettings {
    fn default() -> Self {
        Self {
            steps: vec![
                ResetStep::At("AT+CFUN=1,1".to_owned()),
                ResetStep::UsbAuthorized,
            ],
            gone_within: Duration::from_secs(15),
            back_within: Duration::from_secs(120),
            vanishes: true,
            wait: Duration::from_secs(30),
        }
    }
}

//! Faults by name: one list for `uplinkd sim`, `uplinkd demo`, their help, and the tests (spec I3).
//!
//! A fault is written `NAME[=VALUE][@TIME]`. There are three kinds, see [`When`]. What a fault does
//! to bytes is in the part that does it: `modem`, `line`, `tamper`, `isp`, `internet`. Here are
//! only names, values and times, all of a fault in one row (`table`).

mod parse;
mod table;
mod value;

use std::time::Duration;

use table::FAULTS;
use value::{Value, write_duration};

pub use parse::FaultError;
pub use table::Fault;

/// `NAME[=VALUE][@TIME]` as given with `--fault`.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// What goes wrong.
    pub fault: Fault,
    /// When, see [`When`]. `None`: at the fault's default time.
    pub at: Option<Duration>,
}

/// In calls or rounds: without end.
pub const ALWAYS: u32 = u32::MAX;

/// How a call with an APN that the network does not know is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApnRefusal {
    /// NO CARRIER.
    #[default]
    NoCarrier,
    /// CONNECT, dummy DNS servers, and NO CARRIER three seconds later (Huawei).
    Dummy,
    /// `+CME ERROR: 133`.
    Cme,
}

impl ApnRefusal {
    fn parse(text: &str) -> Option<Self> {
        [Self::NoCarrier, Self::Dummy, Self::Cme]
            .into_iter()
            .find(|refusal| refusal.name() == text)
    }

    fn name(self) -> &'static str {
        match self {
            Self::NoCarrier => "nocarrier",
            Self::Dummy => "dummy",
            Self::Cme => "cme",
        }
    }
}

/// What TIME means for a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Happens once in a call, TIME after its CONNECT.
    Event,
    /// Holds in a call from TIME after its CONNECT on.
    Call,
    /// Holds from TIME after the start of the simulator on.
    Modem,
}

/// One line of the list of faults.
#[derive(Debug)]
pub struct FaultInfo {
    /// Its name.
    pub name: &'static str,
    /// Another name, or empty.
    pub alias: &'static str,
    /// What VALUE stands for; empty: the fault has none.
    pub value: &'static str,
    /// VALUE if none is given.
    pub default: &'static str,
    /// What TIME means.
    pub when: When,
    /// TIME if none is given.
    pub default_at: Duration,
    /// One line for people.
    pub about: &'static str,
    /// It happens once, although VALUE counts no calls.
    once: bool,
    build: fn(&str) -> Option<Fault>,
}

/// The list for help and documentation: how each fault is written, and what it does.
pub fn list() -> Vec<(String, String)> {
    Fault::all().iter().map(FaultInfo::describe).collect()
}

impl FaultInfo {
    fn describe(&self) -> (String, String) {
        let mut syntax = self.name.to_owned();
        let mut about = self.about.to_owned();
        if !self.value.is_empty() {
            syntax.push_str(&format!("={}", self.default));
            about.push_str(&format!(" VALUE: {}.", self.value));
        }
        if !self.default_at.is_zero() {
            syntax.push_str(&format!("@{}", write_duration(self.default_at)));
        }
        (syntax, about)
    }
}

impl FaultSpec {
    /// The fault's line in the list.
    pub fn info(&self) -> &'static FaultInfo {
        self.fault.info()
    }

    /// When: the given or the default time.
    pub fn time(&self) -> Duration {
        self.at.unwrap_or_else(|| self.info().default_at)
    }
}

impl From<Fault> for FaultSpec {
    fn from(fault: Fault) -> Self {
        Self { fault, at: None }
    }
}

impl Fault {
    /// Every fault there is, in the order in which they are shown.
    pub fn all() -> &'static [FaultInfo] {
        &FAULTS
    }

    /// The fault's line in the list.
    pub fn info(&self) -> &'static FaultInfo {
        let name = self.name();
        // Every fault has its line: both are made of the same row.
        Self::all()
            .iter()
            .find(|info| info.name == name)
            .unwrap_or(&FAULTS[0])
    }

    /// In how many calls it happens or holds; for resets: in how many of those.
    pub(super) fn calls(&self) -> u32 {
        match self.value() {
            Value::Calls(calls) => calls,
            Value::None | Value::Rounds(_) | Value::Time(_) | Value::Lasts(_) | Value::Text(_) => {
                if self.info().once {
                    1
                } else {
                    ALWAYS
                }
            }
        }
    }

    /// For how long it holds from its time on, if it ends by itself.
    pub(super) fn lasts(&self) -> Option<Duration> {
        match self.value() {
            Value::Lasts(time) => (time != Duration::MAX).then_some(time),
            Value::None | Value::Calls(_) | Value::Rounds(_) | Value::Time(_) | Value::Text(_) => {
                None
            }
        }
    }
}

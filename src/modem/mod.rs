//! Modems: profiles of models as data, finding them, and bringing one from power-on to CONNECT (spec D2 to D5).
//!
//! [`Profiles`] knows the built-in models and the user's files. `usb` finds a modem among the ttys that the shell has
//! read from sysfs. [`Bringup`] talks to it: identity, SIM and PIN, registration, settings, and then the dial.
//! [`Memory`] is what must not be forgotten over a restart: PINs that were refused, what was provisioned, how often.
#![forbid(unsafe_code)]

pub mod bringup;
pub mod info;
pub mod memory;
pub mod problem;
pub mod profile;
pub mod query;
pub mod usb;

pub(crate) mod reset_step;

mod answers;
mod pin;
mod provision;

pub use bringup::{Bringup, BringupError, BringupEvent, BringupPlan, ContextAuth};
pub use info::{ModemInfo, Registration, Signal, SimState};
pub use memory::{Memory, MemoryError};
pub use problem::{ModemProblem, PinGuard};
pub use profile::{Carrier, NetMode, Profile, ProfileDiagnostic, Profiles, ResetStep};
pub use query::{Query, QueryEvent, QueryPlan, QueryRefusal};
pub use usb::ModemIdentity;

//! The modem's command language without I/O: dialing, hanging up, and telling text from PPP frames.
//!
//! A tty carries two languages at different times: lines of text while the modem is in command mode
//! (ITU-T V.250, 3GPP TS 27.007), PPP frames (RFC 1662) while it is in data mode, and a mixture of
//! both at the borders. `lines` splits them, `response` says what a line means, and these state
//! machines use them: [`Probe`] to find a modem, [`Asker`] for questions in a row, [`Exchange`] for a
//! user's command, [`Dialer`] on the way in, [`CarrierWatch`] while the link is up, [`HangUp`] on the
//! way out.
//!
//! Not done here: numeric result codes (`ATV0`; they are waited out like silence), SMS, voice,
//! multiplexing (3GPP TS 27.010).
#![forbid(unsafe_code)]

pub mod asker;
pub mod command;
pub mod dial;
pub mod exchange;
pub mod hangup;
pub mod plan;
pub mod probe;
pub mod risk;
pub mod watch;

mod cme;
mod lines;
mod response;

pub use asker::{Asker, AskerEvent, Outcome, Reply};
pub use command::{Command, Part, Veil};
pub use dial::{Connected, DialError, DialEvent, Dialer};
pub use exchange::{Answer, Exchange, ExchangeError};
pub use hangup::{HangUp, HangUpEvent, HangUpPlan};
pub use plan::{DialPlan, PlanError, check_command};
pub use probe::{Answer as ProbeAnswer, Probe, ProbeEvent, ProbePlan};
pub use risk::risk;
pub use watch::{CarrierWatch, LineText};

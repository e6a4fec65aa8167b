//! PPP in HDLC-like framing on an asynchronous line (RFC 1662), without I/O.
//!
//! | file | what it holds |
//! |---|---|
//! | `accm` | [`TransmitMap`]: which octets the sender escapes (section 4.2) |
//! | `fcs` | the 16-bit frame check sequence (appendix C.2) |
//! | `framer` | [`Framer`]: puts frames on the wire (sections 3.1 and 4.2) |
//! | `deframer` | [`Deframer`]: takes frames off the wire, resynchronises, counts what it drops |
//!
//! Left to others: the address, control and protocol fields (`ppp::wire`), telling frames from the
//! modem's text (`at`), the 32-bit FCS and bit- or octet-synchronous lines (RFC 1662 sections 5 and
//! 7), which no modem uses on a tty.

#![forbid(unsafe_code)]

mod accm;
mod deframer;
mod fcs;
mod framer;
#[cfg(test)]
mod tests;

pub use accm::TransmitMap;
pub use deframer::{Deframer, FrameError, FrameStats};
pub use framer::Framer;

/// Flag Sequence: stands before and after every frame, and may be shared by two (RFC 1662 section
/// 3.1).
pub const FLAG: u8 = 0x7e;

/// Control Escape: the octet after it is exclusive-ored with 0x20 (RFC 1662 section 4.2).
pub const ESCAPE: u8 = 0x7d;

/// What an escaped octet is exclusive-ored with.
const ESCAPE_BIT: u8 = 0x20;

//! The status of the daemon, and the protocol of its control socket (spec S7, I4, I9).
//!
//! - [`Board`] collects what the parts of the daemon tell it, and makes a [`Status`] of it.
//! - [`text`] says a status to people, [`line()`] to systemd, `serde` to programs.
//! - [`protocol`] reads requests and writes replies: one JSON object a line, bounded, whatever the bytes are.
//!
//! It opens no socket and decides nothing about the link: `io::control_socket` and `daemon::control` serve it.
#![forbid(unsafe_code)]

pub mod board;
mod line;
pub mod protocol;
pub mod status;
pub mod text;

pub use board::{Board, StateView};
pub use line::line;
pub use protocol::{Reply, ReplyView, Request, RequestError, RequestReader};
pub use status::{Resolver, StateWord, Status, Traffic};

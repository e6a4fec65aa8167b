//! DNS servers of the link, and who tells the system of them (spec N3).
//!
//! - [`servers`]: which of the peer's servers may reach the system, and what stands in for them.
//! - [`text`]: the texts of `/etc/ppp/resolv.conf` and `/etc/resolv.conf`.
//! - [`writer`]: the one writer, chosen from what the system has.
//! - [`script`]: what a simple read of a script tells of it.
//! - [`record`]: what was there before us, and what is to be done with what is there now.
//!
//! All of it is pure: files are read and written by `io::resolv_conf`, programs are run by `io::resolved` and
//! `io::resolvconf`. Not here: asking a server (that is the monitor's, [`link::monitor::dns`](crate::link::monitor::dns)).
#![forbid(unsafe_code)]

pub mod record;
pub mod script;
pub mod servers;
pub mod text;
pub mod writer;

pub use record::{Former, Found, LinkServers, Record, Verdict};
pub use servers::{Choice, Source, Unfit, choose};
pub use writer::{Decision, Facts, Hook, HookKind, Place, Reason, Resolvconf, Writer, decide};

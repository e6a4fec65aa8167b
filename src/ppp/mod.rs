//! The Point-to-Point Protocol without I/O (RFC 1661, 1332, 1334, 1570, 1877, 1994).
//!
//! ```text
//!              Endpoint            bytes of the line <-> IPv4 packets
//!        hdlc ───┴─── Session      frames; the phases of RFC 1661 section 3.2
//!                       ├── Fsm<Lcp>, Fsm<Ipcp>      automaton, timers, options
//!                       ├── auth                     PAP and CHAP, both roles
//!                       └── Keepalive                LCP echo
//! ```
//!
//! A [`Session`] lives for one attempt and ends with exactly one [`Event::Down`]. Multilink,
//! compression (CCP), encryption, IPv6CP and EAP are refused as the RFC says.

#![forbid(unsafe_code)]

pub mod auth;
pub mod automaton;
pub mod config;
mod echo;
pub mod endpoint;
pub mod event;
mod fsm;
mod ipcp;
mod lcp;
pub mod print;
pub mod session;
pub mod wire;

pub use config::SessionConfig;
pub use endpoint::{DropStats, Endpoint, EndpointStats};
pub use event::{DownReason, Event, Ipv4Settings, Layer, Phase};
pub use session::{Received, Session, Transmit};

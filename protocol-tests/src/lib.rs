//! Rigs for the tests of uplinkd: peers that we did not write, a modem in front of them, network namespaces, and the
//! daemon's binary as a child process.
//!
//! Nothing here uses the protocol code of `uplinkd` itself: the modem, the packet codec and the scenario files are
//! written a second time, so that a mistake in one of the two shows. (Only `recovery` runs the simulated sites, and
//! [`fragile`] lets the simulator answer: what matters there is when it goes away.) Everything waits with a deadline and
//! says what it waited for; nothing outlives the test that started it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "this whole crate is test code: a rig that does not work fails the test"
)]

pub mod bridge;
pub mod clock;
pub mod daemon;
pub mod debian;
pub mod fragile;
pub mod heap;
pub mod isp;
pub mod machine;
pub mod modem;
pub mod namespace;
pub mod pattern;
pub mod ping;
pub mod process;
pub mod recovery;
pub mod require;
pub mod scenario;
pub mod slirp;
pub mod temp;
pub mod uml;
pub mod usb;
pub mod wire;

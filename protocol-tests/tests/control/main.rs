//! The control socket of the whole daemon: status, commands, permissions, and clients that misbehave.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod commands;
mod protocol;
mod reload;
mod socket;
mod status;

/// A host of the simulated internet.
const WEB: &str = "198.51.100.10";

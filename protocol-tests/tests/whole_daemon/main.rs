//! The daemon's binary, from the outside: configuration, signals, ttys that come and go, routes, exit statuses. The modem
//! is the project's own simulator or the tests' small one.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod endings;
mod link;
mod provider;
mod routes;
mod settings;
mod ttys;

use protocol_tests::daemon::Site;

/// A host of the simulated internet.
const WEB: &str = "198.51.100.10";

/// Short waits. The third failure in a row leads to a reset, which a pty that is gone cannot have.
fn configure_impatient(site: &Site, apn: &str) {
    site.configure(&[("APN", apn), ("HOLDOFF", "0"), ("RESET_WAIT", "1")]);
}

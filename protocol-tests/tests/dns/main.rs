//! DNS servers of the whole daemon's link in the system (spec N3): `/etc/resolv.conf`, resolvconf, systemd-resolved.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod command;
mod file;
mod gateway;
mod packages;

use std::fs;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{PATIENCE, Site};

/// What the host had before.
const HOST: &str = "# by hand\nnameserver 172.31.0.53\nsearch lan example.jp\noptions timeout:1\n";

/// The rest of it.
const REST: &str = "# by hand\nsearch lan example.jp\noptions timeout:1\n";

/// The simulated network's.
const SERVERS: [&str; 2] = ["192.0.2.53", "198.51.100.53"];

/// The file while the links are up.
fn with_links(names: &str, servers: &[&str]) -> String {
    let servers: Vec<String> = servers
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    format!(
        "# uplinkd: name servers of {names}. The former file comes back when the link ends.\n{}{REST}",
        servers.concat()
    )
}

/// Waits until the site's file has this text.
fn wait_for_text(site: &Site, expected: &str) {
    wait_until(&format!("a resolv.conf of {expected:?}"), PATIENCE, || {
        let text = fs::read_to_string(site.path("resolv.conf")).ok()?;
        (text == expected).then_some(())
    });
}

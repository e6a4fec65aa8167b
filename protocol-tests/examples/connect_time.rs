//! How long it takes from CONNECT to an interface with an address: ours and pppd's, with the same pppd as the ISP on the
//! same kind of guest, through the same modem.
//!
//! ```text
//! cargo build --release && cargo run --release -p protocol-tests --example connect_time [ROUNDS]
//! ```
//!
//! The client pppd runs in a guest of its own (the host's kernel may have no PPP). Both are timed by the same clock and
//! in the same way: from the moment at which the modem writes CONNECT to the moment at which the line "local  IP
//! address" is in the client's log. pppd logs to a file in its guest, which is looked at every few milliseconds; what
//! a look costs is measured and printed. pppd waits up to one second for the peer to speak (connect-delay) before
//! its first request, which the option `connect-delay 1` switches off: both are shown.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "not a part of the program"
)]

use std::time::Duration;

use protocol_tests::bridge;
use protocol_tests::clock::now;
use protocol_tests::daemon::{PATIENCE, Site};
use protocol_tests::isp::Isp;
use protocol_tests::modem::{Modem, ModemConfig};
use protocol_tests::namespace::Namespace;
use protocol_tests::temp::TempDir;
use protocol_tests::uml::Uml;

const CHAT: &str = r#"connect "/usr/sbin/chat ABORT BUSY '' ATZ OK ATE0 OK ATDT*99# CONNECT ''""#;

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .map_or(10, |text| text.parse().expect("ROUNDS is a number"));
    let mut ours: Vec<Duration> = (0..rounds).map(|_| uplinkd()).collect();
    let mut theirs: Vec<Duration> = (0..rounds).map(|_| pppd("")).collect();
    let mut hurried: Vec<Duration> = (0..rounds).map(|_| pppd("connect-delay 1")).collect();
    println!("from CONNECT to \"local  IP address\", {rounds} rounds each (median, least, most):");
    show("uplinkd", &mut ours);
    show("pppd", &mut theirs);
    show("pppd connect-delay 1", &mut hurried);
    let client = Uml::start(1);
    let begin = now();
    for _ in 0..100 {
        client.run("true");
    }
    println!(
        "one look into pppd's log: {:.1} ms",
        (now() - begin).as_secs_f64() * 10.0
    );
}

fn show(name: &str, times: &mut [Duration]) {
    times.sort();
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let median = ms(times.get(times.len() / 2));
    println!(
        "  {name:<22} {median:8.1} {:8.1} {:8.1} ms",
        ms(times.first()),
        ms(times.last())
    );
}

fn uplinkd() -> Duration {
    let isp = Isp::start(1, &["noauth", "ms-dns", "192.0.2.53"]);
    let site = Site::new();
    site.configure(&[("AUTH", "NOAUTH")]);
    let modem = Modem::start(&site.tty(), ModemConfig::default(), isp.peer());
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    let up = daemon.process.wait_for_line("local  IP address", PATIENCE);
    let connected = modem.connected_at().expect("the link is up");
    let time = (daemon.process.started() + up.at).saturating_duration_since(connected);
    daemon.terminate();
    time
}

fn pppd(options: &str) -> Duration {
    let isp = Isp::start(1, &["noauth", "ms-dns", "192.0.2.53"]);
    let dir = TempDir::new("connect-time");
    let modem = Modem::start(&dir.join("tty0"), ModemConfig::default(), isp.peer());
    let client = Uml::start(1);
    let line = client.line();
    bridge::join(modem.path(), line.stream);
    let options = format!("{CHAT} local noauth noipv6 usepeerdns noipdefault {options}");
    client.pppd_exactly(line.number, &options);
    modem.wait_for_call(1, PATIENCE);
    client.wait_for_pppd_log(line.number, "local  IP address", PATIENCE);
    now() - modem.connected_at().expect("the link is up")
}

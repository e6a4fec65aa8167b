//! The monitor's log lines (spec M3): those of the existing system letter by letter, which its users grep for, and our
//! own for what it has no words for.

use std::fmt::Display;
use std::net::Ipv4Addr;

use super::MonitorPlan;
use crate::log::{Identifier, Level, LogLine};

/// The number of the state "connected" in the existing system's manager.
const CONNECTED: u32 = 8;

/// ip-up's line.
pub(super) fn executed() -> LogLine {
    LogLine::new(Level::Info, Identifier::IpUp, "Execute PPP monitor.")
}

/// ip-down's line.
pub(super) fn terminated() -> LogLine {
    LogLine::new(Level::Info, Identifier::IpDown, "Terminate PPP monitor.")
}

pub(super) fn disabled() -> LogLine {
    monitor(Level::Info, "ping monitoring is disabled.".to_owned())
}

pub(super) fn started(plan: &MonitorPlan, target: &str) -> LogLine {
    let text = format!(
        "ppp monitor started, PPP I/F: {}, TARGET: {target}, INTERVAL: {}, MAXFAIL: {}",
        plan.interface,
        plan.interval.as_secs(),
        plan.fail
    );
    monitor(Level::Info, text)
}

pub(super) fn succeeded(target: &str) -> LogLine {
    monitor(Level::Info, format!("ping to {target} succeeded."))
}

pub(super) fn not_needed(target: &str) -> LogLine {
    monitor(
        Level::Info,
        format!("packets were received, no ping to {target} is needed."),
    )
}

pub(super) fn failed(target: &str, lost: u32, fail: u32) -> LogLine {
    monitor(
        Level::Warning,
        format!("ping to {target} failed ({lost}/{fail})."),
    )
}

pub(super) fn cut(target: &str, lost: u32) -> LogLine {
    let pings = if lost == 1 { "ping" } else { "pings in a row" };
    monitor(
        Level::Warning,
        format!("{lost} {pings} to {target} failed: the link is cut."),
    )
}

pub(super) fn no_target() -> LogLine {
    let text = "ping monitoring is not possible: MONITOR_TARGET is empty, and the network named neither a DNS server \
                nor its own address; set MONITOR_TARGET";
    monitor(Level::Error, text.to_owned())
}

/// `instead` is what is pinged for the time being; nothing: nothing can be.
pub(super) fn unresolved(name: &str, why: impl Display, instead: Option<Ipv4Addr>) -> LogLine {
    match instead {
        Some(address) => monitor(
            Level::Warning,
            format!("cannot resolve {name}: {why}; the monitor uses {address} meanwhile"),
        ),
        None => monitor(
            Level::Error,
            format!("cannot resolve {name}: {why}; nothing is pinged until that works"),
        ),
    }
}

pub(super) fn not_sent(target: &str, why: &str) -> LogLine {
    monitor(
        Level::Error,
        format!("ping to {target} cannot be sent: {why}"),
    )
}

pub(super) fn connected(pid: u32) -> LogLine {
    manager(pid, &format!("({CONNECTED}) PPP connected."))
}

pub(super) fn responding_host(pid: u32, address: Ipv4Addr, hops: u8) -> LogLine {
    let text = format!(
        "check_with_icmp: responding hosts found in the route: address: {address}, hops: {hops}."
    );
    manager(pid, &text)
}

pub(super) fn no_responding_host(pid: u32, target: &str) -> LogLine {
    let text = format!(
        "check_with_icmp: no responding hosts found in the route, {target} itself is watched."
    );
    manager(pid, &text)
}

pub(super) fn host_in_the_route(pid: u32, address: Ipv4Addr) -> LogLine {
    manager(pid, &format!("LTE: host in the route: {address}"))
}

fn monitor(level: Level, text: String) -> LogLine {
    LogLine::new(level, Identifier::PppMonitor, text)
}

fn manager(pid: u32, text: &str) -> LogLine {
    LogLine::new(
        Level::Info,
        Identifier::PppManager,
        format!("PPP Manager[{pid}]: {text}"),
    )
}

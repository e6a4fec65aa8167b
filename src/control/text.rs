//! A status for people: for somebody who was called at night and has 80 columns.
//!
//! The first line says the state in a sentence. Then: why, what comes next, the link, the modem, what failed last. What
//! is not known has no line.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::status::{
    Failure, Link, Modem, Moment, Monitor, Reset, Resolver, StateWord, Status, Traffic,
};
use crate::modem::SimState;

/// Columns.
const WIDTH: usize = 80;

/// Width of the labels.
const LABEL: usize = 10;

/// Failures that are shown.
const SHOWN_FAILURES: usize = 5;

/// A wall clock before this has not been set yet: 2020.
const CLOCK_IS_SET: i64 = 1_577_836_800;

/// How it is shown.
#[derive(Clone, Debug)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Times of day are told in this zone.
    pub zone: TimeZone,
}

/// The status in lines, the last one with its end.
pub fn render(status: &Status, style: &Style) -> String {
    let mut page = Page {
        out: String::new(),
        style,
        now: status.now.parse().unwrap_or(Timestamp::UNIX_EPOCH),
    };
    page.headline(status);
    page.state(status);
    if let Some(link) = &status.link {
        page.link(link, status.traffic);
    } else if status.traffic != Traffic::default() {
        page.row("traffic", &traffic("since the start ", status.traffic));
    }
    if let Some(resolver) = &status.resolver {
        page.resolver(resolver);
    }
    page.modem(&status.modem);
    if let Some(monitor) = &status.monitor {
        page.monitor(monitor);
    }
    page.counts(status);
    for warning in &status.warnings {
        page.row("warning", warning);
    }
    page.failures(&status.failures);
    page.out
}

struct Page<'a> {
    out: String,
    style: &'a Style,
    now: Timestamp,
}

impl Page<'_> {
    fn headline(&mut self, status: &Status) {
        let text = format!("{} ({}).", status.sentence, self.lasting(&status.since));
        self.paragraph(&format!("{}: ", status.interface), 2, &text);
        if self.style.color {
            let color = match status.state {
                StateWord::Up => 32,
                StateWord::Disconnected | StateWord::Ended | StateWord::WaitingForModem => 31,
                StateWord::Starting
                | StateWord::Dialing
                | StateWord::HoldingOff
                | StateWord::Resetting
                | StateWord::WaitingAfterReset
                | StateWord::WaitingForTraffic
                | StateWord::Ending => 33,
            };
            self.out = format!("\u{1b}[1;{color}m{}\u{1b}[0m\n", self.out.trim_end());
        }
        self.out.push('\n');
    }

    fn state(&mut self, status: &Status) {
        if let Some(why) = &status.why {
            self.row("why", why);
        }
        if let Some(step) = &status.step {
            let text = format!("{}, for {}", step.what, duration(step.since.seconds_ago));
            self.row("now", &text);
        }
        if let Some(next) = &status.next {
            let mut text = next.what.clone();
            if let Some(seconds) = next.in_seconds {
                let _ = write!(text, " in {}", duration(seconds));
            }
            if let Some(at) = next.at.as_deref().and_then(|at| self.clock(at)) {
                let _ = write!(text, ", at {at}");
            }
            self.row("next", &text);
        }
        let attempts = &status.attempts;
        let mut text = format!("{} so far", attempts.number);
        match attempts.failures_in_a_row {
            // Forgotten once the link is good.
            Some(1) if status.link.is_some() => text.push_str(", the one before failed"),
            Some(failures @ 2..) if status.link.is_some() => {
                let _ = write!(text, ", the {failures} before failed");
            }
            Some(1) => text.push_str(", the last one failed"),
            Some(failures @ 2..) => {
                let _ = write!(text, ", {failures} failures in a row");
            }
            Some(0) | None => {}
        }
        let links = if attempts.links == 1 { "link" } else { "links" };
        let _ = write!(text, "; {} {links} since the start", attempts.links);
        if let Some(start) = self.clock(&status.started.at) {
            let _ = write!(text, " at {start}");
        }
        self.row("attempts", &text);
    }

    fn link(&mut self, link: &Link, total: Traffic) {
        let mut text = link.local.to_string();
        if let Some(remote) = link.remote {
            let _ = write!(text, ", peer {remote}");
        }
        let good = if link.good { "good" } else { "not yet good" };
        let _ = write!(text, ", MTU {}, on {}, {good}", link.mtu, link.interface);
        self.row("link", &text);
        let dns: Vec<String> = link.dns.iter().map(ToString::to_string).collect();
        if !dns.is_empty() {
            self.row("DNS", &dns.join(", "));
        }
        self.row("traffic", &traffic("", link.traffic));
        if total != link.traffic {
            self.row("", &traffic("since the start ", total));
        }
    }

    fn resolver(&mut self, resolver: &Resolver) {
        let servers: Vec<String> = resolver.servers.iter().map(ToString::to_string).collect();
        let who = match resolver.manager.as_str() {
            "resolved" => "systemd-resolved",
            "resolvconf" => "resolvconf",
            "script" => "a script",
            "file" => "uplinkd",
            "none" => "nobody",
            other => other,
        };
        self.row(
            "resolver",
            &format!("{}, set by {who}: {}", servers.join(", "), resolver.why),
        );
        if let Some(problem) = &resolver.problem {
            self.row("", problem);
        }
    }

    fn modem(&mut self, modem: &Modem) {
        let model: Vec<&str> = [&modem.manufacturer, &modem.model, &modem.revision]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let mut parts = Vec::new();
        if !model.is_empty() {
            parts.push(model.join(" "));
        }
        if let Some(profile) = &modem.profile {
            parts.push(format!("profile {profile}"));
        }
        if let Some(tty) = &modem.tty {
            parts.push(tty.clone());
        }
        if let Some(usb) = &modem.usb_path {
            parts.push(format!("USB {usb}"));
        }
        if !parts.is_empty() {
            self.row("modem", &parts.join(", "));
        }
        self.sim(modem);
        self.network(modem);
    }

    fn sim(&mut self, modem: &Modem) {
        let mut parts = Vec::new();
        if let Some(sim) = modem.sim {
            parts.push(
                match sim {
                    SimState::Ready => "ready",
                    SimState::Pin => "asks for its PIN",
                    SimState::Puk => "locked, asks for its PUK",
                    SimState::Locked => "locked",
                    SimState::Busy => "still starting",
                    SimState::Absent => "there is none",
                    SimState::Failure => "does not work",
                }
                .to_owned(),
            );
        }
        if let Some(iccid) = &modem.iccid {
            parts.push(format!("ICCID {iccid}"));
        }
        if !parts.is_empty() {
            self.row("SIM", &parts.join(", "));
        }
    }

    fn network(&mut self, modem: &Modem) {
        let mut parts = Vec::new();
        let mut ages = Vec::new();
        match (&modem.operator, &modem.plmn) {
            (Some(operator), Some(plmn)) => {
                parts.push(format!("{} ({})", operator.value, plmn.value));
                ages.push(operator.seconds_ago);
            }
            (Some(one), None) | (None, Some(one)) => {
                parts.push(one.value.clone());
                ages.push(one.seconds_ago);
            }
            (None, None) => {}
        }
        if let Some(technology) = &modem.technology {
            parts.push(technology.value.clone());
            ages.push(technology.seconds_ago);
        }
        if let Some(registration) = &modem.registration {
            parts.push(registration.value.as_str().to_owned());
            ages.push(registration.seconds_ago);
        }
        if let Some(signal) = &modem.signal_dbm {
            parts.push(format!("{} dBm ({})", signal.value, strength(signal.value)));
            ages.push(signal.seconds_ago);
        }
        if let Some(oldest) = ages.into_iter().max() {
            let text = format!("{}; told {} ago", parts.join(", "), duration(oldest));
            self.row("network", &text);
        }
    }

    fn monitor(&mut self, monitor: &Monitor) {
        let mut text = match &monitor.watched {
            Some(watched) if *watched != monitor.target => {
                format!("{watched} on the way to {}", monitor.target)
            }
            Some(_) | None => monitor.target.clone(),
        };
        if let Some(last) = &monitor.last {
            let how = if last.answered { "answered" } else { "lost" };
            let _ = write!(
                text,
                ", last ping {how} {} ago",
                duration(last.when.seconds_ago)
            );
        }
        if monitor.lost_in_a_row > 0 {
            let _ = write!(text, ", {} lost in a row", monitor.lost_in_a_row);
        }
        self.row("monitor", &text);
    }

    fn counts(&mut self, status: &Status) {
        if let Some(queue) = status
            .queue
            .filter(|queue| queue.waiting > 0 || queue.dropped > 0)
        {
            let text = format!(
                "{} packets wait for the link, {} were dropped",
                queue.waiting, queue.dropped
            );
            self.row("queue", &text);
        }
        if let Some(last) = &status.resets.last {
            let text = format!("{}; the last one {}", status.resets.count, self.reset(last));
            self.row("resets", &text);
        }
        if let Some(writes @ 1..) = status.provisioning_writes {
            let text = format!(
                "APN or account written to the modem {} since the start",
                times(writes)
            );
            self.row("writes", &text);
        }
    }

    fn reset(&self, reset: &Reset) -> String {
        let when = self.when(&reset.when);
        match (&reset.step, &reset.why) {
            (Some(step), _) => format!("{when} worked: {step}"),
            (None, Some(why)) => format!("{when} did not work: {why}"),
            (None, None) if reset.worked => format!("{when} worked"),
            (None, None) => format!("{when} did not work"),
        }
    }

    fn failures(&mut self, failures: &[Failure]) {
        if failures.is_empty() {
            return;
        }
        self.out.push_str("\nLast failures\n");
        for failure in failures.iter().take(SHOWN_FAILURES) {
            let when = self.when(&failure.when);
            let what = if failure.after_up { "link lost: " } else { "" };
            let often = match failure.times {
                0 | 1 => String::new(),
                times => format!(", {times} times in a row"),
            };
            let text = format!(
                "{what}{} ({}{often})",
                failure.reason,
                failure.class.as_str()
            );
            self.paragraph(&format!("  {when:<10}"), 12, &text);
            if let Some(advice) = &failure.advice {
                self.paragraph("            -> ", 15, advice);
            }
        }
        let more = failures.len().saturating_sub(SHOWN_FAILURES);
        if more > 0 {
            let _ = writeln!(self.out, "  ({more} more with --json)");
        }
    }

    fn row(&mut self, label: &str, text: &str) {
        self.paragraph(&format!("{label:<LABEL$}"), LABEL, text);
    }

    /// `text` in lines of at most [`WIDTH`] columns behind `first`, the others indented.
    fn paragraph(&mut self, first: &str, indent: usize, text: &str) {
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                let _ = writeln!(self.out, "{line}");
                line = " ".repeat(indent);
                empty = true;
            }
            if !empty || line.ends_with(|c: char| c != ' ') {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        let _ = writeln!(self.out, "{}", line.trim_end());
    }

    /// `2 h 13 min, since 00:47:12`.
    fn lasting(&self, since: &Moment) -> String {
        let ago = duration(since.seconds_ago);
        match self.clock(&since.at) {
            Some(at) => format!("{ago}, since {at}"),
            None => ago,
        }
    }

    /// `00:47:12`, or how long ago where the clock was not set.
    fn when(&self, moment: &Moment) -> String {
        self.clock(&moment.at)
            .unwrap_or_else(|| format!("{} ago", duration(moment.seconds_ago)))
    }

    /// The time of day, with the date if it is not today's; `None` if the clock has not been set.
    fn clock(&self, at: &str) -> Option<String> {
        let at: Timestamp = at.parse().ok()?;
        if at.as_second() < CLOCK_IS_SET {
            return None;
        }
        let (at, now) = [at, self.now]
            .map(|time| time.to_zoned_datetime(self.style.zone.clone()))
            .into();
        let format = if at.date() == now.date() {
            "%H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M"
        };
        Some(at.strftime(format).to_string())
    }
}

/// In the two largest units.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let parts = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => [(minutes, "min"), (seconds % 60, "s")],
        3600..86_400 => [(hours, "h"), (minutes % 60, "min")],
        _ => [(days, "d"), (hours % 24, "h")],
    };
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    parts.join(" ")
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

fn traffic(what: &str, traffic: Traffic) -> String {
    format!(
        "{what}received {} in {} packets, sent {} in {}",
        bytes(traffic.received_bytes),
        traffic.received_packets,
        bytes(traffic.sent_bytes),
        traffic.sent_packets,
    )
}

/// With three digits and a decimal unit.
fn bytes(count: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut scaled = count;
    let mut tenths = 0;
    let mut name = "B";
    for unit in units {
        if scaled < 1000 {
            break;
        }
        tenths = scaled % 1000 / 100;
        scaled /= 1000;
        name = unit;
    }
    if scaled < 100 {
        format!("{scaled}.{tenths} {name}")
    } else {
        format!("{scaled} {name}")
    }
}

/// What a received signal strength is worth.
fn strength(dbm: i16) -> &'static str {
    match dbm {
        -73.. => "very good",
        -83..=-74 => "good",
        -93..=-84 => "fair",
        -103..=-94 => "weak",
        _ => "very weak",
    }
}

#[cfg(test)]
mod tests;

//! What happened at a site, and what must never happen.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use super::bound::{Bounds, Pace};
use super::kinds::{Class, Effect, Kind};
use super::plan::any_mendable;
use super::slot::Slot;
use crate::config::Config;
use crate::link::{ExitStatus, FailureClass, LineProblem, LinkEnd, ResetReason, State, UserStop};
use crate::log::LogLine;
use crate::time::Instant;

/// Lines of the log that are kept for a violation's report.
const TAIL: usize = 2000;
/// A modem whose flash wears out is written so often at most in this time (spec D5).
const DAY: Duration = Duration::from_secs(86_400);
/// An absent tty is waited for at least this long before a reset.
const ABSENCE: Duration = Duration::from_secs(120);

/// Whether there can be a link at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// The configuration is right: between the troubles there is a link.
    #[default]
    Links,
    /// It is wrong from the start, and only a human can mend that: never a link, never a reset.
    NoLink,
}

/// Something that must not happen.
#[derive(Clone, Debug)]
pub struct Violation {
    /// When.
    pub at: Instant,
    /// What.
    pub what: String,
    /// The end of the log.
    pub log: Vec<String>,
}

/// The notes.
#[derive(Debug)]
pub struct Ledger {
    /// Attempts so far.
    pub attempts: u32,
    /// Links so far.
    pub links: u32,
    /// Resets so far.
    pub resets: u32,
    /// Resets that worked.
    pub resets_done: u32,
    /// Times that RESET_AT came.
    pub scheduled: u32,
    /// Times that the link came back after all trouble was over.
    pub recoveries: u32,
    /// Longest time from the end of all trouble until a packet came back.
    pub longest_recovery: Duration,
    /// The same as a share of what was allowed.
    pub closest: f64,
    /// Names of the troubles that were met.
    pub troubles: BTreeSet<&'static str>,
    /// How attempts and links ended, in words, for tests.
    pub ends: BTreeSet<String>,
    config: Config,
    expect: Expect,
    bounds: Bounds,
    pace: Pace,
    /// Troubles since the link was good last and nothing was wrong.
    causes: Vec<&'static Kind>,
    /// Of these, how often a call was cut or a modem pulled on the way.
    incidents: u32,
    going_on: usize,
    /// Since when nothing is wrong any more, and how long the link may take; `None`: something is wrong, or the link has
    /// come back.
    clear: Option<(Instant, Duration)>,
    /// Failures since the last reset.
    failures: u32,
    last_reset: Option<Instant>,
    /// Since when no tty could be found.
    absent_since: Option<Instant>,
    /// The link that is up, or the last one.
    up_since: Option<Instant>,
    user_resets: u32,
    disconnected: bool,
    /// What the modems count has to be looked at.
    look: bool,
    /// Writes to each modem that wears out.
    writes: Vec<Writes>,
    violation: Option<Violation>,
    log: VecDeque<String>,
    keep_log: bool,
    words: Option<(&'static str, bool)>,
}

impl Ledger {
    pub(super) fn new(config: &Config, expect: Expect, start_time: Duration) -> Self {
        Self {
            attempts: 0,
            links: 0,
            resets: 0,
            resets_done: 0,
            scheduled: 0,
            recoveries: 0,
            longest_recovery: Duration::ZERO,
            closest: 0.0,
            troubles: BTreeSet::new(),
            ends: BTreeSet::new(),
            bounds: Bounds::new(config, start_time),
            config: config.clone(),
            expect,
            pace: Pace::default(),
            causes: Vec::new(),
            incidents: 0,
            going_on: 0,
            clear: None,
            failures: 0,
            last_reset: None,
            absent_since: None,
            up_since: None,
            user_resets: 0,
            disconnected: false,
            look: false,
            writes: Vec::new(),
            violation: None,
            log: VecDeque::new(),
            keep_log: false,
            words: None,
        }
    }

    /// Keeps the log's end, for a report: off by default, since a week has a long one.
    pub fn keep_log(&mut self) {
        self.keep_log = true;
    }

    /// The end of the log.
    pub fn log_tail(&self) -> impl Iterator<Item = &str> {
        self.log.iter().map(String::as_str)
    }

    /// From now on it is noted whether the log has these words.
    pub(super) fn listen_for(&mut self, words: &'static str) {
        self.words = Some((words, false));
    }

    /// Whether the words of [`listen_for`](Self::listen_for) were in the log.
    pub(super) fn has_heard(&self) -> bool {
        self.words.is_some_and(|(_, heard)| heard)
    }

    pub(super) fn log(&mut self, now: Instant, line: &LogLine) {
        self.hear(&line.text);
        if self.keep_log {
            self.write(now, &line.text);
        }
    }

    fn hear(&mut self, text: &str) {
        if let Some((words, heard)) = &mut self.words {
            *heard |= text.contains(*words);
        }
    }

    fn write(&mut self, now: Instant, text: &str) {
        if self.keep_log {
            if self.log.len() == TAIL {
                self.log.pop_front();
            }
            let at = now.since_origin().as_secs_f64();
            self.log.push_back(format!("{at:12.3} {text}"));
        }
    }

    // ---- what the gateway does

    /// An attempt begins; `busy`: something else runs. `strayed`: its modem was there, and it takes another one.
    pub(super) fn attempt(&mut self, now: Instant, busy: bool, strayed: bool) {
        self.attempts += 1;
        self.up_since = None;
        self.write(now, "--- attempt");
        if busy {
            self.note(now, "an attempt began while another one or a reset ran");
        }
        if self.disconnected {
            self.note(now, "an attempt although a user has disconnected");
        }
        if strayed {
            self.note(now, "another modem was dialed although its own is there");
        }
        if let Some(what) = self.pace.begin(now, &self.bounds) {
            self.note(now, &what);
        }
    }

    pub(super) fn ended(&mut self, now: Instant, end: &LinkEnd) {
        self.look = true;
        if self.going_on == 0 {
            self.settle(now);
        }
        let class = if self.up_since.is_some() {
            end.class_after_up()
        } else {
            end.class()
        };
        if self.keep_log {
            self.write(now, &format!("--- ended: {end} ({class:?})"));
        }
        if self.ends.len() < 100 {
            self.ends.insert(end.to_string());
        }
        let is_absent = matches!(
            end,
            LinkEnd::Line(LineProblem::Absent { .. } | LineProblem::NotFound { .. })
        );
        if is_absent {
            self.absent_since.get_or_insert(now);
        } else {
            self.absent_since = None;
            self.failures += u32::from(class != FailureClass::None);
        }
        let vanished = matches!(end, LinkEnd::Line(LineProblem::Vanished { .. }));
        let asked = matches!(end, LinkEnd::User(_));
        let on_purpose = matches!(
            end,
            LinkEnd::Idle { .. } | LinkEnd::ConnectTime { .. } | LinkEnd::Scheduled
        );
        let at_once = is_absent || asked || vanished || (on_purpose && self.config.demand);
        self.pace.ended(now, class, at_once);
        self.up_since = None;
    }

    pub(super) fn up(&mut self, now: Instant) {
        self.look = true;
        self.links += 1;
        self.up_since = Some(now);
        self.pace.up();
        self.write(now, "--- up");
        if self.expect == Expect::NoLink {
            self.note(now, "a link although the configuration is wrong");
        }
    }

    pub(super) fn down(&mut self, now: Instant) {
        self.write(now, "--- down");
    }

    /// A program's packet has been answered.
    pub(super) fn answered(&mut self, now: Instant) {
        if self.going_on > 0 {
            return;
        }
        if let Some((since, allowed)) = self.clear.take() {
            let took = now.since(since);
            self.write(now, &format!("=== back after {} s", took.as_secs()));
            self.recoveries += 1;
            self.longest_recovery = self.longest_recovery.max(took);
            self.closest = self.closest.max(took.as_secs_f64() / allowed.as_secs_f64());
        }
    }

    /// A link that has been good for long enough ends what was before (spec S1).
    fn settle(&mut self, now: Instant) {
        let good = self
            .up_since
            .is_some_and(|since| now.since(since) >= self.config.good_after);
        if good && self.clear.is_none() {
            self.causes.clear();
            self.incidents = 0;
        }
    }

    pub(super) fn reset(&mut self, now: Instant, busy: bool, why: &ResetReason) {
        self.resets += 1;
        self.write(now, &format!("--- reset: {why}"));
        if busy {
            self.note(now, "a reset began while an attempt ran");
        }
        if self.disconnected {
            self.note(now, "a reset although a user has disconnected");
        }
        let cause = self.cause();
        match why {
            ResetReason::Failures(_) => {
                if self.failures < self.config.retry.max(1) {
                    self.note(now, "a reset after fewer failures than RETRY");
                }
                self.judge_cause(now, cause);
            }
            ResetReason::Absent(_) => {
                let since = self.absent_since.max(self.last_reset);
                if since.is_none_or(|since| now.since(since) < ABSENCE) {
                    self.note(now, "a reset for a tty that has just gone");
                }
                self.judge_cause(now, cause);
            }
            ResetReason::Always | ResetReason::Scheduled => {
                if !self.config.reset_always {
                    self.note(now, "a reset after a link without RESET_ALWAYS");
                }
            }
            ResetReason::User => match self.user_resets.checked_sub(1) {
                Some(left) => self.user_resets = left,
                None => self.note(now, "a reset for a user who did not want one"),
            },
        }
        self.failures = 0;
        self.absent_since = None;
        self.last_reset = Some(now);
    }

    fn judge_cause(&mut self, now: Instant, cause: Cause) {
        let resets = self.config.reset_on_fail && self.config.retry > 0;
        match cause {
            _ if !resets => self.note(now, "a reset without RESET_ON_FAIL"),
            Cause::None => self.note(now, "a reset without a cause"),
            Cause::Configuration if !self.config.reset_any => {
                self.note(now, "a reset for what a reset cannot mend");
            }
            Cause::Configuration | Cause::Mendable => {}
        }
    }

    fn cause(&self) -> Cause {
        if any_mendable(self.causes.iter().map(|kind| kind.class))
            || self.incidents >= self.config.retry
        {
            Cause::Mendable
        } else if self.expect == Expect::NoLink
            || self
                .causes
                .iter()
                .any(|kind| kind.class == Class::Configuration)
        {
            Cause::Configuration
        } else {
            Cause::None
        }
    }

    pub(super) fn reset_done(&mut self, now: Instant, worked: bool) {
        self.look = true;
        self.resets_done += u32::from(worked);
        let how = if worked { "worked" } else { "failed" };
        self.write(now, &format!("--- reset {how}"));
        self.pace.excuse();
    }

    pub(super) fn exit(&mut self, now: Instant, status: ExitStatus) {
        if self.config.persist {
            self.note(now, &format!("the daemon ended with status {}", status.0));
        }
    }

    pub(super) fn reset_at(&mut self, now: Instant) {
        self.scheduled += 1;
        self.write(now, "--- RESET_AT");
        // It ends the link that is up.
        self.incidents += 1;
    }

    /// The profile says how long its modem takes.
    pub(super) fn profile(&mut self, reset_wait: Duration) {
        self.bounds.note_reset_wait(&self.config, reset_wait);
    }

    // ---- what happens to it

    pub(super) fn user(&mut self, now: Instant, stop: UserStop) {
        self.write(now, &format!("--- user: {stop}"));
        self.pace.user();
        match stop {
            UserStop::Disconnect => self.disconnected = true,
            UserStop::Reset => self.user_resets += 1,
            UserStop::Reconnect | UserStop::Signal(_) => {}
        }
    }

    pub(super) fn connected(&mut self, now: Instant) {
        self.write(now, "--- user: connect");
        self.pace.user();
        self.disconnected = false;
    }

    pub(super) fn killed(&mut self, now: Instant) {
        self.write(now, "=== daemon killed");
        self.pace = Pace::default();
        self.disconnected = false;
        self.up_since = None;
        self.absent_since = None;
        self.failures = 0;
    }

    /// A tty has come.
    pub(super) fn plugged(&mut self, now: Instant) {
        self.write(now, "--- a tty has come");
        self.pace.excuse();
    }

    /// A program wants something out, which with DEMAND dials.
    pub(super) fn wanted(&mut self) {
        self.pace.excuse();
    }

    pub(super) fn trouble_begins(&mut self, now: Instant, kind: &'static Kind) {
        self.write(now, &format!("=== {} begins", kind.name));
        if self.going_on == 0 {
            self.settle(now);
        }
        self.going_on += 1;
        self.clear = None;
        self.causes.push(kind);
        self.note_incident(kind);
        self.troubles.insert(kind.name);
    }

    pub(super) fn trouble_ends(&mut self, now: Instant, kind: &'static Kind) {
        self.write(now, &format!("=== {} is over", kind.name));
        self.going_on = self.going_on.saturating_sub(1);
        self.note_incident(kind);
    }

    fn note_incident(&mut self, kind: &'static Kind) {
        let pulls = matches!(
            kind.effect,
            Effect::Card(_) | Effect::Kill | Effect::User(_)
        );
        self.incidents += u32::from(kind.cut || pulls);
    }

    /// Nothing is wrong any more.
    pub(super) fn clear(&mut self, now: Instant, state: &State) {
        self.look = true;
        if self.expect == Expect::Links {
            let allowed = self.bounds.recovery(self.causes.iter().copied(), state);
            self.write(
                now,
                &format!("=== all is well, {} s are allowed", allowed.as_secs()),
            );
            self.clear = Some((now, allowed));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.clear
            .map(|(since, allowed)| since + allowed + Duration::from_millis(1))
    }

    pub(super) fn check(&mut self, now: Instant, slots: &[Slot]) -> Result<(), Violation> {
        if let Some((since, allowed)) = self.clear
            && now.since(since) > allowed
        {
            self.note(
                now,
                &format!(
                    "no packet comes back {} s after all trouble",
                    allowed.as_secs()
                ),
            );
        }
        if std::mem::take(&mut self.look) {
            self.look_at_modems(now, slots);
        }
        self.violation.take().map_or(Ok(()), Err)
    }

    fn look_at_modems(&mut self, now: Instant, slots: &[Slot]) {
        self.writes.resize_with(slots.len(), Writes::default);
        for (index, slot) in slots.iter().enumerate() {
            let stats = slot.sim.stats();
            if stats.overlapping_dials > 0 {
                self.note(now, "a modem was told to dial while it had a call");
            }
            let wear = slot.card_wear();
            if wear.refused > 1 {
                self.note(now, "a SIM was told a wrong PIN twice");
            }
            if wear.locked {
                self.note(now, "a SIM was locked");
            }
            let Some(writes) = self.writes.get_mut(index) else {
                continue;
            };
            let new = stats.flash_writes - writes.total;
            if new > 0 {
                writes.total = stats.flash_writes;
                writes.recent.push_back((now, new));
            }
            while writes
                .recent
                .front()
                .is_some_and(|(at, _)| now.since(*at) >= DAY)
            {
                writes.recent.pop_front();
            }
            let of_a_day: u32 = writes.recent.iter().map(|(_, count)| count).sum();
            if of_a_day > self.config.provisioning_limit {
                let what = format!("the flash memory was written {of_a_day} times in a day");
                self.note(now, &what);
            }
        }
    }

    pub(super) fn violation(&mut self, now: Instant, what: &str) -> Violation {
        let causes: Vec<_> = self.causes.iter().map(|kind| kind.name).collect();
        Violation {
            at: now,
            what: format!("{what} (trouble before: {})", causes.join(", ")),
            log: self.log.iter().cloned().collect(),
        }
    }

    fn note(&mut self, now: Instant, what: &str) {
        self.write(now, &format!("!!! {what}"));
        if self.violation.is_none() {
            self.violation = Some(self.violation(now, what));
        }
    }
}

/// Writes to a modem's flash memory.
#[derive(Debug, Default)]
struct Writes {
    total: u32,
    /// Those of the last day.
    recent: VecDeque<(Instant, u32)>,
}

/// What may have led to a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    None,
    Configuration,
    Mendable,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.since_origin().as_secs_f64();
        write!(f, "after {at:.3} s: {}", self.what)
    }
}

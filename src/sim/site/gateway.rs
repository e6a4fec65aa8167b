//! The gateway of a site: the daemon's machines, and in place of its shell a few lines that do what they say.

mod attempt;
mod link;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::kinds::Seen;
use super::resetting::Resetting;
use super::shell::Shell;
use super::traffic::Traffic;
use crate::config::Config;
use crate::link::ladder::Escalation;
use crate::link::monitor::MonitorInput;
use crate::link::schedule::Schedule;
use crate::link::{Command, Idle, Input, ResetOutcome, State, Stop, Supervisor};
use crate::modem::usb::ModemIdentity;
use crate::modem::{Memory, Profile, Profiles};
use crate::random::Random;
use crate::time::{Instant, Timer, earliest};
use attempt::{Open, bad_frames};
use link::Link;

/// The wall clock is looked at this often at least.
const LOOK: Duration = Duration::from_secs(3600);
/// The time zone of the site: summer time begins and ends.
const ZONE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// The gateway.
pub(super) struct Gateway {
    config: Config,
    supervisor: Supervisor,
    profiles: Arc<Profiles>,
    memory: Memory,
    /// What is said once in a program's life has been said.
    said: bool,
    random: Random,
    running: Running,
    /// The supervisor waits for a tty.
    watching: bool,
    /// The supervisor waits for a packet.
    watching_packets: bool,
    last: Option<ModemIdentity>,
    /// The modem of the last attempt.
    own: Option<usize>,
    /// Which ttys are there.
    there: Vec<bool>,
    profile: Option<Arc<Profile>>,
    /// Which step of a reset has worked.
    escalation: Escalation,
    link: Option<Link>,
    traffic: Traffic,
    schedule: Option<(Schedule, Timer)>,
    began: Instant,
    /// This attempt's link has been up.
    was_up: bool,
    seen: Seen,
    addresses: BTreeSet<Ipv4Addr>,
}

enum Running {
    Nothing,
    Attempt(Box<Open>),
    Reset(Box<Resetting>),
}

impl Gateway {
    /// A daemon that has read its configuration and what it has stored.
    pub(super) fn new(
        now: Instant,
        config: Config,
        traffic: Option<Duration>,
        seed: u64,
        shell: &mut Shell<'_>,
    ) -> Self {
        let mut random = Random::new(seed);
        let supervisor = Supervisor::new(config.policy(false), random.u64());
        let zone = TimeZone::posix(ZONE).unwrap_or(TimeZone::UTC);
        let schedule = config
            .reset_at
            .map(|at| (Schedule::new(at, zone), Timer::default()));
        let mut gateway = Self {
            traffic: Traffic::new(now, &config, traffic),
            config,
            supervisor,
            profiles: Arc::new(Profiles::built_in()),
            memory: shell.disk.memory(),
            said: false,
            random,
            running: Running::Nothing,
            watching: false,
            watching_packets: false,
            last: None,
            own: None,
            there: shell.slots.iter().map(|slot| slot.is_there()).collect(),
            profile: None,
            escalation: Escalation::default(),
            link: None,
            schedule,
            began: now,
            was_up: false,
            seen: Seen::default(),
            addresses: BTreeSet::new(),
        };
        gateway.look_at_clock(now, shell);
        gateway
    }

    /// Something for the supervisor.
    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        self.supervisor.handle(now, input);
    }

    /// What the supervisor is doing.
    pub(super) fn state(&self) -> &State {
        self.supervisor.state()
    }

    pub(super) fn seen(&self) -> Seen {
        let mut seen = self.seen;
        if let Running::Attempt(open) = &self.running {
            seen.bad_frames += bad_frames(&open.attempt);
        }
        seen
    }

    /// What another daemon, which was killed, has seen before.
    pub(super) fn has_seen(&mut self, seen: Seen) {
        self.seen = Seen {
            kills: seen.kills + 1,
            ..seen
        };
    }

    /// The modem that was used last.
    pub(super) fn own_slot(&self) -> Option<usize> {
        self.own
    }

    /// A program asks whether anything gets through, until it is answered.
    pub(super) fn ask_whether_back(&mut self, now: Instant) {
        self.traffic.ask(now);
    }

    /// Whether a tty of this slot is open.
    pub(super) fn has_open(&self, slot: usize) -> bool {
        match &self.running {
            Running::Attempt(open) => open.slot == slot,
            Running::Reset(resetting) => resetting.has_open(slot),
            Running::Nothing => false,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let running = match &self.running {
            Running::Nothing => None,
            Running::Attempt(open) => open.attempt.poll_timeout(),
            Running::Reset(resetting) => resetting.poll_timeout(),
        };
        let link = self.link.as_ref().and_then(|link| {
            earliest([
                link.monitor.poll_timeout(),
                link.idle.as_ref().and_then(Idle::poll_timeout),
            ])
        });
        earliest([
            self.supervisor.poll_timeout(),
            running,
            link,
            self.traffic.poll_timeout(),
            self.schedule
                .as_ref()
                .and_then(|(_, timer)| timer.deadline()),
        ])
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, shell: &mut Shell<'_>) {
        self.supervisor.handle_timeout(now);
        match &mut self.running {
            Running::Nothing => {}
            Running::Attempt(open) => open.attempt.handle_timeout(now),
            Running::Reset(resetting) => resetting.handle_timeout(now),
        }
        if let Some(link) = &mut self.link {
            link.monitor
                .handle(now, MonitorInput::Received(link.received));
            link.monitor.handle_timeout(now);
            if let Some(idle) = &mut link.idle {
                idle.handle_timeout(now);
            }
        }
        if let Some(packet) = self.traffic.handle_timeout(now) {
            self.send_traffic(now, &packet);
        }
        let due = self
            .schedule
            .as_mut()
            .is_some_and(|(_, timer)| timer.expired(now));
        if due {
            self.look_at_clock(now, shell);
        }
    }

    /// The wall clock was set.
    pub(super) fn clock_was_set(&mut self, now: Instant, shell: &mut Shell<'_>) {
        self.seen.clock_set += 1;
        self.look_at_clock(now, shell);
    }

    fn look_at_clock(&mut self, now: Instant, shell: &mut Shell<'_>) {
        let Some((schedule, timer)) = &mut self.schedule else {
            return;
        };
        let wall = shell.wall(now);
        let Ok(stamp) = Timestamp::from_second(wall) else {
            return;
        };
        let fires = schedule.handle_wall(now, stamp);
        let until = schedule.next_wall().map_or(LOOK, |next| {
            let seconds = next.as_second().saturating_sub(wall).max(1);
            Duration::from_secs(seconds.unsigned_abs()).min(LOOK)
        });
        timer.arm(now + until);
        if fires {
            shell.ledger.reset_at(now);
            self.supervisor.handle(now, Input::ResetAt);
        }
    }

    /// Whether a tty of this slot is there; true if that is news.
    pub(super) fn note_tty(&mut self, now: Instant, slot: usize, there: bool) -> bool {
        let Some(was) = self.there.get_mut(slot) else {
            return false;
        };
        if std::mem::replace(was, there) == there {
            return false;
        }
        match &mut self.running {
            Running::Attempt(open) if open.slot == slot && !there => {
                open.attempt.line_gone(now, None);
            }
            Running::Reset(resetting) => resetting.handle_tty(now, slot, there),
            Running::Attempt(_) | Running::Nothing => {}
        }
        if there && self.watching {
            self.supervisor.handle(now, Input::LineChanged);
        }
        true
    }

    /// Bytes of the tty of this slot.
    pub(super) fn handle_bytes(&mut self, now: Instant, slot: usize, bytes: &[u8]) {
        match &mut self.running {
            Running::Attempt(open) if open.slot == slot => {
                let (link, traffic) = (&mut self.link, &mut self.traffic);
                open.attempt.handle_bytes(now, bytes, |packet| {
                    if let Some(link) = link {
                        link.handle_packet(now, packet, traffic);
                    }
                });
            }
            Running::Reset(resetting) => resetting.handle_bytes(now, slot, bytes),
            Running::Attempt(_) | Running::Nothing => {}
        }
    }

    /// Does what the machines say; false if they say nothing.
    pub(super) fn act(&mut self, now: Instant, shell: &mut Shell<'_>) -> bool {
        let mut any = false;
        while let Some(command) = self.supervisor.poll_command() {
            any = true;
            self.command(now, shell, command);
        }
        any |= self.act_on_link(now, shell);
        any |= match &self.running {
            Running::Nothing => false,
            Running::Attempt(_) => self.act_on_attempt(now, shell),
            Running::Reset(_) => self.act_on_reset(now, shell),
        };
        if self.traffic.poll_answered() {
            shell.ledger.answered(now);
        }
        any
    }

    fn command(&mut self, now: Instant, shell: &mut Shell<'_>, command: Command) {
        match command {
            Command::Attempt(plan) => self.begin(now, shell, plan),
            Command::EndAttempt(stop) => self.stop(now, stop),
            Command::Reset => {
                let busy = !matches!(self.running, Running::Nothing);
                if let State::Resetting(why) = self.supervisor.state() {
                    shell.ledger.reset(now, busy, why);
                }
                if self.supervisor.resets_in_row() <= 1 {
                    self.escalation.handle_good();
                }
                let resetting = Resetting::new(
                    now,
                    &self.config,
                    &self.escalation,
                    self.profile.as_deref(),
                    self.last.as_ref(),
                    self.own,
                    shell,
                );
                self.running = Running::Reset(Box::new(resetting));
            }
            Command::EndReset => {
                if let Running::Reset(_) = &self.running {
                    self.running = Running::Nothing;
                    let why = "given up".to_owned();
                    self.supervisor
                        .handle(now, Input::ResetDone(ResetOutcome::Failed { why }));
                }
            }
            Command::WatchLine(_) => self.watching = true,
            Command::WatchPackets => {
                self.watching_packets = true;
                let _ = self.wake(now, shell);
            }
            Command::Log(line) => shell.ledger.log(now, &line),
            Command::Exit(status) => shell.ledger.exit(now, status),
        }
    }

    /// DEMAND: a packet that waits starts the dial.
    fn wake(&mut self, now: Instant, shell: &mut Shell<'_>) -> bool {
        if self.watching_packets
            && *self.supervisor.state() == State::WaitingForPacket
            && self.traffic.is_waiting(now)
        {
            self.watching_packets = false;
            shell.ledger.wanted();
            self.supervisor.handle(now, Input::PacketWaiting);
            return true;
        }
        false
    }

    fn stop(&mut self, now: Instant, stop: Stop) {
        if let Running::Attempt(open) = &mut self.running {
            open.attempt.stop(now, stop);
        }
    }

    fn act_on_reset(&mut self, now: Instant, shell: &mut Shell<'_>) -> bool {
        let Running::Reset(resetting) = &mut self.running else {
            return false;
        };
        let (any, outcome) = resetting.act(now, shell);
        if let Some(outcome) = outcome {
            self.running = Running::Nothing;
            self.escalation.handle_done(&outcome);
            let worked = matches!(outcome, ResetOutcome::Done { .. });
            shell.ledger.reset_done(now, worked);
            self.supervisor.handle(now, Input::ResetDone(outcome));
        }
        any
    }
}

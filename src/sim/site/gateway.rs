//! The gateway of a site: the daemon's machines, and in place of its shell a few lines that do what they say.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::kinds::Seen;
use super::locate::{Located, locate};
use super::resetting::Resetting;
use super::shell::Shell;
use super::traffic::Traffic;
use super::{PIECE, ping};
use crate::config::Config;
use crate::link::attempt::{Attempt, AttemptEvent, AttemptSetup};
use crate::link::ladder::Escalation;
use crate::link::monitor::{self, Monitor, MonitorCommand, MonitorInput, MonitorPlan};
use crate::link::schedule::Schedule;
use crate::link::supervisor::AttemptPlan;
use crate::link::{Command, Idle, Input, LinkEnd, ResetOutcome, State, Stop, Supervisor};
use crate::modem::usb::ModemIdentity;
use crate::modem::{Memory, Profile, Profiles};
use crate::ppp::Ipv4Settings;
use crate::random::Random;
use crate::time::{Instant, Timer, earliest};

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

/// An attempt on an open tty.
struct Open {
    attempt: Attempt,
    slot: usize,
    wire: BytesMut,
}

/// What is there while IPCP is open.
struct Link {
    settings: Ipv4Settings,
    monitor: Monitor,
    idle: Option<Idle>,
    /// Question and its number.
    lookup: Option<(String, u16)>,
    received: u64,
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

    fn begin(&mut self, now: Instant, shell: &mut Shell<'_>, plan: AttemptPlan) {
        let busy = !matches!(self.running, Running::Nothing);
        self.watching = false;
        self.watching_packets = false;
        self.began = now;
        self.was_up = false;
        self.seen.attempts += 1;
        let last = self.last.as_ref();
        let located = locate(&self.config, &self.profiles, shell, last);
        let strayed = match (&located, self.own) {
            (Ok(located), Some(own)) => located.slot != own && shell.is_present(own),
            (Ok(_) | Err(_), _) => false,
        };
        shell.ledger.attempt(now, busy, strayed);
        let Located { slot, tty, profile } = match located {
            Ok(located) => located,
            Err(problem) => {
                let end = LinkEnd::Line(problem);
                shell.ledger.ended(now, &end);
                return self.supervisor.handle(now, Input::Ended(end));
            }
        };
        self.own = Some(slot);
        self.last = tty.usb.as_ref().map(ModemIdentity::of);
        self.note_profile(now, shell, profile.clone());
        let wall = shell.wall(now);
        let mut bringup = self.config.bringup(
            profile,
            Arc::clone(&self.profiles),
            self.memory.clone(),
            wall,
            self.said,
        );
        // Added to the configuration after the first link (spec D5).
        bringup.connect_ok |= shell.disk.connect_ok;
        self.said = true;
        let mut attempt = Attempt::new(AttemptSetup {
            tty: Path::new("/dev").join(&tty.name),
            interface: self.config.interface.clone(),
            bringup,
            session: self.config.session(plan.empty_credentials),
            seed: self.random.u64(),
        });
        shell.set_dtr(now, slot, true);
        attempt.start(now);
        self.running = Running::Attempt(Box::new(Open {
            attempt,
            slot,
            wire: BytesMut::new(),
        }));
    }

    fn note_profile(&mut self, now: Instant, shell: &mut Shell<'_>, profile: Option<Arc<Profile>>) {
        if let Some(profile) = profile {
            let reset_wait = profile.reset.wait;
            shell.ledger.profile(reset_wait);
            self.profile = Some(profile);
            self.supervisor.handle(now, Input::Modem { reset_wait });
        }
    }

    fn act_on_attempt(&mut self, now: Instant, shell: &mut Shell<'_>) -> bool {
        let mut any = false;
        loop {
            let Running::Attempt(open) = &mut self.running else {
                return any;
            };
            let slot = open.slot;
            let Some(event) = open.attempt.poll_event() else {
                break;
            };
            any = true;
            match event {
                AttemptEvent::Log(line) => {
                    shell.ledger.log(now, &line);
                    self.seen.note_echo(&line.text);
                }
                AttemptEvent::Info(_)
                | AttemptEvent::Step(_)
                | AttemptEvent::Warning(_)
                | AttemptEvent::Connected(_)
                | AttemptEvent::WatchCarrier(_) => {}
                AttemptEvent::Profile(profile) => self.note_profile(now, shell, Some(profile)),
                AttemptEvent::Save(memory) => {
                    let ok = shell.save(&memory);
                    open.attempt.saved(now, ok);
                    self.memory = memory;
                }
                AttemptEvent::SetDtr(on) => shell.set_dtr(now, slot, on),
                AttemptEvent::NetworkUp(settings) => self.network_up(now, shell, settings),
                AttemptEvent::NetworkDown => self.network_down(now, shell),
                AttemptEvent::PppEnded(_) => {
                    while open.attempt.poll_transmit(&mut open.wire) {}
                    shell.write(now, slot, &mut open.wire);
                    open.wire.clear();
                    self.seen.bad_frames += bad_frames(&open.attempt);
                    self.network_down(now, shell);
                }
                AttemptEvent::Ended(end) => {
                    shell.set_dtr(now, slot, false);
                    self.running = Running::Nothing;
                    shell.ledger.ended(now, &end);
                    self.supervisor.handle(now, Input::Ended(end));
                    return true;
                }
            }
        }
        let Running::Attempt(open) = &mut self.running else {
            return any;
        };
        if open.wire.len() < PIECE {
            any |= open.attempt.poll_transmit(&mut open.wire);
        }
        any |= shell.write(now, open.slot, &mut open.wire);
        any
    }

    fn network_up(&mut self, now: Instant, shell: &mut Shell<'_>, settings: Ipv4Settings) {
        shell.ledger.up(now);
        self.seen.ups += 1;
        if !std::mem::replace(&mut self.was_up, true) {
            if self.seen.links > 0 {
                let took = now.since(self.began);
                self.seen.slowest_link = self.seen.slowest_link.max(took);
            }
            self.seen.links += 1;
        }
        self.addresses.insert(settings.local);
        self.seen.addresses = self.addresses.len();
        self.supervisor.handle(now, Input::Up(settings));
        shell.disk.connect_ok = true;
        let monitor = &self.config.monitor;
        let plan = MonitorPlan {
            enabled: monitor.enabled,
            interface: self.config.interface.clone(),
            target: monitor.target.clone(),
            interval: monitor.interval,
            fail: monitor.fail,
            log: monitor.log,
            timeout: monitor.timeout,
            fixed_target: monitor.fixed_target,
            payload_is_life: monitor.payload_is_life,
            dns: settings.dns,
            peer: settings.remote,
            pid: 1,
        };
        self.link = Some(Link {
            settings,
            monitor: Monitor::new(now, plan),
            idle: self.config.idle.map(|after| Idle::new(now, after)),
            lookup: None,
            received: 0,
        });
        for packet in self.traffic.network_up(now, settings.local) {
            self.send_traffic(now, &packet);
        }
    }

    fn network_down(&mut self, now: Instant, shell: &mut Shell<'_>) {
        if self.link.take().is_some() {
            shell.ledger.down(now);
        }
    }

    /// Monitor, idle clock and packets.
    fn act_on_link(&mut self, now: Instant, shell: &mut Shell<'_>) -> bool {
        let mut any = self.wake(now, shell);
        let idle = self.link.as_mut().and_then(|link| link.idle.as_mut());
        if let Some(stop) = idle.and_then(Idle::poll_stop) {
            any = true;
            self.stop(now, stop);
        }
        while let Some(command) = self
            .link
            .as_mut()
            .and_then(|link| link.monitor.poll_command())
        {
            any = true;
            match command {
                MonitorCommand::Log(line) => shell.ledger.log(now, &line),
                MonitorCommand::Answered => self.supervisor.handle(now, Input::Answered),
                MonitorCommand::Cut { target, lost } => {
                    self.stop(now, Stop::Monitor { target, lost });
                }
                MonitorCommand::Echo {
                    to, ttl, sequence, ..
                } => {
                    let Some(link) = &self.link else { continue };
                    let local = link.settings.local;
                    let packet = ping::echo(ping::MONITOR, local, to, ttl, sequence);
                    self.send(&packet);
                }
                MonitorCommand::Resolve { name, servers } => self.resolve(now, name, servers),
            }
        }
        any
    }

    fn resolve(&mut self, now: Instant, name: String, servers: [Option<Ipv4Addr>; 2]) {
        let id = self.random.nonzero_u32() as u16;
        let Some(link) = &mut self.link else { return };
        let question = monitor::dns::query(id, &name);
        self.seen.unanswered_lookups += u32::from(link.lookup.is_some());
        link.lookup = Some((name, id));
        let local = link.settings.local;
        match (question, servers.iter().flatten().next().copied()) {
            (Ok(question), Some(server)) => {
                self.send(&ping::query(local, server, id, &question));
            }
            (Err(error), _) => link.monitor.handle(now, MonitorInput::Resolved(Err(error))),
            // Nobody to ask: the monitor's own limit ends the wait.
            (Ok(_), None) => {}
        }
    }

    /// A packet of a program: over the link, or kept for the next.
    fn send_traffic(&mut self, now: Instant, packet: &[u8]) {
        match &mut self.link {
            Some(link) => {
                if let Some(idle) = &mut link.idle {
                    idle.handle_traffic(now);
                }
                self.send(packet);
            }
            None => self.traffic.keep(now, packet),
        }
    }

    fn send(&mut self, packet: &[u8]) {
        if let Running::Attempt(open) = &mut self.running
            && open.wire.len() < 16 * PIECE
        {
            open.attempt.send_ipv4(packet, &mut open.wire);
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

impl Link {
    fn handle_packet(&mut self, now: Instant, packet: &[u8], traffic: &mut Traffic) {
        self.received += 1;
        if traffic.handle_packet(packet) {
            if let Some(idle) = &mut self.idle {
                idle.handle_traffic(now);
            }
        } else if let Some(received) = ping::read_echo(ping::MONITOR, packet) {
            self.monitor
                .handle(now, MonitorInput::Received(self.received));
            self.monitor.handle(
                now,
                MonitorInput::Echo {
                    sequence: received.sequence,
                    answer: received.answer,
                },
            );
        } else if let Some(datagram) = ping::read_answer(packet)
            && let Some((name, id)) = &self.lookup
            && let Some(answer) = monitor::dns::read(*id, name, &datagram)
        {
            self.lookup = None;
            self.monitor.handle(now, MonitorInput::Resolved(answer));
        }
    }
}

fn bad_frames(attempt: &Attempt) -> u64 {
    let frames = attempt.stats().frames;
    frames.bad_fcs + frames.too_short + frames.too_long + frames.aborted
}

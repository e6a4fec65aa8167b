//! A site in virtual time: modems on a USB bus, an ISP, a clock, and a gateway that runs the daemon's own supervisor,
//! bring-up, PPP, monitor and reset ladder against them, while a fault plan goes by.
//!
//! What the shell does in the daemon (open a tty, run a reset step, store a file, send a ping) is done here by a few
//! lines each. A [`Ledger`] notes what happened and says what must never happen: a second dial at once, a reset for a
//! configuration fault, a link that does not come back.
//!
//! ```text
//! plan (seed) --> troubles --> Sim, Sim ...  <-- bytes -->  Gateway (Supervisor, Attempt, Ladder, Monitor, queue)
//!                     |                                         |
//!                     +------------------> Ledger <-------------+
//! ```
//!
//! - [`recipe`]: from a seed to modems, configuration and fault plan. [`kinds`] has the kinds of trouble.
//! - The link counts as back when a packet of a program has gone to a host of the internet and its answer has come, not
//!   when it looks up.

mod bound;
mod gateway;
pub mod kinds;
mod ledger;
mod locate;
mod ping;
pub mod plan;
mod recipe;
mod resetting;
mod shell;
mod slot;
#[cfg(test)]
mod tests;
mod traffic;

use std::time::Duration;

use super::{FaultSpec, Personality, Sim, SimConfig, SimEvent};
use crate::config::Config;
use crate::link::{Input, State, UserStop};
use crate::random::Random;
use crate::time::{Instant, earliest};
use gateway::Gateway;
use kinds::{Effect, Name, Seen, Sign};
use plan::Episode;
use shell::{Disk, Shell};
use slot::Slot;

pub use ledger::{Expect, Ledger, Violation};
pub use recipe::{Recipe, plain, recipe};

/// Steps without a step of time until the run is called a livelock.
const MAX_STEPS: u32 = 20_000;
/// Bytes that are handed over at once.
const PIECE: usize = 4096;
/// How long a modem is pulled when its SIM is exchanged, or modems are swapped.
const HANDLING: Duration = Duration::from_secs(5);

/// What a site is.
#[derive(Clone, Debug)]
pub struct SiteConfig {
    /// Feeds every random choice.
    pub seed: u64,
    /// The gateway's configuration.
    pub config: Config,
    /// Time between two packets of programs; `None`: they only ask whether the link is back after a trouble.
    pub traffic: Option<Duration>,
    /// The modems that are plugged in.
    pub modems: Vec<Personality>,
    /// The ISP.
    pub sim: SimConfig,
    /// The wall clock at the beginning, in seconds since 1970.
    pub epoch: i64,
    /// What goes wrong.
    pub plan: Vec<Episode>,
    /// Whether there is a link between the troubles.
    pub expect: Expect,
}

/// The site.
pub struct Site {
    now: Instant,
    world: World,
    gateway: Gateway,
    /// What is still to begin, the first one last.
    plan: Vec<Episode>,
    going_on: Vec<Trouble>,
    /// What another daemon would be started with.
    config: Config,
    traffic: Option<Duration>,
    random: Random,
    steps: u32,
    /// All steps, for those who care about speed.
    total_steps: u64,
}

/// A trouble that goes on.
struct Trouble {
    episode: Episode,
    /// The modems that have it.
    slots: Vec<usize>,
    faults: Vec<FaultSpec>,
}

/// Everything outside of the gateway.
struct World {
    slots: Vec<Slot>,
    epoch: i64,
    disk: Disk,
    ledger: Ledger,
    /// Number of the next tty that appears under a new name.
    next_number: u32,
}

impl Site {
    /// A site at time zero, before the daemon starts.
    pub fn new(config: SiteConfig) -> Self {
        let mut random = Random::new(config.seed);
        let slots: Vec<Slot> = config
            .modems
            .iter()
            .zip(1_u32..)
            .map(|(personality, number)| {
                let sim = SimConfig {
                    seed: random.u64(),
                    personality: *personality,
                    iccid: format!("8988211000000000{number:02}8"),
                    ..config.sim.clone()
                };
                Slot::new(Sim::new(sim, Instant::ZERO), *personality, number)
            })
            .collect();
        let mut plan = config.plan;
        plan.sort_by_key(|episode| std::cmp::Reverse(episode.from));
        let start_time = slots.iter().map(Slot::start_time).max();
        let ledger = Ledger::new(
            &config.config,
            config.expect,
            start_time.unwrap_or_default(),
        );
        let mut world = World {
            slots,
            epoch: config.epoch,
            disk: Disk::default(),
            ledger,
            next_number: 100,
        };
        let mut gateway = Gateway::new(
            Instant::ZERO,
            config.config.clone(),
            config.traffic,
            random.u64(),
            &mut world.shell(),
        );
        gateway.handle(Instant::ZERO, Input::Start);
        Self {
            now: Instant::ZERO,
            world,
            gateway,
            plan,
            going_on: Vec::new(),
            config: config.config,
            traffic: config.traffic,
            random,
            steps: 0,
            total_steps: 0,
        }
    }

    /// From now on the end of the log is kept, for people.
    pub fn keep_log(&mut self) {
        self.world.ledger.keep_log();
    }

    /// From now on it is noted whether the log has these words.
    pub fn listen_for(&mut self, words: &'static str) {
        self.world.ledger.listen_for(words);
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// What has happened.
    pub fn ledger(&self) -> &Ledger {
        &self.world.ledger
    }

    /// What the supervisor is doing.
    pub fn state(&self) -> &State {
        self.gateway.state()
    }

    /// Steps of the simulation so far.
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }

    /// What has been seen on the line, by the simulator and on the disk.
    pub fn seen(&self) -> Seen {
        Seen {
            at_resets: self
                .world
                .slots
                .iter()
                .map(|slot| slot.sim.stats().at_resets)
                .sum(),
            failed_saves: self.world.disk.failed,
            ..self.gateway.seen()
        }
    }

    /// Whether a trouble has shown its sign.
    pub fn has_shown(&self, sign: &Sign) -> bool {
        match sign {
            Sign::Ends(words) => self.world.ledger.ends.iter().any(|end| end.contains(words)),
            Sign::Log(_) => self.world.ledger.has_heard(),
            Sign::Stats(shown) => shown(&self.seen()),
        }
    }

    /// Something that a user, the kernel or the clock says to the supervisor now.
    pub fn say(&mut self, input: Input) {
        if let Input::User(stop) = &input {
            self.world.ledger.user(self.now, *stop);
        }
        self.gateway.handle(self.now, input);
    }

    /// Runs until `end`, or until something happens that must not.
    ///
    /// # Errors
    /// The [`Violation`].
    pub fn run(&mut self, end: Instant) -> Result<(), Violation> {
        loop {
            // What is due at this moment comes first, as in the daemon, and then what happens to it.
            let moved = self.exchange() || self.trouble();
            self.check()?;
            let next = self.poll_timeout();
            if !moved && next.is_none_or(|next| next > self.now) {
                self.steps = 0;
                let Some(next) = next.filter(|next| *next <= end) else {
                    self.now = end;
                    return self.check();
                };
                self.now = next;
            }
            self.total_steps += 1;
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(self.world.ledger.violation(self.now, "no end of activity"));
            }
            for slot in &mut self.world.slots {
                slot.handle_timeout(self.now);
            }
            self.gateway
                .handle_timeout(self.now, &mut self.world.shell());
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let slots = self.world.slots.iter().filter_map(Slot::poll_timeout);
        let ends = self.going_on.iter().map(|trouble| trouble.episode.until);
        let begins = self.plan.last().map(|episode| episode.from);
        earliest([
            self.gateway.poll_timeout(),
            slots.chain(ends).chain(begins).min(),
            self.world.ledger.poll_timeout(),
        ])
    }

    /// Moves what anybody has to say; false if nobody has anything.
    fn exchange(&mut self) -> bool {
        let now = self.now;
        let mut moved = self.gateway.act(now, &mut self.world.shell());
        for index in 0..self.world.slots.len() {
            let Some(slot) = self.world.slots.get_mut(index) else {
                continue;
            };
            while let Some(event) = slot.sim.poll_event() {
                match event {
                    SimEvent::Unplug => slot.plugged = false,
                    SimEvent::Plug { renamed } => {
                        slot.plugged = true;
                        if renamed {
                            slot.rename(&mut self.world.next_number);
                        }
                    }
                    SimEvent::Log(line) => self.world.ledger.log(now, &line),
                }
            }
            let mut bytes = Vec::new();
            if slot.is_there()
                && self.gateway.has_open(index)
                && slot.sim.poll_transmit(now, PIECE, &mut bytes)
            {
                moved = true;
                self.gateway.handle_bytes(now, index, &bytes);
            }
        }
        moved | self.tell_ttys()
    }

    /// Tells the gateway which ttys have gone and come; false if none.
    fn tell_ttys(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.world.slots.len() {
            let there = self
                .world
                .slots
                .get(index)
                .is_some_and(|slot| slot.is_there());
            let news = self.gateway.note_tty(self.now, index, there);
            any |= news;
            if news && there {
                self.world.ledger.plugged(self.now);
            }
        }
        any
    }

    /// Begins and ends troubles; false if there is none to begin or end.
    fn trouble(&mut self) -> bool {
        let now = self.now;
        let mut any = false;
        while let Some(index) = self
            .going_on
            .iter()
            .position(|trouble| trouble.episode.until <= now)
        {
            any = true;
            let trouble = self.going_on.swap_remove(index);
            self.end(&trouble);
            if self.going_on.is_empty() {
                let state = self.gateway.state().clone();
                self.world.ledger.clear(now, &state);
                self.gateway.ask_whether_back(now);
            }
        }
        while self.plan.last().is_some_and(|episode| episode.from <= now) {
            any = true;
            if let Some(episode) = self.plan.pop() {
                self.begin(episode);
            }
        }
        self.unplug_at_dial();
        any
    }

    fn begin(&mut self, episode: Episode) {
        let now = self.now;
        let kind = episode.kind;
        self.world.ledger.trouble_begins(now, kind);
        let own = self.gateway.own_slot();
        let slots: Vec<usize> = (0..self.world.slots.len())
            .filter(|index| !episode.one || own.is_none_or(|own| own == *index))
            .collect();
        let faults = kind.effect.faults();
        for index in &slots {
            let Some(slot) = self.world.slots.get_mut(*index) else {
                continue;
            };
            for fault in &faults {
                slot.sim.add_fault(now, fault.clone());
            }
            if kind.cut {
                slot.sim.cut(now);
            }
            let time = episode.until.since(now);
            let mut renamed = false;
            match kind.effect {
                Effect::Unplug(name) => {
                    slot.pull(now, time);
                    renamed = name == Name::Other;
                }
                Effect::UnplugAtDial(_) => slot.dials_seen = slot.sim.stats().dials,
                Effect::Glitch(name) => {
                    slot.hide(now);
                    renamed = name == Name::Other;
                }
                Effect::Card(which) => {
                    slot.pull(now, HANDLING);
                    slot.exchange_card(which);
                }
                Effect::Faults(_)
                | Effect::Swap
                | Effect::Clock(_)
                | Effect::Disk
                | Effect::Kill
                | Effect::User(_) => {}
            }
            if renamed {
                slot.rename(&mut self.world.next_number);
            }
        }
        match kind.effect {
            Effect::Swap => self.swap(),
            Effect::Clock(seconds) => {
                self.world.epoch += seconds;
                self.gateway.clock_was_set(now, &mut self.world.shell());
            }
            Effect::Disk => self.world.disk.broken += 1,
            Effect::Kill => self.kill(),
            Effect::User(stop) => self.say(Input::User(stop)),
            Effect::Faults(_)
            | Effect::Unplug(_)
            | Effect::UnplugAtDial(_)
            | Effect::Glitch(_)
            | Effect::Card(_) => {}
        }
        self.going_on.push(Trouble {
            episode,
            slots,
            faults,
        });
        let _ = self.tell_ttys();
    }

    fn end(&mut self, trouble: &Trouble) {
        let now = self.now;
        let kind = trouble.episode.kind;
        for index in &trouble.slots {
            let Some(slot) = self.world.slots.get_mut(*index) else {
                continue;
            };
            for fault in &trouble.faults {
                slot.sim.lift_fault(now, fault);
            }
            if let Effect::Card(which) = kind.effect {
                slot.pull(now, HANDLING);
                slot.exchange_card(which);
            }
        }
        match kind.effect {
            Effect::Disk => self.world.disk.broken -= 1,
            Effect::User(UserStop::Disconnect) => {
                self.world.ledger.connected(now);
                self.gateway.handle(now, Input::Connect);
            }
            Effect::Faults(_)
            | Effect::Unplug(_)
            | Effect::UnplugAtDial(_)
            | Effect::Glitch(_)
            | Effect::Swap
            | Effect::Clock(_)
            | Effect::Card(_)
            | Effect::Kill
            | Effect::User(_) => {}
        }
        self.world.ledger.trouble_ends(now, kind);
    }

    fn unplug_at_dial(&mut self) {
        let now = self.now;
        for trouble in &self.going_on {
            let Effect::UnplugAtDial(name) = trouble.episode.kind.effect else {
                continue;
            };
            for index in &trouble.slots {
                let Some(slot) = self.world.slots.get_mut(*index) else {
                    continue;
                };
                let dials = slot.sim.stats().dials;
                if dials > slot.dials_seen {
                    slot.dials_seen = dials;
                    slot.pull(now, Duration::from_secs(1));
                    if name == Name::Other {
                        slot.rename(&mut self.world.next_number);
                    }
                }
            }
        }
    }

    /// All modems are pulled for a moment, and come back with each other's names.
    fn swap(&mut self) {
        let mut numbers: Vec<u32> = self.world.slots.iter().map(|slot| slot.number).collect();
        numbers.reverse();
        for (slot, number) in self.world.slots.iter_mut().zip(numbers) {
            slot.pull(self.now, HANDLING);
            slot.number = number;
        }
    }

    /// The daemon is killed: the kernel closes its tty, and systemd starts it again.
    fn kill(&mut self) {
        let now = self.now;
        self.world.ledger.killed(now);
        for slot in &mut self.world.slots {
            slot.sim.handle_dtr(now, false);
        }
        let seen = self.gateway.seen();
        self.gateway = Gateway::new(
            now,
            self.config.clone(),
            self.traffic,
            self.random.u64(),
            &mut self.world.shell(),
        );
        self.gateway.has_seen(seen);
        self.gateway.handle(now, Input::Start);
    }

    fn check(&mut self) -> Result<(), Violation> {
        let World { ledger, slots, .. } = &mut self.world;
        ledger.check(self.now, slots)
    }
}

impl World {
    fn shell(&mut self) -> Shell<'_> {
        Shell {
            slots: &mut self.slots,
            ledger: &mut self.ledger,
            disk: &mut self.disk,
            epoch: self.epoch,
        }
    }
}

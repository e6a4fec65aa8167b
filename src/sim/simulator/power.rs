//! What happens to the modem as a whole: restarts, power, SIM and network.

use std::time::Duration;

use super::super::SimEvent;
use super::super::card::{Card, CardFault};
use super::super::fault::Fault;
use super::super::radio::Air;
use super::{Presence, Sim};
use crate::log::Level;
use crate::time::Instant;

impl Sim {
    /// The modem's power is switched off and on, as by a gateway's reset line or a hub's port. With
    /// the fault `power-ignored` nothing happens.
    pub fn power_cycle(&mut self, now: Instant) {
        self.stats.power_resets += 1;
        if self.is_power_ignored(now) {
            self.log(Level::Info, "modem: its power was not switched");
        } else {
            self.crashed = false;
            self.comes_back_dead = false;
            let time = self.away_time(now);
            self.vanish(Presence::Away(now + time));
        }
        self.run(now);
    }

    /// Switches the modem's power off, or on again: then its tty comes back after its time. With the
    /// fault `power-ignored` it stays on.
    pub fn set_powered(&mut self, now: Instant, on: bool) {
        if on && self.presence == Presence::Off {
            let time = self.away_time(now);
            self.presence = Presence::Away(now + time);
        } else if !on && self.presence != Presence::Off {
            self.stats.power_resets += 1;
            if self.is_power_ignored(now) {
                self.log(Level::Info, "modem: its power was not switched");
            } else {
                self.crashed = false;
                self.comes_back_dead = false;
                self.vanish(Presence::Off);
            }
        }
        self.run(now);
    }

    fn is_power_ignored(&mut self, now: Instant) -> bool {
        let ignored = |fault: &Fault| matches!(fault, Fault::PowerIgnored(_)).then_some(());
        self.schedule.take_modem(now, ignored).is_some()
    }

    /// The OK to a restart has been said.
    pub(super) fn restart_by_command(&mut self, now: Instant) {
        self.stats.at_resets += 1;
        let ignored = |fault: &Fault| matches!(fault, Fault::ResetIgnored(_)).then_some(());
        if self.schedule.take_modem(now, ignored).is_some() {
            self.log(Level::Info, "modem: does not restart");
            return;
        }
        self.log(Level::Info, "modem: restarts");
        let dead = |fault: &Fault| matches!(fault, Fault::ResetDead(_)).then_some(());
        self.comes_back_dead |= self.schedule.take_modem(now, dead).is_some();
        let delay = self.config.personality.vanishes_after();
        self.restart.arm(now + delay);
    }

    /// The cable is pulled, and is back after `time`.
    pub(super) fn unplug(&mut self, now: Instant, time: Duration) {
        self.vanish(Presence::Away(now + time));
    }

    /// It is pulled out of its socket, which cuts its power, and put back after `time`.
    pub(in crate::sim) fn pull(&mut self, now: Instant, time: Duration) {
        self.crashed = false;
        self.comes_back_dead = false;
        let away = self.config.personality.away();
        self.vanish(Presence::Away(now + time + away));
        self.run(now);
    }

    /// Another SIM is put in; gives the former one. To be done while the modem is pulled.
    pub(in crate::sim) fn exchange_card(&mut self, card: Card) -> Card {
        std::mem::replace(&mut self.device.card, card)
    }

    /// The SIM that is in the modem.
    pub(in crate::sim) fn card(&self) -> &Card {
        &self.device.card
    }

    /// How long a restart takes.
    fn away_time(&self, now: Instant) -> Duration {
        let slow = self.modem_fault(now, |fault| {
            if let Fault::ResetSlow(time) = fault {
                Some(*time)
            } else {
                None
            }
        });
        slow.unwrap_or_else(|| self.config.personality.away())
    }

    fn vanish(&mut self, presence: Presence) {
        let was = std::mem::replace(&mut self.presence, presence);
        self.restart.cancel();
        self.boots.cancel();
        self.drop_call();
        self.modem.power_on();
        self.at_port.power_on();
        self.tty.clear();
        self.at_tty.clear();
        self.schedule.restarted();
        if was == Presence::Here {
            self.log(Level::Info, "modem: unplugged");
            self.events.push_back(SimEvent::Unplug);
        }
    }

    pub(super) fn back_at(&self) -> Option<Instant> {
        match self.presence {
            Presence::Away(until) => Some(until),
            Presence::Here | Presence::Off => None,
        }
    }

    /// What is due of restarts.
    pub(super) fn handle_power(&mut self, now: Instant) {
        if self.restart.expired(now) {
            let time = self.away_time(now);
            self.vanish(Presence::Away(now + time));
        }
        if self.back_at().is_some_and(|at| at <= now) {
            self.presence = Presence::Here;
            self.crashed |= std::mem::take(&mut self.comes_back_dead);
            self.device.power_on(now);
            self.boots.arm(now + self.config.personality.boot());
            self.log(Level::Info, "modem: plugged in");
            let renamed = self.holds(now, |fault| matches!(fault, Fault::NewName));
            self.events.push_back(SimEvent::Plug { renamed });
        }
        if self.boots.expired(now) && !self.crashed {
            for line in self.device.model.started {
                self.modem.say(line);
                self.at_port.say(line);
            }
        }
    }

    /// Looks at the faults of modem, SIM and network that hold now, and what follows from them.
    pub(super) fn refresh(&mut self, now: Instant) {
        self.now = now;
        self.schedule.handle_timeout(now);
        self.change_card(now);
        let crash = |fault: &Fault| matches!(fault, Fault::Crash).then_some(());
        if self.schedule.take_modem(now, crash).is_some() {
            self.log(Level::Notice, "fault: crash");
            self.crashed = true;
        }
        let on =
            self.presence == Presence::Here && !self.crashed && self.boots.deadline().is_none();
        let was_registered = self.device.radio.is_registered();
        let (card, air) = (self.card_fault(now), self.air(now));
        let changed = self.device.update(now, on, card, air);
        let coverage = self.holds(now, |fault| matches!(fault, Fault::CoverageLost(_)));
        if let Some(call) = &mut self.call {
            call.set_dead(self.crashed || coverage);
        }
        if !changed || self.crashed {
            return;
        }
        let registered = self.device.radio.is_registered();
        if was_registered && !registered && !coverage {
            self.end_call(true);
        }
        if was_registered != registered && self.presence == Presence::Here {
            let what = if registered {
                "registered"
            } else {
                "not registered any more"
            };
            self.log(Level::Info, &format!("modem: {what}"));
        }
        self.modem.registration_changed(&self.device);
        self.at_port.registration_changed(&self.device);
    }

    /// What a fault does to the SIM once and for good.
    fn change_card(&mut self, now: Instant) {
        let pin = self.schedule.take_modem(now, |fault| {
            if let Fault::Pin(pin) = fault {
                Some(pin.clone())
            } else {
                None
            }
        });
        if let Some(pin) = pin {
            self.device.card.lock(&pin);
        }
        let puk = |fault: &Fault| matches!(fault, Fault::Puk).then_some(());
        if self.schedule.take_modem(now, puk).is_some() {
            self.device.card.block();
        }
    }

    fn card_fault(&self, now: Instant) -> CardFault {
        let holding = self.modem_fault(now, |fault| {
            let states = [
                (matches!(fault, Fault::SimAbsent(_)), CardFault::Absent),
                (matches!(fault, Fault::SimFailure(_)), CardFault::Failure),
                (matches!(fault, Fault::SimBusy(_)), CardFault::Busy),
            ];
            states
                .into_iter()
                .find_map(|(holds, state)| holds.then_some(state))
        });
        holding.unwrap_or_default()
    }

    fn air(&self, now: Instant) -> Air {
        let slow = self.modem_fault(now, |fault| {
            if let Fault::SlowRegistration(time) = fault {
                Some(*time)
            } else {
                None
            }
        });
        let usual = self.config.registration_time;
        Air {
            lost: self.holds(now, |fault| {
                matches!(fault, Fault::RegistrationLost(_) | Fault::CoverageLost(_))
            }),
            denied: self.holds(now, |fault| matches!(fault, Fault::RegistrationDenied(_))),
            roaming: self.holds(now, |fault| matches!(fault, Fault::Roaming)),
            delay: slow
                .or(usual)
                .unwrap_or_else(|| self.config.personality.registration()),
        }
    }
}

//! A modem in its socket: its simulator, its ttys, and the SIMs in the drawer.

use std::time::Duration;

use super::kinds::Foreign;
use crate::modem::usb::{TtyDevice, UsbPort};
use crate::secret::Secret;
use crate::sim::card::Card;
use crate::sim::{Personality, Sim};
use crate::time::{Instant, Timer};

/// How long the ttys are away when the kernel's side of the device is switched off and on, and the modem runs on.
pub(super) const GLITCH: Duration = Duration::from_secs(2);

/// A modem in its socket.
pub(super) struct Slot {
    pub(super) sim: Sim,
    pub(super) personality: Personality,
    /// The USB path.
    pub(super) path: String,
    /// Number of its dialing tty.
    pub(super) number: u32,
    /// The simulator's ttys are there.
    pub(super) plugged: bool,
    /// The kernel does not show them until then.
    pub(super) hidden: Timer,
    /// It is out of its socket until then.
    pub(super) pulled: Timer,
    /// Its power is off until then.
    pub(super) dark: Timer,
    /// SIMs that are not in it.
    drawer: Drawer,
    /// Dials that [`UnplugAtDial`](super::kinds::Effect::UnplugAtDial) has seen.
    pub(super) dials_seen: u32,
}

struct Drawer {
    other_pin: Card,
    puk: Card,
}

/// What the SIMs of a slot have been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CardWear {
    /// The most wrong PINs that one of them has been told.
    pub(super) refused: u32,
    /// One that had not been locked before is.
    pub(super) locked: bool,
}

impl Slot {
    pub(super) fn new(sim: Sim, personality: Personality, number: u32) -> Self {
        let card = |digit: char, pin: &str| {
            let iccid = format!("898821100000000{digit}{number:02}8");
            Card::new(iccid, Some(Secret::new(pin)))
        };
        let mut puk = card('2', "1234");
        puk.block();
        Self {
            sim,
            personality,
            path: format!("1-1.{number}"),
            number: 10 * (number - 1),
            plugged: true,
            hidden: Timer::default(),
            pulled: Timer::default(),
            dark: Timer::default(),
            drawer: Drawer {
                other_pin: card('1', "9876"),
                puk,
            },
            dials_seen: 0,
        }
    }

    /// Whether its ttys are there.
    pub(super) fn is_there(&self) -> bool {
        self.plugged && self.hidden.deadline().is_none() && self.pulled.deadline().is_none()
    }

    /// Its ttys as the kernel shows them, the dialing one first.
    pub(super) fn ttys(&self) -> Vec<TtyDevice> {
        let Some(usb) = self.personality.usb() else {
            return vec![TtyDevice {
                name: format!("ttyS{}", self.number),
                usb: None,
            }];
        };
        let interfaces = std::iter::once(usb.dial).chain(usb.at.iter().copied());
        interfaces
            .zip(self.number..)
            .map(|(interface, number)| TtyDevice {
                name: format!("ttyUSB{number}"),
                usb: Some(UsbPort {
                    vendor: usb.vendor,
                    product: usb.product,
                    serial: None,
                    path: self.path.clone(),
                    interface,
                    port: 0,
                    protocol: 0xff,
                    driver: Some("option1".to_owned()),
                    product_name: None,
                }),
            })
            .collect()
    }

    /// Its ttys have other numbers from now on.
    pub(super) fn rename(&mut self, next: &mut u32) {
        self.number = *next;
        *next += 10;
    }

    /// Pulled, and put back after `time`.
    pub(super) fn pull(&mut self, now: Instant, time: Duration) {
        let until = now + time;
        if self.pulled.deadline().is_none_or(|other| other < until) {
            self.pulled.arm(until);
        }
        self.sim.pull(now, time);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        // The timer that has expired shows the ttys again.
        let _ = self.hidden.expired(now);
        if self.pulled.expired(now) {
            self.sim.pull(now, Duration::ZERO);
        }
        if self.dark.expired(now) {
            self.sim.set_powered(now, true);
        }
        self.sim.handle_timeout(now);
    }

    /// The ttys go for a moment, the modem runs on. The call's DTR goes with them.
    pub(super) fn hide(&mut self, now: Instant) {
        self.sim.handle_dtr(now, false);
        self.hidden.arm(now + GLITCH);
    }

    /// The SIM in the modem and one of the drawer change places.
    pub(super) fn exchange_card(&mut self, which: Foreign) {
        let place = match which {
            Foreign::OtherPin => &mut self.drawer.other_pin,
            Foreign::Puk => &mut self.drawer.puk,
        };
        let card = std::mem::replace(place, Card::new(String::new(), None));
        *place = self.sim.exchange_card(card);
    }

    pub(super) fn card_wear(&self) -> CardWear {
        let cards = [self.sim.card(), &self.drawer.other_pin, &self.drawer.puk];
        CardWear {
            refused: cards.iter().map(|card| card.refused).max().unwrap_or(0),
            locked: cards
                .iter()
                .any(|card| card.is_blocked() && card.refused > 0),
        }
    }

    /// When something changes by itself.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        crate::time::earliest([
            self.sim.poll_timeout(),
            self.hidden.deadline(),
            self.pulled.deadline(),
            self.dark.deadline(),
        ])
    }

    /// The longest time from its power's coming until it can dial.
    pub(super) fn start_time(&self) -> Duration {
        let model = self.personality.model();
        model.away + model.boot + model.sim_start + model.registration
    }
}

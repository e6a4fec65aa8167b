//! What the gateway can reach of the world: in the daemon these are files, ttys and clocks.

use std::time::Duration;

use bytes::BytesMut;

use super::ledger::Ledger;
use super::slot::Slot;
use crate::modem::Memory;
use crate::modem::usb::Snapshot;
use crate::time::Instant;

/// The daemon's file in the state directory, and whether it can be written.
#[derive(Debug, Default)]
pub(super) struct Disk {
    text: Option<Vec<u8>>,
    /// CONNECT_OK=1 is known.
    pub(super) connect_ok: bool,
    /// Troubles that hold.
    pub(super) broken: u32,
    pub(super) failed: u32,
}

impl Disk {
    /// What was stored last.
    pub(super) fn memory(&self) -> Memory {
        let text = self.text.as_deref();
        text.and_then(|text| Memory::decode(text).ok())
            .unwrap_or_default()
    }
}

/// What the gateway can reach.
pub(super) struct Shell<'a> {
    pub(super) slots: &'a mut [Slot],
    pub(super) ledger: &'a mut Ledger,
    pub(super) disk: &'a mut Disk,
    /// The wall clock at the site's time zero, in seconds since 1970.
    pub(super) epoch: i64,
}

impl Shell<'_> {
    /// What sysfs shows.
    pub(super) fn snapshot(&self) -> Snapshot {
        let there = self.slots.iter().filter(|slot| slot.is_there());
        Snapshot::new(there.flat_map(Slot::ttys).collect(), Vec::new())
    }

    pub(super) fn slot_of(&self, tty: &str) -> Option<usize> {
        let has = |slot: &Slot| slot.ttys().iter().any(|device| device.name == tty);
        self.slots.iter().position(has)
    }

    pub(super) fn is_present(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(Slot::is_there)
    }

    /// Seconds since 1970.
    pub(super) fn wall(&self, now: Instant) -> i64 {
        let passed = i64::try_from(now.since_origin().as_secs()).unwrap_or(i64::MAX);
        self.epoch.saturating_add(passed)
    }

    pub(super) fn set_dtr(&mut self, now: Instant, slot: usize, on: bool) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.sim.handle_dtr(now, on);
        }
    }

    /// Writes as much as the line takes; false if that is nothing.
    pub(super) fn write(&mut self, now: Instant, slot: usize, wire: &mut BytesMut) -> bool {
        let Some(slot) = self.slots.get_mut(slot) else {
            return false;
        };
        let count = slot.sim.room().min(wire.len());
        if count == 0 {
            return false;
        }
        let bytes = wire.split_to(count);
        if slot.is_there() {
            slot.sim.handle_bytes(now, &bytes);
        }
        true
    }

    /// Stores what must not be forgotten; false if that does not work.
    pub(super) fn save(&mut self, memory: &Memory) -> bool {
        if self.disk.broken > 0 {
            self.disk.failed += 1;
            return false;
        }
        self.disk.text = Some(memory.encode());
        true
    }

    /// The kernel lets the device go and takes it again; its firmware does not notice much of that.
    pub(super) fn reenumerate(&mut self, now: Instant, slot: usize) -> bool {
        self.slots.get_mut(slot).is_some_and(|slot| {
            let was = slot.is_there();
            slot.hide(now);
            was
        })
    }

    /// The port's power goes off for this long.
    pub(super) fn power_off(&mut self, now: Instant, slot: usize, off: Duration) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.sim.set_powered(now, false);
            slot.dark.arm(now + off);
        }
    }

    /// A switch of the user's: off and on at once.
    pub(super) fn power_cycle(&mut self, now: Instant, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.sim.power_cycle(now);
        }
    }
}

//! The PIN guard: a SIM is never locked by this program (spec D4).
//!
//! A wrong PIN is never sent twice to the same SIM, over restarts of this program and of the modem, and none is sent with
//! fewer than two tries left. A PIN goes out in two cases only:
//!
//! - It is noted on disk before. What is noted and was not accepted since is not sent again, and once the SIM has refused
//!   it, never. Another SIM or another PIN is another key.
//! - It cannot be noted (the disk is full), but this SIM has accepted this very PIN before, and the modem does not say
//!   that tries have been used up since.
//!
//! How many tries are left:
//!
//! - The modem tells them: they count.
//! - It does not: three, or what it told the last time, less what is noted of this SIM since a PIN was last accepted. A
//!   SIM whose number cannot be read either gets no PIN: nothing could be noted of it.
//! - The notes were there and cannot be read any more: only with all three, as told by the modem.
//!
//! And then:
//!
//! - It was noted, and the answer never came (power cut). A PIN that this SIM has accepted before is sent again, as long
//!   as two tries are left even if each of those without an answer has cost one. Another one only with all three tries, as
//!   told by the modem, for then the SIM has not counted it; and only once, and only if no other PIN was sent since.
//! - The SIM's number could not be read, then or now: it is taken for the same SIM where that forbids something, and for
//!   another one where it would allow something.
//!
//! One case is not covered, because nothing could cover it: the PIN was accepted and is then changed in a phone, the old
//! one stays configured, the disk is full, the modem does not tell the tries, and this program is started again and again.
//! It sends the old PIN once at each start then.

use super::memory::{AcceptedPin, Memory, PinRecord, TriesRecord, fingerprint};
use super::problem::PinGuard;
use crate::secret::Secret;

/// Tries of a SIM (ETSI TS 102 221 section 9.5.1 leaves it to the card; all in use have three).
const ALL_TRIES: u8 = 3;
/// With fewer left, no PIN is sent.
const FEWEST_TRIES: u8 = 2;

/// A PIN for a SIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PinKey {
    /// Empty: the SIM's number is not known.
    sim: String,
    pin: String,
}

/// That a PIN may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// Once it is noted on disk.
    Noted,
    /// Whether it can be noted or not: this SIM has accepted it before.
    Known,
}

impl PinKey {
    pub(super) fn new(iccid: Option<&str>, pin: &Secret) -> Self {
        Self {
            sim: iccid.map_or_else(String::new, |number| {
                fingerprint("sim", &[number.as_bytes()])
            }),
            pin: fingerprint("pin", &[pin.expose()]),
        }
    }

    fn is_of(&self, record: &PinRecord) -> bool {
        self.sim == record.sim && self.pin == record.pin
    }

    /// Whether a record of the SIM `sim` may be of the same one.
    fn may_share(&self, sim: &str) -> bool {
        self.sim == sim || self.sim.is_empty() || sim.is_empty()
    }
}

/// Whether `pin` has the form of a PIN: 4 to 8 digits.
pub(super) fn is_pin(pin: &Secret) -> bool {
    (4..=8).contains(&pin.expose().len()) && pin.expose().iter().all(u8::is_ascii_digit)
}

/// Whether the PIN may be sent; `tries` are those that the modem tells.
pub(super) fn judge(memory: &Memory, key: &PinKey, tries: Option<u8>) -> Result<Permit, PinGuard> {
    if records(memory, key).any(|record| record.refused) {
        return Err(PinGuard::Refused);
    }
    let all_left = tries.is_some_and(|left| left >= ALL_TRIES);
    let left = tries.unwrap_or_else(|| noted_left(memory, key));
    if is_accepted(memory, key) && (all_left || tries.is_none()) {
        return if left >= FEWEST_TRIES {
            Ok(Permit::Known)
        } else {
            Err(PinGuard::FewTries { left })
        };
    }
    // Tries are missing that no PIN that was refused accounts for: it may have been this one, sent without a note.
    let wrong = memory
        .pins
        .iter()
        .filter(|record| record.sim == key.sim && record.refused && record.counts)
        .count();
    let wrong = u8::try_from(wrong).unwrap_or(u8::MAX);
    if is_accepted(memory, key) && left.saturating_add(wrong) < ALL_TRIES {
        return Err(PinGuard::Unanswered);
    }
    let sent: u32 = records(memory, key).map(|record| record.sent).sum();
    let is_noted = records(memory, key).next().is_some();
    // Another PIN that was sent since may have set the SIM's counter back, and one that the SIM accepts may have been sent
    // without a note.
    let mut since = memory
        .pins
        .iter()
        .filter(|record| key.may_share(&record.sim))
        .skip_while(|record| record.pin != key.pin);
    let is_other = |pair: &AcceptedPin| pair.pin != key.pin && key.may_share(&pair.sim);
    let is_last =
        since.all(|record| record.pin == key.pin) && !memory.accepted.iter().any(is_other);
    if sent > 1 || (is_noted && !(all_left && is_last)) {
        return Err(PinGuard::Unanswered);
    }
    if tries.is_none() && key.sim.is_empty() {
        return Err(PinGuard::Blind);
    }
    if memory.is_lost() && !all_left {
        return Err(PinGuard::Forgotten);
    }
    if left < FEWEST_TRIES {
        return Err(PinGuard::FewTries { left });
    }
    Ok(Permit::Noted)
}

/// Notes what the modem tells of the tries, for starts at which it does not; true if that is news worth storing.
pub(super) fn note_tries(memory: &mut Memory, key: &PinKey, tries: Option<u8>) -> bool {
    let Some(left) = tries else {
        return false;
    };
    let known = memory.tries.iter().find(|record| record.sim == key.sim);
    let known = known.map(|record| record.left);
    if known.unwrap_or(ALL_TRIES) == left.min(ALL_TRIES) {
        return false;
    }
    memory.tries.retain(|record| record.sim != key.sim);
    if left < ALL_TRIES {
        let sim = key.sim.clone();
        memory.note_tries(TriesRecord { sim, left });
    }
    true
}

/// Notes that the PIN is about to be sent; false: there is no room.
pub(super) fn note_sent(memory: &mut Memory, key: &PinKey) -> bool {
    let found = memory.pins.iter().position(|record| key.is_of(record));
    if found.is_none() && !memory.has_room_for_pin() {
        return false;
    }
    // The last one sent stands last.
    let mut record = match found {
        Some(at) => memory.pins.remove(at),
        None => new_record(key, 0),
    };
    record.sent = record.sent.saturating_add(1);
    memory.pins.push(record);
    for record in &mut memory.tries {
        if record.sim == key.sim {
            record.left = record.left.saturating_sub(1);
        }
    }
    true
}

/// The PIN was noted and then not sent.
pub(super) fn note_not_sent(memory: &mut Memory, key: &PinKey) {
    let Some(record) = find_mut(memory, key) else {
        return;
    };
    record.sent = record.sent.saturating_sub(1);
    memory.pins.retain(|record| record.sent > 0);
    for record in &mut memory.tries {
        if record.sim == key.sim {
            record.left = record.left.saturating_add(1).min(ALL_TRIES);
        }
    }
}

/// The SIM was busy (`+CME ERROR: 14`) and has not looked at it. Where the modem tells the tries that are left, it stays
/// noted that it must not have cost one.
pub(super) fn note_busy(memory: &mut Memory, key: &PinKey, tries: Option<u8>) {
    if tries.is_none() {
        note_not_sent(memory, key);
    } else if let Some(record) = find_mut(memory, key) {
        record.sent = record.sent.saturating_sub(1);
    }
}

/// The SIM has refused it.
pub(super) fn note_refused(memory: &mut Memory, key: &PinKey) {
    memory
        .accepted
        .retain(|pair| pair.sim != key.sim || pair.pin != key.pin);
    note_wrong(memory, key, true);
}

/// It is wrong; `counts`: the SIM's counter may hold it. Without room nothing is lost: what cannot be noted and is not
/// accepted is not sent.
fn note_wrong(memory: &mut Memory, key: &PinKey, counts: bool) {
    if let Some(record) = find_mut(memory, key) {
        record.refused = true;
    } else if memory.has_room_for_pin() {
        memory.pins.push(PinRecord {
            refused: true,
            counts,
            ..new_record(key, 1)
        });
    }
}

/// The SIM has accepted it and set its counter back.
pub(super) fn note_accepted(memory: &mut Memory, key: &PinKey) {
    for record in &mut memory.pins {
        if key.may_share(&record.sim) && record.pin != key.pin {
            // Whatever else was sent to this SIM and never answered: this one is right, so that one is wrong.
            record.refused = true;
        }
    }
    if key.sim.is_empty() {
        // What else is noted of a SIM without a number may be of another one.
        if let Some(record) = find_mut(memory, key) {
            record.sent = record.sent.saturating_sub(1);
        }
        memory
            .pins
            .retain(|record| record.sent > 0 || !key.is_of(record));
        return;
    }
    memory.pins.retain(|record| !key.is_of(record));
    for record in &mut memory.pins {
        if record.sim == key.sim {
            record.counts = false;
        }
    }
    memory.tries.retain(|record| record.sim != key.sim);
    // A SIM has one PIN: the one before was changed, and may have been sent since without a note.
    let (former, others) = std::mem::take(&mut memory.accepted)
        .into_iter()
        .partition(|pair| pair.sim == key.sim);
    memory.accepted = others;
    let former: Vec<AcceptedPin> = former;
    for pair in former.into_iter().filter(|pair| pair.pin != key.pin) {
        let former = PinKey {
            sim: pair.sim,
            pin: pair.pin,
        };
        note_wrong(memory, &former, false);
    }
    memory.note_accepted(AcceptedPin {
        sim: key.sim.clone(),
        pin: key.pin.clone(),
    });
}

/// Whether this SIM has accepted this very PIN.
fn is_accepted(memory: &Memory, key: &PinKey) -> bool {
    let is_it = |pair: &AcceptedPin| pair.sim == key.sim && pair.pin == key.pin;
    !key.sim.is_empty() && memory.accepted.iter().any(is_it)
}

/// How many tries are left at least, by what is noted.
fn noted_left(memory: &Memory, key: &PinKey) -> u8 {
    let used = memory
        .pins
        .iter()
        .filter(|record| record.counts && key.may_share(&record.sim))
        .fold(0_u32, |used, record| {
            used.saturating_add(record.sent.max(1))
        });
    let counted = ALL_TRIES.saturating_sub(u8::try_from(used).unwrap_or(u8::MAX));
    let told = memory
        .tries
        .iter()
        .filter(|record| key.may_share(&record.sim));
    told.fold(counted, |left, record| left.min(record.left))
}

fn new_record(key: &PinKey, sent: u32) -> PinRecord {
    PinRecord {
        sim: key.sim.clone(),
        pin: key.pin.clone(),
        sent,
        refused: false,
        counts: true,
    }
}

/// What is noted of this PIN with SIMs that may be this one.
fn records<'m>(memory: &'m Memory, key: &PinKey) -> impl Iterator<Item = &'m PinRecord> {
    memory
        .pins
        .iter()
        .filter(|record| key.pin == record.pin && key.may_share(&record.sim))
}

fn find_mut<'m>(memory: &'m mut Memory, key: &PinKey) -> Option<&'m mut PinRecord> {
    memory.pins.iter_mut().find(|record| key.is_of(record))
}

#[cfg(test)]
mod tests;

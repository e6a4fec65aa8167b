//! What must not be forgotten over a restart: PINs that were tried, what was provisioned and how often.
//!
//! A versioned JSON text. It holds no PIN, password, APN or SIM number, only fingerprints of them: MD5 over the values,
//! each with its length before it. That is not meant to withstand somebody who has the file and guesses (a PIN of four
//! digits falls to ten thousand tries whatever the function): the file belongs to root with mode 0600, beside a
//! configuration that holds the same secrets in clear text. What matters is that equal values are recognised, and for
//! that no further dependency is worth having.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// PINs that are remembered. When there is no room, no further PIN is noted, and so only one is sent that the SIM has
/// accepted before: forgetting one could send it again.
const MAX_PINS: usize = 64;
/// PINs that were accepted and SIMs whose tries are known; the oldest is forgotten, and is then as if it were new.
const MAX_SIMS: usize = 64;
/// SIM and modem pairs whose settings are remembered; the oldest is forgotten.
const MAX_PROVISIONED: usize = 16;
/// Writes that are counted.
const MAX_TIMES: usize = 256;
/// Largest text that is read.
const MAX_TEXT: usize = 256 * 1024;
/// The format.
const VERSION: u32 = 1;
/// 2020-01-01: a wall clock before it has not been set yet.
const CLOCK_SET: i64 = 1_577_836_800;
/// How long a write counts.
const DAY: i64 = 24 * 60 * 60;

/// The memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    version: u32,
    pub(super) pins: Vec<PinRecord>,
    pub(super) accepted: Vec<AcceptedPin>,
    pub(super) tries: Vec<TriesRecord>,
    /// There was a memory before this one, and it could not be read.
    lost: bool,
    pub(super) provisioned: Vec<ProvisionRecord>,
    /// When APN and account commands were sent to a modem whose flash wears out, seconds since 1970.
    writes: Vec<i64>,
    /// How many in all.
    total_writes: u64,
}

/// A PIN that was sent to a SIM and not accepted yet, or never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PinRecord {
    pub(super) sim: String,
    pub(super) pin: String,
    /// How often it was sent.
    pub(super) sent: u32,
    /// The SIM said that it is wrong.
    pub(super) refused: bool,
    /// The SIM's counter may still hold this try: it is not set back by a right PIN since.
    pub(super) counts: bool,
}

/// The PIN that a SIM has accepted last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AcceptedPin {
    pub(super) sim: String,
    pub(super) pin: String,
}

/// The tries of a SIM that has not all of them, as told by the modem, less those that were noted since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TriesRecord {
    pub(super) sim: String,
    pub(super) left: u8,
}

/// What was sent to a modem with a SIM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProvisionRecord {
    /// The modem and the SIM.
    pub(super) place: String,
    /// APN, type, account, password.
    pub(super) settings: String,
    /// The user's `CONNECT_OK=1` was seen with it: when it is gone, the user wants them to be sent again.
    pub(super) confirmed: bool,
}

/// Why a text is no memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// It is too long to be one.
    #[error("the state file is larger than {MAX_TEXT} bytes")]
    TooLong,
    /// It cannot be read.
    #[error("the state file cannot be read at line {line}, column {column}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A later version of this program wrote it.
    #[error("the state file has version {0}, this program knows {VERSION}")]
    Version(u32),
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            version: VERSION,
            pins: Vec::new(),
            accepted: Vec::new(),
            tries: Vec::new(),
            lost: false,
            provisioned: Vec::new(),
            writes: Vec::new(),
            total_writes: 0,
        }
    }
}

impl Memory {
    /// What stands for a memory that was there and cannot be read: empty, and careful with PINs.
    pub fn lost() -> Self {
        Self {
            lost: true,
            ..Self::default()
        }
    }

    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        // Serialising plain vectors, numbers and texts into memory cannot fail.
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads what was stored. Unknown keys are left out, missing ones are empty.
    ///
    /// # Errors
    /// If it is no memory: the caller says so and goes on with [`lost`](Self::lost).
    pub fn decode(text: &[u8]) -> Result<Self, MemoryError> {
        if text.len() > MAX_TEXT {
            return Err(MemoryError::TooLong);
        }
        let mut memory: Self =
            serde_json::from_slice(text).map_err(|error| MemoryError::Syntax {
                line: error.line(),
                column: error.column(),
            })?;
        if memory.version > VERSION {
            return Err(MemoryError::Version(memory.version));
        }
        memory.pins.truncate(MAX_PINS);
        keep_last(&mut memory.accepted, MAX_SIMS);
        keep_last(&mut memory.tries, MAX_SIMS);
        memory.provisioned.truncate(MAX_PROVISIONED);
        keep_last(&mut memory.writes, MAX_TIMES);
        Ok(memory)
    }

    /// How many APN and account commands were sent in the last 24 hours to modems whose flash wears out.
    pub fn writes_of_today(&self, wall: i64) -> u32 {
        let mut writes = self.writes.clone();
        prune(&mut writes, wall);
        u32::try_from(writes.len()).unwrap_or(u32::MAX)
    }

    /// How many in all.
    pub fn total_writes(&self) -> u64 {
        self.total_writes
    }

    /// Counts `count` such commands.
    pub(super) fn note_writes(&mut self, wall: i64, count: u32) {
        prune(&mut self.writes, wall);
        self.writes.extend((0..count).map(|_| wall));
        keep_last(&mut self.writes, MAX_TIMES);
        self.total_writes = self.total_writes.saturating_add(u64::from(count));
    }

    pub(super) fn has_room_for_pin(&self) -> bool {
        self.pins.len() < MAX_PINS
    }

    /// Whether there was a memory before that could not be read.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    pub(super) fn note_accepted(&mut self, pair: AcceptedPin) {
        self.accepted.push(pair);
        keep_last(&mut self.accepted, MAX_SIMS);
    }

    pub(super) fn note_tries(&mut self, record: TriesRecord) {
        self.tries.push(record);
        keep_last(&mut self.tries, MAX_SIMS);
    }

    /// Replaces what is known of this place.
    pub(super) fn note_provisioned(&mut self, record: ProvisionRecord) {
        self.provisioned.retain(|other| other.place != record.place);
        self.provisioned.push(record);
        keep_last(&mut self.provisioned, MAX_PROVISIONED);
    }
}

/// How many writes a day can be counted at most: a larger limit is no limit.
pub(super) const MAX_COUNTED: u32 = MAX_TIMES as u32;

/// Forgets what is older than a day, whatever the clock does. A time in the future was noted under a wrong clock, and so
/// was one before the clock was set: both count as now, so that no jump of the clock makes room or takes it for ever.
/// While the clock is not set, nothing is forgotten.
fn prune(times: &mut Vec<i64>, wall: i64) {
    if wall < CLOCK_SET {
        return;
    }
    for time in times.iter_mut() {
        if *time > wall || *time < CLOCK_SET {
            *time = wall;
        }
    }
    times.retain(|time| wall.saturating_sub(*time) < DAY);
}

fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    let excess = list.len().saturating_sub(most);
    list.drain(..excess);
}

/// A text that is equal for equal `parts`, and says nothing about them to somebody who only reads it.
pub(super) fn fingerprint(purpose: &str, parts: &[&[u8]]) -> String {
    let mut hash = Md5::new();
    for part in [&[purpose.as_bytes()], parts].concat() {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 1_800_000_000;

    fn full() -> Memory {
        let mut memory = Memory::default();
        memory.pins.push(PinRecord {
            sim: "a".to_owned(),
            pin: "b".to_owned(),
            sent: 1,
            refused: true,
            counts: true,
        });
        memory.note_accepted(AcceptedPin {
            sim: "a".to_owned(),
            pin: "c".to_owned(),
        });
        memory.note_tries(TriesRecord {
            sim: "a".to_owned(),
            left: 2,
        });
        memory.note_provisioned(ProvisionRecord {
            place: "p".to_owned(),
            settings: "s".to_owned(),
            confirmed: true,
        });
        memory.note_writes(NOON, 2);
        memory
    }

    #[test]
    fn comes_back_as_it_was() {
        assert_eq!(Memory::decode(&full().encode()), Ok(full()));
        let lost = Memory::lost();
        assert_eq!(Memory::decode(&lost.encode()), Ok(lost));
        assert_eq!(Memory::decode(b"{}"), Ok(Memory::default()));
        let later = br#"{"version":1,"pins":[],"something":{"new":1}}"#;
        assert_eq!(Memory::decode(later), Ok(Memory::default()));
    }

    #[test]
    fn says_what_is_no_memory() {
        assert_eq!(
            Memory::decode(b"{\"pins\": 3}"),
            Err(MemoryError::Syntax {
                line: 1,
                column: 10
            })
        );
        assert_eq!(
            Memory::decode(b"{\"version\": 2}"),
            Err(MemoryError::Version(2))
        );
        assert!(Memory::decode(b"").is_err());
        assert_eq!(
            Memory::decode(&vec![b' '; MAX_TEXT + 1]),
            Err(MemoryError::TooLong)
        );
    }

    #[test]
    fn writes_count_for_a_day() {
        let memory = full();
        assert_eq!(memory.writes_of_today(NOON), 2);
        assert_eq!(memory.writes_of_today(NOON + DAY - 1), 2);
        assert_eq!(memory.writes_of_today(NOON + DAY), 0);
        assert_eq!(memory.total_writes(), 2);
    }

    #[test]
    fn a_jump_of_the_clock_makes_no_room_and_takes_it_for_a_day_at_most() {
        // Noted under a clock that was far ahead.
        let mut memory = full();
        let past = NOON - 400 * DAY;
        assert_eq!(memory.writes_of_today(past), 2);
        memory.note_writes(past, 1);
        assert_eq!(memory.writes_of_today(past + DAY), 0);
        // A gateway that starts in 1970 over and over.
        let mut memory = Memory::default();
        for boot in 0..5 {
            memory.note_writes(30 + boot, 1);
            assert_eq!(memory.writes_of_today(10), 1 + boot as u32);
        }
        assert_eq!(memory.writes_of_today(NOON), 5);
        memory.note_writes(NOON, 1);
        assert_eq!(memory.writes_of_today(NOON + DAY - 1), 6);
        assert_eq!(memory.writes_of_today(NOON + DAY), 0);
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut memory = Memory::default();
        for n in 0..1000 {
            memory.note_writes(NOON, 3);
            let sim = format!("{n:032}");
            memory.note_tries(TriesRecord {
                sim: sim.clone(),
                left: 1,
            });
            memory.note_accepted(AcceptedPin {
                pin: sim.clone(),
                sim,
            });
            memory.note_provisioned(ProvisionRecord {
                place: n.to_string(),
                settings: String::new(),
                confirmed: false,
            });
        }
        assert_eq!(memory.writes_of_today(NOON), MAX_COUNTED);
        assert_eq!(memory.provisioned.len(), MAX_PROVISIONED);
        assert_eq!((memory.accepted.len(), memory.tries.len()), (64, 64));
        assert_eq!(
            memory.provisioned.last().map(|r| r.place.as_str()),
            Some("999")
        );
        assert!(memory.encode().len() < 64 * 1024);
    }

    #[test]
    fn a_fingerprint_depends_on_each_part_and_its_end() {
        let all = [
            fingerprint("pin", &[b"ab", b"c"]),
            fingerprint("pin", &[b"a", b"bc"]),
            fingerprint("pin", &[b"abc"]),
            fingerprint("sim", &[b"abc"]),
        ];
        for (n, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(all.iter().skip(n + 1).all(|other| other != one));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Memory::decode(&text);
        }
    }
}

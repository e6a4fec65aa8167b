//! Frames onto the wire.

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

use super::{ESCAPE, ESCAPE_BIT, FLAG, TransmitMap, fcs};

/// Puts frames on the wire.
///
/// It keeps nothing but a table of the last map's members: frames with other maps may follow each
/// other.
#[derive(Clone, Debug)]
pub struct Framer {
    map: TransmitMap,
    escaped: [bool; 256],
    /// Nothing but Flag and Escape is escaped.
    minimal: bool,
}

impl Framer {
    /// A framer for any number of frames.
    pub fn new() -> Self {
        let mut framer = Self {
            map: TransmitMap::ALL_CONTROL,
            escaped: [false; 256],
            minimal: false,
        };
        framer.rebuild();
        framer
    }

    /// Appends one frame to `wire`: flag, `header` and `payload` escaped by `map`, FCS, flag.
    ///
    /// Allocates only while `wire` grows.
    pub fn encode(
        &mut self,
        map: &TransmitMap,
        header: &[u8],
        payload: &[u8],
        wire: &mut BytesMut,
    ) {
        if self.map != *map {
            self.map = *map;
            self.rebuild();
        }
        let fcs = fcs::of(&[header, payload]);
        wire.reserve(header.len() + payload.len() + payload.len() / 8 + 2 * fcs::LENGTH + 2);
        wire.put_u8(FLAG);
        self.stuff_block(header, wire);
        if self.minimal {
            self.stuff_runs(payload, wire);
        } else {
            self.stuff_block(payload, wire);
        }
        self.stuff_block(&fcs, wire);
        wire.put_u8(FLAG);
    }

    fn rebuild(&mut self) {
        for (octet, escaped) in (0..=u8::MAX).zip(&mut self.escaped) {
            *escaped = self.map.contains(octet);
        }
        self.minimal = self.escaped.iter().filter(|escaped| **escaped).count() == 2;
    }

    /// Copies what stands between the escapes in one piece. Where they are dense (a payload of
    /// nothing but flags is the worst case, and anybody can send one), the next block goes the way
    /// whose speed does not depend on them.
    fn stuff_runs(&self, mut octets: &[u8], wire: &mut BytesMut) {
        while let Some(run) = memchr2(FLAG, ESCAPE, octets) {
            if run < DENSE_RUN {
                let (block, tail) = octets.split_at(octets.len().min(BLOCK));
                self.stuff_block(block, wire);
                octets = tail;
                continue;
            }
            let (clean, tail) = octets.split_at(run);
            wire.extend_from_slice(clean);
            let Some((octet, tail)) = tail.split_first() else {
                return;
            };
            wire.extend_from_slice(&[ESCAPE, octet ^ ESCAPE_BIT]);
            octets = tail;
        }
        wire.extend_from_slice(octets);
    }

    /// Without a branch that depends on the data: both octets of the escaped form are written, and
    /// the place of the next one tells whether the second counts.
    fn stuff_block(&self, octets: &[u8], wire: &mut BytesMut) {
        let mut stuffed = [0; 2 * BLOCK];
        for block in octets.chunks(BLOCK) {
            let mut length = 0;
            for &octet in block {
                let escaped = self.escaped.get(usize::from(octet)) == Some(&true);
                if let Some([first, second]) = stuffed.get_mut(length..length + 2) {
                    *first = if escaped { ESCAPE } else { octet };
                    *second = octet ^ ESCAPE_BIT;
                }
                length += 1 + usize::from(escaped);
            }
            wire.extend_from_slice(stuffed.get(..length).unwrap_or_default());
        }
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

/// A run of fewer octets than this between two escapes is not worth its own copy.
const DENSE_RUN: usize = 16;

/// How much of a dense payload is escaped before the next look for a run.
const BLOCK: usize = 64;

//! Which octets a sender escapes (RFC 1662 section 4.2, the Async-Control-Character-Map of section
//! 7.1).

use super::{ESCAPE, ESCAPE_BIT, FLAG};

/// Which characters the sender escapes besides Flag (7e) and Escape (7d): bit n of word n/32 stands
/// for octet n.
///
/// Two octets are outside of the map's say. Flag and Escape are always escaped, and 5e never is: it
/// would go out as `7d 7e`, which aborts the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmitMap(pub [u32; 8]);

impl TransmitMap {
    /// All 32 control characters: what holds before LCP has agreed on anything, and for LCP's own
    /// negotiation always (RFC 1662 section 7.1).
    pub const ALL_CONTROL: Self = Self::from_accm(u32::MAX);

    /// The map for the peer's Async-Control-Character-Map: bit n stands for control character n.
    pub const fn from_accm(accm: u32) -> Self {
        Self([accm, 0, 0, 0, 0, 0, 0, 0])
    }

    /// What this map or `other` has.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
        self
    }

    /// Whether `octet` has to be escaped.
    pub fn contains(&self, octet: u8) -> bool {
        match octet {
            FLAG | ESCAPE => true,
            _ if octet ^ ESCAPE_BIT == FLAG => false,
            _ => self
                .0
                .get(usize::from(octet / 32))
                .is_some_and(|word| (word >> (octet % 32)) & 1 == 1),
        }
    }
}

impl Default for TransmitMap {
    fn default() -> Self {
        Self::ALL_CONTROL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(map: TransmitMap) -> Vec<u8> {
        (0..=u8::MAX).filter(|&octet| map.contains(octet)).collect()
    }

    #[test]
    fn flag_and_escape_are_always_escaped() {
        assert_eq!(members(TransmitMap::from_accm(0)), [0x7d, 0x7e]);
        assert_eq!(members(TransmitMap([0; 8])), [0x7d, 0x7e]);
    }

    #[test]
    fn the_default_escapes_all_control_characters() {
        let expected: Vec<u8> = (0..32).chain([0x7d, 0x7e]).collect();
        assert_eq!(members(TransmitMap::default()), expected);
    }

    #[test]
    fn a_bit_stands_for_its_octet() {
        assert_eq!(
            members(TransmitMap::from_accm(0x000a_0000)),
            [17, 19, 0x7d, 0x7e]
        );
        let high = TransmitMap([0, 0, 0, 0, 1 << 17, 0, 0, 1 << 31]);
        assert_eq!(members(high), [0x7d, 0x7e, 0x91, 0xff]);
    }

    #[test]
    fn an_octet_whose_escaped_form_is_a_flag_is_never_escaped() {
        assert!(!TransmitMap([u32::MAX; 8]).contains(0x5e));
        assert_eq!(members(TransmitMap([u32::MAX; 8])).len(), 255);
    }
}

//! The 16-bit frame check sequence (RFC 1662 appendix C.2), which catalogues of CRCs call
//! CRC-16/X-25 or IBM-SDLC.

use crc::{CRC_16_IBM_SDLC, Crc, Table};

/// Sixteen octets a step, out of 8 KiB of tables: several GB/s on a server, and small enough for the cache of a
/// gateway.
static CRC: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_IBM_SDLC);

/// Octets of the FCS at the end of a frame.
pub(super) const LENGTH: usize = 2;

/// The FCS of the concatenation of `parts`, as it follows them on the wire (least significant octet
/// first).
pub(super) fn of(parts: &[&[u8]]) -> [u8; LENGTH] {
    let mut digest = CRC.digest();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1662 appendix C.2, bit by bit.
    fn reference(octets: &[u8]) -> [u8; LENGTH] {
        let mut fcs = 0xffff_u16;
        for octet in octets {
            fcs ^= u16::from(*octet);
            for _ in 0..8 {
                fcs = if fcs & 1 == 1 {
                    (fcs >> 1) ^ 0x8408
                } else {
                    fcs >> 1
                };
            }
        }
        (!fcs).to_le_bytes()
    }

    #[test]
    fn gives_the_catalogued_check_value() {
        assert_eq!(of(&[b"123456789"]), 0x906e_u16.to_le_bytes());
        assert_eq!(of(&[]), [0, 0]);
    }

    #[test]
    fn equals_the_bitwise_definition_at_every_length_and_split() {
        let octets: Vec<u8> = (0..700_u32).map(|n| (n * n % 251) as u8).collect();
        for length in 0..octets.len() {
            let (whole, _) = octets.split_at(length);
            let expected = reference(whole);
            assert_eq!(of(&[whole]), expected, "{length} octets");
            let (head, tail) = whole.split_at(length.min(4));
            assert_eq!(of(&[head, tail]), expected, "4 and {length} - 4 octets");
        }
    }
}

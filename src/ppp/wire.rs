//! Bytes to PPP packets: protocol numbers, the header of a frame, and control packets (RFC 1661 sections 2 and 5).
//!
//! Everything here is total: whatever the peer sends gives a value or a [`WireError`], never a panic.

use std::fmt;

/// A bounds-checked cursor over received bytes. Nothing indexes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `n` bytes, or nothing if there are fewer.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    /// The next two bytes in network order.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next four bytes in network order.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether anything is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// What was wrong with a received frame or packet. Such a frame is counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum WireError {
    /// The frame ends before its protocol field does.
    #[error("frame without a whole protocol field")]
    ShortHeader,
    /// A control packet of fewer than four bytes.
    #[error("control packet shorter than its header")]
    ShortPacket,
    /// The Length field is less than 4 or more than what was received.
    #[error("control packet whose length field does not fit")]
    BadLength,
    /// An option's length field is less than 2 or reaches beyond the packet.
    #[error("option whose length field does not fit")]
    BadOption,
}

/// A PPP protocol number (RFC 1661 section 2; the numbers are IANA's).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u16);

impl Protocol {
    /// Internet Protocol version 4.
    pub const IPV4: Self = Self(0x0021);
    /// Van Jacobson compressed TCP/IP.
    pub const VJ_COMPRESSED: Self = Self(0x002d);
    /// Van Jacobson uncompressed TCP/IP.
    pub const VJ_UNCOMPRESSED: Self = Self(0x002f);
    /// Internet Protocol version 6.
    pub const IPV6: Self = Self(0x0057);
    /// A compressed datagram (CCP).
    pub const COMPRESSED: Self = Self(0x00fd);
    /// Internet Protocol Control Protocol (RFC 1332).
    pub const IPCP: Self = Self(0x8021);
    /// IPv6 Control Protocol (RFC 5072).
    pub const IPV6CP: Self = Self(0x8057);
    /// Compression Control Protocol (RFC 1962).
    pub const CCP: Self = Self(0x80fd);
    /// Link Control Protocol (RFC 1661).
    pub const LCP: Self = Self(0xc021);
    /// Password Authentication Protocol (RFC 1334).
    pub const PAP: Self = Self(0xc023);
    /// Link Quality Report (RFC 1989).
    pub const LQR: Self = Self(0xc025);
    /// Challenge Handshake Authentication Protocol (RFC 1994).
    pub const CHAP: Self = Self(0xc223);
    /// Extensible Authentication Protocol (RFC 3748).
    pub const EAP: Self = Self(0xc227);

    /// Its short name as pppd's packet log has it.
    pub fn short_name(self) -> Option<&'static str> {
        Some(match self {
            Self::IPV4 => "IP",
            Self::VJ_COMPRESSED => "VJ comp",
            Self::VJ_UNCOMPRESSED => "VJ uncomp",
            Self::IPV6 => "IPv6",
            Self::COMPRESSED => "Compressed",
            Self::IPCP => "IPCP",
            Self::IPV6CP => "IPV6CP",
            Self::CCP => "CCP",
            Self::LCP => "LCP",
            Self::PAP => "PAP",
            Self::LQR => "LQR",
            Self::CHAP => "CHAP",
            Self::EAP => "EAP",
            _ => return None,
        })
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.short_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

/// Splits a frame (FCS already removed) into its protocol and information field.
///
/// Accepts the frame with or without the address and control fields `ff 03` and with a protocol field of one or two
/// octets, whatever was negotiated (RFC 1661 sections 6.5 and 6.6 demand no more of the receiver than that it accepts
/// both; real modems mix them).
///
/// A number that RFC 1661 section 2 does not allow (the last octet is even) comes back as it is: it "MUST be treated as
/// having an unrecognized Protocol".
///
/// # Errors
/// [`WireError::ShortHeader`].
pub fn parse_frame(frame: &[u8]) -> Result<(Protocol, &[u8]), WireError> {
    let frame = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    let (first, rest) = frame.split_first().ok_or(WireError::ShortHeader)?;
    if first & 1 == 1 {
        return Ok((Protocol(u16::from(*first)), rest));
    }
    let (second, rest) = rest.split_first().ok_or(WireError::ShortHeader)?;
    Ok((Protocol(u16::from_be_bytes([*first, *second])), rest))
}

/// Code, Identifier and Data of a control packet: the shape that LCP, the NCPs, PAP and CHAP share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPacket<'a> {
    /// The kind of packet; see [`code`].
    pub code: u8,
    /// Matches a reply with its request.
    pub id: u8,
    /// The Data field, without padding beyond the Length field.
    pub data: &'a [u8],
}

impl<'a> ControlPacket<'a> {
    /// Reads the information field of a control protocol's frame. Octets beyond the Length field are padding
    /// (RFC 1661 section 5) and dropped.
    ///
    /// # Errors
    /// [`WireError::ShortPacket`] and [`WireError::BadLength`].
    pub fn parse(info: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(info);
        let (Some(code), Some(id), Some(length)) = (reader.u8(), reader.u8(), reader.u16()) else {
            return Err(WireError::ShortPacket);
        };
        let data_length = usize::from(length)
            .checked_sub(4)
            .ok_or(WireError::BadLength)?;
        let data = reader.take(data_length).ok_or(WireError::BadLength)?;
        Ok(Self { code, id, data })
    }

    /// Appends the packet's bytes to `out`. Data beyond what the Length field can say is cut off.
    pub fn write(code: u8, id: u8, data: &[u8], out: &mut Vec<u8>) {
        let length = u16::try_from(data.len().saturating_add(4)).unwrap_or(u16::MAX);
        out.extend_from_slice(&[code, id]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend(data.iter().take(usize::from(length) - 4));
    }
}

/// Codes of LCP and the NCPs (RFC 1661 section 5; 12 and 13 are RFC 1570's).
pub mod code {
    #![allow(missing_docs, reason = "the names are the RFC's")]
    pub const CONFIGURE_REQUEST: u8 = 1;
    pub const CONFIGURE_ACK: u8 = 2;
    pub const CONFIGURE_NAK: u8 = 3;
    pub const CONFIGURE_REJECT: u8 = 4;
    pub const TERMINATE_REQUEST: u8 = 5;
    pub const TERMINATE_ACK: u8 = 6;
    pub const CODE_REJECT: u8 = 7;
    pub const PROTOCOL_REJECT: u8 = 8;
    pub const ECHO_REQUEST: u8 = 9;
    pub const ECHO_REPLY: u8 = 10;
    pub const DISCARD_REQUEST: u8 = 11;
    pub const IDENTIFICATION: u8 = 12;
    pub const TIME_REMAINING: u8 = 13;
}

/// One configuration option as it stands on the wire: Type and Data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// The option's type.
    pub kind: u8,
    /// Its data, without the two octets of Type and Length.
    pub data: &'a [u8],
}

impl RawOption<'_> {
    /// Appends the option to `out`. Data beyond 253 octets is cut off.
    pub fn write(&self, out: &mut Vec<u8>) {
        let length = u8::try_from(self.data.len().saturating_add(2)).unwrap_or(u8::MAX);
        out.extend_from_slice(&[self.kind, length]);
        out.extend(self.data.iter().take(usize::from(length) - 2));
    }
}

/// A list of options that has been checked whole: iterating over it cannot fail or loop.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    reader: Reader<'a>,
}

impl<'a> Options<'a> {
    /// Checks that `data` is a sequence of whole options.
    ///
    /// # Errors
    /// [`WireError::BadOption`] if a length field is less than 2 or reaches beyond the data.
    pub fn parse(data: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        while !reader.is_empty() {
            next_option(&mut reader).ok_or(WireError::BadOption)?;
        }
        Ok(Self {
            reader: Reader::new(data),
        })
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = RawOption<'a>;

    fn next(&mut self) -> Option<RawOption<'a>> {
        next_option(&mut self.reader)
    }
}

fn next_option<'a>(reader: &mut Reader<'a>) -> Option<RawOption<'a>> {
    let kind = reader.u8()?;
    let length = reader.u8()?;
    let data = reader.take(usize::from(length).checked_sub(2)?)?;
    Some(RawOption { kind, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_header_form() {
        let lcp = Ok((Protocol::LCP, &[1u8][..]));
        assert_eq!(parse_frame(&[0xff, 0x03, 0xc0, 0x21, 1]), lcp);
        assert_eq!(parse_frame(&[0xc0, 0x21, 1]), lcp);
        assert_eq!(
            parse_frame(&[0x21, 0x45]),
            Ok((Protocol::IPV4, &[0x45u8][..]))
        );
        assert_eq!(
            parse_frame(&[0xff, 0x03, 0x00, 0x21, 0x45]),
            Ok((Protocol::IPV4, &[0x45u8][..]))
        );
    }

    #[test]
    fn refuses_headers_that_end_early() {
        assert_eq!(parse_frame(&[]), Err(WireError::ShortHeader));
        assert_eq!(parse_frame(&[0xff, 0x03]), Err(WireError::ShortHeader));
        assert_eq!(parse_frame(&[0xc0]), Err(WireError::ShortHeader));
    }

    #[test]
    fn a_protocol_number_that_is_not_allowed_is_an_unknown_one() {
        assert_eq!(
            parse_frame(&[0xc0, 0x22, 1]),
            Ok((Protocol(0xc022), &[1u8][..]))
        );
    }

    #[test]
    fn control_packet_drops_padding_and_checks_its_length() {
        let packet = ControlPacket {
            code: 1,
            id: 7,
            data: &[9],
        };
        assert_eq!(
            ControlPacket::parse(&[1, 7, 0, 5, 9, 0xaa, 0xbb]),
            Ok(packet)
        );
        assert_eq!(
            ControlPacket::parse(&[1, 7, 0]),
            Err(WireError::ShortPacket)
        );
        assert_eq!(
            ControlPacket::parse(&[1, 7, 0, 2]),
            Err(WireError::BadLength)
        );
        assert_eq!(
            ControlPacket::parse(&[1, 7, 0, 9, 0]),
            Err(WireError::BadLength)
        );
    }

    #[test]
    fn options_are_checked_before_the_first_is_looked_at() {
        let good = [1, 4, 5, 0xdc, 2, 6, 0, 0, 0, 0];
        let list: Vec<_> = Options::parse(&good).unwrap().collect();
        assert_eq!(
            list,
            [
                RawOption {
                    kind: 1,
                    data: &[5, 0xdc]
                },
                RawOption {
                    kind: 2,
                    data: &[0; 4]
                }
            ]
        );
        for bad in [
            &[1u8][..],
            &[1, 0],
            &[1, 1],
            &[1, 4, 5],
            &[1, 4, 5, 0xdc, 3, 9, 1],
        ] {
            assert_eq!(
                Options::parse(bad).err(),
                Some(WireError::BadOption),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut options = Vec::new();
        RawOption {
            kind: 3,
            data: &[0xc0, 0x23],
        }
        .write(&mut options);
        let mut packet = Vec::new();
        ControlPacket::write(code::CONFIGURE_NAK, 2, &options, &mut packet);
        assert_eq!(packet, [3, 2, 0, 8, 3, 4, 0xc0, 0x23]);
        assert_eq!(ControlPacket::parse(&packet).unwrap().data, options);
    }
}

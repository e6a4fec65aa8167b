//! Packets as pppd's `debug` prints them, and texts of the peer made fit for a log.
//!
//! An example: `[LCP ConfReq id=0x1 <asyncmap 0x0> <magic 0x16c97e7e> <pcomp> <accomp>]`. People and
//! scripts search for these forms (spec U3).
//!
//! Three things differ from pppd on purpose. A PAP password is never shown, nor any octet of a
//! broken or rejected request that could be one. A line ends with ` ...` when it gets too long. And
//! options that are too short for their type are shown as octets, where pppd reads on behind them.
//!
//! Nothing here fails: whatever the octets are, there is a line for them.

#![forbid(unsafe_code)]

mod option;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write};

use super::wire::{ControlPacket, Protocol, Reader, code};

/// Appends the packet as pppd prints it, without the `sent` or `rcvd` before it.
///
/// `info` is the information field of the frame. About 1000 octets are appended at most.
pub fn packet(frame_protocol: Protocol, info: &[u8], out: &mut String) {
    let mut line = Bounded {
        out,
        left: MAX_LINE,
    };
    if write_packet(&mut line, frame_protocol, info).is_err() {
        out.push_str(" ...");
    }
}

/// Appends `bytes` in quotation marks; control characters and what is not ASCII as `\ooo`.
pub fn quoted(bytes: &[u8], out: &mut String) {
    let (shown, cut) = shorten(bytes);
    out.push('"');
    escape(shown, "\"\\", out);
    out.push_str(cut);
    out.push('"');
}

/// A text of the peer's for a log line or a status: as [`quoted`], without the marks.
pub fn sanitise(bytes: &[u8]) -> String {
    let (shown, cut) = shorten(bytes);
    let mut text = String::with_capacity(shown.len());
    escape(shown, "\\", &mut text);
    text.push_str(cut);
    text
}

/// A text that refuses to grow beyond its bound.
struct Bounded<'a> {
    out: &'a mut String,
    left: usize,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        self.out.push_str(text);
        Ok(())
    }
}

/// The protocols whose packets are shown field by field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Lcp,
    Ipcp,
    Ipv6cp,
    Ccp,
    Pap,
    Chap,
    Eap,
}

impl Family {
    fn of(protocol: Protocol) -> Option<Self> {
        Some(match protocol {
            Protocol::LCP => Self::Lcp,
            Protocol::IPCP => Self::Ipcp,
            Protocol::IPV6CP => Self::Ipv6cp,
            Protocol::CCP => Self::Ccp,
            Protocol::PAP => Self::Pap,
            Protocol::CHAP => Self::Chap,
            Protocol::EAP => Self::Eap,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Lcp => "LCP",
            Self::Ipcp => "IPCP",
            Self::Ipv6cp => "IPV6CP",
            Self::Ccp => "CCP",
            Self::Pap => "PAP",
            Self::Chap => "CHAP",
            Self::Eap => "EAP",
        }
    }

    /// Names of the codes from 1 on.
    fn codes(self) -> &'static [&'static str] {
        match self {
            Self::Lcp => &[
                "ConfReq", "ConfAck", "ConfNak", "ConfRej", "TermReq", "TermAck", "CodeRej",
                "ProtRej", "EchoReq", "EchoRep", "DiscReq", "Ident", "TimeRem",
            ],
            Self::Ipcp | Self::Ipv6cp => &[
                "ConfReq", "ConfAck", "ConfNak", "ConfRej", "TermReq", "TermAck", "CodeRej",
            ],
            Self::Ccp => &[
                "ConfReq", "ConfAck", "ConfNak", "ConfRej", "TermReq", "TermAck", "CodeRej", "",
                "", "", "", "", "", "ResetReq", "ResetAck",
            ],
            Self::Pap => &["AuthReq", "AuthAck", "AuthNak"],
            Self::Chap => &["Challenge", "Response", "Success", "Failure"],
            Self::Eap => &["Request", "Response", "Success", "Failure"],
        }
    }
}

fn write_packet(line: &mut Bounded<'_>, protocol: Protocol, info: &[u8]) -> fmt::Result {
    let Some(family) = Family::of(protocol) else {
        return write_data(line, protocol, info);
    };
    write!(line, "[{}", family.name())?;
    let Ok(packet) = ControlPacket::parse(info) else {
        line.write_str("]")?;
        return if family == Family::Pap {
            hide(line, info)
        } else {
            write_some(line, info, MAX_REST)
        };
    };
    let names = family.codes();
    let name = usize::from(packet.code)
        .checked_sub(1)
        .and_then(|index| names.get(index));
    match name {
        Some(name) if !name.is_empty() => write!(line, " {name}")?,
        _ => write!(line, " code=0x{:x}", packet.code)?,
    }
    write!(line, " id=0x{:x}", packet.id)?;
    match family {
        Family::Lcp => write_lcp(line, packet)?,
        Family::Ipcp => write_ncp(line, packet, option::ipcp)?,
        Family::Ipv6cp => write_ncp(line, packet, option::ipv6cp)?,
        Family::Ccp => write_ncp(line, packet, option::ccp)?,
        Family::Pap => write_pap(line, packet)?,
        Family::Chap => write_chap(line, packet)?,
        Family::Eap => write_octets(line, packet.data)?,
    }
    line.write_str("]")?;
    let padding = info.get(4 + packet.data.len()..).unwrap_or_default();
    if family == Family::Pap {
        hide(line, padding)
    } else {
        write_some(line, padding, MAX_REST)
    }
}

fn write_data(line: &mut Bounded<'_>, protocol: Protocol, info: &[u8]) -> fmt::Result {
    let name = match protocol {
        Protocol::IPV4 => "IP",
        Protocol::IPV6 => "IPV6",
        Protocol::COMPRESSED => "Compressed",
        Protocol(number) => {
            write!(line, "[proto=0x{number:x}]")?;
            return write_some(line, info, MAX_REST);
        }
    };
    write!(line, "[{name} data]")?;
    write_some(line, info, 8)
}

fn write_lcp(line: &mut Bounded<'_>, packet: ControlPacket<'_>) -> fmt::Result {
    let mut reader = Reader::new(packet.data);
    match packet.code {
        code::CONFIGURE_REQUEST..=code::CONFIGURE_REJECT => {
            return write_options(line, packet.data, option::lcp);
        }
        code::TERMINATE_REQUEST | code::TERMINATE_ACK => {
            return write_reason(line, packet.data);
        }
        // The rejected packet may be our own Authenticate-Request with the password in it.
        code::PROTOCOL_REJECT if packet.data.starts_with(&PAP_PROTOCOL) => {
            write_octets(line, &PAP_PROTOCOL)?;
            return hide(line, reader.take(2).map_or(&[], |_| reader.rest()));
        }
        code::ECHO_REQUEST..=code::TIME_REMAINING => {
            if let Some(magic) = reader.u32() {
                write!(line, " magic=0x{magic:x}")?;
            }
        }
        _ => {}
    }
    if packet.code == code::TIME_REMAINING
        && let Some(seconds) = reader.u32()
    {
        write!(line, " seconds={seconds}")?;
    }
    if matches!(packet.code, code::IDENTIFICATION | code::TIME_REMAINING) && !reader.is_empty() {
        return write_text(line, " ", reader.rest());
    }
    write_some(line, reader.rest(), MAX_REST)
}

fn write_ncp(
    line: &mut Bounded<'_>,
    packet: ControlPacket<'_>,
    write_option: option::Writer,
) -> fmt::Result {
    match packet.code {
        code::CONFIGURE_REQUEST..=code::CONFIGURE_REJECT => {
            write_options(line, packet.data, write_option)
        }
        code::TERMINATE_REQUEST | code::TERMINATE_ACK => write_reason(line, packet.data),
        _ => write_octets(line, packet.data),
    }
}

fn write_pap(line: &mut Bounded<'_>, packet: ControlPacket<'_>) -> fmt::Result {
    let mut reader = Reader::new(packet.data);
    let mut string = || {
        let length = reader.u8()?;
        reader.take(usize::from(length))
    };
    match packet.code {
        1 => {
            let (Some(user), Some(_)) = (string(), string()) else {
                return hide(line, packet.data);
            };
            write_text(line, " user=", user)?;
            line.write_str(" password=<hidden>")?;
            hide(line, reader.rest())
        }
        2 | 3 => {
            let Some(message) = string() else {
                return write_octets(line, packet.data);
            };
            write_text(line, " ", message)?;
            write_octets(line, reader.rest())
        }
        _ => hide(line, packet.data),
    }
}

fn write_chap(line: &mut Bounded<'_>, packet: ControlPacket<'_>) -> fmt::Result {
    match packet.code {
        1 | 2 => {
            let mut reader = Reader::new(packet.data);
            let value = reader
                .u8()
                .and_then(|length| reader.take(usize::from(length)));
            let Some(value) = value else {
                return write_octets(line, packet.data);
            };
            line.write_str(" <")?;
            value
                .iter()
                .try_for_each(|octet| write!(line, "{octet:02x}"))?;
            write_text(line, ">, name = ", reader.rest())
        }
        3 | 4 => write_text(line, " ", packet.data),
        _ => write_octets(line, packet.data),
    }
}

/// Options, and what is behind the last whole one as octets.
fn write_options(
    line: &mut Bounded<'_>,
    mut rest: &[u8],
    write_option: option::Writer,
) -> fmt::Result {
    while let [_, length, ..] = rest
        && *length >= 2
        && let Some((option, behind)) = rest.split_at_checked(usize::from(*length))
    {
        line.write_str(" <")?;
        let left = write_option(line, option)?;
        write_octets(line, left)?;
        line.write_str(">")?;
        rest = behind;
    }
    write_some(line, rest, MAX_REST)
}

/// The text of a Terminate-Request, or its octets if it does not begin like one.
fn write_reason(line: &mut Bounded<'_>, data: &[u8]) -> fmt::Result {
    match data.first() {
        Some(b' '..=b'~') => write_text(line, " ", data),
        _ => write_some(line, data, MAX_REST),
    }
}

fn write_text(line: &mut Bounded<'_>, before: &str, text: &[u8]) -> fmt::Result {
    let mut marked = before.to_owned();
    quoted(text, &mut marked);
    line.write_str(&marked)
}

fn write_octets(line: &mut Bounded<'_>, octets: &[u8]) -> fmt::Result {
    octets
        .iter()
        .try_for_each(|octet| write!(line, " {octet:02x}"))
}

/// The first of the octets, and a sign if there are more.
fn write_some(line: &mut Bounded<'_>, octets: &[u8], most: usize) -> fmt::Result {
    match octets.split_at_checked(most) {
        Some((first, [_, ..])) => {
            write_octets(line, first)?;
            line.write_str(" ...")
        }
        _ => write_octets(line, octets),
    }
}

/// In place of octets among which a password may be.
fn hide(line: &mut Bounded<'_>, octets: &[u8]) -> fmt::Result {
    if octets.is_empty() {
        Ok(())
    } else {
        line.write_str(" <hidden>")
    }
}

/// What is shown of a text, and the sign that it is not the whole.
fn shorten(bytes: &[u8]) -> (&[u8], &'static str) {
    match bytes.split_at_checked(MAX_TEXT) {
        Some((shown, [_, ..])) => (shown, "..."),
        _ => (bytes, ""),
    }
}

fn escape(bytes: &[u8], marked: &str, out: &mut String) {
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => {
                let shown = char::from(byte);
                if marked.contains(shown) {
                    out.push('\\');
                }
                out.push(shown);
            }
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
}

/// PAP's protocol number as it stands in a Protocol-Reject.
const PAP_PROTOCOL: [u8; 2] = Protocol::PAP.0.to_be_bytes();

/// Octets of a line. pppd's buffer has 1024.
const MAX_LINE: usize = 1000;

/// Octets shown of a text: as many as PAP can carry.
const MAX_TEXT: usize = 255;

/// Octets shown of what is not understood.
const MAX_REST: usize = 32;

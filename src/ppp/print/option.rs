//! Configuration options as pppd prints them between `<` and `>`.

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use super::Bounded;
use crate::ppp::wire::Protocol;

/// Writes what it knows of an option (Type and Length stand at its start) and gives back the octets
/// that are left to be shown as such: all, if it knows nothing.
pub(super) type Writer = for<'a> fn(&mut Bounded<'_>, &'a [u8]) -> Result<&'a [u8], fmt::Error>;

/// Options of LCP (RFC 1661 section 6, RFC 1570, 1990).
pub(super) fn lcp<'a>(line: &mut Bounded<'_>, option: &'a [u8]) -> Result<&'a [u8], fmt::Error> {
    match *option {
        [1, _, a, b] => write!(line, "mru {}", u16::from_be_bytes([a, b]))?,
        [2, _, a, b, c, d] => write!(line, "asyncmap 0x{:x}", u32::from_be_bytes([a, b, c, d]))?,
        [3, _, a, b, ref data @ ..] => {
            return auth(line, Protocol(u16::from_be_bytes([a, b])), data);
        }
        [4, _, a, b, ref data @ ..] => {
            match Protocol(u16::from_be_bytes([a, b])) {
                Protocol::LQR => line.write_str("quality lqr")?,
                Protocol(number) => write!(line, "quality 0x{number:x}")?,
            }
            return Ok(data);
        }
        [5, _, a, b, c, d] => write!(line, "magic 0x{:x}", u32::from_be_bytes([a, b, c, d]))?,
        [7, _] => line.write_str("pcomp")?,
        [8, _] => line.write_str("accomp")?,
        [13, _, operation, ref data @ ..] => {
            match operation {
                6 => line.write_str("callback CBCP")?,
                _ => write!(line, "callback 0x{operation:x}")?,
            }
            return Ok(data);
        }
        [17, _, a, b] => write!(line, "mrru {}", u16::from_be_bytes([a, b]))?,
        [18, _] => line.write_str("ssnhf")?,
        [19, _, class, ref address @ ..] => endpoint(line, class, address)?,
        _ => return Ok(option),
    }
    Ok(&[])
}

/// Options of IPCP (RFC 1332, 1877).
pub(super) fn ipcp<'a>(line: &mut Bounded<'_>, option: &'a [u8]) -> Result<&'a [u8], fmt::Error> {
    match *option {
        [1, _, a, b, c, d, e, f, g, h] => {
            let (local, remote) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
            write!(line, "addrs {local} {remote}")?;
        }
        [2, _, a, b, ref data @ ..] => {
            match Protocol(u16::from_be_bytes([a, b])) {
                Protocol::VJ_COMPRESSED => line.write_str("compress VJ")?,
                // What RFC 1332 section 4 warns of: the number that early implementations sent.
                Protocol(0x0037) => line.write_str("compress old-VJ")?,
                Protocol(number) => write!(line, "compress 0x{number:x}")?,
            }
            return Ok(data);
        }
        [kind, _, a, b, c, d] => {
            let name = match kind {
                3 => "addr",
                129 => "ms-dns1",
                130 | 132 => "ms-wins",
                131 => "ms-dns2",
                _ => return Ok(option),
            };
            write!(line, "{name} {}", Ipv4Addr::new(a, b, c, d))?;
        }
        _ => return Ok(option),
    }
    Ok(&[])
}

/// Options of IPV6CP (RFC 5072).
pub(super) fn ipv6cp<'a>(line: &mut Bounded<'_>, option: &'a [u8]) -> Result<&'a [u8], fmt::Error> {
    match *option {
        [1, 10, a, b, c, d, e, f, g, h] => {
            write!(
                line,
                "addr fe80::{a:02x}{b:02x}:{c:02x}{d:02x}:{e:02x}{f:02x}:{g:02x}{h:02x}"
            )?;
            Ok(&[])
        }
        [2, _, a, b, ref data @ ..] => {
            write!(line, "compress 0x{:x}", u16::from_be_bytes([a, b]))?;
            Ok(data)
        }
        _ => Ok(option),
    }
}

/// Options of CCP: the compression methods (RFC 1962 and those that refer to it).
pub(super) fn ccp<'a>(line: &mut Bounded<'_>, option: &'a [u8]) -> Result<&'a [u8], fmt::Error> {
    match *option {
        [kind @ (1 | 2), _, ref data @ ..] => {
            write!(line, "predictor {kind}")?;
            Ok(data)
        }
        [18, _, h, b, c, bits, ref data @ ..] => {
            mppe(line, [h, b, c, bits])?;
            Ok(data)
        }
        [21, _, version, ref data @ ..] => {
            write!(line, "bsd v{} {}", version >> 5, version & 0x1f)?;
            Ok(data)
        }
        [kind @ (24 | 26), _, window, check, ref data @ ..] => {
            let draft = if kind == 24 { "(old#)" } else { "" };
            write!(line, "deflate{draft} {}", (window >> 4) + 8)?;
            if window & 0x0f != 8 {
                write!(line, " method {}", window & 0x0f)?;
            }
            if check != 0 {
                write!(line, " check {check}")?;
            }
            Ok(data)
        }
        _ => Ok(option),
    }
}

fn auth<'a>(
    line: &mut Bounded<'_>,
    protocol: Protocol,
    data: &'a [u8],
) -> Result<&'a [u8], fmt::Error> {
    match protocol {
        Protocol::PAP => line.write_str("auth pap")?,
        Protocol::EAP => line.write_str("auth eap")?,
        Protocol::CHAP => line.write_str("auth chap")?,
        Protocol(number) => write!(line, "auth 0x{number:x}")?,
    }
    let (name, data) = match (protocol, data) {
        (Protocol::CHAP, [5, data @ ..]) => (" MD5", data),
        (Protocol::CHAP, [0x80, data @ ..]) => (" MS", data),
        (Protocol::CHAP, [0x81, data @ ..]) => (" MS-v2", data),
        _ => ("", data),
    };
    line.write_str(name)?;
    Ok(data)
}

/// An endpoint discriminator (RFC 1990 section 5.1.3).
fn endpoint(line: &mut Bounded<'_>, class: u8, address: &[u8]) -> fmt::Result {
    match (class, address) {
        (0, []) => return line.write_str("endpoint [null]"),
        (2, &[a, b, c, d]) => {
            return write!(line, "endpoint [IP:{}]", Ipv4Addr::new(a, b, c, d));
        }
        _ => {}
    }
    let names = ["null", "local", "IP", "MAC", "magic", "phone"];
    match names.get(usize::from(class)) {
        Some(name) => write!(line, "endpoint [{name}")?,
        None => write!(line, "endpoint [{class}")?,
    }
    let (group, separator) = match class {
        3 if address.len() == 6 => (1, ":"),
        4 if address.len().is_multiple_of(4) => (4, "."),
        _ => (1, "."),
    };
    for (index, octets) in address.chunks(group).enumerate() {
        line.write_str(if index == 0 { ":" } else { separator })?;
        octets
            .iter()
            .try_for_each(|octet| write!(line, "{octet:02x}"))?;
    }
    line.write_str("]")
}

/// The bits of Microsoft's encryption (RFC 3078 section 2.1).
fn mppe(line: &mut Bounded<'_>, [stateless, b, c, bits]: [u8; 4]) -> fmt::Result {
    let sign = |set: bool| if set { '+' } else { '-' };
    write!(line, "mppe {}H", sign(stateless & 0x01 != 0))?;
    for (name, bit) in [
        ('M', 0x80),
        ('S', 0x40),
        ('L', 0x20),
        ('D', 0x10),
        ('C', 0x01),
    ] {
        write!(line, " {}{name}", sign(bits & bit != 0))?;
    }
    if stateless & !0x01 != 0 || b != 0 || c != 0 || bits & !0xf1 != 0 {
        write!(line, " +U ({stateless:02x} {b:02x} {c:02x} {bits:02x})")?;
    }
    Ok(())
}

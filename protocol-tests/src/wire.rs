//! PPP frames and packets, a second time: bytes to text and back, for the scenario files.
//!
//! Deliberately simple and deliberately not the code of `uplinkd`: bit by bit, one frame at a time, no negotiation.

use std::fmt::Write as _;

/// LCP.
pub const LCP: u16 = 0xc021;
/// IPCP.
pub const IPCP: u16 = 0x8021;
/// PAP.
pub const PAP: u16 = 0xc023;
/// CHAP.
pub const CHAP: u16 = 0xc223;
/// CCP.
pub const CCP: u16 = 0x80fd;
/// IPV6CP.
pub const IPV6CP: u16 = 0x8057;

const PROTOCOLS: &[(&str, u16)] = &[
    ("LCP", LCP),
    ("IPCP", IPCP),
    ("PAP", PAP),
    ("CHAP", CHAP),
    ("CCP", CCP),
    ("IPV6CP", IPV6CP),
];

const CODES: &[&str] = &[
    "ConfReq", "ConfAck", "ConfNak", "ConfRej", "TermReq", "TermAck", "CodeRej", "ProtRej",
    "EchoReq", "EchoRep", "DiscReq", "Ident", "TimeRem",
];
const PAP_CODES: &[&str] = &["AuthReq", "AuthAck", "AuthNak"];
const CHAP_CODES: &[&str] = &["Challenge", "Response", "Success", "Failure"];

/// FCS-16 (RFC 1662 appendix C), one bit at a time.
pub fn fcs16(bytes: &[u8]) -> u16 {
    let mut fcs = 0xffff_u16;
    for byte in bytes {
        fcs ^= u16::from(*byte);
        for _ in 0..8 {
            fcs = if fcs & 1 == 1 {
                (fcs >> 1) ^ 0x8408
            } else {
                fcs >> 1
            };
        }
    }
    !fcs
}

/// `content` (from the address field to the end of the information field) as it goes over the line: flags, FCS, and
/// every control character escaped.
pub fn encode(content: &[u8]) -> Vec<u8> {
    let mut line = vec![0x7e];
    for byte in content.iter().copied().chain(fcs16(content).to_le_bytes()) {
        if byte < 0x20 || byte == 0x7e || byte == 0x7d {
            line.extend_from_slice(&[0x7d, byte ^ 0x20]);
        } else {
            line.push(byte);
        }
    }
    line.push(0x7e);
    line
}

/// One frame off the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Between the flags, as it came over the line.
    pub raw: Vec<u8>,
    /// Unescaped, without the FCS.
    pub content: Vec<u8>,
}

/// Splits what was sent into frames.
///
/// # Errors
/// A sentence, if there is something that is not a whole good frame.
pub fn decode(line: &[u8]) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    let mut parts = line.split(|byte| *byte == 0x7e).collect::<Vec<_>>();
    let rest = parts.pop().unwrap_or_default();
    if !rest.is_empty() {
        return Err(format!("octets behind the last flag: {}", hex(rest)));
    }
    for raw in parts.into_iter().filter(|raw| !raw.is_empty()) {
        let mut content = Vec::new();
        let mut octets = raw.iter();
        while let Some(octet) = octets.next() {
            match octet {
                0x7d => match octets.next() {
                    Some(next) => content.push(next ^ 0x20),
                    None => return Err(format!("a frame that ends in an escape: {}", hex(raw))),
                },
                _ => content.push(*octet),
            }
        }
        let Some((body, fcs)) = content.split_last_chunk::<2>() else {
            return Err(format!("a frame without an FCS: {}", hex(raw)));
        };
        if u16::from_le_bytes(*fcs) != fcs16(body) {
            return Err(format!("a frame with a wrong FCS: {}", hex(raw)));
        }
        let content = body.to_vec();
        frames.push(Frame {
            raw: raw.to_vec(),
            content,
        });
    }
    Ok(frames)
}

/// Protocol and information field of a frame's content, whatever was compressed.
pub fn split(content: &[u8]) -> Option<(u16, &[u8])> {
    let content = content.strip_prefix(&[0xff, 0x03]).unwrap_or(content);
    match content {
        [first, rest @ ..] if first & 1 == 1 => Some((u16::from(*first), rest)),
        [first, second, rest @ ..] => Some((u16::from_be_bytes([*first, *second]), rest)),
        _ => None,
    }
}

/// The number of a protocol by its name or as `0x....`.
pub fn protocol(name: &str) -> Option<u16> {
    match PROTOCOLS.iter().find(|(known, _)| *known == name) {
        Some((_, number)) => Some(*number),
        None => u16::from_str_radix(name.strip_prefix("0x")?, 16).ok(),
    }
}

/// The number of a code by its name.
pub fn code(protocol: u16, name: &str) -> Option<u8> {
    let index = codes(protocol).iter().position(|known| *known == name)?;
    u8::try_from(index + 1).ok()
}

fn codes(protocol: u16) -> &'static [&'static str] {
    match protocol {
        PAP => PAP_CODES,
        CHAP => CHAP_CODES,
        _ => CODES,
    }
}

/// A frame's content in the words of the scenario files.
pub fn describe(content: &[u8]) -> String {
    let Some((number, info)) = split(content) else {
        return format!("frame {}", hex(content));
    };
    let known = PROTOCOLS.iter().find(|(_, known)| *known == number);
    let (Some((name, _)), [code, id, high, low, rest @ ..]) = (known, info) else {
        return format!("proto={number:#06x} {}", hex(info));
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let Some(data) = length.checked_sub(4).and_then(|length| rest.get(..length)) else {
        return format!("{name} with a bad length: {}", hex(info));
    };
    let code_name = code
        .checked_sub(1)
        .and_then(|index| codes(number).get(usize::from(index)));
    let Some(code_name) = code_name else {
        return format!("{name} code={code:#x} id={id} {}", hex(data));
    };
    let mut text = format!("{name} {code_name} id={id}");
    let body = describe_data(number, code_name, data).unwrap_or_else(|| hex(data));
    if !body.is_empty() {
        let _ = write!(text, " {body}");
    }
    text
}

fn describe_data(protocol: u16, code: &str, data: &[u8]) -> Option<String> {
    match (protocol, code) {
        (PAP, "AuthReq") => {
            let (user, rest) = counted(data)?;
            let (password, _) = counted(rest)?;
            Some(format!(
                "user={} password={}",
                quoted(user),
                quoted(password)
            ))
        }
        (PAP, _) => Some(quoted(counted(data).map_or(&[], |(text, _)| text))),
        (CHAP, "Challenge" | "Response") => {
            let (value, name) = counted(data)?;
            Some(format!("<{}> name={}", hex(value), quoted(name)))
        }
        (CHAP, _) => Some(quoted(data)),
        (_, "ConfReq" | "ConfAck" | "ConfNak" | "ConfRej") => describe_options(protocol, data),
        (_, "TermReq" | "TermAck") if !data.is_empty() => Some(quoted(data)),
        (LCP, "EchoReq" | "EchoRep" | "DiscReq" | "Ident" | "TimeRem") => {
            let (magic, rest) = data.split_first_chunk::<4>()?;
            let magic = u32::from_be_bytes(*magic);
            Some(
                format!("magic={magic:#010x} {}", hex(rest))
                    .trim_end()
                    .to_owned(),
            )
        }
        _ => Some(hex(data)),
    }
}

fn describe_options(protocol: u16, mut data: &[u8]) -> Option<String> {
    let mut list = Vec::new();
    while !data.is_empty() {
        let length = usize::from(*data.get(1)?);
        let (option, rest) = data.split_at_checked(length)?;
        let value = option.get(2..)?;
        list.push(describe_option(protocol, option[0], value));
        data = rest;
    }
    Some(list.join(" "))
}

fn describe_option(protocol: u16, kind: u8, value: &[u8]) -> String {
    let number = value
        .iter()
        .fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
    match (protocol, kind, value) {
        (LCP, 1, [_, _]) => format!("<mru {number}>"),
        (LCP, 2, [_, _, _, _]) => format!("<asyncmap {number:#x}>"),
        (LCP, 3, [0xc0, 0x23]) => "<auth pap>".to_owned(),
        (LCP, 3, [0xc2, 0x23, 5]) => "<auth chap MD5>".to_owned(),
        (LCP, 5, [_, _, _, _]) => format!("<magic {number:#010x}>"),
        (LCP, 7, []) => "<pcomp>".to_owned(),
        (LCP, 8, []) => "<accomp>".to_owned(),
        (IPCP, 2, [0, 0x2d, rest @ ..]) => format!("<compress VJ {}>", hex(rest)),
        (IPCP, 3 | 129..=132, [a, b, c, d]) => {
            format!(
                "<{} {a}.{b}.{c}.{d}>",
                ADDRESSES
                    .iter()
                    .find(|(_, k)| *k == kind)
                    .map_or("?", |(n, _)| n)
            )
        }
        _ => format!("<opt {kind} {}>", hex(value)).replace(" >", ">"),
    }
}

/// IPCP options that hold an address.
pub const ADDRESSES: &[(&str, u8)] = &[
    ("addr", 3),
    ("ms-dns1", 129),
    ("ms-wins1", 130),
    ("ms-dns2", 131),
    ("ms-wins2", 132),
];

fn counted(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", text.escape_ascii())
}

/// Octets as the scenario files have them.
pub fn hex(bytes: &[u8]) -> String {
    let list: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    list.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a public log of a SIM7600 modem (esp-protocols issue 789).
    const CONF_REQ: &str = "7eff7d23c0217d217d217d207d347d227d267d207d207d207d207d257d267d32d6e3d17d277d227d287d223a977e";

    fn bytes(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn reads_a_frame_of_a_real_modem_and_writes_it_alike() {
        let line = bytes(CONF_REQ);
        let frames = decode(&line).unwrap();
        assert_eq!(frames.len(), 1);
        assert_eq!(
            describe(&frames[0].content),
            "LCP ConfReq id=1 <asyncmap 0x0> <magic 0x12d6e3d1> <pcomp> <accomp>"
        );
        assert_eq!(encode(&frames[0].content), line);
    }

    #[test]
    fn refuses_a_frame_with_a_flipped_bit() {
        let mut line = bytes(CONF_REQ);
        line[12] ^= 1;
        assert!(decode(&line).unwrap_err().contains("wrong FCS"));
    }
}

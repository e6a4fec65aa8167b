//! One packet as a scenario file writes it: with `*` and `$name` for what is not known beforehand, to be compared with
//! what was sent; without, to be sent by the peer.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use crate::wire::{self, ADDRESSES, CHAP, Frame, IPCP, LCP, PAP, describe, hex};

/// What `$name` stands for, once it has been seen.
pub type Vars = BTreeMap<String, Vec<u8>>;

/// A packet, or octets.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// `hex ...`: octets as they go over the line.
    Line(Vec<u8>),
    /// `frame ...`: a frame's content, unescaped and without FCS.
    Content(Vec<u8>),
    /// A packet in words: protocol and information field. Sent by the peer it is neither compressed nor is anything
    /// left unescaped; sent by us it may be.
    Packet { protocol: u16, info: Vec<Piece> },
}

/// Some octets of an information field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Octets(Vec<u8>),
    /// `*`: that many, whatever they are.
    Any(usize),
    /// `$name`: that many, the same wherever the name stands.
    Var(String, usize),
    /// `...`: whatever follows.
    Rest,
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let list = words(text)?;
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let form = match list.as_slice() {
            ["hex", octets @ ..] => Form::Line(parse_hex(octets)?),
            ["frame", octets @ ..] => Form::Content(parse_hex(octets)?),
            [head, octets @ ..] if head.starts_with("proto=") => {
                let number = head.strip_prefix("proto=").and_then(wire::protocol);
                let protocol = number.ok_or_else(|| format!("{head} is not a protocol number"))?;
                Form::Packet {
                    protocol,
                    info: vec![Piece::Octets(parse_hex(octets)?)],
                }
            }
            [protocol, code, id, rest @ ..] => {
                let number = wire::protocol(protocol)
                    .ok_or_else(|| format!("{protocol} is not a protocol"))?;
                parse_packet(number, code, id, rest)?
            }
            _ => return Err(format!("`{text}` is not a packet")),
        };
        Ok(Self {
            text: text.to_owned(),
            form,
        })
    }

    /// Compares it with a frame that was sent, and learns what `$name` stands for.
    ///
    /// # Errors
    /// A sentence on the difference.
    pub fn compare(&self, frame: &Frame, vars: &mut Vars) -> Result<(), String> {
        let sent = || {
            format!(
                "sent instead: {}\n  as octets: {}",
                describe(&frame.content),
                hex(&frame.content)
            )
        };
        let same = match &self.form {
            Form::Line(octets) => {
                let octets = octets.strip_prefix(&[0x7e]).unwrap_or(octets);
                let octets = octets.strip_suffix(&[0x7e]).unwrap_or(octets);
                if octets == frame.raw {
                    return Ok(());
                }
                return Err(format!("{}\n  on the line: {}", sent(), hex(&frame.raw)));
            }
            Form::Content(octets) => *octets == frame.content,
            Form::Packet { protocol, info } => match wire::split(&frame.content) {
                Some((number, real)) => number == *protocol && matches(info, real, vars),
                None => false,
            },
        };
        if same { Ok(()) } else { Err(sent()) }
    }

    /// The octets on the line if the peer sends it.
    ///
    /// # Errors
    /// If something in it is not known: `*`, `...` or a `$name` that has not been seen.
    pub fn line(&self, vars: &Vars) -> Result<Vec<u8>, String> {
        match &self.form {
            Form::Line(octets) => Ok(octets.clone()),
            Form::Content(octets) => Ok(wire::encode(octets)),
            Form::Packet { protocol, info } => {
                let mut content = vec![0xff, 0x03];
                content.extend(protocol.to_be_bytes());
                for piece in info {
                    match piece {
                        Piece::Octets(octets) => content.extend(octets),
                        Piece::Var(name, _) => {
                            let value = vars
                                .get(name)
                                .ok_or_else(|| format!("${name} has not been seen yet"))?;
                            content.extend(value);
                        }
                        Piece::Any(_) | Piece::Rest => {
                            return Err("the peer cannot send `*` or `...`".to_owned());
                        }
                    }
                }
                Ok(wire::encode(&content))
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn matches(pieces: &[Piece], mut real: &[u8], vars: &mut Vars) -> bool {
    for piece in pieces {
        let wanted = match piece {
            Piece::Octets(octets) => octets.len(),
            Piece::Any(count) | Piece::Var(_, count) => *count,
            Piece::Rest => return true,
        };
        let Some((head, rest)) = real.split_at_checked(wanted) else {
            return false;
        };
        let same = match piece {
            Piece::Octets(octets) => octets == head,
            Piece::Var(name, _) => {
                vars.entry(name.clone()).or_insert_with(|| head.to_vec()) == head
            }
            Piece::Any(_) | Piece::Rest => true,
        };
        if !same {
            return false;
        }
        real = rest;
    }
    real.is_empty()
}

fn parse_packet(protocol: u16, code: &str, id: &str, rest: &[&str]) -> Result<Form, String> {
    let number = match wire::code(protocol, code) {
        Some(number) => number,
        None => code
            .strip_prefix("code=")
            .and_then(|code| parse_number(code, 1).ok())
            .and_then(|code| code.first().copied())
            .ok_or_else(|| format!("{code} is not a code"))?,
    };
    let id = id
        .strip_prefix("id=")
        .ok_or_else(|| format!("{id} is not id=NUMBER"))?;
    let mut data = Vec::new();
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let (key, value) = word.split_once('=').unwrap_or(("", word));
        match (protocol, code, key) {
            _ if *word == "..." => data.push(Piece::Rest),
            _ if *word == "hex" => {
                let octets: Vec<&str> = words.by_ref().copied().collect();
                data.push(Piece::Octets(parse_hex(&octets)?));
            }
            (CHAP, "Challenge" | "Response", "") => {
                let value = inside(word)?;
                let piece = value_piece(value, 16)?;
                let length = match &piece {
                    Piece::Octets(octets) => octets.len(),
                    Piece::Any(count) | Piece::Var(_, count) => *count,
                    Piece::Rest => return Err("a CHAP value has an end".to_owned()),
                };
                data.push(Piece::Octets(vec![
                    u8::try_from(length).map_err(|e| e.to_string())?,
                ]));
                data.push(piece);
            }
            (CHAP, _, "name") => data.push(Piece::Octets(string(value)?)),
            (PAP, _, "user" | "password") => data.push(Piece::Octets(counted(string(value)?)?)),
            (PAP, _, "") => data.push(Piece::Octets(counted(string(word)?)?)),
            (_, _, "") if word.starts_with('"') => data.push(Piece::Octets(string(word)?)),
            (_, "ConfReq" | "ConfAck" | "ConfNak" | "ConfRej", "") => {
                data.extend(parse_option(protocol, inside(word)?)?);
            }
            (LCP, _, "magic") => data.push(number_piece(value, 4)?),
            _ => return Err(format!("{word} is not understood in {code}")),
        }
    }
    let mut info = vec![Piece::Octets(vec![number]), number_piece(id, 1)?];
    let mut length = 4;
    let mut open = false;
    for piece in &data {
        length += match piece {
            Piece::Octets(octets) => octets.len(),
            Piece::Any(count) | Piece::Var(_, count) => *count,
            Piece::Rest => {
                open = true;
                0
            }
        };
    }
    info.push(if open {
        Piece::Any(2)
    } else {
        Piece::Octets(
            u16::try_from(length)
                .map_err(|e| e.to_string())?
                .to_be_bytes()
                .to_vec(),
        )
    });
    info.extend(data);
    Ok(Form::Packet { protocol, info })
}

/// `mru 1500`, `addr 10.0.0.1`, `opt 19 aa bb`, ...
fn parse_option(protocol: u16, text: &str) -> Result<Vec<Piece>, String> {
    let list: Vec<&str> = text.split_whitespace().collect();
    let wrong = || format!("<{text}> is not understood");
    let fixed = |kind: u8, value: &[u8]| {
        let length = u8::try_from(value.len() + 2).map_err(|e| e.to_string())?;
        Ok(vec![Piece::Octets([&[kind, length], value].concat())])
    };
    let sized = |kind: u8, value: &str, size: u8| {
        Ok(vec![
            Piece::Octets(vec![kind, size + 2]),
            number_piece(value, usize::from(size))?,
        ])
    };
    match (protocol, list.as_slice()) {
        (LCP, ["mru", value]) => sized(1, value, 2),
        (LCP, ["asyncmap", value]) => sized(2, value, 4),
        (LCP, ["auth", "pap"]) => fixed(3, &[0xc0, 0x23]),
        (LCP, ["auth", "chap", "MD5"]) => fixed(3, &[0xc2, 0x23, 5]),
        (LCP, ["magic", value]) => sized(5, value, 4),
        (LCP, ["pcomp"]) => fixed(7, &[]),
        (LCP, ["accomp"]) => fixed(8, &[]),
        (IPCP, ["compress", "VJ", rest @ ..]) => {
            fixed(2, &[&[0, 0x2d], parse_hex(rest)?.as_slice()].concat())
        }
        (_, ["opt", kind, rest @ ..]) => {
            let kind = parse_number(kind, 1)?;
            fixed(kind[0], &parse_hex(rest)?)
        }
        (IPCP, [name, value]) => {
            let (_, kind) = ADDRESSES
                .iter()
                .find(|(known, _)| known == name)
                .ok_or_else(wrong)?;
            match value.parse::<Ipv4Addr>() {
                Ok(address) => fixed(*kind, &address.octets()),
                Err(_) => sized(*kind, value, 4),
            }
        }
        _ => Err(wrong()),
    }
}

/// A number of `size` octets, `*` or `$name`.
fn number_piece(text: &str, size: usize) -> Result<Piece, String> {
    match text {
        "*" => Ok(Piece::Any(size)),
        _ => match text.strip_prefix('$') {
            Some(name) => Ok(Piece::Var(name.to_owned(), size)),
            None => parse_number(text, size).map(Piece::Octets),
        },
    }
}

/// Octets, `*` or `$name` (`size` octets).
fn value_piece(text: &str, size: usize) -> Result<Piece, String> {
    match text {
        "*" => Ok(Piece::Any(size)),
        _ => match text.strip_prefix('$') {
            Some(name) => Ok(Piece::Var(name.to_owned(), size)),
            None => parse_hex(&[text]).map(Piece::Octets),
        },
    }
}

fn parse_number(text: &str, size: usize) -> Result<Vec<u8>, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    let number = number.ok_or_else(|| format!("{text} is not a number"))?;
    let octets = number.to_be_bytes();
    let (head, tail) = octets.split_at(octets.len() - size);
    if head.iter().any(|octet| *octet != 0) {
        return Err(format!("{text} does not fit into {size} octets"));
    }
    Ok(tail.to_vec())
}

/// Hexadecimal octets, with white space wherever one likes.
fn parse_hex(list: &[&str]) -> Result<Vec<u8>, String> {
    let text: String = list.concat();
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()),
        _ => Err(format!("{text} is not a sequence of hexadecimal octets")),
    }
}

fn inside(word: &str) -> Result<&str, String> {
    let text = word
        .strip_prefix('<')
        .and_then(|word| word.strip_suffix('>'));
    text.ok_or_else(|| format!("{word} is not an option in <>"))
}

/// A quoted string; `\n`, `\r`, `\\`, `\"` and `\xNN` are understood.
///
/// # Errors
/// If it is not quoted, or has another escape.
pub fn string(word: &str) -> Result<Vec<u8>, String> {
    let text = word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'));
    let text = text.ok_or_else(|| format!("{word} is not in quotes"))?;
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        match rest.next() {
            Some(b'n') => octets.push(b'\n'),
            Some(b'r') => octets.push(b'\r'),
            Some(octet @ (b'\\' | b'"')) => octets.push(octet),
            Some(b'x') => {
                let digits = [rest.next().unwrap_or(b'?'), rest.next().unwrap_or(b'?')];
                octets.extend(parse_hex(&[&String::from_utf8_lossy(&digits)])?);
            }
            _ => return Err(format!("{word}: an escape that is not understood")),
        }
    }
    Ok(octets)
}

fn counted(text: Vec<u8>) -> Result<Vec<u8>, String> {
    let length = u8::try_from(text.len()).map_err(|e| e.to_string())?;
    Ok([&[length], text.as_slice()].concat())
}

/// Splits a line at white space, but not inside of `"..."` and `<...>`.
///
/// # Errors
/// If one of them is not closed.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let mut list = Vec::new();
    let mut word = String::new();
    let mut until = None;
    let mut escaped = false;
    for c in line.chars() {
        match until {
            Some(end) => {
                word.push(c);
                if c == end && !escaped {
                    until = None;
                }
            }
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    list.push(std::mem::take(&mut word));
                }
            }
            None => {
                word.push(c);
                until = match c {
                    '"' => Some('"'),
                    '<' => Some('>'),
                    _ => None,
                };
            }
        }
        escaped = c == '\\' && !escaped;
    }
    if let Some(end) = until {
        return Err(format!("a {end} is missing"));
    }
    if !word.is_empty() {
        list.push(word);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(text: &str) {
        let line = Pattern::parse(text).unwrap().line(&Vars::new()).unwrap();
        let frames = wire::decode(&line).unwrap();
        assert_eq!(describe(&frames[0].content), text);
        Pattern::parse(text)
            .unwrap()
            .compare(&frames[0], &mut Vars::new())
            .unwrap();
    }

    #[test]
    fn what_is_written_is_what_is_described() {
        there_and_back(
            "LCP ConfReq id=1 <mru 1600> <asyncmap 0xa0000> <auth chap MD5> <magic 0x00000001> <pcomp> <accomp>",
        );
        there_and_back("LCP ConfNak id=255 <auth pap>");
        there_and_back("LCP ConfRej id=2 <opt 19 01 02>");
        there_and_back(
            "IPCP ConfReq id=2 <compress VJ 0f 01> <addr 0.0.0.0> <ms-dns1 1.2.3.4> <ms-wins2 5.6.7.8>",
        );
        there_and_back("IPCP ConfNak id=2");
        there_and_back(
            "LCP EchoReq id=0 magic=0x99d135c1 75 85"
                .replace(" 75 85", "")
                .as_str(),
        );
        there_and_back("LCP TermReq id=3 \"User request\"");
        there_and_back("PAP AuthReq id=1 user=\"joe\" password=\"secret\"");
        there_and_back("PAP AuthNak id=1 \"Invalid Login\"");
        there_and_back("CHAP Failure id=1 \"\"");
    }

    #[test]
    fn stars_and_names_match_what_is_there() {
        let sent = Pattern::parse("LCP ConfReq id=7 <magic 0x01020304> <pcomp>").unwrap();
        let frame = wire::decode(&sent.line(&Vars::new()).unwrap())
            .unwrap()
            .remove(0);
        let mut vars = Vars::new();
        let compare =
            |text: &str, vars: &mut Vars| Pattern::parse(text).unwrap().compare(&frame, vars);
        assert_eq!(
            compare("LCP ConfReq id=* <magic *> <pcomp>", &mut vars),
            Ok(())
        );
        assert_eq!(
            compare("LCP ConfReq id=$id <magic $m> <pcomp>", &mut vars),
            Ok(())
        );
        assert_eq!(compare("LCP ConfReq id=7 ...", &mut vars), Ok(()));
        assert!(compare("LCP ConfReq id=7 <magic *>", &mut vars).is_err());
        assert!(compare("LCP ConfReq id=8 ...", &mut vars).is_err());
        let echo = Pattern::parse("LCP EchoReq id=$id magic=$m")
            .unwrap()
            .line(&vars)
            .unwrap();
        let echo = wire::decode(&echo).unwrap().remove(0);
        assert_eq!(describe(&echo.content), "LCP EchoReq id=7 magic=0x01020304");
        assert!(
            Pattern::parse("LCP ConfReq id=*")
                .unwrap()
                .line(&vars)
                .is_err()
        );
    }
}

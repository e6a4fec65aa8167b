//! What a single value may be: checks that both file formats share.
//!
//! Each takes the text (or number) of a value and gives back what it means, or a [`Refusal`] in words.

mod system;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use super::diagnostic::printable;
use super::pppd::is_peer_name;
use super::{Auth, PdpType, TimeOfDay};
use crate::modem::{Carrier, NetMode};
use crate::secret::Secret;

pub(super) use system::{
    chat_word, dns_manager, dns_server, link_name, script, script_argument, variable,
};

/// Why a value was refused. The reader puts the key's name before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What is wrong, e.g. `"5s" is not a whole number`. Never the value of a secret.
    pub(super) what: String,
    /// What would have been right, e.g. `0 to 86400 (seconds)`.
    pub(super) expected: String,
    /// The value that was probably meant.
    pub(super) meant: Option<String>,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            expected: expected.into(),
            meant: None,
        }
    }

    pub(super) fn meaning(self, meant: Option<impl Into<String>>) -> Self {
        Self {
            meant: meant.map(Into::into),
            ..self
        }
    }
}

/// Octets as a map of bits, written as pppd's `escape` has them: `11,13`.
pub(super) fn octets(text: &str) -> Result<[u32; 8], Refusal> {
    let mut map = [0u32; 8];
    for code in text.split([',', ' ']).filter(|code| !code.is_empty()) {
        let digits = code.strip_prefix("0x").unwrap_or(code);
        // 5e would go out as 7d 7e, which ends the frame.
        let octet = u8::from_str_radix(digits, 16).ok();
        let Some(octet) = octet.filter(|octet| *octet != 0x5e) else {
            return Err(Refusal::new(
                format!("not all of {} can be escaped", shown(text)),
                "hexadecimal numbers from 0 to ff, but not 5e, with commas between",
            ));
        };
        if let Some(word) = map.get_mut(usize::from(octet / 32)) {
            *word |= 1 << (octet % 32);
        }
    }
    Ok(map)
}

/// C2: the name of a file in pppd's folder of peers.
pub(super) fn provider(text: &str) -> Result<String, Refusal> {
    if is_peer_name(text) {
        return Ok(text.to_owned());
    }
    let last = text.rsplit('/').next().filter(|name| is_peer_name(name));
    let what = format!("{} leads out of the folder of peers", shown(text));
    Err(Refusal::new(what, "the name of a file in /etc/ppp/peers").meaning(last))
}

/// `value` in quotes, cut when long.
pub(super) fn shown(value: &str) -> String {
    const LIMIT: usize = 40;
    let cut: String = value.chars().take(LIMIT).collect();
    let more = if cut.len() < value.len() { "..." } else { "" };
    format!("\"{}{more}\"", printable(&cut))
}

/// Exactly one of `choices`.
pub(super) fn choice(text: &str, choices: &[&'static str]) -> Result<&'static str, Refusal> {
    if let Some(found) = choices.iter().find(|choice| **choice == text) {
        return Ok(found);
    }
    let expected = match choices {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    let folded = ascii(text).trim().to_ascii_uppercase();
    let meant = choices
        .iter()
        .copied()
        .find(|choice| choice.to_ascii_uppercase() == folded);
    Err(Refusal::new(
        format!("{} is not one of its values", shown(text)),
        expected,
    )
    .meaning(meant))
}

/// `yes` or `no`.
pub(super) fn yes_no(text: &str) -> Result<bool, Refusal> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(Refusal::new(
            format!("{} is neither yes nor no", shown(other)),
            "yes or no",
        )
        .meaning(truth(other).map(|truth| if truth { "yes" } else { "no" }))),
    }
}

/// `1` or `0`.
pub(super) fn flag(text: &str) -> Result<bool, Refusal> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        other => Err(
            Refusal::new(format!("{} is neither 1 nor 0", shown(other)), "1 or 0")
                .meaning(truth(other).map(|truth| if truth { "1" } else { "0" })),
        ),
    }
}

/// What `text` says if it is one of the usual ways to say yes or no.
pub(super) fn truth(text: &str) -> Option<bool> {
    match ascii(text).trim().to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" | "y" | "enable" | "enabled" => Some(true),
        "0" | "no" | "false" | "off" | "n" | "disable" | "disabled" | "none" => Some(false),
        _ => None,
    }
}

/// A whole number of `unit` in `range`.
pub(super) fn whole(text: &str, range: &RangeInclusive<u64>, unit: &str) -> Result<u64, Refusal> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(text) {
        let folded = ascii(text);
        let folded = folded.trim().trim_start_matches('+');
        let end = folded
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(folded.len());
        let meant = folded.get(..end).filter(|start| digits(start));
        let meant = meant.filter(|start| start.parse().is_ok_and(|n| range.contains(&n)));
        return Err(Refusal::new(
            format!("{} is not a whole number", shown(text)),
            format!("{} to {} ({unit})", range.start(), range.end()),
        )
        .meaning(meant));
    }
    // What does not fit into 64 bits is out of any range.
    in_range(text.parse().unwrap_or(u64::MAX), range, unit)
}

/// A number of `unit` in `range`.
pub(super) fn in_range(
    number: u64,
    range: &RangeInclusive<u64>,
    unit: &str,
) -> Result<u64, Refusal> {
    if range.contains(&number) {
        return Ok(number);
    }
    let size = if number < *range.start() {
        "small"
    } else {
        "large"
    };
    Err(Refusal::new(
        format!("the number is too {size}"),
        format!("{} to {} ({unit})", range.start(), range.end()),
    ))
}

/// A time of day, hh:mm.
pub(super) fn time_of_day(text: &str) -> Result<TimeOfDay, Refusal> {
    let number = |part: &str| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u8>().ok()).flatten()
    };
    let time = |hour: &str, minute: &str| Some((number(hour)?, number(minute)?));
    let folded = ascii(text);
    let folded = folded.trim();
    let found = match folded.split([':', '.']).collect::<Vec<_>>().as_slice() {
        [hour, minute] | [hour, minute, "00"] => time(hour, minute),
        [digits] if digits.is_ascii() && digits.len() == 4 => {
            let (hour, minute) = digits.split_at_checked(2).unwrap_or_default();
            time(hour, minute)
        }
        _ => None,
    };
    if let Some((hour @ 0..=23, minute @ 0..=59)) = found
        && text == format!("{hour:02}:{minute:02}")
    {
        return Ok(TimeOfDay { hour, minute });
    }
    // The nearest one: 24:00 is the next day's 00:00, and what lies behind it has no meaning.
    let meant = found.map(|(hour, minute)| match (hour, minute) {
        (24, 0) => (0, 0),
        (24.., _) => (23, 59),
        (hour, minute) => (hour, minute.min(59)),
    });
    Err(Refusal::new(
        format!("{} is not a time of day", shown(text)),
        "hh:mm, 00:00 to 23:59",
    )
    .meaning(meant.map(|(hour, minute)| format!("{hour:02}:{minute:02}"))))
}

/// An access point name.
pub(super) fn apn(text: &str) -> Result<String, Refusal> {
    let expected = "letters, digits, dots and dashes, at most 100 characters";
    if let Some(bad) = text
        .chars()
        .find(|c| !c.is_ascii_graphic() || "\"'\\,;".contains(*c))
    {
        let what = format!(
            "{} does not belong into an access point name",
            character(bad)
        );
        return Err(
            Refusal::new(what, expected).meaning(Some(ascii(text)).filter(|folded| {
                folded != text
                    && folded
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || c == '.')
            })),
        );
    }
    if text.len() > 100 {
        return Err(Refusal::new("the access point name is too long", expected));
    }
    Ok(text.to_owned())
}

/// The name of the account.
pub(super) fn account(text: &str) -> Result<String, Refusal> {
    let expected = "a name without control characters and quotes, at most 255 bytes";
    if let Some(bad) = text
        .chars()
        .find(|c| c.is_control() || matches!(c, '"' | '\''))
    {
        let what = format!("{} does not belong into the account's name", character(bad));
        return Err(Refusal::new(what, expected));
    }
    if text.len() > 255 {
        return Err(Refusal::new("the account's name is too long", expected));
    }
    Ok(text.to_owned())
}

/// The password. The refusal does not tell a character of it.
pub(super) fn password(text: &str) -> Result<(), Refusal> {
    if text.chars().any(char::is_control) {
        return Err(Refusal::new(
            "the value has a control character",
            "a password without control characters, at most 255 bytes",
        ));
    }
    if text.len() > 255 {
        return Err(Refusal::new("the value is too long", "at most 255 bytes"));
    }
    Ok(())
}

/// A PIN of the SIM. The refusal does not tell a digit of it.
pub(super) fn pin(text: &str) -> Result<Secret, Refusal> {
    if (4..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Secret::new(text));
    }
    Err(Refusal::new("the value is not a PIN", "4 to 8 digits"))
}

/// `AUTH`.
pub(super) fn auth(text: &str) -> Result<Auth, Refusal> {
    match choice(text, &["CHAP", "PAP", "NOAUTH"])
        .map_err(|refusal| none_is(refusal, text, "NOAUTH"))?
    {
        "CHAP" => Ok(Auth::Chap),
        "PAP" => Ok(Auth::Pap),
        _ => Ok(Auth::NoAuth),
    }
}

fn none_is(refusal: Refusal, text: &str, meant: &str) -> Refusal {
    if refusal.meant.is_none() && truth(text) == Some(false) {
        return refusal.meaning(Some(meant));
    }
    refusal
}

/// `PDPTYPE`.
pub(super) fn pdp_type(text: &str) -> Result<PdpType, Refusal> {
    if matches!(text, "IPV6" | "IPV4V6") {
        return Err(Refusal::new(
            format!("{text} does not act yet: IPv6 comes later"),
            "IP or PPP",
        ));
    }
    let refusal = match choice(text, &["IP", "PPP"]) {
        Ok("PPP") => return Ok(PdpType::Ppp),
        Ok(_) => return Ok(PdpType::Ip),
        Err(refusal) => refusal,
    };
    let ipv4 = text.eq_ignore_ascii_case("IPV4");
    Err(if ipv4 {
        refusal.meaning(Some("IP"))
    } else {
        refusal
    })
}

/// An address that one end of the link can have.
pub(super) fn address(text: &str) -> Result<Ipv4Addr, Refusal> {
    let expected = "the address of a host, e.g. 192.0.2.1, or nothing to have it negotiated";
    let Ok(address) = Ipv4Addr::from_str(text) else {
        let what = format!("{} is not an IPv4 address", shown(text));
        return Err(Refusal::new(what, expected).meaning(address_meant(text)));
    };
    let what = match address.octets() {
        [0, ..] => "is in 0.0.0.0/8",
        [127, ..] => "is a loopback address",
        [224..=239, ..] => "is a multicast address",
        [255, 255, 255, 255] => "is the broadcast address",
        [240..=255, ..] => "is in the reserved range 240.0.0.0/4",
        _ => return Ok(address),
    };
    Err(Refusal::new(format!("{address} {what}"), expected))
}

/// Without a prefix length, leading zeros and full-width characters.
fn address_meant(text: &str) -> Option<String> {
    let folded = ascii(text);
    let (address, _) = folded.split_once('/').unwrap_or((&folded, ""));
    let parts: Option<Vec<u8>> = address
        .trim()
        .split('.')
        .map(|part| part.parse::<u8>().ok())
        .collect();
    let octets: [u8; 4] = parts?.try_into().ok()?;
    Some(Ipv4Addr::from(octets).to_string())
}

/// A netmask, dotted, its ones in one piece.
pub(super) fn netmask(text: &str) -> Result<Ipv4Addr, Refusal> {
    let expected = "a netmask, e.g. 255.255.255.0";
    let Ok(mask) = Ipv4Addr::from_str(text) else {
        let length = text.strip_prefix('/').unwrap_or(text).parse::<u32>().ok();
        let meant = length
            .filter(|length| (1..=32).contains(length))
            .and_then(|length| u32::MAX.checked_shl(32 - length))
            .map(|bits| Ipv4Addr::from_bits(bits).to_string());
        let what = format!("{} is not a netmask", shown(text));
        return Err(Refusal::new(what, expected).meaning(meant));
    };
    let bits = mask.to_bits();
    if bits == 0 {
        return Err(Refusal::new("0.0.0.0 has no network", expected));
    }
    if bits.leading_ones() + bits.trailing_zeros() != 32 {
        return Err(Refusal::new(
            format!("the ones of {mask} are not in one piece"),
            expected,
        ));
    }
    Ok(mask)
}

/// `NETMODE`. `None`: not set.
pub(super) fn net_mode(text: &str) -> Result<Option<NetMode>, Refusal> {
    let refusal = match choice(text, &["AUTO", "WCDMA", "LTE", "NONE"]) {
        Ok("AUTO") => return Ok(Some(NetMode::Auto)),
        Ok("WCDMA") => return Ok(Some(NetMode::Wcdma)),
        Ok("LTE") => return Ok(Some(NetMode::Lte)),
        Ok(_) => return Ok(None),
        Err(refusal) => refusal,
    };
    let meant = match ascii(text).trim().to_ascii_uppercase().as_str() {
        "3G" | "UMTS" | "W-CDMA" => "WCDMA",
        "4G" => "LTE",
        _ => return Err(none_is(refusal, text, "NONE")),
    };
    Err(refusal.meaning(Some(meant)))
}

/// `CARRIERID`: 1 to 5, or the five digits of a network.
pub(super) fn carrier(text: &str) -> Result<Carrier, Refusal> {
    if let Ok(number @ 1..=5) = text.parse::<u8>()
        && text.len() == 1
    {
        return Ok(Carrier::Number(number));
    }
    if text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Carrier::Plmn(text.to_owned()));
    }
    let folded = ascii(text).trim().to_ascii_lowercase();
    let digits: String = folded.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let meant = match digits.as_str() {
        "docomo" | "nttdocomo" => Some("1"),
        "kddi" | "au" => Some("2"),
        "softbank" => Some("3"),
        "simfree" | "auto" => Some("4"),
        other if other != text => Some(other).filter(|other| carrier(other).is_ok()),
        _ => None,
    };
    Err(Refusal::new(
        format!("{} is not a carrier", shown(text)),
        "1 to 5, or the five digits of a network, e.g. 44010",
    )
    .meaning(meant))
}

/// The name or the address of a host that answers pings.
pub(super) fn host(text: &str) -> Result<String, Refusal> {
    let expected = "e.g. www.example.jp or 192.0.2.1";
    if text.parse::<Ipv4Addr>().is_ok() {
        return address(text)
            .map(|address| address.to_string())
            .map_err(|refusal| Refusal::new(refusal.what, expected));
    }
    if is_host_name(text) {
        return Ok(text.to_owned());
    }
    let what = if text.parse::<Ipv6Addr>().is_ok() {
        format!(
            "{} is an IPv6 address, and the link has IPv4 only",
            shown(text)
        )
    } else {
        format!("{} is neither a host name nor an IPv4 address", shown(text))
    };
    Err(Refusal::new(what, expected).meaning(host_meant(text)))
}

/// Labels of letters, digits, dashes and underscores; the last one is not a number, as that of an address is.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    name.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

/// The host of a URL, of `name:port`, of full-width characters, of an address with a prefix length or leading zeros.
fn host_meant(text: &str) -> Option<String> {
    let folded = ascii(text);
    let folded = folded.trim();
    let behind = folded.split_once("://").map_or(folded, |(_, rest)| rest);
    let host = behind.split(['/', '?', '#']).next().unwrap_or(behind);
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = host.split(':').next().unwrap_or(host);
    let host = address_meant(host).unwrap_or_else(|| host.to_owned());
    let good = host != text && (is_host_name(&host) || address(&host).is_ok());
    good.then_some(host)
}

/// The name or number of a group of users.
pub(super) fn group(text: &str) -> Result<String, Refusal> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if (1..=32).contains(&text.len()) && text.chars().all(valid) && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        format!("{} cannot name a group", shown(text)),
        "at most 32 letters, digits, dashes and underscores, e.g. dialout",
    ))
}

/// A folder, by its full path.
pub(super) fn folder(text: &str) -> Result<PathBuf, Refusal> {
    let plain = |part: &str| part != ".." && !part.chars().any(char::is_control);
    if text.starts_with('/') && text.len() <= 1_000 && text.split('/').all(plain) {
        return Ok(PathBuf::from(text));
    }
    Err(Refusal::new(
        format!("{} is not the full path of a folder", shown(text)),
        "e.g. /etc/uplinkd/modems",
    ))
}

/// The name of a network interface (the kernel's rules, and 15 characters).
pub(super) fn interface(text: &str) -> Result<String, Refusal> {
    let valid = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':' | '%');
    if (1..=15).contains(&text.len()) && text.chars().all(valid) && text != "." && text != ".." {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        format!("{} cannot name an interface", shown(text)),
        "1 to 15 characters without blanks and / : %, e.g. ppp0",
    ))
}

/// The rates that Linux has a constant for.
const SPEEDS: [u32; 30] = [
    50, 75, 110, 134, 150, 200, 300, 600, 1_200, 1_800, 2_400, 4_800, 9_600, 19_200, 38_400,
    57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000,
    2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

/// The speed of a tty.
pub(super) fn speed(number: u64) -> Result<u32, Refusal> {
    if let Some(speed) = SPEEDS.iter().find(|speed| u64::from(**speed) == number) {
        return Ok(*speed);
    }
    let nearest = SPEEDS
        .iter()
        .min_by_key(|speed| u64::from(**speed).abs_diff(number));
    let expected = "a rate of serial lines, e.g. 115200 or 460800";
    Err(
        Refusal::new(format!("a tty cannot have the speed {number}"), expected)
            .meaning(nearest.map(ToString::to_string)),
    )
}

/// The text of an LCP Identification packet.
pub(super) fn identification(text: &str) -> Result<String, Refusal> {
    if text.len() <= 200 && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        "the text cannot be sent",
        "at most 200 bytes without control characters",
    ))
}

/// The command that dials.
pub(super) fn dial(text: &str) -> Result<String, Refusal> {
    let expected = "an AT command, e.g. ATDT*99***1#";
    if !text
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("ATD"))
    {
        return Err(Refusal::new(
            format!("{} does not begin with ATD", shown(text)),
            expected,
        ));
    }
    if let Some(bad) = text.chars().find(|c| !matches!(c, ' '..='~')) {
        let what = format!("{} does not belong into an AT command", character(bad));
        return Err(Refusal::new(what, expected));
    }
    if text.len() > 200 {
        return Err(Refusal::new("the command is too long", expected));
    }
    Ok(text.to_owned())
}

/// A character in words.
pub(super) fn character(c: char) -> String {
    match c {
        ' ' => "a blank".to_owned(),
        '"' | '\'' => format!("the quote {c}"),
        '\u{3000}' => "the full-width blank".to_owned(),
        c if c.is_control() => format!("the control character {:#04x}", u32::from(c)),
        c => format!("the character {}", printable(&c.to_string())),
    }
}

/// Full-width letters and digits, as an input method leaves them, in ASCII.
pub(super) fn ascii(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    };
    text.chars().map(narrow).collect()
}

#[cfg(test)]
mod tests;

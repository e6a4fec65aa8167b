//! What a single value may be: checks that both file formats share.
//!
//! Each takes the text (or number) of a value and gives back what it means, or a [`Refusal`] in words.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use super::diagnostic::printable;
use super::{Auth, Device, PdpType};

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

    fn meaning(self, meant: Option<impl Into<String>>) -> Self {
        Self {
            meant: meant.map(Into::into),
            ..self
        }
    }
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

/// A time of day, hh:mm, as minutes after midnight.
pub(super) fn time_of_day(text: &str) -> Result<u16, Refusal> {
    let parse = |text: &str| -> Option<(u16, u16)> {
        let (hours, minutes) = text.split_once(':')?;
        let number = |part: &str| {
            let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        Some((number(hours)?, number(minutes)?)).filter(|(h, m)| *h <= 24 && *m <= 59)
    };
    let folded = ascii(text);
    let found = parse(folded.trim());
    if let Some((hours @ 0..=23, minutes)) = found
        && text.len() == 5
        && folded.trim() == text
    {
        return Ok(hours * 60 + minutes);
    }
    let meant = found.filter(|(h, m)| *h < 24 || *m == 0);
    Err(Refusal::new(
        format!("{} is not a time of day", shown(text)),
        "hh:mm, 00:00 to 23:59",
    )
    .meaning(meant.map(|(h, m)| format!("{:02}:{m:02}", h % 24))))
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
pub(super) fn pin(text: &str) -> Result<(), Refusal> {
    if (4..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
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

/// The modems that the existing system names, and the udev alias that its gateways have for their tty.
const MODELS: [(&str, Option<&str>); 7] = [
    ("LISA-U200", Some("ttyLISA0")),
    ("KYM11", Some("ttyKYM11")),
    ("UM03-KO", Some("ttyUM03KO0")),
    ("AMP520", Some("ttyAMP0")),
    ("AMM570", None),
    ("LN940A", None),
    ("AMM5220", None),
];

/// What is said where the modem's tty is not named.
pub(super) const DEVICE_EXPECTED: &str = "the modem's tty, e.g. /dev/ttyUSB0";

/// `DEVICE`: a model with an alias, the name of a tty, a path.
pub(super) fn device(text: &str) -> Result<Device, Refusal> {
    if text == "AUTO" {
        return Err(Refusal::new(
            "finding the modem does not act yet",
            DEVICE_EXPECTED,
        ));
    }
    if let Some((model, alias)) = MODELS.iter().find(|(model, _)| *model == text) {
        return alias
            .map(|alias| Device::Tty(PathBuf::from(format!("/dev/{alias}"))))
            .ok_or_else(|| {
                Refusal::new(
                    format!("finding the {model} does not act yet"),
                    DEVICE_EXPECTED,
                )
            });
    }
    if text == "-" || text.starts_with("unix:") {
        return Err(Refusal::new(
            format!("{}: a line without a modem does not act yet", shown(text)),
            DEVICE_EXPECTED,
        ));
    }
    let refuse = |what: String| Refusal::new(what, DEVICE_EXPECTED);
    if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace()) {
        return Err(refuse(format!(
            "{} does not belong into the name of a tty",
            character(bad)
        )));
    }
    if text.len() > 1_000 {
        return Err(refuse("the path is too long".to_owned()));
    }
    if text.starts_with('/') {
        if text.ends_with('/') {
            return Err(refuse(format!("{} is a folder, not a tty", shown(text))));
        }
        return Ok(Device::Tty(PathBuf::from(text)));
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refuse(format!(
            "{} is neither a name in /dev nor a full path",
            shown(text)
        )));
    }
    let mut models = MODELS.iter().map(|(model, _)| *model).chain(["AUTO"]);
    if let Some(model) = models.find(|model| model.eq_ignore_ascii_case(text)) {
        return Err(
            refuse(format!("{} is not one of its values", shown(text))).meaning(Some(model))
        );
    }
    Ok(Device::Tty(PathBuf::from(format!("/dev/{text}"))))
}

/// A model that `text`, taken as the name of a tty, was perhaps meant to be.
pub(super) fn nearly_a_model(text: &str) -> Option<&'static str> {
    if text.contains('/') || text.starts_with("tty") || text.len() < 4 {
        return None;
    }
    let text = text.to_ascii_uppercase();
    MODELS
        .iter()
        .map(|(model, _)| (strsim::osa_distance(&text, model), *model))
        .filter(|(distance, _)| (1..=2).contains(distance))
        .min()
        .map(|(_, model)| model)
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

/// `CARRIERID`: 1 to 5, or the five digits of a network.
pub(super) fn carrier(text: &str) -> Result<(), Refusal> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits && (text.len() == 5 || matches!(text, "1" | "2" | "3" | "4" | "5")) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{} is not a carrier", shown(text)),
        "1 to 5, or the five digits of a network, e.g. 44010",
    ))
}

/// The name or the address of a host.
pub(super) fn host(text: &str) -> Result<(), Refusal> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.len() <= 253 && text.chars().all(valid) && !text.starts_with(['-', '.']) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{} is neither a host name nor an IPv4 address", shown(text)),
        "e.g. www.example.jp or 192.0.2.1",
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
fn ascii(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    };
    text.chars().map(narrow).collect()
}

#[cfg(test)]
mod tests;

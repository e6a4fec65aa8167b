//! Reading what a modem answers. Every reader takes any text and gives `None` for what it is not.
//!
//! Sections are those of 3GPP TS 27.007. Unsolicited results stand among the lines, so each reader looks for its own
//! name; quotes, blanks and capitals differ between makers.

use super::info::{MAX_TEXT, Registration, Signal, SimState};

/// Fields that are looked at in one answer.
const MAX_FIELDS: usize = 16;

/// A field of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    text: String,
    quoted: bool,
}

impl Value {
    fn number(&self) -> Option<u32> {
        self.text.trim().parse().ok()
    }
}

/// What `+COPS?` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Operator {
    /// 0: automatic, 1: manual.
    pub(super) mode: Option<u32>,
    /// The name or number, if there is an operator.
    pub(super) name: Option<String>,
    /// Whether it is a number.
    pub(super) numeric: bool,
    /// Access technology in words.
    pub(super) technology: Option<&'static str>,
}

/// A context as `+CGDCONT` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) cid: u32,
    pub(super) pdp_type: String,
    pub(super) apn: String,
}

impl Context {
    /// Of the command `AT+CGDCONT=1,"IP","apn"`.
    pub(super) fn of_command(command: &str) -> Option<Self> {
        let (_, values) = command.split_once('=')?;
        let name = command.get(..11)?;
        if !name.eq_ignore_ascii_case("AT+CGDCONT=") {
            return None;
        }
        Self::of(&split(values))
    }

    fn of(values: &[Value]) -> Option<Self> {
        match values {
            [cid, pdp_type, apn, ..] => Some(Self {
                cid: cid.number()?,
                pdp_type: pdp_type.text.clone(),
                apn: apn.text.clone(),
            }),
            _ => None,
        }
    }

    /// Whether the modem has what is wanted. Some modems put the operator's domain behind the APN (3GPP TS 23.003
    /// section 9.1: `.mnc010.mcc440.gprs`).
    pub(super) fn has(&self, wanted: &Self) -> bool {
        let apn = self.apn.to_ascii_lowercase();
        let wanted_apn = wanted.apn.to_ascii_lowercase();
        let behind = apn.strip_prefix(&wanted_apn);
        self.cid == wanted.cid
            && self.pdp_type.eq_ignore_ascii_case(&wanted.pdp_type)
            && behind.is_some_and(|text| text.is_empty() || text.starts_with(".mnc"))
    }
}

/// Section 8.3: `+CPIN`.
pub(super) fn sim_state(lines: &[String]) -> Option<SimState> {
    let values = last(lines, "+CPIN:")?;
    let text = values.first()?.text.trim().to_ascii_uppercase();
    match text.as_str() {
        "READY" | "SIM PIN2" | "SIM PUK2" => Some(SimState::Ready),
        "SIM PIN" => Some(SimState::Pin),
        "SIM PUK" => Some(SimState::Puk),
        "NOT INSERTED" | "NOT READY" | "SIM NOT INSERTED" => Some(SimState::Absent),
        "" => None,
        _ => Some(SimState::Locked),
    }
}

/// What `+CPIN` says, for a person.
pub(super) fn sim_words(lines: &[String]) -> Option<String> {
    last(lines, "+CPIN:").and_then(|values| short(&values.first()?.text))
}

/// What a `+CME ERROR` (section 9.2) says of the SIM.
pub(super) fn sim_state_of_error(code: Option<u16>) -> Option<SimState> {
    match code? {
        10 => Some(SimState::Absent),
        11 => Some(SimState::Pin),
        12 => Some(SimState::Puk),
        13 | 15 => Some(SimState::Failure),
        14 => Some(SimState::Busy),
        17 | 18 => Some(SimState::Ready),
        5..=7 | 40..=48 => Some(SimState::Locked),
        _ => None,
    }
}

/// Sections 7.2, 10.1.20 and 10.1.22: `+CREG`, `+CGREG`, `+CEREG` as `name`, both the answer to a question
/// (`n,stat,..`) and the unsolicited result (`stat,..`).
pub(super) fn registration(
    lines: &[String],
    name: &str,
) -> Option<(Registration, Option<&'static str>)> {
    let mut found = None;
    for line in lines {
        let Some(values) = fields(line, name) else {
            continue;
        };
        let number = |at: usize| {
            let value = values.get(at).filter(|value| !value.quoted)?;
            value.number().filter(|_| value.text.trim().len() <= 2)
        };
        let (at, answer) = match number(1) {
            Some(_) => (1, true),
            None => (0, false),
        };
        let Some(state) = number(at).and_then(registration_of) else {
            continue;
        };
        let technology = number(at + 3).and_then(technology);
        if answer || found.is_none() {
            found = Some((state, technology));
        }
    }
    found
}

fn registration_of(state: u32) -> Option<Registration> {
    match state {
        0 => Some(Registration::NotSearching),
        // 9, 10: registered, and CS fallback is not preferred.
        1 | 9 => Some(Registration::Home),
        2 => Some(Registration::Searching),
        3 => Some(Registration::Denied),
        4 => Some(Registration::Unknown),
        5 | 10 => Some(Registration::Roaming),
        6 | 7 => Some(Registration::SmsOnly),
        8 => Some(Registration::EmergencyOnly),
        _ => None,
    }
}

/// Section 7.3.
fn technology(number: u32) -> Option<&'static str> {
    match number {
        0 | 1 | 3 | 8 => Some("GSM"),
        2 | 4..=6 => Some("UTRAN"),
        7 | 9 => Some("E-UTRAN"),
        10..=13 => Some("NR"),
        _ => None,
    }
}

/// Section 8.5: `+CSQ`.
pub(super) fn signal(lines: &[String]) -> Option<Signal> {
    let values = last(lines, "+CSQ:")?;
    let number = i16::try_from(values.first()?.number()?).ok()?;
    match number {
        0..=31 => Some(Signal {
            dbm: -113 + 2 * number,
        }),
        // TD-SCDMA.
        100..=191 => Some(Signal {
            dbm: -116 + (number - 100),
        }),
        _ => None,
    }
}

/// Section 7.3: `+COPS?`.
pub(super) fn operator(lines: &[String]) -> Option<Operator> {
    let values = last(lines, "+COPS:")?;
    let number = |at: usize| values.get(at).and_then(Value::number);
    let name = values.get(2).and_then(|value| short(&value.text));
    let numeric = number(1) == Some(2)
        || name.as_ref().is_some_and(|name| {
            matches!(name.len(), 5 | 6) && name.bytes().all(|byte| byte.is_ascii_digit())
        });
    Some(Operator {
        mode: number(0),
        name,
        numeric,
        technology: number(3).and_then(technology),
    })
}

/// Section 8.2: `+CFUN?`.
pub(super) fn functionality(lines: &[String]) -> Option<u32> {
    last(lines, "+CFUN:")?.first()?.number()
}

/// Section 10.1.1: the contexts of `+CGDCONT?`.
pub(super) fn contexts(lines: &[String]) -> Vec<Context> {
    lines
        .iter()
        .filter_map(|line| fields(line, "+CGDCONT:"))
        .filter_map(|values| Context::of(&values))
        .take(MAX_FIELDS)
        .collect()
}

/// The SIM's number (ITU-T E.118: it begins with 89), whatever its command: `+CCID: "89.."`, `^ICCID: 89..`, `89..F`.
pub(super) fn iccid(lines: &[String]) -> Option<String> {
    lines.iter().find_map(|line| {
        let text = line.split_once(':').map_or(line.as_str(), |(_, text)| text);
        let text = text.trim().trim_matches('"').trim();
        let digits = text.trim_end_matches(['F', 'f']);
        let fits = (18..=20).contains(&digits.len())
            && text.len() <= 22
            && digits.starts_with("89")
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| digits.to_owned())
    })
}

/// PIN tries left: `+CSIM: 4,"63C3"` (ETSI TS 102 221 section 11.1.9), `+UPINCNT: 3,..`, `+CPINC: 3,..`, `#PCT: 3`,
/// `+QPINC: "SC",3,10`, `^CPIN: READY,,10,3,10,3`.
pub(super) fn pin_tries(lines: &[String]) -> Option<u8> {
    if let Some(values) = last(lines, "+CSIM:") {
        let status = values.get(1)?.text.trim().to_ascii_uppercase();
        let status = status.get(status.len().checked_sub(4)?..)?.to_owned();
        return match status.strip_prefix("63C") {
            Some(left) => u8::from_str_radix(left, 16).ok(),
            // Blocked.
            None => (status == "6983").then_some(0),
        };
    }
    let known = [
        ("+QPINC:", 1),
        ("^CPIN:", 3),
        ("+UPINCNT:", 0),
        ("+CPINC:", 0),
        ("+SPIC:", 0),
        ("^SPIC:", 0),
        ("#PCT:", 0),
    ];
    known
        .iter()
        .find_map(|(name, at)| last(lines, name)?.get(*at)?.number())
        .and_then(|left| u8::try_from(left).ok())
        .filter(|left| *left <= 10)
}

/// The one line of text that `+CGMI`, `+CGMM`, `+CGMR`, `+CGSN` answer with: with or without their name before it.
pub(super) fn text(lines: &[String], name: &str) -> Option<String> {
    let named = lines
        .iter()
        .find_map(|line| Some(strip_name(line, name)?.to_owned()));
    let bare = || {
        lines
            .iter()
            .find(|line| !is_unsolicited(line))
            .map(String::to_owned)
    };
    short(&named.or_else(bare)?)
}

/// 14 to 16 digits: an IMEI, with or without its check digit, or with its version.
pub(super) fn imei(lines: &[String]) -> Option<String> {
    let named = lines
        .iter()
        .map(|line| strip_name(line, "+CGSN:").unwrap_or(line));
    named
        .map(|text| text.trim().trim_matches('"'))
        .find(|text| {
            (14..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        })
        .map(str::to_owned)
}

/// `Manufacturer: ..` and `Model: ..` of `ATI`.
pub(super) fn identification(lines: &[String]) -> (Option<String>, Option<String>) {
    let find = |name: &str| {
        lines
            .iter()
            .find_map(|line| strip_name(line, name))
            .and_then(short)
    };
    (find("Manufacturer:"), find("Model:"))
}

/// A text for the status: printable, without quotes and blanks around it, not longer than [`MAX_TEXT`].
pub(super) fn short(text: &str) -> Option<String> {
    let text = text.trim().trim_matches('"').trim();
    let text: String = text
        .chars()
        .filter(|c| *c == ' ' || c.is_ascii_graphic())
        .take(MAX_TEXT)
        .collect();
    Some(text).filter(|text| !text.is_empty())
}

/// Whether a line begins as an unsolicited result does, or is one of those that modems say when they start.
fn is_unsolicited(line: &str) -> bool {
    const WORDS: [&str; 8] = [
        "RING",
        "RDY",
        "PB DONE",
        "SMS DONE",
        "SMS READY",
        "CALL READY",
        "NORMAL POWER DOWN",
        "READY",
    ];
    line.starts_with(['+', '^', '*', '%', '$', '#'])
        || WORDS
            .iter()
            .any(|word| line.trim().eq_ignore_ascii_case(word))
}

/// The values of the last line with this name.
/// Whether a modem that was asked for a setting says that it has what `command` (`AT+URAT=2`) would set. The answer has the
/// command's name and the same values in the same places; it may leave out the last, which often only says when it is to
/// act, and have more.
pub(super) fn has_setting(lines: &[String], command: &str) -> bool {
    let Some((name, wanted)) = command.split_once('=') else {
        return false;
    };
    let Some((_, name)) = name.split_at_checked(2) else {
        return false;
    };
    let mut wanted = split(wanted);
    while wanted.last().is_some_and(|value| value.text.is_empty()) {
        wanted.pop();
    }
    let Some(found) = last(lines, &format!("{name}:")) else {
        return false;
    };
    // A name of a setting in quotes is not its value.
    let names = usize::from(wanted.len() > 1 && wanted.first().is_some_and(|value| value.quoted));
    let least = wanted.len().saturating_sub(1).max(names + 1);
    let same = wanted.iter().zip(&found).all(|(wanted, found)| {
        let equal = wanted.text.eq_ignore_ascii_case(&found.text);
        equal
            || wanted
                .number()
                .is_some_and(|number| found.number() == Some(number))
    });
    same && found.len() >= least
}

fn last(lines: &[String], name: &str) -> Option<Vec<Value>> {
    lines.iter().rev().find_map(|line| fields(line, name))
}

fn fields(line: &str, name: &str) -> Option<Vec<Value>> {
    strip_name(line, name).map(split)
}

fn strip_name<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let line = line.trim_start();
    let (start, rest) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

/// At the commas outside of quotes.
fn split(text: &str) -> Vec<Value> {
    let mut values = Vec::new();
    let mut value = String::new();
    let (mut inside, mut quoted) = (false, false);
    for c in text.chars() {
        match c {
            '"' => {
                inside = !inside;
                quoted = true;
            }
            ',' if !inside => {
                values.push(Value {
                    text: std::mem::take(&mut value).trim().to_owned(),
                    quoted: std::mem::take(&mut quoted),
                });
                if values.len() >= MAX_FIELDS {
                    return values;
                }
            }
            c => value.push(c),
        }
    }
    values.push(Value {
        text: value.trim().to_owned(),
        quoted,
    });
    values
}

#[cfg(test)]
mod tests;

//! The simulated modem's command set: one command line in, its answer out (3GPP TS 27.007, ITU-T
//! V.250).
//!
//! It knows what a PPP dialer and a registration check ask of a modem, and a bit more. Everything
//! else is ERROR, as with any modem. Contexts outlive ATZ, as in real modems.

use std::collections::BTreeMap;

/// Highest context that can be defined.
const LAST_CONTEXT: u8 = 16;
/// Longest context definition kept, in bytes.
const LONGEST_CONTEXT: usize = 200;

/// What commands can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// `E`: characters are echoed.
    pub(super) echo: bool,
    /// `V`: results are words.
    pub(super) verbose: bool,
    /// `Q`: no results at all.
    pub(super) quiet: bool,
    /// `X`: 0 hides the speed after CONNECT.
    pub(super) extended_results: bool,
    /// `&D`: what DTR does. 0 nothing, 1 command mode, 2 hang up.
    pub(super) dtr: u8,
    /// `+CMEE`: 0 ERROR, 1 number, 2 words.
    cmee: u8,
    /// `+CREG`, `+CGREG`, `+CEREG`.
    registration: [u8; 3],
    /// `+COPS` format.
    operator_format: u8,
    /// `+CFUN`.
    functionality: u8,
    /// Context definitions as they were given, behind the number.
    contexts: BTreeMap<u8, String>,
    /// `+CEER`.
    pub(super) last_failure: &'static str,
}

/// The answer to a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Information lines before the result.
    pub(super) lines: Vec<String>,
    /// The result.
    pub(super) outcome: Outcome,
}

/// How a command line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// OK.
    Ok,
    /// ERROR or +CME ERROR, as text.
    Error(String),
    /// The call is to be dialed.
    Dial(String),
    /// `H` or `Z`: the call, if there is one, ends; then OK.
    HangUp,
    /// `O`: back to data mode.
    Online,
    /// OK, and then the modem restarts.
    Restart,
}

impl Default for Settings {
    fn default() -> Self {
        let contexts = BTreeMap::from([(1, "\"IP\",\"\",\"0.0.0.0\",0,0".to_owned())]);
        Self {
            echo: true,
            verbose: true,
            quiet: false,
            extended_results: true,
            dtr: 2,
            cmee: 0,
            registration: [0; 3],
            operator_format: 0,
            functionality: 1,
            contexts,
            last_failure: "No report available",
        }
    }
}

impl Settings {
    /// Back to the defaults, contexts kept.
    pub(super) fn reset(&mut self) {
        let contexts = std::mem::take(&mut self.contexts);
        *self = Self {
            contexts,
            last_failure: self.last_failure,
            ..Self::default()
        };
    }

    /// Runs what stands behind `AT`.
    pub(super) fn execute(&mut self, line: &str, in_call: bool) -> Answer {
        let mut lines = Vec::new();
        let mut outcome = Outcome::Ok;
        let mut rest = line;
        loop {
            rest = rest.trim_start_matches([' ', ';']);
            if rest.is_empty() {
                return Answer { lines, outcome };
            }
            let Some((command, tail)) = Command::parse(rest) else {
                return Answer {
                    lines,
                    outcome: Outcome::Error("ERROR".to_owned()),
                };
            };
            rest = tail;
            match self.run(&command, in_call, &mut lines) {
                Ok(Outcome::Ok) => {}
                Ok(other) => outcome = other,
                Err(code) => {
                    return Answer {
                        lines,
                        outcome: Outcome::Error(self.error(code)),
                    };
                }
            }
            match outcome {
                // Whatever stands behind a dial string belongs to it, and nothing follows ATO or a
                // restart.
                Outcome::Dial(_) | Outcome::Online | Outcome::Restart => {
                    return Answer { lines, outcome };
                }
                Outcome::Ok | Outcome::HangUp | Outcome::Error(_) => {}
            }
        }
    }

    /// `+CME ERROR` or ERROR, as `+CMEE` wants it.
    fn error(&self, code: u16) -> String {
        match (self.cmee, code) {
            (0, _) | (_, 0) => "ERROR".to_owned(),
            (2, code) => format!("+CME ERROR: {}", words(code)),
            (_, code) => format!("+CME ERROR: {code}"),
        }
    }

    /// The call's failure that a fault wants: the modem tells its number whatever `+CMEE` says, or
    /// its words.
    pub(super) fn call_error(&self, code: u16) -> String {
        if self.cmee == 2 {
            format!("+CME ERROR: {}", words(code))
        } else {
            format!("+CME ERROR: {code}")
        }
    }

    fn run(
        &mut self,
        command: &Command<'_>,
        in_call: bool,
        lines: &mut Vec<String>,
    ) -> Result<Outcome, u16> {
        match command {
            Command::Dial(_) if in_call => Err(0),
            Command::Dial(number) => Ok(Outcome::Dial((*number).to_owned())),
            Command::Basic {
                prefix,
                letter,
                number,
            } => self.basic(*prefix, *letter, *number, lines),
            Command::Register => Ok(Outcome::Ok),
            Command::ReadRegister => {
                lines.push("000".to_owned());
                Ok(Outcome::Ok)
            }
            Command::Extended { name, form } => self.extended(name, *form, in_call, lines),
        }
    }

    fn basic(
        &mut self,
        prefix: Option<char>,
        letter: char,
        number: u32,
        lines: &mut Vec<String>,
    ) -> Result<Outcome, u16> {
        match (prefix, letter, number) {
            (None, 'E', 0 | 1) => self.echo = number == 1,
            (None, 'V', 0 | 1) => self.verbose = number == 1,
            (None, 'Q', 0 | 1) => self.quiet = number == 1,
            (None, 'X', 0..=4) => self.extended_results = number != 0,
            (None, 'H', 0) => return Ok(Outcome::HangUp),
            (None, 'Z', 0 | 1) => {
                self.reset();
                return Ok(Outcome::HangUp);
            }
            (None, 'O', _) => return Ok(Outcome::Online),
            (None, 'I', _) => lines.extend(
                [
                    "Manufacturer: uplinkd",
                    "Model: SIM-1",
                    "Revision: 1.0",
                    "IMEI: 490154203237518",
                ]
                .map(str::to_owned),
            ),
            (Some('&'), 'F', 0) => self.reset(),
            (Some('&'), 'D', 0..=2) => self.dtr = u8::try_from(number).unwrap_or(2),
            (None, 'L' | 'M' | 'P' | 'T', _) | (Some('&'), 'C' | 'K' | 'S' | 'W', _) => {}
            (Some('\\'), 'Q', _) => {}
            _ => return Err(0),
        }
        Ok(Outcome::Ok)
    }

    fn extended(
        &mut self,
        name: &str,
        form: Form<'_>,
        in_call: bool,
        lines: &mut Vec<String>,
    ) -> Result<Outcome, u16> {
        match (name, form) {
            ("+CGDCONT", form) => self.context(form, lines)?,
            ("+CPIN", Form::Read) => lines.push("+CPIN: READY".to_owned()),
            ("+CPIN", Form::Set(_)) => return Err(3),
            ("+CSQ", Form::Run) => lines.push("+CSQ: 18,99".to_owned()),
            ("+CREG", form) => self.registration(0, "+CREG", form, lines)?,
            ("+CGREG", form) => self.registration(1, "+CGREG", form, lines)?,
            ("+CEREG", form) => self.registration(2, "+CEREG", form, lines)?,
            ("+COPS", Form::Read) => lines.push(match self.operator_format {
                2 => "+COPS: 0,2,\"00101\",7".to_owned(),
                _ => "+COPS: 0,0,\"uplinkd sim\",7".to_owned(),
            }),
            ("+COPS", Form::Set(value)) => {
                let mut fields = value.split(',').map(str::trim);
                if fields.next() == Some("3") {
                    self.operator_format =
                        digit(fields.next().unwrap_or_default(), 2).ok_or(50_u16)?;
                }
            }
            ("+CGMI", Form::Run) => lines.push("uplinkd".to_owned()),
            ("+CGMM", Form::Run) => lines.push("SIM-1".to_owned()),
            ("+CGMR", Form::Run) => lines.push("1.0".to_owned()),
            ("+CGSN", Form::Run) => lines.push("490154203237518".to_owned()),
            ("+CIMI", Form::Run) => lines.push("001010123456789".to_owned()),
            ("+CCID", Form::Run | Form::Read) => {
                lines.push("+CCID: 8988211000000000018".to_owned())
            }
            ("+CFUN", Form::Read) => lines.push(format!("+CFUN: {}", self.functionality)),
            ("+CFUN", Form::Set("1,1" | "16")) | ("^RESET", Form::Run) => {
                return Ok(Outcome::Restart);
            }
            ("+CFUN", Form::Set(value)) => self.functionality = digit(value, 4).ok_or(50_u16)?,
            ("+CMEE", Form::Read) => lines.push(format!("+CMEE: {}", self.cmee)),
            ("+CMEE", Form::Set(value)) => self.cmee = digit(value, 2).ok_or(50_u16)?,
            ("+CEER", Form::Run) => lines.push(format!("+CEER: {}", self.last_failure)),
            ("+CGATT", Form::Read) => lines.push("+CGATT: 1".to_owned()),
            ("+CGATT", Form::Set("0" | "1")) | ("+CGACT", Form::Set(_)) => {}
            ("+CGACT", Form::Read) => {
                let active = u8::from(in_call);
                lines.extend(
                    self.contexts
                        .keys()
                        .map(|cid| format!("+CGACT: {cid},{active}")),
                );
            }
            ("+CPAS", Form::Run) => lines.push(format!("+CPAS: {}", if in_call { 4 } else { 0 })),
            ("+GCAP", Form::Run) => lines.push("+GCAP: +CGSM".to_owned()),
            ("+FCLASS" | "+IFC" | "+IPR" | "+CRC", Form::Set(_)) => {}
            _ => return Err(4),
        }
        Ok(Outcome::Ok)
    }

    /// `+CGDCONT` (3GPP TS 27.007 section 10.1.1).
    fn context(&mut self, form: Form<'_>, lines: &mut Vec<String>) -> Result<(), u16> {
        match form {
            Form::Read => {
                let text = |(cid, context): (&u8, &String)| format!("+CGDCONT: {cid},{context}");
                lines.extend(self.contexts.iter().map(text));
            }
            Form::Test => {
                lines.push(format!("+CGDCONT: (1-{LAST_CONTEXT}),\"IP\",,,(0),(0)"));
            }
            Form::Run => return Err(50),
            Form::Set(value) => {
                let (cid, context) = match value.split_once(',') {
                    Some((cid, context)) => (cid, Some(context)),
                    None => (value, None),
                };
                let cid = digit(cid, LAST_CONTEXT)
                    .filter(|cid| *cid > 0)
                    .ok_or(50_u16)?;
                match context {
                    Some(context) if context.len() <= LONGEST_CONTEXT => {
                        self.contexts.insert(cid, context.to_owned());
                    }
                    Some(_) => return Err(50),
                    None => {
                        self.contexts.remove(&cid);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a call can use this context.
    pub(super) fn has_context(&self, cid: u8) -> bool {
        self.contexts.contains_key(&cid)
    }

    fn registration(
        &mut self,
        which: usize,
        name: &str,
        form: Form<'_>,
        lines: &mut Vec<String>,
    ) -> Result<(), u16> {
        let mode = self.registration.get_mut(which).ok_or(4_u16)?;
        match form {
            Form::Read if *mode == 2 => {
                lines.push(format!("{name}: 2,1,\"0166\",\"01A2B3C4\",7"));
            }
            Form::Read => lines.push(format!("{name}: {mode},1")),
            Form::Test => lines.push(format!("{name}: (0-2)")),
            Form::Set(value) => *mode = digit(value, 2).ok_or(50_u16)?,
            Form::Run => return Err(50),
        }
        Ok(())
    }
}

/// A command line for the log: what other commands than these set may be a password or a PIN.
pub(super) fn without_secrets(line: &str) -> String {
    const HARMLESS: [&str; 7] = [
        "+CGDCONT", "+CFUN", "+CMEE", "+CREG", "+CGREG", "+CEREG", "+COPS",
    ];
    let mut shown = String::new();
    for part in line.split_inclusive(';') {
        let Some((name, _)) = part.split_once('=') else {
            shown.push_str(part);
            continue;
        };
        let upper = name.to_ascii_uppercase();
        if upper.starts_with("ATS") || HARMLESS.iter().any(|command| upper.ends_with(command)) {
            shown.push_str(part);
        } else {
            // A semicolon may belong to the password: nothing behind it is shown either.
            shown.push_str(name);
            shown.push_str("=<hidden>");
            break;
        }
    }
    shown
}

/// A number up to `last`.
fn digit(text: &str, last: u8) -> Option<u8> {
    text.trim().parse().ok().filter(|n| *n <= last)
}

/// 3GPP TS 27.007 section 9.2, what this modem says itself or is told to say.
fn words(code: u16) -> String {
    let text = match code {
        3 => "operation not allowed",
        4 => "operation not supported",
        10 => "SIM not inserted",
        11 => "SIM PIN required",
        12 => "SIM PUK required",
        13 => "SIM failure",
        14 => "SIM busy",
        30 => "no network service",
        31 => "network timeout",
        50 => "incorrect parameters",
        107 => "GPRS services not allowed",
        111 => "PLMN not allowed",
        133 => "requested service option not subscribed",
        148 => "unspecified GPRS error",
        149 => "PDP authentication failure",
        _ => return code.to_string(),
    };
    text.to_owned()
}

/// One command of a line.
#[derive(Debug, PartialEq, Eq)]
enum Command<'a> {
    /// `D...`
    Dial(&'a str),
    /// `E0`, `&F`, `\Q3`.
    Basic {
        prefix: Option<char>,
        letter: char,
        number: u32,
    },
    /// `S7=60`
    Register,
    /// `S7?`
    ReadRegister,
    /// `+CSQ`, `^RESET`.
    Extended { name: String, form: Form<'a> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form<'a> {
    Run,
    Read,
    Test,
    Set(&'a str),
}

impl<'a> Command<'a> {
    /// The first command of `text`, and what follows it.
    fn parse(text: &'a str) -> Option<(Self, &'a str)> {
        let mut chars = text.chars();
        let first = chars.next()?.to_ascii_uppercase();
        match first {
            'D' => Some((Self::Dial(chars.as_str()), "")),
            'S' => {
                let (_, rest) = split_digits(chars.as_str());
                if let Some(rest) = rest.strip_prefix('?') {
                    return Some((Self::ReadRegister, rest));
                }
                let (_, rest) = split_digits(rest.strip_prefix('=')?);
                Some((Self::Register, rest))
            }
            '&' | '\\' => {
                let letter = chars.next()?.to_ascii_uppercase();
                let (number, rest) = split_digits(chars.as_str());
                Some((
                    Self::Basic {
                        prefix: Some(first),
                        letter,
                        number,
                    },
                    rest,
                ))
            }
            'A'..='Z' => {
                let (number, rest) = split_digits(chars.as_str());
                Some((
                    Self::Basic {
                        prefix: None,
                        letter: first,
                        number,
                    },
                    rest,
                ))
            }
            '+' | '^' | '$' | '#' | '*' | '%' | '@' | '!' => Some(Self::parse_extended(text)),
            _ => None,
        }
    }

    fn parse_extended(text: &'a str) -> (Self, &'a str) {
        // A command ends at a semicolon outside of quotes.
        let mut quoted = false;
        let end = text.find(|c| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let (command, rest) = end
            .and_then(|at| text.split_at_checked(at))
            .unwrap_or((text, ""));
        let end = command.find(['=', '?']).unwrap_or(command.len());
        let (name, suffix) = command.split_at_checked(end).unwrap_or((command, ""));
        let form = match suffix {
            "" => Form::Run,
            "?" => Form::Read,
            "=?" => Form::Test,
            _ => Form::Set(suffix.trim_start_matches('=').trim()),
        };
        (
            Self::Extended {
                name: name.trim().to_ascii_uppercase(),
                form,
            },
            rest,
        )
    }
}

/// Leading digits as a number (0 if there are none), and the rest.
fn split_digits(text: &str) -> (u32, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or(("", text));
    (digits.parse().unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests;

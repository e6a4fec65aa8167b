//! The simulated modem's command set: one command line in, its answer out (3GPP TS 27.007, ITU-T
//! V.250).
//!
//! It knows what a PPP dialer and a registration check ask of a modem, and a bit more. Everything
//! else is ERROR, as with any modem. What all ports share is in [`Device`], which runs most commands;
//! here are those that concern one port.

use std::time::Duration;

use super::device::Device;

/// How long a command takes.
const COMMAND_TIME: Duration = Duration::from_millis(5);
/// How long ATZ takes.
const RESET_TIME: Duration = Duration::from_millis(50);

/// What commands can set on one port.
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
    pub(super) registration: [u8; 3],
    /// `+COPS` format.
    pub(super) operator_format: u8,
}

/// The answer to a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Information lines before the result.
    pub(super) lines: Vec<String>,
    /// The result.
    pub(super) outcome: Outcome,
    /// How long it takes.
    pub(super) time: Duration,
}

impl Answer {
    /// ERROR.
    pub(super) fn error() -> Self {
        Self {
            lines: Vec::new(),
            outcome: Outcome::Error("ERROR".to_owned()),
            time: COMMAND_TIME,
        }
    }
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
    /// The same, and there is a call already: ERROR.
    DialInCall,
    /// `H` or `Z`: the call, if there is one, ends; then OK.
    HangUp,
    /// `O`: back to data mode.
    Online,
    /// OK, and then the modem restarts.
    Restart,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            echo: true,
            verbose: true,
            quiet: false,
            extended_results: true,
            dtr: 2,
            cmee: 0,
            registration: [0; 3],
            operator_format: 0,
        }
    }
}

impl Settings {
    /// Runs what stands behind `AT`.
    pub(super) fn execute(&mut self, device: &mut Device, line: &str, in_call: bool) -> Answer {
        let mut answer = Answer {
            lines: Vec::new(),
            outcome: Outcome::Ok,
            time: COMMAND_TIME,
        };
        let mut rest = line;
        loop {
            rest = rest.trim_start_matches([' ', ';']);
            if rest.is_empty() {
                return answer;
            }
            let Some((command, tail)) = Command::parse(rest) else {
                answer.outcome = Outcome::Error("ERROR".to_owned());
                return answer;
            };
            rest = tail;
            match self.run(device, &command, in_call, &mut answer) {
                Ok(Outcome::Ok) => {}
                Ok(other) => answer.outcome = other,
                Err(code) => {
                    answer.outcome = Outcome::Error(self.error(code));
                    return answer;
                }
            }
            match answer.outcome {
                // Whatever stands behind a dial string belongs to it, and nothing follows ATO or a
                // restart.
                Outcome::Dial(_) | Outcome::DialInCall | Outcome::Online | Outcome::Restart => {
                    return answer;
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
        device: &mut Device,
        command: &Command<'_>,
        in_call: bool,
        answer: &mut Answer,
    ) -> Result<Outcome, u16> {
        match command {
            Command::Dial(_) if in_call => Ok(Outcome::DialInCall),
            Command::Dial(number) => {
                device.card.ready()?;
                Ok(Outcome::Dial((*number).to_owned()))
            }
            Command::Basic {
                prefix,
                letter,
                number,
            } => self.basic(device, (*prefix, *letter, *number), answer),
            Command::Register => Ok(Outcome::Ok),
            Command::ReadRegister => {
                answer.lines.push("000".to_owned());
                Ok(Outcome::Ok)
            }
            Command::Extended { name, form } => {
                if name == "+CMEE" {
                    return self.cmee(*form, &mut answer.lines);
                }
                let command = (name.as_str(), *form);
                device.extended(self, command, in_call, &mut answer.lines, &mut answer.time)
            }
        }
    }

    fn basic(
        &mut self,
        device: &Device,
        command: (Option<char>, char, u32),
        answer: &mut Answer,
    ) -> Result<Outcome, u16> {
        let (_, _, number) = command;
        match command {
            (None, 'E', 0 | 1) => self.echo = number == 1,
            (None, 'V', 0 | 1) => self.verbose = number == 1,
            (None, 'Q', 0 | 1) => self.quiet = number == 1,
            (None, 'X', 0..=4) => self.extended_results = number != 0,
            (None, 'H', 0) => return Ok(Outcome::HangUp),
            (None, 'Z', 0 | 1) => {
                *self = Self::default();
                answer.time = RESET_TIME;
                return Ok(Outcome::HangUp);
            }
            (None, 'O', _) => return Ok(Outcome::Online),
            (None, 'I', _) => answer.lines.extend(device.identity()),
            (Some('&'), 'F', 0) => *self = Self::default(),
            (Some('&'), 'D', 0..=2) => self.dtr = u8::try_from(number).unwrap_or(2),
            (None, 'L' | 'M' | 'P' | 'T', _) | (Some('&'), 'C' | 'K' | 'S' | 'W', _) => {}
            (Some('\\'), 'Q', _) => {}
            _ => return Err(0),
        }
        Ok(Outcome::Ok)
    }

    fn cmee(&mut self, form: Form<'_>, lines: &mut Vec<String>) -> Result<Outcome, u16> {
        match form {
            Form::Read => lines.push(format!("+CMEE: {}", self.cmee)),
            Form::Set(value) => self.cmee = digit(value, 2).ok_or(50_u16)?,
            Form::Run | Form::Test => return Err(4),
        }
        Ok(Outcome::Ok)
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
pub(super) fn digit(text: &str, last: u8) -> Option<u8> {
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
        16 => "incorrect password",
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

/// How an extended command is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
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

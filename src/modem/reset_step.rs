//! A [`ResetStep`] as profiles and uplinkd.toml write it: an inline table of TOML (spec S2).
//!
//! ```toml
//! steps = [
//!     { at = "AT+CFUN=16" },
//!     { led = "Mobile_RESETN", on = 0.6 },
//!     { gpio = "Mobile_RESET_N", chip = "/dev/gpiochip0", active_low = true, pulse = 1.0 },
//!     { usb = "authorized" },
//!     { usb = "port-power", off = "5s" },
//!     { write = "/sys/class/gpio/gpio5/value", value = "0", then = "1", after = 2 },
//!     { command = ["/usr/local/sbin/reset-modem", "fast"] },
//! ]
//! ```
//!
//! The key that says what kind of step it is stands for itself; the others belong to it. serde takes the table apart, and
//! each problem is an error of the form `what is wrong, expected what would be right` at the value's place. A step is
//! checked for form only: whether there is a LED of that name shows when it is used. Restarting the host is no step that a
//! file can list: the configuration has a switch of its own for it.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::profile::ResetStep;
use crate::time::seconds_of;

/// Longest AT command, path, or word of a command, in bytes.
const MAX_TEXT: usize = 1_000;

/// Most words of a command.
const MAX_WORDS: usize = 64;

/// How long a GPIO line is pulsed.
const PULSE: Duration = Duration::from_secs(1);

/// How long a USB port is without power.
const OFF: Duration = Duration::from_secs(5);

/// Between two values written to a file.
const AFTER: Duration = Duration::from_secs(1);

/// What one of the kinds must be.
const KINDS: &str = "one of at, led, gpio, usb, write and command, e.g. { at = \"AT+CFUN=16\" }";

/// The table as it stands. Every key is known here; which belong together is judged afterwards.
#[derive(Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a step in braces, e.g. { at = \"AT+CFUN=16\" }"
)]
struct Table {
    at: Option<Command>,
    led: Option<LedName>,
    on: Option<Time<10, 60_000>>,
    gpio: Option<GpioLine>,
    chip: Option<Chip>,
    active_low: Option<bool>,
    pulse: Option<Time<10, 60_000>>,
    usb: Option<UsbWay>,
    off: Option<Time<100, 600_000>>,
    write: Option<AbsolutePath>,
    value: Option<Text>,
    then: Option<Text>,
    after: Option<Time<0, 600_000>>,
    command: Option<Vec<Text>>,
}

impl<'de> Deserialize<'de> for ResetStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Step;

        impl<'de> Visitor<'de> for Step {
            type Value = ResetStep;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{KINDS}")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<ResetStep, D::Error> {
                Table::deserialize(deserializer)?
                    .judge()
                    .map_err(D::Error::custom)
            }
        }

        // Not the table itself is asked for, so that what is wrong with it as a whole gets its place, also in a list.
        deserializer.deserialize_newtype_struct("ResetStep", Step)
    }
}

impl Table {
    fn judge(self) -> Result<ResetStep, String> {
        let kinds = [
            ("at", self.at.is_some(), &[][..]),
            ("led", self.led.is_some(), &["on"]),
            (
                "gpio",
                self.gpio.is_some(),
                &["chip", "active_low", "pulse"],
            ),
            ("usb", self.usb.is_some(), &["off"]),
            ("write", self.write.is_some(), &["value", "then", "after"]),
            ("command", self.command.is_some(), &[]),
        ];
        let mut said = kinds.iter().filter(|(_, is_said, _)| *is_said);
        let (kind, own) = match (said.next(), said.next()) {
            (Some((kind, _, own)), None) => (*kind, *own),
            (None, _) => {
                return Err(format!(
                    "the step does not say what is to be done, expected {KINDS}"
                ));
            }
            (Some((first, ..)), Some((second, ..))) => {
                return Err(format!(
                    "{first} and {second} are two steps, expected each in braces of its own"
                ));
            }
        };
        let others = [
            ("on", self.on.is_some()),
            ("chip", self.chip.is_some()),
            ("active_low", self.active_low.is_some()),
            ("pulse", self.pulse.is_some()),
            ("off", self.off.is_some()),
            ("value", self.value.is_some()),
            ("then", self.then.is_some()),
            ("after", self.after.is_some()),
        ];
        for (key, is_said) in others {
            if is_said && !own.contains(&key) {
                return Err(format!(
                    "{key} does not belong to a step of the kind {kind}, expected {}",
                    if own.is_empty() {
                        "no further key".to_owned()
                    } else {
                        own.join(", ")
                    }
                ));
            }
        }
        self.build()
    }

    /// The step, now that the keys fit together.
    fn build(self) -> Result<ResetStep, String> {
        if let Some(Command(command)) = self.at {
            return Ok(ResetStep::At(command));
        }
        if let Some(LedName(name)) = self.led {
            let on = self.on.map(|Time(time)| time);
            return Ok(ResetStep::Led { name, on });
        }
        if let Some(GpioLine(line)) = self.gpio {
            let chip = self.chip.map(|Chip(path)| path);
            if chip.is_none() && line.bytes().all(|b| b.is_ascii_digit()) {
                return Err(
                    "a line's number says nothing without its chip, expected chip = \"/dev/gpiochip0\""
                        .to_owned(),
                );
            }
            let pulse = self.pulse.map(|Time(time)| time);
            return Ok(ResetStep::Gpio {
                chip,
                line,
                active_low: self.active_low.unwrap_or(false),
                pulse: pulse.unwrap_or(PULSE),
            });
        }
        if let Some(way) = self.usb {
            let off = self.off.map(|Time(time)| time);
            return match (way, off) {
                (UsbWay::PortPower, off) => Ok(ResetStep::UsbPortPower {
                    off: off.unwrap_or(OFF),
                }),
                (UsbWay::Authorized | UsbWay::Rebind, Some(_)) => Err(
                    "off belongs to usb = \"port-power\" only, expected no further key".to_owned(),
                ),
                (UsbWay::Authorized, None) => Ok(ResetStep::UsbAuthorized),
                (UsbWay::Rebind, None) => Ok(ResetStep::UsbRebind),
            };
        }
        if let Some(AbsolutePath(path)) = self.write {
            let Some(Text(value)) = self.value else {
                return Err("it is not said what to write, expected value = \"...\" too".to_owned());
            };
            let after = self.after.map(|Time(time)| time);
            let then = match (self.then, after) {
                (Some(Text(then)), after) => Some((after.unwrap_or(AFTER), then)),
                (None, None) => None,
                (None, Some(_)) => {
                    return Err(
                        "after without a second value, expected then = \"...\" too".to_owned()
                    );
                }
            };
            return Ok(ResetStep::Write { path, value, then });
        }
        if let Some(words) = self.command {
            let words = words.into_iter().map(|Text(word)| word).collect();
            return command_line(words).map(ResetStep::Command);
        }
        Err(format!(
            "the step does not say what is to be done, expected {KINDS}"
        ))
    }
}

/// A command of the user's: a program by its full path, and its arguments. No shell reads it.
///
/// # Errors
///
/// What is wrong and what was expected, as `WRONG, expected RIGHT`.
pub(crate) fn command_line(words: Vec<String>) -> Result<Vec<String>, String> {
    let expected = "expected a program by its full path and its arguments, \
                    e.g. [\"/usr/local/sbin/reset-modem\", \"fast\"]";
    let Some(program) = words.first() else {
        return Err(format!("the command is empty, {expected}"));
    };
    if !program.starts_with('/') || program.ends_with('/') {
        return Err(format!(
            "{:?} is not the full path of a program, {expected}",
            cut(program)
        ));
    }
    if words.len() > MAX_WORDS {
        return Err(format!(
            "the command has {} words, expected at most {MAX_WORDS}",
            words.len()
        ));
    }
    Ok(words)
}

/// A time of at least and at most so many milliseconds.
struct Time<const LEAST: u64, const MOST: u64>(Duration);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Time<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = Option<f64>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds, or a text such as \"500ms\" or \"5s\"")
            }

            fn visit_i64<E>(self, value: i64) -> Result<Option<f64>, E> {
                Ok(Some(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Option<f64>, E> {
                Ok(Some(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Option<f64>, E> {
                Ok(seconds_of(value))
            }
        }

        let (least, most) = (LEAST as f64 / 1_000.0, MOST as f64 / 1_000.0);
        let what = match deserializer.deserialize_any(Seconds)? {
            Some(seconds) if (least..=most).contains(&seconds) => {
                return Duration::try_from_secs_f64(seconds)
                    .map(Self)
                    .map_err(D::Error::custom);
            }
            Some(seconds) if seconds > most => "the time is too long",
            Some(seconds) if seconds < least => "the time is too short",
            Some(_) | None => "this is not a time",
        };
        Err(D::Error::custom(format!(
            "{what}, expected {least} to {most} seconds, or a text such as \"500ms\" or \"5s\""
        )))
    }
}

/// A text in one of the fields, judged where it is read so that a problem has its place.
macro_rules! judged {
    ($(#[$about:meta])* $name:ident, $judge:expr) => {
        $(#[$about])*
        struct $name(String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $judge(text).map(Self).map_err(D::Error::custom)
            }
        }
    };
}

judged!(
    /// An AT command.
    Command,
    |text: String| {
        let expected = "expected a command that begins with AT, e.g. AT+CFUN=16";
        let is_at = text
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("AT"));
        if !is_at {
            Err(format!(
                "{:?} does not begin with AT, {expected}",
                cut(&text)
            ))
        } else if !text.chars().all(|c| matches!(c, ' '..='~')) || text.len() > MAX_TEXT {
            Err(format!("{:?} is not an AT command, {expected}", cut(&text)))
        } else {
            Ok(text)
        }
    }
);

judged!(
    /// The name of a LED, one folder of `/sys/class/leds`.
    LedName,
    |text: String| {
        let valid = |c: char| c.is_ascii_graphic() && c != '/';
        if !text.is_empty()
            && text.len() <= 64
            && text.chars().all(valid)
            && text != "."
            && text != ".."
        {
            Ok(text)
        } else {
            Err(format!(
                "{:?} cannot name a LED, expected a name of /sys/class/leds, e.g. Mobile_RESETN",
                cut(&text)
            ))
        }
    }
);

judged!(
    /// A GPIO chip.
    Chip,
    |text: String| {
        let name = text.strip_prefix("/dev/").unwrap_or(&text);
        let is_chip = name
            .strip_prefix("gpiochip")
            .is_some_and(|number| number.parse::<u16>().is_ok());
        if is_chip {
            Ok(format!("/dev/{name}"))
        } else {
            Err(format!(
                "{:?} is not a GPIO chip, expected e.g. /dev/gpiochip0",
                cut(&text)
            ))
        }
    }
);

judged!(
    /// A file by its full path.
    AbsolutePath,
    |text: String| {
        let parts = text.split('/').skip(1);
        let plain = parts
            .clone()
            .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
        if text.starts_with('/') && plain && text.len() <= MAX_TEXT {
            Ok(text)
        } else {
            Err(format!(
                "{:?} is not the full path of a file, expected e.g. /sys/class/gpio/gpio5/value",
                cut(&text)
            ))
        }
    }
);

judged!(
    /// A text that is written to a file or handed to a program.
    Text,
    |text: String| {
        if text.len() > MAX_TEXT {
            Err(format!("the text is too long, expected at most {MAX_TEXT} bytes"))
        } else if text.contains('\0') {
            Err("the text has a NUL character, expected one without".to_owned())
        } else {
            Ok(text)
        }
    }
);

/// A GPIO line: its name, or its number on the chip.
struct GpioLine(String);

impl<'de> Deserialize<'de> for GpioLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Line;

        impl Visitor<'_> for Line {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a GPIO line, or its number")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
                if (0..=65_535).contains(&value) {
                    Ok(value.to_string())
                } else {
                    Err(E::custom(format!(
                        "{value} is not the number of a GPIO line, expected 0 to 65535"
                    )))
                }
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
                // The kernel keeps 31 bytes of a name.
                let valid = |c: char| matches!(c, ' '..='~');
                if (1..=31).contains(&value.len()) && value.chars().all(valid) {
                    Ok(value.to_owned())
                } else {
                    Err(E::custom(format!(
                        "{:?} cannot name a GPIO line, expected at most 31 characters, e.g. Mobile_RESET_N",
                        cut(value)
                    )))
                }
            }
        }

        deserializer.deserialize_any(Line).map(Self)
    }
}

/// What is done to a USB device.
enum UsbWay {
    Authorized,
    Rebind,
    PortPower,
}

impl<'de> Deserialize<'de> for UsbWay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "authorized" => Ok(Self::Authorized),
            "rebind" => Ok(Self::Rebind),
            "port-power" => Ok(Self::PortPower),
            other => Err(D::Error::custom(format!(
                "{:?} is no way to reset a USB device, expected authorized, rebind or port-power",
                cut(other)
            ))),
        }
    }
}

/// As much of a text as a message needs.
fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;

//! Values in TOML's spelling.

use std::fmt::Write as _;
use std::time::Duration;

use super::Value;
use crate::modem::ResetStep;

/// The value; `None`: TOML cannot hold it.
pub(super) fn toml(value: &Value) -> Option<String> {
    Some(match value {
        Value::Truth(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bits(bits) => format!("0x{bits:08x}"),
        Value::Time(time) => seconds(*time),
        Value::Text(text) => quoted(text),
        Value::Texts(texts) | Value::Words(texts) => list(texts),
        Value::Secret(secret) => quoted(std::str::from_utf8(secret.expose()).ok()?),
        Value::Steps(steps) => self::steps(steps)?,
        Value::NotText => return None,
        Value::Unset(words) => (*words).to_owned(),
    })
}

/// A list of texts: on one line, or a line for each.
pub(super) fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts
        .into_iter()
        .map(|text| quoted(text.as_ref()))
        .collect();
    let line = format!("[{}]", texts.join(", "));
    if line.len() <= 80 {
        return line;
    }
    format!("[\n  {},\n]", texts.join(",\n  "))
}

/// A basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Seconds; `Display` of a fraction has all the digits it takes to read the same time again.
fn seconds(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        time.as_secs().to_string()
    } else {
        time.as_secs_f64().to_string()
    }
}

fn steps(steps: &[ResetStep]) -> Option<String> {
    if steps.is_empty() {
        return Some("[]".to_owned());
    }
    let lines: Option<Vec<String>> = steps
        .iter()
        .map(|step| Some(format!("  {{ {} }},\n", self::step(step)?)))
        .collect();
    Some(format!("[\n{}]", lines?.concat()))
}

fn step(step: &ResetStep) -> Option<String> {
    Some(match step {
        ResetStep::At(command) => format!("at = {}", quoted(command)),
        ResetStep::Led { name, on: None } => format!("led = {}", quoted(name)),
        ResetStep::Led { name, on: Some(on) } => {
            format!("led = {}, on = {}", quoted(name), seconds(*on))
        }
        ResetStep::Gpio {
            chip,
            line,
            active_low,
            pulse,
        } => {
            let chip = chip
                .as_ref()
                .map(|chip| format!(", chip = {}", quoted(chip)));
            format!(
                "gpio = {}{}, active_low = {active_low}, pulse = {}",
                quoted(line),
                chip.unwrap_or_default(),
                seconds(*pulse)
            )
        }
        ResetStep::UsbAuthorized => "usb = \"authorized\"".to_owned(),
        ResetStep::UsbRebind => "usb = \"rebind\"".to_owned(),
        ResetStep::UsbPortPower { off } => {
            format!("usb = \"port-power\", off = {}", seconds(*off))
        }
        ResetStep::Write { path, value, then } => {
            let then = then.as_ref().map(|(after, then)| {
                format!(", then = {}, after = {}", quoted(then), seconds(*after))
            });
            format!(
                "write = {}, value = {}{}",
                quoted(path),
                quoted(value),
                then.unwrap_or_default()
            )
        }
        ResetStep::Command(words) => format!("command = {}", list(words).replace('\n', " ")),
        // No file can say it: the configuration has a switch of its own for it.
        ResetStep::Reboot => return None,
    })
}

//! Whether a value of a profile's file can be what it is meant to be.

use crate::at::Command;

/// What is wrong with a command with placeholders.
pub(super) enum TemplateProblem {
    /// It is no AT command.
    Command(&'static str),
    /// There is no such placeholder; these are.
    Placeholder(String, Vec<String>),
}

/// A profile's name or alias.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !name.eq_ignore_ascii_case("AUTO");
    if fits {
        Ok(())
    } else {
        Err("1 to 32 letters, digits, hyphens, underscores and dots, and not AUTO")
    }
}

/// An AT command that is sent as it is.
pub(super) fn check_command(text: &str) -> Result<(), &'static str> {
    Command::new(text)
        .check()
        .map_err(|_| "an AT command in printable ASCII, e.g. AT+CFUN=1")?;
    let plain: String = text.chars().filter(|c| *c != ' ').collect();
    let plain = plain.to_ascii_uppercase();
    if ["CPIN=", "CPIN2=", "CLCK=", "CPWD="]
        .iter()
        .any(|name| plain.contains(name))
    {
        return Err("no command with a PIN: set PIN in the configuration, where it is guarded");
    }
    Ok(())
}

/// A command with placeholders of these `names`.
pub(super) fn check_template(text: &str, names: &[&str]) -> Result<(), TemplateProblem> {
    check_command(text).map_err(TemplateProblem::Command)?;
    for part in text.split('{').skip(1) {
        let name = part.split_once('}').map_or(part, |(name, _)| name);
        if !names.contains(&name) {
            let all = names.iter().map(|name| format!("{{{name}}}")).collect();
            return Err(TemplateProblem::Placeholder(name.to_owned(), all));
        }
    }
    Ok(())
}

/// `1546:1102` or `1546`.
pub(super) fn check_usb(text: &str) -> Option<(u16, Option<u16>)> {
    let number = |text: &str| {
        let hex = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(text, 16).ok().filter(|_| hex)
    };
    match text.split_once(':') {
        Some((vendor, product)) => Some((number(vendor)?, Some(number(product)?))),
        None => Some((number(text)?, None)),
    }
}

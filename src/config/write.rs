//! Writes a [`Config`] as uplinkd.toml (spec C27): what `config convert` and `config show` print.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::setting::{Secrets, Setting, Value, settings};
use super::{Config, diagnostic};

/// How much is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// What differs from the default.
    #[default]
    Differences,
    /// Every setting; one that has no value is a comment.
    Everything,
}

/// Why a configuration cannot be written as TOML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} has a value that uplinkd.toml cannot hold")]
pub struct WriteProblem {
    /// The setting.
    pub key: &'static str,
}

/// The text of a uplinkd.toml that means `config`, its password and PIN included: the file is for root's eyes (mode 0600).
/// `origin` is what the first line says it was made from.
///
/// # Errors
///
/// [`WriteProblem`]: bytes that are not UTF-8, which pppd's files may have.
pub fn write(config: &Config, origin: &str, extent: Extent) -> Result<String, WriteProblem> {
    let defaults = settings(&Config::default());
    let mut file = Sections::default();
    let _ = writeln!(
        file.text,
        "# Made by uplinkd from {}. It holds the password: chmod 600.",
        diagnostic::printable(origin)
    );
    if extent == Extent::Differences {
        file.text
            .push_str("# What is not here has its default; docs/configuration.md has every key.\n");
    }
    for (setting, default) in settings(config).iter().zip(&defaults) {
        // What an account means for it is said in full.
        let follows_account = setting.key == "ppp.auth" && !config.account.is_empty();
        let differs = setting.value != default.value || follows_account;
        if extent == Extent::Everything || differs {
            let comment = setting.old_key().unwrap_or_default();
            file.add(setting, Secrets::Shown, comment)?;
        }
    }
    Ok(file.text)
}

/// What is in force, setting by setting, as TOML without secrets; behind each where it comes from. `said`: the lines of
/// `name` that have a value for a setting, as [`origins`](super::origins) gives them.
pub fn show(config: &Config, name: &str, said: &BTreeMap<&'static str, usize>) -> String {
    let name = diagnostic::printable(name);
    let defaults = settings(&Config::default());
    let mut file = Sections::default();
    for (setting, default) in settings(config).iter().zip(&defaults) {
        let origin = match said.get(setting.key) {
            Some(line) => format!("{name}:{line}"),
            None if setting.value == default.value => "default".to_owned(),
            None => "follows from the others".to_owned(),
        };
        let comment = match setting.old_key() {
            Some(old) => format!("{old}, {origin}"),
            None => origin,
        };
        if file.add(setting, Secrets::Hidden, &comment).is_err() {
            let (_, key) = setting.section_and_name();
            let _ = writeln!(file.text, "# {key} has bytes that cannot be shown");
        }
    }
    file.text
}

/// The file in the making.
#[derive(Default)]
struct Sections {
    text: String,
    section: &'static str,
}

impl Sections {
    fn add(
        &mut self,
        setting: &Setting,
        secrets: Secrets,
        comment: &str,
    ) -> Result<(), WriteProblem> {
        let (section, name) = setting.section_and_name();
        let Some(value) = setting.toml(secrets) else {
            return Err(WriteProblem { key: setting.key });
        };
        if section != self.section {
            self.section = section;
            let before = if self.text.is_empty() { "" } else { "\n" };
            let _ = writeln!(self.text, "{before}[{section}]");
        }
        let unset = if matches!(setting.value, Value::Unset(_)) {
            "# "
        } else {
            ""
        };
        let separator = if comment.is_empty() { "" } else { "  # " };
        let _ = writeln!(self.text, "{unset}{name} = {value}{separator}{comment}");
        Ok(())
    }
}

#[cfg(test)]
mod tests;

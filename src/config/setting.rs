//! Every setting of a [`Config`](super::Config), one by one, under the name that uplinkd.toml has for it.
//!
//! One table (`table.rs`) for all that goes through a configuration setting by setting: the writer, `config show`, what a
//! reload changes and when that acts. It takes `Config` apart field by field, so a field that is added does not compile
//! until it has its name and its [`Effect`] here.

mod table;
mod text;

use std::path::Path;
use std::time::Duration;

use super::keyvalue;
use crate::modem::ResetStep;
use crate::secret::Secret;

pub(super) use table::{octets_text, settings};

/// When a change of a setting acts, if the file is read again while the daemon runs (spec S5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// At once: the link stays.
    Now,
    /// The next time the modem is dialed: the link that is up keeps what it began with.
    NextDial,
    /// Only after a restart of the service.
    Restart,
}

/// One setting with its value.
#[derive(Clone, PartialEq)]
pub(super) struct Setting {
    /// `ppp.echo.interval`.
    pub(super) key: &'static str,
    pub(super) value: Value,
    pub(super) effect: Effect,
}

/// A value as uplinkd.toml can hold it. Not `Debug`: it may be a password.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Truth(bool),
    Number(u64),
    /// A map of bits.
    Bits(u32),
    Time(Duration),
    Text(String),
    Texts(Vec<String>),
    /// Words of a chat script: they may hold a password.
    Words(Vec<String>),
    Secret(Secret),
    Steps(Vec<ResetStep>),
    /// Bytes that are not UTF-8, which TOML cannot hold.
    NotText,
    /// The key is not in the file; what that means, in words.
    Unset(&'static str),
}

/// What is shown of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// They are there: for a file that is to be used.
    Shown,
    /// `<hidden>` stands there.
    Hidden,
}

impl Setting {
    /// `ppp.echo`, `interval`.
    pub(super) fn section_and_name(&self) -> (&'static str, &'static str) {
        self.key.rsplit_once('.').unwrap_or(("", self.key))
    }

    /// The key that /etc/default/ppp has for it.
    pub(super) fn old_key(&self) -> Option<&'static str> {
        keyvalue::key_of_setting(self.key)
    }

    /// How people call it: `HOLDOFF (supervision.holdoff)`.
    pub(super) fn title(&self) -> String {
        match self.old_key() {
            Some(old) => format!("{old} ({})", self.key),
            None => self.key.to_owned(),
        }
    }

    /// Whether its value is a secret, or may be one.
    pub(super) fn is_secret(&self) -> bool {
        match &self.value {
            Value::Secret(secret) => !secret.is_empty(),
            Value::Words(words) => !words.is_empty(),
            // Variables for scripts are where some put the password of their dynamic DNS.
            Value::Texts(texts) => self.key == "scripts.environment" && !texts.is_empty(),
            Value::Truth(_)
            | Value::Number(_)
            | Value::Bits(_)
            | Value::Time(_)
            | Value::Text(_)
            | Value::Steps(_)
            | Value::NotText
            | Value::Unset(_) => false,
        }
    }

    /// The value as TOML; `None`: it cannot stand there. One that is unset gives its words.
    pub(super) fn toml(&self, secrets: Secrets) -> Option<String> {
        if secrets == Secrets::Hidden && self.is_secret() {
            return Some(match &self.value {
                Value::Texts(texts) => text::list(texts.iter().map(|variable| {
                    let name = variable.split('=').next().unwrap_or_default();
                    format!("{name}=<hidden>")
                })),
                Value::Words(_) => "[\"<hidden>\"]".to_owned(),
                _ => "\"<hidden>\"".to_owned(),
            });
        }
        text::toml(&self.value)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(u64::from(number))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Self::Time(time)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&Path> for Value {
    fn from(path: &Path) -> Self {
        path.to_str().map_or(Self::NotText, Self::from)
    }
}

impl From<&Secret> for Value {
    fn from(secret: &Secret) -> Self {
        match std::str::from_utf8(secret.expose()) {
            Ok(_) => Self::Secret(secret.clone()),
            Err(_) => Self::NotText,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, native};
    use super::*;

    #[test]
    fn the_table_has_every_key_of_the_file_in_its_order() {
        let found: Vec<&str> = settings(&Config::default())
            .iter()
            .map(|setting| setting.key)
            .collect();
        // A peers file is no setting: what it says is.
        let known: Vec<&str> = native::known_keys()
            .filter(|key| *key != "ppp.provider")
            .collect();
        assert_eq!(found, known);
    }

    #[test]
    fn secrets_are_hidden_unless_they_are_wanted() {
        let config = Config {
            password: Secret::new("geheim"),
            scripts: crate::config::ScriptsConfig {
                environment: vec![("TOKEN".to_owned(), "geheim".to_owned())],
                ..Default::default()
            },
            ..Config::default()
        };
        let all = |secrets| -> String {
            settings(&config)
                .iter()
                .filter_map(|setting| setting.toml(secrets))
                .collect()
        };
        assert!(all(Secrets::Shown).matches("geheim").count() == 2);
        assert!(!all(Secrets::Hidden).contains("geheim"));
        assert!(all(Secrets::Hidden).contains("[\"TOKEN=<hidden>\"]"));
    }

    #[test]
    fn a_setting_is_called_by_both_names() {
        let all = settings(&Config::default());
        let title = |key| {
            all.iter()
                .find(|setting| setting.key == key)
                .map(Setting::title)
        };
        assert_eq!(
            title("supervision.holdoff").as_deref(),
            Some("HOLDOFF (supervision.holdoff)")
        );
        assert_eq!(title("network.hold").as_deref(), Some("network.hold"));
    }
}

//! What differs between two configurations, and when that acts: for `reload` (spec S5).
//!
//! Which setting acts when is in the table of the settings, field by field. Whether a new file may be taken at all is the
//! reader's business.

use std::fmt;

use super::Config;
use super::setting::{Secrets, Setting, settings};

pub use super::setting::Effect;

/// One setting that has another value now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The setting, as uplinkd.toml calls it: `supervision.holdoff`.
    pub key: &'static str,
    /// How people call it: `HOLDOFF (supervision.holdoff)`.
    pub title: String,
    /// When it acts.
    pub effect: Effect,
    /// The former value and the new one; `None` for a secret.
    values: Option<(String, String)>,
}

/// Every setting of `new` that `old` has another value for, in the order of uplinkd.toml.
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    settings(old)
        .iter()
        .zip(&settings(new))
        .filter(|(old, new)| old.value != new.value)
        .map(|(old, new)| change(old, new))
        .collect()
}

/// When a change of each setting acts, by the settings' names in uplinkd.toml: for the documentation.
pub fn effects() -> Vec<(&'static str, Effect)> {
    settings(&Config::default())
        .iter()
        .map(|setting| (setting.key, setting.effect))
        .collect()
}

/// All changes in one sentence, for the reply to `reload`: first what acts at once, then what has to wait.
pub fn summary(changes: &[Change]) -> String {
    let mut parts = Vec::new();
    for effect in [Effect::Now, Effect::NextDial, Effect::Restart] {
        let keys: Vec<&str> = changes
            .iter()
            .filter(|change| change.effect == effect)
            .map(|change| change.title.as_str())
            .collect();
        if !keys.is_empty() {
            parts.push(format!("{effect}: {}", keys.join(", ")));
        }
    }
    if parts.is_empty() {
        return "the configuration was read again, and nothing in it has changed".to_owned();
    }
    format!("the configuration was read again; {}", parts.join("; "))
}

/// For a log line: `HOLDOFF (supervision.holdoff): 10 instead of 5, at once`. Never a secret.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.values {
            Some((old, new)) => {
                write!(f, "{}: {new} instead of {old}, {}", self.title, self.effect)
            }
            None => write!(f, "{}: changed, {}", self.title, self.effect),
        }
    }
}

/// `at once`, `with the next dial`, `after a restart of the service`.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now => "at once",
            Self::NextDial => "with the next dial",
            Self::Restart => "after a restart of the service",
        })
    }
}

fn change(old: &Setting, new: &Setting) -> Change {
    let shown = |setting: &Setting| {
        let text = setting.toml(Secrets::Hidden).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let secret = old.is_secret() || new.is_secret();
    Change {
        key: new.key,
        title: new.title(),
        effect: new.effect,
        values: (!secret).then(|| (shown(old), shown(new))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Device, ScriptsConfig};
    use crate::secret::Secret;

    #[test]
    fn nothing_changes_between_equal_configurations() {
        let config = Config::default();
        assert_eq!(changes(&config, &config), []);
        assert_eq!(
            summary(&[]),
            "the configuration was read again, and nothing in it has changed"
        );
    }

    #[test]
    fn each_change_has_its_values_and_its_time() {
        let old = Config {
            password: Secret::new("alt"),
            ..Config::default()
        };
        let new = Config {
            holdoff: Duration::from_secs(10),
            device: Device::Model("KYM11".to_owned()),
            password: Secret::new("neu"),
            hold: true,
            reset_wait: Some(Duration::from_secs(63)),
            ..Config::default()
        };
        let found = changes(&old, &new);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "DEVICE (modem.device): \"KYM11\" instead of \"AUTO\", with the next dial",
                "PASSWORD (ppp.password): changed, with the next dial",
                "network.hold: true instead of false, after a restart of the service",
                "HOLDOFF (supervision.holdoff): 10 instead of 5, at once",
                "RESET_WAIT (supervision.reset.wait): 63 instead of 30, or what the modem needs if that is longer, at once",
            ]
        );
        assert_eq!(
            summary(&found),
            "the configuration was read again; at once: HOLDOFF (supervision.holdoff), RESET_WAIT \
             (supervision.reset.wait); with the next dial: DEVICE (modem.device), PASSWORD (ppp.password); after a restart \
             of the service: network.hold"
        );
    }

    #[test]
    fn a_secret_that_comes_or_goes_is_not_told() {
        let none = Config::default();
        let some = Config {
            password: Secret::new("geheim"),
            pin: Some(Secret::new("1234")),
            scripts: ScriptsConfig {
                environment: vec![("TOKEN".to_owned(), "geheim".to_owned())],
                ..ScriptsConfig::default()
            },
            ..Config::default()
        };
        for (old, new) in [(&none, &some), (&some, &none)] {
            let found = changes(old, new);
            let told = format!(
                "{found:?} {}",
                found.iter().map(ToString::to_string).collect::<String>()
            );
            assert_eq!(found.len(), 3);
            assert!(!told.contains("geheim") && !told.contains("1234"), "{told}");
        }
    }

    /// Two passwords of the same length are two.
    #[test]
    fn another_secret_is_a_change() {
        let of = |password| Config {
            password: Secret::new(password),
            ..Config::default()
        };
        assert_eq!(changes(&of("aaa"), &of("bbb")).len(), 1);
    }
}

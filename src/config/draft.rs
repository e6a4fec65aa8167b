//! A configuration while it is being read: what both formats judge alike once all values are known.

use super::diagnostic::Severity;
use super::value::DEVICE_EXPECTED;
use super::{Auth, Config, Device};

/// A configuration in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    /// `None`: not said, so that the account decides (spec C16).
    pub(super) auth: Option<Auth>,
}

/// A field that takes part in a [`Clash`], whatever the format calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Apn,
    Device,
    Auth,
    Account,
    Password,
    LocalAddress,
    RemoteAddress,
}

/// Values that are each right, and not together; or one that must not be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) severity: Severity,
    /// Where it is reported.
    pub(super) about: Field,
    /// Nothing is reported if one of these could not be read.
    pub(super) involved: &'static [Field],
    pub(super) message: String,
    pub(super) help: String,
}

impl Draft {
    /// What does not fit together. `name` is what the format calls a field.
    pub(super) fn clashes(&self, name: impl Fn(Field) -> &'static str) -> Vec<Clash> {
        let config = &self.config;
        let account = name(Field::Account);
        let auth = name(Field::Auth);
        let mut clashes = Vec::new();
        let mut clash = |severity, involved: &'static [Field], message: String, help: String| {
            if let Some(about) = involved.first().copied() {
                clashes.push(Clash {
                    severity,
                    about,
                    involved,
                    message,
                    help,
                });
            }
        };
        if config.device == Device::Auto {
            clash(
                Severity::Error,
                &[Field::Device],
                format!(
                    "{} is not set, and finding the modem does not act yet",
                    name(Field::Device)
                ),
                format!("expected {DEVICE_EXPECTED}"),
            );
        }
        if config.apn.is_none() {
            clash(
                Severity::Warning,
                &[Field::Apn],
                format!(
                    "{} is not set: no AT+CGDCONT is sent, and the modem dials with the context it has",
                    name(Field::Apn)
                ),
                "expected the provider's access point name, e.g. dream.jp".to_owned(),
            );
        }
        match (self.auth, config.account.is_empty()) {
            (Some(Auth::Chap | Auth::Pap), true) => clash(
                Severity::Warning,
                &[Field::Auth, Field::Account],
                format!("{auth} is set and {account} is not: an empty name is sent"),
                format!("expected a name in {account}, or NOAUTH"),
            ),
            (Some(Auth::NoAuth), false) => clash(
                Severity::Warning,
                &[Field::Account, Field::Auth],
                format!("{account} is not used, because {auth} is NOAUTH"),
                format!("expected CHAP or PAP in {auth}, or no {account}"),
            ),
            (None, true) if !config.password.is_empty() => clash(
                Severity::Warning,
                &[Field::Password, Field::Account, Field::Auth],
                format!(
                    "{} is not used, because {account} is not set",
                    name(Field::Password)
                ),
                format!(
                    "expected a name in {account}, or no {}",
                    name(Field::Password)
                ),
            ),
            (Some(Auth::Chap | Auth::Pap) | None, false) | (Some(Auth::NoAuth) | None, true) => {}
        }
        if config.remote_address.is_some() && config.local_address == config.remote_address {
            clash(
                Severity::Error,
                &[Field::RemoteAddress, Field::LocalAddress],
                format!(
                    "{} and {} are the same",
                    name(Field::RemoteAddress),
                    name(Field::LocalAddress)
                ),
                "expected the addresses of the two ends of the link".to_owned(),
            );
        }
        clashes
    }

    /// The configuration.
    pub(super) fn finish(self) -> Config {
        let default = if self.config.account.is_empty() {
            Auth::NoAuth
        } else {
            Auth::Chap
        };
        Config {
            auth: self.auth.unwrap_or(default),
            ..self.config
        }
    }
}

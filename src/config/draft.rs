//! A configuration while it is being read: what both formats judge alike once all values are known.

mod recovery;

use super::device::Models;
use super::diagnostic::Severity;
use super::{Auth, Config, Dialer, MonitorConfig};

/// A configuration in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft<'a> {
    /// What may be named as a model.
    pub(super) models: Models<'a>,
    pub(super) config: Config,
    /// C2: the peers file from which the link's options come.
    pub(super) provider: Option<String>,
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
    Persist,
    Holdoff,
    Retry,
    Demand,
    Idle,
    NetworkMax,
    ConfigurationMin,
    ConfigurationMax,
    ResetOnFail,
    ResetAlways,
    ResetAny,
    ResetSteps,
    ResetCommand,
    ResetReboot,
    Monitor,
    MonitorInterval,
    MonitorFail,
    MonitorTimeout,
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

/// Collects what does not fit together.
#[derive(Default)]
struct Clashes(Vec<Clash>);

impl Clashes {
    /// Reported at the first of `involved`.
    fn add(
        &mut self,
        severity: Severity,
        involved: &'static [Field],
        message: String,
        help: impl Into<String>,
    ) {
        if let Some(about) = involved.first().copied() {
            self.0.push(Clash {
                severity,
                about,
                involved,
                message,
                help: help.into(),
            });
        }
    }
}

impl<'a> Draft<'a> {
    /// Nothing has been read yet.
    pub(super) fn new(models: Models<'a>) -> Self {
        Self {
            models,
            ..Self::default()
        }
    }

    /// What does not fit together. `name` is what the format calls a field, `is_set` whether the file has it.
    pub(super) fn clashes(
        &self,
        name: impl Fn(Field) -> &'static str,
        is_set: impl Fn(Field) -> bool,
    ) -> Vec<Clash> {
        let mut clashes = Clashes::default();
        // With a peers file its own reader has judged them.
        if self.provider.is_none() {
            self.link(&mut clashes, &name);
        }
        recovery::supervision(&self.config, &mut clashes, &name, &is_set);
        recovery::monitor(&self.config, &mut clashes, &name, &is_set);
        clashes.0
    }

    /// Between the keys that say what is dialed.
    fn link(&self, clashes: &mut Clashes, name: &dyn Fn(Field) -> &'static str) {
        let config = &self.config;
        let account = name(Field::Account);
        let auth = name(Field::Auth);
        // Whoever else dials knows his access point.
        if config.apn.is_none() && config.dialer == Dialer::Modem {
            clashes.add(
                Severity::Warning,
                &[Field::Apn],
                format!(
                    "{} is not set: no AT+CGDCONT is sent, and the modem dials with the context it has",
                    name(Field::Apn)
                ),
                "expected the provider's access point name, e.g. dream.jp",
            );
        }
        match (self.auth, config.account.is_empty()) {
            (Some(Auth::Chap | Auth::Pap), true) => clashes.add(
                Severity::Warning,
                &[Field::Auth, Field::Account],
                format!("{auth} is set and {account} is not: an empty name is sent"),
                format!("expected a name in {account}, or NOAUTH"),
            ),
            (Some(Auth::NoAuth), false) => clashes.add(
                Severity::Warning,
                &[Field::Account, Field::Auth],
                format!("{account} is not used, because {auth} is NOAUTH"),
                format!("expected CHAP or PAP in {auth}, or no {account}"),
            ),
            (None, true) if !config.password.is_empty() => clashes.add(
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
            clashes.add(
                Severity::Error,
                &[Field::RemoteAddress, Field::LocalAddress],
                format!(
                    "{} and {} are the same",
                    name(Field::RemoteAddress),
                    name(Field::LocalAddress)
                ),
                "expected the addresses of the two ends of the link",
            );
        }
    }

    /// The configuration. `is_set` as for [`clashes`](Self::clashes).
    pub(super) fn finish(self, is_set: impl Fn(Field) -> bool) -> Config {
        let default = if self.config.account.is_empty() {
            Auth::NoAuth
        } else {
            Auth::Chap
        };
        let mut config = self.config;
        // One of the two gives way if it is not in the file; both being there is a clash.
        let backoff = &mut config.backoff;
        if is_set(Field::ConfigurationMin) {
            backoff.configuration_max = backoff.configuration_max.max(backoff.configuration_min);
        } else {
            backoff.configuration_min = backoff.configuration_min.min(backoff.configuration_max);
        }
        let monitor = MonitorConfig {
            // Spec C21: only while PERSIST=1 and DEMAND is off.
            enabled: config.monitor.enabled && config.persist && !config.demand,
            timeout: config.monitor.timeout.min(config.monitor.interval),
            ..config.monitor
        };
        Config {
            auth: self.auth.unwrap_or(default),
            monitor,
            ..config
        }
    }
}

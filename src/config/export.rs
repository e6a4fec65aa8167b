//! pppd's files for a configuration (spec F3): what the existing system generates from the same /etc/default/ppp.
//!
//! [`export`] gives the texts of `peers/NAME` and of the chat scripts, and the entry for the secrets files, which
//! [`secrets::with_entry`] puts into their present texts. Nothing is read or written here.
//!
//! Deliberately left to the existing system's wrapper, as there: redialing (`nopersist`), resets, monitor, PIN, NETMODE and
//! CARRIERID. An account that a modem wants by an AT command stays out of the chat script, which others can read.

pub mod chat;
pub mod diff;
pub mod peers;
pub mod secrets;

use std::path::{Path, PathBuf};

use self::secrets::Entry;
use super::setting::{self, Setting};
use super::{Auth, Config, Device, Dialer};
use crate::modem::{Profile, Profiles};
use crate::secret::Secret;

/// Everything that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Name of the peers file, of the chat script, and the server's name in the secrets files: the interface's name.
    pub name: String,
    /// `/etc/ppp/peers/NAME`.
    pub peers: String,
    /// `/etc/chatscripts/NAME`; `None`: nothing is dialed.
    pub chat: Option<Script>,
    /// `/etc/chatscripts/NAME-disconnect`.
    pub disconnect: Option<Script>,
    /// For chap-secrets and pap-secrets; `None`: without authentication they stay as they are.
    pub entry: Option<Entry>,
    /// For pap-secrets, where the password for PAP is another.
    pub pap_entry: Option<Entry>,
    /// Settings that pppd has no word for and the existing system no key, by their names in uplinkd.toml.
    pub left_out: Vec<&'static str>,
}

/// A chat script's file. `Debug` does not show it: a script that a user wrote may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    /// The text.
    pub text: String,
    /// Whether others may read it: only the one that we made ourselves.
    pub is_public: bool,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Script({} bytes)", self.text.len())
    }
}

/// Why there is nothing to be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportProblem {
    /// With PROVIDER the existing system generates nothing.
    #[error(
        "PROVIDER={0}: pppd's own files are in use, and none is generated (as in the existing system)"
    )]
    Provider(String),
    /// pppd opens one tty and does not look for a modem.
    #[error(
        "pppd cannot look for a modem, and {0} does not name a tty; name it with --tty, e.g. --tty ttyLISA0"
    )]
    NoTty(String),
    /// A value that the lexers of pppd or chat cannot be given.
    #[error("{0}")]
    Unwritable(String),
}

/// Which tty a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tty {
    /// This one.
    Known(PathBuf),
    /// None: that of whichever modem is there. The names that udev gives on the existing system's gateways.
    OneOf(Vec<PathBuf>),
}

/// The tty of the configuration. For a model it is the name that the gateways' udev rules give.
pub fn tty(config: &Config, profiles: &Profiles) -> Tty {
    match &config.device {
        Device::Tty(path) => Tty::Known(path.clone()),
        Device::Model(name) => {
            let alias = profiles.get(name).and_then(|profile| alias(&profile));
            alias.map_or_else(|| Tty::OneOf(aliases(profiles)), Tty::Known)
        }
        Device::Auto => Tty::OneOf(aliases(profiles)),
    }
}

/// The files for a configuration whose modem is on `tty`.
///
/// # Errors
///
/// [`ExportProblem::Provider`], [`ExportProblem::Unwritable`].
pub fn export(config: &Config, profiles: &Profiles, tty: &Path) -> Result<Export, ExportProblem> {
    if let Some(name) = &config.scripts.call_file {
        return Err(ExportProblem::Provider(name.clone()));
    }
    let Some(tty) = tty.to_str() else {
        let what = format!("{} is not text", tty.display());
        return Err(ExportProblem::Unwritable(what));
    };
    let profile = profile(config, profiles, tty);
    let name = config.interface.clone();
    let chat = match &config.dialer {
        Dialer::Modem => Some(Script {
            text: chat::document(config, &profile)?,
            is_public: true,
        }),
        Dialer::Chat(call) => Some(chat::of_words(call)?),
        Dialer::Direct => None,
    };
    let disconnect = match &config.disconnect {
        Some(call) => Some(chat::of_words(call)?),
        None => None,
    };
    let entry = |password: &Secret| match config.auth {
        Auth::NoAuth => Ok(None),
        Auth::Chap | Auth::Pap => Entry::new(&config.account, &name, password.clone()).map(Some),
    };
    let pap_entry = config
        .pap_password
        .as_ref()
        .map(entry)
        .transpose()?
        .flatten();
    let entry = entry(&config.password)?;
    Ok(Export {
        peers: peers::text(config, tty)?,
        name,
        chat,
        disconnect,
        entry,
        pap_entry,
        left_out: left_out(config),
    })
}

/// The modem's profile as far as the configuration says which it is.
fn profile(config: &Config, profiles: &Profiles, tty: &str) -> Profile {
    let by_name = |name: &str| profiles.get(name);
    let configured = config.profile.as_deref().and_then(by_name);
    let model = match &config.device {
        Device::Model(name) => by_name(name),
        Device::Auto | Device::Tty(_) => None,
    };
    let of_tty = || tty.strip_prefix("/dev/").and_then(by_name);
    let found = configured.or(model).or_else(of_tty);
    found.map_or_else(Profile::default, |profile| profile.as_ref().clone())
}

fn alias(profile: &Profile) -> Option<PathBuf> {
    let name = profile
        .aliases
        .iter()
        .find(|name| name.starts_with("tty"))?;
    Some(Path::new("/dev").join(name))
}

fn aliases(profiles: &Profiles) -> Vec<PathBuf> {
    let all = profiles.names().filter_map(|name| profiles.get(name));
    all.filter_map(|profile| alias(&profile)).collect()
}

/// What pppd has a word for, or its chat script.
const EXPORTED: [&str; 62] = [
    "modem.profile",
    "modem.profile_dir",
    "modem.speed",
    "modem.rtscts",
    "modem.modem_lines",
    "modem.dial",
    "modem.command_timeout",
    "modem.dial_timeout",
    "modem.direct",
    "connect.script",
    "connect.timeout",
    "connect.phone",
    "connect.phone2",
    "connect.verbose",
    "connect.echo",
    "connect.expand",
    "connect.show",
    "disconnect.script",
    "disconnect.timeout",
    "disconnect.phone",
    "disconnect.phone2",
    "disconnect.verbose",
    "disconnect.echo",
    "disconnect.expand",
    "disconnect.show",
    "ppp.max_connect",
    "ppp.lcp.restart",
    "ppp.lcp.max_configure",
    "ppp.lcp.max_terminate",
    "ppp.lcp.max_failure",
    "ppp.lcp.mru",
    "ppp.lcp.accm",
    "ppp.lcp.magic",
    "ppp.lcp.pfc",
    "ppp.lcp.acfc",
    "ppp.lcp.silent",
    "ppp.lcp.mtu",
    "ppp.lcp.escape",
    "ppp.lcp.receive_all",
    "ppp.pap.password",
    "ppp.pap.restart",
    "ppp.pap.max_requests",
    "ppp.chap.timeout",
    "ppp.ipcp.restart",
    "ppp.ipcp.max_configure",
    "ppp.ipcp.max_terminate",
    "ppp.ipcp.max_failure",
    "ppp.ipcp.accept_local",
    "ppp.ipcp.accept_remote",
    "ppp.ipcp.request_dns",
    "ppp.echo.interval",
    "ppp.echo.failure",
    "ppp.echo.adaptive",
    "network.interface",
    "network.replace_default_route",
    "network.route_metric",
    "scripts.ip_up",
    "scripts.ip_down",
    "scripts.ipparam",
    "scripts.linkname",
    "scripts.environment",
    "dns.use_peer",
];

fn left_out(config: &Config) -> Vec<&'static str> {
    let has_word = |setting: &Setting| {
        // What the wrapper does it reads in its own file.
        setting.old_key().is_some() || EXPORTED.contains(&setting.key)
    };
    setting::settings(config)
        .iter()
        .zip(&setting::settings(&Config::default()))
        .filter(|(setting, default)| setting.value != default.value && !has_word(setting))
        .map(|(setting, _)| setting.key)
        .collect()
}

#[cfg(test)]
mod tests;

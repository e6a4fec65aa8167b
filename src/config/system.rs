//! What the rest of the system is told of the link: scripts, DNS servers, files of pppd's.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// N4: the scripts that pppd runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptsConfig {
    /// Whether they are run at all.
    pub enabled: bool,
    /// How long one may take until it is ended.
    pub timeout: Duration,
    /// `ip-pre-up-script`; `None`: `ip-pre-up` in the ppp directory.
    pub ip_pre_up: Option<PathBuf>,
    /// `ip-up-script`; `None`: `ip-up` in the ppp directory, else its folder `ip-up.d`.
    pub ip_up: Option<PathBuf>,
    /// `ip-down-script`; as for `ip_up`.
    pub ip_down: Option<PathBuf>,
    /// Their sixth argument, `ipparam`.
    pub ipparam: Option<String>,
    /// `linkname`: `/run/ppp-NAME.pid` too, and LINKNAME.
    pub linkname: Option<String>,
    /// `set NAME=VALUE`: more of their environment.
    pub environment: Vec<(String, String)>,
    /// CALL_FILE: the peers file.
    pub call_file: Option<String>,
}

impl Default for ScriptsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            timeout: Duration::from_secs(60),
            ip_pre_up: None,
            ip_up: None,
            ip_down: None,
            ipparam: None,
            linkname: None,
            environment: Vec::new(),
            call_file: None,
        }
    }
}

/// N3: who is told the DNS servers of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsConfig {
    /// The one writer.
    pub manager: DnsManager,
    /// `usepeerdns`: ask the peer for its servers and use them.
    pub use_peer: bool,
    /// Instead of the peer's, where it names none that are good.
    pub fallback: Vec<IpAddr>,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            manager: DnsManager::Auto,
            use_peer: true,
            fallback: Vec::new(),
        }
    }
}

/// N3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DnsManager {
    /// What the system has.
    #[default]
    Auto,
    /// systemd-resolved.
    Resolved,
    /// resolvconf or openresolv.
    Resolvconf,
    /// `/etc/resolv.conf` itself.
    File,
    /// Nobody.
    None,
}

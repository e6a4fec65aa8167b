//! Configuration: one typed value, and the readers that make it from files (spec C).
//!
//! [`read`] takes the bytes of a file and gives back a [`Config`] and every problem found, each with its place. It opens
//! nothing itself. From the configuration the parts of the program take what they need: [`Config::session`],
//! [`Config::bringup`], [`Config::policy`].

#![forbid(unsafe_code)]

pub mod change;
pub mod connect_ok;
pub mod describe;
pub mod diagnostic;
pub mod export;
pub mod files;
pub mod keyvalue;
pub mod native;
pub mod write;

mod bringup;
mod device;
mod dialing;
mod draft;
mod lexer;
mod pppd;
mod report;
mod setting;
mod system;
mod value;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::chat;
use crate::link::{BackoffPolicy, Policy};
use crate::modem::{Carrier, NetMode, ResetStep};
use crate::ppp::SessionConfig;
use crate::ppp::config::{AllowedAuth, AuthTimers, Credentials, EchoConfig, IpcpConfig, LcpConfig};
use crate::secret::Secret;

pub use crate::link::TimeOfDay;
pub use device::MODELS;
pub use diagnostic::{Diagnostic, Severity};
pub use files::Files;
pub use setting::Effect;
pub use system::{DnsConfig, DnsManager, ScriptsConfig};

/// Everything that a configuration file can say, whatever its format. `Default` is what an empty file means.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// C1. Whether the unit starts at boot; `uplinkd run` ignores it.
    pub start: bool,
    /// C3.
    pub persist: bool,
    /// C4.
    pub reset_on_fail: bool,
    /// C5.
    pub reset_always: bool,
    /// C6.
    pub reset_at: Option<TimeOfDay>,
    /// C7. `None`: 30 s, or what the modem's profile needs.
    pub reset_wait: Option<Duration>,
    /// S1: every failure leads to a reset, those that it cannot mend too, as in the existing system.
    pub reset_any: bool,
    /// S2: instead of the profile's steps.
    pub reset_steps: Option<Vec<ResetStep>>,
    /// S2: as the last step, behind the others.
    pub reset_command: Option<Vec<String>>,
    /// S2: restart the host if no step works.
    pub reset_reboot: bool,
    /// C8.
    pub holdoff: Duration,
    /// C9.
    pub retry: u32,
    /// S1: how the waits grow.
    pub backoff: BackoffPolicy,
    /// S1.
    pub good_after: Duration,
    /// C12.
    pub demand: bool,
    /// C13. `None`: off.
    pub idle: Option<Duration>,
    /// N5: the interface stays while the link is down.
    pub hold: bool,
    /// N5, S6: how many packets wait for the link at most, and how many bytes.
    pub queue_packets: usize,
    /// See [`queue_packets`](Self::queue_packets).
    pub queue_bytes: usize,
    /// C10. `None`: no context is defined.
    pub apn: Option<String>,
    /// C11.
    pub pdp_type: PdpType,
    /// C14.
    pub device: Device,
    /// D2: the profile to be used whatever the modem is; `None`: the one that fits.
    pub profile: Option<String>,
    /// D2: the user's own profiles, `*.toml` in this folder.
    pub profile_dir: PathBuf,
    /// C18. `None`: not set.
    pub netmode: Option<NetMode>,
    /// C19.
    pub carrier: Option<Carrier>,
    /// C26.
    pub connect_ok: bool,
    /// C26a.
    pub pin: Option<Secret>,
    /// D4: `None`: what the profile says.
    pub registration_timeout: Option<Duration>,
    /// D5: how often in 24 hours APN and account may be written to a modem with the flash-wear mark.
    pub provisioning_limit: u32,
    /// D4: the second AT port is asked this often for signal and registration; zero: never.
    pub query_interval: Duration,
    /// C21 to C25.
    pub monitor: MonitorConfig,
    /// I4: members of this group may use the control socket.
    pub control_group: Option<String>,
    /// D7. Bits per second.
    pub speed: u32,
    /// D7. RTS/CTS flow control.
    pub rtscts: bool,
    /// D7. pppd's `modem` (true): the fall of DCD ends the link, DTR hangs up. `local` (false): neither means
    /// anything.
    pub modem_lines: bool,
    /// C15.
    pub default_route: bool,
    /// F1: at metric 0, in place of another default route, which comes back. Without it (pppd's `defaultroute` alone),
    /// another one stays, and ours is not set.
    pub replace_default_route: bool,
    /// Route metric, `None`: 0, replacing the former default route.
    pub route_metric: Option<u32>,
    /// N1. Name of the interface.
    pub interface: String,
    /// C16.
    pub auth: Auth,
    /// C16: CHAP also answers a peer that insists on PAP.
    pub allow_pap: bool,
    /// C17.
    pub account: String,
    /// C17.
    pub password: Secret,
    /// F1: the one for PAP, where pap-secrets has another than chap-secrets.
    pub pap_password: Option<Secret>,
    /// C20.
    pub local_address: Option<Ipv4Addr>,
    /// C20.
    pub remote_address: Option<Ipv4Addr>,
    /// C20. Its ones are in one piece.
    pub netmask: Option<Ipv4Addr>,
    /// P3.
    pub lcp: LcpConfig,
    /// P4.
    pub auth_timers: AuthTimers,
    /// P5 timers and counters; addresses come from the fields above. Whether the peer may choose another address than a
    /// fixed one (`accept_local`, `accept_remote`) is off by default, as in pppd.
    pub ipcp: IpcpConfig,
    /// P3.
    pub echo: EchoConfig,
    /// D1: how long a command and the call may take.
    pub command_timeout: Duration,
    /// D1. `None`: what the modem's profile says.
    pub dial_timeout: Option<Duration>,
    /// D1: dial command; `None`: the profile's, else `ATDT*99***1#`.
    pub dial: Option<String>,
    /// C2, F1. How CONNECT is reached.
    pub dialer: Dialer,
    /// F1: pppd's `disconnect`, run before the hang-up.
    pub disconnect: Option<Arc<chat::Call>>,
    /// F1: pppd's `maxconnect`: the link ends after this long.
    pub max_connect: Option<Duration>,
    /// N4.
    pub scripts: ScriptsConfig,
    /// N3.
    pub dns: DnsConfig,
}

/// How an open tty becomes a line to the peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dialer {
    /// By our own dialog with the modem (spec D).
    #[default]
    Modem,
    /// By the chat script of a peers file (spec F2).
    Chat(Arc<chat::Call>),
    /// It is one: a peers file without `connect`.
    Direct,
}

impl Dialer {
    /// Whether it is a chat script that sets the modem's APN or account, which wears out the flash of a modem with that mark
    /// (spec D5).
    pub fn sets_context(&self) -> bool {
        match self {
            Self::Chat(call) => pppd::sets_context(&call.script),
            Self::Modem | Self::Direct => false,
        }
    }
}

/// C21 to C25: watching the link with pings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorConfig {
    /// C21.
    pub enabled: bool,
    /// C22: a name or an address; `None`: the first DNS server of the link, else the peer's address.
    pub target: Option<String>,
    /// C23.
    pub interval: Duration,
    /// C24: lost in a row.
    pub fail: u32,
    /// C25: each result is logged.
    pub log: bool,
    /// How long an answer may take. 5 s, and never more than the interval.
    pub timeout: Duration,
    /// M2: ping the target itself, not the nearest host on the way to it.
    pub fixed_target: bool,
    /// A packet received from the network since the last ping counts as an answer.
    pub payload_is_life: bool,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            target: None,
            interval: Duration::from_secs(60),
            fail: 3,
            log: true,
            timeout: Duration::from_secs(5),
            fixed_target: false,
            payload_is_life: false,
        }
    }
}

/// C14. What the configuration says the modem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// Find it.
    Auto,
    /// Find a modem of this model: the name of a profile.
    Model(String),
    /// A tty.
    Tty(PathBuf),
}

/// C11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PdpType {
    /// IPv4.
    Ip,
    /// Raw PPP relayed to the GGSN.
    Ppp,
}

/// C16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// CHAP with MD5.
    Chap,
    /// PAP.
    Pap,
    /// None: a demand is rejected.
    NoAuth,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            start: false,
            persist: true,
            reset_on_fail: true,
            reset_always: false,
            reset_at: None,
            reset_wait: None,
            reset_any: false,
            reset_steps: None,
            reset_command: None,
            reset_reboot: false,
            holdoff: Duration::from_secs(5),
            retry: 3,
            backoff: BackoffPolicy::default(),
            good_after: Duration::from_secs(60),
            demand: false,
            idle: None,
            hold: false,
            queue_packets: 64,
            queue_bytes: 64 * 1024,
            apn: None,
            pdp_type: PdpType::Ip,
            device: Device::Auto,
            profile: None,
            profile_dir: PathBuf::from("/etc/uplinkd/modems"),
            netmode: None,
            carrier: None,
            connect_ok: false,
            pin: None,
            registration_timeout: None,
            provisioning_limit: 10,
            query_interval: Duration::from_secs(60),
            monitor: MonitorConfig::default(),
            control_group: None,
            speed: 460_800,
            rtscts: true,
            modem_lines: true,
            default_route: false,
            replace_default_route: true,
            route_metric: None,
            interface: "ppp0".to_owned(),
            auth: Auth::NoAuth,
            allow_pap: false,
            account: String::new(),
            password: Secret::default(),
            pap_password: None,
            local_address: None,
            remote_address: None,
            netmask: None,
            lcp: LcpConfig::default(),
            auth_timers: AuthTimers::default(),
            ipcp: IpcpConfig {
                accept_local: false,
                accept_remote: false,
                ..IpcpConfig::default()
            },
            echo: EchoConfig::default(),
            command_timeout: Duration::from_secs(30),
            dial_timeout: None,
            dial: None,
            dialer: Dialer::Modem,
            disconnect: None,
            max_connect: None,
            scripts: ScriptsConfig::default(),
            dns: DnsConfig::default(),
        }
    }
}

impl Config {
    /// How the PPP session is to run. With `empty_credentials` and no authentication configured, a demand is answered
    /// with an empty name and secret instead of being rejected: some modems end the link otherwise.
    pub fn session(&self, empty_credentials: bool) -> SessionConfig {
        let credentials = match self.auth {
            Auth::Chap => self.credentials(AllowedAuth {
                chap_md5: true,
                pap: self.allow_pap,
            }),
            Auth::Pap => self.credentials(AllowedAuth {
                chap_md5: false,
                pap: true,
            }),
            Auth::NoAuth => Credentials {
                allow: AllowedAuth {
                    chap_md5: empty_credentials,
                    pap: empty_credentials,
                },
                ..Credentials::default()
            },
        };
        SessionConfig {
            lcp: self.lcp.clone(),
            credentials,
            demand: None,
            auth: self.auth_timers,
            ipcp: IpcpConfig {
                local: self.local_address,
                accept_local: self.ipcp.accept_local || self.local_address.is_none(),
                remote: self.remote_address,
                accept_remote: self.ipcp.accept_remote || self.remote_address.is_none(),
                assign: None,
                request_dns: self.ipcp.request_dns && self.dns.use_peer,
                ..self.ipcp.clone()
            },
            echo: self.echo,
        }
    }

    fn credentials(&self, allow: AllowedAuth) -> Credentials {
        Credentials {
            user: self.account.clone(),
            secret: self.password.clone(),
            pap_secret: self.pap_password.clone(),
            allow,
        }
    }

    /// How the link is supervised; `once` is the command line's `--once`.
    pub fn policy(&self, once: bool) -> Policy {
        Policy {
            persist: self.persist,
            once,
            holdoff: self.holdoff,
            retry: self.retry,
            // Spec I1: `--once` never resets.
            reset_on_fail: self.reset_on_fail && !once,
            reset_always: self.reset_always && !once,
            reset_wait: self.reset_wait,
            reset_any: self.reset_any,
            good_after: self.good_after,
            backoff: self.backoff,
            demand: self.demand && !once,
        }
    }
}

impl PdpType {
    /// As it stands in `AT+CGDCONT` (3GPP TS 27.007 section 10.1.1).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "IP",
            Self::Ppp => "PPP",
        }
    }
}

/// Reads the text of a configuration file; `name` is what diagnostics call it, and `.toml` at its end chooses the
/// format. The configuration is there unless a diagnostic is an error.
///
/// The models that it may name are [`MODELS`]; see [`read_with_models`]. PROVIDER is an error; see [`read_with`].
pub fn read(name: &str, text: &[u8]) -> (Option<Config>, Vec<Diagnostic>) {
    read_any(name, text, device::Models::default(), Peers::OutOfReach)
}

/// Where a reader finds what a file names.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The files that it names: pppd's, with PROVIDER.
    pub files: &'a dyn Files,
    /// `/etc/ppp`, or what stands for it.
    pub ppp_dir: &'a Path,
    /// The models that it may name, as for [`read_with_models`]; `None`: [`MODELS`].
    pub models: Option<&'a [&'a str]>,
}

/// As [`read`], where PROVIDER may name a peers file of pppd's (spec C2): its options, and what they name, become part of
/// the configuration, and the problems in these files are among the diagnostics.
pub fn read_with(
    name: &str,
    text: &[u8],
    sources: &Sources<'_>,
) -> (Option<Config>, Vec<Diagnostic>) {
    let models = sources
        .models
        .map_or_else(device::Models::default, device::Models::all);
    let reading = pppd::Reading {
        files: sources.files,
        ppp_dir: sources.ppp_dir,
    };
    read_any(name, text, models, Peers::Read(reading))
}

/// Every option of pppd's, and what becomes of it: the text of `docs/pppd-options.md`.
pub fn pppd_options_page() -> String {
    pppd::options_page()
}

/// As [`read`], where `models` are the names of all modem profiles, those of the user's own too. Where these lie stands in
/// [`Config::profile_dir`], so a file is read twice: first to know that, then to know that each name in it has a meaning.
pub fn read_with_models(
    name: &str,
    text: &[u8],
    models: &[&str],
) -> (Option<Config>, Vec<Diagnostic>) {
    read_any(name, text, device::Models::all(models), Peers::OutOfReach)
}

/// What a reader does with PROVIDER.
#[derive(Clone, Copy)]
enum Peers<'a> {
    /// Its file is read.
    Read(pppd::Reading<'a>),
    /// It is an error: there are no files.
    OutOfReach,
    /// Only the main file is asked about.
    Skip,
}

fn read_any(
    name: &str,
    text: &[u8],
    models: device::Models<'_>,
    peers: Peers<'_>,
) -> (Option<Config>, Vec<Diagnostic>) {
    let mut report = report::Report::new(name);
    let config = if is_native(name) {
        native::read(text, models, peers, &mut report)
    } else {
        keyvalue::read(text, models, peers, &mut report)
    };
    let config = if report.failed() { None } else { Some(config) };
    (config, report.finish())
}

/// The settings that a file has a value for, by their names in uplinkd.toml, and the line of each: for
/// [`write::show`]. What it says wrong is not told again.
pub fn origins(name: &str, text: &[u8]) -> BTreeMap<&'static str, usize> {
    let mut report = report::Report::new(name);
    if is_native(name) {
        native::read(text, device::Models::default(), Peers::Skip, &mut report);
    } else {
        keyvalue::read(text, device::Models::default(), Peers::Skip, &mut report);
    }
    report.origins()
}

fn is_native(name: &str) -> bool {
    name.ends_with(".toml")
}

#[cfg(test)]
mod tests;

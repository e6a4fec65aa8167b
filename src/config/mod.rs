//! Configuration: one typed value, and the readers that make it from files (spec C).
//!
//! [`read`] takes the bytes of a file and gives back a [`Config`] and every problem found, each with its place. It opens
//! nothing itself. From the configuration the parts of the program take what they need: [`Config::session`],
//! [`Config::dial_plan`], [`Config::policy`].

#![forbid(unsafe_code)]

pub mod diagnostic;
pub mod keyvalue;
pub mod native;

mod draft;
mod lexer;
mod report;
mod value;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use crate::at::DialPlan;
use crate::link::Policy;
use crate::ppp::SessionConfig;
use crate::ppp::config::{AllowedAuth, AuthTimers, Credentials, EchoConfig, IpcpConfig, LcpConfig};
use crate::secret::Secret;

pub use diagnostic::{Diagnostic, Severity};

/// Everything that a configuration file can say, whatever its format. `Default` is what an empty file means.
#[derive(Clone, Debug)]
pub struct Config {
    /// C1. Whether the unit starts at boot; `uplinkd run` ignores it.
    pub start: bool,
    /// C3.
    pub persist: bool,
    /// C8.
    pub holdoff: Duration,
    /// C10. `None`: no context is defined.
    pub apn: Option<String>,
    /// C11.
    pub pdp_type: PdpType,
    /// C14. The tty.
    pub device: Device,
    /// D7. Bits per second.
    pub speed: u32,
    /// D7. RTS/CTS flow control.
    pub rtscts: bool,
    /// D7. pppd's `modem` (true): the fall of DCD ends the link, DTR hangs up. `local` (false): neither means
    /// anything.
    pub modem_lines: bool,
    /// C15.
    pub default_route: bool,
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
    /// D1.
    pub dial_timeout: Duration,
    /// D1: dial command.
    pub dial: String,
}

/// C14. What the configuration says the modem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// Find it. Acts with RECOVERY.
    Auto,
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
            holdoff: Duration::from_secs(5),
            apn: None,
            pdp_type: PdpType::Ip,
            device: Device::Auto,
            speed: 460_800,
            rtscts: true,
            modem_lines: true,
            default_route: false,
            route_metric: None,
            interface: "ppp0".to_owned(),
            auth: Auth::NoAuth,
            allow_pap: false,
            account: String::new(),
            password: Secret::default(),
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
            dial_timeout: Duration::from_secs(30),
            dial: "ATDT*99***1#".to_owned(),
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
                ..self.ipcp.clone()
            },
            echo: self.echo,
        }
    }

    fn credentials(&self, allow: AllowedAuth) -> Credentials {
        Credentials {
            user: self.account.clone(),
            secret: self.password.clone(),
            allow,
        }
    }

    /// How the modem is dialed: the dialog of spec D1.
    pub fn dial_plan(&self) -> DialPlan {
        DialPlan {
            command_timeout: self.command_timeout,
            dial_timeout: self.dial_timeout,
            ..DialPlan::dialog(self.apn.as_deref(), self.pdp_type.as_str(), &self.dial)
        }
    }

    /// How the link is supervised; `once` is the command line's `--once`.
    pub fn policy(&self, once: bool) -> Policy {
        Policy {
            persist: self.persist,
            once,
            holdoff: self.holdoff,
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
pub fn read(name: &str, text: &[u8]) -> (Option<Config>, Vec<Diagnostic>) {
    let mut report = report::Report::new(name);
    let config = if name.ends_with(".toml") {
        native::read(text, &mut report)
    } else {
        keyvalue::read(text, &mut report)
    };
    let config = if report.failed() { None } else { Some(config) };
    (config, report.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(config: &Config, empty: bool) -> (String, Vec<u8>, AllowedAuth) {
        let Credentials {
            user,
            secret,
            allow,
        } = config.session(empty).credentials;
        (user, secret.expose().to_vec(), allow)
    }

    fn sora(auth: Auth) -> Config {
        Config {
            auth,
            account: "sora".to_owned(),
            password: Secret::new("geheim"),
            ..Config::default()
        }
    }

    #[test]
    fn authentication_follows_the_configuration() {
        let allow = |chap_md5, pap| AllowedAuth { chap_md5, pap };
        let named = |allow| ("sora".to_owned(), b"geheim".to_vec(), allow);
        let nobody = |allow| (String::new(), Vec::new(), allow);
        let insisted = Config {
            allow_pap: true,
            ..sora(Auth::Chap)
        };
        for (config, empty, expected) in [
            (sora(Auth::Chap), false, named(allow(true, false))),
            (sora(Auth::Chap), true, named(allow(true, false))),
            (insisted, false, named(allow(true, true))),
            (sora(Auth::Pap), false, named(allow(false, true))),
            (sora(Auth::NoAuth), false, nobody(allow(false, false))),
            (sora(Auth::NoAuth), true, nobody(allow(true, true))),
        ] {
            assert_eq!(credentials(&config, empty), expected, "{config:?}");
            assert!(config.session(empty).demand.is_none());
        }
    }

    #[test]
    fn a_fixed_address_is_insisted_on_unless_told_otherwise() {
        let local = Some(Ipv4Addr::new(10, 0, 0, 2));
        let free = Config::default().session(false).ipcp;
        assert_eq!(free, IpcpConfig::default());
        let fixed = Config {
            local_address: local,
            ..Config::default()
        };
        assert_eq!(
            fixed.session(false).ipcp,
            IpcpConfig {
                local,
                accept_local: false,
                ..IpcpConfig::default()
            }
        );
        let mut lax = fixed;
        lax.ipcp.accept_local = true;
        assert_eq!(
            lax.session(false).ipcp,
            IpcpConfig {
                local,
                ..IpcpConfig::default()
            }
        );
    }

    #[test]
    fn dials_as_the_existing_system_does() {
        let config = Config {
            apn: Some("dream.jp".to_owned()),
            ..Config::default()
        };
        let plan = DialPlan {
            commands: ["ATZ", "ATE0", "AT+CGDCONT=1,\"IP\",\"dream.jp\"", "AT"]
                .map(str::to_owned)
                .to_vec(),
            dial: "ATDT*99***1#".to_owned(),
            command_timeout: Duration::from_secs(30),
            dial_timeout: Duration::from_secs(30),
        };
        assert_eq!(config.dial_plan(), plan);

        let raw = Config {
            pdp_type: PdpType::Ppp,
            ..config
        };
        assert_eq!(
            raw.dial_plan().commands.get(2).map(String::as_str),
            Some("AT+CGDCONT=1,\"PPP\",\"dream.jp\"")
        );
        assert_eq!(
            Config::default().dial_plan().commands,
            ["ATZ", "ATE0", "AT"]
        );
    }

    #[test]
    fn the_policy_is_persistent_with_five_seconds_unless_told() {
        let expected = Policy {
            persist: true,
            once: true,
            holdoff: Duration::from_secs(5),
        };
        assert_eq!(Config::default().policy(true), expected);
    }

    #[test]
    fn the_ending_chooses_the_format() {
        let old = b"DEVICE=ttyUSB0\n";
        let new = b"[modem]\ndevice = \"ttyUSB0\"\n";
        for (name, text, readable) in [
            ("ppp", &old[..], true),
            ("ppp.toml", &old[..], false),
            ("uplinkd.toml", &new[..], true),
            ("uplinkd.conf", &new[..], false),
        ] {
            assert_eq!(read(name, text).0.is_some(), readable, "{name}");
        }
    }
}

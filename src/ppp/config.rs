//! What a session is told before it starts: option values, timers, counters, credentials, role.
//!
//! The two roles (the gateway's and the ISP's) are data: the same protocol code runs with other values.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::secret::Secret;

/// Everything a [`Session`](super::Session) needs to know. `Default` is what the gateway's side wants for an
/// unauthenticated peer.
#[derive(Clone, Debug, Default)]
pub struct SessionConfig {
    /// Link Control Protocol.
    pub lcp: LcpConfig,
    /// How we prove who we are.
    pub credentials: Credentials,
    /// What proof we demand of the peer; `None` for the gateway's side (a modem must never be asked).
    pub demand: Option<AuthDemand>,
    /// Timers and counters of PAP and CHAP.
    pub auth: AuthTimers,
    /// Internet Protocol Control Protocol.
    pub ipcp: IpcpConfig,
    /// LCP echo keepalive.
    pub echo: EchoConfig,
}

/// Timers and counters of the option negotiation automaton (RFC 1661 section 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsmConfig {
    /// Restart timer. RFC default: 3 s.
    pub restart: Duration,
    /// Max-Configure: Configure-Requests without an answer. RFC default: 10.
    pub max_configure: u32,
    /// Max-Terminate: Terminate-Requests without an answer. RFC default: 2.
    pub max_terminate: u32,
    /// Max-Failure: Configure-Naks sent before they turn into Rejects, and Naks received before a Nak'd option is
    /// treated as rejected. RFC default: 5 (as pppd's code has it; its manual page says 10).
    pub max_failure: u32,
}

impl Default for FsmConfig {
    fn default() -> Self {
        Self {
            restart: Duration::from_secs(3),
            max_configure: 10,
            max_terminate: 2,
            max_failure: 5,
        }
    }
}

/// Link Control Protocol settings (spec P3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LcpConfig {
    /// Timers and counters.
    pub fsm: FsmConfig,
    /// Maximum-Receive-Unit that we ask for, 128 to 16384 octets; 1500 is the default and then not sent.
    pub mru: u16,
    /// Async-Control-Character-Map that we ask for (bit n: the peer escapes character n). `None`: the option is not
    /// sent, and the peer escapes all 32. Default: 0, as pppd's. A character of this map that arrives without an escape
    /// was put in by the line (XON, XOFF) and is dropped.
    pub accm: Option<u32>,
    /// Ask for a magic number (loop detection needs it).
    pub magic: bool,
    /// Ask for Protocol-Field-Compression, and use it where the peer asks.
    pub pfc: bool,
    /// Ask for Address-and-Control-Field-Compression, and use it where the peer asks.
    pub acfc: bool,
    /// Send no Configure-Request until one has come from the peer (pppd's `silent`).
    pub silent: bool,
    /// Magic-number collisions in a row until the line is judged looped back. pppd's: 10.
    pub max_loopback: u32,
    /// Acknowledge a Configure-Request that repeats or empties what was agreed, once Opened, instead of tearing the
    /// layer down (u-blox SARA-R4 sends one after Opened). Applies to IPCP too.
    pub ack_in_place: bool,
    /// Text of an Identification packet sent when the layer opens (RFC 1570); `None`: none is sent.
    pub identification: Option<String>,
    /// The largest packet that is sent, in octets, whatever the peer takes (pppd's `mtu`); `None`: what the peer takes.
    pub mtu: Option<u16>,
    /// Octets that are sent escaped whatever the peer asks for (pppd's `escape`): bit n of word n/32 is octet n.
    pub escape: [u32; 8],
    /// No control character that arrives is dropped, even if it is in `accm` (pppd's `receive-all`).
    pub receive_all: bool,
    /// No Echo-Request is sent while something is received (pppd's `lcp-echo-adaptive`).
    pub echo_adaptive: bool,
}

impl Default for LcpConfig {
    fn default() -> Self {
        Self {
            fsm: FsmConfig::default(),
            mru: 1500,
            accm: Some(0),
            magic: true,
            pfc: true,
            acfc: true,
            silent: false,
            max_loopback: 10,
            ack_in_place: true,
            identification: None,
            mtu: None,
            escape: [0; 8],
            receive_all: false,
            echo_adaptive: false,
        }
    }
}

/// How we answer a peer that demands authentication.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Our name (spec C17 `ACCOUNT`).
    pub user: String,
    /// Our password.
    pub secret: Secret,
    /// The one for PAP, where it is another (pppd has a secrets file for each).
    pub pap_secret: Option<Secret>,
    /// Which protocols we agree to. With both off, an authentication demand is rejected (pppd's "No auth is
    /// possible"), and the link goes on if the peer accepts that.
    pub allow: AllowedAuth,
}

/// Authentication protocols that we let the peer demand of us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllowedAuth {
    /// Password Authentication Protocol (sends the password in the clear).
    pub pap: bool,
    /// CHAP with MD5.
    pub chap_md5: bool,
}

/// An authentication protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// RFC 1334.
    Pap,
    /// RFC 1994 with algorithm 5.
    ChapMd5,
}

/// What we demand of the peer (the ISP's side).
#[derive(Clone, Debug)]
pub struct AuthDemand {
    /// The protocol that is asked for first; a Nak that suggests the other is followed if it is in `acceptable`.
    pub method: AuthMethod,
    /// Protocols that will do.
    pub acceptable: AllowedAuth,
    /// Our name in a CHAP Challenge, e.g. `UMTS_CHAP_SRVR`.
    pub name: String,
    /// Who may come in. Empty with `accept_any`: everybody.
    pub accounts: Vec<Account>,
    /// Accept whatever name and password come, as most modems do.
    pub accept_any: bool,
    /// Challenge again at this interval while the link is up (CHAP only).
    pub rechallenge: Option<Duration>,
    /// Text of a Success or Ack, of a Failure or Nak.
    pub messages: AuthMessages,
}

/// The texts an authenticator sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthMessages {
    /// With CHAP Success and PAP Authenticate-Ack.
    pub success: String,
    /// With CHAP Failure and PAP Authenticate-Nak.
    pub failure: String,
}

impl Default for AuthMessages {
    fn default() -> Self {
        Self {
            success: String::new(),
            failure: "Authentication failed".to_owned(),
        }
    }
}

/// Somebody who may come in.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name.
    pub user: String,
    /// The password.
    pub secret: Secret,
}

/// Timers and counters of PAP and CHAP, at pppd's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthTimers {
    /// Between two PAP Authenticate-Requests. 3 s.
    pub pap_restart: Duration,
    /// Authenticate-Requests without an answer. 10.
    pub pap_max_requests: u32,
    /// How long the PAP authenticator waits for a request. 30 s.
    pub pap_timeout: Duration,
    /// Between two CHAP Challenges or Responses. 3 s.
    pub chap_restart: Duration,
    /// CHAP Challenges without an answer. 10.
    pub chap_max_challenges: u32,
    /// How long the CHAP peer waits for the outcome. 60 s.
    pub chap_timeout: Duration,
}

impl Default for AuthTimers {
    fn default() -> Self {
        Self {
            pap_restart: Duration::from_secs(3),
            pap_max_requests: 10,
            pap_timeout: Duration::from_secs(30),
            chap_restart: Duration::from_secs(3),
            chap_max_challenges: 10,
            chap_timeout: Duration::from_secs(60),
        }
    }
}

/// Internet Protocol Control Protocol settings (spec P5, C20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpcpConfig {
    /// Timers and counters. Max-Failure is 100 here, as in pppd: modems stall with Naks until the network answers.
    pub fsm: FsmConfig,
    /// Our address; `None`: the peer names one (0.0.0.0 is asked for).
    pub local: Option<Ipv4Addr>,
    /// Take another address than `local` if the peer insists.
    pub accept_local: bool,
    /// The peer's address; `None`: whatever it says, or nothing.
    pub remote: Option<Ipv4Addr>,
    /// Let the peer choose another address than `remote`.
    pub accept_remote: bool,
    /// Ask the peer for DNS servers.
    pub request_dns: bool,
    /// The ISP's side: what the peer gets. `None` for the gateway's side.
    pub assign: Option<Assign>,
    /// An unchanged Configure-Request is repeated at most this often: a modem whose PDP context is pending Naks at
    /// once, for ever. 1 s.
    pub pending_interval: Duration,
    /// How many such rounds (Naks that are empty, or carry nothing but dummies) are borne before the negotiation
    /// fails as [`DownReason::NetworkPending`](super::DownReason::NetworkPending). 60.
    pub max_pending: u32,
}

impl Default for IpcpConfig {
    fn default() -> Self {
        Self {
            fsm: FsmConfig {
                max_failure: 100,
                ..FsmConfig::default()
            },
            local: None,
            accept_local: true,
            remote: None,
            accept_remote: true,
            request_dns: true,
            assign: None,
            pending_interval: Duration::from_secs(1),
            max_pending: 60,
        }
    }
}

/// What the ISP's side hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assign {
    /// The peer's address.
    pub address: Ipv4Addr,
    /// Its DNS servers; none: the options are rejected.
    pub dns: [Option<Ipv4Addr>; 2],
}

/// LCP echo keepalive (spec P3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoConfig {
    /// Between two Echo-Requests; zero: none is sent. 30 s.
    pub interval: Duration,
    /// Echo-Requests in a row without an answer, and without anything else received, until the peer is judged dead. 4;
    /// zero: never.
    pub failure: u32,
}

impl Default for EchoConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            failure: 4,
        }
    }
}

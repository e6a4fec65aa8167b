//! What a session tells its owner, and the typed reason why it ended (spec P7).

use std::fmt;
use std::net::Ipv4Addr;

use super::config::AuthMethod;
use crate::log::LogLine;

/// Something the owner of a session has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A line for the log.
    Log(LogLine),
    /// The session entered a phase (RFC 1661 section 3.2).
    Phase(Phase),
    /// IPCP is Opened: packets may flow. Comes again after a renegotiation, with what holds now.
    NetworkUp(Ipv4Settings),
    /// IPCP has left Opened: packets must not flow.
    NetworkDown,
    /// The session is over: it sends nothing more, and its owner hangs up.
    Down(DownReason),
}

/// The phases of RFC 1661 section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The line is not up.
    Dead,
    /// LCP negotiates.
    Establish,
    /// The peer or we have to prove who they are.
    Authenticate,
    /// NCPs negotiate, or packets flow.
    Network,
    /// LCP closes.
    Terminate,
}

/// What IPCP has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Settings {
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's, if it named one or one is configured.
    pub remote: Option<Ipv4Addr>,
    /// DNS servers, in order. Dummies such as 10.11.12.13 are left out.
    pub dns: [Option<Ipv4Addr>; 2],
    /// min(the peer's MRU, ours): the MTU of the interface (spec N1).
    pub mtu: u16,
}

/// The layer in which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Link Control Protocol.
    Lcp,
    /// Internet Protocol Control Protocol.
    Ipcp,
    /// PAP or CHAP.
    Auth,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lcp => "LCP",
            Self::Ipcp => "IPCP",
            Self::Auth => "authentication",
        })
    }
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DownReason {
    /// Our credentials were refused.
    #[error("the peer refused our {} credentials{}", method_name(*.method), message(.text))]
    AuthenticationRefused {
        /// The protocol.
        method: AuthMethod,
        /// What the peer said, control characters escaped.
        text: String,
    },
    /// No verdict on our credentials came in time.
    #[error("no answer to our {} credentials", method_name(*.method))]
    AuthenticationTimeout {
        /// The protocol.
        method: AuthMethod,
    },
    /// The peer's credentials were refused by us (ISP side).
    #[error("the peer did not authenticate itself")]
    PeerAuthenticationFailed,
    /// The peer refused to authenticate itself (ISP side).
    #[error("the peer refuses to authenticate itself")]
    PeerRefusedToAuthenticate,
    /// The peer sent a Terminate-Request, or closed the only network protocol.
    #[error("{layer} terminated by the peer{}{}", message(.text), if *.auth_rejected { "; we had rejected its authentication demand" } else { "" })]
    PeerTerminated {
        /// The layer that was terminated.
        layer: Layer,
        /// What the peer said, control characters escaped.
        text: String,
        /// Whether we had rejected the peer's demand for authentication in this session: the next attempt may agree
        /// with an empty name and secret.
        auth_rejected: bool,
    },
    /// The peer ended the negotiation after we had suggested another authentication protocol than the one it demands.
    #[error("the peer demands another authentication protocol than we have, and ended it{}", message(.text))]
    AuthenticationNotAgreed {
        /// What the peer said, control characters escaped.
        text: String,
    },
    /// No answer to our Configure-Requests.
    #[error("{layer}: timeout sending Config-Requests")]
    NegotiationTimeout {
        /// The layer that negotiated.
        layer: Layer,
    },
    /// The negotiation cannot succeed.
    #[error("{layer} negotiation failed: {why}")]
    NegotiationFailed {
        /// The layer that negotiated.
        layer: Layer,
        /// What the two could not agree on.
        why: String,
    },
    /// The modem kept stalling IPCP with empty or dummy Naks: not registered, or APN or credentials wrong.
    #[error(
        "IPCP: the modem stalled {rounds} times without an address (not registered, or APN or credentials wrong)"
    )]
    NetworkPending {
        /// How many Naks of that kind came in a row.
        rounds: u32,
    },
    /// The peer rejected IPCP or LCP by a Protocol-Reject.
    #[error("the peer rejects {layer}")]
    ProtocolRejected {
        /// The layer that was rejected.
        layer: Layer,
    },
    /// Echo-Requests were not answered.
    #[error("no response to {lost} echo-requests")]
    EchoTimeout {
        /// How many were lost in a row.
        lost: u32,
    },
    /// Our own packets come back: the modem is in command mode and echoes, or the line is looped.
    #[error("serial line is looped back")]
    Loopback,
    /// The line went down under the session.
    #[error("carrier lost")]
    CarrierLost,
    /// The owner closed the session.
    #[error("closed: {why}")]
    Closed {
        /// The text that went out with the Terminate-Request, e.g. `User request`.
        why: String,
    },
}

fn method_name(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Pap => "PAP",
        AuthMethod::ChapMd5 => "CHAP",
    }
}

fn message(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" ({text})")
    }
}

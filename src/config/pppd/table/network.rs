//! pppd's ipcp.c, ipv6cp.c, ccp.c, ecp.c, cbcp.c and (in 2.4.9) ipxcp.c.

use super::Act::Fsm;
use super::Argument::{Hex, None, Number, Text};
use super::Counter::{MaxConfigure, MaxFailure, MaxTerminate, Restart};
use super::Layer::Ipcp;
use super::{ACCEPT, Act, Group, HONOUR, REFUSE, Row, Service, always, honour, refuse, row, warn};

const VJ: &str = "no compression is offered";
const NO_IP: &str = "a link without IPv4 carries nothing";
const ROUTE: &str = "the default route leads through the link";
const NO_ROUTE: &str = "no default route is set; pppd refuses a defaultroute behind it";
const ARP: &str = "a client has nobody to answer for";
const NO_ARP: &str = "nothing is answered for others";
const V6: &str = "the link carries IPv4 only, as with a peer that refuses IPv6";
const NO_V6: &str = "the link carries IPv4 only";
const NO_CCP: &str = "no compression is offered";
const CRYPT: &str = "packets are not encrypted";
const NO_IPX: &str = "the link carries IPv4 only";

pub(super) const IPCP: &[Row] = &[
    refuse("noip", None, HONOUR, NO_IP),
    refuse("-ip", None, HONOUR, NO_IP),
    always("novj", None, HONOUR, VJ),
    always("-vj", None, HONOUR, VJ),
    always("novjccomp", None, HONOUR, VJ),
    always("-vjccomp", None, HONOUR, VJ),
    warn("vj-max-slots", Number, HONOUR, VJ),
    honour(
        "ipcp-accept-local",
        None,
        Act::AcceptLocal,
        "another address than ours is taken if the peer insists",
    ),
    honour(
        "ipcp-accept-remote",
        None,
        Act::AcceptRemote,
        "the peer may have another address than we say",
    ),
    honour("ipparam", Text, Act::IpParam, "the scripts' sixth argument"),
    always(
        "noipdefault",
        None,
        HONOUR,
        "the host's own address is never offered",
    ),
    warn("ms-dns", Text, HONOUR, "a client has no servers to offer"),
    warn("ms-wins", Text, HONOUR, "a client has no servers to offer"),
    honour("ipcp-restart", Number, Fsm(Ipcp, Restart), "seconds"),
    honour(
        "ipcp-max-terminate",
        Number,
        Fsm(Ipcp, MaxTerminate),
        "requests",
    ),
    honour(
        "ipcp-max-configure",
        Number,
        Fsm(Ipcp, MaxConfigure),
        "requests",
    ),
    honour(
        "ipcp-max-failure",
        Number,
        Fsm(Ipcp, MaxFailure),
        "refusals",
    ),
    honour("defaultroute", None, Act::DefaultRoute(true), ROUTE),
    honour("nodefaultroute", None, Act::DefaultRoute(false), NO_ROUTE),
    honour("-defaultroute", None, Act::DefaultRoute(false), NO_ROUTE),
    honour(
        "defaultroute-metric",
        Number,
        Act::RouteMetric,
        "-1: the system's own, 0",
    ),
    honour(
        "replacedefaultroute",
        None,
        Act::ReplaceDefaultRoute(true),
        "in place of another default route, which comes back",
    ),
    honour(
        "noreplacedefaultroute",
        None,
        Act::ReplaceDefaultRoute(false),
        "where there is a default route, it stays",
    ),
    warn("proxyarp", None, HONOUR, ARP),
    always("noproxyarp", None, HONOUR, NO_ARP),
    always("-proxyarp", None, HONOUR, NO_ARP),
    honour(
        "usepeerdns",
        None,
        Act::UsePeerDns,
        "the peer's DNS servers are asked for and used",
    ),
    warn(
        "usepeerwins",
        None,
        HONOUR,
        "WINS servers are not asked for",
    ),
    warn(
        "noresolvconf",
        None,
        HONOUR,
        "/etc/ppp/resolv.conf is written where servers are asked for",
    ),
    honour("netmask", Text, Act::NetMask, "of the interface"),
    always(
        "ipcp-no-addresses",
        None,
        HONOUR,
        "IP-Addresses is never sent",
    ),
    refuse("ipcp-no-address", None, HONOUR, "IP-Address is always sent"),
    always("noremoteip", None, HONOUR, "the peer needs no address"),
    refuse("nosendip", None, HONOUR, "IP-Address is always sent"),
    honour(
        "IP addresses",
        None,
        Act::Addresses,
        "local:remote; names of hosts are not looked up",
    ),
];

pub(super) const IPV6CP: &[Row] = &[
    warn("ipv6", Text, HONOUR, V6),
    warn("+ipv6", None, HONOUR, V6),
    always("noipv6", None, HONOUR, NO_V6),
    always("-ipv6", None, HONOUR, NO_V6),
    warn("ipv6cp-accept-local", None, HONOUR, V6),
    warn("ipv6cp-accept-remote", None, HONOUR, V6),
    warn("defaultroute6", None, HONOUR, V6),
    always("nodefaultroute6", None, HONOUR, NO_V6),
    always("-defaultroute6", None, HONOUR, NO_V6),
    warn("defaultroute6-metric", Number, HONOUR, V6),
    warn("ipv6cp-use-ipaddr", None, HONOUR, V6),
    warn("ipv6cp-use-persistent", None, HONOUR, V6),
    warn("ipv6cp-use-remotenumber", None, HONOUR, V6),
    always("ipv6cp-noremote", None, HONOUR, V6),
    always("ipv6cp-nosend", None, HONOUR, V6),
    warn("ipv6cp-restart", Number, HONOUR, V6),
    warn("ipv6cp-max-terminate", Number, HONOUR, V6),
    warn("ipv6cp-max-configure", Number, HONOUR, V6),
    warn("ipv6cp-max-failure", Number, HONOUR, V6),
];

/// Encryption that is asked for.
const fn encrypt(name: &'static str) -> Row {
    let service = Service::RefuseIfInForce(Group::Mppe);
    row(name, None, service, REFUSE, Act::Nothing, CRYPT)
}

/// And that is not.
const fn plain(name: &'static str) -> Row {
    let service = Service::TakesBack(Group::Mppe);
    row(name, None, service, ACCEPT, Act::Nothing, CRYPT)
}

pub(super) const CCP: &[Row] = &[
    always("noccp", None, ACCEPT, NO_CCP),
    always("-ccp", None, ACCEPT, NO_CCP),
    warn("bsdcomp", Text, ACCEPT, NO_CCP),
    always("nobsdcomp", None, ACCEPT, NO_CCP),
    always("-bsdcomp", None, ACCEPT, NO_CCP),
    warn("deflate", Text, ACCEPT, NO_CCP),
    always("nodeflate", None, ACCEPT, NO_CCP),
    always("-deflate", None, ACCEPT, NO_CCP),
    always("nodeflatedraft", None, ACCEPT, NO_CCP),
    warn("predictor1", None, ACCEPT, NO_CCP),
    always("nopredictor1", None, ACCEPT, NO_CCP),
    always("-predictor1", None, ACCEPT, NO_CCP),
    encrypt("require-mppe"),
    encrypt("+mppe"),
    plain("nomppe"),
    plain("-mppe"),
    encrypt("require-mppe-40"),
    encrypt("+mppe-40"),
    always("nomppe-40", None, ACCEPT, CRYPT),
    always("-mppe-40", None, ACCEPT, CRYPT),
    encrypt("require-mppe-128"),
    encrypt("+mppe-128"),
    always("nomppe-128", None, ACCEPT, CRYPT),
    always("-mppe-128", None, ACCEPT, CRYPT),
    warn("mppe-stateful", None, ACCEPT, CRYPT),
    always("nomppe-stateful", None, ACCEPT, CRYPT),
    always("noecp", None, ACCEPT, CRYPT),
    always("-ecp", None, ACCEPT, CRYPT),
];

pub(super) const CBCP: &[Row] = &[refuse(
    "callback",
    Text,
    REFUSE,
    "the network is not asked to call back",
)];

pub(super) const IPX: &[Row] = &[
    warn("ipx", None, ACCEPT, NO_IPX),
    warn("+ipx", None, ACCEPT, NO_IPX),
    always("noipx", None, ACCEPT, NO_IPX),
    always("-ipx", None, ACCEPT, NO_IPX),
    warn("ipx-network", Hex, ACCEPT, NO_IPX),
    warn("ipxcp-accept-network", None, ACCEPT, NO_IPX),
    warn("ipx-node", Text, ACCEPT, NO_IPX),
    warn("ipxcp-accept-local", None, ACCEPT, NO_IPX),
    warn("ipxcp-accept-remote", None, ACCEPT, NO_IPX),
    warn("ipx-routing", Number, ACCEPT, NO_IPX),
    warn("ipx-router-name", Text, ACCEPT, NO_IPX),
    warn("ipxcp-restart", Number, ACCEPT, NO_IPX),
    warn("ipxcp-max-terminate", Number, ACCEPT, NO_IPX),
    warn("ipxcp-max-configure", Number, ACCEPT, NO_IPX),
    warn("ipxcp-max-failure", Number, ACCEPT, NO_IPX),
];

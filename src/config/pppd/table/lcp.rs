//! pppd's lcp.c.

use super::Act::{Compression as Compress, Fsm};
use super::Argument::{Hex, None, Number, Path, Text};
use super::Compression::{AddressControl, Protocol};
use super::Counter::{MaxConfigure, MaxFailure, MaxTerminate, Restart};
use super::Layer::Lcp;
use super::{ACCEPT, Act, Group, HONOUR, REFUSE, Row, Service, always, honour, row, warn};

const ALL: &str = "nothing is asked for; what the peer asks for is granted as ever";
const ACFC: &str = "it is not asked for";
const MAP: &str = "characters that the peer is to escape; several add up";
const DEFAULT_MAP: &str = "not negotiated: the peer escapes all control characters";
const MAGIC: &str = "no magic number is sent; a looped line is not noticed";
const MRU: &str = "MRU is not negotiated: 1500";
const PFC: &str = "it is not asked for";
const PASSIVE: &str =
    "where the peer does not answer, the attempt ends, and the next one begins after HOLDOFF";
const BUNDLE: &str = "one line is one link here";

pub(super) const LCP: &[Row] = &[
    honour("-all", None, Act::NoLcpOptions, ALL),
    honour("noaccomp", None, Compress(AddressControl), ACFC),
    honour("-ac", None, Compress(AddressControl), ACFC),
    honour("asyncmap", Hex, Act::AsyncMap, MAP),
    honour("-as", Hex, Act::AsyncMap, MAP),
    honour("default-asyncmap", None, Act::DefaultAsyncMap, DEFAULT_MAP),
    honour("-am", None, Act::DefaultAsyncMap, DEFAULT_MAP),
    honour("nomagic", None, Act::NoMagic, MAGIC),
    honour("-mn", None, Act::NoMagic, MAGIC),
    honour("mru", Number, Act::Mru, "128 to 16384"),
    honour("default-mru", None, Act::DefaultMru, MRU),
    honour("-mru", None, Act::DefaultMru, MRU),
    honour(
        "mtu",
        Number,
        Act::Mtu,
        "128 to 16384: the interface's is at most this",
    ),
    honour("nopcomp", None, Compress(Protocol), PFC),
    honour("-pc", None, Compress(Protocol), PFC),
    warn("passive", None, HONOUR, PASSIVE),
    warn("-p", None, HONOUR, PASSIVE),
    honour("silent", None, Act::Silent, "the peer has to begin"),
    honour(
        "lcp-echo-failure",
        Number,
        Act::EchoFailure,
        "lost in a row until the peer is judged dead; 0: never",
    ),
    honour(
        "lcp-echo-interval",
        Number,
        Act::EchoInterval,
        "seconds; 0, and without this option: none is sent",
    ),
    honour(
        "lcp-echo-adaptive",
        None,
        Act::EchoAdaptive,
        "none is sent while something is received",
    ),
    warn(
        "lcp-rtt-file",
        Path,
        HONOUR,
        "round-trip times are in uplinkd status",
    ),
    honour("lcp-restart", Number, Fsm(Lcp, Restart), "seconds"),
    honour(
        "lcp-max-terminate",
        Number,
        Fsm(Lcp, MaxTerminate),
        "requests",
    ),
    honour(
        "lcp-max-configure",
        Number,
        Fsm(Lcp, MaxConfigure),
        "requests",
    ),
    honour("lcp-max-failure", Number, Fsm(Lcp, MaxFailure), "refusals"),
    honour(
        "receive-all",
        None,
        Act::ReceiveAll,
        "control characters of the map are taken as they come",
    ),
    row(
        "mrru",
        Number,
        Service::RefuseIfInForce(Group::Multilink),
        REFUSE,
        Act::Nothing,
        BUNDLE,
    ),
    warn("mpshortseq", None, ACCEPT, BUNDLE),
    always("nompshortseq", None, ACCEPT, BUNDLE),
    warn("endpoint", Text, ACCEPT, BUNDLE),
    always("noendpoint", None, ACCEPT, BUNDLE),
];

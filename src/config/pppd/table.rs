//! Every option of pppd's (2.4.9, Debian's, and those that 2.5 has added), and what becomes of it here (spec F1, F4).
//!
//! One table, by pppd's own source files: what an option takes, what the service does with it, and what the program called
//! as `pppd` is to do. `docs/pppd-options.md` is generated from it.

mod auth;
mod general;
mod lcp;
mod network;
mod tty;

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its name; one with a blank is no name, but what pppd calls a word that it recognises by its shape.
    pub(super) name: &'static str,
    pub(super) argument: Argument,
    pub(super) service: Service,
    /// Called as `pppd`.
    pub(super) f4: F4,
    pub(super) act: Act,
    /// Why, or how it is honoured. A sentence without its full stop.
    pub(super) note: &'static str,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// Nothing.
    None,
    /// A whole number, decimal, octal (`0...`) or hexadecimal (`0x...`).
    Number,
    /// A hexadecimal number.
    Hex,
    /// A word.
    Text,
    /// The path of a file, or the name of one.
    Path,
    /// A command for the shell.
    Command,
    /// A password.
    Secret,
}

/// What the service does with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// What it says is done.
    Honour,
    /// What it says is so in any case.
    Always,
    /// It does not matter here, and is named in a warning.
    Warn,
    /// The start is refused.
    Refuse,
    /// The start is refused unless a later option of the group takes it back.
    RefuseIfInForce(Group),
    /// Takes the options of the group back.
    TakesBack(Group),
}

/// Options that exclude each other: the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Whether the peer has to prove who it is.
    Auth,
    /// Several lines that are one link.
    Multilink,
    /// Encryption.
    Mppe,
}

/// What the program called as `pppd` does with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum F4 {
    /// That program is not there yet; this is planned.
    Later(Planned),
}

/// What an option is planned to become there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// What it says is done.
    Honour,
    /// Accepted, without an effect.
    Accept,
    /// An error.
    Refuse,
}

/// Which of our settings an honoured option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    AcceptLocal,
    AcceptRemote,
    Addresses,
    AsyncMap,
    Call,
    ChapTimeout,
    Compression(Compression),
    Connect,
    DefaultAsyncMap,
    DefaultMru,
    DefaultRoute(bool),
    Demand,
    Device,
    Disconnect,
    Domain,
    EchoAdaptive,
    EchoFailure,
    EchoInterval,
    Escape,
    File,
    Flow(bool),
    Fsm(Layer, Counter),
    Holdoff,
    Idle,
    IfName,
    Init,
    IpDown,
    IpParam,
    IpPreUp,
    IpUp,
    LinkName,
    MaxConnect,
    MaxFail,
    MaxOctets,
    Modem(bool),
    Mru,
    Mtu,
    Name,
    NetMask,
    NoLcpOptions,
    NoMagic,
    PapMaxRequests,
    PapRestart,
    PapTimeout,
    Password,
    Persist(bool),
    ReceiveAll,
    Refuse(Proof),
    RemoteName,
    ReplaceDefaultRoute(bool),
    RouteMetric,
    Secrets(Proof),
    Set,
    Silent,
    Speed,
    StopBits,
    Unit,
    Unset,
    UseHostName,
    UsePeerDns,
    User,
    UserFile,
}

/// What LCP compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    AddressControl,
    Protocol,
}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Lcp,
    Ipcp,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    Restart,
    MaxTerminate,
    MaxConfigure,
    MaxFailure,
}

/// A protocol of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Pap,
    Chap,
}

/// The parts of the table: pppd's source file, and its options.
pub(super) const PARTS: [(&str, &[Row]); 11] = [
    ("options.c", general::GENERAL),
    ("tty.c", tty::TTY),
    ("lcp.c", lcp::LCP),
    ("auth.c", auth::AUTH),
    ("upap.c, chap.c", auth::PAP_CHAP),
    ("chap_ms.c, eap.c", auth::OTHERS),
    ("ipcp.c", network::IPCP),
    ("ipv6cp.c", network::IPV6CP),
    ("ccp.c, ecp.c", network::CCP),
    ("cbcp.c", network::CBCP),
    ("ipxcp.c (2.4.9)", network::IPX),
];

/// All of them.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    PARTS.iter().flat_map(|(_, rows)| rows.iter())
}

/// The option of that name.
pub(super) fn find(name: &[u8]) -> Option<&'static Row> {
    rows().find(|row| row.name.as_bytes() == name && !row.is_shape())
}

/// The row of words that pppd recognises by their shape.
pub(super) fn shape(act: Act) -> Option<&'static Row> {
    rows().find(|row| row.is_shape() && row.act == act)
}

impl Row {
    /// Whether it has no name of its own, but a shape.
    pub(super) fn is_shape(&self) -> bool {
        self.name.contains(' ')
    }

    /// Whether what it takes may hold a password: chat scripts do.
    pub(super) fn hides_argument(&self) -> bool {
        match self.argument {
            Argument::Command | Argument::Secret => true,
            Argument::None | Argument::Number | Argument::Hex | Argument::Text | Argument::Path => {
                matches!(self.act, Act::Set)
            }
        }
    }
}

const HONOUR: F4 = F4::Later(Planned::Honour);
const ACCEPT: F4 = F4::Later(Planned::Accept);
const REFUSE: F4 = F4::Later(Planned::Refuse);

const fn row(
    name: &'static str,
    argument: Argument,
    service: Service,
    f4: F4,
    act: Act,
    note: &'static str,
) -> Row {
    Row {
        name,
        argument,
        service,
        f4,
        act,
        note,
    }
}

/// An option that acts here.
const fn honour(name: &'static str, argument: Argument, act: Act, note: &'static str) -> Row {
    row(name, argument, Service::Honour, HONOUR, act, note)
}

/// An option whose wish is fulfilled in any case.
const fn always(name: &'static str, argument: Argument, f4: F4, note: &'static str) -> Row {
    row(name, argument, Service::Always, f4, Act::Nothing, note)
}

/// An option that does not matter.
const fn warn(name: &'static str, argument: Argument, f4: F4, note: &'static str) -> Row {
    row(name, argument, Service::Warn, f4, Act::Nothing, note)
}

/// An option that changes what happens, and that cannot be done.
const fn refuse(name: &'static str, argument: Argument, f4: F4, note: &'static str) -> Row {
    row(name, argument, Service::Refuse, f4, Act::Nothing, note)
}

//! Faults by name: one list for `uplinkd sim`, `uplinkd demo`, their help, and the tests (spec I3).
//!
//! A fault is written `NAME[=VALUE][@TIME]`. There are three kinds, see [`When`]. What a fault does
//! to bytes is in the part that does it: `modem`, `line`, `tamper`, `isp`, `internet`. Here are
//! only names, values and times.

mod parse;

use std::time::Duration;

use parse::{count, milliseconds, pin, probability, seconds, seconds_or_always, write_duration};

pub use parse::FaultError;

/// `NAME[=VALUE][@TIME]` as given with `--fault`.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// What goes wrong.
    pub fault: Fault,
    /// When, see [`When`]. `None`: at the fault's default time.
    pub at: Option<Duration>,
}

/// In calls or rounds: without end.
pub const ALWAYS: u32 = u32::MAX;

/// What can go wrong. A number without another meaning says in how many calls, from the first on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the table below describes each by name")]
pub enum Fault {
    NoCarrier(u32),
    HangUp(u32),
    TermReq(u32),
    Unplug(Duration),
    LcpSilent(u32),
    IpcpSilent(u32),
    EchoSilent(u32),
    PeerSilent(u32),
    NoTermAck(u32),
    AuthReject(u32),
    PapOnly,
    Rechallenge(u32),
    NoDns,
    DummyDns(u32),
    EmptyNaks(u32),
    NakStorm(u32),
    RejectAll,
    EmptyConfReq,
    AsyncMap(u32),
    Mru(u16),
    Stray,
    StaleConfReq,
    Garbage(f64),
    Loopback(u32),
    BitFlip(f64),
    Drop(f64),
    NetSilent(u32),
    NoPing(u32),
    DnsSilent(u32),
    NewAddress,
    Busy(u32),
    NoDialtone(u32),
    NoAnswer(u32),
    CmeError(u16),
    LateConnect(Duration),
    AtSilent(Duration),
    DataMode,
    StuckDataMode,
    Urc,
    Chunk(usize),
    Slow(u32),
    Latency(Duration),
    SlowRegistration(Duration),
    RegistrationLost(Duration),
    CoverageLost(Duration),
    RegistrationDenied(Duration),
    Roaming,
    SimAbsent(Duration),
    SimBusy(Duration),
    SimFailure(Duration),
    Pin(String),
    Puk,
    WrongApn(ApnRefusal),
    Crash,
    ResetIgnored(u32),
    ResetDead(u32),
    ResetSlow(Duration),
    PowerIgnored(u32),
    NewName,
}

/// How a call with an APN that the network does not know is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApnRefusal {
    /// NO CARRIER.
    #[default]
    NoCarrier,
    /// CONNECT, dummy DNS servers, and NO CARRIER three seconds later (Huawei).
    Dummy,
    /// `+CME ERROR: 133`.
    Cme,
}

impl ApnRefusal {
    fn parse(text: &str) -> Option<Self> {
        [Self::NoCarrier, Self::Dummy, Self::Cme]
            .into_iter()
            .find(|refusal| refusal.name() == text)
    }

    fn name(self) -> &'static str {
        match self {
            Self::NoCarrier => "nocarrier",
            Self::Dummy => "dummy",
            Self::Cme => "cme",
        }
    }
}

/// What TIME means for a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Happens once in a call, TIME after its CONNECT.
    Event,
    /// Holds in a call from TIME after its CONNECT on.
    Call,
    /// Holds from TIME after the start of the simulator on.
    Modem,
}

/// One line of the list of faults.
#[derive(Debug)]
pub struct FaultInfo {
    /// Its name.
    pub name: &'static str,
    /// Another name, or empty.
    pub alias: &'static str,
    /// What VALUE stands for; empty: the fault has none.
    pub value: &'static str,
    /// VALUE if none is given.
    pub default: &'static str,
    /// What TIME means.
    pub when: When,
    /// TIME if none is given.
    pub default_at: Duration,
    /// One line for people.
    pub about: &'static str,
    build: fn(&str) -> Option<Fault>,
}

/// The list for help and documentation: how each fault is written, and what it does.
pub fn list() -> Vec<(String, String)> {
    Fault::all().iter().map(FaultInfo::describe).collect()
}

impl FaultInfo {
    fn describe(&self) -> (String, String) {
        let mut syntax = self.name.to_owned();
        let mut about = self.about.to_owned();
        if !self.value.is_empty() {
            syntax.push_str(&format!("={}", self.default));
            about.push_str(&format!(" VALUE: {}.", self.value));
        }
        if !self.default_at.is_zero() {
            syntax.push_str(&format!("@{}", write_duration(self.default_at)));
        }
        (syntax, about)
    }
}

impl FaultSpec {
    /// The fault's line in the list.
    pub fn info(&self) -> &'static FaultInfo {
        self.fault.info()
    }

    /// When: the given or the default time.
    pub fn time(&self) -> Duration {
        self.at.unwrap_or_else(|| self.info().default_at)
    }
}

impl From<Fault> for FaultSpec {
    fn from(fault: Fault) -> Self {
        Self { fault, at: None }
    }
}

impl Fault {
    /// Every fault there is, in the order in which they are shown.
    pub fn all() -> &'static [FaultInfo] {
        &FAULTS
    }

    /// The fault's line in the list.
    pub fn info(&self) -> &'static FaultInfo {
        let name = self.name();
        // A test holds that every fault has its line; the first line would only mislabel a fault in
        // a log.
        Self::all()
            .iter()
            .find(|info| info.name == name)
            .unwrap_or(&FAULTS[0])
    }

    /// The fault's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoCarrier(_) => "no-carrier",
            Self::HangUp(_) => "hangup",
            Self::TermReq(_) => "term-req",
            Self::Unplug(_) => "unplug",
            Self::LcpSilent(_) => "lcp-silent",
            Self::IpcpSilent(_) => "ipcp-silent",
            Self::EchoSilent(_) => "echo-silent",
            Self::PeerSilent(_) => "peer-silent",
            Self::NoTermAck(_) => "no-term-ack",
            Self::AuthReject(_) => "auth-reject",
            Self::PapOnly => "pap-only",
            Self::Rechallenge(_) => "rechallenge",
            Self::NoDns => "no-dns",
            Self::DummyDns(_) => "dummy-dns",
            Self::EmptyNaks(_) => "empty-naks",
            Self::NakStorm(_) => "nak-storm",
            Self::RejectAll => "reject-all",
            Self::EmptyConfReq => "empty-confreq",
            Self::AsyncMap(_) => "asyncmap",
            Self::Mru(_) => "mru",
            Self::Stray => "stray",
            Self::StaleConfReq => "stale-confreq",
            Self::Garbage(_) => "garbage",
            Self::Loopback(_) => "loopback",
            Self::BitFlip(_) => "bitflip",
            Self::Drop(_) => "drop",
            Self::NetSilent(_) => "net-silent",
            Self::NoPing(_) => "no-ping",
            Self::DnsSilent(_) => "dns-silent",
            Self::NewAddress => "new-address",
            Self::Busy(_) => "busy",
            Self::NoDialtone(_) => "no-dialtone",
            Self::NoAnswer(_) => "no-answer",
            Self::CmeError(_) => "cme-error",
            Self::LateConnect(_) => "late-connect",
            Self::AtSilent(_) => "at-silent",
            Self::DataMode => "data-mode",
            Self::StuckDataMode => "stuck-data-mode",
            Self::Urc => "urc",
            Self::Chunk(_) => "chunk",
            Self::Slow(_) => "slow",
            Self::Latency(_) => "latency",
            Self::SlowRegistration(_) => "slow-registration",
            Self::RegistrationLost(_) => "registration-lost",
            Self::CoverageLost(_) => "coverage-lost",
            Self::RegistrationDenied(_) => "registration-denied",
            Self::Roaming => "roaming",
            Self::SimAbsent(_) => "sim-absent",
            Self::SimBusy(_) => "sim-busy",
            Self::SimFailure(_) => "sim-failure",
            Self::Pin(_) => "pin",
            Self::Puk => "puk",
            Self::WrongApn(_) => "wrong-apn",
            Self::Crash => "crash",
            Self::ResetIgnored(_) => "reset-ignored",
            Self::ResetDead(_) => "reset-dead",
            Self::ResetSlow(_) => "reset-slow",
            Self::PowerIgnored(_) => "power-ignored",
            Self::NewName => "new-name",
        }
    }

    /// VALUE as it would be given; empty if there is none.
    fn value(&self) -> String {
        match self {
            Self::NoCarrier(n)
            | Self::HangUp(n)
            | Self::TermReq(n)
            | Self::LcpSilent(n)
            | Self::IpcpSilent(n)
            | Self::EchoSilent(n)
            | Self::PeerSilent(n)
            | Self::NoTermAck(n)
            | Self::AuthReject(n)
            | Self::Rechallenge(n)
            | Self::DummyDns(n)
            | Self::EmptyNaks(n)
            | Self::NakStorm(n)
            | Self::Loopback(n)
            | Self::NetSilent(n)
            | Self::NoPing(n)
            | Self::DnsSilent(n)
            | Self::Busy(n)
            | Self::NoDialtone(n)
            | Self::NoAnswer(n)
            | Self::ResetIgnored(n)
            | Self::ResetDead(n)
            | Self::PowerIgnored(n) => {
                if *n == ALWAYS {
                    "always".to_owned()
                } else {
                    n.to_string()
                }
            }
            Self::Unplug(time)
            | Self::LateConnect(time)
            | Self::AtSilent(time)
            | Self::Latency(time)
            | Self::SlowRegistration(time)
            | Self::RegistrationLost(time)
            | Self::CoverageLost(time)
            | Self::RegistrationDenied(time)
            | Self::SimAbsent(time)
            | Self::SimBusy(time)
            | Self::SimFailure(time)
            | Self::ResetSlow(time) => {
                if *time == Duration::MAX {
                    "always".to_owned()
                } else {
                    write_duration(*time)
                }
            }
            Self::AsyncMap(map) => format!("{map:x}"),
            Self::Mru(n) | Self::CmeError(n) => n.to_string(),
            Self::Garbage(p) | Self::BitFlip(p) | Self::Drop(p) => format!("{p:e}"),
            Self::Chunk(n) => n.to_string(),
            Self::Slow(n) => n.to_string(),
            Self::Pin(pin) => pin.clone(),
            Self::WrongApn(refusal) => refusal.name().to_owned(),
            Self::PapOnly
            | Self::NoDns
            | Self::RejectAll
            | Self::EmptyConfReq
            | Self::Stray
            | Self::StaleConfReq
            | Self::NewAddress
            | Self::DataMode
            | Self::StuckDataMode
            | Self::Urc
            | Self::Roaming
            | Self::Puk
            | Self::Crash
            | Self::NewName => String::new(),
        }
    }

    /// In how many calls it happens or holds; for resets: in how many of those.
    pub(super) fn calls(&self) -> u32 {
        match self {
            Self::NoCarrier(n)
            | Self::HangUp(n)
            | Self::TermReq(n)
            | Self::LcpSilent(n)
            | Self::IpcpSilent(n)
            | Self::EchoSilent(n)
            | Self::PeerSilent(n)
            | Self::NoTermAck(n)
            | Self::AuthReject(n)
            | Self::Loopback(n)
            | Self::NetSilent(n)
            | Self::NoPing(n)
            | Self::DnsSilent(n)
            | Self::Busy(n)
            | Self::NoDialtone(n)
            | Self::NoAnswer(n)
            | Self::ResetIgnored(n)
            | Self::ResetDead(n)
            | Self::PowerIgnored(n) => *n,
            Self::Unplug(_) | Self::Pin(_) | Self::Puk | Self::Crash => 1,
            Self::PapOnly
            | Self::Rechallenge(_)
            | Self::NoDns
            | Self::DummyDns(_)
            | Self::EmptyNaks(_)
            | Self::NakStorm(_)
            | Self::RejectAll
            | Self::EmptyConfReq
            | Self::AsyncMap(_)
            | Self::Mru(_)
            | Self::Stray
            | Self::StaleConfReq
            | Self::Garbage(_)
            | Self::BitFlip(_)
            | Self::Drop(_)
            | Self::NewAddress
            | Self::CmeError(_)
            | Self::LateConnect(_)
            | Self::AtSilent(_)
            | Self::DataMode
            | Self::StuckDataMode
            | Self::Urc
            | Self::Chunk(_)
            | Self::Slow(_)
            | Self::Latency(_)
            | Self::SlowRegistration(_)
            | Self::RegistrationLost(_)
            | Self::CoverageLost(_)
            | Self::RegistrationDenied(_)
            | Self::Roaming
            | Self::SimAbsent(_)
            | Self::SimBusy(_)
            | Self::SimFailure(_)
            | Self::WrongApn(_)
            | Self::ResetSlow(_)
            | Self::NewName => ALWAYS,
        }
    }

    /// For how long it holds from its time on, if it ends by itself.
    pub(super) fn lasts(&self) -> Option<Duration> {
        if let Self::AtSilent(time)
        | Self::RegistrationLost(time)
        | Self::CoverageLost(time)
        | Self::RegistrationDenied(time)
        | Self::SimAbsent(time)
        | Self::SimBusy(time)
        | Self::SimFailure(time) = self
        {
            (*time != Duration::MAX).then_some(*time)
        } else {
            None
        }
    }
}

const CALLS: &str = "in how many calls, or always";
const RESETS: &str = "for how many resets, or always";
const FOR_SECONDS: &str = "for how many seconds, or always";
const ROUNDS: &str = "how many rounds, or always";

/// When something happens that a link should be up for.
const LATER: Duration = Duration::from_secs(30);

const fn row(
    name: &'static str,
    when: When,
    value: (&'static str, &'static str),
    about: &'static str,
    build: fn(&str) -> Option<Fault>,
) -> FaultInfo {
    let default_at = match when {
        When::Event => Duration::from_secs(5),
        When::Call | When::Modem => Duration::ZERO,
    };
    FaultInfo {
        name,
        alias: "",
        value: value.0,
        default: value.1,
        when,
        default_at,
        about,
        build,
    }
}

#[rustfmt::skip]
static FAULTS: [FaultInfo; 59] = [
    row("no-carrier", When::Event, (CALLS, "1"), "The call ends, the modem says NO CARRIER.", |v| count(v).map(Fault::NoCarrier)),
    row("hangup", When::Event, (CALLS, "1"), "The call ends without a word: the modem is in command mode again.", |v| count(v).map(Fault::HangUp)),
    row("term-req", When::Event, (CALLS, "1"), "The ISP ends the session by an LCP Terminate-Request.", |v| count(v).map(Fault::TermReq)),
    row("unplug", When::Event, ("seconds until it is back", "3s"), "The tty vanishes, and comes back later.", |v| seconds(v).map(Fault::Unplug)),
    row("lcp-silent", When::Call, (CALLS, "always"), "CONNECT, and then the ISP says nothing.", |v| count(v).map(Fault::LcpSilent)),
    row("ipcp-silent", When::Call, (CALLS, "always"), "LCP and authentication work, IPCP is not answered.", |v| count(v).map(Fault::IpcpSilent)),
    FaultInfo { alias: "silence", ..row("echo-silent", When::Call, (CALLS, "always"), "LCP Echo-Requests are not answered, all else works.", |v| count(v).map(Fault::EchoSilent)) },
    FaultInfo { alias: "half-open", default_at: Duration::from_secs(5), ..row("peer-silent", When::Call, (CALLS, "always"), "The ISP's side goes dead, the modem notices nothing.", |v| count(v).map(Fault::PeerSilent)) },
    row("no-term-ack", When::Call, (CALLS, "always"), "LCP Terminate-Requests are not answered.", |v| count(v).map(Fault::NoTermAck)),
    row("auth-reject", When::Call, (CALLS, "always"), "The ISP refuses every name and password.", |v| count(v).map(Fault::AuthReject)),
    row("pap-only", When::Call, ("", ""), "CHAP is demanded twice before a Nak for PAP is followed.", |_| Some(Fault::PapOnly)),
    row("rechallenge", When::Call, (ROUNDS, "3"), "CHAP challenges follow one another before the verdict.", |v| count(v).map(Fault::Rechallenge)),
    row("no-dns", When::Call, ("", ""), "The ISP has no DNS servers to hand out.", |_| Some(Fault::NoDns)),
    row("dummy-dns", When::Call, (ROUNDS, "5"), "IPCP stalls with dummy DNS servers, one round a second.", |v| count(v).map(Fault::DummyDns)),
    row("empty-naks", When::Call, (ROUNDS, "always"), "IPCP stalls with empty Configure-Naks, each at once.", |v| count(v).map(Fault::EmptyNaks)),
    row("nak-storm", When::Call, (ROUNDS, "always"), "IPCP Naks every request with another address.", |v| count(v).map(Fault::NakStorm)),
    row("reject-all", When::Call, ("", ""), "The ISP rejects every LCP option.", |_| Some(Fault::RejectAll)),
    row("empty-confreq", When::Call, ("", ""), "The ISP's IPCP Configure-Request is empty, and comes again once IPCP is open.", |_| Some(Fault::EmptyConfReq)),
    row("asyncmap", When::Call, ("a map in hexadecimal", "a0000"), "The ISP wants these control characters escaped, both ways.", |v| u32::from_str_radix(v, 16).ok().map(Fault::AsyncMap)),
    row("mru", When::Call, ("128 to 16384", "576"), "The ISP takes no longer packets than this.", |v| v.parse().ok().filter(|n| (128..=16384).contains(n)).map(Fault::Mru)),
    row("stray", When::Call, ("", ""), "Discard-Requests and frames of unknown protocols come in between.", |_| Some(Fault::Stray)),
    row("stale-confreq", When::Call, ("", ""), "Three old Configure-Requests of the ISP stand before its first one.", |_| Some(Fault::StaleConfReq)),
    row("garbage", When::Call, ("probability per frame", "0.1"), "The modem's text comes between the frames.", |v| probability(v).map(Fault::Garbage)),
    row("loopback", When::Call, (CALLS, "always"), "The gateway's own bytes come back.", |v| count(v).map(Fault::Loopback)),
    row("bitflip", When::Call, ("probability per bit", "1e-5"), "Bits are flipped, both ways.", |v| probability(v).map(Fault::BitFlip)),
    row("drop", When::Call, ("probability per byte", "1e-4"), "Bytes are lost, both ways.", |v| probability(v).map(Fault::Drop)),
    row("net-silent", When::Call, (CALLS, "always"), "PPP works, but no packet comes from the internet.", |v| count(v).map(Fault::NetSilent)),
    row("no-ping", When::Call, (CALLS, "always"), "No host answers a ping.", |v| count(v).map(Fault::NoPing)),
    row("dns-silent", When::Call, (CALLS, "always"), "No DNS server answers.", |v| count(v).map(Fault::DnsSilent)),
    row("new-address", When::Call, ("", ""), "Each call gets another address.", |_| Some(Fault::NewAddress)),
    row("busy", When::Modem, (CALLS, "1"), "Dialing is answered by BUSY.", |v| count(v).map(Fault::Busy)),
    row("no-dialtone", When::Modem, (CALLS, "1"), "Dialing is answered by NO DIALTONE.", |v| count(v).map(Fault::NoDialtone)),
    row("no-answer", When::Modem, (CALLS, "1"), "Dialing is answered by NO ANSWER.", |v| count(v).map(Fault::NoAnswer)),
    row("cme-error", When::Modem, ("a number of 3GPP TS 27.007", "30"), "Dialing is answered by +CME ERROR.", |v| v.parse().ok().map(Fault::CmeError)),
    row("late-connect", When::Modem, ("seconds", "20s"), "CONNECT comes late.", |v| seconds(v).map(Fault::LateConnect)),
    row("at-silent", When::Modem, ("for how many seconds, or always", "always"), "The modem does not answer AT commands.", |v| seconds_or_always(v).map(Fault::AtSilent)),
    row("data-mode", When::Modem, ("", ""), "The modem is in data mode at the start, from a former run.", |_| Some(Fault::DataMode)),
    row("stuck-data-mode", When::Modem, ("", ""), "As data-mode, and neither +++ nor DTR ends it; a restart does.", |_| Some(Fault::StuckDataMode)),
    row("urc", When::Modem, ("", ""), "Unsolicited lines come between the answers.", |_| Some(Fault::Urc)),
    row("chunk", When::Modem, ("bytes", "1"), "The gateway gets bytes in pieces of this size, 1 ms apart.", |v| v.parse().ok().filter(|n| *n > 0).map(Fault::Chunk)),
    row("slow", When::Modem, ("bytes per second", "1000"), "The line is slow, both ways.", |v| v.parse().ok().filter(|n| *n > 0).map(Fault::Slow)),
    row("latency", When::Modem, ("milliseconds", "500ms"), "The way to the ISP takes this long, each way.", |v| milliseconds(v).map(Fault::Latency)),
    row("slow-registration", When::Modem, ("seconds", "60s"), "The modem takes this long to find its network.", |v| seconds(v).map(Fault::SlowRegistration)),
    FaultInfo { default_at: LATER, ..row("registration-lost", When::Modem, (FOR_SECONDS, "60s"), "The network is lost: the call ends, and dials are refused.", |v| seconds_or_always(v).map(Fault::RegistrationLost)) },
    FaultInfo { default_at: LATER, ..row("coverage-lost", When::Modem, (FOR_SECONDS, "60s"), "The network is lost: the call stays without a byte; dials are refused.", |v| seconds_or_always(v).map(Fault::CoverageLost)) },
    row("registration-denied", When::Modem, (FOR_SECONDS, "always"), "The network refuses to register the SIM.", |v| seconds_or_always(v).map(Fault::RegistrationDenied)),
    row("roaming", When::Modem, ("", ""), "The modem is registered as a guest.", |_| Some(Fault::Roaming)),
    row("sim-absent", When::Modem, (FOR_SECONDS, "always"), "There is no SIM in the modem.", |v| seconds_or_always(v).map(Fault::SimAbsent)),
    row("sim-busy", When::Modem, (FOR_SECONDS, "20s"), "The SIM is busy.", |v| seconds_or_always(v).map(Fault::SimBusy)),
    row("sim-failure", When::Modem, (FOR_SECONDS, "always"), "The SIM does not work.", |v| seconds_or_always(v).map(Fault::SimFailure)),
    row("pin", When::Modem, ("the PIN, 4 to 8 digits", "1234"), "The SIM wants its PIN, at every start of the modem.", |v| pin(v).map(Fault::Pin)),
    row("puk", When::Modem, ("", ""), "The SIM has been locked by wrong PINs, and wants its PUK.", |_| Some(Fault::Puk)),
    row("wrong-apn", When::Modem, ("nocarrier, dummy or cme: how calls are refused", "nocarrier"), "The network refuses every APN.", |v| ApnRefusal::parse(v).map(Fault::WrongApn)),
    FaultInfo { default_at: LATER, ..row("crash", When::Modem, ("", ""), "The modem hangs, AT and PPP; only a power reset ends that.", |_| Some(Fault::Crash)) },
    row("reset-ignored", When::Modem, (RESETS, "1"), "The AT command for a restart is answered by OK, and nothing happens.", |v| count(v).map(Fault::ResetIgnored)),
    row("reset-dead", When::Modem, (RESETS, "1"), "After a restart by AT the modem hangs; only a power reset ends that.", |v| count(v).map(Fault::ResetDead)),
    row("reset-slow", When::Modem, ("seconds", "120s"), "The modem is away for this long in every restart.", |v| seconds(v).map(Fault::ResetSlow)),
    row("power-ignored", When::Modem, (RESETS, "1"), "A power reset has no effect.", |v| count(v).map(Fault::PowerIgnored)),
    row("new-name", When::Modem, ("", ""), "A tty that comes back has another name.", |_| Some(Fault::NewName)),
];

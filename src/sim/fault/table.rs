//! The faults, one row each. Nothing else has to be said about a fault but what it does.

use std::time::Duration;

use super::value::{
    BYTES, CALLS, CME, FOR_SECONDS, LENGTH, MAP, MILLISECONDS, PACE, PER_BIT, PER_BYTE, PER_FRAME,
    PIN, REFUSAL, RESETS, ROUNDS, SECONDS, SECONDS_AWAY, Value,
};
use super::{ApnRefusal, FaultInfo, When};

/// A row: `Fault(type): name, when, kind of VALUE = VALUE if none is given, what it does, changes`.
macro_rules! faults {
    ($(
        $fault:ident $(($type:ty))?: $name:literal, $when:ident, $($kind:ident = $default:literal,)? $about:literal
        $(, $change:ident($($argument:literal)?))*;
    )+) => {
        /// What can go wrong. A number without another meaning says in how many calls, from the first on.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Fault {
            $(#[doc = $about] $fault $(($type))?,)+
        }

        pub(super) static FAULTS: [FaultInfo; [$($name),+].len()] = [
            $(FaultInfo {
                value: about_value!($($kind)?),
                default: concat!($($default)?),
                build: build!($fault $($kind)?),
                ..row($name, When::$when, $about)
            }
            $(.$change($($argument)?))*,)+
        ];

        impl Fault {
            /// The fault's name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$fault { .. } => $name,)+
                }
            }

            /// Its VALUE.
            pub(super) fn value(&self) -> Value {
                $($(
                    if let Self::$fault(value) = self {
                        return ($kind.value)(value);
                    }
                )?)+
                Value::None
            }
        }
    };
}

macro_rules! about_value {
    () => {
        ""
    };
    ($kind:ident) => {
        $kind.about
    };
}

macro_rules! build {
    ($fault:ident) => {
        |_| Some(Fault::$fault)
    };
    ($fault:ident $kind:ident) => {
        |value| ($kind.read)(value).map(Fault::$fault)
    };
}

faults! {
    NoCarrier(u32): "no-carrier", Event, CALLS = "1", "The call ends, the modem says NO CARRIER.";
    HangUp(u32): "hangup", Event, CALLS = "1", "The call ends without a word: the modem is in command mode again.";
    TermReq(u32): "term-req", Event, CALLS = "1", "The ISP ends the session by an LCP Terminate-Request.";
    Unplug(Duration): "unplug", Event, SECONDS_AWAY = "3s", "The tty vanishes, and comes back later.", once();
    LcpSilent(u32): "lcp-silent", Call, CALLS = "always", "CONNECT, and then the ISP says nothing.";
    IpcpSilent(u32): "ipcp-silent", Call, CALLS = "always", "LCP and authentication work, IPCP is not answered.";
    EchoSilent(u32): "echo-silent", Call, CALLS = "always", "LCP Echo-Requests are not answered, all else works.", alias("silence");
    PeerSilent(u32): "peer-silent", Call, CALLS = "always", "The ISP's side goes dead, the modem notices nothing.", alias("half-open"), at(5);
    NoTermAck(u32): "no-term-ack", Call, CALLS = "always", "LCP Terminate-Requests are not answered.";
    AuthReject(u32): "auth-reject", Call, CALLS = "always", "The ISP refuses every name and password.";
    PapOnly: "pap-only", Call, "CHAP is demanded twice before a Nak for PAP is followed.";
    Rechallenge(u32): "rechallenge", Call, ROUNDS = "3", "CHAP challenges follow one another before the verdict.";
    NoDns: "no-dns", Call, "The ISP has no DNS servers to hand out.";
    DummyDns(u32): "dummy-dns", Call, ROUNDS = "5", "IPCP stalls with dummy DNS servers, one round a second.";
    EmptyNaks(u32): "empty-naks", Call, ROUNDS = "always", "IPCP stalls with empty Configure-Naks, each at once.";
    NakStorm(u32): "nak-storm", Call, ROUNDS = "always", "IPCP Naks every request with another address.";
    RejectAll: "reject-all", Call, "The ISP rejects every LCP option.";
    EmptyConfReq: "empty-confreq", Call, "The ISP's IPCP Configure-Request is empty, and comes again once IPCP is open.";
    AsyncMap(u32): "asyncmap", Call, MAP = "a0000", "The ISP wants these control characters escaped, both ways.";
    Mru(u16): "mru", Call, LENGTH = "576", "The ISP takes no longer packets than this.";
    Stray: "stray", Call, "Discard-Requests and frames of unknown protocols come in between.";
    StaleConfReq: "stale-confreq", Call, "Three old Configure-Requests of the ISP stand before its first one.";
    Garbage(f64): "garbage", Call, PER_FRAME = "0.1", "The modem's text comes between the frames.";
    Loopback(u32): "loopback", Call, CALLS = "always", "The gateway's own bytes come back.";
    BitFlip(f64): "bitflip", Call, PER_BIT = "1e-5", "Bits are flipped, both ways.";
    Drop(f64): "drop", Call, PER_BYTE = "1e-4", "Bytes are lost, both ways.";
    NetSilent(u32): "net-silent", Call, CALLS = "always", "PPP works, but no packet comes from the internet.";
    NoPing(u32): "no-ping", Call, CALLS = "always", "No host answers a ping.";
    DnsSilent(u32): "dns-silent", Call, CALLS = "always", "No DNS server answers.";
    NewAddress: "new-address", Call, "Each call gets another address.";
    Busy(u32): "busy", Modem, CALLS = "1", "Dialing is answered by BUSY.";
    NoDialtone(u32): "no-dialtone", Modem, CALLS = "1", "Dialing is answered by NO DIALTONE.";
    NoAnswer(u32): "no-answer", Modem, CALLS = "1", "Dialing is answered by NO ANSWER.";
    CmeError(u16): "cme-error", Modem, CME = "30", "Dialing is answered by +CME ERROR.";
    LateConnect(Duration): "late-connect", Modem, SECONDS = "20s", "CONNECT comes late.";
    AtSilent(Duration): "at-silent", Modem, FOR_SECONDS = "always", "The modem does not answer AT commands.";
    DataMode: "data-mode", Modem, "The modem is in data mode at the start, from a former run.";
    StuckDataMode: "stuck-data-mode", Modem, "As data-mode, and neither +++ nor DTR ends it; a restart does.";
    Urc: "urc", Modem, "Unsolicited lines come between the answers.";
    Chunk(usize): "chunk", Modem, BYTES = "1", "The gateway gets bytes in pieces of this size, 1 ms apart.";
    Slow(u32): "slow", Modem, PACE = "1000", "The line is slow, both ways.";
    Latency(Duration): "latency", Modem, MILLISECONDS = "500ms", "The way to the ISP takes this long, each way.";
    SlowRegistration(Duration): "slow-registration", Modem, SECONDS = "60s", "The modem takes this long to find its network.";
    RegistrationLost(Duration): "registration-lost", Modem, FOR_SECONDS = "60s", "The network is lost: the call ends, and dials are refused.", at(30);
    CoverageLost(Duration): "coverage-lost", Modem, FOR_SECONDS = "60s", "The network is lost: the call stays without a byte; dials are refused.", at(30);
    RegistrationDenied(Duration): "registration-denied", Modem, FOR_SECONDS = "always", "The network refuses to register the SIM.";
    Roaming: "roaming", Modem, "The modem is registered as a guest.";
    SimAbsent(Duration): "sim-absent", Modem, FOR_SECONDS = "always", "There is no SIM in the modem.";
    SimBusy(Duration): "sim-busy", Modem, FOR_SECONDS = "20s", "The SIM is busy.";
    SimFailure(Duration): "sim-failure", Modem, FOR_SECONDS = "always", "The SIM does not work.";
    Pin(String): "pin", Modem, PIN = "1234", "The SIM wants its PIN, at every start of the modem.", once();
    Puk: "puk", Modem, "The SIM has been locked by wrong PINs, and wants its PUK.", once();
    WrongApn(ApnRefusal): "wrong-apn", Modem, REFUSAL = "nocarrier", "The network refuses every APN.";
    Crash: "crash", Modem, "The modem hangs, AT and PPP; only a power reset ends that.", at(30), once();
    ResetIgnored(u32): "reset-ignored", Modem, RESETS = "1", "The AT command for a restart is answered by OK, and nothing happens.";
    ResetDead(u32): "reset-dead", Modem, RESETS = "1", "After a restart by AT the modem hangs; only a power reset ends that.";
    ResetSlow(Duration): "reset-slow", Modem, SECONDS = "120s", "The modem is away for this long in every restart.";
    PowerIgnored(u32): "power-ignored", Modem, RESETS = "1", "A power reset has no effect.";
    NewName: "new-name", Modem, "A tty that comes back has another name.";
}

const fn row(name: &'static str, when: When, about: &'static str) -> FaultInfo {
    let default_at = match when {
        When::Event => Duration::from_secs(5),
        When::Call | When::Modem => Duration::ZERO,
    };
    FaultInfo {
        name,
        alias: "",
        value: "",
        default: "",
        when,
        default_at,
        about,
        once: false,
        build: |_| None,
    }
}

/// The changes of a row.
impl FaultInfo {
    /// Another name.
    const fn alias(self, alias: &'static str) -> Self {
        Self { alias, ..self }
    }

    /// TIME in seconds if none is given.
    const fn at(self, seconds: u64) -> Self {
        let default_at = Duration::from_secs(seconds);
        Self { default_at, ..self }
    }

    /// It happens once, although VALUE counts no calls.
    const fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

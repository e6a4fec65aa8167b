//! The kinds of trouble.

use std::time::Duration;

use crate::link::UserStop;
use crate::sim::FaultSpec;

/// A kind of trouble.
#[derive(Debug)]
pub struct Kind {
    /// For people.
    pub name: &'static str,
    /// How long the gateway may take once it is over, and whether it may lead to a reset.
    pub class: Class,
    /// What happens.
    pub effect: Effect,
    /// The call that is up is cut when the trouble begins, so that a gateway in a good link meets it.
    pub cut: bool,
    /// Longest time that it lasts.
    pub longest: Duration,
    /// Where it can be.
    pub needs: Needs,
    /// It leaves something behind that only a reset ends.
    pub until_reset: bool,
    /// By what one sees that it acts, see [`Sign`].
    pub sign: Sign,
}

/// What bounds the recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing may come of it.
    Harmless,
    /// Network, modem and line: 300 s of back-off.
    Network,
    /// Configuration and SIM: 60 minutes. A reset must never come of it.
    Configuration,
}

/// What a trouble does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These faults of the simulator's hold.
    Faults(&'static [&'static str]),
    /// The modem is pulled until the end.
    Unplug(Name),
    /// The modem is pulled for some seconds each time that it is told to dial.
    UnplugAtDial(Name),
    /// The ttys go for two seconds while the modem runs on.
    Glitch(Name),
    /// All modems are pulled for a moment, and come back in another order.
    Swap,
    /// The wall clock jumps by this many seconds.
    Clock(i64),
    /// Nothing can be written to the state directory.
    Disk,
    /// Another SIM is in the modem.
    Card(Foreign),
    /// The daemon is killed, and started again.
    Kill,
    /// A user asks for something; what he has disconnected he connects again at the end.
    User(UserStop),
}

/// Whether a tty comes back under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// It does.
    Same,
    /// It gets another one.
    Other,
}

/// A SIM that is not the operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// It has another PIN than the configured.
    OtherPin,
    /// It is locked by its PUK.
    Puk,
}

/// What a site must have for a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A modem on the USB.
    Usb,
    /// A failure leads to a reset, and that can switch the modem's power.
    Reset,
    /// The monitor: nothing else can notice it.
    Monitor,
    /// A daemon that can be killed.
    Kill,
}

/// What shows that a trouble acts, when it is the only one.
#[derive(Clone, Copy, Debug)]
pub enum Sign {
    /// A link or an attempt ends for another reason than the cut.
    Ends(&'static str),
    /// The log has these words.
    Log(&'static str),
    /// The links are made later, or by more bytes: the simulator's counters show it.
    Stats(fn(&Seen) -> bool),
}

/// What a test has seen of a site.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Packets that were lost on the line.
    pub bad_frames: u64,
    /// Restarts of the modem by an AT command.
    pub at_resets: u32,
    /// The longest time from an attempt's beginning to its link, the first one left out.
    pub slowest_link: Duration,
    /// Writes to the state file that failed.
    pub failed_saves: u32,
    /// Different addresses that were given.
    pub addresses: usize,
    /// How far the wall clock was set.
    pub clock_set: u32,
    /// Attempts.
    pub attempts: u32,
    /// Links, and how often IPCP was opened in them.
    pub links: u32,
    /// See [`links`](Self::links).
    pub ups: u32,
    /// LCP Echo-Requests without an answer.
    pub lost_echoes: u64,
    /// Daemons that were killed.
    pub kills: u32,
    /// Lookups without an answer.
    pub unanswered_lookups: u32,
}

const fn kind(
    name: &'static str,
    class: Class,
    effect: Effect,
    longest: Duration,
    sign: Sign,
) -> Kind {
    Kind {
        name,
        class,
        effect,
        cut: false,
        longest,
        needs: Needs::Nothing,
        until_reset: false,
        sign,
    }
}

const fn cut(kind: Kind) -> Kind {
    Kind { cut: true, ..kind }
}

const fn needs(needs: Needs, kind: Kind) -> Kind {
    Kind { needs, ..kind }
}

/// Only a reset ends it.
const fn until_reset(kind: Kind) -> Kind {
    Kind {
        needs: Needs::Reset,
        until_reset: true,
        ..kind
    }
}

const ONCE: Duration = Duration::ZERO;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const HOURS: Duration = Duration::from_secs(5 * 3600);

use Class::{Configuration, Harmless, Network};
use Effect::{Card, Clock, Disk, Faults, Glitch, Kill, Swap, Unplug, UnplugAtDial, User};
use Name::{Other, Same};
use Sign::{Ends, Log, Stats};

fn is_noisy(seen: &Seen) -> bool {
    seen.bad_frames > 0
}

/// Every kind of trouble.
#[rustfmt::skip]
pub static KINDS: [Kind; 76] = [
    // The modem.
    cut(kind("modem silent", Network, Faults(&["at-silent"]), HOUR, Ends("does not answer"))),
    until_reset(kind("modem crashed until its power is switched", Network, Faults(&["crash@0s"]), ONCE, Ends("does not answer"))),
    cut(kind("garbage between frames, lines between answers", Network, Faults(&["urc", "garbage=0.5"]), HOUR, Stats(is_noisy))),
    cut(kind("answers in pieces", Network, Faults(&["chunk=1"]), HOUR, Stats(|seen| seen.slowest_link > Duration::from_millis(1200)))),
    kind("stuck in data mode", Network, Faults(&["stuck-data-mode", "peer-silent@0s"]), HOUR, Ends("does not answer AT")),
    cut(kind("CONNECT comes late", Network, Faults(&["late-connect=25s"]), HOUR, Stats(|seen| seen.slowest_link >= Duration::from_secs(25)))),
    cut(kind("CONNECT comes too late", Network, Faults(&["late-connect=200s"]), HOUR, Ends("no answer to ATDT"))),
    cut(kind("AT reset without effect", Network, Faults(&["reset-ignored=always", "no-dialtone=always"]), HOUR, Log("did nothing: the tty did not go"))),
    cut(kind("no reset has an effect", Network, Faults(&["reset-ignored=always", "power-ignored=always", "at-silent"]), HOUR, Ends("does not answer"))),
    cut(kind("reset takes 120 s", Network, Faults(&["reset-slow=120s", "no-dialtone=always"]), HOUR, Stats(|seen| seen.at_resets > 0))),
    until_reset(cut(kind("comes back dead after a reset", Network, Faults(&["reset-dead=1", "no-dialtone=always"]), HOUR, Ends("does not answer")))),
    needs(Needs::Usb, cut(kind("back under another name after each reset", Network, Faults(&["new-name", "no-dialtone=always"]), HOUR, Stats(|seen| seen.at_resets > 0)))),
    // The call.
    cut(kind("dial answered BUSY", Network, Faults(&["busy=always"]), HOUR, Ends("BUSY"))),
    cut(kind("dial answered NO DIALTONE", Network, Faults(&["no-dialtone=always"]), HOUR, Ends("NO DIALTONE"))),
    cut(kind("dial answered NO ANSWER", Network, Faults(&["no-answer=always"]), HOUR, Ends("NO ANSWER"))),
    cut(kind("dial answered +CME ERROR: no network service", Network, Faults(&["cme-error=30"]), HOUR, Ends("30"))),
    cut(kind("NO CARRIER during LCP", Network, Faults(&["no-carrier=always@10ms"]), HOUR, Stats(|seen| seen.attempts > 10 && seen.links <= 4))),
    cut(kind("NO CARRIER during authentication", Network, Faults(&["no-carrier=always@70ms"]), HOUR, Stats(|seen| seen.attempts > 10 && seen.links <= 4))),
    cut(kind("NO CARRIER during IPCP", Network, Faults(&["no-carrier=always@150ms"]), HOUR, Stats(|seen| seen.attempts > 10 && seen.links <= 4))),
    cut(kind("NO CARRIER soon after each link", Network, Faults(&["no-carrier=always@20s"]), HOUR, Stats(|seen| seen.links > 10))),
    kind("NO CARRIER once", Network, Faults(&["no-carrier@0s"]), ONCE, Ends("carrier lost")),
    cut(kind("hang-ups without a word", Network, Faults(&["hangup=always@20s"]), HOUR, Ends("no response to"))),
    // The tty.
    kind("tty gone for a moment", Network, Unplug(Same), Duration::from_secs(3), Ends("vanished")),
    kind("tty gone for up to five minutes", Network, Unplug(Same), Duration::from_secs(300), Ends("vanished")),
    kind("tty gone for hours", Network, Unplug(Same), HOURS, Ends("vanished")),
    needs(Needs::Usb, kind("tty back under another name", Network, Unplug(Other), HOUR, Ends("vanished"))),
    kind("tty gone while the modem runs on", Network, Glitch(Same), ONCE, Ends("vanished")),
    needs(Needs::Usb, kind("tty renamed while the modem runs on", Network, Glitch(Other), ONCE, Ends("vanished"))),
    cut(kind("tty gone at each dial", Network, UnplugAtDial(Same), HOUR, Ends("vanished"))),
    needs(Needs::Usb, cut(kind("tty gone at each dial, renamed", Network, UnplugAtDial(Other), HOUR, Ends("vanished")))),
    cut(kind("tty gone during LCP", Network, Faults(&["unplug=3s@10ms"]), MINUTE, Ends("vanished"))),
    cut(kind("tty gone during authentication", Network, Faults(&["unplug=3s@70ms"]), MINUTE, Ends("vanished"))),
    needs(Needs::Usb, cut(kind("tty gone during IPCP, renamed", Network, Faults(&["unplug=3s@150ms", "new-name"]), MINUTE, Ends("vanished")))),
    cut(kind("tty gone soon after the link", Network, Faults(&["unplug=40s@20s"]), MINUTE, Ends("vanished"))),
    needs(Needs::Usb, kind("ttys in another order", Network, Swap, ONCE, Ends("vanished"))),
    // The peer.
    cut(kind("peer terminates at once", Network, Faults(&["term-req=always@1s"]), HOUR, Ends("peer"))),
    kind("peer terminates once", Network, Faults(&["term-req@0s"]), ONCE, Ends("peer")),
    cut(kind("LCP silent", Network, Faults(&["lcp-silent"]), HOUR, Ends("LCP"))),
    cut(kind("IPCP silent", Network, Faults(&["ipcp-silent"]), HOUR, Ends("IPCP"))),
    cut(kind("echo silent", Network, Faults(&["echo-silent"]), HOURS, Stats(|seen| seen.lost_echoes > 10))),
    needs(Needs::Monitor, cut(kind("peer does not answer a Terminate-Request", Network, Faults(&["no-term-ack", "net-silent"]), HOURS, Ends("pings in a row")))),
    cut(kind("dummy DNS for ever", Network, Faults(&["dummy-dns=always"]), HOUR, Ends("IPCP"))),
    cut(kind("dummy DNS for a while", Network, Faults(&["dummy-dns=5"]), HOUR, Stats(|seen| seen.slowest_link > Duration::from_secs(4)))),
    cut(kind("empty Naks for ever", Network, Faults(&["empty-naks"]), HOUR, Ends("IPCP"))),
    cut(kind("Naks with ever another address", Network, Faults(&["nak-storm"]), HOUR, Ends("IPCP"))),
    cut(kind("peer renegotiates", Harmless, Faults(&["empty-confreq"]), HOUR, Log("rcvd [IPCP ConfReq id=0x2]"))),
    cut(kind("old and strange frames of the peer", Harmless, Faults(&["stale-confreq", "stray"]), HOUR, Log("rotocol"))),
    cut(kind("another address at each call", Harmless, Faults(&["new-address"]), HOURS, Stats(|seen| seen.addresses > 1))),
    // The line.
    kind("half-open line", Network, Faults(&["peer-silent@0s"]), HOURS, Ends("cho")),
    kind("looped line", Network, Faults(&["loopback"]), HOUR, Ends("looped")),
    kind("bit errors, few", Network, Faults(&["bitflip=1e-4"]), HOURS, Stats(is_noisy)),
    kind("bit errors, many", Network, Faults(&["bitflip=1e-3"]), HOUR, Stats(is_noisy)),
    kind("lost bytes", Network, Faults(&["drop=1e-3"]), HOUR, Stats(is_noisy)),
    cut(kind("line at 9600 bit/s", Harmless, Faults(&["slow=960"]), HOURS, Stats(|seen| seen.slowest_link > Duration::from_millis(1200)))),
    cut(kind("latency of 3 s", Network, Faults(&["latency=1500ms"]), HOUR, Stats(|seen| seen.slowest_link > Duration::from_secs(3)))),
    // The network.
    cut(kind("registration lost", Network, Faults(&["registration-lost=always@0s"]), HOURS, Ends("searching for a network"))),
    kind("coverage lost", Network, Faults(&["coverage-lost=always@0s"]), HOURS, Ends("searching for a network")),
    cut(kind("registration denied", Network, Faults(&["registration-denied"]), HOUR, Ends("egist"))),
    needs(Needs::Monitor, kind("ping silent while echo answers", Network, Faults(&["net-silent"]), HOUR, Ends("pings in a row"))),
    needs(Needs::Monitor, kind("no host answers a ping", Network, Faults(&["no-ping"]), HOUR, Ends("pings in a row"))),
    needs(Needs::Monitor, cut(kind("DNS dead", Harmless, Faults(&["dns-silent"]), HOUR, Stats(|seen| seen.unanswered_lookups > 0)))),
    // SIM, configuration.
    cut(kind("SIM busy", Configuration, Faults(&["sim-busy=always"]), HOURS, Ends("SIM"))),
    cut(kind("SIM absent", Configuration, Faults(&["sim-absent"]), HOURS, Ends("SIM"))),
    cut(kind("SIM fails", Configuration, Faults(&["sim-failure"]), HOUR, Ends("SIM"))),
    needs(Needs::Usb, kind("another SIM with another PIN", Configuration, Card(Foreign::OtherPin), HOURS, Ends("PIN"))),
    needs(Needs::Usb, kind("another SIM, locked by its PUK", Configuration, Card(Foreign::Puk), HOURS, Ends("PUK"))),
    // The network says NO CARRIER to a wrong APN as to anything else: nobody can tell that from a network fault.
    cut(kind("APN wrong: NO CARRIER", Network, Faults(&["wrong-apn=nocarrier"]), HOUR, Ends("NO CARRIER"))),
    cut(kind("APN wrong: dummy DNS, then NO CARRIER", Network, Faults(&["wrong-apn=dummy"]), HOUR, Stats(|seen| seen.attempts > 10 && seen.links <= 4))),
    cut(kind("APN wrong: +CME ERROR", Configuration, Faults(&["wrong-apn=cme"]), HOURS, Ends("133"))),
    cut(kind("authentication refused", Configuration, Faults(&["auth-reject"]), HOURS, Ends("refused"))),
    // The gateway.
    kind("clock jumps a day ahead", Harmless, Clock(86_400), ONCE, Stats(|seen| seen.clock_set > 0)),
    kind("clock jumps an hour back", Harmless, Clock(-3600), ONCE, Stats(|seen| seen.clock_set > 0)),
    kind("disk full or read-only", Harmless, Disk, HOURS, Stats(|seen| seen.failed_saves > 0)),
    needs(Needs::Kill, kind("daemon killed", Network, Kill, ONCE, Stats(|seen| seen.kills > 0 && seen.links > 1))),
    kind("a user reconnects", Network, User(UserStop::Reconnect), ONCE, Ends("reconnect")),
    kind("a user disconnects, and connects again", Network, User(UserStop::Disconnect), HOURS, Ends("disconnect")),
];

impl Seen {
    pub(super) fn note_echo(&mut self, line: &str) {
        if line.starts_with("sent [LCP EchoReq") {
            self.lost_echoes += 1;
        } else if line.starts_with("rcvd [LCP EchoRep") {
            self.lost_echoes = self.lost_echoes.saturating_sub(1);
        }
    }
}

/// The kind with this name.
pub fn named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Effect {
    /// The simulator's faults; empty for what the site itself does.
    pub fn faults(&self) -> Vec<FaultSpec> {
        match self {
            Faults(names) => names.iter().filter_map(|name| name.parse().ok()).collect(),
            Unplug(_) | UnplugAtDial(_) | Glitch(_) | Swap | Clock(_) | Disk | Card(_) | Kill
            | User(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_one_of_the_simulators_and_every_name_is_used_once() {
        for kind in &KINDS {
            if let Faults(names) = kind.effect {
                assert_eq!(kind.effect.faults().len(), names.len(), "{}", kind.name);
            }
            let same = KINDS.iter().filter(|other| other.name == kind.name);
            assert_eq!(same.count(), 1, "{}", kind.name);
        }
    }
}

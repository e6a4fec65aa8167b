//! What ends a link, and what an operator is told of it: exit statuses, sentences, advice.

use std::path::PathBuf;
use std::time::Duration;

use uplinkd::at::DialError;
use uplinkd::chat::{ChatEnd, Dialog, Script};
use uplinkd::link::{LineProblem, LinkEnd, NetworkProblem, UserStop};
use uplinkd::modem::{ModemProblem, PinGuard, Registration};
use uplinkd::ppp::config::AuthMethod;
use uplinkd::ppp::{DownReason, Layer};

use super::{page, rows};

#[test]
fn every_exit_status_is_in_the_manual_page_and_in_troubleshooting() {
    let source = page("src/link/reason.rs");
    let statuses: Vec<u8> = source
        .lines()
        .filter_map(|line| {
            let (_, number) = line
                .trim()
                .strip_prefix("pub const ")?
                .split_once(": Self = Self(")?;
            number.trim_end_matches(");").parse().ok()
        })
        .collect();
    assert!(statuses.len() >= 18, "{statuses:?}");
    let manual = page("docs/man/uplinkd.8");
    let (_, manual) = manual.split_once(".SH EXIT STATUS").unwrap();
    let (manual, _) = manual.split_once(".SH FILES").unwrap();
    let troubleshooting = page("docs/troubleshooting.md");
    let (_, table) = troubleshooting.split_once("## Exit statuses").unwrap();
    let told: Vec<u8> = rows(table)
        .iter()
        .filter_map(|row| row[0].parse().ok())
        .collect();
    assert_eq!(told, statuses);
    let manual: Vec<u8> = manual
        .lines()
        .filter_map(|line| line.strip_prefix(".B ")?.parse().ok())
        .collect();
    assert_eq!(manual, statuses);
}

/// What an operator reads in the log, he finds on the page.
#[test]
fn every_end_and_its_advice_is_in_troubleshooting() {
    let page = page("docs/troubleshooting.md");
    let mut missing = Vec::new();
    for (end, words) in ends() {
        assert!(end.to_string().contains(words), "{end}");
        for text in [words, end.advice()] {
            if !page.contains(text) {
                missing.push(format!("{end:?}: {text}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// One of each, and what its sentence always has.
fn ends() -> Vec<(LinkEnd, &'static str)> {
    let lines = line_problems().map(|(problem, words)| (LinkEnd::Line(problem), words));
    let dials = dial_errors().map(|(error, words)| (LinkEnd::Dial(error), words));
    let reasons = down_reasons().map(|(reason, words)| (LinkEnd::Ppp(reason), words));
    let networks = network_problems().map(|(problem, words)| (LinkEnd::Network(problem), words));
    let modems = modem_problems().map(|(problem, words)| (LinkEnd::Modem(problem), words));
    let all = lines.into_iter().chain(modems).chain(dials).chain(reasons);
    all.chain(networks)
        .chain(on_purpose())
        .chain(scripts())
        .collect()
}

/// Ends of a connect script.
fn scripts() -> Vec<(LinkEnd, &'static str)> {
    let dialog = |expected: &str, sent: &str| Dialog {
        expected: expected.to_owned(),
        sent: Some(sent.to_owned()),
    };
    let abort = |string: &str, dialog| ChatEnd::Aborted {
        index: 0,
        string: string.to_owned(),
        dialog,
    };
    let timeout = |dialog| ChatEnd::Timeout {
        dialog,
        after: Duration::from_secs(30),
    };
    let calling = || dialog("CONNECT", "ATDT*99***1#");
    let write = ChatEnd::Write {
        error: None,
        sent: Some("ATZ".to_owned()),
    };
    let file = ChatEnd::File {
        path: "/etc/pin".to_owned(),
        error: "no".to_owned(),
    };
    let problem = Script::parse(b"'' ATZ\nOK 'x").unwrap_err();
    [
        (abort("BUSY", calling()), "chat script failed: "),
        (abort("NO CARRIER", calling()), "NO CARRIER"),
        (timeout(calling()), "waiting for CONNECT"),
        (
            abort("ERROR", dialog("OK", "AT+CGDCONT=1")),
            "ABORT string ERROR seen",
        ),
        (
            abort("Login incorrect", dialog("$", "me")),
            "Login incorrect",
        ),
        (abort("SIM PIN", dialog("OK", "AT")), "ABORT string "),
        (
            timeout(dialog("OK", "ATZ")),
            "timeout of 30 s waiting for OK after ATZ",
        ),
        (write, "could not be sent in time"),
        (ChatEnd::InputEnded(calling()), "the input ended"),
        (file, "cannot be read"),
        (
            ChatEnd::Script(problem),
            "a quote begins here and does not end in this line",
        ),
        (ChatEnd::TooLong, "an expect string is too long"),
    ]
    .map(|(end, words)| (LinkEnd::Chat(end), words))
    .to_vec()
}

/// Ends by the monitor, the clock and users.
fn on_purpose() -> [(LinkEnd, &'static str); 9] {
    let monitor = LinkEnd::Monitor {
        target: "www.example.jp".to_owned(),
        lost: 3,
    };
    let idle = LinkEnd::Idle {
        after: Duration::from_secs(60),
    };
    let connect_time = LinkEnd::ConnectTime {
        most: Duration::from_secs(3600),
    };
    [
        (
            monitor,
            "3 pings in a row to www.example.jp were not answered",
        ),
        (idle, "no traffic for 60 s"),
        (connect_time, "up for 3600 s, the longest allowed"),
        (LinkEnd::Scheduled, "the time of RESET_AT has come"),
        (LinkEnd::User(UserStop::Signal(15)), "ended by SIGTERM"),
        (LinkEnd::User(UserStop::Signal(2)), "ended by SIGINT"),
        (
            LinkEnd::User(UserStop::Reconnect),
            "a reconnect was asked for",
        ),
        (
            LinkEnd::User(UserStop::Disconnect),
            "a disconnect was asked for",
        ),
        (
            LinkEnd::User(UserStop::Reset),
            "a reset of the modem was asked for",
        ),
    ]
}

fn modem_problems() -> [(ModemProblem, &'static str); 15] {
    let held = |why| ModemProblem::PinHeldBack { why };
    let searching = ModemProblem::NotRegistered {
        registration: Registration::Searching,
        waited: Duration::from_secs(120),
    };
    let failure = ModemProblem::SimFailure {
        text: "+CME ERROR: 13".to_owned(),
    };
    let busy = ModemProblem::SimBusy {
        waited: Duration::from_secs(60),
    };
    [
        (ModemProblem::SimAbsent, "there is no SIM in the modem"),
        (failure, "the SIM cannot be used:"),
        (busy, "the SIM is still busy after 60 s"),
        (
            ModemProblem::PinNeeded,
            "the SIM asks for a PIN and none is configured",
        ),
        (
            ModemProblem::PinRefused { left: Some(2) },
            "the SIM refused the PIN, 2 tries are left",
        ),
        (
            ModemProblem::PinRefused { left: None },
            "the SIM refused the PIN",
        ),
        (
            held(PinGuard::Refused),
            "the PIN was not sent: this SIM has refused this PIN before",
        ),
        (
            held(PinGuard::Unanswered),
            "it was sent before, and what the SIM said of it is not known",
        ),
        (
            held(PinGuard::Forgotten),
            "what was noted of former tries is lost",
        ),
        (
            held(PinGuard::FewTries { left: 1 }),
            "the SIM has only 1 try left",
        ),
        (
            held(PinGuard::NotNoted),
            "the try could not be noted in the state directory",
        ),
        (
            held(PinGuard::Blind),
            "the modem tells neither the SIM's number nor how many tries are left",
        ),
        (
            ModemProblem::PukNeeded,
            "the SIM is locked and asks for its PUK",
        ),
        (
            searching,
            "the modem is searching for a network after 120 s",
        ),
        (
            ModemProblem::RegistrationDenied,
            "the network refuses the registration of this SIM",
        ),
    ]
}

fn line_problems() -> [(LineProblem, &'static str); 8] {
    let path = || PathBuf::from("/dev/ttyUSB3");
    let failed = |permission| LineProblem::OpenFailed {
        path: path(),
        error: "x".to_owned(),
        permission,
    };
    let locked = LineProblem::Locked {
        path: path(),
        holder: None,
    };
    let vanished = LineProblem::Vanished {
        path: path(),
        error: None,
    };
    let missing = |seen: Option<&str>| LineProblem::NotFound {
        wanted: "a modem".to_owned(),
        seen: seen.map(str::to_owned),
    };
    [
        (LineProblem::Absent { path: path() }, "is not there"),
        (missing(None), "a modem is not there"),
        (missing(Some("a disk")), "a modem is not there, only"),
        (locked, "is locked by"),
        (LineProblem::NotATty { path: path() }, "is not a tty"),
        (failed(true), "cannot be opened"),
        (failed(false), "cannot be opened"),
        (vanished, "vanished while in use"),
    ]
}

fn dial_errors() -> [(DialError, &'static str); 14] {
    let error = |command: &str| DialError::Error {
        command: command.to_owned(),
    };
    let timeout = |command: &str| DialError::Timeout {
        command: command.to_owned(),
        after: Duration::from_secs(30),
    };
    let extended = |command: &str, code| DialError::Extended {
        command: command.to_owned(),
        code: Some(code),
        text: format!("+CME ERROR: {code}"),
    };
    let refused = DialError::Refused {
        result: "BUSY".to_owned(),
        report: None,
    };
    [
        (DialError::NoAnswer, "the modem does not answer AT commands"),
        (timeout("ATDT*99***1#"), "within 30 s"),
        (timeout("ATE0"), "within 30 s"),
        (error("AT+CGDCONT=1"), "the modem answered ERROR to"),
        (error("ATDT*99***1#"), "the modem answered ERROR to"),
        (error("ATE0"), "the modem answered ERROR to"),
        (extended("AT+CGDCONT=1", 50), "+CME ERROR"),
        (extended("ATD", 10), "+CME ERROR"),
        (extended("ATD", 30), "+CME ERROR"),
        (extended("ATD", 107), "+CME ERROR"),
        (extended("ATD", 129), "+CME ERROR"),
        (extended("ATD", 100), "+CME ERROR"),
        (refused, "the modem answered BUSY to the call"),
        (
            DialError::StuckInDataMode,
            "the modem is still in data mode and does not leave it",
        ),
    ]
}

fn down_reasons() -> [(DownReason, &'static str); 16] {
    let method = AuthMethod::ChapMd5;
    let refused = DownReason::AuthenticationRefused {
        method,
        text: String::new(),
    };
    let terminated = |auth_rejected| DownReason::PeerTerminated {
        layer: Layer::Lcp,
        text: String::new(),
        auth_rejected,
    };
    let timeout = |layer| DownReason::NegotiationTimeout { layer };
    let failed = DownReason::NegotiationFailed {
        layer: Layer::Ipcp,
        why: "x".to_owned(),
    };
    let closed = DownReason::Closed {
        why: "User request".to_owned(),
    };
    let rejected = DownReason::ProtocolRejected { layer: Layer::Ipcp };
    let unjudged = DownReason::AuthenticationTimeout { method };
    [
        (refused, "the peer refused our CHAP credentials"),
        (unjudged, "no answer to our CHAP credentials"),
        (
            DownReason::PeerAuthenticationFailed,
            "the peer did not authenticate itself",
        ),
        (
            DownReason::PeerRefusedToAuthenticate,
            "the peer refuses to authenticate itself",
        ),
        (
            DownReason::AuthenticationNotAgreed {
                text: String::new(),
            },
            "the peer demands another authentication protocol than we have, and ended it",
        ),
        (terminated(false), "LCP terminated by the peer"),
        (
            terminated(true),
            "we had rejected its authentication demand",
        ),
        (timeout(Layer::Lcp), "LCP: timeout sending Config-Requests"),
        (
            timeout(Layer::Ipcp),
            "IPCP: timeout sending Config-Requests",
        ),
        (failed, "IPCP negotiation failed:"),
        (
            DownReason::NetworkPending { rounds: 60 },
            "the modem stalled 60 times",
        ),
        (rejected, "the peer rejects IPCP"),
        (
            DownReason::EchoTimeout { lost: 4 },
            "no response to 4 echo-requests",
        ),
        (DownReason::Loopback, "serial line is looped back"),
        (DownReason::CarrierLost, "carrier lost"),
        (closed, "closed: User request"),
    ]
}

fn network_problems() -> [(NetworkProblem, &'static str); 6] {
    let text = || "ppp0".to_owned();
    [
        (
            NetworkProblem::NoPermission { what: text() },
            "no permission for the network:",
        ),
        (
            NetworkProblem::NoTun { error: text() },
            "this system has no TUN device:",
        ),
        (
            NetworkProblem::NameTaken { name: text() },
            "the interface name ppp0 is taken by another program",
        ),
        (
            NetworkProblem::InterfaceDeleted { name: text() },
            "the interface ppp0 was deleted by another program",
        ),
        (
            NetworkProblem::SetDown { name: text() },
            "the interface ppp0 was set down by another program",
        ),
        (
            NetworkProblem::Failed { what: text() },
            "the network interface could not be set up:",
        ),
    ]
}

use std::time::Duration;

use super::*;
use crate::chat::Dialog;
use crate::ppp::Layer;
use crate::ppp::config::AuthMethod;

fn path() -> PathBuf {
    PathBuf::from("/dev/ttyUSB0")
}

fn refused(report: &str) -> LinkEnd {
    LinkEnd::Dial(DialError::Refused {
        result: "NO CARRIER".to_owned(),
        report: Some(report.to_owned()),
    })
}

fn cme(command: &str, code: Option<u16>, text: &str) -> LinkEnd {
    LinkEnd::Dial(DialError::Extended {
        command: command.to_owned(),
        code,
        text: text.to_owned(),
    })
}

fn terminated(auth_rejected: bool) -> LinkEnd {
    LinkEnd::Ppp(DownReason::PeerTerminated {
        layer: Layer::Lcp,
        text: String::new(),
        auth_rejected,
    })
}

/// One of each, with class and status before the link was up.
fn ends() -> Vec<(LinkEnd, FailureClass, u8)> {
    use FailureClass as C;
    let command = |text: &str| text.to_owned();
    let text = String::new;
    let ppp = LinkEnd::Ppp;
    let dial = LinkEnd::Dial;
    let after = Duration::from_secs(30);
    vec![
        (
            LinkEnd::Line(LineProblem::Absent { path: path() }),
            C::Line,
            7,
        ),
        (
            LinkEnd::Line(LineProblem::Locked {
                path: path(),
                holder: None,
            }),
            C::Line,
            6,
        ),
        (
            LinkEnd::Line(LineProblem::NotATty { path: path() }),
            C::Line,
            7,
        ),
        (
            LinkEnd::Line(LineProblem::OpenFailed {
                path: path(),
                error: "Permission denied".to_owned(),
                permission: true,
            }),
            C::Line,
            7,
        ),
        (
            LinkEnd::Line(LineProblem::OpenFailed {
                path: path(),
                error: "Input/output error".to_owned(),
                permission: false,
            }),
            C::Line,
            7,
        ),
        (
            LinkEnd::Line(LineProblem::Vanished {
                path: path(),
                error: None,
            }),
            C::Line,
            16,
        ),
        (dial(DialError::NoAnswer), C::Modem, 8),
        (
            dial(DialError::Timeout {
                command: command("ATZ"),
                after,
            }),
            C::Modem,
            8,
        ),
        (
            dial(DialError::Timeout {
                command: command("ATDT*99***1#"),
                after,
            }),
            C::Network,
            8,
        ),
        (
            dial(DialError::Error {
                command: command("ATE0"),
            }),
            C::Modem,
            8,
        ),
        (
            dial(DialError::Error {
                command: command("AT+CGDCONT=1,\"IP\",\"a\""),
            }),
            C::Configuration,
            8,
        ),
        (
            dial(DialError::Error {
                command: command("ATDT*99***1#"),
            }),
            C::Network,
            8,
        ),
        (
            dial(DialError::Refused {
                result: command("NO CARRIER"),
                report: None,
            }),
            C::Network,
            8,
        ),
        (refused("Call refused by the network"), C::Network, 8),
        (
            refused("Requested service option not subscribed"),
            C::Configuration,
            8,
        ),
        (
            refused("\"SM\",27,\"Missing or unknown APN\""),
            C::Configuration,
            8,
        ),
        (dial(DialError::StuckInDataMode), C::Modem, 8),
        (
            cme(
                "ATDT*99***1#",
                Some(10),
                "+CME ERROR: 10 (SIM not inserted)",
            ),
            C::Sim,
            34,
        ),
        (cme("ATDT*99***1#", Some(18), "+CME ERROR: 18"), C::Sim, 34),
        (
            cme("ATDT*99***1#", Some(30), "+CME ERROR: 30"),
            C::Network,
            35,
        ),
        (
            cme("ATDT*99***1#", Some(32), "+CME ERROR: 32"),
            C::Network,
            35,
        ),
        (
            cme("ATDT*99***1#", Some(107), "+CME ERROR: 107"),
            C::Network,
            8,
        ),
        (
            cme("ATDT*99***1#", Some(127), "+CME ERROR: 127"),
            C::Configuration,
            8,
        ),
        (
            cme("ATDT*99***1#", Some(133), "+CME ERROR: 133"),
            C::Configuration,
            8,
        ),
        (
            cme("ATDT*99***1#", Some(149), "+CME ERROR: 149"),
            C::Configuration,
            8,
        ),
        (
            cme("AT+CGDCONT=1,\"X\"", Some(50), "+CME ERROR: 50"),
            C::Configuration,
            8,
        ),
        (cme("ATZ", Some(50), "+CME ERROR: 50"), C::Modem, 8),
        (cme("ATZ", Some(100), "+CME ERROR: 100"), C::Modem, 8),
        (cme("ATZ", Some(65_535), "+CME ERROR: 65535"), C::Modem, 8),
        (cme("ATZ", Some(310), "+CMS ERROR: 310"), C::Sim, 34),
        (cme("ATZ", Some(30), "+CMS ERROR: 30"), C::Network, 8),
        (cme("ATD", None, "+CME ERROR: SIM PIN required"), C::Sim, 34),
        (
            cme("ATD", None, "+CME ERROR: no network service"),
            C::Network,
            35,
        ),
        (
            cme(
                "ATD",
                None,
                "+CME ERROR: requested service option not subscribed (#33)",
            ),
            C::Configuration,
            8,
        ),
        (cme("ATD", None, "+CME ERROR: unknown"), C::Modem, 8),
        (
            ppp(DownReason::AuthenticationRefused {
                method: AuthMethod::Pap,
                text: text(),
            }),
            C::Configuration,
            19,
        ),
        (
            ppp(DownReason::AuthenticationNotAgreed { text: text() }),
            C::Configuration,
            10,
        ),
        (
            ppp(DownReason::AuthenticationTimeout {
                method: AuthMethod::ChapMd5,
            }),
            C::Network,
            19,
        ),
        (
            ppp(DownReason::PeerAuthenticationFailed),
            C::Configuration,
            11,
        ),
        (
            ppp(DownReason::PeerRefusedToAuthenticate),
            C::Configuration,
            11,
        ),
        (terminated(false), C::Network, 10),
        (terminated(true), C::Configuration, 10),
        (
            ppp(DownReason::NegotiationTimeout { layer: Layer::Lcp }),
            C::Network,
            10,
        ),
        (
            ppp(DownReason::NegotiationFailed {
                layer: Layer::Ipcp,
                why: text(),
            }),
            C::Network,
            10,
        ),
        (
            ppp(DownReason::NetworkPending { rounds: 60 }),
            C::Network,
            10,
        ),
        (
            ppp(DownReason::ProtocolRejected { layer: Layer::Ipcp }),
            C::Network,
            10,
        ),
        (ppp(DownReason::EchoTimeout { lost: 4 }), C::Network, 15),
        (ppp(DownReason::Loopback), C::Modem, 17),
        (ppp(DownReason::CarrierLost), C::Network, 16),
        (ppp(DownReason::Closed { why: text() }), C::None, 5),
        (
            LinkEnd::Network(NetworkProblem::NoPermission { what: text() }),
            C::Host,
            33,
        ),
        (
            LinkEnd::Network(NetworkProblem::NoTun { error: text() }),
            C::Host,
            33,
        ),
        (
            LinkEnd::Network(NetworkProblem::NameTaken { name: text() }),
            C::Host,
            36,
        ),
        (
            LinkEnd::Network(NetworkProblem::InterfaceDeleted { name: text() }),
            C::Host,
            36,
        ),
        (
            LinkEnd::Network(NetworkProblem::SetDown { name: text() }),
            C::Host,
            36,
        ),
        (
            LinkEnd::Network(NetworkProblem::Failed { what: text() }),
            C::Host,
            36,
        ),
        (LinkEnd::User(UserStop::Signal(15)), C::None, 5),
        (LinkEnd::User(UserStop::Reconnect), C::None, 5),
    ]
}

#[test]
fn every_end_has_its_class_and_its_status() {
    for (end, class, status) in ends() {
        assert_eq!(
            (end.class(), end.exit_status()),
            (class, ExitStatus(status)),
            "{end}"
        );
    }
}

#[test]
fn a_link_that_was_up_may_be_ended_cleanly_by_the_peer() {
    for (end, class, status) in ends() {
        let expected = match &end {
            LinkEnd::Ppp(DownReason::PeerTerminated { .. }) => (FailureClass::None, 0),
            _ => (class, status),
        };
        let found = (end.class_after_up(), end.exit_status_after_up().0);
        assert_eq!(found, expected, "{end}");
    }
}

#[test]
fn every_failure_has_a_sentence_and_an_advice() {
    for (end, class, _) in ends() {
        assert!(!end.to_string().is_empty(), "{end:?}");
        assert_eq!(end.to_string().lines().count(), 1, "{end:?}");
        assert_eq!(
            end.advice().is_empty(),
            class == FailureClass::None,
            "{end}"
        );
    }
}

#[test]
fn says_what_where_and_who() {
    for (end, text) in [
        (
            LinkEnd::Line(LineProblem::Locked {
                path: path(),
                holder: Some("pid 123 (minicom)".to_owned()),
            }),
            "/dev/ttyUSB0 is locked by pid 123 (minicom)",
        ),
        (
            LinkEnd::Line(LineProblem::Vanished {
                path: path(),
                error: Some("Input/output error".to_owned()),
            }),
            "/dev/ttyUSB0 vanished while in use: Input/output error",
        ),
        (
            LinkEnd::Dial(DialError::Refused {
                result: "NO CARRIER".to_owned(),
                report: None,
            }),
            "dialing failed: the modem answered NO CARRIER to the call",
        ),
        (
            LinkEnd::Ppp(DownReason::Loopback),
            "serial line is looped back",
        ),
        (LinkEnd::User(UserStop::Signal(15)), "ended by SIGTERM"),
    ] {
        assert_eq!(end.to_string(), text);
    }
}

/// `uplinkd sim --fault ipcp-silent` showed it: LCP and CHAP had worked, and the advice was that nothing speaks PPP.
#[test]
fn an_unanswered_ipcp_is_not_called_a_line_without_ppp() {
    let advice = |layer| LinkEnd::Ppp(DownReason::NegotiationTimeout { layer }).advice();
    assert!(advice(Layer::Lcp).contains("nothing speaks PPP"));
    assert_eq!(
        advice(Layer::Ipcp),
        LinkEnd::Ppp(DownReason::NetworkPending { rounds: 60 }).advice()
    );
}

/// Spec F2: what a connect script's end means, by the string that came and by what the script had asked.
#[test]
fn the_end_of_a_connect_script_is_judged_by_its_dialog() {
    use FailureClass as C;
    let aborted = |string: &str, expected: &str, sent: &str| {
        LinkEnd::Chat(ChatEnd::Aborted {
            index: 0,
            string: string.to_owned(),
            dialog: Dialog {
                expected: expected.to_owned(),
                sent: Some(sent.to_owned()),
            },
        })
    };
    let timeout = |expected: &str, sent: Option<&str>| {
        LinkEnd::Chat(ChatEnd::Timeout {
            dialog: Dialog {
                expected: expected.to_owned(),
                sent: sent.map(str::to_owned),
            },
            after: Duration::from_secs(30),
        })
    };
    let cases = [
        (aborted("BUSY", "CONNECT", "ATDT1"), C::Network),
        (aborted("NO CARRIER", "OK", "ATZ"), C::Network),
        (aborted("NO DIAL TONE", "CONNECT", "ATDT1"), C::Network),
        (aborted("ERROR", "CONNECT", "ATDT1"), C::Network),
        (
            aborted("ERROR", "OK", "AT+CGDCONT=1,\"IP\",\"x\""),
            C::Configuration,
        ),
        (aborted("ERROR", "OK", "AT+CSQ"), C::Modem),
        (aborted("SIM PIN", "OK", "AT+CPIN?"), C::Sim),
        (aborted("no network service", "OK", "AT"), C::Network),
        (aborted("Login incorrect", "$", "??????"), C::Configuration),
        (timeout("OK", Some("ATZ")), C::Modem),
        (timeout("OK", None), C::Modem),
        (timeout("CONNECT", Some("ATDT*99#")), C::Network),
        (timeout("ogin:", Some("\\d")), C::Network),
        (LinkEnd::Chat(ChatEnd::TooLong), C::Configuration),
        (
            LinkEnd::Chat(ChatEnd::Write {
                error: None,
                sent: None,
            }),
            C::Modem,
        ),
        (
            LinkEnd::Chat(ChatEnd::InputEnded(Dialog::default())),
            C::Line,
        ),
        (
            LinkEnd::Chat(ChatEnd::Stopped("SIGTERM".to_owned())),
            C::None,
        ),
    ];
    for (end, class) in cases {
        assert_eq!(end.class(), class, "{end}");
        assert_eq!(end.class_after_up(), class, "{end}");
        assert_eq!(end.exit_status(), ExitStatus::DIAL_FAILED, "{end}");
        assert_eq!(end.advice().is_empty(), class == C::None, "{end}");
    }
}

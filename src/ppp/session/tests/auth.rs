//! Authentication in a session: which protocol, when, and what comes of it.

use super::*;
use crate::ppp::config::{Account, AuthDemand, AuthMessages, AuthMethod};

fn refused(method: AuthMethod, text: &str) -> DownReason {
    DownReason::AuthenticationRefused {
        method,
        text: text.to_owned(),
    }
}

/// We demand what `method` says of the peer, and take what `acceptable` says.
fn demanding(method: AuthMethod, acceptable: AllowedAuth) -> SessionConfig {
    let mut config = plain();
    config.demand = Some(AuthDemand {
        method,
        acceptable,
        name: "UMTS_CHAP_SRVR".to_owned(),
        accounts: vec![Account {
            user: "sora".to_owned(),
            secret: Secret::new("sora"),
        }],
        accept_any: false,
        rechallenge: None,
        messages: AuthMessages::default(),
    });
    config
}

const BOTH: AllowedAuth = AllowedAuth {
    pap: true,
    chap_md5: true,
};

/// T01's vector.
const CHALLENGE: &[u8] =
    b"\x10\xa2\xc4\x70\xe4\xd8\xdc\x7d\xa7\xd0\x3e\x2e\x38\x80\xe6\x1d\x64UMTS_CHAP_SRVR";
const RESPONSE: &str = "[CHAP Response id=0x1 <0a3ba61c4029c4d6e919714ac56e0049>, name = \"sora\"]";

#[test]
fn chap_is_answered_and_the_network_waits_for_success() {
    let mut bench = Bench::new(with_credentials(false, true));
    bench.open_lcp(CHAP_MD5);
    assert_eq!(bench.session.phase(), Phase::Authenticate);
    bench.take_sent();
    bench.lcp(DISCARD_REQUEST, 1, &[0x13, 0x5d, 0x42, 0xd1]);
    bench.receive(Protocol::CHAP, 1, 1, CHALLENGE);
    bench.expect_sent(&[RESPONSE]);
    // The peer may be through already, and starts IPCP: its restart timer brings that again.
    bench.ipcp(CONFIGURE_REQUEST, 0, &[]);
    bench.expect_sent(&[]);
    bench.receive(Protocol::CHAP, 3, 1, &[]);
    assert_eq!(bench.session.phase(), Phase::Network);
    bench
        .expect_sent(&["[IPCP ConfReq id=0x1 <addr 0.0.0.0> <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]"]);
}

#[test]
fn a_peer_that_goes_on_to_ipcp_twice_has_let_us_in() {
    let mut bench = Bench::new(with_credentials(false, true));
    bench.open_lcp(CHAP_MD5);
    // Not before we have answered: then it is only early.
    for id in 0..4 {
        bench.ipcp(CONFIGURE_REQUEST, id, &[]);
    }
    bench.receive(Protocol::CHAP, 1, 1, CHALLENGE);
    bench.ipcp(CONFIGURE_REQUEST, 5, &[]);
    assert_eq!(bench.session.phase(), Phase::Authenticate);
    bench.take_sent();
    bench.ipcp(CONFIGURE_REQUEST, 5, &[]);
    assert_eq!(bench.session.phase(), Phase::Network);
    bench.expect_sent(&[
        "[IPCP ConfReq id=0x1 <addr 0.0.0.0> <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]",
        "[IPCP ConfNak id=0x5 <addr 0.0.0.0>]",
    ]);
    // Nor does the wait for the verdict end the link later.
    bench.open_ipcp();
    bench.at(100_000);
    assert!(bench.session.network().is_some());
}

/// T12: challenges again and again, and once more while the link is up.
#[test]
fn a_failure_that_comes_after_all_counts() {
    let mut bench = Bench::new(with_credentials(false, true));
    bench.open_lcp(CHAP_MD5);
    bench.receive(Protocol::CHAP, 1, 1, CHALLENGE);
    for id in 1..3 {
        bench.ipcp(CONFIGURE_REQUEST, id, &[]);
    }
    assert_eq!(bench.session.phase(), Phase::Network);
    bench.take_events();
    bench.receive(Protocol::CHAP, 4, 1, b"no");
    bench.at(4000);
    bench.expect_down(refused(AuthMethod::ChapMd5, "no"));
}

#[test]
fn every_challenge_is_answered_in_every_phase() {
    let mut bench = Bench::new(with_credentials(false, true));
    bench.open_lcp(CHAP_MD5);
    bench.take_sent();
    for id in 1..=3 {
        bench.receive(Protocol::CHAP, 1, id, CHALLENGE);
        assert_eq!(bench.take_sent().len(), 1);
    }
    bench.receive(Protocol::CHAP, 3, 3, &[]);
    bench.open_ipcp();
    bench.take_sent();
    bench.receive(Protocol::CHAP, 1, 9, CHALLENGE);
    assert!(bench.take_sent()[0].starts_with("[CHAP Response id=0x9 "));
    assert!(bench.session.network().is_some());
}

#[test]
fn a_pap_demand_is_met_with_name_and_password() {
    let mut bench = Bench::new(with_credentials(true, false));
    bench.open_lcp(PAP);
    let sent = bench.take_sent();
    assert_eq!(
        sent.last().unwrap(),
        "[PAP AuthReq id=0x1 user=\"sora\" password=<hidden>]"
    );
    bench.receive(Protocol::PAP, 2, 1, b"\x10Congratulations!");
    assert_eq!(bench.session.phase(), Phase::Network);
}

/// pppd has a file of secrets for each protocol.
#[test]
fn pap_has_its_own_password_where_there_is_one() {
    let mut config = with_credentials(true, true);
    config.credentials.pap_secret = Some(Secret::new("andere"));
    let mut bench = Bench::new(config.clone());
    bench.open_lcp(PAP);
    let request = [&[1, 1, 0, 16, 4][..], b"sora", &[6], b"andere"].concat();
    assert_eq!(bench.raw.last(), Some(&(Protocol::PAP, request)));
    assert_eq!(
        bench.take_sent().last().unwrap(),
        "[PAP AuthReq id=0x1 user=\"sora\" password=<hidden>]"
    );
    let mut bench = Bench::new(config);
    bench.open_lcp(CHAP_MD5);
    bench.take_sent();
    bench.receive(Protocol::CHAP, 1, 1, CHALLENGE);
    bench.expect_sent(&[RESPONSE]);
}

/// T26: a refusal, and a peer that does not answer any more.
#[test]
fn a_refusal_ends_the_session_with_the_peers_words() {
    let mut bench = Bench::new(with_credentials(true, false));
    bench.open_lcp(PAP);
    bench.take_sent();
    bench.take_events();
    bench.receive(Protocol::PAP, 3, 1, b"\x0dInvalid Login");
    bench.expect_sent(&["[LCP TermReq id=0x2 \"Failed to authenticate ourselves to peer\"]"]);
    bench.at(4000);
    bench.expect_down(refused(AuthMethod::Pap, "Invalid Login"));
}

/// T26: CHAP Failure, then the peer terminates as well, in binary.
#[test]
fn the_peers_termination_after_a_refusal_does_not_hide_it() {
    let mut bench = Bench::new(with_credentials(false, true));
    bench.open_lcp(CHAP_MD5);
    bench.receive(Protocol::CHAP, 1, 1, CHALLENGE);
    bench.take_sent();
    bench.take_events();
    bench.receive(Protocol::CHAP, 4, 1, b"I don't like you.  Go 'way.");
    bench.lcp(TERMINATE_REQUEST, 3, b"2\x03\x0f");
    bench.expect_sent(&[
        "[LCP TermReq id=0x2 \"Failed to authenticate ourselves to peer\"]",
        "[LCP TermAck id=0x3]",
    ]);
    bench.session.line_down(bench.now);
    bench.drain();
    bench.expect_down(refused(AuthMethod::ChapMd5, "I don't like you.  Go 'way."));
}

#[test]
fn no_verdict_ends_the_session_as_a_timeout() {
    for (option, method, ms) in [
        (CHAP_MD5, AuthMethod::ChapMd5, 60_000),
        (PAP, AuthMethod::Pap, 30_000),
    ] {
        let mut bench = Bench::new(with_credentials(true, true));
        bench.open_lcp(option);
        bench.take_events();
        bench.at(ms - 1);
        assert_eq!(bench.take_events(), []);
        bench.at(ms + 4000);
        bench.expect_down(DownReason::AuthenticationTimeout { method });
    }
}

/// T06b, a Cinterion PLS63 on AT&T: the demand can be rejected, and the link goes on.
#[test]
fn a_demand_is_rejected_when_nothing_is_allowed_and_the_link_goes_on() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    let number = magic(0xceff_926b);
    bench.lcp(CONFIGURE_REQUEST, 0, &[ACCM_0, CHAP_MD5, &number].concat());
    bench.expect_sent(&["[LCP ConfRej id=0x0 <auth chap MD5>]"]);
    bench.lcp(CONFIGURE_ACK, 1, &[]);
    bench.lcp(CONFIGURE_REQUEST, 1, &[ACCM_0, &number].concat());
    assert_eq!(bench.session.phase(), Phase::Network);
}

#[test]
fn a_peer_that_ends_after_its_demand_was_rejected_says_so_in_the_reason() {
    let mut bench = Bench::new(plain());
    bench.lcp(CONFIGURE_REQUEST, 0, CHAP_MD5);
    bench.open_lcp(&[]);
    bench.take_events();
    bench.lcp(TERMINATE_REQUEST, 2, &[]);
    bench.at(1000);
    bench.expect_down(DownReason::PeerTerminated {
        layer: Layer::Lcp,
        text: String::new(),
        auth_rejected: true,
    });
}

/// An ISP that takes nothing but PAP, and AUTH=CHAP: it drops its demand and ends the link then.
#[test]
fn a_peer_that_ends_over_the_protocol_says_so_in_the_reason() {
    for asks_again in [true, false] {
        let mut bench = Bench::new(with_credentials(false, true));
        bench.take_sent();
        bench.lcp(CONFIGURE_REQUEST, 1, &[3, 4, 0xc0, 0x23]);
        bench.expect_sent(&["[LCP ConfNak id=0x1 <auth chap MD5>]"]);
        if asks_again {
            // It follows the Nak after all: what ends the link then is something else.
            bench.lcp(CONFIGURE_REQUEST, 2, CHAP_MD5);
        }
        bench.open_lcp(if asks_again { CHAP_MD5 } else { &[] });
        bench.take_events();
        bench.lcp(TERMINATE_REQUEST, 2, b"bye");
        bench.at(1000);
        let text = "bye".to_owned();
        bench.expect_down(if asks_again {
            DownReason::PeerTerminated {
                layer: Layer::Lcp,
                text,
                auth_rejected: false,
            }
        } else {
            DownReason::AuthenticationNotAgreed { text }
        });
    }
}

/// T17, a Sony Ericsson phone: insists on CHAP twice, then takes PAP.
#[test]
fn another_allowed_protocol_is_suggested_as_often_as_it_takes() {
    let mut bench = Bench::new(with_credentials(true, false));
    bench.take_sent();
    bench.lcp(CONFIGURE_REQUEST, 1, CHAP_MD5);
    bench.lcp(CONFIGURE_REQUEST, 2, CHAP_MD5);
    bench.expect_sent(&[
        "[LCP ConfNak id=0x1 <auth pap>]",
        "[LCP ConfNak id=0x2 <auth pap>]",
    ]);
    bench.lcp(CONFIGURE_ACK, 1, &[]);
    bench.lcp(CONFIGURE_REQUEST, 3, PAP);
    assert_eq!(bench.session.phase(), Phase::Authenticate);
}

#[test]
fn what_we_do_not_speak_is_nakked_with_what_we_do() {
    // EAP, MS-CHAPv2, SPAP.
    for option in [
        &[3, 4, 0xc2, 0x27][..],
        &[3, 5, 0xc2, 0x23, 0x81],
        &[3, 4, 0xc0, 0x27],
    ] {
        for (pap, chap_md5, reply) in [
            (true, true, "[LCP ConfNak id=0x1 <auth chap MD5>]"),
            (false, true, "[LCP ConfNak id=0x1 <auth chap MD5>]"),
            (true, false, "[LCP ConfNak id=0x1 <auth pap>]"),
        ] {
            let mut bench = Bench::new(with_credentials(pap, chap_md5));
            bench.take_sent();
            bench.lcp(CONFIGURE_REQUEST, 1, option);
            bench.expect_sent(&[reply]);
        }
    }
}

#[test]
fn a_peer_that_insists_for_ever_gets_a_reject() {
    let mut bench = Bench::new(with_credentials(true, false));
    for id in 1..=6 {
        bench.take_sent();
        bench.lcp(CONFIGURE_REQUEST, id, CHAP_MD5);
    }
    bench.expect_sent(&["[LCP ConfRej id=0x6 <auth chap MD5>]"]);
    assert!(bench.session.lcp.protocol().auth_rejected());
}

#[test]
fn packets_of_a_protocol_that_was_not_agreed_on_are_not_looked_at() {
    let mut bench = Bench::new(with_credentials(true, true));
    bench.open_lcp(PAP);
    bench.take_sent();
    bench.receive(Protocol::CHAP, 1, 1, CHALLENGE);
    // The other side of the same protocol neither.
    bench.receive(Protocol::PAP, 1, 1, b"\x01a\x01b");
    bench.expect_sent(&[]);
    assert_eq!(bench.session.drops().out_of_phase, 2);
}

#[test]
fn a_protocol_reject_of_our_authentication_is_a_refusal() {
    let mut bench = Bench::new(with_credentials(true, false));
    bench.open_lcp(PAP);
    bench.take_events();
    bench.lcp(PROTOCOL_REJECT, 1, &[0xc0, 0x23, 1, 1, 0, 4]);
    bench.at(4000);
    bench.expect_down(refused(AuthMethod::Pap, "protocol rejected"));
}

/// T27: the access concentrator hands over to another network server, which negotiates anew.
#[test]
fn lcp_may_start_again_in_the_middle_of_authentication() {
    let mut bench = Bench::new(with_credentials(true, true));
    bench.open_lcp(CHAP_MD5);
    bench.receive(Protocol::CHAP, 1, 1, CHALLENGE);
    bench.take_sent();
    bench.lcp(CONFIGURE_REQUEST, 1, PAP);
    bench.expect_sent(&["[LCP ConfReq id=0x2]", "[LCP ConfAck id=0x1 <auth pap>]"]);
    // A verdict on what was before the restart means nothing.
    bench.receive(Protocol::CHAP, 3, 1, &[]);
    assert_eq!(bench.session.phase(), Phase::Establish);
    bench.lcp(CONFIGURE_ACK, 2, &[]);
    assert!(bench.take_sent()[0].starts_with("[PAP AuthReq "));
    bench.receive(Protocol::PAP, 2, 1, &[]);
    assert_eq!(bench.session.phase(), Phase::Network);
}

/// The same with a network server that has no wishes: an empty request is a new negotiation here.
#[test]
fn an_empty_request_in_the_middle_of_authentication_starts_again() {
    let mut bench = Bench::new(with_credentials(true, true));
    bench.open_lcp(CHAP_MD5);
    bench.take_sent();
    bench.lcp(CONFIGURE_REQUEST, 1, &[]);
    bench.expect_sent(&["[LCP ConfReq id=0x2]", "[LCP ConfAck id=0x1]"]);
    bench.lcp(CONFIGURE_ACK, 2, &[]);
    assert_eq!(bench.session.phase(), Phase::Network);
}

#[test]
fn the_isp_demands_and_takes_the_right_password_only() {
    for (password, accepted) in [(&b"sora"[..], true), (b"sore", false)] {
        let mut bench = Bench::new(demanding(AuthMethod::Pap, BOTH));
        bench.expect_sent(&["[LCP ConfReq id=0x1 <auth pap>]"]);
        bench.open_lcp(&[]);
        bench.take_events();
        bench.ipcp(CONFIGURE_REQUEST, 1, &[]);
        let request = [&b"\x04sora\x04"[..], password].concat();
        bench.receive(Protocol::PAP, 1, 1, &request);
        if accepted {
            assert_eq!(bench.session.phase(), Phase::Network);
        } else {
            let sent = bench.take_sent();
            assert_eq!(sent[1], "[PAP AuthNak id=0x1 \"Authentication failed\"]");
            assert_eq!(sent[2], "[LCP TermReq id=0x2 \"Authentication failed\"]");
            bench.at(4000);
            bench.expect_down(DownReason::PeerAuthenticationFailed);
        }
    }
}

#[test]
fn the_isp_follows_a_nak_to_what_is_acceptable() {
    for (method, nak, next) in [
        (AuthMethod::ChapMd5, PAP, "<auth pap>"),
        (AuthMethod::Pap, CHAP_MD5, "<auth chap MD5>"),
        // Something third: what else is acceptable is tried.
        (AuthMethod::Pap, &[3, 4, 0xc2, 0x27], "<auth chap MD5>"),
    ] {
        let mut bench = Bench::new(demanding(method, BOTH));
        bench.take_sent();
        bench.lcp(CONFIGURE_NAK, 1, nak);
        bench.expect_sent(&[&format!("[LCP ConfReq id=0x2 {next}]")]);
    }
}

#[test]
fn the_isp_does_not_follow_a_nak_to_what_is_not_acceptable() {
    let only_chap = AllowedAuth {
        pap: false,
        chap_md5: true,
    };
    let mut bench = Bench::new(demanding(AuthMethod::ChapMd5, only_chap));
    bench.take_sent();
    bench.lcp(CONFIGURE_NAK, 1, PAP);
    bench.expect_sent(&["[LCP ConfReq id=0x2 <auth chap MD5>]"]);
}

/// T21 from the other side.
#[test]
fn a_peer_that_rejects_the_demand_is_not_let_in() {
    let mut bench = Bench::new(demanding(AuthMethod::ChapMd5, BOTH));
    bench.lcp(CONFIGURE_REJECT, 1, CHAP_MD5);
    bench.take_sent();
    bench.take_events();
    bench.open_lcp_after_reject();
    bench.at(4000);
    let line = "peer refused to authenticate: terminating link";
    assert!(!bench.sent.iter().any(|line| line.contains("IPCP")));
    assert!(
        bench
            .sent
            .iter()
            .any(|sent| sent.ends_with("\"peer refused to authenticate\"]"))
    );
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Log(log) if log.text == line))
    );
    bench.expect_down(DownReason::PeerRefusedToAuthenticate);
}

impl Bench {
    fn open_lcp_after_reject(&mut self) {
        let (id, options) = self.last_request(Protocol::LCP);
        assert_eq!(options, [0_u8; 0]);
        self.lcp(CONFIGURE_ACK, id, &options);
        self.lcp(CONFIGURE_REQUEST, 0x21, &[]);
    }
}

#[test]
fn a_peer_that_never_says_who_it_is_is_not_let_in() {
    for method in [AuthMethod::Pap, AuthMethod::ChapMd5] {
        let mut bench = Bench::new(demanding(method, BOTH));
        bench.open_lcp(&[]);
        bench.take_events();
        bench.at(60_000);
        bench.expect_down(DownReason::PeerAuthenticationFailed);
    }
}

/// In whatever packet, as text and as octets, and in what we send back of it.
#[test]
fn a_password_that_the_peer_repeats_is_not_logged() {
    let mut config = with_credentials(true, false);
    config.credentials.secret = Secret::new("top secret");
    let mut bench = Bench::new(config);
    bench.open_lcp(PAP);
    let request = b"\xc0\x23\x01\x01\x00\x15\x04sora\x0atop secret";
    bench.lcp(CODE_REJECT, 1, request);
    bench.lcp(PROTOCOL_REJECT, 1, &[b"\xff\x03", &request[..]].concat());
    bench.lcp(0x55, 1, request);
    bench.lcp(ECHO_REQUEST, 1, request);
    bench.lcp(IDENTIFICATION, 1, b"\0\0\0\0hello top secret");
    bench.lcp(TIME_REMAINING, 1, b"\0\0\0\0\0\0\0\x01top secret");
    bench.receive(Protocol::PAP, 9, 1, request);
    bench.receive(Protocol::PAP, 2, 1, b"\x12welcome top secret");
    assert_eq!(bench.session.phase(), Phase::Network);
    bench.receive_raw(Protocol(0x4021), request);
    bench.ipcp(CODE_REJECT, 1, request);
    bench.lcp(TERMINATE_REQUEST, 1, b"top secret is no password");
    bench.at(4000);
    let shown = format!("{:?}", bench.events);
    assert!(shown.contains("<hidden>") && shown.contains("PeerTerminated"));
    for part in ["top", "secret", "74 6f 70", "73 65 63", "116, 111, 112"] {
        assert!(!shown.contains(part), "{part}: {shown}");
    }
}

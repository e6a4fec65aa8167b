//! What we reject, and what the peer rejects: Protocol-Reject and Code-Reject (RFC 1661 sections 5.6
//! and 5.7).

use super::*;

/// T01: CCP, and a stray frame.
#[test]
fn unknown_protocols_get_a_protocol_reject() {
    let mut bench = Bench::online(plain());
    let ccp = [1, 1, 0, 15, 26, 4, 120, 0, 24, 4, 120, 0, 21, 3, 47];
    bench.receive_raw(Protocol::CCP, &ccp);
    bench.receive_raw(Protocol(0x0003), &[4, 0, 4]);
    bench.receive_raw(Protocol::IPV6CP, &[1, 1, 0, 4]);
    bench.expect_raw(&[
        (
            Protocol::LCP,
            PROTOCOL_REJECT,
            2,
            &[&[0x80, 0xfd][..], &ccp].concat(),
        ),
        (Protocol::LCP, PROTOCOL_REJECT, 3, &[0, 3, 4, 0, 4]),
        (Protocol::LCP, PROTOCOL_REJECT, 4, &[0x80, 0x57, 1, 1, 0, 4]),
    ]);
    assert_eq!(
        bench.take_logs()[0],
        "Unsupported protocol 'Compression Control Protocol' (0x80fd) received"
    );
    assert_eq!(bench.session.drops().unknown_protocol, 3);
}

#[test]
fn replies_are_cut_to_the_peers_mru() {
    let mut bench = Bench::new(plain());
    bench.open_lcp(&[1, 4, 0, 128]);
    bench.take_raw();
    bench.receive_raw(Protocol::EAP, &[7; 1000]);
    bench.lcp(ECHO_REQUEST, 1, &[7; 1000]);
    bench.lcp(0x55, 1, &[7; 1000]);
    bench.lcp(CONFIGURE_REQUEST, 1, &option(0x17, &[9; 98]));
    let lengths: Vec<_> = bench
        .take_raw()
        .iter()
        .map(|(_, info)| info.len())
        .collect();
    assert!(
        lengths.len() >= 4 && lengths.iter().all(|length| *length <= 128),
        "{lengths:?}"
    );
    assert_eq!(lengths[..3], [128; 3]);
}

#[test]
fn nothing_is_rejected_before_lcp_is_open() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.receive_raw(Protocol::CCP, &[1, 1, 0, 4]);
    bench.receive_raw(Protocol::IPCP, &[1, 1, 0, 4]);
    bench.receive_raw(Protocol::CHAP, &[1, 1, 0, 5, 0]);
    bench.expect_sent(&[]);
    assert_eq!(
        bench.take_logs()[0],
        "Discarded non-LCP packet when LCP not open"
    );
    assert_eq!(bench.session.drops().out_of_phase, 3);
}

#[test]
fn a_protocol_reject_of_ccp_is_logged_and_nothing_else() {
    let mut bench = Bench::online(plain());
    bench.lcp(PROTOCOL_REJECT, 0xb, &[0x80, 0xfd, 1, 1, 0, 4]);
    assert_eq!(
        bench.take_logs(),
        ["Protocol-Reject for 'Compression Control Protocol' (0x80fd) received"]
    );
    bench.expect_sent(&[]);
    assert!(bench.session.network().is_some());
}

#[test]
fn a_protocol_reject_of_ipcp_ends_the_session() {
    let mut bench = Bench::networking(plain());
    bench.take_sent();
    bench.lcp(PROTOCOL_REJECT, 1, &[0x80, 0x21, 1, 1, 0, 4]);
    bench.expect_sent(&["[LCP TermReq id=0x2 \"No network protocols running\"]"]);
    bench.lcp(TERMINATE_ACK, 2, &[]);
    bench.expect_down(DownReason::ProtocolRejected { layer: Layer::Ipcp });
}

#[test]
fn a_protocol_reject_of_lcp_ends_the_session() {
    let mut bench = Bench::online(plain());
    bench.lcp(PROTOCOL_REJECT, 1, &[0xc0, 0x21]);
    bench.at(4000);
    assert_eq!(
        bench.take_events(),
        [
            Event::NetworkDown,
            Event::Down(DownReason::ProtocolRejected { layer: Layer::Lcp })
        ]
    );
}

/// RFC 1661 section 3.5: "any other packets received during this phase MUST be silently discarded".
#[test]
fn nothing_but_lcp_and_authentication_is_answered_before_the_network_phase() {
    let mut bench = Bench::new(with_credentials(true, true));
    bench.open_lcp(CHAP_MD5);
    bench.take_sent();
    for protocol in [
        Protocol::CCP,
        Protocol::IPV6CP,
        Protocol::EAP,
        Protocol(0xc022),
    ] {
        bench.receive_raw(protocol, &[1, 1, 0, 4]);
    }
    bench.ipcp(CONFIGURE_REQUEST, 1, &[]);
    bench.expect_sent(&[]);
    assert_eq!(bench.session.drops().out_of_phase, 5);
}

/// RFC 1661 section 2: such a frame "MUST be treated as having an unrecognized Protocol".
#[test]
fn a_protocol_number_that_is_not_allowed_gets_a_protocol_reject() {
    let mut bench = Bench::online(plain());
    bench.receive_raw(Protocol(0xc022), &[1, 2, 3]);
    bench.expect_raw(&[(Protocol::LCP, PROTOCOL_REJECT, 2, &[0xc0, 0x22, 1, 2, 3])]);
}

#[test]
fn a_late_protocol_reject_does_not_end_what_has_moved_on() {
    // Of IPCP, while LCP has begun anew and the network phase has not come again.
    let mut bench = Bench::new(with_credentials(true, false));
    bench.open_lcp(PAP);
    bench.lcp(PROTOCOL_REJECT, 1, &[0x80, 0x21, 1, 1, 0, 4]);
    // Of PAP, when we have been let in: a repeated request crossed the Ack.
    bench.receive(Protocol::PAP, 2, 1, &[0]);
    assert_eq!(bench.session.phase(), Phase::Network);
    bench.lcp(PROTOCOL_REJECT, 2, &[0xc0, 0x23, 1, 1, 0, 4]);
    assert_eq!(bench.take_events(), []);
    assert_eq!(bench.session.phase(), Phase::Network);
}

#[test]
fn a_protocol_reject_before_lcp_is_open_is_dropped() {
    let mut bench = Bench::new(plain());
    bench.lcp(PROTOCOL_REJECT, 1, &[0x80, 0x21, 1, 1, 0, 4]);
    bench.lcp(PROTOCOL_REJECT, 1, &[0xc0, 0x21]);
    assert_eq!(bench.take_events(), []);
}

#[test]
fn unknown_codes_get_a_code_reject() {
    let mut bench = Bench::online(plain());
    bench.lcp(0x21, 5, &[1, 2]);
    bench.ipcp(0x0c, 6, &[3]);
    bench.lcp(0, 7, &[]);
    bench.expect_raw(&[
        (Protocol::LCP, CODE_REJECT, 2, &[0x21, 5, 0, 6, 1, 2]),
        (Protocol::IPCP, CODE_REJECT, 3, &[0x0c, 6, 0, 5, 3]),
        (Protocol::LCP, CODE_REJECT, 3, &[0, 7, 0, 4]),
    ]);
    assert!(bench.session.network().is_some());
}

#[test]
fn a_code_reject_is_only_warned_about() {
    for code in 0..=255 {
        let mut bench = Bench::online(plain());
        bench.lcp(CODE_REJECT, 1, &[code, 3, 0, 4]);
        bench.ipcp(CODE_REJECT, 1, &[code, 4, 0, 4]);
        assert_eq!(
            bench.take_logs(),
            [
                format!("LCP: Rcvd Code-Reject for code {code}, id 3"),
                format!("IPCP: Rcvd Code-Reject for code {code}, id 4"),
            ]
        );
        bench.expect_sent(&[]);
        assert!(bench.session.network().is_some());
    }
}

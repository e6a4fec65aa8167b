//! Negotiation of LCP.

use super::*;
use crate::ppp::lcp::PeerOptions;

fn lcp_timeout() -> DownReason {
    DownReason::NegotiationTimeout { layer: Layer::Lcp }
}

#[test]
fn asks_at_once_then_ten_times_three_seconds_apart_then_gives_up() {
    let mut bench = Bench::new(plain());
    for n in 0..10 {
        bench.at(n * 3000);
        bench.expect_sent(&["[LCP ConfReq id=0x1]"]);
        bench.at(n * 3000 + 2999);
        bench.expect_sent(&[]);
    }
    assert_eq!(bench.take_events(), []);
    bench.at(30_000);
    bench.expect_sent(&[]);
    let logs: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Log(line) => Some(line.text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        logs,
        [
            "LCP: timeout sending Config-Requests",
            "Connection terminated."
        ]
    );
    bench.expect_down(lcp_timeout());
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn a_retransmission_keeps_identifier_and_contents() {
    let mut bench = Bench::new(SessionConfig::default());
    let first = bench.take_sent();
    bench.at(3000);
    assert_eq!(bench.take_sent(), first);
}

#[test]
fn the_default_request_is_pppds() {
    let mut bench = Bench::new(SessionConfig::default());
    let number = bench.session.lcp.protocol().magic();
    assert_ne!(number, 0);
    let line = format!("[LCP ConfReq id=0x1 <asyncmap 0x0> <magic {number:#x}> <pcomp> <accomp>]");
    bench.expect_sent(&[&line]);
}

#[test]
fn every_option_can_be_asked_for() {
    let mut config = plain();
    config.lcp.mru = 576;
    config.lcp.accm = Some(0x000a_0000);
    config.lcp.pfc = true;
    let mut bench = Bench::new(config);
    bench.expect_sent(&["[LCP ConfReq id=0x1 <mru 576> <asyncmap 0xa0000> <pcomp>]"]);
}

#[test]
fn a_changed_request_gets_a_new_identifier() {
    let mut config = plain();
    config.lcp.pfc = true;
    config.lcp.acfc = true;
    let mut bench = Bench::new(config);
    bench.expect_sent(&["[LCP ConfReq id=0x1 <pcomp> <accomp>]"]);
    // T28: one at a time.
    bench.lcp(CONFIGURE_REJECT, 1, PFC);
    bench.expect_sent(&["[LCP ConfReq id=0x2 <accomp>]"]);
    bench.lcp(CONFIGURE_REJECT, 2, ACFC);
    bench.expect_sent(&["[LCP ConfReq id=0x3]"]);
}

#[test]
fn an_answer_with_another_identifier_is_dropped() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    for code in [CONFIGURE_ACK, CONFIGURE_NAK, CONFIGURE_REJECT] {
        bench.lcp(code, 2, &[]);
    }
    bench.expect_sent(&[]);
    assert_eq!(bench.session.lcp.state(), State::ReqSent);
    assert_eq!(bench.session.drops().stale, 3);
}

#[test]
fn a_second_answer_to_the_same_request_is_dropped() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.lcp(CONFIGURE_ACK, 1, &[]);
    bench.lcp(CONFIGURE_ACK, 1, &[]);
    bench.lcp(CONFIGURE_NAK, 1, &[1, 4, 2, 0]);
    bench.expect_sent(&[]);
    assert_eq!(bench.session.lcp.state(), State::AckRcvd);
}

/// T23: the Ack of a request that has been superseded arrives late.
#[test]
fn a_late_ack_does_not_acknowledge_the_new_request() {
    let mut config = plain();
    config.lcp.accm = Some(0);
    let mut bench = Bench::new(config);
    bench.lcp(CONFIGURE_NAK, 1, &[2, 6, 0, 0x0a, 0, 0]);
    bench.take_sent();
    bench.lcp(CONFIGURE_ACK, 1, ACCM_0);
    assert_eq!(bench.session.lcp.state(), State::ReqSent);
    bench.lcp(CONFIGURE_ACK, 2, &[2, 6, 0, 0x0a, 0, 0]);
    assert_eq!(bench.session.lcp.state(), State::AckRcvd);
}

#[test]
fn an_ack_that_is_not_a_copy_is_dropped() {
    let mut config = plain();
    config.lcp.accm = Some(0);
    config.lcp.pfc = true;
    let mut bench = Bench::new(config);
    for data in [
        &[][..],
        ACCM_0,
        &[PFC, ACCM_0].concat(),
        &[2, 6, 0, 0, 0, 1, 7, 2],
    ] {
        bench.lcp(CONFIGURE_ACK, 1, data);
        assert_eq!(bench.session.lcp.state(), State::ReqSent, "{data:?}");
    }
    // The right one still counts.
    bench.lcp(CONFIGURE_ACK, 1, &[ACCM_0, PFC].concat());
    assert_eq!(bench.session.lcp.state(), State::AckRcvd);
}

#[test]
fn a_request_after_an_acknowledged_one_gets_a_new_identifier_on_timeout() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.lcp(CONFIGURE_ACK, 1, &[]);
    // RFC 1661 section 5.1: a valid reply was received for the previous request.
    bench.at(3000);
    bench.expect_sent(&["[LCP ConfReq id=0x2]"]);
}

#[test]
fn acknowledges_in_the_peers_order_and_takes_its_options() {
    let mut config = plain();
    config.lcp.pfc = true;
    config.lcp.acfc = true;
    let mut bench = Bench::new(config);
    bench.take_sent();
    // R7's order.
    let options = [
        &[2, 6, 0, 0x0a, 0, 0][..],
        PFC,
        ACFC,
        &magic(0x7377_bda1),
        &[1, 4, 2, 0x40],
    ];
    bench.lcp(CONFIGURE_REQUEST, 3, &options.concat());
    bench.expect_sent(&[
        "[LCP ConfAck id=0x3 <asyncmap 0xa0000> <pcomp> <accomp> <magic 0x7377bda1> <mru 576>]",
    ]);
    let peer = bench.session.lcp.protocol().peer();
    assert_eq!(
        (peer.mru, peer.accm, peer.magic),
        (576, 0x000a_0000, Some(0x7377_bda1))
    );
    assert!(peer.pfc && peer.acfc);
}

#[test]
fn nothing_is_taken_from_a_request_that_is_not_acknowledged() {
    let mut config = plain();
    config.lcp.pfc = true;
    let mut bench = Bench::new(config);
    bench.take_sent();
    // Quality protocol, MRRU, endpoint discriminator, callback: rejected, and only they.
    let unknown = [
        &[4, 8, 0xc0, 0x25, 0, 0, 0, 100][..],
        &[0x11, 4, 5, 0xdc],
        &[0x13, 9, 3, 0, 1, 2, 3, 4, 5],
        &[0x0d, 3, 6],
    ]
    .concat();
    bench.lcp(
        CONFIGURE_REQUEST,
        9,
        &[&[1, 4, 2, 0][..], &unknown, PFC].concat(),
    );
    bench.expect_raw(&[(Protocol::LCP, CONFIGURE_REJECT, 9, &unknown)]);
    assert_eq!(*bench.session.lcp.protocol().peer(), PeerOptions::default());
}

#[test]
fn options_of_a_wrong_length_are_rejected() {
    let mut config = SessionConfig::default();
    config.credentials.allow = AllowedAuth {
        pap: true,
        chap_md5: true,
    };
    let mut bench = Bench::new(config);
    let wrong = [
        &[1, 3, 5][..],
        &[2, 4, 0, 0],
        &[3, 3, 0xc0],
        &[5, 5, 1, 2, 3],
        &[7, 3, 0],
        &[8, 3, 0],
    ];
    for (id, option) in (1..).zip(wrong) {
        bench.take_raw();
        bench.lcp(CONFIGURE_REQUEST, id, option);
        bench.expect_raw(&[(Protocol::LCP, CONFIGURE_REJECT, id, option)]);
    }
}

#[test]
fn compression_that_is_switched_off_is_rejected() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.lcp(CONFIGURE_REQUEST, 1, &[PFC, ACFC].concat());
    bench.expect_sent(&["[LCP ConfRej id=0x1 <pcomp> <accomp>]"]);
}

#[test]
fn a_second_option_of_a_kind_changes_nothing_and_is_echoed() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    let options = [
        &[1, 4, 2, 0][..],
        &[1, 4, 1, 0],
        &[2, 6, 0, 0, 0, 1],
        &[2, 6, 0, 0, 0, 2],
    ];
    bench.lcp(CONFIGURE_REQUEST, 4, &options.concat());
    bench.expect_raw(&[(Protocol::LCP, CONFIGURE_ACK, 4, &options.concat())]);
    let peer = bench.session.lcp.protocol().peer();
    assert_eq!((peer.mru, peer.accm), (512, 1));
}

#[test]
fn a_tiny_mru_is_nakked_and_after_five_times_rejected() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    for id in 1..=5 {
        bench.lcp(CONFIGURE_REQUEST, id, &[1, 4, 0, 64]);
        bench.expect_sent(&[&format!("[LCP ConfNak id={id:#x} <mru 128>]")]);
    }
    bench.lcp(CONFIGURE_REQUEST, 6, &[1, 4, 0, 64]);
    bench.expect_sent(&["[LCP ConfRej id=0x6 <mru 64>]"]);
}

#[test]
fn a_magic_number_of_zero_is_refused_and_never_rejected() {
    let mut bench = Bench::new(plain());
    for id in 1..=10 {
        bench.take_raw();
        bench.lcp(CONFIGURE_REQUEST, id, &magic(0));
        let raw = bench.take_raw();
        let [(Protocol::LCP, info)] = raw.as_slice() else {
            panic!("{raw:?}")
        };
        assert_eq!(
            (info[0], info[1], &info[4..6]),
            (CONFIGURE_NAK, id, &[5, 6][..])
        );
        assert_ne!(info[6..], [0; 4]);
    }
}

/// T18: a peer without any option of ours but ACCM, which it wants larger.
#[test]
fn the_characters_of_a_nakked_accm_are_added_to_ours() {
    let mut config = plain();
    config.lcp.accm = Some(0x8000_0000);
    let mut bench = Bench::new(config);
    bench.take_sent();
    bench.lcp(CONFIGURE_NAK, 1, &[2, 6, 0, 0x0a, 0, 0]);
    bench.expect_sent(&["[LCP ConfReq id=0x2 <asyncmap 0x800a0000>]"]);
}

#[test]
fn what_was_rejected_is_not_sent_again_though_a_nak_asks_for_it() {
    let mut config = SessionConfig::default();
    config.lcp.magic = false;
    let mut bench = Bench::new(config);
    bench.lcp(CONFIGURE_REJECT, 1, &[ACCM_0, PFC, ACFC].concat());
    bench.expect_sent(&[
        "[LCP ConfReq id=0x1 <asyncmap 0x0> <pcomp> <accomp>]",
        "[LCP ConfReq id=0x2]",
    ]);
    bench.lcp(CONFIGURE_NAK, 2, &[ACCM_0, PFC, ACFC].concat());
    bench.expect_sent(&["[LCP ConfReq id=0x3]"]);
}

#[test]
fn a_new_negotiation_asks_again_for_what_was_rejected_before() {
    let mut config = plain();
    config.lcp.accm = Some(0);
    let mut bench = Bench::new(config);
    bench.lcp(CONFIGURE_REJECT, 1, ACCM_0);
    bench.open_lcp(&[]);
    bench.take_sent();
    bench.lcp(CONFIGURE_REQUEST, 0x22, ACCM_0);
    assert_eq!(bench.take_sent()[0], "[LCP ConfReq id=0x3 <asyncmap 0x0>]");
}

/// RFC 1661 section 5.4: "The Options field MUST be a proper subset of those in the last
/// transmitted Configure-Request. Invalid packets are silently discarded."
#[test]
fn a_reject_of_what_was_not_sent_is_dropped() {
    let mut config = plain();
    config.lcp.accm = Some(0);
    let mut bench = Bench::new(config);
    bench.take_sent();
    for rejected in [
        PAP.to_vec(),
        [ACCM_0, PFC].concat(),
        option(2, &[0, 10, 0, 0]),
    ] {
        bench.lcp(CONFIGURE_REJECT, 1, &rejected);
    }
    bench.expect_sent(&[]);
    assert_eq!(bench.session.drops().bad_packet, 3);
    bench.lcp(CONFIGURE_REJECT, 1, ACCM_0);
    bench.expect_sent(&["[LCP ConfReq id=0x2]"]);
}

#[test]
fn a_nakked_mru_is_taken_if_we_can_receive_it() {
    let mut config = plain();
    config.lcp.mru = 1000;
    for (suggested, asked) in [(576, 576), (1500, 1500), (1501, 1000), (100, 1000)] {
        let mut bench = Bench::new(config.clone());
        bench.take_sent();
        bench.lcp(CONFIGURE_NAK, 1, &option(1, &u16::to_be_bytes(suggested)));
        bench.expect_sent(&[&format!("[LCP ConfReq id=0x2 <mru {asked}>]")]);
    }
}

#[test]
fn the_fifth_nak_is_taken_as_a_reject() {
    let mut config = plain();
    config.lcp.mru = 1400;
    config.lcp.pfc = true;
    let mut bench = Bench::new(config);
    for id in 1..=5 {
        bench.take_sent();
        bench.lcp(CONFIGURE_NAK, id, &[1, 4, 0x10, 0]);
    }
    bench.expect_sent(&["[LCP ConfReq id=0x6 <pcomp>]"]);
}

#[test]
fn naks_of_magic_only_change_the_number() {
    let mut config = plain();
    config.lcp.magic = true;
    let mut bench = Bench::new(config);
    let mut seen = vec![bench.session.lcp.protocol().magic()];
    for id in 1..=8 {
        bench.lcp(CONFIGURE_NAK, id, &magic(1));
        let number = bench.session.lcp.protocol().magic();
        assert!(number != 0 && !seen.contains(&number));
        seen.push(number);
    }
}

#[test]
fn a_nak_never_makes_the_client_demand_authentication() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.lcp(CONFIGURE_NAK, 1, CHAP_MD5);
    bench.expect_sent(&["[LCP ConfReq id=0x2]"]);
}

#[test]
fn a_silent_session_waits_for_the_peer() {
    let mut config = plain();
    config.lcp.silent = true;
    let mut bench = Bench::new(config);
    assert_eq!(bench.session.poll_timeout(), None);
    bench.at(60_000);
    bench.expect_sent(&[]);
    bench.lcp(CONFIGURE_REQUEST, 5, &[]);
    bench.expect_sent(&["[LCP ConfReq id=0x1]", "[LCP ConfAck id=0x5]"]);
    assert_eq!(bench.session.lcp.state(), State::AckSent);
}

/// A modem in command mode with its echo on, or a loop of wire.
#[test]
fn our_own_packets_end_the_session_as_a_loop_without_waiting() {
    let mut bench = Bench::before_line_up(SessionConfig::default());
    bench.session.line_up(bench.now);
    for _ in 0..200 {
        let Some(Transmit { frame, .. }) = bench.session.poll_transmit() else {
            break;
        };
        let _ = bench.session.handle_frame(bench.now, &frame);
    }
    bench.drain();
    let logs = bench.events.clone();
    let said = |text: &str| {
        logs.iter()
            .any(|event| matches!(event, Event::Log(line) if line.text == text))
    };
    assert!(said("Serial line is looped back."));
    bench.expect_down(DownReason::Loopback);
}

#[test]
fn a_single_collision_of_magic_numbers_is_no_loop() {
    let mut config = plain();
    config.lcp.magic = true;
    let mut bench = Bench::new(config);
    for id in 0..50 {
        let ours = bench.session.lcp.protocol().magic();
        bench.lcp(CONFIGURE_REQUEST, 2 * id, &magic(ours));
        bench.lcp(CONFIGURE_REQUEST, 2 * id + 1, &magic(ours ^ 1));
    }
    assert_eq!(bench.take_events(), []);
}

#[test]
fn a_peer_that_never_agrees_is_given_up() {
    let mut config = plain();
    config.lcp.mru = 1400;
    config.lcp.fsm.max_failure = 1000;
    let mut bench = Bench::new(config);
    for n in 0..200_u32 {
        let mru = if n % 2 == 0 { 600_u16 } else { 700 };
        let id = bench.last_request(Protocol::LCP).0;
        bench.lcp(CONFIGURE_NAK, id, &option(1, &mru.to_be_bytes()));
    }
    let requests = bench
        .take_sent()
        .iter()
        .filter(|line| line.contains("ConfReq"))
        .count();
    assert_eq!(requests, 30);
    bench.at(10_000);
    let why = "the peer's wishes and ours do not converge".to_owned();
    bench.expect_down(DownReason::NegotiationFailed {
        layer: Layer::Lcp,
        why,
    });
}

#[test]
fn a_peer_whose_requests_are_never_acceptable_is_given_up() {
    let mut bench = Bench::new(plain());
    for id in 0..200 {
        bench.lcp(CONFIGURE_REQUEST, id, &[0x11, 4, 5, 0xdc]);
    }
    assert!(
        bench
            .take_sent()
            .iter()
            .filter(|line| line.contains("ConfRej"))
            .count()
            <= 35
    );
    bench.at(10_000);
    let why = "the peer's wishes and ours do not converge".to_owned();
    bench.expect_down(DownReason::NegotiationFailed {
        layer: Layer::Lcp,
        why,
    });
}

#[test]
fn a_request_that_repeats_what_was_agreed_is_acknowledged_in_place() {
    let mut bench = Bench::new(plain());
    bench.open_lcp(ACCM_0);
    bench.open_ipcp();
    bench.take_sent();
    bench.take_events();
    bench.lcp(CONFIGURE_REQUEST, 0x21, ACCM_0);
    bench.lcp(CONFIGURE_REQUEST, 0x22, &[]);
    bench.expect_sent(&[
        "[LCP ConfAck id=0x21 <asyncmap 0x0>]",
        "[LCP ConfAck id=0x22]",
    ]);
    assert_eq!(bench.take_events(), []);
    assert_eq!(bench.session.lcp.protocol().peer().accm, 0);
}

/// A peer that has restarted with the same wishes waits for our Configure-Request.
#[test]
fn a_peer_that_goes_on_asking_after_acks_in_place_gets_a_new_negotiation() {
    let mut bench = Bench::new(plain());
    bench.open_lcp(ACCM_0);
    for (n, id) in [(0, 1), (1, 2), (2, 3)] {
        bench.at(n * 3000);
        bench.take_sent();
        bench.lcp(CONFIGURE_REQUEST, id, ACCM_0);
    }
    bench.expect_sent(&[
        "[LCP ConfReq id=0x2]",
        "[LCP ConfAck id=0x3 <asyncmap 0x0>]",
    ]);
    assert_eq!(bench.session.phase(), Phase::Establish);
}

#[test]
fn spurious_requests_far_apart_are_all_acknowledged_in_place() {
    let mut bench = Bench::new(plain());
    bench.open_lcp(ACCM_0);
    bench.open_ipcp();
    for n in 0..5 {
        bench.at(n * 60_000);
        bench.lcp(CONFIGURE_REQUEST, 1, &[]);
    }
    assert!(bench.session.lcp.is_opened());
}

#[test]
fn a_request_that_changes_something_starts_the_negotiation_again() {
    let mut bench = Bench::online(plain());
    bench.lcp(CONFIGURE_REQUEST, 0x40, ACCM_0);
    bench.expect_sent(&[
        "[LCP ConfReq id=0x2]",
        "[LCP ConfAck id=0x40 <asyncmap 0x0>]",
    ]);
    assert_eq!(bench.take_events(), [Event::NetworkDown]);
    assert_eq!(bench.session.phase(), Phase::Establish);
    bench.lcp(CONFIGURE_ACK, 2, &[]);
    assert_eq!(bench.session.phase(), Phase::Network);
    bench
        .expect_sent(&["[IPCP ConfReq id=0x3 <addr 0.0.0.0> <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]"]);
    bench.open_ipcp();
    assert!(matches!(
        bench.take_events().as_slice(),
        [Event::NetworkUp(_)]
    ));
}

#[test]
fn without_ack_in_place_every_request_starts_the_negotiation_again() {
    let mut config = plain();
    config.lcp.ack_in_place = false;
    let mut bench = Bench::online(config);
    bench.lcp(CONFIGURE_REQUEST, 0x21, &[]);
    bench.expect_sent(&["[LCP ConfReq id=0x2]", "[LCP ConfAck id=0x21]"]);
    assert_eq!(bench.take_events(), [Event::NetworkDown]);
}

//! What happens around an open LCP: echo, and every way to end.

use super::*;
use crate::ppp::config::EchoConfig;

fn peer_terminated(layer: Layer, text: &str) -> DownReason {
    DownReason::PeerTerminated {
        layer,
        text: text.to_owned(),
        auth_rejected: false,
    }
}

fn closed(why: &str) -> DownReason {
    DownReason::Closed {
        why: why.to_owned(),
    }
}

/// A client with a magic number and echoes every ten seconds, three of which may be lost.
fn with_echo() -> SessionConfig {
    let mut config = plain();
    config.lcp.magic = true;
    config.echo = EchoConfig {
        interval: Duration::from_secs(10),
        failure: 3,
    };
    config
}

#[test]
fn an_echo_request_is_answered_with_our_magic_and_its_data() {
    let mut config = plain();
    config.lcp.magic = true;
    let mut bench = Bench::online(config);
    let ours = bench.session.lcp.protocol().magic().to_be_bytes();
    bench.lcp(ECHO_REQUEST, 9, &[0xd0, 0x84, 0x69, 0x0a, 1, 2]);
    let data = [&ours[..], &[1, 2]].concat();
    bench.expect_raw(&[(Protocol::LCP, ECHO_REPLY, 9, &data)]);
}

#[test]
fn an_echo_request_is_only_answered_when_lcp_is_open() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.lcp(ECHO_REQUEST, 1, &[0; 4]);
    bench.lcp(CONFIGURE_REQUEST, 1, &[]);
    bench.lcp(ECHO_REQUEST, 2, &[0; 4]);
    bench.expect_sent(&["[LCP ConfAck id=0x1]"]);
}

#[test]
fn an_echo_request_without_a_magic_number_is_dropped() {
    let mut bench = Bench::online(plain());
    bench.lcp(ECHO_REQUEST, 1, &[0, 0, 0]);
    bench.expect_sent(&[]);
    assert_eq!(bench.session.drops().bad_packet, 1);
}

#[test]
fn the_first_echo_request_goes_out_when_lcp_opens() {
    let mut bench = Bench::new(with_echo());
    bench.take_sent();
    bench.open_lcp(&[]);
    let number = bench.session.lcp.protocol().magic();
    let sent = bench.take_sent();
    assert_eq!(sent[1], format!("[LCP EchoReq id=0x0 magic={number:#x}]"));
}

#[test]
fn a_peer_that_stays_silent_is_declared_dead() {
    let mut bench = Bench::new(with_echo());
    bench.open_lcp(&[]);
    bench.open_ipcp();
    bench.at(0);
    bench.take_events();
    bench.take_sent();
    // The request at 0 s was sent before IPCP was negotiated: packets that came since set the count
    // back.
    bench.at(29_999);
    assert_eq!(bench.take_sent().len(), 2);
    bench.at(39_999);
    assert_eq!(bench.session.phase(), Phase::Network);
    bench.take_sent();
    bench.events.clear();
    bench.at(40_000);
    bench.expect_sent(&["[LCP TermReq id=0x2 \"Peer not responding\"]"]);
    let events = bench.events.clone();
    let position = |text: &str| {
        events
            .iter()
            .position(|event| matches!(event, Event::Log(line) if line.text == text))
    };
    assert!(position("No response to 3 echo-requests").is_some());
    assert!(position("Serial link appears to be disconnected.").is_some());
    assert_eq!(
        bench.take_events(),
        [
            Event::NetworkDown,
            Event::Down(DownReason::EchoTimeout { lost: 3 })
        ]
    );
}

#[test]
fn whatever_is_received_keeps_the_link_up() {
    let mut bench = Bench::new(with_echo());
    bench.open_lcp(&[]);
    bench.open_ipcp();
    let mut packet = [0_u8; 20];
    packet[0] = 0x45;
    let frame = [&[0x21][..], &packet].concat();
    for n in 1..100 {
        bench.at(n * 25_000);
        assert!(matches!(
            bench.session.handle_frame(bench.now, &frame),
            Received::Ipv4(_)
        ));
    }
    assert_eq!(bench.session.phase(), Phase::Network);
}

/// R3, T02, T03: the modem's magic, ours as data, ours, zero, none at all, other identifiers.
#[test]
fn echo_replies_of_every_real_shape_count() {
    let mut bench = Bench::new(with_echo());
    bench.open_lcp(&[]);
    bench.open_ipcp();
    let ours = bench.session.lcp.protocol().magic().to_be_bytes();
    let replies = [
        vec![0; 4],
        vec![],
        ours.to_vec(),
        [&[1, 0x1d, 0xc7, 0xc2][..], &ours].concat(),
        vec![1, 2, 3, 4, 5],
    ];
    for (n, data) in (1..40).zip(replies.iter().cycle()) {
        bench.at(n * 25_000);
        bench.lcp(ECHO_REPLY, 99, data);
    }
    assert_eq!(bench.session.phase(), Phase::Network);
}

#[test]
fn our_own_echoes_are_no_sign_of_life() {
    let mut bench = Bench::new(with_echo());
    bench.open_lcp(&[]);
    bench.open_ipcp();
    let ours = bench.session.lcp.protocol().magic().to_be_bytes();
    bench.take_logs();
    bench.at(10_000);
    bench.lcp(ECHO_REQUEST, 1, &ours);
    assert!(
        !bench
            .take_sent()
            .iter()
            .any(|line| line.contains("EchoRep"))
    );
    assert_eq!(
        bench.take_logs(),
        ["appear to have received our own echo-request!"]
    );
    // The modem is in command mode, and echoes whatever we send.
    let mut packet = [0_u8; 20];
    packet[0] = 0x45;
    packet[12..16].copy_from_slice(&[10, 0, 0, 2]);
    let frame = [&[0x21][..], &packet].concat();
    for n in 1..4 {
        bench.at(n * 10_000);
        bench.lcp(ECHO_REQUEST, 1, &ours);
        assert_eq!(
            bench.session.handle_frame(bench.now, &frame),
            Received::Handled
        );
    }
    assert_eq!(bench.session.drops().looped, 7);
    bench.at(40_000);
    assert!(
        bench
            .events
            .contains(&Event::Down(DownReason::EchoTimeout { lost: 3 }))
    );
}

#[test]
fn without_an_interval_nothing_wakes_an_idle_link() {
    let bench = Bench::online(plain());
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn discard_requests_are_ignored_in_every_phase() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.lcp(DISCARD_REQUEST, 3, &[1, 2, 3, 4]);
    bench.expect_sent(&[]);
    let mut bench = Bench::online(plain());
    bench.lcp(DISCARD_REQUEST, 3, &[]);
    bench.expect_sent(&[]);
}

#[test]
fn identification_and_time_remaining_are_logged_without_control_characters() {
    let mut bench = Bench::online(plain());
    bench.lcp(IDENTIFICATION, 1, b"\0\0\0\0modem\n1.0");
    bench.lcp(TIME_REMAINING, 2, b"\0\0\0\0\0\0\0\x3cbye");
    assert_eq!(
        bench.take_logs(),
        [
            "peer identifies itself: modem\\n1.0",
            "peer leaves us 60 seconds: bye"
        ]
    );
    bench.expect_sent(&[]);
}

#[test]
fn identification_is_sent_when_configured() {
    let mut config = plain();
    config.lcp.identification = Some("uplinkd".to_owned());
    let mut bench = Bench::new(config);
    bench.take_sent();
    bench.open_lcp(&[]);
    assert_eq!(
        bench.take_raw()[1],
        (Protocol::LCP, b"\x0c\x02\x00\x0f\0\0\0\0uplinkd".to_vec())
    );
}

/// R4, and the words of a network.
#[test]
fn a_peer_that_terminates_gets_its_ack_and_the_session_ends_with_its_words() {
    for (text, log) in [
        ("", "LCP terminated by peer"),
        ("Idle", "LCP terminated by peer (Idle)"),
    ] {
        let mut bench = Bench::online(plain());
        bench.lcp(TERMINATE_REQUEST, 3, text.as_bytes());
        bench.expect_sent(&["[LCP TermAck id=0x3]"]);
        let events = bench.events.clone();
        assert!(
            events
                .iter()
                .any(|event| matches!(event, Event::Log(line) if line.text == log))
        );
        assert_eq!(bench.take_events(), [Event::NetworkDown]);
        assert_eq!(bench.session.phase(), Phase::Terminate);
        bench.at(999);
        bench.expect_sent(&[]);
        assert_eq!(bench.take_events(), []);
        bench.at(1000);
        bench.expect_down(peer_terminated(Layer::Lcp, text));
    }
}

#[test]
fn the_hangup_after_a_termination_does_not_hide_its_reason() {
    let mut bench = Bench::online(plain());
    bench.lcp(TERMINATE_REQUEST, 3, b"2\x03\x0f");
    bench.take_events();
    bench.session.line_down(bench.now);
    bench.drain();
    bench.expect_down(peer_terminated(Layer::Lcp, "2\\003\\017"));
}

#[test]
fn a_repeated_terminate_request_is_acknowledged_again() {
    let mut bench = Bench::online(plain());
    bench.lcp(TERMINATE_REQUEST, 3, &[]);
    bench.at(500);
    bench.lcp(TERMINATE_REQUEST, 3, &[]);
    bench.expect_sent(&["[LCP TermAck id=0x3]", "[LCP TermAck id=0x3]"]);
    bench.at(2000);
    assert_eq!(
        bench.take_events(),
        [
            Event::NetworkDown,
            Event::Down(peer_terminated(Layer::Lcp, ""))
        ]
    );
}

/// Frames of a former session, late.
#[test]
fn a_stale_terminate_request_does_not_stop_a_negotiation() {
    let mut bench = Bench::new(plain());
    bench.take_sent();
    bench.lcp(TERMINATE_REQUEST, 0xf1, &[]);
    bench.expect_sent(&["[LCP TermAck id=0xf1]"]);
    bench.open_lcp(&[]);
    assert_eq!(bench.session.phase(), Phase::Network);
}

#[test]
fn a_peer_that_closes_during_the_negotiation_is_believed() {
    let mut bench = Bench::new(plain());
    bench.lcp(TERMINATE_REQUEST, 0xf1, b"no more sessions");
    bench.at(3000);
    bench.lcp(TERMINATE_ACK, 1, &[]);
    bench.expect_down(peer_terminated(Layer::Lcp, "no more sessions"));
}

#[test]
fn a_peer_that_terminates_and_falls_silent_is_quoted_when_the_requests_run_out() {
    let mut bench = Bench::new(plain());
    bench.lcp(TERMINATE_REQUEST, 0xf1, b"busy");
    bench.at(30_000);
    bench.expect_down(peer_terminated(Layer::Lcp, "busy"));
}

#[test]
fn closing_says_why_and_ends_with_the_answer() {
    let mut bench = Bench::online(plain());
    bench.session.close(bench.now, "User request");
    bench.drain();
    bench.expect_sent(&["[LCP TermReq id=0x2 \"User request\"]"]);
    assert_eq!(bench.take_events(), [Event::NetworkDown]);
    bench.lcp(TERMINATE_ACK, 2, &[]);
    bench.expect_down(closed("User request"));
}

/// T14: many modems just drop the line.
#[test]
fn closing_ends_within_four_seconds_without_an_answer() {
    let mut bench = Bench::online(plain());
    bench.session.close(bench.now, "User request");
    bench.at(3999);
    bench.expect_sent(&["[LCP TermReq id=0x2 \"User request\"]"; 2]);
    assert_eq!(bench.take_events(), [Event::NetworkDown]);
    bench.at(4000);
    bench.expect_down(closed("User request"));
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn when_both_close_the_answer_is_waited_for_a_second() {
    let mut bench = Bench::online(plain());
    bench.session.close(bench.now, "User request");
    bench.lcp(TERMINATE_REQUEST, 7, &[]);
    bench.take_events();
    bench.at(1000);
    bench.expect_down(closed("User request"));
}

#[test]
fn closing_during_the_negotiation_and_before_it_works_too() {
    let mut bench = Bench::new(plain());
    bench.session.close(bench.now, "User request");
    bench.at(4000);
    bench.expect_down(closed("User request"));

    let mut bench = Bench::before_line_up(plain());
    bench.session.close(bench.now, "User request");
    bench.drain();
    bench.expect_sent(&[]);
    bench.expect_down(closed("User request"));

    let mut config = plain();
    config.lcp.silent = true;
    let mut bench = Bench::new(config);
    bench.session.close(bench.now, "User request");
    bench.drain();
    bench.expect_sent(&[]);
    bench.expect_down(closed("User request"));
}

#[test]
fn a_second_close_keeps_the_first_reason() {
    let mut bench = Bench::online(plain());
    bench.session.close(bench.now, "Link inactive");
    bench.session.close(bench.now, "User request");
    bench.at(10_000);
    assert_eq!(
        bench.take_events(),
        [Event::NetworkDown, Event::Down(closed("Link inactive"))]
    );
}

#[test]
fn a_lost_line_ends_the_session_at_once() {
    let mut bench = Bench::online(plain());
    bench.session.line_down(bench.now);
    bench.drain();
    bench.expect_sent(&[]);
    let logs: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Log(line) => Some(line.text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(logs, ["Modem hangup", "Connection terminated."]);
    assert_eq!(
        bench.take_events(),
        [Event::NetworkDown, Event::Down(DownReason::CarrierLost)]
    );
}

#[test]
fn nothing_happens_after_the_end() {
    let mut bench = Bench::online(plain());
    bench.session.line_down(bench.now);
    bench.drain();
    bench.take_events();
    bench.session.line_up(bench.now);
    bench.lcp(CONFIGURE_REQUEST, 1, &[]);
    bench.session.close(bench.now, "User request");
    bench.session.line_down(bench.now);
    bench.at(100_000);
    bench.expect_sent(&[]);
    assert_eq!(bench.events, []);
}

#[test]
fn phases_are_told_in_their_order() {
    let mut bench = Bench::new(plain());
    bench.open_lcp(&[]);
    bench.session.close(bench.now, "User request");
    bench.at(10_000);
    let phases: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Phase(phase) => Some(*phase),
            _ => None,
        })
        .collect();
    assert_eq!(
        phases,
        [
            Phase::Establish,
            Phase::Authenticate,
            Phase::Network,
            Phase::Terminate,
            Phase::Dead
        ]
    );
}

#[test]
fn ip_packets_only_pass_while_ipcp_is_open() {
    let mut packet = [0_u8; 20];
    packet[0] = 0x45;
    let frame = [&[0xff, 0x03, 0, 0x21][..], &packet].concat();
    let mut bench = Bench::networking(plain());
    assert_eq!(
        bench.session.handle_frame(bench.now, &frame),
        Received::Handled
    );
    assert_eq!(bench.session.drops().ip_not_up, 1);
    bench.open_ipcp();
    assert_eq!(
        bench.session.handle_frame(bench.now, &frame),
        Received::Ipv4(&packet)
    );
    // Too short, empty, and something that only says that it is IPv4.
    for bad in [&packet[..19], &[], &[0x65; 40]] {
        let frame = [&[0x21][..], bad].concat();
        assert_eq!(
            bench.session.handle_frame(bench.now, &frame),
            Received::Handled
        );
    }
    assert_eq!(bench.session.drops().bad_ip, 3);
    bench.session.close(bench.now, "User request");
    assert_eq!(
        bench.session.handle_frame(bench.now, &frame),
        Received::Handled
    );
}

#[test]
fn control_frames_are_compressed_only_where_the_peer_can_be_sure() {
    let mut config = with_echo();
    config.lcp.acfc = true;
    config.lcp.pfc = true;
    let mut bench = Bench::new(config);
    let request = bench.last_request(Protocol::LCP);
    bench.lcp(CONFIGURE_ACK, request.0, &request.1);
    let mut info = Vec::new();
    ControlPacket::write(CONFIGURE_REQUEST, 1, &[PFC, ACFC].concat(), &mut info);
    let _ = bench
        .session
        .handle_frame(bench.now, &[&[0xff, 3, 0xc0, 0x21][..], &info].concat());
    let frames: Vec<_> = std::iter::from_fn(|| bench.session.poll_transmit()).collect();
    let starts: Vec<_> = frames
        .iter()
        .map(|one| (one.plain, &one.frame[..5]))
        .collect();
    assert_eq!(
        starts,
        [
            (true, &[0xff, 0x03, 0xc0, 0x21, CONFIGURE_ACK][..]),
            (false, &[0xc0, 0x21, ECHO_REQUEST, 0, 0]),
            (false, &[0x80, 0x21, CONFIGURE_REQUEST, 1, 0]),
        ]
    );
}

#[test]
fn echo_packets_of_a_link_that_is_up_are_logged_for_the_curious_only() {
    use crate::log::Level;
    let mut bench = Bench::online(plain());
    bench.lcp(ECHO_REQUEST, 1, &[0; 4]);
    bench.lcp(DISCARD_REQUEST, 1, &[0; 4]);
    let levels: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Log(line) => Some((line.level, line.text.split(' ').next().unwrap().to_owned())),
            _ => None,
        })
        .collect();
    let rcvd = |level| (level, "rcvd".to_owned());
    assert_eq!(
        levels,
        [
            rcvd(Level::Trace),
            (Level::Trace, "sent".to_owned()),
            rcvd(Level::Debug)
        ]
    );
}

#[test]
fn a_flood_fills_no_queue() {
    let mut bench = Bench::online(plain());
    let echo = [0xff, 3, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 1];
    for _ in 0..10_000 {
        let _ = bench.session.handle_frame(bench.now, &echo);
    }
    assert_eq!(bench.session.outbox.len(), MAX_QUEUE);
    assert!(bench.session.events.len() <= 1024);
    assert!(bench.session.drops().send_queue_full > 9000 && bench.session.drops().log_lines > 9000);
}

/// Every frame of a hostile peer would be a line or more; how the session ends is told nevertheless.
#[test]
fn a_flood_does_not_fill_the_log() {
    let mut bench = Bench::online(plain());
    bench.events.clear();
    for n in 0..10_000 {
        bench.now = Instant::from_millis(n);
        bench.lcp(CODE_REJECT, 1, &[1, 1, 0, 4]);
    }
    let lines = bench.take_logs();
    assert!(lines.len() < 700, "{}", lines.len());
    let told = "the peer causes too many log lines: some are left out";
    assert_eq!(lines.iter().filter(|line| *line == told).count(), 1);
    bench.session.line_down(bench.now);
    bench.drain();
    let lines = bench.take_logs();
    assert_eq!(lines, ["Modem hangup", "Connection terminated."]);
}

#[test]
fn an_identification_fits_into_the_peers_mru() {
    let mut config = plain();
    config.lcp.identification = Some("x".repeat(300));
    let mut bench = Bench::new(config);
    bench.take_sent();
    bench.open_lcp(&option(1, &[0, 128]));
    let sent = bench.take_raw();
    assert_eq!(sent.iter().map(|(_, info)| info.len()).max(), Some(128));
}

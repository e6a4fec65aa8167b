//! Packets that no peer should send.

use super::*;

/// Every one of these is counted and dropped; the negotiation goes on as if nothing had come.
#[test]
fn malformed_packets_change_nothing() {
    let cases: &[(&str, &[u8])] = &[
        ("empty frame", &[]),
        ("address and control only", &[0xff, 0x03]),
        ("half a protocol", &[0xff, 0x03, 0xc0]),
        ("the empty frame that killed half of lwIP", &[0x00]),
        ("no header", &[0xff, 0x03, 0xc0, 0x21]),
        ("three bytes of header", &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0]),
        ("length 2", &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 2]),
        ("length 0", &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 0]),
        (
            "length beyond the frame",
            &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0xff, 0xff, 1, 4, 5, 0xdc],
        ),
        (
            "option of length 0",
            &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 6, 1, 0],
        ),
        (
            "option of length 1",
            &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 6, 1, 1],
        ),
        (
            "option beyond the packet",
            &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 7, 1, 9, 5],
        ),
        (
            "a good option, then half of one",
            &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 9, 1, 4, 5, 0xdc, 7],
        ),
        (
            "ack with a broken option",
            &[0xff, 0x03, 0xc0, 0x21, 2, 1, 0, 6, 1, 0],
        ),
        (
            "nak with a broken option",
            &[0xff, 0x03, 0xc0, 0x21, 3, 1, 0, 6, 1, 0],
        ),
        (
            "reject with a broken option",
            &[0xff, 0x03, 0xc0, 0x21, 4, 1, 0, 6, 1, 0],
        ),
        (
            "protocol-reject of nothing",
            &[0xff, 0x03, 0xc0, 0x21, 8, 1, 0, 5, 0x80],
        ),
    ];
    let mut bench = Bench::new(plain());
    bench.take_sent();
    for (name, frame) in cases {
        assert_eq!(
            bench.session.handle_frame(bench.now, frame),
            Received::Handled
        );
        bench.drain();
        bench.expect_sent(&[]);
        assert_eq!(bench.session.lcp.state(), State::ReqSent, "{name}");
    }
    let drops = bench.session.drops();
    assert_eq!(
        drops.bad_header + drops.bad_packet + drops.stale,
        cases.len() as u64
    );
    bench.open_lcp(&[]);
    assert_eq!(bench.session.phase(), Phase::Network);
}

/// A broken Nak is not an answer: the right one still counts.
#[test]
fn a_malformed_answer_does_not_use_up_the_request() {
    let mut bench = Bench::new(plain());
    bench.lcp(CONFIGURE_NAK, 1, &[1, 0]);
    bench.lcp(CONFIGURE_ACK, 1, &[]);
    assert_eq!(bench.session.lcp.state(), State::AckRcvd);
}

/// What Linux sends as endpoint discriminator, and many options at once.
#[test]
fn unknown_options_of_every_length_and_number_are_rejected() {
    let mut bench = Bench::new(plain());
    for length in 2..=255 {
        let unknown = option(0x13, &vec![0xaa; length - 2]);
        bench.take_raw();
        if bench.session.phase() != Phase::Establish {
            break;
        }
        bench.lcp(CONFIGURE_REQUEST, 1, &unknown);
        if length < 30 {
            bench.expect_raw(&[(Protocol::LCP, CONFIGURE_REJECT, 1, &unknown)]);
        }
    }
    let mut bench = Bench::new(plain());
    bench.take_raw();
    let many: Vec<u8> = (20..=255).flat_map(|kind| [kind, 2]).collect();
    bench.lcp(CONFIGURE_REQUEST, 1, &many);
    bench.expect_raw(&[(Protocol::LCP, CONFIGURE_REJECT, 1, &many)]);
}

#[test]
fn a_request_that_could_not_be_echoed_is_dropped() {
    let mut bench = Bench::new(plain());
    bench.open_lcp(&[1, 4, 0, 128]);
    bench.take_sent();
    bench.lcp(CONFIGURE_REQUEST, 1, &option(2, &[0; 200]));
    bench.ipcp(CONFIGURE_REQUEST, 1, &option(2, &[0; 200]));
    bench.expect_sent(&[]);
    assert_eq!(bench.session.drops().bad_packet, 2);
    assert!(bench.session.lcp.is_opened());
}

/// Every code in every state of both layers: no panic, and never more than one answer.
#[test]
fn every_code_in_every_state_gets_at_most_two_packets() {
    type Prepare = fn() -> Bench;
    let states: [(&str, Prepare); 8] = [
        ("Dead", || Bench::before_line_up(plain())),
        ("ReqSent", || Bench::new(plain())),
        ("AckRcvd", || {
            let mut bench = Bench::new(plain());
            bench.lcp(CONFIGURE_ACK, 1, &[]);
            bench
        }),
        ("AckSent", || {
            let mut bench = Bench::new(plain());
            bench.lcp(CONFIGURE_REQUEST, 1, &[]);
            bench
        }),
        ("Opened", || Bench::networking(plain())),
        ("online", || Bench::online(plain())),
        ("Closing", || {
            let mut bench = Bench::online(plain());
            bench.session.close(bench.now, "User request");
            bench.drain();
            bench
        }),
        ("Stopping", || {
            let mut bench = Bench::online(plain());
            bench.lcp(TERMINATE_REQUEST, 1, &[]);
            bench
        }),
    ];
    for (name, prepare) in states {
        for protocol in [Protocol::LCP, Protocol::IPCP, Protocol::PAP, Protocol::CHAP] {
            for code in (0..20).chain([0x80, 0xff]) {
                for data in [&[][..], &[1, 4, 5, 0xdc], &[0xff; 64]] {
                    let mut bench = prepare();
                    bench.take_sent();
                    bench.receive(protocol, code, 1, data);
                    let sent = bench.take_sent();
                    assert!(sent.len() <= 2, "{name} {protocol:?} {code}: {sent:?}");
                }
            }
        }
    }
}

//! Modems that say too much, or what no modem should, and owners that call too often.

use proptest::prelude::*;

use super::*;

#[test]
fn a_tilde_in_an_answer_does_not_hide_the_result() {
    let run = run(
        plan(),
        modem(&[
            ("AT^M", "\r\n+COPS: 0,0,\"A~1\",7\r\n\r\nOK\r\n"),
            (DIAL_M, "\r\nCONNECT\r\n"),
        ]),
    );
    run.connected("CONNECT", b"");
}

/// Found by `any_modem_comes_to_an_end`: what is read out of a cut-off frame may hold two results.
#[test]
fn nothing_comes_behind_the_end() {
    let answer = "\x7e\u{1}\r\n+CME ERROR: 3\r\n\r\nERROR\r\n";
    let mut dialer = Dialer::new(plan());
    dialer.start(Instant::ZERO);
    dialer.handle_timeout(Instant::from_millis(100));
    dialer.handle_bytes(Instant::from_millis(110), answer.as_bytes());
    dialer.handle_timeout(Instant::from_millis(700));
    let last = std::iter::from_fn(|| dialer.poll_event()).last();
    let error = DialError::Extended {
        command: "ATZ".to_owned(),
        code: Some(3),
        text: "+CME ERROR: 3 (operation not allowed)".to_owned(),
    };
    assert_eq!(last, Some(DialEvent::Failed(error)));
}

#[test]
fn a_flood_is_neither_kept_nor_logged_without_end() {
    let run = run(plan(), |sent| match sent {
        "" => vec![],
        DIAL_M => vec![
            (10, b"x\n".repeat(20_000)),
            (20, vec![b'y'; 100_000]),
            (30, b"\r\nCONNECT\r\n".to_vec()),
        ],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    run.connected("CONNECT", b"");
    assert!(run.log.len() < 600);
    assert!(run.logged("uplinkd: the modem says too much: further lines are not logged"));
}

#[test]
fn a_numeric_result_is_waited_out() {
    let run = run(plan(), modem(&[("ATZ^M", "ATZ\r0\r")]));
    run.failed(DialError::Timeout {
        command: "ATZ".to_owned(),
        after: Duration::from_secs(30),
    });
}

#[test]
fn a_control_character_never_reaches_the_modem() {
    let plan = DialPlan {
        commands: vec![Command::new("ATZ\r\nAT+CPWROFF\u{1a}")],
        ..plan()
    };
    let run = run(plan, modem(&[(DIAL_M, "\r\nCONNECT\r\n")]));
    assert_eq!(run.texts(), ["ATZAT+CPWROFF^M", DIAL_M]);
}

#[test]
fn calling_too_early_or_twice_does_nothing() {
    let mut dialer = Dialer::new(plan());
    dialer.handle_timeout(Instant::from_millis(5));
    dialer.handle_bytes(Instant::from_millis(5), b"");
    assert_eq!(dialer.poll_timeout(), None);
    dialer.start(Instant::from_millis(10));
    dialer.handle_timeout(Instant::from_millis(50));
    assert!(!dialer.poll_transmit(&mut Vec::new()));
    dialer.handle_timeout(Instant::from_millis(110));
    dialer.handle_timeout(Instant::from_millis(110));
    dialer.start(Instant::from_millis(110));
    let mut out = Vec::new();
    assert!(dialer.poll_transmit(&mut out));
    assert!(!dialer.poll_transmit(&mut out));
    assert_eq!(out, b"ATZ\r");
}

#[test]
fn a_plan_without_commands_dials_at_once() {
    let run = run(
        DialPlan {
            commands: vec![],
            ..plan()
        },
        modem(&[(DIAL_M, "\r\nCONNECT\r\n")]),
    );
    run.connected("CONNECT", b"");
    assert_eq!(run.texts(), [DIAL_M]);
}

#[test]
fn the_next_command_waits_until_the_modem_is_silent() {
    let run = run(plan(), |sent| match sent {
        "" => vec![],
        // A URC right behind the answer: the module is not ready for 20 ms more.
        "ATZ^M" => vec![
            (10, b"\r\nOK\r\n".to_vec()),
            (25, b"\r\n+CREG: 1\r\n".to_vec()),
        ],
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    run.connected("CONNECT", b"");
    assert_eq!(run.sent.get(1), Some(&(100 + 25 + 20, "ATE0^M".to_owned())));
}

#[test]
fn secondary_reports_are_not_logged_without_end() {
    let run = run(plan(), |sent| match sent {
        "" => vec![],
        DIAL_M => vec![(10, b"\r\nBUSY\r\n".to_vec())],
        "AT+CEER^M" => vec![
            (10, b"+CEER: x\n".repeat(5000)),
            (20, b"\r\nOK\r\n".to_vec()),
        ],
        _ => vec![(
            10,
            b"\r\nOK\r\n\r\n"
                .iter()
                .chain(&b"OK\n".repeat(5000))
                .copied()
                .collect(),
        )],
    });
    run.failed(DialError::Refused {
        result: "BUSY".to_owned(),
        report: Some("x".to_owned()),
    });
    assert!(run.log.len() < 1100, "{}", run.log.len());
}

proptest! {
    /// Whatever a modem says: the dialog ends, its pauses are kept, and only what was meant is
    /// sent.
    #[test]
    fn any_modem_comes_to_an_end(
        answers in prop::collection::vec(
            prop::collection::vec(
                (
                    0_u64..8_000,
                    prop_oneof![
                        Just(b"\r\nOK\r\n".to_vec()),
                        Just(b"\r\nERROR\r\n".to_vec()),
                        Just(b"\r\nNO CARRIER\r\n".to_vec()),
                        Just(b"\r\nCONNECT\r\n".to_vec()),
                        Just(b"\r\n+CME ERROR: 3\r\n".to_vec()),
                        Just(FRAME.to_vec()),
                        Just(b"ATZ\r".to_vec()),
                        Just(b"\x7e".to_vec()),
                        prop::collection::vec(any::<u8>(), 0..40),
                    ],
                ),
                0..3,
            ),
            1..12,
        ),
    ) {
        let mut turn = 0;
        let run = run(plan(), |_| {
            turn += 1;
            answers.get(turn % answers.len()).cloned().unwrap_or_default()
        });
        prop_assert!(run.took < 280_000);
        guards_are_kept_but_for_early_answers(&run);
        let known = [
            "ATZ^M", "ATE0^M", CGDCONT_M, "AT^M", DIAL_M, "AT+CEER^M", "ATH^M", "+++", PROBE_SHOWN,
            TERMINATE_SHOWN,
        ];
        prop_assert!(run.texts().iter().all(|text| known.contains(text)), "{:?}", run.sent);
    }
}

/// The silence before `+++`; the one behind it may be cut short by an answer.
fn guards_are_kept_but_for_early_answers(run: &Run) {
    for pair in run.sent.windows(2) {
        assert!(
            pair[1].1 != "+++" || pair[1].0 - pair[0].0 >= 1000,
            "{pair:?}"
        );
    }
}

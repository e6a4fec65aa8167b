//! Modems that are in data mode, asleep or slow when the dialog begins.

use super::*;

/// S21 and R6: the modem is still in data mode, a peer answers the probe.
#[test]
fn a_modem_in_data_mode_is_brought_back() {
    let mut escaped = false;
    let mut hung_up = false;
    let run = run(plan(), |sent| match sent {
        "" => vec![],
        PROBE_SHOWN => {
            let echo_reply = b"\x7e\xff\x03\xc0\x21\x0a\x01\x00\x08\x70\xf1\x53\x70\x65\xd5\x7e";
            vec![(80, echo_reply.to_vec())]
        }
        "+++" => {
            escaped = true;
            vec![(1050, b"\r\nOK\r\n".to_vec())]
        }
        "ATH^M" if escaped => {
            hung_up = true;
            vec![(20, b"\r\nOK\r\n".to_vec())]
        }
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ if hung_up => vec![(10, b"\r\nOK\r\n".to_vec())],
        _ => vec![],
    });
    run.connected("CONNECT", b"");
    let expected = [
        (100, "ATZ^M"),
        (2100, PROBE_SHOWN),
        (2180, TERMINATE_SHOWN),
        (4180, "+++"),
        (5230, "ATH^M"),
        (5550, "ATZ^M"),
        (5860, "ATE0^M"),
        (5890, CGDCONT_M),
        (5920, "AT^M"),
        (5950, DIAL_M),
    ];
    assert_eq!(run.sent, expected.map(|(ms, text)| (ms, text.to_owned())));
}

#[test]
fn a_session_that_still_runs_is_noticed_by_its_frames_and_ended_by_terminate() {
    let mut over = false;
    let run = run(plan(), |sent| match sent {
        "" => vec![],
        "ATZ^M" if !over => vec![(300, FRAME.to_vec())],
        TERMINATE_SHOWN => {
            over = true;
            vec![(50, FRAME.to_vec()), (400, b"\r\nNO CARRIER\r\n".to_vec())]
        }
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    run.connected("CONNECT", b"");
    assert_eq!(
        run.texts().get(..3),
        Some(&["ATZ^M", TERMINATE_SHOWN, "ATZ^M"][..])
    );
    assert_eq!(
        run.sent.get(2),
        Some(&(1200 + 400 + 300, "ATZ^M".to_owned()))
    );
}

/// S22: the modem is in command mode and the former session's frames still come.
#[test]
fn frames_around_the_answers_do_not_matter() {
    let run = run(plan(), |sent| {
        let answer: &[u8] = match sent {
            "" => b"",
            DIAL_M => b"\r\nCONNECT\r\n",
            _ => b"\r\nOK\r\n",
        };
        vec![(10, [FRAME, answer, FRAME].concat()), (200, FRAME.to_vec())]
    });
    run.connected("CONNECT", FRAME);
}

#[test]
fn text_in_frames_is_no_answer() {
    let frame = b"\x7e\xff\x03\x00\x21\x80abc\r\nOK\r\n\r\nCONNECT\r\ndef\x7e".to_vec();
    let run = run(plan(), |_| vec![(10, frame.clone())]);
    run.failed(DialError::StuckInDataMode);
}

#[test]
fn a_modem_that_stays_in_data_mode_is_named_so() {
    let run = run(plan(), |_| vec![(10, FRAME.to_vec())]);
    run.failed(DialError::StuckInDataMode);
    assert_eq!(
        run.texts(),
        [
            "ATZ^M",
            TERMINATE_SHOWN,
            "+++",
            "ATH^M",
            "ATZ^M",
            TERMINATE_SHOWN,
            "+++",
            "ATH^M",
            "ATZ^M",
        ]
    );
    guards_are_kept(&run);
}

#[test]
fn a_dead_modem_is_given_up_after_two_escapes() {
    let run = run(plan(), |_| vec![]);
    run.failed(DialError::NoAnswer);
    assert_eq!(
        run.texts(),
        [
            "ATZ^M",
            PROBE_SHOWN,
            "+++",
            "ATH^M",
            "ATZ^M",
            PROBE_SHOWN,
            "+++",
            "ATH^M",
            "ATZ^M",
        ]
    );
    assert!(run.took < 40_000, "{}", run.took);
    guards_are_kept(&run);
}

/// Nothing is sent within a second before and after `+++` (kura#2800).
fn guards_are_kept(run: &Run) {
    for pair in run.sent.windows(2) {
        if pair.iter().any(|(_, text)| text == "+++") {
            assert!(pair[1].0 - pair[0].0 >= 1000, "{pair:?}");
        }
    }
}

/// Public log T33: ATZ takes five seconds, with echo and without.
#[test]
fn a_slow_reset_is_waited_for() {
    let with_echo = run(plan(), |sent| match sent {
        "" => vec![],
        "ATZ^M" => vec![(5, b"ATZ\r".to_vec()), (5000, b"\r\nOK\r\n".to_vec())],
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    with_echo.connected("CONNECT", b"");
    assert_eq!(
        with_echo.texts(),
        ["ATZ^M", "ATE0^M", CGDCONT_M, "AT^M", DIAL_M]
    );

    // Without echo it looks like data mode. It hears nothing while it is busy with the reset.
    let mut busy = 0;
    let without = run(plan(), |sent| match sent {
        "" => vec![],
        "ATZ^M" => {
            busy += 1;
            vec![(5000, b"\r\nOK\r\n".to_vec())]
        }
        "+++" | PROBE_SHOWN => vec![],
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    without.connected("CONNECT", b"");
    assert_eq!(busy, 2);
}

#[test]
fn characters_lost_after_power_up_are_sent_again() {
    let mut tries = 0;
    let run = run(plan(), |sent| match sent {
        "" => vec![],
        "ATZ^M" => {
            tries += 1;
            vec![(
                10,
                if tries == 1 {
                    b"Z\r".to_vec()
                } else {
                    b"ATZ\r\r\nOK\r\n".to_vec()
                },
            )]
        }
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    run.connected("CONNECT", b"");
    assert_eq!(
        run.texts(),
        ["ATZ^M", "ATZ^M", "ATE0^M", CGDCONT_M, "AT^M", DIAL_M]
    );
}

/// It was mute because it was switched off; its echo of the probe is not taken for a peer.
#[test]
fn a_modem_that_wakes_up_between_is_found() {
    let mut probed = false;
    let run = run(plan(), |sent| match sent {
        PROBE_SHOWN => {
            probed = true;
            vec![(5, [&PROBE[..], b"\x7e"].concat())]
        }
        "+++" => vec![(5, b"+++".to_vec())],
        "ATH^M" => vec![(5, b"ATH\r\r\nERROR\r\n".to_vec())],
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        "" => vec![],
        _ if probed => vec![(10, b"\r\nOK\r\n".to_vec())],
        _ => vec![],
    });
    run.connected("CONNECT", b"");
    assert!(!run.texts().contains(&TERMINATE_SHOWN));
}

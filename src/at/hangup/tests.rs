//! Hanging up in virtual time against scripted modems.

use proptest::prelude::*;

use super::*;

const PLAN: HangUpPlan = HangUpPlan {
    carrier_gone: false,
    guard: Duration::from_secs(1),
    limit: Duration::from_secs(4),
};
const FRAME: &[u8] = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x25\x7d\x23\x7d\x20\x7d\x24\x85\x72\x7e";

/// Runs to the end against `modem`, which is told what was sent or that DTR changed and says
/// what comes back and after how many milliseconds. Gives what was done, with times.
fn run(plan: HangUpPlan, mut modem: impl FnMut(&str) -> Vec<(u64, Vec<u8>)>) -> Vec<(u64, String)> {
    let start = Instant::from_millis(50_000);
    let mut now = start;
    let mut hangup = HangUp::new(plan);
    hangup.start(now);
    let mut done = Vec::new();
    let mut incoming: Vec<(Instant, Vec<u8>)> = Vec::new();
    let mut say = |what: &str, now: Instant, incoming: &mut Vec<(Instant, Vec<u8>)>| {
        incoming.extend(
            modem(what)
                .into_iter()
                .map(|(ms, bytes)| (now + Duration::from_millis(ms), bytes)),
        );
        incoming.sort_by_key(|(at, _)| *at);
    };
    say("start", now, &mut incoming);
    loop {
        let mut out = Vec::new();
        if hangup.poll_transmit(&mut out) {
            done.push((now.since(start).as_millis() as u64, show(&out)));
            say(&show(&out), now, &mut incoming);
        }
        while let Some(event) = hangup.poll_event() {
            let what = match event {
                HangUpEvent::Log(_) => continue,
                HangUpEvent::SetDtr(on) => format!("DTR {on}"),
                HangUpEvent::Done { confirmed } => format!("done {confirmed}"),
            };
            done.push((now.since(start).as_millis() as u64, what.clone()));
            if what.starts_with("done") {
                assert_eq!(hangup.poll_timeout(), None);
                assert!(now.since(start) <= plan.limit);
                return done;
            }
            say(&what, now, &mut incoming);
        }
        let deadline = hangup
            .poll_timeout()
            .expect("an unfinished machine has a deadline");
        match incoming.first() {
            Some(&(at, _)) if at <= deadline => {
                now = at;
                let (_, bytes) = incoming.remove(0);
                hangup.handle_bytes(now, &bytes);
            }
            _ => {
                now = deadline;
                hangup.handle_timeout(now);
            }
        }
    }
}

fn answers(
    table: &'static [(&'static str, u64, &'static [u8])],
) -> impl FnMut(&str) -> Vec<(u64, Vec<u8>)> {
    move |what| {
        table
            .iter()
            .filter(|(on, _, _)| *on == what)
            .map(|(_, ms, bytes)| (*ms, bytes.to_vec()))
            .collect()
    }
}

fn steps(list: &[(u64, &str)]) -> Vec<(u64, String)> {
    list.iter()
        .map(|&(ms, what)| (ms, what.to_owned()))
        .collect()
}

/// Public log D8: GPRS modems say NO CARRIER after LCP Terminate-Ack.
#[test]
fn no_carrier_by_itself_is_enough() {
    let done = run(PLAN, answers(&[("start", 80, b"\r\nNO CARRIER\r\n")]));
    assert_eq!(done, steps(&[(80, "done true")]));
}

#[test]
fn no_carrier_behind_a_cut_frame_is_found() {
    let done = run(
        PLAN,
        answers(&[("start", 10, b"\x7e\xff\x03\x00\x21ab\x80\r\nNO CARRIER\r\n")]),
    );
    assert_eq!(done, steps(&[(310, "done true")]));
}

#[test]
fn dtr_is_enough_where_the_line_has_it() {
    let done = run(PLAN, answers(&[("DTR false", 200, b"\r\nNO CARRIER\r\n")]));
    assert_eq!(
        done,
        steps(&[(500, "DTR false"), (700, "DTR true"), (700, "done true")])
    );
}

#[test]
fn a_modem_that_only_leaves_data_mode_on_dtr_is_told_to_hang_up() {
    let done = run(
        PLAN,
        answers(&[
            ("DTR false", 200, b"\r\nOK\r\n"),
            ("ATH^M", 30, b"\r\nOK\r\n"),
        ]),
    );
    assert_eq!(
        done,
        steps(&[
            (500, "DTR false"),
            (700, "DTR true"),
            (800, "ATH^M"),
            (830, "done true")
        ])
    );
}

#[test]
fn escapes_and_hangs_up_where_dtr_does_nothing() {
    let done = run(
        PLAN,
        answers(&[("+++", 1010, b"\r\nOK\r\n"), ("ATH^M", 30, b"\r\nOK\r\n")]),
    );
    let expected = [
        (500, "DTR false"),
        (1500, "DTR true"),
        (1600, "+++"),
        (2610, "ATH^M"),
        (2640, "done true"),
    ];
    assert_eq!(sorted(done), sorted(steps(&expected)));
}

/// S22, SIM7070: OK to ATH, and the frames go on.
#[test]
fn frames_that_go_on_do_not_matter() {
    let frames = |first: u64| {
        (0..40)
            .map(move |n| (first + n * 100, FRAME.to_vec()))
            .collect::<Vec<_>>()
    };
    let done = run(PLAN, |what| match what {
        "start" => frames(0),
        "+++" => vec![(1010, b"\r\nOK\r\n".to_vec())],
        "ATH^M" => vec![(30, [FRAME, b"\r\nOK\r\n", FRAME].concat())],
        _ => vec![],
    });
    assert_eq!(done.last(), Some(&(2640, "done true".to_owned())));
}

#[test]
fn text_in_frames_does_not_confirm() {
    let frame: &[u8] = b"\x7e\xff\x03\x00\x21abc\x80\r\nNO CARRIER\r\n\r\nOK\r\ndef\x7e";
    let done = run(PLAN, |what| {
        if what == "start" {
            vec![(10, frame.to_vec())]
        } else {
            vec![]
        }
    });
    assert_eq!(done.last(), Some(&(4000, "done false".to_owned())));
}

/// Public log D7: `+++` is answered by NO CARRIER.
#[test]
fn no_carrier_as_answer_to_the_escape_is_enough() {
    let done = run(
        PLAN,
        answers(&[("+++", 1100, b"\r\nNO CARRIER\r\n\r\n+SRV_IND:1\r\n")]),
    );
    assert_eq!(done.last(), Some(&(2700, "done true".to_owned())));
}

/// It was on hook all the time and echoes: `+++ATH` is an error, `ATH` alone is not.
#[test]
fn a_modem_in_command_mode_is_asked_again() {
    let mut asked = 0;
    let done = run(PLAN, |what| match what {
        "ATH^M" => {
            asked += 1;
            let answer = if asked == 1 {
                "+++ATH\r\r\nERROR\r\n"
            } else {
                "ATH\r\r\nOK\r\n"
            };
            vec![(20, answer.into())]
        }
        "+++" => vec![(2, b"+++".to_vec())],
        _ => vec![],
    });
    assert_eq!(done.last(), Some(&(3140, "done true".to_owned())));
}

/// Found by `any_modem_comes_to_an_end`.
#[test]
fn what_came_before_the_command_does_not_answer_it() {
    let answers = answers(&[
        ("+++", 1010, b"\r\nOK\r\n\r\nOK\r\n\r\nERROR\r\n"),
        ("ATH^M", 40, b"\r\nOK\r\n"),
    ]);
    assert_eq!(
        run(PLAN, answers).get(3..),
        Some(&steps(&[(2610, "ATH^M"), (2650, "done true")])[..])
    );
}

#[test]
fn a_modem_that_refuses_to_hang_up_is_left() {
    let done = run(PLAN, answers(&[("ATH^M", 20, b"\r\nERROR\r\n")]));
    assert_eq!(done.last(), Some(&(3140, "done false".to_owned())));
}

#[test]
fn a_dead_modem_ends_at_the_limit_whatever_it_is() {
    let done = run(PLAN, |_| vec![]);
    let expected = [
        (500, "DTR false"),
        (1500, "DTR true"),
        (1600, "+++"),
        (3100, "ATH^M"),
        (4000, "done false"),
    ];
    assert_eq!(sorted(done), sorted(steps(&expected)));
    for limit in [0, 1, 10, 300, 1000, 1700, 2500, 10_000] {
        for guard in [0, 1000, 2500] {
            let plan = HangUpPlan {
                limit: Duration::from_millis(limit),
                guard: Duration::from_millis(guard),
                ..PLAN
            };
            assert_eq!(
                run(plan, |_| vec![]).last().map(|(_, what)| what.clone()),
                Some("done false".to_owned())
            );
        }
    }
}

#[test]
fn a_lost_carrier_only_needs_silence() {
    let plan = HangUpPlan {
        carrier_gone: true,
        ..PLAN
    };
    assert_eq!(run(plan, |_| vec![]), steps(&[(150, "done true")]));
    assert_eq!(
        run(plan, answers(&[("start", 100, b"\r\n+CREG: 2\r\n")])),
        steps(&[(250, "done true")])
    );
    let flood = |what: &str| {
        if what == "start" {
            (0..100)
                .map(|n| (n * 50, b"\r\nRING\r\n".to_vec()))
                .collect()
        } else {
            vec![]
        }
    };
    assert_eq!(run(plan, flood), steps(&[(500, "done true")]));
}

#[test]
fn logs_as_chat_does() {
    let mut hangup = HangUp::new(HangUpPlan {
        guard: Duration::ZERO,
        ..PLAN
    });
    hangup.start(Instant::ZERO);
    hangup.handle_timeout(Instant::from_millis(500));
    hangup.handle_timeout(Instant::from_millis(1500));
    hangup.handle_timeout(Instant::from_millis(1600));
    hangup.handle_bytes(Instant::from_millis(1650), b"\r\nOK\r\n");
    hangup.handle_bytes(Instant::from_millis(1700), b"ATH\r\r\nOK\r\n");
    let log: Vec<_> = std::iter::from_fn(|| hangup.poll_event())
        .filter_map(|event| match event {
            HangUpEvent::Log(line) => Some(line.to_string()),
            HangUpEvent::SetDtr(_) | HangUpEvent::Done { .. } => None,
        })
        .collect();
    assert_eq!(
        log,
        [
            "uplinkd: hanging up: DTR low",
            "chat: send (+++)",
            "chat: expect (OK)",
            "chat: OK",
            "chat: send (ATH^M)",
            "chat: expect (OK)",
            "chat: ATH",
            "chat: OK",
            "chat:  -- got it",
        ]
    );
}

/// What happens in the same millisecond has no order here.
fn sorted(mut steps: Vec<(u64, String)>) -> Vec<(u64, String)> {
    steps.sort();
    steps
}

proptest! {
    /// Whatever a modem says: it ends within the limit (asserted by `run`), DTR is left high, and
    /// nothing but `+++` and `ATH` is sent.
    #[test]
    fn any_modem_comes_to_an_end(
        carrier_gone in any::<bool>(),
        limit in 0_u64..6_000,
        answers in prop::collection::vec(
            prop::collection::vec(
                (
                    0_u64..2_000,
                    prop_oneof![
                        Just(b"\r\nOK\r\n".to_vec()),
                        Just(b"\r\nERROR\r\n".to_vec()),
                        Just(b"\x7e\x01\r\nERROR\r\nNO CARRIER\r\nOK\r\n".to_vec()),
                        Just(FRAME.to_vec()),
                        prop::collection::vec(any::<u8>(), 0..40),
                    ],
                ),
                0..3,
            ),
            1..8,
        ),
    ) {
        let mut turn = 0;
        let plan = HangUpPlan { carrier_gone, limit: Duration::from_millis(limit), ..PLAN };
        let done = run(plan, |_| {
            turn += 1;
            answers.get(turn % answers.len()).cloned().unwrap_or_default()
        });
        let of = |what: &str| done.iter().filter(|(_, done)| done == what).count();
        prop_assert_eq!(of("DTR false"), of("DTR true"));
        let known = ["+++", "ATH^M", "DTR false", "DTR true", "done true", "done false"];
        prop_assert!(done.iter().all(|(_, what)| known.contains(&what.as_str())), "{:?}", done);
    }
}

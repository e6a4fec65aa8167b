//! The tty: absent, locked, vanished.

use super::*;

#[test]
fn an_absent_or_locked_tty_is_waited_for() {
    for problem in [absent(), locked(), not_found()] {
        let mut bench = Bench::new(PERSIST);
        bench.pass(s(2));
        let watch = [Command::WatchLine(problem.clone())];
        assert_eq!(bench.end(LinkEnd::Line(problem.clone())), watch);
        assert_eq!(
            *bench.supervisor.state(),
            State::WaitingForLine(problem.clone())
        );
        assert_eq!(bench.wait(), Some(s(30)));
        assert_eq!(bench.give(Input::LineChanged), [attempt(2)]);
        assert_eq!(bench.wait(), None);
    }
}

#[test]
fn a_watch_that_says_nothing_is_not_trusted_for_ever_and_waiting_is_told_once() {
    let mut bench = Bench::new(PERSIST);
    for number in 2..100 {
        assert_eq!(
            bench.end(LinkEnd::Line(absent())),
            [Command::WatchLine(absent())]
        );
        assert_eq!(bench.pass(s(30)), [attempt(number)]);
    }
    assert_eq!(
        bench.log,
        [
            "Waiting for the tty: /dev/ttyUSB0 is not there; check that the modem is plugged in and \
          powered, and that this is its tty."
        ]
    );
}

#[test]
fn a_watch_that_cries_wolf_does_not_make_it_spin() {
    let mut bench = Bench::new(PERSIST);
    let mut attempts = 0;
    for _ in 0..1_000 {
        if *bench.supervisor.state() == State::Attempting {
            attempts += 1;
            bench.end(LinkEnd::Line(locked()));
        }
        bench.give(Input::LineChanged);
        bench.pass(Duration::from_millis(10));
    }
    assert_eq!(attempts, 10);
}

#[test]
fn a_tty_that_vanishes_under_a_link_is_looked_for_at_once() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    bench.pass(s(60));
    assert_eq!(bench.end(vanished()), []);
    assert_eq!(bench.wait(), Some(s(1)));
    assert_eq!(bench.pass(s(1)), [attempt(2)]);
    assert_eq!(
        bench.end(LinkEnd::Line(absent())),
        [Command::WatchLine(absent())]
    );
    bench.pass(s(8));
    assert_eq!(bench.give(Input::LineChanged), [attempt(3)]);
    // While it was being dialed it vanishes too: then HOLDOFF counts.
    assert_eq!(bench.end(vanished()), []);
    assert_eq!(bench.wait(), Some(s(5)));
}

#[test]
fn what_is_not_a_tty_always_ends_it() {
    let end = LinkEnd::Line(LineProblem::NotATty {
        path: PathBuf::from("/dev/null"),
    });
    for up_before in [false, true] {
        let mut bench = Bench::new(PERSIST);
        if up_before {
            bench.give(Input::Up(settings()));
            bench.end(terminated(false));
            bench.pass(s(5));
        }
        assert_eq!(
            bench.end(end.clone()),
            [Command::Exit(ExitStatus::OPEN_FAILED)]
        );
        assert_eq!(
            bench.log.last().map(String::as_str),
            Some("/dev/null is not a tty; name the modem's tty in DEVICE.")
        );
    }
}

#[test]
fn a_vanished_tty_is_not_looked_for_every_second_for_ever() {
    let mut bench = Bench::new(PERSIST);
    let waits: Vec<u64> = (0..6)
        .map(|_| {
            bench.link(s(5), vanished());
            let wait = bench.wait().unwrap();
            bench.sit_out();
            wait.as_secs()
        })
        .collect();
    assert_eq!(waits.get(..3), Some(&[1, 1, 1][..]));
    assert!(waits[3..].iter().all(|wait| *wait >= 9), "{waits:?}");
}

/// Looks at an absent tty every 30 s until something else than an attempt comes of it.
fn look_until(bench: &mut Bench, problem: &LineProblem, limit: Duration) -> Option<Duration> {
    let began = bench.now;
    loop {
        let commands = bench.end(LinkEnd::Line(problem.clone()));
        if commands != [Command::WatchLine(problem.clone())] {
            assert_eq!(commands, [Command::Reset]);
            return Some(bench.now.since(began));
        }
        if bench.now.since(began) >= limit {
            return None;
        }
        let next = bench.supervisor.plan().number + 1;
        assert_eq!(bench.sit_out(), [attempt(next)]);
    }
}

#[test]
fn a_modem_that_was_there_and_stays_away_is_reset_and_less_and_less_often() {
    for problem in [absent(), not_found()] {
        let mut bench = Bench::new(resetting());
        bench.link(s(600), vanished());
        bench.sit_out();
        for expected in [120, 240, 300, 300, 300] {
            let away = look_until(&mut bench, &problem, s(3600));
            assert_eq!(away, Some(s(expected)));
            assert_eq!(
                bench.state(),
                State::Resetting(ResetReason::Absent(s(expected)))
            );
            bench.pass(s(40));
            // Nothing was reset, so there is no RESET_WAIT: a tty that came meanwhile is found now.
            assert!(matches!(bench.give(failed())[..], [Command::Attempt(_)]));
        }
        // A good link, and it begins at the beginning.
        bench.link(s(60), vanished());
        bench.sit_out();
        assert_eq!(look_until(&mut bench, &problem, s(3600)), Some(s(120)));
        assert_eq!(
            bench.last_line(),
            format!(
                "{}. The modem is reset: its tty has been away for 120 s.",
                LinkEnd::Line(problem)
            )
        );
    }
}

#[test]
fn a_tty_that_a_reset_brought_back_is_given_its_reset_wait() {
    let mut bench = Bench::new(resetting());
    bench.link(s(600), vanished());
    bench.sit_out();
    assert_eq!(look_until(&mut bench, &absent(), s(3600)), Some(s(120)));
    let step = "AT+CFUN=16".to_owned();
    assert_eq!(
        bench.give(Input::ResetDone(ResetOutcome::Done { step })),
        []
    );
    assert_eq!(bench.wait(), Some(s(30)));
}

#[test]
fn counts_resets_until_a_link_is_good() {
    let mut bench = Bench::new(resetting());
    for row in 1..4 {
        bench.fail(&silent(), 2);
        assert_eq!(bench.end(silent()), [Command::Reset]);
        assert_eq!(bench.supervisor.resets_in_row(), row);
        bench.give(failed());
        bench.sit_out();
    }
    bench.link(s(59), no_carrier());
    assert_eq!(bench.supervisor.resets_in_row(), 3);
    bench.sit_out();
    bench.link(s(60), no_carrier());
    assert_eq!(bench.supervisor.resets_in_row(), 0);
}

#[test]
fn a_modem_that_was_never_there_is_not_reset() {
    let mut bench = Bench::new(resetting());
    assert_eq!(look_until(&mut bench, &absent(), s(86_400)), None);
}

#[test]
fn a_modem_that_was_found_and_never_opened_was_there() {
    let mut bench = Bench::new(resetting());
    bench.give(Input::Modem { reset_wait: s(10) });
    assert_eq!(look_until(&mut bench, &absent(), s(86_400)), Some(s(120)));
}

#[test]
fn a_locked_tty_never_leads_to_a_reset_and_is_not_an_absent_one() {
    let mut bench = Bench::new(resetting());
    bench.link(s(600), vanished());
    bench.sit_out();
    assert_eq!(look_until(&mut bench, &locked(), s(86_400)), None);
    bench.sit_out();
    // It goes and comes back, to another process: the absence is over.
    assert_eq!(look_until(&mut bench, &absent(), s(60)), None);
    bench.sit_out();
    assert_eq!(look_until(&mut bench, &locked(), s(3_600)), None);
    bench.sit_out();
    assert_eq!(look_until(&mut bench, &absent(), s(3_600)), Some(s(120)));
}

#[test]
fn an_absent_modem_is_not_reset_without_reset_on_fail_or_retry() {
    for policy in [
        PERSIST,
        Policy {
            retry: 0,
            ..resetting()
        },
    ] {
        let mut bench = Bench::new(policy);
        bench.link(s(600), vanished());
        bench.sit_out();
        assert_eq!(look_until(&mut bench, &absent(), s(86_400)), None);
    }
}

#[test]
fn a_modem_that_needs_long_to_restart_is_waited_for_as_long() {
    let mut bench = Bench::new(resetting());
    bench.give(Input::Modem { reset_wait: s(200) });
    assert_eq!(look_until(&mut bench, &absent(), s(86_400)), Some(s(200)));
}

#[test]
fn failures_while_the_tty_is_away_are_no_failures() {
    let mut bench = Bench::new(resetting());
    bench.fail(&no_carrier(), 2);
    for _ in 0..3 {
        bench.end(LinkEnd::Line(absent()));
        bench.pass(s(30));
    }
    assert_eq!(bench.supervisor.failures(bench.now), 2);
    assert_eq!(bench.end(no_carrier()), [Command::Reset]);
}

#[test]
fn a_link_ends_the_absence_however_it_ends_itself() {
    let mut bench = Bench::new(resetting());
    bench.link(s(600), vanished());
    bench.sit_out();
    assert_eq!(look_until(&mut bench, &absent(), s(60)), None);
    bench.sit_out();
    let reconnect = UserStop::Reconnect;
    bench.give(Input::Up(settings()));
    bench.pass(s(600));
    bench.give(Input::User(reconnect));
    bench.end(LinkEnd::User(reconnect));
    assert_eq!(look_until(&mut bench, &absent(), s(3_600)), Some(s(120)));
}

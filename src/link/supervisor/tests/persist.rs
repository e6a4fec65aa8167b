//! PERSIST, `--once`, HOLDOFF, and what ends the program.

use super::*;

/// C3, C8.
#[test]
fn persist_holds_off_and_dials_again_for_ever() {
    let mut bench = Bench::new(PERSIST);
    for number in 2..1_000 {
        bench.pass(s(20));
        assert_eq!(bench.end(no_carrier()), []);
        let wait = bench.wait().unwrap();
        match number {
            2..=4 => assert_eq!(wait, s(5)),
            _ => assert!((s(9)..=s(300)).contains(&wait), "{wait:?}"),
        }
        assert_eq!(bench.pass(wait - Duration::from_millis(1)), []);
        assert_eq!(bench.pass(Duration::from_millis(1)), [attempt(number)]);
    }
    assert_eq!(
        bench.log.first().map(String::as_str),
        Some(
            "Attempt 1 failed: dialing failed: the modem answered NO CARRIER to the call; \
             check APN, antenna and coverage, and whether the subscription is active. \
             Next attempt in 5 s."
        )
    );
    assert_eq!(
        bench.log.get(1).map(String::as_str),
        Some(
            "Attempt 2 failed: dialing failed: the modem answered NO CARRIER to the call. \
             Next attempt in 5 s."
        )
    );
}

#[test]
fn persist_reconnects_after_a_link_that_was_up() {
    let mut bench = Bench::new(PERSIST);
    assert_eq!(bench.give(Input::Up(settings())), []);
    assert_eq!(*bench.supervisor.state(), State::Up(settings()));
    assert_eq!(bench.supervisor.since(), bench.now);
    bench.pass(s(3_600));
    assert_eq!(bench.end(terminated(false)), []);
    assert_eq!(bench.wait(), Some(s(5)));
    assert_eq!(bench.pass(s(5)), [attempt(2)]);
    assert_eq!(
        bench.log,
        [
            "The link ended: LCP terminated by the peer; the network or the modem ended it: check APN, \
          ACCOUNT and AUTH if it comes at every attempt. Next attempt in 5 s."
        ]
    );
}

#[test]
fn a_renegotiated_link_is_up_since_before() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    let since = bench.now;
    bench.pass(s(10));
    let other = Ipv4Settings {
        mtu: 576,
        ..settings()
    };
    assert_eq!(bench.give(Input::Up(other)), []);
    assert_eq!(*bench.supervisor.state(), State::Up(other));
    assert_eq!(bench.supervisor.since(), since);
}

#[test]
fn nopersist_and_once_end_with_the_status_of_the_first_end() {
    for policy in [NOPERSIST, ONCE] {
        for (end, status) in [
            (no_carrier(), 8),
            (refused(), 19),
            (terminated(false), 10),
            (LinkEnd::Line(absent()), 7),
            (LinkEnd::Line(locked()), 6),
            (no_tun(), 33),
            (LinkEnd::Ppp(DownReason::Loopback), 17),
        ] {
            let mut bench = Bench::new(policy.clone());
            assert_eq!(
                bench.end(end.clone()),
                [Command::Exit(ExitStatus(status))],
                "{end}"
            );
            assert_eq!(*bench.supervisor.state(), State::Ended(ExitStatus(status)));
            assert_eq!(bench.wait(), None);
            assert_eq!(bench.log, [sentence(&end)]);
        }
    }
}

/// C3.
#[test]
fn nopersist_and_once_end_cleanly_when_the_peer_terminates_a_link_that_was_up() {
    for policy in [NOPERSIST, ONCE] {
        for (end, status) in [
            (terminated(false), 0),
            (LinkEnd::Ppp(DownReason::CarrierLost), 16),
        ] {
            let mut bench = Bench::new(policy.clone());
            bench.give(Input::Up(settings()));
            assert_eq!(bench.end(end), [Command::Exit(ExitStatus(status))]);
        }
    }
}

#[test]
fn missing_permissions_end_the_start_and_not_a_link_that_worked() {
    for (end, status) in [(no_tun(), 33), (no_tty_permission(), 7)] {
        let mut bench = Bench::new(PERSIST);
        assert_eq!(bench.end(end.clone()), [Command::Exit(ExitStatus(status))]);

        let mut bench = Bench::new(PERSIST);
        bench.give(Input::Up(settings()));
        bench.end(terminated(false));
        bench.pass(s(5));
        assert_eq!(bench.end(end), []);
        assert_eq!(bench.wait(), Some(s(5)));
    }
}

#[test]
fn a_peer_that_wants_authentication_gets_an_empty_name_next_time() {
    let mut bench = Bench::new(PERSIST);
    bench.end(terminated(true));
    assert_eq!(bench.pass(s(5)), [empty_attempt(2)]);
    // It took that, so it is met so from now on.
    bench.give(Input::Up(settings()));
    bench.end(LinkEnd::Ppp(DownReason::CarrierLost));
    assert_eq!(bench.pass(s(5)), [empty_attempt(3)]);
    // Until one refuses it.
    bench.end(refused());
    assert_eq!(bench.pass(s(5)), [attempt(4)]);
    assert_eq!(
        bench.log.first().map(String::as_str),
        Some(
            "Attempt 1 failed: LCP terminated by the peer; we had rejected its authentication demand; \
             the peer wants authentication: set ACCOUNT, PASSWORD and AUTH. \
             Next attempt in 5 s, with an empty account."
        )
    );
}

#[test]
fn the_empty_name_is_tried_once_without_persistence_too() {
    for policy in [NOPERSIST, ONCE] {
        let mut bench = Bench::new(policy);
        assert_eq!(bench.end(terminated(true)), []);
        assert_eq!(bench.pass(s(5)), [empty_attempt(2)]);
        assert_eq!(
            bench.end(terminated(true)),
            [Command::Exit(ExitStatus::NEGOTIATION_FAILED)]
        );
    }
}

#[test]
fn a_link_that_was_up_does_not_call_for_an_empty_name() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    bench.end(terminated(true));
    assert_eq!(bench.pass(s(5)), [attempt(2)]);
}

#[test]
fn without_holdoff_it_dials_at_once_and_does_not_spin() {
    let mut bench = Bench::new(Policy {
        holdoff: Duration::ZERO,
        ..PERSIST
    });
    bench.pass(Duration::from_millis(300));
    bench.end(no_carrier());
    assert_eq!(bench.wait(), Some(Duration::from_millis(700)));
    bench.pass(Duration::from_millis(700));
    bench.pass(s(20));
    bench.end(no_carrier());
    assert_eq!(bench.wait(), Some(Duration::ZERO));
    assert_eq!(bench.pass(Duration::ZERO), [attempt(3)]);
}

#[test]
fn inputs_in_the_wrong_state_are_ignored() {
    let mut supervisor = Supervisor::new(PERSIST, 1);
    for input in [
        Input::LineChanged,
        Input::Up(settings()),
        Input::Ended(no_carrier()),
        Input::User(UserStop::Reconnect),
    ] {
        supervisor.handle(Instant::ZERO, input);
        supervisor.handle_timeout(Instant::ZERO);
        assert_eq!(supervisor.poll_command(), None);
        assert_eq!(*supervisor.state(), State::Idle);
    }

    let mut bench = Bench::new(PERSIST);
    assert_eq!(bench.give(Input::Start), []);
    assert_eq!(bench.give(Input::LineChanged), []);
    bench.end(no_carrier());
    for input in [Input::Start, Input::LineChanged, Input::Up(settings())] {
        assert_eq!(bench.give(input), []);
        assert_eq!(bench.wait(), Some(s(5)));
    }
    assert_eq!(bench.end(vanished()), []);
    assert_eq!(bench.wait(), Some(s(5)));
}

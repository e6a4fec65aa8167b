//! Signals and the commands of users.

use super::*;

#[test]
fn a_signal_ends_the_attempt_and_then_the_program() {
    for (policy, up) in [
        (PERSIST, false),
        (PERSIST, true),
        (NOPERSIST, true),
        (ONCE, true),
    ] {
        let mut bench = Bench::new(policy);
        if up {
            bench.give(Input::Up(settings()));
        }
        assert_eq!(
            bench.ask(Input::User(TERM)),
            [Command::EndAttempt(Stop::User(TERM))]
        );
        assert_eq!(*bench.supervisor.state(), State::Ending(TERM));
        // A second one, of whatever kind, changes nothing.
        assert_eq!(bench.ask(Input::User(UserStop::Signal(2))), []);
        assert_eq!(bench.ask(Input::User(UserStop::Reconnect)), []);
        assert_eq!(*bench.supervisor.state(), State::Ending(TERM));
        assert_eq!(
            bench.end(LinkEnd::User(TERM)),
            [Command::Exit(ExitStatus::USER)]
        );
        assert_eq!(bench.ask(Input::User(TERM)), []);
    }
}

#[test]
fn a_signal_wins_over_whatever_else_ends_the_link_meanwhile() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    bench.ask(Input::User(TERM));
    assert_eq!(bench.end(vanished()), [Command::Exit(ExitStatus::USER)]);
}

#[test]
fn a_signal_ends_every_wait() {
    let mut bench = Bench::new(PERSIST);
    bench.end(no_carrier());
    assert_eq!(
        bench.ask(Input::User(TERM)),
        [Command::Exit(ExitStatus::USER)]
    );
    assert_eq!(bench.wait(), None);

    let mut bench = Bench::new(PERSIST);
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(
        bench.ask(Input::User(TERM)),
        [Command::Exit(ExitStatus::USER)]
    );

    let mut supervisor = Supervisor::new(PERSIST, 1);
    supervisor.handle(Instant::ZERO, Input::User(TERM));
    assert_eq!(
        supervisor.poll_command(),
        Some(Command::Exit(ExitStatus::USER))
    );
}

#[test]
fn a_reconnect_dials_at_once_whatever_the_policy() {
    for policy in [PERSIST, NOPERSIST, ONCE] {
        let mut bench = Bench::new(policy);
        bench.give(Input::Up(settings()));
        let reconnect = UserStop::Reconnect;
        assert_eq!(
            bench.ask(Input::User(reconnect)),
            [Command::EndAttempt(Stop::User(reconnect))]
        );
        assert_eq!(bench.end(LinkEnd::User(reconnect)), [attempt(2)]);
    }
}

#[test]
fn a_reconnect_ends_every_wait() {
    let mut bench = Bench::new(PERSIST);
    bench.end(no_carrier());
    assert_eq!(bench.ask(Input::User(UserStop::Reconnect)), [attempt(2)]);
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(bench.ask(Input::User(UserStop::Reconnect)), [attempt(3)]);
}

#[test]
fn a_signal_after_a_reconnect_ends_the_program() {
    let mut bench = Bench::new(PERSIST);
    bench.ask(Input::User(UserStop::Reconnect));
    assert_eq!(bench.ask(Input::User(TERM)), []);
    assert_eq!(
        bench.end(LinkEnd::User(UserStop::Reconnect)),
        [Command::Exit(ExitStatus::USER)]
    );
}

const DISCONNECT: UserStop = UserStop::Disconnect;
const RESET: UserStop = UserStop::Reset;

#[test]
fn a_disconnect_lasts_until_a_user_connects() {
    for input in [Input::Connect, Input::User(UserStop::Reconnect)] {
        let mut bench = Bench::new(resetting());
        bench.give(Input::Up(settings()));
        assert_eq!(
            bench.ask(Input::User(DISCONNECT)),
            [Command::EndAttempt(Stop::User(DISCONNECT))]
        );
        assert_eq!(bench.end(LinkEnd::User(DISCONNECT)), []);
        assert_eq!(bench.state(), State::Disconnected);
        assert_eq!(bench.wait(), None);
        for other in [
            Input::ResetAt,
            Input::PacketWaiting,
            Input::LineChanged,
            Input::Start,
            Input::User(DISCONNECT),
        ] {
            assert_eq!(bench.give(other), []);
            assert_eq!(bench.pass(s(86_400)), []);
            assert_eq!(bench.state(), State::Disconnected);
        }
        assert_eq!(bench.give(input), [attempt(2)]);
    }
}

#[test]
fn a_disconnect_ends_every_wait() {
    for end in [no_carrier(), LinkEnd::Line(absent())] {
        let mut bench = Bench::new(resetting());
        bench.end(end);
        assert_eq!(bench.ask(Input::User(DISCONNECT)), []);
        assert_eq!(bench.state(), State::Disconnected);
        assert_eq!(bench.wait(), None);
        assert_eq!(
            bench.ask(Input::User(TERM)),
            [Command::Exit(ExitStatus::USER)]
        );
    }
}

#[test]
fn a_disconnect_without_persistence_is_the_end() {
    for (policy, status) in [(NOPERSIST, ExitStatus::DONE), (ONCE, ExitStatus::USER)] {
        let mut bench = Bench::new(policy);
        bench.give(Input::Up(settings()));
        bench.ask(Input::User(DISCONNECT));
        assert_eq!(
            bench.end(LinkEnd::User(DISCONNECT)),
            [Command::Exit(status)]
        );
    }
}

#[test]
fn connect_ends_a_wait_at_once_and_disturbs_nothing_else() {
    let mut bench = Bench::new(resetting());
    assert_eq!(bench.ask(Input::Connect), []);
    bench.end(no_carrier());
    assert_eq!(bench.ask(Input::Connect), [attempt(2)]);
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(bench.ask(Input::Connect), [attempt(3)]);
    bench.give(Input::Up(settings()));
    assert_eq!(bench.ask(Input::Connect), []);
    assert_eq!(bench.state(), State::Up(settings()));
}

#[test]
fn connect_takes_back_a_disconnect_that_is_under_way() {
    let mut bench = Bench::new(resetting());
    bench.ask(Input::User(DISCONNECT));
    bench.ask(Input::Connect);
    assert_eq!(bench.end(LinkEnd::User(DISCONNECT)), [attempt(2)]);
}

#[test]
fn somebody_who_dials_begins_the_waits_anew_and_the_failures_still_count() {
    let mut bench = Bench::new(resetting());
    for round in 0..10 {
        for _ in 0..2 {
            assert_eq!(bench.end(silent()), [], "{round}");
            assert_eq!(bench.wait(), Some(s(5)));
            bench.ask(Input::Connect);
        }
        assert_eq!(bench.end(silent()), [Command::Reset]);
        bench.give(done());
        assert_eq!(bench.wait(), Some(s(30)));
        bench.ask(Input::Connect);
    }
}

#[test]
fn a_reset_by_a_user_ends_the_attempt_resets_and_dials() {
    for policy in [
        PERSIST,
        NOPERSIST,
        Policy {
            demand: true,
            ..PERSIST
        },
    ] {
        let mut bench = Bench::idle(policy);
        bench.give(Input::Start);
        bench.ask(Input::Connect);
        bench.give(Input::Up(settings()));
        assert_eq!(
            bench.ask(Input::User(RESET)),
            [Command::EndAttempt(Stop::User(RESET))]
        );
        assert_eq!(bench.end(LinkEnd::User(RESET)), [Command::Reset]);
        assert_eq!(bench.state(), State::Resetting(ResetReason::User));
        assert_eq!(bench.give(done()), []);
        assert_eq!(bench.wait(), Some(s(30)));
        assert_eq!(bench.sit_out(), [attempt(2)]);
    }
}

#[test]
fn a_reset_by_a_user_ends_every_wait() {
    let mut bench = Bench::new(PERSIST);
    bench.end(no_carrier());
    assert_eq!(bench.ask(Input::User(RESET)), [Command::Reset]);
    assert_eq!(bench.ask(Input::User(RESET)), [], "one runs");
    bench.give(done());
    assert_eq!(bench.ask(Input::User(RESET)), [Command::Reset]);
    bench.give(done());
    bench.sit_out();
    bench.end(LinkEnd::Line(locked()));
    assert_eq!(bench.ask(Input::User(RESET)), [Command::Reset]);
    bench.ask(Input::User(DISCONNECT));
    assert_eq!(bench.give(done()), []);
    assert_eq!(bench.state(), State::Disconnected);
    assert_eq!(bench.ask(Input::User(RESET)), [Command::Reset]);
    bench.give(done());
    assert_eq!(bench.sit_out(), [attempt(3)]);
}

#[test]
fn once_never_resets() {
    let mut bench = Bench::new(ONCE);
    bench.give(Input::Up(settings()));
    assert_eq!(bench.ask(Input::User(RESET)), []);
    assert_eq!(bench.state(), State::Up(settings()));
    assert_eq!(
        bench.last_line(),
        "The modem is not reset: `--once` never does that."
    );
}

#[test]
fn a_signal_ends_a_reset_and_then_the_program() {
    let mut bench = Bench::new(PERSIST);
    bench.end(no_carrier());
    bench.ask(Input::User(RESET));
    assert_eq!(bench.ask(Input::User(TERM)), [Command::EndReset]);
    assert_eq!(bench.ask(Input::User(TERM)), []);
    assert_eq!(bench.ask(Input::Connect), []);
    assert_eq!(bench.give(failed()), [Command::Exit(ExitStatus::USER)]);
}

#[test]
fn a_wish_while_the_modem_is_reset_decides_what_follows() {
    let cases: [(&[Input], State); 3] = [
        (&[Input::User(DISCONNECT)], State::Disconnected),
        (
            &[Input::User(DISCONNECT), Input::Connect],
            State::ResetWait {
                until: Instant::from_millis(1_031_000),
            },
        ),
        (
            &[Input::User(UserStop::Reconnect)],
            State::ResetWait {
                until: Instant::from_millis(1_031_000),
            },
        ),
    ];
    for (wishes, state) in cases {
        let mut bench = Bench::new(PERSIST);
        bench.end(no_carrier());
        bench.ask(Input::User(RESET));
        for wish in wishes {
            assert_eq!(bench.give(wish.clone()), []);
        }
        bench.give(done());
        assert_eq!(bench.state(), state);
    }
}

#[test]
fn a_user_dials_without_waiting_for_the_end_of_reset_wait() {
    let mut bench = Bench::new(PERSIST);
    bench.end(no_carrier());
    bench.ask(Input::User(RESET));
    bench.give(done());
    assert_eq!(bench.ask(Input::Connect), [attempt(2)]);
}

#[test]
fn without_persistence_a_wish_does_not_revive_what_is_over() {
    let mut bench = Bench::new(Policy {
        persist: false,
        reset_always: true,
        ..resetting()
    });
    assert_eq!(bench.link(s(60), terminated(false)), [Command::Reset]);
    assert_eq!(bench.ask(Input::Connect), []);
    assert_eq!(bench.give(done()), [Command::Exit(ExitStatus::DONE)]);
}

#[test]
fn the_newest_wish_counts_while_the_link_is_being_ended() {
    for (first, second, expected) in [
        (UserStop::Reconnect, RESET, vec![Command::Reset]),
        (RESET, UserStop::Reconnect, vec![Command::Reset]),
        (RESET, DISCONNECT, vec![]),
        (DISCONNECT, RESET, vec![Command::Reset]),
        (DISCONNECT, UserStop::Reconnect, vec![attempt(2)]),
        (DISCONNECT, TERM, vec![Command::Exit(ExitStatus::USER)]),
    ] {
        let mut bench = Bench::new(PERSIST);
        bench.give(Input::Up(settings()));
        bench.ask(Input::User(first));
        assert_eq!(bench.ask(Input::User(second)), []);
        assert_eq!(
            bench.end(LinkEnd::User(first)),
            expected,
            "{first} {second}"
        );
    }
}

/// A script that asks and asks does not flood the network.
#[test]
fn users_do_not_dial_more_than_once_a_second() {
    for input in [Input::Connect, Input::User(UserStop::Reconnect)] {
        let mut bench = Bench::new(resetting());
        let start = bench.now;
        let mut begun = Vec::new();
        for _ in 0..3_000 {
            if bench.state() == State::Attempting {
                begun.push(bench.now.since(start).as_millis());
                bench.end(refused());
            }
            bench.give(input.clone());
            bench.pass(Duration::from_millis(1));
        }
        assert_eq!(begun, [0, 1000, 2000], "{input:?}");
    }
}

fn configured(policy: Policy, dial: bool) -> Input {
    Input::Configured { policy, dial }
}

#[test]
fn s5_another_configuration_ends_the_wait_for_a_mistake_in_the_former_one() {
    let mut bench = Bench::new(resetting());
    bench.fail(&apn_wrong(), 3);
    assert_eq!(bench.end(apn_wrong()), []);
    assert_eq!(bench.wait(), Some(s(300)));
    // What the dial does not use leaves the wait alone.
    let policy = Policy {
        retry: 5,
        ..resetting()
    };
    assert_eq!(bench.ask(configured(policy.clone(), false)), []);
    assert_eq!(bench.wait(), Some(s(299)));
    assert_eq!(bench.ask(configured(policy, true)), [attempt(5)]);
    // The counting begins anew, with the new HOLDOFF.
    let policy = Policy {
        holdoff: s(7),
        ..resetting()
    };
    assert_eq!(bench.ask(configured(policy, true)), []);
    assert_eq!(bench.end(apn_wrong()), []);
    assert_eq!(bench.wait(), Some(s(7)));
}

#[test]
fn s5_another_configuration_leaves_a_link_and_a_disconnect_alone() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    assert_eq!(bench.ask(configured(NOPERSIST, true)), []);
    assert_eq!(bench.state(), State::Up(settings()));
    // PERSIST=0 holds from now on.
    assert_eq!(
        bench.end(LinkEnd::Ppp(DownReason::PeerTerminated {
            layer: Layer::Lcp,
            text: String::new(),
            auth_rejected: false,
        })),
        [Command::Exit(ExitStatus::DONE)]
    );
    let mut bench = Bench::new(PERSIST);
    bench.ask(Input::User(UserStop::Disconnect));
    bench.end(LinkEnd::User(UserStop::Disconnect));
    assert_eq!(bench.ask(configured(PERSIST, true)), []);
    assert_eq!(bench.state(), State::Disconnected);
}

#[test]
fn s5_another_device_is_looked_for_at_once() {
    let mut bench = Bench::new(PERSIST);
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(bench.ask(configured(PERSIST, true)), [attempt(2)]);
}

//! RESET_AT (spec C6, S4).

use super::*;

fn always() -> Policy {
    Policy {
        reset_always: true,
        ..resetting()
    }
}

#[test]
fn a_link_is_ended_and_dialed_again_after_holdoff() {
    let mut bench = Bench::new(resetting());
    bench.give(Input::Up(settings()));
    bench.pass(s(3_600));
    assert_eq!(
        bench.give(Input::ResetAt),
        [Command::EndAttempt(Stop::Scheduled)]
    );
    assert_eq!(bench.state(), State::EndingOnSchedule);
    assert_eq!(bench.give(Input::ResetAt), []);
    assert_eq!(bench.end(LinkEnd::Scheduled), []);
    assert_eq!(bench.wait(), Some(s(5)));
    assert_eq!(
        bench.last_line(),
        "The link ended: the time of RESET_AT has come. Next attempt in 5 s."
    );
    assert_eq!(bench.supervisor.failures(bench.now), 0);
}

#[test]
fn whatever_ends_the_link_meanwhile_it_is_no_failure() {
    let mut bench = Bench::new(resetting());
    bench.give(Input::Up(settings()));
    bench.give(Input::ResetAt);
    assert_eq!(bench.end(carrier_lost()), []);
    assert_eq!(bench.wait(), Some(s(5)));
    assert_eq!(bench.supervisor.failures(bench.now), 0);
}

#[test]
fn with_reset_always_the_modem_is_reset_after_it() {
    let mut bench = Bench::new(always());
    bench.give(Input::Up(settings()));
    bench.give(Input::ResetAt);
    assert_eq!(bench.end(LinkEnd::Scheduled), [Command::Reset]);
    assert_eq!(bench.state(), State::Resetting(ResetReason::Scheduled));
    bench.give(done());
    assert_eq!(bench.wait(), Some(s(30)));
}

#[test]
fn without_a_link_nothing_happens() {
    let mut bench = Bench::new(resetting());
    assert_eq!(bench.give(Input::ResetAt), [], "an attempt is no link");
    assert_eq!(bench.state(), State::Attempting);
    bench.end(no_carrier());
    assert_eq!(bench.give(Input::ResetAt), []);
    assert_eq!(bench.wait(), Some(s(5)));
    bench.sit_out();
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(bench.give(Input::ResetAt), []);
    assert_eq!(bench.state(), State::WaitingForLine(absent()));
}

#[test]
fn without_a_link_reset_always_resets() {
    let mut bench = Bench::new(always());
    assert_eq!(
        bench.give(Input::ResetAt),
        [Command::EndAttempt(Stop::Scheduled)],
        "an attempt does not run into a reset"
    );
    assert_eq!(bench.end(LinkEnd::Scheduled), [Command::Reset]);
    bench.give(done());
    assert_eq!(bench.give(Input::ResetAt), [], "it was reset just now");
    assert_eq!(bench.sit_out(), [attempt(2)]);

    bench.end(no_carrier());
    assert_eq!(bench.give(Input::ResetAt), [Command::Reset]);
    assert_eq!(bench.give(Input::ResetAt), []);
    bench.give(done());
    bench.sit_out();

    bench.end(LinkEnd::Line(absent()));
    assert_eq!(bench.give(Input::ResetAt), [Command::Reset]);
}

#[test]
fn the_modem_of_another_process_is_not_reset() {
    let mut bench = Bench::new(always());
    bench.end(LinkEnd::Line(locked()));
    assert_eq!(bench.give(Input::ResetAt), []);
    assert_eq!(bench.state(), State::WaitingForLine(locked()));
}

#[test]
fn a_reconnect_that_is_under_way_becomes_the_daily_reset() {
    let reconnect = UserStop::Reconnect;
    let mut bench = Bench::new(always());
    bench.give(Input::Up(settings()));
    bench.ask(Input::User(reconnect));
    assert_eq!(bench.give(Input::ResetAt), []);
    // And asking once more does not undo it.
    assert_eq!(bench.ask(Input::User(reconnect)), []);
    assert_eq!(bench.end(LinkEnd::User(reconnect)), [Command::Reset]);

    let mut bench = Bench::new(resetting());
    bench.give(Input::Up(settings()));
    bench.ask(Input::User(reconnect));
    bench.give(Input::ResetAt);
    assert_eq!(bench.end(LinkEnd::User(reconnect)), [attempt(2)]);
}

#[test]
fn a_user_who_has_disconnected_is_left_alone() {
    let mut bench = Bench::new(always());
    bench.ask(Input::User(UserStop::Disconnect));
    assert_eq!(bench.give(Input::ResetAt), []);
    bench.end(LinkEnd::User(UserStop::Disconnect));
    assert_eq!(bench.give(Input::ResetAt), []);
    assert_eq!(bench.state(), State::Disconnected);
}

#[test]
fn without_persistence_it_is_the_end() {
    for policy in [NOPERSIST, ONCE] {
        let mut bench = Bench::new(policy);
        bench.give(Input::Up(settings()));
        bench.give(Input::ResetAt);
        assert_eq!(
            bench.end(LinkEnd::Scheduled),
            [Command::Exit(ExitStatus::DONE)]
        );
    }
}

#[test]
fn before_the_start_nothing_happens() {
    let mut bench = Bench::idle(always());
    assert_eq!(bench.give(Input::ResetAt), []);
    assert_eq!(bench.state(), State::Idle);
}

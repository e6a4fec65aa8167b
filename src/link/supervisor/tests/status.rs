//! What the status shows (spec S7).

use super::*;

#[test]
fn says_what_it_does_why_and_what_comes_next() {
    let mut bench = Bench::new(resetting());
    let look = |bench: &Bench| {
        (
            bench.state(),
            bench.supervisor.why().to_owned(),
            bench.supervisor.upcoming(),
            bench.wait(),
        )
    };
    assert_eq!(
        look(&bench),
        (
            State::Attempting,
            "the daemon has started".to_owned(),
            Upcoming::Link,
            None
        )
    );
    bench.end(no_carrier());
    assert_eq!(
        look(&bench),
        (
            State::HoldingOff {
                until: bench.now + s(5)
            },
            no_carrier().to_string(),
            Upcoming::Attempt,
            Some(s(5))
        )
    );
    bench.sit_out();
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(
        look(&bench),
        (
            State::WaitingForLine(absent()),
            "/dev/ttyUSB0 is not there".to_owned(),
            Upcoming::LookAtLine,
            Some(s(30))
        )
    );
    bench.give(Input::User(UserStop::Reset));
    assert_eq!(
        look(&bench),
        (
            State::Resetting(ResetReason::User),
            "a user asked for it".to_owned(),
            Upcoming::ResetWait,
            None
        )
    );
    bench.give(done());
    assert_eq!(
        look(&bench),
        (
            State::ResetWait {
                until: bench.now + s(30)
            },
            "the modem was reset".to_owned(),
            Upcoming::Attempt,
            Some(s(30))
        )
    );
    bench.sit_out();
    bench.give(Input::Up(settings()));
    assert_eq!(bench.supervisor.upcoming(), Upcoming::Nothing);
    bench.give(Input::User(UserStop::Disconnect));
    assert_eq!(bench.supervisor.upcoming(), Upcoming::Connect);
    bench.end(LinkEnd::User(UserStop::Disconnect));
    assert_eq!(
        look(&bench),
        (
            State::Disconnected,
            "a disconnect was asked for".to_owned(),
            Upcoming::Connect,
            None
        )
    );
    bench.give(Input::User(TERM));
    assert_eq!(bench.supervisor.why(), "a user ended it");
}

#[test]
fn says_what_follows_while_a_link_is_being_ended() {
    for (policy, input, expected) in [
        (resetting(), Input::User(TERM), Upcoming::Exit),
        (
            resetting(),
            Input::User(UserStop::Reconnect),
            Upcoming::Attempt,
        ),
        (resetting(), Input::User(UserStop::Reset), Upcoming::Reset),
        (resetting(), Input::ResetAt, Upcoming::Attempt),
        (
            Policy {
                reset_always: true,
                ..resetting()
            },
            Input::ResetAt,
            Upcoming::Reset,
        ),
        (
            Policy {
                demand: true,
                ..resetting()
            },
            Input::ResetAt,
            Upcoming::Packet,
        ),
        (NOPERSIST, Input::ResetAt, Upcoming::Exit),
        (NOPERSIST, Input::User(UserStop::Disconnect), Upcoming::Exit),
    ] {
        let mut bench = Bench::idle(policy);
        bench.give(Input::Start);
        bench.give(Input::Connect);
        bench.give(Input::Up(settings()));
        bench.give(input);
        assert_eq!(bench.supervisor.upcoming(), expected);
    }
}

#[test]
fn counts_failures_until_a_link_is_good() {
    let mut bench = Bench::new(resetting());
    bench.fail(&no_carrier(), 1);
    bench.fail(&apn_wrong(), 1);
    assert_eq!(bench.supervisor.failures(bench.now), 2);
    bench.give(Input::Up(settings()));
    assert_eq!(bench.supervisor.failures(bench.now), 2);
    bench.pass(s(60));
    assert_eq!(bench.supervisor.failures(bench.now), 0);
}

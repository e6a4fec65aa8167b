//! DEMAND (spec S6, C12, C13).

use super::*;

fn demand() -> Policy {
    Policy {
        demand: true,
        ..resetting()
    }
}

/// Started, waiting for the first packet.
fn waiting(policy: Policy) -> Bench {
    let mut bench = Bench::idle(policy);
    assert_eq!(bench.give(Input::Start), [Command::WatchPackets]);
    assert_eq!(bench.state(), State::WaitingForPacket);
    assert_eq!(bench.wait(), None);
    bench
}

#[test]
fn the_first_packet_dials_and_idle_waits_for_the_next() {
    let mut bench = waiting(demand());
    bench.pass(s(86_400));
    for number in 1..10 {
        assert_eq!(bench.give(Input::PacketWaiting), [attempt(number)]);
        assert_eq!(bench.give(Input::PacketWaiting), []);
        assert_eq!(bench.link(s(70), idle()), [Command::WatchPackets]);
        assert_eq!(bench.state(), State::WaitingForPacket);
        assert_eq!(bench.wait(), None);
    }
    assert_eq!(
        bench.last_line(),
        "The link ended: no traffic for 60 s. Waiting for a packet."
    );
    assert_eq!(bench.give(Input::PacketWaiting), [attempt(10)]);
    assert_eq!(bench.link(s(3600), connect_time()), [Command::WatchPackets]);
    assert_eq!(
        bench.last_line(),
        "The link ended: up for 3600 s, the longest allowed. Waiting for a packet."
    );
}

#[test]
fn the_packet_may_come_in_the_first_second_of_the_clock() {
    let mut supervisor = Supervisor::new(demand(), 1);
    supervisor.handle(Instant::ZERO, Input::Start);
    supervisor.handle(Instant::ZERO, Input::PacketWaiting);
    assert_eq!(supervisor.poll_command(), Some(Command::WatchPackets));
    assert_eq!(supervisor.poll_command(), Some(attempt(1)));
}

#[test]
fn packets_do_not_make_it_spin() {
    let mut bench = waiting(demand());
    bench.give(Input::PacketWaiting);
    bench.link(Duration::ZERO, idle());
    assert_eq!(bench.give(Input::PacketWaiting), []);
    assert_eq!(bench.wait(), Some(s(1)));
    assert_eq!(bench.sit_out(), [attempt(2)]);
}

#[test]
fn a_failed_attempt_waits_and_then_for_a_packet() {
    let mut bench = waiting(demand());
    bench.give(Input::PacketWaiting);
    for (number, wait) in [(2, 5), (3, 5)] {
        assert_eq!(bench.end(no_carrier()), []);
        assert_eq!(bench.wait(), Some(s(wait)));
        assert_eq!(bench.give(Input::PacketWaiting), [], "not before that");
        assert_eq!(bench.sit_out(), [Command::WatchPackets]);
        assert_eq!(bench.give(Input::PacketWaiting), [attempt(number)]);
    }
    assert_eq!(
        bench.log.get(1).map(String::as_str),
        Some(
            "Attempt 2 failed: dialing failed: the modem answered NO CARRIER to the call. \
             Next attempt in 5 s, if a packet wants out."
        )
    );
    assert_eq!(bench.end(no_carrier()), [Command::Reset]);
    bench.give(done());
    assert_eq!(bench.wait(), Some(s(30)));
    assert_eq!(bench.sit_out(), [Command::WatchPackets]);
}

#[test]
fn a_link_that_breaks_waits_for_holdoff_and_then_for_a_packet() {
    let mut bench = waiting(demand());
    bench.give(Input::PacketWaiting);
    bench.link(s(3_600), carrier_lost());
    assert_eq!(bench.wait(), Some(s(5)));
    assert_eq!(bench.sit_out(), [Command::WatchPackets]);
}

#[test]
fn without_persistence_there_is_one_such_link() {
    let policy = Policy {
        persist: false,
        ..demand()
    };
    let mut bench = waiting(policy.clone());
    bench.give(Input::PacketWaiting);
    assert_eq!(bench.link(s(70), idle()), [Command::Exit(ExitStatus::DONE)]);

    let mut bench = waiting(policy);
    bench.give(Input::PacketWaiting);
    assert_eq!(
        bench.end(no_carrier()),
        [Command::Exit(ExitStatus::DIAL_FAILED)]
    );
}

#[test]
fn reset_at_ends_the_link_and_waits_for_a_packet() {
    let mut bench = waiting(demand());
    assert_eq!(bench.give(Input::ResetAt), []);
    bench.give(Input::PacketWaiting);
    bench.give(Input::Up(settings()));
    bench.give(Input::ResetAt);
    assert_eq!(bench.end(LinkEnd::Scheduled), [Command::WatchPackets]);
}

#[test]
fn reset_always_resets_and_then_waits_for_a_packet() {
    let mut bench = waiting(Policy {
        reset_always: true,
        ..demand()
    });
    bench.give(Input::PacketWaiting);
    assert_eq!(bench.link(s(70), idle()), [Command::Reset]);
    bench.give(done());
    assert_eq!(bench.sit_out(), [Command::WatchPackets]);
    assert_eq!(bench.give(Input::ResetAt), [Command::Reset]);
    bench.give(done());
    assert_eq!(bench.sit_out(), [Command::WatchPackets]);
}

#[test]
fn users_dial_without_a_packet() {
    for input in [Input::Connect, Input::User(UserStop::Reconnect)] {
        let mut bench = waiting(demand());
        assert_eq!(bench.give(input.clone()), [attempt(1)]);
        bench.end(no_carrier());
        assert_eq!(bench.ask(input), [attempt(2)]);
    }
    let mut bench = waiting(demand());
    assert_eq!(bench.ask(Input::User(UserStop::Reset)), [Command::Reset]);
    bench.give(done());
    assert_eq!(bench.sit_out(), [attempt(1)]);
}

#[test]
fn an_absent_tty_is_looked_for_only_while_packets_want_out() {
    let mut bench = waiting(demand());
    bench.give(Input::PacketWaiting);
    let watch = [Command::WatchLine(absent())];
    assert_eq!(bench.end(LinkEnd::Line(absent())), watch);
    assert_eq!(bench.pass(s(30)), [Command::WatchPackets]);
    assert_eq!(bench.give(Input::PacketWaiting), [attempt(2)]);
    assert_eq!(bench.end(LinkEnd::Line(absent())), watch);
    bench.pass(s(2));
    assert_eq!(bench.give(Input::LineChanged), [Command::WatchPackets]);
    assert_eq!(bench.give(Input::LineChanged), []);
}

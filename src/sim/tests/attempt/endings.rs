//! How it ends: because somebody wants it, because the tty goes, because the far end does.

use super::*;
use crate::at::DialError;
use crate::link::LineProblem;
use crate::link::attempt::CLOSE_LIMIT;
use crate::ppp::DownReason;

fn vanished(error: Option<&str>) -> LinkEnd {
    LinkEnd::Line(LineProblem::Vanished {
        path: PathBuf::from("/dev/ttyUSB0"),
        error: error.map(str::to_owned),
    })
}

#[test]
fn a_stop_ends_it_cleanly_in_each_step() {
    for step in WAY_UP {
        // Some steps are over at once on a quick line.
        let mut bench = Bench::new(&["late-connect=2s"]);
        bench.run_to_step(step);
        bench.attempt.stop(bench.now, user());
        let (end, took) = bench.run_to_end(10);
        assert_eq!(end, LinkEnd::User(UserStop::Reconnect), "{step}");
        // Spec S5, with the interface's part left out.
        assert!(took < Duration::from_millis(4_700), "{step}: {took:?}");
        bench.run(30);
        assert!(!bench.sim.carrier(), "{step}: it has called after all");
    }
}

#[test]
fn questions_that_cannot_call_need_no_hang_up() {
    for (step, hangs_up) in [
        (WAKING, true),
        (ASKING, false),
        (REGISTERING, false),
        (DIALING, true),
    ] {
        let mut bench = Bench::new(&[]);
        bench.run_to_step(step);
        bench.attempt.stop(bench.now, user());
        bench.run_to_end(10);
        assert_eq!(bench.steps.contains(&HANGING_UP), hangs_up, "{step}");
        assert!(
            !bench
                .events
                .iter()
                .any(|e| matches!(e, AttemptEvent::PppEnded(_)))
        );
    }
}

#[test]
fn a_tty_that_goes_ends_it_at_once_in_each_step() {
    for step in WAY_UP {
        let mut bench = Bench::new(&["late-connect=2s"]);
        bench.run_to_step(step);
        bench.attempt.line_gone(bench.now, Some("EIO".to_owned()));
        let (end, took) = bench.run_to_end(1);
        assert_eq!(
            (end, took),
            (vanished(Some("EIO")), Duration::ZERO),
            "{step}"
        );
    }
    let mut bench = Bench::new(&["unplug=60s@20s"]);
    bench.run_up();
    let mut packet = [0; 40];
    packet[0] = 0x45;
    packet[3] = 40;
    assert!(bench.attempt.send_ipv4(&packet, &mut bench.wire));
    let (end, _) = bench.run_to_end(30);
    assert_eq!(end, vanished(None));
    let order: Vec<bool> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            AttemptEvent::NetworkDown => Some(true),
            AttemptEvent::Ended(_) => Some(false),
            _ => None,
        })
        .collect();
    assert_eq!(order, [true, false]);
    assert!(
        bench.attempt.stats().sent_bytes > 0,
        "the counters outlive it"
    );
}

#[test]
fn a_tty_that_goes_while_it_ends() {
    // While PPP closes: the line went first.
    let mut bench = Bench::new(&["no-term-ack"]);
    bench.run_up();
    bench.attempt.stop(bench.now, monitor());
    bench.drain();
    assert_eq!(bench.steps.last(), Some(&CLOSING));
    bench.attempt.line_gone(bench.now, None);
    assert_eq!(bench.run_to_end(1).0, vanished(None));
    // While it hangs up: it ended for another reason.
    let mut bench = Bench::new(&["no-term-ack"]);
    bench.run_up();
    bench.attempt.stop(bench.now, monitor());
    bench.run_to_step(HANGING_UP);
    bench.attempt.line_gone(bench.now, None);
    assert_eq!(bench.run_to_end(1).0, LinkEnd::from(monitor()));
}

#[test]
fn a_peer_that_does_not_answer_the_terminate_is_not_waited_for() {
    let mut bench = Bench::new(&["no-term-ack"]);
    bench.run_up();
    let asked = bench.now;
    bench.attempt.stop(bench.now, user());
    // Only the first reason counts.
    bench.attempt.stop(bench.now, monitor());
    bench.run_to_step(HANGING_UP);
    assert_eq!(bench.now.since(asked), CLOSE_LIMIT);
    bench.run_to_end(10);
    assert!(bench.now.since(asked) >= CLOSE_LIMIT);
    assert_eq!(bench.end(), Some(&LinkEnd::User(UserStop::Reconnect)));
}

#[test]
fn a_users_stop_during_the_hang_up_is_obeyed_and_nobody_elses() {
    for (stop, end) in [
        (user(), LinkEnd::User(UserStop::Reconnect)),
        (Stop::Scheduled, LinkEnd::from(monitor())),
    ] {
        let mut bench = Bench::new(&["no-term-ack"]);
        bench.run_up();
        bench.attempt.stop(bench.now, monitor());
        bench.run_to_step(HANGING_UP);
        bench.attempt.fail(bench.now, no_tun());
        bench.attempt.stop(bench.now, stop);
        assert_eq!(bench.run_to_end(10).0, end);
    }
}

#[test]
fn an_interface_that_cannot_be_had_ends_it() {
    let mut bench = Bench::new(&[]);
    let told = bench.runs_until(60, |bench| {
        bench
            .events
            .iter()
            .any(|e| matches!(e, AttemptEvent::NetworkUp(_)))
    });
    assert!(told);
    bench.attempt.fail(bench.now, no_tun());
    assert!(!bench.attempt.is_up());
    let mut wire = BytesMut::new();
    assert!(!bench.attempt.send_ipv4(&[0x45; 40], &mut wire));
    assert_eq!(bench.run_to_end(10).0, LinkEnd::Network(no_tun()));
    assert!(!bench.sim.carrier());
}

#[test]
fn what_the_far_end_does_is_told() {
    let mut bench = Bench::new(&["term-req@20s"]);
    bench.run_up();
    let (end, _) = bench.run_to_end(60);
    assert!(
        matches!(end, LinkEnd::Ppp(DownReason::PeerTerminated { .. })),
        "{end:?}"
    );
    // The answer to it went out before the hang-up.
    assert!(
        bench
            .log
            .iter()
            .any(|line| line.starts_with("sent [LCP TermAck"))
    );

    let mut bench = Bench::new(&["no-carrier@20s"]);
    bench.run_up();
    let (end, _) = bench.run_to_end(60);
    assert!(matches!(end, LinkEnd::Ppp(_)), "{end:?}");
    assert!(bench.log.iter().any(|line| line.contains("NO CARRIER")));
    assert!(
        !bench.events.contains(&AttemptEvent::SetDtr(false)),
        "there is nothing to hang up"
    );

    let mut bench = Bench::new(&["busy"]);
    let (end, _) = bench.run_to_end(60);
    assert!(matches!(end, LinkEnd::Dial(_)), "{end:?}");
    assert!(bench.log.iter().any(|line| line == "Connect script failed"));
    assert!(!bench.steps.contains(&HANGING_UP));

    let mut bench = Bench::new(&["sim-absent"]);
    let (end, _) = bench.run_to_end(60);
    assert!(matches!(end, LinkEnd::Modem(_)), "{end:?}");
    assert!(bench.steps.contains(&"waiting for the SIM"));

    let mut bench = Bench::new(&["at-silent"]);
    let (end, _) = bench.run_to_end(300);
    assert_eq!(end, LinkEnd::Dial(DialError::NoAnswer));

    // The call may still come: it is hung up.
    let mut bench = Bench::new(&["late-connect=300s"]);
    let (end, _) = bench.run_to_end(300);
    assert!(
        matches!(end, LinkEnd::Dial(DialError::Timeout { .. })),
        "{end:?}"
    );
    assert!(bench.steps.contains(&HANGING_UP));
    bench.run(300);
    assert!(!bench.sim.carrier());
}

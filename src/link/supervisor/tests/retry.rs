//! RETRY, RESET_ON_FAIL, RESET_ALWAYS, RESET_WAIT, and how the waits grow (spec S1).

use super::*;

/// C4, C9.
#[test]
fn retry_failures_in_a_row_lead_to_a_reset_and_counting_anew() {
    let mut bench = Bench::new(resetting());
    bench.fail(&no_carrier(), 2);
    assert_eq!(bench.end(no_carrier()), [Command::Reset]);
    assert_eq!(bench.state(), State::Resetting(ResetReason::Failures(3)));
    assert_eq!(bench.wait(), None);
    assert_eq!(
        bench.last_line(),
        "Attempt 3 failed: dialing failed: the modem answered NO CARRIER to the call. \
         The modem is reset: 3 failures in a row."
    );
    bench.pass(s(25));
    assert_eq!(bench.give(done()), []);
    assert_eq!(
        bench.state(),
        State::ResetWait {
            until: bench.now + s(30)
        }
    );
    assert_eq!(
        bench.last_line(),
        "The modem was reset: AT+CFUN=16. Next attempt in 30 s."
    );
    assert_eq!(bench.pass(s(29)), []);
    assert_eq!(bench.pass(s(1)), [attempt(4)]);
    bench.fail(&no_carrier(), 2);
    assert_eq!(bench.end(no_carrier()), [Command::Reset]);
}

#[test]
fn the_waits_grow_after_the_first_round_and_resets_become_rarer() {
    let mut bench = Bench::new(resetting());
    let mut waits = Vec::new();
    for _ in 0..18 {
        let commands = bench.end(silent());
        if commands == [Command::Reset] {
            bench.give(failed());
            waits.push((true, bench.wait().unwrap().as_secs()));
        } else {
            waits.push((false, bench.wait().unwrap().as_secs()));
        }
        bench.sit_out();
    }
    let expected = [
        [(false, 5), (false, 5), (true, 30)],
        [(false, 10), (false, 20), (true, 40)],
        [(false, 80), (false, 160), (true, 300)],
        [(false, 300), (false, 300), (true, 300)],
        [(false, 300), (false, 300), (true, 300)],
        [(false, 300), (false, 300), (true, 300)],
    ];
    assert_eq!(waits, expected.concat());
}

/// A wrong APN is often answered by NO CARRIER, like a network that is away: no reset mends either.
#[test]
fn resets_for_a_network_that_refuses_come_ever_more_rarely() {
    let mut bench = Bench::new(resetting());
    for failures in [3, 3, 6, 12, 24, 48, 96, 192, 192] {
        bench.fail(&no_carrier(), failures - 1);
        assert_eq!(bench.end(no_carrier()), [Command::Reset], "{failures}");
        bench.give(done());
        bench.sit_out();
    }
    // As soon as the modem itself fails, RETRY counts again.
    bench.fail(&no_carrier(), 2);
    assert_eq!(bench.end(silent()), [Command::Reset]);
    bench.give(done());
    bench.sit_out();
    // A good link ends it.
    bench.link(s(60), no_carrier());
    bench.sit_out();
    bench.fail(&no_carrier(), 1);
    assert_eq!(bench.end(no_carrier()), [Command::Reset]);
}

#[test]
fn a_reset_that_fails_is_followed_by_reset_wait_too() {
    let mut bench = Bench::new(resetting());
    bench.fail(&no_carrier(), 2);
    bench.end(no_carrier());
    assert_eq!(bench.give(failed()), []);
    assert_eq!(
        bench.last_line(),
        "The modem could not be reset: no step worked. Next attempt in 30 s."
    );
    assert_eq!(bench.supervisor.why(), "the modem could not be reset");
    assert_eq!(bench.sit_out(), [attempt(4)]);
}

/// C7.
#[test]
fn reset_wait_is_what_the_user_set_else_what_the_modem_needs_else_30_s() {
    for (set, modem, expected) in [
        (None, None, 30),
        (None, Some(63), 63),
        (None, Some(10), 30),
        (Some(10), None, 10),
        (Some(10), Some(63), 10),
        (Some(100), Some(63), 100),
    ] {
        let mut bench = Bench::new(Policy {
            reset_wait: set.map(s),
            ..resetting()
        });
        if let Some(modem) = modem {
            bench.give(Input::Modem {
                reset_wait: s(modem),
            });
        }
        bench.fail(&no_carrier(), 2);
        bench.end(no_carrier());
        bench.give(done());
        assert_eq!(bench.wait(), Some(s(expected)), "{set:?} {modem:?}");
    }
}

#[test]
fn without_reset_on_fail_or_retry_nothing_is_reset_and_the_waits_grow() {
    for policy in [
        Policy {
            reset_on_fail: false,
            ..resetting()
        },
        Policy {
            retry: 0,
            ..resetting()
        },
    ] {
        let mut bench = Bench::new(policy);
        bench.fail(&no_carrier(), 50);
        bench.end(no_carrier());
        assert_eq!(bench.wait(), Some(s(300)));
    }
}

#[test]
fn what_a_reset_cannot_mend_never_leads_to_one() {
    for end in [apn_wrong(), refused(), no_sim(), deleted()] {
        let mut bench = Bench::new(resetting());
        bench.link(s(60), terminated(false));
        bench.sit_out();
        bench.fail(&end, 50);
        assert_eq!(bench.supervisor.resets_in_row(), 0, "{end}");
    }
}

#[test]
fn network_modem_and_line_failures_count_towards_a_reset() {
    let not_registered = LinkEnd::Modem(ModemProblem::RegistrationDenied);
    let silent = silent();
    let io_error = LinkEnd::Line(LineProblem::OpenFailed {
        path: path(),
        error: "Input/output error".to_owned(),
        permission: false,
    });
    for end in [not_registered, silent, io_error, vanished(), no_carrier()] {
        let mut bench = Bench::new(resetting());
        bench.fail(&end, 2);
        assert_eq!(bench.end(end.clone()), [Command::Reset], "{end}");
    }
}

#[test]
fn a_missing_permission_counts_towards_no_reset() {
    let mut bench = Bench::new(resetting());
    bench.link(s(60), terminated(false));
    bench.sit_out();
    bench.fail(&no_tty_permission(), 20);
}

#[test]
fn the_existing_systems_behaviour_counts_every_failure_and_waits_holdoff() {
    for end in [apn_wrong(), no_sim(), no_carrier()] {
        let mut bench = Bench::new(Policy {
            reset_any: true,
            ..resetting()
        });
        for _ in 0..10 {
            for _ in 0..2 {
                bench.end(end.clone());
                assert_eq!(bench.wait(), Some(s(5)));
                bench.sit_out();
            }
            assert_eq!(bench.end(end.clone()), [Command::Reset]);
            bench.give(done());
            assert_eq!(bench.wait(), Some(s(30)));
            bench.sit_out();
        }
    }
}

#[test]
fn a_wrong_configuration_is_told_loudly_once_and_at_each_long_wait() {
    let mut bench = Bench::new(resetting());
    let mut errors = Vec::new();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let before = bench.errors;
        bench.end(apn_wrong());
        errors.push(bench.errors - before);
        waits.push(bench.wait().unwrap().as_secs());
        bench.sit_out();
    }
    assert_eq!(waits, [5, 5, 5, 300, 600, 1200, 2400, 3600]);
    assert_eq!(errors, [1, 0, 0, 1, 1, 1, 1, 1]);
    let expected = format!(
        "Attempt 4 failed: {} Neither a retry nor a reset mends this. Next attempt in 300 s.",
        sentence(&apn_wrong())
    );
    assert!(bench.log.contains(&expected), "{:?}", bench.log);
    assert!(
        sentence(&apn_wrong()).contains("check APN"),
        "says what to do"
    );
}

/// A wrong APN is most often no more than NO CARRIER.
#[test]
fn a_call_that_is_refused_again_and_again_is_told_with_its_advice_each_time() {
    let mut bench = Bench::new(PERSIST);
    bench.fail(&no_carrier(), 5);
    let advised = |line: &&String| line.contains("check APN");
    assert_eq!(
        bench.log.iter().filter(advised).count(),
        3,
        "{:?}",
        bench.log
    );
    assert_eq!(bench.errors, 0);
}

#[test]
fn attempts_that_end_alike_are_quiet_from_the_fourth_on() {
    let mut bench = Bench::new(PERSIST);
    let told = |bench: &Bench| {
        let is_it = |line: &&String| line.contains("is not logged again");
        bench.log.iter().filter(is_it).count()
    };
    let fail = |bench: &mut Bench, end: LinkEnd| {
        bench.end(end);
        bench.sit_out();
        bench.quiet
    };
    let failures = [false, false, true, true, true];
    assert_eq!(failures.map(|_| fail(&mut bench, no_carrier())), failures);
    assert_eq!(told(&bench), 1);
    // How long was waited does not make it another end.
    let searching = |seconds| {
        LinkEnd::Modem(ModemProblem::NotRegistered {
            registration: Registration::Searching,
            waited: s(seconds),
        })
    };
    let waits = [120, 121, 122, 121].map(|waited| fail(&mut bench, searching(waited)));
    assert_eq!(waits, [false, false, true, true]);
    // Another end: the dialog is of interest again.
    assert!(!fail(&mut bench, refused()));
    assert_eq!(
        [1, 2, 3].map(|_| fail(&mut bench, no_carrier())),
        [false, false, true]
    );
    // Somebody looks.
    bench.end(no_carrier());
    bench.ask(Input::Connect);
    assert!(!bench.quiet);
    bench.link(s(1), no_carrier());
    bench.sit_out();
    assert!(!bench.quiet);
}

#[test]
fn a_diagnosis_that_changes_is_told_loudly_again() {
    let mut bench = Bench::new(resetting());
    for end in [apn_wrong(), refused()] {
        let before = bench.errors;
        bench.end(end);
        assert_eq!(bench.errors, before + 1);
        bench.sit_out();
    }
}

#[test]
fn a_fault_of_the_network_after_a_long_configuration_wait_is_dialed_after_soon() {
    let mut bench = Bench::new(resetting());
    bench.fail(&apn_wrong(), 20);
    bench.end(no_carrier());
    assert_eq!(bench.wait(), Some(s(10)));
}

#[test]
fn a_link_that_ends_abnormally_before_it_was_good_counts() {
    for end in [
        carrier_lost(),
        monitor(),
        LinkEnd::Ppp(DownReason::EchoTimeout { lost: 4 }),
    ] {
        let mut bench = Bench::new(resetting());
        bench.fail(&no_carrier(), 1);
        assert_eq!(bench.link(s(59), end.clone()), []);
        bench.sit_out();
        assert_eq!(bench.link(s(59), end.clone()), [Command::Reset], "{end}");
    }
}

#[test]
fn a_link_that_ends_abnormally_after_it_was_good_counts_as_the_first() {
    let mut bench = Bench::new(resetting());
    bench.fail(&no_carrier(), 2);
    assert_eq!(bench.link(s(60), carrier_lost()), []);
    assert_eq!(bench.supervisor.failures(bench.now), 1);
    assert_eq!(bench.wait(), Some(s(5)));
    bench.sit_out();
    bench.fail(&no_carrier(), 1);
    assert_eq!(bench.end(no_carrier()), [Command::Reset]);
}

#[test]
fn an_answered_ping_makes_a_link_good_at_once() {
    let mut bench = Bench::new(resetting());
    bench.fail(&no_carrier(), 2);
    bench.give(Input::Up(settings()));
    bench.pass(s(3));
    assert_eq!(bench.supervisor.failures(bench.now), 2);
    assert_eq!(bench.give(Input::Answered), []);
    assert_eq!(bench.supervisor.failures(bench.now), 0);
    assert_eq!(bench.end(carrier_lost()), []);
    assert_eq!(bench.supervisor.failures(bench.now), 1);
}

#[test]
fn a_late_answer_does_not_make_the_next_link_good() {
    let mut bench = Bench::new(resetting());
    bench.fail(&no_carrier(), 2);
    bench.give(Input::Answered);
    assert_eq!(bench.end(no_carrier()), [Command::Reset]);
}

#[test]
fn a_good_link_ends_the_growth_of_the_waits() {
    let mut bench = Bench::new(Policy {
        reset_on_fail: false,
        ..resetting()
    });
    bench.fail(&no_carrier(), 20);
    bench.link(s(60), terminated(false));
    assert_eq!(bench.wait(), Some(s(5)));
    bench.sit_out();
    bench.end(no_carrier());
    assert_eq!(bench.wait(), Some(s(5)));
}

#[test]
fn a_peer_that_ends_each_link_at_once_is_dialed_less_and_less_and_not_reset() {
    let mut bench = Bench::new(resetting());
    let mut waits = Vec::new();
    for _ in 0..6 {
        assert_eq!(bench.link(s(2), terminated(false)), []);
        waits.push(bench.wait().unwrap().as_secs());
        bench.sit_out();
    }
    assert_eq!(waits, [5, 5, 5, 10, 20, 40]);
}

/// C5.
#[test]
fn reset_always_resets_after_every_link_and_not_after_failed_attempts() {
    for end in [
        terminated(false),
        carrier_lost(),
        idle(),
        vanished(),
        monitor(),
        deleted(),
    ] {
        let mut bench = Bench::new(Policy {
            reset_always: true,
            reset_on_fail: false,
            ..resetting()
        });
        bench.fail(&no_carrier(), 5);
        assert_eq!(bench.link(s(60), end.clone()), [Command::Reset], "{end}");
        assert_eq!(bench.state(), State::Resetting(ResetReason::Always));
        bench.give(done());
        assert_eq!(bench.wait(), Some(s(30)));
        assert_eq!(bench.sit_out(), [attempt(7)]);
    }
}

#[test]
fn reset_always_does_not_reset_for_wrong_credentials() {
    let mut bench = Bench::new(Policy {
        reset_always: true,
        ..resetting()
    });
    // The peer asked again while the link was up.
    assert_eq!(bench.link(s(600), refused()), []);
    assert_eq!(bench.wait(), Some(s(5)));
}

#[test]
fn reset_always_with_links_that_never_get_good_resets_less_and_less_often() {
    let mut bench = Bench::new(Policy {
        reset_always: true,
        ..resetting()
    });
    let mut waits = Vec::new();
    for _ in 0..10 {
        assert_eq!(bench.link(s(2), carrier_lost()), [Command::Reset]);
        bench.give(done());
        waits.push(bench.wait().unwrap().as_secs());
        bench.sit_out();
    }
    assert_eq!(waits, [30, 30, 30, 30, 30, 40, 80, 160, 300, 300]);
}

#[test]
fn reset_always_without_persistence_resets_and_then_ends() {
    let policy = Policy {
        persist: false,
        reset_always: true,
        ..resetting()
    };
    let mut bench = Bench::new(policy.clone());
    assert_eq!(bench.link(s(60), terminated(false)), [Command::Reset]);
    assert_eq!(bench.give(done()), [Command::Exit(ExitStatus::DONE)]);
    // No link, no reset.
    let mut bench = Bench::new(policy);
    assert_eq!(
        bench.end(no_carrier()),
        [Command::Exit(ExitStatus::DIAL_FAILED)]
    );
}

#[test]
fn idle_ends_a_link_and_persist_dials_again_after_holdoff() {
    ends_on_purpose(&idle(), ExitStatus::IDLE);
}

/// Spec F1: pppd's `maxconnect`.
#[test]
fn the_end_of_the_connect_time_is_like_idle_no_failure() {
    ends_on_purpose(&connect_time(), ExitStatus::CONNECT_TIME);
}

fn ends_on_purpose(end: &LinkEnd, of_pppd: ExitStatus) {
    let mut bench = Bench::new(resetting());
    assert_eq!(bench.link(s(70), end.clone()), []);
    assert_eq!(bench.wait(), Some(s(5)));
    assert_eq!(bench.sit_out(), [attempt(2)]);
    for (policy, status) in [
        (NOPERSIST, ExitStatus::DONE),
        (ONCE, of_pppd),
        (policy(false, true), of_pppd),
    ] {
        let mut bench = Bench::new(policy);
        assert_eq!(bench.link(s(70), end.clone()), [Command::Exit(status)]);
    }
}

/// IDLE=10 never lets a link become good by its age. It is no failure, and ends the row of failures.
#[test]
fn a_link_that_idle_ended_ends_the_row_of_failures() {
    let mut bench = Bench::new(resetting());
    for end in [idle(), connect_time()].iter().cycle().take(10) {
        bench.fail(&no_carrier(), 2);
        assert_eq!(bench.link(s(12), end.clone()), []);
        bench.sit_out();
    }
}

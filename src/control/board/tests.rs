use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::*;
use crate::at::DialError;
use crate::control::status::{Aged, Link, Modem, Moment, Planned, Reset};
use crate::link::{LineProblem, UserStop};
use crate::modem::{Registration, Signal};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

fn wall(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn board() -> Board {
    Board::new(at(10), "0.1.0", 123, "ppp0", 60 * SECOND)
}

fn busy() -> LinkEnd {
    LinkEnd::Dial(DialError::Refused {
        result: "BUSY".to_owned(),
        report: None,
    })
}

fn settings() -> Ipv4Settings {
    Ipv4Settings {
        local: Ipv4Addr::new(10, 64, 64, 2),
        remote: Some(Ipv4Addr::new(10, 64, 64, 1)),
        dns: [Some(Ipv4Addr::new(192, 0, 2, 53)), None],
        mtu: 1500,
    }
}

#[test]
fn wall_times_are_right_although_the_clock_was_set_late() {
    let board = board();
    let early = board.snapshot(at(20), wall("1970-01-01T00:00:20Z"));
    assert_eq!(early.started.at, "1970-01-01T00:00:10Z");
    let late = board.snapshot(at(70), wall("2026-11-24T23:26:10.5Z"));
    assert_eq!(
        late.started,
        Moment {
            at: "2026-11-24T23:25:10Z".to_owned(),
            seconds_ago: 60
        }
    );
    assert_eq!(late.now, "2026-11-24T23:26:10Z");
}

#[test]
fn a_wall_clock_at_the_end_of_time_is_harmless() {
    let mut board = board();
    board.note_state(StateView {
        next: Some((
            "the next attempt".to_owned(),
            Some(Instant::from_origin(Duration::MAX)),
        )),
        ..board.state.clone()
    });
    for wall in [Timestamp::MIN, Timestamp::MAX] {
        let status = board.snapshot(Instant::from_origin(Duration::MAX), wall);
        assert_eq!(status.next.unwrap().in_seconds, Some(0));
        let status = board.snapshot(Instant::ZERO, wall);
        assert_eq!(status.started.seconds_ago, 0);
    }
}

#[test]
fn a_failure_that_comes_again_is_one_that_is_counted() {
    let mut board = board();
    for n in 0..5 {
        board.note_end(at(100 + n), &busy(), false);
    }
    board.note_end(at(200), &LinkEnd::User(UserStop::Reconnect), true);
    let absent = LinkEnd::Line(LineProblem::Absent {
        path: PathBuf::from("/dev/ttyUSB0"),
    });
    board.note_end(at(300), &absent, false);
    let status = board.snapshot(at(400), wall("2026-11-24T00:00:00Z"));
    let told: Vec<(&str, u32, u64)> = status
        .failures
        .iter()
        .map(|failure| {
            (
                failure.reason.as_str(),
                failure.times,
                failure.when.seconds_ago,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("/dev/ttyUSB0 is not there", 1, 100),
            (
                "dialing failed: the modem answered BUSY to the call",
                5,
                296
            ),
        ]
    );
    assert_eq!(status.failures[1].class, Class::Network);
}

#[test]
fn nothing_grows_without_bound() {
    let mut board = board();
    for n in 0..10_000 {
        let text = format!("{n}{}", "x".repeat(10_000));
        board.note_end(
            at(n),
            &LinkEnd::Line(LineProblem::Absent {
                path: PathBuf::from(&text),
            }),
            false,
        );
        board.note_warning(&text);
        board.note_step(at(n), &text);
        board.note_monitor(&text, Some(&text));
        board.note_modem(
            at(n),
            &ModemInfo {
                operator: Some(text),
                ..ModemInfo::default()
            },
        );
    }
    let status = board.snapshot(at(10_000), wall("2026-11-24T00:00:00Z"));
    assert_eq!(status.failures.len(), MAX_FAILURES);
    assert_eq!(status.warnings.len(), MAX_WARNINGS);
    assert!(status.warnings[MAX_WARNINGS - 1].starts_with("9999x"));
    let json = serde_json::to_string(&status).unwrap();
    assert!(json.len() < 32 * 1024, "{}", json.len());
}

#[test]
fn a_link_counts_from_up_to_down() {
    let mut board = board();
    let traffic = |n| Traffic {
        received_packets: n,
        received_bytes: 10 * n,
        sent_packets: 2 * n,
        sent_bytes: 20 * n,
    };
    board.note_traffic(traffic(99));
    board.note_up(at(100), "ppp0", &settings());
    board.note_traffic(traffic(1));
    let mut other = settings();
    other.mtu = 1400;
    // Renegotiated: the same link.
    board.note_up(at(110), "ppp0", &other);
    let young = board.snapshot(at(159), wall("2026-11-24T00:00:00Z"));
    assert!(!young.link.unwrap().good);
    let status = board.snapshot(at(160), wall("2026-11-24T00:00:00Z"));
    assert_eq!(
        status.link,
        Some(Link {
            interface: "ppp0".to_owned(),
            up: Moment {
                at: "2026-11-23T23:59:00Z".to_owned(),
                seconds_ago: 60
            },
            good: true,
            local: Ipv4Addr::new(10, 64, 64, 2),
            remote: Some(Ipv4Addr::new(10, 64, 64, 1)),
            dns: vec![Ipv4Addr::new(192, 0, 2, 53)],
            mtu: 1400,
            traffic: traffic(1),
        })
    );
    board.note_down();
    board.note_up(at(200), "ppp0", &settings());
    board.note_traffic(traffic(4));
    let status = board.snapshot(at(200), wall("2026-11-24T00:00:00Z"));
    assert_eq!(status.traffic, traffic(5));
    assert_eq!(status.attempts.links, 2);
    assert!(!status.link.unwrap().good);
    board.note_good();
    let status = board.snapshot(at(200), wall("2026-11-24T00:00:00Z"));
    assert!(status.link.unwrap().good);
    assert_eq!(status.attempts.failures_in_a_row, Some(0));
}

#[test]
fn what_the_modem_does_not_repeat_stays_with_its_age() {
    let mut board = board();
    board.note_place("/dev/ttyUSB0", Some("1-1.2"));
    board.note_modem(
        at(100),
        &ModemInfo {
            model: Some("EC25".to_owned()),
            signal: Some(Signal { dbm: -77 }),
            registration: Some(Registration::Home),
            ..ModemInfo::default()
        },
    );
    board.note_modem(
        at(160),
        &ModemInfo {
            signal: Some(Signal { dbm: -91 }),
            operator: Some("a\r\nb".to_owned()),
            ..ModemInfo::default()
        },
    );
    // Back under another name in the same socket.
    board.note_place("/dev/ttyUSB3", Some("1-1.2"));
    let modem = board.snapshot(at(200), wall("2026-11-24T00:00:00Z")).modem;
    assert_eq!(
        modem,
        Modem {
            tty: Some("/dev/ttyUSB3".to_owned()),
            usb_path: Some("1-1.2".to_owned()),
            model: Some("EC25".to_owned()),
            registration: Some(Aged {
                value: Registration::Home,
                seconds_ago: 100
            }),
            signal_dbm: Some(Aged {
                value: -91,
                seconds_ago: 40
            }),
            operator: Some(Aged {
                value: "a??b".to_owned(),
                seconds_ago: 40
            }),
            ..Modem::default()
        }
    );
    board.note_place("/dev/ttyUSB3", Some("1-1.3"));
    let modem = board.snapshot(at(200), wall("2026-11-24T00:00:00Z")).modem;
    assert_eq!((modem.model, modem.signal_dbm), (None, None));
}

#[test]
fn a_step_holds_until_the_next_state() {
    let mut board = board();
    let view = StateView {
        word: StateWord::Dialing,
        since: at(20),
        attempt: 1,
        ..board.state.clone()
    };
    board.note_state(view.clone());
    board.note_step(at(21), "waiting for the registration");
    board.note_step(at(25), "waiting for the registration");
    board.note_state(view.clone());
    let step = board.snapshot(at(30), wall("2026-11-24T00:00:00Z")).step;
    assert_eq!(step.unwrap().since.seconds_ago, 9);
    board.note_state(StateView {
        word: StateWord::HoldingOff,
        since: at(40),
        next: Some(("the next attempt".to_owned(), Some(at(45)))),
        ..view
    });
    let status = board.snapshot(at(41) + SECOND / 4, wall("2026-11-24T00:00:00Z"));
    assert_eq!(status.step, None);
    assert_eq!(
        status.next,
        Some(Planned {
            what: "the next attempt".to_owned(),
            at: Some("2026-11-24T00:00:03Z".to_owned()),
            in_seconds: Some(4),
        })
    );
}

#[test]
fn resets_are_counted_and_the_last_one_is_told() {
    let mut board = board();
    board.note_reset(
        at(50),
        &ResetOutcome::Done {
            step: "AT+CFUN=16".to_owned(),
        },
    );
    board.note_reset(
        at(90),
        &ResetOutcome::Failed {
            why: "no step worked".to_owned(),
        },
    );
    let resets = board.snapshot(at(100), wall("2026-11-24T00:00:00Z")).resets;
    assert_eq!(
        resets,
        Resets {
            count: 2,
            last: Some(Reset {
                when: Moment {
                    at: "2026-11-23T23:59:50Z".to_owned(),
                    seconds_ago: 10
                },
                worked: false,
                step: None,
                why: Some("no step worked".to_owned()),
            }),
        }
    );
}

#[test]
fn a_monitor_ends_with_its_link() {
    let mut board = board();
    board.note_up(at(100), "ppp0", &settings());
    board.note_monitor("www.example.jp", None);
    board.note_ping(at(130), false, 1);
    board.note_monitor("www.example.jp", Some("192.0.2.1"));
    let status = board.snapshot(at(140), wall("2026-11-24T00:00:00Z"));
    assert_eq!(
        status.monitor,
        Some(Monitor {
            target: "www.example.jp".to_owned(),
            watched: Some("192.0.2.1".to_owned()),
            last: Some(Ping {
                when: Moment {
                    at: "2026-11-23T23:59:50Z".to_owned(),
                    seconds_ago: 10
                },
                answered: false,
            }),
            lost_in_a_row: 1,
        })
    );
    board.note_down();
    let status = board.snapshot(at(150), wall("2026-11-24T00:00:00Z"));
    assert_eq!(status.monitor, None);
}

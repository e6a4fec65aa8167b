//! Whole pages, as an operator sees them.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::Offset;

use super::*;
use crate::at::DialError;
use crate::control::{Board, StateView};
use crate::link::{LineProblem, LinkEnd, ResetOutcome};
use crate::modem::{ModemInfo, Registration, Signal};
use crate::ppp::{DownReason, Ipv4Settings};
use crate::time::Instant;

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

fn japan(color: bool) -> Style {
    Style {
        color,
        zone: TimeZone::fixed(Offset::from_hours(9).unwrap()),
    }
}

fn view(word: StateWord, since: u64) -> StateView {
    StateView {
        word,
        sentence: None,
        since: at(since),
        why: None,
        next: None,
        attempt: 1,
        failures: None,
    }
}

fn page(board: &Board, now: u64, wall: &str) -> String {
    let text = render(
        &board.snapshot(at(now), wall.parse().unwrap()),
        &japan(false),
    );
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
        assert_eq!(line, line.trim_end(), "{line:?}");
    }
    text
}

/// A link that has been up for hours, and a story before it.
fn up() -> Board {
    let mut board = Board::new(at(0), "0.1.0", 312, "ppp0", Duration::from_secs(60));
    let end = LinkEnd::Line(LineProblem::Vanished {
        path: PathBuf::from("/dev/ttyUSB0"),
        error: Some("Input/output error".to_owned()),
    });
    let busy = LinkEnd::Dial(DialError::Refused {
        result: "BUSY".to_owned(),
        report: None,
    });
    let settings = Ipv4Settings {
        local: Ipv4Addr::new(10, 64, 64, 2),
        remote: Some(Ipv4Addr::new(10, 64, 64, 1)),
        dns: [
            Some(Ipv4Addr::new(192, 0, 2, 53)),
            Some(Ipv4Addr::new(192, 0, 2, 54)),
        ],
        mtu: 1500,
    };
    board.note_place("/dev/ttyUSB0", Some("1-1.2"));
    board.note_up(at(10), "ppp0", &settings);
    board.note_traffic(Traffic {
        received_packets: 7,
        received_bytes: 999,
        sent_packets: 9,
        sent_bytes: 1000,
    });
    board.note_down();
    board.note_end(at(4_000), &end, true);
    for n in 0..3 {
        board.note_end(at(4_100 + n), &busy, false);
    }
    board.note_reset(
        at(4_200),
        &ResetOutcome::Done {
            step: "AT+CFUN=16".to_owned(),
        },
    );
    board.note_state(StateView {
        attempt: 5,
        failures: Some(0),
        ..view(StateWord::Up, 4_300)
    });
    board.note_up(at(4_300), "ppp0", &settings);
    board.note_traffic(Traffic {
        received_packets: 10_221,
        received_bytes: 12_345_678,
        sent_packets: 9_981,
        sent_bytes: 1_234_567,
    });
    board.note_modem(
        at(12_280),
        &ModemInfo {
            profile: Some("LISA-U200".to_owned()),
            manufacturer: Some("u-blox".to_owned()),
            model: Some("LISA-U200".to_owned()),
            revision: Some("23.60".to_owned()),
            iccid: Some("8981100000000000000".to_owned()),
            sim: Some(SimState::Ready),
            registration: Some(Registration::Home),
            signal: Some(Signal { dbm: -77 }),
            operator: Some("NTT DOCOMO".to_owned()),
            plmn: Some("44010".to_owned()),
            technology: Some("UTRAN".to_owned()),
            ..ModemInfo::default()
        },
    );
    board.note_monitor("www.example.jp", Some("192.0.2.1"));
    board.note_ping(at(12_290), true, 0);
    board.note_queue(0, 3);
    board.note_provisioning(1);
    board.note_warning("NETMODE=LTE is not known for the profile LISA-U200; it was not set");
    board
}

#[test]
fn a_link_that_is_up() {
    assert_eq!(
        page(&up(), 12_292, "2026-11-24T18:00:00Z"),
        "\
ppp0: the link is up (2 h 13 min, since 00:46:48).

attempts  5 so far; 2 links since the start at 2026-11-24 23:35
link      10.64.64.2, peer 10.64.64.1, MTU 1500, on ppp0, good
DNS       192.0.2.53, 192.0.2.54
traffic   received 12.3 MB in 10221 packets, sent 1.2 MB in 9981
          since the start received 12.3 MB in 10228 packets, sent 1.2 MB in 9990
modem     u-blox LISA-U200 23.60, profile LISA-U200, /dev/ttyUSB0, USB 1-1.2
SIM       ready, ICCID 8981100000000000000
network   NTT DOCOMO (44010), UTRAN, registered, -77 dBm (good); told 12 s ago
monitor   192.0.2.1 on the way to www.example.jp, last ping answered 2 s ago
queue     0 packets wait for the link, 3 were dropped
resets    1; the last one 00:45:08 worked: AT+CFUN=16
writes    APN or account written to the modem once since the start
warning   NETMODE=LTE is not known for the profile LISA-U200; it was not set

Last failures
  00:43:30  dialing failed: the modem answered BUSY to the call (network, 3
            times in a row)
            -> check APN, antenna and coverage, and whether the subscription is
               active
  00:41:48  link lost: /dev/ttyUSB0 vanished while in use: Input/output error
            (line)
            -> the modem restarted or was unplugged: if it happens often, check
               its power and cable
"
    );
}

#[test]
fn n3_the_page_says_who_tells_the_system_of_the_dns_servers() {
    let mut board = up();
    board.note_resolver(Some(Resolver {
        servers: vec![[192, 0, 2, 53].into(), [198, 51, 100, 53].into()],
        manager: "script".to_owned(),
        why: "/etc/ppp/ip-up.d/0000usepeerdns writes /etc/resolv.conf".to_owned(),
        problem: Some("something is wrong\u{7}".to_owned()),
    }));
    let text = page(&board, 22_200, "2026-11-24T08:12:00Z");
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("resolver"))
        .take(3)
        .collect();
    assert_eq!(
        rows,
        [
            "resolver  192.0.2.53, 198.51.100.53, set by a script:",
            "          /etc/ppp/ip-up.d/0000usepeerdns writes /etc/resolv.conf",
            "          something is wrong?",
        ]
    );
    board.note_resolver(None);
    assert!(!page(&board, 22_200, "2026-11-24T08:12:00Z").contains("resolver"));
}

#[test]
fn failures_before_a_link_are_not_told_as_its_own() {
    for (failures, text) in [
        (
            1,
            "attempts  5 so far, the one before failed; 2 links since",
        ),
        (3, "attempts  5 so far, the 3 before failed; 2 links since"),
    ] {
        let mut status = up().snapshot(at(4_310), "2026-11-24T15:47:00Z".parse().unwrap());
        status.attempts.failures_in_a_row = Some(failures);
        let page = render(&status, &japan(false));
        assert!(page.contains(text), "{page}");
    }
}

#[test]
fn a_link_that_is_down_says_why_and_what_comes_next() {
    let mut board = Board::new(at(0), "0.1.0", 312, "ppp0", Duration::from_secs(60));
    let end = LinkEnd::Ppp(DownReason::PeerTerminated {
        layer: crate::ppp::Layer::Lcp,
        text: "no such user".to_owned(),
        auth_rejected: true,
    });
    board.note_end(at(20), &end, false);
    board.note_state(StateView {
        why: Some(format!("{end}; {}", end.advice())),
        next: Some(("attempt 3".to_owned(), Some(at(325)))),
        attempt: 2,
        failures: Some(2),
        ..view(StateWord::HoldingOff, 20)
    });
    let text = page(&board, 25, "2026-11-24T18:00:00Z");
    let (head, _) = text.split_once("\nLast failures").unwrap();
    assert_eq!(
        head,
        "\
ppp0: the link is down, waiting before the next attempt (5 s, since 02:59:55).

why       LCP terminated by the peer (no such user); we had rejected its
          authentication demand; the peer wants authentication: set ACCOUNT,
          PASSWORD and AUTH
next      attempt 3 in 5 min, at 03:05:00
attempts  2 so far, 2 failures in a row; 0 links since the start at 02:59:35
"
    );
}

#[test]
fn before_the_clock_is_set_only_durations_are_told() {
    let mut board = Board::new(at(0), "0.1.0", 312, "ppp0", Duration::from_secs(60));
    let absent = LinkEnd::Line(LineProblem::Absent {
        path: PathBuf::from("/dev/ttyUSB0"),
    });
    board.note_end(at(2), &absent, false);
    board.note_state(StateView {
        why: Some(absent.to_string()),
        ..view(StateWord::WaitingForModem, 2)
    });
    board.note_step(at(3), "looking for it");
    assert_eq!(
        page(&board, 12, "1970-01-01T00:00:12Z"),
        "\
ppp0: waiting for the modem (10 s).

why       /dev/ttyUSB0 is not there
now       looking for it, for 9 s
attempts  1 so far; 0 links since the start

Last failures
  10 s ago  /dev/ttyUSB0 is not there (line)
            -> check that the modem is plugged in and powered, and that this is
               its tty
"
    );
}

#[test]
fn colour_is_for_terminals_only() {
    let status = up().snapshot(at(12_292), "2026-11-24T18:00:00Z".parse().unwrap());
    assert!(!render(&status, &japan(false)).contains('\u{1b}'));
    let first = "\u{1b}[1;32mppp0: the link is up (2 h 13 min, since 00:46:48).\u{1b}[0m\n\n";
    assert!(render(&status, &japan(true)).starts_with(first));
}

#[test]
fn many_failures_are_not_all_shown() {
    let mut board = Board::new(at(0), "0.1.0", 312, "ppp0", Duration::from_secs(60));
    for n in 0..20 {
        let end = LinkEnd::Line(LineProblem::Absent {
            path: PathBuf::from(format!("/dev/ttyUSB{n}")),
        });
        board.note_end(at(n), &end, false);
    }
    let text = page(&board, 30, "2026-11-24T18:00:00Z");
    assert!(text.ends_with("  (5 more with --json)\n"), "{text}");
    assert_eq!(text.matches(" is not there").count(), SHOWN_FAILURES);
}

#[test]
fn a_word_that_is_longer_than_a_line_is_not_cut() {
    let mut board = Board::new(at(0), "0.1.0", 312, "ppp0", Duration::from_secs(60));
    let word = "x".repeat(100);
    board.note_warning(&format!("a {word} b"));
    let status = board.snapshot(at(0), "2026-11-24T18:00:00Z".parse().unwrap());
    let text = render(&status, &japan(false));
    assert!(
        text.contains(&format!("\nwarning   a\n          {word}\n          b\n")),
        "{text}"
    );
}

#[test]
fn durations_and_sizes_have_two_units_and_three_digits() {
    let durations = [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (7_980, "2 h 13 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (u64::MAX, "213503982334601 d 7 h"),
    ];
    for (seconds, text) in durations {
        assert_eq!(duration(seconds), text);
    }
    let sizes = [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (123_456, "123 kB"),
        (12_345_678, "12.3 MB"),
        (u64::MAX, "18.4 EB"),
    ];
    for (count, text) in sizes {
        assert_eq!(bytes(count), text);
    }
}

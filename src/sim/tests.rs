//! The whole simulator against the gateway's own code, in virtual time.

mod attempt;
mod modem;
mod traffic;

use std::collections::VecDeque;

use super::world::{Happening, World, WorldConfig};
use super::*;
use crate::at::DialError;
use crate::ppp::config::{Account, AllowedAuth, AuthMethod, Credentials};
use crate::ppp::{DownReason, Layer};
use crate::random::Random;
use crate::secret::Secret;
use crate::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

fn config(faults: &[&str]) -> WorldConfig {
    let mut config = WorldConfig::default();
    config.sim.faults = faults.iter().map(|text| text.parse().unwrap()).collect();
    config
}

fn with_chap(faults: &[&str]) -> WorldConfig {
    let mut config = config(faults);
    config.sim.demand = Some(AuthDemand {
        method: AuthMethod::ChapMd5,
        acceptable: AllowedAuth {
            pap: true,
            chap_md5: true,
        },
        name: "UMTS_CHAP_SRVR".to_owned(),
        accounts: vec![Account {
            user: "user".to_owned(),
            secret: Secret::new("secret"),
        }],
        accept_any: false,
        rechallenge: None,
        messages: Default::default(),
    });
    config.session.credentials = Credentials {
        user: "user".to_owned(),
        secret: Secret::new("secret"),
        allow: AllowedAuth {
            pap: true,
            chap_md5: true,
        },
        ..Credentials::default()
    };
    config
}

fn world(faults: &[&str]) -> World {
    World::new(config(faults))
}

/// Runs until something that matters happens.
fn next(world: &mut World, time: Duration) -> Option<Happening> {
    world
        .run(time, |happening| {
            matches!(
                happening,
                Happening::DialFailed(_)
                    | Happening::NetworkUp(_)
                    | Happening::Down(_)
                    | Happening::Unplug
                    | Happening::Plug
                    | Happening::HungUp { .. }
            )
        })
        .unwrap()
}

fn up(world: &mut World) {
    world.dial();
    match next(world, MINUTE) {
        Some(Happening::NetworkUp(_)) => {}
        other => panic!("{other:?}\n{}", story(world)),
    }
}

fn story(world: &mut World) -> String {
    let lines = world.take_happenings().into_iter();
    lines
        .map(|(at, happening)| format!("{at:?} {happening:?}\n"))
        .collect()
}

fn ping(to: &str) -> Vec<u8> {
    internet::tests::ping_packet(to.parse().unwrap(), 64)
}

fn answered(world: &mut World, to: &str) -> bool {
    assert!(world.send(&ping(to)));
    let answer = world
        .run(Duration::from_secs(2), |h| {
            matches!(h, Happening::Packet(_))
        })
        .unwrap();
    answer.is_some()
}

#[test]
fn a_gateway_gets_online_and_hangs_up() {
    for mut world in [World::new(config(&[])), World::new(with_chap(&[]))] {
        world.dial();
        let Some(Happening::NetworkUp(settings)) = next(&mut world, MINUTE) else {
            panic!("{}", story(&mut world))
        };
        assert_eq!(settings.local, Ipv4Addr::new(10, 64, 64, 2));
        assert_eq!(settings.remote, Some(Ipv4Addr::new(10, 64, 64, 1)));
        assert_eq!(settings.dns, internet::name_servers().map(Some));
        assert!(
            world.now() < Instant::from_millis(1500),
            "{:?}",
            world.now()
        );
        assert!(answered(&mut world, "198.51.100.10") && world.sim().carrier());
        world.close("User request");
        let closed = DownReason::Closed {
            why: "User request".to_owned(),
        };
        assert_eq!(next(&mut world, MINUTE), Some(Happening::Down(closed)));
        world.hang_up(false);
        assert_eq!(
            next(&mut world, MINUTE),
            Some(Happening::HungUp { confirmed: true })
        );
        assert!(!world.sim().carrier());
    }
}

/// How a call with this fault comes out, in the first minutes.
fn outcome(config: WorldConfig) -> (Option<Happening>, World) {
    let mut world = World::new(config);
    world.dial();
    let outcome = next(&mut world, 3 * MINUTE);
    (outcome, world)
}

#[test]
fn a_call_can_be_refused() {
    let refused = |result: &str| DialError::Refused {
        result: result.to_owned(),
        report: Some("Call refused by the network".to_owned()),
    };
    for (fault, error) in [
        ("busy", refused("BUSY")),
        ("no-dialtone", refused("NO DIALTONE")),
        ("no-answer", refused("NO ANSWER")),
    ] {
        let (first, mut world) = outcome(config(&[fault]));
        assert_eq!(first, Some(Happening::DialFailed(error)));
        up(&mut world);
    }
    let (outcome, _) = outcome(config(&["cme-error=30"]));
    let Some(Happening::DialFailed(DialError::Extended { code, .. })) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(code, Some(30));
}

#[test]
fn a_modem_can_be_silent_late_or_talkative() {
    let (silent, _) = outcome(config(&["at-silent"]));
    assert!(
        matches!(silent, Some(Happening::DialFailed(_))),
        "{silent:?}"
    );
    let (late, world) = outcome(config(&["late-connect=20"]));
    assert!(matches!(late, Some(Happening::NetworkUp(_))));
    assert!(world.now() > Instant::from_millis(20_000));
    let (urc, _) = outcome(config(&["urc"]));
    assert!(matches!(urc, Some(Happening::NetworkUp(_))));
    let mut config = config(&[]);
    config.plan.dial = "ATD*99***7#".to_owned();
    let (no_context, _) = outcome(config);
    let refused = DialError::Refused {
        result: "NO CARRIER".to_owned(),
        report: Some("Call refused by the network".to_owned()),
    };
    assert_eq!(no_context, Some(Happening::DialFailed(refused)));
}

#[test]
fn a_modem_left_in_data_mode_is_brought_back_unless_it_is_stuck() {
    let (outcome_, mut world) = outcome(config(&["data-mode"]));
    assert!(
        matches!(outcome_, Some(Happening::NetworkUp(_))),
        "{}",
        story(&mut world)
    );
    assert_eq!(world.sim().stats().calls, 2);
    let (stuck, _) = outcome(config(&["stuck-data-mode"]));
    assert!(matches!(stuck, Some(Happening::DialFailed(_))), "{stuck:?}");
}

#[test]
fn a_call_can_end_in_many_ways() {
    for (fault, reason) in [
        ("no-carrier@30s", DownReason::CarrierLost),
        (
            "term-req@30s",
            DownReason::PeerTerminated {
                layer: Layer::Lcp,
                text: "Session ended by the network".to_owned(),
                auth_rejected: false,
            },
        ),
    ] {
        let mut world = world(&[fault]);
        up(&mut world);
        let start = world.now();
        assert_eq!(
            next(&mut world, 2 * MINUTE),
            Some(Happening::Down(reason)),
            "{fault}"
        );
        assert!(
            (29_000..35_000).contains(&world.now().since(start).as_millis()),
            "{fault}"
        );
        world.hang_up(true);
        assert_eq!(
            next(&mut world, MINUTE),
            Some(Happening::HungUp { confirmed: true }),
            "{fault}"
        );
        assert!(!world.sim().carrier());
        // The second call has no such fault any more.
        up(&mut world);
        assert_eq!(next(&mut world, 2 * MINUTE), None);
    }
}

#[test]
fn a_call_can_end_without_a_word() {
    for fault in ["hangup@30s", "peer-silent@30s"] {
        let mut config = config(&[fault]);
        config.session.echo.interval = Duration::from_secs(10);
        let mut world = World::new(config);
        up(&mut world);
        let end = next(&mut world, 5 * MINUTE);
        let dead = matches!(
            end,
            Some(Happening::Down(
                DownReason::EchoTimeout { .. } | DownReason::Loopback
            ))
        );
        assert!(dead, "{fault}: {end:?}");
    }
}

#[test]
fn the_tty_can_vanish_and_come_back() {
    let mut world = world(&["unplug=4@10s"]);
    up(&mut world);
    assert_eq!(next(&mut world, MINUTE), Some(Happening::Unplug));
    let gone = world.now();
    world.close_tty();
    assert_eq!(next(&mut world, MINUTE), Some(Happening::Plug));
    assert_eq!(world.now(), gone + Duration::from_secs(4));
    up(&mut world);
    assert_eq!(next(&mut world, MINUTE), None);
}

#[test]
fn a_modem_told_to_restart_goes_away_for_a_while() {
    let mut world = world(&[]);
    world.record();
    world.send_raw(b"AT+CFUN=1,1\r");
    assert_eq!(next(&mut world, MINUTE), Some(Happening::Unplug));
    let said = world
        .transcript()
        .iter()
        .filter(|(_, of_gateway, _)| !of_gateway);
    let said: Vec<u8> = said.flat_map(|(_, _, bytes)| bytes.clone()).collect();
    assert_eq!(said, b"AT+CFUN=1,1\r\r\nOK\r\n");
    assert_eq!(next(&mut world, MINUTE), Some(Happening::Plug));
    up(&mut world);
}

#[test]
fn a_negotiation_can_fail() {
    let timeout = |layer| DownReason::NegotiationTimeout { layer };
    let (lcp, _) = outcome(config(&["lcp-silent"]));
    assert_eq!(lcp, Some(Happening::Down(timeout(Layer::Lcp))));
    let (ipcp, _) = outcome(with_chap(&["ipcp-silent"]));
    assert_eq!(ipcp, Some(Happening::Down(timeout(Layer::Ipcp))));
    let (refused, _) = outcome(with_chap(&["auth-reject"]));
    let text = "Authentication failed".to_owned();
    let refusal = DownReason::AuthenticationRefused {
        method: AuthMethod::ChapMd5,
        text,
    };
    assert_eq!(refused, Some(Happening::Down(refusal)));
    let (pending, _) = outcome(config(&["empty-naks"]));
    let expected = matches!(
        pending,
        Some(Happening::Down(DownReason::NetworkPending { .. }))
    );
    assert!(expected, "{pending:?}");
    let (dummies, _) = outcome(config(&["dummy-dns=always"]));
    let expected = matches!(
        dummies,
        Some(Happening::Down(DownReason::NetworkPending { .. }))
    );
    assert!(expected, "{dummies:?}");
    let (looped, _) = outcome(config(&["loopback"]));
    assert_eq!(looped, Some(Happening::Down(DownReason::Loopback)));
    let (storm, _) = outcome(config(&["nak-storm"]));
    assert!(matches!(storm, Some(Happening::Down(_))), "{storm:?}");
}

#[test]
fn a_link_comes_up_in_spite_of_odd_peers() {
    for faults in [
        &["dummy-dns=5"][..],
        &["dummy-dns=25"],
        &["empty-naks=3"],
        &["nak-storm=20"],
        &["pap-only"],
        &["rechallenge=3"],
        &["reject-all"],
        &["empty-confreq"],
        &["asyncmap=a0000"],
        &["asyncmap=ffffffff"],
        &["mru=576"],
        &[
            "mru=1400",
            "asyncmap",
            "empty-confreq",
            "stray",
            "garbage",
            "urc",
            "dummy-dns=2",
        ],
        &["stray"],
        &["stale-confreq"],
        &["garbage=0.5"],
        &["no-dns"],
        &["chunk=1"],
        &["chunk=7", "slow=2000", "latency=300"],
        &["bitflip=1e-4"],
        &["drop=1e-3"],
    ] {
        let mut world = World::new(with_chap(faults));
        world.dial();
        let outcome = next(&mut world, 3 * MINUTE);
        let Some(Happening::NetworkUp(settings)) = outcome else {
            panic!("{faults:?}: {outcome:?}\n{}", story(&mut world))
        };
        assert_eq!(settings.local, Ipv4Addr::new(10, 64, 64, 2), "{faults:?}");
        let dns = if faults == ["no-dns"] {
            [None; 2]
        } else {
            internet::name_servers().map(Some)
        };
        assert_eq!(settings.dns, dns, "{faults:?}");
        // A damaged line may lose some, never all.
        let answers = (0..10)
            .filter(|_| answered(&mut world, "192.0.2.1"))
            .count();
        assert!(answers >= 5, "{faults:?}: {answers}");
        assert_eq!(
            next(&mut world, MINUTE),
            None,
            "{faults:?}: {}",
            story(&mut world)
        );
    }
}

#[test]
fn what_odd_peers_do_is_seen_in_the_log_of_the_gateway() {
    for (fault, lines) in [
        (
            "dummy-dns=2",
            &["rcvd [IPCP ConfNak id=0x2 <ms-dns1 10.11.12.13> <ms-dns2 10.11.12.14>"][..],
        ),
        ("empty-naks=2", &["rcvd [IPCP ConfNak id=0x1]"]),
        ("nak-storm=2", &["<addr 10.64.65.1>", "<addr 10.64.65.2>"]),
        (
            "reject-all",
            &[
                "rcvd [LCP ConfRej id=0x1 <asyncmap 0x0> <magic",
                "sent [LCP ConfReq id=0x2]",
            ],
        ),
        (
            "empty-confreq",
            &["rcvd [IPCP ConfReq id=0x2]", "sent [IPCP ConfAck id=0x2]"],
        ),
        (
            "asyncmap=a0000",
            &["rcvd [LCP ConfNak id=0x1 <asyncmap 0xa0000>]"],
        ),
        ("mru=576", &["rcvd [LCP ConfReq id=0x1 <mru 576>"]),
        (
            "stray",
            &[
                "rcvd [LCP DiscReq id=0xb",
                "sent [LCP ProtRej id=0x2 00 03 04 00 04]",
            ],
        ),
        (
            "stale-confreq",
            &["rcvd [LCP ConfReq id=0x6a", "rcvd [LCP ConfReq id=0x6c"],
        ),
        (
            "no-dns",
            &["rcvd [IPCP ConfRej id=0x1 <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]"],
        ),
        (
            "rechallenge=2",
            &["rcvd [CHAP Challenge id=0x3", "rcvd [CHAP Success id=0x3"],
        ),
    ] {
        let (outcome, mut world) = outcome(with_chap(&[fault]));
        assert!(
            matches!(outcome, Some(Happening::NetworkUp(_))),
            "{fault}: {outcome:?}"
        );
        world.pass(Duration::from_secs(5)).unwrap();
        let story = story(&mut world);
        for line in lines {
            assert!(story.contains(line), "{fault}: no {line} in\n{story}");
        }
        assert!(!story.contains("NetworkDown"), "{fault}: {story}");
    }
}

#[test]
fn dummies_come_a_second_apart() {
    let (_, world) = outcome(config(&["dummy-dns=5"]));
    let millis = world.now().since_origin().as_millis();
    assert!((5000..7500).contains(&millis), "{millis}");
}

#[test]
fn pap_is_agreed_on_after_chap_was_demanded_twice() {
    let mut config = with_chap(&["pap-only"]);
    config.session.credentials.allow = AllowedAuth {
        pap: true,
        chap_md5: false,
    };
    let (outcome, mut world) = outcome(config);
    assert!(
        matches!(outcome, Some(Happening::NetworkUp(_))),
        "{}",
        story(&mut world)
    );
    let story = story(&mut world);
    let naks = story.matches("sent [LCP ConfNak").count();
    assert_eq!(naks, 2, "{story}");
}

#[test]
fn the_gateway_is_challenged_as_often_as_told() {
    let (_, mut world) = outcome(with_chap(&["rechallenge=3"]));
    let story = story(&mut world);
    assert_eq!(story.matches("rcvd [CHAP Challenge").count(), 4, "{story}");
    assert_eq!(story.matches("rcvd [CHAP Success").count(), 1, "{story}");
}

#[test]
fn echoes_and_the_acknowledgement_of_the_end_can_stay_out() {
    let mut config = config(&["echo-silent@30s"]);
    config.session.echo.interval = Duration::from_secs(5);
    config.session.echo.failure = 3;
    let mut world = World::new(config);
    up(&mut world);
    let end = next(&mut world, 5 * MINUTE);
    assert_eq!(
        end,
        Some(Happening::Down(DownReason::EchoTimeout { lost: 3 }))
    );

    let mut world = World::new(self::config(&["no-term-ack"]));
    up(&mut world);
    let start = world.now();
    world.close("User request");
    assert!(matches!(next(&mut world, MINUTE), Some(Happening::Down(_))));
    assert!(world.now().since(start) >= Duration::from_secs(1));
    assert!(world.sim().carrier());
}

#[test]
fn the_modem_says_no_carrier_once_the_end_is_acknowledged() {
    let mut world = world(&[]);
    up(&mut world);
    world.take_happenings();
    world.close("User request");
    world.record();
    world.pass(Duration::from_millis(100)).unwrap();
    let said: Vec<u8> = world
        .transcript()
        .iter()
        .filter(|line| !line.1)
        .flat_map(|l| l.2.clone())
        .collect();
    assert!(said.ends_with(b"\x7e\r\nNO CARRIER\r\n"), "{said:02x?}");
}

#[test]
fn the_first_frame_is_glued_to_connect() {
    let mut world = world(&[]);
    world.record();
    up(&mut world);
    let glued = world.transcript().iter().any(|(_, of_gateway, bytes)| {
        let text = b"CONNECT 150000000\r\n\x7e\xff\x7d\x23\xc0\x21";
        !of_gateway && memchr::memmem::find(bytes, text).is_some()
    });
    assert!(glued);
}

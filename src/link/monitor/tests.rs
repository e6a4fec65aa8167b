use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::earliest;
use network::{Router, World};

mod network;

const TARGET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
const FIRST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 5);
const DNS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);

/// The sample configuration of the existing system's document, with what the simulator's ISP gives.
fn plan() -> MonitorPlan {
    MonitorPlan {
        enabled: true,
        interface: "ppp0".to_owned(),
        target: Some("www.example.jp".to_owned()),
        interval: Duration::from_secs(30),
        fail: 2,
        log: true,
        timeout: Duration::from_secs(5),
        fixed_target: false,
        payload_is_life: false,
        dns: [Some(DNS), Some(Ipv4Addr::new(198, 51, 100, 53))],
        peer: Some(PEER),
        pid: 992,
    }
}

fn fixed() -> MonitorPlan {
    MonitorPlan {
        fixed_target: true,
        ..plan()
    }
}

/// A world whose first round is over, in which the first router was found.
fn watching() -> World {
    let mut world = World::new(plan());
    world.run(31);
    assert_eq!(world.monitor.nearest(), Some(FIRST));
    world.said();
    world.echoes.clear();
    world
}

#[test]
fn the_log_is_the_documents_letter_by_letter_and_second_by_second() {
    let mut world = World::new(plan());
    world.run(95);
    world.tell(MonitorInput::Down);
    assert_eq!(
        world.said(),
        [
            "0 ip-up: Execute PPP monitor.",
            "0 ppp_manager: PPP Manager[992]: (8) PPP connected.",
            "0 ppp_monitor: ppp monitor started, PPP I/F: ppp0, TARGET: www.example.jp, INTERVAL: 30, MAXFAIL: 2",
            "30 ppp_manager: PPP Manager[992]: check_with_icmp: responding hosts found in the route: address: 192.0.2.1, hops: 1.",
            "30 ppp_manager: PPP Manager[992]: LTE: host in the route: 192.0.2.1",
            "30 ppp_monitor: ping to www.example.jp succeeded.",
            "60 ppp_monitor: ping to www.example.jp succeeded.",
            "90 ppp_monitor: ping to www.example.jp succeeded.",
            "95 ip-down: Terminate PPP monitor.",
        ]
    );
    assert_eq!(world.answered, 3);
    // One lookup, one search; then one ping in each round.
    assert_eq!(world.lookups, [30]);
    assert_eq!(
        world.echoes,
        [
            (30, TARGET, None),
            (30, TARGET, Some(1)),
            (30, TARGET, Some(2)),
            (30, TARGET, Some(3)),
            (30, FIRST, None),
            (30, SECOND, None),
            (60, FIRST, None),
            (90, FIRST, None),
        ]
    );
}

#[test]
fn without_the_monitor_it_says_so_and_sends_nothing() {
    let mut world = World::new(MonitorPlan {
        enabled: false,
        ..plan()
    });
    world.run(1000);
    world.tell(MonitorInput::Down);
    assert_eq!(
        world.said(),
        [
            "0 ip-up: Execute PPP monitor.",
            "0 ppp_manager: PPP Manager[992]: (8) PPP connected.",
            "0 ppp_monitor: ping monitoring is disabled.",
            "1000 ip-down: Terminate PPP monitor.",
        ]
    );
    assert_eq!((world.echoes, world.lookups), (vec![], vec![]));
}

#[test]
fn without_a_target_the_dns_server_is_watched_else_the_peer_else_nobody() {
    let empty = MonitorPlan {
        target: None,
        fixed_target: true,
        ..plan()
    };
    let watched = |plan: MonitorPlan| {
        let mut world = World::new(plan);
        world.run(31);
        let started = world.log[2].clone();
        (
            started,
            world.echoes.first().map(|(_, to, _)| *to),
            world.lookups.len(),
        )
    };
    let started = |target: &str| {
        format!(
            "0 ppp_monitor: ppp monitor started, PPP I/F: ppp0, TARGET: {target}, INTERVAL: 30, MAXFAIL: 2"
        )
    };
    assert_eq!(
        watched(empty.clone()),
        (started("192.0.2.53"), Some(DNS), 0)
    );
    let no_dns = MonitorPlan {
        dns: [None, None],
        ..empty
    };
    assert_eq!(
        watched(no_dns.clone()),
        (started("10.64.64.64"), Some(PEER), 0)
    );
    let nobody = MonitorPlan {
        peer: None,
        ..no_dns
    };
    let error = "0 ppp_monitor: ping monitoring is not possible: MONITOR_TARGET is empty, and the network named \
                 neither a DNS server nor its own address; set MONITOR_TARGET";
    assert_eq!(watched(nobody), (error.to_owned(), None, 0));
}

#[test]
fn lost_in_a_row_cuts_once_and_a_good_round_begins_anew() {
    let mut world = World::new(fixed());
    world.run(31);
    world.said();
    world.dead = true;
    world.run(80);
    world.dead = false;
    world.run(110);
    world.dead = true;
    world.run(10_000);
    assert_eq!(
        world.said(),
        [
            "65 ppp_monitor: ping to www.example.jp failed (1/2).",
            "90 ppp_monitor: ping to www.example.jp succeeded.",
            "125 ppp_monitor: ping to www.example.jp failed (1/2).",
            // The lookup before it was in vain.
            "155 ppp_monitor: cannot resolve www.example.jp: no DNS server answers; the monitor uses 198.51.100.10 meanwhile",
            "160 ppp_monitor: ping to www.example.jp failed (2/2).",
            "160 ppp_monitor: 2 pings in a row to www.example.jp failed: the link is cut.",
        ]
    );
    assert_eq!(world.cuts, [(160, "www.example.jp".to_owned(), 2)]);
    assert_eq!(world.monitor.poll_timeout(), None);
    world.tell(MonitorInput::Down);
    assert_eq!(world.said(), ["10000 ip-down: Terminate PPP monitor."]);
}

#[test]
fn without_monitor_log_only_the_cut_is_said() {
    let mut world = World::new(MonitorPlan {
        log: false,
        ..fixed()
    });
    world.run(65);
    world.dead = true;
    world.run(200);
    assert_eq!(
        world.said()[3..],
        [
            "125 ppp_monitor: cannot resolve www.example.jp: no DNS server answers; the monitor uses 198.51.100.10 meanwhile",
            "130 ppp_monitor: 2 pings in a row to www.example.jp failed: the link is cut.",
        ]
    );
}

#[test]
fn a_dead_link_is_cut_within_a_bound_even_if_it_was_never_alive() {
    let mut world = World::new(plan());
    world.dead = true;
    world.run(1000);
    // Two rounds: 5 s for the name, 9 s for nine hops without a word.
    assert_eq!(world.cuts, [(74, "www.example.jp".to_owned(), 2)]);
    let to_the_stand_in = world.echoes.iter().all(|(_, to, _)| *to == DNS);
    assert!(to_the_stand_in, "{:?}", world.echoes);
    assert_eq!(world.echoes.len(), 2 * (1 + 9));
}

#[test]
fn the_host_with_the_fewest_hops_that_answers_is_watched() {
    let mut world = World::new(plan());
    let router = |n, pings| Router {
        expires: Some(Ipv4Addr::new(192, 0, 2, n)),
        pings,
    };
    let nobody = Router {
        expires: None,
        pings: false,
    };
    world.route = vec![
        nobody,
        router(2, false),
        nobody,
        router(4, true),
        router(5, true),
    ];
    world.run(61);
    let host = Ipv4Addr::new(192, 0, 2, 4);
    assert_eq!(world.monitor.nearest(), Some(host));
    let said = world.said();
    assert_eq!(
        said[3],
        "33 ppp_manager: PPP Manager[992]: check_with_icmp: responding hosts found in the route: address: 192.0.2.4, hops: 4."
    );
    assert_eq!(world.echoes.last(), Some(&(60, host, None)));
}

#[test]
fn a_router_that_answers_for_two_hops_is_asked_once() {
    let mut world = World::new(plan());
    let mute = Router {
        expires: Some(FIRST),
        pings: false,
    };
    world.route = vec![mute, mute, mute, mute];
    world.run(45);
    let asked = world.echoes.iter().filter(|(_, to, _)| *to == FIRST);
    assert_eq!(asked.count(), 1);
    // The target answers a request with hop limit 5.
    assert_eq!(world.monitor.nearest(), Some(TARGET));
    assert!(world.said().contains(
        &"33 ppp_manager: PPP Manager[992]: LTE: host in the route: 198.51.100.10".to_owned()
    ));
}

#[test]
fn addresses_that_are_no_hosts_are_not_asked() {
    let mut world = World::new(plan());
    let bad = ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"];
    world.route = bad
        .iter()
        .map(|address| Router {
            expires: Some(address.parse().unwrap()),
            pings: true,
        })
        .collect();
    world.run(45);
    assert!(world.echoes.iter().all(|(_, to, _)| *to == TARGET));
}

#[test]
fn the_target_is_watched_where_no_router_says_anything() {
    let mut world = World::new(plan());
    world.route = vec![
        Router {
            expires: None,
            pings: false
        };
        40
    ];
    world.run(61);
    assert_eq!(world.monitor.nearest(), None);
    assert_eq!(
        world.said()[3..],
        [
            "39 ppp_manager: PPP Manager[992]: check_with_icmp: no responding hosts found in the route, www.example.jp itself is watched.",
            "39 ppp_monitor: ping to www.example.jp succeeded.",
            "60 ppp_monitor: ping to www.example.jp succeeded.",
        ]
    );
    assert_eq!(world.echoes.last(), Some(&(60, TARGET, None)));
}

#[test]
fn a_target_that_is_down_does_not_cut_a_good_link() {
    let mut world = World::new(plan());
    world.target_pings = false;
    world.run(3601);
    assert_eq!((world.answered, world.cuts.len()), (120, 0));
    // With the fixed target it does, as ever.
    let mut world = World::new(fixed());
    world.target_pings = false;
    world.run(3600);
    assert_eq!(world.cuts, [(65, "www.example.jp".to_owned(), 2)]);
    assert!(world.echoes.iter().all(|(_, _, ttl)| ttl.is_none()));
}

#[test]
fn a_nearest_host_that_falls_silent_does_not_either_and_another_is_found() {
    let mut world = watching();
    world.route[0].pings = false;
    world.run(95);
    assert_eq!(world.monitor.nearest(), Some(SECOND));
    assert_eq!(
        world.said(),
        [
            // 5 s of waiting for the first router, then the target.
            "65 ppp_monitor: ping to www.example.jp succeeded.",
            "93 ppp_manager: PPP Manager[992]: check_with_icmp: responding hosts found in the route: address: 192.0.2.5, hops: 2.",
            "93 ppp_manager: PPP Manager[992]: LTE: host in the route: 192.0.2.5",
            "93 ppp_monitor: ping to www.example.jp succeeded.",
        ]
    );
    assert_eq!(world.lookups, [30]);
}

#[test]
fn before_the_cut_everybody_on_the_way_has_been_asked() {
    let mut world = watching();
    world.route[0].pings = false;
    world.target_pings = false;
    world.run(125);
    assert_eq!(
        world.said(),
        [
            "70 ppp_monitor: ping to www.example.jp failed (1/2).",
            "93 ppp_manager: PPP Manager[992]: check_with_icmp: responding hosts found in the route: address: 192.0.2.5, hops: 2.",
            "93 ppp_manager: PPP Manager[992]: LTE: host in the route: 192.0.2.5",
            "93 ppp_monitor: ping to www.example.jp succeeded.",
            "120 ppp_monitor: ping to www.example.jp succeeded.",
        ]
    );
    // The routers hide, the target is down; the host that was found before is enough.
    for router in &mut world.route {
        router.expires = None;
    }
    world.dead = true;
    world.run(155);
    world.dead = false;
    world.others = vec![SECOND];
    world.run(1000);
    assert_eq!(
        (world.monitor.nearest(), world.cuts.len()),
        (Some(SECOND), 0)
    );
}

#[test]
fn a_link_that_dies_is_cut_after_as_many_lost_rounds_as_configured() {
    let mut world = watching();
    world.dead = true;
    world.run(1000);
    assert_eq!(
        world.said(),
        [
            // The nearest host and the target, 5 s each.
            "70 ppp_monitor: ping to www.example.jp failed (1/2).",
            "95 ppp_monitor: cannot resolve www.example.jp: no DNS server answers; the monitor uses 198.51.100.10 meanwhile",
            "104 ppp_monitor: ping to www.example.jp failed (2/2).",
            "104 ppp_monitor: 2 pings in a row to www.example.jp failed: the link is cut.",
        ]
    );
    assert_eq!(world.cuts, [(104, "www.example.jp".to_owned(), 2)]);
}

#[test]
fn dead_dns_is_no_dead_link() {
    for said in [
        None,
        Some(Err(LookupError::NoSuchName)),
        Some(Err(LookupError::Refused { code: 2 })),
    ] {
        let mut world = World::new(plan());
        world.dns = said;
        world.others = vec![DNS];
        world.run(126);
        assert_eq!((world.answered, world.cuts.len()), (4, 0));
        let log = world.said();
        let unresolved = |line: &&String| line.contains("cannot resolve");
        assert_eq!(log.iter().filter(unresolved).count(), 1, "{log:?}");
        assert!(
            log[3].ends_with("; the monitor uses 192.0.2.53 meanwhile"),
            "{log:?}"
        );
        // It comes back: the target takes its place.
        world.dns = Some(Ok(TARGET));
        world.run(151);
        world.route[0].pings = false;
        world.run(200);
        assert!(
            world.echoes.contains(&(185, TARGET, None)),
            "{:?}",
            world.echoes
        );
    }
}

#[test]
fn without_any_address_nothing_is_sent_and_nothing_is_cut() {
    let mut world = World::new(MonitorPlan {
        dns: [None, None],
        peer: None,
        ..plan()
    });
    world.run(1000);
    assert_eq!(
        world.said()[3..],
        [
            "30 ppp_monitor: cannot resolve www.example.jp: the network named no DNS server; nothing is pinged until that works"
        ]
    );
    assert_eq!(
        (world.echoes, world.lookups, world.cuts),
        (vec![], vec![], vec![])
    );
}

#[test]
fn received_packets_count_as_life_where_that_is_set() {
    let payload = MonitorPlan {
        payload_is_life: true,
        ..plan()
    };
    let mut world = World::new(payload.clone());
    world.target_pings = false;
    world.route.clear();
    for second in 1..10 {
        world.received += 1;
        world.run(second * 30 + 10);
    }
    assert_eq!((world.answered, world.cuts.len()), (9, 0));
    assert_eq!(world.echoes, []);
    assert_eq!(
        world.said()[3],
        "30 ppp_monitor: packets were received, no ping to www.example.jp is needed."
    );
    // Not a packet more: pings, and then the cut.
    world.dead = true;
    world.run(1000);
    assert_eq!(world.cuts.len(), 1);
    // Where it is not set, packets prove nothing.
    let mut world = World::new(plan());
    world.dead = true;
    for second in 1..10 {
        world.received += 1;
        world.run(second * 30 + 10);
    }
    assert_eq!((world.answered, world.cuts.len()), (0, 1));
}

#[test]
fn a_packet_that_comes_while_a_ping_is_lost_counts_too() {
    let mut world = World::new(MonitorPlan {
        payload_is_life: true,
        ..fixed()
    });
    world.dead = true;
    world.run(36);
    assert_eq!(world.echoes.len(), 1);
    world.received += 1;
    world.run(59);
    assert_eq!((world.answered, world.cuts.len()), (1, 0));
}

#[test]
fn what_cannot_be_sent_is_said_once_and_cuts_nothing() {
    for plan in [plan(), fixed()] {
        let mut world = World::new(plan);
        world.refuses = Some("Operation not permitted");
        world.run(1000);
        assert_eq!(world.cuts, []);
        assert_eq!(
            world.said()[3..],
            ["30 ppp_monitor: ping to www.example.jp cannot be sent: Operation not permitted"]
        );
        world.refuses = None;
        world.run(1025);
        assert_eq!(world.answered, 1);
        // And after that, a dead link is still a dead link.
        world.dead = true;
        world.run(2000);
        assert_eq!(world.cuts.len(), 1);
    }
}

#[test]
fn answers_that_nobody_waits_for_are_ignored() {
    let mut world = World::new(fixed());
    world.dead = true;
    let reply = |from| EchoAnswer::Reply { from };
    let tell = |world: &mut World, sequence, answer| {
        world.tell(MonitorInput::Echo { sequence, answer });
    };
    tell(&mut world, 1, reply(TARGET));
    world.tell(MonitorInput::Resolved(Ok(FIRST)));
    world.dns = Some(Ok(TARGET));
    world.dead = false;
    world.run(30);
    world.dead = true;
    assert_eq!(world.echoes, []);
    world.run(31);
    // The wrong number, and an old one later; the wrong host is as good as none.
    tell(&mut world, 9, reply(TARGET));
    world.run(60);
    tell(&mut world, 1, reply(TARGET));
    assert_eq!(world.answered, 0);
}

#[test]
fn a_reply_of_another_host_proves_nothing() {
    let mut world = World::new(fixed());
    world.target_pings = false;
    world.run(31);
    let answer = EchoAnswer::Reply { from: FIRST };
    world.tell(MonitorInput::Echo {
        sequence: 1,
        answer,
    });
    assert_eq!(
        world.said()[3..],
        ["31 ppp_monitor: ping to www.example.jp failed (1/2)."]
    );
}

#[test]
fn an_endless_way_of_routers_without_answers_is_given_up() {
    let mut world = World::new(plan());
    world.target_pings = false;
    world.route = (1..=200)
        .map(|n| Router {
            expires: Some(Ipv4Addr::new(192, 0, 2, n)),
            pings: false,
        })
        .collect();
    world.run(59);
    let last = world.echoes.iter().map(|(second, _, _)| *second).max();
    assert!(last <= Some(46), "{last:?}");
    assert!(world.echoes.len() <= 61, "{}", world.echoes.len());
    world.run(1000);
    assert_eq!(world.cuts.len(), 1);
}

#[test]
fn rounds_longer_than_the_interval_do_not_pile_up() {
    let mut world = World::new(MonitorPlan {
        interval: Duration::from_secs(2),
        fail: 3,
        ..plan()
    });
    world.dead = true;
    world.run(1000);
    assert_eq!(world.cuts.len(), 1);
    // 5 s for the name and 6 s for the search, three times.
    assert_eq!(world.cuts[0].0, 35);
    assert_eq!(world.lookups, [2, 13, 24]);
}

#[test]
fn a_clock_that_jumps_ahead_means_one_round_not_many() {
    let mut world = watching();
    world.now = Instant::from_millis(86_400_000);
    world.run(86_425);
    assert_eq!(
        world.said(),
        ["86400 ppp_monitor: ping to www.example.jp succeeded."]
    );
    assert_eq!(
        world.monitor.poll_timeout(),
        Some(Instant::from_millis(86_430_000))
    );
}

#[test]
fn senseless_settings_are_taken_for_the_least() {
    let mut world = World::new(MonitorPlan {
        interval: Duration::ZERO,
        timeout: Duration::ZERO,
        fail: 0,
        ..fixed()
    });
    world.dead = true;
    world.run(60);
    assert_eq!(world.cuts, [(7, "www.example.jp".to_owned(), 1)]);
    assert!(
        world.said().contains(
            &"7 ppp_monitor: 1 ping to www.example.jp failed: the link is cut.".to_owned()
        )
    );
}

proptest! {
    /// Whatever a network answers, and whenever: at most so many requests, no answer counts twice, one cut, and the
    /// row of lost rounds before it.
    #[test]
    fn no_network_disturbs_it(
        inputs in proptest::collection::vec((0_u64..40_000, 0_u16..80, 0_u8..8, any::<u32>()), 0..200),
        fixed_target: bool,
        payload_is_life: bool,
    ) {
        let mut world = World::new(MonitorPlan { fixed_target, payload_is_life, ..plan() });
        world.dead = true;
        let mut second = 0;
        for (wait, sequence, kind, bits) in inputs {
            second += wait / 1000;
            world.run(second);
            let from = if bits % 3 == 0 { FIRST } else { Ipv4Addr::from(bits) };
            let answer = match kind {
                0 => EchoAnswer::Reply { from },
                1 => EchoAnswer::Reply { from: TARGET },
                2 | 3 => EchoAnswer::TimeExceeded { from },
                4 => EchoAnswer::Unreachable { from },
                5 => EchoAnswer::NotSent { why: "no".to_owned() },
                6 => {
                    world.tell(MonitorInput::Resolved(Ok(from)));
                    continue;
                }
                _ => {
                    world.received += u64::from(bits);
                    continue;
                }
            };
            world.tell(MonitorInput::Echo { sequence, answer });
        }
        world.run(second + 100_000);
        let rounds = usize::try_from(second / 30 + 3).unwrap();
        prop_assert!(world.echoes.len() <= rounds * 64);
        prop_assert_eq!(world.cuts.len(), 1);
        prop_assert_eq!(world.monitor.poll_timeout(), None);
    }
}

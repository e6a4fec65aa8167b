//! The monitor in virtual time: its log, its rounds and its cuts.

mod evidence;
mod nearest;
mod network;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use network::World;

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
    assert_eq!(world.monitor.nearest, Some(FIRST));
    world.said();
    world.echoes.clear();
    world
}

/// C23.
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

/// C22.
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

/// C24.
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

/// C25.
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

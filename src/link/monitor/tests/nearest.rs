//! The search for the nearest host that answers, and how it keeps a good link from being cut.

use super::network::Router;
use super::*;

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
    assert_eq!(world.monitor.nearest, Some(host));
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
    assert_eq!(world.monitor.nearest, Some(TARGET));
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
    assert_eq!(world.monitor.nearest, Some(TARGET));
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
    assert_eq!(world.monitor.nearest, None);
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
    assert_eq!(world.monitor.nearest, Some(SECOND));
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
    assert_eq!((world.monitor.nearest, world.cuts.len()), (Some(SECOND), 0));
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
    assert!(last.is_some_and(|last| last <= 46), "{last:?}");
    assert!(world.echoes.len() <= 61, "{}", world.echoes.len());
    world.run(1000);
    assert_eq!(world.cuts.len(), 1);
}

//! Several links side by side.

use super::*;

#[test]
fn two_links_end_in_any_order() {
    for first_ends_first in [true, false] {
        in_network_namespace(async move || {
            let host = Host::new();
            ip("route add default via 192.0.2.1 dev eth7");
            let before = defaults();
            let first = host.link("ppp7").await;
            let mut first_route = host.install(&first).await;
            let second = host.link("ppp8").await;
            let mut second_route = host.install(&second).await;
            assert_eq!(
                defaults(),
                ["unicast default dev ppp8 proto boot scope link"]
            );
            if first_ends_first {
                first_route.restore(&host.net).await;
                gone(first).await;
                assert_eq!(
                    defaults(),
                    ["unicast default dev ppp8 proto boot scope link"]
                );
                second_route.restore(&host.net).await;
            } else {
                second_route.restore(&host.net).await;
                gone(second).await;
                assert_eq!(defaults(), [OURS]);
                first_route.restore(&host.net).await;
            }
            assert_eq!(defaults(), before);
            assert!(!host.file("ppp7").exists() && !host.file("ppp8").exists());
        });
    }
}

#[test]
fn two_links_that_are_both_killed_are_recovered_by_either() {
    for starts in ["ppp7", "ppp8"] {
        in_network_namespace(async move || {
            let host = Host::new();
            ip("route add default via 192.0.2.1 dev eth7");
            let before = defaults();
            let first = host.link("ppp7").await;
            drop(host.install(&first).await);
            let second = host.link("ppp8").await;
            drop(host.install(&second).await);
            gone(first).await;
            gone(second).await;
            assert_eq!(defaults(), [""; 0]);
            let log = host.recover(starts).await;
            assert_eq!(defaults(), before, "{log:?}");
        });
    }
}

#[test]
fn n2_two_links_with_metrics_of_their_own_stand_side_by_side() {
    for first_ends_first in [true, false] {
        in_network_namespace(async move || {
            let host = Host::new();
            ip("route add default via 192.0.2.1 dev eth7 metric 50");
            let before = defaults();
            let (first, second) = (host.link("ppp7").await, host.link("ppp8").await);
            let mut first_route = host.install_at(&first, 100).await.unwrap();
            let mut second_route = host.install_at(&second, 200).await.unwrap();
            let at = |name: &str, metric: u32| {
                format!("unicast default dev {name} proto boot scope link metric {metric}")
            };
            let (ours, theirs) = (at("ppp7", 100), at("ppp8", 200));
            assert_eq!(defaults(), [before[0].as_str(), &ours, &theirs]);
            // A renegotiation of either.
            first_route.reassert(&host.net).await.unwrap();
            second_route.reassert(&host.net).await.unwrap();
            assert_eq!(defaults(), [before[0].as_str(), &ours, &theirs]);
            let left = if first_ends_first {
                assert_eq!(first_route.restore(&host.net).await, []);
                theirs
            } else {
                assert_eq!(second_route.restore(&host.net).await, []);
                ours
            };
            assert_eq!(defaults(), [before[0].as_str(), &left]);
            assert_eq!(first_route.restore(&host.net).await, []);
            assert_eq!(second_route.restore(&host.net).await, []);
            assert_eq!(defaults(), before);
        });
    }
}

#[test]
fn n2_two_links_with_one_metric_do_not_take_each_others_route() {
    in_network_namespace(async || {
        let host = Host::new();
        let (first, second) = (host.link("ppp7").await, host.link("ppp8").await);
        let mut route = host.install_at(&first, 100).await.unwrap();
        let ours = defaults();
        let refused = host.install_at(&second, 100).await;
        let Err(NetworkProblem::Failed { what }) = refused else {
            panic!("{refused:?}");
        };
        assert!(what.contains("another with metric 100"), "{what}");
        assert_eq!(defaults(), ours);
        route.restore(&host.net).await;
        // The first is gone: a redial of the second has room.
        let mut route = host.install_at(&second, 100).await.unwrap();
        assert_eq!(defaults().len(), 1);
        route.restore(&host.net).await;
        assert_eq!(defaults(), [""; 0]);
    });
}

#[test]
fn n2_a_link_that_replaces_leaves_a_link_with_a_metric_alone() {
    for replacing_ends_first in [true, false] {
        in_network_namespace(async move || {
            let host = Host::new();
            ip("route add default via 192.0.2.1 dev eth7");
            let before = defaults();
            let (first, second) = (host.link("ppp7").await, host.link("ppp8").await);
            let mut with_metric = host.install_at(&second, 100).await.unwrap();
            let theirs = "unicast default dev ppp8 proto boot scope link metric 100";
            let mut replacing = host.install(&first).await;
            assert_eq!(defaults(), [OURS, theirs]);
            if replacing_ends_first {
                replacing.restore(&host.net).await;
                assert_eq!(defaults(), [before[0].as_str(), theirs]);
                with_metric.restore(&host.net).await;
            } else {
                with_metric.restore(&host.net).await;
                assert_eq!(defaults(), [OURS]);
                replacing.restore(&host.net).await;
            }
            assert_eq!(defaults(), before);
        });
    }
}

#[test]
fn n2_after_sigkill_a_route_with_a_metric_leaves_nothing_behind() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let (first, second) = (host.link("ppp7").await, host.link("ppp8").await);
        drop(host.install_at(&first, 100).await.unwrap());
        let mut living = host.install_at(&second, 200).await.unwrap();
        gone(first).await;
        assert_eq!(host.recover("ppp7").await, []);
        let theirs = "unicast default dev ppp8 proto boot scope link metric 200";
        assert_eq!(defaults(), [before[0].as_str(), theirs]);
        living.restore(&host.net).await;
        assert_eq!(defaults(), before);
    });
}

#[test]
fn n2_the_lower_of_two_links_is_killed() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let lower = host.link("ppp7").await;
        drop(host.install(&lower).await);
        let upper = host.link("ppp8").await;
        let mut upper_route = host.install(&upper).await;
        let theirs = "unicast default dev ppp8 proto boot scope link";
        gone(lower).await;
        // It starts again: the route is the other's, who takes over what is to come back.
        let log = host.recover("ppp7").await;
        assert_eq!(defaults(), [theirs], "{log:?}");
        assert!(!host.file("ppp7").exists());
        // And its link comes up once more, on top of the other's.
        let lower = host.link("ppp7").await;
        let mut lower_route = host.install(&lower).await;
        assert_eq!(defaults(), [OURS]);
        upper_route.restore(&host.net).await;
        assert_eq!(defaults(), [OURS]);
        lower_route.restore(&host.net).await;
        assert_eq!(defaults(), before);
        assert!(!host.file("ppp8").exists());
    });
}

#[test]
fn n2_the_upper_of_two_links_is_killed() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let lower = host.link("ppp7").await;
        let mut lower_route = host.install(&lower).await;
        let upper = host.link("ppp8").await;
        drop(host.install(&upper).await);
        gone(upper).await;
        assert_eq!(
            defaults(),
            [""; 0],
            "the kernel has taken it with its interface"
        );
        host.recover("ppp8").await;
        assert_eq!(defaults(), [OURS], "the lower link has its route again");
        lower_route.restore(&host.net).await;
        assert_eq!(defaults(), before);
        assert!(!host.file("ppp7").exists() && !host.file("ppp8").exists());
    });
}

#[test]
fn n2_the_upper_is_killed_and_the_lower_ends_before_it_starts_again() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let lower = host.link("ppp7").await;
        let mut lower_route = host.install(&lower).await;
        let upper = host.link("ppp8").await;
        drop(host.install(&upper).await);
        gone(upper).await;
        lower_route.restore(&host.net).await;
        gone(lower).await;
        assert_eq!(defaults(), before);
        // What the killed one had replaced is gone for good.
        host.recover("ppp8").await;
        assert_eq!(defaults(), before);
        assert!(!host.file("ppp8").exists());
    });
}

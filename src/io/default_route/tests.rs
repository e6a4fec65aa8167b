//! Real routes in network namespaces of their own.

mod several;

use std::net::Ipv4Addr;

use super::super::testing::{TestDir, gone, in_network_namespace, ip};
use super::*;
use crate::ppp::Ipv4Settings;

/// A host as it is before us: an uplink `eth7` (a TUN, which serves as well) with an address and a
/// gateway.
struct Host {
    net: Net,
    state: TestDir,
    _eth: Tun,
}

impl Host {
    fn new() -> Self {
        let eth = Tun::create("eth7").unwrap();
        ip("link set lo up");
        // A TUN of ours comes without IPv6; a host's uplink has it, and one test needs it.
        fs::write("/proc/sys/net/ipv6/conf/eth7/disable_ipv6", "0").unwrap();
        ip("link set eth7 up");
        ip("addr add 192.0.2.2/24 dev eth7");
        Self {
            net: Net::connect().unwrap(),
            state: TestDir::new(),
            _eth: eth,
        }
    }

    async fn link(&self, name: &str) -> Tun {
        let tun = Tun::create(name).unwrap();
        let number = name.as_bytes().last().copied().unwrap();
        let settings = Ipv4Settings {
            local: Ipv4Addr::new(10, 1, number, 1),
            remote: Some(Ipv4Addr::new(10, 1, number, 2)),
            dns: [None, None],
            mtu: 1500,
        };
        self.net.configure(&tun, &settings, None).await.unwrap();
        tun
    }

    async fn install(&self, tun: &Tun) -> DefaultRoute {
        DefaultRoute::install(&self.net, tun, None, self.state.path())
            .await
            .unwrap()
    }

    /// At a metric: beside what is there.
    async fn install_at(&self, tun: &Tun, metric: u32) -> Result<DefaultRoute, NetworkProblem> {
        DefaultRoute::install(&self.net, tun, Some(metric), self.state.path()).await
    }

    async fn recover(&self, name: &str) -> Vec<LogLine> {
        DefaultRoute::recover(&self.net, self.state.path(), name)
            .await
            .unwrap()
    }

    /// Writes the file as a link does before it replaces the routes that are there.
    async fn save_present(&self, name: &str) {
        let names = self.net.interfaces().await.unwrap();
        let present = self.net.default_routes().await.unwrap();
        let routes = present
            .iter()
            .map(|route| SavedRoute::take(route, &names).unwrap())
            .collect();
        Record {
            epoch: epoch(),
            routes,
        }
        .write(&self.file(name))
        .unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        file_of(self.state.path(), name)
    }
}

/// The default routes, in the kernel's order.
fn defaults() -> Vec<String> {
    let all = ip("-details route show table main exact default");
    all.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

const OURS: &str = "unicast default dev ppp7 proto boot scope link";

/// What the host has, our route stands in for it, it comes back: to the letter.
fn comes_back_to_the_letter(routes: &'static [&'static str]) {
    in_network_namespace(async move || {
        let host = Host::new();
        for route in routes {
            ip(route);
        }
        let before = defaults();
        assert_eq!(before.is_empty(), routes.is_empty());
        let tun = host.link("ppp7").await;
        let mut route = host.install(&tun).await;
        assert_eq!(defaults(), [OURS]);
        assert_eq!(host.file("ppp7").exists(), !routes.is_empty());
        let log = route.restore(&host.net).await;
        assert_eq!(defaults(), before, "{log:?}");
        assert!(!host.file("ppp7").exists());
        // Once more does nothing.
        assert_eq!(route.restore(&host.net).await, []);
        assert_eq!(defaults(), before);
    });
}

/// Our route stands in for the host's; `meanwhile` something happens, and the host's comes back all the same.
fn comes_back_after(meanwhile: impl AsyncFnOnce(&Host, &Tun, &mut DefaultRoute) + Send + 'static) {
    in_network_namespace(async move || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let tun = host.link("ppp7").await;
        let mut route = host.install(&tun).await;
        meanwhile(&host, &tun, &mut route).await;
        let log = route.restore(&host.net).await;
        assert_eq!(defaults(), before, "{log:?}");
    });
}

#[test]
fn a_route_through_a_gateway_comes_back() {
    comes_back_to_the_letter(&[
        "route add default via 192.0.2.1 dev eth7 proto dhcp src 192.0.2.2",
    ]);
}

#[test]
fn a_route_without_a_gateway_comes_back() {
    comes_back_to_the_letter(&["route add default dev eth7 scope link proto static"]);
}

#[test]
fn an_onlink_gateway_with_tcp_metrics_comes_back() {
    comes_back_to_the_letter(&[
        "route add default via 198.51.100.1 dev eth7 onlink mtu 1400 advmss 1300 initcwnd 10 \
         realm 3/4",
    ]);
}

#[test]
fn several_routes_at_one_metric_come_back_in_their_order() {
    comes_back_to_the_letter(&[
        "route add default via 192.0.2.1 dev eth7",
        "route append default via 192.0.2.9 dev eth7 proto static",
        "route append default dev eth7 scope link",
    ]);
}

#[test]
fn a_multipath_route_comes_back() {
    comes_back_to_the_letter(
        &["route add default nexthop via 192.0.2.1 dev eth7 weight 5 \
         nexthop via 192.0.2.9 dev eth7 onlink"],
    );
}

#[test]
fn an_ipv6_gateway_comes_back() {
    comes_back_to_the_letter(&["-4 route add default via inet6 fe80::1 dev eth7"]);
}

#[test]
fn an_unreachable_route_comes_back() {
    comes_back_to_the_letter(&["route add unreachable default"]);
}

#[test]
fn where_there_was_none_there_is_none_after() {
    comes_back_to_the_letter(&[]);
}

#[test]
fn routes_at_other_metrics_stay_where_they_are() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7 metric 100");
        let before = defaults();
        let tun = host.link("ppp7").await;
        let mut route = host.install(&tun).await;
        assert_eq!(defaults(), [OURS, before[0].as_str()]);
        assert_eq!(route.restore(&host.net).await, []);
        assert_eq!(defaults(), before);
    });
}

/// Spec F1: pppd's `defaultroute` without `replacedefaultroute`.
#[test]
fn a_route_in_the_way_is_told_in_pppds_words() {
    in_network_namespace(async move || {
        let host = Host::new();
        let tun = host.link("ppp7").await;
        let told = async || {
            let line = DefaultRoute::in_the_way(&host.net, &tun).await.unwrap();
            line.map(|line| line.text)
        };
        assert_eq!(told().await, None);
        ip("route add default via 192.0.2.1 dev eth7 metric 100");
        assert_eq!(told().await, None);
        ip("route add default via 192.0.2.1 dev eth7");
        let line = "not replacing default route to eth7 [192.0.2.1]";
        assert_eq!(told().await.as_deref(), Some(line));
        ip("route del default via 192.0.2.1 dev eth7 metric 0");
        ip("route add default dev ppp7");
        assert_eq!(told().await, None);
    });
}

#[test]
fn with_a_metric_nothing_is_replaced() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let tun = host.link("ppp7").await;
        let install = || DefaultRoute::install(&host.net, &tun, Some(50), host.state.path());
        let mut route = install().await.unwrap();
        let ours = format!("{OURS} metric 50");
        assert_eq!(defaults(), [before[0].as_str(), &ours]);
        // A second time, as after a renegotiation: it is there already.
        let _again = install().await.unwrap();
        assert_eq!(defaults(), [before[0].as_str(), &ours]);
        assert_eq!(route.restore(&host.net).await, []);
        assert_eq!(defaults(), before);
    });
}

#[test]
fn with_a_metric_that_is_anothers_nothing_is_done() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7 metric 50");
        let before = defaults();
        let tun = host.link("ppp7").await;
        let result = DefaultRoute::install(&host.net, &tun, Some(50), host.state.path()).await;
        assert!(
            matches!(result, Err(NetworkProblem::Failed { .. })),
            "{result:?}"
        );
        assert_eq!(defaults(), before);
    });
}

#[test]
fn after_a_crash_the_next_start_puts_the_former_route_back() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7 proto dhcp src 192.0.2.2");
        let before = defaults();
        let tun = host.link("ppp7").await;
        let route = host.install(&tun).await;
        // Killed: nothing is restored, the kernel removes the interface and our route.
        drop(route);
        gone(tun).await;
        assert_eq!(defaults(), [""; 0]);
        let log = host.recover("ppp7").await;
        assert_eq!(defaults(), before, "{log:?}");
        assert!(!host.file("ppp7").exists());
        assert_eq!(host.recover("ppp7").await, [], "nothing is left to do");
    });
}

#[test]
fn after_a_crash_a_start_without_recovery_does_it_before_it_replaces() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let tun = host.link("ppp7").await;
        drop(host.install(&tun).await);
        gone(tun).await;
        let tun = host.link("ppp7").await;
        let mut route = host.install(&tun).await;
        assert_eq!(defaults(), [OURS]);
        route.restore(&host.net).await;
        assert_eq!(defaults(), before);
    });
}

#[test]
fn a_crash_before_the_replacement_leaves_nothing_to_do() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        host.save_present("ppp7").await;
        assert_eq!(host.recover("ppp7").await, []);
        assert_eq!(defaults(), before);
        assert!(!host.file("ppp7").exists());
    });
}

#[test]
fn a_crash_amid_the_replacement_of_several_is_mended() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        ip("route append default via 192.0.2.9 dev eth7");
        let before = defaults();
        host.save_present("ppp7").await;
        // Ours had taken the place of the last one, and is gone with its interface.
        ip("route del default via 192.0.2.9 dev eth7");
        host.recover("ppp7").await;
        assert_eq!(defaults(), before);
    });
}

#[test]
fn a_route_that_somebody_has_set_meanwhile_stays() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let tun = host.link("ppp7").await;
        let mut route = host.install(&tun).await;
        ip("route replace default via 192.0.2.9 dev eth7");
        let theirs = defaults();
        let log = route.restore(&host.net).await;
        assert_eq!(defaults(), theirs);
        assert_eq!(log.len(), 1, "it is said: {log:?}");
        assert_eq!(log[0].level, Level::Notice);
        // The same after a crash.
        let mut route = host.install(&tun).await;
        ip("route replace default via 192.0.2.7 dev eth7");
        let theirs = defaults();
        gone(tun).await;
        let log = host.recover("ppp7").await;
        assert_eq!((defaults(), log.len()), (theirs.clone(), 1));
        assert_eq!(route.restore(&host.net).await, []);
        assert_eq!(defaults(), theirs);
    });
}

#[test]
fn a_renamed_interface_is_still_ours() {
    comes_back_after(async |_, _, _| {
        ip("link set ppp7 name other7");
    });
}

#[test]
fn the_file_of_a_link_that_lives_is_left_alone() {
    comes_back_after(async |host, _, _| {
        assert_eq!(host.recover("ppp8").await, []);
        assert_eq!(defaults(), [OURS]);
    });
}

#[test]
fn the_interface_deleted_under_us_does_not_cost_the_former_route() {
    comes_back_after(async |_, _, _| {
        ip("link del ppp7");
    });
}

#[test]
fn a_renegotiation_does_not_cost_our_route() {
    comes_back_after(async |host, tun, route| {
        for (local, remote) in [(1, 2), (9, 2), (9, 3), (8, 4)] {
            let settings = Ipv4Settings {
                local: Ipv4Addr::new(10, 2, 0, local),
                remote: Some(Ipv4Addr::new(10, 2, 0, remote)),
                dns: [None, None],
                mtu: 1500,
            };
            host.net.configure(tun, &settings, None).await.unwrap();
            route.reassert(&host.net).await.unwrap();
            assert_eq!(defaults(), [OURS]);
            let peer =
                format!("10.2.0.{remote} dev ppp7 proto kernel scope link src 10.2.0.{local}");
            assert!(ip("route").contains(&peer), "{}", ip("route"));
        }
    });
}

#[test]
fn a_former_route_that_cannot_come_back_is_told() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let tun = host.link("ppp7").await;
        let mut route = host.install(&tun).await;
        ip("link del eth7");
        let log = route.restore(&host.net).await;
        assert_eq!(defaults(), [""; 0]);
        assert_eq!(log.len(), 1, "{log:?}");
        assert!(log[0].text.contains("its interface is gone"), "{log:?}");
    });
}

#[test]
fn a_file_of_another_boot_or_a_broken_one_is_dropped() {
    in_network_namespace(async || {
        let host = Host::new();
        let line = "route type 1 protocol 3 scope 0 metric 0 \
                    nexthop via 192.0.2.1 dev eth7 index 2 weight 0";
        for text in [
            format!("since yesterday\n{line}\n"),
            format!("since {}\n{line} and more\n\u{0}\n", epoch()),
            line.to_owned(),
            "x".repeat(100_000),
            String::new(),
        ] {
            fs::write(host.file("ppp7"), text).unwrap();
            host.recover("ppp7").await;
            assert_eq!(defaults(), [""; 0]);
            assert!(!host.file("ppp7").exists());
        }
        // As a proof of the opposite, the line itself is good.
        fs::write(host.file("ppp7"), format!("since {}\n{line}\n", epoch())).unwrap();
        host.recover("ppp7").await;
        assert_eq!(
            defaults(),
            ["unicast default via 192.0.2.1 dev eth7 proto boot scope global"]
        );
    });
}

#[test]
fn where_nothing_can_be_written_the_route_still_comes_back() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        let tun = host.link("ppp7").await;
        // A folder that cannot be: even root is refused.
        let nowhere = host.state.join("file");
        fs::write(&nowhere, "").unwrap();
        let mut route = DefaultRoute::install(&host.net, &tun, None, &nowhere)
            .await
            .unwrap();
        assert!(route.log().iter().any(|line| line.level == Level::Warning));
        assert_eq!(defaults(), [OURS]);
        route.restore(&host.net).await;
        assert_eq!(defaults(), before);
    });
}

#[test]
fn a_failure_leaves_everything_as_it_was() {
    in_network_namespace(async || {
        let host = Host::new();
        ip("route add default via 192.0.2.1 dev eth7");
        let before = defaults();
        // Down: the kernel refuses a route through it.
        let tun = Tun::create("ppp7").unwrap();
        let result = DefaultRoute::install(&host.net, &tun, None, host.state.path()).await;
        assert!(
            matches!(result, Err(NetworkProblem::Failed { .. })),
            "{result:?}"
        );
        assert_eq!(defaults(), before);
        assert!(!host.file("ppp7").exists());
    });
}

//! The gateway's ping monitor in the simulated internet, by its own reading of ICMP and DNS.

use super::*;
use crate::link::monitor::{Monitor, MonitorCommand, MonitorInput, MonitorPlan, dns as lookup};
use crate::link::monitor::{icmp as echo, icmp::echo_request};

const IDENTIFIER: u16 = 77;

/// Runs a monitor for `seconds` with `faults` from second 100 on; its log and the seconds of the cuts.
fn watch(target: &str, faults: InternetFaults, seconds: u64) -> (Vec<String>, Vec<u64>) {
    let mut internet = internet();
    let plan = MonitorPlan {
        enabled: true,
        interface: "ppp0".to_owned(),
        target: Some(target.to_owned()),
        interval: Duration::from_secs(30),
        fail: 2,
        log: true,
        timeout: Duration::from_secs(5),
        fixed_target: false,
        payload_is_life: false,
        dns: zone::DNS.map(Some),
        peer: Some(ISP),
        pid: 992,
    };
    let mut monitor = Monitor::new(Instant::ZERO, plan);
    let (mut log, mut cuts, mut now) = (vec![], vec![], Instant::ZERO);
    loop {
        let second = now.since_origin().as_secs();
        let faults = if second < 100 {
            InternetFaults::default()
        } else {
            faults
        };
        while let Some(command) = monitor.poll_command() {
            match command {
                MonitorCommand::Log(line) => log.push(format!("{second} {line}")),
                MonitorCommand::Answered => {}
                MonitorCommand::Cut { .. } => cuts.push(second),
                MonitorCommand::Resolve { name, servers } => {
                    let question = lookup::query(5, &name).unwrap();
                    let server = servers[0].unwrap();
                    let payload = Udp {
                        source: 4000,
                        destination: 53,
                        payload: &question,
                    }
                    .write(GATEWAY, server);
                    let request = packet(server, 64, UDP, &payload);
                    for (_, _, reply) in ask(&mut internet, &request, faults) {
                        let said = lookup::read(5, &name, &reply[8..]).unwrap();
                        monitor.handle(now, MonitorInput::Resolved(said));
                    }
                }
                MonitorCommand::Echo {
                    to, ttl, sequence, ..
                } => {
                    let request = echo_request(IDENTIFIER, sequence);
                    let request = packet(to, ttl.unwrap_or(64), ICMP, &request);
                    internet.handle_packet(now, &request, faults);
                    while let Some(reply) = internet.poll_transmit() {
                        let received = echo::read(&reply, IDENTIFIER).unwrap();
                        assert_eq!(received.to, to);
                        let (sequence, answer) = (received.sequence, received.answer);
                        monitor.handle(now, MonitorInput::Echo { sequence, answer });
                    }
                }
            }
        }
        match monitor.poll_timeout() {
            Some(next) if next <= Instant::from_millis(seconds * 1000) => now = next,
            Some(_) | None => return (log, cuts),
        }
        monitor.handle_timeout(now);
    }
}

#[test]
fn finds_the_first_router_as_the_document_shows_it() {
    let (log, cuts) = watch("www.example.jp", InternetFaults::default(), 60);
    assert_eq!(
        log[2..],
        [
            "0 ppp_monitor: ppp monitor started, PPP I/F: ppp0, TARGET: www.example.jp, INTERVAL: 30, MAXFAIL: 2",
            "30 ppp_manager: PPP Manager[992]: check_with_icmp: responding hosts found in the route: address: 192.0.2.1, hops: 1.",
            "30 ppp_manager: PPP Manager[992]: LTE: host in the route: 192.0.2.1",
            "30 ppp_monitor: ping to www.example.jp succeeded.",
            "60 ppp_monitor: ping to www.example.jp succeeded.",
        ]
    );
    assert!(cuts.is_empty(), "{cuts:?}");
}

#[test]
fn silent_pings_cut_the_link_while_routers_and_dns_answer() {
    let no_ping = InternetFaults {
        no_ping: true,
        ..InternetFaults::default()
    };
    let (log, cuts) = watch("www.example.jp", no_ping, 1000);
    // The nearest host and the target at 120; the search at 150 waits 3 s for the routers, and 9 s for what may be
    // behind them.
    assert_eq!(cuts, [162]);
    assert_eq!(
        log.last().unwrap(),
        "162 ppp_monitor: 2 pings in a row to www.example.jp failed: the link is cut."
    );
}

#[test]
fn neither_dead_name_servers_nor_a_dead_target_cut_it() {
    let no_dns = InternetFaults {
        no_dns: true,
        ..InternetFaults::default()
    };
    for target in ["www.example.jp", "quiet.example.net", "203.0.113.200"] {
        let (log, cuts) = watch(target, no_dns, 1000);
        assert!(cuts.is_empty(), "{target}: {log:?}");
        assert_eq!(
            log.last().unwrap(),
            &format!("990 ppp_monitor: ping to {target} succeeded.")
        );
    }
}

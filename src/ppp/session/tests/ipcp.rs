//! Negotiation of IPCP, as the gateway; `isp` has the other side.

mod isp;
mod pending;

use super::*;

const LOCAL: [u8; 4] = [10, 12, 58, 70];
const DNS: [[u8; 4]; 2] = [[202, 96, 134, 33], [202, 96, 128, 166]];

/// What a modem Naks whose network has answered.
fn real() -> Vec<u8> {
    addresses(&[(3, LOCAL), (129, DNS[0]), (131, DNS[1])])
}

fn network(remote: Option<Ipv4Addr>, dns: [Option<Ipv4Addr>; 2]) -> Event {
    Event::NetworkUp(Ipv4Settings {
        local: LOCAL.into(),
        remote,
        dns,
        mtu: 1500,
    })
}

fn both_dns() -> [Option<Ipv4Addr>; 2] {
    DNS.map(|server| Some(server.into()))
}

fn failed(why: &str) -> DownReason {
    DownReason::NegotiationFailed {
        layer: Layer::Ipcp,
        why: why.to_owned(),
    }
}

/// Answers the request that is out with `code` and `data`.
fn answer(bench: &mut Bench, code: u8, data: &[u8]) {
    let id = bench.last_request(Protocol::IPCP).0;
    bench.ipcp(code, id, data);
}

fn acknowledge(bench: &mut Bench) {
    let (id, options) = bench.last_request(Protocol::IPCP);
    bench.ipcp(CONFIGURE_ACK, id, &options);
}

/// T05, a Quectel EC20 on China Telecom: no address of its own.
#[test]
fn the_usual_modem_gives_address_and_dns_by_nak() {
    let mut bench = Bench::networking(plain());
    bench
        .expect_sent(&["[IPCP ConfReq id=0x1 <addr 0.0.0.0> <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]"]);
    bench.ipcp(CONFIGURE_REQUEST, 0, &[]);
    bench.expect_sent(&["[IPCP ConfNak id=0x0 <addr 0.0.0.0>]"]);
    bench.ipcp(CONFIGURE_NAK, 1, &real());
    bench.expect_sent(&[
        "[IPCP ConfReq id=0x2 <addr 10.12.58.70> <ms-dns1 202.96.134.33> <ms-dns2 202.96.128.166>]",
    ]);
    bench.ipcp(CONFIGURE_REQUEST, 1, &[]);
    bench.expect_sent(&["[IPCP ConfAck id=0x1]"]);
    bench.ipcp(CONFIGURE_ACK, 2, &real());
    let logs: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Log(line) if line.text.contains("address") => Some(line.text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        logs,
        [
            "local  IP address 10.12.58.70",
            "Could not determine remote IP address: using none",
            "primary   DNS address 202.96.134.33",
            "secondary DNS address 202.96.128.166",
        ]
    );
    assert_eq!(bench.take_events(), [network(None, both_dns())]);
}

#[test]
fn the_peers_address_is_taken_and_logged() {
    let mut bench = Bench::networking(plain());
    bench.ipcp(CONFIGURE_REQUEST, 1, &addresses(&[(3, [66, 174, 121, 64])]));
    answer(&mut bench, CONFIGURE_NAK, &real());
    acknowledge(&mut bench);
    let remote = Ipv4Addr::new(66, 174, 121, 64);
    let line = format!("remote IP address {remote}");
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Log(log) if log.text == line))
    );
    assert_eq!(bench.take_events(), [network(Some(remote), both_dns())]);
}

#[test]
fn an_acknowledged_dns_of_zero_is_none() {
    let mut bench = Bench::networking(plain());
    bench.ipcp(CONFIGURE_REQUEST, 7, &addresses(&[(3, [10, 0, 0, 1])]));
    answer(&mut bench, CONFIGURE_NAK, &addresses(&[(3, LOCAL)]));
    acknowledge(&mut bench);
    assert_eq!(
        bench.take_events(),
        [network(Some(Ipv4Addr::new(10, 0, 0, 1)), [None; 2])]
    );
}

/// S20, T27: one at a time.
#[test]
fn rejected_dns_options_are_dropped_one_by_one() {
    let mut bench = Bench::networking(plain());
    bench.take_sent();
    bench.ipcp(CONFIGURE_REJECT, 1, &addresses(&[(129, [0; 4])]));
    bench.expect_sent(&["[IPCP ConfReq id=0x2 <addr 0.0.0.0> <ms-dns2 0.0.0.0>]"]);
    bench.ipcp(CONFIGURE_REJECT, 2, &addresses(&[(131, [0; 4])]));
    bench.expect_sent(&["[IPCP ConfReq id=0x3 <addr 0.0.0.0>]"]);
}

#[test]
fn dns_that_is_nakked_unasked_is_asked_for() {
    let mut config = plain();
    config.ipcp.request_dns = false;
    let mut bench = Bench::networking(config);
    bench.expect_sent(&["[IPCP ConfReq id=0x1 <addr 0.0.0.0>]"]);
    bench.ipcp(CONFIGURE_NAK, 1, &addresses(&[(3, LOCAL), (129, DNS[0])]));
    bench.expect_sent(&["[IPCP ConfReq id=0x2 <addr 10.12.58.70> <ms-dns1 202.96.134.33>]"]);
}

/// Quectel: other servers in every Nak.
#[test]
fn the_last_dns_servers_count() {
    let mut bench = Bench::networking(plain());
    bench.ipcp(CONFIGURE_REQUEST, 1, &addresses(&[(3, [10, 0, 0, 1])]));
    answer(
        &mut bench,
        CONFIGURE_NAK,
        &addresses(&[(3, LOCAL), (129, [1; 4]), (131, [2; 4])]),
    );
    answer(
        &mut bench,
        CONFIGURE_NAK,
        &addresses(&[(129, DNS[0]), (131, DNS[1])]),
    );
    acknowledge(&mut bench);
    assert_eq!(
        bench.take_events(),
        [network(Some(Ipv4Addr::new(10, 0, 0, 1)), both_dns())]
    );
}

#[test]
fn an_address_of_zero_in_a_nak_is_ignored() {
    let mut bench = Bench::networking(plain());
    bench.take_sent();
    bench.ipcp(CONFIGURE_NAK, 1, &addresses(&[(3, [0; 4])]));
    bench.at(1000);
    bench
        .expect_sent(&["[IPCP ConfReq id=0x2 <addr 0.0.0.0> <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]"]);
}

#[test]
fn an_ack_of_the_zero_address_ends_the_session() {
    let mut bench = Bench::networking(plain());
    bench.ipcp(CONFIGURE_REQUEST, 1, &addresses(&[(3, [10, 0, 0, 1])]));
    acknowledge(&mut bench);
    bench.at(4000);
    bench.expect_down(failed("Could not determine local IP address"));
}

#[test]
fn a_rejected_address_option_ends_the_session_unless_one_is_configured() {
    let mut bench = Bench::networking(plain());
    bench.ipcp(CONFIGURE_REJECT, 1, &addresses(&[(3, [0; 4])]));
    acknowledge(&mut bench);
    bench.at(4000);
    bench.expect_down(failed("Could not determine local IP address"));

    let mut config = plain();
    config.ipcp.local = Some(LOCAL.into());
    config.ipcp.request_dns = false;
    let mut bench = Bench::networking(config);
    bench.expect_sent(&["[IPCP ConfReq id=0x1 <addr 10.12.58.70>]"]);
    bench.ipcp(CONFIGURE_REQUEST, 1, &addresses(&[(3, [10, 0, 0, 1])]));
    bench.ipcp(CONFIGURE_REJECT, 1, &addresses(&[(3, LOCAL)]));
    acknowledge(&mut bench);
    assert_eq!(
        bench.take_events(),
        [network(Some(Ipv4Addr::new(10, 0, 0, 1)), [None; 2])]
    );
}

/// T25, a Sierra GC82 on Rogers.
#[test]
fn a_fixed_local_address_is_defended_three_times() {
    let mut config = plain();
    config.ipcp.local = Some(Ipv4Addr::new(192, 168, 10, 13));
    config.ipcp.accept_local = false;
    let mut bench = Bench::networking(config.clone());
    for n in 0..3 {
        bench.at(n * 1000);
        answer(&mut bench, CONFIGURE_NAK, &addresses(&[(3, LOCAL)]));
    }
    bench.lcp(TERMINATE_ACK, 1, &[]);
    bench.expect_down(failed(
        "the peer refuses our address 192.168.10.13 and wants 10.12.58.70",
    ));

    config.ipcp.accept_local = true;
    let mut bench = Bench::networking(config);
    bench.take_sent();
    answer(&mut bench, CONFIGURE_NAK, &addresses(&[(3, LOCAL)]));
    assert!(bench.take_sent()[0].contains("<addr 10.12.58.70>"));
}

#[test]
fn vj_wins_and_unknown_options_are_rejected() {
    let mut bench = Bench::networking(plain());
    bench.take_raw();
    let bad = [
        VJ,
        &addresses(&[(130, [0; 4]), (132, [0; 4]), (129, [0; 4])]),
        &[77, 3, 1],
    ]
    .concat();
    let good = addresses(&[(3, [10, 0, 0, 1])]);
    bench.ipcp(CONFIGURE_REQUEST, 4, &[&good[..], &bad].concat());
    bench.expect_raw(&[(Protocol::IPCP, CONFIGURE_REJECT, 4, &bad)]);
    bench.ipcp(CONFIGURE_REQUEST, 5, &good);
    bench.expect_raw(&[(Protocol::IPCP, CONFIGURE_ACK, 5, &good)]);
}

#[test]
fn options_of_a_wrong_length_are_rejected_and_their_naks_ignored() {
    let mut bench = Bench::networking(plain());
    bench.take_raw();
    bench.ipcp(CONFIGURE_REQUEST, 4, &[3, 3, 10]);
    bench.expect_raw(&[(Protocol::IPCP, CONFIGURE_REJECT, 4, &[3, 3, 10])]);
    bench.ipcp(CONFIGURE_NAK, 1, &[3, 3, 10, 129, 2]);
    bench.at(1000);
    bench
        .expect_sent(&["[IPCP ConfReq id=0x2 <addr 0.0.0.0> <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]"]);
}

#[test]
fn a_peer_with_another_address_in_every_nak_is_given_up() {
    let mut bench = Bench::networking(plain());
    for n in 1..200 {
        answer(&mut bench, CONFIGURE_NAK, &addresses(&[(3, [10, 0, 1, n])]));
    }
    assert_eq!(
        bench
            .take_sent()
            .iter()
            .filter(|line| line.contains("IPCP ConfReq"))
            .count(),
        30
    );
    bench.at(4000);
    bench.expect_down(failed("the peer's wishes and ours do not converge"));
}

#[test]
fn a_peer_that_rejects_nothing_is_paced() {
    let mut bench = Bench::networking(plain());
    bench.take_sent();
    for n in 1..10 {
        answer(&mut bench, CONFIGURE_REJECT, &[]);
        bench.at(n * 1000);
        assert_eq!(bench.take_sent().len(), 1);
    }
}

/// Without a memory of its Rejects such a peer would be asked the same for ever.
#[test]
fn a_peer_that_rejects_dns_and_then_suggests_it_is_not_asked_again() {
    let mut bench = Bench::networking(plain());
    let dns = addresses(&[(129, [0; 4]), (131, [0; 4])]);
    answer(&mut bench, CONFIGURE_REJECT, &dns);
    answer(&mut bench, CONFIGURE_NAK, &real());
    bench.take_sent();
    acknowledge(&mut bench);
    bench.ipcp(CONFIGURE_REQUEST, 1, &addresses(&[(3, [10, 0, 0, 1])]));
    let expected = network(Some(Ipv4Addr::new(10, 0, 0, 1)), [None; 2]);
    assert!(bench.take_events().contains(&expected));
}

/// slirp asks for an address, and terminates if it gets none.
#[test]
fn a_peer_that_asks_us_for_an_address_gets_a_stand_in_then_a_reject() {
    let mut bench = Bench::networking(plain());
    bench.take_sent();
    for id in 1..=3 {
        bench.ipcp(CONFIGURE_REQUEST, id, &addresses(&[(3, [0; 4])]));
    }
    bench.expect_sent(&[
        "[IPCP ConfNak id=0x1 <addr 10.64.64.64>]",
        "[IPCP ConfNak id=0x2 <addr 10.64.64.64>]",
        "[IPCP ConfRej id=0x3 <addr 0.0.0.0>]",
    ]);
}

#[test]
fn a_configured_remote_address_is_suggested_and_defended_if_firm() {
    let mut config = plain();
    config.ipcp.remote = Some(Ipv4Addr::new(10, 0, 2, 2));
    for (accept_remote, reply) in [
        (true, "[IPCP ConfAck id=0x2 <addr 10.0.0.9>]"),
        (false, "[IPCP ConfNak id=0x2 <addr 10.0.2.2>]"),
    ] {
        config.ipcp.accept_remote = accept_remote;
        let mut bench = Bench::networking(config.clone());
        bench.take_sent();
        bench.ipcp(CONFIGURE_REQUEST, 1, &addresses(&[(3, [0; 4])]));
        bench.ipcp(CONFIGURE_REQUEST, 2, &addresses(&[(3, [10, 0, 0, 9])]));
        bench.expect_sent(&["[IPCP ConfNak id=0x1 <addr 10.0.2.2>]", reply]);
    }
    let mut bench = Bench::networking(config);
    bench.take_sent();
    bench.ipcp(CONFIGURE_REQUEST, 1, &[]);
    bench.expect_sent(&["[IPCP ConfNak id=0x1 <addr 10.0.2.2>]"]);
}

/// T19, a u-blox SARA-R4: an empty request right after IPCP has opened.
#[test]
fn an_empty_request_after_opened_is_acknowledged_in_place() {
    let mut bench = Bench::online(plain());
    bench.ipcp(CONFIGURE_REQUEST, 0x50, &[]);
    bench.expect_sent(&["[IPCP ConfAck id=0x50]"]);
    assert_eq!(bench.take_events(), []);
    assert_eq!(
        bench.session.network().unwrap().remote,
        Some(Ipv4Addr::new(10, 0, 0, 1))
    );
}

#[test]
fn another_address_after_opened_is_a_new_negotiation() {
    let mut bench = Bench::online(plain());
    bench.ipcp(CONFIGURE_REQUEST, 0x50, &addresses(&[(3, [10, 0, 0, 77])]));
    assert_eq!(bench.take_events(), [Event::NetworkDown]);
    answer(&mut bench, CONFIGURE_NAK, &real());
    acknowledge(&mut bench);
    assert_eq!(
        bench.take_events(),
        [network(Some(Ipv4Addr::new(10, 0, 0, 77)), both_dns())]
    );
}

#[test]
fn the_mtu_is_the_smaller_mru() {
    for (ours, peers, mtu) in [(1500, 576_u16, 576), (1000, 1500, 1000), (1500, 1600, 1500)] {
        let mut config = plain();
        config.lcp.mru = ours;
        let mut bench = Bench::new(config);
        bench.open_lcp(&option(1, &peers.to_be_bytes()));
        bench.open_ipcp();
        assert_eq!(bench.session.network().unwrap().mtu, mtu);
    }
}

/// pppd's `mtu`: the peer is told nothing of it.
#[test]
fn a_configured_mtu_is_the_most_that_is_sent() {
    for (most, peers, mtu) in [
        (1400, 1500_u16, 1400),
        (1400, 576, 576),
        (16_384, 1500, 1500),
    ] {
        let mut config = plain();
        config.lcp.mtu = Some(most);
        let mut bench = Bench::new(config);
        bench.expect_sent(&["[LCP ConfReq id=0x1]"]);
        bench.open_lcp(&option(1, &peers.to_be_bytes()));
        bench.open_ipcp();
        assert_eq!(bench.session.network().unwrap().mtu, mtu);
    }
}

/// T18, T22: not another word.
#[test]
fn a_peer_without_ipcp_ends_as_a_timeout() {
    let mut bench = Bench::networking(plain());
    bench.at(30_000);
    assert_eq!(
        bench
            .sent
            .iter()
            .filter(|line| line.contains("ConfReq"))
            .count(),
        10
    );
    let line = "IPCP: timeout sending Config-Requests";
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Log(log) if log.text == line))
    );
    bench.at(40_000);
    bench.expect_down(DownReason::NegotiationTimeout { layer: Layer::Ipcp });
}

#[test]
fn a_peer_that_terminates_ipcp_ends_the_session() {
    let mut bench = Bench::online(plain());
    bench.ipcp(TERMINATE_REQUEST, 9, b"Refused our IP address");
    bench.expect_sent(&[
        "[IPCP TermAck id=0x9]",
        "[LCP TermReq id=0x2 \"No network protocols running\"]",
    ]);
    bench.lcp(TERMINATE_ACK, 2, &[]);
    let reason = DownReason::PeerTerminated {
        layer: Layer::Ipcp,
        text: "Refused our IP address".to_owned(),
        auth_rejected: false,
    };
    assert_eq!(
        bench.take_events(),
        [Event::NetworkDown, Event::Down(reason)]
    );
}

/// A line that becomes a loop behind LCP: our own requests come back, and are agreed on.
#[test]
fn a_link_to_our_own_address_is_a_loop() {
    let mut bench = Bench::networking(plain());
    bench.ipcp(CONFIGURE_NAK, 1, &real());
    let (id, options) = bench.last_request(Protocol::IPCP);
    bench.ipcp(CONFIGURE_ACK, id, &options);
    bench.ipcp(CONFIGURE_REQUEST, 7, &addresses(&[(3, LOCAL)]));
    bench.expect_down(DownReason::Loopback);
}

//! A modem whose network has not answered yet: dummies and empty Naks, which are waited out.

use super::*;

const DUMMIES: [[u8; 4]; 2] = [[10, 11, 12, 13], [10, 11, 12, 14]];

/// What a modem Naks whose network has not (T03): DNS and WINS.
fn dummies() -> Vec<u8> {
    addresses(&[
        (129, DUMMIES[0]),
        (131, DUMMIES[1]),
        (130, DUMMIES[0]),
        (132, DUMMIES[1]),
    ])
}

/// T03, a Huawei E1762: dummies, one second apart, until the network answers.
#[test]
fn dummies_are_waited_out_and_never_taken() {
    for rounds in [4, 5, 6, 25] {
        let mut bench = Bench::networking(plain());
        bench.take_sent();
        for n in 1..=rounds {
            bench.at(n * 1000);
            let id = bench.last_request(Protocol::IPCP).0;
            answer(&mut bench, CONFIGURE_NAK, &dummies());
            // The request has been out for a second: it is repeated at once.
            bench.expect_sent(&[&format!(
                "[IPCP ConfReq id={:#x} <addr 0.0.0.0> <ms-dns1 0.0.0.0> <ms-dns2 0.0.0.0>]",
                id + 1
            )]);
        }
        bench.ipcp(CONFIGURE_REQUEST, 6, &[]);
        bench.ipcp(CONFIGURE_REQUEST, 7, &[]);
        answer(&mut bench, CONFIGURE_NAK, &real());
        acknowledge(&mut bench);
        assert_eq!(bench.take_events(), [network(None, both_dns())], "{rounds}");
    }
}

/// T02, a Huawei E398: empty Naks at once, for ever.
#[test]
fn empty_naks_are_paced_and_end_as_pending() {
    let mut bench = Bench::networking(plain());
    bench.take_sent();
    for round in 1..60 {
        answer(&mut bench, CONFIGURE_NAK, &[]);
        bench.expect_sent(&[]);
        bench.at(round * 1000 - 1);
        bench.expect_sent(&[]);
        bench.at(round * 1000);
        assert_eq!(bench.take_sent().len(), 1, "{round}");
    }
    answer(&mut bench, CONFIGURE_NAK, &[]);
    bench.expect_sent(&["[LCP TermReq id=0x2 \"No network protocols running\"]"]);
    bench.lcp(TERMINATE_ACK, 2, &[]);
    bench.expect_down(DownReason::NetworkPending { rounds: 60 });
}

#[test]
fn a_pending_modem_that_falls_silent_gets_the_whole_budget_of_requests() {
    let mut bench = Bench::networking(plain());
    bench.at(26_000);
    assert_eq!(bench.take_sent().len(), 9);
    answer(&mut bench, CONFIGURE_NAK, &[]);
    // The request at 24 s is more than a second old.
    bench.at(26_000 + 29_999);
    assert_eq!(bench.take_sent().len(), 10);
    assert_eq!(bench.take_events(), []);
    bench.at(26_000 + 30_000);
    bench.lcp(TERMINATE_ACK, 2, &[]);
    bench.expect_down(DownReason::NegotiationTimeout { layer: Layer::Ipcp });
}

#[test]
fn pending_naks_do_not_use_up_max_failure() {
    let mut config = plain();
    config.ipcp.fsm.max_failure = 5;
    let mut bench = Bench::networking(config);
    for n in 1..20 {
        bench.at(n * 1000);
        answer(&mut bench, CONFIGURE_NAK, &dummies());
    }
    bench.take_sent();
    bench.ipcp(CONFIGURE_REQUEST, 7, &addresses(&[(3, [10, 0, 0, 1])]));
    answer(&mut bench, CONFIGURE_NAK, &real());
    acknowledge(&mut bench);
    assert_eq!(
        bench.take_events(),
        [network(Some(Ipv4Addr::new(10, 0, 0, 1)), both_dns())]
    );
}

#[test]
fn the_peers_request_is_answered_while_ours_is_held_back() {
    let mut bench = Bench::networking(plain());
    answer(&mut bench, CONFIGURE_NAK, &[]);
    bench.take_sent();
    bench.ipcp(CONFIGURE_REQUEST, 7, &addresses(&[(3, [10, 0, 0, 1])]));
    bench.expect_sent(&["[IPCP ConfAck id=0x7 <addr 10.0.0.1>]"]);
    bench.at(1000);
    assert_eq!(bench.take_sent().len(), 1);
    answer(&mut bench, CONFIGURE_NAK, &real());
    acknowledge(&mut bench);
    assert_eq!(
        bench.take_events(),
        [network(Some(Ipv4Addr::new(10, 0, 0, 1)), both_dns())]
    );
}

/// T30: an address, and dummies that never go away. The link comes up without DNS.
#[test]
fn dummies_beside_an_address_are_agreed_to_after_five_rounds_and_not_used() {
    let mut bench = Bench::networking(plain());
    bench.ipcp(CONFIGURE_REQUEST, 7, &addresses(&[(3, [10, 64, 64, 64])]));
    let both = [addresses(&[(3, LOCAL)]), dummies()].concat();
    answer(&mut bench, CONFIGURE_NAK, &both);
    bench.take_sent();
    for n in 1..=5 {
        bench.at(n * 1000);
        answer(&mut bench, CONFIGURE_NAK, &dummies());
    }
    let last = bench.take_sent().pop().unwrap();
    let dns = "<ms-dns1 10.11.12.13> <ms-dns2 10.11.12.14>";
    assert_eq!(
        last,
        format!("[IPCP ConfReq id=0x7 <addr 10.12.58.70> {dns}]")
    );
    acknowledge(&mut bench);
    assert_eq!(
        bench.take_events(),
        [network(Some(Ipv4Addr::new(10, 64, 64, 64)), [None; 2])]
    );
}

//! As the ISP, which gives addresses away.

use super::*;
use crate::ppp::config::Assign;

/// The ISP's side: it has an address, and gives one and two DNS servers away.
fn isp() -> SessionConfig {
    let mut config = plain();
    config.ipcp.local = Some(Ipv4Addr::new(10, 64, 64, 64));
    config.ipcp.accept_local = false;
    config.ipcp.request_dns = false;
    config.ipcp.assign = Some(Assign {
        address: LOCAL.into(),
        dns: both_dns(),
    });
    config
}

#[test]
fn the_isp_naks_until_the_peer_asks_for_what_it_gets() {
    let mut bench = Bench::networking(isp());
    bench.expect_sent(&["[IPCP ConfReq id=0x1 <addr 10.64.64.64>]"]);
    let zero = addresses(&[(3, [0; 4]), (129, [0; 4]), (131, [0; 4])]);
    bench.ipcp(CONFIGURE_REQUEST, 1, &zero);
    bench.expect_raw(&[(Protocol::IPCP, CONFIGURE_NAK, 1, &real())]);
    bench.ipcp(CONFIGURE_REQUEST, 2, &addresses(&[(3, [192, 168, 10, 13])]));
    bench.expect_sent(&["[IPCP ConfNak id=0x2 <addr 10.12.58.70>]"]);
    bench.ipcp(CONFIGURE_REQUEST, 3, &real());
    bench.expect_raw(&[(Protocol::IPCP, CONFIGURE_ACK, 3, &real())]);
    acknowledge(&mut bench);
    let settings = Ipv4Settings {
        local: Ipv4Addr::new(10, 64, 64, 64),
        remote: Some(LOCAL.into()),
        dns: [None; 2],
        mtu: 1500,
    };
    assert_eq!(bench.take_events(), [Event::NetworkUp(settings)]);
}

#[test]
fn the_isp_names_the_address_to_a_peer_that_does_not_ask() {
    let mut bench = Bench::networking(isp());
    bench.take_sent();
    bench.ipcp(CONFIGURE_REQUEST, 1, &[]);
    bench.ipcp(CONFIGURE_REQUEST, 2, &[]);
    bench.expect_sent(&[
        "[IPCP ConfNak id=0x1 <addr 10.12.58.70>]",
        "[IPCP ConfAck id=0x2]",
    ]);
}

#[test]
fn an_isp_without_dns_rejects_the_options() {
    let mut config = isp();
    config.ipcp.assign = Some(Assign {
        address: LOCAL.into(),
        dns: [Some(DNS[0].into()), None],
    });
    let mut bench = Bench::networking(config);
    bench.take_sent();
    bench.ipcp(CONFIGURE_REQUEST, 1, &real());
    bench.expect_sent(&["[IPCP ConfRej id=0x1 <ms-dns2 202.96.128.166>]"]);
}

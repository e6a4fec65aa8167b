//! The keys of uplinkd.toml, and what each may be.

use std::ops::RangeInclusive;

use serde::Deserialize;
use toml::Spanned;

use super::Reader;
use super::scalar::Scalar;
use crate::config::Device;
use crate::config::draft::Draft;
use crate::config::value;
use crate::ppp::config::FsmConfig;
use crate::secret::Secret;

/// Every key, for suggestions.
pub(super) const KEYS: [&str; 52] = [
    "modem.device",
    "modem.speed",
    "modem.rtscts",
    "modem.modem_lines",
    "modem.apn",
    "modem.pdp_type",
    "modem.dial",
    "modem.command_timeout",
    "modem.dial_timeout",
    "ppp.auth",
    "ppp.allow_pap",
    "ppp.account",
    "ppp.password",
    "ppp.lcp.restart",
    "ppp.lcp.max_configure",
    "ppp.lcp.max_terminate",
    "ppp.lcp.max_failure",
    "ppp.lcp.mru",
    "ppp.lcp.accm",
    "ppp.lcp.magic",
    "ppp.lcp.pfc",
    "ppp.lcp.acfc",
    "ppp.lcp.silent",
    "ppp.lcp.max_loopback",
    "ppp.lcp.ack_in_place",
    "ppp.lcp.identification",
    "ppp.pap.restart",
    "ppp.pap.max_requests",
    "ppp.pap.timeout",
    "ppp.chap.restart",
    "ppp.chap.max_challenges",
    "ppp.chap.timeout",
    "ppp.ipcp.restart",
    "ppp.ipcp.max_configure",
    "ppp.ipcp.max_terminate",
    "ppp.ipcp.max_failure",
    "ppp.ipcp.accept_local",
    "ppp.ipcp.accept_remote",
    "ppp.ipcp.request_dns",
    "ppp.ipcp.pending_interval",
    "ppp.ipcp.max_pending",
    "ppp.echo.interval",
    "ppp.echo.failure",
    "network.interface",
    "network.default_route",
    "network.route_metric",
    "network.local_address",
    "network.remote_address",
    "network.netmask",
    "supervision.start",
    "supervision.persist",
    "supervision.holdoff",
];

/// The whole file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    modem: Modem,
    ppp: Ppp,
    network: Network,
    supervision: Supervision,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Modem {
    device: Option<Spanned<Scalar>>,
    speed: Option<Spanned<Scalar>>,
    rtscts: Option<Spanned<Scalar>>,
    modem_lines: Option<Spanned<Scalar>>,
    apn: Option<Spanned<Scalar>>,
    pdp_type: Option<Spanned<Scalar>>,
    dial: Option<Spanned<Scalar>>,
    command_timeout: Option<Spanned<Scalar>>,
    dial_timeout: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ppp {
    auth: Option<Spanned<Scalar>>,
    allow_pap: Option<Spanned<Scalar>>,
    account: Option<Spanned<Scalar>>,
    password: Option<Spanned<Scalar>>,
    lcp: Lcp,
    pap: Pap,
    chap: Chap,
    ipcp: Ipcp,
    echo: Echo,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Lcp {
    restart: Option<Spanned<Scalar>>,
    max_configure: Option<Spanned<Scalar>>,
    max_terminate: Option<Spanned<Scalar>>,
    max_failure: Option<Spanned<Scalar>>,
    mru: Option<Spanned<Scalar>>,
    accm: Option<Spanned<Scalar>>,
    magic: Option<Spanned<Scalar>>,
    pfc: Option<Spanned<Scalar>>,
    acfc: Option<Spanned<Scalar>>,
    silent: Option<Spanned<Scalar>>,
    max_loopback: Option<Spanned<Scalar>>,
    ack_in_place: Option<Spanned<Scalar>>,
    identification: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Pap {
    restart: Option<Spanned<Scalar>>,
    max_requests: Option<Spanned<Scalar>>,
    timeout: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Chap {
    restart: Option<Spanned<Scalar>>,
    max_challenges: Option<Spanned<Scalar>>,
    timeout: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ipcp {
    restart: Option<Spanned<Scalar>>,
    max_configure: Option<Spanned<Scalar>>,
    max_terminate: Option<Spanned<Scalar>>,
    max_failure: Option<Spanned<Scalar>>,
    accept_local: Option<Spanned<Scalar>>,
    accept_remote: Option<Spanned<Scalar>>,
    request_dns: Option<Spanned<Scalar>>,
    pending_interval: Option<Spanned<Scalar>>,
    max_pending: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Echo {
    interval: Option<Spanned<Scalar>>,
    failure: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Network {
    interface: Option<Spanned<Scalar>>,
    default_route: Option<Spanned<Scalar>>,
    route_metric: Option<Spanned<Scalar>>,
    local_address: Option<Spanned<Scalar>>,
    remote_address: Option<Spanned<Scalar>>,
    netmask: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Supervision {
    start: Option<Spanned<Scalar>>,
    persist: Option<Spanned<Scalar>>,
    holdoff: Option<Spanned<Scalar>>,
}

/// Judges all values of `file` and puts them into `draft`.
pub(super) fn apply(reader: &mut Reader<'_, '_>, draft: &mut Draft, file: File) {
    let File {
        modem,
        ppp,
        network,
        supervision,
    } = file;
    let config = &mut draft.config;

    reader.set(
        "modem.device",
        modem.device,
        &mut config.device,
        |value| match value.text()? {
            "" => Ok(Device::Auto),
            text => value::device(text),
        },
    );
    reader.set("modem.speed", modem.speed, &mut config.speed, |value| {
        value::speed(value.whole(&(1..=4_000_000), "bits per second")?)
    });
    reader.set(
        "modem.rtscts",
        modem.rtscts,
        &mut config.rtscts,
        Scalar::truth,
    );
    reader.set(
        "modem.modem_lines",
        modem.modem_lines,
        &mut config.modem_lines,
        Scalar::truth,
    );
    reader.set("modem.apn", modem.apn, &mut config.apn, |value| {
        value.unless_empty(value::apn)
    });
    reader.set(
        "modem.pdp_type",
        modem.pdp_type,
        &mut config.pdp_type,
        |value| value::pdp_type(value.text()?),
    );
    reader.set("modem.dial", modem.dial, &mut config.dial, |value| {
        value::dial(value.text()?)
    });
    reader.set(
        "modem.command_timeout",
        modem.command_timeout,
        &mut config.command_timeout,
        |value| value.time(&seconds(0.1, 600)),
    );
    reader.set(
        "modem.dial_timeout",
        modem.dial_timeout,
        &mut config.dial_timeout,
        |value| value.time(&seconds(0.1, 600)),
    );

    reader.set("ppp.auth", ppp.auth, &mut draft.auth, |value| {
        value::auth(value.text()?).map(Some)
    });
    reader.set(
        "ppp.allow_pap",
        ppp.allow_pap,
        &mut config.allow_pap,
        Scalar::truth,
    );
    reader.set("ppp.account", ppp.account, &mut config.account, |value| {
        value::account(value.text()?)
    });
    reader.set(
        "ppp.password",
        ppp.password,
        &mut config.password,
        |value| {
            value::password(value.text()?)?;
            Ok(Secret::new(value.text()?))
        },
    );

    let lcp = &mut config.lcp;
    let names = [
        "ppp.lcp.restart",
        "ppp.lcp.max_configure",
        "ppp.lcp.max_terminate",
        "ppp.lcp.max_failure",
    ];
    let given = ppp.lcp;
    let counters = [
        given.restart,
        given.max_configure,
        given.max_terminate,
        given.max_failure,
    ];
    automaton(reader, names, counters, &mut lcp.fsm);
    reader.set("ppp.lcp.mru", given.mru, &mut lcp.mru, |value| {
        value
            .whole(&(128..=16_384), "octets")
            .map(|mru| u16::try_from(mru).unwrap_or(u16::MAX))
    });
    reader.set("ppp.lcp.accm", given.accm, &mut lcp.accm, Scalar::accm);
    reader.set("ppp.lcp.magic", given.magic, &mut lcp.magic, Scalar::truth);
    reader.set("ppp.lcp.pfc", given.pfc, &mut lcp.pfc, Scalar::truth);
    reader.set("ppp.lcp.acfc", given.acfc, &mut lcp.acfc, Scalar::truth);
    reader.set(
        "ppp.lcp.silent",
        given.silent,
        &mut lcp.silent,
        Scalar::truth,
    );
    reader.set(
        "ppp.lcp.max_loopback",
        given.max_loopback,
        &mut lcp.max_loopback,
        |value| value.count(1..=1_000, "collisions"),
    );
    reader.set(
        "ppp.lcp.ack_in_place",
        given.ack_in_place,
        &mut lcp.ack_in_place,
        Scalar::truth,
    );
    reader.set(
        "ppp.lcp.identification",
        given.identification,
        &mut lcp.identification,
        |value| value.unless_empty(value::identification),
    );

    let timers = &mut config.auth_timers;
    reader.set(
        "ppp.pap.restart",
        ppp.pap.restart,
        &mut timers.pap_restart,
        |value| value.time(&seconds(0.1, 3_600)),
    );
    reader.set(
        "ppp.pap.max_requests",
        ppp.pap.max_requests,
        &mut timers.pap_max_requests,
        |value| value.count(1..=1_000, "requests"),
    );
    reader.set(
        "ppp.pap.timeout",
        ppp.pap.timeout,
        &mut timers.pap_timeout,
        |value| value.time(&seconds(0.1, 3_600)),
    );
    reader.set(
        "ppp.chap.restart",
        ppp.chap.restart,
        &mut timers.chap_restart,
        |value| value.time(&seconds(0.1, 3_600)),
    );
    reader.set(
        "ppp.chap.max_challenges",
        ppp.chap.max_challenges,
        &mut timers.chap_max_challenges,
        |value| value.count(1..=1_000, "challenges"),
    );
    reader.set(
        "ppp.chap.timeout",
        ppp.chap.timeout,
        &mut timers.chap_timeout,
        |value| value.time(&seconds(0.1, 3_600)),
    );

    let ipcp = &mut config.ipcp;
    let names = [
        "ppp.ipcp.restart",
        "ppp.ipcp.max_configure",
        "ppp.ipcp.max_terminate",
        "ppp.ipcp.max_failure",
    ];
    let given = ppp.ipcp;
    let counters = [
        given.restart,
        given.max_configure,
        given.max_terminate,
        given.max_failure,
    ];
    automaton(reader, names, counters, &mut ipcp.fsm);
    reader.set(
        "ppp.ipcp.accept_local",
        given.accept_local,
        &mut ipcp.accept_local,
        Scalar::truth,
    );
    reader.set(
        "ppp.ipcp.accept_remote",
        given.accept_remote,
        &mut ipcp.accept_remote,
        Scalar::truth,
    );
    reader.set(
        "ppp.ipcp.request_dns",
        given.request_dns,
        &mut ipcp.request_dns,
        Scalar::truth,
    );
    reader.set(
        "ppp.ipcp.pending_interval",
        given.pending_interval,
        &mut ipcp.pending_interval,
        |value| value.time(&seconds(0.1, 3_600)),
    );
    reader.set(
        "ppp.ipcp.max_pending",
        given.max_pending,
        &mut ipcp.max_pending,
        |value| value.count(1..=100_000, "rounds"),
    );

    reader.set(
        "ppp.echo.interval",
        ppp.echo.interval,
        &mut config.echo.interval,
        |value| value.time(&seconds(0.0, 86_400)),
    );
    reader.set(
        "ppp.echo.failure",
        ppp.echo.failure,
        &mut config.echo.failure,
        |value| value.count(0..=1_000, "requests"),
    );

    reader.set(
        "network.interface",
        network.interface,
        &mut config.interface,
        |value| value::interface(value.text()?),
    );
    reader.set(
        "network.default_route",
        network.default_route,
        &mut config.default_route,
        Scalar::truth,
    );
    reader.set(
        "network.route_metric",
        network.route_metric,
        &mut config.route_metric,
        |value| value.count(0..=u32::MAX, "smaller is preferred").map(Some),
    );
    reader.set(
        "network.local_address",
        network.local_address,
        &mut config.local_address,
        |value| value.unless_empty(value::address),
    );
    reader.set(
        "network.remote_address",
        network.remote_address,
        &mut config.remote_address,
        |value| value.unless_empty(value::address),
    );
    reader.set(
        "network.netmask",
        network.netmask,
        &mut config.netmask,
        |value| value.unless_empty(value::netmask),
    );

    reader.set(
        "supervision.start",
        supervision.start,
        &mut config.start,
        Scalar::truth,
    );
    reader.set(
        "supervision.persist",
        supervision.persist,
        &mut config.persist,
        Scalar::truth,
    );
    reader.set(
        "supervision.holdoff",
        supervision.holdoff,
        &mut config.holdoff,
        |value| value.time(&seconds(0.0, 86_400)),
    );
}

/// The timers and counters that LCP and IPCP both have.
fn automaton(
    reader: &mut Reader<'_, '_>,
    names: [&'static str; 4],
    given: [Option<Spanned<Scalar>>; 4],
    fsm: &mut FsmConfig,
) {
    let [restart, configure, terminate, failure] = given;
    let [restart_name, configure_name, terminate_name, failure_name] = names;
    reader.set(restart_name, restart, &mut fsm.restart, |value| {
        value.time(&seconds(0.1, 3_600))
    });
    reader.set(configure_name, configure, &mut fsm.max_configure, |value| {
        value.count(1..=10_000, "requests")
    });
    reader.set(terminate_name, terminate, &mut fsm.max_terminate, |value| {
        value.count(1..=100, "requests")
    });
    reader.set(failure_name, failure, &mut fsm.max_failure, |value| {
        value.count(1..=10_000, "refusals")
    });
}

fn seconds(least: f64, most: u32) -> RangeInclusive<f64> {
    least..=f64::from(most)
}

//! What each value of uplinkd.toml may be, and where it goes: modem, PPP and network.

use std::ops::RangeInclusive;

use toml::Spanned;

use super::scalar::Scalar;
use super::schema::{File, Modem, Network, Ppp};
use super::{Reader, supervision, system};
use crate::config::draft::Draft;
use crate::config::{Config, Device, Dialer, device, value};
use crate::ppp::config::FsmConfig;
use crate::secret::Secret;

/// Judges all values of `file` and puts them into `draft`.
pub(super) fn apply(reader: &mut Reader<'_, '_>, draft: &mut Draft<'_>, file: File) {
    let File {
        modem,
        connect,
        disconnect,
        ppp,
        network,
        scripts,
        dns,
        supervision,
        monitor,
        control,
    } = file;
    let direct = modem.direct.as_ref().map(Spanned::span);
    self::modem(reader, draft, modem);
    system::dialer(reader, &mut draft.config, direct, connect);
    system::disconnect(reader, &mut draft.config, disconnect);
    self::ppp(reader, draft, ppp);
    self::network(reader, &mut draft.config, network);
    system::scripts(reader, &mut draft.config.scripts, scripts);
    system::dns(reader, &mut draft.config.dns, dns);
    supervision::apply(reader, &mut draft.config, supervision);
    supervision::monitor(reader, &mut draft.config.monitor, monitor);
    reader.set(
        "control.group",
        control.group,
        &mut draft.config.control_group,
        |value| value.unless_empty(value::group),
    );
}

fn modem(reader: &mut Reader<'_, '_>, draft: &mut Draft<'_>, modem: Modem) {
    let models = draft.models;
    let config = &mut draft.config;
    reader.set(
        "modem.device",
        modem.device,
        &mut config.device,
        |value| match value.text()? {
            "" => Ok(Device::Auto),
            text => device::device(text, models),
        },
    );
    reader.set(
        "modem.profile",
        modem.profile,
        &mut config.profile,
        |value| value.unless_empty(|text| device::profile(text, models)),
    );
    reader.set(
        "modem.profile_dir",
        modem.profile_dir,
        &mut config.profile_dir,
        |value| value::folder(value.text()?),
    );
    reader.set(
        "modem.netmode",
        modem.netmode,
        &mut config.netmode,
        |value| value.unless_empty(value::net_mode).map(Option::flatten),
    );
    reader.set(
        "modem.carrier",
        modem.carrier,
        &mut config.carrier,
        Scalar::carrier,
    );
    reader.set("modem.pin", modem.pin, &mut config.pin, |value| {
        value.unless_empty(value::pin)
    });
    reader.set(
        "modem.connect_ok",
        modem.connect_ok,
        &mut config.connect_ok,
        Scalar::truth,
    );
    reader.set(
        "modem.registration_timeout",
        modem.registration_timeout,
        &mut config.registration_timeout,
        |value| value.time(&seconds(5.0, 3_600)).map(Some),
    );
    reader.set(
        "modem.provisioning_limit",
        modem.provisioning_limit,
        &mut config.provisioning_limit,
        |value| value.count(0..=1_000, "writes a day"),
    );
    reader.set(
        "modem.query_interval",
        modem.query_interval,
        &mut config.query_interval,
        |value| value.time_or_zero(&seconds(5.0, 86_400)),
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
        value::dial(value.text()?).map(Some)
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
        |value| value.time(&seconds(0.1, 600)).map(Some),
    );
    let mut direct = false;
    reader.set("modem.direct", modem.direct, &mut direct, Scalar::truth);
    if direct {
        config.dialer = Dialer::Direct;
    }
}

fn ppp(reader: &mut Reader<'_, '_>, draft: &mut Draft<'_>, ppp: Ppp) {
    let config = &mut draft.config;
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

    reader.set(
        "ppp.max_connect",
        ppp.max_connect,
        &mut config.max_connect,
        |value| {
            let most = value.time(&seconds(0.0, 31_536_000))?;
            Ok(Some(most).filter(|most| !most.is_zero()))
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
    reader.set("ppp.lcp.mtu", given.mtu, &mut lcp.mtu, |value| {
        let mtu = value.whole(&(128..=16_384), "octets")?;
        Ok(u16::try_from(mtu).ok())
    });
    reader.set("ppp.lcp.escape", given.escape, &mut lcp.escape, |value| {
        value::octets(value.text()?)
    });
    reader.set(
        "ppp.lcp.receive_all",
        given.receive_all,
        &mut lcp.receive_all,
        Scalar::truth,
    );
    reader.set(
        "ppp.echo.adaptive",
        ppp.echo.adaptive,
        &mut lcp.echo_adaptive,
        Scalar::truth,
    );
    reader.set(
        "ppp.lcp.identification",
        given.identification,
        &mut lcp.identification,
        |value| value.unless_empty(value::identification),
    );

    reader.set(
        "ppp.pap.password",
        ppp.pap.password,
        &mut config.pap_password,
        |value| {
            value.unless_empty(|text| {
                value::password(text)?;
                Ok(Secret::new(text))
            })
        },
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
}

fn network(reader: &mut Reader<'_, '_>, config: &mut Config, network: Network) {
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
        "network.replace_default_route",
        network.replace_default_route,
        &mut config.replace_default_route,
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
        "network.hold",
        network.hold,
        &mut config.hold,
        Scalar::truth,
    );
    reader.set(
        "network.queue_packets",
        network.queue_packets,
        &mut config.queue_packets,
        |value| value.size(1..=1_024, "packets"),
    );
    reader.set(
        "network.queue_bytes",
        network.queue_bytes,
        &mut config.queue_bytes,
        |value| value.size(1_500..=1_048_576, "bytes"),
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

pub(super) fn seconds(least: f64, most: u32) -> RangeInclusive<f64> {
    least..=f64::from(most)
}

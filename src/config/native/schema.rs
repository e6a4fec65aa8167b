//! The keys of uplinkd.toml.

use serde::Deserialize;
use toml::Spanned;

use super::scalar::Scalar;
use crate::modem::ResetStep;

/// Every key, for suggestions.
pub(super) const KEYS: [&str; 128] = [
    "modem.device",
    "modem.profile",
    "modem.profile_dir",
    "modem.netmode",
    "modem.carrier",
    "modem.pin",
    "modem.connect_ok",
    "modem.registration_timeout",
    "modem.provisioning_limit",
    "modem.query_interval",
    "modem.speed",
    "modem.rtscts",
    "modem.modem_lines",
    "modem.apn",
    "modem.pdp_type",
    "modem.dial",
    "modem.command_timeout",
    "modem.dial_timeout",
    "modem.direct",
    "connect.script",
    "connect.timeout",
    "connect.phone",
    "connect.phone2",
    "connect.verbose",
    "connect.echo",
    "connect.expand",
    "connect.show",
    "connect.char_delay",
    "disconnect.script",
    "disconnect.timeout",
    "disconnect.phone",
    "disconnect.phone2",
    "disconnect.verbose",
    "disconnect.echo",
    "disconnect.expand",
    "disconnect.show",
    "disconnect.char_delay",
    "ppp.provider",
    "ppp.auth",
    "ppp.allow_pap",
    "ppp.account",
    "ppp.password",
    "ppp.max_connect",
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
    "ppp.lcp.mtu",
    "ppp.lcp.escape",
    "ppp.lcp.receive_all",
    "ppp.pap.password",
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
    "ppp.echo.adaptive",
    "network.interface",
    "network.default_route",
    "network.replace_default_route",
    "network.route_metric",
    "network.local_address",
    "network.remote_address",
    "network.netmask",
    "network.hold",
    "network.queue_packets",
    "network.queue_bytes",
    "scripts.enabled",
    "scripts.timeout",
    "scripts.ip_pre_up",
    "scripts.ip_up",
    "scripts.ip_down",
    "scripts.ipparam",
    "scripts.linkname",
    "scripts.environment",
    "scripts.call_file",
    "dns.manager",
    "dns.use_peer",
    "dns.fallback",
    "supervision.start",
    "supervision.persist",
    "supervision.holdoff",
    "supervision.retry",
    "supervision.good_after",
    "supervision.demand",
    "supervision.idle",
    "supervision.backoff.network_max",
    "supervision.backoff.configuration_min",
    "supervision.backoff.configuration_max",
    "supervision.backoff.jitter",
    "supervision.reset.on_fail",
    "supervision.reset.always",
    "supervision.reset.at",
    "supervision.reset.wait",
    "supervision.reset.any",
    "supervision.reset.steps",
    "supervision.reset.command",
    "supervision.reset.reboot",
    "monitor.enabled",
    "monitor.target",
    "monitor.interval",
    "monitor.fail",
    "monitor.log",
    "monitor.timeout",
    "monitor.fixed_target",
    "monitor.payload_is_life",
    "control.group",
];

/// The whole file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) modem: Modem,
    pub(super) connect: Chat,
    pub(super) disconnect: Chat,
    pub(super) ppp: Ppp,
    pub(super) network: Network,
    pub(super) scripts: Scripts,
    pub(super) dns: Dns,
    pub(super) supervision: Supervision,
    pub(super) monitor: Monitor,
    pub(super) control: Control,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Modem {
    pub(super) device: Option<Spanned<Scalar>>,
    pub(super) profile: Option<Spanned<Scalar>>,
    pub(super) profile_dir: Option<Spanned<Scalar>>,
    pub(super) netmode: Option<Spanned<Scalar>>,
    pub(super) carrier: Option<Spanned<Scalar>>,
    pub(super) pin: Option<Spanned<Scalar>>,
    pub(super) connect_ok: Option<Spanned<Scalar>>,
    pub(super) registration_timeout: Option<Spanned<Scalar>>,
    pub(super) provisioning_limit: Option<Spanned<Scalar>>,
    pub(super) query_interval: Option<Spanned<Scalar>>,
    pub(super) speed: Option<Spanned<Scalar>>,
    pub(super) rtscts: Option<Spanned<Scalar>>,
    pub(super) modem_lines: Option<Spanned<Scalar>>,
    pub(super) apn: Option<Spanned<Scalar>>,
    pub(super) pdp_type: Option<Spanned<Scalar>>,
    pub(super) dial: Option<Spanned<Scalar>>,
    pub(super) command_timeout: Option<Spanned<Scalar>>,
    pub(super) dial_timeout: Option<Spanned<Scalar>>,
    pub(super) direct: Option<Spanned<Scalar>>,
}

/// A call of chat(8), for `[connect]` and `[disconnect]`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Chat {
    pub(super) script: Option<Spanned<Vec<String>>>,
    pub(super) timeout: Option<Spanned<Scalar>>,
    pub(super) phone: Option<Spanned<Scalar>>,
    pub(super) phone2: Option<Spanned<Scalar>>,
    pub(super) verbose: Option<Spanned<Scalar>>,
    pub(super) echo: Option<Spanned<Scalar>>,
    pub(super) expand: Option<Spanned<Scalar>>,
    pub(super) show: Option<Spanned<Scalar>>,
    pub(super) char_delay: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ppp {
    pub(super) provider: Option<Spanned<Scalar>>,
    pub(super) auth: Option<Spanned<Scalar>>,
    pub(super) allow_pap: Option<Spanned<Scalar>>,
    pub(super) account: Option<Spanned<Scalar>>,
    pub(super) password: Option<Spanned<Scalar>>,
    pub(super) max_connect: Option<Spanned<Scalar>>,
    pub(super) lcp: Lcp,
    pub(super) pap: Pap,
    pub(super) chap: ChapTimers,
    pub(super) ipcp: Ipcp,
    pub(super) echo: Echo,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Lcp {
    pub(super) restart: Option<Spanned<Scalar>>,
    pub(super) max_configure: Option<Spanned<Scalar>>,
    pub(super) max_terminate: Option<Spanned<Scalar>>,
    pub(super) max_failure: Option<Spanned<Scalar>>,
    pub(super) mru: Option<Spanned<Scalar>>,
    pub(super) accm: Option<Spanned<Scalar>>,
    pub(super) magic: Option<Spanned<Scalar>>,
    pub(super) pfc: Option<Spanned<Scalar>>,
    pub(super) acfc: Option<Spanned<Scalar>>,
    pub(super) silent: Option<Spanned<Scalar>>,
    pub(super) max_loopback: Option<Spanned<Scalar>>,
    pub(super) ack_in_place: Option<Spanned<Scalar>>,
    pub(super) identification: Option<Spanned<Scalar>>,
    pub(super) mtu: Option<Spanned<Scalar>>,
    pub(super) escape: Option<Spanned<Scalar>>,
    pub(super) receive_all: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Pap {
    pub(super) password: Option<Spanned<Scalar>>,
    pub(super) restart: Option<Spanned<Scalar>>,
    pub(super) max_requests: Option<Spanned<Scalar>>,
    pub(super) timeout: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChapTimers {
    pub(super) restart: Option<Spanned<Scalar>>,
    pub(super) max_challenges: Option<Spanned<Scalar>>,
    pub(super) timeout: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ipcp {
    pub(super) restart: Option<Spanned<Scalar>>,
    pub(super) max_configure: Option<Spanned<Scalar>>,
    pub(super) max_terminate: Option<Spanned<Scalar>>,
    pub(super) max_failure: Option<Spanned<Scalar>>,
    pub(super) accept_local: Option<Spanned<Scalar>>,
    pub(super) accept_remote: Option<Spanned<Scalar>>,
    pub(super) request_dns: Option<Spanned<Scalar>>,
    pub(super) pending_interval: Option<Spanned<Scalar>>,
    pub(super) max_pending: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Echo {
    pub(super) interval: Option<Spanned<Scalar>>,
    pub(super) failure: Option<Spanned<Scalar>>,
    pub(super) adaptive: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Network {
    pub(super) interface: Option<Spanned<Scalar>>,
    pub(super) default_route: Option<Spanned<Scalar>>,
    pub(super) replace_default_route: Option<Spanned<Scalar>>,
    pub(super) route_metric: Option<Spanned<Scalar>>,
    pub(super) local_address: Option<Spanned<Scalar>>,
    pub(super) remote_address: Option<Spanned<Scalar>>,
    pub(super) netmask: Option<Spanned<Scalar>>,
    pub(super) hold: Option<Spanned<Scalar>>,
    pub(super) queue_packets: Option<Spanned<Scalar>>,
    pub(super) queue_bytes: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Scripts {
    pub(super) enabled: Option<Spanned<Scalar>>,
    pub(super) timeout: Option<Spanned<Scalar>>,
    pub(super) ip_pre_up: Option<Spanned<Scalar>>,
    pub(super) ip_up: Option<Spanned<Scalar>>,
    pub(super) ip_down: Option<Spanned<Scalar>>,
    pub(super) ipparam: Option<Spanned<Scalar>>,
    pub(super) linkname: Option<Spanned<Scalar>>,
    pub(super) environment: Option<Spanned<Vec<String>>>,
    pub(super) call_file: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Dns {
    pub(super) manager: Option<Spanned<Scalar>>,
    pub(super) use_peer: Option<Spanned<Scalar>>,
    pub(super) fallback: Option<Spanned<Vec<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Supervision {
    pub(super) start: Option<Spanned<Scalar>>,
    pub(super) persist: Option<Spanned<Scalar>>,
    pub(super) holdoff: Option<Spanned<Scalar>>,
    pub(super) retry: Option<Spanned<Scalar>>,
    pub(super) good_after: Option<Spanned<Scalar>>,
    pub(super) demand: Option<Spanned<Scalar>>,
    pub(super) idle: Option<Spanned<Scalar>>,
    pub(super) backoff: Backoff,
    pub(super) reset: Reset,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Backoff {
    pub(super) network_max: Option<Spanned<Scalar>>,
    pub(super) configuration_min: Option<Spanned<Scalar>>,
    pub(super) configuration_max: Option<Spanned<Scalar>>,
    pub(super) jitter: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Reset {
    pub(super) on_fail: Option<Spanned<Scalar>>,
    pub(super) always: Option<Spanned<Scalar>>,
    pub(super) at: Option<Spanned<Scalar>>,
    pub(super) wait: Option<Spanned<Scalar>>,
    pub(super) any: Option<Spanned<Scalar>>,
    pub(super) steps: Option<Spanned<Vec<ResetStep>>>,
    pub(super) command: Option<Spanned<Vec<String>>>,
    pub(super) reboot: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Monitor {
    pub(super) enabled: Option<Spanned<Scalar>>,
    pub(super) target: Option<Spanned<Scalar>>,
    pub(super) interval: Option<Spanned<Scalar>>,
    pub(super) fail: Option<Spanned<Scalar>>,
    pub(super) log: Option<Spanned<Scalar>>,
    pub(super) timeout: Option<Spanned<Scalar>>,
    pub(super) fixed_target: Option<Spanned<Scalar>>,
    pub(super) payload_is_life: Option<Spanned<Scalar>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Control {
    pub(super) group: Option<Spanned<Scalar>>,
}

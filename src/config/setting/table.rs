//! The table: which field of [`Config`] is which key, and when a change of it acts.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::Effect::{self, NextDial, Now, Restart};
use super::{Setting, Value};
use crate::chat;
use crate::config::{
    Auth, Config, Device, Dialer, DnsConfig, DnsManager, MonitorConfig, ScriptsConfig,
};
use crate::link::BackoffPolicy;
use crate::modem::{Carrier, NetMode};
use crate::ppp::config::{AuthTimers, EchoConfig, FsmConfig, IpcpConfig, LcpConfig};

/// Every setting, in the order of the file.
pub(in crate::config) fn settings(config: &Config) -> Vec<Setting> {
    // Without `..`: a new field has to find its place here.
    let Config {
        start,
        persist,
        reset_on_fail,
        reset_always,
        reset_at,
        reset_wait,
        reset_any,
        reset_steps,
        reset_command,
        reset_reboot,
        holdoff,
        retry,
        backoff,
        good_after,
        demand,
        idle,
        hold,
        queue_packets,
        queue_bytes,
        apn,
        pdp_type,
        device,
        profile,
        profile_dir,
        netmode,
        carrier,
        connect_ok,
        pin,
        registration_timeout,
        provisioning_limit,
        query_interval,
        monitor,
        control_group,
        speed,
        rtscts,
        modem_lines,
        default_route,
        replace_default_route,
        route_metric,
        interface,
        auth,
        allow_pap,
        account,
        password,
        pap_password,
        local_address,
        remote_address,
        netmask,
        lcp,
        auth_timers,
        ipcp,
        echo,
        command_timeout,
        dial_timeout,
        dial,
        dialer,
        disconnect,
        max_connect,
        scripts,
        dns,
    } = config;
    let mut list = List(Vec::new());
    let (is_direct, connect) = match dialer {
        Dialer::Modem => (false, None),
        Dialer::Direct => (true, None),
        Dialer::Chat(call) => (false, Some(call.as_ref())),
    };

    list.add("modem.device", device_text(device), NextDial);
    list.add("modem.profile", or_empty(profile.as_deref()), NextDial);
    list.add("modem.profile_dir", profile_dir.as_path(), Restart);
    let netmode = netmode.map(NetMode::as_str);
    list.add("modem.netmode", or_empty(netmode), NextDial);
    list.add("modem.carrier", carrier_text(carrier.as_ref()), NextDial);
    let no_pin = crate::secret::Secret::default();
    list.add("modem.pin", pin.as_ref().unwrap_or(&no_pin), NextDial);
    list.add("modem.connect_ok", *connect_ok, NextDial);
    list.add(
        "modem.registration_timeout",
        unless_unset(*registration_timeout, "what the modem's profile says"),
        NextDial,
    );
    list.add("modem.provisioning_limit", *provisioning_limit, NextDial);
    list.add("modem.query_interval", *query_interval, NextDial);
    list.add("modem.speed", *speed, NextDial);
    list.add("modem.rtscts", *rtscts, NextDial);
    list.add("modem.modem_lines", *modem_lines, NextDial);
    list.add("modem.apn", or_empty(apn.as_deref()), NextDial);
    list.add("modem.pdp_type", pdp_type.as_str(), NextDial);
    list.add(
        "modem.dial",
        unless_unset(
            dial.as_deref(),
            "what the modem's profile says, else ATDT*99***1#",
        ),
        NextDial,
    );
    list.add("modem.command_timeout", *command_timeout, NextDial);
    list.add(
        "modem.dial_timeout",
        unless_unset(*dial_timeout, "what the modem's profile says, else 30"),
        NextDial,
    );
    list.add("modem.direct", is_direct, NextDial);
    list.chat(CONNECT, connect);
    list.chat(DISCONNECT, disconnect.as_deref());

    list.add("ppp.auth", auth_text(*auth), NextDial);
    list.add("ppp.allow_pap", *allow_pap, NextDial);
    list.add("ppp.account", account.as_str(), NextDial);
    list.add("ppp.password", password, NextDial);
    list.add("ppp.max_connect", max_connect.unwrap_or_default(), NextDial);
    list.lcp(lcp);
    let no_password = crate::secret::Secret::default();
    let pap_password = pap_password.as_ref().unwrap_or(&no_password);
    list.add("ppp.pap.password", pap_password, NextDial);
    list.timers(auth_timers);
    list.ipcp(ipcp);
    let EchoConfig { interval, failure } = echo;
    list.add("ppp.echo.interval", *interval, NextDial);
    list.add("ppp.echo.failure", *failure, NextDial);
    list.add("ppp.echo.adaptive", lcp.echo_adaptive, NextDial);

    list.add("network.interface", interface.as_str(), Restart);
    list.add("network.default_route", *default_route, NextDial);
    list.add(
        "network.replace_default_route",
        *replace_default_route,
        NextDial,
    );
    list.add(
        "network.route_metric",
        unless_unset(*route_metric, "0: the former default route is replaced"),
        NextDial,
    );
    list.add(
        "network.local_address",
        address_text(*local_address),
        NextDial,
    );
    list.add(
        "network.remote_address",
        address_text(*remote_address),
        NextDial,
    );
    list.add("network.netmask", address_text(*netmask), NextDial);
    list.add("network.hold", *hold, Restart);
    list.add("network.queue_packets", *queue_packets, Restart);
    list.add("network.queue_bytes", *queue_bytes, Restart);
    list.scripts(scripts);
    list.dns(dns);

    list.add("supervision.start", *start, Restart);
    list.add("supervision.persist", *persist, Now);
    list.add("supervision.holdoff", *holdoff, Now);
    list.add("supervision.retry", *retry, Now);
    list.add("supervision.good_after", *good_after, Now);
    list.add("supervision.demand", *demand, Restart);
    list.add("supervision.idle", idle.unwrap_or_default(), Now);
    let BackoffPolicy {
        network_max,
        configuration_min,
        configuration_max,
        jitter,
    } = backoff;
    list.add("supervision.backoff.network_max", *network_max, Now);
    list.add(
        "supervision.backoff.configuration_min",
        *configuration_min,
        Now,
    );
    list.add(
        "supervision.backoff.configuration_max",
        *configuration_max,
        Now,
    );
    list.add("supervision.backoff.jitter", *jitter, Now);
    list.add("supervision.reset.on_fail", *reset_on_fail, Now);
    list.add("supervision.reset.always", *reset_always, Now);
    let at = reset_at.map(|at| format!("{:02}:{:02}", at.hour, at.minute));
    list.add("supervision.reset.at", or_empty(at.as_deref()), Now);
    list.add(
        "supervision.reset.wait",
        unless_unset(*reset_wait, "30, or what the modem needs if that is longer"),
        Now,
    );
    list.add("supervision.reset.any", *reset_any, Now);
    let steps = match reset_steps {
        Some(steps) => Value::Steps(steps.clone()),
        None => Value::Unset("what the modem's profile says"),
    };
    list.add("supervision.reset.steps", steps, Now);
    let command = reset_command.clone().unwrap_or_default();
    list.add("supervision.reset.command", Value::Texts(command), Now);
    list.add("supervision.reset.reboot", *reset_reboot, Now);

    list.monitor(monitor);
    list.add("control.group", or_empty(control_group.as_deref()), Restart);
    list.0
}

struct List(Vec<Setting>);

/// The keys of a section that is a call of chat(8).
type ChatKeys = [&'static str; 9];

const CONNECT: ChatKeys = [
    "connect.script",
    "connect.timeout",
    "connect.phone",
    "connect.phone2",
    "connect.verbose",
    "connect.echo",
    "connect.expand",
    "connect.show",
    "connect.char_delay",
];

const DISCONNECT: ChatKeys = [
    "disconnect.script",
    "disconnect.timeout",
    "disconnect.phone",
    "disconnect.phone2",
    "disconnect.verbose",
    "disconnect.echo",
    "disconnect.expand",
    "disconnect.show",
    "disconnect.char_delay",
];

impl List {
    fn add(&mut self, key: &'static str, value: impl Into<Value>, effect: Effect) {
        self.0.push(Setting {
            key,
            value: value.into(),
            effect,
        });
    }

    fn chat(&mut self, keys: ChatKeys, call: Option<&chat::Call>) {
        let none = chat::Call {
            script: chat::Script::default(),
            options: chat::Options::default(),
        };
        let chat::Call { script, options } = call.unwrap_or(&none);
        let chat::Options {
            timeout,
            phone,
            phone2,
            verbose,
            echo,
            expand,
            show,
            char_delay,
        } = options;
        let values = [
            Value::Words(script.words().to_vec()),
            Value::from(*timeout),
            or_empty(phone.as_deref()),
            or_empty(phone2.as_deref()),
            Value::from(*verbose),
            Value::from(*echo),
            Value::from(*expand),
            Value::from(*show),
            Value::from(*char_delay),
        ];
        for (key, value) in keys.into_iter().zip(values) {
            self.add(key, value, NextDial);
        }
    }

    fn automaton(&mut self, keys: [&'static str; 4], fsm: &FsmConfig) {
        let FsmConfig {
            restart,
            max_configure,
            max_terminate,
            max_failure,
        } = fsm;
        let values = [
            Value::from(*restart),
            Value::from(*max_configure),
            Value::from(*max_terminate),
            Value::from(*max_failure),
        ];
        for (key, value) in keys.into_iter().zip(values) {
            self.add(key, value, NextDial);
        }
    }

    fn lcp(&mut self, lcp: &LcpConfig) {
        let LcpConfig {
            fsm,
            mru,
            accm,
            magic,
            pfc,
            acfc,
            silent,
            max_loopback,
            ack_in_place,
            identification,
            mtu,
            escape,
            receive_all,
            // A key of the section about echoes.
            echo_adaptive: _,
        } = lcp;
        let keys = [
            "ppp.lcp.restart",
            "ppp.lcp.max_configure",
            "ppp.lcp.max_terminate",
            "ppp.lcp.max_failure",
        ];
        self.automaton(keys, fsm);
        self.add("ppp.lcp.mru", u32::from(*mru), NextDial);
        let accm = accm.map_or(Value::from("off"), Value::Bits);
        self.add("ppp.lcp.accm", accm, NextDial);
        self.add("ppp.lcp.magic", *magic, NextDial);
        self.add("ppp.lcp.pfc", *pfc, NextDial);
        self.add("ppp.lcp.acfc", *acfc, NextDial);
        self.add("ppp.lcp.silent", *silent, NextDial);
        self.add("ppp.lcp.max_loopback", *max_loopback, NextDial);
        self.add("ppp.lcp.ack_in_place", *ack_in_place, NextDial);
        let identification = or_empty(identification.as_deref());
        self.add("ppp.lcp.identification", identification, NextDial);
        let mtu = unless_unset(mtu.map(u32::from), "what the peer takes");
        self.add("ppp.lcp.mtu", mtu, NextDial);
        let escape = Value::Text(octets_text(escape));
        self.add("ppp.lcp.escape", escape, NextDial);
        self.add("ppp.lcp.receive_all", *receive_all, NextDial);
    }

    fn timers(&mut self, timers: &AuthTimers) {
        let AuthTimers {
            pap_restart,
            pap_max_requests,
            pap_timeout,
            chap_restart,
            chap_max_challenges,
            chap_timeout,
        } = timers;
        self.add("ppp.pap.restart", *pap_restart, NextDial);
        self.add("ppp.pap.max_requests", *pap_max_requests, NextDial);
        self.add("ppp.pap.timeout", *pap_timeout, NextDial);
        self.add("ppp.chap.restart", *chap_restart, NextDial);
        self.add("ppp.chap.max_challenges", *chap_max_challenges, NextDial);
        self.add("ppp.chap.timeout", *chap_timeout, NextDial);
    }

    fn ipcp(&mut self, ipcp: &IpcpConfig) {
        let IpcpConfig {
            fsm,
            // The addresses are fields of `Config`; the last one is the ISP's side.
            local: _,
            remote: _,
            assign: _,
            accept_local,
            accept_remote,
            request_dns,
            pending_interval,
            max_pending,
        } = ipcp;
        let keys = [
            "ppp.ipcp.restart",
            "ppp.ipcp.max_configure",
            "ppp.ipcp.max_terminate",
            "ppp.ipcp.max_failure",
        ];
        self.automaton(keys, fsm);
        self.add("ppp.ipcp.accept_local", *accept_local, NextDial);
        self.add("ppp.ipcp.accept_remote", *accept_remote, NextDial);
        self.add("ppp.ipcp.request_dns", *request_dns, NextDial);
        self.add("ppp.ipcp.pending_interval", *pending_interval, NextDial);
        self.add("ppp.ipcp.max_pending", *max_pending, NextDial);
    }

    fn scripts(&mut self, scripts: &ScriptsConfig) {
        let ScriptsConfig {
            enabled,
            timeout,
            ip_pre_up,
            ip_up,
            ip_down,
            ipparam,
            linkname,
            environment,
            call_file,
        } = scripts;
        self.add("scripts.enabled", *enabled, NextDial);
        self.add("scripts.timeout", *timeout, NextDial);
        self.add("scripts.ip_pre_up", path_text(ip_pre_up.as_ref()), NextDial);
        self.add("scripts.ip_up", path_text(ip_up.as_ref()), NextDial);
        self.add("scripts.ip_down", path_text(ip_down.as_ref()), NextDial);
        self.add("scripts.ipparam", or_empty(ipparam.as_deref()), NextDial);
        self.add("scripts.linkname", or_empty(linkname.as_deref()), Restart);
        let variables = environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.add("scripts.environment", Value::Texts(variables), NextDial);
        let call_file = or_empty(call_file.as_deref());
        self.add("scripts.call_file", call_file, NextDial);
    }

    fn dns(&mut self, dns: &DnsConfig) {
        let DnsConfig {
            manager,
            use_peer,
            fallback,
        } = dns;
        let manager = match manager {
            DnsManager::Auto => "auto",
            DnsManager::Resolved => "resolved",
            DnsManager::Resolvconf => "resolvconf",
            DnsManager::File => "file",
            DnsManager::None => "none",
        };
        self.add("dns.manager", manager, NextDial);
        self.add("dns.use_peer", *use_peer, NextDial);
        let fallback = fallback.iter().map(ToString::to_string).collect();
        self.add("dns.fallback", Value::Texts(fallback), NextDial);
    }

    fn monitor(&mut self, monitor: &MonitorConfig) {
        let MonitorConfig {
            enabled,
            target,
            interval,
            fail,
            log,
            timeout,
            fixed_target,
            payload_is_life,
        } = monitor;
        self.add("monitor.enabled", *enabled, Now);
        self.add("monitor.target", or_empty(target.as_deref()), Now);
        self.add("monitor.interval", *interval, Now);
        self.add("monitor.fail", *fail, Now);
        self.add("monitor.log", *log, Now);
        self.add("monitor.timeout", *timeout, Now);
        self.add("monitor.fixed_target", *fixed_target, Now);
        self.add("monitor.payload_is_life", *payload_is_life, Now);
    }
}

fn or_empty(text: Option<&str>) -> Value {
    Value::from(text.unwrap_or_default())
}

fn unless_unset<T: Into<Value>>(value: Option<T>, words: &'static str) -> Value {
    value.map_or(Value::Unset(words), Into::into)
}

fn path_text(path: Option<&PathBuf>) -> Value {
    path.map_or_else(|| Value::from(""), |path| Value::from(path.as_path()))
}

fn address_text(address: Option<Ipv4Addr>) -> Value {
    Value::Text(
        address
            .map(|address| address.to_string())
            .unwrap_or_default(),
    )
}

fn device_text(device: &Device) -> Value {
    match device {
        Device::Auto => Value::from("AUTO"),
        Device::Model(name) => Value::from(name.as_str()),
        Device::Tty(path) => Value::from(path.as_path()),
    }
}

fn carrier_text(carrier: Option<&Carrier>) -> String {
    match carrier {
        None => String::new(),
        Some(Carrier::Number(number)) => number.to_string(),
        Some(Carrier::Plmn(digits)) => digits.clone(),
    }
}

/// `11,13`: the numbers of the bits that are set, as pppd's `escape` has them.
pub(in crate::config) fn octets_text(map: &[u32; 8]) -> String {
    let is_set = |octet: &u8| {
        let word = map.get(usize::from(octet / 32)).copied();
        word.unwrap_or_default() >> (octet % 32) & 1 == 1
    };
    let octets = (0..=u8::MAX).filter(is_set);
    let octets: Vec<String> = octets.map(|octet| format!("{octet:02x}")).collect();
    octets.join(",")
}

fn auth_text(auth: Auth) -> &'static str {
    match auth {
        Auth::Chap => "CHAP",
        Auth::Pap => "PAP",
        Auth::NoAuth => "NOAUTH",
    }
}

//! What each setting means.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::diagnostic::Severity;
use crate::config::draft::Field;
use crate::config::pppd::Reading;
use crate::config::pppd::numbers;
use crate::config::pppd::options::{self, Options, Setting};
use crate::config::pppd::table::{Act, Compression, Counter, Group, Layer, Proof, Service};
use crate::config::report::Report;
use crate::config::value;
use crate::config::{Config, Device, DnsConfig};
use crate::ppp::config::{EchoConfig, IpcpConfig};

const YEAR: i64 = 31_536_000;

/// A configuration in the making.
pub(super) struct Import<'a, 'r> {
    pub(super) options: &'a Options,
    pub(super) reading: &'a Reading<'a>,
    pub(super) report: &'r mut Report,
    pub(super) config: Config,
    pub(super) device: Option<PathBuf>,
    /// What the main file can say too, and where it is said.
    pub(super) said: Vec<(Field, usize)>,
    pub(super) max_fail: Option<(u32, usize)>,
    /// The last setting of each group.
    pub(super) in_force: Vec<(Group, usize)>,
    pub(super) refuses_chap: bool,
    pub(super) refuses_pap: bool,
    pub(super) chap_secrets: Option<PathBuf>,
    pub(super) pap_secrets: Option<PathBuf>,
    /// `nodefaultroute` was there: pppd refuses `defaultroute` from then on.
    no_route: bool,
    /// The characters of `asyncmap`.
    map: u32,
    named_interface: bool,
    warned: Vec<&'static str>,
}

impl<'a, 'r> Import<'a, 'r> {
    pub(super) fn new(
        options: &'a Options,
        reading: &'a Reading<'a>,
        report: &'r mut Report,
    ) -> Self {
        Self {
            options,
            reading,
            report,
            config: without_options(),
            device: None,
            said: Vec::new(),
            max_fail: None,
            in_force: Vec::new(),
            refuses_chap: false,
            refuses_pap: false,
            chap_secrets: None,
            pap_secrets: None,
            no_route: false,
            map: 0,
            named_interface: false,
            warned: Vec::new(),
        }
    }

    /// Takes the setting with that index.
    pub(super) fn setting(&mut self, index: usize) {
        let options: &'a Options = self.options;
        let Some(setting) = options.settings.get(index) else {
            return;
        };
        let row = setting.row;
        match row.service {
            Service::Honour => self.act(setting, index),
            Service::Always => {}
            Service::Warn => {
                if !self.warned.contains(&row.name) {
                    self.warned.push(row.name);
                    let message = format!("{} is not used: {}", row.name, row.note);
                    self.add(
                        Severity::Warning,
                        setting,
                        message,
                        "expected no such option; it does no harm",
                    );
                }
            }
            Service::Refuse => {
                let message = format!("{} cannot be done: {}", row.name, row.note);
                self.error(setting, message, "expected no such option");
            }
            Service::RefuseIfInForce(group) | Service::TakesBack(group) => {
                self.in_force.retain(|(known, _)| *known != group);
                self.in_force.push((group, index));
            }
        }
    }

    fn act(&mut self, setting: &'a Setting, index: usize) {
        match setting.row.act {
            Act::Nothing
            | Act::Call
            | Act::File
            // These are judged at the end: only the last one counts.
            | Act::Connect
            | Act::Disconnect
            | Act::Domain
            | Act::Init
            | Act::Name
            | Act::Password
            | Act::RemoteName
            | Act::UseHostName
            | Act::User
            | Act::UserFile => {}
            Act::Refuse(Proof::Chap) => self.refuses_chap = true,
            Act::Refuse(Proof::Pap) => self.refuses_pap = true,
            Act::Secrets(Proof::Chap) => self.chap_secrets = self.path(setting),
            Act::Secrets(Proof::Pap) => self.pap_secrets = self.path(setting),
            Act::Demand
            | Act::Holdoff
            | Act::Idle
            | Act::MaxConnect
            | Act::MaxFail
            | Act::MaxOctets
            | Act::Persist(_) => self.supervision(setting, index),
            Act::Device | Act::Speed | Act::Flow(_) | Act::Modem(_) | Act::StopBits => self.line(setting),
            Act::AsyncMap
            | Act::Compression(_)
            | Act::DefaultAsyncMap
            | Act::DefaultMru
            | Act::EchoAdaptive
            | Act::EchoFailure
            | Act::EchoInterval
            | Act::Escape
            | Act::Mru
            | Act::Mtu
            | Act::NoLcpOptions
            | Act::NoMagic
            | Act::ReceiveAll
            | Act::Silent => self.lcp(setting),
            Act::Fsm(layer, counter) => self.automaton(setting, layer, counter),
            Act::ChapTimeout | Act::PapMaxRequests | Act::PapRestart | Act::PapTimeout => {
                self.timers(setting);
            }
            Act::AcceptLocal
            | Act::AcceptRemote
            | Act::Addresses
            | Act::DefaultRoute(_)
            | Act::IfName
            | Act::NetMask
            | Act::ReplaceDefaultRoute(_)
            | Act::RouteMetric
            | Act::Unit
            | Act::UsePeerDns => self.network(setting),
            Act::IpDown
            | Act::IpParam
            | Act::IpPreUp
            | Act::IpUp
            | Act::LinkName
            | Act::Set
            | Act::Unset => self.scripts(setting),
        }
    }

    fn supervision(&mut self, setting: &Setting, index: usize) {
        let field = match setting.row.act {
            Act::Demand => {
                self.config.demand = true;
                Field::Demand
            }
            Act::Persist(_) => Field::Persist,
            Act::Holdoff => {
                let Some(holdoff) = self.seconds(setting, 0..=86_400) else {
                    return;
                };
                self.config.holdoff = holdoff;
                Field::Holdoff
            }
            Act::Idle => {
                let Some(idle) = self.seconds(setting, 0..=YEAR) else {
                    return;
                };
                self.config.idle = Some(idle).filter(|idle| !idle.is_zero());
                Field::Idle
            }
            Act::MaxConnect => {
                if let Some(limit) = self.seconds(setting, 0..=YEAR) {
                    self.config.max_connect = Some(limit).filter(|limit| !limit.is_zero());
                }
                return;
            }
            Act::MaxFail => {
                let count = self.count(setting, 0..=i64::from(i32::MAX));
                self.max_fail = count.map(|count| (count, index));
                return;
            }
            _ => {
                if self
                    .count(setting, 0..=i64::from(i32::MAX))
                    .is_some_and(|limit| limit != 0)
                {
                    let message = format!(
                        "{} cannot be done: the traffic of a link has no limit here",
                        setting.row.name
                    );
                    self.error(setting, message, "expected no such option, or 0");
                }
                return;
            }
        };
        self.said.retain(|(known, _)| *known != field);
        self.said.push((field, index));
    }

    fn line(&mut self, setting: &Setting) {
        match setting.row.act {
            Act::Device => {
                let Some(text) = self.text(setting) else {
                    return;
                };
                let path = if text.starts_with('/') {
                    PathBuf::from(&text)
                } else {
                    PathBuf::from(format!("/dev/{text}"))
                };
                if self.reading.files.kind(&path) == crate::config::files::FileKind::Other {
                    let message = format!("{} is not a character device", self.told(setting));
                    self.error(setting, message, "expected the modem's tty");
                    return;
                }
                self.config.device = Device::Tty(path.clone());
                self.device = Some(path);
            }
            Act::Speed => {
                let Some(text) = self.text(setting) else {
                    return;
                };
                let speed = options::speed(&text).unwrap_or_default();
                if let Some(speed) = self.judged(setting, value::speed(u64::from(speed))) {
                    self.config.speed = speed;
                }
            }
            Act::Flow(rtscts) => self.config.rtscts = rtscts,
            Act::Modem(modem) => self.config.modem_lines = modem,
            _ => {
                if self.count(setting, 1..=2) == Some(2) {
                    let message =
                        "stop-bits 2 cannot be done: characters have one stop bit here".to_owned();
                    self.error(
                        setting,
                        message,
                        "expected no such option: a modem on USB has none",
                    );
                }
            }
        }
    }

    fn lcp(&mut self, setting: &Setting) {
        match setting.row.act {
            Act::AsyncMap => {
                if let Some(map) = self.number(setting, Some(16)) {
                    self.map |= map;
                    self.config.lcp.accm = Some(self.map);
                }
            }
            Act::DefaultAsyncMap => {
                self.map = u32::MAX;
                self.config.lcp.accm = None;
            }
            Act::Compression(Compression::AddressControl) => self.config.lcp.acfc = false,
            Act::Compression(Compression::Protocol) => self.config.lcp.pfc = false,
            Act::DefaultMru => self.config.lcp.mru = 1500,
            Act::EchoAdaptive => self.config.lcp.echo_adaptive = true,
            Act::EchoFailure => {
                if let Some(count) = self.count(setting, 0..=i64::from(i32::MAX)) {
                    self.config.echo.failure = count;
                }
            }
            Act::EchoInterval => {
                if let Some(interval) = self.seconds(setting, 0..=86_400) {
                    self.config.echo.interval = interval;
                }
            }
            Act::Escape => self.escape(setting),
            Act::Mru => {
                if let Some(mru) = self.octets(setting) {
                    self.config.lcp.mru = mru;
                }
            }
            Act::Mtu => {
                if let Some(mtu) = self.octets(setting) {
                    self.config.lcp.mtu = Some(mtu);
                }
            }
            Act::NoLcpOptions => {
                let lcp = &mut self.config.lcp;
                (lcp.mru, lcp.accm) = (1500, None);
                (lcp.magic, lcp.pfc, lcp.acfc) = (false, false, false);
            }
            Act::NoMagic => self.config.lcp.magic = false,
            Act::ReceiveAll => self.config.lcp.receive_all = true,
            _ => self.config.lcp.silent = true,
        }
    }

    /// `escape xx,yy`.
    fn escape(&mut self, setting: &Setting) {
        let Some(text) = self.text(setting) else {
            return;
        };
        if let Some(map) = self.judged(setting, value::octets(&text)) {
            for (word, more) in self.config.lcp.escape.iter_mut().zip(map) {
                *word |= more;
            }
        }
    }

    fn automaton(&mut self, setting: &Setting, layer: Layer, counter: Counter) {
        let most = match counter {
            Counter::Restart => {
                if let Some(restart) = self.seconds(setting, 1..=3_600) {
                    self.fsm(layer).restart = restart;
                }
                return;
            }
            Counter::MaxTerminate => 100,
            Counter::MaxConfigure | Counter::MaxFailure => 10_000,
        };
        let Some(count) = self.count(setting, 1..=most) else {
            return;
        };
        let fsm = self.fsm(layer);
        match counter {
            Counter::MaxTerminate => fsm.max_terminate = count,
            Counter::MaxConfigure => fsm.max_configure = count,
            Counter::MaxFailure | Counter::Restart => fsm.max_failure = count,
        }
    }

    fn fsm(&mut self, layer: Layer) -> &mut crate::ppp::config::FsmConfig {
        match layer {
            Layer::Lcp => &mut self.config.lcp.fsm,
            Layer::Ipcp => &mut self.config.ipcp.fsm,
        }
    }

    fn timers(&mut self, setting: &Setting) {
        if setting.row.act == Act::PapMaxRequests {
            if let Some(count) = self.count(setting, 1..=1_000) {
                self.config.auth_timers.pap_max_requests = count;
            }
            return;
        }
        let Some(time) = self.seconds(setting, 1..=3_600) else {
            return;
        };
        let timers = &mut self.config.auth_timers;
        match setting.row.act {
            Act::ChapTimeout => timers.chap_timeout = time,
            Act::PapTimeout => timers.pap_timeout = time,
            _ => timers.pap_restart = time,
        }
    }

    fn network(&mut self, setting: &Setting) {
        match setting.row.act {
            Act::AcceptLocal => self.config.ipcp.accept_local = true,
            Act::AcceptRemote => self.config.ipcp.accept_remote = true,
            Act::Addresses => self.addresses(setting),
            Act::DefaultRoute(true) if self.no_route => {
                let message = "defaultroute is refused by a nodefaultroute before it".to_owned();
                self.error(setting, message, "expected only one of them");
            }
            Act::DefaultRoute(on) => {
                self.no_route |= !on;
                self.config.default_route = on;
            }
            Act::ReplaceDefaultRoute(on) => self.config.replace_default_route = on,
            Act::RouteMetric => {
                if let Some(metric) = self.whole(setting, -1..=i64::from(i32::MAX)) {
                    self.config.route_metric = u32::try_from(metric).ok();
                }
            }
            Act::Unit => {
                let Some(unit) = self.count(setting, 0..=999_999) else {
                    return;
                };
                // As in pppd, the name stands above the number.
                if !self.named_interface {
                    self.config.interface = format!("ppp{unit}");
                }
            }
            Act::IfName => {
                let Some(text) = self.text(setting) else {
                    return;
                };
                if let Some(name) = self.judged(setting, value::interface(&text)) {
                    self.named_interface = true;
                    self.config.interface = name;
                }
            }
            Act::NetMask => {
                let Some(text) = self.text(setting) else {
                    return;
                };
                let mask = numbers::netmask(&text).map(|mask| mask.to_string());
                let judged = value::netmask(mask.as_deref().unwrap_or(&text));
                if let Some(mask) = self.judged(setting, judged) {
                    self.config.netmask = Some(mask);
                }
            }
            _ => {
                self.config.ipcp.request_dns = true;
                self.config.dns.use_peer = true;
            }
        }
    }

    /// `LOCAL:REMOTE`, either of which may be left out.
    fn addresses(&mut self, setting: &Setting) {
        let Some(text) = self.text(setting) else {
            return;
        };
        let (local, remote) = text.split_once(':').unwrap_or((&text, ""));
        for (end, text) in [("local", local), ("remote", remote)] {
            if text.is_empty() {
                continue;
            }
            let Some(address) = numbers::address(text) else {
                let message = format!(
                    "the {end} address in {} is none, and names are not looked up here",
                    self.told(setting)
                );
                self.error(
                    setting,
                    message,
                    "expected LOCAL:REMOTE, e.g. 192.0.2.1:192.0.2.2",
                );
                continue;
            };
            if numbers::is_bad(address) {
                let message = format!("the {end} address {address} cannot be that of a link");
                self.error(
                    setting,
                    message,
                    "expected LOCAL:REMOTE, e.g. 192.0.2.1:192.0.2.2",
                );
                continue;
            }
            // 0.0.0.0 says nothing.
            let address = Some(address).filter(|address| *address != Ipv4Addr::UNSPECIFIED);
            let former = match end {
                "local" => &mut self.config.local_address,
                _ => &mut self.config.remote_address,
            };
            *former = address.or(*former);
        }
    }

    fn scripts(&mut self, setting: &Setting) {
        match setting.row.act {
            Act::IpDown => self.config.scripts.ip_down = self.path(setting),
            Act::IpPreUp => self.config.scripts.ip_pre_up = self.path(setting),
            Act::IpUp => self.config.scripts.ip_up = self.path(setting),
            Act::IpParam => self.config.scripts.ipparam = self.text(setting),
            Act::LinkName => {
                let Some(text) = self.text(setting) else {
                    return;
                };
                if text.is_empty() || text.contains('/') || text.len() > 64 {
                    let message = format!(
                        "linkname: {} cannot be part of a file's name",
                        self.told(setting)
                    );
                    self.error(
                        setting,
                        message,
                        "expected up to 64 characters, no slash among them",
                    );
                    return;
                }
                self.config.scripts.linkname = Some(text);
            }
            Act::Set => {
                let Some(text) = self.text(setting) else {
                    return;
                };
                let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty())
                else {
                    self.error(
                        setting,
                        "set: this is not NAME=VALUE".to_owned(),
                        "expected e.g. set ROLE=backup",
                    );
                    return;
                };
                let environment = &mut self.config.scripts.environment;
                environment.retain(|(known, _)| known != name);
                environment.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                let Some(text) = self.text(setting) else {
                    return;
                };
                if text.is_empty() || text.contains('=') {
                    let message = format!("unset: {} is no name of a variable", self.told(setting));
                    self.error(setting, message, "expected a name");
                    return;
                }
                self.config
                    .scripts
                    .environment
                    .retain(|(known, _)| *known != text);
            }
        }
    }
}

/// What pppd does without any options.
fn without_options() -> Config {
    Config {
        rtscts: false,
        replace_default_route: false,
        echo: EchoConfig {
            interval: Duration::ZERO,
            failure: 0,
        },
        ipcp: IpcpConfig {
            request_dns: false,
            ..Config::default().ipcp
        },
        dns: DnsConfig {
            use_peer: false,
            ..DnsConfig::default()
        },
        ..Config::default()
    }
}

//! The keys of the `KEY=VALUE` format.

use crate::config::draft::Field;

/// The keys of the format, in the order of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Start,
    Provider,
    Persist,
    ResetOnFail,
    ResetAlways,
    ResetAt,
    ResetWait,
    Holdoff,
    Retry,
    Apn,
    PdpType,
    Demand,
    Idle,
    Device,
    DefaultRoute,
    Auth,
    Account,
    Password,
    NetMode,
    CarrierId,
    LocalAddr,
    RemoteAddr,
    Netmask,
    Monitor,
    MonitorTarget,
    MonitorInterval,
    MonitorFail,
    MonitorLog,
    ConnectOk,
    Pin,
}

/// Name, and an example of a value.
pub(super) const KEYS: [(Key, &str, &str); 30] = [
    (Key::Start, "START", "yes"),
    (Key::Provider, "PROVIDER", "DTI"),
    (Key::Persist, "PERSIST", "1"),
    (Key::ResetOnFail, "RESET_ON_FAIL", "1"),
    (Key::ResetAlways, "RESET_ALWAYS", "0"),
    (Key::ResetAt, "RESET_AT", "03:00"),
    (Key::ResetWait, "RESET_WAIT", "30"),
    (Key::Holdoff, "HOLDOFF", "5"),
    (Key::Retry, "RETRY", "3"),
    (Key::Apn, "APN", "dream.jp"),
    (Key::PdpType, "PDPTYPE", "IP"),
    (Key::Demand, "DEMAND", "0"),
    (Key::Idle, "IDLE", "60"),
    (Key::Device, "DEVICE", "ttyUSB0"),
    (Key::DefaultRoute, "DEFAULTROUTE", "1"),
    (Key::Auth, "AUTH", "CHAP"),
    (Key::Account, "ACCOUNT", "user@dream.jp"),
    (Key::Password, "PASSWORD", "..."),
    (Key::NetMode, "NETMODE", "AUTO"),
    (Key::CarrierId, "CARRIERID", "4"),
    (Key::LocalAddr, "LOCALADDR", "192.0.2.1"),
    (Key::RemoteAddr, "REMOTEADDR", "192.0.2.2"),
    (Key::Netmask, "NETMASK", "255.255.255.0"),
    (Key::Monitor, "MONITOR", "yes"),
    (Key::MonitorTarget, "MONITOR_TARGET", "www.example.jp"),
    (Key::MonitorInterval, "MONITOR_INTERVAL", "30"),
    (Key::MonitorFail, "MONITOR_FAIL", "3"),
    (Key::MonitorLog, "MONITOR_LOG", "yes"),
    (Key::ConnectOk, "CONNECT_OK", "1"),
    (Key::Pin, "PIN", "..."),
];

impl Key {
    pub(super) fn find(name: &str) -> Option<(Self, &'static str, &'static str)> {
        KEYS.iter().find(|(_, known, _)| *known == name).copied()
    }

    /// The key for a field that readers share; `None`: this format has no key for it.
    pub(super) fn of(field: Field) -> Option<(Self, &'static str)> {
        let key = match field {
            Field::Apn => Self::Apn,
            Field::Device => Self::Device,
            Field::Auth => Self::Auth,
            Field::Account => Self::Account,
            Field::Password => Self::Password,
            Field::LocalAddress => Self::LocalAddr,
            Field::RemoteAddress => Self::RemoteAddr,
            Field::Persist => Self::Persist,
            Field::Demand => Self::Demand,
            Field::Idle => Self::Idle,
            Field::Retry => Self::Retry,
            Field::ResetOnFail => Self::ResetOnFail,
            Field::ResetAlways => Self::ResetAlways,
            Field::Monitor => Self::Monitor,
            Field::MonitorInterval => Self::MonitorInterval,
            Field::MonitorFail => Self::MonitorFail,
            Field::Holdoff => Self::Holdoff,
            Field::MonitorTimeout
            | Field::NetworkMax
            | Field::ConfigurationMin
            | Field::ConfigurationMax
            | Field::ResetAny
            | Field::ResetSteps
            | Field::ResetCommand
            | Field::ResetReboot => return None,
        };
        let (_, name, _) = KEYS.iter().find(|(known, ..)| *known == key)?;
        Some((key, name))
    }

    /// Whether it says something that the options of a peers file say instead (spec C2). DEVICE is not among them: the peers
    /// file need not name a tty.
    pub(super) fn is_of_link(self) -> bool {
        match self {
            Self::Apn
            | Self::PdpType
            | Self::DefaultRoute
            | Self::Auth
            | Self::Account
            | Self::Password
            | Self::NetMode
            | Self::CarrierId
            | Self::LocalAddr
            | Self::RemoteAddr
            | Self::Netmask
            | Self::Pin => true,
            Self::Start
            | Self::Provider
            | Self::Persist
            | Self::ResetOnFail
            | Self::ResetAlways
            | Self::ResetAt
            | Self::ResetWait
            | Self::Holdoff
            | Self::Retry
            | Self::Demand
            | Self::Idle
            | Self::Device
            | Self::Monitor
            | Self::MonitorTarget
            | Self::MonitorInterval
            | Self::MonitorFail
            | Self::MonitorLog
            | Self::ConnectOk => false,
        }
    }

    /// What uplinkd.toml calls it. A peers file is no setting: what it says is.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Start => "supervision.start",
            Self::Provider => "",
            Self::Persist => "supervision.persist",
            Self::ResetOnFail => "supervision.reset.on_fail",
            Self::ResetAlways => "supervision.reset.always",
            Self::ResetAt => "supervision.reset.at",
            Self::ResetWait => "supervision.reset.wait",
            Self::Holdoff => "supervision.holdoff",
            Self::Retry => "supervision.retry",
            Self::Apn => "modem.apn",
            Self::PdpType => "modem.pdp_type",
            Self::Demand => "supervision.demand",
            Self::Idle => "supervision.idle",
            Self::Device => "modem.device",
            Self::DefaultRoute => "network.default_route",
            Self::Auth => "ppp.auth",
            Self::Account => "ppp.account",
            Self::Password => "ppp.password",
            Self::NetMode => "modem.netmode",
            Self::CarrierId => "modem.carrier",
            Self::LocalAddr => "network.local_address",
            Self::RemoteAddr => "network.remote_address",
            Self::Netmask => "network.netmask",
            Self::Monitor => "monitor.enabled",
            Self::MonitorTarget => "monitor.target",
            Self::MonitorInterval => "monitor.interval",
            Self::MonitorFail => "monitor.fail",
            Self::MonitorLog => "monitor.log",
            Self::ConnectOk => "modem.connect_ok",
            Self::Pin => "modem.pin",
        }
    }

    /// Whether its values may hold blanks.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Account | Self::Password)
    }
}

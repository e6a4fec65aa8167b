//! What a configuration will do, in words (spec C28): what `uplinkd config check` prints.

mod supervision;

use std::path::Path;
use std::time::Duration;

use super::{Auth, Config, Device, Dialer, DnsManager, diagnostic};
use crate::modem::{Carrier, NetMode, Profile, Profiles};

/// One subject and its sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `Modem`, `Dial`.
    pub about: &'static str,
    /// What will happen.
    pub words: String,
}

/// All of it, in the order in which it happens. `ppp_dir`: where pppd's files are. No secret is in it.
pub fn describe(config: &Config, profiles: &Profiles, ppp_dir: &Path) -> Vec<Description> {
    let profile = profile(config, profiles);
    [
        ("Start", start(config)),
        ("Modem", modem(config, profile.as_ref())),
        ("SIM and network", network_access(config)),
        ("Dial", dial(config, profile.as_ref())),
        ("Authentication", authentication(config)),
        ("Interface", interface(config)),
        ("Default route", route(config)),
        ("DNS", dns(config, ppp_dir)),
        ("Scripts", scripts(config, ppp_dir)),
        ("Link", supervision::link(config)),
        ("Failures", supervision::failures(config)),
        ("Reset", supervision::reset(config, profile.as_ref())),
        ("Monitor", supervision::monitor(config)),
    ]
    .into_iter()
    .map(|(about, words)| Description {
        about,
        // Names come from the file, and may hold what would move the cursor.
        words: diagnostic::printable(&words),
    })
    .collect()
}

/// The modem's profile as far as the configuration says which it is.
fn profile(config: &Config, profiles: &Profiles) -> Option<Profile> {
    let of_device = match &config.device {
        Device::Auto => None,
        Device::Model(name) => profiles.get(name),
        Device::Tty(path) => path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| profiles.get(name)),
    };
    let configured = config.profile.as_ref().and_then(|name| profiles.get(name));
    let found = configured.or(of_device)?;
    Some(found.as_ref().clone())
}

fn start(config: &Config) -> String {
    if config.start {
        "at boot, once the modem is there (START=yes).".to_owned()
    } else {
        "not at boot (START=no); by hand: systemctl start ppp.service.".to_owned()
    }
}

fn modem(config: &Config, profile: Option<&Profile>) -> String {
    let flow = if config.rtscts {
        "RTS/CTS"
    } else {
        "no flow control"
    };
    let lines = if config.modem_lines {
        "its carrier line counts"
    } else {
        "its carrier line does not count"
    };
    let tty = format!("{} bit/s, {flow}, {lines}", config.speed);
    let which = match &config.device {
        Device::Auto => {
            "any modem that is known, found by its USB identity, then by asking the ttys".to_owned()
        }
        Device::Model(name) => {
            format!("a {name}, found by its USB identity, then by asking the ttys")
        }
        Device::Tty(path) => format!("the one on {}", path.display()),
    };
    let known = match (profile, &config.device) {
        (Some(profile), _) => format!("Profile {}: {}.", profile.name, profile.about),
        (None, _) if config.dialer != Dialer::Modem => String::new(),
        (None, _) => "Its profile follows from what it is.".to_owned(),
    };
    format!("{which}; {tty}. {known}").trim_end().to_owned()
}

fn network_access(config: &Config) -> String {
    if config.dialer != Dialer::Modem {
        return "nothing is asked or set: PIN, NETMODE and CARRIERID are not used.".to_owned();
    }
    let pin = match &config.pin {
        Some(_) => "the PIN is sent if the SIM asks for one, never twice if it is wrong",
        None => "no PIN",
    };
    let mode = match config.netmode {
        None => "the radio technology stays as the modem has it",
        Some(NetMode::Auto) => "the modem chooses the radio technology",
        Some(NetMode::Wcdma) => "3G only",
        Some(NetMode::Lte) => "LTE only",
    };
    let carrier = match &config.carrier {
        None => "the network stays as the modem has it".to_owned(),
        Some(Carrier::Number(4)) => "the modem chooses the network".to_owned(),
        Some(Carrier::Number(number)) => format!("carrier {number} of CARRIERID's list"),
        Some(Carrier::Plmn(digits)) => format!("network {digits}"),
    };
    format!("{pin}; {mode}; {carrier}.")
}

fn dial(config: &Config, profile: Option<&Profile>) -> String {
    match &config.dialer {
        Dialer::Direct => return "nothing is dialed: the tty is the line to the peer.".to_owned(),
        Dialer::Chat(call) => {
            return format!(
                "by a chat script of {} words; each expect may take {}.",
                call.script.words().len(),
                time(call.options.timeout)
            );
        }
        Dialer::Modem => {}
    }
    let context = match &config.apn {
        Some(apn) if config.connect_ok && profile.is_none_or(|profile| profile.flash_wear) => {
            format!(
                "APN {apn:?} ({}); CONNECT_OK is set, so a modem whose flash memory wears out is not told it again",
                config.pdp_type.as_str()
            )
        }
        Some(apn) => format!("APN {apn:?} ({})", config.pdp_type.as_str()),
        None => "no APN: the context that the modem has".to_owned(),
    };
    let command = config
        .dial
        .as_deref()
        .or_else(|| profile.map(|profile| profile.dial.dial.as_str()));
    let command = command.map_or_else(
        || "then the profile's dial command, else ATDT*99***1#".to_owned(),
        |command| format!("then {command}"),
    );
    let until = config
        .dial_timeout
        .or_else(|| profile.map(|profile| profile.dial.dial_timeout));
    let until = until.map_or_else(String::new, |until| {
        format!(", and at most {} until CONNECT", time(until))
    });
    format!("{context}; {command}{until}.")
}

fn authentication(config: &Config) -> String {
    match config.auth {
        Auth::NoAuth => "none: a demand is rejected.".to_owned(),
        Auth::Chap if config.allow_pap => {
            format!("CHAP as {:?}, or PAP if the peer insists.", config.account)
        }
        Auth::Chap => format!("CHAP as {:?}; PAP is not agreed to.", config.account),
        Auth::Pap => format!("PAP as {:?}; CHAP is not agreed to.", config.account),
    }
}

fn interface(config: &Config) -> String {
    let address = |address: Option<std::net::Ipv4Addr>, what: &str| {
        address.map_or_else(
            || format!("{what} by negotiation"),
            |address| format!("{what} {address}"),
        )
    };
    let stays = if config.hold || config.demand {
        format!(
            "; it stays while the link is down, and up to {} packets wait",
            config.queue_packets
        )
    } else {
        String::new()
    };
    let echo = if config.echo.interval.is_zero() || config.echo.failure == 0 {
        "no LCP echo watches the peer".to_owned()
    } else {
        format!(
            "an LCP echo every {}, {} lost end the link",
            time(config.echo.interval),
            config.echo.failure
        )
    };
    format!(
        "{}, {}, {}{stays}; {echo}.",
        config.interface,
        address(config.local_address, "our address"),
        address(config.remote_address, "the peer's")
    )
}

fn route(config: &Config) -> String {
    match (config.default_route, config.route_metric) {
        (false, _) => "none through the link.".to_owned(),
        (true, None | Some(0)) => {
            "through the link; the former one comes back when the link ends.".to_owned()
        }
        (true, Some(metric)) => {
            format!("through the link with metric {metric}, beside the one that is there.")
        }
    }
}

fn dns(config: &Config, ppp_dir: &Path) -> String {
    let dns = &config.dns;
    let fallback: Vec<String> = dns.fallback.iter().map(ToString::to_string).collect();
    let servers = match (dns.use_peer && config.ipcp.request_dns, fallback.is_empty()) {
        (false, true) => return "none is asked for, and nobody is told one.".to_owned(),
        (true, true) => "the peer's servers".to_owned(),
        (true, false) => format!("the peer's servers, else {}", fallback.join(", ")),
        (false, false) => fallback.join(", "),
    };
    let told = match dns.manager {
        DnsManager::Auto => "whatever the system has",
        DnsManager::Resolved => "systemd-resolved",
        DnsManager::Resolvconf => "resolvconf",
        DnsManager::File => "/etc/resolv.conf, put back when the link ends",
        DnsManager::None => "nobody but the scripts",
    };
    format!(
        "{servers}; told to {told}, and written to {}.",
        ppp_dir.join("resolv.conf").display()
    )
}

fn scripts(config: &Config, ppp_dir: &Path) -> String {
    let scripts = &config.scripts;
    if !scripts.enabled {
        return "none is run.".to_owned();
    }
    let path = |own: &Option<std::path::PathBuf>, name: &str| {
        own.clone()
            .unwrap_or_else(|| ppp_dir.join(name))
            .display()
            .to_string()
    };
    format!(
        "{} before the link is up, {} when it is, {} when it has ended; each may take {}.",
        path(&scripts.ip_pre_up, "ip-pre-up"),
        path(&scripts.ip_up, "ip-up"),
        path(&scripts.ip_down, "ip-down"),
        time(scripts.timeout)
    )
}

/// `30 s`, `5 min`, `2 h`.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match (time.subsec_nanos(), seconds) {
        (0, 3_600..) if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        (0, 120..) if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        (0, _) => format!("{seconds} s"),
        (_, _) => format!("{} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests;

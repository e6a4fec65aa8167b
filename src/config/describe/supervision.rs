//! How the link is kept, in words.

use super::time;
use crate::config::Config;
use crate::modem::{Profile, ResetStep};

pub(super) fn link(config: &Config) -> String {
    let mut words = match (config.demand, config.persist) {
        (true, true) => "dialed when a packet wants out, again and again".to_owned(),
        (true, false) => {
            "dialed when the first packet wants out; the service ends with that link".to_owned()
        }
        (false, true) => "kept up for ever".to_owned(),
        (false, false) => "one; the service ends with it".to_owned(),
    };
    if let Some(idle) = config.idle {
        words.push_str(&format!("; hung up after {} without traffic", time(idle)));
        if config.persist && !config.demand {
            words.push_str(", and dialed again");
        }
    }
    if let Some(most) = config.max_connect {
        words.push_str(&format!("; ended after {}", time(most)));
    }
    if let Some(at) = config.reset_at {
        words.push_str(&format!(
            "; ended by force each day at {:02}:{:02}",
            at.hour, at.minute
        ));
    }
    words.push('.');
    words
}

pub(super) fn failures(config: &Config) -> String {
    let mut words = format!("the next attempt after {}", time(config.holdoff));
    if !config.persist {
        words.push_str("; with PERSIST=0 the service ends once a link was up");
    }
    if config.reset_any {
        words.push_str(", always");
    } else {
        let backoff = &config.backoff;
        words.push_str(&format!(
            "; later up to {} after a fault of network or modem, and {} to {} after one that needs a person (APN, \
             credentials, SIM)",
            time(backoff.network_max.max(config.holdoff)),
            time(backoff.configuration_min),
            time(backoff.configuration_max)
        ));
    }
    words.push('.');
    words
}

pub(super) fn reset(config: &Config, profile: Option<&Profile>) -> String {
    let mut when = Vec::new();
    if config.reset_on_fail && config.retry > 0 {
        when.push(format!("after {} failures in a row", config.retry));
    }
    if config.reset_always && config.persist {
        when.push("after every link".to_owned());
    }
    if when.is_empty() {
        return "never by itself.".to_owned();
    }
    let which = match (config.reset_any, config.reset_on_fail) {
        (true, true) => ", whatever the failure is",
        (false, true) => ", but not for failures that a reset cannot mend",
        (_, false) => "",
    };
    let own = config.reset_steps.as_ref();
    let steps = own.or_else(|| profile.map(|profile| &profile.reset.steps));
    let mut how: Vec<String> = match steps {
        Some(steps) => steps.iter().map(step).collect(),
        None => vec!["the steps of the modem's profile".to_owned()],
    };
    how.extend(config.reset_command.iter().map(|words| words.join(" ")));
    if config.reset_reboot {
        how.push("a restart of this host".to_owned());
    }
    let wait = match (config.reset_wait, profile) {
        (Some(wait), _) => time(wait),
        (None, Some(profile)) => time(profile.reset.wait.max(std::time::Duration::from_secs(30))),
        (None, None) => "30 s, or what the modem needs".to_owned(),
    };
    format!(
        "{}{which}: {}; then a wait of {wait}.",
        when.join(" and "),
        how.join(", else ")
    )
}

fn step(step: &ResetStep) -> String {
    match step {
        ResetStep::At(command) => command.clone(),
        ResetStep::Led { name, .. } => format!("the LED line {name}"),
        ResetStep::Gpio { line, .. } => format!("the GPIO line {line}"),
        ResetStep::UsbAuthorized => "USB authorized off and on".to_owned(),
        ResetStep::UsbRebind => "the USB driver unbound and bound".to_owned(),
        ResetStep::UsbPortPower { off } => format!("the USB port without power for {}", time(*off)),
        ResetStep::Write { path, .. } => format!("a write to {path}"),
        ResetStep::Command(words) => words.join(" "),
        ResetStep::Reboot => "a restart of this host".to_owned(),
    }
}

pub(super) fn monitor(config: &Config) -> String {
    let monitor = &config.monitor;
    if !monitor.enabled {
        return "off.".to_owned();
    }
    let target = match (&monitor.target, monitor.fixed_target) {
        (Some(target), true) => target.clone(),
        (Some(target), false) => format!("the nearest host on the way to {target} that answers"),
        (None, _) => "the link's first DNS server, else the peer".to_owned(),
    };
    let log = if monitor.log {
        ""
    } else {
        "; results are not logged"
    };
    format!(
        "a ping every {} to {target}; {} lost in a row cut the link{log}.",
        time(monitor.interval),
        monitor.fail
    )
}

//! What does not fit together among the keys of supervision and monitor.

use std::time::Duration;

use super::{Clashes, Field};
use crate::config::Config;
use crate::config::diagnostic::Severity;

/// A monitor that takes longer than this to notice a dead link is not one.
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn supervision(
    config: &Config,
    clashes: &mut Clashes,
    name: &dyn Fn(Field) -> &'static str,
    is_set: &dyn Fn(Field) -> bool,
) {
    let demand = name(Field::Demand);
    if let Some(idle) = config.idle
        && !config.demand
        && config.persist
    {
        clashes.add(
            Severity::Warning,
            &[Field::Idle, Field::Demand, Field::Persist],
            format!(
                "{} without {demand}: after {} s without traffic the link is hung up and dialed again, which is probably \
                 not meant",
                name(Field::Idle),
                idle.as_secs_f64()
            ),
            format!(
                "expected {demand} too, or no {}: then the link stays up",
                name(Field::Idle)
            ),
        );
    }
    if config.retry == 0 && config.reset_on_fail && is_set(Field::ResetOnFail) {
        clashes.add(
            Severity::Warning,
            &[Field::ResetOnFail, Field::Retry],
            format!(
                "{} does nothing, because {} is 0: the link is never judged abnormal",
                name(Field::ResetOnFail),
                name(Field::Retry)
            ),
            format!("expected {} of at least 1", name(Field::Retry)),
        );
    }
    if config.reset_always && !config.persist {
        clashes.add(
            Severity::Warning,
            &[Field::ResetAlways, Field::Persist],
            format!(
                "{} does nothing, because {} is off: the service ends with its link",
                name(Field::ResetAlways),
                name(Field::Persist)
            ),
            format!(
                "expected {} too, or no {}",
                name(Field::Persist),
                name(Field::ResetAlways)
            ),
        );
    }
    if config.reset_any && !config.reset_on_fail {
        clashes.add(
            Severity::Warning,
            &[Field::ResetAny, Field::ResetOnFail],
            format!(
                "{} does nothing, because {} is off: no failure leads to a reset",
                name(Field::ResetAny),
                name(Field::ResetOnFail)
            ),
            format!("expected {} too", name(Field::ResetOnFail)),
        );
    }
    if config.reset_steps.as_ref().is_some_and(Vec::is_empty)
        && config.reset_command.is_none()
        && !config.reset_reboot
    {
        clashes.add(
            Severity::Error,
            &[Field::ResetSteps, Field::ResetCommand, Field::ResetReboot],
            format!(
                "{} is empty, and nothing else says how to reset",
                name(Field::ResetSteps)
            ),
            format!(
                "expected a step, or {}, or no {}: then the modem's profile says how",
                name(Field::ResetCommand),
                name(Field::ResetSteps)
            ),
        );
    }
    let backoff = &config.backoff;
    if backoff.configuration_min > backoff.configuration_max
        && is_set(Field::ConfigurationMin)
        && is_set(Field::ConfigurationMax)
    {
        clashes.add(
            Severity::Error,
            &[Field::ConfigurationMin, Field::ConfigurationMax],
            format!(
                "{} is longer than {} ({} s)",
                name(Field::ConfigurationMin),
                name(Field::ConfigurationMax),
                backoff.configuration_max.as_secs_f64()
            ),
            format!(
                "expected at most {} s",
                backoff.configuration_max.as_secs_f64()
            ),
        );
    }
    if backoff.network_max < config.holdoff && is_set(Field::NetworkMax) {
        clashes.add(
            Severity::Warning,
            &[Field::NetworkMax, Field::Holdoff],
            format!(
                "{} is shorter than {} ({} s): the waits do not grow",
                name(Field::NetworkMax),
                name(Field::Holdoff),
                config.holdoff.as_secs_f64()
            ),
            format!("expected at least {} s", config.holdoff.as_secs_f64()),
        );
    }
}

pub(super) fn monitor(
    config: &Config,
    clashes: &mut Clashes,
    name: &dyn Fn(Field) -> &'static str,
    is_set: &dyn Fn(Field) -> bool,
) {
    let monitor = &config.monitor;
    let enabled = name(Field::Monitor);
    if monitor.enabled && config.demand {
        clashes.add(
            Severity::Warning,
            &[Field::Monitor, Field::Demand],
            format!(
                "{enabled} is not used, because {} is set: pings would keep the link up for ever",
                name(Field::Demand)
            ),
            format!("expected {enabled} or {}, not both", name(Field::Demand)),
        );
    } else if monitor.enabled && !config.persist {
        clashes.add(
            Severity::Warning,
            &[Field::Monitor, Field::Persist],
            format!(
                "{enabled} is not used, because {} is off: a link that is cut would not be dialed again",
                name(Field::Persist)
            ),
            format!("expected {} too, or no {enabled}", name(Field::Persist)),
        );
    }
    let until_cut = monitor.interval.saturating_mul(monitor.fail);
    if monitor.enabled && until_cut > DAY {
        clashes.add(
            Severity::Warning,
            &[Field::MonitorFail, Field::MonitorInterval],
            format!(
                "{} times {} is {:.1} days: a dead link is noticed only then",
                name(Field::MonitorInterval),
                name(Field::MonitorFail),
                until_cut.as_secs_f64() / DAY.as_secs_f64()
            ),
            "expected less than a day, e.g. 60 s and 3 pings",
        );
    }
    if monitor.timeout > monitor.interval && is_set(Field::MonitorTimeout) {
        clashes.add(
            Severity::Warning,
            &[Field::MonitorTimeout, Field::MonitorInterval],
            format!(
                "{} is longer than {}: an answer may take {} s",
                name(Field::MonitorTimeout),
                name(Field::MonitorInterval),
                monitor.interval.as_secs_f64()
            ),
            format!("expected at most {} s", monitor.interval.as_secs_f64()),
        );
    }
}

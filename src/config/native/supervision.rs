//! What each value of uplinkd.toml may be, and where it goes: supervision and monitor.

use super::Reader;
use super::apply::seconds;
use super::scalar::Scalar;
use super::schema::{Monitor, Supervision};
use crate::config::value::{self, Refusal};
use crate::config::{Config, MonitorConfig};
use crate::modem::ResetStep;
use crate::modem::reset_step::command_line;

/// More steps than this are not a ladder.
const MAX_STEPS: usize = 32;

pub(super) fn apply(reader: &mut Reader<'_, '_>, config: &mut Config, given: Supervision) {
    reader.set(
        "supervision.start",
        given.start,
        &mut config.start,
        Scalar::truth,
    );
    reader.set(
        "supervision.persist",
        given.persist,
        &mut config.persist,
        Scalar::truth,
    );
    reader.set(
        "supervision.holdoff",
        given.holdoff,
        &mut config.holdoff,
        |value| value.time(&seconds(0.0, 86_400)),
    );
    reader.set(
        "supervision.retry",
        given.retry,
        &mut config.retry,
        |value| value.count(0..=1_000, "failures in a row"),
    );
    reader.set(
        "supervision.good_after",
        given.good_after,
        &mut config.good_after,
        |value| value.time(&seconds(0.0, 86_400)),
    );
    reader.set(
        "supervision.demand",
        given.demand,
        &mut config.demand,
        Scalar::truth,
    );
    reader.set("supervision.idle", given.idle, &mut config.idle, |value| {
        let idle = value.time(&seconds(0.0, 31_536_000))?;
        Ok(Some(idle).filter(|idle| !idle.is_zero()))
    });

    let backoff = given.backoff;
    reader.set(
        "supervision.backoff.network_max",
        backoff.network_max,
        &mut config.backoff.network_max,
        |value| value.time(&seconds(1.0, 86_400)),
    );
    reader.set(
        "supervision.backoff.configuration_min",
        backoff.configuration_min,
        &mut config.backoff.configuration_min,
        |value| value.time(&seconds(1.0, 86_400)),
    );
    reader.set(
        "supervision.backoff.configuration_max",
        backoff.configuration_max,
        &mut config.backoff.configuration_max,
        |value| value.time(&seconds(1.0, 86_400)),
    );
    reader.set(
        "supervision.backoff.jitter",
        backoff.jitter,
        &mut config.backoff.jitter,
        |value| value.count(0..=50, "per cent"),
    );

    let reset = given.reset;
    reader.set(
        "supervision.reset.on_fail",
        reset.on_fail,
        &mut config.reset_on_fail,
        Scalar::truth,
    );
    reader.set(
        "supervision.reset.always",
        reset.always,
        &mut config.reset_always,
        Scalar::truth,
    );
    reader.set(
        "supervision.reset.at",
        reset.at,
        &mut config.reset_at,
        |value| value.unless_empty(value::time_of_day),
    );
    reader.set(
        "supervision.reset.wait",
        reset.wait,
        &mut config.reset_wait,
        |value| value.time(&seconds(0.0, 86_400)).map(Some),
    );
    reader.set(
        "supervision.reset.any",
        reset.any,
        &mut config.reset_any,
        Scalar::truth,
    );
    reader.set(
        "supervision.reset.steps",
        reset.steps,
        &mut config.reset_steps,
        |steps: &Vec<ResetStep>| steps_of(steps).map(Some),
    );
    reader.set(
        "supervision.reset.command",
        reset.command,
        &mut config.reset_command,
        |words: &Vec<String>| command(words),
    );
    reader.set(
        "supervision.reset.reboot",
        reset.reboot,
        &mut config.reset_reboot,
        Scalar::truth,
    );
}

pub(super) fn monitor(reader: &mut Reader<'_, '_>, monitor: &mut MonitorConfig, given: Monitor) {
    reader.set(
        "monitor.enabled",
        given.enabled,
        &mut monitor.enabled,
        Scalar::truth,
    );
    reader.set(
        "monitor.target",
        given.target,
        &mut monitor.target,
        |value| value.unless_empty(value::host),
    );
    reader.set(
        "monitor.interval",
        given.interval,
        &mut monitor.interval,
        |value| value.time(&seconds(1.0, 86_400)),
    );
    reader.set("monitor.fail", given.fail, &mut monitor.fail, |value| {
        value.count(1..=1_000, "pings in a row")
    });
    reader.set("monitor.log", given.log, &mut monitor.log, Scalar::truth);
    reader.set(
        "monitor.timeout",
        given.timeout,
        &mut monitor.timeout,
        |value| value.time(&seconds(0.1, 60)),
    );
    reader.set(
        "monitor.fixed_target",
        given.fixed_target,
        &mut monitor.fixed_target,
        Scalar::truth,
    );
    reader.set(
        "monitor.payload_is_life",
        given.payload_is_life,
        &mut monitor.payload_is_life,
        Scalar::truth,
    );
}

fn steps_of(steps: &[ResetStep]) -> Result<Vec<ResetStep>, Refusal> {
    if steps.len() <= MAX_STEPS {
        return Ok(steps.to_vec());
    }
    Err(Refusal::new(
        "these are too many steps",
        format!("at most {MAX_STEPS}"),
    ))
}

/// The user's command; an empty list is none.
fn command(words: &[String]) -> Result<Option<Vec<String>>, Refusal> {
    if words.is_empty() {
        return Ok(None);
    }
    command_line(words.to_vec()).map(Some).map_err(|problem| {
        let (what, expected) = problem
            .split_once(", expected ")
            .unwrap_or((&problem, "a command"));
        Refusal::new(what, expected)
    })
}

//! What the value of each key means.

use std::time::Duration;

use super::key::Key;
use crate::config::device;
use crate::config::draft::Draft;
use crate::config::value::{self, Refusal};
use crate::secret::Secret;

/// Checks the value of a key and puts it into the draft. Empty means the default.
pub(super) fn apply(draft: &mut Draft<'_>, key: Key, text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Ok(());
    }
    let models = draft.models;
    let config = &mut draft.config;
    match key {
        Key::Start => config.start = value::yes_no(text)?,
        Key::Provider => draft.provider = Some(value::provider(text)?),
        Key::Persist => config.persist = value::flag(text)?,
        Key::ResetOnFail => config.reset_on_fail = value::flag(text)?,
        Key::ResetAlways => config.reset_always = value::flag(text)?,
        Key::ResetAt => config.reset_at = Some(value::time_of_day(text)?),
        Key::ResetWait => config.reset_wait = Some(seconds(text, 0, 86_400)?),
        Key::Holdoff => config.holdoff = seconds(text, 0, 86_400)?,
        Key::Retry => config.retry = count(text, 0, 1_000, "failures in a row")?,
        Key::Apn => config.apn = Some(value::apn(text)?),
        Key::PdpType => config.pdp_type = value::pdp_type(text)?,
        Key::Demand => config.demand = value::flag(text)?,
        Key::Idle => {
            let idle = seconds(text, 0, 31_536_000)?;
            config.idle = Some(idle).filter(|idle| !idle.is_zero());
        }
        Key::Device => config.device = device::device(text, models)?,
        Key::DefaultRoute => config.default_route = value::flag(text)?,
        Key::Auth => draft.auth = Some(value::auth(text)?),
        Key::Account => config.account = value::account(text)?,
        Key::Password => {
            value::password(text)?;
            config.password = Secret::new(text);
        }
        Key::NetMode => config.netmode = value::net_mode(text)?,
        Key::CarrierId => config.carrier = Some(value::carrier(text)?),
        Key::LocalAddr => config.local_address = Some(value::address(text)?),
        Key::RemoteAddr => config.remote_address = Some(value::address(text)?),
        Key::Netmask => config.netmask = Some(value::netmask(text)?),
        Key::Monitor => config.monitor.enabled = value::yes_no(text)?,
        Key::MonitorTarget => config.monitor.target = Some(value::host(text)?),
        Key::MonitorInterval => config.monitor.interval = seconds(text, 1, 86_400)?,
        Key::MonitorFail => config.monitor.fail = count(text, 1, 1_000, "pings in a row")?,
        Key::MonitorLog => config.monitor.log = value::yes_no(text)?,
        Key::ConnectOk => {
            value::choice(text, &["1"]).map_err(|refusal| Refusal {
                expected: "1, or no such line".to_owned(),
                ..refusal
            })?;
            config.connect_ok = true;
        }
        Key::Pin => config.pin = Some(value::pin(text)?),
    }
    Ok(())
}

fn seconds(text: &str, least: u64, most: u64) -> Result<Duration, Refusal> {
    value::whole(text, &(least..=most), "seconds").map(Duration::from_secs)
}

fn count(text: &str, least: u64, most: u64, unit: &str) -> Result<u32, Refusal> {
    value::whole(text, &(least..=most), unit).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
}

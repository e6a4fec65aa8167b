//! Reading the configuration again, on SIGHUP and `uplinkd reload` (spec S5).
//!
//! A link that is up stays up. What can act at once does (the supervisor's policy, RESET_AT, IDLE, the monitor); what the
//! dial uses, and the rounds of the second port, act with the next one, and a wait that may be for a mistake in the old
//! configuration ends; what belongs to the process itself needs a restart, keeps its former value, and that is said. A
//! configuration with an error changes nothing.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::Effect;
use crate::config::change::{changes, summary};
use crate::config::{Config, Device, ScriptsConfig};
use crate::daemon::context::Context;
use crate::daemon::control::{Reload, ReloadOutcome};
use crate::daemon::logging::emit;
use crate::link::Input;
use crate::log::{Level, LogLine};
use crate::modem::Profiles;

/// Reads the configuration and the profiles: what was read, or each problem in a line.
pub type ReadAgain = Box<dyn Fn() -> Result<(Config, Arc<Profiles>), Vec<String>>>;

/// Reads the configuration again for the daemon that it belongs to.
pub(crate) struct Reloader {
    context: Rc<Context>,
    read: ReadAgain,
    say: mpsc::UnboundedSender<Input>,
}

impl Reloader {
    pub(crate) fn new(
        context: Rc<Context>,
        read: ReadAgain,
        say: mpsc::UnboundedSender<Input>,
    ) -> Self {
        Self { context, read, say }
    }

    fn take(&self, new: Config, profiles: Arc<Profiles>) -> String {
        let mut old = Config::clone(&self.context.config());
        // We have written it ourselves (spec D5): that is no change.
        old.connect_ok |= self.context.modem.connect_ok();
        let changes = changes(&old, &new);
        let config = keep_until_restart(&old, new);
        let dial = changes
            .iter()
            .any(|change| change.effect == Effect::NextDial);
        if let Device::Tty(path) = &config.device
            && config.device != old.device
        {
            let place = path.display().to_string();
            self.context.board.borrow_mut().note_place(&place, None);
        }
        let policy = config.policy(self.context.options.once);
        self.context.modem.reconfigure(&config, profiles);
        self.context.surroundings.reconfigure(&config);
        self.context.set_config(config);
        // The daemon is ending if nobody listens.
        let _ = self.say.send(Input::Configured { policy, dial });
        for change in &changes {
            emit(&LogLine::uplinkd(Level::Notice, change.to_string()));
        }
        summary(&changes)
    }
}

impl Reload for Reloader {
    fn reload(&self) -> ReloadOutcome {
        match (self.read)() {
            Ok((config, profiles)) => ReloadOutcome::Done(self.take(config, profiles)),
            Err(problems) => {
                for problem in &problems {
                    emit(&LogLine::uplinkd(Level::Error, problem.clone()));
                }
                let count = match problems.len() {
                    1 => "an error".to_owned(),
                    n => format!("{n} errors"),
                };
                let first = problems.first().map_or("", String::as_str);
                ReloadOutcome::Refused(format!(
                    "the configuration has {count} and was not taken over; the former one goes on: {first}"
                ))
            }
        }
    }
}

/// `new`, but for what only a restart can change.
fn keep_until_restart(old: &Config, new: Config) -> Config {
    let scripts = ScriptsConfig {
        linkname: old.scripts.linkname.clone(),
        ..new.scripts
    };
    Config {
        scripts,
        start: old.start,
        demand: old.demand,
        hold: old.hold,
        queue_packets: old.queue_packets,
        queue_bytes: old.queue_bytes,
        interface: old.interface.clone(),
        profile_dir: old.profile_dir.clone(),
        control_group: old.control_group.clone(),
        ..new
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::config::change;

    #[test]
    fn s5_what_needs_a_restart_stays_as_it_is_and_nothing_else_does() {
        let old = Config::default();
        let new = Config {
            start: !old.start,
            demand: !old.demand,
            hold: !old.hold,
            queue_packets: old.queue_packets + 1,
            queue_bytes: old.queue_bytes + 1,
            interface: "ppp7".to_owned(),
            profile_dir: PathBuf::from("/elsewhere"),
            control_group: Some("dialout".to_owned()),
            scripts: ScriptsConfig {
                linkname: Some("backup".to_owned()),
                ..ScriptsConfig::default()
            },
            holdoff: Duration::from_secs(99),
            apn: Some("other".to_owned()),
            ..Config::default()
        };
        let keys = |effect| -> Vec<&str> {
            let all = changes(&old, &new);
            let some = all.iter().filter(|change| change.effect == effect);
            some.map(|change| change.key).collect()
        };
        // Every setting of that kind is in this test.
        let of_kind = change::effects();
        let of_kind = of_kind
            .iter()
            .filter(|(_, effect)| *effect == Effect::Restart);
        assert_eq!(
            keys(Effect::Restart),
            of_kind.map(|(key, _)| *key).collect::<Vec<_>>()
        );
        let kept = changes(&old, &keep_until_restart(&old, new.clone()));
        let kept: Vec<&str> = kept.iter().map(|change| change.key).collect();
        assert_eq!(kept, ["modem.apn", "supervision.holdoff"]);
    }
}

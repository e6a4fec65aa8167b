//! DEMAND: the interface while no attempt runs (spec S6).

use std::time::Duration;

use crate::daemon::context::Context;
use crate::daemon::interface::Interface;
use crate::daemon::logging::emit;
use crate::link::{ExitStatus, LinkEnd, NetworkProblem};
use crate::log::{Level, LogLine};
use crate::time::Instant;

/// Sees to it that it is there.
pub(crate) struct StandBy {
    pub(crate) wanted: bool,
    /// Once it has been there, what hinders it is taken for passing trouble.
    was_there: bool,
    /// It has its addresses, and goes up when ip-pre-up has ended.
    pub(crate) waits_for_pre_up: bool,
    /// That has ended.
    prepared: bool,
    /// Not before this moment.
    pub(crate) retry: Option<Instant>,
    /// What the log knows.
    told: Option<NetworkProblem>,
}

impl StandBy {
    /// After somebody has taken the interface away.
    pub(crate) const SETTLE: Duration = Duration::from_secs(1);

    /// After it could not be made.
    const RETRY: Duration = Duration::from_secs(30);

    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            was_there: false,
            waits_for_pre_up: false,
            prepared: false,
            retry: None,
            told: None,
        }
    }

    pub(crate) fn pre_up_ended(&mut self) {
        self.waits_for_pre_up = false;
        self.prepared = true;
    }

    /// Makes the interface if it is missing. An exit status if it never can be: no permission, no TUN.
    pub(crate) async fn see_to(
        &mut self,
        context: &Context,
        interface: &mut Interface,
        now: Instant,
    ) -> Result<(), ExitStatus> {
        if !self.wanted || interface.is_held() {
            self.retry = None;
            self.waits_for_pre_up = false;
            self.prepared = false;
            return Ok(());
        }
        if self.waits_for_pre_up || self.retry.is_some_and(|moment| now < moment) {
            return Ok(());
        }
        let result = if !self.prepared && context.surroundings.has_pre_up() {
            let result = interface.prepare_stand_by().await;
            if result.is_ok() {
                context
                    .surroundings
                    .start_pre_up(context.facts_without_link());
                self.waits_for_pre_up = true;
                return Ok(());
            }
            result
        } else {
            interface.stand_by().await
        };
        self.prepared = false;
        let Err(problem) = result else {
            context.surroundings.connected();
            *self = Self {
                was_there: true,
                ..Self::new(true)
            };
            return Ok(());
        };
        self.retry = Some(now + Self::RETRY);
        let end = LinkEnd::Network(problem.clone());
        if self.told.as_ref() != Some(&problem) {
            let text = format!("{end}; {}.", end.advice());
            emit(&LogLine::uplinkd(Level::Error, text));
        }
        let never = matches!(
            problem,
            NetworkProblem::NoPermission { .. } | NetworkProblem::NoTun { .. }
        );
        self.told = Some(problem);
        if never && !self.was_there {
            return Err(end.exit_status());
        }
        Ok(())
    }
}

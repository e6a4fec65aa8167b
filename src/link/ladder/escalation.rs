//! Where a ladder begins: behind the step that has worked before and did not help.
//!
//! A step is judged by what the tty does. A modem whose firmware hangs may well go away and come back when the kernel takes
//! its USB device anew, and hang on: without this every ladder would end at that step, and the modem's power would never
//! be switched.

use super::plan::describe;
use crate::link::supervisor::ResetOutcome;
use crate::modem::ResetStep;

/// Remembers which step worked last. After a good link everything begins anew: see [`Escalation::handle_good`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escalation {
    worked: Option<String>,
}

impl Escalation {
    /// The steps in the order in which they are to be tried now: those behind the one that worked last come first, then the
    /// others. A restart of the host stays the last: only a ladder of which no step works leads to it.
    pub fn order(&self, mut steps: Vec<ResetStep>) -> Vec<ResetStep> {
        let reboot = steps.pop_if(|step| *step == ResetStep::Reboot);
        let worked = self
            .worked
            .as_ref()
            .and_then(|worked| steps.iter().position(|step| describe(step) == *worked));
        if let Some(at) = worked {
            steps.rotate_left(at + 1);
        }
        steps.extend(reboot);
        steps
    }

    /// A ladder is over. One of which no step worked changes nothing.
    pub fn handle_done(&mut self, outcome: &ResetOutcome) {
        match outcome {
            ResetOutcome::Done { step } => self.worked = Some(step.clone()),
            ResetOutcome::Failed { .. } => self.worked = None,
        }
    }

    /// There was a good link since the last reset.
    pub fn handle_good(&mut self) {
        self.worked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> ResetStep {
        ResetStep::At("AT+CFUN=1,1".to_owned())
    }

    fn done(step: &ResetStep) -> ResetOutcome {
        ResetOutcome::Done {
            step: describe(step),
        }
    }

    fn ladder() -> Vec<ResetStep> {
        vec![
            at(),
            ResetStep::UsbAuthorized,
            ResetStep::UsbRebind,
            ResetStep::Reboot,
        ]
    }

    #[test]
    fn begins_behind_the_step_that_worked_and_did_not_help_but_never_with_the_host() {
        let mut escalation = Escalation::default();
        assert_eq!(escalation.order(ladder()), ladder());
        escalation.handle_done(&done(&at()));
        assert_eq!(
            escalation.order(ladder()),
            [
                ResetStep::UsbAuthorized,
                ResetStep::UsbRebind,
                at(),
                ResetStep::Reboot
            ]
        );
        escalation.handle_done(&done(&ResetStep::UsbRebind));
        assert_eq!(escalation.order(ladder()), ladder());
    }

    #[test]
    fn begins_anew_after_a_good_link_after_a_failure_and_with_other_steps() {
        let mut escalation = Escalation::default();
        escalation.handle_done(&done(&at()));
        assert_eq!(
            escalation.order(vec![ResetStep::UsbRebind]),
            [ResetStep::UsbRebind]
        );
        escalation.handle_good();
        assert_eq!(escalation.order(ladder()), ladder());
        escalation.handle_done(&done(&at()));
        escalation.handle_done(&ResetOutcome::Failed {
            why: "none of 4 steps made the modem restart".to_owned(),
        });
        assert_eq!(escalation.order(ladder()), ladder());
        assert_eq!(escalation.order(Vec::new()), []);
    }
}

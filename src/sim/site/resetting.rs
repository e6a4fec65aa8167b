//! A reset: the ladder, and its steps on the modems of the site.
//!
//! What a step does here: the AT command goes to the modem; `authorized` and unbind-bind make the kernel take the device
//! anew, which a firmware that hangs does not mind; the port's power and the user's command switch the modem off and on.
//! LEDs and GPIO lines there are none.

use std::time::Duration;

use bytes::BytesMut;

use super::shell::Shell;
use crate::config::Config;
use crate::link::ResetOutcome;
use crate::link::ladder::{
    Escalation, Ladder, LadderCommand, LadderConfig, LadderInput, StepSources, describe, steps,
};
use crate::modem::usb::ModemIdentity;
use crate::modem::{Profile, ResetStep};
use crate::time::{Instant, Timer, earliest};

/// How long the AT command of a reset may take.
const AT_STEP: Duration = Duration::from_secs(5);

/// A ladder under way.
pub(super) struct Resetting {
    ladder: Ladder,
    slot: Option<usize>,
    /// The AT command's answer is waited for.
    at: Option<(Timer, Vec<u8>)>,
}

impl Resetting {
    pub(super) fn new(
        now: Instant,
        config: &Config,
        escalation: &Escalation,
        profile: Option<&Profile>,
        last: Option<&ModemIdentity>,
        own: Option<usize>,
        shell: &Shell<'_>,
    ) -> Self {
        let by_path = last.and_then(|last| {
            let at = |path: &str| path == last.path;
            shell.slots.iter().position(|slot| at(&slot.path))
        });
        let slot = by_path.or(own);
        let reset = profile.map(|profile| &profile.reset);
        let ladder = LadderConfig {
            steps: escalation.order(steps(StepSources {
                profile: reset.map_or(&[], |reset| reset.steps.as_slice()),
                configured: config.reset_steps.as_deref(),
                usb: last.is_some(),
                command: config.reset_command.as_deref(),
                reboot: config.reset_reboot,
            })),
            gone_within: reset.map_or(Duration::from_secs(15), |reset| reset.gone_within),
            back_within: reset.map_or(Duration::from_secs(120), |reset| reset.back_within),
            vanishes: reset.is_none_or(|reset| reset.vanishes),
            present: slot.is_some_and(|slot| shell.is_present(slot)),
        };
        let mut ladder = Ladder::new(ladder);
        ladder.start(now);
        Self {
            ladder,
            slot,
            at: None,
        }
    }

    /// Whether it has a tty of this slot open.
    pub(super) fn has_open(&self, slot: usize) -> bool {
        self.at.is_some() && self.slot == Some(slot)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let at = self.at.as_ref();
        earliest([
            self.ladder.poll_timeout(),
            at.and_then(|(timer, _)| timer.deadline()),
        ])
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        // A modem that says nothing may have taken the command all the same.
        if self
            .at
            .as_mut()
            .is_some_and(|(timer, _)| timer.expired(now))
        {
            self.step_done(now, Ok(()));
        }
        self.ladder.handle_timeout(now);
    }

    fn step_done(&mut self, now: Instant, how: Result<(), String>) {
        self.at = None;
        self.ladder.handle(now, LadderInput::StepDone(how));
    }

    pub(super) fn handle_tty(&mut self, now: Instant, slot: usize, there: bool) {
        if self.slot != Some(slot) {
            return;
        }
        if there {
            self.ladder.handle(now, LadderInput::Back);
        } else {
            self.ladder.handle(now, LadderInput::Gone);
            if self.at.is_some() {
                self.step_done(now, Ok(()));
            }
        }
    }

    pub(super) fn handle_bytes(&mut self, now: Instant, slot: usize, bytes: &[u8]) {
        let Some((_, text)) = self.at.as_mut().filter(|_| self.slot == Some(slot)) else {
            return;
        };
        text.extend_from_slice(bytes);
        let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        if has(b"\nOK\r") {
            self.step_done(now, Ok(()));
        } else if has(b"ERROR") {
            self.step_done(now, Err("the modem answers ERROR".to_owned()));
        }
    }

    /// Does what the ladder says: whether it said anything, and the outcome once it is over.
    pub(super) fn act(
        &mut self,
        now: Instant,
        shell: &mut Shell<'_>,
    ) -> (bool, Option<ResetOutcome>) {
        let mut any = false;
        while let Some(command) = self.ladder.poll_command() {
            any = true;
            match command {
                LadderCommand::Log(line) => shell.ledger.log(now, &line),
                LadderCommand::Done(outcome) => {
                    if let Some(slot) = self.slot {
                        shell.set_dtr(now, slot, false);
                    }
                    return (true, Some(outcome));
                }
                // No modem of the site stays where it is when it restarts.
                LadderCommand::Probe => self.ladder.handle(now, LadderInput::Probed(false)),
                LadderCommand::Run(step) => {
                    self.at = None;
                    if let Some(how) = self.run(now, shell, &step) {
                        self.step_done(now, how);
                    }
                }
            }
        }
        (any, None)
    }

    /// Begins a step; what has become of it if it is over at once.
    fn run(
        &mut self,
        now: Instant,
        shell: &mut Shell<'_>,
        step: &ResetStep,
    ) -> Option<Result<(), String>> {
        let absent = Some(Err("the modem is not there".to_owned()));
        let Some(slot) = self.slot else {
            return absent;
        };
        match step {
            ResetStep::At(_) if !shell.is_present(slot) => absent,
            ResetStep::At(command) => {
                shell.set_dtr(now, slot, true);
                let mut wire = BytesMut::from(format!("{command}\r").as_bytes());
                shell.write(now, slot, &mut wire);
                let mut timer = Timer::default();
                timer.arm(now + AT_STEP);
                self.at = Some((timer, Vec::new()));
                None
            }
            ResetStep::UsbAuthorized | ResetStep::UsbRebind => {
                if shell.reenumerate(now, slot) {
                    Some(Ok(()))
                } else {
                    absent
                }
            }
            ResetStep::UsbPortPower { off } => {
                shell.power_off(now, slot, *off);
                Some(Ok(()))
            }
            ResetStep::Command(_) => {
                shell.power_cycle(now, slot);
                Some(Ok(()))
            }
            ResetStep::Led { .. }
            | ResetStep::Gpio { .. }
            | ResetStep::Write { .. }
            | ResetStep::Reboot => Some(Err(format!("this site has no {}", describe(step)))),
        }
    }
}

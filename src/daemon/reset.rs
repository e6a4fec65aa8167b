//! Making the modem restart: the core's [`Ladder`] on this machine (spec S2).
//!
//! Runs the steps one after another, watches the modem's tty go and come back under whatever number, and says which step
//! worked. The ladder decides; here is only what it needs to see and what it wants done. Nothing else may use the modem's
//! ttys meanwhile.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

use crate::at::{HangUpPlan, ProbeAnswer as Answer, ProbePlan};
use crate::config::Config;
use crate::daemon::asking::ask;
use crate::daemon::dialing;
use crate::daemon::locate::Located;
use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::line_watch::LineWatch;
use crate::io::reset::reboot::{Moment, Reboot, restart, uptime};
use crate::io::reset::{ResetError, Roots, command, gpio, led, undo, usb, write};
use crate::io::serial::{Port, PortSettings};
use crate::io::sysfs;
use crate::link::ResetOutcome;
use crate::link::ladder::{
    COMMAND_LIMIT, Ladder, LadderCommand, LadderConfig, LadderInput, StepSources, steps,
};
use crate::log::{Level, LogLine};
use crate::modem::profile::ResetSettings;
use crate::modem::{ModemIdentity, ResetStep};

/// While a reset runs, the tty is looked for this often, whatever inotify says: sysfs tells nobody.
const LOOK: Duration = Duration::from_secs(1);

/// A modem that answers no reset command is hung up within this time before it is asked again.
const HANG_UP_LIMIT: Duration = Duration::from_millis(2800);

/// No more ports are asked to reset the modem.
const MAX_PORTS: usize = 3;

/// What a reset needs to know of this machine.
#[derive(Clone, Debug)]
pub struct ResetContext {
    /// Where `/sys` and `/dev` are.
    pub roots: Roots,
    /// UUCP lock files.
    pub lock_dir: PathBuf,
    /// Where restarts of the host and steps under way are noted.
    pub state_dir: PathBuf,
    /// The interface of this daemon, which tells its notes from others'.
    pub interface: String,
    /// How the tty is set for the AT reset.
    pub port: PortSettings,
    /// The clock.
    pub clock: Clock,
    /// Whether this host may be restarted.
    pub reboot: Reboot,
}

/// The steps for a modem: the configured or the profile's, and what every modem has; `reset` is its profile's.
pub fn steps_of(config: &Config, reset: &ResetSettings, located: &Located) -> Vec<ResetStep> {
    steps(StepSources {
        profile: &reset.steps,
        configured: config.reset_steps.as_deref(),
        usb: located.identity.is_some(),
        command: config.reset_command.as_deref(),
        reboot: config.reset_reboot,
    })
}

/// Runs `steps` on the modem at `located` until one works. `reset` has the times. Ends at once, with everything put back,
/// when `stop` ends.
pub async fn run(
    context: &ResetContext,
    located: &Located,
    reset: &ResetSettings,
    steps: Vec<ResetStep>,
    stop: impl Future<Output = ()>,
) -> ResetOutcome {
    let clock = &context.clock;
    let target = Target { context, located };
    let mut stop = std::pin::pin!(stop);
    let mut watch = LineWatch::new(Some(&located.dial), &context.roots.dev, &context.lock_dir);
    let mut node = target.node().await;
    let mut ladder = Ladder::new(LadderConfig {
        steps,
        gone_within: reset.gone_within,
        back_within: reset.back_within,
        vanishes: reset.vanishes,
        present: node.is_some(),
    });
    let mut step: Running<'_, Result<(), String>> = None;
    let mut question: Running<'_, bool> = None;
    ladder.start(clock.now());
    loop {
        while let Some(command) = ladder.poll_command() {
            match command {
                LadderCommand::Run(next) => {
                    question = None;
                    // A step that is given up puts back what it has changed, before the next one begins.
                    drop(step.take());
                    step = Some(Box::pin(target.perform(next)));
                }
                LadderCommand::Probe => question = Some(Box::pin(target.answers())),
                LadderCommand::Log(line) => emit(&line),
                LadderCommand::Done(outcome) => return outcome,
            }
        }
        let input = tokio::select! {
            biased;
            () = &mut stop => {
                return ResetOutcome::Failed { why: "it was interrupted".to_owned() };
            }
            result = ended(&mut step) => {
                step = None;
                Some(LadderInput::StepDone(result))
            }
            answers = ended(&mut question) => {
                question = None;
                Some(LadderInput::Probed(answers))
            }
            _ = tokio::time::timeout(LOOK, watch.changed()) => None,
            () = clock.sleep_until(ladder.poll_timeout()) => None,
        };
        // Looked at before anything is judged: a step that has just ended may have done its work.
        let now_there = target.node().await;
        if now_there != node {
            if node.is_some() {
                ladder.handle(clock.now(), LadderInput::Gone);
            }
            if let Some(there) = &now_there {
                emit(&target.seen_as(&there.path));
                ladder.handle(clock.now(), LadderInput::Back);
            }
            node = now_there;
        }
        match input {
            Some(input) => ladder.handle(clock.now(), input),
            None => ladder.handle_timeout(clock.now()),
        }
    }
}

/// What is under way, if anything is.
type Running<'a, T> = Option<Pin<Box<dyn Future<Output = T> + 'a>>>;

/// Ends with the future; never, while there is none.
async fn ended<T>(future: &mut Running<'_, T>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// The modem's tty as it can be seen. A tty that went and came between two looks is another node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    path: PathBuf,
    /// Device, inode, and what it is.
    numbers: (u64, u64, u64),
}

/// The modem that is reset.
#[derive(Clone, Copy)]
struct Target<'a> {
    context: &'a ResetContext,
    located: &'a Located,
}

impl Target<'_> {
    /// The tty that dials, if it is there now.
    async fn node(self) -> Option<Node> {
        let path = self.dial().await?;
        let meta = fs::metadata(&path).ok()?;
        Some(Node {
            path,
            numbers: (meta.dev(), meta.ino(), meta.rdev()),
        })
    }

    /// Where the tty that dials is now.
    async fn dial(self) -> Option<PathBuf> {
        let roots = &self.context.roots;
        match &self.located.identity {
            Some(identity) => {
                let seen = sysfs::look(&roots.sys).await;
                let tty = identity.returned(&seen)?;
                Some(roots.dev.join(&tty.name))
            }
            None => Some(self.located.dial.clone()),
        }
    }

    fn seen_as(self, path: &Path) -> LogLine {
        let identity = match &self.located.identity {
            Some(identity) => format!(" ({identity})"),
            None => String::new(),
        };
        LogLine::uplinkd(
            Level::Info,
            format!(
                "The modem's tty is there again: {}{identity}.",
                path.display()
            ),
        )
    }

    /// Does a step; what was wrong, in words.
    async fn perform(self, step: ResetStep) -> Result<(), String> {
        if let ResetStep::At(command) = &step {
            return self.at(command).await;
        }
        self.perform_outside(step)
            .await
            .map_err(|error| error.to_string())
    }

    async fn perform_outside(self, step: ResetStep) -> Result<(), ResetError> {
        let Roots { sys, dev } = &self.context.roots;
        let usb_path = || {
            let identity = self.located.identity.as_ref();
            identity
                .map(|identity| identity.path.as_str())
                .ok_or(ResetError::NotOnUsb)
        };
        // Put back by the step itself, unless the program is killed.
        let _noted = usb_path()
            .ok()
            .and_then(|path| usb::undoing(sys, path, &step))
            .map(|(file, value)| {
                undo::note(
                    &self.context.state_dir,
                    &self.context.interface,
                    &file,
                    &value,
                )
            });
        match step {
            // Done by `perform`.
            ResetStep::At(_) => Ok(()),
            ResetStep::Led { name, on } => led::shot(sys, &name, on).await,
            ResetStep::Gpio {
                chip,
                line,
                active_low,
                pulse,
            } => {
                let pulse = gpio::Pulse {
                    chip: chip.as_deref(),
                    line: &line,
                    active_low,
                    length: pulse,
                };
                Ok(gpio::pulse(dev, pulse).await?)
            }
            ResetStep::UsbAuthorized => usb::authorized(sys, usb_path()?).await,
            ResetStep::UsbRebind => usb::rebind(sys, usb_path()?).await,
            ResetStep::UsbPortPower { off } => usb::port_power(sys, usb_path()?, off).await,
            ResetStep::Write { path, value, then } => {
                let then = then.as_ref().map(|(after, value)| (*after, value.as_str()));
                write::write(Path::new(&path), &value, then).await
            }
            ResetStep::Command(words) => {
                let environment = self.environment();
                Ok(command::run(&words, &environment, COMMAND_LIMIT, emit).await?)
            }
            ResetStep::Reboot => {
                let moment = Moment {
                    uptime: uptime()?,
                    wall: Timestamp::now().as_second(),
                };
                let (how, state_dir) = (&self.context.reboot, &self.context.state_dir);
                Ok(restart(how, state_dir, moment, emit).await?)
            }
        }
    }

    /// What the user's command is told.
    fn environment(self) -> Vec<(&'static str, String)> {
        let mut environment = vec![("UPLINKD_TTY", self.located.dial.display().to_string())];
        if let Some(ModemIdentity { path, .. }) = &self.located.identity {
            environment.push(("UPLINKD_USB_PATH", path.clone()));
        }
        environment
    }

    /// Sends the reset command on the port that dials, and if that does not take it on the others. A modem that says
    /// nothing may have taken it all the same: that is no error.
    async fn at(self, command: &str) -> Result<(), String> {
        let first = self
            .dial()
            .await
            .unwrap_or_else(|| self.located.dial.clone());
        let ports = std::iter::once(&first).chain(&self.located.at);
        let mut silent = false;
        let mut problem = None;
        for path in ports.take(MAX_PORTS) {
            match self.at_on(path, command).await {
                Ok(true) => return Ok(()),
                Ok(false) => silent = true,
                Err(why) => problem = problem.or(Some(why)),
            }
        }
        match problem {
            Some(why) if !silent => Err(why),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the modem took the command; an error if it refused it, or could not be asked.
    async fn at_on(self, path: &Path, command: &str) -> Result<bool, String> {
        let context = self.context;
        let port = Port::open(path, &context.port, &context.lock_dir)
            .map_err(|problem| problem.to_string())?;
        for hung_up in [false, true] {
            match ask(&port, ProbePlan::command(command), &context.clock).await {
                // Gone before its OK was out.
                None | Some(Answer::Ok) => return Ok(true),
                Some(Answer::Refused(text)) => return Err(format!("the modem answers {text}")),
                // It may be in data mode, left so by a call that was not ended.
                Some(Answer::DataMode | Answer::Silent) if !hung_up => {
                    let plan = HangUpPlan {
                        carrier_gone: false,
                        guard: Duration::from_secs(1),
                        limit: HANG_UP_LIMIT,
                    };
                    dialing::hang_up(&port, plan, &context.clock).await;
                }
                Some(Answer::DataMode | Answer::Silent) => {}
            }
        }
        Ok(false)
    }

    /// Whether the modem answers AT.
    async fn answers(self) -> bool {
        let Some(path) = self.dial().await else {
            return false;
        };
        let context = self.context;
        let Ok(port) = Port::open(&path, &context.port, &context.lock_dir) else {
            return false;
        };
        ask(&port, ProbePlan::presence(), &context.clock)
            .await
            .is_some_and(|answer| answer.is_modem())
    }
}

#[cfg(test)]
mod tests;

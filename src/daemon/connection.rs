//! The outermost loop: carries out what the supervisor commands and tells it what happened.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

use tokio::sync::{mpsc, watch};

use crate::config::{Config, Device};
use crate::daemon::attempt::{self, Attempt};
use crate::daemon::logging::emit;
use crate::daemon::progress::{Observer, Progress};
use crate::io::clock::Clock;
use crate::io::default_route::DefaultRoute;
use crate::io::line_watch::LineWatch;
use crate::io::net::Net;
use crate::link::{
    Command, ExitStatus, Input, LineProblem, LinkEnd, NetworkProblem, Supervisor, UserStop,
};
use crate::log::{Level, LogLine};
use crate::ppp::Ipv4Settings;

/// Where the daemon keeps its files, and how it ends.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--once`: one link, then its exit status.
    pub once: bool,
    /// What must outlive a crash: the former default route.
    pub state_dir: PathBuf,
    /// UUCP lock files.
    pub lock_dir: PathBuf,
}

/// What can be asked of a running daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// End cleanly; the number is the signal's.
    Stop(i32),
    /// Hang up and dial again.
    Reconnect,
}

/// Everything an attempt shares with the next one.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) net: Net,
    pub(crate) observer: Rc<dyn Observer>,
    pub(crate) tty: PathBuf,
}

/// The daemon.
pub struct Daemon {
    context: Rc<Context>,
    controls: mpsc::Receiver<Control>,
}

impl Daemon {
    /// Prepares a daemon; nothing is touched yet but what a crashed predecessor has left behind: its default route is
    /// put back (spec N2).
    ///
    /// # Errors
    /// [`LinkEnd`] if the kernel's routing socket is not to be had, or the configuration names no tty.
    pub async fn new(
        config: Config,
        options: Options,
        controls: mpsc::Receiver<Control>,
        observer: Rc<dyn Observer>,
    ) -> Result<Self, LinkEnd> {
        let tty = match &config.device {
            Device::Tty(path) => path.clone(),
            Device::Auto => {
                // A configuration that was read has been refused for this already.
                return Err(LinkEnd::Line(LineProblem::OpenFailed {
                    path: PathBuf::from("AUTO"),
                    error: "finding the modem does not work yet, its tty must be named".to_owned(),
                    permission: false,
                }));
            }
        };
        let net = Net::connect().map_err(|error| {
            LinkEnd::Network(NetworkProblem::Failed {
                what: format!("opening the routing socket of the kernel: {error}"),
            })
        })?;
        match DefaultRoute::recover(&net, &options.state_dir, &config.interface).await {
            Ok(lines) => lines.iter().for_each(emit),
            Err(problem) => emit(&LogLine::uplinkd(
                Level::Warning,
                format!(
                    "the default route of before the last crash could not be put back: {}",
                    LinkEnd::Network(problem)
                ),
            )),
        }
        let context = Rc::new(Context {
            config,
            options,
            clock: Clock::new(),
            net,
            observer,
            tty,
        });
        Ok(Self { context, controls })
    }

    /// Runs until the configuration, the user or an error that no retry can mend ends it.
    pub async fn run(mut self) -> ExitStatus {
        let context = Rc::clone(&self.context);
        let clock = context.clock.clone();
        let mut supervisor = Supervisor::new(context.config.policy(context.options.once));
        let (up_sender, mut ups) = mpsc::unbounded_channel::<Ipv4Settings>();
        let (stop_sender, _) = watch::channel(None::<UserStop>);
        let mut attempt: Option<Pin<Box<dyn Future<Output = LinkEnd>>>> = None;
        // Made before the first attempt and kept, so that our own attempts do not wake it and nothing that happens
        // during one is missed.
        let mut line_watch = LineWatch::new(&context.tty, &context.options.lock_dir);
        let mut waiting_for_line = false;
        let mut controlled = true;

        supervisor.handle(clock.now(), Input::Start);
        loop {
            while let Some(command) = supervisor.poll_command() {
                match command {
                    Command::Attempt(plan) => {
                        waiting_for_line = false;
                        stop_sender.send_replace(None);
                        let running = Attempt {
                            context: Rc::clone(&context),
                            plan,
                            stop: stop_sender.subscribe(),
                            up: up_sender.clone(),
                        };
                        attempt = Some(Box::pin(running.run()));
                    }
                    Command::EndAttempt(stop) => {
                        stop_sender.send_replace(Some(stop));
                    }
                    Command::WatchLine(problem) => {
                        if matches!(problem, LineProblem::Absent { .. }) {
                            line_watch.note_absent();
                        }
                        waiting_for_line = true;
                    }
                    Command::Log(line) => emit(&line),
                    Command::Exit(status) => {
                        emit(&LogLine::pppd(Level::Info, "Exit."));
                        return status;
                    }
                }
            }
            let deadline = supervisor.poll_timeout();
            tokio::select! {
                biased;
                control = self.controls.recv(), if controlled => {
                    let stop = match control {
                        Some(Control::Stop(signal)) => {
                            emit(&LogLine::pppd(
                                Level::Info,
                                format!("Terminating on signal {signal}"),
                            ));
                            UserStop::Signal(signal)
                        }
                        Some(Control::Reconnect) => UserStop::Reconnect,
                        // Whoever could have stopped us is gone, and nobody else can.
                        None => {
                            controlled = false;
                            UserStop::Signal(attempt::SIGTERM)
                        }
                    };
                    supervisor.handle(clock.now(), Input::User(stop));
                }
                Some(settings) = ups.recv() => {
                    supervisor.handle(clock.now(), Input::Up(settings));
                }
                end = running(&mut attempt) => {
                    attempt = None;
                    context.observer.progress(Progress::Ended(end.clone()));
                    supervisor.handle(clock.now(), Input::Ended(end));
                }
                () = line_watch.changed(), if waiting_for_line => {
                    supervisor.handle(clock.now(), Input::LineChanged);
                }
                () = clock.sleep_until(deadline) => {
                    supervisor.handle_timeout(clock.now());
                }
            }
        }
    }
}

/// Ends with the attempt; never, while none runs.
async fn running(attempt: &mut Option<Pin<Box<dyn Future<Output = LinkEnd>>>>) -> LinkEnd {
    match attempt {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}

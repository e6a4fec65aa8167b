//! The outermost loop: carries out what the supervisor commands and tells it what happened.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::config::{Config, Device};
use crate::control::{Board, line};
use crate::daemon::attempt::{self, Attempt};
use crate::daemon::context::Context;
use crate::daemon::control::{self, AtRequest, Reload, Sources};
use crate::daemon::daily::Daily;
use crate::daemon::dialing::stopped;
use crate::daemon::dns::{Dns, DnsSetup};
use crate::daemon::interface::{Held, Interface};
use crate::daemon::locate::Locator;
use crate::daemon::logging::emit;
use crate::daemon::modem::Modem;
use crate::daemon::progress::{Observer, Progress};
use crate::daemon::reload::{ReadAgain, Reloader};
use crate::daemon::reset::{self, ResetContext};
use crate::daemon::second_port::{self, Use};
use crate::daemon::stand_by::StandBy;
use crate::daemon::surroundings::Surroundings;
use crate::io::clock::Clock;
use crate::io::default_route::DefaultRoute;
use crate::io::net::Net;
use crate::io::notify::Notifier;
use crate::io::rand;
use crate::io::reset::reboot::Reboot;
use crate::io::reset::{Roots, undo};
use crate::io::runner::Runner;
use crate::io::script_host::ScriptHost;
use crate::link::{
    Command, ExitStatus, Input, LineProblem, LinkEnd, NetworkProblem, ResetOutcome, State, Stop,
    Supervisor, UserStop,
};
use crate::log::{Level, LogLine};
use crate::modem::Profiles;
use crate::time::earliest;

/// Where the daemon keeps its files, and how it ends.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--once`: one link, then its exit status.
    pub once: bool,
    /// What must outlive a crash: the former default route.
    pub state_dir: PathBuf,
    /// UUCP lock files.
    pub lock_dir: PathBuf,
    /// pppd's scripts and files (spec N4).
    pub ppp_dir: PathBuf,
    /// `/etc/resolv.conf` (spec N3).
    pub resolv_conf: PathBuf,
    /// pppd's pid files (spec N6); `None`: nowhere.
    pub pid_dir: Option<PathBuf>,
    /// Who runs scripts, and whatever else has to be done outside of our sandbox; `None`: we do.
    pub script_host: Option<PathBuf>,
    /// Where CONNECT_OK is written to (spec D5); `None`: nowhere.
    pub config_file: Option<PathBuf>,
    /// Where `/sys` and `/dev` are.
    pub roots: Roots,
    /// The built-in modem profiles and the user's.
    pub profiles: Arc<Profiles>,
}

/// What can be asked of a running daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// End cleanly; the number is the signal's.
    Stop(i32),
    /// Hang up and dial again.
    Reconnect,
    /// Hang up and stay down.
    Disconnect,
    /// Dial: ends a disconnect, and every wait.
    Connect,
    /// Reset the modem, then dial again.
    Reset,
}

/// The daemon.
pub struct Daemon {
    context: Rc<Context>,
    controls: mpsc::Receiver<Control>,
    /// Told what it does, and that its loop turns.
    notifier: Notifier,
    /// Commands for the modem's second port: where they are given, and where they arrive.
    at: (mpsc::Sender<AtRequest>, Option<mpsc::Receiver<AtRequest>>),
    /// For the supervisor: where attempts and `reload` say it, and where it arrives.
    said: (
        mpsc::UnboundedSender<Input>,
        Option<mpsc::UnboundedReceiver<Input>>,
    ),
}

impl Daemon {
    /// Prepares a daemon; nothing is touched yet but what a crashed predecessor has left behind: its default route is
    /// put back (spec N2).
    ///
    /// # Errors
    /// [`LinkEnd`] if the kernel's routing socket is not to be had.
    pub async fn new(
        config: Config,
        options: Options,
        controls: mpsc::Receiver<Control>,
        observer: Rc<dyn Observer>,
    ) -> Result<Self, LinkEnd> {
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
        // A reset of a predecessor that was killed has left a port or a device switched off.
        if let Some(line) = undo::recover(&options.roots.sys, &options.state_dir, &config.interface)
        {
            emit(&line);
        }
        let clock = Clock::new();
        let mut board = Board::new(
            clock.now(),
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
            &config.interface,
            config.good_after,
        );
        if let Device::Tty(path) = &config.device {
            board.note_place(&path.display().to_string(), None);
        }
        let locator = Locator::new(options.roots.clone(), &options.lock_dir, clock.clone());
        let profiles = Arc::clone(&options.profiles);
        let modem = Modem::new(locator, profiles, &options.state_dir, &config);
        let demands = config.policy(options.once).demand;
        let board = Rc::new(RefCell::new(board));
        let (ppp_dir, state_dir) = (&options.ppp_dir, &options.state_dir);
        let mut dns = DnsSetup::new(&config, ppp_dir, &options.resolv_conf, state_dir);
        if let Some(socket) = &options.script_host {
            dns.file_program = std::env::current_exe().ok();
            dns.script_host = Some(ScriptHost::new(socket));
        }
        let surroundings = Surroundings::new(
            &config,
            &options.ppp_dir,
            options.pid_dir.as_deref(),
            &options.state_dir,
            Dns::new(dns, Rc::clone(&board)),
            match &options.script_host {
                Some(socket) => Runner::unit(ScriptHost::new(socket), emit),
                None => Runner::direct(emit),
            },
            demands,
        );
        surroundings.recover().await;
        let context = Rc::new(Context {
            config: RefCell::new(Rc::new(config)),
            configured: watch::Sender::new(0),
            options,
            clock,
            net,
            observer,
            modem,
            traffic: Rc::default(),
            board,
            surroundings,
            signal: Cell::new(None),
        });
        // One at a time.
        let (sender, requests) = mpsc::channel(1);
        let (say, said) = mpsc::unbounded_channel();
        Ok(Self {
            context,
            controls,
            notifier: Notifier::default(),
            at: (sender, Some(requests)),
            said: (say, Some(said)),
        })
    }

    /// Has it tell `notifier` what it does, and feed its watchdog.
    #[must_use]
    pub fn with_notifier(mut self, notifier: Notifier) -> Self {
        self.notifier = notifier;
        self
    }

    /// Where commands for the modem's second port are given.
    pub fn at_requests(&self) -> mpsc::Sender<AtRequest> {
        self.at.0.clone()
    }

    /// What reads the configuration again, by `read`.
    pub fn reloader(&self, read: ReadAgain) -> Rc<dyn Reload> {
        let say = self.said.0.clone();
        Rc::new(Reloader::new(Rc::clone(&self.context), read, say))
    }

    /// Where the status comes from.
    pub fn sources(&self) -> Sources {
        let context = &self.context;
        Sources {
            board: Rc::clone(&context.board),
            traffic: Rc::clone(&context.traffic),
            clock: context.clock.clone(),
        }
    }

    /// Runs until the configuration, the user or an error that no retry can mend ends it.
    pub async fn run(mut self) -> ExitStatus {
        let context = Rc::clone(&self.context);
        let clock = context.clock.clone();
        // Only the jitter of the waits comes from it.
        let seed = rand::seed().unwrap_or_default();
        let mut supervisor = Supervisor::new(context.config().policy(context.options.once), seed);
        let say = self.said.0.clone();
        let Some(mut said) = self.said.1.take() else {
            return ExitStatus::FATAL;
        };
        let mut configured = context.configured.subscribe();
        let (stop_sender, _) = watch::channel(None::<Stop>);
        // The attempt has the interface while it runs.
        let mut interface = Some(Interface::new(Rc::clone(&context)));
        let mut stand_by = StandBy::new(context.demands());
        let mut attempt: Option<Running<(LinkEnd, Interface)>> = None;
        let mut reset: Option<Running<ResetOutcome>> = None;
        // Made before the first attempt and kept, so that our own attempts do not wake it and nothing that happens
        // during one is missed.
        let mut line_watch = context.modem.locator().watch(&context.config());
        let mut reset_at = Daily::new(&context.config());
        let mut controlled = true;
        let (second_port_use, allowed) = watch::channel(Use::Commands);
        let requests = self.at.1.take();
        let mut second_port = pin!(second_port::run(Rc::clone(&context), allowed, requests));
        let mut surroundings = pin!(context.surroundings.run());
        let mut notifier = std::mem::take(&mut self.notifier);
        let mut told = None;

        supervisor.handle(clock.now(), Input::Start);
        // Everything is read and there, and what comes now may take days: the modem may be absent.
        notifier.ready();
        loop {
            notifier.beat(clock.now());
            while let Some(command) = supervisor.poll_command() {
                match command {
                    Command::Attempt(plan) => {
                        stop_sender.send_replace(None);
                        let running = Attempt {
                            context: Rc::clone(&context),
                            plan,
                            stop: stop_sender.subscribe(),
                            say: say.clone(),
                        };
                        // It is there: two attempts never run at once.
                        if let Some(interface) = interface.take() {
                            attempt = Some(Box::pin(running.run(interface)));
                        }
                    }
                    Command::EndAttempt(stop) => {
                        stop_sender.send_replace(Some(stop));
                    }
                    Command::WatchLine(problem) => {
                        if matches!(problem, LineProblem::Absent { .. }) {
                            line_watch.note_absent();
                        }
                    }
                    Command::WatchPackets => {
                        // What came before, such as during the hang-up, counts.
                        let now = clock.now();
                        if interface.as_ref().is_some_and(|i| i.has_waiting(now)) {
                            say_starting();
                            supervisor.handle(now, Input::PacketWaiting);
                        }
                    }
                    Command::Reset => {
                        stop_sender.send_replace(None);
                        context.observer.progress(Progress::Resetting);
                        if supervisor.resets_in_row() <= 1 {
                            context.modem.note_good();
                        }
                        reset = Some(Box::pin(self.reset(stop_sender.subscribe())));
                    }
                    Command::EndReset => {
                        let signal = UserStop::Signal(attempt::SIGTERM);
                        stop_sender.send_replace(Some(Stop::User(signal)));
                    }
                    Command::Log(line) => emit(&line),
                    Command::Exit(status) => {
                        notifier.stopping();
                        if let Some(interface) = &mut interface {
                            interface.remove().await;
                        }
                        self.finish(surroundings.as_mut()).await;
                        let view = control::view(&supervisor, clock.now());
                        context.board.borrow_mut().note_state(view);
                        notifier.status(|| line(&self.sources().status()));
                        emit(&LogLine::pppd(Level::Info, "Exit."));
                        return status;
                    }
                }
            }
            let view = control::view(&supervisor, clock.now());
            context.board.borrow_mut().note_state(view.clone());
            if told.as_ref() != Some(&view) {
                told = Some(view);
                notifier.status(|| line(&self.sources().status()));
            }
            second_port_use.send_if_modified(|known| {
                let now = use_of_second_port(supervisor.state());
                std::mem::replace(known, now) != now
            });
            // Disconnected by a user, until he connects: another route may take over.
            let disconnected = *supervisor.state() == State::Disconnected;
            stand_by.wanted = context.demands() && !disconnected;
            if let Some(interface) = &mut interface {
                if disconnected {
                    interface.remove().await;
                }
                if let Err(status) = stand_by.see_to(&context, interface, clock.now()).await {
                    self.finish(surroundings.as_mut()).await;
                    return status;
                }
            }
            // An attempt makes the interface itself.
            let retry = stand_by.retry.filter(|_| interface.is_some());
            let deadline = earliest([supervisor.poll_timeout(), retry]);
            let waits_for_line = matches!(supervisor.state(), State::WaitingForLine(_));
            tokio::select! {
                biased;
                // First: the others cannot keep it from its turn, however busy they are.
                () = clock.sleep_until(notifier.poll_timeout()) => {}
                control = self.controls.recv(), if controlled => {
                    let input = match control {
                        Some(Control::Stop(signal)) => {
                            context.signal.set(Some(signal));
                            // An attempt says it when it takes it up.
                            let ending = matches!(supervisor.state(), State::Ending(_));
                            if attempt.is_none() || ending {
                                context.say_signal();
                            }
                            Input::User(UserStop::Signal(signal))
                        }
                        Some(Control::Reconnect) => Input::User(UserStop::Reconnect),
                        Some(Control::Disconnect) => Input::User(UserStop::Disconnect),
                        Some(Control::Connect) => Input::Connect,
                        Some(Control::Reset) => Input::User(UserStop::Reset),
                        // Whoever could have stopped us is gone, and nobody else can.
                        None => {
                            controlled = false;
                            Input::User(UserStop::Signal(attempt::SIGTERM))
                        }
                    };
                    supervisor.handle(clock.now(), input);
                }
                Some(input) = said.recv() => {
                    let now = clock.now();
                    context.note_input(now, &input);
                    supervisor.handle(now, input);
                }
                // Never ends. Before whatever else may want the port that it closes.
                () = &mut second_port => {}
                (end, back) = running(&mut attempt) => {
                    attempt = None;
                    context.say_signal();
                    interface = Some(back);
                    self.sources().note_end(&end);
                    context.observer.progress(Progress::Ended(end.clone()));
                    supervisor.handle(clock.now(), Input::Ended(end));
                }
                // Never ends. After the attempt, whose lines go before those of scripts.
                () = &mut surroundings => {}
                () = context.surroundings.pre_up_ended(), if stand_by.waits_for_pre_up => {
                    stand_by.pre_up_ended();
                }
                outcome = running(&mut reset) => {
                    reset = None;
                    context.board.borrow_mut().note_reset(clock.now(), &outcome);
                    context.observer.progress(Progress::Reset(outcome.clone()));
                    supervisor.handle(clock.now(), Input::ResetDone(outcome));
                }
                // Whoever changes it lives as long as we do.
                Ok(()) = configured.changed() => {
                    let config = context.config();
                    if reset_at.at() != config.reset_at {
                        reset_at = Daily::new(&config);
                    }
                    line_watch = context.modem.locator().watch(&config);
                }
                () = reset_at.come() => supervisor.handle(clock.now(), Input::ResetAt),
                // What changes while it is not waited for is told when it is.
                () = line_watch.changed(), if waits_for_line => {
                    supervisor.handle(clock.now(), Input::LineChanged);
                }
                held = hold(&mut interface) => match held {
                    Held::Packet(waits) => {
                        if waits && *supervisor.state() == State::WaitingForPacket {
                            say_starting();
                            supervisor.handle(clock.now(), Input::PacketWaiting);
                        }
                    }
                    Held::Lost(problem) => if let Some(interface) = &mut interface {
                        interface.lose(problem).await;
                        stand_by.retry = Some(clock.now() + StandBy::SETTLE);
                    },
                },
                () = clock.sleep_until(deadline) => {
                    supervisor.handle_timeout(clock.now());
                }
            }
        }
    }

    /// Scripts that run, and ip-down, before the end. Who asks for the end again does not want to wait any longer.
    async fn finish(&mut self, worker: Pin<&mut impl Future<Output = ()>>) {
        let context = Rc::clone(&self.context);
        let controls = &mut self.controls;
        let again = async || {
            loop {
                match controls.recv().await {
                    Some(Control::Stop(_)) => return,
                    Some(
                        Control::Reconnect
                        | Control::Disconnect
                        | Control::Connect
                        | Control::Reset,
                    ) => {}
                    None => std::future::pending().await,
                }
            }
        };
        context.surroundings.finish(worker, again).await;
    }

    /// Resets the modem. Ends soon after `stop` becomes `Some`, with everything that was switched off on again.
    fn reset(
        &self,
        mut stop: watch::Receiver<Option<Stop>>,
    ) -> impl Future<Output = ResetOutcome> + use<> {
        let context = Rc::clone(&self.context);
        async move {
            let Some(located) = context.modem.located() else {
                return ResetOutcome::Failed {
                    why: "no modem has been there yet".to_owned(),
                };
            };
            let settings = context.modem.reset_settings();
            let steps = reset::steps_of(&context.config(), &settings, &located);
            let steps = context.modem.order_steps(steps);
            let machine = ResetContext {
                roots: context.options.roots.clone(),
                lock_dir: context.options.lock_dir.clone(),
                state_dir: context.options.state_dir.clone(),
                interface: context.config().interface.clone(),
                port: context.port_settings(),
                clock: context.clock.clone(),
                reboot: if context.config().reset_reboot {
                    Reboot::by_systemd()
                } else {
                    Reboot::Forbidden
                },
            };
            let stopped = async { drop(stopped(&mut stop).await) };
            let outcome = reset::run(&machine, &located, &settings, steps, stopped).await;
            context.modem.note_reset(&outcome);
            outcome
        }
    }
}

/// What the modem's second port may be used for.
fn use_of_second_port(state: &State) -> Use {
    match state {
        State::Up(_) => Use::Rounds,
        State::Resetting(_) => Use::Nothing,
        State::Idle
        | State::Attempting
        | State::WaitingForLine(_)
        | State::WaitingForPacket
        | State::HoldingOff { .. }
        | State::Ending(_)
        | State::EndingOnSchedule
        | State::ResetWait { .. }
        | State::Disconnected
        | State::Ended(_) => Use::Commands,
    }
}

/// pppd's line of `demand`.
fn say_starting() {
    emit(&LogLine::pppd(Level::Info, "Starting link"));
}

/// What runs beside the loop.
type Running<T> = Pin<Box<dyn Future<Output = T>>>;

/// Ends with what runs; never, while nothing does.
async fn running<T>(work: &mut Option<Running<T>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Takes in packets while no attempt has the interface.
async fn hold(interface: &mut Option<Interface>) -> Held {
    match interface {
        Some(interface) => interface.hold().await,
        None => std::future::pending().await,
    }
}

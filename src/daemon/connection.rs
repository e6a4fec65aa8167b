//! The outermost loop: carries out what the supervisor commands and tells it what happened.

use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};

use crate::config::{Config, Device};
use crate::control::Board;
use crate::daemon::attempt::{self, Attempt};
use crate::daemon::control::{self, AtRequest, Sources};
use crate::daemon::dialing::stopped;
use crate::daemon::interface::{Held, Interface};
use crate::daemon::locate::Locator;
use crate::daemon::logging::emit;
use crate::daemon::modem::Modem;
use crate::daemon::progress::{Observer, Progress};
use crate::daemon::reset::{self, ResetContext};
use crate::daemon::second_port::{self, Use};
use crate::daemon::traffic::Traffic;
use crate::io::clock::Clock;
use crate::io::default_route::DefaultRoute;
use crate::io::net::Net;
use crate::io::rand;
use crate::io::reset::reboot::Reboot;
use crate::io::reset::{Roots, undo};
use crate::io::serial::PortSettings;
use crate::io::wall_clock::WallClock;
use crate::link::monitor::MonitorReport;
use crate::link::{
    Command, ExitStatus, Input, LineProblem, LinkEnd, NetworkProblem, ResetOutcome, Schedule,
    State, Stop, Supervisor, UserStop,
};
use crate::log::{Level, LogLine};
use crate::modem::Profiles;
use crate::time::{Instant, earliest};

/// Where the daemon keeps its files, and how it ends.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--once`: one link, then its exit status.
    pub once: bool,
    /// What must outlive a crash: the former default route.
    pub state_dir: PathBuf,
    /// UUCP lock files.
    pub lock_dir: PathBuf,
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

/// Everything an attempt shares with the next one.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) net: Net,
    pub(crate) observer: Rc<dyn Observer>,
    /// What is known of the modem.
    pub(crate) modem: Modem,
    /// For the status and the monitor.
    pub(crate) traffic: Rc<Traffic>,
    /// What is told to whoever asks for the status.
    pub(crate) board: Rc<RefCell<Board>>,
}

/// The daemon.
pub struct Daemon {
    context: Rc<Context>,
    controls: mpsc::Receiver<Control>,
    /// Commands for the modem's second port: where they are given, and where they arrive.
    at: (mpsc::Sender<AtRequest>, Option<mpsc::Receiver<AtRequest>>),
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
        let context = Rc::new(Context {
            config,
            options,
            clock,
            net,
            observer,
            modem,
            traffic: Rc::default(),
            board: Rc::new(RefCell::new(board)),
        });
        // One at a time.
        let (sender, requests) = mpsc::channel(1);
        Ok(Self {
            context,
            controls,
            at: (sender, Some(requests)),
        })
    }

    /// Where commands for the modem's second port are given.
    pub fn at_requests(&self) -> mpsc::Sender<AtRequest> {
        self.at.0.clone()
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
        let mut supervisor = Supervisor::new(context.config.policy(context.options.once), seed);
        let (say, mut said) = mpsc::unbounded_channel::<Input>();
        let (stop_sender, _) = watch::channel(None::<Stop>);
        // The attempt has the interface while it runs.
        let mut interface = Some(Interface::new(Rc::clone(&context)));
        let mut stand_by = StandBy::new(context.demands());
        let mut attempt: Option<Running<(LinkEnd, Interface)>> = None;
        let mut reset: Option<Running<ResetOutcome>> = None;
        // Made before the first attempt and kept, so that our own attempts do not wake it and nothing that happens
        // during one is missed.
        let mut line_watch = context.modem.locator().watch(&context.config);
        let mut reset_at = Daily::new(&context.config);
        let mut controlled = true;
        let (second_port_use, allowed) = watch::channel(Use::Commands);
        let requests = self.at.1.take();
        let mut second_port = pin!(second_port::run(Rc::clone(&context), allowed, requests));

        supervisor.handle(clock.now(), Input::Start);
        loop {
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
                        if let Some(interface) = &mut interface {
                            interface.remove().await;
                        }
                        emit(&LogLine::pppd(Level::Info, "Exit."));
                        return status;
                    }
                }
            }
            context
                .board
                .borrow_mut()
                .note_state(control::view(&supervisor, clock.now()));
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
                if let Err(status) = stand_by.see_to(interface, clock.now()).await {
                    return status;
                }
            }
            // An attempt makes the interface itself.
            let retry = stand_by.retry.filter(|_| interface.is_some());
            let deadline = earliest([supervisor.poll_timeout(), retry]);
            let waits_for_line = matches!(supervisor.state(), State::WaitingForLine(_));
            tokio::select! {
                biased;
                control = self.controls.recv(), if controlled => {
                    let input = match control {
                        Some(Control::Stop(signal)) => {
                            emit(&LogLine::pppd(
                                Level::Info,
                                format!("Terminating on signal {signal}"),
                            ));
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
                    interface = Some(back);
                    self.sources().note_end(&end);
                    context.observer.progress(Progress::Ended(end.clone()));
                    supervisor.handle(clock.now(), Input::Ended(end));
                }
                outcome = running(&mut reset) => {
                    reset = None;
                    context.board.borrow_mut().note_reset(clock.now(), &outcome);
                    context.observer.progress(Progress::Reset(outcome.clone()));
                    supervisor.handle(clock.now(), Input::ResetDone(outcome));
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
            let steps = reset::steps_of(&context.config, &settings, &located);
            let steps = context.modem.order_steps(steps);
            let machine = ResetContext {
                roots: context.options.roots.clone(),
                lock_dir: context.options.lock_dir.clone(),
                state_dir: context.options.state_dir.clone(),
                interface: context.config.interface.clone(),
                port: context.port_settings(),
                clock: context.clock.clone(),
                reboot: if context.config.reset_reboot {
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

/// RESET_AT: the schedule and its clock (spec S4).
struct Daily {
    running: Option<(Schedule, WallClock)>,
}

impl Daily {
    fn new(config: &Config) -> Self {
        let Some(at) = config.reset_at else {
            return Self { running: None };
        };
        let mut schedule = Schedule::new(at, TimeZone::system());
        let running = match WallClock::new() {
            Ok((clock, first)) => {
                let _ = schedule.handle_wall(first.boot, first.wall);
                Some((schedule, clock))
            }
            Err(error) => {
                emit(&LogLine::uplinkd(
                    Level::Error,
                    format!("RESET_AT does not act: the wall clock cannot be watched: {error}"),
                ));
                None
            }
        };
        Self { running }
    }

    /// Ends when the time has come; never without RESET_AT.
    async fn come(&mut self) {
        let Some((schedule, clock)) = &mut self.running else {
            return std::future::pending().await;
        };
        loop {
            let time = clock.wait(schedule.next_wall()).await;
            if schedule.handle_wall(time.boot, time.wall) {
                return;
            }
        }
    }
}

impl Context {
    /// How the modem's ttys are set.
    pub(crate) fn port_settings(&self) -> PortSettings {
        PortSettings {
            speed: self.config.speed,
            rtscts: self.config.rtscts,
            modem_lines: self.config.modem_lines,
        }
    }

    /// Whether packets start the dial (spec S6). With `--once` the link is dialed at once.
    pub(crate) fn demands(&self) -> bool {
        self.config.policy(self.options.once).demand
    }

    /// Tells the board how the monitor stands.
    pub(crate) fn note_monitor(&self, report: &MonitorReport) {
        let watched = report.nearest.map(|nearest| nearest.to_string());
        let mut board = self.board.borrow_mut();
        board.note_monitor(&report.target, watched.as_deref());
        if let Some((answered, at)) = report.last {
            board.note_ping(at, answered, report.lost);
        }
    }

    /// Tells the board what an attempt has said.
    fn note_input(&self, now: Instant, input: &Input) {
        let mut board = self.board.borrow_mut();
        if let Input::Up(settings) = input {
            board.note_up(now, &self.config.interface, settings);
        } else if *input == Input::Answered {
            board.note_good();
        }
    }

    /// Whether the interface stays while no link is up (spec N5).
    pub(crate) fn keeps_interface(&self) -> bool {
        self.config.hold || self.demands()
    }
}

/// DEMAND: sees to it that the interface is there while no attempt runs.
struct StandBy {
    wanted: bool,
    /// Once it has been there, what hinders it is taken for passing trouble.
    was_there: bool,
    /// Not before this moment.
    retry: Option<Instant>,
    /// What the log knows.
    told: Option<NetworkProblem>,
}

impl StandBy {
    /// After somebody has taken the interface away.
    const SETTLE: Duration = Duration::from_secs(1);

    /// After it could not be made.
    const RETRY: Duration = Duration::from_secs(30);

    fn new(wanted: bool) -> Self {
        Self {
            wanted,
            was_there: false,
            retry: None,
            told: None,
        }
    }

    /// Makes the interface if it is missing. An exit status if it never can be: no permission, no TUN.
    async fn see_to(&mut self, interface: &mut Interface, now: Instant) -> Result<(), ExitStatus> {
        if !self.wanted || interface.is_held() {
            self.retry = None;
            return Ok(());
        }
        if self.retry.is_some_and(|moment| now < moment) {
            return Ok(());
        }
        let Err(problem) = interface.stand_by().await else {
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

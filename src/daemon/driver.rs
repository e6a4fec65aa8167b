//! The loop of an attempt: the tty, the interface and the core's [`Attempt`] between them. No allocation per packet.

use std::io;
use std::path::Path;
use std::rc::Rc;

use bytes::{Buf, BytesMut};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time;

use crate::daemon::context::Context;
use crate::daemon::dialing::{Turns, stopped};
use crate::daemon::driver_stats::DriverStats;
use crate::daemon::interface::{Held, Interface};
use crate::daemon::link_events::LinkEvents;
use crate::daemon::logging::emit;
use crate::daemon::monitor::{self, MonitorNews};
use crate::daemon::progress::Progress;
use crate::io::link_monitor::{LinkGone, LinkMonitor};
use crate::io::serial::Port;
use crate::link::attempt::{Attempt, AttemptEvent};
use crate::link::hooks::{LinkFacts, LinkTotals};
use crate::link::monitor::MonitorPlan;
use crate::link::{ConnectTime, Idle, Input, LinkEnd, NetworkProblem, Stop};
use crate::log::{Identifier, Level, LogLine};
use crate::ppp::Ipv4Settings;
use crate::time::{Instant, earliest};

/// Packets of the TUN device and what the attempt has to send are taken only while fewer bytes than this wait for the
/// port: the kernel's queue discipline and the session hold the rest back, and an echo reply never waits long. Without
/// this a port that gives and never takes would make us hoard answers.
const WIRE_LIMIT: usize = 6000;

/// What one read of the port takes at most. A tty hands over 4 KiB, a pty up to 12.
const READ_LIMIT: usize = 16384;

/// One attempt on its port.
pub(crate) struct Driver<'a> {
    context: &'a Context,
    port: &'a Port,
    attempt: Attempt,
    /// As scripts are told it.
    tty: String,
    /// What the supervisor is to know before the end.
    say: &'a mpsc::UnboundedSender<Input>,
    wire: BytesMut,
    network_up: bool,
    up_since: Option<Instant>,
    /// With IDLE, from the moment the link is up.
    idle: Option<Idle>,
    /// With `max_connect`, from the moment the link is up.
    connect_time: Option<ConnectTime>,
    /// What was agreed on, while the link is up.
    settings: Option<Ipv4Settings>,
    /// What the monitor does.
    monitor: Option<MonitorPlan>,
    /// Those who watch the link while it is up.
    events: LinkEvents,
    /// The link waits for the end of ip-pre-up.
    pre_up: Option<LinkFacts>,
    /// The monitor begins when ip-up runs, or is late.
    due: Option<(MonitorPlan, time::Instant)>,
    /// IPCP was closed since the monitor has begun: its last line may be due.
    monitor_ends: bool,
    /// The end was asked for and taken up.
    stopped: bool,
    /// The modem's memory is being stored.
    saving: Option<JoinHandle<bool>>,
    /// The dialog with the modem has been logged often enough.
    quiet: bool,
    tun_full: u64,
    not_ipv4: u64,
    former_source: u64,
}

/// What comes from the interface's side.
enum FromInterface {
    /// A packet of this length stands in the buffer, or reading failed.
    Received(io::Result<usize>),
    /// Somebody has taken it away.
    Gone(LinkGone),
    /// While no link is up.
    Held(Held),
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        context: &'a Context,
        port: &'a Port,
        tty: &Path,
        attempt: Attempt,
        say: &'a mpsc::UnboundedSender<Input>,
        quiet: bool,
    ) -> Self {
        Self {
            context,
            port,
            attempt,
            tty: tty.display().to_string(),
            say,
            wire: BytesMut::with_capacity(2 * WIRE_LIMIT),
            network_up: false,
            up_since: None,
            idle: None,
            connect_time: None,
            settings: None,
            monitor: None,
            events: LinkEvents::default(),
            pre_up: None,
            due: None,
            monitor_ends: false,
            stopped: false,
            saving: None,
            quiet,
            tun_full: 0,
            not_ipv4: 0,
            former_source: 0,
        }
    }

    fn stats(&self) -> DriverStats {
        DriverStats {
            endpoint: self.attempt.stats(),
            tun_full: self.tun_full,
            not_ipv4: self.not_ipv4,
            former_source: self.former_source,
        }
    }

    /// Runs until the modem is on hook again, or the tty is gone.
    pub(crate) async fn run(
        &mut self,
        interface: &mut Interface,
        stop: &mut watch::Receiver<Option<Stop>>,
    ) -> LinkEnd {
        let mut read_buffer = vec![0; READ_LIMIT];
        let mut turns = Turns::default();
        let clock = &self.context.clock;
        let mut configured = self.context.configured.subscribe();
        self.context.traffic.start();
        self.attempt.start(clock.now());
        loop {
            self.take_bytes();
            let end = self.handle_events(interface).await;
            if self.stopped {
                // Behind the Terminate-Request, where pppd's log has it.
                self.context.say_signal();
            }
            if let Some(end) = end {
                self.watch(None);
                return end;
            }
            self.send_waiting(interface);
            // What the events have given to send.
            self.take_bytes();
            let deadline = earliest([
                self.attempt.poll_timeout(),
                self.idle.as_ref().and_then(Idle::poll_timeout),
                self.connect_time
                    .as_ref()
                    .and_then(ConnectTime::poll_timeout),
            ]);
            let (up, ending) = (self.network_up, self.attempt.is_ending());
            let has_room = self.wire.len() < WIRE_LIMIT;
            // Not `biased`: a line that always has something to read must not keep our packets and timers waiting.
            tokio::select! {
                asked = stopped(stop), if !ending => {
                    self.stopped = true;
                    self.stop(asked);
                }
                // While IPCP is not open, whoever watches the link stands still: what he would miss is no evidence.
                news = self.events.next(), if up => match news {
                    // Nobody listens any more: the daemon is ending, and will say so through `stop`.
                    MonitorNews::Answered => drop(self.say.send(Input::Answered)),
                    MonitorNews::Report(report) => self.context.note_monitor(&report),
                    MonitorNews::Cut(stop) => self.stop(stop),
                },
                changed = configured.changed(), if up => if changed.is_ok() {
                    self.reconfigure(interface);
                },
                written = self.port.write(&self.wire), if !self.wire.is_empty() => match written {
                    Ok(n) => self.wire.advance(n.min(self.wire.len())),
                    Err(error) => self.line_gone(Some(&error)),
                },
                read = self.port.read(&mut read_buffer) => match read {
                    Ok(0) => self.line_gone(None),
                    Ok(n) => {
                        let bytes = read_buffer.get(..n).unwrap_or_default();
                        self.handle_bytes(bytes, interface);
                        turns.count().await;
                    }
                    Err(error) => self.line_gone(Some(&error)),
                },
                () = self.context.surroundings.pre_up_ended(), if self.pre_up.is_some() => {
                    if let Some(link) = self.pre_up.take()
                        && let Err(problem) = self.bring_up(interface, link).await
                    {
                        self.fail(problem);
                    }
                }
                () = up_begun(self.context, &self.due), if self.due.is_some() => {
                    let due = self.due.take();
                    self.watch(due.map(|(plan, _)| plan));
                }
                () = self.context.surroundings.unwatch_wanted(), if self.monitor_ends => {
                    self.watch(None);
                }
                came = from_interface(interface, up, has_room) => match came {
                    FromInterface::Received(Ok(n)) => self.send(n, interface),
                    FromInterface::Received(Err(error)) => {
                        if let Some(device) = interface.device() {
                            let problem = device.read_problem(&error);
                            device.give_up();
                            self.fail(problem);
                        }
                    }
                    FromInterface::Gone(gone) => {
                        if let Some(device) = interface.device() {
                            let problem = device.gone_problem(gone);
                            self.fail(problem);
                        }
                    }
                    FromInterface::Held(Held::Packet(_)) => turns.count().await,
                    FromInterface::Held(Held::Lost(problem)) => interface.lose(problem).await,
                },
                ok = saved(&mut self.saving) => {
                    self.saving = None;
                    self.attempt.saved(clock.now(), ok);
                }
                () = clock.sleep_until(deadline) => {
                    // A line that always has something to read must not stop the clock: see `handle_bytes`.
                    let now = clock.now();
                    self.attempt.handle_timeout(now);
                    if let Some(stop) = self.idle_stop(now).or_else(|| self.time_stop(now)) {
                        self.stop(stop);
                    }
                }
            }
        }
    }

    /// Does what the attempt says; gives the end, once it has come.
    async fn handle_events(&mut self, interface: &mut Interface) -> Option<LinkEnd> {
        let clock = &self.context.clock;
        while let Some(event) = self.attempt.poll_event() {
            match event {
                AttemptEvent::Log(mut line) => {
                    if self.quiet && line.identifier == Identifier::Chat {
                        line.level = line.level.min(Level::Trace);
                    }
                    emit(&line);
                }
                AttemptEvent::Info(info) => {
                    self.context
                        .board
                        .borrow_mut()
                        .note_modem(clock.now(), &info);
                }
                AttemptEvent::Profile(profile) => {
                    self.context.modem.note_profile(&profile);
                    let reset_wait = profile.reset.wait;
                    let _ = self.say.send(Input::Modem { reset_wait });
                }
                AttemptEvent::Step(what) => {
                    self.context.board.borrow_mut().note_step(clock.now(), what);
                }
                AttemptEvent::Warning(text) => self.context.board.borrow_mut().note_warning(&text),
                AttemptEvent::Save(memory) => {
                    let modem = &self.context.modem;
                    self.saving = Some(modem.save(memory));
                    let writes = modem.provisioning_writes();
                    self.context.board.borrow_mut().note_provisioning(writes);
                }
                AttemptEvent::Connected(text) => {
                    self.context.surroundings.connected();
                    self.context.observer.progress(Progress::Connected(text));
                }
                // A line without that signal is watched for text all the same.
                AttemptEvent::WatchCarrier(on) => drop(self.port.watch_carrier(on)),
                // A pty has no DTR; a line whose DTR cannot be changed is hung up by `+++` and ATH.
                AttemptEvent::SetDtr(on) => drop(self.port.set_dtr(on)),
                // Likewise.
                AttemptEvent::SetBreak(on) => drop(self.port.set_break(on)),
                AttemptEvent::NetworkUp(settings) => {
                    if let Err(problem) = self.network_up(interface, settings).await {
                        self.fail(problem);
                    }
                }
                AttemptEvent::NetworkDown => self.network_down(interface).await,
                AttemptEvent::PppEnded(end) => {
                    self.network_up = false;
                    self.idle = None;
                    self.connect_time = None;
                    self.settings = None;
                    // Its last line stands behind "Connection terminated.", where the existing system has it.
                    self.watch(None);
                    // The last frames, such as a Terminate-Ack, still go out if the port takes them.
                    while self.attempt.poll_transmit(&mut self.wire) {}
                    if !self.wire.is_empty() {
                        let _ = self.port.try_write(&self.wire);
                        self.wire.clear();
                    }
                    // Before the hang-up: nothing is sent into a line that is being closed.
                    interface.settle(&end).await;
                    // It was negotiating again, and is not any more.
                    let surroundings = &self.context.surroundings;
                    surroundings.down(None).await;
                    surroundings.disconnected();
                }
                AttemptEvent::Ended(end) => return Some(end),
            }
        }
        None
    }

    /// IPCP is open; again after a renegotiation. The interface goes up when ip-pre-up has ended.
    async fn network_up(
        &mut self,
        interface: &mut Interface,
        settings: Ipv4Settings,
    ) -> Result<(), NetworkProblem> {
        let surroundings = &self.context.surroundings;
        let settings = surroundings.before_up(&settings);
        // It is there already, unless somebody has deleted it during the dial.
        let device = interface.make()?;
        let link = LinkFacts {
            tty: self.tty.clone(),
            speed: self.context.config().speed,
            settings,
            former: device.former_settings(),
            peer: None,
        };
        if device.is_up_with(&settings) || !surroundings.has_pre_up() {
            return self.bring_up(interface, link).await;
        }
        device.prepare(&settings).await?;
        surroundings.start_pre_up(link.clone());
        self.pre_up = Some(link);
        Ok(())
    }

    /// IPCP is not open any more.
    async fn network_down(&mut self, interface: &mut Interface) {
        self.network_up = false;
        self.pre_up = None;
        self.due = None;
        self.monitor_ends = true;
        // A connect time without a link would only confuse; pppd leaves it out too.
        let totals = self.up_since.take().map(|since| {
            let connected = self.context.clock.now().since(since);
            let stats = self.stats();
            stats.summary(connected).iter().for_each(emit);
            LinkTotals {
                connected,
                sent: stats.endpoint.sent_bytes,
                received: stats.endpoint.received_bytes,
            }
        });
        let surroundings = &self.context.surroundings;
        if self.attempt.is_renegotiating() {
            surroundings.renegotiates(totals);
            return;
        }
        // As with pppd, ip-down finds the routes as they were before.
        interface.take_down(self.attempt.ending()).await;
        surroundings.down(totals).await;
    }

    /// Configures the interface as IPCP has agreed.
    async fn bring_up(
        &mut self,
        interface: &mut Interface,
        link: LinkFacts,
    ) -> Result<(), NetworkProblem> {
        let context = self.context;
        let settings = &link.settings;
        let device = interface.make()?;
        device.bring_up(settings).await?;
        let now = context.clock.now();
        self.up_since = Some(now);
        self.network_up = !self.attempt.is_ending();
        if self.idle.is_none() {
            self.idle = context.config().idle.map(|after| Idle::new(now, after));
        }
        if self.connect_time.is_none() {
            let most = context.config().max_connect;
            self.connect_time = most.map(|most| ConnectTime::new(now, most));
        }
        let _ = self.say.send(Input::Up(*settings));
        let name = device.name().to_owned();
        let plan = monitor::plan(&context.config(), &name, settings);
        self.settings = Some(*settings);
        self.due = Some((plan, time::Instant::now()));
        context
            .modem
            .note_connected(context.options.config_file.as_deref());
        context.observer.progress(Progress::Up {
            interface: name,
            settings: *settings,
        });
        context.surroundings.up(link);
        Ok(())
    }

    /// Lets the monitor watch the link, in the place of a former one; or none.
    fn watch(&mut self, plan: Option<MonitorPlan>) {
        let context = self.context;
        context.surroundings.set_watched(plan.is_some());
        self.monitor.clone_from(&plan);
        self.monitor_ends = false;
        let Some(plan) = plan else {
            self.events.stop();
            context.traffic.set_own_echo(None);
            return;
        };
        let identifier = monitor::identifier();
        context.traffic.set_own_echo(Some(identifier));
        let traffic = Rc::clone(&context.traffic);
        let received = move || traffic.payload().received_packets;
        let clock = context.clock.clone();
        self.events
            .start(|news| monitor::run(clock, plan, identifier, received, news));
    }

    /// The configuration has been read anew, and the link is up: IDLE and the monitor follow at once.
    fn reconfigure(&mut self, interface: &mut Interface) {
        let config = self.context.config();
        if self.idle.as_ref().map(Idle::after) != config.idle {
            let now = self.context.clock.now();
            self.idle = config.idle.map(|after| Idle::new(now, after));
        }
        let (Some(settings), Some(device)) = (self.settings, interface.device()) else {
            return;
        };
        let plan = monitor::plan(&config, device.name(), &settings);
        if let Some((due, _)) = &mut self.due {
            *due = plan;
        } else if self.monitor.as_ref() != Some(&plan) {
            self.watch(Some(plan));
        }
    }

    fn stop(&mut self, stop: Stop) {
        self.network_up = false;
        self.attempt.stop(self.context.clock.now(), stop);
    }

    fn fail(&mut self, problem: NetworkProblem) {
        self.network_up = false;
        self.attempt.fail(self.context.clock.now(), problem);
    }

    fn line_gone(&mut self, error: Option<&io::Error>) {
        let error = error.map(ToString::to_string);
        self.attempt.line_gone(self.context.clock.now(), error);
    }

    /// What the attempt has to send, as far as there is room.
    fn take_bytes(&mut self) {
        if self.wire.len() < WIRE_LIMIT {
            // Its queues are short; all of it is taken.
            while self.attempt.poll_transmit(&mut self.wire) {}
        }
    }

    fn handle_bytes(&mut self, bytes: &[u8], interface: &mut Interface) {
        let now = self.context.clock.now();
        let (traffic, idle, tun_full) = (&self.context.traffic, &mut self.idle, &mut self.tun_full);
        let device = interface.device();
        self.attempt.handle_bytes(now, bytes, |packet| {
            let taken = device
                .as_ref()
                .is_some_and(|device| device.tun().try_send(packet).is_ok());
            *tun_full += u64::from(!taken);
            if traffic.note_received(packet)
                && let Some(idle) = idle
            {
                idle.handle_traffic(now);
            }
        });
        // A line that always has something to read must not stop the clock.
        self.attempt.handle_timeout(now);
    }

    /// What has waited for the link goes before what comes now, as far as there is room.
    fn send_waiting(&mut self, interface: &mut Interface) {
        while self.network_up
            && self.wire.len() < WIRE_LIMIT
            && let Some(device) = interface.device()
            && let Some(n) = device.next_waiting(self.context.clock.now())
        {
            self.send(n, interface);
        }
    }

    /// Sends the packet in the interface's buffer.
    fn send(&mut self, length: usize, interface: &mut Interface) {
        let Some(device) = interface.device() else {
            return;
        };
        let packet = device.packet(length);
        if packet.first().is_none_or(|first| first >> 4 != 4) {
            self.not_ipv4 += 1;
        } else if device.is_former(packet) {
            self.former_source += 1;
        } else if self.attempt.send_ipv4(packet, &mut self.wire)
            && self.context.traffic.note_sent(packet)
            && let Some(idle) = &mut self.idle
        {
            // A refusal is counted by the endpoint.
            idle.handle_traffic(self.context.clock.now());
        }
    }

    /// Whether there has been no traffic for too long; pppd's line for it.
    fn idle_stop(&mut self, now: Instant) -> Option<Stop> {
        let idle = self.idle.as_mut()?;
        idle.handle_timeout(now);
        let stop = idle.poll_stop()?;
        emit(&LogLine::pppd(
            Level::Notice,
            "Terminating connection due to lack of activity.",
        ));
        Some(stop)
    }

    /// Whether the link has been up for too long; pppd's line for it.
    fn time_stop(&mut self, now: Instant) -> Option<Stop> {
        let clock = self.connect_time.as_mut()?;
        clock.handle_timeout(now);
        let stop = clock.poll_stop()?;
        emit(&LogLine::pppd(Level::Info, "Connect time expired"));
        Some(stop)
    }
}

/// The next that comes from the interface: packets for the link that is up, or packets that have to wait for it.
async fn from_interface(interface: &mut Interface, up: bool, has_room: bool) -> FromInterface {
    if !up {
        return FromInterface::Held(interface.hold().await);
    }
    let Some(device) = interface.device() else {
        return std::future::pending().await;
    };
    let (tun, monitor, packet) = device.parts();
    tokio::select! {
        received = tun.recv(packet), if has_room => FromInterface::Received(received),
        gone = gone(monitor) => FromInterface::Gone(gone),
    }
}

/// Ends when the monitor is to begin.
async fn up_begun(context: &Context, due: &Option<(MonitorPlan, time::Instant)>) {
    match due {
        Some((_, up)) => context.surroundings.up_begun(*up).await,
        None => std::future::pending().await,
    }
}

/// Ends when the interface is gone; never, while none is watched.
async fn gone(monitor: &mut Option<LinkMonitor>) -> LinkGone {
    match monitor {
        Some(monitor) => monitor.gone().await,
        None => std::future::pending().await,
    }
}

/// Ends when what is being stored is; never, while nothing is.
async fn saved(saving: &mut Option<JoinHandle<bool>>) -> bool {
    match saving {
        Some(saving) => saving.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

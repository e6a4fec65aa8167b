//! The network interface of the connection: made, kept across attempts or not, and taken away.
//!
//! Without `hold` and DEMAND the interface lives as long as an attempt: it is made before the dial, configured when
//! IPCP is up, and gone before the hang-up.
//!
//! With `hold` (spec N5) it stays from the first link on: name, addresses, routes, and so the sockets of the programs.
//! If the next link brings the same addresses, nothing changes; if it brings others, they are exchanged. With DEMAND
//! (spec S6) it is there from the start, with LOCALADDR and REMOTEADDR or the addresses that pppd makes up.
//!
//! While no link is up, packets are read from the device at once, into a [`PacketQueue`]. They could be left in the
//! kernel, which keeps 500 of them for a TUN device and wakes nobody; but it drops the newest, not the oldest, and does
//! not say since when each waits: after an hour's outage the link would open with 500 packets of an hour ago. Taking the
//! carrier away instead would make the kernel drop all of them and tell every program that watches interfaces.
//! So a packet costs a wake-up, which is work that a program has asked for; without packets there is none.
//!
//! It goes in spite of `hold` and DEMAND when somebody else has deleted it or set it down (the next attempt makes a new
//! one), when the user asks for a disconnect (then another route may take over), and when the daemon ends.

mod made_up;

use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;

use crate::daemon::context::Context;
use crate::daemon::dialing::Turns;
use crate::daemon::logging::emit;
use crate::io::default_route::DefaultRoute;
use crate::io::dynamic_address::DynamicAddress;
use crate::io::link_monitor::{LinkGone, LinkMonitor};
use crate::io::tun::Tun;
use crate::link::{LinkEnd, NetworkProblem, PacketQueue, QueueStats, UserStop};
use crate::log::{Level, LogLine};
use crate::ppp::Ipv4Settings;
use crate::time::Instant;
use made_up::demand_settings;

pub(crate) use made_up::unit_of;

/// Largest packet that a TUN device can hand over.
const PACKET_LIMIT: usize = 65536;

/// As many packets as a TUN device of the kernel holds.
const KERNEL_QUEUE: usize = 500;

/// The interface, or the place for one.
pub(crate) struct Interface {
    context: Rc<Context>,
    device: Option<Device>,
}

/// An interface that exists.
pub(crate) struct Device {
    context: Rc<Context>,
    tun: Tun,
    /// From the moment it is up; without it, a deletion is still noticed by the next packet.
    monitor: Option<LinkMonitor>,
    /// As it is configured; `None`: it is down.
    settings: Option<Ipv4Settings>,
    /// The address before the last change: nothing is sent from it.
    former: Option<Ipv4Addr>,
    route: Option<DefaultRoute>,
    /// `None` without `hold` and DEMAND.
    queue: Option<PacketQueue>,
    /// What the log knows of the queue.
    told: QueueStats,
    dynamic: Option<DynamicAddress>,
    /// False once reading has failed.
    readable: bool,
    buffer: Vec<u8>,
    turns: Turns,
}

/// What has come while no link is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// A packet; whether it waits in the queue.
    Packet(bool),
    /// Somebody has taken the interface away, or it cannot be read.
    Lost(NetworkProblem),
}

impl Interface {
    /// The place for one.
    pub(crate) fn new(context: Rc<Context>) -> Self {
        Self {
            context,
            device: None,
        }
    }

    /// Whether it can be made at all: no TUN, no permission. What is made for that is gone again.
    pub(crate) fn check(&self) -> Result<(), NetworkProblem> {
        if self.device.is_some() {
            return Ok(());
        }
        match Tun::create(&self.context.config().interface) {
            Err(problem @ (NetworkProblem::NoPermission { .. } | NetworkProblem::NoTun { .. })) => {
                Err(problem)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Makes it, unless it is there.
    pub(crate) fn make(&mut self) -> Result<&mut Device, NetworkProblem> {
        let device = match self.device.take() {
            Some(device) => device,
            None => Device::create(&self.context)?,
        };
        Ok(self.device.insert(device))
    }

    /// It, if it is there.
    pub(crate) fn device(&mut self) -> Option<&mut Device> {
        self.device.as_mut()
    }

    /// DEMAND: makes it and gives it its addresses, before it is taken up.
    pub(crate) async fn prepare_stand_by(&mut self) -> Result<(), NetworkProblem> {
        let settings = demand_settings(&self.context);
        let result = self.make()?.prepare(&settings).await;
        if result.is_err() {
            self.remove().await;
        }
        result
    }

    /// DEMAND: makes it and takes it up, unless it is up, so that packets for the link come in.
    pub(crate) async fn stand_by(&mut self) -> Result<(), NetworkProblem> {
        if self.is_held() {
            return Ok(());
        }
        let settings = demand_settings(&self.context);
        let device = self.make()?;
        let result = device.configure(&settings).await;
        match &result {
            Ok(()) => device.say_addresses(&settings),
            Err(_) => self.remove().await,
        }
        result
    }

    /// Takes packets into the queue while no link is up; never ends if the interface is not to be held. Safe to
    /// cancel. After [`Held::Lost`], call [`lose`](Self::lose).
    pub(crate) async fn hold(&mut self) -> Held {
        match &mut self.device {
            Some(device) if device.is_held() => device.hold().await,
            Some(_) | None => std::future::pending().await,
        }
    }

    /// Whether it stays while no link is up.
    pub(crate) fn is_held(&self) -> bool {
        self.device.as_ref().is_some_and(Device::is_held)
    }

    /// Whether a packet waits for the link.
    pub(crate) fn has_waiting(&self, now: Instant) -> bool {
        let queue = self
            .device
            .as_ref()
            .and_then(|device| device.queue.as_ref());
        queue.is_some_and(|queue| queue.is_waiting(now))
    }

    /// Gives up an interface that is ours no more.
    pub(crate) async fn lose(&mut self, problem: NetworkProblem) {
        emit(&LogLine::uplinkd(
            Level::Warning,
            format!("{}; a new one will be made", LinkEnd::Network(problem)),
        ));
        self.remove().await;
    }

    /// After an attempt or a link that ended so: it goes, unless it is to stay.
    pub(crate) async fn settle(&mut self, end: &LinkEnd) {
        if !self.stays_after(Some(end)) {
            self.remove().await;
        }
    }

    /// The link is down, and it ends so, as far as is known: without an interface that is to stay, its routes and
    /// addresses go now. The interface itself is there until [`settle`](Self::settle), as pppd's.
    pub(crate) async fn take_down(&mut self, end: Option<&LinkEnd>) {
        if !self.stays_after(end)
            && let Some(device) = &mut self.device
        {
            device.take_down().await;
        }
    }

    fn stays_after(&self, end: Option<&LinkEnd>) -> bool {
        let Some(end) = end else {
            return self.is_held();
        };
        match end {
            LinkEnd::Network(_) | LinkEnd::User(UserStop::Signal(_) | UserStop::Disconnect) => {
                false
            }
            LinkEnd::User(UserStop::Reconnect | UserStop::Reset)
            | LinkEnd::Line(_)
            | LinkEnd::Modem(_)
            | LinkEnd::Dial(_)
            | LinkEnd::Chat(_)
            | LinkEnd::Ppp(_)
            | LinkEnd::Monitor { .. }
            | LinkEnd::Idle { .. }
            | LinkEnd::ConnectTime { .. }
            | LinkEnd::Scheduled => self.is_held(),
        }
    }

    /// Takes it away, whatever is configured; the former default route comes back.
    pub(crate) async fn remove(&mut self) {
        if let Some(mut device) = self.device.take() {
            if let Some(mut route) = device.route.take() {
                route.restore(&self.context.net).await.iter().for_each(emit);
            }
            device.note_lost_packets();
        }
    }
}

impl Device {
    fn create(context: &Rc<Context>) -> Result<Self, NetworkProblem> {
        let config = context.config();
        Ok(Self {
            tun: Tun::create(&config.interface)?,
            context: Rc::clone(context),
            monitor: None,
            settings: None,
            former: None,
            route: None,
            queue: context
                .keeps_interface()
                .then(|| PacketQueue::new(config.queue_packets, config.queue_bytes)),
            told: QueueStats::default(),
            dynamic: None,
            readable: true,
            buffer: vec![0; PACKET_LIMIT],
            turns: Turns::default(),
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.tun.name()
    }

    /// What the data phase waits for: packets, in the buffer, and the interface's end.
    pub(crate) fn parts(&mut self) -> (&Tun, &mut Option<LinkMonitor>, &mut [u8]) {
        (&self.tun, &mut self.monitor, &mut self.buffer)
    }

    /// The TUN device.
    pub(crate) fn tun(&self) -> &Tun {
        &self.tun
    }

    /// The first octets of the buffer, as read from the device.
    pub(crate) fn packet(&self, length: usize) -> &[u8] {
        self.buffer.get(..length).unwrap_or_default()
    }

    /// Whether a packet comes from an address that is ours no more.
    pub(crate) fn is_former(&self, packet: &[u8]) -> bool {
        self.former
            .is_some_and(|former| packet.get(12..16) == Some(former.octets().as_slice()))
    }

    /// Whether packets are read while no link is up.
    pub(crate) fn is_held(&self) -> bool {
        self.queue.is_some() && self.settings.is_some() && self.readable
    }

    /// Nothing more can be read.
    pub(crate) fn give_up(&mut self) {
        self.readable = false;
    }

    /// What an interface that has stayed is configured with.
    pub(crate) fn former_settings(&self) -> Option<Ipv4Settings> {
        self.settings.filter(|_| self.queue.is_some())
    }

    /// Whether it is up, and either stays from link to link or has these settings already: then ip-pre-up has had its
    /// turn.
    pub(crate) fn is_up_with(&self, settings: &Ipv4Settings) -> bool {
        match &self.settings {
            Some(known) => self.queue.is_some() || known == settings,
            None => false,
        }
    }

    /// The addresses and the MTU; it is not taken up.
    pub(crate) async fn prepare(&mut self, settings: &Ipv4Settings) -> Result<(), NetworkProblem> {
        let context = &self.context;
        let netmask = context.config().netmask;
        context.net.prepare(&self.tun, settings, netmask).await
    }

    /// Routes and addresses away, the interface down.
    async fn take_down(&mut self) {
        if self.settings.take().is_none() {
            return;
        }
        // What happens to it from here on is our own doing.
        self.monitor = None;
        let net = &self.context.net;
        if let Some(mut route) = self.route.take() {
            route.restore(net).await.iter().for_each(emit);
        }
        // Somebody may have deleted it, which is as good.
        let _ = net.deconfigure(&self.tun).await;
    }

    /// Configures it as IPCP has agreed: after the dial, after a renegotiation, after a redial of an interface that has
    /// stayed. What has not changed is left alone.
    pub(crate) async fn bring_up(&mut self, settings: &Ipv4Settings) -> Result<(), NetworkProblem> {
        self.change_source(settings.local);
        if let Some(former) = self.settings.filter(|_| self.queue.is_some()) {
            for (what, then, now) in [
                ("Local", Some(former.local), Some(settings.local)),
                ("Remote", former.remote, settings.remote),
            ] {
                if let Some(now) = now.filter(|_| then != now) {
                    emit(&LogLine::pppd(
                        Level::Warning,
                        format!("{what} IP address changed to {now}"),
                    ));
                }
            }
        }
        self.configure(settings).await?;
        self.say_waiting();
        Ok(())
    }

    /// The next packet that has waited for the link, in the buffer: its length.
    pub(crate) fn next_waiting(&mut self, now: Instant) -> Option<usize> {
        let queue = self.queue.as_mut()?;
        if queue.is_empty() {
            return None;
        }
        let length = queue.pop(now, &mut self.buffer);
        self.note_waiting();
        length
    }

    /// A packet of this length stands in the buffer, and no link is up: it waits; whether it does.
    pub(crate) fn take_in(&mut self, now: Instant, length: usize) -> bool {
        let Some(queue) = &mut self.queue else {
            return false;
        };
        let waits = queue.push(now, self.buffer.get(..length).unwrap_or_default());
        self.note_waiting();
        waits
    }

    /// What an error of reading means.
    pub(crate) fn read_problem(&self, error: &io::Error) -> NetworkProblem {
        let name = self.name().to_owned();
        if Tun::is_deleted(error) {
            NetworkProblem::InterfaceDeleted { name }
        } else {
            NetworkProblem::Failed {
                what: format!("reading from {name}: {error}"),
            }
        }
    }

    /// What the end of the interface means.
    pub(crate) fn gone_problem(&self, gone: LinkGone) -> NetworkProblem {
        let name = self.name().to_owned();
        match gone {
            LinkGone::Deleted => NetworkProblem::InterfaceDeleted { name },
            LinkGone::Down => NetworkProblem::SetDown { name },
        }
    }

    /// One packet, or the end.
    async fn hold(&mut self) -> Held {
        // Before, not after: given up here, nothing is lost.
        self.turns.count().await;
        let received = tokio::select! {
            received = self.tun.recv(&mut self.buffer) => received,
            gone = gone(&mut self.monitor) => return Held::Lost(self.gone_problem(gone)),
        };
        match received {
            Ok(length) => Held::Packet(self.take_in(self.context.clock.now(), length)),
            Err(error) => Held::Lost(self.read_problem(&error)),
        }
    }

    /// Our address will be `local`: packets from the former one get what the queue has for them, as long as that is an
    /// address of the interface and an answer finds its program.
    fn change_source(&mut self, local: Ipv4Addr) {
        let (Some(queue), Some(settings)) = (&mut self.queue, &self.settings) else {
            return;
        };
        let former = settings.local;
        if former == local {
            self.former = None;
            return;
        }
        // What the kernel still has was sent from the former address as well.
        let now = self.context.clock.now();
        for _ in 0..KERNEL_QUEUE {
            let Ok(length) = self.tun.try_recv(&mut self.buffer) else {
                break;
            };
            queue.push(now, self.buffer.get(..length).unwrap_or_default());
        }
        let tun = &self.tun;
        queue.change_source(former, local, |reset| {
            // An interface that takes nothing: the program waits for its own timeout.
            let _ = tun.try_send(reset);
        });
        self.former = Some(former);
    }

    /// Addresses, MTU, up, routes.
    async fn configure(&mut self, settings: &Ipv4Settings) -> Result<(), NetworkProblem> {
        let context = Rc::clone(&self.context);
        let config = context.config();
        if self.queue.is_some() && self.dynamic.is_none() {
            self.follow_new_addresses();
        }
        context
            .net
            .configure(&self.tun, settings, config.netmask)
            .await?;
        if config.default_route {
            self.set_default_route().await;
        }
        if self.monitor.is_none() {
            self.monitor = LinkMonitor::new(self.tun.index()).ok();
        }
        self.settings = Some(*settings);
        Ok(())
    }

    fn follow_new_addresses(&mut self) {
        match DynamicAddress::enable() {
            Ok(Some(on)) => {
                emit(&LogLine::uplinkd(
                    Level::Info,
                    "net.ipv4.ip_dynaddr is 1 as long as the interface is kept: connections that are being opened \
                     follow a new address",
                ));
                self.dynamic = Some(on);
            }
            Ok(None) => {}
            Err(error) => emit(&LogLine::uplinkd(
                Level::Warning,
                format!(
                    "net.ipv4.ip_dynaddr cannot be set to 1 ({error}): a connection that is being opened while the \
                     link is down fails if the address changes"
                ),
            )),
        }
    }

    /// A link without the default route is worth more than none: it can still be reached from afar. So a failure is
    /// said loudly, and the link stays, as with pppd.
    async fn set_default_route(&mut self) {
        let context = &self.context;
        let config = context.config();
        let is_at_zero = config.route_metric.unwrap_or(0) == 0;
        if self.route.is_none() && !config.replace_default_route && is_at_zero {
            // An error shows again when ours is set.
            if let Ok(Some(line)) = DefaultRoute::in_the_way(&context.net, &self.tun).await {
                emit(&line);
                return;
            }
        }
        let result = match &self.route {
            Some(route) => route.reassert(&context.net).await,
            None => {
                let (metric, state_dir) =
                    (context.config().route_metric, &context.options.state_dir);
                match DefaultRoute::install(&context.net, &self.tun, metric, state_dir).await {
                    Ok(route) => {
                        route.log().iter().for_each(emit);
                        self.route = Some(route);
                        Ok(())
                    }
                    Err(problem) => Err(problem),
                }
            }
        };
        if let Err(problem) = result {
            emit(&LogLine::uplinkd(
                Level::Error,
                format!(
                    "the link has no default route: {}; {}",
                    LinkEnd::Network(problem.clone()),
                    LinkEnd::Network(problem).advice()
                ),
            ));
        }
    }

    /// pppd's lines of `demand`.
    fn say_addresses(&self, settings: &Ipv4Settings) {
        let using = format!("Using interface {}", self.name());
        emit(&LogLine::pppd(Level::Info, using));
        let local = format!("local  IP address {}", settings.local);
        emit(&LogLine::pppd(Level::Notice, local));
        if let Some(remote) = settings.remote {
            let remote = format!("remote IP address {remote}");
            emit(&LogLine::pppd(Level::Notice, remote));
        }
    }

    /// What has waited, if anything has.
    fn say_waiting(&mut self) {
        let Some(queue) = &mut self.queue else {
            return;
        };
        queue.expire(self.context.clock.now());
        let drops = queue.stats().since(&self.told).drops();
        let waiting = match queue.len() {
            1 => "1 packet has waited and goes out".to_owned(),
            n => format!("{n} packets have waited and go out"),
        };
        if !queue.is_empty() || !drops.is_empty() {
            let dropped = if drops.is_empty() {
                String::new()
            } else {
                format!("; dropped: {drops}")
            };
            emit(&LogLine::uplinkd(Level::Info, waiting + &dropped));
        }
        self.told = *queue.stats();
        self.note_waiting();
    }

    /// The interface goes with packets that still wait.
    fn note_lost_packets(&mut self) {
        let Some(queue) = &self.queue else {
            return;
        };
        let lost = queue.len();
        if lost > 0 {
            let text = format!("dropped with {}: {lost} packets that waited", self.name());
            emit(&LogLine::uplinkd(Level::Info, text));
        }
        self.context.traffic.note_waiting(0, *queue.stats());
    }

    fn note_waiting(&self) {
        if let Some(queue) = &self.queue {
            let traffic = &self.context.traffic;
            traffic.note_waiting(queue.len(), *queue.stats());
        }
    }
}

/// Ends when the interface is gone; never, while none is watched.
pub(crate) async fn gone(monitor: &mut Option<LinkMonitor>) -> LinkGone {
    match monitor {
        Some(monitor) => monitor.gone().await,
        None => std::future::pending().await,
    }
}

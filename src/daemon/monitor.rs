//! The ping monitor on its sockets (spec M): carries out what [`Monitor`] commands and tells it what came.
//!
//! One future for each link: it begins when the link is up, and dropping it ends the monitor, with its last line and
//! all its sockets.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::hops::HopSocket;
use crate::io::ping::Pinger;
use crate::io::rand;
use crate::io::resolve::resolve;
use crate::link::Stop;
use crate::link::monitor::{
    EchoAnswer, Monitor, MonitorCommand, MonitorInput, MonitorPlan, MonitorReport,
};
use crate::log::LogLine;
use crate::ppp::Ipv4Settings;
use crate::time::{Instant, earliest};

/// What the monitor has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorNews {
    /// A ping was answered: the link is good.
    Answered,
    /// What is watched, or how it stands with it, has changed.
    Report(MonitorReport),
    /// The link is to be cut. Comes once.
    Cut(Stop),
}

/// What is watched on a link that came up with `settings` on `interface`.
///
/// C21: only a link that is there for good is watched. With DEMAND pings would keep up a link that nobody uses, and
/// without PERSIST a cut would be the end of the program. The configuration's reader warns about both.
pub fn plan(config: &Config, interface: &str, settings: &Ipv4Settings) -> MonitorPlan {
    let monitor = &config.monitor;
    MonitorPlan {
        enabled: monitor.enabled && config.persist && !config.demand,
        interface: interface.to_owned(),
        target: monitor.target.clone(),
        interval: monitor.interval,
        fail: monitor.fail,
        log: monitor.log,
        timeout: monitor.timeout,
        fixed_target: monitor.fixed_target,
        payload_is_life: monitor.payload_is_life,
        dns: settings.dns,
        peer: settings.remote,
        pid: std::process::id(),
    }
}

/// Runs the monitor of a link that has just come up, until it is dropped, which must be when the link is down.
/// `received` tells how many packets have come in through the interface in all; `identifier` is the one that its pings
/// carry: see [`identifier`].
pub async fn run(
    clock: Clock,
    plan: MonitorPlan,
    identifier: u16,
    received: impl Fn() -> u64,
    news: UnboundedSender<MonitorNews>,
) {
    run_with(clock, plan, identifier, received, news, emit).await;
}

/// What tells the pings of one monitor from those of other programs.
pub fn identifier() -> u16 {
    // Without random numbers, the number of the process does.
    let seed = rand::seed().unwrap_or_else(|_| u64::from(std::process::id()));
    seed as u16
}

async fn run_with(
    clock: Clock,
    plan: MonitorPlan,
    identifier: u16,
    received: impl Fn() -> u64,
    news: UnboundedSender<MonitorNews>,
    log: impl Fn(&LogLine),
) {
    let mut sockets = Sockets::new(plan.interface.clone(), identifier);
    let monitor = Monitor::new(clock.now(), plan);
    let mut running = Running {
        monitor,
        clock,
        log,
    };
    running.handle(MonitorInput::Received(received()));
    let mut told = None;
    loop {
        // Before a cut, behind which nobody listens.
        let report = running.monitor.report();
        if report != told {
            told.clone_from(&report);
            if let Some(report) = report {
                let _ = news.send(MonitorNews::Report(report));
            }
        }
        while let Some(command) = running.monitor.poll_command() {
            // Nobody listens any more once the link is ending: then this is dropped soon.
            match command {
                MonitorCommand::Log(line) => (running.log)(&line),
                MonitorCommand::Answered => drop(news.send(MonitorNews::Answered)),
                MonitorCommand::Cut { target, lost } => {
                    let stop = Stop::Monitor { target, lost };
                    drop(news.send(MonitorNews::Cut(stop)));
                }
                MonitorCommand::Resolve { .. } | MonitorCommand::Echo { .. } => {
                    if let Some(input) = sockets.carry_out(command, running.clock.now()) {
                        running.handle(input);
                    }
                }
            }
        }
        let deadline = earliest([running.monitor.poll_timeout(), sockets.poll_timeout()]);
        tokio::select! {
            input = sockets.next() => {
                running.handle(MonitorInput::Received(received()));
                if let Some(input) = input {
                    running.handle(input);
                }
            }
            () = running.clock.sleep_until(deadline) => {
                let now = running.clock.now();
                running.handle(MonitorInput::Received(received()));
                running.monitor.handle_timeout(now);
                sockets.handle_timeout(now);
            }
        }
    }
}

/// The monitor, which has the last word when it is dropped.
struct Running<L: Fn(&LogLine)> {
    monitor: Monitor,
    clock: Clock,
    log: L,
}

impl<L: Fn(&LogLine)> Running<L> {
    fn handle(&mut self, input: MonitorInput) {
        self.monitor.handle(self.clock.now(), input);
    }
}

impl<L: Fn(&LogLine)> Drop for Running<L> {
    fn drop(&mut self) {
        self.handle(MonitorInput::Down);
        while let Some(command) = self.monitor.poll_command() {
            if let MonitorCommand::Log(line) = command {
                (self.log)(&line);
            }
        }
    }
}

/// What is open and under way. It is bounded: the monitor has few requests at a time, and each ends by itself.
struct Sockets {
    interface: String,
    identifier: u16,
    pinger: Option<Pinger>,
    /// Open while an answer may come: it gets every ICMP packet.
    hops: Option<(HopSocket, Instant)>,
    /// Pings and lookups.
    tasks: JoinSet<Option<MonitorInput>>,
}

impl Sockets {
    fn new(interface: String, identifier: u16) -> Self {
        Self {
            interface,
            identifier,
            pinger: None,
            hops: None,
            tasks: JoinSet::new(),
        }
    }

    /// Begins what is commanded; what cannot be begun is answered at once.
    fn carry_out(&mut self, command: MonitorCommand, now: Instant) -> Option<MonitorInput> {
        match command {
            MonitorCommand::Resolve { name, servers } => {
                let interface = self.interface.clone();
                self.tasks.spawn(async move {
                    let result = resolve(&interface, &name, servers).await;
                    Some(MonitorInput::Resolved(result))
                });
                None
            }
            MonitorCommand::Echo {
                to,
                ttl,
                sequence,
                timeout,
            } => {
                let sent = match ttl {
                    None => self.ping(to, sequence, timeout),
                    Some(ttl) => self.probe(to, ttl, sequence, now + timeout),
                };
                let error = sent.err()?;
                Some(not_sent(sequence, &error))
            }
            MonitorCommand::Log(_) | MonitorCommand::Answered | MonitorCommand::Cut { .. } => None,
        }
    }

    fn ping(&mut self, to: Ipv4Addr, sequence: u16, timeout: Duration) -> io::Result<()> {
        let pinger = match &self.pinger {
            Some(pinger) => pinger.clone(),
            None => {
                let pinger = Pinger::open(&self.interface, self.identifier)?;
                self.pinger.insert(pinger).clone()
            }
        };
        self.tasks.spawn(async move {
            match pinger.ping(to, sequence, timeout).await {
                Ok(answer) => answer.map(|answer| MonitorInput::Echo { sequence, answer }),
                Err(error) => Some(not_sent(sequence, &error)),
            }
        });
        Ok(())
    }
    fn probe(&mut self, to: Ipv4Addr, ttl: u8, sequence: u16, until: Instant) -> io::Result<()> {
        let (hops, open_until) = match &mut self.hops {
            Some(open) => open,
            None => {
                let hops = HopSocket::open(&self.interface, self.identifier)?;
                self.hops.insert((hops, until))
            }
        };
        *open_until = until.max(*open_until);
        hops.send(to, ttl, sequence)
    }

    /// Waits for what comes; `None` is nothing of use. Never, while nothing is open or under way. Safe to cancel.
    async fn next(&mut self) -> Option<MonitorInput> {
        tokio::select! {
            Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                let input = done.ok().flatten();
                if let Some(MonitorInput::Echo { answer: EchoAnswer::NotSent { .. }, .. }) = &input {
                    // Perhaps a new socket can.
                    self.pinger = None;
                }
                input
            }
            received = answer(&mut self.hops) => match received {
                Ok((sequence, answer)) => Some(MonitorInput::Echo { sequence, answer }),
                Err(_) => {
                    // Whatever it was, the requests go unanswered.
                    self.hops = None;
                    None
                }
            },
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    fn poll_timeout(&self) -> Option<Instant> {
        self.hops.as_ref().map(|(_, until)| *until)
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|until| until <= now) {
            self.hops = None;
        }
    }
}

/// An answer to a request with a hop limit; never, while no socket is open.
async fn answer(hops: &mut Option<(HopSocket, Instant)>) -> io::Result<(u16, EchoAnswer)> {
    match hops {
        Some((hops, _)) => hops.recv().await,
        None => std::future::pending().await,
    }
}

fn not_sent(sequence: u16, error: &io::Error) -> MonitorInput {
    let why = error.to_string();
    let answer = EchoAnswer::NotSent { why };
    MonitorInput::Echo { sequence, answer }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
    use tokio::time::timeout;

    use super::*;
    use crate::config::MonitorConfig;
    use crate::io::testing::in_network_namespace;
    use crate::io::testing::route::{
        INTERFACE, NAME, ROUTER_1, ROUTER_2, Route, TARGET, dns_answer, no_ping,
    };

    const SOON: Duration = Duration::from_secs(20);

    fn test_plan() -> MonitorPlan {
        let config = Config {
            monitor: MonitorConfig {
                enabled: true,
                target: Some(NAME.to_owned()),
                interval: Duration::from_secs(1),
                fail: 2,
                ..MonitorConfig::default()
            },
            ..Config::default()
        };
        let settings = Ipv4Settings {
            local: Ipv4Addr::new(10, 1, 0, 2),
            remote: Some(ROUTER_1),
            dns: [Some(TARGET), None],
            mtu: 1500,
        };
        MonitorPlan {
            pid: 992,
            ..plan(&config, INTERFACE, &settings)
        }
    }

    /// The next news that is no report.
    async fn next(
        news: &mut UnboundedReceiver<MonitorNews>,
        reports: &mut Vec<MonitorReport>,
    ) -> Option<MonitorNews> {
        loop {
            match timeout(SOON, news.recv()).await.unwrap() {
                Some(MonitorNews::Report(report)) => reports.push(report),
                other => return other,
            }
        }
    }

    #[test]
    fn watches_the_nearest_host_and_cuts_when_nobody_answers() {
        in_network_namespace(async || {
            let route = Route::new();
            route.serve(2, |query| vec![dns_answer(query)]);
            // It lets packets expire, and answers no ping.
            route.routers[0].run(no_ping);
            let lines = Rc::new(RefCell::new(vec![]));
            let log = {
                let lines = Rc::clone(&lines);
                move |line: &LogLine| lines.borrow_mut().push(line.to_string())
            };
            let (sender, mut news) = unbounded_channel();
            let running = run_with(Clock::new(), test_plan(), 7, || 0, sender, log);
            let watching = tokio::task::spawn_local(running);
            let mut reports = vec![];
            for _ in 0..2 {
                let good = next(&mut news, &mut reports).await;
                assert_eq!(good, Some(MonitorNews::Answered));
            }
            route.routers[0].run(|| drop(crate::io::testing::ip("link set right down")));
            let target = NAME.to_owned();
            let cut = MonitorNews::Cut(Stop::Monitor { target, lost: 2 });
            assert_eq!(next(&mut news, &mut reports).await, Some(cut));
            // What is watched; two rounds that were good, two that were not.
            let told: Vec<_> = reports
                .iter()
                .map(|report| {
                    (
                        report.nearest,
                        report.last.map(|(good, _)| good),
                        report.lost,
                    )
                })
                .collect();
            let nearest = Some(ROUTER_2);
            assert_eq!(
                told,
                [
                    (None, None, 0),
                    (nearest, Some(true), 0),
                    (nearest, Some(true), 0),
                    (nearest, Some(false), 1),
                    (nearest, Some(false), 2),
                ]
            );
            assert!(reports.iter().all(|report| report.target == NAME));
            watching.abort();
            assert!(watching.await.unwrap_err().is_cancelled());
            assert_eq!(news.recv().await, None);
            let mut lines = lines.take();
            // Both servers of the name may be asked in vain, or the known address be used.
            lines.retain(|line| !line.contains("cannot resolve"));
            assert_eq!(
                lines,
                [
                    "ip-up: Execute PPP monitor.".to_owned(),
                    "ppp_manager: PPP Manager[992]: (8) PPP connected.".to_owned(),
                    format!(
                        "ppp_monitor: ppp monitor started, PPP I/F: {INTERFACE}, TARGET: {NAME}, INTERVAL: 1, MAXFAIL: 2"
                    ),
                    format!(
                        "ppp_manager: PPP Manager[992]: check_with_icmp: responding hosts found in the route: address: {ROUTER_2}, hops: 2."
                    ),
                    format!("ppp_manager: PPP Manager[992]: LTE: host in the route: {ROUTER_2}"),
                    format!("ppp_monitor: ping to {NAME} succeeded."),
                    format!("ppp_monitor: ping to {NAME} succeeded."),
                    format!("ppp_monitor: ping to {NAME} failed (1/2)."),
                    format!("ppp_monitor: ping to {NAME} failed (2/2)."),
                    format!("ppp_monitor: 2 pings in a row to {NAME} failed: the link is cut."),
                    "ip-down: Terminate PPP monitor.".to_owned(),
                ]
            );
        });
    }

    #[test]
    fn a_link_without_its_interface_is_not_cut_by_the_monitor() {
        in_network_namespace(async || {
            let (sender, mut news) = unbounded_channel();
            let lines = RefCell::new(vec![]);
            let log = |line: &LogLine| lines.borrow_mut().push(line.to_string());
            let plan = MonitorPlan {
                target: Some(TARGET.to_string()),
                ..test_plan()
            };
            let running = run_with(Clock::new(), plan, 7, || 0, sender, log);
            assert!(timeout(Duration::from_millis(3500), running).await.is_err());
            // Nothing but what is watched.
            assert!(matches!(news.try_recv(), Ok(MonitorNews::Report(_))));
            assert!(news.try_recv().is_err());
            let lines = lines.take();
            let said = lines
                .iter()
                .filter(|line| line.contains("cannot be sent: No such device"));
            assert_eq!(said.count(), 1, "{lines:?}");
            assert_eq!(lines.len(), 5, "{lines:?}");
        });
    }

    #[test]
    fn a_link_on_demand_or_for_once_is_not_watched() {
        let settings = Ipv4Settings {
            local: TARGET,
            remote: None,
            dns: [None, None],
            mtu: 1500,
        };
        let enabled = |persist, demand, enabled| {
            let mut config = Config {
                persist,
                demand,
                ..Config::default()
            };
            config.monitor.enabled = enabled;
            plan(&config, INTERFACE, &settings).enabled
        };
        assert!(enabled(true, false, true));
        assert!(!enabled(true, true, true));
        assert!(!enabled(false, false, true));
        assert!(!enabled(true, false, false));
    }
}

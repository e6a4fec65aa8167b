//! One attempt, from opening the tty until everything is put back, whatever the way out.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::at::{DialError, HangUpPlan};
use crate::daemon::connection::Context;
use crate::daemon::dialing::{self, Dialed};
use crate::daemon::driver::{Closing, Driver, DriverStats, PhaseEnd};
use crate::daemon::logging::emit;
use crate::daemon::progress::Progress;
use crate::io::default_route::DefaultRoute;
use crate::io::rand;
use crate::io::serial::{Port, PortSettings};
use crate::io::tun::Tun;
use crate::link::supervisor::AttemptPlan;
use crate::link::{LineProblem, LinkEnd, NetworkProblem, UserStop};
use crate::log::{Level, LogLine};
use crate::ppp::{Endpoint, Ipv4Settings};
use crate::time::Instant;

/// The number of SIGTERM.
pub(crate) const SIGTERM: i32 = 15;

/// Hanging up may take this long: enough for every step of it down to ATH (listening, DTR low, `+++` between its
/// silences), and with [`super::driver::CLOSE_LIMIT`] under the 5 s of spec S5.
const HANG_UP_LIMIT: Duration = Duration::from_millis(2800);

/// One attempt.
pub(crate) struct Attempt {
    pub(crate) context: Rc<Context>,
    pub(crate) plan: AttemptPlan,
    /// Becomes `Some` when the attempt is to end.
    pub(crate) stop: watch::Receiver<Option<UserStop>>,
    /// Told once the interface is configured.
    pub(crate) up: mpsc::UnboundedSender<Ipv4Settings>,
}

impl Attempt {
    /// Runs it. When this returns, the modem is on hook, the port as it was, the interface gone and the routes back.
    pub(crate) async fn run(mut self) -> LinkEnd {
        // Without TUN the tty is not even waited for. Once is enough: the interface of an attempt is made when the tty
        // is there, so that a site without its modem does not make and delete one at every look.
        if self.plan.number == 1
            && let Err(
                problem @ (NetworkProblem::NoPermission { .. } | NetworkProblem::NoTun { .. }),
            ) = Tun::create(&self.context.config.interface)
        {
            return LinkEnd::Network(problem);
        }
        let settings = PortSettings {
            speed: self.context.config.speed,
            rtscts: self.context.config.rtscts,
            modem_lines: self.context.config.modem_lines,
        };
        let port = match Port::open(&self.context.tty, &settings, &self.context.options.lock_dir) {
            Ok(port) => port,
            Err(problem) => return LinkEnd::Line(problem),
        };
        // Before the first byte to the modem: a dial without an interface is for nothing.
        let tun = match Tun::create(&self.context.config.interface) {
            Ok(tun) => tun,
            Err(problem) => return LinkEnd::Network(problem),
        };
        port.log().iter().for_each(emit);
        // What came in while nobody had the tty open is the end of a former call at best.
        let _ = port.discard_input();
        self.context
            .observer
            .progress(Progress::Dialing(self.plan.number));

        let clock = self.context.clock.clone();
        let plan = self.context.config.dial_plan();
        let connected = match dialing::dial(&port, plan, &clock, &mut self.stop).await {
            Dialed::Connected(connected) => connected,
            Dialed::Failed(error) => {
                emit(&LogLine::pppd(Level::Error, "Connect script failed"));
                // After a final result of the modem, the call is over; else it may still come.
                if matches!(error, DialError::Timeout { .. }) {
                    self.hang_up(&port, false).await;
                }
                return LinkEnd::Dial(error);
            }
            Dialed::LineGone(error) => return self.vanished(error),
            Dialed::Stopped(stop) => {
                self.hang_up(&port, false).await;
                return LinkEnd::User(stop);
            }
        };
        emit(&LogLine::pppd(
            Level::Info,
            "Serial connection established.",
        ));
        // From here on the fall of DCD is a hang-up. A line without that signal is watched for text all the same.
        let _ = port.watch_carrier(true);
        self.context
            .observer
            .progress(Progress::Connected(connected.text));
        self.talk_ppp(&port, tun, &connected.rest).await
    }

    async fn talk_ppp(self, port: &Port, tun: Tun, first_bytes: &[u8]) -> LinkEnd {
        let name = tun.name().to_owned();
        emit(&LogLine::pppd(
            Level::Info,
            format!("Using interface {name}"),
        ));
        emit(&LogLine::pppd(
            Level::Notice,
            format!("Connect: {name} <--> {}", self.context.tty.display()),
        ));
        let session = self.context.config.session(self.plan.empty_credentials);
        let seed = match rand::seed() {
            Ok(seed) => seed,
            Err(error) => {
                return LinkEnd::Network(NetworkProblem::Failed {
                    what: format!("the kernel gives no random numbers: {error}"),
                });
            }
        };
        let endpoint = Endpoint::new(session, seed);
        let mut network = Network {
            attempt: &self,
            tun: &tun,
            route: None,
            up_since: None,
        };
        let mut stop = self.stop.clone();
        let mut driver = Driver::new(port, &tun, endpoint, self.context.clock.clone());
        let end = driver.run(first_bytes, &mut network, &mut stop).await;

        network.take_down().await;
        // The interface goes before the hang-up: nothing is sent into a line that is being closed.
        drop(driver);
        drop(tun);

        let (reason, carrier_gone) = match end {
            PhaseEnd::Ppp {
                reason,
                carrier_gone,
            } => (LinkEnd::Ppp(reason), carrier_gone),
            PhaseEnd::LineGone(error) => {
                return self.vanished(error);
            }
            PhaseEnd::Closed { why, carrier_gone } => {
                let end = match why {
                    Closing::Network(problem) => LinkEnd::Network(problem),
                    Closing::User(stop) => LinkEnd::User(stop),
                };
                (end, carrier_gone)
            }
        };
        self.hang_up(port, carrier_gone).await;
        reason
    }

    async fn hang_up(&self, port: &Port, carrier_gone: bool) {
        let _ = port.watch_carrier(false);
        let plan = HangUpPlan {
            carrier_gone,
            guard: Duration::from_secs(1),
            limit: HANG_UP_LIMIT,
        };
        dialing::hang_up(port, plan, &self.context.clock).await;
    }

    fn vanished(&self, error: Option<std::io::Error>) -> LinkEnd {
        LinkEnd::Line(LineProblem::Vanished {
            path: self.context.tty.clone(),
            error: error.map(|error| error.to_string()),
        })
    }
}

/// The kernel's side of a link: addresses and routes of the interface.
pub(crate) struct Network<'a> {
    attempt: &'a Attempt,
    tun: &'a Tun,
    route: Option<DefaultRoute>,
    up_since: Option<Instant>,
}

impl Network<'_> {
    /// Configures the interface as IPCP has agreed; again after a renegotiation.
    pub(crate) async fn bring_up(
        &mut self,
        settings: &Ipv4Settings,
        now: Instant,
    ) -> Result<(), NetworkProblem> {
        let context = &self.attempt.context;
        let config = &context.config;
        context
            .net
            .configure(self.tun, settings, config.netmask)
            .await?;
        if config.default_route {
            self.set_default_route().await;
        }
        self.up_since = Some(now);
        // Nobody listens any more: the daemon is ending, and will say so through `stop`.
        let _ = self.attempt.up.send(*settings);
        context.observer.progress(Progress::Up {
            interface: self.tun.name().to_owned(),
            settings: *settings,
        });
        Ok(())
    }

    /// A link without the default route is worth more than none: it can still be reached from afar. So a failure is
    /// said loudly, and the link stays, as with pppd.
    async fn set_default_route(&mut self) {
        let context = &self.attempt.context;
        let result = match &self.route {
            Some(route) => route.reassert(&context.net).await,
            None => {
                let (metric, state_dir) = (context.config.route_metric, &context.options.state_dir);
                match DefaultRoute::install(&context.net, self.tun, metric, state_dir).await {
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

    /// IPCP has left Opened, for good or to negotiate again: pppd's closing lines.
    pub(crate) fn note_down(&mut self, stats: &DriverStats, now: Instant) {
        // A connect time without a link would only confuse; pppd leaves it out too.
        if let Some(since) = self.up_since.take() {
            stats.summary(now.since(since)).iter().for_each(emit);
        }
    }

    async fn take_down(&mut self) {
        let context = &self.attempt.context;
        if let Some(mut route) = self.route.take() {
            for line in route.restore(&context.net).await {
                emit(&line);
            }
        }
    }
}

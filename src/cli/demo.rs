//! `uplinkd demo`: the real daemon against the built-in modem and ISP, in a network namespace of its own (spec I2).

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use surge_ping::{ICMP, PingIdentifier, PingSequence, SurgeError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::timeout;

use super::args::{Demand, DemoArguments};
use super::sim::demand;
use super::{fail, runtime, say};
use crate::config::{Auth, Config, Device};
use crate::daemon::{Control, Daemon, Options, Progress, logging, simulator};
use crate::io::clock::Clock;
use crate::io::netns::{self, Isolation};
use crate::io::reset::Roots;
use crate::io::signals::Signals;
use crate::link::{ExitStatus, LinkEnd, ResetOutcome};
use crate::modem::Profiles;
use crate::ppp::Ipv4Settings;
use crate::ppp::config::EchoConfig;
use crate::secret::Secret;
use crate::sim::{Fault, FaultSpec, SimConfig, internet};
use crate::time::Instant;

/// The demo's waits; a site has the defaults of the configuration.
const HOLDOFF: Duration = Duration::from_secs(1);
const RETRY: u32 = 2;
const RESET_WAIT: Duration = Duration::from_secs(1);
const ECHO: EchoConfig = EchoConfig {
    interval: Duration::from_secs(1),
    failure: 2,
};

const DIAL_TIMEOUT: Duration = Duration::from_secs(4);
const RESTART: Duration = Duration::from_secs(1);
const MAX_CONFIGURE: u32 = 5;
const MAX_PENDING: u32 = 8;

/// Without `--fault`: where the line is cut, counted from CONNECT.
const CUT: &str = "no-carrier@3s";

/// Nothing new is waited for after this: the demo ends in under 15 s, stopping included.
const LIMIT: Duration = Duration::from_millis(9200);

/// The simulated modem is away for this long in a restart, unless a fault says otherwise.
const RESTART_TIME: Duration = Duration::from_secs(1);

/// Until when something new is waited for if the modem is reset, which takes 5 s. A reset that begins late is not waited
/// for.
const RESET_LIMIT: Duration = Duration::from_millis(12_600);
const RESET_BEGINS: Duration = Duration::from_millis(4500);

/// What has begun by then may take so much longer.
const USE: Duration = Duration::from_millis(600);

/// Bytes of the page that is fetched.
const PAGE: usize = 100_000;

/// Stopping may take this long (spec S5).
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Shows the main job.
pub(crate) fn run(arguments: &DemoArguments) -> ExitStatus {
    for fault in &arguments.fault {
        if fault.time() >= LIMIT {
            return fail(
                ExitStatus::CONFIGURATION,
                &format!(
                    "the demo is over before {} happens; give an earlier @TIME, such as @3s",
                    fault.fault.name()
                ),
            );
        }
    }
    let isolation = match netns::isolate() {
        Ok(isolation) => isolation,
        Err(problem) => {
            let end = LinkEnd::Network(problem);
            return fail(
                end.exit_status(),
                &format!("the demo needs a network of its own: {end}"),
            );
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(ExitStatus::FATAL, &format!("cannot start: {error}")),
    };
    say("uplinkd demo: a gateway without a modem, so a simulated one answers, with an ISP and a");
    say(
        "small internet behind it. The daemon is the real one: AT dialog, PPP, TUN device, routes.",
    );
    let place = match isolation {
        Isolation::Privileged => "in a network namespace of its own",
        Isolation::UserNamespace => "in user and network namespaces of its own, without privileges",
    };
    say(format_args!(
        "It all happens {place}: nothing on this machine changes."
    ));
    say(
        "The waits are short here: HOLDOFF 1 s, RETRY 2, RESET_WAIT 1 s, an LCP echo every second, 5 tries a",
    );
    say(
        "second apart in the negotiation, and the modem restarts in a second. On a site they are 5 s, 3, 30 s,",
    );
    say("30 s, 10 tries 3 s apart, and half a minute.");
    let status = LocalSet::new().block_on(&runtime, show(arguments));
    runtime.shutdown_background();
    status
}

/// The show, unless somebody stops it: then all of it goes, with its namespace.
async fn show(arguments: &DemoArguments) -> ExitStatus {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(
                ExitStatus::FATAL,
                &format!("signals cannot be received: {error}"),
            );
        }
    };
    tokio::select! {
        status = play(arguments) => status,
        () = signals.terminated() => ExitStatus::USER,
    }
}

async fn play(arguments: &DemoArguments) -> ExitStatus {
    let faults = if arguments.fault.is_empty() {
        match CUT.parse() {
            Ok(fault) => vec![fault],
            Err(error) => return fail(ExitStatus::FATAL, &format!("{CUT}: {error}")),
        }
    } else {
        arguments.fault.clone()
    };
    let dir = match ScratchDir::new() {
        Ok(dir) => dir,
        Err(error) => {
            return fail(
                ExitStatus::FATAL,
                &format!("no temporary directory can be made: {error}"),
            );
        }
    };
    let stage = match Stage::set(&dir, faults).await {
        Ok(stage) => stage,
        Err(status) => return status,
    };
    logging::init_demo(stage.clock.clone(), arguments.verbose);
    if arguments.fault.is_empty() {
        stage.cut_and_recovery().await
    } else {
        stage.fault().await
    }
}

/// The running pieces.
struct Stage {
    clock: Clock,
    progress: mpsc::UnboundedReceiver<Progress>,
    controls: mpsc::Sender<Control>,
    daemon: JoinHandle<ExitStatus>,
    failures: Vec<String>,
    /// What was tried through the link and did not work. With a fault on the line that is what is shown.
    unanswered: Vec<String>,
    /// Until when something new is waited for.
    limit: Duration,
    /// Whether the link is up.
    up: bool,
    /// What is under way, if anything.
    doing: Option<&'static str>,
}

/// What the daemon came to.
enum Outcome {
    Up {
        interface: String,
        settings: Ipv4Settings,
        at: Instant,
    },
    Ended {
        end: LinkEnd,
        at: Instant,
    },
    Resetting {
        at: Instant,
    },
    Reset {
        outcome: ResetOutcome,
        at: Instant,
    },
    Nothing,
}

impl Stage {
    async fn set(dir: &ScratchDir, faults: Vec<FaultSpec>) -> Result<Self, ExitStatus> {
        let clock = Clock::new();
        let sim = SimConfig {
            faults: with_quick_restart(faults),
            demand: demand(
                Demand::Chap,
                "user@example.jp".to_owned(),
                "demo".to_owned(),
            ),
            ..SimConfig::default()
        };
        let tty = dir.0.join("modem");
        let (ready_sender, ready) = oneshot::channel();
        let (link, sim_clock) = (tty.clone(), clock.clone());
        let simulator = tokio::task::spawn_local(async move {
            simulator::run(sim, Some(link), sim_clock, |_| {
                let _ = ready_sender.send(());
            })
            .await
        });
        if ready.await.is_err() {
            let error = match simulator.await {
                Ok(Err(error)) => error.to_string(),
                Ok(Ok(())) | Err(_) => "it ended".to_owned(),
            };
            return Err(fail(
                ExitStatus::OPEN_FAILED,
                &format!("no simulated modem: {error}"),
            ));
        }
        let config = Config {
            device: Device::Tty(tty),
            apn: Some("demo.example.jp".to_owned()),
            auth: Auth::Chap,
            account: "user@example.jp".to_owned(),
            password: Secret::new("demo"),
            default_route: true,
            holdoff: HOLDOFF,
            retry: RETRY,
            reset_wait: Some(RESET_WAIT),
            echo: ECHO,
            dial_timeout: Some(DIAL_TIMEOUT),
            ..Config::default()
        };
        let mut config = config;
        for fsm in [&mut config.lcp.fsm, &mut config.ipcp.fsm] {
            fsm.restart = RESTART;
            fsm.max_configure = MAX_CONFIGURE;
        }
        config.ipcp.max_pending = MAX_PENDING;
        let options = Options {
            once: false,
            state_dir: dir.0.clone(),
            lock_dir: dir.0.clone(),
            config_file: None,
            roots: Roots::default(),
            profiles: Arc::new(Profiles::built_in()),
        };
        let (controls, control_receiver) = mpsc::channel(8);
        let (sender, progress) = mpsc::unbounded_channel();
        let observer = move |step: Progress| {
            // Nobody listens any more once the show is over.
            let _ = sender.send(step);
        };
        let daemon = Daemon::new(config, options, control_receiver, Rc::new(observer))
            .await
            .map_err(|end| fail(end.exit_status(), &end.to_string()))?;
        let daemon = tokio::task::spawn_local(daemon.run());
        Ok(Self {
            clock,
            progress,
            controls,
            daemon,
            failures: Vec::new(),
            unanswered: Vec::new(),
            limit: LIMIT,
            up: false,
            doing: None,
        })
    }

    /// The default story: up, cut, up again.
    async fn cut_and_recovery(mut self) -> ExitStatus {
        self.title("Dialing and negotiating");
        let first = self.next().await;
        let Outcome::Up {
            interface,
            settings,
            at: up_at,
        } = first
        else {
            return self.finish_early("the link did not come up").await;
        };
        logging::demo_milestones_only();
        self.show_interface(&interface, &settings);
        let before = self.use_link(&interface).await;

        self.title("The line is cut: the modem says NO CARRIER");
        let Outcome::Ended { end, at: cut_at } = self.next().await else {
            return self.finish_early("the cut went unnoticed").await;
        };
        self.say(&format!("ended: {end}"));
        let Outcome::Up {
            interface,
            settings,
            at: back_at,
        } = self.next().await
        else {
            return self.finish_early("the link did not come back").await;
        };
        self.title("The link is back");
        self.show_interface(&interface, &settings);
        let after = self.use_link(&interface).await;

        self.title("Stopping, as SIGTERM does");
        let stopped = self.stop().await;
        say("\nSummary");
        say(format_args!(
            "  up         {:.1} s after the start",
            up_at.since_origin().as_secs_f64()
        ));
        say(format_args!("  used       {before}"));
        say(format_args!(
            "  cut        at {:.1} s",
            cut_at.since_origin().as_secs_f64()
        ));
        say(format_args!(
            "  back       {:.1} s later, HOLDOFF of {} s included; nobody touched it",
            back_at.since(cut_at).as_secs_f64(),
            HOLDOFF.as_secs()
        ));
        say(format_args!("  used       {after}"));
        say(format_args!("  stopped    {stopped}"));
        self.failures.append(&mut self.unanswered);
        self.verdict("everything worked")
    }

    /// `--fault`: what happens, and what the daemon makes of it.
    async fn fault(mut self) -> ExitStatus {
        self.title("One fault, and what the daemon does about it");
        let mut seen = Vec::new();
        loop {
            match self.next().await {
                Outcome::Up {
                    interface,
                    settings,
                    at,
                } => {
                    self.show_interface(&interface, &settings);
                    let used = self.use_link(&interface).await;
                    seen.push(format!(
                        "{:>5.1} s  up; {used}",
                        at.since_origin().as_secs_f64()
                    ));
                }
                Outcome::Ended { end, at } => {
                    let text = match end.advice() {
                        "" => format!("ended: {end}"),
                        advice => format!("ended: {end}; {advice}"),
                    };
                    self.say(&text);
                    seen.push(format!(
                        "{:>5.1} s  {text}",
                        at.since_origin().as_secs_f64()
                    ));
                }
                Outcome::Resetting { at } => {
                    let at = at.since_origin();
                    if at < RESET_BEGINS {
                        self.limit = RESET_LIMIT;
                    }
                    seen.push(format!(
                        "{:>5.1} s  {RETRY} failures in a row: the modem is reset",
                        at.as_secs_f64()
                    ));
                }
                Outcome::Reset { outcome, at } => {
                    let text = match outcome {
                        ResetOutcome::Done { step } => {
                            format!("the modem is back; what helped: {step}")
                        }
                        ResetOutcome::Failed { why } => format!("the modem was not reset: {why}"),
                    };
                    self.say(&text);
                    seen.push(format!(
                        "{:>5.1} s  {text}",
                        at.since_origin().as_secs_f64()
                    ));
                }
                Outcome::Nothing => break,
            }
        }
        if let Some(doing) = self.doing {
            seen.push(format!(
                "{:>5.1} s  still {doing}",
                self.clock.now().since_origin().as_secs_f64()
            ));
        }
        let up = if self.up { "up" } else { "down" };
        self.title("Stopping, as SIGTERM does");
        let stopped = self.stop().await;
        if seen.is_empty() {
            self.failures
                .push("the daemon neither came up nor said why not".to_owned());
        }
        say("\nSummary");
        for line in &seen {
            say(format_args!("  {line}"));
        }
        say(format_args!("  stopped  {stopped}"));
        self.verdict(&format!(
            "the fault was shown; the link was {up} when the demo stopped"
        ))
    }

    /// The next link that comes up or ends, until the demo's time is over.
    async fn next(&mut self) -> Outcome {
        loop {
            let left = self.left(self.limit);
            match timeout(left, self.progress.recv()).await {
                Ok(Some(Progress::Up {
                    interface,
                    settings,
                })) => {
                    self.doing = None;
                    self.up = true;
                    return Outcome::Up {
                        interface,
                        settings,
                        at: self.clock.now(),
                    };
                }
                Ok(Some(Progress::Ended(end))) => {
                    self.doing = None;
                    self.up = false;
                    return Outcome::Ended {
                        end,
                        at: self.clock.now(),
                    };
                }
                Ok(Some(Progress::Resetting)) => {
                    self.doing = Some("resetting the modem");
                    return Outcome::Resetting {
                        at: self.clock.now(),
                    };
                }
                Ok(Some(Progress::Reset(outcome))) => {
                    self.doing = Some("waiting after the reset");
                    return Outcome::Reset {
                        outcome,
                        at: self.clock.now(),
                    };
                }
                Ok(Some(Progress::Dialing(number))) => {
                    self.say(&format!("attempt {number}"));
                    self.doing = Some("dialing");
                }
                Ok(Some(Progress::Connected(_))) => self.doing = Some("negotiating"),
                Ok(None) | Err(_) => return Outcome::Nothing,
            }
        }
    }

    fn show_interface(&self, interface: &str, settings: &Ipv4Settings) {
        let peer = settings
            .remote
            .map(|peer| format!(" peer {peer}"))
            .unwrap_or_default();
        let dns: Vec<_> = settings
            .dns
            .iter()
            .flatten()
            .map(Ipv4Addr::to_string)
            .collect();
        self.say(&format!(
            "{interface}: inet {}{peer}, mtu {}, DNS {}, default route",
            settings.local,
            settings.mtu,
            if dns.is_empty() {
                "none".to_owned()
            } else {
                dns.join(" ")
            },
        ));
    }

    /// Pings and a page, through the interface.
    async fn use_link(&mut self, interface: &str) -> String {
        let mut answered = 0;
        let targets = internet::hosts();
        let targets = targets.get(..3).unwrap_or(&targets);
        for (name, address) in targets {
            let limit = self.left(self.limit + USE).min(Duration::from_secs(1));
            match ping(interface, *address, limit).await {
                Ok(time) => {
                    let ms = time.as_secs_f64() * 1e3;
                    self.say(&format!("ping {address} ({name}): {ms:.1} ms"));
                    answered += 1;
                }
                Err(error) => {
                    self.say(&format!("ping {address} ({name}): {error}"));
                    self.unanswered.push(format!("no answer from {address}"));
                }
            }
        }
        let mut used = format!("{answered} of {} pings answered", targets.len());
        if let Some((name, address)) = internet::web_server() {
            let limit = self.left(self.limit + USE).min(Duration::from_secs(2));
            let page = timeout(limit, fetch(address, name)).await;
            let url = format!("http://{name}/bytes/{PAGE}");
            match page.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(bytes) => {
                    self.say(&format!("{url}: {bytes} bytes over TCP"));
                    used.push_str(&format!(", {bytes} bytes over TCP"));
                }
                Err(error) => {
                    self.say(&format!("{url}: {error}"));
                    used.push_str(", no page over TCP");
                    self.unanswered.push(format!("{url}: {error}"));
                }
            }
        }
        used
    }

    /// How much time there is until `limit` after the start.
    fn left(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.clock.now().since_origin())
    }

    async fn stop(&mut self) -> String {
        let asked = self.clock.now();
        // A daemon that has ended by itself is reported below.
        let _ = self.controls.send(Control::Stop(15)).await;
        match timeout(STOP_LIMIT, &mut self.daemon).await {
            Ok(Ok(ExitStatus::USER)) => {
                format!(
                    "cleanly, within {:.1} s",
                    self.clock.now().since(asked).as_secs_f64()
                )
            }
            Ok(Ok(status)) => {
                self.failures
                    .push(format!("the daemon ended with status {}", status.0));
                format!("with status {}", status.0)
            }
            Ok(Err(error)) => {
                self.failures
                    .push(format!("the daemon broke down: {error}"));
                "not cleanly".to_owned()
            }
            Err(_) => {
                self.failures
                    .push("the daemon did not stop within 5 s".to_owned());
                "not within 5 s".to_owned()
            }
        }
    }

    async fn finish_early(mut self, why: &str) -> ExitStatus {
        self.failures.push(why.to_owned());
        self.stop().await;
        self.verdict("")
    }

    fn verdict(&self, success: &str) -> ExitStatus {
        if self.failures.is_empty() {
            say(format_args!("  result     {success}"));
            return ExitStatus::DONE;
        }
        say(format_args!(
            "  result     FAILED: {}",
            self.failures.join("; ")
        ));
        ExitStatus::FATAL
    }

    fn title(&self, title: &str) {
        say(format_args!("\n{title}"));
    }

    fn say(&self, text: &str) {
        say(format_args!(
            "[{:7.3}] > {text}",
            self.clock.now().since_origin().as_secs_f64()
        ));
    }
}

fn with_quick_restart(mut faults: Vec<FaultSpec>) -> Vec<FaultSpec> {
    let is_slow = |spec: &FaultSpec| matches!(spec.fault, Fault::ResetSlow(_));
    if !faults.iter().any(is_slow) {
        faults.push(Fault::ResetSlow(RESTART_TIME).into());
    }
    faults
}

async fn ping(interface: &str, address: Ipv4Addr, limit: Duration) -> Result<Duration, String> {
    let config = surge_ping::Config::builder()
        .kind(ICMP::V4)
        .interface(interface)
        .build();
    let client = surge_ping::Client::new(&config).map_err(|error| error.to_string())?;
    let mut pinger = client.pinger(address.into(), PingIdentifier(1)).await;
    pinger.timeout(limit);
    match pinger.ping(PingSequence(0), &[0; 56]).await {
        Ok((_, time)) => Ok(time),
        Err(SurgeError::Timeout { .. }) => Err("no answer".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Fetches a page, and says how many bytes it had, its header included.
async fn fetch(address: Ipv4Addr, name: &str) -> io::Result<usize> {
    let mut stream = TcpStream::connect((address, 80)).await?;
    let request = format!("GET /bytes/{PAGE} HTTP/1.0\r\nHost: {name}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut page = Vec::new();
    stream.take(1 << 20).read_to_end(&mut page).await?;
    if page.len() < PAGE {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(page.len())
}

/// A directory of the demo's own, removed at the end.
struct ScratchDir(PathBuf);

impl ScratchDir {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("uplinkd-demo-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        // What stays behind in /tmp does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

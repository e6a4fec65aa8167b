//! The running pieces of the demo: simulator and daemon, and what is heard of them.

use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::LIMIT;
use crate::cli::args::Demand;
use crate::cli::sim::demand;
use crate::cli::{fail, say};
use crate::config::{Auth, Config, Device, DnsConfig, DnsManager, ScriptsConfig};
use crate::daemon::{Control, Daemon, Options, Progress, simulator};
use crate::io::clock::Clock;
use crate::io::reset::Roots;
use crate::link::{ExitStatus, LinkEnd, ResetOutcome};
use crate::modem::Profiles;
use crate::ppp::Ipv4Settings;
use crate::ppp::config::EchoConfig;
use crate::secret::Secret;
use crate::sim::{Fault, FaultSpec, SimConfig};
use crate::time::Instant;

/// The demo's waits; a site has the defaults of the configuration.
pub(super) const HOLDOFF: Duration = Duration::from_secs(1);
pub(super) const RETRY: u32 = 2;
const RESET_WAIT: Duration = Duration::from_secs(1);
const ECHO: EchoConfig = EchoConfig {
    interval: Duration::from_secs(1),
    failure: 2,
};

const DIAL_TIMEOUT: Duration = Duration::from_secs(4);
const RESTART: Duration = Duration::from_secs(1);
const MAX_CONFIGURE: u32 = 5;
const MAX_PENDING: u32 = 8;

/// The simulated modem is away for this long in a restart, unless a fault says otherwise.
const RESTART_TIME: Duration = Duration::from_secs(1);

/// Stopping may take this long (spec S5).
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The running pieces.
pub(super) struct Stage {
    pub(super) clock: Clock,
    progress: mpsc::UnboundedReceiver<Progress>,
    controls: mpsc::Sender<Control>,
    daemon: JoinHandle<ExitStatus>,
    pub(super) failures: Vec<String>,
    /// What was tried through the link and did not work. With a fault on the line that is what is shown.
    pub(super) unanswered: Vec<String>,
    /// Until when something new is waited for.
    pub(super) limit: Duration,
    /// Whether the link is up.
    pub(super) up: bool,
    /// What is under way, if anything.
    pub(super) doing: Option<&'static str>,
}

/// What the daemon came to.
pub(super) enum Outcome {
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
    pub(super) async fn set(dir: &ScratchDir, faults: Vec<FaultSpec>) -> Result<Self, ExitStatus> {
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
            // The demo is not the system's business.
            scripts: ScriptsConfig {
                enabled: false,
                ..ScriptsConfig::default()
            },
            dns: DnsConfig {
                manager: DnsManager::None,
                ..DnsConfig::default()
            },
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
            ppp_dir: dir.0.clone(),
            resolv_conf: dir.0.join("resolv.conf"),
            pid_dir: None,
            script_host: None,
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

    /// The next link that comes up or ends, until the demo's time is over.
    pub(super) async fn next(&mut self) -> Outcome {
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

    /// How much time there is until `limit` after the start.
    pub(super) fn left(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.clock.now().since_origin())
    }

    pub(super) async fn stop(&mut self) -> String {
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

    pub(super) fn title(&self, title: &str) {
        say(format_args!("\n{title}"));
    }

    pub(super) fn say(&self, text: &str) {
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

/// A directory of the demo's own, removed at the end.
pub(super) struct ScratchDir(PathBuf);

impl ScratchDir {
    pub(super) fn new() -> io::Result<Self> {
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

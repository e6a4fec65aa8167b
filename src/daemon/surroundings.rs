//! What the rest of the system is told of a link: pppd's scripts, its pid files, the DNS servers.
//!
//! In the order of pppd 2.4.9:
//!
//! | moment | what |
//! |---|---|
//! | start | the ip-down that a killed predecessor owes; `ppp-LINKNAME.pid` |
//! | CONNECT | `ppp0.pid`, `ppp-LINKNAME.pid` |
//! | IPCP is open | `/etc/ppp/resolv.conf`; the addresses; ip-pre-up, which is waited for; the interface up; routes |
//! | then | the system's DNS, ip-up; neither is waited for |
//! | IPCP is closed | routes and addresses away; ip-down beside the rest; after its end the system's DNS as before |
//! | LCP is closed | the pid files go |
//! | end | a script that runs is waited for, then ip-down |

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::config::Config;
use crate::daemon::dns::Dns;
use crate::daemon::hooks::Scripts;
use crate::daemon::interface::unit_of;
use crate::daemon::logging::emit;
use crate::io::pid_file::LinkPidFile;
use crate::io::process;
use crate::io::runner::Runner;
use crate::link::hooks::{HooksSetup, LinkFacts, LinkTotals};
use crate::log::{Level, LogLine};
use crate::ppp::Ipv4Settings;

/// ip-down is started before the Terminate-Request is sent, as with pppd; but a system that is slow to start processes
/// does not hold that up for longer.
const START_LIMIT: Duration = Duration::from_millis(500);

/// The monitor's first line stands behind the start of ip-up; but it does not wait for scripts longer than this.
const BEGIN_LIMIT: Duration = Duration::from_secs(1);

/// So many different sentences about pid files are said.
const MAX_PROBLEMS: usize = 16;

/// Scripts, pid files and DNS of one interface.
pub(crate) struct Surroundings {
    scripts: Scripts,
    dns: Dns,
    /// Where pid files go; `None`: nowhere.
    pid_dir: Option<PathBuf>,
    interface: String,
    linkname: Option<String>,
    /// As with pppd's `demand`, the pid files stay from link to link.
    stays: bool,
    pid_files: RefCell<Vec<LinkPidFile>>,
    /// What the log knows of pid files that cannot be written: it is the same at each link.
    pid_problems: RefCell<BTreeSet<String>>,
}

impl Surroundings {
    pub(crate) fn new(
        config: &Config,
        ppp_dir: &Path,
        pid_dir: Option<&Path>,
        state_dir: &Path,
        dns: Dns,
        runner: Runner,
        stays: bool,
    ) -> Self {
        let record = state_dir.join(format!("scripts-{}.json", config.interface));
        // Scripts run in another folder.
        let ppp_dir = std::path::absolute(ppp_dir).unwrap_or_else(|_| ppp_dir.to_owned());
        Self {
            scripts: Scripts::new(
                setup(config, &ppp_dir),
                runner,
                config.scripts.timeout,
                record,
            ),
            dns,
            pid_dir: pid_dir.map(Path::to_owned),
            interface: config.interface.clone(),
            linkname: config.scripts.linkname.clone(),
            stays,
            pid_files: RefCell::default(),
            pid_problems: RefCell::default(),
        }
    }

    /// Reads what scripts are told from a new configuration; it counts from the next script on. The pid files keep their
    /// names: `interface` and `linkname` change only with a restart.
    pub(crate) fn reconfigure(&self, config: &Config) {
        self.dns.reconfigure(config);
        self.scripts
            .reconfigure(config.scripts.timeout, |old| HooksSetup {
                interface: self.interface.clone(),
                linkname: self.linkname.clone(),
                ..setup(config, &old.ppp_dir)
            });
    }

    /// Puts right what a predecessor that was killed has left.
    pub(crate) async fn recover(&self) {
        self.dns.recover().await;
        self.scripts.recover();
        if let Some(name) = &self.linkname {
            self.write_pid_file(&format!("ppp-{name}.pid"), None);
        }
    }

    /// The worker: to be polled beside everything else. Never ends.
    pub(crate) async fn run(&self) {
        self.scripts.run(&self.dns).await;
    }

    /// pppd has an interface: its pid files.
    pub(crate) fn connected(&self) {
        self.remove_pid_files();
        self.write_pid_file(&format!("{}.pid", self.interface), None);
        if let Some(name) = &self.linkname {
            self.write_pid_file(&format!("ppp-{name}.pid"), Some(&self.interface));
        }
    }

    /// IPCP is open, and nothing is configured yet. Returns the settings with the DNS servers that are used.
    pub(crate) fn before_up(&self, settings: &Ipv4Settings) -> Ipv4Settings {
        self.dns.before_up(settings)
    }

    /// Whether there is an ip-pre-up.
    pub(crate) fn has_pre_up(&self) -> bool {
        self.scripts.has_pre_up()
    }

    /// The addresses are set, the interface is not up yet: starts ip-pre-up.
    pub(crate) fn start_pre_up(&self, link: LinkFacts) {
        self.scripts.tell(|hooks| hooks.handle_before_up(link));
    }

    /// Ends when ip-pre-up has ended, within its time.
    pub(crate) async fn pre_up_ended(&self) {
        self.scripts.pre_up_ended().await;
    }

    /// The link is up.
    pub(crate) fn up(&self, link: LinkFacts) {
        self.scripts.tell(|hooks| hooks.handle_up(link));
    }

    /// Ends when ip-up has been started, or takes too long for that since `up`: the monitor's first line comes next.
    /// Safe to cancel.
    pub(crate) async fn up_begun(&self, up: Instant) {
        let _ = timeout_at(up + BEGIN_LIMIT, self.scripts.up_begun()).await;
    }

    /// IPCP negotiates again.
    pub(crate) fn renegotiates(&self, totals: Option<LinkTotals>) {
        if let Some(totals) = totals {
            self.scripts
                .tell(|hooks| hooks.handle_renegotiation(totals));
        }
    }

    /// The link is down, its addresses and routes are gone. Waits for the start of ip-down, not for its end.
    pub(crate) async fn down(&self, totals: Option<LinkTotals>) {
        self.scripts.tell(|hooks| hooks.handle_down(totals));
        let _ = timeout(START_LIMIT, self.scripts.begun()).await;
    }

    /// Whether the monitor watches.
    pub(crate) fn set_watched(&self, watched: bool) {
        self.scripts.set_watched(watched);
    }

    /// Ends when the monitor's last line is due.
    pub(crate) async fn unwatch_wanted(&self) {
        self.scripts.unwatch_wanted().await;
    }

    /// An attempt is over.
    pub(crate) fn disconnected(&self) {
        if !self.stays {
            self.remove_pid_files();
        }
    }

    /// The end of the program: what runs is waited for, within its time, and then ip-down. `again` ends each time that
    /// the end is asked for once more: then it is not waited for longer.
    pub(crate) async fn finish(
        &self,
        mut worker: Pin<&mut impl Future<Output = ()>>,
        mut again: impl AsyncFnMut(),
    ) {
        self.scripts.end();
        let mut idle = std::pin::pin!(self.scripts.idle());
        loop {
            tokio::select! {
                biased;
                () = &mut worker => {}
                () = &mut idle => break,
                () = again() => self.scripts.hurry(),
            }
        }
        self.remove_pid_files();
    }

    fn write_pid_file(&self, name: &str, interface: Option<&str>) {
        let Some(dir) = &self.pid_dir else {
            return;
        };
        match LinkPidFile::write(&dir.join(name), interface) {
            Ok(file) => self.pid_files.borrow_mut().push(file),
            Err(problem) => {
                let mut known = self.pid_problems.borrow_mut();
                if known.len() < MAX_PROBLEMS && known.insert(problem.clone()) {
                    emit(&LogLine::uplinkd(Level::Warning, problem));
                }
            }
        }
    }

    fn remove_pid_files(&self) {
        for file in self.pid_files.take() {
            file.remove();
        }
    }
}

fn setup(config: &Config, ppp_dir: &Path) -> HooksSetup {
    let scripts = &config.scripts;
    HooksSetup {
        enabled: scripts.enabled,
        ppp_dir: ppp_dir.to_owned(),
        ip_pre_up: scripts.ip_pre_up.clone(),
        ip_up: scripts.ip_up.clone(),
        ip_down: scripts.ip_down.clone(),
        interface: config.interface.clone(),
        unit: unit_of(&config.interface),
        ipparam: scripts.ipparam.clone(),
        linkname: scripts.linkname.clone(),
        call_file: scripts.call_file.clone(),
        environment: scripts.environment.clone(),
        use_peer_dns: config.dns.use_peer,
        pid: std::process::id(),
        uid: process::own_uid(),
        login: process::login_name(),
    }
}

/// What pppd tells ip-pre-up before the first link of `demand`: no addresses at all, though the interface has some.
pub(crate) fn no_link(tty: String, speed: u32) -> LinkFacts {
    LinkFacts {
        tty,
        speed,
        settings: Ipv4Settings {
            local: Ipv4Addr::UNSPECIFIED,
            remote: None,
            dns: [None, None],
            mtu: 0,
        },
        former: None,
        peer: None,
    }
}

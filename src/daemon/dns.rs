//! The DNS servers of the link, handed to the system and taken back (spec N3).
//!
//! The core chooses the servers and the one writer ([`crate::dns`]); this carries it out. It takes time, since a disk or
//! another program is waited for, but never for ever; whoever calls does so beside the data phase, one thing after the
//! other. A call is to be let end: what is begun when the program ends is put right by [`Dns::recover`] at the next start.
//!
//! Whatever fails is said, and the link goes on.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::config::{Config, DnsConfig};
use crate::control::{Board, Resolver};
use crate::daemon::logging::emit;
use crate::dns::servers::list;
use crate::dns::{Choice, Decision, Writer, choose, decide};
use crate::io::dns_command::{self, CommandProblem, DnsCommand};
use crate::io::dns_facts::{self, ScriptPlaces};
use crate::io::resolved::Scope;
use crate::io::script_host::ScriptHost;
use crate::io::state_file::{self, StateFileError};
use crate::io::{off_loop, resolv_conf, resolvconf, resolved, tun};
use crate::log::{Level, LogLine};
use crate::ppp::Ipv4Settings;

/// What the next start has to know of a link that was killed: whom it has told.
const MARK_SUFFIX: &str = ".dns";

/// pppd's `resolv.conf` has two short lines. What is larger is not compared.
const MAX_PPPD_TEXT: u64 = 4096;

/// What it needs to know; the same for all links.
#[derive(Clone, Debug)]
pub struct DnsSetup {
    /// The link's interface.
    pub interface: String,
    /// `[dns]`.
    pub config: DnsConfig,
    /// What systemd-resolved asks the link for.
    pub scope: Scope,
    /// The scripts, if they run.
    pub scripts: Option<ScriptPlaces>,
    /// Where pppd's files are; its `resolv.conf` is written there.
    pub ppp_dir: PathBuf,
    /// `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Where the former file is kept.
    pub state_dir: PathBuf,
    /// `Some`: [`Self::resolv_conf`] is written by this program (`PROGRAM resolv-conf set ...`), since we may not.
    pub file_program: Option<PathBuf>,
    /// Who runs it for us, outside of our sandbox; `None`: we do.
    pub script_host: Option<ScriptHost>,
}

impl DnsSetup {
    /// By the configuration and the places of files.
    pub fn new(config: &Config, ppp_dir: &Path, resolv_conf: &Path, state_dir: &Path) -> Self {
        Self {
            interface: config.interface.clone(),
            config: config.dns.clone(),
            scope: Scope::of(config.default_route, config.route_metric),
            scripts: config.scripts.enabled.then(|| ScriptPlaces {
                ppp_dir: ppp_dir.to_owned(),
                ip_up: config.scripts.ip_up.clone(),
            }),
            ppp_dir: ppp_dir.to_owned(),
            resolv_conf: resolv_conf.to_owned(),
            state_dir: state_dir.to_owned(),
            file_program: None,
            script_host: None,
        }
    }
}

/// Hands the link's servers on.
pub struct Dns {
    setup: RefCell<DnsSetup>,
    prepared: RefCell<Option<Prepared>>,
    in_use: RefCell<Option<InUse>>,
    log: Log,
    report: Report,
}

/// Where lines go, and what the status is told.
type Log = Box<dyn Fn(&LogLine)>;
type Report = Box<dyn Fn(Option<Resolver>)>;

/// The servers of a link that is about to come up.
struct Prepared {
    /// As IPCP has agreed.
    agreed: Ipv4Settings,
    /// As scripts are told.
    told: Ipv4Settings,
    choice: Choice,
}

/// Servers that the system has from us.
#[derive(Clone, Debug)]
struct InUse {
    decision: Decision,
    servers: Vec<IpAddr>,
    /// As it was when the servers were handed on.
    setup: DnsSetup,
}

impl Dns {
    /// Nothing is handed on yet. Lines go to the log, the state to the board.
    pub fn new(setup: DnsSetup, board: Rc<RefCell<Board>>) -> Self {
        let report = move |resolver| board.borrow_mut().note_resolver(resolver);
        Self::with(setup, Box::new(emit), Box::new(report))
    }

    /// For tests of what goes on around it: it touches nothing.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        let mut config = Config::default();
        config.dns.manager = crate::config::DnsManager::None;
        config.dns.use_peer = false;
        let nowhere = Path::new("/nonexistent");
        let setup = DnsSetup::new(&config, nowhere, nowhere, nowhere);
        Self::with(setup, Box::new(|_| {}), Box::new(|_| {}))
    }

    fn with(setup: DnsSetup, log: Log, report: Report) -> Self {
        Self {
            setup: RefCell::new(setup),
            prepared: RefCell::new(None),
            in_use: RefCell::new(None),
            log,
            report,
        }
    }

    /// After a reload: from the next link on. The interface and the places of files stay as they are.
    pub fn reconfigure(&self, config: &Config) {
        let mut setup = self.setup.borrow_mut();
        let old = setup.clone();
        let new = DnsSetup::new(config, &old.ppp_dir, &old.resolv_conf, &old.state_dir);
        *setup = DnsSetup {
            interface: old.interface,
            file_program: old.file_program,
            script_host: old.script_host,
            ..new
        };
        drop(setup);
        self.prepared.replace(None);
    }

    /// At the start: takes back what a former run of this interface that was killed has left.
    pub async fn recover(&self) {
        let setup = self.setup.borrow().clone();
        let outcome = match &setup.file_program {
            Some(program) if setup.state_dir.join(resolv_conf::RECORD).exists() => {
                run_file_program(program, &setup, "recover", &[]).await
            }
            Some(_) => Ok(Vec::new()),
            None => {
                let setup = setup.clone();
                in_thread(move || {
                    let exists = |name: &str| tun::index_of(name).is_some();
                    resolv_conf::recover(
                        &setup.resolv_conf,
                        &setup.state_dir,
                        &setup.interface,
                        exists,
                    )
                })
                .await
            }
        };
        self.say_outcome(outcome.map_err(|why| {
            format!("the name servers of before the last crash cannot be put back: {why}")
        }));
        let mark = mark_of(&setup);
        if !mark.exists() {
            return;
        }
        match resolvconf::delete(
            &resolvconf::program(),
            setup.script_host.as_ref(),
            &setup.interface,
        )
        .await
        {
            Ok(()) => {
                self.say(
                    Level::Info,
                    "resolvconf forgets the servers of before the last crash".to_owned(),
                );
                let _ = fs::remove_file(&mark);
            }
            Err(problem) => self.say(Level::Warning, format!("resolvconf -d {problem}")),
        }
    }

    /// A link is about to come up with `settings`: chooses its servers and writes pppd's `resolv.conf`, which scripts
    /// read. Returns the settings as scripts and the monitor are to be told of them.
    pub fn before_up(&self, settings: &Ipv4Settings) -> Ipv4Settings {
        let known = self
            .prepared
            .borrow()
            .as_ref()
            .filter(|prepared| prepared.is_for(settings))
            .map(|prepared| prepared.told);
        if let Some(told) = known {
            return told;
        }
        let setup = self.setup.borrow();
        let choice = choose(&setup.config, settings);
        choice.log(&setup.config).iter().for_each(&self.log);
        if setup.config.use_peer
            && let Some(text) = choice.pppd_text()
        {
            let path = setup.ppp_dir.join("resolv.conf");
            if let Err(error) = write_plainly(&path, &text) {
                // Debian's pppd does not say it: /etc may be read-only.
                let text = format!("Failed to create {}: {error}", path.display());
                (self.log)(&LogLine::pppd(Level::Debug, text));
            }
        }
        let told = choice.settings(settings);
        self.prepared.replace(Some(Prepared {
            agreed: *settings,
            told,
            choice,
        }));
        told
    }

    /// The link is up: hands its servers on, or others after a renegotiation. `settings` as for
    /// [`before_up`](Self::before_up), or as that has returned them. Before anything that looks up names.
    pub async fn up(&self, settings: &Ipv4Settings) {
        self.before_up(settings);
        let servers = match self.prepared.borrow().as_ref() {
            Some(prepared) => prepared.choice.servers.clone(),
            None => return,
        };
        if servers.is_empty() {
            self.take_back().await;
        } else {
            self.hand_on(servers).await;
        }
    }

    /// The link is down, and scripts have ended: takes its servers back.
    pub async fn down(&self) {
        self.prepared.replace(None);
        self.take_back().await;
    }

    async fn hand_on(&self, servers: Vec<IpAddr>) {
        let before = self.in_use.borrow().clone();
        if before
            .as_ref()
            .is_some_and(|before| before.servers == servers)
        {
            return;
        }
        let (setup, decision) = match before {
            // Not another writer in the middle of a link.
            Some(before) => (before.setup, before.decision),
            None => {
                let setup = self.setup.borrow().clone();
                let decision = self.decide(&setup).await;
                (setup, decision)
            }
        };
        // Before it is done: what is begun has to be taken back.
        self.in_use.replace(Some(InUse {
            decision: decision.clone(),
            servers: servers.clone(),
            setup: setup.clone(),
        }));
        let outcome = give(&setup, decision.writer, &servers).await;
        let problem = outcome.as_ref().err().cloned();
        if problem.is_none() && decision.writer != Writer::Nobody {
            let text = format!(
                "DNS servers of the link: {}; {}",
                list(&servers),
                decision.reason
            );
            self.say(Level::Info, text);
        }
        self.say_outcome(
            outcome.map_err(|why| {
                format!("the system is not told the DNS servers of the link: {why}")
            }),
        );
        (self.report)(Some(Resolver {
            servers,
            manager: decision.writer.as_str().to_owned(),
            why: decision.reason.to_string(),
            problem,
        }));
    }

    async fn decide(&self, setup: &DnsSetup) -> Decision {
        // Scripts are told servers only with `usepeerdns`.
        let scripts = setup.scripts.clone().filter(|_| setup.config.use_peer);
        let resolv_conf = setup.resolv_conf.clone();
        let look = move || dns_facts::gather(&resolv_conf, scripts.as_ref());
        let facts = match off_loop(look.clone()).await {
            Some(facts) => facts,
            None => look(),
        };
        let decision = decide(setup.config.manager, &facts);
        if let Some(hook) = &decision.clash {
            let text = format!(
                "{} hands DNS servers on as well: two writers undo each other's work; remove that script, or set \
                 dns.manager to \"auto\" or \"none\"",
                hook.path
            );
            self.say(Level::Warning, text);
        }
        decision
    }

    async fn take_back(&self) {
        let Some(in_use) = self.in_use.borrow().clone() else {
            return;
        };
        let outcome = take(&in_use.setup, in_use.decision.writer).await;
        self.in_use.replace(None);
        self.say_outcome(
            outcome.map_err(|why| format!("the DNS servers of the link are not taken back: {why}")),
        );
        (self.report)(None);
    }

    fn say(&self, level: Level, text: String) {
        (self.log)(&LogLine::uplinkd(level, text));
    }

    fn say_outcome(&self, outcome: Result<Vec<LogLine>, String>) {
        match outcome {
            Ok(lines) => lines.iter().for_each(&self.log),
            Err(text) => self.say(Level::Warning, text),
        }
    }
}

impl Prepared {
    fn is_for(&self, settings: &Ipv4Settings) -> bool {
        self.agreed == *settings || self.told == *settings
    }
}

/// Gives the servers to the writer.
async fn give(
    setup: &DnsSetup,
    writer: Writer,
    servers: &[IpAddr],
) -> Result<Vec<LogLine>, String> {
    match writer {
        // The script that is started after this does it.
        Writer::Hook | Writer::Nobody => Ok(Vec::new()),
        Writer::Resolved => {
            let program = resolvectl()?;
            resolved::set(&program, &setup.interface, servers, setup.scope)
                .await
                .map(|()| Vec::new())
                .map_err(|problem| format!("{} {problem}", program.display()))
        }
        Writer::Resolvconf => {
            let program = resolvconf::program();
            // Before, so that nothing is forgotten. Without it a crash leaves servers behind that nobody answers for.
            let mark = mark_of(setup);
            let marked = fs::create_dir_all(&setup.state_dir)
                .and_then(|()| fs::write(&mark, "resolvconf\n"));
            let log = marked.err().map(|error| {
                let text = format!(
                    "{} cannot be written: {error}; after a crash resolvconf keeps the servers of the link",
                    mark.display()
                );
                LogLine::uplinkd(Level::Warning, text)
            });
            resolvconf::add(
                &program,
                setup.script_host.as_ref(),
                &setup.interface,
                servers,
            )
            .await
            .map(|()| log.into_iter().collect())
            .map_err(|problem| format!("{} -a {problem}", program.display()))
        }
        Writer::File => match &setup.file_program {
            Some(program) => run_file_program(program, setup, "set", servers).await,
            None => {
                let (setup, servers) = (setup.clone(), servers.to_owned());
                in_thread(move || {
                    let DnsSetup {
                        resolv_conf,
                        state_dir,
                        interface,
                        ..
                    } = &setup;
                    resolv_conf::set(resolv_conf, state_dir, interface, &servers)
                })
                .await
            }
        },
    }
}

/// Takes them back.
async fn take(setup: &DnsSetup, writer: Writer) -> Result<Vec<LogLine>, String> {
    match writer {
        Writer::Hook | Writer::Nobody => Ok(Vec::new()),
        Writer::Resolved => {
            // It forgets an interface that is gone by itself.
            if tun::index_of(&setup.interface).is_some() {
                let program = resolvectl()?;
                let outcome = resolved::revert(&program, &setup.interface).await;
                if let Err(problem) = outcome
                    && tun::index_of(&setup.interface).is_some()
                {
                    return Err(format!("{} {problem}", program.display()));
                }
            }
            Ok(Vec::new())
        }
        Writer::Resolvconf => {
            let program = resolvconf::program();
            resolvconf::delete(&program, setup.script_host.as_ref(), &setup.interface)
                .await
                .map_err(|problem| format!("{} -d {problem}", program.display()))?;
            let _ = fs::remove_file(mark_of(setup));
            Ok(Vec::new())
        }
        Writer::File => match &setup.file_program {
            Some(program) => run_file_program(program, setup, "restore", &[]).await,
            None => {
                let setup = setup.clone();
                in_thread(move || {
                    resolv_conf::restore(&setup.resolv_conf, &setup.state_dir, &setup.interface)
                })
                .await
            }
        },
    }
}

/// Runs work that may wait for a disk beside the loop.
async fn in_thread<E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<Vec<LogLine>, E> + Send + 'static,
) -> Result<Vec<LogLine>, String> {
    match off_loop(work).await {
        Some(result) => result.map_err(|error| error.to_string()),
        None => Err("no thread can be had for it".to_owned()),
    }
}

/// The same, outside of our sandbox: `uplinkd resolv-conf`. What it has to say it says itself.
async fn run_file_program(
    program: &Path,
    setup: &DnsSetup,
    what: &str,
    servers: &[IpAddr],
) -> Result<Vec<LogLine>, String> {
    let mut arguments = vec![
        "resolv-conf".to_owned(),
        what.to_owned(),
        "--path".to_owned(),
        setup.resolv_conf.display().to_string(),
        "--state-dir".to_owned(),
        setup.state_dir.display().to_string(),
        "--interface".to_owned(),
        setup.interface.clone(),
    ];
    arguments.extend(servers.iter().map(ToString::to_string));
    let command = DnsCommand {
        program: program.to_owned(),
        arguments,
        input: String::new(),
    };
    let result: Result<(), CommandProblem> = match &setup.script_host {
        Some(host) => dns_command::run_by(host, &command).await,
        None => dns_command::run(&command).await,
    };
    match result {
        Ok(()) => Ok(Vec::new()),
        Err(CommandProblem::Failed {
            said: Some(said), ..
        }) => Err(said),
        Err(problem) => Err(format!("{} {problem}", program.display())),
    }
}

fn resolvectl() -> Result<PathBuf, String> {
    dns_command::find("resolvectl").ok_or_else(|| "there is no resolvectl".to_owned())
}

fn mark_of(setup: &DnsSetup) -> PathBuf {
    setup
        .state_dir
        .join(format!("{}{MARK_SUFFIX}", setup.interface))
}

/// As pppd writes it: for everybody to read, through a link, and not brought to the disk, since the next link writes it
/// anew.
fn write_plainly(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match state_file::read_limited(path, MAX_PPPD_TEXT) {
        Ok(now) if now == text.as_bytes() => return Ok(()),
        Ok(_) | Err(StateFileError::TooLarge { .. }) => return fs::write(path, text),
        Err(StateFileError::Absent { .. }) => {}
        // It must not stop us, as a FIFO without a reader would.
        Err(StateFileError::NotAFile { .. }) => {
            return Err(io::Error::other("it is not a regular file"));
        }
        Err(
            StateFileError::Read { error, .. }
            | StateFileError::Write { error, .. }
            | StateFileError::NotSynced { error, .. },
        ) => return Err(error),
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

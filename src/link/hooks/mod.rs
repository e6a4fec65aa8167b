//! The scripts that pppd runs (spec N4): which one, with what, and when. Nothing is executed here.
//!
//! The rules are those of pppd 2.4.9 (`ipcp_up`, `ipcp_down`, `ipcp_script_done`): ip-pre-up is waited for before the
//! interface goes up; ip-up starts when the link is up, ip-down when it is down, both beside everything else; and these
//! two never run at once. What happens while one of them runs is looked at when it has ended: is the link down by then,
//! ip-down follows ip-up; is it up again, ip-up follows ip-down.
//!
//! Different from pppd, for good reasons:
//! - ip-down gets the addresses that its ip-up got, also when another link is up by the time it runs.
//! - A link that has come up with other addresses while the ip-up of the former one ran gets an ip-down and an ip-up of
//!   its own. pppd leaves the scripts with the addresses of the former link.
//! - A renegotiation on the same link is news for the scripts only if it changes something.
//! - The ip-down that a daemon which was killed could not run any more is run by the next one: [`Hooks::owed`].
//!
//! - [`find`]: which files that means, and who may have written them.
//! - `pair`: two scripts that answer each other. `environment`: their arguments and variables.
//! - [`wording`]: pppd's lines.

pub mod find;
pub mod wording;

mod environment;
mod pair;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::pair::{Pair, Step};
use crate::log::Identifier;
use crate::ppp::Ipv4Settings;

/// One of pppd's scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Before the interface goes up.
    IpPreUp,
    /// The link is up.
    IpUp,
    /// The link is down.
    IpDown,
    /// The peer has proved who it is. Never in the service, where no peer has to.
    AuthUp,
    /// The end of that.
    AuthDown,
}

impl Script {
    /// Its name in the ppp directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::IpPreUp => "ip-pre-up",
            Self::IpUp => "ip-up",
            Self::IpDown => "ip-down",
            Self::AuthUp => "auth-up",
            Self::AuthDown => "auth-down",
        }
    }

    /// Under which identifier its output is logged.
    pub fn identifier(self) -> Identifier {
        match self {
            Self::IpPreUp => Identifier::IpPreUp,
            Self::IpUp => Identifier::IpUp,
            Self::IpDown => Identifier::IpDown,
            Self::AuthUp => Identifier::AuthUp,
            Self::AuthDown => Identifier::AuthDown,
        }
    }

    /// Whether Debian's script of that name runs a folder.
    fn has_folder(self) -> bool {
        match self {
            Self::IpPreUp | Self::IpUp | Self::IpDown => true,
            Self::AuthUp | Self::AuthDown => false,
        }
    }
}

/// What stays the same from link to link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HooksSetup {
    /// Whether scripts are run at all.
    pub enabled: bool,
    /// `/etc/ppp`.
    pub ppp_dir: PathBuf,
    /// `ip-pre-up-script`; `None`: the one in `ppp_dir`.
    pub ip_pre_up: Option<PathBuf>,
    /// `ip-up-script`; as for `ip_pre_up`.
    pub ip_up: Option<PathBuf>,
    /// `ip-down-script`; as for `ip_pre_up`.
    pub ip_down: Option<PathBuf>,
    /// IFNAME, and the first argument.
    pub interface: String,
    /// UNIT: the number of the interface.
    pub unit: u32,
    /// The sixth argument, if there is one.
    pub ipparam: Option<String>,
    /// LINKNAME.
    pub linkname: Option<String>,
    /// CALL_FILE: the name after pppd's `call`.
    pub call_file: Option<String>,
    /// `set NAME=VALUE`: goes before whatever stands under that name otherwise.
    pub environment: Vec<(String, String)>,
    /// `usepeerdns`: USEPEERDNS is 1 if the peer names a server.
    pub use_peer_dns: bool,
    /// PPPD_PID: our own number.
    pub pid: u32,
    /// ORIG_UID: who has started us.
    pub uid: u32,
    /// PPPLOGNAME: his name.
    pub login: String,
}

/// A link, as scripts are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// DEVICE, and the second argument; empty while none is known.
    pub tty: String,
    /// SPEED in bit/s, and the third argument.
    pub speed: u32,
    /// What IPCP has agreed. An address of 0.0.0.0 is one that is not known yet.
    pub settings: Ipv4Settings,
    /// What an interface that has stayed had before: OLDIPLOCAL and OLDIPREMOTE.
    pub former: Option<Ipv4Settings>,
    /// PEERNAME: whom the peer has proved to be.
    pub peer: Option<String>,
}

impl LinkFacts {
    /// Whether a script that was told the one has to be told of the other.
    fn differs(&self, other: &Self) -> bool {
        (&self.tty, self.speed, self.settings, &self.peer)
            != (&other.tty, other.speed, other.settings, &other.peer)
    }
}

/// What a link has carried: CONNECT_TIME, BYTES_SENT, BYTES_RCVD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTotals {
    /// How long it was up.
    pub connected: Duration,
    /// Octets to the peer.
    pub sent: u64,
    /// Octets from the peer.
    pub received: u64,
}

/// A script that is to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which.
    pub script: Script,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, and nothing else.
    pub environment: Vec<(String, String)>,
}

/// What the owner has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// Run this. [`Hooks::handle_finished`] answers, also when there is no such script.
    Run(Run),
    /// ip-up comes next: the system may be told the DNS servers of this link.
    LinkUp(Ipv4Settings),
    /// ip-down has ended: the system may forget them.
    LinkDown,
}

/// The machine. After every `&mut` call drain [`poll_event`](Self::poll_event).
#[derive(Debug)]
pub struct Hooks {
    setup: HooksSetup,
    pre_up: PreUp,
    ip: Pair,
    auth: Pair,
    events: VecDeque<HookEvent>,
}

/// ip-pre-up.
#[derive(Debug)]
enum PreUp {
    Idle,
    Running,
    /// It runs for a link that is gone; this one waits for its turn.
    Waiting(Box<LinkFacts>),
}

impl Hooks {
    /// No link is up.
    pub fn new(setup: HooksSetup) -> Self {
        Self {
            setup,
            pre_up: PreUp::Idle,
            ip: Pair::new(Script::IpUp, Script::IpDown),
            auth: Pair::new(Script::AuthUp, Script::AuthDown),
            events: VecDeque::new(),
        }
    }

    /// What it was given.
    pub fn setup(&self) -> &HooksSetup {
        &self.setup
    }

    /// From the next script on this is the setup.
    pub fn reconfigure(&mut self, setup: HooksSetup) {
        self.setup = setup;
    }

    /// The addresses of a link are agreed, and the interface is about to go up.
    pub fn handle_before_up(&mut self, link: LinkFacts) {
        match &mut self.pre_up {
            PreUp::Idle => self.start_pre_up(&link),
            PreUp::Running => self.pre_up = PreUp::Waiting(Box::new(link)),
            PreUp::Waiting(waiting) => **waiting = link,
        }
    }

    /// Whether an ip-pre-up is still to be waited for.
    pub fn pre_up_pending(&self) -> bool {
        match &self.pre_up {
            PreUp::Idle => false,
            PreUp::Running | PreUp::Waiting(_) => true,
        }
    }

    /// The link is up; again after a renegotiation.
    pub fn handle_up(&mut self, link: LinkFacts) {
        self.ip.handle_up(link);
        self.pump_ip();
    }

    /// IPCP negotiates again; what the link has carried until then.
    pub fn handle_renegotiation(&mut self, totals: LinkTotals) {
        self.ip.handle_totals(totals);
    }

    /// The link is down.
    pub fn handle_down(&mut self, totals: Option<LinkTotals>) {
        if let Some(totals) = totals {
            self.ip.handle_totals(totals);
        }
        self.ip.handle_down();
        self.pump_ip();
    }

    /// The peer has proved who it is: pppd's condition for auth-up.
    pub fn handle_authenticated(&mut self, link: LinkFacts) {
        self.auth.handle_up(link);
        self.pump_auth();
    }

    /// LCP is down.
    pub fn handle_unauthenticated(&mut self, totals: Option<LinkTotals>) {
        if let Some(totals) = totals {
            self.auth.handle_totals(totals);
        }
        self.auth.handle_down();
        self.pump_auth();
    }

    /// What [`HookEvent::Run`] asked for has ended, however.
    pub fn handle_finished(&mut self, script: Script) {
        match script {
            Script::IpPreUp => {
                if let PreUp::Waiting(link) = std::mem::replace(&mut self.pre_up, PreUp::Idle) {
                    self.start_pre_up(&link);
                }
            }
            Script::IpUp | Script::IpDown => {
                if let Some(Step::Ended) = self.ip.handle_finished() {
                    self.events.push_back(HookEvent::LinkDown);
                }
                self.pump_ip();
            }
            Script::AuthUp | Script::AuthDown => {
                self.auth.handle_finished();
                self.pump_auth();
            }
        }
    }

    /// At the start: a predecessor that was killed could not run this.
    pub fn handle_owed(&mut self, mut run: Run) {
        for (name, value) in &mut run.environment {
            if name == "PPPD_PID" {
                *value = self.setup.pid.to_string();
            }
        }
        if self.ip.start_owed() {
            self.events.push_back(HookEvent::Run(run));
        }
    }

    /// The ip-down of the link that scripts know of: what the next daemon has to run if this one is killed.
    pub fn owed(&self) -> Option<Run> {
        let link = self.ip.told()?;
        Some(environment::run(&self.setup, Script::IpDown, link, None))
    }

    /// Whether ip-up has been started for the link that is up.
    pub fn is_told(&self) -> bool {
        self.ip.is_told()
    }

    /// Whether nothing runs, and nothing will until there is news.
    pub fn is_idle(&self) -> bool {
        self.events.is_empty()
            && !self.pre_up_pending()
            && !self.ip.is_running()
            && !self.auth.is_running()
    }

    /// Whether there is an event to be polled.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<HookEvent> {
        self.events.pop_front()
    }

    fn start_pre_up(&mut self, link: &LinkFacts) {
        self.pre_up = PreUp::Running;
        let run = environment::run(&self.setup, Script::IpPreUp, link, None);
        self.events.push_back(HookEvent::Run(run));
    }

    fn pump_ip(&mut self) {
        let Some((script, link, totals)) = self.ip.poll_start() else {
            return;
        };
        if script == Script::IpUp {
            self.events.push_back(HookEvent::LinkUp(link.settings));
        }
        let run = environment::run(&self.setup, script, &link, totals);
        self.events.push_back(HookEvent::Run(run));
    }

    fn pump_auth(&mut self) {
        if let Some((script, link, totals)) = self.auth.poll_start() {
            let run = environment::run(&self.setup, script, &link, totals);
            self.events.push_back(HookEvent::Run(run));
        }
    }
}

//! The supervisor's tests: a bench with a virtual clock, and what all of them share.

mod demand;
mod line;
mod persist;
mod retry;
mod scheduled;
mod status;
mod users;
mod world;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::ends::sentence;
use super::*;
use crate::at::DialError;
use crate::link::reason::{NetworkProblem, Stop, UserStop};
use crate::log::Identifier;
use crate::modem::{ModemProblem, Registration};
use crate::ppp::config::AuthMethod;
use crate::ppp::{DownReason, Layer};

const PERSIST: Policy = policy(true, false);
const NOPERSIST: Policy = policy(false, false);
const ONCE: Policy = policy(true, true);
const TERM: UserStop = UserStop::Signal(15);

const fn policy(persist: bool, once: bool) -> Policy {
    Policy {
        persist,
        once,
        holdoff: Duration::from_secs(5),
        retry: 3,
        reset_on_fail: false,
        reset_always: false,
        reset_wait: None,
        reset_any: false,
        good_after: Duration::from_secs(60),
        backoff: BackoffPolicy {
            network_max: Duration::from_secs(300),
            configuration_min: Duration::from_secs(300),
            configuration_max: Duration::from_secs(3600),
            jitter: 10,
        },
        demand: false,
    }
}

fn settings() -> Ipv4Settings {
    Ipv4Settings {
        local: Ipv4Addr::new(10, 0, 0, 2),
        remote: None,
        dns: [None; 2],
        mtu: 1500,
    }
}

fn path() -> PathBuf {
    PathBuf::from("/dev/ttyUSB0")
}

fn absent() -> LineProblem {
    LineProblem::Absent { path: path() }
}

fn locked() -> LineProblem {
    LineProblem::Locked {
        path: path(),
        holder: None,
    }
}

fn vanished() -> LinkEnd {
    LinkEnd::Line(LineProblem::Vanished {
        path: path(),
        error: None,
    })
}

fn no_carrier() -> LinkEnd {
    LinkEnd::Dial(DialError::Refused {
        result: "NO CARRIER".to_owned(),
        report: None,
    })
}

fn terminated(auth_rejected: bool) -> LinkEnd {
    LinkEnd::Ppp(DownReason::PeerTerminated {
        layer: Layer::Lcp,
        text: String::new(),
        auth_rejected,
    })
}

fn refused() -> LinkEnd {
    LinkEnd::Ppp(DownReason::AuthenticationRefused {
        method: AuthMethod::Pap,
        text: String::new(),
    })
}

fn no_tun() -> LinkEnd {
    LinkEnd::Network(NetworkProblem::NoTun {
        error: "No such file or directory".to_owned(),
    })
}

fn no_tty_permission() -> LinkEnd {
    LinkEnd::Line(LineProblem::OpenFailed {
        path: path(),
        error: "Permission denied".to_owned(),
        permission: true,
    })
}

fn attempt(number: u32) -> Command {
    Command::Attempt(AttemptPlan {
        number,
        empty_credentials: false,
        quiet: false,
    })
}

fn empty_attempt(number: u32) -> Command {
    Command::Attempt(AttemptPlan {
        number,
        empty_credentials: true,
        quiet: false,
    })
}

/// A supervisor, its clock, and its log.
struct Bench {
    supervisor: Supervisor,
    now: Instant,
    log: Vec<String>,
    /// How many of them were errors.
    errors: usize,
    /// Whether the last attempt's dialog is worth no lines.
    quiet: bool,
}

impl Bench {
    /// Started, its first attempt running.
    fn new(policy: Policy) -> Self {
        let mut bench = Self::idle(policy);
        assert_eq!(bench.give(Input::Start), [attempt(1)]);
        assert_eq!(bench.supervisor.poll_timeout(), None);
        bench
    }

    /// Not started.
    fn idle(policy: Policy) -> Self {
        let now = Instant::from_millis(1_000_000);
        Self {
            supervisor: Supervisor::new(policy, 1),
            now,
            log: Vec::new(),
            errors: 0,
            quiet: false,
        }
    }

    fn drain(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        while let Some(command) = self.supervisor.poll_command() {
            match command {
                Command::Log(line) => {
                    assert_eq!(line.identifier, Identifier::Uplinkd);
                    self.errors += usize::from(line.level == Level::Error);
                    self.log.push(line.text);
                }
                Command::Attempt(plan) => {
                    self.quiet = plan.quiet;
                    commands.push(Command::Attempt(AttemptPlan {
                        quiet: false,
                        ..plan
                    }));
                }
                other => commands.push(other),
            }
        }
        commands
    }

    fn give(&mut self, input: Input) -> Vec<Command> {
        self.supervisor.handle(self.now, input);
        self.drain()
    }

    /// A user, who takes a second.
    fn ask(&mut self, input: Input) -> Vec<Command> {
        self.now = self.now + s(1);
        self.give(input)
    }

    fn end(&mut self, end: LinkEnd) -> Vec<Command> {
        self.give(Input::Ended(end))
    }

    fn pass(&mut self, time: Duration) -> Vec<Command> {
        self.now = self.now + time;
        self.supervisor.handle_timeout(self.now);
        self.drain()
    }

    /// An attempt that comes up and ends after `up`.
    fn link(&mut self, up: Duration, end: LinkEnd) -> Vec<Command> {
        assert_eq!(self.give(Input::Up(settings())), []);
        assert_eq!(self.pass(up), []);
        self.end(end)
    }

    /// Waits as long as it takes.
    fn sit_out(&mut self) -> Vec<Command> {
        let wait = self.wait().unwrap();
        self.pass(wait)
    }

    /// Fails so often, sitting out the waits between; nothing but attempts may come of it.
    fn fail(&mut self, end: &LinkEnd, times: u32) {
        for _ in 0..times {
            assert_eq!(self.end(end.clone()), []);
            let next = self.supervisor.plan().number + 1;
            assert_eq!(self.sit_out(), [attempt(next)]);
        }
    }

    fn state(&self) -> State {
        self.supervisor.state().clone()
    }

    fn last_line(&self) -> &str {
        self.log.last().map_or("", String::as_str)
    }

    /// How long until the deadline.
    fn wait(&self) -> Option<Duration> {
        self.supervisor
            .poll_timeout()
            .map(|deadline| deadline.since(self.now))
    }
}

/// PERSIST=1 with RESET_ON_FAIL, and waits without jitter.
fn resetting() -> Policy {
    Policy {
        reset_on_fail: true,
        backoff: BackoffPolicy {
            jitter: 0,
            ..BackoffPolicy::default()
        },
        ..PERSIST
    }
}

fn apn_wrong() -> LinkEnd {
    LinkEnd::Dial(DialError::Extended {
        command: "ATDT*99***1#".to_owned(),
        code: Some(133),
        text: "+CME ERROR: 133".to_owned(),
    })
}

fn silent() -> LinkEnd {
    LinkEnd::Dial(DialError::NoAnswer)
}

fn no_sim() -> LinkEnd {
    LinkEnd::Modem(ModemProblem::SimAbsent)
}

fn deleted() -> LinkEnd {
    LinkEnd::Network(NetworkProblem::InterfaceDeleted {
        name: "ppp0".to_owned(),
    })
}

fn carrier_lost() -> LinkEnd {
    LinkEnd::Ppp(DownReason::CarrierLost)
}

fn monitor() -> LinkEnd {
    LinkEnd::Monitor {
        target: "www.example.jp".to_owned(),
        lost: 2,
    }
}

fn idle() -> LinkEnd {
    LinkEnd::Idle { after: s(60) }
}

fn connect_time() -> LinkEnd {
    LinkEnd::ConnectTime { most: s(3600) }
}

fn not_found() -> LineProblem {
    LineProblem::NotFound {
        wanted: "a LISA-U200".to_owned(),
        seen: None,
    }
}

fn done() -> Input {
    Input::ResetDone(ResetOutcome::Done {
        step: "AT+CFUN=16".to_owned(),
    })
}

fn failed() -> Input {
    Input::ResetDone(ResetOutcome::Failed {
        why: "no step worked".to_owned(),
    })
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

//! A network in virtual time for the monitor: a route with routers, a name server, faults.

use super::*;
use crate::time::earliest;

/// One hop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Router {
    /// Who says Time Exceeded; `None`: nobody.
    pub(super) expires: Option<Ipv4Addr>,
    /// It answers pings.
    pub(super) pings: bool,
}

/// The network, and what the monitor has done in it.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) monitor: Monitor,
    /// The routers before the target.
    pub(super) route: Vec<Router>,
    /// Where the target is.
    pub(super) target: Ipv4Addr,
    pub(super) target_pings: bool,
    /// Who else answers pings.
    pub(super) others: Vec<Ipv4Addr>,
    /// What the name servers say.
    pub(super) dns: Option<Result<Ipv4Addr, LookupError>>,
    /// Nothing comes back.
    pub(super) dead: bool,
    /// Nothing can be sent.
    pub(super) refuses: Option<&'static str>,
    /// Packets received.
    pub(super) received: u64,
    /// On their way back.
    coming: Vec<(Instant, MonitorInput)>,
    /// What was logged, with the second.
    pub(super) log: Vec<String>,
    /// Echo requests: second, destination, hop limit.
    pub(super) echoes: Vec<(u64, Ipv4Addr, Option<u8>)>,
    /// When a name was asked for.
    pub(super) lookups: Vec<u64>,
    pub(super) answered: u32,
    pub(super) cuts: Vec<(u64, String, u32)>,
}

const LATENCY: Duration = Duration::from_millis(80);

impl World {
    pub(super) fn new(plan: MonitorPlan) -> Self {
        let router = |n| Router {
            expires: Some(Ipv4Addr::new(192, 0, 2, n)),
            pings: true,
        };
        let mut world = Self {
            now: Instant::ZERO,
            monitor: Monitor::new(Instant::ZERO, plan),
            route: vec![router(1), router(5)],
            target: TARGET,
            target_pings: true,
            others: vec![],
            dns: Some(Ok(TARGET)),
            dead: false,
            refuses: None,
            received: 0,
            coming: vec![],
            log: vec![],
            echoes: vec![],
            lookups: vec![],
            answered: 0,
            cuts: vec![],
        };
        world.tell(MonitorInput::Received(0));
        world
    }

    /// Runs until `seconds` after the link came up.
    pub(super) fn run(&mut self, seconds: u64) {
        let end = Instant::from_millis(seconds * 1000);
        for _ in 0..1_000_000 {
            let coming = self.coming.iter().map(|(at, _)| *at).min();
            let Some(next) = earliest([coming, self.monitor.poll_timeout()]) else {
                break;
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            let received = MonitorInput::Received(self.received);
            self.tell(received);
            match self.coming.iter().position(|(at, _)| *at <= self.now) {
                Some(at) => {
                    let (_, input) = self.coming.remove(at);
                    self.received += 1;
                    self.tell(MonitorInput::Received(self.received));
                    self.tell(input);
                }
                None => {
                    self.monitor.handle_timeout(self.now);
                    self.drain();
                }
            }
        }
        let next = self.monitor.poll_timeout();
        assert!(next.is_none_or(|next| next > end), "it spins");
        self.now = self.now.max(end);
    }

    pub(super) fn tell(&mut self, input: MonitorInput) {
        self.monitor.handle(self.now, input);
        self.drain();
    }

    /// What has been logged since the last look.
    pub(super) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn second(&self) -> u64 {
        self.now.since_origin().as_secs()
    }

    fn drain(&mut self) {
        while let Some(command) = self.monitor.poll_command() {
            match command {
                MonitorCommand::Log(line) => self.log.push(format!("{} {line}", self.second())),
                MonitorCommand::Answered => self.answered += 1,
                MonitorCommand::Cut { target, lost } => {
                    self.cuts.push((self.second(), target, lost));
                }
                MonitorCommand::Resolve { name, servers } => {
                    assert_eq!(name, "www.example.jp");
                    assert!(servers.iter().any(Option::is_some));
                    self.lookups.push(self.second());
                    if let Some(said) = self.dns.clone().filter(|_| !self.dead) {
                        self.reply(MonitorInput::Resolved(said));
                    }
                }
                MonitorCommand::Echo {
                    to,
                    ttl,
                    sequence,
                    timeout,
                } => {
                    assert!(timeout <= Duration::from_secs(5));
                    self.echoes.push((self.second(), to, ttl));
                    if let Some(why) = self.refuses {
                        let why = why.to_owned();
                        let answer = EchoAnswer::NotSent { why };
                        self.tell(MonitorInput::Echo { sequence, answer });
                    } else if let Some(answer) = self.answer(to, ttl)
                        && !self.dead
                    {
                        self.reply(MonitorInput::Echo { sequence, answer });
                    }
                }
            }
        }
    }

    fn reply(&mut self, input: MonitorInput) {
        self.coming.push((self.now + LATENCY, input));
    }

    fn answer(&self, to: Ipv4Addr, ttl: Option<u8>) -> Option<EchoAnswer> {
        let at = ttl.and_then(|ttl| self.route.get(usize::from(ttl) - 1));
        if let Some(router) = at {
            return router.expires.map(|from| EchoAnswer::TimeExceeded { from });
        }
        let pings = self
            .route
            .iter()
            .any(|router| router.expires == Some(to) && router.pings)
            || (to == self.target && self.target_pings)
            || self.others.contains(&to);
        pings.then_some(EchoAnswer::Reply { from: to })
    }
}

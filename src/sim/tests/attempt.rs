//! [`link::attempt`](crate::link::attempt) against the simulator.

mod chat;
mod endings;
mod random;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use crate::config::{self, Config};
use crate::hdlc::{Framer, TransmitMap};
use crate::link::attempt::{Attempt, AttemptDialer, AttemptEvent, AttemptSetup};
use crate::link::{LinkEnd, NetworkProblem, Stop, UserStop};
use crate::modem::{Memory, Profiles};
use crate::ppp::config::{Account, AllowedAuth, AuthDemand, AuthMethod};
use crate::secret::Secret;
use crate::sim::{FaultSpec, Personality, Sim, SimConfig, SimEvent};
use crate::time::{Instant, earliest};

const WAKING: &str = "bringing the modem into command mode";
const ASKING: &str = "asking the modem who it is";
const REGISTERING: &str = "waiting for the registration";
const DIALING: &str = "dialing";
const LCP: &str = "negotiating the line (LCP)";
const PROVING: &str = "proving the account";
const IPCP: &str = "negotiating the addresses (IPCP)";
const CLOSING: &str = "closing PPP";
const HANGING_UP: &str = "hanging up";

/// Each step before the link is up.
const WAY_UP: [&str; 7] = [WAKING, ASKING, REGISTERING, DIALING, LCP, PROVING, IPCP];

const CONFIG: &str = "APN=internet\nAUTH=CHAP\nACCOUNT=user\nPASSWORD=secret\n";

fn config() -> Config {
    let (config, problems) = config::read("ppp", CONFIG.as_bytes());
    config.unwrap_or_else(|| panic!("{problems:?}"))
}

fn setup(profile: Option<&str>, config: &Config) -> AttemptSetup {
    let profiles = Arc::new(Profiles::built_in());
    let profile = profile.map(|name| profiles.get(name).unwrap());
    AttemptSetup {
        tty: PathBuf::from("/dev/ttyUSB0"),
        interface: "ppp0".to_owned(),
        bringup: config.bringup(profile, profiles, Memory::default(), 1_800_000_000, false),
        session: config.session(false),
        seed: 7,
        dialer: AttemptDialer::Modem,
        disconnect: None,
        modem_lines: true,
    }
}

fn sim(faults: &[&str]) -> SimConfig {
    SimConfig {
        faults: faults
            .iter()
            .map(|fault| FaultSpec::from_str(fault).unwrap())
            .collect(),
        demand: Some(AuthDemand {
            method: AuthMethod::ChapMd5,
            acceptable: AllowedAuth {
                pap: false,
                chap_md5: true,
            },
            name: "isp".to_owned(),
            accounts: vec![Account {
                user: "user".to_owned(),
                secret: Secret::new("secret".to_owned()),
            }],
            accept_any: false,
            rechallenge: None,
            messages: Default::default(),
        }),
        // Long enough for each step to be seen.
        registration_time: Some(Duration::from_secs(4)),
        ..SimConfig::default()
    }
}

/// An attempt against a simulator, in virtual time.
struct Bench {
    attempt: Attempt,
    sim: Sim,
    now: Instant,
    begun: Instant,
    wire: BytesMut,
    log: Vec<String>,
    steps: Vec<&'static str>,
    warnings: Vec<String>,
    /// All else.
    events: Vec<AttemptEvent>,
    packets: usize,
    /// What is answered to [`AttemptEvent::Save`]; `None`: nothing.
    saves: Option<bool>,
}

impl Bench {
    fn new(faults: &[&str]) -> Self {
        Self::with(setup(None, &config()), sim(faults))
    }

    fn with(setup: AttemptSetup, sim: SimConfig) -> Self {
        let now = Instant::from_millis(5_000);
        let mut this = Self {
            attempt: Attempt::new(setup),
            sim: Sim::new(sim, now),
            now,
            begun: now,
            wire: BytesMut::new(),
            log: vec![],
            steps: vec![],
            warnings: vec![],
            events: vec![],
            packets: 0,
            saves: Some(true),
        };
        this.attempt.start(now);
        this
    }

    fn end(&self) -> Option<&LinkEnd> {
        self.events.iter().find_map(|event| match event {
            AttemptEvent::Ended(end) => Some(end),
            _ => None,
        })
    }

    /// Takes what the attempt has to say.
    fn drain(&mut self) {
        while let Some(event) = self.attempt.poll_event() {
            assert_eq!(self.end(), None, "{event:?} behind the end");
            match event {
                AttemptEvent::Log(line) => self.log.push(line.text),
                AttemptEvent::Info(_) | AttemptEvent::Profile(_) => {}
                AttemptEvent::Step(step) => self.steps.push(step),
                AttemptEvent::Warning(text) => self.warnings.push(text),
                AttemptEvent::Save(memory) => {
                    self.events.push(AttemptEvent::Save(memory));
                    if let Some(ok) = self.saves {
                        self.attempt.saved(self.now, ok);
                    }
                }
                AttemptEvent::SetDtr(on) => {
                    self.sim.handle_dtr(self.now, on);
                    self.events.push(AttemptEvent::SetDtr(on));
                }
                event @ (AttemptEvent::Connected(_)
                | AttemptEvent::SetBreak(_)
                | AttemptEvent::WatchCarrier(_)
                | AttemptEvent::NetworkUp(_)
                | AttemptEvent::NetworkDown
                | AttemptEvent::PppEnded(_)
                | AttemptEvent::Ended(_)) => self.events.push(event),
            }
        }
        if self.end().is_some() {
            assert_eq!(self.attempt.poll_timeout(), None);
            assert!(self.attempt.is_ending() && !self.attempt.is_up());
        }
    }

    /// Does one thing; false if nothing is left to do before `until`.
    fn step(&mut self, until: Instant) -> bool {
        self.drain();
        if self.attempt.poll_transmit(&mut self.wire) {
            let bytes = self.wire.split();
            self.sim.handle_bytes(self.now, &bytes);
            return true;
        }
        while let Some(event) = self.sim.poll_event() {
            if event == SimEvent::Unplug {
                self.attempt.line_gone(self.now, None);
                self.drain();
            }
        }
        let mut bytes = Vec::new();
        if self.sim.poll_transmit(self.now, 4096, &mut bytes) {
            let packets = &mut self.packets;
            self.attempt
                .handle_bytes(self.now, &bytes, |_| *packets += 1);
            return true;
        }
        match earliest([self.attempt.poll_timeout(), self.sim.poll_timeout()]) {
            Some(next) if next <= until => {
                self.now = self.now.max(next);
                self.attempt.handle_timeout(self.now);
                self.sim.handle_timeout(self.now);
                true
            }
            Some(_) | None => {
                self.now = until;
                false
            }
        }
    }

    /// Runs until `what` holds, or the time is over; whether it holds.
    fn runs_until(&mut self, seconds: u64, what: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + Duration::from_secs(seconds);
        for _ in 0..200_000 {
            self.drain();
            if what(self) {
                return true;
            }
            if !self.step(until) {
                self.drain();
                return what(self);
            }
        }
        panic!("it spins: {:?}", self.log);
    }

    fn run(&mut self, seconds: u64) {
        self.runs_until(seconds, |_| false);
    }

    fn run_to_step(&mut self, step: &str) {
        let there = self.runs_until(60, |bench| bench.steps.last() == Some(&step));
        assert!(there, "no {step:?} in {:?}, {:#?}", self.steps, self.log);
    }

    fn run_up(&mut self) {
        let up = self.runs_until(60, |bench| bench.attempt.is_up());
        assert!(up, "{:#?}", self.log);
    }

    /// Runs to the end, which must come within this time; what it was, and how long it took.
    fn run_to_end(&mut self, seconds: u64) -> (LinkEnd, Duration) {
        let begin = self.now;
        let over = self.runs_until(seconds, |bench| bench.end().is_some());
        assert!(over, "no end in {:?}, {:#?}", self.events, self.log);
        let took = self.now.since(begin);
        // Whatever comes now, it says nothing more.
        self.attempt.start(self.now);
        self.attempt.stop(self.now, user());
        self.attempt.fail(self.now, no_tun());
        self.attempt.line_gone(self.now, None);
        self.attempt.saved(self.now, true);
        self.attempt
            .handle_bytes(self.now, b"\r\nNO CARRIER\r\n", |_| {});
        self.attempt.handle_timeout(self.now);
        self.run(60);
        (self.end().unwrap().clone(), took)
    }
}

fn user() -> Stop {
    Stop::User(UserStop::Reconnect)
}

fn monitor() -> Stop {
    Stop::Monitor {
        target: "198.51.100.10".to_owned(),
        lost: 3,
    }
}

fn no_tun() -> NetworkProblem {
    NetworkProblem::Failed {
        what: "no".to_owned(),
    }
}

#[test]
fn a_link_comes_and_goes_in_this_order() {
    let mut bench = Bench::new(&[]);
    bench.run_up();
    assert_eq!(bench.steps.last(), Some(&IPCP));
    let seen: Vec<&str> = WAY_UP
        .into_iter()
        .filter(|s| bench.steps.contains(s))
        .collect();
    assert_eq!(seen, WAY_UP, "{:?}", bench.steps);
    assert!(bench.now.since(bench.begun) < Duration::from_secs(15));
    bench.run(5);
    bench.attempt.stop(bench.now, user());
    assert!(bench.attempt.is_ending() && !bench.attempt.is_up());
    let (end, took) = bench.run_to_end(10);
    assert_eq!(end, LinkEnd::User(UserStop::Reconnect));
    assert!(took < Duration::from_secs(2), "{took:?}");
    let end = LinkEnd::User(UserStop::Reconnect);
    let told: Vec<AttemptEvent> = bench
        .events
        .iter()
        .map(|event| match event {
            AttemptEvent::NetworkUp(settings) => {
                assert_eq!(settings.local.to_string(), "10.64.64.2");
                AttemptEvent::NetworkUp(*settings)
            }
            event => event.clone(),
        })
        .collect();
    let [
        AttemptEvent::WatchCarrier(true),
        AttemptEvent::Connected(text),
        AttemptEvent::NetworkUp(_),
        AttemptEvent::NetworkDown,
        AttemptEvent::PppEnded(ppp_end),
        AttemptEvent::WatchCarrier(false),
        rest @ ..,
    ] = told.as_slice()
    else {
        panic!("{told:#?}");
    };
    assert!(text.starts_with("CONNECT"), "{text}");
    assert_eq!(*ppp_end, end);
    assert_eq!(rest.last(), Some(&AttemptEvent::Ended(end)));
    assert!(!bench.sim.carrier());
    assert!(
        bench.steps.ends_with(&[CLOSING, HANGING_UP]),
        "{:?}",
        bench.steps
    );
    for line in [
        "Serial connection established.",
        "Using interface ppp0",
        "Connect: ppp0 <--> /dev/ttyUSB0",
        "sent [LCP TermReq id=0x2 \"User request\"]",
    ] {
        assert_eq!(
            bench.log.iter().filter(|said| *said == line).count(),
            1,
            "{line}"
        );
    }
    assert!(!bench.log.iter().any(|line| line.contains("secret")));
}

#[test]
fn a_renegotiation_takes_the_network_down_and_up_again() {
    let mut bench = Bench::new(&[]);
    bench.run_up();
    bench.run(5);
    // The peer begins anew: LCP Configure-Request with an identifier and a magic number of its own.
    let request = [
        0xff, 0x03, 0xc0, 0x21, 0x01, 0x63, 0x00, 0x0a, 0x05, 0x06, 0x11, 0x22, 0x33, 0x44,
    ];
    let mut frame = BytesMut::new();
    Framer::new().encode(&TransmitMap::ALL_CONTROL, &[], &request, &mut frame);
    bench.attempt.handle_bytes(bench.now, &frame, |_| {});
    bench.drain();
    assert!(!bench.attempt.is_up());
    assert_eq!(bench.steps.last(), Some(&LCP));
    bench.run_up();
    bench.run(5);
    assert!(bench.attempt.is_up());
    let network: Vec<bool> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            AttemptEvent::NetworkUp(_) => Some(true),
            AttemptEvent::NetworkDown => Some(false),
            _ => None,
        })
        .collect();
    assert_eq!(network, [true, false, true]);
    assert_eq!(bench.steps.iter().filter(|step| **step == IPCP).count(), 2);
}

#[test]
fn what_cannot_be_stored_does_not_hold_the_dial_up() {
    for saves in [Some(true), Some(false), None] {
        let config = SimConfig {
            personality: Personality::Amp5200,
            ..sim(&[])
        };
        let mut bench = Bench::with(setup(Some("AMP5200"), &self::config()), config);
        bench.saves = saves;
        bench.run_up();
        let saved = |event: &AttemptEvent| matches!(event, AttemptEvent::Save(_));
        assert!(bench.events.iter().any(saved));
    }
}

#[test]
fn what_the_modem_cannot_be_told_is_a_warning_in_each_attempt() {
    let text = format!("{CONFIG}NETMODE=LTE\nCARRIERID=3\n");
    let config = config::read("ppp", text.as_bytes()).0.unwrap();
    for said in [false, true] {
        let mut setup = setup(Some("generic"), &config);
        setup.bringup.said = said;
        let mut bench = Bench::with(setup, sim(&[]));
        bench.run_up();
        assert_eq!(
            bench.warnings,
            [
                "NETMODE=LTE is not set: profile generic has no command for it",
                "CARRIERID=3 is not set: profile generic has no command for it",
            ]
        );
        let logged = bench.log.contains(&bench.warnings[0]);
        assert_eq!(logged, !said);
    }
}

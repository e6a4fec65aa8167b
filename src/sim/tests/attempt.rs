//! [`link::attempt`](crate::link::attempt) against the simulator.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;

use crate::at::DialError;
use crate::config::{self, Config};
use crate::hdlc::{Framer, TransmitMap};
use crate::link::attempt::{Attempt, AttemptEvent, AttemptSetup, CLOSE_LIMIT};
use crate::link::{LineProblem, LinkEnd, NetworkProblem, Stop, UserStop};
use crate::modem::{Memory, Profiles};
use crate::ppp::DownReason;
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

fn vanished(error: Option<&str>) -> LinkEnd {
    LinkEnd::Line(LineProblem::Vanished {
        path: PathBuf::from("/dev/ttyUSB0"),
        error: error.map(str::to_owned),
    })
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
fn a_stop_ends_it_cleanly_in_each_step() {
    for step in WAY_UP {
        // Some steps are over at once on a quick line.
        let mut bench = Bench::new(&["late-connect=2s"]);
        bench.run_to_step(step);
        bench.attempt.stop(bench.now, user());
        let (end, took) = bench.run_to_end(10);
        assert_eq!(end, LinkEnd::User(UserStop::Reconnect), "{step}");
        // Spec S5, with the interface's part left out.
        assert!(took < Duration::from_millis(4_700), "{step}: {took:?}");
        bench.run(30);
        assert!(!bench.sim.carrier(), "{step}: it has called after all");
    }
}

#[test]
fn questions_that_cannot_call_need_no_hang_up() {
    for (step, hangs_up) in [
        (WAKING, true),
        (ASKING, false),
        (REGISTERING, false),
        (DIALING, true),
    ] {
        let mut bench = Bench::new(&[]);
        bench.run_to_step(step);
        bench.attempt.stop(bench.now, user());
        bench.run_to_end(10);
        assert_eq!(bench.steps.contains(&HANGING_UP), hangs_up, "{step}");
        assert!(
            !bench
                .events
                .iter()
                .any(|e| matches!(e, AttemptEvent::PppEnded(_)))
        );
    }
}

#[test]
fn a_tty_that_goes_ends_it_at_once_in_each_step() {
    for step in WAY_UP {
        let mut bench = Bench::new(&["late-connect=2s"]);
        bench.run_to_step(step);
        bench.attempt.line_gone(bench.now, Some("EIO".to_owned()));
        let (end, took) = bench.run_to_end(1);
        assert_eq!(
            (end, took),
            (vanished(Some("EIO")), Duration::ZERO),
            "{step}"
        );
    }
    let mut bench = Bench::new(&["unplug=60s@20s"]);
    bench.run_up();
    let mut packet = [0; 40];
    packet[0] = 0x45;
    packet[3] = 40;
    assert!(bench.attempt.send_ipv4(&packet, &mut bench.wire));
    let (end, _) = bench.run_to_end(30);
    assert_eq!(end, vanished(None));
    let order: Vec<bool> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            AttemptEvent::NetworkDown => Some(true),
            AttemptEvent::Ended(_) => Some(false),
            _ => None,
        })
        .collect();
    assert_eq!(order, [true, false]);
    assert!(
        bench.attempt.stats().sent_bytes > 0,
        "the counters outlive it"
    );
}

#[test]
fn a_tty_that_goes_while_it_ends() {
    // While PPP closes: the line went first.
    let mut bench = Bench::new(&["no-term-ack"]);
    bench.run_up();
    bench.attempt.stop(bench.now, monitor());
    bench.drain();
    assert_eq!(bench.steps.last(), Some(&CLOSING));
    bench.attempt.line_gone(bench.now, None);
    assert_eq!(bench.run_to_end(1).0, vanished(None));
    // While it hangs up: it ended for another reason.
    let mut bench = Bench::new(&["no-term-ack"]);
    bench.run_up();
    bench.attempt.stop(bench.now, monitor());
    bench.run_to_step(HANGING_UP);
    bench.attempt.line_gone(bench.now, None);
    assert_eq!(bench.run_to_end(1).0, LinkEnd::from(monitor()));
}

#[test]
fn a_peer_that_does_not_answer_the_terminate_is_not_waited_for() {
    let mut bench = Bench::new(&["no-term-ack"]);
    bench.run_up();
    let asked = bench.now;
    bench.attempt.stop(bench.now, user());
    // Only the first reason counts.
    bench.attempt.stop(bench.now, monitor());
    bench.run_to_step(HANGING_UP);
    assert_eq!(bench.now.since(asked), CLOSE_LIMIT);
    bench.run_to_end(10);
    assert!(bench.now.since(asked) >= CLOSE_LIMIT);
    assert_eq!(bench.end(), Some(&LinkEnd::User(UserStop::Reconnect)));
}

#[test]
fn a_users_stop_during_the_hang_up_is_obeyed_and_nobody_elses() {
    for (stop, end) in [
        (user(), LinkEnd::User(UserStop::Reconnect)),
        (Stop::Scheduled, LinkEnd::from(monitor())),
    ] {
        let mut bench = Bench::new(&["no-term-ack"]);
        bench.run_up();
        bench.attempt.stop(bench.now, monitor());
        bench.run_to_step(HANGING_UP);
        bench.attempt.fail(bench.now, no_tun());
        bench.attempt.stop(bench.now, stop);
        assert_eq!(bench.run_to_end(10).0, end);
    }
}

#[test]
fn an_interface_that_cannot_be_had_ends_it() {
    let mut bench = Bench::new(&[]);
    let told = bench.runs_until(60, |bench| {
        bench
            .events
            .iter()
            .any(|e| matches!(e, AttemptEvent::NetworkUp(_)))
    });
    assert!(told);
    bench.attempt.fail(bench.now, no_tun());
    assert!(!bench.attempt.is_up());
    let mut wire = BytesMut::new();
    assert!(!bench.attempt.send_ipv4(&[0x45; 40], &mut wire));
    assert_eq!(bench.run_to_end(10).0, LinkEnd::Network(no_tun()));
    assert!(!bench.sim.carrier());
}

#[test]
fn what_the_far_end_does_is_told() {
    let mut bench = Bench::new(&["term-req@20s"]);
    bench.run_up();
    let (end, _) = bench.run_to_end(60);
    assert!(
        matches!(end, LinkEnd::Ppp(DownReason::PeerTerminated { .. })),
        "{end:?}"
    );
    // The answer to it went out before the hang-up.
    assert!(
        bench
            .log
            .iter()
            .any(|line| line.starts_with("sent [LCP TermAck"))
    );

    let mut bench = Bench::new(&["no-carrier@20s"]);
    bench.run_up();
    let (end, _) = bench.run_to_end(60);
    assert!(matches!(end, LinkEnd::Ppp(_)), "{end:?}");
    assert!(bench.log.iter().any(|line| line.contains("NO CARRIER")));
    assert!(
        !bench.events.contains(&AttemptEvent::SetDtr(false)),
        "there is nothing to hang up"
    );

    let mut bench = Bench::new(&["busy"]);
    let (end, _) = bench.run_to_end(60);
    assert!(matches!(end, LinkEnd::Dial(_)), "{end:?}");
    assert!(bench.log.iter().any(|line| line == "Connect script failed"));
    assert!(!bench.steps.contains(&HANGING_UP));

    let mut bench = Bench::new(&["sim-absent"]);
    let (end, _) = bench.run_to_end(60);
    assert!(matches!(end, LinkEnd::Modem(_)), "{end:?}");
    assert!(bench.steps.contains(&"waiting for the SIM"));

    let mut bench = Bench::new(&["at-silent"]);
    let (end, _) = bench.run_to_end(300);
    assert_eq!(end, LinkEnd::Dial(DialError::NoAnswer));

    // The call may still come: it is hung up.
    let mut bench = Bench::new(&["late-connect=300s"]);
    let (end, _) = bench.run_to_end(300);
    assert!(
        matches!(end, LinkEnd::Dial(DialError::Timeout { .. })),
        "{end:?}"
    );
    assert!(bench.steps.contains(&HANGING_UP));
    bench.run(300);
    assert!(!bench.sim.carrier());
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

/// Something from outside.
#[derive(Clone, Debug)]
enum Poke {
    Bytes(Vec<u8>),
    /// Until the next deadline.
    Wait,
    Stop,
    Monitor,
    Fail,
    Saved(bool),
    Gone,
    Packet,
}

fn poke() -> impl Strategy<Value = Poke> {
    let texts = prop_oneof![
        4 => Just(b"\r\nOK\r\n".to_vec()),
        2 => Just(b"\r\nCONNECT 115200\r\n".to_vec()),
        1 => Just(b"\r\nERROR\r\n".to_vec()),
        1 => Just(b"\r\n+CME ERROR: 14\r\n".to_vec()),
        1 => Just(b"\r\nNO CARRIER\r\n".to_vec()),
        1 => Just(b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n".to_vec()),
        1 => Just(b"\r\n+CREG: 0,2\r\n\r\nOK\r\n".to_vec()),
        1 => Just(vec![0x7e, 0xff, 0x03, 0xc0, 0x21, 0x05, 0x01, 0x00, 0x04, 0x7e]),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        20 => texts.prop_map(Poke::Bytes),
        20 => Just(Poke::Wait),
        1 => Just(Poke::Stop),
        1 => Just(Poke::Monitor),
        1 => Just(Poke::Fail),
        3 => any::<bool>().prop_map(Poke::Saved),
        1 => Just(Poke::Gone),
        2 => Just(Poke::Packet),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_comes_in_whatever_order_it_ends_and_says_nothing_more(
        pokes in proptest::collection::vec(poke(), 0..120),
    ) {
        let mut now = Instant::from_millis(1);
        let mut attempt = Attempt::new(setup(None, &config()));
        let mut ended = 0;
        let mut wire = BytesMut::new();
        attempt.start(now);
        let all = pokes.into_iter().chain([Poke::Stop]).chain(std::iter::repeat_n(Poke::Wait, 200));
        for poke in all {
            match poke {
                Poke::Bytes(bytes) => attempt.handle_bytes(now, &bytes, |_| {}),
                Poke::Wait => if let Some(next) = attempt.poll_timeout() {
                    now = now.max(next);
                    attempt.handle_timeout(now);
                },
                Poke::Stop => attempt.stop(now, user()),
                Poke::Monitor => attempt.stop(now, monitor()),
                Poke::Fail => attempt.fail(now, no_tun()),
                Poke::Saved(ok) => attempt.saved(now, ok),
                Poke::Gone => attempt.line_gone(now, None),
                Poke::Packet => {
                    attempt.send_ipv4(&[0x45; 40], &mut wire);
                }
            }
            while attempt.poll_transmit(&mut wire) {}
            wire.clear();
            while let Some(event) = attempt.poll_event() {
                prop_assert_eq!(ended, 0, "{:?} behind the end", event);
                ended += u32::from(matches!(event, AttemptEvent::Ended(_)));
            }
        }
        prop_assert_eq!(ended, 1);
        prop_assert_eq!(attempt.poll_timeout(), None);
    }
}

use std::net::Ipv4Addr;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::at::DialError;
use crate::log::Identifier;
use crate::ppp::Layer;
use crate::ppp::config::AuthMethod;

const PERSIST: Policy = policy(true, false);
const NOPERSIST: Policy = policy(false, false);
const ONCE: Policy = policy(true, true);
const TERM: UserStop = UserStop::Signal(15);

const fn policy(persist: bool, once: bool) -> Policy {
    Policy {
        persist,
        once,
        holdoff: Duration::from_secs(5),
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
    })
}

fn empty_attempt(number: u32) -> Command {
    Command::Attempt(AttemptPlan {
        number,
        empty_credentials: true,
    })
}

/// A supervisor, its clock, and its log.
struct Bench {
    supervisor: Supervisor,
    now: Instant,
    log: Vec<String>,
}

impl Bench {
    /// Started, its first attempt running.
    fn new(policy: Policy) -> Self {
        let now = Instant::from_millis(1_000_000);
        let mut bench = Self {
            supervisor: Supervisor::new(policy),
            now,
            log: Vec::new(),
        };
        assert_eq!(bench.give(Input::Start), [attempt(1)]);
        assert_eq!(bench.supervisor.poll_timeout(), None);
        bench
    }

    fn drain(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        while let Some(command) = self.supervisor.poll_command() {
            match command {
                Command::Log(line) => {
                    assert_eq!(line.identifier, Identifier::Uplinkd);
                    self.log.push(line.text);
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

    fn end(&mut self, end: LinkEnd) -> Vec<Command> {
        self.give(Input::Ended(end))
    }

    fn pass(&mut self, time: Duration) -> Vec<Command> {
        self.now = self.now + time;
        self.supervisor.handle_timeout(self.now);
        self.drain()
    }

    /// How long until the deadline.
    fn wait(&self) -> Option<Duration> {
        self.supervisor
            .poll_timeout()
            .map(|deadline| deadline.since(self.now))
    }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn persist_holds_off_and_dials_again_for_ever() {
    let mut bench = Bench::new(PERSIST);
    for number in 2..1_000 {
        bench.pass(s(20));
        assert_eq!(bench.end(no_carrier()), []);
        assert_eq!(bench.wait(), Some(s(5)));
        assert_eq!(bench.pass(Duration::from_millis(4_999)), []);
        assert_eq!(bench.pass(Duration::from_millis(1)), [attempt(number)]);
    }
    assert_eq!(
        bench.log.first().map(String::as_str),
        Some(
            "Attempt 1 failed: dialing failed: the modem answered NO CARRIER to the call; \
             check APN, antenna and coverage, and whether the subscription is active. \
             Next attempt in 5 s."
        )
    );
    assert_eq!(
        bench.log.get(1).map(String::as_str),
        Some(
            "Attempt 2 failed: dialing failed: the modem answered NO CARRIER to the call. \
             Next attempt in 5 s."
        )
    );
}

#[test]
fn persist_reconnects_after_a_link_that_was_up() {
    let mut bench = Bench::new(PERSIST);
    assert_eq!(bench.give(Input::Up(settings())), []);
    assert_eq!(*bench.supervisor.state(), State::Up(settings()));
    assert_eq!(bench.supervisor.since(), bench.now);
    bench.pass(s(3_600));
    assert_eq!(bench.end(terminated(false)), []);
    assert_eq!(bench.wait(), Some(s(5)));
    assert_eq!(bench.pass(s(5)), [attempt(2)]);
    assert_eq!(
        bench.log,
        [
            "The link ended: LCP terminated by the peer; the network or the modem ended it: check APN, \
          ACCOUNT and AUTH if it comes at every attempt. Next attempt in 5 s."
        ]
    );
}

#[test]
fn a_renegotiated_link_is_up_since_before() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    let since = bench.now;
    bench.pass(s(10));
    let other = Ipv4Settings {
        mtu: 576,
        ..settings()
    };
    assert_eq!(bench.give(Input::Up(other)), []);
    assert_eq!(*bench.supervisor.state(), State::Up(other));
    assert_eq!(bench.supervisor.since(), since);
}

#[test]
fn nopersist_and_once_end_with_the_status_of_the_first_end() {
    for policy in [NOPERSIST, ONCE] {
        for (end, status) in [
            (no_carrier(), 8),
            (refused(), 19),
            (terminated(false), 10),
            (LinkEnd::Line(absent()), 7),
            (LinkEnd::Line(locked()), 6),
            (no_tun(), 33),
            (LinkEnd::Ppp(DownReason::Loopback), 17),
        ] {
            let mut bench = Bench::new(policy.clone());
            assert_eq!(
                bench.end(end.clone()),
                [Command::Exit(ExitStatus(status))],
                "{end}"
            );
            assert_eq!(*bench.supervisor.state(), State::Ended(ExitStatus(status)));
            assert_eq!(bench.wait(), None);
            assert_eq!(bench.log, [sentence(&end)]);
        }
    }
}

#[test]
fn nopersist_and_once_end_cleanly_when_the_peer_terminates_a_link_that_was_up() {
    for policy in [NOPERSIST, ONCE] {
        for (end, status) in [
            (terminated(false), 0),
            (LinkEnd::Ppp(DownReason::CarrierLost), 16),
        ] {
            let mut bench = Bench::new(policy.clone());
            bench.give(Input::Up(settings()));
            assert_eq!(bench.end(end), [Command::Exit(ExitStatus(status))]);
        }
    }
}

#[test]
fn an_absent_or_locked_tty_is_waited_for() {
    for problem in [absent(), locked()] {
        let mut bench = Bench::new(PERSIST);
        bench.pass(s(2));
        let watch = [Command::WatchLine(problem.clone())];
        assert_eq!(bench.end(LinkEnd::Line(problem.clone())), watch);
        assert_eq!(
            *bench.supervisor.state(),
            State::WaitingForLine(problem.clone())
        );
        assert_eq!(bench.wait(), Some(s(30)));
        assert_eq!(bench.give(Input::LineChanged), [attempt(2)]);
        assert_eq!(bench.wait(), None);
    }
}

#[test]
fn a_watch_that_says_nothing_is_not_trusted_for_ever_and_waiting_is_told_once() {
    let mut bench = Bench::new(PERSIST);
    for number in 2..100 {
        assert_eq!(
            bench.end(LinkEnd::Line(absent())),
            [Command::WatchLine(absent())]
        );
        assert_eq!(bench.pass(s(30)), [attempt(number)]);
    }
    assert_eq!(
        bench.log,
        [
            "Waiting for the tty: /dev/ttyUSB0 is not there; check that the modem is plugged in and \
          powered, and that this is its tty."
        ]
    );
}

#[test]
fn a_watch_that_cries_wolf_does_not_make_it_spin() {
    let mut bench = Bench::new(PERSIST);
    let mut attempts = 0;
    for _ in 0..1_000 {
        if *bench.supervisor.state() == State::Attempting {
            attempts += 1;
            bench.end(LinkEnd::Line(locked()));
        }
        bench.give(Input::LineChanged);
        bench.pass(Duration::from_millis(10));
    }
    assert_eq!(attempts, 10);
}

#[test]
fn a_tty_that_vanishes_under_a_link_is_looked_for_at_once() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    bench.pass(s(60));
    assert_eq!(bench.end(vanished()), []);
    assert_eq!(bench.wait(), Some(s(1)));
    assert_eq!(bench.pass(s(1)), [attempt(2)]);
    assert_eq!(
        bench.end(LinkEnd::Line(absent())),
        [Command::WatchLine(absent())]
    );
    bench.pass(s(8));
    assert_eq!(bench.give(Input::LineChanged), [attempt(3)]);
    // While it was being dialed it vanishes too: then HOLDOFF counts.
    assert_eq!(bench.end(vanished()), []);
    assert_eq!(bench.wait(), Some(s(5)));
}

#[test]
fn what_is_not_a_tty_always_ends_it() {
    let end = LinkEnd::Line(LineProblem::NotATty {
        path: PathBuf::from("/dev/null"),
    });
    for up_before in [false, true] {
        let mut bench = Bench::new(PERSIST);
        if up_before {
            bench.give(Input::Up(settings()));
            bench.end(terminated(false));
            bench.pass(s(5));
        }
        assert_eq!(
            bench.end(end.clone()),
            [Command::Exit(ExitStatus::OPEN_FAILED)]
        );
        assert_eq!(
            bench.log.last().map(String::as_str),
            Some("/dev/null is not a tty; name the modem's tty in DEVICE.")
        );
    }
}

#[test]
fn missing_permissions_end_the_start_and_not_a_link_that_worked() {
    for (end, status) in [(no_tun(), 33), (no_tty_permission(), 7)] {
        let mut bench = Bench::new(PERSIST);
        assert_eq!(bench.end(end.clone()), [Command::Exit(ExitStatus(status))]);

        let mut bench = Bench::new(PERSIST);
        bench.give(Input::Up(settings()));
        bench.end(terminated(false));
        bench.pass(s(5));
        assert_eq!(bench.end(end), []);
        assert_eq!(bench.wait(), Some(s(5)));
    }
}

#[test]
fn a_signal_ends_the_attempt_and_then_the_program() {
    for (policy, up) in [
        (PERSIST, false),
        (PERSIST, true),
        (NOPERSIST, true),
        (ONCE, true),
    ] {
        let mut bench = Bench::new(policy);
        if up {
            bench.give(Input::Up(settings()));
        }
        assert_eq!(bench.give(Input::User(TERM)), [Command::EndAttempt(TERM)]);
        assert_eq!(*bench.supervisor.state(), State::Ending(TERM));
        // A second one, of whatever kind, changes nothing.
        assert_eq!(bench.give(Input::User(UserStop::Signal(2))), []);
        assert_eq!(bench.give(Input::User(UserStop::Reconnect)), []);
        assert_eq!(*bench.supervisor.state(), State::Ending(TERM));
        assert_eq!(
            bench.end(LinkEnd::User(TERM)),
            [Command::Exit(ExitStatus::USER)]
        );
        assert_eq!(bench.give(Input::User(TERM)), []);
    }
}

#[test]
fn a_signal_wins_over_whatever_else_ends_the_link_meanwhile() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    bench.give(Input::User(TERM));
    assert_eq!(bench.end(vanished()), [Command::Exit(ExitStatus::USER)]);
}

#[test]
fn a_signal_ends_every_wait() {
    let mut bench = Bench::new(PERSIST);
    bench.end(no_carrier());
    assert_eq!(
        bench.give(Input::User(TERM)),
        [Command::Exit(ExitStatus::USER)]
    );
    assert_eq!(bench.wait(), None);

    let mut bench = Bench::new(PERSIST);
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(
        bench.give(Input::User(TERM)),
        [Command::Exit(ExitStatus::USER)]
    );

    let mut supervisor = Supervisor::new(PERSIST);
    supervisor.handle(Instant::ZERO, Input::User(TERM));
    assert_eq!(
        supervisor.poll_command(),
        Some(Command::Exit(ExitStatus::USER))
    );
}

#[test]
fn a_reconnect_dials_at_once_whatever_the_policy() {
    for policy in [PERSIST, NOPERSIST, ONCE] {
        let mut bench = Bench::new(policy);
        bench.give(Input::Up(settings()));
        let reconnect = UserStop::Reconnect;
        assert_eq!(
            bench.give(Input::User(reconnect)),
            [Command::EndAttempt(reconnect)]
        );
        assert_eq!(bench.end(LinkEnd::User(reconnect)), [attempt(2)]);
    }
}

#[test]
fn a_reconnect_ends_every_wait() {
    let mut bench = Bench::new(PERSIST);
    bench.end(no_carrier());
    assert_eq!(bench.give(Input::User(UserStop::Reconnect)), [attempt(2)]);
    bench.end(LinkEnd::Line(absent()));
    assert_eq!(bench.give(Input::User(UserStop::Reconnect)), [attempt(3)]);
}

#[test]
fn a_signal_after_a_reconnect_ends_the_program() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::User(UserStop::Reconnect));
    assert_eq!(bench.give(Input::User(TERM)), []);
    assert_eq!(
        bench.end(LinkEnd::User(UserStop::Reconnect)),
        [Command::Exit(ExitStatus::USER)]
    );
}

#[test]
fn a_peer_that_wants_authentication_gets_an_empty_name_next_time() {
    let mut bench = Bench::new(PERSIST);
    bench.end(terminated(true));
    assert_eq!(bench.pass(s(5)), [empty_attempt(2)]);
    // It took that, so it is met so from now on.
    bench.give(Input::Up(settings()));
    bench.end(LinkEnd::Ppp(DownReason::CarrierLost));
    assert_eq!(bench.pass(s(5)), [empty_attempt(3)]);
    // Until one refuses it.
    bench.end(refused());
    assert_eq!(bench.pass(s(5)), [attempt(4)]);
    assert_eq!(
        bench.log.first().map(String::as_str),
        Some(
            "Attempt 1 failed: LCP terminated by the peer; we had rejected its authentication demand; \
             the peer wants authentication: set ACCOUNT, PASSWORD and AUTH. \
             Next attempt in 5 s, with an empty account."
        )
    );
}

#[test]
fn the_empty_name_is_tried_once_without_persistence_too() {
    for policy in [NOPERSIST, ONCE] {
        let mut bench = Bench::new(policy);
        assert_eq!(bench.end(terminated(true)), []);
        assert_eq!(bench.pass(s(5)), [empty_attempt(2)]);
        assert_eq!(
            bench.end(terminated(true)),
            [Command::Exit(ExitStatus::NEGOTIATION_FAILED)]
        );
    }
}

#[test]
fn a_link_that_was_up_does_not_call_for_an_empty_name() {
    let mut bench = Bench::new(PERSIST);
    bench.give(Input::Up(settings()));
    bench.end(terminated(true));
    assert_eq!(bench.pass(s(5)), [attempt(2)]);
}

#[test]
fn without_holdoff_it_dials_at_once_and_does_not_spin() {
    let mut bench = Bench::new(Policy {
        holdoff: Duration::ZERO,
        ..PERSIST
    });
    bench.pass(Duration::from_millis(300));
    bench.end(no_carrier());
    assert_eq!(bench.wait(), Some(Duration::from_millis(700)));
    bench.pass(Duration::from_millis(700));
    bench.pass(s(20));
    bench.end(no_carrier());
    assert_eq!(bench.wait(), Some(Duration::ZERO));
    assert_eq!(bench.pass(Duration::ZERO), [attempt(3)]);
}

#[test]
fn inputs_in_the_wrong_state_are_ignored() {
    let mut supervisor = Supervisor::new(PERSIST);
    for input in [
        Input::LineChanged,
        Input::Up(settings()),
        Input::Ended(no_carrier()),
        Input::User(UserStop::Reconnect),
    ] {
        supervisor.handle(Instant::ZERO, input);
        supervisor.handle_timeout(Instant::ZERO);
        assert_eq!(supervisor.poll_command(), None);
        assert_eq!(*supervisor.state(), State::Idle);
    }

    let mut bench = Bench::new(PERSIST);
    assert_eq!(bench.give(Input::Start), []);
    assert_eq!(bench.give(Input::LineChanged), []);
    bench.end(no_carrier());
    for input in [Input::Start, Input::LineChanged, Input::Up(settings())] {
        assert_eq!(bench.give(input), []);
        assert_eq!(bench.wait(), Some(s(5)));
    }
    assert_eq!(bench.end(vanished()), []);
    assert_eq!(bench.wait(), Some(s(5)));
}

/// Keeps count of what the daemon would have running, and checks what must always hold.
#[derive(Default)]
struct World {
    running: bool,
    ended: bool,
    attempts: u32,
}

impl World {
    fn follow(&mut self, supervisor: &mut Supervisor) {
        while let Some(command) = supervisor.poll_command() {
            assert!(!self.ended, "{command:?} after the end");
            match command {
                Command::Attempt(plan) => {
                    assert!(!self.running, "two attempts at once");
                    self.running = true;
                    self.attempts += 1;
                    assert_eq!(plan.number, self.attempts);
                }
                Command::EndAttempt(_) => assert!(self.running, "nothing to end"),
                Command::WatchLine(_) => assert!(!self.running, "watches what is open"),
                Command::Exit(_) => {
                    assert!(!self.running, "leaves with an attempt running");
                    self.ended = true;
                }
                Command::Log(_) => {}
            }
        }
        let waits = supervisor.poll_timeout().is_some();
        let idle = *supervisor.state() == State::Idle;
        let alive = [self.running, waits, self.ended, idle];
        assert_eq!(
            alive.iter().filter(|alive| **alive).count(),
            1,
            "{:?}",
            supervisor.state()
        );
    }
}

fn any_end() -> impl Strategy<Value = LinkEnd> {
    prop_oneof![
        Just(LinkEnd::Line(absent())),
        Just(LinkEnd::Line(locked())),
        Just(LinkEnd::Line(LineProblem::NotATty { path: path() })),
        Just(no_tty_permission()),
        Just(vanished()),
        Just(no_carrier()),
        Just(terminated(true)),
        Just(terminated(false)),
        Just(refused()),
        Just(no_tun()),
        Just(LinkEnd::Ppp(DownReason::Closed { why: String::new() })),
        Just(LinkEnd::User(TERM)),
        Just(LinkEnd::User(UserStop::Reconnect)),
    ]
}

fn any_input() -> impl Strategy<Value = Option<Input>> {
    prop_oneof![
        Just(None),
        Just(Some(Input::Start)),
        Just(Some(Input::LineChanged)),
        Just(Some(Input::Up(settings()))),
        any_end().prop_map(|end| Some(Input::Ended(end))),
        any_end().prop_map(|end| Some(Input::Ended(end))),
        Just(Some(Input::User(TERM))),
        Just(Some(Input::User(UserStop::Reconnect))),
    ]
}

proptest! {
    /// Whatever comes, in whatever order: never two attempts at once, never nothing to wake it.
    #[test]
    fn never_runs_twice_and_never_sleeps_for_ever(
        persist: bool,
        once: bool,
        holdoff in 0u64..10,
        inputs in proptest::collection::vec((any_input(), 0u64..40_000), 0..60),
    ) {
        let policy = Policy { persist, once, holdoff: s(holdoff) };
        let mut supervisor = Supervisor::new(policy);
        let mut world = World::default();
        let mut now = Instant::ZERO;
        for (input, milliseconds) in inputs {
            now = now + Duration::from_millis(milliseconds);
            match input {
                None => supervisor.handle_timeout(now),
                Some(input) => {
                    if matches!(input, Input::Ended(_)) {
                        world.running = false;
                    }
                    supervisor.handle(now, input);
                }
            }
            world.follow(&mut supervisor);
        }
    }
}

/// A week in which everything that can be survived happens, at random, seeded.
#[test]
fn keeps_on_for_a_week_of_random_ends() {
    const WEEK: Duration = s(7 * 86_400);
    for seed in 1..=5_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % bound
        };
        let mut supervisor = Supervisor::new(PERSIST);
        let mut world = World::default();
        let mut now = Instant::ZERO;
        let (mut up, mut down) = (Duration::ZERO, Duration::ZERO);
        supervisor.handle(now, Input::Start);
        world.follow(&mut supervisor);
        while now.since_origin() < WEEK {
            let began = now;
            if world.running {
                // The attempt takes a while, and then may be up for a while.
                now = now + Duration::from_millis(next(20_000));
                if next(3) > 0 {
                    supervisor.handle(now, Input::Up(settings()));
                    world.follow(&mut supervisor);
                    let lasts = Duration::from_millis(next(3_600_000));
                    up += lasts;
                    now = now + lasts;
                }
                if next(50) == 0 {
                    supervisor.handle(now, Input::User(UserStop::Reconnect));
                    world.follow(&mut supervisor);
                }
                let end = match next(9) {
                    0 => LinkEnd::Line(absent()),
                    1 => LinkEnd::Line(locked()),
                    2 => vanished(),
                    3 => no_carrier(),
                    4 => terminated(true),
                    5 => terminated(false),
                    6 => refused(),
                    7 => LinkEnd::Ppp(DownReason::EchoTimeout { lost: 4 }),
                    _ => LinkEnd::Network(NetworkProblem::InterfaceDeleted {
                        name: "ppp0".to_owned(),
                    }),
                };
                world.running = false;
                supervisor.handle(now, Input::Ended(end));
            } else {
                let deadline = supervisor.poll_timeout().unwrap();
                if next(4) == 0 {
                    now = now + Duration::from_millis(next(500));
                    supervisor.handle(now, Input::LineChanged);
                } else {
                    now = now.max(deadline);
                    supervisor.handle_timeout(now);
                }
                down += now.since(began);
            }
            world.follow(&mut supervisor);
        }
        assert!(!world.ended, "gave up: {:?}", supervisor.state());
        // An attempt and its wait last about 10 s, two in three links half an hour.
        assert!(
            (400..1_200).contains(&world.attempts),
            "{} attempts",
            world.attempts
        );
        assert!(up > WEEK.mul_f64(0.9), "up {up:?}");
        assert!(down < WEEK / 50, "waited {down:?}");
    }
}

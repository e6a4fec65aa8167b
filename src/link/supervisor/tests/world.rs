//! Whatever comes, in whatever order: what must always hold.

use proptest::prelude::*;

use super::*;
use crate::link::FailureClass;
use crate::random::Random;

/// Keeps count of what the daemon would have running, and checks what must always hold.
struct World {
    policy: Policy,
    /// The longest RESET_WAIT that a modem has asked for.
    modem_wait: Duration,
    running: bool,
    resetting: bool,
    ended: bool,
    attempts: u32,
    up_since: Option<Instant>,
    answered: bool,
    /// The class of the last end.
    class: FailureClass,
    /// Failures that count towards a reset: all, and since the last reset.
    counting: u32,
    counting_since_reset: u32,
    /// How often each thing happened that may lead to a reset.
    ups: u32,
    user_resets: u32,
    schedules: u32,
    /// Resets by reason.
    resets: u32,
    for_failures: u32,
    for_absence: u32,
    for_links: u32,
    for_users: u32,
    for_schedules: u32,
    last_absence_reset: Option<Instant>,
}

impl World {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            modem_wait: Duration::ZERO,
            running: false,
            resetting: false,
            ended: false,
            attempts: 0,
            up_since: None,
            answered: false,
            class: FailureClass::None,
            counting: 0,
            counting_since_reset: 0,
            ups: 0,
            user_resets: 0,
            schedules: 0,
            resets: 0,
            for_failures: 0,
            for_absence: 0,
            for_links: 0,
            for_users: 0,
            for_schedules: 0,
            last_absence_reset: None,
        }
    }

    /// Gives an input, follows the commands, and checks.
    fn give(&mut self, supervisor: &mut Supervisor, now: Instant, input: Input) {
        let mut good = false;
        match &input {
            Input::Up(_) => {
                if *supervisor.state() == State::Attempting {
                    self.up_since = Some(now);
                    self.answered = false;
                    self.ups += 1;
                }
            }
            Input::Answered => self.answered = matches!(supervisor.state(), State::Up(_)),
            Input::Ended(end) => {
                if self.running {
                    let since = self.up_since.take();
                    good = since.is_some_and(|since| {
                        self.answered || now.since(since) >= self.policy.good_after
                    });
                    self.class = match since {
                        // It was being ended, and that is what counts.
                        _ if *supervisor.state() == State::EndingOnSchedule => FailureClass::None,
                        Some(_) => end.class_after_up(),
                        None => end.class(),
                    };
                    if good {
                        self.counting_since_reset = 0;
                    }
                    let counts = match self.class {
                        FailureClass::Network | FailureClass::Modem | FailureClass::Line => true,
                        FailureClass::None => false,
                        FailureClass::Configuration | FailureClass::Sim | FailureClass::Host => {
                            self.policy.reset_any
                        }
                    };
                    self.counting += u32::from(counts);
                    self.counting_since_reset += u32::from(counts);
                }
                self.running = false;
                // Nobody asked through the supervisor; it is believed all the same.
                self.schedules += u32::from(*end == LinkEnd::Scheduled);
                self.user_resets += u32::from(*end == LinkEnd::User(UserStop::Reset));
            }
            Input::User(UserStop::Reset) => self.user_resets += 1,
            Input::User(_) | Input::Connect => {}
            Input::ResetAt => self.schedules += 1,
            Input::Modem { reset_wait } => self.modem_wait = self.modem_wait.max(*reset_wait),
            Input::ResetDone(_) => self.resetting = false,
            Input::Configured { policy, .. } => self.policy = policy.clone(),
            Input::Start | Input::LineChanged | Input::PacketWaiting => {}
        }
        supervisor.handle(now, input);
        if good {
            assert!(supervisor.failures(now) <= 1, "a good link starts anew");
        }
        self.follow(supervisor, now);
    }

    fn follow(&mut self, supervisor: &mut Supervisor, now: Instant) {
        while let Some(command) = supervisor.poll_command() {
            assert!(!self.ended, "{command:?} after the end");
            match command {
                Command::Attempt(plan) => {
                    assert!(!self.running, "two attempts at once");
                    assert!(!self.resetting, "an attempt during a reset");
                    self.running = true;
                    self.attempts += 1;
                    assert_eq!(plan.number, self.attempts);
                }
                Command::EndAttempt(_) => assert!(self.running, "nothing to end"),
                Command::Reset => {
                    assert!(!self.running, "a reset during an attempt");
                    assert!(!self.resetting, "two resets at once");
                    assert!(!self.policy.once, "`--once` never resets");
                    self.resetting = true;
                    self.judge_reset(supervisor, now);
                    self.counting_since_reset = 0;
                }
                Command::EndReset => assert!(self.resetting, "no reset to end"),
                Command::WatchPackets => {
                    assert!(self.policy.demand);
                    assert!(!self.running && !self.resetting);
                }
                Command::WatchLine(_) => {
                    assert!(!self.running && !self.resetting, "watches what is open");
                }
                Command::Exit(_) => {
                    assert!(!self.running, "leaves with an attempt running");
                    assert!(!self.resetting, "leaves with a reset running");
                    self.ended = true;
                }
                Command::Log(_) => {}
            }
        }
        self.check(supervisor, now);
    }

    fn judge_reset(&mut self, supervisor: &Supervisor, now: Instant) {
        let State::Resetting(reason) = supervisor.state() else {
            panic!("resets in {:?}", supervisor.state());
        };
        self.resets += 1;
        let policy = &self.policy;
        match reason {
            ResetReason::Failures(_) => {
                assert!(policy.reset_on_fail && policy.retry > 0);
                assert!(self.counting_since_reset >= policy.retry);
                assert!(
                    policy.reset_any || self.class != FailureClass::Configuration,
                    "a reset for the configuration"
                );
                assert!(policy.reset_any || self.class != FailureClass::Sim);
                self.for_failures += 1;
            }
            ResetReason::Absent(time) => {
                assert!(policy.reset_on_fail && policy.retry > 0 && policy.persist);
                assert!(*time >= s(120));
                if let Some(last) = self.last_absence_reset {
                    assert!(now.since(last) >= s(120), "resets without a pause");
                }
                self.last_absence_reset = Some(now);
                self.for_absence += 1;
            }
            ResetReason::Always => {
                assert!(policy.reset_always);
                assert!(policy.reset_any || self.class != FailureClass::Configuration);
                assert!(policy.reset_any || self.class != FailureClass::Sim);
                self.for_links += 1;
            }
            ResetReason::Scheduled => {
                assert!(policy.reset_always);
                self.for_schedules += 1;
            }
            ResetReason::User => self.for_users += 1,
        }
    }

    fn check(&self, supervisor: &Supervisor, now: Instant) {
        let state = supervisor.state();
        let waits = supervisor.poll_timeout().is_some();
        let for_somebody = matches!(state, State::WaitingForPacket | State::Disconnected);
        let idle = *state == State::Idle;
        let alive = [
            self.running,
            self.resetting,
            waits,
            for_somebody,
            self.ended,
            idle,
        ];
        assert_eq!(alive.iter().filter(|alive| **alive).count(), 1, "{state:?}");
        let timed = matches!(
            state,
            State::HoldingOff { .. } | State::ResetWait { .. } | State::WaitingForLine(_)
        );
        assert_eq!(waits, timed, "{state:?}");

        // A wait is not longer than its kind allows.
        let policy = &self.policy;
        let network = policy.holdoff.max(policy.backoff.network_max).max(s(1));
        let limit = match state {
            State::HoldingOff { .. } => match self.class {
                FailureClass::Configuration | FailureClass::Sim => {
                    network.max(policy.backoff.configuration_max)
                }
                FailureClass::None
                | FailureClass::Network
                | FailureClass::Modem
                | FailureClass::Line
                | FailureClass::Host => network,
            },
            State::ResetWait { .. } => {
                let modem = self.modem_wait.max(s(30));
                network.max(policy.reset_wait.unwrap_or(modem))
            }
            _ => s(30),
        };
        if let Some(deadline) = supervisor.poll_timeout() {
            let wait = deadline.since(supervisor.since().max(now));
            assert!(wait <= limit, "{state:?} waits {wait:?}");
        }

        // Resets are never more than what led to them.
        assert!(self.for_failures <= self.counting / policy.retry.max(1));
        assert!(self.for_links <= self.ups);
        assert!(self.for_users <= self.user_resets);
        assert!(self.for_schedules <= self.schedules);
    }
}

fn any_end() -> impl Strategy<Value = LinkEnd> {
    prop_oneof![
        Just(LinkEnd::Line(absent())),
        Just(LinkEnd::Line(not_found())),
        Just(LinkEnd::Line(locked())),
        Just(LinkEnd::Line(LineProblem::NotATty { path: path() })),
        Just(no_tty_permission()),
        Just(vanished()),
        Just(no_carrier()),
        Just(no_carrier()),
        Just(apn_wrong()),
        Just(no_sim()),
        Just(terminated(true)),
        Just(terminated(false)),
        Just(refused()),
        Just(no_tun()),
        Just(deleted()),
        Just(monitor()),
        Just(idle()),
        Just(carrier_lost()),
        Just(LinkEnd::Scheduled),
        Just(LinkEnd::Ppp(DownReason::Closed { why: String::new() })),
        Just(LinkEnd::User(TERM)),
        Just(LinkEnd::User(UserStop::Reconnect)),
        Just(LinkEnd::User(UserStop::Disconnect)),
        Just(LinkEnd::User(UserStop::Reset)),
    ]
}

fn any_input() -> impl Strategy<Value = Option<Input>> {
    prop_oneof![
        // The time that passes is what the state waits for most of the time.
        6 => Just(None),
        1 => Just(Some(Input::Start)),
        1 => Just(Some(Input::LineChanged)),
        3 => Just(Some(Input::Up(settings()))),
        8 => any_end().prop_map(|end| Some(Input::Ended(end))),
        1 => Just(Some(Input::User(TERM))),
        1 => Just(Some(Input::User(UserStop::Reconnect))),
        1 => Just(Some(Input::User(UserStop::Disconnect))),
        1 => Just(Some(Input::User(UserStop::Reset))),
        1 => Just(Some(Input::Connect)),
        1 => Just(Some(Input::Answered)),
        2 => Just(Some(Input::PacketWaiting)),
        1 => Just(Some(Input::ResetAt)),
        1 => (0u64..200).prop_map(|wait| Some(Input::Modem { reset_wait: s(wait) })),
        2 => Just(Some(done())),
        1 => Just(Some(failed())),
    ]
}

prop_compose! {
    fn any_policy()(
        persist in prop::bool::weighted(0.8),
        once in prop::bool::weighted(0.1),
        reset_on_fail: bool,
        reset_always: bool,
        reset_any in prop::bool::weighted(0.2),
        demand: bool,
        holdoff in 0u64..10,
        retry in 0u32..5,
        reset_wait in prop::option::of(0u64..100),
        good_after in 0u64..90,
        network_max in 0u64..400,
        configuration in (0u64..400, 0u64..4000),
        jitter in 0u32..120,
    ) -> Policy {
        Policy {
            persist,
            once,
            holdoff: s(holdoff),
            retry,
            reset_on_fail: reset_on_fail && !once,
            reset_always: reset_always && !once,
            reset_wait: reset_wait.map(s),
            reset_any,
            good_after: s(good_after),
            backoff: BackoffPolicy {
                network_max: s(network_max),
                configuration_min: s(configuration.0),
                configuration_max: s(configuration.1.max(configuration.0)),
                jitter,
            },
            demand: demand && !once,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever comes, in whatever order: never two attempts at once, never nothing to wake it, never a reset that
    /// nothing calls for, never a wait beyond its bound.
    #[test]
    fn never_runs_twice_and_never_sleeps_for_ever(
        policy in any_policy(),
        seed: u64,
        inputs in proptest::collection::vec((any_input(), 0u64..60_000), 0..80),
    ) {
        let mut supervisor = Supervisor::new(policy.clone(), seed);
        let mut world = World::new(policy);
        let mut now = Instant::ZERO;
        world.give(&mut supervisor, now, Input::Start);
        for (input, milliseconds) in inputs {
            now = now + Duration::from_millis(milliseconds);
            match input {
                Some(input) => world.give(&mut supervisor, now, input),
                None => {
                    now = now.max(supervisor.poll_timeout().unwrap_or(now));
                    supervisor.handle_timeout(now);
                    world.follow(&mut supervisor, now);
                }
            }
        }
    }
}

/// A closed loop: whatever the supervisor commands happens, and takes its time, and ends in some way.
struct Life {
    world: World,
    supervisor: Supervisor,
    random: Random,
    now: Instant,
    up: Duration,
    /// Waited by itself, with no user's wish and no lack of packets.
    waited: Duration,
}

impl Life {
    fn new(policy: Policy, seed: u64) -> Self {
        let mut life = Self {
            world: World::new(policy.clone()),
            supervisor: Supervisor::new(policy, seed),
            random: Random::new(seed),
            now: Instant::ZERO,
            up: Duration::ZERO,
            waited: Duration::ZERO,
        };
        life.give(Input::Start);
        life
    }

    fn give(&mut self, input: Input) {
        self.world.give(&mut self.supervisor, self.now, input);
    }

    fn pass(&mut self, limit: u64) -> Duration {
        let time = Duration::from_millis(self.random.below(limit));
        self.now = self.now + time;
        time
    }

    fn random_end(&mut self) -> LinkEnd {
        match self.random.below(14) {
            0 => LinkEnd::Line(absent()),
            1 => LinkEnd::Line(locked()),
            2 => vanished(),
            3 => no_carrier(),
            4 => terminated(true),
            5 => terminated(false),
            6 => refused(),
            7 => LinkEnd::Ppp(DownReason::EchoTimeout { lost: 4 }),
            8 => apn_wrong(),
            9 => no_sim(),
            10 => monitor(),
            11 => idle(),
            12 => carrier_lost(),
            _ => deleted(),
        }
    }

    /// One thing happens. `sound`: attempts succeed and links last.
    fn step(&mut self, sound: bool, commands: bool) {
        if commands && self.random.below(40) == 0 {
            let input = match self.random.below(5) {
                0 => Input::User(UserStop::Reconnect),
                1 => Input::User(UserStop::Disconnect),
                2 => Input::User(UserStop::Reset),
                3 => Input::ResetAt,
                _ => Input::Connect,
            };
            self.give(input);
        }
        if self.world.running {
            self.pass(20_000);
            if sound || self.random.below(3) > 0 {
                self.give(Input::Up(settings()));
            }
            if sound && matches!(self.supervisor.state(), State::Up(_)) {
                return;
            }
            if self.world.up_since.is_some() {
                let lasts = self.pass(3_600_000);
                self.up += lasts;
            }
            let end = self.random_end();
            self.give(Input::Ended(end));
        } else if self.world.resetting {
            self.pass(150_000);
            let outcome = if self.random.below(2) == 0 {
                done()
            } else {
                failed()
            };
            self.give(outcome);
        } else if let Some(deadline) = self.supervisor.poll_timeout() {
            let began = self.now;
            if self.random.below(4) == 0 {
                self.pass(500);
                self.give(Input::LineChanged);
            } else {
                self.now = self.now.max(deadline);
                self.supervisor.handle_timeout(self.now);
                self.world.follow(&mut self.supervisor, self.now);
            }
            self.waited += self.now.since(began);
        } else if *self.supervisor.state() == State::WaitingForPacket {
            self.give(Input::PacketWaiting);
        } else {
            assert_eq!(*self.supervisor.state(), State::Disconnected);
            self.pass(60_000);
            self.give(Input::Connect);
        }
    }
}

const WEEK: Duration = s(7 * 86_400);

/// A week in which everything that can be survived happens, at random, seeded.
#[test]
fn keeps_on_for_a_week_of_random_ends() {
    for seed in 1..=5_u64 {
        let mut life = Life::new(PERSIST, seed);
        while life.now.since_origin() < WEEK {
            life.step(false, false);
        }
        assert!(!life.world.ended, "gave up: {:?}", life.supervisor.state());
        // Two in three attempts give a link for half an hour, so the waits hardly ever grow.
        assert!(
            (400..1_200).contains(&life.world.attempts),
            "{} attempts",
            life.world.attempts
        );
        assert!(life.up > WEEK.mul_f64(0.85), "up {:?}", life.up);
        assert!(life.waited < WEEK / 30, "waited {:?}", life.waited);
    }
}

/// Whatever happened in the day before: as soon as attempts succeed, there is a link within the longest wait of any
/// class, a reset and its wait.
#[test]
fn a_link_is_up_again_soon_after_the_last_fault() {
    const DAY: Duration = s(86_400);
    for seed in 1..=200_u64 {
        let policy = Policy {
            reset_always: seed % 2 == 0,
            demand: seed % 3 == 0,
            reset_any: seed % 5 == 0,
            backoff: BackoffPolicy::default(),
            ..resetting()
        };
        let mut life = Life::new(policy, seed);
        while life.now.since_origin() < DAY {
            life.step(false, true);
        }
        let lifted = life.now;
        let mut steps = 0;
        while !matches!(life.supervisor.state(), State::Up(_)) {
            life.step(true, false);
            steps += 1;
            assert!(steps < 1_000, "seed {seed}: never");
        }
        let down = life.supervisor.since().since(lifted);
        let bound = s(3600 + 150 + 30 + 60);
        assert!(down <= bound, "seed {seed}: {down:?}");
    }
}

/// A modem that never comes back from a fault of the network is not reset for ever every minute.
#[test]
fn a_day_without_network_has_few_resets_and_a_day_with_a_wrong_apn_none() {
    for (end, resets) in [
        (silent(), 70..110),
        (no_carrier(), 5..9),
        (apn_wrong(), 0..1),
        (no_sim(), 0..1),
        (deleted(), 0..1),
    ] {
        let policy = Policy {
            backoff: BackoffPolicy::default(),
            ..resetting()
        };
        let mut world = World::new(policy.clone());
        let mut supervisor = Supervisor::new(policy, 7);
        let mut now = Instant::ZERO;
        world.give(&mut supervisor, now, Input::Start);
        while now.since_origin() < s(86_400) {
            if world.running {
                now = now + s(20);
                world.give(&mut supervisor, now, Input::Ended(end.clone()));
            } else if world.resetting {
                now = now + s(60);
                world.give(&mut supervisor, now, done());
            } else {
                now = supervisor.poll_timeout().unwrap();
                supervisor.handle_timeout(now);
                world.follow(&mut supervisor, now);
            }
        }
        let begun = world.resets;
        assert!(resets.contains(&begun), "{end}: {begun} resets");
    }
}

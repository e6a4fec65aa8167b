//! The modem as a whole: its models, its SIM, its network, its restarts, its second port.

use super::*;

/// A simulator with somebody at both ports.
struct Bench {
    sim: Sim,
    now: Instant,
    tty: Vec<u8>,
    at: Vec<u8>,
    /// Log lines, and `unplug`, `plug`, `plug renamed`.
    events: Vec<(Instant, String)>,
}

impl Bench {
    fn new(personality: Personality, faults: &[&str]) -> Self {
        let mut config = config(faults).sim;
        config.personality = personality;
        Self::with(config)
    }

    fn with(config: SimConfig) -> Self {
        Self {
            sim: Sim::new(config, Instant::ZERO),
            now: Instant::ZERO,
            tty: Vec::new(),
            at: Vec::new(),
            events: Vec::new(),
        }
    }

    fn drain(&mut self) {
        while self.sim.poll_transmit(self.now, 1000, &mut self.tty) {}
        while self.sim.poll_at_transmit(self.now, 1000, &mut self.at) {}
        while let Some(event) = self.sim.poll_event() {
            let text = match event {
                SimEvent::Log(line) => line.text,
                SimEvent::Unplug => "unplug".to_owned(),
                SimEvent::Plug { renamed: false } => "plug".to_owned(),
                SimEvent::Plug { renamed: true } => "plug renamed".to_owned(),
            };
            self.events.push((self.now, text));
        }
    }

    /// Lets `seconds` pass. A deadline that does not move on is a livelock.
    fn pass(&mut self, seconds: u64) {
        self.pass_time(Duration::from_secs(seconds));
    }

    fn pass_time(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        loop {
            self.drain();
            let Some(due) = self.sim.poll_timeout().filter(|due| *due <= end) else {
                break;
            };
            steps = if due > self.now { 0 } else { steps + 1 };
            assert!(steps < 1000, "no end at {:?}: {:?}", self.now, self.events);
            self.now = self.now.max(due);
            self.sim.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// What the first port says to this, without the echo.
    fn say(&mut self, line: &str) -> String {
        self.tty.clear();
        self.sim
            .handle_bytes(self.now, format!("{line}\r").as_bytes());
        self.pass_time(Duration::from_millis(200));
        words(&self.tty, line)
    }

    /// What the second port says to this.
    fn ask(&mut self, line: &str) -> String {
        self.at.clear();
        self.sim
            .handle_at_bytes(self.now, format!("{line}\r").as_bytes());
        self.pass_time(Duration::from_millis(200));
        words(&self.at, line)
    }

    /// The call, up to CONNECT or a refusal.
    fn dial(&mut self) -> String {
        self.say("ATE0+CGDCONT=1,\"IP\",\"example.jp\"");
        self.tty.clear();
        self.sim.handle_bytes(self.now, b"ATD*99***1#\r");
        self.pass(4);
        let text = String::from_utf8_lossy(&self.tty).into_owned();
        text.lines().nth(1).unwrap_or_default().to_owned()
    }

    /// When something happened last, in milliseconds.
    fn when(&self, what: &str) -> Option<u128> {
        let mut found = self.events.iter().rev().filter(|(_, text)| text == what);
        found.next().map(|(at, _)| at.since_origin().as_millis())
    }

    /// Power is switched until the modem is back and registered.
    fn power_cycle(&mut self) {
        self.sim.power_cycle(self.now);
        self.pass(100);
    }
}

/// Lines without the echo, joined.
fn words(bytes: &[u8], echo: &str) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let lines: Vec<&str> = text
        .split(['\r', '\n'])
        .filter(|line| !line.is_empty() && *line != echo)
        .collect();
    lines.join("|")
}

#[test]
fn each_model_gets_a_gateway_online_by_the_dialog_of_the_document() {
    for personality in Personality::ALL {
        let mut config = with_chap(&[]);
        config.sim.personality = personality;
        let mut world = World::new(config);
        world.pass(personality.registration()).unwrap();
        up(&mut world);
        assert!(answered(&mut world, "192.0.2.1"), "{personality}");
        assert_eq!(world.sim().stats().dials, 1);
        let worn = world.sim().stats().flash_writes;
        assert_eq!(worn, u32::from(personality.wears_flash()), "{personality}");
    }
}

#[test]
fn each_model_restarts_in_its_own_time_and_is_back() {
    for personality in Personality::ALL {
        for command in personality.reset_commands() {
            let mut bench = Bench::new(personality, &[]);
            bench.pass(20);
            bench.say("ATE0");
            let start = bench.now.since_origin();
            assert_eq!(bench.say(&format!("AT{command}")), "OK", "{personality}");
            bench.pass(200);
            let gone = start + personality.vanishes_after() + Duration::from_millis(5);
            assert_eq!(
                bench.when("unplug"),
                Some(gone.as_millis()),
                "{personality}"
            );
            let back = gone + personality.away();
            assert_eq!(bench.when("plug"), Some(back.as_millis()), "{personality}");
            let registered = back + personality.boot();
            assert!(
                bench.when("modem: registered") >= Some(registered.as_millis()),
                "{personality}"
            );
            assert_eq!(bench.dial(), "CONNECT 150000000", "{personality}");
            assert_eq!(bench.sim.stats().at_resets, 1);
        }
    }
}

#[test]
fn a_modem_that_starts_answers_nothing_and_then_says_so() {
    let mut bench = Bench::new(Personality::Cinterion, &[]);
    bench.pass(20);
    bench.sim.power_cycle(bench.now);
    bench.pass(19);
    assert!(!bench.sim.is_plugged());
    bench.pass(3);
    assert!(bench.sim.is_plugged());
    assert_eq!(bench.say("AT"), "");
    bench.tty.clear();
    bench.pass(5);
    let started = b"\r\n^SYSSTART\r\n\r\n+PBREADY\r\n";
    assert_eq!(
        (&bench.tty[..], &bench.at[..]),
        (&started[..], &started[..])
    );
    assert_eq!(bench.say("AT"), "OK");
}

#[test]
fn the_second_port_answers_while_there_is_a_call() {
    let mut bench = Bench::new(Personality::Quectel, &[]);
    bench.pass(20);
    assert_eq!(bench.ask("AT+CSQ"), "+CSQ: 18,99|OK");
    assert_eq!(bench.ask("ATE0V1+CREG=1"), "OK");
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.tty.clear();
    assert_eq!(bench.ask("AT+CSQ;+CPAS"), "+CSQ: 18,99|+CPAS: 4|OK");
    // Echo and registration lines are set for each port by itself.
    assert!(bench.at.starts_with(b"\r\n+CSQ"));
    assert_eq!(bench.ask("ATO"), "NO CARRIER");
    assert_eq!(bench.ask("ATH"), "OK");
    assert!(bench.sim.carrier());
    assert_eq!(bench.ask("ATD*99#"), "ERROR");
    assert_eq!(bench.sim.stats().overlapping_dials, 1);
    // The radio is shared.
    assert_eq!(bench.ask("AT+CFUN=4"), "+CREG: 0|OK");
    assert!(!bench.sim.carrier());
    assert!(bench.tty.ends_with(b"\r\nNO CARRIER\r\n"));
    assert_eq!(bench.say("AT+CREG?"), "+CREG: 0,0|OK");
    assert_eq!(bench.ask("ATD*99#"), "NO CARRIER");
    assert_eq!(bench.ask("AT+CFUN=1,1"), "OK");
    bench.pass(3);
    assert!(!bench.sim.is_plugged());
    bench.at.clear();
    bench.sim.handle_at_bytes(bench.now, b"AT\r");
    bench.pass(1);
    assert_eq!(bench.at, b"");
}

#[test]
fn nobody_who_reads_the_second_port_makes_nothing_grow() {
    let mut bench = Bench::new(Personality::Generic, &[]);
    for _ in 0..2000 {
        bench.sim.handle_at_bytes(bench.now, b"ATI\r");
        bench.now = bench.now + Duration::from_millis(10);
        bench.sim.handle_timeout(bench.now);
    }
    bench.drain();
    assert!(bench.at.len() < 10_000, "{}", bench.at.len());
}

#[test]
fn registration_takes_its_time_and_dials_before_it_are_refused() {
    for (personality, refusal) in [
        (Personality::LisaU200, "+CME ERROR: 30"),
        (Personality::Quectel, "NO CARRIER"),
    ] {
        let mut bench = Bench::new(personality, &["slow-registration=60"]);
        bench.say("ATE0+CREG=1");
        assert_eq!(bench.dial(), refusal);
        bench.tty.clear();
        bench.pass(60);
        assert_eq!(words(&bench.tty, ""), "+CREG: 1");
        assert_eq!(bench.when("modem: registered"), Some(60_000));
        assert_eq!(bench.dial(), "CONNECT 150000000");
    }
    let mut config = config(&[]).sim;
    config.registration_time = Some(Duration::from_secs(7));
    let mut bench = Bench::with(config);
    bench.pass(100);
    assert_eq!(bench.when("modem: registered"), Some(7000));
}

#[test]
fn a_network_that_is_lost_ends_the_call_and_comes_back() {
    let mut bench = Bench::new(Personality::Quectel, &["registration-lost=1h@60s"]);
    bench.pass(20);
    bench.ask("AT+CEREG=2");
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.at.clear();
    bench.pass(60);
    assert!(!bench.sim.carrier());
    assert_eq!(bench.when("modem: not registered any more"), Some(60_000));
    assert!(bench.tty.ends_with(b"\r\nNO CARRIER\r\n"));
    assert_eq!(words(&bench.at, ""), "+CEREG: 2");
    assert_eq!(bench.dial(), "NO CARRIER");
    assert_eq!(
        bench.say("AT+CEER"),
        "+CEER: Call refused by the network|OK"
    );
    bench.at.clear();
    bench.pass(3600);
    assert_eq!(bench.when("modem: registered"), Some(3_664_000));
    assert_eq!(words(&bench.at, ""), "+CEREG: 1,\"0166\",\"01A2B3C4\",7");
    assert_eq!(bench.dial(), "CONNECT 150000000");
}

#[test]
fn a_call_without_coverage_stays_and_is_silent() {
    let mut config = config(&["coverage-lost=60@30s"]);
    config.session.echo.interval = Duration::from_secs(300);
    let mut world = World::new(config);
    up(&mut world);
    assert!(answered(&mut world, "192.0.2.1"));
    world.pass(Duration::from_secs(30)).unwrap();
    assert!(!answered(&mut world, "192.0.2.1"));
    assert!(world.sim().carrier() && !world.sim().is_registered());
    world.pass(Duration::from_secs(60)).unwrap();
    assert!(answered(&mut world, "192.0.2.1"));
    assert!(world.sim().is_registered());
}

#[test]
fn a_network_can_deny_and_a_sim_can_fail_for_a_while() {
    for (fault, state, pin) in [
        ("registration-denied=100@50s", 3, "+CPIN: READY|OK"),
        ("sim-absent=100@50s", 0, "+CME ERROR: 10"),
        ("sim-busy=100@50s", 0, "+CME ERROR: 14"),
        ("sim-failure=100@50s", 0, "+CME ERROR: 13"),
    ] {
        let mut bench = Bench::new(Personality::Telit, &[fault]);
        bench.pass(20);
        bench.ask("AT+CMEE=1");
        assert_eq!(bench.dial(), "CONNECT 150000000");
        bench.pass(30);
        assert!(!bench.sim.carrier(), "{fault}");
        assert_eq!(bench.ask("AT+CREG?"), format!("+CREG: 0,{state}|OK"));
        assert_eq!(bench.ask("AT+CPIN?"), pin);
        bench.pass(120);
        assert_eq!(bench.ask("AT+CREG?"), "+CREG: 0,1|OK");
        assert_eq!(bench.dial(), "CONNECT 150000000", "{fault}");
    }
    let mut guest = Bench::new(Personality::Telit, &["roaming"]);
    guest.pass(10);
    assert_eq!(guest.say("AT+CREG?"), "+CREG: 0,5|OK");
    assert_eq!(guest.dial(), "CONNECT 150000000");
}

#[test]
fn a_sim_wants_its_pin_at_each_start_and_counts_its_tries_over_restarts() {
    let mut bench = Bench::new(Personality::Huawei, &["pin=4711"]);
    bench.pass(20);
    assert!(!bench.sim.is_registered());
    assert_eq!(bench.dial(), "ERROR");
    assert_eq!(bench.say("AT+CPIN=4711"), "OK");
    bench.pass(10);
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.power_cycle();
    bench.say("AT+CMEE=1");
    assert_eq!(bench.say("AT+CPIN?"), "+CPIN: SIM PIN|OK");
    assert_eq!(bench.say("AT+CPIN=0000"), "+CME ERROR: 16");
    bench.power_cycle();
    bench.say("ATE0+CMEE=1");
    let left = bench.say("AT+CSIM=10,\"0020000100\"");
    assert_eq!(left, "+CSIM: 4,\"63C2\"|OK");
    bench.say("AT+CPIN=0000");
    assert_eq!(bench.say("AT+CPIN=0000"), "+CME ERROR: 12");
    bench.power_cycle();
    assert_eq!(bench.say("AT+CPIN?"), "+CPIN: SIM PUK|OK");
    let stats = bench.sim.stats();
    assert_eq!((stats.pin_tries, stats.pin_refusals), (4, 3));
    assert_eq!(stats.power_resets, 3);

    let mut bench = Bench::new(Personality::Generic, &["puk"]);
    assert_eq!(bench.say("AT+CPIN?"), "+CPIN: SIM PUK|OK");
    let mut config = config(&[]).sim;
    config.pin = Some(Secret::new("0000"));
    let mut bench = Bench::with(config);
    assert_eq!(bench.say("AT+CPIN?"), "+CPIN: SIM PIN|OK");
    let shown: Vec<_> = bench.events.iter().map(|(_, text)| text.as_str()).collect();
    assert!(!shown.join("").contains("4711"), "{shown:?}");
}

#[test]
fn an_apn_that_the_network_does_not_know_is_refused_in_three_ways() {
    for (fault, said) in [
        ("wrong-apn", "NO CARRIER"),
        ("wrong-apn=cme", "+CME ERROR: 133"),
    ] {
        let mut bench = Bench::new(Personality::Generic, &[fault]);
        assert_eq!(bench.dial(), said);
        assert_eq!(bench.sim.stats().calls, 0);
    }
    let mut world = world(&["wrong-apn=dummy"]);
    world.dial();
    let end = next(&mut world, MINUTE);
    assert_eq!(end, Some(Happening::Down(DownReason::CarrierLost)));
    assert!(world.now() < Instant::from_millis(3500));
    let story = story(&mut world);
    assert!(story.contains("<ms-dns1 10.11.12.13>"), "{story}");
    assert!(story.contains("NO CARRIER"), "{story}");
}

#[test]
fn only_the_apns_of_the_list_are_taken() {
    let mut config = config(&[]).sim;
    config.apns = Some(vec!["Example.JP".to_owned(), "soracom.io".to_owned()]);
    config.apn_refusal = ApnRefusal::Cme;
    let mut bench = Bench::with(config);
    bench.sim.handle_bytes(bench.now, b"ATE0D*99#\r");
    bench.pass(4);
    assert!(bench.tty.ends_with(b"\r\n+CME ERROR: 133\r\n"));
    assert_eq!(bench.dial(), "CONNECT 150000000");
}

#[test]
fn a_modem_that_hangs_is_woken_by_its_power_alone() {
    let mut bench = Bench::new(Personality::Sierra, &["crash@60s"]);
    bench.pass(20);
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.sim.handle_at_bytes(bench.now, b"AT+COPS=2;+COPS=0\r");
    bench.pass(50);
    bench.tty.clear();
    bench.at.clear();
    bench.sim.handle_dtr(bench.now, false);
    bench.sim.handle_dtr(bench.now, true);
    bench.pass(10);
    assert_eq!(
        (bench.say("+++"), bench.say("AT")),
        <(String, String)>::default()
    );
    assert_eq!(bench.ask("AT!RESET"), "");
    bench.pass(3600);
    assert!(bench.tty.is_empty() && bench.at.is_empty());
    bench.power_cycle();
    assert_eq!(bench.ask("AT"), "OK");
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.pass(3600);
    assert_eq!(bench.ask("AT"), "OK", "it hangs only once");
}

#[test]
fn a_modem_that_hangs_in_a_call_carries_nothing() {
    let mut world = world(&["crash@30s"]);
    up(&mut world);
    world.pass(Duration::from_secs(30)).unwrap();
    assert!(!answered(&mut world, "192.0.2.1"));
    world.hang_up(false);
    let end = next(&mut world, MINUTE);
    assert_eq!(end, Some(Happening::HungUp { confirmed: false }));
}

#[test]
fn restarts_can_fail_to_happen_take_long_or_leave_the_modem_dead() {
    let mut bench = Bench::new(Personality::Generic, &["reset-ignored=2", "reset-slow=120"]);
    for _ in 0..2 {
        assert_eq!(bench.say("AT+CFUN=1,1"), "OK");
        bench.pass(60);
        assert_eq!(bench.when("unplug"), None);
    }
    assert_eq!(bench.say("AT+CFUN=1,1"), "OK");
    bench.pass(200);
    let (gone, back) = (bench.when("unplug").unwrap(), bench.when("plug").unwrap());
    assert_eq!(back - gone, 120_000);
    assert_eq!(bench.sim.stats().at_resets, 3);

    let mut bench = Bench::new(Personality::Generic, &["reset-dead", "power-ignored"]);
    assert_eq!(bench.say("AT+CFUN=1,1"), "OK");
    bench.pass(60);
    assert!(bench.when("plug").is_some());
    assert_eq!(bench.say("AT"), "");
    bench.power_cycle();
    assert_eq!(bench.say("AT"), "", "the power was not switched");
    bench.power_cycle();
    assert_eq!(bench.say("AT"), "OK");
    assert_eq!(bench.say("AT+CFUN=1,1"), "OK");
    bench.pass(60);
    assert_eq!(bench.say("AT"), "OK", "it is dead only once");
    assert_eq!(bench.sim.stats().power_resets, 2);
}

#[test]
fn power_can_be_off_for_as_long_as_one_likes() {
    let mut bench = Bench::new(Personality::Amp520, &[]);
    bench.pass(20);
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.sim.set_powered(bench.now, false);
    bench.sim.set_powered(bench.now, false);
    bench.pass(3600);
    assert!(!bench.sim.is_plugged() && !bench.sim.carrier());
    assert_eq!(bench.say("AT"), "");
    bench.sim.set_powered(bench.now, true);
    bench.sim.set_powered(bench.now, true);
    let start = bench.now.since_origin();
    bench.pass(60);
    let back = (start + Personality::Amp520.away()).as_millis();
    assert_eq!(bench.when("plug"), Some(back));
    assert_eq!(bench.events.iter().filter(|e| e.1 == "unplug").count(), 1);
    assert_eq!(bench.sim.stats().power_resets, 1);
    assert_eq!(bench.dial(), "CONNECT 150000000");
}

#[test]
fn a_restart_ends_data_mode_that_nothing_else_ends() {
    let mut bench = Bench::new(Personality::Generic, &["stuck-data-mode"]);
    bench.pass(2);
    assert!(!bench.say("AT").contains("OK"));
    bench.power_cycle();
    assert_eq!(bench.say("AT"), "OK");
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.sim.handle_dtr(bench.now, false);
    assert!(!bench.sim.carrier());
}

#[test]
fn a_tty_can_come_back_under_another_name() {
    let mut bench = Bench::new(Personality::Generic, &["new-name", "unplug=3@10s"]);
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.pass(20);
    assert_eq!(
        (bench.when("plug renamed").is_some(), bench.when("plug")),
        (true, None)
    );
}

#[test]
fn faults_can_be_added_and_lifted_on_the_way() {
    let mut bench = Bench::new(Personality::Generic, &["at-silent@10s"]);
    bench.pass(20);
    assert_eq!(bench.say("AT"), "");
    bench.sim.lift_faults(bench.now);
    assert_eq!(bench.dial(), "CONNECT 150000000");
    bench.sim.add_fault(bench.now, "hangup@7s".parse().unwrap());
    bench.sim.add_fault(bench.now, "busy@1s".parse().unwrap());
    bench.pass(6);
    assert!(bench.sim.carrier());
    bench.pass(1);
    assert!(!bench.sim.carrier());
    assert_eq!(bench.dial(), "BUSY");
    assert_eq!(bench.dial(), "CONNECT 150000000");
    // What holds in a call holds in the next one.
    bench
        .sim
        .add_fault(bench.now, "lcp-silent".parse().unwrap());
    bench.power_cycle();
    bench.dial();
    assert!(bench.tty.ends_with(b"CONNECT 150000000\r\n"));
}

/// Random models, faults and doings: the same seed gives the same run, and no deadline stands still.
#[test]
fn any_run_is_repeated_by_its_seed() {
    let run = |seed: u64| {
        let mut random = Random::new(seed);
        let all = fault::list();
        let pick = |random: &mut Random, n: usize| random.below(n as u64) as usize;
        let faults: Vec<_> = (0..1 + pick(&mut random, 5))
            .map(|_| all[pick(&mut random, all.len())].0.parse().unwrap())
            .collect();
        let mut config = with_chap(&[]).sim;
        config.seed = seed;
        config.faults = faults;
        config.personality = Personality::ALL[pick(&mut random, Personality::ALL.len())];
        let resets = config.personality.reset_commands();
        let mut bench = Bench::with(config);
        for _ in 0..40 {
            match random.below(12) {
                0 => drop(bench.dial()),
                1 => bench.sim.power_cycle(bench.now),
                2 => bench.sim.set_powered(bench.now, random.below(2) == 0),
                3 => drop(bench.say(&format!("AT{}", resets[0]))),
                4 => drop(bench.say("AT+CPIN=1234")),
                5 => drop(bench.ask("AT+CREG=2;+COPS=1,2,\"44010\"")),
                6 => drop(bench.ask("AT+CFUN=4;+CFUN=1;+CREG?;+CSQ")),
                7 => bench.sim.handle_dtr(bench.now, random.below(2) == 0),
                8 => bench.sim.lift_faults(bench.now),
                9 => drop(bench.say("AT+CGDCONT=1,\"IP\",\"other\"")),
                _ => bench.pass(random.below(100)),
            }
            bench.pass(1);
        }
        (bench.tty, bench.at, bench.events, bench.sim.stats())
    };
    for seed in 0..150 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2));
}

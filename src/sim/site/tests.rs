//! Sites that an operator would recognise, each kind of trouble alone, and the ledger itself.

use super::kinds::{Foreign, KINDS, Kind, Needs, named};
use super::ledger::Expect;
use super::recipe::base_site;
use super::*;
use crate::config::Device;
use crate::link::{LineProblem, LinkEnd, TimeOfDay};
use crate::secret::Secret;

const HOUR: Duration = Duration::from_secs(3600);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + s(seconds)
}

fn base(personality: Personality) -> SiteConfig {
    base_site(&mut Random::new(1), personality)
}

fn episode(name: &str, from: u64, until: u64) -> Episode {
    Episode {
        kind: named(name).unwrap_or_else(|| panic!("no kind {name:?}")),
        one: false,
        from: at(from),
        until: at(until),
    }
}

fn run(config: SiteConfig, time: Duration) -> Site {
    let mut site = Site::new(config);
    if let Err(violation) = site.run(Instant::ZERO + time) {
        panic!("{violation}");
    }
    site
}

/// A trouble that only shows beside another one.
fn companion(kind: &Kind) -> Option<&'static str> {
    // Something has to be stored while it cannot be.
    matches!(kind.effect, Effect::Disk).then_some("tty gone for a moment")
}

#[test]
fn each_kind_of_trouble_acts_and_is_recovered_from() {
    for kind in &KINDS {
        let mut config = plain(kind, 1);
        if let Some(other) = companion(kind) {
            config.sim.pin = Some(Secret::new("1234"));
            let episodes = config.plan.clone();
            let with = episodes.iter().map(|episode| {
                let from = episode.from.since(Instant::ZERO).as_secs() + 60;
                self::episode(other, from, from + 3)
            });
            config.plan.extend(with);
        }
        let rounds = u32::try_from(config.plan.len()).unwrap();
        let mut site = Site::new(config);
        if let Sign::Log(words) = &kind.sign {
            site.listen_for(words);
        }
        if let Err(violation) = site.run(at(20 * 3600)) {
            panic!("{}: {violation}", kind.name);
        }
        assert!(
            site.has_shown(&kind.sign),
            "{}: {:?}",
            kind.name,
            site.seen()
        );
        let ledger = site.ledger();
        let expected = if companion(kind).is_some() {
            rounds / 2
        } else {
            rounds
        };
        assert_eq!(ledger.recoveries, expected, "{}", kind.name);
    }
}

/// The signs are no matter of course: without its trouble a site shows none of them.
#[test]
fn a_site_without_trouble_shows_no_sign_of_any() {
    for kind in &KINDS {
        let mut config = plain(kind, 1);
        config.plan.clear();
        let mut site = Site::new(config);
        if let Sign::Log(words) = &kind.sign {
            site.listen_for(words);
        }
        site.run(at(4 * 3600)).unwrap();
        assert!(!site.has_shown(&kind.sign), "{}", kind.name);
        assert_eq!((site.ledger().attempts, site.ledger().links), (1, 1));
    }
}

#[test]
fn every_model_comes_up_and_comes_back_from_a_reset_that_a_user_asked_for() {
    for personality in Personality::ALL {
        let mut config = base(personality);
        if personality.usb().is_none() {
            config.config.device = Device::Tty("/dev/ttyS0".into());
        }
        let mut site = Site::new(config);
        site.run(at(600)).unwrap();
        assert!(matches!(site.state(), State::Up(_)), "{personality}");
        site.say(Input::User(UserStop::Reset));
        site.run(at(1200)).unwrap();
        assert!(matches!(site.state(), State::Up(_)), "{personality}");
        assert_eq!((site.ledger().links, site.ledger().resets_done), (2, 1));
    }
}

#[test]
fn a_sim_that_wants_the_configured_pin_gets_it_at_each_start() {
    let mut config = base(Personality::Quectel);
    config.sim.pin = Some(Secret::new("1234"));
    config.plan = vec![
        episode("tty gone for a moment", 1000, 1003),
        episode("disk full or read-only", 2000, 3000),
        episode("tty gone for a moment", 2500, 2503),
    ];
    let site = run(config, 2 * HOUR);
    assert_eq!((site.ledger().links, site.ledger().resets), (3, 0));
    let stats = site.world.slots[0].sim.stats();
    assert_eq!((stats.pin_tries, stats.pin_refusals), (3, 0));
}

#[test]
fn a_wrong_pin_is_sent_once_in_a_week_and_nothing_is_reset() {
    let mut config = base(Personality::Quectel);
    config.expect = Expect::NoLink;
    config.config.pin = Some(Secret::new("4321"));
    config.sim.pin = Some(Secret::new("1234"));
    let site = run(config, 7 * 24 * HOUR);
    let stats = site.world.slots[0].sim.stats();
    assert_eq!((stats.pin_tries, stats.pin_refusals), (1, 1));
    assert_eq!((site.ledger().links, site.ledger().resets), (0, 0));
    // Three at HOLDOFF, then from five minutes to an hour.
    assert!((165..190).contains(&site.ledger().attempts));
}

#[test]
fn a_sim_locked_by_its_puk_a_wrong_apn_and_a_wrong_password_reset_nothing() {
    let puk = |config: &mut SiteConfig| config.sim.faults = vec!["puk".parse().unwrap()];
    let apn = |config: &mut SiteConfig| {
        config.sim.apns = Some(vec!["other.jp".to_owned()]);
        config.sim.apn_refusal = crate::sim::ApnRefusal::Cme;
    };
    let password = |config: &mut SiteConfig| config.config.password = Secret::new("wrong");
    let spoil: [&dyn Fn(&mut SiteConfig); 3] = [&puk, &apn, &password];
    for spoil in spoil {
        let mut config = base(Personality::LisaU200);
        config.expect = Expect::NoLink;
        spoil(&mut config);
        let site = run(config, 7 * 24 * HOUR);
        assert_eq!((site.ledger().links, site.ledger().resets), (0, 0));
    }
}

#[test]
fn another_sim_gets_the_pin_once_however_often_it_is_put_in() {
    let mut config = base(Personality::Quectel);
    config.sim.pin = Some(Secret::new("1234"));
    let name = "another SIM with another PIN";
    config.plan = vec![episode(name, 3600, 7200), episode(name, 20_000, 40_000)];
    let mut site = run(config, 24 * HOUR);
    assert_eq!(site.ledger().recoveries, 2);
    let slot = &mut site.world.slots[0];
    assert_eq!(slot.sim.card().refused, 0);
    slot.exchange_card(Foreign::OtherPin);
    assert_eq!((slot.sim.card().tries, slot.sim.card().refused), (1, 1));
}

#[test]
fn a_modem_away_for_five_hours_is_dialed_as_soon_as_it_can_be() {
    let mut config = base(Personality::Quectel);
    config.plan = vec![episode("tty gone for hours", 3600, 6 * 3600)];
    let mut site = run(config, 7 * HOUR);
    assert!(matches!(site.state(), State::Up(_)));
    // It takes 15 s until its tty is there, 2 s until it answers, and 4 s until it is registered.
    let longest = site.ledger().longest_recovery;
    assert!(longest < s(75), "{longest:?}");
    site.run(at(8 * 3600)).unwrap();
}

#[test]
fn two_equal_modems_that_change_their_names_are_told_apart() {
    let mut config = base(Personality::Quectel);
    config.modems = vec![Personality::Quectel; 2];
    config.plan = vec![
        episode("ttys in another order", 1000, 1000),
        episode("ttys in another order", 10_000, 10_000),
    ];
    let site = run(config, 4 * HOUR);
    let calls = |slot: usize| site.world.slots[slot].sim.stats().calls;
    assert_eq!((calls(0), calls(1)), (3, 0));
}

#[test]
fn another_equal_modem_takes_over_while_the_own_one_is_away() {
    let mut config = base(Personality::Amp5200);
    config.modems = vec![Personality::Amp5200; 2];
    config.plan = vec![Episode {
        one: true,
        ..episode("tty gone for hours", 1000, 10_000)
    }];
    let site = run(config, 4 * HOUR);
    let calls = |slot: usize| site.world.slots[slot].sim.stats().calls;
    assert_eq!((calls(0), calls(1)), (1, 1));
}

#[test]
fn a_modem_that_hangs_on_after_its_usb_device_was_taken_anew_gets_its_power_switched() {
    let mut config = base(Personality::Quectel);
    config.plan = vec![episode(
        "modem crashed until its power is switched",
        3600,
        3600,
    )];
    let site = run(config, 3 * HOUR);
    let ledger = site.ledger();
    assert_eq!((ledger.links, ledger.resets), (2, 3));
    assert_eq!(site.world.slots[0].sim.stats().power_resets, 1);
}

#[test]
fn reset_at_ends_the_link_once_a_day_and_a_clock_that_jumps_changes_little() {
    let mut config = base(Personality::Quectel);
    config.config.reset_at = Some(TimeOfDay {
        hour: 2,
        minute: 30,
    });
    config.config.reset_always = true;
    let site = run(config.clone(), 7 * 24 * HOUR);
    let ledger = site.ledger();
    assert_eq!((ledger.scheduled, ledger.resets, ledger.links), (7, 7, 8));
    config.plan = vec![
        episode("clock jumps a day ahead", 100_000, 100_000),
        episode("clock jumps an hour back", 300_000, 300_000),
    ];
    let site = run(config, 7 * 24 * HOUR);
    assert!((6..=7).contains(&site.ledger().scheduled));
}

#[test]
fn with_demand_the_link_is_there_when_a_program_wants_it() {
    let mut config = base(Personality::Quectel);
    config.config.demand = true;
    config.config.idle = Some(s(180));
    config.traffic = Some(HOUR);
    let site = run(config, 10 * HOUR + s(1800));
    // The first packet comes after an hour.
    assert_eq!((site.ledger().links, site.ledger().attempts), (10, 10));
    assert_eq!(*site.state(), State::WaitingForPacket);
}

#[test]
fn persist_0_ends_with_its_first_link() {
    let mut config = base(Personality::Quectel);
    config.config.persist = false;
    config.plan = vec![episode("NO CARRIER once", 1000, 1000)];
    config.expect = Expect::NoLink;
    let mut site = Site::new(config);
    // A link is not expected: the ledger says so, which shows that it looks.
    let violation = site.run(at(600)).unwrap_err();
    assert!(violation.what.starts_with("a link although"), "{violation}");
    site.run(at(2000)).unwrap();
    assert!(matches!(site.state(), State::Ended(_)));
    assert_eq!(site.ledger().attempts, 1);
}

#[test]
fn the_same_seed_gives_the_same_week() {
    let week = || {
        let recipe = recipe(3);
        let mut site = Site::new(recipe.site);
        site.run(Instant::ZERO + recipe.time).unwrap();
        let ledger = site.ledger();
        (site.total_steps(), ledger.attempts, ledger.longest_recovery)
    };
    assert_eq!(week(), week());
}

// ---- the ledger sees what must not happen

fn ledger() -> Ledger {
    Ledger::new(&Config::default(), Expect::Links, s(20))
}

fn found(ledger: &mut Ledger, now: Instant) -> String {
    ledger
        .check(now, &[])
        .map_or_else(|violation| violation.what, |()| String::new())
}

fn no_carrier() -> LinkEnd {
    LinkEnd::Ppp(crate::ppp::DownReason::CarrierLost)
}

#[test]
fn the_ledger_sees_resets_without_a_cause() {
    use crate::link::ResetReason::{Absent, Always, Failures, User};
    let network = named("LCP silent").unwrap();
    let sim = named("SIM absent").unwrap();
    for (kind, failures, why, complaint) in [
        (None, 3, Failures(3), "a reset without a cause"),
        (
            Some(sim),
            3,
            Failures(3),
            "a reset for what a reset cannot mend",
        ),
        (
            Some(network),
            2,
            Failures(3),
            "a reset after fewer failures",
        ),
        (Some(network), 3, Failures(3), ""),
        (
            Some(network),
            3,
            Absent(s(1)),
            "a reset for a tty that has just",
        ),
        (Some(network), 3, Always, "a reset after a link without"),
        (Some(network), 3, User, "a reset for a user who did not"),
    ] {
        let mut ledger = ledger();
        if let Some(kind) = kind {
            ledger.trouble_begins(at(0), kind);
        }
        for _ in 0..failures {
            ledger.ended(at(1), &no_carrier());
        }
        ledger.reset(at(2), false, &why);
        let found = found(&mut ledger, at(2));
        assert!(found.starts_with(complaint), "{why:?}: {found}");
        assert_eq!(found.is_empty(), complaint.is_empty());
    }
}

#[test]
fn the_ledger_sees_attempts_that_come_too_soon_or_should_not_come() {
    let dial = |ledger: &mut Ledger, now| {
        ledger.attempt(now, false, false);
        found(ledger, now)
    };
    let mut soon = ledger();
    assert_eq!(dial(&mut soon, at(1)), "");
    soon.ended(at(1), &no_carrier());
    assert!(dial(&mut soon, at(5)).contains("HOLDOFF is not over"));
    soon.ended(at(6), &no_carrier());
    assert_eq!(dial(&mut soon, at(11)), "");
    assert!(dial(&mut soon, at(11)).contains("within a second"));

    let mut often = ledger();
    for round in 0..13 {
        assert_eq!(dial(&mut often, at(10 * round)), "");
        often.ended(at(10 * round + 1), &no_carrier());
    }
    assert_eq!(dial(&mut often, at(130)), "");
    often.ended(at(131), &no_carrier());
    assert!(dial(&mut often, at(141)).contains("the wait has not grown"));

    let mut unwanted = ledger();
    unwanted.user(at(1), UserStop::Disconnect);
    assert!(dial(&mut unwanted, at(2)).contains("a user has disconnected"));
    let mut busy = ledger();
    busy.attempt(at(1), true, false);
    assert!(found(&mut busy, at(1)).contains("while another one"));
    let mut strayed = ledger();
    strayed.attempt(at(1), false, true);
    assert!(found(&mut strayed, at(1)).contains("another modem"));
}

#[test]
fn the_ledger_sees_a_link_that_does_not_come_back() {
    let kind = named("LCP silent").unwrap();
    let mut ledger = ledger();
    ledger.trouble_begins(at(0), kind);
    ledger.trouble_ends(at(100), kind);
    ledger.clear(
        at(100),
        &State::WaitingForLine(LineProblem::Absent { path: "".into() }),
    );
    // 300 s of back-off, 30 s of RESET_WAIT, 20 s of the modem, and a minute; a link alone is not enough.
    ledger.up(at(200));
    assert_eq!(found(&mut ledger, at(100 + 410)), "");
    assert!(found(&mut ledger, at(100 + 411)).starts_with("no packet comes back"));
    ledger.answered(at(512));
    assert_eq!(found(&mut ledger, at(9999)), "");
    assert_eq!(ledger.longest_recovery, s(412));
}

#[test]
fn kinds_are_there_for_each_need() {
    for needs in [Needs::Usb, Needs::Reset, Needs::Monitor, Needs::Kill] {
        assert!(KINDS.iter().any(|kind| kind.needs == needs), "{needs:?}");
    }
}

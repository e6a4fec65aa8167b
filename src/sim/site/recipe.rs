//! From a seed to a site: modems, configuration, fault plan.

use std::path::PathBuf;
use std::time::Duration;

use super::kinds::Kind;
use super::plan::{self, Fits};
use super::{Expect, SiteConfig};
use crate::config::{Auth, Config, Device, MonitorConfig};
use crate::link::{BackoffPolicy, TimeOfDay};
use crate::ppp::config::{Account, AllowedAuth, AuthDemand, AuthMethod, EchoConfig};
use crate::random::Random;
use crate::secret::Secret;
use crate::sim::{ApnRefusal, Personality, SimConfig};

/// A site, and how long it is watched.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The site.
    pub site: SiteConfig,
    /// A week.
    pub time: Duration,
}

/// One seed in so many has a configuration that is wrong from the start.
const WRONG: u64 = 25;

/// Moments at which the site's time begins, in seconds since 1970: 2026-01-01, and two days before summer time begins
/// and ends in the site's zone.
const EPOCHS: [i64; 3] = [1_767_225_600, 1_774_569_600, 1_792_713_600];

/// What a seed stands for.
pub fn recipe(seed: u64) -> Recipe {
    let mut random = Random::new(seed);
    let time = Duration::from_secs(7 * 86_400);
    let mut site = any_site(&mut random);
    if random.below(WRONG) == 0 {
        spoil(&mut random, &mut site);
    } else {
        site.plan = plan::plan(&mut random, time, fits(&site));
    }
    Recipe { site, time }
}

/// A plain site for one kind of trouble: one modem, the monitor, and everything else as it comes.
pub fn plain(kind: &'static Kind, seed: u64) -> SiteConfig {
    let mut random = Random::new(seed);
    let mut site = base_site(&mut random, Personality::Quectel);
    site.config.monitor.enabled = true;
    site.config.monitor.target = Some("www.example.jp".to_owned());
    let (lasting, every) = (Duration::from_secs(1800), Duration::from_secs(4 * 3600));
    site.plan = plan::only(kind, 3, lasting, every);
    site
}

/// A site without trouble that works.
pub(super) fn base_site(random: &mut Random, personality: Personality) -> SiteConfig {
    let secret = || Secret::new("recovery");
    let config = Config {
        apn: Some("example.jp".to_owned()),
        auth: Auth::Chap,
        account: "user".to_owned(),
        password: secret(),
        pin: Some(Secret::new("1234")),
        monitor: MonitorConfig {
            interval: Duration::from_secs(120),
            ..MonitorConfig::default()
        },
        ..Config::default()
    };
    let demand = AuthDemand {
        method: AuthMethod::ChapMd5,
        acceptable: AllowedAuth {
            pap: false,
            chap_md5: true,
        },
        name: "UMTS_CHAP_SRVR".to_owned(),
        accounts: vec![Account {
            user: "user".to_owned(),
            secret: secret(),
        }],
        accept_any: false,
        rechallenge: None,
        messages: Default::default(),
    };
    SiteConfig {
        seed: random.u64(),
        config,
        traffic: None,
        modems: vec![personality],
        sim: SimConfig {
            demand: Some(demand),
            ..SimConfig::default()
        },
        epoch: EPOCHS[0],
        plan: Vec::new(),
        expect: Expect::Links,
    }
}

fn any_site(random: &mut Random) -> SiteConfig {
    let personality = one_of(random, &Personality::ALL).unwrap_or_default();
    let mut site = base_site(random, personality);
    site.epoch = one_of(random, &EPOCHS).unwrap_or_default();
    site.sim.pin = (random.below(3) == 0).then(|| Secret::new("1234"));
    let config = &mut site.config;
    supervision(random, config);
    demand(random, config, &mut site.traffic);
    config.monitor.enabled = random.below(4) != 0;
    config.monitor.target = (random.below(2) == 0).then(|| "www.example.jp".to_owned());
    config.monitor.payload_is_life = random.below(4) == 0;
    config.monitor.fixed_target = random.below(4) == 0;
    config.monitor.interval = seconds(random, &[60, 120, 300, 300, 600, 600]);
    // Most of a week is a good link, whose cost is its echoes and pings: so most have fewer of them than by default.
    config.echo = EchoConfig {
        interval: seconds(random, &[30, 60, 120, 120, 300, 300]),
        failure: 2 + u32::try_from(random.below(3)).unwrap_or(0),
    };
    // Networks that ask us by themselves are rare; to the gateway each question is a sign of life.
    site.sim.echo.interval = seconds(random, &[0, 0, 0, 0, 0, 300, 300, 30]);
    if personality.usb().is_some() {
        if random.below(4) == 0 {
            site.modems.push(personality);
        }
        config.device = match random.below(3) {
            // The kernel's name of a tty says which modem is meant only once that has been seen; with DEMAND that may come
            // late.
            0 if !config.demand => Device::Tty(PathBuf::from("/dev/ttyUSB0")),
            1 => Device::Model(personality.name().to_owned()),
            _ => Device::Auto,
        };
    } else {
        config.device = Device::Tty(PathBuf::from("/dev/ttyS0"));
        config.reset_command = Some(vec!["/usr/local/sbin/modem-power".to_owned()]);
    }
    if personality == Personality::Generic {
        config.device = Device::Tty(PathBuf::from("/dev/ttyS0"));
    }
    config.connect_ok = random.below(8) == 0 && !personality.wears_flash();
    site
}

fn supervision(random: &mut Random, config: &mut Config) {
    config.retry = u32::try_from(one_of(random, &[3, 3, 3, 2, 5]).unwrap_or(3)).unwrap_or(3);
    config.holdoff = seconds(random, &[5, 5, 5, 0, 10, 60]);
    config.reset_on_fail = random.below(10) != 0;
    config.reset_wait = (random.below(4) == 0).then(|| Duration::from_secs(60));
    config.reset_any = random.below(12) == 0;
    config.reset_always = random.below(8) == 0;
    config.reset_at = (random.below(4) == 0).then_some(TimeOfDay {
        hour: 2,
        minute: 30,
    });
    config.hold = random.below(3) == 0;
    config.backoff = BackoffPolicy::default();
}

fn demand(random: &mut Random, config: &mut Config, traffic: &mut Option<Duration>) {
    match random.below(6) {
        0 => {
            config.demand = true;
            config.idle = Some(Duration::from_secs(180));
            *traffic = Some(Duration::from_secs(2400));
        }
        1 => *traffic = Some(Duration::from_secs(1200)),
        _ => {}
    }
}

/// A configuration that no retry and no reset can mend.
fn spoil(random: &mut Random, site: &mut SiteConfig) {
    site.expect = Expect::NoLink;
    site.config.reset_always = false;
    site.config.reset_any = false;
    match random.below(5) {
        0 => {
            site.config.pin = Some(Secret::new("4321"));
            site.sim.pin = Some(Secret::new("1234"));
        }
        1 => {
            site.config.pin = None;
            site.sim.pin = Some(Secret::new("1234"));
        }
        2 => {
            site.sim.apns = Some(vec!["other.jp".to_owned()]);
            site.sim.apn_refusal = ApnRefusal::Cme;
        }
        3 => site.config.password = Secret::new("wrong"),
        _ => site.sim.faults = "puk".parse().into_iter().collect(),
    }
}

fn fits(site: &SiteConfig) -> Fits {
    let config = &site.config;
    let usb = site.modems.iter().all(|modem| modem.usb().is_some());
    let named = matches!(config.device, Device::Tty(_));
    Fits {
        usb,
        resets: config.reset_on_fail && config.retry > 0,
        monitor: config.monitor.enabled && config.monitor.target.is_some(),
        // A tty by its number is the right one only until it is renamed; the daemon that knows better is dead then.
        kill: !(named && usb),
    }
}

fn one_of<T: Copy>(random: &mut Random, values: &[T]) -> Option<T> {
    let at = usize::try_from(random.below(values.len() as u64)).ok()?;
    values.get(at).copied()
}

fn seconds(random: &mut Random, values: &[u64]) -> Duration {
    Duration::from_secs(one_of(random, values).unwrap_or(60))
}

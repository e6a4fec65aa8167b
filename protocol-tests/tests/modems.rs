//! The bring-up of every profile against the simulator's model of that modem, in virtual time (spec D1 to D5).
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

use std::sync::Arc;
use std::time::Duration;

use uplinkd::config::{self, Config};
use uplinkd::modem::{
    Bringup, BringupError, BringupEvent, Memory, ModemInfo, ModemProblem, Profile, Profiles,
    SimState,
};
use uplinkd::secret::Secret;
use uplinkd::sim::{Personality, Sim, SimConfig};
use uplinkd::time::Instant;

const WALL: i64 = 1_800_000_000;

/// The document's sample configurations without a PROVIDER.
const SAMPLES: [&str; 5] = [
    "APN=soracom.io\nPDPTYPE=IP\nDEVICE=AUTO\nDEFAULTROUTE=1\nAUTH=CHAP\nACCOUNT=sora\nPASSWORD=sora\nNETMODE=\n\
     CARRIERID=5\n",
    "APN=au.au-net.ne.jp\nPDPTYPE=IP\nDEMAND=1\nIDLE=30\nDEVICE=KYM11\nDEFAULTROUTE=1\nAUTH=CHAP\n\
     ACCOUNT=user@au.au-net.ne.jp\nPASSWORD=auau\n",
    "APN=dream.jp\nPDPTYPE=IP\nDEMAND=1\nIDLE=30\nDEVICE=LISA-U200\nDEFAULTROUTE=1\nAUTH=CHAP\nACCOUNT=user@dream.jp\n\
     PASSWORD=dtidti\n",
    "APN=iijmobile.biz\nPDPTYPE=IP\nDEVICE=AUTO\nDEFAULTROUTE=1\nAUTH=CHAP\nACCOUNT=mobile@iij\nPASSWORD=iijiij\n\
     NETMODE=\nCARRIERID=4\n",
    "APN=sakura\nPDPTYPE=IP\nDEVICE=AUTO\nDEFAULTROUTE=1\nAUTH=NOAUTH\nACCOUNT=\nPASSWORD=\nNETMODE=\n\
     CARRIERID=44020\n",
];

/// How a bring-up went.
#[derive(Debug)]
struct Run {
    log: Vec<String>,
    warnings: Vec<String>,
    info: ModemInfo,
    profile: Option<String>,
    memory: Memory,
    end: BringupEvent,
    took: Duration,
}

impl Run {
    fn is_connected(&self) -> bool {
        matches!(self.end, BringupEvent::Connected(_))
    }
}

fn read(sample: &str) -> Config {
    let (config, problems) = config::read("ppp", sample.as_bytes());
    config.unwrap_or_else(|| panic!("{problems:?}"))
}

fn sim(personality: Personality) -> SimConfig {
    SimConfig {
        personality,
        ..SimConfig::default()
    }
}

/// Runs one attempt on `sim`, from `now` on, which is advanced.
fn run(
    sim: &mut Sim,
    now: &mut Instant,
    config: &Config,
    profile: Option<Arc<Profile>>,
    memory: Memory,
) -> Run {
    let profiles = Arc::new(Profiles::built_in());
    let begin = *now;
    let plan = config.bringup(profile, profiles, memory.clone(), WALL, false);
    let mut bringup = Bringup::new(plan);
    let mut run = Run {
        log: vec![],
        warnings: vec![],
        info: ModemInfo::default(),
        profile: None,
        memory,
        end: BringupEvent::Info(ModemInfo::default()),
        took: Duration::ZERO,
    };
    bringup.start(*now);
    for _ in 0..100_000 {
        let mut bytes = Vec::new();
        while bringup.poll_transmit(&mut bytes) {}
        if !bytes.is_empty() {
            sim.handle_bytes(*now, &bytes);
        }
        while let Some(event) = sim.poll_event() {
            drop(event);
        }
        let mut save = false;
        let mut end = None;
        while let Some(event) = bringup.poll_event() {
            match event {
                BringupEvent::Log(line) => run.log.push(line.to_string()),
                BringupEvent::Info(info) => run.info = info,
                BringupEvent::Warning(text) => run.warnings.push(text),
                BringupEvent::Profile(profile) => run.profile = Some(profile.name.clone()),
                BringupEvent::Save(memory) => {
                    run.memory = Memory::decode(&memory.encode()).unwrap();
                    save = true;
                }
                BringupEvent::Connected(_) | BringupEvent::Failed(_) => end = Some(event),
            }
        }
        run.took = now.since(begin);
        if let Some(end) = end {
            run.end = end;
            return run;
        }
        if save {
            bringup.saved(*now, true);
            continue;
        }
        let mut answer = Vec::new();
        if sim.poll_transmit(*now, 4096, &mut answer) {
            bringup.handle_bytes(*now, &answer);
            continue;
        }
        let due = [bringup.poll_timeout(), sim.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
            .expect("something is due");
        *now = (*now).max(due);
        sim.handle_timeout(*now);
        bringup.handle_timeout(*now);
    }
    panic!("it does not come to an end: {run:#?}");
}

/// The modem hangs up: power off and on, so that the SIM wants its PIN again.
fn restart(sim: &mut Sim, now: &mut Instant) {
    sim.power_cycle(*now);
    let end = *now + Duration::from_secs(300);
    while let Some(due) = sim.poll_timeout().filter(|due| *due <= end) {
        *now = (*now).max(due);
        sim.handle_timeout(*now);
        while sim.poll_event().is_some() {}
        while sim.poll_transmit(*now, 4096, &mut Vec::new()) {}
    }
    *now = end;
}

/// Spec C19: every sample of the document without a PROVIDER connects on every profile.
#[test]
fn every_sample_of_the_document_connects_on_every_model() {
    for personality in Personality::ALL {
        for sample in SAMPLES {
            let config = read(sample);
            let mut now = Instant::from_millis(1000);
            let mut sim = Sim::new(sim(personality), now);
            let run = run(&mut sim, &mut now, &config, None, Memory::default());
            assert!(run.is_connected(), "{personality}: {sample}: {run:#?}");
            assert!(
                run.took < Duration::from_secs(120),
                "{personality}: {run:#?}"
            );
            let name = personality.name();
            let is_known = Profiles::built_in().get(name).is_some();
            assert!(is_known, "{name} has no profile");
            assert_eq!(
                run.profile.as_deref().map(str::to_lowercase),
                Some(name.to_lowercase())
            );
            assert_eq!(run.info.sim, Some(SimState::Ready), "{personality}");
            for password in ["auau", "dtidti", "iijiij"] {
                let shown = run.log.iter().any(|line| line.contains(password));
                assert!(!shown, "{personality}: {run:#?}");
            }
        }
    }
}

/// Spec D5.
#[test]
fn flash_is_written_once_however_often_it_is_dialed() {
    for personality in Personality::ALL {
        let config = read(SAMPLES[2]);
        let mut now = Instant::from_millis(1000);
        let mut sim = Sim::new(sim(personality), now);
        let mut memory = Memory::default();
        for _ in 0..5 {
            let run = run(&mut sim, &mut now, &config, None, memory);
            assert!(run.is_connected(), "{personality}: {run:#?}");
            memory = run.memory;
            restart(&mut sim, &mut now);
        }
        let worn = u64::from(sim.stats().flash_writes);
        assert_eq!(memory.total_writes(), worn, "{personality}");
        assert_eq!(worn > 0, personality.wears_flash(), "{personality}");
        assert!(worn <= 2, "{personality}: {worn} writes");
    }
}

/// Spec D4.
#[test]
fn the_right_pin_opens_each_model_and_a_wrong_one_costs_one_try() {
    for personality in Personality::ALL {
        for (pin, is_right) in [("4711", true), ("0815", false)] {
            let config = Config {
                pin: Some(Secret::new(pin)),
                ..read(SAMPLES[2])
            };
            let mut now = Instant::from_millis(1000);
            let mut sim = Sim::new(
                SimConfig {
                    pin: Some(Secret::new("4711")),
                    ..sim(personality)
                },
                now,
            );
            let mut memory = Memory::default();
            for round in 0..3 {
                let run = run(&mut sim, &mut now, &config, None, memory);
                assert!(
                    !run.log
                        .iter()
                        .any(|line| line.contains(&format!("\"{pin}\"")))
                );
                if is_right {
                    assert!(run.is_connected(), "{personality}: {run:#?}");
                } else if round == 0 {
                    assert!(
                        matches!(
                            run.end,
                            BringupEvent::Failed(BringupError::Modem(
                                ModemProblem::PinRefused { .. }
                            ))
                        ),
                        "{personality}: {run:#?}"
                    );
                } else {
                    assert!(
                        matches!(
                            run.end,
                            BringupEvent::Failed(BringupError::Modem(
                                ModemProblem::PinHeldBack { .. }
                            ))
                        ),
                        "{personality}: {run:#?}"
                    );
                }
                memory = run.memory;
                restart(&mut sim, &mut now);
            }
        }
    }
}

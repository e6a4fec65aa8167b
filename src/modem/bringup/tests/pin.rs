//! The SIM and the guard of its PIN.

use proptest::prelude::*;

use super::*;
use crate::modem::problem::PinGuard;

const RIGHT: &str = "4711";

/// A SIM in a modem.
#[derive(Clone, Debug)]
struct Sim {
    right: String,
    tries: u32,
    is_open: bool,
    tells_tries: bool,
    tells_number: bool,
    /// Results come as `ERROR` without a number.
    is_curt: bool,
    /// PINs that were sent, and how many tries were left then.
    sent: Vec<(String, u32)>,
}

impl Sim {
    fn new() -> Self {
        Self {
            right: RIGHT.to_owned(),
            tries: 3,
            is_open: false,
            tells_tries: true,
            tells_number: true,
            is_curt: false,
            sent: Vec::new(),
        }
    }

    fn answer(&mut self, sent: &str) -> Option<(u64, String)> {
        let error = |code: u32| {
            let text = format!("\r\n+CME ERROR: {code}\r\n");
            Some((
                20,
                if self.is_curt {
                    "\r\nERROR\r\n".to_owned()
                } else {
                    text
                },
            ))
        };
        let ok = |text: &str| Some((20, format!("\r\n{text}\r\n\r\nOK\r\n")));
        match sent {
            "AT+CPIN?" if self.is_open => ok("+CPIN: READY"),
            "AT+CPIN?" if self.tries == 0 => ok("+CPIN: SIM PUK"),
            "AT+CPIN?" => ok("+CPIN: SIM PIN"),
            "AT+UPINCNT" if self.tells_tries => ok(&format!("+UPINCNT: {},3,10,10", self.tries)),
            "AT+CSIM=10,\"0020000100\"" if self.tells_tries => {
                ok(&format!("+CSIM: 4,\"63C{}\"", self.tries))
            }
            "AT+UPINCNT" | "AT+CSIM=10,\"0020000100\"" => error(4),
            "AT+CCID" if !self.tells_number => error(14),
            _ => match sent.strip_prefix("AT+CPIN=") {
                None => answer(&[], sent),
                Some(pin) => {
                    let pin = pin.trim_matches('"');
                    self.sent.push((pin.to_owned(), self.tries));
                    if pin == self.right && self.tries > 0 {
                        (self.is_open, self.tries) = (true, 3);
                        return ok("+CPIN: READY");
                    }
                    self.tries = self.tries.saturating_sub(1);
                    error(if self.tries == 0 { 12 } else { 16 })
                }
            },
        }
    }
}

fn with_pin(pin: &str, memory: Memory) -> BringupPlan {
    BringupPlan {
        pin: Some(Secret::new(pin)),
        memory,
        ..plan()
    }
}

fn last(run: &Run) -> Memory {
    run.saves.last().cloned().expect("something was stored")
}

fn held_back(why: PinGuard) -> ModemProblem {
    ModemProblem::PinHeldBack { why }
}

#[test]
fn the_right_pin_opens_the_sim_at_each_start() {
    let mut memory = Memory::default();
    for _ in 0..3 {
        let mut sim = Sim::new();
        let run = run(with_pin(RIGHT, memory), &mut |sent| sim.answer(sent));
        run.connected();
        assert_eq!(sim.sent.len(), 1);
        // First noted, then accepted.
        assert_eq!(run.saves.len(), 2);
        memory = last(&run);
        assert!(!run.logged(RIGHT), "{run:#?}");
        assert!(run.logged("AT+CPIN=\"??????\""));
        assert_eq!(run.info().sim, Some(SimState::Ready));
    }
}

#[test]
fn a_wrong_pin_is_never_sent_again_and_another_one_is() {
    let mut sim = Sim::new();
    let first = run(with_pin("1111", Memory::default()), &mut |sent| {
        sim.answer(sent)
    });
    first.failed(ModemProblem::PinRefused { left: Some(2) });
    let memory = Memory::decode(&last(&first).encode()).unwrap();
    let again = run(with_pin("1111", memory.clone()), &mut |sent| {
        sim.answer(sent)
    });
    again.failed(held_back(PinGuard::Refused));
    assert_eq!(sim.sent, [("1111".to_owned(), 3)]);
    // The user corrects it.
    let corrected = run(with_pin(RIGHT, memory.clone()), &mut |sent| {
        sim.answer(sent)
    });
    corrected.connected();
    // Another SIM in the same modem.
    let mut other = Sim::new();
    let swapped = run(with_pin("1111", memory), &mut |sent| match sent {
        "AT+CCID" => answer(&[("AT+CCID", "+CCID: 8981100000000000002")], sent),
        _ => other.answer(sent),
    });
    swapped.failed(ModemProblem::PinRefused { left: Some(2) });
}

#[test]
fn with_one_try_left_nothing_is_sent() {
    let mut sim = Sim {
        tries: 1,
        ..Sim::new()
    };
    let run = run(with_pin(RIGHT, Memory::default()), &mut |sent| {
        sim.answer(sent)
    });
    run.failed(held_back(PinGuard::FewTries { left: 1 }));
    assert_eq!(sim.sent, []);
}

#[test]
fn what_cannot_be_noted_is_sent_only_if_it_was_accepted_before() {
    let mut sim = Sim::new();
    let accepted = run(with_pin(RIGHT, Memory::default()), &mut |sent| {
        sim.answer(sent)
    });
    let accepted = last(&accepted);
    let new = Memory::default();
    for (memory, tries, tells_tries, sends) in [
        (&accepted, 3, true, true),
        (&accepted, 3, false, true),
        (&accepted, 2, true, false),
        (&new, 3, true, false),
        (&new, 3, false, false),
    ] {
        let sim = Sim {
            tries,
            tells_tries,
            ..Sim::new()
        };
        for stored in [Some(false), None] {
            let mut sim = sim.clone();
            let run = run_with(
                with_pin(RIGHT, memory.clone()),
                &mut |sent| sim.answer(sent),
                &mut |_| stored,
                Duration::MAX,
            );
            assert_eq!(!sim.sent.is_empty(), sends, "{run:#?}");
            if sends {
                run.connected();
                assert_eq!(last(&run), accepted);
            } else {
                let why = if *memory == accepted {
                    PinGuard::Unanswered
                } else {
                    PinGuard::NotNoted
                };
                run.failed(held_back(why));
                let told = tells_tries && tries < 3;
                assert!(told || last(&run) == *memory, "{run:#?}");
            }
        }
    }
}

/// The PIN was changed in a phone: the process knows it, even if the disk does not.
#[test]
fn a_wrong_pin_is_remembered_in_the_process_if_the_disk_is_full() {
    let mut sim = Sim::new();
    let first = run(with_pin(RIGHT, Memory::default()), &mut |sent| {
        sim.answer(sent)
    });
    let mut memory = last(&first);
    let mut changed = Sim {
        right: "9999".to_owned(),
        tells_tries: false,
        ..Sim::new()
    };
    for _ in 0..3 {
        changed.is_open = false;
        let run = run_with(
            with_pin(RIGHT, memory.clone()),
            &mut |sent| changed.answer(sent),
            &mut |_| Some(false),
            Duration::MAX,
        );
        memory = run.saves.last().cloned().unwrap_or(memory);
    }
    assert_eq!(changed.sent, [(RIGHT.to_owned(), 3)]);
}

#[test]
fn tries_that_were_told_once_count_when_they_are_not_told() {
    let mut sim = Sim {
        tries: 1,
        ..Sim::new()
    };
    let told = run(with_pin(RIGHT, Memory::default()), &mut |sent| {
        sim.answer(sent)
    });
    told.failed(held_back(PinGuard::FewTries { left: 1 }));
    sim.tells_tries = false;
    let silent = run(with_pin(RIGHT, last(&told)), &mut |sent| sim.answer(sent));
    silent.failed(held_back(PinGuard::FewTries { left: 1 }));
    assert_eq!(sim.sent, []);
}

#[test]
fn lost_notes_call_for_all_tries() {
    for (tells_tries, sends) in [(true, true), (false, false)] {
        let mut sim = Sim {
            tells_tries,
            ..Sim::new()
        };
        let run = run(with_pin(RIGHT, Memory::lost()), &mut |sent| {
            sim.answer(sent)
        });
        if sends {
            run.connected();
        } else {
            run.failed(held_back(PinGuard::Forgotten));
        }
        assert_eq!(!sim.sent.is_empty(), sends);
    }
}

#[test]
fn a_sim_of_which_nothing_is_known_gets_no_pin() {
    let mut sim = Sim {
        tells_tries: false,
        tells_number: false,
        ..Sim::new()
    };
    let run = run(with_pin(RIGHT, Memory::default()), &mut |sent| {
        sim.answer(sent)
    });
    run.failed(held_back(PinGuard::Blind));
    assert_eq!(sim.sent, []);
}

/// A modem that stops telling the SIM's state once it has the PIN is not asked a second time with it.
#[test]
fn a_state_that_is_no_longer_told_is_no_reason_to_send_the_pin_again() {
    let mut sim = Sim::new();
    let run = run(with_pin(RIGHT, Memory::default()), &mut |sent| {
        if sent == "AT+CPIN?" && !sim.sent.is_empty() {
            return Some((5, "\r\nERROR\r\n".to_owned()));
        }
        if sent.starts_with("AT+CPIN=") {
            sim.answer(sent);
            return Some((5, "\r\nOK\r\n".to_owned()));
        }
        sim.answer(sent)
    });
    run.connected();
    assert_eq!(sim.sent.len(), 1);
}

#[test]
fn a_sim_that_is_too_busy_for_the_pin_gets_it_at_the_next_attempt() {
    let mut memory = Memory::default();
    for _ in 0..4 {
        let mut sim = Sim::new();
        let busy = run(with_pin(RIGHT, memory), &mut |sent| match sent {
            "AT+CPIN=\"4711\"" => Some((5, "\r\n+CME ERROR: 14\r\n".to_owned())),
            _ => sim.answer(sent),
        });
        busy.failed(ModemProblem::SimBusy {
            waited: Duration::ZERO,
        });
        memory = last(&busy);
    }
    let mut sim = Sim::new();
    run(with_pin(RIGHT, memory), &mut |sent| sim.answer(sent)).connected();
}

#[test]
fn what_else_a_sim_can_be() {
    let no_pin = |table| run(plan(), &mut modem(table));
    no_pin(&[("AT+CPIN?", "+CPIN: SIM PIN")]).failed(ModemProblem::PinNeeded);
    no_pin(&[("AT+CPIN?", "+CPIN: SIM PUK")]).failed(ModemProblem::PukNeeded);
    no_pin(&[("AT+CPIN?", "+CME ERROR: SIM PUK required")]).failed(ModemProblem::PukNeeded);
    no_pin(&[("AT+CPIN?", "+CME ERROR: 10")]).failed(ModemProblem::SimAbsent);
    no_pin(&[("AT+CPIN?", "+CPIN: PH-NET PIN")]).failed(ModemProblem::SimFailure {
        text: "PH-NET PIN".to_owned(),
    });
    no_pin(&[("AT+CPIN?", "+CME ERROR: 13")]).failed(ModemProblem::SimFailure {
        text: "+CME ERROR: 13 (SIM failure)".to_owned(),
    });
    let busy = no_pin(&[("AT+CPIN?", "+CME ERROR: 14")]);
    assert!(
        matches!(&busy.end, BringupEvent::Failed(BringupError::Modem(ModemProblem::SimBusy { waited }))
            if waited.as_secs() >= 60 && waited.as_secs() < 65),
        "{busy:#?}"
    );
    assert!((28..=31).contains(&busy.count("AT+CPIN?")), "each 2 s");
    assert_eq!(busy.info().sim, Some(SimState::Busy));
    for pin in ["12", "123456789", "12a4", "12\r3"] {
        let run = run(
            with_pin(pin, Memory::default()),
            &mut modem(&[("AT+CPIN?", "+CPIN: SIM PIN")]),
        );
        run.failed(ModemProblem::PinNeeded);
        assert_eq!(run.count("AT+CPIN="), 0);
    }
}

#[test]
fn a_sim_that_is_busy_for_a_while_is_waited_for() {
    let mut asked = 0;
    let run = run(plan(), &mut |sent| {
        if sent == "AT+CPIN?" {
            asked += 1;
            if asked < 12 {
                return Some((5, "\r\n+CME ERROR: 14\r\n".to_owned()));
            }
        }
        answer(&[], sent)
    });
    run.connected();
    assert!(run.logged("waiting for the SIM: +CME ERROR: 14 (SIM busy)"));
}

/// The echo and the error repeat what was sent.
#[test]
fn the_pin_is_not_shown_whatever_the_modem_repeats() {
    let mut sim = Sim::new();
    let run = run(with_pin("1234", Memory::default()), &mut |sent| {
        if sent.starts_with("AT+CPIN=") {
            sim.tries -= 1;
            let text = format!("{sent}\r\r\n+X: 1234\r\n\r\n+CME ERROR: bad 1234\r\n");
            return Some((5, text));
        }
        sim.answer(sent)
    });
    assert!(matches!(run.end, BringupEvent::Failed(_)));
    let seen = format!("{:?} {:?} {:?}", run.log, run.end, run.infos);
    assert!(!seen.contains("1234"), "{seen}");
    assert!(seen.contains("??????"));
}

/// One start of the modem or of the program, or both.
#[derive(Clone, Debug)]
struct Start {
    pin: usize,
    sim: usize,
    /// When the power is cut or the program killed, in milliseconds (the PIN goes out within the first 400); from 800 on: never.
    cut: u64,
    /// What becomes of each write: it succeeds, it fails, nobody says so although it has succeeded, nobody says so.
    writes: [u8; 4],
    tells_tries: bool,
    tells_number: bool,
    is_curt: bool,
    /// What happens to the PIN: it arrives, its answer is lost, it is lost itself, the SIM is busy.
    way: u8,
    new_process: bool,
    modem_restarts: bool,
}

fn start() -> impl Strategy<Value = Start> {
    let world = (0usize..4, 0usize..3, 0u64..1_600, any::<[u8; 4]>());
    let told = any::<[bool; 3]>();
    let rest = (any::<u8>(), any::<bool>(), any::<bool>());
    (world, told, rest).prop_map(
        |(
            (pin, sim, cut, writes),
            [tells_tries, tells_number, is_curt],
            (way, new_process, modem_restarts),
        )| Start {
            pin,
            sim,
            cut,
            writes,
            tells_tries,
            tells_number,
            is_curt,
            way: way % 6,
            new_process,
            modem_restarts,
        },
    )
}

/// SIMs, a disk, and a gateway that is started again and again.
struct Gateway {
    sims: Vec<Sim>,
    disk: Memory,
    process: Memory,
}

impl Gateway {
    const PINS: [&str; 4] = ["1111", "2222", "3333", RIGHT];

    /// The SIMs have different right PINs.
    fn new() -> Self {
        let sim = |right: &str| Sim {
            right: right.to_owned(),
            ..Sim::new()
        };
        Self {
            sims: [RIGHT, "1111", "7777"].map(sim).into(),
            disk: Memory::default(),
            process: Memory::default(),
        }
    }

    fn start(&mut self, start: &Start) {
        if start.new_process {
            self.process = self.disk.clone();
        }
        let sim = &mut self.sims[start.sim];
        sim.is_open &= !start.modem_restarts;
        sim.tells_tries = start.tells_tries;
        sim.tells_number = start.tells_number;
        sim.is_curt = start.is_curt;
        let number = format!("\r\n+CCID: 898110000000000000{}\r\n\r\nOK\r\n", start.sim);
        let plan = with_pin(Self::PINS[start.pin], self.process.clone());
        let mut writes = start.writes.iter().cycle();
        let (disk, process) = (&mut self.disk, &mut self.process);
        let limit = Duration::from_millis(start.cut);
        let run = run_with(
            plan,
            &mut |sent| {
                let is_pin = sent.starts_with("AT+CPIN=");
                match start.way {
                    4 if is_pin => None,
                    5 if is_pin && start.is_curt => Some((20, "\r\nERROR\r\n".to_owned())),
                    5 if is_pin => Some((20, "\r\n+CME ERROR: 14\r\n".to_owned())),
                    3 if is_pin => sim.answer(sent).filter(|_| false),
                    _ if sent == "AT+CCID" && sim.tells_number => Some((20, number.clone())),
                    _ => sim.answer(sent),
                }
            },
            &mut |memory| {
                *process = memory.clone();
                let write = writes.next().map_or(0, |write| write % 6);
                if write < 4 {
                    *disk = Memory::decode(&memory.encode()).unwrap();
                }
                [Some(true), Some(true), Some(true), None, Some(false), None]
                    .get(usize::from(write))
                    .copied()
                    .flatten()
            },
            if start.cut < 800 {
                limit
            } else {
                Duration::MAX
            },
        );
        if matches!(run.end, BringupEvent::Info(_)) {
            *process = disk.clone();
            sim.is_open = false;
        }
    }

    /// Never a wrong PIN twice, never with fewer than two tries left.
    fn check(&self) -> Result<(), TestCaseError> {
        for sim in &self.sims {
            for (n, (pin, left)) in sim.sent.iter().enumerate() {
                prop_assert!(*left >= 2, "{:?}", sim.sent);
                let again = sim.sent.iter().take(n).any(|(other, _)| other == pin);
                prop_assert!(*pin == sim.right || !again, "{:?}", sim.sent);
            }
        }
        Ok(())
    }
}

proptest! {
    /// Spec D4: gateway, modem and program are restarted at any moment, writes are lost, the modem tells the tries and the
    /// SIM's number or does not, PINs and SIMs are changed, SIMs are busy, answers do not come: a wrong PIN reaches a SIM
    /// once at most, and none does with fewer than two tries left.
    #[test]
    fn no_interleaving_locks_the_sim(starts in proptest::collection::vec(start(), 1..14)) {
        let mut gateway = Gateway::new();
        for start in &starts {
            gateway.start(start);
            gateway.check()?;
        }
    }

    /// The same where the PIN is changed in a phone meanwhile, which sets the tries back: by a modem that tells the tries,
    /// or with a disk that can be written to.
    #[test]
    fn a_pin_that_is_changed_in_a_phone_does_not_lock_the_sim(
        tells_tries in any::<bool>(),
        starts in proptest::collection::vec((start(), proptest::option::weighted(0.3, 0usize..4)), 1..14),
    ) {
        let mut gateway = Gateway::new();
        for (mut start, changed) in starts {
            // The answer comes: without it, and with the tries set back by hand, nobody could know.
            start.way = 0;
            start.cut = u64::MAX;
            start.tells_number = true;
            if tells_tries {
                start.tells_tries = true;
            } else {
                start.writes = [0; 4];
            }
            if let Some(right) = changed {
                let sim = &mut gateway.sims[start.sim];
                sim.right = Gateway::PINS[right].to_owned();
                sim.tries = 3;
                sim.is_open = false;
                sim.sent.clear();
            }
            gateway.start(&start);
            gateway.check()?;
        }
    }
}

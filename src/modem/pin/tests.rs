use proptest::prelude::*;

use super::*;

const SIM: Option<&str> = Some("8981100000000000001");

fn key(iccid: Option<&str>, pin: &str) -> PinKey {
    PinKey::new(iccid, &Secret::new(pin))
}

/// C26a.
#[test]
fn a_pin_that_was_refused_is_never_sent_again() {
    let mut memory = Memory::default();
    let wrong = key(SIM, "1234");
    assert_eq!(judge(&memory, &wrong, Some(3)), Ok(Permit::Noted));
    assert!(note_sent(&mut memory, &wrong));
    note_refused(&mut memory, &wrong);
    for tries in [None, Some(2), Some(3), Some(10)] {
        assert_eq!(judge(&memory, &wrong, tries), Err(PinGuard::Refused));
    }
    // Another PIN, another SIM: another key.
    assert_eq!(
        judge(&memory, &key(SIM, "4321"), Some(2)),
        Ok(Permit::Noted)
    );
    assert_eq!(
        judge(&memory, &key(Some("89"), "1234"), Some(3)),
        Ok(Permit::Noted)
    );
    // Even after the right one.
    let right = key(SIM, "4321");
    assert!(note_sent(&mut memory, &right));
    note_accepted(&mut memory, &right);
    assert_eq!(judge(&memory, &wrong, Some(3)), Err(PinGuard::Refused));
    assert_eq!(judge(&memory, &right, None), Ok(Permit::Known));
}

#[test]
fn the_last_try_is_left() {
    let memory = Memory::default();
    for left in [0, 1] {
        assert_eq!(
            judge(&memory, &key(SIM, "1234"), Some(left)),
            Err(PinGuard::FewTries { left })
        );
    }
    assert_eq!(
        judge(&memory, &key(SIM, "1234"), Some(2)),
        Ok(Permit::Noted)
    );
}

#[test]
fn without_the_modems_word_the_notes_count() {
    let mut memory = Memory::default();
    for pin in ["1111", "2222"] {
        assert_eq!(judge(&memory, &key(SIM, pin), None), Ok(Permit::Noted));
        assert!(note_sent(&mut memory, &key(SIM, pin)));
        note_refused(&mut memory, &key(SIM, pin));
    }
    assert_eq!(
        judge(&memory, &key(SIM, "3333"), None),
        Err(PinGuard::FewTries { left: 1 })
    );
    assert_eq!(
        judge(&Memory::default(), &key(None, "1111"), None),
        Err(PinGuard::Blind)
    );
}

#[test]
fn a_sim_whose_number_is_read_only_sometimes_is_the_same_sim() {
    for (first, second) in [(SIM, None), (None, SIM)] {
        let mut memory = Memory::default();
        assert!(note_sent(&mut memory, &key(first, "1234")));
        note_refused(&mut memory, &key(first, "1234"));
        let again = key(second, "1234");
        assert_eq!(judge(&memory, &again, Some(2)), Err(PinGuard::Refused));
        assert_eq!(judge(&memory, &again, None), Err(PinGuard::Refused));
        assert_eq!(judge(&memory, &again, Some(3)), Err(PinGuard::Refused));
    }
}

#[test]
fn an_unanswered_try_is_repeated_only_if_the_sim_has_not_counted_it() {
    let mut memory = Memory::default();
    let key = key(SIM, "1234");
    assert!(note_sent(&mut memory, &key));
    assert_eq!(judge(&memory, &key, None), Err(PinGuard::Unanswered));
    assert_eq!(judge(&memory, &key, Some(2)), Err(PinGuard::Unanswered));
    assert_eq!(judge(&memory, &key, Some(3)), Ok(Permit::Noted));
    assert!(note_sent(&mut memory, &key));
    assert_eq!(judge(&memory, &key, Some(3)), Err(PinGuard::Unanswered));
}

#[test]
fn an_unanswered_try_was_wrong_if_another_pin_is_right() {
    let mut memory = Memory::default();
    assert!(note_sent(&mut memory, &key(SIM, "1234")));
    assert!(note_sent(&mut memory, &key(SIM, "4321")));
    note_accepted(&mut memory, &key(SIM, "4321"));
    let wrong = key(SIM, "1234");
    assert_eq!(judge(&memory, &wrong, Some(3)), Err(PinGuard::Refused));
}

#[test]
fn what_cannot_be_noted_is_sent_only_if_it_was_accepted_before() {
    let mut memory = Memory::default();
    let first = key(SIM, "0000");
    assert!(note_sent(&mut memory, &first));
    note_not_sent(&mut memory, &first);
    assert_eq!(memory, Memory::default());
    assert!(note_sent(&mut memory, &first));
    note_accepted(&mut memory, &first);
    for tries in [None, Some(3)] {
        assert_eq!(judge(&memory, &first, tries), Ok(Permit::Known));
    }
    // A try is missing: it may have been this PIN, changed in a phone. Or it was another one, and that is known.
    assert_eq!(judge(&memory, &first, Some(2)), Err(PinGuard::Unanswered));
    let mut slipped = memory.clone();
    assert!(note_sent(&mut slipped, &key(SIM, "2222")));
    note_refused(&mut slipped, &key(SIM, "2222"));
    assert_eq!(judge(&slipped, &first, Some(2)), Ok(Permit::Noted));
    // Another SIM, another PIN, and a SIM that may be another one.
    for other in [key(Some("89"), "0000"), key(SIM, "1111"), key(None, "0000")] {
        assert_eq!(judge(&memory, &other, Some(3)), Ok(Permit::Noted));
    }
    // A SIM has one PIN.
    let second = key(SIM, "1111");
    assert!(note_sent(&mut memory, &second));
    note_accepted(&mut memory, &second);
    assert_eq!(judge(&memory, &second, None), Ok(Permit::Known));
    assert_eq!(judge(&memory, &first, Some(3)), Err(PinGuard::Refused));
    // It is changed in a phone.
    assert!(note_sent(&mut memory, &second));
    note_refused(&mut memory, &second);
    assert_eq!(judge(&memory, &second, Some(3)), Err(PinGuard::Refused));
}

#[test]
fn without_room_a_pin_is_sent_only_if_it_was_accepted_before() {
    let mut memory = Memory::default();
    let right = key(Some("89"), "4711");
    assert!(note_sent(&mut memory, &right));
    note_accepted(&mut memory, &right);
    for n in 0..64 {
        assert!(note_sent(&mut memory, &key(SIM, &format!("{n:04}"))));
    }
    assert!(!note_sent(&mut memory, &key(SIM, "9999")));
    assert!(!note_sent(&mut memory, &right));
    assert_eq!(judge(&memory, &right, Some(3)), Ok(Permit::Known));
    note_refused(&mut memory, &right);
    assert_eq!(judge(&memory, &right, Some(3)), Ok(Permit::Noted));
}

#[test]
fn an_accepted_pin_without_an_answer_is_sent_again_while_two_tries_are_left() {
    let mut memory = Memory::default();
    let right = key(SIM, "4711");
    assert!(note_sent(&mut memory, &right));
    note_accepted(&mut memory, &right);
    for _ in 0..2 {
        assert_eq!(judge(&memory, &right, None), Ok(Permit::Known));
        assert!(note_sent(&mut memory, &right));
    }
    let few = PinGuard::FewTries { left: 1 };
    assert_eq!(judge(&memory, &right, None), Err(few));
    assert_eq!(judge(&memory, &right, Some(2)), Err(PinGuard::Unanswered));
    assert_eq!(judge(&memory, &right, Some(3)), Ok(Permit::Known));
    note_accepted(&mut memory, &right);
    assert_eq!(judge(&memory, &right, None), Ok(Permit::Known));
}

#[test]
fn what_the_modem_told_of_the_tries_counts_while_it_is_silent() {
    let mut memory = Memory::default();
    let one = key(SIM, "1234");
    assert!(!note_tries(&mut memory, &one, Some(3)));
    assert!(note_tries(&mut memory, &one, Some(1)));
    assert!(!note_tries(&mut memory, &one, Some(1)));
    assert!(!note_tries(&mut memory, &one, None));
    let few = PinGuard::FewTries { left: 1 };
    assert_eq!(judge(&memory, &one, None), Err(few));
    assert!(note_tries(&mut memory, &one, Some(2)));
    assert_eq!(judge(&memory, &one, None), Ok(Permit::Noted));
    assert!(note_sent(&mut memory, &one));
    note_not_sent(&mut memory, &one);
    assert_eq!(judge(&memory, &one, None), Ok(Permit::Noted));
    assert!(note_sent(&mut memory, &one));
    let other = key(SIM, "4321");
    assert_eq!(judge(&memory, &other, None), Err(few));
    note_accepted(&mut memory, &one);
    assert_eq!(judge(&memory, &other, None), Ok(Permit::Noted));
}

#[test]
fn lost_notes_call_for_all_tries() {
    let mut memory = Memory::lost();
    let key = key(SIM, "1234");
    for tries in [None, Some(2)] {
        assert_eq!(judge(&memory, &key, tries), Err(PinGuard::Forgotten));
    }
    assert_eq!(judge(&memory, &key, Some(3)), Ok(Permit::Noted));
    assert!(note_sent(&mut memory, &key));
    note_accepted(&mut memory, &key);
    assert_eq!(judge(&memory, &key, None), Ok(Permit::Known));
}

/// The SIM that has refused it may be another one than the one that has accepted it.
#[test]
fn a_sim_without_a_number_takes_no_note_away_from_another_one() {
    let mut memory = Memory::default();
    let (named, unnamed) = (key(SIM, "1234"), key(None, "1234"));
    assert!(note_sent(&mut memory, &named));
    assert!(note_sent(&mut memory, &unnamed));
    note_accepted(&mut memory, &unnamed);
    assert_eq!(judge(&memory, &named, None), Err(PinGuard::Unanswered));
}

#[test]
fn a_busy_sim_may_be_asked_again_and_again() {
    let mut memory = Memory::default();
    let key = key(SIM, "1234");
    for _ in 0..10 {
        assert_eq!(judge(&memory, &key, Some(3)), Ok(Permit::Noted));
        assert!(note_sent(&mut memory, &key));
        note_busy(&mut memory, &key, Some(3));
    }
    // It was counted all the same.
    assert_eq!(judge(&memory, &key, Some(2)), Err(PinGuard::Unanswered));
    let mut memory = Memory::default();
    assert!(note_sent(&mut memory, &key));
    note_busy(&mut memory, &key, None);
    assert_eq!(judge(&memory, &key, None), Ok(Permit::Noted));
}

#[test]
fn knows_the_form_of_a_pin() {
    for (pin, fits) in [
        ("1234", true),
        ("12345678", true),
        ("123", false),
        ("123456789", false),
        ("12a4", false),
    ] {
        assert_eq!(is_pin(&Secret::new(pin)), fits);
    }
}

/// A record of another SIM with the same PIN behind it does not hide that another PIN was sent since.
#[test]
fn a_pin_is_the_last_one_only_if_no_other_was_sent_after_any_of_its_tries() {
    let mut memory = Memory::default();
    for (number, pin) in [(SIM, "1234"), (SIM, "4321"), (Some("89"), "1234")] {
        assert!(note_sent(&mut memory, &key(number, pin)));
    }
    note_busy(&mut memory, &key(Some("89"), "1234"), Some(3));
    let unnamed = key(None, "1234");
    assert_eq!(judge(&memory, &unnamed, Some(3)), Err(PinGuard::Unanswered));
}

/// A SIM, and the PINs that it has judged, with the tries that were left then.
struct Sim {
    number: &'static str,
    right: usize,
    tries: u8,
    judged: Vec<(usize, u8)>,
}

/// What happens at a start.
#[derive(Clone, Debug)]
struct Start {
    sim: usize,
    pin: usize,
    tells_tries: bool,
    tells_number: bool,
    /// Each write: whether it is durable.
    writes: [bool; 2],
    /// Whether the program was started anew.
    anew: bool,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Answered,
    /// The SIM has judged it, and nobody hears of it.
    AnswerLost,
    /// It never reached the SIM.
    Lost,
    Busy,
}

fn start() -> impl Strategy<Value = Start> {
    let way = prop_oneof![
        3 => Just(Way::Answered),
        3 => Just(Way::AnswerLost),
        1 => Just(Way::Lost),
        1 => Just(Way::Busy),
    ];
    let flags = any::<[bool; 5]>();
    (0usize..2, 0usize..3, flags, way).prop_map(|(sim, pin, flags, way)| {
        let [tells_tries, tells_number, first, second, anew] = flags;
        Start {
            sim,
            pin,
            tells_tries,
            tells_number,
            writes: [first, second],
            anew,
            way,
        }
    })
}

/// The guard as the bring-up uses it; `disk` and `process` are the memory.
fn go(start: &Start, sim: &mut Sim, disk: &mut Memory, process: &mut Memory) {
    if start.anew {
        *process = disk.clone();
    }
    let mut save = |memory: &Memory, durable: bool| {
        if durable {
            *disk = memory.clone();
        }
    };
    let tries = start.tells_tries.then_some(sim.tries);
    let number = start.tells_number.then_some(sim.number);
    let pin = ["1111", "2222", "3333"][start.pin];
    let key = key(number, pin);
    note_tries(process, &key, tries);
    let Ok(permit) = judge(process, &key, tries) else {
        return save(process, start.writes[0]);
    };
    let noted = note_sent(process, &key);
    save(process, start.writes[0]);
    if !(noted && start.writes[0]) && permit == Permit::Noted {
        note_not_sent(process, &key);
        return save(process, start.writes[1]);
    }
    let mut accepted = None;
    if matches!(start.way, Way::Answered | Way::AnswerLost) {
        sim.judged.push((start.pin, sim.tries));
        let is_right = start.pin == sim.right;
        sim.tries = if is_right { 3 } else { sim.tries - 1 };
        accepted = Some(is_right);
    }
    match (start.way, accepted) {
        (Way::Answered, Some(true)) => note_accepted(process, &key),
        (Way::Answered, _) => note_refused(process, &key),
        (Way::Busy, _) => note_busy(process, &key, tries),
        (Way::AnswerLost | Way::Lost, _) => {}
    }
    save(process, start.writes[1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Two SIMs, three PINs, and everything that can be lost, in any order: a wrong PIN is judged by a SIM once at most,
    /// and none with fewer than two tries left. The same on the whole bring-up: see its tests.
    #[test]
    fn no_order_of_events_locks_a_sim(starts in proptest::collection::vec(start(), 1..24)) {
        let mut sims = [(0, SIM), (1, Some("89"))].map(|(right, number)| Sim {
            number: number.unwrap_or_default(),
            right,
            tries: 3,
            judged: Vec::new(),
        });
        let (mut disk, mut process) = (Memory::default(), Memory::default());
        for start in &starts {
            go(start, &mut sims[start.sim], &mut disk, &mut process);
        }
        for sim in &sims {
            for (n, (pin, left)) in sim.judged.iter().enumerate() {
                prop_assert!(*left >= 2, "{:?}", sim.judged);
                let again = sim.judged.iter().take(n).any(|(other, _)| other == pin);
                prop_assert!(*pin == sim.right || !again, "{:?}", sim.judged);
            }
        }
    }
}

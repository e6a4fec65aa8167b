//! Tests of the ladder, in virtual time.

use proptest::prelude::*;

use super::*;

const GONE: Duration = Duration::from_secs(15);
const BACK: Duration = Duration::from_secs(120);

fn at() -> ResetStep {
    ResetStep::At("AT+CFUN=16".to_owned())
}

fn config(steps: &[ResetStep]) -> LadderConfig {
    LadderConfig {
        steps: steps.to_vec(),
        gone_within: GONE,
        back_within: BACK,
        vanishes: true,
        present: true,
    }
}

/// A ladder with its clock and what it has said.
struct Test {
    ladder: Ladder,
    now: Instant,
    log: Vec<String>,
    ended: Option<Instant>,
    other: Vec<LadderCommand>,
}

impl Test {
    fn start(config: LadderConfig) -> Self {
        let mut test = Self {
            ladder: Ladder::new(config),
            now: Instant::from_millis(1_000_000),
            log: Vec::new(),
            ended: None,
            other: Vec::new(),
        };
        test.ladder.start(test.now);
        test.drain();
        test
    }

    fn drain(&mut self) {
        while let Some(command) = self.ladder.poll_command() {
            match command {
                LadderCommand::Log(line) => self.log.push(line.text),
                other => {
                    if matches!(other, LadderCommand::Done(_)) {
                        self.ended = Some(self.now);
                    }
                    self.other.push(other);
                }
            }
        }
    }

    fn input(&mut self, input: LadderInput) {
        self.ladder.handle(self.now, input);
        self.drain();
    }

    fn done(&mut self) {
        self.input(LadderInput::StepDone(Ok(())));
    }

    /// Lets so many milliseconds pass.
    fn pass(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(deadline) = self.ladder.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.ladder.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// What it wanted since the last look.
    fn wanted(&mut self) -> Vec<LadderCommand> {
        std::mem::take(&mut self.other)
    }
}

fn done(step: &str) -> LadderCommand {
    LadderCommand::Done(ResetOutcome::Done {
        step: step.to_owned(),
    })
}

fn failed(why: &str) -> LadderCommand {
    LadderCommand::Done(ResetOutcome::Failed {
        why: why.to_owned(),
    })
}

#[test]
fn a_step_after_which_the_tty_goes_and_comes_back_is_the_last() {
    let mut test = Test::start(config(&[at(), ResetStep::UsbAuthorized]));
    assert_eq!(test.wanted(), [LadderCommand::Run(at())]);
    test.pass(300);
    test.done();
    test.pass(1_200);
    test.input(LadderInput::Gone);
    test.pass(14_000);
    test.input(LadderInput::Back);
    assert_eq!(test.wanted(), []);
    test.pass(3_000);
    assert_eq!(test.wanted(), [done("AT+CFUN=16")]);
    assert_eq!(test.ladder.poll_timeout(), None);
    assert_eq!(
        test.log,
        [
            "Resetting the modem, step 1 of 2: AT+CFUN=16",
            "The modem went away 1.5 s after the step's beginning.",
            "Reset step 1 (AT+CFUN=16) worked: the modem is back, 15.5 s after its beginning.",
        ]
    );
}

#[test]
fn a_step_that_does_nothing_leads_to_the_next() {
    let mut test = Test::start(config(&[at(), ResetStep::UsbAuthorized]));
    test.done();
    test.pass(14_999);
    assert_eq!(test.wanted(), [LadderCommand::Run(at())]);
    test.pass(1);
    assert_eq!(test.wanted(), []);
    test.pass(5_000);
    assert_eq!(
        test.wanted(),
        [LadderCommand::Run(ResetStep::UsbAuthorized)]
    );
    assert_eq!(
        test.log.get(1).map(String::as_str),
        Some("Reset step 1 (AT+CFUN=16) did nothing: the tty did not go within 15 s.")
    );
    // It goes and comes while the step runs.
    test.input(LadderInput::Gone);
    test.pass(2_000);
    test.input(LadderInput::Back);
    test.done();
    test.pass(3_000);
    assert_eq!(test.wanted(), [done("USB device off and on (authorized)")]);
}

#[test]
fn a_step_that_fails_leads_to_the_next_without_waiting() {
    let mut test = Test::start(config(&[at(), ResetStep::UsbRebind]));
    test.input(LadderInput::StepDone(Err("no such LED".to_owned())));
    test.pass(5_000);
    assert_eq!(
        test.wanted(),
        [
            LadderCommand::Run(at()),
            LadderCommand::Run(ResetStep::UsbRebind)
        ]
    );
    test.input(LadderInput::StepDone(Err("no".to_owned())));
    assert_eq!(
        test.wanted(),
        [failed("none of 2 steps made the modem restart")]
    );
    assert_eq!(
        test.log,
        [
            "Resetting the modem, step 1 of 2: AT+CFUN=16",
            "Reset step 1 (AT+CFUN=16) failed: no such LED.",
            "Resetting the modem, step 2 of 2: USB device unbound and bound",
            "Reset step 2 (USB device unbound and bound) failed: no.",
        ]
    );
}

#[test]
fn an_error_of_a_step_after_which_the_tty_goes_does_not_count() {
    let mut test = Test::start(config(&[at()]));
    test.input(LadderInput::Gone);
    test.input(LadderInput::StepDone(Err("end of file".to_owned())));
    assert_eq!(
        test.log.last().map(String::as_str),
        Some("Reset step 1 (AT+CFUN=16) failed, although the modem went away: end of file.")
    );
    test.pass(20_000);
    test.input(LadderInput::Back);
    test.pass(3_000);
    assert_eq!(
        test.wanted(),
        [LadderCommand::Run(at()), done("AT+CFUN=16")]
    );
}

#[test]
fn a_step_that_does_not_end_is_given_up() {
    let mut test = Test::start(config(&[at(), ResetStep::UsbRebind]));
    test.pass(45_000 + 5_000);
    assert_eq!(
        test.wanted(),
        [
            LadderCommand::Run(at()),
            LadderCommand::Run(ResetStep::UsbRebind)
        ]
    );
    assert_eq!(
        test.log.get(1).map(String::as_str),
        Some("Reset step 1 (AT+CFUN=16) failed: it did not end within 45 s.")
    );
}

#[test]
fn a_tty_that_does_not_come_back_leads_to_the_next_step_which_must_only_bring_it_back() {
    let mut test = Test::start(config(&[at(), ResetStep::UsbAuthorized]));
    test.done();
    test.input(LadderInput::Gone);
    test.pass(120_000 + 5_000);
    assert_eq!(
        test.wanted(),
        [
            LadderCommand::Run(at()),
            LadderCommand::Run(ResetStep::UsbAuthorized)
        ]
    );
    test.done();
    test.pass(30_000);
    test.input(LadderInput::Back);
    test.pass(3_000);
    assert_eq!(test.wanted(), [done("USB device off and on (authorized)")]);
}

#[test]
fn a_tty_that_is_away_from_the_beginning_must_only_come_back() {
    let mut test = Test::start(LadderConfig {
        present: false,
        ..config(&[ResetStep::UsbPortPower { off: PAUSE }])
    });
    test.done();
    test.pass(119_000);
    test.input(LadderInput::Back);
    test.pass(3_000);
    assert_eq!(
        test.wanted().last(),
        Some(&done("power of the USB port off and on"))
    );
}

#[test]
fn a_boot_loader_that_shows_itself_first_is_not_the_modem() {
    let mut test = Test::start(config(&[at()]));
    test.done();
    test.input(LadderInput::Gone);
    test.pass(5_000);
    test.input(LadderInput::Back);
    test.pass(2_000);
    test.input(LadderInput::Gone);
    test.pass(20_000);
    test.input(LadderInput::Back);
    assert_eq!(test.wanted(), [LadderCommand::Run(at())]);
    test.pass(3_000);
    assert_eq!(test.wanted(), [done("AT+CFUN=16")]);
}

#[test]
fn a_tty_that_comes_and_goes_for_ever_is_given_up() {
    let mut test = Test::start(config(&[at()]));
    test.done();
    for _ in 0..100 {
        test.input(LadderInput::Gone);
        test.pass(1_000);
        test.input(LadderInput::Back);
        test.pass(2_000);
    }
    assert_eq!(
        test.wanted(),
        [
            LadderCommand::Run(at()),
            failed("none of 1 step made the modem restart")
        ]
    );
}

#[test]
fn a_tty_that_is_back_in_the_pause_makes_the_next_step_needless() {
    let mut test = Test::start(config(&[at(), ResetStep::UsbAuthorized]));
    test.done();
    test.input(LadderInput::Gone);
    test.pass(121_000);
    test.input(LadderInput::Back);
    test.pass(10_000);
    assert_eq!(
        test.wanted(),
        [LadderCommand::Run(at()), done("AT+CFUN=16")]
    );
}

#[test]
fn a_tty_that_is_back_only_in_the_pauses_is_given_up() {
    let mut test = Test::start(config(&[at(), ResetStep::UsbAuthorized]));
    for _ in 0..20 {
        test.done();
        test.input(LadderInput::Gone);
        test.pass(121_000);
        test.input(LadderInput::Back);
    }
    assert_eq!(
        test.wanted(),
        [
            LadderCommand::Run(at()),
            LadderCommand::Run(ResetStep::UsbAuthorized),
            failed("none of 2 steps made the modem restart")
        ]
    );
}

#[test]
fn a_modem_on_a_uart_is_judged_by_its_answers() {
    let mut test = Test::start(LadderConfig {
        vanishes: false,
        ..config(&[at(), ResetStep::Command(vec!["x".to_owned()])])
    });
    test.done();
    test.pass(2_999);
    assert_eq!(test.wanted(), [LadderCommand::Run(at())]);
    test.pass(1);
    assert_eq!(test.wanted(), [LadderCommand::Probe]);
    test.input(LadderInput::Probed(false));
    test.pass(2_000);
    assert_eq!(test.wanted(), [LadderCommand::Probe]);
    test.pass(4_000);
    test.input(LadderInput::Probed(true));
    assert_eq!(test.wanted(), [done("AT+CFUN=16")]);
    assert_eq!(
        test.log.last().map(String::as_str),
        Some("Reset step 1 (AT+CFUN=16) worked: the modem answers, 9 s after its beginning.")
    );
}

#[test]
fn a_modem_on_a_uart_that_stays_silent_leads_to_the_next_step() {
    let mut test = Test::start(LadderConfig {
        vanishes: false,
        ..config(&[at()])
    });
    test.done();
    for _ in 0..1000 {
        test.pass(500);
        if test.wanted().contains(&LadderCommand::Probe) {
            test.input(LadderInput::Probed(false));
        }
    }
    assert_eq!(
        test.log.get(1).map(String::as_str),
        Some("Reset step 1 (AT+CFUN=16) brought no answer to AT within 120 s.")
    );
}

#[test]
fn a_host_that_does_not_restart_is_a_failure() {
    let mut test = Test::start(config(&[ResetStep::Reboot]));
    test.done();
    test.pass(119_999);
    assert_eq!(test.wanted(), [LadderCommand::Run(ResetStep::Reboot)]);
    test.pass(1);
    assert_eq!(
        test.wanted(),
        [failed("none of 1 step made the modem restart")]
    );
}

#[test]
fn without_steps_it_says_so() {
    let mut test = Test::start(config(&[]));
    assert_eq!(
        test.wanted(),
        [failed("no way to reset this modem is known or configured")]
    );
    // Late news change nothing.
    test.done();
    test.input(LadderInput::Gone);
    test.input(LadderInput::Probed(true));
    test.pass(1_000_000);
    assert_eq!(test.wanted(), []);
}

fn any_step() -> impl Strategy<Value = ResetStep> {
    prop_oneof![
        Just(at()),
        Just(ResetStep::UsbAuthorized),
        Just(ResetStep::UsbPortPower {
            off: Duration::from_secs(7)
        }),
        Just(ResetStep::Command(vec!["x".to_owned()])),
        Just(ResetStep::Reboot),
    ]
}

fn any_input() -> impl Strategy<Value = LadderInput> {
    prop_oneof![
        3 => Just(LadderInput::Gone),
        3 => Just(LadderInput::Back),
        2 => Just(LadderInput::StepDone(Ok(()))),
        1 => Just(LadderInput::StepDone(Err("no".to_owned()))),
        1 => any::<bool>().prop_map(LadderInput::Probed),
    ]
}

proptest! {
    /// Whatever the modem does, the ladder ends in time, once, and runs no step twice.
    #[test]
    fn it_always_ends_within_its_longest_time(
        steps in proptest::collection::vec(any_step(), 0..5),
        vanishes: bool,
        present: bool,
        inputs in proptest::collection::vec((any_input(), 0_u64..20_000), 0..200),
    ) {
        let config = LadderConfig { vanishes, present, ..config(&steps) };
        let longest = longest(&config);
        let mut test = Test::start(config);
        let begin = test.now;
        for (input, ms) in inputs {
            test.pass(ms);
            test.input(input);
        }
        // From here on silence.
        while let Some(deadline) = test.ladder.poll_timeout() {
            test.now = test.now.max(deadline);
            test.ladder.handle_timeout(test.now);
            test.drain();
        }
        prop_assert!(test.ended.unwrap().since(begin) <= longest);
        let wanted = test.wanted();
        let ends = wanted.iter().filter(|c| matches!(c, LadderCommand::Done(_))).count();
        prop_assert_eq!(ends, 1);
        let runs = wanted.iter().filter(|c| matches!(c, LadderCommand::Run(_))).count();
        prop_assert!(runs <= steps.len());
    }

    /// The bound itself: the modem does its worst just before each deadline.
    #[test]
    fn the_worst_modem_stays_within_the_bound(
        steps in proptest::collection::vec(any_step(), 1..5),
        vanishes: bool,
        inputs in proptest::collection::vec(any_input(), 0..300),
    ) {
        let config = LadderConfig { vanishes, ..config(&steps) };
        let longest = longest(&config);
        let mut test = Test::start(config);
        let begin = test.now;
        let mut inputs = inputs.into_iter();
        while let Some(deadline) = test.ladder.poll_timeout() {
            if let Some(input) = inputs.next() {
                test.now = test.now.max(Instant::from_origin(
                    deadline.since_origin().saturating_sub(Duration::from_millis(1)),
                ));
                test.input(input);
            }
            if let Some(deadline) = test.ladder.poll_timeout() {
                test.now = test.now.max(deadline);
                test.ladder.handle_timeout(test.now);
                test.drain();
            }
        }
        prop_assert!(
            test.now.since(begin) <= longest,
            "{:?} > {longest:?}", test.now.since(begin)
        );
    }
}

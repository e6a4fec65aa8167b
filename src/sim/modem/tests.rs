//! The simulated modem, byte by byte.

use super::super::SimConfig;
use super::*;

struct Rig {
    modem: Modem,
    device: Device,
    faults: ModemFaults,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        Self {
            modem: Modem::new(1),
            device: Device::new(&SimConfig::default(), Instant::ZERO),
            faults: ModemFaults::default(),
            now: Instant::ZERO,
        }
    }

    /// Lets `time` pass, stopping at each deadline.
    fn pass(&mut self, time: Duration) -> String {
        let end = self.now + time;
        while let Some(due) = self.modem.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.modem
                .handle_timeout(self.now, &mut self.device, self.faults);
        }
        self.now = end;
        self.said()
    }

    fn said(&mut self) -> String {
        let mut out = Vec::new();
        self.modem.poll_text(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn say(&mut self, text: &str) -> String {
        self.modem
            .handle_bytes(self.now, text.as_bytes(), &mut self.device, self.faults);
        self.pass(Duration::from_millis(100))
    }

    fn say_at_once(&mut self, text: &str) {
        self.modem
            .handle_bytes(self.now, text.as_bytes(), &mut self.device, self.faults);
    }

    fn events(&mut self) -> Vec<ModemEvent> {
        std::iter::from_fn(|| self.modem.poll_event()).collect()
    }

    fn connected() -> Self {
        let mut rig = Self::new();
        rig.say("ATE0D*99#\r");
        rig.modem.answer_dial(
            rig.now,
            Duration::from_millis(50),
            DialOutcome::Connect("150000000".into()),
        );
        assert_eq!(
            rig.pass(Duration::from_millis(50)),
            "\r\nCONNECT 150000000\r\n"
        );
        rig.events();
        rig
    }
}

#[test]
fn echoes_answers_and_stops_echoing() {
    let mut rig = Rig::new();
    assert_eq!(rig.say("AT\r"), "AT\r\r\nOK\r\n");
    assert_eq!(rig.say("\nATZ\r"), "\nATZ\r\r\nOK\r\n");
    assert_eq!(rig.say("ATE0\r"), "ATE0\r\r\nOK\r\n");
    assert_eq!(rig.say("AT+CPIN?\r"), "\r\n+CPIN: READY\r\n\r\nOK\r\n");
    assert_eq!(rig.say("ATV0\r"), "0\r");
    assert_eq!(rig.say("ATQ1\r"), "");
}

#[test]
fn what_is_typed_ahead_waits() {
    let mut rig = Rig::new();
    let said = rig.say("ATE0\rAT+CSQ\rAT+NO\r");
    assert_eq!(
        said,
        "ATE0\r\r\nOK\r\n\r\n+CSQ: 99,99\r\n\r\nOK\r\n\r\nERROR\r\n"
    );
    rig.modem
        .handle_bytes(rig.now, &[b'A'; 100_000], &mut rig.device, rig.faults);
    assert_eq!(rig.say("\rAT\r"), "\r\nOK\r\n");
}

#[test]
fn a_line_that_is_too_long_is_an_error_and_one_without_at_is_nothing() {
    let mut rig = Rig::new();
    rig.say("ATE0\r");
    assert_eq!(
        rig.say(&format!("AT+CGDCONT=1,\"{}\"\r", "x".repeat(600))),
        "\r\nERROR\r\n"
    );
    assert_eq!(rig.say("hello\r"), "");
    assert_eq!(rig.say("+++ATH\r"), "\r\nOK\r\n");
    assert_eq!(rig.say("ATX\x089\x08\r"), "\r\nOK\r\n");
}

#[test]
fn dials_connects_and_carries_data() {
    let mut rig = Rig::connected();
    assert!(rig.modem.is_in_data_mode());
    assert_eq!(rig.say("~data AT\r"), "");
    assert_eq!(rig.modem.poll_data(), b"~data AT\r");
    rig.modem.carrier_lost(true);
    assert_eq!(rig.said(), "\r\nNO CARRIER\r\n");
    assert_eq!(rig.say("AT\r"), "\r\nOK\r\n");
}

#[test]
fn a_refused_call_says_why() {
    for (outcome, said) in [
        (DialOutcome::Refused("BUSY"), "\r\nBUSY\r\n"),
        (DialOutcome::Error(30), "\r\n+CME ERROR: 30\r\n"),
    ] {
        let mut rig = Rig::new();
        assert_eq!(rig.say("ATD*99***1#\r"), "ATD*99***1#\r");
        let events = [
            ModemEvent::Command("ATD*99***1#".into()),
            ModemEvent::Dial("*99***1#".into()),
        ];
        assert_eq!(rig.events(), events);
        rig.modem
            .answer_dial(rig.now, Duration::from_secs(2), outcome);
        assert_eq!(rig.pass(Duration::from_millis(1999)), "");
        assert_eq!(rig.pass(Duration::from_millis(1)), said);
    }
}

#[test]
fn a_character_ends_a_dial_but_a_line_feed_does_not() {
    let mut rig = Rig::new();
    rig.say("ATE0D*99#\r");
    rig.modem.answer_dial(
        rig.now,
        Duration::from_secs(9),
        DialOutcome::Refused("BUSY"),
    );
    assert_eq!(rig.say("\n"), "");
    assert_eq!(rig.say("A"), "\r\nNO CARRIER\r\n");
    assert_eq!(rig.pass(Duration::from_secs(20)), "");
}

#[test]
fn three_pluses_between_silences_lead_to_command_mode_and_ato_back() {
    let mut rig = Rig::connected();
    rig.say("data");
    rig.pass(Duration::from_secs(1));
    rig.say_at_once("+");
    rig.say_at_once("++");
    assert_eq!(rig.pass(Duration::from_millis(999)), "");
    assert_eq!(rig.pass(Duration::from_millis(1)), "\r\nOK\r\n");
    assert!(rig.modem.has_call() && !rig.modem.is_in_data_mode());
    assert_eq!(rig.say("ATO\r"), "\r\nCONNECT 150000000\r\n");
    assert!(rig.modem.is_in_data_mode());
    rig.pass(Duration::from_secs(2));
    rig.say("+++");
    assert_eq!(rig.pass(Duration::from_secs(2)), "\r\nOK\r\n");
    assert_eq!(rig.say("ATH\r"), "\r\nOK\r\n");
    assert!(rig.events().contains(&ModemEvent::HungUp("ATH")));
    assert_eq!(rig.say("ATO\r"), "\r\nNO CARRIER\r\n");
}

#[test]
fn dropping_dtr_does_what_the_d_command_says() {
    let mut rig = Rig::connected();
    rig.modem.handle_dtr_off(rig.faults);
    assert_eq!(rig.said(), "\r\nNO CARRIER\r\n");
    assert_eq!(rig.events(), [ModemEvent::HungUp("DTR")]);

    let mut rig = Rig::new();
    rig.say("ATE0&D1D*99#\r");
    rig.modem
        .answer_dial(rig.now, Duration::ZERO, DialOutcome::Connect("1".into()));
    rig.pass(Duration::from_millis(1));
    rig.modem.handle_dtr_off(rig.faults);
    assert_eq!(rig.said(), "\r\nOK\r\n");
    assert!(rig.modem.has_call());
}

#[test]
fn a_stuck_modem_stays_in_data_mode() {
    let mut rig = Rig::new();
    rig.faults.stuck = true;
    rig.modem.start_in_data_mode(rig.now);
    rig.pass(Duration::from_secs(2));
    rig.say("+++");
    assert_eq!(rig.pass(Duration::from_secs(2)), "");
    rig.modem.handle_dtr_off(rig.faults);
    assert!(rig.modem.is_in_data_mode());
    rig.modem.power_on();
    assert_eq!(rig.say("AT\r"), "AT\r\r\nOK\r\n");
}

#[test]
fn a_silent_modem_says_nothing_and_unsolicited_lines_come_before_the_answer() {
    let mut rig = Rig::new();
    rig.faults.silent = true;
    assert_eq!(rig.say("AT\rAT\r"), "");
    rig.faults = ModemFaults {
        urc: true,
        ..ModemFaults::default()
    };
    let said = rig.say("ATE0\r");
    assert!(
        said.len() > "ATE0\r\r\nOK\r\n".len() && said.ends_with("\r\n\r\nOK\r\n"),
        "{said:?}"
    );
}

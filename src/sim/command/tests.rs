//! What the simulated modem answers.

use super::super::SimConfig;
use super::super::card::CardFault;
use super::super::radio::Air;
use super::*;
use crate::time::Instant;

/// A port, and a modem that is registered.
struct Port {
    settings: Settings,
    device: Device,
}

impl Port {
    fn new() -> Self {
        let mut device = Device::new(&SimConfig::default(), Instant::ZERO);
        device.update(Instant::ZERO, true, CardFault::None, Air::default());
        Self {
            settings: Settings::default(),
            device,
        }
    }
}

fn answer(port: &mut Port, line: &str) -> (Vec<String>, Outcome) {
    let answer = port.settings.execute(&mut port.device, line, false);
    (answer.lines, answer.outcome)
}

fn ok(lines: &[&str]) -> (Vec<String>, Outcome) {
    (
        lines.iter().map(|line| (*line).to_owned()).collect(),
        Outcome::Ok,
    )
}

fn error(text: &str) -> (Vec<String>, Outcome) {
    (Vec::new(), Outcome::Error(text.to_owned()))
}

#[test]
fn runs_several_commands_of_one_line_and_answers_once() {
    let mut port = Port::new();
    let line = "I;+CSQ;+CPIN?;+COPS?;+CGREG?;&D2";
    let expected = ok(&[
        "Manufacturer: uplinkd",
        "Model: SIM-1",
        "Revision: 1.0",
        "IMEI: 490154203237518",
        "+CSQ: 18,99",
        "+CPIN: READY",
        "+COPS: 0,0,\"uplinkd sim\",7",
        "+CGREG: 0,1",
    ]);
    assert_eq!(answer(&mut port, line), expected);
    assert_eq!(
        answer(&mut port, "Q0 V1 E1 S0=0 &C1 &D2 +FCLASS=0"),
        ok(&[])
    );
    assert_eq!(answer(&mut port, "E0V1X4"), ok(&[]));
    assert!(!port.settings.echo);
}

#[test]
fn keeps_contexts_over_a_reset() {
    let mut port = Port::new();
    let set = "+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"";
    assert_eq!(answer(&mut port, set), ok(&[]));
    assert_eq!(
        answer(&mut port, "+CGDCONT=3,\"IPV4V6\",\"a;b\",\"0.0.0.0\",0,0"),
        ok(&[])
    );
    assert_eq!(answer(&mut port, "Z"), (Vec::new(), Outcome::HangUp));
    let expected = ok(&[
        "+CGDCONT: 1,\"IP\",\"CHAP:dream.jp\"",
        "+CGDCONT: 3,\"IPV4V6\",\"a;b\",\"0.0.0.0\",0,0",
    ]);
    assert_eq!(answer(&mut port, "+CGDCONT?"), expected);
    assert_eq!(answer(&mut port, "+CGDCONT=3"), ok(&[]));
    assert!(port.device.apn(1).is_some() && port.device.apn(3).is_none());
}

#[test]
fn refuses_what_it_does_not_know_as_cmee_wants_it() {
    let mut port = Port::new();
    assert_eq!(answer(&mut port, "+NOSUCH=1"), error("ERROR"));
    assert_eq!(answer(&mut port, "?"), error("ERROR"));
    assert_eq!(answer(&mut port, "E7"), error("ERROR"));
    assert_eq!(answer(&mut port, "+CMEE=1"), ok(&[]));
    assert_eq!(answer(&mut port, "+NOSUCH=1"), error("+CME ERROR: 4"));
    assert_eq!(
        answer(&mut port, "+CMEE=2;+CGDCONT=99,\"IP\""),
        error("+CME ERROR: incorrect parameters")
    );
    assert_eq!(
        answer(&mut port, "+CMEE=9"),
        error("+CME ERROR: incorrect parameters")
    );
    let long = format!("+CGDCONT=1,\"IP\",\"{}\"", "a".repeat(300));
    assert_eq!(
        answer(&mut port, &long),
        error("+CME ERROR: incorrect parameters")
    );
}

#[test]
fn a_dial_string_takes_the_rest_of_the_line() {
    let mut port = Port::new();
    let dial = |text: &str| (Vec::new(), Outcome::Dial(text.to_owned()));
    assert_eq!(answer(&mut port, "DT*99***1#"), dial("T*99***1#"));
    assert_eq!(answer(&mut port, "E0D*99#"), dial("*99#"));
    assert_eq!(
        port.settings
            .execute(&mut port.device, "D*99#", true)
            .outcome,
        Outcome::DialInCall
    );
}

#[test]
fn asks_for_a_restart() {
    let mut port = Port::new();
    for line in ["+CFUN=1,1", "+CFUN=16", "^RESET"] {
        assert_eq!(
            answer(&mut port, line),
            (Vec::new(), Outcome::Restart),
            "{line}"
        );
    }
    assert_eq!(answer(&mut port, "+CFUN=4;+CFUN?"), ok(&["+CFUN: 4"]));
}

#[test]
fn shows_no_password_in_the_log() {
    for (line, shown) in [
        ("ATE0;+CPIN=\"1234\";+CSQ", "ATE0;+CPIN=<hidden>"),
        ("AT$QCPDPP=1,3,\"secret\",\"user\"", "AT$QCPDPP=<hidden>"),
        ("AT+CGAUTH=1,1,\"a;b\",\"c\"", "AT+CGAUTH=<hidden>"),
        (
            "AT+CGDCONT=1,\"IP\",\"dream.jp\"",
            "AT+CGDCONT=1,\"IP\",\"dream.jp\"",
        ),
        ("ATS7=60", "ATS7=60"),
    ] {
        assert_eq!(without_secrets(line), shown);
    }
}

#[test]
fn survives_any_line() {
    let mut random = crate::random::Random::new(5);
    let alphabet = b"ATEDS+=?;,\"0129&\\ CGDCONT*#\xc3\xa4";
    for _ in 0..20_000 {
        let line: Vec<u8> = (0..random.below(30))
            .map(|_| alphabet[random.below(alphabet.len() as u64) as usize])
            .collect();
        let mut port = Port::new();
        let line = String::from_utf8_lossy(&line);
        let answer = port.settings.execute(&mut port.device, &line, false);
        assert!(answer.lines.len() < 200);
    }
}

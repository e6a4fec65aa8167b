use proptest::prelude::*;

use super::*;

fn lines(text: &str) -> Vec<String> {
    text.split('|').map(str::to_owned).collect()
}

#[test]
fn reads_the_sim() {
    for (text, state) in [
        ("+CPIN: READY", Some(SimState::Ready)),
        ("+CPIN:READY", Some(SimState::Ready)),
        ("+cpin: \"SIM PIN\"", Some(SimState::Pin)),
        ("+CREG: 1|+CPIN: SIM PUK|^BOOT: 1", Some(SimState::Puk)),
        ("+CPIN: PH-NET PIN", Some(SimState::Locked)),
        ("+CPIN: SIM PIN2", Some(SimState::Ready)),
        ("+CPIN: NOT INSERTED", Some(SimState::Absent)),
        ("+CPIN:", None),
        ("READY", None),
        ("", None),
    ] {
        assert_eq!(sim_state(&lines(text)), state, "{text}");
    }
    assert_eq!(sim_state_of_error(Some(14)), Some(SimState::Busy));
    assert_eq!(sim_state_of_error(Some(10)), Some(SimState::Absent));
    assert_eq!(sim_state_of_error(Some(4)), None);
}

#[test]
fn reads_registration_in_both_forms() {
    use Registration::{Denied, Home, Roaming, Searching, SmsOnly};
    for (text, state) in [
        ("+CREG: 0,1", Some((Home, None))),
        ("+CREG: 1", Some((Home, None))),
        (
            "+CREG: 2,5,\"0166\",\"1808\",7",
            Some((Roaming, Some("E-UTRAN"))),
        ),
        ("+CREG: 1,\"0166\",\"1808\"", Some((Home, None))),
        (
            "+CREG: 1,\"0166\",\"01A1808\",2",
            Some((Home, Some("UTRAN"))),
        ),
        ("+CREG: 2,3,,,", Some((Denied, None))),
        // The answer counts more than an unsolicited result beside it.
        ("+CREG: 0,2|+CREG: 1", Some((Searching, None))),
        ("+CREG: 1|+CREG: 0,2", Some((Searching, None))),
        ("+CREG: 0,9", Some((Home, None))),
        ("+CREG: 0,6", Some((SmsOnly, None))),
        ("+CREG: 0,77", None),
        ("+CGREG: 0,1", None),
        ("+CREG:", None),
    ] {
        assert_eq!(registration(&lines(text), "+CREG:"), state, "{text}");
    }
}

#[test]
fn reads_signal_and_operator() {
    let dbm = |text: &str| signal(&lines(text)).map(|signal| signal.dbm);
    assert_eq!(dbm("+CSQ: 18,99"), Some(-77));
    assert_eq!(dbm("+CSQ: 0,0"), Some(-113));
    assert_eq!(dbm("+CSQ: 99,99"), None);
    assert_eq!(dbm("+CSQ: 145,99"), Some(-71));
    assert_eq!(dbm("+CSQ: 65536,99"), None);
    let read = |text: &str| operator(&lines(text));
    assert_eq!(
        read("+COPS: 0,0,\"NTT DOCOMO\",7"),
        Some(Operator {
            mode: Some(0),
            name: Some("NTT DOCOMO".to_owned()),
            numeric: false,
            technology: Some("E-UTRAN"),
        })
    );
    assert_eq!(
        read("+COPS: 1,2,\"44020\",2").map(|o| (o.mode, o.numeric)),
        Some((Some(1), true))
    );
    // Public log D1: no operator.
    assert_eq!(
        read("+COPS: 1"),
        Some(Operator {
            mode: Some(1),
            ..Operator::default()
        })
    );
    assert_eq!(read("OK"), None);
}

#[test]
fn reads_and_compares_contexts() {
    let text = "+CGDCONT: 1,\"IP\",\"soracom.io\",\"0.0.0.0\",0,0|+CGDCONT: 2,\"IPV4V6\",\"a,b\"|+CGDCONT: x";
    let found = contexts(&lines(text));
    assert_eq!(found.len(), 2);
    let wanted = Context::of_command("AT+CGDCONT=1,\"IP\",\"soracom.io\"").unwrap();
    assert!(found.first().unwrap().has(&wanted));
    assert!(!found.last().unwrap().has(&wanted));
    assert_eq!(found.last().unwrap().apn, "a,b");
    let domain = contexts(&lines(
        "+CGDCONT: 1,\"IP\",\"Soracom.io.mnc010.mcc440.gprs\"",
    ));
    assert!(domain.first().unwrap().has(&wanted));
    let longer = contexts(&lines("+CGDCONT: 1,\"IP\",\"soracom.ioX\""));
    assert!(!longer.first().unwrap().has(&wanted));
    assert_eq!(Context::of_command("AT+X=1,\"IP\",\"a\""), None);
    assert_eq!(Context::of_command("AT\u{e9}"), None);
}

#[test]
fn reads_the_sims_number_however_it_is_said() {
    for text in [
        "+CCID: 8981100000000000001",
        "+CCID: \"8981100000000000001F\"",
        "^ICCID: 8981100000000000001",
        "+QCCID: 8981100000000000001F",
        "8981100000000000001",
        "RDY|+ICCID: 8981100000000000001",
        "#CCID: 8981100000000000001",
    ] {
        assert_eq!(
            iccid(&lines(text)).as_deref(),
            Some("8981100000000000001"),
            "{text}"
        );
    }
    for text in [
        "",
        "+CCID: ERROR",
        "898110",
        "+CREG: 1",
        "89x1100000000000001",
    ] {
        assert_eq!(iccid(&lines(text)), None, "{text}");
    }
}

#[test]
fn reads_the_tries_that_are_left() {
    for (text, tries) in [
        ("+CSIM: 4,\"63C3\"", Some(3)),
        ("+CSIM: 4,\"63c1\"", Some(1)),
        ("+CSIM: 4,\"6983\"", Some(0)),
        ("+CSIM: 4,\"9000\"", None),
        ("+CSIM: 2,\"6\"", None),
        ("+UPINCNT: 3,3,10,10", Some(3)),
        ("+QPINC: \"SC\",2,10", Some(2)),
        ("^CPIN: SIM PIN,,10,3,10,3", Some(3)),
        ("#PCT: 1", Some(1)),
        ("+SPIC: 99,1", None),
        ("OK", None),
    ] {
        assert_eq!(pin_tries(&lines(text)), tries, "{text}");
    }
}

#[test]
fn reads_who_the_modem_is() {
    assert_eq!(
        text(&lines("^SYSSTART|Cinterion"), "+CGMI:").as_deref(),
        Some("Cinterion")
    );
    assert_eq!(
        text(&lines("+CGMM: \"LISA-U200\""), "+CGMM:").as_deref(),
        Some("LISA-U200")
    );
    assert_eq!(text(&lines("RING|+CREG: 1"), "+CGMM:"), None);
    assert_eq!(
        text(&[("x".repeat(200))], "+CGMM:").map(|text| text.len()),
        Some(MAX_TEXT)
    );
    assert_eq!(
        imei(&lines("+CGSN: \"356938035643809\"")).as_deref(),
        Some("356938035643809")
    );
    assert_eq!(imei(&lines("80F15C3B")), None);
    let ati = lines("Manufacturer: AM Telecom|Model: AMP5200|Revision: 14-01");
    assert_eq!(
        identification(&ati),
        (Some("AM Telecom".to_owned()), Some("AMP5200".to_owned()))
    );
}

#[test]
fn knows_a_setting_that_is_there_already() {
    for (answer, command, has) in [
        ("+URAT: 2", "AT+URAT=2", true),
        ("+URAT: 2,1", "AT+URAT=2", true),
        ("+URAT: 1,2", "AT+URAT=2", false),
        ("+URAT: ", "AT+URAT=2", false),
        ("!SELRAT: 6, LTE Only", "AT!SELRAT=06", true),
        (
            "+QCFG: \"nwscanmode\",3",
            "AT+QCFG=\"nwscanmode\",3,1",
            true,
        ),
        (
            "+QCFG: \"nwscanmode\",0",
            "AT+QCFG=\"nwscanmode\",3,1",
            false,
        ),
        ("+QCFG: \"nwscanmode\"", "AT+QCFG=\"nwscanmode\",3,1", false),
        (
            "^SYSCFGEX:\"03\",3fffffff,1,2,7FFFFFFFFFFFFFFF",
            "AT^SYSCFGEX=\"03\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,",
            true,
        ),
        (
            "^SYSCFGEX:\"00\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,",
            "AT^SYSCFGEX=\"03\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,",
            false,
        ),
        ("+ZSNT: 6,0,0", "AT+ZSNT=6,0,0", true),
        ("+ZSNT: 6", "AT+ZSNT=6,0,0", false),
        ("+WS46: 28", "AT+CNMP=28", false),
        ("", "AT+URAT=2", false),
        ("+URAT: 2", "A", false),
    ] {
        assert_eq!(
            has_setting(&lines(answer), command),
            has,
            "{answer} {command}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "(\\+C[A-Z]{1,5}: ?)?.{0,80}") {
        let lines = lines(&text);
        let _ = (sim_state(&lines), sim_words(&lines), signal(&lines), operator(&lines), contexts(&lines));
        let _ = (iccid(&lines), pin_tries(&lines), imei(&lines), functionality(&lines), identification(&lines));
        let _ = (registration(&lines, "+CREG:"), Context::of_command(&text));
        let _ = (has_setting(&lines, &text), has_setting(std::slice::from_ref(&text), "AT+CX=1,2"));
        if let Some(short) = short(&text) {
            prop_assert!(short.len() <= MAX_TEXT && short.bytes().all(|byte| (32..127).contains(&byte)));
        }
    }
}

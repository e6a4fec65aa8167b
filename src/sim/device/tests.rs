//! What the models answer, byte for byte.

use super::super::SimConfig;
use super::super::command::Answer;
use super::super::personality::Personality;
use super::*;
use crate::secret::Secret;

struct Rig {
    device: Device,
    port: Settings,
    now: Instant,
    card: CardFault,
    air: Air,
}

impl Rig {
    fn with(config: SimConfig) -> Self {
        let mut rig = Self {
            device: Device::new(&config, Instant::ZERO),
            port: Settings::default(),
            now: Instant::ZERO,
            card: CardFault::None,
            air: Air {
                delay: Duration::from_secs(5),
                ..Air::default()
            },
        };
        rig.say("+CMEE=1");
        rig
    }

    fn new(personality: Personality) -> Self {
        let mut rig = Self::with(SimConfig {
            personality,
            ..SimConfig::default()
        });
        rig.pass(60);
        rig
    }

    /// Lets `seconds` pass, one by one.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.update();
            self.now = self.now + Duration::from_secs(1);
        }
        self.update();
    }

    fn update(&mut self) {
        let _ = self.device.update(self.now, true, self.card, self.air);
    }

    fn answer(&mut self, line: &str) -> Answer {
        self.update();
        self.port.execute(&mut self.device, line, false)
    }

    /// Lines and result as one text.
    fn say(&mut self, line: &str) -> String {
        let answer = self.answer(line);
        let mut text = answer.lines;
        text.push(match answer.outcome {
            Outcome::Ok => "OK".to_owned(),
            Outcome::Error(error) => error,
            other => format!("{other:?}"),
        });
        text.join("|")
    }

    fn dialog(&mut self, lines: &[(&str, &str)]) {
        for (line, answer) in lines {
            assert_eq!(self.say(line), *answer, "{} {line}", self.device.model.name);
        }
    }
}

#[test]
fn each_model_says_who_it_is() {
    for (personality, ati) in [
        (
            Personality::Generic,
            "Manufacturer: uplinkd|Model: SIM-1|Revision: 1.0|IMEI: 490154203237518|OK",
        ),
        (Personality::LisaU200, "LISA-U200|OK"),
        (
            Personality::Amp5200,
            "Manufacturer: AM Telecom|Model: AMP5200|Revision: 14-01|IMEI: 490154203237518|OK",
        ),
        (
            Personality::Quectel,
            "Quectel|EC25|Revision: EC25JFAR06A03M4G|OK",
        ),
    ] {
        assert_eq!(Rig::new(personality).say("I"), ati);
    }
    for (personality, maker, model) in [
        (Personality::LisaU200, "u-blox", "LISA-U200"),
        (Personality::Kym11, "KYOCERA", "KYM11"),
        (Personality::Um03Ko, "NTT docomo", "UM03-KO"),
        (Personality::Amp520, "AM Telecom", "AMP520"),
        (Personality::Amm570, "AM Telecom", "AMM570"),
        (Personality::Amm5220, "AM Telecom", "AMM5220"),
        (Personality::Ln940a, "Telit", "LN940A9"),
        (
            Personality::Simcom,
            "SIMCOM INCORPORATED",
            "SIMCOM_SIM7600JC-H",
        ),
        (Personality::Huawei, "huawei", "ME909s-120"),
        (Personality::Telit, "Telit", "LE910-JN1"),
        (Personality::Cinterion, "Cinterion", "PLS62-W"),
        (
            Personality::Sierra,
            "Sierra Wireless, Incorporated",
            "MC7455",
        ),
        (Personality::Zte, "ZTE CORPORATION", "MF821"),
    ] {
        let said = format!("{maker}|{model}|490154203237518|001010123456789|OK");
        assert_eq!(Rig::new(personality).say("+CGMI;+CGMM;+CGSN;+CIMI"), said);
    }
}

#[test]
fn each_model_takes_the_dialog_of_the_document() {
    for personality in Personality::ALL {
        let mut rig = Rig::new(personality);
        rig.dialog(&[
            ("Z", "HangUp"),
            ("E0", "OK"),
            ("+CGDCONT=1,\"IP\",\"dream.jp\"", "OK"),
            ("", "OK"),
            ("DT*99***1#", "Dial(\"T*99***1#\")"),
        ]);
        assert_eq!(rig.device.apn(1), Some("dream.jp"));
    }
}

#[test]
fn each_model_reads_the_number_of_its_sim_in_its_own_way() {
    for (personality, command, answer) in [
        (Personality::LisaU200, "+CCID", "+CCID: 8981100000000000001"),
        (Personality::Amp5200, "+CCID", "8981100000000000001"),
        (
            Personality::Quectel,
            "+QCCID",
            "+QCCID: 8981100000000000001F",
        ),
        (
            Personality::Huawei,
            "^ICCID?",
            "^ICCID: 8981100000000000001F",
        ),
        (
            Personality::Simcom,
            "+CICCID",
            "+ICCID: 8981100000000000001",
        ),
        (Personality::Telit, "#CCID", "#CCID: 8981100000000000001"),
        (
            Personality::Cinterion,
            "^SCID",
            "^SCID: 8981100000000000001",
        ),
        (
            Personality::Sierra,
            "!ICCID?",
            "!ICCID: 8981100000000000001",
        ),
        (Personality::Zte, "+ZICCID?", "+ZICCID: 8981100000000000001"),
    ] {
        let mut rig = Rig::with(SimConfig {
            personality,
            iccid: "8981100000000000001".to_owned(),
            pin: Some(Secret::new("1234")),
            ..SimConfig::default()
        });
        rig.dialog(&[(command, &format!("{answer}|OK"))]);
        rig.card = CardFault::Absent;
        rig.dialog(&[(command, "+CME ERROR: 10")]);
    }
    Rig::new(Personality::Huawei).dialog(&[("+CCID", "+CME ERROR: 4")]);
}

#[test]
fn accounts_are_taken_by_the_makers_command_alone() {
    let all = [
        "+UAUTHREQ=1,2,\"u\",\"p\"",
        "$QCPDPP=1,3,\"p\",\"u\"",
        "+CGAUTH=1,1,\"u\",\"p\"",
        "+QICSGP=1,1,\"a\",\"u\",\"p\",2",
        "^AUTHDATA=1,2,\"\",\"p\",\"u\"",
        "#PDPAUTH=1,2,\"u\",\"p\"",
        "^SGAUTH=1,2,\"p\",\"u\"",
        "+ZGPCOAUTH=1,\"u\",\"p\",1",
    ];
    for (personality, known) in [
        (Personality::Generic, &[][..]),
        (Personality::LisaU200, &[0]),
        (Personality::Kym11, &[]),
        (Personality::Um03Ko, &[]),
        (Personality::Amm5220, &[1]),
        (Personality::Ln940a, &[1, 2]),
        (Personality::Quectel, &[2, 3]),
        (Personality::Simcom, &[2]),
        (Personality::Huawei, &[4]),
        (Personality::Telit, &[5]),
        (Personality::Cinterion, &[6]),
        (Personality::Sierra, &[1]),
        (Personality::Zte, &[7]),
    ] {
        let mut rig = Rig::new(personality);
        let taken: Vec<usize> = (0..all.len())
            .filter(|i| rig.say(all[*i]) == "OK")
            .collect();
        assert_eq!(taken, known, "{personality}");
    }
}

#[test]
fn an_am_telecom_modem_counts_what_wears_its_flash_out() {
    let mut rig = Rig::new(Personality::Amp520);
    rig.dialog(&[
        ("+CGDCONT=1,\"IPV4V6\",\"dream.jp\",\"0.0.0.0\",0,0", "OK"),
        ("$QCPDPP=1,3,\"pass\",\"user@dti\"", "OK"),
        (
            "+CGDCONT?",
            "+CGDCONT: 1,\"IPV4V6\",\"dream.jp\",\"0.0.0.0\",0,0,0,0|OK",
        ),
        ("$QCPDPP?", "$QCPDPP: 1,3,\"user@dti\"|OK"),
        ("+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"", "+CME ERROR: 50"),
        ("+CGDCONT=1", "OK"),
        ("$QCPDPP?;+CGDCONT?", "OK"),
    ]);
    let mut stats = SimStats::default();
    rig.device.count(&mut stats);
    assert_eq!((stats.flash_writes, stats.provisioning_writes), (3, 3));
    let mut other = Rig::new(Personality::Quectel);
    other.say("+CGDCONT=1,\"IP\",\"a\"");
    other.device.count(&mut stats);
    assert_eq!((stats.flash_writes, stats.provisioning_writes), (0, 1));
}

#[test]
fn the_radio_is_set_by_the_makers_command() {
    for (personality, set, read, value) in [
        (Personality::LisaU200, "+URAT=2", "+URAT?", "+URAT: 2"),
        (
            Personality::Quectel,
            "+QCFG=\"nwscanmode\",3,1",
            "+QCFG=\"nwscanmode\"",
            "+QCFG: \"nwscanmode\",3,1",
        ),
        (Personality::Simcom, "+CNMP=38", "+CNMP?", "+CNMP: 38"),
        (
            Personality::Huawei,
            "^SYSCFGEX=\"03\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,",
            "^SYSCFGEX?",
            "^SYSCFGEX: \"03\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,",
        ),
        (Personality::Telit, "+WS46=28", "+WS46?", "+WS46: 28"),
        (Personality::Cinterion, "^SXRAT=3", "^SXRAT?", "^SXRAT: 3"),
        (Personality::Sierra, "!SELRAT=06", "!SELRAT?", "!SELRAT: 06"),
        (Personality::Zte, "+ZSNT=6,0,0", "+ZSNT?", "+ZSNT: 6,0,0"),
    ] {
        let mut rig = Rig::new(personality);
        rig.dialog(&[(set, "OK"), (read, &format!("{value}|OK"))]);
        let name = set.split('=').next().unwrap();
        rig.dialog(&[(&format!("{name}=\"77\""), "+CME ERROR: 50")]);
        assert_eq!(Rig::new(Personality::Amm570).say(set), "+CME ERROR: 4");
    }
}

#[test]
fn each_model_restarts_by_its_own_commands() {
    for (personality, commands) in [
        (Personality::LisaU200, &["+CFUN=16", "+CFUN=1,1"][..]),
        (Personality::Amp5200, &["+CFUN=1,1", "@USBCHG=ACM"]),
        (Personality::Quectel, &["+CFUN=1,1"]),
        (Personality::Simcom, &["+CRESET"]),
        (Personality::Huawei, &["^RESET", "+CFUN=16"]),
        (Personality::Telit, &["#REBOOT"]),
        (Personality::Sierra, &["!RESET"]),
        (Personality::Cinterion, &["+CFUN=1,1"]),
    ] {
        for command in commands {
            assert_eq!(
                Rig::new(personality).say(command),
                "Restart",
                "{personality}"
            );
        }
    }
    Rig::new(Personality::Quectel).dialog(&[
        ("+CFUN=16", "+CME ERROR: 50"),
        ("^RESET", "+CME ERROR: 4"),
        ("+CRESET", "+CME ERROR: 4"),
    ]);
}

#[test]
fn before_its_pin_a_sim_lets_little_through() {
    let mut rig = Rig::with(SimConfig {
        personality: Personality::LisaU200,
        pin: Some(Secret::new("1234")),
        ..SimConfig::default()
    });
    rig.pass(30);
    rig.dialog(&[
        ("+CPIN?", "+CPIN: SIM PIN|OK"),
        ("+UPINCNT", "+UPINCNT: 3,3,10,10|OK"),
        ("+CREG?", "+CREG: 0,0|OK"),
        ("+CSQ", "+CSQ: 99,99|OK"),
        ("+CGDCONT=1,\"IP\",\"a\"", "+CME ERROR: 11"),
        ("+COPS?", "+CME ERROR: 11"),
        ("D*99#", "+CME ERROR: 11"),
        ("+CPIN=\"0000\"", "+CME ERROR: 16"),
        ("+CSIM=10,\"0020000100\"", "+CSIM: 4,\"63C2\"|OK"),
        ("+CLCK=\"SC\",2", "+CME ERROR: 11"),
        ("+CPIN=\"1234\"", "OK"),
        ("+CPIN?", "+CPIN: READY|OK"),
        ("+CLCK=\"SC\",2", "+CLCK: 1|OK"),
        ("+CPIN=\"1234\"", "+CME ERROR: 3"),
        ("+CREG?", "+CREG: 0,2|OK"),
    ]);
    rig.pass(5);
    rig.dialog(&[("+CREG?", "+CREG: 0,1|OK"), ("+CSQ", "+CSQ: 18,99|OK")]);
    let mut stats = SimStats::default();
    rig.device.count(&mut stats);
    assert_eq!((stats.pin_tries, stats.pin_refusals), (2, 1));
}

#[test]
fn each_maker_has_his_own_way_to_tell_the_tries_that_are_left() {
    for (personality, command, locked, blocked) in [
        (
            Personality::LisaU200,
            "+UPINCNT",
            "+UPINCNT: 2,3,10,10",
            "+UPINCNT: 0,3,10,10",
        ),
        (
            Personality::Quectel,
            "+QPINC=\"SC\"",
            "+QPINC: \"SC\",2,10",
            "+QPINC: \"SC\",0,10",
        ),
        (
            Personality::Simcom,
            "+SPIC",
            "+SPIC: 2,10,3,10",
            "+SPIC: 0,10,3,10",
        ),
        (
            Personality::Huawei,
            "^CPIN?",
            "^CPIN: SIM PIN,2,10,2,10,3",
            "^CPIN: SIM PUK,10,10,0,10,3",
        ),
        (Personality::Telit, "#PCT", "#PCT: 2", "#PCT: 10"),
        (Personality::Cinterion, "^SPIC", "^SPIC: 2", "^SPIC: 10"),
        (
            Personality::Sierra,
            "+CPINC?",
            "+CPINC: 2,3,10,10",
            "+CPINC: 0,3,10,10",
        ),
    ] {
        let mut rig = Rig::new(personality);
        rig.device.card.lock("1234");
        rig.say("+CPIN=9999");
        rig.dialog(&[(command, &format!("{locked}|OK"))]);
        rig.device.card.block();
        rig.dialog(&[(command, &format!("{blocked}|OK"))]);
        rig.card = CardFault::Busy;
        rig.dialog(&[(command, "+CME ERROR: 14")]);
    }
    Rig::new(Personality::Huawei).dialog(&[("^CPIN?", "^CPIN: READY,,10,3,10,3|OK")]);
    Rig::new(Personality::Kym11).dialog(&[("+UPINCNT", "+CME ERROR: 4")]);
}

#[test]
fn a_sim_that_is_locked_absent_broken_or_busy_says_so() {
    let mut rig = Rig::new(Personality::Quectel);
    for (fault, code) in [
        (CardFault::Absent, 10),
        (CardFault::Failure, 13),
        (CardFault::Busy, 14),
    ] {
        rig.card = fault;
        let error = format!("+CME ERROR: {code}");
        rig.dialog(&[
            ("+CPIN?", &error),
            ("D*99#", &error),
            ("+CIMI", &error),
            ("+CSIM=10,\"0020000100\"", &error),
            ("+CREG?", "+CREG: 0,0|OK"),
        ]);
    }
    rig.card = CardFault::None;
    rig.device.card.lock("1234");
    rig.device.card.block();
    rig.dialog(&[
        ("+CPIN?", "+CPIN: SIM PUK|OK"),
        ("+CPIN=\"1234\"", "+CME ERROR: 12"),
        ("+CSIM=10,\"0020000100\"", "+CSIM: 4,\"6983\"|OK"),
        ("+CPIN=\"12345678\",\"1111\"", "OK"),
        ("+CPIN?", "+CPIN: READY|OK"),
    ]);
    rig.device.power_on(rig.now);
    rig.dialog(&[("+CPIN?", "+CME ERROR: 14")]);
    rig.pass(2);
    rig.dialog(&[("+CPIN?", "+CPIN: SIM PIN|OK"), ("+CPIN=1111", "OK")]);
}

#[test]
fn registration_signal_and_operator_are_told() {
    let mut rig = Rig::new(Personality::Quectel);
    rig.dialog(&[
        ("+CEREG=2;+CEREG?", "+CEREG: 2,1,\"0166\",\"01A2B3C4\",7|OK"),
        ("+COPS?", "+COPS: 0,0,\"uplinkd sim\",7|OK"),
        ("+COPS=3,2;+COPS?", "+COPS: 0,2,\"00101\",7|OK"),
        ("+CESQ", "+CESQ: 99,99,255,255,20,50|OK"),
        ("+CGATT?", "+CGATT: 1|OK"),
    ]);
    rig.air.lost = true;
    rig.dialog(&[
        ("+CEREG?", "+CEREG: 2,2|OK"),
        ("+COPS?", "+COPS: 0|OK"),
        ("+CSQ", "+CSQ: 99,99|OK"),
        ("+CESQ", "+CESQ: 99,99,255,255,255,255|OK"),
        ("+CGATT?", "+CGATT: 0|OK"),
    ]);
    rig.air = Air {
        denied: true,
        ..Air::default()
    };
    rig.dialog(&[("+CEREG?", "+CEREG: 2,3|OK")]);
    rig.air = Air {
        roaming: true,
        ..Air::default()
    };
    rig.dialog(&[
        ("+CGREG?", "+CGREG: 0,5|OK"),
        ("+CFUN=4", "OK"),
        ("+CGREG?;+CFUN?", "+CGREG: 0,0|+CFUN: 4|OK"),
        ("+CFUN=1", "OK"),
        ("+CGREG?", "+CGREG: 0,5|OK"),
    ]);
    assert_eq!(
        rig.device.registration_lines(&rig.port),
        ["+CEREG: 5,\"0166\",\"01A2B3C4\",7"]
    );
    Rig::new(Personality::LisaU200).dialog(&[
        ("+CEREG?", "+CME ERROR: 4"),
        ("+CESQ", "+CME ERROR: 4"),
        ("+CGREG=2;+CGREG?", "+CGREG: 2,1,\"0166\",\"01A2B3C4\",2|OK"),
    ]);
}

#[test]
fn a_network_is_chosen_by_its_number() {
    let mut rig = Rig::new(Personality::Amm570);
    let answer = rig.answer("+COPS=1,2,\"44020\"");
    assert_eq!(answer.outcome, Outcome::Ok);
    assert!(answer.time > Duration::from_secs(5), "it takes its time");
    rig.dialog(&[("+CREG?", "+CREG: 0,2|OK")]);
    rig.pass(5);
    rig.dialog(&[
        ("+COPS?", "+COPS: 1,0,\"SoftBank\",7|OK"),
        ("+COPS=1,2,\"20801\"", "+CME ERROR: 30"),
        ("+COPS=1,2,\"4402\"", "+CME ERROR: 50"),
        ("+COPS=1,0,\"SoftBank\"", "+CME ERROR: 50"),
        ("+COPS?", "+COPS: 1|OK"),
        ("+COPS=2", "OK"),
        ("+CREG?", "+CREG: 0,0|OK"),
        ("+COPS=0", "OK"),
        ("+CREG?", "+CREG: 0,2|OK"),
    ]);
    rig.pass(5);
    rig.dialog(&[(
        "+COPS=?",
        "+COPS: (2,\"uplinkd sim\",\"uplinkd sim\",\"00101\",7)|OK",
    )]);
}

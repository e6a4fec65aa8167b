//! Bring-ups in virtual time against scripted modems.

mod hostile;
mod network;
mod pin;
mod settings;

use super::*;
use crate::modem::info::{Registration, Signal, SimState};

/// What the modem does upon a command: text, and after how many milliseconds it comes.
type Script<'a> = &'a mut dyn FnMut(&str) -> Option<(u64, String)>;

/// A bring-up from its start to its end.
#[derive(Debug)]
struct Run {
    sent: Vec<String>,
    log: Vec<String>,
    warnings: Vec<String>,
    infos: Vec<ModemInfo>,
    profile: Option<String>,
    saves: Vec<Memory>,
    end: BringupEvent,
    took: Duration,
}

impl Run {
    fn connected(&self) {
        assert!(matches!(self.end, BringupEvent::Connected(_)), "{self:#?}");
    }

    fn failed(&self, error: impl Into<BringupError>) {
        assert_eq!(self.end, BringupEvent::Failed(error.into()), "{self:#?}");
    }

    fn logged(&self, part: &str) -> bool {
        self.log.iter().any(|line| line.contains(part))
    }

    fn count(&self, part: &str) -> usize {
        self.sent.iter().filter(|sent| sent.contains(part)).count()
    }

    fn info(&self) -> &ModemInfo {
        self.infos.last().expect("it tells what it knows")
    }
}

fn plan() -> BringupPlan {
    BringupPlan {
        profile: None,
        profiles: Arc::new(Profiles::built_in()),
        apn: Some("dream.jp".to_owned()),
        pdp_type: "IP".to_owned(),
        auth: ContextAuth::Chap,
        account: "user@dream.jp".to_owned(),
        password: Secret::new("geheim"),
        pin: None,
        netmode: None,
        carrier: None,
        dial: None,
        command_timeout: Duration::from_secs(30),
        dial_timeout: None,
        registration_timeout: None,
        connect_ok: false,
        provisioning_limit: 10,
        memory: Memory::default(),
        wall: 1_800_000_000,
        prepare: true,
        said: false,
    }
}

fn with_profile(name: &str) -> BringupPlan {
    let plan = plan();
    BringupPlan {
        profile: Some(plan.profiles.get(name).expect("a built-in profile")),
        ..plan
    }
}

fn run(plan: BringupPlan, modem: Script<'_>) -> Run {
    run_with(plan, modem, &mut |_| Some(true), Duration::MAX)
}

/// `stored`: whether the memory could be stored; `None`: the owner never says. Behind `limit` the power is cut: the end
/// is then an [`BringupEvent::Info`].
fn run_with(
    plan: BringupPlan,
    modem: Script<'_>,
    stored: &mut dyn FnMut(&Memory) -> Option<bool>,
    limit: Duration,
) -> Run {
    let start = Instant::from_millis(7_000);
    let mut now = start;
    let mut bringup = Bringup::new(plan);
    let mut run = Run {
        sent: vec![],
        log: vec![],
        warnings: vec![],
        infos: vec![],
        profile: None,
        saves: vec![],
        end: BringupEvent::Info(ModemInfo::default()),
        took: Duration::ZERO,
    };
    let mut incoming: Vec<(Instant, Vec<u8>)> = Vec::new();
    bringup.start(now);
    loop {
        run.took = now.since(start);
        if run.took > limit {
            return run;
        }
        let mut out = Vec::new();
        while bringup.poll_transmit(&mut out) {}
        if !out.is_empty() {
            let text = String::from_utf8_lossy(&out);
            let sent = text.trim_end_matches('\r').to_owned();
            if let Some((ms, answer)) = modem(&sent) {
                incoming.push((now + Duration::from_millis(ms), answer.into_bytes()));
                incoming.sort_by_key(|(at, _)| *at);
            }
            run.sent.push(sent);
        }
        let mut save = None;
        let mut end = None;
        while let Some(event) = bringup.poll_event() {
            assert!(end.is_none(), "{event:?} behind the end");
            match event {
                BringupEvent::Log(line) => run.log.push(line.to_string()),
                BringupEvent::Info(info) => run.infos.push(info),
                BringupEvent::Warning(text) => run.warnings.push(text),
                BringupEvent::Profile(profile) => {
                    assert_eq!(run.profile, None, "told once");
                    run.profile = Some(profile.name.clone());
                }
                BringupEvent::Save(memory) => {
                    save = stored(&memory);
                    run.saves.push(memory);
                }
                BringupEvent::Connected(_) | BringupEvent::Failed(_) => end = Some(event),
            }
        }
        if let Some(end) = end {
            assert_eq!(bringup.poll_timeout(), None, "nothing is left to do");
            run.end = end;
            return run;
        }
        if let Some(ok) = save {
            bringup.saved(now, ok);
            continue;
        }
        let deadline = bringup
            .poll_timeout()
            .expect("an unfinished machine has a deadline");
        assert!(
            now.since(start) < Duration::from_secs(3600) && run.sent.len() < 3000,
            "it does not come to an end: {run:#?}"
        );
        match incoming.first() {
            Some(&(at, _)) if at <= deadline => {
                now = now.max(at);
                let (_, bytes) = incoming.remove(0);
                bringup.handle_bytes(now, &bytes);
            }
            _ => {
                now = now.max(deadline);
                bringup.handle_timeout(now);
            }
        }
    }
}

/// Answers of a modem that knows everything, but for those in `table`: a text for the lines before `OK`, or the whole
/// answer if it holds a result.
fn answer(table: &[(&str, &str)], sent: &str) -> Option<(u64, String)> {
    const GOOD: &[(&str, &str)] = &[
        ("AT+CGMI", "u-blox"),
        ("AT+CGMM", "LISA-U200"),
        ("AT+CGMR", "23.40"),
        ("AT+CGSN", "356938035643809"),
        ("AT+CFUN?", "+CFUN: 1"),
        ("AT+CCID", "+CCID: 8981100000000000001"),
        ("AT+CPIN?", "+CPIN: READY"),
        ("AT+UPINCNT", "+UPINCNT: 3,3,10,10"),
        ("AT+CSIM=10,\"0020000100\"", "+CSIM: 4,\"63C3\""),
        ("AT+CREG?", "+CREG: 0,1"),
        ("AT+CGREG?", "+CGREG: 0,1"),
        ("AT+CEREG?", "ERROR"),
        ("AT+CSQ", "+CSQ: 20,99"),
        ("AT+COPS?", "+COPS: 0,0,\"NTT DOCOMO\",2"),
        ("AT+CGDCONT?", "+CGDCONT: 1,\"IP\",\"other\",\"\",0,0"),
        ("ATDT*99***1#", "CONNECT 7200000"),
    ];
    let text = table
        .iter()
        .chain(GOOD)
        .find(|(command, _)| *command == sent)
        .map_or("", |(_, text)| text);
    let result = ["ERROR", "+CME ERROR", "CONNECT", "NO CARRIER"];
    if text == "SILENCE" {
        None
    } else if result.iter().any(|word| text.starts_with(word)) {
        Some((10, format!("\r\n{text}\r\n")))
    } else if text.is_empty() {
        Some((10, "\r\nOK\r\n".to_owned()))
    } else {
        Some((10, format!("\r\n{text}\r\n\r\nOK\r\n")))
    }
}

fn modem(
    table: &'static [(&'static str, &'static str)],
) -> impl FnMut(&str) -> Option<(u64, String)> {
    move |sent| answer(table, sent)
}

/// C10.
#[test]
fn from_an_open_tty_to_connect() {
    let run = run(plan(), &mut modem(&[]));
    run.connected();
    assert_eq!(
        run.sent,
        [
            "ATZ",
            "ATE0",
            "AT+CMEE=1",
            "AT+CGMI",
            "AT+CGMM",
            "AT+CGMR",
            "AT+CGSN",
            "AT+CFUN?",
            "AT+CPIN?",
            "AT+CCID",
            "AT+CREG?",
            "AT+CGREG?",
            "AT+CEREG?",
            "AT+CSQ",
            "AT+COPS=3,2",
            "AT+COPS?",
            "AT+COPS=3,0",
            "AT+COPS?",
            "AT+CGDCONT?",
            "AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"",
            "AT",
            "ATDT*99***1#",
        ]
    );
    assert_eq!(run.profile.as_deref(), Some("LISA-U200"));
    assert_eq!(
        *run.info(),
        ModemInfo {
            profile: Some("LISA-U200".to_owned()),
            manufacturer: Some("u-blox".to_owned()),
            model: Some("LISA-U200".to_owned()),
            revision: Some("23.40".to_owned()),
            imei: Some("356938035643809".to_owned()),
            iccid: Some("8981100000000000001".to_owned()),
            sim: Some(SimState::Ready),
            registration: Some(Registration::Home),
            signal: Some(Signal { dbm: -73 }),
            operator: Some("NTT DOCOMO".to_owned()),
            plmn: None,
            technology: Some("UTRAN".to_owned()),
        }
    );
    assert!(run.took < Duration::from_secs(2), "{:?}", run.took);
    assert!(run.logged("uplinkd: modem: u-blox LISA-U200, registered, NTT DOCOMO, UTRAN, -73 dBm"));
    assert_eq!(run.saves, []);
}

#[test]
fn a_modem_that_knows_nothing_but_the_dialog_is_dialed() {
    let run = run(plan(), &mut |sent| {
        let known = ["ATZ", "ATE0", "AT+CGDCONT=1,\"IP\",\"dream.jp\"", "AT"];
        let text = if known.contains(&sent) {
            "OK"
        } else if sent.starts_with("ATD") {
            "CONNECT"
        } else {
            "ERROR"
        };
        Some((5, format!("\r\n{text}\r\n")))
    });
    run.connected();
    assert_eq!(run.profile.as_deref(), Some("generic"));
    assert_eq!(run.count("CGDCONT=1"), 1);
    assert!(run.logged("does not tell the state of its SIM"));
    assert!(run.logged("does not tell whether it is registered"));
}

#[test]
fn a_modem_that_answers_a_question_with_silence_twice_does_not_answer() {
    let run = run(plan(), &mut modem(&[("AT+CSQ", "SILENCE")]));
    run.failed(DialError::Timeout {
        command: "AT+CSQ".to_owned(),
        after: ask::ASK_TIMEOUT,
    });
    assert_eq!(run.count("AT+CSQ"), 2);
    assert!(run.took < Duration::from_secs(10));
}

#[test]
fn one_lost_answer_is_nothing() {
    let mut lost = false;
    let run = run(plan(), &mut |sent| {
        if sent == "AT+CGMR" && !lost {
            lost = true;
            // It comes while the repetition waits.
            return Some((3_500, "\r\nlate\r\nOK\r\n".to_owned()));
        }
        answer(&[], sent)
    });
    run.connected();
    assert_eq!(run.info().revision.as_deref(), Some("23.40"));
}

#[test]
fn a_dead_modem_is_told_from_a_silent_question() {
    let run = run(plan(), &mut |_| None);
    run.failed(DialError::NoAnswer);
    assert_eq!(run.info(), &ModemInfo::default());
}

#[test]
fn a_radio_that_is_off_is_switched_on() {
    for level in ["+CFUN: 0", "+CFUN: 4,0"] {
        let run = run(plan(), &mut |sent| match sent {
            "AT+CFUN?" => Some((1, format!("\r\n{level}\r\nOK\r\n"))),
            "AT+CFUN=1" => Some((6_000, "\r\nOK\r\n".to_owned())),
            _ => answer(&[], sent),
        });
        run.connected();
        assert_eq!(run.count("AT+CFUN=1"), 1);
    }
}

#[test]
fn identity_comes_from_ati_where_nothing_else_tells() {
    let ati = "Manufacturer: AM Telecom\r\nModel: AMP5200\r\nRevision: 14-01";
    let run = run(plan(), &mut |sent| match sent {
        "AT+CGMI" | "AT+CGMM" => Some((1, "\r\nERROR\r\n".to_owned())),
        "ATI" => Some((1, format!("\r\n{ati}\r\n\r\nOK\r\n"))),
        _ => answer(&[], sent),
    });
    run.connected();
    assert_eq!(run.profile.as_deref(), Some("AMP5200"));
}

#[test]
fn a_failed_call_brings_its_reason() {
    let mut script = modem(&[
        ("ATDT*99***1#", "NO CARRIER"),
        ("AT+CEER", "+CEER: \"unknown APN\""),
    ]);
    let run = run(plan(), &mut script);
    run.failed(DialError::Refused {
        result: "NO CARRIER".to_owned(),
        report: Some("\"unknown APN\"".to_owned()),
    });
    assert!(run.logged("reason for the failed call"));
}

#[test]
fn the_plain_dialog_asks_nothing() {
    let plan = BringupPlan {
        prepare: false,
        ..plan()
    };
    let run = run(plan, &mut modem(&[]));
    run.connected();
    assert_eq!(
        run.sent,
        [
            "ATZ",
            "ATE0",
            "AT+CGDCONT=1,\"IP\",\"dream.jp\"",
            "AT",
            "ATDT*99***1#"
        ]
    );
    assert_eq!(run.profile.as_deref(), Some("generic"));
}

#[test]
fn the_configurations_dial_command_is_used() {
    let plan = BringupPlan {
        dial: Some("ATD*99#".to_owned()),
        ..plan()
    };
    let run = run(plan, &mut modem(&[("ATD*99#", "CONNECT")]));
    run.connected();
}

/// Spec D1 to D5: the sample configurations of the document, none of which has a PROVIDER, connect on every profile.
#[test]
fn every_sample_of_the_document_connects_on_every_profile() {
    let base = plan();
    let account = |account: &str, password: &str| BringupPlan {
        account: account.to_owned(),
        password: Secret::new(password),
        ..base.clone()
    };
    let samples = [
        BringupPlan {
            apn: Some("soracom.io".to_owned()),
            carrier: Some(Carrier::Number(5)),
            ..account("sora", "sora")
        },
        BringupPlan {
            apn: Some("au.au-net.ne.jp".to_owned()),
            ..account("user@au.au-net.ne.jp", "au")
        },
        account("user@dream.jp", "dti"),
        BringupPlan {
            apn: Some("iijmobile.biz".to_owned()),
            carrier: Some(Carrier::Number(4)),
            ..account("mobile@iij", "iij")
        },
        BringupPlan {
            apn: Some("sakura".to_owned()),
            auth: ContextAuth::None,
            carrier: Some(Carrier::Plmn("44020".to_owned())),
            netmode: Some(NetMode::Lte),
            ..account("", "")
        },
    ];
    let profiles: Vec<String> = base.profiles.names().map(str::to_owned).collect();
    assert!(profiles.len() > 16);
    for profile in &profiles {
        for sample in &samples {
            let plan = BringupPlan {
                profile: base.profiles.get(profile),
                ..sample.clone()
            };
            let password = String::from_utf8(plan.password.expose().to_vec()).unwrap();
            let run = run(plan, &mut modem(&[]));
            run.connected();
            let hidden = run.sent.iter().filter(|sent| sent.contains("QCPDPP"));
            assert!(
                hidden.count() == 0 || !run.logged(&format!("3,\"{password}\"")),
                "{run:#?}"
            );
        }
    }
}

#[test]
fn guesses_are_told_once() {
    let plan = with_profile("KYM11");
    let first = run(plan.clone(), &mut modem(&[]));
    first.connected();
    assert!(first.logged("profile KYM11: dial.dial is a guess: ATDT*99***1#"));
    let again = run(BringupPlan { said: true, ..plan }, &mut modem(&[]));
    again.connected();
    assert!(!again.logged("guess"));
    let known = run(with_profile("LISA-U200"), &mut modem(&[]));
    assert!(!known.logged("guess"));
}

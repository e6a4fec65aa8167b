//! Dialogs in virtual time against scripted modems.

mod hostile;
mod recovery;

use super::*;
use crate::at::lines::show;

/// What the modem does upon what was sent: bytes, and after how many milliseconds they come.
type Answers = Vec<(u64, Vec<u8>)>;

/// A dialog from its start to its end.
#[derive(Debug)]
struct Run {
    /// What was sent, and when.
    sent: Vec<(u64, String)>,
    log: Vec<String>,
    end: DialEvent,
    took: u64,
}

impl Run {
    fn texts(&self) -> Vec<&str> {
        self.sent.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn connected(&self, text: &str, rest: &[u8]) {
        let connected = Connected {
            text: text.to_owned(),
            rest: rest.to_vec(),
        };
        assert_eq!(self.end, DialEvent::Connected(connected), "{self:#?}");
    }

    fn failed(&self, error: DialError) {
        assert_eq!(self.end, DialEvent::Failed(error), "{self:#?}");
    }

    fn logged(&self, line: &str) -> bool {
        self.log.iter().any(|logged| logged == line)
    }
}

fn plan() -> DialPlan {
    plan_for("dream.jp")
}

fn plan_for(apn: &str) -> DialPlan {
    let define = format!("AT+CGDCONT=1,\"IP\",\"{apn}\"");
    DialPlan {
        commands: ["ATZ", "ATE0", &define, "AT"].map(Command::new).to_vec(),
        dial: DIAL.to_owned(),
        command_timeout: Duration::from_secs(30),
        dial_timeout: Duration::from_secs(30),
    }
}

/// Runs a dialog. `modem` is asked at the start (with an empty text) and for everything that is
/// sent.
fn run(plan: DialPlan, mut modem: impl FnMut(&str) -> Answers) -> Run {
    let start = Instant::from_millis(7_000);
    let mut now = start;
    let mut dialer = Dialer::new(plan);
    let mut run = Run {
        sent: vec![],
        log: vec![],
        end: DialEvent::Failed(DialError::NoAnswer),
        took: 0,
    };
    let mut incoming: Vec<(Instant, Vec<u8>)> = Vec::new();
    let ms = |now: Instant| now.since(start).as_millis() as u64;
    let mut say = |what: &str, now: Instant, incoming: &mut Vec<(Instant, Vec<u8>)>| {
        incoming.extend(
            modem(what)
                .into_iter()
                .map(|(ms, bytes)| (now + Duration::from_millis(ms), bytes)),
        );
        incoming.sort_by_key(|(at, _)| *at);
    };
    dialer.start(now);
    say("", now, &mut incoming);
    loop {
        let mut out = Vec::new();
        if dialer.poll_transmit(&mut out) {
            run.sent.push((ms(now), show(&out)));
            say(&show(&out), now, &mut incoming);
        }
        while let Some(event) = dialer.poll_event() {
            if let DialEvent::Log(line) = event {
                run.log.push(line.to_string());
                continue;
            }
            assert_eq!(dialer.poll_timeout(), None, "nothing is left to do");
            assert_eq!(dialer.poll_event(), None);
            run.end = event;
            run.took = ms(now);
            return run;
        }
        let deadline = dialer
            .poll_timeout()
            .expect("an unfinished machine has a deadline");
        assert!(
            deadline >= now && ms(now) < 300_000,
            "it does not come to an end: {run:#?}"
        );
        match incoming.first() {
            Some(&(at, _)) if at <= deadline => {
                now = at;
                let (_, bytes) = incoming.remove(0);
                dialer.handle_bytes(now, &bytes);
            }
            _ => {
                now = deadline;
                dialer.handle_timeout(now);
            }
        }
    }
}

/// A modem that answers each command by `OK` but for those in `table`.
fn modem(table: &'static [(&'static str, &'static str)]) -> impl FnMut(&str) -> Answers {
    move |sent| {
        if sent.is_empty() {
            return vec![];
        }
        let answer = table
            .iter()
            .find(|(command, _)| *command == sent)
            .map_or("\r\nOK\r\n", |(_, answer)| answer);
        vec![(10, answer.as_bytes().to_vec())]
    }
}

const DIAL: &str = "ATDT*99***1#";
const DIAL_M: &str = "ATDT*99***1#^M";
const CGDCONT_M: &str = "AT+CGDCONT=1,\"IP\",\"dream.jp\"^M";
const PROBE_SHOWN: &str = "~M-^?^CM-@!^I^A^@^HM-^YM-Q5M-AM-^N,~";
const TERMINATE_SHOWN: &str = "~M-^?}#M-@!}%}#} }$M-^Er~";
/// An LCP Configure-Request (public log R1).
const FRAME: &[u8] = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x20\x7d\x20\x7d\x39\x7d\x22\x7d\x26\
    \x7d\x20\x7d\x20\x7d\x20\x7d\x20\x7d\x23\x7d\x25\xc2\x23\x7d\x25\x7d\x25\x7d\x26\xd0\x84\x69\
    \x7d\x2a\x7d\x27\x7d\x22\x7d\x28\x7d\x22\xa0\xfc\x7e";

#[test]
fn capitals_flow_control_and_words_in_other_lines_make_no_difference() {
    let run = run(
        plan(),
        modem(&[
            ("ATZ^M", "ATZ\r\r\n\x11ok\x13\r\n"),
            (
                "ATE0^M",
                "\r\n^CONNECT: 1\r\n+X: NO CARRIER\r\nIs it OK\r\nOk\r\n",
            ),
            ("AT^M", "\r\nCONNECT\r\nOK\r\n"),
            (
                DIAL_M,
                "ATDT*99***1#\r\r\nOK\r\nRING\r\n+CONNECT\r\nConnect 7200000\r\n~",
            ),
        ]),
    );
    run.connected("Connect 7200000", b"~");
}

#[test]
fn speaks_exactly_the_documents_dialog() {
    let run = run(plan(), modem(&[(DIAL_M, "\r\nCONNECT 150000000\r\n")]));
    run.connected("CONNECT 150000000", b"");
    assert_eq!(run.texts(), ["ATZ^M", "ATE0^M", CGDCONT_M, "AT^M", DIAL_M]);
    // 100 ms of silence first, 10 ms for each answer, 20 ms of silence behind it.
    assert_eq!(run.took, 230);
}

#[test]
fn logs_as_chat_does() {
    let run = run(
        plan(),
        modem(&[("ATZ^M", "ATZ\r\r\nOK\r\n"), (DIAL_M, "\r\nNO CARRIER\r\n")]),
    );
    run.failed(DialError::Refused {
        result: "NO CARRIER".to_owned(),
        report: None,
    });
    let expected = [
        "chat: send (ATZ^M)",
        "chat: expect (OK)",
        "chat: ATZ",
        "chat: OK",
        "chat:  -- got it",
        "chat: send (ATE0^M)",
        "chat: expect (OK)",
        "chat: OK",
        "chat:  -- got it",
        "chat: send (AT+CGDCONT=1,\"IP\",\"dream.jp\"^M)",
        "chat: expect (OK)",
        "chat: OK",
        "chat:  -- got it",
        "chat: send (AT^M)",
        "chat: expect (OK)",
        "chat: OK",
        "chat:  -- got it",
        "chat: send (ATDT*99***1#^M)",
        "chat: expect (CONNECT)",
        "chat: NO CARRIER",
        "chat:  -- failed",
        "chat: Failed (NO CARRIER)",
        "chat: send (AT+CEER^M)",
        "chat: expect (OK)",
        "chat: OK",
    ];
    assert_eq!(run.log, expected);
}

#[test]
fn first_frames_glued_to_connect_are_handed_over_byte_for_byte() {
    for (end, rest) in [
        (&b"\r\n"[..], &b""[..]),
        (b"\r", b""),
        (b"\n", b""),
        (b"\r\r\n", b""),
        (b"", b""),
        (b"\r\n\r\n", b"\r\n"),
    ] {
        let run = run(plan(), |sent| match sent {
            "" => vec![],
            DIAL_M => vec![(
                10,
                [b"\r\nCONNECT 115200", end, FRAME, FRAME, b"\x7e\xff"].concat(),
            )],
            _ => vec![(10, b"\r\nOK\r\n".to_vec())],
        });
        run.connected(
            "CONNECT 115200",
            &[rest, FRAME, FRAME, b"\x7e\xff"].concat(),
        );
    }
}

#[test]
fn connect_in_pieces_is_found() {
    let whole = [b"\r\nCONNECT\r\n", FRAME].concat();
    for cut in 1..11 {
        let run = run(plan(), |sent| match sent {
            "" => vec![],
            DIAL_M => vec![(10, whole[..cut].to_vec()), (20, whole[cut..].to_vec())],
            _ => vec![(10, b"\r\nOK\r\n".to_vec())],
        });
        // The line feed may come later than CONNECT CR; the deframer does not mind it.
        let rest = if cut == 10 { &whole[..0] } else { FRAME };
        run.connected("CONNECT", rest);
    }
}

#[test]
fn echo_in_every_shape_is_no_answer() {
    let run = run(
        plan(),
        modem(&[
            ("ATZ^M", "\0\0AATZ\r\r\n\r\nOK\r\n"),
            ("ATE0^M", "ATE0\r\r\nOK\r\n"),
            (CGDCONT_M, "AT+CGDCONT=1,\"IP\",\"dream.jp\"\r\nOK\r\n"),
            ("AT^M", "AT\r\r\nOK\r\n"),
            (DIAL_M, "ATDT*99***1#\r\r\nCONNECT\r\n"),
        ]),
    );
    run.connected("CONNECT", b"");
}

#[test]
fn echo_of_an_apn_that_looks_like_a_result_is_no_answer() {
    let plan = plan_for("ERROR.NO CARRIER");
    let run = run(
        plan,
        modem(&[
            (
                "AT+CGDCONT=1,\"IP\",\"ERROR.NO CARRIER\"^M",
                "AT+CGDCONT=1,\"IP\",\"ERROR.NO CARRIER\"\r\r\nOK\r\n",
            ),
            (DIAL_M, "\r\nCONNECT\r\n"),
        ]),
    );
    run.connected("CONNECT", b"");
}

/// Public log T06b and D4: URCs come before the answer.
#[test]
fn urcs_between_are_no_answer() {
    let run = run(
        plan(),
        modem(&[
            (
                "ATZ^M",
                "\r\n^SYSSTART\r\n\r\nRDY\r\n\r\n+PBREADY\r\nATZ\r\r\nOK\r\n",
            ),
            (
                "AT^M",
                "\r\n+CGREG: 2\r\n\r\n+CREG: 1,\"0166\",\"1808\"\r\n\r\nOK\r\n",
            ),
            (
                DIAL_M,
                "\r\n*PSUTTZ: 2015,1,1\r\n\r\n^RSSI:20\r\n\r\nRING\r\n\r\nCONNECT 100000000\r\n",
            ),
        ]),
    );
    run.connected("CONNECT 100000000", b"");
    assert!(run.logged("chat: ^SYSSTART"));
}

/// Public log T05: several commands in one line, one OK for all.
#[test]
fn several_answers_and_one_ok_are_one_answer() {
    let command = "ATI;+CSUB;+CSQ;+CPIN?;+COPS?;+CGREG?;&D2";
    let plan = DialPlan {
        commands: ["AT", "ATE0", command].map(Command::new).to_vec(),
        ..plan()
    };
    let run = run(
        plan,
        modem(&[
            (
                "ATI;+CSUB;+CSQ;+CPIN?;+COPS?;+CGREG?;&D2^M",
                "\r\nQuectel\r\nEC20F\r\nRevision: EC20\r\n\r\nSubEdition: V01\r\n\r\n\
             +CSQ: 27,99\r\n\r\n\
             +CPIN: READY\r\n\r\n\
             +COPS: 0,0,\"CHN-CT\",7\r\n\r\n+CGREG: 0,1\r\n\r\nOK\r\n",
            ),
            (DIAL_M, "\r\nCONNECT 150000000\r\n"),
        ]),
    );
    run.connected("CONNECT 150000000", b"");
    assert_eq!(run.texts().len(), 4);
}

/// Public log T06a: the first character of the echo is doubled, the call fails with a number.
#[test]
fn a_cme_error_to_the_call_is_told_in_words() {
    let plan = DialPlan {
        commands: ["ATQ0", "ATZ", "AT+CMEE=2", "ATI", "AT+COPS?"]
            .map(Command::new)
            .to_vec(),
        ..plan()
    };
    let run = run(
        plan,
        modem(&[
            ("ATQ0^M", "AATQ0\r\r\nOK\r\n"),
            (
                "ATI^M",
                "ATI\r\r\nCinterion\r\nPLS63-W\r\nREVISION 01.202\r\n\r\nOK\r\n",
            ),
            ("AT+COPS?^M", "AT+COPS?\r\r\n+COPS: 1\r\n\r\nOK\r\n"),
            (DIAL_M, "ATDT*99***1#\r\r\n+CME ERROR: 30\r\n"),
            (
                "AT+CEER^M",
                "AT+CEER\r\r\n+CEER: No report available\r\n\r\nOK\r\n",
            ),
        ]),
    );
    run.failed(DialError::Extended {
        command: DIAL.to_owned(),
        code: Some(30),
        text: "+CME ERROR: 30 (no network service)".to_owned(),
    });
    assert!(run.logged("chat: Failed (+CME ERROR: 30 (no network service))"));
    assert!(run.logged("uplinkd: the modem's reason for the failed call: No report available"));
}

/// Public log T06b, the same modem where it works.
#[test]
fn the_same_modem_with_a_network_connects() {
    let plan = DialPlan {
        commands: ["ATQ0", "ATZ", "AT+CMEE=2", "ATI", "AT+COPS?"]
            .map(Command::new)
            .to_vec(),
        ..plan()
    };
    let run = run(
        plan,
        modem(&[
            ("ATQ0^M", "\r\n^SYSSTART\r\nAATQ0\r\r\nOK\r\n"),
            (
                "AT+COPS?^M",
                "AT+COPS?\r\r\n+COPS: 1,0,\"AT&T\",7\r\n\r\nOK\r\n",
            ),
            (DIAL_M, "ATDT*99***1#\r\r\nCONNECT\r\n"),
        ]),
    );
    run.connected("CONNECT", b"");
}

/// Public log D2, D3, D5, D6: other dialogs found in the field.
#[test]
fn other_dialogs_of_the_field_work() {
    let connects = |commands: &[&str], dial: &str, answers| {
        let commands = commands
            .iter()
            .map(|&command| Command::new(command))
            .collect();
        let plan = DialPlan {
            commands,
            dial: dial.to_owned(),
            ..plan()
        };
        run(plan, modem(answers)).connected("CONNECT 115200", b"");
    };
    connects(
        &["AT", "AT+CPIN?", "AT+CREG?"],
        "ATD*99#",
        &[
            ("AT^M", "AT\r\r\nOK\r\n"),
            ("AT+CPIN?^M", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
            ("AT+CREG?^M", "\r\n+CREG: 0,1\r\n\r\nOK\r\n"),
            ("ATD*99#^M", "\r\nCONNECT 115200\r\n"),
        ],
    );
    connects(
        &["AT&F", "ATE1"],
        "ATD*99#",
        &[
            ("AT&F^M", "AT&F\r\r\r\nOK\r\n"),
            ("ATD*99#^M", "\r\nCONNECT 115200\r\n"),
        ],
    );
    connects(
        &["ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0"],
        "ATDT*99#",
        &[("ATDT*99#^M", "ATDT*99#\r\r\nCONNECT 115200\r\n")],
    );
    let context = "AT+CGDCONT=3,\"IPV4V6\",\"vzwinternet\",\"0.0.0.0\",0,0";
    connects(
        &[context],
        "ATDT*99***3#",
        &[("ATDT*99***3#^M", "\r\nCONNECT 115200\r\n")],
    );
}

#[test]
fn each_result_that_ends_a_call_fails_it() {
    for result in [
        "NO CARRIER",
        "BUSY",
        "NO DIALTONE",
        "NO DIAL TONE",
        "NO ANSWER",
        "VOICE",
        "DELAYED",
    ] {
        let run = run(plan(), |sent| match sent {
            "" => vec![],
            DIAL_M => vec![(2000, format!("\r\n{result}\r\n").into_bytes())],
            _ => vec![(10, b"\r\nOK\r\n".to_vec())],
        });
        run.failed(DialError::Refused {
            result: result.to_owned(),
            report: None,
        });
    }
}

/// Public log D7: `ATD*99#` is answered by ERROR.
#[test]
fn error_fails_the_command_it_answers() {
    let error = |command: &str| DialError::Error {
        command: command.to_owned(),
    };
    run(plan(), modem(&[(DIAL_M, "\r\nERROR\r\n")])).failed(error(DIAL));
    run(
        plan(),
        modem(&[(DIAL_M, "\r\nERROR\r\n"), ("AT+CEER^M", "\r\nERROR\r\n")]),
    )
    .failed(error(DIAL));
    run(plan(), modem(&[("ATZ^M", "\r\nERROR\r\n")])).failed(error("ATZ"));
    run(plan(), modem(&[("ATE0^M", "\r\nCOMMAND NOT SUPPORT\r\n")])).failed(error("ATE0"));
    let failed = run(plan(), modem(&[(CGDCONT_M, "\r\nERROR\r\n")]));
    failed.failed(error("AT+CGDCONT=1,\"IP\",\"dream.jp\""));
    assert_eq!(failed.texts(), ["ATZ^M", "ATE0^M", CGDCONT_M]);
    run(plan(), modem(&[("AT^M", "\r\n+CMS ERROR: 310\r\n")])).failed(DialError::Extended {
        command: "AT".to_owned(),
        code: None,
        text: "+CMS ERROR: 310 (SIM not inserted)".to_owned(),
    });
    run(
        plan(),
        modem(&[("ATE0^M", "\r\n+CME ERROR: SIM PIN required\r\n")]),
    )
    .failed(DialError::Extended {
        command: "ATE0".to_owned(),
        code: Some(11),
        text: "+CME ERROR: SIM PIN required".to_owned(),
    });
}

#[test]
fn silence_behind_the_call_is_a_timeout_and_the_report_does_not_hold_it_up() {
    let run = run(plan(), modem(&[(DIAL_M, ""), ("AT+CEER^M", "")]));
    run.failed(DialError::Timeout {
        command: DIAL.to_owned(),
        after: Duration::from_secs(30),
    });
    assert_eq!(run.took, 220 + 30_000 + 2_000);
    assert!(run.logged("chat: alarm") && run.logged("chat: Failed"));
}

#[test]
fn silence_behind_a_command_is_a_timeout() {
    let run = run(plan(), modem(&[("ATE0^M", "")]));
    run.failed(DialError::Timeout {
        command: "ATE0".to_owned(),
        after: Duration::from_secs(30),
    });
    assert_eq!(run.took, 130 + 30_000);
}

#[test]
fn the_end_of_the_former_call_does_not_fail_this_one() {
    // Before the first command, behind it, together with an answer, between two commands.
    let run = run(plan(), |sent| match sent {
        "" => vec![
            (20, b"\r\nOK\r\n\r\nERROR\r\n".to_vec()),
            (60, b"\r\nNO CARRIER\r\n".to_vec()),
        ],
        "ATZ^M" => vec![
            (10, b"\r\nNO CARRIER\r\n".to_vec()),
            (20, b"\r\nOK\r\n".to_vec()),
        ],
        "ATE0^M" => vec![(10, b"\r\nNO CARRIER\r\n\r\nBUSY\r\n\r\nOK\r\n".to_vec())],
        "AT^M" => vec![(10, b"\r\nOK\r\n\r\nNO CARRIER\r\n\r\nERROR\r\n".to_vec())],
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    run.connected("CONNECT", b"");
    assert_eq!(run.sent.first(), Some(&(160, "ATZ^M".to_owned())));
    assert!(run.logged("uplinkd: late, not an answer: NO CARRIER"));
}

#[test]
fn a_line_that_never_falls_silent_is_spoken_to() {
    let run = run(plan(), |sent| match sent {
        "" => (0..200)
            .map(|n| (n * 50, b"\r\n+CREG: 2\r\n".to_vec()))
            .collect(),
        DIAL_M => vec![(10, b"\r\nCONNECT\r\n".to_vec())],
        _ => vec![(10, b"\r\nOK\r\n".to_vec())],
    });
    run.connected("CONNECT", b"");
    assert_eq!(run.sent.first(), Some(&(1000, "ATZ^M".to_owned())));
}

#[test]
fn answers_without_a_line_end_count_after_a_silence() {
    let run = run(plan(), modem(&[("ATZ^M", "OK"), (DIAL_M, "CONNECT")]));
    run.connected("CONNECT", b"");
}

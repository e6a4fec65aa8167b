//! APN and account: what is sent, and what is not.

use super::*;

/// A modem of AM Telecom's that counts what is written to its flash.
#[derive(Default)]
struct Flash {
    writes: usize,
    context: String,
}

impl Flash {
    fn answer(&mut self, sent: &str) -> Option<(u64, String)> {
        if let Some(values) = sent.strip_prefix("AT+CGDCONT=") {
            self.writes += 1;
            self.context = values.to_owned();
        } else if sent.starts_with("AT$QCPDPP=") {
            self.writes += 1;
        } else if sent == "AT+CGDCONT?" {
            return Some((5, format!("\r\n+CGDCONT: {}\r\n\r\nOK\r\n", self.context)));
        }
        answer(&[], sent)
    }
}

fn amp(memory: Memory) -> BringupPlan {
    BringupPlan {
        memory,
        ..with_profile("AMP5200")
    }
}

fn last(run: &Run) -> Memory {
    run.saves.last().cloned().unwrap_or_default()
}

#[test]
fn an_equal_context_is_not_sent() {
    let mut script = modem(&[(
        "AT+CGDCONT?",
        "+CGDCONT: 1,\"IP\",\"CHAP:dream.jp\",\"\",0,0",
    )]);
    let run = run(plan(), &mut script);
    run.connected();
    assert_eq!(run.count("AT+CGDCONT="), 0);
}

#[test]
fn an_unreadable_context_is_sent() {
    let run = run(plan(), &mut modem(&[("AT+CGDCONT?", "ERROR")]));
    run.connected();
    assert_eq!(run.count("AT+CGDCONT="), 1);
}

#[test]
fn without_an_apn_nothing_is_read_or_written() {
    let plan = BringupPlan {
        apn: None,
        account: String::new(),
        ..plan()
    };
    let run = run(plan, &mut modem(&[]));
    run.connected();
    assert_eq!(run.count("CGDCONT"), 0);
}

#[test]
fn a_refused_context_ends_the_attempt_as_in_the_documents_script() {
    let command = "AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"";
    let refused = run(
        plan(),
        &mut modem(&[("AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"", "ERROR")]),
    );
    refused.failed(DialError::Error {
        command: command.to_owned(),
    });
    let silent = run(
        plan(),
        &mut modem(&[("AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"", "SILENCE")]),
    );
    silent.failed(DialError::Timeout {
        command: command.to_owned(),
        after: SLOW_TIMEOUT,
    });
    assert_eq!(silent.count("AT+CGDCONT="), 1);
}

#[test]
fn the_account_is_given_and_not_shown() {
    let mut flash = Flash::default();
    let run = run(amp(Memory::default()), &mut |sent| flash.answer(sent));
    run.connected();
    let at = |text: &str| run.sent.iter().position(|sent| sent == text).unwrap();
    let context = at("AT+CGDCONT=1,\"IPV4V6\",\"dream.jp\",\"0.0.0.0\",0,0");
    let account = at("AT$QCPDPP=1,3,\"geheim\",\"user@dream.jp\"");
    assert!(context < account);
    assert!(!run.logged("geheim"));
    assert!(run.logged("send (AT$QCPDPP=1,3,\"??????\",\"user@dream.jp\"^M)"));
    // Counted before it is sent.
    assert_eq!(run.saves.len(), 2);
    assert_eq!(run.saves.first().map(Memory::total_writes), Some(2));
    let stored = String::from_utf8(last(&run).encode()).unwrap();
    for secret in ["geheim", "dream.jp", "user", "89811"] {
        assert!(!stored.contains(secret), "{stored}");
    }
}

#[test]
fn an_account_that_fits_into_no_command_is_left_out() {
    let plan = BringupPlan {
        password: Secret::new("ge\"heim"),
        ..amp(Memory::default())
    };
    let run = run(plan, &mut modem(&[]));
    run.connected();
    assert_eq!(run.count("QCPDPP"), 0);
    assert!(run.logged("cannot stand in an AT command"));
}

/// Spec D5: failing for ever does not wear out the flash.
#[test]
fn what_was_written_is_not_written_again() {
    let mut flash = Flash::default();
    let mut memory = Memory::default();
    for _ in 0..50 {
        let run = run(amp(memory.clone()), &mut |sent| flash.answer(sent));
        run.connected();
        if let Some(saved) = run.saves.last() {
            memory = saved.clone();
        }
    }
    assert_eq!(flash.writes, 2);
    // Settings that change are written.
    let plan = BringupPlan {
        password: Secret::new("anders"),
        ..amp(memory)
    };
    let run = run(plan, &mut |sent| flash.answer(sent));
    run.connected();
    assert_eq!(flash.writes, 4);
}

/// Spec C26, D5.
#[test]
fn connect_ok_keeps_everything_back_and_its_removal_sends_it_again() {
    let mut flash = Flash::default();
    let ok = |memory| BringupPlan {
        connect_ok: true,
        ..amp(memory)
    };
    let first = run(amp(Memory::default()), &mut |sent| flash.answer(sent));
    assert_eq!(flash.writes, 2);
    // The user's word is noted once.
    let noted = run(ok(last(&first)), &mut |sent| flash.answer(sent));
    noted.connected();
    let quiet = run(ok(last(&noted)), &mut |sent| flash.answer(sent));
    assert_eq!((flash.writes, quiet.saves.len()), (2, 0));
    // Another account, another SIM: said, not sent.
    let other = BringupPlan {
        account: "other@dream.jp".to_owned(),
        ..ok(last(&noted))
    };
    let other = run(other, &mut |sent| flash.answer(sent));
    assert!(other.logged("settings, SIM or modem are not those"));
    let swapped = run(ok(last(&noted)), &mut |sent| {
        let sim = answer(&[("AT+CCID", "8981100000000000009")], sent);
        flash.answer(sent).filter(|_| sent != "AT+CCID").or(sim)
    });
    assert!(swapped.logged("settings, SIM or modem are not those"));
    assert_eq!(flash.writes, 2);
    // The line is removed.
    let removed = run(amp(last(&noted)), &mut |sent| flash.answer(sent));
    removed.connected();
    assert_eq!(flash.writes, 4);
    let after = run(amp(last(&removed)), &mut |sent| flash.answer(sent));
    after.connected();
    assert_eq!(flash.writes, 4);
}

#[test]
fn a_modem_that_has_lost_its_apn_is_told_of() {
    let mut flash = Flash {
        context: "1,\"IP\",\"other.jp\",\"\",0,0".to_owned(),
        ..Flash::default()
    };
    let plan = BringupPlan {
        connect_ok: true,
        ..amp(Memory::default())
    };
    let lost = run(plan.clone(), &mut |sent| flash.answer(sent));
    assert!(lost.logged("the modem has \"other.jp\": remove that line to send it"));
    flash.context = "1,\"IP\",\"dream.jp\",\"\",0,0".to_owned();
    let same = run(plan, &mut |sent| flash.answer(sent));
    assert!(!same.logged("remove that line"));
    assert_eq!(flash.writes, 0);
}

/// An existing CONNECT_OK=1 of the former system.
#[test]
fn connect_ok_without_a_record_is_taken_on_trust() {
    let mut flash = Flash::default();
    let plan = BringupPlan {
        connect_ok: true,
        ..amp(Memory::default())
    };
    let run = run(plan, &mut |sent| flash.answer(sent));
    run.connected();
    assert_eq!(flash.writes, 0);
    assert!(run.logged("CONNECT_OK=1: APN and account are taken to be in the modem"));
}

#[test]
fn the_limit_holds_whatever_is_configured() {
    let mut flash = Flash::default();
    let mut memory = Memory::default();
    let mut loud = 0;
    for n in 0..30 {
        let plan = BringupPlan {
            apn: Some(format!("apn{n}")),
            ..amp(memory.clone())
        };
        // Every other time the disk is full: the owner keeps the memory all the same.
        let run = run_with(
            plan,
            &mut |sent| flash.answer(sent),
            &mut |_| Some(n % 2 == 0),
            Duration::MAX,
        );
        run.connected();
        if let Some(saved) = run.saves.last() {
            memory = saved.clone();
        }
        loud += usize::from(run.logged("NOT written"));
    }
    assert_eq!((flash.writes, loud), (10, 25));
    let tomorrow = BringupPlan {
        wall: 1_800_000_000 + 86_400,
        ..amp(memory)
    };
    run(tomorrow, &mut |sent| flash.answer(sent)).connected();
    assert_eq!(flash.writes, 12);
}

#[test]
fn other_modems_are_written_to_whatever_connect_ok_says() {
    let plan = BringupPlan {
        connect_ok: true,
        provisioning_limit: 0,
        ..plan()
    };
    let run = run(plan, &mut modem(&[]));
    run.connected();
    assert_eq!(run.count("AT+CGDCONT="), 1);
    assert_eq!(run.saves, []);
}

#[test]
fn the_plain_dialog_counts_too() {
    let mut flash = Flash::default();
    let plain = |limit| BringupPlan {
        prepare: false,
        provisioning_limit: limit,
        ..amp(Memory::default())
    };
    let written = run(plain(10), &mut |sent| flash.answer(sent));
    written.connected();
    assert_eq!(last(&written).total_writes(), 1);
    let over = run(plain(0), &mut |sent| flash.answer(sent));
    over.connected();
    assert_eq!(flash.writes, 1);
    assert!(over.logged("NOT written"));
}

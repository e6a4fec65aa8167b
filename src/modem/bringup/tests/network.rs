//! NETMODE, CARRIERID, registration.

use super::*;

fn carrier(carrier: Carrier) -> BringupPlan {
    BringupPlan {
        carrier: Some(carrier),
        ..plan()
    }
}

/// A modem whose `+CREG?` and `+CGREG?` say these states, one a round, the last one for ever.
fn registering(states: &'static [u8], sent: &str, round: &mut usize) -> Option<(u64, String)> {
    let state = states
        .get(*round)
        .or_else(|| states.last())
        .copied()
        .unwrap_or(0);
    match sent {
        "AT+CREG?" => Some((5, format!("\r\n+CREG: 0,{state}\r\n\r\nOK\r\n"))),
        "AT+CGREG?" => {
            *round += 1;
            Some((5, format!("\r\n+CGREG: 0,{state}\r\n\r\nOK\r\n")))
        }
        _ => answer(&[], sent),
    }
}

fn wait(states: &'static [u8]) -> Run {
    let mut round = 0;
    run(plan(), &mut |sent| registering(states, sent, &mut round))
}

/// C18.
#[test]
fn the_mode_is_set_where_the_profile_has_a_command() {
    let mode = |mode| BringupPlan {
        netmode: Some(mode),
        ..plan()
    };
    let known = run(mode(NetMode::Wcdma), &mut modem(&[]));
    known.connected();
    assert_eq!(known.count("AT+URAT=2"), 1);
    let same = run(
        mode(NetMode::Wcdma),
        &mut modem(&[("AT+URAT?", "+URAT: 2,0")]),
    );
    same.connected();
    assert_eq!((same.count("AT+URAT?"), same.count("AT+URAT=")), (1, 0));
    let other = run(
        mode(NetMode::Wcdma),
        &mut modem(&[("AT+URAT?", "+URAT: 1,2")]),
    );
    assert_eq!(other.count("AT+URAT=2"), 1);
    // C18: a warning, once, and the dial goes on.
    let unknown = run(mode(NetMode::Lte), &mut modem(&[]));
    unknown.connected();
    assert!(unknown.logged("NETMODE=LTE is not set: profile LISA-U200 has no command for it"));
    assert_eq!(unknown.count("URAT"), 0);
    let refused = run(
        mode(NetMode::Auto),
        &mut modem(&[("AT+URAT=1", "+CME ERROR: 50")]),
    );
    refused.connected();
    assert!(
        refused.logged(
            "the modem answered +CME ERROR: 50 (incorrect parameters) to AT+URAT=1: going on"
        )
    );
    let again = BringupPlan {
        said: true,
        ..mode(NetMode::Lte)
    };
    assert!(!run(again, &mut modem(&[])).logged("NETMODE"));
}

/// C19.
#[test]
fn the_carrier_is_chosen_if_it_is_not_there() {
    let plmn = || Carrier::Plmn("44020".to_owned());
    let chosen = run(carrier(plmn()), &mut |sent| match sent {
        "AT+COPS?" => answer(&[("AT+COPS?", "+COPS: 0,2,\"44010\",2")], sent),
        "AT+COPS=1,2,\"44020\"" => Some((100_000, "\r\nOK\r\n".to_owned())),
        _ => answer(&[], sent),
    });
    chosen.connected();
    assert_eq!(chosen.count("AT+COPS=1,2,\"44020\""), 1);
    assert!(chosen.logged("choosing the network 44020, up to 180 s"));
    let there = run(
        carrier(plmn()),
        &mut modem(&[("AT+COPS?", "+COPS: 1,2,\"44020\",2")]),
    );
    there.connected();
    assert_eq!(there.count("AT+COPS=1,2"), 0);
    let refused = run(
        carrier(plmn()),
        &mut modem(&[("AT+COPS=1,2,\"44020\"", "+CME ERROR: 30")]),
    );
    refused.connected();
    assert!(refused.logged("going on"));
}

#[test]
fn a_carrier_that_is_never_chosen_is_not_chosen_twice() {
    let silent = run(
        carrier(Carrier::Plmn("44020".to_owned())),
        &mut modem(&[("AT+COPS=1,2,\"44020\"", "SILENCE")]),
    );
    silent.connected();
    assert_eq!(silent.count("AT+COPS=1,2"), 1);
    assert!(silent.logged("nothing within 180 s"));
}

#[test]
fn numbers_without_a_command_are_told() {
    let automatic = run(
        carrier(Carrier::Number(4)),
        &mut modem(&[("AT+COPS?", "+COPS: 1,2,\"44010\",2")]),
    );
    automatic.connected();
    assert_eq!(automatic.count("AT+COPS=0"), 1);
    let already = run(carrier(Carrier::Number(4)), &mut modem(&[]));
    assert_eq!(already.count("AT+COPS=0"), 0);
    let unknown = run(carrier(Carrier::Number(5)), &mut modem(&[]));
    unknown.connected();
    assert!(unknown.logged("CARRIERID=5 is not set: profile LISA-U200 has no command for it"));

    let mut profiles = Profiles::built_in();
    let text = "extends = \"LISA-U200\"\n[carrier]\n5 = [\"AT+C=5\"]\n";
    profiles.add("mine.toml", text).unwrap();
    let plan = BringupPlan {
        profiles: Arc::new(profiles),
        ..carrier(Carrier::Number(5))
    };
    let known = run(plan, &mut modem(&[]));
    known.connected();
    assert_eq!(known.count("AT+C=5"), 1);
}

#[test]
fn registration_is_waited_for_and_told_at_each_change() {
    let run = wait(&[0, 2, 2, 2, 3, 2, 5]);
    run.connected();
    let told: Vec<&str> = run
        .log
        .iter()
        .filter(|line| line.contains("the modem is "))
        .map(String::as_str)
        .collect();
    assert_eq!(
        told,
        [
            "uplinkd: the modem is not registered and does not search: waiting for the network, up to 119 s",
            "uplinkd: the modem is searching for a network: waiting for the network, up to 116 s",
            "uplinkd: the modem is refused by the network: waiting for the network, up to 107 s",
            "uplinkd: the modem is searching for a network: waiting for the network, up to 104 s",
            "uplinkd: the modem is registered, roaming after 18 s",
        ]
    );
    assert_eq!(run.info().registration, Some(Registration::Roaming));
}

#[test]
fn no_network_ends_the_attempt() {
    let run = wait(&[2]);
    let BringupEvent::Failed(BringupError::Modem(ModemProblem::NotRegistered {
        registration,
        waited,
    })) = run.end
    else {
        panic!("{run:#?}");
    };
    assert_eq!(registration, Registration::Searching);
    assert!((120..126).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(run.info().registration, Some(Registration::Searching));
}

#[test]
fn a_refusal_ends_it_sooner() {
    let run = wait(&[2, 3]);
    run.failed(ModemProblem::RegistrationDenied);
    assert!(run.took < Duration::from_secs(45), "{:?}", run.took);
}

#[test]
fn with_no_time_to_wait_it_is_asked_once() {
    let plan = BringupPlan {
        registration_timeout: Some(Duration::ZERO),
        ..plan()
    };
    let mut round = 0;
    let run = run(plan, &mut |sent| registering(&[2], sent, &mut round));
    run.connected();
    assert_eq!(run.count("AT+CREG?"), 1);
    // Without a network the operator is not asked for.
    assert_eq!(run.count("AT+COPS?"), 0);
}

#[test]
fn lte_alone_suffices_and_unsolicited_results_do_not_disturb() {
    let run = run(plan(), &mut |sent| match sent {
        "AT+CREG?" => Some((5, "\r\n+CREG: 0,0\r\n\r\nOK\r\n".to_owned())),
        "AT+CGREG?" => Some((5, "\r\n+CEREG: 2\r\n+CGREG: 0,0\r\n\r\nOK\r\n".to_owned())),
        "AT+CEREG?" => Some((
            5,
            "\r\n+CREG: 3\r\n\r\n+CEREG: 2,1,\"00AF\",\"0012\",7\r\n^RSSI: 3\r\n\r\nOK\r\n"
                .to_owned(),
        )),
        _ => answer(&[("AT+COPS?", "+COPS: 0,0,\"DOCOMO\"")], sent),
    });
    run.connected();
    assert_eq!(run.info().technology.as_deref(), Some("E-UTRAN"));
}

//! Modems that say anything.

use proptest::prelude::*;

use super::*;

fn any_plan() -> impl Strategy<Value = BringupPlan> {
    let names: Vec<String> = Profiles::built_in().names().map(str::to_owned).collect();
    (
        proptest::option::of(0..names.len()),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(0u8..7),
    )
        .prop_map(move |(profile, pin, connect_ok, prepare, carrier)| {
            let plan = plan();
            BringupPlan {
                profile: profile.and_then(|n| plan.profiles.get(&names[n])),
                pin: pin.then(|| Secret::new("4711")),
                connect_ok,
                prepare,
                carrier: carrier.map(|n| match n {
                    6 => Carrier::Plmn("44020".to_owned()),
                    n => Carrier::Number(n),
                }),
                netmode: Some(NetMode::Lte),
                ..plan
            }
        })
}

fn any_answer() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("\r\nOK\r\n".to_owned()),
        1 => Just("\r\nERROR\r\n".to_owned()),
        1 => (0u16..160).prop_map(|code| format!("\r\n+CME ERROR: {code}\r\n")),
        1 => (0u8..12).prop_map(|n| format!("\r\n+CREG: 0,{n}\r\n+CGREG: 0,{n}\r\n\r\nOK\r\n")),
        1 => Just("\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n".to_owned()),
        1 => Just("\r\n+CPIN: READY\r\n\r\nOK\r\n".to_owned()),
        1 => Just("\r\n+CFUN: 0\r\n+CSIM: 4,\"63C3\"\r\n89811000000000000001\r\n\r\nOK\r\n".to_owned()),
        1 => Just("\r\nNO CARRIER\r\n".to_owned()),
        1 => Just(String::new()),
        1 => "\\PC{0,60}",
        1 => "[ -~\\r\\n~]{0,80}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// It comes to an end within a bound, without a panic, and shows no secret.
    #[test]
    fn whatever_the_modem_says_it_ends(
        plan in any_plan(),
        answers in proptest::collection::vec((0u64..20_000, any_answer()), 1..60),
        repeats in any::<bool>(),
        stored in proptest::option::of(any::<bool>()),
    ) {
        let mut n = 0;
        let run = run_with(
            plan,
            &mut |sent| {
                n += 1;
                let (ms, text) = answers.get((n - 1) % answers.len()).cloned()?;
                // A modem that repeats whatever it is sent.
                let echo = if repeats { format!("{sent}\r") } else { String::new() };
                Some((ms, echo + &text))
            },
            &mut |_| stored,
            Duration::MAX,
        );
        prop_assert!(matches!(run.end, BringupEvent::Connected(_) | BringupEvent::Failed(_)));
        prop_assert!(run.took < Duration::from_secs(1800), "{:?}", run.took);
        let seen = format!("{:?} {:?}", run.log, run.end);
        prop_assert!(!seen.contains("geheim") && !seen.contains("4711"), "{}", seen);
        prop_assert!(run.count("AT+CPIN=") <= 1);
        for info in &run.infos {
            let texts = [&info.manufacturer, &info.model, &info.revision, &info.operator];
            prop_assert!(texts.into_iter().flatten().all(|text| text.len() <= crate::modem::info::MAX_TEXT));
        }
    }

    #[test]
    fn garbage_without_end_does_not_hold_it(bytes in proptest::collection::vec(any::<u8>(), 0..3000), size in 1usize..400) {
        let mut bringup = Bringup::new(plan());
        let mut now = Instant::from_millis(1000);
        bringup.start(now);
        let mut ended = false;
        for chunk in bytes.chunks(size).cycle().take(20_000) {
            now = now + Duration::from_millis(200);
            bringup.handle_bytes(now, chunk);
            bringup.handle_timeout(now);
            while bringup.poll_transmit(&mut Vec::new()) {}
            while let Some(event) = bringup.poll_event() {
                ended |= matches!(event, BringupEvent::Connected(_) | BringupEvent::Failed(_));
            }
            if ended {
                break;
            }
        }
        prop_assert!(ended || bytes.is_empty());
    }
}

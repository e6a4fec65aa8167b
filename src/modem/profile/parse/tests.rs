use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::modem::ResetStep;

fn problems(text: &str) -> Vec<String> {
    parse("my.toml", text, &Profiles::built_in())
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_profile_says_everything() {
    let text = r#"
        name = "X1"
        about = "a modem"
        aliases = ["ttyX0"]
        flash_wear = true
        guesses = ["dial.dial", "carrier.5"]
        [recognise]
        usb = ["0123:abcd", "4567"]
        models = ["X1"]
        manufacturers = ["X"]
        [ports]
        dial = 0x02
        at = [1, 3]
        ignore = [0]
        [dial]
        setup = ["ATZ", "ATE0"]
        context = 'AT+CGDCONT=2,"{type}","{apn}"'
        apn_prefix = true
        account = ['AT+CGAUTH=2,{auth},"{account}","{password}"']
        before_dial = []
        dial = "ATD*99***2#"
        dial_timeout = 45.5
        registration_timeout = 300
        [netmode]
        AUTO = ["AT+X=0"]
        LTE = ["AT+X=1", "AT+Y=1"]
        read = "AT+X?"
        [carrier]
        5 = ["AT+C=5"]
        [sim]
        tries = "AT+T"
        iccid = ["AT+I"]
        [reset]
        gone_within = 5
        back_within = 60
        vanishes = false
        wait = 12
        [[reset.steps]]
        at = "AT+R"
        [[reset.steps]]
        led = "Mobile_RESETN"
        on = 0.6
        [[reset.steps]]
        gpio = "RESET_N"
        chip = "/dev/gpiochip1"
        active_low = true
        pulse = 2
        [[reset.steps]]
        usb = "rebind"
        [[reset.steps]]
        usb = "port-power"
        off = 7
        [[reset.steps]]
        write = "/proc/driver/modem/power"
        value = "0"
        after = 3
        then = "1"
        [[reset.steps]]
        command = ["/usr/local/sbin/reset", "now"]
    "#;
    let profile = parse("x.toml", text, &Profiles::built_in()).unwrap();
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let seconds = Duration::from_secs;
    assert_eq!(
        profile,
        Profile {
            name: "X1".to_owned(),
            about: "a modem".to_owned(),
            aliases: owned(&["ttyX0"]),
            recognise: super::super::Recognise {
                usb: vec![(0x0123, Some(0xabcd)), (0x4567, None)],
                models: owned(&["X1"]),
                manufacturers: owned(&["X"]),
            },
            ports: super::super::Ports {
                dial: Some(2),
                at: vec![1, 3],
                ignore: vec![0],
            },
            dial: super::super::DialSettings {
                setup: owned(&["ATZ", "ATE0"]),
                context: "AT+CGDCONT=2,\"{type}\",\"{apn}\"".to_owned(),
                apn_prefix: true,
                account: owned(&["AT+CGAUTH=2,{auth},\"{account}\",\"{password}\""]),
                before_dial: vec![],
                dial: "ATD*99***2#".to_owned(),
                dial_timeout: Duration::from_millis(45_500),
                registration_timeout: seconds(300),
            },
            netmode: [
                (NetMode::Auto, owned(&["AT+X=0"])),
                (NetMode::Lte, owned(&["AT+X=1", "AT+Y=1"])),
            ]
            .into(),
            netmode_read: Some("AT+X?".to_owned()),
            carrier: [(5, owned(&["AT+C=5"]))].into(),
            sim: super::super::SimCommands {
                tries: Some("AT+T".to_owned()),
                iccid: owned(&["AT+I"]),
            },
            reset: super::super::ResetSettings {
                steps: vec![
                    ResetStep::At("AT+R".to_owned()),
                    ResetStep::Led {
                        name: "Mobile_RESETN".to_owned(),
                        on: Some(Duration::from_millis(600)),
                    },
                    ResetStep::Gpio {
                        chip: Some("/dev/gpiochip1".to_owned()),
                        line: "RESET_N".to_owned(),
                        active_low: true,
                        pulse: seconds(2),
                    },
                    ResetStep::UsbRebind,
                    ResetStep::UsbPortPower { off: seconds(7) },
                    ResetStep::Write {
                        path: "/proc/driver/modem/power".to_owned(),
                        value: "0".to_owned(),
                        then: Some((seconds(3), "1".to_owned())),
                    },
                    ResetStep::Command(owned(&["/usr/local/sbin/reset", "now"])),
                ],
                gone_within: seconds(5),
                back_within: seconds(60),
                vanishes: false,
                wait: seconds(12),
            },
            flash_wear: true,
            guesses: owned(&["dial.dial", "carrier.5"]),
        }
    );
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let text = "name = \"X 1\"\nextends = \"LISA-U20\"\nflash_waer = true\n\
        [dial]\ndail = \"ATD*99#\"\ndial = \"ATX\"\ndial_timeout = \"30\"\n\
        context = 'AT+CGDCONT=1,\"{tpye}\",\"{apn}\"'\nsetup = [\"ATZ\\r\", 3]\n\
        [netmode]\nWCMDA = [\"AT+X\"]\n[carrier]\n4 = [\"AT\"]\n\
        [[reset.steps]]\nusb = \"authorised\"\n[[reset.steps]]\nfoo = 1\n\
        [[reset.steps]]\nled = \"../x\"\n";
    assert_eq!(
        problems(text),
        [
            "my.toml:1:8: name: \"X 1\" cannot be used; expected 1 to 32 letters, digits, hyphens, underscores and \
             dots, and not AUTO",
            "my.toml:2:11: extends: there is no profile \"LISA-U20\"; expected the name of a profile; did you mean \
             LISA-U200?",
            "my.toml:3:1: the key flash_waer is not known; expected name, extends, about, aliases, flash_wear, \
             guesses, recognise, ports, dial, netmode, carrier, sim, reset; did you mean flash_wear?",
            "my.toml:5:1: the key dial.dail is not known; expected setup, context, apn_prefix, account, before_dial, \
             dial, dial_timeout, registration_timeout; did you mean dial?",
            "my.toml:6:8: dial.dial: \"ATX\" cannot be used; expected an AT command that dials, e.g. ATDT*99***1#",
            "my.toml:7:16: dial.dial_timeout: this is not of the right type; expected seconds as a number, 1 to 86400",
            "my.toml:8:11: dial.context: the placeholder {tpye} is not known here; expected {apn}, {type}; did you \
             mean {type}?",
            "my.toml:9:10: dial.setup: \"ATZ\\r\" cannot be used; expected an AT command in printable ASCII, e.g. \
             AT+CFUN=1",
            "my.toml:9:19: dial.setup: this is not of the right type; expected a text in quotes",
            "my.toml:11:1: the key netmode.WCMDA is not known; expected AUTO, WCDMA, LTE, read; did you mean WCDMA?",
            "my.toml:13:1: the key carrier.4 is not known; expected 1, 2, 3, 5; did you mean 1?",
            "my.toml:15:7: reset.steps: \"authorised\" is no way to reset a USB device; expected authorized, rebind or \
             port-power; did you mean authorized?",
            "my.toml:17:1: reset.steps: unknown field foo; expected one of at, led, on, gpio, chip, active_low, pulse, \
             usb, off, write, value, then, after, command",
            "my.toml:19:7: reset.steps: \"../x\" cannot name a LED; expected a name of /sys/class/leds, e.g. \
             Mobile_RESETN",
        ]
    );
}

#[test]
fn syntax_and_size_are_told() {
    assert_eq!(
        problems("name = \"a\"\nx = \n")
            .first()
            .map(|text| text.starts_with("my.toml:2:")),
        Some(true)
    );
    assert_eq!(problems(&"#".repeat(FILE_LIMIT + 1)).len(), 1);
    assert_eq!(problems(""), ["my.toml: the profile has no name"]);
    assert_eq!(
        problems("name = \"a\"\nguesses = [\"dial.dail\"]"),
        [
            "my.toml:2:12: guesses: \"dial.dail\" is no key of a profile; expected e.g. dial.dial; did you mean dial.dial?"
        ]
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let _ = problems(&text);
    }

    #[test]
    fn no_change_of_a_good_file_makes_it_panic(at in 0usize..2000, with in "[\\x00-\\x7f]{0,3}") {
        let mut text = include_str!("../../profiles/ln940a.toml").to_owned();
        let at = at.min(text.len());
        text.insert_str(at, &with);
        for problem in problems(&text) {
            prop_assert!(!problem.contains(char::is_control));
        }
    }
}

#[test]
fn a_ladder_has_sixteen_steps_at_most() {
    let file = |steps: usize| {
        format!(
            "name = \"My\"\n{}",
            "[[reset.steps]]\nat = \"AT\"\n".repeat(steps)
        )
    };
    assert_eq!(problems(&file(16)), Vec::<String>::new());
    assert_eq!(
        problems(&file(2000)),
        ["my.toml:34:1: reset.steps has too many steps; expected at most 16 steps"]
    );
}

/// Whoever put one there would have it sent at each dial, wrong or not.
#[test]
fn no_command_with_a_pin_gets_past_the_guard() {
    for command in [
        "AT+CPIN=1234",
        "ATE0;+cpin = \\\"1234\\\"",
        "AT+CLCK=\\\"SC\\\",0,\\\"1234\\\"",
    ] {
        let file = format!("name = \"My\"\n[dial]\nsetup = [\"{command}\"]\n");
        let found = problems(&file);
        assert!(
            found.len() == 1 && found[0].contains("no command with a PIN"),
            "{found:?}"
        );
    }
}

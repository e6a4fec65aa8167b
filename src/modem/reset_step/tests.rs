use super::*;

#[derive(Debug, Deserialize)]
struct File {
    steps: Vec<ResetStep>,
}

fn steps(text: &str) -> Result<Vec<ResetStep>, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.steps)
}

#[test]
fn every_kind_of_step_can_be_said() {
    let text = r#"steps = [
        { at = "AT+CFUN=16" },
        { led = "Mobile_RESETN" },
        { led = "Mobile_RESETN", on = 0.6 },
        { gpio = "Mobile_RESET_N" },
        { gpio = 5, chip = "gpiochip1", active_low = true, pulse = "250ms" },
        { usb = "authorized" },
        { usb = "rebind" },
        { usb = "port-power" },
        { usb = "port-power", off = 20 },
        { write = "/sys/x/value", value = "0" },
        { write = "/sys/x/value", value = "0", then = "1", after = 2 },
        { write = "/sys/x/value", value = "0", then = "" },
        { command = ["/bin/reset", "now"] },
    ]"#;
    let ms = Duration::from_millis;
    let led = |on| ResetStep::Led {
        name: "Mobile_RESETN".to_owned(),
        on,
    };
    let write = |then| ResetStep::Write {
        path: "/sys/x/value".to_owned(),
        value: "0".to_owned(),
        then,
    };
    assert_eq!(
        steps(text).unwrap(),
        [
            ResetStep::At("AT+CFUN=16".to_owned()),
            led(None),
            led(Some(ms(600))),
            ResetStep::Gpio {
                chip: None,
                line: "Mobile_RESET_N".to_owned(),
                active_low: false,
                pulse: ms(1_000),
            },
            ResetStep::Gpio {
                chip: Some("/dev/gpiochip1".to_owned()),
                line: "5".to_owned(),
                active_low: true,
                pulse: ms(250),
            },
            ResetStep::UsbAuthorized,
            ResetStep::UsbRebind,
            ResetStep::UsbPortPower { off: ms(5_000) },
            ResetStep::UsbPortPower { off: ms(20_000) },
            write(None),
            write(Some((ms(2_000), "1".to_owned()))),
            write(Some((ms(1_000), String::new()))),
            ResetStep::Command(vec!["/bin/reset".to_owned(), "now".to_owned()]),
        ]
    );
}

/// Problem and the text it is about.
#[test]
fn each_mistake_has_its_place_and_says_what_was_expected() {
    for (step, at, message) in [
        (
            "{}",
            "{}",
            "the step does not say what is to be done, expected one of at, led, gpio, usb, write and \
             command, e.g. { at = \"AT+CFUN=16\" }",
        ),
        (
            "{ at = \"AT\", led = \"x\" }",
            "{ at = \"AT\", led = \"x\" }",
            "at and led are two steps, expected each in braces of its own",
        ),
        (
            "{ at = \"AT\", pulse = 1 }",
            "{ at = \"AT\", pulse = 1 }",
            "pulse does not belong to a step of the kind at, expected no further key",
        ),
        (
            "{ gpio = \"a\", on = 1 }",
            "{ gpio = \"a\", on = 1 }",
            "on does not belong to a step of the kind gpio, expected chip, active_low, pulse",
        ),
        (
            "{ at = \"+CFUN\" }",
            "\"+CFUN\"",
            "\"+CFUN\" does not begin with AT, expected a command that begins with AT, e.g. AT+CFUN=16",
        ),
        (
            "{ at = \"AT\\r\" }",
            "\"AT\\r\"",
            "\"AT\\r\" is not an AT command, expected a command that begins with AT, e.g. AT+CFUN=16",
        ),
        (
            "{ led = \"../x\" }",
            "\"../x\"",
            "\"../x\" cannot name a LED, expected a name of /sys/class/leds, e.g. Mobile_RESETN",
        ),
        (
            "{ led = \"x\", on = 0 }",
            "0",
            "the time is too short, expected 0.01 to 60 seconds, or a text such as \"500ms\" or \"5s\"",
        ),
        (
            "{ led = \"x\", on = nan }",
            "nan",
            "this is not a time, expected 0.01 to 60 seconds, or a text such as \"500ms\" or \"5s\"",
        ),
        (
            "{ led = \"x\", on = \"soon\" }",
            "\"soon\"",
            "this is not a time, expected 0.01 to 60 seconds, or a text such as \"500ms\" or \"5s\"",
        ),
        (
            "{ gpio = 5 }",
            "{ gpio = 5 }",
            "a line's number says nothing without its chip, expected chip = \"/dev/gpiochip0\"",
        ),
        (
            "{ gpio = -1 }",
            "-1",
            "-1 is not the number of a GPIO line, expected 0 to 65535",
        ),
        (
            "{ gpio = \"\" }",
            "\"\"",
            "\"\" cannot name a GPIO line, expected at most 31 characters, e.g. Mobile_RESET_N",
        ),
        (
            "{ gpio = 1, chip = \"/dev/mem\" }",
            "\"/dev/mem\"",
            "\"/dev/mem\" is not a GPIO chip, expected e.g. /dev/gpiochip0",
        ),
        (
            "{ usb = \"authorised\" }",
            "\"authorised\"",
            "\"authorised\" is no way to reset a USB device, expected authorized, rebind or port-power",
        ),
        (
            "{ usb = \"rebind\", off = 1 }",
            "{ usb = \"rebind\", off = 1 }",
            "off belongs to usb = \"port-power\" only, expected no further key",
        ),
        (
            "{ write = \"sys/x\", value = \"1\" }",
            "\"sys/x\"",
            "\"sys/x\" is not the full path of a file, expected e.g. /sys/class/gpio/gpio5/value",
        ),
        (
            "{ write = \"/sys/x\" }",
            "{ write = \"/sys/x\" }",
            "it is not said what to write, expected value = \"...\" too",
        ),
        (
            "{ write = \"/x\", value = \"1\", after = 1 }",
            "{ write = \"/x\", value = \"1\", after = 1 }",
            "after without a second value, expected then = \"...\" too",
        ),
        (
            "{ command = [] }",
            "{ command = [] }",
            "the command is empty, expected a program by its full path and its arguments, e.g. \
             [\"/usr/local/sbin/reset-modem\", \"fast\"]",
        ),
        (
            "{ command = [\"reboot\"] }",
            "{ command = [\"reboot\"] }",
            "\"reboot\" is not the full path of a program, expected a program by its full path and its \
             arguments, e.g. [\"/usr/local/sbin/reset-modem\", \"fast\"]",
        ),
        (
            "{ att = \"AT\" }",
            "att",
            "unknown field `att`, expected one of `at`, `led`, `on`, `gpio`, `chip`, `active_low`, \
             `pulse`, `usb`, `off`, `write`, `value`, `then`, `after`, `command`",
        ),
        (
            "{ at = 1 }",
            "1",
            "invalid type: integer `1`, expected a string",
        ),
        (
            "5",
            "5",
            "invalid type: integer `5`, expected a step in braces, e.g. { at = \"AT+CFUN=16\" }",
        ),
    ] {
        let text = format!("steps = [ {step} ]");
        let error = steps(&text).expect_err(step);
        assert_eq!(error.message(), message);
        let span = error.span().expect(step);
        assert_eq!(text.get(span), Some(at), "{step}");
    }
}

#[test]
fn nothing_grows_without_bound() {
    let long = "A".repeat(2_000);
    for step in [
        format!("{{ at = \"AT{long}\" }}"),
        format!("{{ led = \"{long}\" }}"),
        format!("{{ write = \"/{long}\", value = \"1\" }}"),
        format!("{{ write = \"/x\", value = \"{long}\" }}"),
        format!("{{ command = [\"/{long}\"] }}"),
        format!("{{ command = [\"/x\"{}] }}", ", \"y\"".repeat(64)),
    ] {
        let error = steps(&format!("steps = [ {step} ]")).expect_err("must be refused");
        assert!(error.message().len() < 200, "{}", error.message());
    }
}

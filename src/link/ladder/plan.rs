//! Which steps a ladder has, in which order, what they are called, and how long each may run.

use std::time::Duration;

use crate::modem::ResetStep;

/// So long the user's command may run.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// How long the port of the modem is without power, where nobody says otherwise.
const POWER_OFF: Duration = Duration::from_secs(5);

/// How long the kernel may take for what is written to one of its files: `authorized` waits until drivers have let go.
const KERNEL: Duration = Duration::from_secs(30);

/// Longest a LED line is on, and off after it.
const LED: Duration = Duration::from_secs(60);

/// Where steps come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepSources<'a> {
    /// The profile's own, AT reset first.
    pub profile: &'a [ResetStep],
    /// The user's, instead of the profile's. An empty list: none of these, and none of the USB steps either.
    pub configured: Option<&'a [ResetStep]>,
    /// Whether the modem is on the USB.
    pub usb: bool,
    /// RESET_COMMAND.
    pub command: Option<&'a [String]>,
    /// Whether the host may be restarted.
    pub reboot: bool,
}

/// The ladder: the configured or the profile's steps, then the USB steps that every USB modem has, then the user's
/// command, then the restart of the host. What stands in it already is not added again.
pub fn steps(sources: StepSources<'_>) -> Vec<ResetStep> {
    let mut steps = sources.configured.unwrap_or(sources.profile).to_vec();
    // The profile names them for a modem on the USB. What the user has written is tried, and said to fail.
    if !sources.usb && sources.configured.is_none() {
        steps.retain(|step| !is_usb(step));
    }
    let wants_usb = sources.usb && sources.configured.is_none_or(|steps| !steps.is_empty());
    if wants_usb {
        for step in [
            ResetStep::UsbAuthorized,
            ResetStep::UsbRebind,
            ResetStep::UsbPortPower { off: POWER_OFF },
        ] {
            let kind = std::mem::discriminant(&step);
            if !steps.iter().any(|had| std::mem::discriminant(had) == kind) {
                steps.push(step);
            }
        }
    }
    if let Some(command) = sources.command.filter(|command| !command.is_empty()) {
        let step = ResetStep::Command(command.to_vec());
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    // Always the last: a step behind it would be met by a system that is going down.
    steps.retain(|step| *step != ResetStep::Reboot);
    if sources.reboot {
        steps.push(ResetStep::Reboot);
    }
    steps
}

fn is_usb(step: &ResetStep) -> bool {
    match step {
        ResetStep::UsbAuthorized | ResetStep::UsbRebind | ResetStep::UsbPortPower { .. } => true,
        ResetStep::At(_)
        | ResetStep::Led { .. }
        | ResetStep::Gpio { .. }
        | ResetStep::Write { .. }
        | ResetStep::Command(_)
        | ResetStep::Reboot => false,
    }
}

/// A step in words. Of a command only the program is named: its arguments are the user's own.
pub fn describe(step: &ResetStep) -> String {
    match step {
        ResetStep::At(command) => command.clone(),
        ResetStep::Led { name, .. } => format!("one shot of the LED line {name}"),
        ResetStep::Gpio { line, chip, .. } => match chip {
            Some(chip) => format!("a pulse on the GPIO line {line} of {chip}"),
            None => format!("a pulse on the GPIO line {line}"),
        },
        ResetStep::UsbAuthorized => "USB device off and on (authorized)".to_owned(),
        ResetStep::UsbRebind => "USB device unbound and bound".to_owned(),
        ResetStep::UsbPortPower { .. } => "power of the USB port off and on".to_owned(),
        ResetStep::Write { path, .. } => format!("a write to {path}"),
        ResetStep::Command(words) => {
            let program = words.first().map_or("", String::as_str);
            format!("the command {program}")
        }
        ResetStep::Reboot => "restart of this host".to_owned(),
    }
}

/// How long a step may run.
pub fn step_limit(step: &ResetStep) -> Duration {
    match step {
        // Up to three ports, each asked twice, with a hang-up between.
        ResetStep::At(_) => Duration::from_secs(45),
        ResetStep::Led { .. } => LED + LED + KERNEL,
        ResetStep::Gpio { pulse, .. } => pulse.saturating_add(KERNEL),
        ResetStep::UsbAuthorized | ResetStep::UsbRebind => KERNEL + KERNEL,
        ResetStep::UsbPortPower { off } => off.saturating_add(KERNEL + KERNEL),
        ResetStep::Write { then, .. } => then
            .as_ref()
            .map_or(Duration::ZERO, |(pause, _)| *pause)
            .saturating_add(KERNEL + KERNEL),
        ResetStep::Command(_) => COMMAND_LIMIT + Duration::from_secs(5),
        ResetStep::Reboot => KERNEL + KERNEL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> ResetStep {
        ResetStep::At("AT+CFUN=16".to_owned())
    }

    fn power(seconds: u64) -> ResetStep {
        ResetStep::UsbPortPower {
            off: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn the_order_is_the_profile_usb_the_command_and_the_host() {
        let command = ["/bin/reset".to_owned(), "secret".to_owned()];
        let all = StepSources {
            profile: &[at()],
            configured: None,
            usb: true,
            command: Some(&command),
            reboot: true,
        };
        assert_eq!(
            steps(all),
            [
                at(),
                ResetStep::UsbAuthorized,
                ResetStep::UsbRebind,
                power(5),
                ResetStep::Command(command.to_vec()),
                ResetStep::Reboot,
            ]
        );
        let uart = StepSources {
            usb: false,
            command: None,
            reboot: false,
            ..all
        };
        assert_eq!(steps(uart), [at()]);
        let profile = [at(), ResetStep::UsbAuthorized];
        let sources = StepSources {
            profile: &profile,
            ..uart
        };
        assert_eq!(steps(sources), [at()], "there is no USB device");
        let configured = StepSources {
            configured: Some(&profile),
            ..uart
        };
        assert_eq!(steps(configured), profile, "the user's word");
    }

    #[test]
    fn configured_steps_replace_the_profiles_and_are_not_doubled() {
        let configured = [power(9), ResetStep::Reboot, ResetStep::UsbAuthorized];
        let sources = StepSources {
            profile: &[at()],
            configured: Some(&configured),
            usb: true,
            ..StepSources::default()
        };
        assert_eq!(
            steps(sources),
            [power(9), ResetStep::UsbAuthorized, ResetStep::UsbRebind],
            "a restart of the host has its own switch"
        );
        let none = StepSources {
            configured: Some(&[]),
            ..sources
        };
        assert_eq!(steps(none), []);
    }

    #[test]
    fn arguments_of_a_command_stay_out_of_the_log() {
        let step = ResetStep::Command(vec!["/bin/reset".to_owned(), "secret".to_owned()]);
        assert_eq!(describe(&step), "the command /bin/reset");
    }
}

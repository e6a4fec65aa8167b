//! What is said to the modem, and what must never be.

use std::time::Duration;

use super::command::Command;

/// What is said to the modem, and how long it may take.
///
/// None of the texts may hold a control character: [`check`](Self::check). The
/// [`Dialer`](super::Dialer) leaves them out if one does, as a safety net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPlan {
    /// Commands in order, each of which has to be answered by OK, e.g. `ATZ`, `ATE0`,
    /// `AT+CGDCONT=1,"IP","apn"`, `AT`.
    pub commands: Vec<Command>,
    /// The dial command, e.g. `ATDT*99***1#`.
    pub dial: String,
    /// How long a command may take. Spec D1: 30 s.
    pub command_timeout: Duration,
    /// How long dialing may take until CONNECT. Spec D1: 30 s in the document's script.
    pub dial_timeout: Duration,
}

/// Why a plan cannot be sent: the text would not arrive as it was meant, or would be more than one
/// command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The APN holds a quotation mark, a backslash, a control character or something outside of
    /// ASCII.
    #[error("the APN must not contain {0:?}")]
    Apn(char),
    /// The PDP type is not made of letters and digits.
    #[error("the PDP type must be letters and digits, such as IP or PPP")]
    PdpType,
    /// A command holds a control character or something outside of ASCII.
    #[error("an AT command must not contain {0:?}")]
    Command(char),
    /// A secret in a command holds a quotation mark, a backslash, a control character or something
    /// outside of ASCII; which one is not said.
    #[error(
        "an AT command must not contain a quotation mark, a backslash or anything outside of printable ASCII \
             in a password"
    )]
    Hidden,
    /// A command does not begin with `AT`.
    #[error("an AT command must begin with AT")]
    NotAt,
    /// A command is longer than modems take.
    #[error("an AT command must not be longer than {MAX_COMMAND} characters")]
    TooLong,
}

/// Longest command in characters. V.250 section 5.2.1 asks for at least 40, modules take 400 to
/// 2000.
pub(super) const MAX_COMMAND: usize = 400;

impl DialPlan {
    /// Spec D1: the document's `TIMEOUT 30`.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// The dialog of spec D1 for a modem without a profile: `ATZ`, `ATE0`, the definition of
    /// context 1 if there is an APN, `AT`, `dial`; 30 s for each.
    ///
    /// # Errors
    /// If one of the texts would break out of its command (a quotation mark, a line end) or is no
    /// text.
    pub fn generic(apn: Option<&str>, pdp_type: &str, dial: &str) -> Result<Self, PlanError> {
        if let Some(apn) = apn {
            if pdp_type.is_empty() || !pdp_type.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(PlanError::PdpType);
            }
            // A backslash begins an escape in a quoted string (V.250 section 5.4.2.2).
            if let Some(bad) = apn
                .chars()
                .find(|&c| !is_printable(c) || matches!(c, '"' | '\\'))
            {
                return Err(PlanError::Apn(bad));
            }
        }
        let plan = Self::dialog(apn, pdp_type, dial);
        plan.check().map(|()| plan)
    }

    /// The same of texts that are known to be good, as the configuration's are once it has been read.
    pub(crate) fn dialog(apn: Option<&str>, pdp_type: &str, dial: &str) -> Self {
        let define = apn.map(|apn| format!("AT+CGDCONT=1,\"{pdp_type}\",\"{apn}\""));
        let commands = ["ATZ", "ATE0"]
            .map(Command::new)
            .into_iter()
            .chain(define.map(Command::from))
            .chain([Command::new("AT")])
            .collect();
        Self {
            commands,
            dial: dial.to_owned(),
            command_timeout: Self::TIMEOUT,
            dial_timeout: Self::TIMEOUT,
        }
    }

    /// Whether each command is one line of printable ASCII that begins with `AT`.
    ///
    /// # Errors
    /// Says what is wrong with the first one that is not.
    pub fn check(&self) -> Result<(), PlanError> {
        self.commands.iter().try_for_each(Command::check)?;
        check_command(&self.dial)
    }
}

/// Whether `command` is one line of printable ASCII that begins with `AT` and is not too long for a modem.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_command(command: &str) -> Result<(), PlanError> {
    if let Some(bad) = command.chars().find(|&c| !is_printable(c)) {
        return Err(PlanError::Command(bad));
    }
    if command.len() > MAX_COMMAND {
        return Err(PlanError::TooLong);
    }
    match command.as_bytes() {
        [b'A' | b'a', b'T' | b't', ..] => Ok(()),
        _ => Err(PlanError::NotAt),
    }
}

/// Whether `c` may stand in a command.
pub(super) fn is_printable(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generic_plan_is_the_documents_dialog() {
        let plan = DialPlan::generic(Some("dream.jp"), "IP", "ATDT*99***1#").unwrap();
        assert_eq!(
            plan,
            DialPlan {
                commands: ["ATZ", "ATE0", "AT+CGDCONT=1,\"IP\",\"dream.jp\"", "AT"]
                    .map(Command::new)
                    .to_vec(),
                dial: "ATDT*99***1#".to_owned(),
                command_timeout: Duration::from_secs(30),
                dial_timeout: Duration::from_secs(30),
            }
        );
    }

    #[test]
    fn without_an_apn_no_context_is_defined() {
        let plan = DialPlan::generic(None, "IP", "ATD*99#").unwrap();
        assert_eq!(plan.commands, ["ATZ", "ATE0", "AT"]);
    }

    #[test]
    fn nothing_breaks_out_of_its_command() {
        let apn = |apn: &str| DialPlan::generic(Some(apn), "IP", "ATD*99#");
        assert_eq!(apn("a\r\nAT+CPWROFF"), Err(PlanError::Apn('\r')));
        assert_eq!(apn("a\nb"), Err(PlanError::Apn('\n')));
        assert_eq!(apn("a\",\"1.2.3.4"), Err(PlanError::Apn('"')));
        assert_eq!(apn("a\\22"), Err(PlanError::Apn('\\')));
        assert_eq!(apn("a\u{1a}"), Err(PlanError::Apn('\u{1a}')));
        assert_eq!(apn("\u{e9}"), Err(PlanError::Apn('\u{e9}')));
        assert_eq!(apn(&"a".repeat(400)), Err(PlanError::TooLong));
        assert_eq!(
            DialPlan::generic(Some("a"), "IP\"", "ATD*99#"),
            Err(PlanError::PdpType)
        );
        assert_eq!(
            DialPlan::generic(Some("a"), "", "ATD*99#"),
            Err(PlanError::PdpType)
        );
        assert_eq!(
            DialPlan::generic(None, "IP", "ATD*99#\rATH"),
            Err(PlanError::Command('\r'))
        );
        assert_eq!(DialPlan::generic(None, "IP", ""), Err(PlanError::NotAt));
        assert!(apn("CHAP:dream.jp").is_ok());
    }

    #[test]
    fn errors_show_no_control_character() {
        assert_eq!(
            PlanError::Apn('\r').to_string(),
            "the APN must not contain '\\r'"
        );
    }
}

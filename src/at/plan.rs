//! What is said to the modem, and what must never be.

use std::time::Duration;

use super::command::Command;

/// What is said to the modem, and how long it may take.
///
/// None of the texts may hold a control character: [`Command::check`], [`check_command`]. The
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

/// Why a command cannot be sent: the text would not arrive as it was meant, or would be more than
/// one command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
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
    fn a_command_is_one_line_that_begins_with_at() {
        assert_eq!(check_command("ATDT*99***1#"), Ok(()));
        assert_eq!(check_command("ATD*99#\rATH"), Err(PlanError::Command('\r')));
        assert_eq!(
            check_command("ATD\u{e9}"),
            Err(PlanError::Command('\u{e9}'))
        );
        assert_eq!(check_command(""), Err(PlanError::NotAt));
        assert_eq!(
            check_command(&format!("AT{}", "a".repeat(399))),
            Err(PlanError::TooLong)
        );
    }

    #[test]
    fn errors_show_no_control_character() {
        assert_eq!(
            PlanError::Command('\r').to_string(),
            "an AT command must not contain '\\r'"
        );
    }
}

//! How a script ends.

use std::fmt;
use std::time::Duration;

use super::ScriptProblem;

/// Where in the dialog a script ended, as the log may show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialog {
    /// What was waited for.
    pub expected: String,
    /// What was sent last, if anything was: `AT`, or `??????`.
    pub sent: Option<String>,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatEnd {
    /// Each word has been done.
    Done,
    /// The script itself is wrong.
    Script(ScriptProblem),
    /// An expect string of more than 1,024 characters.
    TooLong,
    /// The file of a `@path` cannot be read.
    File {
        /// Its path.
        path: String,
        /// The system's words.
        error: String,
    },
    /// The line did not take what was to be sent; without words of the system: not in time.
    Write {
        /// The system's words.
        error: Option<String>,
        /// What was being sent, as far as it may be shown.
        sent: Option<String>,
    },
    /// A signal, or another end from outside. The text is what the log gets.
    Stopped(String),
    /// What was expected did not come in time.
    Timeout {
        /// What that was.
        dialog: Dialog,
        /// How long it was waited for.
        after: Duration,
    },
    /// There is nothing more to read.
    InputEnded(Dialog),
    /// An ABORT string came.
    Aborted {
        /// Its place among those that were in force, from 0.
        index: usize,
        /// What it is.
        string: String,
        /// Where.
        dialog: Dialog,
    },
}

impl ChatEnd {
    /// chat(8)'s exit code. The 252nd ABORT string and those behind it share one.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Script(_) | Self::TooLong | Self::File { .. } | Self::Write { .. } => 1,
            Self::Stopped(_) => 2,
            Self::Timeout { .. } | Self::InputEnded(_) => 3,
            Self::Aborted { index, .. } => u8::try_from(index.saturating_add(4)).unwrap_or(u8::MAX),
        }
    }
}

impl fmt::Display for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting for {}", self.expected)?;
        match &self.sent {
            Some(sent) => write!(f, " after {sent}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ChatEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("the chat script is done"),
            Self::Script(problem) => write!(f, "chat script failed: {problem}"),
            Self::TooLong => f.write_str("chat script failed: an expect string is too long"),
            Self::File { path, error } => {
                write!(f, "chat script failed: {path} cannot be read: {error}")
            }
            Self::Write { error, sent } => {
                f.write_str("chat script failed: ")?;
                match (sent, error) {
                    (Some(sent), Some(error)) => write!(f, "{sent} could not be sent: {error}"),
                    (Some(sent), None) => write!(f, "{sent} could not be sent in time"),
                    (None, Some(error)) => write!(f, "the line takes nothing: {error}"),
                    (None, None) => f.write_str("the line takes nothing"),
                }
            }
            Self::Stopped(why) => write!(f, "chat script stopped: {why}"),
            Self::Timeout { dialog, after } => write!(
                f,
                "chat script failed: timeout of {} s {dialog}",
                after.as_secs()
            ),
            Self::InputEnded(dialog) => {
                write!(f, "chat script failed: the input ended {dialog}")
            }
            Self::Aborted { string, dialog, .. } => {
                write!(f, "chat script failed: ABORT string {string} seen {dialog}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_chats_exit_code_and_a_sentence() {
        let dialog = Dialog {
            expected: "CONNECT".to_owned(),
            sent: Some("ATDT*99***1#".to_owned()),
        };
        let aborted = |index| ChatEnd::Aborted {
            index,
            string: "BUSY".to_owned(),
            dialog: dialog.clone(),
        };
        let cases = [
            (ChatEnd::Done, 0, "the chat script is done"),
            (
                ChatEnd::TooLong,
                1,
                "chat script failed: an expect string is too long",
            ),
            (
                ChatEnd::File {
                    path: "/etc/pin".to_owned(),
                    error: "No such file or directory".to_owned(),
                },
                1,
                "chat script failed: /etc/pin cannot be read: No such file or directory",
            ),
            (
                ChatEnd::Write {
                    error: None,
                    sent: Some("ATZ".to_owned()),
                },
                1,
                "chat script failed: ATZ could not be sent in time",
            ),
            (
                ChatEnd::Stopped("SIGTERM".to_owned()),
                2,
                "chat script stopped: SIGTERM",
            ),
            (
                ChatEnd::Timeout {
                    dialog: dialog.clone(),
                    after: Duration::from_secs(30),
                },
                3,
                "chat script failed: timeout of 30 s waiting for CONNECT after ATDT*99***1#",
            ),
            (
                ChatEnd::InputEnded(Dialog {
                    expected: "OK".to_owned(),
                    sent: None,
                }),
                3,
                "chat script failed: the input ended waiting for OK",
            ),
            (
                aborted(0),
                4,
                "chat script failed: ABORT string BUSY seen waiting for CONNECT after ATDT*99***1#",
            ),
            (
                aborted(7),
                11,
                "chat script failed: ABORT string BUSY seen waiting for CONNECT after ATDT*99***1#",
            ),
        ];
        for (end, code, sentence) in cases {
            assert_eq!(
                (end.exit_code(), end.to_string().as_str()),
                (code, sentence)
            );
        }
        assert_eq!(aborted(usize::MAX).exit_code(), 255);
    }
}

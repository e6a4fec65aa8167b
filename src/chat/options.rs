//! The options of chat(8)'s command line.

use std::time::Duration;

/// How a script is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-t`: how long an expect may take. 45 s.
    pub timeout: Duration,
    /// `-T`: what `\T` stands for.
    pub phone: Option<String>,
    /// `-U`: what `\U` stands for.
    pub phone2: Option<String>,
    /// `-v`: the dialog goes to the log.
    pub verbose: bool,
    /// `-e`: what is received goes to stderr.
    pub echo: bool,
    /// `-E`: `$NAME` in what is sent stands for a variable of the environment.
    pub expand: bool,
    /// `-V`: what an expect reads goes to stderr, too.
    pub show: bool,
    /// A pause before each character that is sent. None; chat(8) itself has 10 ms.
    pub char_delay: Duration,
}

impl Options {
    /// How long an expect may take unless something else is said; also for what is zero or less.
    pub const TIMEOUT: Duration = Duration::from_secs(45);

    /// The time that stands behind `-t` or `TIMEOUT`, read as C's `atoi` reads a number: `5x` is 5, `x` is 0.
    pub fn timeout_of(text: &[u8]) -> Duration {
        let text = text.trim_ascii_start();
        let (negative, digits) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, text),
        };
        let seconds = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0_u64, |number, byte| {
                (number * 10 + u64::from(byte - b'0')).min(u64::from(u32::MAX))
            });
        if negative || seconds == 0 {
            Self::TIMEOUT
        } else {
            Duration::from_secs(seconds)
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Self::TIMEOUT,
            phone: None,
            phone2: None,
            verbose: false,
            echo: false,
            expand: false,
            show: false,
            char_delay: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_atoi_reads_it() {
        for (text, seconds) in [
            ("5", 5),
            (" \t+7", 7),
            ("5x", 5),
            ("0", 45),
            ("-3", 45),
            ("", 45),
            ("x", 45),
            ("99999999999999999999999", u64::from(u32::MAX)),
        ] {
            let read = Options::timeout_of(text.as_bytes());
            assert_eq!(read, Duration::from_secs(seconds), "{text:?}");
        }
    }
}

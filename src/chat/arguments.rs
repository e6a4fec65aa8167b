//! chat(8)'s command line. Its options are read as it reads them: they may be glued together (`-vVs`), a value may be
//! glued to its option (`-t5`), and the first word that is no option ends them.

use std::time::Duration;

use super::{Options, Script};

/// What stands behind the program's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// How the script is run.
    pub options: Options,
    /// `-f`: where the script is. Then there are no words.
    pub file: Option<Vec<u8>>,
    /// The script itself, if it is on the command line.
    pub script: Script,
    /// `-r`: where REPORT strings go, else to stderr.
    pub report: Option<Vec<u8>>,
    /// `-s`: the log goes to stderr, too.
    pub to_stderr: bool,
    /// `-S`: it does not go to the system's log.
    pub no_log: bool,
}

/// The command line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Usage {
    /// No such option.
    #[error("there is no option -{0}")]
    Unknown(char),
    /// An option without its value.
    #[error("-{0} wants a value behind it")]
    NoValue(char),
    /// `--char-delay` takes milliseconds, up to a minute.
    #[error("--char-delay wants milliseconds, 0 to 60000")]
    Delay,
    /// `-f` and a script.
    #[error("with -f the script is in the file: nothing may stand behind the options")]
    FileAndScript,
}

impl Arguments {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    ///
    /// chat(8) prints its usage then, and ends with 1.
    pub fn parse(words: &[Vec<u8>]) -> Result<Self, Usage> {
        let mut this = Self::default();
        let mut words = words.iter().map(Vec::as_slice).peekable();
        while let Some(word) = words.next_if(|word| word.len() > 1 && word.starts_with(b"-")) {
            if word == b"--" {
                break;
            }
            if word == CHAR_DELAY {
                this.options.char_delay = words.next().and_then(delay).ok_or(Usage::Delay)?;
                continue;
            }
            let mut letters = word.get(1..).unwrap_or_default();
            while let Some((&letter, rest)) = letters.split_first() {
                letters = rest;
                if let Some(flag) = this.flag(letter) {
                    *flag = true;
                    continue;
                }
                if !b"ftrTU".contains(&letter) {
                    return Err(Usage::Unknown(char::from(letter)));
                }
                let value = if letters.is_empty() {
                    words.next()
                } else {
                    Some(std::mem::take(&mut letters))
                };
                match (value, letter) {
                    (Some(value), _) => this.set(letter, value),
                    // chat(8) forgives this one.
                    (None, b'r') => {}
                    (None, _) => return Err(Usage::NoValue(char::from(letter))),
                }
            }
        }
        let script: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
        if this.file.is_some() && !script.is_empty() {
            return Err(Usage::FileAndScript);
        }
        this.script = Script::from_bytes(script);
        Ok(this)
    }

    fn flag(&mut self, letter: u8) -> Option<&mut bool> {
        match letter {
            b'e' => Some(&mut self.options.echo),
            b'E' => Some(&mut self.options.expand),
            b'v' => Some(&mut self.options.verbose),
            b'V' => Some(&mut self.options.show),
            b's' => Some(&mut self.to_stderr),
            b'S' => Some(&mut self.no_log),
            _ => None,
        }
    }

    fn set(&mut self, letter: u8, value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match letter {
            b'f' => self.file = Some(value.to_vec()),
            b't' => self.options.timeout = Options::timeout_of(value),
            b'r' => self.report = Some(value.to_vec()),
            b'T' => self.options.phone = Some(text()),
            _ => self.options.phone2 = Some(text()),
        }
    }
}

/// The one long option, and ours.
const CHAR_DELAY: &[u8] = b"--char-delay";

fn delay(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    let ms = text.parse::<u64>().ok().filter(|ms| *ms <= 60_000)?;
    Some(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Usage> {
        let words: Vec<Vec<u8>> = line
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| word.trim_matches('\'').as_bytes().to_vec())
            .collect();
        Arguments::parse(&words)
    }

    #[test]
    fn options_may_be_glued_together_and_to_their_values() {
        let expected = Arguments {
            options: Options {
                timeout: Duration::from_secs(5),
                verbose: true,
                echo: true,
                phone: Some("110".to_owned()),
                ..Options::default()
            },
            file: Some(b"x".to_vec()),
            to_stderr: true,
            ..Arguments::default()
        };
        for line in [
            "-v -e -s -t 5 -T 110 -f x",
            "-vest5 -T110 -fx",
            "-t5 -vsefx -T 110",
            "-t5 -vsef x -T 110 --",
        ] {
            assert_eq!(parse(line), Ok(expected.clone()), "{line}");
        }
    }

    #[test]
    fn the_first_other_word_ends_the_options() {
        let script = |line: &str| parse(line).unwrap().script.words();
        assert_eq!(script("-v '' ATZ -t 5"), ["", "ATZ", "-t", "5"]);
        assert_eq!(script("-v -- -x ATZ"), ["-x", "ATZ"]);
        // A dash alone is a word.
        assert_eq!(script("- ATZ"), ["-", "ATZ"]);
    }

    #[test]
    fn says_what_is_wrong() {
        for (line, usage) in [
            ("-x", Usage::Unknown('x')),
            ("-vx", Usage::Unknown('x')),
            ("--verbose", Usage::Unknown('-')),
            ("-t", Usage::NoValue('t')),
            ("-v -f", Usage::NoValue('f')),
            ("-f x ATZ", Usage::FileAndScript),
            ("--char-delay ten", Usage::Delay),
            ("--char-delay", Usage::Delay),
        ] {
            assert_eq!(parse(line), Err(usage), "{line}");
        }
        assert_eq!(parse("-r"), Ok(Arguments::default()));
        assert_eq!(
            parse("--char-delay 10 -e").unwrap().options,
            Options {
                char_delay: Duration::from_millis(10),
                echo: true,
                ..Options::default()
            }
        );
    }
}

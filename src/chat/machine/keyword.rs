//! ABORT, TIMEOUT and the others: an expect that is one of them makes the send behind it its argument.

use std::time::Duration;

use super::{ChatEvent, Machine};
use crate::chat::Options;
use crate::chat::decode::{decode, until_zero};
use crate::chat::visible;
use crate::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Abort,
    ClearAbort,
    Report,
    ClearReport,
    Timeout,
    Echo,
    Hangup,
    Say,
}

impl Keyword {
    /// Its name is the whole word, quoted or not.
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"ABORT" => Self::Abort,
            b"CLR_ABORT" => Self::ClearAbort,
            b"REPORT" => Self::Report,
            b"CLR_REPORT" => Self::ClearReport,
            b"TIMEOUT" => Self::Timeout,
            b"ECHO" => Self::Echo,
            b"HANGUP" => Self::Hangup,
            b"SAY" => Self::Say,
            _ => return None,
        })
    }
}

/// The strings of ABORT or REPORT, in their order.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// `None`: a REPORT string that has come. It keeps its place.
    list: Vec<Option<Vec<u8>>>,
}

impl Strings {
    fn add(&mut self, string: Vec<u8>) {
        self.list.push(Some(string));
    }

    /// Clears `string`, and moves those behind it up; how often it was there. chat looks at as many places as there are
    /// left: of a string that is there twice, the last one may stay.
    fn clear(&mut self, string: &[u8]) -> usize {
        let before = self.list.len();
        let mut left = before;
        let mut at = 0;
        while at < left {
            if let Some(slot) = self.list.get_mut(at)
                && slot.as_deref() == Some(string)
            {
                *slot = None;
                left -= 1;
            }
            at += 1;
        }
        let cleared = before - left;
        if cleared > 0 {
            self.list.retain(Option::is_some);
            // One that has come is moved to the end.
            self.list.resize(left, None);
        }
        cleared
    }

    /// The first that `text` ends with.
    pub(super) fn ending(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        self.list.iter().enumerate().find_map(|(index, string)| {
            let string = string.as_deref()?;
            text.ends_with(string).then_some((index, string))
        })
    }

    /// This one has come, and does not count again.
    pub(super) fn spend(&mut self, index: usize) {
        if let Some(slot) = self.list.get_mut(index) {
            *slot = None;
        }
    }

    /// The length of the longest.
    pub(super) fn longest(&self) -> usize {
        self.list.iter().flatten().map(Vec::len).max().unwrap_or(0)
    }
}

impl Machine {
    /// A keyword with its argument.
    pub(super) fn apply(&mut self, keyword: Keyword, word: &[u8]) {
        match keyword {
            Keyword::Abort => {
                let string = self.clean(word);
                self.aborts.add(string);
                self.log_dialog(format!("abort on ({})", visible(word)));
            }
            Keyword::Report => {
                let string = self.clean(word);
                self.reports.add(string);
                self.log_dialog(format!("report ({})", visible(word)));
            }
            Keyword::ClearAbort => {
                let string = self.clean(word);
                for _ in 0..self.aborts.clear(&string) {
                    self.log_dialog(format!("clear abort on ({})", visible(word)));
                }
            }
            Keyword::ClearReport => {
                let string = self.clean(word);
                for _ in 0..self.reports.clear(&string) {
                    self.log_dialog(format!("clear report ({})", visible(word)));
                }
            }
            Keyword::Timeout => {
                self.timeout = Options::timeout_of(&self.clean(word));
                let seconds = self.timeout.as_secs();
                self.log_dialog(format!("timeout set to {seconds} seconds"));
            }
            Keyword::Echo => self.echo = word == b"ON",
            Keyword::Hangup => self.tell(ChatEvent::SetHangup(word != b"OFF")),
            Keyword::Say => {
                let said = decode(word, true, &self.call.options, &*self.lookup);
                self.stderr.extend_from_slice(until_zero(&said.text));
            }
        }
    }

    /// When a wait that begins now is over.
    pub(super) fn limit(&self, now: Instant) -> Instant {
        let longest = Duration::from_secs(u64::from(u32::MAX));
        now + self.timeout.min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Strings {
        let mut strings = Strings::default();
        for string in list {
            strings.add(string.as_bytes().to_vec());
        }
        strings
    }

    #[test]
    fn clearing_moves_the_numbers() {
        let mut aborts = strings(&["a", "b", "c"]);
        assert_eq!(aborts.clear(b"a"), 1);
        assert_eq!(aborts.ending(b"xc"), Some((1, b"c".as_slice())));
        assert_eq!(aborts.clear(b"x"), 0);
        assert_eq!(aborts.longest(), 1);
    }

    #[test]
    fn of_a_string_that_is_there_twice_the_last_one_may_stay() {
        let mut aborts = strings(&["x", "y", "x"]);
        assert_eq!(aborts.clear(b"x"), 1);
        assert_eq!(aborts.ending(b"x"), Some((1, b"x".as_slice())));
        let mut aborts = strings(&["x", "x", "y"]);
        assert_eq!(aborts.clear(b"x"), 2);
        assert_eq!(aborts.ending(b"y"), Some((0, b"y".as_slice())));
    }

    #[test]
    fn clearing_behind_one_that_has_come_is_safe() {
        let mut reports = strings(&["a", "b"]);
        reports.spend(0);
        assert_eq!(reports.ending(b"a"), None);
        assert_eq!(reports.clear(b"a"), 0);
        assert_eq!(reports.clear(b"b"), 1);
        assert_eq!((reports.ending(b"b"), reports.longest()), (None, 0));
    }
}

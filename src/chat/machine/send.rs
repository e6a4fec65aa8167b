//! Sends: characters, pauses and breaks, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use super::{ChatEvent, HIDDEN, Machine, State};
use crate::chat::decode::{Act, acts, decode, until_zero};
use crate::chat::{ChatEnd, FILE_LIMIT, visible};
use crate::log::Level;
use crate::secret::Secret;
use crate::time::Instant;

/// A send under way.
#[derive(Debug)]
pub(super) struct Sending {
    acts: VecDeque<Step>,
    /// The timer stands for a pause.
    pub(super) waiting: bool,
    /// What has not been sent by then is not sent any more.
    pub(super) limit: Instant,
    /// What is expected behind it, if it is the reply of an expect that has failed.
    rest: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Byte(u8),
    Wait(Duration),
    /// Until what is to be sent has been taken.
    Drain,
    SetBreak(bool),
}

impl Machine {
    pub(super) fn send_word(&mut self, now: Instant, word: &[u8]) {
        match self.keyword.take() {
            Some(keyword) => self.apply(keyword, word),
            None => self.send_text(now, word, None),
        }
    }

    /// Sends `word`; `rest` is expected behind it.
    pub(super) fn send_text(&mut self, now: Instant, word: &[u8], rest: Option<Vec<u8>>) {
        let file = match path(word) {
            Some(path) => match self.lookup.read_file(path) {
                Ok(text) => Some(line_of(&text)),
                Err(error) => {
                    let path = visible(path);
                    self.log(Level::Error, format!("{path} -- open failed: {error}"));
                    self.end(now, ChatEnd::File { path, error });
                    return;
                }
            },
            None => None,
        };
        let word: &[u8] = match file.as_deref().unwrap_or(word) {
            b"EOT" => br"^D\c",
            b"BREAK" => br"\K\c",
            word => word,
        };
        let decoded = decode(word, true, &self.call.options, &*self.lookup);
        let shown = if decoded.quiet {
            HIDDEN.to_owned()
        } else {
            visible(until_zero(&decoded.text))
        };
        self.log_dialog(format!("send ({shown})"));
        self.dialog.sent = Some(shown.strip_suffix("^M").unwrap_or(&shown).to_owned());
        let acts = acts(&decoded.text);
        if decoded.quiet {
            self.hide(&acts);
        }
        self.state = State::Sending(Box::new(Sending {
            acts: self.steps(&acts),
            waiting: false,
            limit: self.limit(now),
            rest,
        }));
    }

    /// Goes on with a send; false: something is waited for.
    pub(super) fn write(&mut self, now: Instant, mut sending: Box<Sending>) -> bool {
        while !sending.waiting {
            match sending.acts.front().copied() {
                Some(Step::Byte(byte)) => {
                    if now >= sending.limit {
                        self.write_timed_out(now);
                        return true;
                    }
                    self.transmit.push(byte);
                }
                Some(Step::Wait(pause)) => {
                    self.timer.arm(now + pause);
                    sending.waiting = true;
                }
                Some(Step::Drain) if !self.transmit.is_empty() => break,
                Some(Step::Drain) => {}
                Some(Step::SetBreak(on)) => self.tell(ChatEvent::SetBreak(on)),
                None if !self.transmit.is_empty() => break,
                None => {
                    if let Some(rest) = sending.rest.take() {
                        self.expect_part(now, &rest);
                    }
                    return true;
                }
            }
            sending.acts.pop_front();
        }
        if !sending.waiting && now >= sending.limit {
            self.write_timed_out(now);
            return true;
        }
        self.state = State::Sending(sending);
        false
    }

    /// What is printable of a quiet send.
    fn hide(&mut self, acts: &[Act]) {
        let printable = |act: &Act| match act {
            Act::Byte(byte) if (0x20..0x7f).contains(byte) => Some(*byte),
            Act::Byte(_) | Act::Long | Act::Short | Act::Break => None,
        };
        let pieces = acts.split(|act| printable(act).is_none());
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            if self.hidden.len() >= MOST_HIDDEN {
                self.hidden.pop_front();
            }
            let bytes: Vec<u8> = piece.iter().filter_map(printable).collect();
            self.longest_hidden = self.longest_hidden.max(bytes.len());
            self.hidden.push_back(Secret::new(bytes));
        }
    }

    fn write_timed_out(&mut self, now: Instant) {
        self.log_dialog("alarm");
        self.log_dialog(" -- write timed out");
        self.log(Level::Error, "Failed");
        let sent = self.dialog.sent.clone();
        self.end(now, ChatEnd::Write { error: None, sent });
    }

    fn steps(&self, acts: &[Act]) -> VecDeque<Step> {
        let delay = self.call.options.char_delay;
        let mut steps = VecDeque::with_capacity(acts.len());
        for act in acts {
            match act {
                Act::Byte(byte) => {
                    if !delay.is_zero() {
                        steps.push_back(Step::Wait(delay));
                    }
                    steps.push_back(Step::Byte(*byte));
                }
                Act::Long => steps.push_back(Step::Wait(LONG_PAUSE)),
                Act::Short => steps.push_back(Step::Wait(SHORT_PAUSE)),
                Act::Break => steps.extend([
                    Step::Drain,
                    Step::SetBreak(true),
                    Step::Wait(BREAK),
                    Step::SetBreak(false),
                ]),
            }
        }
        steps
    }
}

/// The path of a word `@path`.
fn path(word: &[u8]) -> Option<&[u8]> {
    let behind = word.strip_prefix(b"@")?;
    let blanks = behind
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    behind.get(blanks..).filter(|path| !path.is_empty())
}

/// What of a file is sent.
fn line_of(text: &[u8]) -> Vec<u8> {
    let text = text.get(..FILE_LIMIT).unwrap_or(text);
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    until_zero(text).to_vec()
}

/// So many hidden pieces are kept for whoever asks.
const MOST_HIDDEN: usize = 64;

/// `\d`.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// `\p`, as the manual has it. The program makes it a tenth of that.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// As long as the kernel makes one.
const BREAK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_behind_its_sign_and_blanks() {
        assert_eq!(path(b"@ \t/etc/x y"), Some(b"/etc/x y".as_slice()));
        assert_eq!(path(b"@"), None);
        assert_eq!(path(b"@  "), None);
        assert_eq!(path(b"a@b"), None);
    }

    #[test]
    fn of_a_file_a_line_is_sent() {
        assert_eq!(line_of(b"ATI\\c\n"), b"ATI\\c");
        assert_eq!(line_of(b"a\nb\n\n"), b"a\nb\n");
        assert_eq!(line_of(b"a\0b\n"), b"a");
        assert_eq!(line_of(&[b'x'; 2000]).len(), 1023);
    }
}

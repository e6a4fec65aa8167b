//! Expects: `A-B-C` is A; if it does not come in time, B is sent and C is expected.

use super::keyword::Keyword;
use super::{ChatEvent, HIDDEN, Machine, State};
use crate::chat::decode::decode;
use crate::chat::{ChatEnd, visible};
use crate::log::Level;
use crate::time::Instant;

/// An expect string that is waited for.
#[derive(Debug)]
pub(super) struct Expect {
    wanted: Vec<u8>,
    /// What is sent if it does not come.
    reply: Option<Vec<u8>>,
    /// What is expected behind the reply, undivided.
    rest: Vec<u8>,
    /// What has come, as far back as a string can reach.
    seen: Vec<u8>,
    /// What has come and is not in the log yet.
    line: Vec<u8>,
    /// How full chat's buffer would be: when it is full, it moves, and the log shows it.
    filled: usize,
}

impl Machine {
    pub(super) fn expect_word(&mut self, now: Instant, word: &[u8]) {
        match Keyword::of(word) {
            Some(keyword) => self.keyword = Some(keyword),
            None => self.expect_part(now, word),
        }
    }

    /// Waits for the first part of an expect; without one, the next word is due.
    pub(super) fn expect_part(&mut self, now: Instant, word: &[u8]) {
        let mut rest = word;
        let Some(part) = split(&mut rest) else {
            return;
        };
        let reply = split(&mut rest).map(<[u8]>::to_vec);
        let wanted = decode(part, false, &self.call.options, &*self.lookup);
        let shown = visible(&wanted.text);
        self.log_dialog(format!("expect ({shown})"));
        self.dialog.expected = if wanted.quiet {
            HIDDEN.to_owned()
        } else {
            shown
        };
        if wanted.text.len() > BUFFER {
            self.log(Level::Info, "expect string is too long");
            self.fail(now, ChatEnd::TooLong);
            return;
        }
        if wanted.text.is_empty() {
            self.log_dialog("got it");
            return;
        }
        self.timer.arm(self.limit(now));
        self.state = State::Expecting(Box::new(Expect {
            wanted: wanted.text,
            reply,
            rest: rest.to_vec(),
            seen: Vec::new(),
            line: Vec::new(),
            filled: 0,
        }));
    }

    /// It has not come; the timer says so, or the end of the input.
    pub(super) fn expect_failed(&mut self, now: Instant, expect: Expect) {
        self.timer.cancel();
        if let Some(reply) = &expect.reply {
            self.send_text(now, reply, Some(expect.rest));
            return;
        }
        let dialog = self.dialog.clone();
        let end = if self.input_ended {
            ChatEnd::InputEnded(dialog)
        } else {
            let after = self.timeout;
            ChatEnd::Timeout { dialog, after }
        };
        self.fail(now, end);
    }

    /// Reads until the string has come; false: there is nothing more to read now.
    pub(super) fn read(&mut self, now: Instant, mut expect: Box<Expect>) -> bool {
        while let Some(byte) = self.input.pop_front() {
            if self.take(now, &mut expect, byte & 0x7f) {
                return true;
            }
        }
        if self.input_ended {
            self.log(Level::Info, "warning: read() on stdin returned 0");
            self.expect_failed(now, *expect);
            return true;
        }
        self.state = State::Expecting(expect);
        false
    }

    /// One character: REPORT, then the expect string, then ABORT. True: the expect is over.
    fn take(&mut self, now: Instant, expect: &mut Expect, byte: u8) -> bool {
        if self.echo {
            self.echo(byte);
        }
        if byte == b'\n' {
            let line = visible(&std::mem::take(&mut expect.line));
            self.log_dialog(line);
        } else {
            expect.line.push(byte);
        }
        expect.seen.push(byte);
        expect.filled += 1;
        // An echo of what is hidden stays in one piece: nobody would know its pieces.
        if expect.line.len() >= LINE + self.longest_hidden {
            self.log_line(expect);
        }
        if self.call.options.show {
            match byte {
                b'\r' => {}
                b'\n' => self.stderr.push(b'\n'),
                _ => self.stderr.extend_from_slice(visible(&[byte]).as_bytes()),
            }
        }
        if self.report.is_some() {
            self.report_byte(byte);
        } else if let Some((index, string)) = self.reports.ending(&expect.seen) {
            self.report = Some(string.to_vec());
            self.reports.spend(index);
            self.tell(ChatEvent::ReportBegins);
        }
        if expect.seen.ends_with(&expect.wanted) {
            self.log_line(expect);
            self.log_dialog(" -- got it");
            self.timer.cancel();
            return true;
        }
        if let Some((index, string)) = self.aborts.ending(&expect.seen) {
            let end = ChatEnd::Aborted {
                index,
                string: visible(string),
                dialog: self.dialog.clone(),
            };
            self.log_line(expect);
            self.log_dialog(" -- failed");
            self.timer.cancel();
            self.fail(now, end);
            return true;
        }
        self.trim(expect);
        false
    }

    fn log_line(&mut self, expect: &mut Expect) {
        if !expect.line.is_empty() {
            let line = visible(&std::mem::take(&mut expect.line));
            self.log_dialog(line);
        }
    }

    /// Forgets what no string can reach any more.
    fn trim(&mut self, expect: &mut Expect) {
        let kept = expect.wanted.len().max(SHORTEST) - 1;
        if expect.filled >= BUFFER {
            if expect.line.len() > kept + self.longest_hidden {
                self.log_line(expect);
            }
            expect.filled = kept;
        }
        let reach = kept.max(self.aborts.longest()).max(self.reports.longest());
        if expect.seen.len() >= 2 * reach + BUFFER {
            let old = expect.seen.len().saturating_sub(reach);
            expect.seen.drain(..old);
        }
    }

    /// As chat shows a character on stderr with ECHO.
    fn echo(&mut self, byte: u8) {
        match byte {
            b'\r' => {}
            b'\n' => {
                self.stderr.push(b'\n');
                self.column = false;
            }
            _ => {
                self.stderr.extend_from_slice(visible(&[byte]).as_bytes());
                self.column = true;
            }
        }
    }
}

/// The next part of an expect. A backslash protects a dash.
fn split<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let mut protected = false;
    let end = rest.iter().position(|&byte| {
        if protected {
            protected = false;
            false
        } else {
            protected = byte == b'\\';
            byte == b'-'
        }
    });
    match end.and_then(|at| rest.split_at_checked(at)) {
        Some((part, behind)) => {
            *rest = behind.get(1..).unwrap_or_default();
            Some(part)
        }
        None => Some(std::mem::take(rest)),
    }
}

/// chat's buffer.
const BUFFER: usize = 1024;
/// What it keeps of it at least, and one more.
const SHORTEST: usize = 50;
/// A longer line is logged in pieces.
const LINE: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_at_dashes() {
        let parts = |word: &'static str| {
            let mut rest = word.as_bytes();
            std::iter::from_fn(|| split(&mut rest))
                .map(|part| String::from_utf8_lossy(part).into_owned())
                .collect::<Vec<String>>()
        };
        assert_eq!(parts(""), Vec::<String>::new());
        assert_eq!(parts("OK-AT-OK"), ["OK", "AT", "OK"]);
        assert_eq!(parts("A--A"), ["A", "", "A"]);
        assert_eq!(parts("A-"), ["A"]);
        assert_eq!(parts("-"), [""]);
        assert_eq!(parts(r"a\-b-c\\-d\"), [r"a\-b", r"c\\", r"d\"]);
    }
}

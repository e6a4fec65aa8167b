//! What a command says, line by line into the log.

use std::io;
use std::time::Duration;

use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until};

use super::Log;
use crate::io::clock::Clock;
use crate::log::{BudgetSize, Identifier, Level, LogBudget, LogLine, Verdict};

/// A longer line becomes several.
const LINE_LIMIT: usize = 1024;

/// What is read at once.
const CHUNK: usize = 4096;

/// When a command has ended, this much of what it has left in the pipe is read at once: more than a pipe holds.
const LAST_CHUNKS: usize = 64;

/// What one command may say.
const BUDGET: BudgetSize = BudgetSize {
    burst: 200,
    reserve: 0,
    refill: Duration::from_millis(100),
};

/// A command that says more is read this slowly: it must not keep us busy.
const PAUSE: Duration = Duration::from_millis(20);

/// The output of a command.
#[derive(Debug)]
pub(super) struct Output {
    receiver: Receiver,
    identifier: Identifier,
    log: Log,
    clock: Clock,
    budget: LogBudget,
    /// The line so far.
    line: Vec<u8>,
    /// Nothing is read before this.
    pause: Option<Instant>,
    buffer: Vec<u8>,
}

impl Output {
    pub(super) fn new(receiver: Receiver, identifier: Identifier, log: Log) -> Self {
        Self {
            receiver,
            identifier,
            log,
            clock: Clock::new(),
            budget: LogBudget::new(BUDGET),
            line: Vec::new(),
            pause: None,
            buffer: vec![0; CHUNK],
        }
    }

    /// Reads on; false once nobody holds the other end any more. Safe to cancel.
    pub(super) async fn next(&mut self) -> bool {
        if let Some(until) = self.pause {
            sleep_until(until).await;
            self.pause = None;
        }
        if self.receiver.readable().await.is_err() {
            return false;
        }
        self.read() != Read::End
    }

    /// Reads what is there. Gives it back if somebody still holds the other end.
    pub(super) fn finish(mut self) -> Option<Self> {
        for _ in 0..LAST_CHUNKS {
            match self.read() {
                Read::Some => {}
                Read::Nothing => break,
                Read::End => return None,
            }
        }
        self.end_line();
        Some(self)
    }

    fn read(&mut self) -> Read {
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = match self.receiver.try_read(&mut buffer) {
            Ok(0) => Read::End,
            Ok(count) => {
                self.take(buffer.get(..count).unwrap_or_default());
                Read::Some
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Nothing,
            Err(_) => Read::End,
        };
        self.buffer = buffer;
        if read == Read::End {
            self.end_line();
        }
        read
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line();
            } else {
                if self.line.len() >= LINE_LIMIT {
                    self.end_line();
                }
                self.line.push(byte);
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = line.trim_ascii_end();
        if !text.is_empty() {
            self.say(&String::from_utf8_lossy(text));
        }
    }

    fn say(&mut self, text: &str) {
        self.budget.refill(self.clock.now());
        match self.budget.take(Level::Info) {
            Verdict::Write => {
                (self.log)(&LogLine::new(Level::Info, self.identifier, text));
                return;
            }
            Verdict::Refuse => {}
            Verdict::RefuseAndTell => {
                let name = self.identifier.as_str();
                (self.log)(&LogLine::uplinkd(
                    Level::Warning,
                    format!("too many lines of {name}: some are left out"),
                ));
            }
        }
        self.pause = Some(Instant::now() + PAUSE);
    }
}

/// What came of a look into the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Some,
    Nothing,
    End,
}

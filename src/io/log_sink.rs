//! Log lines to stderr, written by a thread of their own.
//!
//! Whoever reads our stderr may stop doing so: a terminal stopped by Ctrl-S, a pager, an ssh session
//! that itself runs through the link that has just died. A write would then wait for ever, and with
//! it the link, the redial and the answer to SIGTERM. So lines wait in a bounded queue; what does
//! not fit is dropped, and how many that were is said once there is room again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines that wait at most. A negotiation is some dozens.
const MAX_LINES: usize = 1024;

/// The thread needs little: it writes.
const STACK: usize = 64 * 1024;

/// Takes whole lines and never blocks. Clones share the queue.
#[derive(Clone, Debug)]
pub struct LogSink {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    work: Condvar,
    /// There is nothing left to write.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    lost: u64,
    writing: bool,
}

impl LogSink {
    /// A sink whose lines go to `out`.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn new(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let sink = Self {
            shared: Arc::clone(&shared),
        };
        thread::Builder::new()
            .name("uplinkd-log".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.write_to(out))?;
        Ok(sink)
    }

    /// Waits until everything is written, `limit` at most. True if it is.
    pub fn flush(&self, limit: Duration) -> bool {
        let (state, _) = self
            .shared
            .idle
            .wait_timeout_while(self.shared.lock(), limit, |state| {
                state.writing || !state.lines.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
        !state.writing && state.lines.is_empty()
    }
}

/// One call of `write` is one line.
impl Write for LogSink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.lock();
        if state.lines.len() < MAX_LINES {
            if state.lost > 0 {
                let lost = std::mem::take(&mut state.lost);
                let text = format!("uplinkd: {lost} log lines lost: nobody read them in time\n");
                state.lines.push_back(text.into_bytes());
            }
            state.lines.push_back(line.to_owned());
            self.shared.work.notify_one();
        } else {
            state.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread. It lives as long as the process.
    fn write_to(&self, mut out: impl Write) {
        let mut state = self.lock();
        loop {
            while let Some(line) = state.lines.pop_front() {
                state.writing = true;
                drop(state);
                // Closed or broken: there is nobody to tell.
                let _ = out.write_all(&line);
                state = self.lock();
            }
            state.writing = false;
            self.idle.notify_all();
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let (reader, writer) = io::pipe().unwrap();
        let mut sink = LogSink::new(writer).unwrap();
        for number in 0..100 {
            writeln!(sink.clone(), "line {number}").unwrap();
        }
        sink.write_all(b"end\n").unwrap();
        assert!(sink.flush(SOON));
        let lines: Vec<String> = BufReader::new(reader)
            .lines()
            .map(Result::unwrap)
            .take_while(|line| line != "end")
            .collect();
        let expected: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_reader_that_does_not_read_stops_nobody() {
        let (reader, writer) = io::pipe().unwrap();
        let mut sink = LogSink::new(writer).unwrap();
        let line = [b"x".repeat(199), b"\n".to_vec()].concat();
        for _ in 0..3000 {
            sink.write_all(&line).unwrap();
        }
        assert!(!sink.flush(Duration::from_millis(10)), "nobody reads");
        let mut reader = BufReader::new(reader);
        let mut text = String::new();
        for _ in 0..MAX_LINES {
            reader.read_line(&mut text).unwrap();
        }
        assert!(sink.flush(SOON) || sink.shared.lock().lines.len() < MAX_LINES);
        sink.write_all(b"end\n").unwrap();
        let lost = reader
            .lines()
            .map(Result::unwrap)
            .take_while(|line| line != "end")
            .find(|line| line.contains("log lines lost"))
            .unwrap();
        assert!(lost.starts_with("uplinkd: "), "{lost}");
    }

    #[test]
    fn a_closed_pipe_does_no_harm() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut sink = LogSink::new(writer).unwrap();
        sink.write_all(b"line\n").unwrap();
        assert!(sink.flush(SOON));
    }
}

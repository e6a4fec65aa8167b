//! Signals as a stream of what they ask for (spec S5).

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM (15) or SIGINT (2), with its number: end.
    Terminate(i32),
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR1: end the link and dial again.
    Reconnect,
}

/// The signals of this process. Signals of one kind that arrive before they are asked for are one
/// signal.
#[derive(Debug)]
pub struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
    user1: Stream,
}

impl Signals {
    /// Takes over SIGTERM, SIGINT, SIGHUP and SIGUSR1 for the rest of the process's life. SIGPIPE
    /// needs no care: Rust's start-up code ignores it, and a broken pipe is an error of `write`.
    ///
    /// # Errors
    ///
    /// When a handler cannot be installed.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal. The request to end comes first if several are there. Safe to cancel.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Terminate(SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => Signal::Terminate(SignalKind::interrupt().as_raw_value()),
            _ = self.user1.recv() => Signal::Reconnect,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }

    /// Waits for the request to end, whatever else comes. Safe to cancel.
    pub async fn terminated(&mut self) {
        while !matches!(self.next().await, Signal::Terminate(_)) {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::process::{self, Signal as Number};

    use super::*;

    #[tokio::test]
    async fn each_signal_says_what_it_asks_for() {
        let mut signals = Signals::new().unwrap();
        for (number, expected) in [
            (Number::HUP, Signal::Reload),
            (Number::USR1, Signal::Reconnect),
            (Number::INT, Signal::Terminate(2)),
            (Number::TERM, Signal::Terminate(15)),
        ] {
            process::kill_process(process::getpid(), number).unwrap();
            assert_eq!(signals.next().await, expected);
        }
    }

    #[test]
    fn a_broken_pipe_does_not_kill() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .unwrap();
        let mask = u64::from_str_radix(ignored.trim(), 16).unwrap();
        assert_ne!(mask & (1 << (13 - 1)), 0, "SIGPIPE (13) must be ignored");
    }
}

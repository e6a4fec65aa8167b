//! The hang-up of the core on a port, for those who are no attempt; and how a loop takes turns with the rest of the program.

use tokio::sync::watch;

use crate::at::{HangUp, HangUpEvent, HangUpPlan};
use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::serial::Port;
use crate::link::Stop;

/// Brings the modem on hook. Ends within the plan's limit; the tty going away ends it at once.
pub(crate) async fn hang_up(port: &Port, plan: HangUpPlan, clock: &Clock) {
    let mut hang_up = HangUp::new(plan);
    let mut out = Vec::new();
    let mut buffer = [0; 2048];
    let mut turns = Turns::default();
    hang_up.start(clock.now());
    loop {
        while hang_up.poll_transmit(&mut out) {}
        while let Some(event) = hang_up.poll_event() {
            match event {
                HangUpEvent::Log(line) => emit(&line),
                // A pty has no DTR; a line whose DTR cannot be changed is hung up by `+++` and ATH.
                HangUpEvent::SetDtr(on) => drop(port.set_dtr(on)),
                HangUpEvent::Done { .. } => return,
            }
        }
        tokio::select! {
            biased;
            read = port.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    let now = clock.now();
                    hang_up.handle_bytes(now, buffer.get(..n).unwrap_or_default());
                    hang_up.handle_timeout(now);
                    turns.count().await;
                }
            },
            written = port.write(&out), if !out.is_empty() => match written {
                Ok(n) => drop(out.drain(..n.min(out.len()))),
                Err(_) => return,
            },
            () = clock.sleep_until(hang_up.poll_timeout()) => hang_up.handle_timeout(clock.now()),
        }
    }
}

/// Counts reads, and now and then gives the rest of the program its turn: signals and timers wait for it. tokio itself
/// lets 128 reads pass.
#[derive(Debug, Default)]
pub(crate) struct Turns(u32);

impl Turns {
    const READS: u32 = 4;

    /// To be called after each read.
    pub(crate) async fn count(&mut self) {
        self.0 += 1;
        if self.0 >= Self::READS {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Ends when we want the end: a user, the clock, whoever watches the link.
pub(crate) async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    let asked = match stop.wait_for(Option::is_some).await {
        Ok(asked) => asked.clone(),
        Err(_) => None,
    };
    match asked {
        Some(asked) => asked,
        // The sender lives as long as the daemon; without it nobody can ask any more.
        None => std::future::pending().await,
    }
}

//! One AT question on a port: [`Probe`] of the core.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use crate::at::{Probe, ProbeAnswer as Answer, ProbeEvent, ProbePlan};
use crate::daemon::dialing::Turns;
use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::serial::Port;

/// Asks; `None` if the tty went away meanwhile. Ends within the plan's time.
pub(crate) async fn ask(port: &Port, plan: ProbePlan, clock: &Clock) -> Option<Answer> {
    let mut probe = Probe::new(plan);
    let mut out = Vec::new();
    let mut buffer = [0; 2048];
    let mut turns = Turns::default();
    // What came in while nobody had the tty open answers no question of ours.
    let _ = port.discard_input();
    probe.start(clock.now());
    loop {
        while probe.poll_transmit(&mut out) {}
        while let Some(event) = probe.poll_event() {
            match event {
                ProbeEvent::Log(line) => emit(&line),
                ProbeEvent::Done(answer) => return Some(answer),
            }
        }
        tokio::select! {
            biased;
            read = port.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return None,
                Ok(n) => {
                    let now = clock.now();
                    probe.handle_bytes(now, buffer.get(..n).unwrap_or_default());
                    probe.handle_timeout(now);
                    turns.count().await;
                }
            },
            written = port.write(&out), if !out.is_empty() => match written {
                Ok(n) => drop(out.drain(..n.min(out.len()))),
                Err(_) => return None,
            },
            () = clock.sleep_until(probe.poll_timeout()) => probe.handle_timeout(clock.now()),
        }
    }
}

/// Runs all futures at the same time; their results in the same order.
pub(crate) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, result) in running.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

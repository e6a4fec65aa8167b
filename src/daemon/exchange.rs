//! One AT command on a port: the shell around [`Exchange`].

use std::time::Duration;

use crate::at::{Answer, Exchange};
use crate::daemon::dialing::Turns;
use crate::io::clock::Clock;
use crate::io::serial::Port;

/// Sends `command` and waits for its result, `limit` at most once the modem answers at all.
///
/// # Errors
/// A sentence without a full stop: it is no command, the modem does not answer, or the tty is gone.
pub async fn exchange(
    port: &Port,
    command: &str,
    limit: Duration,
    clock: &Clock,
) -> Result<Answer, String> {
    let mut exchange = Exchange::new(command, limit).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let mut buffer = [0; 2048];
    let mut turns = Turns::default();
    exchange.start(clock.now());
    loop {
        while exchange.poll_transmit(&mut out) {}
        // What is still to be sent, as the escape that leaves a prompt, goes out before the end.
        if out.is_empty()
            && let Some(result) = exchange.poll_result()
        {
            return result.map_err(|error| error.to_string());
        }
        tokio::select! {
            biased;
            written = port.write(&out), if !out.is_empty() => match written {
                Ok(count) => drop(out.drain(..count.min(out.len()))),
                Err(error) => return Err(gone(Some(error))),
            },
            read = port.read(&mut buffer) => match read {
                Ok(0) => return Err(gone(None)),
                Ok(count) => {
                    let now = clock.now();
                    exchange.handle_bytes(now, buffer.get(..count).unwrap_or_default());
                    // A line that always has something to read must not stop the clock.
                    exchange.handle_timeout(now);
                    turns.count().await;
                }
                Err(error) => return Err(gone(Some(error))),
            },
            () = clock.sleep_until(exchange.poll_timeout()) => exchange.handle_timeout(clock.now()),
        }
    }
}

fn gone(error: Option<std::io::Error>) -> String {
    match error {
        Some(error) => format!("the tty is gone: {error}"),
        None => "the tty is gone".to_owned(),
    }
}

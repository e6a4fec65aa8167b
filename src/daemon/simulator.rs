//! The simulated modem on a pty: the core's [`Sim`] with a clock and a file descriptor.

use std::io;
use std::path::PathBuf;

use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::pty::Pty;
use crate::sim::{Sim, SimConfig, SimEvent};

/// Bytes for the gateway that wait for the pty at most; the simulator holds the rest back.
const OUT_LIMIT: usize = 16384;

/// Runs the simulator until it is dropped or the pty cannot be had. `link` is the path under which the pty's slave is
/// found; it vanishes while the modem is unplugged.
///
/// A pty has no DTR: the modem stays in its call when the program that dialed is killed, like a modem with `AT&D0`.
///
/// # Errors
/// The system's, when a pty cannot be opened or the link cannot be made.
pub async fn run(
    config: SimConfig,
    link: Option<PathBuf>,
    clock: Clock,
    ready: impl FnOnce(&Pty),
) -> io::Result<()> {
    let mut sim = Sim::new(config, clock.now());
    let mut pty = Some(open(link.as_ref())?);
    if let Some(pty) = &pty {
        ready(pty);
    }
    let mut out = Vec::new();
    let mut buffer = vec![0; 16384];
    let buffer_size = buffer.len();
    loop {
        let now = clock.now();
        while let Some(event) = sim.poll_event() {
            match event {
                SimEvent::Log(line) => emit(&line),
                SimEvent::Unplug => {
                    out.clear();
                    pty = None;
                }
                SimEvent::Plug => pty = Some(open(link.as_ref())?),
            }
        }
        if out.len() < OUT_LIMIT {
            sim.poll_transmit(now, OUT_LIMIT - out.len(), &mut out);
        }
        let deadline = sim.poll_timeout();
        tokio::select! {
            biased;
            read = read(pty.as_ref(), &mut buffer), if sim.room() >= buffer_size => match read {
                Ok(n) => sim.handle_bytes(clock.now(), buffer.get(..n).unwrap_or_default()),
                Err(error) => return Err(error),
            },
            written = write(pty.as_ref(), &out), if !out.is_empty() => match written {
                Ok(n) => drop(out.drain(..n.min(out.len()))),
                Err(error) => return Err(error),
            },
            () = clock.sleep_until(deadline) => sim.handle_timeout(clock.now()),
        }
    }
}

fn open(link: Option<&PathBuf>) -> io::Result<Pty> {
    let mut pty = Pty::open()?;
    if let Some(link) = link {
        pty.link(link)?;
    }
    Ok(pty)
}

async fn read(pty: Option<&Pty>, buffer: &mut [u8]) -> io::Result<usize> {
    match pty {
        Some(pty) => pty.read(buffer).await,
        None => std::future::pending().await,
    }
}

async fn write(pty: Option<&Pty>, out: &[u8]) -> io::Result<usize> {
    match pty {
        Some(pty) => pty.write(out).await,
        None => std::future::pending().await,
    }
}

//! The simulated modem on one pty or two: the core's [`Sim`] with a clock and file descriptors.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::pty::Pty;
use crate::log::{Identifier, Level, LogLine};
use crate::sim::{Sim, SimConfig, SimEvent, SimStats};

/// Bytes for the gateway that wait for the pty at most; the simulator holds the rest back.
const OUT_LIMIT: usize = 16384;

/// Where the modem's ports are found.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The path that leads to the port that dials; `None`: that of the pty itself.
    pub dial: Option<PathBuf>,
    /// The same for the second port; `None`: there is none.
    pub at: Option<PathBuf>,
}

/// What is done to the simulator from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The modem's power is switched off and on.
    PowerCycle,
    /// No fault is left.
    LiftFaults,
    /// It ends, and says what it has counted.
    Stop,
}

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
    let links = Links {
        dial: link,
        at: None,
    };
    // Nobody gives orders.
    let (_orders, receiver) = mpsc::channel(1);
    run_with(config, links, receiver, clock, ready).await
}

/// The same with a second port, and with orders. Whoever gives those may go away.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    config: SimConfig,
    links: Links,
    mut orders: mpsc::Receiver<Order>,
    clock: Clock,
    ready: impl FnOnce(&Pty),
) -> io::Result<()> {
    let mut sim = Sim::new(config, clock.now());
    let mut names = Names { links, count: 0 };
    let mut ports = Some(names.open()?);
    if let Some(ports) = &ports {
        ready(&ports.dial);
    }
    let (mut out, mut at_out) = (Vec::new(), Vec::new());
    let (mut buffer, mut at_buffer) = (vec![0; 16384], vec![0; 4096]);
    let buffer_size = buffer.len();
    loop {
        let now = clock.now();
        while let Some(event) = sim.poll_event() {
            match event {
                SimEvent::Log(line) => emit(&line),
                SimEvent::Unplug => {
                    out.clear();
                    at_out.clear();
                    ports = None;
                }
                SimEvent::Plug { renamed } => {
                    names.count += u32::from(renamed);
                    ports = Some(names.open()?);
                }
            }
        }
        if out.len() < OUT_LIMIT {
            sim.poll_transmit(now, OUT_LIMIT - out.len(), &mut out);
        }
        if at_out.len() < OUT_LIMIT {
            sim.poll_at_transmit(now, OUT_LIMIT - at_out.len(), &mut at_out);
        }
        let deadline = sim.poll_timeout();
        let dial = ports.as_ref().map(|ports| &ports.dial);
        let at = ports.as_ref().and_then(|ports| ports.at.as_ref());
        tokio::select! {
            biased;
            Some(order) = orders.recv() => match order {
                Order::PowerCycle => sim.power_cycle(clock.now()),
                Order::LiftFaults => sim.lift_faults(clock.now()),
                Order::Stop => {
                    let text = summary(sim.stats());
                    emit(&LogLine::new(Level::Info, Identifier::Sim, text));
                    return Ok(());
                }
            },
            read = read(dial, &mut buffer), if sim.room() >= buffer_size => {
                sim.handle_bytes(clock.now(), buffer.get(..read?).unwrap_or_default());
            },
            read = read(at, &mut at_buffer) => {
                sim.handle_at_bytes(clock.now(), at_buffer.get(..read?).unwrap_or_default());
            },
            written = write(dial, &out), if !out.is_empty() => drop(out.drain(..written?.min(out.len()))),
            written = write(at, &at_out), if !at_out.is_empty() => {
                drop(at_out.drain(..written?.min(at_out.len())));
            },
            () = clock.sleep_until(deadline) => sim.handle_timeout(clock.now()),
        }
    }
}

/// The modem's ports while it is plugged in.
struct Ports {
    dial: Pty,
    at: Option<Pty>,
}

/// Under which names they are found.
struct Names {
    links: Links,
    /// How often they have been renamed.
    count: u32,
}

impl Names {
    fn open(&self) -> io::Result<Ports> {
        let mut dial = Pty::open()?;
        if let Some(link) = &self.links.dial {
            dial.link(&self.name(link))?;
        }
        let at = match &self.links.at {
            Some(link) => {
                let mut at = Pty::open()?;
                at.link(&self.name(link))?;
                Some(at)
            }
            None => None,
        };
        Ok(Ports { dial, at })
    }

    /// `PATH`; renamed `PATH.1`, `PATH.2`, ...
    fn name(&self, link: &Path) -> PathBuf {
        if self.count == 0 {
            return link.to_owned();
        }
        let mut name = OsString::from(link);
        name.push(format!(".{}", self.count));
        PathBuf::from(name)
    }
}

/// What has been counted, in one line that a test can read.
fn summary(stats: SimStats) -> String {
    format!(
        "counted: dials {}, overlapping dials {}, calls {}, AT resets {}, power resets {}, PIN tries {}, wrong PINs {}, \
         provisioning writes {}, flash writes {}",
        stats.dials,
        stats.overlapping_dials,
        stats.calls,
        stats.at_resets,
        stats.power_resets,
        stats.pin_tries,
        stats.pin_refusals,
        stats.provisioning_writes,
        stats.flash_writes,
    )
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

//! The daemon: runs the pure state machines of the core on real ttys, interfaces, clocks and signals.
//!
//! - [`connection`]: the supervisor's commands in, its inputs out; the outermost loop.
//! - [`attempt`]: one attempt, from opening the tty until everything is put back.
//! - [`dialing`]: the AT dialog and the hang-up on a port.
//! - [`driver`]: the data phase; PPP between the port and the TUN device.
//! - [`logging`]: lines of the core into `tracing`, to the journal or to stderr.
//! - [`progress`]: what an observer (the demo, later the status) is told.
//! - [`simulator`]: the simulated modem on a pty.

pub mod attempt;
pub mod connection;
pub mod dialing;
pub mod driver;
pub mod logging;
pub mod progress;
pub mod simulator;

pub use connection::{Control, Daemon, Options};
pub use progress::{Observer, Progress};

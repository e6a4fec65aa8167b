//! The daemon: runs the pure state machines of the core on real ttys, interfaces, clocks and signals.
//!
//! - [`connection`]: the supervisor's commands in, its inputs out; the outermost loop.
//! - [`asking`]: one AT question on a port.
//! - [`attempt`]: one attempt, from opening the tty until everything is put back.
//! - `context`: what the parts share.
//! - [`control`]: the server of the control socket.
//! - `daily`: RESET_AT.
//! - [`dialing`]: the AT dialog and the hang-up on a port.
//! - [`dns`]: the DNS servers of the link, handed to the system.
//! - [`driver`]: the data phase; PPP between the port and the TUN device.
//! - `driver_stats`: what is said of a link that has ended.
//! - [`exchange`]: one AT command on a port.
//! - `hooks`: pppd's scripts.
//! - [`interface`]: the TUN device, its addresses and routes, across attempts; what waits for the link.
//! - [`link_events`]: what those who watch a link from the side have to say.
//! - [`locate`]: which tty the modem is on.
//! - [`logging`]: lines of the core into `tracing`, to the journal or to stderr.
//! - `modem`: what is known of the modem across attempts, and remembered on disk.
//! - [`monitor`]: the ping monitor on its sockets.
//! - [`progress`]: what an observer, such as the demo, is told.
//! - [`reload`]: reading the configuration again.
//! - [`reset`]: making the modem restart.
//! - `second_port`: questions to the modem while the link is up.
//! - [`simulator`]: the simulated modem on a pty.
//! - `stand_by`: the interface of DEMAND while no attempt runs.
//! - `surroundings`: what the rest of the system is told of a link: scripts, pid files, DNS.
//! - [`traffic`]: counters of what the link carries.

pub mod asking;
pub mod attempt;
pub mod connection;
pub(crate) mod context;
pub mod control;
pub(crate) mod daily;
pub mod dialing;
pub mod dns;
pub mod driver;
pub(crate) mod driver_stats;
pub mod exchange;
pub(crate) mod hooks;
pub mod interface;
pub mod link_events;
pub mod locate;
pub mod logging;
pub(crate) mod modem;
pub mod monitor;
pub mod progress;
pub mod reload;
pub mod reset;
pub(crate) mod second_port;
pub mod simulator;
pub(crate) mod stand_by;
pub(crate) mod surroundings;
pub mod traffic;

pub use connection::{Control, Daemon, Options};
pub use progress::{Observer, Progress};

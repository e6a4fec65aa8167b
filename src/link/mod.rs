//! The life of a connection without I/O: what is done next, and why the last link ended.
//!
//! - [`supervisor`]: attempts, waits and resets, one after another; [`schedule`] has its time of day.
//! - [`attempt`]: one attempt, from an open tty to the hang-up. [`reason`] says how it ended.
//! - [`ladder`]: the steps of a reset.
//! - [`hooks`]: the scripts that pppd runs.
//! - [`monitor`]: pings through the link; [`idle`]: whether programs use it; [`connect_time`]: how long it may be up.
//! - [`queue`]: what waits while it is down; [`packet`] looks into what it carries.

#![forbid(unsafe_code)]

pub mod attempt;
pub mod connect_time;
pub mod hooks;
pub mod idle;
pub mod ladder;
pub mod monitor;
pub mod packet;
pub mod queue;
pub mod reason;
pub mod schedule;
pub mod supervisor;

mod backoff;

pub use connect_time::ConnectTime;
pub use idle::Idle;
pub use queue::{PacketQueue, QueueStats};
pub use reason::{ExitStatus, FailureClass, LineProblem, LinkEnd, NetworkProblem, Stop, UserStop};
pub use schedule::{Schedule, TimeOfDay};
pub use supervisor::{
    BackoffPolicy, Command, Input, Policy, ResetOutcome, ResetReason, State, Supervisor, Upcoming,
};

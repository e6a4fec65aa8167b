//! The life of a connection without I/O: what is done next, and why the last link ended.

#![forbid(unsafe_code)]

pub mod attempt;
pub mod idle;
pub mod ladder;
pub mod monitor;
pub mod packet;
pub mod queue;
pub mod reason;
pub mod schedule;
pub mod supervisor;

mod backoff;

pub use idle::Idle;
pub use queue::{PacketQueue, QueueStats};
pub use reason::{ExitStatus, FailureClass, LineProblem, LinkEnd, NetworkProblem, Stop, UserStop};
pub use schedule::{Schedule, TimeOfDay};
pub use supervisor::{
    BackoffPolicy, Command, Input, PastEnd, PastReset, Policy, ResetOutcome, ResetReason, Resets,
    State, Supervisor, Upcoming,
};

//! The life of a connection without I/O: what is done next, and why the last link ended.

#![forbid(unsafe_code)]

pub mod reason;
pub mod supervisor;

pub use reason::{ExitStatus, FailureClass, LineProblem, LinkEnd, NetworkProblem, UserStop};
pub use supervisor::{Command, Input, Policy, State, Supervisor};

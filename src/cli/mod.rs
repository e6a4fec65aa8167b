//! The command line (spec I): a contract, since other programs call it.

pub mod args;
pub mod at;
pub mod control;
pub mod demo;
pub(crate) mod profiles;
pub mod run;
pub mod sim;
pub mod status;

use std::fmt::Display;
use std::io::{self, Write};

use clap::Parser;

use crate::control::Request;
use crate::daemon::logging;
use crate::link::ExitStatus;
use args::{Arguments, Subcommand};

/// Runs the program with the process's arguments.
pub fn main() -> ExitStatus {
    let arguments = Arguments::parse();
    let status = match arguments.command {
        Subcommand::Run(arguments) => run::run(&arguments),
        Subcommand::Status(arguments) => status::run(&arguments),
        Subcommand::Reconnect(arguments) => control::run(&arguments, &Request::Reconnect),
        Subcommand::Disconnect(arguments) => control::run(&arguments, &Request::Disconnect),
        Subcommand::Connect(arguments) => control::run(&arguments, &Request::Connect),
        Subcommand::Reset(arguments) => control::run(&arguments, &Request::Reset),
        Subcommand::Reload(arguments) => control::run(&arguments, &Request::Reload),
        Subcommand::At(arguments) => at::run(arguments),
        Subcommand::Demo(arguments) => demo::run(&arguments),
        Subcommand::Sim(arguments) => sim::run(arguments),
    };
    logging::flush();
    status
}

/// A runtime with one thread: no locks in the data path, and one thread is all a gateway has to spare.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// An error for the user: one sentence on stderr.
pub(crate) fn fail(status: ExitStatus, sentence: &str) -> ExitStatus {
    logging::flush();
    complain(format_args!("uplinkd: {sentence}"));
    status
}

/// A line on stderr. Without a reader it is lost: `eprintln!` would end the program then.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A line on stdout, likewise.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

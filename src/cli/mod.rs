//! The command line (spec I): a contract, since other programs call it.

pub mod args;
pub mod at;
pub mod chat;
mod completions;
pub mod config;
pub mod control;
pub mod demo;
pub mod export;
pub(crate) mod profiles;
mod reading;
pub mod resolv_conf;
pub mod run;
mod script_host;
pub mod sim;
pub mod status;

use std::fmt::Display;
use std::io::{self, Write};

use clap::Parser;

use crate::control::Request;
use crate::daemon::logging;
use crate::io::notify::Notifier;
use crate::link::ExitStatus;
use args::{Arguments, Subcommand};

/// Runs the program with the process's arguments.
pub fn main() -> ExitStatus {
    if let Some(words) = chat::words() {
        let status = chat::run(words);
        logging::flush();
        return status;
    }
    let arguments = Arguments::parse();
    let status = match arguments.command {
        Subcommand::Run(arguments) => run::run(&arguments),
        Subcommand::Status(arguments) => status::run(&arguments),
        Subcommand::Reconnect(arguments) => control::run(&arguments, &Request::Reconnect),
        Subcommand::Disconnect(arguments) => control::run(&arguments, &Request::Disconnect),
        Subcommand::Connect(arguments) => control::run(&arguments, &Request::Connect),
        Subcommand::Reset(arguments) => control::run(&arguments, &Request::Reset),
        Subcommand::Reload(arguments) => control::run(&arguments, &Request::Reload),
        Subcommand::Config(arguments) => config::run(&arguments),
        Subcommand::ExportPppd(arguments) => export::run(&arguments),
        Subcommand::At(arguments) => at::run(arguments),
        Subcommand::Chat(_) => chat::run(std::env::args_os().skip(2).collect()),
        Subcommand::Demo(arguments) => demo::run(&arguments),
        Subcommand::Sim(arguments) => sim::run(arguments),
        Subcommand::ResolvConf(command) => resolv_conf::run(&command),
        Subcommand::Completions(arguments) => completions::run(&arguments),
        Subcommand::ScriptHost(arguments) => script_host::run(&arguments),
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

/// An error for the user: one sentence on stderr, and for systemd, if it has started us.
pub(crate) fn fail(status: ExitStatus, sentence: &str) -> ExitStatus {
    logging::flush();
    Notifier::from_environment().status(|| sentence.to_owned());
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

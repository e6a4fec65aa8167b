//! `uplinkd completions SHELL`: what a shell needs to complete our command line.

use std::io::{self, Write};

use clap::{Command, CommandFactory};

use super::args::{Arguments, CompletionsArguments};
use super::fail;
use crate::link::ExitStatus;

/// Prints the script.
pub(crate) fn run(arguments: &CompletionsArguments) -> ExitStatus {
    let all = Arguments::command();
    // What is hidden in the help is not offered either.
    let shown = all
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let mut command = Command::new("uplinkd").subcommands(shown.cloned());
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "uplinkd", &mut script);
    match io::stdout().write_all(&script) {
        Ok(()) => ExitStatus::DONE,
        Err(error) => fail(ExitStatus::FATAL, &format!("it cannot be written: {error}")),
    }
}

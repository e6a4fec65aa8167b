//! `uplinkd config check|show|convert FILE` (spec I5, C27, C28).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::args::{ConfigArguments, ConfigCommand, ConfigFile, ConvertArguments};
use super::reading::read_config;
use super::{complain, fail, say};
use crate::config::{self, Config, describe, write};
use crate::io::state_file::{read_limited, write_atomic};
use crate::link::ExitStatus;
use crate::modem::Profiles;

/// A configuration larger than this has been refused before.
const LIMIT: u64 = 1 << 20;

/// Runs one of the three.
pub(crate) fn run(arguments: &ConfigArguments) -> ExitStatus {
    let done = match &arguments.command {
        ConfigCommand::Check(input) => check(input),
        ConfigCommand::Show(input) => show(input),
        ConfigCommand::Convert(arguments) => convert(arguments),
    };
    match done {
        Ok(()) => ExitStatus::DONE,
        Err(status) => status,
    }
}

/// The configuration as `run` reads it, its problems printed. What is not a file is refused first: a pipe without a writer
/// would be waited for.
pub(super) fn read(
    file: &Path,
    ppp_dir: &Path,
    consequence: &str,
) -> Result<(Config, Arc<Profiles>), ExitStatus> {
    if fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(fail(
            ExitStatus::CONFIGURATION,
            &format!(
                "the configuration {} cannot be read: it is not a regular file",
                file.display()
            ),
        ));
    }
    read_config(file, ppp_dir, consequence)
}

fn check(input: &ConfigFile) -> Result<(), ExitStatus> {
    let (config, profiles) = read(&input.file, &input.ppp_dir, "`uplinkd run` would not start")?;
    warn_of_readers(&input.file, &config);
    say(format_args!(
        "{}: no errors. What `uplinkd run` will do:\n",
        input.file.display()
    ));
    for part in describe::describe(&config, &profiles, &input.ppp_dir) {
        say(format_args!("{:<16} {}", part.about, part.words));
    }
    Ok(())
}

/// A password that everybody can read is a problem, and none that stops the start.
fn warn_of_readers(file: &Path, config: &Config) {
    // With a peers file the password is in pppd's files, whose reader looks at their modes.
    let is_here = config.scripts.call_file.is_none();
    let holds_secret = (is_here && !config.password.is_empty()) || config.pin.is_some();
    let mode = fs::metadata(file).map_or(0, |metadata| metadata.mode());
    if holds_secret && mode & 0o044 != 0 {
        complain(format_args!(
            "warning: {} holds a secret, and other users can read it (mode {:03o}); mend: chmod 600 {}",
            file.display(),
            mode & 0o777,
            file.display()
        ));
    }
}

fn show(input: &ConfigFile) -> Result<(), ExitStatus> {
    let (config, _) = read(&input.file, &input.ppp_dir, "nothing is shown")?;
    let text = read_limited(&input.file, LIMIT)
        .map_err(|error| fail(ExitStatus::CONFIGURATION, &error.to_string()))?;
    let said = config::origins(&input.file.display().to_string(), &text);
    let name = input.file.file_name().unwrap_or_default();
    print(&write::show(&config, &name.to_string_lossy(), &said))
}

fn convert(arguments: &ConvertArguments) -> Result<(), ExitStatus> {
    let input = &arguments.input;
    let (config, _) = read(&input.file, &input.ppp_dir, "nothing is converted")?;
    let name = input.file.display().to_string();
    let extent = if arguments.all {
        write::Extent::Everything
    } else {
        write::Extent::Differences
    };
    let refused = |problem: &str| {
        fail(
            ExitStatus::CONFIGURATION,
            &format!("{name} cannot be converted: {problem}; nothing was written"),
        )
    };
    let text =
        write::write(&config, &name, extent).map_err(|problem| refused(&problem.to_string()))?;
    // What cannot be read again as it is would be another configuration.
    let (found, problems) = config::read("uplinkd.toml", text.as_bytes());
    if found.as_ref() != Some(&config) {
        let first = problems.first().map(|problem| problem.message.as_str());
        return Err(refused(
            first.unwrap_or("a value has no equal in uplinkd.toml"),
        ));
    }
    match &arguments.output {
        Some(path) => save(path, &text, arguments.force),
        None => print(&text),
    }
}

fn save(path: &Path, text: &str, replace: bool) -> Result<(), ExitStatus> {
    let written = if replace {
        write_atomic(path, text.as_bytes(), 0o600).map_err(|error| error.to_string())
    } else {
        write_new(path, text.as_bytes()).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!(
                    "{} is there already; replace it with --force",
                    path.display()
                )
            }
            _ => format!("{} cannot be written: {error}", path.display()),
        })
    };
    written.map_err(|problem| fail(ExitStatus::CONFIGURATION, &problem))?;
    say(format_args!("wrote {} (mode 0600)", path.display()));
    if path.extension().is_none_or(|extension| extension != "toml") {
        complain(format_args!(
            "warning: `uplinkd run` takes {} for KEY=VALUE lines, because its name does not end in .toml",
            path.display()
        ));
    }
    Ok(())
}

/// Makes the file; one that is there, a link too, is left alone.
fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a configuration would be taken for one.
        let _ = fs::remove_file(path);
    }
    written
}

/// To stdout. That somebody has read enough is no error; a disk that is full is one.
fn print(text: &str) -> Result<(), ExitStatus> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(fail(
            ExitStatus::FATAL,
            &format!("the text cannot be written: {error}"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

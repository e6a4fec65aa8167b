//! Reading the configuration and what it names: once for every command that needs it, and again while the daemon runs.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use super::profiles;
use super::{complain, fail};
use crate::config::{self, Config, Diagnostic, Severity, Sources};
use crate::daemon::logging;
use crate::io::files::SystemFiles;
use crate::link::ExitStatus;
use crate::log::{Level, LogLine};
use crate::modem::Profiles;

/// Reads the configuration, pppd's files in `ppp_dir` if it names one, and the modem profiles, and prints every problem in
/// them. If there are errors, the last line says with `consequence` what they lead to.
pub(crate) fn read_config(
    path: &Path,
    ppp_dir: &Path,
    consequence: &str,
) -> Result<(Config, Arc<Profiles>), ExitStatus> {
    let reading =
        read_files(path, ppp_dir).map_err(|problem| fail(ExitStatus::CONFIGURATION, &problem))?;
    reading.bad_profiles.iter().for_each(complain);
    for diagnostic in &reading.diagnostics {
        complain(diagnostic.render());
    }
    reading.finish().map_err(|summary| {
        let text = format!("{summary}; {consequence}");
        fail(ExitStatus::CONFIGURATION, &text)
    })
}

/// The same while the daemon runs: what is wrong goes into its log.
pub(crate) fn read_again(
    path: &Path,
    ppp_dir: &Path,
) -> Result<(Config, Arc<Profiles>), Vec<String>> {
    let reading = read_files(path, ppp_dir).map_err(|problem| vec![problem])?;
    let mut errors = reading.bad_profiles.clone();
    for diagnostic in &reading.diagnostics {
        match diagnostic.severity {
            Severity::Error => errors.push(diagnostic.to_string()),
            Severity::Warning => {
                logging::emit(&LogLine::uplinkd(Level::Warning, diagnostic.to_string()));
            }
        }
    }
    reading.finish().map_err(|_| errors)
}

/// What stands in the configuration and the profiles.
struct Reading {
    config: Option<Config>,
    profiles: Profiles,
    diagnostics: Vec<Diagnostic>,
    /// What is wrong with the profiles.
    bad_profiles: Vec<String>,
    /// The files, for a summary.
    files: String,
}

impl Reading {
    /// What was read; the number of errors, if there is one.
    fn finish(self) -> Result<(Config, Arc<Profiles>), String> {
        let errors = self
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count();
        let errors = errors + self.bad_profiles.len();
        match self.config {
            Some(config) if errors == 0 => Ok((config, Arc::new(self.profiles))),
            Some(_) | None => {
                let word = if errors == 1 { "error" } else { "errors" };
                Err(format!("{}: {errors} {word}", self.files))
            }
        }
    }
}

/// Reads them; an error if there is no configuration.
fn read_files(path: &Path, ppp_dir: &Path) -> Result<Reading, String> {
    let name = path.display().to_string();
    let text = read_limited(path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "; name the file with --config FILE",
            io::ErrorKind::PermissionDenied => "; run as root, or make the file readable",
            _ => "",
        };
        format!("the configuration {name} cannot be read: {error}{advice}")
    })?;
    let sources = Sources {
        files: &SystemFiles,
        ppp_dir,
        models: None,
    };
    // Where the user's profiles are stands in it, and whether the models that it names exist is known with these.
    let (profile_dir, configured) = match config::read_with(&name, &text, &sources).0 {
        Some(config) => {
            let configured = config.profile_dir != Config::default().profile_dir;
            (config.profile_dir, configured)
        }
        None => (Config::default().profile_dir, false),
    };
    let (profiles, bad_profiles) = profiles::load(&profile_dir, configured);
    let models: Vec<&str> = profiles.names().collect();
    let sources = Sources {
        models: Some(&models),
        ..sources
    };
    let (config, diagnostics) = config::read_with(&name, &text, &sources);
    let mut files = vec![name];
    for diagnostic in diagnostics.iter().filter(|d| d.severity == Severity::Error) {
        if !files.contains(&diagnostic.file) {
            files.push(diagnostic.file.clone());
        }
    }
    if !bad_profiles.is_empty() {
        files.push(profile_dir.display().to_string());
    }
    Ok(Reading {
        config,
        profiles,
        diagnostics,
        bad_profiles,
        files: files.join(" and "),
    })
}

/// The file, or as much of it as shows that it is too large. Nothing is waited for: a FIFO, or a file such as /proc/kmsg,
/// would stop the start, and at a reload the loop.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    file.take(READ_LIMIT).read_to_end(&mut text)?;
    Ok(text)
}

/// One byte more than [`config::read`] accepts.
const READ_LIMIT: u64 = 1024 * 1024 + 1;

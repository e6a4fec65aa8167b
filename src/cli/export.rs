//! `uplinkd export-pppd --config FILE --root DIR [--check]` (spec I6, F3).
//!
//! All files are read and all texts made before the first one is written, so that a problem leaves everything as it was.
//! Each file is replaced whole; mode and owner of one that is there are kept. The peers file comes last: pppd finds what it
//! names.

mod root;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use self::root::Root;
use super::args::ExportArguments;
use super::{complain, config, fail, say};
use crate::config::export::secrets::{self, Entry};
use crate::config::export::{self, Export, ExportProblem, Tty, diff};
use crate::config::{Config, Device};
use crate::io::state_file::{StateFileError, read_limited, replace_keeping_mode, write_atomic};
use crate::link::ExitStatus;
use crate::modem::Profiles;

/// Writes pppd's files, or shows what differs.
pub(crate) fn run(arguments: &ExportArguments) -> ExitStatus {
    let (config, profiles) =
        match config::read(&arguments.config, &arguments.ppp_dir, "nothing was written") {
            Ok(read) => read,
            Err(status) => return status,
        };
    let prepared = prepare(arguments, &config, &profiles);
    let targets = match prepared {
        Ok(targets) => targets,
        Err(problem) => {
            return fail(
                ExitStatus::CONFIGURATION,
                &format!("{problem}; nothing was written"),
            );
        }
    };
    if arguments.check {
        return compare(&targets);
    }
    for target in &targets {
        match target.write() {
            Ok(what) => say(format_args!("{what} {}", target.shown.display())),
            Err(problem) => return fail(ExitStatus::FATAL, &problem),
        }
    }
    ExitStatus::DONE
}

/// One file.
struct Target {
    /// As the user would name it.
    shown: PathBuf,
    /// Where it is in fact, links followed.
    real: PathBuf,
    /// `None`: it is not there.
    old: Option<Vec<u8>>,
    new: Vec<u8>,
    /// The mode of a new one.
    mode: u32,
    /// It is a secrets file, and this is our entry.
    entry: Option<Entry>,
}

/// Everything that is to be written, with what is there now.
fn prepare(
    arguments: &ExportArguments,
    config: &Config,
    profiles: &Profiles,
) -> Result<Vec<Target>, String> {
    let root = Root::open(&arguments.root)?;
    let tty = tty(arguments, config, profiles, &root)?;
    let made = export::export(config, profiles, &tty).map_err(|problem| problem.to_string())?;
    if !made.left_out.is_empty() {
        complain(format_args!(
            "warning: pppd has no word for {}",
            made.left_out.join(", ")
        ));
    }
    let Export {
        name,
        peers,
        chat,
        disconnect,
        entry,
        pap_entry,
        left_out: _,
    } = made;
    let mut targets = Vec::new();
    if let Some(entry) = &entry {
        let pap_entry = pap_entry.as_ref().unwrap_or(entry);
        for (file, entry) in [("chap-secrets", entry), ("pap-secrets", pap_entry)] {
            let mut target = Target::read(&root, &format!("etc/ppp/{file}"))?;
            target.new = secrets::with_entry(target.old.as_deref(), entry)
                .map_err(|problem| format!("{}: {problem}", target.shown.display()))?;
            target.mode = 0o600;
            target.warn_of_readers();
            target.entry = Some(entry.clone());
            targets.push(target);
        }
    }
    let scripts = [
        (name.clone(), chat),
        (format!("{name}-disconnect"), disconnect),
    ];
    for (file, script) in scripts {
        if let Some(script) = script {
            let mut target = Target::read(&root, &format!("etc/chatscripts/{file}"))?;
            target.new = script.text.into_bytes();
            target.mode = if script.is_public { 0o644 } else { 0o600 };
            targets.push(target);
        }
    }
    let mut target = Target::read(&root, &format!("etc/ppp/peers/{name}"))?;
    target.new = peers.into_bytes();
    target.mode = 0o644;
    targets.push(target);
    Ok(targets)
}

/// The modem's tty: the one that is named, or the only one that udev has given a name of the gateways'.
fn tty(
    arguments: &ExportArguments,
    config: &Config,
    profiles: &Profiles,
    root: &Root,
) -> Result<PathBuf, String> {
    if let Some(tty) = &arguments.tty {
        let text = tty.to_str().unwrap_or_default();
        if text.is_empty()
            || text.ends_with('/')
            || text.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            return Err(format!("--tty {} does not name a tty", tty.display()));
        }
        return Ok(Path::new("/dev").join(tty));
    }
    let names = match export::tty(config, profiles) {
        Tty::Known(path) => return Ok(path),
        Tty::OneOf(names) => names,
    };
    let mut there = names.into_iter().filter(|name| root.has(name));
    match (there.next(), there.next()) {
        (Some(only), None) => Ok(only),
        (None, _) | (Some(_), Some(_)) => {
            let device = match &config.device {
                Device::Auto => "DEVICE=AUTO".to_owned(),
                Device::Model(name) => format!("DEVICE={name}"),
                Device::Tty(path) => format!("DEVICE={}", path.display()),
            };
            Err(ExportProblem::NoTty(device).to_string())
        }
    }
}

/// `--check`: what differs, without secrets.
fn compare(targets: &[Target]) -> ExitStatus {
    let mut differs = false;
    for target in targets {
        let path = target.shown.display();
        match &target.old {
            Some(old) if *old == target.new => {
                say(format_args!("{path}: as it should be"));
                continue;
            }
            Some(_) => say(format_args!("{path}: differs")),
            None => say(format_args!("{path}: is missing")),
        }
        differs = true;
        for line in target.differences() {
            say(line);
        }
    }
    if differs {
        ExitStatus::FATAL
    } else {
        ExitStatus::DONE
    }
}

impl Target {
    /// What is at `inside` below the root.
    fn read(root: &Root, inside: &str) -> Result<Self, String> {
        let shown = root.shown(inside);
        let real = root
            .resolve(Path::new(inside))
            .map_err(|problem| format!("{}: {problem}", shown.display()))?;
        let old = match read_limited(&real, secrets::LIMIT) {
            Ok(text) => Some(text),
            Err(StateFileError::Absent { .. }) => None,
            Err(
                error @ (StateFileError::TooLarge { .. }
                | StateFileError::NotAFile { .. }
                | StateFileError::Read { .. }
                | StateFileError::Write { .. }
                | StateFileError::NotSynced { .. }),
            ) => return Err(error.to_string()),
        };
        Ok(Self {
            shown,
            real,
            old,
            new: Vec::new(),
            mode: 0o600,
            entry: None,
        })
    }

    /// Others' right to read secrets is kept, as the mode is, and told.
    fn warn_of_readers(&self) {
        let mode = fs::metadata(&self.real).map_or(0, |metadata| metadata.mode());
        if self.old.is_some() && mode & 0o077 != 0 {
            complain(format_args!(
                "warning: {} holds secrets, and its mode is {:03o}; mend: chmod 600 {}",
                self.shown.display(),
                mode & 0o777,
                self.shown.display()
            ));
        }
    }

    /// Gives what was done.
    fn write(&self) -> Result<&'static str, String> {
        match &self.old {
            Some(old) if *old == self.new => return Ok("unchanged"),
            Some(_) => replace_keeping_mode(&self.real, &self.new),
            None => {
                if let Some(folder) = self.real.parent() {
                    DirBuilder::new()
                        .recursive(true)
                        .mode(0o755)
                        .create(folder)
                        .map_err(|error| {
                            format!("the folder {} cannot be made: {error}", folder.display())
                        })?;
                }
                write_atomic(&self.real, &self.new, self.mode)
            }
        }
        .map_err(|error| error.to_string())?;
        Ok("wrote")
    }

    fn differences(&self) -> Vec<String> {
        let old = self.old.as_deref().unwrap_or_default();
        match &self.entry {
            // A line of a secrets file is a secret as a whole.
            Some(entry) => {
                let line = format!("{} <hidden>", entry.names());
                let replaced = !self.new.starts_with(old);
                let mut lines = Vec::new();
                if replaced {
                    lines.push(format!("-{line}"));
                }
                lines.push(format!("+{line}"));
                lines
            }
            None => diff::lines(
                &String::from_utf8_lossy(old),
                &String::from_utf8_lossy(&self.new),
            ),
        }
    }
}

//! Which files a script of pppd's means, on this system.
//!
//! pppd runs `/etc/ppp/ip-up`, and nothing else. The folder `ip-up.d` is the work of the `ip-up` of Debian's package ppp.
//! So where there is an `ip-up`, it is run and the folder is its own business; only where there is none, the folder is run
//! as Debian's `ip-up` would run it. Never both: each script of the folder would run twice.

use std::path::{Path, PathBuf};

use super::environment::set;
use super::{HooksSetup, Run, Script, wording};
use crate::log::LogLine;

/// The PATH that Debian's `ip-up` gives the folder.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Its names for the arguments, in their order. All are set, the missing ones to nothing.
const PPP_NAMES: [&str; 6] = [
    "PPP_IFACE",
    "PPP_TTY",
    "PPP_SPEED",
    "PPP_LOCAL",
    "PPP_REMOTE",
    "PPP_IPPARAM",
];

/// More files than this in a folder are not hooks.
const MAX_PARTS: usize = 256;

/// What stands at a path, with links followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// A regular file that can be executed.
    Program,
    /// Something else, or a file that cannot be executed: why not.
    NoProgram(String),
    /// A program that others than root could have written: how.
    Unsafe(String),
}

/// A look at the file system.
pub trait Look {
    /// What stands there.
    fn look(&self, path: &Path) -> Found;

    /// The names in a folder, in any order; `None` if there is no such folder. Names that are not UTF-8 may be left out.
    fn list(&self, folder: &Path) -> Option<Vec<String>>;
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The file.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}

/// What is to be done for a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be run one after the other, whatever comes of them.
    pub commands: Vec<Invocation>,
    /// What cannot be run.
    pub problems: Vec<LogLine>,
}

/// What `run` means on this system. Empty if scripts are switched off or there is none.
pub fn plan(setup: &HooksSetup, run: &Run, look: &impl Look) -> Plan {
    let mut plan = Plan::default();
    if !setup.enabled {
        return plan;
    }
    let configured = match run.script {
        Script::IpPreUp => setup.ip_pre_up.as_ref(),
        Script::IpUp => setup.ip_up.as_ref(),
        Script::IpDown => setup.ip_down.as_ref(),
        Script::AuthUp | Script::AuthDown => None,
    };
    if let Some(path) = configured {
        if !plan.add(run, path.clone(), look) {
            // pppd says nothing then. But whoever names a script wants it run.
            plan.problems
                .push(wording::cannot_execute(path, "No such file or directory"));
        }
        return plan;
    }
    let script = setup.ppp_dir.join(run.script.name());
    if !plan.add(run, script, look) && run.script.has_folder() {
        plan.add_folder(setup, run, look);
    }
    plan
}

impl Plan {
    /// Adds a file; false if there is none.
    fn add(&mut self, run: &Run, program: PathBuf, look: &impl Look) -> bool {
        match look.look(&program) {
            Found::Absent => return false,
            Found::Program => self.commands.push(Invocation {
                program,
                arguments: run.arguments.clone(),
                environment: run.environment.clone(),
            }),
            Found::NoProgram(why) | Found::Unsafe(why) => {
                self.problems.push(wording::cannot_execute(&program, &why));
            }
        }
        true
    }

    /// What Debian's script of that name would do, but for its log file and `pon quick`.
    fn add_folder(&mut self, setup: &HooksSetup, run: &Run, look: &impl Look) {
        let name = run.script.name();
        let run = Run {
            environment: debian_environment(run),
            ..run.clone()
        };
        // "This script can be used to override the .d files supplied by other packages."
        let local = setup.ppp_dir.join(format!("{name}.local"));
        if look.look(&local) == Found::Program {
            self.add(&run, local, look);
            return;
        }
        let run = Run {
            // run-parts is called with six arguments, whatever ip-up has got.
            arguments: PPP_NAMES
                .iter()
                .enumerate()
                .map(|(index, _)| run.arguments.get(index).cloned().unwrap_or_default())
                .collect(),
            ..run
        };
        let folder = setup.ppp_dir.join(format!("{name}.d"));
        let mut parts = look.list(&folder).unwrap_or_default();
        parts.retain(|part| is_part(part));
        parts.sort_unstable();
        if let Some(more) = parts.len().checked_sub(MAX_PARTS).filter(|more| *more > 0) {
            let why = format!("{MAX_PARTS} scripts are run at most; the last {more} are not");
            self.problems.push(wording::cannot_execute(&folder, &why));
        }
        parts.truncate(MAX_PARTS);
        for part in parts {
            let path = folder.join(part);
            match look.look(&path) {
                // run-parts passes over what cannot be executed, such as a folder or a script that was switched off.
                Found::Absent | Found::NoProgram(_) => {}
                Found::Program | Found::Unsafe(_) => {
                    self.add(&run, path, look);
                }
            }
        }
    }
}

/// The environment that Debian's script makes of pppd's.
fn debian_environment(run: &Run) -> Vec<(String, String)> {
    let mut environment = run.environment.clone();
    set(&mut environment, "PATH", PATH);
    for (index, name) in PPP_NAMES.into_iter().enumerate() {
        let value = run.arguments.get(index).map_or("", String::as_str);
        set(&mut environment, name, value);
    }
    let tty = run.arguments.get(1).map_or("", String::as_str);
    let base = tty.trim_end_matches('/').rsplit('/').next().unwrap_or(tty);
    set(&mut environment, "PPP_TTYNAME", base);
    environment
}

/// Names that run-parts(8) takes: no `foo.dpkg-old`, no `foo~`.
fn is_part(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

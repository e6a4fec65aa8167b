//! `uplinkd run`: the service in the foreground (spec I1).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::args::RunArguments;
use super::{complain, fail, runtime};
use crate::config::{self, Config, Severity};
use crate::daemon::{Control, Daemon, Options, logging};
use crate::io::harden;
use crate::io::signals::{Signal, Signals};
use crate::link::ExitStatus;
use crate::log::{Level, LogLine};

/// Runs the service until it ends.
pub(crate) fn run(arguments: &RunArguments) -> ExitStatus {
    if let Err(error) = harden::no_core_dumps() {
        return fail(
            ExitStatus::FATAL,
            &format!("core dumps cannot be switched off, and one would hold the password: {error}"),
        );
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(ExitStatus::FATAL, &format!("cannot start: {error}")),
    };
    // Before anything else that takes time: SIGTERM at any moment is a clean end (spec S5).
    let signals = {
        let _context = runtime.enter();
        Signals::new()
    };
    let signals = match signals {
        Ok(signals) => signals,
        Err(error) => {
            return fail(
                ExitStatus::FATAL,
                &format!("signals cannot be received: {error}"),
            );
        }
    };
    let config = match read_config(&arguments.config) {
        Ok(config) => config,
        Err(status) => return status,
    };
    logging::init(if arguments.verbose {
        Level::Trace
    } else {
        Level::Debug
    });
    for (what, dir) in [("state", &arguments.state_dir), ("run", &arguments.run_dir)] {
        if let Err(error) = fs::create_dir_all(dir) {
            return fail(
                ExitStatus::NO_PERMISSION,
                &format!(
                    "the {what} directory {} cannot be made: {error}; name another with --{what}-dir",
                    dir.display()
                ),
            );
        }
    }
    let pid_file = match PidFile::write(&arguments.run_dir, &config.interface) {
        Ok(pid_file) => Some(pid_file),
        // Not the end yet: what the other one holds, the tty or the interface, ends us with its own status, or is
        // waited for.
        Err(PidProblem::Taken { path, pid }) => {
            logging::emit(&LogLine::uplinkd(
                Level::Warning,
                format!(
                    "another uplinkd (pid {}) serves {} already, says {}, which is left to it; \
                     stop that one, or give this one another interface and --run-dir",
                    pid.trim(),
                    config.interface,
                    path.display()
                ),
            ));
            None
        }
        Err(PidProblem::Unwritable { path, error }) => {
            return fail(
                ExitStatus::NO_PERMISSION,
                &format!(
                    "the pid file {} cannot be written: {error}; name another directory with --run-dir",
                    path.display()
                ),
            );
        }
    };
    let options = Options {
        once: arguments.once,
        state_dir: arguments.state_dir.clone(),
        lock_dir: arguments.lock_dir.clone(),
    };
    let status = LocalSet::new().block_on(&runtime, serve(config, options, signals));
    // Nothing that is still running can hold us up.
    runtime.shutdown_background();
    drop(pid_file);
    status
}

async fn serve(config: Config, options: Options, mut signals: Signals) -> ExitStatus {
    let (sender, controls) = mpsc::channel(8);
    tokio::task::spawn_local(async move {
        loop {
            let control = match signals.next().await {
                Signal::Terminate(number) => Control::Stop(number),
                Signal::Reconnect => Control::Reconnect,
                Signal::Reload => {
                    logging::emit(&LogLine::uplinkd(
                        Level::Warning,
                        "SIGHUP: the configuration is read at the start only; restart to change it",
                    ));
                    continue;
                }
            };
            if sender.send(control).await.is_err() {
                return;
            }
        }
    });
    match Daemon::new(config, options, controls, Rc::new(())).await {
        Ok(daemon) => daemon.run().await,
        Err(end) => fail(end.exit_status(), &end.to_string()),
    }
}

/// Reads the configuration and prints every problem in it.
pub(crate) fn read_config(path: &Path) -> Result<Config, ExitStatus> {
    let name = path.display().to_string();
    let text = read_limited(path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "; name the file with --config FILE",
            io::ErrorKind::PermissionDenied => "; run as root, or make the file readable",
            _ => "",
        };
        fail(
            ExitStatus::CONFIGURATION,
            &format!("the configuration {name} cannot be read: {error}{advice}"),
        )
    })?;
    let (config, diagnostics) = config::read(&name, &text);
    for diagnostic in &diagnostics {
        complain(diagnostic.render());
    }
    let errors = diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .count();
    match config {
        Some(config) if errors == 0 => Ok(config),
        _ => Err(fail(
            ExitStatus::CONFIGURATION,
            &format!(
                "{name}: {errors} {}; nothing was started",
                if errors == 1 { "error" } else { "errors" }
            ),
        )),
    }
}

/// The file, or as much of it as shows that it is too large: `--config /dev/zero` must not fill the memory.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(READ_LIMIT).read_to_end(&mut text)?;
    Ok(text)
}

/// One byte more than [`config::read`] accepts.
const READ_LIMIT: u64 = 1024 * 1024 + 1;

/// `RUN_DIR/IFNAME.pid`, locked while we run and removed at the end.
struct PidFile {
    path: PathBuf,
    file: File,
}

enum PidProblem {
    /// Another uplinkd holds it; its number, if it can be read.
    Taken { path: PathBuf, pid: String },
    /// It cannot be written.
    Unwritable { path: PathBuf, error: io::Error },
}

impl PidFile {
    fn write(run_dir: &Path, interface: &str) -> Result<Self, PidProblem> {
        let path = run_dir.join(format!("{interface}.pid"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let unwritable = |error| PidProblem::Unwritable {
            path: path.clone(),
            error,
        };
        let mut file = file.map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.take(16).read_to_string(&mut pid);
                return Err(PidProblem::Taken { path, pid });
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        file.set_len(0).map_err(unwritable)?;
        writeln!(file, "{}", std::process::id()).map_err(unwritable)?;
        Ok(Self { path, file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A pid file that stays behind is not locked any more: harmless.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_one_daemons_and_goes_with_it() {
        let dir = std::env::temp_dir().join(format!("uplinkd-pid-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("ppp7.pid");
        // Left by a longer number that was killed.
        fs::write(&path, "123456789012\n").unwrap();
        let first = PidFile::write(&dir, "ppp7").ok().unwrap();
        let own = format!("{}\n", std::process::id());
        assert_eq!(fs::read_to_string(&path).unwrap(), own);
        let second = PidFile::write(&dir, "ppp7");
        assert!(matches!(second, Err(PidProblem::Taken { pid, .. }) if pid == own));
        drop(first);
        assert!(!path.exists());
        drop(PidFile::write(&dir, "ppp7").ok().unwrap());
        fs::remove_dir(&dir).unwrap();
    }
}

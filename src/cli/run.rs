//! `uplinkd run`: the service in the foreground (spec I1).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::args::RunArguments;
use super::reading::{self, read_config};
use super::{fail, runtime};
use crate::config::Config;
use crate::daemon::control::{self, Handles, Reload, ReloadOutcome};
use crate::daemon::reload::ReadAgain;
use crate::daemon::{Control, Daemon, Options, logging};
use crate::io::control_socket::{self, ControlSocket, SocketProblem};
use crate::io::harden;
use crate::io::notify::Notifier;
use crate::io::reset::Roots;
use crate::io::signals::{Signal, Signals};
use crate::io::started_by;
use crate::io::tun::Tun;
use crate::link::{ExitStatus, LinkEnd};
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
    let (config, profiles) =
        match read_config(&arguments.config, &arguments.ppp_dir, "nothing was started") {
            Ok(read) => read,
            Err(status) => return status,
        };
    let again = (arguments.config.clone(), arguments.ppp_dir.clone());
    let read_again = Box::new(move || reading::read_again(&again.0, &again.1));
    logging::init(if arguments.verbose {
        Level::Trace
    } else {
        Level::Debug
    });
    if let Some(unit) = &arguments.path_unit
        && !config.start
        && started_by::path_unit(unit)
    {
        return not_wanted(&arguments.config, unit);
    }
    // Better now, with an exit status that `systemctl start` shows, than after the first dial.
    if let Err(problem) = Tun::check() {
        let end = LinkEnd::Network(problem);
        return fail(end.exit_status(), &format!("{end}; {}", end.advice()));
    }
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
        ppp_dir: arguments.ppp_dir.clone(),
        resolv_conf: arguments.resolv_conf.clone(),
        // Our own pid file has that name there, and is as good.
        script_host: arguments.script_host.clone(),
        pid_dir: (arguments.pid_dir != arguments.run_dir).then(|| arguments.pid_dir.clone()),
        // Spec I1: `--once` writes no CONNECT_OK.
        config_file: (!arguments.once).then(|| arguments.config.clone()),
        roots: Roots {
            sys: arguments.sys_dir.clone(),
            dev: arguments.dev_dir.clone(),
        },
        profiles,
    };
    let socket = match pid_file {
        Some(_) => open_control_socket(&runtime, &arguments.run_dir, &config),
        // The other one has it.
        None => None,
    };
    let status = LocalSet::new().block_on(
        &runtime,
        serve(config, options, read_again, signals, socket),
    );
    // Nothing that is still running can hold us up.
    runtime.shutdown_background();
    drop(pid_file);
    status
}

/// START=no, and nobody but a path unit has started us (spec C1).
fn not_wanted(config: &Path, unit: &str) -> ExitStatus {
    let sentence = format!(
        "START=no in {}: {unit} does not bring the link up; systemctl start ppp.service does all the same",
        config.display()
    );
    logging::emit(&LogLine::uplinkd(Level::Notice, sentence.clone()));
    let mut notifier = Notifier::from_environment();
    notifier.status(|| sentence);
    // For systemd, a service that ends before it is ready has failed.
    notifier.ready();
    ExitStatus::DONE
}

/// A reload that systemd is told of.
struct Announced(Rc<dyn Reload>);

impl Reload for Announced {
    fn reload(&self) -> ReloadOutcome {
        let notifier = Notifier::from_environment();
        notifier.reloading();
        let outcome = self.0.reload();
        notifier.ready();
        outcome
    }
}

/// The control socket. Without one the link is as good; only `uplinkd status` does not work then.
fn open_control_socket(
    runtime: &Runtime,
    run_dir: &Path,
    config: &Config,
) -> Option<ControlSocket> {
    let _context = runtime.enter();
    let path = control_socket::path(run_dir, &config.interface);
    let group = config.control_group.as_deref();
    let opened = ControlSocket::open(&path, group).or_else(|problem| match group {
        // Root at least can ask.
        Some(_) => {
            complain_of_socket(&problem);
            ControlSocket::open(&path, None)
        }
        None => Err(problem),
    });
    opened.inspect_err(complain_of_socket).ok()
}

fn complain_of_socket(problem: &SocketProblem) {
    logging::emit(&LogLine::uplinkd(
        Level::Warning,
        format!("the control socket cannot be made as configured: {problem}"),
    ));
}

async fn serve(
    config: Config,
    options: Options,
    read_again: ReadAgain,
    mut signals: Signals,
    socket: Option<ControlSocket>,
) -> ExitStatus {
    let (sender, controls) = mpsc::channel(8);
    let control_sender = sender.clone();
    let daemon = match Daemon::new(config, options, controls, Rc::new(())).await {
        Ok(daemon) => daemon.with_notifier(Notifier::from_environment()),
        Err(end) => return fail(end.exit_status(), &end.to_string()),
    };
    let reload: Rc<dyn Reload> = Rc::new(Announced(daemon.reloader(read_again)));
    let reload_by_signal = Rc::clone(&reload);
    tokio::task::spawn_local(async move {
        loop {
            let control = match signals.next().await {
                Signal::Terminate(number) => Control::Stop(number),
                Signal::Reconnect => Control::Reconnect,
                Signal::Reload => {
                    let (level, text) = match reload_by_signal.reload() {
                        ReloadOutcome::Done(message) => (Level::Notice, message),
                        ReloadOutcome::Refused(why) => (Level::Warning, why),
                    };
                    logging::emit(&LogLine::uplinkd(level, format!("SIGHUP: {text}")));
                    continue;
                }
            };
            if sender.send(control).await.is_err() {
                return;
            }
        }
    });
    let server = socket.map(|socket| {
        let handles = Handles {
            sources: daemon.sources(),
            controls: control_sender,
            reload,
            at: daemon.at_requests(),
        };
        tokio::task::spawn_local(control::serve(socket, handles))
    });
    let status = daemon.run().await;
    if let Some(server) = server {
        // It takes the socket away.
        server.abort();
        let _ = server.await;
    }
    status
}

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

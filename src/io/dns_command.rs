//! Programs that are told of the link's servers: run as children, with a time-out.
//!
//! From inside a sandbox they are run by the host of scripts, outside of it: [`run_by`].

use std::ffi::OsStr;
use std::fmt::Display;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::script_host::{Script, ScriptHost};

/// How long one may take. They answer in milliseconds; `resolvconf` waits 10 s for its own lock.
const PATIENCE: Duration = Duration::from_secs(15);

/// What it has said is read this long after its end, if somebody else holds the pipe.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// So much of what it says is kept.
const MAX_SAID: usize = 4096;

/// Where programs are looked for beside PATH: a service may have none of the `sbin`.
const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
];

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsCommand {
    /// The program's path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it reads from its standard input: a few lines at most.
    pub input: String,
}

/// Why it has not done its work, as the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandProblem {
    /// It could not be started.
    #[error("cannot be started: {0}")]
    NotStarted(String),
    /// It has ended so.
    #[error("ended with {status}{}", .said.as_deref().map(|said| format!(": {said}")).unwrap_or_default())]
    Failed {
        /// Its status, in words.
        status: String,
        /// The last line of what it has said.
        said: Option<String>,
    },
    /// It has taken too long, and was killed.
    #[error("took longer than {} s and was killed", .0.as_secs())]
    TooSlow(Duration),
}

/// Runs a command to its end.
///
/// # Errors
///
/// [`CommandProblem`].
pub async fn run(command: &DnsCommand) -> Result<(), CommandProblem> {
    run_within(command, PATIENCE).await
}

/// The same, outside of our sandbox.
///
/// # Errors
///
/// [`CommandProblem`].
pub async fn run_by(host: &ScriptHost, command: &DnsCommand) -> Result<(), CommandProblem> {
    timeout(PATIENCE, run_hosted(host, command))
        .await
        .unwrap_or(Err(CommandProblem::TooSlow(PATIENCE)))
}

async fn run_hosted(host: &ScriptHost, command: &DnsCommand) -> Result<(), CommandProblem> {
    let not_started = |error: &dyn Display| CommandProblem::NotStarted(error.to_string());
    let (reader, writer) = io::pipe().map_err(|error| not_started(&error))?;
    let output =
        pipe::Receiver::from_owned_fd(reader.into()).map_err(|error| not_started(&error))?;
    let (input, mut given) = io::pipe().map_err(|error| not_started(&error))?;
    // A pipe takes much more than this before anybody reads it.
    io::Write::write_all(&mut given, command.input.as_bytes())
        .map_err(|error| not_started(&error))?;
    drop(given);
    let script = Script {
        program: command.program.clone(),
        arguments: command.arguments.clone(),
        environment: vec![("PATH".to_owned(), FOLDERS.join(":"))],
    };
    // Dropped, it is ended.
    let mut running = host
        .start(&script, writer.into(), Some(input.into()))
        .await
        .map_err(|problem| not_started(&problem))?;
    let mut said = Vec::new();
    let status = until_ended(running.ended(), Some(output), &mut said).await;
    let status = status.map_err(|problem| not_started(&problem))?;
    judge(ExitStatus::from_raw(status), &said)
}

/// Reads what is said until the end of the one that says it. Not to the end of `output`: what it has left running, such as
/// a name server that was restarted, may hold that for ever.
async fn until_ended<T>(
    ended: impl Future<Output = T>,
    output: Option<impl AsyncRead + Unpin>,
    said: &mut Vec<u8>,
) -> T {
    let mut ended = pin!(ended);
    let mut listening = pin!(listen(output, said));
    tokio::select! {
        end = &mut ended => {
            let _ = timeout(LAST_WORDS, listening).await;
            end
        }
        () = &mut listening => ended.await,
    }
}

/// The path of a program, by PATH and the usual folders.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(name, &path)
}

/// Whether a file is there that can be executed.
pub fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}

fn find_in(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .chain(FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

async fn run_within(command: &DnsCommand, patience: Duration) -> Result<(), CommandProblem> {
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| CommandProblem::NotStarted(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it, and has ended, says by its status what it thinks.
        let _ = timeout(patience, stdin.write_all(command.input.as_bytes())).await;
    }
    match timeout(patience, finish(&mut child)).await {
        Ok(result) => result,
        Err(_) => {
            kill_group(&child);
            // Reaped here; killed, it ends at once.
            let _ = timeout(Duration::from_secs(1), child.wait()).await;
            Err(CommandProblem::TooSlow(patience))
        }
    }
}

async fn finish(child: &mut Child) -> Result<(), CommandProblem> {
    let mut said = Vec::new();
    let stderr = child.stderr.take();
    let status = until_ended(child.wait(), stderr, &mut said).await;
    let status = status.map_err(|error| CommandProblem::NotStarted(error.to_string()))?;
    judge(status, &said)
}

fn judge(status: ExitStatus, said: &[u8]) -> Result<(), CommandProblem> {
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said);
    Err(CommandProblem::Failed {
        status: status.to_string(),
        said: said
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .map(str::to_owned),
    })
}

/// Takes what it says to the end, so that it is never stopped by it, and keeps the beginning.
async fn listen(output: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    let Some(mut output) = output else {
        return;
    };
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = output.read(&mut chunk).await {
        let room = MAX_SAID.saturating_sub(said.len());
        said.extend(chunk.iter().take(count.min(room)));
    }
}

/// The program and what it has started.
fn kill_group(child: &Child) {
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> DnsCommand {
        DnsCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            input: String::new(),
        }
    }

    fn in_runtime<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn n3_a_program_runs_in_the_root_folder_and_has_its_input() {
        let command = shell("test \"$(cat)\" = '' && test \"$PWD\" = /");
        assert_eq!(in_runtime(run(&command)), Ok(()));
        let command = DnsCommand {
            input: "nameserver 192.0.2.53\n".to_owned(),
            ..shell("test \"$(cat)\" = 'nameserver 192.0.2.53'")
        };
        assert_eq!(in_runtime(run(&command)), Ok(()));
    }

    #[test]
    fn n3_a_failure_is_told_with_the_programs_last_words() {
        let failed = in_runtime(run(&shell(
            "echo one >&2; echo ' two ' >&2; echo >&2; exit 3",
        )));
        let text = failed.unwrap_err().to_string();
        assert_eq!(text, "ended with exit status: 3: two");
        let text = in_runtime(run(&shell("exit 1"))).unwrap_err().to_string();
        assert_eq!(text, "ended with exit status: 1");
        let nothing = DnsCommand {
            program: "/nonexistent/resolvectl".into(),
            ..shell("")
        };
        assert!(matches!(
            in_runtime(run(&nothing)),
            Err(CommandProblem::NotStarted(_))
        ));
    }

    #[test]
    fn n3_a_program_that_hangs_is_killed_with_its_children() {
        let patience = Duration::from_millis(200);
        // The child of the shell keeps the pipe of the words open.
        let script = shell("sleep 60 & sleep 60");
        let slow = in_runtime(async {
            timeout(Duration::from_secs(10), run_within(&script, patience)).await
        });
        assert_eq!(slow, Ok(Err(CommandProblem::TooSlow(patience))));
    }

    #[test]
    fn n3_what_a_program_leaves_running_is_neither_waited_for_nor_killed() {
        let dir = crate::io::testing::TestDir::new();
        let (gate, proof) = (dir.join("gate"), dir.join("lives"));
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &gate, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        // It lives until something comes through the gate.
        let script = format!("cat {} > {} & exit 0", gate.display(), proof.display());
        assert_eq!(in_runtime(run(&shell(&script))), Ok(()));
        std::fs::write(&gate, "alive").unwrap();
        while std::fs::read(&proof).unwrap_or_default() != b"alive" {
            std::thread::yield_now();
        }
        let failed = in_runtime(run(&shell("echo words >&2; sleep 0.5 & exit 3")));
        let text = failed.unwrap_err().to_string();
        assert_eq!(text, "ended with exit status: 3: words");
    }

    #[test]
    fn n3_a_program_that_says_a_lot_is_not_stopped_by_that() {
        let script = "i=0; while [ $i -lt 9000 ]; do echo $i >&2; i=$((i+1)); done; exit 0";
        assert_eq!(in_runtime(run(&shell(script))), Ok(()));
    }

    #[test]
    fn n3_a_program_that_talks_without_end_is_killed_too() {
        let patience = Duration::from_millis(500);
        let result = in_runtime(run_within(
            &shell("while :; do echo words >&2; done"),
            patience,
        ));
        assert!(result.is_err(), "{result:?}");
    }

    #[test]
    fn n3_programs_are_found_by_path_and_in_the_usual_folders() {
        let dir = crate::io::testing::TestDir::new();
        let script = dir.join("ls");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        let found = find_in("ls", dir.path().as_os_str());
        assert_ne!(
            found.as_deref(),
            Some(script.as_path()),
            "it cannot be executed"
        );
        assert!(found.is_some());
        make_executable(&script);
        assert_eq!(find_in("ls", dir.path().as_os_str()), Some(script));
        assert_eq!(find_in("no-such-program", OsStr::new("")), None);
    }

    fn make_executable(path: &Path) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

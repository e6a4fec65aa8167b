//! The host: starts what the daemon asks for.
//!
//! systemd gives it its socket (sd_listen_fds(3)) when the first script is due, so that a site without scripts has no
//! second process.

use std::env;
use std::io::{self, ErrorKind, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, geteuid, getpid, kill_process_group};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Answer, Lines, MAX_LINE, Order, Script, to_line, trust};

/// The first descriptor that systemd passes (sd_listen_fds(3)).
const FIRST_DESCRIPTOR: i32 = 3;

/// A request is written at once; whoever needs longer does not speak the language.
const PATIENCE: Duration = Duration::from_secs(5);

/// Output and input.
const MAX_DESCRIPTORS: usize = 2;

/// Between SIGTERM and SIGKILL for a script that nobody waits for any more.
const GRACE: Duration = Duration::from_secs(5);

/// After an accept that failed, such as for want of descriptors.
const RESPITE: Duration = Duration::from_secs(1);

/// What may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Files below these folders.
    pub folders: Vec<PathBuf>,
    /// Our own program, with one of these words as its first argument.
    pub own: Option<(PathBuf, &'static [&'static str])>,
}

/// The socket that systemd has passed.
///
/// # Errors
/// If there is none, or it cannot be used.
pub fn passed_socket() -> io::Result<UnixListener> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let own = number("LISTEN_PID") == Some(getpid().as_raw_nonzero().get());
    if !own || number("LISTEN_FDS") != Some(1) {
        let what = "systemd has passed no socket: this is started by uplinkd-scripts@.socket only";
        return Err(io::Error::new(ErrorKind::NotFound, what));
    }
    // SAFETY: the two variables say that systemd has opened this descriptor for us, and nobody else here takes it: this
    // is called once, before anything else is opened.
    let listener = StdListener::from(unsafe { OwnedFd::from_raw_fd(FIRST_DESCRIPTOR) });
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::CLOEXEC)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Serves the daemon, for ever. Must run on a `LocalSet`.
pub async fn serve(listener: UnixListener, allowed: Allowed) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let allowed = allowed.clone();
                tokio::task::spawn_local(async move {
                    // The daemon has gone: nobody is left to be told.
                    let _ = one(stream, &allowed).await;
                });
            }
            Err(_) => tokio::time::sleep(RESPITE).await,
        }
    }
}

/// One script.
async fn one(stream: UnixStream, allowed: &Allowed) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != geteuid().as_raw() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let received = timeout(PATIENCE, receive(&stream)).await;
    let (script, descriptors) = received.map_err(|_| ErrorKind::TimedOut)??;
    let (lines, mut answers) = stream.into_split();
    let mut child = match start(&script, descriptors, allowed) {
        Ok(child) => child,
        Err(why) => return answers.write_all(&to_line(&Answer::Refused(why))?).await,
    };
    let group = Group::of(&child);
    let pid = group.0.map_or(0, |pid| pid.as_raw_nonzero().get());
    let mut lines = Lines::new(lines);
    let told = answers.write_all(&to_line(&Answer::Started(pid))?).await;
    let mut listening = told.is_ok();
    while listening {
        tokio::select! {
            biased;
            status = child.wait() => {
                let status = status?.into_raw();
                return answers.write_all(&to_line(&Answer::Ended(status))?).await;
            }
            order = lines.next::<Order>() => match order {
                Ok(Order::Signal(number)) => group.signal(number),
                Err(_) => listening = false,
            },
        }
    }
    // Nobody waits for it any more: the daemon has given up, or has gone.
    group.signal(Signal::TERM.as_raw());
    if timeout(GRACE, child.wait()).await.is_err() {
        group.signal(Signal::KILL.as_raw());
        child.wait().await?;
    }
    Ok(())
}

/// What comes with the first octet of a request.
struct Descriptors {
    output: OwnedFd,
    input: Option<OwnedFd>,
}

/// The request and its descriptors.
async fn receive(stream: &UnixStream) -> io::Result<(Script, Descriptors)> {
    let mut line = Vec::new();
    let mut received_descriptors = Vec::new();
    let mut chunk = vec![0; MAX_LINE];
    while line.last() != Some(&b'\n') {
        stream.readable().await?;
        let received = stream.try_io(Interest::READABLE, || {
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut chunk)];
            let received = recvmsg(stream, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    received_descriptors.extend(descriptors);
                }
            }
            Ok(received.bytes)
        });
        let size = match received {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(size) => size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        line.extend(chunk.iter().take(size));
        if line.len() > MAX_LINE || received_descriptors.len() > MAX_DESCRIPTORS {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    let mut descriptors = received_descriptors.into_iter();
    let descriptors = Descriptors {
        output: descriptors.next().ok_or(ErrorKind::InvalidData)?,
        input: descriptors.next(),
    };
    Ok((serde_json::from_slice(&line)?, descriptors))
}

fn start(script: &Script, descriptors: Descriptors, allowed: &Allowed) -> Result<Child, String> {
    let file = if allowed.is_own(script) {
        script.program.clone()
    } else {
        trust::check(&script.program, &allowed.folders)?
    };
    let Descriptors { output, input } = descriptors;
    let errors = output.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(file);
    command
        // A link such as `ip-down -> ip-up` is told apart by its name.
        .arg0(&script.program)
        .args(&script.arguments)
        .env_clear()
        .envs(script.environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(input.map_or_else(Stdio::null, Stdio::from))
        .stdout(output)
        .stderr(errors);
    // SAFETY: both are plain system calls, which are allowed between fork and exec, and touch no memory of ours.
    unsafe {
        command.pre_exec(|| {
            // As pppd has it. A child that was just forked leads no process group, so this cannot fail.
            rustix::process::umask(Mode::from_raw_mode(0o077));
            let _ = rustix::process::setsid();
            Ok(())
        });
    }
    command
        .spawn()
        .map_err(|error| format!("{}: {error}", script.program.display()))
}

impl Allowed {
    fn is_own(&self, script: &Script) -> bool {
        let Some((program, words)) = &self.own else {
            return false;
        };
        let word = script.arguments.first().map(String::as_str);
        same(program, &script.program) && word.is_some_and(|word| words.contains(&word))
    }
}

/// A program that was replaced while it runs is shown with this at its end (proc(5)).
fn same(own: &Path, asked: &Path) -> bool {
    let own = own.to_string_lossy();
    Path::new(own.trim_end_matches(" (deleted)")) == asked
}

/// A script and its children.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        Self(pid.and_then(Pid::from_raw))
    }

    fn signal(&self, number: i32) {
        if let (Some(group), Some(signal)) = (self.0, Signal::from_named_raw(number)) {
            // It may have ended.
            let _ = kill_process_group(group, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;

    use tokio::task::LocalSet;

    use super::*;
    use crate::io::script_host::{HostProblem, ScriptHost};
    use crate::io::testing::TestDir;

    struct Site {
        dir: TestDir,
        host: ScriptHost,
    }

    impl Site {
        /// Must be called on a `LocalSet`.
        fn new(own: Option<(PathBuf, &'static [&'static str])>) -> Self {
            let dir = TestDir::new();
            let socket = dir.join("scripts");
            let listener = UnixListener::bind(&socket).unwrap();
            let folders = vec![dir.join("ppp")];
            fs::create_dir(&folders[0]).unwrap();
            tokio::task::spawn_local(serve(listener, Allowed { folders, own }));
            let host = ScriptHost::new(&socket);
            Self { dir, host }
        }

        fn script(&self, text: &str) -> Script {
            let program = self.dir.join("ppp/ip-up");
            fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
            Script {
                program,
                arguments: ["ppp0", "/dev/ttyUSB0", "", "10.0.0.1"]
                    .map(str::to_owned)
                    .to_vec(),
                environment: vec![("DNS1".to_owned(), "192.0.2.1".to_owned())],
            }
        }
    }

    async fn run(site: &Site, script: &Script) -> (i32, String) {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut running = site.host.start(script, writer.into(), None).await.unwrap();
        let status = running.ended().await.unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (status, text)
    }

    fn on_local_set(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, async {
            timeout(Duration::from_secs(20), test).await.unwrap();
        });
    }

    #[test]
    fn runs_a_script_with_its_own_environment_only() {
        on_local_set(async {
            let site = Site::new(None);
            let script = site
                .script("pwd; echo \"$#:$3:$4:$DNS1\"; echo late >&2; echo ${HOME-none}; exit 3");
            let (status, text) = run(&site, &script).await;
            assert_eq!(status, 3 << 8);
            assert_eq!(text, "/\n4::10.0.0.1:192.0.2.1\nlate\nnone\n");
        });
    }

    #[test]
    fn a_script_reads_what_it_is_given() {
        on_local_set(async {
            let site = Site::new(None);
            let script = site.script("cat; umask");
            let (mut reader, writer) = io::pipe().unwrap();
            let (input, mut given) = io::pipe().unwrap();
            given.write_all(b"nameserver 192.0.2.1\n").unwrap();
            drop(given);
            let started = site.host.start(&script, writer.into(), Some(input.into()));
            let mut running = started.await.unwrap();
            assert_eq!(running.ended().await.unwrap(), 0);
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "nameserver 192.0.2.1\n0077\n");
        });
    }

    #[test]
    fn tells_the_process_number_and_a_signal() {
        on_local_set(async {
            let site = Site::new(None);
            let script = site.script("echo $$; sleep 30");
            let (mut reader, writer) = io::pipe().unwrap();
            let mut running = site.host.start(&script, writer.into(), None).await.unwrap();
            let mut text = [0; 32];
            let size = reader.read(&mut text).unwrap();
            let printed = std::str::from_utf8(&text[..size]).unwrap();
            assert_eq!(printed.trim(), running.pid().to_string());
            // A wait that is given up loses nothing.
            let _ = timeout(Duration::from_millis(10), running.ended()).await;
            running.signal(Signal::TERM.as_raw());
            assert_eq!(running.ended().await.unwrap(), Signal::TERM.as_raw());
        });
    }

    #[test]
    fn a_script_that_nobody_waits_for_is_ended_with_its_children() {
        on_local_set(async {
            let site = Site::new(None);
            let script = site.script("sleep 30 & echo begun; wait");
            let (mut reader, writer) = io::pipe().unwrap();
            let running = site.host.start(&script, writer.into(), None).await.unwrap();
            reader.read_exact(&mut [0; 6]).unwrap();
            drop(running);
            // The pipe has its end when the last of them has gone.
            let read = tokio::task::spawn_blocking(move || reader.read(&mut [0; 1]).unwrap());
            assert_eq!(read.await.unwrap(), 0);
        });
    }

    #[test]
    fn what_a_script_leaves_behind_lives_on() {
        on_local_set(async {
            let site = Site::new(None);
            let script = site.script("sleep 2 >/dev/null 2>&1 & echo $!");
            let (status, text) = run(&site, &script).await;
            assert_eq!(status, 0);
            let pid = text.trim().parse().unwrap();
            assert!(crate::io::process::is_alive(pid));
        });
    }

    #[test]
    fn refuses_what_is_elsewhere() {
        on_local_set(async {
            let own = PathBuf::from("/bin/echo");
            let site = Site::new(Some((own.clone(), &["dns"])));
            let refused = async |program: &str, arguments: &[&str]| {
                let script = Script {
                    program: program.into(),
                    arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
                    environment: Vec::new(),
                };
                let (_, writer) = io::pipe().unwrap();
                match site.host.start(&script, writer.into(), None).await {
                    Err(HostProblem::Refused(why)) => why,
                    other => panic!("{other:?}"),
                }
            };
            assert!(
                refused("/bin/sh", &["-c", "id"])
                    .await
                    .contains("is not in")
            );
            assert!(refused("/bin/echo", &["run"]).await.contains("is not in"));
            assert!(refused("/bin/echo", &[]).await.contains("is not in"));
            let allowed = Script {
                program: own,
                arguments: vec!["dns".to_owned(), "up".to_owned()],
                environment: Vec::new(),
            };
            assert_eq!(run(&site, &allowed).await, (0, "dns up\n".to_owned()));
            let broken = site.script("");
            fs::set_permissions(&broken.program, PermissionsExt::from_mode(0o644)).unwrap();
            let path = broken.program.to_str().unwrap();
            assert!(!refused(path, &[]).await.is_empty());
        });
    }

    #[test]
    fn nonsense_on_the_socket_hurts_nobody() {
        on_local_set(async {
            let site = Site::new(None);
            for nonsense in [&b"\n"[..], b"{}\n", &[b'x'; 2 * MAX_LINE]] {
                let mut stream = UnixStream::connect(site.dir.join("scripts")).await.unwrap();
                let _ = stream.write_all(nonsense).await;
                let mut answer = Vec::new();
                let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
                assert_eq!(answer, b"");
            }
            let script = site.script("exit 0");
            assert_eq!(run(&site, &script).await, (0, String::new()));
        });
    }

    #[test]
    fn without_a_host_it_is_said_where_it_should_be() {
        on_local_set(async {
            let host = ScriptHost::new(Path::new("/nowhere/scripts"));
            let script = Script {
                program: "/etc/ppp/ip-up".into(),
                arguments: Vec::new(),
                environment: Vec::new(),
            };
            let (_, writer) = io::pipe().unwrap();
            let problem = host.start(&script, writer.into(), None).await.unwrap_err();
            assert!(problem.to_string().contains("/nowhere/scripts"));
        });
    }

    #[test]
    fn a_program_that_was_replaced_is_still_ours() {
        let own = Path::new("/usr/local/bin/uplinkd (deleted)");
        assert!(same(own, Path::new("/usr/local/bin/uplinkd")));
        assert!(!same(own, Path::new("/usr/local/bin/uplink")));
    }
}

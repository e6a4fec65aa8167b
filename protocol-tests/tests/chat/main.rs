//! F2, I7: `uplinkd chat` against Debian's chat(8), on ptys: what is sent, what is left unread, the exit status, and what
//! is said with `-v -s`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

mod cases;
mod generated;
mod rig;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use protocol_tests::clock::{Deadline, wait_until};
use protocol_tests::require;
use protocol_tests::require::Need;
use protocol_tests::temp::TempDir;
use rig::{Case, Outcome, Whose, describe, pty, run, start};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{InputModes, OptionalActions, tcgetattr, tcsetattr};

const CHAT: &[Need] = &[Need::Program("chat", "ppp")];

/// Most cases wait for a timeout, and cost nothing meanwhile.
const AT_ONCE: usize = 64;

/// A machine that is busy may be late once.
const TRIES: usize = 3;

fn both(case: &Case, index: usize, dir: &TempDir) -> (Outcome, Outcome) {
    let script = rig::script_path(dir, case, index);
    thread::scope(|scope| {
        let theirs = scope.spawn(|| run(Whose::Debians, case, &script));
        let ours = run(Whose::Ours, case, &script);
        (theirs.join().unwrap(), ours)
    })
}

/// Runs all, and gives those that `judge` has something to say about, also when they are tried again.
fn judge_all(
    cases: &[Case],
    dir: &TempDir,
    judge: impl Fn(usize, Outcome, Outcome) -> Option<String> + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let each = |index: usize| {
        let (theirs, ours) = both(&cases[index], index, dir);
        judge(index, theirs, ours)
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= cases.len() {
                        break;
                    }
                    if each(index).is_some() {
                        found.lock().unwrap().push(index);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    found
        .into_iter()
        .filter_map(|index| {
            (1..TRIES)
                .map(|_| each(index))
                .find(Option::is_none)
                .unwrap_or_else(|| each(index))
        })
        .collect()
}

fn compare(cases: &[Case], dir: &TempDir) {
    let problems = judge_all(cases, dir, |index, theirs, ours| {
        let case = &cases[index];
        (theirs != ours).then(|| {
            format!(
                "{}: {case:?}\n  chat: {theirs:?}\n  ours: {ours:?}",
                case.name
            )
        })
    });
    assert!(
        problems.is_empty(),
        "{} differ:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

fn site() -> TempDir {
    let dir = TempDir::new("chat");
    dir.write("line", "ATI\\c\n");
    dir.write("plain", "AT\\sI");
    dir.write("two", "a\nb\n\n");
    dir.write("eot", "EOT\n");
    dir.write("empty", "");
    dir
}

#[test]
fn f2_each_sentence_of_the_manual_holds_for_both() {
    require!(CHAT);
    let dir = site();
    let cases = cases::alike(dir.path().to_str().unwrap());
    assert!(cases.len() > 200, "{}", cases.len());
    compare(&cases, &dir);
}

#[test]
fn f2_generated_scripts_run_alike() {
    require!(CHAT);
    let dir = site();
    compare(&generated::cases(0x5eed, 300), &dir);
}

#[test]
fn f2_what_differs_is_meant_to() {
    require!(CHAT);
    let dir = site();
    let deviations = cases::deviations();
    let cases: Vec<Case> = deviations
        .iter()
        .map(|deviation| deviation.case.clone())
        .collect();
    let problems = judge_all(&cases, &dir, |index, theirs, ours| {
        let deviation = &deviations[index];
        let holds = theirs.status == deviation.theirs && ours.status == deviation.ours;
        (!holds).then(|| {
            format!(
                "{} ({}):\n  chat: {theirs:?}\n  ours: {ours:?}",
                deviation.case.name, deviation.why
            )
        })
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn i7_a_tty_is_set_alike_and_put_back_and_a_signal_ends_it() {
    require!(CHAT);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut seen = Vec::new();
        for whose in [Whose::Debians, Whose::Ours] {
            let (_master, slave) = pty();
            let mut termios = tcgetattr(&slave).unwrap();
            termios.input_modes |= InputModes::ICRNL | InputModes::IXON;
            tcsetattr(&slave, OptionalActions::Now, &termios).unwrap();
            let before = tcgetattr(&slave).unwrap();
            let mut command = whose.command();
            command.args(["-S", "OK"]);
            let mut child = start(command, &slave);
            let during = wait_until("the tty is set", Duration::from_secs(10), || {
                let now = tcgetattr(&slave).unwrap();
                now.input_modes.contains(InputModes::ISTRIP).then_some(now)
            });
            kill_process(Pid::from_child(&child), signal).unwrap();
            let status = describe(child.wait().unwrap());
            assert_eq!(status, "exit 2", "{whose:?} {signal:?}");
            let after = tcgetattr(&slave).unwrap();
            assert_eq!(format!("{after:?}"), format!("{before:?}"), "{whose:?}");
            let flags = rustix::fs::fcntl_getfl(&slave).unwrap();
            assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "{whose:?}");
            seen.push(format!("{during:?}"));
        }
        assert_eq!(seen[0], seen[1]);
    }
}

#[test]
fn i7_a_modem_that_goes_away_is_an_error_of_the_line() {
    require!(CHAT);
    for whose in [Whose::Debians, Whose::Ours] {
        let (master, slave) = pty();
        let mut command = whose.command();
        command.args(["-S", "OK", "x"]);
        let mut child = start(command, &slave);
        wait_until("the tty is set", Duration::from_secs(10), || {
            let now = tcgetattr(&slave).unwrap();
            now.input_modes.contains(InputModes::ISTRIP).then_some(())
        });
        drop((master, slave));
        assert_eq!(describe(child.wait().unwrap()), "exit 2", "{whose:?}");
    }
}

/// chat itself wants a tty; ours takes pipes and sockets, too, which helps in tests and with modems behind a network.
#[test]
fn i7_pipes_and_sockets_are_lines_too() {
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::Stdio;

    require!(CHAT);
    for (whose, expected) in [(Whose::Debians, "exit 2"), (Whose::Ours, "exit 0")] {
        let (mut near, far) = UnixStream::pair().unwrap();
        let mut command = whose.command();
        command
            .args(["-S", "ABORT", "ERROR", "", "AT\\c", "OK", "x\\c"])
            .stdin(Stdio::from(OwnedFd::from(far.try_clone().unwrap())))
            .stdout(Stdio::from(OwnedFd::from(far.try_clone().unwrap())));
        near.write_all(b"OKrest").unwrap();
        let status = command.status().unwrap();
        assert_eq!(describe(status), expected, "{whose:?}");
        let mut left = [0; 4];
        if whose == Whose::Ours {
            let mut rest = far;
            rest.read_exact(&mut left).unwrap();
            assert_eq!(&left, b"rest");
            let mut sent = [0; 3];
            near.read_exact(&mut sent).unwrap();
            assert_eq!(&sent, b"ATx");
        }
    }
    // An empty input is an end, not a wait.
    let deadline = Deadline::after(Duration::from_secs(10));
    let mut command = Whose::Ours.command();
    command
        .args(["-S", "OK"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    assert_eq!(describe(command.status().unwrap()), "exit 3");
    assert!(!deadline.passed());
}

#[test]
fn i7_reports_go_to_a_file() {
    require!(CHAT);
    let dir = site();
    let mut texts = Vec::new();
    for whose in [Whose::Debians, Whose::Ours] {
        let path = dir.join("report");
        let (master, slave) = pty();
        rustix::io::write(&master, b"CONNECT 9600\r\n").unwrap();
        let mut command = whose.command();
        command.args(["-S", "-v", "-r"]).arg(&path);
        command.args(["REPORT", "CONNECT", "9600\\r", "x\\c"]);
        assert_eq!(describe(start(command, &slave).wait().unwrap()), "exit 0");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[1].starts_with("chat:  ") && lines[1].ends_with(" CONNECT 9600"),
            "{text}"
        );
        // `Nov 25 03:38:44`: as long in both.
        texts.push((lines[0].clone(), lines[1].len(), lines[2].clone()));
    }
    assert_eq!(texts[0], texts[1]);
}

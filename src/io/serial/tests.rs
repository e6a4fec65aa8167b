use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use rustix::termios::LocalModes;

use super::*;
use crate::io::pty::Pty;
use crate::io::testing::TestDir;

const SETTINGS: PortSettings = PortSettings {
    speed: 460_800,
    rtscts: true,
    modem_lines: true,
};

/// A pty that is not raw, so that settings can be seen to come back, and a descriptor to look
/// at them: it must be there before a port makes the tty its own.
fn cooked_pty() -> (Pty, OwnedFd) {
    let pty = Pty::open().unwrap();
    let fd = open_tty(pty.path()).unwrap();
    let mut termios = tcgetattr(&fd).unwrap();
    termios.local_modes |= LocalModes::ICANON | LocalModes::ISIG;
    termios.set_speed(9600).unwrap();
    tcsetattr(&fd, OptionalActions::Now, &termios).unwrap();
    (pty, fd)
}

#[tokio::test]
async fn reads_and_writes_in_one_select() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let port = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let (mut sent, mut received) = (0, Vec::new());
    let mut buf = [0; 4096];
    let mut echo = Vec::new();
    let mut echo_buf = [0; 4096];
    while received.len() < all.len() {
        tokio::select! {
            n = port.write(&all[sent..]), if sent < all.len() => sent += n.unwrap(),
            n = port.read(&mut buf) => received.extend_from_slice(&buf[..n.unwrap()]),
            n = pty.read(&mut echo_buf), if echo.is_empty() => {
                echo.extend_from_slice(&echo_buf[..n.unwrap()]);
            }
            n = pty.write(&echo), if !echo.is_empty() => { echo.drain(..n.unwrap()); }
        }
    }
    assert!(received == all, "every byte comes back unchanged");
}

#[tokio::test]
async fn puts_the_settings_back() {
    let dir = TestDir::new();
    let (pty, seen) = cooked_pty();
    let before = format!("{:?}", tcgetattr(&seen).unwrap());
    let port = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    let during = tcgetattr(&seen).unwrap();
    assert!(!during.local_modes.contains(LocalModes::ICANON));
    assert_eq!(during.output_speed(), 460_800);
    let modes = ControlModes::CRTSCTS | ControlModes::HUPCL | ControlModes::CLOCAL;
    assert_eq!(during.control_modes & modes, modes);
    port.watch_carrier(true).unwrap();
    assert!(
        !tcgetattr(&seen)
            .unwrap()
            .control_modes
            .contains(ControlModes::CLOCAL)
    );
    port.watch_carrier(false).unwrap();
    assert!(
        tcgetattr(&seen)
            .unwrap()
            .control_modes
            .contains(ControlModes::CLOCAL)
    );
    drop(port);
    assert_eq!(format!("{:?}", tcgetattr(&seen).unwrap()), before);
}

#[tokio::test]
async fn without_modem_lines_and_flow_control_neither_is_set() {
    let dir = TestDir::new();
    let (pty, seen) = cooked_pty();
    let settings = PortSettings {
        speed: 123_456,
        rtscts: false,
        modem_lines: false,
    };
    let port = Port::open(pty.path(), &settings, dir.path()).unwrap();
    port.watch_carrier(true).unwrap();
    // It is not even tried: a pty has none.
    port.set_dtr(false).unwrap();
    let during = tcgetattr(&seen).unwrap();
    assert_eq!(during.output_speed(), 123_456, "a rate without a name");
    let modes = ControlModes::CRTSCTS | ControlModes::HUPCL | ControlModes::CLOCAL;
    assert_eq!(during.control_modes & modes, ControlModes::CLOCAL);
}

#[tokio::test]
async fn a_pty_has_no_modem_lines() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let port = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    assert_eq!(port.carrier(), None);
    assert_eq!(
        port.set_dtr(false).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[tokio::test]
async fn a_line_that_goes_is_seen() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let port = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    let mut buf = [0; 16];
    let waiting = tokio::time::timeout(Duration::from_millis(50), port.read(&mut buf)).await;
    assert!(waiting.is_err(), "it is still there");
    let (gone, ()) = tokio::join!(port.read(&mut buf), async { pty.hangup() });
    assert_eq!(gone.unwrap(), 0);
    assert!(port.try_write(b"AT\r").is_err());
}

#[tokio::test]
async fn a_stuck_peer_does_not_block_the_runtime() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let port = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    let mut sent = 0;
    let stuck = tokio::time::timeout(Duration::from_millis(100), async {
        loop {
            sent += port.write(&[0; 4096]).await.unwrap();
        }
    });
    assert!(stuck.await.is_err());
    // The pty may find room for a few bytes more, but not for ever.
    let refused = (0..100_000).find_map(|_| match port.try_write(b"x") {
        Ok(n) => {
            sent += n;
            None
        }
        Err(error) => Some(error.kind()),
    });
    assert_eq!(refused, Some(ErrorKind::WouldBlock));
    assert!(
        port.drain(Duration::from_millis(100)).await,
        "a pty has nothing pending"
    );
    // It goes on where it was when the peer does.
    let goes_on = tokio::time::timeout(Duration::from_secs(5), async {
        let mut buf = [0; 4096];
        let (mut received, mut last) = (0, false);
        while !last || received < sent {
            tokio::select! {
                n = port.write(b"last"), if !last => {
                    sent += n.unwrap();
                    last = true;
                }
                n = pty.read(&mut buf) => received += n.unwrap(),
            }
        }
    });
    assert!(goes_on.await.is_ok());
}

#[tokio::test]
async fn discards_what_came_before() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let port = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    pty.write(b"old").await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    port.discard_input().unwrap();
    pty.write(b"new").await.unwrap();
    let mut buf = [0; 16];
    assert_eq!(port.read(&mut buf).await.unwrap(), 3);
    assert_eq!(&buf[..3], b"new");
}

#[tokio::test]
async fn tells_absent_from_not_a_tty() {
    let dir = TestDir::new();
    let open = |path: &Path| Port::open(path, &SETTINGS, dir.path()).unwrap_err();
    let missing = dir.join("ttyUSB9");
    assert_eq!(
        open(&missing),
        LineProblem::Absent {
            path: missing.clone()
        }
    );
    let dangling = dir.join("dangling");
    symlink(&missing, &dangling).unwrap();
    assert_eq!(
        open(&dangling),
        LineProblem::Absent {
            path: dangling.clone()
        }
    );
    let file = dir.join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.as_path(), dir.path(), Path::new("/dev/null")] {
        assert_eq!(
            open(path),
            LineProblem::NotATty {
                path: path.to_owned()
            }
        );
    }
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with('L'))
        .collect();
    assert!(left.is_empty(), "no lock is left: {left:?}");
}

#[tokio::test]
async fn refuses_a_speed_of_zero() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let settings = PortSettings {
        speed: 0,
        ..SETTINGS
    };
    let problem = Port::open(pty.path(), &settings, dir.path()).unwrap_err();
    assert!(matches!(
        problem,
        LineProblem::OpenFailed {
            permission: false,
            ..
        }
    ));
}

#[tokio::test]
async fn a_second_port_is_refused_by_the_kernels_lock() {
    let dir = TestDir::new();
    let elsewhere = TestDir::new();
    let pty = Pty::open().unwrap();
    let first = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    // Another lock directory, so that only the kernel's lock can refuse.
    let problem = Port::open(pty.path(), &SETTINGS, elsewhere.path()).unwrap_err();
    assert!(matches!(problem, LineProblem::Locked { .. }), "{problem:?}");
    drop(first);
    Port::open(pty.path(), &SETTINGS, elsewhere.path()).unwrap();
}

#[tokio::test]
async fn names_the_program_that_has_locked_the_tty() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let fd = open_tty(pty.path()).unwrap();
    flock(&fd, FlockOperation::NonBlockingLockExclusive).unwrap();
    let mut child = Command::new("sleep")
        .arg("60")
        .stdin(Stdio::from(fd.try_clone().unwrap()))
        .spawn()
        .unwrap();
    let expected = format!("pid {} (sleep)", child.id());
    // A child of another test may have the tty open as well, until its exec; and ours has our
    // name until then.
    let named = (0..500).any(|_| {
        std::thread::yield_now();
        match Port::open(pty.path(), &SETTINGS, dir.path()).unwrap_err() {
            LineProblem::Locked { holder, .. } => holder.as_deref() == Some(&expected),
            other => panic!("{other:?}"),
        }
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(named, "{expected}");
}

#[tokio::test]
async fn holds_the_uucp_lock_while_open() {
    let dir = TestDir::new();
    let pty = Pty::open().unwrap();
    let lock = dir.join(&format!(
        "LCK..pts_{}",
        pty.path().file_name().unwrap().display()
    ));
    let port = Port::open(pty.path(), &SETTINGS, dir.path()).unwrap();
    assert!(lock.exists());
    drop(port);
    assert!(!lock.exists());
}

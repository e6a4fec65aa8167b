//! CONNECT_OK (spec D5).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site, binary};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Process;
use protocol_tests::require;

use super::never;

#[test]
fn the_first_link_adds_connect_ok_to_the_configuration() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let file = site.configure(&[("APN", "internet")]);
    let before = fs::read_to_string(&file).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    chown(&file, Some(1), Some(3)).unwrap();
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    daemon
        .process
        .wait_for_line("CONNECT_OK=1 was added to ", PATIENCE);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, format!("{before}CONNECT_OK=1\n"));
    let data = fs::metadata(&file).unwrap();
    assert_eq!(
        (data.mode() & 0o7777, data.uid(), data.gid()),
        (0o640, 1, 3)
    );
    assert_eq!(daemon.terminate(), 5);
    // With it the next run writes neither the modem's context nor the file.
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    never(&daemon, "CONNECT_OK=1 was added");
}

#[test]
fn once_leaves_the_configuration_alone() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "term-req@1s"]);
    let namespace = Namespace::new();
    let file = site.configure(&[("APN", "internet")]);
    let before = fs::read_to_string(&file).unwrap();
    let mut daemon = site.run(&namespace, &["--once"]);
    assert_eq!(daemon.wait_exit(PATIENCE), 0);
    assert_eq!(daemon.process.count("local  IP address"), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    never(&daemon, "CONNECT_OK");
}

#[test]
fn a_configuration_that_cannot_be_written_is_noted_elsewhere() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    fs::create_dir(site.path("etc")).unwrap();
    let etc = site.path("etc");
    let file = site.write(
        "etc/ppp",
        &format!("DEVICE={}\nAPN=internet\n", site.tty().display()),
    );
    let before = fs::read_to_string(&file).unwrap();
    let start = || {
        let mut command = namespace.command("unshare");
        command.args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"",
            "sh",
        ]);
        command.arg(&etc).arg(binary()).args(["run", "--config"]);
        command.arg(&file);
        for name in ["run", "state", "ppp", "lock"] {
            command.arg(format!("--{name}-dir")).arg(site.path(name));
        }
        command
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET");
        Daemon {
            process: Process::start("uplinkd", command),
        }
    };
    let mut daemon = start();
    daemon.wait_for_address(&namespace, PATIENCE);
    let line = daemon
        .process
        .wait_for_line("CONNECT_OK=1 cannot be added to ", PATIENCE);
    assert!(line.text.contains("Read-only file system"), "{line:?}");
    let note = site.path("state").join("ppp0.connect-ok");
    wait_until("the note", PATIENCE, || note.exists().then_some(()));
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    // It counts: nothing is tried, or said, again.
    let mut daemon = start();
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "CONNECT_OK");
}

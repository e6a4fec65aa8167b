//! The socket itself: clients that misbehave, who may use it, whose it is.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{
    PATIENCE, Simulator, Site, binary, socket, status, uplinkd, wait_for_state,
};
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::process::{Process, run, succeed};
use protocol_tests::require;
use serde_json::Value;

use super::WEB;

/// A hundred clients hang, others send a megabyte of nonsense, others ask and do not listen: the link loses no packet,
/// and whoever asks gets an answer.
#[test]
fn clients_that_misbehave_do_not_disturb_the_link() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.wait_for_address(&namespace, PATIENCE);
    wait_for_state(&site, "up");
    let memory = resident(daemon.process.pid());
    let path = socket(&site);
    let connect = || UnixStream::connect(&path).unwrap();
    thread::scope(|scope| {
        let mut hanging = Vec::new();
        for _ in 0..100 {
            hanging.push(connect());
        }
        for request in [
            b"x".as_slice(),
            b"{\"command\":",
            b"\n",
            b"{\"command\":\"status\"}\n",
            b"\x00\xff\n",
        ] {
            scope.spawn(move || {
                for _ in 0..5 {
                    let mut client = connect();
                    client
                        .set_write_timeout(Some(Duration::from_secs(1)))
                        .unwrap();
                    // Cut off, or stuck because nobody reads: both are meant.
                    let _ = client.write_all(&request.repeat(1_000_000 / request.len()));
                }
            });
        }
        assert_eq!(
            ping(&namespace, WEB.parse().unwrap(), 56, 300, PATIENCE),
            300,
            "{}",
            daemon.process.transcript()
        );
        assert_eq!(status(&site)["state"], "up");
    });
    let told = status(&site);
    assert_eq!(told["attempts"]["links"], 1);
    assert_eq!(told["failures"], serde_json::json!([]));
    for traffic in [&told["traffic"], &told["link"]["traffic"]] {
        assert!(traffic["received_packets"].as_u64() >= Some(300), "{told}");
        assert!(traffic["sent_bytes"].as_u64() >= Some(300 * 84), "{told}");
    }
    let grown = resident(daemon.process.pid()).saturating_sub(memory);
    assert!(grown < 4096, "the daemon has grown by {grown} KiB");
    assert_eq!(daemon.process.count("local  IP address"), 1);
    assert_eq!(daemon.terminate(), 5);
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn without_a_group_the_socket_is_roots() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    let data = fs::metadata(socket(&site)).unwrap();
    assert_eq!((data.mode() & 0o7777, data.uid()), (0o600, 0));

    let (code, text) = as_nobody(&site, &["status"]);
    assert_eq!(code, 33, "{text}");
    assert!(text.starts_with("uplinkd: no permission for "), "{text}");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn members_of_the_group_may_ask() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {:?}\napn = \"a\"\n[control]\ngroup = \"65534\"\n",
            site.tty()
        ),
    );
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    let data = fs::metadata(socket(&site)).unwrap();
    assert_eq!((data.mode() & 0o7777, data.gid()), (0o660, 65_534));
    let (code, text) = as_nobody(&site, &["status"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = as_nobody(&site, &["reconnect"]);
    assert_eq!(code, 0, "{text}");
    daemon.process.wait_for_line(", uid 65534).", PATIENCE);
    assert_eq!(daemon.terminate(), 5);
}

/// `uplinkd COMMAND` by user and group 65534, who may look into the folder and run the program.
fn as_nobody(site: &Site, arguments: &[&str]) -> (i32, String) {
    for (name, mode) in [("run", 0o755), (".", 0o711)] {
        fs::set_permissions(site.path(name), Permissions::from_mode(mode)).unwrap();
    }
    let program = site.path("uplinkd");
    // By another process: while this one has the copy open for writing, a child of another test may hold that too, and a
    // file that is open for writing cannot be run.
    let mut copy = Command::new("cp");
    copy.arg(binary()).arg(&program);
    succeed("cp", copy, PATIENCE);
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .arg("--run-dir")
        .arg(site.path("run"))
        .uid(65_534)
        .gid(65_534);
    let (status, text) = run("uplinkd as nobody", command, PATIENCE);
    (status.code().unwrap_or(-1), text)
}

/// A daemon that was killed leaves its socket; the next one takes its place.
#[test]
fn a_dead_daemons_socket_is_no_daemon() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-modem");
    daemon.process.kill();
    assert!(socket(&site).exists());
    for arguments in [&["status"][..], &["reconnect", "--interface", "ppp0"]] {
        let (code, text) = uplinkd(&site, arguments);
        assert_eq!(code, 7, "{text}");
        assert!(
            text.contains("; start it with `systemctl start ppp.service`"),
            "{text}"
        );
    }
    let mut daemon = site.run(&namespace, &[]);
    let told = wait_until("the new daemon", PATIENCE, || {
        let (code, text) = uplinkd(&site, &["status", "--json"]);
        (code == 0).then_some(text)
    });
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["pid"].as_u64(), Some(u64::from(daemon.process.pid())));
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn several_daemons_in_one_folder_are_told_apart() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    let mut daemons: Vec<Process> = ["ppp0", "ppp1"]
        .into_iter()
        .map(|interface| {
            let config = site.write(
                &format!("{interface}.toml"),
                &format!(
                    "[modem]\ndevice = {:?}\napn = \"a\"\n[network]\ninterface = {interface:?}\n",
                    site.tty()
                ),
            );
            let mut command = namespace.command(binary());
            command.args(["run", "--config"]).arg(config);
            for (option, folder) in [
                ("--run-dir", "run"),
                ("--state-dir", "state"),
                ("--lock-dir", "lock"),
                ("--pid-dir", "pid"),
                ("--resolv-conf", "resolv.conf"),
                ("--ppp-dir", "ppp"),
            ] {
                command.arg(option).arg(site.path(folder));
            }
            Process::start(interface, command)
        })
        .collect();
    wait_until("two sockets", PATIENCE, || {
        let both = ["ppp0.sock", "ppp1.sock"].map(|name| site.path("run").join(name).exists());
        (both == [true, true]).then_some(())
    });
    let (code, text) = uplinkd(&site, &["status"]);
    assert_eq!(code, 2, "{text}");
    assert_eq!(
        text,
        "uplinkd: several daemons run: name one with --interface: ppp0, ppp1\n"
    );
    let (code, text) = uplinkd(&site, &["status", "--json", "--interface", "ppp1"]);
    assert_eq!(code, 0, "{text}");
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["interface"], "ppp1");
    for daemon in &mut daemons {
        daemon.signal(rustix::process::Signal::TERM);
        daemon.wait_exit(PATIENCE);
    }
}

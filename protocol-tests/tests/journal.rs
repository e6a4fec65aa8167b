//! Under systemd the lines go to the journal, under the identifiers that operators filter by (`journalctl -t pppd`,
//! spec U3). The journal is played by a socket of the test, at the journal's place in a mount namespace of its own.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use protocol_tests::daemon::{PATIENCE, Site, binary};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Process;
use protocol_tests::require;

/// Puts the test's folder at the journal's place, and becomes the daemon.
const SCRIPT: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
    mount --bind \"$1\" /run/systemd/journal && shift && exec \"$@\" 2>\"$STDERR\"";

#[test]
fn lines_reach_the_journal_under_their_identifiers() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    let journal_dir = site.path("journal");
    fs::create_dir(&journal_dir).unwrap();
    let journal = UnixDatagram::bind(journal_dir.join("socket")).unwrap();
    journal.set_read_timeout(Some(PATIENCE)).unwrap();
    // systemd tells in JOURNAL_STREAM which file it has made stderr.
    let stderr = site.write("stderr", "");
    let file = fs::metadata(&stderr).unwrap();
    site.configure(&[
        ("APN", "internet"),
        ("PASSWORD", "s3cr3t-Pa55"),
        ("ACCOUNT", "joe"),
    ]);

    let mut command = namespace.command("unshare");
    command
        .args(["--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(&journal_dir)
        .arg(binary())
        .args(["run", "--once", "--config"])
        .arg(site.path("config"));
    for (option, dir) in [
        ("--run-dir", "run"),
        ("--state-dir", "state"),
        ("--lock-dir", "lock"),
        ("--pid-dir", "pid"),
        ("--resolv-conf", "resolv.conf"),
        ("--ppp-dir", "ppp"),
    ] {
        command.arg(option).arg(site.path(dir));
    }
    command
        .env("JOURNAL_STREAM", format!("{}:{}", file.dev(), file.ino()))
        .env("STDERR", &stderr)
        .stdin(Stdio::null());
    let mut daemon = Process::start("uplinkd under a journal", command);
    // Read all the while: the kernel keeps no more than ten.
    let reader = std::thread::spawn(move || {
        let mut entries = Vec::new();
        let mut buffer = [0; 65_536];
        while let Ok(length) = journal.recv(&mut buffer) {
            let entry = buffer.get(..length).unwrap_or_default();
            entries.push(String::from_utf8_lossy(entry).into_owned());
            if entries
                .last()
                .is_some_and(|entry| entry.ends_with("Exit.\n"))
            {
                break;
            }
        }
        entries
    });
    let status = daemon.wait_exit(PATIENCE);
    assert_eq!(
        status.code(),
        Some(7),
        "{}{}",
        daemon.transcript(),
        fs::read_to_string(&stderr).unwrap()
    );
    let entries = reader.join().unwrap();

    // A field with any text: its name, a line end, the length as 64 bits, the text, a line end.
    let has = |identifier: &str, text: &str| {
        let length = u64::try_from(identifier.len()).unwrap().to_le_bytes();
        let length = String::from_utf8_lossy(&length).into_owned();
        let field = format!("SYSLOG_IDENTIFIER\n{length}{identifier}\n");
        entries
            .iter()
            .any(|entry| entry.contains(&field) && entry.contains(text))
    };
    assert!(has("uplinkd", "is not there"), "{entries:#?}");
    assert!(has("pppd", "Exit."), "{entries:#?}");
    assert!(entries.iter().all(|entry| !entry.contains("s3cr3t-Pa55")));
    assert_eq!(
        fs::read_to_string(&stderr).unwrap(),
        "",
        "the journal has it all"
    );
}

//! `/etc/resolv.conf` itself, at a path of the test's own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use protocol_tests::daemon::{PATIENCE, Simulator, Site, status, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;
use rustix::process::Signal;

use super::{HOST, SERVERS, wait_for_text, with_links};

/// A site whose `resolv.conf` is the host's.
fn site() -> (Site, PathBuf) {
    let site = Site::new();
    let path = site.write("resolv.conf", HOST);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0")]);
    (site, path)
}

/// Byte for byte, with its mode.
fn assert_is_back(path: &PathBuf) {
    assert_eq!(fs::read_to_string(path).unwrap(), HOST);
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o604);
}

#[test]
fn n3_resolv_conf_has_the_links_servers_and_is_put_back() {
    protocol_tests::require!(require::DAEMON);
    let (site, path) = site();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line(
        "DNS servers of the link: 192.0.2.53, 198.51.100.53",
        PATIENCE,
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        with_links("ppp0", &SERVERS)
    );
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o604);
    let pppds = fs::read_to_string(site.path("ppp/resolv.conf")).unwrap();
    assert_eq!(pppds, "nameserver 192.0.2.53\nnameserver 198.51.100.53\n");
    let told = status(&site);
    assert_eq!(told["resolver"]["manager"], "file");
    assert_eq!(told["resolver"]["servers"][1], SERVERS[1]);
    assert_eq!(daemon.terminate(), 5);
    assert_is_back(&path);
}

#[test]
fn n3_resolv_conf_is_put_back_at_the_next_start_after_sigkill() {
    protocol_tests::require!(require::DAEMON);
    let (site, path) = site();
    let simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    wait_for_text(&site, &with_links("ppp0", &SERVERS));
    daemon.process.signal(Signal::KILL);
    assert_eq!(daemon.wait_exit(PATIENCE), -1);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        with_links("ppp0", &SERVERS)
    );
    // The next start finds no modem, so nothing but the restoring happens.
    drop(simulator);
    let mut daemon = site.run(&namespace, &[]);
    daemon
        .process
        .wait_for_line("Waiting for the tty", PATIENCE);
    assert_is_back(&path);
    let _simulator = Simulator::start(&site.tty(), &["--fault", "data-mode"]);
    wait_for_text(&site, &with_links("ppp0", &SERVERS));
    assert_eq!(daemon.terminate(), 5);
    assert_is_back(&path);
}

#[test]
fn n3_it_comes_back_while_the_link_is_down() {
    protocol_tests::require!(require::DAEMON);
    let (site, _) = site();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    wait_for_text(&site, &with_links("ppp0", &SERVERS));
    let (code, text) = protocol_tests::daemon::uplinkd(&site, &["disconnect"]);
    assert_eq!(code, 0, "{text}");
    let told = wait_for_state(&site, "disconnected");
    wait_for_text(&site, HOST);
    assert!(told["link"].is_null());
    let (code, text) = protocol_tests::daemon::uplinkd(&site, &["connect"]);
    assert_eq!(code, 0, "{text}");
    wait_for_text(&site, &with_links("ppp0", &SERVERS));
    assert_eq!(daemon.terminate(), 5);
    wait_for_text(&site, HOST);
}

#[test]
fn n3_what_somebody_else_writes_meanwhile_stays() {
    protocol_tests::require!(require::DAEMON);
    let (site, path) = site();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    wait_for_text(&site, &with_links("ppp0", &SERVERS));
    fs::write(&path, "nameserver 172.31.0.1\n").unwrap();
    assert_eq!(daemon.terminate(), 5);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "nameserver 172.31.0.1\n"
    );
    assert_eq!(daemon.process.count("has been changed by somebody else"), 1);
}

#[test]
fn n3_a_network_without_servers_changes_nothing_and_says_so() {
    protocol_tests::require!(require::DAEMON);
    let (site, path) = site();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "no-dns"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    daemon
        .process
        .wait_for_line("the link has no DNS server", PATIENCE);
    wait_for_state(&site, "up");
    assert_is_back(&path);
    assert!(!site.path("ppp/resolv.conf").exists());
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn n3_a_script_that_writes_resolv_conf_is_the_one_writer() {
    protocol_tests::require!(require::DAEMON);
    let (site, path) = site();
    // In the manner of Debian's; to another path than the test's, which therefore stays.
    let folder = site.path("ppp/ip-up.d");
    fs::create_dir(&folder).unwrap();
    let seen = site.path("seen");
    let text = format!(
        "#!/bin/sh\nif false; then\n  cat /etc/ppp/resolv.conf > /etc/resolv.conf\nfi\n\
         {{ echo \"$DNS1 $DNS2 $USEPEERDNS\"; cat {}; }} > {}\n",
        site.path("ppp/resolv.conf").display(),
        seen.display()
    );
    let script = folder.join("dns");
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("dns finished", PATIENCE);
    let seen = fs::read_to_string(seen).unwrap();
    assert_eq!(
        seen,
        "192.0.2.53 198.51.100.53 1\nnameserver 192.0.2.53\nnameserver 198.51.100.53\n"
    );
    assert_is_back(&path);
    let told = status(&site);
    assert_eq!(told["resolver"]["manager"], "script");
    assert_eq!(daemon.terminate(), 5);
    assert_is_back(&path);
}

#[test]
fn n3_two_links_side_by_side_each_take_out_their_own() {
    protocol_tests::require!(require::DAEMON);
    for first_ends_first in [true, false] {
        let (site, path) = site();
        let other = Site::new();
        let namespace = Namespace::new();
        let _simulator = Simulator::start(&site.tty(), &[]);
        let _second = Simulator::start(&other.tty(), &[]);
        other.write(
            "config.toml",
            &format!(
                "[modem]\ndevice = \"{}\"\napn = \"internet\"\n[network]\ninterface = \"ppp1\"\n",
                other.tty().display()
            ),
        );
        let mut first = site.run(&namespace, &[]);
        wait_for_text(&site, &with_links("ppp0", &SERVERS));
        // Its own folders, but the first one's file and state.
        let mut command = namespace.command(protocol_tests::daemon::binary());
        other.arguments(&mut command, &[]);
        let mut arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        for (option, place) in [
            ("--resolv-conf", path.clone()),
            ("--state-dir", site.path("state")),
        ] {
            let at = arguments.iter().position(|word| word == option).unwrap();
            arguments[at + 1] = place.into_os_string();
        }
        let mut command = std::process::Command::new("nsenter");
        command.args(arguments).env_remove("JOURNAL_STREAM");
        let mut second = protocol_tests::daemon::Daemon {
            process: protocol_tests::process::Process::start("the second uplinkd", command),
        };
        wait_for_text(&site, &with_links("ppp0, ppp1", &SERVERS));
        let left = if first_ends_first {
            assert_eq!(first.terminate(), 5);
            "ppp1"
        } else {
            assert_eq!(second.terminate(), 5);
            "ppp0"
        };
        wait_for_text(&site, &with_links(left, &SERVERS));
        let last = if first_ends_first {
            &mut second
        } else {
            &mut first
        };
        assert_eq!(last.terminate(), 5);
        assert_is_back(&path);
    }
}

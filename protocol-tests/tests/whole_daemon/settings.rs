//! Settings of uplinkd.toml for scripts and DNS that the old file has no key for (spec C28, N3, N4).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site, status, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;

/// The host's own.
const RESOLV_CONF: &str = "nameserver 172.31.0.53\n";

/// Writes uplinkd.toml, with `sections` behind the modem's tty.
fn configure(site: &Site, sections: &str) {
    let text = format!(
        "[modem]\ndevice = {:?}\napn = \"internet\"\n{sections}",
        site.tty()
    );
    site.write("config.toml", &text);
    site.write("resolv.conf", RESOLV_CONF);
}

fn script(site: &Site, name: &str, text: &str) {
    let path = site.write(&format!("ppp/{name}"), &format!("#!/bin/sh\n{text}"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn resolv_conf(site: &Site) -> String {
    fs::read_to_string(site.path("resolv.conf")).unwrap()
}

/// Runs it until the link is up.
fn up(site: &Site, namespace: &Namespace) -> Daemon {
    let mut daemon = site.run(namespace, &[]);
    daemon.wait_for_address(namespace, PATIENCE);
    wait_for_state(site, "up");
    daemon
}

/// A network that names none: the fallback's are in the system, and scripts are told them as pppd's DNS1, DNS2.
#[test]
fn n3_fallback_servers_stand_in_where_the_network_names_none() {
    protocol_tests::require!(require::DAEMON);
    for (faults, servers) in [
        (&["--fault", "no-dns"][..], ["9.9.9.9", "149.112.112.112"]),
        (&[], ["192.0.2.53", "198.51.100.53"]),
    ] {
        let site = Site::new();
        configure(
            &site,
            "[dns]\nfallback = [\"9.9.9.9\", \"149.112.112.112\"]\n",
        );
        script(
            &site,
            "ip-up",
            "echo \"$DNS1 $DNS2\" > $(dirname \"$0\")/said.new\nmv $(dirname \"$0\")/said.new $(dirname \"$0\")/said\n",
        );
        let _simulator = Simulator::start(&site.tty(), faults);
        let namespace = Namespace::new();
        let mut daemon = up(&site, &namespace);
        let said = wait_until("ip-up", PATIENCE, || {
            fs::read_to_string(site.path("ppp/said")).ok()
        });
        assert_eq!(said.trim(), servers.join(" "));
        let text = wait_until("the servers", PATIENCE, || {
            Some(resolv_conf(&site)).filter(|text| text != RESOLV_CONF)
        });
        for server in servers {
            assert!(text.contains(&format!("nameserver {server}\n")), "{text}");
        }
        assert_eq!(daemon.terminate(), 5);
        assert_eq!(resolv_conf(&site), RESOLV_CONF);
    }
}

#[test]
fn n3_the_manager_none_leaves_the_system_alone() {
    protocol_tests::require!(require::DAEMON);
    for (manager, writes) in [("none", false), ("file", true)] {
        let site = Site::new();
        configure(&site, &format!("[dns]\nmanager = \"{manager}\"\n"));
        script(&site, "ip-up", "");
        let _simulator = Simulator::start(&site.tty(), &[]);
        let namespace = Namespace::new();
        let mut daemon = up(&site, &namespace);
        daemon.process.wait_for_line("/ip-up finished", PATIENCE);
        let told = status(&site);
        if writes {
            assert_eq!(told["resolver"]["manager"], manager, "{told}");
        }
        assert_eq!(resolv_conf(&site) != RESOLV_CONF, writes, "{manager}");
        // pppd's own is written all the same, for scripts that read it.
        assert!(site.path("ppp/resolv.conf").exists());
        assert_eq!(daemon.terminate(), 5);
        assert_eq!(resolv_conf(&site), RESOLV_CONF);
    }
}

#[test]
fn n3_without_use_peer_no_dns_server_is_asked_for() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    configure(&site, "[dns]\nuse_peer = false\n");
    script(
        &site,
        "ip-up",
        "echo \"<$DNS1$DNS2$USEPEERDNS>\" > $(dirname \"$0\")/said\n",
    );
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = up(&site, &namespace);
    daemon.process.wait_for_line("/ip-up finished", PATIENCE);
    let said = fs::read_to_string(site.path("ppp/said")).unwrap();
    assert_eq!(said, "<>\n");
    assert_eq!(resolv_conf(&site), RESOLV_CONF);
    assert_eq!(daemon.terminate(), 5);
    let log = daemon.process.text();
    assert!(
        log.contains("sent [IPCP ConfReq id=0x1 <addr 0.0.0.0>]"),
        "{log}"
    );
    assert!(!log.contains("DNS address"), "{log}");
}

/// A script that hangs holds up nobody, and is ended; so does its child, which is of its process group.
#[test]
fn n4_a_script_has_its_time_and_no_more() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    configure(&site, "[scripts]\ntimeout = 1\n");
    script(&site, "ip-up", "echo begun; sleep 600\n");
    script(&site, "ip-down", "echo down\n");
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = up(&site, &namespace);
    let mut mark = Mark::default();
    let begun = daemon.process.wait_for_line_after(mark, "begun", PATIENCE);
    mark = begun.1;
    let late = "has not ended after 1 s (scripts.timeout): it is ended";
    let (line, mark) = daemon.process.wait_for_line_after(mark, late, PATIENCE);
    let took = line.at.saturating_sub(begun.0.at);
    assert!(took < Duration::from_secs(10), "{took:?}");
    daemon
        .process
        .wait_for_line_after(mark, "terminated with signal 15", PATIENCE);
    assert_eq!(status(&site)["state"], "up");
    assert_eq!(daemon.terminate(), 5);
    daemon
        .process
        .wait_for_line("/ip-down finished (pid ", PATIENCE);
}

#[test]
fn n4_ipparam_and_linkname_are_told_to_scripts_and_name_the_pid_file() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    configure(
        &site,
        "[scripts]\nipparam = \"site 42\"\nlinkname = \"backup\"\nenvironment = [\"ROLE=b c\"]\n",
    );
    script(
        &site,
        "ip-up",
        "echo \"$6|$LINKNAME|$ROLE\" > $(dirname \"$0\")/said\n",
    );
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let mut daemon = up(&site, &namespace);
    daemon.process.wait_for_line("/ip-up finished", PATIENCE);
    let said = fs::read_to_string(site.path("ppp/said")).unwrap();
    assert_eq!(said, "site 42|backup|b c\n");
    let file = site.path("pid/ppp-backup.pid");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, format!("{}\nppp0\n", daemon.process.pid()));
    assert_eq!(daemon.terminate(), 5);
    assert!(!file.exists());
}

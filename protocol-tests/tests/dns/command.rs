//! `uplinkd resolv-conf`, which the service runs where it may not write `/etc` itself.

use std::fs;
use std::process::Command;

use protocol_tests::daemon::{PATIENCE, Site, binary};
use protocol_tests::process::run;

use super::{HOST, with_links};

fn resolv_conf(site: &Site, what: &str, interface: &str, servers: &[&str]) -> (i32, String) {
    let mut command = Command::new(binary());
    command
        .args(["resolv-conf", what, "--interface", interface, "--path"])
        .arg(site.path("resolv.conf"))
        .arg("--state-dir")
        .arg(site.path("state"))
        .args(servers);
    let (status, text) = run(what, command, PATIENCE);
    (status.code().unwrap_or(-1), text)
}

#[test]
fn n3_sets_and_restores_from_the_command_line() {
    let site = Site::new();
    let path = site.write("resolv.conf", HOST);
    assert_eq!(
        resolv_conf(&site, "set", "ppp0", &["192.0.2.53"]),
        (0, String::new())
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        with_links("ppp0", &["192.0.2.53"])
    );
    let (code, text) = resolv_conf(&site, "restore", "ppp0", &[]);
    let said = format!("{} is as it was before the link\n", path.display());
    assert_eq!((code, text), (0, said));
    assert_eq!(fs::read_to_string(&path).unwrap(), HOST);
    // Interfaces that do not exist are taken out at a start, whoever starts.
    assert_eq!(resolv_conf(&site, "set", "nosuch0", &["192.0.2.53"]).0, 0);
    assert_eq!(resolv_conf(&site, "recover", "ppp0", &[]).0, 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), HOST);
}

#[test]
fn n3_what_cannot_be_done_is_one_sentence_and_a_status() {
    let site = Site::new();
    fs::create_dir(site.path("resolv.conf")).unwrap();
    let (code, text) = resolv_conf(&site, "set", "ppp0", &["192.0.2.53"]);
    assert_eq!((code, text.lines().count()), (1, 1), "{text}");
    let (code, text) = resolv_conf(&site, "set", "ppp0", &["no address"]);
    assert_eq!(code, 2, "{text}");
    let (code, text) = resolv_conf(&site, "set", "ppp0", &[]);
    assert_eq!(code, 2, "{text}");
}

//! The files by `uplinkd config check`.

use std::fs;
use std::process::{Command, Output};

use protocol_tests::daemon::{Site, binary};

use super::{document, pppconfig};

fn check(site: &Site) -> Output {
    Command::new(binary())
        .args(["config", "check", "--ppp-dir"])
        .arg(site.path("ppp"))
        .arg(site.path("config"))
        .output()
        .unwrap()
}

#[test]
fn c2_a_provider_of_pppconfigs_is_read_without_a_warning() {
    let site = Site::new();
    pppconfig(&site, "");
    let output = check(&site);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!((output.status.code(), &*err), (Some(0), ""), "{out}");
    assert!(!out.contains("geheim"), "{out}");
}

#[test]
fn c2_the_documents_generated_files_are_read_without_a_warning() {
    let site = Site::new();
    document(&site);
    site.write("config", "START=yes\nPROVIDER=ppp0\nRESET_AT=03:00\n");
    let output = check(&site);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*err), (Some(0), ""));
}

#[test]
fn f1_a_fifo_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let site = Site::new();
    pppconfig(&site, "");
    fs::remove_file(site.path("ppp/chap-secrets")).unwrap();
    let made = Command::new("mkfifo")
        .arg(site.path("ppp/chap-secrets"))
        .status();
    assert!(made.unwrap().success());
    let output = check(&site);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("it is a FIFO, not a file"), "{err}");
}

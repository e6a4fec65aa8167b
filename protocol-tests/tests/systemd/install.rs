//! `scripts/install` (spec U1): what goes where, twice, over an existing system, and away again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use protocol_tests::machine::{install, project};
use protocol_tests::process::run;
use protocol_tests::temp::TempDir;

/// Every file below a folder: its mode, and its text as far as it is one.
fn files(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::symlink_metadata(&path).unwrap();
            if data.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let text = if data.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            found.insert(name, (data.mode() & 0o7777, text));
        }
    }
    found
}

#[test]
fn u1_an_installation_can_be_repeated_and_taken_back() {
    let root = TempDir::new("root");
    install(root.path(), &[]);
    let first = files(root.path());
    for (name, mode) in [
        ("usr/local/bin/uplinkd", 0o755),
        ("usr/local/lib/uplinkd/ended", 0o755),
        ("usr/local/share/man/man8/uplinkd.8", 0o644),
        ("usr/local/share/bash-completion/completions/uplinkd", 0o644),
        ("usr/local/share/zsh/site-functions/_uplinkd", 0o644),
        (
            "usr/local/share/fish/vendor_completions.d/uplinkd.fish",
            0o644,
        ),
        ("etc/systemd/system/ppp.service", 0o644),
        ("etc/systemd/system/ppp.path", 0o644),
        ("etc/systemd/system/ppp@.service", 0o644),
        ("etc/systemd/system/uplinkd-scripts@.service", 0o644),
        ("etc/systemd/system/uplinkd-scripts@.socket", 0o644),
        ("etc/udev/rules.d/70-uplinkd.rules", 0o644),
        ("usr/lib/sysusers.d/uplinkd.conf", 0o644),
        ("usr/lib/tmpfiles.d/uplinkd.conf", 0o644),
        ("etc/default/ppp", 0o600),
    ] {
        assert_eq!(first.get(name).map(|file| file.0), Some(mode), "{name}");
    }
    // Not enabled unless asked for.
    assert!(
        !first.keys().any(|name| name.contains(".wants/")),
        "{:?}",
        first.keys()
    );
    let completions = &first["usr/local/share/bash-completion/completions/uplinkd"].1;
    let completions = String::from_utf8_lossy(completions);
    assert!(completions.contains("reconnect") && !completions.contains("--allow"));

    install(root.path(), &[]);
    assert!(
        files(root.path()) == first,
        "the second installation differs"
    );
    let enabled = "etc/systemd/system/multi-user.target.wants/ppp.path";
    install(root.path(), &["--enable"]);
    assert_eq!(
        files(root.path())[enabled].1,
        b"/etc/systemd/system/ppp.path"
    );

    let said = install(root.path(), &["--uninstall"]);
    let left: Vec<String> = files(root.path()).into_keys().collect();
    assert_eq!(left, ["etc/default/ppp"], "{said}");
    // Nothing to do is no mistake.
    install(root.path(), &["--uninstall"]);
}

#[test]
fn u1_what_the_existing_system_has_is_kept() {
    let root = TempDir::new("root");
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    };
    let old_unit = "[Service]\nExecStart=/usr/local/sbin/ppp_wrapper\n";
    write("etc/default/ppp", "START=yes\nPROVIDER=DTI\n");
    write("etc/systemd/system/ppp.service", old_unit);
    write(
        "lib/systemd/system/ppp.path",
        "[Path]\nPathExists=/dev/ttyLISA0\n",
    );
    write("etc/ppp/peers/DTI", "/dev/ttyLISA0\n");
    let before = files(root.path());

    let said = install(root.path(), &["--enable"]);
    assert!(said.contains("left as it is: /etc/default/ppp"), "{said}");
    assert!(said.contains("ppp.service.before-uplinkd"), "{said}");
    assert!(
        said.contains("kept: /lib/systemd/system/ppp.path"),
        "{said}"
    );
    let between = files(root.path());
    assert_eq!(between["etc/default/ppp"], before["etc/default/ppp"]);
    assert_eq!(
        between["etc/systemd/system/ppp.service.before-uplinkd"].1,
        old_unit.as_bytes()
    );
    // Once more: the kept one is not overwritten by our own.
    install(root.path(), &["--enable"]);
    assert!(
        files(root.path()) == between,
        "the second installation differs"
    );

    install(root.path(), &["--uninstall"]);
    assert_eq!(files(root.path()), before);
}

#[test]
fn u1_another_prefix_is_named_in_the_units() {
    let root = TempDir::new("root");
    install(root.path(), &["--prefix", "/opt/uplinkd"]);
    let found = files(root.path());
    let unit = String::from_utf8_lossy(&found["etc/systemd/system/ppp.service"].1).into_owned();
    assert!(
        unit.contains("ExecStart=/opt/uplinkd/bin/uplinkd run"),
        "{unit}"
    );
    assert!(unit.contains("/opt/uplinkd/lib/uplinkd/ended"), "{unit}");
    assert!(found.contains_key("opt/uplinkd/lib/uplinkd/ended"));
    assert!(!found.keys().any(|name| name.starts_with("usr/local")));
    install(root.path(), &["--uninstall", "--prefix=/opt/uplinkd"]);
    assert_eq!(
        files(root.path()).into_keys().collect::<Vec<_>>(),
        ["etc/default/ppp"]
    );
}

#[test]
fn u1_mistakes_are_told_and_nothing_is_done() {
    let root = TempDir::new("root");
    for (arguments, word) in [
        (&["--prefx", "/usr"][..], "--prefx"),
        (&["--prefix"], "needs a value"),
        (&["--prefix", "usr"], "absolute"),
        (&["--binary", "/nowhere/uplinkd"], "/nowhere/uplinkd"),
    ] {
        let mut command = Command::new(project().join("scripts/install"));
        command.env("DESTDIR", root.path()).args(arguments);
        let (status, text) = run("scripts/install", command, Duration::from_secs(30));
        assert!(!status.success(), "{arguments:?}");
        assert!(text.contains(word), "{text}");
    }
    assert!(files(root.path()).is_empty());
}

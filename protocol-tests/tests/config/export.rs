//! F3, I6: `export-pppd` writes what the existing system generates.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use protocol_tests::require::Need;
use protocol_tests::temp::TempDir;

use super::{Outcome, fixture, mode, uplinkd};

/// A root with the secrets of the document's example before the generation.
fn root() -> TempDir {
    let dir = TempDir::new("export");
    fs::create_dir_all(dir.join("etc/ppp")).unwrap();
    for name in ["chap-secrets", "pap-secrets"] {
        let text = fs::read(fixture("generated/before").join(name)).unwrap();
        dir.write(&format!("etc/ppp/{name}"), text);
    }
    dir
}

fn export(root: &Path, config: &Path, more: &[&str]) -> Outcome {
    let mut arguments = vec![
        "export-pppd",
        "--config",
        config.to_str().unwrap(),
        "--root",
        root.to_str().unwrap(),
    ];
    arguments.extend(more);
    uplinkd(&arguments)
}

fn document() -> std::path::PathBuf {
    fixture("generated/default-ppp")
}

const FILES: [(&str, &str); 4] = [
    ("etc/ppp/chap-secrets", "chap-secrets"),
    ("etc/ppp/pap-secrets", "pap-secrets"),
    ("etc/chatscripts/ppp0", "chatscripts-ppp0"),
    ("etc/ppp/peers/ppp0", "peers-ppp0"),
];

/// Every file below `dir` with its bytes and mode, sorted.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                // A pipe would be waited for.
                let bytes = if path.is_file() {
                    fs::read(&path).unwrap()
                } else {
                    Vec::new()
                };
                found.push((
                    name,
                    bytes,
                    fs::symlink_metadata(&path).unwrap().permissions().mode(),
                ));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_documents_example_comes_out_byte_for_byte() {
    let root = root();
    let done = export(root.path(), &document(), &[]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let wrote: String = FILES
        .iter()
        .map(|(path, _)| format!("wrote {}\n", root.join(path).display()))
        .collect();
    assert_eq!(done.out, wrote);
    for (path, reference) in FILES {
        let expected = fs::read(fixture("generated/after").join(reference)).unwrap();
        assert_eq!(fs::read(root.join(path)).unwrap(), expected, "{path}");
    }
    // A second time nothing changes, not even a file's number.
    let before = tree(root.path());
    let again = export(root.path(), &document(), &[]);
    assert_eq!(again.status, 0);
    assert_eq!(again.out.matches("unchanged ").count(), 4);
    assert_eq!(tree(root.path()), before);
    assert_eq!(before.len(), 4, "nothing else is left");
}

#[test]
fn check_writes_nothing_and_shows_what_differs_without_secrets() {
    let root = root();
    let before = tree(root.path());
    let found = export(root.path(), &document(), &["--check"]);
    assert_eq!((found.status, found.err.as_str()), (1, ""));
    assert_eq!(tree(root.path()), before);
    for line in [
        format!("{}: differs", root.join("etc/ppp/chap-secrets").display()),
        "-\"user@dream.jp\" ppp0 <hidden>".to_owned(),
        "+\"user@dream.jp\" ppp0 <hidden>".to_owned(),
        format!("{}: is missing", root.join("etc/ppp/peers/ppp0").display()),
        "+demand".to_owned(),
    ] {
        assert!(
            found.out.lines().any(|shown| shown == line),
            "{line}\n{}",
            found.out
        );
    }
    assert!(!found.out.contains("dti\"") && !found.out.contains("an old one"));

    export(root.path(), &document(), &[]);
    let found = export(root.path(), &document(), &["--check"]);
    assert_eq!(
        (
            found.status,
            found.out.matches(": as it should be\n").count()
        ),
        (0, 4)
    );
    // One line that somebody has changed.
    let peers = root.join("etc/ppp/peers/ppp0");
    let text = fs::read_to_string(&peers)
        .unwrap()
        .replace("idle 60", "idle 90");
    fs::write(&peers, text).unwrap();
    let found = export(root.path(), &document(), &["--check"]);
    assert_eq!(found.status, 1);
    let differences: Vec<&str> = found
        .out
        .lines()
        .filter(|line| line.starts_with(['-', '+']))
        .collect();
    assert_eq!(differences, ["-idle 90", "+idle 60"]);
}

#[test]
fn modes_are_kept_and_new_secrets_are_roots_alone() {
    let root = root();
    fs::set_permissions(
        root.join("etc/ppp/chap-secrets"),
        Permissions::from_mode(0o640),
    )
    .unwrap();
    fs::remove_file(root.join("etc/ppp/pap-secrets")).unwrap();
    fs::create_dir_all(root.join("etc/ppp/peers")).unwrap();
    root.write("etc/ppp/peers/ppp0", "# old\n");
    fs::set_permissions(
        root.join("etc/ppp/peers/ppp0"),
        Permissions::from_mode(0o604),
    )
    .unwrap();
    let done = export(root.path(), &document(), &[]);
    assert_eq!(done.status, 0, "{}", done.err);
    let modes = FILES.map(|(path, _)| mode(&root.join(path)));
    assert_eq!(
        modes.map(|mode| format!("{mode:o}")),
        ["640", "600", "644", "604"]
    );
    assert!(
        done.err
            .contains("chap-secrets holds secrets, and its mode is 640"),
        "{}",
        done.err
    );
    assert_eq!(
        fs::read_to_string(root.join("etc/ppp/pap-secrets")).unwrap(),
        "# Secrets for authentication using CHAP/PAP\n# client server secret IP addresses\n\"user@dream.jp\" ppp0 \"dti\"\n"
    );
}

/// Links lead where they would with that root, and stay links.
#[test]
fn links_are_followed_inside_the_root() {
    let root = root();
    fs::create_dir_all(root.join("data")).unwrap();
    fs::rename(root.join("etc/ppp/chap-secrets"), root.join("data/chap")).unwrap();
    symlink("/data/chap", root.join("etc/ppp/chap-secrets")).unwrap();
    symlink("../../../../../../data/new", root.join("etc/chatscripts")).unwrap();
    let done = export(root.path(), &document(), &[]);
    assert_eq!(done.status, 0, "{}", done.err);
    let after = |name: &str| fs::read(fixture("generated/after").join(name)).unwrap();
    assert_eq!(
        fs::read(root.join("data/chap")).unwrap(),
        after("chap-secrets")
    );
    assert_eq!(
        fs::read(root.join("data/new/ppp0")).unwrap(),
        after("chatscripts-ppp0")
    );
    assert!(
        fs::symlink_metadata(root.join("etc/ppp/chap-secrets"))
            .unwrap()
            .is_symlink()
    );
}

/// A file that cannot be understood stops everything before the first write.
#[test]
fn nothing_is_written_if_one_file_is_bad() {
    type Spoil = fn(&TempDir);
    let spoils: [(Spoil, &str); 9] = [
        (
            |root| {
                root.write("etc/ppp/pap-secrets", b"\x7fELF\0\0");
            },
            "line 1 has the byte 0x7f: this is not a text file",
        ),
        (
            |root| {
                root.write("etc/ppp/chap-secrets", "a * \"b\n");
            },
            "the word that begins in line 1 has a quote that is not closed",
        ),
        (
            |root| {
                root.write("etc/ppp/chap-secrets", vec![b'#'; (1 << 20) + 1]);
            },
            "is larger than 1048576 bytes",
        ),
        (
            |root| fs::create_dir_all(root.join("etc/ppp/peers/ppp0")).unwrap(),
            "is not a regular file",
        ),
        (
            |root| {
                fs::create_dir_all(root.join("etc/chatscripts")).unwrap();
                let path = root.join("etc/chatscripts/ppp0");
                assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
            },
            "is not a regular file",
        ),
        (
            |root| {
                root.write("etc/chatscripts", "a file");
            },
            "is not a folder",
        ),
        (
            |root| symlink("peers", root.join("etc/ppp/peers")).unwrap(),
            "circle",
        ),
        (
            |root| symlink("/dev/zero", root.join("etc/chatscripts")).unwrap(),
            "nothing was written",
        ),
        (
            |root| fs::remove_dir_all(root.path()).unwrap(),
            "No such file or directory",
        ),
    ];
    for (index, (spoil, said)) in spoils.into_iter().enumerate() {
        let root = root();
        spoil(&root);
        if index == 7 {
            // The link's target is looked for inside of the root.
            fs::create_dir_all(root.join("dev")).unwrap();
            root.write("dev/zero", "");
        }
        let before = root.path().exists().then(|| tree(root.path()));
        let refused = export(root.path(), &document(), &[]);
        assert_eq!(refused.status, 2, "{said}: {}", refused.err);
        assert!(
            refused.err.contains(said) && refused.err.ends_with("; nothing was written\n"),
            "{said}: {}",
            refused.err
        );
        assert_eq!(refused.out, "");
        assert_eq!(
            root.path().exists().then(|| tree(root.path())),
            before,
            "{said}"
        );
    }
}

#[test]
fn a_bad_configuration_writes_nothing() {
    let root = root();
    let before = tree(root.path());
    let config = root.path().with_extension("conf");
    fs::write(&config, "APN=a\nHOLDOFF=x\nRETRY=y\n").unwrap();
    let refused = export(root.path(), &config, &[]);
    fs::remove_file(&config).unwrap();
    assert_eq!(refused.status, 2);
    assert!(refused.err.contains("2 errors"), "{}", refused.err);
    assert_eq!(tree(root.path()), before);
}

/// pppd does not look for a modem: with AUTO its tty is the alias that is there, or has to be named.
#[test]
fn auto_needs_a_tty() {
    let root = root();
    let config = root.write(
        "ppp",
        "APN=dream.jp\nDEVICE=AUTO\nAUTH=CHAP\nACCOUNT=a\nPASSWORD=b\n",
    );
    let refused = export(root.path(), &config, &[]);
    assert_eq!(refused.status, 2);
    assert_eq!(
        refused.err,
        "uplinkd: pppd cannot look for a modem, and DEVICE=AUTO does not name a tty; name it with --tty, e.g. --tty \
         ttyLISA0; nothing was written\n"
    );
    let peers = || fs::read_to_string(root.join("etc/ppp/peers/ppp0")).unwrap();
    let done = export(root.path(), &config, &["--tty", "ttyUSB2"]);
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(peers().contains("\n/dev/ttyUSB2\n"));
    fs::create_dir_all(root.join("dev")).unwrap();
    root.write("dev/ttyLISA0", "");
    assert_eq!(export(root.path(), &config, &[]).status, 0);
    assert!(peers().contains("\n/dev/ttyLISA0\n"));
    let chat = fs::read_to_string(root.join("etc/chatscripts/ppp0")).unwrap();
    assert!(chat.contains("\"CHAP:dream.jp\""), "{chat}");
    root.write("dev/ttyAMP0", "");
    assert_eq!(export(root.path(), &config, &[]).status, 2);
    for tty in ["", "a b", "/dev/", "x\ny"] {
        assert_eq!(
            export(root.path(), &config, &["--tty", tty]).status,
            2,
            "{tty:?}"
        );
    }
}

#[test]
fn what_pppd_has_no_word_for_is_told() {
    let root = root();
    let config = root.write(
        "x.toml",
        "[modem]\napn = \"a\"\ndevice = \"ttyUSB0\"\n[network]\nhold = true\n[ppp.lcp]\nmru = 1400\n",
    );
    let done = export(root.path(), &config, &[]);
    assert_eq!(done.status, 0);
    assert_eq!(done.err, "warning: pppd has no word for network.hold\n");
    // Without authentication the secrets are not touched.
    assert_eq!(done.out.lines().count(), 2);
    let chap = fs::read(root.join("etc/ppp/chap-secrets")).unwrap();
    assert_eq!(
        chap,
        fs::read(fixture("generated/before/chap-secrets")).unwrap()
    );
}

const EVERYTHING: &str = r#"
[modem]
device = "/dev/null"
apn = "a"
speed = 115200
rtscts = false
modem_lines = false
[ppp]
auth = "PAP"
account = 'a b\x'
password = 'q"\ #'
max_connect = "1h"
[ppp.echo]
interval = 10
[ppp.lcp]
restart = 2
max_configure = 3
max_terminate = 4
max_failure = 7
mru = 1492
accm = 0x000a0000
magic = false
pfc = false
acfc = false
silent = true
[ppp.pap]
restart = 5
max_requests = 4
[ppp.chap]
timeout = 20
[ppp.ipcp]
restart = 2
max_configure = 3
max_terminate = 4
max_failure = 7
accept_local = true
accept_remote = true
[network]
interface = "wwan9"
default_route = true
route_metric = 700
local_address = "10.0.0.2"
remote_address = "10.0.0.1"
netmask = "255.255.255.0"
[scripts]
ip_up = "/x/up"
ip_down = "/x/down"
ipparam = "site 42"
linkname = "backup"
environment = ["A=b c"]
[supervision]
idle = 30
demand = true
"#;

/// F3: Debian's pppd knows each line of the files, with everything in them that a configuration can say.
#[test]
fn debians_pppd_takes_every_line() {
    protocol_tests::require!(&[Need::Root, Need::Program("pppd", "ppp")]);
    let root = root();
    let everything = root.write("everything.toml", EVERYTHING);
    assert_eq!(export(root.path(), &everything, &[]).err, "");
    assert_eq!(export(root.path(), &document(), &["--tty", "null"]).err, "");
    for name in ["wwan9", "ppp0"] {
        let read = |text: &str| {
            let path = root.write("options", text);
            let output = Command::new("/usr/sbin/pppd")
                .args(["file", path.to_str().unwrap(), "dryrun", "nodetach"])
                .output()
                .unwrap();
            let both = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&both).into_owned()
        };
        let text = fs::read_to_string(root.join("etc/ppp/peers").join(name)).unwrap();
        let said = read(&text);
        assert!(!said.contains("In file"), "{said}");
        // It would say so.
        let said = read(&format!("{text}no-such-option\n"));
        assert!(
            said.contains("unrecognized option 'no-such-option'"),
            "{said}"
        );
    }
}

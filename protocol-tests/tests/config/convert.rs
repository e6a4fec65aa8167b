//! C27: `config convert` and `config show`.

use std::fs;
use std::os::unix::fs::symlink;

use protocol_tests::temp::TempDir;

use super::{fixture, mode, uplinkd};

/// What is in force, without where it comes from.
fn settings(path: &str) -> Vec<String> {
    let shown = uplinkd(&["config", "show", path]);
    assert_eq!(shown.status, 0, "{}", shown.err);
    let lines = shown.out.lines();
    lines
        .map(|line| line.split("  # ").next().unwrap().to_owned())
        .collect()
}

/// C27: the old file and its conversion mean the same; the password is in the new file and nowhere else.
#[test]
fn a_converted_file_means_the_same() {
    let dir = TempDir::new("config-convert");
    for (name, text) in [
        ("document", fs::read_to_string(fixture("generated/default-ppp")).unwrap()),
        (
            "strange",
            "APN=a\nACCOUNT='a b\\'\nPASSWORD='q\"q\\q日本#$q'\nPIN=0123\nRESET_AT=03:00\nIDLE=60\nDEMAND=1\n\
             DEVICE='/dev/tty\"x'\nCARRIERID=44020\nNETMODE=LTE\nLOCALADDR=10.0.0.2\nNETMASK=255.255.255.0\n"
                .to_owned(),
        ),
    ] {
        let old = dir.write(name, &text);
        let new = dir.join(&format!("{name}.toml"));
        let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
        let done = uplinkd(&["config", "convert", old, "-o", new]);
        assert_eq!(
            (done.status, done.out.as_str(), done.err.as_str()),
            (0, format!("wrote {new} (mode 0600)\n").as_str(), "")
        );
        assert_eq!(mode(new.as_ref()), 0o600);
        assert_eq!(settings(old), settings(new), "{name}");
        // To stdout it is the same text, and a second conversion changes nothing but the first line.
        let printed = uplinkd(&["config", "convert", old]);
        assert_eq!(printed.out, fs::read_to_string(new).unwrap());
        let again = uplinkd(&["config", "convert", new]);
        let behind = |text: &str| text.split_once('\n').unwrap().1.to_owned();
        assert_eq!(behind(&again.out), behind(&printed.out));
        let all = uplinkd(&["config", "convert", "--all", old]);
        let all = dir.write(&format!("{name}-all.toml"), all.out);
        assert_eq!(settings(old), settings(all.to_str().unwrap()));
    }
    let strange = fs::read_to_string(dir.join("strange.toml")).unwrap();
    assert!(
        strange.contains("password = \"q\\\"q\\\\q日本#$q\"  # PASSWORD\n"),
        "{strange}"
    );
}

#[test]
fn a_file_that_is_there_is_replaced_with_force_only() {
    let dir = TempDir::new("config-force");
    let old = dir.write("ppp", "APN=a\n");
    let old = old.to_str().unwrap();
    let mine = dir.write("mine.toml", "# mine\n");
    symlink("elsewhere.toml", dir.join("link.toml")).unwrap();
    for name in ["mine.toml", "link.toml"] {
        let path = dir.join(name);
        let path = path.to_str().unwrap();
        let refused = uplinkd(&["config", "convert", old, "-o", path]);
        assert_eq!(
            (refused.status, refused.err),
            (
                2,
                format!("uplinkd: {path} is there already; replace it with --force\n")
            )
        );
    }
    assert_eq!(fs::read_to_string(&mine).unwrap(), "# mine\n");
    assert!(!dir.join("elsewhere.toml").exists());
    let done = uplinkd(&[
        "config",
        "convert",
        old,
        "--force",
        "-o",
        mine.to_str().unwrap(),
    ]);
    assert_eq!(done.status, 0);
    assert!(fs::read_to_string(&mine).unwrap().contains("apn = \"a\""));
    let lost = dir.join("no/folder.toml");
    let refused = uplinkd(&["config", "convert", old, "-o", lost.to_str().unwrap()]);
    assert_eq!(refused.status, 2);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
}

#[test]
fn what_is_shown_has_its_place_and_no_secret() {
    let dir = TempDir::new("config-show");
    let path = dir.write(
        "ppp",
        "APN=a\nACCOUNT=b\nPASSWORD=geheim\nPIN=98765\nHOLDOFF=1\nHOLDOFF=9\n",
    );
    let shown = uplinkd(&["config", "show", path.to_str().unwrap()]);
    assert_eq!((shown.status, shown.err.as_str()), (0, ""));
    for line in [
        "apn = \"a\"  # APN, ppp:1",
        "password = \"<hidden>\"  # PASSWORD, ppp:3",
        "pin = \"<hidden>\"  # PIN, ppp:4",
        "holdoff = 9  # HOLDOFF, ppp:6",
        "retry = 3  # RETRY, default",
        "auth = \"CHAP\"  # AUTH, follows from the others",
    ] {
        assert!(
            shown.out.lines().any(|shown| shown == line),
            "{line}\n{}",
            shown.out
        );
    }
    assert!(!shown.out.contains("geheim") && !shown.out.contains("98765"));
}

#[test]
fn a_name_that_would_not_be_read_as_toml_is_a_warning() {
    let dir = TempDir::new("config-name");
    let old = dir.write("ppp", "APN=a\n");
    let new = dir.join("new");
    let done = uplinkd(&[
        "config",
        "convert",
        old.to_str().unwrap(),
        "-o",
        new.to_str().unwrap(),
    ]);
    assert_eq!(done.status, 0);
    assert!(done.err.starts_with("warning: "), "{}", done.err);
}

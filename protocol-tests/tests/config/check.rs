//! C28: `config check` tells what will happen and every problem, and changes nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use protocol_tests::temp::TempDir;

use super::{Outcome, fixture, uplinkd};

fn check(text: &str) -> (Outcome, String) {
    let dir = TempDir::new("config-check");
    let path = dir.write("ppp", text);
    let path = path.to_str().unwrap().to_owned();
    (uplinkd(&["config", "check", &path]), path)
}

/// C0: each sample and setting example of the document, without a warning that is not deserved.
#[test]
fn each_sample_of_the_document_is_fine() {
    for name in [
        "document/soracom",
        "document/au",
        "document/dti",
        "document/iij",
        "generated/default-ppp",
    ] {
        let text = fs::read_to_string(fixture(name)).unwrap();
        let (found, path) = check(&text);
        assert_eq!((found.status, found.err.as_str()), (0, ""), "{name}");
        let head = format!("{path}: no errors. What `uplinkd run` will do:\n\nStart ");
        assert!(found.out.starts_with(&head), "{}", found.out);
    }
    // The document itself says that the monitor is not for DEMAND.
    let text = fs::read_to_string(fixture("document/with-monitor")).unwrap();
    let (found, _) = check(&text);
    assert_eq!(found.status, 0);
    assert_eq!(found.err.matches("warning: ").count(), 1, "{}", found.err);
    assert!(
        found
            .err
            .contains("MONITOR is not used, because DEMAND is set")
    );
    assert!(found.out.contains("\nMonitor          off.\n"));
}

/// C0: the sample with the document's note behind its last value.
#[test]
fn the_note_behind_the_documents_last_value_is_an_error_that_shows_what_was_meant() {
    let text = fs::read_to_string(fixture("document/sakura")).unwrap();
    let (found, path) = check(&text);
    let expected = format!(
        "error: text behind the value of CARRIERID
  --> {path}:15:17
   |
15 | CARRIERID=44020 <--- 接続するキャリア(NTT docomo/KDDI/Softbank により変更)
   |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: probably meant: CARRIERID=44020
uplinkd: {path}: 1 error; `uplinkd run` would not start
"
    );
    // How wide the caret is for full-width characters is the renderer's business.
    let plain = |text: &str| text.replace(['^', ' '], "");
    assert_eq!(plain(&found.err), plain(&expected));
    assert_eq!((found.status, found.out.as_str()), (2, ""));
}

/// C0, C28: all problems at once, with line, column, expectation and the nearest key.
#[test]
fn every_problem_is_told() {
    let (found, path) = check(
        "DEVCE=ttyUSB0\nHOLDOFF=5s\nPERSIST=yes\nAPN=\"dream.jp\nACCOUNT=$(whoami)\nPASSWORD=`geheim`\nRESET_AT=24:00\n",
    );
    assert_eq!((found.status, found.out.as_str()), (2, ""));
    let places: Vec<String> = found
        .err
        .lines()
        .filter_map(|line| Some(line.trim_start().strip_prefix("--> ")?.to_owned()))
        .collect();
    let expected: Vec<String> = ["1:1", "2:9", "3:9", "4:5", "5:9", "6:10", "7:10"]
        .iter()
        .map(|place| format!("{path}:{place}"))
        .collect();
    assert_eq!(places, expected, "{}", found.err);
    for said in [
        "warning: the key DEVCE is not known",
        "did you mean DEVICE?",
        "expected 0 to 86400 (seconds); probably meant: HOLDOFF=5",
        "expected 1 or 0; probably meant: PERSIST=1",
        "the quote \" is not closed on its line",
        "\"$(whoami)\" is not executed here",
        "6 | PASSWORD=<hidden>",
        "probably meant: RESET_AT=00:00",
        ": 6 errors; `uplinkd run` would not start\n",
    ] {
        assert!(found.err.contains(said), "{said}\n{}", found.err);
    }
    assert!(!found.err.contains("geheim"));
}

#[test]
fn warnings_alone_are_no_failure() {
    let (found, _) = check("APN=a\nUNHEARD=1\nHOLDOFF=5 # note\n");
    assert_eq!(found.status, 0);
    assert_eq!(found.err.matches("warning: ").count(), 2, "{}", found.err);
    assert!(found.out.contains("no errors"));
}

/// C17: a password that everybody can read.
#[test]
fn a_secret_that_others_can_read_is_a_warning() {
    let dir = TempDir::new("config-mode");
    let path = dir.write("ppp", "APN=a\nACCOUNT=b\nPASSWORD=c\n");
    let call = || uplinkd(&["config", "check", path.to_str().unwrap()]);
    assert_eq!(call().err, "");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let found = call();
    assert_eq!(found.status, 0);
    assert_eq!(
        found.err,
        format!(
            "warning: {0} holds a secret, and other users can read it (mode 644); mend: chmod 600 {0}\n",
            path.display()
        )
    );
}

#[test]
fn help_has_examples() {
    for arguments in [
        &["config", "--help"][..],
        &["config", "check", "--help"],
        &["config", "show", "--help"],
        &["config", "convert", "--help"],
        &["export-pppd", "--help"],
    ] {
        let found = uplinkd(arguments);
        assert_eq!((found.status, found.err.as_str()), (0, ""));
        assert!(found.out.contains("Example:\n  uplinkd "), "{arguments:?}");
        assert!(
            !found.out.contains('\u{1b}'),
            "no colour without a terminal"
        );
    }
    let found = uplinkd(&["config", "chek"]);
    assert_eq!(found.status, 2);
    assert!(found.err.contains("'check'"), "{}", found.err);
}

use super::{clean, peers, problems};
use crate::config::files::MapFiles;
use crate::config::{Auth, Config};

/// What is agreed to, and with which password: for CHAP, and for PAP where that is another.
fn found(config: &Config) -> (Auth, bool, String, Option<String>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        config.auth,
        config.allow_pap,
        text(config.password.expose()),
        config.pap_password.as_ref().map(|one| text(one.expose())),
    )
}

fn with(options: &str, chap: &str, pap: &str) -> MapFiles {
    peers(&format!("{options}\n"))
        .with("/etc/ppp/chap-secrets", chap)
        .with("/etc/ppp/pap-secrets", pap)
}

/// Spec F1: pppd's matching: the client in so many words counts most, then the server; the first of the best wins.
#[test]
fn f1_the_best_entry_wins_and_of_equals_the_first() {
    for (options, entries, password) in [
        ("user sora", "sora * a\n", "a"),
        ("user sora", "* * a\nsora * b\n", "b"),
        ("user sora", "sora * a\nsora * b\n", "a"),
        (
            "user sora remotename isp",
            "sora * a\n* isp b\nsora isp c\nsora isp d\n",
            "c",
        ),
        ("user sora remotename isp", "* isp a\nsora * b\n", "b"),
        ("user sora remotename isp", "* * a\n* isp b\n", "b"),
        ("user sora remotename isp", "sora other a\n* * b\n", "b"),
        // Without a remotename any server will do.
        ("user sora", "sora * a\nsora isp b\nsora other c\n", "b"),
        ("user 'a b'", "\"a b\" * 'c d'\n", "c d"),
        ("user sora", "sora * \"\"\n", ""),
        ("user sora", "sora\nsora *\nsora * a # x\n", "a"),
        (
            "user sora",
            "sora * a 192.0.2.1 !10.0.0.0/8 -- mtu 9\n",
            "a",
        ),
        ("user sora", "sora *\\\n a\n", "a"),
        ("user sora", "other * x\n\n# sora * y\n sora * 'z#'\n", "z#"),
        // Our name is that of name, or the host's, where user is not given.
        ("name sora", "sora * a\n", "a"),
        ("name sora user mora", "sora * a\nmora * b\n", "b"),
        ("", "gateway * a\n", "a"),
        ("domain example.jp", "gateway.example.jp * a\n", "a"),
        ("name sora usehostname", "sora * a\ngateway * b\n", "b"),
    ] {
        let config = clean("PROVIDER=DTI\n", &with(options, entries, ""));
        assert_eq!(
            found(&config),
            (Auth::Chap, false, password.to_owned(), None),
            "{options}: {entries}"
        );
    }
}

/// Spec F1: what we agree to depends on the secrets that there are.
#[test]
fn f1_protocols_follow_the_secrets() {
    let one = |text: &str| text.to_owned();
    for (options, chap, pap, wanted) in [
        (
            "user s",
            "s * a\n",
            "s * a\n",
            (Auth::Chap, true, one("a"), None),
        ),
        (
            "user s",
            "s * a\n",
            "s * b\n",
            (Auth::Chap, true, one("a"), Some(one("b"))),
        ),
        ("user s", "", "s * b\n", (Auth::Pap, true, one("b"), None)),
        (
            "user s refuse-chap",
            "s * a\n",
            "s * b\n",
            (Auth::Pap, true, one("b"), None),
        ),
        (
            "user s -pap",
            "s * a\n",
            "s * b\n",
            (Auth::Chap, false, one("a"), None),
        ),
        (
            "user s refuse-pap refuse-chap",
            "s * a\n",
            "s * b\n",
            (Auth::NoAuth, false, one(""), None),
        ),
        (
            "user s password c",
            "s * a\n",
            "s * b\n",
            (Auth::Chap, true, one("c"), None),
        ),
        (
            "user s password c refuse-chap",
            "",
            "",
            (Auth::Pap, true, one("c"), None),
        ),
        (
            "user s password ''",
            "s * a\n",
            "",
            (Auth::Chap, false, one(""), None),
        ),
        ("", "s * a\n", "", (Auth::NoAuth, false, one(""), None)),
        ("+ua /etc/ua", "", "", (Auth::Chap, true, one("pw d"), None)),
    ] {
        let files = with(options, chap, pap).with("/etc/ua", "me\npw d\n");
        let config = clean("PROVIDER=DTI\n", &files);
        assert_eq!(found(&config), wanted, "{options}: {chap}{pap}");
    }
    let moved =
        peers("user s chap-secrets /etc/mine pap-secrets /etc/none\n").with("/etc/mine", "s * a\n");
    assert_eq!(found(&clean("PROVIDER=DTI\n", &moved)).0, Auth::Chap);
}

/// Spec F1: a password that is missing is told with where it was looked for.
#[test]
fn f1_a_missing_secret_is_told() {
    let told = |files| problems(&files);
    assert_eq!(
        told(with("user sora remotename isp\n", "sora other x\n", "")),
        [
            "peers/DTI:2:1: warning: there is no password for \"sora\" at server \"isp\": no entry in chap-secrets or \
             pap-secrets fits; a network that demands one is told that there is none; expected a line: \"sora\" \"isp\" \"PASSWORD\""
        ]
    );
    assert_eq!(
        told(peers("user sora\n").with("/etc/ppp/pap-secrets", "")),
        [
            "peers/DTI:2:1: warning: there is no password for \"sora\" at server \"*\": no entry in chap-secrets (not there) \
             or pap-secrets fits; a network that demands one is told that there is none; expected a line: \"sora\" \"*\" \"PASSWORD\""
        ]
    );
}

/// Spec F1: `@/path`.
#[test]
fn f1_a_secret_may_be_in_a_file_of_its_own() {
    let files =
        with("user sora\n", "sora * @/etc/secret\n", "").with("/etc/secret", "'ge heim' x\n");
    assert_eq!(found(&clean("PROVIDER=DTI\n", &files)).2, "ge heim");
    // An entry whose file cannot be read does not count.
    let files = with("user sora\n", "sora isp @/etc/none\nsora * b\n", "").with_mode(
        "/etc/empty",
        "",
        0o644,
    );
    assert_eq!(
        problems(&files),
        [
            "chap-secrets:1:10: warning: the secret is to be in /etc/none: there is no such file; the entry is skipped; \
             expected a file with the secret as its first word"
        ]
    );
    let files =
        with("user sora\n", "* * @/etc/empty\nsora * b\n", "").with_mode("/etc/empty", "", 0o644);
    assert_eq!(
        problems(&files),
        [
            "/etc/empty: warning: the secret file /etc/empty has world and/or group access: others can read the passwords in \
             it; expected chmod 600",
            "chap-secrets:1:5: warning: the secret is to be in /etc/empty: it has no word in it; the entry is skipped; expected \
             a file with the secret as its first word",
        ]
    );
}

/// Spec F1: a secrets file that others can read, and malformed ones; no line of them is shown.
#[test]
fn f1_bad_secrets_files_are_told_without_a_word_of_them() {
    for mode in [0o604, 0o640, 0o620, 0o601] {
        let files = peers("user sora\n").with_mode("/etc/ppp/chap-secrets", "sora * a\n", mode);
        assert_eq!(
            problems(&files),
            [
                "chap-secrets: warning: the secret file chap-secrets has world and/or group access: others can read the \
                 passwords in it; expected chmod 600"
            ]
        );
    }
    for (entries, problem) in [
        (
            "sora * a\nx * \"b\ny * c\n",
            "2:5: warning: the quote \" is open to the end of the file: no entry behind it is found; expected lines: client server secret",
        ),
        (
            "sora * a\nx * b\0c\n",
            "2:5: warning: a zero byte in a word: what stands behind it in the word is lost; expected lines: client server secret",
        ),
    ] {
        assert_eq!(
            problems(&with("user sora\n", entries, "")),
            [format!("chap-secrets:{problem}")]
        );
    }
    let long = format!("sora * {}\n", "x".repeat(257));
    assert_eq!(
        problems(&with("user sora\n", &long, "")),
        [
            "chap-secrets:1:8: error: the secret is longer than 256 bytes, and pppd would cut it; expected a shorter one"
        ]
    );
    let binary: Vec<u8> = (0..100_000u32)
        .map(|n| u8::try_from(n * 31 % 253).unwrap())
        .collect();
    let files = peers("user sora\n").with("/etc/ppp/chap-secrets", binary);
    let (_, found) = super::read("PROVIDER=DTI\n", &files);
    assert!(!found.is_empty() && found.len() <= 101);
    for one in found.iter().filter(|one| one.file.ends_with("secrets")) {
        assert!(one.source == "<hidden>" || one.source.is_empty(), "{one:?}");
    }
}

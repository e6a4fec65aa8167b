use super::{clean, peers, pppconfig, problems, problems_of};
use crate::config::files::{FileProblem, FileText, MapFiles, SIZE_LIMIT};

fn link(text: &str) -> FileText {
    FileText {
        bytes: text.as_bytes().to_vec().into(),
        mode: 0o600,
        owner: 0,
        is_link: true,
    }
}

/// Spec F1, C2: a file that cannot be read is told with what stands there.
#[test]
fn f1_a_peers_file_that_cannot_be_read_is_told_at_provider() {
    for (problem, words) in [
        (FileProblem::Absent, "there is no such file"),
        (
            FileProblem::DanglingLink,
            "it is a symbolic link to a file that is not there",
        ),
        (FileProblem::LinkCircle, "symbolic links lead in a circle"),
        (FileProblem::NotAFile("a FIFO"), "it is a FIFO, not a file"),
        (FileProblem::TooLarge, "it is larger than 1048576 bytes"),
        (FileProblem::Denied, "permission denied"),
        (
            FileProblem::Failed("Input/output error".to_owned()),
            "Input/output error",
        ),
    ] {
        let files = MapFiles::new().with_text("/etc/ppp/peers/DTI", Err(problem.clone()));
        assert_eq!(
            problems(&files),
            [format!(
                "/etc/default/ppp:1:10: error: PROVIDER: peers/DTI cannot be read: {words}; expected the name of a file with \
                 pppd's options"
            )]
        );
        // The others need not be there; what is there must be readable.
        for path in ["options", "options.ttyS1", "chap-secrets", "pap-secrets"] {
            let files =
                peers("user sora\n").with_text(&format!("/etc/ppp/{path}"), Err(problem.clone()));
            let mut found = problems(&files);
            found.retain(|line| !line.contains("there is no password for"));
            let what = if path.ends_with("secrets") {
                "a file of lines: client server secret"
            } else {
                "a file of pppd's options, or none"
            };
            let line = format!("{path}: error: the file cannot be read: {words}; expected {what}");
            let lines = if problem == FileProblem::Absent {
                vec![]
            } else {
                vec![line]
            };
            assert_eq!(found, lines);
        }
    }
}

/// Spec C2: `call` takes no path out of its folder, and PROVIDER is what is called.
#[test]
fn c2_a_name_that_leads_out_of_the_folder_is_refused() {
    for (name, meant) in [
        ("/etc/ppp/peers/DTI", "; probably meant: PROVIDER=DTI"),
        ("../DTI", "; probably meant: PROVIDER=DTI"),
        ("a/../../DTI", "; probably meant: PROVIDER=DTI"),
        ("..", ""),
    ] {
        assert_eq!(
            problems_of(&format!("PROVIDER={name}\n"), &pppconfig()),
            [format!(
                "/etc/default/ppp:1:10: error: PROVIDER: \"{name}\" leads out of the folder of peers; expected the name of a \
                 file in peers{meant}"
            )
            .replace("/etc/ppp/peers/DTI\"", "peers/DTI\"")]
        );
    }
}

/// Spec F1: a circle of `call` and `file` is told at the word that closes it, with the way there.
#[test]
fn f1_files_that_call_each_other_in_a_circle_are_told() {
    let files = MapFiles::new()
        .with("/etc/ppp/peers/DTI", "noauth\n  call b\n")
        .with("/etc/ppp/peers/b", "file /etc/ppp/peers/DTI\n");
    assert_eq!(
        problems(&files),
        [
            "peers/b:1:6: error: the files name each other in a circle: peers/DTI -> peers/b -> peers/DTI; expected a file \
             that is not being read already"
        ]
    );
    let itself = MapFiles::new().with("/etc/ppp/peers/DTI", "call DTI\n");
    assert_eq!(
        problems(&itself),
        [
            "peers/DTI:1:6: error: the files name each other in a circle: peers/DTI -> peers/DTI; expected a file that is not \
             being read already"
        ]
    );
}

/// Spec F1: neither depth nor number is without a limit.
#[test]
fn f1_files_within_each_other_have_a_limit() {
    let mut deep = MapFiles::new().with("/etc/ppp/peers/DTI", "call 1\n");
    let mut wide = MapFiles::new().with("/etc/ppp/peers/DTI", "call 1\n");
    for n in 1..30 {
        let path = format!("/etc/ppp/peers/{n}");
        deep = deep.with(&path, format!("call {}\n", n + 1));
        wide = wide.with(
            &path,
            format!("{} {}", format!("call {} ", n + 1).repeat(2), "noauth\n"),
        );
    }
    for files in [deep, wide] {
        let found = problems(&files);
        assert!(!found.is_empty() && found.len() < 200, "{}", found.len());
        assert!(found.iter().all(|line| line.contains("more than 16 files within each other, or 64 altogether")), "{found:?}");
    }
}

/// Spec F1: malformed files.
#[test]
fn f1_malformed_files_are_told_at_their_place() {
    let long = "x".repeat(2000);
    for (text, problem) in [
        (
            "mtu 1000\nuser 'so\nra\n".to_owned(),
            "3:6: error: the quote ' is open to the end of the file; expected another one behind the value",
        ),
        (
            format!("user {long}\n"),
            "2:6: error: the word is longer than 1023 characters, and pppd would cut it; expected a shorter one",
        ),
        (
            format!("user {}\n", "x".repeat(300)),
            "2:1: error: user: longer than 255 bytes, and pppd would cut it; expected a shorter one",
        ),
        (
            "user so\0ra\n".to_owned(),
            "2:6: error: a zero byte in a word: this is not a text file, or not in UTF-8; expected a text file",
        ),
        (
            "user 'so\nra'\n".to_owned(),
            "2:1: error: user: a control character in its value; is a quote missing?; expected printable text",
        ),
    ] {
        let files = peers(&text).with("/etc/ppp/pap-secrets", "* * x\n");
        assert_eq!(
            problems(&files),
            [format!("peers/DTI:{problem}")],
            "{text:?}"
        );
    }
    let latin = MapFiles::new().with("/etc/ppp/peers/DTI", b"noauth password x user m\xfcller\n");
    assert_eq!(
        problems(&latin),
        [
            "peers/DTI:1:19: error: user: bytes that are not UTF-8 in its value; save the file as UTF-8"
        ]
    );
    let wide = MapFiles::new().with("/etc/ppp/peers/DTI", b"\xff\xfen\0o\0a\0u\0t\0h\0");
    assert_eq!(
        problems(&wide),
        ["peers/DTI: error: the file is UTF-16; save it as UTF-8 or ASCII"]
    );
    let binary: Vec<u8> = (0..200_000u32)
        .map(|n| u8::try_from(n * 7919 % 251).unwrap())
        .collect();
    let found = problems(&MapFiles::new().with("/etc/ppp/peers/DTI", binary));
    assert!((1..=101).contains(&found.len()), "{}", found.len());
    let large = MapFiles::new().with("/etc/ppp/peers/DTI", vec![b'a'; SIZE_LIMIT + 1]);
    assert!(problems(&large)[0].contains("larger than 1048576 bytes"));
    // What an editor on another system adds does no harm.
    clean(
        "PROVIDER=DTI\n",
        &MapFiles::new().with(
            "/etc/ppp/peers/DTI",
            "\u{feff}noauth\r\nttyS1\r\n115200\r\n",
        ),
    );
}

/// Spec F1: who else can change what root dials, or is read in its place, is told.
#[test]
fn f1_files_that_others_can_change_and_links_are_told() {
    const WRITERS: &str = "warning: others than its owner can change this file, and with it what root dials and runs; expected \
                           chmod go-w";
    const LINK: &str = "warning: this is a symbolic link; the file that it leads to is read; expected the file itself";
    let files = MapFiles::new()
        .with_mode("/etc/ppp/options", "", 0o666)
        .with_text(
            "/etc/ppp/peers/DTI",
            Ok(link(
                "noauth ttyS1 115200 user sora connect 'chat -f /etc/chat'\n",
            )),
        )
        .with_text("/etc/ppp/chap-secrets", Ok(link("sora * x\n")))
        .with_mode("/etc/chat", "'' AT", 0o620);
    assert_eq!(
        problems(&files),
        [
            format!("options: {WRITERS}"),
            format!("peers/DTI: {LINK}"),
            format!("chap-secrets: {LINK}"),
            format!("/etc/chat: {WRITERS}"),
        ]
    );
}

/// Spec F1: what is wrong in a chat script, without a word of it.
#[test]
fn f1_a_malformed_chat_script_is_told() {
    let with =
        |script: &[u8]| problems(&peers("connect 'chat -f /etc/chat'\n").with("/etc/chat", script));
    let found = with(b"'' ATZ\nOK 'geheim\n");
    let [only] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        only.starts_with("/etc/chat:2:") && only.contains(": error: ") && !only.contains("geheim"),
        "{only}"
    );
    assert_eq!(
        with(b"'' A\0T\n"),
        ["/etc/chat: error: a zero byte: this is no chat script; expected a text file"]
    );
    let found = with(b"'' ATZ\r\nOK AT\r\n");
    assert!(
        matches!(found.as_slice(), [only] if only.starts_with("/etc/chat:1:7: warning: ")),
        "{found:?}"
    );
}

#[test]
fn an_error_in_one_of_the_files_is_shown_with_its_line() {
    let files = peers("  presist # mine\n");
    let (_, found) = super::read("PROVIDER=DTI\n", &files);
    assert_eq!(
        found[0].render(),
        "error: \"presist\" is no option of pppd's\n --> /etc/ppp/peers/DTI:2:3\n  |\n2 |   presist # mine\n  |   ^^^^^^^\n  \
         |\n  = help: did you mean persist?"
    );
}

//! Files that are none: each gives a diagnosis and status 2, soon.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use protocol_tests::temp::TempDir;

use super::soon;

const COMMANDS: [&[&str]; 4] = [
    &["config", "check"],
    &["config", "show"],
    &["config", "convert"],
    &["export-pppd", "--root", "/nowhere", "--check", "--config"],
];

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let dir = TempDir::new("config-none");
    let fifo = dir.join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    symlink("circle", dir.join("circle")).unwrap();
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    for (path, said) in [
        (path("absent"), "No such file or directory"),
        (
            dir.path().to_str().unwrap().to_owned(),
            "it is not a regular file",
        ),
        (path("fifo"), "it is not a regular file"),
        ("/dev/zero".to_owned(), "it is not a regular file"),
        (path("circle"), "symbolic links"),
    ] {
        for command in COMMANDS {
            let (status, text) = soon(&[command, &[&path]].concat());
            assert_eq!(status, 2, "{command:?} {path}: {text}");
            assert!(
                text.starts_with(&format!(
                    "uplinkd: the configuration {path} cannot be read: "
                )) && text.contains(said)
                    && text.lines().count() == 1,
                "{command:?} {path}: {text}"
            );
        }
        // The service reads it anew at each reload, too.
        let (status, text) = soon(&["run", "--config", &path]);
        assert_eq!(status, 2, "{path}: {text}");
        assert!(
            text.starts_with(&format!(
                "uplinkd: the configuration {path} cannot be read: "
            )) && text.lines().count() == 1,
            "{path}: {text}"
        );
    }
}

#[test]
fn what_is_no_text_is_told_in_a_few_lines() {
    let dir = TempDir::new("config-binary");
    let program = fs::read("/proc/self/exe").unwrap();
    let program = &program[..(64 << 10).min(program.len())];
    let large = format!("# {}\n", "x".repeat(1 << 20));
    let utf16: Vec<u8> = "\u{feff}APN=a\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, bytes, said) in [
        ("program", program, "NUL bytes: it is not text"),
        (
            "zeros",
            &[0; 4096],
            "the file has 4096 NUL bytes: it is not text",
        ),
        (
            "large",
            large.as_bytes(),
            "the file is larger than 1048576 bytes",
        ),
        ("utf16", &utf16, "the file is UTF-16"),
        (
            "program.toml",
            program,
            "the file is not UTF-8 from here on",
        ),
        (
            "large.toml",
            large.as_bytes(),
            "the file is larger than 1048576 bytes",
        ),
    ] {
        let path = dir.write(name, bytes);
        for command in COMMANDS {
            let (status, text) = soon(&[command, &[path.to_str().unwrap()]].concat());
            assert_eq!(status, 2, "{name}: {text}");
            assert!(
                text.contains(said) && text.lines().count() < 12,
                "{name}: {text}"
            );
            assert!(!text.contains('\0') && !text.contains('\u{1b}'), "{name}");
        }
    }
}

/// A file of DOS or Windows, behind a symbolic link.
#[test]
fn line_ends_of_dos_a_byte_order_mark_and_a_link_do_not_matter() {
    let dir = TempDir::new("config-dos");
    dir.write(
        "real",
        "\u{feff}# PPP config\r\nAPN='dream.jp'\r\nHOLDOFF=\"7\"\r\n\r\n",
    );
    symlink("real", dir.join("ppp")).unwrap();
    let (status, text) = soon(&["config", "check", dir.join("ppp").to_str().unwrap()]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("APN \"dream.jp\"") && text.contains("the next attempt after 7 s"));
    assert!(!text.contains("warning"), "{text}");
}

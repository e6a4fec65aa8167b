//! The Upstart job, as far as it can be checked without Upstart: its stanzas are known ones, and its scripts are good shell
//! (spec U2).

use std::fs;
use std::process::Command;
use std::time::Duration;

use protocol_tests::machine::project;
use protocol_tests::process::run;
use protocol_tests::temp::TempDir;

/// What init(5) knows, as far as the job uses it: the first words, and how many more there are at least.
const STANZAS: &[(&str, usize)] = &[
    ("description", 1),
    ("start on", 1),
    ("stop on", 1),
    ("respawn", 0),
    ("respawn limit", 2),
    ("normal exit", 1),
    ("kill timeout", 1),
    ("umask", 1),
    ("limit core", 2),
    ("exec", 1),
];

/// The job's stanzas, and its scripts by their names.
fn parse(text: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut stanzas = Vec::new();
    let mut scripts = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(name) = line.strip_suffix("script") else {
            stanzas.push(line.to_owned());
            continue;
        };
        let mut body = String::new();
        loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("{name}script has no end"));
            if line.trim() == "end script" {
                break;
            }
            body.push_str(line);
            body.push('\n');
        }
        scripts.push((name.trim().to_owned(), body));
    }
    (stanzas, scripts)
}

fn job() -> String {
    fs::read_to_string(project().join("upstart/ppp.conf")).unwrap()
}

#[test]
fn u2_every_stanza_of_the_upstart_job_is_one() {
    let (stanzas, scripts) = parse(&job());
    for stanza in &stanzas {
        let known = STANZAS.iter().any(|(name, least)| {
            stanza
                .strip_prefix(name)
                .is_some_and(|rest| rest.split_whitespace().count() >= *least)
        });
        assert!(known, "{stanza}");
    }
    let count = |word: &str| stanzas.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(
        (count("exec"), count("start on"), count("stop on")),
        (1, 1, 1)
    );
    let names: Vec<&str> = scripts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["pre-start", "post-stop"]);
    // Brackets of an event expression.
    let start = stanzas
        .iter()
        .find(|line| line.starts_with("start on"))
        .unwrap();
    assert_eq!(start.matches('(').count(), start.matches(')').count());
}

/// Runs the script before the start with a `stop` and `mkdir` that only note what they were asked for.
fn asked_to_stop(config: &str, events: &str) -> bool {
    let dir = TempDir::new("upstart");
    let config = dir.write("ppp", config);
    let (_, scripts) = parse(&job());
    let script = scripts[0]
        .1
        .replace("/etc/default/ppp", &config.display().to_string());
    let mut command = Command::new("sh");
    command
        .args([
            "-e",
            "-c",
            &format!("mkdir() {{ :; }}; stop() {{ echo STOP; }}\n{script}"),
        ])
        .env("UPSTART_EVENTS", events);
    let (status, text) = run("pre-start", command, Duration::from_secs(30));
    assert!(status.success(), "{text}");
    text.contains("STOP")
}

#[test]
fn c1_the_upstart_job_starts_at_the_boot_only_with_start_yes() {
    let boot = "local-filesystems net-device-up";
    assert!(!asked_to_stop("APN=x\nSTART=yes\n", boot));
    assert!(!asked_to_stop("START=\"yes\"\n", boot));
    assert!(!asked_to_stop("START='yes'\n", boot));
    assert!(asked_to_stop("START=no\n", boot));
    assert!(asked_to_stop("#START=yes\n", boot));
    assert!(!asked_to_stop("START=no\n", ""));
}

#[test]
fn u2_the_scripts_of_the_upstart_job_and_ours_are_good_shell() {
    let dir = TempDir::new("shell");
    for (name, body) in parse(&job()).1 {
        let path = dir.write(&name, body);
        let mut command = Command::new("sh");
        command.arg("-n").arg(path);
        let (status, text) = run(&name, command, Duration::from_secs(30));
        assert!(status.success(), "{name}: {text}");
    }
    for (shell, path) in [("sh", "systemd/ended"), ("bash", "scripts/install")] {
        let mut command = Command::new(shell);
        command.arg("-n").arg(project().join(path));
        let (status, text) = run(path, command, Duration::from_secs(30));
        assert!(status.success(), "{path}: {text}");
    }
}

//! The keys of chat scripts, hooks and DNS (spec N3, N4, F1).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{BASE, FILE, FULL, config, problems};
use crate::chat;
use crate::config::{Config, Dialer, DnsConfig, DnsManager, ScriptsConfig, Severity, read};

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn everything_about_the_system_can_be_said() {
    let found = config(FULL);
    let words = |words: &[&str]| {
        chat::Script::from_words(words.iter().map(|word| (*word).to_owned()).collect())
    };
    let Dialer::Chat(call) = &found.dialer else {
        panic!("{:?}", found.dialer);
    };
    assert_eq!(
        **call,
        chat::Call {
            script: words(&["ABORT", "BUSY", "", "ATZ", "OK", "ATD\\T"]),
            options: chat::Options {
                show: true,
                char_delay: Duration::from_millis(10),
                timeout: SECONDS(50),
                phone: Some("*99#".to_owned()),
                phone2: Some("*98#".to_owned()),
                verbose: true,
                echo: true,
                expand: true,
            },
        }
    );
    assert_eq!(
        found.disconnect.as_deref(),
        Some(&chat::Call {
            script: words(&["", "\\d+++\\d\\c"]),
            options: chat::Options {
                timeout: SECONDS(20),
                phone2: Some("1".to_owned()),
                ..chat::Options::default()
            },
        })
    );
    assert_eq!(found.max_connect, Some(SECONDS(3_600)));
    assert_eq!(
        found.scripts,
        ScriptsConfig {
            enabled: false,
            timeout: SECONDS(20),
            ip_pre_up: Some(PathBuf::from("/usr/local/sbin/before")),
            ip_up: Some(PathBuf::from("/usr/local/sbin/up")),
            ip_down: Some(PathBuf::from("/usr/local/sbin/down")),
            ipparam: Some("site 42".to_owned()),
            linkname: Some("backup".to_owned()),
            environment: vec![
                ("SITE".to_owned(), "42".to_owned()),
                ("EMPTY".to_owned(), String::new()),
            ],
            call_file: Some("dti".to_owned()),
        }
    );
    assert_eq!(
        found.dns,
        DnsConfig {
            manager: DnsManager::File,
            use_peer: false,
            fallback: vec![
                IpAddr::from([192, 0, 2, 53]),
                "2001:db8::53".parse().unwrap()
            ],
        }
    );
}

#[test]
fn what_is_empty_is_not_set() {
    let text = format!(
        "{BASE}direct = false\n[connect]\nscript = []\n[ppp]\nmax_connect = 0\n[scripts]\nip_up = \"\"\nipparam = \"\"\n\
         linkname = \"\"\nenvironment = []\n[dns]\nfallback = []\nmanager = \"auto\"\n"
    );
    assert_eq!(problems(&text), Vec::<String>::new());
    assert_eq!(config(&text), config(BASE));
    let direct = config("modem.direct = true\n");
    assert_eq!(
        direct,
        Config {
            dialer: Dialer::Direct,
            ..Config::default()
        }
    );
}

#[test]
fn each_mistake_has_its_place() {
    for (text, problem) in [
        (
            "[dns]\nmanager = \"Resolved\"",
            "5:11: error: dns.manager: \"Resolved\" is not one of its values; expected auto, resolved, resolvconf, file or none; probably meant: manager = \"resolved\"",
        ),
        (
            "[dns]\nfallback = [\"192.0.2.1\", \"dns\"]",
            "5:12: error: dns.fallback: \"dns\" is not an IP address; expected the address of a DNS server, e.g. 192.0.2.53",
        ),
        (
            "[dns]\nfalback = [\"192.0.2.1\"]",
            "5:1: error: the key falback is not known here; did you mean fallback?",
        ),
        (
            "[scripts]\nip_up = \"ip-up\"",
            "5:9: error: scripts.ip_up: \"ip-up\" is not the full path of a script; expected e.g. /usr/local/sbin/ip-up",
        ),
        (
            "[scripts]\nenvironment = [\"SITE\"]",
            "5:15: error: scripts.environment: a variable without an equals sign; expected NAME=VALUE, e.g. SITE=42, at most 1000 bytes",
        ),
        (
            "[scripts]\nlinkname = \"../x\"",
            "5:12: error: scripts.linkname: \"../x\" cannot name a link; expected at most 64 letters, digits, dots, dashes and underscores, e.g. backup",
        ),
        (
            "[scripts]\ntimeout = 0.5",
            "5:11: error: scripts.timeout: the time is too short; expected 1 to 86400 seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
        ),
        // It is no "never": scripts that hang would keep ip-down from running.
        (
            "[scripts]\ntimeout = 0",
            "5:11: error: scripts.timeout: the time is too short; expected 1 to 86400 seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
        ),
        (
            "[ppp]\nmax_connect = -1",
            "5:15: error: ppp.max_connect: the time is too short; expected 0 to 31536000 seconds, or a text such as \"500ms\", \"30s\" or \"5min\"",
        ),
        (
            "[connect]\nphone = \"*99#\"",
            "5:9: warning: connect.phone does nothing, because connect.script is not set; expected connect.script too",
        ),
        (
            "direct = true\n[connect]\nscript = [\"\", \"ATD\"]",
            "4:10: error: modem.direct and connect.script do not go together: either nothing is dialed, or the script dials; expected one of them",
        ),
        (
            "[connect]\nscript = [\"\\u0007\"]",
            "5:10: error: connect.script: a word that cannot stand in a chat script; expected words without control characters, at most 1000 bytes each",
        ),
    ] {
        assert_eq!(
            problems(&format!("{BASE}{text}\n")),
            [format!("{FILE}:{problem}")]
        );
    }
}

/// Its words may be a login's.
#[test]
fn a_scripts_line_is_not_shown() {
    let text = format!(
        "{BASE}[connect]\nscript = [\n  \"ssword:\", \"geheim\" \"x\",\n]\n[dns]\nmanager = 5\n"
    );
    let (_, found) = read(FILE, text.as_bytes());
    assert!(found.iter().any(|found| found.severity == Severity::Error));
    for found in found {
        let shown = format!("{} {found}", found.render());
        assert!(!shown.contains("geheim"), "{shown}");
    }
    // The lines behind it are.
    let text = format!("{BASE}[connect]\nscript = [\"a\",\n\"b\"]\n[dns]\nmanager = 5\n");
    let shown: String = read(FILE, text.as_bytes())
        .1
        .iter()
        .map(|found| found.render())
        .collect();
    assert!(shown.contains("8 | manager = 5"), "{shown}");
}

use std::collections::BTreeSet;

use crate::config::files::MapFiles;
use crate::config::pppd::table::{Act, Argument, F4, Planned, Service, find, rows};
use crate::config::pppd_options_page;

/// The names of pppd 2.5's options.
const NAMES: &str = include_str!("options-2.5.txt");
/// And those of its ipv6cp.
const IPV6CP: &str = include_str!("ipv6cp-2.5.txt");
/// The options of Debian's 2.4.9, each behind the number of words that it takes.
const DEBIAN: &str = include_str!("options-2.4.9.txt");

/// Spec F1, F4: every option of pppd's is in the table, once, and nothing else is.
#[test]
fn every_option_of_pppds_is_classified_once() {
    let debian = || DEBIAN.lines().filter_map(|line| line.split_once(' '));
    let wanted: BTreeSet<&str> = NAMES
        .lines()
        .chain(IPV6CP.lines())
        .chain(debian().map(|(_, name)| name))
        .collect();
    assert_eq!(NAMES.lines().count(), 246);
    let names: Vec<&str> = rows().map(|row| row.name).collect();
    let found: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(found, wanted);
    assert_eq!(names.len(), found.len());
    for (count, name) in debian() {
        let row = rows().find(|row| row.name == name).unwrap();
        let takes = usize::from(row.argument != Argument::None);
        assert_eq!(count, takes.to_string(), "{name}");
    }
}

/// Both columns say something, and an option that is honoured acts.
#[test]
fn each_row_is_whole() {
    for row in rows() {
        assert!(!row.note.is_empty() && !row.note.ends_with('.'), "{row:?}");
        assert_eq!(
            row.service == Service::Honour,
            row.act != Act::Nothing,
            "{row:?}"
        );
        let F4::Later(planned) = row.f4;
        // What is done here is done there too.
        if row.service == Service::Honour {
            assert_eq!(planned, Planned::Honour, "{row:?}");
        }
        assert_eq!(find(row.name.as_bytes()).is_some(), !row.is_shape());
    }
}

/// Spec F1: each option alone in a peers file does what its row says.
#[test]
fn what_the_table_says_is_what_happens() {
    for row in rows().filter(|row| !row.is_shape()) {
        let argument = match row.act {
            Act::Call => "other",
            Act::Connect | Act::Disconnect | Act::Init => "'chat \"\" AT'",
            Act::Idle
            | Act::EchoFailure
            | Act::EchoInterval
            | Act::Unit
            | Act::MaxFail
            | Act::MaxOctets => "0",
            Act::File => "/etc/ppp/peers/other",
            Act::IfName => "wan0",
            Act::NetMask => "255.255.255.0",
            Act::RouteMetric => "-1",
            Act::Set => "A=b",
            Act::StopBits => "1",
            Act::Secrets(_) => "/etc/secrets",
            Act::UserFile => "/etc/user",
            Act::Mru | Act::Mtu => "1400",
            _ => match row.argument {
                Argument::None => "",
                Argument::Number => "10",
                Argument::Hex => "a0000",
                Argument::Path => "/x",
                Argument::Text | Argument::Command | Argument::Secret => "21",
            },
        };
        let before = match row.service {
            Service::TakesBack(_) => "auth multilink require-mppe",
            _ if row.act == Act::Demand => "connect 'chat \"\" AT'",
            _ => "",
        };
        let after = if matches!(row.service, Service::TakesBack(_)) {
            "noauth nomultilink nomppe"
        } else {
            ""
        };
        let files = MapFiles::new()
            .with(
                "/etc/ppp/peers/DTI",
                format!(
                    "/dev/ttyS1 115200 {before}\n{} {argument}\n{after}\n",
                    row.name
                ),
            )
            .with("/etc/ppp/peers/other", "mtu 1000\n")
            .with("/etc/secrets", "a * b\n")
            .with("/etc/user", "a\nb\n");
        let mut found = super::problems(&files);
        // A name without a password.
        found.retain(|problem| !problem.contains("there is no password for"));
        match row.service {
            Service::Honour | Service::Always | Service::TakesBack(_) => {
                assert_eq!(found, Vec::<String>::new(), "{}", row.name);
            }
            Service::Warn => {
                assert_eq!(
                    found,
                    [format!(
                        "peers/DTI:2:1: warning: {} is not used: {}; expected no such option; it does no harm",
                        row.name,
                        row.note.replace("/etc/ppp/", "")
                    )]
                );
            }
            Service::Refuse | Service::RefuseIfInForce(_) => {
                let [only] = found.as_slice() else {
                    panic!("{}: {found:?}", row.name);
                };
                assert!(only.starts_with("peers/DTI:2:1: error: "), "{only}");
                assert!(only.contains(row.name) && only.contains(row.note), "{only}");
            }
        }
    }
}

/// `docs/pppd-options.md` is the table; `UPDATE=1` writes it.
#[test]
fn the_page_of_options_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pppd-options.md");
    let page = pppd_options_page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == page,
        "docs/pppd-options.md is not what the table says: UPDATE=1 cargo test the_page_of_options"
    );
}

//! Profiles of modems, and the faults of the simulated one.

use uplinkd::link::ladder::describe;
use uplinkd::modem::profile::NetMode;
use uplinkd::modem::{Profile, Profiles};
use uplinkd::sim::fault;

use super::{blocks, page};

/// The profiles that are shown can be copied into a file.
#[test]
fn example_profiles_can_be_read() {
    let mut checked = 0;
    for path in ["docs/configuration.md", "docs/modems.md"] {
        for text in blocks(&page(path), "toml profile") {
            let mut profiles = Profiles::built_in();
            let added = profiles.add("example.toml", &text);
            assert_eq!(added, Ok(()), "{path}:\n{text}");
            let name = text.split('"').nth(1).unwrap();
            assert!(text.starts_with("name = "), "{path}:\n{text}");
            assert!(profiles.get(name).is_some(), "{path}: {name}");
            checked += 1;
        }
    }
    assert!(checked >= 4, "the examples are not recognised: {checked}");
}

/// What is said of a file with a mistake is what the program says.
#[test]
fn mistakes_in_a_profile_are_shown_as_the_program_tells_them() {
    let page = page("docs/modems.md");
    let files = blocks(&page, "toml mistake");
    let told = blocks(&page, "text mistake");
    assert_eq!((files.len(), told.len()), (1, 1));
    let found = Profiles::built_in().add("/etc/uplinkd/modems/ec25.toml", &files[0]);
    let found: Vec<String> = found.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(found.join("\n"), told[0]);
}

/// The two tables of built-in profiles are made of the profiles themselves.
#[test]
fn built_in_profiles_are_listed_as_they_are() {
    let profiles = Profiles::built_in();
    let names: Vec<String> = profiles.names().map(str::to_owned).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| profiles.get(name).unwrap())
        .collect();
    let page = page("docs/modems.md");
    for (what, row) in [
        ("ports", port_row as fn(&Profile) -> String),
        ("ways", way_row),
    ] {
        let table: Vec<String> = all.iter().map(|profile| row(profile)).collect();
        let table = table.join("\n");
        assert!(
            page.contains(&table),
            "docs/modems.md must show these {what}:\n{table}"
        );
    }
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let texts: Vec<String> = items.iter().map(text).collect();
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join(", ")
    }
}

fn port_row(profile: &Profile) -> String {
    let usb = list(&profile.recognise.usb, |(vendor, product)| match product {
        Some(product) => format!("{vendor:04x}:{product:04x}"),
        None => format!("{vendor:04x}:*"),
    });
    let number = |port: &u8| port.to_string();
    let ports = &profile.ports;
    let dial = ports
        .dial
        .map_or_else(|| "asked".to_owned(), |port| port.to_string());
    let at = list(&ports.at, number);
    let ignore = list(&ports.ignore, number);
    let aliases = list(&profile.aliases, String::clone);
    let name = &profile.name;
    format!("| `{name}` | {usb} | {dial} | {at} | {ignore} | {aliases} |")
}

fn way_row(profile: &Profile) -> String {
    let modes: Vec<NetMode> = profile.netmode.keys().copied().collect();
    let modes = list(&modes, |mode| mode.as_str().to_owned());
    let reset = &profile.reset;
    let steps = list(&reset.steps, describe);
    let [gone, back, wait] =
        [reset.gone_within, reset.back_within, reset.wait].map(|time| time.as_secs());
    let guesses = list(&profile.guesses, String::clone);
    let (name, dial) = (&profile.name, &profile.dial);
    format!(
        "| `{name}` | `{}`, {} s | {modes} | {} | {steps} | {gone}, {back} | {wait} | {guesses} |",
        dial.dial,
        dial.dial_timeout.as_secs(),
        if profile.flash_wear { "yes" } else { "no" },
    )
}

#[test]
fn faults_are_listed_as_the_help_lists_them() {
    let shown = blocks(&page("docs/testing-without-a-modem.md"), "text");
    let list: String = fault::list()
        .iter()
        .map(|(syntax, about)| format!("{syntax:<26} {about}\n"))
        .collect();
    assert!(
        shown.iter().any(|block| block == list.trim_end()),
        "docs/testing-without-a-modem.md must show this:\n{list}"
    );
}

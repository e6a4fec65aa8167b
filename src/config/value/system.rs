//! What the values of `[scripts]`, `[dns]`, `[connect]` and `[disconnect]` may be.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::{Refusal, character, choice, shown};
use crate::config::DnsManager;

/// The longest word, argument or variable, in bytes.
const MAX_TEXT: usize = 1_000;

/// A script, by its full path.
pub(in crate::config) fn script(text: &str) -> Result<PathBuf, Refusal> {
    let plain = !text.chars().any(char::is_control) && text.len() <= MAX_TEXT;
    if plain && text.starts_with('/') && !text.ends_with('/') {
        return Ok(PathBuf::from(text));
    }
    Err(Refusal::new(
        format!("{} is not the full path of a script", shown(text)),
        "e.g. /usr/local/sbin/ip-up",
    ))
}

/// An argument of the scripts, such as `ipparam`.
pub(in crate::config) fn script_argument(text: &str) -> Result<String, Refusal> {
    let expected = "a text without control characters, at most 1000 bytes";
    if let Some(bad) = text.chars().find(|c| c.is_control()) {
        let what = format!("{} does not belong into an argument", character(bad));
        return Err(Refusal::new(what, expected));
    }
    if text.len() > MAX_TEXT {
        return Err(Refusal::new("the text is too long", expected));
    }
    Ok(text.to_owned())
}

/// `linkname`: a part of the name of a pid file.
pub(in crate::config) fn link_name(text: &str) -> Result<String, Refusal> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if (1..=64).contains(&text.len()) && text.chars().all(valid) && !text.starts_with('.') {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        format!("{} cannot name a link", shown(text)),
        "at most 64 letters, digits, dots, dashes and underscores, e.g. backup",
    ))
}

/// `NAME=VALUE` for the environment of scripts. The refusal does not tell the value.
pub(in crate::config) fn variable(text: &str) -> Result<(String, String), Refusal> {
    let expected = "NAME=VALUE, e.g. SITE=42, at most 1000 bytes";
    let Some((name, value)) = text.split_once('=') else {
        return Err(Refusal::new("a variable without an equals sign", expected));
    };
    let valid = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let named = !name.is_empty()
        && name.chars().all(valid)
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !named {
        let what = format!("{} cannot name a variable", shown(name));
        return Err(Refusal::new(what, expected));
    }
    if text.len() > MAX_TEXT || value.contains('\0') {
        let what = format!("the value of {name} cannot be a variable's");
        return Err(Refusal::new(what, expected));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A word of a chat script, its escapes as they stand. The refusal does not tell the word: it may be a password.
pub(in crate::config) fn chat_word(text: &str) -> Result<(), Refusal> {
    if text.len() <= MAX_TEXT && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Refusal::new(
        "a word that cannot stand in a chat script",
        "words without control characters, at most 1000 bytes each",
    ))
}

/// `dns.manager`.
pub(in crate::config) fn dns_manager(text: &str) -> Result<DnsManager, Refusal> {
    let choices = ["auto", "resolved", "resolvconf", "file", "none"];
    Ok(match choice(text, &choices)? {
        "resolved" => DnsManager::Resolved,
        "resolvconf" => DnsManager::Resolvconf,
        "file" => DnsManager::File,
        "none" => DnsManager::None,
        _ => DnsManager::Auto,
    })
}

/// A DNS server that may be asked instead of the peer's.
pub(in crate::config) fn dns_server(text: &str) -> Result<IpAddr, Refusal> {
    let expected = "the address of a DNS server, e.g. 192.0.2.53";
    let Ok(address) = text.parse::<IpAddr>() else {
        let what = format!("{} is not an IP address", shown(text));
        return Err(Refusal::new(what, expected));
    };
    let bad = address.is_unspecified()
        || address.is_multicast()
        || address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if bad {
        let what = format!("{address} is not the address of a host");
        return Err(Refusal::new(what, expected));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what<T: std::fmt::Debug>(found: Result<T, Refusal>) -> String {
        found.expect_err("must be refused").what
    }

    #[test]
    fn scripts_have_full_paths() {
        assert_eq!(script("/etc/ppp/x"), Ok(PathBuf::from("/etc/ppp/x")));
        for text in ["ip-up", "/etc/ppp/", "/a\nb", ""] {
            assert!(what(script(text)).ends_with("is not the full path of a script"));
        }
    }

    #[test]
    fn a_variable_has_a_name_and_its_value_is_not_told() {
        assert_eq!(
            variable("A_1=b=c"),
            Ok(("A_1".to_owned(), "b=c".to_owned()))
        );
        assert_eq!(
            what(variable("geheim")),
            "a variable without an equals sign"
        );
        assert_eq!(what(variable("1A=x")), "\"1A\" cannot name a variable");
        assert!(!what(variable("A=geheim\0")).contains("geheim"));
    }

    #[test]
    fn link_names_are_parts_of_file_names() {
        assert_eq!(link_name("backup-1"), Ok("backup-1".to_owned()));
        for text in ["", "../x", "a/b", ".x", "a b"] {
            assert!(what(link_name(text)).ends_with("cannot name a link"));
        }
    }

    #[test]
    fn dns_servers_are_hosts() {
        assert!(dns_server("192.0.2.53").is_ok() && dns_server("2001:db8::53").is_ok());
        assert!(dns_server("127.0.0.53").is_ok());
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "dns.example",
            "",
        ] {
            assert!(dns_server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_manager_is_one_of_five() {
        assert_eq!(dns_manager("file"), Ok(DnsManager::File));
        let refusal = dns_manager("Resolved").expect_err("must be refused");
        assert_eq!(refusal.meant.as_deref(), Some("resolved"));
    }
}

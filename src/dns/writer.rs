//! The one writer: who tells the system of the link's servers.
//!
//! Two writers of one file undo each other's work, and the last to put back what it found puts back the other's servers
//! for good. So there is one: a script of `/etc/ppp/ip-up.d` that does it already, or we, by the means that the system has.

use std::fmt;

use crate::config::DnsManager;
use crate::dns::script::Means;

/// Who tells the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writer {
    /// A script that runs when the link comes up.
    Hook,
    /// systemd-resolved, told by us.
    Resolved,
    /// resolvconf or openresolv, told by us.
    Resolvconf,
    /// We replace `/etc/resolv.conf`.
    File,
    /// Nobody.
    Nobody,
}

impl Writer {
    /// As the status has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hook => "script",
            Self::Resolved => "resolved",
            Self::Resolvconf => "resolvconf",
            Self::File => "file",
            Self::Nobody => "none",
        }
    }
}

/// What the system is, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Scripts that will run when the link comes up, in their order, and that hand servers on. Empty where scripts are
    /// not run.
    pub hooks: Vec<Hook>,
    /// What `/etc/resolv.conf` is.
    pub place: Place,
    /// It is not `/etc/resolv.conf` that is to be written, but a file elsewhere: the system's programs are left out.
    pub elsewhere: bool,
    /// `/sbin/resolvconf`.
    pub resolvconf: Resolvconf,
    /// Whether there is a `resolvectl`.
    pub resolvectl: bool,
    /// Whether systemd-resolved answers.
    pub resolved_runs: bool,
}

/// A script that hands servers on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its path.
    pub path: String,
    /// How it does that.
    pub kind: HookKind,
}

/// What a script does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// Debian's `0000usepeerdns` (package ppp): writes `/etc/resolv.conf`, unless resolvconf is there or
    /// systemd-resolved runs.
    UsePeerDns,
    /// `000resolvconf` (packages resolvconf and openresolv): does nothing without `/sbin/resolvconf`.
    Resolvconf,
    /// Another, by its text.
    Other(Means),
}

/// What `/etc/resolv.conf` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Place {
    /// It is not there.
    #[default]
    Absent,
    /// A file of nobody in particular.
    File,
    /// A link to a file of systemd-resolved.
    Resolved,
    /// A link to a file of resolvconf, or a file that says that resolvconf has made it.
    Resolvconf,
    /// The same of NetworkManager.
    NetworkManager,
    /// A link to somewhere else.
    Link,
}

/// `/sbin/resolvconf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resolvconf {
    /// There is none.
    #[default]
    Absent,
    /// Debian's resolvconf, or openresolv.
    Program,
    /// `resolvectl` under its name: it tells systemd-resolved.
    Resolvectl,
}

/// The choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who does it.
    pub writer: Writer,
    /// Why he.
    pub reason: Reason,
    /// A script that does it too, against the configuration.
    pub clash: Option<Hook>,
}

/// Why it is he.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `dns.manager` says so.
    Configured(Writer),
    /// A script does it.
    Script(Hook),
    /// `/etc/resolv.conf` is a file of systemd-resolved.
    ResolvedsFile,
    /// There is a resolvconf.
    ResolvconfIsThere,
    /// `/etc/resolv.conf` is nobody's.
    NobodysFile,
    /// It is NetworkManager's, which is not told of the link.
    NetworkManagersFile,
    /// It is systemd-resolved's, which does not run or cannot be told.
    ResolvedIsSilent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured(Writer::Nobody) => {
                f.write_str("nobody tells the system: dns.manager is \"none\"")
            }
            Self::Configured(writer) => {
                write!(f, "dns.manager is \"{}\"", writer.as_str())
            }
            Self::Script(Hook { path, kind }) => match kind {
                HookKind::UsePeerDns => write!(f, "{path} writes /etc/resolv.conf"),
                HookKind::Resolvconf => write!(f, "{path} calls resolvconf"),
                HookKind::Other(means) => write!(f, "{path} {}", means.as_str()),
            },
            Self::ResolvedsFile => f.write_str("/etc/resolv.conf is systemd-resolved's"),
            Self::ResolvconfIsThere => f.write_str("resolvconf is installed"),
            Self::NobodysFile => f.write_str("no other program manages /etc/resolv.conf"),
            Self::NetworkManagersFile => {
                f.write_str("/etc/resolv.conf is NetworkManager's, which does not know this link")
            }
            Self::ResolvedIsSilent => {
                f.write_str("/etc/resolv.conf is systemd-resolved's, which does not answer")
            }
        }
    }
}

/// Who tells the system, by the configuration and what the system is.
#[must_use]
pub fn decide(manager: DnsManager, facts: &Facts) -> Decision {
    let hook = facts.hooks.iter().find(|hook| acts(hook.kind, facts));
    let configured = |writer: Writer| Decision {
        writer,
        reason: Reason::Configured(writer),
        // Of no account where nobody is wanted: what scripts do is the operator's business then.
        clash: hook.filter(|_| writer != Writer::Nobody).cloned(),
    };
    match manager {
        DnsManager::Resolved => return configured(Writer::Resolved),
        DnsManager::Resolvconf => return configured(Writer::Resolvconf),
        DnsManager::File => return configured(Writer::File),
        DnsManager::None => return configured(Writer::Nobody),
        DnsManager::Auto => {}
    }
    let (writer, reason) = match hook {
        Some(hook) => (Writer::Hook, Reason::Script(hook.clone())),
        None => by_system(facts),
    };
    Decision {
        writer,
        reason,
        clash: None,
    }
}

/// Whether a script does anything on this system.
fn acts(kind: HookKind, facts: &Facts) -> bool {
    match kind {
        HookKind::UsePeerDns => facts.resolvconf == Resolvconf::Absent && !facts.resolved_runs,
        HookKind::Resolvconf => facts.resolvconf != Resolvconf::Absent,
        HookKind::Other(_) => true,
    }
}

fn by_system(facts: &Facts) -> (Writer, Reason) {
    if facts.elsewhere {
        return (Writer::File, Reason::NobodysFile);
    }
    if facts.place == Place::Resolved && facts.resolved_runs && facts.resolvectl {
        return (Writer::Resolved, Reason::ResolvedsFile);
    }
    if facts.resolvconf == Resolvconf::Program {
        return (Writer::Resolvconf, Reason::ResolvconfIsThere);
    }
    let reason = match facts.place {
        Place::Resolved => Reason::ResolvedIsSilent,
        Place::NetworkManager => Reason::NetworkManagersFile,
        Place::Absent | Place::File | Place::Resolvconf | Place::Link => Reason::NobodysFile,
    };
    (Writer::File, reason)
}

/// What the target of a symbolic link, or the path of a file, tells of who makes it.
#[must_use]
pub fn place_of_link(target: &str) -> Place {
    let has = |part: &str| target.contains(part);
    if has("/systemd/resolve/") || target.ends_with("lib/systemd/resolv.conf") {
        Place::Resolved
    } else if has("run/resolvconf/") || has("/etc/resolvconf/") {
        Place::Resolvconf
    } else if has("run/NetworkManager/") {
        Place::NetworkManager
    } else {
        Place::Link
    }
}

/// What a file's text tells of who makes it: such programs say so in its first lines.
#[must_use]
pub fn place_of_text(text: &[u8]) -> Place {
    let comments = text
        .split(|byte| *byte == b'\n')
        .take(5)
        .filter(|line| line.starts_with(b"#"));
    for line in comments {
        let line = String::from_utf8_lossy(line).to_ascii_lowercase();
        if line.contains("generated by networkmanager") {
            return Place::NetworkManager;
        }
        if line.contains("generated by resolvconf") {
            return Place::Resolvconf;
        }
    }
    Place::File
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str, kind: HookKind) -> Hook {
        Hook {
            path: format!("/etc/ppp/ip-up.d/{name}"),
            kind,
        }
    }

    fn usepeerdns() -> Vec<Hook> {
        vec![hook("0000usepeerdns", HookKind::UsePeerDns)]
    }

    fn auto(facts: &Facts) -> (Writer, String) {
        let decision = decide(DnsManager::Auto, facts);
        assert_eq!(decision.clash, None);
        (decision.writer, decision.reason.to_string())
    }

    #[test]
    fn n3_debians_script_is_the_writer_where_it_acts() {
        let facts = Facts {
            hooks: usepeerdns(),
            place: Place::File,
            ..Facts::default()
        };
        let said = "/etc/ppp/ip-up.d/0000usepeerdns writes /etc/resolv.conf".to_owned();
        assert_eq!(auto(&facts), (Writer::Hook, said));
    }

    #[test]
    fn n3_debians_script_does_nothing_with_resolved_so_we_do() {
        let facts = Facts {
            hooks: usepeerdns(),
            place: Place::Resolved,
            resolved_runs: true,
            resolvectl: true,
            resolvconf: Resolvconf::Resolvectl,
            ..Facts::default()
        };
        let said = "/etc/resolv.conf is systemd-resolved's".to_owned();
        assert_eq!(auto(&facts), (Writer::Resolved, said));
    }

    #[test]
    fn n3_resolvconfs_own_script_is_the_writer_where_it_is_installed() {
        let mut facts = Facts {
            hooks: vec![
                hook("0000usepeerdns", HookKind::UsePeerDns),
                hook("000resolvconf", HookKind::Resolvconf),
            ],
            place: Place::Resolvconf,
            resolvconf: Resolvconf::Program,
            ..Facts::default()
        };
        let said = "/etc/ppp/ip-up.d/000resolvconf calls resolvconf".to_owned();
        assert_eq!(auto(&facts), (Writer::Hook, said));
        // Without the scripts (no ppp folder, or scripts are off) we tell it.
        facts.hooks.clear();
        let said = "resolvconf is installed".to_owned();
        assert_eq!(auto(&facts), (Writer::Resolvconf, said));
    }

    #[test]
    fn n3_a_script_left_behind_by_a_removed_resolvconf_does_not_count() {
        // The package is removed, not purged: its script is still there.
        let facts = Facts {
            hooks: vec![hook("000resolvconf", HookKind::Resolvconf)],
            place: Place::File,
            ..Facts::default()
        };
        let said = "no other program manages /etc/resolv.conf".to_owned();
        assert_eq!(auto(&facts), (Writer::File, said));
    }

    #[test]
    fn n3_an_operators_own_script_is_the_writer() {
        let facts = Facts {
            hooks: vec![hook("dns", HookKind::Other(Means::File))],
            place: Place::Resolved,
            resolved_runs: true,
            resolvectl: true,
            ..Facts::default()
        };
        let said = "/etc/ppp/ip-up.d/dns writes /etc/resolv.conf".to_owned();
        assert_eq!(auto(&facts), (Writer::Hook, said));
    }

    #[test]
    fn n3_what_cannot_be_told_is_replaced() {
        for (place, runs, said) in [
            (
                Place::Absent,
                false,
                "no other program manages /etc/resolv.conf",
            ),
            (
                Place::Link,
                false,
                "no other program manages /etc/resolv.conf",
            ),
            (
                Place::Resolved,
                false,
                "/etc/resolv.conf is systemd-resolved's, which does not answer",
            ),
            // It runs, and nobody asks it: its file is not in place.
            (
                Place::File,
                true,
                "no other program manages /etc/resolv.conf",
            ),
            (
                Place::NetworkManager,
                false,
                "/etc/resolv.conf is NetworkManager's, which does not know this link",
            ),
        ] {
            let facts = Facts {
                place,
                resolved_runs: runs,
                resolvectl: true,
                ..Facts::default()
            };
            assert_eq!(auto(&facts), (Writer::File, said.to_owned()), "{place:?}");
        }
    }

    #[test]
    fn n3_a_file_elsewhere_leaves_the_systems_programs_alone() {
        let facts = Facts {
            elsewhere: true,
            place: Place::Resolved,
            resolved_runs: true,
            resolvectl: true,
            resolvconf: Resolvconf::Program,
            ..Facts::default()
        };
        assert_eq!(auto(&facts).0, Writer::File);
    }

    #[test]
    fn n3_the_configuration_wins_and_a_second_writer_is_named() {
        let facts = Facts {
            hooks: usepeerdns(),
            place: Place::File,
            ..Facts::default()
        };
        for (manager, writer) in [
            (DnsManager::Resolved, Writer::Resolved),
            (DnsManager::Resolvconf, Writer::Resolvconf),
            (DnsManager::File, Writer::File),
        ] {
            let decision = decide(manager, &facts);
            assert_eq!(decision.writer, writer);
            assert_eq!(decision.reason, Reason::Configured(writer));
            assert_eq!(decision.clash, usepeerdns().pop());
        }
        let nobody = decide(DnsManager::None, &facts);
        assert_eq!((nobody.writer, nobody.clash), (Writer::Nobody, None));
        let said = nobody.reason.to_string();
        assert_eq!(said, "nobody tells the system: dns.manager is \"none\"");
    }

    #[test]
    fn n3_knows_whose_file_it_is() {
        for (target, place) in [
            ("../run/systemd/resolve/stub-resolv.conf", Place::Resolved),
            ("/run/systemd/resolve/resolv.conf", Place::Resolved),
            ("/usr/lib/systemd/resolv.conf", Place::Resolved),
            ("/run/resolvconf/resolv.conf", Place::Resolvconf),
            ("/etc/resolvconf/run/resolv.conf", Place::Resolvconf),
            ("/var/run/NetworkManager/resolv.conf", Place::NetworkManager),
            ("/tmp/resolv.conf", Place::Link),
            ("/etc/ppp/resolv.conf", Place::Link),
        ] {
            assert_eq!(place_of_link(target), place, "{target}");
        }
        for (text, place) in [
            (
                "# Generated by NetworkManager\nnameserver 192.0.2.1\n",
                Place::NetworkManager,
            ),
            (
                "# Generated by resolvconf\nnameserver 192.0.2.1\n",
                Place::Resolvconf,
            ),
            ("nameserver 192.0.2.1\n", Place::File),
            ("", Place::File),
        ] {
            assert_eq!(place_of_text(text.as_bytes()), place, "{text}");
        }
    }
}

//! What the system has for DNS servers: looked up anew for each link, since packages come and go.

use std::fs;
use std::path::{Path, PathBuf};

use super::dns_command::{find, is_executable};
use super::{resolv_conf, resolvconf, resolved, state_file};
use crate::dns::script::{is_run_parts_name, means, names, runs_folder};
use crate::dns::{Facts, Hook, HookKind};

/// The file that programs read.
pub const ETC_RESOLV_CONF: &str = "/etc/resolv.conf";

/// So much of a script is read, and so many of them.
const MAX_SCRIPT: u64 = 65_536;
const MAX_SCRIPTS: usize = 256;

/// Which scripts run when a link comes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPlaces {
    /// pppd's folder: `/etc/ppp`.
    pub ppp_dir: PathBuf,
    /// `ip-up-script`, if it is another.
    pub ip_up: Option<PathBuf>,
}

/// Looks. Scripts are left out with `None`: they do not run, or are not told any servers. Blocks for as long as the disk
/// takes.
#[must_use]
pub fn gather(resolv_conf: &Path, scripts: Option<&ScriptPlaces>) -> Facts {
    Facts {
        hooks: scripts.map(hooks).unwrap_or_default(),
        place: resolv_conf::place_of(resolv_conf),
        elsewhere: resolv_conf != Path::new(ETC_RESOLV_CONF),
        resolvconf: resolvconf::kind(),
        resolvectl: find("resolvectl").is_some(),
        resolved_runs: resolved::runs(),
    }
}

/// The scripts that hand servers on, as far as they will run: `ip-up` itself, and the folder where it runs that or is
/// absent (spec N4).
fn hooks(places: &ScriptPlaces) -> Vec<Hook> {
    let mut hooks = Vec::new();
    let ip_up = places
        .ip_up
        .clone()
        .unwrap_or_else(|| places.ppp_dir.join("ip-up"));
    if is_executable(&ip_up) {
        let text = read(&ip_up);
        hooks.extend(hook(&ip_up, &text));
        let local = places.ppp_dir.join("ip-up.local");
        if names(&text, "ip-up.local") && is_executable(&local) {
            // Debian's runs it in place of the folder.
            hooks.extend(hook(&local, &read(&local)));
            return hooks;
        }
        if !runs_folder(&text, "ip-up.d") {
            return hooks;
        }
    } else if places.ip_up.is_some() {
        return hooks;
    }
    for script in scripts_of(&places.ppp_dir.join("ip-up.d")) {
        let kind = match script.file_name().and_then(|name| name.to_str()) {
            Some("0000usepeerdns") => Some(HookKind::UsePeerDns),
            Some("000resolvconf") => Some(HookKind::Resolvconf),
            Some(_) | None => means(&read(&script)).map(HookKind::Other),
        };
        hooks.extend(kind.map(|kind| Hook {
            path: script.display().to_string(),
            kind,
        }));
    }
    hooks
}

fn hook(path: &Path, text: &[u8]) -> Option<Hook> {
    Some(Hook {
        path: path.display().to_string(),
        kind: HookKind::Other(means(text)?),
    })
}

/// What `run-parts` would run, in its order.
fn scripts_of(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut scripts: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_run_parts_name))
        .map(|entry| entry.path())
        .collect();
    // In their order first: which of them count is not the file system's business.
    scripts.sort();
    scripts.retain(|path| is_executable(path));
    scripts.truncate(MAX_SCRIPTS);
    scripts
}

/// Its text; nothing of a program, or of what cannot be read.
fn read(path: &Path) -> Vec<u8> {
    state_file::read_limited(path, MAX_SCRIPT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::dns::Place;
    use crate::dns::script::Means;
    use crate::io::testing::TestDir;

    struct Ppp(TestDir);

    impl Ppp {
        fn new() -> Self {
            let dir = TestDir::new();
            fs::create_dir(dir.join("ip-up.d")).unwrap();
            Self(dir)
        }

        fn script(&self, name: &str, text: &str) -> &Self {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            self
        }

        fn plain(&self, name: &str, text: &str) -> &Self {
            fs::write(self.0.join(name), text).unwrap();
            self
        }

        /// Names and kinds.
        fn hooks(&self) -> Vec<(String, HookKind)> {
            let places = ScriptPlaces {
                ppp_dir: self.0.path().to_owned(),
                ip_up: None,
            };
            let hooks = hooks(&places).into_iter().map(|hook| {
                let path = Path::new(&hook.path).strip_prefix(self.0.path()).unwrap();
                (path.display().to_string(), hook.kind)
            });
            hooks.collect()
        }
    }

    const DEBIAN: &str = "#!/bin/sh\nif [ -x /etc/ppp/ip-up.local ]; then\n  exec /etc/ppp/ip-up.local \"$@\"\nfi\n\
                          run-parts /etc/ppp/ip-up.d --arg=\"$1\"\n";
    const COPIES: &str = "#!/bin/sh\ncp /etc/ppp/resolv.conf /etc/resolv.conf\n";
    const OTHER: &str = "#!/bin/sh\nddclient\n";

    #[test]
    fn n3_debians_scripts_are_known_by_their_names() {
        let ppp = Ppp::new();
        ppp.script("ip-up", DEBIAN)
            .script("ip-up.d/000resolvconf", "#!/bin/sh\n")
            .script("ip-up.d/0000usepeerdns", "#!/bin/sh\n")
            .script("ip-up.d/ddclient", OTHER);
        let expected = [
            ("ip-up.d/0000usepeerdns".to_owned(), HookKind::UsePeerDns),
            ("ip-up.d/000resolvconf".to_owned(), HookKind::Resolvconf),
        ];
        assert_eq!(ppp.hooks(), expected);
    }

    #[test]
    fn n3_without_ip_up_the_folder_counts() {
        let ppp = Ppp::new();
        ppp.script("ip-up.d/dns", COPIES);
        let expected = [("ip-up.d/dns".to_owned(), HookKind::Other(Means::File))];
        assert_eq!(ppp.hooks(), expected);
    }

    #[test]
    fn n3_what_does_not_run_does_not_count() {
        let ppp = Ppp::new();
        ppp.plain("ip-up", DEBIAN)
            .plain("ip-up.d/0000usepeerdns", COPIES)
            .script("ip-up.d/dns.dpkg-old", COPIES);
        assert_eq!(ppp.hooks(), []);
        // An ip-up of the operator's own that does not run the folder.
        let ppp = Ppp::new();
        ppp.script("ip-up", OTHER)
            .script("ip-up.d/0000usepeerdns", COPIES);
        assert_eq!(ppp.hooks(), []);
        ppp.script("ip-up", COPIES);
        let expected = [("ip-up".to_owned(), HookKind::Other(Means::File))];
        assert_eq!(ppp.hooks(), expected);
    }

    #[test]
    fn n3_ip_up_local_stands_in_for_the_folder() {
        let ppp = Ppp::new();
        ppp.script("ip-up", DEBIAN)
            .script("ip-up.local", COPIES)
            .script("ip-up.d/0000usepeerdns", COPIES);
        let expected = [("ip-up.local".to_owned(), HookKind::Other(Means::File))];
        assert_eq!(ppp.hooks(), expected);
    }

    #[test]
    fn n3_another_ip_up_script_is_read_and_the_folder_is_not() {
        let ppp = Ppp::new();
        ppp.script("mine", COPIES)
            .script("ip-up.d/0000usepeerdns", COPIES);
        let places = |name: &str| ScriptPlaces {
            ppp_dir: ppp.0.path().to_owned(),
            ip_up: Some(ppp.0.join(name)),
        };
        assert_eq!(hooks(&places("mine")).len(), 1);
        assert_eq!(hooks(&places("missing")), []);
    }

    #[test]
    fn n3_facts_of_a_file_elsewhere() {
        let dir = TestDir::new();
        let path = dir.join("resolv.conf");
        fs::write(&path, "# Generated by NetworkManager\n").unwrap();
        let facts = gather(&path, None);
        assert!(facts.elsewhere);
        assert_eq!((facts.place, facts.hooks.len()), (Place::NetworkManager, 0));
    }
}

//! What a simple read of a script of `/etc/ppp/ip-up.d` tells: whether it hands the DNS servers on itself.
//!
//! It is no shell: a line counts that is not a comment and names one of the programs for it, or `/etc/resolv.conf` as
//! something to be written. A script that builds such a line from variables is not seen; one that only reads
//! `/etc/resolv.conf` is not taken for a writer.

/// How a script hands the servers on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Means {
    /// `resolvconf -a`.
    Resolvconf,
    /// `resolvectl dns`, `systemd-resolve --set-dns`.
    Resolved,
    /// It writes `/etc/resolv.conf`.
    File,
}

impl Means {
    /// For a sentence: `it ...`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolvconf => "calls resolvconf",
            Self::Resolved => "calls resolvectl",
            Self::File => "writes /etc/resolv.conf",
        }
    }
}

/// The file that is written, if one is.
const TARGET: &str = "/etc/resolv.conf";

/// How the script with this text hands DNS servers on; `None`: it does not seem to.
#[must_use]
pub fn means(text: &[u8]) -> Option<Means> {
    lines(text).find_map(|line| means_of_line(&line))
}

/// Whether it runs the scripts of a folder, as Debian's `ip-up` does (`run-parts`).
#[must_use]
pub fn runs_folder(text: &[u8], folder: &str) -> bool {
    lines(text).any(|line| line.contains("run-parts") || line.contains(folder))
}

/// Whether it names `ip-up.local`, which runs in place of the folder where it is there.
#[must_use]
pub fn names(text: &[u8], name: &str) -> bool {
    lines(text).any(|line| line.contains(name))
}

/// Whether `run-parts` takes a file of this name: letters, digits, `_` and `-` only.
#[must_use]
pub fn is_run_parts_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The lines that are not comments, without what stands around them.
fn lines(text: &[u8]) -> impl Iterator<Item = String> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.trim_ascii();
        (!line.starts_with(b"#")).then(|| String::from_utf8_lossy(line).into_owned())
    })
}

fn means_of_line(line: &str) -> Option<Means> {
    line.split([';', '&', '|', '(', ')', '`'])
        .find_map(means_of_command)
}

fn means_of_command(command: &str) -> Option<Means> {
    let words: Vec<&str> = command
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
        .filter(|word| !word.is_empty())
        .collect();
    let follows = |program: &str, option: &str| {
        let mut rest = words.iter().skip_while(|word| name_of(word) != program);
        rest.next().is_some() && rest.any(|word| word.starts_with(option))
    };
    if follows("resolvconf", "-a") {
        return Some(Means::Resolvconf);
    }
    if follows("resolvectl", "dns") || follows("systemd-resolve", "--set-dns") {
        return Some(Means::Resolved);
    }
    let is_it = |word: &str| word.trim_start_matches('>') == TARGET;
    let redirected = command.split_once('>').is_some_and(|(_, to)| {
        is_it(to.trim_matches(|c: char| c.is_whitespace() || "\"'>".contains(c)))
    });
    let to_last = words
        .iter()
        .any(|word| matches!(name_of(word), "cp" | "mv" | "ln" | "install"));
    let written = (to_last && words.last().is_some_and(|word| is_it(word)))
        || (follows("tee", TARGET) || follows("tee", "-a") || follows("sed", "-i"))
            && words.iter().any(|word| is_it(word));
    (redirected || written).then_some(Means::File)
}

/// The last part of a path.
fn name_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn n3_knows_a_script_that_hands_servers_on() {
        for (text, expected) in [
            (
                "echo -n \"$R\" | /sbin/resolvconf -a \"${PPP_IFACE}.pppd\"",
                Means::Resolvconf,
            ),
            ("#!/bin/sh\nresolvconf -m 10 -a $1", Means::Resolvconf),
            ("resolvectl dns \"$1\" $DNS1 $DNS2", Means::Resolved),
            (
                "/usr/bin/resolvectl --no-pager dns ppp0 $DNS1",
                Means::Resolved,
            ),
            (
                "systemd-resolve --interface=$1 --set-dns=$DNS1",
                Means::Resolved,
            ),
            ("cp /etc/ppp/resolv.conf /etc/resolv.conf", Means::File),
            (
                "/bin/cp -f /etc/ppp/resolv.conf /etc/resolv.conf",
                Means::File,
            ),
            ("ln -sf /etc/ppp/resolv.conf /etc/resolv.conf", Means::File),
            ("cat /etc/ppp/resolv.conf > /etc/resolv.conf", Means::File),
            ("echo \"nameserver $DNS1\" >>/etc/resolv.conf", Means::File),
            ("echo nameserver $DNS1 > \"/etc/resolv.conf\"", Means::File),
            ("sed -i s/a/b/ /etc/resolv.conf", Means::File),
            (
                "[ -n \"$DNS1\" ] && (echo x | tee /etc/resolv.conf)",
                Means::File,
            ),
        ] {
            assert_eq!(means(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn n3_a_script_that_only_reads_is_no_writer() {
        for text in [
            "",
            "#!/bin/sh\n# cp /etc/ppp/resolv.conf /etc/resolv.conf\nexit 0",
            "grep nameserver /etc/resolv.conf",
            "cat /etc/resolv.conf > /tmp/copy",
            "cp /etc/resolv.conf /tmp/copy",
            "cp /etc/resolv.conf /etc/resolv.conf.before",
            "cp /etc/ppp/resolv.conf /var/chroot/etc/resolv.conf",
            "/usr/bin/ddclient -syslog -ip $PPP_LOCAL",
            "[ -x /sbin/resolvconf ] || exit 0",
            "resolvconf -u",
            "resolvectl flush-caches",
            "cp /etc/ppp/resolv.conf /etc/resolv",
        ] {
            assert_eq!(means(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn n3_knows_whether_ip_up_runs_the_folder() {
        let debian = b"#!/bin/sh\nif [ -x /etc/ppp/ip-up.local ]; then\n exec /etc/ppp/ip-up.local \"$@\"\nfi\n\
                       run-parts /etc/ppp/ip-up.d \\\n --arg=\"$1\"";
        assert!(runs_folder(debian, "ip-up.d"));
        assert!(names(debian, "ip-up.local"));
        assert!(runs_folder(
            b"for f in /etc/ppp/ip-up.d/*; do $f; done",
            "ip-up.d"
        ));
        assert!(!runs_folder(
            b"#!/bin/sh\n# run-parts /etc/ppp/ip-up.d\nexit 0",
            "ip-up.d"
        ));
    }

    #[test]
    fn n3_run_parts_leaves_odd_names_out() {
        for (name, taken) in [
            ("0000usepeerdns", true),
            ("0-ppp_monitor", true),
            ("x.dpkg-old", false),
            ("x~", false),
            ("", false),
        ] {
            assert_eq!(is_run_parts_name(name), taken, "{name}");
        }
    }

    proptest! {
        #[test]
        fn n3_any_script_is_read_without_a_panic(text: Vec<u8>, line in "[ -~]{0,20}/etc/resolv.conf[ -~]{0,20}") {
            let _ = means(&text);
            let _ = means(line.as_bytes());
            let _ = runs_folder(&text, "ip-up.d");
        }
    }
}

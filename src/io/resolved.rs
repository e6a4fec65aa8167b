//! systemd-resolved, told by `resolvectl` (spec N3).
//!
//! `resolvectl` and not D-Bus: three short commands for each link, and a D-Bus client would be more code than the rest of
//! the daemon's dependencies together. What it was told of an interface goes with the interface, so nothing is left to be
//! put right after a crash.

use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::dns_command::{self, CommandProblem, DnsCommand};

/// Where systemd-resolved listens (since systemd 246). The socket file outlives it, a connection does not.
const SOCKET: &str = "/run/systemd/resolve/io.systemd.Resolve";

/// Which names are asked through the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All, before any other link: it is the default route.
    All,
    /// All that no other link is asked for: it has a default route beside others.
    Default,
    /// None but those for which it is asked by name: it has no default route.
    Nothing,
}

impl Scope {
    /// By what the link's default route is (spec C15).
    #[must_use]
    pub fn of(default_route: bool, metric: Option<u32>) -> Self {
        match (default_route, metric.unwrap_or(0)) {
            (false, _) => Self::Nothing,
            (true, 0) => Self::All,
            (true, _) => Self::Default,
        }
    }
}

/// Whether it answers.
#[must_use]
pub fn runs() -> bool {
    answers(Path::new(SOCKET))
}

/// Gives it the servers of a link.
///
/// # Errors
///
/// Of the first command that fails.
pub async fn set(
    program: &Path,
    interface: &str,
    servers: &[IpAddr],
    scope: Scope,
) -> Result<(), CommandProblem> {
    for command in commands(program, interface, servers, scope) {
        dns_command::run(&command).await?;
    }
    Ok(())
}

/// Has it forget the link.
///
/// # Errors
///
/// [`CommandProblem`]; also where the interface is gone: it has forgotten it then.
pub async fn revert(program: &Path, interface: &str) -> Result<(), CommandProblem> {
    dns_command::run(&command(program, &["revert", interface])).await
}

fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

fn commands(program: &Path, interface: &str, servers: &[IpAddr], scope: Scope) -> Vec<DnsCommand> {
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let mut dns = vec!["dns", interface];
    dns.extend(servers.iter().map(String::as_str));
    let (domain, default) = match scope {
        Scope::All => ("~.", "yes"),
        Scope::Default => ("", "yes"),
        Scope::Nothing => ("", "no"),
    };
    vec![
        command(program, &dns),
        command(program, &["domain", interface, domain]),
        command(program, &["default-route", interface, default]),
    ]
}

fn command(program: &Path, arguments: &[&str]) -> DnsCommand {
    DnsCommand {
        program: program.to_owned(),
        arguments: arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect(),
        input: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::io::testing::TestDir;

    #[test]
    fn n3_resolved_is_told_servers_names_and_route() {
        let servers = [
            "192.0.2.53".parse().unwrap(),
            "2001:db8::53".parse().unwrap(),
        ];
        let said = |scope| {
            let commands = commands(Path::new("/usr/bin/resolvectl"), "ppp0", &servers, scope);
            let lines: Vec<String> = commands
                .iter()
                .map(|command| command.arguments.join(" "))
                .collect();
            lines
        };
        let dns = "dns ppp0 192.0.2.53 2001:db8::53";
        assert_eq!(
            said(Scope::All),
            [dns, "domain ppp0 ~.", "default-route ppp0 yes"]
        );
        assert_eq!(
            said(Scope::Default),
            [dns, "domain ppp0 ", "default-route ppp0 yes"]
        );
        assert_eq!(
            said(Scope::Nothing),
            [dns, "domain ppp0 ", "default-route ppp0 no"]
        );
    }

    #[test]
    fn n3_the_scope_follows_the_default_route() {
        for (route, metric, scope) in [
            (true, None, Scope::All),
            (true, Some(0), Scope::All),
            (true, Some(100), Scope::Default),
            (false, None, Scope::Nothing),
            (false, Some(100), Scope::Nothing),
        ] {
            assert_eq!(Scope::of(route, metric), scope);
        }
    }

    #[test]
    fn n3_a_socket_that_is_left_behind_does_not_answer() {
        let dir = TestDir::new();
        let path = dir.join("socket");
        assert!(!answers(&path));
        let listener = UnixListener::bind(&path).unwrap();
        assert!(answers(&path));
        drop(listener);
        assert!(path.exists());
        assert!(!answers(&path));
    }
}

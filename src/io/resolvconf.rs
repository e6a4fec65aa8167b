//! resolvconf and openresolv (spec N3): a record for each interface, `IFACE.uplinkd`.
//!
//! What they are told stays until it is taken back, so [`delete`] also belongs to the next start after a crash.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::dns_command::{self, CommandProblem, DnsCommand, is_executable};
use super::script_host::ScriptHost;
use crate::dns::Resolvconf;
use crate::dns::text::nameserver_lines;

/// Where Debian's scripts look for it.
const PROGRAM: &str = "/sbin/resolvconf";

/// What `/sbin/resolvconf` is.
#[must_use]
pub fn kind() -> Resolvconf {
    kind_of(Path::new(PROGRAM))
}

/// The program.
#[must_use]
pub fn program() -> PathBuf {
    if is_executable(Path::new(PROGRAM)) {
        return PROGRAM.into();
    }
    dns_command::find("resolvconf").unwrap_or_else(|| PROGRAM.into())
}

/// Gives it the servers of a link. It writes below /etc or /run: in a sandbox the host of scripts runs it.
///
/// # Errors
///
/// [`CommandProblem`].
pub async fn add(
    program: &Path,
    host: Option<&ScriptHost>,
    interface: &str,
    servers: &[IpAddr],
) -> Result<(), CommandProblem> {
    run(host, program, "-a", interface, nameserver_lines(servers)).await
}

/// Takes them back; does nothing if it has none.
///
/// # Errors
///
/// [`CommandProblem`].
pub async fn delete(
    program: &Path,
    host: Option<&ScriptHost>,
    interface: &str,
) -> Result<(), CommandProblem> {
    run(host, program, "-d", interface, String::new()).await
}

async fn run(
    host: Option<&ScriptHost>,
    program: &Path,
    option: &str,
    interface: &str,
    input: String,
) -> Result<(), CommandProblem> {
    let command = DnsCommand {
        program: program.to_owned(),
        arguments: vec![option.to_owned(), record(interface)],
        input,
    };
    match host {
        Some(host) => dns_command::run_by(host, &command).await,
        None => dns_command::run(&command).await,
    }
}

fn kind_of(program: &Path) -> Resolvconf {
    if !is_executable(program) {
        return Resolvconf::Absent;
    }
    // systemd-resolved's package has it as a link to resolvectl.
    let real = program.canonicalize().unwrap_or_default();
    match real.file_name().and_then(|name| name.to_str()) {
        Some("resolvectl" | "systemd-resolve") => Resolvconf::Resolvectl,
        Some(_) | None => Resolvconf::Program,
    }
}

fn record(interface: &str) -> String {
    format!("{interface}.uplinkd")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::io::testing::TestDir;

    #[test]
    fn n3_knows_resolvectl_under_the_name_of_resolvconf() {
        let dir = TestDir::new();
        let program = dir.join("resolvconf");
        assert_eq!(kind_of(&program), Resolvconf::Absent);
        fs::write(&program, "#!/bin/sh\n").unwrap();
        assert_eq!(kind_of(&program), Resolvconf::Absent, "not executable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(kind_of(&program), Resolvconf::Program);
        fs::rename(&program, dir.join("resolvectl")).unwrap();
        symlink("resolvectl", &program).unwrap();
        assert_eq!(kind_of(&program), Resolvconf::Resolvectl);
    }
}

//! A network of one's own: for the demo, which must not touch the host's.

use std::fs::{self, OpenOptions};
use std::io;

use rtnetlink::LinkUnspec;
use rustix::io::Errno;
use rustix::process::{getgid, getuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use tokio::runtime::Builder;

use super::net::{Net, problem};
use crate::link::reason::NetworkProblem;

/// The loop-back interface is the first in every network namespace.
const LOOPBACK: u32 = 1;

/// How this process got a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// By its privileges.
    Privileged,
    /// In an unprivileged user namespace, where it is root over nothing but this network.
    UserNamespace,
}

/// Moves this process into a new network namespace with a working loop-back interface and nothing
/// else, and makes sure that TUN can be used in it. There is no way back.
///
/// It must run before any thread or runtime starts: the others would stay behind, and a user
/// namespace is refused to a process with several threads.
///
/// # Errors
///
/// [`NetworkProblem::NoPermission`], [`NetworkProblem::NoTun`] or [`NetworkProblem::Failed`], with
/// what is missing and what helps. This process may be in a namespace that is half set up then: it
/// should end.
pub fn isolate() -> Result<Isolation, NetworkProblem> {
    let isolation = match unshare(UnshareFlags::NEWNET) {
        Ok(()) => Isolation::Privileged,
        Err(Errno::PERM) => {
            enter_user_namespace()?;
            Isolation::UserNamespace
        }
        Err(error) => return Err(failed("a network namespace cannot be made", &error.into())),
    };
    loopback_up()?;
    check_tun()?;
    Ok(isolation)
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: only CLONE_FILES, which would take file descriptors from other threads, makes it
    // unsafe.
    unsafe { unshare_unsafe(flags) }
}

/// Becomes root of a new user namespace and of a network in it.
fn enter_user_namespace() -> Result<(), NetworkProblem> {
    let (uid, gid) = (getuid(), getgid());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).map_err(user_namespace_problem)?;
    // Without CAP_SETGID outside, groups may be mapped only by who gives up to change them.
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    for (file, text) in maps {
        fs::write(file, text).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => forbidden(&format!("{file}: {error}")),
            _ => failed(file, &error),
        })?;
    }
    Ok(())
}

fn user_namespace_problem(error: Errno) -> NetworkProblem {
    match error {
        Errno::PERM | Errno::ACCESS => forbidden(&io::Error::from(error).to_string()),
        Errno::NOSPC | Errno::USERS => forbidden("the limit user.max_user_namespaces is reached"),
        Errno::INVAL | Errno::NOSYS => failed(
            "this kernel has no user namespaces; run it as root",
            &error.into(),
        ),
        _ => failed(
            "a user namespace cannot be made; run it as root",
            &error.into(),
        ),
    }
}

fn forbidden(why: &str) -> NetworkProblem {
    NetworkProblem::NoPermission {
        what: format!(
            "making a network of its own: unprivileged user namespaces are not allowed here \
             ({why}); run it as root, or allow them by sysctl: \
             kernel.unprivileged_userns_clone=1 (Debian), \
             kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), \
             user.max_user_namespaces above 0"
        ),
    }
}

fn failed(what: &str, error: &io::Error) -> NetworkProblem {
    NetworkProblem::Failed {
        what: format!("{what}: {error}"),
    }
}

/// Takes the loop-back interface up, by a runtime that is gone again when this returns.
fn loopback_up() -> Result<(), NetworkProblem> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("a runtime cannot be made", &error))?;
    runtime.block_on(async {
        let net = Net::connect().map_err(|error| failed("netlink cannot be used", &error))?;
        let up = LinkUnspec::new_with_index(LOOPBACK).up().build();
        let what = "taking the loop-back interface up";
        match net
            .handle
            .link()
            .set(up)
            .execute()
            .await
            .map_err(|e| problem("lo", what, &e))
        {
            // The namespace was made, but its root has no rights: AppArmor's way to forbid it.
            Err(NetworkProblem::NoPermission { what }) => Err(forbidden(&what)),
            result => result,
        }
    })
}

/// Whether `/dev/net/tun` can be used.
fn check_tun() -> Result<(), NetworkProblem> {
    match OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(NetworkProblem::NoPermission {
                what: format!("opening /dev/net/tun: {error}; run it as root, or chmod 0666 it"),
            })
        }
        Err(error) => Err(NetworkProblem::NoTun {
            error: format!("/dev/net/tun: {error}; load the module tun (modprobe tun)"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::process::{DumpableBehavior, Gid, Uid, set_dumpable_behavior};
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

    use super::super::testing::{in_network_namespace, ip, may_skip, skipped};
    use super::*;

    #[test]
    fn root_gets_a_network_with_a_loop_back_only() {
        in_network_namespace(async || {
            // A runtime runs here already: so on a thread of its own, which is all that is
            // isolated.
            let links = std::thread::spawn(|| {
                assert_eq!(isolate().unwrap(), Isolation::Privileged);
                ip("-o link")
            })
            .join()
            .unwrap();
            assert!(links.starts_with("1: lo: <LOOPBACK,UP"), "{links}");
            assert_eq!(
                links.lines().filter(|line| line.contains("UP")).count(),
                1,
                "{links}"
            );
        });
    }

    #[test]
    fn a_user_without_privileges_gets_one_in_a_user_namespace() {
        let mut command = Command::new("sh");
        command.args(["-c", "id -u; ip -o link"]);
        // A user namespace is for processes with one thread: the child has one, before it becomes
        // the shell.
        let become_nobody_and_isolate = || {
            let nobody = (Uid::from_raw(65_534), Gid::from_raw(65_534));
            // As root the test must first become somebody without privileges; others are that
            // already.
            if getuid().is_root() {
                set_thread_res_gid(nobody.1, nobody.1, nobody.1)?;
                set_thread_res_uid(nobody.0, nobody.0, nobody.0)?;
            }
            // The test of `harden` may have run in this process; and who changes his user is not
            // dumpable either.
            set_dumpable_behavior(DumpableBehavior::Dumpable)?;
            enter_user_namespace()
                .and_then(|()| loopback_up())
                .map_err(|problem| io::Error::other(format!("{problem:?}")))
        };
        // SAFETY: the child allocates and opens files between fork and exec; glibc's allocator is
        // made for that, and no other lock of this process is taken by what runs there.
        unsafe { command.pre_exec(become_nobody_and_isolate) };
        let output = match command.output() {
            Ok(output) => output,
            Err(error) if may_skip() => {
                return skipped(&format!("no user namespace ({error})"));
            }
            Err(error) => panic!(
                "this test needs unprivileged user namespaces ({error}): allow them, or set \
                 UPLINKD_TESTS_WITHOUT_ROOT=1 to skip it"
            ),
        };
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("0\n1: lo: <LOOPBACK,UP"), "{text}");
    }

    #[test]
    fn says_what_is_missing() {
        let problem = user_namespace_problem(Errno::PERM);
        let NetworkProblem::NoPermission { what } = problem else {
            panic!("{problem:?}")
        };
        assert!(what.contains("run it as root"), "{what}");
        assert!(matches!(
            user_namespace_problem(Errno::NOSPC),
            NetworkProblem::NoPermission { .. }
        ));
        assert!(matches!(
            user_namespace_problem(Errno::INVAL),
            NetworkProblem::Failed { .. }
        ));
    }
}

//! No core dump holds the password (spec C17).

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Makes this process leave no core dump, neither as a file nor to a pipe handler, and keeps other
/// processes of the same user from attaching to it or reading its memory.
///
/// Call it after [`netns::isolate`](super::netns::isolate): a process that is not dumpable cannot
/// write its own `uid_map`.
///
/// # Errors
///
/// What the kernel says; both are allowed to everybody, so that is rare.
pub fn no_core_dumps() -> io::Result<()> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn forbids_core_dumps() {
        no_core_dumps().unwrap();
        assert_eq!(
            getrlimit(Resource::Core),
            Rlimit {
                current: Some(0),
                maximum: Some(0)
            }
        );
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}

//! Chat scripts as chat(8) runs them (spec F2): its command line, its files, and one pure machine for expect and send.
//!
//! The reference is the program of Debian 12's package `ppp` (2.4.9): what it sends, where it stops to read, and its exit
//! codes are kept; `protocol-tests/tests/chat` runs both against each other. What differs on purpose is in `docs/chat.md`:
//! no limit of 50 strings of 49 characters, no pause of 10 ms before each character unless [`Options::char_delay`] asks
//! for it, `\p` as the manual has it, and none of its memory errors.
//!
//! Nothing is read or written here: bytes, the time and [`Lookup`] come from outside.

#![forbid(unsafe_code)]

mod arguments;
mod decode;
mod end;
mod machine;
mod options;
mod script;

use std::fmt;

pub use arguments::{Arguments, Usage};
pub use decode::visible;
pub use end::{ChatEnd, Dialog};
pub use machine::{ChatEvent, Machine};
pub use options::Options;
pub use script::{Script, ScriptProblem};

/// One run of chat(8): what it is to do, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is expected and sent.
    pub script: Script,
    /// What stands before it on chat's command line.
    pub options: Options,
}

/// What a script may ask for while it runs. The shell has it; [`Nothing`] does for scripts that ask for none of it.
pub trait Lookup: fmt::Debug {
    /// The first [`FILE_LIMIT`] bytes of a file, for `@path` in a send.
    ///
    /// # Errors
    ///
    /// The system's words.
    fn read_file(&self, path: &[u8]) -> Result<Vec<u8>, String>;

    /// A variable of the environment, for `$NAME` with `-E`.
    fn variable(&self, name: &[u8]) -> Option<Vec<u8>>;
}

/// No file and no variable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Lookup for Nothing {
    fn read_file(&self, _path: &[u8]) -> Result<Vec<u8>, String> {
        Err("files are not read here".to_owned())
    }

    fn variable(&self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// What of an `@path` file is sent at most.
pub const FILE_LIMIT: usize = 1023;

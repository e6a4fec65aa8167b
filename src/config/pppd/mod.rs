//! pppd's files (spec C2, F1): a peers file and what it names, as a [`Config`].
//!
//! | module | what |
//! |---|---|
//! | `words` | words with their places, as pppd's `getword` |
//! | `table` | every option, and what becomes of it |
//! | `options` | the files in their order, to one list of settings |
//! | `secrets` | chap-secrets and pap-secrets |
//! | `connect`, `shell` | commands that are chat |
//! | `import` | settings to a [`Config`] |
//!
//! Nothing is executed, and nothing is written. What changes the link's behaviour and cannot be done is an error at its
//! word; what does not matter is named in a warning. Passwords are kept as [`Secret`](crate::secret::Secret)s, and no line
//! of a secrets file or chat script is ever shown.

mod connect;
mod import;
mod markdown;
mod numbers;
mod options;
mod secrets;
mod shell;
mod source;
mod table;
mod words;

use std::path::Path;

use super::Peers;
use super::files::Files;
use super::report::Report;
use super::value::Refusal;

pub(super) use markdown::options as options_page;

pub(super) use connect::sets_context;
pub(super) use import::Imported;
use import::import;
pub(super) use options::is_peer_name;
use options::peers_file;

pub(super) use words::{Flaw, Word, Words};

/// Where the files are.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) files: &'a dyn Files,
    /// `/etc/ppp`, or what stands for it.
    pub(super) ppp_dir: &'a Path,
}

/// What the peers file `name` says; `None`: it is not asked about.
pub(super) fn provided(
    name: &str,
    peers: Peers<'_>,
    report: &mut Report,
) -> Result<Option<Imported>, Refusal> {
    let reading = match peers {
        Peers::Skip => return Ok(None),
        Peers::OutOfReach => {
            let what = "pppd's files are out of reach here, and nothing else is dialed instead";
            return Err(Refusal::new(what, "no PROVIDER"));
        }
        Peers::Read(reading) => reading,
    };
    import(name, &reading, report).map(Some).map_err(|problem| {
        let path = peers_file(reading.ppp_dir, name);
        let what = format!("{} cannot be read: {problem}", path.display());
        Refusal::new(what, "the name of a file with pppd's options")
    })
}

#[cfg(test)]
mod tests;

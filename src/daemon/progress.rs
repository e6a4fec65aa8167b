//! What the daemon tells whoever watches it.

use crate::link::{LinkEnd, ResetOutcome};
use crate::ppp::Ipv4Settings;

/// A step of the daemon's work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// The tty is open, the modem is being dialed. The number counts attempts from 1.
    Dialing(u32),
    /// The modem answered CONNECT with this text.
    Connected(String),
    /// The interface is configured: packets flow.
    Up {
        /// Its name.
        interface: String,
        /// Addresses and DNS servers.
        settings: Ipv4Settings,
    },
    /// The attempt or the link has ended, and everything is put back.
    Ended(LinkEnd),
    /// The modem is being reset.
    Resetting,
    /// The reset is over.
    Reset(ResetOutcome),
}

/// Somebody who watches. It must not block.
pub trait Observer {
    /// Something happened.
    fn progress(&self, progress: Progress);
}

/// Nobody watches.
impl Observer for () {
    fn progress(&self, _progress: Progress) {}
}

impl<T: Fn(Progress)> Observer for T {
    fn progress(&self, progress: Progress) {
        self(progress);
    }
}

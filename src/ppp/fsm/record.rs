//! What a layer keeps in mind between two events.

use super::answer::Kinds;
use crate::ppp::wire::{Options, code};
use crate::time::Instant;

/// Our Configure-Request.
#[derive(Default)]
pub(super) struct Request {
    pub(super) id: u8,
    pub(super) options: Vec<u8>,
    /// It was sent, and no valid answer has come.
    pub(super) unanswered: bool,
    pub(super) sent_at: Instant,
}

impl Request {
    /// Whether all of `options` stand in it as they are.
    pub(super) fn holds(&self, mut options: Options<'_>) -> bool {
        options.all(|option| {
            Options::parse(&self.options).is_ok_and(|mut ours| ours.any(|own| own == option))
        })
    }
}

/// Counters of one negotiation.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) requests: u32,
    pub(super) refusals: u32,
    pub(super) naks_sent: u32,
    pub(super) naks_received: u32,
    /// What the peer has rejected.
    pub(super) rejected: Kinds,
    pub(super) stalled: u32,
    pub(super) in_place: u32,
    pub(super) in_place_at: Instant,
}

/// Ends of the layer.
#[derive(Default)]
pub(super) struct Termination {
    /// Our Terminate-Request: its Identifier once it is out, and its text.
    pub(super) id: Option<u8>,
    pub(super) text: Vec<u8>,
    /// The Data field of the peer's, if one came.
    pub(super) by_peer: Option<Vec<u8>>,
}

/// What goes out if the table says so.
pub(super) struct Reply {
    pub(super) code: u8,
    pub(super) id: u8,
    pub(super) data: Vec<u8>,
}

impl Reply {
    /// An answer that is a Terminate-Ack, if any.
    pub(super) fn to(id: u8) -> Self {
        Self {
            code: code::TERMINATE_ACK,
            id,
            data: Vec::new(),
        }
    }
}

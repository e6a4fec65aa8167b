//! What a layer needs from its protocol, and what it tells the session.

use std::time::Duration;

use super::{Answer, Distinct};
use crate::ppp::config::FsmConfig;
use crate::ppp::event::{DownReason, Layer};

/// What a control protocol knows of its options. Roles, timers and packets are not its business.
pub(crate) trait ControlProtocol {
    /// Its layer, for reasons and log lines.
    const LAYER: Layer;
    /// What a Configure-Request of the peer asks for.
    type Proposal;

    /// A negotiation begins: everything that was agreed is void.
    fn restart(&mut self);
    /// Appends the options of the Configure-Request to send.
    fn write_request(&self, out: &mut Vec<u8>);
    /// The peer suggests other values. With `as_reject`, its patience and ours are used up: what it
    /// names is dropped.
    fn handle_nak(&mut self, options: Distinct<'_>, as_reject: bool) -> Effect;
    /// The peer does not know, or does not want, these options.
    fn handle_reject(&mut self, options: Distinct<'_>) -> Effect;
    /// Judges a Configure-Request into `answer`. What it asks for is returned, and applies when it
    /// comes back to [`commit`](Self::commit).
    fn judge(&mut self, request: Distinct<'_>, answer: &mut Answer) -> Self::Proposal;
    /// Our Configure-Request was acknowledged.
    fn handle_ack(&mut self);
    /// The peer's Configure-Request was acknowledged.
    fn commit(&mut self, proposal: Self::Proposal);
    /// Why this negotiation cannot succeed, if it cannot.
    fn failure(&self) -> Option<DownReason>;
}

/// What a Configure-Nak or Configure-Reject did to our next Configure-Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It will be another one.
    Changed,
    /// It stays the same, or the peer only stalls.
    Unchanged,
}

/// What the layer tells the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// This-Layer-Up.
    Up,
    /// This-Layer-Down.
    Down,
    /// This-Layer-Finished.
    Finished,
    /// The negotiation cannot succeed; the session has to end it.
    Failed(DownReason),
    /// The peer has terminated the layer before it was up, and answers as one that is closed.
    PeerClosed,
}

/// Why a packet had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The layer is not up yet.
    NotUp,
    /// The list of options is malformed, or a Reject of something that we have not sent.
    BadOptions,
    /// An answer to something that is not our last request, or a second answer to it.
    Stale,
    /// A Configure-Ack that is not a copy of our request.
    BadAck,
    /// A Configure-Request whose Ack the peer could not receive.
    TooLong,
}

/// Pacing of a peer that answers at once and says nothing (a modem whose network does not answer
/// yet).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacing {
    /// An unchanged request is sent at most this often.
    pub(crate) interval: Duration,
    /// How many such answers in a row are borne.
    pub(crate) max_rounds: u32,
}

/// Fixed settings of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) fsm: FsmConfig,
    pub(crate) silent: bool,
    pub(crate) ack_in_place: bool,
    pub(crate) pacing: Option<Pacing>,
}

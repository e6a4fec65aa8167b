//! Counters of what was dropped, by reason.

/// Frames and packets that were dropped. Nothing is dropped without being counted here or in the
/// framing's [`FrameStats`](crate::hdlc::FrameStats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropStats {
    /// Received: no whole protocol field.
    pub bad_header: u64,
    /// Received: a control packet whose lengths, or whose options' lengths, do not fit.
    pub bad_packet: u64,
    /// Received: a protocol that this phase does not take (RFC 1661 section 3.4).
    pub out_of_phase: u64,
    /// Received: an answer to something that is not our last request.
    pub stale: u64,
    /// Received: a protocol that we do not speak; answered by a Protocol-Reject.
    pub unknown_protocol: u64,
    /// Received: an IPv4 packet before IPCP was up.
    pub ip_not_up: u64,
    /// Received: what says that it is IPv4 and is not.
    pub bad_ip: u64,
    /// Received: our own Echo-Requests and IPv4 packets.
    pub looped: u64,
    /// To send: no IPCP.
    pub send_not_up: u64,
    /// To send: larger than the MTU, or empty.
    pub send_bad_size: u64,
    /// To send: a control packet, and too many waited already.
    pub send_queue_full: u64,
    /// Log lines: the peer caused too many.
    pub log_lines: u64,
}

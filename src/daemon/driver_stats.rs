//! What is said of a link that has ended: pppd's closing lines, and what was dropped.

use std::time::Duration;

use crate::log::{Level, LogLine};
use crate::ppp::EndpointStats;

/// Counters of the data phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DriverStats {
    /// The endpoint's.
    pub(crate) endpoint: EndpointStats,
    /// Received packets that the TUN device did not take.
    pub(crate) tun_full: u64,
    /// Packets of the TUN device that are not IPv4, such as router solicitations.
    pub(crate) not_ipv4: u64,
    /// Packets of the TUN device from an address that is ours no more.
    pub(crate) former_source: u64,
}

impl DriverStats {
    /// pppd's closing lines, and what went wrong on the way.
    pub(crate) fn summary(&self, up: Duration) -> Vec<LogLine> {
        let endpoint = &self.endpoint;
        // pppd prints tenths of a minute, rounded up: (seconds + 5) / 6.
        let tenths = up.as_secs().div_ceil(6);
        let mut lines = vec![
            LogLine::pppd(
                Level::Info,
                format!("Connect time {}.{} minutes.", tenths / 10, tenths % 10),
            ),
            LogLine::pppd(
                Level::Info,
                format!(
                    "Sent {} bytes, received {} bytes.",
                    endpoint.sent_bytes, endpoint.received_bytes
                ),
            ),
        ];
        let drops = self.drops();
        if !drops.is_empty() {
            lines.push(LogLine::uplinkd(
                Level::Info,
                format!("dropped: {}", drops.join(", ")),
            ));
        }
        lines
    }

    fn drops(&self) -> Vec<String> {
        let (frames, dropped) = (&self.endpoint.frames, &self.endpoint.dropped);
        let counters = [
            (frames.bad_fcs, "bad FCS"),
            (frames.too_short, "runts"),
            (frames.too_long, "oversized frames"),
            (frames.aborted, "aborted frames"),
            (dropped.bad_header, "bad headers"),
            (dropped.bad_packet, "malformed packets"),
            (dropped.out_of_phase, "out of phase"),
            (dropped.stale, "stale answers"),
            (dropped.unknown_protocol, "unknown protocols"),
            (dropped.ip_not_up, "IP before IPCP"),
            (dropped.bad_ip, "malformed IP"),
            (dropped.looped, "of our own"),
            (dropped.send_not_up, "to send without IPCP"),
            (dropped.send_bad_size, "to send beyond the MTU"),
            (dropped.send_queue_full, "control packets to send"),
            (dropped.log_lines, "log lines"),
            (self.tun_full, "that the interface did not take"),
            (self.not_ipv4, "to send that are not IPv4"),
            (self.former_source, "to send from a former address"),
        ];
        counters
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

//! How long the dialer waits for what, how often it tries, and the frame that ends a session.

use std::time::Duration;

/// Input is read away for this long before the first command.
pub(super) const SETTLE: Duration = Duration::from_millis(100);
/// The same between an answer and the next command. u-blox asks for 20 ms: a module may lose what
/// comes earlier.
pub(super) const GAP: Duration = Duration::from_millis(20);
/// The same behind `ATH`, and behind a first command that had to be repeated.
pub(super) const SETTLE_AFTER_ESCAPE: Duration = Duration::from_millis(300);
/// A modem that never falls silent (it is in data mode) is spoken to after this.
pub(super) const SETTLE_LIMIT: Duration = Duration::from_secs(1);
/// No text within this time after the first command: it may be data mode.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The same for its repetitions. Some modems take 5 s for `ATZ` (docomo L-02C).
pub(super) const FIRST_WAIT_AGAIN: Duration = Duration::from_secs(6);
/// How long a PPP peer behind the modem may take to answer the probe.
pub(super) const PROBE_WAIT: Duration = Duration::from_millis(500);
/// How long the network may take to drop a call after Terminate-Request.
pub(super) const TERMINATE_WAIT: Duration = Duration::from_secs(2);
/// Silence before `+++`: V.250's 1 s, and a little for the way through a USB stack.
pub(super) const GUARD: Duration = Duration::from_millis(1100);
/// Silence behind `+++` and the time for its OK.
pub(super) const ESCAPE_WAIT: Duration = Duration::from_secs(3);
/// `ATH` may take longer than this; then the next `ATZ` is answered late, which is allowed for.
pub(super) const HANGUP_WAIT: Duration = Duration::from_secs(3);
/// For `AT+CEER`: hanging up must not wait longer.
pub(super) const REPORT_WAIT: Duration = Duration::from_secs(2);
/// Text without a line end counts after this.
pub(super) const SILENCE: Duration = Duration::from_millis(500);
/// How often `+++` is tried.
pub(super) const MAX_ESCAPES: u32 = 2;
/// Lines of the modem's that are logged in one attempt.
pub(super) const LOG_BUDGET: u32 = 500;
/// An LCP Terminate-Request, id 3, without data, as a frame.
pub(super) const TERMINATE: [u8; 17] = [
    0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x25, 0x7d, 0x23, 0x7d, 0x20, 0x7d, 0x24, 0x85, 0x72,
    0x7e,
];

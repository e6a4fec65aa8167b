//! The data phase: PPP between the port and the TUN device, one loop, no allocation per packet.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::sync::watch;

use crate::at::{CarrierWatch, LineText};
use crate::daemon::attempt::Network;
use crate::daemon::dialing::{Turns, stopped};
use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::link_monitor::{LinkGone, LinkMonitor};
use crate::io::serial::Port;
use crate::io::tun::Tun;
use crate::link::{NetworkProblem, UserStop};
use crate::log::{Level, LogLine};
use crate::ppp::{DownReason, Endpoint, EndpointStats, Event};
use crate::time::{Instant, earliest};

/// How long a clean Terminate may take when we want the end (spec S5: 5 s in all, hanging up included).
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_millis(1800);

/// Packets of the TUN device and control frames are taken only while fewer bytes than this wait for the port: the
/// kernel's queue discipline and the session hold the rest back, and an echo reply never waits long. Without this a
/// port that gives and never takes would make us hoard answers.
const WIRE_LIMIT: usize = 6000;

/// Largest packet that a TUN device can hand over.
const PACKET_LIMIT: usize = 65536;

/// What one read of the port takes at most. A tty hands over 4 KiB, a pty up to 12.
const READ_LIMIT: usize = 16384;

/// How the data phase ended.
pub(crate) enum PhaseEnd {
    /// PPP ended.
    Ppp {
        /// Why.
        reason: DownReason,
        /// The modem is in command mode again and said so.
        carrier_gone: bool,
    },
    /// The tty is gone.
    LineGone(Option<io::Error>),
    /// We wanted it.
    Closed {
        /// Why.
        why: Closing,
        /// As in [`Ppp`](Self::Ppp).
        carrier_gone: bool,
    },
}

/// Why we end a link that the peer would keep.
pub(crate) enum Closing {
    /// The interface or its routes.
    Network(NetworkProblem),
    /// The user wants it.
    User(UserStop),
}

/// Counters of the data phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DriverStats {
    /// The endpoint's.
    pub(crate) endpoint: EndpointStats,
    /// Received packets that the TUN device did not take.
    pub(crate) tun_full: u64,
    /// Packets of the TUN device that are not IPv4, such as router solicitations.
    pub(crate) not_ipv4: u64,
}

/// One data phase.
pub(crate) struct Driver<'a> {
    port: &'a Port,
    tun: &'a Tun,
    endpoint: Endpoint,
    clock: Clock,
    watch: CarrierWatch,
    wire: BytesMut,
    network_up: bool,
    monitor: Option<LinkMonitor>,
    tun_full: u64,
    not_ipv4: u64,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(port: &'a Port, tun: &'a Tun, endpoint: Endpoint, clock: Clock) -> Self {
        Self {
            port,
            tun,
            endpoint,
            clock,
            watch: CarrierWatch::new(),
            wire: BytesMut::with_capacity(2 * WIRE_LIMIT),
            network_up: false,
            monitor: None,
            tun_full: 0,
            not_ipv4: 0,
        }
    }

    pub(crate) fn stats(&self) -> DriverStats {
        DriverStats {
            endpoint: self.endpoint.stats(),
            tun_full: self.tun_full,
            not_ipv4: self.not_ipv4,
        }
    }

    /// Runs until PPP, the line, the interface or the user ends it. `first_bytes` came glued to CONNECT.
    pub(crate) async fn run(
        &mut self,
        first_bytes: &[u8],
        network: &mut Network<'_>,
        stop: &mut watch::Receiver<Option<UserStop>>,
    ) -> PhaseEnd {
        let mut closing: Option<(Closing, Instant)> = None;
        let mut read_buffer = vec![0; READ_LIMIT];
        let mut packet = vec![0; PACKET_LIMIT];
        let mut carrier_gone = false;
        let mut turns = Turns::default();

        self.endpoint.line_up(self.clock.now());
        self.handle_bytes(first_bytes);
        loop {
            self.take_control_frames();
            while let Some(event) = self.endpoint.poll_event() {
                match event {
                    Event::Log(line) => emit(&line),
                    Event::Phase(_) => {}
                    Event::NetworkUp(settings) => {
                        let now = self.clock.now();
                        match network.bring_up(&settings, now).await {
                            Ok(()) => {
                                self.network_up = true;
                                // Without it, a deletion is still noticed by the next packet.
                                self.monitor = LinkMonitor::new(self.tun.index()).ok();
                            }
                            Err(problem) => self.close(&mut closing, Closing::Network(problem)),
                        }
                    }
                    Event::NetworkDown => {
                        self.network_up = false;
                        network.note_down(&self.stats(), self.clock.now());
                    }
                    Event::Down(reason) => {
                        // The last frames, such as a Terminate-Ack, still go out if the port takes them.
                        self.take_control_frames();
                        if !self.wire.is_empty() {
                            let _ = self.port.try_write(&self.wire);
                        }
                        // It may stand right behind the last frame.
                        let carrier_gone = carrier_gone || self.carrier_lost();
                        return match closing {
                            Some((why, _)) => PhaseEnd::Closed { why, carrier_gone },
                            None => PhaseEnd::Ppp {
                                reason,
                                carrier_gone,
                            },
                        };
                    }
                }
            }
            // After what the frames before it brought, so that the log has the order of the line.
            if self.carrier_lost() {
                carrier_gone = true;
                self.endpoint.line_down(self.clock.now());
                continue;
            }
            // What `close` has given to send.
            self.take_control_frames();
            let deadline = earliest([
                self.endpoint.poll_timeout(),
                self.watch.poll_timeout(),
                closing.as_ref().map(|(_, limit)| *limit),
            ]);
            let from_tun = self.network_up && self.wire.len() < WIRE_LIMIT;
            // Not `biased`: a line that always has something to read must not keep our packets and timers waiting.
            tokio::select! {
                asked = stopped(stop), if closing.is_none() => {
                    self.close(&mut closing, Closing::User(asked));
                }
                written = self.port.write(&self.wire), if !self.wire.is_empty() => match written {
                    Ok(n) => self.wire.advance(n.min(self.wire.len())),
                    Err(error) => return self.line_gone(Some(error), network),
                },
                read = self.port.read(&mut read_buffer) => match read {
                    Ok(0) => return self.line_gone(None, network),
                    Ok(n) => {
                        self.handle_bytes(read_buffer.get(..n).unwrap_or_default());
                        turns.count().await;
                    }
                    Err(error) => return self.line_gone(Some(error), network),
                },
                received = self.tun.recv(&mut packet), if from_tun => match received {
                    Ok(n) => self.send(packet.get(..n).unwrap_or_default()),
                    Err(error) => {
                        let problem = self.tun_problem(&error);
                        self.close(&mut closing, Closing::Network(problem));
                    }
                },
                gone = gone(&mut self.monitor), if closing.is_none() => {
                    let name = self.tun.name().to_owned();
                    let problem = match gone {
                        LinkGone::Deleted => NetworkProblem::InterfaceDeleted { name },
                        LinkGone::Down => NetworkProblem::SetDown { name },
                    };
                    self.close(&mut closing, Closing::Network(problem));
                }
                () = self.clock.sleep_until(deadline) => {
                    let now = self.clock.now();
                    self.endpoint.handle_timeout(now);
                    self.watch.handle_timeout(now);
                    if closing.as_ref().is_some_and(|(_, limit)| *limit <= now) {
                        // The peer has not answered: over all the same.
                        self.endpoint.line_down(now);
                    }
                }
            }
        }
    }

    /// Logs what the modem said between the frames; whether it said that the call is over.
    fn carrier_lost(&mut self) -> bool {
        let mut lost = false;
        while let Some(text) = self.watch.poll_event() {
            match text {
                LineText::CarrierLost(text) => {
                    emit(&LogLine::chat(Level::Notice, text));
                    lost = true;
                }
                LineText::Other(text) => emit(&LogLine::chat(Level::Debug, text)),
            }
        }
        lost
    }

    /// Begins a clean end, once; nothing more comes from the interface then.
    fn close(&mut self, closing: &mut Option<(Closing, Instant)>, why: Closing) {
        if closing.is_some() {
            return;
        }
        let text = match &why {
            Closing::User(_) => "User request",
            Closing::Network(_) => "No network interface",
        };
        let now = self.clock.now();
        *closing = Some((why, now + CLOSE_LIMIT));
        self.network_up = false;
        self.endpoint.close(now, text);
    }

    /// Control frames onto the wire, as far as there is room.
    fn take_control_frames(&mut self) {
        if self.wire.len() < WIRE_LIMIT {
            // The session's queue is short; all of it is taken.
            while self.endpoint.poll_transmit(&mut self.wire) {}
        }
    }

    fn handle_bytes(&mut self, bytes: &[u8]) {
        let now = self.clock.now();
        let (tun, tun_full) = (self.tun, &mut self.tun_full);
        self.watch.handle_bytes(now, bytes);
        self.endpoint.handle_bytes(now, bytes, |packet| {
            if tun.try_send(packet).is_err() {
                *tun_full += 1;
            }
        });
    }

    fn send(&mut self, packet: &[u8]) {
        if packet.first().is_some_and(|first| first >> 4 == 4) {
            // A refusal is counted by the endpoint.
            let _ = self.endpoint.send_ipv4(packet, &mut self.wire);
        } else {
            self.not_ipv4 += 1;
        }
    }

    fn line_gone(&mut self, error: Option<io::Error>, network: &mut Network<'_>) -> PhaseEnd {
        self.endpoint.line_down(self.clock.now());
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Log(line) => emit(&line),
                Event::NetworkDown => network.note_down(&self.stats(), self.clock.now()),
                Event::Phase(_) | Event::NetworkUp(_) | Event::Down(_) => {}
            }
        }
        PhaseEnd::LineGone(error)
    }

    fn tun_problem(&self, error: &io::Error) -> NetworkProblem {
        let name = self.tun.name().to_owned();
        if Tun::is_deleted(error) {
            NetworkProblem::InterfaceDeleted { name }
        } else {
            NetworkProblem::Failed {
                what: format!("reading from {name}: {error}"),
            }
        }
    }
}

/// Ends when the interface is gone; never, while none is watched.
async fn gone(monitor: &mut Option<LinkMonitor>) -> LinkGone {
    match monitor {
        Some(monitor) => monitor.gone().await,
        None => std::future::pending().await,
    }
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
        ];
        counters
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

//! IPCP in a session: the layer's ups and downs.

use super::Session;
use crate::ppp::event::{DownReason, Event, Ipv4Settings, Layer, Phase};
use crate::ppp::fsm::Signal;
use crate::ppp::ipcp::NO_LOCAL_ADDRESS;
use crate::time::Instant;

/// What pppd says to the peer when nothing is left to run over the link.
const NO_NETWORK: &str = "No network protocols running";

impl Session {
    /// Everybody has proved who he is, or nobody had to.
    pub(super) fn start_network(&mut self, now: Instant) {
        self.enter(Phase::Network);
        self.lcp.take_empty_in_place();
        let signal = self.ipcp.up(now);
        self.handle_ipcp_signal(now, signal);
    }

    pub(super) fn handle_ipcp_signal(&mut self, now: Instant, signal: Option<Signal>) {
        self.flush();
        match signal {
            None => {}
            Some(Signal::Up) => self.ipcp_is_up(now),
            Some(Signal::Down) => {
                self.take_ipcp_down(signal);
                if self.ipcp.terminated_by_peer().is_some() {
                    let reason = self.terminated(Layer::Ipcp);
                    self.end(now, reason, NO_NETWORK);
                }
            }
            Some(Signal::Finished) => {
                let reason = self.gave_up(Layer::Ipcp);
                self.end(now, reason, NO_NETWORK);
            }
            Some(Signal::Failed(reason)) => {
                self.note_failure(&reason);
                self.end(now, reason, NO_NETWORK);
            }
            Some(Signal::PeerClosed) => {
                let reason = self.terminated(Layer::Ipcp);
                self.end(now, reason, NO_NETWORK);
            }
        }
    }

    fn ipcp_is_up(&mut self, now: Instant) {
        let ipcp = self.ipcp.protocol();
        let Some(local) = ipcp.local() else {
            let why = NO_LOCAL_ADDRESS.to_owned();
            let reason = DownReason::NegotiationFailed {
                layer: Layer::Ipcp,
                why,
            };
            self.note_failure(&reason);
            self.end(now, reason, NO_NETWORK);
            return;
        };
        let remote = ipcp.remote();
        if remote == Some(local) {
            // We have agreed with ourselves: the line became a loop after LCP had looked at its magic numbers.
            self.note_failure(&DownReason::Loopback);
            self.finish(now, DownReason::Loopback);
            return;
        }
        let settings = Ipv4Settings {
            local,
            remote,
            dns: ipcp.dns(),
            mtu: self.lcp.protocol().peer().mru.min(self.mru).min(self.mtu),
        };
        self.note_addresses(&settings);
        self.ipcp.take_empty_in_place();
        self.network = Some(settings);
        self.was_up = true;
        self.events.push_back(Event::NetworkUp(settings));
    }
}

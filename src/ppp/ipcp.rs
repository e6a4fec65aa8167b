//! Internet Protocol Control Protocol: addresses and DNS servers (RFC 1332, RFC 1877). Spec P5.
//!
//! Both roles: the gateway asks with 0.0.0.0 and takes what the peer Naks; the ISP's side
//! ([`Assign`]) Naks until the peer asks for what it gets. Header compression (VJ), the old
//! IP-Addresses option and WINS are rejected.
//!
//! A modem answers before its network does: it sends empty Naks, or Naks that hold nothing but
//! well-known dummies (10.11.12.13). Such a Nak changes nothing; [`super::fsm`] holds the next
//! request back.

use std::net::Ipv4Addr;

use super::config::{Assign, IpcpConfig};
use super::event::{DownReason, Layer};
use super::fsm::{Answer, ControlProtocol, Distinct, Effect};
use super::wire::RawOption;

const ADDRESS: u8 = 3;
const PRIMARY_DNS: u8 = 129;
const SECONDARY_DNS: u8 = 131;

const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// pppd's words for an IPCP that has come to an end without an address.
pub(crate) const NO_LOCAL_ADDRESS: &str = "Could not determine local IP address";

/// What a peer gets that asks us for an address and that nothing is configured for: pppd's stand-in
/// for unit 0.
const STAND_IN: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);

/// Offers of the stand-in to a peer that goes on asking for an address; then its option is
/// rejected.
const MAX_STAND_INS: u32 = 2;

/// Refusals of a fixed local address until the negotiation ends.
const MAX_LOCAL_REFUSALS: u32 = 3;

/// Once there is an address, this many Naks with dummy DNS servers are waited out; then the dummies
/// are agreed to (and not used), so that the link comes up without DNS rather than not at all.
const MAX_DUMMY_ROUNDS: u32 = 5;

/// IPCP's options on both sides.
pub(crate) struct Ipcp {
    config: IpcpConfig,
    ours: Ours,
    peer: PeerOptions,
    /// The peer was asked to name its address.
    asked_for_address: bool,
    stand_ins: u32,
    local_refusals: u32,
    dummy_rounds: u32,
    failure: Option<DownReason>,
}

/// What our Configure-Request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ours {
    address: Option<Ipv4Addr>,
    dns: [Option<Ipv4Addr>; 2],
}

/// What the peer's acknowledged Configure-Request says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerOptions {
    address: Option<Ipv4Addr>,
}

impl Ipcp {
    pub(crate) fn new(config: IpcpConfig) -> Self {
        let mut ipcp = Self {
            config,
            ours: Ours {
                address: None,
                dns: [None; 2],
            },
            peer: PeerOptions::default(),
            asked_for_address: false,
            stand_ins: 0,
            local_refusals: 0,
            dummy_rounds: 0,
            failure: None,
        };
        ipcp.restart();
        ipcp
    }

    /// Our address, if there is one.
    pub(crate) fn local(&self) -> Option<Ipv4Addr> {
        self.ours
            .address
            .or(self.config.local)
            .filter(|address| *address != NONE)
    }

    /// The peer's address, if it named one or got one.
    pub(crate) fn remote(&self) -> Option<Ipv4Addr> {
        let assigned = self.config.assign.map(|assign| assign.address);
        self.peer
            .address
            .or(assigned)
            .or(self.config.remote)
            .filter(|address| *address != NONE)
    }

    /// The DNS servers that were agreed on, without those that cannot be one.
    pub(crate) fn dns(&self) -> [Option<Ipv4Addr>; 2] {
        self.ours
            .dns
            .map(|server| server.filter(|address| is_usable_dns(*address)))
    }

    fn judge_option(
        &mut self,
        option: RawOption<'_>,
        answer: &mut Answer,
        asked: &mut PeerOptions,
    ) {
        let dns = self.config.assign.map_or([None; 2], |assign| assign.dns);
        match (option.kind, parse_address(option.data)) {
            (ADDRESS, Some(address)) => {
                // Named, though perhaps not as we like it: it need not be asked for again.
                self.asked_for_address = true;
                self.judge_address(option, address, answer, asked);
            }
            (PRIMARY_DNS, Some(address)) => judge_dns(option, address, dns[0], answer),
            (SECONDARY_DNS, Some(address)) => judge_dns(option, address, dns[1], answer),
            _ => answer.reject(option),
        }
    }

    fn judge_address(
        &mut self,
        option: RawOption<'_>,
        address: Ipv4Addr,
        answer: &mut Answer,
        asked: &mut PeerOptions,
    ) {
        let (wanted, firm) = match (self.config.assign, self.config.remote) {
            (Some(Assign { address, .. }), _) => (address, true),
            (None, Some(remote)) => (remote, !self.config.accept_remote),
            (None, None) => (STAND_IN, false),
        };
        if address == wanted || (address != NONE && !firm) {
            asked.address = Some(address);
        } else if wanted == STAND_IN && self.stand_ins >= MAX_STAND_INS {
            answer.reject(option);
        } else {
            self.stand_ins = self.stand_ins.saturating_add(1);
            answer.nak(option, &wanted.octets());
        }
    }

    fn nak_option(&mut self, option: RawOption<'_>, as_reject: bool) {
        let Some(address) = parse_address(option.data) else {
            return;
        };
        match option.kind {
            _ if as_reject => self.drop_option(option.kind),
            ADDRESS => self.nak_address(address),
            PRIMARY_DNS => nak_dns(&mut self.ours.dns[0], address),
            SECONDARY_DNS => nak_dns(&mut self.ours.dns[1], address),
            _ => {}
        }
    }

    fn nak_address(&mut self, address: Ipv4Addr) {
        if address == NONE || self.ours.address == Some(address) {
            // The peer does not know yet: keep asking.
            return;
        }
        let Some(local) = self.config.local.filter(|_| !self.config.accept_local) else {
            self.ours.address = Some(address);
            return;
        };
        self.local_refusals = self.local_refusals.saturating_add(1);
        if self.local_refusals >= MAX_LOCAL_REFUSALS {
            self.fail(format!(
                "the peer refuses our address {local} and wants {address}"
            ));
        }
    }

    fn drop_option(&mut self, kind: u8) {
        match kind {
            ADDRESS => self.ours.address = None,
            PRIMARY_DNS => self.ours.dns[0] = None,
            SECONDARY_DNS => self.ours.dns[1] = None,
            _ => {}
        }
    }

    /// A Nak with dummies while there is an address already. See [`MAX_DUMMY_ROUNDS`].
    fn nak_dummies(&mut self, options: Distinct<'_>) {
        if self.ours.address.is_none_or(|address| address == NONE) {
            return;
        }
        self.dummy_rounds = self.dummy_rounds.saturating_add(1);
        if self.dummy_rounds < MAX_DUMMY_ROUNDS {
            return;
        }
        for option in options {
            let Some(address) = parse_address(option.data) else {
                continue;
            };
            match option.kind {
                PRIMARY_DNS => self.ours.dns[0] = Some(address),
                SECONDARY_DNS => self.ours.dns[1] = Some(address),
                _ => {}
            }
        }
    }

    fn fail(&mut self, why: String) {
        self.failure = Some(DownReason::NegotiationFailed {
            layer: Layer::Ipcp,
            why,
        });
    }
}

impl ControlProtocol for Ipcp {
    const LAYER: Layer = Layer::Ipcp;
    type Proposal = PeerOptions;

    fn restart(&mut self) {
        let dns = self.config.request_dns.then_some(NONE);
        self.ours = Ours {
            address: Some(self.config.local.unwrap_or(NONE)),
            dns: [dns; 2],
        };
        self.peer = PeerOptions::default();
        self.asked_for_address = false;
        self.stand_ins = 0;
        self.local_refusals = 0;
        self.dummy_rounds = 0;
        self.failure = None;
    }

    fn write_request(&self, out: &mut Vec<u8>) {
        let [primary, secondary] = self.ours.dns;
        for (kind, address) in [
            (ADDRESS, self.ours.address),
            (PRIMARY_DNS, primary),
            (SECONDARY_DNS, secondary),
        ] {
            if let Some(address) = address {
                RawOption {
                    kind,
                    data: &address.octets(),
                }
                .write(out);
            }
        }
    }

    fn handle_nak(&mut self, options: Distinct<'_>, as_reject: bool) -> Effect {
        let before = self.ours;
        options
            .clone()
            .for_each(|option| self.nak_option(option, as_reject));
        if self.ours == before {
            self.nak_dummies(options);
        }
        if self.ours == before {
            Effect::Unchanged
        } else {
            Effect::Changed
        }
    }

    fn handle_reject(&mut self, options: Distinct<'_>) -> Effect {
        let before = self.ours;
        options.for_each(|option| self.drop_option(option.kind));
        if self.ours == before {
            Effect::Unchanged
        } else {
            Effect::Changed
        }
    }

    fn judge(&mut self, request: Distinct<'_>, answer: &mut Answer) -> PeerOptions {
        let mut asked = PeerOptions::default();
        request.for_each(|option| self.judge_option(option, answer, &mut asked));
        if !self.asked_for_address {
            // Many modems have no address of their own and never name one: they are asked once, as
            // pppd does.
            let assigned = self.config.assign.map(|assign| assign.address);
            let wanted = assigned.or(self.config.remote).unwrap_or(NONE);
            self.asked_for_address = answer.suggest(RawOption {
                kind: ADDRESS,
                data: &wanted.octets(),
            });
        }
        asked
    }

    fn handle_ack(&mut self) {
        if self.local().is_none() {
            self.fail(NO_LOCAL_ADDRESS.to_owned());
        }
    }

    fn commit(&mut self, proposal: PeerOptions) {
        self.peer = proposal;
    }

    fn failure(&self) -> Option<DownReason> {
        self.failure.clone()
    }
}

/// Whether an address can be a DNS server. Modems name 10.11.12.13 and 10.11.12.14 while their
/// network has not answered, and 10.64.64.64 for themselves.
fn is_usable_dns(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [10, 11, 12, 13 | 14] | [10, 64, 64, 64] | [0, ..] | [255, ..]
    )
}

fn parse_address(data: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from)
}

fn judge_dns(
    option: RawOption<'_>,
    address: Ipv4Addr,
    assigned: Option<Ipv4Addr>,
    answer: &mut Answer,
) {
    match assigned {
        None => answer.reject(option),
        Some(assigned) if assigned == address => {}
        Some(assigned) => {
            answer.nak(option, &assigned.octets());
        }
    }
}

/// Takes a DNS server that the peer suggests. One that we did not ask for is asked for from now on
/// (pppd: some peers get huffy otherwise); a dummy never is.
fn nak_dns(ours: &mut Option<Ipv4Addr>, address: Ipv4Addr) {
    if is_usable_dns(address) {
        *ours = Some(address);
    }
}

//! Oddities of real peers, as frames are dropped, rewritten and invented (see
//! [`tamper`](super::tamper)).

use std::time::Duration;

use super::fault::{ALWAYS, Fault};
use super::schedule::CallFault;
use super::tamper::{Fate, Frame, Outbox, Quirk, write_options};
use crate::ppp::wire::{Protocol, code};
use crate::random::Random;
use crate::time::Instant;

/// LCP option types.
const ASYNC_MAP: u8 = 2;
const AUTHENTICATION: u8 = 3;
/// CHAP codes.
const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
/// The addresses with which modems stall until the network answers.
const DUMMY: [[u8; 4]; 2] = [[10, 11, 12, 13], [10, 11, 12, 14]];

/// The quirk that makes a fault, if it is made by one.
pub(super) fn for_fault(fault: &CallFault, seed: u64) -> Option<Box<dyn Quirk>> {
    let from = fault.from;
    let swallow = |protocol, codes, down| Swallow {
        protocol,
        codes,
        down,
        from,
    };
    let stall = |kind, left| Stall {
        kind,
        left,
        from,
        held: None,
    };
    Some(match fault.fault {
        Fault::EchoSilent(_) => Box::new(swallow(Protocol::LCP, &[code::ECHO_REQUEST], false)),
        Fault::NoTermAck(_) => Box::new(swallow(Protocol::LCP, &[code::TERMINATE_REQUEST], false)),
        Fault::IpcpSilent(_) => Box::new(swallow(Protocol::IPCP, &[], true)),
        Fault::DummyDns(rounds) => Box::new(stall(Stalling::Dummies, rounds)),
        Fault::EmptyNaks(rounds) => Box::new(stall(Stalling::Empty, rounds)),
        Fault::NakStorm(rounds) => Box::new(stall(Stalling::Addresses(0), rounds)),
        Fault::PapOnly => Box::new(ChapTwice::default()),
        Fault::Rechallenge(rounds) => Box::new(Rechallenge {
            left: rounds,
            random: Random::new(seed),
            challenge: None,
            response: None,
            last_id: 0,
        }),
        Fault::RejectAll => Box::new(RejectAll { from }),
        Fault::EmptyConfReq => Box::new(EmptyRequest::default()),
        Fault::AsyncMap(map) => Box::new(WantsMap { map, left: 5 }),
        Fault::StaleConfReq => Box::new(Stale { done: false }),
        Fault::Stray => Box::new(Stray { from, frames: 0 }),
        Fault::NoCarrier(_)
        | Fault::HangUp(_)
        | Fault::TermReq(_)
        | Fault::Unplug(_)
        | Fault::LcpSilent(_)
        | Fault::PeerSilent(_)
        | Fault::AuthReject(_)
        | Fault::NoDns
        | Fault::Mru(_)
        | Fault::Garbage(_)
        | Fault::Loopback(_)
        | Fault::BitFlip(_)
        | Fault::Drop(_)
        | Fault::NetSilent(_)
        | Fault::NoPing(_)
        | Fault::DnsSilent(_)
        | Fault::NewAddress
        | Fault::Busy(_)
        | Fault::NoDialtone(_)
        | Fault::NoAnswer(_)
        | Fault::CmeError(_)
        | Fault::LateConnect(_)
        | Fault::AtSilent(_)
        | Fault::DataMode
        | Fault::StuckDataMode
        | Fault::Urc
        | Fault::Chunk(_)
        | Fault::Slow(_)
        | Fault::Latency(_)
        | Fault::SlowRegistration(_)
        | Fault::RegistrationLost(_)
        | Fault::CoverageLost(_)
        | Fault::RegistrationDenied(_)
        | Fault::Roaming
        | Fault::SimAbsent(_)
        | Fault::SimBusy(_)
        | Fault::SimFailure(_)
        | Fault::Pin(_)
        | Fault::Puk
        | Fault::WrongApn(_)
        | Fault::Crash
        | Fault::ResetIgnored(_)
        | Fault::ResetDead(_)
        | Fault::ResetSlow(_)
        | Fault::PowerIgnored(_)
        | Fault::NewName => return None,
    })
}

/// Packets of the gateway never reach the ISP, with `down` nor the ISP's the gateway. No codes:
/// all.
#[derive(Debug)]
struct Swallow {
    protocol: Protocol,
    codes: &'static [u8],
    down: bool,
    from: Instant,
}

impl Swallow {
    fn fate(&self, now: Instant, frame: &Frame) -> Fate {
        let hit = frame
            .packet(self.protocol)
            .is_some_and(|packet| self.codes.is_empty() || self.codes.contains(&packet.code));
        if hit && self.from <= now {
            Fate::Drop
        } else {
            Fate::Pass
        }
    }
}

impl Quirk for Swallow {
    fn up(&mut self, now: Instant, frame: &mut Frame, _: &mut Outbox) -> Fate {
        self.fate(now, frame)
    }

    fn down(&mut self, now: Instant, frame: &mut Frame, _: &mut Outbox) -> Fate {
        if self.down {
            self.fate(now, frame)
        } else {
            Fate::Pass
        }
    }
}

/// IPCP Configure-Requests are Nak'd for some rounds, before the ISP sees any.
#[derive(Debug)]
struct Stall {
    kind: Stalling,
    left: u32,
    from: Instant,
    /// The ISP's own request, kept back until the stalling ends.
    held: Option<Frame>,
}

#[derive(Debug)]
enum Stalling {
    /// Dummy DNS servers, a second later (Huawei E1762).
    Dummies,
    /// No option at all, at once (Huawei E398).
    Empty,
    /// Another address each time, at once.
    Addresses(u8),
}

impl Quirk for Stall {
    fn up(&mut self, now: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::IPCP) else {
            return Fate::Pass;
        };
        if packet.code != code::CONFIGURE_REQUEST || now < self.from {
            return Fate::Pass;
        }
        if self.left == 0 {
            if let Some(held) = self.held.take() {
                outbox.send(held);
            }
            return Fate::Pass;
        }
        if self.left != ALWAYS {
            self.left -= 1;
        }
        let nak =
            |data: &[u8]| Frame::control(Protocol::IPCP, code::CONFIGURE_NAK, packet.id, data);
        match &mut self.kind {
            Stalling::Dummies => {
                let [first, second] = &DUMMY;
                let dummies: [(u8, &[u8]); 4] =
                    [(129, first), (131, second), (130, first), (132, second)];
                outbox.send_after(Duration::from_secs(1), nak(&write_options(&dummies)));
            }
            Stalling::Empty => outbox.send(nak(&[])),
            Stalling::Addresses(count) => {
                *count = count.wrapping_add(1);
                outbox.send(nak(&write_options(&[(3, &[10, 64, 65, *count])])));
            }
        }
        Fate::Drop
    }

    fn down(&mut self, now: Instant, frame: &mut Frame, _: &mut Outbox) -> Fate {
        let request = frame
            .packet(Protocol::IPCP)
            .is_some_and(|packet| packet.code == code::CONFIGURE_REQUEST);
        if request && self.left > 0 && now >= self.from {
            self.held = Some(frame.clone());
            return Fate::Drop;
        }
        Fate::Pass
    }
}

/// The first Nak of a demand for CHAP is answered by the same demand (a Sony Ericsson telephone).
#[derive(Debug, Default)]
struct ChapTwice {
    demand: Option<Frame>,
    /// Identifiers of the repeated demand: what the gateway sees, and what the ISP sent.
    alias: Option<(u8, u8)>,
}

impl Quirk for ChapTwice {
    fn up(&mut self, _: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::LCP) else {
            return Fate::Pass;
        };
        let answers = matches!(
            packet.code,
            code::CONFIGURE_ACK | code::CONFIGURE_NAK | code::CONFIGURE_REJECT
        );
        if !answers {
            return Fate::Pass;
        }
        let (answered, nak) = (packet.id, packet.code == code::CONFIGURE_NAK);
        if let Some((seen, sent)) = self.alias {
            if answered == seen {
                *frame = frame.with_id(sent);
            }
            return Fate::Pass;
        }
        let about_auth = frame
            .options()
            .iter()
            .any(|(kind, _)| *kind == AUTHENTICATION);
        match self.demand.take() {
            Some(demand) if nak && about_auth => {
                let alias = answered ^ 0x40;
                self.alias = Some((alias, answered));
                outbox.send(demand.with_id(alias));
                Fate::Drop
            }
            demand => {
                self.demand = demand;
                Fate::Pass
            }
        }
    }

    fn down(&mut self, _: Instant, frame: &mut Frame, _: &mut Outbox) -> Fate {
        let request = frame
            .packet(Protocol::LCP)
            .is_some_and(|packet| packet.code == code::CONFIGURE_REQUEST);
        if request && self.alias.is_none() {
            self.demand = Some(frame.clone());
        }
        Fate::Pass
    }
}

/// A Response is answered by another Challenge, some times, before the ISP sees it (Huawei E620).
#[derive(Debug)]
struct Rechallenge {
    left: u32,
    random: Random,
    /// The ISP's challenge.
    challenge: Option<Frame>,
    /// The response to it.
    response: Option<Frame>,
    /// The identifier that the gateway answered last.
    last_id: u8,
}

impl Quirk for Rechallenge {
    fn up(&mut self, _: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::CHAP) else {
            return Fate::Pass;
        };
        let (Some(challenge), RESPONSE) = (&self.challenge, packet.code) else {
            return Fate::Pass;
        };
        self.last_id = packet.id;
        if self.left == 0 {
            if let Some(response) = &self.response {
                *frame = response.clone();
            }
            return Fate::Pass;
        }
        if self.left != ALWAYS {
            self.left -= 1;
        }
        let mut again = challenge.with_id(packet.id.wrapping_add(1));
        // Code, identifier, length, value size, value, name (RFC 1994 section 4.1).
        let size = again.info.get(4).copied().map_or(0, usize::from);
        if let Some(value) = again.info.get_mut(5..5 + size) {
            self.random.fill(value);
        }
        outbox.send(again);
        self.response.get_or_insert_with(|| frame.clone());
        Fate::Drop
    }

    fn down(&mut self, _: Instant, frame: &mut Frame, _: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::CHAP) else {
            return Fate::Pass;
        };
        match (packet.code, &self.response) {
            (CHALLENGE, None) => self.challenge = Some(frame.clone()),
            // The ISP repeats its challenge, but the gateway is at a later one.
            (CHALLENGE, Some(_)) if self.left > 0 => return Fate::Drop,
            (CHALLENGE, Some(_)) => {
                self.response = None;
                self.challenge = None;
            }
            (_, Some(_)) => *frame = frame.with_id(self.last_id),
            (_, None) => {}
        }
        Fate::Pass
    }
}

/// Every LCP option of the gateway is rejected.
#[derive(Debug)]
struct RejectAll {
    from: Instant,
}

impl Quirk for RejectAll {
    fn up(&mut self, now: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::LCP) else {
            return Fate::Pass;
        };
        if packet.code != code::CONFIGURE_REQUEST || packet.data.is_empty() || now < self.from {
            return Fate::Pass;
        }
        outbox.send(Frame::control(
            Protocol::LCP,
            code::CONFIGURE_REJECT,
            packet.id,
            packet.data,
        ));
        Fate::Drop
    }

    fn down(&mut self, _: Instant, _: &mut Frame, _: &mut Outbox) -> Fate {
        Fate::Pass
    }
}

/// The ISP's IPCP Configure-Request is empty; once IPCP is open another one comes (Quectel EC20,
/// u-blox SARA-R4).
#[derive(Debug, Default)]
struct EmptyRequest {
    /// The ISP's request, and the identifier under which the gateway saw it.
    request: Option<(Frame, u8)>,
    gateway_agreed: bool,
    isp_agreed: bool,
    /// The identifier of the request that comes after opening.
    late: Option<u8>,
}

impl EmptyRequest {
    fn empty(id: u8) -> Frame {
        Frame::control(Protocol::IPCP, code::CONFIGURE_REQUEST, id, &[])
    }

    fn look_whether_open(&mut self, outbox: &mut Outbox) {
        if let (true, true, None, Some((_, seen))) = (
            self.gateway_agreed,
            self.isp_agreed,
            self.late,
            &self.request,
        ) {
            let id = seen.wrapping_add(1);
            self.late = Some(id);
            outbox.send_after(Duration::from_secs(1), Self::empty(id));
        }
    }
}

impl Quirk for EmptyRequest {
    fn up(&mut self, _: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::IPCP) else {
            return Fate::Pass;
        };
        let (kind, id) = (packet.code, packet.id);
        let Some((request, seen)) = &mut self.request else {
            return Fate::Pass;
        };
        match kind {
            code::CONFIGURE_ACK if Some(id) == self.late => Fate::Drop,
            code::CONFIGURE_ACK if id == *seen => {
                let mut ack = request.clone();
                if let Some(byte) = ack.info.first_mut() {
                    *byte = code::CONFIGURE_ACK;
                }
                *frame = ack;
                self.gateway_agreed = true;
                self.look_whether_open(outbox);
                Fate::Pass
            }
            code::CONFIGURE_NAK | code::CONFIGURE_REJECT if id == *seen => {
                *seen = seen.wrapping_add(1);
                outbox.send(Self::empty(*seen));
                Fate::Drop
            }
            _ => Fate::Pass,
        }
    }

    fn down(&mut self, _: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::IPCP) else {
            return Fate::Pass;
        };
        match packet.code {
            code::CONFIGURE_REQUEST => {
                let id = packet.id;
                self.request = Some((frame.clone(), id));
                *frame = Self::empty(id);
            }
            code::CONFIGURE_ACK => {
                self.isp_agreed = true;
                self.look_whether_open(outbox);
            }
            _ => {}
        }
        Fate::Pass
    }
}

/// A map that escapes too little is Nak'd (SIM800L), some times.
#[derive(Debug)]
struct WantsMap {
    map: u32,
    left: u32,
}

impl Quirk for WantsMap {
    fn up(&mut self, _: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let Some(packet) = frame.packet(Protocol::LCP) else {
            return Fate::Pass;
        };
        if packet.code != code::CONFIGURE_REQUEST || self.left == 0 {
            return Fate::Pass;
        }
        let options = frame.options();
        let asked = options.iter().find(|(kind, _)| *kind == ASYNC_MAP);
        let asked = asked.and_then(|(_, data)| data.as_slice().try_into().ok());
        let Some(asked) = asked.map(u32::from_be_bytes) else {
            return Fate::Pass;
        };
        if asked & self.map == self.map {
            return Fate::Pass;
        }
        self.left -= 1;
        let data = write_options(&[(ASYNC_MAP, &(asked | self.map).to_be_bytes())]);
        outbox.send(Frame::control(
            Protocol::LCP,
            code::CONFIGURE_NAK,
            packet.id,
            &data,
        ));
        Fate::Drop
    }

    fn down(&mut self, _: Instant, _: &mut Frame, _: &mut Outbox) -> Fate {
        Fate::Pass
    }
}

/// Requests that nobody took wait in a modem's buffer until the next call (a modem of T-Mobile's).
#[derive(Debug)]
struct Stale {
    done: bool,
}

impl Quirk for Stale {
    fn up(&mut self, _: Instant, _: &mut Frame, _: &mut Outbox) -> Fate {
        Fate::Pass
    }

    fn down(&mut self, _: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let request = frame
            .packet(Protocol::LCP)
            .is_some_and(|packet| packet.code == code::CONFIGURE_REQUEST);
        if !request || self.done {
            return Fate::Pass;
        }
        self.done = true;
        for id in [0x6a, 0x6b, 0x6c] {
            outbox.send(frame.with_id(id));
        }
        outbox.send(frame.clone());
        Fate::Drop
    }
}

/// Before the first frame of the network phase, and before every sixteenth after it, frames come that
/// mean nothing.
#[derive(Debug)]
struct Stray {
    from: Instant,
    frames: u32,
}

impl Quirk for Stray {
    fn up(&mut self, _: Instant, _: &mut Frame, _: &mut Outbox) -> Fate {
        Fate::Pass
    }

    fn down(&mut self, now: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate {
        let early = [Protocol::LCP, Protocol::PAP, Protocol::CHAP].contains(&frame.protocol);
        if !early && now >= self.from {
            if self.frames.is_multiple_of(16) {
                outbox.send(Frame::control(
                    Protocol::LCP,
                    code::DISCARD_REQUEST,
                    0x0b,
                    &[0; 4],
                ));
                outbox.send(Frame {
                    protocol: Protocol(0x0003),
                    info: vec![4, 0, 4],
                });
            }
            self.frames = self.frames.wrapping_add(1);
        }
        Fate::Pass
    }
}

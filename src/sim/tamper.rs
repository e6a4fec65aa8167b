//! A layer between the line and the ISP's endpoint that sees whole frames: it drops, rewrites and
//! invents them.
//!
//! Real modems do in PPP what a sound implementation never would. The ISP's side of the simulator
//! is the same code as the gateway's, so such oddities are made here, one [`Quirk`] each (see
//! [`quirk`](super::quirk)). What goes on to the gateway is framed anew with every control
//! character escaped, which any receiver accepts.

use std::time::Duration;

use bytes::BytesMut;

use super::Fault;
use super::quirk;
use super::schedule::CallFault;
use crate::hdlc::{Deframer, Framer, TransmitMap};
use crate::ppp::wire::{ControlPacket, Options, Protocol, RawOption, parse_frame};
use crate::random::Random;
use crate::time::Instant;

/// Longest frame taken, FCS included.
const LONGEST_FRAME: usize = 16_500;
/// Frames for the gateway that wait for their time at most.
const MAX_DELAYED: usize = 64;
/// Text that the modem lets slip between frames.
const GARBAGE: [&str; 4] = [
    "\r\n+CREG: 1\r\n",
    "\r\n^RSSI:12\r\n",
    "\r\n+SRV_IND:1\r\n",
    "\r\n*PSUTTZ: 26/01/01\r\n",
];

/// A frame without framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) protocol: Protocol,
    pub(super) info: Vec<u8>,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Pass,
    Drop,
}

/// Frames that a quirk sends by itself to the gateway, each after a time.
#[derive(Debug, Default)]
pub(super) struct Outbox(Vec<(Duration, Frame)>);

/// One oddity. Both directions pass every quirk in turn until one drops the frame.
pub(super) trait Quirk: std::fmt::Debug {
    /// A frame of the gateway.
    fn up(&mut self, now: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate;
    /// A frame of the ISP.
    fn down(&mut self, now: Instant, frame: &mut Frame, outbox: &mut Outbox) -> Fate;
}

/// The layer.
pub(super) struct Tamper {
    quirks: Vec<Box<dyn Quirk>>,
    garbage: Option<(Instant, f64)>,
    random: Random,
    up: Deframer,
    down: Deframer,
    framer: Framer,
    to_isp: BytesMut,
    to_gateway: BytesMut,
    delayed: Vec<(Instant, Frame)>,
}

impl Frame {
    pub(super) fn control(protocol: Protocol, code: u8, id: u8, data: &[u8]) -> Self {
        let mut info = Vec::with_capacity(data.len() + 4);
        ControlPacket::write(code, id, data, &mut info);
        Self { protocol, info }
    }

    /// The control packet in it, if it is of `protocol` and sound.
    pub(super) fn packet(&self, protocol: Protocol) -> Option<ControlPacket<'_>> {
        if self.protocol == protocol {
            ControlPacket::parse(&self.info).ok()
        } else {
            None
        }
    }

    /// The options of a configuration packet; none if they are not sound.
    pub(super) fn options(&self) -> Vec<(u8, Vec<u8>)> {
        let packet = ControlPacket::parse(&self.info).ok();
        let options = packet.and_then(|packet| Options::parse(packet.data).ok());
        options.map_or_else(Vec::new, |options| {
            options
                .map(|option| (option.kind, option.data.to_vec()))
                .collect()
        })
    }

    /// The same packet with another identifier.
    pub(super) fn with_id(&self, id: u8) -> Self {
        let mut frame = self.clone();
        if let Some(byte) = frame.info.get_mut(1) {
            *byte = id;
        }
        frame
    }
}

/// Options as bytes.
pub(super) fn write_options(options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, data) in options {
        RawOption { kind: *kind, data }.write(&mut out);
    }
    out
}

impl Outbox {
    pub(super) fn send(&mut self, frame: Frame) {
        self.0.push((Duration::ZERO, frame));
    }

    pub(super) fn send_after(&mut self, time: Duration, frame: Frame) {
        self.0.push((time, frame));
    }
}

impl Tamper {
    /// The layer that these faults need. `None`: they need none.
    pub(super) fn new(faults: &[CallFault], seed: u64) -> Option<Self> {
        let mut random = Random::new(seed);
        let quirks: Vec<_> = faults
            .iter()
            .filter_map(|fault| quirk::for_fault(fault, random.u64()))
            .collect();
        let garbage = faults.iter().find_map(|fault| {
            let Fault::Garbage(probability) = fault.fault else {
                return None;
            };
            Some((fault.from, probability))
        });
        if quirks.is_empty() && garbage.is_none() {
            return None;
        }
        Some(Self {
            quirks,
            garbage,
            random,
            up: Deframer::new(LONGEST_FRAME),
            down: Deframer::new(LONGEST_FRAME),
            framer: Framer::new(),
            to_isp: BytesMut::new(),
            to_gateway: BytesMut::new(),
            delayed: Vec::new(),
        })
    }

    /// Bytes of the gateway. What is left for the ISP is returned.
    pub(super) fn handle_up(&mut self, now: Instant, mut bytes: &[u8]) -> BytesMut {
        while let Some(result) = self.up.next(&mut bytes) {
            let Ok(raw) = result else { continue };
            let Ok((protocol, info)) = parse_frame(raw) else {
                continue;
            };
            let mut frame = Frame {
                protocol,
                info: info.to_vec(),
            };
            let mut outbox = Outbox::default();
            let passes = self
                .quirks
                .iter_mut()
                .all(|quirk| quirk.up(now, &mut frame, &mut outbox) == Fate::Pass);
            if passes {
                encode(&mut self.framer, &frame, &mut self.to_isp);
            }
            self.send(now, outbox);
        }
        std::mem::take(&mut self.to_isp)
    }

    /// Bytes of the ISP; see [`Tamper::poll_transmit`].
    pub(super) fn handle_down(&mut self, now: Instant, mut bytes: &[u8]) {
        while let Some(result) = self.down.next(&mut bytes) {
            let Ok(raw) = result else { continue };
            let Ok((protocol, info)) = parse_frame(raw) else {
                continue;
            };
            let mut frame = Frame {
                protocol,
                info: info.to_vec(),
            };
            let mut outbox = Outbox::default();
            let passes = self
                .quirks
                .iter_mut()
                .all(|quirk| quirk.down(now, &mut frame, &mut outbox) == Fate::Pass);
            if passes {
                self.emit(now, &frame);
            }
            self.send(now, outbox);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(index) = self.delayed.iter().position(|(due, _)| *due <= now) {
            let (_, frame) = self.delayed.remove(index);
            self.emit(now, &frame);
        }
    }

    /// What goes to the gateway, empty if nothing does.
    pub(super) fn poll_transmit(&mut self) -> BytesMut {
        std::mem::take(&mut self.to_gateway)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.delayed.iter().map(|(due, _)| *due).min()
    }

    fn send(&mut self, now: Instant, outbox: Outbox) {
        for (time, frame) in outbox.0 {
            if time.is_zero() {
                self.emit(now, &frame);
            } else if self.delayed.len() < MAX_DELAYED {
                self.delayed.push((now + time, frame));
            }
        }
    }

    fn emit(&mut self, now: Instant, frame: &Frame) {
        if let Some((from, probability)) = self.garbage
            && from <= now
            && self.random.unit() < probability
        {
            let which = self.random.below(GARBAGE.len() as u64);
            let text = GARBAGE.get(usize::try_from(which).unwrap_or_default());
            self.to_gateway
                .extend_from_slice(text.copied().unwrap_or_default().as_bytes());
        }
        encode(&mut self.framer, frame, &mut self.to_gateway);
    }
}

fn encode(framer: &mut Framer, frame: &Frame, wire: &mut BytesMut) {
    let [high, low] = frame.protocol.0.to_be_bytes();
    let map = TransmitMap([u32::MAX, 0, 0, 0, 0, 0, 0, 0]);
    framer.encode(&map, &[0xff, 0x03, high, low], &frame.info, wire);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ppp::wire::code;

    fn tamper(faults: &[&str]) -> Option<Tamper> {
        let faults: Vec<_> = faults
            .iter()
            .map(|text| {
                let spec: super::super::FaultSpec = text.parse().unwrap();
                CallFault {
                    from: Instant::ZERO + spec.time(),
                    fault: spec.fault,
                }
            })
            .collect();
        Tamper::new(&faults, 1)
    }

    fn wire(frame: &Frame) -> BytesMut {
        let mut wire = BytesMut::new();
        encode(&mut Framer::new(), frame, &mut wire);
        wire
    }

    fn read(mut bytes: &[u8]) -> Vec<Frame> {
        let mut deframer = Deframer::new(2000);
        let mut frames = Vec::new();
        while let Some(result) = deframer.next(&mut bytes) {
            if let Ok(raw) = result {
                let (protocol, info) = parse_frame(raw).unwrap();
                frames.push(Frame {
                    protocol,
                    info: info.to_vec(),
                });
            }
        }
        frames
    }

    fn echo(id: u8) -> Frame {
        Frame::control(Protocol::LCP, code::ECHO_REQUEST, id, &[0; 4])
    }

    #[test]
    fn is_not_there_unless_a_fault_needs_it() {
        assert!(tamper(&["no-carrier", "bitflip", "no-dns", "busy"]).is_none());
        assert!(tamper(&["echo-silent"]).is_some());
        assert!(tamper(&["garbage"]).is_some());
    }

    #[test]
    fn passes_what_no_quirk_wants_however_it_is_cut() {
        let mut tamper = tamper(&["echo-silent@5s"]).unwrap();
        let mut got = BytesMut::new();
        for byte in wire(&echo(3)).iter() {
            got.extend_from_slice(&tamper.handle_up(Instant::ZERO, &[*byte]));
        }
        assert_eq!(read(&got), [echo(3)]);
        assert!(
            tamper
                .handle_up(Instant::from_millis(5000), &wire(&echo(4)))
                .is_empty()
        );
        tamper.handle_down(Instant::from_millis(5000), &wire(&echo(5)));
        assert_eq!(read(&tamper.poll_transmit()), [echo(5)]);
    }

    #[test]
    fn a_delayed_frame_comes_at_its_time() {
        let mut tamper = tamper(&["dummy-dns=1"]).unwrap();
        let request = Frame::control(
            Protocol::IPCP,
            code::CONFIGURE_REQUEST,
            1,
            &[3, 6, 0, 0, 0, 0],
        );
        assert!(tamper.handle_up(Instant::ZERO, &wire(&request)).is_empty());
        assert!(tamper.poll_transmit().is_empty());
        assert_eq!(tamper.poll_timeout(), Some(Instant::from_millis(1000)));
        tamper.handle_timeout(Instant::from_millis(999));
        assert!(tamper.poll_transmit().is_empty());
        tamper.handle_timeout(Instant::from_millis(1000));
        let frames = read(&tamper.poll_transmit());
        let [nak] = &frames[..] else {
            panic!("{frames:?}")
        };
        assert_eq!(
            nak.packet(Protocol::IPCP).unwrap().code,
            code::CONFIGURE_NAK
        );
        assert_eq!(tamper.poll_timeout(), None);
    }

    #[test]
    fn garbage_stands_between_frames_and_never_in_one() {
        let mut tamper = tamper(&["garbage=0.5"]).unwrap();
        for id in 0..100 {
            tamper.handle_down(Instant::ZERO, &wire(&echo(id)));
        }
        let bytes = tamper.poll_transmit();
        assert!(memchr::memmem::find_iter(&bytes, b"\r\n").count() > 40);
        assert_eq!(read(&bytes).len(), 100);
    }
}

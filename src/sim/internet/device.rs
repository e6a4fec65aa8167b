//! smoltcp's way in and out, without I/O.

use std::collections::VecDeque;

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant as SmolInstant;

use crate::time::Instant;

/// The same moment for smoltcp.
pub(in crate::sim) fn smol(now: Instant) -> SmolInstant {
    SmolInstant::from_micros(i64::try_from(now.since_origin().as_micros()).unwrap_or(i64::MAX))
}

/// One packet in, a queue out that is drained after every call.
#[derive(Default)]
pub(in crate::sim) struct Wire {
    pub(in crate::sim) received: Option<Vec<u8>>,
    pub(in crate::sim) sent: VecDeque<Vec<u8>>,
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sender<'a>;

    fn receive(&mut self, _: SmolInstant) -> Option<(Received, Sender<'_>)> {
        let packet = self.received.take()?;
        Some((Received(packet), Sender(&mut self.sent)))
    }

    fn transmit(&mut self, _: SmolInstant) -> Option<Sender<'_>> {
        Some(Sender(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

pub(in crate::sim) struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F>(self, f: F) -> R
    where
        F: FnOnce(&[u8]) -> R,
    {
        f(&self.0)
    }
}

pub(in crate::sim) struct Sender<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Sender<'_> {
    fn consume<R, F>(self, len: usize, f: F) -> R
    where
        F: FnOnce(&mut [u8]) -> R,
    {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}

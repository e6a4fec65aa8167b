//! No allocation per packet: a link of two endpoints carries packets both ways while an allocator counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::Ipv4Addr;

use bytes::{Buf, BytesMut};
use uplinkd::link::PacketQueue;
use uplinkd::ppp::config::{Assign, IpcpConfig, SessionConfig};
use uplinkd::ppp::{Endpoint, Event};
use uplinkd::time::Instant;

/// Counts the allocations of the threads that ask for it.
struct Counting;

thread_local! {
    static COUNT: Cell<Option<u64>> = const { Cell::new(None) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more.
        let _ = COUNT.try_with(|count| count.set(count.get().map(|n| n + 1)));
        // SAFETY: the caller's promise for `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    COUNT.set(Some(0));
    work();
    COUNT.replace(None).unwrap_or_default()
}

/// One side of the link with the bytes that it has sent.
struct Side {
    endpoint: Endpoint,
    wire: BytesMut,
    up: bool,
    received: u64,
}

impl Side {
    fn new(config: SessionConfig, seed: u64) -> Self {
        Self {
            endpoint: Endpoint::new(config, seed),
            wire: BytesMut::with_capacity(65_536),
            up: false,
            received: 0,
        }
    }

    /// Gives `bytes` to the endpoint and takes what comes of it.
    fn take(&mut self, now: Instant, from: &mut BytesMut) {
        let received = &mut self.received;
        self.endpoint.handle_bytes(now, from, |_| *received += 1);
        from.advance(from.len());
        self.drain();
    }

    fn drain(&mut self) {
        while self.endpoint.poll_transmit(&mut self.wire) {}
        while let Some(event) = self.endpoint.poll_event() {
            self.up |= matches!(event, Event::NetworkUp(_));
        }
    }
}

/// A link that is up.
fn link(now: Instant) -> (Side, Side) {
    let server = SessionConfig {
        ipcp: IpcpConfig {
            local: Some(Ipv4Addr::new(192, 0, 2, 1)),
            assign: Some(Assign {
                address: Ipv4Addr::new(192, 0, 2, 2),
                dns: [None; 2],
            }),
            ..IpcpConfig::default()
        },
        ..SessionConfig::default()
    };
    let (mut client, mut server) = (Side::new(SessionConfig::default(), 1), Side::new(server, 2));
    client.endpoint.line_up(now);
    client.drain();
    server.endpoint.line_up(now);
    server.drain();
    for _ in 0..20 {
        server.take(now, &mut client.wire);
        client.take(now, &mut server.wire);
    }
    assert!(client.up && server.up, "the link did not come up");
    (client, server)
}

/// An IPv4 packet of `length` octets, with all octet values in its payload.
fn packet(source: [u8; 4], destination: [u8; 4], length: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend_from_slice(&source);
    packet.extend_from_slice(&destination);
    let octets = (0..=u8::MAX).cycle();
    packet.extend(octets.take(usize::from(length) - packet.len()));
    packet
}

#[test]
fn packets_go_both_ways_without_an_allocation() {
    let now = Instant::from_millis(0);
    let (mut client, mut server) = link(now);
    let up = packet([192, 0, 2, 2], [198, 51, 100, 1], 1500);
    let down = packet([198, 51, 100, 1], [192, 0, 2, 2], 1500);
    let mut carry = |rounds: u64| {
        for _ in 0..rounds {
            assert!(client.endpoint.send_ipv4(&up, &mut client.wire));
            assert!(server.endpoint.send_ipv4(&down, &mut server.wire));
            server.take(now, &mut client.wire);
            client.take(now, &mut server.wire);
        }
    };
    // The queues find their size.
    carry(10);
    assert_eq!(allocations(|| carry(10_000)), 0);
    assert_eq!((client.received, server.received), (10_010, 10_010));
}

#[test]
fn packets_wait_without_an_allocation() {
    let now = Instant::from_millis(0);
    let (former, local) = (Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 9));
    let mut queue = PacketQueue::new(64, 65_536);
    let packets =
        [100, 1500, 40, 777].map(|length| packet(former.octets(), [198, 51, 100, 1], length));
    let mut out = vec![0; 1500];
    let mut carry = |rounds: u64| {
        for _ in 0..rounds {
            // More than there is room for, so that the oldest makes room; then some of what is left.
            for packet in packets.iter().cycle().take(70) {
                assert!(queue.push(now, packet));
            }
            queue.change_source(former, local, |_| {});
            for _ in 0..30 {
                assert!(queue.pop(now, &mut out).is_some());
            }
        }
    };
    carry(10);
    assert_eq!(allocations(|| carry(200)), 0);
}

/// The counter counts: a test that cannot fail is none.
#[test]
fn the_counter_sees_an_allocation() {
    assert_eq!(allocations(|| drop(Box::new([0_u8; 64]))), 1);
}

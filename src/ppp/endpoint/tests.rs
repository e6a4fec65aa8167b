//! Endpoints: raw bytes of real modems, and pairs of endpoints over lines of every quality.

mod pair;

use std::net::Ipv4Addr;

use super::*;
use crate::ppp::event::DownReason;

/// R1: a BG96's Configure-Request, as it came twice in a row.
const BG96: &str = "
    7eff7d23c0217d217d207d207d397d227d267d207d207d207d207d237d25c2237d257d257d26d084697d2a7d277d22
    7d287d22a0fc7e";

/// R2: a SIM7600's, without authentication; R2b: the answer to it.
const SIM7600: &str = "
    7eff7d23c0217d217d217d207d347d227d267d207d207d207d207d257d267d32d6e3d17d277d227d287d223a977e";
const SIM7600_ACK: &str = "
    7eff7d23c0217d227d217d207d347d227d267d207d207d207d207d257d267d32d6e3d17d277d227d287d22d1fe7e";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn sent(endpoint: &mut Endpoint) -> Vec<u8> {
    let mut wire = BytesMut::new();
    let _ = endpoint.poll_transmit(&mut wire);
    wire.to_vec()
}

fn endpoint() -> Endpoint {
    let mut endpoint = Endpoint::new(SessionConfig::default(), 1);
    endpoint.line_up(Instant::ZERO);
    let first = sent(&mut endpoint);
    assert_eq!(first[..5], [0x7e, 0xff, 0x7d, 0x23, 0xc0]);
    endpoint
}

fn receive(endpoint: &mut Endpoint, bytes: &[u8]) {
    endpoint.handle_bytes(Instant::ZERO, bytes, |packet| {
        panic!("unexpected packet {packet:?}")
    });
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn a_real_modems_request_is_acknowledged_to_the_byte() {
    let mut endpoint = endpoint();
    receive(&mut endpoint, &bytes(SIM7600));
    assert!(contains(&sent(&mut endpoint), &bytes(SIM7600_ACK)[1..]));
}

#[test]
fn frames_come_in_any_pieces_with_text_before_them() {
    let text = b"CONNECT 150000000\r\n";
    let stream = [text, &bytes(BG96)[..], &bytes(BG96)].concat();
    for size in 1..stream.len() {
        let mut endpoint = endpoint();
        for piece in stream.chunks(size) {
            receive(&mut endpoint, piece);
        }
        assert_eq!(endpoint.stats().frames.good, 2, "{size}");
        // Authentication is not allowed: CHAP is rejected.
        let reject = [
            0xc0, 0x21, 0x7d, 0x24, 0x7d, 0x20, 0x7d, 0x20, 0x7d, 0x29, 0x7d, 0x23, 0x7d, 0x25,
        ];
        assert!(contains(&sent(&mut endpoint), &reject), "{size}");
    }
}

#[test]
fn a_terminate_request_of_the_network_is_understood() {
    let mut endpoint = endpoint();
    receive(&mut endpoint, &bytes("7eff7d23c0217d257d237d207d2485727e"));
    // Terminate-Ack with the same identifier.
    assert!(contains(
        &sent(&mut endpoint),
        &[0xc0, 0x21, 0x7d, 0x26, 0x7d, 0x23, 0x7d, 0x20, 0x7d, 0x24]
    ));
}

#[test]
fn packets_are_refused_and_counted_until_the_network_is_up() {
    let mut endpoint = endpoint();
    let mut wire = BytesMut::new();
    assert!(!endpoint.send_ipv4(&[0x45; 100], &mut wire));
    assert!(wire.is_empty());
    assert_eq!(endpoint.stats().dropped.send_not_up, 1);
}

#[test]
fn bad_frames_are_counted_by_reason() {
    let mut endpoint = endpoint();
    let mut bad = bytes(SIM7600);
    bad[9] ^= 0x01;
    receive(&mut endpoint, &bad);
    receive(&mut endpoint, &bytes("7eff7d23c0217d7e"));
    receive(&mut endpoint, &bytes(SIM7600));
    let frames = endpoint.stats().frames;
    assert_eq!((frames.good, frames.bad_fcs, frames.aborted), (1, 1, 1));
}

#[test]
fn the_line_going_down_is_the_end() {
    let mut endpoint = endpoint();
    endpoint.line_down(Instant::ZERO);
    let events: Vec<_> = std::iter::from_fn(|| endpoint.poll_event()).collect();
    assert_eq!(events.last(), Some(&Event::Down(DownReason::CarrierLost)));
    assert_eq!(endpoint.poll_timeout(), None);
    assert_eq!(endpoint.phase(), Phase::Dead);
}

#[test]
fn a_peer_that_asks_and_never_reads_fills_no_buffer() {
    let mut endpoint = endpoint();
    let mut wire = BytesMut::new();
    let request = bytes("7e ff 7d 23 c0 21 7d 25 7d 23 7d 20 7d 24 85 72 7e");
    for _ in 0..100_000 {
        receive(&mut endpoint, &request);
        let _ = endpoint.poll_transmit(&mut wire);
    }
    assert!(wire.len() < 256 * 1024 + 2000, "{}", wire.len());
    assert!(endpoint.stats().dropped.send_queue_full > 0);
    wire.clear();
    assert!(endpoint.poll_transmit(&mut wire));
}

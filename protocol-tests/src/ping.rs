//! Pings that are counted to the last one. ping(8) waits for no more than two round trips once it has sent its last
//! request, so on a busy machine it reports losses that are none.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto,
    socket_with,
};

use crate::clock::{Deadline, now, timespec};
use crate::namespace::Namespace;

const REQUEST: u8 = 8;
const REPLY: u8 = 0;

/// Sends `count` echo requests with `size` octets of data from `namespace` to `target`, one every 10 ms, and waits for
/// the answers; how many were answered, once and unchanged.
///
/// # Panics
/// If there can be no socket, or an answer is not the request's.
pub fn ping(
    namespace: &Namespace,
    target: Ipv4Addr,
    size: usize,
    count: u16,
    limit: Duration,
) -> u16 {
    namespace.enter(|| {
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(ipproto::ICMP),
        )
        .expect("open a raw socket");
        let id = u16::try_from(std::process::id() & 0x7fff).unwrap_or_default() | 0x8000;
        let deadline = Deadline::after(limit);
        let begin = now();
        let mut sent = 0;
        let mut answered = vec![false; usize::from(count)];
        while answered.iter().any(|answered| !answered) && !deadline.passed() {
            let due = begin + Duration::from_millis(10) * u32::from(sent);
            if sent < count && now() >= due {
                // A full queue loses it here and now, which is what is to be counted.
                let address = SocketAddrV4::new(target, 0);
                let _ = sendto(
                    &socket,
                    &request(id, sent, size),
                    SendFlags::empty(),
                    &address,
                );
                sent += 1;
                continue;
            }
            let wait = if sent < count {
                due.saturating_duration_since(now())
            } else {
                deadline.left()
            };
            let mut fds = [PollFd::new(&socket, PollFlags::IN)];
            // Interrupted or timed out: the loop goes on.
            let _ = poll(&mut fds, Some(&timespec(wait)));
            let mut packet = vec![0; 65_536];
            while let Ok((length, _)) = recv(&socket, packet.as_mut_slice(), RecvFlags::empty()) {
                if let Some(sequence) = reply(&packet[..length], id, size)
                    && let Some(answered) = answered.get_mut(usize::from(sequence))
                {
                    assert!(!*answered, "request {sequence} was answered twice");
                    *answered = true;
                }
            }
        }
        u16::try_from(answered.into_iter().filter(|answered| *answered).count()).unwrap_or(count)
    })
}

fn request(id: u16, sequence: u16, size: usize) -> Vec<u8> {
    let mut packet = vec![REQUEST, 0, 0, 0];
    packet.extend(id.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend(data(sequence, size));
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// Other octets in each request, all 256 of them where there is room.
fn data(sequence: u16, size: usize) -> impl Iterator<Item = u8> {
    (0..size).map(move |index| (index.wrapping_mul(7) as u8).wrapping_add(sequence as u8))
}

/// The sequence number if it is the answer to a request of ours.
fn reply(packet: &[u8], id: u16, size: usize) -> Option<u16> {
    let header = usize::from(packet.first()? & 0xf) * 4;
    let (icmp, body) = packet.get(header..)?.split_at_checked(8)?;
    let is_ours = icmp[0] == REPLY && icmp[4..6] == id.to_be_bytes();
    let sequence = u16::from_be_bytes([icmp[6], icmp[7]]);
    if !is_ours {
        return None;
    }
    assert!(
        body.iter().copied().eq(data(sequence, size)),
        "the answer to request {sequence} was changed"
    );
    Some(sequence)
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

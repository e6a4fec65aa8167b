//! The way between the modem and the ISP: latency, pace, lost bytes and flipped bits, both seeded.

use std::collections::VecDeque;
use std::time::Duration;

use crate::random::Random;
use crate::time::Instant;

/// Bytes under way in one direction.
///
/// What has been pushed comes out in order, each byte when the line has had time for it. A pipe
/// never drops anything by itself: whoever pushes looks at [`Pipe::len`] before.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    queue: VecDeque<Segment>,
    len: usize,
    /// When the last pushed byte has left the sender.
    line_free: Instant,
    last_due: Instant,
}

#[derive(Debug)]
struct Segment {
    due: Instant,
    bytes: Vec<u8>,
    /// How many of `bytes` have been taken.
    taken: usize,
}

/// How a pipe carries what is pushed now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From one end to the other.
    pub(super) latency: Duration,
    /// `None`: no limit.
    pub(super) bytes_per_second: Option<u32>,
}

impl Pipe {
    /// Takes `bytes` at the sender's end.
    pub(super) fn push(&mut self, now: Instant, pace: Pace, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let Some(rate) = pace.bytes_per_second.filter(|rate| *rate > 0) else {
            self.append(now + pace.latency, bytes);
            return;
        };
        // Pieces of at most 10 ms keep the pace visible at the other end.
        let piece = usize::try_from(rate / 100).unwrap_or(usize::MAX).max(1);
        let mut free = self.line_free.max(now);
        for bytes in bytes.chunks(piece) {
            let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            free =
                free + Duration::from_nanos(count.saturating_mul(1_000_000_000) / u64::from(rate));
            self.append(free + pace.latency, bytes);
        }
        self.line_free = free;
    }

    fn append(&mut self, due: Instant, bytes: &[u8]) {
        // Bytes never overtake others, also when the latency shrinks.
        let due = due.max(self.last_due);
        self.last_due = due;
        self.len += bytes.len();
        match self.queue.back_mut() {
            Some(last) if last.due == due && last.bytes.len() < 4096 => {
                last.bytes.extend_from_slice(bytes);
            }
            _ => self.queue.push_back(Segment {
                due,
                bytes: bytes.to_vec(),
                taken: 0,
            }),
        }
    }

    /// Appends at most `limit` bytes that have arrived to `out`.
    pub(super) fn take(&mut self, now: Instant, limit: usize, out: &mut Vec<u8>) {
        let mut room = limit;
        while room > 0 {
            let Some(first) = self.queue.front_mut().filter(|first| first.due <= now) else {
                break;
            };
            let rest = first.bytes.get(first.taken..).unwrap_or_default();
            let (head, tail) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            out.extend_from_slice(head);
            room -= head.len();
            self.len -= head.len();
            first.taken += head.len();
            if tail.is_empty() {
                self.queue.pop_front();
            }
        }
    }

    /// When the next byte arrives, or has arrived.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queue.front().map(|first| first.due)
    }

    /// Bytes under way.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// What damages bytes on their way.
#[derive(Debug)]
pub(super) struct Noise {
    random: Random,
    flip: Trigger,
    lose: Trigger,
}

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            flip: Trigger::default(),
            lose: Trigger::default(),
        }
    }

    /// Flips each bit with probability `flip` and loses each byte with probability `lose`.
    pub(super) fn damage(&mut self, flip: f64, lose: f64, bytes: &mut Vec<u8>) {
        let mut start = 0;
        loop {
            let bits = bytes.len().saturating_mul(8).saturating_sub(start);
            let Some(skip) = self.flip.next_within(&mut self.random, flip, bits) else {
                break;
            };
            let bit = start + skip;
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
            start = bit + 1;
        }
        let mut start = 0;
        loop {
            let rest = bytes.len().saturating_sub(start);
            let Some(skip) = self.lose.next_within(&mut self.random, lose, rest) else {
                break;
            };
            start += skip;
            bytes.drain(start..=start);
        }
    }
}

/// Picks positions in a stream, each with the same probability, without a random number per
/// position.
#[derive(Debug, Default)]
struct Trigger {
    /// The probability for which `left` was drawn.
    probability: f64,
    /// How many positions are passed over until the next is picked.
    left: Option<usize>,
}

impl Trigger {
    /// How many of the next `count` positions are passed over before one is picked. `None`: all are
    /// passed over.
    fn next_within(
        &mut self,
        random: &mut Random,
        probability: f64,
        count: usize,
    ) -> Option<usize> {
        if probability <= 0.0 {
            self.left = None;
            return None;
        }
        if probability != self.probability {
            self.probability = probability;
            self.left = None;
        }
        let left = *self.left.get_or_insert_with(|| gap(random, probability));
        if left < count {
            self.left = None;
            Some(left)
        } else {
            self.left = Some(left - count);
            None
        }
    }
}

/// A geometrically distributed number of positions.
fn gap(random: &mut Random, probability: f64) -> usize {
    if probability >= 1.0 {
        return 0;
    }
    let gap = (1.0 - random.unit()).ln() / (1.0 - probability).ln();
    // A cast from a float saturates.
    gap as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn pace(latency: u64, bytes_per_second: Option<u32>) -> Pace {
        Pace {
            latency: Duration::from_millis(latency),
            bytes_per_second,
        }
    }

    #[test]
    fn bytes_arrive_after_the_latency_and_not_before() {
        let mut pipe = Pipe::default();
        pipe.push(ms(5), pace(20, None), b"abc");
        let mut out = Vec::new();
        pipe.take(ms(24), 100, &mut out);
        assert!(out.is_empty());
        assert_eq!(pipe.next_due(), Some(ms(25)));
        pipe.take(ms(25), 2, &mut out);
        assert_eq!((out.as_slice(), pipe.len()), (&b"ab"[..], 1));
        pipe.take(ms(25), 2, &mut out);
        assert_eq!((out.as_slice(), pipe.next_due()), (&b"abc"[..], None));
    }

    #[test]
    fn a_slow_line_takes_its_time_for_each_byte() {
        let mut pipe = Pipe::default();
        pipe.push(ms(0), pace(10, Some(1000)), &[7; 500]);
        pipe.push(ms(0), pace(10, Some(1000)), &[8; 500]);
        let mut out = Vec::new();
        pipe.take(ms(260), 9999, &mut out);
        assert_eq!(out.len(), 250);
        pipe.take(ms(1010), 9999, &mut out);
        assert_eq!(out.len(), 1000);
    }

    #[test]
    fn bytes_do_not_overtake_when_the_latency_shrinks() {
        let mut pipe = Pipe::default();
        pipe.push(ms(0), pace(100, None), b"a");
        pipe.push(ms(1), pace(1, None), b"b");
        let mut out = Vec::new();
        pipe.take(ms(99), 10, &mut out);
        assert!(out.is_empty());
        pipe.take(ms(100), 10, &mut out);
        assert_eq!(out, b"ab");
    }

    #[test]
    fn noise_hits_about_as_often_as_told_however_the_stream_is_cut() {
        for piece in [1, 7, 100_000] {
            let mut noise = Noise::new(3);
            let (mut flipped, mut left) = (0, 0);
            for chunk in vec![0_u8; 100_000].chunks(piece) {
                let mut bytes = chunk.to_vec();
                noise.damage(1e-3, 0.0, &mut bytes);
                flipped += bytes.iter().map(|b| b.count_ones()).sum::<u32>();
                noise.damage(0.0, 1e-2, &mut bytes);
                left += bytes.len();
            }
            assert!((600..1000).contains(&flipped), "{piece}: {flipped}");
            // Alternating the two probabilities draws anew each time, so only the size of the loss
            // is looked at.
            assert!((98_500..99_500).contains(&left), "{piece}: {left}");
        }
    }

    #[test]
    fn noise_of_nothing_and_of_everything() {
        let mut noise = Noise::new(1);
        let mut bytes = vec![0x0f; 4];
        noise.damage(0.0, 0.0, &mut bytes);
        assert_eq!(bytes, [0x0f; 4]);
        noise.damage(1.0, 0.0, &mut bytes);
        assert_eq!(bytes, [0xf0; 4]);
        noise.damage(0.0, 1.0, &mut bytes);
        assert!(bytes.is_empty());
    }
}

//! Text of the modem between PPP frames, while the link is up: `NO CARRIER` above all (spec D1).
//!
//! The kernel's PPP drops such text as a bad frame, so pppd learns of it only through DCD or a
//! silent peer. Here it ends the link at once. Text inside a frame never counts: a web page that
//! holds the words must not cut the line.

use std::collections::VecDeque;
use std::time::Duration;

use super::lines::{LineReader, Mode, is_line_end, show};
use super::response::Response;
use crate::log::{BudgetSize, Level, LogBudget, Verdict};
use crate::time::{Instant, Timer};

/// What the modem said between two frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineText {
    /// The call is over: `NO CARRIER`, or another final result that says so (`BUSY`, `NO ANSWER`,
    /// `NO DIALTONE`, `NO DIAL TONE`, `DISCONNECTED`).
    CarrierLost(String),
    /// Anything else, such as a URC, control characters escaped, at most 80 characters. In a flood
    /// of such texts most are left out.
    Other(String),
}

/// Looks at the same bytes as the deframer, and never at what stands inside a frame.
///
/// # Contract
/// After each `&mut` call: drain [`poll_event`](Self::poll_event), then read
/// [`poll_timeout`](Self::poll_timeout). How the input is cut into chunks makes no difference. One
/// lives for one call: it begins behind CONNECT.
#[derive(Debug)]
pub struct CarrierWatch {
    reader: LineReader,
    silence: Timer,
    events: VecDeque<LineText>,
    /// For texts that are only told: each is a line in the log of the owner.
    budget: LogBudget,
}

impl CarrierWatch {
    /// A watch that has seen nothing.
    pub fn new() -> Self {
        Self {
            reader: LineReader::new(Mode::Data),
            silence: Timer::default(),
            events: VecDeque::new(),
            budget: LogBudget::new(BudgetSize::PEER),
        }
    }

    /// What the modem sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        self.budget.refill(now);
        let mut input = bytes;
        while let Some(line) = self.reader.next(&mut input) {
            self.handle_line(&line.bytes);
        }
        if bytes.is_empty() {
            return;
        }
        if self.cut_off().is_some() {
            self.silence.arm(now + SILENCE);
        } else {
            self.silence.cancel();
        }
    }

    /// The clock has reached [`poll_timeout`](Self::poll_timeout), or has not.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.silence.expired(now)
            && let Some(result) = self.cut_off()
        {
            self.push(LineText::CarrierLost(result.to_owned()));
            // Whatever was open is over.
            self.reader = LineReader::new(Mode::Data);
        }
    }

    /// The next text, if there is one.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<LineText> {
        self.events.pop_front()
    }

    /// Text that ends a frame which was cut off counts once the line has been silent for a while.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.silence.deadline()
    }

    fn handle_line(&mut self, line: &[u8]) {
        let text = match Response::parse(line).call_end() {
            Some(result) => LineText::CarrierLost(result.to_owned()),
            None if self.budget.take(Level::Debug) != Verdict::Write => return,
            None => LineText::Other(show(line).chars().take(MAX_TEXT).collect()),
        };
        self.push(text);
    }

    /// The result that the input so far ends with, although a frame or a line is still open.
    fn cut_off(&self) -> Option<&'static str> {
        if !self.reader.is_in_frame() {
            return Response::parse(self.reader.pending()).call_end();
        }
        let (last, _) = self.reader.text_at_end().split_last()?;
        if !is_line_end(*last) {
            return None;
        }
        // More than the result in its line would make it a sentence of the payload's.
        self.reader
            .text_at_end()
            .split(|&byte| is_line_end(byte))
            .filter_map(|line| {
                Response::parse(line)
                    .call_end()
                    .map(|result| (line, result))
            })
            .find(|(line, result)| line.trim_ascii().ends_with(result.as_bytes()))
            .map(|(_, result)| result)
    }

    /// A line that is nothing but text cannot fill the memory of an owner who does not look.
    fn push(&mut self, text: LineText) {
        if self.events.len() >= MAX_EVENTS {
            let other = self
                .events
                .iter()
                .position(|event| matches!(event, LineText::Other(_)));
            self.events.remove(other.unwrap_or(0));
        }
        self.events.push_back(text);
    }
}

impl Default for CarrierWatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Silence behind a result at the end of a frame that was cut off. A frame does not pause that long
/// in its middle.
const SILENCE: Duration = Duration::from_secs(1);
/// Longest text in characters that is handed out.
const MAX_TEXT: usize = 80;
/// Texts that wait to be polled.
const MAX_EVENTS: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: &[u8] = b"\x7e\xff\x03\x00\x21\x45\0\0\x30abc\r\nNO CARRIER\r\ndef\x12\x34\x7e";

    fn lost() -> LineText {
        LineText::CarrierLost("NO CARRIER".to_owned())
    }

    fn other(text: &str) -> LineText {
        LineText::Other(text.to_owned())
    }

    /// What is seen at once and what after a silence, for each way of cutting `input` into chunks
    /// of one size.
    fn watch(input: &[u8]) -> (Vec<LineText>, Vec<LineText>) {
        let run = |size: usize| {
            let mut watch = CarrierWatch::new();
            for chunk in input.chunks(size) {
                watch.handle_bytes(Instant::ZERO, chunk);
            }
            let drain = |watch: &mut CarrierWatch| {
                std::iter::from_fn(|| watch.poll_event()).collect::<Vec<_>>()
            };
            let at_once = drain(&mut watch);
            watch.handle_timeout(Instant::from_millis(999));
            assert_eq!(drain(&mut watch), []);
            watch.handle_timeout(Instant::from_millis(1000));
            assert_eq!(watch.poll_timeout(), None);
            (at_once, drain(&mut watch))
        };
        let whole = run(input.len());
        for size in 1..input.len() {
            assert_eq!(run(size), whole, "chunks of {size}");
        }
        whole
    }

    #[test]
    fn no_carrier_between_frames_counts_at_once() {
        for text in [
            "\r\nNO CARRIER\r\n",
            "\nNO CARRIER\r\n",
            "NO CARRIER\r",
            "\r\n\r\nNO CARRIER\r\n",
        ] {
            let input = [FRAME, text.as_bytes()].concat();
            assert_eq!(watch(&input), (vec![lost()], vec![]), "{text:?}");
            assert_eq!(watch(text.as_bytes()), (vec![lost()], vec![]), "{text:?}");
        }
    }

    #[test]
    fn results_that_end_a_call_count() {
        for result in [
            "NO CARRIER",
            "BUSY",
            "NO ANSWER",
            "NO DIALTONE",
            "NO DIAL TONE",
            "DISCONNECTED",
        ] {
            let input = format!("\x7e\r\n{result}\r\n");
            assert_eq!(
                watch(input.as_bytes()),
                (vec![LineText::CarrierLost(result.to_owned())], vec![])
            );
        }
        let input = b"\x7e\r\n+PPPD: DISCONNECTED\r\n";
        assert_eq!(
            watch(input),
            (
                vec![LineText::CarrierLost("DISCONNECTED".to_owned())],
                vec![]
            )
        );
    }

    #[test]
    fn other_text_is_only_told() {
        let input = [
            FRAME,
            b"\r\n+CREG: 2\r\n\x7e",
            FRAME,
            b"\r\nOK\r\n\r\n^RSSI:20\r\n",
            FRAME,
        ]
        .concat();
        assert_eq!(
            watch(&input),
            (
                vec![other("+CREG: 2"), other("OK"), other("^RSSI:20")],
                vec![]
            )
        );
    }

    #[test]
    fn text_inside_a_frame_never_counts() {
        assert_eq!(watch(&FRAME.repeat(3)), (vec![], vec![]));
        // Without the flag that both frames could have; behind a text; with the address and
        // protocol compressed.
        assert_eq!(
            watch(&[FRAME, FRAME.get(1..).unwrap()].concat()),
            (vec![], vec![])
        );
        assert_eq!(
            watch(b"\r\nRING\r\n\xff\x03\0!E\0\r\nNO CARRIER\r\nx\x7e").0,
            [other("RING")]
        );
        assert_eq!(
            watch(b"\x7e!E\0\0\x30abc\r\nNO CARRIER\r\nx\x7e"),
            (vec![], vec![])
        );
        assert_eq!(
            watch(b"\x7eW`\0\0\x30abc\r\nNO CARRIER\r\nx\x7e"),
            (vec![], vec![])
        );
    }

    #[test]
    fn no_carrier_that_cuts_a_frame_off_counts_after_a_silence() {
        let open = b"\x7e\xff\x03\x00\x21\x45\0\0\x30abc";
        assert_eq!(
            watch(&[&open[..], b"\r\nNO CARRIER\r\n"].concat()),
            (vec![], vec![lost()])
        );
        assert_eq!(
            watch(&[&open[..], b"\nNO CARRIER\r\n"].concat()),
            (vec![], vec![lost()])
        );
        assert_eq!(
            watch(&[&open[..], b"\r\nNO CARRIER\r\n\r\n+SRV_IND:1\r\n"].concat()),
            (vec![], vec![lost()])
        );
        assert_eq!(
            watch(&[&open[..], b"\r\nNO CARRIER\r\nx"].concat()),
            (vec![], vec![])
        );
        assert_eq!(
            watch(&[&open[..], b"NO CARRIER\r\n"].concat()),
            (vec![], vec![])
        );
        assert_eq!(
            watch(&[&open[..], b"\r\nRING\r\n"].concat()),
            (vec![], vec![])
        );
    }

    #[test]
    fn a_frame_that_goes_on_within_the_silence_was_not_cut_off() {
        let mut watch = CarrierWatch::new();
        let at = Instant::from_millis;
        watch.handle_bytes(
            at(0),
            b"\x7e\xff\x03\x00\x21\x45\0\0\x30abc\r\nNO CARRIER\r\n",
        );
        assert_eq!(watch.poll_timeout(), Some(at(1000)));
        watch.handle_bytes(at(900), b"def\x7e");
        assert_eq!(watch.poll_timeout(), None);
        watch.handle_timeout(at(2000));
        assert_eq!(watch.poll_event(), None);
    }

    #[test]
    fn a_result_without_its_line_end_counts_after_a_silence() {
        assert_eq!(watch(b"\x7e\r\nNO CARRIER"), (vec![], vec![lost()]));
    }

    #[test]
    fn the_first_frames_behind_connect_are_no_text() {
        // R1: two copies of a Configure-Request back to back, behind the line feed of CONNECT's
        // line end.
        let r1 =
            b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x20\x7d\x20\x7d\x39\x7d\x22\x7d\x26\xa0\xfc\x7e";
        assert_eq!(
            watch(&[b"\n".as_slice(), r1, r1, b"\x7e"].concat()),
            (vec![], vec![])
        );
    }

    #[test]
    fn a_modem_that_never_stops_talking_is_told_now_and_then() {
        let mut watch = CarrierWatch::new();
        let mut told = 0;
        for n in 0..10_000 {
            watch.handle_bytes(Instant::from_millis(n), b"\r\n+CREG: 2\r\n");
            told += usize::from(watch.poll_event().is_some());
        }
        assert!((300..600).contains(&told), "{told}");
        watch.handle_bytes(Instant::from_millis(10_000), b"\r\nNO CARRIER\r\n");
        assert_eq!(watch.poll_event(), Some(lost()));
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut watch = CarrierWatch::new();
        watch.handle_bytes(Instant::ZERO, b"\r\nNO CARRIER\r\n");
        for _ in 0..1000 {
            watch.handle_bytes(
                Instant::ZERO,
                &[b"\r\n+X: ".as_slice(), &[b'x'; 2000], b"\r\n"].concat(),
            );
        }
        let all: Vec<_> = std::iter::from_fn(|| watch.poll_event()).collect();
        assert_eq!(all.len(), MAX_EVENTS);
        assert_eq!(all.first(), Some(&lost()));
        assert_eq!(
            all.get(1),
            Some(&other(&format!("+X: {}", "x".repeat(MAX_TEXT - 4))))
        );
    }

    /// A frame as a sender with ACCM 0 puts it on the line: only 7d and 7e are escaped.
    fn frame(header: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x7e];
        for &byte in header.iter().chain(payload) {
            if matches!(byte, 0x7d | 0x7e) {
                out.extend([0x7d, byte ^ 0x20]);
            } else {
                out.push(byte);
            }
        }
        out.push(0x7e);
        out
    }

    proptest! {
        #[test]
        fn no_payload_in_frames_cuts_the_line(
            frames in prop::collection::vec(
                (
                    prop_oneof![
                        Just(&b"\xff\x03\x00\x21"[..]), Just(&b"\x00\x21"[..]),
                        Just(&b"\x21"[..]), Just(&b"\xff\x03\x21"[..]),
                        Just(&b"\xc0\x21"[..]), Just(&b"\x57"[..]),
                    ],
                    prop::collection::vec(
                        prop_oneof![
                            prop::collection::vec(any::<u8>(), 0..40),
                            Just(b"\r\nNO CARRIER\r\n".to_vec()),
                            Just(b"\x7e\r\nNO CARRIER\r\n\x7e".to_vec()),
                            Just(b"\r\n".to_vec()),
                        ],
                        0..8,
                    ),
                ),
                1..8,
            ),
            size in 1_usize..200,
        ) {
            // An IP header's first octets, as every frame of the data phase has them: 45 00.
            let input: Vec<u8> = frames
                .iter()
                .flat_map(|(header, parts)| {
                    frame(&[header, b"\x45\x00".as_slice()].concat(), &parts.concat())
                })
                .collect();
            let mut watch = CarrierWatch::new();
            for chunk in input.chunks(size) {
                watch.handle_bytes(Instant::ZERO, chunk);
            }
            watch.handle_timeout(Instant::from_millis(5000));
            prop_assert_eq!(watch.poll_event(), None);
        }

        #[test]
        fn any_input_gives_the_same_in_any_chunks(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..20),
                    Just(b"\r\nNO CARRIER\r\n".to_vec()),
                    Just(b"\x7e".to_vec()),
                    Just(b"\r\n".to_vec()),
                    Just(b"\x7e\xff\x03".to_vec()),
                ],
                0..20,
            ),
            size in 1_usize..50,
        ) {
            let input = parts.concat();
            let run = |size: usize| {
                let mut watch = CarrierWatch::new();
                for chunk in input.chunks(size) {
                    watch.handle_bytes(Instant::ZERO, chunk);
                }
                watch.handle_timeout(Instant::from_millis(1000));
                std::iter::from_fn(|| watch.poll_event()).collect::<Vec<_>>()
            };
            prop_assert_eq!(run(size), run(usize::MAX));
        }
    }
}

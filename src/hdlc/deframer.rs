//! Frames off the wire.

use std::mem;

use memchr::memchr;

use super::{ESCAPE, ESCAPE_BIT, FLAG, fcs};

/// Takes frames off the wire, and lends them.
///
/// It starts by looking for a flag, since the modem's text (`CONNECT 150000000`) may stand in front
/// of the first frame. After any error it goes on at the next flag, so one broken frame never costs
/// the one behind it. Empty frames (a flag behind a flag) are no error and not counted.
///
/// Reception is lax: a control character that should have come escaped is taken as data, and a
/// frame is accepted with whatever its sender chose to escape.
///
/// ```
/// use uplinkd::hdlc::Deframer;
///
/// let mut deframer = Deframer::new(1504);
/// let mut input = &b"CONNECT\r\n\x7e\xc0\x21\x05\x03\x00\x04\x3e\x5c\x7e"[..];
/// assert_eq!(deframer.next(&mut input), Some(Ok(&b"\xc0\x21\x05\x03\x00\x04"[..])));
/// assert_eq!(deframer.next(&mut input), None);
/// assert!(input.is_empty());
/// ```
#[derive(Debug)]
pub struct Deframer {
    /// What came since the last flag, escapes undone.
    buffer: Box<[u8]>,
    filled: usize,
    state: State,
    receive_accm: u32,
    stats: FrameStats,
}

/// Why a frame was dropped. Every reason has a counter in [`FrameStats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FrameError {
    /// The frame check sequence is wrong.
    #[error("bad frame check sequence")]
    Fcs,
    /// Fewer octets than an FCS and a protocol field need.
    #[error("runt frame")]
    TooShort,
    /// More octets than the receive buffer holds. Reported once, as soon as it is known; the rest
    /// of the frame is skipped.
    #[error("oversized frame")]
    TooLong,
    /// Ended by the abort sequence `7d 7e`.
    #[error("aborted frame")]
    Aborted,
}

/// Counters of a [`Deframer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    /// Good frames.
    pub good: u64,
    /// [`FrameError::Fcs`].
    pub bad_fcs: u64,
    /// [`FrameError::TooShort`].
    pub too_short: u64,
    /// [`FrameError::TooLong`].
    pub too_long: u64,
    /// [`FrameError::Aborted`].
    pub aborted: u64,
}

impl Deframer {
    /// `max_frame`: the longest frame, in octets between the flags with escapes undone, FCS
    /// included.
    pub fn new(max_frame: usize) -> Self {
        Self {
            buffer: vec![0; max_frame].into_boxed_slice(),
            filled: 0,
            state: State::Hunting,
            receive_accm: 0,
            stats: FrameStats::default(),
        }
    }

    /// Control characters in this map that arrive unescaped are dropped (RFC 1662 section 4.2).
    /// Default 0: none, since several chipsets send them unescaped whatever was negotiated.
    pub fn set_receive_accm(&mut self, accm: u32) {
        self.receive_accm = accm;
    }

    /// The next whole frame out of `input`, which is advanced; without FCS. `None`: `input` is used
    /// up.
    ///
    /// A frame may begin in one input and end in another. The frame is lent until the next call, so
    /// settings can be changed between two frames of one input.
    pub fn next<'a>(&'a mut self, input: &mut &[u8]) -> Option<Result<&'a [u8], FrameError>> {
        let result = self.advance(input)?;
        match result {
            Ok(_) => self.stats.good += 1,
            Err(FrameError::Fcs) => self.stats.bad_fcs += 1,
            Err(FrameError::TooShort) => self.stats.too_short += 1,
            Err(FrameError::TooLong) => self.stats.too_long += 1,
            Err(FrameError::Aborted) => self.stats.aborted += 1,
        }
        Some(result.map(|length| self.buffer.get(..length).unwrap_or_default()))
    }

    /// What has been received so far.
    pub fn stats(&self) -> &FrameStats {
        &self.stats
    }

    /// The length of the next whole frame at the buffer's start.
    fn advance(&mut self, input: &mut &[u8]) -> Option<Result<usize, FrameError>> {
        while !input.is_empty() {
            let flag = memchr(FLAG, input);
            let (octets, rest) = input.split_at(flag.unwrap_or(input.len()));
            *input = rest.split_first().map_or(rest, |(_, behind)| behind);

            let fits = self.state == State::Hunting || self.unescape(octets);
            if flag.is_some() {
                let result = self.end_frame(fits);
                if result.is_some() {
                    return result;
                }
            } else if !fits {
                self.filled = 0;
                self.state = State::Hunting;
                return Some(Err(FrameError::TooLong));
            }
        }
        None
    }

    /// A flag: judges what stands before it (nothing is an empty frame, and no error), and opens
    /// the next frame.
    fn end_frame(&mut self, fits: bool) -> Option<Result<usize, FrameError>> {
        let filled = mem::take(&mut self.filled);
        let state = mem::replace(&mut self.state, State::Frame);
        if !fits {
            return Some(Err(FrameError::TooLong));
        }
        match state {
            State::Hunting => None,
            State::Escape => Some(Err(FrameError::Aborted)),
            State::Frame if filled == 0 => None,
            State::Frame => Some(self.check(filled)),
        }
    }

    fn check(&self, filled: usize) -> Result<usize, FrameError> {
        let frame = self.buffer.get(..filled).unwrap_or_default();
        match frame.split_last_chunk::<{ fcs::LENGTH }>() {
            None | Some(([], _)) => Err(FrameError::TooShort),
            Some((content, trailer)) if fcs::of(&[content]) == *trailer => Ok(content.len()),
            Some(_) => Err(FrameError::Fcs),
        }
    }

    /// Appends octets of a frame to the buffer. False if they do not fit.
    fn unescape(&mut self, mut octets: &[u8]) -> bool {
        // Long runs without an escape are copied in one piece. Where escapes are dense, or each
        // octet has to be held against the map, blocks of octets go the way whose speed does not
        // depend on the data.
        while let Some((&first, behind)) = octets.split_first() {
            if self.receive_accm == 0 && self.state == State::Escape {
                self.state = State::Frame;
                if !self.copy(&[first ^ ESCAPE_BIT]) {
                    return false;
                }
                octets = behind;
                continue;
            }
            let run = if self.receive_accm == 0 {
                memchr(ESCAPE, octets)
            } else {
                Some(0)
            };
            let (fits, rest) = match run {
                None => (self.copy(octets), &[][..]),
                Some(run) if run < DENSE_RUN => {
                    let (block, tail) = octets.split_at(octets.len().min(BLOCK));
                    (self.unescape_block(block), tail)
                }
                Some(run) => {
                    let (clean, tail) = octets.split_at(run);
                    self.state = State::Escape;
                    (
                        self.copy(clean),
                        tail.split_first().map_or(tail, |(_, tail)| tail),
                    )
                }
            };
            if !fits {
                return false;
            }
            octets = rest;
        }
        true
    }

    fn copy(&mut self, run: &[u8]) -> bool {
        let Some(room) = self.buffer.get_mut(self.filled..self.filled + run.len()) else {
            return false;
        };
        room.copy_from_slice(run);
        self.filled += run.len();
        true
    }

    /// Without a branch that depends on the data: every octet is written, and the place of the next
    /// one tells whether it counts.
    fn unescape_block(&mut self, block: &[u8]) -> bool {
        let mut scratch = [0; BLOCK];
        let mut length = 0;
        let mut escape = self.state == State::Escape;
        for &octet in block {
            if let Some(place) = scratch.get_mut(length) {
                *place = octet ^ if escape { ESCAPE_BIT } else { 0 };
            }
            // A control character that the peer was told to escape was put in by the line: it
            // counts for nothing, not even behind an Escape.
            let spurious = octet < 32 && (self.receive_accm >> (octet & 31)) & 1 == 1;
            let is_escape = (octet == ESCAPE) & !escape;
            length += usize::from(!(is_escape | spurious));
            escape = is_escape | (escape & spurious);
        }
        self.state = if escape { State::Escape } else { State::Frame };
        self.copy(scratch.get(..length).unwrap_or_default())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No flag yet, or the rest of a frame that was too long: everything up to the next flag is
    /// skipped.
    Hunting,
    /// Between two flags.
    Frame,
    /// Between two flags, behind an Escape.
    Escape,
}

/// A run of fewer octets than this between two escapes is not worth its own copy.
const DENSE_RUN: usize = 16;

/// How much of a dense frame is unescaped before the next look for a run.
const BLOCK: usize = 64;

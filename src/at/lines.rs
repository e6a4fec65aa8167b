//! From bytes to lines of text, past whatever PPP frames stand between them.
//!
//! A flag (7e) separates: what stands between two flags is either a frame or text. Text begins with
//! a carriage return, a line feed or the first character of a result; frames never do (RFC 1661
//! section 2: a frame begins with the address ff, escaped or not, or with a protocol number of
//! which none in use has such an octet). So text inside a frame's payload is never taken for the
//! modem's, although CR and LF stand there unescaped when the ACCM is 0.

use memchr::memchr;

/// RFC 1662 section 3.1.
const FLAG: u8 = 0x7e;

/// Longest line that is kept; the rest is dropped up to its end. The longest answers known
/// (`AT+COPS=?`) are shorter.
const MAX_LINE: usize = 1024;

/// How much of the end of an open frame is kept, in octets: enough for a result and a few URCs
/// behind it.
const MAX_TAIL: usize = 256;

/// An LCP Echo-Request, id 1, magic number 99d135c1, as a frame. Whoever answers it is in data
/// mode.
pub(super) const PROBE: [u8; 15] = [
    0x7e, 0xff, 0x03, 0xc0, 0x21, 0x09, 0x01, 0x00, 0x08, 0x99, 0xd1, 0x35, 0xc1, 0x8e, 0x2c,
];

/// How a [`LineReader`] treats octets that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Command mode is expected: everything is text until a flag comes.
    Command,
    /// Data mode is expected: an octet that is no text begins a frame, even without a flag before
    /// it (RFC 1662 section 3.1 lets a sender leave out the flag between frames that follow
    /// closely).
    Data,
}

/// A line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Never empty, at most [`MAX_LINE`] octets.
    pub(super) bytes: Vec<u8>,
    /// Whether a flag ended it and not CR or LF; the flag is still in the input.
    pub(super) cut: bool,
}

/// Splits what the modem sends. Holds at most one line and the end of one frame.
#[derive(Debug)]
pub(super) struct LineReader {
    mode: Mode,
    place: Place,
    line: Vec<u8>,
    tail: Vec<u8>,
    frames: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Outside of frames.
    Text,
    /// Directly behind a flag: the next octet decides.
    Flag,
    /// Inside a frame.
    Frame,
}

impl LineReader {
    pub(super) fn new(mode: Mode) -> Self {
        let place = match mode {
            Mode::Command => Place::Text,
            Mode::Data => Place::Flag,
        };
        Self {
            mode,
            place,
            line: Vec::new(),
            tail: Vec::new(),
            frames: 0,
        }
    }

    /// The next line out of `input`, which is advanced behind the line's end. `None`: `input` is
    /// used up.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Line> {
        loop {
            match self.place {
                Place::Text => {
                    let (&byte, rest) = input.split_first()?;
                    if byte == FLAG {
                        if self.mode == Mode::Command && !self.line.is_empty() {
                            return Some(Line {
                                bytes: std::mem::take(&mut self.line),
                                cut: true,
                            });
                        }
                        self.line.clear();
                        self.place = Place::Flag;
                    } else if is_line_end(byte) {
                        if !self.line.is_empty() {
                            *input = rest;
                            return Some(Line {
                                bytes: std::mem::take(&mut self.line),
                                cut: false,
                            });
                        }
                    } else if byte == 0 && self.line.is_empty() {
                        // Some modems send NULs before a line.
                    } else if self.mode == Mode::Data && !is_text(byte) {
                        self.line.clear();
                        self.tail.clear();
                        self.place = Place::Frame;
                        continue;
                    } else if self.line.len() < MAX_LINE {
                        self.line.push(byte);
                    }
                    *input = rest;
                }
                Place::Flag => {
                    let (&byte, rest) = input.split_first()?;
                    if byte == FLAG {
                        *input = rest;
                    } else if begins_text(byte) {
                        self.place = Place::Text;
                    } else {
                        self.tail.clear();
                        self.place = Place::Frame;
                    }
                }
                Place::Frame => {
                    if input.is_empty() {
                        return None;
                    }
                    let Some((body, rest)) =
                        memchr(FLAG, input).and_then(|n| input.split_at_checked(n))
                    else {
                        self.keep_tail(input);
                        *input = &[];
                        return None;
                    };
                    if self.mode == Mode::Command && self.is_ppp(body) {
                        self.frames = self.frames.saturating_add(1);
                    }
                    *input = rest;
                    self.tail.clear();
                    self.place = Place::Text;
                }
            }
        }
    }

    /// Gives up waiting for the end of a frame: it was cut off, and what stands at its end is text.
    pub(super) fn leave_frame(&mut self) -> Vec<Line> {
        let lines = lines_of(self.text_at_end());
        self.tail.clear();
        if self.place == Place::Frame {
            self.place = Place::Text;
        }
        lines
    }

    /// Takes the line whose end has not come yet.
    pub(super) fn take_pending(&mut self) -> Option<Line> {
        (!self.line.is_empty()).then(|| Line {
            bytes: std::mem::take(&mut self.line),
            cut: false,
        })
    }

    /// The line whose end has not come yet; empty if there is none.
    pub(super) fn pending(&self) -> &[u8] {
        &self.line
    }

    /// Whether a frame has begun and not ended.
    pub(super) fn is_in_frame(&self) -> bool {
        self.place == Place::Frame
    }

    /// Whole frames seen in command mode, without echoes of [`PROBE`].
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// The text at the end of an open frame, from behind the first line end on which only text
    /// follows.
    pub(super) fn text_at_end(&self) -> &[u8] {
        let binary = self
            .tail
            .iter()
            .rposition(|&byte| !is_text(byte) && !is_line_end(byte));
        let text = self
            .tail
            .get(binary.map_or(0, |n| n + 1)..)
            .unwrap_or_default();
        text.iter()
            .position(|&byte| is_line_end(byte))
            .and_then(|n| text.get(n + 1..))
            .unwrap_or_default()
    }

    /// Whether the frame that ends with `body` was sent by a peer: neither an echo of [`PROBE`] nor
    /// a text between two tildes.
    fn is_ppp(&self, body: &[u8]) -> bool {
        let echo = PROBE
            .get(1..)
            .and_then(|probe| probe.strip_prefix(self.tail.as_slice()));
        let mut frame = self.tail.iter().chain(body);
        echo != Some(body) && frame.any(|&byte| !is_text(byte) && !is_line_end(byte))
    }

    /// Keeps the last octets of the open frame.
    fn keep_tail(&mut self, part: &[u8]) {
        let part = part
            .get(part.len().saturating_sub(MAX_TAIL)..)
            .unwrap_or_default();
        let excess = (self.tail.len() + part.len()).saturating_sub(MAX_TAIL);
        self.tail.drain(..excess.min(self.tail.len()));
        self.tail.extend_from_slice(part);
    }
}

/// Whether `byte` is CR or LF.
pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Whether `byte` can stand in a line of the modem's.
pub(super) fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte != FLAG && (byte == b' ' || byte.is_ascii_graphic()))
}

/// `bytes` as chat's log shows them: `^M` for CR, `^?` for DEL, `M-` before octets above 7f.
pub(super) fn show(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte >= 0x80 {
            out.push_str("M-");
        }
        match byte & 0x7f {
            0x7f => out.push_str("^?"),
            low @ 0..0x20 => out.extend(['^', char::from(low + b'@')]),
            low => out.push(char::from(low)),
        }
    }
    out
}

/// The lines of a finished text, the last one with or without its end.
fn lines_of(text: &[u8]) -> Vec<Line> {
    text.split(|&byte| is_line_end(byte))
        .filter(|line| !line.is_empty())
        .map(|line| Line {
            bytes: line.to_vec(),
            cut: false,
        })
        .collect()
}

/// Whether `byte` behind a flag begins text: a line end, or the first character of a result or a
/// URC. `W` is missing because 57 is the protocol number of IPv6, and so are `!`, `-` and `/` (IPv4
/// and its header compression).
fn begins_text(byte: u8) -> bool {
    is_line_end(byte)
        || matches!(
            byte,
            b'B' | b'C' | b'D' | b'E' | b'N' | b'O' | b'R' | b'V' | b'+' | b'^' | b'*'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mode: Mode, chunks: &[&[u8]]) -> Vec<String> {
        let mut reader = LineReader::new(mode);
        let mut out = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(line) = reader.next(&mut input) {
                out.push(show(&line.bytes));
            }
            assert!(input.is_empty());
        }
        out
    }

    #[test]
    fn any_line_end_ends_a_line_and_blank_lines_are_nothing() {
        let input = b"\0\0\r\nAT\r\r\nOK\r\n\n\r+CPIN: READY\nRDY\r";
        assert_eq!(
            lines(Mode::Command, &[input]),
            ["AT", "OK", "+CPIN: READY", "RDY"]
        );
    }

    #[test]
    fn chunks_do_not_matter() {
        let input: &[u8] = b"x\x7e\xff\x03\xc0\x21\r\nOK\r\n\x7e\x7e\r\nNO CARRIER\r\nrest\n\
            \x7e!E\0\r\nBUSY\r\n\x7eRING\r";
        for mode in [Mode::Command, Mode::Data] {
            let whole = lines(mode, &[input]);
            for size in 1..input.len() {
                assert_eq!(
                    lines(mode, &input.chunks(size).collect::<Vec<_>>()),
                    whole,
                    "{mode:?} {size}"
                );
            }
        }
    }

    #[test]
    fn text_in_a_frame_is_not_text() {
        let input =
            b"\x7e\xff\x03\x00\x21abc\r\nOK\r\n\x7e\r\nNO CARRIER\r\n\x7e\x7d\x23\r\nBUSY\r\n\x7e";
        assert_eq!(lines(Mode::Command, &[input]), ["NO CARRIER"]);
        assert_eq!(lines(Mode::Data, &[input]), ["NO CARRIER"]);
    }

    #[test]
    fn a_frame_without_a_flag_before_it_is_a_frame_in_data_mode() {
        let input = b"\r\n+CREG: 1\r\n\xff\x03\x00\x21abc\r\nNO CARRIER\r\n\x7e\r\nRING\r\n";
        assert_eq!(lines(Mode::Data, &[input]), ["+CREG: 1", "RING"]);
        assert_eq!(lines(Mode::Data, &[b"!E\0\r\nNO CARRIER\r\n\x7e"]), [""; 0]);
        assert_eq!(
            lines(Mode::Data, &[b"\n!E\0\r\nNO CARRIER\r\n\x7e"]),
            [""; 0]
        );
    }

    #[test]
    fn a_long_line_is_cut_and_its_end_is_found() {
        let mut input = vec![b'a'; 5000];
        input.extend_from_slice(b"\r\nOK\r\n");
        let lines = lines(Mode::Command, &[&input]);
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [MAX_LINE, 2]
        );
    }

    #[test]
    fn a_flag_ends_a_line_of_command_mode_and_stays() {
        let mut reader = LineReader::new(Mode::Command);
        let mut input: &[u8] = b"CONNECT\x7e\xff";
        assert_eq!(
            reader.next(&mut input),
            Some(Line {
                bytes: b"CONNECT".to_vec(),
                cut: true
            })
        );
        assert_eq!(input, b"\x7e\xff");
    }

    #[test]
    fn text_at_the_end_of_a_cut_frame_is_found() {
        let mut reader = LineReader::new(Mode::Data);
        let mut input: &[u8] = b"\x7e\xff\x03\x00\x21abc\x80def\r\nNO CARRIER\r\n";
        assert_eq!(reader.next(&mut input), None);
        assert_eq!(reader.text_at_end(), b"\nNO CARRIER\r\n");
        assert!(reader.is_in_frame());
        assert_eq!(
            reader.leave_frame(),
            [Line {
                bytes: b"NO CARRIER".to_vec(),
                cut: false
            }]
        );
        assert!(!reader.is_in_frame());
    }

    #[test]
    fn an_echo_of_the_probe_is_not_a_frame() {
        let mut echo = PROBE.to_vec();
        echo.push(FLAG);
        for size in 1..=echo.len() {
            let mut reader = LineReader::new(Mode::Command);
            for chunk in echo.chunks(size) {
                let mut input = chunk;
                assert_eq!(reader.next(&mut input), None);
            }
            assert_eq!(reader.frames(), 0);
            let mut input: &[u8] = &[0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7e];
            assert_eq!(reader.next(&mut input), None);
            assert_eq!(reader.frames(), 1);
        }
    }

    #[test]
    fn a_text_between_tildes_is_not_a_frame() {
        let mut reader = LineReader::new(Mode::Command);
        let mut input: &[u8] = b"\r\n~~~ welcome ~~~\r\n";
        assert_eq!(reader.next(&mut input), None);
        assert_eq!(reader.frames(), 0);
    }

    #[test]
    fn shows_octets_as_chat_does() {
        assert_eq!(show(b"AT\r\x7f\x01\xc1"), "AT^M^?^AM-A");
    }
}

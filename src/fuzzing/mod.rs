//! The bodies of the fuzz targets: what foreign bytes must never do to us.
//!
//! They live in the library so that they are always compiled. `fuzz/` has one target of three lines for each, and
//! `protocol-tests/tests/fuzz_corpus.rs` plays the committed corpus and some thousand random inputs through all of them
//! in an ordinary test run. A body panics when a promise is broken; it never panics for another reason.
#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    reason = "a panic is how a fuzz target reports what it has found"
)]

mod chat;
mod control;
mod endpoint;
mod modem;

use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;

use crate::at::check_command;
use crate::config::files::MapFiles;
use crate::config::{self, Config, Diagnostic, Severity, Sources};
use crate::hdlc::{Deframer, FrameError, Framer, TransmitMap};
use crate::log::LogLine;
use crate::sim::FaultSpec;
use crate::time::Instant;

pub use chat::chat;
pub use control::control;
pub use endpoint::endpoint;
pub use modem::{carrier_watch, dialer, simulator};

/// A target: its name in `fuzz/`, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("deframer", deframer),
    ("endpoint", endpoint),
    ("dialer", dialer),
    ("carrier_watch", carrier_watch),
    ("keyvalue", keyvalue),
    ("native", native),
    ("pppd_files", pppd_files),
    ("fault", fault),
    ("control", control),
    ("chat", chat),
    ("simulator", simulator),
];

/// Longest frame that a deframer is asked for.
const MAX_FRAME: usize = 512;
/// Every control character is escaped.
const ESCAPE_ALL: TransmitMap = TransmitMap([u32::MAX, 0, 0, 0, 0, 0, 0, 0]);
/// More than this at once is not an answer to anything.
const MAX_OUTPUT: usize = 64 * 1024;

/// The framing: frames do not depend on how the bytes are cut into reads, none is longer than it may be, and what our
/// own framer has written is read back.
pub fn deframer(data: &[u8]) {
    let mut input = Input(data);
    let accm = if input.u8() & 1 == 1 { u32::MAX } else { 0 };
    let chunk = usize::from(input.u8() % 32) + 1;
    let whole = deframe(input.0, accm, input.0.len().max(1));
    let pieces = deframe(input.0, accm, chunk);
    assert_eq!(whole, pieces, "frames depend on how the bytes are cut");
    for frame in whole.iter().flatten() {
        assert!(
            frame.len() + 2 <= MAX_FRAME,
            "a frame of {} octets",
            frame.len()
        );
        let mut wire = BytesMut::new();
        Framer::new().encode(&ESCAPE_ALL, &[], frame, &mut wire);
        assert_eq!(
            deframe(&wire, accm, chunk),
            [Ok(frame.clone())],
            "our own frame is not read back"
        );
    }
}

fn deframe(mut bytes: &[u8], accm: u32, chunk: usize) -> Vec<Result<Vec<u8>, FrameError>> {
    let mut deframer = Deframer::new(MAX_FRAME);
    deframer.set_receive_accm(accm);
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (mut head, rest) = bytes.split_at_checked(chunk).unwrap_or((bytes, &[]));
        while let Some(frame) = deframer.next(&mut head) {
            frames.push(frame.map(<[u8]>::to_vec));
        }
        assert!(head.is_empty(), "the deframer stopped before the end");
        bytes = rest;
    }
    frames
}

/// The KEY=VALUE format: a configuration or an error, never both missing; positions lie in the file.
pub fn keyvalue(data: &[u8]) {
    configuration("ppp", data);
}

/// The TOML format, likewise.
pub fn native(data: &[u8]) {
    configuration("uplinkd.toml", data);
}

/// pppd's files: the parts between zero bytes are a peers file, options, both secrets files and a chat script.
pub fn pppd_files(data: &[u8]) {
    let mut files = MapFiles::new();
    let mut lines = 1;
    let paths = [
        "/etc/ppp/peers/x",
        "/etc/ppp/options",
        "/etc/ppp/chap-secrets",
        "/etc/ppp/pap-secrets",
        "/etc/x",
    ];
    for (path, part) in paths.into_iter().zip(data.split(|byte| *byte == 0)) {
        lines = lines.max(part.split(|byte| *byte == b'\n').count());
        files = files.with(path, part);
    }
    let sources = Sources {
        files: &files,
        ppp_dir: Path::new("/etc/ppp"),
        models: None,
    };
    judge(config::read_with("ppp", b"PROVIDER=x\n", &sources), lines);
}

fn configuration(name: &str, data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').count();
    judge(config::read(name, data), lines);
}

fn judge((config, diagnostics): (Option<Config>, Vec<Diagnostic>), lines: usize) {
    let is_refused = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    assert!(config.is_some() || is_refused, "refused without a reason");
    for diagnostic in &diagnostics {
        // Line 0 is what concerns the file as a whole.
        let is_whole = (diagnostic.line, diagnostic.column) == (0, 0);
        assert!(
            is_whole || (1..=lines).contains(&diagnostic.line),
            "{diagnostic:?}"
        );
        assert!(is_whole || diagnostic.column >= 1, "{diagnostic:?}");
        assert!(diagnostic.width >= 1, "{diagnostic:?}");
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
        let shown = diagnostic.render();
        assert!(
            !shown.contains(|c: char| c.is_control() && c != '\n'),
            "{shown:?}"
        );
    }
    if let Some(config) = config {
        let _ = (config.session(false), config.policy(false));
        if let Some(dial) = &config.dial {
            assert_eq!(check_command(dial), Ok(()));
        }
    }
}

/// `--fault`: what is accepted is written and read back alike, what is not gets a sentence.
pub fn fault(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.parse::<FaultSpec>() {
        Ok(spec) => {
            let again = spec.to_string().parse::<FaultSpec>();
            assert_eq!(again, Ok(spec), "{text:?} is not read back alike");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Takes bytes off the front, and zeros when there are none left.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// At most `count` bytes.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at_checked(count).unwrap_or((self.0, &[]));
        self.0 = rest;
        head
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Some bytes, or a deadline, or time that passes; the time afterwards. Never more than 64 bytes at once.
fn step_machine(
    input: &mut Input<'_>,
    now: Instant,
    deadline: Option<Instant>,
    mut handle: impl FnMut(Instant, Option<&[u8]>),
) -> Instant {
    match (input.u8() % 4, deadline) {
        (0, Some(deadline)) => {
            let now = now.max(deadline);
            handle(now, None);
            now
        }
        (1, _) => {
            let now = now + Duration::from_millis(u64::from(input.u16()));
            handle(now, None);
            now
        }
        _ => {
            let count = usize::from(input.u8() % 64) + 1;
            handle(now, Some(input.take(count)));
            now
        }
    }
}

fn check_line(line: &LogLine) {
    assert!(
        !line.text.contains(char::is_control),
        "control characters in the log: {line:?}"
    );
    assert!(
        line.text.len() <= 4096,
        "a line of {} octets",
        line.text.len()
    );
}

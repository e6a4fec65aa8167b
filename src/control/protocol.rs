//! The control socket's language: one JSON object a line, a request and its reply (`docs/control-protocol.md`).
//!
//! [`RequestReader`] makes lines of bytes, [`Request::parse`] a request of a line, [`Reply`] the answer. Whatever the
//! bytes are, a line is at most [`MAX_REQUEST`] long, and what is no request gets a sentence.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::status::{MAX_TEXT, Status};
use crate::at::{Answer, check_command};

/// Longest request, in octets, without the line's end.
pub const MAX_REQUEST: usize = 4096;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The status.
    Status,
    /// Hang up and dial again at once; while it waits: dial now.
    Reconnect,
    /// Hang up and stay down.
    Disconnect,
    /// Dial: ends a disconnect, and every wait.
    Connect,
    /// Reset the modem, then dial again.
    Reset,
    /// Read the configuration again.
    Reload,
    /// One AT command on the modem's second port.
    At {
        /// The command: printable ASCII that begins with AT.
        line: String,
        /// Send it even if it ends the link.
        force: bool,
    },
}

/// Names of the commands, as requests and the command line have them.
pub const COMMANDS: [&str; 7] = [
    "status",
    "reconnect",
    "disconnect",
    "connect",
    "reset",
    "reload",
    "at",
];

/// Why a line is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is not a JSON object.
    #[error("a request is one JSON object on a line, such as {{\"command\":\"status\"}}: {0}")]
    NotJson(String),
    /// It is too long.
    #[error("a request must not be longer than {MAX_REQUEST} bytes")]
    TooLong,
    /// There is no such command.
    #[error("there is no command {:?}; {}", .name, suggest(.name))]
    UnknownCommand {
        /// As it was asked for.
        name: String,
    },
    /// The AT command cannot be sent.
    #[error("{0}")]
    BadAt(String),
}

/// A request as it is on the wire. Unknown fields are ignored, so that newer clients can talk to older daemons.
#[derive(Serialize, Deserialize)]
struct Wire {
    command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    force: bool,
}

impl Request {
    /// Reads a line, with or without its end.
    ///
    /// # Errors
    /// [`RequestError`] with a sentence for the client.
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        let line = line.trim_ascii();
        if line.len() > MAX_REQUEST {
            return Err(RequestError::TooLong);
        }
        // serde would take an array for the fields in order.
        if line.first() != Some(&b'{') {
            return Err(RequestError::NotJson("it begins with no brace".to_owned()));
        }
        let wire: Wire = serde_json::from_slice(line)
            .map_err(|error| RequestError::NotJson(short(&error.to_string())))?;
        Ok(match wire.command.as_str() {
            "status" => Self::Status,
            "reconnect" => Self::Reconnect,
            "disconnect" => Self::Disconnect,
            "connect" => Self::Connect,
            "reset" => Self::Reset,
            "reload" => Self::Reload,
            "at" => {
                let line = wire.line.ok_or_else(|| {
                    RequestError::BadAt(
                        "at needs a line, such as {\"command\":\"at\",\"line\":\"AT+CSQ\"}"
                            .to_owned(),
                    )
                })?;
                check_command(&line).map_err(|error| RequestError::BadAt(error.to_string()))?;
                Self::At {
                    line,
                    force: wire.force,
                }
            }
            name => {
                return Err(RequestError::UnknownCommand { name: short(name) });
            }
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Reconnect => "reconnect",
            Self::Disconnect => "disconnect",
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Reload => "reload",
            Self::At { .. } => "at",
        }
    }

    /// The line that asks for it, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        let (line, force) = match self {
            Self::At { line, force } => (Some(line.clone()), *force),
            Self::Status
            | Self::Reconnect
            | Self::Disconnect
            | Self::Connect
            | Self::Reset
            | Self::Reload => (None, false),
        };
        json_line(&Wire {
            command: self.name().to_owned(),
            line,
            force,
        })
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To `status`.
    Status(Box<Status>),
    /// It is accepted, and this happens now.
    Accepted(String),
    /// To `at`: the modem has answered.
    At(Answer),
    /// It was refused, or did not work; a sentence without a full stop.
    Error(String),
}

/// A reply as it is on the wire.
#[derive(Serialize)]
struct WireReply<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Status>,
}

impl Reply {
    /// The line, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        let mut wire = WireReply {
            ok: true,
            error: None,
            message: None,
            lines: None,
            result: None,
            status: None,
        };
        match self {
            Self::Status(status) => wire.status = Some(status),
            Self::Accepted(message) => wire.message = Some(message),
            Self::At(answer) => {
                wire.lines = Some(&answer.lines);
                wire.result = Some(&answer.result);
            }
            Self::Error(error) => {
                wire.ok = false;
                wire.error = Some(error);
            }
        }
        json_line(&wire)
    }
}

/// A reply as a client reads it. Unknown fields are ignored.
#[derive(Debug, Deserialize)]
pub struct ReplyView<'a> {
    /// Whether it was done.
    pub ok: bool,
    /// Why not, in a sentence.
    pub error: Option<String>,
    /// What happens now.
    pub message: Option<String>,
    /// Of an AT command.
    pub lines: Option<Vec<String>>,
    /// Of an AT command.
    pub result: Option<String>,
    /// The status as the daemon wrote it: another version may tell more than we know of.
    #[serde(borrow)]
    pub status: Option<&'a RawValue>,
}

impl<'a> ReplyView<'a> {
    /// Reads a reply; `None` if it is none.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// Makes lines of what a client sends; holds one line at most.
#[derive(Debug, Default)]
pub struct RequestReader {
    line: Vec<u8>,
    over: bool,
}

impl RequestReader {
    /// One that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes off the front of `input`, up to the end of a line. `None`: all of it is taken and no line is
    /// whole yet.
    ///
    /// # Errors
    /// [`RequestError::TooLong`], once, and the rest is swallowed: the client has lost its place, and its connection is
    /// to be closed.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Vec<u8>, RequestError>> {
        if self.over {
            *input = &[];
            return None;
        }
        let end = memchr::memchr(b'\n', input);
        let (part, rest) = match end.and_then(|end| input.split_at_checked(end)) {
            Some((part, rest)) => (part, rest.get(1..).unwrap_or_default()),
            None => (*input, &[][..]),
        };
        if self.line.len().saturating_add(part.len()) > MAX_REQUEST {
            self.over = true;
            self.line = Vec::new();
            *input = &[];
            return Some(Err(RequestError::TooLong));
        }
        *input = rest;
        self.line.extend_from_slice(part);
        end.map(|_| Ok(std::mem::take(&mut self.line)))
    }

    /// Whether a line has begun.
    pub fn is_within_line(&self) -> bool {
        !self.line.is_empty()
    }
}

/// A value of ours as a line.
fn json_line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_else(|error| {
        // Strings, numbers and lists of them cannot fail; if they did, the client would still get a reply.
        format!("{{\"ok\":false,\"error\":\"the reply could not be written: {error:?}\"}}")
            .replace(['\\', '\n'], " ")
            .into_bytes()
    });
    line.push(b'\n');
    line
}

/// The nearest command, or all of them.
fn suggest(name: &str) -> String {
    let folded: String = name.to_lowercase().chars().take(64).collect();
    let nearest = COMMANDS
        .into_iter()
        .map(|command| (strsim::osa_distance(&folded, command), command))
        .filter(|(distance, _)| *distance <= 3)
        .min();
    match nearest {
        Some((_, command)) => format!("did you mean {command:?}?"),
        None => format!("the commands are {}", COMMANDS.join(", ")),
    }
}

/// Foreign text, cut and printable.
fn short(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(MAX_TEXT / 4)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Request, String> {
        Request::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_command_is_read_and_written_alike() {
        let at = |force| Request::At {
            line: "AT+COPS?".to_owned(),
            force,
        };
        let all = [
            Request::Status,
            Request::Reconnect,
            Request::Disconnect,
            Request::Connect,
            Request::Reset,
            Request::Reload,
            at(false),
            at(true),
        ];
        for request in &all {
            let line = request.to_line();
            assert_eq!(Request::parse(&line).as_ref(), Ok(request), "{line:?}");
            assert!(COMMANDS.contains(&request.name()));
        }
        assert_eq!(
            Request::Status.to_line(),
            b"{\"command\":\"status\"}\n".to_vec()
        );
        assert_eq!(
            at(true).to_line(),
            b"{\"command\":\"at\",\"line\":\"AT+COPS?\",\"force\":true}\n".to_vec()
        );
    }

    #[test]
    fn unknown_fields_are_ignored() {
        assert_eq!(
            parse("{\"command\":\"status\",\"id\":7,\"x\":{\"command\":1}}\r\n"),
            Ok(Request::Status)
        );
    }

    #[test]
    fn an_unknown_command_gets_the_nearest_one() {
        assert_eq!(
            parse("{\"command\":\"reconect\"}"),
            Err("there is no command \"reconect\"; did you mean \"reconnect\"?".to_owned())
        );
        assert_eq!(
            parse("{\"command\":\"self-destruct\"}"),
            Err(
                "there is no command \"self-destruct\"; the commands are status, reconnect, disconnect, connect, \
                 reset, reload, at"
                    .to_owned()
            )
        );
    }

    #[test]
    fn what_is_no_request_gets_a_sentence() {
        for text in [
            "",
            "status",
            "[]",
            "[\"status\"]",
            "null",
            "{}",
            "{\"command\":1}",
            "{\"command\":\"status\"} x",
            "{\"command\":\"status\",\"command\":\"reset\"}",
            "{\"command\":\"status\",\"force\":\"yes\"}",
            "\u{1}\u{2}",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.starts_with(
                    "a request is one JSON object on a line, such as {\"command\":\"status\"}: "
                ),
                "{text}: {error}"
            );
            assert!(!error.contains(char::is_control), "{error:?}");
        }
        let (open, close) = ("[".repeat(2000), "]".repeat(2000));
        let deep = format!("{{\"x\":{open}{close},\"command\":\"status\"}}");
        assert_eq!(parse(&deep), Ok(Request::Status));
        assert_eq!(
            Request::parse(&[b' '; MAX_REQUEST + 1][..]),
            Request::parse(b"")
        );
        assert_eq!(
            Request::parse(&[b'x'; MAX_REQUEST + 1]),
            Err(RequestError::TooLong)
        );
    }

    #[test]
    fn an_at_command_cannot_break_out_of_its_line() {
        let at = |line: &str| parse(&format!("{{\"command\":\"at\",\"line\":{line}}}"));
        assert_eq!(
            at("\"AT+CSQ\\r\\nATH\""),
            Err("an AT command must not contain '\\r'".to_owned())
        );
        assert_eq!(
            at("\"+++\""),
            Err("an AT command must begin with AT".to_owned())
        );
        assert_eq!(
            parse("{\"command\":\"at\"}"),
            Err("at needs a line, such as {\"command\":\"at\",\"line\":\"AT+CSQ\"}".to_owned())
        );
    }

    #[test]
    fn replies_are_one_line_each() {
        for (reply, line) in [
            (
                Reply::Accepted("hanging up".to_owned()),
                "{\"ok\":true,\"message\":\"hanging up\"}\n",
            ),
            (
                Reply::Error("no\n\"".to_owned()),
                "{\"ok\":false,\"error\":\"no\\n\\\"\"}\n",
            ),
            (
                Reply::At(Answer {
                    lines: vec!["+CSQ: 18,99".to_owned()],
                    result: "OK".to_owned(),
                }),
                "{\"ok\":true,\"lines\":[\"+CSQ: 18,99\"],\"result\":\"OK\"}\n",
            ),
        ] {
            assert_eq!(String::from_utf8(reply.to_line()).unwrap(), line);
        }
    }

    #[test]
    fn a_status_is_read_back_alike() {
        let board = crate::control::Board::new(
            crate::time::Instant::ZERO,
            "0.1.0",
            7,
            "ppp0",
            std::time::Duration::ZERO,
        );
        let status = board.snapshot(crate::time::Instant::ZERO, jiff::Timestamp::UNIX_EPOCH);
        let line = Reply::Status(Box::new(status.clone())).to_line();
        let reply = ReplyView::parse(&line).unwrap();
        assert!(reply.ok);
        let again: Status = serde_json::from_str(reply.status.unwrap().get()).unwrap();
        assert_eq!(again, status);
    }

    fn read(chunks: &[&[u8]]) -> Vec<Result<Vec<u8>, RequestError>> {
        let mut reader = RequestReader::new();
        let mut found = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(line) = reader.next(&mut input) {
                found.push(line);
            }
            assert!(input.is_empty());
        }
        found
    }

    #[test]
    fn lines_do_not_depend_on_how_the_bytes_are_cut() {
        let input = b"a\n\nbc\nd";
        let whole = read(&[input]);
        assert_eq!(whole, [Ok(b"a".to_vec()), Ok(vec![]), Ok(b"bc".to_vec())]);
        for size in 1..input.len() {
            let chunks: Vec<&[u8]> = input.chunks(size).collect();
            assert_eq!(read(&chunks), whole);
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused_once() {
        let flood = vec![b'x'; 1_000_000];
        for size in [1, 4096, 4097, 1_000_000] {
            let chunks: Vec<&[u8]> = flood.chunks(size).collect();
            assert_eq!(read(&chunks), [Err(RequestError::TooLong)]);
        }
        let mut most = vec![b'x'; MAX_REQUEST];
        most.push(b'\n');
        assert_eq!(read(&[&most]), [Ok(vec![b'x'; MAX_REQUEST])]);
    }
}

//! What a finished line of the modem's means: a final result, or anything else (an echo, a URC, an
//! information text).
//!
//! ITU-T V.250 section 5.7 and 3GPP TS 27.007 section 9. Only what stands at the start of a line
//! counts: chat(8) matches anywhere and so takes `ERROR` out of an echoed command for an answer.
//! Capitals or not makes no difference (some modems say `No Carrier`).
//! Numeric results (`ATV0`) are not known.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case};
use nom::character::complete::{digit1, space0};
use nom::combinator::{all_consuming, map_res, not, opt, peek, rest, value};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::cme::{cme_code, cme_words, cms_words};
use super::lines::show;

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// `OK`.
    Ok,
    /// `CONNECT`, with or without a text.
    Connect,
    /// `ERROR`, `COMMAND NOT SUPPORT`, `MODEM ERROR: ..`, `NA`.
    Error,
    /// `+CME ERROR` or `+CMS ERROR`.
    Extended {
        /// The `+CME ERROR` number, given or found by its words.
        code: Option<u16>,
        /// The line, and in words what its number means.
        text: String,
    },
    /// There is no call, or no longer one, under its name in V.250.
    NoCall(&'static str),
    /// `DISCONNECTED`: not of V.250. SIMCom says `+PPPD: DISCONNECTED` at the end of a data call.
    Disconnected,
    /// `DELAYED` or `VOICE`: the call was not made, and data will not flow.
    Refused(&'static str),
    /// No final result.
    Other,
}

impl Response {
    /// Reads a line without its end.
    pub(super) fn parse(line: &[u8]) -> Self {
        let line = trim(line);
        final_result(line).map_or(Self::Other, |(_, response)| response)
    }

    /// The name of the result if it says that there is no call, or no longer one.
    pub(super) fn call_end(&self) -> Option<&'static str> {
        match self {
            Self::NoCall(name) => Some(name),
            Self::Disconnected => Some("DISCONNECTED"),
            Self::Ok
            | Self::Connect
            | Self::Error
            | Self::Extended { .. }
            | Self::Refused(_)
            | Self::Other => None,
        }
    }
}

/// Whether `line` is an echo of `command`: some modems double the first character (`AATQ0`) or put
/// others before it.
pub(super) fn is_echo(line: &[u8], command: impl AsRef<[u8]>) -> bool {
    trim(line).ends_with(command.as_ref())
}

/// The text of a `+CEER: ..` line.
pub(super) fn extended_report(line: &[u8]) -> Option<String> {
    let report: IResult<&[u8], &[u8]> =
        preceded((tag_no_case("+CEER:"), space0), rest).parse(trim(line));
    report
        .ok()
        .map(|(_, text)| show(text))
        .filter(|text| !text.is_empty())
}

fn final_result(line: &[u8]) -> IResult<&[u8], Response> {
    alt((
        value(Response::Ok, all_consuming(tag_no_case("OK"))),
        value(Response::Connect, word("CONNECT")),
        value(
            Response::Error,
            alt((
                word("ERROR"),
                word("COMMAND NOT SUPPORT"),
                word("MODEM ERROR"),
                all_consuming(tag("NA")),
            )),
        ),
        |input| {
            extended(
                input,
                "+CME ERROR:",
                |code| (Some(code), cme_words(code)),
                cme_code,
            )
        },
        |input| {
            extended(
                input,
                "+CMS ERROR:",
                |code| (None, cms_words(code)),
                |_| None,
            )
        },
        alt((
            value(Response::NoCall("NO CARRIER"), word("NO CARRIER")),
            value(Response::NoCall("BUSY"), word("BUSY")),
            value(Response::NoCall("NO ANSWER"), word("NO ANSWER")),
            value(Response::NoCall("NO DIALTONE"), word("NO DIALTONE")),
            value(Response::NoCall("NO DIAL TONE"), word("NO DIAL TONE")),
        )),
        value(
            Response::Disconnected,
            preceded((opt(tag_no_case("+PPPD:")), space0), word("DISCONNECTED")),
        ),
        value(Response::Refused("VOICE"), word("VOICE")),
        value(Response::Refused("DELAYED"), word("DELAYED")),
    ))
    .parse(line)
}

/// `name` as a word: no letter or digit follows.
fn word(name: &'static str) -> impl Fn(&[u8]) -> IResult<&[u8], &[u8]> {
    move |input| {
        terminated(
            tag_no_case(name),
            not(peek(nom::bytes::complete::take_while_m_n(
                1,
                1,
                |byte: u8| byte.is_ascii_alphanumeric(),
            ))),
        )
        .parse(input)
    }
}

/// `+CME ERROR: ..`: by its number where it has one, else by its words.
fn extended<'a>(
    input: &'a [u8],
    name: &'static str,
    by_number: impl Fn(u16) -> (Option<u16>, Option<&'static str>),
    by_words: impl Fn(&str) -> Option<u16>,
) -> IResult<&'a [u8], Response> {
    let (end, text) = preceded((tag_no_case(name), space0), rest).parse(input)?;
    let response = number(text).map_or_else(
        |_| {
            let text = show(text);
            Response::Extended {
                code: by_words(&text),
                text: format!("{name} {text}"),
            }
        },
        |(_, number)| {
            let (code, words) = by_number(number);
            let words = words.map_or_else(String::new, |words| format!(" ({words})"));
            Response::Extended {
                code,
                text: format!("{name} {number}{words}"),
            }
        },
    );
    Ok((end, response))
}

fn number(text: &[u8]) -> IResult<&[u8], u16> {
    all_consuming(map_res(digit1, |digits: &[u8]| {
        std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or(())
    }))
    .parse(text)
}

/// Without control characters (NUL, XON, XOFF) around it and blanks behind it.
fn trim(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| !byte.is_ascii_control());
    let end = line
        .iter()
        .rposition(|byte| !byte.is_ascii_control() && *byte != b' ');
    match (start, end) {
        (Some(start), Some(end)) => line.get(start..=end).unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_final_results() {
        let extended = |code, text: &str| Response::Extended {
            code,
            text: text.to_owned(),
        };
        let table: [(&str, Response); 37] = [
            ("OK", Response::Ok),
            ("\0OK ", Response::Ok),
            ("\u{13}ok\u{11}\0 ", Response::Ok),
            ("Connect 115200", Response::Connect),
            ("No Carrier", Response::NoCall("NO CARRIER")),
            (
                "+cme error: 10",
                extended(Some(10), "+CME ERROR: 10 (SIM not inserted)"),
            ),
            ("\u{11}\u{13} ", Response::Other),
            ("CONNECT", Response::Connect),
            ("CONNECT 150000000", Response::Connect),
            ("CONNECT 115200/NONE", Response::Connect),
            ("CONNECT/ARQ/V34", Response::Connect),
            ("ERROR", Response::Error),
            ("COMMAND NOT SUPPORT", Response::Error),
            ("MODEM ERROR: 4", Response::Error),
            ("NA", Response::Error),
            (
                "+CME ERROR: 30",
                extended(Some(30), "+CME ERROR: 30 (no network service)"),
            ),
            (
                "+CME ERROR:30",
                extended(Some(30), "+CME ERROR: 30 (no network service)"),
            ),
            ("+CME ERROR: 777", extended(Some(777), "+CME ERROR: 777")),
            (
                "+CME ERROR: 99999999",
                extended(None, "+CME ERROR: 99999999"),
            ),
            (
                "+CME ERROR: SIM not inserted",
                extended(Some(10), "+CME ERROR: SIM not inserted"),
            ),
            ("+CME ERROR: h\u{1}m", extended(None, "+CME ERROR: h^Am")),
            ("+CME ERROR:", extended(None, "+CME ERROR: ")),
            (
                "+CMS ERROR: 310",
                extended(None, "+CMS ERROR: 310 (SIM not inserted)"),
            ),
            ("NO CARRIER", Response::NoCall("NO CARRIER")),
            ("BUSY", Response::NoCall("BUSY")),
            ("NO ANSWER", Response::NoCall("NO ANSWER")),
            ("NO DIALTONE", Response::NoCall("NO DIALTONE")),
            ("NO DIAL TONE", Response::NoCall("NO DIAL TONE")),
            ("+PPPD: DISCONNECTED", Response::Disconnected),
            ("VOICE", Response::Refused("VOICE")),
            ("DELAYED 01:00", Response::Refused("DELAYED")),
            ("OKAY", Response::Other),
            ("CONNECTING", Response::Other),
            ("+CREG: 0,1", Response::Other),
            ("AT+X=\"ERROR\"", Response::Other),
            ("the NO CARRIER", Response::Other),
            ("", Response::Other),
        ];
        for (line, expected) in table {
            assert_eq!(Response::parse(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn knows_an_echo() {
        assert!(is_echo(b"ATZ", b"ATZ"));
        assert!(is_echo(b"AATQ0", b"ATQ0"));
        assert!(!is_echo(b"TZ", b"ATZ"));
        assert!(!is_echo(b"^SYSSTART", b"ATZ"));
    }

    #[test]
    fn reads_an_extended_error_report() {
        let text = "No cause information available";
        assert_eq!(
            extended_report(format!("+CEER: {text}").as_bytes()),
            Some(text.to_owned())
        );
        assert_eq!(extended_report(b"+CEER:"), None);
        assert_eq!(extended_report(b"+CREG: 1"), None);
    }
}

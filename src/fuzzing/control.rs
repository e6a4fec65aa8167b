//! The control socket's language.

use super::Input;
use crate::at::{check_command, risk};
use crate::control::protocol::MAX_REQUEST;
use crate::control::{Reply, ReplyView, Request, RequestError, RequestReader};

/// Requests: lines do not depend on how the bytes are cut, what is read is written and read back alike, and what is not
/// gets a sentence that fits on a line and in a reply.
pub fn control(data: &[u8]) {
    let mut input = Input(data);
    let chunk = usize::from(input.u8() % 64) + 1;
    let whole = lines(input.0, input.0.len().max(1));
    let pieces = lines(input.0, chunk);
    assert_eq!(whole, pieces, "lines depend on how the bytes are cut");
    for line in whole {
        let error = match line.and_then(|line| Request::parse(&line)) {
            Ok(request) => {
                let written = request.to_line();
                assert!(written.len() <= 2 * MAX_REQUEST, "{request:?}");
                assert_eq!(Request::parse(&written), Ok(request.clone()));
                if let Request::At { line, .. } = &request {
                    assert_eq!(check_command(line), Ok(()), "{line:?}");
                    let _ = risk(line);
                }
                continue;
            }
            Err(error) => error.to_string(),
        };
        assert!(
            !error.is_empty() && error.len() < 1024 && !error.contains(char::is_control),
            "{error:?}"
        );
        let reply = Reply::Error(error.clone()).to_line();
        assert_eq!(
            reply.iter().position(|byte| *byte == b'\n'),
            Some(reply.len() - 1),
            "a reply is one line"
        );
        let read = ReplyView::parse(&reply);
        assert_eq!(read.and_then(|reply| reply.error), Some(error));
    }
}

fn lines(mut bytes: &[u8], chunk: usize) -> Vec<Result<Vec<u8>, RequestError>> {
    let mut reader = RequestReader::new();
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (mut head, rest) = bytes.split_at_checked(chunk).unwrap_or((bytes, &[]));
        while let Some(line) = reader.next(&mut head) {
            if let Ok(line) = &line {
                assert!(line.len() <= MAX_REQUEST, "a line of {}", line.len());
            }
            found.push(line);
        }
        assert!(head.is_empty(), "the reader stopped before the end");
        bytes = rest;
    }
    found
}

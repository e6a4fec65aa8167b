//! Chat scripts: foreign text, and foreign bytes while it runs.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Input, MAX_OUTPUT, check_line, step_machine};
use crate::chat::{Arguments, Call, ChatEvent, Lookup, Machine, Options, Script};
use crate::time::Instant;

/// A file and a variable, whatever their names.
#[derive(Debug)]
struct Site;

impl Lookup for Site {
    fn read_file(&self, path: &[u8]) -> Result<Vec<u8>, String> {
        if path.len().is_multiple_of(2) {
            Ok(b"AT\\d\\K\n".to_vec())
        } else {
            Err("no".to_owned())
        }
    }

    fn variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        (!name.len().is_multiple_of(3)).then(|| b"a\\".to_vec())
    }
}

/// A script from a file or a command line under any sequence of bytes and deadlines: it comes to one end, and is silent
/// from then on; the log has no control characters.
pub fn chat(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.u8();
    let length = usize::from(input.u8()) * 2;
    let text = input.take(length);
    let script = if flags & 1 == 1 {
        if let Err(problem) = Script::parse(text) {
            assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
        }
        Script::parse_as_chat(text)
    } else {
        let words: Vec<Vec<u8>> = text.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        match Arguments::parse(&words) {
            Ok(arguments) => arguments.script,
            Err(usage) => {
                assert!(!usage.to_string().is_empty());
                Script::from_bytes(words)
            }
        }
    };
    let options = Options {
        timeout: Duration::from_secs(5),
        phone: (flags & 2 == 2).then(|| "1\\d2\\".to_owned()),
        phone2: None,
        verbose: flags & 4 == 4,
        echo: flags & 8 == 8,
        expand: flags & 16 == 16,
        show: flags & 32 == 32,
        char_delay: Duration::from_millis(u64::from(flags >> 6)),
    };
    let call = Arc::new(Call { script, options });
    let mut machine = Machine::new(call, Rc::new(Site));
    let mut now = Instant::from_millis(1000);
    machine.start(now);
    let mut is_over = false;
    drain(&mut machine, &mut is_over);
    while !input.is_empty() {
        now = step_machine(
            &mut input,
            now,
            machine.poll_timeout(),
            |now, bytes| match bytes {
                Some(bytes) => machine.handle_bytes(now, bytes),
                None => machine.handle_timeout(now),
            },
        );
        drain(&mut machine, &mut is_over);
    }
    // Left alone, it ends by itself: each word takes one timeout at most, and each character one pause.
    for _ in 0..20_000 {
        let Some(deadline) = machine.poll_timeout() else {
            break;
        };
        now = now.max(deadline);
        machine.handle_timeout(now);
        drain(&mut machine, &mut is_over);
    }
    assert!(
        is_over && machine.result().is_some(),
        "the script has no end"
    );
    machine.handle_bytes(now, b"OK\r\n");
    machine.stop(now, "SIGTERM");
    machine.write_failed(now, None);
    machine.handle_eof(now);
    drain(&mut machine, &mut is_over);
    assert!(
        machine.take_rest().len() <= data.len() + 4,
        "bytes from nowhere"
    );
}

fn drain(machine: &mut Machine, is_over: &mut bool) {
    let mut out = Vec::new();
    while machine.poll_transmit(&mut out) {
        assert!(out.len() <= MAX_OUTPUT, "{} octets at once", out.len());
    }
    assert!(!*is_over || out.is_empty(), "it speaks when it is over");
    while let Some(event) = machine.poll_event() {
        assert!(!*is_over, "{event:?} after the end");
        match event {
            ChatEvent::Log(line) => check_line(&line),
            ChatEvent::Stderr(text) | ChatEvent::Report(text) => {
                assert!(text.len() <= MAX_OUTPUT, "{} octets at once", text.len());
            }
            ChatEvent::ReportBegins | ChatEvent::SetBreak(_) | ChatEvent::SetHangup(_) => {}
            ChatEvent::Ended(end) => {
                *is_over = true;
                assert!(!end.to_string().contains(char::is_control), "{end:?}");
            }
        }
    }
}

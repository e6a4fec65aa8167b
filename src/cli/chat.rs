//! `uplinkd chat`: a chat script on standard input and output, with chat(8)'s options and exit codes (spec I7).

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use jiff::ZonedDateTime;

use super::{complain, fail, runtime};
use crate::chat::{Arguments, Call, ChatEnd, ChatEvent, Machine, Script, visible};
use crate::daemon::logging;
use crate::io::chat_lookup::SystemLookup;
use crate::io::clock::Clock;
use crate::io::signals::{Signal, Signals};
use crate::io::std_line::StdLine;
use crate::link::ExitStatus;
use crate::log::{Level, LogLine};
use crate::time::Instant;

/// chat's exit codes for what is not the script's business.
const USAGE: ExitStatus = ExitStatus(1);
const BROKEN: ExitStatus = ExitStatus(2);

/// A script is read up to this size.
const SCRIPT_LIMIT: u64 = 1 << 20;

/// The words behind `uplinkd chat`, if the program is called so, and not for its help: chat's command line is not read
/// like others.
pub(crate) fn words() -> Option<Vec<OsString>> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != "chat" {
        return None;
    }
    let words: Vec<OsString> = words.collect();
    let first = words.first().and_then(|word| word.to_str());
    (!matches!(first, Some("--help" | "-h"))).then_some(words)
}

/// Runs the script.
pub(crate) fn run(words: Vec<OsString>) -> ExitStatus {
    let words: Vec<Vec<u8>> = words.into_iter().map(OsStringExt::into_vec).collect();
    let arguments = match Arguments::parse(&words) {
        Ok(arguments) => arguments,
        Err(usage) => {
            return fail(
                USAGE,
                &format!("{usage}; see `uplinkd chat --help` for the options"),
            );
        }
    };
    if !arguments.no_log && !arguments.to_stderr {
        // Without -v only what is wrong, as chat's mask for syslog has it.
        logging::init(if arguments.options.verbose {
            Level::Debug
        } else {
            Level::Warning
        });
    }
    let mut output = Output::new(&arguments);
    let script = match &arguments.file {
        None => arguments.script,
        Some(path) => match read_script(path) {
            Ok(script) => script,
            Err(error) => {
                let path = String::from_utf8_lossy(path);
                output.log(&LogLine::chat(
                    Level::Error,
                    format!("{path} -- open failed: {error}"),
                ));
                return USAGE;
            }
        },
    };
    let call = Arc::new(Call {
        script,
        options: arguments.options,
    });
    let done = runtime().and_then(|runtime| runtime.block_on(converse(call, &mut output)));
    match done {
        Ok(status) => status,
        Err(error) => {
            let text = format!("Can't use the line: {error}");
            output.log(&LogLine::chat(Level::Error, text));
            BROKEN
        }
    }
}

fn read_script(path: &[u8]) -> io::Result<Script> {
    let mut text = Vec::new();
    File::open(Path::new(std::ffi::OsStr::from_bytes(path)))?
        .take(SCRIPT_LIMIT + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > SCRIPT_LIMIT {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(Script::parse_as_chat(&text))
}

async fn converse(call: Arc<Call>, output: &mut Output) -> io::Result<ExitStatus> {
    let mut signals = Signals::new()?;
    let mut line = StdLine::open()?;
    let clock = Clock::new();
    let mut machine = Machine::new(call, Rc::new(SystemLookup));
    let mut waiting: Vec<u8> = Vec::new();
    let mut hangup_ends = true;
    machine.start(clock.now());
    let end = loop {
        if let Some(end) = handle_events(&mut machine, output, &line, &mut hangup_ends) {
            break end;
        }
        if waiting.is_empty() {
            machine.poll_transmit(&mut waiting);
        }
        let writes = !waiting.is_empty();
        let deadline: Option<Instant> = if writes {
            machine.write_limit()
        } else {
            machine.poll_timeout()
        };
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Signal::Terminate(2) => machine.stop(clock.now(), "SIGINT"),
                Signal::Terminate(_) => machine.stop(clock.now(), "SIGTERM"),
                Signal::Reload if hangup_ends => machine.stop(clock.now(), "SIGHUP"),
                Signal::Reload | Signal::Reconnect => {}
            },
            () = clock.sleep_until(deadline) => if writes {
                waiting.clear();
                machine.write_failed(clock.now(), None);
            } else {
                machine.handle_timeout(clock.now());
            },
            written = line.write(&waiting), if writes => match written {
                Ok(n) => drop(waiting.drain(..n.min(waiting.len()))),
                Err(error) => {
                    waiting.clear();
                    machine.write_failed(clock.now(), Some(error.to_string()));
                }
            },
            // One byte, and only while somebody waits for it: the rest is the next program's.
            byte = line.read(), if !writes && machine.wants_input() => match byte {
                Ok(Some(byte)) => machine.handle_bytes(clock.now(), &[byte]),
                Ok(None) | Err(_) => machine.handle_eof(clock.now()),
            },
        }
    };
    output.close();
    if let Err(error) = line.restore() {
        let text = format!("Can't restore terminal parameters: {error}");
        output.log(&LogLine::chat(Level::Error, text));
        return Ok(BROKEN);
    }
    Ok(ExitStatus(end.exit_code()))
}

fn handle_events(
    machine: &mut Machine,
    output: &mut Output,
    line: &StdLine,
    hangup_ends: &mut bool,
) -> Option<ChatEnd> {
    while let Some(event) = machine.poll_event() {
        match event {
            ChatEvent::Log(line) => output.log(&line),
            ChatEvent::Stderr(text) => drop(io::stderr().write_all(&text)),
            ChatEvent::ReportBegins => output.begun = Some(ZonedDateTime::now()),
            ChatEvent::Report(text) => output.report(&text),
            ChatEvent::SetBreak(on) => line.set_break(on),
            ChatEvent::SetHangup(ends) => *hangup_ends = ends,
            ChatEvent::Ended(end) => return Some(end),
        }
    }
    None
}

/// Where the log and REPORT strings go.
struct Output {
    to_stderr: bool,
    no_log: bool,
    /// `-r`, with its name.
    report: Option<(File, String)>,
    verbose: bool,
    /// When the string came whose line is gathered.
    begun: Option<ZonedDateTime>,
}

impl Output {
    fn new(arguments: &Arguments) -> Self {
        let verbose = arguments.options.verbose;
        let report = arguments.report.as_ref().and_then(|path| {
            let name = String::from_utf8_lossy(path).into_owned();
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            let opened = OpenOptions::new().append(true).create(true).open(path);
            match opened {
                Ok(mut file) => {
                    if verbose {
                        let _ = writeln!(file, "Opening \"{name}\"...");
                    }
                    Some((file, name))
                }
                Err(error) => {
                    // It goes to stderr then.
                    complain(format_args!("uplinkd: {name} cannot be opened: {error}"));
                    None
                }
            }
        });
        Self {
            to_stderr: arguments.to_stderr,
            no_log: arguments.no_log,
            report,
            verbose,
            begun: None,
        }
    }

    fn log(&self, line: &LogLine) {
        if self.to_stderr {
            complain(&line.text);
        } else if !self.no_log {
            logging::emit(line);
        }
    }

    fn report(&mut self, text: &[u8]) {
        let begun = self.begun.take().unwrap_or_else(ZonedDateTime::now);
        let line = format!(
            "chat:  {} {}",
            begun.strftime("%b %d %H:%M:%S"),
            visible(text)
        );
        match &mut self.report {
            Some((file, _)) => drop(writeln!(file, "{line}")),
            None => complain(line),
        }
    }

    fn close(&mut self) {
        if let Some((mut file, name)) = self.report.take()
            && self.verbose
        {
            let _ = writeln!(file, "Closing \"{name}\".");
        }
    }
}

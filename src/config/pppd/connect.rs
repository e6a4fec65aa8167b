//! `connect`, `disconnect` and `init`: a command that is chat becomes a [`Call`], which is run natively. No other command is
//! run, and nothing of one is shown: chat scripts hold passwords.

use std::path::{Path, PathBuf};

use super::Reading;
use super::shell::{self, Beyond};
use super::source::Source;
use super::words::Word;
use crate::chat::{Arguments, Call, Options, Script};
use crate::config::diagnostic::Severity;
use crate::config::files::FileText;
use crate::config::report::{Place, Report};
use crate::config::value::shown;

/// What a command is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Nothing is to be done.
    Nothing,
    /// chat.
    Chat(Call),
}

/// Where a command stands.
pub(super) struct At<'a> {
    /// The option.
    pub(super) option: &'a str,
    pub(super) source: &'a Source,
    pub(super) word: &'a Word,
}

/// What the command of `at` is; `None`: it cannot be run, which has been reported.
pub(super) fn read(at: &At<'_>, reading: &Reading<'_>, report: &mut Report) -> Option<Command> {
    let refuse = |report: &mut Report, message: String, help: &str| {
        let message = format!("{}: {message}", at.option);
        at.source.add(
            report,
            Severity::Error,
            at.word,
            message,
            Some(help.to_owned()),
        );
        None
    };
    let Ok(command) = std::str::from_utf8(&at.word.bytes) else {
        return refuse(
            report,
            "bytes that are not UTF-8 in the command".to_owned(),
            CHAT,
        );
    };
    let words = match shell::split(command) {
        Ok(words) => words,
        Err(Beyond::Operator(c)) => {
            let message = format!("{c} is work for a shell, and no shell is run here");
            return refuse(report, message, CHAT);
        }
        Err(Beyond::Expansion(c)) => {
            let message =
                format!("what begins with {c} would be replaced by a shell, and none is run here");
            return refuse(
                report,
                message,
                "expected the value itself, or the sign in single quotes",
            );
        }
        Err(Beyond::Quote(c)) => {
            let message = format!("the quote {c} within the command is not closed");
            return refuse(report, message, CHAT);
        }
    };
    let words = match words.split_first() {
        Some((first, rest)) if first == "exec" => rest,
        Some(_) | None => words.as_slice(),
    };
    let Some((program, arguments)) = words.split_first() else {
        return Some(Command::Nothing);
    };
    let name = program.rsplit('/').next().unwrap_or(program);
    if matches!(name, "true" | ":") {
        return Some(Command::Nothing);
    }
    if name != "chat" {
        // What is no path may be anything, even half a password behind a quote at the wrong place.
        let is_path = program.starts_with('/')
            && program
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
        let what = if is_path {
            format!("{} is not chat", shown(program))
        } else {
            "this is not chat".to_owned()
        };
        return refuse(
            report,
            format!("{what}, and no other command is run here"),
            CHAT,
        );
    }
    let arguments: Vec<Vec<u8>> = arguments
        .iter()
        .map(|word| word.clone().into_bytes())
        .collect();
    let arguments = match Arguments::parse(&arguments) {
        Ok(arguments) => arguments,
        Err(usage) => {
            let help =
                "expected what chat(8) takes: options, and then -f FILE or the script itself";
            return refuse(report, format!("chat: {usage}"), help);
        }
    };
    if arguments.report.is_some() {
        at.source.add(
            report,
            Severity::Warning,
            at.word,
            format!(
                "{}: chat -r: what REPORT finds goes to the log, not to that file",
                at.option
            ),
            Some("expected no -r".to_owned()),
        );
    }
    let options = arguments.options;
    let Some(file) = arguments.file else {
        let script = arguments.script;
        return Some(Command::Chat(Call { script, options }));
    };
    let path = PathBuf::from(String::from_utf8_lossy(&file).into_owned());
    if !path.is_absolute() {
        let message = "chat -f: the file is not given by its full path".to_owned();
        return refuse(report, message, "expected one that begins with /");
    }
    match reading.files.read(&path) {
        Ok(text) => script(&path, &text, options, report).map(Command::Chat),
        Err(problem) => {
            let message = format!(
                "the chat script {} cannot be read: {problem}",
                path.display()
            );
            refuse(
                report,
                message,
                "expected a chat script, as in /etc/chatscripts",
            )
        }
    }
}

/// What two commands do, the second behind the first; `None`: that is not one command.
pub(super) fn joined(first: Call, second: &Call) -> Option<Call> {
    let mut words = first.script.words();
    // Behind an expect without its send, the second's expect would be that send.
    if !words.len().is_multiple_of(2) || first.options != second.options {
        return None;
    }
    words.extend(second.script.words());
    Some(Call {
        script: Script::from_words(words),
        options: first.options,
    })
}

/// Whether the script sends a command that sets the modem's APN or account: AT+CGDCONT, AT$QCPDPP (spec D5).
pub(in crate::config) fn sets_context(script: &Script) -> bool {
    let sends = |word: &String| {
        let word = word.to_ascii_uppercase();
        ["+CGDCONT=", "$QCPDPP="]
            .iter()
            .any(|command| word.contains(command) && !word.contains(&format!("{command}?")))
    };
    script.words().iter().any(sends)
}

const CHAT: &str = "expected chat, e.g. \"/usr/sbin/chat -v -f /etc/chatscripts/NAME\"; or leave PROVIDER empty, and \
                    uplinkd dials itself";

fn script(path: &Path, text: &FileText, options: Options, report: &mut Report) -> Option<Call> {
    let source = Source::secrets(path);
    source.complain_of_writers(report, text);
    source.complain_of_link(report, text);
    let place = |line, column| Place {
        line,
        column,
        width: 1,
        source: source.line(line),
    };
    if text.bytes.contains(&0) {
        source.add_whole(
            report,
            Severity::Error,
            "a zero byte: this is no chat script".to_owned(),
            Some("expected a text file".to_owned()),
        );
        return None;
    }
    match Script::parse(&text.bytes) {
        Ok((script, warnings)) => {
            for problem in warnings {
                let place = place(problem.line, problem.column);
                report.add_in(
                    source.name(),
                    Severity::Warning,
                    place,
                    problem.message,
                    None,
                );
            }
            Some(Call { script, options })
        }
        Err(problem) => {
            let place = place(problem.line, problem.column);
            report.add_in(source.name(), Severity::Error, place, problem.message, None);
            None
        }
    }
}

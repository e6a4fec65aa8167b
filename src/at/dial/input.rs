//! What the modem says, for a [`Dialer`] in each of its phases.

use super::outcome::{Connected, DialError, DialEvent};
use super::timing::{FIRST_WAIT_AGAIN, GAP, GUARD, SETTLE_AFTER_ESCAPE, SILENCE};
use super::{Dialer, Phase, Step};
use crate::at::lines::{Line, is_text};
use crate::at::response::{Response, extended_report};
use crate::log::{Level, LogLine};
use crate::time::Instant;

impl Dialer {
    pub(super) fn handle_line(&mut self, now: Instant, line: &Line, behind: &[u8]) {
        let response = Response::parse(&line.bytes);
        if self.phase == Phase::Done || (line.cut && response != Response::Connect) {
            // Nothing comes behind the end. Cut off: the beginning of a frame that was already on
            // its way, not a line.
            return;
        }
        self.log_received(&line.bytes);
        match self.phase.clone() {
            Phase::Idle | Phase::Settling { .. } | Phase::Ready(_) => {
                if response != Response::Other {
                    self.log_late(&line.bytes);
                }
            }
            Phase::Command(index) => self.handle_answer(now, index, line, response),
            Phase::Dialing => self.handle_dial_answer(now, line, response, behind),
            Phase::Probing | Phase::Terminating | Phase::Guarding | Phase::Escaping => {
                match response {
                    Response::NoCall(_) | Response::Disconnected => {
                        self.log_chat(" -- got it");
                        self.data_mode = false;
                        self.settle(now, SETTLE_AFTER_ESCAPE, Step::Command(0));
                    }
                    // A late answer to the first command, or the one to `+++`: in both cases it is
                    // command mode.
                    Response::Ok | Response::Error | Response::Extended { .. } => {
                        self.log_chat(" -- got it");
                        self.data_mode = false;
                        self.enter(Phase::Ready(Step::HangUp));
                    }
                    Response::Connect | Response::Refused(_) | Response::Other => {}
                }
            }
            Phase::HangingUp => match response {
                Response::Ok
                | Response::Error
                | Response::Extended { .. }
                | Response::NoCall(_) => {
                    self.log_chat(" -- got it");
                    self.data_mode = false;
                    self.settle(now, SETTLE_AFTER_ESCAPE, Step::Command(0));
                }
                Response::Connect
                | Response::Disconnected
                | Response::Refused(_)
                | Response::Other => {}
            },
            Phase::Reporting(error) => {
                if self.report.is_none()
                    && let Some(report) = extended_report(&line.bytes)
                {
                    let report = self.veil.show(report.as_bytes());
                    self.log(LogLine::uplinkd(
                        Level::Notice,
                        format!("the modem's reason for the failed call: {report}"),
                    ));
                    self.report = Some(report);
                }
                if matches!(
                    response,
                    Response::Ok | Response::Error | Response::Extended { .. }
                ) {
                    self.finish(DialEvent::Failed(error));
                }
            }
            Phase::Done => {}
        }
    }

    /// A line that may answer one of the commands before the dial.
    fn handle_answer(&mut self, now: Instant, index: usize, line: &Line, response: Response) {
        let command = self.command(index);
        match response {
            Response::Ok => {
                self.log_chat(" -- got it");
                // An answer to one of the tries before may still be on its way.
                let repeated = index == 0 && self.tries > 1;
                let quiet = if repeated { SETTLE_AFTER_ESCAPE } else { GAP };
                self.settle(now, quiet, Step::Command(index + 1));
            }
            Response::Error => self.fail(now, DialError::Error { command }, "ERROR"),
            Response::Extended { code, text } => self.fail_extended(now, command, code, text),
            // Only the dial command is answered by these: it is the former call that ended.
            Response::Connect
            | Response::NoCall(_)
            | Response::Disconnected
            | Response::Refused(_) => {
                self.log_late(&line.bytes);
            }
            Response::Other => {
                if index == 0 && line.bytes.iter().all(|&byte| is_text(byte)) {
                    self.heard.text = true;
                    let sent = self.plan.commands.first();
                    self.heard.echo |= sent.is_some_and(|sent| sent.is_echoed_by(&line.bytes));
                    self.timer.arm(if self.heard.echo {
                        self.tried + self.plan.command_timeout
                    } else {
                        self.tried + FIRST_WAIT_AGAIN.min(self.plan.command_timeout)
                    });
                }
            }
        }
    }

    fn fail_extended(&mut self, now: Instant, command: String, code: Option<u16>, text: String) {
        let text = self.veil.show(text.as_bytes());
        let result = text.clone();
        let error = DialError::Extended {
            command,
            code,
            text,
        };
        self.fail(now, error, &result);
    }

    fn handle_dial_answer(&mut self, now: Instant, line: &Line, response: Response, behind: &[u8]) {
        let command = self.plan.dial.clone();
        match response {
            Response::Connect => {
                self.log_chat(" -- got it");
                let text = self.veil.show(line.bytes.trim_ascii());
                self.finish(DialEvent::Connected(Connected {
                    text,
                    rest: behind_line_end(behind).to_vec(),
                }));
            }
            Response::Error => self.fail(now, DialError::Error { command }, "ERROR"),
            Response::Extended { code, text } => self.fail_extended(now, command, code, text),
            Response::NoCall(result) | Response::Refused(result) => {
                self.fail(
                    now,
                    DialError::Refused {
                        result: result.to_owned(),
                        report: None,
                    },
                    result,
                );
            }
            Response::Ok | Response::Disconnected | Response::Other => {}
        }
    }

    /// What follows from the input as a whole.
    pub(super) fn after_input(&mut self, now: Instant) {
        if self.reader.is_in_frame() || Response::parse(self.reader.pending()) != Response::Other {
            self.silence.arm(now + SILENCE);
        } else {
            self.silence.cancel();
        }
        let frames = self.reader.frames() > self.heard.frames_before;
        match &self.phase {
            Phase::Settling { quiet, until, .. } => {
                let end = (now + *quiet).min(*until);
                self.timer.arm(end);
            }
            Phase::Command(0) if frames && !self.heard.echo => {
                self.data_mode = true;
                let guard = (self.tried + GUARD).max(now);
                self.timer.arm(
                    self.timer
                        .deadline()
                        .map_or(guard, |deadline| deadline.min(guard)),
                );
            }
            Phase::Probing if frames => {
                self.data_mode = true;
                self.timer.arm(now);
            }
            Phase::Idle
            | Phase::Ready(_)
            | Phase::Command(_)
            | Phase::Dialing
            | Phase::Probing
            | Phase::Terminating
            | Phase::Guarding
            | Phase::Escaping
            | Phase::HangingUp
            | Phase::Reporting(_)
            | Phase::Done => {}
        }
    }
}

/// `input` without the rest of a line end of which the first CR has been read: CONNECT CR CR LF has
/// been seen.
fn behind_line_end(input: &[u8]) -> &[u8] {
    let end = input
        .iter()
        .position(|&byte| byte != b'\r')
        .unwrap_or(input.len());
    match input.get(end) {
        Some(b'\n') => input.get(end + 1..).unwrap_or_default(),
        Some(_) | None => input,
    }
}

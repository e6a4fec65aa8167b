//! What follows from the end of an attempt or a link.

use std::time::Duration;

use super::resets::AfterReset;
use super::{ResetReason, SETTLE, State, Supervisor, seconds};
use crate::at::DialError;
use crate::chat::ChatEnd;
use crate::link::backoff::Wait;
use crate::link::reason::{
    ExitStatus, FailureClass, LineProblem, LinkEnd, NetworkProblem, UserStop,
};
use crate::log::Level;
use crate::modem::ModemProblem;
use crate::ppp::DownReason;
use crate::time::Instant;

/// What has ended.
struct Ended {
    end: LinkEnd,
    class: FailureClass,
    /// The link, if it has been up.
    was_up: bool,
    was_good: bool,
    /// The same end as the last time: its advice has been given.
    known: bool,
}

impl Supervisor {
    pub(super) fn ended(&mut self, now: Instant, end: LinkEnd) {
        let (end, asked) = match &self.state {
            State::Attempting | State::Up(_) => {
                let asked = if let LinkEnd::User(stop) = end {
                    Some(stop)
                } else {
                    None
                };
                (end, asked)
            }
            // Whatever has ended it in the end, the wish counts.
            State::Ending(stop) => (LinkEnd::User(*stop), Some(*stop)),
            State::EndingOnSchedule => (LinkEnd::Scheduled, None),
            State::Idle
            | State::WaitingForLine(_)
            | State::WaitingForPacket
            | State::HoldingOff { .. }
            | State::Resetting(_)
            | State::ResetWait { .. }
            | State::Disconnected
            | State::Ended(_) => return,
        };
        let ended = self.bury(now, end);
        match asked {
            Some(stop) => {
                self.last_end = None;
                self.obey(now, stop);
            }
            None => self.decide(now, ended),
        }
    }

    /// Takes note of the end.
    fn bury(&mut self, now: Instant, end: LinkEnd) -> Ended {
        let link = self.link.take();
        let was_good = link.is_some_and(|link| self.is_good(now, link));
        let class = match link {
            Some(_) => end.class_after_up(),
            None => end.class(),
        };
        // A link that nobody used for so long did its work before, however short IDLE is; nor is it to blame for a
        // limit of its time.
        let in_time = matches!(end, LinkEnd::Idle { .. } | LinkEnd::ConnectTime { .. });
        if was_good || (link.is_some() && in_time) {
            self.start_counting_anew();
        }
        match shows(&end) {
            Some(Shown::Absent) => {
                self.absent_since.get_or_insert(now);
            }
            Some(Shown::Tty) => self.absent_since = None,
            Some(Shown::Modem) => {
                self.absent_since = None;
                self.seen = true;
            }
            None => {}
        }
        let known = self.last_end.as_ref().is_some_and(|last| alike(last, &end));
        self.alike = match (link, known) {
            (Some(_), _) => 0,
            // Nothing was said to a modem.
            (None, _) if waits_for_line(&end).is_some() => 0,
            (None, true) => self.alike.saturating_add(1),
            (None, false) => 1,
        };
        Ended {
            known,
            end,
            class,
            was_up: link.is_some(),
            was_good,
        }
    }

    /// An end that a user asked for.
    fn obey(&mut self, now: Instant, stop: UserStop) {
        match stop {
            UserStop::Signal(_) => self.exit(now, ExitStatus::USER),
            UserStop::Reconnect => self.dial_for_user(now),
            UserStop::Disconnect => self.disconnect(now),
            UserStop::Reset if self.policy.once => self.dial_for_user(now),
            UserStop::Reset => self.reset_for_user(now),
        }
    }

    /// An attempt or a link has ended, and no user wanted that.
    fn decide(&mut self, now: Instant, ended: Ended) {
        let retry_empty = !ended.was_up && self.learn_credentials(&ended.end);
        if self.is_fatal(&ended.end) || (self.is_last_link() && !retry_empty) {
            return self.finish(now, ended);
        }
        if let Some(problem) = waits_for_line(&ended.end) {
            let problem = problem.clone();
            return self.line_missing(now, ended, problem);
        }
        let wait = self.count(&ended, retry_empty);
        if let Some(reason) = self.wants_reset(&ended, wait.counted) {
            let level = match reason {
                ResetReason::Failures(_) => Level::Warning,
                ResetReason::Absent(_)
                | ResetReason::Always
                | ResetReason::Scheduled
                | ResetReason::User => Level::Notice,
            };
            let what = self.story(&ended);
            self.log(level, format!("{what} The modem is reset: {reason}."));
            let floor = if wait.grown {
                wait.time
            } else {
                Duration::ZERO
            };
            self.last_end = Some(ended.end);
            return self.reset(now, reason, AfterReset::Wait(self.rest()), floor);
        }
        let on_purpose = matches!(
            ended.end,
            LinkEnd::Idle { .. } | LinkEnd::ConnectTime { .. } | LinkEnd::Scheduled
        );
        if self.policy.demand && on_purpose {
            let what = self.story(&ended);
            self.log(Level::Notice, format!("{what} Waiting for a packet."));
            self.wait_for_packet(now, ended.end.to_string());
        } else {
            self.hold_off(now, &ended, wait, retry_empty);
        }
        self.last_end = Some(ended.end);
    }

    /// The end of the program.
    fn finish(&mut self, now: Instant, ended: Ended) {
        let status = match (&ended.end, ended.was_up) {
            // Spec C3, C13; with `--once` the status is pppd's.
            (LinkEnd::Idle { .. } | LinkEnd::ConnectTime { .. }, true) if !self.policy.once => {
                ExitStatus::DONE
            }
            (end, true) => end.exit_status_after_up(),
            (end, false) => end.exit_status(),
        };
        let level = if status == ExitStatus::DONE {
            Level::Notice
        } else {
            Level::Error
        };
        self.log(level, sentence(&ended.end));
        let reason = self
            .resets_always(&ended)
            .then_some(if ended.end == LinkEnd::Scheduled {
                ResetReason::Scheduled
            } else {
                ResetReason::Always
            });
        self.last_end = Some(ended.end);
        if let Some(reason) = reason {
            self.log(Level::Notice, format!("The modem is reset: {reason}."));
            return self.reset(now, reason, AfterReset::Exit(status), Duration::ZERO);
        }
        self.exit(now, status);
    }

    /// The tty is absent, or another process has it.
    fn line_missing(&mut self, now: Instant, ended: Ended, problem: LineProblem) {
        if let Some(deadline) = self.absence_deadline()
            && deadline <= now
        {
            return self.reset_for_absence(now, ended.end);
        }
        if !ended.known {
            self.log(
                Level::Notice,
                format!("Waiting for the tty: {}", sentence(&ended.end)),
            );
        }
        let why = ended.end.to_string();
        self.wait_for_line(now, problem, why);
        self.last_end = Some(ended.end);
    }

    /// Counts the failure, if it is one, and says how long to wait.
    fn count(&mut self, ended: &Ended, retry_empty: bool) -> Counted {
        let holdoff = Counted {
            time: self.policy.holdoff,
            grown: false,
            counted: false,
        };
        if retry_empty {
            // The next attempt is another one.
            return holdoff;
        }
        // A peer that ends each link before it was good is not to be dialed every few seconds for ever. But the modem
        // does what it should, so that counts towards no reset.
        let dismissed = ended.was_up && !ended.was_good && is_terminate(&ended.end);
        if ended.class == FailureClass::None && !dismissed {
            return holdoff;
        }
        let counted = self.counts_towards_reset(ended.class, &ended.end);
        let refused = ended.class == FailureClass::Network && !ended.was_up;
        self.row.count(counted, refused);
        let Wait { mut time, grown } = self.backoff.fail(ended.class);
        let vanished = matches!(ended.end, LinkEnd::Line(LineProblem::Vanished { .. }));
        if vanished && ended.was_up && !grown {
            time = time.min(SETTLE);
        }
        Counted {
            time,
            grown,
            counted,
        }
    }

    fn counts_towards_reset(&self, class: FailureClass, end: &LinkEnd) -> bool {
        match class {
            FailureClass::None => false,
            FailureClass::Network | FailureClass::Modem => true,
            FailureClass::Line => {
                self.policy.reset_any
                    || !matches!(
                        end,
                        LinkEnd::Line(LineProblem::OpenFailed {
                            permission: true,
                            ..
                        })
                    )
            }
            FailureClass::Configuration | FailureClass::Sim | FailureClass::Host => {
                self.policy.reset_any
            }
        }
    }

    fn wants_reset(&self, ended: &Ended, counted: bool) -> Option<ResetReason> {
        if ended.end == LinkEnd::Scheduled && self.policy.reset_always {
            return Some(ResetReason::Scheduled);
        }
        if self.resets_always(ended) {
            return Some(ResetReason::Always);
        }
        let abnormal =
            counted && self.resets_on_fail() && self.row.towards_reset >= self.reset_threshold();
        abnormal.then_some(ResetReason::Failures(self.row.towards_reset))
    }

    /// C5: after every disconnect; but never for what a reset cannot mend (spec S1).
    fn resets_always(&self, ended: &Ended) -> bool {
        let mendable = !matches!(ended.class, FailureClass::Configuration | FailureClass::Sim);
        self.policy.reset_always && ended.was_up && (mendable || self.policy.reset_any)
    }

    fn hold_off(&mut self, now: Instant, ended: &Ended, wait: Counted, retry_empty: bool) {
        let until = (now + wait.time).max(self.earliest_attempt());
        // What may be a matter of configuration as well as of the network is told with its advice each time too.
        let doubtful = wait.grown && !ended.was_up && is_call_refused(&ended.end);
        let mut text = if wait.grown && (doubtful || is_loud(ended.class)) {
            self.told(ended, sentence(&ended.end))
        } else {
            self.story(ended)
        };
        let loud = is_loud(ended.class) && (wait.grown || !ended.known) && !retry_empty;
        if loud && wait.grown && !self.policy.reset_any {
            text.push_str(" Neither a retry nor a reset mends this.");
        }
        text.push_str(&format!(" Next attempt in {}", seconds(until.since(now))));
        if retry_empty {
            text.push_str(", with an empty account");
        }
        if self.policy.demand {
            text.push_str(", if a packet wants out");
        }
        text.push('.');
        let level = match (loud, doubtful) {
            (true, _) => Level::Error,
            (false, true) => Level::Warning,
            (false, false) => Level::Notice,
        };
        self.log(level, text);
        self.then = self.rest();
        self.enter(now, State::HoldingOff { until }, ended.end.to_string());
    }

    /// What happened; with an advice, unless that has been given.
    fn story(&self, ended: &Ended) -> String {
        let why = if ended.known {
            format!("{}.", ended.end)
        } else {
            sentence(&ended.end)
        };
        self.told(ended, why)
    }

    fn told(&self, ended: &Ended, why: String) -> String {
        if ended.was_up {
            format!("The link ended: {why}")
        } else {
            format!("Attempt {} failed: {why}", self.plan.number)
        }
    }

    /// Whether no retry can mend it.
    fn is_fatal(&self, end: &LinkEnd) -> bool {
        match end {
            LinkEnd::Line(LineProblem::NotATty { .. }) => true,
            LinkEnd::Line(LineProblem::OpenFailed { permission, .. }) => {
                *permission && !self.ever_up
            }
            LinkEnd::Network(
                NetworkProblem::NoPermission { .. } | NetworkProblem::NoTun { .. },
            ) => !self.ever_up,
            LinkEnd::Line(
                LineProblem::Absent { .. }
                | LineProblem::NotFound { .. }
                | LineProblem::Locked { .. }
                | LineProblem::Vanished { .. },
            )
            | LinkEnd::Network(
                NetworkProblem::NameTaken { .. }
                | NetworkProblem::InterfaceDeleted { .. }
                | NetworkProblem::SetDown { .. }
                | NetworkProblem::Failed { .. },
            )
            | LinkEnd::Modem(_)
            | LinkEnd::Dial(_)
            | LinkEnd::Chat(_)
            | LinkEnd::Ppp(_)
            | LinkEnd::Monitor { .. }
            | LinkEnd::Idle { .. }
            | LinkEnd::ConnectTime { .. }
            | LinkEnd::Scheduled
            | LinkEnd::User(_) => false,
        }
    }

    /// Decides whether the next attempt agrees to authentication with an empty name; true if this end calls for it.
    /// A peer that took it is met so from then on; one that refused it is not.
    fn learn_credentials(&mut self, end: &LinkEnd) -> bool {
        let LinkEnd::Ppp(reason) = end else {
            return false;
        };
        if let DownReason::PeerTerminated {
            auth_rejected: true,
            ..
        } = reason
        {
            let first = !self.plan.empty_credentials;
            self.plan.empty_credentials = true;
            return first;
        }
        if let DownReason::AuthenticationRefused { .. } = reason {
            self.plan.empty_credentials = false;
        }
        false
    }
}

/// How long to wait, and whether the failure counts towards a reset.
#[derive(Clone, Copy)]
struct Counted {
    time: Duration,
    grown: bool,
    counted: bool,
}

/// The end and what can be done about it.
pub(super) fn sentence(end: &LinkEnd) -> String {
    match end.advice() {
        "" => format!("{end}."),
        advice => format!("{end}; {advice}."),
    }
}

/// Whether two ends are the same to a reader: not for how long was waited.
fn alike(one: &LinkEnd, other: &LinkEnd) -> bool {
    use ModemProblem::{NotRegistered, SimBusy};
    match (one, other) {
        (
            LinkEnd::Modem(NotRegistered {
                registration: a, ..
            }),
            LinkEnd::Modem(NotRegistered {
                registration: b, ..
            }),
        ) => a == b,
        (LinkEnd::Modem(SimBusy { .. }), LinkEnd::Modem(SimBusy { .. })) => true,
        _ => one == other,
    }
}

/// Only a human can mend it, so he is told loudly.
fn is_loud(class: FailureClass) -> bool {
    matches!(class, FailureClass::Configuration | FailureClass::Sim)
}

/// The network did not open the call: a wrong APN, most often, or no subscription, or it cannot.
fn is_call_refused(end: &LinkEnd) -> bool {
    matches!(
        end,
        LinkEnd::Dial(DialError::Refused { .. } | DialError::Extended { .. })
            | LinkEnd::Chat(ChatEnd::Aborted { .. })
    )
}

fn is_terminate(end: &LinkEnd) -> bool {
    matches!(end, LinkEnd::Ppp(DownReason::PeerTerminated { .. }))
}

/// What is waited for without dialing (spec S3).
fn waits_for_line(end: &LinkEnd) -> Option<&LineProblem> {
    if let LinkEnd::Line(
        problem @ (LineProblem::Absent { .. }
        | LineProblem::NotFound { .. }
        | LineProblem::Locked { .. }),
    ) = end
    {
        Some(problem)
    } else {
        None
    }
}

/// What an end shows of the modem.
enum Shown {
    /// It is not there.
    Absent,
    /// A tty is there, and could not be used.
    Tty,
    /// We had its tty open.
    Modem,
}

fn shows(end: &LinkEnd) -> Option<Shown> {
    match end {
        LinkEnd::Line(problem) => Some(match problem {
            LineProblem::Absent { .. } | LineProblem::NotFound { .. } => Shown::Absent,
            LineProblem::Locked { .. }
            | LineProblem::NotATty { .. }
            | LineProblem::OpenFailed { .. } => Shown::Tty,
            LineProblem::Vanished { .. } => Shown::Modem,
        }),
        LinkEnd::Modem(_)
        | LinkEnd::Dial(_)
        | LinkEnd::Chat(_)
        | LinkEnd::Ppp(_)
        | LinkEnd::Monitor { .. }
        | LinkEnd::Idle { .. }
        | LinkEnd::ConnectTime { .. } => Some(Shown::Modem),
        LinkEnd::Network(_) | LinkEnd::Scheduled | LinkEnd::User(_) => None,
    }
}

//! The ends of scripts, and the way back on hook: a disconnect script, [`HangUp`], or DTR alone.

use std::collections::VecDeque;
use std::time::Duration;

use super::script::{ScriptEvent, ScriptRun};
use super::{Attempt, AttemptEvent, DISCONNECT_LIMIT, Disconnect, HANG_UP_LIMIT, Phase};
use crate::at::{Connected, HangUp, HangUpEvent, HangUpPlan};
use crate::chat::ChatEnd;
use crate::link::reason::LinkEnd;
use crate::log::{Level, LogLine};
use crate::time::{Instant, Timer};

impl Attempt {
    pub(super) fn pump_chat(&mut self, now: Instant) {
        let Phase::Chat(script) = &mut self.phase else {
            return;
        };
        let Some(end) = take_events(script, &mut self.events) else {
            return;
        };
        if end == ChatEnd::Done {
            let (text, rest) = script.take_result();
            return self.connect(now, Connected { text, rest });
        }
        self.events.push_back(AttemptEvent::Log(LogLine::pppd(
            Level::Error,
            "Connect script failed",
        )));
        // A modem that is on hook by its own word is not asked again.
        let on_hook = matches!(&end, ChatEnd::Aborted { string, .. } if is_on_hook(string));
        let end = LinkEnd::Chat(end);
        if on_hook {
            self.end(end);
        } else {
            self.put_on_hook(now, end, Duration::ZERO);
        }
    }

    pub(super) fn pump_disconnect(&mut self, now: Instant) {
        let Phase::Disconnect(running, end) = &mut self.phase else {
            return;
        };
        let Some(result) = take_events(&mut running.script, &mut self.events) else {
            return;
        };
        let line = if result == ChatEnd::Done {
            LogLine::pppd(Level::Info, "Serial link disconnected.")
        } else {
            LogLine::pppd(Level::Warning, "disconnect script failed")
        };
        let (end, taken) = (end.clone(), now.since(running.begun));
        self.events.push_back(AttemptEvent::Log(line));
        self.put_on_hook(now, end, taken);
    }

    /// Hangs up after PPP: a disconnect script comes first, if the call is still there.
    pub(super) fn hang_up_after_ppp(&mut self, now: Instant, end: LinkEnd, carrier_gone: bool) {
        let script = if carrier_gone {
            None
        } else {
            self.disconnect.take()
        };
        let Some(mut script) = script else {
            return self.hang_up(now, end, carrier_gone);
        };
        self.events.push_back(AttemptEvent::WatchCarrier(false));
        script.start_at_once(now);
        let mut limit = Timer::default();
        limit.arm(now + disconnect_limit(&end));
        let running = Disconnect {
            script: *script,
            limit,
            begun: now,
        };
        self.phase = Phase::Disconnect(Box::new(running), end);
    }

    pub(super) fn hang_up(&mut self, now: Instant, end: LinkEnd, carrier_gone: bool) {
        if carrier_gone && !self.is_direct {
            self.start_hang_up(now, end, true, HANG_UP_LIMIT);
        } else {
            self.put_on_hook(now, end, Duration::ZERO);
        }
    }

    /// Hangs up a call that may be there; a script has `taken` some of the time for it.
    pub(super) fn put_on_hook(&mut self, now: Instant, end: LinkEnd, taken: Duration) {
        if self.is_direct {
            self.events.push_back(AttemptEvent::WatchCarrier(false));
            if !self.modem_lines {
                return self.end(end);
            }
            self.events.push_back(AttemptEvent::SetDtr(false));
            let mut timer = Timer::default();
            timer.arm(now + DTR_LOW);
            self.phase = Phase::Drop(timer, end);
            return;
        }
        let limit = HANG_UP_LIMIT - taken.min(DISCONNECT_LIMIT);
        self.start_hang_up(now, end, false, limit);
    }

    fn start_hang_up(&mut self, now: Instant, end: LinkEnd, carrier_gone: bool, limit: Duration) {
        self.events.push_back(AttemptEvent::WatchCarrier(false));
        let mut hang_up = HangUp::new(HangUpPlan {
            carrier_gone,
            guard: Duration::from_secs(1),
            limit,
        });
        hang_up.start(now);
        self.phase = Phase::HangUp(Box::new(hang_up), end);
    }

    pub(super) fn pump_hang_up(&mut self) {
        let Phase::HangUp(hang_up, end) = &mut self.phase else {
            return;
        };
        while let Some(event) = hang_up.poll_event() {
            match event {
                HangUpEvent::Log(line) => self.events.push_back(AttemptEvent::Log(line)),
                HangUpEvent::SetDtr(on) => self.events.push_back(AttemptEvent::SetDtr(on)),
                HangUpEvent::Done { .. } => {
                    let end = end.clone();
                    return self.end(end);
                }
            }
        }
    }
}

/// What a script has to say; its end, once it has come.
fn take_events(script: &mut ScriptRun, events: &mut VecDeque<AttemptEvent>) -> Option<ChatEnd> {
    while let Some(event) = script.poll_event() {
        events.push_back(match event {
            ScriptEvent::Log(line) => AttemptEvent::Log(line),
            ScriptEvent::SetDtr(on) => AttemptEvent::SetDtr(on),
            ScriptEvent::SetBreak(on) => AttemptEvent::SetBreak(on),
            ScriptEvent::Ended(end) => return Some(end),
        });
    }
    None
}

/// Whether the modem has said by this that there is no call.
fn is_on_hook(abort: &str) -> bool {
    [
        "BUSY",
        "NO CARRIER",
        "NO DIALTONE",
        "NO DIAL TONE",
        "NO ANSWER",
        "ERROR",
    ]
    .iter()
    .any(|result| abort.contains(result))
}

fn disconnect_limit(end: &LinkEnd) -> Duration {
    if matches!(end, LinkEnd::User(_)) {
        DISCONNECT_LIMIT
    } else {
        DISCONNECT_PATIENCE
    }
}

/// If nobody waits for the end, a disconnect script may take this long.
const DISCONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long DTR is low to end a line that is no modem's.
const DTR_LOW: Duration = Duration::from_secs(1);

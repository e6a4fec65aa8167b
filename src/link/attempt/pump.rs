//! What the phases have to say becomes events of the attempt, and the end of one the beginning of the next.

use super::{Attempt, AttemptEvent, Names, Phase, Ppp};
use crate::at::{CarrierWatch, Connected, DialError, LineText};
use crate::link::reason::LinkEnd;
use crate::log::{Level, LogLine};
use crate::modem::{BringupError, BringupEvent};
use crate::ppp::{self, Endpoint, Event};
use crate::time::{Instant, Timer};

impl Attempt {
    pub(super) fn pump(&mut self, now: Instant) {
        loop {
            let before = self.events.len();
            match &mut self.phase {
                Phase::BringUp(_) => self.pump_bringup(now),
                Phase::Chat(_) => self.pump_chat(now),
                Phase::Ppp(_) => self.pump_ppp(now),
                Phase::Disconnect(..) => self.pump_disconnect(now),
                Phase::HangUp(..) => self.pump_hang_up(),
                Phase::Direct | Phase::Drop(..) => {}
                Phase::Done => return,
            }
            if self.events.len() == before {
                break;
            }
        }
        let step = self.step_now();
        if let Some(step) = step
            && self.step != Some(step)
        {
            self.events.push_back(AttemptEvent::Step(step));
        }
        self.step = step;
    }

    /// What is being done or waited for; `None`: nothing, as while the link is up.
    pub(super) fn step_now(&self) -> Option<&'static str> {
        match &self.phase {
            Phase::BringUp(bringup) => Some(bringup.step()),
            Phase::Ppp(ppp) if ppp.closing.is_some() => Some("closing PPP"),
            Phase::Ppp(ppp) => match ppp.endpoint.phase() {
                ppp::Phase::Dead | ppp::Phase::Establish => Some("negotiating the line (LCP)"),
                ppp::Phase::Authenticate => Some("proving the account"),
                ppp::Phase::Network if ppp.endpoint.network().is_some() => None,
                ppp::Phase::Network => Some("negotiating the addresses (IPCP)"),
                ppp::Phase::Terminate => Some("closing PPP"),
            },
            Phase::Chat(script) if script.runs_script() => Some("running the connect script"),
            Phase::Chat(_) => Some("bringing the modem into command mode"),
            Phase::Disconnect(..) => Some("running the disconnect script"),
            Phase::HangUp(..) | Phase::Drop(..) => Some("hanging up"),
            Phase::Direct | Phase::Done => None,
        }
    }

    pub(super) fn pump_bringup(&mut self, now: Instant) {
        let Phase::BringUp(bringup) = &mut self.phase else {
            return;
        };
        while let Some(event) = bringup.poll_event() {
            match event {
                BringupEvent::Log(line) => self.events.push_back(AttemptEvent::Log(line)),
                BringupEvent::Info(info) => self.events.push_back(AttemptEvent::Info(info)),
                BringupEvent::Profile(profile) => {
                    self.events.push_back(AttemptEvent::Profile(profile));
                }
                BringupEvent::Warning(text) => {
                    self.events.push_back(AttemptEvent::Warning(text));
                }
                BringupEvent::Save(memory) => self.events.push_back(AttemptEvent::Save(memory)),
                BringupEvent::Connected(connected) => {
                    while bringup.poll_transmit(&mut self.text) {}
                    self.tail.extend_from_slice(&self.text);
                    self.text.clear();
                    return self.connect(now, connected);
                }
                BringupEvent::Failed(error) => return self.fail_bringup(now, error),
            }
        }
    }

    pub(super) fn connect(&mut self, now: Instant, connected: Connected) {
        let Some((session, seed)) = self.session.take() else {
            return;
        };
        let Names { tty, interface } = &self.setup;
        // pppd says nothing of a connection that it has not made.
        let established = LogLine::pppd(Level::Info, "Serial connection established.");
        let established = (!self.is_direct).then_some(established);
        let lines = [
            LogLine::pppd(Level::Info, format!("Using interface {interface}")),
            LogLine::pppd(
                Level::Notice,
                format!("Connect: {interface} <--> {}", tty.display()),
            ),
        ];
        let lines = established.into_iter().chain(lines);
        self.events.extend(lines.map(AttemptEvent::Log));
        self.events.push_back(AttemptEvent::WatchCarrier(true));
        self.events
            .push_back(AttemptEvent::Connected(connected.text));
        let mut endpoint = Endpoint::new(session, seed);
        endpoint.line_up(now);
        self.phase = Phase::Ppp(Box::new(Ppp {
            endpoint,
            watch: CarrierWatch::new(),
            closing: None,
            limit: Timer::default(),
            carrier_gone: false,
        }));
        // Nothing but the peer's first frames can stand there: no packet before IPCP.
        if let Phase::Ppp(ppp) = &mut self.phase {
            ppp.watch.handle_bytes(now, &connected.rest);
            ppp.endpoint.handle_bytes(now, &connected.rest, |_| {});
        }
    }

    pub(super) fn fail_bringup(&mut self, now: Instant, error: BringupError) {
        let (end, open) = match error {
            BringupError::Modem(problem) => (LinkEnd::Modem(problem), false),
            BringupError::Dial(error) => {
                self.events.push_back(AttemptEvent::Log(LogLine::pppd(
                    Level::Error,
                    "Connect script failed",
                )));
                // After a final result of the modem, the call is over; else it may still come.
                let open = matches!(error, DialError::Timeout { .. });
                (LinkEnd::Dial(error), open)
            }
        };
        if open {
            self.hang_up(now, end, false);
        } else {
            self.end(end);
        }
    }

    pub(super) fn pump_ppp(&mut self, now: Instant) {
        let Phase::Ppp(ppp) = &mut self.phase else {
            return;
        };
        let mut down = None;
        while let Some(event) = ppp.endpoint.poll_event() {
            match event {
                Event::Log(line) => self.events.push_back(AttemptEvent::Log(line)),
                Event::Phase(_) => {}
                Event::NetworkUp(settings) => {
                    self.events.push_back(AttemptEvent::NetworkUp(settings));
                }
                Event::NetworkDown => self.events.push_back(AttemptEvent::NetworkDown),
                Event::Down(reason) => down = Some(reason),
            }
        }
        // After what the frames before it brought, so that the log has the order of the line.
        let mut lost = false;
        while let Some(text) = ppp.watch.poll_event() {
            let line = match text {
                LineText::CarrierLost(text) => {
                    lost = true;
                    LogLine::chat(Level::Notice, text)
                }
                LineText::Other(text) => LogLine::chat(Level::Debug, text),
            };
            self.events.push_back(AttemptEvent::Log(line));
        }
        ppp.carrier_gone |= lost;
        if let Some(reason) = down {
            // The last frames, such as a Terminate-Ack.
            ppp.endpoint.poll_transmit(&mut self.tail);
            self.stats = ppp.endpoint.stats();
            let end = ppp.closing.take().unwrap_or(LinkEnd::Ppp(reason));
            let carrier_gone = ppp.carrier_gone;
            self.events.push_back(AttemptEvent::PppEnded(end.clone()));
            self.hang_up_after_ppp(now, end, carrier_gone);
        } else if lost {
            ppp.endpoint.line_down(now);
        }
    }

    pub(super) fn end(&mut self, end: LinkEnd) {
        self.phase = Phase::Done;
        self.events.push_back(AttemptEvent::Ended(end));
    }
}

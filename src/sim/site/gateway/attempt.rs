//! An attempt of the site's gateway, from the tty that is found to the hang-up.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;

use super::super::PIECE;
use super::super::locate::{Located, locate};
use super::super::shell::Shell;
use super::{Gateway, Running};
use crate::chat::{Lookup, Nothing};
use crate::link::attempt::{Attempt, AttemptEvent, AttemptSetup};
use crate::link::supervisor::AttemptPlan;
use crate::link::{Input, LinkEnd};
use crate::modem::Profile;
use crate::modem::usb::ModemIdentity;
use crate::time::Instant;

/// An attempt on an open tty.
pub(super) struct Open {
    pub(super) attempt: Attempt,
    pub(super) slot: usize,
    pub(super) wire: BytesMut,
}

impl Gateway {
    pub(super) fn begin(&mut self, now: Instant, shell: &mut Shell<'_>, plan: AttemptPlan) {
        let busy = !matches!(self.running, Running::Nothing);
        self.watching = false;
        self.watching_packets = false;
        self.began = now;
        self.was_up = false;
        self.seen.attempts += 1;
        let last = self.last.as_ref();
        let located = locate(&self.config, &self.profiles, shell, last);
        let strayed = match (&located, self.own) {
            (Ok(located), Some(own)) => located.slot != own && shell.is_present(own),
            (Ok(_) | Err(_), _) => false,
        };
        shell.ledger.attempt(now, busy, strayed);
        let Located { slot, tty, profile } = match located {
            Ok(located) => located,
            Err(problem) => {
                let end = LinkEnd::Line(problem);
                shell.ledger.ended(now, &end);
                return self.supervisor.handle(now, Input::Ended(end));
            }
        };
        self.own = Some(slot);
        self.last = tty.usb.as_ref().map(ModemIdentity::of);
        self.note_profile(now, shell, profile.clone());
        let wall = shell.wall(now);
        let mut bringup = self.config.bringup(
            profile,
            Arc::clone(&self.profiles),
            self.memory.clone(),
            wall,
            self.said,
        );
        // Added to the configuration after the first link (spec D5).
        bringup.connect_ok |= shell.disk.connect_ok;
        self.said = true;
        let lookup: Rc<dyn Lookup> = Rc::new(Nothing);
        let mut attempt = Attempt::new(AttemptSetup {
            tty: Path::new("/dev").join(&tty.name),
            interface: self.config.interface.clone(),
            bringup,
            session: self.config.session(plan.empty_credentials),
            seed: self.random.u64(),
            dialer: self.config.attempt_dialer(&lookup),
            disconnect: self.config.attempt_disconnect(&lookup),
            modem_lines: self.config.modem_lines,
        });
        shell.set_dtr(now, slot, true);
        attempt.start(now);
        self.running = Running::Attempt(Box::new(Open {
            attempt,
            slot,
            wire: BytesMut::new(),
        }));
    }

    fn note_profile(&mut self, now: Instant, shell: &mut Shell<'_>, profile: Option<Arc<Profile>>) {
        if let Some(profile) = profile {
            let reset_wait = profile.reset.wait;
            shell.ledger.profile(reset_wait);
            self.profile = Some(profile);
            self.supervisor.handle(now, Input::Modem { reset_wait });
        }
    }

    pub(super) fn act_on_attempt(&mut self, now: Instant, shell: &mut Shell<'_>) -> bool {
        let mut any = false;
        loop {
            let Running::Attempt(open) = &mut self.running else {
                return any;
            };
            let slot = open.slot;
            let Some(event) = open.attempt.poll_event() else {
                break;
            };
            any = true;
            match event {
                AttemptEvent::Log(line) => {
                    shell.ledger.log(now, &line);
                    self.seen.note_echo(&line.text);
                }
                AttemptEvent::Info(_)
                | AttemptEvent::Step(_)
                | AttemptEvent::Warning(_)
                | AttemptEvent::Connected(_)
                | AttemptEvent::SetBreak(_)
                | AttemptEvent::WatchCarrier(_) => {}
                AttemptEvent::Profile(profile) => self.note_profile(now, shell, Some(profile)),
                AttemptEvent::Save(memory) => {
                    let ok = shell.save(&memory);
                    open.attempt.saved(now, ok);
                    self.memory = memory;
                }
                AttemptEvent::SetDtr(on) => shell.set_dtr(now, slot, on),
                AttemptEvent::NetworkUp(settings) => self.network_up(now, shell, settings),
                AttemptEvent::NetworkDown => self.network_down(now, shell),
                AttemptEvent::PppEnded(_) => {
                    while open.attempt.poll_transmit(&mut open.wire) {}
                    shell.write(now, slot, &mut open.wire);
                    open.wire.clear();
                    self.seen.bad_frames += bad_frames(&open.attempt);
                    self.network_down(now, shell);
                }
                AttemptEvent::Ended(end) => {
                    shell.set_dtr(now, slot, false);
                    self.running = Running::Nothing;
                    shell.ledger.ended(now, &end);
                    self.supervisor.handle(now, Input::Ended(end));
                    return true;
                }
            }
        }
        let Running::Attempt(open) = &mut self.running else {
            return any;
        };
        if open.wire.len() < PIECE {
            any |= open.attempt.poll_transmit(&mut open.wire);
        }
        any |= shell.write(now, open.slot, &mut open.wire);
        any
    }
}

pub(super) fn bad_frames(attempt: &Attempt) -> u64 {
    let frames = attempt.stats().frames;
    frames.bad_fcs + frames.too_short + frames.too_long + frames.aborted
}

//! The site's link while IPCP is open: monitor, idle clock, and the packets of programs.

use std::net::Ipv4Addr;

use super::super::shell::Shell;
use super::super::traffic::Traffic;
use super::super::{PIECE, ping};
use super::{Gateway, Running};
use crate::link::monitor::{self, Monitor, MonitorCommand, MonitorInput, MonitorPlan};
use crate::link::{Idle, Input, Stop};
use crate::ppp::Ipv4Settings;
use crate::time::Instant;

/// What is there while IPCP is open.
pub(super) struct Link {
    pub(super) settings: Ipv4Settings,
    pub(super) monitor: Monitor,
    pub(super) idle: Option<Idle>,
    /// Question and its number.
    pub(super) lookup: Option<(String, u16)>,
    pub(super) received: u64,
}

impl Gateway {
    pub(super) fn network_up(
        &mut self,
        now: Instant,
        shell: &mut Shell<'_>,
        settings: Ipv4Settings,
    ) {
        shell.ledger.up(now);
        self.seen.ups += 1;
        if !std::mem::replace(&mut self.was_up, true) {
            if self.seen.links > 0 {
                let took = now.since(self.began);
                self.seen.slowest_link = self.seen.slowest_link.max(took);
            }
            self.seen.links += 1;
        }
        self.addresses.insert(settings.local);
        self.seen.addresses = self.addresses.len();
        self.supervisor.handle(now, Input::Up(settings));
        shell.disk.connect_ok = true;
        let monitor = &self.config.monitor;
        let plan = MonitorPlan {
            enabled: monitor.enabled,
            interface: self.config.interface.clone(),
            target: monitor.target.clone(),
            interval: monitor.interval,
            fail: monitor.fail,
            log: monitor.log,
            timeout: monitor.timeout,
            fixed_target: monitor.fixed_target,
            payload_is_life: monitor.payload_is_life,
            dns: settings.dns,
            peer: settings.remote,
            pid: 1,
        };
        self.link = Some(Link {
            settings,
            monitor: Monitor::new(now, plan),
            idle: self.config.idle.map(|after| Idle::new(now, after)),
            lookup: None,
            received: 0,
        });
        for packet in self.traffic.network_up(now, settings.local) {
            self.send_traffic(now, &packet);
        }
    }

    pub(super) fn network_down(&mut self, now: Instant, shell: &mut Shell<'_>) {
        if self.link.take().is_some() {
            shell.ledger.down(now);
        }
    }

    /// Monitor, idle clock and packets.
    pub(super) fn act_on_link(&mut self, now: Instant, shell: &mut Shell<'_>) -> bool {
        let mut any = self.wake(now, shell);
        let idle = self.link.as_mut().and_then(|link| link.idle.as_mut());
        if let Some(stop) = idle.and_then(Idle::poll_stop) {
            any = true;
            self.stop(now, stop);
        }
        while let Some(command) = self
            .link
            .as_mut()
            .and_then(|link| link.monitor.poll_command())
        {
            any = true;
            match command {
                MonitorCommand::Log(line) => shell.ledger.log(now, &line),
                MonitorCommand::Answered => self.supervisor.handle(now, Input::Answered),
                MonitorCommand::Cut { target, lost } => {
                    self.stop(now, Stop::Monitor { target, lost });
                }
                MonitorCommand::Echo {
                    to, ttl, sequence, ..
                } => {
                    let Some(link) = &self.link else { continue };
                    let local = link.settings.local;
                    let packet = ping::echo(ping::MONITOR, local, to, ttl, sequence);
                    self.send(&packet);
                }
                MonitorCommand::Resolve { name, servers } => self.resolve(now, name, servers),
            }
        }
        any
    }

    fn resolve(&mut self, now: Instant, name: String, servers: [Option<Ipv4Addr>; 2]) {
        let id = self.random.nonzero_u32() as u16;
        let Some(link) = &mut self.link else { return };
        let question = monitor::dns::query(id, &name);
        self.seen.unanswered_lookups += u32::from(link.lookup.is_some());
        link.lookup = Some((name, id));
        let local = link.settings.local;
        match (question, servers.iter().flatten().next().copied()) {
            (Ok(question), Some(server)) => {
                self.send(&ping::query(local, server, id, &question));
            }
            (Err(error), _) => link.monitor.handle(now, MonitorInput::Resolved(Err(error))),
            // Nobody to ask: the monitor's own limit ends the wait.
            (Ok(_), None) => {}
        }
    }

    /// A packet of a program: over the link, or kept for the next.
    pub(super) fn send_traffic(&mut self, now: Instant, packet: &[u8]) {
        match &mut self.link {
            Some(link) => {
                if let Some(idle) = &mut link.idle {
                    idle.handle_traffic(now);
                }
                self.send(packet);
            }
            None => self.traffic.keep(now, packet),
        }
    }

    fn send(&mut self, packet: &[u8]) {
        if let Running::Attempt(open) = &mut self.running
            && open.wire.len() < 16 * PIECE
        {
            open.attempt.send_ipv4(packet, &mut open.wire);
        }
    }
}

impl Link {
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &[u8], traffic: &mut Traffic) {
        self.received += 1;
        if traffic.handle_packet(packet) {
            if let Some(idle) = &mut self.idle {
                idle.handle_traffic(now);
            }
        } else if let Some(received) = ping::read_echo(ping::MONITOR, packet) {
            self.monitor
                .handle(now, MonitorInput::Received(self.received));
            self.monitor.handle(
                now,
                MonitorInput::Echo {
                    sequence: received.sequence,
                    answer: received.answer,
                },
            );
        } else if let Some(datagram) = ping::read_answer(packet)
            && let Some((name, id)) = &self.lookup
            && let Some(answer) = monitor::dns::read(*id, name, &datagram)
        {
            self.lookup = None;
            self.monitor.handle(now, MonitorInput::Resolved(answer));
        }
    }
}

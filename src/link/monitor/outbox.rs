//! What the monitor wants done, in order, and the numbers of its echo requests.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::MonitorCommand;
use crate::time::Instant;

/// An echo request under way.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) sequence: u16,
    pub(super) until: Instant,
}

/// Commands that have not been taken. They are bounded by the contract: all are taken after each call.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    commands: VecDeque<MonitorCommand>,
    sequence: u16,
}

impl Outbox {
    pub(super) fn push(&mut self, command: MonitorCommand) {
        self.commands.push_back(command);
    }

    /// Has an echo request sent.
    pub(super) fn echo(
        &mut self,
        now: Instant,
        to: Ipv4Addr,
        ttl: Option<u8>,
        timeout: Duration,
    ) -> Wait {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        self.push(MonitorCommand::Echo {
            to,
            ttl,
            sequence,
            timeout,
        });
        let until = now + timeout;
        Wait { sequence, until }
    }

    pub(super) fn pop(&mut self) -> Option<MonitorCommand> {
        self.commands.pop_front()
    }
}

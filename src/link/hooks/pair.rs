//! Two scripts that answer each other and never run at once: pppd's `ipcp_script_state` and `auth_script_state`.

use super::{LinkFacts, LinkTotals, Script};

/// ip-up and ip-down, or auth-up and auth-down.
#[derive(Debug)]
pub(super) struct Pair {
    up: Script,
    down: Script,
    /// The link that is up.
    link: Option<LinkFacts>,
    /// What the last link has carried.
    totals: Option<LinkTotals>,
    /// The link that the scripts know of.
    told: Option<LinkFacts>,
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    Up,
    Down,
    /// A former daemon's.
    Owed,
}

/// What the end of a script means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The scripts know of a link.
    Begun,
    /// They know of none.
    Ended,
}

impl Pair {
    pub(super) fn new(up: Script, down: Script) -> Self {
        Self {
            up,
            down,
            link: None,
            totals: None,
            told: None,
            running: None,
        }
    }

    pub(super) fn handle_up(&mut self, link: LinkFacts) {
        self.link = Some(link);
    }

    pub(super) fn handle_totals(&mut self, totals: LinkTotals) {
        self.totals = Some(totals);
    }

    pub(super) fn handle_down(&mut self) {
        self.link = None;
    }

    /// The running one has ended.
    pub(super) fn handle_finished(&mut self) -> Option<Step> {
        match self.running.take()? {
            Running::Up => Some(Step::Begun),
            Running::Down => Some(Step::Ended),
            Running::Owed => None,
        }
    }

    /// The down script of a former daemon takes the place of a running one; false if there is one.
    pub(super) fn start_owed(&mut self) -> bool {
        let free = self.running.is_none();
        self.running.get_or_insert(Running::Owed);
        free
    }

    /// What is to be started, if anything.
    pub(super) fn poll_start(&mut self) -> Option<(Script, LinkFacts, Option<LinkTotals>)> {
        if self.running.is_some() {
            return None;
        }
        match (self.told.take(), &self.link) {
            (None, None) => None,
            (Some(told), Some(link)) if !told.differs(link) => {
                self.told = Some(told);
                None
            }
            (Some(told), _) => {
                self.running = Some(Running::Down);
                Some((self.down, told, self.totals.take()))
            }
            (None, Some(link)) => {
                self.running = Some(Running::Up);
                self.told = Some(link.clone());
                Some((self.up, link.clone(), None))
            }
        }
    }

    pub(super) fn told(&self) -> Option<&LinkFacts> {
        self.told.as_ref()
    }

    /// Whether the scripts know of the link that is up.
    pub(super) fn is_told(&self) -> bool {
        match (&self.told, &self.link) {
            (Some(told), Some(link)) => !told.differs(link),
            (None, _) | (_, None) => false,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

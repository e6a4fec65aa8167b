//! What the parts of the daemon share: configuration, clock, what is known of the modem, what the status says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::watch;

use crate::config::{Config, Device};
use crate::control::Board;
use crate::daemon::connection::Options;
use crate::daemon::logging::emit;
use crate::daemon::modem::Modem;
use crate::daemon::progress::Observer;
use crate::daemon::surroundings::{self, Surroundings};
use crate::daemon::traffic::Traffic;
use crate::io::clock::Clock;
use crate::io::net::Net;
use crate::io::serial::PortSettings;
use crate::link::Input;
use crate::link::hooks::LinkFacts;
use crate::link::monitor::MonitorReport;
use crate::log::{Level, LogLine};
use crate::time::Instant;

/// Everything an attempt shares with the next one.
pub(crate) struct Context {
    /// Read anew by `reload`: see [`config`](Self::config).
    pub(super) config: RefCell<Rc<Config>>,
    /// Counts the reloads, and wakes whoever acts at once on what has changed.
    pub(crate) configured: watch::Sender<u64>,
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) net: Net,
    pub(crate) observer: Rc<dyn Observer>,
    /// What is known of the modem.
    pub(crate) modem: Modem,
    /// For the status and the monitor.
    pub(crate) traffic: Rc<Traffic>,
    /// What is told to whoever asks for the status.
    pub(crate) board: Rc<RefCell<Board>>,
    /// What the rest of the system is told of the link.
    pub(crate) surroundings: Surroundings,
    /// A signal to end that the log does not know of yet.
    pub(super) signal: Cell<Option<i32>>,
}

impl Context {
    /// The configuration as it stands. Kept only for as long as it may not change.
    pub(crate) fn config(&self) -> Rc<Config> {
        Rc::clone(&self.config.borrow())
    }

    /// Another configuration holds from now on.
    pub(crate) fn set_config(&self, config: Config) {
        *self.config.borrow_mut() = Rc::new(config);
        self.configured
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How the modem's ttys are set.
    pub(crate) fn port_settings(&self) -> PortSettings {
        PortSettings {
            speed: self.config().speed,
            rtscts: self.config().rtscts,
            modem_lines: self.config().modem_lines,
        }
    }

    /// Whether packets start the dial (spec S6). With `--once` the link is dialed at once.
    pub(crate) fn demands(&self) -> bool {
        self.config().policy(self.options.once).demand
    }

    /// Tells the board how the monitor stands.
    pub(crate) fn note_monitor(&self, report: &MonitorReport) {
        let watched = report.nearest.map(|nearest| nearest.to_string());
        let mut board = self.board.borrow_mut();
        board.note_monitor(&report.target, watched.as_deref());
        if let Some((answered, at)) = report.last {
            board.note_ping(at, answered, report.lost);
        }
    }

    /// Tells the board what an attempt has said.
    pub(super) fn note_input(&self, now: Instant, input: &Input) {
        let mut board = self.board.borrow_mut();
        if let Input::Up(settings) = input {
            board.note_up(now, &self.config().interface, settings);
        } else if *input == Input::Answered {
            board.note_good();
        }
    }

    /// pppd's line of a signal that ends it, unless the log has it.
    pub(crate) fn say_signal(&self) {
        if let Some(signal) = self.signal.take() {
            let text = format!("Terminating on signal {signal}");
            emit(&LogLine::pppd(Level::Info, text));
        }
    }

    /// What a script is told before there is a link: the modem's tty, as far as it is known.
    pub(crate) fn facts_without_link(&self) -> LinkFacts {
        let tty = match (self.modem.located(), &self.config().device) {
            (Some(located), _) => located.dial.display().to_string(),
            (None, Device::Tty(path)) => path.display().to_string(),
            (None, Device::Auto | Device::Model(_)) => String::new(),
        };
        surroundings::no_link(tty, self.config().speed)
    }

    /// Whether the interface stays while no link is up (spec N5).
    pub(crate) fn keeps_interface(&self) -> bool {
        self.config().hold || self.demands()
    }
}

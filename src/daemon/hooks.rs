//! Runs pppd's scripts (spec N4): what the core's [`Hooks`] wants, with what there is on this system.
//!
//! The worker, [`Scripts::run`], is polled beside everything else, so a script that takes its time holds up nobody but
//! the next script. ip-pre-up has a lane of its own: a link that comes up must not wait for the ip-up of a former one.
//!
//! What is owed to the system, an ip-down, is noted in the state directory as long as it is: `scripts-IFNAME.json`. A
//! daemon that is killed leaves it to the next one, which runs it before anything else of that kind.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::daemon::dns::Dns;
use crate::daemon::logging::emit;
use crate::io::hook_files::HookFiles;
use crate::io::runner::{Job, Runner};
use crate::io::state_file;
use crate::link::hooks::find::{Invocation, Plan, plan};
use crate::link::hooks::wording::{self, ScriptEnd};
use crate::link::hooks::{HookEvent, Hooks, HooksSetup, Run, Script};
use crate::log::{Level, LogLine};

/// pppd's `child-timeout`: so long a script that still runs is waited for when we end. An ip-down, which gives back what
/// ip-up took, has its whole time.
pub(crate) const CHILD_WAIT: Duration = Duration::from_secs(5);

/// Longer than any gateway runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The note of what is owed; more than that was not written by us.
const RECORD_LIMIT: u64 = 256 * 1024;

/// The scripts of one interface.
pub(crate) struct Scripts {
    hooks: RefCell<Hooks>,
    runner: Runner,
    timeout: Cell<Duration>,
    record: PathBuf,
    recorded: Cell<bool>,
    /// Counts what happens; whoever waits looks again.
    news: watch::Sender<u64>,
    /// Events that were taken, and whose script has not been started yet.
    starting: Cell<usize>,
    /// The monitor that watches the link. Its last line comes before the end of that link's ip-down: see
    /// [`Scripts::unwatch_wanted`].
    watched: Cell<Option<u64>>,
    monitors: Cell<u64>,
    unwatch: Cell<bool>,
    /// We end: nothing but ip-down has more time than until then.
    end_by: Cell<Option<Instant>>,
    /// Whoever asked us to end asked again: what was started before that has no time left.
    cut: Cell<Option<Instant>>,
}

impl Scripts {
    pub(crate) fn new(
        setup: HooksSetup,
        runner: Runner,
        timeout: Duration,
        record: PathBuf,
    ) -> Self {
        Self {
            hooks: RefCell::new(Hooks::new(setup)),
            runner,
            timeout: Cell::new(timeout),
            record,
            recorded: Cell::new(false),
            news: watch::Sender::new(0),
            starting: Cell::new(0),
            watched: Cell::new(None),
            monitors: Cell::new(0),
            unwatch: Cell::new(false),
            end_by: Cell::new(None),
            cut: Cell::new(None),
        }
    }

    /// Tells the machine something.
    pub(crate) fn tell<T>(&self, what: impl FnOnce(&mut Hooks) -> T) -> T {
        let result = what(&mut self.hooks.borrow_mut());
        self.note();
        result
    }

    /// From the next script on.
    pub(crate) fn reconfigure(
        &self,
        timeout: Duration,
        change: impl FnOnce(&HooksSetup) -> HooksSetup,
    ) {
        let mut hooks = self.hooks.borrow_mut();
        let setup = change(hooks.setup());
        hooks.reconfigure(setup);
        self.timeout.set(timeout);
    }

    /// Whether an ip-pre-up would run, so that it is worth waiting for it.
    pub(crate) fn has_pre_up(&self) -> bool {
        let hooks = self.hooks.borrow();
        let run = Run {
            script: Script::IpPreUp,
            arguments: Vec::new(),
            environment: Vec::new(),
        };
        plan(hooks.setup(), &run, &HookFiles::new()) != Plan::default()
    }

    /// Ends when no ip-pre-up is waited for any more.
    pub(crate) async fn pre_up_ended(&self) {
        self.until(|| !self.hooks.borrow().pre_up_pending()).await;
    }

    /// Ends when ip-up runs for the link that is up, or there is none.
    pub(crate) async fn up_begun(&self) {
        self.until(|| self.all_begun() && self.hooks.borrow().is_told())
            .await;
    }

    /// Ends when whatever is due has been started.
    pub(crate) async fn begun(&self) {
        self.until(|| self.all_begun()).await;
    }

    /// Ends when nothing runs, and nothing is due.
    pub(crate) async fn idle(&self) {
        self.until(|| self.all_begun() && self.hooks.borrow().is_idle())
            .await;
    }

    /// The monitor watches, or no longer.
    pub(crate) fn set_watched(&self, watched: bool) {
        if watched {
            self.monitors.set(self.monitors.get().wrapping_add(1));
        }
        self.watched.set(watched.then(|| self.monitors.get()));
        self.unwatch.set(false);
        self.note();
    }

    /// Ends when the monitor's last line is due: the next is the end of ip-down. [`set_watched`](Self::set_watched)
    /// answers.
    pub(crate) async fn unwatch_wanted(&self) {
        self.until(|| self.unwatch.get()).await;
    }

    /// We want to end.
    pub(crate) fn end(&self) {
        self.end_by.set(Some(Instant::now() + CHILD_WAIT));
        self.tell(|hooks| hooks.handle_down(None));
    }

    /// At once.
    pub(crate) fn hurry(&self) {
        let now = Instant::now();
        self.cut.set(Some(now));
        self.end_by.set(Some(now + CHILD_WAIT));
        self.note();
    }

    /// What a predecessor that was killed owes: it goes first.
    pub(crate) fn recover(&self) {
        let Ok(text) = state_file::read_limited(&self.record, RECORD_LIMIT) else {
            return;
        };
        // One that was being written when the power went is nothing.
        let run = serde_json::from_slice(&text).ok();
        let run = run.filter(|run: &Run| run.script == Script::IpDown);
        self.recorded.set(true);
        match run {
            Some(run) if self.hooks.borrow().setup().enabled => {
                emit(&LogLine::uplinkd(
                    Level::Notice,
                    "the last uplinkd was killed while its link was up: ip-down is run for it now",
                ));
                self.tell(|hooks| hooks.handle_owed(run));
            }
            Some(_) | None => self.forget(),
        }
    }

    /// The worker. Never ends; what it does not finish goes on without us.
    pub(crate) async fn run(&self, dns: &Dns) {
        let mut queue = VecDeque::new();
        let (mut pre_up, mut lane): (Option<Work<'_>>, Option<Work<'_>>) = (None, None);
        let mut news = self.news.subscribe();
        loop {
            while let Some(event) = self.take() {
                match event {
                    HookEvent::Run(run) if run.script == Script::IpPreUp => {
                        pre_up = Some(Box::pin(self.execute(run)));
                    }
                    HookEvent::Run(_) | HookEvent::LinkUp(_) | HookEvent::LinkDown => {
                        queue.push_back(event);
                    }
                }
            }
            if lane.is_none()
                && let Some(event) = queue.pop_front()
            {
                lane = Some(match event {
                    HookEvent::Run(run) => Box::pin(self.execute(run)),
                    HookEvent::LinkUp(settings) => Box::pin(async move {
                        dns.up(&settings).await;
                        self.starting.set(self.starting.get().saturating_sub(1));
                        None
                    }),
                    HookEvent::LinkDown => Box::pin(async move {
                        dns.down().await;
                        self.starting.set(self.starting.get().saturating_sub(1));
                        None
                    }),
                });
            }
            let done = tokio::select! {
                biased;
                done = running(&mut pre_up) => {
                    pre_up = None;
                    done
                }
                done = running(&mut lane) => {
                    lane = None;
                    done
                }
                _ = news.changed() => continue,
            };
            if let Some(script) = done {
                self.hooks.borrow_mut().handle_finished(script);
            }
            self.note();
        }
    }

    fn take(&self) -> Option<HookEvent> {
        let event = self.hooks.borrow_mut().poll_event()?;
        self.starting.set(self.starting.get() + 1);
        Some(event)
    }

    /// Runs all that a script means.
    async fn execute(&self, run: Run) -> Option<Script> {
        let script = run.script;
        let plan = plan(self.hooks.borrow().setup(), &run, &HookFiles::new());
        plan.problems.iter().for_each(emit);
        if script == Script::IpUp {
            self.note_owed(&plan);
        }
        let (started, timeout) = (Instant::now(), self.timeout.get());
        let mut begun = Begun(Some(self));
        for command in plan.commands {
            if self.is_over(script, started) {
                emit(&wording::cannot_execute(
                    &command.program,
                    "there is no time left for it",
                ));
                continue;
            }
            self.run_command(command, script, started, timeout, &mut begun)
                .await;
        }
        if script == Script::IpDown {
            self.forget();
        }
        Some(script)
    }

    async fn run_command(
        &self,
        command: Invocation,
        script: Script,
        started: Instant,
        timeout: Duration,
        begun: &mut Begun<'_>,
    ) {
        let job = Job {
            program: command.program,
            arguments: command.arguments,
            environment: command.environment,
            identifier: script.identifier(),
        };
        let running = match self.runner.start(&job).await {
            Ok(running) => running,
            Err(why) => {
                emit(&wording::cannot_execute(&job.program, &why));
                return;
            }
        };
        let pid = running.pid();
        emit(&wording::started(&job.program, pid));
        begun.note();
        let enough = async {
            let ends = self.over(script, started).await;
            emit(&match ends {
                Over::TimedOut => wording::timed_out(&job.program, pid, timeout),
                Over::WeEnd => wording::ending(pid),
            });
        };
        let watched = self.watched.get().filter(|_| script == Script::IpDown);
        let end: ScriptEnd = running.ended(enough).await;
        if watched.is_some() && watched == self.watched.get() {
            self.unwatch.set(true);
            self.note();
            self.until(|| watched != self.watched.get()).await;
        }
        emit(&wording::finished(&job.program, pid, end));
    }

    /// Ends when a script that was started then has had its time.
    async fn over(&self, script: Script, started: Instant) -> Over {
        let mut news = self.news.subscribe();
        loop {
            let timeout = self.deadline(started);
            let last = self.last_moment(script, started);
            let moment = last.map_or(timeout, |last| last.min(timeout));
            tokio::select! {
                biased;
                () = sleep_until(moment) => {
                    return if last.is_some_and(|last| last < timeout) {
                        Over::WeEnd
                    } else {
                        Over::TimedOut
                    };
                }
                _ = news.changed() => {}
            }
        }
    }

    fn is_over(&self, script: Script, started: Instant) -> bool {
        let now = Instant::now();
        now >= self.deadline(started)
            || self
                .last_moment(script, started)
                .is_some_and(|last| now >= last)
    }

    fn deadline(&self, started: Instant) -> Instant {
        let timeout = self.timeout.get();
        // A time-out that no clock can hold is none.
        started.checked_add(timeout).unwrap_or(started + FOR_EVER)
    }

    /// Since we want to end, it may run until then.
    fn last_moment(&self, script: Script, started: Instant) -> Option<Instant> {
        if let Some(cut) = self.cut.get() {
            return Some(if started <= cut {
                cut
            } else {
                started + CHILD_WAIT
            });
        }
        self.end_by.get().filter(|_| script != Script::IpDown)
    }

    /// From now on the system is owed an ip-down, if there is any script at all.
    fn note_owed(&self, up: &Plan) {
        let hooks = self.hooks.borrow();
        let Some(owed) = hooks.owed() else {
            return;
        };
        let down = plan(hooks.setup(), &owed, &HookFiles::new());
        if up.commands.is_empty() && down.commands.is_empty() {
            return;
        }
        let Ok(text) = serde_json::to_vec(&owed) else {
            return;
        };
        // Not brought to the disk: after a power cut little is left to be put back, and a flash does not live for ever.
        let beside = self.record.with_extension("new");
        let written =
            write_private(&beside, &text).and_then(|()| fs::rename(&beside, &self.record));
        match written {
            Ok(()) => self.recorded.set(true),
            Err(error) => emit(&LogLine::uplinkd(
                Level::Warning,
                format!(
                    "{} cannot be written: {error}; should uplinkd be killed, no ip-down is run for this link",
                    self.record.display()
                ),
            )),
        }
    }

    fn forget(&self) {
        if self.recorded.take() {
            let _ = fs::remove_file(&self.record);
        }
    }

    fn all_begun(&self) -> bool {
        self.starting.get() == 0 && !self.hooks.borrow().has_events()
    }

    fn note(&self) {
        self.news
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        let mut news = self.news.subscribe();
        while !holds() {
            if news.changed().await.is_err() {
                return;
            }
        }
    }
}

/// A new file that nobody else can read: the variables that the operator sets for scripts may hold a password.
fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)
}

/// Why a script has no time left.
enum Over {
    TimedOut,
    WeEnd,
}

/// Tells that the first command of a script runs, or that there is none.
struct Begun<'a>(Option<&'a Scripts>);

impl Begun<'_> {
    fn note(&mut self) {
        if let Some(scripts) = self.0.take() {
            scripts
                .starting
                .set(scripts.starting.get().saturating_sub(1));
            scripts.note();
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.note();
    }
}

/// What a lane does; the script, if it was one.
type Work<'a> = Pin<Box<dyn Future<Output = Option<Script>> + 'a>>;

/// Ends with it; never, while there is nothing to do.
async fn running(work: &mut Option<Work<'_>>) -> Option<Script> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;

//! Lines of the core into `tracing`, and from there to the journal (under systemd) or to stderr.
//!
//! The identifier of a line (`pppd`, `chat`, `uplinkd`) is its `tracing` target: in the journal it becomes the syslog
//! identifier, so that `journalctl -t pppd` finds what it always found (spec U3).

use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::ZonedDateTime;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::io::clock::Clock;
use crate::io::log_sink::LogSink;
use crate::log::{BudgetSize, Identifier, Level, LogBudget, LogLine, Verdict};

/// Every identifier; the journal gets one writer for each.
const IDENTIFIERS: [Identifier; 11] = [
    Identifier::Pppd,
    Identifier::Chat,
    Identifier::Uplinkd,
    Identifier::Sim,
    Identifier::IpUp,
    Identifier::IpDown,
    Identifier::IpPreUp,
    Identifier::AuthUp,
    Identifier::AuthDown,
    Identifier::PppMonitor,
    Identifier::PppManager,
];

/// How long the end of the program waits for a stderr that takes nothing.
const FLUSH_LIMIT: Duration = Duration::from_millis(200);

/// Where lines to stderr wait.
static SINK: OnceLock<LogSink> = OnceLock::new();

/// Waits a moment until what was logged is written. To be called before the program ends, or says something past the
/// log.
pub fn flush() {
    if let Some(sink) = SINK.get() {
        sink.flush(FLUSH_LIMIT);
    }
}

/// Sends lines to the journal when stderr is connected to it, else to stderr. Lines below `least` are left out.
pub fn init(least: Level) {
    let filter = match least {
        Level::Trace => LevelFilter::TRACE,
        Level::Debug => LevelFilter::DEBUG,
        Level::Info | Level::Notice => LevelFilter::INFO,
        Level::Warning => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    let journal = if stderr_is_the_journal() {
        journal_layers()
    } else {
        None
    };
    match journal {
        Some(layers) => {
            let _ = Registry::default().with(layers).with(filter).try_init();
        }
        None => {
            // Without a thread to spare, lines are written at once, and wait for their reader.
            let sink = LogSink::new(std::io::stderr()).ok();
            let writer = match sink {
                Some(sink) => BoxMakeWriter::new({
                    let sink = SINK.get_or_init(|| sink).clone();
                    move || sink.clone()
                }),
                None => BoxMakeWriter::new(std::io::stderr),
            };
            let layer = tracing_subscriber::fmt::layer()
                .event_format(SyslogLike)
                .with_ansi(false)
                .with_writer(writer)
                .with_filter(FilterFn::new(is_ours));
            let _ = Registry::default().with(layer).with(filter).try_init();
        }
    }
}

/// Whether the demo leaves out what only debugging needs.
static DEMO_MILESTONES_ONLY: AtomicBool = AtomicBool::new(false);

/// For the demo: lines go to stdout, between the demo's own, with the seconds since its start.
pub fn init_demo(clock: Clock, verbose: bool) {
    let filter = if verbose {
        LevelFilter::TRACE
    } else {
        LevelFilter::DEBUG
    };
    let quiet = FilterFn::new(move |metadata| {
        let shown = verbose
            || *metadata.level() <= tracing::Level::INFO
            || !DEMO_MILESTONES_ONLY.load(Ordering::Relaxed);
        shown && is_ours(metadata)
    });
    let layer = tracing_subscriber::fmt::layer()
        .event_format(Elapsed(clock))
        .with_ansi(false)
        .with_writer(std::io::stdout)
        .with_filter(quiet);
    let _ = Registry::default().with(layer).with(filter).try_init();
}

/// For the demo: from now on, packets and AT lines are left out.
pub fn demo_milestones_only() {
    DEMO_MILESTONES_ONLY.store(true, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// Lines for debugging, whoever they come from. A negotiation is some dozens; a line full of nonsense, dialed again and
/// again, would fill the disk.
const DEBUGGING: BudgetSize = BudgetSize {
    burst: 1000,
    reserve: 0,
    refill: Duration::from_millis(5),
};

static DEBUG_BUDGET: Mutex<Option<(Clock, LogBudget)>> = Mutex::new(None);

/// Logs a line of the core. Of too many lines for debugging some are left out, and that is said.
pub fn emit(line: &LogLine) {
    if matches!(line.level, Level::Trace | Level::Debug) {
        let mut budget = DEBUG_BUDGET.lock().unwrap_or_else(PoisonError::into_inner);
        let (clock, budget) =
            budget.get_or_insert_with(|| (Clock::new(), LogBudget::new(DEBUGGING)));
        budget.refill(clock.now());
        match budget.take(line.level) {
            Verdict::Write => {}
            Verdict::Refuse => return,
            Verdict::RefuseAndTell => {
                tracing::warn!(target: "uplinkd", "too many lines for debugging: some are left out");
                return;
            }
        }
    }
    write(line);
}

fn write(line: &LogLine) {
    macro_rules! at_level {
        ($target:literal) => {
            match line.level {
                Level::Trace => tracing::trace!(target: $target, "{}", line.text),
                Level::Debug => tracing::debug!(target: $target, "{}", line.text),
                Level::Info | Level::Notice => tracing::info!(target: $target, "{}", line.text),
                Level::Warning => tracing::warn!(target: $target, "{}", line.text),
                Level::Error => tracing::error!(target: $target, "{}", line.text),
            }
        };
    }
    match line.identifier {
        Identifier::Pppd => at_level!("pppd"),
        Identifier::Chat => at_level!("chat"),
        Identifier::Uplinkd => at_level!("uplinkd"),
        Identifier::Sim => at_level!("sim"),
        Identifier::IpUp => at_level!("ip-up"),
        Identifier::IpDown => at_level!("ip-down"),
        Identifier::IpPreUp => at_level!("ip-pre-up"),
        Identifier::AuthUp => at_level!("auth-up"),
        Identifier::AuthDown => at_level!("auth-down"),
        Identifier::PppMonitor => at_level!("ppp_monitor"),
        Identifier::PppManager => at_level!("ppp_manager"),
    }
}

/// Whether a line comes from [`emit`]. The crates that we use have things to say, too, but not to our users.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    IDENTIFIERS
        .iter()
        .any(|identifier| identifier.as_str() == metadata.target())
}

/// systemd says in JOURNAL_STREAM which device and inode it connected to stderr (systemd.exec(5)).
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Some((device, inode)) = stream.split_once(':') else {
        return false;
    };
    if std::io::stderr().is_terminal() {
        return false;
    }
    let Ok(stat) = rustix::fs::fstat(rustix::stdio::stderr()) else {
        return false;
    };
    device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino)
}

fn journal_layers<S>() -> Option<Vec<Box<dyn Layer<S> + Send + Sync>>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut layers: Vec<Box<dyn Layer<S> + Send + Sync>> = Vec::new();
    for identifier in IDENTIFIERS {
        let name = identifier.as_str();
        let layer = tracing_journald::layer()
            .ok()?
            .with_syslog_identifier(name.to_owned());
        let only = FilterFn::new(move |metadata| metadata.target() == name);
        layers.push(Box::new(layer.with_filter(only)));
    }
    Some(layers)
}

/// `Nov 24 20:14:19.123 pppd[523]: text`: what a syslog file shows, without the host, with milliseconds.
struct SyslogLike;

impl<S, N> FormatEvent<S, N> for SyslogLike
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = ZonedDateTime::now()
            .strftime("%b %e %H:%M:%S%.3f")
            .to_string();
        write!(
            writer,
            "{now} {}[{}]: ",
            event.metadata().target(),
            std::process::id()
        )?;
        write_text(writer, event)
    }
}

/// `[  0.412] pppd: text`.
struct Elapsed(Clock);

impl<S, N> FormatEvent<S, N> for Elapsed
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let seconds = self.0.now().since_origin().as_secs_f64();
        write!(writer, "[{seconds:7.3}] {}: ", event.metadata().target())?;
        write_text(writer, event)
    }
}

/// The event's text and the end of the line.
fn write_text(mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
    let mut message = Message {
        writer: &mut writer,
        result: Ok(()),
    };
    event.record(&mut message);
    message.result?;
    writeln!(writer)
}

struct Message<'a, 'w> {
    writer: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.result = write!(self.writer, "{value:?}");
        }
    }
}

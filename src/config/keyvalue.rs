//! The `KEY=VALUE` format of /etc/default/ppp (spec C0 to C26a).
//!
//! A shell used to read this file. It is read here as that shell would have read it as long as nothing has to be
//! expanded or executed; that is refused at its column, with the value that was probably meant. Values are judged only
//! once the whole file is read, because a later line wins over an earlier one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Config;
use super::diagnostic::Severity;
use super::draft::{Draft, Field};
use super::lexer::{self, Assignment, FlawKind, Line, quoted};
use super::report::{LINE_LIMIT, Place, Report, is_secret_name, nearest};
use super::value::{self, Refusal, shown};
use crate::secret::Secret;

/// A file larger than this is not a configuration.
pub(super) const FILE_LIMIT: usize = 1 << 20;

/// The keys of the format, in the order of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Start,
    Provider,
    Persist,
    ResetOnFail,
    ResetAlways,
    ResetAt,
    ResetWait,
    Holdoff,
    Retry,
    Apn,
    PdpType,
    Demand,
    Idle,
    Device,
    DefaultRoute,
    Auth,
    Account,
    Password,
    NetMode,
    CarrierId,
    LocalAddr,
    RemoteAddr,
    Netmask,
    Monitor,
    MonitorTarget,
    MonitorInterval,
    MonitorFail,
    MonitorLog,
    ConnectOk,
    Pin,
}

/// Name, and an example of a value.
const KEYS: [(Key, &str, &str); 30] = [
    (Key::Start, "START", "yes"),
    (Key::Provider, "PROVIDER", ""),
    (Key::Persist, "PERSIST", "1"),
    (Key::ResetOnFail, "RESET_ON_FAIL", "1"),
    (Key::ResetAlways, "RESET_ALWAYS", "0"),
    (Key::ResetAt, "RESET_AT", "03:00"),
    (Key::ResetWait, "RESET_WAIT", "30"),
    (Key::Holdoff, "HOLDOFF", "5"),
    (Key::Retry, "RETRY", "3"),
    (Key::Apn, "APN", "dream.jp"),
    (Key::PdpType, "PDPTYPE", "IP"),
    (Key::Demand, "DEMAND", "0"),
    (Key::Idle, "IDLE", "60"),
    (Key::Device, "DEVICE", "ttyUSB0"),
    (Key::DefaultRoute, "DEFAULTROUTE", "1"),
    (Key::Auth, "AUTH", "CHAP"),
    (Key::Account, "ACCOUNT", "user@dream.jp"),
    (Key::Password, "PASSWORD", "..."),
    (Key::NetMode, "NETMODE", "AUTO"),
    (Key::CarrierId, "CARRIERID", "4"),
    (Key::LocalAddr, "LOCALADDR", "192.0.2.1"),
    (Key::RemoteAddr, "REMOTEADDR", "192.0.2.2"),
    (Key::Netmask, "NETMASK", "255.255.255.0"),
    (Key::Monitor, "MONITOR", "yes"),
    (Key::MonitorTarget, "MONITOR_TARGET", "www.example.jp"),
    (Key::MonitorInterval, "MONITOR_INTERVAL", "30"),
    (Key::MonitorFail, "MONITOR_FAIL", "3"),
    (Key::MonitorLog, "MONITOR_LOG", "yes"),
    (Key::ConnectOk, "CONNECT_OK", "1"),
    (Key::Pin, "PIN", "..."),
];

/// Every key that the format knows, whether it acts yet or not, in the order of the document.
pub fn known_keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(_, name, _)| *name)
}

impl Key {
    fn find(name: &str) -> Option<(Self, &'static str, &'static str)> {
        KEYS.iter().find(|(_, known, _)| *known == name).copied()
    }

    /// The key for a field that readers share.
    fn of(field: Field) -> (Self, &'static str) {
        match field {
            Field::Apn => (Self::Apn, "APN"),
            Field::Device => (Self::Device, "DEVICE"),
            Field::Auth => (Self::Auth, "AUTH"),
            Field::Account => (Self::Account, "ACCOUNT"),
            Field::Password => (Self::Password, "PASSWORD"),
            Field::LocalAddress => (Self::LocalAddr, "LOCALADDR"),
            Field::RemoteAddress => (Self::RemoteAddr, "REMOTEADDR"),
        }
    }

    /// Whether its values may hold blanks.
    fn is_text(self) -> bool {
        matches!(self, Self::Account | Self::Password)
    }
}

/// The winning line of a key. Not `Debug`: it may hold a password.
#[derive(Clone)]
struct Setting<'a> {
    key: Key,
    name: &'static str,
    value: String,
    place: Place<'a>,
}

impl<'a> Setting<'a> {
    /// The value, or the whole line where the value is empty and a caret has nothing to point at.
    fn place(&self) -> Place<'a> {
        if self.place.width > 0 {
            return self.place;
        }
        Place {
            column: 1,
            width: self.place.source.chars().count(),
            ..self.place
        }
    }
}

/// Reads `text` into a configuration; the problems go to `report`.
pub(super) fn read(text: &[u8], report: &mut Report) -> Config {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.len() > FILE_LIMIT {
        report.error(
            Place::FILE,
            format!("the file is larger than {FILE_LIMIT} bytes"),
            Some("expected a file of KEY=VALUE lines".to_owned()),
        );
        return Config::default();
    }
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        report.error(
            Place::FILE,
            "the file is UTF-16".to_owned(),
            Some("save it as UTF-8 or ASCII".to_owned()),
        );
        return Config::default();
    }
    let text = String::from_utf8_lossy(text);
    let mut reader = Reader {
        report,
        settings: BTreeMap::new(),
        broken: BTreeSet::new(),
        open: false,
    };
    for (index, line) in text.split('\n').enumerate() {
        reader.line(index + 1, line.strip_suffix('\r').unwrap_or(line));
    }
    reader.finish()
}

struct Reader<'a, 'r> {
    report: &'r mut Report,
    settings: BTreeMap<Key, Setting<'a>>,
    /// Keys of lines that could not be read: they are not missing.
    broken: BTreeSet<Key>,
    /// The line before this one ended within quotes or with a backslash: what comes next may be its rest.
    open: bool,
}

impl<'a> Reader<'a, '_> {
    fn line(&mut self, number: usize, text: &'a str) {
        let continued = std::mem::take(&mut self.open);
        let place = |column, width| Place {
            line: number,
            column,
            width,
            source: text,
        };
        if text.chars().nth(LINE_LIMIT).is_some() && !text.trim_start().starts_with('#') {
            self.report.error(
                place(LINE_LIMIT + 1, 1),
                format!("the line is longer than {LINE_LIMIT} characters"),
                Some("expected KEY=VALUE".to_owned()),
            );
            return;
        }
        match lexer::line(text) {
            Line::Blank => {}
            Line::Assignment(assignment) => self.assignment(number, text, assignment),
            // The rest of a value that was broken by a line end has been told, and might be half a password.
            Line::Other { .. } if continued => self.open = true,
            Line::Other {
                word,
                rest,
                column,
                width,
            } => {
                let key = word.as_deref().and_then(Key::find);
                let help = match key {
                    Some((key, name, _)) if !rest.is_empty() && !is_secret_name(name) => {
                        self.broken.insert(key);
                        format!(
                            "expected KEY=VALUE; probably meant: {name}={}",
                            quoted(&rest)
                        )
                    }
                    Some((_, name, example)) => {
                        format!("expected KEY=VALUE, e.g. {name}={example}")
                    }
                    None => "expected KEY=VALUE, or # before a comment".to_owned(),
                };
                let message = "this is neither a setting nor a comment".to_owned();
                self.report.error(place(column, width), message, Some(help));
            }
        }
    }

    fn assignment(&mut self, number: usize, text: &'a str, found: Assignment) {
        let place = |column, width| Place {
            line: number,
            column,
            width,
            source: text,
        };
        if found.flaws.iter().any(|flaw| {
            matches!(
                flaw.kind,
                FlawKind::UnclosedQuote(_) | FlawKind::Continuation
            )
        }) {
            self.open = true;
        }
        let Some((key, name, example)) = Key::find(&found.key) else {
            let names = KEYS.iter().map(|(_, name, _)| *name);
            let known = if self.report.is_full() {
                None
            } else {
                nearest(&found.key, names)
            };
            self.report.warning(
                place(found.key_column, found.key.chars().count()),
                format!("the key {} is not known", found.key),
                known.map(|known| format!("did you mean {known}?")),
            );
            // A quote that is left open changes what the lines behind mean; the rest of an unknown key's value is
            // nobody's business.
            for flaw in &found.flaws {
                if let FlawKind::UnclosedQuote(quote) = flaw.kind {
                    let message = format!("the quote {quote} is not closed on its line");
                    self.report
                        .error(place(flaw.column, flaw.width), message, None);
                }
            }
            return;
        };
        let mut broken = false;
        for flaw in &found.flaws {
            let (message, help) = self.explain(key, name, example, &found, &flaw.kind);
            let harmless = flaw.kind.is_harmless();
            broken |= !harmless;
            let severity = if harmless {
                Severity::Warning
            } else {
                Severity::Error
            };
            self.report.add(
                severity,
                place(flaw.column, flaw.width),
                message,
                Some(help),
            );
        }
        if broken {
            self.broken.insert(key);
            self.settings.remove(&key);
            return;
        }
        let setting = Setting {
            key,
            name,
            value: found.value,
            place: place(found.column, found.width),
        };
        if let Some(former) = self.settings.insert(key, setting) {
            // It does not count any more, so it does not stop the start.
            if let Err(refusal) = apply(&mut Draft::default(), former.key, &former.value) {
                refuse(self.report, Severity::Warning, &former, refusal);
            }
        }
    }

    /// The message for a flaw, and the line that was probably meant.
    fn explain(
        &self,
        key: Key,
        name: &str,
        example: &str,
        found: &Assignment,
        kind: &FlawKind,
    ) -> (String, String) {
        let write = |value: &str| {
            if is_secret_name(name) {
                return format!("in single quotes it is taken as it stands: {name}='...'");
            }
            format!("probably meant: {name}={}", quoted(value))
        };
        // Whether text behind the value may belong to it.
        let belongs = key.is_text()
            && found.whole.get(found.value.len()..).is_some_and(|behind| {
                behind
                    .trim_start()
                    .starts_with(|c: char| c.is_alphanumeric())
                    || behind.starts_with(['&', ';', '|', '(', ')'])
            });
        let with_text = write(if belongs { &found.whole } else { &found.value });
        match kind {
            FlawKind::Note => (
                format!("a note behind the value of {name}"),
                "it is ignored; put it on a line of its own".to_owned(),
            ),
            FlawKind::Variable {
                text,
                name: variable,
            } => {
                let known = variable
                    .as_deref()
                    .and_then(Key::find)
                    .and_then(|(key, name, _)| {
                        self.settings.get(&key).filter(|_| !is_secret_name(name))
                    });
                let meant = match known {
                    Some(setting) => write(&found.value.replace(text.as_str(), &setting.value)),
                    None => write(&found.value),
                };
                (
                    format!("{} is not replaced by a value here", told(name, text)),
                    meant,
                )
            }
            FlawKind::Command { text } => {
                let meant = if key.is_text() {
                    write(&found.value)
                } else {
                    format!("expected the value itself, e.g. {name}={example}")
                };
                (format!("{} is not executed here", told(name, text)), meant)
            }
            FlawKind::DollarQuote => (
                "a dollar sign before a quote has no meaning here".to_owned(),
                write(&found.value),
            ),
            FlawKind::SecondAssignment => (
                format!("a second setting behind the value of {name}"),
                format!("expected one setting on a line; {}", write(&found.value)),
            ),
            FlawKind::TextAfter => (format!("text behind the value of {name}"), with_text),
            FlawKind::ForeignSpace => (
                format!("a blank that is not an ASCII blank behind the value of {name}"),
                with_text,
            ),
            FlawKind::Operator(c) => (
                format!("{c} ends the value of {name} unless it is quoted"),
                with_text,
            ),
            FlawKind::SpaceRoundEquals => (
                "a blank beside the equals sign".to_owned(),
                write(&found.value),
            ),
            FlawKind::Append => (
                "nothing can be appended to a value".to_owned(),
                write(&found.value),
            ),
            FlawKind::UnclosedQuote(quote) => (
                format!("the quote {quote} is not closed on its line"),
                write(found.value.trim()),
            ),
            FlawKind::Continuation => (
                "a value cannot go on on the next line".to_owned(),
                write(&found.value),
            ),
            FlawKind::Control(c) => {
                let clean: String = found.value.chars().filter(|c| !c.is_control()).collect();
                (
                    format!("{} in the value of {name}", value::character(*c)),
                    write(&clean),
                )
            }
            FlawKind::NotUtf8 => (
                format!("bytes that are not UTF-8 in the value of {name}"),
                "save the file as UTF-8".to_owned(),
            ),
        }
    }

    /// Judges the winning values, then what they mean together.
    fn finish(mut self) -> Config {
        let mut draft = Draft::default();
        for setting in self.settings.values() {
            match apply(&mut draft, setting.key, &setting.value) {
                Ok(None) => {}
                Ok(Some(later)) => self.report.warning(
                    setting.place,
                    format!("{} does not act yet", setting.name),
                    Some(format!("it is ignored; in a later version it {later}")),
                ),
                Err(refusal) => {
                    self.broken.insert(setting.key);
                    refuse(self.report, Severity::Error, setting, refusal);
                }
            }
        }
        for clash in draft.clashes(|field| Key::of(field).1) {
            // With PROVIDER the other keys would come from its file; what could not be read is not missing.
            let broken = clash.involved.iter().any(|field| {
                self.broken.contains(&Key::of(*field).0) || self.broken.contains(&Key::Provider)
            });
            if !broken {
                let key = Key::of(clash.about).0;
                let place = self.settings.get(&key).map_or(Place::FILE, Setting::place);
                self.report
                    .add(clash.severity, place, clash.message, Some(clash.help));
            }
        }
        if let Some(setting) = self.settings.get(&Key::Device)
            && !self.broken.contains(&Key::Device)
            && let Some(model) = value::nearly_a_model(&setting.value)
        {
            self.report.warning(
                setting.place,
                format!(
                    "DEVICE: {} is taken as the name of a tty",
                    shown(&setting.value)
                ),
                Some(format!("did you mean {model}?")),
            );
        }
        draft.finish()
    }
}

/// What is said of a piece of a value: not the piece if the value is a secret.
fn told(name: &str, text: &str) -> String {
    if is_secret_name(name) {
        format!("what begins with $ or ` in {name}")
    } else {
        shown(text)
    }
}

fn refuse(report: &mut Report, severity: Severity, setting: &Setting<'_>, refusal: Refusal) {
    let name = setting.name;
    let mut help = format!("expected {}", refusal.expected);
    if let Some(meant) = refusal.meant.filter(|_| !is_secret_name(name)) {
        help.push_str(&format!("; probably meant: {name}={}", quoted(&meant)));
    }
    report.add(
        severity,
        setting.place(),
        format!("{name}: {}", refusal.what),
        Some(help),
    );
}

/// Checks the value of a key and puts it into the draft. Empty means the default. What a key that does not act yet will
/// do is given back.
fn apply(draft: &mut Draft, key: Key, text: &str) -> Result<Option<&'static str>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let config = &mut draft.config;
    Ok(match key {
        Key::Start => {
            config.start = value::yes_no(text)?;
            None
        }
        Key::Provider => {
            return Err(Refusal::new(
                "files in /etc/ppp/peers are not read yet, and nothing else is dialed instead",
                "PROVIDER= and the keys of \"PPP config\", e.g. APN=dream.jp",
            ));
        }
        Key::Persist => {
            config.persist = value::flag(text)?;
            None
        }
        Key::ResetOnFail => {
            value::flag(text)?;
            Some("resets the modem when the link fails")
        }
        Key::ResetAlways => {
            value::flag(text)?;
            Some("resets the modem after each link")
        }
        Key::ResetAt => {
            value::time_of_day(text)?;
            Some("disconnects at that time of the day")
        }
        Key::ResetWait => {
            value::whole(text, &(0..=86_400), "seconds")?;
            Some("is the wait after a reset")
        }
        Key::Holdoff => {
            let seconds = value::whole(text, &(0..=86_400), "seconds")?;
            config.holdoff = Duration::from_secs(seconds);
            None
        }
        Key::Retry => {
            value::whole(text, &(0..=1_000), "failures in a row")?;
            Some("is how many failures in a row lead to a reset")
        }
        Key::Apn => {
            config.apn = Some(value::apn(text)?);
            None
        }
        Key::PdpType => {
            config.pdp_type = value::pdp_type(text)?;
            None
        }
        Key::Demand => {
            if value::flag(text)? {
                return Err(Refusal::new(
                    "dialing on demand does not act yet, and nothing is dialed instead",
                    "DEMAND=0 to stay connected",
                ));
            }
            None
        }
        Key::Idle => {
            value::whole(text, &(0..=31_536_000), "seconds")?;
            Some("hangs up after this long without traffic")
        }
        Key::Device => {
            config.device = value::device(text)?;
            None
        }
        Key::DefaultRoute => {
            config.default_route = value::flag(text)?;
            None
        }
        Key::Auth => {
            draft.auth = Some(value::auth(text)?);
            None
        }
        Key::Account => {
            config.account = value::account(text)?;
            None
        }
        Key::Password => {
            value::password(text)?;
            config.password = Secret::new(text);
            None
        }
        Key::NetMode => {
            value::choice(text, &["AUTO", "WCDMA", "LTE", "NONE"])?;
            Some("chooses the radio access technology")
        }
        Key::CarrierId => {
            value::carrier(text)?;
            Some("chooses the carrier")
        }
        Key::LocalAddr => {
            config.local_address = Some(value::address(text)?);
            None
        }
        Key::RemoteAddr => {
            config.remote_address = Some(value::address(text)?);
            None
        }
        Key::Netmask => {
            config.netmask = Some(value::netmask(text)?);
            None
        }
        Key::Monitor => {
            value::yes_no(text)?;
            Some("watches the link with pings")
        }
        Key::MonitorTarget => {
            value::host(text)?;
            Some("is the target of the monitor's pings")
        }
        Key::MonitorInterval => {
            value::whole(text, &(1..=86_400), "seconds")?;
            Some("is the time between the monitor's pings")
        }
        Key::MonitorFail => {
            value::whole(text, &(1..=1_000), "pings in a row")?;
            Some("is how many lost pings cut the link")
        }
        Key::MonitorLog => {
            value::yes_no(text)?;
            Some("logs each ping of the monitor")
        }
        Key::ConnectOk => {
            value::choice(text, &["1"]).map_err(|refusal| Refusal {
                expected: "1, or no such line".to_owned(),
                ..refusal
            })?;
            Some("spares the flash memory of some modems")
        }
        Key::Pin => {
            value::pin(text)?;
            Some("unlocks the SIM")
        }
    })
}

#[cfg(test)]
mod tests;

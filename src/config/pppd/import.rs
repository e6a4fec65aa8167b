//! Settings of pppd's to a [`Config`].

mod apply;
mod arguments;
mod credentials;

use std::path::PathBuf;
use std::sync::Arc;

use self::apply::Import;
use super::Reading;
use super::connect::{self, At, Command};
use super::options::{self, Options, Setting};
use super::source::Source;
use super::table::{Act, Group, Service};
use crate::chat::Call;
use crate::config::diagnostic::Severity;
use crate::config::draft::Field;
use crate::config::files::FileProblem;
use crate::config::report::Report;
use crate::config::{Auth, Config, Dialer};

/// What a peers file says, before the main file has had its say.
pub(in crate::config) struct Imported {
    /// What pppd does without any options, and what the files say instead.
    pub(in crate::config) config: Config,
    /// Which protocols are agreed to depends on the secrets found.
    pub(in crate::config) auth: Auth,
    /// A tty is named.
    pub(in crate::config) has_device: bool,
    options: Options,
    /// The last setting of what the main file can say too.
    said: Vec<(Field, usize)>,
    max_fail: Option<(u32, usize)>,
}

/// Reads the peers file `name` and all that belongs to it; the problems in them go to `report`.
///
/// # Errors
///
/// The peers file itself cannot be read.
pub(in crate::config) fn import(
    name: &str,
    reading: &Reading<'_>,
    report: &mut Report,
) -> Result<Imported, FileProblem> {
    let options = options::read(name, reading, report)?;
    let mut import = Import::new(&options, reading, report);
    for index in 0..options.settings.len() {
        import.setting(index);
    }
    let (config, auth) = finish(&mut import);
    let Import {
        said,
        max_fail,
        device,
        ..
    } = import;
    let has_device = device.is_some();
    Ok(Imported {
        config,
        auth,
        has_device,
        said,
        max_fail,
        options,
    })
}

impl Imported {
    /// Reports where the main file says something else than the peers file, or where pppd would do something else. `config`:
    /// what came out; `name` and `is_set`: of the main file, as for the draft.
    pub(in crate::config) fn compare(
        &self,
        config: &Config,
        name: impl Fn(Field) -> &'static str,
        is_set: impl Fn(Field) -> bool,
        report: &mut Report,
    ) {
        for (field, index) in &self.said {
            let Some(setting) = self.options.settings.get(*index) else {
                continue;
            };
            let key = name(*field);
            let own = &self.config;
            let (differs, now) = match field {
                Field::Persist => {
                    let persist = setting.row.act == Act::Persist(true);
                    (persist != config.persist, on_off(config.persist))
                }
                Field::Demand => (own.demand != config.demand, on_off(config.demand)),
                Field::Holdoff => {
                    let now = format!("{} s", config.holdoff.as_secs_f64());
                    (own.holdoff != config.holdoff, now)
                }
                _ => {
                    let seconds = config.idle.map_or(0.0, |idle| idle.as_secs_f64());
                    (own.idle != config.idle, format!("{seconds} s"))
                }
            };
            // The existing system's wrapper dials again whatever pppd was told, unless PERSIST is 0.
            if !differs || !is_set(*field) {
                continue;
            }
            self.warn(
                setting,
                format!(
                    "{} is not used: {key} says otherwise ({now})",
                    setting.row.name
                ),
                format!("expected {key} alone, or the same in both"),
                report,
            );
        }
        if let Some((count, index)) = self.max_fail
            && count != 0
            && let Some(setting) = self.options.settings.get(index)
        {
            self.warn(
                setting,
                format!("maxfail {count} is not used: the service does not give up"),
                format!(
                    "expected {}, after which the modem is reset",
                    name(Field::Retry)
                ),
                report,
            );
        }
    }

    fn warn(&self, setting: &Setting, message: String, help: String, report: &mut Report) {
        if let Some(source) = self.options.sources.get(setting.source) {
            source.add(
                report,
                Severity::Warning,
                &setting.word,
                message,
                Some(help),
            );
        }
    }
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

/// What can be judged only when all settings are known.
fn finish(import: &mut Import<'_, '_>) -> (Config, Auth) {
    for (group, index) in import.in_force.clone() {
        let Some(setting) = import.options.settings.get(index) else {
            continue;
        };
        let Service::RefuseIfInForce(_) = setting.row.service else {
            continue;
        };
        let help = match group {
            Group::Auth => "expected noauth behind it, in the peers file",
            Group::Multilink => "expected no such option, or nomultilink behind it",
            Group::Mppe => "expected no such option, or nomppe behind it",
        };
        let message = format!("{} is in force: {}", setting.row.name, setting.row.note);
        import.error(setting, message, help);
    }
    let auth = import.credentials();
    dialer(import);
    let mut config = std::mem::take(&mut import.config);
    config.scripts.call_file = Some(import.options.call_file.clone());
    let addresses = [config.local_address, config.remote_address];
    if let [Some(local), Some(remote)] = addresses
        && local == remote
        && let Some(setting) = import.last(Act::Addresses)
    {
        let message = format!("both ends of the link are to be {local}");
        import.error(setting, message, "expected two addresses");
    }
    (config, auth)
}

/// `connect`, `init` and `disconnect`.
fn dialer(import: &mut Import<'_, '_>) {
    let init = import.command(Act::Init);
    let connect = import.command(Act::Connect);
    let dialer = match (init, connect) {
        (None, None) => Dialer::Direct,
        (Some(call), None) | (None, Some(call)) => Dialer::Chat(Arc::new(call)),
        (Some(init), Some(connect)) => match connect::joined(init, &connect) {
            Some(call) => Dialer::Chat(Arc::new(call)),
            None => {
                if let Some(setting) = import.last(Act::Init) {
                    let message = "init and connect cannot be run as one script: init has other options than connect, \
                                   or ends with an expect"
                        .to_owned();
                    import.error(
                        setting,
                        message,
                        "expected what it does at the beginning of connect's script",
                    );
                }
                Dialer::Chat(Arc::new(connect))
            }
        },
    };
    if import.config.demand
        && dialer == Dialer::Direct
        && import.last(Act::Connect).is_none()
        && let Some(setting) = import.last(Act::Demand)
    {
        let message = "demand needs connect: nothing says how to dial".to_owned();
        import.error(setting, message, "expected connect, or no demand");
    }
    import.config.dialer = dialer;
    import.config.disconnect = import.command(Act::Disconnect).map(Arc::new);
}

impl<'a> Import<'a, '_> {
    /// The last setting of a kind.
    fn last(&self, act: Act) -> Option<&'a Setting> {
        let options: &'a Options = self.options;
        options
            .settings
            .iter()
            .rfind(|setting| setting.row.act == act)
    }

    /// The command that the last setting of a kind gives.
    fn command(&mut self, act: Act) -> Option<Call> {
        let setting = self.last(act)?;
        let source: &'a Source = self.options.sources.get(setting.source)?;
        let at = At {
            option: setting.row.name,
            source,
            word: &setting.argument,
        };
        match connect::read(&at, self.reading, self.report)? {
            Command::Nothing => None,
            Command::Chat(call) => Some(call),
        }
    }

    fn error(&mut self, setting: &Setting, message: String, help: &str) {
        self.add(Severity::Error, setting, message, help);
    }

    fn add(&mut self, severity: Severity, setting: &Setting, message: String, help: &str) {
        if let Some(source) = self.options.sources.get(setting.source) {
            let help = Some(help.to_owned());
            source.add(self.report, severity, &setting.word, message, help);
        }
    }

    /// What a message may say of the argument.
    fn told(&self, setting: &Setting) -> String {
        let source = self.options.sources.get(setting.source);
        source.map_or_else(
            || "this".to_owned(),
            |source| source.told(&setting.argument),
        )
    }

    fn is_shown(&self, setting: &Setting) -> bool {
        let source = self.options.sources.get(setting.source);
        source.is_some_and(|source| source.text(&setting.argument).is_some())
    }

    /// As text; `None`: that is not text, which has been reported.
    fn text(&mut self, setting: &Setting) -> Option<String> {
        let name = setting.row.name;
        match std::str::from_utf8(&setting.argument.bytes) {
            Ok(text) if text.contains(char::is_control) => {
                let message =
                    format!("{name}: a control character in its value; is a quote missing?");
                self.error(setting, message, "expected printable text");
                None
            }
            Ok(text) => Some(text.to_owned()),
            Err(_) => {
                let message = format!("{name}: bytes that are not UTF-8 in its value");
                self.error(setting, message, "save the file as UTF-8");
                None
            }
        }
    }

    /// A full path.
    fn path(&mut self, setting: &Setting) -> Option<PathBuf> {
        let text = self.text(setting)?;
        if text.starts_with('/') {
            return Some(PathBuf::from(text));
        }
        let message = format!(
            "{}: {} is not a full path",
            setting.row.name,
            self.told(setting)
        );
        self.error(setting, message, "expected one that begins with /");
        None
    }
}

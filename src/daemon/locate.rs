//! Which tty the modem is on now (spec D3, C14, S3): sysfs, the profiles, and where they do not decide, `AT`.
//!
//! Looked up anew before each attempt, because a modem that was reset has other ttys. What decides is the place on the
//! USB, see [`crate::modem::usb`]. In short:
//!
//! - DEVICE=AUTO and a model: the modem that was used before if it is there; else the first by likelihood and USB path that
//!   nobody holds. The port is the profile's. Where no profile names it, all ports of the device that are not forbidden are
//!   asked at the same time, and the first in order that answers dials; the others that answer are for queries.
//! - A device that is a modem by its driver but answers nothing is dialed on its likeliest port all the same: that fails,
//!   and so leads to its reset. Any other device that answers nothing is no modem.
//! - A tty by its kernel name (`/dev/ttyUSB0`) is followed to the number that it has after a restart of the modem. One by
//!   another name, such as a link that udev makes, is taken at its word: whoever made the link follows the modem already.
//! - A link of udev's by which the existing system knows a modem (`ttyLISA0`) means the model where there is no such link.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::at::{ProbeAnswer as Answer, ProbePlan};
use crate::config::{Config, Device};
use crate::daemon::asking::{all, ask};
use crate::daemon::logging::emit;
use crate::io::clock::Clock;
use crate::io::line_watch::{Holder, LineWatch, holder};
use crate::io::reset::Roots;
use crate::io::serial::{Port, PortSettings};
use crate::io::sysfs;
use crate::link::LineProblem;
use crate::log::{Level, LogLine};
use crate::modem::usb::{Candidate, Dial, Found, Snapshot, TtyDevice, Wanted, find, find_tty};
use crate::modem::{ModemIdentity, Profile, Profiles};

/// The ttys of a modem come one after another: it is looked again after this, until nothing changes.
const SETTLE: Duration = Duration::from_millis(300);

/// So often at most.
const SETTLE_LOOKS: u32 = 10;

/// Where the modem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The tty that dials.
    pub dial: PathBuf,
    /// Others that answer AT commands.
    pub at: Vec<PathBuf>,
    /// The profile, if the configuration or the USB ids leave no doubt; else the modem has to say what it is.
    pub profile: Option<Arc<Profile>>,
    /// `None` for a tty that is not on the USB. To be given back as `last` once the tty could be opened: before that it
    /// may be another's.
    pub identity: Option<ModemIdentity>,
}

/// Finds the modem, and remembers what it has found out by asking.
#[derive(Debug)]
pub struct Locator {
    roots: Roots,
    lock_dir: PathBuf,
    clock: Clock,
    asked: RefCell<Option<Asked>>,
    /// The last line about where the modem is, which is not said twice.
    said: RefCell<String>,
}

/// What a device's ports have answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    dial: ModemIdentity,
    at: Vec<ModemIdentity>,
}

impl Locator {
    /// One that has found nothing yet.
    pub fn new(roots: Roots, lock_dir: &Path, clock: Clock) -> Self {
        Self {
            roots,
            lock_dir: lock_dir.to_owned(),
            clock,
            asked: RefCell::new(None),
            said: RefCell::new(String::new()),
        }
    }

    /// What has to be watched to learn that the modem may be there again.
    pub fn watch(&self, config: &Config) -> LineWatch {
        let dev = &self.roots.dev;
        match &config.device {
            Device::Tty(path) => LineWatch::new(Some(path), dev, &self.lock_dir),
            Device::Model(name) => LineWatch::new(Some(&dev.join(name)), dev, &self.lock_dir),
            Device::Auto => LineWatch::new(None, dev, &self.lock_dir),
        }
    }

    /// Looks for the modem of `config`. `last` is the identity of the one that was used before.
    ///
    /// # Errors
    /// [`LineProblem::NotFound`] with what is there instead, or [`LineProblem::Locked`] if all that could be it is held
    /// by others. A named tty is not opened here, so that it is absent shows only then.
    pub async fn locate(
        &self,
        config: &Config,
        profiles: &Profiles,
        last: Option<&ModemIdentity>,
    ) -> Result<Located, LineProblem> {
        let chosen = config.profile.as_deref().and_then(|n| profiles.get(n));
        let located = match &config.device {
            Device::Auto => self.search(config, profiles, Wanted::Auto, last).await?,
            Device::Tty(path) => match self.model_of_missing(path, profiles) {
                Some(model) => {
                    self.search(config, profiles, Wanted::Model(&model), last)
                        .await?
                }
                None => self.named(path, profiles, last).await,
            },
            Device::Model(name) => {
                let link = self.roots.dev.join(name);
                match profiles.get(name) {
                    // The link that udev makes for it.
                    Some(profile) if profile.name != *name && link.exists() => {
                        self.named(&link, profiles, last).await
                    }
                    Some(profile) => {
                        self.search(config, profiles, Wanted::Model(&profile), last)
                            .await?
                    }
                    None => {
                        return Err(LineProblem::NotFound {
                            wanted: format!("a modem {name}"),
                            seen: None,
                        });
                    }
                }
            }
        };
        Ok(Located {
            profile: chosen.or(located.profile),
            ..located
        })
    }

    /// The model that a path stands for where the path itself is not there: `/dev/ttyLISA0`.
    fn model_of_missing(&self, path: &Path, profiles: &Profiles) -> Option<Arc<Profile>> {
        if path.exists() || path.parent() != Some(&self.roots.dev) {
            return None;
        }
        let name = path.file_name()?.to_str()?;
        profiles
            .get(name)
            .filter(|profile| profile.aliases.iter().any(|alias| alias == name))
    }

    /// The kernel's name if the path is one: `ttyUSB0`.
    fn kernel_name<'a>(&self, path: &'a Path) -> Option<&'a str> {
        let name = path.file_name()?.to_str()?;
        let number = ["ttyUSB", "ttyACM", "ttyHS"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (path.parent() == Some(&self.roots.dev) && is_number).then_some(name)
    }

    /// The tty that the user has named.
    async fn named(
        &self,
        path: &Path,
        profiles: &Profiles,
        last: Option<&ModemIdentity>,
    ) -> Located {
        let seen = sysfs::look(&self.roots.sys).await;
        let tty = match self.kernel_name(path) {
            Some(name) => find_tty(name, &seen, last),
            // A link: what it leads to now, and nothing else.
            None => path
                .canonicalize()
                .ok()
                .filter(|real| real.parent() == Some(&self.roots.dev))
                .and_then(|real| find_tty(real.file_name()?.to_str()?, &seen, None)),
        };
        let Some(port) = tty.and_then(|tty| tty.usb.as_ref()) else {
            return Located {
                dial: path.to_owned(),
                at: Vec::new(),
                profile: None,
                identity: None,
            };
        };
        let identity = ModemIdentity::of(port);
        let dial = match (self.kernel_name(path), tty) {
            (Some(name), Some(tty)) if tty.name != name => {
                let dial = self.roots.dev.join(&tty.name);
                self.say(&format!(
                    "{} is {} now: the same modem, {identity}",
                    path.display(),
                    dial.display()
                ));
                dial
            }
            (_, _) => path.to_owned(),
        };
        let profile = only(profiles.by_usb(port.vendor, port.product));
        let at_ports = profile.as_ref().map(|profile| profile.ports.at.as_slice());
        let at = seen
            .ttys
            .iter()
            .filter(|other| {
                other.usb.as_ref().is_some_and(|other| {
                    other.path == port.path
                        && other.interface != port.interface
                        && at_ports.unwrap_or_default().contains(&other.interface)
                })
            })
            .map(|tty| self.roots.dev.join(&tty.name))
            .collect();
        Located {
            dial,
            at,
            profile,
            identity: Some(identity),
        }
    }

    /// A modem that nobody has named.
    async fn search(
        &self,
        config: &Config,
        profiles: &Profiles,
        wanted: Wanted<'_>,
        last: Option<&ModemIdentity>,
    ) -> Result<Located, LineProblem> {
        let (seen, found) = self.settled(profiles, wanted, last).await;
        let count = found.candidates.len();
        let mut hint = found.hint;
        let mut locked = None;
        let mut silent = None;
        for (candidate, choice) in self.in_order(found.candidates) {
            let located = match &candidate.dial {
                Dial::Port(tty) => Some(self.located(&candidate, tty, &candidate.at, &seen)),
                Dial::Ask(ttys) => {
                    let answers = self.ask_all(config, ttys, &mut locked).await;
                    let mut answering = answers.into_iter();
                    answering.next().map(|dial| {
                        let at: Vec<TtyDevice> = answering.collect();
                        self.remember(&dial, &at);
                        self.located(&candidate, &dial, &at, &seen)
                    })
                }
                Dial::Missing { interface } => {
                    hint = Some(format!("{candidate}, without its port {interface}"));
                    continue;
                }
            };
            match located {
                Some(located) => {
                    let choice = if count > 1 { choice } else { "the only one" };
                    let dial = located.dial.display();
                    self.say(&format!(
                        "The modem is {candidate}, {choice}; it dials on {dial}"
                    ));
                    return Ok(located);
                }
                None if candidate.is_modem => {
                    silent = silent.or(Some(candidate));
                }
                None => hint = Some(format!("{candidate}, which does not answer AT")),
            }
        }
        if let Some(problem) = locked {
            return Err(problem);
        }
        if let Some(candidate) = silent
            && let Dial::Ask(ttys) = &candidate.dial
            && let Some(tty) = ttys.first()
        {
            let located = self.located(&candidate, tty, &[], &seen);
            self.say(&format!(
                "The modem is {candidate}, which answers on no port; {} is tried all the same",
                located.dial.display()
            ));
            return Ok(located);
        }
        let wanted = match wanted {
            Wanted::Auto => "a modem".to_owned(),
            Wanted::Model(profile) => format!("a modem {}", profile.name),
        };
        self.said.borrow_mut().clear();
        Err(LineProblem::NotFound { wanted, seen: hint })
    }

    /// What there is, once it does not change any more.
    async fn settled(
        &self,
        profiles: &Profiles,
        wanted: Wanted<'_>,
        last: Option<&ModemIdentity>,
    ) -> (Snapshot, Found) {
        let asked = self.asked.borrow().clone();
        let last = last.or_else(|| asked.as_ref().map(|asked| &asked.dial));
        let mut seen = sysfs::look(&self.roots.sys).await;
        let mut stable = false;
        for _ in 0..SETTLE_LOOKS {
            let found = find(wanted, profiles, &seen, last);
            let waits = found
                .candidates
                .iter()
                .any(|candidate| match candidate.dial {
                    Dial::Port(_) => false,
                    Dial::Ask(_) => !stable,
                    Dial::Missing { .. } => true,
                });
            if !waits {
                return (seen, found);
            }
            tokio::time::sleep(SETTLE).await;
            let again = sysfs::look(&self.roots.sys).await;
            stable = again == seen;
            seen = again;
        }
        let found = find(wanted, profiles, &seen, last);
        (seen, found)
    }

    /// The last modem first, then those that nobody holds; with the reason. The last one is not waited for if another
    /// instance of this program has it: that one had found nothing else while its own was away, and does not give it back.
    fn in_order(&self, candidates: Vec<Candidate>) -> Vec<(Candidate, &'static str)> {
        let holder = |candidate: &Candidate| match &candidate.dial {
            Dial::Port(tty) => holder(&self.roots.dev.join(&tty.name), &self.lock_dir),
            Dial::Ask(_) | Dial::Missing { .. } => Holder::Nobody,
        };
        let mut ordered: Vec<(Candidate, Holder)> = candidates
            .into_iter()
            .map(|candidate| {
                let holder = holder(&candidate);
                (candidate, holder)
            })
            .collect();
        let any_held = ordered.iter().any(|(_, holder)| *holder != Holder::Nobody);
        ordered.sort_by_key(|(candidate, holder)| {
            let is_held = *holder != Holder::Nobody;
            let is_kept = *holder == Holder::Instance;
            (is_kept, !candidate.was_last, is_held)
        });
        ordered
            .into_iter()
            .map(|(candidate, holder)| {
                let why = match (candidate.was_last, holder, any_held) {
                    (true, _, _) => "the one used before",
                    (false, Holder::Other | Holder::Instance, _) => {
                        "although another program holds it, as all others"
                    }
                    (false, Holder::Nobody, true) => "the first one that no other program holds",
                    (false, Holder::Nobody, false) => "the first one by kind and USB path",
                };
                (candidate, why)
            })
            .collect()
    }

    /// Those of `ttys` on which a modem answers, in order. A tty that is held by others is noted in `locked`.
    async fn ask_all(
        &self,
        config: &Config,
        ttys: &[TtyDevice],
        locked: &mut Option<LineProblem>,
    ) -> Vec<TtyDevice> {
        let settings = PortSettings {
            speed: config.speed,
            // A device that never raises CTS could not even be asked.
            rtscts: false,
            modem_lines: config.modem_lines,
        };
        let answers = all(ttys.iter().map(|tty| self.ask(&settings, tty))).await;
        let mut answering = Vec::new();
        for (tty, answer) in ttys.iter().zip(answers) {
            match answer {
                Ok(Some(answer)) if answer.is_modem() => answering.push(tty.clone()),
                Ok(Some(_) | None) => {}
                Err(problem @ LineProblem::Locked { .. }) => {
                    if locked.is_none() {
                        *locked = Some(problem);
                    }
                }
                Err(problem) => emit(&LogLine::uplinkd(Level::Debug, format!("{problem}"))),
            }
        }
        answering
    }

    async fn ask(
        &self,
        settings: &PortSettings,
        tty: &TtyDevice,
    ) -> Result<Option<Answer>, LineProblem> {
        let path = self.roots.dev.join(&tty.name);
        emit(&LogLine::uplinkd(
            Level::Debug,
            format!("asking {} whether a modem is there", path.display()),
        ));
        let port = Port::open(&path, settings, &self.lock_dir)?;
        Ok(ask(&port, ProbePlan::presence(), &self.clock).await)
    }

    fn remember(&self, dial: &TtyDevice, at: &[TtyDevice]) {
        *self.asked.borrow_mut() = Candidate::identity(dial).map(|dial| Asked {
            dial,
            at: at.iter().filter_map(Candidate::identity).collect(),
        });
    }

    fn located(
        &self,
        candidate: &Candidate,
        dial: &TtyDevice,
        at: &[TtyDevice],
        seen: &Snapshot,
    ) -> Located {
        let identity = Candidate::identity(dial);
        let mut names: Vec<&str> = at.iter().map(|tty| tty.name.as_str()).collect();
        let asked = self.asked.borrow();
        // Found out when its ports were asked.
        if names.is_empty()
            && let (Some(asked), Some(identity)) = (asked.as_ref(), &identity)
            && asked.dial.path == identity.path
            && asked.dial.interface == identity.interface
        {
            let ports = asked.at.iter().filter_map(|at| at.tty(seen));
            names.extend(ports.map(|tty| tty.name.as_str()));
        }
        Located {
            dial: self.roots.dev.join(&dial.name),
            at: names.iter().map(|name| self.roots.dev.join(name)).collect(),
            profile: candidate.profile.clone(),
            identity,
        }
    }

    /// Says where the modem is, unless that was the last thing said about it.
    fn say(&self, text: &str) {
        if *self.said.borrow() == text {
            return;
        }
        emit(&LogLine::uplinkd(Level::Notice, format!("{text}.")));
        text.clone_into(&mut self.said.borrow_mut());
    }
}

/// The only one.
fn only<T>(list: Vec<T>) -> Option<T> {
    let mut list = list.into_iter();
    let first = list.next()?;
    list.next().is_none().then_some(first)
}

#[cfg(test)]
pub(in crate::daemon) mod tests;

//! Where the modem is now: [`find`] and [`find_tty`] as the daemon uses them. Ports that would have to be asked are not:
//! the one that dials is known here.

use std::path::Path;
use std::sync::Arc;

use super::shell::Shell;
use crate::config::{Config, Device};
use crate::link::LineProblem;
use crate::modem::usb::{Candidate, Dial, ModemIdentity, TtyDevice, Wanted, find, find_tty};
use crate::modem::{Profile, Profiles};

/// A modem that was found.
pub(super) struct Located {
    pub(super) slot: usize,
    pub(super) tty: TtyDevice,
    pub(super) profile: Option<Arc<Profile>>,
}

pub(super) fn locate(
    config: &Config,
    profiles: &Profiles,
    shell: &Shell<'_>,
    last: Option<&ModemIdentity>,
) -> Result<Located, LineProblem> {
    let found = match &config.device {
        Device::Auto => search(profiles, shell, Wanted::Auto, last),
        Device::Model(name) => match profiles.get(name) {
            Some(profile) => search(profiles, shell, Wanted::Model(&profile), last),
            None => not_found(None),
        },
        Device::Tty(path) => named(profiles, shell, path, last),
    }?;
    let (tty, profile) = found;
    let Some(slot) = shell.slot_of(&tty.name) else {
        return Err(LineProblem::Absent {
            path: Path::new("/dev").join(&tty.name),
        });
    };
    Ok(Located { slot, tty, profile })
}

type Found = (TtyDevice, Option<Arc<Profile>>);

fn search(
    profiles: &Profiles,
    shell: &Shell<'_>,
    wanted: Wanted<'_>,
    last: Option<&ModemIdentity>,
) -> Result<Found, LineProblem> {
    let found = find(wanted, profiles, &shell.snapshot(), last);
    let dials = |tty: &&TtyDevice| {
        let slot = shell.slot_of(&tty.name).and_then(|at| shell.slots.get(at));
        slot.and_then(|slot| slot.personality.usb())
            .is_some_and(|usb| {
                tty.usb
                    .as_ref()
                    .is_some_and(|port| port.interface == usb.dial)
            })
    };
    let choose = |candidate: &Candidate| {
        let tty = match &candidate.dial {
            Dial::Port(tty) => tty,
            Dial::Ask(ttys) => ttys.iter().find(dials)?,
            Dial::Missing { .. } => return None,
        };
        Some((tty.clone(), candidate.profile.clone()))
    };
    match found.candidates.iter().find_map(choose) {
        Some(found) => Ok(found),
        None => not_found(found.hint),
    }
}

fn named(
    profiles: &Profiles,
    shell: &Shell<'_>,
    path: &Path,
    last: Option<&ModemIdentity>,
) -> Result<Found, LineProblem> {
    let seen = shell.snapshot();
    let name = path.file_name().and_then(|name| name.to_str());
    let tty = name.and_then(|name| find_tty(name, &seen, last));
    let Some(tty) = tty else {
        return Err(LineProblem::Absent {
            path: path.to_owned(),
        });
    };
    let known = tty
        .usb
        .as_ref()
        .map(|port| profiles.by_usb(port.vendor, port.product));
    let only = match known.as_deref() {
        Some([profile]) => Some(Arc::clone(profile)),
        Some(_) | None => None,
    };
    Ok((tty.clone(), only))
}

fn not_found<T>(seen: Option<String>) -> Result<T, LineProblem> {
    Err(LineProblem::NotFound {
        wanted: "a modem".to_owned(),
        seen,
    })
}

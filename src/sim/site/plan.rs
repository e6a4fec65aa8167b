//! What goes wrong at a site, and when: a fault plan, made from a seed.

use std::time::Duration;

use super::kinds::{Class, Effect, KINDS, Kind, Needs};
use crate::random::Random;
use crate::time::Instant;

/// One trouble of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Episode {
    /// What.
    pub kind: &'static Kind,
    /// Only the modem that the gateway uses when it begins has it; else all have.
    pub one: bool,
    /// It begins.
    pub from: Instant,
    /// It is over.
    pub until: Instant,
}

/// What a site has, and so which kinds make sense there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fits {
    /// The modem is on the USB.
    pub usb: bool,
    /// A failure leads to a reset.
    pub resets: bool,
    /// The monitor pings.
    pub monitor: bool,
    /// The daemon may be killed: what it does not store it need not know.
    pub kill: bool,
}

impl Fits {
    fn fits(self, kind: &Kind) -> bool {
        match kind.needs {
            Needs::Nothing => true,
            Needs::Usb => self.usb,
            Needs::Reset => self.resets && self.usb,
            Needs::Monitor => self.monitor,
            Needs::Kill => self.kill,
        }
    }
}

/// A time of trouble: from one kind alone to several at once, each for seconds to hours, with quiet times between in
/// which the link must come back.
pub fn plan(random: &mut Random, week: Duration, fits: Fits) -> Vec<Episode> {
    let kinds: Vec<&'static Kind> = KINDS.iter().filter(|kind| fits.fits(kind)).collect();
    let mut episodes = Vec::new();
    let mut at = Instant::ZERO + minutes(random, 1, 60);
    let end = Instant::ZERO + week;
    // One kind in a third of the plans, so that each is met alone as well.
    let only = if random.below(3) == 0 {
        pick(random, &kinds)
    } else {
        None
    };
    while at < end {
        let together = if only.is_some() {
            1
        } else {
            1 + random.below(3)
        };
        let mut latest = at;
        let mut round: Vec<Episode> = Vec::new();
        for _ in 0..together {
            let Some(kind) = only.or_else(|| pick(random, &kinds)) else {
                break;
            };
            let from = at + seconds(random, 0, 300);
            let until = from + duration(random, kind);
            // A modem that hangs until its reset must be the one that is reset.
            let one = random.below(3) == 0 || kind.until_reset;
            if round.iter().any(|other| is_in_the_way(other.kind, kind)) {
                continue;
            }
            latest = latest.max(until);
            round.push(Episode {
                kind,
                one,
                from,
                until,
            });
        }
        episodes.append(&mut round);
        // Long enough for the slowest recovery, with room for hours of a good link.
        at = latest + minutes(random, 120, 120 + 12 * 60);
    }
    episodes
}

/// One trouble alone, again and again.
pub fn only(kind: &'static Kind, times: u32, lasting: Duration, every: Duration) -> Vec<Episode> {
    let begin = |number: u32| Instant::ZERO + every * (number + 1);
    (0..times)
        .map(|number| Episode {
            kind,
            one: false,
            from: begin(number),
            until: begin(number) + lasting.min(kind.longest),
        })
        .collect()
}

/// Two troubles that cannot be had at once: there is one slot for a SIM, and one user.
fn is_in_the_way(one: &Kind, other: &Kind) -> bool {
    let same = std::ptr::eq(one, other);
    let cards = matches!(
        (one.effect, other.effect),
        (Effect::Card(_), Effect::Card(_))
    );
    let users = matches!(
        (one.effect, other.effect),
        (Effect::User(_), Effect::User(_))
    );
    same || cards || users
}

fn duration(random: &mut Random, kind: &Kind) -> Duration {
    if kind.longest.is_zero() {
        return Duration::ZERO;
    }
    // As often short as long.
    let longest = kind.longest.as_secs().max(1);
    let longest = if random.below(2) == 0 {
        longest.min(120)
    } else {
        longest
    };
    Duration::from_secs(1 + random.below(longest))
}

fn pick(random: &mut Random, kinds: &[&'static Kind]) -> Option<&'static Kind> {
    let at = usize::try_from(random.below(kinds.len() as u64)).ok()?;
    kinds.get(at).copied()
}

fn minutes(random: &mut Random, least: u64, most: u64) -> Duration {
    Duration::from_secs(60 * (least + random.below(most - least)))
}

fn seconds(random: &mut Random, least: u64, most: u64) -> Duration {
    Duration::from_secs(least + random.below(most - least))
}

/// Whether any of these may lead to a reset.
pub(super) fn any_mendable(classes: impl IntoIterator<Item = Class>) -> bool {
    classes.into_iter().any(|class| class == Class::Network)
}

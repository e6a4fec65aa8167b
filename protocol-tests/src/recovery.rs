//! Runs the weeks of simulated sites (`uplinkd::sim::site`) on all cores.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uplinkd::sim::site::{Site, recipe};
use uplinkd::time::Instant;

use crate::heap;

/// Live heap that a link may have. The simulated modems and the ISP are in it too, so the gateway has less.
pub const MAX_HEAP: u64 = 4 << 20;

/// What became of one week.
#[derive(Clone, Debug, Default)]
pub struct Week {
    /// The seed.
    pub seed: u64,
    /// What must not happen and did, with the command that repeats it.
    pub failure: Option<String>,
    /// Attempts.
    pub attempts: u64,
    /// Links.
    pub links: u64,
    /// Resets of a modem.
    pub resets: u64,
    /// Times that the link came back after all trouble.
    pub recoveries: u64,
    /// Longest time that this took.
    pub longest_recovery: Duration,
    /// The longest as a share of what was allowed then.
    pub closest: f64,
    /// Kinds of trouble.
    pub troubles: BTreeSet<&'static str>,
    /// Most live heap, in bytes; 0 without the counting allocator.
    pub heap: u64,
    /// Steps of the simulation.
    pub steps: u64,
}

/// Many weeks.
#[derive(Clone, Debug, Default)]
pub struct Weeks {
    /// How many.
    pub count: u64,
    /// The failures.
    pub failures: Vec<String>,
    /// Sums and largest values of all.
    pub all: Week,
}

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Makes a panic name its seed: with `panic = "abort"` nobody else can.
pub fn name_seeds_of_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Some(seed) = SEED.get() {
            eprintln!("{}", again(seed, &"a panic"));
        }
        before(info);
    }));
}

/// One week.
pub fn week(seed: u64) -> Week {
    SEED.set(Some(seed));
    let (mut week, heap) = heap::peak(|| {
        let recipe = recipe(seed);
        let mut site = Site::new(recipe.site);
        let result = site.run(Instant::ZERO + recipe.time);
        let ledger = site.ledger();
        Week {
            seed,
            failure: result.err().map(|violation| again(seed, &violation)),
            attempts: ledger.attempts.into(),
            links: ledger.links.into(),
            resets: ledger.resets.into(),
            recoveries: ledger.recoveries.into(),
            longest_recovery: ledger.longest_recovery,
            closest: ledger.closest,
            troubles: ledger.troubles.clone(),
            heap: 0,
            steps: site.total_steps(),
        }
    });
    SEED.set(None);
    week.heap = heap;
    if heap > MAX_HEAP && week.failure.is_none() {
        week.failure = Some(again(seed, &format!("{heap} bytes of live heap")));
    }
    week
}

/// The weeks of `count` seeds from `first` on, on all cores; `tell` hears of each.
pub fn weeks(first: u64, count: u64, tell: impl Fn(&Week) + Sync) -> Weeks {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(first);
    let weeks = Mutex::new(Weeks::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let week = week(seed);
                    tell(&week);
                    weeks.lock().unwrap().add(&week);
                }
            });
        }
    });
    weeks.into_inner().unwrap()
}

impl Weeks {
    fn add(&mut self, week: &Week) {
        self.count += 1;
        self.failures.extend(week.failure.clone());
        let all = &mut self.all;
        all.attempts += week.attempts;
        all.links += week.links;
        all.resets += week.resets;
        all.recoveries += week.recoveries;
        all.steps += week.steps;
        all.longest_recovery = all.longest_recovery.max(week.longest_recovery);
        all.closest = all.closest.max(week.closest);
        all.heap = all.heap.max(week.heap);
        all.troubles.extend(&week.troubles);
    }
}

impl fmt::Display for Weeks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = &self.all;
        write!(
            f,
            "{} weeks: {} kinds of trouble, {} attempts, {} links, {} resets; back after all trouble {} times, \
             after {} s at the latest, {:.0} % of what is allowed at most; {} KiB of heap at most; {} failed",
            self.count,
            all.troubles.len(),
            all.attempts,
            all.links,
            all.resets,
            all.recoveries,
            all.longest_recovery.as_secs(),
            100.0 * all.closest,
            all.heap >> 10,
            self.failures.len()
        )
    }
}

fn again(seed: u64, what: &dyn fmt::Display) -> String {
    format!(
        "seed {seed}: {what}; again: cargo run --release -p protocol-tests --example recovery -- --seed {seed} --verbose"
    )
}

//! The proof of recovery: a simulated week of faults for each of many seeds, in virtual time.
//!
//! ```text
//! cargo run --release -p protocol-tests --example recovery -- --seeds 10000
//! cargo run --release -p protocol-tests --example recovery -- --seed 4711 --verbose
//! cargo run --release -p protocol-tests --example recovery -- --kinds
//! ```
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a program for developers"
)]

use std::time::Duration;

use protocol_tests::clock::now;
use protocol_tests::heap::CountingHeap;
use protocol_tests::recovery::{name_seeds_of_panics, weeks};
use uplinkd::sim::site::kinds::{KINDS, Sign};
use uplinkd::sim::site::{Site, plain, recipe};
use uplinkd::time::Instant;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut first, mut count, mut verbose) = (0_u64, 100_u64, false);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            arguments
                .next()
                .and_then(|n| n.parse().ok())
                .expect("a number")
        };
        match argument.as_str() {
            "--seeds" => count = number(),
            "--from" => first = number(),
            "--seed" => (first, count) = (number(), 1),
            "--verbose" => verbose = true,
            "--kinds" => return kinds(),
            _ => panic!("[--from SEED] --seeds N | --seed N [--verbose] | --kinds"),
        }
    }
    if verbose {
        return show(first);
    }
    name_seeds_of_panics();
    let begun = now();
    let weeks = weeks(first, count, |week| {
        if let Some(failure) = &week.failure {
            println!("{failure}");
        }
    });
    println!("{weeks}");
    println!(
        "{:.0} s, {} steps",
        (now() - begun).as_secs_f64(),
        weeks.all.steps
    );
    if !weeks.failures.is_empty() {
        std::process::exit(1);
    }
}

/// One week with the end of its log.
fn show(seed: u64) {
    let recipe = recipe(seed);
    let mut site = Site::new(recipe.site);
    site.keep_log();
    let result = site.run(Instant::ZERO + recipe.time);
    for line in site.ledger().log_tail() {
        println!("{line}");
    }
    if let Err(violation) = result {
        println!("{violation}");
        std::process::exit(1);
    }
}

/// Each kind of trouble alone.
fn kinds() {
    for kind in &KINDS {
        let mut site = Site::new(plain(kind, 1));
        if let Sign::Log(words) = &kind.sign {
            site.listen_for(words);
        }
        let result = site.run(Instant::ZERO + Duration::from_secs(20 * 3600));
        let ledger = site.ledger();
        let shown = if site.has_shown(&kind.sign) {
            ""
        } else {
            "NOT SEEN: "
        };
        println!(
            "{shown}{}: {} attempts, {} links, {} resets, back {} times after {} s at most",
            kind.name,
            ledger.attempts,
            ledger.links,
            ledger.resets,
            ledger.recoveries,
            ledger.longest_recovery.as_secs(),
        );
        if let Err(violation) = result {
            println!("  {violation}");
        }
    }
}

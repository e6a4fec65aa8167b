//! The proof of recovery, its quick part: a simulated week of faults for each of 500 seeds. Ten thousand are run by the
//! example of the same name.
#![allow(clippy::panic, clippy::unwrap_used, reason = "test code")]

use protocol_tests::heap::CountingHeap;
use protocol_tests::recovery::{MAX_HEAP, name_seeds_of_panics, weeks};
use uplinkd::sim::site::kinds::KINDS;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

#[test]
#[ignore = "takes ten minutes unoptimised: scripts/test runs it with --profile weeks"]
fn the_link_comes_back_in_500_weeks_of_trouble() {
    name_seeds_of_panics();
    let weeks = weeks(0, 500, |_| {});
    println!("{weeks}");
    assert!(weeks.failures.is_empty(), "{:#?}", weeks.failures);
    // What has been looked at.
    let all = &weeks.all;
    assert_eq!((weeks.count, all.troubles.len()), (500, KINDS.len()));
    assert!(all.recoveries > 5000, "{weeks}");
    // The allocator counts: a site is no smaller than this.
    assert!((100_000..=MAX_HEAP).contains(&all.heap), "{weeks}");
}

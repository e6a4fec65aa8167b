//! An allocator that counts the live heap of each thread. A program that wants it says
//! `#[global_allocator] static HEAP: CountingHeap = CountingHeap;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Live bytes of this thread, and the most that there were.
    static LIVE: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, with a count for each thread. What one thread frees of another's is counted where it is freed.
pub struct CountingHeap;

fn count(bytes: i64) {
    // A thread that is ending has no counter any more.
    let _ = LIVE.try_with(|live| {
        let (now, most) = live.get();
        let now = now + bytes;
        live.set((now, most.max(now)));
    });
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

// SAFETY: every call goes to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(signed(layout.size()));
        // SAFETY: the caller's promise for `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-signed(layout.size()));
        // SAFETY: `pointer` came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work`: its result, and the most live bytes that this thread had above those before.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let (before, _) = LIVE.get();
    LIVE.set((before, before));
    let result = work();
    let (_, most) = LIVE.get();
    (result, u64::try_from(most - before).unwrap_or(0))
}

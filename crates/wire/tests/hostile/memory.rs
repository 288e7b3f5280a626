//! Counts what each thread of this test program has allocated, so that a test can say how much its input may cost.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static ALL: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count(change: isize) {
    // A thread that ends frees after its counters are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
    if change > 0 {
        let _ = ALL.try_with(|all| all.set(all.get() + change.unsigned_abs()));
    }
}

// SAFETY: every call is passed on to the system's allocator as it came; only numbers are kept beside.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new are there together while one is copied to the other.
        count(size.cast_signed());
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static MEMORY: Counting = Counting;

/// What a piece of work took from the allocator, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The most at a time, beyond what was held before.
    pub peak: usize,
    /// All together: what bounds the work, as nothing here computes long without allocating.
    pub all: usize,
}

/// Does the work, and says what it took.
pub fn cost<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (held, all) = (HELD.get(), ALL.get());
    PEAK.set(held);
    let done = work();
    let peak = (PEAK.get() - held).max(0).unsigned_abs();
    (done, Cost { peak, all: ALL.get() - all })
}

/// Does the work; it may hold `factor` bytes for each byte of its input and `base` bytes beyond.
pub fn within<T>(len: usize, factor: usize, base: usize, work: impl FnOnce() -> T) -> T {
    let (done, cost) = cost(work);
    let most = len * factor + base;
    assert!(cost.peak <= most, "{} bytes of memory for {len} bytes of input, {most} are allowed", cost.peak);
    done
}

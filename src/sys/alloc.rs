//! The allocator of a process of felix: the system's, behind a gate that a fork past the C library can close.
//!
//! fork(3) takes the allocator's locks, so that its child finds them free. clone(2) with namespaces or other flags is made
//! without the C library, which knows no such fork: a lock that another thread holds at that moment would stay locked in the
//! child for ever. So that no thread is inside then, each counts itself in and out.
//!
//! Knows nothing of felix's own locks: they are the caller's of the fork.
//!
//! Invariants: while the gate is closed, no other thread of this process is in the C library's allocator or makes a thread;
//! who has closed it may do both. A process of one thread counts nothing.

use super::Errno;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::yield_now;
use std::time::{Duration, Instant};

/// The system's allocator behind the gate.
struct Gated;

#[global_allocator]
static ALLOCATOR: Gated = Gated;

/// True once other threads may use this memory.
static SHARED: AtomicBool = AtomicBool::new(false);
static CLOSED: AtomicBool = AtomicBool::new(false);

/// The number of threads inside, in counters that threads rarely share.
static INSIDE: [Counter; 16] = [const { Counter(AtomicUsize::new(0)) }; 16];
static NEXT: AtomicUsize = AtomicUsize::new(0);

#[repr(align(64))]
struct Counter(AtomicUsize);

/// A child of vfork(2) that was killed inside is never counted out.
const PATIENCE: Duration = Duration::from_secs(1);

/// What this thread counts itself in, and how often it is inside: only the first counts.
#[derive(Clone, Copy)]
struct Seat {
    counter: Option<usize>,
    depth: usize,
}

thread_local! {
    static SEAT: Cell<Seat> = const { Cell::new(Seat { counter: None, depth: 0 }) };
}

fn deepen() -> Seat {
    SEAT.with(|s| {
        let mut seat = s.get();
        seat.depth += 1;
        s.set(seat);
        seat
    })
}

fn rise() -> Seat {
    SEAT.with(|s| {
        let mut seat = s.get();
        seat.depth -= 1;
        s.set(seat);
        seat
    })
}

fn counter() -> usize {
    SEAT.with(|s| {
        let mut seat = s.get();
        let n = seat
            .counter
            .unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed) % INSIDE.len());
        seat.counter = Some(n);
        s.set(seat);
        n
    })
}

/// Counts this thread in until it is dropped; waits while the gate is closed.
struct Inside(bool);

impl Inside {
    #[inline]
    fn now() -> Self {
        // Alone, nobody can close the gate while this thread is inside; the flag is set by a thread that is not.
        let shared = SHARED.load(Ordering::Relaxed);
        if shared {
            Self::enter();
        }
        Self(shared)
    }

    fn enter() {
        if deepen().depth > 1 {
            return;
        }
        let inside = &INSIDE[counter()].0;
        loop {
            inside.fetch_add(1, Ordering::SeqCst);
            if !CLOSED.load(Ordering::SeqCst) {
                return;
            }
            inside.fetch_sub(1, Ordering::SeqCst);
            while CLOSED.load(Ordering::Relaxed) {
                yield_now();
            }
        }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        if self.0 && rise().depth == 0 {
            INSIDE[counter()].0.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Gated {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _inside = Inside::now();
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let _inside = Inside::now();
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _inside = Inside::now();
        // SAFETY: the caller's.
        unsafe { System.realloc(ptr, layout, size) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let _inside = Inside::now();
        // SAFETY: the caller's.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// Makes a thread, by `make`: the C library allocates for it.
pub fn shared<T>(make: impl FnOnce() -> T) -> T {
    SHARED.store(true, Ordering::SeqCst);
    let _inside = Inside::now();
    make()
}

/// Makes a copy of this process, by `clone`, which says 0 in the child: no other thread is inside meanwhile.
pub fn forked(clone: impl FnOnce() -> Result<u64, Errno>) -> Result<u64, Errno> {
    if !SHARED.load(Ordering::Relaxed) {
        return clone();
    }
    while CLOSED.swap(true, Ordering::SeqCst) {
        yield_now();
    }
    deepen();
    let began = Instant::now();
    for counter in &INSIDE {
        while counter.0.load(Ordering::SeqCst) != 0 && began.elapsed() < PATIENCE {
            yield_now();
        }
    }
    let pid = clone();
    rise();
    CLOSED.store(false, Ordering::SeqCst);
    if pid == Ok(0) {
        only_thread();
    }
    pid
}

/// In the child of a fork: those who were inside are not here.
pub fn only_thread() {
    for counter in &INSIDE {
        counter.0.store(0, Ordering::Relaxed);
    }
    CLOSED.store(false, Ordering::Relaxed);
    SHARED.store(false, Ordering::SeqCst);
}

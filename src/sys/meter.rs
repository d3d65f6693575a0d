//! How many instructions this process executes, asked of the kernel, and marks for those who count from
//! outside.

use super::{cast, host, raw};
use std::os::fd::{AsRawFd, OwnedFd};

/// Counts the instructions this process executes in user mode, where the kernel lets it (perf_event_open(2)).
/// Not by `rdinstret`: Linux may refuse it with SIGILL, and qemu answers with its own clock.
#[derive(Debug)]
pub struct Meter(Option<OwnedFd>);

impl Meter {
    /// Counts from now on, in this thread and those it makes.
    #[must_use]
    pub fn new() -> Meter {
        // perf_event_attr: type 0 is PERF_TYPE_HARDWARE, then the size, and the event
        // PERF_COUNT_HW_INSTRUCTIONS. In the flags: inherit, exclude_kernel, exclude_hv.
        let attr: [u64; 8] = [64 << 32, 1, 0, 0, 0, 1 << 1 | 1 << 5 | 1 << 6, 0, 0];
        let anywhere = cast::reg(-1);
        let args = [host::address_of(&attr), 0, anywhere, anywhere, 8, 0];
        let fd = raw::syscall(libc::SYS_perf_event_open, args).map(host::owned);
        // Out of the way of the guest's.
        Meter(fd.and_then(|fd| host::dup_high(fd.as_raw_fd(), 900)).ok())
    }

    /// The instructions so far, if the kernel counts them.
    #[must_use]
    pub fn read(&self) -> Option<u64> {
        let mut count = 0u64;
        let fd = cast::reg(self.0.as_ref()?.as_raw_fd());
        let to = host::address_of_mut(&mut count);
        (raw::syscall(libc::SYS_read, [fd, to, 8, 0, 0, 0]) == Ok(8)).then_some(count)
    }
}

impl Default for Meter {
    fn default() -> Meter {
        Meter::new()
    }
}

/// What a thread works at, for those who count from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Translating a region.
    Region,
    /// Making code instruction by instruction.
    Unit,
}

/// Marks the beginning or the end of `work` for whoever watches the CPU (riscv-qemu/count.c): an
/// instruction without effect, of those the manual leaves to such uses (`slti zero`).
#[inline]
pub fn mark(work: Work, begin: bool) {
    #[cfg(target_arch = "riscv64")]
    // SAFETY: no effect at all.
    unsafe {
        match (work, begin) {
            (Work::Region, true) => std::arch::asm!("slti zero, zero, 0x71"),
            (Work::Region, false) => std::arch::asm!("slti zero, zero, 0x72"),
            (Work::Unit, true) => std::arch::asm!("slti zero, zero, 0x73"),
            (Work::Unit, false) => std::arch::asm!("slti zero, zero, 0x74"),
        }
    }
    #[cfg(not(target_arch = "riscv64"))]
    let _ = (work, begin);
}

//! Engines: what runs guest code from one event to the next.
//!
//! An engine knows nothing of any operating system: it returns an `Exit`, and `run` carries it to
//! the personality.

pub mod cold;
pub mod interp;
pub mod jit;
pub mod sequence;
mod step;

use crate::lift::Fetch;
use crate::sys::guest;
use crate::x86::{CpuState, Fault, GuestAddr, MemFault};
use std::io;

/// Why an engine stopped. The register file is exact and complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// SYSCALL executed: RCX and R11 are set as the CPU sets them, RIP is the next instruction.
    Syscall,
    /// The guest faulted; RIP is as the manual says for that fault.
    Fault(Fault),
    /// `CpuState::poll` was set, seen at a safepoint; RIP is the next instruction to execute.
    Interrupted,
}

/// Runs guest code of one thread. One engine value a guest thread; what they share is inside.
pub trait Engine {
    /// Runs from `cpu.rip` until something happens that the engine does not handle itself.
    fn run(&mut self, cpu: &mut CpuState) -> Exit;

    /// The guest's mapping of `[start, start + len)` changed (unmapped, replaced, protection changed):
    /// code translated from there must not run again. Also called by other threads' system calls, so
    /// the effect covers all engines of the process.
    fn invalidate(&mut self, start: GuestAddr, len: u64);

    /// An engine for a new thread of the same process (it shares translated code where it can).
    ///
    /// # Errors
    /// If the host gives no memory for it.
    fn for_thread(&self) -> io::Result<Box<dyn Engine + Send>>;

    /// Called in the child of a host fork, before anything runs there.
    fn after_fork(&mut self) {}

    /// Statistics for `--stats`, as lines of text.
    fn stats(&self) -> String {
        String::new()
    }
}

/// What engines ask of the guest's address space.
pub trait CodeMemory: Fetch + Send + Sync {
    /// Code of the page at `page` (4 KiB, aligned) is being translated: from now on a write to it must
    /// fault, if the guest may write there at all.
    fn watch(&self, page: GuestAddr);

    /// True if other processes may see the memory: the order of accesses matters then, as between threads.
    fn is_shared(&self) -> bool {
        false
    }

    /// A write to `addr` faulted. If that was only because of `watch`, lets writes to the page through
    /// again and says true: the translations made from it are stale. Another thread may watch it again
    /// before the write is repeated, so that it faults once more.
    fn unwatch(&self, addr: GuestAddr) -> bool;

    /// Other pages at which the guest sees the bytes of the page of `addr`.
    fn aliases(&self, _addr: GuestAddr) -> Vec<GuestAddr> {
        Vec::new()
    }
}

/// How often a write to watched code is repeated while other threads keep translating that code.
const REPEATED: usize = 1000;

/// The numbers of the pages of 4 KiB that these bytes, start and length, lie in. One may come twice.
pub(crate) fn pages(source: impl Iterator<Item = (u64, u32)>) -> impl Iterator<Item = u64> {
    source.flat_map(|(start, len)| {
        let last = start.saturating_add(u64::from(len).max(1) - 1);
        start / PAGE..=last / PAGE
    })
}

const PAGE: u64 = 4096;

/// Memory that nobody watches: what the process can read can be executed. For tests, where no code
/// modifies itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainMemory;

impl Fetch for PlainMemory {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        fetch_readable(addr, buf)
    }
}

impl CodeMemory for PlainMemory {
    fn watch(&self, _page: GuestAddr) {}

    fn unwatch(&self, _addr: GuestAddr) -> bool {
        false
    }
}

/// Fetches what can be read, without asking whether it may be executed.
///
/// # Errors
/// The page fault on the first byte.
pub fn fetch_readable(addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
    match guest::read_bytes(addr, buf) {
        Ok(()) => Ok(buf.len()),
        Err(fault) => {
            let n = usize::try_from(fault.addr.0.wrapping_sub(addr.0))
                .unwrap_or(0)
                .min(buf.len());
            if n == 0 {
                Err(MemFault {
                    fetch: true,
                    ..fault
                })
            } else {
                Ok(n)
            }
        }
    }
}

//! Engines: what runs guest code from one event to the next.
//!
//! An engine knows nothing of any operating system: it returns an `Exit`, and `run` carries it to
//! the personality.

use crate::x86::{CpuState, Fault, GuestAddr};

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
    fn for_thread(&self) -> Box<dyn Engine + Send>;

    /// Called in the child of a host fork, before anything runs there.
    fn after_fork(&mut self) {}

    /// Statistics for `--stats`, as lines of text.
    fn stats(&self) -> String {
        String::new()
    }
}

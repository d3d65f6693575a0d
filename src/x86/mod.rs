//! Facts about the guest CPU: registers, flags, faults, CPUID and the register file's layout.
//!
//! Knows nothing of Linux, of translation, or of the machine felix runs on. What is stated here is
//! stated once; everything else in felix asks this module.

pub mod cpu;
pub mod cpuid;
pub mod fault;
pub mod flags;
pub mod fxsave;
pub mod reg;
pub mod segment;
pub mod state;
pub mod vsib;
pub mod x87env;
pub mod x87op;
pub mod xsave;

pub use fault::{Fault, MemFault, MemFaultKind, Trap};
pub use flags::{Cond, FlagOp, FlagRecord, Rflags};
pub use reg::{Gpr, GuestAddr, Width};
pub use state::CpuState;

//! Atomic read-modify-write of guest memory.
//!
//! Built on the host's compare-and-exchange. Where the host has none for an address (RISC-V, operand
//! not within one aligned word), a lock shared by all such accesses stands in: they are atomic among
//! each other, which is what programs with split locks need of each other.

use crate::ir::RmwOp;
use crate::sys::guest;
use crate::x86::{GuestAddr, MemFault, Width};
use std::sync::{Mutex, PoisonError};

static SPLIT: Mutex<()> = Mutex::new(());

/// Applies `op` with `b` to the `w` bits at `addr`; gives the old ones.
///
/// # Errors
/// The page fault of a write there.
pub fn rmw(op: RmwOp, w: Width, addr: GuestAddr, b: u64) -> Result<u64, MemFault> {
    let mut old = super::load(w, addr).map_err(|f| MemFault { write: true, ..f })?;
    loop {
        let new = w.zext(match op {
            RmwOp::Add => old.wrapping_add(b),
            RmwOp::Sub => old.wrapping_sub(b),
            RmwOp::And => old & b,
            RmwOp::Or => old | b,
            RmwOp::Xor => old ^ b,
            RmwOp::Xchg => b,
            RmwOp::Neg => old.wrapping_neg(),
            RmwOp::Not => !old,
        });
        let found = cas(w, addr, old, new)?;
        if found == old {
            return Ok(old);
        }
        old = found;
    }
}

/// Replaces the `w` bits at `addr` by `new` if they equal `old`; gives what was there.
///
/// # Errors
/// The page fault of a write there, whether or not they were equal.
#[allow(clippy::cast_possible_truncation)] // The low bits are what is compared and stored.
pub fn cas(w: Width, addr: GuestAddr, old: u64, new: u64) -> Result<u64, MemFault> {
    let word = if w == Width::W64 { 8 } else { 4 };
    let within = addr.0 % word + w.bytes() <= word;
    if cfg!(target_arch = "riscv64") && !within {
        let _guard = SPLIT.lock().unwrap_or_else(PoisonError::into_inner);
        super::probe(w, addr)?;
        let found = super::load(w, addr)?;
        if found == w.zext(old) {
            super::store(w, addr, new)?;
        }
        return Ok(found);
    }
    match w {
        Width::W8 => guest::cas_u8(addr, old as u8, new as u8).map(u64::from),
        Width::W16 => guest::cas_u16(addr, old as u16, new as u16).map(u64::from),
        Width::W32 => guest::cas_u32(addr, old as u32, new as u32).map(u64::from),
        Width::W64 => guest::cas_u64(addr, old, new),
    }
}

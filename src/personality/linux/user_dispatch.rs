//! Syscall User Dispatch (prctl(2), PR_SET_SYSCALL_USER_DISPATCH): calls of foreign code become SIGSYS, for the program to make
//! what it wants of them.
//!
//! The thread's own affair: nothing is inherited, and execve(2) ends it. Calls from the vDSO that only tell the time or the CPU
//! are exempt: natively they are no calls.

use super::core::die;
use super::seccomp::{info, is_of_vdso};
use super::signal::{force, kernel_info};
use super::{Ctx, Result};
use crate::kernel::task::UserDispatch;
use crate::mem::space::{LIMIT, PAGE};
use crate::sys::Errno;

/// PR_SYS_DISPATCH_*.
mod mode {
    pub const OFF: u64 = 0;
    pub const EXCLUSIVE_ON: u64 = 1;
    pub const INCLUSIVE_ON: u64 = 2;
}

/// SYSCALL_DISPATCH_FILTER_*.
mod selector {
    pub const ALLOW: u8 = 0;
    pub const BLOCK: u8 = 1;
}

/// The si_code.
const SYS_USER_DISPATCH: i32 = 2;

/// PR_SET_SYSCALL_USER_DISPATCH (kernel/entry/syscall_user_dispatch.c).
pub(super) fn set(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let [_, mode, offset, len, selector, _] = a;
    let is_empty = offset.wrapping_add(len) <= offset;
    let new = match mode {
        mode::OFF if offset == 0 && len == 0 && selector == 0 => None,
        mode::EXCLUSIVE_ON if offset == 0 || !is_empty => Some((offset, len)),
        // All code but this.
        mode::INCLUSIVE_ON if len != 0 && !is_empty => {
            Some((offset.wrapping_add(len), len.wrapping_neg()))
        }
        _ => return Err(Errno::EINVAL),
    };
    if selector >= LIMIT - PAGE {
        return Err(Errno::EFAULT);
    }
    ctx.task.dispatch = new.map(|(offset, len)| UserDispatch {
        offset,
        len,
        selector,
    });
    Ok(0)
}

/// True if the call is not made: its signal is on its way, and the registers are as before it.
pub(super) fn takes(ctx: &mut Ctx<'_>, d: UserDispatch, nr: u64) -> bool {
    let rip = ctx.cpu.rip;
    if rip.wrapping_sub(d.offset) < d.len || is_of_vdso(nr, rip) {
        return false;
    }
    let said = match d.selector {
        0 => Ok([selector::BLOCK]),
        at => ctx.get::<1>(at),
    };
    match said {
        Ok([selector::ALLOW]) => return false,
        Ok([selector::BLOCK]) => {}
        // Not to be caught (force_exit_sig in kernel/signal.c).
        Ok(_) => die(ctx, &kernel_info(libc::SIGSYS, SI_KERNEL, 0)),
        Err(_) => die(ctx, &kernel_info(libc::SIGSEGV, SI_KERNEL, 0)),
    }
    ctx.task.restart = None;
    ctx.task.dispatched = ctx.task.trace.on();
    ctx.replaced = true;
    force(ctx, &info(SYS_USER_DISPATCH, rip, nr, 0));
    true
}

const SI_KERNEL: i32 = 0x80;

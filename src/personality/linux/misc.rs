//! uname(2), prctl(2), arch_prctl(2), personality(2), modify_ldt(2).

use super::{Ctx, Result};
use crate::kernel::exec::PER_MASK;
use crate::sys::cast::{int, low32};
use crate::sys::{Errno, host, raw};
use std::sync::atomic::Ordering;

pub(super) fn uname(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut u = host::uname();
    const PER_LINUX32: u32 = 8;
    let machine: &[u8] = match ctx.task.peer.personality.load(Ordering::Relaxed) & PER_MASK {
        PER_LINUX32 => b"i686",
        _ => b"x86_64",
    };
    u[4] = [0; 65];
    u[4][..machine.len()].copy_from_slice(machine);
    ctx.put(a[0], u.as_flattened())?;
    Ok(0)
}

/// personality(2). What is set is also the host's: of ADDR_NO_RANDOMIZE, UNAME26, STICKY_TIMEOUTS it makes what Linux does.
pub(super) fn personality(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    const ASK: u32 = u32::MAX;
    let kept = &ctx.task.peer.personality;
    let new = low32(a[0]);
    if new == ASK {
        return Ok(kept.load(Ordering::Relaxed).into());
    }
    raw::syscall(libc::SYS_personality, [new.into(), 0, 0, 0, 0, 0])?;
    Ok(kept.swap(new, Ordering::Relaxed).into())
}

/// prctl(2): what concerns the process as the host sees it. Refused: CPU features of other machines.
pub(super) fn prctl(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    match int(a[0]) {
        // PDEATHSIG, DUMPABLE, KEEPCAPS, NAME, CAPBSET, SECUREBITS, TIMERSLACK, CHILD_SUBREAPER, NO_NEW_PRIVS,
        // MCE_KILL and others, THP_DISABLE, CAP_AMBIENT, PTRACER, VMA names.
        1..=4
        | 7
        | 8
        | 15
        | 16
        | 23
        | 24
        | 27..=30
        | 36..=39
        | 41
        | 42
        | 47
        | 0x5961_6d61
        | 0x5356_4d41 => raw::syscall(libc::SYS_prctl, a),
        // PR_GET_TIMING: statistical.
        13 => Ok(0),
        21 => Ok(super::seccomp::mode(ctx)),
        22 => super::seccomp::prctl(ctx, a),
        // PR_GET_TSC: RDTSC is allowed.
        25 => ctx.put(a[1], &1u32.to_le_bytes()).map(|()| 0),
        libc::PR_SET_MM => super::set_mm::set(ctx, a),
        // PR_GET_TID_ADDRESS.
        40 => {
            let at = ctx.task.clear_child_tid.to_le_bytes();
            ctx.put(a[1], &at).map(|()| 0)
        }
        59 => super::user_dispatch::set(ctx, a),
        _ => Err(Errno::EINVAL),
    }
}

const ARCH_SET_GS: u64 = 0x1001;
const ARCH_SET_FS: u64 = 0x1002;
const ARCH_GET_FS: u64 = 0x1003;
const ARCH_GET_GS: u64 = 0x1004;

pub(super) fn arch_prctl(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    // Addresses beyond the user half are refused.
    let user = |v: u64| {
        if v < 1 << 47 {
            Ok(v)
        } else {
            Err(Errno::EPERM)
        }
    };
    match a[0] {
        ARCH_SET_GS => ctx.cpu.set_gs_base(user(a[1])?),
        ARCH_SET_FS => ctx.cpu.set_fs_base(user(a[1])?),
        ARCH_GET_FS => ctx.put(a[1], &ctx.cpu.fs_base.to_le_bytes())?,
        ARCH_GET_GS => ctx.put(a[1], &ctx.cpu.gs_base.to_le_bytes())?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// modify_ldt(2): its result is an unsigned int, errors too.
pub(super) fn modify_ldt(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    Ok(match table_of_segments(ctx, a) {
        Ok(n) => n,
        Err(e) => u64::from((-e.0).cast_unsigned()),
    })
}

/// The table is empty and stays so (arch/x86/kernel/ldt.c).
fn table_of_segments(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    /// struct user_desc, and its flags: seg_32bit, contents, read_exec_only, limit_in_pages, seg_not_present, useable.
    const SIZE: usize = 16;
    const ENTRIES: u32 = 8192;
    const EMPTY: u32 = 1 << 3 | 1 << 5;
    let old = match int(a[0]) {
        0 => return Ok(0),
        // The default table: five descriptors of zeros, of which as much as there is room for.
        2 => {
            let n = a[2].min(40);
            ctx.put(a[1], &vec![0; crate::sys::cast::size(n)])?;
            return Ok(n);
        }
        1 => true,
        0x11 => false,
        _ => return Err(Errno::ENOSYS),
    };
    if a[2] != SIZE as u64 {
        return Err(Errno::EINVAL);
    }
    let d: [u8; SIZE] = ctx.get(a[1])?;
    let word = |i: usize| u32::from_le_bytes([d[i], d[i + 1], d[i + 2], d[i + 3]]);
    let (entry, base, limit, flags) = (word(0), word(4), word(8), word(12));
    if entry >= ENTRIES || (flags >> 1 & 3 == 3 && (old || flags >> 5 & 1 == 0)) {
        return Err(Errno::EINVAL);
    }
    let empty = base == 0 && limit == 0;
    if empty && (old || flags & 0xff == EMPTY) {
        return Ok(0);
    }
    Err(Errno::ENOSYS)
}

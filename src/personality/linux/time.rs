//! Time calls that newer ABIs do not have (time(2), alarm(2)), and restart_syscall(2).

use super::{Ctx, Result, dispatch, table};
use crate::kernel::task::RestartBlock;
use crate::sys::cast::{int, low32, reg};
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::{Errno, raw};

pub(super) fn time(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut t = [0u64; 2];
    raw::syscall(
        libc::SYS_clock_gettime,
        [
            reg(libc::CLOCK_REALTIME),
            address_of_mut(&mut t),
            0,
            0,
            0,
            0,
        ],
    )?;
    if a[0] != 0 {
        ctx.put(a[0], &t[0].to_le_bytes())?;
    }
    Ok(t[0])
}

/// alarm(2): seconds left of the previous one, rounded up.
pub(super) fn alarm(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let new = [0u64, 0, low32(a[0]).into(), 0];
    let mut old = [0u64; 4];
    raw::syscall(
        libc::SYS_setitimer,
        [0, address_of(&new), address_of_mut(&mut old), 0, 0, 0],
    )?;
    // Linux rounds to the nearest second, but never a pending alarm to 0.
    let up = old[3] >= 500_000 || (old[2] == 0 && old[3] != 0);
    Ok(old[2] + u64::from(up))
}

/// The number of restart_syscall(2).
pub(super) const RESTART_SYSCALL: u64 = 219;
const POLL: u64 = 7;
const NANOSLEEP: u64 = 35;
const CLOCK_NANOSLEEP: u64 = 230;
const SECOND: u64 = 1_000_000_000;

/// Nanoseconds on a clock.
fn now(clock: u64) -> Result<u64> {
    let mut t = [0u64; 2];
    let to = address_of_mut(&mut t);
    raw::syscall(libc::SYS_clock_gettime, [clock, to, 0, 0, 0, 0])?;
    Ok(t[0].saturating_mul(SECOND).saturating_add(t[1]))
}

/// Before a call of a thread that is traced: notes when it is to end, if it waits for a time from now. Who is not traced is
/// interrupted only by what he notices; the host goes on with his waits.
pub(super) fn prepare_restart(ctx: &mut Ctx<'_>, nr: u64, args: &[u64; 6]) {
    if nr != RESTART_SYSCALL {
        ctx.task.block = block(ctx, nr, args);
    }
}

fn block(ctx: &Ctx<'_>, nr: u64, args: &[u64; 6]) -> Option<RestartBlock> {
    const MONOTONIC: u64 = reg(libc::CLOCK_MONOTONIC);
    const ABSOLUTE: u32 = 1;
    let time = |at: u64| {
        let seconds = ctx.get_u64(at).ok()?;
        let nanoseconds = ctx.get_u64(at.wrapping_add(8)).ok()?;
        Some(seconds.saturating_mul(SECOND).saturating_add(nanoseconds))
    };
    let (clock, wait) = match nr {
        POLL => {
            let ms = u64::try_from(int(args[2])).ok();
            (MONOTONIC, ms.map(|ms| ms * 1_000_000))
        }
        NANOSLEEP => (MONOTONIC, Some(time(args[0])?)),
        CLOCK_NANOSLEEP if low32(args[1]) & ABSOLUTE == 0 => (args[0], Some(time(args[2])?)),
        _ => return None,
    };
    let end = match wait {
        Some(wait) => Some(now(clock).ok()?.saturating_add(wait)),
        None => None,
    };
    Some(RestartBlock {
        nr,
        args: *args,
        clock,
        end,
    })
}

/// restart_syscall(2): the wait that was interrupted, for the time that is left. EINTR if there is none.
pub(super) fn restart_syscall(ctx: &mut Ctx<'_>, _: [u64; 6]) -> Result<u64> {
    let b = ctx.task.block.ok_or(Errno::EINTR)?;
    let row = table::row(b.nr).ok_or(Errno::EINTR)?;
    let left = match b.end {
        Some(end) => Some(end.saturating_sub(now(b.clock)?)),
        None => None,
    };
    let time = left.map_or([0; 2], |n| [n / SECOND, n % SECOND]);
    let mut args = b.args;
    match b.nr {
        POLL => args[2] = left.map_or(reg(-1), |n| n.div_ceil(1_000_000)),
        NANOSLEEP => args[0] = address_of(&time),
        _ => args[2] = address_of(&time),
    }
    dispatch(ctx, row, args)
}

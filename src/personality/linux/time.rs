//! Time calls that newer ABIs do not have (time(2), alarm(2)).

use super::{Ctx, Result};
use crate::sys::cast::{low32, reg};
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::raw;

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

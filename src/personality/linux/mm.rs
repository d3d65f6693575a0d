//! Memory (mmap(2), brk(2), mremap(2), madvise(2) ...).

use super::{Ctx, Result, fd_of};
use crate::kernel::vfs;
use crate::mem::space::{Backing, EXEC, PAGE, READ, Request, WRITE, flag, space};
use crate::sys::cast::low32;
use crate::sys::host::address_of;
use crate::sys::{Errno, host, raw};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// memfd_create(2), but for the names by which felix knows files of its own.
pub(super) fn memfd_create(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let make = |name: u64| raw::syscall(libc::SYS_memfd_create, [name, a[1], 0, 0, 0, 0]);
    match ctx.string(a[0], 250, Errno::EINVAL) {
        Ok(name) if vfs::is_reserved(&name) => Err(Errno::EPERM),
        // A copy: other threads may write there.
        Ok(name) => make(address_of(host::cstring(&name)?.as_bytes_with_nul())),
        // Wrong flags come first.
        Err(e) => make(0).map_err(|host| if host == Errno::EFAULT { e } else { host }),
    }
}

/// The rights of memory that is to have `prot`, if that can be read and personality(2) says READ_IMPLIES_EXEC.
pub(super) fn implied(ctx: &Ctx<'_>, prot: u32) -> Option<u32> {
    let says = ctx.task.peer.personality.load(Ordering::Relaxed);
    let implies = says & libc::READ_IMPLIES_EXEC.cast_unsigned() != 0 && prot & READ != 0;
    implies.then_some(prot | EXEC)
}

pub(super) fn mmap(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let flags = low32(a[3]);
    let fd = if flags & flag::ANONYMOUS != 0 {
        -1
    } else {
        fd_of(a[4])
    };
    if !a[5].is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let backing = if fd < 0 {
        Backing::Anonymous
    } else {
        let st = host::fstat(fd)?;
        let path = host::fd_path(fd).unwrap_or_default();
        let path = ctx.task.fs.guest_path(&path).unwrap_or(path);
        Backing::File {
            path: Arc::from(path),
            dev: (libc::major(st.st_dev), libc::minor(st.st_dev)),
            ino: st.st_ino,
        }
    };
    let implied = implied(ctx, low32(a[2])).filter(|_| fd < 0 || !host::is_noexec(fd));
    let req = Request {
        addr: a[0],
        len: a[1],
        prot: implied.unwrap_or(low32(a[2])),
        flags,
        fd,
        offset: a[5],
        backing,
    };
    space().map(&req, &mut ctx.changes)
}

pub(super) fn munmap(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    space().unmap(a[0], a[1], &mut ctx.changes).map(|()| 0)
}

pub(super) fn mprotect(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    const GROWSDOWN: u32 = 0x0100_0000;
    const GROWSUP: u32 = 0x0200_0000;
    const KNOWN: u32 = 0xf; // PROT_SEM (8) means nothing.
    let (mut start, end) = (a[0], a[0].wrapping_add(a[1]));
    let mut prot = low32(a[2]);
    if prot & GROWSUP != 0 || !start.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    if prot & GROWSDOWN != 0 {
        // From where the stack begins, whatever was given.
        prot &= !GROWSDOWN;
        start = space().stack_start(start).ok_or(Errno::EINVAL)?;
    }
    if a[1] == 0 {
        return Ok(0);
    }
    if end
        .checked_next_multiple_of(PAGE)
        .is_none_or(|e| e <= start)
    {
        return Err(Errno::ENOMEM);
    }
    if prot & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let implied = implied(ctx, prot).filter(|_| space().may_execute(start, end - start));
    space()
        .protect(
            start,
            end - start,
            implied.unwrap_or(prot),
            &mut ctx.changes,
        )
        .map(|()| 0)
}

/// pkey_mprotect(2): there are no keys, so only -1 (none) is one.
pub(super) fn pkey_mprotect(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if low32(a[3]) != u32::MAX {
        return Err(Errno::EINVAL);
    }
    mprotect(ctx, a)
}

pub(super) fn brk(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let usual = READ | WRITE;
    let prot = implied(ctx, usual).unwrap_or(usual);
    Ok(space().brk(a[0], prot, &mut ctx.changes))
}

pub(super) fn mremap(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    space().remap(a[0], a[1], a[2], low32(a[3]), a[4], &mut ctx.changes)
}

/// remap_file_pages(2): deprecated, but there. The offset is in pages.
pub(super) fn remap_file_pages(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let start = a[0] & !(PAGE - 1);
    let len = a[1] & !(PAGE - 1);
    let end = start.checked_add(len).filter(|end| *end > start);
    let offset = a[3]
        .checked_mul(PAGE)
        .filter(|o| o.checked_add(len).is_some());
    let (Some(end), Some(offset), 0) = (end, offset, a[2]) else {
        return Err(Errno::EINVAL);
    };
    space().remap_pages(&(start..end), offset, &mut ctx.changes, || {
        raw::syscall(libc::SYS_remap_file_pages, a)
    })
}

/// mseal(2).
pub(super) fn mseal(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if a[2] != 0 {
        return Err(Errno::EINVAL);
    }
    space().seal(a[0], a[1]).map(|()| 0)
}

/// msync(2), mlock(2), munlock(2), mlock2(2): the host's, on memory that is the guest's.
pub(super) fn on_guest_memory(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let nr = match low32(ctx.cpu.gpr[0]) {
        26 => libc::SYS_msync,
        149 => libc::SYS_mlock,
        150 => libc::SYS_munlock,
        _ => libc::SYS_mlock2,
    };
    // What wraps around to nothing is nothing.
    let end = a[1].wrapping_add(a[0] % PAGE).wrapping_add(PAGE - 1);
    if end >= PAGE && !space().covers(a[0], a[1]) {
        let wraps = a[0].checked_add(a[1]).is_none();
        let locks = nr != libc::SYS_msync;
        return Err(if wraps && locks {
            Errno::EINVAL
        } else {
            Errno::ENOMEM
        });
    }
    raw::restarting(nr, a)
}

pub(super) fn mincore(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if !space().covers(a[0], a[1]) {
        return Err(Errno::ENOMEM);
    }
    raw::syscall(libc::SYS_mincore, a)
}

/// True if a mapping of the range, before any hole, has not this right.
fn lacks(right: u32, range: Range<u64>) -> bool {
    let mut at = range.start;
    while at < range.end
        && let Some((part, rights)) = space().rights(at)
    {
        if rights & right == 0 {
            return true;
        }
        at = part.end;
    }
    false
}

/// madvise(2): only on the guest's memory; advice that drops content drops code, too.
pub(super) fn madvise(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let end = (a[1].checked_next_multiple_of(PAGE))
        .and_then(|len| a[0].checked_add(len))
        .ok_or(Errno::EINVAL)?;
    // MADV_DONTNEED, FREE, REMOVE, DONTFORK, WIPEONFORK, DONTNEED_LOCKED.
    if matches!(a[2], 4 | 8 | 9 | 10 | 18 | 24) && space().keeps_content(a[0], a[1]) {
        return Err(Errno::EPERM);
    }
    // MADV_POPULATE_READ, MADV_POPULATE_WRITE: the host may have other rights than the guest.
    let right = match a[2] {
        22 => READ,
        23 => WRITE,
        _ => 0,
    };
    if right != 0 && lacks(right, a[0]..end) {
        return Err(Errno::EINVAL);
    }
    if right == WRITE {
        super::prepare_for_writing(ctx, a[0], a[1]);
    }
    let r = if !a[0].is_multiple_of(PAGE) || space().covers(a[0], a[1]) {
        raw::restarting(libc::SYS_madvise, a)
    } else {
        // As Linux: around a hole it is done, and then said.
        (space().parts(&(a[0]..end)).into_iter())
            .try_for_each(|part| {
                let args = [part.start, part.end - part.start, a[2], 0, 0, 0];
                raw::restarting(libc::SYS_madvise, args).map(drop)
            })
            .and(Err(Errno::ENOMEM))
    };
    // MADV_DONTNEED, MADV_FREE, MADV_REMOVE.
    if matches!(a[2], 4 | 8 | 9) && space().any_executable(a[0], a[1]) {
        ctx.changes.push(a[0]..a[0].saturating_add(a[1]));
    }
    r
}

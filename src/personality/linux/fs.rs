//! Files, directories and waiting for descriptors (open(2), stat(2), getdents(2), epoll(7), select(2) ...).

use super::abi::{EPOLL_EVENT, Stat};
use super::{CWD, Ctx, Result, fd_of};
use crate::kernel::fd;
use crate::kernel::procfs;
use crate::kernel::procfs::{Special, special};
use crate::kernel::vfs::{self, At, Last, Use};
use crate::mem::space::PAGE;
use crate::sys::cast::{int, low32, reg, size};
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::proc::{self, PROC_SUPER_MAGIC};
use crate::sys::{Errno, host, raw};
use std::os::fd::{AsRawFd, IntoRawFd};

const NOFOLLOW: i32 = libc::AT_SYMLINK_NOFOLLOW;

fn name(at: &At) -> u64 {
    address_of(at.name.as_bytes_with_nul())
}

/// Resolves a path that is followed, and what /proc shows of this process.
fn follow(ctx: &Ctx<'_>, dirfd: u64, path: &[u8], last: Last) -> Result<(At, Option<Vec<u8>>)> {
    let at = ctx.found(dirfd, path, last)?;
    match special(ctx.process, ctx.task, &at) {
        Some(Special::Content(content)) => Ok((at, Some(content))),
        _ => Ok((at, None)),
    }
}

fn open_path(ctx: &mut Ctx<'_>, dirfd: u64, path: u64, flags: i32, mode: u64) -> Result<u64> {
    let path = ctx.cstr(path)?;
    let last = last_of(flags);
    if let Some(fd) = ctx.task.fs.open_at_once(fd_of(dirfd), &path, flags) {
        return Ok(reg(fd.into_raw_fd()));
    }
    let (at, content) = follow(ctx, dirfd, &path, last)?;
    open_found(ctx, at, content, flags, mode)
}

/// Whether open(2) follows a link at the end of the path.
fn last_of(flags: i32) -> Last {
    let exclusive = libc::O_CREAT | libc::O_EXCL;
    if flags & libc::O_NOFOLLOW != 0 || flags & exclusive == exclusive {
        Last::NoFollow
    } else {
        Last::Follow
    }
}

/// Opens what a path by rules has led to.
fn open_at(ctx: &Ctx<'_>, at: At, flags: i32, mode: u64) -> Result<u64> {
    let content = match special(ctx.process, ctx.task, &at) {
        Some(Special::Content(content)) => Some(content),
        _ => None,
    };
    open_found(ctx, at, content, flags, mode)
}

fn open_found(
    ctx: &Ctx<'_>,
    at: At,
    content: Option<Vec<u8>>,
    flags: i32,
    mode: u64,
) -> Result<u64> {
    if let Some(content) = content {
        let exclusive = libc::O_CREAT | libc::O_EXCL;
        if flags & exclusive == exclusive {
            return Err(Errno::EEXIST);
        }
        if flags & libc::O_ACCMODE != libc::O_RDONLY {
            return Err(Errno::EACCES);
        }
        // Its directory's descriptor may have the least number.
        drop(at);
        return open_made(&content, flags);
    }
    let flags = ctx.task.fs.open_flags(&at, flags)?;
    let at = at.raise()?;
    vfs::open_found(&at, flags, mode)
}

/// A file that felix makes, opened to be read and with what `flags` ask for beside that. Its content stays what it is now.
fn open_made(content: &[u8], flags: i32) -> Result<u64> {
    let file = host::memory_file("proc", content)?;
    let fd = file.as_raw_fd();
    raw::syscall(libc::SYS_fchmod, [reg(fd), 0o444, 0, 0, 0, 0])?;
    // Through /proc, for a description that cannot be written to; under the number that was free first.
    let once = libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_TRUNC;
    let cloexec = flags & libc::O_CLOEXEC;
    match proc::open(&format!("thread-self/fd/{fd}"), flags & !once) {
        Ok(again) => {
            let args = [reg(again.as_raw_fd()), reg(fd), reg(cloexec), 0, 0, 0];
            raw::syscall(libc::SYS_dup3, args)?;
        }
        // There is nothing of this process in the /proc that is to be seen.
        Err(Errno::ENOENT) if cloexec == 0 => drop(host::fcntl(fd, libc::F_SETFD, 0)?),
        Err(Errno::ENOENT) => {}
        Err(e) => return Err(e),
    }
    Ok(reg(file.into_raw_fd()))
}

pub(super) fn open(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    open_path(ctx, CWD, a[0], int(a[1]), a[2])
}

pub(super) fn creat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    open_path(
        ctx,
        CWD,
        a[0],
        libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC,
        a[1],
    )
}

pub(super) fn openat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    open_path(ctx, a[0], a[1], int(a[2]), a[3])
}

/// openat2(2). RESOLVE_CACHED gets EAGAIN with a rootfs: ask again without.
pub(super) fn openat2(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    const HOW: u64 = 24;
    if a[3] < HOW {
        return Err(Errno::EINVAL);
    }
    if a[3] > PAGE {
        return Err(Errno::E2BIG);
    }
    for i in HOW..a[3] {
        if ctx.get::<1>(a[2].wrapping_add(i))? != [0] {
            return Err(Errno::E2BIG);
        }
    }
    let (flags, mode, resolve) = (
        ctx.get_u64(a[2])?,
        ctx.get_u64(a[2].wrapping_add(8))?,
        ctx.get_u64(a[2].wrapping_add(16))?,
    );
    if resolve != 0 && !ctx.task.fs.is_confined() {
        return raw::interruptible(libc::SYS_openat2, a);
    }
    // RESOLVE_BENEATH and RESOLVE_IN_ROOT exclude each other.
    const CACHED: u64 = 0x20;
    if resolve & !0x3f != 0 || resolve & 0x18 == 0x18 {
        return Err(Errno::EINVAL);
    }
    // What open(2) forgets is refused here (build_open_flags in fs/open.c).
    let with_path = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let has = |f: i32| flags & reg(f) == reg(f);
    let refused = flags & !reg(vfs::OPEN_FLAGS) != 0
        || mode & !0o7777 != 0
        || (mode != 0 && !has(libc::O_CREAT) && !has(libc::O_TMPFILE))
        || (has(libc::O_PATH) && flags & !reg(with_path) != 0);
    if refused {
        return Err(Errno::EINVAL);
    }
    if resolve == 0 {
        return open_path(ctx, a[0], a[1], int(flags), mode);
    }
    if resolve & CACHED != 0 {
        return Err(Errno::EAGAIN);
    }
    let path = ctx.cstr(a[1])?;
    let last = last_of(int(flags));
    let at = ctx.task.fs.resolve_by(fd_of(a[0]), &path, last, resolve)?;
    open_at(ctx, at, int(flags), mode)
}

fn put_stat(ctx: &mut Ctx<'_>, to: u64, st: &host::Stat) -> Result<u64> {
    ctx.put(to, &Stat::from_host(st).bytes())?;
    Ok(0)
}

fn stat_path(ctx: &mut Ctx<'_>, dirfd: u64, path: u64, to: u64, flags: i32) -> Result<u64> {
    let text = ctx.cstr(path)?;
    if text.is_empty() && flags & libc::AT_EMPTY_PATH != 0 {
        let st = host::fstatat(fd_of(dirfd), c"", flags)?;
        return put_stat(ctx, to, &st);
    }
    let last = if flags & NOFOLLOW != 0 {
        Last::NoFollow
    } else {
        Last::Follow
    };
    let at = ctx.found(dirfd, &text, last)?;
    let exact = if at.exact { NOFOLLOW } else { 0 };
    let st = host::fstatat(at.fd(), &at.name, flags & !libc::AT_EMPTY_PATH | exact)?;
    put_stat(ctx, to, &st)
}

pub(super) fn stat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    stat_path(ctx, CWD, a[0], a[1], 0)
}

pub(super) fn lstat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    stat_path(ctx, CWD, a[0], a[1], NOFOLLOW)
}

pub(super) fn newfstatat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    stat_path(ctx, a[0], a[1], a[2], int(a[3]))
}

pub(super) fn fstat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let st = host::fstat(fd_of(a[0]))?;
    put_stat(ctx, a[1], &st)
}

/// A call that does this with a directory, path and flags at the given positions, of which AT_SYMLINK_NOFOLLOW decides whether
/// links are followed.
fn flagged(
    ctx: &mut Ctx<'_>,
    nr: libc::c_long,
    a: [u64; 6],
    flags: usize,
    does: Use,
) -> Result<u64> {
    let f = int(a[flags]);
    let text = match a[1] {
        0 => Vec::new(),
        p => ctx.cstr(p)?,
    };
    if text.is_empty() {
        let own = a[1] == 0 || f & libc::AT_EMPTY_PATH != 0;
        if own && does == Use::Change && ctx.task.fs.is_descriptor_read_only(fd_of(a[0])) {
            return Err(Errno::EROFS);
        }
        return raw::restarting(nr, a);
    }
    let last = if f & NOFOLLOW != 0 {
        Last::NoFollow
    } else {
        Last::Follow
    };
    let at = ctx.task.fs.allow(ctx.found(a[0], &text, last)?, does)?;
    let mut args = a;
    args[0] = reg(at.fd());
    args[1] = name(&at);
    args[flags] = reg(f & !libc::AT_EMPTY_PATH | if at.exact { NOFOLLOW } else { 0 });
    let done = raw::restarting(nr, args)?;
    if nr == libc::SYS_faccessat2 {
        may_access(ctx, &at, a[2])?;
    }
    Ok(done)
}

/// What access(2) adds to what the host says.
fn may_access(ctx: &Ctx<'_>, at: &At, mode: u64) -> Result<u64> {
    match int(mode) & libc::W_OK {
        0 => Ok(0),
        _ => ctx.task.fs.may_write(at).map(|()| 0),
    }
}

pub(super) fn statx(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    flagged(ctx, libc::SYS_statx, a, 2, Use::Look)
}

pub(super) fn fchownat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    flagged(ctx, libc::SYS_fchownat, a, 4, Use::Change)
}

pub(super) fn utimensat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    flagged(ctx, libc::SYS_utimensat, a, 3, Use::Change)
}

pub(super) fn faccessat2(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    flagged(ctx, libc::SYS_faccessat2, a, 3, Use::Look)
}

pub(super) fn fchmodat2(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    // fchmodat2 has the same number everywhere.
    flagged(ctx, 452, a, 3, Use::Change)
}

pub(super) fn faccessat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let at = ctx.at(a[0], a[1], Last::Follow)?;
    raw::restarting(
        libc::SYS_faccessat,
        [reg(at.fd()), name(&at), a[2], 0, 0, 0],
    )?;
    may_access(ctx, &at, a[2])
}

pub(super) fn access(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    faccessat(ctx, [CWD, a[0], a[1], 0, 0, 0])
}

pub(super) fn truncate(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let at = ctx.at_for(CWD, a[0], Last::Follow, Use::Resize)?;
    at.with_path(|path| {
        let path = address_of(path.as_bytes_with_nul());
        raw::restarting(libc::SYS_truncate, [path, a[1], 0, 0, 0, 0])
    })
}

pub(super) fn renameat2(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let text = ctx.cstr(a[1])?;
    let from = (ctx.task.fs).resolve(fd_of(a[0]), &text, Last::NoFollow)?;
    let to = ctx.at(a[2], a[3], Last::NoFollow)?;
    if is_dot(&from) && !matches!(last(&text), b"." | b"..") {
        // The root, or what is shown there.
        return Err(Errno::EBUSY);
    }
    ctx.task.fs.same_mount(&from, &to)?;
    raw::restarting(
        libc::SYS_renameat2,
        [
            reg(from.fd()),
            name(&from),
            reg(to.fd()),
            name(&to),
            a[4],
            0,
        ],
    )
}

pub(super) fn renameat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    renameat2(ctx, [a[0], a[1], a[2], a[3], 0, 0])
}

pub(super) fn rename(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    renameat2(ctx, [CWD, a[0], CWD, a[1], 0, 0])
}

pub(super) fn link(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    linkat(ctx, [CWD, a[0], CWD, a[1], 0, 0])
}

/// statfs(2) of what the host says, for a place that is read-only for the guest or not.
fn put_statfs(ctx: &mut Ctx<'_>, to: u64, mut st: [u64; 15], read_only: bool) -> Result<u64> {
    const FLAGS: usize = 10;
    if read_only {
        st[FLAGS] |= libc::ST_RDONLY;
    }
    let bytes: Vec<u8> = st.iter().flat_map(|w| w.to_le_bytes()).collect();
    ctx.put(to, &bytes)?;
    Ok(0)
}

pub(super) fn statfs(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let at = ctx.at(CWD, a[0], Last::Follow)?;
    let mut st = [0u64; 15];
    at.with_path(|path| {
        let args = [
            address_of(path.as_bytes_with_nul()),
            address_of_mut(&mut st),
            0,
            0,
            0,
            0,
        ];
        raw::restarting(libc::SYS_statfs, args)
    })?;
    let read_only = ctx.task.fs.is_read_only(&at);
    put_statfs(ctx, a[1], st, read_only)
}

pub(super) fn fstatfs(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut st = [0u64; 15];
    let args = [a[0], address_of_mut(&mut st), 0, 0, 0, 0];
    raw::restarting(libc::SYS_fstatfs, args)?;
    let read_only = ctx.task.fs.is_descriptor_read_only(fd_of(a[0]));
    put_statfs(ctx, a[1], st, read_only)
}

/// linkat(2): AT_SYMLINK_FOLLOW (0x400) follows, and AT_EMPTY_PATH links a descriptor.
pub(super) fn linkat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let text = ctx.cstr(a[1])?;
    if text.is_empty() {
        let to = ctx.at_for(a[2], a[3], Last::NoFollow, Use::Make)?;
        if ctx.task.fs.is_descriptor_read_only(fd_of(a[0])) {
            return Err(Errno::EXDEV);
        }
        return raw::restarting(
            libc::SYS_linkat,
            [a[0], a[1], reg(to.fd()), name(&to), a[4], 0],
        );
    }
    let follow = a[4] & 0x400 != 0;
    let from = ctx.task.fs.resolve(
        fd_of(a[0]),
        &text,
        if follow { Last::Follow } else { Last::NoFollow },
    )?;
    let to = ctx
        .at_for(a[2], a[3], Last::NoFollow, Use::Make)
        .map_err(|e| match from.stat() {
            // What is missing counts more.
            Err(missing) if e == Errno::EROFS => missing,
            _ => e,
        })?;
    ctx.task.fs.same_mount(&from, &to)?;
    let flags = if from.exact { a[4] & !0x400 } else { a[4] };
    raw::restarting(
        libc::SYS_linkat,
        [
            reg(from.fd()),
            name(&from),
            reg(to.fd()),
            name(&to),
            flags,
            0,
        ],
    )
}

/// The last component of a path.
fn last(path: &[u8]) -> &[u8] {
    let mut parts = path.rsplit(|b| *b == b'/');
    parts.find(|c| !c.is_empty()).unwrap_or_default()
}

fn is_dot(at: &At) -> bool {
    at.name.as_bytes() == b"."
}

/// unlinkat(2). What the host is to remove as `.` is the root, or a directory of the host's that is shown inside, and so in use,
/// unless the guest named it so.
pub(super) fn unlinkat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    const REMOVEDIR: u64 = 0x200;
    let text = ctx.cstr(a[1])?;
    let fs = &ctx.task.fs;
    let at = fs.resolve_for(fd_of(a[0]), &text, Last::NoFollow, Use::Remove)?;
    let args = [reg(at.fd()), name(&at), a[2], 0, 0, 0];
    match (raw::restarting(libc::SYS_unlinkat, args), last(&text)) {
        (Err(Errno::EBUSY), b".") if a[2] == REMOVEDIR => Err(Errno::EINVAL),
        (Err(Errno::EINVAL | Errno::EBUSY), b"..") if a[2] == REMOVEDIR => Err(Errno::ENOTEMPTY),
        (Err(Errno::EINVAL), other) if a[2] == REMOVEDIR && is_dot(&at) && other != b"." => {
            Err(Errno::EBUSY)
        }
        (done, _) => done,
    }
}

pub(super) fn rmdir(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    unlinkat(ctx, [CWD, a[0], 0x200, 0, 0, 0])
}

fn readlink_path(ctx: &mut Ctx<'_>, dirfd: u64, path: u64, to: u64, len: u64) -> Result<u64> {
    if int(len) <= 0 {
        return Err(Errno::EINVAL);
    }
    let text = ctx.cstr(path)?;
    let link = if text.is_empty() {
        host::readlinkat(fd_of(dirfd), c"")?
    } else {
        let at = ctx.task.fs.resolve(fd_of(dirfd), &text, Last::NoFollow)?;
        match special(ctx.process, ctx.task, &at) {
            Some(Special::Exe(exe)) => exe.path,
            _ => {
                let link = host::readlinkat(at.fd(), &at.name)?;
                // procfs shows host paths; the guest has its own names for them.
                let in_proc = ctx.task.fs.is_rooted()
                    && link.first() == Some(&b'/')
                    && host::fs_type(at.fd()) == Ok(PROC_SUPER_MAGIC);
                if in_proc {
                    ctx.task.fs.guest_path(&link).unwrap_or(link)
                } else {
                    link
                }
            }
        }
    };
    let n = link.len().min(size(len));
    ctx.put(to, &link[..n])?;
    Ok(n as u64)
}

pub(super) fn readlink(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    readlink_path(ctx, CWD, a[0], a[1], a[2])
}

pub(super) fn readlinkat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    readlink_path(ctx, a[0], a[1], a[2], a[3])
}

pub(super) fn getcwd(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut cwd = ctx.task.fs.getcwd()?;
    cwd.push(0);
    if cwd.len() as u64 > a[1] {
        return Err(Errno::ERANGE);
    }
    ctx.put(a[0], &cwd)?;
    Ok(cwd.len() as u64)
}

pub(super) fn chdir(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let at = ctx.at(CWD, a[0], Last::Follow)?;
    let dir = at.open(libc::O_PATH | libc::O_DIRECTORY)?;
    host::fchdir(dir.as_raw_fd())?;
    Ok(0)
}

pub(super) fn chroot(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let at = ctx.at(CWD, a[0], Last::Follow)?;
    let dir = at.open(libc::O_PATH | libc::O_DIRECTORY)?;
    ctx.process.options.keep_felix();
    ctx.task.fs.chroot(dir).map(|()| 0)
}

/// Calls that change mounts, by the guest's own paths: the kernel's, unless the root is one in user space, where the mounts
/// are the host's and not the guest's. The kernel refuses mounts that are not of this namespace.
fn of_mounts(ctx: &Ctx<'_>, nr: libc::c_long, a: [u64; 6]) -> Result<u64> {
    if ctx.task.fs.is_rooted() {
        return Err(Errno::EPERM);
    }
    ctx.process.options.keep_felix();
    raw::restarting(nr, a)
}

pub(super) fn mount(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    of_mounts(ctx, libc::SYS_mount, a)
}

pub(super) fn umount2(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    of_mounts(ctx, libc::SYS_umount2, a)
}

pub(super) fn pivot_root(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    of_mounts(ctx, libc::SYS_pivot_root, a)
}

fn times(ctx: &mut Ctx<'_>, dirfd: u64, path: u64, times: Option<[i64; 4]>) -> Result<u64> {
    let pointer = times.as_ref().map_or(0, address_of);
    let nr = libc::SYS_utimensat;
    if path == 0 {
        if ctx.task.fs.is_descriptor_read_only(fd_of(dirfd)) {
            return Err(Errno::EROFS);
        }
        return raw::syscall(nr, [dirfd, 0, pointer, 0, 0, 0]);
    }
    let at = ctx.at_for(dirfd, path, Last::Follow, Use::Change)?;
    let flags = if at.exact { reg(NOFOLLOW) } else { 0 };
    raw::syscall(nr, [reg(at.fd()), name(&at), pointer, flags, 0, 0])
}

/// utime(2): seconds.
pub(super) fn utime(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let t = match a[1] {
        0 => None,
        p => Some([
            ctx.get_u64(p)?.cast_signed(),
            0,
            ctx.get_u64(p.wrapping_add(8))?.cast_signed(),
            0,
        ]),
    };
    times(ctx, CWD, a[0], t)
}

fn microseconds(ctx: &Ctx<'_>, p: u64) -> Result<Option<[i64; 4]>> {
    if p == 0 {
        return Ok(None);
    }
    let mut t = [0i64; 4];
    for (i, v) in t.iter_mut().enumerate() {
        *v = ctx.get_u64(p.wrapping_add(8 * i as u64))?.cast_signed();
    }
    for i in [1, 3] {
        if !(0..1_000_000).contains(&t[i]) {
            return Err(Errno::EINVAL);
        }
        t[i] *= 1000;
    }
    Ok(Some(t))
}

pub(super) fn utimes(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let t = microseconds(ctx, a[1])?;
    times(ctx, CWD, a[0], t)
}

pub(super) fn futimesat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let t = microseconds(ctx, a[2])?;
    times(ctx, a[0], a[1], t)
}

pub(super) fn dup2(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if low32(a[0]) == low32(a[1]) {
        host::fcntl(fd_of(a[0]), libc::F_GETFD, 0)?;
        return Ok(low32(a[1]).into());
    }
    raw::restarting(libc::SYS_dup3, [a[0], a[1], 0, 0, 0, 0])
}

/// fcntl(2): commands and structures are the same on all hosts (asserted in `abi`).
pub(super) fn fcntl(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    raw::interruptible(libc::SYS_fcntl, a)
}

/// close_range(2), around felix's own descriptors.
pub(super) fn close_range(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let (first, last) = (low32(a[0]), low32(a[1]));
    if first > last {
        return Err(Errno::EINVAL);
    }
    for (from, to) in fd::visible(first, last) {
        raw::syscall(
            libc::SYS_close_range,
            [from.into(), to.into(), a[2], 0, 0, 0],
        )?;
    }
    Ok(0)
}

/// The records that are not of felix's own descriptors and threads, of what was read from /proc/PID/fd or task.
fn without_hidden(fd: i32, buf: &mut [u8], n: usize) -> usize {
    // struct linux_dirent64 (getdents64(2)): the size of the record at 16, the name from 19 on.
    let record = |buf: &[u8], at: usize| {
        let len = usize::from(u16::from_le_bytes([buf[at + 16], buf[at + 17]]));
        let name = buf[at + 19..at + len].split(|b| *b == 0).next();
        let number = name.and_then(|n| std::str::from_utf8(n).ok()?.parse::<i32>().ok());
        (len, number)
    };
    let mut at = 0;
    let mut numbers = false;
    while at + 19 < n && !numbers {
        let (len, number) = record(buf, at);
        numbers = number.is_some();
        at += len;
    }
    // Most directories are none of /proc.
    if !numbers {
        return n;
    }
    let hidden = || {
        let dir = host::fd_path(fd).ok()?;
        if let Some(of) = dir.strip_suffix(b"/task") {
            return Some(procfs::hidden_threads(of));
        }
        let of = dir
            .strip_suffix(b"/fd")
            .or_else(|| dir.strip_suffix(b"/fdinfo"))?;
        Some(procfs::hidden_descriptors(of).collect())
    };
    let Some(hidden) = hidden().filter(|h| !h.is_empty()) else {
        return n;
    };
    let (mut from, mut to) = (0, 0);
    while from + 19 < n {
        let (len, number) = record(buf, from);
        if !number.is_some_and(|n| hidden.contains(&n)) {
            buf.copy_within(from..from + len, to);
            to += len;
        }
        from += len;
    }
    to
}

/// The next records that the guest is to see (getdents64(2)).
fn next_records(fd: i32, size: usize) -> Result<Vec<u8>> {
    let mut buf = vec![0u8; size.min(1 << 16)];
    loop {
        let n = host::getdents64(fd, &mut buf)?;
        let left = without_hidden(fd, &mut buf, n);
        if left != 0 || n == 0 {
            buf.truncate(left);
            return Ok(buf);
        }
    }
}

pub(super) fn getdents64(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let records = next_records(fd_of(a[0]), size(low32(a[2]).into()))?;
    ctx.put(a[1], &records)?;
    Ok(records.len() as u64)
}

/// getdents(2): the old record has the type as its last byte instead of before the name; sizes are equal.
pub(super) fn getdents(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut buf = next_records(fd_of(a[0]), size(low32(a[2]).into()))?;
    let n = buf.len();
    let mut at = 0;
    while at + 19 < n {
        let len = usize::from(u16::from_le_bytes([buf[at + 16], buf[at + 17]]));
        let kind = buf[at + 18];
        buf.copy_within(at + 19..at + len, at + 18);
        buf[at + len - 1] = kind;
        at += len;
    }
    ctx.put(a[1], &buf[..n])?;
    Ok(n as u64)
}

pub(super) fn epoll_create(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if int(a[0]) <= 0 {
        return Err(Errno::EINVAL);
    }
    raw::syscall(libc::SYS_epoll_create1, [0; 6])
}

pub(super) fn epoll_ctl(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    let mut pointer = 0;
    if int(a[1]) != libc::EPOLL_CTL_DEL {
        let b: [u8; EPOLL_EVENT] = ctx.get(a[3])?;
        event.events = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        event.u64 = u64::from_le_bytes([b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11]]);
        pointer = address_of_mut(&mut event);
    }
    raw::syscall(libc::SYS_epoll_ctl, [a[0], a[1], a[2], pointer, 0, 0])
}

/// The guest's signal mask argument for a waiting call, as felix hands it to the host.
fn call_mask(ctx: &mut Ctx<'_>, pointer: u64, len: u64) -> Result<Option<u64>> {
    if pointer == 0 {
        return Ok(None);
    }
    if len != 8 {
        return Err(Errno::EINVAL);
    }
    super::signal::mask_of_call(ctx, pointer).map(Some)
}

fn wait_epoll(ctx: &mut Ctx<'_>, nr: libc::c_long, a: [u64; 6], timeout: u64) -> Result<u64> {
    let max = int(a[2]);
    if max <= 0 {
        return Err(Errno::EINVAL);
    }
    let mask = call_mask(ctx, a[4], a[5])?;
    let mut events =
        vec![libc::epoll_event { events: 0, u64: 0 }; usize::try_from(max.min(4096)).unwrap_or(1)];
    let buffer = address_of_mut(events.as_mut_slice());
    let n = super::signal::wait(
        ctx,
        nr,
        [
            a[0],
            buffer,
            events.len() as u64,
            timeout,
            mask.as_ref().map_or(0, address_of),
            8,
        ],
    )?;
    let mut out = Vec::with_capacity(size(n) * EPOLL_EVENT);
    for e in &events[..size(n)] {
        out.extend_from_slice(&{ e.events }.to_le_bytes());
        out.extend_from_slice(&{ e.u64 }.to_le_bytes());
    }
    ctx.put(a[1], &out)?;
    Ok(n)
}

pub(super) fn epoll_wait(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    wait_epoll(
        ctx,
        libc::SYS_epoll_pwait,
        [a[0], a[1], a[2], a[3], 0, 0],
        a[3],
    )
}

pub(super) fn epoll_pwait(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    wait_epoll(ctx, libc::SYS_epoll_pwait, a, a[3])
}

pub(super) fn epoll_pwait2(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    wait_epoll(ctx, libc::SYS_epoll_pwait2, a, a[3])
}

pub(super) fn poll(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let ms = int(a[2]);
    let time = [i64::from(ms / 1000), i64::from(ms % 1000) * 1_000_000];
    let pointer = if ms < 0 { 0 } else { address_of(&time) };
    super::signal::wait(ctx, libc::SYS_ppoll, [a[0], a[1], pointer, 0, 0, 0])
}

pub(super) fn ppoll(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mask = call_mask(ctx, a[3], a[4])?;
    super::signal::wait(
        ctx,
        libc::SYS_ppoll,
        [a[0], a[1], a[2], mask.as_ref().map_or(0, address_of), 8, 0],
    )
}

/// select(2): microseconds in, and what is left of them out.
pub(super) fn select(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut time = [0i64; 2];
    let mut pointer = 0;
    if a[4] != 0 {
        let (s, us) = (
            ctx.get_u64(a[4])?.cast_signed(),
            ctx.get_u64(a[4].wrapping_add(8))?.cast_signed(),
        );
        if s < 0 || us < 0 {
            return Err(Errno::EINVAL);
        }
        time = [s.saturating_add(us / 1_000_000), us % 1_000_000 * 1000];
        pointer = address_of_mut(&mut time);
    }
    let r = super::signal::wait(
        ctx,
        libc::SYS_pselect6,
        [a[0], a[1], a[2], a[3], pointer, 0],
    );
    if pointer != 0 {
        let mut left = [0; 16];
        left[..8].copy_from_slice(&time[0].to_le_bytes());
        left[8..].copy_from_slice(&(time[1] / 1000).to_le_bytes());
        // As Linux: a timeout that cannot be written back is no error.
        let _ = ctx.put(a[4], &left);
    }
    r
}

/// The mask of a call that has the sixth argument point to it and its size.
pub(super) fn mask_and_size(ctx: &mut Ctx<'_>, at: u64) -> Result<Option<u64>> {
    if at == 0 {
        return Ok(None);
    }
    let (set, len) = (ctx.get_u64(at)?, ctx.get_u64(at.wrapping_add(8))?);
    call_mask(ctx, set, len)
}

pub(super) fn pselect6(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mask = mask_and_size(ctx, a[5])?;
    let pair = [mask.as_ref().map_or(0, address_of), 8];
    super::signal::wait(
        ctx,
        libc::SYS_pselect6,
        [a[0], a[1], a[2], a[3], a[4], address_of(&pair)],
    )
}

//! The x86-64 Linux ABI: system calls, structures, signal frames.
//!
//! Knows no engine: what a call needs of one (invalidated code, a new thread, the end) is left in the `Ctx` for
//! `run` to do. Host and guest structures that are the same on all felix's hosts are not converted;
//! `abi` asserts that they are.

pub mod abi;
mod aio;
mod core;
mod fs;
mod given;
mod ipc;
mod misc;
mod mm;
mod net;
mod process;
mod ptrace;
mod seccomp;
mod seccomp_unotify;
mod set_mm;
pub mod signal;
mod strace;
pub mod table;
mod time;
pub mod traced;
mod user_dispatch;
mod watch;

use crate::kernel::exec::{AbiInfo, Exec};
use crate::kernel::task::Again;
use crate::kernel::vfs::{At, Last, Use};
use crate::kernel::{Process, Task, fd, procfs, tracer};
use crate::mem::space::{Changes, PAGE, WRITE, space};
use crate::sys::cast::{int, low32, size};
use crate::sys::{Errno, guest, host, raw};
use crate::x86::{CpuState, Gpr, GuestAddr, MemFault, MemFaultKind, cpuid};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use table::{Arg, Handler, RES, Source};

pub use process::{CloneArgs, flag as clone_flag};

/// A system call's result before it becomes RAX.
pub type Result<T> = std::result::Result<T, Errno>;

/// What `run` has to do after a system call.
#[derive(Debug, Default)]
pub enum Flow {
    /// Nothing.
    #[default]
    Continue,
    /// End this thread.
    ExitThread(i32),
    /// End the process.
    ExitGroup(i32),
    /// End this thread by a signal that ends no other thread.
    KillThread(i32),
    /// Make a thread or process; the result goes to RAX.
    Clone(CloneArgs),
    /// Load a program in place, because felix cannot be executed again.
    Exec(Exec),
}

/// One system call, or one signal, of one guest thread.
pub struct Ctx<'a> {
    /// The process.
    pub process: &'a Arc<Process>,
    /// The thread.
    pub task: &'a mut Task,
    /// Its registers.
    pub cpu: &'a mut CpuState,
    /// Where code may have changed.
    pub changes: Changes,
    /// What is left to do.
    pub flow: Flow,
    /// The registers were replaced: RAX is no result.
    pub replaced: bool,
}

impl From<MemFault> for Errno {
    fn from(_: MemFault) -> Errno {
        Errno::EFAULT
    }
}

/// The low part of a C `int` argument that is a descriptor.
fn fd_of(v: u64) -> i32 {
    int(v)
}

impl<'a> Ctx<'a> {
    /// A context for one event.
    pub fn new(process: &'a Arc<Process>, task: &'a mut Task, cpu: &'a mut CpuState) -> Ctx<'a> {
        Ctx {
            process,
            task,
            cpu,
            changes: Changes::new(),
            flow: Flow::Continue,
            replaced: false,
        }
    }

    /// A NUL-terminated string of the guest, at most PATH_MAX long.
    fn cstr(&self, addr: u64) -> Result<Vec<u8>> {
        self.string(addr, 4096, Errno::ENAMETOOLONG)
    }

    fn string(&self, addr: u64, max: usize, too_long: Errno) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut at = addr;
        loop {
            // Not over a page's end, which may be the mapping's end.
            let n = size((4096 - at % 4096).min(256));
            let mut chunk = [0u8; 256];
            guest::read_bytes(GuestAddr(at), &mut chunk[..n])?;
            if let Some(end) = chunk[..n].iter().position(|b| *b == 0) {
                out.extend_from_slice(&chunk[..end]);
                return if out.len() < max {
                    Ok(out)
                } else {
                    Err(too_long)
                };
            }
            out.extend_from_slice(&chunk[..n]);
            if out.len() >= max {
                return Err(too_long);
            }
            at = at.wrapping_add(n as u64);
        }
    }

    fn get<const N: usize>(&self, addr: u64) -> Result<[u8; N]> {
        let mut b = [0; N];
        guest::read_bytes(GuestAddr(addr), &mut b)?;
        Ok(b)
    }

    fn get_u64(&self, addr: u64) -> Result<u64> {
        Ok(u64::from_le_bytes(self.get(addr)?))
    }

    /// Writes to guest memory; code translated from there is dropped.
    fn put(&mut self, addr: u64, bytes: &[u8]) -> Result<()> {
        loop {
            match guest::write_bytes(GuestAddr(addr), bytes) {
                Ok(()) => return Ok(()),
                Err(f) if f.kind == MemFaultKind::Protection && space().unwatch(f.addr.0) => {
                    let page = f.addr.0 & !(PAGE - 1);
                    let range = page..page + PAGE;
                    self.changes.extend(space().aliases(&range));
                    self.changes.push(range);
                }
                Err(f) => return Err(f.into()),
            }
        }
    }

    fn at(&self, dirfd: u64, path: u64, last: Last) -> Result<At> {
        self.at_for(dirfd, path, last, Use::Look)
    }

    fn at_for(&self, dirfd: u64, path: u64, last: Last, does: Use) -> Result<At> {
        let path = self.cstr(path)?;
        self.task.fs.allow(self.found(dirfd, &path, last)?, does)
    }

    /// Resolves a path, by /proc/PID/exe to the guest's program: for the host it is a link to felix, and the resolver refuses to
    /// follow it.
    fn found(&self, dirfd: u64, path: &[u8], last: Last) -> Result<At> {
        let fs = &self.task.fs;
        let link = |at: &At| procfs::link(self.process, self.task, at);
        match (fs.resolve(fd_of(dirfd), path, last), last) {
            (Err(Errno::EACCES), Last::Follow) => {
                let at = fs.resolve(fd_of(dirfd), path, Last::NoFollow)?;
                link(&at).ok_or(Errno::EACCES)?.follow(fs)
            }
            (Ok(at), Last::Follow) => match link(&at) {
                Some(exe) => exe.follow(fs),
                None => Ok(at),
            },
            (found, _) => found,
        }
    }
}

/// AT_FDCWD as a register holds it.
const CWD: u64 = crate::sys::cast::reg(libc::AT_FDCWD);

/// What the ABI adds to the auxiliary vector of a new program.
#[must_use]
pub fn abi_info() -> AbiInfo {
    AbiInfo {
        platform: b"x86_64",
        hwcap: cpuid::leaf(1, 0)[3].into(),
        hwcap2: 2, // HWCAP2_FSGSBASE: RDFSBASE and its kin are allowed.
        min_signal_stack: signal::MIN_STACK,
    }
}

/// The arguments of a system call (Linux's entry_64.S).
fn arguments(cpu: &CpuState) -> [u64; 6] {
    [Gpr::RDI, Gpr::RSI, Gpr::RDX, Gpr::R10, Gpr::R8, Gpr::R9].map(|r| cpu.reg(r))
}

/// The system call in RAX. On return the registers are as the guest's kernel would leave them, but for what is left in `ctx.flow`.
pub fn syscall(ctx: &mut Ctx<'_>) {
    // Linux looks at an int.
    let mut nr = u64::from(low32(ctx.cpu.reg(Gpr::RAX)));
    ctx.task.call = ctx.cpu.reg(Gpr::RAX);
    // Before a tracer and filters see it.
    if let Some(dispatch) = ctx.task.dispatch
        && user_dispatch::takes(ctx, dispatch, nr)
    {
        ctx.task.call = u64::MAX;
        return;
    }
    if ctx.task.trace.on() {
        match traced::entry(ctx) {
            Some(n) => nr = n,
            None => return,
        }
    }
    let mut args = arguments(ctx.cpu);
    let decided = if ctx.task.peer.seccomp.is_on() {
        seccomp::decide(ctx, &mut nr, &mut args)
    } else {
        None
    };
    let row = table::row(nr);
    if is_traced(ctx) || ctx.task.block.is_some() {
        time::prepare_restart(ctx, nr, &args);
    }
    let line = if ctx.process.options.strace {
        Some(strace::call(ctx, row, nr, &args))
    } else {
        None
    };
    let result = match (decided, row) {
        (Some(decided), _) => decided,
        (None, Some(row)) => loop {
            let result = match dispatch(ctx, row, args) {
                // A signal may arrive at the very instruction that makes the call; what no signal can interrupt is made
                // again, whatever the handler's flags are.
                Err(Errno::ERESTARTSYS) if is_uninterruptible(row, &args) => {
                    Err(Errno::ERESTARTNOINTR)
                }
                result => result,
            };
            // What felix makes again for itself is one call to a tracer.
            let again = result == Err(Errno::ERESTARTNOINTR) && ctx.task.unprotected.is_some();
            if !again || ctx.cpu.poll.load(Ordering::Acquire) != 0 {
                break result;
            }
        },
        (None, None) => {
            tell_unknown(nr);
            Err(Errno::ENOSYS)
        }
    };
    if let Some(line) = line {
        strace::result(&line, row, &result, &ctx.flow, ctx.task.tid);
    }
    if ctx.replaced {
        ctx.task.call = u64::MAX;
        return;
    }
    finish(ctx, nr, result);
}

/// Puts a call's result into RAX, or notes that it has to be made again.
pub fn finish(ctx: &mut Ctx<'_>, nr: u64, result: Result<u64>) {
    ctx.task.restart = None;
    let rax = match result {
        Ok(v) => v,
        Err(e) if is_traced(ctx) && again(ctx, nr, e).is_some() => {
            ctx.task.again = again(ctx, nr, e).unwrap_or(Again::Always);
            ctx.task.restart = Some(nr);
            crate::sys::cast::reg(-Errno::EINTR.0)
        }
        Err(Errno::ERESTARTNOINTR) => {
            ctx.cpu.rip = ctx.cpu.rip.wrapping_sub(2);
            nr
        }
        Err(Errno::ERESTARTSYS) => {
            ctx.task.restart = Some(nr);
            ctx.task.again = Again::IfAsked;
            crate::sys::cast::reg(-Errno::EINTR.0)
        }
        Err(e) => crate::sys::cast::reg(-e.0),
    };
    ctx.cpu.set_reg(Gpr::RAX, rax);
}

/// Once for each number, in one process: some programs try for ever.
fn tell_unknown(nr: u64) {
    static TOLD: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];
    // Those that will never be are one.
    let number = nr.min(TOLD.len() as u64 * 64 - 1);
    let bit = 1 << (number % 64);
    let told = TOLD[size(number / 64)].fetch_or(bit, Ordering::Relaxed);
    if told & bit == 0 {
        tracing::warn!("system call {nr} does not exist: ENOSYS");
    }
}

/// True of a thread that has a tracer, or is about to learn so.
fn is_traced(ctx: &Ctx<'_>) -> bool {
    ctx.task.trace.on() || ctx.task.mailbox.is_kicked()
}

/// When the call of a thread that is traced is made again: what interrupts it may be nothing but its tracer, and then the host's
/// kernel has told felix EINTR where it would have told the guest nothing (signal(7), "Interruption of system calls").
fn again(ctx: &Ctx<'_>, nr: u64, e: Errno) -> Option<Again> {
    match e {
        // Natively it would have begun.
        Errno::ERESTARTNOINTR | Errno::EINTR if ctx.task.block.is_some() => Some(Again::FromBlock),
        Errno::ERESTARTNOINTR => Some(Again::Always),
        Errno::ERESTARTSYS => Some(Again::IfAsked),
        Errno::EINTR => {
            let name = table::row(nr).map_or("", |r| r.name);
            let waits = [
                "poll",
                "ppoll",
                "select",
                "pselect6",
                "nanosleep",
                "clock_nanosleep",
                "pause",
                "rt_sigsuspend",
                "futex",
            ];
            waits.contains(&name).then_some(Again::IfUnhandled)
        }
        _ => None,
    }
}

fn dispatch(ctx: &mut Ctx<'_>, row: &table::Row, args: [u64; 6]) -> Result<u64> {
    for (kind, v) in row.args.iter().zip(args) {
        if kind.is_descriptor() && fd::is_hidden(int(v)) {
            return Err(Errno::EBADF);
        }
        if *kind == Arg::FdM && ctx.task.fs.is_descriptor_read_only(fd_of(v)) {
            let by_path =
                host::fcntl(fd_of(v), libc::F_GETFL, 0)? & u64::from(libc::O_PATH.cast_unsigned());
            return Err(if by_path == 0 {
                Errno::EROFS
            } else {
                Errno::EBADF
            });
        }
    }
    let r = dispatch_visible(ctx, row, args);
    let r = r.and_then(|n| given::reveal(ctx, row, &args, n));
    for (kind, v) in row.args.iter().zip(args) {
        if *kind == Arg::FdW
            && let Ok(n) = r
        {
            file_changed(ctx, fd_of(v));
            if tracer::is_tracer() {
                // pwrite64(2) and its kin say where.
                let at = matches!(row.nr, 18 | 296 | 328)
                    .then_some((args[3], args[3].saturating_add(n)));
                ptrace::memory_written(v, at);
            }
        }
    }
    r
}

/// A file was written: if the guest executes it through a shared mapping, that code has changed.
fn file_changed(ctx: &mut Ctx<'_>, fd: i32) {
    if space().executes_shared_files()
        && let Ok(st) = host::fstat(fd)
    {
        let dev = (libc::major(st.st_dev), libc::minor(st.st_dev));
        let code = space().code_of_file(dev, st.st_ino);
        ctx.changes.extend(code);
    }
}

fn dispatch_visible(ctx: &mut Ctx<'_>, row: &table::Row, args: [u64; 6]) -> Result<u64> {
    if space().watches() {
        for (i, kind) in row.args.iter().enumerate() {
            let count = args.get(i + 1).copied().unwrap_or(0);
            prepare(ctx, *kind, args[i], count);
        }
    }
    match row.handler {
        Handler::Call(f) => f(ctx, args),
        Handler::Refused(e) => {
            tracing::debug!("{} is refused: {e:?}", row.name);
            Err(e)
        }
        Handler::Mounts(_) if ctx.task.fs.is_rooted() => Err(Errno::EPERM),
        Handler::Pass(nr) | Handler::Mounts(nr) => pass(ctx, row, nr, args, None, false),
        Handler::Wait(nr) => pass(ctx, row, nr, args, None, true),
        Handler::Map(nr, map) => pass(ctx, row, nr, args, Some(map), false),
        Handler::Ioctl
            if changes_file(args[1]) && ctx.task.fs.is_descriptor_read_only(fd_of(args[0])) =>
        {
            Err(Errno::EROFS)
        }
        Handler::Ioctl => match seccomp_unotify::ioctl(ctx, args) {
            Some(r) => r,
            None => pass(ctx, row, libc::SYS_ioctl, args, None, true),
        },
    }
}

/// True of the requests of ioctl(2) that change a file whether it is open for writing or not (FS_IOC_SETFLAGS,
/// FS_IOC_SETVERSION, FS_IOC_FSSETXATTR).
fn changes_file(request: u64) -> bool {
    matches!(low32(request), 0x4008_6602 | 0x4008_7602 | 0x401c_5820)
}

/// How the path that is argument `i` is resolved, of calls that are told so by their flags.
fn said_by_flags(row: &table::Row, i: usize, args: &[u64; 6]) -> Option<Last> {
    const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
    const FSPICK_SYMLINK_NOFOLLOW: u64 = 2;
    const MOVE_MOUNT_F_SYMLINKS: u64 = 1;
    const MOVE_MOUNT_T_SYMLINKS: u64 = 0x10;
    let follow = match (libc::c_long::from(row.nr), i) {
        // open_tree, mount_setattr, open_tree_attr.
        (428 | 442 | 467, 1) => args[2] & AT_SYMLINK_NOFOLLOW == 0,
        // move_mount.
        (429, 1) => args[4] & MOVE_MOUNT_F_SYMLINKS != 0,
        (429, 3) => args[4] & MOVE_MOUNT_T_SYMLINKS != 0,
        // fspick.
        (433, 1) => args[2] & FSPICK_SYMLINK_NOFOLLOW == 0,
        _ => return None,
    };
    Some(if follow { Last::Follow } else { Last::NoFollow })
}

/// A call the host does, with paths resolved as the row says. `waits`: a signal can interrupt it.
fn pass(
    ctx: &mut Ctx<'_>,
    row: &table::Row,
    nr: libc::c_long,
    args: [u64; 6],
    map: Option<&[Source]>,
    waits: bool,
) -> Result<u64> {
    let mut ats: [Option<At>; 6] = [const { None }; 6];
    let mut names: [Option<std::ffi::CString>; 6] = [const { None }; 6];
    let mut args = args;
    // The path that is relative to its own directory.
    let mut here = None;
    for (i, kind) in row.args.iter().enumerate() {
        let Some((last, does)) = kind.path() else {
            continue;
        };
        let last = said_by_flags(row, i, &args).unwrap_or(last);
        let has_dir = i > 0 && row.args[i - 1] == Arg::Dir;
        if args[i] == 0 {
            continue;
        }
        let path = ctx.cstr(args[i])?;
        if path.is_empty() && has_dir {
            // AT_EMPTY_PATH: the descriptor itself; without the flag the host says ENOENT.
            continue;
        }
        let dir = if has_dir { args[i - 1] } else { CWD };
        let at = (ctx.task.fs).allow(ctx.found(dir, &path, last)?, does)?;
        if has_dir {
            args[i - 1] = crate::sys::cast::reg(at.fd());
            args[i] = host::address_of(at.name.as_bytes_with_nul());
        } else if map.is_none() {
            match at.path()? {
                Some(p) => {
                    args[i] = host::address_of(p.as_bytes_with_nul());
                    names[i] = Some(p);
                }
                // One of two places cannot be the current directory.
                None if here.is_some() => return Err(Errno::EACCES),
                None => {
                    args[i] = host::address_of(at.name.as_bytes_with_nul());
                    here = Some(i);
                }
            }
        }
        ats[i] = Some(at);
    }
    if let Some(map) = map {
        let from = args;
        args = [0; 6];
        let mut n = 0;
        for m in map {
            match m {
                Source::A(i) => args[n] = from[*i],
                Source::K(v) => args[n] = *v,
                Source::P(i) => {
                    let (dir, name) = match &ats[*i] {
                        Some(at) => (
                            crate::sys::cast::reg(at.fd()),
                            host::address_of(at.name.as_bytes_with_nul()),
                        ),
                        None => (CWD, from[*i]),
                    };
                    args[n] = dir;
                    n += 1;
                    args[n] = name;
                }
            }
            n += 1;
        }
    }
    let result = match here.and_then(|i: usize| ats[i].as_ref()) {
        Some(at) => at.from_here(|| raw::interruptible(nr, args)),
        None if waits => signal::wait(ctx, nr, args),
        None => raw::interruptible(nr, args),
    };
    if result == Err(Errno::EFAULT) {
        retry_after_unprotect(ctx, row, args)?;
    }
    ctx.task.unprotected = None;
    match result {
        Err(Errno::ERESTARTSYS) if !waits => Err(Errno::ERESTARTNOINTR),
        other => other,
    }
}

/// True for a call that no signal makes fail with EINTR, though others of its name can wait.
fn is_uninterruptible(row: &table::Row, args: &[u64; 6]) -> bool {
    let has = |word: u64, flags: i32| int(word) & flags != 0;
    let file = int(args[0]);
    match row.name {
        // Once it has begun the descriptor is gone, and it is never made again.
        "close" => true,
        // All but FUTEX_WAIT and FUTEX_WAIT_BITSET. FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI and FUTEX_LOCK_PI2, which do wait,
        // are made again whatever the handler's flags are (kernel/futex/pi.c, kernel/futex/requeue.c).
        "futex" => !matches!(args[1] & 0x7f, 0 | 9),
        "flock" => has(args[1], libc::LOCK_NB | libc::LOCK_UN),
        "fcntl" => !matches!(int(args[1]), libc::F_SETLKW | libc::F_OFD_SETLKW),
        "msgsnd" => has(args[3], libc::IPC_NOWAIT),
        "msgrcv" => has(args[4], libc::IPC_NOWAIT),
        "getrandom" => args[1] <= 256,
        "read" | "write" | "readv" | "writev" | "pread64" | "pwrite64" | "preadv" | "pwritev"
        | "preadv2" | "pwritev2" | "accept" | "accept4" | "connect" => never_waits(file),
        "sendto" | "recvfrom" | "sendmmsg" | "recvmmsg" => {
            has(args[3], libc::MSG_DONTWAIT) || never_waits(file)
        }
        "sendmsg" | "recvmsg" => has(args[2], libc::MSG_DONTWAIT) || never_waits(file),
        _ => false,
    }
}

/// True for a file that reading or writing does not have to wait for: one on a disk, or open with O_NONBLOCK.
fn never_waits(file: std::os::fd::RawFd) -> bool {
    let kind = host::fstat(file).map_or(0, |st| st.st_mode & libc::S_IFMT);
    matches!(kind, libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK)
        || host::fcntl(file, libc::F_GETFL, 0)
            .is_ok_and(|flags| flags & u64::from(libc::O_NONBLOCK.cast_unsigned()) != 0)
}

/// `prepare_for_writing` for what an argument of this kind points to.
fn prepare(ctx: &mut Ctx<'_>, kind: Arg, at: u64, count: u64) {
    // UIO_MAXIOV.
    const MOST: u64 = 1024;
    match kind {
        _ if at == 0 => {}
        Arg::Res => prepare_for_writing(ctx, at, RES),
        // msgrcv(2) also writes the type, which the size does not count.
        Arg::Buf => prepare_for_writing(ctx, at, count.saturating_add(8)),
        Arg::Iov => {
            for i in 0..count.min(MOST) {
                let p = at.wrapping_add(16 * i);
                let (Ok(start), Ok(len)) = (ctx.get_u64(p), ctx.get_u64(p.wrapping_add(8))) else {
                    return;
                };
                prepare_for_writing(ctx, start, len);
            }
        }
        Arg::Msg => {
            prepare_for_writing(ctx, at, 64);
            // Name, vector and control data, each followed by its size.
            for (place, kind) in [(0, Arg::Res), (16, Arg::Iov), (32, Arg::Buf)] {
                let p = at.wrapping_add(place);
                let (Ok(to), Ok(n)) = (ctx.get_u64(p), ctx.get_u64(p.wrapping_add(8))) else {
                    return;
                };
                prepare(ctx, kind, to, n);
            }
        }
        Arg::Msgs => {
            for i in 0..count.min(MOST) {
                prepare(ctx, Arg::Msg, at.wrapping_add(64 * i), 0);
            }
        }
        _ => {}
    }
}

/// Code translated from where a call is about to write is dropped, so that the host can write there: it would stop at a
/// page that only felix has write-protected, and report what it did until then.
fn prepare_for_writing(ctx: &mut Ctx<'_>, start: u64, len: u64) {
    let end = start.saturating_add(len);
    for page in space().unwatch_pages(start & !(PAGE - 1)..end) {
        let range = page..page + PAGE;
        ctx.changes.extend(space().aliases(&range));
        ctx.changes.push(range);
    }
}

/// The host may have failed to write a page that is write-protected only because code was translated from it. If an argument
/// points into memory that the guest may write to, that code is dropped and the call made again.
fn retry_after_unprotect(ctx: &mut Ctx<'_>, row: &table::Row, args: [u64; 6]) -> Result<()> {
    for (kind, v) in row.args.iter().zip(args) {
        if kind.is_pointer()
            && let Some((range, rights)) = space().rights(v)
            && rights & WRITE != 0
            && ctx.task.unprotected != Some(ctx.cpu.rip)
            && space().unwatch_range(v & !(PAGE - 1)..range.end)
        {
            let range = v & !(PAGE - 1)..range.end;
            ctx.changes.extend(space().aliases(&range));
            ctx.changes.push(range);
            ctx.task.unprotected = Some(ctx.cpu.rip);
            return Err(Errno::ERESTARTNOINTR);
        }
    }
    Ok(())
}

//! Processes and threads (clone(2), execve(2), exit(2), set_tid_address(2) ...).

use super::{CWD, Ctx, Flow, Result, fd_of};
use crate::kernel::exec::{self, Exec};
use crate::kernel::rseq::{self, Rseq};
use crate::kernel::task::Leaving;
use crate::kernel::vfs::{Join, Last};
use crate::mem::space::{LIMIT, PAGE, Resource, space};
use crate::sys::cast::{int, low32, size as size_of};
use crate::sys::ids::SetId;
use crate::sys::thread::Given;
use crate::sys::{Errno, guest, host, limit, namespace, proc, raw, rseq as host_rseq, thread};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// clone(2) flags.
pub mod flag {
    #![allow(missing_docs)] // clone(2)'s names.
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const VFORK: u64 = 0x4000;
    pub const PARENT: u64 = 0x8000;
    pub const THREAD: u64 = 0x1_0000;
    pub const NEWNS: u64 = 0x2_0000;
    pub const SYSVSEM: u64 = 0x4_0000;
    pub const SETTLS: u64 = 0x8_0000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const DETACHED: u64 = 0x40_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    pub const NEWUSER: u64 = 0x1000_0000;
    pub const NEWPID: u64 = 0x2000_0000;
    pub const CLEAR_SIGHAND: u64 = 1 << 32;
    pub const INTO_CGROUP: u64 = 1 << 33;
}

/// A request for a thread or a process.
#[derive(Clone, Copy, Default, Debug)]
pub struct CloneArgs {
    /// CLONE_* flags without the exit signal.
    pub flags: u64,
    /// Signal to the parent when the child ends.
    pub exit_signal: u64,
    /// The child's stack pointer; 0 keeps the parent's.
    pub stack: u64,
    /// Where the parent finds the child's id.
    pub parent_tid: u64,
    /// Where the child finds its id, and what is cleared when it ends.
    pub child_tid: u64,
    /// FS base.
    pub tls: u64,
    /// Where the parent finds a descriptor for the child.
    pub pidfd: u64,
    /// The child's ids (set_tid), from the innermost PID namespace outwards, and how many there are.
    pub ids: [i32; MAX_IDS],
    /// See `ids`.
    pub id_count: usize,
    /// The cgroup the child begins in, with CLONE_INTO_CGROUP.
    pub cgroup: u64,
}

impl CloneArgs {
    /// What only the host's clone3(2) can give.
    #[must_use]
    pub fn given(&self) -> Given<'_> {
        Given {
            ids: &self.ids[..self.id_count],
            cgroup: self.cgroup,
        }
    }
}

/// MAX_PID_NS_LEVEL: how deep PID namespaces nest.
const MAX_IDS: usize = 32;

/// Leaves the request to `run`, if Linux would not refuse it (copy_process in kernel/fork.c).
fn request(ctx: &mut Ctx<'_>, args: CloneArgs) -> Result<u64> {
    let has = |f: u64| args.flags & f != 0;
    let refused = (has(flag::NEWNS) && has(flag::FS))
        || (has(flag::NEWUSER) && has(flag::FS))
        || (has(flag::THREAD) && !has(flag::SIGHAND))
        || (has(flag::SIGHAND) && !has(flag::VM))
        || (has(flag::THREAD) && has(flag::NEWUSER | flag::NEWPID))
        || (has(flag::PIDFD) && has(flag::DETACHED));
    if refused {
        return Err(Errno::EINVAL);
    }
    if has(flag::PIDFD) {
        // Before there is a child: Linux would undo it.
        ctx.put(args.pidfd, &(-1i32).to_le_bytes())?;
    }
    if has(flag::NEWNS) {
        ctx.process.options.keep_felix();
    }
    ctx.flow = Flow::Clone(args);
    Ok(0)
}

pub(super) fn clone(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let args = CloneArgs {
        flags: a[0] & 0xffff_ff00,
        exit_signal: a[0] & 0xff,
        stack: a[1],
        parent_tid: a[2],
        child_tid: a[3],
        tls: a[4],
        pidfd: a[2],
        ..CloneArgs::default()
    };
    if args.flags & flag::PIDFD != 0 && args.flags & flag::PARENT_SETTID != 0 {
        return Err(Errno::EINVAL);
    }
    request(ctx, args)
}

/// clone3(2): ids only for a process, which the host makes by the same call.
pub(super) fn clone3(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    const SMALLEST: u64 = 64;
    const KNOWN: u64 = 88;
    match a[1] {
        n if n > PAGE => return Err(Errno::E2BIG),
        n if n < SMALLEST => return Err(Errno::EINVAL),
        _ => {}
    }
    for i in KNOWN..a[1] {
        if ctx.get::<1>(a[0].wrapping_add(i))? != [0] {
            return Err(Errno::E2BIG);
        }
    }
    let word = |i: u64| match 8 * i < a[1] {
        true => ctx.get_u64(a[0].wrapping_add(8 * i)),
        false => Ok(0),
    };
    let (flags, exit_signal) = (word(0)?, word(4)?);
    let (stack, size) = (word(5)?, word(6)?);
    let (set_tid, set_tid_size) = (word(8)?, word(9)?);
    let cgroup = word(10)?;
    let known = 0xffff_ffff & !(flag::DETACHED | 0x7f) | flag::CLEAR_SIGHAND | flag::INTO_CGROUP;
    let into_cgroup = flags & flag::INTO_CGROUP != 0;
    let refused = (set_tid == 0) != (set_tid_size == 0)
        || set_tid_size > MAX_IDS as u64
        || (into_cgroup && (cgroup > 0x7fff_ffff || a[1] < KNOWN))
        || (set_tid_size != 0 && flags & flag::THREAD != 0)
        || exit_signal > 64
        || flags & !known != 0
        || (flags & flag::SIGHAND != 0 && flags & flag::CLEAR_SIGHAND != 0)
        || (flags & (flag::THREAD | flag::PARENT) != 0 && exit_signal != 0)
        || (stack == 0) != (size == 0);
    if refused {
        return Err(Errno::EINVAL);
    }
    let mut ids = [0; MAX_IDS];
    for (i, id) in ids.iter_mut().enumerate().take(size_of(set_tid_size)) {
        *id = i32::from_le_bytes(ctx.get(set_tid.wrapping_add(4 * i as u64))?);
    }
    let args = CloneArgs {
        flags,
        exit_signal,
        stack: stack.wrapping_add(size),
        parent_tid: word(3)?,
        child_tid: word(2)?,
        tls: word(7)?,
        pidfd: word(1)?,
        ids,
        id_count: size_of(set_tid_size),
        cgroup,
    };
    request(ctx, args)
}

const SIGCHLD: u64 = 17;

pub(super) fn fork(ctx: &mut Ctx<'_>, _: [u64; 6]) -> Result<u64> {
    request(
        ctx,
        CloneArgs {
            exit_signal: SIGCHLD,
            ..CloneArgs::default()
        },
    )
}

pub(super) fn vfork(ctx: &mut Ctx<'_>, _: [u64; 6]) -> Result<u64> {
    request(
        ctx,
        CloneArgs {
            flags: flag::VM | flag::VFORK,
            exit_signal: SIGCHLD,
            ..CloneArgs::default()
        },
    )
}

/// A call that Linux refuses to a process of several threads. One whose end the guest has seen is still about to leave felix.
fn as_one_thread(ctx: &Ctx<'_>, call: impl Fn() -> Result<u64>) -> Result<u64> {
    until_alone(
        || ctx.process.single_threaded() && thread::has_others(),
        call,
    )
}

/// The call's result; EINVAL only if there was no other thread before it, or one stays.
fn until_alone(others: impl Fn() -> bool, call: impl Fn() -> Result<u64>) -> Result<u64> {
    // Where there is always another one, qemu-user's own, it is the call that is wrong.
    const TRIES: u32 = 250;
    let mut tries = 0;
    loop {
        // Asked before: one that the call fails for may be gone after it.
        let others = others();
        match call() {
            Err(Errno::EINVAL) if others && tries < TRIES => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

/// unshare(2): not what is shared between threads of one felix.
pub(super) fn unshare(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if a[0] & (flag::VM | flag::SIGHAND | flag::THREAD) != 0 && !ctx.process.single_threaded() {
        return Err(Errno::EINVAL);
    }
    if a[0] & flag::NEWNS != 0 {
        ctx.process.options.keep_felix();
    }
    as_one_thread(ctx, || raw::syscall(libc::SYS_unshare, a))?;
    if a[0] & (flag::FS | flag::NEWNS | flag::NEWUSER) != 0 {
        ctx.task.fs = Arc::new((*ctx.task.fs).clone());
    }
    if a[0] & flag::NEWNS != 0
        && let Err(e) = ctx.task.fs.enter_namespace()
    {
        tracing::error!("the root cannot be mounted in a new mount namespace: {e}");
        crate::sys::signal::die_by(libc::SIGKILL);
    }
    Ok(0)
}

/// setns(2), perhaps to where felix's executable cannot be seen. To mount namespaces with a rootfs: see `Fs::join_namespace`.
pub(super) fn setns(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    ctx.process.options.keep_felix();
    let (fd, kinds) = (fd_of(a[0]), u64::from(low32(a[1])));
    if !ctx.task.fs.is_confined() {
        return as_one_thread(ctx, || namespace::join(fd, kinds));
    }
    // A pidfd stands for what it is asked for.
    let any_kind = kinds == 0 && host::fd_path(fd)?.starts_with(b"mnt:[");
    if !any_kind && kinds & flag::NEWNS == 0 {
        return as_one_thread(ctx, || namespace::join(fd, kinds));
    }
    as_one_thread(ctx, || match ctx.task.fs.join_namespace(fd, kinds) {
        Ok(done) => Ok(done),
        Err(Join::Refused(e)) => Err(e),
        Err(Join::Lost(e)) => {
            tracing::error!("the root is not to be found in the mount namespace joined: {e}");
            crate::sys::signal::die_by(libc::SIGKILL);
        }
    })
}

pub(super) fn exit(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    ctx.flow = Flow::ExitThread(int(a[0]));
    Ok(0)
}

pub(super) fn exit_group(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    ctx.flow = Flow::ExitGroup(int(a[0]));
    Ok(0)
}

pub(super) fn set_tid_address(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    ctx.task.clear_child_tid = a[0];
    Ok(u64::from(ctx.task.tid.unsigned_abs()))
}

/// set_robust_list(2): the host walks the list if the process is killed, felix when a thread ends.
pub(super) fn set_robust_list(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if a[1] != 24 {
        return Err(Errno::EINVAL);
    }
    ctx.task.robust_list = a[0];
    raw::syscall(libc::SYS_set_robust_list, a)
}

/// rseq(2): the host keeps the guest's structure up to date. Only with the signature of the C library: felix's own sequences,
/// which are registered with the guest's, have that.
pub(super) fn rseq(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let [area, len, flags, sig, ..] = a;
    let (len, flags, sig) = (low32(len).into(), low32(flags).into(), low32(sig));
    if flags == 0 && ctx.task.rseq.is_none() {
        if sig != guest::RSEQ_SIG {
            return Err(Errno::ENOSYS);
        }
        ctx.task.rseq = Some(Rseq::register(area, len)?);
        // What was translated before: code that nobody has looked through, and that of its page.
        let page = area & !(PAGE - 1);
        (ctx.changes).push(if rseq::begin() {
            0..LIMIT
        } else {
            page..page + PAGE
        });
        return Ok(0);
    }
    host_rseq::rseq([area, len, flags, sig.into()])?;
    // It was to be taken back.
    if let Some(rseq) = ctx.task.rseq.take() {
        rseq.released();
    }
    Ok(0)
}

pub(super) fn getrlimit(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    prlimit64(ctx, [0, a[0], 0, a[1], 0, 0])
}

pub(super) fn setrlimit(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    prlimit64(ctx, [0, a[0], a[1], 0, 0, 0])
}

/// prlimit(2): the host's, but for what would limit felix itself (see `mem::space`).
pub(super) fn prlimit64(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let own = int(a[0]) == 0 || int(a[0]) == host::getpid();
    let which = match low32(a[1]) {
        2 if own => Some(Resource::Data),
        9 if own => Some(Resource::Space),
        libc::RLIMIT_NOFILE if own => None,
        which => {
            let done = raw::syscall(libc::SYS_prlimit64, a)?;
            if which == libc::RLIMIT_CORE && own && a[2] != 0 {
                super::signal::core_limit_changed(ctx.process)?;
            }
            return Ok(done);
        }
    };
    let new = match a[2] {
        0 => None,
        p => Some([ctx.get_u64(p)?, ctx.get_u64(p.wrapping_add(8))?]),
    };
    let old = match which {
        None => limit::files(),
        Some(which) => space()
            .limit(which)
            .unwrap_or_else(|| host::limit(low32(a[1]))),
    };
    match (new, which) {
        (None, _) => {}
        (Some(new), None) => limit::set_files(new)?,
        (Some([soft, hard]), _) if soft > hard => return Err(Errno::EINVAL),
        // CAP_SYS_RESOURCE is root's.
        (Some([_, hard]), _) if hard > old[1] && host::ids()[1] != 0 => return Err(Errno::EPERM),
        (new, Some(which)) => space().set_limit(which, new),
    }
    if a[3] != 0 {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&old[0].to_le_bytes());
        out[8..].copy_from_slice(&old[1].to_le_bytes());
        ctx.put(a[3], &out)?;
    }
    Ok(0)
}

/// A null-terminated array of strings.
fn strings(ctx: &Ctx<'_>, array: u64) -> Result<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    let mut total = 0;
    if array == 0 {
        return Ok(out);
    }
    for i in 0.. {
        let p = ctx.get_u64(array.wrapping_add(8 * i))?;
        if p == 0 {
            break;
        }
        // MAX_ARG_STRLEN, and a bound on all of them.
        let s = ctx.string(p, 131_072, Errno::E2BIG)?;
        total += s.len() + 9;
        if total > 6 << 20 {
            return Err(Errno::E2BIG);
        }
        out.push(s);
    }
    Ok(out)
}

/// AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW.
const EMPTY_PATH: u64 = 0x1000;
const NO_FOLLOW: u64 = 0x100;
/// AT_EACCESS.
const EFFECTIVE: u64 = 0x200;

fn run(ctx: &mut Ctx<'_>, dirfd: u64, path: u64, argv: u64, envp: u64, flags: u64) -> Result<u64> {
    if flags & !(EMPTY_PATH | NO_FOLLOW) != 0 {
        return Err(Errno::EINVAL);
    }
    let named = ctx.cstr(path)?;
    let (argv, envp) = (strings(ctx, argv)?, strings(ctx, envp)?);
    let fs = &ctx.task.fs;
    let mut path = named.clone();
    let mut file = None;
    if named.is_empty() {
        if flags & EMPTY_PATH == 0 {
            return Err(Errno::ENOENT);
        }
        let n = fd_of(dirfd);
        path = format!("/dev/fd/{n}").into_bytes();
        match host::fstat(n)?.st_mode & libc::S_IFMT {
            libc::S_IFREG => {}
            libc::S_IFLNK => return Err(Errno::ELOOP),
            _ => return Err(Errno::EACCES),
        }
        // A descriptor opened with O_PATH cannot be read: open it again.
        let open = proc::open(&format!("self/fd/{n}"), libc::O_RDONLY)?;
        let mut head = [0; 2];
        let script = host::pread_full(open.as_raw_fd(), &mut head, 0) == Ok(2) && head == *b"#!";
        if script && host::fcntl(n, libc::F_GETFD, 0)? & 1 != 0 {
            // Its interpreter would find nothing behind the name.
            return Err(Errno::ENOENT);
        }
        let itself = [
            crate::sys::cast::reg(n),
            host::address_of(c"".to_bytes_with_nul()),
        ];
        let executable = [itself[0], itself[1], 1, EMPTY_PATH | EFFECTIVE, 0, 0];
        if raw::syscall(libc::SYS_faccessat2, executable) == Err(Errno::EACCES) {
            return Err(Errno::EACCES);
        }
        if host::is_open_for_writing(open.as_raw_fd()) {
            return Err(Errno::ETXTBSY);
        }
        file = Some(open);
    } else if fd_of(dirfd) != libc::AT_FDCWD && named[0] != b'/' {
        let dir = host::fd_path(fd_of(dirfd)).map_err(|_| Errno::EBADF)?;
        let dir = fs.guest_path(&dir).ok_or(Errno::EACCES)?;
        path = [&dir[..], b"/", &named[..]].concat();
    } else if let Some(crate::kernel::procfs::Special::Exe(exe)) = fs
        .resolve(libc::AT_FDCWD, &named, Last::NoFollow)
        .ok()
        .and_then(|at| crate::kernel::procfs::special(ctx.process, ctx.task, &at))
    {
        // By descriptor: it keeps the name it is executed by.
        file = Some(exe.follow(fs)?.open(libc::O_RDONLY)?);
    }
    // Linux has another name for what is named by a directory, by which the program or its interpreter may find it.
    let by_directory = fd_of(dirfd) != libc::AT_FDCWD && !named.is_empty() && named[0] != b'/';
    if flags & NO_FOLLOW != 0
        && !named.is_empty()
        && fs
            .resolve(libc::AT_FDCWD, &path, Last::NoFollow)
            .and_then(|at| host::readlinkat(at.fd(), &at.name))
            .is_ok()
    {
        return Err(Errno::ELOOP);
    }
    // What Linux would refuse is refused before anything is given up.
    let copy = match &file {
        Some(f) => Some(host::dup_high(f.as_raw_fd(), 0)?),
        None => None,
    };
    let plan = exec::plan(fs, libc::AT_FDCWD, &path, copy, argv.clone()).map_err(|e| {
        tracing::debug!("exec of {}: {}", String::from_utf8_lossy(&e.path), e.why);
        e.errno
    })?;
    let set_id = SetId::of(plan.file());
    if file.is_none() && !plan.is_script() {
        // What it is found by may be a descriptor that is closed, and whoever it will be then may not be able to open it.
        file = match host::dup_high(plan.file(), 0) {
            Err(e) if set_id.is_some() => return Err(e),
            copy => copy.ok(),
        };
    }
    if by_directory {
        let closes = host::fcntl(fd_of(dirfd), libc::F_GETFD, 0)? & 1 != 0;
        if plan.is_script() && closes {
            return Err(Errno::ENOENT);
        }
        let at = fs.resolve(libc::AT_FDCWD, &path, Last::Follow)?;
        file = Some(at.open(libc::O_RDONLY)?);
        path = [format!("/dev/fd/{}/", fd_of(dirfd)).as_bytes(), &named[..]].concat();
    }
    drop(plan);
    let raised = limit::Raised::new();
    let kept = {
        let filters = ctx.task.peer.seccomp.to_bytes();
        exec::Kept::new(file.as_ref(), filters.as_deref())?
    };
    drop(named);
    let exec = Exec {
        path,
        file: None,
        argv,
        envp,
    };
    ctx.process.options.reach_felix();
    let personality = ctx.task.peer.personality.load(Ordering::Relaxed);
    let again = exec::again(ctx.process, fs, &exec, personality, kept, raised.guest());
    let Some(args) = again else {
        kept.close();
        return in_place(ctx, Exec { file, ..exec });
    };
    // From here to the exec nothing is on the heap that only the stack knows: see `Leaving`.
    ctx.task.leaving = Some(Leaving { exec, args });
    ctx.task.peer.seccomp.keep_over_exec(true);
    let errno = super::signal::hand_on(ctx, |task| match &task.leaving {
        Some(l) => {
            let taken = set_id.and_then(SetId::take);
            let errno = l.args.execve();
            if let Some(taken) = taken {
                taken.undo();
            }
            errno
        }
        None => Errno::ENOEXEC,
    });
    kept.close();
    ctx.task.peer.seccomp.keep_over_exec(false);
    let left = ctx.task.leaving.take();
    match errno {
        // A signal came first; execve(2) is never interrupted.
        Errno::ERESTARTNOINTR | Errno::ERESTARTSYS => Err(Errno::ERESTARTNOINTR),
        Errno::ENOEXEC | Errno::ENOENT if let Some(Leaving { exec, .. }) = left => {
            in_place(ctx, Exec { file, ..exec })
        }
        e => Err(e),
    }
}

/// Has the program loaded into this process, where felix cannot be executed again.
fn in_place(ctx: &mut Ctx<'_>, exec: Exec) -> Result<u64> {
    // Under a wrapper, which is qemu-user, a vfork is a fork.
    let borrowed = ctx.process.borrowed_memory && ctx.process.options.wrapper.is_none();
    if borrowed || !ctx.process.single_threaded() {
        tracing::warn!(
            "felix cannot execute itself for a new program; FELIX_EXEC_WRAPPER can name a program that runs it"
        );
        return Err(Errno::ENOENT);
    }
    ctx.flow = Flow::Exec(exec);
    Ok(0)
}

pub(super) fn execve(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    run(ctx, CWD, a[0], a[1], a[2], 0)
}

pub(super) fn execveat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    run(ctx, a[0], a[1], a[2], a[3], a[4])
}

#[cfg(test)]
mod tests {
    use super::{Errno, until_alone};
    use std::cell::Cell;

    #[test]
    fn a_call_refused_for_a_thread_that_leaves_meanwhile_is_made_again() {
        let leaving = Cell::new(true);
        let call = || match leaving.replace(false) {
            true => Err(Errno::EINVAL),
            false => Ok(7),
        };
        assert_eq!(until_alone(|| leaving.get(), call), Ok(7));
    }

    #[test]
    fn a_wrong_call_is_refused() {
        let calls = Cell::new(0);
        let call = || {
            calls.set(calls.get() + 1);
            Err(Errno::EINVAL)
        };
        assert_eq!(until_alone(|| false, call), Err(Errno::EINVAL));
        assert_eq!(calls.replace(0), 1);
        assert_eq!(until_alone(|| true, call), Err(Errno::EINVAL));
        assert!(calls.get() > 1);
    }
}

//! Processes in namespaces of their own (namespaces(7)), also where the host's clone(2) knows none: qemu-user makes
//! every clone without CLONE_VM a plain fork and refuses what that cannot do.
//!
//! There the child makes the namespaces by unshare(2). A PID namespace begins with that child's child, so the first one
//! stays between the two: it hands on signals one way and the exit status the other.
//!
//! And setns(2), with a look at where it leads.

use super::cast::{int, reg};
use super::host::{address_of, address_of_mut, fstatat, owned};
use super::{Errno, host, proc, raw, thread};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// All CLONE_NEW* flags of clone(2).
pub const ALL: u64 = 0x7e02_0080;
/// CLONE_NEWPID.
const PID: u64 = 0x2000_0000;
/// CLONE_NEWTIME, which only clone3(2) and unshare(2) know.
pub const TIME: u64 = 0x80;
/// CLONE_UNTRACED.
const UNTRACED: u64 = 0x80_0000;

/// unshare(2), for this thread alone.
pub fn unshare(flags: u64) -> Result<(), Errno> {
    raw::syscall(libc::SYS_unshare, [flags, 0, 0, 0, 0, 0]).map(drop)
}

/// Moves this thread into the cgroup that a descriptor stands for (cgroups(7), cgroup.threads), with the errors of CLONE_INTO_CGROUP.
pub fn enter_cgroup(cgroup: u64) -> Result<(), Errno> {
    let name = c"cgroup.threads";
    let file = host::openat(int(cgroup), name, libc::O_WRONLY, 0);
    let file = file.map_err(|e| match e {
        // It is no cgroup's.
        Errno::ENOENT | Errno::ENOTDIR => Errno::EBADF,
        e => e,
    })?;
    let itself = b"0";
    let args = [reg(file.as_raw_fd()), address_of(itself), 1, 0, 0, 0];
    raw::syscall(libc::SYS_write, args).map(drop)
}

/// What a mount namespace is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MountNamespace {
    /// Device and inode of its file in /proc/PID/ns.
    pub id: (u64, u64),
    /// Device and inode of what `/` is to a process that has joined it.
    pub root: (u64, u64),
}

/// clone(2) without CLONE_VM, with `flags` and the signal to send at its end. 0 in the child.
pub fn fork(flags: u64, exit_signal: u64) -> Result<u64, Errno> {
    match thread::fork_with(flags | exit_signal) {
        Err(Errno::EINVAL)
            if flags & ALL != 0 && flags & !ALL == 0 && exit_signal == reg(libc::SIGCHLD) =>
        {
            in_steps(flags)
        }
        made => made,
    }
}

fn in_steps(flags: u64) -> Result<u64, Errno> {
    let mut ends = [0i32; 2];
    let cloexec = reg(libc::O_CLOEXEC);
    raw::syscall(
        libc::SYS_pipe2,
        [address_of_mut(&mut ends), cloexec, 0, 0, 0, 0],
    )?;
    let [out, into] = ends.map(|n| owned(reg(n)));
    let pid = thread::fork()?;
    if pid != 0 {
        drop(into);
        let mut errno = [0u8; 4];
        let buffer = address_of_mut(&mut errno);
        // The child says it, or has ended.
        let said = raw::syscall(libc::SYS_read, [reg(out.as_raw_fd()), buffer, 4, 0, 0, 0]);
        return match (said, i32::from_le_bytes(errno)) {
            (Ok(4), 0) => Ok(pid),
            (_, e) => {
                let _ = raw::syscall(libc::SYS_wait4, [pid, 0, 0, 0, 0, 0]);
                Err(if e == 0 { Errno::EAGAIN } else { Errno(e) })
            }
        };
    }
    drop(out);
    if let Err(e) = unshare(flags) {
        tell(into, e.0);
        leave(1);
    }
    if flags & PID == 0 {
        tell(into, 0);
        return Ok(0);
    }
    match thread::fork() {
        Ok(0) => {
            drop(into);
            let kill = reg(libc::SIGKILL);
            let death = reg(libc::PR_SET_PDEATHSIG);
            let _ = raw::syscall(libc::SYS_prctl, [death, kill, 0, 0, 0, 0]);
            Ok(0)
        }
        Ok(child) => {
            tell(into, 0);
            stay(child)
        }
        Err(e) => {
            tell(into, e.0);
            leave(1)
        }
    }
}

/// The end of a process of felix's own, which has nothing to say at it (the profile, for one, is the guest's).
fn leave(status: i32) -> ! {
    loop {
        let _ = raw::syscall(libc::SYS_exit_group, [reg(status), 0, 0, 0, 0, 0]);
    }
}

fn tell(into: OwnedFd, errno: i32) {
    let text = errno.to_le_bytes();
    let fd = reg(into.as_raw_fd());
    let _ = raw::syscall(libc::SYS_write, [fd, address_of(&text), 4, 0, 0, 0]);
}

/// Stays between parent and child until the child's end, with every signal blocked.
fn stay(child: u64) -> ! {
    // The other ends of the guest's pipes are to see theirs close.
    let _ = raw::syscall(libc::SYS_close_range, [0, u64::from(u32::MAX), 0, 0, 0, 0]);
    let all = u64::MAX;
    loop {
        let set = address_of(&all);
        let signal = raw::syscall(libc::SYS_rt_sigtimedwait, [set, 0, 0, 8, 0, 0]);
        let mut status = 0i32;
        let nohang = reg(libc::WNOHANG);
        let args = [child, address_of_mut(&mut status), nohang, 0, 0, 0];
        match (raw::syscall(libc::SYS_wait4, args), signal) {
            (Ok(0), Ok(n)) if int(n) != libc::SIGCHLD => {
                let _ = raw::syscall(libc::SYS_kill, [child, n, 0, 0, 0, 0]);
            }
            (Ok(0), _) => {}
            _ if libc::WIFSIGNALED(status) => super::signal::die_by(libc::WTERMSIG(status)),
            _ => leave(libc::WEXITSTATUS(status)),
        }
    }
}

/// setns(2).
pub fn join(fd: RawFd, kinds: u64) -> Result<u64, Errno> {
    raw::syscall(libc::SYS_setns, [reg(fd), kinds, 0, 0, 0, 0])
}

/// The mount namespace that `join` would lead to; the error of setns(2) if it would not. A process of its own goes and looks,
/// because there may be no way back.
pub fn ahead(fd: RawFd, kinds: u64) -> Result<MountNamespace, Errno> {
    let mut ends = [0i32; 2];
    let cloexec = reg(libc::O_CLOEXEC);
    let at = address_of_mut(&mut ends);
    raw::syscall(libc::SYS_pipe2, [at, cloexec, 0, 0, 0, 0])?;
    let [out, into] = ends.map(|n| owned(reg(n)));
    let proc = proc::kept().ok_or(Errno::ENOENT)?;
    // No signal tells anybody of its end; where that cannot be had (qemu-user), it is a child like others.
    let child = raw::syscall(libc::SYS_clone, [UNTRACED, 0, 0, 0, 0, 0])
        .or_else(|_| raw::syscall(libc::SYS_clone, [reg(libc::SIGCHLD), 0, 0, 0, 0, 0]))?;
    // An errno, and what was found.
    let mut said = [0u64; 5];
    if child == 0 {
        // From here on only calls of the kernel: other threads may have had any lock.
        said[0] = match look(fd, kinds, proc) {
            Ok(found) => {
                (said[1], said[2]) = found.id;
                (said[3], said[4]) = found.root;
                0
            }
            Err(e) => u64::from(e.0.unsigned_abs()),
        };
        let to = [reg(into.as_raw_fd()), address_of(&said), 40, 0, 0, 0];
        let _ = raw::syscall(libc::SYS_write, to);
        leave(0);
    }
    drop(into);
    let buffer = address_of_mut(&mut said);
    let from = [reg(out.as_raw_fd()), buffer, 40, 0, 0, 0];
    let read = loop {
        match raw::syscall(libc::SYS_read, from) {
            Err(Errno::EINTR) => {}
            done => break done,
        }
    };
    let wait = [child, 0, reg(libc::__WALL), 0, 0, 0];
    while raw::syscall(libc::SYS_wait4, wait) == Err(Errno::EINTR) {}
    match (read, int(said[0])) {
        (Ok(40), 0) => Ok(MountNamespace {
            id: (said[1], said[2]),
            root: (said[3], said[4]),
        }),
        (Ok(40), errno) => Err(Errno(errno)),
        _ => Err(Errno::ENOMEM),
    }
}

/// Joins it, and looks. `proc`: the host's /proc.
fn look(fd: RawFd, kinds: u64, proc: RawFd) -> Result<MountNamespace, Errno> {
    join(fd, kinds)?;
    let id = |st: super::host::Stat| (st.st_dev, st.st_ino);
    Ok(MountNamespace {
        id: id(fstatat(proc, c"self/ns/mnt", 0)?),
        root: id(fstatat(libc::AT_FDCWD, c"/", 0)?),
    })
}

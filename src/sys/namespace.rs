//! Processes in namespaces of their own (namespaces(7)), also where the host's clone(2) knows none: qemu-user makes
//! every clone without CLONE_VM a plain fork and refuses what that cannot do.
//!
//! There the child makes the namespaces by unshare(2). A PID namespace begins with that child's child, so the first one
//! stays between the two: it hands on signals one way and the exit status the other.

use super::cast::{int, reg};
use super::host::{address_of, address_of_mut, owned};
use super::{Errno, raw, thread};
use std::os::fd::{AsRawFd, OwnedFd};

/// All CLONE_NEW* flags of clone(2).
pub const ALL: u64 = 0x7e02_0080;
/// CLONE_NEWPID.
const PID: u64 = 0x2000_0000;

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
    if let Err(e) = raw::syscall(libc::SYS_unshare, [flags, 0, 0, 0, 0, 0]) {
        tell(into, e.0);
        super::host::exit_group(1);
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
            super::host::exit_group(1)
        }
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
            _ => super::host::exit_group(libc::WEXITSTATUS(status)),
        }
    }
}

//! What writing a guest's core needs of the host: which pages are there, and a host that dumps no core of felix, or a few bytes of it
//! where nobody sees them.

use super::cast::{reg, size};
use super::host::{address_of, address_of_mut, cstring, fcntl, mem_protect, openat, pidfd_open};
use super::{Errno, raw};
use std::os::fd::{AsRawFd, OwnedFd};

const PAGE: u64 = 4096;
const RLIMIT_CORE: u64 = libc::RLIMIT_CORE as u64;

fn limit_core(bytes: u64) {
    let old = super::host::limit(libc::RLIMIT_CORE);
    let new = [bytes.min(old[1]), old[1]];
    let _ = raw::syscall(
        libc::SYS_prlimit64,
        [0, RLIMIT_CORE, address_of(&new), 0, 0, 0],
    );
}

/// From now on the host dumps no core of this process: not to a file, for which one byte is too little, and not to a program,
/// where it means just that (fs/coredump.c).
pub fn forbid() {
    limit_core(1);
}

/// Has the host dump its core, of as few bytes as it does it at all for, into a directory that is removed when this process is
/// gone. False if that cannot be had.
pub fn divert() -> bool {
    let pid = super::host::getpid();
    for parent in ["/tmp", "/var/tmp", "/dev/shm", "."] {
        let Ok(dir) = cstring(format!("{parent}/.felix-core-{pid}").as_bytes()) else {
            continue;
        };
        let at = dir.as_ptr().expose_provenance() as u64;
        if raw::syscall(libc::SYS_mkdirat, [reg(libc::AT_FDCWD), at, 0o700, 0, 0, 0]).is_err() {
            continue;
        }
        let remove = || {
            raw::syscall(
                libc::SYS_unlinkat,
                [reg(libc::AT_FDCWD), at, 0x200, 0, 0, 0],
            )
        };
        let opened = openat(libc::AT_FDCWD, &dir, libc::O_RDONLY | libc::O_DIRECTORY, 0);
        let above = cstring(parent.as_bytes())
            .and_then(|p| openat(libc::AT_FDCWD, &p, libc::O_RDONLY | libc::O_DIRECTORY, 0));
        if let (Ok(opened), Ok(above)) = (opened, above)
            && clean_up_later(&above, &dir, &opened).is_ok()
            && super::host::fchdir(opened.as_raw_fd()).is_ok()
        {
            limit_core(PAGE);
            return true;
        }
        let _ = remove();
    }
    false
}

/// Starts a process that waits for the end of this one and then removes `dir`, which is in `above`, and the files in it.
fn clean_up_later(above: &OwnedFd, dir: &std::ffi::CStr, opened: &OwnedFd) -> Result<(), Errno> {
    let own = u64::from(super::host::getpid().unsigned_abs());
    let gone = pidfd_open(own, false)?;
    // Out of the way of 0, 1 and 2.
    let high = |fd: i32| fcntl(fd, libc::F_DUPFD, 3);
    let fds = [
        high(gone)?,
        high(above.as_raw_fd())?,
        high(opened.as_raw_fd())?,
    ];
    let name = match dir.to_bytes().iter().rposition(|b| *b == b'/') {
        Some(i) => &dir.to_bytes_with_nul()[i + 1..],
        None => dir.to_bytes_with_nul(),
    };
    let name = address_of(name);
    // No signal tells anybody of its end; where that cannot be had (qemu-user), it is a child like others.
    let made = raw::syscall(libc::SYS_clone, [0; 6])
        .or_else(|_| raw::syscall(libc::SYS_clone, [reg(libc::SIGCHLD), 0, 0, 0, 0, 0]));
    if made == Ok(0) {
        // From here on only calls of the kernel: other threads may have had any lock.
        for (n, fd) in fds.into_iter().enumerate() {
            let _ = raw::syscall(libc::SYS_dup3, [fd, n as u64, 0, 0, 0, 0]);
        }
        let _ = raw::syscall(libc::SYS_close_range, [3, u64::from(u32::MAX), 0, 0, 0, 0]);
        let _ = raw::syscall(libc::SYS_setsid, [0; 6]);
        // struct pollfd of descriptor 0 with POLLIN.
        let mut poll = [0u32, 1];
        let at = address_of_mut(&mut poll);
        while raw::syscall(libc::SYS_ppoll, [at, 1, 0, 0, 0, 0]) == Err(Errno::EINTR) {}
        let mut entries = [0u8; 2048];
        let to = address_of_mut(&mut entries);
        while let Ok(n @ 1..) = raw::syscall(libc::SYS_getdents64, [2, to, 2048, 0, 0, 0]) {
            let mut at = 0;
            while at < size(n) {
                let len = u16::from_le_bytes([entries[at + 16], entries[at + 17]]);
                let name = address_of(&entries[at + 19]);
                let _ = raw::syscall(libc::SYS_unlinkat, [2, name, 0, 0, 0, 0]);
                at += usize::from(len.max(1));
            }
        }
        let _ = raw::syscall(libc::SYS_unlinkat, [1, name, 0x200, 0, 0, 0]);
        let _ = raw::syscall(libc::SYS_exit_group, [0; 6]);
    }
    for fd in fds {
        let _ = raw::syscall(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
    }
    let _ = super::host::close(gone);
    made.map(drop)
}

/// Makes memory readable that the guest may not read. The process is dying.
pub fn make_readable(start: u64, len: u64) -> Result<(), Errno> {
    mem_protect(start, len, libc::PROT_READ)
}

/// A page that may have something in it.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its address.
    pub at: u64,
}

/// The pages of a range: all, or those that are in memory or swapped out (/proc/self/pagemap), if the host tells.
pub fn pages(start: u64, len: u64, present: bool) -> impl Iterator<Item = Page> {
    const BATCH: u64 = 512;
    let map = if present {
        openat(libc::AT_FDCWD, c"/proc/self/pagemap", libc::O_RDONLY, 0).ok()
    } else {
        None
    };
    let map = map.map(std::fs::File::from);
    (0..len.div_ceil(PAGE * BATCH)).flat_map(move |batch| {
        let first = start + batch * BATCH * PAGE;
        let count = ((start + len - first) / PAGE).min(BATCH);
        let mut words = vec![0u8; size(count) * 8];
        let known = map.as_ref().is_some_and(|m| {
            std::os::unix::fs::FileExt::read_exact_at(m, &mut words, first / PAGE * 8).is_ok()
        });
        (0..count).filter_map(move |i| {
            // Bit 63: present; 62: swapped out.
            let there = !known || words[size(i) * 8 + 7] & 0xc0 != 0;
            there.then_some(Page {
                at: first + i * PAGE,
            })
        })
    })
}

//! Felix's own descriptors: kept at high numbers, out of the guest's sight.
//!
//! Invariant: a descriptor with a number in the hidden range is felix's; system calls of the guest that name
//! one get EBADF (`is_hidden`), and closing a range skips it. The host, which gives the lowest free number, does not know: what
//! it gives the guest there is moved above (`reveal`).

use crate::sys::{Errno, host, image, limit, proc};
use std::ops::Range;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

/// How many numbers are kept.
const COUNT: i32 = 64;

/// The lowest of the numbers that are kept.
#[must_use]
pub fn base() -> RawFd {
    static BASE: OnceLock<RawFd> = OnceLock::new();
    *BASE.get_or_init(|| {
        // RLIMIT_NOFILE; not too high, because the kernel copies the whole table at every fork.
        let limit = limit::soft().clamp(256, 16384);
        let base = i32::try_from(limit).unwrap_or(256) - COUNT;
        image::show_hidden(&(base..base + COUNT));
        base
    })
}

/// Moves a descriptor into the hidden range.
pub fn hide(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    host::dup_high(fd.as_raw_fd(), base())
}

/// Keeps a way to today's standard error for what felix itself prints, whatever the guest does with its
/// descriptor 2. Only on request: who waits for the end of that stream waits for this copy, too.
pub fn keep_stderr() {
    if let Ok(copy) = host::dup_high(2, base()) {
        host::set_stderr(copy);
    }
}

/// Keeps a way to the host's /proc, before the process's root becomes one that may have none.
pub fn keep_proc() -> Result<(), Errno> {
    if proc::kept().is_none() {
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        let dir = host::openat(libc::AT_FDCWD, c"/proc", flags, 0)?;
        proc::keep(hide(dir)?);
    }
    Ok(())
}

/// A file with this content that outlives an exec, out of the guest's reach: its number. To be closed if there is no exec.
pub fn hand_on(content: &[u8]) -> Result<RawFd, Errno> {
    let fd = hide(host::sealed_file("felix", content)?)?;
    host::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0)?;
    Ok(fd.into_raw_fd())
}

/// What the felix before has handed on by `hand_on`.
pub fn handed_on(number: RawFd) -> Result<Vec<u8>, Errno> {
    let copy = host::dup_high(number, base())?;
    host::close(number)?;
    host::sealed_content(&copy)
}

/// Takes over a descriptor that the felix before has left open for this one.
pub fn adopt(number: RawFd) -> Result<OwnedFd, Errno> {
    if is_hidden(number) {
        return host::take_over(number);
    }
    let copy = host::dup_high(number, base())?;
    host::close(number)?;
    Ok(copy)
}

/// Moves a descriptor that the guest has just been given out of the hidden range: its new number. EMFILE, and it is closed, if
/// there is none.
pub fn reveal(fd: RawFd) -> Result<RawFd, Errno> {
    if !is_hidden(fd) {
        return Ok(fd);
    }
    let flags = host::fcntl(fd, libc::F_GETFD, 0)?;
    let given = host::take_over(fd)?;
    let how = if flags & 1 == 0 {
        libc::F_DUPFD
    } else {
        libc::F_DUPFD_CLOEXEC
    };
    let above = crate::sys::cast::reg(base() + COUNT);
    // A limit below is EINVAL.
    let moved = host::fcntl(given.as_raw_fd(), how, above).map_err(|_| Errno::EMFILE)?;
    RawFd::try_from(moved).map_err(|_| Errno::EMFILE)
}

/// The numbers that the guest may not name.
#[must_use]
pub fn hidden() -> Range<RawFd> {
    base()..base() + COUNT
}

/// True if the guest may not name this number.
#[must_use]
pub fn is_hidden(fd: RawFd) -> bool {
    hidden().contains(&fd)
}

/// The parts of `first..=last` that the guest may close.
#[must_use]
pub fn visible(first: u32, last: u32) -> Vec<(u32, u32)> {
    let (low, high) = (base().unsigned_abs(), (base() + COUNT).unsigned_abs());
    [(first, last.min(low - 1)), (first.max(high), last)]
        .into_iter()
        .filter(|(a, b)| a <= b)
        .collect()
}

//! seccomp_unotify(2): filters that ask another process what becomes of a call.
//!
//! The listener is one end of a socket pair; the other is hidden in every process under the filter. A call sends what
//! it is about with a socket for the answer, and waits on that: so waiting, readiness, the end of either side and passing
//! the listener on are the host's business, and it works between processes that know nothing of each other. Which
//! notification has which socket is known in the process that received it.

use super::{Ctx, Result, fd_of};
use crate::kernel::fd;
use crate::kernel::seccomp::bpf::Data;
use crate::kernel::seccomp::{Listener, SECCOMP_DATA};
use crate::sys::cast::{int, low32, reg};
use crate::sys::{Errno, channel, host, raw};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

/// SECCOMP_IOCTL_NOTIF_*.
mod request {
    pub const RECV: u32 = 0xc050_2100;
    pub const SEND: u32 = 0xc018_2101;
    pub const ID_VALID: u32 = 0x4008_2102;
    /// What it was by mistake until Linux 5.9, and is still accepted.
    pub const ID_VALID_WRONG: u32 = 0x8008_2102;
    pub const ADDFD: u32 = 0x4018_2103;
    pub const SET_FLAGS: u32 = 0x4008_2104;
}

/// struct seccomp_notif: id, pid, flags, data.
const NOTIF: usize = 16 + SECCOMP_DATA;
/// SECCOMP_USER_NOTIF_FLAG_CONTINUE.
const CONTINUE: u32 = 1;
/// SECCOMP_ADDFD_FLAG_SETFD and SEND.
const SETFD: u32 = 1;
const ADDFD_SEND: u32 = 2;

/// What is sent to a waiting call: a kind, and three numbers.
const ANSWER: usize = 32;
const RESPONSE: u64 = 0;
const ADD: u64 = 1;

fn words(of: [u64; 4]) -> [u8; ANSWER] {
    let mut out = [0; ANSWER];
    for (to, w) in out.chunks_exact_mut(8).zip(of) {
        to.copy_from_slice(&w.to_le_bytes());
    }
    out
}

fn word(bytes: &[u8], i: usize) -> u64 {
    let mut w = [0; 8];
    w.copy_from_slice(&bytes[8 * i..8 * i + 8]);
    u64::from_le_bytes(w)
}

fn half(bytes: &[u8], i: usize) -> u32 {
    low32(word(bytes, i / 2) >> (32 * (i % 2)))
}

/// A new listener: felix's end of it, and the guest's.
pub(super) fn listener() -> Result<(Arc<Listener>, OwnedFd)> {
    let (theirs, own) = channel::pair(true)?;
    Ok((Arc::new(Listener::new(fd::hide(own)?)), theirs))
}

/// Asks what becomes of a call. `None`: it is made.
pub(super) fn ask(ctx: &Ctx<'_>, listener: &Listener, data: &Data) -> Option<Result<u64>> {
    match wait(ctx, listener, data) {
        Ok(None) => None,
        Ok(Some(v)) => Some(Ok(v)),
        // Nobody listens any more.
        Err(Errno::EPIPE | Errno::ECONNREFUSED | Errno::ECONNRESET) => Some(Err(Errno::ENOSYS)),
        Err(e) => Some(Err(e)),
    }
}

fn wait(ctx: &Ctx<'_>, listener: &Listener, data: &Data) -> Result<Option<u64>> {
    let (own, theirs) = channel::pair(false)?;
    let mut notif = [0; NOTIF];
    notif[..8].copy_from_slice(&host::random16()[..8]);
    notif[8..12].copy_from_slice(&ctx.task.tid.to_le_bytes());
    for (to, w) in notif[16..].chunks_exact_mut(4).zip(data) {
        to.copy_from_slice(&w.to_le_bytes());
    }
    channel::send(listener.fd(), &notif, Some(theirs.as_fd()))?;
    drop(theirs);
    loop {
        let mut answer = [0; ANSWER];
        channel::wait_for(own.as_raw_fd(), listener.fd())?;
        let (n, carried) = channel::receive(own.as_raw_fd(), &mut answer, false)?;
        if n != ANSWER {
            return Err(Errno::EPIPE);
        }
        let (kind, a, b, c) = (
            word(&answer, 0),
            word(&answer, 1),
            word(&answer, 2),
            word(&answer, 3),
        );
        if kind == RESPONSE {
            let error = int(b);
            return match error {
                _ if low32(c) & CONTINUE != 0 => Ok(None),
                0 => Ok(Some(a)),
                e => result(e),
            };
        }
        let flags = low32(a);
        let done = match carried {
            Some(f) => add(&f, flags, int(b), int(c)),
            None => Err(Errno::EBADF),
        };
        let told = match done {
            Ok(n) => n,
            Err(e) => reg(-e.0),
        };
        channel::send(own.as_raw_fd(), &told.to_le_bytes(), None)?;
        if flags & ADDFD_SEND != 0 && done.is_ok() {
            return done.map(Some);
        }
    }
}

/// What a response with this error makes of the call: any number below zero is taken for one.
fn result(error: i32) -> Result<Option<u64>> {
    if (-4095..0).contains(&error) {
        return Err(Errno(-error));
    }
    Ok(Some(reg(error)))
}

/// SECCOMP_IOCTL_NOTIF_ADDFD in the process that gets the descriptor.
fn add(file: &OwnedFd, flags: u32, number: i32, cloexec: i32) -> Result<u64> {
    if flags & SETFD == 0 {
        let how = if cloexec != 0 {
            libc::F_DUPFD_CLOEXEC
        } else {
            libc::F_DUPFD
        };
        return host::fcntl(file.as_raw_fd(), how, 0);
    }
    if fd::is_hidden(number) {
        return Err(Errno::EBADF);
    }
    let args = [file.as_raw_fd(), number, cloexec].map(reg);
    raw::syscall(libc::SYS_dup3, [args[0], args[1], args[2], 0, 0, 0])
}

/// ioctl(2) on a listener; `None` if this is none.
pub(super) fn ioctl(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Option<Result<u64>> {
    let known = low32(a[1]) >> 8 & 0xff == 0x21;
    if !known || !channel::is_marked(fd_of(a[0])) {
        return None;
    }
    Some(match low32(a[1]) {
        request::RECV => receive(ctx, fd_of(a[0]), a[2]),
        request::SEND => respond(ctx, a[2]),
        request::ID_VALID | request::ID_VALID_WRONG => {
            (ctx.get_u64(a[2])).and_then(|id| socket(ctx, id).map(|_| 0))
        }
        request::ADDFD => add_fd(ctx, a[2]),
        // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: a hint to the scheduler.
        request::SET_FLAGS if a[2] <= 1 => Ok(0),
        _ => Err(Errno::EINVAL),
    })
}

fn receive(ctx: &mut Ctx<'_>, listener: i32, at: u64) -> Result<u64> {
    if ctx.get::<NOTIF>(at)? != [0; NOTIF] {
        return Err(Errno::EINVAL);
    }
    loop {
        let mut notif = [0; NOTIF];
        let (n, answer) = channel::receive(listener, &mut notif, true)?;
        let Some(answer) = answer.filter(|_| n == NOTIF) else {
            // All that were under the filter have ended.
            return Err(Errno::ENOENT);
        };
        // Its call may have been interrupted or killed meanwhile.
        if channel::is_abandoned(answer.as_raw_fd()) {
            continue;
        }
        ctx.put(at, &notif)?;
        let mut open = ctx.process.notifications();
        open.retain(|(_, fd)| !channel::is_abandoned(fd.as_raw_fd()));
        open.push((word(&notif, 0), fd::hide(answer)?));
        return Ok(0);
    }
}

/// The socket of a notification whose call still waits; ENOENT if there is none.
fn socket(ctx: &Ctx<'_>, id: u64) -> Result<OwnedFd> {
    let open = ctx.process.notifications();
    match open.iter().find(|(i, _)| *i == id) {
        Some((_, fd)) if !channel::is_abandoned(fd.as_raw_fd()) => {
            fd::hide(fd.try_clone().map_err(|e| Errno::of(&e))?)
        }
        _ => Err(Errno::ENOENT),
    }
}

fn respond(ctx: &mut Ctx<'_>, at: u64) -> Result<u64> {
    // struct seccomp_notif_resp: id, val, error, flags.
    let r: [u8; 24] = ctx.get(at)?;
    let (id, val, error, flags) = (word(&r, 0), word(&r, 1), half(&r, 4), half(&r, 5));
    if flags & !CONTINUE != 0 || (flags & CONTINUE != 0 && (error != 0 || val != 0)) {
        return Err(Errno::EINVAL);
    }
    let answer = words([RESPONSE, val, error.into(), flags.into()]);
    match channel::send(socket(ctx, id)?.as_raw_fd(), &answer, None) {
        Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(Errno::ENOENT),
        other => other?,
    }
    ctx.process.notifications().retain(|(i, _)| *i != id);
    Ok(0)
}

fn add_fd(ctx: &mut Ctx<'_>, at: u64) -> Result<u64> {
    // struct seccomp_notif_addfd: id, flags, srcfd, newfd, newfd_flags.
    let r: [u8; 24] = ctx.get(at)?;
    let id = word(&r, 0);
    let [flags, source, number, how] = [half(&r, 2), half(&r, 3), half(&r, 4), half(&r, 5)];
    let cloexec = libc::O_CLOEXEC.cast_unsigned();
    if how & !cloexec != 0
        || flags & !(SETFD | ADDFD_SEND) != 0
        || (number != 0 && flags & SETFD == 0)
    {
        return Err(Errno::EINVAL);
    }
    let source = source.cast_signed();
    if fd::is_hidden(source) {
        return Err(Errno::EBADF);
    }
    let copy = host::dup_high(source, 0)?;
    let message = words([ADD, flags.into(), number.into(), how.into()]);
    let socket = socket(ctx, id)?;
    channel::send(socket.as_raw_fd(), &message, Some(copy.as_fd()))?;
    let mut told = [0; 8];
    let done = match channel::receive(socket.as_raw_fd(), &mut told, false)? {
        (8, _) => u64::from_le_bytes(told),
        _ => return Err(Errno::ENOENT),
    };
    match i32::try_from(done.cast_signed()) {
        Ok(e @ -4095..0) => Err(Errno(-e)),
        _ => {
            if flags & ADDFD_SEND != 0 {
                ctx.process.notifications().retain(|(i, _)| *i != id);
            }
            Ok(done)
        }
    }
}

//! seccomp_unotify(2): filters that ask another process what becomes of a call.
//!
//! The listener is one end of a socket pair; the other is hidden in every process under the filter. A call sends what
//! it is about with a socket for the answer, and waits on that: so waiting, readiness, the end of either side and passing
//! the listener on are the host's business, and it works between processes that know nothing of each other. Which
//! notification has which socket is known in the process that received it, and so is its id.
//!
//! The listener is a socket that cannot be written, so that it is not ready for that (POLLOUT) but while answers are waited for.

use super::{Ctx, Result, fd_of, signal};
use crate::kernel::fd;
use crate::kernel::process::Notification;
use crate::kernel::seccomp::bpf::Data;
use crate::kernel::seccomp::{Listener, SECCOMP_DATA};
use crate::mem::space::PAGE;
use crate::sys::cast::{int, low32, reg};
use crate::sys::{Errno, channel, host, image, limit, proc, raw, signal as signals};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
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
/// What is sent to a listener: a notification whose id is open, the calling process as it knows itself, and whether it wants to
/// know of the receipt.
const MESSAGE: usize = NOTIF + 8;
/// struct seccomp_notif_addfd: id, flags, srcfd, newfd, newfd_flags.
const ADDFD: usize = 24;
/// Where an ioctl's number has the size and the direction of its argument.
const SIZE_BITS: u32 = 0x3fff_0000;
const DIRECTION: u32 = 0xc000_0000;
/// SECCOMP_USER_NOTIF_FLAG_CONTINUE.
const CONTINUE: u32 = 1;
/// SECCOMP_ADDFD_FLAG_SETFD and SEND.
const SETFD: u32 = 1;
const ADDFD_SEND: u32 = 2;

/// What is sent to a waiting call: a kind, and three numbers.
const ANSWER: usize = 32;
const RESPONSE: u64 = 0;
const ADD: u64 = 1;
/// The notification has been received.
const RECEIVED: u64 = 2;

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
pub(super) fn listener(killable: bool) -> Result<(Arc<Listener>, OwnedFd)> {
    let (theirs, own) = channel::pair(true)?;
    Ok((Arc::new(Listener::new(fd::hide(own)?, killable)), theirs))
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
    let (own, theirs) = limit::with_room(|| channel::pair(false))?;
    // Out of the guest's numbers: it may count on the next one.
    let own = fd::hide(own)?;
    let mut message = [0; MESSAGE];
    message[8..12].copy_from_slice(&ctx.task.tid.to_le_bytes());
    for (to, w) in message[16..].chunks_exact_mut(4).zip(data) {
        to.copy_from_slice(&w.to_le_bytes());
    }
    message[NOTIF..NOTIF + 4].copy_from_slice(&host::getpid().to_le_bytes());
    message[NOTIF + 4] = u8::from(listener.is_killable());
    channel::send(listener.fd(), &message, Some(theirs.as_fd()))?;
    drop(theirs);
    // Somebody has been notified, and only what kills interrupts the call from now on.
    let mut killable = false;
    loop {
        let mut answer = [0; ANSWER];
        if killable {
            wait_killably(ctx, own.as_raw_fd(), listener.fd())?;
        } else {
            match channel::wait_for(own.as_raw_fd(), listener.fd(), None) {
                // The signal may have come after the notification was received.
                Err(Errno::ERESTARTSYS)
                    if listener.is_killable() && channel::is_readable(own.as_raw_fd()) => {}
                other => other?,
            }
        }
        let received = channel::receive(own.as_raw_fd(), &mut answer, false)?;
        if received.len != ANSWER {
            return Err(Errno::EPIPE);
        }
        let [kind, a, b, c] = [0, 1, 2, 3].map(|i| word(&answer, i));
        match kind {
            RECEIVED => {
                killable = true;
                continue;
            }
            RESPONSE => {
                return match int(b) {
                    _ if low32(c) & CONTINUE != 0 => Ok(None),
                    0 => Ok(Some(a)),
                    e => result(e),
                };
            }
            _ => {}
        }
        let flags = low32(a);
        let done = add(received.carried, flags, int(b), int(c));
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

/// SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: signals with handlers stay pending, those that end the process do that.
fn wait_killably(ctx: &Ctx<'_>, message: i32, listener: i32) -> Result<()> {
    // With one recorded, everything is blocked: the host can have it back, and counts those that come now as the same.
    while let Some(info) = ctx.task.mailbox.take() {
        let _ = signals::requeue(ctx.task.tid, &info);
    }
    let mask = (ctx.task.mask | !signal::fatal(ctx.process)) & !signals::SYNC;
    image::in_killable_wait(ctx.task.tid, || {
        channel::wait_for(message, listener, Some(mask))
    })
}

/// What a response with this error makes of the call: any number below zero is taken for one. Those of the kernel's own
/// (ERESTARTSYS and its kin) mean something only where a signal has come.
fn result(error: i32) -> Result<Option<u64>> {
    match error {
        -4095..-516 | -511..0 => Err(Errno(-error)),
        _ => Ok(Some(reg(error))),
    }
}

/// SECCOMP_IOCTL_NOTIF_ADDFD in the process that gets the descriptor. `None`: there was no room for it.
fn add(file: Option<OwnedFd>, flags: u32, number: i32, cloexec: i32) -> Result<u64> {
    let Some(file) = file else {
        let beyond = u64::from(number.unsigned_abs()) >= host::soft_limit(libc::RLIMIT_NOFILE);
        return Err(match flags & SETFD != 0 && beyond {
            true => Errno::EBADF,
            false => Errno::EMFILE,
        });
    };
    if flags & SETFD == 0 {
        // It came as the lowest number that is free.
        channel::close_on_exec(file.as_raw_fd(), cloexec != 0);
        return Ok(u64::from(file.into_raw_fd().unsigned_abs()));
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
        request::SEND => respond(ctx, fd_of(a[0]), a[2]),
        request::ID_VALID | request::ID_VALID_WRONG => {
            (ctx.get_u64(a[2])).and_then(|id| socket(ctx, id).map(|_| 0))
        }
        // The size is the caller's: it grows with later versions of the structure.
        what if what & !(SIZE_BITS | DIRECTION) == request::ADDFD & !(SIZE_BITS | DIRECTION) => {
            let size = (what & SIZE_BITS) >> 16;
            add_fd(ctx, fd_of(a[0]), a[2], size.into())
        }
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
        let mut message = [0; MESSAGE];
        let received = channel::receive(listener, &mut message, true)?;
        let Some(answer) = received.carried.filter(|_| received.len == MESSAGE) else {
            // All that were under the filter have ended.
            return Err(Errno::ENOENT);
        };
        // Its call may have been interrupted or killed meanwhile.
        if channel::is_abandoned(answer.as_raw_fd()) {
            continue;
        }
        let answer = fd::hide(answer)?;
        let (tid, tgid) = (half(&message, 2), half(&message, NOTIF / 4));
        let seen = as_seen_here(tid.cast_signed(), tgid.cast_signed(), received.sender);
        let wants_to_know = message[NOTIF + 4] != 0;
        let mut open = ctx.process.notifications();
        forget(&mut open.open, listener, |fd| {
            channel::is_abandoned(fd.as_raw_fd())
        });
        if open.last == 0 {
            open.last = word(&host::random16(), 0);
        }
        open.last = open.last.wrapping_add(1);
        let mut notif = [0; NOTIF];
        notif.copy_from_slice(&message[..NOTIF]);
        notif[..8].copy_from_slice(&open.last.to_le_bytes());
        notif[8..12].copy_from_slice(&seen.to_le_bytes());
        let id = open.last;
        drop(open);
        ctx.put(at, &notif)?;
        if wants_to_know {
            let _ = channel::send(answer.as_raw_fd(), &words([RECEIVED, 0, 0, 0]), None);
        }
        ctx.process.notifications().open.push((id, answer));
        channel::show_writable(listener, true);
        return Ok(0);
    }
}

/// The thread that calls as it is known here: `tid` of the process `tgid` where it runs; here the process is `sender`, and 0 if
/// its PID namespace is not to be seen.
fn as_seen_here(tid: i32, tgid: i32, sender: i32) -> i32 {
    if tid == tgid || sender == 0 {
        return sender;
    }
    if sender == tgid {
        return tid;
    }
    let is_it = |t: &i32| {
        let status = proc::read(&format!("{sender}/task/{t}/status")).unwrap_or_default();
        let text = String::from_utf8_lossy(&status);
        let ids = text.lines().find_map(|l| l.strip_prefix("NSpid:"));
        let innermost = ids.and_then(|l| l.split_ascii_whitespace().last());
        innermost.and_then(|n| n.parse().ok()) == Some(tid)
    };
    let threads = std::fs::read_dir(format!("/proc/{sender}/task"));
    let mut threads = threads.into_iter().flatten().flatten();
    (threads.find_map(|e| e.file_name().to_str()?.parse().ok().filter(is_it))).unwrap_or(0)
}

/// Drops notifications; if none is left, a listener is no longer ready for an answer (POLLOUT).
fn forget(open: &mut Vec<Notification>, listener: i32, gone: impl Fn(&OwnedFd) -> bool) {
    let before = open.len();
    open.retain(|(_, fd)| !gone(fd));
    if open.is_empty() && before != 0 {
        channel::show_writable(listener, false);
    }
}

/// The same of one, by its id.
fn answered(ctx: &Ctx<'_>, listener: i32, id: u64) {
    let mut open = ctx.process.notifications();
    open.open.retain(|(i, _)| *i != id);
    if open.open.is_empty() {
        channel::show_writable(listener, false);
    }
}

/// The socket of a notification whose call still waits; ENOENT if there is none.
fn socket(ctx: &Ctx<'_>, id: u64) -> Result<OwnedFd> {
    let open = ctx.process.notifications();
    match open.open.iter().find(|(i, _)| *i == id) {
        Some((_, socket)) if !channel::is_abandoned(socket.as_raw_fd()) => {
            host::dup_high(socket.as_raw_fd(), fd::base())
        }
        _ => Err(Errno::ENOENT),
    }
}

fn respond(ctx: &mut Ctx<'_>, listener: i32, at: u64) -> Result<u64> {
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
    answered(ctx, listener, id);
    Ok(0)
}

fn add_fd(ctx: &mut Ctx<'_>, listener: i32, at: u64, size: u64) -> Result<u64> {
    if !(ADDFD as u64..PAGE).contains(&size) {
        return Err(Errno::EINVAL);
    }
    for i in ADDFD as u64..size {
        if ctx.get::<1>(at.wrapping_add(i))? != [0] {
            return Err(Errno::E2BIG);
        }
    }
    // struct seccomp_notif_addfd: id, flags, srcfd, newfd, newfd_flags.
    let r: [u8; ADDFD] = ctx.get(at)?;
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
    let done = match channel::receive(socket.as_raw_fd(), &mut told, false)?.len {
        8 => u64::from_le_bytes(told),
        _ => return Err(Errno::ENOENT),
    };
    match i32::try_from(done.cast_signed()) {
        Ok(e @ -4095..0) => Err(Errno(-e)),
        _ => {
            if flags & ADDFD_SEND != 0 {
                answered(ctx, listener, id);
            }
            Ok(done)
        }
    }
}

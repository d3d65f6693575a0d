//! Messages between processes that may carry a descriptor (unix(7), SCM_RIGHTS): pairs of connected sockets that keep messages apart.

use super::host::{address_of, address_of_mut, fcntl, owned};
use super::signal::SigSet;
use super::{Errno, raw};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// What marks the first end of a marked pair: a receive buffer (SO_RCVBUF) of a size that no other such socket has. Linux
/// doubles it, and for Unix sockets it means nothing.
const MARK: i32 = 31_415;

/// What makes a marked end's send buffer too small for more to be sent (SO_SNDBUF): a message that its peer never reads, and
/// how small the buffer is.
const FILLER: [u8; 2048] = [0; 2048];
const NO_ROOM: i32 = 0;
const ROOM: i32 = 65_536;

/// struct cmsghdr, and room for one descriptor.
#[repr(C, align(8))]
#[derive(Clone, Copy, Default)]
struct Control {
    len: u64,
    level: i32,
    kind: i32,
    fd: i32,
    pad: i32,
}

/// What a message is received with: SCM_CREDENTIALS (`struct ucred`) and SCM_RIGHTS, in any order.
const CONTROLS: usize = 32 + 24;

fn set_option(fd: RawFd, name: i32, value: i32) -> Result<(), Errno> {
    let args = [fd, libc::SOL_SOCKET, name].map(super::cast::reg);
    let args = [args[0], args[1], args[2], address_of(&value), 4, 0];
    raw::syscall(libc::SYS_setsockopt, args).map(drop)
}

/// Has a marked end be writable (POLLOUT) or not, which means nothing but what it is made to mean.
pub fn show_writable(fd: RawFd, writable: bool) {
    let size = if writable { ROOM } else { NO_ROOM };
    let _ = set_option(fd, libc::SO_SNDBUF, size);
}

/// A pair of connected sockets, both close-on-exec. A marked pair's first end is recognised in any process, is not writable,
/// and knows who sends to it.
pub fn pair(marked: bool) -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut fds = [0i32; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    let args = [libc::AF_UNIX, kind, 0].map(super::cast::reg);
    let to = address_of_mut(&mut fds);
    let args = [args[0], args[1], args[2], to, 0, 0];
    raw::syscall(libc::SYS_socketpair, args)?;
    let [a, b] = fds.map(|fd| owned(u64::from(fd.unsigned_abs())));
    if marked {
        set_option(a.as_raw_fd(), libc::SO_RCVBUF, MARK)?;
        // The host may allow only smaller ones (net.core.rmem_max).
        if !is_marked(a.as_raw_fd()) {
            return Err(Errno::ENOMEM);
        }
        send(a.as_raw_fd(), &FILLER, None)?;
        show_writable(a.as_raw_fd(), false);
        set_option(a.as_raw_fd(), libc::SO_PASSCRED, 1)?;
    }
    Ok((a, b))
}

/// True for the first end of a marked pair.
#[must_use]
pub fn is_marked(fd: RawFd) -> bool {
    let option = |name: i32| {
        let (mut value, mut len) = (0i32, 4u32);
        let args = [fd, libc::SOL_SOCKET, name].map(super::cast::reg);
        let to = [address_of_mut(&mut value), address_of_mut(&mut len)];
        let args = [args[0], args[1], args[2], to[0], to[1], 0];
        raw::syscall(libc::SYS_getsockopt, args).map(|_| value)
    };
    option(libc::SO_RCVBUF) == Ok(2 * MARK)
        && option(libc::SO_DOMAIN) == Ok(libc::AF_UNIX)
        && option(libc::SO_TYPE) == Ok(libc::SOCK_SEQPACKET)
}

/// struct msghdr for one buffer (at `vector`) and perhaps control data.
fn header(vector: &[u64; 2], control: u64, control_len: usize) -> [u64; 7] {
    [0, 0, address_of(vector), 1, control, control_len as u64, 0]
}

/// Sends a message; waits for room, but not for ever: a signal interrupts it.
pub fn send(to: RawFd, bytes: &[u8], fd: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
    let vector = [address_of(bytes), bytes.len() as u64];
    let control = Control {
        len: 20,
        level: libc::SOL_SOCKET,
        kind: libc::SCM_RIGHTS,
        fd: fd.map_or(-1, |f| f.as_raw_fd()),
        pad: 0,
    };
    let header = match fd {
        Some(_) => header(&vector, address_of(&control), size_of::<Control>()),
        None => header(&vector, 0, 0),
    };
    let flags = libc::MSG_NOSIGNAL.cast_unsigned().into();
    let args = [super::cast::reg(to), address_of(&header), flags, 0, 0, 0];
    raw::interruptible(libc::SYS_sendmsg, args).map(drop)
}

/// A message that was received.
#[derive(Debug)]
pub struct Received {
    /// How long it is; 0 if there is none, and the other end is gone.
    pub len: usize,
    /// The descriptor it carries.
    pub carried: Option<OwnedFd>,
    /// The process that sent it, as it is known here, or 0: told only of what comes to a marked end.
    pub sender: i32,
}

/// Waits for a message. A signal interrupts it or does not.
pub fn receive(from: RawFd, buf: &mut [u8], interruptible: bool) -> Result<Received, Errno> {
    let vector = [address_of_mut(buf), buf.len() as u64];
    let flags = libc::MSG_CMSG_CLOEXEC.cast_unsigned().into();
    let call = if interruptible {
        raw::interruptible
    } else {
        raw::syscall
    };
    loop {
        let mut controls = [0u64; CONTROLS / 8];
        let at = address_of_mut(&mut controls);
        let mut header = header(&vector, at, CONTROLS);
        let to = address_of_mut(&mut header);
        match call(
            libc::SYS_recvmsg,
            [super::cast::reg(from), to, flags, 0, 0, 0],
        ) {
            // The other end is gone, and has not read everything: that is told before what it sent, once.
            Err(Errno::ECONNRESET) => {}
            Err(e) => return Err(e),
            Ok(n) => {
                let (carried, sender) = in_controls(&controls, super::cast::size(header[5]));
                return Ok(Received {
                    len: super::cast::size(n),
                    carried,
                    sender,
                });
            }
        }
    }
}

/// The descriptor and the sender in the first `len` bytes of control data (cmsg(3)).
fn in_controls(controls: &[u64; CONTROLS / 8], len: usize) -> (Option<OwnedFd>, i32) {
    let (mut carried, mut sender) = (None, 0);
    let mut rest = &controls[..len.div_ceil(8).min(CONTROLS / 8)];
    while let [bytes, kind, first, ..] = *rest {
        // Level and kind are the halves of a word, and so are the first two numbers of what follows.
        let is = |k: i32| kind == super::cast::reg(libc::SOL_SOCKET) | super::cast::reg(k) << 32;
        let number = super::cast::int(first);
        if is(libc::SCM_RIGHTS) && bytes >= 20 {
            carried = Some(owned(u64::from(number.unsigned_abs())));
        } else if is(libc::SCM_CREDENTIALS) {
            sender = number;
        }
        let words = super::cast::size(bytes).div_ceil(8).clamp(2, rest.len());
        rest = &rest[words..];
    }
    (carried, sender)
}

/// POLLIN, POLLHUP.
const READABLE: u32 = 1;
const HUNG_UP: u32 = 16;

/// True if the other end of a pair is gone, with all that shared it.
#[must_use]
pub fn is_abandoned(fd: RawFd) -> bool {
    let mut poll = [fd.cast_unsigned(), 0];
    let now = [0u64; 2];
    let args = [address_of_mut(&mut poll), 1, address_of(&now), 0, 0, 0];
    raw::syscall(libc::SYS_ppoll, args) == Ok(1) && poll[1] >> 16 & HUNG_UP != 0
}

/// True if there is a message now.
#[must_use]
pub fn is_readable(fd: RawFd) -> bool {
    let mut poll = [fd.cast_unsigned(), READABLE];
    let now = [0u64; 2];
    let args = [address_of_mut(&mut poll), 1, address_of(&now), 0, 0, 0];
    raw::syscall(libc::SYS_ppoll, args) == Ok(1) && poll[1] >> 16 & READABLE != 0
}

/// Waits until there is a message, or the other end of `of` is gone (EPIPE). A signal interrupts it (ERESTARTSYS); with a mask,
/// only one that gets through it, and none that has been recorded before.
pub fn wait_for(message: RawFd, of: RawFd, mask: Option<SigSet>) -> Result<(), Errno> {
    let mut polls = [message.cast_unsigned(), READABLE, of.cast_unsigned(), 0];
    let at = address_of_mut(&mut polls);
    let waited = match &mask {
        None => raw::interruptible(libc::SYS_ppoll, [at, 2, 0, 0, 0, 0]),
        Some(mask) => raw::syscall(libc::SYS_ppoll, [at, 2, 0, address_of(mask), 8, 0]),
    };
    match waited {
        // Interrupted, be it in this call or before it: what is waited for has begun.
        Err(Errno::EINTR | Errno::ERESTARTNOINTR) => Err(Errno::ERESTARTSYS),
        // Another process has set RLIMIT_NOFILE below two: then only the message is waited for.
        Err(Errno::EINVAL) => Ok(()),
        Err(e) => Err(e),
        Ok(_) if polls[1] >> 16 != 0 => Ok(()),
        Ok(_) => Err(Errno::EPIPE),
    }
}

/// Sets or clears close-on-exec.
pub fn close_on_exec(fd: RawFd, yes: bool) {
    let _ = fcntl(fd, libc::F_SETFD, u64::from(yes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn messages_carry_descriptors_and_ends_are_noticed() {
        let (a, b) = pair(true).unwrap();
        assert!(is_marked(a.as_raw_fd()) && !is_marked(b.as_raw_fd()) && !is_marked(2));
        send(b.as_raw_fd(), b"one", None).unwrap();
        send(b.as_raw_fd(), b"two", Some(b.as_fd())).unwrap();
        let mut buf = [0; 8];
        let r = receive(a.as_raw_fd(), &mut buf, true).unwrap();
        assert!(&buf[..r.len] == b"one" && r.carried.is_none());
        assert_eq!(r.sender, super::super::host::getpid());
        let r = receive(a.as_raw_fd(), &mut buf, true).unwrap();
        let copy = r.carried.unwrap();
        assert_eq!(&buf[..r.len], b"two");
        drop(b);
        assert!(!is_abandoned(a.as_raw_fd()));
        drop(copy);
        assert!(is_abandoned(a.as_raw_fd()));
        assert_eq!(receive(a.as_raw_fd(), &mut buf, true).unwrap().len, 0);
    }
}

//! Messages between processes that may carry a descriptor (unix(7), SCM_RIGHTS): pairs of connected sockets that keep messages apart.

use super::host::{address_of, address_of_mut, fcntl, owned};
use super::{Errno, raw};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// What marks the first end of a marked pair: a receive buffer (SO_RCVBUF) of a size that no other such socket has. Linux
/// doubles it, and for Unix sockets it means nothing.
const MARK: i32 = 31_415;

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

/// A pair of connected sockets, both close-on-exec. A marked pair's first end is recognised in any process.
pub fn pair(marked: bool) -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut fds = [0i32; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    let args = [libc::AF_UNIX, kind, 0].map(super::cast::reg);
    let to = address_of_mut(&mut fds);
    raw::syscall(libc::SYS_socketpair, [args[0], args[1], args[2], to, 0, 0])?;
    let [a, b] = fds.map(|fd| owned(u64::from(fd.unsigned_abs())));
    if marked {
        let args = [a.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF].map(super::cast::reg);
        let mark = address_of(&MARK);
        raw::syscall(
            libc::SYS_setsockopt,
            [args[0], args[1], args[2], mark, 4, 0],
        )?;
        // The host may allow only smaller ones (net.core.rmem_max).
        if !is_marked(a.as_raw_fd()) {
            return Err(Errno::ENOMEM);
        }
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

/// Waits for a message: how long it is, 0 if the other end is gone, and the descriptor it carries. A signal interrupts it or does not.
pub fn receive(
    from: RawFd,
    buf: &mut [u8],
    interruptible: bool,
) -> Result<(usize, Option<OwnedFd>), Errno> {
    let vector = [address_of_mut(buf), buf.len() as u64];
    let mut control = Control::default();
    let at = address_of_mut(&mut control);
    let mut header = header(&vector, at, size_of::<Control>());
    let flags = libc::MSG_CMSG_CLOEXEC.cast_unsigned().into();
    let to = address_of_mut(&mut header);
    let args = [super::cast::reg(from), to, flags, 0, 0, 0];
    let call = if interruptible {
        raw::interruptible
    } else {
        raw::syscall
    };
    let n = call(libc::SYS_recvmsg, args)?;
    let carries = header[5] >= 20 && control.kind == libc::SCM_RIGHTS;
    let fd = carries.then(|| owned(u64::from(control.fd.unsigned_abs())));
    Ok((super::cast::size(n), fd))
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

/// Waits until there is a message, or the other end of `of` is gone (EPIPE).
pub fn wait_for(message: RawFd, of: RawFd) -> Result<(), Errno> {
    let mut polls = [message.cast_unsigned(), READABLE, of.cast_unsigned(), 0];
    let args = [address_of_mut(&mut polls), 2, 0, 0, 0, 0];
    match raw::interruptible(libc::SYS_ppoll, args) {
        // Interrupted, be it in this call or before it: what is waited for has begun.
        Err(Errno::EINTR | Errno::ERESTARTNOINTR) => Err(Errno::ERESTARTSYS),
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
        let (n, fd) = receive(a.as_raw_fd(), &mut buf, true).unwrap();
        assert!(&buf[..n] == b"one" && fd.is_none());
        let (n, fd) = receive(a.as_raw_fd(), &mut buf, true).unwrap();
        let copy = fd.unwrap();
        assert_eq!(&buf[..n], b"two");
        drop(b);
        assert!(!is_abandoned(a.as_raw_fd()));
        drop(copy);
        assert!(is_abandoned(a.as_raw_fd()));
        assert_eq!(receive(a.as_raw_fd(), &mut buf, true).unwrap().0, 0);
    }
}

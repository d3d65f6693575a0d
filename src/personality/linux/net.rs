//! Sockets (socket(7)): the host's, but for the paths in Unix addresses (unix(7)).

use super::{Ctx, Result};
use crate::kernel::vfs::{Last, Use};
use crate::sys::cast::{low32, size};
use crate::sys::host::address_of;
use crate::sys::{Errno, raw};
use crate::x86::Gpr;

/// How the path of an address to send to is resolved.
const TO: (Last, Use) = (Last::Follow, Use::Look);

/// Makes a call with a Unix address in the host's form: `call` gets the bytes of one that has a path, and nothing for
/// all others.
fn with_unix(
    ctx: &Ctx<'_>,
    addr: u64,
    len: u64,
    (last, does): (Last, Use),
    call: impl FnOnce(Option<&[u8]>) -> Result<u64>,
) -> Result<u64> {
    if addr == 0 || !(3..=110).contains(&len) || !ctx.task.fs.is_confined() {
        return call(None);
    }
    let mut bytes = vec![0; size(len)];
    crate::sys::guest::read_bytes(crate::x86::GuestAddr(addr), &mut bytes)?;
    if bytes[..2] != [1, 0] || bytes[2] == 0 {
        return call(None);
    }
    let path = bytes[2..].split(|b| *b == 0).next().unwrap_or(&[]);
    let at = (ctx.task.fs.resolve_for(libc::AT_FDCWD, path, last, does)).map_err(|e| match e {
        Errno::EEXIST => Errno::EADDRINUSE,
        e => e,
    })?;
    at.with_path(|path| {
        let mut out = vec![1, 0];
        out.extend_from_slice(path.as_bytes_with_nul());
        if out.len() > 110 {
            return Err(Errno::ENAMETOOLONG);
        }
        call(Some(&out))
    })
}

/// bind(2) and connect(2).
pub(super) fn with_address(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let (nr, how) = if low32(ctx.cpu.reg(Gpr::RAX)) == 42 {
        (libc::SYS_connect, TO)
    } else {
        (libc::SYS_bind, (Last::NoFollow, Use::Make))
    };
    with_unix(ctx, a[1], a[2], how, |unix| match unix {
        Some(u) => raw::interruptible(nr, [a[0], address_of(u), u.len() as u64, 0, 0, 0]),
        None => raw::interruptible(nr, a),
    })
}

pub(super) fn sendto(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    with_unix(ctx, a[4], a[5], TO, |unix| match unix {
        Some(u) => raw::interruptible(
            libc::SYS_sendto,
            [a[0], a[1], a[2], a[3], address_of(u), u.len() as u64],
        ),
        None => raw::interruptible(libc::SYS_sendto, a),
    })
}

/// sendmsg(2): the message header is the same; only an address with a path needs a copy.
pub(super) fn sendmsg(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut header: [u8; 56] = ctx.get(a[1])?;
    let name = ctx.get_u64(a[1])?;
    let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    with_unix(ctx, name, len.into(), TO, |unix| {
        let Some(u) = unix else {
            return raw::interruptible(libc::SYS_sendmsg, a);
        };
        header[..8].copy_from_slice(&address_of(u).to_le_bytes());
        header[8..12].copy_from_slice(&u32::try_from(u.len()).unwrap_or(0).to_le_bytes());
        raw::interruptible(
            libc::SYS_sendmsg,
            [a[0], address_of(&header), a[2], 0, 0, 0],
        )
    })
}

/// sendmmsg(2): one by one where addresses may have paths.
pub(super) fn sendmmsg(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    // struct mmsghdr: the header, and how much of it was sent.
    const SIZE: u64 = 64;
    const SENT: u64 = 56;
    // UIO_MAXIOV.
    const MOST: u64 = 1024;
    if !ctx.task.fs.is_confined() {
        return raw::interruptible(libc::SYS_sendmmsg, a);
    }
    let count = u64::from(low32(a[2])).min(MOST);
    for i in 0..count {
        let at = a[1].wrapping_add(i * SIZE);
        let sent = sendmsg(ctx, [a[0], at, a[3], 0, 0, 0]).and_then(|n| {
            ctx.put(at.wrapping_add(SENT), &low32(n).to_le_bytes())?;
            Ok(n)
        });
        match sent {
            Ok(_) => {}
            Err(_) if i > 0 => return Ok(i),
            Err(e) => return Err(e),
        }
    }
    // Whether it is a socket at all.
    match count {
        0 => raw::interruptible(libc::SYS_sendmmsg, a),
        _ => Ok(count),
    }
}

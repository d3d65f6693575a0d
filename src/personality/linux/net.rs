//! Sockets (socket(7)): the host's, but for the paths in Unix addresses (unix(7)).

use super::{Ctx, Result};
use crate::kernel::vfs::{At, Last};
use crate::sys::cast::size;
use crate::sys::host::address_of;
use crate::sys::{Errno, host, raw};

/// An address as the host gets it, with what keeps it valid.
struct Address {
    bytes: Vec<u8>,
    _at: At,
}

/// The host's form of a Unix address with a path; `None` for all others.
fn translate(ctx: &Ctx<'_>, addr: u64, len: u64) -> Result<Option<Address>> {
    if addr == 0 || !(3..=110).contains(&len) || !ctx.process.fs.is_rooted() {
        return Ok(None);
    }
    let mut bytes = vec![0; size(len)];
    crate::sys::guest::read_bytes(crate::x86::GuestAddr(addr), &mut bytes)?;
    if bytes[..2] != [1, 0] || bytes[2] == 0 {
        return Ok(None);
    }
    let path = bytes[2..].split(|b| *b == 0).next().unwrap_or(&[]);
    let at = ctx.process.fs.resolve(libc::AT_FDCWD, path, Last::Follow)?;
    let path = at.path()?;
    let mut out = vec![1, 0];
    out.extend_from_slice(path.as_bytes_with_nul());
    if out.len() > 110 {
        return Err(Errno::ENAMETOOLONG);
    }
    Ok(Some(Address {
        bytes: out,
        _at: at,
    }))
}

/// bind(2) and connect(2).
pub(super) fn with_address(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let nr = if ctx.cpu.gpr[0] == 42 {
        libc::SYS_connect
    } else {
        libc::SYS_bind
    };
    match translate(ctx, a[1], a[2])? {
        Some(t) => raw::interruptible(
            nr,
            [
                a[0],
                address_of(t.bytes.as_slice()),
                t.bytes.len() as u64,
                0,
                0,
                0,
            ],
        ),
        None => raw::interruptible(nr, a),
    }
}

pub(super) fn sendto(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    match translate(ctx, a[4], a[5])? {
        Some(t) => raw::interruptible(
            libc::SYS_sendto,
            [
                a[0],
                a[1],
                a[2],
                a[3],
                address_of(t.bytes.as_slice()),
                t.bytes.len() as u64,
            ],
        ),
        None => raw::interruptible(libc::SYS_sendto, a),
    }
}

/// sendmsg(2): the message header is the same; only an address with a path needs a copy.
pub(super) fn sendmsg(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut header: [u8; 56] = ctx.get(a[1])?;
    let name = ctx.get_u64(a[1])?;
    let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    let Some(t) = translate(ctx, name, len.into())? else {
        return raw::interruptible(libc::SYS_sendmsg, a);
    };
    header[..8].copy_from_slice(&address_of(t.bytes.as_slice()).to_le_bytes());
    header[8..12].copy_from_slice(&u32::try_from(t.bytes.len()).unwrap_or(0).to_le_bytes());
    raw::interruptible(
        libc::SYS_sendmsg,
        [a[0], host::address_of(&header), a[2], 0, 0, 0],
    )
}

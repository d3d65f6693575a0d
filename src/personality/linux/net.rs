//! Sockets (socket(7)): the host's, but for the paths in Unix addresses (unix(7)).

use super::{Ctx, Result, pass, table};
use crate::kernel::vfs::{Last, Use};
use crate::sys::cast::{int, low32, size};
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::{Errno, raw};
use crate::x86::Gpr;

/// The path in a Unix address, where paths are the guest's own.
fn path_of(ctx: &Ctx<'_>, addr: u64, len: u64) -> Result<Option<Vec<u8>>> {
    if addr == 0 || !(3..=110).contains(&len) || !ctx.task.fs.is_confined() {
        return Ok(None);
    }
    let mut bytes = vec![0; size(len)];
    crate::sys::guest::read_bytes(crate::x86::GuestAddr(addr), &mut bytes)?;
    if bytes[..2] != UNIX || bytes[2] == 0 {
        return Ok(None);
    }
    let path = bytes[2..].split(|b| *b == 0).next();
    Ok(path.map(<[u8]>::to_vec))
}

/// AF_UNIX, as an address begins.
const UNIX: [u8; 2] = [1, 0];

/// The address with this path.
fn address(path: &[u8]) -> Result<Vec<u8>> {
    match path.len() {
        0..=107 => Ok([&UNIX, path, &[0]].concat()),
        // It needs no end.
        108 => Ok([&UNIX, path].concat()),
        _ => Err(Errno::ENAMETOOLONG),
    }
}

/// Makes a call with a Unix address in the host's form: `call` gets the bytes of one that has a path, and nothing for
/// all others.
fn with_unix(
    ctx: &Ctx<'_>,
    addr: u64,
    len: u64,
    call: impl FnOnce(Option<&[u8]>) -> Result<u64>,
) -> Result<u64> {
    let Some(path) = path_of(ctx, addr, len)? else {
        return call(None);
    };
    let at = (ctx.task.fs).resolve(libc::AT_FDCWD, &path, Last::Follow)?;
    at.with_socket(|path| call(Some(&address(path)?)))
}

pub(super) fn connect(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    with_unix(ctx, a[1], a[2], |unix| match unix {
        Some(u) => raw::interruptible(
            libc::SYS_connect,
            [a[0], address_of(u), u.len() as u64, 0, 0, 0],
        ),
        None => raw::interruptible(libc::SYS_connect, a),
    })
}

pub(super) fn bind(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let Some(text) = path_of(ctx, a[1], a[2])? else {
        return raw::interruptible(libc::SYS_bind, a);
    };
    let fs = &ctx.task.fs;
    let at = (fs.resolve_for(libc::AT_FDCWD, &text, Last::NoFollow, Use::Make)).map_err(in_use)?;
    let alone = ctx.process.single_threaded();
    fs.bind_socket(&at, &text, alone, |path| {
        let unix = address(path)?;
        let args = [a[0], address_of(&unix[..]), unix.len() as u64, 0, 0, 0];
        raw::interruptible(libc::SYS_bind, args)
    })
}

/// As bind(2) says it.
fn in_use(e: Errno) -> Errno {
    match e {
        Errno::EEXIST => Errno::EADDRINUSE,
        e => e,
    }
}

pub(super) fn sendto(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    with_unix(ctx, a[4], a[5], |unix| match unix {
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
    with_unix(ctx, name, len.into(), |unix| {
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

/// Room for any address (struct sockaddr_storage), and a Unix one without an end.
const ROOM: usize = 128;
/// The same as a socklen_t.
const ROOM_LEN: u32 = 128;

/// What the guest is told of an address of `len` bytes.
fn told(ctx: &Ctx<'_>, address: &[u8; ROOM], len: u32) -> (Vec<u8>, u32) {
    let n = size(len.into()).min(ROOM);
    if n <= 2 || address[..2] != UNIX || address[2] == 0 {
        return (address[..n].to_vec(), len);
    }
    let path = address[2..n].split(|b| *b == 0).next().unwrap_or(&[]);
    let path = ctx.task.fs.socket_name(path);
    let told = [&UNIX, &path[..], &[0]].concat();
    let len = u32::try_from(told.len()).unwrap_or(len);
    (told, len)
}

/// The host's call of the guest's, whose arguments are changed.
fn host_call(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let nr = low32(ctx.cpu.reg(Gpr::RAX));
    let row = table::row(nr.into()).ok_or(Errno::ENOSYS)?;
    let (call, waits) = match nr {
        43 => (libc::SYS_accept, true),
        45 => (libc::SYS_recvfrom, true),
        47 => (libc::SYS_recvmsg, true),
        51 => (libc::SYS_getsockname, false),
        52 => (libc::SYS_getpeername, false),
        288 => (libc::SYS_accept4, true),
        _ => (libc::SYS_recvmmsg, true),
    };
    pass(ctx, row, call, a, None, waits)
}

/// A call that tells an address: a pointer to where, and one to the size of that, are the arguments from `at` on.
fn telling(ctx: &mut Ctx<'_>, a: [u64; 6], at: usize) -> Result<u64> {
    if a[at] == 0 || !ctx.task.fs.is_confined() {
        return host_call(ctx, a);
    }
    let room = i32::from_le_bytes(ctx.get(a[at + 1])?);
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let (mut address, mut len) = ([0u8; ROOM], ROOM_LEN);
    let mut args = a;
    args[at] = address_of_mut(&mut address);
    args[at + 1] = address_of_mut(&mut len);
    let result = host_call(ctx, args)?;
    if len == ROOM_LEN {
        // No address is that long: the host has told none.
        return Ok(result);
    }
    let (told, len) = told(ctx, &address, len);
    ctx.put(a[at], &told[..told.len().min(room)])?;
    ctx.put(a[at + 1], &len.to_le_bytes())?;
    Ok(result)
}

/// accept(2), accept4(2), getsockname(2) and getpeername(2).
pub(super) fn tell_address(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    telling(ctx, a, 1)
}

pub(super) fn recvfrom(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    telling(ctx, a, 4)
}

/// struct msghdr.
const HEADER: usize = 56;

/// A message header with its own room for an address.
struct Header {
    bytes: [u8; HEADER],
    address: Box<[u8; ROOM]>,
    /// The guest's room for it.
    to: u64,
    room: u32,
}

impl Header {
    fn new(bytes: [u8; HEADER]) -> Header {
        let (to, room) = bytes.split_at(8);
        let mut header = Header {
            to: u64::from_le_bytes(to.try_into().unwrap_or_default()),
            room: u32::from_le_bytes([room[0], room[1], room[2], room[3]]),
            address: Box::new([0; ROOM]),
            bytes,
        };
        if header.to != 0 {
            let own = address_of_mut(&mut *header.address);
            header.bytes[..8].copy_from_slice(&own.to_le_bytes());
            header.bytes[8..12].copy_from_slice(&(ROOM_LEN).to_le_bytes());
        }
        header
    }

    /// Gives the guest what the host has written.
    fn hand_over(&self, ctx: &mut Ctx<'_>, to: u64, bytes: &[u8; HEADER]) -> Result<()> {
        // Sizes of the address and of the control data, and flags.
        if self.to != 0 {
            let len = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            let (told, len) = told(ctx, &self.address, len);
            ctx.put(self.to, &told[..told.len().min(size(self.room.into()))])?;
            ctx.put(to.wrapping_add(8), &len.to_le_bytes())?;
        }
        ctx.put(to.wrapping_add(40), &bytes[40..52])
    }
}

pub(super) fn recvmsg(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let header = Header::new(ctx.get(a[1])?);
    if header.to == 0 || !ctx.task.fs.is_confined() {
        return host_call(ctx, a);
    }
    if int(header.room.into()) < 0 {
        return Err(Errno::EINVAL);
    }
    let mut bytes = header.bytes;
    let result = host_call(ctx, [a[0], address_of_mut(&mut bytes), a[2], 0, 0, 0])?;
    header.hand_over(ctx, a[1], &bytes)?;
    Ok(result)
}

pub(super) fn recvmmsg(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    // struct mmsghdr: the header, and how much was received.
    const SIZE: usize = 64;
    // UIO_MAXIOV.
    const MOST: u64 = 1024;
    if !ctx.task.fs.is_confined() {
        return host_call(ctx, a);
    }
    let count = u64::from(low32(a[2])).min(MOST);
    let mut headers = Vec::new();
    let mut all = Vec::new();
    for i in 0..count {
        let header = Header::new(ctx.get(a[1].wrapping_add(i * SIZE as u64))?);
        all.extend_from_slice(&header.bytes);
        all.extend_from_slice(&[0; SIZE - HEADER]);
        headers.push(header);
    }
    let args = [a[0], address_of_mut(&mut all[..]), count, a[3], a[4], 0];
    let received = host_call(ctx, args)?;
    for (i, header) in headers.iter().enumerate().take(size(received)) {
        let record = &all[i * SIZE..(i + 1) * SIZE];
        let to = a[1].wrapping_add((i * SIZE) as u64);
        let mut bytes = [0; HEADER];
        bytes.copy_from_slice(&record[..HEADER]);
        header.hand_over(ctx, to, &bytes)?;
        ctx.put(to.wrapping_add(HEADER as u64), &record[HEADER..HEADER + 4])?;
    }
    Ok(received)
}

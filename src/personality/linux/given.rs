//! Descriptors that the host has just given the guest: which calls give some, and where they say their numbers. None may have
//! a number of felix's own, which is moved (`kernel::fd::reveal`).

use super::table::Row;
use super::{Ctx, Result};
use crate::kernel::fd;
use crate::sys::cast::{int, low32, reg};
use crate::sys::{Errno, host};

/// The calls whose result is a descriptor, but for fcntl(2) and ioctl(2).
const NAMES: [&str; 27] = [
    "accept",
    "accept4",
    "creat",
    "dup",
    "epoll_create",
    "epoll_create1",
    "eventfd",
    "eventfd2",
    "fanotify_init",
    "fsmount",
    "fsopen",
    "fspick",
    "inotify_init",
    "inotify_init1",
    "memfd_create",
    "mq_open",
    "open",
    "open_tree",
    "openat",
    "openat2",
    "pidfd_getfd",
    "pidfd_open",
    "seccomp",
    "signalfd",
    "signalfd4",
    "socket",
    "timerfd_create",
];

/// Where a call says the numbers.
enum Where {
    Result,
    /// Two, in memory.
    Pair(u64),
    /// Control messages of one header, or of several.
    Messages {
        at: u64,
        count: u64,
    },
}

fn place(row: &Row, args: &[u64; 6], result: u64) -> Option<Where> {
    const TIOCGPTPEER: u32 = 0x5441;
    /// NSIO (ioctl_ns(2)).
    const OF_NAMESPACES: u32 = 0xb7;
    let messages = |count| {
        let at = args[1];
        Some(Where::Messages { at, count })
    };
    match row.nr {
        // pipe, pipe2, socketpair, recvmsg, recvmmsg.
        22 | 293 => return Some(Where::Pair(args[0])),
        53 => return Some(Where::Pair(args[3])),
        47 => return messages(1),
        299 => return messages(result),
        _ if !fd::is_hidden(int(result)) => return None,
        _ => {}
    }
    let gives = match row.name {
        "fcntl" => matches!(int(args[1]), libc::F_DUPFD | libc::F_DUPFD_CLOEXEC),
        "ioctl" => {
            let request = low32(args[1]);
            request == TIOCGPTPEER || request >> 8 & 0xff == OF_NAMESPACES
        }
        name => NAMES.contains(&name),
    };
    gives.then_some(Where::Result)
}

/// What a call's result is once no descriptor it gave the guest has a number of felix's.
pub(super) fn reveal(ctx: &mut Ctx<'_>, row: &Row, args: &[u64; 6], result: u64) -> Result<u64> {
    match place(row, args, result) {
        None => Ok(result),
        Some(Where::Result) => fd::reveal(int(result)).map(reg),
        Some(Where::Pair(at)) => pair(ctx, at).map(|()| result),
        Some(Where::Messages { at, count }) => {
            for i in 0..count {
                // What cannot be read by now is nobody's; the messages have been received.
                let _ = messages(ctx, at.wrapping_add(i * MMSGHDR));
            }
            Ok(result)
        }
    }
}

fn pair(ctx: &mut Ctx<'_>, at: u64) -> Result<()> {
    let both: [u8; 8] = ctx.get(at)?;
    let both = both.as_chunks::<4>().0;
    let said = [both[0], both[1]].map(i32::from_le_bytes);
    if !said.into_iter().any(fd::is_hidden) {
        return Ok(());
    }
    let moved = said.map(fd::reveal);
    match moved {
        [Ok(a), Ok(b)] => ctx.put(at, &[a.to_le_bytes(), b.to_le_bytes()].concat()),
        _ => {
            for left in moved.into_iter().flatten() {
                host::close(left)?;
            }
            Err(Errno::EMFILE)
        }
    }
}

/// struct mmsghdr.
const MMSGHDR: u64 = 64;

/// Those in the control messages of a header that was received (cmsg(3)).
fn messages(ctx: &mut Ctx<'_>, header: u64) -> Result<()> {
    /// struct cmsghdr.
    const CMSGHDR: u64 = 16;
    let control = ctx.get_u64(header.wrapping_add(32))?;
    // As much as the host ever writes; another thread may have put anything there.
    let len = ctx.get_u64(header.wrapping_add(40))?.min(1 << 20);
    let mut at = 0;
    while at + CMSGHDR <= len {
        let this = control.wrapping_add(at);
        let bytes: [u8; 16] = ctx.get(this)?;
        let (words, _) = bytes.as_chunks::<4>();
        let said = u64::from_le_bytes([words[0], words[1]].concat().try_into().unwrap_or([0; 8]));
        let kind = [words[2], words[3]].map(i32::from_le_bytes);
        if said < CMSGHDR || said > len - at {
            break;
        }
        if kind == [libc::SOL_SOCKET, libc::SCM_RIGHTS] {
            for i in 0..(said - CMSGHDR) / 4 {
                let place = this.wrapping_add(CMSGHDR + 4 * i);
                let number = i32::from_le_bytes(ctx.get(place)?);
                if fd::is_hidden(number) {
                    ctx.put(place, &fd::reveal(number)?.to_le_bytes())?;
                }
            }
        }
        at += said.next_multiple_of(8);
    }
    Ok(())
}

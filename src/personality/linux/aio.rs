//! Asynchronous I/O (io_submit(2)): the host's. Its structures are the same for all 64-bit machines, and guest addresses are host
//! addresses; what is felix's own is the ring that the host maps for a context, which becomes the guest's memory, and the
//! descriptors in requests, which may not be felix's.

use super::table::Arg;
use super::{Ctx, Result, file_changed, fs, prepare, signal};
use crate::kernel::fd;
use crate::mem::space::space;
use crate::sys::cast::int;
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::{Errno, guest, raw};
use crate::x86::GuestAddr;

/// The libc crate does not know its number.
const SYS_IO_PGETEVENTS: libc::c_long = if cfg!(target_arch = "x86_64") {
    333
} else {
    292
};
/// struct io_event.
const EVENT: u64 = 32;

/// struct iocb, 64 bytes (linux/aio_abi.h): what felix looks at.
struct Request {
    opcode: u16,
    fd: i32,
    buffer: u64,
    count: u64,
    /// The eventfd to tell, if any.
    told: Option<i32>,
}

impl Request {
    /// IOCB_CMD_*.
    const PREAD: u16 = 0;
    const PWRITE: u16 = 1;
    const PREADV: u16 = 7;
    const PWRITEV: u16 = 8;
    const FLAG_RESFD: u32 = 1;

    fn new(b: &[u8; 64]) -> Request {
        let word = |at: usize| u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        let long = |at: usize| u64::from(word(at + 4)) << 32 | u64::from(word(at));
        let number = |at| word(at).cast_signed();
        Request {
            opcode: u16::from_le_bytes([b[16], b[17]]),
            fd: number(20),
            buffer: long(24),
            count: long(32),
            told: (word(56) & Self::FLAG_RESFD != 0).then(|| number(60)),
        }
    }

    fn names_hidden(&self) -> bool {
        fd::is_hidden(self.fd) || self.told.is_some_and(fd::is_hidden)
    }
}

/// io_setup(2): the context is the address of its ring.
pub(super) fn setup(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut context = ctx.get_u64(a[1])?;
    let at = space().attach_ring(|| {
        let args = [a[0], address_of_mut(&mut context), 0, 0, 0, 0];
        raw::syscall(libc::SYS_io_setup, args)?;
        // struct aio_ring, a header of the size of an event, says how many follow it.
        let mut header = [0; 8];
        guest::read_bytes(GuestAddr(context), &mut header)?;
        let count = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        Ok((context, EVENT + EVENT * u64::from(count)))
    })?;
    if let Err(e) = ctx.put(a[1], &at.to_le_bytes()) {
        destroy(ctx, [at, 0, 0, 0, 0, 0])?;
        return Err(e);
    }
    Ok(0)
}

/// io_destroy(2): waits for what cannot be cancelled.
pub(super) fn destroy(_: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    space().detach_ring(a[0], || raw::syscall(libc::SYS_io_destroy, a))
}

/// io_submit(2). What comes before the first request with a descriptor of felix's is submitted, as Linux does before a wrong one.
pub(super) fn submit(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let [context, count, list, ..] = a;
    let call = |count: u64| {
        let args = [context, count, list, 0, 0, 0];
        raw::interruptible(libc::SYS_io_submit, args)
    };
    for i in 0..u64::try_from(count.cast_signed()).unwrap_or(0) {
        let at = ctx.get_u64(list.wrapping_add(8 * i));
        // What cannot be read the host says, where it comes to that.
        let Ok(bytes) = at.and_then(|at| ctx.get(at)) else {
            break;
        };
        let request = Request::new(&bytes);
        if request.names_hidden() {
            // A wrong context comes before a wrong descriptor.
            return call(i).and_then(|n| if i == 0 { Err(Errno::EBADF) } else { Ok(n) });
        }
        match request.opcode {
            Request::PREAD => prepare(ctx, Arg::Buf, request.buffer, request.count),
            Request::PREADV => prepare(ctx, Arg::Iov, request.buffer, request.count),
            Request::PWRITE | Request::PWRITEV => file_changed(ctx, request.fd),
            _ => {}
        }
    }
    call(count)
}

/// io_getevents(2).
pub(super) fn getevents(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    prepare_events(ctx, a);
    signal::wait(ctx, libc::SYS_io_getevents, a)
}

/// io_pgetevents(2).
pub(super) fn pgetevents(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    prepare_events(ctx, a);
    let mask = fs::mask_and_size(ctx, a[5])?;
    let pair = [mask.as_ref().map_or(0, address_of), 8];
    let args = [a[0], a[1], a[2], a[3], a[4], address_of(&pair)];
    signal::wait(ctx, SYS_IO_PGETEVENTS, args)
}

fn prepare_events(ctx: &mut Ctx<'_>, a: [u64; 6]) {
    if space().watches() && int(a[2]) > 0 {
        prepare(ctx, Arg::Buf, a[3], a[2].saturating_mul(EVENT));
    }
}

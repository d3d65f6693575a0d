//! Restartable sequences as the host registers them (rseq(2)): one `struct rseq` a thread, which the C library takes for itself.

use super::{Errno, raw};
use std::ffi::c_uint;

/// RSEQ_FLAG_UNREGISTER.
pub const UNREGISTER: u64 = 1;

/// The signature that the C library registers with on this host (RSEQ_SIG in its bits/rseq.h).
#[cfg(target_arch = "x86_64")]
const LIBC_SIG: u64 = 0x5305_3053;
#[cfg(target_arch = "riscv64")]
const LIBC_SIG: u64 = 0xf140_1073;

/// How much of the structure the kernel fills, in bytes, and how it is to be aligned (getauxval(3), AT_RSEQ_FEATURE_SIZE and
/// AT_RSEQ_ALIGN); `None` if it does not say.
#[must_use]
pub fn features() -> Option<(u64, u64)> {
    const AT_RSEQ_FEATURE_SIZE: u64 = 27;
    const AT_RSEQ_ALIGN: u64 = 28;
    // SAFETY: getauxval has no preconditions.
    let [size, align] =
        [AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN].map(|k| unsafe { libc::getauxval(k) });
    (size != 0).then_some((size, align))
}

/// rseq(2) for this thread.
pub fn rseq(args: [u64; 4]) -> Result<u64, Errno> {
    let [area, len, flags, sig] = args;
    raw::syscall(libc::SYS_rseq, [area, len, flags, sig, 0, 0])
}

/// Takes the registration of this thread back that the C library has made, if it has. From then on its sched_getcpu(3) asks the
/// kernel.
pub fn release_library() {
    let Some((offset, size)) = library_area() else {
        return;
    };
    let area = thread_pointer().wrapping_add_signed(offset);
    // What is registered is at least the first version of the structure, 32 bytes, even if less of it is in use.
    let lens = [32, u64::from(size), u64::from(size).next_multiple_of(32)];
    for len in lens {
        if rseq([area, len, UNREGISTER, LIBC_SIG]).is_ok() {
            return;
        }
    }
}

/// Where its area is from the thread pointer, and how much of it is in use, from glibc 2.35 on.
#[cfg(target_feature = "crt-static")]
fn library_area() -> Option<(i64, c_uint)> {
    unsafe extern "C" {
        static __rseq_offset: isize;
        static __rseq_size: c_uint;
    }
    // SAFETY: constants of the C library.
    let (offset, size) = unsafe { (__rseq_offset, __rseq_size) };
    Some((offset as i64, size))
}

#[cfg(not(target_feature = "crt-static"))]
fn library_area() -> Option<(i64, c_uint)> {
    // SAFETY: names that end in NUL.
    let symbol = |name: &std::ffi::CStr| unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    let (offset, size) = (symbol(c"__rseq_offset"), symbol(c"__rseq_size"));
    if offset.is_null() || size.is_null() {
        return None;
    }
    // SAFETY: they are constants of these types (rseq(2) in the C library's manual).
    unsafe {
        Some((
            offset.cast::<isize>().read() as i64,
            size.cast::<c_uint>().read(),
        ))
    }
}

fn thread_pointer() -> u64 {
    let at: u64;
    // SAFETY: reads a register, or the word that the ABI keeps the thread pointer in.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("mov {}, fs:0", out(reg) at, options(nostack, readonly));
        #[cfg(target_arch = "riscv64")]
        std::arch::asm!("mv {}, tp", out(reg) at, options(nostack, nomem));
    }
    at
}

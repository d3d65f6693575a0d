//! Access to guest memory that never crashes felix: a bad address is an error.
//!
//! This version asks the kernel to copy (process_vm_readv(2) on the own process).

use crate::x86::{GuestAddr, MemFault, MemFaultKind};

fn fault(addr: GuestAddr, write: bool) -> MemFault {
    MemFault { addr, write, fetch: false, kind: MemFaultKind::NotMapped }
}

fn copy(addr: GuestAddr, local: *mut u8, len: usize, write: bool) -> Result<(), MemFault> {
    if len == 0 {
        return Ok(());
    }
    let liov = libc::iovec { iov_base: local.cast(), iov_len: len };
    let riov = libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(super::cast::size(addr.0)), iov_len: len };
    // SAFETY: `local` is `len` bytes the caller owns (mutably when reading); the kernel checks the other side.
    let n = unsafe {
        let pid = libc::getpid();
        if write {
            libc::process_vm_writev(pid, &raw const liov, 1, &raw const riov, 1, 0)
        } else {
            libc::process_vm_readv(pid, &raw const liov, 1, &raw const riov, 1, 0)
        }
    };
    match usize::try_from(n) {
        Ok(n) if n == len => Ok(()),
        Ok(n) => Err(fault(GuestAddr(addr.0.wrapping_add(n as u64)), write)),
        Err(_) => Err(fault(addr, write)),
    }
}

/// Reads `buf.len()` bytes.
pub fn read_bytes(addr: GuestAddr, buf: &mut [u8]) -> Result<(), MemFault> {
    copy(addr, buf.as_mut_ptr(), buf.len(), false)
}

/// Writes `buf`.
pub fn write_bytes(addr: GuestAddr, buf: &[u8]) -> Result<(), MemFault> {
    copy(addr, buf.as_ptr().cast_mut(), buf.len(), true)
}

macro_rules! scalar {
    ($read:ident $write:ident $t:ty) => {
        #[doc = concat!("Reads a little-endian ", stringify!($t), ".")]
        pub fn $read(addr: GuestAddr) -> Result<$t, MemFault> {
            let mut b = [0; size_of::<$t>()];
            read_bytes(addr, &mut b)?;
            Ok(<$t>::from_le_bytes(b))
        }
        #[doc = concat!("Writes a little-endian ", stringify!($t), ".")]
        pub fn $write(addr: GuestAddr, v: $t) -> Result<(), MemFault> {
            write_bytes(addr, &v.to_le_bytes())
        }
    };
}

scalar!(read_u8 write_u8 u8);
scalar!(read_u16 write_u16 u16);
scalar!(read_u32 write_u32 u32);
scalar!(read_u64 write_u64 u64);

//! Memory at fixed addresses, for test cases whose code and data must lie where every engine and
//! oracle has them.

use crate::x86::GuestAddr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A mapping at a fixed address, unmapped when dropped.
#[derive(Debug)]
pub struct Window {
    start: GuestAddr,
    len: usize,
}

/// What guest code may do with a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Loads only.
    Read,
    /// Loads and stores.
    ReadWrite,
    /// Loads and execution by the host's CPU.
    ReadExecute,
}

impl Window {
    /// Maps `len` bytes at `start`: of `file`, shared, or zero pages.
    ///
    /// # Errors
    /// If something is there already, or the host refuses.
    pub fn map(
        start: GuestAddr,
        len: usize,
        access: Access,
        file: Option<BorrowedFd<'_>>,
    ) -> io::Result<Window> {
        let prot = match access {
            Access::Read => libc::PROT_READ,
            Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Access::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        };
        let kind = match file {
            Some(_) => libc::MAP_SHARED,
            None => libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        };
        let fd = file.map_or(-1, |f| f.as_raw_fd());
        let flags = kind | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: NOREPLACE never touches an existing mapping, and nothing refers to this one but
        // through `sys::guest`.
        let p = unsafe {
            libc::mmap(
                std::ptr::with_exposed_provenance_mut(addr(start)),
                len,
                prot,
                flags,
                fd,
                0,
            )
        };
        if p == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let window = Window { start, len };
        if p.addr() == addr(start) {
            Ok(window)
        } else {
            Err(io::ErrorKind::AddrInUse.into())
        }
    }

    /// The first address.
    #[must_use]
    pub fn start(&self) -> GuestAddr {
        self.start
    }
}

#[allow(clippy::cast_possible_truncation)] // Hosts are 64-bit.
fn addr(a: GuestAddr) -> usize {
    a.0 as usize
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: `map` made exactly this mapping, and no reference into it exists.
        unsafe {
            libc::munmap(
                std::ptr::with_exposed_provenance_mut(addr(self.start)),
                self.len,
            )
        };
    }
}

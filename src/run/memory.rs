//! The guest's address space as engines see it.

use crate::exec::{CodeMemory, fetch_readable};
use crate::lift::region::Fetch;
use crate::mem::space;
use crate::x86::{GuestAddr, MemFault, MemFaultKind};

/// The process's address space: rights are the guest's, which the host's page tables do not know (its mappings are never
/// executable there), and pages with translated code are write-protected.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuestMemory;

impl Fetch for GuestMemory {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let allowed = space().executable_bytes(addr.0, buf.len() as u64);
        if allowed == 0 {
            let kind = if space().rights(addr.0).is_some() {
                MemFaultKind::Protection
            } else {
                MemFaultKind::NotMapped
            };
            return Err(MemFault {
                addr,
                write: false,
                fetch: true,
                kind,
            });
        }
        Ok(fetch_readable(addr, buf)?.min(usize::try_from(allowed).unwrap_or(buf.len())))
    }
}

impl CodeMemory for GuestMemory {
    fn watch(&self, page: GuestAddr) {
        space().watch(page.0);
    }

    fn unwatch(&self, addr: GuestAddr) -> bool {
        space().unwatch(addr.0)
    }
}

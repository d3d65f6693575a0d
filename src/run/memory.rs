//! The guest's address space as engines see it, and what felix itself takes beside it.

use crate::exec::{CodeMemory, fetch_readable};
use crate::kernel::rseq;
use crate::lift::region::Fetch;
use crate::mem::space::{self, space};
use crate::sys::host;
use crate::x86::{GuestAddr, MemFault, MemFaultKind};

/// The process's address space: rights are the guest's, which the host's page tables do not know (its mappings are never
/// executable there), and pages with translated code are write-protected.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuestMemory;

impl Fetch for GuestMemory {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let n = Whole.fetch(addr, buf)?;
        match rseq::look(addr, &buf[..n]) {
            0 if n > 0 => Err(MemFault {
                addr,
                write: false,
                fetch: true,
                kind: MemFaultKind::Protection,
            }),
            n => Ok(n),
        }
    }
}

/// The same with the code at which engines stop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl Fetch for Whole {
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

    fn is_shared(&self) -> bool {
        space().is_shared()
    }

    fn unwatch(&self, addr: GuestAddr) -> bool {
        space().unwatch(addr.0)
    }

    fn aliases(&self, addr: GuestAddr) -> Vec<GuestAddr> {
        let page = addr.0 & !(space::PAGE - 1);
        let found = space().aliases(&(page..page + space::PAGE));
        found.into_iter().map(|r| GuestAddr(r.start)).collect()
    }
}

/// Bytes of memory that felix itself occupies: the resident pages of all that the host has mapped in this
/// process (its code, heap, stacks and translations), less the guest's mappings. Where a kernel or
/// emulator does not say which pages are resident, `None`.
#[must_use]
pub fn own_bytes() -> Option<u64> {
    let text = crate::sys::proc::read("self/maps").ok()?;
    let text = String::from_utf8_lossy(&text);
    let guest = space().ranges();
    let mut pages = 0;
    for line in text.lines() {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let mut at = u64::from_str_radix(start, 16).ok()?;
        let end = u64::from_str_radix(end, 16).ok()?;
        // What lies in the upper half is the kernel's.
        while at < end && at < space::LIMIT {
            let next = guest.iter().find(|g| g.end > at);
            let until = next.map_or(end, |g| g.start.clamp(at, end));
            pages += host::resident_pages(at, until)?;
            at = match next {
                Some(g) if g.start < end => g.end,
                _ => end,
            };
        }
    }
    Some(pages * space::PAGE)
}

//! What may never be executed: files of a mount with MS_NOEXEC (mount(2)). The host itself maps none of the guest's memory
//! executable, so it has to be asked.

use super::{AddressSpace, Backing, EXEC, Inner, Request, host_prot, range};
use crate::sys::{Errno, host};
use std::ops::Range;

/// EPERM if a mapping is to be executable, and its file is of such a mount.
pub(super) fn check(req: &Request) -> Result<(), Errno> {
    if req.prot & EXEC != 0 && req.fd >= 0 && host::is_noexec(req.fd) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

impl Inner {
    /// Where in `r` what may never be executed begins. The host knows: it would not give the right.
    pub(super) fn never_executable(&self, r: &Range<u64>) -> Option<u64> {
        let files = self.overlapping(r).filter(|(_, region)| {
            region.prot & EXEC == 0 && matches!(region.backing, Backing::File { .. })
        });
        let parts = files.map(|(start, region)| {
            let part = r.start.max(*start)..r.end.min(region.end);
            (part, host_prot(region.prot))
        });
        let never = { parts }.find(|(part, prot)| {
            let len = part.end - part.start;
            let asked = host::mem_protect(part.start, len, prot | libc::PROT_EXEC);
            if asked.is_ok() {
                let _ = host::mem_protect(part.start, len, *prot);
            }
            asked == Err(Errno::EACCES)
        });
        never.map(|(part, _)| part.start)
    }
}

impl AddressSpace {
    /// True if mprotect(2) may make all of it executable that is mapped.
    #[must_use]
    pub fn may_execute(&self, addr: u64, len: u64) -> bool {
        range(addr, len).is_ok_and(|r| self.lock().never_executable(&r).is_none())
    }
}

//! What callers ask of the map before and after something writes memory or files by another way than the guest's
//! stores: where there may be code.

use super::{AddressSpace, Backing, Changes, EXEC};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a page was ever watched: asked at every system call, so not under the lock.
pub(super) static WATCHES: AtomicBool = AtomicBool::new(false);
/// Whether there was ever a shared mapping of a file that may be executed.
pub(super) static SHARED_CODE: AtomicBool = AtomicBool::new(false);

impl AddressSpace {
    /// True if there may be a page that `unwatch_pages` finds.
    #[must_use]
    pub fn watches(&self) -> bool {
        WATCHES.load(Ordering::Acquire)
    }

    /// True if a file that is written may be code of a shared mapping.
    #[must_use]
    pub fn executes_shared_files(&self) -> bool {
        SHARED_CODE.load(Ordering::Acquire)
    }

    /// The shared mappings of a file, by device and inode, that may be executed.
    #[must_use]
    pub fn code_of_file(&self, device: (u32, u32), inode: u64) -> Changes {
        let inner = self.lock();
        let regions = inner.regions.iter().filter(|(_, r)| {
            let same = matches!(r.backing, Backing::File { dev, ino, .. } if (dev, ino) == (device, inode));
            same && r.shared && r.prot & EXEC != 0
        });
        regions.map(|(start, r)| *start..r.end).collect()
    }
}

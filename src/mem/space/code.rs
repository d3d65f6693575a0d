//! What callers ask of the map before and after something writes memory or files by another way than the guest's
//! stores: where there may be code.

use super::{AddressSpace, Backing, Changes, EXEC};

impl AddressSpace {
    /// True if there is a page that `unwatch_pages` could find.
    #[must_use]
    pub fn watches(&self) -> bool {
        !self.lock().watched.is_empty()
    }

    /// True if a file that is written may be code of a shared mapping.
    #[must_use]
    pub fn executes_shared_files(&self) -> bool {
        self.lock().shared_code
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

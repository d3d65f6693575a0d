//! Mappings that the host makes and removes by calls of their own: segments of System V shared memory (shmat(2)), rings of
//! asynchronous I/O (io_setup(2)).

use super::behind::host_names;
use super::{AddressSpace, Backing, Changes, LIMIT, PAGE, READ, Region, WRITE, range, round_up};
use crate::sys::{Errno, proc};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl AddressSpace {
    /// Takes note of a mapping the host has just made for the guest (shmat(2)).
    pub fn note(&self, addr: u64, len: u64, region: Region) {
        let mut inner = self.lock();
        let end = addr + round_up(len).unwrap_or(len);
        inner.cut(&(addr..end));
        if region.shared {
            self.shared.store(true, Ordering::Release);
        }
        inner.put(addr, Region { end, ..region });
    }

    /// Detaches the segment attached at this address (shmdt(2)) by the host's call: what is left of it, which may have been cut
    /// by munmap(2) and mprotect(2).
    pub fn detach_segment(
        &self,
        addr: u64,
        changes: &mut Changes,
        call: impl FnOnce() -> Result<u64, Errno>,
    ) -> Result<u64, Errno> {
        let mut inner = self.lock();
        let r = call()?;
        let mut segment = None;
        let mut parts = Vec::new();
        for (start, region) in inner.regions.range(addr..LIMIT) {
            let Backing::File { path, dev, ino } = &region.backing else {
                continue;
            };
            if path.starts_with(b"/SYSV")
                && region.shared
                && region.offset == start - addr
                && *segment.get_or_insert((*dev, *ino)) == (*dev, *ino)
            {
                parts.push(*start..region.end);
            }
        }
        for r in parts {
            if inner.executable(&r) {
                changes.push(r.clone());
            }
            inner.cut(&r);
        }
        Ok(r)
    }

    /// Has the host make a ring of asynchronous I/O (io_setup(2)); `call` tells where it is and how long.
    pub fn attach_ring(
        &self,
        call: impl FnOnce() -> Result<(u64, u64), Errno>,
    ) -> Result<u64, Errno> {
        let mut inner = self.lock();
        let (at, len) = call()?;
        let maps = proc::read("self/maps").unwrap_or_default();
        let (major, minor, ino) =
            (host_names(&maps).get(&at)).map_or((0, 0, 0), |behind| behind.id);
        let end = at + round_up(len).unwrap_or(PAGE);
        inner.cut(&(at..end));
        inner.put(
            at,
            Region {
                end,
                prot: READ | WRITE,
                shared: true,
                backing: Backing::File {
                    path: Arc::from(&b"/[aio]"[..]),
                    dev: (major, minor),
                    ino,
                },
                offset: 0,
            },
        );
        Ok(at)
    }

    /// Has the host remove the ring that is there (io_destroy(2)).
    pub fn detach_ring(
        &self,
        addr: u64,
        call: impl FnOnce() -> Result<u64, Errno>,
    ) -> Result<u64, Errno> {
        let mut inner = self.lock();
        let r = call()?;
        let ring = inner
            .regions
            .get(&addr)
            .filter(|r| matches!(&r.backing, Backing::File { path, .. } if **path == *b"/[aio]"));
        if let Some(end) = ring.map(|r| r.end) {
            inner.cut(&(addr..end));
        }
        Ok(r)
    }

    /// Claims a range for MAP_FIXED-like calls of other kinds (shmat(2) with SHM_REMAP).
    pub fn reserve(&self, addr: u64, len: u64) -> Result<(), Errno> {
        let r = range(addr, len)?;
        self.lock().claim(&r).map(drop)
    }
}

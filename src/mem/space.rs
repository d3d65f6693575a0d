//! The map of the guest's address space, and the only way to change it.
//!
//! Guest addresses are host addresses, so the host's kernel is the memory manager; this map remembers which
//! parts are the guest's and what the guest asked for (the host mapping never gets PROT_EXEC, and the engines
//! may write-protect pages with translated code). It knows nothing of system call numbers, of code or of
//! engines: operations report the ranges whose code may have changed, and the caller passes them on.
//!
//! Invariants: no operation touches a host mapping that is not in the map, so felix's own memory cannot
//! be replaced or unmapped (free parts of a MAP_FIXED range are first claimed with
//! MAP_FIXED_NOREPLACE); the map changes only while its lock is held, over the host call too. The lock
//! is a leaf: nothing else is locked under it.

use crate::sys::{Errno, host};
use shown::Regions;
use std::collections::BTreeSet;
use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The guest's page size.
pub const PAGE: u64 = 4096;
/// Where the first mapping may be (proc_sys_vm(5), mmap_min_addr; hosts have this one).
pub const LOWEST: u64 = 0x1_0000;
/// The end of the user half with 48-bit addresses, less the guard page Linux keeps (TASK_SIZE).
pub const LIMIT: u64 = (1 << 47) - PAGE;

/// PROT_READ, PROT_WRITE, PROT_EXEC (mmap(2)); the same bits on all hosts.
pub const READ: u32 = 1;
/// See `READ`.
pub const WRITE: u32 = 2;
/// See `READ`.
pub const EXEC: u32 = 4;

/// mmap(2) flags, x86-64 numbering; all but the last two are the same in the generic ABI.
pub mod flag {
    #![allow(missing_docs)] // mmap(2)'s names.
    pub const SHARED: u32 = 1;
    pub const PRIVATE: u32 = 2;
    pub const TYPE: u32 = 0xf;
    pub const FIXED: u32 = 0x10;
    pub const ANONYMOUS: u32 = 0x20;
    pub const GROWSDOWN: u32 = 0x100;
    pub const NORESERVE: u32 = 0x4000;
    pub const FIXED_NOREPLACE: u32 = 0x10_0000;
    pub const X32BIT: u32 = 0x40;
    pub const ABOVE4G: u32 = 0x80;
}

/// What a mapping shows in /proc/PID/maps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Backing {
    /// Anonymous memory without a name.
    #[default]
    Anonymous,
    /// Anonymous memory with a name in brackets, or an empty one: that only keeps it from being joined with others.
    Named(&'static str),
    /// A file.
    File {
        /// Path as the guest sees it.
        path: Arc<[u8]>,
        /// Device number, major and minor.
        dev: (u32, u32),
        /// Inode number.
        ino: u64,
    },
}

/// A stretch of guest memory with the same rights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// One past the last byte; the start is the key.
    pub end: u64,
    /// READ, WRITE, EXEC as the guest asked.
    pub prot: u32,
    /// MAP_SHARED.
    pub shared: bool,
    /// What is behind it.
    pub backing: Backing,
    /// Offset in the file of the first byte.
    pub offset: u64,
}

/// A request to map memory (mmap(2)).
#[derive(Clone, Debug)]
pub struct Request {
    /// Address or hint.
    pub addr: u64,
    /// Length in bytes.
    pub len: u64,
    /// READ, WRITE, EXEC.
    pub prot: u32,
    /// The guest's flags.
    pub flags: u32,
    /// File, or -1.
    pub fd: RawFd,
    /// Offset in it.
    pub offset: u64,
    /// What to show for it.
    pub backing: Backing,
}

/// Ranges in which the guest's code may have changed.
pub type Changes = Vec<Range<u64>>;

#[derive(Default)]
struct Inner {
    regions: Regions,
    /// Pages an engine has write-protected because it translated code from them.
    watched: BTreeSet<u64>,
    /// A range that may be executed: where code was last looked for. Empty once anything was removed from
    /// the map.
    code: Range<u64>,
    brk_start: u64,
    brk: u64,
    limits: limits::Limits,
    sealed: seals::Seals,
    stops: stops::Stops,
}

/// See the module's head.
#[derive(Default)]
pub struct AddressSpace {
    inner: Mutex<Inner>,
    /// Whether there is, or was, a mapping through which other processes may exchange something.
    shared: AtomicBool,
}

static SPACE: AddressSpace = AddressSpace {
    shared: AtomicBool::new(false),
    inner: Mutex::new(Inner {
        regions: Regions::SHOWN,
        watched: BTreeSet::new(),
        code: 0..0,
        brk_start: 0,
        brk: 0,
        limits: limits::Limits::NONE,
        sealed: seals::Seals::NONE,
        stops: stops::Stops::NONE,
    }),
};

/// The one address space of this process: guest addresses are host addresses, so there can be only one.
#[must_use]
pub fn space() -> &'static AddressSpace {
    &SPACE
}

/// Keeps the map consistent over a fork: held from before until after it, in parent and child.
pub struct ForkGuard<'a> {
    _lock: MutexGuard<'a, Inner>,
}

fn host_prot(prot: u32) -> i32 {
    // On x86 whatever can be written or executed can be read; felix fetches with loads.
    let read = if prot & (READ | WRITE | EXEC) != 0 {
        READ
    } else {
        0
    };
    (prot & WRITE | read).cast_signed()
}

fn round_up(v: u64) -> Option<u64> {
    v.checked_add(PAGE - 1).map(|v| v & !(PAGE - 1))
}

impl Inner {
    /// Regions that overlap `r`.
    fn overlapping(&self, r: &Range<u64>) -> impl Iterator<Item = (&u64, &Region)> {
        let first = self
            .regions
            .range(..=r.start)
            .next_back()
            .filter(|(_, x)| x.end > r.start)
            .map_or(r.start, |(s, _)| *s);
        self.regions.range(first..r.end)
    }

    /// The parts of `r` that no region covers.
    fn gaps(&self, r: &Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = r.start;
        for (&start, region) in self.overlapping(r) {
            if start > at {
                gaps.push(at..start);
            }
            at = at.max(region.end);
        }
        if at < r.end {
            gaps.push(at..r.end);
        }
        gaps
    }

    fn split(&mut self, at: u64) {
        let Some((&start, region)) = self.regions.range(..at).next_back() else {
            return;
        };
        if region.end <= at {
            return;
        }
        let mut right = region.clone();
        right.offset += at - start;
        self.regions.set_end(start, at);
        self.regions.insert(at, right);
    }

    /// Takes `r` out of the map. What is put there next has its own protection, so nothing in it is watched.
    fn cut(&mut self, r: &Range<u64>) -> Vec<(u64, Region)> {
        self.forget_stops(r);
        self.take(r)
    }

    /// The same where nothing else is put there.
    fn take(&mut self, r: &Range<u64>) -> Vec<(u64, Region)> {
        self.forget_watched(r);
        self.code = 0..0;
        self.split(r.start);
        self.split(r.end);
        let keys: Vec<u64> = self
            .regions
            .range(r.start..r.end)
            .map(|(k, _)| *k)
            .collect();
        keys.into_iter()
            .filter_map(|k| self.regions.remove(k).map(|v| (k, v)))
            .collect()
    }

    fn forget_watched(&mut self, r: &Range<u64>) {
        while let Some(&page) = self.watched.range(r.clone()).next() {
            self.watched.remove(&page);
        }
    }

    fn rights(&self, addr: u64) -> Option<(Range<u64>, u32)> {
        self.regions
            .range(..=addr)
            .next_back()
            .filter(|(_, r)| r.end > addr)
            .map(|(s, r)| (*s..r.end, r.prot))
    }

    fn executable(&self, r: &Range<u64>) -> bool {
        self.overlapping(r).any(|(_, x)| x.prot & EXEC != 0)
    }

    /// The other regions that show bytes of these, with what of them: shared mappings of the same part of a
    /// file. Programs that translate code themselves write it by one mapping and run it by another.
    fn aliases(&self, r: &Range<u64>) -> Vec<(Range<u64>, u32)> {
        let mut found = Vec::new();
        for (start, x) in self.overlapping(r) {
            let Backing::File { dev, ino, .. } = &x.backing else {
                continue;
            };
            if !x.shared {
                continue;
            }
            // The part of the file.
            let from = x.offset + (r.start.max(*start) - start);
            let to = x.offset + (r.end.min(x.end) - start);
            for (at, y) in self.regions.iter() {
                let same = matches!(&y.backing, Backing::File { dev: d, ino: i, .. } if d == dev && i == ino);
                let first = from.max(y.offset);
                let last = to.min(y.offset + (y.end - at));
                if same && y.shared && at != start && first < last {
                    found.push((at + (first - y.offset)..at + (last - y.offset), y.prot));
                }
            }
        }
        found
    }

    /// Notes what becomes stale once `r` can be written to: code seen through its other mappings, which
    /// was not watched here.
    fn writable_now(&self, r: &Range<u64>, changes: &mut Changes) {
        let code = self
            .aliases(r)
            .into_iter()
            .filter(|(_, prot)| prot & EXEC != 0);
        changes.extend(code.map(|(range, _)| range));
    }

    /// Makes the host refuse writes to a page, if the guest may write there.
    fn watch(&mut self, page: u64) {
        if let Some((_, prot)) = self.rights(page)
            && prot & WRITE != 0
            && !self.stops.keep(page)
            && host::mem_protect(page, PAGE, host_prot(prot & !WRITE)).is_ok()
        {
            self.watched.insert(page);
            code::WATCHES.store(true, Ordering::Release);
        }
    }

    /// Puts a region where nothing is, joined with equal neighbours.
    fn put(&mut self, mut start: u64, mut region: Region) {
        if region.shared
            && region.prot & EXEC != 0
            && matches!(region.backing, Backing::File { .. })
        {
            code::SHARED_CODE.store(true, Ordering::Release);
        }
        let continues = |a: (u64, &Region), b: (u64, &Region)| {
            a.1.end == b.0
                && a.1.prot == b.1.prot
                && a.1.shared == b.1.shared
                && a.1.backing == b.1.backing
                // Shared memory without a name is a file of its own for each mmap(2), whose first byte is at 0.
                && (!(a.1.shared || matches!(a.1.backing, Backing::File { .. }))
                    || a.1.offset + (a.1.end - a.0) == b.1.offset)
        };
        if let Some((&s, left)) = self.regions.range(..start).next_back()
            && continues((s, left), (start, &region))
        {
            region.offset = left.offset;
            self.regions.remove(s);
            start = s;
        }
        if let Some((&s, right)) = self.regions.range(start + 1..).next()
            && continues((start, &region), (s, right))
        {
            region.end = right.end;
            self.regions.remove(s);
        }
        self.regions.insert(start, region);
    }

    /// Claims the free parts of `r` from the host, so that MAP_FIXED can be used on all of it.
    fn claim(&self, r: &Range<u64>) -> Result<Vec<Range<u64>>, Errno> {
        let mut claimed: Vec<Range<u64>> = Vec::new();
        let flags = flag::PRIVATE | flag::ANONYMOUS | flag::NORESERVE | flag::FIXED_NOREPLACE;
        for gap in self.gaps(r) {
            let len = gap.end - gap.start;
            let got = host::mem_map(gap.start, len, 0, flags.cast_signed(), -1, 0);
            let err = match got {
                Ok(at) if at == gap.start => {
                    claimed.push(gap);
                    continue;
                }
                Ok(elsewhere) => {
                    let _ = host::mem_unmap(elsewhere, len);
                    Errno::EEXIST
                }
                Err(e) => e,
            };
            release(&claimed);
            if err == Errno::EEXIST {
                tracing::warn!(
                    "the guest asks for {:#x}-{:#x}, where felix or the host has memory of its own",
                    r.start,
                    r.end
                );
                return Err(Errno::ENOMEM);
            }
            return Err(err);
        }
        Ok(claimed)
    }
}

fn release(claimed: &[Range<u64>]) {
    for c in claimed {
        let _ = host::mem_unmap(c.start, c.end - c.start);
    }
}

/// A page-aligned, non-empty, non-wrapping range in the user half.
fn range(addr: u64, len: u64) -> Result<Range<u64>, Errno> {
    if !addr.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let len = round_up(len).ok_or(Errno::ENOMEM)?;
    let end = addr
        .checked_add(len)
        .filter(|e| *e <= LIMIT + PAGE)
        .ok_or(Errno::ENOMEM)?;
    Ok(addr..end)
}

/// True for a file on a disk: what processes exchange messages through lies in memory (shm_overview(7),
/// memfd_create(2)), but caches and databases that libraries read are mapped shared by many programs.
fn is_quiet_file(fd: RawFd) -> bool {
    const IN_MEMORY: [i64; 3] = [
        0x0102_1994, // TMPFS_MAGIC
        0x9584_58f6, // HUGETLBFS_MAGIC
        0x8584_58f6, // RAMFS_MAGIC
    ];
    fd >= 0 && host::fs_type(fd).is_ok_and(|ty| !IN_MEMORY.contains(&ty))
}

impl AddressSpace {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere does not leave the map half-changed in a way that matters more than going on.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the guest may exchange something with another process through memory, or may have: it has
    /// a shared mapping that it can write, or of a file in memory.
    pub fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Acquire)
    }

    /// Keeps the map's lock over a fork.
    pub fn for_fork(&self) -> ForkGuard<'_> {
        ForkGuard { _lock: self.lock() }
    }

    /// mmap(2).
    pub fn map(&self, req: &Request, changes: &mut Changes) -> Result<u64, Errno> {
        if req.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = round_up(req.len)
            .filter(|l| *l <= LIMIT)
            .ok_or(Errno::ENOMEM)?;
        let anonymous = flag::PRIVATE | flag::ANONYMOUS;
        if req.flags & flag::GROWSDOWN != 0
            && req.flags & (flag::TYPE | flag::ANONYMOUS) != anonymous
        {
            return Err(Errno::EINVAL);
        }
        noexec::check(req)?;
        let mut inner = self.lock();
        inner.has_room()?;
        let replaced = if req.flags & flag::FIXED != 0 {
            req.addr..req.addr.saturating_add(len)
        } else {
            0..0
        };
        inner.within_limits(
            len,
            req.prot,
            req.flags & flag::TYPE != flag::PRIVATE,
            &replaced,
        )?;
        let own =
            flag::X32BIT | flag::ABOVE4G | flag::GROWSDOWN | flag::FIXED | flag::FIXED_NOREPLACE;
        let host_flags = req.flags & !own;
        let host_map = |addr: u64, more: u32| {
            host::mem_map(
                addr,
                len,
                host_prot(req.prot),
                (host_flags | more).cast_signed(),
                req.fd,
                req.offset,
            )
        };
        let fresh = |addr: u64| match host_map(addr, flag::FIXED_NOREPLACE) {
            Ok(at) if at == addr => Ok(at),
            Ok(elsewhere) => {
                let _ = host::mem_unmap(elsewhere, len);
                Err(Errno::EEXIST)
            }
            Err(e) => Err(e),
        };
        let mut was_executable = false;
        let addr = if req.flags & flag::FIXED_NOREPLACE != 0 {
            let r = range(req.addr, len)?;
            if inner.overlapping(&r).next().is_some() {
                return Err(Errno::EEXIST);
            }
            fresh(req.addr)?
        } else if req.flags & flag::FIXED != 0 {
            let r = range(req.addr, len)?;
            inner.not_sealed(&r)?;
            let claimed = inner.claim(&r)?;
            was_executable = inner.executable(&r);
            let at = host_map(req.addr, flag::FIXED).inspect_err(|_| release(&claimed))?;
            inner.cut(&r);
            at
        } else if req.flags & flag::X32BIT != 0 {
            // mmap(2): the first 2 GiB; Linux takes the hint, or searches from 1 GiB up.
            const END: u64 = 0x8000_0000;
            let hint = req.addr & !(PAGE - 1);
            let hint = (hint != 0 && hint.checked_add(len).is_some_and(|end| end <= END))
                .then(|| hint.max(LOWEST)..hint.max(LOWEST) + len)
                .filter(|r| inner.overlapping(r).next().is_none());
            let free = inner.gaps(&(0x4000_0000..END)).into_iter();
            let free = free.filter(|g| g.end - g.start >= len);
            (hint.into_iter().chain(free))
                .find_map(|r| fresh(r.start).ok())
                .ok_or(Errno::ENOMEM)?
        } else {
            // A hint is a hint for the host's kernel, too; it never takes what is in use.
            host_map(req.addr & !(PAGE - 1), 0)?
        };
        let region = Region {
            end: addr + len,
            prot: req.prot & (READ | WRITE | EXEC),
            shared: req.flags & flag::TYPE != flag::PRIVATE,
            backing: req.backing.clone(),
            offset: if req.fd < 0 { 0 } else { req.offset },
        };
        if was_executable || region.prot & EXEC != 0 {
            changes.push(addr..addr + len);
        }
        let writable = region.shared && region.prot & WRITE != 0;
        if region.shared && (region.prot & WRITE != 0 || !is_quiet_file(req.fd)) {
            self.shared.store(true, Ordering::Release);
        }
        inner.put(addr, region);
        if writable {
            inner.writable_now(&(addr..addr + len), changes);
        }
        Ok(addr)
    }

    /// munmap(2): what is the guest's in the range goes, the rest is left alone.
    pub fn unmap(&self, addr: u64, len: u64, changes: &mut Changes) -> Result<(), Errno> {
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        let r = range(addr, len).map_err(|_| Errno::EINVAL)?;
        let mut inner = self.lock();
        inner.not_sealed(&r)?;
        inner.has_room_to_cut(&r)?;
        if inner.executable(&r) {
            changes.push(r.clone());
        }
        for (start, region) in inner.cut(&r) {
            host::mem_unmap(start, region.end - start)?;
        }
        Ok(())
    }

    /// mprotect(2).
    pub fn protect(
        &self,
        addr: u64,
        len: u64,
        prot: u32,
        changes: &mut Changes,
    ) -> Result<(), Errno> {
        let r = range(addr, len)?;
        if r.is_empty() {
            return Ok(());
        }
        let mut inner = self.lock();
        // As Linux: what comes before that which stops it is changed all the same.
        let hole = inner.gaps(&r).first().map(|gap| gap.start);
        let never = (prot & EXEC != 0)
            .then(|| inner.never_executable(&r))
            .flatten();
        let (end, stopped) = [
            (hole, Errno::ENOMEM),
            (never, Errno::EACCES),
            (inner.first_sealed(&r), Errno::EPERM),
        ]
        .into_iter()
        .filter_map(|(at, errno)| Some((at?, Err(errno))))
        .min_by_key(|(at, _)| *at)
        .unwrap_or((r.end, Ok(())));
        let r = r.start..end;
        if r.is_empty() {
            return stopped;
        }
        let prot = prot & (READ | WRITE | EXEC);
        inner.has_room_to_cut(&r)?;
        host::mem_protect(r.start, r.end - r.start, host_prot(prot))?;
        if prot & EXEC != 0 || inner.executable(&r) {
            changes.push(r.clone());
        }
        for (start, mut region) in inner.take(&r) {
            if region.shared && prot & WRITE != 0 {
                self.shared.store(true, Ordering::Release);
            }
            region.prot = prot;
            inner.put(start, region);
        }
        if prot & WRITE != 0 {
            inner.writable_now(&r, changes);
        }
        stopped
    }

    /// Where the stack begins that has this address in it (for PROT_GROWSDOWN).
    #[must_use]
    pub fn stack_start(&self, addr: u64) -> Option<u64> {
        let inner = self.lock();
        let (start, region) = inner.overlapping(&(addr..addr + 1)).next()?;
        (region.backing == Backing::Named("[stack]")).then_some(*start)
    }

    /// The parts of a range that the guest has mapped.
    #[must_use]
    pub fn parts(&self, r: &Range<u64>) -> Vec<Range<u64>> {
        let mut parts: Vec<Range<u64>> = Vec::new();
        for (start, region) in self.lock().overlapping(r) {
            let part = r.start.max(*start)..r.end.min(region.end);
            match parts.last_mut() {
                Some(last) if last.end == part.start => last.end = part.end,
                _ => parts.push(part),
            }
        }
        parts
    }

    /// mremap(2); flags 1 MAYMOVE, 2 FIXED, 4 DONTUNMAP.
    pub fn remap(
        &self,
        addr: u64,
        old: u64,
        new: u64,
        flags: u32,
        to: u64,
        changes: &mut Changes,
    ) -> Result<u64, Errno> {
        let from = range(addr, old)?;
        if new == 0 || flags & !7 != 0 || (flags & 6 != 0 && flags & 1 == 0) {
            return Err(Errno::EINVAL);
        }
        let new = round_up(new).filter(|n| *n <= LIMIT).ok_or(Errno::ENOMEM)?;
        // The protections move with the pages.
        self.unwatch_range(from.clone());
        let mut inner = self.lock();
        let first = inner
            .overlapping(&(addr..addr + 1))
            .next()
            .map(|(s, r)| (*s, r.clone()))
            .ok_or(Errno::EFAULT)?;
        if !inner.gaps(&from).is_empty() {
            return Err(Errno::EFAULT);
        }
        inner.not_sealed(&from)?;
        if inner.executable(&from) {
            changes.push(from.clone());
        }
        let more = new.saturating_sub(from.end - from.start);
        inner.within_limits(more, first.1.prot, first.1.shared, &(0..0))?;
        let mut claimed = Vec::new();
        if flags & 2 != 0 {
            let target = range(to, new)?;
            if target.start < from.end && from.start < target.end {
                return Err(Errno::EINVAL);
            }
            inner.not_sealed(&target)?;
            claimed = inner.claim(&target)?;
            if inner.executable(&target) {
                changes.push(target.clone());
            }
        }
        let at = host::mem_remap(addr, from.end - from.start, new, flags.cast_signed(), to)
            .inspect_err(|_| release(&claimed))?;
        let mut pieces = if flags & 4 != 0 || from.is_empty() {
            Vec::new()
        } else {
            inner.cut(&from)
        };
        inner.cut(&(at..at + new));
        if pieces.is_empty() {
            let mut r = first.1;
            r.offset += addr - first.0;
            r.end = addr + new;
            pieces.push((addr, r));
        }
        let last = pieces.len() - 1;
        for (i, (start, mut region)) in pieces.into_iter().enumerate() {
            let offset = start - addr;
            if offset >= new {
                break;
            }
            let end = if i == last {
                new
            } else {
                (region.end - addr).min(new)
            };
            region.end = at + end;
            inner.put(at + offset, region);
        }
        if inner.executable(&(at..at + new)) {
            changes.push(at..at + new);
        }
        Ok(at)
    }

    /// remap_file_pages(2), as Linux does it since 4.0: a new mapping of the same file at another offset, in bytes.
    pub fn remap_pages(
        &self,
        r: &Range<u64>,
        offset: u64,
        changes: &mut Changes,
        call: impl FnOnce() -> Result<u64, Errno>,
    ) -> Result<u64, Errno> {
        // The host takes the protections as they are.
        self.unwatch_range(r.clone());
        let mut inner = self.lock();
        inner.not_sealed(r)?;
        let first = (inner.overlapping(&(r.start..r.start + 1)).next())
            .map(|(_, region)| region.clone())
            .filter(|region| region.shared)
            .ok_or(Errno::EINVAL)?;
        if !inner.gaps(r).is_empty() {
            return Err(Errno::EINVAL);
        }
        let result = call()?;
        if inner.executable(r) {
            changes.push(r.clone());
        }
        inner.cut(r);
        inner.put(
            r.start,
            Region {
                end: r.end,
                offset,
                ..first
            },
        );
        Ok(result)
    }

    /// The heap: from where it starts to the program break.
    #[must_use]
    pub fn heap(&self) -> Range<u64> {
        let inner = self.lock();
        inner.brk_start..inner.brk
    }

    /// Moves both; what is mapped stays (PR_SET_MM_START_BRK, PR_SET_MM_BRK).
    pub fn set_heap(&self, heap: Range<u64>) {
        let mut inner = self.lock();
        (inner.brk_start, inner.brk) = (heap.start, heap.end);
    }

    /// brk(2): the new end of the heap, or the old one if it cannot be moved there. What is new has the rights `prot`.
    pub fn brk(&self, to: u64, prot: u32, changes: &mut Changes) -> u64 {
        let (start, old) = {
            let inner = self.lock();
            (inner.brk_start, inner.brk)
        };
        if to < start || to > LIMIT {
            return old;
        }
        let (Some(from_page), Some(to_page)) = (round_up(old), round_up(to)) else {
            return old;
        };
        let done = if to_page > from_page {
            let req = Request {
                addr: from_page,
                len: to_page - from_page,
                prot,
                flags: flag::PRIVATE | flag::ANONYMOUS | flag::FIXED_NOREPLACE,
                fd: -1,
                offset: 0,
                backing: Backing::Named("[heap]"),
            };
            self.map(&req, changes).is_ok()
        } else {
            to_page == from_page || self.unmap(to_page, from_page - to_page, changes).is_ok()
        };
        if done {
            self.lock().brk = to;
            return to;
        }
        old
    }

    /// True if all of the range is mapped by the guest.
    #[must_use]
    pub fn covers(&self, addr: u64, len: u64) -> bool {
        let start = addr & !(PAGE - 1);
        match addr.checked_add(len) {
            Some(end) => end <= start || self.lock().gaps(&(start..end)).is_empty(),
            None => false,
        }
    }

    /// True if any of the range is executable.
    #[must_use]
    pub fn any_executable(&self, addr: u64, len: u64) -> bool {
        self.lock().executable(&(addr..addr.saturating_add(len)))
    }

    /// What the guest may do at this address (READ, WRITE, EXEC), with the range that has these rights; `None` if nothing is
    /// mapped there.
    #[must_use]
    pub fn rights(&self, addr: u64) -> Option<(Range<u64>, u32)> {
        self.lock().rights(addr)
    }

    /// From now on writes to this page fault on the host, if the guest may write there at all: code was translated from it. So
    /// do writes to other mappings of the same bytes.
    pub fn watch(&self, page: u64) {
        let mut inner = self.lock();
        inner.watch(page);
        for (r, _) in inner.aliases(&(page..page + PAGE)) {
            inner.watch(r.start);
        }
    }

    /// The other places at which the guest sees these bytes.
    #[must_use]
    pub fn aliases(&self, r: &Range<u64>) -> Vec<Range<u64>> {
        let found = self.lock().aliases(r);
        found.into_iter().map(|(range, _)| range).collect()
    }

    /// If the guest may write to the page of `addr`, makes it so on the host, where the page may be watched, and
    /// says true. Also where another thread has done so since the host refused a write.
    pub fn unwatch(&self, addr: u64) -> bool {
        let page = addr & !(PAGE - 1);
        let mut inner = self.lock();
        let watched = inner.watched.remove(&page);
        match inner.rights(page) {
            Some((_, prot)) if prot & WRITE != 0 => {
                !watched || host::mem_protect(page, PAGE, host_prot(prot)).is_ok()
            }
            _ => false,
        }
    }

    /// Lets the guest write to all watched pages of a range again; true if there were any.
    pub fn unwatch_range(&self, r: Range<u64>) -> bool {
        !self.unwatch_pages(r).is_empty()
    }

    /// The same; which pages they were.
    pub fn unwatch_pages(&self, r: Range<u64>) -> Vec<u64> {
        let pages: Vec<u64> = match self.lock().watched {
            ref w if w.is_empty() => Vec::new(),
            ref w => w.range(r).copied().collect(),
        };
        for &p in &pages {
            self.unwatch(p);
        }
        pages
    }

    /// How many bytes from `addr` on the guest may execute, up to `max`.
    #[must_use]
    pub fn executable_bytes(&self, addr: u64, max: u64) -> u64 {
        let mut inner = self.lock();
        if inner.code.contains(&addr) && inner.code.end - addr >= max {
            return max;
        }
        let mut at = addr;
        while at.saturating_sub(addr) < max {
            match inner.rights(at) {
                Some((r, prot)) if prot & EXEC != 0 => {
                    at = r.end;
                    inner.code = r;
                }
                _ => break,
            }
        }
        (at - addr).min(max)
    }

    /// Unmaps all of the guest (exec).
    pub fn clear(&self, changes: &mut Changes) {
        let mut inner = self.lock();
        inner.watched.clear();
        inner.code = 0..0;
        inner.sealed = seals::Seals::NONE;
        inner.stops = stops::Stops::NONE;
        for (start, region) in inner.regions.take() {
            let _ = host::mem_unmap(start, region.end - start);
            changes.push(start..region.end);
        }
    }

    /// What is mapped, in order.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range<u64>> {
        let inner = self.lock();
        inner.regions.iter().map(|(s, r)| *s..r.end).collect()
    }
}

mod attached;
mod behind;
mod code;
mod limits;
mod look;
mod noexec;
mod seals;
mod shown;
mod stops;
pub use limits::{Limit, Resource};
pub use shown::maps_of;
#[cfg(test)]
mod tests;

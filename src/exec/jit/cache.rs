//! The code cache and the region map, shared by all threads of a process.
//!
//! Locking: one mutex (`jit::Shared::cache`) around everything here; code runs without it. Code is
//! published in this order: bytes written, instruction caches flushed, then entered into the map, links
//! and lookup tables. It is withdrawn by taking it out of these, with flushes after; a thread that is
//! inside goes on until it leaves. Memory of withdrawn code is reused only by `clear`, which is for a
//! process with one thread.
//!
//! A link is one aligned word: another thread sees the old jump or the new one, and both are right.

use super::lookup::Lookup;
use crate::lower::{FpMode, Point, Translation};
use crate::rv64::{Assembler, Imm12, Off21, Xreg};
use crate::sys::jit::Executable;
use crate::x86::GuestAddr;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::{Arc, Weak};

const PAGE: u64 = 4096;
/// Regions begin at multiples of this.
const ALIGN: usize = 64;

/// Number of a region in the cache.
pub type RegionId = usize;

/// A translation in the cache. Kept when it is withdrawn, for threads still inside.
#[derive(Debug)]
pub struct Installed {
    /// Offset of its first byte.
    pub start: usize,
    alive: bool,
    /// Its code has gone where it runs.
    translation: Box<Translation>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Cache {
    next: usize,
    /// Sorted by start: code is only added behind.
    regions: Vec<Installed>,
    entries: FxHashMap<(u64, FpMode), (RegionId, usize)>,
    /// Links made, by the guest address they go to. Code for one mode goes to code for the same.
    linked: FxHashMap<(u64, FpMode), Vec<(RegionId, usize)>>,
    pages: FxHashMap<u64, Vec<RegionId>>,
    /// Pages that something was made from, here or in the threads' cold code.
    watched: FxHashSet<u64>,
    lookups: Vec<Weak<Lookup>>,
}

/// The pages a translation was made from.
pub fn source_pages(t: &Translation) -> impl Iterator<Item = u64> + '_ {
    t.source.iter().flat_map(|(start, len)| {
        let last = start.saturating_add(u64::from(*len).max(1) - 1);
        start / PAGE..=last / PAGE
    })
}

impl Cache {
    /// Adds a thread's lookup table, to be cleared when code is withdrawn.
    pub fn add_lookup(&mut self, lookup: &Arc<Lookup>) {
        self.lookups.retain(|l| l.strong_count() > 0);
        self.lookups.push(Arc::downgrade(lookup));
    }

    /// Bytes of code.
    #[must_use]
    pub fn used(&self) -> usize {
        self.next
    }

    /// The offset of a region's first byte.
    #[must_use]
    pub fn start(&self, id: RegionId) -> usize {
        self.regions[id].start
    }

    /// The offset of the code for `guest` in this mode.
    #[must_use]
    pub fn entry(&self, guest: u64, mode: FpMode) -> Option<usize> {
        self.entries.get(&(guest, mode)).map(|e| e.1)
    }

    /// Takes note that something will be made from `page` (by number); true if nothing was before.
    pub fn watch(&mut self, page: u64) -> bool {
        self.watched.insert(page)
    }

    /// Puts `t` into `memory`; `None` if there is no room.
    pub fn install(&mut self, memory: &Executable, mut t: Box<Translation>) -> Option<RegionId> {
        let start = self.next.next_multiple_of(ALIGN);
        let end = start
            .checked_add(t.code.len())
            .filter(|end| *end <= memory.len())?;
        self.next = end;
        memory.write(start, &t.code);
        t.code = Vec::new();
        let id = self.regions.len();
        for (n, (guest, offset)) in t.entries.iter().enumerate() {
            let place = (id, start + *offset as usize);
            // The first entry is what was asked for: it belongs to the newest translation.
            if n == 0 {
                self.entries.insert((*guest, t.mode), place);
            } else {
                self.entries.entry((*guest, t.mode)).or_insert(place);
            }
        }
        let mut last = None;
        for page in source_pages(&t) {
            if last.replace(page) != Some(page) {
                self.pages.entry(page).or_default().push(id);
            }
        }
        self.regions.push(Installed {
            start,
            alive: true,
            translation: t,
        });
        for n in 0..self.regions[id].translation.exits.len() {
            let target = self.regions[id].translation.exits[n].target;
            if let Some(to) = self.entry(target, self.regions[id].translation.mode) {
                self.write_link(memory, id, n, to);
            }
        }
        memory.flush(start, end - start);
        Some(id)
    }

    /// Makes exit `n` of region `id` go straight to the code at `to`.
    pub fn link(&mut self, memory: &Executable, id: RegionId, n: usize, to: usize) {
        if self.regions[id].alive {
            self.write_link(memory, id, n, to);
            // Other threads may take the old way for a while: it leads to the same place.
            memory.flush_here();
        }
    }

    fn write_link(&mut self, memory: &Executable, id: RegionId, n: usize, to: usize) {
        let region = &self.regions[id];
        let link = region.translation.exits[n];
        let word = region.start + link.word as usize;
        if let Some(jump) = jump(word, to) {
            memory.patch(word, jump);
        } else {
            let veneer = region.start + link.veneer as usize;
            let Some(far) = far_jump(veneer, to) else {
                return;
            };
            // Nobody is in the veneer: either the link was never made, or it went to the same place.
            for (i, w) in far.into_iter().enumerate() {
                memory.patch(veneer + 4 * i, w);
            }
            memory.flush(veneer, 8);
            let Some(near) = jump(word, veneer) else {
                return;
            };
            memory.patch(word, near);
        }
        let key = (link.target, region.translation.mode);
        self.linked.entry(key).or_default().push((id, n));
    }

    /// The point at offset `place` of the memory, with its region.
    #[must_use]
    pub fn point(&self, place: usize) -> Option<(RegionId, &Translation, &Point)> {
        let id = self
            .regions
            .partition_point(|r| r.start <= place)
            .checked_sub(1)?;
        let region = &self.regions[id];
        let offset = u32::try_from(place - region.start).ok()?;
        let t = &region.translation;
        Some((id, t, t.point(offset)?))
    }

    /// Withdraws what was made from pages that [start, start + len) touches. True if there may have been
    /// anything, also in threads' cold code.
    pub fn invalidate(&mut self, memory: &Executable, start: GuestAddr, len: u64) -> bool {
        let first = start.0 / PAGE;
        let last = start.0.saturating_add(len.max(1) - 1) / PAGE;
        let pages: Vec<u64> = if last - first < 1024 {
            (first..=last).filter(|p| self.watched.remove(p)).collect()
        } else {
            let inside = |p: &&u64| (first..=last).contains(p);
            let pages = self.watched.iter().filter(inside).copied().collect();
            self.watched.retain(|p| !inside(&p));
            pages
        };
        if pages.is_empty() {
            return false;
        }
        let mut gone = Vec::new();
        for page in pages {
            gone.extend(self.pages.remove(&page).unwrap_or_default());
        }
        if gone.is_empty() {
            return true;
        }
        for id in gone {
            self.withdraw(memory, id);
        }
        memory.flush(0, self.next);
        true
    }

    fn withdraw(&mut self, memory: &Executable, id: RegionId) {
        if !std::mem::replace(&mut self.regions[id].alive, false) {
            return;
        }
        let guests: Vec<u64> = self.regions[id]
            .translation
            .entries
            .iter()
            .map(|e| e.0)
            .collect();
        let mode = self.regions[id].translation.mode;
        for guest in guests {
            let key = (guest, mode);
            if self.entries.get(&key).is_some_and(|e| e.0 != id) {
                continue;
            }
            self.entries.remove(&key);
            for (from, n) in self.linked.remove(&key).unwrap_or_default() {
                let region = &self.regions[from];
                let link = region.translation.exits[n];
                let word = region.start + link.word as usize;
                if let Some(j) = jump(word, region.start + link.stub as usize) {
                    memory.patch(word, j);
                }
            }
            for lookup in self.lookups.iter().filter_map(Weak::upgrade) {
                lookup.remove(guest);
            }
        }
    }

    /// Forgets all code, but not what is watched. No thread may be in the code, nor come back to it.
    pub fn restart(&mut self) {
        let watched = std::mem::take(&mut self.watched);
        self.clear();
        self.watched = watched;
    }

    /// Forgets everything. No thread may be in the code, nor come back to it.
    pub fn clear(&mut self) {
        for lookup in self.lookups.iter().filter_map(Weak::upgrade) {
            lookup.clear();
        }
        let lookups = std::mem::take(&mut self.lookups);
        *self = Cache {
            lookups,
            ..Cache::default()
        };
    }
}

/// `jal zero` from `at` to `to`, if it reaches.
fn jump(at: usize, to: usize) -> Option<u32> {
    let d = i64::try_from(to).ok()? - i64::try_from(at).ok()?;
    Some(0x6f | Off21::new(d)?.bits())
}

/// A jump by `auipc` and `jalr` from `at` to `to`.
fn far_jump(at: usize, to: usize) -> Option<[u32; 2]> {
    let d = i64::try_from(to).ok()? - i64::try_from(at).ok()?;
    let low = Imm12::low(d);
    let high = i32::try_from(d - low.get()).ok()?;
    let mut a = Assembler::new();
    a.auipc(Xreg::T6, high.cast_unsigned() >> 12);
    a.jalr(Xreg::ZERO, low, Xreg::T6);
    let done = a.finish().ok()?;
    done.words.try_into().ok()
}

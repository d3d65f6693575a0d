//! The code cache: translated regions, units of code made one by one, and which code there is for a guest
//! address; shared by all threads of a process. A region takes over from the unit for the same address.
//!
//! Locking: one mutex (`jit::Shared::cache`) around everything here; code runs without it. Code is
//! published in this order: bytes written, instruction caches flushed, then entered into the map, links
//! and lookup tables. It is withdrawn by taking it out of these, with flushes after; a thread that is
//! inside goes on until it leaves. Memory of withdrawn code is reused only by `clear` and `begin_batch`,
//! which are for a process with one thread.
//!
//! A link is one aligned word: another thread sees the old jump or the new one, and both are right. A
//! veneer, which is more, is written once: it goes where its target's far cell says, a doubleword that is
//! changed with the target's code.

use super::lookup::Lookup;
use crate::exec::{PAGE, pages};
use crate::lift::addr_map::AddrMap;
use crate::lower::baseline::{self, Baseline, LEAVE_BYTES, Place};
use crate::lower::{FpMode, Point, Translation, VENEER_WORDS};
use crate::rv64::{Assembler, Imm12, Off21, Xreg};
use crate::sys::jit::Executable;
use crate::x86::GuestAddr;
use std::mem::take;
use std::sync::{Arc, Weak};

/// Regions begin at multiples of this.
const ALIGN: usize = 64;

/// What begins here is on no page with anything before; a host's pages may be larger, which costs time only.
pub const CODE_PAGE: usize = 4096;
/// Where batches begin again at the first page. Not earlier: an emulator that translates code has to look
/// at each page written to that has run; nor later: all pages are in use in the end.
pub const TURN: usize = 32 << 20;

/// Units begin at multiples of this.
const UNIT_ALIGN: usize = 8;
/// How many units there can be: their counters take the end of the memory.
const MOST_UNITS: usize = 1 << 20;
/// How many targets can have far cells, which are before the counters.
const MOST_FAR: usize = 1 << 18;

/// Number of a region in the cache.
pub type RegionId = usize;

/// A piece of code, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// A translated region.
    Region(RegionId),
    /// Code of `lower::baseline`.
    Unit(usize),
}

/// What a place in the code is.
#[derive(Debug)]
pub enum At<'a> {
    /// A point of a region.
    Point(RegionId, &'a Translation, &'a Point),
    /// A place in unit n, which begins at this guest address.
    Unit(usize, u64, Place),
}

/// A translation in the cache. Kept when it is withdrawn, for threads still inside.
#[derive(Debug)]
pub struct Installed {
    /// Offset of its first byte.
    pub start: usize,
    alive: bool,
    /// Its code has gone where it runs.
    translation: Box<Translation>,
}

/// A translation whose code is where it will run, and that nobody is told of yet.
#[derive(Debug)]
pub struct Placed {
    start: usize,
    end: usize,
    /// As in `Installed`.
    translation: Box<Translation>,
    /// `Cache::batch` when it was put there.
    batch: u64,
}

impl Placed {
    /// What was placed, without its code.
    #[must_use]
    pub fn translation(&self) -> &Translation {
        &self.translation
    }
}

/// A unit in the cache. Kept when it is withdrawn, as regions are.
#[derive(Debug)]
struct Unit {
    start: usize,
    alive: bool,
    guest: u64,
    mode: FpMode,
    /// Its places and exits begin here, and end where the next unit's begin.
    first_place: u32,
    first_exit: u32,
}

/// Exit `exit` of `owner` goes straight to its target.
#[derive(Clone, Copy, Debug)]
struct Link {
    owner: Owner,
    exit: u32,
    /// The one made before to the same target, or `NONE`.
    before: u32,
}

/// `Link::before` of the first.
const NONE: u32 = u32::MAX;

/// An exit in offsets of the memory: see `translation::Link`.
struct Exit {
    word: usize,
    stub: usize,
    veneer: usize,
    target: u64,
}

impl Exit {
    /// Makes it leave the code.
    fn leave(&self, memory: &Executable) {
        if let Some(j) = jump(self.word, self.stub) {
            change(memory, self.word, j);
        }
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Cache {
    next: usize,
    /// Where units begin at the earliest.
    base: usize,
    /// How many batches have begun.
    batch: u64,
    /// Sorted by start: code is only added behind.
    regions: Vec<Installed>,
    /// The same.
    units: Vec<Unit>,
    /// How many units begin before each block of `BLOCK` bytes from `base`, as far as there are units.
    blocks: Vec<u32>,
    /// All units' places and exits.
    places: Vec<Place>,
    exits: Vec<baseline::Exit>,
    targets: Vec<Target>,
    /// Code that `publish` is still to tell of.
    entered: Vec<Entered>,
    /// Positions in `targets`, by guest address, for each mode.
    target_index: [AddrMap; 2],
    /// How many far cells are in use.
    far: usize,
    /// All links.
    links: Vec<Link>,
    pages: Vec<Page>,
    /// Positions in `pages`, by the page's address.
    page_index: AddrMap,
    lookups: Vec<Weak<Lookup>>,
}

/// What is known of a guest address. Code for one mode goes to code for the same.
#[derive(Clone, Copy, Debug)]
struct Target {
    /// The code for it, and its offset.
    code: Option<(Owner, usize)>,
    /// The newest of the links to it, or `NONE`.
    newest: u32,
    /// The number of its far cell, or `NONE`.
    far: u32,
}

/// There is code at `at` for a target, which has the number `target`.
#[derive(Clone, Copy, Debug)]
struct Entered {
    target: usize,
    guest: u64,
    at: usize,
    /// Whose code was the one for it before.
    old: Option<Owner>,
}

#[derive(Debug)]
struct Page {
    number: u64,
    /// Whether something was made from it, here or in the threads' cold code.
    watched: bool,
    /// What was made from it here.
    owners: Vec<Owner>,
}

/// The pages a translation was made from.
pub fn source_pages(t: &Translation) -> impl Iterator<Item = u64> + '_ {
    pages(t.source.iter().copied())
}

/// Of code: few units begin in one.
const BLOCK: usize = 256;
/// Units that there is room for from the start.
const FIRST_UNITS: usize = 1 << 12;

impl Cache {
    /// Nothing, with room for what most programs begin with: what is not used of it costs nothing, to grow
    /// means to copy.
    #[must_use]
    pub fn new() -> Cache {
        Cache {
            units: Vec::with_capacity(FIRST_UNITS),
            places: Vec::with_capacity(8 * FIRST_UNITS),
            exits: Vec::with_capacity(2 * FIRST_UNITS),
            targets: Vec::with_capacity(2 * FIRST_UNITS),
            links: Vec::with_capacity(2 * FIRST_UNITS),
            target_index: [AddrMap::with_capacity(2 * FIRST_UNITS), AddrMap::default()],
            ..Cache::default()
        }
    }

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

    fn code(&self, guest: u64, mode: FpMode) -> Option<(Owner, usize)> {
        let n = self.target_index[mode as usize].get(GuestAddr(guest))?;
        self.targets[n as usize].code
    }

    /// The position of an address in `targets`.
    fn target_at(&mut self, guest: u64, mode: FpMode) -> usize {
        let index = &mut self.target_index[mode as usize];
        if let Some(n) = index.get(GuestAddr(guest)) {
            return n as usize;
        }
        let n = self.targets.len();
        index.insert(GuestAddr(guest), number(n));
        self.targets.push(Target {
            code: None,
            newest: NONE,
            far: NONE,
        });
        n
    }

    /// The offset of the code for `guest` in this mode.
    #[must_use]
    pub fn entry(&self, guest: u64, mode: FpMode) -> Option<usize> {
        self.code(guest, mode).map(|c| c.1)
    }

    /// The same, but only of a region.
    #[must_use]
    pub fn region(&self, guest: u64, mode: FpMode) -> Option<usize> {
        match self.code(guest, mode)? {
            (Owner::Region(_), at) => Some(at),
            (Owner::Unit(_), _) => None,
        }
    }

    /// What the counter of the unit for `guest` is at, if there is one.
    #[must_use]
    pub fn counter(&self, memory: &Executable, guest: u64, mode: FpMode) -> Option<i32> {
        match self.code(guest, mode)? {
            (Owner::Unit(n), _) => Some(memory.word(cell(memory, n)).cast_signed()),
            (Owner::Region(_), _) => None,
        }
    }

    /// Sets the counter of unit `n`, if it is still what runs.
    pub fn count_again(&self, memory: &Executable, n: usize, count: u32) {
        if self.alive(Owner::Unit(n)) {
            memory.patch(cell(memory, n), count);
        }
    }

    /// Puts the unit just lowered, of `len` bytes of guest code at `guest`, into `memory`, and sets its
    /// counter. Gives its offset; `None` if there is no room.
    pub fn install_unit(
        &mut self,
        memory: &Executable,
        code: &mut Baseline,
        (guest, len): (u64, u64),
        mode: FpMode,
        count: u32,
    ) -> Option<usize> {
        let n = self.units.len();
        if n == MOST_UNITS {
            return None;
        }
        let start = self.next.next_multiple_of(UNIT_ALIGN);
        let words = code.words(start, cell(memory, n));
        let end = start
            .checked_add(4 * words.len())
            .filter(|end| *end <= room(memory))?;
        self.next = end;
        memory.write_words(start, words);
        memory.patch(cell(memory, n), count);
        while self.base + self.blocks.len() * BLOCK <= start {
            self.blocks.push(number(n));
        }
        self.units.push(Unit {
            start,
            alive: true,
            guest,
            mode,
            first_place: number(self.places.len()),
            first_exit: number(self.exits.len()),
        });
        self.places.extend_from_slice(&code.places);
        // Two at most: not worth a call.
        code.exits.iter().for_each(|e| self.exits.push(*e));
        let owner = Owner::Unit(n);
        for page in guest / PAGE..=guest.saturating_add(len - 1) / PAGE {
            self.page(page).owners.push(owner);
        }
        self.enter(guest, mode, owner, start);
        for (i, exit) in code.exits.iter().enumerate() {
            if let Some(to) = self.entry(exit.target, mode) {
                self.write_link(memory, owner, i, to);
            }
        }
        self.publish(memory, start, end);
        Some(start)
    }

    /// Takes note that something will be made from `page` (by number); true if nothing was before.
    pub fn watch(&mut self, page: u64) -> bool {
        !std::mem::replace(&mut self.page(page).watched, true)
    }

    /// What is known of page `number`.
    fn page(&mut self, number: u64) -> &mut Page {
        let at = GuestAddr(number * PAGE);
        let n = match self.page_index.get(at) {
            Some(n) => n as usize,
            None => {
                let n = self.pages.len();
                self.page_index.insert(at, self::number(n));
                self.pages.push(Page {
                    number,
                    watched: false,
                    owners: Vec::new(),
                });
                n
            }
        };
        &mut self.pages[n]
    }

    /// Puts `t` into `memory`; `None` if there is no room.
    pub fn install(&mut self, memory: &Executable, t: Box<Translation>) -> Option<RegionId> {
        let placed = self.place(memory, t)?;
        Some(self.install_placed(memory, placed))
    }

    /// Puts the code of `t` into `memory`, for `install_placed`; `None` if there is no room.
    pub fn place(&mut self, memory: &Executable, mut t: Box<Translation>) -> Option<Placed> {
        let start = self.next.next_multiple_of(ALIGN);
        let end = start
            .checked_add(t.code.len())
            .filter(|end| *end <= room(memory))?;
        self.next = end;
        memory.write(start, &t.code);
        t.code = Vec::new();
        Some(Placed {
            start,
            end,
            translation: t,
            batch: self.batch,
        })
    }

    /// Makes what was placed known.
    ///
    /// # Panics
    /// If another batch has begun since: its code may be in the same place.
    pub fn install_placed(&mut self, memory: &Executable, placed: Placed) -> RegionId {
        assert_eq!(placed.batch, self.batch, "placed in a batch that is over");
        let (start, end, t) = (placed.start, placed.end, placed.translation);
        let id = self.regions.len();
        let owner = Owner::Region(id);
        let mut last = None;
        for page in source_pages(&t) {
            if last.replace(page) != Some(page) {
                self.page(page).owners.push(owner);
            }
        }
        let mode = t.mode;
        let (entries, exits) = (t.entries.len(), t.exits.len());
        self.regions.push(Installed {
            start,
            alive: true,
            translation: t,
        });
        for n in 0..entries {
            let (guest, offset) = self.regions[id].translation.entries[n];
            // The first is what was asked for: it belongs to the newest translation.
            if n == 0 || self.region(guest, mode).is_none() {
                self.enter(guest, mode, owner, start + offset as usize);
            }
        }
        for n in 0..exits {
            let target = self.regions[id].translation.exits[n].target;
            if let Some(to) = self.entry(target, mode) {
                self.write_link(memory, owner, n, to);
            }
        }
        self.publish(memory, start, end);
        id
    }

    /// Code for `guest` is at `at`: whoever asks is told so from now on, and `publish` tells the others.
    fn enter(&mut self, guest: u64, mode: FpMode, owner: Owner, at: usize) {
        let target = self.target_at(guest, mode);
        let old = self.targets[target].code.replace((owner, at));
        self.entered.push(Entered {
            target,
            guest,
            at,
            old: old.map(|c| c.0),
        });
    }

    /// The code from `start` to `end` is complete: whoever goes to older code for what was entered goes there.
    fn publish(&mut self, memory: &Executable, start: usize, end: usize) {
        // Before anybody can get there.
        memory.flush(start, end - start);
        let mut patched = false;
        let mut entered = take(&mut self.entered);
        for e in entered.drain(..) {
            let Target { newest, far, .. } = self.targets[e.target];
            if far != NONE {
                lead_far(memory, far, e.at);
            }
            let mut n = newest;
            while let Some(link) = self.links.get(n as usize).copied() {
                let linked = self.patch_link(memory, link.owner, link.exit as usize, e.at);
                patched |= linked == Some(true);
                n = link.before;
            }
            if let Some(Owner::Unit(n)) = e.old {
                self.units[n].alive = false;
                // Whoever goes there all the same is not to come back for a better translation.
                memory.patch(cell(memory, n), i32::MAX.cast_unsigned());
                for lookup in self.lookups.iter().filter_map(Weak::upgrade) {
                    lookup.remove(e.guest);
                }
            }
        }
        self.entered = entered;
        if patched {
            // As in `link`.
            memory.flush_here();
        }
    }

    /// Makes exit `n` of `owner` go straight to the code at `to`.
    pub fn link(&mut self, memory: &Executable, owner: Owner, n: usize, to: usize) {
        if self.alive(owner) && self.write_link(memory, owner, n, to) {
            // Other threads may take the old way for a while: it leads to the same place.
            memory.flush_here();
        }
    }

    fn alive(&self, owner: Owner) -> bool {
        match owner {
            Owner::Region(id) => self.regions[id].alive,
            Owner::Unit(n) => self.units[n].alive,
        }
    }

    /// Exit `n` of `owner`, in offsets of the memory, and the mode of its code.
    fn exit(&self, owner: Owner, n: usize) -> (Exit, FpMode) {
        match owner {
            Owner::Region(id) => {
                let region = &self.regions[id];
                let e = region.translation.exits[n];
                let exit = Exit {
                    word: region.start + e.word as usize,
                    stub: region.start + e.stub as usize,
                    veneer: region.start + e.veneer as usize,
                    target: e.target,
                };
                (exit, region.translation.mode)
            }
            Owner::Unit(id) => {
                let unit = &self.units[id];
                let e = self.exits[unit.first_exit as usize + n];
                let stub = unit.start + usize::from(e.stub);
                let exit = Exit {
                    word: unit.start + usize::from(e.word),
                    stub,
                    veneer: stub + usize::from(LEAVE_BYTES),
                    target: e.target,
                };
                (exit, unit.mode)
            }
        }
    }

    /// The guest address that exit `n` of `owner` goes to.
    #[must_use]
    pub fn target(&self, owner: Owner, n: usize) -> u64 {
        self.exit(owner, n).0.target
    }

    /// The same, and takes note of it; true if code changed.
    fn write_link(&mut self, memory: &Executable, owner: Owner, n: usize, to: usize) -> bool {
        let Some(changed) = self.patch_link(memory, owner, n, to) else {
            return false;
        };
        let (exit, mode) = self.exit(owner, n);
        let target = self.target_at(exit.target, mode);
        let newest = number(self.links.len());
        self.links.push(Link {
            owner,
            exit: number(n),
            before: std::mem::replace(&mut self.targets[target].newest, newest),
        });
        changed
    }

    /// The links to a target.
    fn links_to(&self, target: usize) -> impl Iterator<Item = Link> + '_ {
        let get = |n: u32| self.links.get(n as usize).copied();
        let newest = get(self.targets[target].newest);
        std::iter::successors(newest, move |link| get(link.before))
    }

    /// Makes an exit go to `to`, and says if code changed for it; `None` if it cannot, and leaves.
    fn patch_link(
        &mut self,
        memory: &Executable,
        owner: Owner,
        n: usize,
        to: usize,
    ) -> Option<bool> {
        let (exit, mode) = self.exit(owner, n);
        let word = jump(exit.word, to).or_else(|| self.far_link(memory, &exit, mode, to));
        if word.is_none() {
            exit.leave(memory);
        }
        Some(change(memory, exit.word, word?))
    }

    /// The jump from `exit` to `to` by way of its veneer and its target's far cell.
    fn far_link(
        &mut self,
        memory: &Executable,
        exit: &Exit,
        mode: FpMode,
        to: usize,
    ) -> Option<u32> {
        let target = self.target_at(exit.target, mode);
        if self.targets[target].far == NONE {
            if self.far == MOST_FAR {
                return None;
            }
            self.targets[target].far = number(self.far);
            self.far += 1;
        }
        let far = self.targets[target].far;
        lead_far(memory, far, to);
        if memory.word(exit.veneer) == EBREAK {
            let words = veneer(exit.veneer, far_cell(memory, far))?;
            memory.write_words(exit.veneer, &words);
            memory.flush(exit.veneer, 4 * words.len());
        }
        jump(exit.word, exit.veneer)
    }

    /// Where exit `n` of `owner` goes by a far cell.
    #[cfg(test)]
    pub fn leads(&mut self, memory: &Executable, owner: Owner, n: usize) -> Option<usize> {
        let (exit, mode) = self.exit(owner, n);
        let target = self.target_at(exit.target, mode);
        let cell = far_cell(memory, self.targets[target].far);
        let there = memory.word(exit.word) == jump(exit.word, exit.veneer)?
            && (veneer(exit.veneer, cell)?.into_iter().enumerate())
                .all(|(i, w)| memory.word(exit.veneer + 4 * i) == w);
        let [low, high] = [0, 4].map(|i| u64::from(memory.word(cell + i)));
        let to = usize::try_from(high << 32 | low).ok()?;
        there.then_some(to - memory.base())
    }

    /// What is at offset `place` of the memory.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<At<'_>> {
        let region = self.regions.partition_point(|r| r.start <= place);
        let before = |block| {
            self.blocks
                .get(block)
                .map_or(self.units.len(), |n| *n as usize)
        };
        // What was placed may be before `base`; units are not.
        let block = place.checked_sub(self.base).map(|n| n / BLOCK);
        let (first, end) = block.map_or((0, 0), |n| (before(n), before(n + 1)));
        let unit = first + self.units[first..end].partition_point(|u| u.start <= place);
        let region = region.checked_sub(1);
        let unit = unit.checked_sub(1);
        let start = |n: Option<usize>| n.map(|n| self.regions[n].start);
        match unit {
            Some(n) if Some(self.units[n].start) > start(region) => {
                let u = &self.units[n];
                let end = self.units.get(n + 1).map(|next| next.first_place as usize);
                let places = &self.places[u.first_place as usize..end.unwrap_or(self.places.len())];
                let i = places
                    .partition_point(|p| u.start + usize::from(p.offset) <= place)
                    .checked_sub(1)?;
                Some(At::Unit(n, u.guest, places[i]))
            }
            _ => {
                let id = region?;
                let region = &self.regions[id];
                let offset = u32::try_from(place - region.start).ok()?;
                let t = &region.translation;
                Some(At::Point(id, t, t.point(offset)?))
            }
        }
    }

    /// Withdraws what was made from pages that [start, start + len) touches. True if there may have been
    /// anything, also in threads' cold code.
    pub fn invalidate(&mut self, memory: &Executable, start: GuestAddr, len: u64) -> bool {
        let first = start.0 / PAGE;
        let last = start.0.saturating_add(len.max(1) - 1) / PAGE;
        let mut any = false;
        let mut gone = Vec::new();
        let mut withdraw = |page: &mut Page| {
            if take(&mut page.watched) {
                any = true;
                gone.append(&mut page.owners);
            }
        };
        if last - first < 1024 {
            for page in first..=last {
                if let Some(n) = self.page_index.get(GuestAddr(page * PAGE)) {
                    withdraw(&mut self.pages[n as usize]);
                }
            }
        } else {
            let inside = |p: &&mut Page| (first..=last).contains(&p.number);
            self.pages.iter_mut().filter(inside).for_each(withdraw);
        }
        if !any {
            return false;
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

    fn withdraw(&mut self, memory: &Executable, owner: Owner) {
        let (was_alive, mode, guests): (bool, FpMode, Vec<u64>) = match owner {
            Owner::Region(id) => {
                let r = &mut self.regions[id];
                let was = std::mem::replace(&mut r.alive, false);
                let guests = r.translation.entries.iter().map(|e| e.0).collect();
                (was, r.translation.mode, guests)
            }
            Owner::Unit(n) => {
                let u = &mut self.units[n];
                let was = std::mem::replace(&mut u.alive, false);
                (was, u.mode, vec![u.guest])
            }
        };
        if !was_alive {
            return;
        }
        for guest in guests {
            let target = self.target_at(guest, mode);
            if self.targets[target].code.is_some_and(|c| c.0 != owner) {
                continue;
            }
            for link in self.links_to(target) {
                self.exit(link.owner, link.exit as usize).0.leave(memory);
            }
            let t = &mut self.targets[target];
            (t.code, t.newest) = (None, NONE);
            for lookup in self.lookups.iter().filter_map(Weak::upgrade) {
                lookup.remove(guest);
            }
        }
    }

    /// Forgets all code, but not what is watched. No thread may be in the code, nor come back to it.
    pub fn restart(&mut self) {
        let (mut pages, index) = (take(&mut self.pages), take(&mut self.page_index));
        pages.iter_mut().for_each(|p| p.owners.clear());
        self.clear();
        (self.pages, self.page_index) = (pages, index);
    }

    /// Forgets everything but for what was placed in this batch, as `clear` does, and keeps the tables' memory.
    /// What comes goes behind the code that was.
    pub fn forget(&mut self) {
        for lookup in self.lookups.iter().filter_map(Weak::upgrade) {
            lookup.clear();
        }
        self.base = self.next;
        self.regions.clear();
        self.units.clear();
        self.blocks.clear();
        self.places.clear();
        self.exits.clear();
        self.targets.clear();
        self.entered.clear();
        self.target_index.iter_mut().for_each(AddrMap::clear);
        self.far = 0;
        self.links.clear();
        self.pages.clear();
        self.page_index.clear();
    }

    /// Forgets everything, and begins a batch on a page of its own: the next behind all code there was,
    /// or when there has been much of it the first.
    pub fn begin_batch(&mut self) {
        let page = self.next.next_multiple_of(CODE_PAGE);
        self.next = if page < TURN { page } else { 0 };
        self.batch += 1;
        self.forget();
    }

    /// Forgets everything. No thread may be in the code, nor come back to it.
    pub fn clear(&mut self) {
        for lookup in self.lookups.iter().filter_map(Weak::upgrade) {
            lookup.clear();
        }
        let lookups = take(&mut self.lookups);
        *self = Cache {
            lookups,
            ..Cache::new()
        };
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).expect("code is bounded")
}

/// Where code ends at the latest.
fn room(memory: &Executable) -> usize {
    memory.len().saturating_sub(4 * MOST_UNITS + 8 * MOST_FAR)
}

/// The offset of far cell `n`.
fn far_cell(memory: &Executable, n: u32) -> usize {
    room(memory) + 8 * n as usize
}

/// Far cell `n` leads to the code at `to`.
fn lead_far(memory: &Executable, n: u32, to: usize) {
    memory.patch_double(far_cell(memory, n), (memory.base() + to) as u64);
}

/// The offset of unit `n`'s counter.
fn cell(memory: &Executable, n: usize) -> usize {
    room(memory) + 8 * MOST_FAR + 4 * n
}

/// Makes `word` the one at `at`; true if it was not. What is not written need not be fetched anew.
fn change(memory: &Executable, at: usize, word: u32) -> bool {
    let other = memory.word(at) != word;
    if other {
        memory.patch(at, word);
    }
    other
}

/// `jal zero` from `at` to `to`, if it reaches.
fn jump(at: usize, to: usize) -> Option<u32> {
    let d = i64::try_from(to).ok()? - i64::try_from(at).ok()?;
    Some(0x6f | Off21::new(d)?.bits())
}

/// What is in a veneer that leads nowhere yet.
const EBREAK: u32 = 0x0010_0073;

/// What jumps from `at` to where the doubleword at `cell` says.
fn veneer(at: usize, cell: usize) -> Option<[u32; VENEER_WORDS]> {
    let d = i64::try_from(cell).ok()? - i64::try_from(at).ok()?;
    let low = Imm12::low(d);
    let high = i32::try_from(d - low.get()).ok()?;
    let mut a = Assembler::new();
    a.auipc(Xreg::T6, high.cast_unsigned() >> 12);
    a.ld(Xreg::T6, low, Xreg::T6);
    a.jalr(Xreg::ZERO, Imm12::ZERO, Xreg::T6);
    a.finish().ok()?.words.try_into().ok()
}
